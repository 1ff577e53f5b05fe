/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case_net: the tunnel (Secure Socket Funneling by its outer shape) and the
 * everyday traffic around it: DNS, TLS, SSH, NTP, ping, ARP.
 *
 * Owner: packets go to the world's net.
 * Inert: all ciphertext is random octets.
 */
#include <stdio.h>
#include <string.h>

#include "case.h"

#define KEEP_ALIVE_US	SEC(120)
#define KEEP_ALIVE_LEN	65	/* 12 mux header + 29 inner + 24 outer */
#define RECORD_MAX	16408	/* 16384 and GCM's nonce and tag */
#define RECORD_EXTRA	53

static void
ssf_record(struct world *w, struct tcp *t, int side, size_t len)
{
	struct buf b = { 0 };

	tls_opaque(&b, &w->rng, 23, len);
	tcp_send(t, side, &b);
	buf_free(&b);
}

static void
ssf_bulk(struct world *w, struct tcp *t, int side, uint32_t plain)
{
	uint32_t len;

	while (plain != 0) {
		len = plain;
		if (len > RECORD_MAX - RECORD_EXTRA)
			len = RECORD_MAX - RECORD_EXTRA;
		ssf_record(w, t, side, len + RECORD_EXTRA);
		plain -= len;
	}
}

/* outer handshake, then the inner one inside it, then version messages */
static void
ssf_open(struct world *w, struct tcp *t, int64_t time_us)
{
	struct buf b = { 0 };

	tcp_open(t, &w->net, time_us, IP_WEB, next_port(w), IP_ROUTER, 443,
	    700, 212000);
	ssf_client_hello(&b, &w->rng);
	tcp_send(t, 0, &b);
	b.len = 0;
	ssf_server_flight(&b, &w->rng, &w->keys);
	tcp_send(t, 1, &b);
	b.len = 0;
	ssf_client_flight(&b, &w->rng, &w->keys);
	tcp_wait(t, 31000);		/* RSA-4096 and DH-4096 take time */
	tcp_send(t, 0, &b);
	b.len = 0;
	tls_finished(&b, &w->rng, 40);
	tcp_send(t, 1, &b);
	buf_free(&b);
	ssf_record(w, t, 0, 28);
	ssf_record(w, t, 0, 74);
	ssf_record(w, t, 1, 28);
	ssf_record(w, t, 0, 138);
	ssf_record(w, t, 1, 4622);
	ssf_record(w, t, 0, 4071);
	ssf_record(w, t, 1, 75);
	ssf_record(w, t, 0, 57);
	ssf_record(w, t, 1, 54);
}

void
net_ssf_session(struct world *w, int64_t time_us, int64_t length_us,
    const struct burst *bursts, size_t count)
{
	int64_t next[2], due;
	struct tcp t;
	size_t i = 0;
	int side;

	ssf_open(w, &t, time_us);
	next[0] = t.time_us + KEEP_ALIVE_US;
	next[1] = t.time_us + KEEP_ALIVE_US + 106000;
	for (;;) {
		side = next[1] < next[0];
		due = next[side];
		if (i < count && time_us + bursts[i].at_us < due) {
			tcp_wait_until(&t, time_us + bursts[i].at_us);
			ssf_bulk(w, &t, 1, bursts[i].down);
			tcp_wait(&t, 20000);
			ssf_bulk(w, &t, 0, bursts[i].up);
			i++;
			continue;
		}
		if (due > time_us + length_us)
			break;
		tcp_wait_until(&t, due);
		ssf_record(w, &t, side, KEEP_ALIVE_LEN);
		next[side] += KEEP_ALIVE_US;
	}
	tcp_wait(&t, SEC(3));
	tcp_close(&t, 1);
}

