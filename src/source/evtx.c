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
#define CHUNK		65536
#define CHUNK_HEADER	512
#define RECORD_HEADER	24
#define RECORD_MIN	28	/* header and the second size */
#define RECORD_MAGIC	0x00002a2au
#define FLAG_NO_CRC	4u
#define CHUNKS_READ	4u	/* wanted in the window: a batch's worth */

static const struct span file_magic = { (const uint8_t *)"ElfFile", 8 };
static const struct span chunk_magic = { (const uint8_t *)"ElfChnk", 8 };

struct evtx {
	uint64_t	base;		/* of chunk 0 in the file */
	uint64_t	last_id;	/* told of this chunk */
	uint32_t	pos;		/* of the next record in the chunk */
	uint32_t	free_at;	/* where the header says records end */
	bool		is_exact;	/* and nothing behind it is a record */
	bool		in_chunk;
	bool		is_first;	/* next record is the chunk's first */
	bool		is_headless;	/* the file header lies behind us */
	bool		is_done;
};

static int
evtx_match(struct span head)
{
	return span_starts(head, file_magic) ||
	    span_starts(head, chunk_magic) ? 100 : 0;
}

/* A weird of a place that is no record. */
static void
weird_at(struct batch *b, enum weird w, uint64_t offset, size_t len)
{
	const struct record r = {
		.data = { NULL, len }, .offset = offset, .time = TIME_NONE
	};

	batch_weird(b, w, &r);
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
		weird_at(b, WEIRD_EVTX_HEADER, 0, head.len);
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
	    span_starts(window_view(&src->win), chunk_magic))
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

static bool
is_zero(struct span s)
{
	return s.len == 0 ||
	    (s.ptr[0] == 0 && memcmp(s.ptr, s.ptr + 1, s.len - 1) == 0);
}

/* True when the sum of the records is right: the header knows them all. */
static bool
check_sums(struct batch *b, struct span s, uint64_t offset, uint32_t data_crc,
    uint32_t header_crc, uint32_t free_at)
{
	uint32_t crc;

	crc = libdeflate_crc32(0, s.ptr, FILE_SUMMED);
	crc = libdeflate_crc32(crc, s.ptr + 128, CHUNK_HEADER - 128);
	if (crc != header_crc)
		weird_at(b, WEIRD_EVTX_CHUNK_CRC, offset, s.len);
	if (free_at > s.len)
		return false;
	crc = libdeflate_crc32(0, s.ptr + CHUNK_HEADER,
	    free_at - CHUNK_HEADER);
	if (crc != data_crc)
		weird_at(b, WEIRD_EVTX_RECORD_CRC, offset, s.len);
	return crc == data_crc;
}

/* Looks at a chunk's header; false: nothing to be read here. */
static bool
enter_chunk(struct evtx *e, struct batch *b, struct span s, uint64_t offset)
{
	struct cursor c = cur_of(s);
	uint32_t last_at, data_crc, flags, header_crc;

	if (is_zero(s))
		return false;
	if (s.len < CHUNK_HEADER) {
		weird_at(b, WEIRD_FILE_TRUNCATED, offset, s.len);
		return false;
	}
	cur_skip(&c, 44);
	last_at = cur_le32(&c);
	e->free_at = cur_le32(&c);
	data_crc = cur_le32(&c);
	cur_skip(&c, 64);
	flags = cur_le32(&c);
	header_crc = cur_le32(&c);
	cur_skip(&c, CHUNK_HEADER - 128);
	e->is_exact = (flags & FLAG_NO_CRC) != 0;
	if (!span_starts(s, chunk_magic)) {
		weird_at(b, WEIRD_EVTX_CHUNK, offset, s.len);
		/* A chunk whose head was overwritten still has records. */
		if (cur_le32(&c) != RECORD_MAGIC)
			return false;
		e->is_exact = false;
		e->free_at = (uint32_t)s.len;
	} else if (e->free_at < CHUNK_HEADER || e->free_at > CHUNK ||
	    last_at > CHUNK) {
		weird_at(b, WEIRD_EVTX_CHUNK, offset, s.len);
		e->is_exact = false;
		e->free_at = (uint32_t)s.len;
	} else if ((flags & FLAG_NO_CRC) == 0) {
		e->is_exact = check_sums(b, s, offset, data_crc, header_crc,
		    e->free_at);
	}
	if (s.len < CHUNK)
		weird_at(b, WEIRD_FILE_TRUNCATED, offset, s.len);
	e->pos = CHUNK_HEADER;
	e->last_id = 0;
	e->is_first = true;
	return true;
}

