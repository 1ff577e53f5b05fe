/* SPDX-License-Identifier: Apache-2.0
 *
 * der: elements of BER and DER (ITU-T X.690), as Kerberos, SPNEGO and X.509
 * use them.
 *
 *	tag(1) length contents			X.690 8.1
 *	length: 0x00..0x7f		short form
 *		0x81..0x84 n bytes	long form, big endian
 *		0x80			indefinite: refused
 *
 * Owns nothing: what comes out borrows from the cursor.  Bounds: tag numbers
 * up to 30 (nothing that picket reads uses more), lengths of up to 4 bytes,
 * every contents inside its parent by cur_sub(); no recursion here, the
 * caller's code is the depth.
 */
#include "codec.h"

/* Nobody registers deeper; the text of more than that is cut. */
#define DER_OID_ARCS_MAX	64

#define DER_TAG_NUMBER		0x1f
#define DER_UTC_TIME		0x17
#define DER_GENERALIZED_TIME	0x18

/* Tag and length; false when the cursor failed. */
static bool
der_header(struct cursor *c, uint8_t *tag, size_t *len)
{
	uint8_t first;
	unsigned n;

	*tag = cur_u8(c);
	if ((*tag & DER_TAG_NUMBER) == DER_TAG_NUMBER)
		cur_fail(c);
	first = cur_u8(c);
	*len = first;
	if (first < 0x80)
		return cur_ok(c);
	n = first & 0x7f;
	if (n == 0 || n > 4) {
		cur_fail(c);
		return false;
	}
	*len = 0;
	while (n-- > 0)
		*len = *len << 8 | cur_u8(c);
	return cur_ok(c);
}

struct cursor
der_any(struct cursor *c, uint8_t *tag)
{
	size_t len;

	if (!der_header(c, tag, &len)) {
		*tag = 0;
		cur_fail(c);
		return (struct cursor){ NULL, 0, true };
	}
	return cur_sub(c, len);
}

struct cursor
der_enter(struct cursor *c, uint8_t tag)
{
	uint8_t got;

	if (der_peek(c) != tag) {
		cur_fail(c);
		return (struct cursor){ NULL, 0, true };
	}
	return der_any(c, &got);
}

bool
der_optional(struct cursor *c, uint8_t tag, struct cursor *out)
{
	if (!cur_ok(c) || c->left == 0 || der_peek(c) != tag)
		return false;
	*out = der_enter(c, tag);
	return cur_ok(out);
}

void
der_skip(struct cursor *c)
{
	uint8_t tag;

	(void)der_any(c, &tag);
}

int64_t
der_int(struct cursor *c)
{
	struct cursor in = der_enter(c, DER_INTEGER);
	uint64_t n;

	if (!cur_ok(&in) || in.left == 0 || in.left > 8) {
		cur_fail(c);
		return 0;
	}
	/* two's complement: the first bit fills the rest */
	n = cur_peek(&in, 0) & 0x80 ? UINT64_MAX : 0;
	while (in.left > 0)
		n = n << 8 | cur_u8(&in);
	return (int64_t)n;
}

size_t
der_total(struct span s)
{
	struct cursor c = cur_of(s);
	uint8_t tag, first;
	size_t len, header;

	if (s.len == 0)
		return 0;
	if ((cur_peek(&c, 0) & DER_TAG_NUMBER) == DER_TAG_NUMBER)
		return SPAN_NPOS;
	if (s.len < 2)
		return 0;
	first = cur_peek(&c, 1);
	if (first == 0x80 || first > 0x84)
		return SPAN_NPOS;
	header = first < 0x80 ? 2 : 2 + (size_t)(first & 0x7f);
	if (s.len < header)
		return 0;
	if (!der_header(&c, &tag, &len))
		return SPAN_NPOS;
	return header + len;
}

/* n decimal digits; fails the cursor on anything else. */
static unsigned
digits(struct cursor *c, unsigned n)
{
	unsigned v = 0;

	while (n-- > 0) {
		uint8_t ch = cur_u8(c);

		if (!ascii_is_digit(ch)) {
			cur_fail(c);
			return 0;
		}
		v = v * 10 + (ch - '0');
	}
	return v;
}

