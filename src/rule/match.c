/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching one event against the program.
 *
 * An event's fields are put in slots by id; the plan's fields are searched
 * once, folded; what is found queues the rules that need it; those are
 * evaluated, predicates once an event.
 *
 * A value in UTF-16 is narrowed and folded on its way into the scratch buffer
 * in one pass; nothing else is copied.
 *
 * Events of one kind repeat most of their values (accounts, hosts, programs):
 * what the search found in a short value is remembered by the value's bytes,
 * MEMO_SIZE of them, so that most are neither folded nor searched again.
 */
#include <math.h>
#include <stdlib.h>

#include "codec.h"
#include "rule.h"

struct slot {			/* few bytes: there is one for each id */
	uint32_t	epoch;
	uint32_t	at;		/* which field of the event */
};

/* A field of the event, folded. */
struct fold {
	uint32_t	epoch;
	uint32_t	at, len;	/* in text */
};

struct verdict {
	uint32_t	epoch;
	bool		yes;
};

/* What the search of one value found. */
#define MEMO_SIZE	1024u		/* a power of two; stays in the L2 */
#define MEMO_HITS	8u
#define MEMO_BYTES	208u
struct memo {
	const struct plan_field *of;	/* NULL: free */
	uint16_t	len;
	uint8_t		type;		/* VT_STR or VT_WSTR */
	uint8_t		nhits;		/* MEMO_MANY: not to be used */
	uint32_t	hit[MEMO_HITS];	/* predicates */
	uint8_t		bytes[MEMO_BYTES];
};
#define MEMO_MANY	UINT8_MAX

struct matcher {
	const struct program *p;
	const struct event *e;
	const struct plan *plan;
	uint32_t	 epoch;
	struct slot	*slot;		/* by field id */
	struct fold	*fold;		/* by field of the event */
	struct verdict	*pred;		/* by predicate */
	struct verdict	*node;		/* by node: AND and OR */
	bool		 searched;	/* literals that are there are known */
	uint16_t	*asked;		/* which fields have slots */
	uint32_t	 nasked;
	uint32_t	*queued;	/* by variant: epoch */
	uint32_t	*queue;
	uint32_t	 nqueue;
	struct regex	**regex;	/* by predicate, made when needed */
	struct buf	 text;		/* folded fields of the event */
	struct buf	 raw;		/* one value as it is */
	struct memo	*memo;
	struct memo	*learning;	/* of the value at hand; or NULL */
};

struct matcher *
matcher_new(const struct program *p)
{
	struct matcher *m = calloc(1, sizeof(*m));

	ASSERT(p->finished);
	if (m == NULL)
		return NULL;
	m->p = p;
	buf_init(&m->text, 64u << 20);
	buf_init(&m->raw, 64u << 20);
	m->slot = calloc(FIELD_MAX, sizeof(*m->slot));
	m->fold = calloc(EVENT_FIELDS_MAX, sizeof(*m->fold));
	m->asked = calloc(EVENT_FIELDS_MAX, sizeof(*m->asked));
	m->pred = calloc((size_t)p->npreds + 1, sizeof(*m->pred));
	m->node = calloc((size_t)p->nnodes + 1, sizeof(*m->node));
	m->regex = calloc((size_t)p->npreds + 1, sizeof(*m->regex));
	m->queued = calloc((size_t)p->nvariants + 1, sizeof(*m->queued));
	m->queue = calloc((size_t)p->nvariants + 1, sizeof(*m->queue));
	m->memo = calloc(MEMO_SIZE, sizeof(*m->memo));
	if (m->slot == NULL || m->fold == NULL || m->asked == NULL ||
	    m->pred == NULL || m->node == NULL || m->regex == NULL ||
	    m->queued == NULL || m->queue == NULL || m->memo == NULL) {
		matcher_free(m);
		return NULL;
	}
	return m;
}

