/* SPDX-License-Identifier: Apache-2.0
 *
 * Correlations at work: notes of base rules in order of time, to windows, to
 * hits.  What is meant by it all is in doc/decisions/0012.
 *
 * A group is a correlation and one set of values that it groups by.  It keeps
 * what of its window can still decide: for counts the newest events or values
 * up to the highest number that is compared with, for rules the newest event
 * of each, for chains their last links, for numbers all of them.  An event
 * costs its groups O(1), or O(log n) where the numbers are kept in order.
 *
 * While its condition holds a group has an episode, which is told as one hit
 * when it ends.  An event at which it holds is an event for the correlations
 * that refer to this one, too.
 *
 * Windows are in corr_window.c, groups and all bounds in corr_group.c.
 */
#include <math.h>
#include <stdlib.h>

#include "inner.h"

const struct corr_limits corr_limits_default = {
	CORR_ENTRIES_MAX, CORR_GROUPS_MAX, CORR_WINDOW_MAX
};

/* -- conditions ---------------------------------------------------------- */

static bool
fulfils(const struct corr *x, double v)
{
	for (uint32_t i = 0; i < x->ntests; i++) {
		const struct corr_test *t = &x->test[i];
		bool yes = t->op == PRED_NUM_GT ? v > t->num :
		    t->op == PRED_NUM_GTE ? v >= t->num :
		    t->op == PRED_NUM_LT ? v < t->num :
		    t->op == PRED_NUM_LTE ? v <= t->num : v == t->num;

		if (yes == t->negate)
			return false;
	}
	return true;
}

/* Of the rules in the set. */
static bool
refs_hold(const struct corr *x, uint64_t set)
{
	bool stack[CORR_EXPR_MAX + 1];
	unsigned n = 0;

	if (x->nexpr == 0)
		return fulfils(x, __builtin_popcountll(set));
	for (uint32_t i = 0; i < x->nexpr; i++) {
		const struct corr_expr *e = &x->expr[i];

		switch (e->op) {
		case EXPR_REF:
			stack[n++] = (set >> e->ref & 1) != 0;
			continue;
		case EXPR_NOT:
			ASSERT(n > 0);
			stack[n - 1] = !stack[n - 1];
			continue;
		case EXPR_AND:
		case EXPR_OR:
			ASSERT(n > 1);
			n--;
			stack[n - 1] = e->op == EXPR_AND ?
			    (bool)(stack[n - 1] & stack[n]) :
			    (bool)(stack[n - 1] | stack[n]);
			continue;
		}
	}
	ASSERT(n == 1);
	return stack[0];
}

/* The choice of rules in order that fulfils it, the largest; 0: none. */
static uint32_t
best_mask(const struct corr *x, const struct group *g)
{
	uint32_t best = 0;

	for (uint32_t mask = 1; mask < corr_states(x); mask++)
		if (g->state[mask] != NONE && refs_hold(x, mask) &&
		    __builtin_popcount(mask) > __builtin_popcount(best))
			best = mask;
	return best;
}

static bool
rules_hold(const struct corr *x, struct group *g)
{
	uint64_t set = 0;

	if (corr_is_chain(x)) {
		g->measure = x->nrefs;
		return g->state[x->nrefs - 1] != NONE;
	}
	if (x->type == CORR_ORDERED) {
		set = best_mask(x, g);
		g->measure = __builtin_popcountll(set);
		return set != 0;
	}
	for (uint32_t i = 0; i < x->nrefs; i++)
		set |= (uint64_t)(g->state[i] != NONE) << i;
	g->measure = __builtin_popcountll(set);
	return set != 0 && refs_hold(x, set);
}

