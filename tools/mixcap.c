/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mixcap: the bench's mixed capture.  Lays the captures of the corpus over
 * each other in time, in as many copies as are needed, each copy with shifted
 * addresses and repaired checksums, and writes one classic pcap (little
 * endian, microseconds, Ethernet).
 *
 *	mixcap OUT CORPUSDIR [--bytes N] [--seed S] [--mean B] [--window SEC]
 *
 * --bytes   size of OUT, about (default 950,000,000)
 * --mean    mean packet that is wanted (default 400): captures that pull the
 *           mean away are left out until it is there
 * --window  captures start at random within so many seconds (default 3600)
 *
 * Owner: struct mix holds all packets of the corpus (about 100 MB) once; the
 * copies exist only while they are written.
 * Bounds: a packet of at most MAX_PACKET octets, a gap of at most MAX_GAP_US
 * inside a capture (longer ones are cut, so that the overlay stays dense),
 * MAX_SHARE of the packets from one capture.
 * The corpus is never changed, and OUT belongs outside the repository.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/walk.h"

#define MAX_PACKET	65535
#define MAX_GAP_US	INT64_C(60000000)
#define MAX_SHARE	20000		/* packets that one capture may give */
#define MAX_INTERFACES	256
#define START_TIME	INT64_C(1657500000)	/* 2022-07-11, any will do */
#define RECORD_HEAD	16
#define ETHER_HEAD	14

struct packet {
	int64_t at_us;		/* since the capture's first packet */
	size_t offset;		/* of the frame in struct mix bytes */
	uint32_t len;
	uint32_t wire_len;
};

struct capture {
	size_t first, count;	/* in struct mix packets */
	uint64_t octets;
	int left_out;
};

struct mix {
	struct buf bytes;
	struct packet *packets;
	size_t packet_count, packet_cap;
	struct capture *captures;
	size_t capture_count, capture_cap;
	struct capture now;	/* being read */
	int64_t last_us, at_us;
	size_t skipped_files;
};

/* one copy of one capture in the merge */
struct run {
	int64_t next_us;
	int64_t start_us;
	size_t position, end;
	uint32_t shift;		/* host bits to turn */
	uint32_t order;		/* breaks ties of time */
};

static void *
more(void *p, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return p;
	*cap = *cap * 2 + 1024;
	p = realloc(p, *cap * size);
	if (p == NULL) {
		fprintf(stderr, "mixcap: out of memory\n");
		exit(1);
	}
	return p;
}

static uint32_t
get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static uint32_t
get_be32(const uint8_t *p)
{
	return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[0] << 24;
}

static uint32_t
get_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p, int big)
{
	return big ? get_be32(p) : get_le32(p);
}

static uint32_t
get16(const uint8_t *p, int big)
{
	return big ? get_be16(p) : p[0] | (uint32_t)p[1] << 8;
}

/* ---- reading: every link type becomes Ethernet ---- */

/*
 * What stands before the network layer: octets to drop and the EtherType to
 * put in their place; -1 for a link type that is not carried over.
 */
static int
link_skip(unsigned link, const uint8_t *p, uint32_t len, uint32_t *type)
{
	int skip;

	switch (link) {
	case 1:					/* Ethernet, as it is */
		*type = 0;
		return len >= ETHER_HEAD ? 0 : -1;
	case 0: case 108:			/* BSD loopback */
		skip = 4;
		break;
	case 12: case 14: case 101: case 228: case 229:	/* raw IP */
		skip = 0;
		break;
	case 113:				/* Linux cooked, v1 */
		if (len < 16)
			return -1;
		*type = get_be16(p + 14);
		return 16;
	case 276:				/* Linux cooked, v2 */
		if (len < 20)
			return -1;
		*type = get_be16(p);
		return 20;
	default:
		return -1;
	}
	if (len <= (uint32_t)skip)
		return -1;
	*type = p[skip] >> 4 == 6 ? 0x86dd : 0x0800;
	return skip;
}

