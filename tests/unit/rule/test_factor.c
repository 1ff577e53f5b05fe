/* SPDX-License-Identifier: Apache-2.0
 *
 * Which literal a regular expression is known by: written down by hand, and
 * that a text without it never matches.
 */
#include "rule_drive.h"

static const struct {
	const char *pattern, *literal;	/* "": none */
} known[] = {
	{ "abc", "abc" },
	{ "(?i)ABC", "abc" },
	{ "^net\\s+config$", "config" },
	{ "shutdown\\s+/r /f /t 00", "/r /f /t 00" },
	{ "\\\\[a-z]{1,3}\\.exe", ".exe" },
	{ "a.bc", "bc" },
	/* What may be left out ends a stretch and is not of it. */
	{ "abc?d", "ab" },
	{ "abc*defg", "defg" },
	{ "abc+de", "abc" },
	{ "abcd{2,3}e", "abcd" },
	{ "abcd{0,3}e", "abc" },
	{ "abcd{x}", "abcd{x}" },
	{ "ab(?:cdefg)?h", "ab" },
	{ "ab(cdefg){0,2}h", "ab" },
	/* Groups that must be there. */
	{ "(abc)+", "abc" },
	{ "x(?:abc)y", "abc" },
	{ "x((abc)d)", "abc" },
	/* A choice, at the outermost level and in a group. */
	{ "abc|def", "" },
	{ "x(abc|defgh)yz", "yz" },
	{ "x(a[|)]bc)yz", "bc" },
	/* Classes, with what looks like their end. */
	{ "[]abc]de", "de" },
	{ "[^]abc]de", "de" },
	{ "[a\\]bcd]ef", "ef" },
	{ "[[:alpha:]bcd]ef", "" },
	{ "[abc", "" },
	/* Escapes. */
	{ "\\$env:\\(x", "$env:(x" },
	{ "ab\\tcd", "ab" },
	{ "ab\\x41cd", "" },
	{ "(a)b\\1", "" },
	{ "\\Qab\\E", "" },
	{ "\\p{Lu}abc", "" },
	{ "ab\\", "" },
	/* Look-around and options inside. */
	{ "(?=abcd)ef", "" },
	{ "(?<!abcd)ef", "" },
	{ "ab(?i)cd", "" },
	{ "(*UTF)abc", "" },
	{ "a{,3}b", "" },
	{ "abc)", "" },
	{ "(abc", "" },
	/* More than one byte: the whole character goes. */
	{ "ab\xc3\x84\xc3\x96?x", "ab\xc3\xa4" },
	{ "", "" },
	{ ".*", "" },
};

static void
test_known(void **state)
{
	struct program *p = program_new();

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < NITEMS(known); i++) {
		struct span got = regex_literal(p,
		    span_str(known[i].pattern));

		if (!span_eq(got, span_str(known[i].literal)))
			fail_msg("%s: \"%.*s\"", known[i].pattern,
			    (int)got.len, (const char *)got.ptr);
	}
	program_free(p);
}

static uint32_t seed = 88172645u;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

/* Patterns and texts of few pieces, so that they often match. */
static void
test_random(void **state)
{
	static const char *const piece[] = {
		"a", "b", "ab", "a?", "b*", "(ab)", "(?:ab)?", "(a|b)", "[ab]",
		"a{2}", "b{0,1}", "(a(b)+)", "\\.", ".", "[^a]", "A"
	};
	struct program *p = program_new();
	unsigned matches = 0;

	(void)state;
	assert_non_null(p);
	for (unsigned i = 0; i < 300; i++) {
		char pattern[64] = "", reason[128];
		struct regex *r;
		struct span need;
		size_t at;
		unsigned n = 1 + rnd(5);

		if (rnd(3) == 0)
			strcat(pattern, "(?i)");
		while (n-- != 0)
			strcat(pattern, piece[rnd(NITEMS(piece))]);
		if (!regex_check(span_str(pattern), 0, reason,
		    sizeof(reason), &at))
			continue;
		need = regex_literal(p, span_str(pattern));
		r = regex_new(span_str(pattern), 0);
		assert_non_null(r);
		for (unsigned k = 0; k < 60; k++) {
			uint8_t text[8], fold[FOLD_ROOM(sizeof(text))];
			size_t len = rnd(sizeof(text) + 1);
			struct span s = span_of(text, len);

			for (size_t c = 0; c < len; c++)
				text[c] = (uint8_t)"aabbA.B"[rnd(7)];
			if (!regex_match(r, s))
				continue;
			matches++;
			if (span_find(span_of(fold, fold_text(s, fold)),
			    need) == SPAN_NPOS)
				fail_msg("%s matches %.*s without %.*s",
				    pattern, (int)len, text, (int)need.len,
				    need.ptr);
		}
		regex_free(r);
	}
	assert_true(matches > 2000);
	program_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
