/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements as X.690 shows them (8.1.3, 8.3, 8.14, 8.19), by hand, and times
 * whose seconds come from date(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec.h"

#define CUR(s)	cur_of(SPAN_LIT(s))

static void
test_any(void **state)
{
	struct cursor c = CUR("\x1a\x05Jones\x04\x81\x01x\x30\x00"), in;
	uint8_t tag;

	(void)state;
	in = der_any(&c, &tag);
	assert_int_equal(tag, 0x1a);
	assert_true(span_eq(cur_rest(&in), SPAN_LIT("Jones")));
	in = der_any(&c, &tag);		/* long form where short would do */
	assert_int_equal(tag, DER_OCTETSTRING);
	assert_true(span_eq(cur_rest(&in), SPAN_LIT("x")));
	in = der_any(&c, &tag);
	assert_int_equal(tag, DER_SEQUENCE);
	assert_true(cur_ok(&in));
	assert_int_equal(in.left, 0);
	assert_int_equal(der_peek(&c), 0);
	in = der_any(&c, &tag);		/* the end */
	assert_false(cur_ok(&in));
	assert_false(cur_ok(&c));
	assert_int_equal(tag, 0);
}

static void
refuse(struct span s)
{
	struct cursor c = cur_of(s), in;
	uint8_t tag;

	in = der_any(&c, &tag);
	assert_false(cur_ok(&in));
	assert_false(cur_ok(&c));
	assert_int_equal(in.left, 0);
}

static void
test_refused(void **state)
{
	(void)state;
	refuse(SPAN_LIT("\x30"));			/* no length */
	refuse(SPAN_LIT("\x30\x05\x01\x02"));		/* too short */
	refuse(SPAN_LIT("\x30\x80\x00\x00"));		/* indefinite */
	refuse(SPAN_LIT("\x30\x85\x00\x00\x00\x00\x00"));	/* 5 bytes */
	refuse(SPAN_LIT("\x30\x84\xff\xff\xff\xff" "x"));
	refuse(SPAN_LIT("\x30\x82\x01"));
	refuse(SPAN_LIT("\x1f\x81\x01\x00"));		/* high tag number */
}

static void
test_enter(void **state)
{
	struct cursor c = CUR("\xa0\x03\x02\x01\x05\x02\x01\x07"), in;

	(void)state;
	assert_false(der_optional(&c, DER_CTX(1), &in));
	assert_true(der_optional(&c, DER_CTX(0), &in));
	assert_int_equal(der_int(&in), 5);
	assert_int_equal(der_int(&c), 7);
	assert_false(der_optional(&c, DER_INTEGER, &in));
	assert_true(cur_ok(&c));
	in = der_enter(&c, DER_INTEGER);
	assert_false(cur_ok(&in));
	assert_false(cur_ok(&c));

	c = CUR("\x04\x01x\x6a\x02\x05\x00");
	der_skip(&c);
	in = der_enter(&c, DER_APP(10));
	assert_true(cur_ok(&in));
	assert_int_equal(in.left, 2);
	c = CUR("\x04\x01x");
	in = der_enter(&c, DER_INTEGER);	/* another tag */
	assert_false(cur_ok(&in));
	assert_false(cur_ok(&c));
}

static void
test_int(void **state)
{
	static const struct {
		struct span	der;
		int64_t		value;
	} cases[] = {
		{ SPAN_LIT("\x02\x01\x00"), 0 },
		{ SPAN_LIT("\x02\x01\x7f"), 127 },
		{ SPAN_LIT("\x02\x02\x00\x80"), 128 },
		{ SPAN_LIT("\x02\x01\x80"), -128 },
		{ SPAN_LIT("\x02\x02\xff\x79"), -135 },
		{ SPAN_LIT("\x02\x08\x7f\xff\xff\xff\xff\xff\xff\xff"),
		    INT64_MAX },
		{ SPAN_LIT("\x02\x08\x80\x00\x00\x00\x00\x00\x00\x00"),
		    INT64_MIN },
	};
	struct cursor c;

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		c = cur_of(cases[i].der);
		assert_true(der_int(&c) == cases[i].value);
		assert_true(cur_ok(&c));
	}
	c = CUR("\x02\x00");
	der_int(&c);
	assert_false(cur_ok(&c));
	c = CUR("\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00");
	der_int(&c);
	assert_false(cur_ok(&c));
}

