/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to tokens: the examples of RFC 8259 section 13, what is in the grammar
 * and what is not, escapes, numbers, repeated keys, limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec.h"

static struct json json;
static struct arena arena;

/* From a copy that ends where the text ends, for the sanitizers. */
static enum json_status
parse(struct span text)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(text.len + (text.len == 0));
	assert_non_null(copy);
	if (text.len != 0)
		memcpy(copy, text.ptr, text.len);
	return json_parse(&json, span_of(copy, text.len));
}

#define TAKES(s)	assert_int_equal(parse(SPAN_LIT(s)), JSON_OK)
#define REFUSES(s)	assert_int_equal(parse(SPAN_LIT(s)), JSON_BROKEN)

static void
is_text(uint32_t i, const char *want)
{
	struct span s = json_text(&json, i, &arena);

	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.ptr, want, s.len);
}

static uint32_t
member(uint32_t object, const char *name)
{
	uint32_t i = json_member(&json, object, span_str(name));

	assert_int_not_equal(i, 0);
	return i;
}

static void
test_rfc_example(void **state)
{
	uint32_t image, ids, i;
	uint64_t n;

	(void)state;
	TAKES("{\n  \"Image\": {\n    \"Width\":  800,\n    \"Height\": 600,\n"
	    "    \"Title\":  \"View from 15th Floor\",\n    \"Thumbnail\": {\n"
	    "      \"Url\":    \"http://www.example.com/image/481989943\",\n"
	    "      \"Height\": 125,\n      \"Width\":  100\n    },\n"
	    "    \"Animated\" : false,\n"
	    "    \"IDs\": [116, 943, 234, 38793]\n  }\n}");
	assert_int_equal(json.tok[0].type, JSON_OBJECT);
	assert_int_equal(json.tok[0].next, json.ntok);
	image = member(0, "Image");
	assert_true(json_u64(&json, member(image, "Width"), &n));
	assert_int_equal(n, 800);
	is_text(member(image, "Title"), "View from 15th Floor");
	assert_true(json_u64(&json, member(member(image, "Thumbnail"),
	    "Width"), &n));
	assert_int_equal(n, 100);
	assert_int_equal(json.tok[member(image, "Animated")].type, JSON_FALSE);
	ids = member(image, "IDs");
	assert_int_equal(json.tok[ids].type, JSON_ARRAY);
	assert_int_equal(json.tok[ids].next - ids, 5);
	is_text(ids, "[116, 943, 234, 38793]");
	for (i = ids + 1; i < json.tok[ids].next; i = json.tok[i].next)
		assert_true(json_u64(&json, i, &n));
	assert_int_equal(n, 38793);
	assert_int_equal(json_member(&json, 0, SPAN_LIT("Width")), 0);
	assert_int_equal(json_member(&json, ids, SPAN_LIT("x")), 0);
}

static void
test_grammar(void **state)
{
	(void)state;
	TAKES("null");
	TAKES(" \t\r\n[true , false,null ] \n");
	TAKES("\"\"");
	TAKES("[]");
	TAKES("{}");
	TAKES("[[],{},[{}]]");
	TAKES("{\"\":0}");
	TAKES("\"Hello world!\"");
	REFUSES("");
	REFUSES(" ");
	REFUSES("{");
	REFUSES("}");
	REFUSES("[");
	REFUSES("[1,]");
	REFUSES("[,1]");
	REFUSES("[1 2]");
	REFUSES("[1]]");
	REFUSES("[1}");
	REFUSES("{\"a\"}");
	REFUSES("{\"a\":}");
	REFUSES("{\"a\":1,}");
	REFUSES("{\"a\":1 \"b\":2}");
	REFUSES("{a:1}");
	REFUSES("{1:1}");
	REFUSES("{\"a\":1}x");
	REFUSES("tru");
	REFUSES("True");
	REFUSES("nul1");
	REFUSES("'a'");
	REFUSES("[1] // comment");
	REFUSES("\xef\xbb\xbf{}");
	REFUSES("[\x0b]");
	REFUSES("[\0]");
}

static void
test_broken_place(void **state)
{
	(void)state;
	REFUSES("{\"a\":1,]");
	assert_int_equal(json.bad_at, 7);
	assert_int_equal(json.ntok, 0);
	REFUSES("[\"ab\\x\"]");
	assert_int_equal(json.bad_at, 4);
}

static void
test_strings(void **state)
{
	(void)state;
	TAKES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"");
	is_text(0, "\"\\/\b\f\n\r\t");
	TAKES("\"\\u0041\\u00e4\\u20AC\"");
	is_text(0, "A\xc3\xa4\xe2\x82\xac");
	/* RFC 8259 section 7: the G clef */
	TAKES("\"\\uD834\\uDD1E\"");
	is_text(0, "\xf0\x9d\x84\x9e");
	TAKES("\"\\ud834x\"");
	is_text(0, "\xef\xbf\xbdx");
	TAKES("\"\\ud834\\u0041\"");
	is_text(0, "\xef\xbf\xbd" "A");
	TAKES("\"\\udd1e\\ud834\\udd1e\"");
	is_text(0, "\xef\xbf\xbd\xf0\x9d\x84\x9e");
	TAKES("\"plain, \xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\x7f\"");
	is_text(0, "plain, \xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e\x7f");
	assert_int_equal(json.flags, 0);
	REFUSES("\"");
	REFUSES("\"\\\"");
	REFUSES("\"\\");
	REFUSES("\"\\x41\"");
	REFUSES("\"\\u004\"");
	REFUSES("\"\\u00g0\"");
	REFUSES("\"\\u");
	REFUSES("\"a\nb\"");
	REFUSES("\"a\tb\"");
	REFUSES("\"a\0b\"");
	REFUSES("\"0123456789abcdef\x1f\"");
}

