/* SPDX-License-Identifier: Apache-2.0
 *
 * RITA's score: the examples that RITA's own tests publish (the numbers, not
 * the code), and whole series scored by an independent program from the
 * description alone (Python, statistics module), which the comments give.
 */
#include <math.h>

#include "detect_drive.h"

#define NEAR(got, want)	assert_true(fabs((got) - (want)) < 0.0011)

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* RITA: TestGetTimestampScore, TestGetDataSizeScore and
 * TestCalculateStatisticalScore. */
static void
published(void **unused)
{
	static const struct {
		double	v[10];
		size_t	n;
		double	without, want;
	} c[] = {
		{ { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10, 0, 0.773 },
		{ { 60, 60, 60, 60, 60, 60, 60, 60, 60 }, 9, 0, 1 },
		{ { 98, 99, 99, 100, 100, 100, 101, 101, 102 }, 9, 0, 0.995 },
		{ { 98, 300, 98, 300, 98, 300, 98, 300, 98, 300 }, 10, 1,
		    0.746 },
		{ { 1, 299, 25, 4975, 90, 2, 42, 500, 1500 }, 9, 1, 0.083 },
		{ { 524885, 1, 5000, 98654, 50, 41, 965842, 3 }, 8, 0, 0.009 },
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 10, 0, 0.5 },
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 10, 1, 1 },
		{ { 7, 8, 7, 8, 7, 8, 7, 8, 7 }, 9, 1, 1 },
		{ { 1, 1, 2, 2, 2, 2 }, 6, 1, 1 },
	};
	double v[10];

	(void)unused;
	for (size_t i = 0; i < NITEMS(c); i++) {
		memcpy(v, c[i].v, sizeof(v));
		qsort(v, c[i].n, sizeof(*v), by_value);
		NEAR(rita_spread(v, c[i].n, c[i].without), c[i].want);
	}
}

#define SERIES	256u
static uint32_t times[SERIES], sizes[SERIES];
static double work[SERIES];

static struct rita
score(size_t n, uint32_t from, uint32_t to)
{
	struct rita r;

	assert_true(rita_score(&r, times, sizes, n, from, to, work));
	return r;
}

/* Times t[i] = t[i-1] + gap(i), sizes size(i); scored by tool as said above:
 * ts, ds, hist, dur, score. */
static void
whole(void **unused)
{
	struct rita r;

	(void)unused;
	/* 48 calls: too short for duration */
	times[0] = 1000;
	for (uint32_t i = 0; i < 48; i++) {
		times[i] = i == 0 ? 1000 : times[i - 1] + 300 + i * i * 7 % 61;
		sizes[i] = 700 + i * 13 % 29;
	}
	r = score(48, 0, 86400);
	NEAR(r.ts, 0.962);
	NEAR(r.ds, 0.978);
	NEAR(r.hist, 0);
	NEAR(r.dur, 0);
	NEAR(r.score, 0.485);
	/* 200 calls with jitter over the day: 22 bars of the histogram */
	for (uint32_t i = 0; i < 200; i++) {
		times[i] = i == 0 ? 500 : times[i - 1] + 200 + i * i * 37 % 401;
		sizes[i] = 100 + i * i * i % 977;
	}
	r = score(200, 0, 90000);
	NEAR(r.ts, 0.879);
	NEAR(r.ds, 0.733);
	NEAR(r.hist, 0.714);
	NEAR(r.dur, 1);
	NEAR(r.score, 0.832);
	/* 60 at random: a run of nine bars of the 12 that count as whole */
	for (uint32_t i = 0; i < 60; i++) {
		times[i] = i == 0 ? 40000 :
		    times[i - 1] + 1 + i * i * i * 31 % 2003;
		sizes[i] = i * i * 91 % 5003;
	}
	r = score(60, 0, 172800);
	NEAR(r.ts, 0.678);
	NEAR(r.ds, 0.452);
	NEAR(r.hist, 0);
	NEAR(r.dur, 0.75);
	NEAR(r.score, 0.47);
	/* bursts of 15 with three hours between */
	for (uint32_t i = 0; i < 90; i++) {
		times[i] = i == 0 ? 1000 :
		    times[i - 1] + (i % 15 != 0 ? 60 : 10800);
		sizes[i] = 500;
	}
	r = score(90, 0, 86400);
	NEAR(r.ts, 1);
	NEAR(r.ds, 1);
	NEAR(r.dur, 0.684);
	NEAR(r.score, 0.671);
}

static void
too_few(void **unused)
{
	struct rita r;

	(void)unused;
	for (uint32_t i = 0; i < 9; i++)
		times[i] = 60;
	assert_false(rita_score(&r, times, sizes, 9, 0, 100, work));
	assert_false(rita_score(&r, times, sizes, 2, 0, 100, work));
	assert_false(rita_score(&r, times, sizes, 9, 100, 100, work));
}

/* 41 calls to the second: of the 40 with a follower 39 or 40 count, each at
 * a chance below 1 - exp(-(2 * 15 + 1) / 300 * 41/40) = 0.1, so some 10^-38;
 * in any case far below 10^-30. */
static void
follow(void **unused)
{
	double lag, random;
	uint32_t x = 12345;

	(void)unused;
	for (uint32_t i = 0; i < 41; i++)
		times[i] = 1000 + 300 * i;
	assert_true(rita_follow(times, 41, &lag, work) < -30);
	NEAR(lag, 300);
	/* exponential gaps: nothing at 10^-9, over many series */
	for (unsigned k = 0; k < 200; k++) {
		times[0] = 1000;
		for (uint32_t i = 1; i < 200; i++) {
			x = x * 1664525 + 1013904223;
			times[i] = times[i - 1] + 1 + (uint32_t)(-300 *
			    log(((x >> 8) + 1.0) / 16777217.0));
		}
		random = rita_follow(times, 200, &lag, work);
		assert_true(random > -6);
	}
	assert_true(rita_follow(times, 3, &lag, work) >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(published), T(whole), T(too_few), T(follow)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
