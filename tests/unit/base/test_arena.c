/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena keeps its cap, its alignment and what was handed out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base.h"

#define CAP	(1u << 20)

static void
aligned_and_apart(void **unused)
{
	struct arena a;
	uint8_t *last = NULL;

	(void)unused;
	arena_init(&a, CAP);
	for (size_t n = 0; n < 40; n++) {
		uint8_t *p = arena_alloc(&a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 8, 0);
		memset(p, 0xaa, n);
		if (last != NULL && n > 1)
			assert_int_equal(last[0], 0xaa);
		last = p;
	}
	arena_fini(&a);
}

static void
cap_holds(void **unused)
{
	struct arena a;
	size_t got = 0;

	(void)unused;
	arena_init(&a, CAP);
	while (arena_alloc(&a, 1000) != NULL)
		got += 1000;
	assert_true(a.overflowed);
	assert_true(a.total <= CAP);
	assert_true(got <= CAP);
	assert_true(got > CAP / 2);	/* the cap is of use, not of waste */
	assert_true(arena_used(&a) >= got && arena_used(&a) <= CAP);
	arena_reset(&a);
	assert_false(a.overflowed);
	assert_int_equal(arena_used(&a), 0);
	assert_non_null(arena_alloc(&a, 1000));
	arena_fini(&a);
}

static void
too_large_at_once(void **unused)
{
	struct arena a;

	(void)unused;
	arena_init(&a, CAP);
	assert_null(arena_alloc(&a, CAP + 1));
	assert_true(a.overflowed);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 7));
	assert_null(arena_copy(&a, span_of("x", CAP * 2)).ptr);
	/* a small one still goes */
	assert_non_null(arena_alloc(&a, 8));
	arena_fini(&a);
	arena_init(&a, CAP);
	assert_non_null(arena_alloc(&a, CAP));	/* exactly the cap */
	assert_null(arena_alloc(&a, 1));
	arena_fini(&a);
}

static void
copies(void **unused)
{
	struct arena a;
	struct span s;
	uint64_t *p;

	(void)unused;
	arena_init(&a, CAP);
	s = arena_copy(&a, SPAN_LIT("text"));
	assert_true(span_eq(s, SPAN_LIT("text")));
	s = arena_copy(&a, SPAN_NONE);
	assert_int_equal(s.len, 0);
	assert_non_null(s.ptr);
	memset(arena_alloc(&a, 64), 0xff, 64);
	arena_reset(&a);
	p = arena_zalloc(&a, 64);	/* the same memory again */
	for (unsigned i = 0; i < 8; i++)
		assert_true(p[i] == 0);
	arena_fini(&a);
}

/* After a peak the steady state asks for nothing and keeps one chunk. */
static void
reset_keeps_one(void **unused)
{
	struct arena a;
	size_t total;

	(void)unused;
	arena_init(&a, CAP);
	for (unsigned i = 0; i < 500; i++)
		assert_non_null(arena_alloc(&a, 1024));
	arena_reset(&a);
	total = a.total;
	assert_true(total > 0 && total < CAP);
	for (unsigned round = 0; round < 3; round++) {
		assert_non_null(arena_alloc(&a, total));
		assert_int_equal(a.total, total);
		arena_reset(&a);
	}
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned_and_apart),
		cmocka_unit_test(cap_holds),
		cmocka_unit_test(too_large_at_once),
		cmocka_unit_test(copies), cmocka_unit_test(reset_keeps_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