void
matcher_free(struct matcher *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; m->regex != NULL && i < m->p->npreds; i++)
		regex_free(m->regex[i]);
	free(m->slot);
	free(m->fold);
	free(m->asked);
	free(m->pred);
	free(m->node);
	free(m->regex);
	free(m->queued);
	free(m->queue);
	free(m->memo);
	buf_fini(&m->text);
	buf_fini(&m->raw);
	free(m);
}

/* -- text of values ------------------------------------------------------ */

/* Appends the folded text of a value that is no list. */
static struct span
put_folded(struct matcher *m, const struct value *v)
{
	struct buf *b = &m->text;
	size_t from = b->len;
	uint8_t *d;

	if (v->type == VT_WSTR) {
		if ((d = buf_room(b, v->len / 2u + 1)) == NULL)
			return SPAN_NONE;
		if (utf16_lower_ascii(span_of(v->ptr, v->len), d)) {
			b->len += v->len / 2;
			return span_of(b->ptr + from, b->len - from);
		}
	}
	if (v->type == VT_STR) {
		if ((d = buf_room(b, FOLD_ROOM((size_t)v->len))) == NULL)
			return SPAN_NONE;
		b->len += fold_text(span_of(v->ptr, v->len), d);
		return span_of(b->ptr + from, b->len - from);
	}
	buf_reset(&m->raw);
	value_put(&m->raw, v);
	if ((d = buf_room(b, FOLD_ROOM(m->raw.len))) == NULL)
		return SPAN_NONE;
	b->len += fold_text(buf_view(&m->raw), d);
	return span_of(b->ptr + from, b->len - from);
}

/* The folded text of a field of the event, made once. */
static struct span
folded(struct matcher *m, uint32_t field)
{
	struct fold *f = &m->fold[field];

	if (f->epoch != m->epoch) {
		struct span t = put_folded(m, &m->e->fields[field].v);

		f->epoch = m->epoch;
		f->at = t.ptr == NULL ? 0 : (uint32_t)(t.ptr - m->text.ptr);
		f->len = (uint32_t)t.len;
	}
	return span_of(m->text.ptr + f->at, f->len);
}

static struct span
raw_text(struct matcher *m, const struct value *v)
{
	if (v->type == VT_STR)
		return span_of(v->ptr, v->len);
	buf_reset(&m->raw);
	value_put(&m->raw, v);
	return buf_view(&m->raw);
}

/* -- predicates ---------------------------------------------------------- */

static size_t
rune_len(struct span s)
{
	size_t n = 1;

	while (n < s.len && n < 4 && (s.ptr[n] & 0xc0) == 0x80)
		n++;
	return (s.ptr[0] & 0x80) == 0 ? 1 : n;
}

/* Up to the next wildcard, from p on. */
static struct span
glob_part(struct span pat, size_t p)
{
	size_t n = p;

	while (n < pat.len && pat.ptr[n] != WILD_MANY && pat.ptr[n] != WILD_ONE)
		n++;
	return span_sub(pat, p, n - p);
}

/* Anchored at both ends.  Goes back to the last star only, and there on to the
 * next place where the part behind it stands, so the cost is pattern times
 * text at most. */
bool
glob_match(struct span pat, struct span text)
{
	size_t p = 0, t = 0, star = SPAN_NPOS, mark = 0, at;
	struct span part = SPAN_NONE;

	for (;;) {
		if (p < pat.len && pat.ptr[p] == WILD_MANY) {
			star = p++;
			mark = t;
			part = glob_part(pat, p);
			if (p + part.len == pat.len)
				return span_ends(span_sub(text, t, SIZE_MAX),
				    part);
		} else if (t == text.len) {
			return p == pat.len;
		} else if (p < pat.len && pat.ptr[p] == WILD_ONE) {
			p++;
			t += rune_len(span_sub(text, t, SIZE_MAX));
			continue;
		} else if (p < pat.len && pat.ptr[p] == text.ptr[t]) {
			p++;
			t++;
			continue;
		} else if (star != SPAN_NPOS) {
			mark++;
		} else {
			return false;
		}
		at = span_find(span_sub(text, mark, SIZE_MAX), part);
		if (at == SPAN_NPOS)
			return false;
		mark += at;
		p = star + 1 + part.len;
		t = mark + part.len;
	}
}

