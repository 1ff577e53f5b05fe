/* SPDX-License-Identifier: Apache-2.0
 *
 * pcapng capture files (draft-ietf-opsawg-pcapng), as written by Wireshark.
 *
 *	block	type(4) length(4) body length(4); lengths count the whole
 *		block and are multiples of 4
 *	0a0d0d0a section header: byte order 1a2b3c4d(4) major(2) minor(2)
 *		section length(8) options; starts a new set of interfaces
 *	1 interface: linktype(2) 0(2) snaplen(4) options
 *	6 enhanced packet: interface(4) time(4+4) captured(4) on_wire(4) bytes
 *	3 simple packet: on_wire(4) bytes; interface 0, no time
 *	2 packet (obsolete): interface(2) drops(2) time(4+4) captured(4)
 *		on_wire(4) bytes
 *	option	code(2) length(2) value, padded to 4; 0 ends
 *	9 if_tsresol: 10^-n, or 2^-n with the top bit; 14 if_tsoffset: seconds
 *
 * All other blocks and options (names, statistics, comments, secrets, custom)
 * are passed over; blocks that Wireshark shows as frames count as records, so
 * that numbers agree.
 *
 * Ownership: records are views into the window; the interfaces are ours.
 * Bounds: BLOCK_MAX for blocks that are read, INTERFACES_MAX a section.
 */
#include <stdlib.h>

#include "source.h"

#define BLOCK_MAX	(16u << 20)	/* of header and packet blocks */
#define INTERFACES_MAX	4096		/* 64 KB; real captures have a few */
/* Times beyond this (year 2255) are broken; in ns they fit 64 bits, with room
 * for arithmetic. */
#define SECONDS_MAX	INT64_C(9000000000)

enum block_type {
	BT_INTERFACE = 1, BT_PACKET = 2, BT_SIMPLE = 3, BT_ENHANCED = 6,
	BT_JOURNAL = 9, BT_SYSDIG_EVENT = 0x204, BT_SYSDIG_EVENT_FLAGS = 0x208,
	BT_SYSDIG_EVENT_V2 = 0x216, BT_SYSDIG_EVENT_V2_LARGE = 0x221,
	BT_SECTION = 0x0a0d0d0a
};

struct interface {
	uint16_t	 link;
	uint8_t		 resolution;	/* if_tsresol as it is */
	uint32_t	 snaplen;	/* 0: none */
	int64_t		 offset;	/* seconds */
};

struct pcapng {
	struct interface *interface;	/* of this section */
	uint32_t	 ninterfaces, allocated;
	uint64_t	 skip;		/* of a block that is not read */
	bool		 big;
	const char	*why;		/* what is wrong with a block */
};

static int
pcapng_match(struct span head)
{
	if (head.len < 12 || load_le32(head.ptr) != BT_SECTION)
		return 0;
	return load_le32(head.ptr + 8) == 0x1a2b3c4d ||
	    load_be32(head.ptr + 8) == 0x1a2b3c4d ? 100 : 0;
}

static inline uint16_t
get16(const struct pcapng *f, const uint8_t *p)
{
	return f->big ? load_be16(p) : load_le16(p);
}

static inline uint32_t
get32(const struct pcapng *f, const uint8_t *p)
{
	return f->big ? load_be32(p) : load_le32(p);
}

/* -- time ---------------------------------------------------------------- */

static int64_t
to_time(const struct interface *i, uint64_t ticks)
{
	unsigned n = i->resolution & 0x7f;
	uint64_t seconds, ns;
	int64_t total;

	if (i->resolution & 0x80) {
		if (n > 63)
			return TIME_NONE;
		seconds = ticks >> n;
		ns = (uint64_t)(((unsigned __int128)(ticks & ((UINT64_C(1) <<
		    n) - 1)) * (uint64_t)NSEC) >> n);
	} else {
		uint64_t unit = 1;

		if (n > 19)
			return TIME_NONE;
		for (unsigned k = 0; k < n; k++)
			unit *= 10;
		seconds = ticks / unit;
		ns = (uint64_t)((unsigned __int128)(ticks % unit) *
		    (uint64_t)NSEC / unit);
	}
	if (seconds > SECONDS_MAX)
		return TIME_NONE;
	total = (int64_t)seconds + i->offset;
	if (total >= SECONDS_MAX || total < -SECONDS_MAX)
		return TIME_NONE;
	return total * NSEC + (int64_t)ns;
}

/* -- blocks -------------------------------------------------------------- */

