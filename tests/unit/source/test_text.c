/* SPDX-License-Identifier: Apache-2.0
 *
 * Text by lines: ends, encodings, numbers, offsets, limits, and what is no
 * text.
 */
#include "source_drive.h"

extern const struct source source_text;

#define LINES(bytes, want)	expect(&source_text, SPAN_LIT(bytes), want)

static void
test_line_ends(void **state)
{
	(void)state;
	LINES("one\ntwo\n", "1 0 one\n2 4 two\n");
	LINES("one\r\ntwo\r\n", "1 0 one\n2 5 two\n");
	LINES("one\ntwo", "1 0 one\n2 4 two\n");
	LINES("a\rb\n", "1 0 a\rb\n");
	LINES("a\r", "1 0 a\n");
	LINES("", "");
	/* Empty lines count, but are not handed on. */
	LINES("\n\r\nthree\n\nfive", "3 3 three\n5 10 five\n");
}

static void
test_utf8_mark(void **state)
{
	(void)state;
	LINES("\xef\xbb\xbfone\ntwo\n", "1 3 one\n2 7 two\n");
	LINES("\xef\xbb\xbf", "");
}

static void
test_utf16(void **state)
{
	(void)state;
	/* "aä\r\n€𝄞z" (U+00E4, U+20AC, U+1D11E) */
	LINES("\xff\xfe" "a\0\xe4\0\r\0\n\0\xac\x20\x34\xd8\x1e\xdd" "z\0",
	    "1 2 a\xc3\xa4\n2 10 \xe2\x82\xac\xf0\x9d\x84\x9ez\n");
	LINES("\xfe\xff" "\0a\0\xe4\0\r\0\n\x20\xac\xd8\x34\xdd\x1e\0z",
	    "1 2 a\xc3\xa4\n2 10 \xe2\x82\xac\xf0\x9d\x84\x9ez\n");
	/* U+0A0A holds a byte 0A twice and is no line end. */
	LINES("\xff\xfe" "a\0\x0a\x0a" "b\0", "1 2 a\xe0\xa8\x8a" "b\n");
	/* No mark: told by the zeroes. */
	LINES("a\0b\0c\0d\0\n\0e\0", "1 0 abcd\n2 10 e\n");
	LINES("\0a\0b\0c\0d\0\n\0e", "1 0 abcd\n2 10 e\n");
}

static void
test_utf16_broken(void **state)
{
	struct span odd = SPAN_LIT("\xff\xfe" "a\0b");

	(void)state;
	/* An odd byte, a lone half. */
	expect(&source_text, odd, "1 2 a\xef\xbf\xbd\n");
	assert_int_equal(weird_count(odd, &source_text, WEIRD_TEXT_ENCODING),
	    1);
	LINES("\xff\xfe" "\x34\xd8" "a\0", "1 2 \xef\xbf\xbd" "a\n");
	LINES("\xff\xfe" "a\0" "\x34\xd8", "1 2 a\xef\xbf\xbd\n");
}

static void
test_utf16_long(void **state)
{
	/* A pair at every place where a block may end. */
	static uint8_t text[3 * WINDOW_BLOCK];
	size_t n = 0, lines = 0;
	struct drive d;
	struct span out;

	(void)state;
	memcpy(text, "\xff\xfe" "a\0", 4);
	for (n = 4; n + 8 <= sizeof(text); n += 8, lines++)
		memcpy(text + n, "\x34\xd8\x1e\xdd\n\0b\0", 8);
	drive_bytes(&d, &source_text, span_of(text, n), SIZE_MAX);
	out = buf_view(&d.out);
	assert_int_equal(d.records, lines + 1);
	assert_int_equal(span_find(out, SPAN_LIT("\xef\xbf\xbd")), SPAN_NPOS);
	assert_true(span_ends(out, SPAN_LIT(" b\n")));
	assert_true(span_starts(out,
	    SPAN_LIT("1 2 a\xf0\x9d\x84\x9e\n2 10 b\xf0\x9d\x84\x9e\n")));
	drive_fini(&d);
}

