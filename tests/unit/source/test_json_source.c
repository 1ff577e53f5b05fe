/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON by values: lines, arrays, objects in any layout; broken ones in between;
 * limits.  (The grammar is the decoder's business.)
 */
#include "source_drive.h"

extern const struct source source_json;

#define VALUES(bytes, want)	expect(&source_json, SPAN_LIT(bytes), want)
#define WEIRDS(bytes, w)	weird_count(SPAN_LIT(bytes), &source_json, w)

static void
test_lines(void **state)
{
	(void)state;
	VALUES("{\"a\":1}\n{\"a\":2}\n", "1 0 {\"a\":1}\n2 8 {\"a\":2}\n");
	VALUES("{\"a\":1}\r\n\r\n {\"a\":2} \r\n{\"a\":3}",
	    "1 0 {\"a\":1}\n3 11 {\"a\":2}\n4 22 {\"a\":3}\n");
	VALUES("\xef\xbb\xbf{\"a\":1}\n{\"a\":2}\n",
	    "1 3 {\"a\":1}\n2 11 {\"a\":2}\n");
	VALUES("{\"a\":1},\n{\"a\":2},\n", "1 0 {\"a\":1}\n2 9 {\"a\":2}\n");
	/* Brackets and quotes in strings. */
	VALUES("{\"a\":\"}\\\"{\"}\n{}\n", "1 0 {\"a\":\"}\\\"{\"}\n2 13 {}\n");
	VALUES("{}", "1 0 {}\n");
}

static void
test_broken_line(void **state)
{
	(void)state;
	/* A broken line is handed on for the decoder to see; the next ones
	 * are not touched by it. */
	VALUES("{\"a\":1}\n{\"a\":\"x\n{\"a\":3}\n",
	    "1 0 {\"a\":1}\n2 8 {\"a\":\"x\n3 16 {\"a\":3}\n");
	/* The same when it is the first. */
	VALUES("{\"a\":\"x\n{\"a\":2}\n", "1 0 {\"a\":\"x\n2 8 {\"a\":2}\n");
}

static void
test_array(void **state)
{
	(void)state;
	VALUES("[{\"a\":1},{\"a\":2}]", "1 1 {\"a\":1}\n2 9 {\"a\":2}\n");
	VALUES("[\n  {\n    \"a\": [1, {\"b\": 2}]\n  },\n  {}\n]\n",
	    "1 4 {\n    \"a\": [1, {\"b\": 2}]\n  }\n2 36 {}\n");
	VALUES("[]", "");
	VALUES("[null, {\"a\":1}, 12.5, [2]]", "1 7 {\"a\":1}\n2 22 [2]\n");
	/* Two arrays one after the other. */
	VALUES("[{\"a\":1}]\n[{\"a\":2}]\n", "1 1 {\"a\":1}\n2 11 {\"a\":2}\n");
}

static void
test_concatenated(void **state)
{
	(void)state;
	VALUES("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n",
	    "1 0 {\n \"a\": 1\n}\n2 12 {\n \"a\": 2\n}\n");
	VALUES("{\"a\":1}{\"a\":2}\n{\"a\":3}",
	    "1 0 {\"a\":1}\n2 7 {\"a\":2}\n3 15 {\"a\":3}\n");
	VALUES("{\"a\": [\n{\n\"b\": 1\n},\n{\n\"b\": 2\n}\n]\n}",
	    "1 0 {\"a\": [\n{\n\"b\": 1\n},\n{\n\"b\": 2\n}\n]\n}\n");
}

static void
test_resync(void **state)
{
	(void)state;
	/* An object that lacks its end, before another one. */
	VALUES("{\n \"a\": 1,\n{\n \"a\": 2\n}\n", "2 11 {\n \"a\": 2\n}\n");
	assert_int_equal(WEIRDS("{\n \"a\": 1,\n{\n \"a\": 2\n}\n",
	    WEIRD_JSON_BAD), 1);
	VALUES("[{\"a\": 1\n,\n {\"a\":2}]", "2 12 {\"a\":2}\n");
	/* A string that lacks its end. */
	VALUES("[\n{\"a\": \"x,\n \"b\": 1},\n{\"a\":2}]",
	    "2 22 {\"a\":2}\n");
	/* The wrong bracket. */
	VALUES("[\n{\"a\": [1}},\n{\"a\":2}]", "2 14 {\"a\":2}\n");
	assert_int_equal(WEIRDS("[\n{\"a\": [1}},\n{\"a\":2}]",
	    WEIRD_JSON_BAD), 1);
	/* Noise between objects. */
	VALUES("{\n\"a\":1}\n%%% noise {\n{\"a\":2}",
	    "1 0 {\n\"a\":1}\n2 21 {\"a\":2}\n");
	/* The end is missing. */
	VALUES("[{\"a\":1}, {\"a\":", "1 1 {\"a\":1}\n");
	assert_int_equal(WEIRDS("[{\"a\":1}, {\"a\":", WEIRD_JSON_BAD), 1);
}

static void
test_utf16(void **state)
{
	(void)state;
	VALUES("\xff\xfe{\0\"\0a\0\"\0:\0\"\0\xe4\0\"\0}\0\n\0{\0}\0",
	    "1 2 {\"a\":\"\xc3\xa4\"}\n2 22 {}\n");
	VALUES("\xff\xfe[\0{\0\"\0a\0\"\0:\0\"\0\xe4\0\"\0}\0,\0{\0}\0]\0",
	    "1 4 {\"a\":\"\xc3\xa4\"}\n2 24 {}\n");
}

/* A bracket, quote or backslash at every place of the blocks of 64 bytes that
 * the search for the end works in. */
static void
test_every_place(void **state)
{
	static const char first[] = "\":\"\\\\\\\"}]{[\\\\\", "
	    "\"b\":[[{\"c\":\"\\\"]\"}]]}";
	static const char second[] = "\":\"\\\\\"}";
	char text[1200], want[1200];

	(void)state;
	for (int pad = 0; pad < 140; pad++) {
		snprintf(text, sizeof(text), "[{\"%*s%s,{\"%*s%s]",
		    pad, "", first, pad, "", second);
		snprintf(want, sizeof(want),
		    "1 1 {\"%*s%s\n2 %zu {\"%*s%s\n", pad, "", first,
		    4 + (size_t)pad + strlen(first), pad, "", second);
		expect(&source_json, span_str(text), want);
	}
}

static void
test_depth(void **state)
{
	/* Deeper than kinds of brackets are kept: still found by counting. */
	struct buf b;
	struct drive d;

	(void)state;
	buf_init(&b, 0);
	buf_str(&b, "[");
	for (int i = 0; i < 1000; i++)
		buf_str(&b, "{\"a\":[");
	for (int i = 0; i < 1000; i++)
		buf_str(&b, "]}");
	buf_str(&b, ",{\"b\":1}]");
	drive_bytes(&d, &source_json, buf_view(&b), SIZE_MAX);
	assert_int_equal(d.records, 2);
	assert_true(span_ends(buf_view(&d.out), SPAN_LIT(" {\"b\":1}\n")));
	drive_fini(&d);
	buf_fini(&b);
}

static void
large(struct buf *b, const char *head, const char *tail)
{
	buf_init(b, 0);
	buf_str(b, head);
	memset(buf_room(b, 9u << 20), 'x', 9u << 20);
	b->len += 9u << 20;
	buf_str(b, tail);
}

static void
test_too_large(void **state)
{
	static const struct { const char *head, *tail; } layouts[] = {
		{ "{\"a\":1}\n{\"a\":\"", "\"}\n{\"a\":3}\n" },
		{ "[{\"a\":1},{\"a\":\"", "\"},{\"a\":3}]" },
		{ "{\n\"a\":1}{\"a\":\"", "\"}{\"a\":3}\n" },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(layouts); i++) {
		struct drive d;
		struct buf b;

		large(&b, layouts[i].head, layouts[i].tail);
		drive_bytes(&d, &source_json, buf_view(&b), SIZE_MAX);
		assert_int_equal(d.weirds.count[WEIRD_JSON_SIZE], 1);
		assert_int_equal(d.weirds.count[WEIRD_JSON_BAD], 0);
		assert_true(span_starts(buf_view(&d.out), SPAN_LIT("1 ")));
		assert_true(span_ends(buf_view(&d.out),
		    SPAN_LIT(" {\"a\":3}\n")));
		assert_true(d.out.len < 100);
		drive_fini(&d);
		buf_fini(&b);
	}
}

static void
test_read_error(void **state)
{
	struct drip drip = drip_of(SPAN_LIT("[{\"a\":1},{\"a\":2}]"), SIZE_MAX);
	struct drive d;

	(void)state;
	drip.fail_at = 12;
	drive_init(&d);
	drive_input(&d, &source_json, &drip.in);
	assert_int_equal(d.status, SOURCE_ERROR);
	assert_int_equal(d.err, ERR_READ);
	assert_true(span_eq(buf_view(&d.out), SPAN_LIT("1 1 {\"a\":1}\n")));
	drive_fini(&d);
}

#define SCORE(bytes)	source_json.match(SPAN_LIT(bytes))

static void
test_match(void **state)
{
	(void)state;
	assert_int_equal(SCORE("{\"a\":1}"), 60);
	assert_int_equal(SCORE(" \r\n{ \"a\" : 1}"), 60);
	assert_int_equal(SCORE("[{\"a\":1}]"), 60);
	assert_int_equal(SCORE("[]"), 60);
	assert_int_equal(SCORE("\xef\xbb\xbf{}"), 60);
	assert_int_equal(SCORE("\xff\xfe{\0\"\0a\0\"\0:\0"), 60);
	/* A head that ends in the first key. */
	assert_int_equal(SCORE("{\"a"), 60);
	assert_int_equal(SCORE("[Mon Nov 23 06:30:00 2026] [error] x"), 0);
	assert_int_equal(SCORE("[2026-11-23] {\"a\":1}"), 0);
	assert_int_equal(SCORE("{ rule = 1 }"), 0);
	assert_int_equal(SCORE("{\"a\", \"b\"}"), 0);
	assert_int_equal(SCORE("\"text\""), 0);
	assert_int_equal(SCORE(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_broken_line),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_concatenated),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
