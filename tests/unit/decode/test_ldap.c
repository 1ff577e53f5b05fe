/* SPDX-License-Identifier: Apache-2.0
 *
 * LDAP: messages built element by element after RFC 4511 appendix B; filters
 * after RFC 4515 4.  The golden captures were read with tshark too.
 */
#include "ad_drive.h"

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
	if (tag & 0x20 || len > 127) {	/* as Windows writes lengths */
		buf_byte(&b, 0x84);
		for (unsigned i = 0; i < 4; i++)
			buf_byte(&b, (uint8_t)(len >> (24 - 8 * i)));
	} else {
		buf_byte(&b, (uint8_t)len);
	}
	for (unsigned i = 0; in[i].ptr != NULL; i++)
		buf_span(&b, in[i]);
	s = exact(buf_view(&b));
	buf_fini(&b);
	return s;
}
#define TLV(tag, ...) \
	tlv_(tag, (struct span[]){ __VA_ARGS__, { NULL, 0 } })
#define SEQ(...)	TLV(0x30, __VA_ARGS__)
#define INT(h)		TLV(2, hex(h))
#define ENUM(h)		TLV(10, hex(h))
#define STR(s)		TLV(4, span_str(s))
#define EQ(a, v)	TLV(0xa3, STR(a), STR(v))
#define ANY(a)		TLV(0x87, span_str(a))
#define MSG(id, ...)	SEQ(INT(id), __VA_ARGS__)
#define SEARCH(scope, filter)						\
	TLV(0x63, STR("dc=lab"), ENUM(scope), ENUM("00"), INT("00"),	\
	    INT("00"), TLV(1, hex("00")), filter,			\
	    SEQ(STR("cn"), STR("memberOf")))
#define RESULT(tag, code)						\
	TLV(tag, ENUM(code), STR(""), STR("text"))

static void
start(void)
{
	drive_init("ldap", 6, 389);
}

static void
finish(unsigned events, uint64_t bad)
{
	drive_close();
	assert_int_equal(dr.batch.nevents, events);
	assert_int_equal(dr.weirds.count[WEIRD_LDAP_BAD], bad);
}

static void
filters(void **unused)
{
	(void)unused;
	start();
#define F(f, want)							\
	do {								\
		drive_bytes(0, MSG("07", SEARCH("02", f)), 100000);	\
		drive_bytes(1, MSG("07", RESULT(0x65, "00")), 7);	\
		CHECK(dr.batch.nevents - 1, FIELD_LDAP_FILTER, want);	\
	} while (0)
	F(ANY("servicePrincipalName"), "(servicePrincipalName=*)");
	F(EQ("cn", "a*(b)\\"), "(cn=a\\2a\\28b\\29\\5c)");
	F(TLV(0xa0, EQ("a", "1"), TLV(0xa1, EQ("b", "2"), ANY("c")),
	    TLV(0xa2, ANY("d"))), "(&(a=1)(|(b=2)(c=*))(!(d=*)))");
	F(TLV(0xa4, STR("cn"), SEQ(TLV(0x81, span_str("x")),
	    TLV(0x82, span_str("y")))), "(cn=*x*y)");
	F(TLV(0xa5, STR("n"), STR("5")), "(n>=5)");
	F(TLV(0xa6, STR("n"), STR("5")), "(n<=5)");
	F(TLV(0xa8, STR("n"), STR("5")), "(n~=5)");
	F(TLV(0xa9, TLV(0x81, span_str("1.2.840.113556.1.4.803")),
	    TLV(0x82, span_str("userAccountControl")),
	    TLV(0x83, span_str("4194304"))),
	    "(userAccountControl:1.2.840.113556.1.4.803:=4194304)");
	F(TLV(0xa9, TLV(0x82, span_str("o")), TLV(0x83, span_str("v")),
	    TLV(0x84, hex("ff"))), "(o:dn:=v)");
	F(EQ("b", "\x01\xff"), "(b=\\01\\ff)");
	F(TLV(0xa0, SPAN_LIT("")), "(&)");
	CHECK(0, FIELD_LDAP_ATTRIBUTES, "cn memberOf");
	CHECK(0, FIELD_LDAP_SCOPE, "sub");
	CHECK(0, FIELD_LDAP_NAME, "dc=lab");
	finish(11, 0);
	drive_fini();
}

/* 2,000 nots in each other: walked without recursion, cut. */
static void
deep_filter(void **unused)
{
	static uint8_t b[2000 * 6];

	(void)unused;
	start();
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = sizeof(b) - 6 * (i + 1);
		uint8_t head[6] = { 0xa2, 0x84, 0, 0, (uint8_t)(len >> 8),
		    (uint8_t)len };

		memcpy(b + 6 * i, head, 6);
	}
	drive_bytes(0, MSG("01", SEARCH("02", span_of(b, sizeof(b)))),
	    100000);
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	assert_int_equal(dr.weirds.count[WEIRD_LDAP_LIMIT], 1);
	assert_int_equal(strncmp(text(0, FIELD_LDAP_FILTER), "(!(!(!", 6), 0);
	drive_fini();
}