/* Body of a section header block, from the byte order mark on. */
static bool
section(struct pcapng *f, struct cursor *c)
{
	cur_skip(c, 4);			/* the mark was looked at before */
	if ((f->big ? cur_be16(c) : cur_le16(c)) != 1 || !cur_ok(c)) {
		f->why = "section of a version that is not read";
		return false;
	}
	f->ninterfaces = 0;
	return true;
}

static void
interface_options(struct pcapng *f, struct cursor *c, struct interface *i)
{
	while (c->left >= 4) {
		const uint8_t *h = cur_gate(c, 4);
		uint16_t code = get16(f, h), len = get16(f, h + 2);
		struct span v = cur_take(c, len);
		uint64_t offset;

		if (code == 0 || !cur_ok(c))
			return;
		if (code == 9 && len == 1)
			i->resolution = v.ptr[0];
		if (code == 14 && len == 8) {
			offset = f->big ? load_be64(v.ptr) : load_le64(v.ptr);
			i->offset = (int64_t)offset;
			if (i->offset > SECONDS_MAX ||
			    i->offset < -SECONDS_MAX)
				i->offset = 0;
		}
		cur_skip(c, MIN_OF((size_t)(-len & 3), c->left));
	}
}

static bool
interface(struct pcapng *f, struct cursor *c)
{
	const uint8_t *h = cur_gate(c, 8);
	struct interface *grown;
	uint32_t n;

	if (h == NULL || f->ninterfaces == INTERFACES_MAX) {
		f->why = h == NULL ? "interface block that is too short" :
		    "too many interfaces";
		return false;
	}
	if (f->ninterfaces == f->allocated) {
		n = f->allocated == 0 ? 4 : f->allocated * 2;
		grown = realloc(f->interface, n * sizeof(*grown));
		if (grown == NULL) {
			f->why = "out of memory";
			return false;
		}
		f->interface = grown;
		f->allocated = n;
	}
	f->interface[f->ninterfaces] = (struct interface){
		.link = get16(f, h), .snaplen = get32(f, h + 4),
		.resolution = 6
	};
	interface_options(f, c, &f->interface[f->ninterfaces]);
	f->ninterfaces++;
	return true;
}

struct packet_block {
	uint32_t	 interface, captured, wire;
	uint64_t	 ticks;
	bool		 timed;
};

static bool
packet_block(struct pcapng *f, uint32_t type, struct cursor *c,
    struct packet_block *p)
{
	const uint8_t *h = cur_gate(c, type == BT_SIMPLE ? 4 : 20);

	if (h == NULL)
		return false;
	if (type == BT_SIMPLE) {
		*p = (struct packet_block){ .wire = get32(f, h) };
		p->captured = (uint32_t)MIN_OF(c->left, p->wire);
		if (f->ninterfaces > 0 && f->interface[0].snaplen != 0)
			p->captured = MIN_OF(p->captured,
			    f->interface[0].snaplen);
		return true;
	}
	p->interface = type == BT_PACKET ? get16(f, h) : get32(f, h);
	p->ticks = (uint64_t)get32(f, h + 4) << 32 | get32(f, h + 8);
	p->captured = get32(f, h + 12);
	p->wire = get32(f, h + 16);
	p->timed = true;
	return true;
}

/* A block that carries a packet: a record, or a weird. */
static void
packet(struct pcapng *f, struct src *src, struct batch *b, uint32_t type,
    struct cursor c, uint64_t offset)
{
	struct packet_block p;
	struct record *r = batch_record(b);
	bool ok = packet_block(f, type, &c, &p);

	r->no = ++src->records;
	r->offset = offset;
	r->type = REC_PACKET;
	r->time = TIME_NONE;
	if (!ok || p.interface >= f->ninterfaces || p.captured > c.left) {
		batch_weird(b, WEIRD_PCAPNG_BAD_BLOCK, r);
		b->nrecords--;
		return;
	}
	r->data = cur_take(&c, p.captured);
	r->whole = r->data;
	r->wire_len = p.wire;
	r->link = f->interface[p.interface].link;
	if (p.timed)
		r->time = to_time(&f->interface[p.interface], p.ticks);
	if (r->time > b->clock)
		b->clock = r->time;
}

/* One whole block.  false: the section cannot be read on. */
static bool
block(struct pcapng *f, struct src *src, struct batch *b, uint32_t type,
    struct span all)
{
	struct cursor c = cur_of(span_sub(all, 8, all.len - 12));

	switch (type) {
	case BT_SECTION:
		return section(f, &c);
	case BT_INTERFACE:
		return interface(f, &c);
	case BT_PACKET:
	case BT_SIMPLE:
	case BT_ENHANCED:
		packet(f, src, b, type, c, src->win.offset);
		break;
	}
	return true;
}

