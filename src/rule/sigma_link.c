/* SPDX-License-Identifier: Apache-2.0
 *
 * Who refers to whom: the names in correlations become rules when everything
 * was loaded, in whatever order and files.  A name is looked for in the
 * correlation's own file first, then anywhere; of several rules with a name
 * the first that was loaded is meant.
 *
 * Rules that a correlation refers to become feeders, whose hits are kept as
 * notes with the values that the correlations above them group by or look at,
 * by the names that their events have (aliases, renamed fields).
 *
 * Bounds: CORR_DEPTH_MAX, CORR_SLOTS_MAX, LINKS_MAX.
 */
#include <stdio.h>
#include <stdlib.h>

#include "inner.h"

/* Ways from a correlation down to its base rules, of all correlations:
 * correlations of correlations multiply. */
#define LINKS_MAX	1000000u

enum { CORR_NEW, CORR_GOOD, CORR_BAD };

struct name_key {
	uint64_t	name, path;	/* path 0: anywhere */
};

struct linker {
	struct program		*p;
	struct sigma_state	*st;
	struct table		*names;		/* name_key: sigma_rule * */
	const struct sigma_variant **variants;	/* by feeder */
	unsigned		 links;
	bool			 failed;	/* the correlation at hand */
};

/* Grows an array in the arena at powers of two. */
static bool
grow(struct program *p, void *array, size_t n, size_t size)
{
	void *old, *new;

	if ((n & (n - 1)) != 0)
		return true;
	memcpy(&old, array, sizeof(old));
	new = arena_zalloc(&p->arena, (n == 0 ? 1 : n * 2) * size);
	if (new == NULL) {
		p->full = true;
		return false;
	}
	if (n != 0)
		memcpy(new, old, n * size);
	memcpy(array, &new, sizeof(new));
	return true;
}

void
sigma_uncount(struct program *p, uint32_t rule)
{
	if (!p->rule[rule].inner)
		p->ninner++;
	p->rule[rule].inner = true;
}

static void
fault(struct linker *l, const struct sigma_corr *c,
    const struct sigma_ref *ref, const char *why, struct span what)
{
	if (l->failed)
		return;
	l->failed = true;
	program_fault(l->p, c->path, ref != NULL ? ref->line : c->line,
	    ref != NULL ? ref->column : c->column, "%s%s%.*s", why,
	    what.len == 0 ? "" : ": ", (int)MIN_OF(what.len, (size_t)80),
	    what.len == 0 ? "" : (const char *)what.ptr);
}

/* -- names --------------------------------------------------------------- */

static struct name_key
key_of(struct span name, const char *path)
{
	return (struct name_key){
		hash_bytes(name.ptr, name.len, hash_seed()),
		path == NULL ? 0 :
		    hash_bytes(path, strlen(path), hash_seed()) | 1
	};
}

static bool
has_name(const struct sigma_rule *r, struct span name)
{
	return name.len != 0 && (span_eq(name, span_str(r->id)) ||
	    span_eq(name, span_str(r->name)));
}

static bool
put_name(struct linker *l, struct sigma_rule *r, const char *name,
    const char *path)
{
	struct name_key key = key_of(span_str(name), path);
	struct sigma_rule **at;
	bool made;

	if (name[0] == '\0')
		return true;
	if ((at = table_put(l->names, &key, &made)) == NULL)
		return false;
	if (made)
		*at = r;
	return true;
}

static bool
put_names(struct linker *l)
{
	for (struct sigma_rule *r = l->st->rules; r != NULL; r = r->next)
		if (!put_name(l, r, r->id, r->path) ||
		    !put_name(l, r, r->name, r->path) ||
		    !put_name(l, r, r->id, NULL) ||
		    !put_name(l, r, r->name, NULL))
			return false;
	return true;
}

static struct sigma_rule *
find_rule(struct linker *l, struct span name, const char *path)
{
	struct name_key key = key_of(name, path);
	struct sigma_rule *const *at = table_find(l->names, &key);

	return at != NULL && has_name(*at, name) ? *at : NULL;
}

/* -- references ---------------------------------------------------------- */

