/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip as a stream: members made by gzip(1), fed in pieces; checksums, cuts,
 * bytes behind the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec.h"

/* printf 'one\n' | gzip -n, printf 'two\n' | gzip -n */
#define ONE	"\x1f\x8b\x08\0\0\0\0\0\0\3\xcb\xcf\x4b\xe5\2\0"	\
		"\x9f\xa8\x17\xf8\4\0\0\0"
#define TWO	"\x1f\x8b\x08\0\0\0\0\0\0\3\x2b\x29\xcf\xe7\2\0"	\
		"\x74\x08\x17\x96\4\0\0\0"

/* Fed step bytes at a time, taken room bytes at a time. */
static enum gunzip_status
run(struct span src, size_t step, size_t room, const char *want)
{
	struct gunzip *g = gunzip_new();
	enum gunzip_status status = GUNZIP_MORE;
	size_t shown = 0, n = 0, used;
	uint8_t out[64];

	assert_non_null(g);
	while (status == GUNZIP_MORE) {
		bool last;

		shown = MIN_OF(MAX_OF(shown, (size_t)1), src.len);
		last = shown == src.len;
		n += gunzip_run(g, span_sub(src, 0, shown), last, &used,
		    out + n, MIN_OF(room, sizeof(out) - n), &status);
		assert_true(used <= shown);
		src = span_sub(src, used, SIZE_MAX);
		shown = shown - used + step;
	}
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	gunzip_free(g);
	return status;
}

static void
expect(struct span src, const char *want, enum gunzip_status status)
{
	static const size_t steps[] = { 1, 2, 7, 1000 };

	for (size_t i = 0; i < NITEMS(steps); i++)
		for (size_t k = 0; k < NITEMS(steps); k++)
			assert_int_equal(run(src, steps[i], steps[k], want),
			    status);
}

static void
test_members(void **state)
{
	(void)state;
	expect(SPAN_LIT(ONE), "one\n", GUNZIP_END);
	expect(SPAN_LIT(ONE TWO), "one\ntwo\n", GUNZIP_END);
	/* Tapes are padded, and somebody may have written on. */
	expect(SPAN_LIT(ONE "\0\0\0\0"), "one\n", GUNZIP_END);
	expect(SPAN_LIT(ONE "\x1f"), "one\n", GUNZIP_END);
	expect(SPAN_LIT(ONE "text"), "one\n", GUNZIP_END);
}

static void
test_cut(void **state)
{
	static const char one[] = ONE TWO;

	(void)state;
	for (size_t n = 0; n < 24; n++)
		/* 3 bits of block header, then 8 bits a letter */
		expect(span_of(one, n), n < 12 ? "" : n == 12 ? "o" :
		    n == 13 ? "on" : n == 14 ? "one" : "one\n",
		    GUNZIP_BROKEN);
	expect(span_of(one, 30), "one\n", GUNZIP_BROKEN);
	expect(span_of(one, 40), "one\ntwo\n", GUNZIP_BROKEN);
}

static void
test_damaged(void **state)
{
	(void)state;
	expect(SPAN_LIT("no gzip"), "", GUNZIP_BROKEN);
	/* One bit of the checksum; of the length. */
	expect(SPAN_LIT("\x1f\x8b\x08\0\0\0\0\0\0\3\xcb\xcf\x4b\xe5\2\0"
	    "\x9e\xa8\x17\xf8\4\0\0\0"), "one\n", GUNZIP_BROKEN);
	expect(SPAN_LIT("\x1f\x8b\x08\0\0\0\0\0\0\3\xcb\xcf\x4b\xe5\2\0"
	    "\x9f\xa8\x17\xf8\5\0\0\0"), "one\n", GUNZIP_BROKEN);
	/* A block of type 3. */
	expect(SPAN_LIT("\x1f\x8b\x08\0\0\0\0\0\0\3\7"), "", GUNZIP_BROKEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
