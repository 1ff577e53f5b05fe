/* SPDX-License-Identifier: Apache-2.0
 *
 * NDJSON: each line is JSON and UTF-8, with the keys of the contract in their
 * order.
 */
#include "codec.h"
#include "sink_drive.h"

static struct json j;

/* The keys of an object, blank separated. */
static void
keys_are(uint32_t object, const char *want)
{
	struct buf b;
	uint32_t i = object + 1;

	buf_init(&b, 0);
	assert_int_equal(j.tok[object].type, JSON_OBJECT);
	while (i < j.tok[object].next) {
		if (b.len != 0)
			buf_byte(&b, ' ');
		buf_span(&b, json_text(&j, i, NULL));
		i = j.tok[i + 1].next;
	}
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, want);
	buf_fini(&b);
}

static struct span
member(uint32_t object, const char *name)
{
	uint32_t i = json_member(&j, object, span_str(name));

	assert_true(i != 0);
	return json_text(&j, i, NULL);
}

/* Parses line n (from 0); the root's type must be as given. */
static void
line(struct span s, unsigned n, const char *type)
{
	size_t end;

	while (n-- > 0) {
		end = span_find_byte(s, '\n');
		assert_true(end != SPAN_NPOS);
		s = span_sub(s, end + 1, SIZE_MAX);
	}
	end = span_find_byte(s, '\n');
	assert_true(end != SPAN_NPOS);
	s.len = end;
	if (json_parse(&j, s) != JSON_OK)
		fail_msg("no JSON at %u: %.*s", j.bad_at, (int)s.len,
		    (const char *)s.ptr);
	assert_int_equal(j.flags & JSON_F_NOT_UTF8, 0);
	assert_int_equal(j.flags & JSON_F_REPEATED, 0);
	assert_true(span_find(member(0, "type"), span_str(type)) !=
	    SPAN_NPOS);
}

static void
contract(void **unused)
{
	struct span s;

	(void)unused;
	json_init(&j);
	make_report();
	s = write_to_memory("ndjson", false);
	line(s, 0, "finding");
	keys_are(0, "type id time last_time rule severity confidence attack "
	    "entities count evidence message advice");
	keys_are(json_member(&j, 0, SPAN_LIT("rule")), "id title language");
	assert_int_equal(j.tok[json_member(&j, 0, SPAN_LIT("time"))].type,
	    JSON_NULL);
	keys_are(json_member(&j, 0, SPAN_LIT("evidence")) + 1,
	    "source record offset time");
	line(s, 1, "finding");
	assert_int_equal(j.tok[json_member(&j, json_member(&j, 0,
	    SPAN_LIT("entities")), SPAN_LIT("dst_port"))].type, JSON_NUMBER);
	keys_are(json_member(&j, 0, SPAN_LIT("evidence")) + 1,
	    "source member record offset time");
	assert_int_equal(j.tok[json_member(&j, 0, SPAN_LIT("attack"))].type,
	    JSON_ARRAY);
	line(s, 2, "finding");
	line(s, 3, "incident");
	keys_are(0, "type id title first_time last_time severity confidence "
	    "entities steps");
	keys_are(json_member(&j, 0, SPAN_LIT("steps")) + 1,
	    "time attack stage finding");
	line(s, 4, "weird");
	keys_are(0, "type name count evidence");
	line(s, 5, "weird");
	line(s, 6, "summary");
	keys_are(json_member(&j, 0, SPAN_LIT("unreadable_inputs")) + 1,
	    "source member offset reason");
	for (const char *const *k = (const char *const []){ "inputs",
	    "unreadable", "bytes", "records", "events", "findings",
	    "incidents", "weirds", "limits_hit", "rules", "seconds",
	    "version", NULL }; *k != NULL; k++)
		assert_true(json_member(&j, 0, span_str(*k)) != 0);
	assert_true(span_eq(member(0, "weirds"), SPAN_LIT("7")));
	assert_true(span_eq(member(0, "limits_hit"), SPAN_LIT("4")));
	assert_true(span_eq(member(0, "unreadable"), SPAN_LIT("1")));
	/* the summary is the last line, and whole */
	assert_int_equal(s.ptr[s.len - 1], '\n');
	assert_true(has(s, "\"seconds\":{\"list\":0.250,\"read\":1.500}"));
	assert_false(has(s, "\x1b"));
	FREE(s);
	json_fini(&j);
}

static void
empty(void **unused)
{
	struct span s;

	(void)unused;
	json_init(&j);
	make_report();
	memset(&rep.weirds, 0, sizeof(rep.weirds));
	rep.nfindings = rep.nincidents = rep.nunreadable = 0;
	rep.summary.nstages = 0;
	s = write_to_memory("ndjson", true);
	line(s, 0, "summary");
	assert_int_equal(span_find_byte(s, '\n'), s.len - 1);
	FREE(s);
	json_fini(&j);
}

static void
by_name(void **unused)
{
	(void)unused;
	assert_string_equal(sink_for_path("a/b.ndjson")->name, "ndjson");
	assert_string_equal(sink_for_path("x.txt")->name, "text");
	assert_null(sink_for_path("x.doc"));
	assert_null(sink_for_path(""));
	assert_null(sink_find(SPAN_LIT("nd")));
	for (size_t i = 0; i < nsinks; i++)
		assert_ptr_equal(sink_find(span_str(sinks[i]->name)),
		    sinks[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contract), cmocka_unit_test(empty),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
