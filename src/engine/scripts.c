/* SPDX-License-Identifier: Apache-2.0
 *
 * PowerShell script blocks in one piece.
 *
 * A long script block is logged as several events 4104, each with a part of
 * the text, its number and how many there are; the id is common.  What a rule
 * looks for may lie across two parts, so once all are there an event with the
 * whole text is shown to rules and detectors besides.  It is not among the
 * events that picket counts or tells, and --raw does without.
 *
 * A worker joins what lies in one unit of work; parts are logged one behind
 * the other, so few blocks lie across units.
 *
 * Bounds: BLOCKS_MAX unfinished blocks (the one longest without a new part
 * goes), TEXT_MAX bytes of all of them, PARTS_MAX parts of one.
 */
#include <stdlib.h>

#include "engine.h"

#define BLOCKS_MAX	64u
#define PARTS_MAX	2048u		/* Windows cuts at some 16 KB */
#define TEXT_MAX	(8u << 20)

struct block_key {
	uint64_t	a, b;		/* of computer and id */
};

struct block {
	struct span	*part;		/* by number; ptr NULL: to come */
	uint32_t	 total, got;
	size_t		 bytes;
};

struct scripts {
	struct table	*blocks;
	struct weirds	*weirds;
	size_t		 bytes;		/* of all blocks */
	struct buf	 text;		/* of the joined event */
	struct field	*fields;
	struct event	 event;
};

static void
drop_block(struct scripts *s, struct block *b)
{
	for (uint32_t i = 0; i < b->total; i++)
		free((void *)(uintptr_t)b->part[i].ptr);
	free(b->part);
	s->bytes -= b->bytes;
	memset(b, 0, sizeof(*b));
}

static void
on_evict(void *arg, const void *key, void *value)
{
	struct scripts *s = arg;

	(void)key;
	drop_block(s, value);
	weirds_add(s->weirds, WEIRD_SCRIPT_BLOCKS);
}

struct scripts *
scripts_new(struct weirds *weirds)
{
	struct scripts *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->weirds = weirds;
	buf_init(&s->text, TEXT_MAX);
	s->fields = calloc(EVENT_FIELDS_MAX, sizeof(*s->fields));
	s->blocks = table_new(sizeof(struct block_key), sizeof(struct block),
	    BLOCKS_MAX);
	if (s->fields == NULL || s->blocks == NULL) {
		scripts_free(s);
		return NULL;
	}
	table_on_evict(s->blocks, on_evict, s);
	return s;
}

void
scripts_reset(struct scripts *s)
{
	const void *key;
	uint32_t it = 0;
	void *b;

	while (table_next(s->blocks, &it, &key, &b))
		drop_block(s, b);
	table_clear(s->blocks);
}

void
scripts_free(struct scripts *s)
{
	if (s == NULL)
		return;
	if (s->blocks != NULL) {
		scripts_reset(s);
		table_free(s->blocks);
	}
	buf_fini(&s->text);
	free(s->fields);
	free(s);
}

static struct block_key
key_of(const struct event *e)
{
	static const uint16_t same[] = { FIELD_WIN_COMPUTER, FIELD_SCRIPT_ID };
	struct block_key key = { 1, 2 };
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < NITEMS(same); i++) {
		const struct value *v = event_get(e, same[i]);

		if (v != NULL)
			value_put(&b, v);
		buf_byte(&b, '\0');
	}
	key.a = hash_bytes(b.ptr, b.len, key.a);
	key.b = hash_bytes(b.ptr, b.len, key.b);
	buf_fini(&b);
	return key;
}

/* Keeps a part; false: it cannot be. */
static bool
keep_part(struct scripts *s, struct block *b, uint64_t number,
    const struct value *text)
{
	struct span *p = &b->part[number - 1];
	uint8_t *copy;

	if (p->ptr != NULL)
		return true;		/* told twice */
	buf_reset(&s->text);
	value_put(&s->text, text);
	if (s->text.failed || s->text.len > TEXT_MAX - s->bytes ||
	    (copy = malloc(s->text.len + 1)) == NULL)
		return false;
	if (s->text.len != 0)
		memcpy(copy, s->text.ptr, s->text.len);
	*p = span_of(copy, s->text.len);
	b->bytes += s->text.len;
	s->bytes += s->text.len;
	b->got++;
	return true;
}

/* The event with the text of all parts. */
static const struct event *
joined(struct scripts *s, const struct block *b, const struct event *e)
{
	buf_reset(&s->text);
	for (uint32_t i = 0; i < b->total; i++)
		buf_span(&s->text, b->part[i]);
	if (s->text.failed)
		return NULL;
	s->event = *e;
	memcpy(s->fields, e->fields, e->nfields * sizeof(*s->fields));
	s->event.fields = s->fields;
	for (uint32_t i = 0; i < e->nfields; i++) {
		struct value *v = &s->fields[i].v;

		if (v->id != FIELD_SCRIPT_TEXT)
			continue;
		v->type = VT_STR;
		v->ptr = s->text.ptr;
		v->len = (uint32_t)s->text.len;
	}
	return &s->event;
}

const struct event *
scripts_take(struct scripts *s, const struct event *e)
{
	const struct value *text;
	const struct event *whole = NULL;
	uint64_t id, number, total;
	struct block_key key;
	struct block *b;
	bool made;

	if (e->kind != KIND_WINEVENT ||
	    !event_u64(e, FIELD_WIN_EVENT_ID, &id) || id != 4104 ||
	    !event_u64(e, FIELD_MESSAGE_TOTAL, &total) || total < 2 ||
	    !event_u64(e, FIELD_MESSAGE_NUMBER, &number) || number < 1 ||
	    number > total || event_get(e, FIELD_SCRIPT_ID) == NULL ||
	    (text = event_get(e, FIELD_SCRIPT_TEXT)) == NULL)
		return NULL;
	key = key_of(e);
	if (total > PARTS_MAX ||
	    (b = table_put(s->blocks, &key, &made)) == NULL)
		goto limit;
	if (made) {
		b->part = calloc(total, sizeof(*b->part));
		b->total = b->part == NULL ? 0 : (uint32_t)total;
	}
	if (b->total != total || !keep_part(s, b, number, text)) {
		drop_block(s, b);
		table_del(s->blocks, &key);
		goto limit;
	}
	if (b->got == b->total) {
		whole = joined(s, b, e);
		drop_block(s, b);
		table_del(s->blocks, &key);
	}
	return whole;
limit:
	weirds_add(s->weirds, WEIRD_SCRIPT_BLOCKS);
	return NULL;
}

void
scripts_demand(struct demand *want)
{
	if (!want->field[FIELD_SCRIPT_TEXT])
		return;
	demand_field(want, FIELD_SCRIPT_ID);
	demand_field(want, FIELD_MESSAGE_NUMBER);
	demand_field(want, FIELD_MESSAGE_TOTAL);
	demand_field(want, FIELD_WIN_EVENT_ID);
	demand_field(want, FIELD_WIN_COMPUTER);
}
