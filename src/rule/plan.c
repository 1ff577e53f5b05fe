/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans: which rules look at an event, and what must be in it for them.
 *
 * For each variant a set of predicates is chosen of which one must hold for
 * the rule to be true: of an AND the best child's, of an OR all children's
 * together; negations and things that cannot be searched for give none, and
 * the variant is then evaluated for every event of its plan.
 */
#include <stdlib.h>

#include "rule.h"

/* -- what can be searched for -------------------------------------------- */

/* The longest stretch without wildcards. */
static struct span
longest_part(struct span s)
{
	struct span best = SPAN_NONE;
	size_t from = 0;

	for (size_t i = 0; i <= s.len; i++) {
		if (i != s.len && s.ptr[i] != WILD_MANY && s.ptr[i] != WILD_ONE)
			continue;
		if (i - from > best.len)
			best = span_sub(s, from, i - from);
		from = i + 1;
	}
	return best;
}

struct span
pred_literal(const struct pred *pr, enum lit_mode *mode)
{
	struct span s = pr->text;

	switch ((enum pred_op)pr->op) {
	case PRED_EQ: *mode = LIT_EQ; break;
	case PRED_CONTAINS: *mode = LIT_CONTAINS; break;
	case PRED_STARTS: *mode = LIT_STARTS; break;
	case PRED_ENDS: *mode = LIT_ENDS; break;
	case PRED_GLOB:
		*mode = LIT_CONTAINS;
		s = longest_part(s);
		break;
	case PRED_REGEX:
		*mode = LIT_CONTAINS;
		s = pr->need;
		break;
	default:
		return SPAN_NONE;
	}
	/* Texts are searched folded: a cased literal is compared later, and
	 * its folded form is not at hand here. */
	if ((pr->flags & PRED_CASED) != 0 || !literal_fits(s, *mode))
		return SPAN_NONE;
	return s;
}

/* Does finding the literal answer the predicate? */
static bool
is_exact(const struct pred *pr)
{
	enum lit_mode mode;
	struct span s = pred_literal(pr, &mode);

	return pr->op <= PRED_ENDS && (pr->flags & PRED_CASED) == 0 &&
	    (s.ptr != NULL || (pr->op == PRED_EQ && pr->text.len == 0));
}

static bool
is_whole_number(double d)
{
	return d >= 0 && d < 9e15 && d == (double)(uint64_t)d;
}

/*
 * What it costs to wait for a predicate: how often it will be there by
 * guess.  Long literals are rare, and what many rules name (\powershell.exe)
 * is common.  COST_NEVER: it cannot be searched for.
 */
#define COST_NEVER	UINT64_MAX
#define COST_NUMBER	100000u		/* an event id or provider narrows
					 * little behind the gate */
#define LEN_FULL	32u		/* longer is not rarer any more */

struct maker {
	struct program	*p;
	struct plan_key	*gate_key;	/* by gate */
	uint32_t	*gate_from;	/* by gate: first in gated */
	uint32_t	*gated;		/* variants */
	uint64_t	*memo;		/* by node: cost + 1; 0: not known */
	uint32_t	*popular;	/* by predicate: variants with it */
	uint32_t	*seen;		/* by node: variant that last came */
	uint32_t	*common;	/* grams of all texts */
	uint32_t	*covered;	/* by node: plan with its literals */
	bool		*asked;		/* by field, for the plan at hand */
};

static uint64_t
pred_cost(const struct maker *m, uint32_t id)
{
	const struct pred *pr = &m->p->pred[id];
	enum lit_mode mode;
	struct span s;

	if (pr->op == PRED_NUM_EQ)
		return pr->rel == PART_NONE && is_whole_number(pr->num) ?
		    COST_NUMBER : COST_NEVER;
	s = pred_literal(pr, &mode);
	if (s.ptr == NULL && !(pr->op == PRED_EQ && pr->text.len == 0))
		return COST_NEVER;
	if (pr->op == PRED_EQ && (pr->flags & PRED_CASED) != 0)
		return COST_NEVER;
	if (pr->field == FIELD_WIN_PROVIDER || pr->field == FIELD_WIN_CHANNEL)
		return COST_NUMBER;
	return ((uint64_t)m->popular[id] + 1) * 1024 /
	    MIN_OF(s.len + 1, (size_t)LEN_FULL);
}

