/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON objects to events: names, lists, types, time, what is broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decode.h"

extern const struct decoder decoder_json;

static struct demand want;
static struct weirds weirds;
static struct batch batch;
static void *dec_state;
static struct dec dec;

static void
feed(struct span text)
{
	struct record r = { .data = text, .time = TIME_NONE, .no = 7,
	    .offset = 100, .type = REC_JSON };

	batch_reset(&batch);
	weirds_init(&weirds);
	dec.rec = &r;
	assert_int_equal(decoder_json.match(&r),
	    text.len != 0 && text.ptr[0] == '{' ? 10 : 0);
	decoder_json.record(&dec, dec_state, &r);
}

/* The fields of the one event that the text gives, as JSON. */
static void
gives(const char *text, const char *fields)
{
	const struct event *e = &batch.events[0];
	struct buf b;

	feed(span_str(text));
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(e->kind, KIND_JSON);
	assert_int_equal(e->loc.record, 7);
	assert_int_equal(e->loc.offset, 100);
	buf_init(&b, 0);
	for (unsigned i = 0; i < e->nfields; i++) {
		const struct field *f = &e->fields[i];

		buf_str(&b, i == 0 ? "" : ", ");
		buf_str(&b, f->v.id == FIELD_OTHER ? f->name :
		    field_name(f->v.id));
		buf_str(&b, "=");
		value_put_json(&b, &f->v);
	}
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, fields);
	buf_fini(&b);
}

static void
test_names(void **state)
{
	(void)state;
	gives("{\"a\": 1, \"b\": {\"c\": \"x\", \"d\": {\"e\": true}}}",
	    "a=1, b.c=\"x\", b.d.e=true");
	/* What the dictionary knows has its own name. */
	gives("{\"winlog\": {\"event_data\": {\"Image\": \"C:\\\\x.exe\"}},"
	    "\"id.orig_h\": \"192.0.2.1\"}",
	    "Image=\"C:\\\\x.exe\", src_ip=\"192.0.2.1\"");
	assert_non_null(event_get(&batch.events[0], FIELD_IMAGE));
	gives("{\"source\": {\"ip\": \"192.0.2.1\", \"port\": 443}}",
	    "src_ip=\"192.0.2.1\", src_port=443");
	/* Escapes in names. */
	gives("{\"\\u0061\": {\"\\n\": 1}}", "a.\n=1");
	gives("{}", "");
	gives("{\"a\": {}}", "");
}

static void
test_arrays(void **state)
{
	(void)state;
	gives("{\"a\": [1, \"x\", null, true]}", "a=[1,\"x\",null,true]");
	gives("{\"a\": []}", "a=[]");
	gives("{\"a\": [[1, 2], [3]]}", "a=[1,2,3]");
	gives("{\"a\": [{\"b\": 1}, {\"b\": 2, \"c\": 3}]}",
	    "a.b=[1,2], a.c=[3]");
	gives("{\"a\": [5, {\"b\": {\"c\": [1, {\"d\": 2}]}}, 6], \"e\": 1}",
	    "a=[5,6], a.b.c=[1], a.b.c.d=[2], e=1");
	gives("{\"a\": [{\"b\": 1, \"b\": 2}]}", "a.b=[1]");
	gives("{\"dns\": {\"resolved_ip\": [\"192.0.2.1\", \"192.0.2.2\"]}}",
	    "dns.answers=[\"192.0.2.1\",\"192.0.2.2\"]");
}

static void
test_types(void **state)
{
	const struct event *e = &batch.events[0];
	static const uint8_t types[] = { VT_U64, VT_I64, VT_F64, VT_STR,
	    VT_BOOL, VT_NULL, VT_STR, VT_F64, VT_U64 };

	(void)state;
	gives("{\"a\": 1, \"b\": -1, \"c\": 1.5, \"d\": 123456789012345678901,"
	    " \"e\": false, \"f\": null, \"g\": \"\\u00e4\", \"h\": 1e3,"
	    " \"i\": 18446744073709551615}",
	    "a=1, b=-1, c=1.5, d=\"123456789012345678901\", e=false, f=null,"
	    " g=\"\xc3\xa4\", h=1000, i=18446744073709551615");
	assert_int_equal(e->nfields, NITEMS(types));
	for (size_t i = 0; i < NITEMS(types); i++)
		assert_int_equal(e->fields[i].v.type, types[i]);
}

static void
time_is(const char *text, int64_t want_time)
{
	feed(span_str(text));
	assert_int_equal(batch.nevents, 1);
	assert_true(batch.events[0].time == want_time);
}