/* -- reading ------------------------------------------------------------- */

static enum err
fail(struct src *src, enum err err, const char *why)
{
	src->err = err;
	src->why = why;
	src->bad_offset = src->win.offset;
	return err;
}

static enum err
pcapng_open(struct src *src, void *state)
{
	(void)state;
	if (window_fill(&src->win, 28) < 28)
		return src->win.err != ERR_OK ?
		    fail(src, src->win.err, "cannot read the file header") :
		    fail(src, ERR_FORMAT, "file ends inside its header");
	return ERR_OK;
}

static bool
is_read(uint32_t type)
{
	return type == BT_SECTION || type == BT_INTERFACE ||
	    type == BT_PACKET || type == BT_SIMPLE || type == BT_ENHANCED;
}

static bool
is_frame(uint32_t type)
{
	return type == BT_JOURNAL || type == BT_SYSDIG_EVENT ||
	    type == BT_SYSDIG_EVENT_FLAGS || type == BT_SYSDIG_EVENT_V2 ||
	    type == BT_SYSDIG_EVENT_V2_LARGE;
}

/* The head of the next block: 0 when more bytes are needed to tell, else its
 * length; f->why is set when it cannot be. */
static uint32_t
block_head(struct pcapng *f, struct span v, uint32_t *type)
{
	uint32_t len;

	if (v.len < 12)
		return 0;
	*type = get32(f, v.ptr);
	if (*type == BT_SECTION) {	/* reads the same in either order */
		if (load_le32(v.ptr + 8) == 0x1a2b3c4d)
			f->big = false;
		else if (load_be32(v.ptr + 8) == 0x1a2b3c4d)
			f->big = true;
		else {
			f->why = "section without byte order mark";
			return 0;
		}
	}
	len = get32(f, v.ptr + 4);
	if (len < 12 || len % 4 != 0 || (is_read(*type) && len > BLOCK_MAX)) {
		f->why = "block with an impossible length";
		return 0;
	}
	return len;
}

/* Cuts what the window shows; *want says how much the next block needs. */
static void
cut(struct src *src, struct pcapng *f, struct batch *b, size_t *want)
{
	*want = 12;
	while (b->nrecords < BATCH_RECORDS) {
		struct span v = window_view(&src->win);
		uint32_t type = 0, len;

		if (f->skip != 0) {
			size_t n = (size_t)MIN_OF(f->skip, v.len);

			window_take(&src->win, n);
			f->skip -= n;
			if (f->skip != 0) {
				*want = 1;
				return;
			}
			continue;
		}
		len = block_head(f, v, &type);
		if (len == 0)
			return;
		if (!is_read(type)) {
			src->records += is_frame(type);
			f->skip = len;
			continue;
		}
		if (len > v.len) {
			*want = len;
			return;
		}
		if (get32(f, v.ptr + len - 4) != len) {
			f->why = "block whose two lengths differ";
			return;
		}
		if (!block(f, src, b, type, span_sub(v, 0, len)))
			return;
		window_take(&src->win, len);
	}
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
pcapng_read(struct src *src, void *state, struct batch *b)
{
	struct pcapng *f = state;
	size_t want = WINDOW_BLOCK;

	do {
		(void)window_fill(&src->win, want);
		cut(src, f, b, &want);
		if (f->why != NULL)
			return stop(src, b, WEIRD_PCAPNG_BAD_BLOCK, f->why);
		if (b->nrecords == BATCH_RECORDS)
			return SOURCE_MORE;
	} while (b->nrecords == 0 && !src->win.eof);
	if (!src->win.eof)
		return SOURCE_MORE;
	if (src->win.err != ERR_OK) {
		fail(src, src->win.err, "reading stopped early");
		return SOURCE_ERROR;
	}
	if (window_view(&src->win).len == 0 && f->skip == 0)
		return SOURCE_END;
	return stop(src, b, WEIRD_FILE_TRUNCATED, "file ends inside a block");
}

static void
pcapng_close(struct src *src, void *state)
{
	struct pcapng *f = state;

	(void)src;
	free(f->interface);
}

const struct source source_pcapng = {
	.name = "pcapng",
	.title = "pcapng capture files",
	.doc = "Captures of Wireshark: several sections in either byte order, "
	    "several interfaces with their own link type, resolution and time "
	    "offset; comments and other blocks are passed over.",
	.state_size = sizeof(struct pcapng),
	.rectype = REC_PACKET,
	.match = pcapng_match,
	.open = pcapng_open,
	.read = pcapng_read,
	.close = pcapng_close,
};
