/* SPDX-License-Identifier: Apache-2.0
 *
 * Service accounts outside their habit: history learned first, failover
 * partners, roaming accounts, and who is no service.
 */
#include "detect_drive.h"

#define HOUR	3600.
#define DAY	86400.

static void
logon(double sec, unsigned id, const char *user, const char *ip,
    const char *station, unsigned type)
{
	at(KIND_WINEVENT, sec);
	num(FIELD_WIN_EVENT_ID, id);
	wide(FIELD_WIN_CHANNEL, "Security");
	wide(FIELD_WIN_COMPUTER, "FS1.corp.example");
	wide(FIELD_TARGET_USER, user);
	wide(FIELD_IP_ADDRESS, ip);
	wide(FIELD_WORKSTATION, station);
	if (type != 0)
		num(FIELD_LOGON_TYPE, type);
}

static void
ticket(double sec, const char *user, const char *service, const char *ip)
{
	at(KIND_WINEVENT, sec);
	num(FIELD_WIN_EVENT_ID, 4769);
	wide(FIELD_WIN_CHANNEL, "Security");
	wide(FIELD_WIN_COMPUTER, "DC1");
	wide(FIELD_TARGET_USER, user);
	wide(FIELD_SERVICE_NAME, service);
	wide(FIELD_IP_ADDRESS, ip);
	wide(FIELD_WIN_STATUS, "0x0");
}

/* Thirty sign-ins over thirty hours from one address. */
static void
history(const char *user)
{
	again();
	for (unsigned i = 0; i < 30; i++)
		logon(i * HOUR, 4624, user, "::ffff:10.0.0.5", "APP1", 3);
}

static int
severity(void)
{
	return hunt("service-account") == 0 ? -1 : (int)dr.found[0].severity;
}

static void
outside_habit(void **unused)
{
	(void)unused;
	history("svc_sql");
	assert_int_equal(severity(), -1);
	logon(40 * HOUR, 4624, "SVC_sql", "10.9.9.9", "KALI", 3);
	assert_int_equal(severity(), SEV_MEDIUM);
	ENTITY_IS(0, USER, "svc_sql");
	ENTITY_IS(0, SRC_IP, "10.9.9.9");
	ENTITY_IS(0, DST_IP, "FS1.corp.example");
	assert_true(says(0, "The service account svc_sql was used from "
	    "10.9.9.9, after 30 sign-ins from 10.0.0.5 only"));
	/* not learned: it stays unusual, in one finding */
	logon(41 * HOUR, 4624, "svc_sql", "10.9.9.9", "KALI", 3);
	assert_int_equal(severity(), SEV_MEDIUM);
	assert_int_equal(dr.nfound, 2);
	assert_true(span_eq(dr.found[0].fold, dr.found[1].fold));
	history("svc_sql");
	logon(40 * HOUR, 4624, "svc_sql", "10.9.9.9", "KALI", 10);
	assert_int_equal(severity(), SEV_HIGH);
	assert_true(says(0, "by remote desktop"));
	history("svc_sql");
	logon(40 * HOUR, 4625, "svc_sql", "10.9.9.9", "KALI", 3);
	assert_int_equal(severity(), SEV_MEDIUM);
	assert_true(says(0, "was tried, without success, from 10.9.9.9"));
}

static void
other_events(void **unused)
{
	(void)unused;
	history("svc_sql");
	ticket(40 * HOUR, "svc_sql@CORP.EXAMPLE", "FS1$", "::ffff:10.9.9.9");
	assert_int_equal(severity(), SEV_MEDIUM);
	/* names against names */
	history("svc_sql");
	at(KIND_WINEVENT, 40 * HOUR);
	num(FIELD_WIN_EVENT_ID, 4776);
	wide(FIELD_WIN_CHANNEL, "Security");
	wide(FIELD_TARGET_USER, "svc_sql");
	wide(FIELD_WORKSTATION_4776, "\\\\KALI");
	wide(FIELD_WIN_STATUS, "0x0");
	assert_int_equal(severity(), SEV_MEDIUM);
	ENTITY_IS(0, HOST, "kali");
	dr.ev[30].fields[3].v.ptr = "A\0P\0P\0001\0";
	dr.ev[30].fields[3].v.len = 8;
	assert_int_equal(severity(), -1);
	/* on the source itself its own name counts */
	history("svc_sql");
	logon(40 * HOUR, 4648, "svc_sql", "-", "-", 0);
	assert_int_equal(severity(), SEV_MEDIUM);
	ENTITY_IS(0, HOST, "fs1");
}