static void
test_not_utf8(void **state)
{
	/* Taken, but marked. */
	static const char *const bad[] = { "\"\xff\"", "\"\xc3\"",
	    "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
	    "\"\xe0\x80\x80\"", "\"0123456789abcdef\x80\"" };

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		assert_int_equal(parse(span_str(bad[i])), JSON_OK);
		assert_int_equal(json.flags, JSON_F_NOT_UTF8);
	}
	TAKES("\"M\xfcller\"");
	is_text(0, "M\xfcller");
}

/* The end of a string at every place of the steps of 16 bytes. */
static void
test_string_places(void **state)
{
	(void)state;
	for (size_t n = 0; n < 70; n++) {
		char text[200], want[80];

		memset(want, 'x', n);
		want[n] = '\0';
		snprintf(text, sizeof(text), "[\"%s\",\"%s\\n\"]", want, want);
		assert_int_equal(parse(span_str(text)), JSON_OK);
		is_text(1, want);
		strcat(want, "\n");
		is_text(2, want);
		snprintf(text, sizeof(text), "\"%.*s", (int)n, want);
		assert_int_equal(parse(span_str(text)), JSON_BROKEN);
	}
}

static void
is_f64(const char *text, double want)
{
	double d = 0;

	assert_int_equal(parse(span_str(text)), JSON_OK);
	assert_true(json_f64(&json, 0, &d));
	assert_true(d == want);
}

static void
test_numbers(void **state)
{
	uint64_t u;
	int64_t i;
	double d;

	(void)state;
	is_f64("0", 0);
	is_f64("-0", 0);
	is_f64("1.5", 1.5);
	is_f64("-12.25e2", -1225);
	is_f64("1E+3", 1000);
	is_f64("1591367999.430166", 1591367999.430166);
	is_f64("0.1", 0.1);
	is_f64("123456789012345.6", 123456789012345.6);
	is_f64("12345678901234567890", 12345678901234567890.0);
	is_f64("2.2250738585072014e-308", 2.2250738585072014e-308);
	TAKES("1e999");
	assert_false(json_f64(&json, 0, &d));
	TAKES("18446744073709551615");
	assert_true(json_u64(&json, 0, &u));
	assert_true(u == UINT64_MAX);
	assert_false(json_i64(&json, 0, &i));
	TAKES("18446744073709551616");
	assert_false(json_u64(&json, 0, &u));
	TAKES("-9223372036854775808");
	assert_true(json_i64(&json, 0, &i));
	assert_true(i == INT64_MIN);
	assert_false(json_u64(&json, 0, &u));
	TAKES("-9223372036854775809");
	assert_false(json_i64(&json, 0, &i));
	TAKES("1.0");
	assert_false(json_u64(&json, 0, &u));
	TAKES("\"1\"");
	assert_false(json_u64(&json, 0, &u));
	assert_false(json_f64(&json, 0, &d));
	REFUSES("01");
	REFUSES("-");
	REFUSES("+1");
	REFUSES(".5");
	REFUSES("1.");
	REFUSES("1.e1");
	REFUSES("1e");
	REFUSES("1e+");
	REFUSES("0x10");
	REFUSES("-Infinity");
	REFUSES("NaN");
}

static unsigned
repeated(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < json.ntok; i++)
		n += (json.tok[i].flags & JSON_F_REPEATED) != 0;
	assert_int_equal((json.flags & JSON_F_REPEATED) != 0, n != 0);
	return n;
}

static void
test_repeated(void **state)
{
	(void)state;
	TAKES("{\"a\":1,\"b\":2,\"a\":3}");
	assert_int_equal(repeated(), 1);
	is_text(member(0, "a"), "1");
	TAKES("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}");
	assert_int_equal(repeated(), 0);
	/* The same name in another spelling. */
	TAKES("{\"a\":1,\"\\u0061\":2}");
	assert_int_equal(repeated(), 1);
	TAKES("{\"\\u0061\":1,\"a\":2}");
	assert_int_equal(repeated(), 1);
	is_text(member(0, "a"), "1");
	TAKES("{\"ab\":1,\"ba\":2,\"\":3,\"abc\":4,\"\":5}");
	assert_int_equal(repeated(), 1);
}

