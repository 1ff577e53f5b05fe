/* SPDX-License-Identifier: Apache-2.0
 *
 * The EVTX decoder on chunks that are built here, byte by byte after MS-EVEN6.
 * With EVTX_FILES=<folder> each chunk is also written there as a file with
 * sums: whole with EVTX_WHOLE=1, for other readers (evtxexport) and
 * tests/golden/decoders/evtx, else cut behind its last record, as a seed for
 * fuzz/corpus/evtx.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "decode.h"

extern const struct decoder decoder_evtx;

#define CHUNK	65536
#define BASE	4096u		/* where the chunk lies in its file */
/* 2024-05-17T08:09:10.1234567Z; 133604069501234567 / 10^7 s since 1601 */
#define FILETIME UINT64_C(133604069501234567)
#define UNIX_NS	(INT64_C(1715933350) * NSEC + 123456700)

/* -- building --------------------------------------------------------------- */

struct img {
	uint8_t		b[CHUNK];
	uint32_t	pos;
	uint32_t	rec;		/* start of the open record */
	uint64_t	id;
	bool		in_template;
	struct {
		char		text[40];
		uint32_t	at;
	} name[64];
	unsigned	nnames;
};

static struct img *img;
static struct batch batch;
static struct demand want;
static struct weirds weirds;
static bool header_lies;	/* the record's header has no time */
static void *state;
static unsigned nrec;
static struct { uint32_t at, size; } rec[BATCH_RECORDS];

static void
put(uint64_t v, unsigned n)
{
	for (; n-- > 0; v >>= 8)
		img->b[img->pos++] = (uint8_t)v;
}

static void
put32_at(uint32_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		img->b[at + i] = (uint8_t)(v >> 8 * i);
}

static void
put_bytes(const void *p, size_t n)
{
	memcpy(img->b + img->pos, p, n);
	img->pos += (uint32_t)n;
}

static void
put_wide(const char *s)
{
	for (; *s != '\0'; s++)
		put((uint8_t)*s, 2);
}

/* Inline at first use in the chunk, by its offset later. */
static void
put_name(const char *s)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < img->nnames; i++)
		if (strcmp(img->name[i].text, s) == 0) {
			put(img->name[i].at, 4);
			return;
		}
	assert_true(img->nnames < 64);
	strcpy(img->name[img->nnames].text, s);
	img->name[img->nnames++].at = img->pos + 4;
	put(img->pos + 4, 4);
	put(0, 4);
	for (const char *p = s; *p != '\0'; p++)
		hash = hash * 65599 + (uint8_t)*p;
	put(hash & 0xffff, 2);
	put(strlen(s), 2);
	put_wide(s);
	put(0, 2);
}

/* Sizes are not filled in but where they matter. */
static uint32_t
open_tag(const char *name, bool attrs)
{
	uint32_t size_at;

	put(attrs ? 0x41 : 0x01, 1);
	if (img->in_template)
		put(0xffff, 2);
	size_at = img->pos;
	put(0, 4);
	put_name(name);
	if (attrs)
		put(0, 4);
	return size_at;
}

static void
end_start(void)
{
	put(0x02, 1);
}

static void
close_tag(uint32_t size_at)
{
	put(0x04, 1);
	put32_at(size_at, img->pos - size_at - 4);
}

static void
close_empty(uint32_t size_at)
{
	put(0x03, 1);
	put32_at(size_at, img->pos - size_at - 4);
}

static void
attr(const char *name)
{
	put(0x06, 1);
	put_name(name);
}

static void
text(const char *s)
{
	put(0x0105, 2);
	put(strlen(s), 2);
	put_wide(s);
}

static void
sub(unsigned slot, unsigned type)
{
	put(0x0d, 1);
	put(slot, 2);
	put(type, 1);
}

static void
opt(unsigned slot, unsigned type)
{
	put(0x0e, 1);
	put(slot, 2);
	put(type, 1);
}

static void
attr_text(const char *name, const char *value)
{
	uint32_t list = img->pos - 4;

	attr(name);
	text(value);
	put32_at(list, img->pos - list - 4);
}

/* <name>text</name> */
static void
leaf(const char *name, const char *value)
{
	uint32_t at = open_tag(name, false);

	end_start();
	text(value);
	close_tag(at);
}

/* <name>%slot</name> */
static void
leaf_sub(const char *name, unsigned slot, unsigned type)
{
	uint32_t at = open_tag(name, false);

	end_start();
	sub(slot, type);
	close_tag(at);
}

/* <Data Name="name"> up to its contents */
static uint32_t
open_data(const char *name)
{
	uint32_t at = open_tag("Data", name != NULL);

	if (name != NULL)
		attr_text("Name", name);
	end_start();
	return at;
}

