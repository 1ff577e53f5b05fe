/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip as a stream (RFC 1952).  libarchive could do it, but gives up to 64 KiB
 * of what it has inflated when the stream is damaged or cut, which is all of a
 * small log.
 *
 * Bounds: output by the caller; zlib keeps some 40 KiB.
 */
#include <stdlib.h>
#include <zlib.h>

#include "codec.h"

#define GZIP_ONLY	(16 + MAX_WBITS)	/* window bits, zlib.h */

struct gunzip {
	z_stream	z;
	bool		between;	/* a member ended here */
	bool		over;
};

struct gunzip *
gunzip_new(void)
{
	struct gunzip *g = calloc(1, sizeof(*g));

	if (g != NULL && inflateInit2(&g->z, GZIP_ONLY) != Z_OK) {
		free(g);
		return NULL;
	}
	return g;
}

void
gunzip_free(struct gunzip *g)
{
	if (g == NULL)
		return;
	inflateEnd(&g->z);
	free(g);
}

/* Another member, or the end?  false: more bytes are needed to tell. */
static bool
next_member(struct gunzip *g, struct span src, bool last)
{
	if (src.len < 2 && !last)
		return false;
	if (span_starts(src, SPAN_LIT("\x1f\x8b")))
		inflateReset(&g->z);
	else
		g->over = true;
	g->between = false;
	return true;
}

size_t
gunzip_run(struct gunzip *g, struct span src, bool last, size_t *used,
    uint8_t *dst, size_t dst_size, enum gunzip_status *status)
{
	z_stream *z = &g->z;
	size_t out;
	int r;

	*used = 0;
	*status = GUNZIP_MORE;
	if (g->between && !next_member(g, src, last))
		return 0;
	if (g->over) {
		*status = GUNZIP_END;
		return 0;
	}
	z->next_in = (z_const Bytef *)(uintptr_t)src.ptr;
	z->avail_in = (uInt)MIN_OF(src.len, (size_t)UINT32_MAX / 2);
	z->next_out = dst;
	z->avail_out = (uInt)MIN_OF(dst_size, (size_t)UINT32_MAX / 2);
	out = z->avail_out;
	*used = z->avail_in;
	r = inflate(z, Z_NO_FLUSH);
	*used -= z->avail_in;
	out -= z->avail_out;
	if (r == Z_STREAM_END)
		g->between = true;
	else if ((r != Z_OK && r != Z_BUF_ERROR) ||
	    (last && *used == src.len && z->avail_out != 0))
		*status = GUNZIP_BROKEN;
	return out;
}
