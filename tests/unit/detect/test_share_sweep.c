/* SPDX-License-Identifier: Apache-2.0
 *
 * One source on many servers' shares, from tree connects and events 5140.
 */
#include "detect_drive.h"

static void
mount(double sec, unsigned server, const char *share)
{
	char text[32];

	at(KIND_SMB, sec);
	addr(FIELD_SRC_IP, "10.0.0.5");
	snprintf(text, sizeof(text), "10.0.1.%u", server);
	addr(FIELD_DST_IP, text);
	str(FIELD_SMB_COMMAND, "tree_connect");
	put(FIELD_SMB_STATUS, VT_HEX)->u64 = 0;
	str(FIELD_SMB_SHARE, share);
}

static void
event5140(double sec, const char *server, const char *share)
{
	at(KIND_WINEVENT, sec);
	num(FIELD_WIN_EVENT_ID, 5140);
	wide(FIELD_WIN_COMPUTER, server);
	wide(FIELD_IP_ADDRESS, "::ffff:10.0.0.5");
	wide(FIELD_SHARE_NAME, share);
	wide(FIELD_SUBJECT_USER, "svc_app");
}

static unsigned
sweep(unsigned servers, const char *share, double apart)
{
	again();
	for (unsigned i = 0; i < servers; i++)
		mount(i * apart, i + 1, share);
	return hunt("share-sweep");
}

static void
administrative(void **unused)
{
	(void)unused;
	assert_int_equal(sweep(3, "\\\\x\\C$", 1), 0);
	assert_int_equal(sweep(4, "\\\\x\\C$", 1), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].count, 4);
	assert_true(says(0, "administrative shares of at least 4 servers"));
	assert_true(says(0, "\\\\10.0.1.1\\C$, \\\\10.0.1.2\\C$"));
	ENTITY_IS(0, SRC_IP, "10.0.0.5");
	assert_int_equal(sweep(4, "\\\\x\\admin$", 1), 1);
	assert_int_equal(sweep(30, "\\\\x\\C$", 1), 1);	/* told once */
	/* four on one server are one server */
	again();
	for (unsigned i = 0; i < 8; i++)
		mount(i, 1, i % 2 != 0 ? "\\\\x\\C$" : "\\\\x\\ADMIN$");
	assert_int_equal(hunt("share-sweep"), 0);
}

static void
any_shares(void **unused)
{
	(void)unused;
	assert_int_equal(sweep(9, "\\\\x\\data", 1), 0);
	assert_int_equal(sweep(10, "\\\\x\\data", 1), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	/* hidden shares of users are no administrative ones */
	assert_int_equal(sweep(9, "\\\\x\\profiles$", 1), 0);
}

static void
passed_over(void **unused)
{
	(void)unused;
	assert_int_equal(sweep(30, "\\\\x\\IPC$", 1), 0);
	assert_int_equal(sweep(30, "\\\\x\\ipc$", 1), 0);
	assert_int_equal(sweep(30, "\\\\x\\SYSVOL", 1), 0);
	assert_int_equal(sweep(30, "\\\\x\\print$", 1), 0);
	assert_int_equal(sweep(30, "", 1), 0);
	assert_int_equal(sweep(30, "\\\\x\\", 1), 0);
	assert_int_equal(sweep(9, "\\\\x\\C$", 300), 0);	/* over the hour */
	again();
	for (unsigned i = 0; i < 9; i++) {
		mount(i, i, "\\\\x\\C$");
		dr.ev[i].fields[3].v.u64 = 0xc0000022;	/* access denied */
	}
	assert_int_equal(hunt("share-sweep"), 0);
}

static void
from_the_log(void **unused)
{
	(void)unused;
	event5140(0, "FS1", "\\\\*\\C$");
	event5140(1, "FS2", "\\\\*\\C$");
	event5140(2, "FS3", "\\\\*\\ADMIN$");
	assert_int_equal(hunt("share-sweep"), 0);
	event5140(3, "FS4", "\\\\*\\C$");
	assert_int_equal(hunt("share-sweep"), 1);
	ENTITY_IS(0, SRC_IP, "10.0.0.5");
	ENTITY_IS(0, USER, "svc_app");
	assert_true(says(0, "as svc_app"));
	dr.ev[0].fields[0].v.u64 = 5142;	/* a share was made */
	assert_int_equal(hunt("share-sweep"), 0);
}

static void
event5145(double sec, const char *server, const char *share, const char *file)
{
	event5140(sec, server, share);
	dr.ev[dr.nev - 1].fields[0].v.u64 = 5145;
	wide(FIELD_RELATIVE_TARGET, file);
}

/* "Detailed File Share" alone is audited: files of C$ are enough, of other
 * shares the root only. */
static void
from_detailed_log(void **unused)
{
	char name[16];

	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "FS%u", i);
		event5145(i, name, "\\\\*\\C$", "Users\\a\\plan.pdf");
		event5145(i + .5, name, "\\\\*\\C$", "Users\\a\\plan2.pdf");
	}
	assert_int_equal(hunt("share-sweep"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].count, 4);
	again();
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "FS%u", i);
		event5145(i, name, "\\\\*\\data", "a.txt");
		event5145(i, name, "\\\\*\\IPC$", "srvsvc");
	}
	assert_int_equal(hunt("share-sweep"), 0);
	assert_int_equal(dr.nnotes, 0);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "FS%u", i);
		event5145(i, name, "\\\\*\\data", i % 2 ? "\\" : "");
	}
	assert_int_equal(hunt("share-sweep"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
}

/* A backup server works as a computer; a server opens its own shares; the
 * event ids of other logs are no share events. */
static void
milder(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		static const char *const fs[] = { "A", "B", "C", "D" };

		event5140(i, fs[i], "\\\\*\\C$");
	}
	for (unsigned i = 0; i < 4; i++)
		dr.ev[i].fields[4].v.ptr = "B\0K\0P\0$\0",
		dr.ev[i].fields[4].v.len = 8;
	assert_int_equal(hunt("share-sweep"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	for (unsigned i = 0; i < 4; i++)
		dr.ev[i].fields[2].v.ptr = ":\0:\0001\0",
		dr.ev[i].fields[2].v.len = 6;
	assert_int_equal(hunt("share-sweep"), 0);
	again();
	for (unsigned i = 0; i < 4; i++) {
		static const char *const fs[] = { "A", "B", "C", "D" };

		event5140(i, fs[i], "\\\\*\\C$");
		wide(FIELD_WIN_CHANNEL, "Application");
	}
	assert_int_equal(hunt("share-sweep"), 0);
}

static void
odd_times(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 8; i++) {
		mount(0, i, "\\\\x\\C$");
		dr.ev[i].time = i < 2 ? INT64_MIN + 1 : i < 4 ? TIME_NONE :
		    INT64_MAX;
	}
	assert_int_equal(hunt("share-sweep"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(administrative), T(any_shares), T(passed_over),
		T(from_the_log), T(from_detailed_log), T(milder),
		T(odd_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
