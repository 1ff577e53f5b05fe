/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows events as XML in text: `wevtutil qe /f:xml`, Event Viewer's "Save
 * as XML", ToXml() of Get-WinEvent, and Splunk's XmlWinEventLog.  One event a
 * line, several in a line or one over several lines, with or without <Events>
 * around them.  winevent.c reads the event itself.
 *
 * Ownership: events in one line are read in place; one over several lines is
 * gathered in st->text and copied to the batch's arena.
 * Bounds: EVENT_MAX for an event; a line by its source.
 */
#include "codec.h"
#include "decode.h"

#define EVENT_MAX	(1u << 20)	/* a record has 64 KiB */

struct winxml_state {
	struct buf	text;		/* an event that has not ended */
	struct record	first;		/* its first line */
	bool		is_open;
};

static bool
ends_name(struct span s, size_t at)
{
	return at >= s.len || s.ptr[at] == '>' || s.ptr[at] == ' ' ||
	    s.ptr[at] == '\t' || s.ptr[at] == '/';
}

/* From the next <Event> on. */
static struct span
find_event(struct span s)
{
	for (;;) {
		size_t at = span_find(s, SPAN_LIT("<Event"));

		if (at == SPAN_NPOS)
			return SPAN_NONE;
		s = span_sub(s, at, SIZE_MAX);
		if (ends_name(s, 6))
			return s;
		s = span_sub(s, 6, SIZE_MAX);
	}
}

static bool
has_end(struct span s)
{
	return span_find(s, SPAN_LIT("</Event>")) != SPAN_NPOS;
}

/* All whole events of s; gives what has begun and not ended. */
static struct span
tell_events(struct dec *dec, const struct record *rec, struct span s)
{
	while ((s = find_event(s)).len != 0 && has_end(s)) {
		struct span before = s;

		(void)dec_win_xml(dec->batch, rec, TIME_NONE, &s);
		if (s.len == 0 || s.len == before.len)
			s = span_sub(before, span_find(before,
			    SPAN_LIT("</Event>")), SIZE_MAX);
	}
	return s;
}

static void
keep(struct dec *dec, struct winxml_state *st, struct span s)
{
	buf_span(&st->text, s);
	buf_byte(&st->text, '\n');
	if (!st->text.failed)
		return;
	batch_weird(dec->batch, WEIRD_XML_BAD, &st->first);
	buf_reset(&st->text);
	st->text.failed = st->is_open = false;
}

static void
winxml_record(struct dec *dec, void *state, const struct record *rec)
{
	struct winxml_state *st = state;
	struct span rest = rec->data, whole;

	if (st->text.cap == 0)
		buf_init(&st->text, EVENT_MAX);
	if (st->is_open) {
		bool ends = has_end(rest);

		keep(dec, st, rest);
		if (!ends || !st->is_open)
			return;
		whole = arena_copy(&dec->batch->arena, buf_view(&st->text));
		if (whole.ptr == NULL)
			batch_weird(dec->batch, WEIRD_BATCH_ARENA, rec);
		rest = tell_events(dec, &st->first, whole);
	} else {
		rest = tell_events(dec, rec, rest);
	}
	/* What rest holds may lie in the buffer's copy: not in it. */
	buf_reset(&st->text);
	st->is_open = rest.len != 0;
	if (!st->is_open)
		return;
	st->first = *rec;
	st->first.data = st->first.whole = SPAN_NONE;
	keep(dec, st, rest);
}

static void
winxml_end(struct dec *dec, void *state)
{
	struct winxml_state *st = state;

	if (st->is_open)
		batch_weird(dec->batch, WEIRD_XML_BAD, &st->first);
	buf_fini(&st->text);
	*st = (struct winxml_state){ .is_open = false };
}

/* The outermost element of such a text; a declaration may come before it. */
static int
winxml_match(const struct record *rec)
{
	struct span s = span_trim(rec->data);

	if (span_starts(s, SPAN_LIT("<?xml"))) {
		size_t end = span_find(s, SPAN_LIT("?>"));

		s = end == SPAN_NPOS ? SPAN_NONE :
		    span_trim(span_sub(s, end + 2, SIZE_MAX));
	}
	if (!span_starts(s, SPAN_LIT("<Event")))
		return 0;
	if (span_starts(span_sub(s, 6, SIZE_MAX), SPAN_LIT("s")))
		return ends_name(s, 7) ? 80 : 0;
	return ends_name(s, 6) ? 80 : 0;
}

static const uint8_t winxml_kinds[] = { KIND_WINEVENT, KIND_NONE };

const struct decoder decoder_winxml = {
	.name = "winxml",
	.title = "Windows events as XML",
	.doc = "Events in the schema of Windows' event log, as wevtutil, Event "
	    "Viewer, Get-WinEvent and Splunk render them, in one line or "
	    "several.  DOCTYPE is refused.",
	.kinds = winxml_kinds,
	.state_size = sizeof(struct winxml_state),
	.rectype = REC_LINE,
	.match = winxml_match,
	.record = winxml_record,
	.end = winxml_end,
};
