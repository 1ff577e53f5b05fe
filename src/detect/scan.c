/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody looks for what answers, ATT&CK T1046, T1018, T1595.001, and for
 * which accounts there are, T1087.002, T1589.003.
 *
 * Sweep (one service of many hosts): threshold random walk (Jung, Paxson,
 * Berger, Balakrishnan 2004) over first contacts of one source with one port.
 * Of an honest source 80 % succeed, of a scanner 20 %, so a contact that fails
 * makes scanning four times as likely as before, one that succeeds a quarter;
 * TRIP failures more than successes are odds of 4^9 to 1.  No windows: one
 * probe in ten minutes is told as one in a second.
 * Ports (many services of few hosts, or of a network): different ports of one
 * network (/24, IPv6 /64) that did not answer, by a sketch.
 * Together (many sources share the work): sources with WEAK_MIN to WEAK_MAX
 * failures in one network within an hour: the Internet's random noise meets a
 * network of this size once or twice.
 * Names: different client principals that the KDC does not know, from the
 * wire and from events 4768 and 4771.
 *
 * What fails: SYN without answer or refused, an unanswered datagram or echo.
 * Replies to addresses that others forged (backscatter) begin with no SYN and
 * count for nothing; nor do multicast and what is sent without waiting for an
 * answer, nor the ports of traceroute.  A host that was seen to serve is no
 * first contact: it is down.
 *
 * Known false alarms: the owner's scanner, inventory and monitoring that looks
 * for new hosts (--tune with their address); software deployment to machines
 * that are switched off.  Peers of P2P have other ports each, and of those
 * with the same port some answer: TOLERANT.  Records of one way only (NetFlow)
 * count where the packets are as small and few as those of a probe.
 *
 * Cost: what succeeds a hash and a bit; what fails three tables.  A key comes
 * to a table with its second different failure, so that noise does not push
 * out who is slow.  Bounds: SWEEPS_MAX, PROBES_MAX, GROUPS_MAX, NAMERS_MAX,
 * some 45 MB when full; what was quiet longest makes room.
 */
#include <stdlib.h>

#include "detect.h"

#define TRIP		9		/* failures more than successes */
#define TRIP_SILENT	16		/* of datagrams: nobody refuses them */
#define ODDS_MIN	(-4)		/* a good name does not last for ever */
#define ODDS_MAX	100
#define TOLERANT	10u		/* percent that answer: peers */
#define IDLE		(24 * 3600 * NSEC)
#define PORTS_MIN	32u
#define BLOCK_MIN	64u		/* hosts times ports */
#define FEW_HOSTS	3u
#define HOUR		(3600 * NSEC)
#define WEAK_MIN	3u
#define WEAK_MAX	40u
#define WEAK_SOURCES	15u		/* hardly two probes the same */
#define WEAK_CROWD	45u		/* several of them at once */
#define WEAK_PROBES	100u
#define WEAK_HOSTS	6u		/* one host is probed by everybody */
#define SYNS_MAX	8u		/* with what is sent again */
#define TINY		64u		/* bytes of a packet without payload */
#define TINY_ASK	128u		/* of a question by datagram */
#define SWEEPS_MAX	65536u
#define PROBES_MAX	65536u
#define GROUPS_MAX	4096u
#define FIRST_SIZE	65536u		/* powers of two */
#define HAVE_BITS	65536u
#define SEEN		24u
#define OPEN		3u
#define PORTS_SHOWN	6u

/* -- what came of it ----------------------------------------------------- */

enum outcome { NEUTRAL, GOOD, BAD, OPENED };

static bool
is_few(const struct flow *f, uint32_t each)
{
	return f->src_pkts != 0 && f->src_pkts <= 3 &&
	    f->src_bytes <= f->src_pkts * each;
}

static enum outcome
of_tcp(const struct detect *d, const struct flow *f)
{
	bool silent = f->src_bytes == 0 || (f->flags & FLOW_F_IP_BYTES) != 0;
	const struct host_seen *h;

	switch (f->state) {
	case FLOW_S0: case FLOW_REJ: case FLOW_RSTOS0: case FLOW_SH:
		return silent && f->src_pkts <= SYNS_MAX ? BAD : NEUTRAL;
	case FLOW_S1: case FLOW_SF: case FLOW_S2: case FLOW_S3:
	case FLOW_RSTO: case FLOW_RSTR:
		return f->src_bytes + f->dst_bytes != 0 ? GOOD : OPENED;
	case FLOW_STATE_NONE:
		break;
	default:
		return NEUTRAL;		/* no SYN was seen */
	}
	if ((f->flags & FLOW_F_ONE_WAY) == 0) {
		if ((f->flags & FLOW_F_ANSWERED) == 0)
			return f->src_pkts <= SYNS_MAX ? BAD : NEUTRAL;
		return f->src_pkts == 1 && f->dst_pkts == 1 ? BAD : GOOD;
	}
	if (!is_few(f, TINY))
		return GOOD;
	/* A piece of something long: who was asked has spoken before. */
	h = detect_host(d, &f->dst);
	return flow_is_answer(f) || (h != NULL && h->flows_out > 1) ?
	    NEUTRAL : BAD;
}

