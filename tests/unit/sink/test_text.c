/* SPDX-License-Identifier: Apache-2.0
 *
 * The report for a reader: nothing of the evidence steers the terminal.
 */
#include "sink_drive.h"

static void
check_clean(struct span s, bool colour)
{
	for (size_t i = 0; i < s.len;) {
		size_t n = utf8_seq(s.ptr + i, s.len - i);
		uint8_t c = s.ptr[i];

		if (n == 0)
			fail_msg("no UTF-8 at %zu: %02x", i, c);
		if (colour && c == 0x1b) {
			/* our own: ESC [ digits ; m */
			assert_int_equal(s.ptr[i + 1], '[');
			for (n = 2; s.ptr[i + n] != 'm'; n++)
				assert_true(ascii_is_digit(s.ptr[i + n]) ||
				    s.ptr[i + n] == ';');
			n++;
		} else if ((c < 0x20 && c != '\n') || c == 0x7f) {
			fail_msg("control %02x at %zu", c, i);
		} else if (c == 0xc2 && s.ptr[i + 1] < 0xa0) {
			fail_msg("C1 at %zu", i);
		} else if (n == 3 && c == 0xe2 && s.ptr[i + 1] == 0x80 &&
		    s.ptr[i + 2] >= 0xaa && s.ptr[i + 2] <= 0xae) {
			fail_msg("turns the text around at %zu", i);
		}
		i += n;
	}
}

static void
no_controls(void **unused)
{
	struct span s;

	(void)unused;
	make_report();
	s = write_to_memory("text", false);
	check_clean(s, false);
	assert_true(has(s, "\\x1b[2J\\x9b1m\\xc2\\x9b1m\\x0d\\x07\"\\\\xff"
	    "\\xe2\\x80\\xaeend"));
	FREE(s);
	s = write_to_memory("text", true);
	check_clean(s, true);
	assert_true(has(s, "\033[1;31m"));
	assert_false(has(s, "\033[2J"));
	FREE(s);
}

/* What all weirds and all severities print is clean too. */
static void
all_rosters(void **unused)
{
	struct span s;

	(void)unused;
	make_report();
	for (unsigned w = 0; w < WEIRD_COUNT; w++)
		rep.weirds.count[w] = w + 1;
	s = write_to_memory("text", false);
	check_clean(s, false);
	for (unsigned w = 0; w < WEIRD_COUNT; w++)
		assert_true(has(s, weird_name(w)));
	FREE(s);
}

static void
says_what_matters(void **unused)
{
	struct span s;

	(void)unused;
	make_report();
	s = write_to_memory("text", false);
	assert_true(has(s, "record 12, byte 34, 1970-01-01 00:00:01Z"));
	assert_true(has(s, "time unknown"));
	assert_true(has(s, "and 4 more"));
	assert_true(has(s, "1.2 MB"));
	assert_true(has(s, "1,000 records, 900 events"));
	assert_true(has(s, "3 findings in 1 story; 1 not readable"));
	assert_true(has(s, "cannot read"));
	assert_true(has(s, "at byte 99"));
	assert_true(has(s, "dns-name-loop"));
	assert_true(has(s, "Limits reached"));
	FREE(s);
	memset(&rep.weirds, 0, sizeof(rep.weirds));
	rep.nfindings = rep.nincidents = rep.nunreadable = 0;
	s = write_to_memory("text", false);
	assert_true(span_starts(s, SPAN_LIT("Nothing found.\n\n2 inputs (")));
	FREE(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_controls), cmocka_unit_test(all_rosters),
		cmocka_unit_test(says_what_matters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
