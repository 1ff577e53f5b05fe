/* SPDX-License-Identifier: Apache-2.0
 *
 * Spans and the cursor: first, last, one past.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base.h"

#define S	SPAN_LIT

static void
find(void **unused)
{
	(void)unused;
	assert_int_equal(span_find(S("abcabc"), S("abc")), 0);
	assert_int_equal(span_find(S("xxabc"), S("abc")), 2);	/* at the end */
	assert_int_equal(span_find(S("xxab"), S("abc")), SPAN_NPOS);
	assert_int_equal(span_find(S("ab"), S("abc")), SPAN_NPOS);
	assert_int_equal(span_find(S("ab"), S("")), 0);
	assert_int_equal(span_find(SPAN_NONE, S("a")), SPAN_NPOS);
	assert_int_equal(span_find(SPAN_NONE, SPAN_NONE), 0);
	assert_int_equal(span_find_nocase(S("xxAbC"), S("aBc")), 2);
	assert_int_equal(span_find_nocase(S("xx{B"), S("[b")), SPAN_NPOS);
	assert_int_equal(span_find_nocase(S("AAB"), S("ab")), 1);
	assert_int_equal(span_find_byte(S("a\0b"), 0), 1);
	assert_int_equal(span_find_byte(S("ab"), 'c'), SPAN_NPOS);
	assert_int_equal(span_find_byte(SPAN_NONE, 0), SPAN_NPOS);
}

static void
compare(void **unused)
{
	(void)unused;
	assert_true(span_eq(SPAN_NONE, S("")));
	assert_false(span_eq(S("a"), S("ab")));
	assert_true(span_eq_nocase(S("aZ[`{"), S("Az[`{")));
	/* '@' is 0x40, '`' 0x60: one bit apart but no letters */
	assert_false(span_eq_nocase(S("@"), S("`")));
	/* bytes over 0x7f are themselves */
	assert_false(span_eq_nocase(S("\xc4"), S("\xe4")));
	assert_true(span_starts(S("abc"), S("")));
	assert_true(span_starts(S("abc"), S("abc")));
	assert_false(span_starts(S("abc"), S("abcd")));
	assert_true(span_ends(S("abc"), S("bc")));
	assert_true(span_ends(S("abc"), S("")));
	assert_false(span_ends(S("bc"), S("abc")));
	assert_true(span_ends_nocase(S("x.JSP"), S(".jsp")));
	assert_true(span_starts_nocase(S("GeT /"), S("get")));
	assert_false(span_starts_nocase(S("ge"), S("get")));
}

static void
sub_clamps(void **unused)
{
	struct span s = S("abcdef");

	(void)unused;
	assert_true(span_eq(span_sub(s, 0, SIZE_MAX), s));
	assert_true(span_eq(span_sub(s, 5, SIZE_MAX), S("f")));
	assert_int_equal(span_sub(s, 6, 1).len, 0);
	assert_int_equal(span_sub(s, 7, SIZE_MAX).len, 0);
	assert_int_equal(span_sub(s, SIZE_MAX, SIZE_MAX).len, 0);
	assert_true(span_eq(span_sub(s, 1, 2), S("bc")));
	assert_null(span_sub(SPAN_NONE, 3, 3).ptr);
}

static void
trim(void **unused)
{
	(void)unused;
	assert_true(span_eq(span_trim(S(" \t\r\n a b \r\n")), S("a b")));
	assert_int_equal(span_trim(S(" \n ")).len, 0);
	assert_true(span_eq(span_trim(S("\v")), S("\v")));
}