static bool
is_many(const struct addr *a)
{
	if (addr_is_v4(a))	/* class D, and what is a broadcast mostly */
		return a->b[12] >= 224 || a->b[15] == 255;
	return a->b[0] == 0xff;
}

/* Sent without waiting for an answer, or to names that are long gone. */
static bool
is_one_way(const struct flow *f)
{
	switch (f->dst_port) {
	case 53: case 67: case 68: case 123: case 137: case 138: case 162:
	case 443: case 514: case 1900: case 2055: case 4739: case 5353:
	case 5355: case 6343: case 9995: case 9996:
		return true;
	default:
		return f->dst_port >= 33434 && f->dst_port < 33534;
	}
}

static enum outcome
of_datagram(const struct detect *d, const struct flow *f)
{
	const struct host_seen *h;

	if (is_many(&f->dst) || (f->proto == 17 && is_one_way(f)))
		return NEUTRAL;
	if ((f->flags & FLOW_F_ANSWERED) != 0)
		return GOOD;
	if ((f->flags & FLOW_F_ONE_WAY) == 0)
		return f->src_pkts <= SYNS_MAX ? BAD : NEUTRAL;
	h = detect_host(d, &f->dst);
	return !is_few(f, TINY_ASK) || flow_is_answer(f) ||
	    (h != NULL && h->flows_out > 1) ? NEUTRAL : BAD;
}

static enum outcome
outcome_of(const struct detect *d, const struct flow *f)
{
	switch (f->proto) {
	case 6:
		/* FTP's server calls back, and firewalls do not like it. */
		return f->src_port == 20 ? NEUTRAL : of_tcp(d, f);
	case 17:
		return of_datagram(d, f);
	case 1:
		return f->src_port == 8 ? of_datagram(d, f) : NEUTRAL;
	case 58:
		return f->src_port == 128 ? of_datagram(d, f) : NEUTRAL;
	default:
		return NEUTRAL;
	}
}

/* -- state --------------------------------------------------------------- */

struct sweep_key {
	struct addr	src;
	uint16_t	port;
	uint8_t		proto, zero;
};

/* One source, one service. */
struct sweep {
	int64_t		first, last;
	struct sketch	hosts;		/* that failed */
	uint32_t	seen[SEEN];	/* the latest first contacts, hashes */
	uint32_t	nseen, bad, good, opened;
	struct addr	open[OPEN], dst;
	struct places	at;
	int8_t		odds;
	uint8_t		flags;		/* FLOW_F_ of the newest */
	bool		tripped, fresh;
};

struct probe_key {
	struct addr	src, net;
};

/* One source, one network. */
struct probe {
	int64_t		first, last;
	struct sketch	ports;
	uint64_t	hosts[4];	/* bits */
	uint32_t	seen[8];
	uint32_t	n;		/* nearly all different */
	struct addr	dst;
	struct places	at;
	uint8_t		flags;
	uint8_t		proto;		/* the latest */
	bool		tripped, fresh;
};

/* All sources, one network. */
struct group {
	int64_t		since, last;
	struct sketch	weak, strong, pairs, ports, hosts;
	uint32_t	n;
	struct addr	src, dst;
	struct places	at;
	bool		told, fresh;
};

/* The first failure of a key waits here for a second one. */
struct first {
	uint32_t	key, what;
};

struct namer;

struct state {
	struct table	*sweeps, *probes, *groups;
	struct table	*namers;	/* hash of source and kind */
	struct first	*sweep, *probe;	/* FIRST_SIZE of each */
	uint8_t		*have;		/* bits: keys of sweeps */
};

#define NAMERS_MAX	2048u
#define NAMES_BURST	10u		/* different ones in BURST */
#define BURST		(10 * 60 * NSEC)
#define NAMES_DAY	25u
#define NAMES_SHOWN	5u
#define NAME_BYTES	64u

/* One source that names accounts. */
struct namer {
	int64_t		since, last;
	int64_t		newest[NAMES_BURST];	/* times of unknown names */
	struct small_set unknown;
	struct sketch	all, known;
	uint32_t	nnames, turn;
	struct places	at;
	char		name[NAMES_SHOWN][NAME_BYTES];
	char		src[64], server[128];
	bool		told, fresh, log;
};

