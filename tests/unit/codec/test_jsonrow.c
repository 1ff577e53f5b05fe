/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON rows and decimal numbers: members by path, in any order, with keys that
 * repeat, escape or are too many; what is not in the grammar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec.h"

static struct jsonrow *rows;
static struct jsonrow_row row;
static struct arena arena;

/* From a copy that ends where the text ends, for the sanitizers. */
static enum json_status
parse(const char *s)
{
	static uint8_t *copy;
	size_t n = strlen(s);

	free(copy);
	copy = malloc(n + (n == 0));
	assert_non_null(copy);
	memcpy(copy, s, n);
	return jsonrow_read(rows, span_of(copy, n), &row);
}

static void
member_is(uint32_t i, const char *path, enum json_type type, const char *want)
{
	struct span s;

	assert_true(i < row.n);
	assert_string_equal(jsonrow_name(rows, row.member[i].path), path);
	assert_int_equal(row.member[i].type, type);
	s = jsonrow_text(&row.member[i], &arena);
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.ptr, want, s.len);
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 1u << 20);
	return (rows = jsonrow_new()) == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	jsonrow_free(rows);
	arena_fini(&arena);
	return 0;
}

static void
test_members(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(parse("{\"ts\":1.5,\"id.orig_h\":\"10.0.0.1\","
		    "\"flow\": {\"age\" : 3 ,\"x\":{}, \"y\":[]},"
		    "\"ok\":true,\"no\":false,\"n\":null,"
		    "\"a\":[1,\"]\",{\"b\":2}]}"), JSON_OK);
		assert_int_equal(row.n, 8);
		member_is(0, "ts", JSON_NUMBER, "1.5");
		member_is(1, "id.orig_h", JSON_STRING, "10.0.0.1");
		member_is(2, "flow.age", JSON_NUMBER, "3");
		member_is(3, "flow.y", JSON_ARRAY, "[]");
		member_is(4, "ok", JSON_TRUE, "true");
		member_is(5, "no", JSON_FALSE, "false");
		member_is(6, "n", JSON_NULL, "null");
		member_is(7, "a", JSON_ARRAY, "[1,\"]\",{\"b\":2}]");
		assert_int_equal(row.flags, 0);
	}
}

/* A path has one number, whatever stands before it. */
static void
test_order(void **state)
{
	uint16_t a, b, ab;

	(void)state;
	assert_int_equal(parse("{\"a\":{\"b\":1},\"b\":2,\"a.b\":3}"), JSON_OK);
	assert_int_equal(row.n, 3);
	ab = row.member[0].path;
	b = row.member[1].path;
	a = row.member[2].path;
	assert_int_not_equal(ab, a);	/* {a: {b}} and "a.b" are two */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(parse("{\"b\":2,\"a.b\":3,\"a\":{\"b\":1}}"),
		    JSON_OK);
		assert_int_equal(row.member[0].path, b);
		assert_int_equal(row.member[1].path, a);
		assert_int_equal(row.member[2].path, ab);
	}
	assert_int_equal(jsonrow_path(rows, SPAN_LIT("b")), b);
	/* A longer name with the same beginning. */
	assert_int_equal(parse("{\"bc\":2,\"b\":1}"), JSON_OK);
	member_is(0, "bc", JSON_NUMBER, "2");
	member_is(1, "b", JSON_NUMBER, "1");
}

static void
test_strings(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(parse("{\"k\\u0065y\":\"a\\n\\u00e9\","
		    "\"a_key_of_more_than_sixteen_bytes\":\"v\","
		    "\"q\\\"\":1}"), JSON_OK);
		member_is(0, "key", JSON_STRING, "a\n\xc3\xa9");
		member_is(1, "a_key_of_more_than_sixteen_bytes", JSON_STRING,
		    "v");
		member_is(2, "q\"", JSON_NUMBER, "1");
		assert_int_equal(row.flags, JSON_F_ESCAPED);
	}
	assert_int_equal(parse("{\"q\"\":1}"), JSON_BROKEN);
	assert_int_equal(parse("{\"a\":\"\xff\"}"), JSON_OK);
	assert_int_equal(row.flags, JSON_F_NOT_UTF8);
	assert_int_equal(parse("{\"a\":\"\xc3\xa9\"}"), JSON_OK);
	assert_int_equal(row.flags, 0);
}

static void
test_repeated(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"a\":1,\"b\":2,\"a\":3}"), JSON_OK);
	assert_int_equal(row.n, 2);
	member_is(0, "a", JSON_NUMBER, "1");
	assert_int_equal(row.flags, JSON_F_REPEATED);
	assert_int_equal(parse("{\"a\":1}"), JSON_OK);
	assert_int_equal(row.flags, 0);
}