/* On both ways of finding them, at every size. */
static void
test_repeated_many(void **state)
{
	(void)state;
	for (unsigned n = 2; n < 300; n += 7) {
		struct buf b;

		buf_init(&b, 0);
		buf_byte(&b, '{');
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "\"key%u\":{\"x\":[%u]},", i, i);
		buf_printf(&b, "\"last\":0,\"key%u\":1}", n / 2);
		assert_int_equal(parse(buf_view(&b)), JSON_OK);
		assert_int_equal(repeated(), 1);
		assert_int_not_equal(json.tok[json.ntok - 2].flags &
		    JSON_F_REPEATED, 0);
		buf_fini(&b);
	}
}

static void
nested(struct buf *b, unsigned n)
{
	buf_init(b, 0);
	for (unsigned i = 0; i < n; i++)
		buf_str(b, i % 2 == 0 ? "[" : "{\"a\":");
	buf_str(b, "1");
	for (unsigned i = n; i-- > 0;)
		buf_str(b, i % 2 == 0 ? "]" : "}");
}

static void
test_depth(void **state)
{
	struct buf b;

	(void)state;
	nested(&b, JSON_DEPTH_MAX);
	assert_int_equal(parse(buf_view(&b)), JSON_OK);
	buf_fini(&b);
	nested(&b, JSON_DEPTH_MAX + 1);
	assert_int_equal(parse(buf_view(&b)), JSON_DEEP);
	buf_fini(&b);
	nested(&b, 1000000);
	assert_int_equal(parse(buf_view(&b)), JSON_DEEP);
	buf_fini(&b);
}

static void
test_tokens(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	buf_str(&b, "[0");
	for (unsigned i = 0; i < JSON_TOKENS_MAX; i++)
		buf_str(&b, ",0");
	buf_str(&b, "]");
	assert_int_equal(parse(buf_view(&b)), JSON_LARGE);
	buf_fini(&b);
	/* And goes on working. */
	TAKES("[1]");
	assert_int_equal(json.ntok, 2);
}

/* Every text cut short is refused, and no byte is read behind its end. */
static void
test_cut(void **state)
{
	static const char text[] = "{\"a\\n\\u00e4\": [1.5e3, true, null], "
	    "\"b\": {\"c\": \"\xc3\xa4 0123456789abcdef\"}, \"d\": false}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(parse(span_of(text, n)), JSON_BROKEN);
	TAKES(text);
}

static int
setup(void **state)
{
	(void)state;
	json_init(&json);
	arena_init(&arena, 1u << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	json_fini(&json);
	arena_fini(&arena);
	return 0;
}

/* A string of n letters and then something, at every place of a block. */
static void
at_each_place(const char *what, enum json_status want, size_t bad_behind,
    uint8_t flags, const char *decoded)
{
	char text[256];
	struct arena a;

	arena_init(&a, 65536);
	for (size_t n = 0; n < 130; n++) {
		size_t len;

		memset(text, 'a', sizeof(text));
		text[0] = '"';
		memcpy(text + 1 + n, what, strlen(what));
		len = 1 + n + strlen(what);
		text[len++] = '"';
		assert_int_equal(json_parse(&json, span_of(text, len)), want);
		if (want == JSON_OK) {
			struct span got = json_text(&json, 0, &a);

			assert_int_equal(json.tok[0].flags, flags);
			assert_int_equal(got.len, n + strlen(decoded));
			assert_memory_equal(got.ptr, text + 1, n);
			assert_memory_equal(got.ptr + n, decoded,
			    strlen(decoded));
		} else {
			assert_int_equal(json.bad_at, 1 + n + bad_behind);
		}
	}
	arena_fini(&a);
}

static void
test_blocks(void **state)
{
	(void)state;
	at_each_place("", JSON_OK, 0, 0, "");
	at_each_place("\\\\", JSON_OK, 0, JSON_F_ESCAPED, "\\");
	at_each_place("\\\"\\\\", JSON_OK, 0, JSON_F_ESCAPED, "\"\\");
	at_each_place("\\\\\\\\\\\\x\\n", JSON_OK, 0, JSON_F_ESCAPED,
	    "\\\\\\x\n");
	at_each_place("\\u00e4\\ud83d\\ude00", JSON_OK, 0, JSON_F_ESCAPED,
	    "\xc3\xa4\xf0\x9f\x98\x80");
	at_each_place("\xc3\xa4\xe2\x82\xac", JSON_OK, 0, 0,
	    "\xc3\xa4\xe2\x82\xac");
	at_each_place("\xc3", JSON_OK, 0, JSON_F_NOT_UTF8, "\xc3");
	/* One backslash more than escapes: the quote is in the string. */
	at_each_place("\\", JSON_BROKEN, 2, 0, NULL);
	at_each_place("\\\\\\", JSON_BROKEN, 4, 0, NULL);
	at_each_place("\t", JSON_BROKEN, 0, 0, NULL);
	at_each_place("b\n", JSON_BROKEN, 1, 0, NULL);
	at_each_place("\\x", JSON_BROKEN, 0, 0, NULL);
	at_each_place("\\u00g0", JSON_BROKEN, 0, 0, NULL);
	at_each_place("\\u00", JSON_BROKEN, 0, 0, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_rfc_example),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_broken_place),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_string_places),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_repeated_many),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
