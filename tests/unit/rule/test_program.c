/* SPDX-License-Identifier: Apache-2.0
 *
 * The predicate program: what folds, what is one, and that plans and required
 * literals lose no match: random programs on random events, against a plain
 * evaluation of every rule that is written here once more.
 */
#include <strings.h>

#include "rule_drive.h"

static const char *const names[] = { "Image", "CommandLine", "EventID",
	"Level", "User" };

static struct pred
text_pred(enum pred_op op, const char *text)
{
	return (struct pred){ .op = (uint8_t)op, .field = FIELD_IMAGE,
	    .text = span_str(text) };
}

static void
test_folding(void **state)
{
	struct program *p = program_new();
	const struct pred pa = text_pred(PRED_EQ, "a");
	const struct pred pb = text_pred(PRED_EQ, "b");
	node_id a = program_pred(p, &pa), b = program_pred(p, &pb);
	node_id kid[3];

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(program_pred(p, &pa), a);

	assert_int_equal(program_and(p, NULL, 0), NODE_TRUE);
	assert_int_equal(program_or(p, NULL, 0), NODE_FALSE);
	assert_int_equal(program_not(p, NODE_TRUE), NODE_FALSE);
	assert_int_equal(program_not(p, program_not(p, a)), a);

	kid[0] = a, kid[1] = NODE_TRUE, kid[2] = a;
	assert_int_equal(program_and(p, kid, 3), a);
	assert_int_equal(program_or(p, kid, 3), NODE_TRUE);
	kid[1] = NODE_FALSE;
	assert_int_equal(program_and(p, kid, 3), NODE_FALSE);
	assert_int_equal(program_or(p, kid, 3), a);

	/* The order of operands is no difference. */
	kid[0] = a, kid[1] = b;
	kid[2] = program_and(p, kid, 2);
	kid[0] = b, kid[1] = a;
	assert_int_equal(program_and(p, kid, 2), kid[2]);
	assert_int_not_equal(program_or(p, kid, 2), kid[2]);
	program_free(p);
}

/* Predicates differ by each of their parts. */
static void
test_dedup(void **state)
{
	struct program *p = program_new();
	struct pred pr = text_pred(PRED_EQ, "a");
	node_id seen[8];
	unsigned n = 0;

	(void)state;
	seen[n++] = program_pred(p, &pr);
	pr.op = PRED_CONTAINS;
	seen[n++] = program_pred(p, &pr);
	pr.flags = PRED_CASED;
	seen[n++] = program_pred(p, &pr);
	pr.field = FIELD_COMMAND_LINE;
	seen[n++] = program_pred(p, &pr);
	pr.other = FIELD_IMAGE;
	seen[n++] = program_pred(p, &pr);
	pr.rel = PRED_ENDS;
	seen[n++] = program_pred(p, &pr);
	pr.num = 1;
	seen[n++] = program_pred(p, &pr);
	pr.text = SPAN_LIT("b");
	seen[n++] = program_pred(p, &pr);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(seen[i], seen[k]);
	program_free(p);
}

/* -- random programs -------------------------------------------------------- */

static uint32_t seed = 88172645u;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

#define WORD_BYTES	8u
#define RULES		12u
#define LEAVES		24u
#define CHANNELS	3u

static const char *const channels[] = { "Security", "System", "Odd" };

struct leaf {
	struct pred	pr;
	char		text[WORD_BYTES];
	node_id		id;
};

/* A rule: an OR of ANDs of leaves, some of them negated. */
struct shape {
	unsigned	nterms, nleaves[4];
	unsigned	leaf[4][4];
	bool		not[4][4];
	uint32_t	gate_id;
	int		channel;	/* -1: any */
};

static size_t
word(char *dst, size_t least, size_t most)
{
	size_t n = least + rnd((uint32_t)(most - least + 1));

	for (size_t i = 0; i < n; i++)
		dst[i] = "ab4."[rnd(4)];
	return n;
}

