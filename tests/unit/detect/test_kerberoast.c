/* SPDX-License-Identifier: Apache-2.0
 *
 * Kerberoasting by the ticket's encryption type (RFC 3961 and 4757 numbers),
 * on the wire and in event 4769.
 */
#include "detect_drive.h"

static void
wire(double sec, const char *user, const char *service, unsigned etype,
    const char *offers)
{
	at(KIND_KRB5, sec);
	addr(FIELD_SRC_IP, "10.0.0.5");
	addr(FIELD_DST_IP, "10.0.0.1");
	str(FIELD_KRB_TYPE, "TGS");
	str(FIELD_KRB_CLIENT, user);
	str(FIELD_KRB_SERVICE, service);
	num(FIELD_KRB_TICKET_ETYPE, etype);
	if (offers != NULL)
		list(FIELD_KRB_REQ_ETYPES, offers);
}

static void
event4769(double sec, const char *user, const char *service,
    const char *etype, const char *status)
{
	at(KIND_WINEVENT, sec);
	num(FIELD_WIN_EVENT_ID, 4769);
	wide(FIELD_WIN_COMPUTER, "DC1.corp.example");
	wide(FIELD_TARGET_USER, user);
	wide(FIELD_SERVICE_NAME, service);
	wide(FIELD_TICKET_ETYPE, etype);
	wide(FIELD_WIN_STATUS, status);
	wide(FIELD_IP_ADDRESS, "::ffff:10.0.0.5");
}

static unsigned
one(unsigned etype)
{
	again();
	wire(0, "eve@CORP", "MSSQLSvc/sql1:1433@CORP", etype, NULL);
	return hunt("kerberoast");
}

static void
by_etype(void **unused)
{
	(void)unused;
	assert_int_equal(one(23), 1);		/* rc4-hmac */
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "MSSQLSvc/sql1:1433"));
	assert_true(says(0, "eve@CORP at 10.0.0.5"));
	ENTITY_IS(0, USER, "eve@CORP");
	ENTITY_IS(0, DST_IP, "10.0.0.1");
	assert_int_equal(one(24), 1);		/* rc4-hmac-exp */
	assert_int_equal(one(1), 1);		/* des-cbc-crc */
	assert_int_equal(one(3), 1);		/* des-cbc-md5 */
	assert_int_equal(one(17), 0);		/* aes128-cts-hmac-sha1-96 */
	assert_int_equal(one(18), 0);
	assert_int_equal(one(20), 0);		/* aes256-cts-hmac-sha384-192 */
	assert_int_equal(one(0), 0);
}

static void
random_keys(void **unused)
{
	static const char *const service[] = {
		"krbtgt/CORP@CORP", "WEB01$@CORP", "web01$", "kadmin/changepw",
		""
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(service); i++) {
		again();
		wire(0, "eve@CORP", service[i], 23, NULL);
		if (hunt("kerberoast") != 0)
			fail_msg("alarm on %s", service[i]);
	}
	/* AS exchanges are no service tickets */
	again();
	wire(0, "eve@CORP", "svc@CORP", 23, NULL);
	dr.ev[0].fields[2].v.ptr = "AS";
	dr.ev[0].fields[2].v.len = 2;
	assert_int_equal(hunt("kerberoast"), 0);
}

static void
folded(void **unused)
{
	char name[32];

	(void)unused;
	for (unsigned i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "HTTP/web%u@CORP", i);
		wire(i, "eve@CORP", name, 23, "23");
	}
	assert_int_equal(hunt("kerberoast"), 1);
	assert_int_equal(dr.found[0].count, 9);
	assert_int_equal(dr.found[0].confidence, 95);
	assert_true(says(0, "9 service accounts"));
	assert_true(says(0, "nothing stronger"));
	assert_true(says(0, "HTTP/web0, HTTP/web1"));
	assert_true(dr.found[0].time == T0);
	assert_true(dr.found[0].last_time == T0 + 8 * NSEC);
	again();
	wire(0, "eve@CORP", "HTTP/web@CORP", 23, "18 17 23");
	assert_int_equal(hunt("kerberoast"), 1);
	assert_int_equal(dr.found[0].confidence, 75);
	assert_false(says(0, "nothing stronger"));
}

static void
from_the_log(void **unused)
{
	(void)unused;
	event4769(0, "eve@CORP.EXAMPLE", "svc_sql", "0x17", "0x0");
	assert_int_equal(hunt("kerberoast"), 1);
	ENTITY_IS(0, SRC_IP, "10.0.0.5");	/* no ::ffff: */
	ENTITY_IS(0, SERVICE, "svc_sql");
	again();
	event4769(0, "eve@CORP.EXAMPLE", "svc_sql", "0x12", "0x0");
	event4769(0, "eve@CORP.EXAMPLE", "svc_sql", "0xffffffff", "0x20");
	event4769(0, "eve@CORP.EXAMPLE", "svc_sql", "0x17", "0x20");
	event4769(0, "WS1$@CORP.EXAMPLE", "svc_sql", "0x17", "0x0");
	event4769(0, "eve@CORP.EXAMPLE", "FS1$", "0x17", "0x0");
	event4769(0, "eve@CORP.EXAMPLE", "krbtgt", "0x17", "0x0");
	dr.ev[dr.nev - 1].fields[0].v.u64 = 4768;
	assert_int_equal(hunt("kerberoast"), 0);
}

