/* SPDX-License-Identifier: Apache-2.0
 *
 * x509: the facts of a certificate that people search for (RFC 5280), and the
 * text of its names (RFC 4514).
 *
 *	Certificate ::= SEQUENCE {
 *	    tbsCertificate SEQUENCE {
 *		[0] version OPTIONAL, serialNumber INTEGER,
 *		signature AlgorithmIdentifier, issuer Name,
 *		validity SEQUENCE { notBefore, notAfter },
 *		subject Name, subjectPublicKeyInfo,
 *		[1] [2] unique ids OPTIONAL, [3] extensions OPTIONAL },
 *	    signatureAlgorithm, signature }
 *
 * Owns nothing: what comes out borrows from the certificate.  Nothing is
 * verified.  Bounds: X509_EXTS_MAX, X509_RDNS_MAX, X509_VALUE_MAX.
 */
#include "codec.h"

#define X509_EXTS_MAX	64	/* real certificates have some 10 */
#define X509_RDNS_MAX	64	/* attributes of a name; real ones have 10 */
#define X509_VALUE_MAX	1024	/* bytes of a BMPString; ub-name is 32768, the
				 * longest in use are some 100 */

enum {	/* universal tags of character strings, X.680 */
	STR_UTF8 = 0x0c, STR_NUMERIC = 0x12, STR_PRINTABLE = 0x13,
	STR_T61 = 0x14, STR_IA5 = 0x16, STR_VISIBLE = 0x1a, STR_BMP = 0x1e
};

/* Contents of OBJECT IDENTIFIERs as they stand in certificates. */
#define OID(text, bytes)	{ SPAN_LIT_INIT(bytes), text }
#define SPAN_LIT_INIT(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