/* Of an AND the cheapest child's, of an OR all children's together.
 * Recursion is bounded: conditions nest to RULE_DEPTH_MAX, and the nodes of a
 * selection to a few more. */
static uint64_t
cost_of(struct maker *m, node_id id)
{
	const struct node *n = &m->p->node[id];
	uint64_t cost = COST_NEVER, c;

	if (m->memo[id] != 0)
		return m->memo[id] == COST_NEVER ? COST_NEVER :
		    m->memo[id] - 1;
	switch ((enum node_type)n->type) {
	case NODE_PRED:
		cost = pred_cost(m, n->first);
		break;
	case NODE_AND:
		for (uint32_t i = 0; i < n->n; i++) {
			c = cost_of(m, m->p->kids[n->first + i]);
			cost = MIN_OF(cost, c);
		}
		break;
	case NODE_OR:
		cost = 0;
		for (uint32_t i = 0; i < n->n && cost != COST_NEVER; i++) {
			c = cost_of(m, m->p->kids[n->first + i]);
			if (c == COST_NEVER ||
			    __builtin_add_overflow(cost, c, &cost))
				cost = COST_NEVER;
		}
		break;
	case NODE_CONST:
	case NODE_NOT:
		break;
	}
	if (cost == COST_NEVER - 1)
		cost--;
	m->memo[id] = cost == COST_NEVER ? COST_NEVER : cost + 1;
	return cost;
}

/* How many variants have each predicate somewhere. */
static void
count_popular(struct maker *m, node_id id, uint32_t variant)
{
	const struct node *n = &m->p->node[id];

	if (m->seen[id] == variant + 1)
		return;
	m->seen[id] = variant + 1;
	if (n->type == NODE_PRED) {
		m->popular[n->first]++;
		return;
	}
	if (n->type != NODE_CONST)
		for (uint32_t i = 0; i < n->n; i++)
			count_popular(m, m->p->kids[n->first + i], variant);
}

struct pred_list {
	uint32_t	*p;
	uint32_t	 n;
	bool		 failed;
};

static void
push(struct pred_list *l, uint32_t pred)
{
	if ((l->n & (l->n - 1)) == 0) {
		uint32_t *q = realloc(l->p, (l->n == 0 ? 1 : (size_t)l->n * 2) *
		    sizeof(*q));

		if (q == NULL) {
			l->failed = true;
			return;
		}
		l->p = q;
	}
	l->p[l->n++] = pred;
}

static void
collect(struct maker *m, node_id id, struct pred_list *out)
{
	const struct node *n = &m->p->node[id];
	const node_id *kid = &m->p->kids[n->first];

	if (n->type == NODE_PRED) {
		push(out, n->first);
	} else if (n->type == NODE_OR) {
		for (uint32_t i = 0; i < n->n; i++)
			collect(m, kid[i], out);
	} else if (n->type == NODE_AND) {
		for (uint32_t i = 0; i < n->n; i++) {
			if (cost_of(m, kid[i]) == cost_of(m, id)) {
				collect(m, kid[i], out);
				return;
			}
		}
	}
}

/* -- event ids that a rule calls for ------------------------------------- */

/*
 * Most rules of a channel name their event ids in the condition.  Such a rule
 * gets a gate for each, so that events of other ids do not meet it.
 */
#define IDS_MAX		32u	/* of one rule; with more it stays wide */
/* What the wide rules of a channel may take up in the plans of its ids. */
#define SPREAD_MAX	(1u << 20)

