/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the shipped folder that detectors read: lines of columns, divided
 * by bars; # begins a comment line.
 *
 * Bounds: SHARE_LINE bytes a line, SHARE_COLUMNS columns, as many lines as the
 * caller has room for.
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
share_lines(const char *share, const char *file, const char *wants,
    unsigned most, bool (*take)(const struct span *col, unsigned n),
    struct buf *why)
{
	char path[4096], line[SHARE_LINE];
	struct span col[SHARE_COLUMNS];
	unsigned no = 0, rows = 0, n;
	bool ok = true;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", share, file);
	if ((f = fopen(path, "re")) == NULL) {
		buf_printf(why, "%s: %s", path, strerror(errno));
		return true;	/* the detector stands without it */
	}
	while (ok && fgets(line, sizeof(line), f) != NULL) {
		struct span s = span_str(line);
		bool whole = span_ends(s, SPAN_LIT("\n")) || feof(f);

		no++;
		s = span_trim(s);
		if (whole && (s.len == 0 || s.ptr[0] == '#'))
			continue;
		n = columns_of(s, col);
		ok = whole && rows++ < most && n <= SHARE_COLUMNS &&
		    take(col, n);
		if (!ok)
			buf_printf(why, "%s:%u:1: wants %s, at most %u lines "
			    "of %u bytes", path, no, wants, most,
			    SHARE_LINE - 1);
	}
	fclose(f);
	return ok;
}