/* The rule that a name means; false: there is none, or not yet. */
static bool
link_ref(struct linker *l, struct sigma_corr *c, struct sigma_ref *ref)
{
	struct sigma_rule *r = ref->rule;

	if (r == NULL && (r = find_rule(l, ref->text, c->path)) == NULL &&
	    (r = find_rule(l, ref->text, NULL)) == NULL) {
		fault(l, c, ref, "there is no such rule", ref->text);
		return false;
	}
	ref->rule = r;
	ref->base = r->rule;
	if ((ref->corr = r->corr) == NULL)
		return true;
	if (r->corr == c)
		fault(l, c, ref, "the correlation refers to itself",
		    ref->text);
	else if (r->corr->state == CORR_BAD)
		fault(l, c, ref, "the correlation cannot be used", ref->text);
	else if (r->corr->c.absence)
		fault(l, c, ref, "what is absent is known too late to be "
		    "referred to", ref->text);
	else if (r->corr->state == CORR_GOOD &&
	    (c->depth = MAX_OF(c->depth, r->corr->depth + 1)) >
	    CORR_DEPTH_MAX)
		fault(l, c, ref, "correlations nested too deep", ref->text);
	return !l->failed && r->corr->state == CORR_GOOD;
}

static const char **
texts(struct program *p, const struct span *names, uint32_t n)
{
	const char **out = arena_zalloc(&p->arena, (n + 1) * sizeof(*out));

	if (out == NULL)
		p->full = true;
	for (uint32_t i = 0; out != NULL && i < n; i++)
		out[i] = program_text(p, names[i]);
	return out;
}

static void
add_corr(struct linker *l, struct sigma_corr *c)
{
	struct program *p = l->p;

	c->c.group = texts(p, c->group, c->c.ngroups);
	c->c.value = texts(p, c->value, c->c.nvalues);
	if (!grow(p, &p->corr, p->ncorrs, sizeof(*p->corr)))
		return;
	c->index = p->ncorrs;
	p->corr[p->ncorrs++] = c->c;
}

/* One step: of what all refers to is known, it comes behind that. */
static void
link_corr(struct linker *l, struct sigma_corr *c)
{
	bool ready = true;

	l->failed = false;
	for (uint32_t i = 0; i < c->c.nrefs && !c->old && !l->failed; i++)
		ready &= link_ref(l, c, &c->ref[i]);
	if (!ready && !l->failed)
		return;
	c->state = l->failed ? CORR_BAD : CORR_GOOD;
	if (c->state == CORR_GOOD)
		add_corr(l, c);
	else
		sigma_uncount(l->p, c->c.rule);
}

/* Level by level: a round for each that chains may have, and one more for
 * those above what cannot be used. */
static void
link_corrs(struct linker *l)
{
	for (unsigned round = 0; round <= CORR_DEPTH_MAX; round++) {
		for (struct sigma_corr *c = l->st->corrs; c != NULL;
		    c = c->next)
			if (c->state == CORR_NEW)
				link_corr(l, c);
	}
	for (struct sigma_corr *c = l->st->corrs; c != NULL; c = c->next) {
		if (c->state != CORR_NEW)
			continue;
		l->failed = false;
		fault(l, c, NULL, "correlations nested too deep, or in a "
		    "circle", SPAN_NONE);
		c->state = CORR_BAD;
		sigma_uncount(l->p, c->c.rule);
	}
}

/* -- fields -------------------------------------------------------------- */

/* Is it this rule that an alias means? */
static bool
alias_fits(const struct sigma_alias *a, const struct sigma_ref *ref)
{
	return span_eq(a->rule, ref->text) ||
	    (ref->rule != NULL && has_name(ref->rule, a->rule));
}

/* What a correlation's field is called one level down. */
static struct span
name_below(const struct sigma_corr *c, const struct sigma_ref *ref,
    struct span name)
{
	for (unsigned i = 0; i < c->naliases; i++)
		if (span_eq(c->alias[i].alias, name) &&
		    alias_fits(&c->alias[i], ref))
			return c->alias[i].field;
	return name;
}

