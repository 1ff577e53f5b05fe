/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders: order, links, what is passed over, what cannot be read, depth.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "source.h"

static char root[] = "/tmp/picket-tree-XXXXXX";

static void
file(const char *path, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	close(fd);
}

/* The entries, a line each: path, size, errno. */
static void
lists(const char *path, const char *want)
{
	struct tree t = { 0 };
	struct buf b;

	assert_int_equal(tree_add(&t, path), ERR_OK);
	assert_false(t.full);
	buf_init(&b, 0);
	for (size_t i = 0; i < t.n; i++)
		buf_printf(&b, "%s %llu %d\n", t.entry[i].path,
		    (unsigned long long)t.entry[i].size, t.entry[i].sys_errno);
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, want);
	buf_fini(&b);
	tree_free(&t);
	assert_null(t.entry);
}

static void
test_order(void **state)
{
	(void)state;
	mkdir("o", 0755);
	mkdir("o/b", 0755);
	mkdir("o/b/empty", 0755);
	file("o/c", 1);
	file("o/b.log", 2);
	file("o/b/z", 3);
	file("o/b/Z", 4);
	file("o/.hidden", 5);
	file("o/\xc3\xa4", 6);
	/* Byte order of names in each folder; b sorts before b.log. */
#define WANT(o)	o "/.hidden 5 0\n" o "/b/Z 4 0\n" o "/b/z 3 0\n"	\
		o "/b.log 2 0\n" o "/c 1 0\n" o "/\xc3\xa4 6 0\n"
	lists("o", WANT("o"));
	lists("o///", WANT("o"));
	lists("./o", WANT("./o"));
#undef WANT
	lists("o/b/z", "o/b/z 3 0\n");
}

static void
test_links(void **state)
{
	(void)state;
	mkdir("l", 0755);
	mkdir("l/d", 0755);
	file("l/d/f", 7);
	assert_int_equal(symlink("d/f", "l/to-file"), 0);
	assert_int_equal(symlink("d", "l/to-folder"), 0);
	assert_int_equal(symlink("..", "l/d/up"), 0);
	assert_int_equal(symlink("nothing", "l/to-nothing"), 0);
	assert_int_equal(symlink("circle", "l/circle"), 0);
	lists("l", "l/circle 0 40\nl/d/f 7 0\nl/to-file 7 0\n"
	    "l/to-nothing 0 2\n");
	/* But followed when it is what was asked for. */
	lists("l/to-folder", "l/to-folder/f 7 0\n");
	assert_int_equal(ELOOP, 40);
	assert_int_equal(ENOENT, 2);
}

static void
test_special(void **state)
{
	(void)state;
	mkdir("s", 0755);
	assert_int_equal(mkfifo("s/pipe", 0600), 0);
	file("s/x", 1);
	lists("s", "s/x 1 0\n");
	/* Named: the caller knows what it wants. */
	lists("s/pipe", "s/pipe 0 0\n");
	lists("-", "- 0 0\n");
	lists("/dev/null", "/dev/null 0 0\n");
}

static void
test_unreadable(void **state)
{
	(void)state;
	lists("nowhere", "nowhere 0 2\n");
	lists("nowhere/x", "nowhere/x 0 2\n");
	if (geteuid() == 0)
		return;		/* root may read everything */
	mkdir("u", 0755);
	mkdir("u/closed", 0);
	file("u/open", 1);
	lists("u", "u/closed 0 13\nu/open 1 0\n");
}

static void
test_many(void **state)
{
	struct tree t = { 0 };
	char name[32];

	(void)state;
	mkdir("m", 0755);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "m/%04u", (i * 611) % 1000);
		file(name, i);
	}
	assert_int_equal(tree_add(&t, "m"), ERR_OK);
	assert_int_equal(tree_add(&t, "m/0500"), ERR_OK);
	assert_int_equal(t.n, 1001);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "m/%04u", i);
		assert_string_equal(t.entry[i].path, name);
	}
	assert_string_equal(t.entry[1000].path, "m/0500");
	tree_free(&t);
}

static void
test_depth(void **state)
{
	struct tree t = { 0 };
	char path[400] = "deep";

	(void)state;
	for (unsigned i = 1; i <= TREE_DEPTH_MAX; i++) {
		assert_int_equal(mkdir(path, 0755), 0);
		strcat(path, "/d");
	}
	/* The folder that would be one too many. */
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(tree_add(&t, "deep"), ERR_OK);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.entry[0].path, path);
	assert_int_equal(t.entry[0].sys_errno, ENAMETOOLONG);
	tree_free(&t);
}

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(root) == NULL || chdir(root) == -1;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	if (chdir("/") == -1)
		return -1;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