static void
too_little(void **unused)
{
	(void)unused;
	again();
	for (unsigned i = 0; i < 19; i++)	/* too few */
		logon(i * HOUR * 2, 4624, "svc_sql", "10.0.0.5", "-", 3);
	logon(50 * HOUR, 4624, "svc_sql", "10.9.9.9", "-", 3);
	assert_int_equal(severity(), -1);
	again();
	for (unsigned i = 0; i < 100; i++)	/* too short */
		logon(i * 60, 4624, "svc_sql", "10.0.0.5", "-", 3);
	logon(2 * HOUR, 4624, "svc_sql", "10.9.9.9", "-", 3);
	assert_int_equal(severity(), -1);
	again();
	for (unsigned i = 0; i < 70; i++) {	/* roams by design */
		char ip[16];

		snprintf(ip, sizeof(ip), "10.0.%u.5", i % 7);
		logon(i * HOUR, 4624, "svc_scan", ip, "-", 3);
	}
	logon(80 * HOUR, 4624, "svc_scan", "10.9.9.9", "-", 3);
	assert_int_equal(severity(), -1);
}

static void
who_is_a_service(void **unused)
{
	static const char *const no_service[] = {
		"eve", "SQL1$", "SYSTEM", "ANONYMOUS LOGON", "-", "",
		"Administrator", "DWM-1"
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(no_service); i++) {
		history(no_service[i]);
		logon(40 * HOUR, 4624, no_service[i], "10.9.9.9", "-", 3);
		if (severity() != -1)
			fail_msg("alarm on %s", no_service[i]);
	}
	/* somebody got a ticket for it as a service */
	history("reporting");
	ticket(1, "eve@CORP", "reporting", "10.0.0.77");
	logon(40 * HOUR, 4624, "reporting", "10.9.9.9", "-", 3);
	assert_int_equal(severity(), SEV_MEDIUM);
	/* it was signed in as a service */
	history("reporting");
	logon(1, 4624, "reporting", "-", "-", 5);
	logon(40 * HOUR, 4624, "reporting", "10.9.9.9", "-", 3);
	assert_int_equal(severity(), SEV_MEDIUM);
}

static void
partners(void **unused)
{
	(void)unused;
	history("svc_sql");
	logon(40 * HOUR, 4624, "svc_sql", "10.0.0.6", "APP2", 3);
	assert_int_equal(severity(), SEV_LOW);
	assert_true(says(0, "may be the partner of a cluster"));
	history("svc_sql");
	logon(40 * HOUR, 4624, "svc_sql", "10.0.0.8", "-", 3);
	assert_int_equal(severity(), SEV_MEDIUM);
	/* a known name at a new address, and the loopback */
	history("svc_sql");
	logon(40 * HOUR, 4624, "svc_sql", "10.7.7.7", "app1", 3);
	logon(41 * HOUR, 4624, "svc_sql", "127.0.0.1", "-", 3);
	logon(41 * HOUR, 4624, "svc_sql", "::1", "-", 3);
	assert_int_equal(severity(), -1);
}

static void
odd_times(void **unused)
{
	(void)unused;
	history("svc_sql");
	dr.ev[0].time = INT64_MIN + 1;
	dr.ev[1].time = TIME_NONE;
	logon(0, 4624, "svc_sql", "10.9.9.9", "-", 3);
	dr.ev[30].time = INT64_MAX;
	assert_int_equal(severity(), SEV_MEDIUM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(outside_habit), T(other_events), T(too_little),
		T(who_is_a_service), T(partners), T(odd_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
