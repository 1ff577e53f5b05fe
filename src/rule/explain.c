/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a rule holds for an event, or does not: the tree of its condition with
 * each verdict, the value that each predicate saw, and which log source was
 * wanted.
 *
 * Works on a program of the rule alone, whose selections were given names
 * while it was loaded (program_keep_names()).  The matcher answers each node
 * by itself; nothing here runs in a hunt.
 *
 * Bounds: LINES_MAX nodes are shown; recursion follows conditions, whose depth
 * the loader bounds.
 */
#include "codec.h"
#include "rule.h"

#define LINES_MAX	5000u	/* of all ways of a rule together */
#define VALUE_SHOWN	400u	/* bytes of a value */

struct explain {
	const struct program	*p;
	struct matcher		*m;
	const struct event	*e;
	struct buf		*out;
	bool			 json;
	unsigned		 lines;
};

static const struct node_name *
name_of(const struct program *p, node_id id)
{
	for (size_t i = 0; i < p->nnames; i++)
		if (p->name[i].id == id)
			return &p->name[i];
	return NULL;
}

/* -- predicates ----------------------------------------------------------- */

static const char *
op_text(const struct pred *pr)
{
	static const char *const texts[] = {
		[PRED_EQ] = "is", [PRED_CONTAINS] = "contains",
		[PRED_STARTS] = "starts with", [PRED_ENDS] = "ends with",
		[PRED_GLOB] = "is like", [PRED_REGEX] = "matches",
		[PRED_CIDR] = "is in", [PRED_NUM_EQ] = "=",
		[PRED_NUM_GT] = ">", [PRED_NUM_GTE] = ">=",
		[PRED_NUM_LT] = "<", [PRED_NUM_LTE] = "<=",
		[PRED_NULL] = "is missing or null", [PRED_EXISTS] = "is there",
	};

	if (pr->op == PRED_FIELD)
		return texts[pr->rel];
	return texts[pr->op];
}

/* The text with its wildcards as a rule writes them. */
static void
put_pattern(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_byte(b, s.ptr[i] == WILD_MANY ? '*' :
		    s.ptr[i] == WILD_ONE ? '?' : s.ptr[i]);
}

/* "CommandLine contains comsvcs", in plain text. */
static void
put_wanted(struct buf *b, const struct pred *pr)
{
	buf_str(b, (pr->flags & PRED_ANY_FIELD) != 0 ? "any value" :
	    field_name(pr->field));
	buf_byte(b, ' ');
	buf_str(b, op_text(pr));
	if (pr->op == PRED_NULL || pr->op == PRED_EXISTS)
		return;
	buf_byte(b, ' ');
	if (pr->op == PRED_FIELD)
		buf_str(b, field_name(pr->other));
	else if (pr->op >= PRED_NUM_EQ && pr->op <= PRED_NUM_LTE)
		buf_printf(b, "%.15g", pr->num);
	else
		put_pattern(b, pr->text);
	if ((pr->flags & PRED_CASED) != 0)
		buf_str(b, " (case as it is)");
}

/* What the event has there; false: nothing. */
static bool
put_seen(const struct explain *x, struct buf *b, unsigned field)
{
	const struct value *v = NULL;

	for (unsigned i = 0; i < x->e->nfields; i++)
		if (x->p->means[x->e->fields[i].v.id] == field &&
		    field != FIELD_OTHER)
			v = &x->e->fields[i].v;
	if (v == NULL)
		return false;
	value_put(b, v);
	if (b->len > VALUE_SHOWN) {
		b->len = VALUE_SHOWN;
		buf_str(b, "\xe2\x80\xa6");
	}
	return true;
}

/* -- text ----------------------------------------------------------------- */

/* What could steer a terminal goes out as \xNN. */
static void
put_safe(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f ||
		    (s.ptr[i] == 0xc2 && i + 1 < s.len &&
		    s.ptr[i + 1] < 0xa0))
			buf_printf(b, "\\x%02x", s.ptr[i]);
		else
			buf_byte(b, s.ptr[i]);
	}
}

