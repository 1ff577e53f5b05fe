/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netw: see netw.h.  Formats: RFC 826 (ARP), RFC 791 (IPv4), RFC 9293 (TCP),
 * RFC 768 (UDP), RFC 792 (ICMP), draft-ietf-opsawg-pcap (file).
 */
#include "netw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSS		1460
#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_PSH		0x08
#define TCP_ACK		0x10
#define DELAYED_ACK_US	40000
#define SEGMENT_GAP_US	12

void
net_init(struct net *n, uint64_t seed)
{
	memset(n, 0, sizeof(*n));
	n->rng.state = seed;
	n->ip_id = (uint16_t)rng_below(&n->rng, 65536);
}

void
net_free(struct net *n)
{
	free(n->packets);
	buf_free(&n->bytes);
}

static void
keep(struct net *n, int64_t time_us, const struct buf *frame)
{
	struct net_packet *p;

	if (n->count == n->cap) {
		n->cap = n->cap * 2 + 256;
		n->packets = realloc(n->packets, n->cap * sizeof(*p));
		if (n->packets == NULL) {
			fprintf(stderr, "out of memory\n");
			exit(1);
		}
	}
	p = &n->packets[n->count];
	p->time_us = time_us;
	p->order = (uint32_t)n->count++;
	p->len = (uint32_t)frame->len;
	p->at = n->bytes.len;
	buf_cat(&n->bytes, frame);
}