static bool
holds(const struct correlator *c, struct group *g)
{
	const struct corr *x = corr_of_group(c, g);
	uint32_t k;

	if (corr_states(x) != 0)
		return rules_hold(x, g);
	if (g->n == 0)
		return false;
	switch ((enum corr_type)x->type) {
	case CORR_SUM: g->measure = (double)g->sum; break;
	case CORR_AVG: g->measure = (double)(g->sum / g->n); break;
	case CORR_MIN: g->measure = corr_tree_at(c, g, 0); break;
	case CORR_MAX: g->measure = corr_tree_at(c, g, g->n - 1); break;
	case CORR_PERCENTILE:	/* the nearest rank: one of the values */
		k = (uint32_t)ceil(x->percentile / 100 * g->n);
		g->measure = corr_tree_at(c, g, k == 0 ? 0 : k - 1);
		break;
	case CORR_SHARE: break;	/* of the event that came: add_share() */
	default: g->measure = g->n; break;
	}
	return fulfils(x, g->measure);
}

/* -- episodes ------------------------------------------------------------ */

static void
put_evidence(struct told *t, const struct evidence *e)
{
	if (t->nevidence < EVIDENCE_MAX)
		t->evidence[t->nevidence++] = *e;
}

/* after: entries that are still to come and want a place. */
static void
tell_entry(struct told *t, const struct entry *e, uint32_t after)
{
	const struct told *below = e->below;
	uint32_t left = EVIDENCE_MAX - t->nevidence;
	uint32_t room = left > after ? left - after : 1;

	if (below == NULL) {
		t->count++;
		t->time = MIN_OF(t->time, e->time);
		put_evidence(t, &(struct evidence){ e->loc, e->time });
		return;
	}
	t->count += below->count;
	t->time = MIN_OF(t->time, below->time);
	for (unsigned i = 0; i < below->nevidence && i < room; i++)
		put_evidence(t, &below->evidence[i]);
}

/* From the first link on. */
static void
tell_chain(struct correlator *c, struct told *t, uint32_t last)
{
	uint32_t link[CORR_REFS_MAX], n = 0;

	for (; last != NONE && n < CORR_REFS_MAX; last = c->entry[last].prev)
		link[n++] = last;
	while (n-- > 0)
		tell_entry(t, &c->entry[link[n]], n);
}

static void
tell_rules(struct correlator *c, const struct group *g, struct told *t)
{
	const struct corr *x = corr_of_group(c, g);
	uint32_t order[CORR_REFS_MAX], n = 0;

	for (uint32_t i = 0; i < x->nrefs; i++) {
		uint32_t at = g->state[i], k = n;

		if (at == NONE)
			continue;
		for (; k > 0 && c->entry[order[k - 1]].time >
		    c->entry[at].time; k--)
			order[k] = order[k - 1];
		order[k] = at;
		n++;
	}
	for (uint32_t i = 0; i < n; i++)
		tell_entry(t, &c->entry[order[i]], n - i - 1);
}

static void
begin_episode(struct correlator *c, struct group *g, int64_t now)
{
	const struct corr *x = corr_of_group(c, g);
	struct told *t = calloc(1, sizeof(*t));
	uint32_t after = g->n;

	if (t == NULL) {
		c->failed = true;
		return;
	}
	c->text_bytes += sizeof(*t);
	t->uses = 1;
	t->number = ++c->episodes;
	t->time = now;
	t->last_time = now;
	t->measure = g->measure;
	if (corr_is_chain(x))
		tell_chain(c, t, g->state[x->nrefs - 1]);
	else if (x->type == CORR_ORDERED)
		tell_chain(c, t, g->state[best_mask(x, g)]);
	else if (x->type == CORR_TEMPORAL)
		tell_rules(c, g, t);
	for (uint32_t i = g->head; i != NONE; i = c->entry[i].next)
		tell_entry(t, &c->entry[i], --after);
	g->told = t;
	g->deadline = x->span > INT64_MAX / 2 || t->time > INT64_MAX / 2 ?
	    INT64_MAX : t->time + x->span;
}

/* again: the same episode of a correlation below goes on. */
static void
extend_episode(struct told *t, const struct arrival *a, bool again)
{
	t->last_time = a->note->time;
	if (again)
		return;
	t->count++;
	put_evidence(t, &(struct evidence){ a->note->loc, a->note->time });
}

static void
drop_episode(struct correlator *c, struct group *g)
{
	corr_drop_told(c, g->told);
	g->told = NULL;
}

