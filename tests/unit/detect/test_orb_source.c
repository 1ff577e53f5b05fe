/* SPDX-License-Identifier: Apache-2.0
 *
 * orb-source: addresses that take turns, and people who mistype.
 */
#include "detect_drive.h"

static void
load(void)
{
	struct buf why;

	buf_init(&why, 0);
	assert_true(detector_find(SPAN_LIT("orb-source"))->load(
	    getenv("PICKET_SHARE"), &why));
	assert_int_equal(why.len, 0);
	buf_fini(&why);
}

static void
refused(double when, const char *src, const char *user, const char *result)
{
	at(KIND_AUTH, when);
	str(FIELD_SYSLOG_HOST, "vpn1");
	addr(FIELD_SRC_IP, src);
	str(FIELD_AUTH_USER, user);
	str(FIELD_AUTH_RESULT, result);
}

/* 120 accounts a day, from 40 addresses in turn. */
static void
spray(const char *result, int sources)
{
	char src[32], user[32];

	for (int i = 0; i < 120; i++) {
		snprintf(src, sizeof(src), "198.18.%d.7", i * 7 % sources);
		snprintf(user, sizeof(user), "user%d@corp.example", i);
		refused(i * 600, src, user, result);
	}
}

static void
test_spray(void **unused)
{
	(void)unused;
	load();
	spray("failed", 40);
	assert_int_equal(hunt("orb-source"), 1);
	ENTITY_IS(0, HOST, "vpn1");
	assert_true(says(0, "40 addresses took turns at signing in to vpn1"));
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(dr.found[0].count >= 112 && dr.found[0].count <= 120);
	again();
	spray("invalid-user", 40);	/* names that do not exist: bots */
	assert_int_equal(hunt("orb-source"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
}

static void
test_windows(void **unused)
{
	char src[32], user[32];

	(void)unused;
	load();
	for (int i = 0; i < 120; i++) {
		snprintf(src, sizeof(src), "::ffff:198.18.%d.7", i % 30);
		snprintf(user, sizeof(user), "user%d", i);
		at(KIND_WINEVENT, i * 300);
		str(FIELD_WIN_CHANNEL, "Security");
		num(FIELD_WIN_EVENT_ID, i % 2 ? 4625 : 4771);
		wide(FIELD_WIN_COMPUTER, "dc1.corp.example");
		wide(FIELD_TARGET_USER, user);
		wide(FIELD_IP_ADDRESS, src);
	}
	assert_int_equal(hunt("orb-source"), 1);
	ENTITY_IS(0, HOST, "dc1.corp.example");
}

/* Each from his own home, several times, his own account. */
static void
test_people(void **unused)
{
	char src[32], user[32];

	(void)unused;
	load();
	for (int i = 0; i < 150; i++) {
		snprintf(src, sizeof(src), "198.18.%d.7", i % 50);
		snprintf(user, sizeof(user), "user%d", i % 50);
		refused(i * 300, src, user, "failed");
	}
	assert_int_equal(hunt("orb-source"), 0);
	again();
	spray("failed", 5);	/* few addresses: brute force, not this */
	for (int i = 0; i < 120; i++) {	/* inside */
		snprintf(src, sizeof(src), "10.0.%d.7", i % 40);
		snprintf(user, sizeof(user), "user%d", i);
		at(KIND_AUTH, i * 60);
		str(FIELD_SYSLOG_HOST, "files");
		addr(FIELD_SRC_IP, src);
		str(FIELD_AUTH_USER, user);
		str(FIELD_AUTH_RESULT, "failed");
	}
	assert_int_equal(hunt("orb-source"), 0);
}

static void
test_agent(void **unused)
{
	char src[32];

	(void)unused;
	load();
	for (int i = 0; i < 24; i++) {
		snprintf(src, sizeof(src), "198.18.%d.7", i % 12);
		at(KIND_HTTP, i * 900);
		addr(FIELD_SRC_IP, src);
		addr(FIELD_DST_IP, "192.0.2.25");
		str(FIELD_HTTP_METHOD, "POST");
		num(FIELD_HTTP_STATUS, 401);
		str(FIELD_HTTP_USER_AGENT, "Mozilla/5.0 (Windows NT 6.1; "
		    "WOW64; Trident/7.0; rv:11.0) like Gecko");
	}
	assert_int_equal(hunt("orb-source"), 1);
	assert_true(says(0, "with the user agent of Quad7"));
}

static void
test_probe(void **unused)
{
	char dst[32];

	(void)unused;
	load();
	for (int i = 0; i < 12; i++) {
		snprintf(dst, sizeof(dst), "192.0.2.%d", i + 1);
		at(KIND_CONN, i);
		addr(FIELD_SRC_IP, "203.0.113.5");
		addr(FIELD_DST_IP, dst);
		num(FIELD_SRC_PORT, 19000);
		num(FIELD_DST_PORT, 443);
		str(FIELD_PROTO, "tcp");
		str(FIELD_CONN_STATE, "S0");
	}
	assert_int_equal(hunt("orb-source"), 1);
	assert_string_equal(dr.found[0].rule, "orb-source-probe");
	assert_true(says(0, "as nodes of JDY scan"));
	ENTITY_IS(0, SRC_IP, "203.0.113.5");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_spray), T(test_windows), T(test_people), T(test_agent),
		T(test_probe)
	};

	return cmocka_run_group_tests_name("orb-source", tests, NULL, NULL);
}