/* RFC 4514 section 3 and, beyond it, the names that OpenSSL prints. */
static const struct {
	struct span	 oid;
	const char	*name;
} attributes[] = {
	OID("CN", "\x55\x04\x03"),
	OID("SN", "\x55\x04\x04"),
	OID("serialNumber", "\x55\x04\x05"),
	OID("C", "\x55\x04\x06"),
	OID("L", "\x55\x04\x07"),
	OID("ST", "\x55\x04\x08"),
	OID("street", "\x55\x04\x09"),
	OID("O", "\x55\x04\x0a"),
	OID("OU", "\x55\x04\x0b"),
	OID("title", "\x55\x04\x0c"),
	OID("description", "\x55\x04\x0d"),
	OID("businessCategory", "\x55\x04\x0f"),
	OID("postalAddress", "\x55\x04\x10"),
	OID("postalCode", "\x55\x04\x11"),
	OID("name", "\x55\x04\x29"),
	OID("GN", "\x55\x04\x2a"),
	OID("initials", "\x55\x04\x2b"),
	OID("generationQualifier", "\x55\x04\x2c"),
	OID("dnQualifier", "\x55\x04\x2e"),
	OID("pseudonym", "\x55\x04\x41"),
	OID("organizationIdentifier", "\x55\x04\x61"),
	OID("UID", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"),
	OID("DC", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19"),
	OID("emailAddress", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"),
	OID("unstructuredName", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02"),
	OID("jurisdictionL", "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01"),
	OID("jurisdictionST", "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02"),
	OID("jurisdictionC", "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03"),
};

/* Keys whose size follows from an OID: named curves (RFC 5480, 5639) and
 * RFC 8410. */
static const struct {
	struct span	 oid;
	uint32_t	 bits;
} key_sizes[] = {
	{ SPAN_LIT_INIT("\x2a\x86\x48\xce\x3d\x03\x01\x07"), 256 },
	{ SPAN_LIT_INIT("\x2a\x86\x48\xce\x3d\x03\x01\x01"), 192 },
	{ SPAN_LIT_INIT("\x2b\x81\x04\x00\x21"), 224 },
	{ SPAN_LIT_INIT("\x2b\x81\x04\x00\x22"), 384 },
	{ SPAN_LIT_INIT("\x2b\x81\x04\x00\x23"), 521 },
	{ SPAN_LIT_INIT("\x2b\x81\x04\x00\x0a"), 256 },	/* secp256k1 */
	{ SPAN_LIT_INIT("\x2b\x24\x03\x03\x02\x08\x01\x01\x07"), 256 },
	{ SPAN_LIT_INIT("\x2b\x24\x03\x03\x02\x08\x01\x01\x0b"), 384 },
	{ SPAN_LIT_INIT("\x2b\x24\x03\x03\x02\x08\x01\x01\x0d"), 512 },
	{ SPAN_LIT_INIT("\x2b\x65\x70"), 256 },		/* Ed25519 */
	{ SPAN_LIT_INIT("\x2b\x65\x71"), 456 },		/* Ed448 */
};

#define OID_RSA		SPAN_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define OID_RSA_PSS	SPAN_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a")
#define OID_DSA		SPAN_LIT("\x2a\x86\x48\xce\x38\x04\x01")
#define OID_SAN		SPAN_LIT("\x55\x1d\x11")

/* -- names --------------------------------------------------------------- */

static struct span
without_zeroes(struct span s)
{
	struct cursor c = cur_of(s);

	while (c.left > 1 && cur_peek(&c, 0) == 0)
		cur_skip(&c, 1);
	return cur_rest(&c);
}

/* RFC 4514 2.4: what stands for itself and what is escaped. */
static void
put_escaped(struct buf *b, struct span s)
{
	struct cursor c = cur_of(s);
	bool first = true;

	while (c.left > 0) {
		uint8_t ch = cur_u8(&c);

		if (ch < 0x20 || ch == 0x7f) {
			buf_byte(b, '\\');
			hex_put(b, span_of(&ch, 1));
			first = false;
			continue;
		}
		if (strchr("\"+,;<>\\", ch) != NULL ||
		    (first && (ch == ' ' || ch == '#')) ||
		    (c.left == 0 && ch == ' '))
			buf_byte(b, '\\');
		buf_byte(b, ch);
		first = false;
	}
}

/* T61String as the world uses it: ISO 8859-1. */
static void
put_latin1(struct buf *b, struct span s)
{
	uint8_t utf8[X509_VALUE_MAX * 2];
	struct cursor c = cur_of(span_sub(s, 0, X509_VALUE_MAX));
	size_t n = 0;

	while (c.left > 0) {
		uint8_t ch = cur_u8(&c);

		if (ch < 0x80) {
			utf8[n++] = ch;
		} else {
			utf8[n++] = (uint8_t)(0xc0 | ch >> 6);
			utf8[n++] = (uint8_t)(0x80 | (ch & 0x3f));
		}
	}
	put_escaped(b, span_of(utf8, n));
}

static void
put_bmp(struct buf *b, struct span s)
{
	uint8_t utf8[X509_VALUE_MAX / 2 * 3 + 3];

	s = span_sub(s, 0, X509_VALUE_MAX);
	put_escaped(b, span_of(utf8, utf16_to_utf8(s, true, utf8)));
}

/* The value of an attribute; whole is its encoding, for those that are no
 * string (RFC 4514 2.4: # and hexadecimal). */
static void
put_value(struct buf *b, uint8_t tag, struct span s, struct span whole)
{
	switch (tag) {
	case STR_UTF8:
	case STR_NUMERIC:
	case STR_PRINTABLE:
	case STR_IA5:
	case STR_VISIBLE:
		put_escaped(b, s);
		break;
	case STR_T61:
		put_latin1(b, s);
		break;
	case STR_BMP:
		put_bmp(b, s);
		break;
	default:
		buf_byte(b, '#');
		hex_put(b, span_sub(whole, 0, X509_VALUE_MAX));
	}
}

/* AttributeTypeAndValue ::= SEQUENCE { type OID, value ANY } */
static void
put_attribute(struct buf *b, struct cursor *rdn)
{
	struct cursor atv = der_enter(rdn, DER_SEQUENCE);
	struct cursor type = der_enter(&atv, DER_OID), value;
	struct span oid = cur_rest(&type), whole = cur_rest(&atv);
	uint8_t tag;

	value = der_any(&atv, &tag);
	if (!cur_ok(&value)) {
		cur_fail(rdn);
		return;
	}
	for (size_t i = 0; i < NITEMS(attributes); i++) {
		if (!span_eq(attributes[i].oid, oid))
			continue;
		buf_str(b, attributes[i].name);
		buf_byte(b, '=');
		put_value(b, tag, cur_rest(&value), whole);
		return;
	}
	der_oid_put(b, oid);
	buf_byte(b, '=');
	put_value(b, 0, SPAN_NONE, span_sub(whole, 0, whole.len - atv.left));
}

/* RFC 4514 2.1: the last RDN comes first. */
void
x509_name_put(struct buf *b, struct span name)
{
	struct cursor rdn[X509_RDNS_MAX];
	struct cursor c = cur_of(name);
	size_t n = 0;

	while (c.left > 0 && n < NITEMS(rdn)) {
		rdn[n] = der_enter(&c, DER_SET);
		if (!cur_ok(&rdn[n]))
			break;
		n++;
	}
	for (size_t i = n; i-- > 0; ) {
		unsigned parts = 0;

		while (rdn[i].left > 0 && parts < X509_RDNS_MAX) {
			if (parts++ > 0)
				buf_byte(b, '+');
			put_attribute(b, &rdn[i]);
		}
		if (i > 0)
			buf_byte(b, ',');
	}
}

bool
x509_san_next(struct cursor *c, uint8_t *tag, struct span *s)
{
	struct cursor in;

	if (!cur_ok(c) || c->left == 0)
		return false;
	in = der_any(c, tag);
	if (!cur_ok(&in))
		return false;
	if (*tag == DER_CTX(4))		/* explicit: Name is a CHOICE */
		in = der_enter(&in, DER_SEQUENCE);
	*s = cur_rest(&in);
	return cur_ok(&in);
}

/* -- the certificate ----------------------------------------------------- */

static uint32_t
bits_of(struct span number)
{
	struct span s = without_zeroes(number);
	struct cursor c = cur_of(s);
	uint8_t top = cur_peek(&c, 0);

	if (s.len == 0 || top == 0)
		return 0;
	return (uint32_t)(s.len * 8 - (size_t)(__builtin_clz(top) - 24));
}

/*
 *	SubjectPublicKeyInfo ::= SEQUENCE {
 *	    algorithm SEQUENCE { OID, parameters },
 *	    subjectPublicKey BIT STRING }
 *	RSA (RFC 3279 2.3.1): SEQUENCE { modulus, exponent } in the string
 *	DSA (2.3.2): SEQUENCE { p, q, g } in the parameters
 */
static uint32_t
key_bits(struct cursor spki)
{
	struct cursor alg = der_enter(&spki, DER_SEQUENCE);
	struct cursor c = der_enter(&alg, DER_OID);
	struct span oid = cur_rest(&c), curve = SPAN_NONE;
	struct cursor key = der_enter(&spki, DER_BITSTRING), params, number;

	if (span_eq(oid, OID_RSA) || span_eq(oid, OID_RSA_PSS)) {
		cur_skip(&key, 1);	/* unused bits */
		params = der_enter(&key, DER_SEQUENCE);
		number = der_enter(&params, DER_INTEGER);
		return bits_of(cur_rest(&number));
	}
	if (span_eq(oid, OID_DSA)) {
		params = der_enter(&alg, DER_SEQUENCE);
		number = der_enter(&params, DER_INTEGER);
		return bits_of(cur_rest(&number));
	}
	if (der_optional(&alg, DER_OID, &params))
		curve = cur_rest(&params);
	for (size_t i = 0; i < NITEMS(key_sizes); i++)
		if (span_eq(key_sizes[i].oid, oid) ||
		    span_eq(key_sizes[i].oid, curve))
			return key_sizes[i].bits;
	return 0;
}

/* Extension ::= SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTETS } */
static void
extensions(struct x509 *x, struct cursor tagged)
{
	struct cursor list = der_enter(&tagged, DER_SEQUENCE);

	for (unsigned n = 0; list.left > 0 && n < X509_EXTS_MAX; n++) {
		struct cursor ext = der_enter(&list, DER_SEQUENCE);
		struct cursor oid = der_enter(&ext, DER_OID), skip, value;

		if (!span_eq(cur_rest(&oid), OID_SAN))
			continue;
		der_optional(&ext, 0x01, &skip);
		value = der_enter(&ext, DER_OCTETSTRING);
		value = der_enter(&value, DER_SEQUENCE);
		if (cur_ok(&value))
			x->san = cur_rest(&value);
		return;
	}
}

static int64_t
time_of(struct cursor *c)
{
	uint8_t tag;
	struct cursor t = der_any(c, &tag);

	return cur_ok(&t) ? der_time(tag, cur_rest(&t)) : TIME_NONE;
}

bool
x509_parse(struct span der, struct x509 *x)
{
	struct cursor c = cur_of(der), cert, tbs, in;

	*x = (struct x509){ .not_before = TIME_NONE, .not_after = TIME_NONE };
	cert = der_enter(&c, DER_SEQUENCE);
	tbs = der_enter(&cert, DER_SEQUENCE);
	der_optional(&tbs, DER_CTX(0), &in);
	in = der_enter(&tbs, DER_INTEGER);
	x->serial = without_zeroes(cur_rest(&in));
	der_skip(&tbs);				/* signature algorithm */
	in = der_enter(&tbs, DER_SEQUENCE);
	x->issuer = cur_rest(&in);
	in = der_enter(&tbs, DER_SEQUENCE);
	x->not_before = time_of(&in);
	x->not_after = time_of(&in);
	in = der_enter(&tbs, DER_SEQUENCE);
	x->subject = cur_rest(&in);
	in = der_enter(&tbs, DER_SEQUENCE);
	if (!cur_ok(&tbs))
		return false;
	x->key_bits = key_bits(in);
	der_optional(&tbs, 0x81, &in);		/* unique ids */
	der_optional(&tbs, 0x82, &in);
	if (der_optional(&tbs, DER_CTX(3), &in))
		extensions(x, in);
	return cur_ok(&tbs);
}
