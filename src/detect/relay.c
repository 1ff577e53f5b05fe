/* SPDX-License-Identifier: Apache-2.0
 *
 * An address that passes conversations on, ATT&CK T1090: what ends at it from
 * S it begins anew towards T.  Works on flow records alone, after the
 * stepping-stone literature (Zhang and Paxson 2000; Strayer and others) with
 * log-odds in place of thresholds on single features: of 100,000 pairs hardly
 * two belong together, so a pair must first pass a hard gate.
 *
 * Gate: A ends at R, B starts at R not before A and within START_MAX of it;
 * both last MIN_TIME, carry MIN_BYTES in each direction, were answered, and
 * are no name, time, address or management traffic.
 *
 * Families, each with what it says for "B is A's" against "chance":
 *   start   how likely R, as busy as it is, begins something just then
 *   end     B ends as A does, against ends spread over the longer of both
 *   volume  ln(B/A), the mean of both directions, near 0 (padding: above)
 *   shape   ln(B/A) up and down are alike, whatever was added on the way
 * A pair is a match with MATCH_SCORE and three families for it, the end among
 * them: who asks another host before it answers has all others.  The best B
 * counts for each A; scores of one S at one R add up (also those that speak
 * against), and TELL_SCORE with two conversations tells.  Cut flow records
 * (active timeout) are compared piece by piece, which is a correlation in
 * bins of that length; a conversation counts once, however many pieces.
 * Of two that both end at R and are alike crosswise (ssh -R) the earlier
 * one's source is T.
 *
 * Over conversations the share that is added must be steady: is_steady().
 *
 * Who does the same by trade is known by the number of those whom it serves:
 * proxies, load balancers, mail relays, VPN concentrators, peers have many.
 * The limits depend on who is at home: see is_trade().  Links (S, R) and (R,
 * T) that are both told become one chain.
 *
 * Second: a device that for hours did nothing but ask names, the time and its
 * vendor, and then opens conversations with many hosts outside, of several
 * kinds (relay-originates; a router that begins to work for somebody else).
 *
 * Known false alarms: an administrator's own jump host towards the outside
 * and a small proxy with one or two clients ARE relays: --tune with the
 * host.  Not told, and so missed: from inside over SSH, RDP or Telnet's own
 * port to another inside host (the jump host that everybody has), relays with
 * more than CLIENTS_MAX sources, SMTP handed on as SMTP.
 *
 * Cost: two touches of a cache of recent flows for what passes the gate, some
 * 20 ns a flow on average; logarithms for pairs only.  Bounds: RECENT_SETS *
 * RECENT_WAYS recent flows (10 MB), NODES_MAX, LINKS_MAX, QUIET_MAX; what was
 * used least makes room.
 */
#include <math.h>
#include <stdlib.h>

#include "detect.h"

#define START_MAX	(5 * NSEC)
#define MIN_TIME	NSEC		/* shorter ones end together anyway */
#define MIN_BYTES	200u		/* in each direction */
#define SETUP_BYTES	1500.0		/* handshakes of A or B alone */
#define MATCH_SCORE	6.5f
#define MISS_SCORE	(-3.0f)
#define SESSION_MAX	14.0f		/* pieces of one conversation */
#define TELL_SCORE	16.0f		/* e^16: prior odds of 1e-6, and more */
#define CLIENTS_MAX	16u
#define CLIENTS_HOME	2u		/* where proxies of the owner stand */
#define TARGETS_HOME	24u		/* the same */
#define TRADE_DAILY	100u		/* conversations inside, by programs */
#define RECENT_SETS	8192u		/* a power of two */
#define RECENT_WAYS	8u
#define NODES_MAX	65536u
#define LINKS_MAX	16384u
#define QUIET_MAX	4096u
#define TARGETS		4u		/* remembered of a link */
#define PAIRS_SHOWN	7u		/* two places each: EVIDENCE_MAX */
#define SESSIONS_OPEN	4u		/* whose pieces are known again */
#define HOPS_MAX	8u
#define RATIO_SPREAD	.03	/* variances of ln(B/A) over conversations */
#define SKEW_SPREAD	.04
#define TRANSLATED	(NSEC / 500)
#define PARALLEL	(2 * NSEC)	/* begun with each other */

/* -- the gate ------------------------------------------------------------ */

/* What every machine does for itself, and tunnels' own detectors judge. */
static bool
is_plumbing(const struct flow *f)
{
	switch (f->service) {
	case FLOW_DNS: case FLOW_NTP: case FLOW_DHCP: case FLOW_SNMP:
		return true;
	default:
		break;
	}
	switch (f->dst_port) {
	case 53: case 67: case 68: case 123: case 137: case 138: case 161:
	case 162: case 500: case 514: case 853: case 1900: case 5353:
		return true;
	default:
		return false;
	}
}

