/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning (hunt --tune): levels that an operator changes, rules that do not
 * apply at a site, and who may do what a rule finds.
 *
 *	levels:
 *	  - rule: ID			or a list of ids
 *	    level: low
 *	    reason: text		wanted in every entry
 *	    until: 2027-01-31		not for events from then on
 *	exclude:
 *	  - rule: ID
 *	    reason: text
 *	allow:
 *	  - rule: any			or ids
 *	    user: ['svc_backup*']	any of the values; all of the keys
 *	    host: BACKUP01
 *	    src_ip: 10.20.0.0/16	address or network; so dst_ip
 *	    process: 'C:\Program Files\Veeam\*'
 *	    command_line: '*ntdsutil*snapshot*'
 *	    service, domain, url, file, hash: as entities of findings
 *	    field: {LogonType: 3}	any field of the event
 *	    reason: text
 *
 * Values compare case-blind and whole, * and ? are wildcards.  A detector's
 * name stands for all ids that begin with it.  What a finding does not know
 * does not hold: so command_line and field hold only for findings of one event.
 * until compares with the time of the finding, not with a clock: the same
 * evidence gives the same report next year.
 *
 * The tune owns its entries; texts are the program's.  Bounds: TUNE_FILE_MAX,
 * TUNE_ENTRIES_MAX, VALUES_MAX, the reader of YAML's own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"

#define VALUES_MAX	1000u	/* of one key */
#define KEYS_MAX	16u	/* of one entry */
#define TEXT_MAX	4096u	/* of a value, and of what it compares with */

enum part { PART_LEVELS, PART_EXCLUDE, PART_ALLOW };

struct condition {
	int		 entity;	/* enum entity, or -1 */
	uint16_t	 field, alias;	/* when it is none: by name, and what
					 * that is an alias of */
	bool		 net;		/* addresses and networks */
	struct span	*value;		/* folded, with WILD_ bytes */
	size_t		 nvalues;
};

struct entry {
	enum part	 part;
	const char	**rule;		/* NULL: any */
	size_t		 nrules;
	enum severity	 level;
	int64_t		 until;		/* TIME_NONE: for good */
	struct condition condition[KEYS_MAX];
	size_t		 nconditions;
	unsigned	 line, column;
	bool		 has_reason, has_level, has_rule;
};

struct tune {
	struct entry	*entry;
	size_t		 n;
};

/* A file on its way to a tune. */
struct loader {
	struct program	*p;
	struct tune	*t;
	const struct ydoc *y;
	const char	*path;
	bool		 failed;
};

static void
fail(struct loader *l, int node, const char *why, struct span what)
{
	l->failed = true;
	program_fault(l->p, l->path, ydoc_line(l->y, node),
	    ydoc_column(l->y, node), what.len == 0 ? "%s" : "%s: %.*s", why,
	    (int)MIN_OF(what.len, (size_t)80), (const char *)what.ptr);
}

/* -- reading -------------------------------------------------------------- */

/* Scalars of a scalar or a list; 0 when there is none to be had. */
static size_t
count_values(struct loader *l, int node)
{
	size_t n = ydoc_type_of(l->y, node) == YAML_LIST ?
	    ydoc_count(l->y, node) :
	    ydoc_type_of(l->y, node) == YAML_SCALAR ? 1 : 0;

	if (n == 0 || n > VALUES_MAX) {
		fail(l, node, n == 0 ? "a value or a list of values is wanted" :
		    "more values than are taken", SPAN_NONE);
		return 0;
	}
	return n;
}

static struct span
value_at(struct loader *l, int node, size_t i)
{
	int item = ydoc_type_of(l->y, node) == YAML_LIST ?
	    ydoc_item(l->y, node, i) : node;
	struct span s = ydoc_text(l->y, item);

	if (ydoc_type_of(l->y, item) != YAML_SCALAR || s.len == 0 ||
	    s.len > TEXT_MAX)
		fail(l, item, "a text is wanted", SPAN_NONE);
	return s;
}

static struct span
glob_of(struct loader *l, struct span s)
{
	struct span folded = program_fold(l->p, s), copy;
	uint8_t *d = arena_alloc(&l->p->arena, folded.len + 1);

	if (d == NULL)
		return SPAN_NONE;
	copy = span_of(d, folded.len);
	for (size_t i = 0; i < folded.len; i++)
		d[i] = folded.ptr[i] == '*' ? WILD_MANY :
		    folded.ptr[i] == '?' ? WILD_ONE : folded.ptr[i];
	return copy;
}

