/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS handshakes made here, byte by byte.  Fingerprints: the examples that
 * their authors published (salesforce/ja3 README, FoxIO-LLC/ja4 JA4.md).
 * Handshakes of real programs are in tests/golden/decoders/tls.
 */
#include <stdio.h>
#include <stdlib.h>

#include "seg_drive.h"

extern const struct decoder decoder_tls;

/* -- making handshakes ------------------------------------------------------ */

struct bytes {
	uint8_t	b[140000];
	size_t	len;
};

static void
put(struct bytes *o, const void *p, size_t n)
{
	assert_true(n <= sizeof(o->b) - o->len);
	if (n != 0)
		memcpy(o->b + o->len, p, n);
	o->len += n;
}

static void
put_be(struct bytes *o, uint64_t v, unsigned size)
{
	while (size-- > 0) {
		uint8_t byte = (uint8_t)(v >> size * 8);

		put(o, &byte, 1);
	}
}

/* Pairs of hexadecimal digits; blanks are for the eye. */
static void
put_hex(struct bytes *o, const char *hex)
{
	for (; *hex != '\0'; hex += *hex == ' ' ? 1 : 2)
		if (*hex != ' ')
			put_be(o, (uint64_t)(ascii_hex((uint8_t)hex[0]) << 4 |
			    ascii_hex((uint8_t)hex[1])), 1);
}

static size_t
open_length(struct bytes *o, unsigned size)
{
	put_be(o, 0, size);
	return o->len;
}

static void
close_length(struct bytes *o, size_t at, unsigned size)
{
	size_t n = o->len - at;

	for (unsigned i = 0; i < size; i++)
		o->b[at - 1 - i] = (uint8_t)(n >> i * 8);
}

static void
put_ext(struct bytes *o, unsigned type, const char *hex)
{
	size_t at;

	put_be(o, type, 2);
	at = open_length(o, 2);
	put_hex(o, hex);
	close_length(o, at, 2);
}

/* A handshake message without record. */
static size_t
open_message(struct bytes *o, unsigned type)
{
	put_be(o, type, 1);
	return open_length(o, 3);
}

static void
put_random(struct bytes *o)
{
	for (unsigned i = 0; i < 32; i++)
		put_be(o, 0x40 + i, 1);
}

/* exts: made by put_ext(), or NULL: no block of extensions. */
static void
put_client_hello(struct bytes *o, unsigned version, const char *suites,
    const struct bytes *exts)
{
	size_t message = open_message(o, 1), at;

	put_be(o, version, 2);
	put_random(o);
	put_be(o, 0, 1);
	at = open_length(o, 2);
	put_hex(o, suites);
	close_length(o, at, 2);
	put_hex(o, "01 00");
	if (exts != NULL) {
		put_be(o, exts->len, 2);
		put(o, exts->b, exts->len);
	}
	close_length(o, message, 3);
}

static void
put_server_hello(struct bytes *o, unsigned version, unsigned suite,
    const struct bytes *exts)
{
	size_t message = open_message(o, 2);

	put_be(o, version, 2);
	put_random(o);
	put_be(o, 0, 1);
	put_be(o, suite, 2);
	put_be(o, 0, 1);
	if (exts != NULL) {
		put_be(o, exts->len, 2);
		put(o, exts->b, exts->len);
	}
	close_length(o, message, 3);
}

static void
put_record(struct bytes *o, unsigned type, const void *p, size_t n)
{
	put_be(o, type, 1);
	put_be(o, 0x0301, 2);
	put_be(o, n, 2);
	put(o, p, n);
}

/* -- driving ---------------------------------------------------------------- */

static void
send_all(unsigned dir, const struct bytes *o)
{
	add_seg(dir, o->b, o->len);
}

/* The only event, or NULL. */
static const struct event *
drive(void)
{
	const struct event *e = drive_one(&decoder_tls, KIND_TLS);

	nsegs = 0;
	return e;
}

static void
text_is(const struct event *e, unsigned field, const char *text)
{
	const struct value *v;
	struct buf b;

	assert_non_null(e);
	v = event_get(e, field);
	if (v == NULL)
		fail_msg("%s is missing", field_name(field));
	buf_init(&b, 0);
	value_put(&b, v);
	buf_byte(&b, 0);
	assert_string_equal((char *)b.ptr, text);
	buf_fini(&b);
}

