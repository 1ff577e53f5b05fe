/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma's documents: which are rules, what they stand on (action: global and
 * repeat), and rules compiled once for each way in which their log source can
 * be met, with the fields' names as they are there; a variant that folds to
 * false is dropped.
 *
 * A file's documents are freed with the file; correlations and rules that may
 * be referred to are kept in the program's arena until sigma_finish().
 */
#include <stdlib.h>

#include "inner.h"

/* -- documents on documents ---------------------------------------------- */

int
sigma_get(struct sigma *s, const char *key)
{
	for (unsigned i = 0; i < s->nlayers; i++) {
		const struct ydoc *y = s->layer[i];
		int node = ydoc_get(y, ydoc_root(y), key);

		if (node != 0) {
			s->y = y;
			return node;
		}
	}
	s->y = s->layer[0];
	return 0;
}

/* A key of a map of the root; the map of an upper document goes first. */
static int
get_below(struct sigma *s, const char *map, const char *key)
{
	for (unsigned i = 0; i < s->nlayers; i++) {
		const struct ydoc *y = s->layer[i];
		int node = ydoc_get(y, ydoc_get(y, ydoc_root(y), map), key);

		if (node != 0) {
			s->y = y;
			return node;
		}
	}
	s->y = s->layer[0];
	return 0;
}

/* Not the names of selections. */
static bool
is_reserved(struct span name)
{
	return name.ptr == NULL || span_eq(name, SPAN_LIT("condition")) ||
	    span_eq(name, SPAN_LIT("timeframe")) ||
	    span_eq(name, SPAN_LIT("rules"));
}

static void
add_selection(struct sigma *s, struct span name, const struct ydoc *y,
    int node)
{
	struct selection *sel = &s->sel[s->nsel++], *above = NULL;

	*sel = (struct selection){ .name = name, .y = y, .node = node };
	for (size_t i = 0; i + 1 < s->nsel; i++)
		if (s->sel[i].y != y && span_eq(s->sel[i].name, name))
			above = &s->sel[i];
	if (above == NULL)
		return;
	sel->hidden = true;
	/* Lists and keywords are replaced whole. */
	if (ydoc_type_of(y, node) == YAML_MAP &&
	    ydoc_type_of(above->y, above->node) == YAML_MAP)
		above->under = sel;
}

bool
sigma_set_selections(struct sigma *s, const char *key)
{
	size_t total = 1;

	for (unsigned i = 0; i < s->nlayers; i++)
		total += ydoc_count(s->layer[i], ydoc_get(s->layer[i],
		    ydoc_root(s->layer[i]), key));
	s->nsel = 0;
	s->sel = calloc(total, sizeof(*s->sel));
	for (unsigned i = 0; s->sel != NULL && i < s->nlayers; i++) {
		const struct ydoc *y = s->layer[i];
		int map = ydoc_get(y, ydoc_root(y), key);

		for (size_t k = 0; k < ydoc_count(y, map); k++) {
			struct span name = ydoc_text(y, ydoc_key(y, map, k));

			if (is_reserved(name))
				continue;
			add_selection(s, name, y, ydoc_value(y, map, k));
		}
	}
	return s->sel != NULL;
}

/* -- rules --------------------------------------------------------------- */

static void
attack_tags(struct sigma *s, int tags, struct buf *out)
{
	static const char prefix[] = "attack.t";

	for (size_t i = 0; i < ydoc_count(s->y, tags); i++) {
		struct span t = ydoc_text(s->y, ydoc_item(s->y, tags, i));

		if (!span_starts_nocase(t, span_str(prefix)) ||
		    t.len == sizeof(prefix) - 1 ||
		    !ascii_is_digit(t.ptr[sizeof(prefix) - 1]))
			continue;
		if (out->len != 0)
			buf_byte(out, ' ');
		buf_byte(out, 'T');
		buf_span(out, span_sub(t, sizeof(prefix) - 1, SIZE_MAX));
	}
	buf_byte(out, '\0');
}

static struct span
span_at(struct sigma *s, const char *key)
{
	int node = sigma_get(s, key);

	return ydoc_text(s->y, node);
}

void
sigma_set_rule(struct sigma *s, struct rule *r)
{
	struct buf attack;

	memset(r, 0, sizeof(*r));
	r->id = program_text(s->p, span_at(s, "id"));
	r->title = program_text(s->p, span_at(s, "title"));
	r->language = "sigma";
	r->path = s->path;
	r->line = ydoc_line(s->layer[0], ydoc_root(s->layer[0]));
	r->advice = "Look at the event and its neighbours on this host; check "
	    "the rule's known false alarms.";
	r->confidence = 60;
	r->severity = SEV_MEDIUM;
	severity_find(span_at(s, "level"), &r->severity);
	buf_init(&attack, 4096);
	attack_tags(s, sigma_get(s, "tags"), &attack);
	r->attack = attack.failed ? "" : program_text(s->p,
	    span_of(attack.ptr, attack.len - 1));
	buf_fini(&attack);
	if (r->id[0] == '\0')
		r->id = r->title;
}

