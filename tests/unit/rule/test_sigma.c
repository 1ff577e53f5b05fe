/* SPDX-License-Identifier: Apache-2.0
 *
 * What Sigma's specification says, one table row a case: a selection, a
 * condition, an event, whether the rule fires.
 */
#include "rule_drive.h"

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
	    getenv("PICKET_SHARE"), NULL };
	struct program *p = program_new();
	struct buf b;

	assert_non_null(p);
	buf_init(&b, 0);
	buf_str(&b, head);
	buf_str(&b, detection);
	language_sigma.load(p, &opt, "test.yml", buf_view(&b), NULL);
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
	{ "neq, equal", SEL("    Image|neq: a\n"), { { "Image", "A" } },
	    false },
	{ "neq of an absent field", SEL("    Image|neq: a\n"),
	    { { "CommandLine", "b" } }, true },

	/* 1. case */
	{ "case of other alphabets", SEL("    Image: '\xc3\x84\xd0\xaf'\n"),
	    { { "Image", "\xc3\xa4\xd1\x8f" } }, true },
	{ "cased and equal", SEL("    Image|cased: 'A.exe'\n"),
	    { { "Image", "A.exe" } }, true },
	{ "cased contains", SEL("    Image|contains|cased: 'Mimi'\n"),
	    { { "Image", "xmimix" } }, false },
	{ "cased fieldref", SEL("    Image|fieldref|cased: ParentImage\n"),
	    { { "Image", "A" }, { "ParentImage", "a" } }, false },
	{ "(?i)", SEL("    Image|re: '(?i)A\\.EXE'\n"),
	    { { "Image", "xa.exe" } }, true },
	{ "a regular expression is not anchored", SEL("    Image|re: 'b'\n"),
	    { { "Image", "abc" } }, true },
	{ "re|m: lines", SEL("    Image|re|m: '^b$'\n"),
	    { { "Image", "a\nb\nc" } }, true },
	{ "without m the whole text", SEL("    Image|re: '^b$'\n"),
	    { { "Image", "a\nb\nc" } }, false },
	{ "re|s: dot is a line end too", SEL("    Image|re|s: 'a.b'\n"),
	    { { "Image", "a\nb" } }, true },
	{ "without s it is not", SEL("    Image|re: 'a.b'\n"),
	    { { "Image", "a\nb" } }, false },
	{ "dot is a character, not a byte", SEL("    Image|re: '^a.z$'\n"),
	    { { "Image", "a\xc3\xa9z" } }, true },
	{ "look-around", SEL("    Image|re: 'a(?=b)'\n"),
	    { { "Image", "xab" } }, true },
	{ "a number as a regular expression", SEL("    Image|re: 12\n"),
	    { { "Image", "x123" } }, true },

	/* 2. whole values */
	{ "wildcards are anchored", SEL("    Image: 'a*z'\n"),
	    { { "Image", "xabz" } }, false },
	{ "? is a line end too", SEL("    Image: 'a?z'\n"),
	    { { "Image", "a\nz" } }, true },
	{ "? is not two", SEL("    Image: 'a?z'\n"),
	    { { "Image", "abbz" } }, false },
	{ "wildcards inside contains", SEL("    Image|contains: 'a?b*c'\n"),
	    { { "Image", "--aXb--c--" } }, true },
	{ "stars go back", SEL("    Image: '*ab*abc'\n"),
	    { { "Image", "xabxababc" } }, true },
	{ "a lone star: any value", SEL("    Image: '*'\n"),
	    { { "Image", "" } }, true },
	{ "a lone star: not null", SEL("    Image: '*'\n"),
	    { { "Image", NULL } }, false },
	{ "startswith", SEL("    Image|startswith: 'ab'\n"),
	    { { "Image", "ABc" } }, true },
	{ "startswith is not contains", SEL("    Image|startswith: 'ab'\n"),
	    { { "Image", "xab" } }, false },
	{ "endswith", SEL("    Image|endswith: '\\a.exe'\n"),
	    { { "Image", "c:\\A.exe" } }, true },

	/* 3. escaping */
	{ "a backslash before a letter", SEL("    Image: 'a\\b'\n"),
	    { { "Image", "a\\b" } }, true },
	{ "a double backslash is one", SEL("    Image: 'a\\\\b'\n"),
	    { { "Image", "a\\b" } }, true },
	{ "four are two", SEL("    Image: 'a\\\\\\\\b'\n"),
	    { { "Image", "a\\\\b" } }, true },
	{ "three and a star: backslash and star",
	    SEL("    Image: 'a\\\\\\*'\n"), { { "Image", "a\\*" } }, true },
	{ "three and a star: no wildcard",
	    SEL("    Image: 'a\\\\\\*'\n"), { { "Image", "a\\b" } }, false },
	{ "a backslash at the end", SEL("    Image: 'a\\'\n"),
	    { { "Image", "a\\" } }, true },
	{ "an escaped question mark", SEL("    Image: 'a\\?'\n"),
	    { { "Image", "ab" } }, false },
	{ "startswith behind a backslash",
	    SEL("    Image|startswith: 'c:\\'\n"),
	    { { "Image", "C:\\x" } }, true },

	/* 4. null, empty, absent */
	{ "null: an explicit one", SEL("    Image: null\n"),
	    { { "Image", NULL } }, true },
	{ "null: not an empty text", SEL("    Image: null\n"),
	    { { "Image", "" } }, false },
	{ "empty: not a null", SEL("    Image: ''\n"),
	    { { "Image", NULL } }, false },
	{ "- is a text", SEL("    Image: null\n"),
	    { { "Image", "-" } }, false },
	{ "exists: a null is there", SEL("    Image|exists: true\n"),
	    { { "Image", NULL } }, true },
	{ "exists: absent", SEL("    Image|exists: true\n"),
	    { { "CommandLine", "" } }, false },
	{ "exists no: absent", SEL("    Image|exists: no\n"),
	    { { "CommandLine", "" } }, true },
	{ "null in a list", SEL("    Image:\n      - a\n      - null\n"),
	    { { "CommandLine", "" } }, true },

	/* 5. order of modifiers; base64 from Python's base64.b64encode */
	{ "wide, base64offset, contains: x before it",
	    SEL("    CommandLine|wide|base64offset|contains: 'http://'\n"),
	    { { "CommandLine", "eABoAHQAdABwADoALwAvAHkA" } }, true },
	{ "without wide not",
	    SEL("    CommandLine|base64offset|contains: 'http://'\n"),
	    { { "CommandLine", "eABoAHQAdABwADoALwAvAHkA" } }, false },
	{ "base64offset, one before it",
	    SEL("    CommandLine|base64offset|contains: http\n"),
	    { { "CommandLine", "emh0dHA=" } }, true },
	{ "base64offset, two before and one behind",
	    SEL("    CommandLine|base64offset|contains: http\n"),
	    { { "CommandLine", "eXpodHRwcQ==" } }, true },
	{ "utf16 has a mark", SEL("    CommandLine|utf16|base64: ab\n"),
	    { { "CommandLine", "//5hAGIA" } }, true },
	{ "utf16be", SEL("    CommandLine|utf16be|base64: ab\n"),
	    { { "CommandLine", "AGEAYg==" } }, true },
	{ "utf16le is wide", SEL("    CommandLine|utf16le|base64: ab\n"),
	    { { "CommandLine", "YQBiAA==" } }, true },
	{ "wide of an umlaut",
	    SEL("    CommandLine|wide|base64: '\xc3\xa4" "b'\n"),
	    { { "CommandLine", "5ABiAA==" } }, true },
	{ "wide of bytes that stand for wildcards",
	    SEL("    CommandLine|wide|base64: '\xc3\xbf\xc3\xbex'\n"),
	    { { "CommandLine", "/wD+AHgA" } }, true },
	{ "base64 with contains behind it",
	    SEL("    CommandLine|base64|contains: WHO\n"),
	    { { "CommandLine", "cXFxV0hP" } }, true },

	/* 6. windash */
	{ "windash: em dash and bar",
	    SEL("    CommandLine|windash|contains: '-a -b'\n"),
	    { { "CommandLine", "x \xe2\x80\x94" "a \xe2\x80\x95" "b" } },
	    true },
	{ "windash: from a slash",
	    SEL("    CommandLine|contains|windash: ' /enc'\n"),
	    { { "CommandLine", "p -enc x" } }, true },
	{ "windash: not inside a word",
	    SEL("    CommandLine|windash|contains: 'a-b'\n"),
	    { { "CommandLine", "a/b" } }, false },
	{ "windash: not before a blank",
	    SEL("    CommandLine|windash|contains: 'a - b'\n"),
	    { { "CommandLine", "a / b" } }, false },
	{ "windash: of two only the second",
	    SEL("    CommandLine|windash|contains: ' --enc'\n"),
	    { { "CommandLine", "p -/enc" } }, true },
	{ "windash: the value itself",
	    SEL("    CommandLine|windash|contains: ' --enc'\n"),
	    { { "CommandLine", "p --enc" } }, true },

	/* 7. to 9. all, lists of maps, keywords */
	{ "keywords |all, one is missing",
	    SEL("    '|all':\n      - one\n      - two\n"),
	    { { "Image", "one" }, { "CommandLine", "tw" } }, false },
	{ "keywords are one of them", SEL("    - one\n    - two\n"),
	    { { "Image", "xtwox" } }, true },
	{ "a map of two in a list is and", SEL("    - Image: a\n"
	    "      CommandLine: b\n    - Image: c\n"),
	    { { "Image", "a" }, { "CommandLine", "x" } }, false },
	{ "a wildcard in a keyword", SEL("    - 'ne*le'\n"),
	    { { "CommandLine", "hay NEEDLE hay" } }, true },
	{ "a keyword of two letters", SEL("    - 'xq'\n"),
	    { { "CommandLine", "axQb" } }, true },
	{ "a keyword that is a number", SEL("    - 4711\n"),
	    { { "CommandLine", "a4711b" } }, true },
	{ "a keyword in a System value", SEL("    - 'MSSQL'\n"),
	    { { "Provider_Name", "MSSQLSERVER" } }, true },
	{ "a keyword |re", SEL("    '|re': 'a[0-9]b'\n"),
	    { { "CommandLine", "xa5b" } }, true },
	{ "no keyword over two values", SEL("    - 'onetwo'\n"),
	    { { "Image", "one" }, { "CommandLine", "two" } }, false },

	/* 10. numbers */
	{ "a hexadecimal number in the rule", SEL("    EventID: 0x1F\n"),
	    { { "EventID", "31" } }, true },
	{ "a quoted number is text", SEL("    Status: '31'\n"),
	    { { "Status", "0x1f" } }, false },
	{ "another hexadecimal text", SEL("    Status: '0x17'\n"),
	    { { "Status", "0x18" } }, false },
	{ "a number with a point", SEL("    Level: 4\n"),
	    { { "Level", "4.0" } }, true },
	{ "a negative number", SEL("    Level: -4\n"),
	    { { "Level", "-4" } }, true },
	{ "contains takes the number's text",
	    SEL("    Image|contains: 12\n"), { { "Image", "x123" } }, true },
	{ "a truth is its text", SEL("    Initiated: true\n"),
	    { { "Initiated", "True" } }, true },
	{ "gte, equal", SEL("    Level|gte: 4\n"), { { "Level", "4" } },
	    true },
	{ "lt, equal", SEL("    Level|lt: 4\n"), { { "Level", "4" } },
	    false },
	{ "lt of hexadecimal", SEL("    Level|lt: 32\n"),
	    { { "Level", "0x1f" } }, true },
	{ "no number is greater", SEL("    Level|gt: 3\n"),
	    { { "Level", "infinity" } }, false },

	/* 11. conditions */
	{ "1 of them", "  a:\n    Image: a\n  b:\n    Image: b\n"
	    "  condition: 1 of them\n", { { "Image", "b" } }, true },
	{ "all of a pattern", "  a_1:\n    Image: a\n  a_2:\n"
	    "    CommandLine: b\n  x:\n    Image: x\n"
	    "  condition: all of a_*\n",
	    { { "Image", "a" }, { "CommandLine", "b" } }, true },
	{ "a star in the middle of a pattern", "  s_a_x:\n    Image: a\n"
	    "  s_b_y:\n    Image: b\n  condition: 1 of s_*_x\n",
	    { { "Image", "b" } }, false },
	{ "patterns leave _names out", "  s:\n    Image: a\n  _s:\n"
	    "    Image: b\n  condition: 1 of *s\n",
	    { { "Image", "b" } }, false },
	{ "a _name by its name", "  s:\n    Image: a\n  _s:\n"
	    "    Image: b\n  condition: s or _s\n",
	    { { "Image", "b" } }, true },
	{ "not 1 of", "  s:\n    Image: a\n  f_1:\n    CommandLine: b\n"
	    "  condition: s and not 1 of f_*\n",
	    { { "Image", "a" }, { "CommandLine", "B" } }, false },
	{ "not all of", "  s:\n    Image: a\n  f_1:\n    CommandLine: b\n"
	    "  f_2:\n    ParentImage: c\n"
	    "  condition: s and not all of f_*\n",
	    { { "Image", "a" }, { "CommandLine", "B" } }, true },
	{ "and before or", "  a:\n    Image: a\n  b:\n    Image: b\n"
	    "  c:\n    CommandLine: c\n  condition: a or b and c\n",
	    { { "Image", "a" } }, true },
	{ "not not", "  a:\n    Image: a\n  condition: not not a\n",
	    { { "Image", "a" } }, true },
	{ "a list of conditions is or", "  a:\n    Image: a\n  b:\n"
	    "    Image: b\n  condition:\n    - a\n    - b\n",
	    { { "Image", "b" } }, true },

	/* 12. fieldref */
	{ "fieldref, different", SEL("    Image|fieldref: ParentImage\n"),
	    { { "Image", "A" }, { "ParentImage", "b" } }, false },
	{ "fieldref, absent", SEL("    Image|fieldref: ParentImage\n"),
	    { { "Image", "A" } }, false },
	{ "fieldref, nulls are not equal",
	    SEL("    Image|fieldref: ParentImage\n"),
	    { { "Image", NULL }, { "ParentImage", NULL } }, false },
	{ "fieldref with startswith before it",
	    SEL("    Image|startswith|fieldref: ParentImage\n"),
	    { { "Image", "abc" }, { "ParentImage", "AB" } }, true },
	{ "fieldref with contains",
	    SEL("    Image|fieldref|contains: ParentImage\n"),
	    { { "Image", "xabc" }, { "ParentImage", "AB" } }, true },
	{ "fieldref with neq",
	    SEL("    Image|fieldref|neq: ParentImage\n"),
	    { { "Image", "a" }, { "ParentImage", "b" } }, true },

	/* 13. cidr */
	{ "cidr in brackets", SEL("    IpAddress|cidr: 'fe80::/10'\n"),
	    { { "IpAddress", "[fe80::1]" } }, true },
	{ "cidr v6 outside", SEL("    IpAddress|cidr: 'fe80::/10'\n"),
	    { { "IpAddress", "fec0::1" } }, false },
	{ "cidr v4 is not v6", SEL("    IpAddress|cidr: '0.0.0.0/0'\n"),
	    { { "IpAddress", "2001:db8::1" } }, false },
	{ "cidr, an edge", SEL("    IpAddress|cidr: '172.16.0.0/12'\n"),
	    { { "IpAddress", "172.31.255.255" } }, true },
	{ "cidr, over the edge", SEL("    IpAddress|cidr: '172.16.0.0/12'\n"),
	    { { "IpAddress", "172.32.0.0" } }, false },
	{ "cidr of one of a list", SEL("    IpAddress|cidr:\n"
	    "      - '::1/128'\n      - '127.0.0.0/8'\n"),
	    { { "IpAddress", "127.0.0.1" } }, true },

	/* 14. names */
	{ "a field that no event has yet", SEL("    'A.b c': x\n"),
	    { { "A.bc", "X" } }, true },

	/* parts of a time; the weeks are those of Python's isocalendar() */
	{ "hour", SEL("    TimeCreated|hour: 5\n"),
	    { { "TimeCreated", "2021-01-03T05:07:09Z" } }, true },
	{ "hour|gte", SEL("    TimeCreated|hour|gte: 6\n"),
	    { { "TimeCreated", "2021-01-03T05:07:09Z" } }, false },
	{ "minute", SEL("    TimeCreated|minute: 7\n"),
	    { { "TimeCreated", "2021-01-03T05:07:09Z" } }, true },
	{ "day", SEL("    TimeCreated|day: 3\n"),
	    { { "TimeCreated", "2021-01-03T05:07:09Z" } }, true },
	{ "week of the year before", SEL("    TimeCreated|week: 53\n"),
	    { { "TimeCreated", "2021-01-03T05:07:09Z" } }, true },
	{ "week", SEL("    TimeCreated|week: 28\n"),
	    { { "TimeCreated", "2022-07-11T09:17:40Z" } }, true },
	{ "month", SEL("    TimeCreated|month: 7\n"),
	    { { "TimeCreated", "2022-07-11T09:17:40Z" } }, true },
	{ "year", SEL("    TimeCreated|year|lt: 2022\n"),
	    { { "TimeCreated", "2022-07-11T09:17:40Z" } }, false },
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

	if (program_rules(p) != 0 || program_faults(p) != 1)
		fail_msg("not refused (%s): %.200s", why, detection);
	if (strstr(program_fault_at(p, 0)->reason, why) == NULL)
		fail_msg("not \"%s\": %s", why,
		    program_fault_at(p, 0)->reason);
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
	refused(SEL("    Image|i: 'x'\n"), "unknown modifier");
	refused(SEL("    Image|contains|base64: 'x'\n"), "of a wildcard");
	refused(SEL("    Image|base64offset|contains: 'x'\n"), "too short");
	refused(SEL("    Image|utf16|contains: 'x'\n"), "only for base64");
	refused(SEL("    Image|contains: null\n"), "null takes no modifier");
	refused(SEL("    Image|exists: 1\n"), "exists wants");
	refused(SEL("    '|exists': true\n"), "a field is wanted");
	refused(SEL("    '|fieldref': Image\n"), "a field is wanted");
	refused(SEL("    '|gt': 1\n"), "a field is wanted");
	refused(SEL("    '|all': [a, null]\n"), "a field is wanted");
	refused(SEL("    - null\n"), "must not be null");
	refused(SEL("    - - a\n"), "a list in a list");
	refused(SEL("    Image: []\n"), "no value");
	refused(SEL("    Image: {a: b}\n"), "a scalar or a list");
	refused(SEL("    Image: [[a]]\n"), "a scalar");
	refused("  sel: {}\n  condition: sel\n", "empty selection");
	refused("  sel: []\n  condition: sel\n", "empty selection");
	refused(SEL("    Image: a\n    Image: b\n"), "stands twice");
	refused(SEL("    [Image]: a\n"), "must be text");
	refused(SEL("    Image|windash: '-a -b -c -d -e -f -g'\n"),
	    "too many dashes");
	refused("  sel:\n    Image: a\n  condition: sel sel\n", "too much");
	refused("  sel:\n    Image: a\n  condition: []\n", "no condition");
	refused("  sel:\n    Image: a\n", "no detection with a condition");
}

