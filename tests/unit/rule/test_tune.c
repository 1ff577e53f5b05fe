/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning: what an entry fits, and that a wrong file is refused with its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "rule.h"

static struct program	*p;
static struct tune	*t;

static enum err
load(const char *text)
{
	char path[] = "/tmp/picket-tune-XXXXXX";
	int fd = mkstemp(path);
	enum err err;

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	p = program_new();
	err = tune_load(p, path, &t);
	unlink(path);
	return err;
}

static void
done(void)
{
	tune_free(t);
	program_free(p);
	t = NULL;
}

static struct finding
finding(const char *rule, const char *user, const char *ip)
{
	struct finding f = { .rule = rule, .severity = SEV_HIGH,
	    .time = INT64_C(1657530764) * NSEC };	/* 2022-07-11 */

	f.entity[ENTITY_USER] = span_str(user);
	f.entity[ENTITY_SRC_IP] = span_str(ip);
	return f;
}

static enum tuned
ask(const char *rule, const char *user, const char *ip, enum severity *s)
{
	struct finding f = finding(rule, user, ip);
	enum tuned what = tune_finding(t, &f, NULL);

	if (s != NULL)
		*s = f.severity;
	return what;
}

static void
levels(void **unused)
{
	enum severity s;

	(void)unused;
	assert_int_equal(load("levels:\n"
	    "  - {rule: [one, web-walk], level: low, reason: r}\n"), ERR_OK);
	assert_int_equal(ask("one", "u", "", &s), TUNED_LEVEL);
	assert_int_equal(s, SEV_LOW);
	assert_int_equal(ask("web-walk-fast", "u", "", &s), TUNED_LEVEL);
	assert_int_equal(ask("web-walker", "u", "", &s), TUNED_NOT);
	assert_int_equal(s, SEV_HIGH);
	assert_int_equal(ask("two", "u", "", &s), TUNED_NOT);
	done();
}

static void
allow(void **unused)
{
	(void)unused;
	assert_int_equal(load("allow:\n"
	    "  - rule: any\n"
	    "    user: ['CORP\\svc_*', 'back?p']\n"
	    "    src_ip: [10.1.0.0/16, 2001:db8::/32]\n"
	    "    reason: r\n"), ERR_OK);
	assert_int_equal(ask("x", "corp\\SVC_a", "10.1.2.3", NULL),
	    TUNED_OUT);
	assert_int_equal(ask("x", "backup", "2001:DB8::9", NULL), TUNED_OUT);
	assert_int_equal(ask("x", "backup", "::ffff:10.1.0.1", NULL),
	    TUNED_OUT);
	assert_int_equal(ask("x", "backup", "10.2.0.1", NULL), TUNED_NOT);
	assert_int_equal(ask("x", "backups", "10.1.0.1", NULL), TUNED_NOT);
	/* What is not known does not hold. */
	assert_int_equal(ask("x", "backup", "", NULL), TUNED_NOT);
	assert_int_equal(ask("x", "backup", "no address", NULL), TUNED_NOT);
	done();
}

static void
until(void **unused)
{
	(void)unused;
	assert_int_equal(load("exclude:\n"
	    "  - {rule: a, reason: r, until: 2022-07-11}\n"
	    "  - {rule: b, reason: r, until: 2022-07-12}\n"
	    "  - {rule: c, reason: r, until: \"2022-07-11T09:12:45Z\"}\n"),
	    ERR_OK);
	assert_int_equal(ask("a", "", "", NULL), TUNED_NOT);
	assert_int_equal(ask("b", "", "", NULL), TUNED_OUT);
	assert_int_equal(ask("c", "", "", NULL), TUNED_OUT);
	done();
}

static void
fields(void **unused)
{
	struct field field[2] = {
		{ .v = { .type = VT_STR, .id = FIELD_COMMAND_LINE, .len = 9,
		    .ptr = "Vssadmin " } },
		{ .v = { .type = VT_U64, .id = FIELD_LOGON_TYPE, .u64 = 3 } },
	};
	struct event e = { .nfields = 2, .fields = field };
	struct finding f = finding("x", "u", "");

	(void)unused;
	assert_int_equal(load("allow:\n"
	    "  - rule: x\n    command_line: 'vss*'\n"
	    "    field: {LogonType: [2, 3]}\n    reason: r\n"), ERR_OK);
	assert_int_equal(tune_finding(t, &f, &e), TUNED_OUT);
	assert_int_equal(tune_finding(t, &f, NULL), TUNED_NOT);
	field[1].v.u64 = 10;
	assert_int_equal(tune_finding(t, &f, &e), TUNED_NOT);
	done();
}

static void
refused(void **unused)
{
	static const struct {
		const char	*text;
		unsigned	 line;
	} bad[] = {
		{ "- a\n", 1 },
		{ "other: []\n", 1 },
		{ "allow: {}\n", 1 },
		{ "allow:\n  - x\n", 2 },
		{ "allow:\n  - {rule: any, reason: r}\n", 2 },
		{ "allow:\n  - {host: h, reason: r}\n", 2 },
		{ "allow:\n  - {rule: any, host: h}\n", 2 },
		{ "allow:\n  - {rule: any, host: h, reason: ' '}\n", 2 },
		{ "allow:\n  - {rule: any, hots: h, reason: r}\n", 2 },
		{ "allow:\n  - {rule: any, host: [], reason: r}\n", 2 },
		{ "allow:\n  - {rule: any, host: {a: b}, reason: r}\n", 2 },
		{ "allow:\n  - {rule: any, src_ip: 300.1.1.1, reason: r}\n", 2 },
		{ "allow:\n  - {rule: any, host: h, level: low, reason: r}\n",
		    2 },
		{ "exclude:\n\n  - {rule: any, reason: r}\n", 3 },
		{ "levels:\n  - {rule: a, reason: r}\n", 2 },
		{ "levels:\n  - {rule: a, level: x, reason: r}\n", 2 },
		{ "levels:\n  - {rule: a, level: low, reason: r, until: x}\n",
		    2 },
		{ "allow: [\n", 2 },
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		assert_int_equal(load(bad[i].text), ERR_RULE);
		assert_null(t);
		assert_true(program_faults(p) != 0);
		assert_int_equal(program_fault_at(p, 0)->line, bad[i].line);
		done();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels), cmocka_unit_test(allow),
		cmocka_unit_test(until), cmocka_unit_test(fields),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