static bool
text_holds(unsigned op, struct span text, struct span what)
{
	switch (op) {
	case PRED_EQ: return span_eq(text, what);
	case PRED_CONTAINS: return span_find(text, what) != SPAN_NPOS;
	case PRED_STARTS: return span_starts(text, what);
	case PRED_ENDS: return span_ends(text, what);
	case PRED_GLOB: return glob_match(what, text);
	default: return false;
	}
}

/* "10.0.0.0/8", "fe80::/10"; a v4 net is seen as ::ffff:0:0/96 + bits. */
bool
net_has(struct span net, struct span text)
{
	size_t slash = span_find_byte(net, '/');
	struct addr a, n;
	uint64_t bits = 128;

	if (!addr_parse(span_sub(net, 0, slash), &n) ||
	    !addr_parse(text, &a))
		return false;
	if (slash != SPAN_NPOS) {
		if (!span_u64(span_sub(net, slash + 1, SIZE_MAX), &bits))
			return false;
		if (span_find_byte(net, ':') == SPAN_NPOS)
			bits += 96;
	}
	if (bits > 128)
		return false;
	for (unsigned i = 0; i < 16 && bits != 0; i++) {
		unsigned k = bits >= 8 ? 8 : (unsigned)bits;

		if (((a.b[i] ^ n.b[i]) >> (8 - k)) != 0)
			return false;
		bits -= k;
	}
	return true;
}

static bool
time_part(const struct value *v, struct span text, unsigned part, double *out)
{
	int64_t t = v->i64, days, jan1, year;
	struct buf b;
	uint64_t n = 0;

	if (v->type != VT_TIME && !time_parse(text, &t))
		return false;
	days = t / (86400 * NSEC) - (t % (86400 * NSEC) < 0);
	buf_init(&b, 64);
	time_put(&b, t);
	year = 1970;
	if (b.len >= 19 && span_u64(span_of(b.ptr, 4), &n))
		year = (int64_t)n;
	switch (part) {
	case PART_MINUTE: span_u64(span_of(b.ptr + 14, 2), &n); break;
	case PART_HOUR: span_u64(span_of(b.ptr + 11, 2), &n); break;
	case PART_DAY: span_u64(span_of(b.ptr + 8, 2), &n); break;
	case PART_MONTH: span_u64(span_of(b.ptr + 5, 2), &n); break;
	case PART_WEEK:
		/* ISO 8601: the week of the year's first Thursday is 1. */
		days += 3 - (days + 3) % 7;	/* this week's Thursday */
		for (jan1 = time_days(year, 1, 1); days < jan1;)
			jan1 = time_days(--year, 1, 1);
		while (days >= time_days(year + 1, 1, 1))
			jan1 = time_days(++year, 1, 1);
		n = (uint64_t)((days - jan1) / 7 + 1);
		break;
	default:
		break;
	}
	buf_fini(&b);
	*out = (double)n;
	return true;
}

static bool
as_number(const struct value *v, struct span text, double *out)
{
	uint64_t n;
	char tmp[64], *end;

	if (value_u64(v, &n)) {
		*out = (double)n;
		return true;
	}
	if (v->type == VT_I64) {
		*out = (double)v->i64;
		return true;
	}
	if (v->type == VT_F64) {
		*out = v->f64;
		return true;
	}
	text = span_trim(text);
	if (text.len == 0 || text.len >= sizeof(tmp))
		return false;
	memcpy(tmp, text.ptr, text.len);
	tmp[text.len] = '\0';
	*out = strtod(tmp, &end);
	/* It takes words as well: nan, infinity. */
	return *end == '\0' && isfinite(*out);
}

