/* SPDX-License-Identifier: Apache-2.0
 *
 * Many literals over one text.
 *
 * Whole texts stand in a hash table; starts and ends in one each, keyed by
 * their first or last LIT_MIN bytes.  For literals anywhere, each is known by
 * one gram of LIT_MIN bytes, the one that the fewest other literals have; a
 * bitmap over hashed grams lets most positions pass with one load and test,
 * the rest look into the gram table and compare.
 *
 * Time: linear in the text for texts that hold few grams; each gram hit costs
 * a compare with the literals that chose that gram.
 */
#include <stdlib.h>

#include "rule.h"

struct lit {
	struct span	text;
	uint32_t	id;
	uint32_t	next;		/* of the chain, + 1; 0: end */
	uint32_t	gram_at;	/* offset of its gram */
	uint8_t		mode;
};

struct slot {
	uint32_t	key;
	uint32_t	first;		/* literal + 1; 0: free */
};

struct grams {				/* key to chain of literals */
	struct slot	*slot;
	uint32_t	 mask;
};

struct literals {
	struct lit	*lit;
	uint32_t	 n, size;
	struct grams	 eq, starts, ends, any;
	uint32_t	 neq, nstarts, nends, nany;
	uint8_t		*bits;		/* over hashed grams of any */
	uint32_t	 bits_shift;
};

struct literals *
literals_new(void)
{
	return calloc(1, sizeof(struct literals));
}

void
literals_free(struct literals *l)
{
	if (l == NULL)
		return;
	free(l->lit);
	free(l->eq.slot);
	free(l->starts.slot);
	free(l->ends.slot);
	free(l->any.slot);
	free(l->bits);
	free(l);
}

bool
literals_add(struct literals *l, struct span text, enum lit_mode mode,
    uint32_t id)
{
	ASSERT(mode == LIT_EQ || text.len >= LIT_MIN);
	if (l->n == l->size) {
		uint32_t n = l->size == 0 ? 16 : l->size * 2;
		struct lit *p = realloc(l->lit, n * sizeof(*p));

		if (p == NULL)
			return false;
		l->lit = p;
		l->size = n;
	}
	l->lit[l->n++] = (struct lit){ text, id, 0, 0, (uint8_t)mode };
	switch (mode) {
	case LIT_EQ: l->neq++; break;
	case LIT_STARTS: l->nstarts++; break;
	case LIT_ENDS: l->nends++; break;
	case LIT_CONTAINS: l->nany++; break;
	}
	return true;
}

static uint32_t
gram(const uint8_t *p)
{
	return load_be24(p);
}

static uint32_t
gram_hash(uint32_t g)
{
	return g * UINT32_C(2654435761);
}

static bool
grams_init(struct grams *g, uint32_t n)
{
	uint32_t size = 8;

	if (n == 0)
		return true;
	while (size < n * 2)
		size *= 2;
	g->mask = size - 1;
	g->slot = calloc(size, sizeof(*g->slot));
	return g->slot != NULL;
}

static struct slot *
grams_find(const struct grams *g, uint32_t key)
{
	uint32_t i = gram_hash(key) >> 8;

	for (;; i++) {
		struct slot *s = &g->slot[i & g->mask];

		if (s->first == 0 || s->key == key)
			return s;
	}
}

static void
grams_put(struct literals *l, struct grams *g, uint32_t key, uint32_t lit)
{
	struct slot *s = grams_find(g, key);

	s->key = key;
	l->lit[lit].next = s->first;
	s->first = lit + 1;
}

/* How many literals have each gram, to choose the rarest. */
static uint32_t *
count_grams(const struct literals *l)
{
	uint32_t *count = calloc(1u << 16, sizeof(*count));

	if (count == NULL)
		return NULL;
	for (uint32_t i = 0; i < l->n; i++) {
		const struct lit *t = &l->lit[i];

		if (t->mode != LIT_CONTAINS)
			continue;
		for (size_t k = 0; k + LIT_MIN <= t->text.len; k++)
			count[gram_hash(gram(t->text.ptr + k)) >> 16]++;
	}
	return count;
}