static void
is_missing(const struct event *e, unsigned field)
{
	assert_non_null(e);
	assert_null(event_get(e, field));
}

/* -- fingerprints ----------------------------------------------------------- */

static void
test_ja3(void **state)
{
	static struct bytes hello, record, exts;
	const struct event *e;

	(void)state;
	/* 769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,
	 * 23-24-25,0 */
	put_ext(&exts, 0, "0007 00 0004 612e6263");
	put_ext(&exts, 10, "0006 0017 0018 0019");
	put_ext(&exts, 11, "01 00");
	put_client_hello(&hello, 0x0301, "002f 0035 0005 000a c009 c00a c013 "
	    "c014 0032 0038 0013 0004", &exts);
	put_record(&record, 22, hello.b, hello.len);
	send_all(DIR_CLIENT, &record);
	e = drive();
	text_is(e, FIELD_TLS_JA3_TEXT, "769,47-53-5-10-49161-49162-49171-49172"
	    "-50-56-19-4,0-10-11,23-24-25,0");
	text_is(e, FIELD_TLS_JA3, "ada70206e40642a3e4461f35503241d5");
	text_is(e, FIELD_TLS_SNI, "a.bc");
	text_is(e, FIELD_TLS_CLIENT_VERSION, "TLSv1.0");
	text_is(e, FIELD_TLS_ESTABLISHED, "false");
	is_missing(e, FIELD_TLS_VERSION);
	assert_true(e->time == 100 * NSEC);
	assert_int_equal(e->loc.record, 1);
}

static void
test_ja3_no_extensions(void **state)
{
	static struct bytes hello, record;
	const struct event *e;

	(void)state;
	put_client_hello(&hello, 0x0301, "0004 0005 000a 0009 0064 0062 0003 "
	    "0006 0013 0012 0063", NULL);
	put_record(&record, 22, hello.b, hello.len);
	send_all(DIR_CLIENT, &record);
	e = drive();
	text_is(e, FIELD_TLS_JA3_TEXT,
	    "769,4-5-10-9-100-98-3-6-19-18-99,,,");
	text_is(e, FIELD_TLS_JA3, "de350869b8c85de67a350c8d186f11e6");
	/* no extension: twelve zeroes */
	assert_true(span_ends(event_str(e, FIELD_TLS_JA4),
	    SPAN_LIT("_000000000000")));
}

static void
ja4_hello(struct bytes *record, const char *alpn)
{
	static struct bytes hello, exts;

	hello.len = exts.len = record->len = 0;
	put_ext(&exts, 0x1a1a, "");
	put_ext(&exts, 0x001b, "02 0002");
	put_ext(&exts, 0x0000, "0007 00 0004 612e6263");
	put_ext(&exts, 0x0033, "0000");
	put_ext(&exts, 0x0010, alpn);
	put_ext(&exts, 0x4469, "0000");
	put_ext(&exts, 0x0017, "");
	put_ext(&exts, 0x002d, "01 01");
	put_ext(&exts, 0x000d, "0010 0403 0804 0401 0503 0805 0501 0806 0601");
	put_ext(&exts, 0x0005, "01 0000 0000");
	put_ext(&exts, 0x0023, "");
	put_ext(&exts, 0x0012, "");
	put_ext(&exts, 0x002b, "06 caca 0304 0303");
	put_ext(&exts, 0xff01, "00");
	put_ext(&exts, 0x000b, "01 00");
	put_ext(&exts, 0x000a, "0008 fafa 001d 0017 0018");
	put_ext(&exts, 0x0015, "");
	put_ext(&exts, 0xaaaa, "00");
	put_client_hello(&hello, 0x0303, "7a7a 1301 1302 1303 c02b c02f c02c "
	    "c030 cca9 cca8 c013 c014 009c 009d 002f 0035", &exts);
	put_record(record, 22, hello.b, hello.len);
}

