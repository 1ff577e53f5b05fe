/* SPDX-License-Identifier: Apache-2.0
 *
 * External sorting: any split into sorters and spilled runs gives the order of
 * a plain sort; equal keys stay in the order of the runs; a broken run is an
 * error, not an overrun.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "base.h"

#define ITEMS	4000u
#define SORTERS	5u

static uint64_t	seed = 88172645463325252u;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static void
key_order(void **unused)
{
	struct sort_key a = { 1, 2, 3, 4, 5, 6 }, b = a;

	(void)unused;
	assert_int_equal(sort_key_cmp(&a, &b), 0);
	b.tag = 7;
	assert_int_equal(sort_key_cmp(&a, &b), 0);	/* not compared */
	b = a; b.seq++;
	assert_true(sort_key_cmp(&a, &b) < 0 && sort_key_cmp(&b, &a) > 0);
	a.record++;
	assert_true(sort_key_cmp(&a, &b) > 0);
	b.member++;
	assert_true(sort_key_cmp(&a, &b) < 0);
	a.source++;
	assert_true(sort_key_cmp(&a, &b) > 0);
	a.time--;
	assert_true(sort_key_cmp(&a, &b) < 0);
	a.time = TIME_NONE;
	b.time = INT64_MAX;
	assert_true(sort_key_cmp(&a, &b) < 0);
}

/* Item i has unique seq; the bytes say i, padded. */
static void
make_items(struct sort_key *key)
{
	for (uint32_t i = 0; i < ITEMS; i++)
		key[i] = (struct sort_key){ .time = (int64_t)rnd(50) - 25,
		    .source = rnd(3), .member = rnd(2), .record = rnd(5),
		    .seq = i, .tag = rnd(9) };
}

static int
plain_cmp(const void *a, const void *b)
{
	return sort_key_cmp(a, b);
}

static size_t
body(uint32_t i, uint8_t *dst)
{
	size_t n = i % 97 == 0 ? 0 : i % 31 == 0 ? 70000 : i % 200;

	memset(dst, (int)(i & 0xff), n);
	return n;
}

static void
any_split(void **unused)
{
	static struct sort_key key[ITEMS], sorted[ITEMS];
	static uint8_t bytes[70000];

	(void)unused;
	make_items(key);
	memcpy(sorted, key, sizeof(key));
	qsort(sorted, ITEMS, sizeof(*sorted), plain_cmp);
	for (unsigned round = 0; round < 4; round++) {
		/* everything in memory, or a run for every few items */
		size_t budget = round == 0 ? SIZE_MAX : 1u << (8 + 5 * round);
		struct sorter *s[SORTERS];
		int fd[SORTERS];
		struct run_ref *refs = NULL;
		size_t nrefs = 0;
		struct sort_key got;
		struct merge *m;
		struct span span;

		for (unsigned i = 0; i < SORTERS; i++) {
			fd[i] = temp_file();
			assert_true(fd[i] >= 0);
			s[i] = sorter_new(fd[i], budget);
		}
		for (uint32_t i = 0; i < ITEMS; i++)
			assert_int_equal(sorter_add(s[rnd(SORTERS)], &key[i],
			    span_of(bytes, body(i, bytes))), ERR_OK);
		for (unsigned i = 0; i < SORTERS; i++) {
			const struct run *run;
			size_t n;

			assert_int_equal(sorter_flush(s[i]), ERR_OK);
			run = sorter_runs(s[i], &n);
			refs = realloc(refs, (nrefs + n) * sizeof(*refs));
			for (size_t k = 0; k < n; k++)
				refs[nrefs++] = (struct run_ref){ fd[i],
				    run[k] };
		}
		if (round == 1)
			assert_true(nrefs > 100);
		m = merge_new(refs, nrefs);
		for (uint32_t i = 0; i < ITEMS; i++) {
			assert_int_equal(merge_next(m, &got, &span), 1);
			assert_int_equal(got.seq, sorted[i].seq);
			assert_int_equal(got.tag, sorted[i].tag);
			assert_int_equal(span.len, body(got.seq, bytes));
			assert_true(span_eq(span, span_of(bytes, span.len)));
		}
		assert_int_equal(merge_next(m, &got, &span), 0);
		assert_int_equal(merge_next(m, &got, &span), 0);
		merge_free(m);
		free(refs);
		for (unsigned i = 0; i < SORTERS; i++) {
			sorter_free(s[i]);
			close(fd[i]);
		}
	}
}

