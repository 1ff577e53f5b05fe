/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readpass: the floor that the bench stands on, a plain pass over a file's
 * bytes: read() in blocks and memchr() for one byte.
 *
 *	readpass FILE
 *
 * Prints how often the byte occurred, so that no compiler leaves the search
 * away.  What it costs, measure.c tells.
 *
 * The byte is one that is rare in captures, event logs and text alike, so
 * that the pass is bound by reading and not by calls of memchr().
 * Bounds: one block.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	(256u << 10)	/* as picket's own window */
#define RARE	0xc1		/* no UTF-8 has it */

static unsigned char block[BLOCK];

static unsigned long long
count_rare(const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n;
	unsigned long long found = 0;

	while (p < end &&
	    (p = memchr(p, RARE, (size_t)(end - p))) != NULL) {
		found++;
		p++;
	}
	return found;
}

int
main(int argc, char **argv)
{
	unsigned long long found = 0;
	ssize_t n;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: readpass FILE\n");
		return 2;
	}
	if ((fd = open(argv[1], O_RDONLY)) < 0) {
		fprintf(stderr, "readpass: %s: %s\n", argv[1],
		    strerror(errno));
		return 1;
	}
	while ((n = read(fd, block, sizeof(block))) > 0)
		found += count_rare(block, (size_t)n);
	if (n < 0) {
		fprintf(stderr, "readpass: %s: %s\n", argv[1],
		    strerror(errno));
		return 1;
	}
	close(fd);
	printf("%llu\n", found);
	return 0;
}
