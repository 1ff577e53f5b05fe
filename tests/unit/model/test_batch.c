/* SPDX-License-Identifier: Apache-2.0
 *
 * Events in the making, demand, limits of a batch, and the merging of weirds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model.h"

struct rig {
	struct demand	want;
	struct weirds	weirds;
	struct batch	b;
};

static struct rig r;

static int
setup(void **unused)
{
	(void)unused;
	memset(&r, 0, sizeof(r));
	weirds_init(&r.weirds);
	return batch_init(&r.b, &r.want, &r.weirds) ? 0 : -1;
}

static int
teardown(void **unused)
{
	(void)unused;
	batch_fini(&r.b);
	return 0;
}

static const struct locator here = { .source = 1, .record = 2 };

static void
nobody_asks(void **unused)
{
	(void)unused;
	assert_false(event_begin(&r.b, KIND_DNS, 0, here));
	demand_kind(&r.want, KIND_DNS);
	assert_true(event_begin(&r.b, KIND_DNS, 5, here));
	event_add_u64(&r.b, FIELD_DNS_ID, 7);		/* not wanted */
	assert_null(event_add_list(&r.b, FIELD_DNS_ANSWERS, 3));
	assert_null(event_add_other(&r.b, "x", VT_U64));
	event_end(&r.b);
	assert_int_equal(r.b.nevents, 1);
	assert_int_equal(r.b.events[0].nfields, 0);
	assert_int_equal(r.b.events[0].time, 5);
	assert_int_equal(r.b.events[0].loc.record, 2);
}

static void
making(void **unused)
{
	static const uint8_t v4[4] = { 192, 0, 2, 1 };
	struct addr a = addr_v4(v4);
	const struct event *e = r.b.events;
	struct value *list, *other;
	char volatile_text[] = "gone soon";
	uint64_t n;

	(void)unused;
	demand_all(&r.want);
	assert_true(event_begin(&r.b, KIND_DNS, 0, here));
	event_add_str(&r.b, FIELD_DNS_QUERY, SPAN_LIT("example.org"));
	event_add_copy(&r.b, FIELD_DNS_QTYPE, span_str(volatile_text));
	memset(volatile_text, 'x', sizeof(volatile_text) - 1);
	event_add_bool(&r.b, FIELD_DNS_AA, true);
	event_add_f64(&r.b, FIELD_DNS_RTT, 0.25);
	event_add_addr(&r.b, FIELD_SRC_IP, &a);
	list = event_add_list(&r.b, FIELD_DNS_TTLS, 2);
	assert_non_null(list);
	assert_int_equal(list[1].type, VT_NULL);
	list[0] = (struct value){ .type = VT_U64, .u64 = 60 };
	assert_null(event_add_list(&r.b, FIELD_DNS_ANSWERS, 0));
	other = event_add_other(&r.b, "mine", VT_U64);
	other->u64 = 9;
	event_end(&r.b);
	assert_int_equal(e->nfields, 8);
	assert_true(span_eq(event_str(e, FIELD_DNS_QTYPE),
	    SPAN_LIT("gone soon")));
	assert_int_equal(event_get(e, FIELD_SRC_IP)->len, 4);
	assert_int_equal(event_get(e, FIELD_DNS_TTLS)->len, 2);
	assert_int_equal(event_get(e, FIELD_DNS_ANSWERS)->len, 0);
	assert_true(value_u64(event_get_name(e, SPAN_LIT("mine")), &n));
	assert_int_equal(n, 9);
	assert_int_equal(r.b.total_events, 1);
	batch_reset(&r.b);
	assert_int_equal(r.b.nevents, 0);
	assert_int_equal(r.b.total_events, 1);
}

static void
dropped(void **unused)
{
	(void)unused;
	demand_all(&r.want);
	assert_true(event_begin(&r.b, KIND_DNS, 0, here));
	event_add_u64(&r.b, FIELD_DNS_ID, 7);
	event_drop(&r.b);
	assert_int_equal(r.b.nevents, 0);
	assert_true(event_begin(&r.b, KIND_DNS, 0, here));
	event_end(&r.b);
	assert_int_equal(r.b.events[0].nfields, 0);
}

static void
too_many_fields(void **unused)
{
	(void)unused;
	demand_all(&r.want);
	assert_true(event_begin(&r.b, KIND_DNS, 0, here));
	for (unsigned i = 0; i < EVENT_FIELDS_MAX + 5; i++)
		event_add_u64(&r.b, FIELD_DNS_ID, i);
	event_end(&r.b);
	assert_int_equal(r.b.events[0].nfields, EVENT_FIELDS_MAX);
	assert_int_equal(r.weirds.count[WEIRD_EVENT_FIELDS], 5);
}

static unsigned drained;

