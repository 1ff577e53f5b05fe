/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows event log records in any bytes: disk images, memory, slack.
 *
 * Three things are looked for, at any offset: chunks by their magic, with the
 * records that they count; behind those, records of earlier use, which the
 * chunk's templates still explain; and records on their own, whose two sizes
 * agree and whose binary XML begins as it should.  Such a record is told with
 * what it brings itself and what the lone records before it brought: a
 * template that lay elsewhere in its chunk is taken from another chunk that
 * had one of the same id, if there was one.
 *
 * A record may come up more than once, as it does on a disk; who counts events
 * counts copies once.
 *
 * Ownership: records point into the window and stay until the next read.
 * Bounds: what one look shows is the window, WANTED at least; each byte is
 * searched twice at most.
 */
#include "source.h"

#define RECORD_MIN	28u	/* header and the second size */
#define RECORD_MAX	EVTX_CHUNK
#define RECORD_MAGIC	0x00002a2au
#define XML_AT		24u	/* binary XML in a record */
#define WANTED		(8u * EVTX_CHUNK)

enum where { SEARCHING, IN_CHUNK, IN_SLACK };

struct carve {
	struct evtx_chunk chunk;
	enum where	 where;
	size_t		 len;		/* of the chunk at hand */
	/* The first of the lone records that may be of one chunk, in the
	 * window; NULL: none since that moved. */
	const uint8_t	*first;
};

static int
carve_match(struct span head)
{
	(void)head;
	return 0;		/* taken when asked for only */
}

static enum err
carve_open(struct src *src, void *state)
{
	(void)src;
	(void)state;
	return ERR_OK;
}

/* A whole record on its own at the start of s; its size, else 0. */
static uint32_t
lone_record(struct span s)
{
	struct cursor c = cur_of(s);
	uint32_t size;

	cur_skip(&c, 4);
	size = cur_le32(&c);
	if (!cur_ok(&c) || size < RECORD_MIN + 4 || size > RECORD_MAX ||
	    size > s.len || load_le32(s.ptr + size - 4) != size)
		return 0;
	/* Fragment header token, version 1.1. */
	return load_be24(s.ptr + XML_AT) == 0x0f0101 ? size : 0;
}

static void
take_lone(struct carve *k, struct batch *b, struct span data, uint64_t offset)
{
	struct record *r = batch_record(b);

	r->flags = REC_F_LONE;
	if (k->first == NULL ||
	    (size_t)(data.ptr - k->first) + data.len > EVTX_CHUNK) {
		k->first = data.ptr;
		r->flags |= REC_F_FIRST;
	}
	r->data = data;
	r->whole = span_of(k->first,
	    (size_t)(data.ptr - k->first) + data.len);
	r->no = load_le64(data.ptr + 8);
	r->time = time_from_filetime(load_le64(data.ptr + 16));
	r->offset = offset;
	r->type = REC_EVTX;
}

static size_t
nearer(struct span s, struct span magic, size_t at)
{
	size_t n = span_find(span_sub(s, 0, at == SPAN_NPOS ? SIZE_MAX :
	    at + magic.len), magic);

	return MIN_OF(n, at);
}

/* The magic alone may be a word in somebody's memory. */
static bool
has_header(struct span s)
{
	struct cursor c = cur_of(s);

	cur_skip(&c, 40);
	if (cur_le32(&c) != 128)		/* header size */
		return false;
	cur_skip(&c, 512 - 44);
	return cur_le32(&c) == RECORD_MAGIC && cur_ok(&c);
}

/*
 * How far the chunk reaches: to where another begins, as on a disk in pieces,
 * unless its checksum says that it is whole.
 */
static size_t
chunk_len(const struct carve *k, struct span s)
{
	size_t again = span_find(span_sub(s, 8, SIZE_MAX), evtx_chunk_magic);

	return again == SPAN_NPOS || k->chunk.is_exact ? s.len : again + 8;
}

/*
 * On to the next chunk or past lone records; false when the window must move
 * on first, which it may not while the batch has records.
 */
static bool
search(struct src *src, struct carve *k, struct batch *b)
{
	static const struct span record_magic = { (const uint8_t *)"**\0", 4 };
	struct window *w = &src->win;

	for (;;) {
		struct span s = window_view(w);
		size_t at = span_find(s, evtx_chunk_magic);
		uint32_t size;

		at = nearer(s, record_magic, at);
		if (at == SPAN_NPOS) {
			/* A magic may be cut by the window's end. */
			window_take(w, s.len - MIN_OF(s.len, w->eof ?
			    (size_t)0 : evtx_chunk_magic.len - 1));
			return false;
		}
		window_take(w, at);
		s = window_view(w);
		if (s.len < EVTX_CHUNK && !w->eof)
			return false;
		if (span_starts(s, evtx_chunk_magic)) {
			s = span_sub(s, 0, EVTX_CHUNK);
			if (has_header(s) && evtx_chunk_enter(&k->chunk, b,
			    s, w->offset)) {
				k->where = IN_CHUNK;
				k->len = chunk_len(k, s);
				k->first = NULL;
				return true;
			}
			window_take(w, evtx_chunk_magic.len);
		} else if ((size = lone_record(s)) != 0) {
			if (b->nrecords == BATCH_RECORDS)
				return false;
			take_lone(k, b, span_sub(s, 0, size), w->offset);
			window_take(w, size);
		} else {
			window_take(w, record_magic.len);
		}
	}
}

/* Records of the chunk at hand; false: the batch is full. */
static bool
read_chunk(struct src *src, struct carve *k, struct batch *b)
{
	struct span s = span_sub(window_view(&src->win), 0, k->len);

	if (k->where == IN_CHUNK) {
		if (!evtx_chunk_read(&k->chunk, b, s, src->win.offset))
			return false;
		k->where = IN_SLACK;
	}
	if (!evtx_slack_read(&k->chunk, b, s, src->win.offset))
		return false;
	window_take(&src->win, s.len);
	k->where = SEARCHING;
	return true;
}

static enum source_status
carve_read(struct src *src, void *state, struct batch *b)
{
	struct carve *k = state;
	size_t have = window_view(&src->win).len;

	if (have < EVTX_CHUNK && !src->win.eof) {
		k->first = NULL;
		have = window_fill(&src->win, WANTED);
	}
	while (have != 0) {
		if (k->where == SEARCHING && !search(src, k, b))
			break;
		if (k->where != SEARCHING && !read_chunk(src, k, b))
			break;
		have = window_view(&src->win).len;
		if (have < EVTX_CHUNK && !src->win.eof)
			break;
	}
	if (src->win.err != ERR_OK) {
		src->err = src->win.err;
		src->bad_offset = src->win.offset;
		src->why = "the input could not be read to its end";
		return SOURCE_ERROR;
	}
	return window_view(&src->win).len == 0 && src->win.eof ? SOURCE_END :
	    SOURCE_MORE;
}

static void
carve_close(struct src *src, void *state)
{
	(void)src;
	(void)state;
}

const struct source source_carve = {
	.name = "carve",
	.title = "Event log chunks and records in any bytes (--carve)",
	.doc = "Chunks, records of earlier use behind theirs, and records on "
	    "their own, at any offset of disk images, memory and slack.",
	.state_size = sizeof(struct carve),
	.rectype = REC_EVTX,
	.match = carve_match,
	.open = carve_open,
	.read = carve_read,
	.close = carve_close
};
