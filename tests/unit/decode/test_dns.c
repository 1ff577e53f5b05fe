/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS: messages built by hand after RFC 1035 4.1 (the compression example is
 * that of 4.1.4), RFC 6891, RFC 9460 appendix D and RFC 3597.
 */
#include "ad_drive.h"

#define Q_WWW	"03777777 076578616d706c65 04746573 7400 0001 0001"

static void
test_joined(void **state)
{
	struct span q, a;

	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 9999);
	q = hex("1234 0100 0001 0000 0000 0000" Q_WWW);
	a = hex("1234 8580 0001 0002 0000 0000" Q_WWW
	    "c00c 0005 0001 0000003c 0006 03776562 c010"
	    "c02e 0001 0001 0000001e 0004 c0000201");
	assert_int_equal(drive_probe(q, DIR_CLIENT, true), PROBE_YES);
	assert_int_equal(drive_probe(a, DIR_CLIENT, true), PROBE_SWAP);
	assert_int_equal(drive_probe(a, DIR_SERVER, true), PROBE_YES);
	drive_dgram(DIR_CLIENT, q);
	assert_int_equal(dr.batch.nevents, 0);
	drive_dgram(DIR_SERVER, a);
	assert_int_equal(dr.batch.nevents, 1);
	assert_int_equal(ev(0)->time, T0);
	assert_int_equal(ev(0)->loc.record, 1);
	CHECK(0, FIELD_DST_PORT, "9999");
	CHECK(0, FIELD_DNS_ID, "4660");
	CHECK(0, FIELD_DNS_QUERY, "www.example.test");
	CHECK(0, FIELD_DNS_QTYPE, "A");
	CHECK(0, FIELD_DNS_RCODE, "NOERROR");
	CHECK(0, FIELD_DNS_ANSWERS, "web.example.test 192.0.2.1");
	CHECK(0, FIELD_DNS_TTLS, "60 30");
	CHECK(0, FIELD_DNS_QR, "true");
	CHECK(0, FIELD_DNS_AA, "true");
	CHECK(0, FIELD_DNS_RD, "true");
	CHECK(0, FIELD_DNS_TC, "false");
	CHECK(0, FIELD_DNS_RTT, "0.001");
	CHECK(0, FIELD_DNS_ANSWER_BYTES, "68");
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	drive_fini();
}

/* Two queries on one port, answered in the other order; one never is; an answer
 * that nobody asked for stands alone. */
static void
test_order(void **state)
{
	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	drive_dgram(DIR_CLIENT, hex("0001 0100 0001 0000 0000 0000"
	    "0161 00 0001 0001"));
	drive_dgram(DIR_CLIENT, hex("0001 0100 0001 0000 0000 0000"
	    "0161 00 001c 0001"));
	drive_dgram(DIR_CLIENT, hex("0002 0100 0001 0000 0000 0000"
	    "0162 00 0001 0001"));
	/* names compare without case; type and id must be the same */
	drive_dgram(DIR_SERVER, hex("0001 8180 0001 0000 0000 0000"
	    "0141 00 001c 0001"));
	drive_dgram(DIR_SERVER, hex("0001 8183 0001 0000 0000 0000"
	    "0161 00 0001 0001"));
	drive_dgram(DIR_SERVER, hex("0003 8182 0001 0000 0000 0000"
	    "0163 00 0001 0001"));
	assert_int_equal(dr.batch.nevents, 3);
	CHECK(0, FIELD_DNS_QUERY, "a");
	CHECK(0, FIELD_DNS_QTYPE, "AAAA");
	CHECK(0, FIELD_DNS_RTT, "0.002");
	CHECK(1, FIELD_DNS_QTYPE, "A");
	CHECK(1, FIELD_DNS_RCODE, "NXDOMAIN");
	CHECK(2, FIELD_DNS_QUERY, "c");
	CHECK(2, FIELD_DNS_RCODE, "SERVFAIL");
	CHECK(2, FIELD_DNS_RTT, "-");
	drive_close();
	assert_int_equal(dr.batch.nevents, 4);
	CHECK(3, FIELD_DNS_QUERY, "b");
	CHECK(3, FIELD_DNS_QR, "false");
	CHECK(3, FIELD_DNS_RCODE, "-");
	drive_fini();
}

