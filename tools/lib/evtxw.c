/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evtxw: see evtxw.h.  What is written (all little endian; layout as public
 * format notes of libevtx describe it, checked against files of Windows):
 *
 *   file   4096: "ElfFile\0" first u64 last u64 next_record u64 128 u32
 *                3.1 u16 u16, 4096 u16, chunks u16, .. flags u32 @120 crc @124
 *   chunk   512: "ElfChnk\0" first/last record number and id u64 x 4, 128 u32,
 *                last record u32, free u32, crc of records u32, .. crc @124,
 *                64 name buckets u32 @128, 32 template buckets u32 @384
 *   record:      "**\0\0" size u32, id u64, FILETIME, binary XML, size u32
 *
 *   binary XML:  0f 01 01 00 fragment; 0c 01 id u32 definition u32 instance,
 *                definition (next u32, GUID, size u32, fragment) stands there
 *                at first use in a chunk; then count u32, {size u16 type u16},
 *                values; 00 end.
 *                41/01 element, 06/46 attribute, 05 text, 0d/0e substitution,
 *                02/03/04 end of start tag / empty tag / element.
 *
 * Owner and bounds: as in the header; the chunk is rendered in place, and a
 * record that does not fit is rolled back and rendered anew in the next one.
 */
#include "evtxw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define CHUNK_SIZE	65536
#define CHUNK_SLACK	65536	/* a record may overrun before roll-back */
#define NAMES_AT	128
#define TEMPLATES_AT	384
#define RECORDS_AT	512
#define MAX_TEMPLATES	32

enum value_type {
	T_NULL = 0x00,
	T_STRING = 0x01,
	T_U8 = 0x04,
	T_U16 = 0x06,
	T_U32 = 0x08,
	T_U64 = 0x0a,
	T_GUID = 0x0f,
	T_FILETIME = 0x11,
	T_SID = 0x13,
	T_HEX32 = 0x14,
	T_HEX64 = 0x15,
	T_XML = 0x21
};

struct chunk {
	uint8_t bytes[CHUNK_SIZE + CHUNK_SLACK];
	uint32_t pos;
	uint32_t last_record;
	uint64_t first_id;
	uint64_t last_id;
	/* which template stands where: kind NULL is the System one */
	const struct evtxw_kind *kinds[MAX_TEMPLATES];
	uint32_t offsets[MAX_TEMPLATES];
	unsigned templates;
};

struct field {
	char name[40];
	uint8_t type;
};

