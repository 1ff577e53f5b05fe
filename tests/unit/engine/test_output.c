/* SPDX-License-Identifier: Apache-2.0
 *
 * Output files are there whole or not at all.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <dirent.h>
#include <unistd.h>

#include "engine.h"

static char	dir[64];
static char	path[128];

static int
setup(void **unused)
{
	(void)unused;
	snprintf(dir, sizeof(dir), "/tmp/picket-output.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/out.ndjson", dir);
	return 0;
}

static unsigned
files(bool remove)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char full[512];

		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(full, sizeof(full), "%s/%s", dir, e->d_name);
		if (remove)
			unlink(full);
	}
	closedir(d);
	return n;
}

static int
teardown(void **unused)
{
	(void)unused;
	files(true);
	return rmdir(dir);
}

static void
is(const char *want)
{
	char got[64] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_true(fread(got, 1, sizeof(got) - 1, f) < sizeof(got) - 1);
	fclose(f);
	assert_string_equal(got, want);
}

static void
old_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
whole(void **unused)
{
	mode_t mask = umask(027);
	struct out_file o;
	struct stat st;

	(void)unused;
	assert_true(out_open(&o, path));
	fputs("all of it", o.f);
	assert_int_equal(access(path, F_OK), -1);	/* not before the end */
	assert_true(out_commit(&o));
	is("all of it");
	assert_int_equal(files(false), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);	/* as umask says */
	umask(mask);
}

static void
replaces(void **unused)
{
	struct out_file o;

	(void)unused;
	old_file("old");
	assert_true(out_open(&o, path));
	fputs("new", o.f);
	is("old");
	assert_true(out_commit(&o));
	is("new");
}

static void
given_up(void **unused)
{
	struct out_file o;

	(void)unused;
	old_file("old");
	assert_true(out_open(&o, path));
	fputs("half", o.f);
	out_abort(&o);
	is("old");
	assert_int_equal(files(false), 1);
	out_abort(&o);		/* again does no harm */
}

static void
cannot_open(void **unused)
{
	struct out_file o;

	(void)unused;
	assert_false(out_open(&o, "/nonexistent/x.ndjson"));
	assert_false(out_open(&o, dir));
	out_abort(&o);
	assert_int_equal(files(false), 0);
}

static void
full_disk(void **unused)
{
	struct out_file o;

	(void)unused;
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_true(out_open(&o, "/dev/full"));
	fputs("x", o.f);
	assert_false(out_commit(&o));
	assert_int_equal(access("/dev/full", F_OK), 0);
	/* a device is written to as it is */
	assert_true(out_open(&o, "/dev/null"));
	fputs("x", o.f);
	assert_true(out_commit(&o));
}

/* The stream failed in the middle: the old file stays. */
static void
failed_write(void **unused)
{
	struct out_file o;

	(void)unused;
	old_file("old");
	assert_true(out_open(&o, path));
	fflush(o.f);
	if (freopen("/dev/full", "w", o.f) == NULL)
		skip();
	fputs("lost", o.f);
	assert_false(out_commit(&o));
	is("old");
	assert_int_equal(files(false), 1);
}

#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(whole), T(replaces), T(given_up), T(cannot_open),
		T(full_disk), T(failed_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