static bool
is_vpn_port(uint16_t port)
{
	return port == 1194 || port == 4500 || port == 1701 || port == 51820 ||
	    port == 1723;
}

/* A record of the answers alone: the server seems to have opened it. */
static bool
is_backward(const struct flow *f)
{
	if ((f->flags & FLOW_F_ONE_WAY) == 0 || f->dst_bytes != 0)
		return false;
	if (is_vpn_port(f->src_port) != is_vpn_port(f->dst_port))
		return is_vpn_port(f->src_port);
	return flow_is_answer(f);
}

static bool
passes(const struct flow *f)
{
	if ((f->proto != 6 && f->proto != 17) ||
	    time_diff(f->end, f->start) < MIN_TIME ||
	    f->src_bytes < MIN_BYTES)
		return false;
	if (f->dst_bytes < MIN_BYTES && (f->flags & FLOW_F_ONE_WAY) == 0)
		return false;
	switch (f->state) {
	case FLOW_S0: case FLOW_REJ: case FLOW_RSTOS0: case FLOW_RSTRH:
	case FLOW_SH: case FLOW_SHR:
		return false;
	default:
		return !is_plumbing(f) && !is_backward(f);
	}
}

/* -- state --------------------------------------------------------------- */

/* A conversation that ended at self, lately. */
struct recent {
	int64_t		start, end;
	uint64_t	up, down;
	struct addr	src;
	struct locator	loc;
	uint16_t	src_port, dst_port;
	uint8_t		flags, service;
	bool		timed, matched;
	bool		piece;		/* of a conversation that was seen */
	float		best;		/* of the pairs so far */
};

/* What tells whether to look at them, in two lines of the processor's cache. */
struct set {
	uint64_t	self[RECENT_WAYS];	/* hash of it; 0: free */
	int64_t		start[RECENT_WAYS];
};

struct node {
	uint64_t	clients;	/* bits: of pairs in time */
	uint64_t	matched;	/* the same: of matches */
	uint64_t	targets;
	uint32_t	matches;
	int64_t		first, last;
};

struct link_key {
	struct addr	src, relay;
};

struct open {
	int64_t		start;
	uint32_t	ports;
	float		score;
	bool		matched;
};

struct link {
	struct link_key	key;
	int64_t		first, last;
	float		score;
	uint32_t	timed, matched, exact;
	uint32_t	ntargets, npairs, index;
	uint64_t	targets;	/* bits */
	uint64_t	bytes;
	double		lag_sum;		/* s */
	double		ratio_sum, ratio_squares;	/* ln(B/A) */
	double		skew_sum, skew_squares;
	double		end_most;		/* s */
	struct addr	target[TARGETS];
	uint16_t	port[TARGETS];
	uint16_t	in_port;
	uint8_t		in_flags, in_service, in_proto;
	bool		out_away;	/* a target is not at home */
	bool		told, is_later, reverse;
	bool		fresh;		/* a match in this run */
	struct open	open[SESSIONS_OPEN];
	uint32_t	next_open;
	struct evidence	pair[PAIRS_SHOWN][2];
};

/* A device that was quiet and begins. */
struct quiet {
	int64_t		begin, last;
	int64_t		silent;		/* ns, before */
	uint64_t	targets;	/* bits */
	uint32_t	n, kinds;
	struct addr	target;
	struct evidence	at[4];
	bool		told;
};

struct state {
	struct set	*set;		/* RECENT_SETS */
	struct recent	*recent;	/* RECENT_WAYS for each of them */
	struct table	*nodes;		/* struct addr */
	struct table	*links;		/* struct link_key */
	struct table	*quiet;		/* struct addr */
	uint8_t		 is_quiet[QUIET_MAX / 8];	/* bits by hash */
};

static bool
relay_init(void *p)
{
	struct state *s = p;

	s->set = calloc(RECENT_SETS, sizeof(*s->set));
	s->recent = calloc((size_t)RECENT_SETS * RECENT_WAYS,
	    sizeof(*s->recent));
	s->nodes = table_new(sizeof(struct addr), sizeof(struct node),
	    NODES_MAX);
	s->links = table_new(sizeof(struct link_key), sizeof(struct link),
	    LINKS_MAX);
	s->quiet = table_new(sizeof(struct addr), sizeof(struct quiet),
	    QUIET_MAX);
	return s->set != NULL && s->recent != NULL && s->nodes != NULL &&
	    s->links != NULL && s->quiet != NULL;
}

