/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_netflow: flows as NetFlow v5 and v9 (RFC 3954) in the UDP datagrams
 * of an exporter, in a classic pcap.
 *
 * Both directions are records of their own, as routers export them.  A flow
 * is cut at the active timeout; each piece has the bursts that fell into it.
 * Records are exported when their piece ends, so they wait in a heap: as
 * many as there are open conversations.
 */
#include <stdlib.h>
#include <string.h>

#include "traf.h"

#define EXPORTER	IP4(10, 0, 0, 1)
#define COLLECTOR	IP4(10, 0, 0, 61)
#define V5_RECORDS	30
#define V9_RECORDS	24
#define TEMPLATE_EVERY	20	/* datagrams */
#define TEMPLATE_ID	260
#define V9_RECORD	45u	/* octets, see the template */

struct record {
	int64_t first_us, last_us, due_us;
	uint64_t order;
	uint32_t src, dst, octets, packets;
	uint16_t sport, dport;
	uint8_t proto, flags;
};

struct netflow {
	struct writer w;
	int version;
	int64_t active_us, boot_us, last_us;
	struct record *heap;
	size_t count, cap;
	uint64_t order;
	struct record out[V5_RECORDS];
	unsigned nout;
	uint32_t sequence;
	unsigned datagrams;
	struct buf b;
	uint16_t ip_id;
};

/* ---- the heap ---- */

static bool
earlier(const struct record *x, const struct record *y)
{
	if (x->due_us != y->due_us)
		return x->due_us < y->due_us;
	return x->order < y->order;
}

static void
wait(struct netflow *n, const struct record *r)
{
	size_t at;

	if (n->count == n->cap) {
		n->cap = n->cap * 2 + 256;
		n->heap = realloc(n->heap, n->cap * sizeof(*r));
		if (n->heap == NULL) {
			fprintf(stderr, "traffic: out of memory\n");
			exit(1);
		}
	}
	at = n->count++;
	while (at > 0 && earlier(r, &n->heap[(at - 1) / 2])) {
		n->heap[at] = n->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	n->heap[at] = *r;
}

static struct record
take(struct netflow *n)
{
	struct record first = n->heap[0], moved = n->heap[--n->count];
	size_t at = 0, child;

	while ((child = at * 2 + 1) < n->count) {
		if (child + 1 < n->count &&
		    earlier(&n->heap[child + 1], &n->heap[child]))
			child++;
		if (!earlier(&n->heap[child], &moved))
			break;
		n->heap[at] = n->heap[child];
		at = child;
	}
	n->heap[at] = moved;
	return first;
}

/* ---- datagrams ---- */

static uint32_t
uptime_ms(const struct netflow *n, int64_t time_us)
{
	return (uint32_t)((time_us - n->boot_us) / 1000);
}

static void
put_v5(struct netflow *n, int64_t now)
{
	struct buf *b = &n->b;
	const struct record *r;

	buf_be16(b, 5);
	buf_be16(b, n->nout);
	buf_be32(b, uptime_ms(n, now));
	buf_be32(b, (uint32_t)(now / 1000000));
	buf_be32(b, (uint32_t)(now % 1000000) * 1000);
	buf_be32(b, n->sequence);
	buf_be32(b, 0);			/* engine; no sampling */
	n->sequence += n->nout;
	for (r = n->out; r < n->out + n->nout; r++) {
		buf_be32(b, r->src);
		buf_be32(b, r->dst);
		buf_be32(b, 0);		/* next hop */
		buf_be16(b, 1);
		buf_be16(b, 2);
		buf_be32(b, r->packets);
		buf_be32(b, r->octets);
		buf_be32(b, uptime_ms(n, r->first_us));
		buf_be32(b, uptime_ms(n, r->last_us));
		buf_be16(b, r->sport);
		buf_be16(b, r->dport);
		buf_u8(b, 0);
		buf_u8(b, r->flags);
		buf_u8(b, r->proto);
		buf_u8(b, 0);		/* type of service */
		buf_be32(b, 0);		/* systems */
		buf_be32(b, 0);		/* masks, padding */
	}
}

static void
put_template(struct buf *b)
{
	static const uint16_t fields[][2] = {
		{ 8, 4 }, { 12, 4 }, { 7, 2 }, { 11, 2 }, { 4, 1 }, { 6, 1 },
		{ 1, 8 }, { 2, 8 }, { 22, 4 }, { 21, 4 }, { 10, 2 },
		{ 14, 2 }, { 5, 1 }, { 61, 1 }, { 60, 1 }
	};
	size_t i, n = sizeof(fields) / sizeof(fields[0]);

	buf_be16(b, 0);
	buf_be16(b, (uint32_t)(8 + n * 4));
	buf_be16(b, TEMPLATE_ID);
	buf_be16(b, (uint32_t)n);
	for (i = 0; i < n; i++) {
		buf_be16(b, fields[i][0]);
		buf_be16(b, fields[i][1]);
	}
}

static void
put_v9(struct netflow *n, int64_t now)
{
	struct buf *b = &n->b;
	const struct record *r;
	bool template = n->datagrams % TEMPLATE_EVERY == 0;
	size_t pad = -(4 + n->nout * V9_RECORD) & 3;

	buf_be16(b, 9);
	buf_be16(b, n->nout + template);
	buf_be32(b, uptime_ms(n, now));
	buf_be32(b, (uint32_t)(now / 1000000));
	buf_be32(b, n->sequence++);
	buf_be32(b, 1);			/* source */
	if (template)
		put_template(b);
	buf_be16(b, TEMPLATE_ID);
	buf_be16(b, (uint32_t)(4 + n->nout * V9_RECORD + pad));
	for (r = n->out; r < n->out + n->nout; r++) {
		buf_be32(b, r->src);
		buf_be32(b, r->dst);
		buf_be16(b, r->sport);
		buf_be16(b, r->dport);
		buf_u8(b, r->proto);
		buf_u8(b, r->flags);
		buf_be32(b, 0);
		buf_be32(b, r->octets);
		buf_be32(b, 0);
		buf_be32(b, r->packets);
		buf_be32(b, uptime_ms(n, r->first_us));
		buf_be32(b, uptime_ms(n, r->last_us));
		buf_be16(b, 1);
		buf_be16(b, 2);
		buf_u8(b, 0);
		buf_u8(b, 0);		/* ingress */
		buf_u8(b, 4);
	}
	buf_zero(b, pad);
}

static void
poke_be(struct buf *b, size_t at, size_t v)
{
	b->data[at] = (uint8_t)(v >> 8);
	b->data[at + 1] = (uint8_t)v;
}

static void
ip_checksum(struct buf *b)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 14; i < 34; i += 2)
		sum += (uint32_t)b->data[i] << 8 | b->data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	poke_be(b, 24, ~sum & 0xffff);
}

