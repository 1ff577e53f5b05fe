/* SPDX-License-Identifier: Apache-2.0
 *
 * What Sigma's specification says, one table row a case: a selection, a
 * condition, an event, whether the rule fires.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "rule.h"

extern const struct language language_sigma;

struct pair {
	const char	*name, *value;	/* value NULL: a null */
};

struct row {
	const char	*what;
	const char	*detection;	/* the YAML below detection: */
	struct pair	 event[6];
	bool		 fires;
};

static const char head[] =
    "title: t\nid: 11111111-1111-1111-1111-111111111111\n"
    "logsource:\n  product: windows\nlevel: high\ntags:\n"
    "  - attack.t1059.001\ndetection:\n";

static unsigned hits;

static void
on_hit(void *arg, const struct rule *r, const struct event *e)
{
	(void)arg;
	(void)e;
	assert_string_equal(r->title, "t");
	assert_string_equal(r->attack, "T1059.001");
	assert_int_equal(r->severity, SEV_HIGH);
	hits++;
}

static struct program *
load(const char *detection)
{
	const struct rule_options opt = { "extended",
	    getenv("PICKET_SHARE") };
	struct program *p = program_new();
	struct buf b;

	assert_non_null(p);
	buf_init(&b, 0);
	buf_str(&b, head);
	buf_str(&b, detection);
	language_sigma.load(p, &opt, "test.yml", buf_view(&b));
	buf_fini(&b);
	assert_true(program_finish(p));
	return p;
}

static bool
fires(const struct program *p, const struct pair *pair)
{
	struct field f[8];
	struct event e = { .kind = KIND_WINEVENT, .fields = f };
	struct matcher *m = matcher_new(p);

	memset(f, 0, sizeof(f));
	for (; pair->name != NULL; pair++) {
		struct field *x = &f[e.nfields++];

		x->v.id = (uint16_t)field_by_name(span_str(pair->name));
		x->name = pair->name;
		x->v.type = pair->value == NULL ? VT_NULL : VT_STR;
		x->v.ptr = pair->value;
		x->v.len = pair->value == NULL ? 0 :
		    (uint32_t)strlen(pair->value);
	}
	hits = 0;
	matcher_event(m, &e, on_hit, NULL);
	matcher_free(m);
	return hits != 0;
}

#define SEL(s) "  sel:\n" s "  condition: sel\n"

