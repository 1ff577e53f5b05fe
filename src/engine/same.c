/* SPDX-License-Identifier: Apache-2.0
 *
 * The same Windows event in several files: exports, backups and shadow copies
 * of one log.  Findings and notes of a copy are not counted again.
 *
 * Copies have the same time, and the parent takes all in order of time: only
 * what was seen at the time at hand is remembered, SAME_MAX of it.
 */
#include <stdlib.h>

#include "engine.h"

/* Findings of one nanosecond; a log that gives all its events one time loses
 * no more than this comparison. */
#define SAME_MAX	65536u

struct same_key {
	uint64_t	same, what;
};

struct same {
	struct table	*seen;		/* same_key: its first place */
	int64_t		 time;
};

uint64_t
same_event(const struct event *e)
{
	static const uint16_t fields[] = {
		FIELD_WIN_CHANNEL, FIELD_WIN_COMPUTER
	};
	const struct value *v;
	uint64_t h = hash_seed(), record;
	uint8_t text[1024];
	struct buf b;

	if (e->kind != KIND_WINEVENT || e->time == TIME_NONE ||
	    !event_u64(e, FIELD_WIN_RECORD, &record))
		return 0;
	h = hash_bytes(&record, sizeof(record), h);
	h = hash_bytes(&e->time, sizeof(e->time), h);
	buf_init(&b, 256);
	for (size_t i = 0; i < NITEMS(fields); i++) {
		if ((v = event_get(e, fields[i])) == NULL)
			break;
		buf_reset(&b);
		value_put(&b, v);
		h = hash_bytes(text, fold_text(buf_view(&b), text), h);
	}
	buf_fini(&b);
	return h == 0 ? 1 : h;
}

void
same_demand(struct demand *d)
{
	demand_field(d, FIELD_WIN_CHANNEL);
	demand_field(d, FIELD_WIN_COMPUTER);
	demand_field(d, FIELD_WIN_RECORD);
}

struct same *
same_new(void)
{
	struct same *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->time = TIME_NONE;
	s->seen = table_new(sizeof(struct same_key), sizeof(struct locator),
	    SAME_MAX);
	if (s->seen == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
same_free(struct same *s)
{
	if (s == NULL)
		return;
	table_free(s->seen);
	free(s);
}

static bool
same_place(const struct locator *a, const struct locator *b)
{
	return a->source == b->source && a->member == b->member &&
	    a->record == b->record && a->offset == b->offset;
}

/* Most moments have a finding or two; clearing a table that was large once
 * would cost more than that. */
static void
forget(struct same *s)
{
	if (table_count(s->seen) > 64) {
		table_clear(s->seen);
		return;
	}
	while (table_count(s->seen) != 0) {
		struct same_key key;
		const void *p;
		uint32_t it = 0;
		void *value;

		if (!table_next(s->seen, &it, &p, &value))
			break;
		memcpy(&key, p, sizeof(key));
		table_del(s->seen, &key);
	}
}

bool
same_seen(struct same *s, struct weirds *w, uint64_t same, uint64_t what,
    int64_t time, const struct locator *loc)
{
	const struct same_key key = { same, what };
	struct locator *first;
	bool made;

	if (same == 0)
		return false;
	if (time != s->time) {
		forget(s);
		s->time = time;
	}
	if ((first = table_get(s->seen, &key)) != NULL)
		return !same_place(first, loc);
	if (table_count(s->seen) == SAME_MAX) {
		weirds_add(w, WEIRD_SAME_EVENTS);
		return false;
	}
	if ((first = table_put(s->seen, &key, &made)) != NULL)
		*first = *loc;
	return false;
}