static void
test_timeout(void **state)
{
	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	drive_dgram(DIR_CLIENT, hex("0001 0100 0001 0000 0000 0000"
	    "0161 00 0001 0001"));
	dr.time += 11 * NSEC;
	drive_dgram(DIR_CLIENT, hex("0002 0100 0001 0000 0000 0000"
	    "0162 00 0001 0001"));
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_DNS_QUERY, "a");
	drive_close();
	assert_int_equal(dr.batch.nevents, 2);
	drive_fini();
}

static const struct { const char *rr, *want; } rdata[] = {
	{ "0002 0001 00000001 0002 c00c", "x" },
	{ "000c 0001 00000001 0004 0179 c00c", "y.x" },
	{ "000f 0001 00000001 0004 000a c00c", "10 x" },
	{ "0010 0001 00000001 0009 03612262 045c0009ff",
	    "a\"b \\\\\\000\\009\\255" },
	{ "001c 0001 00000001 0010 20010db8000000000000000000000010",
	    "2001:db8::10" },
	{ "0021 0001 00000001 0008 0001 0002 0185 c00c", "1 2 389 x" },
	{ "0006 0001 00000001 0018 c00c c00c 78497701 00000e10 00000258"
	    "00015180 0000003c", "x x 2018080513 3600 600 86400 60" },
	{ "0101 0001 00000001 0015 00 05 6973737565 63612e6578616d706c652e6e"
	    "6574", "0 issue \"ca.example.net\"" },
	/* RFC 9460 appendix D.1 (alias), D.2: port, key667, two ipv6hints */
	{ "0041 0001 00000001 0013 0000 03666f6f 076578616d706c65 03636f6d 00",
	    "0 foo.example.com" },
	{ "0040 0001 00000001 0019 0010 03666f6f 076578616d706c65 03636f6d 00"
	    "0003 0002 0035", "16 foo.example.com port=53" },
	{ "0041 0001 00000001 000e 0001 00 029b 0007 68656c6c6f d2 71",
	    "1 . key667=68656c6c6fd271" },
	{ "0041 0001 00000001 001a 0001 00 0001 0006 02 6832 02 6833"
	    "0004 0004 c0000201 0005 0001 aa",
	    "1 . alpn=h2,h3 ipv4hint=192.0.2.1 ech=aa" },
	{ "000a 0001 00000001 0003 00ff10", "\\# 3 00ff10" },
	{ "ffdc 0001 00000001 0000", "\\# 0" },
	{ "0001 0001 00000001 0003 010203", "\\# 3 010203" },
	{ "0010 0003 00000001 0002 0161", "\\# 2 0161" },
};

static void
test_rdata(void **state)
{
	char msg[1024];

	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	for (unsigned i = 0; i < NITEMS(rdata); i++) {
		snprintf(msg, sizeof(msg), "0001 8180 0001 0001 0000 0000"
		    "0178 00 00ff 0001 c00c %s", rdata[i].rr);
		assert_int_equal(drive_probe(hex(msg), DIR_SERVER, true),
		    PROBE_YES);
		drive_dgram(DIR_SERVER, hex(msg));
		assert_int_equal(dr.batch.nevents, i + 1);
		CHECK(i, FIELD_DNS_ANSWERS, rdata[i].want);
		CHECK(i, FIELD_DNS_QTYPE, "ANY");
	}
	assert_int_equal(dr.weirds.count[WEIRD_DNS_BAD], 0);
	drive_close();
	drive_fini();
}

/* RFC 1035 5.1 escapes; the root; unknown type; RFC 6891 6.1.3 codes. */
static void
test_names(void **state)
{
	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	drive_dgram(DIR_SERVER, hex("0001 8180 0001 0000 0000 0000"
	    "05 612e5c20ff 01 62 00 007b 0001"));
	drive_dgram(DIR_SERVER, hex("0001 8180 0001 0000 0000 0001"
	    "00 0002 0001 00 0029 04d0 01000000 0000"));
	CHECK(0, FIELD_DNS_QUERY, "a\\.\\\\\\032\\255.b");
	CHECK(0, FIELD_DNS_QTYPE, "TYPE123");
	CHECK(1, FIELD_DNS_QUERY, ".");
	CHECK(1, FIELD_DNS_QTYPE, "NS");
	CHECK(1, FIELD_DNS_RCODE, "BADVERS");
	drive_close();
	drive_fini();
}