static bool
is_net(struct span s)
{
	size_t slash = span_find_byte(s, '/');
	struct addr a;
	uint64_t bits = 0;

	return addr_parse(span_sub(s, 0, slash), &a) && (slash == SPAN_NPOS ||
	    (span_u64(span_sub(s, slash + 1, SIZE_MAX), &bits) &&
	    bits <= (span_find_byte(s, ':') == SPAN_NPOS ? 32u : 128u)));
}

static void
add_condition(struct loader *l, struct entry *e, int key, int value,
    int entity, unsigned field, unsigned alias)
{
	struct condition *c = &e->condition[e->nconditions];
	size_t n = count_values(l, value);

	if (n == 0)
		return;
	if (e->nconditions == KEYS_MAX) {
		fail(l, key, "more keys than are taken", SPAN_NONE);
		return;
	}
	*c = (struct condition){ .entity = entity, .field = (uint16_t)field,
	    .alias = (uint16_t)alias, .net = entity == ENTITY_SRC_IP ||
	    entity == ENTITY_DST_IP };
	c->value = arena_zalloc(&l->p->arena, n * sizeof(*c->value));
	if (c->value == NULL) {
		fail(l, key, "out of memory", SPAN_NONE);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct span s = value_at(l, value, i);

		if (c->net && !l->failed && !is_net(s))
			fail(l, value, "no address and no network", s);
		c->value[i] = c->net ? arena_copy(&l->p->arena, s) :
		    glob_of(l, s);
	}
	c->nvalues = n;
	e->nconditions++;
}

static void
read_fields(struct loader *l, struct entry *e, int node)
{
	if (ydoc_type_of(l->y, node) != YAML_MAP)
		fail(l, node, "field wants a map", SPAN_NONE);
	for (size_t i = 0; i < ydoc_count(l->y, node) &&
	    ydoc_type_of(l->y, node) == YAML_MAP; i++) {
		int key = ydoc_key(l->y, node, i);
		struct span name = ydoc_text(l->y, key);
		unsigned alias = field_by_alias(name), id = field_by_name(name);

		/* Windows events go by exact name, all others by alias. */
		if (id == FIELD_OTHER && name.len != 0)
			id = field_intern(name);
		if (id == FIELD_OTHER)
			fail(l, key, "cannot use this field", name);
		else
			add_condition(l, e, key, ydoc_value(l->y, node, i),
			    -1, id, alias == FIELD_OTHER ? id : alias);
	}
}

static void
read_rules(struct loader *l, struct entry *e, int node)
{
	size_t n = count_values(l, node);

	if (e->has_rule)
		fail(l, node, "rule is there twice", SPAN_NONE);
	e->has_rule = true;
	if (n == 1 && span_eq(value_at(l, node, 0), SPAN_LIT("any")))
		return;
	e->rule = arena_zalloc(&l->p->arena, (n + 1) * sizeof(*e->rule));
	if (e->rule == NULL) {
		fail(l, node, "out of memory", SPAN_NONE);
		return;
	}
	for (size_t i = 0; i < n; i++)
		e->rule[i] = program_text(l->p, value_at(l, node, i));
	e->nrules = n;
}

/* "2027-01-31" or a time. */
static void
read_until(struct loader *l, struct entry *e, int node)
{
	struct span s = ydoc_text(l->y, node);
	char text[32];
	int n;

	if (s.len == 10) {
		n = snprintf(text, sizeof(text), "%.10sT00:00:00Z",
		    (const char *)s.ptr);
		s = span_of(text, (size_t)n);
	}
	if (!time_parse(s, &e->until))
		fail(l, node, "no date", ydoc_text(l->y, node));
}

static const struct {
	const char	*key;
	int		 entity;
	uint16_t	 field;
} keys[] = {
	{ "user", ENTITY_USER, 0 }, { "host", ENTITY_HOST, 0 },
	{ "src_ip", ENTITY_SRC_IP, 0 }, { "dst_ip", ENTITY_DST_IP, 0 },
	{ "process", ENTITY_PROCESS, 0 }, { "service", ENTITY_SERVICE, 0 },
	{ "domain", ENTITY_DOMAIN, 0 }, { "url", ENTITY_URL, 0 },
	{ "file", ENTITY_FILE, 0 }, { "hash", ENTITY_HASH, 0 },
	{ "command_line", -1, FIELD_COMMAND_LINE },
};