static uint32_t
rarest(const struct lit *t, const uint32_t *count)
{
	uint32_t best = 0, least = UINT32_MAX;

	for (size_t k = 0; k + LIT_MIN <= t->text.len; k++) {
		uint32_t n = count[gram_hash(gram(t->text.ptr + k)) >> 16];

		if (n < least) {
			least = n;
			best = (uint32_t)k;
		}
	}
	return best;
}

static bool
finish_any(struct literals *l)
{
	uint32_t *count = count_grams(l), bits = 10;

	if (count == NULL || !grams_init(&l->any, l->nany)) {
		free(count);
		return false;
	}
	while (bits < 20 && (1u << bits) < l->nany * 32)
		bits++;
	l->bits_shift = 32 - bits;
	l->bits = calloc(1u << bits >> 3, 1);
	if (l->bits == NULL) {
		free(count);
		return false;
	}
	for (uint32_t i = 0; i < l->n; i++) {
		struct lit *t = &l->lit[i];
		uint32_t g, h;

		if (t->mode != LIT_CONTAINS)
			continue;
		t->gram_at = rarest(t, count);
		g = gram(t->text.ptr + t->gram_at);
		h = gram_hash(g) >> l->bits_shift;
		l->bits[h >> 3] |= (uint8_t)(1u << (h & 7));
		grams_put(l, &l->any, g, i);
	}
	free(count);
	return true;
}

static uint32_t
whole_key(struct span s)
{
	return (uint32_t)hash_bytes(s.ptr, s.len, 5);
}

bool
literals_finish(struct literals *l)
{
	if (!grams_init(&l->eq, l->neq) || !grams_init(&l->starts,
	    l->nstarts) || !grams_init(&l->ends, l->nends))
		return false;
	for (uint32_t i = 0; i < l->n; i++) {
		const struct span s = l->lit[i].text;

		switch ((enum lit_mode)l->lit[i].mode) {
		case LIT_EQ:
			grams_put(l, &l->eq, whole_key(s), i);
			break;
		case LIT_STARTS:
			grams_put(l, &l->starts, gram(s.ptr), i);
			break;
		case LIT_ENDS:
			grams_put(l, &l->ends, gram(s.ptr + s.len - LIT_MIN),
			    i);
			break;
		case LIT_CONTAINS:
			break;
		}
	}
	return l->nany == 0 || finish_any(l);
}

void
literals_search(const struct literals *l, struct span text,
    void (*hit)(void *, uint32_t), void *arg)
{
	uint32_t i;

	if (l->neq != 0) {
		i = grams_find(&l->eq, whole_key(text))->first;
		for (; i != 0; i = l->lit[i - 1].next)
			if (span_eq(l->lit[i - 1].text, text))
				hit(arg, l->lit[i - 1].id);
	}
	if (text.len < LIT_MIN)
		return;
	if (l->nstarts != 0) {
		i = grams_find(&l->starts, gram(text.ptr))->first;
		for (; i != 0; i = l->lit[i - 1].next)
			if (span_starts(text, l->lit[i - 1].text))
				hit(arg, l->lit[i - 1].id);
	}
	if (l->nends != 0) {
		i = grams_find(&l->ends,
		    gram(text.ptr + text.len - LIT_MIN))->first;
		for (; i != 0; i = l->lit[i - 1].next)
			if (span_ends(text, l->lit[i - 1].text))
				hit(arg, l->lit[i - 1].id);
	}
	if (l->nany == 0)
		return;
	for (size_t at = 0; at + LIT_MIN <= text.len; at++) {
		uint32_t g = gram(text.ptr + at);
		uint32_t h = gram_hash(g) >> l->bits_shift;

		if ((l->bits[h >> 3] >> (h & 7) & 1) == 0)
			continue;
		i = grams_find(&l->any, g)->first;
		for (; i != 0; i = l->lit[i - 1].next) {
			const struct lit *t = &l->lit[i - 1];

			if (at >= t->gram_at && span_starts(span_sub(text,
			    at - t->gram_at, SIZE_MAX), t->text))
				hit(arg, t->id);
		}
	}
}