static bool
scan_init(void *p)
{
	struct state *s = p;

	s->sweeps = table_new(sizeof(struct sweep_key), sizeof(struct sweep),
	    SWEEPS_MAX);
	s->probes = table_new(sizeof(struct probe_key), sizeof(struct probe),
	    PROBES_MAX);
	s->groups = table_new(sizeof(struct addr), sizeof(struct group),
	    GROUPS_MAX);
	s->namers = table_new(sizeof(uint64_t), sizeof(struct namer),
	    NAMERS_MAX);
	s->sweep = calloc(FIRST_SIZE, sizeof(*s->sweep));
	s->probe = calloc(FIRST_SIZE, sizeof(*s->probe));
	s->have = calloc(1, HAVE_BITS / 8);
	return s->sweeps != NULL && s->probes != NULL && s->groups != NULL &&
	    s->namers != NULL && s->sweep != NULL && s->probe != NULL &&
	    s->have != NULL;
}

static void
scan_fini(void *p)
{
	struct state *s = p;

	table_free(s->sweeps);
	table_free(s->probes);
	table_free(s->groups);
	table_free(s->namers);
	free(s->sweep);
	free(s->probe);
	free(s->have);
}

/* The same in every run: collisions show, in what is found. */
static uint64_t
key_hash(const void *key, size_t n)
{
	return hash_bytes(key, n, 5);
}

static uint32_t
what_of(const struct flow *f, bool port)
{
	uint64_t h = hash_bytes(f->dst.b, sizeof(f->dst.b),
	    port ? 8u + f->dst_port : 7u);

	return (uint32_t)h | 1;
}

/* true: a second failure, at something else; the first one is in *before. */
static bool
is_second(struct first *table, uint64_t h, uint32_t what, uint32_t *before)
{
	struct first *f = &table[h & (FIRST_SIZE - 1)];
	uint32_t key = (uint32_t)(h >> 32);

	*before = f->what;
	if (f->key == key && f->what != 0 && f->what != what)
		return true;
	f->key = key;
	f->what = what;
	return false;
}

static bool
has(const uint32_t *seen, uint32_t n, uint32_t what)
{
	bool yes = false;

	for (uint32_t i = 0; i < n; i++)
		yes |= seen[i] == what;
	return yes;
}

/* -- one service of many hosts ------------------------------------------- */

/* A machine that serves this is known to be there; now it is not. */
static bool
is_down(const struct detect *d, const struct flow *f)
{
	const struct host_seen *h = detect_host(d, &f->dst);
	enum flow_service service = f->proto == 1 || f->proto == 58 ?
	    FLOW_SERVICE_NONE : flow_port_service(f->proto, f->dst_port);

	if (h == NULL)
		return false;
	if (service == FLOW_SERVICE_NONE)
		return h->flows_out > 8;
	return (h->served_once & UINT32_C(1) << service) != 0;
}

static void
step_odds(struct sweep *w, bool bad, int trip)
{
	if (bad)
		w->odds += w->odds < ODDS_MAX;
	else
		w->odds -= w->odds > ODDS_MIN;
	w->tripped |= w->odds >= trip;
}

static void
contact(struct sweep *w, const struct flow *f, enum outcome o)
{
	uint32_t what = what_of(f, false);

	if (o == OPENED) {
		if (w->opened < OPEN && (w->opened == 0 ||
		    !addr_eq(&w->open[w->opened - 1], &f->dst)))
			w->open[w->opened] = f->dst;
		w->opened += w->opened != UINT32_MAX;
		return;
	}
	if (o == BAD)
		(void)sketch_add(&w->hosts, f->dst.b, sizeof(f->dst.b));
	if (has(w->seen, MIN_OF(w->nseen, SEEN), what))
		return;
	w->seen[w->nseen++ % SEEN] = what;
	step_odds(w, o == BAD, f->proto == 6 ? TRIP : TRIP_SILENT);
	w->good += o == GOOD;
	if (o != BAD)
		return;
	w->bad++;
	w->last = f->start;
	w->dst = f->dst;
	w->flags = f->flags;
	w->fresh = true;
	places_add(&w->at, &f->loc, f->start);
}

static struct sweep *
sweep_of(struct state *s, const struct sweep_key *k, uint64_t h,
    const struct flow *f)
{
	uint32_t before, bit = (uint32_t)(h >> 16) & (HAVE_BITS - 1);
	struct sweep *w;
	bool made;

	if ((s->have[bit / 8] & 1u << bit % 8) != 0 &&
	    (w = table_get(s->sweeps, k)) != NULL) {
		if (w->tripped || time_diff(f->start, w->last) <= IDLE)
			return w;
		memset(w, 0, sizeof(*w));
		w->first = f->start;
		return w;
	}
	if (!is_second(s->sweep, h, what_of(f, false), &before) ||
	    (w = table_put(s->sweeps, k, &made)) == NULL)
		return NULL;
	s->have[bit / 8] |= (uint8_t)(1u << bit % 8);
	w->first = f->start;
	w->seen[w->nseen++] = before;
	w->odds = 1;
	w->bad = 1;
	return w;
}

