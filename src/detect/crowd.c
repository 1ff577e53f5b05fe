/* SPDX-License-Identifier: Apache-2.0
 *
 * How many different addresses there were, by linear counting (Whang and
 * others 1990) in 2 KB: to some 3 % up to twice as many as there are bits.
 */
#include <math.h>

#include "detect.h"

void
crowd_add(struct crowd *c, const struct addr *a)
{
	/* The same in every run: the count shows in the output. */
	uint64_t h = hash_bytes(a->b, sizeof(a->b), 11) % CROWD_BITS;
	uint8_t bit = (uint8_t)(1u << (h & 7));

	c->n += (c->bit[h / 8] & bit) == 0;
	c->bit[h / 8] |= bit;
}

unsigned
crowd_count(const struct crowd *c)
{
	double left = ((double)CROWD_BITS - c->n) / CROWD_BITS;

	return left <= 0 ? CROWD_BITS * 10 :
	    (unsigned)(-log(left) * CROWD_BITS + 0.5);
}

void
crowd_save(const struct crowd *c, struct buf *b)
{
	buf_put(b, c->bit, sizeof(c->bit));
}

bool
crowd_restore(struct crowd *c, struct cursor *from)
{
	struct span s = cur_take(from, sizeof(c->bit));

	if (!cur_ok(from))
		return false;
	memcpy(c->bit, s.ptr, s.len);
	c->n = 0;
	for (size_t i = 0; i < sizeof(c->bit); i++)
		c->n += (uint32_t)__builtin_popcount(c->bit[i]);
	return true;
}
