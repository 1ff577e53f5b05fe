/* SPDX-License-Identifier: Apache-2.0
 *
 * bruteforce: counts at their limits, by hand; who mistypes, and programs.
 */
#include "detect_drive.h"

static void
krb(double when, const char *src, const char *user, unsigned code)
{
	(void)at(KIND_KRB5, when);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, "10.0.0.5");
	str(FIELD_KRB_TYPE, "AS");
	str(FIELD_KRB_CLIENT, user);
	if (code != 0)
		num(FIELD_KRB_ERROR_CODE, code);
	else
		num(FIELD_KRB_SUCCESS, 1);
}

static const char *
user(int n)
{
	static char text[8][32];
	static unsigned turn;
	char *t = text[turn++ % 8];

	snprintf(t, sizeof(text[0]), "user%d@CORP", n);
	return t;
}

static const char *
source(int n)
{
	static char text[8][32];
	static unsigned turn;
	char *t = text[turn++ % 8];

	snprintf(t, sizeof(text[0]), "198.18.%d.%d", n / 200, n % 200 + 1);
	return t;
}

static void
auth(double when, const char *src, const char *name, const char *result)
{
	(void)at(KIND_AUTH, when);
	str(FIELD_SRC_IP, src);
	str(FIELD_SYSLOG_HOST, "web1");
	str(FIELD_AUTH_USER, name);
	str(FIELD_AUTH_RESULT, result);
}

#define S	"203.0.113.9"
#define IN	"10.1.0.20"

static void
test_one_source(void **unused)
{
	(void)unused;
	for (int i = 0; i < 19; i++)
		krb(i * 31, IN, user(i % 3), 24);
	assert_int_equal(hunt("bruteforce"), 0);
	krb(19 * 31, IN, user(2), 24);
	assert_int_equal(hunt("bruteforce"), 1);
	ENTITY_IS(0, SRC_IP, IN);
	ENTITY_IS(0, DST_IP, "10.0.0.5");
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_string_equal(dr.found[0].attack, "T1110.001");
	assert_true(says(0, IN " tried 20 times to sign in to 10.0.0.5 "
	    "(Kerberos) as 3 accounts (user0@CORP, user1@CORP, user2@CORP) "
	    "in 10 min"));
	again();
	/* a dozen in as many seconds; one account, so a program could be it */
	for (int i = 0; i < 12; i++)
		krb(i, IN, user(1), 24);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	again();
	/* an old password, all day */
	for (int i = 0; i < 70; i++)
		krb(i * 900, IN, user(1), 24);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_true(says(0, "a program with an old password"));
	again();
}

static void
test_gets_in(void **unused)
{
	(void)unused;
	for (int i = 0; i < 25; i++)
		auth(i * 2, S, i % 2 ? "root" : "admin", "failed");
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);	/* the world */
	auth(110, S, "operator", "accepted");	/* was not tried */
	auth(120, S, "admin", "accepted");
	auth(130, S, "root", "accepted");
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	ENTITY_IS(0, USER, "admin");
	ENTITY_IS(0, HOST, "web1");
	assert_true(says(0, ", and then got in as admin"));
	again();
	/* hours later it is the owner's own */
	for (int i = 0; i < 25; i++)
		auth(i * 2, S, "admin", "failed");
	auth(9000, S, "admin", "accepted");
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	again();
}

static void
test_spray(void **unused)
{
	(void)unused;
	/* one an hour and more: fifteen accounts of one day */
	for (int i = 0; i < 14; i++)
		krb(i * 5000, IN, user(i), 24);
	assert_int_equal(hunt("bruteforce"), 0);
	krb(14 * 5000, IN, user(14), 24);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_string_equal(dr.found[0].rule, "bruteforce-spray");
	assert_string_equal(dr.found[0].attack, "T1110.003");
	assert_true(says(0, " was refused as 15 accounts (user0@CORP, "));
	assert_true(says(0, " by Kerberos, last at 10.0.0.5, 15 tries in 19.4 "
	    "h"));
	dr.halfway = true;
	assert_int_equal(hunt("bruteforce"), 1);
	dr.halfway = false;
	again();
	/* a terminal server: many get in there, some mistype before */
	for (int i = 0; i < 60; i++) {
		if (i % 3 == 0)
			krb(i * 600, IN, user(i), 24);
		krb(i * 600 + 9, IN, user(i), 0);
	}
	assert_int_equal(hunt("bruteforce"), 0);
	again();
}

static void
test_turns(void **unused)
{
	(void)unused;
	/* each account once, forty sources, three accounts a source */
	for (int i = 0; i < 120; i++)
		krb(i * 600, source(i % 40), user(i), 24);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_string_equal(dr.found[0].rule, "bruteforce-turns");
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	ENTITY_IS(0, DST_IP, "10.0.0.5");
	assert_true(says(0, "40 sources that got in nowhere, 198.18.0.40 among "
	    "them, tried to sign in to 10.0.0.5 (Kerberos) 120 times within a "
	    "day as 120 accounts, few tries each"));
	dr.halfway = true;
	assert_int_equal(hunt("bruteforce"), 1);
	assert_true(says(0, "40 sources"));
	dr.halfway = false;
	again();
	/* people who mistype at their own machines, and get in then */
	for (int i = 0; i < 120; i++) {
		krb(i * 600, source(i), user(i), 24);
		krb(i * 600 + 20, source(i), user(i), 0);
	}
	/* a few of them go home instead */
	for (int i = 200; i < 212; i++)
		krb(i * 300, source(i), user(i), 24);
	assert_int_equal(hunt("bruteforce"), 0);
	again();
}

