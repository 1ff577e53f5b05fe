/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of detectors: builds events by hand and leads them through a row
 * as the engine does: event() on each, kept ones packed and unpacked, note()
 * and flow() in order of time, end(); on request with the state saved and
 * restored half way.  Findings are packed and unpacked too.
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
	struct span	 flow[EV_MAX];
	unsigned	 nflows;
	struct nets	*home;		/* NULL: private addresses */
	bool		 halfway;	/* save and restore in the middle */
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
	*e = (struct event){ .kind = kind, .loc = { .record = dr.nev } };
	/* Clocks that jump by centuries stop at the last time there is. */
	if (__builtin_add_overflow(T0, (int64_t)(sec * 1e9), &e->time))
		e->time = INT64_MAX;
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

/* What note() or flow() gets. */
struct turn {
	int64_t		time;
	uint64_t	record;
	bool		is_flow;
	struct event	e;
	struct flow	f;
};

static inline int
by_time(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

/* All events through the worker's part. */
static inline void
drive_events(struct detect *d)
{
	const struct detector *row = d->row;

	for (unsigned i = 0; i < dr.nev; i++) {
		const struct event *e = &dr.ev[i];
		bool mine = false;
		struct flow f;
		struct buf b;

		if (detector_wants_flows(row) && e->kind == KIND_CONN &&
		    flow_of_event(&f, e, dr.home)) {
			buf_init(&b, 0);
			flow_pack(&b, &f);
			dr.flow[dr.nflows++] = arena_copy(&dr.m,
			    buf_view(&b));
			buf_fini(&b);
		}
		for (const uint8_t *k = row->kinds; *k != KIND_NONE; k++)
			mine |= *k == e->kind;
		if (mine)
			row->event(d, e);
	}
}

/* What was kept, in order. */
static inline unsigned
drive_order(struct turn *turn)
{
	unsigned n = 0;

	for (unsigned i = 0; i < dr.nnotes; i++) {
		struct turn *t = &turn[n++];

		*t = (struct turn){ .is_flow = false };
		assert_true(note_unpack(&dr.m, dr.note[i], &t->e));
		t->time = t->e.time;
		t->record = t->e.loc.record;
	}
	for (unsigned i = 0; i < dr.nflows; i++) {
		struct turn *t = &turn[n++];

		*t = (struct turn){ .is_flow = true };
		assert_true(flow_unpack(dr.flow[i], &t->f));
		t->time = t->f.start;
		t->record = t->f.loc.record;
	}
	qsort(turn, n, sizeof(*turn), by_time);
	return n;
}

/* As --state does between two runs. */
static inline void
drive_halfway(const struct detector *row, void *state)
{
	struct cursor c;
	struct buf b;

	assert_non_null(row->save);
	buf_init(&b, 0);
	row->save(state, &b);
	if (row->fini != NULL)
		row->fini(state);
	memset(state, 0, row->state_size);
	assert_true(row->init == NULL || row->init(state));
	c = cur_of(buf_view(&b));
	assert_true(row->restore(state, &c));
	assert_int_equal(c.left, 0);
	buf_fini(&b);
}

/* Runs the row over the events built so far; returns how many findings. */
static inline unsigned
hunt(const char *name)
{
	const struct detector *row = detector_find(span_str(name));
	static struct turn turn[2 * EV_MAX];
	struct detect d = { .row = row, .weirds = &dr.weirds,
	    .home = dr.home, .raise = on_raise, .keep = on_keep };
	struct hosts *hosts = hosts_new(1024);
	void *state;
	unsigned n;

	assert_non_null(row);
	assert_non_null(hosts);
	buf_init(&d.text, 64u << 10);
	buf_init(&d.fold, 16u << 10);
	dr.nnotes = dr.nflows = dr.nfound = 0;
	drive_events(&d);
	n = drive_order(turn);
	d.keep = no_keep;
	d.hosts = hosts;
	state = calloc(1, row->state_size + 1);
	assert_non_null(state);
	if (row->init != NULL)
		assert_true(row->init(state));
	for (unsigned i = 0; i < n; i++) {
		if (dr.halfway && i == n / 2)
			drive_halfway(row, state);
		if (!turn[i].is_flow) {
			row->note(&d, state, &turn[i].e);
			continue;
		}
		hosts_flow(hosts, &turn[i].f);
		if (row->flow != NULL)
			row->flow(&d, state, &turn[i].f);
	}
	if (row->end != NULL)
		row->end(&d, state);
	if (row->fini != NULL)
		row->fini(state);
	free(state);
	hosts_free(hosts);
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