void
corr_end_episode(struct correlator *c, struct group *g)
{
	const struct corr *x = corr_of_group(c, g);
	const struct told *t = g->told;
	struct corr_hit hit = { .corr = x, .rule = &c->p->rule[x->rule] };
	size_t at = 0;

	if (t != NULL && !x->silent) {
		hit.time = t->time;
		hit.last_time = t->last_time;
		hit.count = t->count;
		hit.measure = t->measure;
		memcpy(hit.evidence, t->evidence, sizeof(hit.evidence));
		hit.nevidence = t->nevidence;
		for (uint32_t i = 0; i < x->ngroups; i++) {
			uint32_t n = load_le32(g->text + at);

			hit.group[i] = span_of(g->text + at + 4, n);
			hit.field[i] = c->p->feeder[g->map->feeder].slot[
			    g->map->slot[i]];
			at += 4 + n;
		}
		if (t->count > t->nevidence)
			corr_raise(c, WEIRD_FINDING_EVIDENCE, NULL);
		c->hit(c->arg, &hit);
	}
	drop_episode(c, g);
}

/* -- events that come in ------------------------------------------------- */

static void
set_below(struct entry *e, struct told *t)
{
	e->below = t;
	if (t != NULL)
		t->uses++;
}

static uint32_t
make_entry(struct correlator *c, const struct arrival *a)
{
	uint32_t i = corr_new_entry(c);
	struct entry *e;

	if (i == NONE)
		return NONE;
	e = &c->entry[i];
	e->time = e->start = a->note->time;
	e->loc = a->note->loc;
	set_below(e, a->below);
	e->ref = a->feed->ref;
	return i;
}

/* Decimal, hexadecimal with 0x, or with a fraction; nothing else is one. */
static bool
number_of(struct span s, double *out)
{
	char tmp[64], *end;

	s = span_trim(s);
	if (s.len == 0 || s.len >= sizeof(tmp))
		return false;
	memcpy(tmp, s.ptr, s.len);
	tmp[s.len] = '\0';
	if (strspn(tmp, "0123456789+-.eExXabcdefABCDEF") != s.len)
		return false;
	*out = strtod(tmp, &end);
	return *end == '\0' && isfinite(*out);
}

static bool
same_place(const struct locator *a, const struct locator *b)
{
	return a->source == b->source && a->member == b->member &&
	    a->record == b->record && a->offset == b->offset;
}

/* An event that two rules found is one event. */
static bool
is_told_twice(const struct correlator *c, const struct group *g,
    const struct arrival *a)
{
	const struct entry *e = g->tail == NONE ? NULL : &c->entry[g->tail];

	return e != NULL && a->below == NULL && e->below == NULL &&
	    e->ref != a->feed->ref && e->time == a->note->time &&
	    same_place(&e->loc, &a->note->loc);
}

/* How many of a hundred have the value of the event that came. */
static void
add_share(struct correlator *c, struct group *g, struct entry *e)
{
	struct value_key key = corr_value_key(c, g, e->key);
	uint32_t *n;
	bool made;

	if ((n = table_put(c->values, &key, &made)) == NULL) {
		c->failed = true;
		return;
	}
	++*n;
	g->measure = 100.0 * *n / g->n;
}

/* By a value: one that is there already is only renewed.  true: it was. */
static bool
renew(struct correlator *c, struct group *g, const struct arrival *a,
    const uint64_t key[2])
{
	struct value_key k = corr_value_key(c, g, key);
	const uint32_t *at = table_get(c->values, &k);
	struct entry *e;

	if (at == NULL)
		return false;
	e = &c->entry[*at];
	corr_unlink(c, g, *at);
	e->time = a->note->time;
	e->loc = a->note->loc;
	if (e->below != a->below) {
		corr_drop_told(c, e->below);
		set_below(e, a->below);
	}
	corr_append(c, g, *at);
	return true;
}

static void
put_value(struct correlator *c, struct group *g, uint32_t i)
{
	struct value_key key = corr_value_key(c, g, c->entry[i].key);
	bool made;
	uint32_t *at = table_put(c->values, &key, &made);

	if (at == NULL)
		c->failed = true;
	else
		*at = i;
}