static void
relay_fini(void *p)
{
	struct state *s = p;

	free(s->set);
	free(s->recent);
	table_free(s->nodes);
	table_free(s->links);
	table_free(s->quiet);
}

/* The same in every run: what is pushed out of a set may decide what is found,
 * and who wants that needs no collision, only eight talks with R. */
static uint64_t
self_of(const struct addr *a)
{
	return hash_bytes(a->b, sizeof(a->b), 9) | 1;
}

static uint32_t
set_of(uint64_t self)
{
	return (uint32_t)(self >> 32) & (RECENT_SETS - 1);
}

/* -- log-odds ------------------------------------------------------------ */

static float
held(double x, double lo, double hi)
{
	return (float)(x < lo ? lo : x > hi ? hi : x);
}

static double
seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

/* What R opens in a second, of what it was seen to do. */
static double
rate_of(const struct detect *d, const struct flow *f)
{
	const struct host_seen *h = detect_host(d, &f->src);
	double over;

	if (h == NULL)
		return .01;
	over = seconds(time_diff(f->start, h->first));
	return h->flows_out / MAX_OF(over, 300.0);
}

static double
ln_ratio(uint64_t b, uint64_t a)
{
	return log(((double)b + SETUP_BYTES) / ((double)a + SETUP_BYTES));
}

struct pair {
	float	start, end, volume, shape, sum;
	double	ratio, skew;	/* ln(B/A): of both, up against down */
};

/* Little was said: its likeness says little. */
static double
weight_of(uint64_t bytes)
{
	return (double)bytes / ((double)bytes + 2 * SETUP_BYTES);
}

static void
weigh_bytes(struct pair *p, const struct recent *a, const struct flow *b)
{
	double up = ln_ratio(b->src_bytes, a->up), down, off, w;

	if (b->dst_bytes == 0 || a->down == 0) {	/* one way told */
		p->ratio = up;
		w = weight_of(b->src_bytes);
	} else {
		down = ln_ratio(b->dst_bytes, a->down);
		p->ratio = (up + down) / 2;
		w = weight_of(MAX_OF(b->src_bytes, b->dst_bytes));
		p->skew = up - down;
		off = fabs(p->skew);
		p->shape = held(log(1.4 / (off + .12)) - off * off, -3, 2.5);
		if (p->shape > 0)
			p->shape *= (float)w;
	}
	off = fabs(p->ratio - .08);	/* padding is commoner than loss */
	p->volume = held(log(1 / (off + .12)) - off * off, -4, 2.1);
	if (p->volume > 0)
		p->volume *= (float)w;
}

static void
weigh(struct pair *p, double rate, const struct recent *a,
    const struct flow *b)
{
	double lag = seconds(b->start - a->start);
	double off = fabs(seconds(time_diff(b->end, a->end)));
	double most = MAX_OF(seconds(a->end - a->start),
	    seconds(b->end - b->start));

	memset(p, 0, sizeof(*p));
	if (!a->piece) {
		p->start = held(-log(rate * (lag + .25) + 1e-3), -2, 5);
		p->end = held(log((most / 2 + 1) / (off + .25 +
		    most * .002)), -3, 5);
	}
	weigh_bytes(p, a, b);
	p->sum = p->start + p->end + p->volume + p->shape;
}

/* Crosswise everybody's clients can be compared: all families must agree. */
static bool
is_match(const struct pair *p, bool reverse)
{
	return p->sum >= MATCH_SCORE && p->end > 1 && (p->start > .5f) +
	    (p->volume > .3f) + (p->shape > .3f) >= 2 + reverse;
}

/* Without logarithms: no log-odds would make a match of these. */
static bool
is_far(const struct recent *a, const struct flow *b)
{
	int64_t most = MAX_OF(a->end - a->start, b->end - b->start);
	int64_t off = time_diff(b->end, a->end);

	return off > most / 2 + START_MAX || -off > most / 2 + START_MAX ||
	    b->src_bytes > 4 * a->up + 8192 ||
	    a->up > 4 * b->src_bytes + 8192 ||
	    b->dst_bytes > 4 * a->down + 8192 ||
	    a->down > 4 * b->dst_bytes + 8192;
}

/* -- pairs --------------------------------------------------------------- */

static struct open *
open_of(struct link *l, const struct recent *a)
{
	uint32_t ports = (uint32_t)a->src_port << 16 | a->dst_port;

	for (unsigned i = 0; i < SESSIONS_OPEN; i++)
		if (l->open[i].ports == ports)
			return &l->open[i];
	return NULL;
}