static void
data_sub(const char *name, unsigned slot, unsigned type, bool optional)
{
	uint32_t at = open_data(name);

	if (optional)
		opt(slot, type);
	else
		sub(slot, type);
	close_tag(at);
}

static void
fragment(void)
{
	put(0x0001010f, 4);
}

static void
begin_record(uint64_t id)
{
	img->rec = img->pos;
	img->id = id;
	put(0x2a2a, 4);
	put(0, 4);
	put(id, 8);
	put(FILETIME, 8);
	fragment();
}

/* Padding is what the buffer held before; here the start of a fragment. */
static void
end_record(void)
{
	static const uint8_t old[] = { 0x0f, 1, 1, 0, 0x0c, 1, 7 };
	uint32_t size, i = 0;

	put(0, 1);
	while ((img->pos - img->rec) % 8 != 4)
		put(old[i++], 1);
	size = img->pos + 4 - img->rec;
	put(size, 4);
	put32_at(img->rec + 4, size);
	assert_true(nrec < NITEMS(rec));
	rec[nrec].at = img->rec;
	rec[nrec++].size = size;
}

/* 0c 01 id offset, and the definition's head when it is new; returns where the
 * size of its body goes. */
static uint32_t
begin_instance(uint32_t id)
{
	put(0x010c, 2);
	put(id, 4);
	put(img->pos + 4, 4);
	put(0, 4);
	put(id, 4);
	put(0x1122334455667788, 8);
	put(0x99aabbcc, 4);
	put(0, 4);
	fragment();
	img->in_template = true;
	return img->pos - 8;
}

static uint32_t
end_definition(uint32_t size_at)
{
	put(0, 1);
	put32_at(size_at, img->pos - size_at - 4);
	img->in_template = false;
	return size_at - 20;	/* where the definition stands */
}

static void
instance_of(uint32_t id, uint32_t at)
{
	put(0x010c, 2);
	put(id, 4);
	put(at, 4);
}

/* Descriptors: size and type by turns. */
static void
values(unsigned n, const uint16_t *size_type)
{
	put(n, 4);
	for (unsigned i = 0; i < n; i++) {
		put(size_type[2 * i], 2);
		put(size_type[2 * i + 1], 2);
	}
}

/* <System> as forwarded logs have it: no template, all text. */
static void
text_system(const char *event_id)
{
	uint32_t sys = open_tag("System", false), at;

	end_start();
	at = open_tag("Provider", true);
	attr_text("Name", "Prov");
	close_empty(at);
	at = open_tag("EventID", true);
	attr_text("Qualifiers", "0");
	end_start();
	text(event_id);
	close_tag(at);
	leaf("Level", "4");
	leaf("Keywords", "0x8020000000000000");
	at = open_tag("TimeCreated", true);
	attr_text("SystemTime", "2021-01-02T03:04:05.5Z");
	close_empty(at);
	leaf("Channel", "Security");
	leaf("Computer", "dc01.example");
	close_tag(sys);
}

/* -- running ------------------------------------------------------------------ */

