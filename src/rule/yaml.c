/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML documents, built here from libyaml's events so that every count has a
 * bound: RULE_FILE_MAX bytes (the caller's), NODES_A_DOC nodes, DEPTH_MAX
 * levels (libyaml's scanner costs the depth a token), ANCHORS_MAX anchors.
 * An alias is its anchor's node, so a "bomb" stays as small as its text; how
 * often a reader follows one is the reader's to bound.  A key may stand once
 * in a map.
 *
 * A document owns its nodes and text, in one arena; those of ydoc_read() lie
 * together in their stream's and go with it, so that the thread that allots
 * memory frees it too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "rule.h"

#define NODES_A_DOC	2000000u
#define DEPTH_MAX	64u
#define ANCHORS_MAX	1024u	/* SigmaHQ's rules have none */
#define DOC_BYTES	(256u << 20)

struct ynode {
	struct span	text;
	uint32_t	line, column;	/* 0-based */
	uint32_t	first, n;	/* into kids: items; keys and values */
	uint8_t		type;		/* enum ydoc_type */
	bool		plain;
};

struct ydoc {
	struct arena	 own;
	struct arena	*arena;		/* own, or the stream's */
	struct ynode	*node;		/* the first is node 1 */
	uint32_t	 nnodes;
	uint32_t	*kids;
	uint32_t	 nkids;
};

/* What documents in the making grow in. */
struct scratch {
	struct ynode	*node;
	uint32_t	*kids;
	uint32_t	*stack;		/* kids of open nodes */
};

struct ydoc_stream {
	yaml_parser_t	parser;
	struct scratch	scratch;
	char		reason[160];
	/* Of ydoc_read(): what ydoc_next() gives out. */
	bool		is_read;
	struct arena	arena;
	struct ydoc	**ahead;
	size_t		nahead, next;
	struct ydoc_fault fault;
};

struct open_node {
	uint32_t	node;
	uint32_t	from;		/* of its kids on the stack */
};

/* A document in the making. */
struct maker {
	struct ydoc	*y;
	struct scratch	*scratch;
	struct open_node open[DEPTH_MAX];
	unsigned	 depth;
	uint32_t	 nstack;
	struct {
		struct span	name;
		uint32_t	node;
	}		*anchor;	/* ANCHORS_MAX of them, or none */
	unsigned	 nanchors;
	const char	*reason;	/* why it cannot be used */
};

struct ydoc_stream *
ydoc_open(struct span text)
{
	struct ydoc_stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	if (!yaml_parser_initialize(&s->parser)) {
		free(s);
		return NULL;
	}
	yaml_parser_set_input_string(&s->parser, text.ptr == NULL ?
	    (const unsigned char *)"" : text.ptr, text.len);
	return s;
}

static void
end_parsing(struct ydoc_stream *s)
{
	yaml_parser_delete(&s->parser);
	free(s->scratch.node);
	free(s->scratch.kids);
	free(s->scratch.stack);
}

void
ydoc_close(struct ydoc_stream *s)
{
	if (s == NULL)
		return;
	if (!s->is_read)
		end_parsing(s);
	free(s->ahead);
	arena_fini(&s->arena);
	free(s);
}

void
ydoc_free(struct ydoc *y)
{
	if (y == NULL || y->arena != &y->own)
		return;
	arena_fini(&y->own);
	free(y);
}

/* -- building ------------------------------------------------------------- */

#define GROW_MIN	64u

/* Grows an array at powers of two; it may be there from the document before,
 * and as large. */
static bool
grow(void *array, size_t n, size_t size)
{
	void *p;

	memcpy(&p, array, sizeof(p));
	if (n == 0 ? p != NULL : n < GROW_MIN || (n & (n - 1)) != 0)
		return true;
	p = realloc(p, (n == 0 ? GROW_MIN : n * 2) * size);
	if (p == NULL)
		return false;
	memcpy(array, &p, sizeof(p));
	return true;
}

static struct span
keep(struct maker *m, const void *text, size_t n)
{
	struct span s = arena_copy(m->y->arena, span_of(text, n));

	if (s.ptr == NULL && n != 0)
		m->reason = "out of memory";
	return s;
}

/* Puts a node, or one that is there already, under the open one. */
static void
put_kid(struct maker *m, uint32_t node)
{
	if (m->depth == 0)
		return;
	if (m->nstack >= 2 * NODES_A_DOC)
		m->reason = "more nodes than are read";
	else if (!grow(&m->scratch->stack, m->nstack,
	    sizeof(*m->scratch->stack)))
		m->reason = "out of memory";
	else
		m->scratch->stack[m->nstack++] = node;
}

static uint32_t
new_node(struct maker *m, const yaml_event_t *e, enum ydoc_type type)
{
	struct ydoc *y = m->y;
	struct scratch *s = m->scratch;

	if (y->nnodes >= NODES_A_DOC) {
		m->reason = "more nodes than are read";
		return 0;
	}
	if (!grow(&s->node, y->nnodes, sizeof(*s->node))) {
		m->reason = "out of memory";
		return 0;
	}
	s->node[y->nnodes++] = (struct ynode){ .type = (uint8_t)type,
	    .line = (uint32_t)e->start_mark.line,
	    .column = (uint32_t)e->start_mark.column };
	put_kid(m, y->nnodes);
	return y->nnodes;
}

static void
set_anchor(struct maker *m, const yaml_char_t *name, uint32_t node)
{
	if (name == NULL || m->reason != NULL)
		return;
	if (m->anchor == NULL)
		m->anchor = calloc(ANCHORS_MAX, sizeof(*m->anchor));
	if (m->anchor == NULL) {
		m->reason = "out of memory";
	} else if (m->nanchors == ANCHORS_MAX) {
		m->reason = "more anchors than are read";
	} else {
		m->anchor[m->nanchors].name = keep(m, name,
		    strlen((const char *)name));
		m->anchor[m->nanchors++].node = node;
	}
}

/* The last of that name; not one that is still open, which would be a
 * circle. */
static void
put_alias(struct maker *m, const yaml_char_t *name)
{
	struct span want = span_str((const char *)name);
	unsigned i = m->nanchors;

	while (i > 0 && !span_eq(m->anchor[i - 1].name, want))
		i--;
	if (i == 0) {
		m->reason = "alias without its anchor";
		return;
	}
	for (unsigned k = 0; k < m->depth; k++)
		if (m->open[k].node == m->anchor[i - 1].node)
			m->reason = "alias of the node that it stands in";
	put_kid(m, m->anchor[i - 1].node);
}

static void
put_scalar(struct maker *m, const yaml_event_t *e)
{
	uint32_t id = new_node(m, e, YAML_SCALAR);
	struct ynode *n;

	if (id == 0)
		return;
	n = &m->scratch->node[id - 1];
	n->text = keep(m, e->data.scalar.value, e->data.scalar.length);
	if (n->text.ptr == NULL)
		n->text.ptr = (const uint8_t *)"";
	n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	set_anchor(m, e->data.scalar.anchor, id);
}

static void
open_node(struct maker *m, const yaml_event_t *e, enum ydoc_type type,
    const yaml_char_t *anchor)
{
	uint32_t id = new_node(m, e, type);

	set_anchor(m, anchor, id);
	if (m->depth == DEPTH_MAX)
		m->reason = "nested deeper than is read";
	if (m->reason == NULL)
		m->open[m->depth++] = (struct open_node){ id, m->nstack };
}

static int
by_text(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int c = memcmp(x->ptr, y->ptr, MIN_OF(x->len, y->len));

	return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

/* A key that stands twice hides one of its values. */
static bool
has_twice(const struct ynode *node, const uint32_t *kid, uint32_t n)
{
	struct span small[32], *key = n / 2 <= NITEMS(small) ? small :
	    malloc(n / 2 * sizeof(*key));
	uint32_t out = 0;
	bool twice = key == NULL;

	for (uint32_t i = 0; i + 1 < n && key != NULL; i += 2)
		if (node[kid[i] - 1].type == YAML_SCALAR)
			key[out++] = node[kid[i] - 1].text;
	if (out > 1)
		qsort(key, out, sizeof(*key), by_text);
	for (uint32_t i = 1; i < out && !twice; i++)
		twice = span_eq(key[i - 1], key[i]);
	if (key != small)
		free(key);
	return twice;
}

static void
close_node(struct maker *m)
{
	const struct open_node *o = &m->open[--m->depth];
	struct scratch *s = m->scratch;
	struct ydoc *y = m->y;
	struct ynode *n = &s->node[o->node - 1];

	n->first = y->nkids;
	n->n = m->nstack - o->from;
	for (uint32_t i = 0; i < n->n; i++) {
		if (!grow(&s->kids, y->nkids, sizeof(*s->kids))) {
			m->reason = "out of memory";
			return;
		}
		s->kids[y->nkids++] = s->stack[o->from + i];
	}
	m->nstack = o->from;
	if (n->type == YAML_MAP && n->n > 2 &&
	    has_twice(s->node, &s->kids[n->first], n->n))
		m->reason = "a key stands twice in this map";
}

/* One event; false: the document is whole or cannot be used. */
static bool
take_event(struct maker *m, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		put_scalar(m, e);
		break;
	case YAML_ALIAS_EVENT:
		put_alias(m, e->data.alias.anchor);
		break;
	case YAML_SEQUENCE_START_EVENT:
		open_node(m, e, YAML_LIST, e->data.sequence_start.anchor);
		break;
	case YAML_MAPPING_START_EVENT:
		open_node(m, e, YAML_MAP, e->data.mapping_start.anchor);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_node(m);
		break;
	case YAML_DOCUMENT_END_EVENT:
	case YAML_STREAM_END_EVENT:
		return false;
	default:
		break;
	}
	return m->reason == NULL;
}

static void
set_fault(struct ydoc_stream *s, struct ydoc_fault *fault, const char *why,
    const char *context, yaml_mark_t at)
{
	snprintf(s->reason, sizeof(s->reason), "YAML: %s%s%s", why,
	    context == NULL ? "" : ", ", context == NULL ? "" : context);
	*fault = (struct ydoc_fault){ s->reason, (unsigned)at.line + 1,
	    (unsigned)at.column + 1 };
}

/* In the arena, or in one of its own. */
static struct ydoc *
new_document(struct arena *a)
{
	struct ydoc *y = a != NULL ? arena_zalloc(a, sizeof(*y)) :
	    calloc(1, sizeof(*y));

	if (y != NULL) {
		arena_init(&y->own, DOC_BYTES);
		y->arena = a != NULL ? a : &y->own;
	}
	return y;
}

/* Out of the scratch memory; false: out of memory. */
static bool
take_nodes(struct ydoc *y, const struct scratch *s)
{
	y->node = arena_alloc(y->arena, y->nnodes * sizeof(*y->node));
	y->kids = arena_alloc(y->arena, y->nkids * sizeof(*y->kids));
	if (y->node == NULL || (y->kids == NULL && y->nkids != 0))
		return false;
	memcpy(y->node, s->node, y->nnodes * sizeof(*y->node));
	if (y->nkids != 0)
		memcpy(y->kids, s->kids, y->nkids * sizeof(*y->kids));
	return true;
}

static struct ydoc *
next_document(struct ydoc_stream *s, struct arena *arena,
    struct ydoc_fault *fault)
{
	struct maker m = { .y = new_document(arena), .scratch = &s->scratch };
	bool more = true, whole = false;

	*fault = (struct ydoc_fault){ NULL, 0, 0 };
	if (m.y == NULL) {
		fault->reason = "out of memory";
		return NULL;
	}
	while (more) {
		yaml_event_t e;

		if (!yaml_parser_parse(&s->parser, &e)) {
			set_fault(s, fault, s->parser.problem == NULL ?
			    "broken" : s->parser.problem, s->parser.context,
			    s->parser.problem_mark);
			break;
		}
		more = take_event(&m, &e);
		whole = e.type == YAML_DOCUMENT_END_EVENT &&
		    m.y->nnodes != 0;
		if (whole && m.reason == NULL && !take_nodes(m.y, m.scratch))
			m.reason = "out of memory";
		if (m.reason != NULL)
			set_fault(s, fault, m.reason, NULL, e.start_mark);
		yaml_event_delete(&e);
	}
	free(m.anchor);
	if (whole && fault->reason == NULL)
		return m.y;
	ydoc_free(m.y);
	return NULL;
}

struct ydoc *
ydoc_next(struct ydoc_stream *s, struct ydoc_fault *fault)
{
	if (!s->is_read)
		return next_document(s, NULL, fault);
	*fault = s->next < s->nahead ? (struct ydoc_fault){ NULL, 0, 0 } :
	    s->fault;
	return s->next < s->nahead ? s->ahead[s->next++] : NULL;
}

struct ydoc_stream *
ydoc_read(struct span text)
{
	struct ydoc_stream *s = ydoc_open(text);
	struct ydoc *y;

	if (s == NULL)
		return NULL;
	arena_init(&s->arena, DOC_BYTES);
	while ((y = next_document(s, &s->arena, &s->fault)) != NULL) {
		if (!grow(&s->ahead, s->nahead, sizeof(*s->ahead))) {
			s->fault.reason = "out of memory";
			break;
		}
		s->ahead[s->nahead++] = y;
	}
	end_parsing(s);
	s->is_read = true;
	return s;
}

/* -- reading -------------------------------------------------------------- */

static const struct ynode *
node_at(const struct ydoc *y, int node)
{
	if (node < 1 || (uint32_t)node > y->nnodes)
		return NULL;
	return &y->node[node - 1];
}

int
ydoc_root(const struct ydoc *y)
{
	return y->nnodes == 0 ? 0 : 1;
}

enum ydoc_type
ydoc_type_of(const struct ydoc *y, int node)
{
	const struct ynode *n = node_at(y, node);

	return n == NULL ? YAML_NONE : (enum ydoc_type)n->type;
}

struct span
ydoc_text(const struct ydoc *y, int node)
{
	const struct ynode *n = node_at(y, node);

	return n == NULL || n->type != YAML_SCALAR ? SPAN_NONE : n->text;
}

bool
ydoc_plain(const struct ydoc *y, int node)
{
	const struct ynode *n = node_at(y, node);

	return n != NULL && n->plain;
}

unsigned
ydoc_line(const struct ydoc *y, int node)
{
	const struct ynode *n = node_at(y, node);

	return n == NULL ? 0 : n->line + 1;
}

unsigned
ydoc_column(const struct ydoc *y, int node)
{
	const struct ynode *n = node_at(y, node);

	return n == NULL ? 0 : n->column + 1;
}

size_t
ydoc_count(const struct ydoc *y, int node)
{
	const struct ynode *n = node_at(y, node);

	return n == NULL ? 0 : n->type == YAML_MAP ? n->n / 2 : n->n;
}

static int
kid_at(const struct ydoc *y, int node, enum ydoc_type type, size_t i)
{
	const struct ynode *n = node_at(y, node);

	return n == NULL || n->type != type || i >= n->n ? 0 :
	    (int)y->kids[n->first + i];
}

int
ydoc_item(const struct ydoc *y, int node, size_t i)
{
	return kid_at(y, node, YAML_LIST, i);
}

int
ydoc_key(const struct ydoc *y, int node, size_t i)
{
	return kid_at(y, node, YAML_MAP, 2 * i);
}

int
ydoc_value(const struct ydoc *y, int node, size_t i)
{
	return kid_at(y, node, YAML_MAP, 2 * i + 1);
}

int
ydoc_get(const struct ydoc *y, int node, const char *key)
{
	const struct ynode *n = node_at(y, node);
	struct span want = span_str(key);

	if (n == NULL || n->type != YAML_MAP)
		return 0;
	for (uint32_t i = 0; i + 1 < n->n; i += 2) {
		uint32_t k = y->kids[n->first + i];

		if (span_eq(ydoc_text(y, (int)k), want))
			return (int)y->kids[n->first + i + 1];
	}
	return 0;
}
