/* SPDX-License-Identifier: Apache-2.0
 *
 * exfil: habits and sendings by hand.
 */
#include "detect_drive.h"

#define US	"10.0.0.5"
#define NEW	"198.51.100.9"
#define MB	1000000u

struct talk {
	double		 hour;
	const char	*src, *dst;
	uint64_t	 up, down;
	unsigned	 port, from;
	const char	*proto, *service;
};

static void
conn(struct talk t)
{
	(void)at(KIND_CONN, t.hour * 3600);
	addr(FIELD_SRC_IP, t.src);
	addr(FIELD_DST_IP, t.dst);
	num(FIELD_SRC_PORT, t.from != 0 ? t.from : 40000);
	num(FIELD_DST_PORT, t.port != 0 ? t.port : 443);
	str(FIELD_PROTO, t.proto == NULL ? "tcp" : t.proto);
	if (t.service != NULL)
		str(FIELD_CONN_SERVICE, t.service);
	str(FIELD_CONN_STATE, "SF");
	num(FIELD_SRC_BYTES, t.up);
	num(FIELD_DST_BYTES, t.down);
	num(FIELD_SRC_PKTS, t.up / 1400 + 5);
	num(FIELD_DST_PKTS, t.down / 1400 + 5);
}

/* Takes 1 MB an hour and gives a tenth of it. */
static void
habit(const char *who, unsigned hours)
{
	for (unsigned i = 0; i < hours; i++)
		conn((struct talk){ i, who, "198.18.0.80", 100000, 1000000,
		    0, 0, NULL, NULL });
}

static void
test_shift(void **unused)
{
	(void)unused;
	habit(US, 20);
	conn((struct talk){ 19.5, US, "10.0.0.9", 9000, 60 * MB, 445, 0, NULL,
	    "smb" });
	for (unsigned i = 0; i < 4; i++)
		conn((struct talk){ 20 + i * .1, US, NEW, 15 * MB, 150000, 22,
		    0, NULL, "ssh" });
	for (int half = 0; half < 2; half++) {
		dr.halfway = half != 0;
		assert_int_equal(hunt("exfil"), 1);
		assert_int_equal(dr.found[0].severity, SEV_HIGH);
		assert_int_equal(dr.found[0].confidence, 85);
		assert_int_equal(dr.found[0].count, 4);
		ENTITY_IS(0, SRC_IP, US);
		ENTITY_IS(0, DST_IP, NEW);
		ENTITY_IS(0, DST_PORT, "22");
		/* (60 - 0.6) / (60 + 0.6); (0.1 - 1) / (0.1 + 1) */
		assert_true(says(0, "10.0.0.5 sent 60 MB to 198.51.100.9 port "
		    "22 and took 600 kB (ratio +0.98) in 4 conversations "
		    "within 18 min; in the 20 hours of talk with the outside "
		    "before, its ratio was -0.82 (median), now +0.98"));
		assert_true(says(0, "it had taken 60 MB from hosts inside"));
	}
	dr.halfway = false;
	again();
}

/* Little enough, or taken back, or to a known place: nothing. */
static void
test_misses(void **unused)
{
	(void)unused;
	habit(US, 20);
	conn((struct talk){ 20, US, NEW, 29 * MB, 0, 0, 0, NULL, NULL });
	assert_int_equal(hunt("exfil"), 0);
	again();
	habit(US, 20);
	conn((struct talk){ 20, US, NEW, 90 * MB, 80 * MB, 3478, 0, "udp",
	    NULL });
	assert_int_equal(hunt("exfil"), 0);
	again();
	/* in the house; a broadcast; not answered */
	habit(US, 20);
	conn((struct talk){ 20, US, "10.9.9.9", 900 * MB, 9, 0, 0, NULL,
	    NULL });
	conn((struct talk){ 20, US, "239.1.1.1", 900 * MB, 9, 0, 0, "udp",
	    NULL });
	assert_int_equal(hunt("exfil"), 0);
	again();
	/* what a server answers, told by either side */
	habit(US, 20);
	conn((struct talk){ 20, NEW, US, 9000, 900 * MB, 443, 0, NULL,
	    NULL });
	conn((struct talk){ 20, US, NEW, 900 * MB, 0, 50000, 20, NULL,
	    NULL });
	dr.ev[dr.nev - 1].fields[5].v.ptr = "OTH";
	dr.ev[dr.nev - 1].fields[5].v.len = 3;
	assert_int_equal(hunt("exfil"), 0);
	again();
	/* no packet carried that */
	habit(US, 20);
	conn((struct talk){ 20, US, NEW, 900 * MB, 0, 0, 0, NULL, NULL });
	dr.ev[dr.nev - 1].fields[8].v.u64 = 12;
	assert_int_equal(hunt("exfil"), 0);
	again();
}