static void
make_leaf(struct program *p, struct leaf *l)
{
	static const uint8_t ops[] = { PRED_EQ, PRED_CONTAINS, PRED_STARTS,
		PRED_ENDS, PRED_GLOB, PRED_NUM_EQ, PRED_NUM_GT, PRED_NULL,
		PRED_EXISTS, PRED_CONTAINS, PRED_EQ };
	size_t n;

	memset(l, 0, sizeof(*l));
	l->pr.op = ops[rnd(NITEMS(ops))];
	l->pr.field = (uint16_t)field_intern(span_str(
	    names[rnd(NITEMS(names))]));
	switch (l->pr.op) {
	case PRED_NUM_EQ:
	case PRED_NUM_GT:
		l->pr.num = rnd(50);
		break;
	case PRED_NULL:
	case PRED_EXISTS:
		break;
	default:
		n = word(l->text, l->pr.op == PRED_CONTAINS, 5);
		if (l->pr.op == PRED_GLOB && n > 1)
			l->text[rnd((uint32_t)n)] = (char)(rnd(2) == 0 ?
			    WILD_MANY : WILD_ONE);
		l->pr.text = span_of(l->text, n);
		if (l->pr.op == PRED_CONTAINS && rnd(4) == 0) {
			l->pr.flags = PRED_ANY_FIELD;
			l->pr.field = 0;
		} else if (rnd(8) == 0) {
			l->pr.flags = PRED_CASED;
		}
	}
	l->id = program_pred(p, &l->pr);
}

static node_id
make_rule(struct program *p, const struct leaf *leaf, struct shape *s)
{
	node_id term[4], kid[4];

	s->nterms = 1 + rnd(3);
	for (unsigned t = 0; t < s->nterms; t++) {
		s->nleaves[t] = 1 + rnd(3);
		for (unsigned i = 0; i < s->nleaves[t]; i++) {
			s->leaf[t][i] = rnd(LEAVES);
			s->not[t][i] = rnd(4) == 0;
			kid[i] = leaf[s->leaf[t][i]].id;
			if (s->not[t][i])
				kid[i] = program_not(p, kid[i]);
		}
		term[t] = program_and(p, kid, s->nleaves[t]);
	}
	return program_or(p, term, s->nterms);
}

/* The plain meaning of one predicate; a glob by recursion. */
static bool
plain_glob(struct span p, struct span t)
{
	if (p.len == 0)
		return t.len == 0;
	if (p.ptr[0] == WILD_MANY) {
		for (size_t i = 0; i <= t.len; i++)
			if (plain_glob(span_sub(p, 1, SIZE_MAX),
			    span_sub(t, i, SIZE_MAX)))
				return true;
		return false;
	}
	return t.len != 0 && (p.ptr[0] == WILD_ONE || p.ptr[0] == t.ptr[0]) &&
	    plain_glob(span_sub(p, 1, SIZE_MAX), span_sub(t, 1, SIZE_MAX));
}

static bool
plain_value(const struct pred *pr, const struct value *v)
{
	char text[32], low[32], *end;
	struct span s, w = pr->text;
	double d;

	snprintf(text, sizeof(text), "%.*s", v->type == VT_STR ? (int)v->len :
	    0, v->type == VT_STR ? (const char *)v->ptr : "");
	if (v->type == VT_U64)
		snprintf(text, sizeof(text), "%u", (unsigned)v->u64);
	for (size_t i = 0; i < sizeof(low); i++)
		low[i] = (char)((pr->flags & PRED_CASED) != 0 ? text[i] :
		    ascii_lower((uint8_t)text[i]));
	s = span_str(low);
	d = strtod(text, &end);
	switch ((enum pred_op)pr->op) {
	case PRED_EQ: return span_eq(s, w);
	case PRED_STARTS: return span_starts(s, w);
	case PRED_ENDS: return span_ends(s, w);
	case PRED_CONTAINS:
		for (size_t i = 0; i + w.len <= s.len; i++)
			if (memcmp(s.ptr + i, w.ptr, w.len) == 0)
				return true;
		return false;
	case PRED_GLOB: return plain_glob(w, s);
	case PRED_NUM_EQ: return *end == '\0' && end != text && d == pr->num;
	case PRED_NUM_GT: return *end == '\0' && end != text && d > pr->num;
	default: return false;
	}
}