static void
test_time(void **state)
{
	/* date -u -d @1700000000: 2023-11-14T22:13:20Z */
	const int64_t t = INT64_C(1700000000) * NSEC;

	(void)state;
	time_is("{\"@timestamp\": \"2023-11-14T22:13:20.5Z\"}",
	    t + NSEC / 2);
	time_is("{\"timestamp\": \"2023-11-14T23:13:20.000000+0100\"}", t);
	time_is("{\"UtcTime\": \"2023-11-14 22:13:20.000\"}", t);
	time_is("{\"ts\": 1700000000.123456}", t + 123456000);
	time_is("{\"ts\": 1700000000}", t);
	time_is("{\"time\": 1700000000123}", t + 123000000);
	time_is("{\"time\": 1700000000123456}", t + 123456000);
	time_is("{\"time\": \"1700000000.25\"}", t + NSEC / 4);
	time_is("{\"ts\": -1.5}", -NSEC - NSEC / 2);
	/* The first of the known keys that can be read. */
	time_is("{\"ts\": 1, \"@timestamp\": \"2023-11-14T22:13:20Z\"}", t);
	time_is("{\"@timestamp\": \"yesterday\", \"ts\": 1700000000}", t);
	/* Only outermost ones; no number, no time. */
	time_is("{\"a\": {\"ts\": 1}}", TIME_NONE);
	time_is("{\"ts\": 1e9}", TIME_NONE);
	time_is("{\"ts\": 99999999999999999999}", TIME_NONE);
	time_is("{\"ts\": null}", TIME_NONE);
}

static void
test_broken(void **state)
{
	struct buf b;

	(void)state;
	feed(SPAN_LIT("{\"a\": }"));
	assert_int_equal(batch.nevents, 0);
	assert_int_equal(weirds.count[WEIRD_JSON_BAD], 1);
	assert_int_equal(weirds.first[WEIRD_JSON_BAD].record, 7);
	feed(SPAN_NONE);
	assert_int_equal(weirds.count[WEIRD_JSON_BAD], 1);
	feed(SPAN_LIT("[1]"));
	assert_int_equal(batch.nevents, 0);
	assert_int_equal(weirds.count[WEIRD_JSON_BAD], 0);
	gives("{\"a\": 1, \"a\": 2}", "a=1");
	assert_int_equal(weirds.count[WEIRD_JSON_DUPLICATE], 1);
	/* One stray byte does not hide the event. */
	gives("{\"a\": \"\xff\", \"b\": 2}", "a=\"\xef\xbf\xbd\", b=2");
	assert_int_equal(weirds.count[WEIRD_TEXT_ENCODING], 1);

	buf_init(&b, 0);
	for (int i = 0; i < 100; i++)
		buf_str(&b, "{\"a\":");
	feed(buf_view(&b));
	assert_int_equal(weirds.count[WEIRD_JSON_DEPTH], 1);
	buf_fini(&b);
}

static void
test_limits(void **state)
{
	struct buf b;

	(void)state;
	/* More fields than an event has. */
	buf_init(&b, 0);
	buf_str(&b, "{\"x\":0");
	for (int i = 0; i < 2000; i++)
		buf_printf(&b, ",\"k%d\":%d", i, i);
	buf_str(&b, "}");
	feed(buf_view(&b));
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(batch.events[0].nfields, EVENT_FIELDS_MAX);
	assert_true(weirds.count[WEIRD_EVENT_FIELDS] > 0);
	/* The same under an array. */
	buf_reset(&b);
	buf_str(&b, "{\"a\":[{\"x\":0");
	for (int i = 0; i < 2000; i++)
		buf_printf(&b, ",\"k%d\":%d", i, i);
	buf_str(&b, "}]}");
	feed(buf_view(&b));
	assert_int_equal(batch.events[0].nfields, EVENT_FIELDS_MAX);
	assert_true(weirds.count[WEIRD_EVENT_FIELDS] > 0);
	/* A name longer than is kept. */
	buf_reset(&b);
	buf_str(&b, "{\"");
	for (int i = 0; i < 1000; i++)
		buf_str(&b, "n");
	buf_str(&b, "\":{\"a\":[{\"b\":1}]}}");
	feed(buf_view(&b));
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(strlen(batch.events[0].fields[0].name), 512);
	/* More values under an array than are kept. */
	buf_reset(&b);
	buf_str(&b, "{\"a\":[{\"b\":0}");
	for (int i = 0; i < 70000; i++)
		buf_str(&b, ",{\"b\":1}");
	buf_str(&b, "]}");
	feed(buf_view(&b));
	assert_int_equal(batch.events[0].fields[0].v.len, 65536);
	assert_true(weirds.count[WEIRD_JSON_SIZE] > 0);
	buf_fini(&b);
}

static void
test_demand(void **state)
{
	(void)state;
	memset(&want, 0, sizeof(want));
	feed(SPAN_LIT("{\"a\": 1}"));
	assert_int_equal(batch.nevents, 0);
	demand_kind(&want, KIND_JSON);
	demand_field(&want, FIELD_SRC_IP);
	gives("{\"a\": 1, \"src_ip\": \"192.0.2.1\", \"dest_ip\": \"x\","
	    " \"b\": [{\"c\": 1}]}", "src_ip=\"192.0.2.1\"");
	demand_all(&want);
}

static int
setup(void **state)
{
	(void)state;
	demand_all(&want);
	weirds_init(&weirds);
	dec_state = calloc(1, decoder_json.state_size);
	dec.batch = &batch;
	return dec_state == NULL || !batch_init(&batch, &want, &weirds);
}

static int
teardown(void **state)
{
	(void)state;
	decoder_json.end(&dec, dec_state);
	free(dec_state);
	batch_fini(&batch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_demand),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
