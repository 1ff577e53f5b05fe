/* SPDX-License-Identifier: Apache-2.0
 *
 * Kerberos 5: messages built element by element after RFC 4120 appendix A.  The
 * golden captures are of a real KDC; here are the joins and the broken ones.
 */
#include "ad_drive.h"

/* One element around the others (up to 8, ended by a span without pointer). */
static struct span
tlv_(uint8_t tag, const struct span *in)
{
	struct buf b;
	struct span s;
	size_t len = 0;

	for (unsigned i = 0; in[i].ptr != NULL; i++)
		len += in[i].len;
	buf_init(&b, 0);
	buf_byte(&b, tag);
	if (len >= 128) {
		buf_byte(&b, 0x82);
		buf_byte(&b, (uint8_t)(len >> 8));
	}
	buf_byte(&b, (uint8_t)len);
	for (unsigned i = 0; in[i].ptr != NULL; i++)
		buf_span(&b, in[i]);
	s = exact(buf_view(&b));
	buf_fini(&b);
	return s;
}
#define TLV(tag, ...) \
	tlv_(tag, (struct span[]){ __VA_ARGS__, { NULL, 0 } })
#define SEQ(...)	TLV(0x30, __VA_ARGS__)
#define CTX(n, ...)	TLV(0xa0 | (n), __VA_ARGS__)
#define INT(n)		TLV(2, hex(n))
#define STR(s)		TLV(0x1b, span_str(s))
#define REALM		STR("LAB.TEST")
#define NAME1(a)	SEQ(CTX(0, INT("01")), CTX(1, SEQ(STR(a))))
#define NAME2(a, b)	SEQ(CTX(0, INT("02")), CTX(1, SEQ(STR(a), STR(b))))
#define ENC(etype)	SEQ(CTX(0, INT(etype)), CTX(2, TLV(4, hex("0011"))))

/* AS-REQ with PA-ENC-TIMESTAMP or not, etypes 18 and 23. */
static struct span
as_req(const char *nonce, bool preauth)
{
	struct span pa = SEQ(CTX(1, INT("0080")), CTX(2, TLV(4, hex("30"))));

	if (preauth)
		pa = SEQ(CTX(1, INT("02")), CTX(2, TLV(4, ENC("12"))));
	return TLV(0x6a, SEQ(CTX(1, INT("05")), CTX(2, INT("0a")),
	    CTX(3, SEQ(pa)), CTX(4, SEQ(
	    CTX(0, TLV(3, hex("00 40810010"))), CTX(1, NAME1("alice")),
	    CTX(2, REALM), CTX(3, NAME2("krbtgt", "LAB.TEST")),
	    CTX(5, TLV(0x18, span_str("20370913024805Z"))),
	    TLV(0xa7, INT(nonce)),
	    TLV(0xa8, SEQ(INT("12"), INT("17")))))));
}

static struct span
tgs_req(const char *nonce)
{
	return TLV(0x6c, SEQ(CTX(1, INT("05")), CTX(2, INT("0c")),
	    CTX(4, SEQ(CTX(0, TLV(3, hex("00 40810000"))), CTX(2, REALM),
	    CTX(3, NAME2("HTTP", "web.lab.test")),
	    CTX(5, TLV(0x18, span_str("20370913024805Z"))),
	    TLV(0xa7, INT(nonce)),
	    /* 18, 23, -135 */
	    TLV(0xa8, SEQ(INT("12"), INT("17"), INT("ff79")))))));
}

static struct span
rep(uint8_t type, struct span sname, const char *ticket, const char *own)
{
	char t[3];

	snprintf(t, sizeof(t), "%02x", type);
	return TLV(0x60 | type, SEQ(CTX(0, INT("05")), CTX(1, INT(t)),
	    CTX(3, REALM), CTX(4, NAME1("alice")),
	    CTX(5, TLV(0x61, SEQ(CTX(0, INT("05")), CTX(1, REALM),
	    CTX(2, sname), CTX(3, ENC(ticket))))),
	    CTX(6, ENC(own))));
}

static struct span
krb_error(const char *code)
{
	return TLV(0x7e, SEQ(CTX(0, INT("05")), CTX(1, INT("1e")),
	    CTX(4, TLV(0x18, span_str("20261123065509Z"))),
	    CTX(5, INT("00")), CTX(6, INT(code)), TLV(0xa9, REALM),
	    TLV(0xaa, NAME2("krbtgt", "LAB.TEST"))));
}

static void
test_as(void **state)
{
	struct span q, a;

	(void)state;
	drive_init("krb5", IPPROTO_N_UDP, 8888);
	q = as_req("01", false);
	a = krb_error("19");
	assert_int_equal(drive_probe(q, DIR_CLIENT, true), PROBE_YES);
	assert_int_equal(drive_probe(a, DIR_CLIENT, true), PROBE_SWAP);
	drive_dgram(DIR_CLIENT, q);
	drive_dgram(DIR_CLIENT, q);	/* sent again */
	drive_dgram(DIR_SERVER, a);
	drive_dgram(DIR_CLIENT, as_req("02", true));
	drive_dgram(DIR_SERVER, rep(11, NAME2("krbtgt", "LAB.TEST"), "12",
	    "12"));
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_KRB_TYPE, "AS");
	CHECK(0, FIELD_KRB_CLIENT, "alice@LAB.TEST");
	CHECK(0, FIELD_KRB_SERVICE, "krbtgt/LAB.TEST@LAB.TEST");
	CHECK(0, FIELD_KRB_REALM, "LAB.TEST");
	CHECK(0, FIELD_KRB_REQ_ETYPES, "18 23");
	CHECK(0, FIELD_KRB_OPTIONS, "0x40810010");
	CHECK(0, FIELD_KRB_PREAUTH, "false");
	CHECK(0, FIELD_KRB_ERROR, "KDC_ERR_PREAUTH_REQUIRED");
	CHECK(0, FIELD_KRB_ERROR_CODE, "25");
	CHECK(0, FIELD_KRB_SUCCESS, "false");
	CHECK(0, FIELD_KRB_TICKET_ETYPE, "-");
	CHECK(1, FIELD_KRB_PREAUTH, "true");
	CHECK(1, FIELD_KRB_TICKET_ETYPE, "18");
	CHECK(1, FIELD_KRB_SUCCESS, "true");
	CHECK(1, FIELD_KRB_ERROR, "-");
	assert_int_equal(ev(1)->loc.record, 4);
	drive_close();
	assert_int_equal(dr.batch.nevents, 2);
	drive_fini();
}

