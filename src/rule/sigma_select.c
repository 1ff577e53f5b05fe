/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma's selections: maps and lists of values to predicates and nodes.
 */
#include <stdlib.h>

#include "inner.h"

/* -- predicates ---------------------------------------------------------- */

/* The field's id in the events of the target, or FIELD_OTHER with *absent:
 * these events never have it. */
uint16_t
sigma_field(struct sigma *s, int node, struct span name, bool renamed,
    bool *absent)
{
	uint8_t squeezed[FIELD_NAME_BYTES];
	const struct map_target *t = s->target;
	size_t n = 0;
	unsigned id;

	*absent = false;
	for (size_t i = 0; renamed && i < t->nrenames; i++)
		if (span_eq(name, t->rename[i][0])) {
			name = t->rename[i][1];
			break;
		}
	for (size_t i = 0; i < t->nabsent; i++)
		if (span_eq(name, t->absent[i]))
			*absent = true;
	/* "Threat Name" is ThreatName in the events. */
	for (size_t i = 0; i < name.len && n < sizeof(squeezed); i++)
		if (name.ptr[i] != ' ')
			squeezed[n++] = name.ptr[i];
	name = span_of(squeezed, n);
	/* Those two carry the names that rules use. */
	id = t->kind == KIND_WINEVENT || t->kind == KIND_AUDITD ?
	    field_by_name(name) : field_by_alias(name);
	if (id == FIELD_OTHER && (id = field_intern(name)) == FIELD_OTHER)
		sigma_fail(s, node, "more field names than are kept", name);
	return (uint16_t)id;
}

/* A text with wildcards as the cheapest predicate that says the same. */
static void
set_text_op(struct pred *pr, struct span t)
{
	bool front = t.len != 0 && t.ptr[0] == WILD_MANY;
	bool back = t.len > 1 && t.ptr[t.len - 1] == WILD_MANY;
	struct span inner = span_sub(t, front, t.len - front - back);

	pr->text = t;
	pr->op = PRED_GLOB;
	if (sigma_has_wild(inner) || inner.len == 0) {
		if (t.len == 0)
			pr->op = PRED_EQ;
		return;
	}
	pr->text = inner;
	pr->op = front && back ? PRED_CONTAINS : front ? PRED_ENDS :
	    back ? PRED_STARTS : PRED_EQ;
}

static bool
is_net(struct span t)
{
	size_t slash = span_find_byte(t, '/');
	struct addr a;
	uint64_t bits;

	if (!addr_parse(span_sub(t, 0, slash), &a))
		return false;
	return slash == SPAN_NPOS || (span_u64(span_sub(t, slash + 1,
	    SIZE_MAX), &bits) &&
	    bits <= (span_find_byte(t, ':') == SPAN_NPOS ? 32u : 128u));
}

static bool
regex_fits(struct sigma *s, int node, struct span t, unsigned flags)
{
	char reason[120];
	size_t offset;

	if (regex_check(t, flags, reason, sizeof(reason), &offset))
		return true;
	sigma_fail(s, node, "regular expression", span_str(reason));
	return false;
}

static node_id
pred_of_field(struct sigma *s, int node, struct pred *pr, struct span name)
{
	bool absent;

	pr->op = PRED_FIELD;
	pr->other = sigma_field(s, node, name, sigma_map_renames_refs(s->map),
	    &absent);
	return absent ? NODE_FALSE : program_pred(s->p, pr);
}

/* Unicode simple folding into the memory of the rule at hand. */
static struct span
fold_value(struct sigma *s, int node, struct span t)
{
	uint8_t *d = arena_alloc(&s->tmp, FOLD_ROOM(t.len));

	if (d == NULL) {
		sigma_fail(s, node, "rule too large", SPAN_NONE);
		return SPAN_NONE;
	}
	return span_of(d, fold_text(t, d));
}

static node_id
pred_exists(struct sigma *s, int node, struct pred *pr, const struct val *v)
{
	struct span t = sigma_as_text(v);
	bool yes = v->type == VAL_BOOL ? v->yes :
	    span_eq_nocase(t, SPAN_LIT("true"));
	node_id id;

	if (!yes && v->type != VAL_BOOL &&
	    !span_eq_nocase(t, SPAN_LIT("false")))
		sigma_fail(s, node, "exists wants true or false", t);
	pr->op = PRED_EXISTS;
	pr->flags = 0;
	id = program_pred(s->p, pr);
	return yes ? id : program_not(s->p, id);
}