struct ids {
	bool		any;		/* nothing is known */
	uint32_t	n;
	uint32_t	id[IDS_MAX];
};

static bool
ids_has(const struct ids *s, uint32_t id)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->id[i] == id)
			return true;
	return false;
}

static void
ids_add(struct ids *s, uint32_t id)
{
	if (s->any || ids_has(s, id))
		return;
	if (s->n == IDS_MAX)
		s->any = true;
	else
		s->id[s->n++] = id;
}

/* Of which one must be the event's for the node to be true.  Recursion as in
 * cost_of(). */
static void
ids_of(const struct program *p, node_id id, struct ids *out)
{
	const struct node *n = &p->node[id];
	const struct pred *pr = &p->pred[n->first];
	struct ids kid;

	*out = (struct ids){ .any = n->type != NODE_OR };
	if (n->type == NODE_PRED && pr->op == PRED_NUM_EQ &&
	    pr->field == FIELD_WIN_EVENT_ID && pr->rel == PART_NONE &&
	    is_whole_number(pr->num) && pr->num < GATE_ANY_ID) {
		out->any = false;
		ids_add(out, (uint32_t)pr->num);
	}
	if (n->type != NODE_AND && n->type != NODE_OR)
		return;
	for (uint32_t i = 0; i < n->n; i++) {
		ids_of(p, p->kids[n->first + i], &kid);
		if (n->type == NODE_AND) {
			if (!kid.any && (out->any || kid.n < out->n))
				*out = kid;
			continue;
		}
		out->any |= kid.any;
		for (uint32_t k = 0; k < kid.n; k++)
			ids_add(out, kid.id[k]);
	}
}

/* Which gates keep their rules wide, because there are too many of both. */
static bool *
find_crowded(const struct program *p, const struct ids *ids)
{
	bool *crowded = calloc((size_t)p->ngates + 1, sizeof(*crowded));
	uint32_t *wide = calloc((size_t)p->ngates + 1, sizeof(*wide));
	uint32_t *other = calloc((size_t)p->ngates + 1, sizeof(*other));
	struct table *seen = table_new(sizeof(uint64_t), 1, 1u << 20);

	for (uint32_t i = 0; crowded != NULL && wide != NULL &&
	    other != NULL && seen != NULL && i < p->nvariants; i++) {
		uint32_t g = p->variant[i].gate;

		wide[g] += ids[i].any;
		for (uint32_t k = 0; !ids[i].any && k < ids[i].n; k++) {
			uint64_t key = (uint64_t)g << 32 | ids[i].id[k];
			bool made;

			if (table_put(seen, &key, &made) == NULL || made)
				other[g]++;
		}
		crowded[g] = (uint64_t)wide[g] * other[g] > SPREAD_MAX;
	}
	if (wide == NULL || other == NULL || seen == NULL) {
		free(crowded);
		crowded = NULL;
	}
	free(wide);
	free(other);
	table_free(seen);
	return crowded;
}

static bool
add_narrow(struct program *p, const struct variant *v, const struct ids *ids,
    struct variant **list, uint32_t *n)
{
	for (uint32_t k = 0; k < MAX_OF(ids->n, 1u); k++) {
		struct gate g = p->gate[v->gate];
		struct variant *q = *list;

		if ((*n & (*n - 1)) == 0) {
			q = realloc(q, (*n == 0 ? 1 : (size_t)*n * 2) *
			    sizeof(*q));
			if (q == NULL)
				return false;
			*list = q;
		}
		q[*n] = *v;
		if (ids->n != 0) {
			g.event_id = ids->id[k];
			q[*n].gate = program_gate(p, &g);
			q[*n].narrowed = true;
		}
		++*n;
	}
	return true;
}

