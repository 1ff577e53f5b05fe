/* SPDX-License-Identifier: Apache-2.0
 *
 * The windows of correlations: entries in a list by time and, where numbers are
 * kept in order, in a treap; the newest entries of rules and chains; the
 * episodes that entries stand for.
 *
 * The correlator owns all entries in one array, in which freed ones are linked
 * and used again; CORR_ENTRIES_MAX and the window's own bound are the callers'.
 */
#include <stdlib.h>

#include "inner.h"

void
corr_raise(struct correlator *c, enum weird w, const struct corr_note *n)
{
	if (c->weirds->count[w]++ == 0 && n != NULL) {
		c->weirds->first[w] = n->loc;
		c->weirds->first_time[w] = n->time;
	}
}

/* -- entries ------------------------------------------------------------- */

uint32_t
corr_new_entry(struct correlator *c)
{
	uint32_t i = c->free_entry;

	if (i != NONE) {
		c->free_entry = c->entry[i].next;
	} else {
		if ((c->nentries & (c->nentries - 1)) == 0) {
			size_t n = c->nentries == 0 ? 1 :
			    (size_t)c->nentries * 2;
			struct entry *e = realloc(c->entry, n * sizeof(*e));

			if (e == NULL) {
				c->failed = true;
				return NONE;
			}
			c->entry = e;
		}
		i = c->nentries++;
	}
	memset(&c->entry[i], 0, sizeof(c->entry[i]));
	c->entry[i].prev = c->entry[i].next = NONE;
	c->entry[i].left = c->entry[i].right = NONE;
	c->live_entries++;
	return i;
}

void
corr_drop_told(struct correlator *c, struct told *t)
{
	if (t == NULL || --t->uses != 0)
		return;
	c->text_bytes -= sizeof(*t);
	free(t);
}

static void
free_entry(struct correlator *c, uint32_t i)
{
	corr_drop_told(c, c->entry[i].below);
	c->entry[i].below = NULL;
	c->entry[i].next = c->free_entry;
	c->free_entry = i;
	c->live_entries--;
}

/* -- numbers in order: a treap over the entries -------------------------- */

static uint32_t
tree_size(const struct correlator *c, uint32_t t)
{
	return t == NONE ? 0 : c->entry[t].size;
}

/* Drawn anew in every run, so that nobody can choose values that make it
 * deep; what comes out does not depend on its shape. */
static uint64_t
tree_rank(const struct correlator *c, uint32_t t)
{
	return hash_mix(c->seed ^ t);
}

static bool
tree_less(const struct correlator *c, uint32_t a, uint32_t b)
{
	if (c->entry[a].num != c->entry[b].num)
		return c->entry[a].num < c->entry[b].num;
	return a < b;
}

static void
tree_sum(struct correlator *c, uint32_t t)
{
	c->entry[t].size = 1 + tree_size(c, c->entry[t].left) +
	    tree_size(c, c->entry[t].right);
}

/* Those less than x to *left, the others to *right.  Recursion is as deep as
 * the treap, some 40 levels for CORR_WINDOW_MAX. */
static void
tree_split(struct correlator *c, uint32_t t, uint32_t x, uint32_t *left,
    uint32_t *right)
{
	uint32_t rest;

	if (t == NONE) {
		*left = *right = NONE;
	} else if (tree_less(c, t, x)) {
		tree_split(c, c->entry[t].right, x, &rest, right);
		c->entry[t].right = rest;
		tree_sum(c, t);
		*left = t;
	} else {
		tree_split(c, c->entry[t].left, x, left, &rest);
		c->entry[t].left = rest;
		tree_sum(c, t);
		*right = t;
	}
}

static uint32_t
tree_join(struct correlator *c, uint32_t a, uint32_t b)
{
	if (a == NONE || b == NONE)
		return a == NONE ? b : a;
	if (tree_rank(c, a) > tree_rank(c, b)) {
		c->entry[a].right = tree_join(c, c->entry[a].right, b);
		tree_sum(c, a);
		return a;
	}
	c->entry[b].left = tree_join(c, a, c->entry[b].left);
	tree_sum(c, b);
	return b;
}

void
corr_tree_add(struct correlator *c, struct group *g, uint32_t x)
{
	uint32_t a, b;

	tree_split(c, g->root, x, &a, &b);
	c->entry[x].left = c->entry[x].right = NONE;
	c->entry[x].size = 1;
	g->root = tree_join(c, tree_join(c, a, x), b);
}

