/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64: the test vectors of RFC 4648 10, both alphabets, missing padding,
 * and what is no base64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec.h"

static const struct { const char *plain, *coded; } vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(vectors); i++) {
		struct span coded = span_str(vectors[i].coded);
		uint8_t out[64];
		struct buf b;

		assert_int_equal(base64_decode(coded, out),
		    strlen(vectors[i].plain));
		assert_memory_equal(out, vectors[i].plain,
		    strlen(vectors[i].plain));
		buf_init(&b, 0);
		base64_put(&b, span_str(vectors[i].plain));
		assert_false(b.failed);
		assert_true(span_eq(buf_view(&b), coded));
		buf_fini(&b);
	}
}

static void
decodes(const char *src, const char *want)
{
	uint8_t out[64];

	assert_int_equal(base64_decode(span_str(src), out), strlen(want));
	assert_memory_equal(out, want, strlen(want));
}

static void
test_loose(void **state)
{
	(void)state;
	decodes("Zm9vYg", "foob");
	decodes("Zm9vYmE", "fooba");
	decodes("Zm9v\r\n Ym\tFy\n", "foobar");
	decodes("Zg=", "f");
	decodes("-_-_", "\xfb\xff\xbf");
	decodes("+/+/", "\xfb\xff\xbf");
}

static void
test_not_base64(void **state)
{
	static const char *const bad[] = {
		"Z", "Zm9vY", "Zm9v=", "Zg===", "Zg==Zg==", "Zm9v!", "\x80",
		"=", "Z=g="
	};
	uint8_t out[64];

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_true(base64_decode(span_str(bad[i]), out) ==
		    SPAN_NPOS);
}

static void
test_hex(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	hex_put(&b, SPAN_NONE);
	assert_false(b.failed);
	hex_put(&b, span_of("\x00\x1f\xa5\xff", 4));
	assert_true(span_eq(buf_view(&b), SPAN_LIT("001fa5ff")));
	buf_fini(&b);
	buf_init(&b, 5);
	hex_put(&b, SPAN_LIT("abc"));
	assert_true(b.failed);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_loose),
		cmocka_unit_test(test_not_base64),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
