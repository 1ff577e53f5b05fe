/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing bytes and JSON text.  Bound: cap; past it the buffer keeps what it
 * has, takes nothing more and says so in failed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base.h"

const char two_digits[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

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
buf_grow(struct buf *b, size_t n)
{
	size_t want, size;
	uint8_t *p;

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

	while (n >= 10) {
		i -= 2;
		memcpy(tmp + i, two_digits + n % 100 * 2, 2);
		n /= 100;
	}
	if (n != 0 || i == sizeof(tmp))
		tmp[--i] = (char)('0' + n);
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
static inline bool
json_plain(uint8_t c)
{
	/* From 0x20 to 0x7e without the two. */
	static const uint32_t plain[8] = {
		0, ~(1u << ('"' - 0x20)), ~(1u << ('\\' - 0x40)), ~(1u << 31)
	};

	return (plain[c / 32] >> c % 32 & 1) != 0;
}

/* Eight plain bytes at once (SWAR).  A test that errs sends them the slow
 * way. */
#define ONES8	UINT64_C(0x0101010101010101)
#define HIGH8	(ONES8 << 7)

static inline bool
word_plain(uint64_t x)
{
	uint64_t quote = x ^ ONES8 * '"', slash = x ^ ONES8 * '\\';
	uint64_t del = x ^ ONES8 * 0x7f;

	return (x & HIGH8) == 0 &&
	    ((x | x >> 1) & ONES8 * 0x20) == ONES8 * 0x20 &&
	    (((quote - ONES8) & ~quote) & HIGH8) == 0 &&
	    (((slash - ONES8) & ~slash) & HIGH8) == 0 &&
	    (((del - ONES8) & ~del) & HIGH8) == 0;
}

#ifdef __SSE2__
/* Which of 16 bytes are not plain, as bits. */
static inline unsigned
odd_of_16(__m128i v)
{
	/* Signed: from 0x80 on they are below 0x20. */
	__m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
	return (unsigned)_mm_movemask_epi8(odd);
}
#endif

/* Copies the plain bytes at the front of s; returns how many. */
static size_t
put_plain(struct buf *b, struct span s)
{
	uint8_t *d = buf_room(b, s.len);
	size_t i = 0;

	if (d == NULL)
		return s.len;		/* failed: nothing more to do */
#ifdef __SSE2__
	while (s.len - i >= 16) {
		__m128i v = _mm_loadu_si128(
		    (const __m128i *)(const void *)(s.ptr + i));
		unsigned odd = odd_of_16(v);

		_mm_storeu_si128((__m128i *)(void *)(d + i), v);
		if (odd != 0) {
			i += (unsigned)__builtin_ctz(odd);
			b->len += i;
			return i;
		}
		i += 16;
	}
#endif
	if (s.len - i >= 8) {
		uint64_t x;

		memcpy(&x, s.ptr + i, 8);
		if (word_plain(x)) {
			memcpy(d + i, &x, 8);
			i += 8;
		}
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
#ifdef __SSE2__
	while (s.len - i >= 32) {
		const __m128i *p =
		    (const __m128i *)(const void *)(s.ptr + i);
		/* Units from 0x100 on become 0xff, those below 0. */
		__m128i v = _mm_packus_epi16(_mm_loadu_si128(p),
		    _mm_loadu_si128(p + 1));
		unsigned odd = odd_of_16(v);

		_mm_storeu_si128((__m128i *)(void *)(d + n), v);
		if (odd != 0) {
			n += (unsigned)__builtin_ctz(odd);
			b->len += n;
			return n * 2;
		}
		i += 32;
		n += 16;
	}
#endif
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