/* What begins with others (the parts of a page) is one with them: they are
 * alike because of what they belong to. */
static struct open *
open_new(struct link *l, const struct recent *a)
{
	struct open *o = &l->open[(l->next_open - 1) % SESSIONS_OPEN];

	if (l->next_open != 0 && time_diff(a->start, o->start) < PARALLEL)
		return o;
	o = &l->open[l->next_open++ % SESSIONS_OPEN];
	*o = (struct open){ .start = a->start,
	    .ports = (uint32_t)a->src_port << 16 | a->dst_port };
	l->timed++;
	return o;
}

static void
add_score(struct link *l, struct open *o, float delta)
{
	delta = MIN_OF(delta, SESSION_MAX - o->score);
	o->score += delta;
	l->score += delta;
}

static void
add_target(struct link *l, const struct flow *b)
{
	l->targets |= host_bit(&b->dst);
	l->out_away |= (b->flags & FLOW_F_DST_HOME) == 0;
	for (uint32_t i = 0; i < l->ntargets; i++)
		if (addr_eq(&l->target[i], &b->dst))
			return;
	if (l->ntargets == TARGETS)
		return;
	l->port[l->ntargets] = b->dst_port;
	l->target[l->ntargets++] = b->dst;
}

static void
add_match(struct node *n, struct link *l, struct recent *a,
    const struct flow *b, const struct pair *p)
{
	double off = fabs(seconds(time_diff(b->end, a->end)));

	l->fresh = true;
	l->matched++;
	l->lag_sum += seconds(b->start - a->start);
	l->ratio_sum += p->ratio;
	l->ratio_squares += p->ratio * p->ratio;
	l->skew_sum += p->skew;
	l->skew_squares += p->skew * p->skew;
	l->end_most = MAX_OF(l->end_most, off);
	l->bytes += a->up + a->down;
	/* The same packets, before the client could have known of an answer. */
	l->exact += a->up == b->src_bytes && a->down == b->dst_bytes &&
	    b->start - a->start < TRANSLATED && a->dst_port == b->dst_port;
	if (l->npairs < PAIRS_SHOWN) {
		l->pair[l->npairs][0] = (struct evidence){ a->loc, a->start };
		l->pair[l->npairs++][1] = (struct evidence){ b->loc,
		    b->start };
	}
	n->matched |= host_bit(&a->src);
	n->matches++;
}

static struct link *
link_of(struct state *s, const struct recent *a, const struct flow *b)
{
	const struct link_key key = { a->src, b->src };
	bool made;
	struct link *l = table_put(s->links, &key, &made);

	if (l == NULL)
		return NULL;
	if (made) {
		l->key = key;
		l->first = a->start;
		l->in_port = a->dst_port;
		l->in_flags = a->flags;
		l->in_service = a->service;
		l->in_proto = b->proto;
	}
	l->last = MAX_OF(l->last, MAX_OF(a->end, b->end));
	return l;
}

static void
try_pair(struct state *s, struct node *n, double rate, struct recent *a,
    const struct flow *b, bool reverse)
{
	struct link *l = link_of(s, a, b);
	struct pair p = { .sum = MISS_SCORE };
	struct open *o;
	float was;

	if (l == NULL)
		return;
	o = open_of(l, a);
	if (!a->timed)
		a->piece = o != NULL && o->score > 0;
	if (o == NULL)
		o = open_new(l, a);
	if (!is_far(a, b))
		weigh(&p, rate, a, b);
	p.sum = MAX_OF(p.sum, MISS_SCORE);
	was = a->timed ? a->best : 0;
	if (!a->timed || p.sum > a->best) {
		a->best = p.sum;
		add_score(l, o, p.sum - was);
	}
	a->timed = true;
	if (a->piece || a->matched || !is_match(&p, reverse))
		return;
	a->matched = true;
	n->targets |= host_bit(&b->dst);
	add_target(l, b);
	if (!o->matched)
		add_match(n, l, a, b, &p);
	o->matched = true;
}

static bool
is_mail(uint16_t port)
{
	return port == 25 || port == 465 || port == 587;
}