static void
read_key(struct loader *l, struct entry *e, int key, int value)
{
	struct span name = ydoc_text(l->y, key);

	if (span_eq(name, SPAN_LIT("rule"))) {
		read_rules(l, e, value);
	} else if (span_eq(name, SPAN_LIT("reason"))) {
		e->has_reason = span_trim(ydoc_text(l->y, value)).len != 0;
	} else if (span_eq(name, SPAN_LIT("until"))) {
		read_until(l, e, value);
	} else if (span_eq(name, SPAN_LIT("level")) &&
	    e->part == PART_LEVELS) {
		e->has_level = severity_find(ydoc_text(l->y, value),
		    &e->level);
		if (!e->has_level)
			fail(l, value, "no level", ydoc_text(l->y, value));
	} else if (span_eq(name, SPAN_LIT("field")) && e->part == PART_ALLOW) {
		read_fields(l, e, value);
	} else {
		for (size_t i = 0; i < NITEMS(keys) &&
		    e->part == PART_ALLOW; i++) {
			if (!span_eq(name, span_str(keys[i].key)))
				continue;
			add_condition(l, e, key, value, keys[i].entity,
			    keys[i].field, keys[i].field);
			return;
		}
		fail(l, key, "no such key here", name);
	}
}

static void
read_entry(struct loader *l, enum part part, int node)
{
	struct tune *t = l->t;
	struct entry *e;

	if (ydoc_type_of(l->y, node) != YAML_MAP) {
		fail(l, node, "a map is wanted", SPAN_NONE);
		return;
	}
	if (t->n == TUNE_ENTRIES_MAX) {
		fail(l, node, "more entries than are taken", SPAN_NONE);
		return;
	}
	if ((t->n & (t->n - 1)) == 0) {
		e = realloc(t->entry, (t->n == 0 ? 1 : t->n * 2) * sizeof(*e));
		if (e == NULL) {
			fail(l, node, "out of memory", SPAN_NONE);
			return;
		}
		t->entry = e;
	}
	e = &t->entry[t->n++];
	*e = (struct entry){ .part = part, .until = TIME_NONE,
	    .line = ydoc_line(l->y, node),
	    .column = ydoc_column(l->y, node) };
	for (size_t i = 0; i < ydoc_count(l->y, node); i++)
		read_key(l, e, ydoc_key(l->y, node, i),
		    ydoc_value(l->y, node, i));
	if (l->failed)
		return;
	if (!e->has_reason)
		fail(l, node, "no reason is given", SPAN_NONE);
	if (!e->has_rule)
		fail(l, node, "no rule is named (any: all)", SPAN_NONE);
	else if (e->rule == NULL && part == PART_EXCLUDE)
		fail(l, node, "exclude wants ids of rules", SPAN_NONE);
	if (part == PART_LEVELS && !e->has_level)
		fail(l, node, "no level is given", SPAN_NONE);
	if (part == PART_ALLOW && e->nconditions == 0)
		fail(l, node, "allow wants a condition; to leave a rule out "
		    "use exclude", SPAN_NONE);
}

static void
read_root(struct loader *l, int root)
{
	static const char *const parts[] = { "levels", "exclude", "allow" };

	if (ydoc_type_of(l->y, root) != YAML_MAP) {
		fail(l, root, "not a map of levels, exclude, allow",
		    SPAN_NONE);
		return;
	}
	for (size_t i = 0; i < ydoc_count(l->y, root); i++) {
		struct span name = ydoc_text(l->y, ydoc_key(l->y, root, i));
		int list = ydoc_value(l->y, root, i);
		size_t part = 0;

		while (part < NITEMS(parts) &&
		    !span_eq(name, span_str(parts[part])))
			part++;
		if (part == NITEMS(parts)) {
			fail(l, ydoc_key(l->y, root, i), "no such key", name);
			continue;
		}
		if (ydoc_type_of(l->y, list) != YAML_LIST) {
			fail(l, list, "a list is wanted", SPAN_NONE);
			continue;
		}
		for (size_t k = 0; k < ydoc_count(l->y, list); k++)
			read_entry(l, (enum part)part,
			    ydoc_item(l->y, list, k));
	}
}

static void
read_documents(struct loader *l, struct span text)
{
	struct ydoc_stream *s = ydoc_open(text);
	struct ydoc_fault fault = { NULL, 0, 0 };
	struct ydoc *y;

	if (s == NULL) {
		l->failed = true;
		return;
	}
	while ((y = ydoc_next(s, &fault)) != NULL) {
		l->y = y;
		read_root(l, ydoc_root(y));
		ydoc_free(y);
	}
	if (fault.reason != NULL) {
		l->failed = true;
		program_fault(l->p, l->path, fault.line, fault.column, "%s",
		    fault.reason);
	}
	ydoc_close(s);
}

enum err
tune_read(struct program *p, const char *path, struct span text,
    struct tune **out)
{
	struct loader l = { .p = p, .path = path };

