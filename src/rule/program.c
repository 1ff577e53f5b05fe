/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the program: predicates and nodes, each once; rules and gates.
 *
 * Bounds: RULES_MAX, NODES_MAX, PREDS_MAX and the arena's cap; past one of
 * them the program is full, what does not fit becomes NODE_FALSE and the
 * loader says so.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wctype.h>

#include "rule.h"

#define PROGRAM_BYTES	(512u << 20)	/* text of all rules */
#define KIDS_MAX	(64u << 20)	/* of all nodes together */

static void
set_means(struct program *p)
{
	static const char *const prefix[] = { "EventData_", "UserData_" };

	for (unsigned i = 0; i < FIELD_MAX; i++)
		p->means[i] = (uint16_t)i;
	for (unsigned id = FIELD_WIN_CHANNEL; id <= FIELD_WIN_ACTIVITY; id++) {
		for (size_t k = 0; k < NITEMS(prefix); k++) {
			char name[80];
			int n = snprintf(name, sizeof(name), "%s%s", prefix[k],
			    field_name(id));

			p->means[field_intern(span_of(name, (size_t)n))] =
			    (uint16_t)id;
		}
	}
	p->means[FIELD_OTHER] = FIELD_OTHER;
}

struct program *
program_new(void)
{
	struct program *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	arena_init(&p->arena, PROGRAM_BYTES);
	p->pred_ids = table_new(sizeof(uint64_t), sizeof(uint32_t),
	    PREDS_MAX);
	p->node_ids = table_new(sizeof(uint64_t), sizeof(uint32_t),
	    NODES_MAX);
	p->gate_ids = table_new(sizeof(uint64_t), sizeof(uint32_t),
	    RULES_MAX);
	p->plan_ids = table_new(sizeof(struct plan_key), sizeof(uint32_t),
	    RULES_MAX);
	p->node = calloc(2, sizeof(*p->node));
	p->kids = calloc(1, sizeof(*p->kids));	/* nodes without point here */
	if (p->pred_ids == NULL || p->node_ids == NULL ||
	    p->gate_ids == NULL || p->plan_ids == NULL || p->node == NULL ||
	    p->kids == NULL) {
		program_free(p);
		return NULL;
	}
	p->nnodes = 2;		/* NODE_FALSE, NODE_TRUE */
	set_means(p);
	return p;
}

void
program_free(struct program *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->nplans; i++) {
		struct plan *l = &p->plan[i];

		for (uint32_t k = 0; k < l->nfields; k++) {
			literals_free(l->field[k].text);
			literals_free(l->field[k].num);
		}
		free(l->variant);
		free(l->always);
		free(l->field);
		free(l->need);
		free(l->need_at);
		free(l->field_at);
		free(l->asked);
	}
	ioc_set_free(p->iocs);
	free(p->plan);
	free(p->rule);
	free(p->fault);
	free(p->pred);
	free(p->node);
	free(p->kids);
	free(p->variant);
	free(p->gate);
	free(p->name);
	table_free(p->pred_ids);
	table_free(p->node_ids);
	table_free(p->gate_ids);
	table_free(p->plan_ids);
	table_free(p->claims);
	arena_fini(&p->arena);
	free(p);
}

bool
program_full(const struct program *p)
{
	return p->full;
}

/* Grows an array at powers of two. */
static bool
grow(void *array, size_t n, size_t size)
{
	void *p;

	if ((n & (n - 1)) != 0)
		return true;
	memcpy(&p, array, sizeof(p));
	p = realloc(p, (n == 0 ? 1 : n * 2) * size);
	if (p == NULL)
		return false;
	memcpy(array, &p, sizeof(p));
	return true;
}

const char *
program_text(struct program *p, struct span s)
{
	char *t = arena_alloc(&p->arena, s.len + 1);

	if (t == NULL) {
		p->full = true;
		return "";
	}
	if (s.len != 0)
		memcpy(t, s.ptr, s.len);
	t[s.len] = '\0';
	return t;
}

void
program_fault(struct program *p, const char *path, unsigned line,
    unsigned column, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (p->nfaults >= RULES_MAX ||
	    !grow(&p->fault, p->nfaults, sizeof(*p->fault)))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->fault[p->nfaults++] = (struct rule_fault){
		program_text(p, span_str(path)),
		program_text(p, span_str(text)), line, column
	};
}