/* The size of a plausible record at the start of s, else 0. */
static uint32_t
record_size(struct span s)
{
	struct cursor c = cur_of(s);
	uint32_t magic = cur_le32(&c), size = cur_le32(&c);

	if (!cur_ok(&c) || magic != RECORD_MAGIC || size < RECORD_MIN ||
	    size > s.len)
		return 0;
	return size;
}

/* The next place where a record with two equal sizes stands, or the end. */
static uint32_t
resync(struct span s, uint32_t pos)
{
	static const struct span magic = { (const uint8_t *)"**\0", 4 };

	for (;;) {
		struct span rest = span_sub(s, pos, s.len);
		size_t at = span_find(rest, magic);
		uint32_t size;

		if (at == SPAN_NPOS)
			return (uint32_t)s.len;
		pos += (uint32_t)at;
		rest = span_sub(s, pos, s.len);
		size = record_size(rest);
		if (size != 0 && load_le32(rest.ptr + size - 4) == size)
			return pos;
		pos += 4;
	}
}

/*
 * The next record of the chunk; its size, 0 at the end.  Behind the place
 * where the header says that free space begins lies what the buffer held
 * before, also other records.  But when the sum is wrong the header may be
 * older than the records: then those that go on with the next id are real.
 */
static uint32_t
next_record(struct evtx *e, struct batch *b, struct span s, uint64_t offset)
{
	while (e->pos < s.len) {
		struct span rest = span_sub(s, e->pos, s.len);
		uint32_t size = record_size(rest);
		bool known = e->pos < e->free_at;

		if (!known && e->is_exact)
			break;
		if (size != 0) {
			if (known || e->is_first ||
			    load_le64(rest.ptr + 8) == e->last_id + 1)
				return size;
			break;
		}
		if (!known && (rest.len < 4 ||
		    load_le32(rest.ptr) != RECORD_MAGIC))
			break;
		/* Zeroes up to the end: the header counts on space that was
		 * never written. */
		if (!is_zero(rest) && s.len == CHUNK)
			weird_at(b, WEIRD_EVTX_RECORD, offset + e->pos,
			    rest.len);
		e->pos = resync(s, MIN_OF(e->pos + 4, (uint32_t)s.len));
	}
	return 0;
}

/* Records of the chunk at the window's start; true when it is read up. */
static bool
read_chunk(struct src *src, struct evtx *e, struct batch *b, struct span s)
{
	uint64_t offset = src->win.offset;

	for (;;) {
		struct record *r;
		struct span data;
		uint32_t size;

		if (b->nrecords == BATCH_RECORDS)
			return false;
		if ((size = next_record(e, b, s, offset)) == 0)
			return true;
		r = batch_record(b);
		data = span_sub(s, e->pos, size);
		r->data = data;
		r->whole = s;
		r->no = load_le64(data.ptr + 8);
		r->time = time_from_filetime(load_le64(data.ptr + 16));
		r->offset = offset + e->pos;
		r->type = REC_EVTX;
		r->flags = e->is_first ? REC_F_FIRST : 0;
		if (load_le32(data.ptr + size - 4) != size)
			batch_weird(b, WEIRD_EVTX_RECORD, r);
		e->is_first = false;
		e->last_id = r->no;
		e->pos += size;
		src->records++;
	}
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
			e->in_chunk = enter_chunk(e, b, s, src->win.offset);
		if (e->in_chunk && !read_chunk(src, e, b, s))
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