static void
tree_drop(struct correlator *c, struct group *g, uint32_t x)
{
	uint32_t *at = &g->root;

	for (uint32_t t = g->root; t != x; t = *at) {
		c->entry[t].size--;
		at = tree_less(c, x, t) ? &c->entry[t].left :
		    &c->entry[t].right;
	}
	*at = tree_join(c, c->entry[x].left, c->entry[x].right);
}

/* The k-th smallest, from 0. */
double
corr_tree_at(const struct correlator *c, const struct group *g, uint32_t k)
{
	uint32_t t = g->root;

	while (t != NONE) {
		uint32_t left = tree_size(c, c->entry[t].left);

		if (k == left)
			return c->entry[t].num;
		if (k < left) {
			t = c->entry[t].left;
		} else {
			k -= left + 1;
			t = c->entry[t].right;
		}
	}
	return 0;
}

/* -- windows ------------------------------------------------------------- */

bool
corr_has_tree(const struct corr *x)
{
	return x->type == CORR_MIN || x->type == CORR_MAX ||
	    x->type == CORR_PERCENTILE;
}

void
corr_append(struct correlator *c, struct group *g, uint32_t i)
{
	struct entry *e = &c->entry[i];

	e->prev = g->tail;
	e->next = NONE;
	if (g->tail != NONE)
		c->entry[g->tail].next = i;
	else
		g->head = i;
	g->tail = i;
	g->n++;
}

void
corr_unlink(struct correlator *c, struct group *g, uint32_t i)
{
	const struct entry *e = &c->entry[i];

	if (e->prev != NONE)
		c->entry[e->prev].next = e->next;
	else
		g->head = e->next;
	if (e->next != NONE)
		c->entry[e->next].prev = e->prev;
	else
		g->tail = e->prev;
	g->n--;
}

struct value_key
corr_value_key(const struct correlator *c, const struct group *g,
    const uint64_t key[2])
{
	return (struct value_key){ { key[0], key[1] },
	    (uint64_t)(g - c->group) };
}

/* An entry leaves its window. */
void
corr_drop_entry(struct correlator *c, struct group *g, uint32_t i)
{
	const struct corr *x = corr_of_group(c, g);
	struct entry *e = &c->entry[i];

	if ((e->key[0] | e->key[1]) != 0) {
		struct value_key key = corr_value_key(c, g, e->key);
		uint32_t *at = table_get(c->values, &key);

		if (at != NULL && (x->type != CORR_SHARE || --*at == 0))
			table_del(c->values, &key);
	}
	if (corr_has_tree(x))
		tree_drop(c, g, i);
	corr_unlink(c, g, i);
	g->sum -= e->num;
	if (g->n == 0)
		g->sum = 0;	/* and what rounding left of it */
	free_entry(c, i);
}

/* A link of chains goes with the last one behind it. */
static void
release(struct correlator *c, uint32_t i)
{
	while (i != NONE && --c->entry[i].uses == 0) {
		uint32_t prev = c->entry[i].prev;

		free_entry(c, i);
		i = prev;
	}
}

bool
corr_is_chain(const struct corr *x)
{
	return x->type == CORR_ORDERED && x->nexpr == 0 && x->ntests == 1 &&
	    x->test[0].op == PRED_NUM_GTE && x->test[0].num == x->nrefs;
}

/* How many newest entries a group of rules has: one a rule, one a link of the
 * whole chain, or one for each choice of rules in order. */
uint32_t
corr_states(const struct corr *x)
{
	if (x->type == CORR_TEMPORAL || corr_is_chain(x))
		return x->nrefs;
	return x->type == CORR_ORDERED ? 1u << x->nrefs : 0;
}

/* Exactly the timespan apart is still within it. */
bool
corr_is_over(const struct corr *x, int64_t then, int64_t now)
{
	return time_diff(now, then) > x->span;
}

void
corr_set_state(struct correlator *c, struct group *g, uint32_t at, uint32_t i)
{
	if (g->state[at] != NONE)
		release(c, g->state[at]);
	g->state[at] = i;
	if (i != NONE)
		c->entry[i].uses++;
}

void
corr_expire(struct correlator *c, struct group *g, int64_t now)
{
	const struct corr *x = corr_of_group(c, g);

	while (g->head != NONE && corr_is_over(x, c->entry[g->head].time, now))
		corr_drop_entry(c, g, g->head);
	for (uint32_t i = 0; i < corr_states(x); i++)
		if (g->state[i] != NONE &&
		    corr_is_over(x, c->entry[g->state[i]].start, now))
			corr_set_state(c, g, i, NONE);
}