/* -- folding ------------------------------------------------------------- */

static locale_t
utf8_locale(void)
{
	static locale_t l;

	if (l == (locale_t)0)
		l = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return l;
}

/* A code point of 2 to 4 bytes; its length, 0 if it is none. */
static size_t
decode_rune(const uint8_t *s, size_t n, uint32_t *out)
{
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = s[0] & (0x7fu >> len);

	if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	*out = c;
	return len;
}

/* Lower case forms that are not the folded ones (CaseFolding.txt, C). */
static uint32_t
fold_rune(uint32_t c)
{
	static const uint16_t other[][2] = {
		{ 0x00b5, 0x03bc }, { 0x017f, 's' }, { 0x0345, 0x03b9 },
		{ 0x03c2, 0x03c3 }, { 0x03d0, 0x03b2 }, { 0x03d1, 0x03b8 },
		{ 0x03d5, 0x03c6 }, { 0x03d6, 0x03c0 }, { 0x03f0, 0x03ba },
		{ 0x03f1, 0x03c1 }, { 0x03f5, 0x03b5 }, { 0x1e9b, 0x1e61 },
		{ 0x1fbe, 0x03b9 }
	};

	for (size_t i = 0; i < NITEMS(other); i++)
		if (c == other[i][0])
			return other[i][1];
	return utf8_locale() == (locale_t)0 ? c :
	    (uint32_t)towlower_l((wint_t)c, utf8_locale());
}

size_t
fold_text(struct span s, uint8_t *dst)
{
	size_t out = 0;

	for (size_t i = 0; i < s.len;) {
		uint32_t c, low;
		size_t n;

		if (s.ptr[i] < 0x80) {
			n = ascii_lower_copy(dst + out,
			    span_sub(s, i, SIZE_MAX));
			out += n;
			i += n;
			continue;
		}
		n = decode_rune(s.ptr + i, s.len - i, &c);
		if (n == 0) {
			dst[out++] = s.ptr[i++];
			continue;
		}
		low = fold_rune(c);
		i += n;
		out += utf8_put(dst + out, low);
	}
	return out;
}

struct span
program_fold(struct program *p, struct span s)
{
	uint8_t *d = arena_alloc(&p->arena, FOLD_ROOM(s.len));

	if (d == NULL) {
		p->full = true;
		return SPAN_NONE;
	}
	return span_of(d, fold_text(s, d));
}

/* -- nodes --------------------------------------------------------------- */

/* XXH3 adds its seed to short input nearly as it is, so that an AND and an OR
 * of other nodes would meet with the type in the seed: it is mixed in behind.
 * Who finds a key compares what it stands for. */
static uint64_t
key_of(struct span s, uint64_t salt)
{
	return hash_mix(hash_bytes(s.ptr, s.len, 1) + hash_mix(salt + 1));
}

/* What the table has for the key.  Most that is asked for is there: then its
 * order of use, which nobody needs, is left alone. */
static uint32_t *
intern(struct table *t, uint64_t key, bool *made)
{
	const void *id = table_find(t, &key);

	*made = false;
	return id != NULL ? (uint32_t *)(uintptr_t)id :
	    table_put(t, &key, made);
}

static bool
same_node(const struct program *p, node_id id, uint8_t type,
    const node_id *kid, uint32_t n, uint32_t pred)
{
	const struct node *x = &p->node[id];

	if (x->type != type || x->n != n)
		return false;
	if (type == NODE_PRED)
		return x->first == pred;
	return n == 0 || memcmp(&p->kids[x->first], kid, n * sizeof(*kid)) == 0;
}

