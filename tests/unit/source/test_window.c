/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: what is shown, what offset it has, how far it grows.
 */
#include "source_drive.h"

static uint8_t big[WINDOW_MAX + WINDOW_BLOCK];

static void
fill_big(void)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + (i >> 8));
}

static void
test_walk(void **state)
{
	struct drip d = drip_of(span_of(big, 1u << 20), 1000);
	struct window w;
	size_t seen = 0;

	(void)state;
	window_init(&w, &d.in);
	while (window_fill(&w, 5000) != 0) {
		struct span v = window_view(&w);
		size_t n = MIN_OF(v.len, (size_t)4999);

		assert_int_equal(w.offset, seen);
		assert_memory_equal(v.ptr, big + seen, v.len);
		window_take(&w, n);
		seen += n;
	}
	assert_int_equal(seen, 1u << 20);
	assert_true(w.eof);
	assert_int_equal(w.err, ERR_OK);
	window_fini(&w);
}

static void
test_large_reads(void **state)
{
	struct drip d = drip_of(span_of(big, sizeof(big)), SIZE_MAX);
	struct window w;

	(void)state;
	window_init(&w, &d.in);
	/* A small wish brings a block all the same. */
	assert_true(window_fill(&w, 1) >= WINDOW_BLOCK);
	window_fini(&w);
}

static void
test_limit(void **state)
{
	struct drip d = drip_of(span_of(big, sizeof(big)), SIZE_MAX);
	struct window w;

	(void)state;
	window_init(&w, &d.in);
	assert_int_equal(window_fill(&w, SIZE_MAX), WINDOW_MAX);
	assert_false(w.eof);
	assert_memory_equal(window_view(&w).ptr, big, WINDOW_MAX);
	/* Full: nothing happens. */
	assert_int_equal(window_fill(&w, SIZE_MAX), WINDOW_MAX);
	window_take(&w, WINDOW_MAX);
	assert_int_equal(window_fill(&w, SIZE_MAX), WINDOW_BLOCK);
	assert_true(w.eof);
	window_fini(&w);
}

static void
test_error(void **state)
{
	struct drip d = drip_of(span_of(big, 1000), SIZE_MAX);
	struct window w;

	(void)state;
	d.fail_at = 300;
	window_init(&w, &d.in);
	/* What came before the error is there. */
	assert_int_equal(window_fill(&w, 1000), 300);
	assert_true(w.eof);
	assert_int_equal(w.err, ERR_READ);
	assert_int_equal(window_fill(&w, 1000), 300);
	window_fini(&w);
}

static void
test_empty(void **state)
{
	struct drip d = drip_of(SPAN_NONE, 1);
	struct window w;

	(void)state;
	window_init(&w, &d.in);
	assert_int_equal(window_view(&w).len, 0);
	assert_int_equal(window_fill(&w, 1), 0);
	assert_true(w.eof);
	window_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_large_reads),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_empty),
	};

	fill_big();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