static node_id
pred_number(struct sigma *s, int node, struct pred *pr, const struct how *h,
    const struct val *v)
{
	struct span t = sigma_as_text(v);

	pr->num = v->num;
	if (v->type != VAL_NUM && !sigma_number(t, &pr->num)) {
		sigma_fail(s, node, "not a number", t);
		return NODE_FALSE;
	}
	pr->op = h->num != 0 ? h->num : PRED_NUM_EQ;
	pr->rel = h->part;
	pr->flags = 0;
	return program_pred(s->p, pr);
}

/* Regular expressions and networks: text as it is. */
static node_id
pred_raw(struct sigma *s, int node, struct pred *pr, const struct how *h)
{
	if (h->re) {
		pr->op = PRED_REGEX;
		pr->flags |= (uint8_t)h->re_flags;
		return regex_fits(s, node, pr->text, pr->flags) ?
		    program_pred(s->p, pr) : NODE_FALSE;
	}
	pr->op = PRED_CIDR;
	if (!is_net(pr->text))
		sigma_fail(s, node, "not a network", pr->text);
	return program_pred(s->p, pr);
}

/* The predicate of one value on a field (or, keyword, on any). */
static node_id
pred_of(struct sigma *s, int node, struct pred pr, const struct how *h,
    const struct val *v)
{
	const bool any = (pr.flags & PRED_ANY_FIELD) != 0;
	const bool number = h->num != 0 || h->part != PART_NONE;
	struct span t = sigma_as_text(v);

	if (!sigma_may_work(s, node))
		return NODE_FALSE;
	if (any && (h->exists || h->fieldref || number ||
	    v->type == VAL_NULL)) {
		sigma_fail(s, node, "a field is wanted here", SPAN_NONE);
		return NODE_FALSE;
	}
	if (h->cased)
		pr.flags |= PRED_CASED;
	if (h->exists)
		return pred_exists(s, node, &pr, v);
	if (v->type == VAL_NULL) {
		if (h->re || h->cidr || h->fieldref || number)
			sigma_fail(s, node, "null takes no modifier",
			    SPAN_NONE);
		pr.op = PRED_NULL;
		return program_pred(s->p, &pr);
	}
	if (h->fieldref) {
		pr.rel = h->rel != 0 ? h->rel : PRED_EQ;
		return pred_of_field(s, node, &pr, t);
	}
	pr.text = t;
	if (h->re || h->cidr)
		return pred_raw(s, node, &pr, h);
	if (number || (v->type == VAL_NUM && !any)) {
		pr.text = SPAN_NONE;
		return pred_number(s, node, &pr, h, v);
	}
	if (v->bytes) {
		sigma_fail(s, node, "UTF-16 text is only for base64",
		    SPAN_NONE);
		return NODE_FALSE;
	}
	if (any)
		t = sigma_wrap(s, t, true, true);
	if (!h->cased)
		t = fold_value(s, node, t);
	set_text_op(&pr, t);
	return s->failed ? NODE_FALSE : program_pred(s->p, &pr);
}

static node_id
join_vals(struct sigma *s, int node, struct pred pr, const struct how *h,
    const struct vals *l)
{
	node_id *kid = malloc(MAX_OF(l->n, (size_t)1) * sizeof(*kid)), id;

	if (kid == NULL)
		return NODE_FALSE;
	for (size_t i = 0; i < l->n; i++)
		kid[i] = pred_of(s, node, pr, h, &l->v[i]);
	id = s->failed ? NODE_FALSE : h->all ? program_and(s->p, kid, l->n) :
	    program_or(s->p, kid, l->n);
	free(kid);
	return h->neq ? program_not(s->p, id) : id;
}

static bool
has_modifier(struct span key, const char *name)
{
	while (key.len != 0) {
		size_t bar = span_find_byte(key, '|');

		if (span_eq(span_sub(key, 0, bar), span_str(name)))
			return true;
		if (bar == SPAN_NPOS)
			break;
		key = span_sub(key, bar + 1, SIZE_MAX);
	}
	return false;
}