/* -- many services of few hosts ------------------------------------------ */

static struct addr
net_of(const struct addr *a)
{
	struct addr n = *a;

	if (addr_is_v4(a))
		n.b[15] = 0;
	else
		memset(n.b + 8, 0, 8);
	return n;
}

static unsigned
count_hosts(const struct probe *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NITEMS(p->hosts); i++)
		n += (unsigned)__builtin_popcountll(p->hosts[i]);
	return n;
}

static struct probe *
probe_of(struct state *s, const struct probe_key *k, const struct flow *f)
{
	uint64_t h = key_hash(k, sizeof(*k));
	struct probe *p = table_get(s->probes, k);
	uint32_t before;
	bool made;

	if (p != NULL) {
		if (!p->tripped && time_diff(f->start, p->last) > IDLE) {
			memset(p, 0, sizeof(*p));
			p->first = f->start;
		}
		return p;
	}
	if (!is_second(s->probe, h, what_of(f, true), &before) ||
	    (p = table_put(s->probes, k, &made)) == NULL)
		return NULL;
	p->first = f->start;
	p->seen[p->n++] = before;
	return p;
}

/* true: something else than lately. */
static bool
probed(struct probe *p, const struct flow *f)
{
	uint32_t what = what_of(f, true);
	unsigned bit = addr_is_v4(&f->dst) ? f->dst.b[15] :
	    (unsigned)key_hash(f->dst.b, 16) & 255;

	if (has(p->seen, NITEMS(p->seen), what))
		return false;
	p->seen[p->n++ % NITEMS(p->seen)] = what;
	p->hosts[bit / 64] |= UINT64_C(1) << bit % 64;
	p->last = f->start;
	p->dst = f->dst;
	p->flags = f->flags;
	p->proto = f->proto;
	p->fresh = true;
	places_add(&p->at, &f->loc, f->start);
	if (sketch_add(&p->ports, &f->dst_port, sizeof(f->dst_port)) &&
	    !p->tripped && p->n >= PORTS_MIN &&
	    sketch_count(&p->ports) >= PORTS_MIN)
		p->tripped = count_hosts(p) <= FEW_HOSTS ||
		    p->n >= BLOCK_MIN;
	return true;
}

/* -- many sources -------------------------------------------------------- */

static void
join(struct state *s, const struct addr *net, const struct probe *p,
    const struct flow *f)
{
	struct group *g;
	uint32_t what = what_of(f, true);
	unsigned weak, strong;
	bool made;

	if (p->n < WEAK_MIN || p->n > WEAK_MAX + 1 ||
	    time_diff(f->start, p->first) > HOUR ||
	    (g = table_put(s->groups, net, &made)) == NULL)
		return;
	if (g->told && time_diff(f->start, g->last) > HOUR)
		return;		/* it is over */
	if (made || (!g->told && time_diff(f->start, g->since) > HOUR)) {
		memset(g, 0, sizeof(*g));
		g->since = f->start;
	}
	if (p->n > WEAK_MAX) {
		(void)sketch_add(&g->strong, f->src.b, sizeof(f->src.b));
		return;
	}
	(void)sketch_add(&g->weak, f->src.b, sizeof(f->src.b));
	(void)sketch_add(&g->pairs, &what, sizeof(what));
	(void)sketch_add(&g->ports, &f->dst_port, sizeof(f->dst_port));
	(void)sketch_add(&g->hosts, f->dst.b, sizeof(f->dst.b));
	g->n++;
	g->last = f->start;
	g->src = f->src;
	g->dst = f->dst;
	g->fresh = true;
	places_add(&g->at, &f->loc, f->start);
	if (g->told || g->n < WEAK_PROBES || g->n % 16 != 0)
		return;
	weak = sketch_count(&g->weak);
	strong = sketch_count(&g->strong);
	g->told = sketch_count(&g->hosts) >= WEAK_HOSTS &&
	    (weak >= WEAK_CROWD + strong || (weak >= WEAK_SOURCES +
	    strong && sketch_count(&g->pairs) >= g->n * 3 / 4));
}

