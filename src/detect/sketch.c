/* SPDX-License-Identifier: Apache-2.0
 *
 * How many different things there were, in 64 bytes: HyperLogLog (Flajolet
 * and others 2007) with 64 registers, about 13 % off for large numbers; small
 * ones by linear counting, exact to one or two up to some twenty.
 */
#include <math.h>

#include "detect.h"

bool
sketch_add(struct sketch *s, const void *p, size_t n)
{
	/* The same in every run: what is counted shows in the output. */
	uint64_t h = hash_bytes(p, n, 11);
	uint8_t *r = &s->r[h & (SKETCH_SIZE - 1)];
	uint8_t rank = (uint8_t)(__builtin_clzll(h | 0x3f) + 1);

	if (rank <= *r)
		return false;
	*r = rank;
	return true;
}

unsigned
sketch_count(const struct sketch *s)
{
	const double m = SKETCH_SIZE;
	double sum = 0, n;
	unsigned empty = 0;

	for (unsigned i = 0; i < SKETCH_SIZE; i++) {
		sum += ldexp(1, -s->r[i]);
		empty += s->r[i] == 0;
	}
	n = .709 * m * m / sum;
	if (n <= 2.5 * m && empty != 0)
		n = m * log(m / empty);
	return n < 4e9 ? (unsigned)(n + .5) : UINT32_MAX;
}

void
places_add(struct places *p, const struct locator *loc, int64_t time)
{
	struct evidence *e = &p->at[MIN_OF(p->n, PLACES - 1)];

	if (p->n >= PLACES)
		p->at[PLACES - 2] = p->at[PLACES - 1];
	*e = (struct evidence){ *loc, time };
	p->n += p->n != UINT32_MAX;
}

void
finding_places(struct finding *f, const struct places *p)
{
	for (unsigned i = 0; i < MIN_OF(p->n, PLACES); i++) {
		const struct evidence *e = &p->at[i];

		if (f->nevidence < EVIDENCE_MAX)
			f->evidence[f->nevidence++] = *e;
		if (f->time == TIME_NONE || e->time < f->time)
			f->time = e->time;
		if (f->last_time == TIME_NONE || e->time > f->last_time)
			f->last_time = e->time;
	}
	f->count += p->n;
}
