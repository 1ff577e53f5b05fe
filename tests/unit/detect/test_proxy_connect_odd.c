/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of a proxy by CONNECT: usual and odd.
 */
#include "detect_drive.h"

static void
connects(const char *target, unsigned status)
{
	at(KIND_HTTP, 0);
	addr(FIELD_SRC_IP, "192.168.1.7");
	addr(FIELD_DST_IP, "192.168.1.80");
	str(FIELD_HTTP_METHOD, "CONNECT");
	str(FIELD_HTTP_URI, target);
	num(FIELD_HTTP_STATUS, status);
}

static unsigned
weight(const char *target, unsigned status)
{
	again();
	connects(target, status);
	str(FIELD_HTTP_HOST, target);
	str(FIELD_HTTP_USER_AGENT, "Mozilla/5.0");
	str(FIELD_HTTP_HEADERS, "Host: x");
	return hunt("proxy-connect-odd") == 0 ? 0 :
	    (unsigned)dr.found[0].severity;
}

static void
targets(void **unused)
{
	(void)unused;
	assert_int_equal(weight("www.example.org:443", 200), 0);
	assert_int_equal(weight("203.0.113.9:443", 200), 0);
	assert_int_equal(weight("mail.example.org:993", 200), 0);
	assert_int_equal(weight("push.example.org:5228", 200), 0);
	assert_int_equal(weight("www.example.org", 200), 0);
	assert_int_equal(weight("www.example.org:0", 200), 0);
	assert_int_equal(weight("www.example.org:65579", 200), 0);

	assert_int_equal(weight("host.example.org:22", 200), SEV_MEDIUM);
	assert_true(says(0, "192.168.1.7 went through the proxy 192.168.1.80 "
	    "to host.example.org:22, which is SSH"));
	ENTITY_IS(0, DOMAIN, "host.example.org");
	assert_int_equal(weight("203.0.113.9:3389", 200), SEV_MEDIUM);
	ENTITY_IS(0, DST_IP, "203.0.113.9");
	assert_int_equal(weight("192.168.1.20:445", 200), SEV_HIGH);
	assert_true(says(0, "Windows file sharing, a host inside"));
	assert_int_equal(weight("192.168.1.20:8443", 200), SEV_HIGH);
	assert_int_equal(weight("[fd00::5]:443", 200), SEV_HIGH);
	assert_int_equal(weight("192.168.1.20:445", 403), SEV_LOW);
	assert_true(says(0, "in vain"));
	/* the proxy's own address */
	assert_int_equal(weight("192.168.1.80:8443", 200), 0);
}

/* As Secure Socket Funnelling asks; a log does not tell headers. */
static void
bare(void **unused)
{
	(void)unused;
	connects("203.0.113.9:8011", 200);
	str(FIELD_HTTP_HEADERS, "Connection: keep-alive");
	assert_int_equal(hunt("proxy-connect-odd"), 1);
	assert_true(says(0, "with neither Host nor User-Agent"));
	again();
	connects("203.0.113.9:8011", 200);
	assert_int_equal(hunt("proxy-connect-odd"), 0);
	again();
	connects("www.example.org:443", 200);
	str(FIELD_HTTP_HEADERS, "Connection: keep-alive");
	assert_int_equal(hunt("proxy-connect-odd"), 0);
	again();
	at(KIND_HTTP, 0);
	str(FIELD_HTTP_METHOD, "GET");
	str(FIELD_HTTP_URI, "http://203.0.113.9:22/");
	assert_int_equal(hunt("proxy-connect-odd"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(targets), T(bare) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
