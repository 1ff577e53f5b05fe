/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netw: builds packets (Ethernet, ARP, IPv4, TCP, UDP, ICMP) with right
 * checksums and sequence numbers, keeps them, and writes them in time order
 * as a classic pcap (little endian, microseconds, link type 1).
 *
 * Owner: struct net owns every packet until net_free().
 * Times are microseconds since 1970 UTC.  Addresses are host-order u32.
 * Bounds: all packets are held in memory; meant for captures of some MB.
 */
#ifndef PICKET_TOOLS_NETW_H
#define PICKET_TOOLS_NETW_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define IP4(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

struct net_packet {
	int64_t time_us;
	uint32_t order;		/* keeps equal times in order of making */
	uint32_t len;
	size_t at;		/* in bytes */
};

struct net {
	struct net_packet *packets;
	size_t count;
	size_t cap;
	struct buf bytes;
	struct rng rng;
	uint16_t ip_id;
};

/*
 * One TCP connection seen by the tap.  Side 0 opens it.  lag_us[n] is how
 * long side n takes to answer a packet of the other side, as the tap sees it.
 */
struct tcp {
	struct net *net;
	uint32_t ip[2];
	uint16_t port[2];
	uint32_t seq[2];
	uint32_t lag_us[2];
	int64_t time_us;
	int last;		/* side that sent last */
	unsigned owed[2];	/* segments that side n has not acknowledged */
};

void net_init(struct net *, uint64_t seed);
void net_free(struct net *);
/* 0, or -1 with errno */
int net_write(struct net *, const char *path);

void net_udp(struct net *, int64_t time_us, uint32_t src, uint16_t sport,
    uint32_t dst, uint16_t dport, const struct buf *);
/* request at time_us, reply lag_us later */
void net_ping(struct net *, int64_t time_us, uint32_t src, uint32_t dst,
    uint16_t id, uint16_t seq, uint32_t lag_us);
/* who-has and answer between two hosts of one segment */
void net_arp(struct net *, int64_t time_us, uint32_t asker, uint32_t target);
/* a SYN that nobody answers, sent again after 1 s and 3 s */
void net_syn_unanswered(struct net *, int64_t time_us, uint32_t src,
    uint16_t sport, uint32_t dst, uint16_t dport);

/* a SYN that is answered by RST */
void net_syn_refused(struct net *, int64_t time_us, uint32_t src,
    uint16_t sport, uint32_t dst, uint16_t dport);

void tcp_open(struct tcp *, struct net *, int64_t time_us, uint32_t client,
    uint16_t cport, uint32_t server, uint16_t sport, uint32_t lag0_us,
    uint32_t lag1_us);
void tcp_send(struct tcp *, int side, const struct buf *);
/* let time pass: up to an absolute time; owed acknowledgements go out */
void tcp_wait_until(struct tcp *, int64_t time_us);
void tcp_wait(struct tcp *, uint32_t us);
void tcp_close(struct tcp *, int side);

#endif
