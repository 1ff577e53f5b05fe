/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma correlations as they are read (specification 2.1):
 *
 *	correlation:
 *	  type:		event_count, value_count, value_sum, value_avg,
 *			value_min, value_max, value_median, value_percentile,
 *			temporal, temporal_ordered
 *	  rules:	names or ids, of rules or of correlations
 *	  group-by:	fields that must all be there and be the same
 *	  timespan:	15s 5m 1h 1d 1w 1M 1y
 *	  aliases:	ALIAS: {RULE: FIELD}
 *	  condition:	gt gte lt lte eq neq, field, percentile; or, for the
 *			temporal ones, a condition over the rules' names
 *	  generate:	true: the rules are told by themselves as well
 *
 * What old rules say behind | becomes the same.  Who is who is resolved when
 * everything was loaded: sigma_link.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "inner.h"

static const struct {
	const char	*name;
	uint8_t		 type;
	double		 percentile;
} types[] = {
	{ "event_count", CORR_EVENTS, 0 }, { "value_count", CORR_VALUES, 0 },
	{ "value_sum", CORR_SUM, 0 }, { "value_avg", CORR_AVG, 0 },
	{ "value_min", CORR_MIN, 0 }, { "value_max", CORR_MAX, 0 },
	{ "value_median", CORR_PERCENTILE, 50 },
	{ "value_percentile", CORR_SHARE, 0 },
	{ "temporal", CORR_TEMPORAL, 0 },
	{ "temporal_ordered", CORR_ORDERED, 0 },
};

static bool
is_temporal(const struct corr *c)
{
	return c->type == CORR_TEMPORAL || c->type == CORR_ORDERED;
}

/* A month and a year are the mean ones of the Gregorian calendar, as in the
 * reference parser. */
bool
sigma_timespan(struct span s, int64_t *out)
{
	static const struct {
		char	unit;
		int64_t	seconds;
	} units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 604800 }, { 'M', 2629746 }, { 'y', 31556952 },
	};
	uint64_t n;

	if (s.len < 2 || !span_u64(span_sub(s, 0, s.len - 1), &n) || n == 0)
		return false;
	for (size_t i = 0; i < NITEMS(units); i++) {
		if ((uint8_t)units[i].unit != s.ptr[s.len - 1])
			continue;
		if (n > (uint64_t)(INT64_MAX / NSEC / units[i].seconds))
			return false;
		*out = (int64_t)n * units[i].seconds * NSEC;
		return true;
	}
	return false;
}

static void *
take(struct sigma *s, size_t n, size_t size)
{
	void *p = arena_zalloc(&s->p->arena, (n + 1) * size);

	if (p == NULL) {
		s->p->full = true;
		sigma_fail(s, 0, "out of memory", SPAN_NONE);
	}
	return p;
}

static struct span
keep(struct sigma *s, struct span t)
{
	return t.len == 0 ? SPAN_NONE : arena_copy(&s->p->arena, t);
}

/* A scalar, or a list of them; NULL after a fault. */
static struct span *
keep_names(struct sigma *s, int node, size_t max, const char *what,
    uint32_t *n)
{
	bool many = ydoc_type_of(s->y, node) == YAML_LIST;
	size_t count = node == 0 ? 0 : many ? ydoc_count(s->y, node) : 1;
	struct span *out;

	*n = 0;
	if (count > max) {
		sigma_fail(s, node, "more than are kept", span_str(what));
		return NULL;
	}
	if ((out = take(s, count, sizeof(*out))) == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		int item = many ? ydoc_item(s->y, node, i) : node;
		struct span t = ydoc_text(s->y, item);

		if (ydoc_type_of(s->y, item) != YAML_SCALAR || t.len == 0 ||
		    t.len > FIELD_NAME_BYTES) {
			sigma_fail(s, item, "a name is wanted",
			    span_str(what));
			return NULL;
		}
		out[(*n)++] = keep(s, t);
	}
	return out;
}