static void
keep(struct mix *m, unsigned link, int64_t time_us, const uint8_t *p,
    uint32_t len, uint32_t wire_len)
{
	struct packet *k;
	uint32_t type;
	int skip;

	if (m->now.count == MAX_SHARE || len > MAX_PACKET)
		return;
	skip = link_skip(link, p, len, &type);
	if (skip < 0)
		return;
	if (m->now.count != 0 && time_us > m->last_us)
		m->at_us += time_us - m->last_us < MAX_GAP_US ?
		    time_us - m->last_us : MAX_GAP_US;
	m->last_us = time_us;
	m->packets = more(m->packets, m->packet_count, &m->packet_cap,
	    sizeof(*m->packets));
	k = &m->packets[m->packet_count++];
	k->at_us = m->at_us;
	k->offset = m->bytes.len;
	if (type != 0) {
		buf_put(&m->bytes, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
		buf_be16(&m->bytes, type);
	}
	buf_put(&m->bytes, p + skip, len - (uint32_t)skip);
	k->len = (uint32_t)(m->bytes.len - k->offset);
	k->wire_len = wire_len < len ? k->len : k->len + wire_len - len;
	m->now.count++;
	m->now.octets += k->len;
}

/*
 * pcap: magic, version u16 u16, zone, sigfigs, snaplen, link u32; then
 * seconds, fraction, captured, wire length u32 each, frame
 */
static void
read_pcap(struct mix *m, const uint8_t *d, size_t len, int big, int nano,
    size_t extra)
{
	uint32_t caplen, fraction;
	unsigned link;
	size_t at = 24;

	if (len < at)
		return;
	link = get32(d + 20, big) & 0x0fffffff;
	while (len - at >= RECORD_HEAD + extra) {
		caplen = get32(d + at + 8, big);
		if (caplen > len - at - RECORD_HEAD - extra)
			break;
		fraction = get32(d + at + 4, big);
		keep(m, link, (int64_t)get32(d + at, big) * 1000000 +
		    fraction / (nano ? 1000 : 1), d + at + RECORD_HEAD +
		    extra, caplen, get32(d + at + 12, big));
		at += RECORD_HEAD + extra + caplen;
	}
}

struct interface {
	unsigned link;
	uint64_t per_second;	/* ticks */
};

/* interface description: link u16, 0 u16, snaplen u32, options */
static void
read_interface(struct interface *i, const uint8_t *p, size_t len, int big)
{
	size_t at = 8, size;
	unsigned n, code;

	i->link = get16(p, big);
	i->per_second = 1000000;
	while (len - at >= 4) {
		code = get16(p + at, big);
		size = get16(p + at + 2, big);
		if (code == 0 || size > len - at - 4)
			break;
		if (code == 9 && size == 1 && (p[at + 4] & 127) < 20) {
			i->per_second = 1;
			for (n = p[at + 4] & 127; n != 0; n--)
				i->per_second *= p[at + 4] & 128 ? 2 : 10;
		}
		size = (size + 3) & ~(size_t)3;
		if (size > len - at - 4)
			break;
		at += 4 + size;
	}
}

static void
read_enhanced(struct mix *m, const struct interface *faces, size_t count,
    const uint8_t *p, size_t len, int big)
{
	const struct interface *i;
	uint32_t id, caplen;
	uint64_t ticks;

	if (len < 20)
		return;
	id = get32(p, big);
	caplen = get32(p + 12, big);
	if (id >= count || caplen > len - 20)
		return;
	i = &faces[id];
	ticks = (uint64_t)get32(p + 4, big) << 32 | get32(p + 8, big);
	keep(m, i->link, (int64_t)(ticks / i->per_second * 1000000 +
	    ticks % i->per_second * 1000000 / i->per_second), p + 20, caplen,
	    get32(p + 16, big));
}

/* pcapng: blocks of type u32, length u32, body, length u32 */
static void
read_pcapng(struct mix *m, const uint8_t *d, size_t len)
{
	static struct interface faces[MAX_INTERFACES];
	size_t at = 0, count = 0;
	uint32_t type, size;
	int big = 0;

	while (len - at >= 12) {
		type = get32(d + at, big);
		if (type == 0x0a0d0d0a) {
			big = d[at + 8] == 0x1a;
			count = 0;
		}
		size = get32(d + at + 4, big);
		if (size < 12 || size > len - at)
			break;
		if (type == 1 && size >= 20 && count < MAX_INTERFACES)
			read_interface(&faces[count++], d + at + 8, size - 12,
			    big);
		else if (type == 6)
			read_enhanced(m, faces, count, d + at + 8, size - 12,
			    big);
		at += size;
	}
}

/* walk_visit: is it a capture, by its magic? */
static void
read_file(void *context, const char *path, const uint8_t *d, size_t len)
{
	struct mix *m = context;
	uint32_t magic;

	(void)path;
	if (len < 24)
		return;
	m->now = (struct capture){ .first = m->packet_count };
	m->at_us = 0;
	magic = get_le32(d);
	switch (magic) {
	case 0xa1b2c3d4: read_pcap(m, d, len, 0, 0, 0); break;
	case 0xd4c3b2a1: read_pcap(m, d, len, 1, 0, 0); break;
	case 0xa1b23c4d: read_pcap(m, d, len, 0, 1, 0); break;
	case 0x4d3cb2a1: read_pcap(m, d, len, 1, 1, 0); break;
	case 0xa1b2cd34: read_pcap(m, d, len, 0, 0, 8); break;
	case 0x0a0d0d0a: read_pcapng(m, d, len); break;
	default: return;
	}
	if (m->now.count == 0) {
		m->skipped_files++;
		return;
	}
	m->captures = more(m->captures, m->capture_count, &m->capture_cap,
	    sizeof(*m->captures));
	m->captures[m->capture_count++] = m->now;
}

/* ---- choosing ---- */

/* octets that a capture has beyond (or, negative, short of) the mean */
static int64_t
surplus(const struct capture *c, uint64_t mean)
{
	return (int64_t)c->octets - (int64_t)(mean * c->count);
}

/*
 * Leave out what pulls the mean away most, until it is there: that costs the
 * fewest captures, and the mix stays dense in protocols.
 */
static void
leave_out(struct mix *m, uint64_t mean)
{
	int64_t all = 0, most, one, left;
	struct capture *c, *worst;
	size_t i, out = 0;
	uint64_t octets = 0, count = 0;

	for (i = 0; i < m->capture_count; i++)
		all += surplus(&m->captures[i], mean);
	for (;;) {
		worst = NULL;
		most = 0;
		for (i = 0; i < m->capture_count; i++) {
			c = &m->captures[i];
			one = surplus(c, mean);
			if (c->left_out || (one > 0) != (all > 0))
				continue;
			if (llabs(one) > most) {
				most = llabs(one);
				worst = c;
			}
		}
		if (worst == NULL || out + 1 == m->capture_count)
			break;
		left = all - surplus(worst, mean);
		if (llabs(left) >= llabs(all))
			break;
		worst->left_out = 1;
		all = left;
		out++;
	}
	for (i = 0; i < m->capture_count; i++) {
		if (m->captures[i].left_out)
			continue;
		octets += m->captures[i].octets;
		count += m->captures[i].count;
	}
	fprintf(stderr, "mixcap: %zu captures, %zu left out for the mean; one "
	    "copy: %llu packets, %llu octets\n", m->capture_count - out, out,
	    (unsigned long long)count, (unsigned long long)octets);
}

/* ---- shifting addresses ---- */

/* RFC 1624: new = ~(~old + ~m + m'), for each 16-bit word that changed */
static void
repair(uint8_t *sum, const uint8_t *was, const uint8_t *is, size_t len)
{
	uint32_t s = ~get_be16(sum) & 0xffff;
	size_t i;

	for (i = 0; i < len; i += 2)
		s += (~get_be16(was + i) & 0xffff) + get_be16(is + i);
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	sum[0] = (uint8_t)(s >> 8);
	sum[1] = (uint8_t)s;
}

/* host bits only, so that private stays private; groups stay groups */
static void
shift4(uint8_t *a, uint32_t by)
{
	if (a[0] == 0 || a[0] == 127 || a[0] >= 224)
		return;
	/* 172.16/12 and 100.64/10 leave four more bits, 192.168/16 does not */
	if (!(a[0] == 192 && a[1] == 168) && !(a[0] == 169 && a[1] == 254))
		a[1] ^= (uint8_t)(by >> 16 & 15);
	a[2] ^= (uint8_t)(by >> 8);
	a[3] ^= (uint8_t)by;
}

static void
shift6(uint8_t *a, uint32_t by)
{
	static const uint8_t zero[15];

	if (a[0] == 0xff || memcmp(a, zero, 15) == 0)
		return;
	a[11] ^= (uint8_t)(by >> 16 & 15);
	a[12] ^= (uint8_t)(by >> 8);
	a[13] ^= (uint8_t)by;
}

/* where the checksum over the pseudo header stands, or NULL */
static uint8_t *
transport_sum(uint8_t *p, size_t len, unsigned proto, int v6)
{
	size_t at;

	if (proto == 6)
		at = 16;
	else if (proto == 17)
		at = 6;
	else if (proto == 58 && v6)
		at = 2;
	else
		return NULL;
	if (len < at + 2)
		return NULL;
	if (proto == 17 && p[at] == 0 && p[at + 1] == 0)
		return NULL;
	return p + at;
}

static void
repair_transport(uint8_t *p, size_t len, unsigned proto, int v6,
    const uint8_t *was, const uint8_t *is, size_t addresses)
{
	uint8_t *sum = transport_sum(p, len, proto, v6);

	if (sum == NULL)
		return;
	repair(sum, was, is, addresses);
	if (proto == 17 && sum[0] == 0 && sum[1] == 0)
		sum[0] = sum[1] = 0xff;
}

/*
 * IPv4 (RFC 791) and the packet that an ICMP error quotes (its checksum does
 * not move: the quoted header's own sum takes the change up).
 */
static void
shift_ip4(uint8_t *p, size_t len, uint32_t by)
{
	uint8_t was[8];
	size_t head, quoted;

	if (len < 20 || p[0] >> 4 != 4)
		return;
	head = (size_t)(p[0] & 15) * 4;
	memcpy(was, p + 12, 8);
	shift4(p + 12, by);
	shift4(p + 16, by);
	repair(p + 10, was, p + 12, 8);
	if (head < 20 || head > len || (get_be16(p + 6) & 0x1fff) != 0)
		return;
	repair_transport(p + head, len - head, p[9], 0, was, p + 12, 8);
	quoted = head + 8;
	if (p[9] == 1 && len >= quoted + 20 && (p[head] == 3 ||
	    p[head] == 11 || p[head] == 5 || p[head] == 12) &&
	    p[quoted] >> 4 == 4) {
		memcpy(was, p + quoted + 12, 8);
		shift4(p + quoted + 12, by);
		shift4(p + quoted + 16, by);
		repair(p + quoted + 10, was, p + quoted + 12, 8);
	} else if (p[9] == 4) {
		shift_ip4(p + head, len - head, by);
	}
}

/* IPv6 (RFC 8200), past hop-by-hop, routing and destination options */
static void
shift_ip6(uint8_t *p, size_t len, uint32_t by)
{
	unsigned next, hops;
	uint8_t was[32];
	size_t at = 40;

	if (len < 40 || p[0] >> 4 != 6)
		return;
	memcpy(was, p + 8, 32);
	shift6(p + 8, by);
	shift6(p + 24, by);
	next = p[6];
	for (hops = 0; hops < 8; hops++) {
		if (len < at + 8)
			return;
		if (next == 44) {
			if ((get_be16(p + at + 2) & 0xfff8) != 0)
				return;
			next = p[at];
			at += 8;
		} else if (next == 0 || next == 43 || next == 60) {
			next = p[at];
			at += ((size_t)p[at + 1] + 1) * 8;
		} else {
			break;
		}
	}
	if (at > len)
		return;
	repair_transport(p + at, len - at, next, 1, was, p + 8, 32);
	if (next == 4)
		shift_ip4(p + at, len - at, by);
}

/* ARP (RFC 826) for IPv4 over Ethernet */
static void
shift_arp(uint8_t *p, size_t len, uint32_t by)
{
	if (len < 28 || get_be16(p + 2) != 0x0800 || p[4] != 6 || p[5] != 4)
		return;
	shift4(p + 14, by);
	shift4(p + 24, by);
}

/* through VLAN tags, PPPoE and MPLS labels to the network layer */
static void
shift_frame(uint8_t *p, size_t len, uint32_t by)
{
	uint32_t type = get_be16(p + 12);
	size_t at = ETHER_HEAD;
	unsigned tags;

	for (tags = 0; tags < 8 && len >= at + 8; tags++) {
		if (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
			type = get_be16(p + at + 2);
			at += 4;
		} else if (type == 0x8864) {
			type = get_be16(p + at + 6) == 0x57 ? 0x86dd : 0x0800;
			at += 8;
		} else if (type == 0x8847) {
			if (p[at + 2] & 1)
				type = p[at + 4] >> 4 == 6 ? 0x86dd : 0x0800;
			at += 4;
		} else {
			break;
		}
	}
	if (at > len)
		return;
	if (type == 0x0800)
		shift_ip4(p + at, len - at, by);
	else if (type == 0x86dd)
		shift_ip6(p + at, len - at, by);
	else if (type == 0x0806)
		shift_arp(p + at, len - at, by);
}

/* ---- merging ---- */

static int
sooner(const struct run *a, const struct run *b)
{
	if (a->next_us != b->next_us)
		return a->next_us < b->next_us;
	return a->order < b->order;
}

static void
sift_down(struct run *heap, size_t count, size_t i)
{
	struct run moving = heap[i];
	size_t child;

	while ((child = 2 * i + 1) < count) {
		if (child + 1 < count &&
		    sooner(&heap[child + 1], &heap[child]))
			child++;
		if (!sooner(&heap[child], &moving))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

/*
 * The constant of one copy of one capture.  Captures get their own, because
 * many in the corpus use the very same addresses and ports; laid over each
 * other they would be one garbled flow.
 */
static uint32_t
constant_of(size_t capture, uint32_t copy)
{
	struct rng r = { (uint64_t)capture << 32 | copy };

	return (uint32_t)rng_next(&r) & 0xfffff;
}

/* as many runs as make so many octets of file */
static struct run *
plan(const struct mix *m, uint64_t want, uint32_t window_s, struct rng *r,
    size_t *count)
{
	uint64_t octets = 24, one_copy = 0;
	const struct capture *c;
	struct run *runs = NULL, *n;
	size_t cap = 0, i;
	uint32_t copy;

	*count = 0;
	for (i = 0; i < m->capture_count; i++)
		if (!m->captures[i].left_out)
			one_copy += m->captures[i].octets;
	for (copy = 0; one_copy != 0 && octets < want; copy++) {
		for (i = 0; i < m->capture_count && octets < want; i++) {
			c = &m->captures[i];
			if (c->left_out)
				continue;
			runs = more(runs, *count, &cap, sizeof(*runs));
			n = &runs[*count];
			n->order = (uint32_t)(*count)++;
			n->shift = constant_of(i, copy);
			n->position = c->first;
			n->end = c->first + c->count;
			n->start_us = START_TIME * 1000000 +
			    (int64_t)rng_below(r, window_s * 1000) * 1000;
			n->next_us = n->start_us;
			octets += c->octets + c->count * RECORD_HEAD;
		}
	}
	fprintf(stderr, "mixcap: %zu runs in %u copies\n", *count, copy);
	return runs;
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static int
merge(const struct mix *m, struct run *heap, size_t count, FILE *out)
{
	static const uint8_t head[24] = {
		0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff, 0, 0, 1, 0, 0, 0
	};
	static uint8_t record[RECORD_HEAD + MAX_PACKET + ETHER_HEAD];
	const struct packet *k;
	uint64_t packets = 0, octets = 0;
	struct run *r = heap;
	size_t i;

	for (i = count / 2; i-- != 0; )
		sift_down(heap, count, i);
	if (fwrite(head, 1, sizeof(head), out) != sizeof(head))
		return -1;
	while (count != 0) {
		k = &m->packets[r->position];
		put_le32(record, (uint32_t)(r->next_us / 1000000));
		put_le32(record + 4, (uint32_t)(r->next_us % 1000000));
		put_le32(record + 8, k->len);
		put_le32(record + 12, k->wire_len);
		memcpy(record + RECORD_HEAD, m->bytes.data + k->offset,
		    k->len);
		shift_frame(record + RECORD_HEAD, k->len, r->shift);
		if (fwrite(record, 1, RECORD_HEAD + k->len, out) !=
		    RECORD_HEAD + k->len)
			return -1;
		packets++;
		octets += k->len;
		if (++r->position == r->end)
			*r = heap[--count];
		else
			r->next_us = r->start_us +
			    m->packets[r->position].at_us;
		if (count != 0)
			sift_down(heap, count, 0);
	}
	fprintf(stderr, "mixcap: %llu packets, mean %llu octets\n",
	    (unsigned long long)packets, (unsigned long long)(packets == 0 ?
	    0 : octets / packets));
	return 0;
}

static int
write_mix(struct mix *m, const char *path, uint64_t want, uint32_t window_s,
    uint64_t seed)
{
	struct rng r = { seed };
	struct run *runs;
	size_t count;
	FILE *out;
	int bad;

	runs = plan(m, want, window_s, &r, &count);
	out = fopen(path, "wb");
	if (out == NULL) {
		free(runs);
		return -1;
	}
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	bad = merge(m, runs, count, out) != 0;
	bad |= fclose(out) != 0;
	free(runs);
	return bad ? -1 : 0;
}

int
main(int argc, char **argv)
{
	/* tcpdump's folder is left away: malformed by design, not a mix */
	static const char *const folders[] = {
		"arkime", "ja4", "log4shell", "suricata-verify", "zeek-traces"
	};
	uint64_t want = 950000000, seed = 1, mean = 400, window = 3600, v;
	struct mix m = { 0 };
	char path[4096];
	int i, rc = 0;

	for (i = 3; i + 1 < argc; i += 2) {
		v = strtoull(argv[i + 1], NULL, 0);
		if (strcmp(argv[i], "--bytes") == 0)
			want = v;
		else if (strcmp(argv[i], "--seed") == 0)
			seed = v;
		else if (strcmp(argv[i], "--mean") == 0)
			mean = v;
		else if (strcmp(argv[i], "--window") == 0)
			window = v;
		else
			argc = 0;
	}
	if (argc < 3 || i != argc || window == 0 || window > 4000000) {
		fprintf(stderr, "usage: mixcap OUT CORPUSDIR [--bytes N] "
		    "[--seed S] [--mean B] [--window SEC]\n");
		return 2;
	}
	for (i = 0; i < (int)(sizeof(folders) / sizeof(folders[0])); i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[2], folders[i]);
		if (walk_tree(path, read_file, &m) != 0)
			fprintf(stderr, "mixcap: %s: %s\n", path,
			    strerror(errno));
	}
	leave_out(&m, mean);
	if (m.packet_count == 0 ||
	    write_mix(&m, argv[1], want, (uint32_t)window, seed) != 0) {
		fprintf(stderr, "mixcap: %s: %s\n", argv[1],
		    m.packet_count == 0 ? "no captures" : strerror(errno));
		rc = 1;
	}
	free(m.packets);
	free(m.captures);
	buf_free(&m.bytes);
	return rc;
}
