/* SPDX-License-Identifier: Apache-2.0
 *
 * Time text (RFC 3339) and calendar arithmetic on int64 nanoseconds.
 */
#include "base.h"

int64_t
time_days(int64_t y, unsigned m, unsigned d)
{
	int64_t era;
	unsigned yoe, doy, doe;

	/* Years begin in March, so that the leap day ends them. */
	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = (unsigned)(y - era * 400);
	doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

int64_t
time_civil(int64_t y, unsigned m, unsigned d, unsigned hour, unsigned min,
    unsigned sec)
{
	return time_days(y, m, d) * 86400 + (int64_t)hour * 3600 +
	    (int64_t)min * 60 + (int64_t)sec;
}

int64_t
time_from_filetime(uint64_t ft)
{
	/* 100 ns units between 1601 and 1970. */
	const uint64_t epoch = UINT64_C(116444736000000000);
	int64_t t;

	if (ft > INT64_MAX || ft == 0)
		return TIME_NONE;
	t = (int64_t)ft - (int64_t)epoch;
	if (__builtin_mul_overflow(t, 100, &t))
		return TIME_NONE;
	return t;
}

static char *
put2(char *p, unsigned n)
{
	memcpy(p, two_digits + n * 2, 2);
	return p + 2;
}

static char *
put_date(char *p, int64_t days)
{
	int64_t z = days + 719468, era, y;
	unsigned doe, yoe, doy, mp, d, m;

	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = (unsigned)(z - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	y = (int64_t)yoe + era * 400;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	d = doy - (153 * mp + 2) / 5 + 1;
	m = mp < 10 ? mp + 3 : mp - 9;
	y += m <= 2;
	p = put2(p, (unsigned)(y / 100));
	p = put2(p, (unsigned)(y % 100));
	*p++ = '-';
	p = put2(p, m);
	*p++ = '-';
	return put2(p, d);
}

void
time_put(struct buf *b, int64_t t)
{
	char text[32], *p = text;	/* 2262-04-11T23:47:16.854775807Z */
	int64_t sec, days;
	unsigned ns, sod;

	/* int64 ns reach from 1677 to 2262: years of four digits. */
	if (t == TIME_NONE) {
		buf_byte(b, '-');
		return;
	}
	sec = t / NSEC;
	if (t % NSEC < 0)
		sec--;
	ns = (unsigned)(t - sec * NSEC);
	days = sec / 86400;
	if (sec % 86400 < 0)
		days--;
	sod = (unsigned)(sec - days * 86400);
	p = put_date(p, days);
	*p++ = 'T';
	p = put2(p, sod / 3600);
	*p++ = ':';
	p = put2(p, sod / 60 % 60);
	*p++ = ':';
	p = put2(p, sod % 60);
	if (ns != 0) {
		*p++ = '.';
		for (unsigned group = 1000000; group != 0; group /= 1000) {
			unsigned n = ns / group;

			*p++ = (char)('0' + n / 100);
			p = put2(p, n % 100);
			if ((ns %= group) == 0)
				break;
		}
	}
	*p++ = 'Z';
	buf_put(b, text, (size_t)(p - text));
}

/* n decimal digits. */
static bool
digits(struct cursor *c, unsigned n, unsigned *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		uint8_t d = cur_u8(c);

		if (!ascii_is_digit(d))
			return false;
		*out = *out * 10 + (d - '0');
	}
	return cur_ok(c);
}

static bool
parse_zone(struct cursor *c, int64_t *offset_sec)
{
	unsigned h, m;
	uint8_t sign;

	*offset_sec = 0;
	if (c->left == 0)
		return true;
	sign = cur_u8(c);
	if (sign == 'Z' || sign == 'z')
		return c->left == 0;
	if ((sign != '+' && sign != '-') || !digits(c, 2, &h))
		return false;
	if (cur_peek(c, 0) == ':')
		cur_skip(c, 1);
	if (!digits(c, 2, &m) || c->left != 0 || h > 23 || m > 59)
		return false;
	*offset_sec = ((int64_t)h * 60 + m) * 60;
	if (sign == '-')
		*offset_sec = -*offset_sec;
	return true;
}

static unsigned
month_days(unsigned y, unsigned m)
{
	int64_t next = m == 12 ? time_days((int64_t)y + 1, 1, 1) :
	    time_days(y, m + 1, 1);

	return (unsigned)(next - time_days(y, m, 1));
}

bool
time_parse(struct span s, int64_t *out)
{
	struct cursor c = cur_of(span_trim(s));
	unsigned y, mo, d, h, mi, sec, ns = 0, scale = 100000000;
	int64_t zone, t;
	uint8_t sep;

	if (!digits(&c, 4, &y) || cur_u8(&c) != '-' || !digits(&c, 2, &mo) ||
	    cur_u8(&c) != '-' || !digits(&c, 2, &d))
		return false;
	sep = cur_u8(&c);
	if ((sep != 'T' && sep != 't' && sep != ' ') || !digits(&c, 2, &h) ||
	    cur_u8(&c) != ':' || !digits(&c, 2, &mi) || cur_u8(&c) != ':' ||
	    !digits(&c, 2, &sec))
		return false;
	if (cur_peek(&c, 0) == '.' || cur_peek(&c, 0) == ',') {
		cur_skip(&c, 1);
		while (ascii_is_digit(cur_peek(&c, 0))) {
			ns += (unsigned)(cur_u8(&c) - '0') * scale;
			scale /= 10;
		}
	}
	if (mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 ||
	    mi > 59 || sec > 60 || !parse_zone(&c, &zone))
		return false;
	t = time_civil(y, mo, d, h, mi, sec) - zone;
	return !__builtin_mul_overflow(t, NSEC, &t) &&
	    !__builtin_add_overflow(t, (int64_t)ns, out);
}
