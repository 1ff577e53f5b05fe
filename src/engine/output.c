/* SPDX-License-Identifier: Apache-2.0
 *
 * Output files that come into being whole or not at all: written beside their
 * name and renamed at the end.  Devices and pipes are written to directly.
 */
#define _GNU_SOURCE	/* asprintf */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"

static bool
complain(const struct out_file *o, const char *what)
{
	fprintf(stderr, "picket: %s: cannot %s: %s\n", o->path, what,
	    strerror(errno));
	return false;
}

/* Every event is a line of some kilobytes: libc's page is too small. */
#define OUT_BUFFER	(256u << 10)

bool
out_open(struct out_file *o, const char *path)
{
	struct stat st;
	mode_t mask;
	int fd;

	memset(o, 0, sizeof(*o));
	o->path = path;
	if (strcmp(path, "-") == 0) {
		o->path = "standard output";
		o->f = stdout;
		return true;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		if ((o->f = fopen(path, "we")) == NULL)
			return complain(o, "open");
		setvbuf(o->f, NULL, _IOFBF, OUT_BUFFER);
		return true;
	}
	if (asprintf(&o->temp, "%s.XXXXXX", path) < 0) {
		o->temp = NULL;
		errno = ENOMEM;
		return complain(o, "open");
	}
	if ((fd = mkstemp(o->temp)) < 0) {
		free(o->temp);
		o->temp = NULL;
		return complain(o, "create");
	}
	umask(mask = umask(0));		/* as open() would */
	fchmod(fd, 0666 & ~mask);
	if ((o->f = fdopen(fd, "w")) == NULL) {
		close(fd);
		out_abort(o);
		return complain(o, "open");
	}
	setvbuf(o->f, NULL, _IOFBF, OUT_BUFFER);
	return true;
}

bool
out_commit(struct out_file *o)
{
	bool ok = fflush(o->f) == 0 && !ferror(o->f);

	if (!ok)
		complain(o, "write");
	if (o->f == stdout)
		return ok;
	if (ok && o->temp != NULL && fsync(fileno(o->f)) != 0)
		ok = complain(o, "write");
	if (fclose(o->f) != 0 && ok)
		ok = complain(o, "write");
	o->f = NULL;
	if (ok && o->temp != NULL && rename(o->temp, o->path) != 0)
		ok = complain(o, "rename the finished file to it");
	if (!ok && o->temp != NULL)
		unlink(o->temp);
	free(o->temp);
	o->temp = NULL;
	return ok;
}

void
out_abort(struct out_file *o)
{
	if (o->f != NULL && o->f != stdout)
		fclose(o->f);
	if (o->temp != NULL)
		unlink(o->temp);
	free(o->temp);
	memset(o, 0, sizeof(*o));
}
