/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching and comparing borrowed bytes.
 */
#define _GNU_SOURCE	/* memmem */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base.h"

/* Up to here what is looked for is compared at every likely place; longer ones
 * go to memmem(), which is linear whatever the bytes. */
#define FIND_SHORT	64

static bool
eq_nocase(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

size_t
ascii_lower_copy(uint8_t *dst, struct span s)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; s.len - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128(
		    (const __m128i *)(const void *)(s.ptr + i));
		/* Signed: bytes from 0x80 on are below 'A'. */
		__m128i up = _mm_and_si128(
		    _mm_cmpgt_epi8(v, _mm_set1_epi8('A' - 1)),
		    _mm_cmplt_epi8(v, _mm_set1_epi8('Z' + 1)));

		if (_mm_movemask_epi8(v) != 0)
			break;
		_mm_storeu_si128((__m128i *)(void *)(dst + i), _mm_or_si128(v,
		    _mm_and_si128(up, _mm_set1_epi8(0x20))));
	}
#endif
	for (; i < s.len && s.ptr[i] < 0x80; i++)
		dst[i] = ascii_lower(s.ptr[i]);
	return i;
}

bool
span_eq_nocase(struct span a, struct span b)
{
	return a.len == b.len && eq_nocase(a.ptr, b.ptr, a.len);
}

bool
span_starts_nocase(struct span s, struct span prefix)
{
	return s.len >= prefix.len && eq_nocase(s.ptr, prefix.ptr, prefix.len);
}

bool
span_ends_nocase(struct span s, struct span tail)
{
	return s.len >= tail.len &&
	    eq_nocase(s.ptr + s.len - tail.len, tail.ptr, tail.len);
}

#ifdef __SSE2__
/* Of 16 places the first at which what stands; 16 when at none. */
static inline unsigned
find_in_16(const uint8_t *at, struct span what)
{
	const __m128i first = _mm_set1_epi8((char)what.ptr[0]);
	const __m128i last = _mm_set1_epi8((char)what.ptr[what.len - 1]);
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i b = _mm_loadu_si128(
	    (const __m128i *)(const void *)(at + what.len - 1));
	unsigned both = (unsigned)_mm_movemask_epi8(_mm_and_si128(
	    _mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));

	for (; both != 0; both &= both - 1) {
		unsigned i = (unsigned)__builtin_ctz(both);

		if (memcmp(at + i, what.ptr, what.len) == 0)
			return i;
	}
	return 16;
}
#endif

size_t
span_find(struct span s, struct span what)
{
	const uint8_t *p;

	if (what.len == 0)
		return 0;
	if (s.len < what.len)
		return SPAN_NPOS;
#ifdef __SSE2__
	if (what.len <= FIND_SHORT && s.len - what.len >= 15) {
		size_t places = s.len - what.len + 1;
		unsigned k;

		for (size_t i = 0; i < places; i += 16) {
			/* The last 16 places overlap those before. */
			size_t at = MIN_OF(i, places - 16);

			if ((k = find_in_16(s.ptr + at, what)) < 16)
				return at + k;
		}
		return SPAN_NPOS;
	}
#endif
	p = memmem(s.ptr, s.len, what.ptr, what.len);
	return p == NULL ? SPAN_NPOS : (size_t)(p - s.ptr);
}

size_t
span_find_nocase(struct span s, struct span what)
{
	uint8_t lo, up;

	if (what.len == 0)
		return 0;
	if (s.len < what.len)
		return SPAN_NPOS;
	lo = ascii_lower(what.ptr[0]);
	up = lo >= 'a' && lo <= 'z' ? (uint8_t)(lo & ~0x20) : lo;
	for (size_t i = 0; i <= s.len - what.len; i++)
		if ((s.ptr[i] == lo || s.ptr[i] == up) &&
		    eq_nocase(s.ptr + i, what.ptr, what.len))
			return i;
	return SPAN_NPOS;
}

size_t
span_find_byte(struct span s, uint8_t c)
{
	const uint8_t *p;

	if (s.len == 0)
		return SPAN_NPOS;
	p = memchr(s.ptr, c, s.len);
	return p == NULL ? SPAN_NPOS : (size_t)(p - s.ptr);
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
span_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool
span_u64(struct span s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.ptr[i]) ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, s.ptr[i] - '0', &n))
			return false;
	}
	*out = n;
	return true;
}
