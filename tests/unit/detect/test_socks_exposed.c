/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may use a proxy, and who should not.
 */
#include "detect_drive.h"

static void
flag(unsigned field)
{
	put(field, VT_BOOL)->u64 = 1;
}

static void
asked(double sec, const char *src, const char *dst, const char *target,
    unsigned method, unsigned reply)
{
	at(KIND_SOCKS, sec);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, dst);
	num(FIELD_DST_PORT, 11288);
	num(FIELD_SOCKS_VERSION, 5);
	num(FIELD_SOCKS_METHOD, method);
	if (method != 255) {
		str(FIELD_SOCKS_HOST, target);
		num(FIELD_SOCKS_REPLY, reply);
	}
}

static void
open_proxy(void **unused)
{
	(void)unused;
	asked(0, "203.0.113.9", "192.168.1.1", "www.example.org", 0, 0);
	asked(60, "203.0.113.10", "192.168.1.1", "www.example.net", 0, 0);
	asked(90, "203.0.113.10", "192.168.1.1", "www.example.com", 0, 5);
	assert_int_equal(hunt("socks-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].count, 3);
	ENTITY_IS(0, HOST, "192.168.1.1");
	ENTITY_IS(0, SRC_IP, "203.0.113.9");
	assert_true(says(0, "192.168.1.1 port 11288 serves as a SOCKS proxy "
	    "to 203.0.113.9 and another address, without sign-in, 2 "
	    "requests granted, first for www.example.org"));
}

static void
graver_and_milder(void **unused)
{
	(void)unused;
	/* a way in */
	asked(0, "203.0.113.9", "192.168.1.1", "www.example.org", 0, 0);
	asked(5, "203.0.113.9", "192.168.1.1", "192.168.1.20", 0, 0);
	assert_int_equal(hunt("socks-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_CRITICAL);
	assert_true(says(0, "among them for the host inside 192.168.1.20"));
	/* with user and password (RFC 1929) */
	again();
	asked(0, "203.0.113.9", "192.168.1.1", "www.example.org", 2, 0);
	assert_int_equal(hunt("socks-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	/* no acceptable method: 05 ff */
	again();
	asked(0, "203.0.113.9", "192.168.1.1", "", 255, 0);
	assert_int_equal(hunt("socks-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_true(says(0, "answers, but refuses,"));
	/* it called, and serves whom it called */
	again();
	asked(0, "192.168.1.7", "203.0.113.9", "10.0.0.5", 0, 0);
	flag(FIELD_SOCKS_REVERSE);
	assert_int_equal(hunt("socks-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_CRITICAL);
	ENTITY_IS(0, HOST, "192.168.1.7");
	assert_true(says(0, "called out and is used as a SOCKS proxy by "
	    "203.0.113.9"));
}

static void
http_proxy(void **unused)
{
	(void)unused;
	at(KIND_HTTP, 0);
	addr(FIELD_SRC_IP, "203.0.113.9");
	addr(FIELD_DST_IP, "192.168.1.1");
	num(FIELD_DST_PORT, 8080);
	str(FIELD_HTTP_METHOD, "CONNECT");
	str(FIELD_HTTP_URI, "www.example.org:443");
	num(FIELD_HTTP_STATUS, 200);
	assert_int_equal(hunt("socks-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "serves as an HTTP proxy"));
	assert_true(says(0, "first for www.example.org"));
	again();	/* a web server that knows no CONNECT */
	at(KIND_HTTP, 0);
	addr(FIELD_SRC_IP, "203.0.113.9");
	addr(FIELD_DST_IP, "192.168.1.1");
	str(FIELD_HTTP_METHOD, "CONNECT");
	str(FIELD_HTTP_URI, "www.example.org:443");
	num(FIELD_HTTP_STATUS, 405);
	assert_int_equal(hunt("socks-exposed"), 0);
}

static void
misses(void **unused)
{
	(void)unused;
	/* the house's own proxy, and somebody else's */
	asked(0, "192.168.1.7", "192.168.1.1", "www.example.org", 0, 0);
	asked(1, "192.168.1.7", "203.0.113.9", "www.example.org", 0, 0);
	/* a greeting without an answer */
	at(KIND_SOCKS, 2);
	addr(FIELD_SRC_IP, "203.0.113.9");
	addr(FIELD_DST_IP, "192.168.1.1");
	num(FIELD_SOCKS_VERSION, 5);
	assert_int_equal(hunt("socks-exposed"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(open_proxy), T(graver_and_milder), T(http_proxy), T(misses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
