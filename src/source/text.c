/* SPDX-License-Identifier: Apache-2.0
 *
 * Text by lines: access logs, IIS logs and all else that people can read.
 * Lines end with LF or CRLF; a lone CR stays inside.  Records are numbered as
 * editors number lines; empty lines are counted but not handed on.
 *
 * Bounds: LINE_MAX_LEN; encodings and their bounds in textwin.c.
 */
#include "source.h"

#define LINE_MAX_LEN	(1u << 20)	/* servers take far less */

/* How often something that is no text may occur in text. */
#define CONTROL_SHARE	64	/* one control character in so many bytes */
#define REPLACED_SHARE	16	/* one broken unit of UTF-16 */
#define HIGH_SHARE	3	/* one byte over 0x7f, when it is no UTF-8 */

struct text_state {
	struct textwin	tw;
};

/* Length of the UTF-8 sequence at p (RFC 3629), 0 if none.  A sequence that
 * the end cuts counts as one. */
static size_t
sequence(struct span s)
{
	uint8_t c = s.ptr[0];
	size_t n = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
	    c < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n && i < s.len; i++)
		if ((s.ptr[i] & 0xc0) != 0x80)
			return 0;
	return MIN_OF(n, s.len);
}

static int
text_match(struct span head)
{
	uint8_t utf8[2 * TEXT_HEAD];
	struct span s = text_head(head, utf8);
	size_t control = 0, replaced = 0, high = 0, bad = 0, n;

	for (size_t i = 0; i < s.len; i += n) {
		uint8_t c = s.ptr[i];

		n = 1;
		if (c == 0)
			return 0;
		if (c >= 0x80) {
			n = sequence(span_sub(s, i, SIZE_MAX));
			bad += n == 0;
			n += n == 0;
			high += n;
			replaced += n == 3 &&
			    memcmp(s.ptr + i, "\xef\xbf\xbd", 3) == 0;
		} else if ((c < 0x20 && c != '\t' && c != '\n' &&
		    c != '\r' && c != '\f' && c != 0x1b) || c == 0x7f) {
			control++;
		}
	}
	if (s.len == 0 || control > s.len / CONTROL_SHARE ||
	    replaced > s.len / REPLACED_SHARE ||
	    (bad != 0 && high > s.len / HIGH_SHARE))
		return 0;
	return 10;
}

static enum err
text_open(struct src *src, void *state)
{
	struct text_state *t = state;

	textwin_open(&t->tw, &src->win);
	return ERR_OK;
}

static void
text_close(struct src *src, void *state)
{
	struct text_state *t = state;

	(void)src;
	textwin_close(&t->tw);
}

static enum source_status
text_read(struct src *src, void *state, struct batch *b)
{
	struct textwin *tw = &((struct text_state *)state)->tw;
	enum line_status status;
	uint64_t offset;
	struct span line;
	struct record *r;

	textwin_fill(tw, b, WINDOW_BLOCK / 4);
	while (b->nrecords < BATCH_RECORDS) {
		status = textwin_line(tw, b, LINE_MAX_LEN, &line, &offset);
		if (status == LINE_WAIT)
			return SOURCE_MORE;
		if (status == LINE_END)
			return textwin_end(src);
		src->records = tw->lines;
		if (line.len == 0)
			continue;
		r = batch_record(b);
		r->data = r->whole = line;
		r->time = TIME_NONE;
		r->no = tw->lines;
		r->offset = offset;
		r->type = REC_LINE;
		if (status == LINE_LONG)
			batch_weird(b, WEIRD_LINE_LONG, r);
	}
	return SOURCE_MORE;
}

const struct source source_text = {
	.name = "text",
	.title = "Text by lines",
	.doc = "Text in UTF-8, Latin-1 or UTF-16 (with or without mark), lines "
	    "ended by LF or CRLF.  Lines over 1 MiB are cut.  What looks like "
	    "binary data is not read.",
	.state_size = sizeof(struct text_state),
	.rectype = REC_LINE,
	.match = text_match,
	.open = text_open,
	.read = text_read,
	.close = text_close,
};