/* Pointers to themselves, forward and in a circle, and names that are too
 * long. */
static void
test_loops(void **state)
{
	static const char *const loops[] = {
		"c00c 0001 0001", "c0ff 0001 0001", "0161 c00e 0001 0001",
		"c00e c00c 0001 0001",
	};
	char msg[2048];
	size_t n;

	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	for (unsigned i = 0; i < NITEMS(loops); i++) {
		snprintf(msg, sizeof(msg), "0001 0100 0001 0000 0000 0000 %s",
		    loops[i]);
		assert_int_equal(drive_probe(hex(msg), DIR_CLIENT, true),
		    PROBE_YES);
		dr.conv.port[DIR_SERVER] = 9999;
		assert_int_equal(drive_probe(hex(msg), DIR_CLIENT, true),
		    PROBE_NO);
		dr.conv.port[DIR_SERVER] = 53;
		drive_dgram(DIR_CLIENT, hex(msg));
		assert_int_equal(dr.weirds.count[WEIRD_DNS_LOOP], i + 1);
	}
	/* Labels of 63, 63, 63 and 61 bytes make 255 with the last 0. */
	for (unsigned last = 61; last <= 62; last++) {
		n = (size_t)snprintf(msg, sizeof(msg),
		    "0001 0100 0001 0000 0000 0000");
		for (unsigned k = 0; k < 4; k++) {
			unsigned len = k < 3 ? 63 : last;

			n += (size_t)snprintf(msg + n, 8, "%02x", len);
			while (len-- > 0)
				n += (size_t)snprintf(msg + n, 8, "61");
		}
		snprintf(msg + n, 16, "0000010001");
		drive_dgram(DIR_CLIENT, hex(msg));
		assert_int_equal(dr.weirds.count[WEIRD_DNS_BAD], last - 61);
	}
	assert_int_equal(dr.batch.nevents, 0);
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	assert_int_equal(strlen(text(0, FIELD_DNS_QUERY)), 253);
	drive_fini();
}

/* An answer that breaks is told as far as it can be read. */
static void
test_broken_answer(void **state)
{
	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	drive_dgram(DIR_SERVER, hex("0001 8180 0001 0002 0000 0000"
	    "0178 00 0001 0001"
	    "c00c 0001 0001 00000001 0004 01020304"
	    "c00c 0001 0001 00000001 0004 0102"));
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_DNS_ANSWERS, "1.2.3.4");
	CHECK(0, FIELD_DNS_TTLS, "1");
	assert_int_equal(dr.weirds.count[WEIRD_DNS_BAD], 1);
	drive_close();
	drive_fini();
}

/* RFC 6762: several questions to a group are told at once; answers without
 * question by their first record. */
static void
test_mdns(void **state)
{
	static const uint8_t group[4] = { 224, 0, 0, 251 };
	struct span a;

	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 5353);
	dr.conv.addr[DIR_SERVER] = addr_v4(group);
	dr.conv.port[DIR_CLIENT] = 5353;
	drive_dgram(DIR_CLIENT, hex("0000 0000 0002 0000 0000 0000"
	    "0161 056c6f63616c 00 000c 8001 0162 c00e 0001 0001"));
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_DNS_QUERY, "a.local");
	CHECK(0, FIELD_DNS_QTYPE, "PTR");
	CHECK(1, FIELD_DNS_QUERY, "b.local");
	a = hex("0000 8400 0000 0001 0000 0000"
	    "0161 056c6f63616c 00 0001 8001 00000078 0004 0a000001");
	assert_int_equal(drive_probe(a, DIR_CLIENT, true), PROBE_YES);
	drive_dgram(DIR_CLIENT, a);
	CHECK(2, FIELD_DNS_QUERY, "a.local");
	CHECK(2, FIELD_DNS_ANSWERS, "10.0.0.1");
	assert_int_equal(dr.mem.used, 0);
	drive_close();
	drive_fini();
}

