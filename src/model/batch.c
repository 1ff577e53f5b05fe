/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches, events in the making, weirds, demand.
 *
 * Bounds: BATCH_RECORDS, BATCH_EVENTS (drained when full), BATCH_ARENA_MAX,
 * EVENT_FIELDS_MAX.
 */
#include <stdlib.h>

#include "model.h"

void
demand_all(struct demand *d)
{
	memset(d, 1, sizeof(*d));
}

void
demand_kind(struct demand *d, enum kind k)
{
	d->kind[k] = true;
}

void
demand_field(struct demand *d, unsigned field)
{
	ASSERT(field < FIELD_MAX);
	d->field[field] = true;
}

void
weirds_init(struct weirds *w)
{
	memset(w, 0, sizeof(*w));
}

static bool
locator_before(const struct locator *a, const struct locator *b)
{
	if (a->source != b->source)
		return a->source < b->source;
	if (a->member != b->member)
		return a->member < b->member;
	if (a->record != b->record)
		return a->record < b->record;
	return a->offset < b->offset;
}

void
weirds_merge(struct weirds *into, const struct weirds *from)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++) {
		if (from->count[i] == 0)
			continue;
		if (into->count[i] == 0 ||
		    locator_before(&from->first[i], &into->first[i])) {
			into->first[i] = from->first[i];
			into->first_time[i] = from->first_time[i];
		}
		into->count[i] += from->count[i];
	}
}

bool
batch_init(struct batch *b, const struct demand *want, struct weirds *weirds)
{
	memset(b, 0, sizeof(*b));
	arena_init(&b->arena, BATCH_ARENA_MAX);
	b->want = want;
	b->weirds = weirds;
	b->clock = TIME_NONE;
	b->records = calloc(BATCH_RECORDS, sizeof(*b->records));
	b->events = calloc(BATCH_EVENTS, sizeof(*b->events));
	b->scratch = calloc(EVENT_FIELDS_MAX, sizeof(*b->scratch));
	if (b->records == NULL || b->events == NULL || b->scratch == NULL) {
		batch_fini(b);
		return false;
	}
	return true;
}

void
batch_fini(struct batch *b)
{
	arena_fini(&b->arena);
	free(b->records);
	free(b->events);
	free(b->scratch);
	memset(b, 0, sizeof(*b));
}

void
batch_reset(struct batch *b)
{
	ASSERT(!b->is_making);
	b->nrecords = 0;
	b->nevents = 0;
	arena_reset(&b->arena);
}

struct record *
batch_record(struct batch *b)
{
	struct record *r;

	if (b->nrecords == BATCH_RECORDS)
		return NULL;
	r = &b->records[b->nrecords++];
	memset(r, 0, sizeof(*r));
	return r;
}

struct locator
batch_locator(const struct batch *b, const struct record *r)
{
	struct locator l = { .source = b->source, .member = b->member };

	if (r != NULL) {
		l.record = r->no;
		l.offset = r->offset;
		l.length = (uint32_t)r->data.len;
	}
	return l;
}

void
batch_weird(struct batch *b, enum weird w, const struct record *r)
{
	struct locator l;

	ASSERT((unsigned)w < WEIRD_COUNT);
	if (b->weirds->count[w]++ == 0) {
		b->weirds->first[w] = batch_locator(b, r);
		b->weirds->first_time[w] = r != NULL ? r->time : TIME_NONE;
		return;
	}
	/* One tally serves several files: keep the earliest place. */
	if (b->source < b->weirds->first[w].source ||
	    (b->source == b->weirds->first[w].source &&
	    b->member <= b->weirds->first[w].member)) {
		l = batch_locator(b, r);
		if (locator_before(&l, &b->weirds->first[w])) {
			b->weirds->first[w] = l;
			b->weirds->first_time[w] =
			    r != NULL ? r->time : TIME_NONE;
		}
	}
}

void
weirds_add(struct weirds *w, enum weird which)
{
	batch_weird(&(struct batch){ .weirds = w }, which, NULL);
}

/* -- events in the making ------------------------------------------------ */

bool
event_begin(struct batch *b, enum kind kind, int64_t time, struct locator loc)
{
	ASSERT(!b->is_making);
	if (!b->want->kind[kind])
		return false;
	b->making = (struct event){
		.kind = (uint16_t)kind, .time = time, .loc = loc
	};
	b->nscratch = 0;
	b->is_making = true;
	return true;
}

void
event_drop(struct batch *b)
{
	b->is_making = false;
}

void
event_end(struct batch *b)
{
	size_t size = b->nscratch * sizeof(struct field);
	struct event *e;

	ASSERT(b->is_making);
	b->is_making = false;
	if (b->nevents == BATCH_EVENTS && b->drain != NULL) {
		b->drain(b, b->drain_arg);
		b->nevents = 0;
	}
	b->making.fields = arena_alloc(&b->arena, size);
	if (b->nevents == BATCH_EVENTS || b->making.fields == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	if (size != 0)
		memcpy(b->making.fields, b->scratch, size);
	b->making.nfields = (uint16_t)b->nscratch;
	e = &b->events[b->nevents++];
	*e = b->making;
	b->total_events++;
}

static struct field *
new_field(struct batch *b)
{
	ASSERT(b->is_making);
	if (b->nscratch == EVENT_FIELDS_MAX) {
		batch_weird(b, WEIRD_EVENT_FIELDS, NULL);
		return NULL;
	}
	return &b->scratch[b->nscratch++];
}

struct value *
event_add(struct batch *b, unsigned field, enum vtype type)
{
	struct field *f = new_field(b);

	if (f == NULL)
		return NULL;
	f->v.type = (uint8_t)type;
	f->v.flags = 0;
	f->v.id = (uint16_t)field;
	f->v.len = 0;
	f->v.u64 = 0;
	f->name = NULL;
	return &f->v;
}

void
event_add_copy(struct batch *b, unsigned field, struct span s)
{
	struct span kept;

	if (!event_wants(b, field))
		return;
	kept = arena_copy(&b->arena, s);
	if (kept.ptr == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	event_add_str(b, field, kept);
}

void
event_add_addr_copy(struct batch *b, unsigned field, const struct addr *a)
{
	struct addr *kept;

	if (!event_wants(b, field))
		return;
	if ((kept = arena_alloc(&b->arena, sizeof(*kept))) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	*kept = *a;
	event_add_addr(b, field, kept);
}

struct value *
event_add_list(struct batch *b, unsigned field, uint32_t n)
{
	struct value *v, *items = NULL;

	if (!event_wants(b, field))
		return NULL;
	if (n != 0 && (n > BATCH_ARENA_MAX / sizeof(*items) ||
	    (items = arena_zalloc(&b->arena, n * sizeof(*items))) == NULL)) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return NULL;
	}
	if ((v = event_add(b, field, VT_LIST)) == NULL)
		return NULL;
	v->ptr = items;
	v->len = n;
	return items;
}

struct value *
event_add_other(struct batch *b, const char *name, enum vtype type)
{
	struct field *f;

	if (!b->want->others || (f = new_field(b)) == NULL)
		return NULL;
	memset(&f->v, 0, sizeof(f->v));
	f->v.type = (uint8_t)type;
	f->name = name;
	return &f->v;
}