static void
test_long_line(void **state)
{
	const size_t max = 1u << 20;
	size_t n = max + 5;
	uint8_t *text = malloc(n * 2 + 10);
	struct drive d;
	struct span out;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text + n, "\nshort\n", 7);
	drive_bytes(&d, &source_text, span_of(text, n + 7), 100000);
	out = buf_view(&d.out);
	assert_int_equal(d.weirds.count[WEIRD_LINE_LONG], 1);
	assert_true(span_starts(out, SPAN_LIT("1 0 xxx")));
	assert_int_equal(span_find_byte(out, '\n'), 4 + max);
	assert_true(span_ends(out, SPAN_LIT("\n2 1048582 short\n")));
	drive_fini(&d);

	/* A line of just the limit is whole; the file may end in a long one. */
	memset(text, 'x', n * 2 + 10);
	text[max] = '\n';
	drive_bytes(&d, &source_text, span_of(text, max + 1), SIZE_MAX);
	assert_int_equal(d.weirds.count[WEIRD_LINE_LONG], 0);
	drive_fini(&d);
	text[max] = 'x';
	drive_bytes(&d, &source_text, span_of(text, n * 2), SIZE_MAX);
	assert_int_equal(d.weirds.count[WEIRD_LINE_LONG], 1);
	assert_int_equal(d.records, 1);
	assert_int_equal(d.status, SOURCE_END);
	drive_fini(&d);
	free(text);
}

static void
test_many_lines(void **state)
{
	/* More than a batch and more than a block. */
	const unsigned lines = 3 * BATCH_RECORDS + 17;
	struct buf text, want;
	struct drive d;

	(void)state;
	buf_init(&text, 0);
	buf_init(&want, 0);
	for (unsigned i = 1; i <= lines; i++) {
		buf_printf(&want, "%u %zu ", i, text.len);
		buf_printf(&want, "line %u of a text that is long\n", i);
		buf_printf(&text, "line %u of a text that is long\n", i);
	}
	drive_bytes(&d, &source_text, buf_view(&text), 4096);
	assert_true(span_eq(buf_view(&d.out), buf_view(&want)));
	assert_true(d.reads >= 4);
	assert_int_equal(d.records, lines);
	drive_fini(&d);
	buf_fini(&text);
	buf_fini(&want);
}

static void
test_read_error(void **state)
{
	struct drip drip = drip_of(SPAN_LIT("one\ntwo\nthree\n"), SIZE_MAX);
	struct drive d;

	(void)state;
	drip.fail_at = 10;
	drive_init(&d);
	drive_input(&d, &source_text, &drip.in);
	assert_int_equal(d.status, SOURCE_ERROR);
	assert_int_equal(d.err, ERR_READ);
	assert_true(span_eq(buf_view(&d.out),
	    SPAN_LIT("1 0 one\n2 4 two\n3 8 th\n")));
	drive_fini(&d);
}

#define SCORE(bytes)	source_text.match(SPAN_LIT(bytes))

static void
test_match(void **state)
{
	uint8_t noise[512];
	uint32_t x = 1;

	(void)state;
	assert_int_equal(SCORE("GET / HTTP/1.1\r\nHost: x\r\n"), 10);
	assert_int_equal(SCORE("\xef\xbb\xbfone"), 10);
	assert_int_equal(SCORE("\xff\xfe" "a\0b\0"), 10);
	assert_int_equal(SCORE("a\0b\0c\0d\0"), 10);
	/* German in UTF-8 and in Latin-1. */
	assert_int_equal(SCORE("M\xc3\xbcller gr\xc3\xbc\xc3\x9ft"), 10);
	assert_int_equal(SCORE("M\xfcller gr\xfc\xdft"), 10);
	/* A head that ends in a character. */
	assert_int_equal(SCORE("Gr\xc3\xbc\xc3"), 10);
	assert_int_equal(SCORE(""), 0);
	assert_int_equal(SCORE("\x7f" "ELF\2\1\1\0\0\0\0\0\0\0\0\0"), 0);
	assert_int_equal(SCORE("MZ\x90\0\3\0\0\0"), 0);
	assert_int_equal(SCORE("\xff\xd8\xff\xe0\x01\x10JFIF"), 0);
	/* Bytes without order. */
	for (size_t i = 0; i < sizeof(noise); i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (uint8_t)(x >> 24) | 1;
	}
	assert_int_equal(source_text.match(span_of(noise, sizeof(noise))), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_utf8_mark),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_utf16_broken),
		cmocka_unit_test(test_utf16_long),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_many_lines),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