/* Two messages in one stream, cut at each byte. */
static void
test_tcp(void **state)
{
	struct span q, a;

	(void)state;
	for (unsigned bytes = 1; bytes <= 1000; bytes += 999) {
		drive_init("dns", IPPROTO_N_TCP, 9999);
		q = hex("0013 0001 0100 0001 0000 0000 0000 0161 00 0001 0001"
		    "0013 0002 0100 0001 0000 0000 0000 0162 00 0001 0001");
		a = hex("0013 0002 8180 0001 0000 0000 0000 0162 00 0001 0001"
		    "0023 0001 8180 0001 0001 0000 0000 0161 00 0001 0001"
		    "c00c 0001 0001 00000001 0004 01020304");
		assert_int_equal(drive_probe(q, DIR_CLIENT, false),
		    PROBE_YES);
		assert_int_equal(drive_probe(span_sub(q, 0, 5), DIR_CLIENT,
		    false), PROBE_MORE);
		drive_bytes(DIR_CLIENT, q, bytes);
		drive_bytes(DIR_SERVER, a, bytes);
		assert_int_equal(dr.batch.nevents, 2);
		CHECK(0, FIELD_DNS_QUERY, "b");
		CHECK(1, FIELD_DNS_ANSWERS, "1.2.3.4");
		drive_close();
		drive_fini();
	}
}

/* After a gap: go on at a message, give up elsewhere. */
static void
test_gap(void **state)
{
	(void)state;
	drive_init("dns", IPPROTO_N_TCP, 53);
	drive_stream(DIR_CLIENT, hex("0013 0001 0100 0001 0000 0000 0000"
	    "0161 00 0001 0001"), 77);
	assert_int_equal(dr.dec.action, DEC_GO);
	drive_stream(DIR_CLIENT, hex("4142 4344 4546 4748 494a 4b4c 4d4e"), 5);
	assert_int_equal(dr.dec.action, DEC_DONE);
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	drive_fini();
}

/* What is no DNS. */
static void
test_strict(void **state)
{
	static const char *const others[] = {
		"0001 0100 0001 0000 0000 0000 0161 00 0001",	/* cut */
		"0001 0100 0001 0000 0000 0000 0161 00 0001 0007",
		"0001 0100 0001 0000 0000 0000 0161 00 7000 0001",
		"0001 0100 0001 0000 0000 0000 0161 00 0001 0001 00",
		"0001 0100 0000 0000 0000 0000",
		"0001 7900 0001 0000 0000 0000 0161 00 0001 0001",
		"0001 0105 0001 0000 0000 0000 0161 00 0001 0001",
		"0001 0100 ffff 0000 0000 0000 0161 00 0001 0001",
		/* RFC 1002: a NetBIOS name query */
		"0001 0110 0001 0000 0000 0000 20"
		"43414341434143414341434143414341434143414341434143414341434143"
		"41 00 0020 0001",
		"", "00", "0000 0000 0000 0000 0000 0000",
		"ffff ffff ffff ffff ffff ffff ffff ffff ffff ffff",
	};

	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 9999);
	for (unsigned i = 0; i < NITEMS(others); i++)
		assert_int_equal(drive_probe(hex(others[i]), DIR_CLIENT,
		    true), PROBE_NO);
	drive_fini();
}

/* More queries than are held: the oldest are told early. */
static void
test_pending_limit(void **state)
{
	char msg[128];

	(void)state;
	drive_init("dns", IPPROTO_N_UDP, 53);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(msg, sizeof(msg), "%04x 0100 0001 0000 0000 0000"
		    "0161 00 0001 0001", i);
		drive_dgram(DIR_CLIENT, hex(msg));
	}
	assert_int_equal(dr.batch.nevents, 36);
	assert_int_equal(dr.weirds.count[WEIRD_DNS_PENDING], 36);
	drive_close();
	assert_int_equal(dr.batch.nevents, 100);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined), cmocka_unit_test(test_order),
		cmocka_unit_test(test_timeout), cmocka_unit_test(test_rdata),
		cmocka_unit_test(test_names), cmocka_unit_test(test_loops),
		cmocka_unit_test(test_broken_answer),
		cmocka_unit_test(test_mdns), cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_gap), cmocka_unit_test(test_strict),
		cmocka_unit_test(test_pending_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
