/* SPDX-License-Identifier: Apache-2.0
 *
 * Content encodings.  The inputs were made with gzip(1), Python's zlib,
 * libbrotlienc and zstd(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec.h"

#define PLAIN	"hello hello hello picket body\n"
#define RAW \
	"\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x22\x0b\x32\x93\xb3\x53\x4b\x14" \
	"\x92\xf2\x53\x2a\xb9\x00"
#define GZIP \
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" RAW \
	"\x15\xf3\x1a\xe4\x1e\x00\x00\x00"
#define ZLIB	"\x78\x9c" RAW "\xae\x6d\x0a\xf5"
#define ZSTD \
	"\x28\xb5\x2f\xfd\x24\x1e\xc5\x00\x00\x90\x68\x65\x6c\x6c\x6f\x20" \
	"\x70\x69\x63\x6b\x65\x74\x20\x62\x6f\x64\x79\x0a\x01\x00\xe1\x4a" \
	"\x11\x5a\x31\xe3\x0a"
#define BR \
	"\x1b\x1d\x00\xf8\x05\x1c\x72\x9e\xd0\x5d\xda\x82\xb6\xa4\x16\x44" \
	"\x11\x4d\xe2\x91\x07\xf0\x90\xcb\xc4\xed\xc0\x98\x4f\x0a"

static const struct { enum content_coding coding; struct span src; } cases[] = {
	{ CODING_IDENTITY, { (const uint8_t *)PLAIN, sizeof(PLAIN) - 1 } },
	{ CODING_GZIP, { (const uint8_t *)GZIP, sizeof(GZIP) - 1 } },
	{ CODING_DEFLATE, { (const uint8_t *)ZLIB, sizeof(ZLIB) - 1 } },
	{ CODING_DEFLATE, { (const uint8_t *)RAW, sizeof(RAW) - 1 } },
	{ CODING_BR, { (const uint8_t *)BR, sizeof(BR) - 1 } },
	{ CODING_ZSTD, { (const uint8_t *)ZSTD, sizeof(ZSTD) - 1 } },
};

static void
test_whole(void **state)
{
	uint8_t out[256];
	bool bad;

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		size_t n = inflate_head(cases[i].coding, cases[i].src, out,
		    sizeof(out), &bad);

		assert_false(bad);
		assert_int_equal(n, sizeof(PLAIN) - 1);
		assert_memory_equal(out, PLAIN, n);
	}
}

/* However small the room or the input is: a head of the text, no error. */
static void
test_heads(void **state)
{
	uint8_t out[256];
	bool bad;

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		for (size_t room = 0; room < sizeof(PLAIN); room++) {
			size_t n = inflate_head(cases[i].coding, cases[i].src,
			    out, room, &bad);

			assert_false(bad);
			assert_int_equal(n, room);
			assert_memory_equal(out, PLAIN, n);
		}
		for (size_t len = 0; len < cases[i].src.len; len++) {
			struct span cut = span_sub(cases[i].src, 0, len);
			size_t n = inflate_head(cases[i].coding, cut, out,
			    sizeof(out), &bad);

			assert_false(bad);
			assert_true(n < sizeof(PLAIN));
			assert_memory_equal(out, PLAIN, n);
		}
	}
}

static void
test_members(void **state)
{
	uint8_t out[256];
	bool bad;

	(void)state;
	assert_int_equal(inflate_head(CODING_GZIP, SPAN_LIT(GZIP GZIP), out,
	    sizeof(out), &bad), 2 * (sizeof(PLAIN) - 1));
	assert_false(bad);
	assert_memory_equal(out, PLAIN PLAIN, 2 * (sizeof(PLAIN) - 1));
	/* What is behind the stream is left alone. */
	assert_int_equal(inflate_head(CODING_GZIP, SPAN_LIT(GZIP "<!-- -->"),
	    out, sizeof(out), &bad), sizeof(PLAIN) - 1);
	assert_false(bad);
}

static void
test_broken(void **state)
{
	static const enum content_coding codings[] = {
		CODING_GZIP, CODING_DEFLATE, CODING_BR, CODING_ZSTD
	};
	uint8_t out[256], broken[sizeof(GZIP) - 1];
	bool bad;

	(void)state;
	for (size_t i = 0; i < NITEMS(codings); i++) {
		(void)inflate_head(codings[i], SPAN_LIT("\xff\xff\xff\xff no"),
		    out, sizeof(out), &bad);
		assert_true(bad);
	}
	/* A wrong checksum: the text before it is still good. */
	memcpy(broken, GZIP, sizeof(broken));
	broken[sizeof(broken) - 8] ^= 1;
	assert_int_equal(inflate_head(CODING_GZIP, span_of(broken,
	    sizeof(broken)), out, sizeof(out), &bad), sizeof(PLAIN) - 1);
	assert_true(bad);
	assert_memory_equal(out, PLAIN, sizeof(PLAIN) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
