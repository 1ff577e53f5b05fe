/* SPDX-License-Identifier: Apache-2.0
 *
 * The groups of correlations: found by the values that they are grouped by, in
 * order of their last use, dropped where there is no room.
 *
 * Bounds: corr_limits for groups and entries, TEXT_MAX bytes of values, states
 * and episodes.  Groups whose window is over go first, then the one that saw
 * an event the longest ago: that is a weird.
 */
#include <stdlib.h>

#include "inner.h"

#define TEXT_MAX	(16u << 20)
#define CLIP_MAX	256u		/* bytes of a value that are shown */

/* -- groups -------------------------------------------------------------- */

static void
use_unlink(struct correlator *c, const struct group *g)
{
	if (g->older != NONE)
		c->group[g->older].newer = g->newer;
	else
		c->oldest = g->newer;
	if (g->newer != NONE)
		c->group[g->newer].older = g->older;
	else
		c->newest = g->older;
}

static void
use_append(struct correlator *c, uint32_t i)
{
	struct group *g = &c->group[i];

	g->older = c->newest;
	g->newer = NONE;
	if (c->newest != NONE)
		c->group[c->newest].newer = i;
	else
		c->oldest = i;
	c->newest = i;
}

static void
free_group(struct correlator *c, uint32_t i)
{
	struct group *g = &c->group[i];

	corr_end_episode(c, g);
	while (g->head != NONE)
		corr_drop_entry(c, g, g->head);
	for (uint32_t k = 0; k < corr_states(corr_of_group(c, g)); k++)
		corr_set_state(c, g, k, NONE);
	table_del(c->groups, &g->key);
	use_unlink(c, g);
	c->text_bytes -= g->text_len + corr_states(corr_of_group(c, g)) *
	    sizeof(*g->state);
	free(g->state);
	free(g->text);
	g->used = false;
	g->newer = c->free_group;
	c->free_group = i;
	c->live_groups--;
}

/* Groups whose window is over tell nothing any more. */
static void
sweep(struct correlator *c, int64_t now)
{
	for (uint32_t i = c->oldest; i != NONE;) {
		struct group *g = &c->group[i];
		uint32_t next = g->newer;

		if (!g->busy &&
		    corr_is_over(corr_of_group(c, g), g->touched, now))
			free_group(c, i);
		i = next;
	}
	c->since_sweep = 0;
}

/* false: everything that is left is in use. */
static bool
evict(struct correlator *c, const struct corr_note *n)
{
	uint32_t i = c->oldest;

	while (i != NONE && c->group[i].busy)
		i = c->group[i].newer;
	if (i == NONE)
		return false;
	corr_raise(c, WEIRD_CORRELATION_LIMIT, n);
	free_group(c, i);
	return true;
}

/* How many entries an arrival may need: a choice in order takes more. */
#define ENTRIES_AT_ONCE	(1u << (CORR_MASK_REFS - 1))

static bool
is_full(const struct correlator *c, bool wants_group)
{
	return (wants_group && c->live_groups >= c->limits.groups) ||
	    c->live_entries + ENTRIES_AT_ONCE > c->limits.entries ||
	    c->text_bytes > TEXT_MAX;
}

/* false, with a weird: there is none to be had. */
bool
corr_make_room(struct correlator *c, const struct corr_note *n,
    bool wants_group)
{
	if (is_full(c, wants_group) && c->since_sweep >= c->live_groups / 2)
		sweep(c, n->time);
	while (is_full(c, wants_group)) {
		if (!evict(c, n)) {
			corr_raise(c, WEIRD_CORRELATION_LIMIT, n);
			return false;
		}
	}
	return true;
}

struct span
corr_slot(const struct arrival *a, uint32_t i)
{
	return a->note->slot[a->map->slot[i]];
}

/* Folds and hashes n values from the first on; false: one is not there. */
bool
corr_hash_values(struct correlator *c, const struct arrival *a, uint32_t first,
    uint32_t n, uint64_t out[2])
{
	out[0] = c->seed;
	out[1] = ~c->seed;
	for (uint32_t i = 0; i < n; i++) {
		struct span s = corr_slot(a, first + i);
		size_t len;

		if (s.ptr == NULL)
			return false;
		len = fold_text(s, c->fold);
		for (unsigned k = 0; k < 2; k++)
			out[k] = hash_mix(hash_bytes(c->fold, len, out[k]) +
			    len);
	}
	return true;
}

/* The values as they are shown. */
static bool
keep_text(struct correlator *c, struct group *g, const struct arrival *a)
{
	uint32_t n = corr_of_group(c, g)->ngroups;
	struct buf b;

	buf_init(&b, 0);
	for (uint32_t i = 0; i < n; i++) {
		struct span s = span_sub(corr_slot(a, i), 0, CLIP_MAX);

		buf_le32(&b, (uint32_t)s.len);
		buf_span(&b, s);
	}
	if (b.failed) {
		buf_fini(&b);
		return false;
	}
	g->text = b.ptr;
	g->text_len = (uint32_t)b.len;
	return true;
}

static uint32_t
new_group(struct correlator *c)
{
	uint32_t i = c->free_group;
	struct group *g;

	if (i != NONE) {
		c->free_group = c->group[i].newer;
		return i;
	}
	if ((c->ngroups & (c->ngroups - 1)) == 0) {
		size_t n = c->ngroups == 0 ? 1 : (size_t)c->ngroups * 2;

		if ((g = realloc(c->group, n * sizeof(*g))) == NULL) {
			c->failed = true;
			return NONE;
		}
		c->group = g;
	}
	return c->ngroups++;
}

static bool
init_group(struct correlator *c, uint32_t i, const struct group_key *key,
    const struct arrival *a)
{
	struct group *g = &c->group[i];
	uint32_t n;

	memset(g, 0, sizeof(*g));
	g->key = *key;
	g->corr = a->feed->corr;
	g->map = a->map;
	g->head = g->tail = g->root = NONE;
	n = corr_states(corr_of_group(c, g));
	if (n != 0 && (g->state = malloc(n * sizeof(*g->state))) == NULL)
		return false;
	for (uint32_t k = 0; k < n; k++)
		g->state[k] = NONE;
	if (!keep_text(c, g, a)) {
		free(g->state);
		return false;
	}
	g->used = true;
	c->text_bytes += g->text_len + n * sizeof(*g->state);
	c->live_groups++;
	use_append(c, i);
	return true;
}

/* The group of an arrival, made if there is none; NONE: a value is missing,
 * or there is no memory. */
uint32_t
corr_find_group(struct correlator *c, const struct arrival *a)
{
	struct group_key key = { .corr = a->feed->corr };
	uint32_t *at, i;
	bool made;

	if (!corr_hash_values(c, a, 0, c->p->corr[a->feed->corr].ngroups,
	    key.hash))
		return NONE;
	if ((at = table_get(c->groups, &key)) != NULL) {
		use_unlink(c, &c->group[*at]);
		use_append(c, *at);
		return *at;
	}
	if (!corr_make_room(c, a->note, true) || (i = new_group(c)) == NONE)
		return NONE;
	if (!init_group(c, i, &key, a) ||
	    (at = table_put(c->groups, &key, &made)) == NULL) {
		c->failed = true;
		return NONE;
	}
	*at = i;
	return i;
}