static bool
narrow(struct maker *m)
{
	struct program *p = m->p;
	struct ids *ids = calloc((size_t)p->nvariants + 1, sizeof(*ids));
	const struct ids none = { .any = true };
	struct variant *list = NULL;
	uint32_t n = 0;
	bool *crowded, ok = ids != NULL;

	for (uint32_t i = 0; i < p->nvariants && ok; i++) {
		const struct gate *g = &p->gate[p->variant[i].gate];

		ids[i].any = true;
		if (g->kind == KIND_WINEVENT && g->channel.len != 0 &&
		    g->event_id == GATE_ANY_ID)
			ids_of(p, p->variant[i].root, &ids[i]);
	}
	crowded = ok ? find_crowded(p, ids) : NULL;
	ok = crowded != NULL;
	for (uint32_t i = 0; i < p->nvariants && ok; i++)
		ok = add_narrow(p, &p->variant[i], ids[i].any ||
		    crowded[p->variant[i].gate] ? &none : &ids[i], &list, &n);
	free(ids);
	free(crowded);
	if (!ok) {
		free(list);
		return false;
	}
	free(p->variant);
	p->variant = list;
	p->nvariants = n;
	return !p->full;
}

/* -- plans --------------------------------------------------------------- */

static struct plan *
new_plan(struct program *p)
{
	struct plan *q;

	if ((p->nplans & (p->nplans - 1)) == 0) {
		q = realloc(p->plan, (p->nplans == 0 ? 1 :
		    (size_t)p->nplans * 2) * sizeof(*q));
		if (q == NULL)
			return NULL;
		p->plan = q;
	}
	q = &p->plan[p->nplans++];
	memset(q, 0, sizeof(*q));
	return q;
}

static int
need_cmp(const void *a, const void *b)
{
	const struct need *x = a, *y = b;

	if (x->pred != y->pred)
		return x->pred < y->pred ? -1 : 1;
	return x->variant < y->variant ? -1 : x->variant > y->variant;
}

static bool
add_needs(struct maker *m, struct plan *l, uint32_t variant,
    struct pred_list *list, uint32_t *size)
{
	node_id root = m->p->variant[variant].root;

	if (cost_of(m, root) == COST_NEVER) {
		l->always[l->nalways++] = variant;
		return true;
	}
	list->n = 0;
	collect(m, root, list);
	for (uint32_t i = 0; i < list->n; i++) {
		if (l->nneeds == *size) {
			uint32_t n = *size == 0 ? 256 : *size * 2;
			struct need *q = realloc(l->need, n * sizeof(*q));

			if (q == NULL)
				return false;
			l->need = q;
			*size = n;
		}
		l->need[l->nneeds++] = (struct need){ list->p[i], variant };
	}
	return !list->failed;
}

static struct plan_field *
field_of(struct plan *l, uint16_t field)
{
	for (uint32_t i = 0; i < l->nfields; i++)
		if (l->field[i].field == field)
			return &l->field[i];
	if ((l->nfields & (l->nfields - 1)) == 0) {
		struct plan_field *q = realloc(l->field,
		    (l->nfields == 0 ? 1 : l->nfields * 2) * sizeof(*q));

		if (q == NULL)
			return NULL;
		l->field = q;
	}
	l->field[l->nfields] = (struct plan_field){ .field = field };
	return &l->field[l->nfields++];
}

/*
 * Could the literal stand in what value_put() makes of anything but text:
 * numbers, times (T, Z), addresses, GUIDs, SIDs (S-1-), true and false?
 */
static bool
is_odd(struct span s)
{
	if (span_find(SPAN_LIT("true false"), s) != SPAN_NPOS)
		return true;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		uint8_t next = i + 1 < s.len ? s.ptr[i + 1] : '0';

		if (ascii_hex(c) < 0 && strchr("-:.{}stxz", c) == NULL)
			return false;
		/* s and x begin something, t goes between digits. */
		if ((c == 's' && next != '-') ||
		    ((c == 'x' || c == 't') && ascii_hex(next) < 0))
			return false;
	}
	return true;
}