static void
test_broken(void **state)
{
	static const char *const bad[] = {
		"", "1", "[]", "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1",
		"{\"a\":1,}", "{\"a\":1}}", "{\"a\":[1}", "{\"a\":[1,]}",
		"{\"a\":01}", "{\"a\":1.}", "{\"a\":+1}", "{\"a\":tru}",
		"{\"a\":\"\\x\"}", "{\"a\":\"\n\"}", "{\"a\":\"", "{a:1}",
		"{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":{\"b\":1]}",
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++)
		if (parse(bad[i]) != JSON_BROKEN)
			fail_msg("taken: %s", bad[i]);
}

static void
test_limits(void **state)
{
	char text[JSONROW_PATH_LEN + 64], deep[300];
	static char wide[JSONROW_MEMBERS_MAX * 16];
	size_t n = 0;

	(void)state;
	/* A name that is too long is left out, the row is not. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "{\"b\":1,\"", 8);
	memcpy(text + JSONROW_PATH_LEN + 20, "\":1}", 5);
	assert_int_equal(parse(text), JSON_OK);
	assert_int_equal(row.n, 1);
	assert_int_equal(row.flags, JSONROW_F_LOST);
	for (unsigned i = 0; i < 64; i++)
		n += (size_t)snprintf(deep + n, sizeof(deep) - n, "%s",
		    i == 0 ? "{\"a\":" : "[");
	assert_int_equal(parse(deep), JSON_BROKEN);
	snprintf(deep + n, sizeof(deep) - n, "[");
	assert_int_equal(parse(deep), JSON_DEEP);
	n = 0;
	for (unsigned i = 0; i <= JSONROW_MEMBERS_MAX; i++)
		n += (size_t)snprintf(wide + n, sizeof(wide) - n, "%s\"%u\":1",
		    i == 0 ? "{" : ",", i);
	snprintf(wide + n, sizeof(wide) - n, "}");
	assert_int_equal(parse(wide), JSON_OK);
	assert_int_equal(row.n, JSONROW_MEMBERS_MAX);
	assert_int_equal(row.flags, JSONROW_F_LOST);
}

static void
test_many_paths(void **state)
{
	char text[64];
	uint32_t known = 0;

	(void)state;
	for (unsigned i = 0; i < JSONROW_PATHS_MAX + 10; i++) {
		snprintf(text, sizeof(text), "{\"k%u\":{\"a\":1}}", i);
		assert_int_equal(parse(text), JSON_OK);
		known += row.n;
	}
	/* Each has two paths; the number 0 is none. */
	assert_int_equal(known, (JSONROW_PATHS_MAX - 1) / 2);
	assert_int_equal(row.flags, JSONROW_F_LOST);
	assert_int_equal(parse("{\"k0\":{\"a\":1}}"), JSON_OK);
	member_is(0, "k0.a", JSON_NUMBER, "1");
}

static void
test_items(void **state)
{
	struct jsonrow_member m;
	struct span rest;

	(void)state;
	assert_int_equal(parse("{\"a\":[ 1 , \"x,]\\\"\",{\"b\":[\"]\"]},"
	    "[2],null]}"), JSON_OK);
	rest = jsonrow_items(&row.member[0]);
	assert_true(jsonrow_item(&rest, &m));
	assert_int_equal(m.type, JSON_NUMBER);
	assert_true(jsonrow_item(&rest, &m));
	assert_int_equal(m.type, JSON_STRING);
	assert_int_equal(jsonrow_text(&m, &arena).len, 4);
	assert_true(jsonrow_item(&rest, &m));
	assert_int_equal(m.type, JSON_OBJECT);
	assert_true(span_eq(span_of(m.ptr, m.len),
	    SPAN_LIT("{\"b\":[\"]\"]}")));
	assert_true(jsonrow_item(&rest, &m));
	assert_int_equal(m.type, JSON_ARRAY);
	assert_true(jsonrow_item(&rest, &m));
	assert_int_equal(m.type, JSON_NULL);
	assert_false(jsonrow_item(&rest, &m));
}

static void
test_numbers(void **state)
{
	int64_t i;
	double d;

	(void)state;
	assert_true(number_f64(SPAN_LIT("0.069982"), &d) && d == 0.069982);
	assert_true(number_f64(SPAN_LIT("-12"), &d) && d == -12);
	assert_true(number_f64(SPAN_LIT("9.5e-05"), &d) && d == 9.5e-05);
	assert_true(number_f64(SPAN_LIT("1517422326.5399151"), &d) &&
	    d == 1517422326.5399151);
	assert_false(number_f64(SPAN_LIT(""), &d));
	assert_false(number_f64(SPAN_LIT("-"), &d));
	assert_false(number_f64(SPAN_LIT("."), &d));
	assert_false(number_f64(SPAN_LIT("1.2.3"), &d));
	assert_false(number_f64(SPAN_LIT("nan"), &d));
	assert_false(number_f64(SPAN_LIT("1e999"), &d));
	assert_true(number_seconds(SPAN_LIT("1517422326.539915"), &i));
	assert_int_equal(i, INT64_C(1517422326539915000));
	assert_true(number_seconds(SPAN_LIT("-0.5"), &i));
	assert_int_equal(i, -500000000);
	assert_false(number_seconds(SPAN_LIT("9223372037"), &i));
	assert_false(number_seconds(SPAN_LIT("1e5"), &i));
	assert_true(number_i64(SPAN_LIT("-23"), &i) && i == -23);
	assert_false(number_i64(SPAN_LIT("9223372036854775808"), &i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_members, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeated, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_paths, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_items, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