uint32_t
evtxw_crc32(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	unsigned bit;

	crc = ~crc;
	while (len-- != 0) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

void
evtxw_add(struct evtxw *w, int64_t time_us, const struct evtxw_kind *kind,
    int failure, const char *const *values)
{
	struct evtxw_event *e;
	const char *p;
	unsigned i, n;

	if (w->count == w->cap) {
		w->cap = w->cap * 2 + 64;
		w->events = realloc(w->events, w->cap * sizeof(*e));
		if (w->events == NULL)
			abort();
	}
	e = &w->events[w->count];
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->time_us = time_us;
	e->order = (uint32_t)w->count++;
	e->failure = failure;
	for (p = kind->fields, n = 0; *p != '\0'; p++)
		n += *p == ':';
	for (i = 0; i < n; i++) {
		if (values[i] == NULL)
			continue;
		e->values[i] = strdup(values[i]);
		if (e->values[i] == NULL)
			abort();
	}
}

static unsigned
split_fields(const char *text, struct field *out)
{
	unsigned n = 0;
	size_t len;

	while (*text != '\0') {
		len = strcspn(text, ":");
		if (n == EVTXW_FIELDS || len >= sizeof(out[n].name))
			abort();
		memcpy(out[n].name, text, len);
		out[n].name[len] = '\0';
		switch (text[len + 1]) {
		case 'd': out[n].type = T_U32; break;
		case 'b': out[n].type = T_U8; break;
		case 'x': out[n].type = T_HEX32; break;
		case 'X': out[n].type = T_HEX64; break;
		case 'g': out[n].type = T_GUID; break;
		case 'S': out[n].type = T_SID; break;
		default: out[n].type = T_STRING; break;
		}
		n++;
		text += len + 2;
		while (*text == ' ')
			text++;
	}
	return n;
}

static void
put(struct chunk *c, uint64_t v, unsigned width)
{
	while (width-- != 0) {
		c->bytes[c->pos++] = (uint8_t)v;
		v >>= 8;
	}
}

static void
poke(struct chunk *c, uint32_t at, uint64_t v, unsigned width)
{
	while (width-- != 0) {
		c->bytes[at++] = (uint8_t)v;
		v >>= 8;
	}
}

static uint32_t
peek32(const struct chunk *c, uint32_t at)
{
	return c->bytes[at] | (uint32_t)c->bytes[at + 1] << 8 |
	    (uint32_t)c->bytes[at + 2] << 16 |
	    (uint32_t)c->bytes[at + 3] << 24;
}

static void
put_utf16(struct chunk *c, const char *s)
{
	while (*s != '\0')
		put(c, (uint8_t)*s++, 2);
}

/* size field that counts what follows it: hole now, filled later */
static uint32_t
open_size(struct chunk *c)
{
	put(c, 0, 4);
	return c->pos;
}

static void
close_size(struct chunk *c, uint32_t begin)
{
	poke(c, begin - 4, c->pos - begin, 4);
}

/* is the name that stands at offset the given one? */
static int
same_name(const struct chunk *c, uint32_t at, const char *name)
{
	size_t i, len = strlen(name);

	if (((size_t)c->bytes[at + 6] | (size_t)c->bytes[at + 7] << 8) != len)
		return 0;
	for (i = 0; i < len; i++)
		if (c->bytes[at + 8 + 2 * i] != (uint8_t)name[i])
			return 0;
	return 1;
}

/*
 * Write the offset of a name; at first use in the chunk the name itself
 * follows: next in bucket u32, hash u16, count u16, text, 0 u16.
 */
static void
put_name(struct chunk *c, const char *name)
{
	uint32_t hash = 0, at, bucket;
	const char *p;

	for (p = name; *p != '\0'; p++)
		hash = hash * 65599 + (uint8_t)*p;
	hash &= 0xffff;
	bucket = NAMES_AT + 4 * (hash % 64);
	for (at = peek32(c, bucket); at != 0; at = peek32(c, at)) {
		if (same_name(c, at, name)) {
			put(c, at, 4);
			return;
		}
	}
	at = c->pos + 4;
	put(c, at, 4);
	put(c, peek32(c, bucket), 4);
	put(c, hash, 2);
	put(c, strlen(name), 2);
	put_utf16(c, name);
	put(c, 0, 2);
	poke(c, bucket, at, 4);
}

static uint32_t
begin_element(struct chunk *c, const char *name, unsigned depends,
    int attributes)
{
	uint32_t size;

	put(c, attributes ? 0x41 : 0x01, 1);
	put(c, depends, 2);
	size = open_size(c);
	put_name(c, name);
	return size;
}

static void
put_text(struct chunk *c, const char *text)
{
	put(c, 0x0105, 2);
	put(c, strlen(text), 2);
	put_utf16(c, text);
}

static void
put_substitution(struct chunk *c, int optional, unsigned id, unsigned type)
{
	put(c, optional ? 0x0e : 0x0d, 1);
	put(c, id, 2);
	put(c, type, 1);
}

/* element with one substitution as its content: <Name>%id</Name> */
static void
leaf(struct chunk *c, const char *name, unsigned id, unsigned type)
{
	uint32_t size = begin_element(c, name, id, 0);

	put(c, 0x02, 1);
	put_substitution(c, 1, id, type);
	put(c, 0x04, 1);
	close_size(c, size);
}

struct attribute {
	const char *name;
	unsigned id;
	unsigned type;
};

/* <Name a="%1" b="%2"/> */
static void
empty_leaf(struct chunk *c, const char *name, const struct attribute *a,
    unsigned count)
{
	uint32_t size = begin_element(c, name, 0xffff, 1), list;
	unsigned i;

	list = open_size(c);
	for (i = 0; i < count; i++) {
		put(c, i + 1 < count ? 0x46 : 0x06, 1);
		put_name(c, a[i].name);
		put_substitution(c, 1, a[i].id, a[i].type);
	}
	close_size(c, list);
	put(c, 0x03, 1);
	close_size(c, size);
}

/* substitution numbers of the System template, as Windows numbers them */
enum {
	SUB_LEVEL, SUB_OPCODE, SUB_TASK, SUB_EVENT_ID, SUB_QUALIFIERS,
	SUB_KEYWORDS, SUB_TIME, SUB_ACTIVITY, SUB_PID, SUB_TID, SUB_RECORD,
	SUB_VERSION, SUB_USER, SUB_RELATED, SUB_PROVIDER, SUB_GUID,
	SUB_CHANNEL, SUB_BODY, SUB_COUNT
};

static void
system_elements(struct chunk *c, const char *computer)
{
	static const struct attribute provider[] = {
		{ "Name", SUB_PROVIDER, T_STRING },
		{ "Guid", SUB_GUID, T_GUID }
	}, created[] = {
		{ "SystemTime", SUB_TIME, T_FILETIME }
	}, correlation[] = {
		{ "ActivityID", SUB_ACTIVITY, T_GUID },
		{ "RelatedActivityID", SUB_RELATED, T_GUID }
	}, execution[] = {
		{ "ProcessID", SUB_PID, T_U32 },
		{ "ThreadID", SUB_TID, T_U32 }
	}, security[] = {
		{ "UserID", SUB_USER, T_SID }
	};
	uint32_t size, list;

	empty_leaf(c, "Provider", provider, 2);
	size = begin_element(c, "EventID", SUB_EVENT_ID, 1);
	list = open_size(c);
	put(c, 0x06, 1);
	put_name(c, "Qualifiers");
	put_substitution(c, 1, SUB_QUALIFIERS, T_U16);
	close_size(c, list);
	put(c, 0x02, 1);
	put_substitution(c, 1, SUB_EVENT_ID, T_U16);
	put(c, 0x04, 1);
	close_size(c, size);
	leaf(c, "Version", SUB_VERSION, T_U8);
	leaf(c, "Level", SUB_LEVEL, T_U8);
	leaf(c, "Task", SUB_TASK, T_U16);
	leaf(c, "Opcode", SUB_OPCODE, T_U8);
	leaf(c, "Keywords", SUB_KEYWORDS, T_HEX64);
	empty_leaf(c, "TimeCreated", created, 1);
	leaf(c, "EventRecordID", SUB_RECORD, T_U64);
	empty_leaf(c, "Correlation", correlation, 2);
	empty_leaf(c, "Execution", execution, 2);
	leaf(c, "Channel", SUB_CHANNEL, T_STRING);
	size = begin_element(c, "Computer", 0xffff, 0);
	put(c, 0x02, 1);
	put_text(c, computer);
	put(c, 0x04, 1);
	close_size(c, size);
	empty_leaf(c, "Security", security, 1);
}

static void
system_template(struct chunk *c, const char *computer)
{
	uint32_t event, system, list;

	event = begin_element(c, "Event", SUB_BODY, 1);
	list = open_size(c);
	put(c, 0x06, 1);
	put_name(c, "xmlns");
	put_text(c, "http://schemas.microsoft.com/win/2004/08/events/event");
	close_size(c, list);
	put(c, 0x02, 1);
	system = begin_element(c, "System", 0xffff, 0);
	put(c, 0x02, 1);
	system_elements(c, computer);
	put(c, 0x04, 1);
	close_size(c, system);
	put_substitution(c, 1, SUB_BODY, T_XML);
	put(c, 0x04, 1);
	close_size(c, event);
}

static void
data_template(struct chunk *c, const struct field *fields, unsigned count)
{
	uint32_t body, data, list;
	unsigned i;

	body = begin_element(c, "EventData", 0xffff, 0);
	put(c, 0x02, 1);
	for (i = 0; i < count; i++) {
		data = begin_element(c, "Data", 0xffff, 1);
		list = open_size(c);
		put(c, 0x06, 1);
		put_name(c, "Name");
		put_text(c, fields[i].name);
		close_size(c, list);
		put(c, 0x02, 1);
		put_substitution(c, 0, i, fields[i].type);
		put(c, 0x04, 1);
		close_size(c, data);
	}
	put(c, 0x04, 1);
	close_size(c, body);
}

/* a GUID made from the event id and version, the same in every run */
static void
template_guid(const struct evtxw_kind *kind, uint8_t guid[16])
{
	struct rng r = { kind == NULL ? 1 :
	    (uint64_t)kind->event_id << 8 | kind->version };
	unsigned i;

	for (i = 0; i < 16; i++)
		guid[i] = (uint8_t)(rng_next(&r) >> 56);
}

/* instance token, and the definition if this chunk has not seen it yet */
static void
put_instance(struct chunk *c, const char *computer,
    const struct evtxw_kind *kind, const struct field *fields, unsigned count)
{
	uint32_t hash = 0, bucket, at, size;
	uint8_t guid[16];
	unsigned i;

	template_guid(kind, guid);
	put(c, 0x0001010f, 4);			/* 0f 01 01 00 */
	put(c, 0x010c, 2);
	for (i = 0; i < 4; i++)
		put(c, guid[i], 1);
	for (i = 0; i < c->templates; i++) {
		if (c->kinds[i] == kind) {
			put(c, c->offsets[i], 4);
			return;
		}
	}
	if (c->templates == MAX_TEMPLATES)
		abort();
	for (i = 0; i < 16; i += 2)
		hash = hash * 65599 + (guid[i] | (uint32_t)guid[i + 1] << 8);
	bucket = TEMPLATES_AT + 4 * (hash % 32);
	at = c->pos + 4;
	put(c, at, 4);
	put(c, peek32(c, bucket), 4);
	poke(c, bucket, at, 4);
	for (i = 0; i < 16; i++)
		put(c, guid[i], 1);
	size = open_size(c);
	put(c, 0x0001010f, 4);
	if (kind == NULL)
		system_template(c, computer);
	else
		data_template(c, fields, count);
	put(c, 0x00, 1);
	close_size(c, size);
	c->kinds[c->templates] = kind;
	c->offsets[c->templates++] = at;
}

/* "S-1-5-21-..." as: revision, count, authority (6, big endian), u32 each */
static void
put_sid(struct chunk *c, const char *text)
{
	uint32_t count_at;
	unsigned count = 0;
	char *end;

	put(c, 1, 1);
	count_at = c->pos;
	put(c, 0, 1);
	put(c, 0, 5);
	put(c, strtoul(text + 4, &end, 10), 1);
	while (*end == '-') {
		put(c, strtoul(end + 1, &end, 10), 4);
		count++;
	}
	poke(c, count_at, count, 1);
}

/* "{d-w-w-bb-bbbbbb}": first three parts are little endian */
static void
put_guid(struct chunk *c, const char *text)
{
	static const uint8_t order[] = {
		6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34
	};
	char pair[3] = { 0 };
	unsigned i;

	for (i = 0; i < 16; i++) {
		memcpy(pair, text + 1 + order[i], 2);
		put(c, strtoul(pair, NULL, 16), 1);
	}
}

static void
put_value(struct chunk *c, const char *text, unsigned type)
{
	switch (type) {
	case T_U8:
		put(c, strtoul(text, NULL, 0), 1);
		break;
	case T_U32:
	case T_HEX32:
		put(c, strtoul(text, NULL, 0), 4);
		break;
	case T_HEX64:
		put(c, strtoull(text, NULL, 0), 8);
		break;
	case T_GUID:
		put_guid(c, text);
		break;
	case T_SID:
		put_sid(c, text);
		break;
	default:
		put_utf16(c, text);
		break;
	}
}

static void
put_data(struct chunk *c, const struct evtxw_event *e)
{
	struct field fields[EVTXW_FIELDS] = { 0 };
	uint32_t table, before;
	unsigned i, count;

	count = split_fields(e->kind->fields, fields);
	put_instance(c, NULL, e->kind, fields, count);
	put(c, count, 4);
	table = c->pos;
	c->pos += 4 * count;
	for (i = 0; i < count; i++) {
		before = c->pos;
		if (e->values[i] != NULL)
			put_value(c, e->values[i], fields[i].type);
		poke(c, table + 4 * i, c->pos - before, 2);
		poke(c, table + 4 * i + 2, e->values[i] == NULL ? T_NULL :
		    fields[i].type, 2);
	}
	put(c, 0x00, 1);
}

static uint64_t
filetime(int64_t time_us)
{
	return ((uint64_t)time_us + 11644473600000000u) * 10;
}

static void
put_system(struct chunk *c, const struct evtxw *w,
    const struct evtxw_event *e, uint64_t record_id)
{
	static const char provider[] = "Microsoft-Windows-Security-Auditing";
	static const struct { uint8_t size, type; } shape[SUB_COUNT] = {
		{ 1, T_U8 }, { 1, T_U8 }, { 2, T_U16 }, { 2, T_U16 },
		{ 0, T_NULL }, { 8, T_HEX64 }, { 8, T_FILETIME },
		{ 0, T_NULL }, { 4, T_U32 }, { 4, T_U32 }, { 8, T_U64 },
		{ 1, T_U8 }, { 0, T_NULL }, { 0, T_NULL },
		{ 2 * (sizeof(provider) - 1), T_STRING }, { 16, T_GUID },
		{ 16, T_STRING }, { 0, T_XML }
	};
	uint32_t table, body;
	unsigned i;

	put_instance(c, w->computer, NULL, NULL, 0);
	put(c, SUB_COUNT, 4);
	table = c->pos;
	for (i = 0; i < SUB_COUNT; i++) {
		put(c, shape[i].size, 2);
		put(c, shape[i].type, 2);
	}
	put(c, 0, 1);				/* level */
	put(c, 0, 1);				/* opcode */
	put(c, e->kind->task, 2);
	put(c, e->kind->event_id, 2);
	put(c, e->failure ? 0x8010000000000000u : 0x8020000000000000u, 8);
	put(c, filetime(e->time_us), 8);
	put(c, 4, 4);				/* process */
	put(c, 100 + 4 * (record_id % 9), 4);	/* thread */
	put(c, record_id, 8);
	put(c, e->kind->version, 1);
	put_utf16(c, provider);
	put_guid(c, "{54849625-5478-4994-A5BA-3E3B0328C30D}");
	put_utf16(c, "Security");
	body = c->pos;
	put_data(c, e);
	poke(c, table + 4 * SUB_BODY, c->pos - body, 2);
	put(c, 0x00, 1);
}

static void
put_record(struct chunk *c, const struct evtxw *w,
    const struct evtxw_event *e, uint64_t record_id)
{
	uint32_t begin = c->pos, size;

	put(c, 0x2a2a, 4);
	put(c, 0, 4);
	put(c, record_id, 8);
	put(c, filetime(e->time_us), 8);
	put_system(c, w, e, record_id);
	while ((c->pos - begin) % 8 != 4)
		put(c, 0, 1);
	size = c->pos - begin + 4;
	put(c, size, 4);
	poke(c, begin + 4, size, 4);
	c->last_record = begin;
	c->last_id = record_id;
}

static void
start_chunk(struct chunk *c, uint64_t first_id)
{
	memset(c, 0, sizeof(*c));
	c->pos = RECORDS_AT;
	c->first_id = first_id;
}

static void
end_chunk(struct chunk *c, struct buf *out, uint64_t first_number)
{
	uint32_t crc;

	memcpy(c->bytes, "ElfChnk", 8);
	poke(c, 8, first_number, 8);
	poke(c, 16, first_number + c->last_id - c->first_id, 8);
	poke(c, 24, c->first_id, 8);
	poke(c, 32, c->last_id, 8);
	poke(c, 40, 128, 4);
	poke(c, 44, c->last_record, 4);
	poke(c, 48, c->pos, 4);
	poke(c, 52, evtxw_crc32(0, c->bytes + RECORDS_AT,
	    c->pos - RECORDS_AT), 4);
	crc = evtxw_crc32(0, c->bytes, 120);
	poke(c, 124, evtxw_crc32(crc, c->bytes + 128, RECORDS_AT - 128), 4);
	buf_put(out, c->bytes, CHUNK_SIZE);
}

static void
file_header(struct buf *out, uint64_t chunks, uint64_t next_number)
{
	buf_put(out, "ElfFile", 8);
	buf_le64(out, 0);
	buf_le64(out, chunks - 1);
	buf_le64(out, next_number);
	buf_le32(out, 128);
	buf_le16(out, 1);
	buf_le16(out, 3);
	buf_le16(out, 4096);
	buf_le16(out, (uint32_t)chunks);
	buf_zero(out, 120 - out->len);
	buf_le32(out, 0);
	buf_le32(out, evtxw_crc32(0, out->data, 120));
	buf_zero(out, 4096 - out->len);
}

static int
by_time(const void *a, const void *b)
{
	const struct evtxw_event *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static uint64_t
put_chunks(struct evtxw *w, struct buf *out)
{
	struct chunk *c = malloc(sizeof(*c)), *before = malloc(sizeof(*c));
	uint64_t chunks = 1, id = w->first_record_id;
	size_t i;

	if (c == NULL || before == NULL)
		abort();
	start_chunk(c, id);
	for (i = 0; i < w->count; i++, id++) {
		memcpy(before, c, sizeof(*c));
		put_record(c, w, &w->events[i], id);
		if (c->pos <= CHUNK_SIZE)
			continue;
		end_chunk(before, out, before->first_id -
		    w->first_record_id + 1);
		start_chunk(c, id);
		put_record(c, w, &w->events[i], id);
		chunks++;
	}
	end_chunk(c, out, c->first_id - w->first_record_id + 1);
	free(c);
	free(before);
	return chunks;
}

int
evtxw_write(struct evtxw *w, const char *path)
{
	struct buf head = { 0 }, body = { 0 };
	unsigned v;
	size_t i;
	FILE *f;
	int bad;

	qsort(w->events, w->count, sizeof(*w->events), by_time);
	file_header(&head, put_chunks(w, &body), w->count + 1);
	for (i = 0; i < w->count; i++)
		for (v = 0; v < EVTXW_FIELDS; v++)
			free(w->events[i].values[v]);
	free(w->events);
	w->events = NULL;
	f = fopen(path, "wb");
	if (f == NULL)
		return -1;
	bad = fwrite(head.data, 1, head.len, f) != head.len;
	bad |= fwrite(body.data, 1, body.len, f) != body.len;
	bad |= fclose(f) != 0;
	buf_free(&head);
	buf_free(&body);
	return bad ? -1 : 0;
}