static void
scan_flow(struct detect *d, void *p, const struct flow *f)
{
	const struct sweep_key key = { .src = f->src, .proto = f->proto,
	    .port = f->proto == 6 || f->proto == 17 ? f->dst_port : 0 };
	enum outcome o = outcome_of(d, f);
	struct probe_key pair;
	struct state *s = p;
	struct probe *probe;
	struct sweep *w;
	uint64_t h;
	uint32_t bit;

	if (o == NEUTRAL)
		return;
	h = key_hash(&key, sizeof(key));
	bit = (uint32_t)(h >> 16) & (HAVE_BITS - 1);
	if (o != BAD) {
		if ((s->have[bit / 8] & 1u << bit % 8) != 0 &&
		    (w = table_get(s->sweeps, &key)) != NULL)
			contact(w, f, o);
		return;
	}
	if (!is_down(d, f) && (w = sweep_of(s, &key, h, f)) != NULL)
		contact(w, f, o);
	if (f->proto != 6 && f->proto != 17)
		return;
	pair.src = f->src;
	pair.net = net_of(&f->dst);
	if ((probe = probe_of(s, &pair, f)) != NULL && probed(probe, f))
		join(s, &pair.net, probe, f);
}

/* -- names of accounts --------------------------------------------------- */

static const uint8_t kinds[] = { KIND_KRB5, KIND_WINEVENT, KIND_NONE };

enum { EVENT_AS = 4768, EVENT_PREAUTH = 4771 };
static const uint16_t event_ids[] = { EVENT_AS, EVENT_PREAUTH, 0 };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_KRB_TYPE, FIELD_KRB_CLIENT,
	FIELD_KRB_ERROR, FIELD_KRB_ERROR_CODE, FIELD_WIN_EVENT_ID,
	FIELD_WIN_CHANNEL, FIELD_WIN_COMPUTER, FIELD_WIN_STATUS,
	FIELD_TARGET_USER, FIELD_IP_ADDRESS, FIELD_OTHER
};

/* KRB5_UNKNOWN or KRB5_WANTED; 0: of no use. */
static unsigned
kdc_answer(const struct event *e)
{
	uint64_t code = 0;

	if (e->kind == KIND_WINEVENT)
		return win_event(e, "Security") != 0 &&
		    event_u64(e, FIELD_WIN_STATUS, &code) &&
		    code == KRB5_UNKNOWN ? KRB5_UNKNOWN : 0;
	if (!span_eq(event_str(e, FIELD_KRB_TYPE), SPAN_LIT("AS")))
		return 0;
	code = krb5_error(e);
	return code == KRB5_UNKNOWN || code == KRB5_WANTED ?
	    (unsigned)code : 0;
}

static void
scan_event(struct detect *d, const struct event *e)
{
	if (e->time != TIME_NONE && kdc_answer(e) != 0)
		d->keep(d, e);
}

static struct namer *
namer_of(struct state *s, struct span src, const struct event *e,
    unsigned answer)
{
	uint64_t key = hash_bytes(src.ptr, src.len, e->kind);
	struct namer *n = table_get(s->namers, &key);
	bool made;

	if (n == NULL && answer != KRB5_UNKNOWN)
		return NULL;	/* so does everybody */
	if (n == NULL && (n = table_put(s->namers, &key, &made)) == NULL)
		return NULL;
	if (n->since == 0 || (!n->told && time_diff(e->time, n->since) >
	    IDLE)) {
		memset(n, 0, sizeof(*n));
		n->since = e->time;
		set_text(n->src, sizeof(n->src), src);
	}
	n->log = e->kind == KIND_WINEVENT;
	return n;
}

static void
scan_note(struct detect *d, void *p, const struct event *e)
{
	bool log = e->kind == KIND_WINEVENT;
	unsigned answer = kdc_answer(e);
	struct span src, user;
	struct namer *n;
	struct arena m;

	(void)d;
	arena_init(&m, 256u << 10);
	src = log ? client_name(event_text(&m, e, FIELD_IP_ADDRESS)) :
	    event_text(&m, e, FIELD_SRC_IP);
	user = event_text(&m, e, log ? FIELD_TARGET_USER : FIELD_KRB_CLIENT);
	if (src.len == 0 || user.len == 0 ||
	    (n = namer_of(p, src, e, answer)) == NULL)
		goto out;
	if (answer == KRB5_WANTED) {
		(void)sketch_add(&n->known, user.ptr, user.len);
		goto out;
	}
	(void)sketch_add(&n->all, user.ptr, user.len);
	if (!small_set_add(&n->unknown, user) &&
	    n->unknown.n < SMALL_SET_MAX)
		goto out;
	set_text(n->server, sizeof(n->server), event_text(&m, e,
	    log ? FIELD_WIN_COMPUTER : FIELD_DST_IP));
	if (n->nnames < NAMES_SHOWN)
		set_text(n->name[n->nnames++], NAME_BYTES, user);
	n->newest[n->turn++ % NAMES_BURST] = n->last = e->time;
	places_add(&n->at, &e->loc, e->time);
	n->told |= n->unknown.n >= NAMES_DAY || (n->unknown.n >= NAMES_BURST &&
	    time_diff(e->time, n->newest[n->turn % NAMES_BURST]) <= BURST);
	n->fresh = true;
out:
	arena_fini(&m);
}

