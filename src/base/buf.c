/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing bytes and JSON text.  Bound: cap; past it the buffer keeps what it
 * has, takes nothing more and says so in failed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

void
buf_init(struct buf *b, size_t cap)
{
	*b = (struct buf){ .cap = cap };
}

void
buf_fini(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){ .cap = b->cap };
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
	size_t want, size;
	uint8_t *p;

	if (n <= b->size - b->len && !b->failed)
		return b->ptr + b->len;
	if (b->failed || __builtin_add_overflow(b->len, n, &want) ||
	    (b->cap != 0 && want > b->cap)) {
		b->failed = true;
		return NULL;
	}
	size = MAX_OF(b->size, (size_t)256);
	while (size < want)
		size = size > SIZE_MAX / 2 ? want : size * 2;
	if (b->cap != 0 && size > b->cap)
		size = b->cap;
	if ((p = realloc(b->ptr, size)) == NULL) {
		b->failed = true;
		return NULL;
	}
	b->ptr = p;
	b->size = size;
	return b->ptr + b->len;
}

void
buf_put(struct buf *b, const void *ptr, size_t n)
{
	uint8_t *p;

	if (n == 0 || (p = buf_room(b, n)) == NULL)
		return;
	memcpy(p, ptr, n);
	b->len += n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < sizeof(small)) {
		buf_put(b, small, (size_t)n);
	} else if (buf_room(b, (size_t)n + 1) != NULL) {
		va_start(ap, fmt);
		vsnprintf((char *)b->ptr + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
		b->len += (size_t)n;
	}
}

void
buf_put_u64(struct buf *b, uint64_t n)
{
	char tmp[20];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	buf_put(b, tmp + i, sizeof(tmp) - i);
}

void
buf_le32(struct buf *b, uint32_t n)
{
	uint8_t p[4];

	for (unsigned i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)(n >> 8 * i);
	buf_put(b, p, sizeof(p));
}

void
buf_le64(struct buf *b, uint64_t n)
{
	buf_le32(b, (uint32_t)n);
	buf_le32(b, (uint32_t)(n >> 32));
}

/* -- JSON ---------------------------------------------------------------- */

static void
json_control(struct buf *b, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t esc[6] = { '\\', 'u', '0', '0', 0, 0 };

	switch (c) {
	case '\n': buf_put(b, "\\n", 2); return;
	case '\r': buf_put(b, "\\r", 2); return;
	case '\t': buf_put(b, "\\t", 2); return;
	case '\b': buf_put(b, "\\b", 2); return;
	case '\f': buf_put(b, "\\f", 2); return;
	default:
		esc[4] = (uint8_t)hex[c >> 4];
		esc[5] = (uint8_t)hex[c & 15];
		buf_put(b, esc, 6);
	}
}

size_t
utf8_seq(const uint8_t *p, size_t n)
{
	uint8_t c = p[0], lo = 0x80, hi = 0xbf;
	size_t len;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf) {
		len = 2;
	} else if (c >= 0xe0 && c <= 0xef) {
		len = 3;
		if (c == 0xe0)
			lo = 0xa0;
		else if (c == 0xed)
			hi = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		len = 4;
		if (c == 0xf0)
			lo = 0x90;
		else if (c == 0xf4)
			hi = 0x8f;
	} else {
		return 0;
	}
	if (n < len || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Bytes that go into a JSON string as they are. */
static bool
json_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/*
 * Plain bytes by the word (SWAR): no control, quote, backslash or byte from
 * 0x7f up.  A test that errs sends the word the slow way.
 */
#define ONES8	UINT64_C(0x0101010101010101)
#define HIGH8	(ONES8 << 7)
#define ONES16	UINT64_C(0x0001000100010001)
#define HIGH16	(ONES16 << 15)

static inline bool
word_plain8(uint64_t x)
{
	uint64_t quote = x ^ ONES8 * '"', slash = x ^ ONES8 * '\\';
	uint64_t del = x ^ ONES8 * 0x7f;

	return (x & HIGH8) == 0 &&
	    ((x | x >> 1) & ONES8 * 0x20) == ONES8 * 0x20 &&
	    (((quote - ONES8) & ~quote) & HIGH8) == 0 &&
	    (((slash - ONES8) & ~slash) & HIGH8) == 0 &&
	    (((del - ONES8) & ~del) & HIGH8) == 0;
}

/* The same for four UTF-16 units. */
static inline bool
word_plain16(uint64_t x)
{
	uint64_t quote = x ^ ONES16 * '"', slash = x ^ ONES16 * '\\';
	uint64_t del = x ^ ONES16 * 0x7f;

	return (x & ONES16 * 0xff80) == 0 &&
	    ((x | x >> 1) & ONES16 * 0x20) == ONES16 * 0x20 &&
	    (((quote - ONES16) & ~quote) & HIGH16) == 0 &&
	    (((slash - ONES16) & ~slash) & HIGH16) == 0 &&
	    (((del - ONES16) & ~del) & HIGH16) == 0;
}

/* Copies the plain bytes at the front of s; returns how many. */
static size_t
put_plain(struct buf *b, struct span s)
{
	uint8_t *d = buf_room(b, s.len);
	size_t i = 0;

	if (d == NULL)
		return s.len;		/* failed: nothing more to do */
	while (s.len - i >= 8) {
		uint64_t x;

		memcpy(&x, s.ptr + i, 8);
		if (!word_plain8(x))
			break;
		memcpy(d + i, &x, 8);
		i += 8;
	}
	while (i < s.len && json_plain(s.ptr[i])) {
		d[i] = s.ptr[i];
		i++;
	}
	b->len += i;
	return i;
}

void
json_str(struct buf *b, struct span s)
{
	size_t i = 0;

	buf_byte(b, '"');
	while (i < s.len) {
		size_t n;

		i += put_plain(b, span_sub(s, i, SIZE_MAX));
		if (i == s.len)
			break;
		if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
			buf_byte(b, '\\');
			buf_byte(b, s.ptr[i++]);
		} else if (s.ptr[i] < 0x80) {
			json_control(b, s.ptr[i++]);
		} else if ((n = utf8_seq(s.ptr + i, s.len - i)) != 0) {
			buf_put(b, s.ptr + i, n);
			i += n;
		} else {
			buf_put(b, "\xef\xbf\xbd", 3);
			i++;
		}
	}
	buf_byte(b, '"');
}

