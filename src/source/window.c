/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: an input read in large blocks and shown as one span.
 *
 * Ownership: the window owns its block, not the input.  Bound: WINDOW_MAX,
 * which is the largest record of any source; window_fill() then gives what it
 * has.
 */
#include <stdlib.h>

#include "source.h"

void
window_init(struct window *w, struct input *in)
{
	*w = (struct window){ .in = in };
}

void
window_fini(struct window *w)
{
	free(w->ptr);
	w->ptr = NULL;
	w->size = w->start = w->end = 0;
}

/* Room for want bytes from the start of the block on. */
static bool
make_room(struct window *w, size_t want)
{
	size_t size = MAX_OF(w->size, (size_t)WINDOW_BLOCK);
	uint8_t *p;

	/* More than what is wanted, so that reads are large; doubled, so that
	 * a growing record is copied few times. */
	while (size < want + WINDOW_BLOCK / 2 && size < WINDOW_MAX)
		size *= 2;
	if (size <= w->size)
		return true;
	if ((p = realloc(w->ptr, size)) == NULL) {
		w->err = ERR_NOMEM;
		w->eof = true;
		return false;
	}
	w->ptr = p;
	w->size = size;
	return true;
}

size_t
window_fill(struct window *w, size_t want)
{
	size_t have = w->end - w->start;

	want = MIN_OF(want, (size_t)WINDOW_MAX);
	if (have >= want || w->eof)
		return have;
	if (w->start != 0) {
		memmove(w->ptr, w->ptr + w->start, have);
		w->start = 0;
		w->end = have;
	}
	if (!make_room(w, want))
		return have;
	while (w->end < want) {
		ssize_t n = w->in->read(w->in, w->ptr + w->end,
		    w->size - w->end);

		if (n <= 0) {
			w->eof = true;
			if (n < 0)
				w->err = w->in->err != ERR_OK ?
				    w->in->err : ERR_READ;
			break;
		}
		ASSERT((size_t)n <= w->size - w->end);
		w->end += (size_t)n;
	}
	return w->end;
}
