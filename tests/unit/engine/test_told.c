/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker tells: all comes back; a worker that was taken over cannot
 * make the parent read beyond its bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine.h"

static struct told_member	members[2] = { { 1, "a/b" }, { 7, "" } };
static struct told_unreadable	bad[1] = { { 7, ERR_READ, 5, 99, "why" } };
static struct run		notes[2] = { { 1, 2 }, { 3, UINT64_MAX } };
static struct run		events[1] = { { 9, 8 } };

static void
pack(struct buf *b)
{
	static struct told t;

	memset(&t, 0, sizeof(t));
	t.unit = 3;
	t.inputs = 4;
	t.skipped = 5;
	t.bytes = UINT64_MAX;
	t.records = 6;
	t.events = 7;
	t.unreadable = 8;
	t.weirds.count[WEIRD_DNS_LOOP] = 2;
	t.weirds.first[WEIRD_DNS_LOOP] = (struct locator){ 1, 2, 3, 4, 0 };
	t.weirds.first_time[WEIRD_DNS_LOOP] = -1;
	t.member = members;
	t.nmembers = 2;
	t.bad = bad;
	t.nbad = 1;
	t.notes = notes;
	t.nnotes = 2;
	t.event_runs = events;
	t.nevent_runs = 1;
	buf_init(b, 0);
	told_pack(b, &t);
	assert_false(b->failed);
}

static void
back(void **unused)
{
	struct arena m;
	struct told t;
	struct buf b;

	(void)unused;
	pack(&b);
	arena_init(&m, 1u << 20);
	assert_true(told_unpack(&m, buf_view(&b), &t));
	assert_int_equal(t.unit, 3);
	assert_true(t.bytes == UINT64_MAX);
	assert_int_equal(t.unreadable, 8);
	assert_int_equal(t.weirds.count[WEIRD_DNS_LOOP], 2);
	assert_int_equal(t.weirds.first[WEIRD_DNS_LOOP].record, 3);
	assert_true(t.weirds.first_time[WEIRD_DNS_LOOP] == -1);
	assert_int_equal(t.weirds.count[WEIRD_DNS_BAD], 0);
	assert_int_equal(t.nmembers, 2);
	assert_int_equal(t.member[1].ordinal, 7);
	assert_string_equal(t.member[0].name, "a/b");
	assert_string_equal(t.member[1].name, "");
	assert_int_equal(t.nbad, 1);
	assert_int_equal(t.bad[0].err, ERR_READ);
	assert_string_equal(t.bad[0].why, "why");
	assert_int_equal(t.nnotes, 2);
	assert_true(t.notes[1].len == UINT64_MAX);
	assert_int_equal(t.nevent_runs, 1);
	assert_int_equal(t.event_runs[0].off, 9);
	arena_fini(&m);
	buf_fini(&b);
}

static void
take(const uint8_t *p, size_t n, bool may)
{
	uint8_t *copy = malloc(n != 0 ? n : 1);
	struct arena m;
	struct told t;
	size_t sum = 0;

	memcpy(copy, p, n);
	arena_init(&m, 16u << 20);
	if (told_unpack(&m, span_of(copy, n), &t)) {
		assert_true(may);
		for (size_t i = 0; i < t.nmembers; i++)
			sum += strlen(t.member[i].name);
		for (size_t i = 0; i < t.nbad; i++) {
			sum += strlen(t.bad[i].why);
			assert_true((unsigned)t.bad[i].err < ERR_COUNT);
		}
		assert_true(sum <= n);
	}
	arena_fini(&m);
	free(copy);
}

static void
hostile(void **unused)
{
	static const uint8_t odd[] = { 0, 1, 0x80, 0xff };
	struct buf b;
	uint8_t *p;

	(void)unused;
	pack(&b);
	for (size_t n = 0; n < b.len; n++)
		take(b.ptr, n, false);
	p = malloc(b.len + 8);
	for (size_t i = 0; i < b.len; i++) {
		for (size_t k = 0; k < sizeof(odd); k++) {
			memcpy(p, b.ptr, b.len);
			p[i] = odd[k];
			take(p, b.len, true);
			memset(p + i, odd[k], MIN_OF((size_t)8, b.len - i));
			take(p, b.len, true);
		}
	}
	memcpy(p, b.ptr, b.len);
	memset(p + b.len, 0, 8);
	take(p, b.len + 8, false);
	free(p);
	buf_fini(&b);
}

static void
sandbox_words(void **unused)
{
	(void)unused;
	assert_string_equal(sandbox_known(SPAN_LIT("seccomp")), "seccomp");
	assert_string_equal(sandbox_known(SPAN_LIT("seccomp+landlock")),
	    "seccomp+landlock");
	assert_string_equal(sandbox_known(SPAN_LIT("\x1b[2J")), "none");
	assert_string_equal(sandbox_known(SPAN_NONE), "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back), cmocka_unit_test(hostile),
		cmocka_unit_test(sandbox_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
