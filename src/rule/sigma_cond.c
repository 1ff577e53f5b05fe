/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma's conditions: what is to hold of the selections, and what old rules
 * say behind a "|" (aggregations and near).
 *
 * Recursion is bounded by RULE_DEPTH_MAX.
 */
#include <stdlib.h>

#include "inner.h"

/* -- conditions ---------------------------------------------------------- */

static bool
is_name_char(uint8_t c)
{
	return ascii_is_digit(c) || c == '_' || c == '-' || c == '*' ||
	    c == '.' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

void
sigma_token(struct tokens *t)
{
	size_t n = 0;

	t->rest = span_trim(t->rest);
	while (n < t->rest.len && is_name_char(t->rest.ptr[n]))
		n++;
	if (n == 0 && t->rest.len != 0)
		n = 1;
	t->now = span_sub(t->rest, 0, n);
	t->rest = span_sub(t->rest, n, SIZE_MAX);
}

bool
sigma_is_token(const struct tokens *t, const char *word)
{
	return span_eq_nocase(t->now, span_str(word));
}

static node_id or_expr(struct sigma *, struct tokens *, unsigned);

static bool
name_fits(struct span pattern, struct span name)
{
	uint8_t glob[FIELD_NAME_BYTES];

	if (name.len != 0 && name.ptr[0] == '_')
		return false;
	if (span_eq(pattern, SPAN_LIT("them")))
		return true;
	if (pattern.len > sizeof(glob))
		return false;
	for (size_t i = 0; i < pattern.len; i++)
		glob[i] = pattern.ptr[i] == '*' ? WILD_MANY : pattern.ptr[i];
	return glob_match(span_of(glob, pattern.len), name);
}

/* "1 of PATTERN", "all of them". */
static node_id
quantified(struct sigma *s, struct tokens *t, bool all)
{
	node_id *kid = malloc(MAX_OF(s->nsel, (size_t)1) * sizeof(*kid)), id;
	size_t n = 0;

	sigma_token(t);		/* behind "of" */
	if (kid == NULL)
		return NODE_FALSE;
	for (size_t i = 0; i < s->nsel && sigma_may_work(s, t->node); i++)
		if (!s->sel[i].hidden && name_fits(t->now, s->sel[i].name))
			kid[n++] = sigma_selection(s, &s->sel[i]);
	if (n == 0)
		sigma_fail(s, t->node, "the condition names no selection",
		    t->now);
	id = all ? program_and(s->p, kid, n) : program_or(s->p, kid, n);
	free(kid);
	sigma_token(t);
	return id;
}

static node_id
primary(struct sigma *s, struct tokens *t, unsigned depth)
{
	bool one = sigma_is_token(t, "1") || sigma_is_token(t, "any");
	bool all = sigma_is_token(t, "all");
	node_id id;

	if (depth > RULE_DEPTH_MAX) {
		sigma_fail(s, t->node, "condition nested too deep", SPAN_NONE);
		return NODE_FALSE;
	}
	if (sigma_is_token(t, "not")) {
		sigma_token(t);
		return program_not(s->p, primary(s, t, depth + 1));
	}
	if (sigma_is_token(t, "(")) {
		sigma_token(t);
		id = or_expr(s, t, depth + 1);
		if (!sigma_is_token(t, ")"))
			sigma_fail(s, t->node, "a parenthesis is not closed",
			    SPAN_NONE);
		sigma_token(t);
		return id;
	}
	if (one || all) {
		struct tokens ahead = *t;

		sigma_token(&ahead);
		if (sigma_is_token(&ahead, "of")) {
			*t = ahead;
			return quantified(s, t, all);
		}
	}
	for (size_t i = 0; i < s->nsel && sigma_may_work(s, t->node); i++) {
		if (!s->sel[i].hidden && span_eq(s->sel[i].name, t->now)) {
			id = sigma_selection(s, &s->sel[i]);
			sigma_token(t);
			return id;
		}
	}
	sigma_fail(s, t->node, t->now.len == 0 ? "the condition ends early" :
	    "the condition names no selection", t->now);
	return NODE_FALSE;
}

/* Operands of one level go under one node: a chain of them would nest as deep
 * as the condition is long. */
struct operands {
	node_id	*id;
	size_t	 n;
};

static void
add_operand(struct sigma *s, int node, struct operands *o, node_id id)
{
	if ((o->n & (o->n - 1)) == 0) {
		node_id *p = realloc(o->id, (o->n == 0 ? 1 : o->n * 2) *
		    sizeof(*p));

		if (p == NULL) {
			sigma_fail(s, node, "out of memory", SPAN_NONE);
			return;
		}
		o->id = p;
	}
	o->id[o->n++] = id;
}

static node_id
and_expr(struct sigma *s, struct tokens *t, unsigned depth)
{
	struct operands o = { NULL, 0 };
	node_id id;

	add_operand(s, t->node, &o, primary(s, t, depth));
	while (sigma_is_token(t, "and") && !s->failed) {
		sigma_token(t);
		add_operand(s, t->node, &o, primary(s, t, depth));
	}
	id = s->failed ? NODE_FALSE : program_and(s->p, o.id, o.n);
	free(o.id);
	return id;
}

static node_id
or_expr(struct sigma *s, struct tokens *t, unsigned depth)
{
	struct operands o = { NULL, 0 };
	node_id id;

	add_operand(s, t->node, &o, and_expr(s, t, depth));
	while (sigma_is_token(t, "or") && !s->failed) {
		sigma_token(t);
		add_operand(s, t->node, &o, and_expr(s, t, depth));
	}
	id = s->failed ? NODE_FALSE : program_or(s->p, o.id, o.n);
	free(o.id);
	return id;
}

/* -- over rules ---------------------------------------------------------- */

/* Operators wait on a stack until what binds tighter is through. */
struct expr_maker {
	struct corr_expr	*out;
	unsigned		 n;
	char			 stack[CORR_EXPR_MAX];
	unsigned		 nstack;
	bool			 full;
};

static void
expr_put(struct expr_maker *m, uint8_t op, uint8_t ref)
{
	if (m->n == CORR_EXPR_MAX) {
		m->full = true;
		return;
	}
	m->out[m->n++] = (struct corr_expr){ op, ref };
}

/* How tight it binds: not, then and, then or. */
static int
tightness(char c)
{
	return c == '!' ? 3 : c == '&' ? 2 : c == '|' ? 1 : 0;
}

static void
expr_pop(struct expr_maker *m, int down_to)
{
	while (m->nstack != 0) {
		char c = m->stack[m->nstack - 1];

		if (c == '(' || tightness(c) < down_to)
			return;
		m->nstack--;
		expr_put(m, c == '!' ? EXPR_NOT : c == '&' ? EXPR_AND :
		    EXPR_OR, 0);
	}
}

static void
expr_push(struct expr_maker *m, char c)
{
	if (m->nstack == CORR_EXPR_MAX)
		m->full = true;
	else
		m->stack[m->nstack++] = c;
}

/* One token where an operand may stand; *want: it still may. */
static bool
expr_operand(struct sigma *s, struct tokens *t, struct expr_maker *m,
    int (*find)(struct sigma *, void *, struct span), void *arg, bool *want)
{
	int ref;

	if (sigma_is_token(t, "not")) {
		expr_push(m, '!');
		return true;
	}
	if (sigma_is_token(t, "(")) {
		expr_push(m, '(');
		return true;
	}
	if (t->now.len == 0 || (!is_name_char(t->now.ptr[0]))) {
		sigma_fail(s, t->node, "the condition ends early", t->now);
		return false;
	}
	if ((ref = find(s, arg, t->now)) < 0)
		return false;
	expr_put(m, EXPR_REF, (uint8_t)ref);
	*want = false;
	return true;
}

/* And one behind an operand; false: the expression is over, or wrong. */
static bool
expr_operator(struct sigma *s, struct tokens *t, struct expr_maker *m,
    bool *want)
{
	if (sigma_is_token(t, "and") || sigma_is_token(t, "or")) {
		bool both = sigma_is_token(t, "and");

		expr_pop(m, both ? 2 : 1);
		expr_push(m, both ? '&' : '|');
		*want = true;
		return true;
	}
	if (!sigma_is_token(t, ")"))
		return false;
	expr_pop(m, 0);
	if (m->nstack == 0) {
		sigma_fail(s, t->node, "the condition has too much", t->now);
		return false;
	}
	m->nstack--;
	return true;
}

bool
sigma_expr(struct sigma *s, struct tokens *t,
    int (*find)(struct sigma *, void *, struct span), void *arg,
    struct corr_expr *out, unsigned *n)
{
	struct expr_maker m = { .out = out };
	bool want = true, more = true;

	while (more && !s->failed && !m.full) {
		more = want ? expr_operand(s, t, &m, find, arg, &want) :
		    expr_operator(s, t, &m, &want);
		if (more)
			sigma_token(t);
	}
	expr_pop(&m, 0);
	if (m.nstack != 0)
		sigma_fail(s, t->node, "a parenthesis is not closed",
		    SPAN_NONE);
	if (m.full)
		sigma_fail(s, t->node, "condition longer than is kept",
		    SPAN_NONE);
	*n = m.n;
	return !s->failed;
}

/* -- what old rules say behind | ----------------------------------------- */

/* A selection that near looks for; those named before keep their number. */
static int
near_name(struct sigma *s, void *arg, struct span name)
{
	struct old_tail *o = arg;
	unsigned i = 0;

	while (i < o->nnear && !span_eq(o->near[i]->name, name))
		i++;
	if (i < o->nnear)
		return (int)i + 1;
	for (size_t k = 0; k < s->nsel; k++) {
		if (s->sel[k].hidden || !span_eq(s->sel[k].name, name))
			continue;
		if (o->nnear + 1 == CORR_REFS_MAX)
			break;
		o->near[o->nnear++] = &s->sel[k];
		return (int)o->nnear;
	}
	sigma_fail(s, o->node, "near names no selection", name);
	return -1;
}

/* SEARCH | near A and not B: all of them in the timeframe. */
static void
near_tail(struct sigma *s, struct tokens *t, struct old_tail *o)
{
	unsigned n;

	o->kind = OLD_NEAR;
	o->type = CORR_TEMPORAL;
	sigma_token(t);
	o->expr[0] = (struct corr_expr){ EXPR_REF, 0 };
	if (!sigma_expr(s, t, near_name, o, o->expr + 1, &n))
		return;
	if (n + 2 > CORR_EXPR_MAX) {
		sigma_fail(s, t->node, "condition longer than is kept",
		    SPAN_NONE);
		return;
	}
	o->expr[n + 1] = (struct corr_expr){ EXPR_AND, 0 };
	o->nexpr = n + 2;
}

/* "by a, b": the rest up to the comparison. */
static void
by_tail(struct tokens *t, struct old_tail *o)
{
	const uint8_t *from = t->rest.ptr;
	size_t n = 0;

	while (n < t->rest.len && strchr("<>=!", t->rest.ptr[n]) == NULL)
		n++;
	o->by = span_trim(span_of(from, n));
	t->rest = span_sub(t->rest, n, SIZE_MAX);
	sigma_token(t);
}

static bool
compare_tail(struct sigma *s, struct tokens *t, struct old_tail *o)
{
	static const struct {
		const char	*text;
		uint8_t		 op;
		bool		 negate;
	} ops[] = {
		{ ">=", PRED_NUM_GTE, false }, { "<=", PRED_NUM_LTE, false },
		{ "==", PRED_NUM_EQ, false }, { "!=", PRED_NUM_EQ, true },
		{ ">", PRED_NUM_GT, false }, { "<", PRED_NUM_LT, false },
		{ "=", PRED_NUM_EQ, false },
	};
	/* The operator's first character is the token at hand. */
	struct span all = span_of(t->now.ptr, t->now.len + t->rest.len);

	for (size_t i = 0; i < NITEMS(ops) && t->now.len != 0; i++) {
		if (!span_starts(all, span_str(ops[i].text)))
			continue;
		o->test.op = ops[i].op;
		o->test.negate = ops[i].negate;
		all = span_trim(span_sub(all, strlen(ops[i].text), SIZE_MAX));
		if (!sigma_number(all, &o->test.num))
			sigma_fail(s, t->node, "not a number", all);
		t->now = t->rest = SPAN_NONE;
		return !s->failed;
	}
	sigma_fail(s, t->node, "an aggregation wants a comparison", t->now);
	return false;
}

/* count() by f > 3, count(f) > 3, sum(f) by g >= 10 … */
static void
aggregate_tail(struct sigma *s, struct tokens *t, struct old_tail *o)
{
	static const struct {
		const char	*name;
		uint8_t		 type;
	} functions[] = {
		{ "count", CORR_VALUES }, { "sum", CORR_SUM },
		{ "avg", CORR_AVG }, { "min", CORR_MIN }, { "max", CORR_MAX },
	};
	size_t i = 0, end;

	while (i < NITEMS(functions) &&
	    !sigma_is_token(t, functions[i].name))
		i++;
	if (i == NITEMS(functions)) {
		sigma_fail(s, t->node, "no such aggregation", t->now);
		return;
	}
	o->kind = OLD_AGGREGATE;
	o->type = functions[i].type;
	sigma_token(t);
	end = span_find_byte(t->rest, ')');
	if (!sigma_is_token(t, "(") || end == SPAN_NPOS) {
		sigma_fail(s, t->node, "an aggregation wants (field)",
		    SPAN_NONE);
		return;
	}
	o->field = span_trim(span_sub(t->rest, 0, end));
	if (o->type == CORR_VALUES && o->field.len == 0)
		o->type = CORR_EVENTS;
	else if (o->field.len == 0)
		sigma_fail(s, t->node, "an aggregation wants a field",
		    SPAN_NONE);
	t->rest = span_sub(t->rest, end + 1, SIZE_MAX);
	sigma_token(t);
	if (sigma_is_token(t, "by"))
		by_tail(t, o);
	compare_tail(s, t, o);
}

static node_id
condition(struct sigma *s, int node, bool alone)
{
	struct tokens t = { ydoc_text(s->y, node), SPAN_NONE, node };
	node_id id;

	sigma_token(&t);
	id = or_expr(s, &t, 0);
	if (s->failed)
		return NODE_FALSE;
	if (sigma_is_token(&t, "|")) {
		if (!alone || s->old == NULL) {
			sigma_fail(s, node, "an aggregation must stand alone",
			    t.rest);
			return NODE_FALSE;
		}
		memset(s->old, 0, sizeof(*s->old));
		s->old->y = s->y;
		s->old->node = node;
		sigma_token(&t);
		if (sigma_is_token(&t, "near"))
			near_tail(s, &t, s->old);
		else
			aggregate_tail(s, &t, s->old);
	}
	if (!s->failed && t.now.len != 0)
		sigma_fail(s, node, "the condition has too much", t.now);
	return id;
}

/* A list of conditions holds when one does. */
node_id
sigma_conditions(struct sigma *s, int node)
{
	struct operands o = { NULL, 0 };
	node_id id;

	if (ydoc_type_of(s->y, node) == YAML_SCALAR)
		return condition(s, node, true);
	if (ydoc_count(s->y, node) == 0)
		sigma_fail(s, node, "no condition", SPAN_NONE);
	for (size_t i = 0; i < ydoc_count(s->y, node) &&
	    sigma_may_work(s, node); i++)
		add_operand(s, node, &o, condition(s, ydoc_item(s->y, node, i),
		    ydoc_count(s->y, node) == 1));
	id = s->failed ? NODE_FALSE : program_or(s->p, o.id, o.n);
	free(o.id);
	return id;
}