static int
by_time(const void *a, const void *b)
{
	const struct net_packet *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

int
net_write(struct net *n, const char *path)
{
	struct buf out = { 0 };
	const struct net_packet *p;
	size_t i;
	FILE *f;
	int bad;

	qsort(n->packets, n->count, sizeof(*n->packets), by_time);
	buf_le32(&out, 0xa1b2c3d4);
	buf_le16(&out, 2);
	buf_le16(&out, 4);
	buf_le64(&out, 0);
	buf_le32(&out, 65535);
	buf_le32(&out, 1);
	for (i = 0; i < n->count; i++) {
		p = &n->packets[i];
		buf_le32(&out, (uint32_t)(p->time_us / 1000000));
		buf_le32(&out, (uint32_t)(p->time_us % 1000000));
		buf_le32(&out, p->len);
		buf_le32(&out, p->len);
		buf_put(&out, n->bytes.data + p->at, p->len);
	}
	f = fopen(path, "wb");
	if (f == NULL)
		return -1;
	bad = fwrite(out.data, 1, out.len, f) != out.len;
	bad |= fclose(f) != 0;
	buf_free(&out);
	return bad ? -1 : 0;
}

static uint32_t
sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/*
 * Locally administered MACs that carry the address, so that a reader can
 * tell hosts apart; whatever is not on the segment shows its gateway's MAC.
 */
static void
put_mac(struct buf *b, uint32_t ip, uint32_t peer)
{
	uint32_t shown = ip;
	int local = ip >> 8 == peer >> 8 || ip >> 24 == 10 ||
	    ip == IP4(192, 0, 2, 10);

	if (!local)
		shown = IP4(192, 0, 2, 1);
	else if (ip >> 8 != peer >> 8 && ip >> 24 == 10 && peer >> 24 == 10 &&
	    ip >> 8 == IP4(10, 10, 0, 0) >> 8)
		shown = IP4(10, 20, 0, 1);
	buf_be16(b, 0x0200);
	buf_be32(b, shown);
}

static unsigned
ttl_of(uint32_t ip)
{
	if (ip >> 24 == 10 || ip == IP4(192, 0, 2, 10))
		return 128;
	return (ip & 1 ? 40 : 104) + ip % 17;
}

static void
begin_ip(struct net *n, struct buf *f, uint32_t src, uint32_t dst,
    unsigned proto, size_t payload)
{
	uint16_t sum;

	put_mac(f, dst, src);
	put_mac(f, src, dst);
	buf_be16(f, 0x0800);
	buf_be16(f, 0x4500);
	buf_be16(f, (uint32_t)(20 + payload));
	buf_be16(f, n->ip_id++);
	buf_be16(f, 0x4000);			/* do not fragment */
	buf_u8(f, ttl_of(src));
	buf_u8(f, proto);
	buf_be16(f, 0);
	buf_be32(f, src);
	buf_be32(f, dst);
	sum = fold(sum16(0, f->data + 14, 20));
	f->data[24] = (uint8_t)(sum >> 8);
	f->data[25] = (uint8_t)sum;
}

/* checksum with pseudo header over what follows the IP header */
static void
end_ip(struct buf *f, unsigned proto, size_t at)
{
	uint32_t sum = 0;
	uint16_t done;

	if (proto != 1) {
		sum = sum16(0, f->data + 26, 8);
		sum += proto + (uint32_t)(f->len - 34);
	}
	done = fold(sum16(sum, f->data + 34, f->len - 34));
	if (proto == 17 && done == 0)
		done = 0xffff;
	f->data[34 + at] = (uint8_t)(done >> 8);
	f->data[35 + at] = (uint8_t)done;
}

void
net_udp(struct net *n, int64_t time_us, uint32_t src, uint16_t sport,
    uint32_t dst, uint16_t dport, const struct buf *data)
{
	struct buf f = { 0 };

	begin_ip(n, &f, src, dst, 17, 8 + data->len);
	buf_be16(&f, sport);
	buf_be16(&f, dport);
	buf_be16(&f, (uint32_t)(8 + data->len));
	buf_be16(&f, 0);
	buf_cat(&f, data);
	end_ip(&f, 17, 6);
	keep(n, time_us, &f);
	buf_free(&f);
}

void
net_ping(struct net *n, int64_t time_us, uint32_t src, uint32_t dst,
    uint16_t id, uint16_t seq, uint32_t lag_us)
{
	struct buf f = { 0 };
	unsigned reply, i;

	for (reply = 0; reply < 2; reply++) {
		f.len = 0;
		if (reply)
			begin_ip(n, &f, dst, src, 1, 8 + 32);
		else
			begin_ip(n, &f, src, dst, 1, 8 + 32);
		buf_be32(&f, reply ? 0 : 0x08000000);
		buf_be16(&f, id);
		buf_be16(&f, seq);
		for (i = 0; i < 32; i++)
			buf_u8(&f, 'a' + i % 23);
		end_ip(&f, 1, 2);
		keep(n, time_us + (reply ? lag_us : 0), &f);
	}
	buf_free(&f);
}

void
net_arp(struct net *n, int64_t time_us, uint32_t asker, uint32_t target)
{
	struct buf f = { 0 };
	unsigned reply;

	for (reply = 0; reply < 2; reply++) {
		f.len = 0;
		if (reply)
			put_mac(&f, asker, asker);
		else
			buf_put(&f, "\xff\xff\xff\xff\xff\xff", 6);
		put_mac(&f, reply ? target : asker, asker);
		buf_be16(&f, 0x0806);
		buf_put(&f, "\x00\x01\x08\x00\x06\x04", 6);
		buf_be16(&f, 1 + reply);
		put_mac(&f, reply ? target : asker, asker);
		buf_be32(&f, reply ? target : asker);
		if (reply)
			put_mac(&f, asker, asker);
		else
			buf_zero(&f, 6);
		buf_be32(&f, reply ? asker : target);
		buf_zero(&f, 60 - f.len);
		keep(n, time_us + reply * 210, &f);
	}
	buf_free(&f);
}

static void
segment(struct tcp *t, int side, unsigned flags, const uint8_t *data,
    size_t len)
{
	static const uint8_t options[] = {
		2, 4, MSS >> 8, MSS & 255, 1, 3, 3, 8, 1, 1, 4, 2
	};
	size_t extra = flags & TCP_SYN ? sizeof(options) : 0;
	struct buf f = { 0 };
	int peer = !side;

	begin_ip(t->net, &f, t->ip[side], t->ip[peer], 6, 20 + extra + len);
	buf_be16(&f, t->port[side]);
	buf_be16(&f, t->port[peer]);
	buf_be32(&f, t->seq[side]);
	buf_be32(&f, flags & TCP_ACK ? t->seq[peer] : 0);
	buf_u8(&f, (unsigned)(20 + extra) << 2);
	buf_u8(&f, flags);
	buf_be16(&f, flags & TCP_SYN ? 64240 : 1026);
	buf_be32(&f, 0);
	buf_put(&f, options, extra);
	buf_put(&f, data, len);
	end_ip(&f, 6, 16);
	keep(t->net, t->time_us, &f);
	buf_free(&f);
	t->seq[side] += (uint32_t)len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
	t->owed[side] = 0;
	t->last = side;
}

/* time goes on by what this side needs to react, or to send once more */
static void
step(struct tcp *t, int side)
{
	if (t->last == side)
		t->time_us += SEGMENT_GAP_US;
	else
		t->time_us += t->lag_us[side] +
		    rng_below(&t->net->rng, t->lag_us[side] / 8 + 1);
}

void
net_syn_unanswered(struct net *n, int64_t time_us, uint32_t src,
    uint16_t sport, uint32_t dst, uint16_t dport)
{
	struct tcp t = { .net = n, .ip = { src, dst },
	    .port = { sport, dport } };
	uint32_t isn = (uint32_t)rng_next(&n->rng);
	unsigned i;

	for (i = 0; i < 3; i++) {
		t.seq[0] = isn;
		t.time_us = time_us + (i == 0 ? 0 : i == 1 ? 1000412 : 3001077);
		segment(&t, 0, TCP_SYN, NULL, 0);
	}
}

void
net_syn_refused(struct net *n, int64_t time_us, uint32_t src, uint16_t sport,
    uint32_t dst, uint16_t dport)
{
	struct tcp t = { .net = n, .ip = { src, dst },
	    .port = { sport, dport }, .time_us = time_us };

	t.seq[0] = (uint32_t)rng_next(&n->rng);
	segment(&t, 0, TCP_SYN, NULL, 0);
	t.time_us += 300;
	segment(&t, 1, TCP_RST | TCP_ACK, NULL, 0);
}

void
tcp_open(struct tcp *t, struct net *n, int64_t time_us, uint32_t client,
    uint16_t cport, uint32_t server, uint16_t sport, uint32_t lag0_us,
    uint32_t lag1_us)
{
	memset(t, 0, sizeof(*t));
	t->net = n;
	t->ip[0] = client;
	t->ip[1] = server;
	t->port[0] = cport;
	t->port[1] = sport;
	t->seq[0] = (uint32_t)rng_next(&n->rng);
	t->seq[1] = (uint32_t)rng_next(&n->rng);
	t->lag_us[0] = lag0_us;
	t->lag_us[1] = lag1_us;
	t->time_us = time_us;
	segment(t, 0, TCP_SYN, NULL, 0);
	step(t, 1);
	segment(t, 1, TCP_SYN | TCP_ACK, NULL, 0);
	step(t, 0);
	segment(t, 0, TCP_ACK, NULL, 0);
}

static void
acknowledge(struct tcp *t, int side)
{
	step(t, side);
	segment(t, side, TCP_ACK, NULL, 0);
}

void
tcp_send(struct tcp *t, int side, const struct buf *data)
{
	size_t at = 0, len;

	while (at < data->len) {
		len = data->len - at;
		if (len > MSS)
			len = MSS;
		step(t, side);
		segment(t, side, at + len == data->len ? TCP_ACK | TCP_PSH :
		    TCP_ACK, data->data + at, len);
		at += len;
		if (++t->owed[!side] == 2)
			acknowledge(t, !side);
	}
}

void
tcp_wait_until(struct tcp *t, int64_t time_us)
{
	int side;

	for (side = 0; side < 2; side++) {
		if (t->owed[side] == 0 ||
		    t->time_us + DELAYED_ACK_US > time_us)
			continue;
		t->time_us += DELAYED_ACK_US;
		segment(t, side, TCP_ACK, NULL, 0);
	}
	if (t->time_us < time_us)
		t->time_us = time_us;
}

void
tcp_wait(struct tcp *t, uint32_t us)
{
	tcp_wait_until(t, t->time_us + us);
}

void
tcp_close(struct tcp *t, int side)
{
	step(t, side);
	segment(t, side, TCP_FIN | TCP_ACK, NULL, 0);
	step(t, !side);
	segment(t, !side, TCP_FIN | TCP_ACK, NULL, 0);
	step(t, side);
	segment(t, side, TCP_ACK, NULL, 0);
}