/* Where a fault is: the line and column of what is wrong. */
static void
test_place(void **state)
{
	struct program *p = load(SEL("    Image|wat: x\n"));

	(void)state;
	assert_string_equal(program_fault_at(p, 0)->path, "test.yml");
	assert_int_equal(program_fault_at(p, 0)->line, 10);
	assert_int_equal(program_fault_at(p, 0)->column, 5);
	program_free(p);
}

/* One predicate on a typed value. */
static unsigned
typed(const char *selection, const char *name, struct value v)
{
	char text[512];
	struct program *p;
	struct ev e;
	unsigned n;

	snprintf(text, sizeof(text), "title: t\nid: i\nlogsource:\n"
	    "  product: windows\ndetection:\n  sel:\n    %s\n"
	    "  condition: sel\n", selection);
	p = load_rules("extended", text);
	if (program_faults(p) != 0)
		fail_msg("%s: %s", selection, program_fault_at(p, 0)->reason);
	ev_init(&e, KIND_WINEVENT);
	ev_put(&e, name, v);
	n = hits_of(p, &e);
	program_free(p);
	return n;
}

static void
test_types(void **state)
{
	static const struct value one = { .type = VT_HEX, .u64 = 0x17 };
	static const uint8_t v4[] = { 10, 1, 2, 3 };
	const struct value addr = { .type = VT_ADDR, .len = 4, .ptr = v4 };
	const struct value f64 = { .type = VT_F64, .f64 = 4769 };

	(void)state;
	assert_int_equal(typed("EventID: 1", "EventID", v_num(VT_U64, 1)), 1);
	assert_int_equal(typed("EventID: 11", "EventID", v_num(VT_U64, 1)), 0);
	assert_int_equal(typed("EventID: '1'", "EventID", v_num(VT_U64, 1)),
	    1);
	assert_int_equal(typed("Status: 23", "Status", one), 1);
	assert_int_equal(typed("Status: '0x17'", "Status", one), 1);
	assert_int_equal(typed("Status: '0X17'", "Status", one), 1);
	assert_int_equal(typed("EventID: 4769", "EventID", f64), 1);
	assert_int_equal(typed("EventID|gte: 4769", "EventID", f64), 1);
	assert_int_equal(typed("Level: -3", "Level", v_num(VT_I64,
	    (uint64_t)-3)), 1);
	assert_int_equal(typed("Initiated: 'true'", "Initiated",
	    v_num(VT_BOOL, 1)), 1);
	assert_int_equal(typed("Initiated: false", "Initiated",
	    v_num(VT_BOOL, 0)), 1);
	assert_int_equal(typed("IpAddress|cidr: 10.0.0.0/8", "IpAddress",
	    addr), 1);
	assert_int_equal(typed("IpAddress: 10.1.2.3", "IpAddress", addr), 1);
	assert_int_equal(typed("IpAddress|startswith: '10.1.'", "IpAddress",
	    addr), 1);
	/* Sunday, 2021-01-03 05:07:09 */
	assert_int_equal(typed("TimeCreated|week: 53", "TimeCreated",
	    v_num(VT_TIME, UINT64_C(1609650429) * 1000000000)), 1);
	assert_int_equal(typed("'|all': ['2021-01-03']", "TimeCreated",
	    v_num(VT_TIME, UINT64_C(1609650429) * 1000000000)), 1);
	assert_int_equal(typed("'|all': ['4769']", "EventID", f64), 1);
	/* Years that are no four digits */
	assert_int_equal(typed("TimeCreated|year: 1677", "TimeCreated",
	    v_num(VT_TIME, (uint64_t)INT64_MIN + 1)), 1);
}

