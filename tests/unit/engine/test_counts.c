/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting for the overviews: rows add up, come back from bytes, and have a
 * bound; broken bytes of a worker are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine.h"

static struct count_row
row(const char *user, const char *src, unsigned number, int64_t time)
{
	struct count_row r = { .what = COUNT_LOGON, .first = time,
	    .last = time };

	r.col[LOGON_USER] = span_str(user);
	r.col[LOGON_SRC] = span_str(src);
	r.n[number] = 1;
	return r;
}

static const struct count_row *
find(const struct counts *c, const char *user, const char *src)
{
	const struct count_row *r;
	uint32_t it = 0;

	while (counts_next(c, &it, &r))
		if (span_eq(r->col[LOGON_USER], span_str(user)) &&
		    span_eq(r->col[LOGON_SRC], span_str(src)))
			return r;
	return NULL;
}

static void
rows_add_up(void **unused)
{
	struct counts *c = counts_new(8, 1u << 16);
	const struct count_row *r;
	struct count_row a = row("eve", "10.0.0.1", LOGON_OK, 50);
	struct count_row b = row("eve", "10.0.0.1", LOGON_FAILED, 20);
	struct count_row t = row("eve", "10.0.0.1", LOGON_OK, TIME_NONE);
	/* Texts are kept apart: these two are not one row. */
	struct count_row d = row("ab", "c", LOGON_OK, 1);
	struct count_row e = row("a", "bc", LOGON_OK, 1);

	(void)unused;
	assert_true(counts_add(c, &a) && counts_add(c, &b) &&
	    counts_add(c, &t) && counts_add(c, &d) && counts_add(c, &e));
	assert_int_equal(counts_rows(c), 3);
	r = find(c, "eve", "10.0.0.1");
	assert_non_null(r);
	assert_int_equal(r->n[LOGON_OK], 2);
	assert_int_equal(r->n[LOGON_FAILED], 1);
	assert_int_equal(r->first, 20);
	assert_int_equal(r->last, 50);
	counts_clear(c);
	assert_int_equal(counts_rows(c), 0);
	counts_free(c);
}

static void
rows_have_a_bound(void **unused)
{
	struct counts *c = counts_new(2, 1u << 16), *d = counts_new(8, 64);
	struct count_row a = row("a", "", 0, 1), b = row("b", "", 0, 1);
	struct count_row e = row("c", "", 0, 1);
	static uint8_t large[8192];

	(void)unused;
	assert_true(counts_add(c, &a) && counts_add(c, &b));
	assert_false(counts_add(c, &e));
	assert_true(counts_add(c, &a));	/* what is there goes on */
	assert_int_equal(find(c, "a", "")->n[0], 2);
	/* No room for text is no room. */
	memset(large, 'x', sizeof(large));
	e.col[0] = span_of(large, sizeof(large));
	assert_false(counts_add(d, &e));
	assert_true(counts_add(c, &b));
	counts_free(c);
	counts_free(d);
}

static void
rows_as_bytes(void **unused)
{
	struct count_row a = row("CORP\\eve", "::1", LOGON_OFF, -7), back;
	struct buf b;

	(void)unused;
	buf_init(&b, 0);
	count_pack(&b, &a);
	assert_true(count_unpack(buf_view(&b), &back));
	assert_true(span_eq(back.col[LOGON_USER], a.col[LOGON_USER]));
	assert_int_equal(back.n[LOGON_OFF], 1);
	assert_int_equal(back.first, -7);
	for (size_t n = 0; n < b.len; n++)
		assert_false(count_unpack(span_of(b.ptr, n), &back));
	b.ptr[0] = COUNT_WHATS;
	assert_false(count_unpack(buf_view(&b), &back));
	buf_fini(&b);
}

static void
copies_are_known(void **unused)
{
	struct same *s = same_new();
	struct weirds w;
	const struct locator here = { .source = 1, .record = 5 };
	const struct locator there = { .source = 2, .record = 5 };

	(void)unused;
	weirds_init(&w);
	assert_false(same_seen(s, &w, 77, 1, 100, &here));
	assert_false(same_seen(s, &w, 77, 1, 100, &here));	/* itself */
	assert_true(same_seen(s, &w, 77, 1, 100, &there));
	assert_false(same_seen(s, &w, 77, 2, 100, &there));	/* other rule */
	assert_false(same_seen(s, &w, 78, 1, 100, &there));
	assert_false(same_seen(s, &w, 0, 1, 100, &here));	/* not known */
	assert_false(same_seen(s, &w, 0, 1, 100, &there));
	assert_false(same_seen(s, &w, 77, 1, 101, &there));	/* time went on */
	/* One moment with more than is kept: counted, not compared. */
	for (uint64_t i = 1; i <= 70000; i++)
		assert_false(same_seen(s, &w, i, 9, 102, &here));
	assert_int_equal(w.count[WEIRD_SAME_EVENTS], 70000 - 65536);
	assert_false(same_seen(s, &w, 1, 9, 103, &there));
	assert_true(same_seen(s, &w, 1, 9, 103, &here));
	same_free(s);
}

static void
names_of_summaries(void **unused)
{
	(void)unused;
	assert_int_equal(summary_find(SPAN_LIT("logons")), SUMMARY_LOGONS);
	assert_int_equal(summary_find(SPAN_LIT("pivot")), SUMMARY_PIVOT);
	assert_int_equal(summary_find(SPAN_LIT("logon")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_add_up),
		cmocka_unit_test(rows_have_a_bound),
		cmocka_unit_test(rows_as_bytes),
		cmocka_unit_test(copies_are_known),
		cmocka_unit_test(names_of_summaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
