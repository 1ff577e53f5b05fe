/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs: files, pipes, memory, and what cannot be read.
 */
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

static int
file_of(const char *text)
{
	char name[] = "/tmp/picket-input-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void
test_file(void **state)
{
	int fd = file_of("0123456789");
	struct input *in = input_fd(fd);
	char b[16];

	(void)state;
	assert_non_null(in);
	assert_int_equal(in->size, 10);
	assert_int_equal(in->fd, fd);
	assert_int_equal(in->read(in, b, 4), 4);
	assert_memory_equal(b, "0123", 4);
	assert_int_equal(in->pos, 4);
	assert_int_equal(in->read(in, b, sizeof(b)), 6);
	assert_int_equal(in->read(in, b, sizeof(b)), 0);
	assert_int_equal(in->pos, 10);
	input_close(in);
	/* The descriptor went with it. */
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
test_half_read_file(void **state)
{
	int fd = file_of("0123456789");
	struct input *in;

	(void)state;
	assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
	in = input_fd(fd);
	assert_non_null(in);
	assert_int_equal(in->size, 7);
	assert_int_equal(in->fd, -1);
	input_close(in);
}

static void
test_open(void **state)
{
	struct input *in = input_open("/proc/self/status");
	char b[5];

	(void)state;
	assert_non_null(in);
	assert_int_equal(in->read(in, b, 5), 5);
	assert_memory_equal(b, "Name:", 5);
	assert_int_equal(fcntl(in->fd, F_GETFD), FD_CLOEXEC);
	input_close(in);
}

static void
test_cannot_open(void **state)
{
	(void)state;
	errno = 0;
	assert_null(input_open("/nonexistent/picket"));
	assert_int_equal(errno, ENOENT);
	assert_null(input_open("/tmp"));
	assert_int_equal(errno, EISDIR);
	input_close(NULL);
}

static void
test_pipe(void **state)
{
	struct input *in;
	int p[2];
	char b[8];

	(void)state;
	assert_int_equal(pipe(p), 0);
	in = input_fd(p[0]);
	assert_non_null(in);
	assert_int_equal(in->fd, -1);
	assert_true(in->size == UINT64_MAX);
	assert_int_equal(write(p[1], "abc", 3), 3);
	close(p[1]);
	assert_int_equal(in->read(in, b, sizeof(b)), 3);
	assert_int_equal(in->read(in, b, sizeof(b)), 0);
	input_close(in);
}

static void
test_read_error(void **state)
{
	/* A descriptor that can only be written. */
	int fd = open("/dev/null", O_WRONLY);
	struct input *in = input_fd(fd);
	char b[8];

	(void)state;
	assert_non_null(in);
	assert_int_equal(in->read(in, b, sizeof(b)), -1);
	assert_int_equal(in->err, ERR_READ);
	assert_int_equal(in->sys_errno, EBADF);
	input_close(in);
}

static void
test_mem(void **state)
{
	struct input *in = input_mem(SPAN_LIT("hello"));
	char b[8];

	(void)state;
	assert_int_equal(in->size, 5);
	assert_int_equal(in->read(in, b, 2), 2);
	assert_int_equal(in->read(in, b + 2, 6), 3);
	assert_memory_equal(b, "hello", 5);
	assert_int_equal(in->read(in, b, 8), 0);
	input_close(in);
	in = input_mem(SPAN_NONE);
	assert_int_equal(in->read(in, b, 8), 0);
	input_close(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_half_read_file),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_cannot_open),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
