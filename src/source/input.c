/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs: bytes from a file, a descriptor or memory, read in one direction.
 *
 * Ownership: an input owns its descriptor and is freed by input_close(); the
 * bytes of input_mem() stay the caller's.  Members of archives are inputs of
 * unpack.c.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "source.h"

/* Its own descriptor, because in.fd is only for files that can seek. */
struct fd_input {
	struct input	in;
	int		fd;
};

struct mem_input {
	struct input	in;
	struct span	left;
};

static ssize_t
fd_read(struct input *in, void *dst, size_t n)
{
	int fd = ((struct fd_input *)in)->fd;
	ssize_t got;

	do {
		got = read(fd, dst, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		in->err = ERR_READ;
		in->sys_errno = errno;
		return -1;
	}
	in->pos += (uint64_t)got;
	return got;
}

static void
fd_close(struct input *in)
{
	close(((struct fd_input *)in)->fd);
	free(in);
}

struct input *
input_fd(int fd)
{
	struct fd_input *f;
	struct stat st;
	off_t at;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return NULL;
	}
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return NULL;
	f->in.read = fd_read;
	f->in.close = fd_close;
	f->in.size = UINT64_MAX;
	f->in.fd = -1;
	f->fd = fd;
	if (S_ISREG(st.st_mode) && (at = lseek(fd, 0, SEEK_CUR)) >= 0) {
		f->in.size = at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
		/* A file that is handed over half read cannot be cut into
		 * parts: its offsets are not ours. */
		if (at == 0)
			f->in.fd = fd;
		f->in.written = (int64_t)st.st_mtime * NSEC;
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	return &f->in;
}

struct input *
input_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct input *in;
	int e;

	if (fd == -1)
		return NULL;
	if ((in = input_fd(fd)) == NULL) {
		e = errno;
		close(fd);
		errno = e;
	}
	return in;
}

static ssize_t
mem_read(struct input *in, void *dst, size_t n)
{
	struct mem_input *m = (struct mem_input *)in;

	if (n > m->left.len)
		n = m->left.len;
	if (n != 0)
		memcpy(dst, m->left.ptr, n);
	m->left = span_sub(m->left, n, SIZE_MAX);
	in->pos += n;
	return (ssize_t)n;
}

static void
mem_close(struct input *in)
{
	free(in);
}

struct input *
input_mem(struct span s)
{
	struct mem_input *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->in.read = mem_read;
	m->in.close = mem_close;
	m->in.size = s.len;
	m->in.fd = -1;
	m->left = s;
	return &m->in;
}

void
input_close(struct input *in)
{
	if (in != NULL)
		in->close(in);
}
