/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma filters (specification 2.1): a condition of one's own that is added to
 * rules of others.
 *
 *	logsource:	rules of another one are left alone
 *	filter:
 *	  rules:	ids or names; or any
 *	  NAME:		selections
 *	  condition:	what must hold besides: "not NAME"
 *
 * As in the reference parser the condition is added by and.  It is compiled
 * for each log source that a variant of a rule is for, so that renamed fields
 * are those that the rule's are.
 */
#include <stdlib.h>

#include "inner.h"

/* One filter at work. */
struct filter {
	struct sigma		*s;
	struct sigma_source	 source;
	struct table		*done;		/* target: its node */
};

static bool
holds(struct span want, struct span have)
{
	return want.len == 0 || span_eq_nocase(want, have);
}

static bool
source_holds(const struct sigma_source *a, const struct sigma_source *b)
{
	return holds(a->category, b->category) &&
	    holds(a->product, b->product) && holds(a->service, b->service);
}

static node_id
filter_node(struct filter *f, const struct map_target *target)
{
	struct sigma *s = f->s;
	node_id *id;
	bool made;

	id = table_put(f->done, &target, &made);
	if (id == NULL) {
		s->p->full = true;
		return NODE_FALSE;
	}
	if (!made)
		return *id;
	s->target = target;
	s->work = 0;
	if (!sigma_set_selections(s, "filter")) {
		s->p->full = true;
		return NODE_FALSE;
	}
	s->y = s->layer[0];
	*id = sigma_conditions(s, ydoc_get(s->y, ydoc_get(s->y,
	    ydoc_root(s->y), "filter"), "condition"));
	free(s->sel);
	s->sel = NULL;
	arena_reset(&s->tmp);
	return *id;
}

static void
filter_rule(struct filter *f, const struct sigma_rule *r)
{
	struct program *p = f->s->p;

	for (struct sigma_variant *v = r->variants; v != NULL && !f->s->failed;
	    v = v->next) {
		node_id kid[2];

		if (v->variant == NO_VARIANT)
			continue;
		kid[0] = p->variant[v->variant].root;
		kid[1] = filter_node(f, v->target);
		if (!f->s->failed)
			p->variant[v->variant].root = program_and(p, kid, 2);
	}
}

/* Rules of which two have one id are both filtered. */
static void
filter_named(struct filter *f, int node)
{
	struct sigma *s = f->s;
	struct span ref = ydoc_text(s->y, node);
	bool found = false, elsewhere = false, correlation = false;

	for (const struct sigma_rule *r = s->st->rules; r != NULL;
	    r = r->next) {
		if (!span_eq(ref, span_str(r->id)) &&
		    (r->name[0] == '\0' || !span_eq(ref, span_str(r->name))))
			continue;
		if (!r->detects)
			correlation = true;
		else if (!source_holds(&f->source, &r->source))
			elsewhere = true;
		else
			found = true, filter_rule(f, r);
	}
	if (!found)
		sigma_fail(s, node, correlation ?
		    "a correlation cannot be filtered" : elsewhere ?
		    "the rule has another log source than the filter" :
		    "there is no such rule", ref);
}

static void
filter_all(struct filter *f)
{
	for (const struct sigma_rule *r = f->s->st->rules; r != NULL &&
	    !f->s->failed; r = r->next)
		if (r->detects && source_holds(&f->source, &r->source))
			filter_rule(f, r);
}

static bool
is_any(struct span t)
{
	return span_eq_nocase(t, SPAN_LIT("any")) ||
	    span_eq_nocase(t, SPAN_LIT("all"));
}

/* Faulty names do not keep the others from being filtered. */
static void
filter_list(struct filter *f, int rules)
{
	size_t n = ydoc_count(f->s->y, rules);

	if (n == 0)
		filter_all(f);
	for (size_t i = 0; i < n; i++) {
		f->s->failed = false;
		filter_named(f, ydoc_item(f->s->y, rules, i));
	}
}

static void
apply(struct filter *f)
{
	struct sigma *s = f->s;
	int root = ydoc_root(s->y), map = ydoc_get(s->y, root, "filter");
	int rules = ydoc_get(s->y, map, "rules");
	int condition = ydoc_get(s->y, map, "condition");

	s->failed = false;
	sigma_read_source(s, &f->source);
	s->y = s->layer[0];
	if (ydoc_get(s->y, root, "logsource") == 0)
		sigma_fail(s, root, "no logsource", SPAN_NONE);
	else if (ydoc_type_of(s->y, map) != YAML_MAP)
		sigma_fail(s, root, "a filter wants a map", SPAN_NONE);
	else if (ydoc_type_of(s->y, condition) != YAML_SCALAR)
		sigma_fail(s, map, "a filter wants one condition", SPAN_NONE);
	else if (rules == 0)
		sigma_fail(s, map, "a filter wants rules, or any", SPAN_NONE);
	else if (ydoc_type_of(s->y, rules) == YAML_LIST)
		filter_list(f, rules);
	else if (is_any(ydoc_text(s->y, rules)))
		filter_all(f);
	else
		filter_named(f, rules);
}

static void
apply_file(struct sigma *s, struct span text)
{
	struct ydoc_stream *stream = ydoc_open(text);
	struct ydoc_fault fault = { NULL, 0, 0 };
	struct ydoc *y;

	/* What is wrong with the YAML was told when it was loaded. */
	while (stream != NULL && (y = ydoc_next(stream, &fault)) != NULL) {
		struct filter f = { .s = s };

		s->y = s->layer[0] = y;
		s->nlayers = 1;
		f.done = table_new(sizeof(struct map_target *),
		    sizeof(node_id), RULES_MAX);
		if (f.done == NULL)
			s->p->full = true;
		else if (ydoc_get(y, ydoc_root(y), "filter") != 0)
			apply(&f);
		table_free(f.done);
		ydoc_free(y);
	}
	ydoc_close(stream);
}

void
sigma_apply_filters(struct program *p, struct sigma_state *st)
{
	struct sigma s = { .p = p, .st = st, .map = st->map };

	arena_init(&s.tmp, 64u << 20);
	for (struct sigma_filters *f = st->filters; f != NULL; f = f->next) {
		s.path = f->path;
		apply_file(&s, f->text);
	}
	arena_fini(&s.tmp);
}