static uint32_t
crc32_of(const uint8_t *p, size_t n, uint32_t crc)
{
	crc = ~crc;
	while (n-- > 0) {
		crc ^= *p++;
		for (unsigned i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
	}
	return ~crc;
}

/* The chunk as a file of Windows would have it. */
static void
write_file(const char *stem)
{
	const char *folder = getenv("EVTX_FILES");
	uint8_t head[BASE] = "ElfFile";
	uint32_t crc;
	char path[512];
	size_t size;
	FILE *f;

	if (folder == NULL)
		return;
	head[24] = 1 + (uint8_t)nrec;
	head[32] = 128;
	head[36] = 1;
	head[38] = 3;
	head[41] = BASE >> 8;
	head[42] = 1;
	crc = crc32_of(head, 120, 0);
	for (unsigned i = 0; i < 4; i++)
		head[124 + i] = (uint8_t)(crc >> 8 * i);
	memcpy(img->b, "ElfChnk", 8);
	img->b[8] = 1;
	img->b[16] = img->b[32] = (uint8_t)nrec;
	img->b[24] = 1;
	put32_at(40, 128);
	put32_at(44, nrec > 0 ? rec[nrec - 1].at : 512);
	put32_at(48, img->pos);
	put32_at(52, crc32_of(img->b + 512, img->pos - 512, 0));
	crc = crc32_of(img->b, 120, 0);
	put32_at(124, crc32_of(img->b + 128, 384, crc));
	snprintf(path, sizeof(path), "%s/%s.evtx", folder, stem);
	f = fopen(path, "wb");
	assert_non_null(f);
	size = getenv("EVTX_WHOLE") != NULL ? CHUNK : img->pos;
	assert_int_equal(fwrite(head, 1, BASE, f), BASE);
	assert_int_equal(fwrite(img->b, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **arg)
{
	(void)arg;
	weirds_init(&weirds);
	memset(&want, 0, sizeof(want));
	demand_all(&want);
	img = calloc(1, sizeof(*img));
	img->pos = 512;
	nrec = 0;
	state = calloc(1, decoder_evtx.state_size);
	return batch_init(&batch, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **arg)
{
	struct dec d = { .batch = &batch };

	(void)arg;
	decoder_evtx.end(&d, state);
	free(state);
	free(img);
	batch_fini(&batch);
	return 0;
}

/* Decodes all records of the chunk. */
static void
run(const char *stem)
{
	struct dec d = { .batch = &batch };

	write_file(stem);
	batch_reset(&batch);
	for (unsigned i = 0; i < nrec; i++) {
		struct record *r = batch_record(&batch);

		r->type = REC_EVTX;
		r->whole = span_of(img->b, CHUNK);
		r->data = span_of(img->b + rec[i].at, rec[i].size);
		r->no = load_le64(img->b + rec[i].at + 8);
		r->offset = BASE + rec[i].at;
		r->time = header_lies ? TIME_NONE :
		    time_from_filetime(FILETIME);
		r->flags = i == 0 ? REC_F_FIRST : 0;
		d.rec = r;
		assert_true(decoder_evtx.match(r) > 0);
		decoder_evtx.record(&d, state, r);
	}
}

static const struct value *
get(unsigned event, const char *name)
{
	assert_true(event < batch.nevents);
	return event_get_name(&batch.events[event], span_str(name));
}

/* The value as text sinks show it; lists as JSON. */
static void
is(unsigned event, const char *name, const char *wanted)
{
	const struct value *v = get(event, name);
	struct buf b;

	if (v == NULL)
		fail_msg("no field %s", name);
	buf_init(&b, 0);
	if (v->type == VT_LIST)
		value_put_json(&b, v);
	else
		value_put(&b, v);
	buf_byte(&b, '\0');
	assert_string_equal((const char *)b.ptr, wanted);
	buf_fini(&b);
}

static void
is_type(unsigned event, const char *name, enum vtype type)
{
	assert_non_null(get(event, name));
	assert_int_equal(get(event, name)->type, type);
}

static void
absent(unsigned event, const char *name)
{
	if (get(event, name) != NULL)
		fail_msg("field %s should not be there", name);
}

static void
no_weirds(void)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++)
		if (weirds.count[i] != 0)
			fail_msg("weird %s", weird_name((enum weird)i));
}

/* -- tests ---------------------------------------------------------------------- */

/* System in one template, EventData in another inside of its last value; the
 * second record refers to both.  Values of the second differ. */
static const uint16_t inner_values[] = { 10, 0x01, 4, 0x14, 0, 0x01 };

static uint32_t
put_template_system(void)
{
	uint32_t body = begin_instance(0xabcd), ev, sys, at, list;

	ev = open_tag("Event", true);
	attr_text("xmlns",
	    "http://schemas.microsoft.com/win/2004/08/events/event");
	end_start();
	sys = open_tag("System", false);
	end_start();
	at = open_tag("Provider", true);
	attr_text("Name", "Prov");
	close_empty(at);
	at = open_tag("EventID", true);
	list = img->pos - 4;
	attr("Qualifiers");
	opt(1, 0x06);
	put32_at(list, img->pos - list - 4);
	end_start();
	sub(0, 0x06);
	close_tag(at);
	at = open_tag("TimeCreated", true);
	list = img->pos - 4;
	attr("SystemTime");
	sub(2, 0x11);
	put32_at(list, img->pos - list - 4);
	close_empty(at);
	leaf_sub("EventRecordID", 3, 0x0a);
	leaf_sub("Keywords", 4, 0x15);
	leaf_sub("Computer", 5, 0x01);
	at = open_tag("Security", true);
	list = img->pos - 4;
	attr("UserID");
	opt(6, 0x13);
	put32_at(list, img->pos - list - 4);
	close_empty(at);
	close_tag(sys);
	opt(7, 0x21);
	close_tag(ev);
	return end_definition(body);
}

static void
put_inner_definition(void)
{
	uint32_t at = open_tag("EventData", false);

	end_start();
	data_sub("TargetUserName", 0, 0x01, false);
	data_sub("TicketEncryptionType", 1, 0x14, false);
	data_sub("Nothing", 2, 0x01, false);
	close_tag(at);
}

static void
put_system_values(unsigned event_id, uint16_t inner_size)
{
	static const uint8_t sid[] = { 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0 };
	const uint16_t v[] = {
		2, 0x06, 0, 0x00, 8, 0x11, 8, 0x0a, 8, 0x15, 8, 0x01,
		12, 0x13, inner_size, 0x21
	};

	values(8, v);
	put(event_id, 2);
	put(FILETIME, 8);
	put(77, 8);
	put(UINT64_C(0x8020000000000000), 8);
	put_wide("dc01");
	put_bytes(sid, sizeof(sid));
}

static void
put_template_records(void)
{
	uint32_t def, inner, from, body;

	begin_record(77);
	def = put_template_system();
	put_system_values(4769, 0);
	from = img->pos;
	fragment();
	body = begin_instance(0x1234);
	put_inner_definition();
	inner = end_definition(body);
	values(3, inner_values);
	put_wide("alice");
	put(0x17, 4);
	put(0, 1);
	/* size of the nested value: the last descriptor, before 46 bytes */
	img->b[from - 46 - 4] = (uint8_t)(img->pos - from);
	img->b[from - 46 - 3] = (uint8_t)((img->pos - from) >> 8);
	end_record();

	begin_record(78);
	instance_of(0xabcd, def);
	put_system_values(4624, 4 + 10 + 4 + 12 + 14 + 1);
	fragment();
	instance_of(0x1234, inner);
	values(3, inner_values);
	put_wide("carol");
	put(0x12, 4);
	put(0, 1);
	end_record();
}

static void
test_template(void **arg)
{
	struct event *e;

	(void)arg;
	put_template_records();
	run("template");
	assert_int_equal(batch.nevents, 2);
	no_weirds();
	e = &batch.events[0];
	assert_int_equal(e->kind, KIND_WINEVENT);
	assert_int_equal(e->time, UNIX_NS);
	assert_int_equal(e->loc.record, 77);
	assert_int_equal(e->loc.offset, BASE + 512);
	is(0, "Provider_Name", "Prov");
	is(0, "EventID", "4769");
	is_type(0, "EventID", VT_U64);
	absent(0, "EventID_Qualifiers");
	is(0, "TimeCreated", "2024-05-17T08:09:10.123456700Z");
	is(0, "EventRecordID", "77");
	is(0, "Keywords", "0x8020000000000000");
	is(0, "Computer", "dc01");
	is_type(0, "Computer", VT_WSTR);
	is(0, "Security_UserID", "S-1-5-18");
	is(0, "TargetUserName", "alice");
	is(0, "TicketEncryptionType", "0x17");
	is(0, "Nothing", "");
	absent(0, "Event_xmlns");
	assert_non_null(event_get(e, FIELD_TARGET_USER));
	is(1, "EventID", "4624");
	is(1, "TargetUserName", "carol");
	is(1, "TicketEncryptionType", "0x12");
}

/* The same template at another place, with names that stand elsewhere. */
static void
test_template_moved(void **arg)
{
	struct dec d = { .batch = &batch };
	struct record r = { .type = REC_EVTX };

	(void)arg;
	put_template_records();
	run("template");
	/* The next chunk: a record that brings all names first. */
	memset(img, 0, sizeof(*img));
	img->pos = 512 + 40;
	nrec = 0;
	begin_record(1);
	leaf("Event", "x");
	leaf("Data", "x");
	leaf("Computer", "x");
	end_record();
	put_template_records();
	batch_reset(&batch);
	for (unsigned i = 1; i < 3; i++) {
		r.whole = span_of(img->b, CHUNK);
		r.data = span_of(img->b + rec[i].at, rec[i].size);
		r.offset = BASE + CHUNK + rec[i].at;
		d.rec = &r;
		decoder_evtx.record(&d, state, &r);
	}
	no_weirds();
	is(0, "TargetUserName", "alice");
	is(0, "Security_UserID", "S-1-5-18");
	is(1, "EventID", "4624");
	is(1, "TargetUserName", "carol");
}

static void
test_no_template(void **arg)
{
	uint32_t ev, at;

	(void)arg;
	begin_record(5);
	ev = open_tag("Event", false);
	end_start();
	text_system("4622");
	at = open_tag("EventData", false);
	end_start();
	close_tag(open_data("Empty"));
	close_empty(open_tag("Data", false));
	at = open_data("Threat Name");
	text("Evil");
	close_tag(at);
	at = open_data("Level");
	text("9");
	close_tag(at);
	at = open_data(NULL);
	text("one");
	close_tag(at);
	close_tag(ev);
	close_tag(ev);
	put32_at(ev, 0);
	at = open_tag("RenderingInfo", true);
	attr_text("Culture", "en-US");
	end_start();
	leaf("Level", "Information");
	close_tag(at);
	end_record();
	run("no-template");
	no_weirds();
	assert_int_equal(batch.nevents, 1);
	is(0, "EventID", "4622");
	is_type(0, "EventID", VT_U64);
	is(0, "EventID_Qualifiers", "0");
	is_type(0, "Level", VT_U64);
	is(0, "Level", "4");
	is_type(0, "Keywords", VT_HEX);
	is(0, "Keywords", "0x8020000000000000");
	assert_int_equal(batch.events[0].time,
	    INT64_C(1609556645) * NSEC + 500000000);
	is(0, "Channel", "Security");
	is(0, "Empty", "");
	is(0, "ThreatName", "Evil");
	is(0, "EventData_Level", "9");
	is(0, "Data", "[\"\",\"one\"]");
	is(0, "RenderingInfo_Culture", "en-US");
	is(0, "RenderingInfo_Level", "Information");
}

/* UserData: names of leaves, attributes, repeated names, a name of System. */
static void
test_user_data(void **arg)
{
	uint32_t ev, ud, x, at;

	(void)arg;
	begin_record(6);
	ev = open_tag("Event", false);
	end_start();
	text_system("104");
	ud = open_tag("UserData", false);
	end_start();
	x = open_tag("LogFileCleared", true);
	attr_text("xmlns", "urn:x");
	end_start();
	leaf("SubjectUserName", "mallory");
	leaf("Channel", "System");
	leaf("Item", "1");
	leaf("Item", "2");
	leaf("Item", "3");
	leaf("Item", "4");
	leaf("Item", "5");
	at = open_tag("Flags", true);
	attr_text("value", "7");
	close_empty(at);
	close_tag(x);
	close_tag(ud);
	close_tag(ev);
	end_record();
	run("user-data");
	no_weirds();
	is(0, "SubjectUserName", "mallory");
	is(0, "Channel", "Security");
	is(0, "UserData_Channel", "System");
	is(0, "Item", "[\"1\",\"2\",\"3\",\"4\",\"5\"]");
	is(0, "Flags_value", "7");
	absent(0, "Flags");
	absent(0, "LogFileCleared");
	absent(0, "LogFileCleared_xmlns");
}

/* One record whose EventData is a template with a slot for each descriptor. */
static void
put_slots(const char *const *names, const bool *optional, unsigned n)
{
	uint32_t body, ev, data;

	begin_record(9);
	body = begin_instance(0x77);
	ev = open_tag("Event", false);
	end_start();
	data = open_tag("EventData", false);
	end_start();
	for (unsigned i = 0; i < n; i++)
		data_sub(names[i], i, 0x01, optional != NULL && optional[i]);
	close_tag(data);
	close_tag(ev);
	end_definition(body);
}

static void
test_arrays(void **arg)
{
	static const char *const names[] = {
		"Words", NULL, "One", "Numbers", "Sids", "None"
	};
	static const uint16_t v[] = {
		10, 0x81, 8, 0x81, 4, 0x81, 8, 0x88, 24, 0x93, 0, 0x81
	};
	static const uint8_t sids[] = {
		1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,
		1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0
	};

	(void)arg;
	put_slots(names, NULL, 6);
	values(6, v);
	put_bytes("a\0b\0\0\0c\0\0\0", 10);	/* "ab" "c" */
	put_bytes("x\0\0\0\0\0y\0", 8);		/* "x" "" "y", no NUL */
	put_bytes("z\0\0\0", 4);
	put(7, 4);
	put(8, 4);
	put_bytes(sids, sizeof(sids));
	end_record();
	run("arrays");
	no_weirds();
	is(0, "Words", "[\"ab\",\"c\"]");
	is(0, "Data", "[\"x\",\"\",\"y\"]");
	is(0, "One", "z");
	is_type(0, "One", VT_WSTR);
	is(0, "Numbers", "[7,8]");
	is(0, "Sids", "[\"S-1-5-18\",\"S-1-5-19\"]");
	is(0, "None", "");
}

static void
test_optional(void **arg)
{
	static const char *const names[] = {
		"Null", "OptNull", "OptEmpty", "OptThere", "Missing", "OptMissing"
	};
	static const bool optional[] = { 0, 1, 1, 1, 0, 1 };
	static const uint16_t v[] = {
		0, 0x00, 0, 0x00, 0, 0x01, 1, 0x04
	};

	(void)arg;
	put_slots(names, optional, 6);
	values(4, v);		/* two fewer than the template asks for */
	put(200, 1);
	end_record();
	run("optional");
	no_weirds();
	is(0, "Null", "");
	is_type(0, "Null", VT_STR);
	absent(0, "OptNull");
	absent(0, "OptEmpty");
	is(0, "OptThere", "200");
	is(0, "Missing", "");
	absent(0, "OptMissing");
}

static void
test_types(void **arg)
{
	static const char *const names[] = {
		"s", "ansi", "i8", "u8", "i16", "u16", "i32", "u32", "i64",
		"u64", "f32", "f64", "bool", "bin", "guid", "size", "ft",
		"st", "sid", "h32", "h64", "never", "wide32", "badguid",
		"cp1252"
	};
	static const uint16_t v[] = {
		8, 0x01, 3, 0x02, 1, 0x03, 1, 0x04, 2, 0x05, 2, 0x06, 4, 0x07,
		4, 0x08, 8, 0x09, 8, 0x0a, 4, 0x0b, 8, 0x0c, 4, 0x0d, 3, 0x0e,
		16, 0x0f, 4, 0x10, 8, 0x11, 16, 0x12, 12, 0x13, 4, 0x14,
		8, 0x15, 8, 0x11, 8, 0x08, 3, 0x0f, 2, 0x02
	};
	static const uint8_t sid[] = { 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0 };
	const float f32 = 1.5f;
	const double f64 = -0.25;

	(void)arg;
	put_slots(names, NULL, 25);
	values(25, v);
	put_bytes("h\0\x3d\xd8i\0\0\0", 8);	/* lone surrogate, NUL */
	put_bytes("ab", 3);
	put(0xff, 1);
	put(0xff, 1);
	put(0x8000, 2);
	put(0x8000, 2);
	put(0xfffffffe, 4);
	put(0xfffffffe, 4);
	put(UINT64_MAX, 8);
	put(UINT64_MAX, 8);
	put_bytes(&f32, 4);
	put_bytes(&f64, 8);
	put(0x100, 4);				/* any non-zero is true */
	put_bytes("\x01\xab\xff", 3);
	put_bytes("\x25\x96\x84\x54\x78\x54\x94\x49\xa5\xba\x3e\x3b\x03\x28"
	    "\xc3\x0d", 16);
	put(0x1f, 4);
	put(FILETIME, 8);
	put(2024, 2); put(5, 2); put(5, 2); put(17, 2);
	put(8, 2); put(9, 2); put(10, 2); put(123, 2);
	put_bytes(sid, sizeof(sid));
	put(0xc000006d, 4);
	put(0x3e7, 8);
	put(0, 8);
	put(5, 8);
	put_bytes("abc", 3);
	put_bytes("\x80\xe9", 2);
	end_record();
	run("types");
	no_weirds();
	is(0, "s", "h\xef\xbf\xbdi");
	is(0, "ansi", "ab");
	is(0, "i8", "-1");
	is(0, "u8", "255");
	is(0, "i16", "-32768");
	is(0, "u16", "32768");
	is(0, "i32", "-2");
	is(0, "u32", "4294967294");
	is(0, "i64", "-1");
	is(0, "u64", "18446744073709551615");
	is(0, "f32", "1.5");
	is(0, "f64", "-0.25");
	is(0, "bool", "true");
	is(0, "bin", "01abff");
	is(0, "guid", "{54849625-5478-4994-a5ba-3e3b0328c30d}");
	is(0, "size", "0x1f");
	is(0, "ft", "2024-05-17T08:09:10.123456700Z");
	is(0, "st", "2024-05-17T08:09:10.123Z");
	is(0, "sid", "S-1-5-18");
	is(0, "h32", "0xc000006d");
	is(0, "h64", "0x3e7");
	is(0, "never", "1601-01-01T00:00:00Z");
	is(0, "wide32", "5");
	is(0, "badguid", "616263");
	is(0, "cp1252", "\xe2\x82\xac\xc3\xa9");
}

/* Text around values, references, CDATA; processing instructions go. */
static void
test_joined(void **arg)
{
	static const uint16_t v[] = { 4, 0x08, 2, 0x01 };
	uint32_t body, ev, data, at;

	(void)arg;
	begin_record(1);
	body = begin_instance(5);
	ev = open_tag("Event", false);
	end_start();
	data = open_tag("EventData", false);
	end_start();
	at = open_data("Mixed");
	text("<");
	sub(0, 0x08);
	put(0x08, 1);
	put('=', 2);
	put(0x09, 1);
	put_name("amp");
	put(0x07, 1);
	put(2, 2);
	put_wide("cd");
	put(0x0a, 1);
	put_name("pi");
	put(0x0b, 1);
	put(2, 2);
	put_wide("??");
	sub(1, 0x01);
	put(0x09, 1);
	put_name("nbsp");
	close_tag(at);
	/* A name that values make. */
	at = open_tag("Data", true);
	attr("Name");
	sub(1, 0x01);
	text(" y");
	end_start();
	sub(0, 0x08);
	close_tag(at);
	close_tag(data);
	close_tag(ev);
	end_definition(body);
	values(2, v);
	put(42, 4);
	put_wide("x");
	end_record();
	run("joined");
	no_weirds();
	is(0, "Mixed", "<42=&cdx&nbsp;");
	is(0, "xy", "42");
}

/* A fragment after the end of the first one. */
static void
test_fragments(void **arg)
{
	uint32_t ev, at;

	(void)arg;
	begin_record(1);
	ev = open_tag("Event", false);
	end_start();
	text_system("1");
	close_tag(ev);
	put(0, 1);
	fragment();
	at = open_tag("EventData", false);
	end_start();
	close_tag(open_data("Second"));
	close_tag(at);
	end_record();
	run("fragments");
	no_weirds();
	is(0, "EventID", "1");
	is(0, "Second", "");
}

static void
test_demand(void **arg)
{
	(void)arg;
	memset(&want, 0, sizeof(want));
	put_template_records();
	run("template");
	assert_int_equal(batch.nevents, 0);
	demand_kind(&want, KIND_WINEVENT);
	demand_field(&want, FIELD_TICKET_ETYPE);
	header_lies = true;
	run("template");
	header_lies = false;
	assert_int_equal(batch.nevents, 2);
	assert_int_equal(batch.events[1].nfields, 1);
	is(1, "TicketEncryptionType", "0x12");
	/* TimeCreated is the event's time, wanted as a field or not. */
	assert_int_equal(batch.events[0].time, UNIX_NS);
}

/* -- broken input ------------------------------------------------------------------ */

static void
test_missing_template(void **arg)
{
	(void)arg;
	put_template_records();
	run("template");
	no_weirds();
	/* Points to nothing: what is known of the id repairs it. */
	put32_at(rec[1].at + 24 + 4 + 6, 60000);
	run("template-missing");
	assert_int_equal(batch.nevents, 2);
	assert_int_equal(weirds.count[WEIRD_EVTX_TEMPLATE], 1);
	is(1, "EventID", "4624");
	is(1, "TargetUserName", "carol");
	/* An id that nobody knows. */
	put32_at(rec[1].at + 24 + 4 + 2, 0xdeadbeef);
	run("template-unknown");
	assert_int_equal(batch.nevents, 2);
	assert_int_equal(weirds.count[WEIRD_EVTX_TEMPLATE], 2);
	assert_int_equal(batch.events[1].nfields, 0);
	assert_int_equal(batch.events[1].loc.record, 78);
}

static void
test_broken_sizes(void **arg)
{
	uint32_t at;

	(void)arg;
	put_template_records();
	/* A value that is longer than the record: those before it count. */
	at = rec[1].at + 24 + 4 + 10 + 4;
	img->b[at + 4 * 4 + 1] = 0xff;
	run("value-too-long");
	assert_int_equal(batch.nevents, 2);
	assert_int_equal(weirds.count[WEIRD_EVTX_BINXML], 1);
	is(1, "EventID", "4624");
	is(1, "EventRecordID", "77");
	absent(1, "Computer");
	/* More values than bytes. */
	put32_at(at - 4, 0x7fffffff);
	run("too-many-values");
	assert_int_equal(batch.nevents, 2);
	assert_int_equal(weirds.count[WEIRD_EVTX_BINXML], 2);
	is(0, "TargetUserName", "alice");
	/* A definition whose size is beyond the chunk. */
	put32_at(rec[0].at + 24 + 4 + 10 + 20, 0xfffffff0);
	run("definition-too-long");
	assert_int_equal(batch.nevents, 2);
	assert_true(weirds.count[WEIRD_EVTX_BINXML] > 2);
}

/* Cut at every byte: never more than what is there, never a crash. */
static void
test_cut(void **arg)
{
	struct dec d = { .batch = &batch };

	(void)arg;
	put_template_records();
	run("template");
	for (uint32_t n = 0; n < rec[0].size; n++) {
		uint8_t *copy = malloc(rec[0].at + n + 1);
		struct record r = { .type = REC_EVTX, .offset = n };

		memcpy(copy, img->b, rec[0].at + n);
		r.whole = span_of(copy, rec[0].at + n);
		r.data = span_of(copy + rec[0].at, n);
		r.flags = REC_F_FIRST;
		d.rec = &r;
		batch_reset(&batch);
		decoder_evtx.record(&d, state, &r);
		assert_int_equal(batch.nevents, n >= 28);
		batch_reset(&batch);
		free(copy);
	}
	assert_true(weirds.count[WEIRD_EVTX_RECORD] == 28);
	assert_true(weirds.count[WEIRD_EVTX_BINXML] > 0);
}

static void
test_deep(void **arg)
{
	(void)arg;
	begin_record(1);
	for (unsigned i = 0; i < 2000; i++) {
		(void)open_tag("a", false);
		end_start();
	}
	for (unsigned i = 0; i < 2000; i++)
		put(0x04, 1);
	end_record();
	run("deep");
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(weirds.count[WEIRD_EVTX_LIMIT], 1);
}

/* A value that holds an instance of the template that it is a value of, and
 * every instance tells it 500 times: 500^63 fields if nobody stopped it. */
static void
test_unfolding(void **arg)
{
	uint32_t body, ev, def, from, size;
	clock_t t = clock();

	(void)arg;
	begin_record(1);
	body = begin_instance(3);
	ev = open_tag("Event", false);
	end_start();
	for (unsigned i = 0; i < 500; i++)
		sub(0, 0x21);
	close_tag(ev);
	def = end_definition(body);
	/* 63 instances, each the value of the one before */
	from = img->pos;
	size = 63 * (4 + 10 + 8);
	put(1, 4);
	put(size, 2);
	put(0x21, 2);
	for (unsigned i = 0; i < 63; i++) {
		size -= 4 + 10 + 8;
		fragment();
		instance_of(3, def);
		put(1, 4);
		put(size, 2);
		put(0x21, 2);
	}
	assert_true(img->pos - from < 2000);
	end_record();
	run("unfolding");
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(weirds.count[WEIRD_EVTX_LIMIT], 1);
	assert_true(clock() - t < CLOCKS_PER_SEC);
}

/* One long text told again and again. */
static void
test_repeated_text(void **arg)
{
	static const uint16_t v[] = { 40000, 0x01 };
	uint32_t body, data;
	size_t total = 0;

	(void)arg;
	begin_record(1);
	body = begin_instance(3);
	data = open_tag("EventData", false);
	end_start();
	for (unsigned i = 0; i < 900; i++) {
		uint32_t at = open_tag("e", false);

		end_start();
		sub(0, 0x01);
		close_tag(at);
	}
	close_tag(data);
	end_definition(body);
	values(1, v);
	for (unsigned i = 0; i < 20000; i++)
		put('x', 2);
	assert_true(img->pos < CHUNK - 16);
	end_record();
	run("repeated-text");
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(weirds.count[WEIRD_EVTX_LIMIT], 1);
	is_type(0, "e", VT_LIST);
	for (uint32_t i = 0; i < get(0, "e")->len; i++)
		total += ((const struct value *)get(0, "e")->ptr)[i].len;
	assert_true(total <= 2u << 20);
}

static void
test_many_fields(void **arg)
{
	char name[8];

	(void)arg;
	begin_record(1);
	put(0x01, 1);
	put(0, 4);
	put_name("EventData");
	put(0x02, 1);
	for (unsigned i = 0; i < EVENT_FIELDS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		img->nnames = 0;
		leaf(name, "");
	}
	put(0x04, 1);
	end_record();
	run("many-fields");
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(batch.events[0].nfields, EVENT_FIELDS_MAX);
	assert_int_equal(weirds.count[WEIRD_EVTX_BINXML], 0);
	assert_int_equal(weirds.count[WEIRD_EVENT_FIELDS], 1);
}

/* Templates and names beyond what is kept: still right, from the batch. */
static void
test_many_names(void **arg)
{
	char name[16];
	unsigned n = 0;

	(void)arg;
	for (unsigned round = 0; round < 120; round++) {
		memset(img, 0, sizeof(*img));
		img->pos = 512;
		nrec = 0;
		begin_record(1);
		put(0x01, 1);
		put(0, 4);
		put_name("EventData");
		put(0x02, 1);
		for (unsigned i = 0; i < 900; i++) {
			snprintf(name, sizeof(name), "f%u", n++);
			img->nnames = 0;
			leaf(name, "v");
		}
		put(0x04, 1);
		end_record();
		run("many-names");
		assert_int_equal(batch.nevents, 1);
		assert_int_equal(batch.events[0].nfields, 900);
		is(0, name, "v");
	}
	no_weirds();
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_template), T(test_template_moved), T(test_no_template),
		T(test_user_data), T(test_arrays), T(test_optional),
		T(test_types), T(test_joined), T(test_fragments),
		T(test_demand), T(test_missing_template),
		T(test_broken_sizes), T(test_cut), T(test_deep),
		T(test_unfolding), T(test_repeated_text),
		T(test_many_fields), T(test_many_names)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