static void
drain(struct batch *b, void *arg)
{
	assert_ptr_equal(arg, &r);
	drained += b->nevents;
}

static void
events_full(void **unused)
{
	(void)unused;
	demand_all(&r.want);
	for (unsigned i = 0; i < BATCH_EVENTS + 3; i++) {
		assert_true(event_begin(&r.b, KIND_DNS, 0, here));
		event_end(&r.b);
	}
	/* nobody drains: counted, not written past the end */
	assert_int_equal(r.b.nevents, BATCH_EVENTS);
	assert_int_equal(r.weirds.count[WEIRD_BATCH_ARENA], 3);
	batch_reset(&r.b);
	r.b.drain = drain;
	r.b.drain_arg = &r;
	drained = 0;
	for (unsigned i = 0; i < BATCH_EVENTS * 2 + 1; i++) {
		assert_true(event_begin(&r.b, KIND_DNS, 0, here));
		event_end(&r.b);
	}
	assert_int_equal(drained, BATCH_EVENTS * 2);
	assert_int_equal(r.b.nevents, 1);
	assert_int_equal(r.weirds.count[WEIRD_BATCH_ARENA], 3);
}

static void
arena_full(void **unused)
{
	static const uint8_t big[1 << 20];

	(void)unused;
	demand_all(&r.want);
	assert_true(event_begin(&r.b, KIND_DNS, 0, here));
	for (unsigned i = 0; i < 10; i++)
		event_add_copy(&r.b, FIELD_DNS_QUERY,
		    span_of(big, sizeof(big)));
	assert_null(event_add_list(&r.b, FIELD_DNS_TTLS, UINT32_MAX));
	assert_true(r.b.nscratch < 10 && r.b.nscratch > 5);
	assert_true(r.weirds.count[WEIRD_BATCH_ARENA] > 1);
	event_end(&r.b);
}

static void
records(void **unused)
{
	struct record *rec = NULL;

	(void)unused;
	for (unsigned i = 0; i < BATCH_RECORDS; i++) {
		rec = batch_record(&r.b);
		assert_non_null(rec);
		rec->no = i + 1;
	}
	assert_null(batch_record(&r.b));
	r.b.source = 3;
	r.b.member = 4;
	rec->offset = 99;
	rec->data = SPAN_LIT("12345");
	assert_int_equal(batch_locator(&r.b, rec).record, BATCH_RECORDS);
	assert_int_equal(batch_locator(&r.b, rec).offset, 99);
	assert_int_equal(batch_locator(&r.b, rec).length, 5);
	assert_int_equal(batch_locator(&r.b, NULL).member, 4);
}

/* The first place is the earliest by (source, member, record), whatever the
 * order in which the files were read. */
static void
first_place(void **unused)
{
	struct record rec = { .no = 10, .offset = 100, .time = 5 };
	struct weirds other;

	(void)unused;
	r.b.source = 2;
	batch_weird(&r.b, WEIRD_DNS_BAD, &rec);
	rec.no = 20;
	batch_weird(&r.b, WEIRD_DNS_BAD, &rec);
	assert_int_equal(r.weirds.first[WEIRD_DNS_BAD].record, 10);
	r.b.source = 1;
	rec.no = 30;
	rec.time = 6;
	batch_weird(&r.b, WEIRD_DNS_BAD, &rec);
	assert_int_equal(r.weirds.first[WEIRD_DNS_BAD].source, 1);
	assert_int_equal(r.weirds.first_time[WEIRD_DNS_BAD], 6);
	assert_int_equal(r.weirds.count[WEIRD_DNS_BAD], 3);

	weirds_init(&other);
	other.count[WEIRD_DNS_BAD] = 4;
	other.first[WEIRD_DNS_BAD] = (struct locator){ .source = 1,
	    .record = 29 };
	other.first_time[WEIRD_DNS_BAD] = 7;
	other.count[WEIRD_DNS_LOOP] = 1;
	other.first[WEIRD_DNS_LOOP] = (struct locator){ .source = 9 };
	weirds_merge(&r.weirds, &other);
	assert_int_equal(r.weirds.count[WEIRD_DNS_BAD], 7);
	assert_int_equal(r.weirds.first[WEIRD_DNS_BAD].record, 29);
	assert_int_equal(r.weirds.first_time[WEIRD_DNS_BAD], 7);
	assert_int_equal(r.weirds.first[WEIRD_DNS_LOOP].source, 9);
	/* the other way round: same result */
	weirds_init(&other);
	weirds_merge(&other, &r.weirds);
	assert_memory_equal(&other, &r.weirds, sizeof(other));
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(nobody_asks), T(making), T(dropped), T(too_many_fields),
		T(events_full), T(arena_full), T(records), T(first_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
