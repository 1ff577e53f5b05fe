/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-16 to UTF-8 (RFC 2781, RFC 3629).  The caller owns both sides; dst has
 * 3 bytes for each 2 of src, and an odd last byte counts as a unit.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "codec.h"

#define RUNE_BAD	0xfffd

static inline uint32_t
unit_at(const uint8_t *p, bool big_endian)
{
	return big_endian ? load_be16(p) : load_le16(p);
}

/* Units of ASCII from src on, 8 at a time; returns how many. */
static size_t
ascii_units(const uint8_t *src, size_t units, bool big_endian, uint8_t *dst)
{
	size_t i = 0;

#ifdef __SSE2__
	const __m128i high = _mm_set1_epi16((short)0xff80);
	const __m128i zero = _mm_setzero_si128();

	for (; units - i >= 8; i += 8) {
		__m128i v = _mm_loadu_si128(
		    (const __m128i *)(const void *)(src + i * 2));

		if (big_endian)
			v = _mm_or_si128(_mm_srli_epi16(v, 8),
			    _mm_slli_epi16(v, 8));
		if (_mm_movemask_epi8(_mm_cmpeq_epi16(
		    _mm_and_si128(v, high), zero)) != 0xffff)
			break;
		_mm_storel_epi64((__m128i *)(void *)(dst + i),
		    _mm_packus_epi16(v, v));
	}
#endif
	for (; i < units; i++) {
		uint32_t c = unit_at(src + i * 2, big_endian);

		if (c >= 0x80)
			break;
		dst[i] = (uint8_t)c;
	}
	return i;
}

bool
utf16_lower_ascii(struct span src, uint8_t *dst)
{
	size_t units = src.len / 2, i = 0;

#ifdef __SSE2__
	const __m128i high = _mm_set1_epi16((short)0xff80);
	const __m128i zero = _mm_setzero_si128();
	const __m128i ten = _mm_set1_epi8(0x20);

	for (; units - i >= 16; i += 16) {
		const uint8_t *p = src.ptr + i * 2;
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i b = _mm_loadu_si128(
		    (const __m128i *)(const void *)(p + 16));
		__m128i v, up;

		if (_mm_movemask_epi8(_mm_cmpeq_epi16(_mm_and_si128(
		    _mm_or_si128(a, b), high), zero)) != 0xffff)
			return false;
		v = _mm_packus_epi16(a, b);
		up = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8('A' - 1)),
		    _mm_cmplt_epi8(v, _mm_set1_epi8('Z' + 1)));
		_mm_storeu_si128((__m128i *)(void *)(dst + i),
		    _mm_or_si128(v, _mm_and_si128(up, ten)));
	}
#endif
	for (; i < units; i++) {
		uint32_t c = unit_at(src.ptr + i * 2, false);

		if (c >= 0x80)
			return false;
		dst[i] = ascii_lower((uint8_t)c);
	}
	return src.len % 2 == 0;
}

size_t
utf16_to_utf8(struct span src, bool big_endian, uint8_t *dst)
{
	size_t units = src.len / 2, i = 0;
	uint8_t *d = dst;

	while (i < units) {
		size_t n = ascii_units(src.ptr + i * 2, units - i, big_endian,
		    d);
		uint32_t c, low;

		i += n;
		d += n;
		/* Text that is not ASCII mostly goes on so. */
		while (i < units && (c = unit_at(src.ptr + i * 2,
		    big_endian)) >= 0x80) {
			i++;
			if ((c & 0xf800) == 0xd800) {
				low = i < units && c < 0xdc00 ?
				    unit_at(src.ptr + i * 2, big_endian) : 0;
				if ((low & 0xfc00) == 0xdc00) {
					c = 0x10000 + ((c - 0xd800) << 10) +
					    (low - 0xdc00);
					i++;
				} else {
					c = RUNE_BAD;
				}
			}
			d += utf8_put(d, c);
		}
	}
	if (src.len % 2 != 0)
		d += utf8_put(d, RUNE_BAD);
	return (size_t)(d - dst);
}
