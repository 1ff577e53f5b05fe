/* SPDX-License-Identifier: Apache-2.0
 *
 * How regular a row of connections is: the score of RITA v5 (Active
 * Countermeasures), written anew from its description so that users can
 * compare, and a test on the autocorrelation of the times.
 *
 * RITA's score is the mean of four parts: gaps (ts) and sizes (ds), each
 * 1 - |Bowley's skew| and (median - MAD) / median; the histogram over the
 * data's 24 equal bins (hist); how much of the span is covered (dur).
 *
 * The test: of N connections that have a follower, K have one at t + lag
 * within a tolerance.  If connections came at random (Poisson) with the rate
 * seen around each of them, the chance of that is p = 1 - exp(-rate * width)
 * for each, and by Chernoff's and Hoeffding's bound (1956, for unequal p) the
 * chance of K or more is at most exp(-N KL(K/N || p)).  Times the number of
 * lags and tolerances tried, that is the false-alarm rate: closed form, no
 * permutations; bursts of people raise the rate around them and by that p.
 *
 * Owns nothing; O(n log n), n is bounded by the callers.
 */
#include <math.h>
#include <stdlib.h>

#include "detect.h"

/* RITA's defaults (default_config.hjson). */
#define BINS		24u
#define SKEW_IQR_MIN	10.0
#define MODAL_SHARE	0.05	/* of the largest bin: bars of like height */
#define MODAL_BARS	11u	/* fewer are not looked at */
#define DUR_BARS	6u
#define DUR_RUN		12.0

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(const double *v, size_t n)
{
	if (n == 0)
		return 0;
	return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double
round3(double d)
{
	return floor(d * 1000 + 0.5) / 1000;
}

/* Of n >= 3 sorted values, which it destroys. */
double
rita_spread(double *v, size_t n, double without_median)
{
	double q1, q2, q3, skew = 0, part = without_median;

	if (n == 0)
		return 0;
	q1 = median(v, n / 2);
	q2 = median(v, n);
	q3 = median(v + n / 2 + n % 2, n / 2);
	if (q3 - q1 >= SKEW_IQR_MIN && q2 != q1 && q2 != q3)
		skew = (q1 + q3 - 2 * q2) / (q3 - q1);
	for (size_t i = 0; i < n; i++)
		v[i] = fabs(v[i] - q2);
	qsort(v, n, sizeof(*v), by_value);
	if (q2 >= 1)
		part = MAX_OF((q2 - median(v, n)) / q2, 0);
	return round3((1 - fabs(skew) + part) / 2);
}

/* Bars of like height: the two most frequent heights' share. */
static double
modal_fit(const unsigned bin[BINS], unsigned bars)
{
	unsigned most = 0, count[BINS + 1] = { 0 }, first = 0, second = 0;
	unsigned width;

	if (bars < MODAL_BARS)
		return 0;
	for (unsigned i = 0; i < BINS; i++)
		most = MAX_OF(most, bin[i]);
	width = (unsigned)ceil(most * MODAL_SHARE);
	for (unsigned i = 0; i < BINS; i++)	/* most / width is <= 20 */
		if (bin[i] > 0)
			count[bin[i] / width]++;
	for (unsigned i = 0; i <= BINS; i++) {
		if (count[i] > first) {
			second = first;
			first = count[i];
		} else if (count[i] > second) {
			second = count[i];
		}
	}
	return MIN_OF(round3((first + second) / (bars - 1.0)), 1);
}

static double
flatness(const unsigned bin[BINS], size_t n)
{
	double mean = (double)n / BINS, sum = 0, cv;

	for (unsigned i = 0; i < BINS; i++)
		sum += (bin[i] - mean) * (bin[i] - mean);
	cv = sqrt(sum / BINS) / mean;
	return cv > 1 ? 0 : round3(1 - cv);
}

/* Longest row of bins that are not empty, over the end too. */
static unsigned
longest_run(const unsigned bin[BINS])
{
	unsigned run = 0, best = 0;

	for (unsigned i = 0; i < 2 * BINS; i++) {
		run = bin[i % BINS] > 0 ? run + 1 : 0;
		best = MAX_OF(best, run);
	}
	return MIN_OF(best, BINS);
}

static double
ceil3(double d)
{
	return MIN_OF(ceil(d * 1000) / 1000, 1);
}

static void
over_time(struct rita *r, const uint32_t *t, size_t n, uint32_t from,
    uint32_t to)
{
	unsigned bin[BINS] = { 0 }, bars = 0;
	double step = ((double)to - from) / BINS;

	for (size_t i = 0; i < n; i++) {
		double at = t[i] < from ? 0 : (double)(t[i] - from) / step;

		bin[at >= BINS ? BINS - 1 : (unsigned)at]++;
	}
	for (unsigned i = 0; i < BINS; i++)
		bars += bin[i] > 0;
	r->hist = MAX_OF(flatness(bin, n), modal_fit(bin, bars));
	if (bars >= DUR_BARS)
		r->dur = MAX_OF(
		    ceil3(((double)t[n - 1] - t[0]) / ((double)to - from)),
		    ceil3(longest_run(bin) / DUR_RUN));
}

bool
rita_score(struct rita *r, const uint32_t *t, const uint32_t *bytes, size_t n,
    uint32_t from, uint32_t to, double *work)
{
	size_t gaps = 0;

	memset(r, 0, sizeof(*r));
	if (n < 4 || to <= from)
		return false;
	for (size_t i = 1; i < n; i++)
		if (t[i] > t[i - 1])
			work[gaps++] = (double)t[i] - t[i - 1];
	if (gaps < 3)
		return false;
	qsort(work, gaps, sizeof(*work), by_value);
	r->period = median(work, gaps);
	r->ts = rita_spread(work, gaps, 1);
	for (size_t i = 0; i < n; i++)
		work[i] = bytes[i];
	qsort(work, n, sizeof(*work), by_value);
	r->bytes = median(work, n);
	r->ds = rita_spread(work, n, 0);
	over_time(r, t, n, from, to);
	r->score = round3((r->ts + r->ds + r->hist + r->dur) / 4);
	return true;
}

/* -- autocorrelation ----------------------------------------------------- */

static const double tolerances[] = { 0.05, 0.1, 0.2, 0.35, 0.5 };
#define LAGS		3u	/* quartiles of the gaps */
#define TRIALS		15	/* lags times tolerances */
_Static_assert(NITEMS(tolerances) * LAGS == TRIALS, "what was tried");
#define AROUND		10.0	/* lags to each side give the rate */

/* log10 of the bound on K or more of n at a mean chance of p. */
static double
chernoff(double k, double n, double p)
{
	double q = k / n, kl;

	if (n < 1 || p >= 1 || q <= p)
		return 0;
	kl = q * log(q / p);
	if (q < 1)
		kl += (1 - q) * log((1 - q) / (1 - p));
	return -n * kl / log(10);
}

/* t: different, sorted. */
static double
follow(const uint32_t *t, size_t n, double lag, double tol)
{
	size_t lo = 0, hi = 0, next = 0, hits = 0, tried = 0;
	double p = 0, end = t[n - 1];

	for (size_t i = 0; i < n && t[i] + lag + tol <= end; i++) {
		double from = MAX_OF(t[i] - AROUND * lag, (double)t[0]);
		double to = MIN_OF(t[i] + AROUND * lag, end);

		while (t[lo] < from)
			lo++;
		while (hi < n && t[hi] <= to)
			hi++;
		while (next < n && t[next] < t[i] + lag - tol)
			next++;
		hits += next < n && next > i && t[next] <= t[i] + lag + tol;
		p += 1 - exp(-(double)(hi - lo - 1) / (to - from) *
		    (2 * tol + 1));
		tried++;
	}
	return tried == 0 ? 0 : chernoff((double)hits, (double)tried,
	    p / (double)tried);
}

double
rita_follow(const uint32_t *t, size_t n, double *lag, double *work)
{
	double best = 0, lags[LAGS];
	size_t gaps = 0;

	*lag = 0;
	if (n < 4)
		return 0;
	for (size_t i = 1; i < n; i++)
		work[gaps++] = (double)t[i] - t[i - 1];
	qsort(work, gaps, sizeof(*work), by_value);
	lags[0] = median(work, gaps);
	lags[1] = median(work, gaps / 2);
	lags[2] = median(work + gaps / 2 + gaps % 2, gaps / 2);
	for (size_t i = 0; i < NITEMS(tolerances); i++)
		for (size_t j = 0; j < LAGS; j++) {
			double l = lags[j], p;

			if (l < 2)	/* seconds are too coarse */
				continue;
			p = follow(t, n, l, MAX_OF(tolerances[i] * l, 1.0)) +
			    log10(TRIALS);
			if (p < best) {
				best = p;
				*lag = l;
			}
		}
	return best;
}