/* -- in the end ---------------------------------------------------------- */

static const char *
proto_name(uint8_t proto)
{
	return proto == 6 ? "TCP" : proto == 17 ? "UDP" : "ICMP";
}

static void
tell_names(struct detect *d, struct namer *n)
{
	unsigned all = n->unknown.n < SMALL_SET_MAX ? n->unknown.n :
	    sketch_count(&n->all), known = sketch_count(&n->known);
	struct finding f;

	finding_init(&f, d, NULL);
	f.rule = "scan-users";
	f.title = "Account names tried at Kerberos";
	f.attack = "T1087.002 T1589.003";
	f.advice = "Look which of the named accounts exist and whether the "
	    "same source then tried passwords or asked for their tickets.";
	finding_places(&f, &n->at);
	f.severity = all >= 2 * NAMES_DAY ? SEV_HIGH : SEV_MEDIUM;
	f.confidence = all >= 2 * NAMES_DAY ? 90 : 70;
	f.entity[ENTITY_SRC_IP] = span_str(n->src);
	f.entity[ENTITY_HOST] = span_str(n->src);
	f.entity[ENTITY_DST_IP] = span_str(n->server);
	text_who(&d->text, span_str(n->src));
	buf_printf(&d->text, " asked ");
	text_who(&d->text, span_str(n->server));
	buf_printf(&d->text, " for %s%u accounts that do not exist in ",
	    all >= SMALL_SET_MAX ? "about " : "", all);
	text_duration(&d->text, time_diff(n->last, n->since));
	for (uint32_t i = 0; i < n->nnames; i++)
		buf_printf(&d->text, "%s%s", i == 0 ? ": " : ", ",
		    n->name[i]);
	buf_str(&d->text, all > n->nnames ? ", …" : "");
	if (known != 0)
		buf_printf(&d->text, "; and for %u that do", known);
	buf_printf(&d->fold, "users|%s", n->src);
	finding_raise(&f, d);
}

static void
tell_group(struct detect *d, const struct addr *net, struct group *g)
{
	unsigned ports = sketch_count(&g->ports);
	struct finding f;
	struct arena m;

	arena_init(&m, 64u << 10);
	finding_init(&f, d, NULL);
	f.rule = "scan-together";
	f.title = "Many sources share a scan";
	finding_places(&f, &g->at);
	f.severity = SEV_MEDIUM;
	f.confidence = 75;
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &g->src);
	f.entity[ENTITY_DST_IP] = addr_text(&m, &g->dst);
	buf_printf(&d->text, "About %u sources, ", sketch_count(&g->weak));
	text_addr(&d->text, &g->src);
	buf_printf(&d->text, " among them, shared the work of asking about %u "
	    "hosts of ", sketch_count(&g->hosts));
	text_addr(&d->text, net);
	buf_printf(&d->text, "/%u on ", addr_is_v4(net) ? 24u : 64u);
	if (ports > 1)
		buf_printf(&d->text, "about %u ports in ", ports);
	else
		buf_str(&d->text, "one port in ");
	text_duration(&d->text, time_diff(g->last, g->since));
	buf_printf(&d->text, ": %u probes without answer", g->n);
	buf_str(&d->fold, "together|");
	text_addr(&d->fold, net);
	finding_raise(&f, d);
	arena_fini(&m);
}

/* What one source did. */
struct deed {
	struct addr	src;
	const struct sweep_key *key;
	struct sweep	*sweep;		/* or */
	struct probe	*probe;
};

static int
by_source(const void *a, const void *b)
{
	const struct deed *x = a, *y = b;
	int c = memcmp(x->src.b, y->src.b, sizeof(x->src.b));

	if (c != 0)
		return c;
	if ((x->sweep != NULL) != (y->sweep != NULL))
		return x->sweep != NULL ? -1 : 1;
	if (x->sweep != NULL && x->sweep->bad != y->sweep->bad)
		return x->sweep->bad > y->sweep->bad ? -1 : 1;
	if (x->sweep != NULL)
		return (x->key->port > y->key->port) -
		    (x->key->port < y->key->port);
	return memcmp(x->probe->dst.b, y->probe->dst.b, 16);
}

/* Peers of P2P on one high port answer now and then; prey hardly does.  And
 * most of what an honest source asks for at a low port answers in the end. */
static bool
is_scan(const struct sweep_key *k, const struct sweep *w)
{
	if (!w->tripped || !w->fresh)
		return false;
	if (k->port >= 1024)
		return w->good * 100 < (w->bad + w->good) * TOLERANT;
	return w->good < w->bad;
}