static uint32_t
feeder_of(struct linker *l, const struct sigma_ref *ref,
    const struct sigma_rule *owner)
{
	struct program *p = l->p;
	struct rule *r = &p->rule[ref->base];

	if (r->feeder != 0)
		return r->feeder - 1;
	if (!grow(p, &p->feeder, p->nfeeders, sizeof(*p->feeder)) ||
	    !grow(p, &l->variants, p->nfeeders, sizeof(*l->variants)))
		return 0;
	p->feeder[p->nfeeders] = (struct feeder){ .rule = ref->base };
	p->feeder[p->nfeeders].slot = arena_zalloc(&p->arena,
	    CORR_SLOTS_MAX * sizeof(const char *));
	if (p->feeder[p->nfeeders].slot == NULL)
		p->full = true;
	l->variants[p->nfeeders] = owner->variants;
	r->feeder = ++p->nfeeders;
	return p->nfeeders - 1;
}

static uint16_t
slot_of(struct linker *l, const struct sigma_corr *c, struct feeder *f,
    struct span name)
{
	for (uint32_t i = 0; i < f->nslots; i++)
		if (span_eq(span_str(f->slot[i]), name))
			return (uint16_t)i;
	if (f->nslots == CORR_SLOTS_MAX) {
		fault(l, c, NULL, "more fields than are kept of an event",
		    name);
		return 0;
	}
	f->slot[f->nslots] = program_text(l->p, name);
	return (uint16_t)f->nslots++;
}

/* The names at hand on the way down from a correlation. */
struct names {
	struct span	name[2 * CORR_FIELDS_MAX];
	uint32_t	n;
};

static void
add_map(struct linker *l, const struct sigma_corr *c, struct corr_feed *feed,
    uint32_t feeder, const struct names *at)
{
	struct program *p = l->p;
	struct corr_map *m;

	for (uint32_t i = 0; i < feed->nmaps; i++)
		if (feed->map[i].feeder == feeder)
			return;		/* the first way is taken */
	if (!grow(p, &feed->map, feed->nmaps, sizeof(*feed->map)))
		return;
	m = &feed->map[feed->nmaps];
	m->feeder = feeder;
	m->slot = arena_zalloc(&p->arena, (at->n + 1) * sizeof(*m->slot));
	if (m->slot == NULL) {
		p->full = true;
		return;
	}
	feed->nmaps++;
	for (uint32_t i = 0; i < at->n; i++)
		m->slot[i] = slot_of(l, c, &p->feeder[feeder], at->name[i]);
}

/* Recursion is bounded by CORR_DEPTH_MAX. */
static void
walk_down(struct linker *l, const struct sigma_corr *top,
    struct corr_feed *feed, const struct sigma_corr *c,
    const struct sigma_ref *ref, const struct names *above)
{
	struct names at = { .n = above->n };

	if (++l->links > LINKS_MAX) {
		fault(l, top, NULL, "too many correlations of correlations",
		    SPAN_NONE);
		return;
	}
	for (uint32_t i = 0; i < above->n; i++)
		at.name[i] = name_below(c, ref, above->name[i]);
	if (ref->corr == NULL || c->old) {
		add_map(l, top, feed, feeder_of(l, ref, c->old ? c->self :
		    ref->rule), &at);
		return;
	}
	for (uint32_t i = 0; i < ref->corr->c.nrefs && !l->failed; i++)
		walk_down(l, top, feed, ref->corr, &ref->corr->ref[i], &at);
}

