/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto_tls: TLS messages, see proto.h.
 *
 *   record (RFC 5246 6.2.1):     type u8, version u16, length u16, fragment
 *   handshake (RFC 5246 7.4):    type u8, length u24, body
 */
#include <string.h>

#include "proto.h"

#define TLS12		0x0303
#define HANDSHAKE	22
#define APPDATA		23

void
tls_record(struct buf *b, unsigned type, unsigned version, struct buf *part)
{
	buf_u8(b, type);
	buf_be16(b, version);
	buf_be16(b, (uint32_t)part->len);
	buf_cat(b, part);
	part->len = 0;
}

void
tls_opaque(struct buf *b, struct rng *r, unsigned type, size_t len)
{
	buf_u8(b, type);
	buf_be16(b, TLS12);
	buf_be16(b, (uint32_t)len);
	buf_rand(b, r, len);
}

void
tls_finished(struct buf *b, struct rng *r, size_t len)
{
	buf_put(b, "\x14\x03\x03\x00\x01\x01", 6);
	tls_opaque(b, r, HANDSHAKE, len);
}

static size_t
begin_message(struct buf *b, unsigned type)
{
	buf_u8(b, type);
	return buf_hole(b, 3);
}

static void
put_extension(struct buf *b, unsigned type, const void *data, size_t len)
{
	buf_be16(b, type);
	buf_be16(b, (uint32_t)len);
	buf_put(b, data, len);
}

static void
put_sni(struct buf *b, const char *sni)
{
	size_t len = strlen(sni);

	buf_be16(b, 0);
	buf_be16(b, (uint32_t)(len + 5));
	buf_be16(b, (uint32_t)(len + 3));
	buf_u8(b, 0);
	buf_be16(b, (uint32_t)len);
	buf_str(b, sni);
}

/* the extensions of a Chromium of mid-2022, with GREASE (RFC 8701) */
static void
browser_extensions(struct buf *b, struct rng *r, const char *sni, int tls13)
{
	put_extension(b, 0x2a2a, NULL, 0);
	put_sni(b, sni);
	put_extension(b, 23, NULL, 0);
	put_extension(b, 0xff01, "\0", 1);
	put_extension(b, 10, "\x00\x08\x4a\x4a\x00\x1d\x00\x17\x00\x18", 10);
	put_extension(b, 11, "\x01\x00", 2);
	put_extension(b, 35, NULL, 0);
	put_extension(b, 16, "\x00\x0c\x02h2\x08http/1.1", 14);
	put_extension(b, 5, "\x01\0\0\0\0", 5);
	put_extension(b, 13, "\x00\x10\x04\x03\x08\x04\x04\x01\x05\x03"
	    "\x08\x05\x05\x01\x08\x06\x06\x01", 18);
	put_extension(b, 18, NULL, 0);
	if (tls13) {
		buf_put(b, "\x00\x33\x00\x2b\x00\x29\x4a\x4a\x00\x01\x00"
		    "\x00\x1d\x00\x20", 15);
		buf_rand(b, r, 32);
		put_extension(b, 45, "\x01\x01", 2);
		put_extension(b, 43, "\x06\x6a\x6a\x03\x04\x03\x03", 7);
	}
	put_extension(b, 0x3a3a, "\0", 1);
}

void
tls_hello_browser(struct buf *out, struct rng *r, const char *sni, int tls13)
{
	static const uint8_t suites[] = {
		0x1a, 0x1a, 0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b,
		0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8,
		0xc0, 0x13, 0xc0, 0x14, 0x00, 0x9c, 0x00, 0x9d, 0x00, 0x2f,
		0x00, 0x35
	};
	struct buf b = { 0 };
	size_t body, list, skip = tls13 ? 2 : 8;

	body = begin_message(&b, 1);
	buf_be16(&b, TLS12);
	buf_rand(&b, r, 32);
	buf_u8(&b, 32);
	buf_rand(&b, r, 32);
	list = buf_hole(&b, 2);
	buf_put(&b, suites, 2);
	buf_put(&b, suites + skip, sizeof(suites) - skip);
	buf_fill(&b, list, 2);
	buf_put(&b, "\x01\x00", 2);
	list = buf_hole(&b, 2);
	browser_extensions(&b, r, sni, tls13);
	buf_fill(&b, list, 2);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, 0x0301, &b);
	buf_free(&b);
}