/* B: does it belong to what came in before? */
static void
starts(struct detect *d, struct state *s, const struct flow *f)
{
	uint64_t self = self_of(&f->src);
	const struct set *set = &s->set[set_of(self)];
	struct node *n = NULL;
	double rate = 0;
	bool made;

	for (unsigned i = 0; i < RECENT_WAYS; i++) {
		struct recent *a = &s->recent[set_of(self) * RECENT_WAYS + i];

		/* What goes back to where it came from is none. */
		if (set->self[i] != self || f->start < set->start[i] ||
		    time_diff(f->start, set->start[i]) > START_MAX ||
		    addr_eq(&a->src, &f->dst) ||
		    (is_mail(a->dst_port) && is_mail(f->dst_port)))
			continue;
		if (n == NULL) {
			n = table_put(s->nodes, &f->src, &made);
			if (n == NULL || host_count(n->clients) > CLIENTS_MAX)
				return;
			if (made)
				n->first = f->start;
			n->last = f->start;
			rate = rate_of(d, f);
		}
		n->clients |= host_bit(&a->src);
		try_pair(s, n, rate, a, f, false);
	}
}

/*
 * Two that both end at R, and what one says the other hears: ssh -R, where R
 * passes on over a conversation that the next hop had opened.  c came before
 * a; the pair is told as if R had opened it when a came.
 */
static void
reverse_pair(struct detect *d, struct state *s, const struct recent *c,
    struct recent *a, const struct flow *f)
{
	const struct flow b = { .start = f->start, .end = c->end,
	    .src = f->dst, .dst = c->src, .dst_port = c->dst_port,
	    .proto = f->proto, .src_bytes = c->down, .dst_bytes = c->up,
	    .loc = c->loc,
	    .flags = c->flags & FLOW_F_SRC_HOME ? FLOW_F_DST_HOME : 0 };
	const struct host_seen *h;
	struct recent x = *a;
	struct link *l;
	struct node *n;
	double over;
	bool made;

	x.start = c->start;
	/* two of ours at a server of theirs */
	if ((f->flags & FLOW_F_DST_HOME) == 0 &&
	    (f->flags & c->flags & FLOW_F_SRC_HOME) != 0)
		return;
	if (is_far(&x, &b) || c->down > 2 * f->src_bytes + 8192 ||
	    f->src_bytes > 2 * c->down + 8192 ||
	    (h = detect_host(d, &f->dst)) == NULL ||
	    (n = table_put(s->nodes, &f->dst, &made)) == NULL ||
	    host_count(n->clients |= host_bit(&f->src)) > CLIENTS_MAX)
		return;
	if (made)
		n->first = f->start;
	n->last = f->start;
	over = seconds(time_diff(f->start, h->first));
	try_pair(s, n, h->flows_in / MAX_OF(over, 300.0), &x, &b, true);
	a->timed |= x.timed;
	a->piece |= x.piece;
	a->best = x.best;
	if (!x.matched || a->matched)
		return;
	a->matched = true;
	if ((l = link_of(s, a, &b)) != NULL)
		l->reverse = true;
}

/* A: remembered while others may begin. */
static void
ends(struct detect *d, struct state *s, const struct flow *f)
{
	uint64_t self = self_of(&f->dst);
	unsigned at = 0;
	struct set *set = &s->set[set_of(self)];
	struct recent *way = &s->recent[set_of(self) * RECENT_WAYS], a = {
		.start = f->start, .end = f->end,
		.up = f->src_bytes, .down = f->dst_bytes, .src = f->src,
		.loc = f->loc, .src_port = f->src_port,
		.dst_port = f->dst_port, .flags = f->flags,
		.service = f->service
	};

	for (unsigned i = 0; i < RECENT_WAYS; i++) {
		if (set->self[i] == self && f->start >= set->start[i] &&
		    time_diff(f->start, set->start[i]) <= START_MAX &&
		    way[i].down != 0 && !addr_eq(&way[i].src, &f->src))
			reverse_pair(d, s, &way[i], &a, f);
		if (set->self[at] != 0 && (set->self[i] == 0 ||
		    set->start[i] < set->start[at]))
			at = i;
	}
	set->self[at] = self;
	set->start[at] = f->start;
	way[at] = a;
}

/* -- a quiet device begins ----------------------------------------------- */

#define QUIET_TIME	(6 * 3600 * NSEC)
#define QUIET_FLOWS	60u		/* in it: it was there, and watched */
#define QUIET_PEERS	6u		/* names, time, vendor, VPN */
#define BEGIN_TIME	(24 * 3600 * NSEC)
#define BEGIN_FLOWS	8u
#define BEGIN_PEERS	5u
#define BEGIN_KINDS	2u

enum { BEGIN_ADMIN, BEGIN_MAIL, BEGIN_TOR, BEGIN_FILES, BEGIN_PROXY,
	BEGIN_WEB };