static void
test_utf16(void **state)
{
	const struct value exe = V_WIDE("C\0:\0\\\0A\0.\0E\0X\0E\0");
	const struct value umlaut = V_WIDE("\xc4\0z\0");
	const struct value emoji = V_WIDE("a\0\x3d\xd8\x00\xde" "b\0");
	const struct value id = V_WIDE("4\0" "6\0" "2\0" "2\0");
	const struct value lone = V_WIDE("a\0\x00\xd8z\0");

	(void)state;
	assert_int_equal(typed("Image|endswith: '\\a.exe'", "Image", exe), 1);
	assert_int_equal(typed("Image|cased: 'c:\\a.exe'", "Image", exe), 0);
	assert_int_equal(typed("Image|re: 'A\\.E'", "Image", exe), 1);
	assert_int_equal(typed("Image: '\xc3\xa4z'", "Image", umlaut), 1);
	assert_int_equal(typed("Image: 'a?b'", "Image", emoji), 1);
	assert_int_equal(typed("Image: '\x61\xf0\x9f\x98\x80\x62'", "Image",
	    emoji), 1);
	assert_int_equal(typed("EventID: 4622", "EventID", id), 1);
	assert_int_equal(typed("Image: 'a*z'", "Image", lone), 1);
}

static void
test_lists(void **state)
{
	const struct value items[] = { v_str("one"), v_str("Two"),
		v_num(VT_U64, 3) };
	const struct value list = v_list(items, 3);

	(void)state;
	assert_int_equal(typed("Data: two", "Data", list), 1);
	assert_int_equal(typed("Data: 3", "Data", list), 1);
	assert_int_equal(typed("Data|contains|all: ['wo', 'ne']", "Data",
	    list), 1);
	assert_int_equal(typed("Data: four", "Data", list), 0);
	assert_int_equal(typed("Data: null", "Data", list), 0);
	assert_int_equal(typed("Data|re: '^T'", "Data", list), 1);
	assert_int_equal(typed("'|all': [two, one]", "Data", list), 1);
	assert_int_equal(typed("Data: '*'", "Data", v_list(items, 0)), 0);
}

