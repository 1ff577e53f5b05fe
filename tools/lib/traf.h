/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf: the parts of the generator `traffic`: a small network whose hosts
 * make flows, intruders among them, and the writers of those flows.
 *
 * Everything is an actor: it has a next moment, and when that comes, makes
 * flows and says when it wants to be called again.  So the memory is that of
 * the actors, not of the flows, however long the run is.
 *
 * Owner: struct traf owns actors, labels and writers until traf_fini().
 * Times are microseconds since 1970 UTC; addresses are host-order u32.
 * Bounds: NAME_MAX_BYTES of text in a flow, PARAMS_MAX parameters; labels
 * name at most ADDRS_MAX addresses of a kind (the number is told whole).
 * Inert: a flow is numbers and names; payloads are filler.
 */
#ifndef PICKET_TOOLS_TRAF_H
#define PICKET_TOOLS_TRAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buf.h"
#include "netw.h"

#define US(s)		((int64_t)((s) * 1e6))	/* seconds */
#define NEVER		INT64_MAX
#define NAME_BYTES	160
#define PARAMS_MAX	16
#define ADDRS_MAX	4096u

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17 };

/* how a conversation ended; Zeek's conn_state in traf_zeek.c */
enum flow_end {
	END_FIN,	/* both closed */
	END_SILENT,	/* the first packet was not answered */
	END_REFUSED,	/* answered by RST, or ICMP unreachable */
	END_RESET,	/* the client broke it off */
	END_OPEN	/* still open when the watch ended */
};

/* the log row beside conn, and the conversation in packets */
enum app {
	APP_NONE, APP_DNS, APP_TLS, APP_HTTP, APP_SSH, APP_KRB_AS,
	APP_KRB_TGS, APP_SMB_TREE, APP_LDAP, APP_RDP, APP_SMTP, APP_NTP,
	APP_DHCP, APP_SOCKS, APP_SSF, APP_WEBSOCKET, APP_SIP, APP_SNMP,
	APP_RTP
};

/*
 * When bytes go over a conversation: bursts whose gaps and sizes come from
 * seed, so that two conversations with one seed carry the same things.  What
 * the second one changes (lag, jitter, padding, chaff) comes from own.
 */
enum shape_kind {
	SHAPE_EVEN,	/* no bursts: totals are given */
	SHAPE_TYPED,	/* interactive: small, heavy-tailed gaps */
	SHAPE_BULK,	/* runs of large writes with pauses */
	SHAPE_POLL	/* a fixed gap */
};
struct shape {
	uint64_t seed, own;
	int64_t len_us;		/* of the first conversation */
	int64_t lag_us;
	uint32_t gap_ms, up, down;	/* means of a burst */
	uint8_t kind, jitter, pad, chaff;	/* the last three: percent */
	double ratio;		/* of sizes against the first conversation */
};

struct flow {
	int64_t start_us, len_us;
	uint32_t src, dst;
	uint16_t sport, dport;	/* ICMP: type, code */
	uint8_t proto, end, app;
	uint32_t label;		/* 0: harmless, else its number */
	uint64_t up, down;	/* payload bytes */
	uint64_t up_pkts, down_pkts;	/* 0: made from the bytes */
	struct shape shape;
	/* facts of the application; which, see traf_zeek.c */
	char name[NAME_BYTES], second[NAME_BYTES];
	int qtype, code, etype;	/* DNS type; error or rcode; Kerberos */
};

struct burst_at {
	int64_t at_us;		/* since the start of the flow */
	uint32_t up, down;
};
struct bursts {
	const struct flow *flow;
	struct rng base, own;
	int64_t base_us, at_us;
	struct burst_at chaff;
	bool has_chaff;
	unsigned run;
};
void bursts_begin(struct bursts *, const struct flow *);
bool bursts_next(struct bursts *, struct burst_at *);
/* segments of one side, and what it acknowledges of the other's */
uint64_t burst_packets(uint64_t bytes, uint64_t other);

/* ---- behaviours ---- */

struct traf;
struct actor;

struct param {
	const char *name, *value;	/* default */
	const char *doc;
};
struct behaviour {
	const char *name;
	const char *detectors;	/* names that may find it, first its own */
	const char *attack, *doc;
	struct param params[PARAMS_MAX + 1];
	void (*begin)(struct traf *, struct actor *);
};
extern const struct behaviour behaviours[];
extern const size_t nbehaviours;

/* one use of a behaviour: its parameters, then what truly happened */
struct addr_list {
	const char *name;	/* "source", "target", ... */
	uint32_t *addrs;
	uint32_t count, cap;
};
struct label {
	const struct behaviour *row;
	char values[PARAMS_MAX][32];
	struct addr_list lists[5];	/* the first: what it is about */
	int64_t first_us, last_us;
	uint64_t flows;
	unsigned ordinal;	/* of its behaviour */
};

struct actor {
	int64_t next_us;
	uint64_t order;
	struct rng rng;
	void (*step)(struct traf *, struct actor *);
	uint32_t label;
	uint32_t a, b, c;	/* addresses, as the behaviour likes */
	int64_t n[6];
};

