/* SPDX-License-Identifier: Apache-2.0
 *
 * Time text.  The seconds were taken from GNU date -u -d ... +%s.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base.h"

static void
put_is(int64_t t, const char *want)
{
	struct buf b;

	buf_init(&b, 0);
	time_put(&b, t);
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, want);
	buf_fini(&b);
}

static void
put(void **unused)
{
	(void)unused;
	put_is(0, "1970-01-01T00:00:00Z");
	put_is(-1, "1969-12-31T23:59:59.999999999Z");
	put_is(-NSEC, "1969-12-31T23:59:59Z");
	put_is(INT64_C(951782400) * NSEC, "2000-02-29T00:00:00Z");
	put_is(INT64_C(951868799) * NSEC, "2000-02-29T23:59:59Z");
	put_is(INT64_C(951868800) * NSEC, "2000-03-01T00:00:00Z");
	put_is(INT64_C(1709164800) * NSEC, "2024-02-29T00:00:00Z");
	put_is(INT64_C(1234567890) * NSEC + 120000000,
	    "2009-02-13T23:31:30.120Z");
	put_is(INT64_C(1234567890) * NSEC + 123456000,
	    "2009-02-13T23:31:30.123456Z");
	put_is(INT64_C(1234567890) * NSEC + 1,
	    "2009-02-13T23:31:30.000000001Z");
	put_is(INT64_C(4102444800) * NSEC, "2100-01-01T00:00:00Z");
	put_is(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
	put_is(INT64_MIN + 1, "1677-09-21T00:12:43.145224193Z");
	put_is(TIME_NONE, "-");
}

static void
parse_is(const char *text, int64_t want)
{
	int64_t t = 1;

	assert_true(time_parse(span_str(text), &t));
	assert_true(t == want);
}

static void
parse(void **unused)
{
	/* RFC 3339 section 5.8 */
	const int64_t rfc = INT64_C(482196050) * NSEC + 520000000;

	(void)unused;
	parse_is("1970-01-01T00:00:00Z", 0);
	parse_is("1985-04-12T23:20:50.52Z", rfc);
	parse_is("1996-12-19T16:39:57-08:00", INT64_C(851042397) * NSEC);
	parse_is("1996-12-20T00:39:57Z", INT64_C(851042397) * NSEC);
	/* the leap second of 1990: 00:00:00 of the next day here */
	parse_is("1990-12-31T23:59:60Z", INT64_C(662688000) * NSEC);
	parse_is("1990-12-31T15:59:60-08:00", INT64_C(662688000) * NSEC);
	parse_is("1937-01-01T12:00:27.87+00:20",
	    INT64_C(-1041337173) * NSEC + 870000000);
	parse_is(" 2022-07-11 09:12:44 ", INT64_C(1657530764) * NSEC);
	parse_is("2022-07-11t09:12:44z", INT64_C(1657530764) * NSEC);
	parse_is("2022-07-11T09:12:44,5", INT64_C(1657530764) * NSEC +
	    500000000);
	parse_is("2022-07-11T09:12:44+0200", INT64_C(1657523564) * NSEC);
	parse_is("2024-02-29T00:00:00Z", INT64_C(1709164800) * NSEC);
	parse_is("1970-01-01T00:00:00.0000000019Z", 1);	/* cut, not rounded */
	parse_is("2262-04-11T23:47:16.854775807Z", INT64_MAX);
}

static void
refused(void **unused)
{
	static const char *const bad[] = {
		"", "-", "2022", "2022-07-11", "2022-07-11T09:12",
		"2022-07-11T09:12:44x", "2022-07-11T09:12:44+2",
		"2022-13-01T00:00:00Z", "2022-00-01T00:00:00Z",
		"2022-01-00T00:00:00Z", "2022-01-32T00:00:00Z",
		"2022-04-31T00:00:00Z", "2023-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2022-01-01T24:00:00Z",
		"2022-01-01T00:60:00Z", "2022-01-01T00:00:61Z",
		"2022-01-01T00:00:00+24:00", "2022-01-01T00:00:00+00:60",
		"22-01-01T00:00:00Z", "2022-1-1T00:00:00Z",
		"2022-01-01T00:00:00ZZ", "2022-01-01X00:00:00Z",
		/* does not fit */
		"2262-04-11T23:47:16.854775808Z", "2263-01-01T00:00:00Z",
		"1677-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
		"0000-01-01T00:00:00Z",
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		int64_t t;

		if (time_parse(span_str(bad[i]), &t))
			fail_msg("took %s", bad[i]);
	}
}

/* What is printed is read as the same, over the whole range. */
static void
round_trip(void **unused)
{
	uint64_t x = 88172645463325252u;

	(void)unused;
	for (unsigned i = 0; i < 20000; i++) {
		struct buf b;
		int64_t t, back;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		t = (int64_t)x / 2;
		if (i % 2 != 0)
			t -= t % NSEC;
		buf_init(&b, 0);
		time_put(&b, t);
		assert_true(time_parse(buf_view(&b), &back));
		assert_true(back == t);
		buf_fini(&b);
	}
}

static void
days(void **unused)
{
	(void)unused;
	assert_int_equal(time_days(1970, 1, 1), 0);
	assert_int_equal(time_days(1969, 12, 31), -1);
	assert_int_equal(time_days(2000, 3, 1), 11017);
	assert_int_equal(time_days(1601, 1, 1), -134774);
	assert_int_equal(time_days(1, 1, 1), -719162);
	assert_int_equal(time_civil(2022, 7, 11, 9, 12, 44), 1657530764);
}

static void
filetime(void **unused)
{
	(void)unused;
	/* [MS-DTYP] 2.3.3: 100 ns since 1601-01-01 */
	assert_true(time_from_filetime(UINT64_C(116444736000000000)) == 0);
	assert_true(time_from_filetime(UINT64_C(116444736000000001)) == 100);
	assert_true(time_from_filetime(UINT64_C(133000000000000000)) ==
	    INT64_C(1655526400) * NSEC);
	assert_true(time_from_filetime(0) == TIME_NONE);
	assert_true(time_from_filetime(1) == TIME_NONE);	/* 1601 */
	assert_true(time_from_filetime(UINT64_MAX) == TIME_NONE);
	assert_true(time_from_filetime(INT64_MAX) == TIME_NONE);
}

static void
difference(void **unused)
{
	(void)unused;
	assert_true(time_diff(5, 7) == -2);
	assert_true(time_diff(INT64_MAX, -1) == INT64_MAX);
	assert_true(time_diff(INT64_MIN, 1) == INT64_MIN);
	assert_true(time_diff(TIME_NONE, TIME_NONE) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put), cmocka_unit_test(parse),
		cmocka_unit_test(refused), cmocka_unit_test(round_trip),
		cmocka_unit_test(days), cmocka_unit_test(filetime),
		cmocka_unit_test(difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