static bool
plain_pred(const struct pred *pr, const struct ev *e)
{
	bool there = false;

	for (unsigned i = 0; i < e->e.nfields; i++) {
		const struct value *v = &e->f[i].v;

		if ((pr->flags & PRED_ANY_FIELD) == 0 && v->id != pr->field)
			continue;
		there = true;
		if (pr->op == PRED_NULL)
			return v->type == VT_NULL;
		if (v->type == VT_LIST) {
			const struct value *item = v->ptr;

			for (uint32_t k = 0; k < v->len; k++)
				if (plain_value(pr, &item[k]))
					return true;
		} else if (v->type != VT_NULL && plain_value(pr, v)) {
			return true;
		}
	}
	return pr->op == PRED_NULL ? !there :
	    pr->op == PRED_EXISTS ? there : false;
}

static bool
plain_rule(const struct shape *s, const struct leaf *leaf, const struct ev *e,
    const char *channel, uint64_t id)
{
	if ((s->channel >= 0 && (channel == NULL ||
	    strcasecmp(channels[s->channel], channel) != 0)) ||
	    (s->gate_id != GATE_ANY_ID && s->gate_id != id))
		return false;
	for (unsigned t = 0; t < s->nterms; t++) {
		bool all = true;

		for (unsigned i = 0; i < s->nleaves[t]; i++)
			all &= plain_pred(&leaf[s->leaf[t][i]].pr, e) !=
			    s->not[t][i];
		if (all)
			return true;
	}
	return false;
}

static void
mark_hit(void *arg, const struct rule *r, const struct event *e)
{
	unsigned *order = arg;

	(void)e;
	order[++order[0]] = r->line;
}

/* An event; what a field's text is lies in room. */
static void
make_event(struct ev *e, char room[][WORD_BYTES], struct value *items,
    const char **channel, uint64_t *id)
{
	unsigned k = rnd(5);

	ev_init(e, KIND_WINEVENT);
	*channel = k < CHANNELS ? channels[k] : k == CHANNELS ? "security" :
	    NULL;
	if (*channel != NULL)
		ev_str(e, "Channel", *channel);
	*id = rnd(4);
	ev_put(e, "EventID", v_num(VT_U64, *id));
	for (unsigned i = 0; i < NITEMS(names); i++) {
		struct value v = { .type = VT_STR, .ptr = room[i],
		    .len = (uint32_t)word(room[i], 0, 7) };

		if (strcmp(names[i], "EventID") == 0 || rnd(3) == 0)
			continue;
		if (rnd(6) == 0)
			v = v_num(VT_U64, rnd(50));
		else if (rnd(6) == 0 && v.len > 0)
			room[i][0] = 'A';
		else if (rnd(10) == 0)
			v = (struct value){ .type = VT_NULL };
		else if (rnd(6) == 0) {
			items[0] = v;
			items[1] = v_num(VT_U64, rnd(50));
			v = v_list(items, 2);
		}
		ev_put(e, names[i], v);
	}
}

/* What differs, for who must find out why. */
static void
tell(const struct shape *shape, const struct leaf *leaf, const struct ev *e,
    const unsigned *got, const unsigned *want)
{
	struct buf b;

	buf_init(&b, 0);
	event_put_json(&b, &e->e, "", "");
	for (unsigned i = 0; i < RULES; i++) {
		const struct shape *s = &shape[i];
		bool found = false, wanted = false;

		for (unsigned k = 1; k <= RULES; k++) {
			found |= got[k] == i + 1;
			wanted |= want[k] == i + 1;
		}
		if (found == wanted)
			continue;
		buf_printf(&b, "\nrule %u is %s:", i + 1,
		    found ? "a hit" : "none");
		for (unsigned t = 0; t < s->nterms; t++) {
			buf_str(&b, t == 0 ? " " : " or ");
			for (unsigned k = 0; k < s->nleaves[t]; k++) {
				const struct pred *pr = &leaf[s->leaf[t][k]].pr;

				buf_printf(&b, "%s(op %u flags %u %s ",
				    s->not[t][k] ? "not" : "", pr->op,
				    pr->flags, field_name(pr->field));
				for (size_t i2 = 0; i2 < pr->text.len; i2++) {
					uint8_t c = pr->text.ptr[i2];

					buf_byte(&b, c == WILD_MANY ? '*' :
					    c == WILD_ONE ? '?' : c);
				}
				buf_printf(&b, " %g)", pr->num);
			}
		}
	}
	buf_byte(&b, '\0');
	fail_msg("%s", (const char *)b.ptr);
}