static void
say_sweeps(struct buf *b, const struct deed *e, unsigned n)
{
	const struct sweep *w = e->sweep;
	uint32_t opened = 0;
	unsigned shown = 0;

	buf_printf(b, " asked about %u hosts", sketch_count(&w->hosts));
	if (e->key->port != 0)
		buf_printf(b, " for %s port %u", proto_name(e->key->proto),
		    e->key->port);
	else
		buf_str(b, " by ICMP echo");
	buf_str(b, " in ");
	text_duration(b, time_diff(w->last, w->first));
	buf_printf(b, ", of which %u answered", w->good);
	if (n > 1)
		buf_str(b, "; the same for");
	for (unsigned i = 1; i < n && i < PORTS_SHOWN; i++)
		buf_printf(b, "%s %u", i == 1 ? "" : ",", e[i].key->port);
	if (n > PORTS_SHOWN)
		buf_printf(b, " and %u more", n - PORTS_SHOWN);
	for (unsigned i = 0; i < n; i++) {
		for (uint32_t k = 0; k < MIN_OF(e[i].sweep->opened, OPEN) &&
		    shown < OPEN; k++) {
			buf_str(b, shown++ == 0 ? "; open, and left at once: " :
			    ", ");
			text_addr(b, &e[i].sweep->open[k]);
			buf_printf(b, ":%u", e[i].key->port);
		}
		opened += e[i].sweep->opened;
	}
	if (opened > shown)
		buf_str(b, ", …");
}

static void
say_probes(struct buf *b, const struct deed *e, unsigned n)
{
	const struct probe *p = e->probe;
	unsigned hosts = count_hosts(p);

	buf_printf(b, " tried about %u %s ports of ",
	    sketch_count(&p->ports), proto_name(p->proto));
	if (hosts <= FEW_HOSTS) {
		text_addr(b, &p->dst);
		if (hosts > 1)
			buf_printf(b, " and %u more", hosts - 1);
	} else {
		struct addr net = net_of(&p->dst);

		buf_printf(b, "%u hosts of ", hosts);
		text_addr(b, &net);
	}
	buf_str(b, " in ");
	text_duration(b, time_diff(p->last, p->first));
	if (n > 1)
		buf_printf(b, ", and of %u networks more", n - 1);
}

static void
weigh(struct finding *f, const struct deed *e, unsigned n, bool opened)
{
	uint8_t flags = e->sweep != NULL ? e->sweep->flags : e->probe->flags;
	bool inside = (flags & FLOW_F_SRC_HOME) != 0, echo = true;
	uint32_t most = 0;

	for (unsigned i = 0; i < n; i++) {
		echo &= e[i].sweep != NULL && e[i].key->port == 0;
		most = MAX_OF(most, e[i].sweep != NULL ? e[i].sweep->bad :
		    e[i].probe->n);
	}
	if (inside)
		f->severity = echo ? SEV_MEDIUM : SEV_HIGH;
	else	/* everybody's address is scanned all the time */
		f->severity = opened ? SEV_MEDIUM : SEV_LOW;
	f->confidence = echo ? 50 : most >= 4 * TRIP ? 85 : 65;
}

static void
tell_source(struct detect *d, const struct deed *e, unsigned n)
{
	unsigned sweeps = 0;
	bool opened = false;
	struct finding f;
	struct arena m;

	while (sweeps < n && e[sweeps].sweep != NULL)
		opened |= e[sweeps++].sweep->opened != 0;
	arena_init(&m, 64u << 10);
	finding_init(&f, d, NULL);
	for (unsigned i = 0; i < n; i++)
		finding_places(&f, e[i].sweep != NULL ? &e[i].sweep->at :
		    &e[i].probe->at);
	weigh(&f, e, n, opened);
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &e->src);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_SRC_IP];
	f.entity[ENTITY_DST_IP] = addr_text(&m, e->sweep != NULL ?
	    &e->sweep->dst : &e->probe->dst);
	text_addr(&d->text, &e->src);
	if (sweeps != 0)
		say_sweeps(&d->text, e, sweeps);
	if (sweeps != 0 && sweeps < n)
		buf_str(&d->text, "; it");
	if (sweeps < n)
		say_probes(&d->text, e + sweeps, n - sweeps);
	text_addr(&d->fold, &e->src);
	finding_raise(&f, d);
	arena_fini(&m);
}

/* Of a group that is told as one: it did no more than its share. */
static bool
is_share(const struct state *s, const struct addr *src,
    const struct addr *dst, uint32_t bad)
{
	const struct probe_key k = { *src, net_of(dst) };
	const struct group *g = table_find(s->groups, &k.net);
	const struct probe *p;

	if (g == NULL || !g->told || bad > WEAK_MAX)
		return false;
	p = table_find(s->probes, &k);
	return p == NULL || p->n <= WEAK_MAX;
}