static unsigned
begin_kind(const struct flow *f)
{
	switch (f->dst_port) {
	case 22: case 23: case 2222: case 3389: case 5900: case 5985:
		return BEGIN_ADMIN;
	case 25: case 110: case 143: case 465: case 587: case 993: case 995:
		return BEGIN_MAIL;
	case 9001: case 9030: case 9050: case 9150:
		return BEGIN_TOR;
	case 21: case 445: case 1433: case 3306:
		return BEGIN_FILES;
	case 1080: case 3128: case 8118:
		return BEGIN_PROXY;
	default:
		return BEGIN_WEB;
	}
}

static const char *const begin_names[] = {
	"remote administration", "mail", "Tor", "files and data bases",
	"proxies"
};

static struct quiet *
quiet_of(struct detect *d, struct state *s, const struct flow *f)
{
	uint32_t bit = (uint32_t)self_of(&f->src) & (QUIET_MAX - 1);
	const struct host_seen *h;
	struct quiet *q;
	bool made;

	if ((s->is_quiet[bit / 8] & 1u << bit % 8) != 0 &&
	    (q = table_get(s->quiet, &f->src)) != NULL)
		return q;
	h = detect_host(d, &f->src);
	if (h == NULL || h->flows_out < QUIET_FLOWS ||
	    host_count(h->servers) > QUIET_PEERS ||
	    time_diff(f->start, h->first) < QUIET_TIME ||
	    (q = table_put(s->quiet, &f->src, &made)) == NULL)
		return NULL;
	s->is_quiet[bit / 8] |= (uint8_t)(1u << bit % 8);
	q->begin = f->start;
	q->silent = time_diff(f->start, h->first);
	return q;
}