static void
link_feeds(struct linker *l, struct sigma_corr *c)
{
	struct program *p = l->p;
	struct names at = { .n = 0 };

	for (uint32_t i = 0; i < c->c.ngroups; i++)
		at.name[at.n++] = c->group[i];
	for (uint32_t i = 0; i < c->c.nvalues; i++)
		at.name[at.n++] = c->value[i];
	l->failed = false;
	for (uint32_t i = 0; i < c->c.nrefs && !l->failed; i++) {
		struct corr_feed feed = { .corr = c->index, .ref = i };
		struct sigma_ref *ref = &c->ref[i];

		walk_down(l, c, &feed, c, ref, &at);
		if (l->failed || p->full)
			break;
		if (ref->corr != NULL && !c->old) {
			struct corr *x = &p->corr[ref->corr->index];

			if (grow(p, &x->feed, x->nfeeds, sizeof(feed)))
				x->feed[x->nfeeds++] = feed;
		} else {
			struct feeder *f = &p->feeder[feed.map[0].feeder];

			if (grow(p, &f->feed, f->nfeeds, sizeof(feed)))
				f->feed[f->nfeeds++] = feed;
		}
	}
	if (l->failed) {
		c->state = CORR_BAD;
		p->corr[c->index].silent = true;
		sigma_uncount(p, c->c.rule);
	}
}

/* -- the fields of events ------------------------------------------------ */

static void
set_gate(struct linker *l, struct feeder *f, const struct map_target *t)
{
	struct sigma s = { .p = l->p, .st = l->st, .map = l->st->map,
	    .target = t, .failed = true };
	struct feeder_gate *g;

	if (!grow(l->p, &f->gate, f->ngates, sizeof(*f->gate)))
		return;
	g = &f->gate[f->ngates];
	g->gate = (struct gate){ t->kind, program_fold(l->p, t->channel),
	    t->event_id };
	g->field = arena_zalloc(&l->p->arena,
	    (f->nslots + 1) * sizeof(*g->field));
	if (g->field == NULL) {
		l->p->full = true;
		return;
	}
	f->ngates++;
	for (uint32_t i = 0; i < f->nslots; i++) {
		struct span name = span_str(f->slot[i]);
		bool absent;

		g->field[i][0] = sigma_field(&s, 0, name, true, &absent);
		/* ComputerName, as the specification has it, is Computer. */
		g->field[i][1] = (uint16_t)field_by_alias(name);
	}
}

static void
set_gates(struct linker *l, uint32_t index)
{
	struct feeder *f = &l->p->feeder[index];

	for (const struct sigma_variant *v = l->variants[index]; v != NULL &&
	    !l->p->full; v = v->next)
		if (v->rule == f->rule && v->variant != NO_VARIANT)
			set_gate(l, f, v->target);
}

/* -- who is heard by himself --------------------------------------------- */

static void
set_silent(struct linker *l)
{
	struct program *p = l->p;

	for (const struct sigma_corr *c = l->st->corrs; c != NULL; c = c->next)
		for (uint32_t i = 0; i < c->c.nrefs; i++) {
			struct sigma_rule *r = c->ref[i].rule;

			if (c->state != CORR_GOOD || c->old || r == NULL)
				continue;
			r->referred = true;
			r->loud |= c->generate;
		}
	/* A rule that was loaded twice is as silent as the one referred to. */
	for (struct sigma_rule *r = l->st->rules; r != NULL; r = r->next) {
		const struct sigma_rule *first = find_rule(l, span_str(r->id),
		    NULL);

		if (!r->referred && (first == NULL || !first->referred ||
		    first->detects != r->detects))
			continue;
		if (r->referred ? r->loud : first->loud)
			continue;
		if (r->corr == NULL)
			p->rule[r->rule].silent = true;
		else if (r->corr->state == CORR_GOOD)
			p->corr[r->corr->index].silent = true;
	}
}

bool
sigma_resolve(struct program *p, struct sigma_state *st)
{
	struct linker l = { .p = p, .st = st };

	if (st->corrs == NULL)
		return true;
	l.names = table_new(sizeof(struct name_key),
	    sizeof(struct sigma_rule *), 4 * RULES_MAX);
	if (l.names == NULL || !put_names(&l)) {
		table_free(l.names);
		return false;
	}
	link_corrs(&l);
	for (struct sigma_corr *c = st->corrs; c != NULL && !p->full;
	    c = c->next)
		if (c->state == CORR_GOOD)
			link_feeds(&l, c);
	for (uint32_t i = 0; i < p->nfeeders && !p->full; i++)
		set_gates(&l, i);
	set_silent(&l);
	table_free(l.names);
	return !p->full;
}