void
sigma_read_source(struct sigma *s, struct sigma_source *out)
{
	const struct {
		const char	*key;
		struct span	*to;
	} parts[] = {
		{ "category", &out->category }, { "product", &out->product },
		{ "service", &out->service },
	};

	for (size_t i = 0; i < NITEMS(parts); i++) {
		int node = get_below(s, "logsource", parts[i].key);
		struct span t = ydoc_text(s->y, node);

		*parts[i].to = t.len == 0 ? SPAN_NONE :
		    arena_copy(&s->p->arena, t);
	}
}

struct sigma_rule *
sigma_add_rule(struct sigma *s, const struct rule *rule)
{
	struct sigma_rule *r = arena_zalloc(&s->p->arena, sizeof(*r));

	if (r == NULL || s->p->nrules == 0) {
		s->p->full = true;
		return NULL;
	}
	r->id = rule->id;
	r->name = program_text(s->p, span_at(s, "name"));
	r->path = s->path;
	r->rule = (uint32_t)s->p->nrules - 1;
	*s->st->rules_end = r;
	s->st->rules_end = &r->next;
	return r;
}

/* The variant just added to the program, or none if it folded to false. */
static void
add_variant(struct sigma *s, struct sigma_variant **list, uint32_t before)
{
	struct sigma_variant *v = arena_zalloc(&s->p->arena, sizeof(*v));

	if (v == NULL || s->p->nrules == 0) {
		s->p->full = true;
		return;
	}
	v->variant = s->p->nvariants == before ? NO_VARIANT : before;
	v->rule = (uint32_t)s->p->nrules - 1;
	v->target = s->target;
	v->next = *list;
	*list = v;
}

static const struct map_target nowhere = {
	.kind = KIND_WINEVENT, .event_id = GATE_ANY_ID
};

/* The rule in the events of one target; part: 0, or a selection of near. */
static void
compile_target(struct sigma *s, const struct rule *rule, bool anywhere,
    struct sigma_variant **list)
{
	uint32_t before = s->p->nvariants;
	struct gate gate = { s->target->kind, s->target->channel,
	    s->target->event_id };
	node_id kid[2];

	if (!sigma_set_selections(s, "detection")) {
		sigma_fail(s, 0, "out of memory", SPAN_NONE);
		return;
	}
	kid[0] = sigma_target(s);
	kid[1] = sigma_conditions(s, get_below(s, "detection", "condition"));
	if (rule->part != 0 && !s->failed)
		kid[1] = sigma_selection(s, s->old->near[rule->part - 1]);
	free(s->sel);
	s->sel = NULL;
	if (s->failed)
		return;
	program_rule(s->p, rule, &gate, anywhere ? program_and(s->p, kid, 2) :
	    NODE_FALSE);
	if (anywhere)
		add_variant(s, list, before);
	arena_reset(&s->tmp);
}

static void
compile_part(struct sigma *s, const struct rule *rule,
    const struct sigma_source *source, struct sigma_variant **list)
{
	const struct map_target *target;
	size_t n = sigma_map_find(s->map, source->category, source->product,
	    source->service, &target);

	/* A rule that no event can meet is still checked whole, and counts as
	 * loaded. */
	if (n == 0) {
		s->target = &nowhere;
		compile_target(s, rule, false, list);
	}
	for (size_t i = 0; i < n && !s->failed; i++) {
		s->target = &target[i];
		compile_target(s, rule, true, list);
	}
}

static void
compile_detection(struct sigma *s)
{
	struct old_tail old = { .kind = OLD_NONE };
	struct sigma_variant *variants = NULL;
	uint32_t near[CORR_REFS_MAX];
	struct sigma_source source;
	struct sigma_rule *r;
	struct rule rule;

	sigma_read_source(s, &source);
	sigma_set_rule(s, &rule);
	if (!program_claim(s->p, rule.id))
		return;
	s->old = &old;
	compile_part(s, &rule, &source, &variants);
	if (!s->failed && (r = sigma_add_rule(s, &rule)) != NULL) {
		rule.inner = true;
		for (unsigned i = 0; i < old.nnear && !s->failed; i++) {
			rule.part = i + 1;
			compile_part(s, &rule, &source, &variants);
			near[i] = (uint32_t)s->p->nrules - 1;
			s->p->rule[near[i]].silent = true;
		}
		r->detects = true;
		r->source = source;
		r->variants = variants;
		if (old.kind != OLD_NONE && !s->failed)
			sigma_old_corr(s, r, near);
	}
	s->old = NULL;
}

