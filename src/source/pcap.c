/* SPDX-License-Identifier: Apache-2.0
 *
 * pcap capture files (draft-ietf-opsawg-pcap), as written by tcpdump.
 *
 *	file	magic(4) major(2) minor(2) zone(4) sigfigs(4) snaplen(4)
 *		linktype(4)
 *	record	seconds(4) fraction(4) captured(4) on_wire(4) bytes
 *	magic	a1b2c3d4: microseconds, a1b23c4d: nanoseconds, a1b2cd34: records
 *		have 8 more bytes (Kuznetzov's patch); either byte order
 *
 * Records are views into the window.  Files may be of any size.  The snaplen
 * in the header is often wrong, so it only serves to raise the bound.
 *
 * Bounds: a record of more than RECORD_MAX bytes (or the header's snaplen up to
 * RECORD_TOP) cannot be; reading stops there.
 */
#include "source.h"

#define FILE_HEADER	24
#define RECORD_MAX	262144u		/* libpcap's MAXIMUM_SNAPLEN */
#define RECORD_TOP	(16u << 20)	/* largest that fits the window well */

struct pcap {
	bool		 big, nano;
	uint8_t		 header;	/* bytes of a record header */
	uint16_t	 link;
	uint32_t	 max;
};

static int
pcap_match(struct span head)
{
	uint32_t magic;

	if (head.len < 4)
		return 0;
	magic = load_le32(head.ptr);
	switch (magic) {
	case 0xa1b2c3d4: case 0xd4c3b2a1:
	case 0xa1b23c4d: case 0x4d3cb2a1:
	case 0xa1b2cd34: case 0x34cdb2a1:
		return 100;
	}
	return 0;
}

static inline uint32_t
get32(const struct pcap *f, const uint8_t *p)
{
	return f->big ? load_be32(p) : load_le32(p);
}

static enum err
fail(struct src *src, enum err err, const char *why)
{
	src->err = err;
	src->why = why;
	src->bad_offset = src->win.offset;
	return err;
}

static enum err
pcap_open(struct src *src, void *state)
{
	struct pcap *f = state;
	const uint8_t *h;
	uint32_t magic;

	if (window_fill(&src->win, FILE_HEADER) < FILE_HEADER)
		return src->win.err != ERR_OK ?
		    fail(src, src->win.err, "cannot read the file header") :
		    fail(src, ERR_FORMAT, "file ends inside its header");
	h = window_view(&src->win).ptr;
	f->big = h[0] == 0xa1;
	magic = get32(f, h);
	f->nano = magic == 0xa1b23c4d;
	f->header = magic == 0xa1b2cd34 ? 24 : 16;
	f->max = MIN_OF(MAX_OF(get32(f, h + 16), RECORD_MAX), RECORD_TOP);
	/* The upper half tells the length of the frame check sequence. */
	f->link = (uint16_t)get32(f, h + 20);
	window_take(&src->win, FILE_HEADER);
	return ERR_OK;
}

static inline void
put_record(struct batch *b, const struct pcap *f, struct src *src,
    const uint8_t *h, uint32_t len, uint64_t offset)
{
	struct record *r = batch_record(b);
	uint32_t fraction = get32(f, h + 4);

	r->data = span_of(h + f->header, len);
	r->whole = r->data;
	r->time = get32(f, h) * NSEC +
	    (int64_t)fraction * (f->nano ? 1 : 1000);
	r->no = ++src->records;
	r->offset = offset;
	r->wire_len = get32(f, h + 12);
	r->link = f->link;
	r->type = REC_PACKET;
	if (r->time > b->clock)
		b->clock = r->time;
}

/* Cuts what the window shows.  false: a length that cannot be. */
static bool
cut(struct src *src, struct pcap *f, struct batch *b, size_t *want)
{
	struct span v = window_view(&src->win);
	uint64_t offset = src->win.offset;
	size_t at = 0;
	bool ok = true;

	*want = f->header;
	while (b->nrecords < BATCH_RECORDS && v.len - at >= f->header) {
		uint32_t len = get32(f, v.ptr + at + 8);

		if (len > f->max) {
			ok = false;
			break;
		}
		if (len > v.len - at - f->header) {
			*want = f->header + (size_t)len;
			break;
		}
		put_record(b, f, src, v.ptr + at, len, offset + at);
		at += f->header + len;
	}
	window_take(&src->win, at);
	return ok;
}

static enum source_status
stop(struct src *src, struct batch *b, enum weird weird, const char *why)
{
	struct record bad = { .no = src->records + 1, .time = TIME_NONE,
	    .offset = src->win.offset };

	batch_weird(b, weird, &bad);
	fail(src, ERR_FORMAT, why);
	return SOURCE_ERROR;
}

static enum source_status
pcap_read(struct src *src, void *state, struct batch *b)
{
	struct pcap *f = state;
	size_t want = WINDOW_BLOCK;

	/* A whole block at once; more only for a record that is larger. */
	do {
		(void)window_fill(&src->win, want);
		if (!cut(src, f, b, &want))
			return stop(src, b, WEIRD_PCAP_BAD_RECORD,
			    "packet record with an impossible length");
		if (b->nrecords == BATCH_RECORDS)
			return SOURCE_MORE;
	} while (b->nrecords == 0 && !src->win.eof);
	if (!src->win.eof)
		return SOURCE_MORE;
	if (src->win.err != ERR_OK) {
		fail(src, src->win.err, "reading stopped early");
		return SOURCE_ERROR;
	}
	if (window_view(&src->win).len == 0)
		return SOURCE_END;
	return stop(src, b, WEIRD_FILE_TRUNCATED,
	    "file ends inside a packet record");
}

static void
pcap_close(struct src *src, void *state)
{
	(void)src;
	(void)state;
}

const struct source source_pcap = {
	.name = "pcap",
	.title = "pcap capture files",
	.doc = "Captures of tcpdump and most other programs: either byte "
	    "order, microseconds or nanoseconds, any snaplen, any size.",
	.state_size = sizeof(struct pcap),
	.rectype = REC_PACKET,
	.match = pcap_match,
	.open = pcap_open,
	.read = pcap_read,
	.close = pcap_close,
};
