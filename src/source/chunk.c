/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks of Windows event logs, for the sources that find them: evtx.c, which
 * tells the layout, and carve.c.
 *
 * Nothing of a chunk's header is trusted: records follow from their own magic
 * and size.  Checksums are verified and told, never a reason to skip.
 *
 * Ownership: records point into the caller's span.  Bounds: a chunk is 64 KiB,
 * a record takes 28 bytes of it at least.
 */
#include <libdeflate.h>

#include "source.h"

#define SUMMED		120	/* bytes of a header under its checksum */
#define CHUNK_HEADER	512
#define RECORD_MIN	28	/* header and the second size */
#define RECORD_MAGIC	0x00002a2au
#define FLAG_NO_CRC	4u

const struct span evtx_chunk_magic = { (const uint8_t *)"ElfChnk", 8 };

void
evtx_weird(struct batch *b, enum weird w, uint64_t offset, size_t len)
{
	const struct record r = {
		.data = { NULL, len }, .offset = offset, .time = TIME_NONE
	};

	batch_weird(b, w, &r);
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

	crc = libdeflate_crc32(0, s.ptr, SUMMED);
	crc = libdeflate_crc32(crc, s.ptr + 128, CHUNK_HEADER - 128);
	if (crc != header_crc)
		evtx_weird(b, WEIRD_EVTX_CHUNK_CRC, offset, s.len);
	if (free_at > s.len)
		return false;
	crc = libdeflate_crc32(0, s.ptr + CHUNK_HEADER,
	    free_at - CHUNK_HEADER);
	if (crc != data_crc)
		evtx_weird(b, WEIRD_EVTX_RECORD_CRC, offset, s.len);
	return crc == data_crc;
}

bool
evtx_chunk_enter(struct evtx_chunk *e, struct batch *b, struct span s,
    uint64_t offset)
{
	struct cursor c = cur_of(s);
	uint32_t last_at, data_crc, flags, header_crc;

	if (is_zero(s))
		return false;
	if (s.len < CHUNK_HEADER) {
		evtx_weird(b, WEIRD_FILE_TRUNCATED, offset, s.len);
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
	if (!span_starts(s, evtx_chunk_magic)) {
		evtx_weird(b, WEIRD_EVTX_CHUNK, offset, s.len);
		/* A chunk whose head was overwritten still has records. */
		if (cur_le32(&c) != RECORD_MAGIC)
			return false;
		e->is_exact = false;
		e->free_at = (uint32_t)s.len;
	} else if (e->free_at < CHUNK_HEADER || e->free_at > EVTX_CHUNK ||
	    last_at > EVTX_CHUNK) {
		evtx_weird(b, WEIRD_EVTX_CHUNK, offset, s.len);
		e->is_exact = false;
		e->free_at = (uint32_t)s.len;
	} else if ((flags & FLAG_NO_CRC) == 0) {
		e->is_exact = check_sums(b, s, offset, data_crc, header_crc,
		    e->free_at);
	}
	if (s.len < EVTX_CHUNK)
		evtx_weird(b, WEIRD_FILE_TRUNCATED, offset, s.len);
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
next_record(struct evtx_chunk *e, struct batch *b, struct span s,
    uint64_t offset)
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
		if (!is_zero(rest) && s.len == EVTX_CHUNK)
			evtx_weird(b, WEIRD_EVTX_RECORD, offset + e->pos,
			    rest.len);
		e->pos = resync(s, MIN_OF(e->pos + 4, (uint32_t)s.len));
	}
	return 0;
}

/* A record of the batch for the one at e->pos. */
static void
take_record(struct evtx_chunk *e, struct batch *b, struct span s,
    uint64_t offset, uint32_t size)
{
	struct record *r = batch_record(b);
	struct span data = span_sub(s, e->pos, size);

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
}

bool
evtx_chunk_read(struct evtx_chunk *e, struct batch *b, struct span s,
    uint64_t offset)
{
	for (;;) {
		uint32_t size;

		if (b->nrecords == BATCH_RECORDS)
			return false;
		if ((size = next_record(e, b, s, offset)) == 0)
			return true;
		take_record(e, b, s, offset, size);
	}
}

bool
evtx_slack_read(struct evtx_chunk *e, struct batch *b, struct span s,
    uint64_t offset)
{
	for (;;) {
		if (b->nrecords == BATCH_RECORDS)
			return false;
		if ((e->pos = resync(s, e->pos)) >= s.len)
			return true;
		take_record(e, b, s, offset,
		    record_size(span_sub(s, e->pos, s.len)));
	}
}
