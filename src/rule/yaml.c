/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML documents by libyaml.  Bounds: RULE_FILE_MAX bytes (the caller's),
 * YAML_NODES nodes a document; aliases are not expanded by libyaml's document
 * loader but refer, so a "bomb" stays as small as its text, and readers walk
 * at most RULE_DEPTH_MAX levels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "rule.h"

#define YAML_NODES	2000000

struct ydoc_stream {
	yaml_parser_t	parser;
	char		reason[160];
};

struct ydoc {
	yaml_document_t	doc;
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

void
ydoc_close(struct ydoc_stream *s)
{
	if (s == NULL)
		return;
	yaml_parser_delete(&s->parser);
	free(s);
}

struct ydoc *
ydoc_next(struct ydoc_stream *s, struct ydoc_fault *fault)
{
	struct ydoc *y = calloc(1, sizeof(*y));

	*fault = (struct ydoc_fault){ NULL, 0, 0 };
	if (y == NULL) {
		fault->reason = "out of memory";
		return NULL;
	}
	if (!yaml_parser_load(&s->parser, &y->doc)) {
		snprintf(s->reason, sizeof(s->reason), "YAML: %s%s%s",
		    s->parser.problem == NULL ? "broken" : s->parser.problem,
		    s->parser.context == NULL ? "" : ", ",
		    s->parser.context == NULL ? "" : s->parser.context);
		*fault = (struct ydoc_fault){ s->reason,
		    (unsigned)s->parser.problem_mark.line + 1,
		    (unsigned)s->parser.problem_mark.column + 1 };
		free(y);
		return NULL;
	}
	if (yaml_document_get_root_node(&y->doc) == NULL) {
		ydoc_free(y);
		return NULL;
	}
	if (y->doc.nodes.top - y->doc.nodes.start > YAML_NODES) {
		fault->reason = "YAML: more nodes than are read";
		ydoc_free(y);
		return NULL;
	}
	return y;
}

void
ydoc_free(struct ydoc *y)
{
	if (y == NULL)
		return;
	yaml_document_delete(&y->doc);
	free(y);
}

static const yaml_node_t *
node_at(const struct ydoc *y, int node)
{
	if (node < 1 || node > y->doc.nodes.top - y->doc.nodes.start)
		return NULL;
	return y->doc.nodes.start + (node - 1);
}

int
ydoc_root(const struct ydoc *y)
{
	return y->doc.nodes.top == y->doc.nodes.start ? 0 : 1;
}

enum ydoc_type
ydoc_type_of(const struct ydoc *y, int node)
{
	const yaml_node_t *n = node_at(y, node);

	if (n == NULL)
		return YAML_NONE;
	switch (n->type) {
	case YAML_SCALAR_NODE: return YAML_SCALAR;
	case YAML_SEQUENCE_NODE: return YAML_LIST;
	case YAML_MAPPING_NODE: return YAML_MAP;
	default: return YAML_NONE;
	}
}

struct span
ydoc_text(const struct ydoc *y, int node)
{
	const yaml_node_t *n = node_at(y, node);

	if (n == NULL || n->type != YAML_SCALAR_NODE)
		return SPAN_NONE;
	return span_of(n->data.scalar.value, n->data.scalar.length);
}

bool
ydoc_plain(const struct ydoc *y, int node)
{
	const yaml_node_t *n = node_at(y, node);

	return n != NULL && n->type == YAML_SCALAR_NODE &&
	    n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

unsigned
ydoc_line(const struct ydoc *y, int node)
{
	const yaml_node_t *n = node_at(y, node);

	return n == NULL ? 0 : (unsigned)n->start_mark.line + 1;
}

unsigned
ydoc_column(const struct ydoc *y, int node)
{
	const yaml_node_t *n = node_at(y, node);

	return n == NULL ? 0 : (unsigned)n->start_mark.column + 1;
}

size_t
ydoc_count(const struct ydoc *y, int node)
{
	const yaml_node_t *n = node_at(y, node);

	if (n == NULL)
		return 0;
	if (n->type == YAML_SEQUENCE_NODE)
		return (size_t)(n->data.sequence.items.top -
		    n->data.sequence.items.start);
	if (n->type == YAML_MAPPING_NODE)
		return (size_t)(n->data.mapping.pairs.top -
		    n->data.mapping.pairs.start);
	return 0;
}

int
ydoc_item(const struct ydoc *y, int node, size_t i)
{
	const yaml_node_t *n = node_at(y, node);

	return n == NULL || n->type != YAML_SEQUENCE_NODE ||
	    i >= ydoc_count(y, node) ? 0 : n->data.sequence.items.start[i];
}

int
ydoc_key(const struct ydoc *y, int node, size_t i)
{
	const yaml_node_t *n = node_at(y, node);

	return n == NULL || n->type != YAML_MAPPING_NODE ||
	    i >= ydoc_count(y, node) ? 0 : n->data.mapping.pairs.start[i].key;
}

int
ydoc_value(const struct ydoc *y, int node, size_t i)
{
	const yaml_node_t *n = node_at(y, node);

	return n == NULL || n->type != YAML_MAPPING_NODE ||
	    i >= ydoc_count(y, node) ? 0 :
	    n->data.mapping.pairs.start[i].value;
}

int
ydoc_get(const struct ydoc *y, int node, const char *key)
{
	if (ydoc_type_of(y, node) != YAML_MAP)
		return 0;
	for (size_t i = 0; i < ydoc_count(y, node); i++)
		if (span_eq(ydoc_text(y, ydoc_key(y, node, i)),
		    span_str(key)))
			return ydoc_value(y, node, i);
	return 0;
}