static bool
add_literal(struct program *p, struct plan *l, uint32_t id)
{
	const struct pred *pr = &p->pred[id];
	struct plan_field *f = field_of(l, (pr->flags & PRED_ANY_FIELD) != 0 ?
	    FIELD_OTHER : pr->field);
	struct literals **set;
	enum lit_mode mode = LIT_EQ;
	struct span text;

	if (f == NULL)
		return false;
	set = pr->op == PRED_NUM_EQ ? &f->num : &f->text;
	if (*set == NULL && (*set = literals_new()) == NULL)
		return false;
	if (pr->op == PRED_NUM_EQ) {
		struct buf b;

		buf_init(&b, 32);
		buf_put_u64(&b, (uint64_t)pr->num);
		text = arena_copy(&p->arena, buf_view(&b));
		buf_fini(&b);
	} else {
		text = pred_literal(pr, &mode);
		f->odd |= is_odd(text);
	}
	return literals_add(*set, text, mode, id);
}

static bool
is_needed(const struct plan *l, uint32_t pred)
{
	uint32_t lo = 0, hi = l->nneeds;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (l->need[mid].pred < pred)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->nneeds && l->need[lo].pred == pred;
}

static bool
index_fields(struct maker *m, struct plan *l)
{
	l->asked = calloc(FIELD_MAX / 64, sizeof(*l->asked));
	if (l->asked == NULL)
		return false;
	for (unsigned id = 0; id < FIELD_MAX; id++) {
		unsigned as = m->p->means[id];

		/* For enqueue_odd(): an EventID in the data. */
		if (m->asked[as] || (as == FIELD_WIN_EVENT_ID && as != id))
			l->asked[id / 64] |= UINT64_C(1) << id % 64;
	}
	l->asked[FIELD_OTHER / 64] &= ~(UINT64_C(1) << FIELD_OTHER % 64);
	if (l->nfields == 0)
		return true;
	l->field_at = calloc(FIELD_MAX, sizeof(*l->field_at));
	if (l->field_at == NULL)
		return false;
	for (uint32_t i = 0; i < l->nfields; i++)
		l->field_at[l->field[i].field] = (uint16_t)(i + 1);
	return true;
}

static bool
index_needs(struct plan *l)
{
	uint32_t size = 8;

	while (size < l->nneeds * 2)
		size *= 2;
	l->need_mask = size - 1;
	l->need_at = calloc(size, sizeof(*l->need_at));
	if (l->need_at == NULL)
		return false;
	for (uint32_t i = 0; i < l->nneeds; i++) {
		uint32_t h = (uint32_t)hash_mix(l->need[i].pred);

		if (i != 0 && l->need[i].pred == l->need[i - 1].pred)
			continue;
		while (l->need_at[h & l->need_mask] != 0)
			h++;
		l->need_at[h & l->need_mask] = i + 1;
	}
	return true;
}

static bool
finish_field(struct maker *m, struct plan *l, uint32_t i)
{
	struct plan_field f = l->field[i];

	if ((f.text != NULL && !literals_finish(f.text, m->common)) ||
	    (f.num != NULL && !literals_finish(f.num, m->common)))
		return false;
	if (f.field == FIELD_OTHER) {
		f.shortest = f.num != NULL ? 0 : (uint32_t)MIN_OF(
		    literals_shortest(f.text), (size_t)UINT32_MAX);
		l->field[i] = l->field[0];
		l->field[0] = f;
	}
	return true;
}

/*
 * Predicates that finding their literal answers are all searched for, needed
 * or not, in the one pass over their field: then none has to be asked again.
 */