/* A fraction of a second after '.' or ','; up to 9 digits count. */
static int64_t
fraction(struct cursor *c)
{
	int64_t nsec = 0, unit = NSEC / 10;

	cur_skip(c, 1);
	if (!ascii_is_digit(cur_peek(c, 0)))
		cur_fail(c);
	while (ascii_is_digit(cur_peek(c, 0))) {
		nsec += (cur_u8(c) - '0') * unit;
		unit /= 10;
	}
	return nsec;
}

/* Z, +hhmm, -hhmm or nothing (taken as UTC): seconds east of UTC. */
static int64_t
zone(struct cursor *c)
{
	unsigned hour, min;
	uint8_t sign;

	if (c->left == 0)
		return 0;
	sign = cur_u8(c);
	if (sign == 'Z')
		return 0;
	if (sign != '+' && sign != '-') {
		cur_fail(c);
		return 0;
	}
	hour = digits(c, 2);
	min = digits(c, 2);
	return (sign == '-' ? -1 : 1) * (int64_t)(hour * 3600 + min * 60);
}

/*
 *	UTCTime		 YYMMDDhhmm[ss]zone		X.680 47
 *	GeneralizedTime	 YYYYMMDDhh[mm[ss[.f]]][zone]	X.680 46
 * Two-digit years of 50 and up are 19xx (RFC 5280 4.1.2.5.1).
 */
int64_t
der_time(uint8_t tag, struct span s)
{
	struct cursor c = cur_of(s);
	unsigned year, month, day, hour, min = 0, sec = 0;
	int64_t nsec = 0, t;

	if (tag == DER_UTC_TIME) {
		year = digits(&c, 2);
		year += year >= 50 ? 1900 : 2000;
	} else if (tag == DER_GENERALIZED_TIME) {
		year = digits(&c, 4);
	} else {
		return TIME_NONE;
	}
	month = digits(&c, 2);
	day = digits(&c, 2);
	hour = digits(&c, 2);
	if (ascii_is_digit(cur_peek(&c, 0)))
		min = digits(&c, 2);
	if (ascii_is_digit(cur_peek(&c, 0)))
		sec = digits(&c, 2);
	if (cur_peek(&c, 0) == '.' || cur_peek(&c, 0) == ',')
		nsec = fraction(&c);
	t = -zone(&c);
	if (!cur_ok(&c) || c.left != 0 || month < 1 || month > 12 ||
	    day < 1 || day > 31 || hour > 23 || min > 59 || sec > 60)
		return TIME_NONE;
	t += time_civil(year, month, day, hour, min, sec);
	/* ns since 1970 reach from 1677 to 2262; "no expiry" is 9999 and comes
	 * out as the last whole second that there is. */
	if (t >= INT64_MAX / NSEC)
		return INT64_MAX / NSEC * NSEC;
	if (t <= INT64_MIN / NSEC)
		return INT64_MIN / NSEC * NSEC;
	return t * NSEC + nsec;
}

void
der_oid_put(struct buf *b, struct span s)
{
	struct cursor c = cur_of(s);
	unsigned arcs = 0;

	while (c.left > 0 && arcs < DER_OID_ARCS_MAX) {
		uint64_t v = 0;
		uint8_t octet;

		do {
			octet = cur_u8(&c);
			if (v >> 57 != 0)
				cur_fail(&c);	/* over 64 bits */
			v = v << 7 | (octet & 0x7f);
		} while (octet & 0x80 && c.left > 0);
		if (!cur_ok(&c) || octet & 0x80) {
			buf_str(b, arcs == 0 ? "?" : ".?");
			return;
		}
		if (arcs++ == 0) {
			/* X.690 8.19.4: two arcs in the first one */
			uint64_t top = v < 80 ? v / 40 : 2;

			buf_put_u64(b, top);
			v -= top * 40;
			arcs++;
		}
		buf_byte(b, '.');
		buf_put_u64(b, v);
	}
	if (c.left > 0)
		buf_str(b, ".?");
}
