/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 in both alphabets (RFC 4648 4 and 5), and hexadecimal (RFC 4648 8,
 * lower case).
 *
 * Decoding follows what attackers' and mailers' text really looks like:
 * padding may be missing, blanks and line ends may stand anywhere; any other
 * byte, a lone last digit or text behind the padding makes it no base64.
 */
#include "codec.h"

#define BLANK	0xfe
#define BAD	0xff

/* Digit value, BLANK or BAD; '=' is BAD here and seen by the caller. */
static uint8_t
digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return c == ' ' || (c >= '\t' && c <= '\r') ? BLANK : BAD;
}

/* Only padding and blanks may follow; pads: how many are allowed. */
static bool
tail_ok(struct cursor *c, unsigned pads)
{
	while (c->left > 0) {
		uint8_t b = cur_u8(c);

		if (b == '=' && pads > 0)
			pads--;
		else if (digit(b) != BLANK)
			return false;
	}
	return true;
}

size_t
base64_decode(struct span src, uint8_t *dst)
{
	struct cursor c = cur_of(src);
	uint8_t *out = dst;
	uint32_t acc = 0;
	unsigned n = 0;			/* digits in acc */

	while (c.left > 0) {
		uint8_t v = digit(cur_peek(&c, 0));

		if (v == BAD)
			break;
		cur_skip(&c, 1);
		if (v == BLANK)
			continue;
		acc = acc << 6 | v;
		if (++n < 4)
			continue;
		*out++ = (uint8_t)(acc >> 16);
		*out++ = (uint8_t)(acc >> 8);
		*out++ = (uint8_t)acc;
		n = 0;
	}
	if (n == 1 || !tail_ok(&c, n == 0 ? 0 : 4 - n))
		return SPAN_NPOS;
	if (n >= 2)
		*out++ = (uint8_t)(acc >> (n == 2 ? 4 : 10));
	if (n == 3)
		*out++ = (uint8_t)(acc >> 2);
	return (size_t)(out - dst);
}

void
base64_put(struct buf *b, struct span s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	struct cursor c = cur_of(s);

	while (c.left > 0) {
		struct span in = cur_take(&c, MIN_OF(c.left, 3));
		uint32_t v = (uint32_t)in.ptr[0] << 16;
		char out[4];

		if (in.len > 1)
			v |= (uint32_t)in.ptr[1] << 8;
		if (in.len > 2)
			v |= in.ptr[2];
		out[0] = digits[v >> 18];
		out[1] = digits[v >> 12 & 63];
		out[2] = in.len > 1 ? digits[v >> 6 & 63] : '=';
		out[3] = in.len > 2 ? digits[v & 63] : '=';
		buf_put(b, out, sizeof(out));
	}
}

void
hex_put(struct buf *b, struct span s)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *out;

	if (s.len == 0)
		return;
	if (s.len > SIZE_MAX / 2 || (out = buf_room(b, s.len * 2)) == NULL) {
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < s.len; i++) {
		*out++ = (uint8_t)digits[s.ptr[i] >> 4];
		*out++ = (uint8_t)digits[s.ptr[i] & 15];
	}
	b->len += s.len * 2;
}
