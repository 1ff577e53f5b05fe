/* SPDX-License-Identifier: Apache-2.0
 *
 * The dictionary: every word means one field, whatever its language.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model.h"

static void
words_are_unique(void **unused)
{
	static const char *word[8192];
	static char pool[1 << 17];
	char *copy = pool;
	size_t n = 0;

	(void)unused;
	for (unsigned id = 1; id < FIELD_COUNT; id++) {
		char *save, *w;

		strcpy(copy, field_aliases(id));
		word[n++] = field_name(id);
		for (w = strtok_r(copy, " ", &save); w != NULL;
		    w = strtok_r(NULL, " ", &save))
			word[n++] = w;
		copy += strlen(field_aliases(id)) + 1;
		assert_true(copy < pool + sizeof(pool) / 2);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(word[i], word[k]) == 0)
				fail_msg("twice: %s", word[i]);
	assert_true(n > 400);
}

static void
names_and_aliases(void **unused)
{
	(void)unused;
	for (unsigned id = 1; id < FIELD_COUNT; id++) {
		struct span name = span_str(field_name(id));

		assert_true(name.len > 0);
		assert_int_equal(field_by_name(name), id);
		assert_int_equal(field_by_alias(name), id);
		assert_true(field_prose(id)[0] != '\0');
	}
	/* the same fact in Zeek, Suricata, W3C, ECS and Sysmon */
	assert_int_equal(field_by_alias(SPAN_LIT("id.orig_h")), FIELD_SRC_IP);
	assert_int_equal(field_by_alias(SPAN_LIT("c-ip")), FIELD_SRC_IP);
	assert_int_equal(field_by_alias(SPAN_LIT("source.ip")), FIELD_SRC_IP);
	assert_int_equal(field_by_alias(SPAN_LIT("SourceIp")), FIELD_SRC_IP);
	assert_int_equal(field_by_alias(SPAN_LIT("cs-uri-stem")),
	    FIELD_HTTP_PATH);
	assert_int_equal(field_by_alias(SPAN_LIT("event.code")),
	    FIELD_WIN_EVENT_ID);
	assert_int_equal(field_by_alias(SPAN_LIT("cs(User-Agent)")),
	    FIELD_HTTP_USER_AGENT);
	/* an alias is no name */
	assert_int_equal(field_by_name(SPAN_LIT("id.orig_h")), FIELD_OTHER);
	assert_int_equal(field_by_name(SPAN_LIT("Src_ip")), FIELD_OTHER);
	assert_int_equal(field_by_alias(SPAN_LIT("no such name")),
	    FIELD_OTHER);
	assert_int_equal(field_by_alias(SPAN_NONE), FIELD_OTHER);
}

static void
interning(void **unused)
{
	unsigned before = field_count(), id;
	char text[32];

	(void)unused;
	assert_int_equal(field_intern(SPAN_LIT("src_ip")), FIELD_SRC_IP);
	id = field_intern(SPAN_LIT("CallTrace"));
	assert_int_equal(id, before);
	assert_int_equal(field_intern(SPAN_LIT("CallTrace")), id);
	assert_int_equal(field_by_name(SPAN_LIT("CallTrace")), id);
	assert_string_equal(field_name(id), "CallTrace");
	assert_string_equal(field_aliases(id), "");
	/* A rule may name what is an alias elsewhere; both live on. */
	id = field_intern(SPAN_LIT("DestinationIp"));
	assert_int_equal(field_by_name(SPAN_LIT("DestinationIp")), id);
	assert_int_equal(field_by_alias(SPAN_LIT("DestinationIp")),
	    FIELD_DST_IP);
	for (unsigned i = 0; i < FIELD_MAX + 100; i++) {
		snprintf(text, sizeof(text), "made%u", i);
		id = field_intern(span_str(text));
		assert_true(id < FIELD_MAX);
	}
	assert_int_equal(id, FIELD_OTHER);	/* full, and says so */
	assert_int_equal(field_count(), FIELD_MAX);
	assert_int_equal(field_by_name(SPAN_LIT("made1")), before + 3);
	assert_string_equal(field_name(FIELD_MAX), "");
	assert_string_equal(field_name(UINT32_MAX), "");
}

/* Rosters say the same as their rows. */
static void
rosters(void **unused)
{
	enum severity s;
	enum kind k;

	(void)unused;
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		assert_true(kind_find(span_str(kind_name(i)), &k));
		assert_int_equal(k, i);
	}
	assert_false(kind_find(SPAN_LIT("none"), &k));
	assert_false(kind_find(SPAN_NONE, &k));
	assert_true(severity_find(SPAN_LIT("HIGH"), &s));
	assert_int_equal(s, SEV_HIGH);
	assert_false(severity_find(SPAN_LIT("hig"), &s));
	assert_string_equal(severity_name(SEV_COUNT), "unknown");
	for (unsigned w = 0; w < WEIRD_COUNT; w++) {
		const char *name = weird_name(w);

		for (unsigned o = 0; o < w; o++)
			assert_string_not_equal(name, weird_name(o));
		for (; *name != '\0'; name++)
			assert_true((*name >= 'a' && *name <= 'z') ||
			    (*name >= '0' && *name <= '9') || *name == '-');
		if (weird_is_limit(w))
			assert_true(weird_prose(w)[0] != '\0');
	}
	assert_false(weird_is_limit(WEIRD_COUNT));
	assert_string_equal(weird_name(WEIRD_COUNT), "unknown");
	for (unsigned e = 0; e < ENTITY_COUNT; e++)
		assert_string_not_equal(entity_name(e), "unknown");
	for (unsigned e = 0; e < ERR_COUNT; e++)
		assert_true(err_text(e)[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_unique),
		cmocka_unit_test(names_and_aliases),
		cmocka_unit_test(rosters), cmocka_unit_test(interning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
