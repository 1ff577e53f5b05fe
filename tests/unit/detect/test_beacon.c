/* SPDX-License-Identifier: Apache-2.0
 *
 * Beacons, strobes and long connections among conversations made by hand.
 */
#include "detect_drive.h"

static void
conn(double at_s, const char *src, const char *dst, unsigned port,
    uint64_t up, double length)
{
	at(KIND_CONN, at_s);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, dst);
	num(FIELD_SRC_PORT, 40000 + (unsigned)at_s % 20000);
	num(FIELD_DST_PORT, port);
	str(FIELD_PROTO, "tcp");
	str(FIELD_CONN_STATE, "SF");
	num(FIELD_SRC_IP_BYTES, up);
	num(FIELD_DST_IP_BYTES, 900);
	num(FIELD_DST_PKTS, 6);
	put(FIELD_CONN_DURATION, VT_F64)->f64 = length;
}

/* Twelve hosts of ours that do something else. */
static void
others(void)
{
	char ip[32];

	for (unsigned i = 0; i < 12; i++) {
		snprintf(ip, sizeof(ip), "10.0.1.%u", i + 1);
		conn(i, ip, "192.0.2.80", 443, 1000, 3);
	}
}

static void
calls(const char *src, const char *dst, unsigned port, unsigned n,
    unsigned period)
{
	for (unsigned i = 0; i < n; i++)
		conn(100 + i * period + i * i % 7, src, dst, port,
		    800 + i % 5, 1);
}

/* Twelve hours of calls in data of as much: every part is good. */
static void
beacon(void **unused)
{
	(void)unused;
	others();
	calls("10.0.0.5", "203.0.113.7", 443, 144, 300);
	dr.home = NULL;
	assert_int_equal(hunt("beacon"), 1);
	assert_string_equal(dr.found[0].rule, "beacon");
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].count, 144);
	assert_int_equal(dr.found[0].nevidence, 2);
	ENTITY_IS(0, SRC_IP, "10.0.0.5");
	ENTITY_IS(0, DST_IP, "203.0.113.7");
	ENTITY_IS(0, DST_PORT, "443");
	assert_true(says(0, "144 times, about every 300 seconds"));
	assert_true(says(0, "RITA score 0.9"));
	assert_true(says(0, "1 of about 13 hosts"));
}

/* The same over two runs. */
static void
saved(void **unused)
{
	(void)unused;
	others();
	calls("10.0.0.5", "203.0.113.7", 443, 144, 300);
	dr.halfway = true;
	assert_int_equal(hunt("beacon"), 1);
	assert_int_equal(dr.found[0].count, 144);
	assert_true(says(0, "144 times, about every 300 seconds"));
}

/* Ours, popular, usual services, too few, unanswered. */
static void
harmless(void **unused)
{
	char ip[32];

	(void)unused;
	others();
	calls("10.0.0.5", "10.0.0.60", 443, 144, 300);
	calls("10.0.0.5", "203.0.113.53", 53, 144, 300);
	calls("10.0.0.5", "203.0.113.8", 443, 11, 300);
	calls("198.51.100.1", "10.0.0.5", 443, 100, 300);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(ip, sizeof(ip), "10.0.1.%u", i + 1);
		calls(ip, "192.0.2.99", 443, 60, 600);
	}
	assert_int_equal(hunt("beacon"), 0);
}

/* A person: gaps of all lengths. */
static void
person(void **unused)
{
	uint32_t x = 99;
	double t = 0;

	(void)unused;
	others();
	for (unsigned i = 0; i < 300; i++) {
		x = x * 1664525 + 1013904223;
		t += 1 + (x >> 8) % 37 * ((x >> 20) % 61);
		conn(t, "10.0.0.5", "203.0.113.7", 443, 500 + (x >> 12) % 9000,
		    2);
	}
	assert_int_equal(hunt("beacon"), 0);
}

/* Few hosts are seen: milder, and it says so by its numbers. */
static void
alone(void **unused)
{
	(void)unused;
	calls("10.0.0.5", "203.0.113.7", 443, 144, 300);
	assert_int_equal(hunt("beacon"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_true(says(0, "1 of about 1 hosts"));
}

static void
lengthy(void **unused)
{
	(void)unused;
	others();
	conn(50, "10.0.0.5", "203.0.113.7", 443, 800, 8 * 3600 + 1);
	conn(60, "10.0.0.6", "203.0.113.8", 443, 800, 8 * 3600 - 1);
	conn(70, "10.0.0.6", "203.0.113.9", 993, 800, 9 * 3600);
	assert_int_equal(hunt("beacon"), 1);
	assert_string_equal(dr.found[0].rule, "beacon-long");
	assert_true(says(0, "held a connection to 203.0.113.7 port 443 for "
	    "8.0 hours"));
}

/* Times before 1970 and after 2106, and a jump of centuries. */
static void
clocks(void **unused)
{
	(void)unused;
	others();
	calls("10.0.0.5", "203.0.113.7", 443, 144, 300);
	for (unsigned i = 0; i < 20; i++) {
		conn(5, "10.0.0.5", "203.0.113.9", 443, 8, 1);
		dr.ev[dr.nev - 1].time = i % 2 != 0 ? INT64_MIN + 1 + i :
		    INT64_MAX - i;
	}
	assert_int_equal(hunt("beacon"), 1);
	conn(2.4e9, "10.0.0.5", "203.0.113.9", 443, 8, 1);
	assert_int_equal(hunt("beacon"), 1);
}

/* A few flows months before and after all others say nothing of how long the
 * data are: the score stays. */
static void
odd_device(void **unused)
{
	(void)unused;
	others();
	calls("10.0.0.5", "203.0.113.7", 443, 144, 300);
	for (unsigned i = 0; i < 5; i++) {
		conn(-1e7 - i, "10.0.0.7", "10.0.0.8", 161, 100, 1);
		conn(2e7 + i, "10.0.0.7", "10.0.0.8", 161, 100, 1);
	}
	assert_int_equal(hunt("beacon"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "RITA score 0.9"));
	assert_true(says(0, "histogram 1.000, duration 1.000"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(beacon), T(saved), T(harmless), T(person), T(alone),
		T(lengthy), T(clocks), T(odd_device)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