static bool
cover(struct maker *m, struct plan *l, node_id id)
{
	const struct node *n = &m->p->node[id];
	const uint32_t stamp = (uint32_t)(l - m->p->plan) + 1;
	bool ok = true;

	if (n->type == NODE_CONST || m->covered[id] == stamp)
		return true;
	m->covered[id] = stamp;
	if (n->type == NODE_PRED) {
		m->asked[m->p->pred[n->first].field] = true;
		m->asked[m->p->pred[n->first].other] = true;
		return !m->p->pred[n->first].exact ||
		    is_needed(l, n->first) ||
		    add_literal(m->p, l, n->first);
	}
	for (uint32_t i = 0; i < n->n && ok; i++)
		ok = cover(m, l, m->p->kids[n->first + i]);
	return ok;
}

/* From the variants that are in it: literals and needs. */
static bool
fill_plan(struct maker *m, struct plan *l)
{
	struct pred_list list = { NULL, 0, false };
	uint32_t size = 0;
	bool ok = true;

	l->always = malloc(MAX_OF(l->nvariants, 1u) * sizeof(*l->always));
	if (l->always == NULL)
		return false;
	for (uint32_t i = 0; i < l->nvariants && ok; i++)
		ok = add_needs(m, l, l->variant[i], &list, &size);
	free(list.p);
	if (!ok)
		return false;
	if (l->nneeds > 1)
		qsort(l->need, l->nneeds, sizeof(*l->need), need_cmp);
	for (uint32_t i = 0; i < l->nneeds && ok; i++)
		if (i == 0 || l->need[i].pred != l->need[i - 1].pred)
			ok = add_literal(m->p, l, l->need[i].pred);
	memset(m->asked, 0, FIELD_MAX * sizeof(*m->asked));
	for (uint32_t i = 0; i < l->nvariants && ok; i++)
		ok = cover(m, l, m->p->variant[l->variant[i]].root);
	for (uint32_t i = 0; i < l->nfields && ok; i++)
		ok = finish_field(m, l, i);
	return ok && index_needs(l) && index_fields(m, l);
}

static struct plan_key
key_of_gate(const struct gate *g)
{
	return (struct plan_key){
		g->channel.len == 0 ? 0 :
		    hash_bytes(g->channel.ptr, g->channel.len, 31),
		g->event_id
	};
}

/* Does a gate let the events of a plan's key through? */
static bool
gate_covers(struct plan_key own, struct plan_key key)
{
	return (own.channel == 0 || own.channel == key.channel) &&
	    (own.id == GATE_ANY_ID || own.id == key.id);
}

static int
by_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool
make_plan(struct maker *m, enum kind kind, struct plan_key key, uint32_t *out)
{
	struct program *p = m->p;
	struct plan *l = new_plan(p);
	uint32_t n = 0;

	if (l == NULL)
		return false;
	*out = p->nplans - 1;
	for (int fill = 0; fill < 2; fill++) {
		n = 0;
		for (uint32_t g = 0; g < p->ngates; g++) {
			uint32_t from = m->gate_from[g];
			uint32_t len = m->gate_from[g + 1] - from;

			if (p->gate[g].kind != kind ||
			    (kind == KIND_WINEVENT &&
			    !gate_covers(m->gate_key[g], key)))
				continue;
			if (fill)
				memcpy(l->variant + n, m->gated + from,
				    len * sizeof(*l->variant));
			n += len;
		}
		if (!fill && (l->variant = calloc(MAX_OF(n, 1u),
		    sizeof(*l->variant))) == NULL)
			return false;
	}
	l->nvariants = n;
	qsort(l->variant, n, sizeof(*l->variant), by_order);
	return fill_plan(m, l);
}