/* Needs no text to be compared with a number. */
static bool
is_number(const struct value *v)
{
	return v->type == VT_U64 || v->type == VT_I64 || v->type == VT_HEX ||
	    v->type == VT_F64;
}

static bool
number_holds(const struct pred *pr, const struct value *v, struct span text)
{
	double d = 0;

	if (pr->rel != PART_NONE ? !time_part(v, text, pr->rel, &d) :
	    !as_number(v, text, &d))
		return false;
	switch ((enum pred_op)pr->op) {
	case PRED_NUM_EQ: return d == pr->num;
	case PRED_NUM_GT: return d > pr->num;
	case PRED_NUM_GTE: return d >= pr->num;
	case PRED_NUM_LT: return d < pr->num;
	default: return d <= pr->num;
	}
}

/* fold: the folded text; the expression is made when first something in a
 * text calls for it. */
static bool
regex_holds(struct matcher *m, uint32_t id, struct span text,
    struct span fold)
{
	const struct pred *pr = &m->p->pred[id];

	if (span_find(fold, pr->need) == SPAN_NPOS)
		return false;
	if (m->regex[id] == NULL)
		m->regex[id] = regex_new(pr->text, pr->flags);
	return m->regex[id] != NULL && regex_match(m->regex[id], text);
}

/* One value that is no list; fold is its folded text if there is one. */
static bool
value_holds(struct matcher *m, uint32_t id, const struct value *v,
    const struct span *fold)
{
	const struct pred *pr = &m->p->pred[id];
	struct span t = SPAN_NONE;

	switch ((enum pred_op)pr->op) {
	case PRED_EQ:
	case PRED_CONTAINS:
	case PRED_STARTS:
	case PRED_ENDS:
	case PRED_GLOB:
		if ((pr->flags & PRED_CASED) != 0)
			return text_holds(pr->op, raw_text(m, v), pr->text);
		return text_holds(pr->op, fold != NULL ? *fold :
		    put_folded(m, v), pr->text);
	case PRED_REGEX:
		if (pr->need.len != 0)
			t = fold != NULL ? *fold : put_folded(m, v);
		return regex_holds(m, id, raw_text(m, v), t);
	case PRED_CIDR:
		return net_has(pr->text, raw_text(m, v));
	case PRED_NUM_EQ:
	case PRED_NUM_GT:
	case PRED_NUM_GTE:
	case PRED_NUM_LT:
	case PRED_NUM_LTE:
		return number_holds(pr, v, is_number(v) ? SPAN_NONE :
		    raw_text(m, v));
	default:
		return false;
	}
}

/* Which field of the event has the id; NO_FIELD: none. */
#define NO_FIELD	UINT32_MAX

static uint32_t
field_of(const struct matcher *m, unsigned id)
{
	const struct slot *s = &m->slot[id];

	return id != FIELD_OTHER && s->epoch == m->epoch ? s->at : NO_FIELD;
}

static const struct value *
value_of(const struct matcher *m, uint32_t field)
{
	return &m->e->fields[field].v;
}

static bool
any_value(struct matcher *m, uint32_t id, const struct value *v,
    const struct span *fold)
{
	const struct value *items = v->ptr;
	const size_t keep = m->text.len;
	bool yes = false;

	if (v->type != VT_LIST)
		yes = value_holds(m, id, v, fold);
	else
		for (uint32_t i = 0; i < v->len && !yes; i++)
			yes = items[i].type != VT_LIST &&
			    value_holds(m, id, &items[i], NULL);
	m->text.len = keep;	/* what was folded for this question alone */
	return yes;
}

/* Two values with their case, behind the folded ones. */
static bool
cased_relate(struct matcher *m, unsigned rel, const struct value *a,
    const struct value *b)
{
	const size_t keep = m->text.len;
	size_t cut;
	bool yes;

	value_put(&m->text, a);
	cut = m->text.len;
	value_put(&m->text, b);
	yes = !m->text.failed && text_holds(rel,
	    span_of(m->text.ptr + keep, cut - keep),
	    span_of(m->text.ptr + cut, m->text.len - cut));
	m->text.len = keep;
	return yes;
}

