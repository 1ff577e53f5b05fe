/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma's log sources: which events a category, product and service mean.
 *
 * The map is data in the schema of SigmaHQ's own table (tests/thor.yml), so
 * that very file can be given; our own keys beside it: kind (of event, else
 * winevent), alone (only rules that name nothing else) and absent (fields that
 * the events never have).
 *
 *	logsources:
 *	  NAME:
 *	    category, product, service:  what a rule must name
 *	    conditions:  FIELD: value or list (EventID becomes part of the gate)
 *	    rewrite:     category, product, service that it stands for
 *	    fieldmappings:  FIELD: name in the event
 *	    sources:     "WinEventLog:CHANNEL"
 *	    exists:      fields of which an event must have one at least
 *	references: renamed	fieldref's own field is renamed as well, which
 *				SigmaHQ's table does not say
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "rule.h"

#define ENTRIES_MAX	4096u
#define TARGETS_MAX	4096u	/* of one log source */
#define MAP_DEPTH_MAX	4u	/* rewrites of rewrites */

struct entry {
	struct span	category, product, service;
	struct span	re_category, re_product, re_service;
	bool		rewrites;
	bool		alone;
	bool		elsewhere;	/* in files of logs, not in events */
	enum kind	kind;
	struct span	*channel;
	size_t		nchannels;
	struct map_condition *condition;
	size_t		nconditions;
	struct span	(*rename)[2];
	size_t		nrenames;
	struct span	*absent;
	size_t		nabsent;
	struct span	*exists;
	size_t		nexists;
};

struct found {			/* answers are kept: rules repeat them */
	struct span	category, product, service;
	struct map_target *target;
	size_t		n;
};

struct sigma_map {
	struct program	*p;
	struct entry	*entry;
	size_t		 nentries;
	struct found	*found;
	size_t		 nfound;
	bool		 renames_refs;
};

static void *
take(struct program *p, size_t n, size_t size)
{
	return arena_zalloc(&p->arena, MAX_OF(n, (size_t)1) * size);
}

static struct span
keep(struct program *p, struct span s)
{
	return s.len == 0 ? SPAN_NONE : arena_copy(&p->arena, s);
}

/* A scalar or a list of them. */
static struct span *
keep_list(struct program *p, const struct ydoc *y, int node, size_t *n)
{
	bool is_list = ydoc_type_of(y, node) == YAML_LIST;
	struct span *s;

	*n = node == 0 ? 0 : is_list ? ydoc_count(y, node) : 1;
	if ((s = take(p, *n, sizeof(*s))) == NULL) {
		*n = 0;
		return NULL;
	}
	for (size_t i = 0; i < *n; i++)
		s[i] = keep(p, ydoc_text(y, is_list ?
		    ydoc_item(y, node, i) : node));
	return s;
}

static void
read_conditions(struct program *p, const struct ydoc *y, int node,
    struct entry *e)
{
	size_t n = ydoc_count(y, node);

	e->condition = take(p, n, sizeof(*e->condition));
	if (e->condition == NULL || ydoc_type_of(y, node) != YAML_MAP)
		return;
	for (size_t i = 0; i < n; i++) {
		struct map_condition *c = &e->condition[e->nconditions++];

		c->field = keep(p, ydoc_text(y, ydoc_key(y, node, i)));
		c->value = keep_list(p, y, ydoc_value(y, node, i), &c->n);
	}
}

static void
read_renames(struct program *p, const struct ydoc *y, int node,
    struct entry *e)
{
	size_t n = ydoc_count(y, node);

	e->rename = take(p, n, sizeof(*e->rename));
	if (e->rename == NULL || ydoc_type_of(y, node) != YAML_MAP)
		return;
	for (size_t i = 0; i < n; i++) {
		e->rename[i][0] = keep(p, ydoc_text(y, ydoc_key(y, node, i)));
		e->rename[i][1] = keep(p,
		    ydoc_text(y, ydoc_value(y, node, i)));
	}
	e->nrenames = n;
}

/* Only event logs count: paths of files mean nothing where logs are
 * recognised by content. */
static void
read_channels(struct program *p, const struct ydoc *y, int node,
    struct entry *e)
{
	static const char prefix[] = "WinEventLog:";
	struct span *s = keep_list(p, y, node, &e->nchannels);
	size_t out = 0;

	for (size_t i = 0; i < e->nchannels; i++)
		if (span_starts(s[i], span_str(prefix)))
			s[out++] = span_sub(s[i], sizeof(prefix) - 1,
			    SIZE_MAX);
	e->elsewhere = e->nchannels != 0 && out == 0;
	e->channel = s;
	e->nchannels = out;
}