/* What the event is in a window of values; false: it does not count. */
static bool
value_of(struct correlator *c, const struct corr *x, const struct arrival *a,
    uint64_t key[2], double *num)
{
	key[0] = key[1] = 0;
	*num = 0;
	switch ((enum corr_type)x->type) {
	case CORR_EVENTS:
		/* A correlation below counts once as long as it holds. */
		if (a->below != NULL) {
			key[0] = hash_mix(a->below->number);
			key[1] = a->below->number;
		}
		return true;
	case CORR_VALUES:
	case CORR_SHARE:
		return corr_hash_values(c, a, x->ngroups, x->nvalues, key);
	default:
		return corr_slot(a, x->ngroups).ptr != NULL &&
		    number_of(corr_slot(a, x->ngroups), num);
	}
}

/* true: the event is in the window; *again: and was, as one before. */
static bool
add_to_window(struct correlator *c, struct group *g, const struct arrival *a,
    bool *again)
{
	const struct corr *x = corr_of_group(c, g);
	uint32_t most = x->keep != 0 ? x->keep : c->limits.window, i;
	uint64_t key[2];
	double num;

	if (is_told_twice(c, g, a) || !value_of(c, x, a, key, &num))
		return false;
	if ((key[0] | key[1]) != 0 && x->type != CORR_SHARE &&
	    renew(c, g, a, key)) {
		*again = a->below != NULL;
		return true;
	}
	if ((i = make_entry(c, a)) == NONE)
		return false;
	memcpy(c->entry[i].key, key, sizeof(key));
	c->entry[i].num = num;
	corr_append(c, g, i);
	g->sum += num;
	if (corr_has_tree(x))
		corr_tree_add(c, g, i);
	if (x->type == CORR_SHARE)
		add_share(c, g, &c->entry[i]);
	else if ((key[0] | key[1]) != 0)
		put_value(c, g, i);
	if (g->n > most) {
		if (x->keep == 0)
			corr_raise(c, WEIRD_CORRELATION_LIMIT, a->note);
		corr_drop_entry(c, g, g->head);
	}
	return true;
}

/* A link behind another; one event is not two steps. */
static void
add_link(struct correlator *c, struct group *g, const struct arrival *a,
    uint32_t behind, uint32_t at)
{
	uint32_t i;

	if (behind != NONE && a->below == NULL &&
	    c->entry[behind].below == NULL &&
	    same_place(&c->entry[behind].loc, &a->note->loc))
		return;
	if ((i = make_entry(c, a)) == NONE)
		return;
	if (behind != NONE) {
		c->entry[i].start = c->entry[behind].start;
		c->entry[i].prev = behind;
		c->entry[behind].uses++;
	}
	corr_set_state(c, g, at, i);
}

/* true: the event has its place; *again: that of the episode before it. */
static bool
add_to_rules(struct correlator *c, struct group *g, const struct arrival *a,
    bool *again)
{
	const struct corr *x = corr_of_group(c, g);
	uint32_t ref = a->feed->ref, bit, before;

	if (x->type == CORR_TEMPORAL || corr_is_chain(x)) {
		before = g->state[ref];
		*again = before != NONE && a->below != NULL &&
		    c->entry[before].below == a->below;
		if (x->type == CORR_TEMPORAL || ref == 0)
			add_link(c, g, a, NONE, ref);
		else if (g->state[ref - 1] != NONE)
			add_link(c, g, a, g->state[ref - 1], ref);
		return g->state[ref] != before;
	}
	bit = 1u << ref;
	before = g->state[bit];
	*again = before != NONE && a->below != NULL &&
	    c->entry[before].below == a->below;
	for (uint32_t mask = 1; mask < bit; mask++)
		if (g->state[mask] != NONE)
			add_link(c, g, a, g->state[mask], mask | bit);
	add_link(c, g, a, NONE, bit);
	return true;
}

static void	deliver(struct correlator *, const struct arrival *);

