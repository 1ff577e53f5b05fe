/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders: all files below a path, in byte order of names, so that a walk
 * gives the same ordinals everywhere.
 *
 * Links to files are read, links to folders are not followed (so there are no
 * circles); devices, sockets and pipes are passed over unless they were named
 * by the caller.  What cannot be looked at is listed with its errno.
 *
 * Ownership: a tree owns its paths.  Bounds: TREE_MAX entries (and names of one
 * folder), TREE_DEPTH_MAX folders, each of which holds a descriptor while it
 * is open; no recursion.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source.h"

/* A folder that is being walked. */
struct folder {
	int	 fd;
	char	*path;		/* as given and found */
	char	**name;		/* sorted */
	size_t	 n, next;
};

static bool
add_entry(struct tree *t, char *path, uint64_t size, int sys_errno)
{
	struct tree_entry *e;

	if (t->n == TREE_MAX) {
		t->full = true;
		free(path);
		return true;
	}
	/* Doubled whenever the count is a power of two. */
	if ((t->n & (t->n - 1)) == 0) {
		size_t room = t->n == 0 ? 1 : t->n * 2;

		if ((e = realloc(t->entry, room * sizeof(*e))) == NULL) {
			free(path);
			return false;
		}
		t->entry = e;
	}
	t->entry[t->n++] = (struct tree_entry){ path, size, sys_errno };
	return true;
}

/* folder/name, on the heap. */
static char *
join(const char *folder, const char *name)
{
	size_t n = strlen(folder), k = strlen(name);
	bool slash = n != 0 && folder[n - 1] != '/';
	char *p = malloc(n + slash + k + 1);

	if (p == NULL)
		return NULL;
	memcpy(p, folder, n);
	if (slash)
		p[n] = '/';
	memcpy(p + n + slash, name, k + 1);
	return p;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
leave_folder(struct folder *f)
{
	for (size_t i = f->next; i < f->n; i++)
		free(f->name[i]);
	free(f->name);
	free(f->path);
	close(f->fd);
}

static bool
add_name(struct folder *f, const char *name)
{
	char **p, *copy;

	if ((f->n & (f->n - 1)) == 0) {
		size_t room = f->n == 0 ? 1 : f->n * 2;

		if ((p = realloc(f->name, room * sizeof(*p))) == NULL)
			return false;
		f->name = p;
	}
	if ((copy = strdup(name)) == NULL)
		return false;
	f->name[f->n++] = copy;
	return true;
}

/* Reads the names of the folder f->fd; 0 or an errno. */
static int
read_names(struct tree *t, struct folder *f)
{
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0), e;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *ent;

	if (d == NULL) {
		e = errno;
		if (fd != -1)
			close(fd);
		return e;
	}
	while (errno = 0, (ent = readdir(d)) != NULL) {
		const char *s = ent->d_name;

		if (s[0] == '.' && (s[1] == '\0' ||
		    (s[1] == '.' && s[2] == '\0')))
			continue;
		if (f->n == TREE_MAX) {
			t->full = true;
			break;
		}
		if (!add_name(f, s)) {
			errno = ENOMEM;
			break;
		}
	}
	e = errno;
	closedir(d);
	if (f->n != 0)
		qsort(f->name, f->n, sizeof(*f->name), by_name);
	return e;
}

/*
 * Opens a folder to be walked; path becomes its own.  A folder that cannot be
 * read is an entry with its errno.  false: out of memory.
 */
static bool
enter_folder(struct tree *t, struct folder *stack, unsigned *depth, int at,
    const char *name, char *path, int flags)
{
	struct folder *f = &stack[*depth];
	int e;

	if (*depth == TREE_DEPTH_MAX)
		return add_entry(t, path, 0, ENAMETOOLONG);
	*f = (struct folder){ .path = path };
	f->fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	if (f->fd == -1)
		return add_entry(t, path, 0, errno);
	++*depth;
	if ((e = read_names(t, f)) == ENOMEM)
		return false;
	if (e != 0) {
		if ((path = strdup(path)) == NULL)
			return false;
		return add_entry(t, path, 0, e);
	}
	return true;
}

/* One name of a folder; path becomes its own. */
static bool
walk_name(struct tree *t, struct folder *stack, unsigned *depth, int at,
    const char *name, char *path)
{
	struct stat st;
	bool is_link;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return add_entry(t, path, 0, errno);
	is_link = S_ISLNK(st.st_mode);
	if (is_link && fstatat(at, name, &st, 0) == -1)
		return add_entry(t, path, 0, errno);
	if (S_ISDIR(st.st_mode) && !is_link)
		return enter_folder(t, stack, depth, at, name, path,
		    O_NOFOLLOW);
	if (S_ISREG(st.st_mode))
		return add_entry(t, path, (uint64_t)st.st_size, 0);
	free(path);
	return true;
}

static enum err
walk(struct tree *t, const char *given)
{
	struct folder *stack = calloc(TREE_DEPTH_MAX, sizeof(*stack));
	char *path = strdup(given);
	unsigned depth = 0;
	bool ok = stack != NULL && path != NULL;
	size_t n;

	if (!ok) {
		free(path);
		free(stack);
		return ERR_NOMEM;
	}
	for (n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	ok = enter_folder(t, stack, &depth, AT_FDCWD, given, path, 0);
	while (ok && depth != 0 && t->n < TREE_MAX) {
		struct folder *f = &stack[depth - 1];
		char *name;

		if (f->next == f->n) {
			leave_folder(f);
			depth--;
			continue;
		}
		name = f->name[f->next++];
		path = join(f->path, name);
		ok = path != NULL &&
		    walk_name(t, stack, &depth, f->fd, name, path);
		free(name);
	}
	t->full = t->full || depth != 0;
	while (depth != 0)
		leave_folder(&stack[--depth]);
	free(stack);
	return ok ? ERR_OK : ERR_NOMEM;
}

enum err
tree_add(struct tree *t, const char *given)
{
	struct stat st = { 0 };
	int sys_errno = 0;
	uint64_t size = 0;
	char *path;

	if (strcmp(given, "-") != 0) {
		if (stat(given, &st) == -1)
			sys_errno = errno;
		else if (S_ISDIR(st.st_mode))
			return walk(t, given);
		else if (S_ISREG(st.st_mode))
			size = (uint64_t)st.st_size;
	}
	if ((path = strdup(given)) == NULL)
		return ERR_NOMEM;
	return add_entry(t, path, size, sys_errno) ? ERR_OK : ERR_NOMEM;
}

void
tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->entry[i].path);
	free(t->entry);
	*t = (struct tree){ 0 };
}
