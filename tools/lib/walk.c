/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk: see walk.h.
 */
#include "walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH	16
#define MAX_PATH	4096

/* byte order, not the locale's: the same everywhere */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
look(const char *path, const struct stat *st, walk_visit *visit,
    void *context)
{
	size_t len = (size_t)st->st_size;
	void *data;
	int fd;

	if (len == 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return;
	visit(context, path, data, len);
	munmap(data, len);
}

static int
descend(const char *path, walk_visit *visit, void *context, unsigned depth)
{
	struct dirent **names;
	char below[MAX_PATH];
	struct stat st;
	int i, count;

	count = scandir(path, &names, NULL, by_name);
	if (count < 0)
		return -1;
	for (i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.' &&
		    snprintf(below, sizeof(below), "%s/%s", path,
		    names[i]->d_name) < MAX_PATH && lstat(below, &st) == 0) {
			if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
				(void)descend(below, visit, context,
				    depth + 1);
			else if (S_ISREG(st.st_mode))
				look(below, &st, visit, context);
		}
		free(names[i]);
	}
	free(names);
	return 0;
}

int
walk_tree(const char *path, walk_visit *visit, void *context)
{
	return descend(path, visit, context, 0);
}