static void
test_total(void **state)
{
	(void)state;
	assert_true(der_total(SPAN_NONE) == 0);
	assert_true(der_total(SPAN_LIT("\x6c")) == 0);
	assert_true(der_total(SPAN_LIT("\x6c\x82\x01")) == 0);
	assert_true(der_total(SPAN_LIT("\x6c\x82\x01\x02")) == 4 + 0x102);
	assert_true(der_total(SPAN_LIT("\x6c\x05")) == 7);
	assert_true(der_total(SPAN_LIT("\x6c\x84\x00\x00\x00\x01")) == 7);
	assert_true(der_total(SPAN_LIT("\x30\x80")) == SPAN_NPOS);
	assert_true(der_total(SPAN_LIT("\x30\x85")) == SPAN_NPOS);
	assert_true(der_total(SPAN_LIT("\x1f")) == SPAN_NPOS);
}

static void
test_time(void **state)
{
	(void)state;
	/* X.680 46.4, 47.4 */
	assert_true(der_time(0x17, SPAN_LIT("820102070000-0500")) ==
	    INT64_C(378820800) * NSEC);
	assert_true(der_time(0x17, SPAN_LIT("8201021200Z")) ==
	    INT64_C(378820800) * NSEC);
	assert_true(der_time(0x18, SPAN_LIT("19851106210627.3Z")) ==
	    INT64_C(500159187) * NSEC + 300000000);
	/* RFC 5280 4.1.2.5.1: 49 is 2049, 50 is 1950 */
	assert_true(der_time(0x17, SPAN_LIT("491231235959Z")) ==
	    INT64_C(2524607999) * NSEC);
	assert_true(der_time(0x17, SPAN_LIT("500101000000Z")) ==
	    INT64_C(-631152000) * NSEC);
	/* no expiry: the last second that fits */
	assert_true(der_time(0x18, SPAN_LIT("99991231235959Z")) ==
	    INT64_C(9223372036) * NSEC);
	assert_true(der_time(0x18, SPAN_LIT("00010101000000Z")) ==
	    INT64_C(-9223372036) * NSEC);
	assert_true(der_time(0x17, SPAN_LIT("821302070000Z")) == TIME_NONE);
	assert_true(der_time(0x17, SPAN_LIT("820102070000Zx")) == TIME_NONE);
	assert_true(der_time(0x17, SPAN_LIT("8201020700 0Z")) == TIME_NONE);
	assert_true(der_time(0x18, SPAN_LIT("19851106210627.Z")) == TIME_NONE);
	assert_true(der_time(0x17, SPAN_NONE) == TIME_NONE);
	assert_true(der_time(DER_INTEGER, SPAN_LIT("8201021200Z")) ==
	    TIME_NONE);
}

static void
oid_is(struct span der, const char *text)
{
	struct buf b;

	buf_init(&b, 4096);
	der_oid_put(&b, der);
	assert_true(span_eq(buf_view(&b), span_str(text)));
	buf_fini(&b);
}

static void
test_oid(void **state)
{
	(void)state;
	oid_is(SPAN_LIT("\x81\x34\x03"), "2.100.3");
	oid_is(SPAN_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"),
	    "1.2.840.113549.1.1.1");
	oid_is(SPAN_LIT("\x55\x04\x03"), "2.5.4.3");
	oid_is(SPAN_LIT("\x00"), "0.0");
	oid_is(SPAN_LIT("\x2b\x06\x01\x05\x02\x02"), "1.3.6.1.5.2.2");
	oid_is(SPAN_NONE, "");
	oid_is(SPAN_LIT("\x2a\x86"), "1.2.?");		/* breaks off */
	oid_is(SPAN_LIT("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	    "1.2.?");					/* over 64 bits */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_enter),
		cmocka_unit_test(test_int),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_oid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