/* false, with a fault: no such kind of event. */
static bool
read_entry(struct sigma_map *m, const char *path, const struct ydoc *y,
    int node, struct entry *e)
{
	struct program *p = m->p;
	int re = ydoc_get(y, node, "rewrite");
	struct span kind;

	memset(e, 0, sizeof(*e));
	e->category = keep(p, ydoc_text(y, ydoc_get(y, node, "category")));
	e->product = keep(p, ydoc_text(y, ydoc_get(y, node, "product")));
	e->service = keep(p, ydoc_text(y, ydoc_get(y, node, "service")));
	e->rewrites = re != 0;
	e->re_category = keep(p, ydoc_text(y, ydoc_get(y, re, "category")));
	e->re_product = keep(p, ydoc_text(y, ydoc_get(y, re, "product")));
	e->re_service = keep(p, ydoc_text(y, ydoc_get(y, re, "service")));
	e->kind = KIND_WINEVENT;
	kind = ydoc_text(y, ydoc_get(y, node, "kind"));
	if (kind.len != 0 && !kind_find(kind, &e->kind)) {
		program_fault(p, path, ydoc_line(y, node), ydoc_column(y, node),
		    "no such kind of event: %.*s",
		    (int)MIN_OF(kind.len, (size_t)80), (const char *)kind.ptr);
		return false;
	}
	e->alone = e->kind == KIND_WINEVENT ||
	    ydoc_get(y, node, "alone") != 0;
	read_conditions(p, y, ydoc_get(y, node, "conditions"), e);
	read_renames(p, y, ydoc_get(y, node, "fieldmappings"), e);
	read_channels(p, y, ydoc_get(y, node, "sources"), e);
	e->elsewhere &= kind.len == 0;
	e->absent = keep_list(p, y, ydoc_get(y, node, "absent"), &e->nabsent);
	e->exists = keep_list(p, y, ydoc_get(y, node, "exists"), &e->nexists);
	return true;
}

static bool
read_map(struct sigma_map *m, const char *path, struct span text)
{
	struct ydoc_stream *s = ydoc_open(text);
	struct ydoc_fault fault = { "empty", 0, 0 };
	struct ydoc *y = s == NULL ? NULL : ydoc_next(s, &fault);
	int list = y == NULL ? 0 : ydoc_get(y, ydoc_root(y), "logsources");
	size_t n = y == NULL ? 0 : ydoc_count(y, list);
	bool ok = false;

	if (y == NULL) {
		program_fault(m->p, path, fault.line, fault.column, "%s",
		    fault.reason == NULL ? "empty" : fault.reason);
	} else if (list == 0 || n > ENTRIES_MAX) {
		program_fault(m->p, path, 1, 1, "no logsources in this map");
	} else if ((m->entry = take(m->p, n, sizeof(*m->entry))) != NULL) {
		m->nentries = n;
		m->renames_refs = ydoc_get(y, ydoc_root(y), "references") != 0;
		ok = true;
		for (size_t i = 0; i < n && ok; i++)
			ok = read_entry(m, path, y, ydoc_value(y, list, i),
			    &m->entry[i]);
	}
	ydoc_free(y);
	ydoc_close(s);
	return ok;
}

/* The whole file; memory is the arena's. */
static bool
read_whole(struct program *p, const char *path, struct span *out)
{
	FILE *f = fopen(path, "re");
	uint8_t *b;
	size_t n;

	if (f == NULL) {
		program_fault(p, path, 0, 0, "cannot open: %s",
		    strerror(errno));
		return false;
	}
	b = arena_alloc(&p->arena, RULE_FILE_MAX / 8);
	n = b == NULL ? 0 : fread(b, 1, RULE_FILE_MAX / 8, f);
	fclose(f);
	*out = span_of(b, n);
	return b != NULL;
}

bool
sigma_map_renames_refs(const struct sigma_map *m)
{
	return m->renames_refs;
}

struct sigma_map *
sigma_map_load(struct program *p, const struct rule_options *opt)
{
	struct sigma_map *m = take(p, 1, sizeof(*m));
	const char *name = opt->sigma_map == NULL ? "extended" :
	    opt->sigma_map;
	struct span text;
	struct buf path;
	bool ok;

	if (m == NULL)
		return NULL;
	m->p = p;
	buf_init(&path, 4096);
	if (strcmp(name, "extended") == 0 || strcmp(name, "reference") == 0)
		buf_printf(&path, "%s/sigma/%s.yml", opt->share, name);
	else
		buf_str(&path, name);
	buf_byte(&path, '\0');
	ok = !path.failed && read_whole(p, (const char *)path.ptr, &text) &&
	    read_map(m, (const char *)path.ptr, text);
	buf_fini(&path);
	return ok ? m : NULL;
}

/* -- looking up ---------------------------------------------------------- */

struct finder {
	const struct sigma_map	*m;
	struct map_target	*target;
	size_t			 n;
};

static bool
names(struct span want, struct span have)
{
	return want.len == 0 || span_eq_nocase(want, have);
}

/* What the path of rewrites has gathered. */
struct path {
	const struct entry	*entry[MAP_DEPTH_MAX];
	unsigned		 n;
};

static uint64_t
event_ids(const struct path *at, const struct map_condition **list)
{
	for (unsigned i = 0; i < at->n; i++)
		for (size_t k = 0; k < at->entry[i]->nconditions; k++)
			if (span_eq(at->entry[i]->condition[k].field,
			    SPAN_LIT("EventID"))) {
				*list = &at->entry[i]->condition[k];
				return (*list)->n;
			}
	*list = NULL;
	return 1;
}