static void
session(void **unused)
{
	(void)unused;
	for (size_t step = 1; step < 200; step += 66) {
		start();
		drive_bytes(0, MSG("01", TLV(0x60, INT("03"), STR("cn=x"),
		    TLV(0x80, span_str("secret")))), step);
		drive_bytes(1, MSG("01", RESULT(0x61, "31")), step);
		drive_bytes(0, MSG("02", SEARCH("01", ANY("a"))), step);
		for (unsigned i = 0; i < 3; i++)
			drive_bytes(1, MSG("02", TLV(0x64, STR("cn=e"),
			    SEQ(SPAN_LIT("")))), step);
		drive_bytes(1, MSG("02", RESULT(0x65, "04")), step);
		drive_bytes(0, MSG("03", TLV(0x60, INT("03"), STR(""),
		    TLV(0x80, SPAN_LIT("")))), step);
		drive_bytes(0, MSG("04", TLV(0x4a, span_str("cn=gone"))),
		    step);
		finish(4, 0);
		CHECK(0, FIELD_LDAP_OPERATION, "bind");
		CHECK(0, FIELD_LDAP_MECHANISM, "simple");
		CHECK(0, FIELD_LDAP_NAME, "cn=x");
		CHECK(0, FIELD_LDAP_RESULT, "invalidCredentials");
		CHECK(0, FIELD_LDAP_CODE, "49");
		CHECK(1, FIELD_LDAP_SCOPE, "one");
		CHECK(1, FIELD_LDAP_ENTRIES, "3");
		CHECK(1, FIELD_LDAP_RESULT, "sizeLimitExceeded");
		CHECK(2, FIELD_LDAP_MECHANISM, "anonymous");
		CHECK(2, FIELD_LDAP_RESULT, "-");
		CHECK(3, FIELD_LDAP_OPERATION, "delete");
		CHECK(3, FIELD_LDAP_NAME, "cn=gone");
		drive_fini();
	}
}

static void
limits(void **unused)
{
	struct span big;
	uint8_t *p;

	(void)unused;
	start();	/* one more than waits: the oldest is told */
	for (unsigned i = 0; i < 33; i++)
		drive_bytes(0, MSG("05", SEARCH("00", ANY("a"))), 100000);
	assert_int_equal(dr.batch.nevents, 1);
	assert_int_equal(dr.weirds.count[WEIRD_LDAP_LIMIT], 1);
	finish(33, 0);
	drive_fini();
	start();	/* an entry of 200 KB is counted and passed over */
	p = arena_zalloc(&dr.batch.arena, 200000);
	big = MSG("02", TLV(0x64, STR("cn=e"), span_of(p, 200000)));
	drive_bytes(0, MSG("02", SEARCH("02", ANY("a"))), 100000);
	drive_bytes(1, big, 1000);
	drive_bytes(1, MSG("02", RESULT(0x65, "00")), 1000);
	finish(1, 0);
	CHECK(0, FIELD_LDAP_ENTRIES, "1");
	CHECK(0, FIELD_LDAP_RESULT, "success");
	drive_fini();
}

/* A buffer as SASL frames it: head, text, tail. */
static struct span
sasl(const char *head, struct span text, const char *tail)
{
	struct span h = hex(head), t = hex(tail);
	struct buf b;
	struct span s;

	buf_init(&b, 0);
	for (unsigned i = 0; i < 4; i++)
		buf_byte(&b, (uint8_t)((h.len + text.len + t.len) >>
		    (24 - 8 * i)));
	buf_span(&b, h);
	buf_span(&b, text);
	buf_span(&b, t);
	s = exact(buf_view(&b));
	buf_fini(&b);
	return s;
}

/* RFC 4121 4.2.6.2: the sum behind the text or turned to its front; NTLM's
 * signature; by tshark the same as what Samba and its clients send. */
#define SUM		"a1a2a3a4a5a6a7a8a9aaabac"
#define KRB_TURNED	"050404ff000c000c0000000000000001" SUM
#define KRB_PLAIN	"050404ff000c00000000000000000002"
#define NTLM_SUM	"01000000b1b2b3b4b5b6b7b800000000"