static void
ssh(double when, const char *src, bool good)
{
	(void)at(KIND_SSH, when);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, "192.0.2.22");
	put(FIELD_SSH_SUCCESS, VT_BOOL)->u64 = good;
}

static void
conn(double when, const char *src, const char *dst, unsigned port,
    uint64_t up, uint64_t down, double took)
{
	(void)at(KIND_CONN, when);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, dst);
	num(FIELD_SRC_PORT, 40000);
	num(FIELD_DST_PORT, port);
	str(FIELD_PROTO, "tcp");
	str(FIELD_CONN_STATE, "SF");
	put(FIELD_CONN_DURATION, VT_F64)->f64 = took;
	num(FIELD_SRC_BYTES, up);
	num(FIELD_DST_BYTES, down);
	num(FIELD_SRC_PKTS, 12);
	num(FIELD_DST_PKTS, 12);
}

static void
test_flows(void **unused)
{
	(void)unused;
	for (int i = 0; i < 40; i++)
		conn(i * 3, S, "192.0.2.22", 22, 2100 + i % 7 * 8, 2600, 2);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_true(says(0, S " opened 40 short conversations with 192.0.2.22 "
	    "port 22 (SSH) in 119 s, nearly equal (2123 bytes up, 2600 down)"));
	conn(300, S, "192.0.2.22", 22, 30000, 90000, 400);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	ENTITY_IS(0, HOST, "192.0.2.22");
	assert_true(says(0, "then one of 120000 bytes: it may have got in"));
	again();
	/* a builder that fetches, and is let in; different sizes; monitoring;
	 * programs that ask a directory */
	for (int i = 0; i < 60; i++) {
		conn(i * 3, IN, "192.0.2.22", 22, 2100, 2600, 2);
		ssh(i * 3, IN, true);
		conn(i * 3, IN, "192.0.2.23", 22, 2100 + (unsigned)i * 90,
		    2600 + (unsigned)i * 3 % 7 * 700, 2);
		conn(i * 3, IN, "192.0.2.24", 22, 0, 41, .1);
		conn(i * 60, IN, "10.0.0.5", 389, 120, 80, .1);
	}
	assert_int_equal(hunt("bruteforce"), 0);
	again();
}

static void
test_ssh(void **unused)
{
	(void)unused;
	/* no accounts are told: sources and tries alone */
	for (int i = 0; i < 60; i++)
		ssh(i * 1000, source(i % 20), false);
	assert_int_equal(hunt("bruteforce"), 1);
	assert_string_equal(dr.found[0].rule, "bruteforce-turns");
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	again();
}

static void
windows(double when, unsigned id, const char *name, const char *from,
    uint64_t status)
{
	(void)at(KIND_WINEVENT, when);
	wide(FIELD_WIN_CHANNEL, "Security");
	num(FIELD_WIN_EVENT_ID, id);
	wide(FIELD_WIN_COMPUTER, "fs1");
	wide(FIELD_TARGET_USER, name);
	num(FIELD_WIN_STATUS, status);
	if (id == 4776)
		wide(FIELD_WORKSTATION_4776, from);
	else
		wide(FIELD_IP_ADDRESS, from);
	if (id == 4648)
		wide(FIELD_SUBJECT_USER, "mallory");
	if (id == 4624)
		num(FIELD_LOGON_TYPE, 3);
}

static void
test_windows(void **unused)
{
	char name[32];

	(void)unused;
	for (int i = 0; i < 24; i++) {
		snprintf(name, sizeof(name), "u%d", i % 2);
		windows(i * 20, 4625, name, "10.1.0.9", 0xc000006d);
	}
	windows(600, 4624, "u1", "10.1.0.9", 0);
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		windows(i * 60, 4776, name, "KIOSK", 0xc000006a);
		windows(i * 60, 4648, name, "-", 0);
	}
	/* computers sign in all the time */
	for (int i = 0; i < 40; i++)
		windows(i, 4625, "PC7$", "10.1.0.7", 0xc000006d);
	assert_int_equal(hunt("bruteforce"), 3);
	for (unsigned i = 0; i < 3; i++) {
		if (says(i, "10.1.0.9"))
			assert_true(says(i, "tried 24 times to sign in to fs1 "
			    "(Windows) as 2 accounts (u0, u1) in 8 min, and "
			    "then got in as u1"));
		else if (says(i, "KIOSK"))
			assert_true(says(i, "KIOSK was refused as 9 accounts "
			    "(v0, v1, v2, v3, v4, …) by NTLM, last at fs1"));
		else
			assert_true(says(i, "fs1 tried 9 accounts (v0, v1, v2, "
			    "v3, v4, …) with explicit credentials"));
	}
	again();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_source), T(test_gets_in), T(test_spray),
		T(test_turns), T(test_flows), T(test_ssh), T(test_windows)
	};

	return cmocka_run_group_tests_name("bruteforce", tests, NULL, NULL);
}
