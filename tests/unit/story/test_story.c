/* SPDX-License-Identifier: Apache-2.0
 *
 * Stories: what joins, what does not, and how it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "story.h"

#define N_MAX	64u
#define DAY	(86400 * NSEC)

static struct finding	f[N_MAX], *ref[N_MAX];
static char		ids[N_MAX][ID_SIZE];
static struct report	r;
static struct arena	m;

static int
setup(void **unused)
{
	(void)unused;
	memset(f, 0, sizeof(f));
	memset(&r, 0, sizeof(r));
	arena_init(&m, 16u << 20);
	r.finding = ref;
	r.finding_id = ids;
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	arena_fini(&m);
	return 0;
}

/* Findings come in order of time. */
static struct finding *
add(int64_t time, const char *rule, const char *attack, enum severity sev,
    const char *src, const char *dst)
{
	size_t i = r.nfindings++;

	assert_true(i < N_MAX);
	f[i] = (struct finding){ .rule = rule, .title = rule,
	    .attack = attack, .severity = sev, .confidence = 50,
	    .time = time, .last_time = time, .count = 1 };
	f[i].entity[ENTITY_SRC_IP] = span_str(src);
	f[i].entity[ENTITY_DST_IP] = span_str(dst);
	f[i].entity[ENTITY_HOST] = span_str(dst);
	snprintf(ids[i], ID_SIZE, "%016zx", i + 1);
	ref[i] = &f[i];
	return &f[i];
}

static size_t
build(void)
{
	assert_true(story_build(&r, &m));
	return r.nincidents;
}

static void
stages(void **unused)
{
	(void)unused;
	assert_string_equal(story_stage(SPAN_LIT("T1558.003")),
	    "credential-access");
	assert_string_equal(story_stage(SPAN_LIT("T1558")),
	    "credential-access");
	assert_string_equal(story_stage(SPAN_LIT("T1595.003")),
	    "reconnaissance");
	assert_string_equal(story_stage(SPAN_LIT("T1190")), "initial-access");
	assert_string_equal(story_stage(SPAN_LIT("T1505.003")), "persistence");
	assert_string_equal(story_stage(SPAN_LIT("T1021.002")),
	    "lateral-movement");
	assert_string_equal(story_stage(SPAN_LIT("T1041")), "exfiltration");
	assert_string_equal(story_stage(SPAN_LIT("T1572")),
	    "command-and-control");
	assert_string_equal(story_stage(SPAN_LIT("T15")), "unknown");
	assert_string_equal(story_stage(SPAN_LIT("T15581")), "unknown");
	assert_string_equal(story_stage(SPAN_NONE), "unknown");
	assert_string_equal(story_stage(SPAN_LIT(".")), "unknown");
}

static void
one_intrusion(void **unused)
{
	const struct incident *in;

	(void)unused;
	add(1 * DAY, "web-walk", "T1595.003", SEV_LOW, "198.51.100.1",
	    "192.0.2.10");
	add(2 * DAY, "webshell", "T1505.003", SEV_HIGH, "198.51.100.1",
	    "192.0.2.10");
	/* from the server on; the name of the host binds */
	add(3 * DAY, "kerberoast", "T1558.003", SEV_HIGH, "192.0.2.10",
	    "10.0.0.1");
	add(4 * DAY, "ssf-upload", "T1041", SEV_CRITICAL, "10.9.9.9",
	    "10.0.0.1");
	assert_int_equal(build(), 1);
	in = &r.incident[0];
	assert_int_equal(in->nsteps, 4);
	assert_int_equal(in->severity, SEV_CRITICAL);
	assert_true(in->first_time == DAY && in->last_time == 4 * DAY);
	/* 1 - 0.5^4 = 0.9375 */
	assert_int_equal(in->confidence, 94);
	assert_string_equal(in->title, "Intrusion with data carried away, "
	    "first seen from 198.51.100.1");
	assert_string_equal(in->step[0].stage, "reconnaissance");
	assert_string_equal(in->step[2].attack, "T1558.003");
	assert_int_equal(in->step[3].finding, 3);
	assert_int_equal(in->nentity[ENTITY_SRC_IP], 3);
	assert_int_equal(in->nentity[ENTITY_USER], 0);
	assert_int_equal(strlen(in->id), ID_SIZE - 1);
}

