/* SPDX-License-Identifier: Apache-2.0
 *
 * A site walked for entry points, and the first visit before it.
 */
#include "detect_drive.h"

static void
get(double sec, const char *src, const char *path, unsigned status)
{
	at(KIND_HTTP, sec);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, "192.0.2.10");
	str(FIELD_HTTP_METHOD, "GET");
	str(FIELD_HTTP_URI, path);
	num(FIELD_HTTP_STATUS, status);
}

static void
walk(const char *src, double start, double apart, unsigned n, unsigned status)
{
	char path[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/guess%u?x=%u", i, i);
		get(start + i * apart, src, path, status);
	}
}

static void
walked(void **unused)
{
	(void)unused;
	walk("203.0.113.77", 0, 2, 60, 404);
	assert_int_equal(hunt("web-walk"), 1);
	assert_string_equal(dr.found[0].rule, "web-walk");
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_int_equal(dr.found[0].count, 25);
	assert_int_equal(dr.found[0].nevidence, EVIDENCE_MAX);
	assert_true(dr.found[0].last_time == T0 + 48 * NSEC);
	assert_true(says(0, "203.0.113.77 asked 192.0.2.10 for at least 25 "
	    "paths that are not there within 48 seconds"));
}

static void
not_walked(void **unused)
{
	(void)unused;
	walk("203.0.113.77", 0, 2, 24, 404);
	assert_int_equal(hunt("web-walk"), 0);
	again();
	walk("203.0.113.77", 0, 2, 60, 200);
	assert_int_equal(hunt("web-walk"), 0);
	again();
	walk("203.0.113.77", 0, 2, 60, 500);
	assert_int_equal(hunt("web-walk"), 0);
	again();		/* a crawler: one a minute */
	walk("203.0.113.77", 0, 60, 200, 404);
	assert_int_equal(hunt("web-walk"), 0);
	again();		/* one path, again and again, other queries */
	for (unsigned i = 0; i < 100; i++)
		get(i, "203.0.113.77", i % 2 != 0 ? "/a?1" : "/a", 404);
	assert_int_equal(hunt("web-walk"), 0);
	again();		/* many clients, one each */
	for (unsigned i = 0; i < 100; i++) {
		char src[32], path[32];

		snprintf(src, sizeof(src), "203.0.113.%u", i);
		snprintf(path, sizeof(path), "/p%u", i);
		get(i, src, path, 404);
	}
	assert_int_equal(hunt("web-walk"), 0);
}

static void
first_visit(void **unused)
{
	(void)unused;
	get(-86400, "203.0.113.77", "/", 200);
	get(-86000, "203.0.113.77", "/?from=x", 200);
	get(-86400, "203.0.113.78", "/", 200);
	walk("203.0.113.77", 0, 1, 30, 404);
	assert_int_equal(hunt("web-walk"), 2);
	assert_string_equal(dr.found[1].rule, "web-first-visit");
	assert_string_equal(dr.found[1].attack, "T1594");
	assert_true(dr.found[1].time == T0 - 86400 * NSEC);
	assert_true(dr.found[1].last_time == T0 - 86000 * NSEC);
	assert_true(says(1, "(2 times)"));
	/* told once, however many servers are walked */
	again();
	get(-86400, "203.0.113.77", "/", 200);
	walk("203.0.113.77", 0, 1, 30, 404);
	walk("203.0.113.77", 1000, 1, 30, 404);
	assert_int_equal(hunt("web-walk"), 3);
	again();		/* visits after the walk are none before it */
	walk("203.0.113.77", 0, 1, 30, 404);
	get(100, "203.0.113.77", "/", 200);
	assert_int_equal(hunt("web-walk"), 1);
}

static void
odd_times(void **unused)
{
	(void)unused;
	walk("203.0.113.77", 0, 0, 90, 404);
	for (unsigned i = 0; i < 90; i++)
		dr.ev[i].time = i < 30 ? INT64_MIN + 1 : i < 60 ? TIME_NONE :
		    INT64_MAX;
	assert_int_equal(hunt("web-walk"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(walked), T(not_walked), T(first_visit), T(odd_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