static void
read_type(struct sigma *s, int node, int map, struct corr *c)
{
	struct span t = ydoc_text(s->y, node);

	for (size_t i = 0; i < NITEMS(types); i++) {
		if (!span_eq(t, span_str(types[i].name)))
			continue;
		c->type = types[i].type;
		c->percentile = types[i].percentile;
		return;
	}
	sigma_fail(s, node != 0 ? node : map, "no such type of correlation",
	    t);
}

static void
set_ref(struct sigma *s, int node, struct sigma_corr *c, struct span name)
{
	struct sigma_ref *r = &c->ref[c->c.nrefs];

	for (unsigned i = 0; i < c->c.nrefs; i++)
		if (span_eq(c->ref[i].text, name))
			sigma_fail(s, node, "the rule is named twice", name);
	r->text = keep(s, name);
	r->line = ydoc_line(s->y, node);
	r->column = ydoc_column(s->y, node);
	c->c.nrefs++;
}

static void
read_rules(struct sigma *s, int node, struct sigma_corr *c)
{
	bool many = ydoc_type_of(s->y, node) == YAML_LIST;
	uint32_t n;
	struct span *names = keep_names(s, node, CORR_REFS_MAX, "rules", &n);

	for (size_t i = 0; names != NULL && i < n && !s->failed; i++)
		set_ref(s, many ? ydoc_item(s->y, node, i) : node, c,
		    names[i]);
}

static void
read_aliases(struct sigma *s, int node, struct sigma_corr *c)
{
	size_t total = 0;

	if (node != 0 && ydoc_type_of(s->y, node) != YAML_MAP)
		sigma_fail(s, node, "aliases want a map", SPAN_NONE);
	for (size_t i = 0; i < ydoc_count(s->y, node); i++)
		total += ydoc_count(s->y, ydoc_value(s->y, node, i));
	if (total > CORR_REFS_MAX * CORR_FIELDS_MAX)
		sigma_fail(s, node, "more than are kept: aliases", SPAN_NONE);
	if (s->failed || (c->alias = take(s, total,
	    sizeof(*c->alias))) == NULL)
		return;
	for (size_t i = 0; i < ydoc_count(s->y, node); i++) {
		int map = ydoc_value(s->y, node, i);

		if (ydoc_type_of(s->y, map) != YAML_MAP) {
			sigma_fail(s, map, "an alias wants a map of rules and "
			    "fields", SPAN_NONE);
			return;
		}
		for (size_t k = 0; k < ydoc_count(s->y, map); k++)
			c->alias[c->naliases++] = (struct sigma_alias){
				keep(s, ydoc_text(s->y,
				    ydoc_key(s->y, node, i))),
				keep(s, ydoc_text(s->y,
				    ydoc_key(s->y, map, k))),
				keep(s, ydoc_text(s->y,
				    ydoc_value(s->y, map, k)))
			};
	}
}

static bool
is_true(struct sigma *s, int node)
{
	struct val v;

	if (node == 0)
		return false;
	v = sigma_scalar(s, node, true);
	if (v.type != VAL_BOOL)
		sigma_fail(s, node, "generate wants true or false", SPAN_NONE);
	return v.type == VAL_BOOL && v.yes;
}

/* -- conditions ---------------------------------------------------------- */

static bool
read_test(struct sigma *s, struct span key, int value, struct corr *c)
{
	static const struct {
		const char	*name;
		uint8_t		 op;
		bool		 negate;
	} ops[] = {
		{ "gt", PRED_NUM_GT, false }, { "gte", PRED_NUM_GTE, false },
		{ "lt", PRED_NUM_LT, false }, { "lte", PRED_NUM_LTE, false },
		{ "eq", PRED_NUM_EQ, false }, { "neq", PRED_NUM_EQ, true },
	};

	for (size_t i = 0; i < NITEMS(ops); i++) {
		struct corr_test *t = &c->test[c->ntests];

		if (!span_eq(key, span_str(ops[i].name)))
			continue;
		ASSERT(c->ntests < CORR_TESTS_MAX);	/* keys are unique */
		t->op = ops[i].op;
		t->negate = ops[i].negate;
		if (!sigma_number(ydoc_text(s->y, value), &t->num))
			sigma_fail(s, value, "not a number",
			    ydoc_text(s->y, value));
		c->ntests++;
		return true;
	}
	return false;
}