static void
compile_rule(struct sigma *s)
{
	int root = ydoc_root(s->layer[0]);

	s->y = s->layer[0];
	s->failed = false;
	s->work = 0;
	arena_reset(&s->tmp);
	if (ydoc_type_of(s->y, root) != YAML_MAP)
		sigma_fail(s, root, "not a map", SPAN_NONE);
	else if (ydoc_get(s->y, root, "correlation") != 0)
		sigma_read_corr(s);
	else if (sigma_get(s, "logsource") == 0)
		sigma_fail(s, root, "no logsource", SPAN_NONE);
	else if (get_below(s, "detection", "condition") == 0)
		sigma_fail(s, root, "no detection with a condition", SPAN_NONE);
	else
		compile_detection(s);
}

/* -- files --------------------------------------------------------------- */

/* Filters wait until all rules are there. */
static void
keep_filters(struct sigma *s, struct span text)
{
	struct sigma_state *st = s->st;
	struct sigma_filters *f;

	if ((f = arena_zalloc(&s->p->arena, sizeof(*f))) == NULL ||
	    (f->text = arena_copy(&s->p->arena, text)).ptr == NULL) {
		s->p->full = true;
		return;
	}
	f->path = s->path;
	*st->filters_end = f;
	st->filters_end = &f->next;
}

/* The documents of a file that others may stand on. */
struct stack {
	struct ydoc	*global;
	struct ydoc	*before[LAYERS_MAX];	/* the newest first */
	unsigned	 n;
};

static void
drop_before(struct stack *k)
{
	for (unsigned i = 0; i < k->n; i++)
		ydoc_free(k->before[i]);
	k->n = 0;
}

static void
take_document(struct sigma *s, struct stack *k, struct ydoc *y,
    bool *has_filters)
{
	struct span action = ydoc_text(y, ydoc_get(y, ydoc_root(y), "action"));

	s->y = y;
	s->failed = false;
	if (ydoc_type_of(y, ydoc_root(y)) == YAML_SCALAR &&
	    ydoc_text(y, ydoc_root(y)).len == 0) {
		ydoc_free(y);	/* nothing behind the last --- */
		return;
	}
	if (span_eq(action, SPAN_LIT("global")) ||
	    span_eq(action, SPAN_LIT("reset"))) {
		drop_before(k);
		ydoc_free(k->global);
		k->global = NULL;
		if (span_eq(action, SPAN_LIT("global")))
			k->global = y;
		else
			ydoc_free(y);
		return;
	}
	if (ydoc_get(y, ydoc_root(y), "filter") != 0) {
		*has_filters = true;
		ydoc_free(y);
		return;
	}
	if (!span_eq(action, SPAN_LIT("repeat")))
		drop_before(k);
	if (k->n + 2 > LAYERS_MAX) {
		sigma_fail(s, ydoc_root(y), "repeats more than is kept",
		    SPAN_NONE);
		ydoc_free(y);
		return;
	}
	memmove(&k->before[1], &k->before[0], k->n * sizeof(k->before[0]));
	k->before[0] = y;
	k->n++;
	s->nlayers = 0;
	for (unsigned i = 0; i < k->n; i++)
		s->layer[s->nlayers++] = k->before[i];
	if (k->global != NULL)
		s->layer[s->nlayers++] = k->global;
	compile_rule(s);
}

static struct sigma_state *
new_state(struct program *p, const struct rule_options *opt)
{
	struct sigma_state *st = arena_zalloc(&p->arena, sizeof(*st));

	if (st == NULL || (st->map = sigma_map_load(p, opt)) == NULL)
		return NULL;
	st->rules_end = &st->rules;
	st->corrs_end = &st->corrs;
	st->filters_end = &st->filters;
	if (opt->placeholders != NULL &&
	    !sigma_load_lists(p, st, opt->placeholders))
		return NULL;
	return st;
}

void
sigma_read(struct program *p, const struct rule_options *opt,
    const char *path, struct span text, void *ahead)
{
	struct sigma s = { .p = p, .path = path };
	struct stack docs = { NULL, { NULL }, 0 };
	struct ydoc_stream *stream;
	struct ydoc_fault fault = { NULL, 0, 0 };
	bool has_filters = false;
	struct ydoc *y;

	if (p->languages[0] == NULL)
		p->languages[0] = new_state(p, opt);
	s.st = p->languages[0];
	stream = ahead != NULL ? ahead : ydoc_open(text);
	if (s.st == NULL || stream == NULL || p->stopped) {
		p->stopped = true;	/* without a map no rule means much */
		goto out;
	}
	s.map = s.st->map;
	arena_init(&s.tmp, 64u << 20);
	while ((y = ydoc_next(stream, &fault)) != NULL)
		take_document(&s, &docs, y, &has_filters);
	if (fault.reason != NULL)
		program_fault(p, path, fault.line, fault.column, "%s",
		    fault.reason);
	if (has_filters)
		keep_filters(&s, text);
	drop_before(&docs);
	ydoc_free(docs.global);
	arena_fini(&s.tmp);
out:
	if (stream != ahead)
		ydoc_close(stream);
}

bool
sigma_finish(struct program *p)
{
	struct sigma_state *st = p->languages[0];

	if (st == NULL)
		return true;
	sigma_apply_filters(p, st);
	return sigma_resolve(p, st) && !p->full;
}
