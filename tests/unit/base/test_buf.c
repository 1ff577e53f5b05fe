/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing bytes with a cap, and JSON strings from whatever bytes there are
 * (RFC 8259, RFC 3629).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base.h"

static void
cap_sticks(void **unused)
{
	struct buf b;

	(void)unused;
	buf_init(&b, 10);
	buf_str(&b, "12345678");
	buf_str(&b, "90");
	assert_false(b.failed);
	assert_int_equal(b.len, 10);
	buf_byte(&b, 'x');
	assert_true(b.failed);
	assert_int_equal(b.len, 10);
	buf_reset(&b);
	buf_str(&b, "12345678");
	buf_str(&b, "too long");
	assert_true(b.failed);
	/* What follows a gap must not be taken as if nothing were missing. */
	buf_byte(&b, 'y');
	buf_str(&b, "z");
	buf_printf(&b, "%d", 1);
	assert_true(span_eq(buf_view(&b), SPAN_LIT("12345678")));
	buf_reset(&b);
	assert_false(b.failed);
	buf_byte(&b, 'y');
	assert_true(span_eq(buf_view(&b), SPAN_LIT("y")));
	buf_fini(&b);
}

static void
room_overflow(void **unused)
{
	struct buf b;

	(void)unused;
	buf_init(&b, 0);
	buf_byte(&b, 'a');
	assert_null(buf_room(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_fini(&b);
}

static void
long_printf(void **unused)
{
	struct buf b;

	(void)unused;
	buf_init(&b, 0);
	buf_str(&b, "<");
	buf_printf(&b, "%1000d|", 7);
	assert_int_equal(b.len, 1002);
	assert_int_equal(b.ptr[1000], '7');
	assert_int_equal(b.ptr[1001], '|');
	buf_reset(&b);
	buf_put_u64(&b, 0);
	buf_byte(&b, ' ');
	buf_put_u64(&b, UINT64_MAX);
	assert_true(span_eq(buf_view(&b),
	    SPAN_LIT("0 18446744073709551615")));
	buf_fini(&b);
}

static void
json_is(struct span in, const char *want)
{
	struct buf b;

	buf_init(&b, 0);
	json_str(&b, in);
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, want);
	buf_fini(&b);
}

#define FFFD	"\xef\xbf\xbd"

static void
json_escapes(void **unused)
{
	(void)unused;
	json_is(SPAN_NONE, "\"\"");
	json_is(SPAN_LIT("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
	json_is(SPAN_LIT("\0\x01\b\t\n\v\f\r\x1f"), "\"\\u0000\\u0001\\b\\t"
	    "\\n\\u000b\\f\\r\\u001f\"");
	json_is(SPAN_LIT(" ~\x7f"), "\" ~\\u007f\"");
}

static void
json_utf8(void **unused)
{
	(void)unused;
	/* first and last of each length */
	json_is(SPAN_LIT("\xc2\x80\xdf\xbf"), "\"\xc2\x80\xdf\xbf\"");
	json_is(SPAN_LIT("\xe0\xa0\x80\xef\xbf\xbf"),
	    "\"\xe0\xa0\x80\xef\xbf\xbf\"");
	json_is(SPAN_LIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	    "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
	/* overlong, lone tails, surrogates, beyond U+10FFFF, cut short */
	json_is(SPAN_LIT("\xc0\x80"), "\"" FFFD FFFD "\"");
	json_is(SPAN_LIT("\xc1\xbf"), "\"" FFFD FFFD "\"");
	json_is(SPAN_LIT("\xe0\x9f\xbf"), "\"" FFFD FFFD FFFD "\"");
	json_is(SPAN_LIT("\xed\xa0\x80"), "\"" FFFD FFFD FFFD "\"");
	json_is(SPAN_LIT("\xed\x9f\xbf"), "\"\xed\x9f\xbf\"");
	json_is(SPAN_LIT("\xf0\x8f\xbf\xbf"), "\"" FFFD FFFD FFFD FFFD "\"");
	json_is(SPAN_LIT("\xf4\x90\x80\x80"), "\"" FFFD FFFD FFFD FFFD "\"");
	json_is(SPAN_LIT("\xf5"), "\"" FFFD "\"");
	json_is(SPAN_LIT("\x80x"), "\"" FFFD "x\"");
	json_is(SPAN_LIT("\xe2\x82"), "\"" FFFD FFFD "\"");
	json_is(SPAN_LIT("\xe2\x82\"x"), "\"" FFFD FFFD "\\\"x\"");
	json_is(SPAN_LIT("\xff\xfe"), "\"" FFFD FFFD "\"");
	json_is(SPAN_LIT("\xe2\x82\xac"), "\"\xe2\x82\xac\"");
}

static void
wide_is(struct span in, const char *want)
{
	struct buf b;

	buf_init(&b, 0);
	json_wstr(&b, in);
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, want);
	buf_fini(&b);
}

static void
json_wide(void **unused)
{
	(void)unused;
	wide_is(SPAN_NONE, "\"\"");
	wide_is(SPAN_LIT("a\0\"\0\\\0\n\0"), "\"a\\\"\\\\\\n\"");
	wide_is(SPAN_LIT("\xac\x20"), "\"\xe2\x82\xac\"");
	wide_is(SPAN_LIT("\x80\x00\xff\x07"), "\"\xc2\x80\xdf\xbf\"");
	wide_is(SPAN_LIT("\x00\x08"), "\"\xe0\xa0\x80\"");
	/* U+1F600: d83d de00 */
	wide_is(SPAN_LIT("\x3d\xd8\x00\xde"), "\"\xf0\x9f\x98\x80\"");
	/* U+10FFFF: dbff dfff */
	wide_is(SPAN_LIT("\xff\xdb\xff\xdf"), "\"\xf4\x8f\xbf\xbf\"");
	/* lone high, at the end and before a letter; lone low; two highs */
	wide_is(SPAN_LIT("\x3d\xd8"), "\"" FFFD "\"");
	wide_is(SPAN_LIT("\x3d\xd8x\0"), "\"" FFFD "x\"");
	wide_is(SPAN_LIT("\x00\xdex\0"), "\"" FFFD "x\"");
	wide_is(SPAN_LIT("\x3d\xd8\x3d\xd8\x00\xde"),
	    "\"" FFFD "\xf0\x9f\x98\x80\"");
	/* half a unit at the end */
	wide_is(SPAN_LIT("a\0b"), "\"a" FFFD "\"");
	wide_is(SPAN_LIT("\x3d\xd8\x00"), "\"" FFFD FFFD "\"");
}

static void
sequences(void **unused)
{
	(void)unused;
	assert_int_equal(utf8_seq((const uint8_t *)"a", 1), 1);
	assert_int_equal(utf8_seq((const uint8_t *)"\0", 1), 1);
	assert_int_equal(utf8_seq((const uint8_t *)"\xc2\xa0", 2), 2);
	assert_int_equal(utf8_seq((const uint8_t *)"\xc2\xa0", 1), 0);
	assert_int_equal(utf8_seq((const uint8_t *)"\x9b", 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cap_sticks), cmocka_unit_test(room_overflow),
		cmocka_unit_test(long_printf),
		cmocka_unit_test(json_escapes), cmocka_unit_test(json_utf8),
		cmocka_unit_test(json_wide), cmocka_unit_test(sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