static void
test_ja4(void **state)
{
	static struct bytes record;
	const struct event *e;

	(void)state;
	ja4_hello(&record, "000c 02 6832 08 687474702f312e31");
	send_all(DIR_CLIENT, &record);
	e = drive();
	text_is(e, FIELD_TLS_JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	text_is(e, FIELD_TLS_JA4_R, "t13d1516h2_002f,0035,009c,009d,1301,1302,"
	    "1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_0005,000a,000b,000d,"
	    "0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_0403,0804,0401,"
	    "0503,0805,0501,0806,0601");
	text_is(e, FIELD_TLS_CLIENT_VERSION, "TLSv1.3");
	assert_int_equal(event_get(e, FIELD_TLS_CLIENT_ALPN)->len, 2);
	assert_int_equal(event_get(e, FIELD_TLS_CLIENT_CIPHERS)->len, 16);
	assert_int_equal(event_get(e, FIELD_TLS_CLIENT_EXTS)->len, 18);
}

static void
ja4_alpn_is(const char *alpn, const char *start)
{
	static struct bytes record;

	ja4_hello(&record, alpn);
	send_all(DIR_CLIENT, &record);
	assert_true(span_starts(event_str(drive(), FIELD_TLS_JA4),
	    span_str(start)));
}

/* The table of JA4.md, "ALPN Extension Value". */
static void
test_ja4_alpn(void **state)
{
	(void)state;
	ja4_alpn_is("0009 08 687474702f312e31", "t13d1516h1_");
	ja4_alpn_is("0002 01 68", "t13d1516hh_");
	ja4_alpn_is("0002 01 ab", "t13d1516ab_");
	ja4_alpn_is("0003 02 abcd", "t13d1516ad_");
	ja4_alpn_is("0003 02 30ab", "t13d15163b_");
	ja4_alpn_is("0005 04 3031abcd", "t13d15163d_");
	ja4_alpn_is("0005 04 30abcd31", "t13d151601_");
	ja4_alpn_is("0001 00", "t13d151600_");
	ja4_alpn_is("", "t13d151600_");
}

/* -- the handshake ---------------------------------------------------------- */

/* Client and server flights of a TLS 1.2 handshake with DHE and certificates
 * that are no DER, up to CCS. */
static void
dhe_handshake(struct bytes *client1, struct bytes *server1,
    struct bytes *client2, struct bytes *server2)
{
	static struct bytes m;
	size_t at;

	client1->len = server1->len = client2->len = server2->len = m.len = 0;
	put_client_hello(&m, 0x0303, "009f 00ff", NULL);
	put_record(client1, 22, m.b, m.len);

	m.len = 0;
	put_server_hello(&m, 0x0303, 0x009f, NULL);
	at = open_message(&m, 11);
	put_hex(&m, "00 00 0a 00 00 03 61 62 63 00 00 01 64");
	close_length(&m, at, 3);
	at = open_message(&m, 12);	/* p of 2 + 7 bits */
	put_hex(&m, "0003 00 7f ff 0001 02 0001 05 0401 0001 ff");
	close_length(&m, at, 3);
	put_hex(&m, "0d 00 00 02 00 00");
	put_hex(&m, "0e 00 00 00");
	put_record(server1, 22, m.b, m.len);

	m.len = 0;
	put_hex(&m, "0b 00 00 09 00 00 06 00 00 03 61 62 63");
	put_hex(&m, "10 00 00 03 00 01 07");
	put_hex(&m, "0f 00 00 05 04 01 00 01 ff");
	put_record(client2, 22, m.b, m.len);
	put_hex(client2, "14 0303 0001 01");
	put_hex(client2, "16 0303 0004 ff ff ff ff");
	put_hex(server2, "14 0303 0001 01");
}

static void
test_dhe_both_certs(void **state)
{
	static struct bytes c1, s1, c2, s2;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	send_all(DIR_CLIENT, &c2);
	send_all(DIR_SERVER, &s2);
	e = drive();
	text_is(e, FIELD_TLS_VERSION, "TLSv1.2");
	text_is(e, FIELD_TLS_CIPHER, "009f");
	text_is(e, FIELD_TLS_ESTABLISHED, "true");
	text_is(e, FIELD_TLS_RESUMED, "false");
	text_is(e, FIELD_TLS_CERT_REQUEST, "true");
	text_is(e, FIELD_TLS_CLIENT_CERT, "true");
	text_is(e, FIELD_TLS_SAME_LEAF, "true");
	text_is(e, FIELD_TLS_CHAIN_LEN, "2");
	/* SHA-1 of "abc", FIPS 180-2 */
	text_is(e, FIELD_TLS_CERT_SHA1,
	    "a9993e364706816aba3e25717850c26c9cd0d89d");
	text_is(e, FIELD_TLS_DH_BITS, "15");
	/* printf '\x7f\xff' | sha256sum */
	text_is(e, FIELD_TLS_DH_PRIME_SHA256, "fc5c2283015b212d975b85e56b2a75aa"
	    "c4b50bd5aba30cbe74f62857c380bd47");
	text_is(e, FIELD_TLS_SKE_LEN, "20");
	text_is(e, FIELD_TLS_CKE_LEN, "7");
	text_is(e, FIELD_TLS_CV_LEN, "9");
	is_missing(e, FIELD_TLS_SUBJECT);
	is_missing(e, FIELD_TLS_CURVE);
	assert_true(weirds.count[WEIRD_X509_BAD] != 0);
	assert_true(weirds.count[WEIRD_TLS_BAD] == 0);
}

/* The same, a byte a segment. */
static void
test_byte_by_byte(void **state)
{
	static struct bytes flight[4];
	const struct event *e;

	(void)state;
	dhe_handshake(&flight[0], &flight[1], &flight[2], &flight[3]);
	for (unsigned f = 0; f < 4; f++)
		for (size_t i = 0; i < flight[f].len; i++)
			add_seg(f % 2, flight[f].b + i, 1);
	e = drive();
	text_is(e, FIELD_TLS_ESTABLISHED, "true");
	text_is(e, FIELD_TLS_SAME_LEAF, "true");
	text_is(e, FIELD_TLS_DH_BITS, "15");
	assert_int_equal(e->loc.record, 1);
	assert_true(weirds.count[WEIRD_TLS_BAD] == 0);
}

/* Records of seven bytes: messages span them. */
static void
test_split_records(void **state)
{
	static struct bytes flight[4], out[4];
	const struct event *e;

	(void)state;
	dhe_handshake(&flight[0], &flight[1], &flight[2], &flight[3]);
	for (unsigned f = 0; f < 2; f++) {
		for (size_t i = 5; i < flight[f].len; i += 7)
			put_record(&out[f], 22, flight[f].b + i,
			    MIN_OF((size_t)7, flight[f].len - i));
		send_all(f % 2, &out[f]);
	}
	send_all(DIR_CLIENT, &flight[2]);
	send_all(DIR_SERVER, &flight[3]);
	e = drive();
	text_is(e, FIELD_TLS_ESTABLISHED, "true");
	text_is(e, FIELD_TLS_DH_BITS, "15");
	text_is(e, FIELD_TLS_SAME_LEAF, "true");
	text_is(e, FIELD_TLS_CHAIN_LEN, "2");
	assert_true(weirds.count[WEIRD_TLS_BAD] == 0);
}

static void
test_resumed(void **state)
{
	static struct bytes c1, s1, c2, s2, m;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	put_server_hello(&m, 0x0303, 0x009f, NULL);
	s1.len = c2.len = 0;
	put_record(&s1, 22, m.b, m.len);
	put_hex(&s1, "14 0303 0001 01");
	put_hex(&c2, "14 0303 0001 01");
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	send_all(DIR_CLIENT, &c2);
	e = drive();
	text_is(e, FIELD_TLS_RESUMED, "true");
	text_is(e, FIELD_TLS_ESTABLISHED, "true");
	is_missing(e, FIELD_TLS_CERT_SHA1);
}

/* TLS 1.3: HelloRetryRequest, then the real one with a PSK. */
static void
test_tls13(void **state)
{
	static struct bytes c1, s1, c2, s2, m, exts;
	static const uint8_t retry[] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
		0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
		0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
		0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
	};
	const struct event *e;

	(void)state;
	put_ext(&exts, 43, "02 0304");
	put_client_hello(&m, 0x0303, "1301", &exts);
	put_record(&c1, 22, m.b, m.len);
	m.len = exts.len = 0;
	put_ext(&exts, 43, "0304");
	put_ext(&exts, 51, "0018");
	put_server_hello(&m, 0x0303, 0x1301, &exts);
	memcpy(m.b + 6, retry, 32);
	put_record(&s1, 22, m.b, m.len);
	put_hex(&s1, "14 0303 0001 01");
	put_hex(&c2, "14 0303 0001 01");
	put(&c2, c1.b, c1.len);
	m.len = exts.len = 0;
	put_ext(&exts, 43, "0304");
	put_ext(&exts, 51, "001d 0001 07");
	put_ext(&exts, 41, "0000");
	put_server_hello(&m, 0x0303, 0x1301, &exts);
	put_record(&s2, 22, m.b, m.len);
	put_hex(&s2, "17 0303 0003 01 02 03");
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	send_all(DIR_CLIENT, &c2);
	send_all(DIR_SERVER, &s2);
	m.len = 0;
	put_hex(&m, "17 0303 0035");		/* as long as Finished */
	send_all(DIR_CLIENT, &m);
	e = drive();
	text_is(e, FIELD_TLS_VERSION, "TLSv1.3");
	text_is(e, FIELD_TLS_CURVE, "x25519");
	text_is(e, FIELD_TLS_RESUMED, "true");
	text_is(e, FIELD_TLS_ESTABLISHED, "true");
	is_missing(e, FIELD_TLS_CLIENT_CERT);
}