/* The variants of each gate, one gate behind the other. */
static bool
sort_by_gate(struct maker *m)
{
	struct program *p = m->p;
	uint32_t *at;

	m->gate_key = calloc((size_t)p->ngates + 1, sizeof(*m->gate_key));
	m->gate_from = calloc((size_t)p->ngates + 1, sizeof(*m->gate_from));
	m->gated = calloc((size_t)p->nvariants + 1, sizeof(*m->gated));
	at = calloc((size_t)p->ngates + 1, sizeof(*at));
	if (m->gate_key == NULL || m->gate_from == NULL || m->gated == NULL ||
	    at == NULL) {
		free(at);
		return false;
	}
	for (uint32_t i = 0; i < p->nvariants; i++)
		m->gate_from[p->variant[i].gate + 1]++;
	for (uint32_t g = 0; g < p->ngates; g++) {
		m->gate_from[g + 1] += m->gate_from[g];
		at[g] = m->gate_from[g];
		m->gate_key[g] = key_of_gate(&p->gate[g]);
	}
	for (uint32_t i = 0; i < p->nvariants; i++)
		m->gated[at[p->variant[i].gate]++] = i;
	free(at);
	return true;
}

/* The plan of a key, made if there is none yet. */
static bool
put_plan(struct maker *m, struct plan_key key)
{
	bool made;
	uint32_t plan, *at = table_put(m->p->plan_ids, &key, &made);

	if (at == NULL)
		return false;
	if (!made)
		return true;
	if (!make_plan(m, KIND_WINEVENT, key, &plan))
		return false;
	*at = plan;
	return true;
}

/* An id that is wanted in every channel has a plan in each. */
static bool
put_wide_id(struct maker *m, uint64_t id)
{
	struct program *p = m->p;

	if (id == GATE_ANY_ID)
		return true;
	for (uint32_t i = 0; i < p->ngates; i++) {
		struct plan_key key = key_of_gate(&p->gate[i]);

		key.id = id;
		if (p->gate[i].kind == KIND_WINEVENT && !put_plan(m, key))
			return false;
	}
	return true;
}

/* A plan for each gate of Windows events, and for each channel alone. */
static bool
make_win_plans(struct maker *m)
{
	struct program *p = m->p;
	const struct plan_key any = { 0, GATE_ANY_ID };
	bool ok = make_plan(m, KIND_WINEVENT, any, &p->win_default);

	for (uint32_t i = 0; i < p->ngates && ok; i++) {
		struct plan_key key = key_of_gate(&p->gate[i]);

		if (p->gate[i].kind != KIND_WINEVENT)
			continue;
		if (key.channel == 0) {
			ok = put_wide_id(m, key.id);
			continue;
		}
		ok = put_plan(m, key);
		key.id = GATE_ANY_ID;
		ok = ok && put_plan(m, key);
	}
	return ok;
}

/* -- order of questions -------------------------------------------------- */

/* About what it takes to answer, compared with one comparison. */
static uint32_t
effort_of_pred(const struct pred *pr)
{
	uint32_t all = (pr->flags & PRED_ANY_FIELD) != 0 ? 20 : 1;

	if (pr->exact)
		return 1;	/* the search has answered it */
	switch ((enum pred_op)pr->op) {
	case PRED_CONTAINS: return 4 * all;
	case PRED_CIDR: return 6 * all;
	case PRED_GLOB: return 8 * all;
	case PRED_REGEX: return (pr->need.len != 0 ? 8u : 40u) * all;
	default: return all;
	}
}

#define EFFORT_MOST	1000000u

struct ordered {
	uint32_t	effort;
	node_id		id;
};

static int
ordered_cmp(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->effort != y->effort)
		return x->effort < y->effort ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/*
 * Easy questions first: the children of every AND and OR by effort.  Nodes
 * are made after their children, so one pass in order of ids is enough.  It
 * also tells the predicates' nodes which are exact.
 */
