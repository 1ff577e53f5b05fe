/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-16 to UTF-8: the example of RFC 2781 section 5, every length of
 * sequence, lone surrogates, odd bytes, and text longer than one step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec.h"

static void
converts(struct span src, bool big_endian, const char *want)
{
	/* On the heap and of the promised size, so that the sanitizers see
	 * a byte too many. */
	uint8_t *in = malloc(src.len + 1);
	uint8_t *out = malloc((src.len + 1) / 2 * 3 + 1);
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	if (src.len != 0)
		memcpy(in, src.ptr, src.len);
	n = utf16_to_utf8(span_of(in, src.len), big_endian, out);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	free(in);
	free(out);
}

#define LE(bytes, want)	converts(SPAN_LIT(bytes), false, want)
#define BE(bytes, want)	converts(SPAN_LIT(bytes), true, want)

static void
test_rfc2781(void **state)
{
	/* U+12345 "=Ra" */
	(void)state;
	BE("\xd8\x08\xdf\x45\0=\0R\0a", "\xf0\x92\x8d\x85=Ra");
	LE("\x08\xd8\x45\xdf=\0R\0a\0", "\xf0\x92\x8d\x85=Ra");
}

static void
test_lengths(void **state)
{
	(void)state;
	LE("", "");
	/* U+007F U+0080, U+07FF U+0800, U+FFFF, U+10000, U+10FFFF */
	LE("\x7f\0\x80\0", "\x7f\xc2\x80");
	LE("\xff\x07\x00\x08", "\xdf\xbf\xe0\xa0\x80");
	LE("\xff\xff", "\xef\xbf\xbf");
	LE("\x00\xd8\x00\xdc", "\xf0\x90\x80\x80");
	LE("\xff\xdb\xff\xdf", "\xf4\x8f\xbf\xbf");
	BE("\xdb\xff\xdf\xff", "\xf4\x8f\xbf\xbf");
}

static void
test_broken(void **state)
{
	(void)state;
	LE("\x00\xd8", "\xef\xbf\xbd");
	LE("\x00\xdc" "a\0", "\xef\xbf\xbd" "a");
	LE("\x00\xd8" "a\0", "\xef\xbf\xbd" "a");
	LE("\x00\xd8\x00\xd8\x00\xdc", "\xef\xbf\xbd\xf0\x90\x80\x80");
	LE("a\0b", "a\xef\xbf\xbd");
	LE("a", "\xef\xbf\xbd");
	BE("\0", "\xef\xbf\xbd");
	LE("\x00\xd8" "a", "\xef\xbf\xbd\xef\xbf\xbd");
}

/* Something else than ASCII at every place of a long text. */
static void
test_places(void **state)
{
	(void)state;
	for (size_t n = 0; n < 40; n++) {
		for (size_t at = 0; at <= n; at++) {
			uint8_t le[84], be[84];
			char want[84];
			size_t k = 0, w = 0;

			for (size_t i = 0; i <= n; i++, k += 2) {
				uint8_t lo = (uint8_t)('a' + i % 26);
				uint8_t hi = i == at ? 0x20 : 0;

				le[k] = be[k + 1] = lo;
				le[k + 1] = be[k] = hi;
				if (i == at) {	/* U+2061 and on */
					want[w++] = (char)0xe2;
					want[w++] = (char)(0x80 | lo >> 6);
					want[w++] = (char)(0x80 | (lo & 0x3f));
				} else {
					want[w++] = (char)lo;
				}
			}
			want[w] = '\0';
			converts(span_of(le, k), false, want);
			converts(span_of(be, k), true, want);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc2781),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