static node_id
new_node(struct program *p, uint8_t type, const node_id *kid, uint32_t n,
    uint32_t pred)
{
	uint64_t key = key_of(span_of(kid, n * sizeof(*kid)),
	    (uint64_t)type << 32 | pred);
	uint32_t *id;
	bool made;

	if (p->nnodes >= NODES_MAX || p->full ||
	    (id = intern(p->node_ids, key, &made)) == NULL) {
		p->full = true;
		return NODE_FALSE;
	}
	if (!made && same_node(p, *id, type, kid, n, pred))
		return *id;
	if (p->nkids + (uint64_t)n > KIDS_MAX ||
	    !grow(&p->node, p->nnodes, sizeof(*p->node))) {
		p->full = true;
		return NODE_FALSE;
	}
	*id = p->nnodes;
	p->node[p->nnodes] = (struct node){
		type == NODE_PRED ? pred : p->nkids, n, type };
	for (uint32_t i = 0; i < n; i++) {
		if (!grow(&p->kids, p->nkids, sizeof(*p->kids))) {
			p->full = true;
			return NODE_FALSE;
		}
		p->kids[p->nkids++] = kid[i];
	}
	return p->nnodes++;
}

static bool
same_pred(const struct pred *a, const struct pred *b)
{
	return a->op == b->op && a->flags == b->flags && a->rel == b->rel &&
	    a->field == b->field && a->other == b->other &&
	    a->num == b->num &&
	    span_eq(a->text, b->text);
}

static uint64_t
pred_key(const struct pred *pr)
{
	uint64_t num;

	memcpy(&num, &pr->num, sizeof(num));
	return key_of(pr->text, ((uint64_t)pr->op | (uint64_t)pr->flags << 8 |
	    (uint64_t)pr->rel << 16 | (uint64_t)pr->field << 24 |
	    (uint64_t)pr->other << 40) ^ hash_mix(num));
}

node_id
program_pred(struct program *p, const struct pred *pr)
{
	struct pred *kept;
	uint32_t *id;
	bool made;

	if (p->full || p->npreds >= PREDS_MAX ||
	    (id = intern(p->pred_ids, pred_key(pr), &made)) == NULL) {
		p->full = true;
		return NODE_FALSE;
	}
	if (!made && same_pred(&p->pred[*id], pr))
		return p->pred[*id].node;
	if (!grow(&p->pred, p->npreds, sizeof(*p->pred))) {
		p->full = true;
		return NODE_FALSE;
	}
	*id = p->npreds;
	kept = &p->pred[p->npreds++];
	*kept = *pr;
	kept->text = arena_copy(&p->arena, pr->text);
	if (pr->text.len != 0 && kept->text.ptr == NULL)
		p->full = true;
	else if (pr->op == PRED_REGEX)
		kept->need = regex_literal(p, pr->text);
	kept->node = new_node(p, NODE_PRED, NULL, 0, *id);
	return kept->node;
}

static int
by_id(const void *a, const void *b)
{
	node_id x = *(const node_id *)a, y = *(const node_id *)b;

	return x < y ? -1 : x > y;
}

/* And of nothing is true, or of nothing is false. */
static node_id
combine(struct program *p, const node_id *kid, size_t n, uint8_t type)
{
	const node_id unit = type == NODE_AND ? NODE_TRUE : NODE_FALSE;
	const node_id zero = type == NODE_AND ? NODE_FALSE : NODE_TRUE;
	node_id *sorted, made;
	uint32_t out = 0;

	if ((sorted = malloc(MAX_OF(n, (size_t)1) * sizeof(*sorted))) == NULL) {
		p->full = true;
		return NODE_FALSE;
	}
	for (size_t i = 0; i < n; i++) {
		if (kid[i] == zero) {
			free(sorted);
			return zero;
		}
		if (kid[i] != unit)
			sorted[out++] = kid[i];
	}
	qsort(sorted, out, sizeof(*sorted), by_id);
	n = out;
	out = 0;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			sorted[out++] = sorted[i];
	made = out == 0 ? unit : out == 1 ? sorted[0] :
	    new_node(p, type, sorted, out, 0);
	free(sorted);
	return made;
}

node_id
program_and(struct program *p, const node_id *kid, size_t n)
{
	return combine(p, kid, n, NODE_AND);
}

node_id
program_or(struct program *p, const node_id *kid, size_t n)
{
	return combine(p, kid, n, NODE_OR);
}

node_id
program_not(struct program *p, node_id kid)
{
	if (kid <= NODE_TRUE)
		return kid == NODE_TRUE ? NODE_FALSE : NODE_TRUE;
	if (p->node[kid].type == NODE_NOT)
		return p->kids[p->node[kid].first];
	return new_node(p, NODE_NOT, &kid, 1, 0);
}

