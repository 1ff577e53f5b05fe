/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent encoding (RFC 3986 2.1) and the '+' of HTML forms.
 *
 * The output is never longer than the input.  Decodes once: what comes out may
 * hold escapes again, and it is up to the caller to look twice.
 */
#include "codec.h"

size_t
percent_decode(struct span src, bool plus, uint8_t *dst)
{
	struct cursor c = cur_of(src);
	uint8_t *out = dst;

	while (c.left > 0) {
		uint8_t b = cur_u8(&c);
		int hi, lo;

		if (b == '+' && plus) {
			b = ' ';
		} else if (b == '%' && (hi = ascii_hex(cur_peek(&c, 0))) >= 0 &&
		    (lo = ascii_hex(cur_peek(&c, 1))) >= 0) {
			b = (uint8_t)(hi << 4 | lo);
			cur_skip(&c, 2);
		}
		*out++ = b;
	}
	return (size_t)(out - dst);
}