static bool
fields_relate(struct matcher *m, const struct pred *pr)
{
	uint32_t a = field_of(m, pr->field), b = field_of(m, pr->other);
	struct span x, y;

	if (a == NO_FIELD || b == NO_FIELD ||
	    value_of(m, a)->type == VT_NULL || value_of(m, b)->type == VT_NULL)
		return false;
	if ((pr->flags & PRED_CASED) != 0)
		return cased_relate(m, pr->rel, value_of(m, a),
		    value_of(m, b));
	/* Folding the second may move the first: take it again. */
	x = folded(m, a);
	y = folded(m, b);
	x = folded(m, a);
	return text_holds(pr->rel, x, y);
}

static bool
pred_eval(struct matcher *m, uint32_t id)
{
	const struct pred *pr = &m->p->pred[id];
	const struct value *v;
	struct span fold;
	uint32_t at;

	if ((pr->flags & PRED_ANY_FIELD) != 0) {
		for (unsigned i = 0; i < m->e->nfields; i++)
			if (any_value(m, id, &m->e->fields[i].v, NULL))
				return true;
		return false;
	}
	at = field_of(m, pr->field);
	v = at == NO_FIELD ? NULL : value_of(m, at);
	switch ((enum pred_op)pr->op) {
	case PRED_NULL: return v == NULL || v->type == VT_NULL;
	case PRED_EXISTS: return v != NULL;
	case PRED_FIELD: return fields_relate(m, pr);
	default: break;
	}
	if (v == NULL || v->type == VT_NULL)
		return false;
	if (v->type == VT_LIST)
		return any_value(m, id, v, NULL);
	fold = folded(m, at);
	return value_holds(m, id, v, &fold);
}

static bool
pred_holds(struct matcher *m, uint32_t id)
{
	struct verdict *v = &m->pred[id];

	if (v->epoch != m->epoch) {
		v->yes = pred_eval(m, id);
		v->epoch = m->epoch;
	}
	return v->yes;
}

/* Literals that were there have their verdict; the others were not there. */
static bool
was_found(const struct matcher *m, uint32_t id)
{
	return m->pred[id].epoch == m->epoch && m->pred[id].yes;
}

/* Depth is bounded by the loader.  Rules share parts: what an AND or OR came
 * to is kept for the event. */
static bool
node_holds(struct matcher *m, node_id id)
{
	const struct node *n = &m->p->node[id];
	const node_id *kid = &m->p->kids[n->first];
	struct verdict *v = &m->node[id];
	bool any = n->type == NODE_OR;

	switch ((enum node_type)n->type) {
	case NODE_CONST: return id == NODE_TRUE;
	case NODE_PRED:
		return n->n != 0 && m->searched ? was_found(m, n->first) :
		    pred_holds(m, n->first);
	case NODE_NOT: return !node_holds(m, kid[0]);
	case NODE_AND:
	case NODE_OR: break;
	}
	if (v->epoch == m->epoch)
		return v->yes;
	v->epoch = m->epoch;
	v->yes = !any;
	for (uint32_t i = 0; i < n->n; i++) {
		if (node_holds(m, kid[i]) == any) {
			v->yes = any;
			break;
		}
	}
	return v->yes;
}

/* -- an event ------------------------------------------------------------ */

static void
enqueue(struct matcher *m, uint32_t variant)
{
	if (m->queued[variant] == m->epoch)
		return;
	m->queued[variant] = m->epoch;
	m->queue[m->nqueue++] = variant;
}