static void
read_vals(struct sigma *s, int value, bool raw, struct vals *l)
{
	if (ydoc_type_of(s->y, value) == YAML_LIST) {
		if (ydoc_count(s->y, value) == 0)
			sigma_fail(s, value, "no value", SPAN_NONE);
		for (size_t i = 0; i < ydoc_count(s->y, value) &&
		    sigma_may_work(s, value); i++) {
			int item = ydoc_item(s->y, value, i);

			if (ydoc_type_of(s->y, item) != YAML_SCALAR)
				sigma_fail(s, item, "a value must be a scalar",
				    SPAN_NONE);
			else
				sigma_add_val(l, sigma_scalar(s, item, raw));
		}
	} else if (ydoc_type_of(s->y, value) == YAML_SCALAR) {
		sigma_add_val(l, sigma_scalar(s, value, raw));
	} else {
		sigma_fail(s, value, "a value must be a scalar or a list",
		    SPAN_NONE);
	}
}

/* "Field|modifier|modifier": values. */
static node_id
item_node(struct sigma *s, struct span key, int key_node, int value)
{
	size_t bar = span_find_byte(key, '|');
	struct span name = span_sub(key, 0, bar), mods;
	struct vals l = { NULL, 0, 0, false };
	struct how h = { 0 };
	struct pred pr = { 0 };
	bool absent = false;
	node_id id = NODE_FALSE;

	if (ydoc_type_of(s->y, key_node) != YAML_SCALAR)
		sigma_fail(s, key_node, "a field's name must be text",
		    SPAN_NONE);
	mods = bar == SPAN_NPOS ? SPAN_NONE : span_sub(key, bar + 1, SIZE_MAX);
	/* It may stand before or behind contains and its like. */
	h.fieldref = has_modifier(mods, "fieldref");
	read_vals(s, value, has_modifier(mods, "re") ||
	    has_modifier(mods, "fieldref") || has_modifier(mods, "cidr"), &l);
	/* Before the others: they work on what the lists say. */
	if (!s->failed && has_modifier(mods, "expand"))
		sigma_expand(s, key_node, &l);
	while (mods.len != 0 && !s->failed) {
		size_t next = span_find_byte(mods, '|');

		sigma_modify(s, key_node, span_sub(mods, 0, next), &h, &l);
		mods = next == SPAN_NPOS ? SPAN_NONE :
		    span_sub(mods, next + 1, SIZE_MAX);
	}
	if (l.failed)
		sigma_fail(s, key_node, "more or longer values than are taken",
		    SPAN_NONE);
	if (name.len == 0)
		pr.flags = PRED_ANY_FIELD;
	else
		pr.field = sigma_field(s, key_node, name, true, &absent);
	if (!s->failed && absent) {
		/* Null holds for a field that these events never have. */
		for (size_t i = 0; i < l.n; i++)
			if (l.v[i].type == VAL_NULL)
				id = NODE_TRUE;
		if (h.exists && l.n != 0 && l.v[0].type == VAL_BOOL &&
		    !l.v[0].yes)
			id = NODE_TRUE;
		if (h.neq)
			id = program_not(s->p, id);
	} else if (!s->failed) {
		id = join_vals(s, key_node, pr, &h, &l);
	}
	free(l.v);
	return id;
}

/* -- selections ---------------------------------------------------------- */

/* Does a selection of an upper document say it already? */
static bool
is_said(const struct selection *above, const struct selection *to,
    struct span key)
{
	for (; above != to; above = above->under)
		for (size_t i = 0; i < ydoc_count(above->y, above->node); i++)
			if (span_eq(key, ydoc_text(above->y,
			    ydoc_key(above->y, above->node, i))))
				return true;
	return false;
}

/* A map of the document sel->y; above: those that go before it. */
static node_id
map_node(struct sigma *s, int node, const struct selection *above,
    const struct selection *sel)
{
	size_t n = ydoc_count(s->y, node);
	node_id *kid = malloc(MAX_OF(n, (size_t)1) * sizeof(*kid)), id;

	if (kid == NULL)
		return NODE_FALSE;
	if (n == 0)
		sigma_fail(s, node, "empty selection", SPAN_NONE);
	for (size_t i = 0; i < n; i++) {
		int key = ydoc_key(s->y, node, i);

		kid[i] = !sigma_may_work(s, key) ? NODE_FALSE :
		    is_said(above, sel, ydoc_text(s->y, key)) ? NODE_TRUE :
		    item_node(s, ydoc_text(s->y, key), key,
		    ydoc_value(s->y, node, i));
	}
	id = s->failed ? NODE_FALSE : program_and(s->p, kid, n);
	free(kid);
	return id;
}