/* An event at which the correlation holds is one for those above. */
static void
feed_above(struct correlator *c, uint32_t i, const struct arrival *a)
{
	const struct corr *x = corr_of_group(c, &c->group[i]);
	struct told *below = c->group[i].told;

	for (uint32_t k = 0; k < x->nfeeds; k++) {
		struct arrival up = { .note = a->note, .feed = &x->feed[k],
		    .below = below };

		for (uint32_t m = 0; m < x->feed[k].nmaps; m++)
			if (x->feed[k].map[m].feeder == a->note->feeder)
				up.map = &x->feed[k].map[m];
		if (up.map != NULL)
			deliver(c, &up);
	}
}

/* An event for one group; true: the correlation holds at it. */
static bool
take_arrival(struct correlator *c, struct group *g, const struct arrival *a)
{
	const struct corr *x = corr_of_group(c, g);
	int64_t now = a->note->time;
	bool again = false, is_in;

	g->touched = now;
	if (g->told != NULL && x->absence && now > g->deadline)
		corr_end_episode(c, g);
	corr_expire(c, g, now);
	if (g->told != NULL && (x->type == CORR_SHARE || !holds(c, g)))
		corr_end_episode(c, g);
	is_in = corr_states(x) != 0 ? add_to_rules(c, g, a, &again) :
	    add_to_window(c, g, a, &again);
	if (!is_in || c->failed)
		return false;
	if (!holds(c, g)) {
		if (x->absence)
			drop_episode(c, g);	/* it came, in time */
		else
			corr_end_episode(c, g);
		return false;
	}
	if (g->told != NULL)
		extend_episode(g->told, a, again);
	else
		begin_episode(c, g, now);
	return !c->failed;
}

/* Recursion is bounded by CORR_DEPTH_MAX. */
static void
deliver(struct correlator *c, const struct arrival *a)
{
	uint32_t i = corr_find_group(c, a);

	c->since_sweep++;
	if (i == NONE)
		return;
	c->group[i].busy = true;
	if (corr_make_room(c, a->note, false) &&
	    take_arrival(c, &c->group[i], a))
		feed_above(c, i, a);
	c->group[i].busy = false;	/* the array may have moved */
}

/* -- the whole ----------------------------------------------------------- */

struct correlator *
correlator_new(const struct program *p, const struct corr_limits *limits,
    struct weirds *weirds, corr_hit_fn *hit, void *arg)
{
	struct correlator *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->p = p;
	c->limits = *limits;
	c->weirds = weirds;
	c->hit = hit;
	c->arg = arg;
	c->seed = hash_seed();
	c->free_entry = c->free_group = c->oldest = c->newest = NONE;
	c->groups = table_new(sizeof(struct group_key), sizeof(uint32_t),
	    limits->groups + 1);
	c->values = table_new(sizeof(struct value_key), sizeof(uint32_t),
	    limits->entries + 1);
	if (c->groups == NULL || c->values == NULL) {
		correlator_free(c);
		return NULL;
	}
	return c;
}

void
correlator_free(struct correlator *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < c->ngroups; i++) {
		if (!c->group[i].used)
			continue;
		free(c->group[i].state);
		free(c->group[i].text);
		corr_drop_told(c, c->group[i].told);
	}
	for (uint32_t i = 0; i < c->nentries; i++)
		corr_drop_told(c, c->entry[i].below);
	free(c->group);
	free(c->entry);
	table_free(c->groups);
	table_free(c->values);
	free(c);
}

bool
correlator_note(struct correlator *c, const struct corr_note *n)
{
	const struct feeder *f = &c->p->feeder[n->feeder];

	if (n->time == TIME_NONE) {
		corr_raise(c, WEIRD_CORRELATION_TIME, n);
		return true;
	}
	for (uint32_t i = 0; i < f->nfeeds && !c->failed; i++) {
		struct arrival a = { .note = n, .feed = &f->feed[i],
		    .map = &f->feed[i].map[0] };

		deliver(c, &a);
	}
	return !c->failed;
}

void
correlator_end(struct correlator *c)
{
	for (uint32_t i = c->oldest; i != NONE; i = c->group[i].newer)
		corr_end_episode(c, &c->group[i]);
}
