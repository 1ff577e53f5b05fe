/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_chance: distributions for the generator; see traf.h.
 * Only + - * / and exact functions: the mathematical library of another
 * machine would round otherwise, and the same seed give other flows.
 */
#include <math.h>

#include "traf.h"

#define LN2	0.69314718055994530942

double
fn_log(double x)
{
	double m, y, y2, sum = 0, power;
	int e, k;

	m = frexp(x, &e);
	y = (m - 1) / (m + 1);
	y2 = y * y;
	power = y;
	for (k = 1; k < 26; k += 2) {
		sum += power / k;
		power *= y2;
	}
	return 2 * sum + e * LN2;
}

double
fn_exp(double x)
{
	double sum = 1, term = 1;
	int n, k;

	if (x < -700)
		return 0;
	if (x > 700)
		x = 700;
	n = (int)(x / LN2);
	x -= n * LN2;
	for (k = 1; k < 18; k++) {
		term *= x / k;
		sum += term;
	}
	return ldexp(sum, n);
}

double
rnd(struct rng *r)
{
	return ((double)(rng_next(r) >> 12) + 0.5) / 4503599627370496.0;
}

double
rnd_between(struct rng *r, double lo, double hi)
{
	return lo + (hi - lo) * rnd(r);
}

double
rnd_exp(struct rng *r, double mean)
{
	return -mean * fn_log(rnd(r));
}

double
rnd_normal(struct rng *r)
{
	double sum = -6;
	int i;

	for (i = 0; i < 12; i++)
		sum += rnd(r);
	return sum;
}

double
rnd_lognormal(struct rng *r, double median, double sigma)
{
	return median * fn_exp(sigma * rnd_normal(r));
}

double
rnd_pareto(struct rng *r, double least, double alpha, double most)
{
	double x = least * fn_exp(-fn_log(rnd(r)) / alpha);

	return x < most ? x : most;
}

/* Zipf with exponent 1: the inverse of the harmonic sum, nearly */
unsigned
rnd_zipf(struct rng *r, unsigned n)
{
	double x = fn_exp(rnd(r) * fn_log((double)n + 1)) - 1;

	return x < n ? (unsigned)x : n - 1;
}

uint16_t
rnd_port(struct rng *r)
{
	return (uint16_t)rng_range(r, 32768, 60999);
}

/* ---- bursts ---- */

void
bursts_begin(struct bursts *b, const struct flow *f)
{
	*b = (struct bursts){ .flow = f, .base = { f->shape.seed },
	    .own = { f->shape.own } };
}

/* sizes and gap of the next burst of the first conversation */
static double
base_next(struct bursts *b, struct burst_at *out)
{
	const struct shape *s = &b->flow->shape;
	double gap = s->gap_ms / 1000.0, up = s->up, down = s->down;

	switch (s->kind) {
	case SHAPE_TYPED:	/* words, then a pause to read and think */
		gap = rnd_pareto(&b->base, gap / 3, 1.5, gap * 60);
		up = rnd_between(&b->base, up * 0.6, up * 1.4);
		down = rnd_pareto(&b->base, down / 3, 1.5, down * 40);
		break;
	case SHAPE_BULK:
		if (b->run == 0) {
			b->run = rng_range(&b->base, 4, 40);
			gap = rnd_exp(&b->base, gap * 20);
		} else {
			b->run--;
			gap = rnd_exp(&b->base, gap);
		}
		up = rnd_lognormal(&b->base, up, 0.5);
		down = rnd_lognormal(&b->base, down, 0.5);
		break;
	default:
		up = rnd_between(&b->base, up * 0.95, up * 1.05);
		down = rnd_between(&b->base, down * 0.95, down * 1.05);
		break;
	}
	out->up = (uint32_t)up;
	out->down = (uint32_t)down;
	return gap;
}

/*
 * Jitter delays a burst by up to that share of its gap, never beyond the
 * next one's turn; padding makes it larger; chaff is another one, of like
 * size, somewhere behind it.
 */
bool
bursts_next(struct bursts *b, struct burst_at *out)
{
	const struct shape *s = &b->flow->shape;
	double gap, size;
	int64_t at;

	if (b->has_chaff) {
		b->has_chaff = false;
		*out = b->chaff;
		return out->at_us < b->flow->len_us;
	}
	if (s->kind == SHAPE_EVEN)
		return false;
	gap = base_next(b, out);
	b->base_us += US(gap < 0.0005 ? 0.0005 : gap);
	at = b->base_us + s->lag_us +
	    US(gap * rnd(&b->own) * s->jitter / 100.0);
	if (b->base_us > s->len_us || at > b->flow->len_us)
		return false;
	if (at <= b->at_us)
		at = b->at_us + 1;
	b->at_us = at;
	out->at_us = at;
	size = s->ratio * (1 + rnd(&b->own) * s->pad / 100.0);
	out->up = (uint32_t)(out->up * size);
	out->down = (uint32_t)(out->down * size);
	if (rnd(&b->own) * 100 < s->chaff) {
		b->has_chaff = true;
		b->chaff = *out;
		b->chaff.at_us = at + US(rnd(&b->own) * gap / 2) + 1;
		b->at_us = b->chaff.at_us;
		b->chaff.up = (uint32_t)(out->up *
		    rnd_between(&b->own, 0.5, 1.5));
		b->chaff.down = (uint32_t)(out->down *
		    rnd_between(&b->own, 0.5, 1.5));
	}
	return true;
}
