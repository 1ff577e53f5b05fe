/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows event log files (EVTX 3.0 to 3.2): one record of the log a record.
 *
 * Layout, integers little endian (format notes of libevtx; MS-EVEN6 has the
 * binary XML, which src/decode/evtx.c reads):
 *
 *	0	file header, a block of 4096 bytes:
 *		0  "ElfFile\0"		8  first chunk		16 last chunk
 *		24 next record id	32 header size:4 128
 *		36 minor:2 major:2	40 block size:2 4096	42 chunks:2
 *		120 flags:4 (1 dirty, 2 full, 4 no CRC)
 *		124 CRC-32 of 0..119
 *	4096 + 65536 n	chunk n:
 *		0  "ElfChnk\0"		8  first, last record number
 *		24 first, last record id			40 header size:4
 *		44 last record at:4	48 free space at:4
 *		52 CRC-32 of 512..free space		120 flags:4
 *		124 CRC-32 of 0..119 and 128..511
 *		128 64 string offsets	384 32 template offsets
 *		512 records: "**\0\0", size:4, id:8, FILETIME:8, binary XML,
 *		    size:4
 *
 * Nothing of the headers is trusted.  Chunks follow from the size of the file
 * (a file copied from a running system says it has none, and its last chunk's
 * free space is out of date); records from their own magic and size.  A block
 * of zeroes is unused space.  Checksums are verified and told, never a reason
 * to skip.
 *
 * Ownership: records point into the window and stay until the next read.
 * Bounds: a chunk is 64 KiB; each record takes 28 bytes of it at least.
 */
#include <libdeflate.h>
#include <unistd.h>

#include "source.h"

#define FILE_HEADER	4096
#define FILE_SUMMED	120
#define CHUNK		EVTX_CHUNK
#define FLAG_NO_CRC	4u
#define CHUNKS_READ	4u	/* wanted in the window: a batch's worth */

static const struct span file_magic = { (const uint8_t *)"ElfFile", 8 };

struct evtx {
	struct evtx_chunk chunk;
	uint64_t	base;		/* of chunk 0 in the file */
	bool		in_chunk;
	bool		is_headless;	/* the file header lies behind us */
	bool		is_done;
};

static int
evtx_match(struct span head)
{
	return span_starts(head, file_magic) ||
	    span_starts(head, evtx_chunk_magic) ? 100 : 0;
}

/* Chunks are cut from the file's start, so the part that holds the header is
 * the one that starts at 0. */
static void
check_file_header(const struct src *src, struct batch *b, struct span head)
{
	struct cursor c = cur_of(head);
	unsigned major, block, chunks;
	uint32_t flags, crc;
	bool bad;

	cur_skip(&c, 38);
	major = cur_le16(&c);
	block = cur_le16(&c);
	chunks = cur_le16(&c);
	cur_skip(&c, 76);
	flags = cur_le32(&c);
	crc = cur_le32(&c);
	bad = !cur_ok(&c) || major != 3 || block != FILE_HEADER;
	if (!bad && (flags & FLAG_NO_CRC) == 0)
		bad = libdeflate_crc32(0, head.ptr, FILE_SUMMED) != crc;
	/* More chunks than there are bytes for: cut off. */
	if (!bad && src->win.in->size != UINT64_MAX)
		bad = src->win.in->size < FILE_HEADER +
		    (uint64_t)chunks * CHUNK;
	if (bad)
		evtx_weird(b, WEIRD_EVTX_HEADER, 0, head.len);
}

/* Moves the window on to an offset of the input: by seeking when it can,
 * else by reading through.  Short of it only at the end of the input. */
static enum err
move_to(struct src *src, uint64_t target)
{
	struct window *w = &src->win;

	while (w->offset < target) {
		size_t have = window_view(w).len;
		uint64_t gap = target - w->offset;

		if (have == 0 && w->in->fd >= 0 && gap <= INT64_MAX) {
			if (lseek(w->in->fd, (off_t)target, SEEK_SET) < 0)
				return ERR_READ;
			w->in->pos = target;
			w->offset = target;
			w->eof = false;
			return ERR_OK;
		}
		if (have == 0 && (have = window_fill(w, 1)) == 0)
			return w->err;
		window_take(w, (size_t)MIN_OF((uint64_t)have, gap));
	}
	return ERR_OK;
}

/* To the first chunk whose first byte lies in this part. */
static enum err
evtx_open(struct src *src, void *state)
{
	struct evtx *e = state;
	uint64_t n = 0;

	/* The head of a file that begins with a chunk (carved, or cut out). */
	e->base = FILE_HEADER;
	if (window_fill(&src->win, 8) >= 8 &&
	    span_starts(window_view(&src->win), evtx_chunk_magic))
		e->base = 0;
	e->is_headless = src->part_start != 0 || e->base == 0;
	if (!e->is_headless)
		return ERR_OK;
	if (src->part_start > e->base)
		n = (src->part_start - e->base + CHUNK - 1) / CHUNK;
	return move_to(src, e->base + n * CHUNK);
}

/* The file header, once and by the part that it lies in. */
static enum err
skip_file_header(struct src *src, struct evtx *e, struct batch *b)
{
	e->is_headless = true;
	(void)window_fill(&src->win, FILE_HEADER);
	check_file_header(src, b, span_sub(window_view(&src->win), 0,
	    FILE_HEADER));
	return move_to(src, e->base);
}

static enum source_status
evtx_end(struct src *src, struct evtx *e)
{
	e->is_done = true;
	if (src->err == ERR_OK)
		src->err = src->win.err;
	if (src->err == ERR_OK)
		return SOURCE_END;
	src->bad_offset = src->win.offset;
	src->why = "the event log could not be read to its end";
	return SOURCE_ERROR;
}

static enum source_status
evtx_read(struct src *src, void *state, struct batch *b)
{
	struct evtx *e = state;
	struct span s;
	size_t have;

	if (e->is_done)
		return SOURCE_END;
	if (!e->is_headless &&
	    (src->err = skip_file_header(src, e, b)) != ERR_OK)
		return evtx_end(src, e);
	/* What the window shows moves here only; so chunks after the first
	 * are taken as long as they lie in it whole. */
	have = window_view(&src->win).len;
	if (have < CHUNK)
		have = window_fill(&src->win, CHUNKS_READ * CHUNK);
	do {
		if (have == 0 || src->win.offset >= src->part_end)
			return evtx_end(src, e);
		s = span_sub(window_view(&src->win), 0, CHUNK);
		if (!e->in_chunk)
			e->in_chunk = evtx_chunk_enter(&e->chunk, b, s,
			    src->win.offset);
		if (e->in_chunk && !evtx_chunk_read(&e->chunk, b, s,
		    src->win.offset))
			return SOURCE_MORE;
		e->in_chunk = false;
		window_take(&src->win, s.len);
		have -= s.len;
	} while (have >= CHUNK);
	return SOURCE_MORE;
}

static void
evtx_close(struct src *src, void *state)
{
	(void)src;
	(void)state;
}

const struct source source_evtx = {
	.name = "evtx",
	.title = "Windows event log files",
	.doc = "EVTX 3.0 to 3.2, also of running systems, cut or damaged: "
	    "chunks follow from the file's size, records from their own "
	    "magic; checksums are told, not obeyed.",
	.state_size = sizeof(struct evtx),
	.rectype = REC_EVTX,
	.cut = CHUNK,
	.match = evtx_match,
	.open = evtx_open,
	.read = evtx_read,
	.close = evtx_close
};
