/* SPDX-License-Identifier: Apache-2.0
 *
 * Carving: what is taken for a record on its own, and what is not; whatever
 * the size of the reads.
 */
#include "source_drive.h"

extern const struct source source_carve;

#define RECORD	48u

struct want {
	uint64_t	no, offset;
	bool		is_first;	/* of those that may share a chunk */
};

static void
put32(uint8_t *p, uint32_t n)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> 8 * i);
}

/* "**\0\0", size, id, FILETIME, binary XML from 0f 01 01 on, size. */
static void
record(uint8_t *p, uint32_t no)
{
	memset(p, 0, RECORD);
	put32(p, 0x2a2a);
	put32(p + 4, RECORD);
	put32(p + 8, no);
	put32(p + 24, 0x0001010f);
	put32(p + RECORD - 4, RECORD);
}

static void
finds(struct span s, size_t step, const struct want *want, size_t n)
{
	void *state = calloc(1, source_carve.state_size);
	struct drip drip = drip_of(s, step);
	struct src src = { .part_end = UINT64_MAX };
	enum source_status status;
	struct drive d;
	size_t got = 0;

	assert_non_null(state);
	drive_init(&d);
	window_init(&src.win, &drip.in);
	(void)window_fill(&src.win, SOURCE_HEAD);
	assert_int_equal(source_carve.open(&src, state), ERR_OK);
	do {
		status = source_carve.read(&src, state, &d.batch);
		for (uint32_t i = 0; i < d.batch.nrecords; i++, got++) {
			const struct record *r = &d.batch.records[i];

			assert_true(got < n);
			assert_int_equal(r->no, want[got].no);
			assert_int_equal(r->offset, want[got].offset);
			assert_int_equal(r->data.len, RECORD);
			assert_true((r->flags & REC_F_LONE) != 0);
			assert_int_equal((r->flags & REC_F_FIRST) != 0,
			    want[got].is_first);
			assert_true(r->data.ptr >= r->whole.ptr &&
			    r->data.ptr + r->data.len ==
			    r->whole.ptr + r->whole.len);
		}
		batch_reset(&d.batch);
	} while (status == SOURCE_MORE);
	assert_int_equal(status, SOURCE_END);
	assert_int_equal(got, n);
	source_carve.close(&src, state);
	free(state);
	window_fini(&src.win);
	drive_fini(&d);
}

static void
test_lone(void **state)
{
	static uint8_t bytes[200 + 6 * RECORD];
	const struct want want[] = {
		{ 1, 3, true }, { 2, 3 + RECORD, false }, { 5, 300, false }
	};

	(void)state;
	record(bytes + 3, 1);
	record(bytes + 3 + RECORD, 2);
	record(bytes + 120, 3);
	put32(bytes + 120 + RECORD - 4, RECORD + 1);	/* sizes differ */
	record(bytes + 200, 4);
	bytes[200 + 24] = 0;				/* no binary XML */
	record(bytes + 300, 5);
	record(bytes + sizeof(bytes) - RECORD, 6);
	/* The last is cut off by a byte. */
	finds(span_of(bytes, sizeof(bytes) - 1), sizeof(bytes), want, 3);
	finds(span_of(bytes, sizeof(bytes) - 1), 7, want, 3);
}

/* A later record is of another chunk when it lies too far behind. */
static void
test_far(void **state)
{
	static uint8_t bytes[3 * EVTX_CHUNK];
	const struct want want[] = {
		{ 1, 0, true }, { 2, EVTX_CHUNK - RECORD, false },
		{ 3, EVTX_CHUNK, true }, { 4, 2 * EVTX_CHUNK, true }
	};

	(void)state;
	for (uint32_t i = 0; i < NITEMS(want); i++)
		record(bytes + want[i].offset, i + 1);
	put32(bytes + 1000, 0x436c45);			/* "ElC" */
	memcpy(bytes + 2000, "ElfChnk", 8);		/* and no header */
	finds(span_of(bytes, sizeof(bytes)), sizeof(bytes), want, 4);
}

static void
test_nothing(void **state)
{
	static uint8_t bytes[2 * EVTX_CHUNK];

	(void)state;
	finds(SPAN_LIT(""), 1, NULL, 0);
	finds(SPAN_LIT("**"), 1, NULL, 0);
	finds(span_of(bytes, sizeof(bytes)), 1000, NULL, 0);
	memset(bytes, '*', sizeof(bytes));
	finds(span_of(bytes, sizeof(bytes)), 1000, NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lone),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