static void
export(struct netflow *n, int64_t now)
{
	uint8_t head[16];
	struct buf *b = &n->b, h = { head, 0, sizeof(head) };

	if (n->nout == 0)
		return;
	b->len = 0;
	buf_put(b, "\x02\0\x0a\0\0\x3d\x02\0\x0a\0\0\x01\x08\0", 14);
	buf_be16(b, 0x4500);
	buf_be16(b, 0);
	buf_be16(b, n->ip_id++);
	buf_be16(b, 0);
	buf_be16(b, 64 << 8 | PROTO_UDP);
	buf_be16(b, 0);
	buf_be32(b, EXPORTER);
	buf_be32(b, COLLECTOR);
	buf_be16(b, 50000);
	buf_be16(b, 2055);
	buf_be16(b, 0);
	buf_be16(b, 0);			/* UDP without checksum */
	if (n->version == 5)
		put_v5(n, now);
	else
		put_v9(n, now);
	poke_be(b, 16, b->len - 14);
	poke_be(b, 38, b->len - 34);
	ip_checksum(b);
	buf_le32(&h, (uint32_t)(now / 1000000));
	buf_le32(&h, (uint32_t)(now % 1000000));
	buf_le32(&h, (uint32_t)b->len);
	buf_le32(&h, (uint32_t)b->len);
	fwrite(head, 1, 16, n->w.file);
	fwrite(b->data, 1, b->len, n->w.file);
	n->datagrams++;
	n->nout = 0;
}

/* a datagram goes when it is full, or a second after its first record */
static void
until(struct writer *w, int64_t time_us)
{
	struct netflow *n = w->state;
	unsigned most = n->version == 5 ? V5_RECORDS : V9_RECORDS;

	while (n->count > 0 && n->heap[0].due_us <= time_us) {
		if (n->nout > 0 && n->heap[0].due_us >
		    n->out[0].due_us + US(1))
			export(n, n->out[0].due_us + US(1));
		n->last_us = n->heap[0].due_us;
		n->out[n->nout++] = take(n);
		if (n->nout == most)
			export(n, n->last_us);
	}
}

/* ---- flows into records ---- */

/* of one piece: the first has the SYN, the last FIN or RST */
static uint8_t
tcp_flags(const struct flow *f, bool back, bool first, bool last)
{
	uint8_t flags;

	if (f->proto != PROTO_TCP)
		return 0;
	switch (f->end) {
	case END_SILENT: flags = 0x02; break;
	case END_REFUSED: return back ? 0x14 : 0x02;
	case END_RESET: flags = back ? 0x1a : 0x1e; break;
	case END_OPEN: flags = 0x1a; break;
	default: flags = 0x1b; break;
	}
	if (!first && f->end != END_SILENT)
		flags &= 0xfd;
	if (!last)
		flags &= 0xfa;
	return flags;
}