static node_id
keyword_node(struct sigma *s, int node)
{
	const struct pred pr = { .flags = PRED_ANY_FIELD };
	const struct how h = { 0 };
	struct val v = sigma_scalar(s, node, false);

	if (v.type == VAL_NULL) {
		sigma_fail(s, node, "a keyword must not be null", SPAN_NONE);
		return NODE_FALSE;
	}
	return pred_of(s, node, pr, &h, &v);
}

static node_id
selection_node(struct sigma *s, int node)
{
	size_t n = ydoc_count(s->y, node);
	node_id *kid, id;

	switch (ydoc_type_of(s->y, node)) {
	case YAML_MAP:
		return map_node(s, node, NULL, NULL);
	case YAML_SCALAR:
		return keyword_node(s, node);
	case YAML_LIST:
		break;
	case YAML_NONE:
		sigma_fail(s, node, "empty selection", SPAN_NONE);
		return NODE_FALSE;
	}
	if ((kid = malloc(MAX_OF(n, (size_t)1) * sizeof(*kid))) == NULL)
		return NODE_FALSE;
	if (n == 0)
		sigma_fail(s, node, "empty selection", SPAN_NONE);
	for (size_t i = 0; i < n; i++) {
		int item = ydoc_item(s->y, node, i);

		kid[i] = NODE_FALSE;
		if (!sigma_may_work(s, item))
			break;
		if (ydoc_type_of(s->y, item) == YAML_MAP)
			kid[i] = map_node(s, item, NULL, NULL);
		else if (ydoc_type_of(s->y, item) == YAML_SCALAR)
			kid[i] = keyword_node(s, item);
		else
			sigma_fail(s, item, "a list in a list", SPAN_NONE);
	}
	id = s->failed ? NODE_FALSE : program_or(s->p, kid, n);
	free(kid);
	return id;
}

/* A selection that several documents have is the map of all their items, of
 * which the first document's go before. */
node_id
sigma_selection(struct sigma *s, struct selection *sel)
{
	const struct ydoc *y = s->y;
	struct selection *x;

	if (sel->done)
		return sel->id;
	s->y = sel->y;
	sel->id = selection_node(s, sel->node);
	for (x = sel->under; x != NULL && !s->failed; x = x->under) {
		node_id kid[2] = { sel->id, NODE_FALSE };

		s->y = x->y;
		kid[1] = map_node(s, x->node, sel, x);
		sel->id = program_and(s->p, kid, 2);
	}
	sel->done = true;
	program_name_node(s->p, sel->id, sel->name,
	    ydoc_line(sel->y, sel->node));
	if (!s->failed)
		s->y = y;
	return sel->id;
}

/* -- the log source ------------------------------------------------------ */

/* A condition of the log source: one of the values, whole. */
static node_id
source_node(struct sigma *s, const struct map_condition *c)
{
	node_id *kid = malloc(MAX_OF(c->n, (size_t)1) * sizeof(*kid)), id;
	size_t n = 0;

	if (kid == NULL) {
		sigma_fail(s, 0, "out of memory", SPAN_NONE);
		return NODE_FALSE;
	}
	for (size_t i = 0; i < c->n && sigma_may_work(s, 0); i++) {
		struct pred pr = { 0 };
		bool absent;

		pr.field = sigma_field(s, 0, c->field, true, &absent);
		set_text_op(&pr, fold_value(s, 0,
		    sigma_text(&s->tmp, c->value[i])));
		kid[n++] = program_pred(s->p, &pr);
	}
	id = s->failed ? NODE_FALSE : program_or(s->p, kid, n);
	free(kid);
	return id;
}

/* One of these fields at least, by their names in the event. */
static node_id
exists_node(struct sigma *s, const struct map_target *t)
{
	node_id id = NODE_FALSE;

	for (size_t i = 0; i < t->nexists && sigma_may_work(s, 0); i++) {
		struct pred pr = { .op = PRED_EXISTS };
		bool absent;
		node_id kid[2];

		pr.field = sigma_field(s, 0, t->exists[i], false, &absent);
		kid[0] = id;
		kid[1] = program_pred(s->p, &pr);
		id = program_or(s->p, kid, 2);
	}
	return id;
}

node_id
sigma_target(struct sigma *s)
{
	const struct map_target *t = s->target;
	node_id id = t->nexists == 0 ? NODE_TRUE : exists_node(s, t);

	for (size_t i = 0; i < t->nconditions && !s->failed; i++) {
		const node_id kid[2] = { id,
		    source_node(s, &t->condition[i]) };

		id = program_and(s->p, kid, 2);
	}
	return s->failed ? NODE_FALSE : id;
}