static const struct row rows[] = {
	{ "values are case-blind", SEL("    Image: 'C:\\A.EXE'\n"),
	    { { "Image", "c:\\a.exe" } }, true },
	{ "regular expressions are not", SEL("    Image|re: 'A\\.EXE'\n"),
	    { { "Image", "a.exe" } }, false },
	{ "unless they say so", SEL("    Image|re|i: 'A\\.EXE'\n"),
	    { { "Image", "xa.exe" } }, true },
	{ "cased", SEL("    Image|cased: 'A.exe'\n"),
	    { { "Image", "a.exe" } }, false },
	{ "the whole value", SEL("    Image: 'a.exe'\n"),
	    { { "Image", "xa.exe" } }, false },
	{ "a star over lines", SEL("    Image: 'a*z'\n"),
	    { { "Image", "a\nb\nz" } }, true },
	{ "? is one character", SEL("    Image: 'a?z'\n"),
	    { { "Image", "a\xc3\xa9z" } }, true },
	{ "? is not none", SEL("    Image: 'a?z'\n"),
	    { { "Image", "az" } }, false },
	{ "an escaped star", SEL("    Image: 'a\\*z'\n"),
	    { { "Image", "abz" } }, false },
	{ "an escaped star itself", SEL("    Image: 'a\\*z'\n"),
	    { { "Image", "a*z" } }, true },
	{ "backslash and wildcard", SEL("    Image: 'a\\\\*z'\n"),
	    { { "Image", "a\\bz" } }, true },
	{ "contains behind a backslash",
	    SEL("    Image|contains: '\\temp\\'\n"),
	    { { "Image", "c:\\Temp\\x" } }, true },
	{ "null: absent", SEL("    Image: null\n"),
	    { { "CommandLine", "x" } }, true },
	{ "null: present", SEL("    Image: null\n"),
	    { { "Image", "x" } }, false },
	{ "empty: present and empty", SEL("    Image: ''\n"),
	    { { "Image", "" } }, true },
	{ "empty: absent", SEL("    Image: ''\n"),
	    { { "CommandLine", "" } }, false },
	{ "a negated filter on an absent field",
	    "  sel:\n    Image: a\n  flt:\n    CommandLine: b\n"
	    "  condition: sel and not flt\n", { { "Image", "A" } }, true },
	{ "exists", SEL("    Image|exists: true\n"),
	    { { "Image", "" } }, true },
	{ "exists not", SEL("    Image|exists: false\n"),
	    { { "Image", "" } }, false },
	/* "foo" at the three offsets: Zm9v, ..Zvb, ...mb28 of longer text */
	{ "base64offset, first", SEL("    CommandLine|base64offset|contains:"
	    " 'foobar'\n"), { { "CommandLine", "xx Zm9vYmFy yy" } }, true },
	/* base64("xfoobar") is eGZvb2Jhcg== */
	{ "base64offset, second", SEL("    CommandLine|base64offset|contains:"
	    " 'foobar'\n"), { { "CommandLine", "eGZvb2Jhcg==" } }, true },
	/* base64("xyfoobar") is eHlmb29iYXI= */
	{ "base64offset, third", SEL("    CommandLine|base64offset|contains:"
	    " 'foobar'\n"), { { "CommandLine", "eHlmb29iYXI=" } }, true },
	/* base64 of "ab" in UTF-16LE is YQBiAA== */
	{ "wide, then base64", SEL("    CommandLine|wide|base64: 'ab'\n"),
	    { { "CommandLine", "YQBiAA==" } }, true },
	{ "windash: slash", SEL("    CommandLine|windash|contains: ' -enc'\n"),
	    { { "CommandLine", "p /enc x" } }, true },
	{ "windash: en dash",
	    SEL("    CommandLine|windash|contains: ' -enc'\n"),
	    { { "CommandLine", "p \xe2\x80\x93" "enc x" } }, true },
	{ "windash: all combinations",
	    SEL("    CommandLine|windash|contains: '-a -b'\n"),
	    { { "CommandLine", "x /a -b" } }, true },
	{ "all", SEL("    CommandLine|contains|all:\n      - one\n"
	    "      - two\n"), { { "CommandLine", "two one" } }, true },
	{ "not all", SEL("    CommandLine|contains|all:\n      - one\n"
	    "      - two\n"), { { "CommandLine", "two" } }, false },
	{ "a list is or", SEL("    CommandLine:\n      - one\n      - two\n"),
	    { { "CommandLine", "two" } }, true },
	{ "a list of maps is or", SEL("    - Image: a\n"
	    "    - CommandLine: b\n"), { { "CommandLine", "b" } }, true },
	{ "a map is and", SEL("    Image: a\n    CommandLine: b\n"),
	    { { "CommandLine", "b" } }, false },
	{ "keywords in any value", SEL("    - 'needle'\n"),
	    { { "Image", "a" }, { "CommandLine", "hayNEEDLEhay" } }, true },
	{ "keywords |all", SEL("    '|all':\n      - one\n      - two\n"),
	    { { "Image", "one" }, { "CommandLine", "two" } }, true },
	{ "a number and its text", SEL("    EventID: 4769\n"),
	    { { "EventID", "4769" } }, true },
	{ "a number and hexadecimal", SEL("    EventID: 31\n"),
	    { { "EventID", "0x1f" } }, true },
	{ "a text that looks like one", SEL("    Status: '0x17'\n"),
	    { { "Status", "0x17" } }, true },
	{ "greater", SEL("    Level|gt: 3\n"), { { "Level", "4" } }, true },
	{ "not greater", SEL("    Level|gt: 4\n"), { { "Level", "4" } },
	    false },
	{ "at most", SEL("    Level|lte: 4\n"), { { "Level", "4" } }, true },
	{ "1 of a pattern", "  sel_a:\n    Image: a\n  sel_b:\n    Image: b\n"
	    "  condition: 1 of sel_*\n", { { "Image", "b" } }, true },
	{ "all of them", "  sel_a:\n    Image: a\n  sel_b:\n"
	    "    CommandLine: b\n  condition: all of them\n",
	    { { "Image", "a" } }, false },
	{ "them leaves _names out", "  sel_a:\n    Image: a\n  _no:\n"
	    "    Image: b\n  condition: all of them\n",
	    { { "Image", "a" } }, true },
	{ "not binds before and, and before or",
	    "  a:\n    Image: a\n  b:\n    Image: b\n  c:\n    Image: c\n"
	    "  condition: a or not b and c\n", { { "Image", "a" } }, true },
	{ "parentheses", "  a:\n    Image: a\n  b:\n    Image: b\n  c:\n"
	    "    Image: c\n  condition: (a or not b) and c\n",
	    { { "Image", "a" } }, false },
	{ "fieldref", SEL("    Image|fieldref: ParentImage\n"),
	    { { "Image", "A" }, { "ParentImage", "a" } }, true },
	{ "fieldref with endswith",
	    SEL("    Image|fieldref|endswith: ParentImage\n"),
	    { { "Image", "c:\\x" }, { "ParentImage", "\\X" } }, true },
	{ "cidr", SEL("    IpAddress|cidr: '10.0.0.0/8'\n"),
	    { { "IpAddress", "10.200.3.4" } }, true },
	{ "cidr outside", SEL("    IpAddress|cidr: '10.0.0.0/8'\n"),
	    { { "IpAddress", "11.0.0.1" } }, false },
	{ "cidr of a mapped address", SEL("    IpAddress|cidr:"
	    " '10.0.0.0/8'\n"), { { "IpAddress", "::ffff:10.1.1.1" } }, true },
	{ "cidr on a name", SEL("    IpAddress|cidr: '0.0.0.0/0'\n"),
	    { { "IpAddress", "host" } }, false },
	{ "cidr v6", SEL("    IpAddress|cidr: 'fe80::/10'\n"),
	    { { "IpAddress", "fe80::1%3" } }, true },
	{ "blanks in field names", SEL("    'Threat Name': x\n"),
	    { { "ThreatName", "X" } }, true },
	{ "neq", SEL("    Image|neq: a\n"), { { "Image", "b" } }, true },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct program *p = load(rows[i].detection);

		if (program_faults(p) != 0)
			fail_msg("%s: %s", rows[i].what,
			    program_fault_at(p, 0)->reason);
		assert_int_equal(program_rules(p), 1);
		if (fires(p, rows[i].event) != rows[i].fires)
			fail_msg("%s: %s", rows[i].what,
			    rows[i].fires ? "did not fire" : "fired");
		program_free(p);
	}
}

