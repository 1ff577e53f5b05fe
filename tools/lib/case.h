/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case: the parts from which casegen tells case study 1 of AA24-190A:
 * the web site, the domain, the tunnel and the daily noise.
 *
 * Owner: struct world owns packets, events and log lines until it is written.
 * Times are microseconds since 1970 UTC.  Addresses are host-order u32, all
 * of documentation (RFC 5737) or private (RFC 1918) ranges.
 */
#ifndef PICKET_TOOLS_CASE_H
#define PICKET_TOOLS_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "evtxw.h"
#include "netw.h"
#include "proto.h"

#define SEC(n)		((int64_t)(n) * 1000000)
#define MINUTES(n)	SEC((n) * 60)
#define HOURS(n)	SEC((n) * 3600)
#define DAYS(n)		SEC((n) * 86400)

#define IP_ROUTER	IP4(203, 0, 113, 77)	/* hijacked home router */
#define IP_SECOND	IP4(198, 51, 100, 23)	/* attacker's other address */
#define IP_WEB_PUBLIC	IP4(192, 0, 2, 10)
#define IP_WEB		IP4(10, 20, 0, 10)	/* the same host, inside */
#define IP_DMZ_LINUX	IP4(10, 20, 0, 12)
#define IP_FS(n)	IP4(10, 20, 0, 20 + (n))	/* FS01..FS06 */
#define IP_DC		IP4(10, 10, 0, 5)
#define IP_JUMP		IP4(10, 10, 0, 50)
#define IP_MONITOR	IP4(10, 10, 0, 60)
#define IP_CLIENT(n)	IP4(10, 10, 0, 100 + (n))

struct log_line {
	int64_t time_us;
	uint32_t order;
	char *text;
};

struct world {
	struct net net;
	struct rng rng;
	struct evtxw dc, fs, web;
	struct log_line *lines;
	size_t line_count, line_cap;
	uint16_t port;		/* next ephemeral port */
	uint64_t logon_id;
	struct ssf_keys keys;
};

/* ---- case.c ---- */

int64_t utc(int year, int month, int day, int hour, int minute, int second);
struct civil {
	int year, month, day, hour, minute, second, weekday;
};
struct civil civil_of(int64_t time_us);
uint16_t next_port(struct world *);
const char *ip_text(uint32_t ip, char out[16]);
/* dir/name is made with this content; 0, or -1 with errno */
int write_file(const char *dir, const char *name, const void *, size_t);

/* ---- case_web.c ---- */

int web_write_root(const char *dir);
int web_write_log(struct world *, const char *dir);
void web_background(struct world *, int64_t from_us, int64_t until_us);
void web_front_page(struct world *, int64_t time_us);
void web_path_walk(struct world *, int64_t time_us);
void web_log4shell_probe(struct world *, int64_t time_us);
void web_upload(struct world *, int64_t time_us, uint32_t ip);
void web_stolen_login(struct world *, int64_t time_us);
/* count requests to the shell within about span_us */
void web_shell(struct world *, int64_t time_us, uint32_t ip, unsigned count,
    int64_t span_us);

/* ---- case_domain.c ---- */

void domain_background(struct world *, int64_t from_us, int64_t until_us);
void domain_host_enumeration(struct world *, int64_t time_us);
void domain_tunnel_process(struct world *, int64_t time_us);
void domain_failed_service_account(struct world *, int64_t time_us);
void domain_kerberoast(struct world *, int64_t time_us);
void domain_enumeration(struct world *, int64_t time_us);
void domain_mount_shares(struct world *, int64_t time_us);
void domain_pack(struct world *, int64_t time_us);

/* ---- case_net.c ---- */

struct burst {
	int64_t at_us;		/* from the start of the session */
	uint32_t down, up;	/* plain octets toward / from the web server */
};
void net_ssf_session(struct world *, int64_t time_us, int64_t length_us,
    const struct burst *, size_t count);
void net_front_tls(struct world *, int64_t time_us);
void net_background(struct world *, int64_t from_us, int64_t until_us);
/* query and answer through the domain's resolver */
void net_dns(struct world *, int64_t time_us, uint32_t client,
    const char *name, enum dns_type, const char *answer);

#endif