/* What it always gave is no theft, and three times as much is. */
static void
test_giver(void **unused)
{
	(void)unused;
	for (unsigned more = 2; more < 5; more += 2) {
		for (unsigned i = 0; i < 20; i++)
			conn((struct talk){ i, US, "198.18.0.80", 40 * MB,
			    100000, 0, 0, NULL, NULL });
		conn((struct talk){ 20, US, NEW, more * 40 * MB, 0, 0, 0, NULL,
		    NULL });
		assert_int_equal(hunt("exfil"), more / 4);
		if (more == 4)
			assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
		again();
	}
}

/* Nobody knows the habit: less sure, and only at more. */
static void
test_alone(void **unused)
{
	(void)unused;
	conn((struct talk){ 0, US, NEW, 99 * MB, 0, 0, 0, NULL, NULL });
	assert_int_equal(hunt("exfil"), 0);
	conn((struct talk){ .1, US, NEW, 99 * MB, 0, 0, 0, NULL, NULL });
	assert_int_equal(hunt("exfil"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_int_equal(dr.found[0].confidence, 40);
	assert_true(says(0, "there is no habit of that host"));
	again();
	/* all day the same since the evidence begins: a camera */
	for (unsigned i = 0; i < 24; i++)
		conn((struct talk){ i, US, NEW, 20 * MB, 0, 0, 0, NULL, NULL });
	assert_int_equal(hunt("exfil"), 0);
	again();
}

static void
test_popular(void **unused)
{
	char s[32];

	(void)unused;
	habit(US, 20);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(s, sizeof(s), "10.0.1.%u", i + 1);
		conn((struct talk){ i, s, "198.51.100.77", 9000, 90000, 0, 0,
		    NULL, NULL });
	}
	conn((struct talk){ 20, US, NEW, 300 * MB, 0, 0, 0, NULL, NULL });
	assert_int_equal(hunt("exfil"), 0);
	again();
}

/* 20 MB a day, to addresses of one network that take turns. */
static void
test_slow(void **unused)
{
	char s[32];

	(void)unused;
	habit(US, 144);
	for (unsigned i = 0; i < 55; i++) {
		snprintf(s, sizeof(s), "198.51.100.%u", i % 5 + 1);
		conn((struct talk){ 24.5 + 2 * i, US, s, 2 * MB, 20000, 0, 0,
		    NULL, NULL });
	}
	dr.halfway = true;
	assert_true(hunt("exfil") >= 1);
	dr.halfway = false;
	for (unsigned i = 0; i < dr.nfound; i++)
		assert_true(span_eq(span_str(dr.found[i].rule),
		    SPAN_LIT("exfil-slow")));
	assert_true(says(dr.nfound - 1, "sent 110 MB to the network of "
	    "198.51.100."));
	again();
}

/* The nightly copy is told once, then it is habit. */
static void
test_backup(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 4; i++)
		conn((struct talk){ 1 + 25 * i, US, NEW, 500 * MB, 0, 0, 0,
		    NULL, NULL });
	assert_int_equal(hunt("exfil"), 1);
	assert_true(dr.found[0].last_time < T0 + 24 * 3600 * NSEC);
	again();
}

/* NetFlow: each way has its record. */
static void
test_one_way(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 21; i++)
		for (unsigned way = 0; way < 2; way++) {
			const char *there = i < 20 ? "198.18.0.80" : NEW;
			bool theft = i == 20;

			(void)at(KIND_CONN, 3600.0 * i + way);
			addr(FIELD_SRC_IP, way ? there : US);
			addr(FIELD_DST_IP, way ? US : there);
			num(FIELD_SRC_PORT, way ? 443 : 50000);
			num(FIELD_DST_PORT, way ? 50000 : 443);
			str(FIELD_PROTO, "tcp");
			num(FIELD_SRC_IP_BYTES, way != theft ? 2 * MB :
			    theft ? 80 * MB : 60000);
			num(FIELD_SRC_PKTS, 90000);
			if (theft && way)
				dr.ev[dr.nev - 1].fields[5].v.u64 = 900000;
			else if (theft)
				dr.ev[dr.nev - 1].fields[5].v.u64 = 80 * MB;
		}
	assert_int_equal(hunt("exfil"), 1);
	assert_true(says(0, "sent 80 MB to 198.51.100.9 port 443 and took "
	    "900 kB"));
	again();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_shift), T(test_misses), T(test_giver), T(test_alone),
		T(test_popular), T(test_slow), T(test_backup), T(test_one_way)
	};

	return cmocka_run_group_tests_name("exfil", tests, NULL, NULL);
}