static void
signed_not_sealed(void **unused)
{
	static uint8_t large[70000];

	(void)unused;
	for (size_t step = 1; step < 200; step += 66) {
		start();
		drive_bytes(0, sasl(KRB_TURNED, MSG("02", SEARCH("02",
		    ANY("one"))), ""), step);
		drive_bytes(1, sasl(KRB_TURNED, MSG("02", TLV(0x64,
		    STR("cn=e"), SEQ(SPAN_LIT("")))), ""), step);
		drive_bytes(0, sasl(KRB_PLAIN, MSG("03", SEARCH("00",
		    ANY("two"))), SUM), step);
		drive_bytes(1, sasl(KRB_TURNED, MSG("02", RESULT(0x65, "00")),
		    ""), step);
		drive_bytes(1, sasl(KRB_PLAIN, MSG("03", RESULT(0x65, "20")),
		    SUM), step);
		drive_bytes(0, sasl(NTLM_SUM, MSG("04", SEARCH("00",
		    ANY("three"))), ""), step);
		finish(3, 0);
		CHECK(0, FIELD_LDAP_FILTER, "(one=*)");
		CHECK(0, FIELD_LDAP_ENTRIES, "1");
		CHECK(1, FIELD_LDAP_FILTER, "(two=*)");
		CHECK(1, FIELD_LDAP_RESULT, "noSuchObject");
		CHECK(2, FIELD_LDAP_FILTER, "(three=*)");
		drive_fini();
	}
	start();	/* an answer of 70 KB is passed over, the next is read */
	drive_bytes(0, sasl(KRB_TURNED, MSG("02", SEARCH("02", ANY("a"))),
	    ""), 1000);
	drive_bytes(1, sasl(KRB_TURNED, span_of(large, sizeof(large)), ""),
	    1000);
	drive_bytes(1, sasl(KRB_TURNED, MSG("02", RESULT(0x65, "00")), ""),
	    1000);
	assert_int_equal(dr.weirds.count[WEIRD_LDAP_LIMIT], 1);
	finish(1, 0);
	CHECK(0, FIELD_LDAP_RESULT, "success");
	drive_fini();
	start();	/* a message that goes on in the next buffer */
	drive_bytes(1, sasl(KRB_TURNED, hex("3084000000ff 020102 64"), ""),
	    1000);
	drive_bytes(1, sasl(KRB_TURNED, hex("0102030405060708"), ""), 1000);
	drive_bytes(0, sasl(KRB_TURNED, MSG("03", SEARCH("00", ANY("b"))),
	    ""), 1000);
	finish(1, 0);
	drive_fini();
}

static void
broken(void **unused)
{
	static const char *const bad[] = {
		"3080020101638000",		/* indefinite length */
		"3085010000000002",		/* length of 5 bytes */
		"3003040101",			/* no message id */
		"300702020000ffff01",		/* tag ff */
		"30050201016380",		/* indefinite operation */
	};
	static const char *const sealed[] = {
		"00000018 050406ff0000001c0000000000000001 3003020101aabbcc",
		"00000003 050404",			/* no token */
		"00000010 050404ff001000000000000000000001", /* EC too large */
		"00000012 050404ff000200010000000000000001 aabb",   /* RRC */
		"00000002 6082",	/* RFC 1964's are not read */
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		start();
		drive_bytes(0, hex(bad[i]), 1000);
		drive_close();
		assert_int_equal(dr.batch.nevents, 0);
		drive_fini();
	}
	start();	/* a bind without a name, a filter that is none */
	drive_bytes(0, MSG("01", TLV(0x60, INT("03"))), 1000);
	drive_bytes(0, MSG("02", SEARCH("00", INT("03"))), 1000);
	finish(2, 2);
	drive_fini();
	for (size_t i = 0; i < NITEMS(sealed); i++) {
		start();
		drive_bytes(0, hex(sealed[i]), 1000);
		assert_int_equal(dr.dec.action, DEC_DONE);
		finish(0, 0);
		drive_fini();
	}
}

static void
probed(void **unused)
{
	(void)unused;
	start();
	assert_int_equal(drive_probe(MSG("01", SEARCH("00", ANY("a"))), 0,
	    false), PROBE_YES);
	assert_int_equal(drive_probe(MSG("01", TLV(0x60, INT("03"),
	    STR(""))), 0, true), PROBE_YES);
	assert_int_equal(drive_probe(hex("30"), 0, false), PROBE_MORE);
	assert_int_equal(drive_probe(hex("30800201"), 0, false), PROBE_NO);
	/* SNMP: version, then OCTET STRING community */
	assert_int_equal(drive_probe(hex("300f020101 0406 7075626c6963a002"),
	    0, false), PROBE_NO);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters), cmocka_unit_test(session),
		cmocka_unit_test(limits), cmocka_unit_test(signed_not_sealed),
		cmocka_unit_test(broken),
		cmocka_unit_test(probed), cmocka_unit_test(deep_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