/* A literal of the predicate was found. */
static void
on_literal(void *arg, uint32_t pred)
{
	struct matcher *m = arg;
	const struct plan *l = m->plan;
	struct memo *memo = m->learning;
	uint32_t h = (uint32_t)hash_mix(pred), at;

	if (memo != NULL) {
		if (memo->nhits < MEMO_HITS)
			memo->hit[memo->nhits++] = pred;
		else
			memo->nhits = MEMO_MANY;
	}
	if (m->p->pred[pred].exact) {
		if (m->pred[pred].epoch == m->epoch)
			return;		/* there a second time */
		m->pred[pred] = (struct verdict){ m->epoch, true };
	}
	for (; (at = l->need_at[h & l->need_mask]) != 0; h++)
		if (l->need[at - 1].pred == pred)
			break;
	for (; at != 0 && at <= l->nneeds && l->need[at - 1].pred == pred;
	    at++)
		enqueue(m, l->need[at - 1].variant);
}

/* The number that a value stands for, if a rule's number may equal it. */
static bool
whole_number(struct matcher *m, const struct value *v, uint64_t *out)
{
	double d;

	if (value_u64(v, out))
		return true;
	if (!as_number(v, is_number(v) ? SPAN_NONE : raw_text(m, v), &d) ||
	    d < 0 || d > 9e15)
		return false;
	*out = (uint64_t)d;
	return true;
}

static void
search_value(struct matcher *m, const struct plan_field *f,
    const struct value *v, const struct span *fold)
{
	uint64_t n;

	if (f->text != NULL)
		literals_search(f->text, fold != NULL ? *fold :
		    put_folded(m, v), on_literal, m);
	if (f->num != NULL && whole_number(m, v, &n)) {
		uint8_t tmp[20];
		size_t i = sizeof(tmp);

		do {
			tmp[--i] = (uint8_t)('0' + n % 10);
			n /= 10;
		} while (n != 0);
		literals_search(f->num, span_of(tmp + i, sizeof(tmp) - i),
		    on_literal, m);
	}
}

static bool
is_textual(const struct value *v)
{
	return v->type == VT_STR || v->type == VT_WSTR;
}

/* Numbers, times and ids are rendered only for keywords that could stand in
 * them. */
static bool
keywords_fit(const struct plan_field *kw, const struct value *v)
{
	/* No fewer bytes or units than characters. */
	if (is_textual(v))
		return v->len >= kw->shortest * (v->type == VT_WSTR ? 2u : 1u);
	return kw->odd;
}

/* kw, own: the sets that the value is searched for; either may be NULL. */
static void
search_both(struct matcher *m, const struct plan_field *kw,
    const struct plan_field *own, uint32_t at)
{
	struct span fold = SPAN_NONE;
	bool text = kw != NULL || (own != NULL && own->text != NULL);

	if (text)
		fold = folded(m, at);
	if (kw != NULL)
		search_value(m, kw, value_of(m, at), &fold);
	if (own != NULL)
		search_value(m, own, value_of(m, at), text ? &fold : NULL);
}

static void
search_list(struct matcher *m, const struct plan_field *kw,
    const struct plan_field *own, const struct value *list)
{
	const struct value *items = list->ptr;

	for (uint32_t i = 0; i < list->len; i++) {
		if (items[i].type == VT_LIST || items[i].type == VT_NULL)
			continue;
		if (kw != NULL)
			search_value(m, kw, &items[i], NULL);
		if (own != NULL)
			search_value(m, own, &items[i], NULL);
	}
}

