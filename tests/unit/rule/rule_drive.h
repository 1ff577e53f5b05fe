/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of rules: loads rules from text and builds events by hand.
 */
#ifndef RULE_DRIVE_H
#define RULE_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "rule.h"

#define EV_FIELDS	16u

extern const struct language language_sigma, language_ioc;

struct ev {
	struct event	 e;
	struct field	 f[EV_FIELDS];
};

static inline void
ev_init(struct ev *v, enum kind kind)
{
	memset(v, 0, sizeof(*v));
	v->e.kind = (uint16_t)kind;
	v->e.fields = v->f;
}

static inline void
ev_put(struct ev *v, const char *name, struct value x)
{
	struct field *f = &v->f[v->e.nfields++];

	assert_true(v->e.nfields <= EV_FIELDS);
	f->v = x;
	f->v.id = (uint16_t)field_by_name(span_str(name));
	f->name = name;
}

static inline struct value
v_str(const char *s)
{
	return (struct value){ .type = VT_STR, .len = (uint32_t)strlen(s),
	    .ptr = s };
}

static inline struct value
v_num(enum vtype type, uint64_t n)
{
	return (struct value){ .type = (uint8_t)type, .u64 = n };
}

/* Literals of UTF-16LE come with a NUL of one byte too many. */
#define V_WIDE(s) ((struct value){ .type = VT_WSTR, .len = sizeof(s) - 1, \
	.ptr = (s) })

static inline struct value
v_list(const struct value *items, uint32_t n)
{
	return (struct value){ .type = VT_LIST, .len = n, .ptr = items };
}

static inline void
ev_str(struct ev *v, const char *name, const char *s)
{
	ev_put(v, name, s == NULL ? (struct value){ .type = VT_NULL } :
	    v_str(s));
}

static inline struct program *
load_rules(const char *map, const char *yaml)
{
	const struct rule_options opt = { map, getenv("PICKET_SHARE"), NULL };
	struct program *p = program_new();

	assert_non_null(p);
	language_sigma.load(p, &opt, "test.yml", span_str(yaml), NULL);
	assert_true(program_finish(p));
	return p;
}

static inline void
count_hit(void *arg, const struct rule *r, const struct event *e)
{
	(void)r;
	(void)e;
	++*(unsigned *)arg;
}

static inline unsigned
hits_of(const struct program *p, const struct ev *v)
{
	struct matcher *m = matcher_new(p);
	unsigned n = 0;

	assert_non_null(m);
	matcher_event(m, &v->e, count_hit, &n);
	matcher_free(m);
	return n;
}

#endif