/* one TLS connection of the ordinary kind */
static void
tls_visit(struct world *w, int64_t time_us, uint32_t client, uint32_t server,
    const char *sni, int tls13, unsigned rounds)
{
	struct buf b = { 0 };
	struct tcp t;
	int inside = client >> 24 == 10;

	tcp_open(&t, &w->net, time_us, client, next_port(w), server, 443,
	    inside ? 400 : 17000, inside ? 14000 : 400);
	tls_hello_browser(&b, &w->rng, sni, tls13);
	tcp_send(&t, 0, &b);
	b.len = 0;
	if (tls13)
		tls_server_hello13(&b, &w->rng);
	else
		tls_server_flight12(&b, &w->rng, sni);
	tcp_send(&t, 1, &b);
	b.len = 0;
	if (tls13) {
		buf_put(&b, "\x14\x03\x03\x00\x01\x01", 6);
		tls_opaque(&b, &w->rng, 23, 53);
	} else {
		tls_client_key12(&b, &w->rng);
	}
	tcp_send(&t, 0, &b);
	b.len = 0;
	if (!tls13) {
		tls_finished(&b, &w->rng, 40);
		tcp_send(&t, 1, &b);
		b.len = 0;
	}
	while (rounds-- != 0) {
		tls_opaque(&b, &w->rng, 23, rng_range(&w->rng, 180, 600));
		tcp_send(&t, 0, &b);
		b.len = 0;
		tls_opaque(&b, &w->rng, 23, rng_range(&w->rng, 400, 3200));
		tcp_send(&t, 1, &b);
		b.len = 0;
		tcp_wait(&t, rng_range(&w->rng, 60000, 900000));
	}
	tls_opaque(&b, &w->rng, tls13 ? 23 : 21, tls13 ? 19 : 26);
	tcp_send(&t, 0, &b);
	tcp_close(&t, 0);
	buf_free(&b);
}

void
net_front_tls(struct world *w, int64_t time_us)
{
	tls_visit(w, time_us, IP_ROUTER, IP_WEB_PUBLIC,
	    "permits.example.org", 0, 2);
	tls_visit(w, time_us + SEC(95), IP_ROUTER, IP_WEB_PUBLIC,
	    "permits.example.org", 1, 1);
}

void
net_dns(struct world *w, int64_t time_us, uint32_t client, const char *name,
    enum dns_type type, const char *answer)
{
	uint16_t id = (uint16_t)rng_below(&w->rng, 65536);
	uint16_t port = next_port(w);
	struct buf b = { 0 };

	dns_message(&b, id, name, type, NULL);
	net_udp(&w->net, time_us, client, port, IP_DC, 53, &b);
	b.len = 0;
	dns_message(&b, id, name, type, answer);
	net_udp(&w->net, time_us + rng_range(&w->rng, 300, 22000), IP_DC, 53,
	    client, port, &b);
	buf_free(&b);
}

/* an administrator's shell from the jump host, as every week */
static void
ssh_session(struct world *w, int64_t time_us)
{
	struct buf b = { 0 };
	struct tcp t;
	unsigned i;

	tcp_open(&t, &w->net, time_us, IP_JUMP, next_port(w), IP_DMZ_LINUX, 22,
	    500, 350);
	for (i = 0; i < 2; i++) {
		buf_str(&b, i == 0 ? "SSH-2.0-OpenSSH_8.9p1 Ubuntu-3\r\n" :
		    "SSH-2.0-OpenSSH_8.4p1 Debian-5+deb11u1\r\n");
		tcp_send(&t, (int)i, &b);
		b.len = 0;
	}
	for (i = 0; i < 2; i++) {
		ssh_kexinit(&b, &w->rng, (int)i);
		tcp_send(&t, (int)i, &b);
		b.len = 0;
	}
	ssh_kex_ecdh(&b, &w->rng, 0);
	tcp_send(&t, 0, &b);
	b.len = 0;
	ssh_kex_ecdh(&b, &w->rng, 1);
	ssh_newkeys(&b, &w->rng);
	tcp_send(&t, 1, &b);
	b.len = 0;
	ssh_newkeys(&b, &w->rng);
	tcp_send(&t, 0, &b);
	b.len = 0;
	for (i = 0; i < 36; i++) {
		buf_rand(&b, &w->rng, 36 + 8 * rng_below(&w->rng, 4));
		tcp_send(&t, 0, &b);
		b.len = 0;
		buf_rand(&b, &w->rng, 44 + 8 * rng_below(&w->rng, 60));
		tcp_send(&t, 1, &b);
		b.len = 0;
		tcp_wait(&t, rng_range(&w->rng, 120000, 7000000));
	}
	tcp_close(&t, 0);
	buf_free(&b);
}