static uint64_t
eight_bytes(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

/* Of a longer value its ends and middle choose the place: what differs
 * elsewhere only takes its turn there. */
static struct memo *
memo_at(const struct matcher *m, const struct plan_field *of,
    const struct value *v)
{
	const uint8_t *p = v->ptr;
	uint64_t h = (uintptr_t)of ^ (uint64_t)v->len << 48;

	if (v->len < 16)
		h ^= hash_bytes(p, v->len, 7);
	else
		h = (h ^ eight_bytes(p)) * UINT64_C(0x9e3779b97f4a7c15) ^
		    eight_bytes(p + v->len / 2 - 4) *
		    UINT64_C(0xc2b2ae3d27d4eb4f) ^ eight_bytes(p + v->len - 8);
	return &m->memo[hash_mix(h) & (MEMO_SIZE - 1)];
}

static bool
memo_is(const struct memo *memo, const struct plan_field *of,
    const struct value *v)
{
	return memo->of == of && memo->len == v->len &&
	    memo->type == v->type && memcmp(memo->bytes, v->ptr, v->len) == 0;
}

static void
search_field(struct matcher *m, const struct plan_field *kw,
    const struct plan_field *own, uint32_t at)
{
	const struct value *v = value_of(m, at);
	/* Each plan has its own sets: this one stands for both. */
	const struct plan_field *of = own != NULL ? own : kw;
	struct memo *memo;

	if (v->type == VT_LIST) {
		search_list(m, kw, own, v);
		return;
	}
	if (!is_textual(v) || v->len > MEMO_BYTES || v->len == 0) {
		search_both(m, kw, own, at);
		return;
	}
	memo = memo_at(m, of, v);
	if (memo_is(memo, of, v) && memo->nhits != MEMO_MANY) {
		for (unsigned i = 0; i < memo->nhits; i++)
			on_literal(m, memo->hit[i]);
		return;
	}
	memo->of = of;
	memo->type = v->type;
	memo->len = (uint16_t)v->len;
	memo->nhits = 0;
	memcpy(memo->bytes, v->ptr, v->len);
	m->learning = memo;
	search_both(m, kw, own, at);
	m->learning = NULL;
}

static const struct plan *
plan_of(struct matcher *m, const struct event *e)
{
	const struct program *p = m->p;
	const struct value *channel;
	struct plan_key key = { 0, GATE_ANY_ID };
	const uint32_t *at;
	uint64_t id;

	if (p->nplans == 0)
		return NULL;
	if (e->kind != KIND_WINEVENT)
		return p->kind_plan[e->kind] == NO_PLAN ? NULL :
		    &p->plan[p->kind_plan[e->kind]];
	channel = event_get(e, FIELD_WIN_CHANNEL);
	if (channel != NULL && channel->type != VT_NULL) {
		struct span s = put_folded(m, channel);

		key.channel = hash_bytes(s.ptr, s.len, 31);
		m->text.len = 0;
	}
	if (event_u64(e, FIELD_WIN_EVENT_ID, &id))
		key.id = id;
	/* Read-only look-up: the table's order of use is not needed. */
	id = key.id;
	at = table_find(p->plan_ids, &key);
	if (at == NULL) {
		key.id = GATE_ANY_ID;
		at = table_find(p->plan_ids, &key);
	}
	if (at == NULL) {	/* no rule names the channel, but some the id */
		key = (struct plan_key){ 0, id };
		at = table_find(p->plan_ids, &key);
	}
	return &p->plan[at != NULL ? *at : p->win_default];
}

/* The set that an event's field is searched for, if any; of a field that is
 * there twice the last one. */
static const struct plan_field *
own_set(const struct matcher *m, uint32_t at)
{
	const struct plan *l = m->plan;
	unsigned id = m->p->means[value_of(m, at)->id];

	return l->field_at[id] != 0 && field_of(m, id) == at ?
	    &l->field[l->field_at[id] - 1] : NULL;
}

static void
search_event(struct matcher *m)
{
	const struct plan_field *kw = m->plan->field;

	if (m->plan->nfields == 0)
		return;
	if (kw->field != FIELD_OTHER) {
		for (uint32_t k = 0; k < m->nasked; k++) {
			uint32_t at = m->asked[k];
			const struct plan_field *own = own_set(m, at);

			if (own != NULL && value_of(m, at)->type != VT_NULL)
				search_field(m, NULL, own, at);
		}
		return;
	}
	for (uint32_t at = 0; at < m->e->nfields; at++) {
		const struct value *v = value_of(m, at);
		const struct plan_field *own = own_set(m, at);
		bool fits = v->type == VT_LIST || keywords_fit(kw, v);

		if (v->type != VT_NULL && (fits || own != NULL))
			search_field(m, fits ? kw : NULL, own, at);
	}
}

static int
by_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
new_epoch(struct matcher *m)
{
	if (++m->epoch != 0)
		return;
	memset(m->slot, 0, FIELD_MAX * sizeof(*m->slot));
	memset(m->pred, 0, m->p->npreds * sizeof(*m->pred));
	memset(m->node, 0, m->p->nnodes * sizeof(*m->node));
	memset(m->queued, 0, m->p->nvariants * sizeof(*m->queued));
	m->epoch = 1;
}

/*
 * An event whose data has an EventID of its own (1108 in Security), which is
 * what rules mean by the name: plans by the event's id do not hold, so each
 * rule that could look at it is asked.
 */
static void
enqueue_odd(struct matcher *m)
{
	const struct program *p = m->p;
	const struct value *v;
	struct span channel = SPAN_NONE;
	uint64_t id = GATE_ANY_ID;

	for (unsigned i = 0; i < m->e->nfields; i++)
		m->slot[p->means[m->e->fields[i].v.id]] =
		    (struct slot){ m->epoch, i };
	if ((v = event_get(m->e, FIELD_WIN_CHANNEL)) != NULL)
		channel = put_folded(m, v);
	(void)event_u64(m->e, FIELD_WIN_EVENT_ID, &id);
	for (uint32_t i = 0; i < p->nvariants; i++) {
		const struct gate *g = &p->gate[p->variant[i].gate];

		if (g->kind == KIND_WINEVENT && (g->channel.len == 0 ||
		    span_eq(g->channel, channel)) && (p->variant[i].narrowed ||
		    g->event_id == GATE_ANY_ID || g->event_id == id))
			enqueue(m, i);
	}
}

void
matcher_event(struct matcher *m, const struct event *e, match_fn *hit,
    void *arg)
{
	const struct plan *l;
	uint32_t last = UINT32_MAX;
	bool odd = false;

	buf_reset(&m->text);
	l = plan_of(m, e);
	if (l == NULL)
		return;
	new_epoch(m);
	m->e = e;
	m->plan = l;
	m->nqueue = 0;
	m->nasked = 0;
	for (unsigned i = 0; i < e->nfields; i++) {
		unsigned id = e->fields[i].v.id, as;

		if ((l->asked[id / 64] >> id % 64 & 1) == 0)
			continue;
		as = m->p->means[id];
		m->slot[as] = (struct slot){ m->epoch, i };
		m->asked[m->nasked++] = (uint16_t)i;
		odd |= as == FIELD_WIN_EVENT_ID && id != as;
	}
	if ((m->searched = !odd)) {
		search_event(m);
		for (uint32_t i = 0; i < l->nalways; i++)
			enqueue(m, l->always[i]);
	} else {
		enqueue_odd(m);
	}
	if (m->nqueue > 1)
		qsort(m->queue, m->nqueue, sizeof(*m->queue), by_order);
	for (uint32_t i = 0; i < m->nqueue; i++) {
		const struct variant *v = &m->p->variant[m->queue[i]];

		/* Two variants of a rule are one hit. */
		if (v->rule != last && node_holds(m, v->root)) {
			last = v->rule;
			hit(arg, &m->p->rule[v->rule], e);
		}
	}
}

/* -- explanations ---------------------------------------------------------- */

void
matcher_look(struct matcher *m, const struct event *e)
{
	buf_reset(&m->text);
	new_epoch(m);
	m->e = e;
	m->searched = false;
	for (unsigned i = 0; i < e->nfields; i++)
		m->slot[m->p->means[e->fields[i].v.id]] =
		    (struct slot){ m->epoch, i };
}

bool
matcher_node(struct matcher *m, node_id id)
{
	return node_holds(m, id);
}