void
tls_server_hello13(struct buf *out, struct rng *r)
{
	struct buf b = { 0 };
	size_t body, list;

	body = begin_message(&b, 2);
	buf_be16(&b, TLS12);
	buf_rand(&b, r, 32);
	buf_u8(&b, 32);
	buf_rand(&b, r, 32);
	buf_be16(&b, 0x1301);
	buf_u8(&b, 0);
	list = buf_hole(&b, 2);
	buf_put(&b, "\x00\x33\x00\x24\x00\x1d\x00\x20", 8);
	buf_rand(&b, r, 32);
	put_extension(&b, 43, "\x03\x04", 2);
	buf_fill(&b, list, 2);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, TLS12, &b);
	buf_put(out, "\x14\x03\x03\x00\x01\x01", 6);
	tls_opaque(out, r, APPDATA, 2300);
	buf_free(&b);
}

/* one attribute of a name: SET { SEQUENCE { 2.5.4.n, string } } */
static void
name_part(struct buf *b, const char *oid, unsigned tag, const char *text)
{
	size_t set = der_begin(b), seq = der_begin(b);

	der_oid(b, oid);
	der_text(b, tag, text);
	der_end(b, seq, 0x30);
	der_end(b, set, 0x31);
}

struct cert {
	const char *country, *state, *organisation, *name, *issuer;
	const char *from, *until;	/* UTCTime */
	const char *dns;		/* subjectAltName, or NULL */
	uint64_t serial;
	size_t rsa_octets;		/* 0: a P-256 key */
};

static void
put_dn(struct buf *b, const struct cert *c, const char *common)
{
	size_t at = der_begin(b);

	if (c->country != NULL)
		name_part(b, "2.5.4.6", 0x13, c->country);
	if (c->state != NULL)
		name_part(b, "2.5.4.8", 0x0c, c->state);
	name_part(b, "2.5.4.10", 0x0c, c->organisation);
	name_part(b, "2.5.4.3", 0x0c, common);
	der_end(b, at, 0x30);
}

static void
put_algorithm(struct buf *b, const char *oid, const char *curve)
{
	size_t at = der_begin(b);

	der_oid(b, oid);
	if (curve != NULL)
		der_oid(b, curve);
	else
		buf_put(b, "\x05\x00", 2);
	der_end(b, at, 0x30);
}

static void
put_public_key(struct buf *b, struct rng *r, size_t rsa_octets)
{
	size_t at = der_begin(b), bits, seq, number;

	if (rsa_octets == 0) {
		put_algorithm(b, "1.2.840.10045.2.1", "1.2.840.10045.3.1.7");
		bits = der_begin(b);
		buf_put(b, "\x00\x04", 2);
		buf_rand(b, r, 64);
		der_end(b, bits, 0x03);
		der_end(b, at, 0x30);
		return;
	}
	put_algorithm(b, "1.2.840.113549.1.1.1", NULL);
	bits = der_begin(b);
	buf_u8(b, 0);
	seq = der_begin(b);
	number = der_begin(b);
	buf_put(b, "\x00\xc5", 2);
	buf_rand(b, r, rsa_octets - 2);
	buf_u8(b, 0x2b);
	der_end(b, number, 0x02);
	der_int(b, 65537);
	der_end(b, seq, 0x30);
	der_end(b, bits, 0x03);
	der_end(b, at, 0x30);
}

static void
put_alt_name(struct buf *b, const char *dns)
{
	size_t tagged = der_begin(b), list = der_begin(b);
	size_t ext = der_begin(b), octets, names;

	der_oid(b, "2.5.29.17");
	octets = der_begin(b);
	names = der_begin(b);
	der_text(b, 0x82, dns);
	der_end(b, names, 0x30);
	der_end(b, octets, 0x04);
	der_end(b, ext, 0x30);
	der_end(b, list, 0x30);
	der_end(b, tagged, 0xa3);
}