static void
read_percentile(struct sigma *s, int value, struct corr *c)
{
	if (c->type != CORR_SHARE)
		sigma_fail(s, value, "percentile is only for value_percentile",
		    SPAN_NONE);
	else if (!sigma_number(ydoc_text(s->y, value), &c->percentile) ||
	    c->percentile < 0 || c->percentile > 100)
		sigma_fail(s, value, "percentile wants 0 to 100",
		    ydoc_text(s->y, value));
	else
		c->type = CORR_PERCENTILE;
}

static void
read_tests(struct sigma *s, int node, struct sigma_corr *c)
{
	for (size_t i = 0; i < ydoc_count(s->y, node) && !s->failed; i++) {
		int key_node = ydoc_key(s->y, node, i);
		struct span key = ydoc_text(s->y, key_node);
		int value = ydoc_value(s->y, node, i);

		if (span_eq(key, SPAN_LIT("field")))
			c->value = keep_names(s, value, CORR_FIELDS_MAX,
			    "field", &c->c.nvalues);
		else if (span_eq(key, SPAN_LIT("percentile")))
			read_percentile(s, value, &c->c);
		else if (!read_test(s, key, value, &c->c))
			sigma_fail(s, key_node, "unknown in a condition", key);
	}
	if (!s->failed && c->c.ntests == 0)
		sigma_fail(s, node, "the condition compares with no number",
		    SPAN_NONE);
}

struct ref_finder {
	struct sigma_corr	*c;
	int			 node;
	bool			 may_add;
	bool			 seen[CORR_REFS_MAX];
};

static int
find_ref(struct sigma *s, void *arg, struct span name)
{
	struct ref_finder *f = arg;
	unsigned i = 0;

	while (i < f->c->c.nrefs && !span_eq(f->c->ref[i].text, name))
		i++;
	if (i == f->c->c.nrefs && (!f->may_add || i == CORR_REFS_MAX)) {
		sigma_fail(s, f->node, "the condition names no rule of this "
		    "correlation", name);
		return -1;
	}
	if (i == f->c->c.nrefs)
		set_ref(s, f->node, f->c, name);
	f->seen[i] = true;
	return (int)i;
}

static void
keep_expr(struct sigma *s, struct sigma_corr *c, const struct corr_expr *e,
    unsigned n)
{
	c->c.expr = take(s, n, sizeof(*e));
	if (c->c.expr == NULL)
		return;
	memcpy(c->c.expr, e, n * sizeof(*e));
	c->c.nexpr = n;
	for (unsigned i = 0; i < n; i++)
		c->c.absence |= e[i].op == EXPR_NOT;
}

static void
read_expr(struct sigma *s, int node, struct sigma_corr *c)
{
	struct ref_finder f = { .c = c, .node = node,
	    .may_add = c->c.nrefs == 0 };
	struct tokens t = { ydoc_text(s->y, node), SPAN_NONE, node };
	struct corr_expr e[CORR_EXPR_MAX];
	unsigned n;

	sigma_token(&t);
	if (!sigma_expr(s, &t, find_ref, &f, e, &n))
		return;
	if (t.now.len != 0)
		sigma_fail(s, node, "the condition has too much", t.now);
	for (unsigned i = 0; i < c->c.nrefs; i++)
		if (!f.seen[i])
			sigma_fail(s, node, "the condition does not name",
			    c->ref[i].text);
	keep_expr(s, c, e, n);
	if (c->c.type == CORR_ORDERED && c->c.absence)
		sigma_fail(s, node, "what is absent has no order", SPAN_NONE);
}

