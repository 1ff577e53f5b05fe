/* SPDX-License-Identifier: Apache-2.0
 *
 * asrep-roast: replies as RFC 4120 and event 4768 tell them, by hand.
 */
#include "detect_drive.h"

static void
as_rep(double when, const char *src, const char *user, unsigned etype,
    bool preauth, const char *offered)
{
	(void)at(KIND_KRB5, when);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, "10.0.0.5");
	str(FIELD_KRB_TYPE, "AS");
	str(FIELD_KRB_CLIENT, user);
	str(FIELD_KRB_SERVICE, "krbtgt/CORP@CORP");
	num(FIELD_KRB_SUCCESS, 1);
	put(FIELD_KRB_PREAUTH, VT_BOOL)->u64 = preauth;
	num(FIELD_KRB_TICKET_ETYPE, 18);
	num(FIELD_KRB_REPLY_ETYPE, etype);
	list(FIELD_KRB_REQ_ETYPES, offered);
}

#define S	"10.1.0.20"

static void
test_wire(void **unused)
{
	(void)unused;
	as_rep(0, S, "old1@CORP", 23, false, "18 17 23");
	assert_int_equal(hunt("asrep-roast"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_int_equal(dr.found[0].confidence, 70);
	as_rep(2, S, "old2@CORP", 23, false, "23");
	as_rep(4, S, "old2@CORP", 23, false, "23");
	assert_int_equal(hunt("asrep-roast"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].count, 3);
	ENTITY_IS(0, SRC_IP, S);
	ENTITY_IS(0, USER, "old1");
	assert_true(says(0, S " got RC4 or DES replies without "
	    "pre-authentication for 2 accounts from 10.0.0.5: old1, old2; the "
	    "request offered nothing stronger"));
	again();
}

static void
test_harmless(void **unused)
{
	char name[32];

	(void)unused;
	as_rep(0, S, "ann@CORP", 23, true, "18 17 23");
	as_rep(1, S, "PC7$@CORP", 23, false, "18 17 23");
	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof(name), "user%d@CORP", i);
		as_rep(i, S, name, 18, false, "18 17 23");
	}
	assert_int_equal(hunt("asrep-roast"), 0);
	as_rep(9, S, "user8@CORP", 18, false, "18 17 23");
	assert_int_equal(hunt("asrep-roast"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	again();
	/* a service of old, day after day */
	for (int i = 0; i < 4; i++)
		as_rep(i * 86400.0, S, "oracle@CORP", 23, false, "23 18");
	dr.halfway = true;
	assert_int_equal(hunt("asrep-roast"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_true(says(0, "it does so on 4 days"));
	dr.halfway = false;
	again();
}

/* Zeek tells nothing of pre-authentication. */
static void
test_blind(void **unused)
{
	char name[32];

	(void)unused;
	for (int i = 0; i < 4; i++) {
		(void)at(KIND_KRB5, i);
		addr(FIELD_SRC_IP, S);
		addr(FIELD_DST_IP, "10.0.0.5");
		str(FIELD_KRB_TYPE, "AS");
		snprintf(name, sizeof(name), "user%d@CORP", i);
		str(FIELD_KRB_CLIENT, name);
		num(FIELD_KRB_SUCCESS, 1);
		num(FIELD_KRB_TICKET_ETYPE, 23);
		if (i == 2)
			assert_int_equal(hunt("asrep-roast"), 0);
	}
	assert_int_equal(hunt("asrep-roast"), 1);
	again();
}

static void
windows(double when, const char *user, const char *type)
{
	(void)at(KIND_WINEVENT, when);
	wide(FIELD_WIN_CHANNEL, "Security");
	num(FIELD_WIN_EVENT_ID, 4768);
	wide(FIELD_WIN_COMPUTER, "dc1");
	num(FIELD_WIN_STATUS, 0);
	wide(FIELD_TARGET_USER, user);
	wide(FIELD_SERVICE_NAME, "krbtgt");
	num(FIELD_TICKET_ETYPE, 0x17);
	wide(FIELD_PREAUTH_TYPE, type);
	wide(FIELD_IP_ADDRESS, "::ffff:10.1.0.9");
}

static void
test_windows(void **unused)
{
	(void)unused;
	windows(0, "ann", "2");
	windows(1, "PC7$", "0");
	windows(2, "smart", "15");
	assert_int_equal(hunt("asrep-roast"), 0);
	windows(3, "old1", "0");
	assert_int_equal(hunt("asrep-roast"), 1);
	ENTITY_IS(0, SRC_IP, "10.1.0.9");
	assert_true(says(0, "10.1.0.9 got RC4 or DES replies without "
	    "pre-authentication for 1 account from dc1: old1"));
	again();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_wire), T(test_harmless), T(test_blind), T(test_windows)
	};

	return cmocka_run_group_tests_name("asrep_roast", tests, NULL, NULL);
}
