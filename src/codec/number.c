/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimal text to numbers, as logs write them.
 */
#include <stdlib.h>

#include "codec.h"

#define DIGITS_MAX	512	/* digits beyond that change nothing */

static bool
is_number(struct span s)
{
	bool digit = false;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		digit |= ascii_is_digit(c);
		if (!ascii_is_digit(c) && c != '.' && c != '-' && c != '+' &&
		    (c | 0x20) != 'e')
			return false;
	}
	return digit;
}

/* Digits, perhaps with a dot and an exponent, to n times ten to the *power;
 * false when it is none of that or has more digits than are exact. */
static bool
short_decimal(struct span s, uint64_t *n, int *power)
{
	bool dot = false, minus;
	size_t i, digits = 0;
	int e = 0;

	*n = 0;
	*power = 0;
	for (i = 0; i < s.len && digits < 17; i++) {
		uint8_t c = s.ptr[i];

		if (ascii_is_digit(c)) {
			*n = *n * 10 + (unsigned)(c - '0');
			*power -= dot;
			digits++;
		} else if (c == '.' && !dot) {
			dot = true;
		} else {
			break;
		}
	}
	if (i < s.len && digits != 0 && (s.ptr[i] | 0x20) == 'e') {
		minus = ++i < s.len && s.ptr[i] == '-';
		i += minus || (i < s.len && s.ptr[i] == '+');
		if (i == s.len)
			return false;
		for (; i < s.len && ascii_is_digit(s.ptr[i]) && e < 100; i++)
			e = e * 10 + (s.ptr[i] - '0');
		*power += minus ? -e : e;
	}
	return i == s.len && digits != 0 && *n < UINT64_C(1) << 53;
}

bool
number_f64(struct span s, double *out)
{
	/* Powers of ten that a double holds exactly. */
	static const double ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
	    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
	    1e19, 1e20, 1e21, 1e22 };
	bool minus = s.len != 0 && s.ptr[0] == '-';
	char text[DIGITS_MAX], *end;
	uint64_t n;
	int power;

	/* One operation on two exact numbers rounds once. */
	if (short_decimal(span_sub(s, minus, SIZE_MAX), &n, &power) &&
	    power > -(int)NITEMS(ten) && power < (int)NITEMS(ten)) {
		*out = power < 0 ? (double)n / ten[-power] :
		    (double)n * ten[power];
		if (minus)
			*out = -*out;
		return true;
	}
	if (s.len >= sizeof(text) || !is_number(s))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && *out - *out == 0;
}

bool
number_i64(struct span s, int64_t *out)
{
	bool minus = s.len != 0 && s.ptr[0] == '-';
	uint64_t n;

	if (!span_u64(span_sub(s, minus, SIZE_MAX), &n) ||
	    n > (uint64_t)INT64_MAX)
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

bool
number_seconds(struct span s, int64_t *out)
{
	int64_t whole = 0, frac = 0, scale = NSEC;
	bool minus = s.len != 0 && s.ptr[0] == '-';
	size_t i = minus, digits = 0;

	for (; i < s.len && ascii_is_digit(s.ptr[i]); i++, digits++) {
		if (digits == 18)
			return false;
		whole = whole * 10 + (s.ptr[i] - '0');
	}
	if (digits == 0)
		return false;
	if (i < s.len && s.ptr[i] == '.')
		for (i++; i < s.len && ascii_is_digit(s.ptr[i]); i++) {
			scale /= 10;
			frac += (s.ptr[i] - '0') * scale;
		}
	if (i != s.len || __builtin_mul_overflow(whole, NSEC, out) ||
	    __builtin_add_overflow(*out, frac, out))
		return false;
	if (minus)
		*out = -*out;
	return true;
}