static void
read_condition(struct sigma *s, int node, int map, struct sigma_corr *c)
{
	if (node == 0 && is_temporal(&c->c)) {
		c->c.test[0] = (struct corr_test){ PRED_NUM_GTE, false,
		    c->c.nrefs };
		c->c.ntests = 1;
	} else if (ydoc_type_of(s->y, node) == YAML_MAP) {
		read_tests(s, node, c);
	} else if (ydoc_type_of(s->y, node) != YAML_SCALAR) {
		sigma_fail(s, node != 0 ? node : map,
		    "a correlation wants a condition", SPAN_NONE);
	} else if (is_temporal(&c->c)) {
		read_expr(s, node, c);
	} else {
		sigma_fail(s, node, "only temporal correlations have a "
		    "condition in words", SPAN_NONE);
	}
}

/* -- what a condition needs ---------------------------------------------- */

/* How many of the newest events decide: one more than any number that is
 * compared with. */
static void
set_keep(struct sigma *s, int node, struct sigma_corr *c)
{
	double most = 0;

	if (c->c.type != CORR_EVENTS && c->c.type != CORR_VALUES)
		return;
	for (unsigned i = 0; i < c->c.ntests; i++)
		most = MAX_OF(most, c->c.test[i].num);
	if (most + 2 > CORR_WINDOW_MAX)
		sigma_fail(s, node, "counts more events than a window keeps "
		    "(65534)", SPAN_NONE);
	else
		c->c.keep = (uint32_t)most + 2;
}

static void
check(struct sigma *s, int node, struct sigma_corr *c)
{
	const struct corr *x = &c->c;
	bool valued = x->type >= CORR_VALUES && x->type <= CORR_SHARE;

	if (x->nrefs == 0)
		sigma_fail(s, node, "a correlation wants rules", SPAN_NONE);
	else if (valued && x->nvalues == 0)
		sigma_fail(s, node, "this correlation wants a field",
		    SPAN_NONE);
	else if (!valued && x->nvalues != 0)
		sigma_fail(s, node, "this correlation looks at no field",
		    SPAN_NONE);
	else if (x->nvalues > 1 && x->type != CORR_VALUES &&
	    x->type != CORR_SHARE)
		sigma_fail(s, node, "a number is of one field", SPAN_NONE);
	else if (x->type == CORR_ORDERED && x->nrefs > CORR_MASK_REFS &&
	    (x->nexpr != 0 || x->test[0].num != x->nrefs ||
	    x->test[0].op != PRED_NUM_GTE))
		sigma_fail(s, node, "more rules than an ordered choice may "
		    "have", SPAN_NONE);
	set_keep(s, node, c);
}

static struct sigma_corr *
new_corr(struct sigma *s, int node)
{
	struct sigma_corr *c = take(s, 1, sizeof(*c));

	if (c == NULL || (c->ref = take(s, CORR_REFS_MAX,
	    sizeof(*c->ref))) == NULL)
		return NULL;
	c->path = s->path;
	c->line = ydoc_line(s->y, node);
	c->column = ydoc_column(s->y, node);
	return c;
}

static void
add_corr(struct sigma *s, struct sigma_corr *c)
{
	*s->st->corrs_end = c;
	s->st->corrs_end = &c->next;
	s->st->ncorrs++;
}

static void
read_timespan(struct sigma *s, int node, int map, struct corr *c)
{
	if (node == 0)
		sigma_fail(s, map, "a correlation wants a timespan",
		    SPAN_NONE);
	else if (!sigma_timespan(ydoc_text(s->y, node), &c->span))
		sigma_fail(s, node, "a timespan is a number and one of s m h d "
		    "w M y", ydoc_text(s->y, node));
}