static unsigned
gather(struct state *s, struct deed *deed)
{
	unsigned n = 0;
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->sweeps, &it, &key, &value)) {
		const struct sweep_key *k = key;
		struct sweep *w = value;

		if (is_scan(k, w) && !is_share(s, &k->src, &w->dst, w->bad))
			deed[n++] = (struct deed){ k->src, k, w, NULL };
	}
	for (it = 0; table_next(s->probes, &it, &key, &value);) {
		const struct probe_key *k = key;
		struct probe *p = value;

		if (p->tripped && p->fresh)
			deed[n++] = (struct deed){ k->src, NULL, NULL, p };
	}
	return n;
}

static void
scan_end(struct detect *d, void *p)
{
	struct state *s = p;
	uint32_t it = 0, n, to;
	struct deed *deed = calloc((size_t)table_count(s->sweeps) +
	    table_count(s->probes) + 1, sizeof(*deed));
	const void *key;
	void *value;

	if (deed == NULL)
		return;
	n = gather(s, deed);
	qsort(deed, n, sizeof(*deed), by_source);
	for (uint32_t i = 0; i < n; i = to) {
		for (to = i + 1; to < n && addr_eq(&deed[i].src,
		    &deed[to].src); to++)
			continue;
		tell_source(d, deed + i, to - i);
	}
	free(deed);
	while (table_next(s->groups, &it, &key, &value)) {
		struct group *g = value;

		if (g->told && g->fresh)
			tell_group(d, key, g);
	}
	for (it = 0; table_next(s->namers, &it, &key, &value);) {
		struct namer *w = value;

		if (w->told && w->fresh)
			tell_names(d, w);
	}
	if (table_evicted(s->sweeps) + table_evicted(s->probes) +
	    table_evicted(s->groups) + table_evicted(s->namers) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* -- over runs ----------------------------------------------------------- */

static void
scan_save(const void *p, struct buf *b)
{
	const struct state *s = p;

	table_save(s->sweeps, b);
	table_save(s->probes, b);
	table_save(s->groups, b);
	table_save(s->namers, b);
}

/* Places in files of another run are nothing to show; numbers are held within
 * what the code may index with. */
static void
renew(struct state *s)
{
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->sweeps, &it, &key, &value)) {
		struct sweep *w = value;
		uint64_t h = key_hash(key, sizeof(struct sweep_key));
		uint32_t bit = (uint32_t)(h >> 16) & (HAVE_BITS - 1);

		s->have[bit / 8] |= (uint8_t)(1u << bit % 8);
		w->at.n = 0;
		w->fresh = false;
	}
	for (it = 0; table_next(s->probes, &it, &key, &value);) {
		((struct probe *)value)->at.n = 0;
		((struct probe *)value)->fresh = false;
	}
	for (it = 0; table_next(s->groups, &it, &key, &value);) {
		((struct group *)value)->at.n = 0;
		((struct group *)value)->fresh = false;
	}
	for (it = 0; table_next(s->namers, &it, &key, &value);) {
		struct namer *n = value;

		n->at.n = 0;
		n->fresh = false;
		n->unknown.n = MIN_OF(n->unknown.n, SMALL_SET_MAX);
		n->nnames = MIN_OF(n->nnames, NAMES_SHOWN);
		n->src[sizeof(n->src) - 1] = '\0';
		n->server[sizeof(n->server) - 1] = '\0';
		for (unsigned i = 0; i < NAMES_SHOWN; i++)
			n->name[i][NAME_BYTES - 1] = '\0';
	}
}

static bool
scan_restore(void *p, struct cursor *c)
{
	struct state *s = p;

	if (!table_restore(s->sweeps, c) || !table_restore(s->probes, c) ||
	    !table_restore(s->groups, c) || !table_restore(s->namers, c))
		return false;
	renew(s);
	return true;
}

const struct detector detector_scan = {
	.name = "scan",
	.title = "Scan for what answers",
	.doc = "One source asks many hosts for one service, or few hosts for "
	    "many, and most do not answer (sequential test of first "
	    "contacts, no window: slow ones too); many sources that share "
	    "one network between them; account names that Kerberos does not "
	    "know. False alarms: the owner's scanners and inventory, "
	    "deployment to machines that are off: allow them with --tune.",
	.attack = "T1046 T1018 T1595.001",
	.advice = "Inside: ask who owns the source, and look what it did at "
	    "the hosts that answered. Outside: look at what was open; the "
	    "rest is the noise of the Internet.",
	.severity = SEV_MEDIUM,
	.confidence = 70,
	.kinds = kinds,
	.fields = fields,
	.event_ids = event_ids,
	.event = scan_event,
	.state_size = sizeof(struct state),
	.init = scan_init,
	.note = scan_note,
	.flow = scan_flow,
	.end = scan_end,
	.fini = scan_fini,
	.state_version = 1,
	.save = scan_save,
	.restore = scan_restore,
};