/* What a rule may cost. */
static void
test_bounds(void **state)
{
	struct buf b;
	struct program *p;

	(void)state;
	/* A long chain is not deep. */
	buf_init(&b, 0);
	buf_str(&b, "  a:\n    Image: a\n  b:\n    CommandLine: b\n"
	    "  condition: a");
	for (unsigned i = 0; i < 100000; i++)
		buf_str(&b, " and b and a or b");
	buf_str(&b, "\n");
	buf_byte(&b, '\0');
	p = load((const char *)b.ptr);
	assert_int_equal(program_rules(p), 1);
	program_free(p);

	/* Parentheses are. */
	buf_reset(&b);
	buf_str(&b, "  a:\n    Image: a\n  condition: ");
	for (unsigned i = 0; i < 100; i++)
		buf_str(&b, "(not ");
	buf_str(&b, "a");
	for (unsigned i = 0; i < 100; i++)
		buf_str(&b, ")");
	buf_str(&b, "\n");
	buf_byte(&b, '\0');
	refused((const char *)b.ptr, "too deep");

	/* Aliases of aliases. */
	buf_reset(&b);
	buf_str(&b, "  l: &l\n    Image: [a");
	for (unsigned i = 0; i < 1000; i++)
		buf_str(&b, ",b");
	buf_str(&b, "]\n  m: &m [*l");
	for (unsigned i = 0; i < 1000; i++)
		buf_str(&b, ",*l");
	buf_str(&b, "]\n");
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "  s%u: *m\n", i);
	buf_str(&b, "  condition: 1 of s*\n");
	buf_byte(&b, '\0');
	refused((const char *)b.ptr, "too large");

	/* A name that has no end, a value that has none. */
	buf_reset(&b);
	buf_str(&b, "  sel:\n    Image: '");
	for (unsigned i = 0; i < 20000; i++)
		buf_str(&b, "a");
	buf_str(&b, "'\n  condition: sel\n");
	buf_byte(&b, '\0');
	refused((const char *)b.ptr, "value too long");
	buf_fini(&b);
	refused(SEL("    Image|wide|wide|wide|wide|wide|wide|wide|wide|wide|wide"
	    "|wide|wide|wide|wide|wide|wide|wide|wide|wide|wide|wide|wide|wide"
	    "|wide|wide|wide: abcd\n"), "longer values");
	refused(SEL("    Image|windash|windash|windash: '-a -b -c -d -e -f'\n"),
	    "more");
}

/* A hostile expression may be slow, but ends. */
static void
test_hostile_regex(void **state)
{
	static char text[60001];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	typed("Image|re: '(a+)+$'", "Image", v_str(text));
	typed("Image|re: '(?=x)(a|aa)+$|^(a+)+\\1b'", "Image", v_str(text));
	text[0] = (char)0xc3;
	text[1] = (char)0xa9;
	assert_int_equal(typed("Image|re: '(a+)+$'", "Image", v_str(text)), 1);
	assert_int_equal(typed("Image|re: '(a|aa)+b'", "Image", v_str(text)),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_hostile_regex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
