/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the shipped folder that detectors read: lines of columns, divided
 * by bars; # begins a comment line.
 *
 * Bounds: SHARE_LINE bytes a line, SHARE_COLUMNS columns.  How many lines is
 * for the caller to say.
 */
#include <errno.h>
#include <stdio.h>

#include "detect.h"

static unsigned
columns_of(struct span line, struct span *col)
{
	unsigned n = 0;

	while (n < SHARE_COLUMNS) {
		size_t bar = span_find_byte(line, '|');

		col[n++] = span_trim(span_sub(line, 0, bar));
		if (bar == SPAN_NPOS)
			return n;
		line = span_sub(line, bar + 1, SIZE_MAX);
	}
	return SHARE_COLUMNS + 1;
}

bool
share_lines(const char *share, const char *file,
    bool (*take)(const struct span *col, unsigned n), struct buf *why)
{
	char path[4096], line[SHARE_LINE];
	struct span col[SHARE_COLUMNS];
	unsigned no = 0, n;
	bool ok = true;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", share, file);
	if ((f = fopen(path, "re")) == NULL) {
		buf_printf(why, "%s: %s", path, strerror(errno));
		return true;	/* the detector stands without it */
	}
	while (ok && fgets(line, sizeof(line), f) != NULL) {
		struct span s = span_trim(span_str(line));

		no++;
		if (s.len == 0 || s.ptr[0] == '#')
			continue;
		n = columns_of(s, col);
		ok = n <= SHARE_COLUMNS && take(col, n);
		if (!ok)
			buf_printf(why, "%s:%u:1: not understood, or more "
			    "than there is room for", path, no);
	}
	fclose(f);
	return ok;
}