/* left: packets that come after this piece */
static void
piece(struct netflow *n, const struct flow *f, int64_t from, int64_t to,
    const uint64_t bytes[2], const uint64_t packets[2], const uint64_t left[2])
{
	const uint64_t all[2] = { f->up_pkts, f->down_pkts };
	unsigned head = f->proto == PROTO_TCP ? 40 : 28, back;
	struct record r;
	uint64_t octets;

	for (back = 0; back < 2; back++) {
		if (packets[back] == 0)
			continue;
		octets = bytes[back] + packets[back] * head;
		r = (struct record){ .first_us = f->start_us + from,
		    .last_us = f->start_us + to, .order = n->order++,
		    .src = back ? f->dst : f->src,
		    .dst = back ? f->src : f->dst,
		    .sport = back ? f->dport : f->sport,
		    .dport = back ? f->sport : f->dport,
		    .octets = octets > UINT32_MAX ? UINT32_MAX :
		    (uint32_t)octets, .packets = (uint32_t)packets[back],
		    .proto = f->proto, .flags = tcp_flags(f, back,
		    packets[back] + left[back] == all[back],
		    left[back] == 0) };
		if (f->proto == PROTO_ICMP) {	/* type, code in the port */
			r.sport = 0;
			r.dport = back ? 0 : (uint16_t)(f->sport << 8);
		}
		/* an ended TCP flow at once, others when idle for 15 s */
		r.due_us = r.last_us + (to < f->len_us ||
		    f->proto == PROTO_TCP ? 0 : US(15));
		wait(n, &r);
	}
}

/* bursts where they fall; what is in none of them goes with the last piece */
static void
shaped_pieces(struct netflow *n, const struct flow *f)
{
	uint64_t left[2] = { f->up, f->down };
	uint64_t left_pkts[2] = { f->up_pkts, f->down_pkts };
	uint64_t bytes[2] = { 0, 0 }, packets[2] = { 0, 0 };
	static const uint64_t none[2];
	int64_t from = 0, last = 0;
	struct burst_at at;
	struct bursts b;
	int back;

	bursts_begin(&b, f);
	while (bursts_next(&b, &at)) {
		if (at.at_us - from > n->active_us) {
			for (back = 0; back < 2; back++) {
				left[back] -= bytes[back];
				left_pkts[back] -= packets[back];
			}
			piece(n, f, from, last, bytes, packets, left_pkts);
			for (back = 0; back < 2; back++)
				bytes[back] = packets[back] = 0;
			from = at.at_us;
		}
		last = at.at_us;
		bytes[0] += at.up;
		bytes[1] += at.down;
		packets[0] += burst_packets(at.up, at.down);
		packets[1] += burst_packets(at.down, at.up);
	}
	piece(n, f, from, f->len_us, left, left_pkts, none);
}

/* of all, what has gone when part of whole has; the first goes at once */
static uint64_t
gone(uint64_t all, uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (all * part + whole - 1) / whole;
}

/* packets evenly over the pieces, bytes with the packets */
static void
even_pieces(struct netflow *n, const struct flow *f)
{
	const uint64_t all[2] = { f->up, f->down };
	const uint64_t pkts[2] = { f->up_pkts, f->down_pkts };
	uint64_t bytes[2], packets[2], left[2], before, after;
	int64_t k, count = f->len_us / n->active_us + 1, from, to;
	unsigned back;

	for (k = 0; k < count; k++) {
		from = k * n->active_us;
		to = k + 1 == count ? f->len_us : from + n->active_us;
		for (back = 0; back < 2; back++) {
			before = gone(pkts[back], (uint64_t)k,
			    (uint64_t)count);
			after = gone(pkts[back], (uint64_t)k + 1,
			    (uint64_t)count);
			packets[back] = after - before;
			left[back] = pkts[back] - after;
			bytes[back] = gone(all[back], after, pkts[back]) -
			    gone(all[back], before, pkts[back]);
		}
		piece(n, f, from, to, bytes, packets, left);
	}
}

static void
netflow_flow(struct writer *w, const struct flow *f, uint64_t serial)
{
	(void)serial;
	if (f->shape.kind == SHAPE_EVEN)
		even_pieces(w->state, f);
	else
		shaped_pieces(w->state, f);
}

static int
netflow_close(struct writer *w)
{
	struct netflow *n = w->state;
	int bad;

	until(w, INT64_MAX);
	export(n, n->last_us);
	bad = fflush(w->file) != 0 || ferror(w->file);
	buf_free(&n->b);
	free(n->heap);
	free(n);
	return bad ? -1 : 0;
}

struct writer *
netflow_open(FILE *file, int version, unsigned active_s, int64_t from_us)
{
	static const uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0 };
	struct netflow *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->w = (struct writer){ .flow = netflow_flow, .until = until,
	    .close = netflow_close, .file = file, .state = n };
	n->version = version;
	n->active_us = US(active_s);
	n->boot_us = from_us - US(3600);
	fwrite(head, 1, sizeof(head), file);
	return &n->w;
}