static void
test_alert(void **state)
{
	static struct bytes c1, s1, c2, s2;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	s1.len = 0;
	put_hex(&s1, "15 0301 0002 01 70");	/* a warning */
	put_hex(&s1, "15 0301 0002 02 28");
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	send_all(DIR_CLIENT, &c2);		/* is not read any more */
	e = drive();
	text_is(e, FIELD_TLS_ALERT, "unrecognized_name");
	text_is(e, FIELD_TLS_ESTABLISHED, "false");
	is_missing(e, FIELD_TLS_CKE_LEN);
}

static void
test_gap(void **state)
{
	static struct bytes c1, s1, c2, s2;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	segs[1].lost = 7;
	e = drive();
	text_is(e, FIELD_TLS_CLIENT_VERSION, "TLSv1.2");
	is_missing(e, FIELD_TLS_VERSION);
}

/* What came before the break in a record is told. */
static void
test_cut(void **state)
{
	static struct bytes c1, s1, c2, s2;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	send_all(DIR_CLIENT, &c1);
	add_seg(DIR_SERVER, s1.b, 5 + 4 + 38 + 4 + 13 + 6);
	segs[1].end = true;
	e = drive();
	text_is(e, FIELD_TLS_VERSION, "TLSv1.2");
	text_is(e, FIELD_TLS_CHAIN_LEN, "2");
	text_is(e, FIELD_TLS_SKE_LEN, "20");
	is_missing(e, FIELD_TLS_DH_BITS);
}