/* X.509 (RFC 5280 4.1); the signature is made of random octets */
static void
put_cert(struct buf *b, struct rng *r, const struct cert *c)
{
	const char *signed_by = c->rsa_octets != 0 ?
	    "1.2.840.113549.1.1.5" : "1.2.840.113549.1.1.11";
	size_t all = der_begin(b), tbs = der_begin(b), at, i;

	at = der_begin(b);
	der_int(b, 2);
	der_end(b, at, 0xa0);
	at = der_begin(b);
	if (c->serial >> 63 != 0)
		buf_u8(b, 0);
	for (i = 8; i-- != 0; )
		buf_u8(b, c->serial >> (8 * i) & 255);
	der_end(b, at, 0x02);
	put_algorithm(b, signed_by, NULL);
	put_dn(b, c, c->issuer);
	at = der_begin(b);
	der_text(b, 0x17, c->from);
	der_text(b, 0x17, c->until);
	der_end(b, at, 0x30);
	put_dn(b, c, c->name);
	put_public_key(b, r, c->rsa_octets);
	if (c->dns != NULL)
		put_alt_name(b, c->dns);
	der_end(b, tbs, 0x30);
	put_algorithm(b, signed_by, NULL);
	at = der_begin(b);
	buf_u8(b, 0);
	buf_rand(b, r, c->rsa_octets != 0 ? c->rsa_octets : 256);
	der_end(b, at, 0x03);
	der_end(b, all, 0x30);
}

static void
put_certificates(struct buf *b, const struct buf *leaf)
{
	size_t body = begin_message(b, 11), list = buf_hole(b, 3);

	buf_be24(b, (uint32_t)leaf->len);
	buf_cat(b, leaf);
	buf_fill(b, list, 3);
	buf_fill(b, body, 3);
}

static void
server_hello12(struct buf *b, struct rng *r, unsigned suite)
{
	size_t body = begin_message(b, 2), list;

	buf_be16(b, TLS12);
	buf_rand(b, r, 32);
	buf_u8(b, 32);
	buf_rand(b, r, 32);
	buf_be16(b, suite);
	buf_u8(b, 0);
	list = buf_hole(b, 2);
	put_extension(b, 0xff01, "\0", 1);
	if (suite == 0x009f)
		put_extension(b, 22, NULL, 0);
	put_extension(b, 23, NULL, 0);
	buf_fill(b, list, 2);
	buf_fill(b, body, 3);
}

void
tls_server_flight12(struct buf *out, struct rng *r, const char *sni)
{
	const struct cert cert = { .country = "AU", .organisation =
	    "Example Documentation Authority", .name = sni,
	    .issuer = "Example Issuing CA 3", .from = "220501000000Z",
	    .until = "230501000000Z", .dns = sni,
	    .serial = rng_next(r) >> 1 | (uint64_t)1 << 60 };
	struct buf b = { 0 }, leaf = { 0 };
	size_t body;

	put_cert(&leaf, r, &cert);
	server_hello12(&b, r, 0xc02b);
	tls_record(out, HANDSHAKE, TLS12, &b);
	put_certificates(&b, &leaf);
	tls_record(out, HANDSHAKE, TLS12, &b);
	body = begin_message(&b, 12);
	buf_put(&b, "\x03\x00\x1d\x20", 4);
	buf_rand(&b, r, 32);
	buf_be16(&b, 0x0403);
	buf_be16(&b, 71);
	buf_rand(&b, r, 71);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, TLS12, &b);
	buf_put(&b, "\x0e\x00\x00\x00", 4);
	tls_record(out, HANDSHAKE, TLS12, &b);
	buf_free(&b);
	buf_free(&leaf);
}

void
tls_client_key12(struct buf *out, struct rng *r)
{
	struct buf b = { 0 };

	buf_put(&b, "\x10\x00\x00\x21\x20", 5);
	buf_rand(&b, r, 32);
	tls_record(out, HANDSHAKE, TLS12, &b);
	tls_finished(out, r, 40);
	buf_free(&b);
}

/*
 * The stock prime starts with these octets; the rest of it is not known
 * to this project, so the generator's numbers stand in for it.
 */