/* ---- writers ---- */

struct writer {
	void (*flow)(struct writer *, const struct flow *, uint64_t serial);
	/* all later flows begin at time_us or after */
	void (*until)(struct writer *, int64_t time_us);
	int (*close)(struct writer *);	/* 0, or -1 with errno */
	FILE *file;
	void *state;
	struct writer *next;
};
struct writer *zeek_open(FILE *, bool tag, struct traf *);
struct writer *netflow_open(FILE *, int version, unsigned active_s,
    int64_t from_us);
struct writer *packets_open(FILE *, uint64_t cap_bytes, uint64_t seed);

/* ---- the network ---- */

struct traf {
	uint64_t seed;
	struct rng rng;
	int64_t from_us, until_us;
	int64_t span_us;	/* in which behaviours find their place */
	uint64_t flows_max, flows;
	unsigned hosts, sites;
	double intensity;	/* of the harmless traffic */
	struct actor *heap;
	size_t count, cap;
	uint64_t order;
	struct label *labels;
	size_t nlabels, label_cap;
	struct writer *writers;
	uint64_t benign_flows;
	/* addresses taken by behaviours so far */
	uint32_t victims, intruders, edges;
};

void traf_run(struct traf *);
void traf_labels(struct traf *, FILE *, const char *args);
void traf_fini(struct traf *);
/* a copy of it is called at its next_us, and again when it says so */
void traf_add(struct traf *, const struct actor *);
/* writes the flow out; a shape gives its totals */
void traf_flow(struct traf *, struct flow *);
/* "name:key=value,..."; NULL, or what is wrong with it */
const char *traf_do(struct traf *, const char *spec);
/* true: 0 <= start < until */
bool traf_inside(const struct traf *, int64_t time_us);

/* parameters of the actor's label */
double param(const struct traf *, const struct actor *, const char *name);
/* the number of the word in "a|b|c" of the parameter's doc */
unsigned param_word(const struct traf *, const struct actor *,
    const char *name);
void label_addr(struct traf *, const struct actor *, const char *list,
    uint32_t addr);

/* benign: all roles; prints them as lines for --labels */
void benign_begin(struct traf *);
void benign_roles(const struct traf *, FILE *);
/* and what of it looks like theft or a tunnel */
void odd_begin(struct traf *);

/* what a home router and the people behind it do, per hour, as the
 * provider sees it */
void benign_edge(struct traf *, uint32_t addr, double flows_per_hour);

/* who is where */
#define IN(a, b, c)	IP4(10, a, b, c)
#define IP_DC1		IN(0, 0, 5)
#define IP_MAIL		IN(0, 0, 25)
#define IP_FILES	IN(0, 0, 30)
#define IP_APP		IN(0, 0, 40)
#define IP_BACKUP	IN(0, 0, 50)
#define IP_WATCH	IN(0, 0, 60)	/* monitoring */
#define IP_BASTION	IN(0, 0, 70)
#define IP_PROXY	IN(0, 0, 80)
#define IP_PBX		IN(0, 0, 90)
#define IP_WEBSITE	IP4(192, 0, 2, 10)
#define IP_MX		IP4(192, 0, 2, 25)
#define IP_NAT		IP4(192, 0, 2, 1)
#define IP_RESOLVER	IP4(198, 18, 255, 53)
#define IP_NTP		IP4(198, 18, 255, 123)
#define IP_VENDOR	IP4(198, 18, 255, 80)	/* firmware of routers */
#define IP_VPN		IP4(198, 18, 255, 44)
#define NSERVERS	12u
unsigned traf_nrouters(const struct traf *);
uint32_t addr_router(const struct traf *, unsigned n);	/* of the inside */
uint32_t addr_host(const struct traf *, unsigned n);	/* workstations */
uint32_t addr_server(unsigned n);
uint32_t addr_site(unsigned n);		/* harmless servers outside */
uint32_t addr_intruder(struct traf *);	/* another one each time */
uint32_t addr_edge(struct traf *);	/* home routers, another each time */
/* a workstation that no behaviour has yet, as far as there are any */
uint32_t addr_victim(struct traf *);

/* ---- chance ---- */

double rnd(struct rng *);			/* 0 < x < 1 */
double rnd_between(struct rng *, double lo, double hi);
double rnd_exp(struct rng *, double mean);
double rnd_normal(struct rng *);		/* sum of twelve */
double rnd_lognormal(struct rng *, double median, double sigma);
double rnd_pareto(struct rng *, double least, double alpha, double most);
unsigned rnd_zipf(struct rng *, unsigned n);
uint16_t rnd_port(struct rng *);
double fn_exp(double);
double fn_log(double);

/* flows that many have in common */
void flow_tcp(struct flow *, struct actor *, uint32_t src, uint32_t dst,
    unsigned port);
void flow_udp(struct flow *, struct actor *, uint32_t src, uint32_t dst,
    unsigned port);
void flow_dns(struct flow *, struct actor *, uint32_t src, uint32_t dst,
    const char *name, int qtype, const char *answer);
const char *site_name(unsigned n, char out[64]);

#endif