/* The ticket's etype is not the reply's own. */
static void
test_tgs(void **state)
{
	struct span q, a, stream;
	struct buf b;

	(void)state;
	for (unsigned step = 1; step < 5000; step += 4000) {
		drive_init("krb5", IPPROTO_N_TCP, 88);
		q = tgs_req("00aabbcc");
		a = rep(13, NAME2("HTTP", "web.lab.test"), "17", "12");
		buf_init(&b, 0);
		buf_put(&b, (uint8_t[4]){ 0, 0, 0, (uint8_t)q.len }, 4);
		buf_span(&b, q);
		stream = exact(buf_view(&b));
		assert_int_equal(drive_probe(stream, DIR_CLIENT, false),
		    PROBE_YES);
		assert_int_equal(drive_probe(span_sub(stream, 0, 9),
		    DIR_CLIENT, false), PROBE_MORE);
		drive_bytes(DIR_CLIENT, stream, step);
		buf_reset(&b);
		buf_put(&b, (uint8_t[4]){ 0, 0, (uint8_t)(a.len >> 8),
		    (uint8_t)a.len }, 4);
		buf_span(&b, a);
		drive_bytes(DIR_SERVER, exact(buf_view(&b)), step);
		buf_fini(&b);
		assert_int_equal(dr.batch.nevents, 1);
		CHECK(0, FIELD_KRB_TYPE, "TGS");
		CHECK(0, FIELD_KRB_CLIENT, "alice@LAB.TEST");
		CHECK(0, FIELD_KRB_SERVICE, "HTTP/web.lab.test@LAB.TEST");
		CHECK(0, FIELD_KRB_REQ_ETYPES, "18 23 -135");
		CHECK(0, FIELD_KRB_TICKET_ETYPE, "23");
		CHECK(0, FIELD_KRB_REPLY_ETYPE, "18");
		drive_close();
		drive_fini();
	}
}

/* Replies and requests whose counterpart was not seen. */
static void
test_alone(void **state)
{
	(void)state;
	drive_init("krb5", IPPROTO_N_UDP, 88);
	drive_dgram(DIR_SERVER, rep(13, NAME1("svc"), "17", "11"));
	drive_dgram(DIR_SERVER, krb_error("06"));
	drive_dgram(DIR_SERVER, krb_error("7f"));
	drive_dgram(DIR_CLIENT, as_req("05", true));
	drive_close();
	assert_int_equal(dr.batch.nevents, 4);
	CHECK(0, FIELD_KRB_TYPE, "TGS");
	CHECK(0, FIELD_KRB_SERVICE, "svc@LAB.TEST");
	CHECK(0, FIELD_KRB_PREAUTH, "-");
	CHECK(1, FIELD_KRB_TYPE, "KRB-ERROR");
	CHECK(1, FIELD_KRB_ERROR, "KDC_ERR_C_PRINCIPAL_UNKNOWN");
	CHECK(2, FIELD_KRB_ERROR, "KRB_ERROR_127");
	CHECK(3, FIELD_KRB_TYPE, "AS");
	CHECK(3, FIELD_KRB_SUCCESS, "-");
	drive_fini();
}

static void
test_broken(void **state)
{
	struct span q;
	uint8_t *bytes;

	(void)state;
	drive_init("krb5", IPPROTO_N_UDP, 88);
	q = as_req("05", true);
	/* cut anywhere, or one byte changed: no crash, no lost memory */
	for (size_t n = 1; n < q.len; n++)
		drive_dgram(DIR_CLIENT, span_sub(q, 0, n));
	assert_int_equal(dr.weirds.count[WEIRD_KRB_BAD], q.len - 1);
	assert_int_equal(drive_probe(span_sub(q, 0, 20), DIR_CLIENT, true),
	    PROBE_NO);
	assert_int_equal(drive_probe(hex("6a81a53081a2a103020104a20302010a"
	    "a31a3018300aa10402020096a2020400300aa10402020095a2020400"),
	    DIR_CLIENT, false), PROBE_NO);
	for (size_t n = 0; n < q.len; n++) {
		bytes = (uint8_t *)(uintptr_t)exact(q).ptr;
		bytes[n] ^= 0xff;
		drive_dgram(DIR_CLIENT, span_of(bytes, q.len));
	}
	drive_close();
	drive_fini();
}

static void
test_pending_limit(void **state)
{
	char nonce[8];

	(void)state;
	drive_init("krb5", IPPROTO_N_UDP, 88);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(nonce, sizeof(nonce), "%02x", i);
		drive_dgram(DIR_CLIENT, as_req(nonce, false));
	}
	assert_int_equal(dr.batch.nevents, 4);
	assert_int_equal(dr.weirds.count[WEIRD_KRB_PENDING], 4);
	drive_close();
	assert_int_equal(dr.batch.nevents, 20);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as), cmocka_unit_test(test_tgs),
		cmocka_unit_test(test_alone), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_pending_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