static void
refused(const char *detection, const char *why)
{
	struct program *p = load(detection);

	assert_int_equal(program_rules(p), 0);
	assert_int_equal(program_faults(p), 1);
	assert_non_null(strstr(program_fault_at(p, 0)->reason, why));
	assert_true(program_fault_at(p, 0)->line > 0);
	program_free(p);
}

static void
test_refused(void **state)
{
	(void)state;
	refused("  sel:\n    Image: a\n  condition: sle\n",
	    "names no selection");
	refused("  sel:\n    Image: a\n  condition: 1 of x_*\n",
	    "names no selection");
	refused("  sel:\n    Image: a\n  condition: (sel\n", "not closed");
	refused("  sel:\n    Image: a\n  condition: sel and\n", "ends early");
	refused(SEL("    Image|expand: '%list%'\n"), "placeholder");
	refused(SEL("    Image|base64: 'a*'\n"), "base64 of a wildcard");
	refused(SEL("    Image|re: '('\n"), "regular expression");
	refused(SEL("    Image|cidr: '10.0.0.0/33'\n"), "not a network");
	refused(SEL("    Image|gt: 'x'\n"), "not a number");
	refused(SEL("    Image|wat: 'x'\n"), "unknown modifier");
}

static void
test_bit(void *arg, uint32_t id)
{
	*(uint32_t *)arg |= 1u << id;
}

static void
test_literals(void **state)
{
	static const char *const words[] = { "abc", "abcd", "\\power.exe",
	    "zzz", "bcd", "http", "exe" };
	struct literals *l = literals_new();

	(void)state;
	assert_non_null(l);
	for (uint32_t i = 0; i < NITEMS(words); i++)
		assert_true(literals_add(l, span_str(words[i]), LIT_CONTAINS,
		    i));
	assert_true(literals_finish(l));
	/* Against a plain search, over pseudo-random texts of few letters. */
	for (uint32_t seed = 1; seed < 2000; seed++) {
		uint32_t x = seed * 2654435761u, found = 0, want = 0;
		char text[40];

		for (size_t k = 0; k < sizeof(text); k++) {
			x = x * 1664525u + 1013904223u;
			text[k] = "abcdzhtpex\\ower."[x >> 28];
		}
		for (uint32_t i = 0; i < NITEMS(words); i++)
			if (span_find(span_of(text, sizeof(text)),
			    span_str(words[i])) != SPAN_NPOS)
				want |= 1u << i;
		literals_search(l, span_of(text, sizeof(text)), test_bit,
		    &found);
		assert_int_equal(found, want);
	}
	literals_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