/* Copies the plain units at the front of s, narrowed; returns the bytes of s
 * that were taken. */
static size_t
put_plain_wide(struct buf *b, struct span s)
{
	uint8_t *d = buf_room(b, s.len / 2 + 1);
	size_t i = 0, n = 0;

	if (d == NULL)
		return s.len;
	while (s.len - i >= 8) {
		uint64_t x;

		x = load_le64(s.ptr + i);
		if (!word_plain16(x))
			break;
		d[n++] = (uint8_t)x;
		d[n++] = (uint8_t)(x >> 16);
		d[n++] = (uint8_t)(x >> 32);
		d[n++] = (uint8_t)(x >> 48);
		i += 8;
	}
	while (s.len - i >= 2 && s.ptr[i + 1] == 0 && json_plain(s.ptr[i])) {
		d[n++] = s.ptr[i];
		i += 2;
	}
	b->len += n;
	return i;
}

size_t
utf8_put(uint8_t *d, uint32_t c)
{
	if (c < 0x80) {
		d[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		d[0] = (uint8_t)(0xc0 | c >> 6);
		d[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		d[0] = (uint8_t)(0xe0 | c >> 12);
		d[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		d[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	d[0] = (uint8_t)(0xf0 | c >> 18);
	d[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	d[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	d[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static void
put_rune(struct buf *b, uint32_t c)
{
	uint8_t u[4];

	buf_put(b, u, utf8_put(u, c));
}

void
json_wstr(struct buf *b, struct span s)
{
	buf_byte(b, '"');
	for (size_t i = 0; i + 1 < s.len; i += 2) {
		uint32_t c;

		i += put_plain_wide(b, span_sub(s, i, SIZE_MAX));
		if (i + 1 >= s.len)
			break;
		c = load_le16(s.ptr + i);

		if (c < 0x80) {
			if (c == '"' || c == '\\') {
				buf_byte(b, '\\');
				buf_byte(b, (uint8_t)c);
			} else {
				json_control(b, (uint8_t)c);
			}
			continue;
		}
		if (c >= 0xd800 && c <= 0xdfff) {
			uint32_t d = i + 3 < s.len ?
			    load_le16(s.ptr + i + 2) : 0;

			if (c < 0xdc00 && d >= 0xdc00 && d <= 0xdfff) {
				c = 0x10000 + ((c - 0xd800) << 10) +
				    (d - 0xdc00);
				i += 2;
			} else {
				c = 0xfffd;
			}
		}
		put_rune(b, c);
	}
	if (s.len % 2 != 0)		/* half a unit, as utf16_to_utf8() */
		put_rune(b, 0xfffd);
	buf_byte(b, '"');
}

void
json_key(struct buf *b, const char *key)
{
	json_str(b, span_str(key));
	buf_byte(b, ':');
}