static void
tell_begin(struct detect *d, const struct flow *last, struct quiet *q)
{
	const struct host_seen *h = detect_host(d, &last->src);
	bool router = h != NULL && (h->served & (1u << FLOW_DNS |
	    1u << FLOW_DHCP)) != 0;
	bool first = true;
	struct finding f;
	struct arena m;

	q->told = true;
	arena_init(&m, 64u << 10);
	finding_init_flow(&f, d, &m, last);
	f.rule = "relay-originates";
	f.title = "A quiet device begins conversations of its own";
	f.attack = "T1584.008 T1090";
	f.time = q->at[0].time;
	f.nevidence = 0;
	f.count = 0;
	for (unsigned i = 0; i < NITEMS(q->at); i++)
		finding_evidence(&f, &q->at[i].loc, q->at[i].time);
	f.count = q->n;
	f.last_time = last->end;
	f.severity = router ? SEV_HIGH : SEV_MEDIUM;
	f.confidence = router ? 80 : 70;
	f.entity[ENTITY_HOST] = f.entity[ENTITY_SRC_IP];
	buf_span(&d->text, f.entity[ENTITY_HOST]);
	buf_printf(&d->text, "%s asked only names, the time and a few known "
	    "servers for %.0f hours, then opened %u conversations with about "
	    "%u hosts outside: ", router ? ", which serves names or addresses "
	    "to others," : "", seconds(q->silent) / 3600, q->n,
	    host_count(q->targets));
	for (unsigned i = 0; i < BEGIN_WEB; i++) {
		if ((q->kinds & 1u << i) == 0)
			continue;
		buf_printf(&d->text, "%s%s", first ? "" : ", ",
		    begin_names[i]);
		first = false;
	}
	buf_str(&d->fold, "originates|");
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
originates(struct detect *d, struct state *s, const struct flow *f)
{
	unsigned kind = begin_kind(f);
	struct quiet *q;

	if ((f->flags & FLOW_F_DST_HOME) != 0 ||
	    (q = quiet_of(d, s, f)) == NULL || q->told)
		return;
	if (time_diff(f->start, q->begin) > BEGIN_TIME) {
		q->begin = f->start;
		q->n = q->kinds = 0;
		q->targets = 0;
	}
	q->at[MIN_OF(q->n, NITEMS(q->at) - 1u)] = (struct evidence){ f->loc,
	    f->start };
	q->n++;
	q->last = f->end;
	q->targets |= host_bit(&f->dst);
	if (kind != BEGIN_WEB)
		q->kinds |= 1u << kind;
	if (q->n >= BEGIN_FLOWS && host_count(q->targets) >= BEGIN_PEERS &&
	    (unsigned)__builtin_popcount(q->kinds) >= BEGIN_KINDS)
		tell_begin(d, f, q);
}

static void
relay_flow(struct detect *d, void *p, const struct flow *f)
{
	struct state *s = p;

	if (!passes(f))
		return;
	starts(d, s, f);
	ends(d, s, f);
	originates(d, s, f);
}

/* -- in the end ---------------------------------------------------------- */

static bool
is_admin_port(uint16_t port)
{
	return port == 22 || port == 23 || port == 3389;
}

static bool
is_proxy_port(uint16_t port)
{
	return port == 3128 || port == 8080 || port == 8118 || port == 8888;
}

/* The middle boxes that everybody has, by who is at home. */
static bool
is_trade(const struct node *n, const struct link *l)
{
	bool src = (l->in_flags & FLOW_F_SRC_HOME) != 0;
	bool self = (l->in_flags & FLOW_F_DST_HOME) != 0;
	unsigned clients = host_count(n->clients);
	double days = MAX_OF(seconds(time_diff(n->last, n->first)) / 86400,
	    1.0);

	if (clients > CLIENTS_MAX)
		return true;
	/* Whoever comes is led to the same place: a reverse proxy. */
	if (clients > CLIENTS_HOME && host_count(n->targets) == 1)
		return true;
	if (src && self && !l->out_away)
		return clients > CLIENTS_HOME || is_admin_port(l->in_port) ||
		    n->matches > TRADE_DAILY * days;
	if (src && self)		/* a proxy goes wherever it is asked */
		return clients > CLIENTS_HOME || is_proxy_port(l->in_port) ||
		    host_count(n->targets) > TARGETS_HOME;
	if (self && !l->out_away)	/* published; VPN; forwarded port */
		return clients > CLIENTS_HOME || is_vpn_port(l->in_port) ||
		    l->exact * 2 > l->matched;
	return false;
}

/* Variance of what n sums and squares tell. */
static double
spread(double sum, double squares, uint32_t n)
{
	double mean = sum / n;

	return squares / n - mean * mean;
}

/*
 * What is passed on is larger by the same share each time.  A program that
 * asks another one for each request begins and ends with it too, but says
 * more or less than it was asked.
 */
static bool
is_steady(const struct link *l)
{
	return spread(l->ratio_sum, l->ratio_squares, l->matched) <
	    RATIO_SPREAD && spread(l->skew_sum, l->skew_squares,
	    l->matched) < SKEW_SPREAD;
}

static bool
is_told(const struct state *s, const struct link *l)
{
	const struct node *n = table_find(s->nodes, &l->key.relay);

	return n != NULL && l->fresh && l->score >= TELL_SCORE &&
	    l->matched >= 2 && l->matched * 2 >= l->timed && is_steady(l) &&
	    !is_trade(n, l);
}

/* The told link that goes on from this one's target. */
static struct link *
next_of(const struct state *s, struct link *const *told,
    const struct link *l)
{
	for (uint32_t i = 0; i < l->ntargets; i++) {
		const struct link_key key = { l->key.relay, l->target[i] };
		const struct link *next = table_find(s->links, &key);

		if (next != NULL && next->told)
			return told[next->index];
	}
	return NULL;
}

static void
say_link(struct buf *b, const struct link *l)
{
	double n = l->matched, lag = l->lag_sum / n;

	buf_printf(b, "%u of %u conversations were followed by one that began "
	    "%.0f ms later, ended within %.1f s of it and carried %.2f times "
	    "the bytes", l->matched, l->timed, lag * 1000, l->end_most,
	    exp(l->ratio_sum / n));
}

static void
add_evidence(struct finding *f, const struct link *l)
{
	for (uint32_t i = 0; i < l->npairs; i++)
		for (unsigned k = 0; k < 2; k++)
			if (f->nevidence < EVIDENCE_MAX)
				f->evidence[f->nevidence++] = l->pair[i][k];
	f->time = MIN_OF(f->time, l->first);
	f->last_time = MAX_OF(f->last_time, l->last);
	f->count += l->matched;
}

/* From this link on, as far as it goes. */
static void
tell_chain(struct detect *d, const struct state *s,
    struct link *const *told, struct link *l)
{
	struct link *hop[HOPS_MAX] = { l }, *last = l;
	const struct node *node = table_find(s->nodes, &l->key.relay);
	unsigned n = 1, sources = host_count(node->matched);
	struct finding f;
	struct arena m;

	while (n < HOPS_MAX && (last = next_of(s, told, last)) != NULL &&
	    last != l)
		hop[n++] = last;
	last = hop[n - 1];
	arena_init(&m, 64u << 10);
	finding_init(&f, d, NULL);
	f.time = l->first;
	f.last_time = l->last;
	f.count = 0;
	if (n > 1)
		buf_printf(&d->text, "Chain of %u relays: ", n);
	text_addr(&d->text, &l->key.src);
	for (unsigned i = 0; i < n; i++) {
		buf_str(&d->text, " → ");
		text_addr(&d->text, &hop[i]->key.relay);
		text_addr(&d->fold, &hop[i]->key.relay);
		buf_str(&d->fold, "|");
		add_evidence(&f, hop[i]);
	}
	buf_str(&d->text, " → ");
	text_addr(&d->text, &last->target[0]);
	buf_printf(&d->text, last->reverse ? " (which had called port %u)" :
	    " port %u", last->port[0]);
	if (host_count(last->targets) > 1)
		buf_printf(&d->text, " and about %u more",
		    host_count(last->targets) - 1);
	buf_str(&d->text, ": ");
	say_link(&d->text, l);
	if (sources > 1)
		buf_printf(&d->text, "; about %u sources in all", sources);
	if ((l->in_flags & FLOW_F_DST_HOME) != 0)
		buf_str(&d->text, "; a jump host or small proxy of your own "
		    "looks the same");
	f.severity = (l->in_flags & FLOW_F_SRC_HOME) != 0 ? SEV_MEDIUM :
	    SEV_HIGH;
	f.confidence = (unsigned)held(50 + (double)l->score / 2, 60, 95);
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &l->key.src);
	f.entity[ENTITY_HOST] = addr_text(&m, &l->key.relay);
	f.entity[ENTITY_DST_IP] = addr_text(&m, &last->target[0]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
relay_end(struct detect *d, void *p)
{
	struct state *s = p;
	uint32_t it = 0, n = 0, cap = MAX_OF(table_count(s->links), 1u);
	struct link **told = calloc(cap, sizeof(struct link *)), *next;
	const void *key;
	void *value;

	if (told == NULL)
		return;
	while (table_next(s->links, &it, &key, &value)) {
		struct link *l = value;

		l->is_later = false;
		if ((l->told = is_told(s, l))) {
			l->index = n;
			told[n++] = l;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if ((next = next_of(s, told, told[i])) != NULL)
			next->is_later = true;
	for (uint32_t i = 0; i < n; i++)
		if (!told[i]->is_later)
			tell_chain(d, s, told, told[i]);
	free(told);
	if (table_evicted(s->links) + table_evicted(s->nodes) +
	    table_evicted(s->quiet) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* Recent flows are of minutes: they are not worth keeping. */
static void
relay_save(const void *p, struct buf *b)
{
	const struct state *s = p;

	table_save(s->nodes, b);
	table_save(s->links, b);
	table_save(s->quiet, b);
}

/* Places in files of another run are nothing to show. */
static bool
forget_places(struct state *s)
{
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->links, &it, &key, &value)) {
		struct link *l = value;

		if (l->ntargets > TARGETS)
			return false;
		l->npairs = 0;
		l->fresh = false;
	}
	for (it = 0; table_next(s->quiet, &it, &key, &value);) {
		struct quiet *q = value;
		uint32_t bit = (uint32_t)self_of(key) & (QUIET_MAX - 1);

		q->n = q->kinds = 0;
		q->targets = 0;
		s->is_quiet[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	return true;
}

static bool
relay_restore(void *p, struct cursor *c)
{
	struct state *s = p;

	return table_restore(s->nodes, c) && table_restore(s->links, c) &&
	    table_restore(s->quiet, c) && forget_places(s);
}

static const uint8_t kinds[] = { KIND_NONE };
static const uint16_t fields[] = { FIELD_OTHER };

const struct detector detector_relay = {
	.name = "relay",
	.title = "An address that passes conversations on",
	.doc = "What ends at an address it begins anew towards another one: "
	    "starts, ends and volumes belong together, again and again; or a "
	    "device that was quiet for hours begins to open conversations of "
	    "several kinds. Proxies, load balancers, mail relays and VPN "
	    "gateways are known by their many clients; a jump host or proxy "
	    "with one or two clients is a relay too: allow it with --tune. "
	    "Not told: inside to inside over the ports of SSH, RDP, Telnet.",
	.attack = "T1090 T1090.003 T1584.008",
	.advice = "Ask what the address is and who runs it. A router, camera "
	    "or server has no reason to pass on; take its memory and "
	    "configuration before restarting, and look at the target's logs "
	    "for what came over it.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.state_size = sizeof(struct state),
	.init = relay_init,
	.flow = relay_flow,
	.end = relay_end,
	.fini = relay_fini,
	.state_version = 1,
	.save = relay_save,
	.restore = relay_restore,
};