/* All keys equal: order of arrival inside a sorter, of runs across them. */
static void
ties(void **unused)
{
	const struct sort_key key = { .time = 1 };
	int fd = temp_file();
	struct sorter *s = sorter_new(fd, 400);
	struct run_ref refs[200];
	const struct run *run;
	struct sort_key got;
	struct merge *m;
	struct span span;
	size_t n;

	(void)unused;
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(sorter_add(s, &key, span_of(&i, sizeof(i))),
		    ERR_OK);
	assert_int_equal(sorter_flush(s), ERR_OK);
	run = sorter_runs(s, &n);
	assert_true(n > 5 && n <= 200);
	for (size_t k = 0; k < n; k++)
		refs[k] = (struct run_ref){ fd, run[k] };
	m = merge_new(refs, n);
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t is;

		assert_int_equal(merge_next(m, &got, &span), 1);
		memcpy(&is, span.ptr, sizeof(is));
		assert_int_equal(is, i);
	}
	assert_int_equal(merge_next(m, &got, &span), 0);
	merge_free(m);
	sorter_free(s);
	close(fd);
}

static void
nothing(void **unused)
{
	int fd = temp_file();
	struct sorter *s = sorter_new(fd, 1000);
	struct sort_key key;
	struct merge *m;
	struct span span;
	size_t n = 9;

	(void)unused;
	assert_int_equal(sorter_flush(s), ERR_OK);
	sorter_runs(s, &n);
	assert_int_equal(n, 0);
	m = merge_new(NULL, 0);
	assert_int_equal(merge_next(m, &key, &span), 0);
	merge_free(m);
	sorter_free(s);
	close(fd);
}

/* What a worker that was taken over could write. */
static void
hostile_runs(void **unused)
{
	uint8_t bytes[200];
	int fd = temp_file();
	struct sort_key key;
	struct span span;

	(void)unused;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	for (uint64_t len = 1; len <= sizeof(bytes); len += 13) {
		struct run_ref ref = { fd, { 0, len } };
		struct merge *m = merge_new(&ref, 1);

		assert_int_equal(merge_next(m, &key, &span), -1);
		merge_free(m);
	}
	for (unsigned i = 0; i < 3; i++) {
		static const struct run bad[] = {
			{ 1u << 30, 100 }, { UINT64_MAX - 5, 100 },
			{ 0, UINT64_MAX }
		};
		struct run_ref ref = { fd, bad[i] };
		struct merge *m = merge_new(&ref, 1);

		assert_int_equal(merge_next(m, &key, &span), -1);
		merge_free(m);
	}
	close(fd);
}

static void
full_disk(void **unused)
{
	int fd = open("/dev/full", O_RDWR);
	struct sorter *s;
	struct sort_key key = { 0 };

	(void)unused;
	if (fd < 0)
		skip();
	s = sorter_new(fd, 1u << 20);
	assert_int_equal(sorter_add(s, &key, SPAN_LIT("x")), ERR_OK);
	assert_int_equal(sorter_flush(s), ERR_WRITE);
	sorter_free(s);
	close(fd);
}

static void
temp_is_private(void **unused)
{
	int fd = temp_file();

	(void)unused;
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
	assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
	fd = temp_file();
	assert_true(fd >= 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_order), cmocka_unit_test(any_split),
		cmocka_unit_test(ties), cmocka_unit_test(nothing),
		cmocka_unit_test(hostile_runs), cmocka_unit_test(full_disk),
		cmocka_unit_test(temp_is_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
