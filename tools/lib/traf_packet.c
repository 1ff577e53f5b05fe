/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_packet: flows as packets in a classic pcap: handshakes of the
 * protocols as lib/proto*.c makes them, then filler.
 *
 * A conversation is made whole when it begins and its packets wait in a heap
 * of conversations for their time; memory is that of open conversations, each
 * cut to the cap of payload: the bytes in packets are fewer than the flow
 * says where it says more.
 */
#include <stdlib.h>
#include <string.h>

#include "proto.h"
#include "traf.h"

#define ROUNDS_MAX	6	/* exchanges of a flow without bursts */
#define REALM		"CORP.EXAMPLE"

struct play {			/* an open conversation */
	struct net net;
	size_t at;
	uint64_t order;
};

struct packets {
	struct writer w;
	uint64_t cap;
	struct rng rng;
	struct ssf_keys keys;
	struct play **heap;
	size_t count, heap_cap;
	uint64_t order;
};

/* a conversation in the making */
struct talk {
	struct packets *p;
	const struct flow *f;
	struct tcp t;
	struct rng *rng;
	struct buf b;
	uint64_t left;		/* of the cap */
	bool tls;		/* filler as records */
};

/* ---- the heap ---- */

static bool
sooner(const struct play *x, const struct play *y)
{
	int64_t a = x->net.packets[x->at].time_us;
	int64_t b = y->net.packets[y->at].time_us;

	return a != b ? a < b : x->order < y->order;
}

static void
sift_down(struct packets *p)
{
	struct play *moved = p->heap[0];
	size_t at = 0, child;

	while ((child = at * 2 + 1) < p->count) {
		if (child + 1 < p->count &&
		    sooner(p->heap[child + 1], p->heap[child]))
			child++;
		if (!sooner(p->heap[child], moved))
			break;
		p->heap[at] = p->heap[child];
		at = child;
	}
	p->heap[at] = moved;
}