static void
one_program(unsigned *hits)
{
	static struct leaf leaf[LEAVES];
	struct shape shape[RULES];
	struct program *p = program_new();
	struct matcher *m;

	for (unsigned i = 0; i < LEAVES; i++)
		make_leaf(p, &leaf[i]);
	for (unsigned i = 0; i < RULES; i++) {
		const struct rule r = { .id = "r", .title = "r", .attack = "",
		    .advice = "", .path = "p", .line = i + 1 };
		struct gate g = { KIND_WINEVENT, SPAN_NONE, GATE_ANY_ID };

		shape[i].channel = (int)rnd(CHANNELS + 1) - 1;
		shape[i].gate_id = rnd(2) == 0 ? GATE_ANY_ID : rnd(3);
		if (shape[i].channel >= 0)
			g.channel = span_str(channels[shape[i].channel]);
		g.event_id = shape[i].gate_id;
		assert_true(program_rule(p, &r, &g,
		    make_rule(p, leaf, &shape[i])));
	}
	assert_true(program_finish(p));
	m = matcher_new(p);
	for (unsigned n = 0; n < 60; n++) {
		char room[NITEMS(names)][WORD_BYTES];
		struct value items[2];
		unsigned got[RULES + 1] = { 0 }, want[RULES + 1] = { 0 };
		const char *channel;
		uint64_t id;
		struct ev e;

		make_event(&e, room, items, &channel, &id);
		for (unsigned i = 0; i < RULES; i++)
			if (plain_rule(&shape[i], leaf, &e, channel, id))
				want[++want[0]] = i + 1;
		matcher_event(m, &e.e, mark_hit, got);
		if (memcmp(got, want, sizeof(got)) != 0)
			tell(shape, leaf, &e, got, want);
		*hits += want[0];
	}
	matcher_free(m);
	program_free(p);
}

static void
test_random(void **state)
{
	unsigned hits = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		one_program(&hits);
	assert_true(hits > 10000);	/* it was a test of something */
}

/* -- gates ------------------------------------------------------------------ */

static void
add(struct program *p, unsigned line, enum kind kind, const char *channel,
    uint32_t id, node_id root)
{
	const struct rule r = { .id = "r", .title = "r", .attack = "",
	    .advice = "", .path = "p", .line = line };
	const struct gate g = { kind, channel == NULL ? SPAN_NONE :
	    span_str(channel), id };

	assert_true(program_rule(p, &r, &g, root));
}

static void
test_gates(void **state)
{
	struct program *p = program_new();
	struct ev e;

	(void)state;
	add(p, 1, KIND_WINEVENT, "Security", 4688, NODE_TRUE);
	add(p, 2, KIND_WINEVENT, "Security", GATE_ANY_ID, NODE_TRUE);
	add(p, 3, KIND_WINEVENT, NULL, GATE_ANY_ID, NODE_TRUE);
	add(p, 4, KIND_WINEVENT, NULL, 104, NODE_TRUE);
	add(p, 5, KIND_HTTP, NULL, GATE_ANY_ID, NODE_TRUE);
	add(p, 6, KIND_WINEVENT, "System", 7045, NODE_FALSE);
	assert_true(program_finish(p));
	assert_int_equal(program_rules(p), 6);

	ev_init(&e, KIND_WINEVENT);
	assert_int_equal(hits_of(p, &e), 1);		/* no channel, no id */
	ev_str(&e, "Channel", "SECURITY");
	assert_int_equal(hits_of(p, &e), 2);
	ev_put(&e, "EventID", v_num(VT_U64, 4688));
	assert_int_equal(hits_of(p, &e), 3);
	e.f[1].v = (struct value){ .type = VT_STR, .id = e.f[1].v.id,
	    .ptr = "104", .len = 3 };
	assert_int_equal(hits_of(p, &e), 3);
	ev_init(&e, KIND_WINEVENT);
	ev_put(&e, "EventID", v_num(VT_U64, 104));
	assert_int_equal(hits_of(p, &e), 2);
	ev_str(&e, "Channel", "no rule names it");
	assert_int_equal(hits_of(p, &e), 2);
	e.f[1].v = (struct value){ .type = VT_WSTR, .id = e.f[1].v.id,
	    .ptr = "S\0e\0c\0u\0r\0i\0t\0y", .len = 16 };
	assert_int_equal(hits_of(p, &e), 3);
	ev_init(&e, KIND_HTTP);
	assert_int_equal(hits_of(p, &e), 1);
	ev_init(&e, KIND_DNS);
	assert_int_equal(hits_of(p, &e), 0);
	program_free(p);
}

