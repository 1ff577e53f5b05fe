/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: see buf.h.  Memory is owned by each struct buf.
 */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
rng_next(struct rng *r)
{
	uint64_t z;

	z = (r->state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t
rng_below(struct rng *r, uint32_t bound)
{
	return (uint32_t)((rng_next(r) >> 32) * bound >> 32);
}

uint32_t
rng_range(struct rng *r, uint32_t lo, uint32_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

/* make room for more octets and return where they go */
static uint8_t *
grow(struct buf *b, size_t more)
{
	uint8_t *at;

	if (b->len + more > b->cap) {
		b->cap = (b->len + more) * 2 + 64;
		b->data = realloc(b->data, b->cap);
		if (b->data == NULL) {
			fprintf(stderr, "out of memory\n");
			exit(1);
		}
	}
	at = b->data + b->len;
	b->len += more;
	return at;
}

void
buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

void
buf_put(struct buf *b, const void *p, size_t len)
{
	if (len != 0)
		memcpy(grow(b, len), p, len);
}

void
buf_cat(struct buf *b, const struct buf *from)
{
	buf_put(b, from->data, from->len);
}

void
buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		fprintf(stderr, "text too long for buf_fmt\n");
		exit(1);
	}
	buf_put(b, text, (size_t)n);
}

void
buf_zero(struct buf *b, size_t len)
{
	if (len != 0)
		memset(grow(b, len), 0, len);
}

void
buf_rand(struct buf *b, struct rng *r, size_t len)
{
	uint8_t *at;
	size_t i;

	if (len == 0)
		return;
	at = grow(b, len);
	for (i = 0; i < len; i++)
		at[i] = (uint8_t)(rng_next(r) >> 56);
}

void
buf_u8(struct buf *b, unsigned v)
{
	*grow(b, 1) = (uint8_t)v;
}

static void
put_be(struct buf *b, uint64_t v, unsigned width)
{
	uint8_t *at = grow(b, width);
	unsigned i;

	for (i = 0; i < width; i++)
		at[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

static void
put_le(struct buf *b, uint64_t v, unsigned width)
{
	uint8_t *at = grow(b, width);
	unsigned i;

	for (i = 0; i < width; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

void
buf_be16(struct buf *b, uint32_t v)
{
	put_be(b, v, 2);
}

void
buf_be24(struct buf *b, uint32_t v)
{
	put_be(b, v, 3);
}

void
buf_be32(struct buf *b, uint32_t v)
{
	put_be(b, v, 4);
}

void
buf_le16(struct buf *b, uint32_t v)
{
	put_le(b, v, 2);
}

void
buf_le32(struct buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void
buf_le64(struct buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

size_t
buf_utf16(struct buf *b, const char *s)
{
	size_t n;

	for (n = 0; s[n] != '\0'; n++)
		put_le(b, (uint8_t)s[n], 2);
	return n * 2;
}

void
buf_rand_base64(struct buf *b, struct rng *r, size_t count)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t three;
	size_t i, left;
	char quad[4];

	for (i = 0; i < count; i += 3) {
		left = count - i;
		three = (uint32_t)(rng_next(r) >> 40);
		quad[0] = digits[three >> 18 & 63];
		quad[1] = digits[three >> 12 & 63];
		quad[2] = left > 1 ? digits[three >> 6 & 63] : '=';
		quad[3] = left > 2 ? digits[three & 63] : '=';
		buf_put(b, quad, 4);
	}
}

size_t
buf_hole(struct buf *b, unsigned width)
{
	buf_zero(b, width);
	return b->len - width;
}

void
buf_fill(struct buf *b, size_t hole, unsigned width)
{
	uint64_t v = b->len - hole - width;
	unsigned i;

	for (i = 0; i < width; i++)
		b->data[hole + i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

void
buf_poke_le(struct buf *b, size_t pos, uint64_t v, unsigned width)
{
	unsigned i;

	for (i = 0; i < width; i++)
		b->data[pos + i] = (uint8_t)(v >> (8 * i));
}

size_t
der_begin(const struct buf *b)
{
	return b->len;
}

void
der_end(struct buf *b, size_t begin, unsigned tag)
{
	size_t len = b->len - begin;
	unsigned width, i;
	uint8_t head[6];

	head[0] = (uint8_t)tag;
	if (len < 128) {
		head[1] = (uint8_t)len;
		width = 2;
	} else {
		for (width = 1; len >> (8 * width) != 0; width++)
			;
		head[1] = (uint8_t)(0x80 | width);
		for (i = 0; i < width; i++)
			head[2 + i] = (uint8_t)(len >> (8 * (width - 1 - i)));
		width += 2;
	}
	grow(b, width);
	memmove(b->data + begin + width, b->data + begin, len);
	memcpy(b->data + begin, head, width);
}

void
der_int(struct buf *b, int64_t v)
{
	size_t at = der_begin(b);
	unsigned width = 1;

	while (width < 8 && (v < -((int64_t)1 << (8 * width - 1)) ||
	    v >= (int64_t)1 << (8 * width - 1)))
		width++;
	put_be(b, (uint64_t)v, width);
	der_end(b, at, 0x02);
}

void
der_text(struct buf *b, unsigned tag, const char *s)
{
	size_t at = der_begin(b);

	buf_str(b, s);
	der_end(b, at, tag);
}

void
der_oid(struct buf *b, const char *dotted)
{
	size_t at = der_begin(b);
	unsigned long arc, first = 0;
	unsigned i, shift;
	char *end;

	for (i = 0; ; i++) {
		arc = strtoul(dotted, &end, 10);
		if (i == 0) {
			first = arc * 40;
		} else {
			if (i == 1)
				arc += first;
			for (shift = 28; shift != 0; shift -= 7)
				if (arc >> shift != 0)
					buf_u8(b, 0x80 | (arc >> shift & 127));
			buf_u8(b, arc & 127);
		}
		if (*end != '.')
			break;
		dotted = end + 1;
	}
	der_end(b, at, 0x06);
}
