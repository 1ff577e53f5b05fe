/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of detectors: builds events by hand and leads them through a row
 * as the engine does: event() on each, kept ones packed and unpacked, note()
 * in order of time, end().  Findings are packed and unpacked too.
 */
#ifndef DETECT_DRIVE_H
#define DETECT_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "detect.h"

#define EV_MAX		4096u
#define FOUND_MAX	512u
#define T0		(INT64_C(1657500000) * NSEC)

struct drive {
	struct arena	 m;
	struct weirds	 weirds;
	struct event	 ev[EV_MAX];
	unsigned	 nev;
	struct span	 note[EV_MAX];
	unsigned	 nnotes;
	struct finding	 found[FOUND_MAX];
	unsigned	 nfound;
};

static struct drive dr;

static inline int
drive_setup(void **unused)
{
	(void)unused;
	memset(&dr, 0, sizeof(dr));
	arena_init(&dr.m, 256u << 20);
	return 0;
}

static inline int
drive_teardown(void **unused)
{
	(void)unused;
	arena_fini(&dr.m);
	return 0;
}

/* A new event at so many seconds after T0; fields follow. */
static inline struct event *
at(enum kind kind, double sec)
{
	struct event *e = &dr.ev[dr.nev++];

	assert_true(dr.nev <= EV_MAX);
	*e = (struct event){ .kind = kind, .time = T0 +
	    (int64_t)(sec * 1e9), .loc = { .record = dr.nev } };
	e->fields = arena_zalloc(&dr.m, 64 * sizeof(*e->fields));
	assert_non_null(e->fields);
	return e;
}

static inline struct value *
put(unsigned field, enum vtype type)
{
	struct event *e = &dr.ev[dr.nev - 1];
	struct value *v = &e->fields[e->nfields++].v;

	assert_true(e->nfields <= 64);
	v->type = type;
	v->id = (uint16_t)field;
	return v;
}

static inline void
bytes(unsigned field, struct span s)
{
	struct value *v = put(field, VT_STR);

	s = arena_copy(&dr.m, s);
	v->ptr = s.ptr;
	v->len = (uint32_t)s.len;
}

static inline void
str(unsigned field, const char *s)
{
	bytes(field, span_str(s));
}

/* As EVTX gives it: UTF-16LE. */
static inline void
wide(unsigned field, const char *s)
{
	struct value *v = put(field, VT_WSTR);
	size_t n = strlen(s);
	uint8_t *p = arena_zalloc(&dr.m, n * 2 + 1);

	for (size_t i = 0; i < n; i++)
		p[2 * i] = (uint8_t)s[i];
	v->ptr = p;
	v->len = (uint32_t)n * 2;
}

static inline void
num(unsigned field, uint64_t n)
{
	put(field, VT_U64)->u64 = n;
}

static inline void
addr(unsigned field, const char *text)
{
	struct value *v = put(field, VT_ADDR);
	struct addr a;
	bool v4;

	assert_true(addr_parse(span_str(text), &a));
	v4 = addr_is_v4(&a);
	v->ptr = arena_copy(&dr.m, span_of(a.b + (v4 ? 12 : 0),
	    v4 ? 4 : 16)).ptr;
	v->len = v4 ? 4 : 16;
}

/* Blank separated strings. */
static inline void
list(unsigned field, const char *words)
{
	struct value *v = put(field, VT_LIST), *items;

	items = arena_zalloc(&dr.m, 64 * sizeof(*items));
	v->ptr = items;
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		items[v->len].type = VT_STR;
		items[v->len].ptr = words;
		items[v->len++].len = (uint32_t)n;
		words += n + strspn(words + n, " ");
	}
}

static inline void
on_raise(struct detect *d, const struct finding *f)
{
	struct buf b;

	(void)d;
	assert_true(dr.nfound < FOUND_MAX);
	buf_init(&b, 0);
	finding_pack(&b, f);
	assert_true(finding_unpack(&dr.m, buf_view(&b),
	    &dr.found[dr.nfound++]));
	buf_fini(&b);
}

static inline void
on_keep(struct detect *d, const struct event *e)
{
	struct buf b;

	buf_init(&b, 0);
	note_pack(&b, e, d->row->fields);
	dr.note[dr.nnotes++] = arena_copy(&dr.m, buf_view(&b));
	buf_fini(&b);
}

static inline void
no_keep(struct detect *d, const struct event *e)
{
	(void)d;
	(void)e;
	fail_msg("note() keeps nothing");
}

static inline int
by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->loc.record < y->loc.record ? -1 :
	    x->loc.record > y->loc.record;
}

/* Runs the row over the events built so far; returns how many findings. */
static inline unsigned
hunt(const char *name)
{
	const struct detector *row = detector_find(span_str(name));
	static struct event order[EV_MAX];
	struct detect d = { .row = row, .weirds = &dr.weirds,
	    .raise = on_raise, .keep = on_keep };
	void *state;

	assert_non_null(row);
	buf_init(&d.text, 64u << 10);
	buf_init(&d.fold, 16u << 10);
	dr.nnotes = dr.nfound = 0;
	for (unsigned i = 0; i < dr.nev; i++) {
		bool mine = false;

		for (const uint8_t *k = row->kinds; *k != KIND_NONE; k++)
			mine |= *k == dr.ev[i].kind;
		if (mine)
			row->event(&d, &dr.ev[i]);
	}
	d.keep = no_keep;
	state = calloc(1, row->state_size + 1);
	assert_non_null(state);
	if (row->init != NULL)
		assert_true(row->init(state));
	for (unsigned i = 0; i < dr.nnotes; i++)
		assert_true(note_unpack(&dr.m, dr.note[i], &order[i]));
	qsort(order, dr.nnotes, sizeof(*order), by_time);
	for (unsigned i = 0; i < dr.nnotes; i++)
		row->note(&d, state, &order[i]);
	if (row->end != NULL)
		row->end(&d, state);
	if (row->fini != NULL)
		row->fini(state);
	free(state);
	buf_fini(&d.text);
	buf_fini(&d.fold);
	return dr.nfound;
}

/* The same from nothing for the next sample. */
static inline void
again(void)
{
	dr.nev = 0;
	arena_reset(&dr.m);
}

static inline bool
says(unsigned i, const char *text)
{
	return span_find(dr.found[i].message, span_str(text)) != SPAN_NPOS;
}

#define ENTITY_IS(i, e, want)						\
	assert_true(span_eq(dr.found[i].entity[ENTITY_##e], SPAN_LIT(want)))

#define T(f)	cmocka_unit_test_setup_teardown(f, drive_setup, drive_teardown)

#endif