/* -- rules --------------------------------------------------------------- */

uint32_t
program_gate(struct program *p, const struct gate *g)
{
	uint32_t *id;
	struct span channel = program_fold(p, g->channel);
	bool made;

	id = intern(p->gate_ids, key_of(channel, (uint64_t)g->kind << 32 |
	    g->event_id), &made);
	if (id != NULL && !made && (p->gate[*id].kind != g->kind ||
	    p->gate[*id].event_id != g->event_id ||
	    !span_eq(p->gate[*id].channel, channel)))
		made = true;
	if (id == NULL ||
	    (made && !grow(&p->gate, p->ngates, sizeof(*p->gate)))) {
		p->full = true;
		return 0;
	}
	if (made) {
		*id = p->ngates;
		p->gate[p->ngates] = *g;
		p->gate[p->ngates++].channel = channel;
	}
	return *id;
}

static bool
add_rule(struct program *p, const struct rule *r)
{
	struct rule *own;

	if (p->nrules >= RULES_MAX ||
	    !grow(&p->rule, p->nrules, sizeof(*p->rule))) {
		p->full = true;
		return false;
	}
	own = &p->rule[p->nrules++];
	*own = *r;
	p->ninner += r->inner;
	own->id = program_text(p, span_str(r->id));
	own->title = program_text(p, span_str(r->title));
	own->attack = program_text(p, span_str(r->attack));
	own->advice = program_text(p, span_str(r->advice));
	own->path = program_text(p, span_str(r->path));
	return !p->full;
}

bool
program_rule(struct program *p, const struct rule *r, const struct gate *g,
    node_id root)
{
	const struct rule *last = p->nrules == 0 ? NULL :
	    &p->rule[p->nrules - 1];

	if (last == NULL || strcmp(last->path, r->path) != 0 ||
	    last->line != r->line || last->part != r->part ||
	    strcmp(last->id, r->id) != 0)
		if (!add_rule(p, r))
			return false;
	if (root == NODE_FALSE)
		return true;	/* never true under this gate */
	if (!grow(&p->variant, p->nvariants, sizeof(*p->variant))) {
		p->full = true;
		return false;
	}
	p->variant[p->nvariants++] = (struct variant){
		(uint32_t)p->nrules - 1, root, program_gate(p, g), false };
	return !p->full;
}

void
program_keep_names(struct program *p)
{
	p->keeps_names = true;
}

void
program_name_node(struct program *p, node_id id, struct span name,
    unsigned line)
{
	if (!p->keeps_names || id <= NODE_TRUE)
		return;
	for (size_t i = 0; i < p->nnames; i++)
		if (p->name[i].id == id)
			return;
	if (!grow(&p->name, p->nnames, sizeof(*p->name))) {
		p->full = true;
		return;
	}
	p->name[p->nnames++] = (struct node_name){ id,
	    program_text(p, name), line };
}

bool
program_claim(struct program *p, const char *id)
{
	const struct span s = span_str(id);
	/* Two ids that meet by chance would lose a rule: 128 bits. */
	const uint64_t key[2] = { key_of(s, 0), hash_bytes(s.ptr, s.len, 2) };
	unsigned *load;
	bool made;

	if (p->claims == NULL)
		p->claims = table_new(sizeof(key), sizeof(*load), RULES_MAX);
	if (p->claims == NULL ||
	    (load = table_put(p->claims, &key, &made)) == NULL) {
		p->full = true;
		return false;
	}
	if (made)
		*load = p->loads;
	return *load == p->loads;
}

size_t
program_rules(const struct program *p)
{
	return p->nrules - p->ninner;
}

const struct rule *
program_rule_at(const struct program *p, size_t i)
{
	size_t at = 0;

	if (p->ninner == 0)
		return &p->rule[i];
	for (;; at++)
		if (!p->rule[at].inner && i-- == 0)
			return &p->rule[at];
}

size_t
program_faults(const struct program *p)
{
	return p->nfaults;
}

const struct rule_fault *
program_fault_at(const struct program *p, size_t i)
{
	return &p->fault[i];
}