static void
put_pred_text(struct explain *x, const struct pred *pr, bool yes)
{
	struct buf b;
	bool there;

	buf_init(&b, 64u << 10);
	put_wanted(&b, pr);
	put_safe(x->out, buf_view(&b));
	if ((pr->flags & PRED_ANY_FIELD) == 0 && pr->op != PRED_NULL) {
		buf_reset(&b);
		there = put_seen(x, &b, pr->field);
		if (!there) {
			buf_str(x->out, ": the event has no such field");
		} else if (!yes || pr->op != PRED_EQ) {
			buf_str(x->out, ": it is ");
			put_safe(x->out, buf_view(&b));
		}
	}
	buf_byte(x->out, '\n');
	buf_fini(&b);
}

static void
put_pred_json(struct explain *x, const struct pred *pr)
{
	struct buf b;

	buf_init(&b, 64u << 10);
	put_wanted(&b, pr);
	buf_str(x->out, ",\"predicate\":");
	json_str(x->out, buf_view(&b));
	buf_reset(&b);
	if ((pr->flags & PRED_ANY_FIELD) == 0) {
		buf_str(x->out, ",\"field\":");
		json_str(x->out, span_str(field_name(pr->field)));
		if (put_seen(x, &b, pr->field)) {
			buf_str(x->out, ",\"seen\":");
			json_str(x->out, buf_view(&b));
		} else {
			buf_str(x->out, ",\"seen\":null");
		}
	}
	buf_fini(&b);
}

/* Recursion is bounded by the depth of a condition. */
static void
put_node(struct explain *x, node_id id, unsigned depth)
{
	static const char *const words[] = {
		[NODE_CONST] = "always", [NODE_PRED] = "",
		[NODE_AND] = "all of", [NODE_OR] = "any of", [NODE_NOT] = "not"
	};
	const struct node *n = &x->p->node[id];
	const struct node_name *name = name_of(x->p, id);
	bool yes = matcher_node(x->m, id);

	if (x->lines++ >= LINES_MAX) {
		if (x->json)
			buf_str(x->out, "{\"more\":true}");
		return;
	}
	if (x->json) {
		buf_printf(x->out, "{\"holds\":%s", yes ? "true" : "false");
		if (name != NULL) {
			buf_str(x->out, ",\"selection\":");
			json_str(x->out, span_str(name->name));
			buf_printf(x->out, ",\"line\":%u", name->line);
		}
		if (n->type == NODE_PRED) {
			put_pred_json(x, &x->p->pred[n->first]);
		} else {
			buf_str(x->out, ",\"node\":");
			json_str(x->out, span_str(words[n->type]));
		}
	} else {
		buf_printf(x->out, "%*s%s  ", (int)(2 + 2 * depth), "",
		    yes ? "yes" : "no ");
		if (name != NULL) {
			put_safe(x->out, span_str(name->name));
			buf_printf(x->out, " (line %u): ", name->line);
		}
		if (n->type == NODE_PRED)
			put_pred_text(x, &x->p->pred[n->first], yes);
		else
			buf_printf(x->out, "%s\n", words[n->type]);
	}
	if (n->type != NODE_PRED && n->type != NODE_CONST) {
		if (x->json)
			buf_str(x->out, ",\"of\":[");
		for (uint32_t i = 0; i < n->n; i++) {
			if (x->json && i != 0)
				buf_byte(x->out, ',');
			put_node(x, x->p->kids[n->first + i], depth + 1);
		}
		if (x->json)
			buf_byte(x->out, ']');
	}
	if (x->json)
		buf_byte(x->out, '}');
}

/* -- ways ----------------------------------------------------------------- */

/* Why the event is none for the gate; NULL: it is one. */
static const char *
gate_refuses(const struct gate *g, const struct event *e)
{
	const struct value *v;
	uint8_t folded[2048];
	uint64_t id;
	struct buf b;
	bool same;

	if (g->kind != (enum kind)e->kind)
		return "another kind of event is wanted";
	if (e->kind != KIND_WINEVENT)
		return NULL;
	if (g->channel.len != 0) {
		if ((v = event_get(e, FIELD_WIN_CHANNEL)) == NULL)
			return "the event names no channel";
		buf_init(&b, sizeof(folded) / 2 - 4);
		value_put(&b, v);
		same = !b.failed && span_eq(g->channel, span_of(folded,
		    fold_text(buf_view(&b), folded)));
		buf_fini(&b);
		if (!same)
			return "another channel is wanted";
	}
	if (g->event_id != GATE_ANY_ID && (!event_u64(e,
	    FIELD_WIN_EVENT_ID, &id) || id != g->event_id))
		return "another event id is wanted";
	return NULL;
}