static bool
order_kids(struct program *p)
{
	uint32_t *effort = calloc(p->nnodes, sizeof(*effort));
	struct ordered *list = NULL;
	uint32_t size = 0;

	if (effort == NULL)
		return false;
	for (node_id id = 0; id < p->nnodes; id++) {
		struct node *n = &p->node[id];
		node_id *kid = &p->kids[n->first];
		uint64_t sum = 1;

		if (n->type == NODE_PRED) {
			sum = effort_of_pred(&p->pred[n->first]);
			n->n = p->pred[n->first].exact;
		}
		if (n->type == NODE_PRED || n->type == NODE_CONST) {
			effort[id] = (uint32_t)sum;
			continue;
		}
		if (n->n > size) {
			free(list);
			size = n->n * 2;
			if ((list = malloc(size * sizeof(*list))) == NULL)
				break;
		}
		for (uint32_t i = 0; i < n->n; i++) {
			list[i] = (struct ordered){ effort[kid[i]], kid[i] };
			sum += effort[kid[i]];
		}
		if (n->n > 1)
			qsort(list, n->n, sizeof(*list), ordered_cmp);
		for (uint32_t i = 0; i < n->n; i++)
			kid[i] = list[i].id;
		effort[id] = (uint32_t)MIN_OF(sum, (uint64_t)EFFORT_MOST);
	}
	free(effort);
	free(list);
	return list != NULL || size == 0;
}

bool
program_finish(struct program *p)
{
	struct maker m = { .p = p };
	bool ok, used[KIND_COUNT] = { false };

	ASSERT(!p->finished);
	if (!rules_finish(p))
		return false;
	m.memo = calloc(p->nnodes, sizeof(*m.memo));
	m.seen = calloc(p->nnodes, sizeof(*m.seen));
	m.covered = calloc(p->nnodes, sizeof(*m.covered));
	m.popular = calloc((size_t)p->npreds + 1, sizeof(*m.popular));
	m.asked = calloc(FIELD_MAX, sizeof(*m.asked));
	m.common = grams_new();
	ok = m.asked != NULL && m.memo != NULL && m.seen != NULL &&
	    m.covered != NULL && m.popular != NULL && m.common != NULL;
	for (uint32_t i = 0; i < p->npreds && ok; i++) {
		p->pred[i].exact = is_exact(&p->pred[i]);
		grams_count(m.common, p->pred[i].text);
	}
	for (uint32_t i = 0; i < p->nvariants && ok; i++)
		count_popular(&m, p->variant[i].root, i);
	ok = ok && narrow(&m) && sort_by_gate(&m);
	for (uint32_t i = 0; i < p->ngates; i++)
		used[p->gate[i].kind] = true;
	ok = ok && make_win_plans(&m);
	for (unsigned k = 0; k < KIND_COUNT && ok; k++) {
		p->kind_plan[k] = NO_PLAN;
		if (used[k] && k != KIND_WINEVENT)
			ok = make_plan(&m, k, (struct plan_key){ 0, 0 },
			    &p->kind_plan[k]);
	}
	free(m.memo);
	free(m.seen);
	free(m.covered);
	free(m.common);
	free(m.asked);
	free(m.gate_key);
	free(m.gate_from);
	free(m.gated);
	free(m.popular);
	ok = ok && order_kids(p);
	p->finished = ok;
	return ok && !p->full;
}

void
program_demand(const struct program *p, struct demand *d)
{
	for (uint32_t i = 0; i < p->ngates; i++)
		demand_kind(d, p->gate[i].kind);
	if (p->ngates != 0) {
		demand_field(d, FIELD_WIN_CHANNEL);
		demand_field(d, FIELD_WIN_EVENT_ID);
		demand_field(d, FIELD_WIN_PROVIDER);
		demand_field(d, FIELD_WIN_COMPUTER);
	}
	for (unsigned i = 0; i < FIELD_MAX; i++)
		if (p->means[i] != i && p->ngates != 0)
			demand_field(d, i);
	ioc_set_demand(p->iocs, d);
	corr_demand(p, d);
	for (uint32_t i = 0; i < p->npreds; i++) {
		const struct pred *pr = &p->pred[i];

		if ((pr->flags & PRED_ANY_FIELD) != 0) {
			memset(d->field, 1, sizeof(d->field));
			d->others = true;
			return;
		}
		demand_field(d, pr->field);
		if (pr->op == PRED_FIELD)
			demand_field(d, pr->other);
	}
}