/* NTP version 4, mode 3 and 4 (RFC 5905 7.3) */
static void
ntp_exchange(struct world *w, int64_t time_us, uint32_t client)
{
	uint32_t now = (uint32_t)(time_us / 1000000 + 2208988800);
	struct buf b = { 0 };
	unsigned i;

	buf_be32(&b, 0x230006ec);
	buf_zero(&b, 36);
	buf_be32(&b, now);
	buf_rand(&b, &w->rng, 4);
	net_udp(&w->net, time_us, client, 123, IP_DC, 123, &b);
	b.len = 0;
	buf_be32(&b, 0x240206e9);
	buf_be32(&b, 0x00000a3d);
	buf_be32(&b, 0x00000610);
	buf_be32(&b, IP4(192, 0, 2, 123));
	for (i = 0; i < 4; i++) {
		buf_be32(&b, i == 0 ? now - 411 : now);
		buf_rand(&b, &w->rng, 4);
	}
	net_udp(&w->net, time_us + 610, IP_DC, 123, client, 123, &b);
	buf_free(&b);
}

static const struct {
	const char *name;
	unsigned host;		/* in 203.0.113.0/24 */
} sites[] = {
	{ "updates.example.net", 10 },
	{ "www.example.com", 21 },
	{ "cdn.example.net", 34 },
	{ "mail.example.com", 42 },
	{ "weather.example.org", 58 },
	{ "maps.example.com", 90 }
};
#define SITES (sizeof(sites) / sizeof(sites[0]))

/* somebody inside looks something up and reads it over TLS */
static void
inside_browsing(struct world *w, int64_t time_us)
{
	uint32_t client = IP_CLIENT(1 + rng_below(&w->rng, 6));
	uint32_t pick = rng_below(&w->rng, SITES);
	uint32_t server = IP4(203, 0, 113, sites[pick].host);
	int tls13 = rng_below(&w->rng, 3) != 0;
	char text[16];

	net_dns(w, time_us, client, sites[pick].name, DNS_A,
	    ip_text(server, text));
	tls_visit(w, time_us + 30000, client, server, sites[pick].name, tls13,
	    rng_range(&w->rng, 1, 3));
}

/*
 * The capture is a sample: an hour of small things on some days.
 */
void
net_background(struct world *w, int64_t from_us, int64_t until_us)
{
	int64_t day_us, t_us;
	unsigned i, day = 0;
	uint32_t client;

	for (day_us = from_us; day_us < until_us; day_us += DAYS(1), day++) {
		if (day % 3 != 0)
			continue;
		t_us = day_us + HOURS(2);
		for (i = 0; i < 5; i++)
			inside_browsing(w, t_us + SEC(rng_below(&w->rng,
			    3600)));
		net_dns(w, t_us + SEC(700), IP_CLIENT(2),
		    "wpad.corp.example", DNS_A, "");
		net_dns(w, t_us + SEC(1100), IP_FS(1), "dc01.corp.example",
		    DNS_A, "10.10.0.5");
		for (i = 0; i < 4; i++) {
			ntp_exchange(w, t_us + SEC(60 + 1024 * i), IP_WEB);
			ntp_exchange(w, t_us + SEC(333 + 1024 * i),
			    IP_DMZ_LINUX);
			net_ping(&w->net, t_us + SEC(20 + 900 * i),
			    IP_MONITOR, IP_WEB, 1, (uint16_t)(day * 4 + i),
			    640);
			net_ping(&w->net, t_us + SEC(21 + 900 * i),
			    IP_MONITOR, IP_FS(1 + i), 1,
			    (uint16_t)(day * 4 + i), 590);
			net_arp(&w->net, t_us + SEC(19 + 900 * i),
			    IP_WEB, IP_FS(1 + i));
		}
		net_arp(&w->net, t_us + SEC(3), IP_DMZ_LINUX,
		    IP4(10, 20, 0, 1));
		if (day % 6 == 0)
			ssh_session(w, t_us + SEC(400));
		for (i = 0; i < 2; i++) {
			client = IP4(198, 51, 100, 130 + 5 *
			    rng_below(&w->rng, 20));
			tls_visit(w, t_us + SEC(rng_below(&w->rng, 3600)),
			    client, IP_WEB_PUBLIC, "permits.example.org",
			    (int)i, 2);
		}
	}
}