static void
put_gate(struct explain *x, const struct gate *g, const char *refused)
{
	if (x->json) {
		buf_str(x->out, "{\"kind\":");
		json_str(x->out, span_str(kind_name(g->kind)));
		if (g->channel.len != 0) {
			buf_str(x->out, ",\"channel\":");
			json_str(x->out, g->channel);
		}
		if (g->event_id != GATE_ANY_ID)
			buf_printf(x->out, ",\"event_id\":%u", g->event_id);
		buf_printf(x->out, ",\"applies\":%s",
		    refused == NULL ? "true" : "false");
		if (refused != NULL) {
			buf_str(x->out, ",\"why\":");
			json_str(x->out, span_str(refused));
		}
		return;
	}
	buf_printf(x->out, "  for %s", kind_name(g->kind));
	if (g->channel.len != 0) {
		buf_str(x->out, ", channel ");
		put_safe(x->out, g->channel);
	}
	if (g->event_id != GATE_ANY_ID)
		buf_printf(x->out, ", event id %u", g->event_id);
	buf_printf(x->out, ": %s\n", refused == NULL ? "applies" : refused);
}

static void
put_rule_head(struct explain *x, const struct rule *r)
{
	if (x->json) {
		buf_str(x->out, "{\"type\":\"explanation\",\"rule\":{\"id\":");
		json_str(x->out, span_str(r->id));
		buf_str(x->out, ",\"title\":");
		json_str(x->out, span_str(r->title));
		buf_str(x->out, "}");
		buf_printf(x->out, ",\"record\":%llu,\"ways\":[",
		    (unsigned long long)x->e->loc.record);
		return;
	}
	put_safe(x->out, span_str(r->title));
	buf_str(x->out, " [");
	put_safe(x->out, span_str(r->id));
	buf_printf(x->out, "], record %llu\n",
	    (unsigned long long)x->e->loc.record);
}

static enum explained
explain_rule(struct explain *x, uint32_t rule)
{
	enum explained what = EXPLAIN_ELSEWHERE;
	unsigned ways = 0;

	put_rule_head(x, &x->p->rule[rule]);
	for (uint32_t i = 0; i < x->p->nvariants; i++) {
		const struct variant *v = &x->p->variant[i];
		const struct gate *g = &x->p->gate[v->gate];
		const char *refused = gate_refuses(g, x->e);

		if (v->rule != rule)
			continue;
		if (x->json && ways != 0)
			buf_byte(x->out, ',');
		ways++;
		put_gate(x, g, refused);
		if (refused == NULL) {
			enum explained here = matcher_node(x->m, v->root) ?
			    EXPLAIN_HOLDS : EXPLAIN_DIFFERS;

			what = MAX_OF(what, here);
			if (x->json)
				buf_str(x->out, ",\"condition\":");
			put_node(x, v->root, 1);
		}
		if (x->json)
			buf_byte(x->out, '}');
	}
	if (x->json) {
		buf_printf(x->out, "],\"matched\":%s}\n",
		    what == EXPLAIN_HOLDS ? "true" : "false");
		return what;
	}
	if (ways == 0)
		buf_str(x->out, "  no event that picket decodes can meet it: "
		    "its log source is not known, or its fields are never "
		    "there\n");
	buf_printf(x->out, "%s\n", what == EXPLAIN_HOLDS ? "matched" :
	    what == EXPLAIN_DIFFERS ? "not matched" :
	    "not matched: the rule is not for this event");
	return what;
}

enum explained
program_explain(const struct program *p, struct matcher *m,
    const struct event *e, bool json, struct buf *out)
{
	struct explain x = { .p = p, .m = m, .e = e, .out = out,
	    .json = json };
	enum explained what = EXPLAIN_ELSEWHERE;

	matcher_look(m, e);
	for (uint32_t i = 0; i < p->nrules; i++) {
		enum explained here = explain_rule(&x, i);

		what = MAX_OF(what, here);
	}
	return what;
}
