/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over text, for the sources that read text: encodings and lines.
 *
 * Ownership: a textwin owns the converted bytes; plain UTF-8 stays in the
 * window below.  Bounds: WINDOW_MAX of the window below, so at most half as
 * much again converted.
 *
 * Encodings (RFC 3629, RFC 2781): a mark of EF BB BF, FF FE or FE FF; without
 * mark UTF-16 is told by four or more ASCII characters with a zero each,
 * which Windows tools write.  Everything else passes as it is: what is no
 * UTF-8 is the business of those who print it.
 */
#include <stdlib.h>

#include "codec.h"
#include "source.h"

#define GUESS_UNITS	32	/* looked at, at most */
#define GUESS_UNITS_MIN	4	/* fewer say nothing */

struct mark {
	bool	is_utf16, big_endian;
	size_t	len;
};

static bool
is_ascii_text(uint8_t c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
}

static bool
guess_utf16(struct span head, bool big_endian)
{
	size_t n = MIN_OF(head.len / 2, (size_t)GUESS_UNITS);

	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = head.ptr + i * 2;

		if (p[!big_endian] != 0 || !is_ascii_text(p[big_endian]))
			return false;
	}
	return n >= GUESS_UNITS_MIN;
}

static struct mark
find_mark(struct span head)
{
	if (span_starts(head, SPAN_LIT("\xef\xbb\xbf")))
		return (struct mark){ .len = 3 };
	if (span_starts(head, SPAN_LIT("\xff\xfe")))
		return (struct mark){ .is_utf16 = true, .len = 2 };
	if (span_starts(head, SPAN_LIT("\xfe\xff")))
		return (struct mark){ true, true, 2 };
	if (guess_utf16(head, false))
		return (struct mark){ .is_utf16 = true };
	if (guess_utf16(head, true))
		return (struct mark){ true, true, 0 };
	return (struct mark){ .len = 0 };
}

struct span
text_head(struct span head, uint8_t *dst)
{
	struct mark m = find_mark(head);

	head = span_sub(head, m.len, TEXT_HEAD);
	if (!m.is_utf16)
		return head;
	head.len &= ~(size_t)1;
	return span_of(dst, utf16_to_utf8(head, m.big_endian, dst));
}

void
textwin_open(struct textwin *t, struct window *w)
{
	struct mark m;

	*t = (struct textwin){ .win = w };
	window_fill(w, GUESS_UNITS * 2);
	m = find_mark(window_view(w));
	window_take(w, m.len);
	t->is_utf16 = m.is_utf16;
	t->big_endian = m.big_endian;
	t->offset = w->offset;
}

void
textwin_close(struct textwin *t)
{
	free(t->ptr);
	t->ptr = NULL;
	t->size = t->start = t->end = 0;
}

struct span
textwin_view(const struct textwin *t)
{
	if (!t->is_utf16)
		return window_view(t->win);
	return span_sub(span_of(t->ptr, t->end), t->start, SIZE_MAX);
}

bool
textwin_eof(const struct textwin *t)
{
	return t->win->eof &&
	    (!t->is_utf16 || t->win->start == t->win->end);
}

void
textwin_take(struct textwin *t, size_t n)
{
	struct span v = textwin_view(t);
	size_t units = 0;

	if (!t->is_utf16) {
		window_take(t->win, n);
		t->offset = t->win->offset;
		return;
	}
	ASSERT(n <= v.len);
	/* Every character was one unit, those of 4 bytes were two. */
	for (size_t i = 0; i < n; i++)
		units += ((v.ptr[i] & 0xc0) != 0x80) + (v.ptr[i] >= 0xf0);
	t->start += n;
	t->offset += units * 2;
}

