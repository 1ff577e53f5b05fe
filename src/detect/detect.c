/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster of detectors and what all of them use.
 */
#include "detect.h"

#define DETECTOR(name, title) extern const struct detector detector_##name;
#include "detectors.def"
#undef DETECTOR

const struct detector *const detectors[] = {
#define DETECTOR(name, title) &detector_##name,
#include "detectors.def"
#undef DETECTOR
};
const size_t ndetectors = NITEMS(detectors);

static bool
same_name(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		uint8_t x = a.ptr[i] == '_' ? '-' : a.ptr[i];
		uint8_t y = b.ptr[i] == '_' ? '-' : b.ptr[i];

		if (x != y)
			return false;
	}
	return true;
}

const struct detector *
detector_find(struct span name)
{
	for (size_t i = 0; i < ndetectors; i++)
		if (same_name(name, span_str(detectors[i]->name)))
			return detectors[i];
	return NULL;
}

struct span
event_text(struct arena *m, const struct event *e, unsigned field)
{
	const struct value *v = event_get(e, field);
	struct buf b;
	struct span s;

	if (v == NULL || v->type == VT_NULL)
		return SPAN_NONE;
	if (v->type == VT_STR)
		return span_of(v->ptr, v->len);
	buf_init(&b, NOTE_VALUE_MAX * 4);
	value_put(&b, v);
	s = arena_copy(m, buf_view(&b));
	buf_fini(&b);
	return s;
}

void
finding_init(struct finding *f, struct detect *d, const struct event *e)
{
	const struct detector *row = d->row;

	memset(f, 0, sizeof(*f));
	f->rule = row->name;
	f->title = row->title;
	f->language = "builtin";
	f->attack = row->attack;
	f->advice = row->advice;
	f->severity = row->severity;
	f->confidence = row->confidence;
	f->time = f->last_time = TIME_NONE;
	buf_reset(&d->text);
	buf_reset(&d->fold);
	if (e != NULL)
		finding_evidence(f, &e->loc, e->time);
}

void
finding_evidence(struct finding *f, const struct locator *loc, int64_t time)
{
	if (f->time == TIME_NONE || (time != TIME_NONE && time < f->time))
		f->time = time;
	if (f->last_time == TIME_NONE || time > f->last_time)
		f->last_time = time;
	f->count++;
	if (f->nevidence < EVIDENCE_MAX)
		f->evidence[f->nevidence++] = (struct evidence){ *loc, time };
}

void
places_add(struct places *p, const struct locator *loc, int64_t time)
{
	struct evidence *e = &p->at[MIN_OF(p->n, PLACES - 1)];

	if (p->n >= PLACES)
		p->at[PLACES - 2] = p->at[PLACES - 1];
	*e = (struct evidence){ *loc, time };
	p->n += p->n != UINT32_MAX;
}

void
finding_places(struct finding *f, const struct places *p)
{
	for (unsigned i = 0; i < MIN_OF(p->n, PLACES); i++) {
		const struct evidence *e = &p->at[i];

		if (f->nevidence < EVIDENCE_MAX)
			f->evidence[f->nevidence++] = *e;
		if (f->time == TIME_NONE || e->time < f->time)
			f->time = e->time;
		if (f->last_time == TIME_NONE || e->time > f->last_time)
			f->last_time = e->time;
	}
	f->count += p->n;
}

void
finding_entity(struct finding *f, enum entity which, struct arena *m,
    const struct event *e, unsigned field)
{
	f->entity[which] = event_text(m, e, field);
}

void
finding_raise(struct finding *f, struct detect *d)
{
	f->message = buf_view(&d->text);
	f->fold = buf_view(&d->fold);
	d->raise(d, f);
}
