/* SPDX-License-Identifier: Apache-2.0
 *
 * Known answers: RFC 1321 A.5, RFC 3174 7.3, FIPS 180-2 appendix B.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "codec.h"

#define TWO_BLOCKS \
	"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

static void
test_md5(void **state)
{
	char hex[33];

	(void)state;
	md5_hex(SPAN_NONE, hex);
	assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
	md5_hex(SPAN_LIT("abc"), hex);
	assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
	md5_hex(SPAN_LIT("message digest"), hex);
	assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void
test_sha1(void **state)
{
	static const uint8_t abc[20] = {
		0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
		0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d
	};
	uint8_t raw[20];
	char hex[41];

	(void)state;
	sha1_hex(SPAN_LIT(TWO_BLOCKS), hex);
	assert_string_equal(hex, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	sha1_raw(SPAN_LIT("abc"), raw);
	assert_memory_equal(raw, abc, 20);
}

static void
test_sha256(void **state)
{
	char hex[65];

	(void)state;
	sha256_hex(SPAN_LIT("abc"), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	sha256_hex(SPAN_LIT(TWO_BLOCKS), hex);
	assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1");
}

static void *
hash_many(void *arg)
{
	char hex[33];

	for (unsigned i = 0; i < 1000; i++) {
		md5_hex(SPAN_LIT("abc"), hex);
		if (strcmp(hex, "900150983cd24fb0d6963f7d28e17f72") != 0)
			*(bool *)arg = true;
	}
	return NULL;
}

/* Each thread has a context of its own. */
static void
test_threads(void **state)
{
	bool wrong[4] = { false };
	pthread_t thread[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hash_many,
		    &wrong[i]), 0);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_false(wrong[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_md5),
		cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