/* Every scanner of the Internet tries the same server: not one intruder. */
static void
scanners_stay_apart(void **unused)
{
	(void)unused;
	add(1, "log4shell", "T1190", SEV_MEDIUM, "198.51.100.1", "192.0.2.10");
	add(2, "web-walk", "T1595.003", SEV_LOW, "198.51.100.2", "192.0.2.10");
	add(3, "log4shell", "T1190", SEV_MEDIUM, "198.51.100.3", "192.0.2.10");
	/* the real one, on the same server */
	add(4, "webshell", "T1505.003", SEV_HIGH, "198.51.100.4",
	    "192.0.2.10");
	assert_int_equal(build(), 1);
	assert_int_equal(r.incident[0].nsteps, 1);
	assert_int_equal(r.incident[0].step[0].finding, 3);
	/* a scanner alone is no story, however often */
	r.nfindings = 0;
	add(1, "log4shell", "T1190", SEV_MEDIUM, "198.51.100.1", "192.0.2.10");
	add(2, "log4shell", "T1190", SEV_MEDIUM, "198.51.100.1", "192.0.2.11");
	assert_int_equal(build(), 0);
	/* two ways of trying by one address are */
	add(3, "web-walk", "T1595.003", SEV_LOW, "198.51.100.1", "192.0.2.12");
	assert_int_equal(build(), 1);
	assert_int_equal(r.incident[0].nsteps, 3);
}

static void
gap(void **unused)
{
	(void)unused;
	add(0, "webshell", "T1505.003", SEV_HIGH, "198.51.100.1",
	    "192.0.2.10");
	add(45 * DAY, "webshell", "T1505.003", SEV_HIGH, "198.51.100.1",
	    "192.0.2.10");
	assert_int_equal(build(), 1);
	f[1].time = f[1].last_time = 45 * DAY + 1;
	assert_int_equal(build(), 2);
	/* reckoned from the last sign, not the first */
	f[0].last_time = 10 * DAY;
	assert_int_equal(build(), 1);
}

static void
by_file(void **unused)
{
	(void)unused;
	add(1, "web-upload", "T1190", SEV_HIGH, "198.51.100.1", "192.0.2.10")
	    ->entity[ENTITY_FILE] = SPAN_LIT("x.jsp");
	add(2, "web-upload", "T1190", SEV_HIGH, "198.51.100.2", "192.0.2.10")
	    ->entity[ENTITY_FILE] = SPAN_LIT("x.jsp");
	add(3, "web-upload", "T1190", SEV_HIGH, "198.51.100.3", "192.0.2.11")
	    ->entity[ENTITY_FILE] = SPAN_LIT("x.jsp");
	assert_int_equal(build(), 2);
}

static void
worst_first(void **unused)
{
	(void)unused;
	add(1, "a", "T1505", SEV_HIGH, "10.0.0.1", "");
	add(2, "b", "T1041", SEV_CRITICAL, "10.0.0.2", "");
	add(3, "c", "T1505", SEV_HIGH, "10.0.0.3", "");
	assert_int_equal(build(), 3);
	assert_int_equal(r.incident[0].step[0].finding, 1);
	assert_int_equal(r.incident[1].step[0].finding, 0);
	assert_int_equal(r.incident[2].step[0].finding, 2);
}

static void
nothing(void **unused)
{
	(void)unused;
	assert_int_equal(build(), 0);
	add(1, "a", "", SEV_LOW, "", "");
	assert_int_equal(build(), 0);
	add(2, "b", "", SEV_HIGH, "", "");	/* no entity joins them */
	assert_int_equal(build(), 1);
	assert_int_equal(r.incident[0].nsteps, 1);
	assert_string_equal(r.incident[0].title, "Suspicious activity");
}

static void
odd_times(void **unused)
{
	(void)unused;
	add(TIME_NONE, "a", "T1505", SEV_HIGH, "10.0.0.1", "");
	add(INT64_MIN + 1, "b", "T1505", SEV_HIGH, "10.0.0.1", "");
	add(INT64_MAX, "c", "T1505", SEV_HIGH, "10.0.0.1", "");
	assert_int_equal(build(), 2);
}

/* Deterministic: the id follows from the findings' ids alone. */
static void
ids_are_stable(void **unused)
{
	char id[ID_SIZE];

	(void)unused;
	add(1, "a", "T1505", SEV_HIGH, "10.0.0.1", "10.0.0.2");
	add(2, "b", "T1041", SEV_CRITICAL, "10.0.0.2", "");
	assert_int_equal(build(), 1);
	memcpy(id, r.incident[0].id, sizeof(id));
	f[0].time = f[0].last_time = 0;
	assert_int_equal(build(), 1);
	assert_string_equal(r.incident[0].id, id);
}

/* An incident lists so many values of one entity and no more. */
static void
many_values(void **unused)
{
	static char ip[N_MAX][16];

	(void)unused;
	for (unsigned i = 0; i < N_MAX; i++) {
		snprintf(ip[i], sizeof(ip[i]), "10.1.0.%u", i);
		add(i, "webshell", "T1505", SEV_HIGH, ip[i], "192.0.2.10");
	}
	assert_int_equal(build(), 1);
	assert_int_equal(r.incident[0].nsteps, N_MAX);
	assert_int_equal(r.incident[0].nentity[ENTITY_SRC_IP], 32);
	assert_int_equal(r.incident[0].nentity[ENTITY_HOST], 1);
	assert_int_equal(r.incident[0].confidence, 99);
}

#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(stages), T(one_intrusion), T(scanners_stay_apart), T(gap),
		T(by_file), T(worst_first), T(nothing), T(odd_times),
		T(ids_are_stable), T(many_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