/* All conditions but the event id, all renames, along the path. */
static bool
gather(struct finder *f, const struct path *at, struct map_target *t)
{
	struct program *p = f->m->p;
	size_t nc = 0, nr = 0, na = 0;

	for (unsigned i = 0; i < at->n; i++) {
		nc += at->entry[i]->nconditions;
		nr += at->entry[i]->nrenames;
		na += at->entry[i]->nabsent;
	}
	t->condition = take(p, nc, sizeof(*t->condition));
	t->rename = take(p, nr, sizeof(*t->rename));
	t->absent = take(p, na, sizeof(*t->absent));
	if (t->condition == NULL || t->rename == NULL || t->absent == NULL)
		return false;
	t->exists = at->entry[0]->exists;
	t->nexists = at->entry[0]->nexists;
	for (unsigned i = 0; i < at->n; i++) {
		const struct entry *e = at->entry[i];

		for (size_t k = 0; k < e->nconditions; k++)
			if (!span_eq(e->condition[k].field,
			    SPAN_LIT("EventID")))
				t->condition[t->nconditions++] =
				    e->condition[k];
		for (size_t k = 0; k < e->nrenames; k++)
			memcpy(t->rename[t->nrenames++], e->rename[k],
			    sizeof(e->rename[k]));
		for (size_t k = 0; k < e->nabsent; k++)
			t->absent[t->nabsent++] = e->absent[k];
	}
	return true;
}

static bool
add_targets(struct finder *f, const struct path *at)
{
	const struct entry *last = at->entry[at->n - 1];
	const struct map_condition *ids;
	struct map_target t = { .kind = at->entry[0]->kind };
	uint64_t nids = event_ids(at, &ids);
	size_t nchannels = MAX_OF(last->nchannels, (size_t)1);

	if (!gather(f, at, &t))
		return false;
	for (size_t c = 0; c < nchannels; c++) {
		for (uint64_t i = 0; i < nids; i++) {
			uint64_t id = GATE_ANY_ID;

			if (f->n == TARGETS_MAX)
				return false;
			if (ids != NULL && !span_u64(ids->value[i], &id))
				continue;
			t.channel = last->nchannels == 0 ? SPAN_NONE :
			    last->channel[c];
			t.event_id = (uint32_t)id;
			f->target[f->n++] = t;
		}
	}
	return true;
}

/* Recursion is bounded by MAP_DEPTH_MAX. */
static bool
follow(struct finder *f, struct path *at, struct span category,
    struct span product, struct span service)
{
	bool ok = true;

	if (at->n == MAP_DEPTH_MAX)
		return true;
	for (size_t i = 0; i < f->m->nentries && ok; i++) {
		const struct entry *e = &f->m->entry[i];

		if ((e->category.len == 0 && e->product.len == 0 &&
		    e->service.len == 0) || !names(e->category, category) ||
		    /* A rule without product is for all of them. */
		    (product.len != 0 && !names(e->product, product)) ||
		    !names(e->service, service))
			continue;
		/* A product alone means rules that name nothing else. */
		if (e->category.len == 0 && e->service.len == 0 &&
		    (category.len != 0 || service.len != 0) && e->alone)
			continue;
		if (e->elsewhere)
			continue;
		at->entry[at->n++] = e;
		ok = e->rewrites ? follow(f, at, e->re_category,
		    e->re_product, e->re_service) : add_targets(f, at);
		at->n--;
	}
	return ok;
}

size_t
sigma_map_find(struct sigma_map *m, struct span category,
    struct span product, struct span service, const struct map_target **out)
{
	struct finder f = { m, NULL, 0 };
	struct path at = { .n = 0 };
	struct found *found;

	for (size_t i = 0; i < m->nfound; i++) {
		found = &m->found[i];
		if (span_eq(found->category, category) &&
		    span_eq(found->product, product) &&
		    span_eq(found->service, service)) {
			*out = found->target;
			return found->n;
		}
	}
	*out = NULL;
	f.target = malloc(TARGETS_MAX * sizeof(*f.target));
	if (f.target == NULL ||
	    !follow(&f, &at, category, product, service)) {
		free(f.target);
		return 0;
	}
	if (m->found == NULL)
		m->found = take(m->p, ENTRIES_MAX, sizeof(*m->found));
	found = m->found == NULL || m->nfound == ENTRIES_MAX ? NULL :
	    &m->found[m->nfound];
	if (found != NULL) {
		found->category = keep(m->p, category);
		found->product = keep(m->p, product);
		found->service = keep(m->p, service);
		found->n = f.n;
		found->target = take(m->p, f.n, sizeof(*f.target));
		if (found->target != NULL) {
			memcpy(found->target, f.target,
			    f.n * sizeof(*f.target));
			*out = found->target;
			m->nfound++;
		}
	}
	free(f.target);
	return *out == NULL ? 0 : f.n;
}