static void
numbers(void **unused)
{
	uint64_t n = 7;

	(void)unused;
	assert_true(span_u64(S("0"), &n));
	assert_int_equal(n, 0);
	assert_true(span_u64(S("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
	assert_false(span_u64(S("18446744073709551616"), &n));
	assert_false(span_u64(S("99999999999999999999999"), &n));
	assert_false(span_u64(S(""), &n));
	assert_false(span_u64(S("-1"), &n));
	assert_false(span_u64(S("1 "), &n));
	assert_false(span_u64(S("0x1"), &n));
	assert_int_equal(ascii_hex('0'), 0);
	assert_int_equal(ascii_hex('9'), 9);
	assert_int_equal(ascii_hex('a'), 10);
	assert_int_equal(ascii_hex('F'), 15);
	assert_int_equal(ascii_hex('g'), -1);
	assert_int_equal(ascii_hex('/'), -1);
	assert_int_equal(ascii_hex(':'), -1);
	assert_int_equal(ascii_hex('@'), -1);
	assert_int_equal(ascii_hex('`'), -1);
}

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void
cursor_order(void **unused)
{
	struct cursor c;

	(void)unused;
	c = cur_of(span_of(bytes, 9));
	assert_int_equal(cur_u8(&c), 1);
	assert_true(cur_le64(&c) == UINT64_C(0x0908070605040302));
	assert_int_equal(c.left, 0);
	assert_true(cur_ok(&c));
	c = cur_of(span_of(bytes, 9));
	assert_true(cur_be64(&c) == UINT64_C(0x0102030405060708));
	c = cur_of(span_of(bytes, 9));
	assert_int_equal(cur_be16(&c), 0x0102);
	assert_int_equal(cur_be24(&c), 0x030405);
	assert_int_equal(cur_be32(&c), 0x06070809);
	assert_true(cur_ok(&c));
	c = cur_of(span_of(bytes, 9));
	assert_int_equal(cur_le16(&c), 0x0201);
	assert_int_equal(cur_le32(&c), 0x06050403);
}

/* A failed read takes nothing by halves, gives zero and sticks. */
static void
cursor_sticks(void **unused)
{
	struct cursor c = cur_of(span_of(bytes, 3));

	(void)unused;
	assert_int_equal(cur_be32(&c), 0);
	assert_false(cur_ok(&c));
	assert_int_equal(cur_u8(&c), 0);
	assert_int_equal(cur_peek(&c, 0), 0);
	assert_null(cur_take(&c, 0).ptr);
	assert_int_equal(cur_rest(&c).len, 0);
	c = cur_of(span_of(bytes, 3));
	cur_skip(&c, 3);
	assert_true(cur_ok(&c));		/* one past is fine to stand at */
	assert_int_equal(cur_take(&c, 0).len, 0);
	assert_true(cur_ok(&c));
	cur_skip(&c, SIZE_MAX);
	assert_false(cur_ok(&c));
}

static void
cursor_sub(void **unused)
{
	struct cursor c = cur_of(span_of(bytes, 4)), in;

	(void)unused;
	in = cur_sub(&c, 3);
	assert_int_equal(cur_be24(&in), 0x010203);
	assert_int_equal(cur_u8(&in), 0);	/* must not reach byte 4 */
	assert_false(cur_ok(&in));
	assert_true(cur_ok(&c));
	in = cur_sub(&c, 1);
	assert_int_equal(cur_u8(&in), 4);
	in = cur_sub(&c, 0);
	assert_true(cur_ok(&in) && cur_ok(&c));
	in = cur_sub(&c, 1);
	assert_false(cur_ok(&in));
	assert_false(cur_ok(&c));
	/* over nothing at all */
	c = cur_of(SPAN_NONE);
	assert_int_equal(cur_u8(&c), 0);
	assert_false(cur_ok(&c));
}

static void
cursor_peek(void **unused)
{
	struct cursor c = cur_of(span_of(bytes, 2));

	(void)unused;
	assert_int_equal(cur_peek(&c, 1), 2);
	assert_int_equal(cur_peek(&c, 2), 0);
	assert_int_equal(cur_peek(&c, SIZE_MAX), 0);
	assert_true(cur_ok(&c));
	assert_int_equal(c.left, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find), cmocka_unit_test(compare),
		cmocka_unit_test(sub_clamps), cmocka_unit_test(trim),
		cmocka_unit_test(numbers), cmocka_unit_test(cursor_order),
		cmocka_unit_test(cursor_sticks), cmocka_unit_test(cursor_sub),
		cmocka_unit_test(cursor_peek),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
