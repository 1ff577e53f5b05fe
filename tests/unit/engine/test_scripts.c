/* SPDX-License-Identifier: Apache-2.0
 *
 * Script blocks from their parts: in any order, of several blocks at once,
 * and only from what belongs together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine.h"

static struct weirds weirds;
static struct scripts *scripts;

static int
setup(void **state)
{
	(void)state;
	weirds_init(&weirds);
	scripts = scripts_new(&weirds);
	return scripts == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	scripts_free(scripts);
	return 0;
}

static void
set(struct field *f, unsigned id, const char *text, uint64_t n)
{
	f->v.id = (uint16_t)id;
	f->v.type = text != NULL ? VT_STR : VT_U64;
	if (text != NULL) {
		f->v.ptr = text;
		f->v.len = (uint32_t)strlen(text);
	} else {
		f->v.u64 = n;
	}
}

/* A part of a block: the whole text if it was the last, else "". */
static const char *
part(const char *host, const char *block, uint64_t number, uint64_t total,
    const char *text)
{
	static char whole[256];
	struct field f[6] = { { .name = NULL } };
	const struct event e = { .kind = KIND_WINEVENT, .nfields = 6,
	    .fields = f }, *got;
	const struct value *v;

	set(&f[0], FIELD_WIN_EVENT_ID, NULL, 4104);
	set(&f[1], FIELD_WIN_COMPUTER, host, 0);
	set(&f[2], FIELD_MESSAGE_NUMBER, NULL, number);
	set(&f[3], FIELD_MESSAGE_TOTAL, NULL, total);
	set(&f[4], FIELD_SCRIPT_TEXT, text, 0);
	set(&f[5], FIELD_SCRIPT_ID, block, 0);
	if ((got = scripts_take(scripts, &e)) == NULL)
		return "";
	assert_ptr_equal(event_get(&e, FIELD_SCRIPT_TEXT)->ptr, text);
	assert_int_equal(got->nfields, 6);
	v = event_get(got, FIELD_SCRIPT_TEXT);
	snprintf(whole, sizeof(whole), "%.*s", (int)v->len,
	    (const char *)v->ptr);
	return whole;
}

static void
test_order(void **state)
{
	(void)state;
	assert_string_equal(part("a", "1", 2, 3, "-two"), "");
	assert_string_equal(part("a", "1", 3, 3, "-three"), "");
	assert_string_equal(part("a", "1", 3, 3, "-again"), "");
	assert_string_equal(part("a", "1", 1, 3, "one"), "one-two-three");
	/* It is over: the next part begins another. */
	assert_string_equal(part("a", "1", 1, 3, "one"), "");
}

static void
test_together(void **state)
{
	(void)state;
	assert_string_equal(part("a", "1", 1, 2, "A1"), "");
	assert_string_equal(part("b", "1", 2, 2, "B2"), "");
	assert_string_equal(part("a", "2", 1, 2, "C1"), "");
	assert_string_equal(part("b", "1", 1, 2, "B1"), "B1B2");
	assert_string_equal(part("a", "1", 2, 2, ""), "A1");
	scripts_reset(scripts);
	assert_string_equal(part("a", "2", 2, 2, "C2"), "");
	assert_int_equal(weirds.count[WEIRD_SCRIPT_BLOCKS], 0);
}

static void
test_odd(void **state)
{
	(void)state;
	assert_string_equal(part("a", "1", 1, 1, "alone"), "");
	assert_string_equal(part("a", "1", 0, 2, "none"), "");
	assert_string_equal(part("a", "1", 3, 2, "beyond"), "");
	assert_int_equal(weirds.count[WEIRD_SCRIPT_BLOCKS], 0);
	assert_string_equal(part("a", "1", 1, 1u << 20, "many"), "");
	assert_int_equal(weirds.count[WEIRD_SCRIPT_BLOCKS], 1);
	/* Another total: what was kept of it goes. */
	assert_string_equal(part("a", "1", 1, 2, "x"), "");
	assert_string_equal(part("a", "1", 2, 3, "y"), "");
	assert_int_equal(weirds.count[WEIRD_SCRIPT_BLOCKS], 2);
	assert_string_equal(part("a", "1", 2, 2, "z"), "");
}

static void
test_limits(void **state)
{
	char id[16];
	static char text[3 << 20];

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "%u", i);
		assert_string_equal(part("a", id, 1, 2, "x"), "");
	}
	assert_int_equal(weirds.count[WEIRD_SCRIPT_BLOCKS], 100 - 64);
	assert_string_equal(part("a", "99", 2, 2, "y"), "xy");
	assert_string_equal(part("a", "0", 2, 2, "y"), "");
	memset(text, 't', sizeof(text) - 1);
	for (unsigned i = 1; i <= 3; i++)
		assert_string_equal(part("b", "1", i, 4, text), "");
	/* 8 MB are over: that block is given up, and its memory back. */
	assert_string_equal(part("b", "1", 4, 4, "."), "");
	assert_string_equal(part("c", "1", 1, 2, text), "");
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_order), CASE(test_together), CASE(test_odd),
		CASE(test_limits)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