	*out = NULL;
	if ((l.t = calloc(1, sizeof(*l.t))) == NULL)
		return ERR_NOMEM;
	if (text.len > TUNE_FILE_MAX) {
		program_fault(p, path, 0, 0,
		    "larger than a tuning file may be");
		l.failed = true;
	} else {
		read_documents(&l, text);
	}
	if (l.failed || program_full(p)) {
		tune_free(l.t);
		return ERR_RULE;
	}
	*out = l.t;
	return ERR_OK;
}

enum err
tune_load(struct program *p, const char *path, struct tune **out)
{
	FILE *f = fopen(path, "re");
	uint8_t *b = malloc(TUNE_FILE_MAX + 1);
	enum err err = f == NULL ? ERR_OPEN : ERR_NOMEM;

	*out = NULL;
	if (f != NULL && b != NULL) {
		size_t n = fread(b, 1, TUNE_FILE_MAX + 1, f);

		err = ferror(f) ? ERR_OPEN :
		    tune_read(p, path, span_of(b, n), out);
	}
	free(b);
	if (f != NULL)
		fclose(f);
	return err;
}

void
tune_free(struct tune *t)
{
	if (t == NULL)
		return;
	free(t->entry);
	free(t);
}

void
tune_demand(const struct tune *t, struct demand *d)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < t->entry[i].nconditions; k++) {
			const struct condition *c = &t->entry[i].condition[k];

			if (c->entity >= 0)
				continue;
			demand_field(d, c->field);
			demand_field(d, c->alias);
		}
	}
}

bool
tune_rule(const struct tune *t, size_t i, const char **id, unsigned *line,
    unsigned *column)
{
	for (size_t k = 0; k < t->n; k++) {
		const struct entry *e = &t->entry[k];

		if (i < e->nrules) {
			*id = e->rule[i];
			*line = e->line;
			*column = e->column;
			return true;
		}
		i -= e->nrules;
	}
	return false;
}

/* -- applying ------------------------------------------------------------- */

static bool
value_fits(const struct condition *c, struct span text)
{
	uint8_t folded[FOLD_ROOM(TEXT_MAX)];
	size_t n;

	if (text.len == 0)
		return false;
	text = span_sub(text, 0, TEXT_MAX);
	n = c->net ? 0 : fold_text(text, folded);
	for (size_t i = 0; i < c->nvalues; i++)
		if (c->net ? net_has(c->value[i], text) :
		    glob_match(c->value[i], span_of(folded, n)))
			return true;
	return false;
}

static bool
field_fits(const struct condition *c, const struct event *e)
{
	const struct value *v = e == NULL ? NULL : event_get(e, c->field);
	const struct value *item;
	uint32_t n = 1;
	bool yes = false;
	struct buf b;

	if (v == NULL && e != NULL)
		v = event_get(e, c->alias);
	item = v;
	if (v == NULL || v->type == VT_NULL)
		return false;
	if (v->type == VT_LIST) {
		item = v->ptr;
		n = v->len;
	}
	buf_init(&b, 64u << 10);
	for (uint32_t i = 0; i < n && !yes; i++) {
		buf_reset(&b);
		value_put(&b, &item[i]);
		yes = !b.failed && value_fits(c, buf_view(&b));
	}
	buf_fini(&b);
	return yes;
}

static bool
rule_fits(const struct entry *e, const char *id)
{
	if (e->rule == NULL)
		return true;
	for (size_t i = 0; i < e->nrules; i++) {
		size_t n = strlen(e->rule[i]);

		/* "ssf" is "ssf-upload" too. */
		if (strncmp(id, e->rule[i], n) == 0 &&
		    (id[n] == '\0' || id[n] == '-'))
			return true;
	}
	return false;
}

static bool
entry_fits(const struct entry *x, const struct finding *f,
    const struct event *e)
{
	if (!rule_fits(x, f->rule) || (x->until != TIME_NONE &&
	    f->time != TIME_NONE && f->time >= x->until))
		return false;
	for (size_t i = 0; i < x->nconditions; i++) {
		const struct condition *c = &x->condition[i];

		if (c->entity >= 0 ? !value_fits(c, f->entity[c->entity]) :
		    !field_fits(c, e))
			return false;
	}
	return true;
}

enum tuned
tune_finding(const struct tune *t, struct finding *f, const struct event *e)
{
	enum tuned what = TUNED_NOT;

	for (size_t i = 0; i < t->n; i++) {
		const struct entry *x = &t->entry[i];

		if (!entry_fits(x, f, e))
			continue;
		if (x->part != PART_LEVELS)
			return TUNED_OUT;
		f->severity = x->level;
		what = TUNED_LEVEL;
	}
	return what;
}