/* Two variants of a rule that both hold are one hit. */
static void
test_variants(void **state)
{
	struct program *p = program_new();
	struct ev e;

	(void)state;
	add(p, 1, KIND_WINEVENT, "Security", GATE_ANY_ID, NODE_TRUE);
	add(p, 1, KIND_WINEVENT, NULL, GATE_ANY_ID, NODE_TRUE);
	assert_true(program_finish(p));
	assert_int_equal(program_rules(p), 1);
	ev_init(&e, KIND_WINEVENT);
	ev_str(&e, "Channel", "Security");
	assert_int_equal(hits_of(p, &e), 1);
	program_free(p);
}

/* One matcher sees many events: nothing of one is left for the next. */
static void
test_no_memory(void **state)
{
	struct program *p = program_new();
	const struct pred pr = text_pred(PRED_CONTAINS, "abc");
	struct matcher *m;
	unsigned n = 0;
	struct ev e;

	(void)state;
	add(p, 1, KIND_WINEVENT, NULL, GATE_ANY_ID, program_pred(p, &pr));
	assert_true(program_finish(p));
	m = matcher_new(p);
	for (unsigned i = 0; i < 10; i++) {
		ev_init(&e, KIND_WINEVENT);
		if (i % 2 == 0)
			ev_str(&e, "Image", i % 4 == 0 ? "xABCx" : "xab");
		matcher_event(m, &e.e, count_hit, &n);
	}
	assert_int_equal(n, 3);		/* 0, 4, 8 */
	matcher_free(m);
	program_free(p);
}

/* Rules of a channel that name their ids are put to events of those only; an
 * event whose data has an EventID of its own is shown to all, for that is what
 * they mean by the name. */
static void
test_event_ids(void **state)
{
#define SECURITY(id, detection) \
	"title: t\nid: " id "\nlogsource:\n    product: windows\n" \
	"    service: security\ndetection:\n" detection "---\n"
	static const char rules[] =
	    SECURITY("one", "    s:\n        EventID: 4688\n"
	    "    condition: s\n")
	    SECURITY("two", "    s:\n        EventID: [1108, 4624]\n"
	    "    t:\n        Level: 4\n    condition: s and not t\n")
	    SECURITY("any", "    s:\n        Level: 0\n    condition: s\n");
	static const struct {
		const char	*channel;
		unsigned	 id, in_data;
		unsigned	 hits;
	} row[] = {
		{ "Security", 4688, 0, 2 },		/* one, any */
		{ "Security", 4624, 0, 2 },		/* two, any */
		{ "Security", 1, 0, 1 },		/* any */
		{ "System", 4688, 0, 0 },
		{ "Security", 1108, 4688, 2 },		/* one, any */
		{ "Security", 4688, 1108, 2 },		/* two, any */
		{ "Security", 4688, 7, 1 },		/* any */
		{ "System", 4688, 4688, 0 },
	};
	struct program *p;

	(void)state;
	(void)field_intern(SPAN_LIT("EventData_EventID"));
	p = load_rules("extended", rules);
	assert_int_equal(program_rules(p), 3);
	for (size_t i = 0; i < NITEMS(row); i++) {
		struct ev v;

		ev_init(&v, KIND_WINEVENT);
		ev_str(&v, "Channel", row[i].channel);
		ev_put(&v, "EventID", v_num(VT_U64, row[i].id));
		ev_put(&v, "Level", v_num(VT_U64, 0));
		if (row[i].in_data != 0)
			ev_put(&v, "EventData_EventID",
			    v_num(VT_U64, row[i].in_data));
		if (hits_of(p, &v) != row[i].hits)
			fail_msg("row %zu: %u", i, hits_of(p, &v));
	}
	program_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_ids),
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_dedup),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
