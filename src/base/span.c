/* SPDX-License-Identifier: Apache-2.0
 *
 * Searching and comparing borrowed bytes.
 */
#define _GNU_SOURCE	/* memmem */
#include "base.h"

static bool
eq_nocase(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
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

size_t
span_find(struct span s, struct span what)
{
	const uint8_t *p;

	if (what.len == 0)
		return 0;
	if (s.len < what.len)
		return SPAN_NPOS;
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