/* Seen twice, told once: the capture and the log of the same tickets. */
static void
both_places(void **unused)
{
	(void)unused;
	wire(0, "eve@CORP", "HTTP/web1@CORP", 23, NULL);
	wire(1, "eve@CORP", "HTTP/web2@CORP", 23, NULL);
	event4769(0.1, "Eve@CORP.EXAMPLE", "svc_web1", "0x17", "0x0");
	event4769(1.1, "eve@CORP.EXAMPLE", "svc_web2", "0x17", "0x0");
	assert_int_equal(hunt("kerberoast"), 1);
	assert_true(says(0, "2 service accounts"));
}

static void
aes(double sec, unsigned i)
{
	char name[32];

	snprintf(name, sizeof(name), "HTTP/web%u@CORP", i);
	wire(sec, "eve@CORP", name, 18, NULL);
}

static void
aes_in_number(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 19; i++) {
		aes(i * 100, i);
		aes(i * 100 + 1, i);
	}
	assert_int_equal(hunt("kerberoast"), 0);
	aes(2000, 19);
	assert_int_equal(hunt("kerberoast"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_int_equal(dr.found[0].count, 20);
	assert_true(says(0, "AES tickets for 20 service accounts"));
	assert_true(says(0, "within an hour"));
	/* asking again for what was told already tells nothing new */
	for (unsigned i = 0; i < 30; i++)
		aes(2100 + i, 3);
	assert_int_equal(hunt("kerberoast"), 1);
	assert_int_equal(dr.found[0].count, 20);
	/* the window slides: no border saves a tool */
	again();
	for (unsigned i = 0; i < 30; i++)
		aes(i < 10 ? 100 * i : 3000 + 100 * i, i);
	assert_int_equal(hunt("kerberoast"), 1);
	/* computers ask for what runs on them */
	for (unsigned i = 0; i < dr.nev; i++)
		dr.ev[i].fields[3].v.ptr = "WEB$@COR";
	assert_int_equal(hunt("kerberoast"), 0);
}

static void
aes_in_a_burst(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 9; i++)
		aes(i, i);
	assert_int_equal(hunt("kerberoast"), 0);
	aes(59, 9);
	assert_int_equal(hunt("kerberoast"), 1);
	assert_true(says(0, "10 service accounts"));
	assert_true(says(0, "within a minute"));
	again();
	for (unsigned i = 0; i < 10; i++)
		aes(i * 7, i);		/* 63 s */
	assert_int_equal(hunt("kerberoast"), 0);
	/* a walk over file servers is none */
	again();
	for (unsigned i = 0; i < 40; i++) {
		char name[32];

		snprintf(name, sizeof(name), "cifs/fs%u@CORP", i);
		wire(i, "eve@CORP", name, 18, NULL);
	}
	assert_int_equal(hunt("kerberoast"), 0);
}

static void
aes_by_trade(void **unused)
{
	(void)unused;
	for (unsigned day = 0; day < 3; day++) {
		for (unsigned i = 0; i < 25; i++)
			aes(day * 86400. + i, i);
		assert_int_equal(hunt("kerberoast"), 1);
		assert_int_equal(dr.found[0].severity, day < 2 ? SEV_MEDIUM :
		    SEV_LOW);
	}
	assert_true(says(0, "on 3 days"));
}

static void
aes_from_the_log(void **unused)
{
	char name[32];

	(void)unused;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "svc_%u", i);
		event4769(i, "eve@CORP.EXAMPLE", name, "0x12", "0x0");
		wide(FIELD_WIN_CHANNEL, "Security");
	}
	assert_int_equal(hunt("kerberoast"), 1);
	ENTITY_IS(0, USER, "eve@CORP.EXAMPLE");
	ENTITY_IS(0, SRC_IP, "10.0.0.5");
	for (unsigned i = 0; i < 10; i++)
		dr.ev[i].fields[dr.ev[i].nfields - 1].v.len -= 2;
	assert_int_equal(hunt("kerberoast"), 0);	/* no such log */
}

static void
aes_over_the_day(void **unused)
{
	char name[32];

	(void)unused;
	for (unsigned i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "HTTP/web%u@CORP", i);
		wire(i * 300., "eve@CORP", name, 18, NULL);	/* 12 an hour */
	}
	assert_int_equal(hunt("kerberoast"), 0);
}

/* Harmless AES tickets of the day are no evidence of the RC4 ones. */
static void
evidence_is_weak_only(void **unused)
{
	(void)unused;
	wire(0, "eve@CORP", "HTTP/intranet@CORP", 18, NULL);
	wire(1000, "eve@CORP", "HTTP/web1@CORP", 23, NULL);
	assert_int_equal(hunt("kerberoast"), 1);
	assert_int_equal(dr.found[0].count, 1);
	assert_true(dr.found[0].time == T0 + 1000 * NSEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(by_etype), T(random_keys), T(folded), T(from_the_log),
		T(both_places), T(aes_in_number), T(aes_in_a_burst),
		T(aes_by_trade), T(aes_from_the_log), T(aes_over_the_day),
		T(evidence_is_weak_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