static void
wait_turn(struct packets *p, struct play *play)
{
	size_t at;

	if (p->count == p->heap_cap) {
		p->heap_cap = p->heap_cap * 2 + 256;
		p->heap = realloc(p->heap, p->heap_cap * sizeof(*p->heap));
		if (p->heap == NULL) {
			fprintf(stderr, "traffic: out of memory\n");
			exit(1);
		}
	}
	at = p->count++;
	while (at > 0 && sooner(play, p->heap[(at - 1) / 2])) {
		p->heap[at] = p->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	p->heap[at] = play;
}

static void
write_packet(struct packets *p, const struct net *n, size_t at)
{
	const struct net_packet *k = &n->packets[at];
	uint8_t head[16];
	struct buf h = { head, 0, sizeof(head) };

	buf_le32(&h, (uint32_t)(k->time_us / 1000000));
	buf_le32(&h, (uint32_t)(k->time_us % 1000000));
	buf_le32(&h, k->len);
	buf_le32(&h, k->len);
	fwrite(head, 1, sizeof(head), p->w.file);
	fwrite(n->bytes.data + k->at, 1, k->len, p->w.file);
}

static void
packets_until(struct writer *w, int64_t time_us)
{
	struct packets *p = w->state;
	struct play *play;

	while (p->count > 0) {
		play = p->heap[0];
		if (play->net.packets[play->at].time_us >= time_us)
			return;
		write_packet(p, &play->net, play->at);
		if (++play->at == play->net.count) {
			net_free(&play->net);
			free(play);
			p->heap[0] = p->heap[--p->count];
			if (p->count == 0)
				return;
		}
		sift_down(p);
	}
}

/* ---- filler ---- */

/* A binary frame, RFC 6455 5.2; the client's with a key of zeroes. */
static void
websocket_frame(struct buf *b, int side, size_t len)
{
	buf_u8(b, 0x82);
	buf_u8(b, (side == 0 ? 0x80u : 0) | (len < 126 ? (unsigned)len : 126));
	if (len >= 126)
		buf_be16(b, (uint32_t)len);
	if (side == 0)
		buf_zero(b, 4);
	buf_zero(b, len);
}

/* as many bytes as the cap allows; zeroes, or a record of TLS */
static void
fill(struct talk *k, int side, uint64_t bytes)
{
	size_t now;

	if (k->f->app == APP_HTTP && side == 0)
		return;		/* would be another request */
	if (bytes > k->left)
		bytes = k->left;
	k->left -= bytes;
	while (bytes > 0) {
		now = bytes > 16000 ? 16000 : (size_t)bytes;
		k->b.len = 0;
		if (k->tls)
			tls_opaque(&k->b, k->rng, 23, now);
		else if (k->f->app == APP_SSH)
			buf_rand(&k->b, k->rng, now);
		else if (k->f->app == APP_WEBSOCKET)
			websocket_frame(&k->b, side, now);
		else
			buf_zero(&k->b, now);
		tcp_send(&k->t, side, &k->b);
		bytes -= now;
	}
}

static void
say(struct talk *k, int side)
{
	tcp_send(&k->t, side, &k->b);
	k->b.len = 0;
}

static void
say_text(struct talk *k, int side, const char *text)
{
	buf_str(&k->b, text);
	say(k, side);
}

/* ---- openings ---- */

static void
open_tls(struct talk *k)
{
	tls_hello_browser(&k->b, k->rng, k->f->name[0] != '\0' ? k->f->name :
	    "host.example.net", 1);
	say(k, 0);
	tls_server_hello13(&k->b, k->rng);
	say(k, 1);
	k->tls = true;
}

static void
open_ssf(struct talk *k)
{
	ssf_client_hello(&k->b, k->rng);
	say(k, 0);
	ssf_server_flight(&k->b, k->rng, &k->p->keys);
	say(k, 1);
	ssf_client_flight(&k->b, k->rng, &k->p->keys);
	tcp_wait(&k->t, 31000);
	say(k, 0);
	tls_finished(&k->b, k->rng, 40);
	say(k, 1);
	k->tls = true;
}

static void
open_http(struct talk *k)
{
	uint64_t body = k->f->down / ROUNDS_MAX * ROUNDS_MAX;

	buf_fmt(&k->b, "GET %s HTTP/1.1\r\nHost: %s\r\n", k->f->second,
	    k->f->name);
	if (k->f->app == APP_WEBSOCKET) {
		buf_str(&k->b, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Version: 13\r\n"
		    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
		say(k, 0);
		say_text(k, 1, "HTTP/1.1 101 Switching Protocols\r\n"
		    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		    "Sec-WebSocket-Accept: "
		    "ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n");
		return;
	}
	buf_str(&k->b, "User-Agent: Mozilla/5.0\r\n\r\n");
	say(k, 0);
	buf_fmt(&k->b, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	    "Content-Length: %llu\r\n\r\n", (unsigned long long)
	    (body < k->left ? body : k->left));
	say(k, 1);
}

static void
open_ssh(struct talk *k)
{
	say_text(k, 0, "SSH-2.0-OpenSSH_9.6\r\n");
	say_text(k, 1, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
	ssh_kexinit(&k->b, k->rng, 0);
	say(k, 0);
	ssh_kexinit(&k->b, k->rng, 1);
	say(k, 1);
	ssh_kex_ecdh(&k->b, k->rng, 0);
	say(k, 0);
	ssh_kex_ecdh(&k->b, k->rng, 1);
	ssh_newkeys(&k->b, k->rng);
	say(k, 1);
	ssh_newkeys(&k->b, k->rng);
	say(k, 0);
}

static void
smb_turn(struct talk *k, struct buf *answer)
{
	say(k, 0);
	tcp_send(&k->t, 1, answer);
	answer->len = 0;
	tcp_wait(&k->t, 9000);
}

static void
open_smb(struct talk *k)
{
	struct smb s = { .rng = k->rng, .process_id = 0xfeff };
	struct buf answer = { 0 };

	smb_negotiate(&s, &k->b, &answer);
	smb_turn(k, &answer);
	smb_setup1(&s, &k->b, &answer, "FS01", "CORP");
	smb_turn(k, &answer);
	smb_setup2(&s, &k->b, &answer, "CORP", "user7", "WS07");
	smb_turn(k, &answer);
	smb_tree(&s, &k->b, &answer, k->f->name, SMB_OK);
	smb_turn(k, &answer);
	smb_log_off(&s, &k->b, &answer);
	smb_turn(k, &answer);
	buf_free(&answer);
	k->left = 0;		/* filler would be no SMB */
}

static void
krb_messages(const struct flow *f, struct rng *rng, struct buf *ask,
    struct buf *answer)
{
	static const int modern[] = { 18, 17, 0 }, weak[] = { 23, 0 };
	char client[NAME_BYTES];
	struct krb_call c = { .realm = REALM, .client = client,
	    .spn = f->second, .offered = f->etype == 23 ? weak : modern,
	    .ticket_etype = f->etype, .reply_etype = f->etype,
	    .nonce = rng_below(rng, 1u << 30) };

	snprintf(client, sizeof(client), "%.*s",
	    (int)strcspn(f->name, "/"), f->name);
	if (f->app == APP_KRB_TGS) {
		c.reply_etype = 18;
		krb_tgs_req(ask, rng, &c);
		krb_tgs_rep(answer, rng, &c);
		return;
	}
	krb_as_req(ask, rng, &c, f->code != 25 && f->code != 6 &&
	    f->qtype != 1);
	c.ticket_etype = 18;
	if (f->code == 0)
		krb_as_rep(answer, rng, &c);
	else if (f->code == 25)
		krb_preauth_required(answer, &c, "20260302120000Z");
	else
		krb_error(answer, &c, "20260302120000Z", f->code);
}

static void
open_krb(struct talk *k)
{
	struct buf ask = { 0 }, answer = { 0 };

	krb_messages(k->f, k->rng, &ask, &answer);
	krb_over_tcp(&k->b, &ask);
	say(k, 0);
	krb_over_tcp(&k->b, &answer);
	say(k, 1);
	buf_free(&ask);
	buf_free(&answer);
	k->left = 0;
}

static void
open_socks(struct talk *k)
{
	size_t len = strlen(k->f->name);

	if (len == 0)
		return;
	buf_put(&k->b, "\x05\x01\x00", 3);
	say(k, 0);
	buf_put(&k->b, "\x05\x00", 2);
	say(k, 1);
	buf_put(&k->b, "\x05\x01\x00\x03", 4);
	buf_u8(&k->b, (unsigned)len);
	buf_str(&k->b, k->f->name);
	buf_be16(&k->b, (uint32_t)k->f->code);
	say(k, 0);
	buf_put(&k->b, "\x05\x00\x00\x01\0\0\0\0\0\0", 10);
	say(k, 1);
}

static void
open_talk(struct talk *k)
{
	switch (k->f->app) {
	case APP_TLS: open_tls(k); break;
	case APP_SSF: open_ssf(k); break;
	case APP_HTTP: case APP_WEBSOCKET: open_http(k); break;
	case APP_SSH: open_ssh(k); break;
	case APP_SMB_TREE: open_smb(k); break;
	case APP_KRB_AS: case APP_KRB_TGS: open_krb(k); break;
	case APP_SOCKS: open_socks(k); break;
	case APP_SMTP:
		say_text(k, 1, "220 mx.corp.example ESMTP\r\n");
		buf_fmt(&k->b, "EHLO %s\r\n", k->f->name);
		say(k, 0);
		say_text(k, 1, "250-mx.corp.example\r\n250 STARTTLS\r\n");
		say_text(k, 0, "STARTTLS\r\n");
		say_text(k, 1, "220 go ahead\r\n");
		open_tls(k);
		break;
	case APP_LDAP: case APP_RDP:
		k->left = 0;	/* filler would be neither */
		break;
	default:
		break;
	}
}

/* ---- conversations ---- */

static void
talk_tcp(struct talk *k, struct net *n)
{
	const struct flow *f = k->f;
	bool near = f->src >> 24 == 10 && f->dst >> 24 == 10;
	struct burst_at at;
	struct bursts b;
	unsigned i;

	tcp_open(&k->t, n, f->start_us, f->src, f->sport, f->dst, f->dport,
	    300, near ? 400 : 17000);
	open_talk(k);
	if (f->shape.kind != SHAPE_EVEN) {
		bursts_begin(&b, f);
		while (k->left > 0 && bursts_next(&b, &at)) {
			tcp_wait_until(&k->t, f->start_us + at.at_us);
			fill(k, 0, at.up);
			fill(k, 1, at.down);
		}
	} else {
		for (i = 0; i < ROUNDS_MAX && k->left > 0; i++) {
			tcp_wait_until(&k->t, f->start_us + f->len_us * i /
			    ROUNDS_MAX);
			fill(k, 0, f->up / ROUNDS_MAX);
			fill(k, 1, f->down / ROUNDS_MAX);
		}
	}
	tcp_wait_until(&k->t, f->start_us + f->len_us);
	if (f->end == END_FIN)
		tcp_close(&k->t, 0);
}

static void
dns_name(struct buf *b, const char *name)
{
	size_t part;

	while (*name != '\0') {
		part = strcspn(name, ".");
		buf_u8(b, (unsigned)part);
		buf_put(b, name, part);
		name += part + (name[part] == '.');
	}
	buf_u8(b, 0);
}

/* RFC 1035: header, question, at most one answer */
static void
dns_packet(struct buf *b, const struct flow *f, bool answer)
{
	bool has = answer && f->code == 0 && f->second[0] != '\0';
	size_t hole, len = strlen(f->second);
	unsigned a[4];

	buf_be16(b, f->sport ^ 0x5a5au);
	buf_be16(b, answer ? 0x8180u | (unsigned)f->code : 0x0100);
	buf_be16(b, 1);
	buf_be16(b, has);
	buf_be32(b, 0);
	dns_name(b, f->name);
	buf_be16(b, (uint32_t)f->qtype);
	buf_be16(b, 1);
	if (!has)
		return;
	buf_be16(b, 0xc00c);
	buf_be16(b, (uint32_t)f->qtype);
	buf_be16(b, 1);
	buf_be32(b, 300);
	hole = buf_hole(b, 2);
	if (f->qtype == 1 && sscanf(f->second, "%u.%u.%u.%u", a, a + 1, a + 2,
	    a + 3) == 4) {
		buf_be32(b, IP4(a[0], a[1], a[2], a[3]));
	} else if (f->qtype == 5) {
		dns_name(b, f->second);
	} else if (f->qtype == 16) {
		buf_u8(b, (unsigned)len);
		buf_str(b, f->second);
		for (len = f->down > 300 ? (size_t)f->down - 300 : 0; len > 0;
		    len -= len > 255 ? 255 : len) {
			buf_u8(b, len > 255 ? 255 : (unsigned)len);
			buf_zero(b, len > 255 ? 255 : len);
		}
	} else {
		buf_str(b, f->second);
	}
	buf_fill(b, hole, 2);
}

/* what is asked or said, if the protocol is known */
static bool
datagrams(struct talk *k, struct net *n)
{
	const struct flow *f = k->f;
	struct buf answer = { 0 };

	if (f->app == APP_DNS) {
		dns_packet(&k->b, f, false);
		dns_packet(&answer, f, true);
	} else if (f->app == APP_KRB_AS) {
		krb_messages(f, k->rng, &k->b, &answer);
	} else if (f->app == APP_NTP) {
		buf_u8(&k->b, 0x23);
		buf_zero(&k->b, 47);
		buf_u8(&answer, 0x24);
		buf_zero(&answer, 47);
	} else {
		return false;
	}
	net_udp(n, f->start_us, f->src, f->sport, f->dst, f->dport, &k->b);
	if (f->down_pkts != 0)
		net_udp(n, f->start_us + f->len_us, f->dst, f->dport, f->src,
		    f->sport, &answer);
	buf_free(&answer);
	return true;
}

static void
filler_udp(struct talk *k, struct net *n, int64_t time_us, bool back,
    uint64_t bytes)
{
	const struct flow *f = k->f;
	size_t now;

	while (bytes > 0 && k->left > 0) {
		now = bytes > 1400 ? 1400 : (size_t)bytes;
		k->b.len = 0;
		buf_zero(&k->b, now);
		net_udp(n, time_us, back ? f->dst : f->src, back ? f->dport :
		    f->sport, back ? f->src : f->dst, back ? f->sport :
		    f->dport, &k->b);
		bytes -= now;
		k->left -= now < k->left ? now : k->left;
		time_us += 40;
	}
}

static void
talk_udp(struct talk *k, struct net *n)
{
	const struct flow *f = k->f;
	struct burst_at at;
	struct bursts b;
	uint64_t i, rounds;

	if (datagrams(k, n))
		return;
	bursts_begin(&b, f);
	while (bursts_next(&b, &at) && k->left > 0) {
		filler_udp(k, n, f->start_us + at.at_us, false, at.up);
		filler_udp(k, n, f->start_us + at.at_us + 9000, true,
		    at.down);
	}
	rounds = f->up_pkts == 0 ? 1 : f->up_pkts;
	for (i = 0; f->shape.kind == SHAPE_EVEN && i < rounds && k->left > 0;
	    i++) {
		filler_udp(k, n, f->start_us + (int64_t)((double)f->len_us *
		    (double)i / (double)rounds), false, f->up / rounds);
		filler_udp(k, n, f->start_us + (int64_t)((double)f->len_us *
		    (double)(i + 1) / (double)rounds), true,
		    f->down / rounds);
	}
}

/* a SYN, and the RST that answers it or the client's own */
static void
probe(struct talk *k, struct net *n)
{
	const struct flow *f = k->f;

	if (f->end == END_SILENT)
		net_syn_unanswered(n, f->start_us, f->src, f->sport, f->dst,
		    f->dport);
	else
		net_syn_refused(n, f->start_us, f->src, f->sport, f->dst,
		    f->dport);
	(void)k;
}

static int
by_time(const void *a, const void *b)
{
	const struct net_packet *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void
packets_flow(struct writer *w, const struct flow *f, uint64_t serial)
{
	struct packets *p = w->state;
	struct play *play = calloc(1, sizeof(*play));
	struct talk k = { .p = p, .f = f, .rng = &p->rng, .left = p->cap };

	if (play == NULL) {
		fprintf(stderr, "traffic: out of memory\n");
		exit(1);
	}
	net_init(&play->net, rng_next(&p->rng) ^ serial);
	play->order = p->order++;
	if (f->proto == PROTO_ICMP)
		net_ping(&play->net, f->start_us, f->src, f->dst,
		    (uint16_t)serial, 1, f->down == 0 ? 0 :
		    (uint32_t)f->len_us);
	else if (f->proto == PROTO_UDP)
		talk_udp(&k, &play->net);
	else if (f->end == END_SILENT || f->end == END_REFUSED)
		probe(&k, &play->net);
	else
		talk_tcp(&k, &play->net);
	buf_free(&k.b);
	if (play->net.count == 0) {
		net_free(&play->net);
		free(play);
		return;
	}
	qsort(play->net.packets, play->net.count,
	    sizeof(*play->net.packets), by_time);
	wait_turn(p, play);
}

static int
packets_close(struct writer *w)
{
	struct packets *p = w->state;
	int bad;

	packets_until(w, INT64_MAX);
	bad = fflush(w->file) != 0 || ferror(w->file);
	ssf_keys_free(&p->keys);
	free(p->heap);
	free(p);
	return bad ? -1 : 0;
}

struct writer *
packets_open(FILE *file, uint64_t cap_bytes, uint64_t seed)
{
	static const uint8_t head[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0 };
	struct packets *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->w = (struct writer){ .flow = packets_flow,
	    .until = packets_until, .close = packets_close, .file = file,
	    .state = p };
	p->cap = cap_bytes;
	p->rng.state = seed ^ 0x7061636b657473;
	ssf_keys_make(&p->keys, &p->rng);
	fwrite(head, 1, sizeof(head), file);
	return &p->w;
}