void
sigma_read_corr(struct sigma *s)
{
	static const struct gate nowhere = { .kind = KIND_WINEVENT };
	int root = ydoc_root(s->y), map = ydoc_get(s->y, root, "correlation");
	struct sigma_corr *c = new_corr(s, map);
	const struct ydoc *y = s->y;
	struct rule rule;
	int generate;

	if (c == NULL)
		return;
	read_type(s, ydoc_get(y, map, "type"), map, &c->c);
	read_rules(s, ydoc_get(y, map, "rules"), c);
	c->group = keep_names(s, ydoc_get(y, map, "group-by"),
	    CORR_FIELDS_MAX, "group-by", &c->c.ngroups);
	read_timespan(s, ydoc_get(y, map, "timespan"), map, &c->c);
	read_aliases(s, ydoc_get(y, map, "aliases"), c);
	generate = ydoc_get(y, map, "generate");
	c->generate = is_true(s, generate != 0 ? generate :
	    ydoc_get(y, root, "generate"));
	if (!s->failed)
		read_condition(s, ydoc_get(y, map, "condition"), map, c);
	if (!s->failed)
		check(s, map, c);
	if (s->failed)
		return;
	sigma_set_rule(s, &rule);
	if (!program_claim(s->p, rule.id))
		return;
	if (!program_rule(s->p, &rule, &nowhere, NODE_FALSE) ||
	    (c->self = sigma_add_rule(s, &rule)) == NULL)
		return;
	c->self->corr = c;
	c->c.rule = c->self->rule;
	add_corr(s, c);
}

/* -- of old rules -------------------------------------------------------- */

static struct span *
split_names(struct sigma *s, struct span t, uint32_t *n)
{
	struct span *out = take(s, CORR_FIELDS_MAX, sizeof(*out));

	*n = 0;
	while (out != NULL && t.len != 0) {
		size_t len = 0;

		while (len < t.len && t.ptr[len] != ',' && t.ptr[len] != ' ')
			len++;
		if (len != 0 && *n == CORR_FIELDS_MAX) {
			sigma_fail(s, s->old->node, "more than are kept: by",
			    SPAN_NONE);
			return NULL;
		}
		if (len != 0)
			out[(*n)++] = keep(s, span_sub(t, 0, len));
		t = span_sub(t, len + 1, SIZE_MAX);
	}
	return out;
}

/* Without a timeframe the whole of the evidence is the window. */
static void
old_timeframe(struct sigma *s, struct corr *c)
{
	c->span = INT64_MAX;
	for (unsigned i = 0; i < s->nlayers; i++) {
		const struct ydoc *y = s->layer[i];
		int node = ydoc_get(y, ydoc_get(y, ydoc_root(y), "detection"),
		    "timeframe");

		if (node == 0)
			continue;
		s->y = y;
		if (!sigma_timespan(ydoc_text(y, node), &c->span))
			sigma_fail(s, node, "a timeframe is a number and one "
			    "of s m h d w M y", ydoc_text(y, node));
		return;
	}
}

void
sigma_old_corr(struct sigma *s, struct sigma_rule *r, const uint32_t *near)
{
	const struct old_tail *o = s->old;
	struct sigma_corr *c;

	s->y = o->y;
	if ((c = new_corr(s, o->node)) == NULL)
		return;
	c->self = r;
	c->old = true;
	c->c.rule = r->rule;
	c->c.type = o->type;
	c->c.nrefs = o->nnear + 1;
	for (unsigned i = 0; i < c->c.nrefs; i++)
		c->ref[i].base = i == 0 ? r->rule : near[i - 1];
	c->group = split_names(s, o->by, &c->c.ngroups);
	if (o->kind == OLD_NEAR) {
		keep_expr(s, c, o->expr, o->nexpr);
	} else {
		c->c.test[0] = o->test;
		c->c.ntests = 1;
		c->value = split_names(s, o->field, &c->c.nvalues);
	}
	if (!s->failed)
		check(s, o->node, c);
	old_timeframe(s, &c->c);
	s->p->rule[r->rule].silent = true;
	if (s->failed) {
		sigma_uncount(s->p, r->rule);
		return;
	}
	r->corr = c;
	add_corr(s, c);
}