/* Converts what lies in the window below; false when nothing more comes. */
static bool
convert(struct textwin *t, struct batch *b)
{
	struct span raw;
	size_t room;
	uint8_t *p;

	window_fill(t->win, WINDOW_BLOCK);
	raw = span_sub(window_view(t->win), 0, WINDOW_BLOCK);
	if (!t->win->eof || t->win->end - t->win->start > raw.len) {
		raw.len &= ~(size_t)1;
		/* A pair stays together: its first half waits. */
		if (raw.len >= 4 && (raw.ptr[raw.len - 1 - t->big_endian] &
		    0xfc) == 0xd8)
			raw.len -= 2;
	} else if (raw.len % 2 != 0) {
		batch_weird(b, WEIRD_TEXT_ENCODING, NULL);
	}
	if (raw.len == 0)
		return false;
	room = t->end + (raw.len + 1) / 2 * 3;
	if (room > t->size) {
		room = MAX_OF(room, t->size * 2);
		if ((p = realloc(t->ptr, room)) == NULL) {
			t->win->err = ERR_NOMEM;
			t->win->eof = true;
			return false;
		}
		t->ptr = p;
		t->size = room;
	}
	t->end += utf16_to_utf8(raw, t->big_endian, t->ptr + t->end);
	window_take(t->win, raw.len);
	return true;
}

size_t
textwin_fill(struct textwin *t, struct batch *b, size_t want)
{
	size_t have;

	if (!t->is_utf16)
		return window_fill(t->win, want);
	want = MIN_OF(want, (size_t)WINDOW_MAX);
	have = t->end - t->start;
	if (have >= want)
		return have;
	if (t->start != 0) {
		memmove(t->ptr, t->ptr + t->start, have);
		t->start = 0;
		t->end = have;
	}
	while (t->end < want && convert(t, b))
		;
	return t->end;
}

/* The rest of a line whose head was given. */
static enum line_status
skip_long(struct textwin *t, struct batch *b)
{
	for (;;) {
		struct span v = textwin_view(t);
		const uint8_t *nl = v.len == 0 ? NULL :
		    memchr(v.ptr, '\n', v.len);

		if (nl != NULL) {
			textwin_take(t, (size_t)(nl - v.ptr) + 1);
			t->in_long = false;
			return LINE_OK;
		}
		textwin_take(t, v.len);
		if (textwin_eof(t))
			return LINE_END;
		if (b->nrecords != 0)
			return LINE_WAIT;
		textwin_fill(t, b, 1);
	}
}

enum line_status
textwin_line(struct textwin *t, struct batch *b, size_t max,
    struct span *line, uint64_t *offset)
{
	enum line_status status = LINE_OK;
	const uint8_t *nl = NULL;
	struct span v;
	size_t seen = 0, taken;

	if (t->in_long && (status = skip_long(t, b)) != LINE_OK)
		return status;
	for (;;) {
		v = textwin_view(t);
		if (v.len > seen)
			nl = memchr(v.ptr + seen, '\n', v.len - seen);
		if (nl != NULL || v.len > max || textwin_eof(t))
			break;
		if (b->nrecords != 0)
			return LINE_WAIT;
		seen = v.len;
		textwin_fill(t, b, MIN_OF(v.len * 2 + WINDOW_BLOCK, max + 1));
	}
	if (nl == NULL && v.len == 0)
		return LINE_END;
	line->ptr = v.ptr;
	line->len = nl != NULL ? (size_t)(nl - v.ptr) : v.len;
	taken = line->len + (nl != NULL);
	if (line->len > max) {
		line->len = taken = max;
		t->in_long = true;
		status = LINE_LONG;
	} else if (line->len != 0 && v.ptr[line->len - 1] == '\r') {
		line->len--;
	}
	*offset = t->offset;
	textwin_take(t, taken);
	t->lines++;
	return status;
}

enum source_status
textwin_end(struct src *src)
{
	if (src->win.err == ERR_OK)
		return SOURCE_END;
	src->err = src->win.err;
	src->why = "reading stopped early";
	src->bad_offset = src->win.offset;
	return SOURCE_ERROR;
}
