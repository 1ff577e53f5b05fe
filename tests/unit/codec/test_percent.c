/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent decoding: RFC 3986 2.1, and what is no escape.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec.h"

static void
expect(const char *src, bool plus, const char *want, size_t want_len)
{
	uint8_t out[128];
	size_t n = percent_decode(span_str(src), plus, out);

	assert_int_equal(n, want_len);
	assert_memory_equal(out, want, want_len);
}

static void
test_escapes(void **state)
{
	(void)state;
	expect("", false, "", 0);
	expect("plain", false, "plain", 5);
	expect("%41%6a%6A", false, "Ajj", 3);
	expect("a%20b%00c", false, "a b\0c", 5);
	expect("%e2%82%ac", false, "\xe2\x82\xac", 3);
}

static void
test_not_escapes(void **state)
{
	(void)state;
	expect("%", false, "%", 1);
	expect("%4", false, "%4", 2);
	expect("%zz%4g", false, "%zz%4g", 6);
	expect("%%41", false, "%A", 2);
	/* Once only: a double escape is left for a second look. */
	expect("%252e", false, "%2e", 3);
}

static void
test_plus(void **state)
{
	(void)state;
	expect("a+b%2Bc", true, "a b+c", 5);
	expect("a+b%2Bc", false, "a+b+c", 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_not_escapes),
		cmocka_unit_test(test_plus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