void
ssf_keys_make(struct ssf_keys *k, struct rng *r)
{
	static const uint8_t start[] = {
		0xb1, 0xea, 0x8e, 0x93, 0xe0, 0xf3, 0x5a, 0xbc,
		0xa3, 0x9a, 0xfe, 0x36, 0x55, 0xd0, 0xb2, 0x43
	};
	const struct cert leaf = { .country = "BE", .state = "Some-State",
	    .organisation = "Internet Widgits Pty Ltd", .name = "Cert",
	    .issuer = "CA", .from = "150601120000Z",
	    .until = "250529120000Z", .serial = 0xaf1ee398d56e077eu,
	    .rsa_octets = 512 };

	memset(k, 0, sizeof(*k));
	buf_put(&k->prime, start, sizeof(start));
	buf_rand(&k->prime, r, 512 - sizeof(start) - 1);
	buf_u8(&k->prime, 0x8b);
	put_cert(&k->leaf, r, &leaf);
}

void
ssf_keys_free(struct ssf_keys *k)
{
	buf_free(&k->prime);
	buf_free(&k->leaf);
}

/* signature_algorithms of OpenSSL 3.0 at its default level */
static const uint8_t signatures[] = {
	0x04, 0x03, 0x05, 0x03, 0x06, 0x03, 0x08, 0x07, 0x08, 0x08, 0x08,
	0x09, 0x08, 0x0a, 0x08, 0x0b, 0x08, 0x04, 0x08, 0x05, 0x08, 0x06,
	0x04, 0x01, 0x05, 0x01, 0x06, 0x01, 0x03, 0x03, 0x02, 0x03, 0x03,
	0x01, 0x02, 0x01, 0x03, 0x02, 0x02, 0x02, 0x04, 0x02, 0x05, 0x02,
	0x06, 0x02
};

void
ssf_client_hello(struct buf *out, struct rng *r)
{
	struct buf b = { 0 };
	size_t body, list, ext, algs;

	body = begin_message(&b, 1);
	buf_be16(&b, TLS12);
	buf_rand(&b, r, 32);
	buf_u8(&b, 0);
	buf_put(&b, "\x00\x04\x00\x9f\x00\xff\x01\x00", 8);
	list = buf_hole(&b, 2);
	put_extension(&b, 22, NULL, 0);
	put_extension(&b, 23, NULL, 0);
	buf_be16(&b, 13);
	ext = buf_hole(&b, 2);
	algs = buf_hole(&b, 2);
	buf_put(&b, signatures, sizeof(signatures));
	buf_fill(&b, algs, 2);
	buf_fill(&b, ext, 2);
	buf_fill(&b, list, 2);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, 0x0301, &b);
	buf_free(&b);
}

void
ssf_server_flight(struct buf *out, struct rng *r, const struct ssf_keys *k)
{
	struct buf b = { 0 };
	size_t body, list;

	server_hello12(&b, r, 0x009f);
	tls_record(out, HANDSHAKE, TLS12, &b);
	put_certificates(&b, &k->leaf);
	tls_record(out, HANDSHAKE, TLS12, &b);
	body = begin_message(&b, 12);
	buf_be16(&b, (uint32_t)k->prime.len);
	buf_cat(&b, &k->prime);
	buf_put(&b, "\x00\x01\x02\x02\x00\x5a", 6);
	buf_rand(&b, r, 511);
	buf_put(&b, "\x08\x04\x02\x00", 4);
	buf_rand(&b, r, 512);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, TLS12, &b);
	body = begin_message(&b, 13);
	buf_put(&b, "\x02\x01\x40", 3);
	list = buf_hole(&b, 2);
	buf_put(&b, signatures, sizeof(signatures));
	buf_fill(&b, list, 2);
	buf_be16(&b, 0);
	buf_fill(&b, body, 3);
	buf_put(&b, "\x0e\x00\x00\x00", 4);
	tls_record(out, HANDSHAKE, TLS12, &b);
	buf_free(&b);
}

void
ssf_client_flight(struct buf *out, struct rng *r, const struct ssf_keys *k)
{
	struct buf b = { 0 };
	size_t body;

	put_certificates(&b, &k->leaf);
	tls_record(out, HANDSHAKE, TLS12, &b);
	body = begin_message(&b, 16);
	buf_put(&b, "\x02\x00\x31", 3);
	buf_rand(&b, r, 511);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, TLS12, &b);
	body = begin_message(&b, 15);
	buf_put(&b, "\x08\x04\x02\x00", 4);
	buf_rand(&b, r, 512);
	buf_fill(&b, body, 3);
	tls_record(out, HANDSHAKE, TLS12, &b);
	tls_finished(out, r, 40);
	buf_free(&b);
}
