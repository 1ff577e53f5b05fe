/* SPDX-License-Identifier: Apache-2.0
 *
 * Secure Socket Funnelling by its TLS shape, and what left through it.
 */
#include "detect_drive.h"

enum { WITH_SNI = 1, WITH_ALPN = 2, WITH_GROUPS = 4, NO_CLIENT_CERT = 8,
	OTHER_LEAF = 16, SMALL_DH = 32 };

static void
hello(double sec, const char *ciphers, unsigned odd)
{
	at(KIND_TLS, sec);
	addr(FIELD_SRC_IP, "10.20.0.10");
	num(FIELD_SRC_PORT, 40000);
	addr(FIELD_DST_IP, "203.0.113.77");
	num(FIELD_DST_PORT, 443);
	str(FIELD_TLS_VERSION, "TLSv1.2");
	list(FIELD_TLS_CLIENT_CIPHERS, ciphers);
	list(FIELD_TLS_CLIENT_EXTS, (odd & WITH_GROUPS) != 0 ?
	    "11 10 35 13" : "35 22 23 13");
	if ((odd & WITH_SNI) != 0)
		str(FIELD_TLS_SNI, "plc.example");
	if ((odd & WITH_ALPN) != 0)
		list(FIELD_TLS_CLIENT_ALPN, "h2");
	put(FIELD_TLS_CLIENT_CERT, VT_BOOL)->u64 =
	    (odd & NO_CLIENT_CERT) == 0;
	put(FIELD_TLS_SAME_LEAF, VT_BOOL)->u64 = (odd & OTHER_LEAF) == 0;
	num(FIELD_TLS_DH_BITS, (odd & SMALL_DH) != 0 ? 2048 : 4096);
}

static unsigned
shape(const char *ciphers, unsigned odd)
{
	again();
	hello(0, ciphers, odd);
	return hunt("ssf");
}

static void
shapes(void **unused)
{
	(void)unused;
	assert_int_equal(shape("009f 00ff", 0), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].confidence, 90);
	assert_true(says(0, "10.20.0.10 to 203.0.113.77:443"));
	assert_true(says(0, "equal to the server's, 4096-bit group"));
	ENTITY_IS(0, DST_PORT, "443");
	assert_int_equal(shape("009f", 0), 1);
	assert_int_equal(shape("ccaa 00ff", 0), 1);
	assert_int_equal(shape("0039 00ff", 0), 1);
	/* two suites, a suite that is no DHE, junk */
	assert_int_equal(shape("009f 009e", 0), 0);
	assert_int_equal(shape("c02f 00ff", 0), 0);
	assert_int_equal(shape("1301 00ff", 0), 0);
	assert_int_equal(shape("009f 009e 00ff", 0), 0);
	assert_int_equal(shape("00ff", 0), 0);
	assert_int_equal(shape("", 0), 0);
	assert_int_equal(shape("zz", 0), 0);
	assert_int_equal(shape("009f0000000000000", 0), 0);
	/* what a browser or a named service shows */
	assert_int_equal(shape("009f 00ff", WITH_SNI), 0);
	assert_int_equal(shape("009f 00ff", WITH_ALPN), 0);
	assert_int_equal(shape("009f 00ff", WITH_GROUPS), 0);
	/* a closed mutual-TLS link of somebody else */
	assert_int_equal(shape("009f 00ff", OTHER_LEAF | SMALL_DH), 0);
	assert_int_equal(shape("009f 00ff", NO_CLIENT_CERT | OTHER_LEAF |
	    SMALL_DH), 0);
}

static void
stock_marks(void **unused)
{
	(void)unused;
	hello(0, "c02f c030", WITH_SNI | WITH_ALPN | WITH_GROUPS |
	    NO_CLIENT_CERT | OTHER_LEAF);
	str(FIELD_TLS_CERT_SHA1, "46c20d2c1000d7e8b14c0739f39be90fa26d31f7");
	assert_int_equal(hunt("ssf"), 1);
	assert_int_equal(dr.found[0].severity, SEV_CRITICAL);
	assert_true(says(0, "stock certificates"));
	again();
	hello(0, "009f 00ff", 0);
	str(FIELD_TLS_DH_PRIME_SHA256, "873966ab1cc455c40ee920319174d2bc8b1e1e"
	    "51b648f97ab5d1a5b723063a7f");
	assert_int_equal(hunt("ssf"), 1);
	assert_int_equal(dr.found[0].confidence, 99);
}

static void
conn(double sec, unsigned sport, uint64_t up, uint64_t down, double seconds)
{
	at(KIND_CONN, sec);
	addr(FIELD_SRC_IP, "10.20.0.10");
	num(FIELD_SRC_PORT, sport);
	addr(FIELD_DST_IP, "203.0.113.77");
	num(FIELD_DST_PORT, 443);
	num(FIELD_SRC_BYTES, up);
	num(FIELD_DST_BYTES, down);
	put(FIELD_CONN_DURATION, VT_F64)->f64 = seconds;
}

static void
carried_away(void **unused)
{
	(void)unused;
	conn(0, 40000, 600000, 38000, 7200);
	hello(0.1, "009f 00ff", 0);
	assert_int_equal(hunt("ssf"), 2);
	assert_string_equal(dr.found[1].rule, "ssf-upload");
	assert_string_equal(dr.found[1].attack, "T1041");
	assert_int_equal(dr.found[1].severity, SEV_CRITICAL);
	assert_true(dr.found[1].time == T0 + 7200 * NSEC);
	assert_true(says(1, "600.0 kB out and 38.0 kB back in 2.0 hours"));
}

static void
not_carried(void **unused)
{
	(void)unused;
	conn(0, 40001, 600000, 38000, 7200);	/* another conversation */
	hello(0.1, "009f 00ff", 0);
	assert_int_equal(hunt("ssf"), 1);
	again();
	conn(0, 40000, 600000, 400000, 7200);	/* both ways alike */
	hello(0.1, "009f 00ff", 0);
	assert_int_equal(hunt("ssf"), 1);
	again();
	conn(0, 40000, 100000, 0, 7200);	/* little */
	hello(0.1, "009f 00ff", 0);
	assert_int_equal(hunt("ssf"), 1);
	again();
	conn(0, 40000, 600000, 0, 7200);	/* no tunnel at all */
	assert_int_equal(hunt("ssf"), 0);
}

/* A duration that no clock ever showed (a hostile log) is no number to
 * reckon with. */
static void
odd_duration(void **unused)
{
	static const double odd[] = { 1e300, -1, 1e18, 0.0 / 0.0, 1.0 / 0.0 };

	(void)unused;
	for (size_t i = 0; i < NITEMS(odd); i++) {
		again();
		conn(0, 40000, 600000, 0, odd[i]);
		hello(0.1, "009f 00ff", 0);
		assert_int_equal(hunt("ssf"), 2);
		assert_true(dr.found[1].time == T0);
	}
	again();
	conn(0, 40000, 600000, 0, 1e8);
	dr.ev[0].time = INT64_MAX;
	hello(0.1, "009f 00ff", 0);
	dr.ev[1].time = INT64_MAX;
	assert_int_equal(hunt("ssf"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(shapes), T(stock_marks), T(carried_away), T(not_carried),
		T(odd_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