static void
test_ssl2_hello(void **state)
{
	static struct bytes o;
	const struct event *e;

	(void)state;
	put_hex(&o, "80 22 01 0303 0009 0000 0010 00002f 000035 0000ff");
	put_random(&o);
	o.len -= 16;
	send_all(DIR_CLIENT, &o);
	e = drive();
	text_is(e, FIELD_TLS_CLIENT_VERSION, "TLSv1.2");
	assert_int_equal(event_get(e, FIELD_TLS_CLIENT_CIPHERS)->len, 3);
	is_missing(e, FIELD_TLS_JA3);
}

/* -- hostile bytes ---------------------------------------------------------- */

static void
test_bad_record(void **state)
{
	static struct bytes c1, s1, c2, s2;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	s1.len = 0;
	put_hex(&s1, "48 54 54 50 2f 31 2e 31 20 34 30 30");
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	e = drive();
	text_is(e, FIELD_TLS_ESTABLISHED, "false");
	assert_true(weirds.count[WEIRD_TLS_BAD] == 1);
}

/* Extensions that break off: the rest is told. */
static void
test_torn_extensions(void **state)
{
	static struct bytes m, o, exts;
	const struct event *e;

	(void)state;
	put_ext(&exts, 0, "0007 00 0004 612e6263");
	put_hex(&exts, "000a 00ff 00");
	put_client_hello(&m, 0x0303, "002f", &exts);
	put_record(&o, 22, m.b, m.len);
	send_all(DIR_CLIENT, &o);
	e = drive();
	text_is(e, FIELD_TLS_SNI, "a.bc");
	assert_int_equal(event_get(e, FIELD_TLS_CLIENT_EXTS)->len, 1);
	assert_true(weirds.count[WEIRD_TLS_BAD] == 1);
}

static void
test_torn_hello(void **state)
{
	static struct bytes m, o;

	(void)state;
	put_client_hello(&m, 0x0303, "002f", NULL);
	m.b[4 + 34] = 0xff;			/* length of the session */
	put_record(&o, 22, m.b, m.len);
	send_all(DIR_CLIENT, &o);
	assert_null(drive());
	assert_true(weirds.count[WEIRD_TLS_BAD] == 1);
}

/* A message over TLS_MESSAGE_MAX is passed over, what follows is read. */
static void
test_large_message(void **state)
{
	static struct bytes c1, s1, c2, s2, o, m;
	static uint8_t filler[16000];
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	put_server_hello(&m, 0x0303, 0x009f, NULL);
	put_hex(&m, "0b 01 38 80");		/* 80,000 bytes */
	put_record(&o, 22, m.b, m.len);
	for (unsigned i = 0; i < 5; i++)
		put_record(&o, 22, filler, sizeof(filler));
	m.len = 0;
	put_hex(&m, "0e 00 00 00");
	put_record(&o, 22, m.b, m.len);
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &o);
	send_all(DIR_CLIENT, &c2);
	send_all(DIR_SERVER, &s2);
	e = drive();
	text_is(e, FIELD_TLS_ESTABLISHED, "true");
	text_is(e, FIELD_TLS_RESUMED, "false");
	is_missing(e, FIELD_TLS_CERT_SHA1);
	assert_true(weirds.count[WEIRD_TLS_LIMIT] == 1);
}

static void
test_not_wanted(void **state)
{
	static struct bytes c1, s1, c2, s2;
	const struct event *e;

	(void)state;
	dhe_handshake(&c1, &s1, &c2, &s2);
	memset(&want, 0, sizeof(want));
	send_all(DIR_CLIENT, &c1);
	assert_null(drive());

	demand_kind(&want, KIND_TLS);
	demand_field(&want, FIELD_TLS_CIPHER);
	send_all(DIR_CLIENT, &c1);
	send_all(DIR_SERVER, &s1);
	e = drive();
	text_is(e, FIELD_TLS_CIPHER, "009f");
	assert_int_equal(e->nfields, 1);
}

static enum probe_result
probe(const char *hex, unsigned dir)
{
	static struct bytes o;
	struct probe p = { .dir = (uint8_t)dir, .sport = 1, .dport = 2 };

	o.len = 0;
	put_hex(&o, hex);
	p.data = span_of(o.b, o.len);
	return decoder_tls.probe(&p);
}

static void
test_probe(void **state)
{
	(void)state;
	assert_int_equal(probe("16 03 01 00 50 01", DIR_CLIENT), PROBE_YES);
	assert_int_equal(probe("16 03 03 00 50 02", DIR_SERVER), PROBE_YES);
	assert_int_equal(probe("16 03 03 00 50 02", DIR_CLIENT), PROBE_SWAP);
	assert_int_equal(probe("16 03 01", DIR_CLIENT), PROBE_MORE);
	assert_int_equal(probe("16", DIR_CLIENT), PROBE_MORE);
	assert_int_equal(probe("16 fe ff 00 00 00", DIR_CLIENT), PROBE_NO);
	assert_int_equal(probe("16 03 01 ff ff 01", DIR_CLIENT), PROBE_NO);
	assert_int_equal(probe("47 45 54 20 2f 20", DIR_CLIENT), PROBE_NO);
	assert_int_equal(probe("80 2e 01 03 01 00 15", DIR_CLIENT), PROBE_YES);
	assert_int_equal(probe("80 2e 01 00 02 00 15", DIR_CLIENT), PROBE_NO);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ja3),
		TEST(test_ja3_no_extensions),
		TEST(test_ja4),
		TEST(test_ja4_alpn),
		TEST(test_dhe_both_certs),
		TEST(test_byte_by_byte),
		TEST(test_split_records),
		TEST(test_resumed),
		TEST(test_tls13),
		TEST(test_alert),
		TEST(test_gap),
		TEST(test_cut),
		TEST(test_ssl2_hello),
		TEST(test_bad_record),
		TEST(test_torn_extensions),
		TEST(test_torn_hello),
		TEST(test_large_message),
		TEST(test_not_wanted),
		TEST(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
