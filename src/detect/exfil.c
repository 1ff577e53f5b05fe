/* SPDX-License-Identifier: Apache-2.0
 *
 * Data taken out, ATT&CK T1041, T1048, T1567: a host of ours gives an address
 * outside far more than it takes, against its habit.
 *
 * The measure is the producer-consumer ratio (sent - received) / (sent +
 * received) of bytes (Bullard and Gerth, FloCon 2014): +1 gives only, -1 takes
 * only.  For each host the ratio of each hour is its habit: the median and the
 * median deviation of up to HOURS hours in which it talked to the outside.
 * For each host and network outside (/24, IPv6 /48: takers change addresses)
 * bytes are added up over WINDOW.  Told is, at a ratio of RATIO and more,
 * - a sum over FLOOR_HABIT and over ABOVE times the most that the host gave
 *   like this in any hour before (meetings send as much, but take it too), to
 *   a network new to it; high where the host's own ratio moved by SHIFT and
 *   DEVIATIONS median deviations in these hours;
 * - without a habit to compare with, a sum over FLOOR at ratio RATIO_ALONE:
 *   less sure, and said so;
 * - slow: days whose sums stay under the floors but together exceed FLOOR.
 *
 * Only conversations that the host opened count: what a server answers is its
 * work.  Passed over are networks that POPULAR hosts and POPULAR_PERCENT of
 * all send to (cloud storage, meetings, delivery), that the host has sent
 * like amounts to on DAYS_USED days, or evenly since the evidence begins;
 * hosts that give to MANY_TAKERS networks a day (peer-to-peer, mirrors); mail
 * of mail servers; DNS (dns-tunnel).  An address translation needs a habit.
 *
 * Known false alarms: a first backup to a new place, a large file shared by a
 * service that nobody else here uses.  Missed: theft by way of a service that
 * half the house uses; less than the floors.
 *
 * Cost: two lookups for a conversation to the outside that carries SMALL and
 * more, one else.  Bounds: HOSTS_KEPT of 2 KB, PAIRS_MAX of 300 bytes,
 * NETS_SEEN of 30; quiet ones make room.
 */
#include <stdlib.h>

#include "detect.h"

#define WINDOW		(24 * 3600 * NSEC)
#define HOUR		(3600 * NSEC)
#define HOURS		168u	/* a week all day, a month of work */
#define HOSTS_KEPT	(1u << 15)
#define PAIRS_MAX	(1u << 17)
#define NETS_SEEN	(1u << 17)

#define SMALL		4096u		/* bytes of one conversation */
#define ACTIVE		50000u		/* bytes in an hour that tell of it */
#define MEGA		UINT64_C(1000000)
#define FLOOR		(100 * MEGA)
#define FLOOR_HABIT	(30 * MEGA)
#define ABOVE		3u
#define RATIO		0.5
#define RATIO_ALONE	0.8
#define SHIFT		0.5
#define DEVIATIONS	(4 * 1.4826)	/* of a normal distribution: 4 sigma */
#define HABIT_MIN	4u		/* hours */
#define HABIT_GOOD	12u
#define NEW_AFTER	HOUR		/* of the host's first */
#define DAYS_USED	3u
#define EVEN_HOURS	4u
#define MANY_TAKERS	8u
#define TAKER		(5 * MEGA)
#define POPULAR		4u		/* hosts */
#define POPULAR_PERCENT	2u		/* as beacon: RITA's lower mark */
#define SERVICE_PERCENT	20u		/* hosts that give much */
#define INSIDE_MIN	MEGA
#define NAT_SERVERS	200u		/* host_count() */
#define PACKET_MOST	65535u		/* no packet has more bytes */

struct hour {
	uint32_t	at;		/* hours since 1970 */
	uint32_t	given_kb;
	int32_t		ratio;		/* in thousandths */
};

struct host {
	int64_t		first;
	int64_t		day;		/* begin of what is counted a day */
	uint64_t	inside;		/* taken from hosts at home */
	uint32_t	takers;
	uint32_t	n;		/* hours ever; the newest are there */
	uint32_t	at;		/* the hour that goes on */
	uint64_t	sent, received;
	uint64_t	given;		/* of sent, where little came back */
	struct hour	ring[HOURS];
};

struct pair {
	struct addr	src, dst;	/* dst: who got most */
	uint64_t	dst_sent;
	int64_t		first;		/* ever */
	int64_t		since, last;	/* of the window */
	uint64_t	sent, received;
	uint64_t	before_sent, before_received;	/* windows before */
	uint32_t	days;		/* of them */
	uint32_t	n, before_n;
	uint32_t	hour, hours;	/* the last one; how many differ */
	uint64_t	hour_sent, hour_most;
	uint64_t	biggest;
	struct locator	one, big;	/* first of the window, biggest */
	int64_t		one_at, big_at;	/* TIME_NONE: in another run */
	uint16_t	port;
	uint8_t		proto;
	bool		fresh, taker, giver;
	bool		told;		/* not to be told as slow too */
};

/* Bits of hosts, host_bit(). */
struct net_seen {
	uint64_t	users;
	uint64_t	givers;		/* that a finding could name */
};

struct state {
	struct table	*hosts;		/* struct addr */
	struct table	*pairs;		/* uint64_t: hash of host and net */
	struct table	*nets;		/* uint64_t: struct net_seen */
	struct crowd	 homes;
	int64_t		 from;		/* of all flows; -1: none yet */
};

static const uint8_t kinds[] = { KIND_NONE };
static const uint16_t fields[] = { FIELD_OTHER };

static bool
exfil_init(void *p)
{
	struct state *s = p;

	s->from = -1;
	s->hosts = table_new(sizeof(struct addr), sizeof(struct host),
	    HOSTS_KEPT);
	s->pairs = table_new(sizeof(uint64_t), sizeof(struct pair),
	    PAIRS_MAX);
	s->nets = table_new(sizeof(uint64_t), sizeof(struct net_seen),
	    NETS_SEEN);
	return s->hosts != NULL && s->pairs != NULL && s->nets != NULL;
}

static void
exfil_fini(void *p)
{
	struct state *s = p;

	table_free(s->hosts);
	table_free(s->pairs);
	table_free(s->nets);
}

/* -- habit --------------------------------------------------------------- */

static double
ratio(uint64_t sent, uint64_t received)
{
	double all = (double)sent + (double)received;

	return all <= 0 ? 0 : ((double)sent - (double)received) / all;
}

static uint32_t
hour_of(int64_t t)
{
	return (uint32_t)(t / HOUR);
}

/* The hour that went on is over. */
static void
close_hour(struct host *h)
{
	if (h->sent + h->received >= ACTIVE)
		h->ring[h->n++ % HOURS] = (struct hour){ .at = h->at,
		    .ratio = (int32_t)(ratio(h->sent, h->received) * 1000),
		    .given_kb = (uint32_t)MIN_OF(h->given / 1000,
		    UINT32_MAX) };
	h->sent = h->received = h->given = 0;
}

static struct host *
host_of(struct state *s, const struct addr *a, int64_t t)
{
	struct host *h;
	bool made;

	if ((h = table_put(s->hosts, a, &made)) == NULL)
		return NULL;
	if (made)
		h->first = h->day = t;
	if (h->at != hour_of(t)) {
		close_hour(h);
		h->at = hour_of(t);
	}
	if (time_diff(t, h->day) > WINDOW) {
		h->day = t;
		h->inside = 0;
		h->takers = 0;
	}
	return h;
}

struct habit {
	unsigned	n;		/* hours before */
	double		median, deviation;
	uint64_t	most;		/* given in an hour */
	double		during;		/* in the hours of the sending */
	bool		shifted;
};

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median_of(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Hours before from; what it was from then to to. */
static struct habit
habit_of(const struct host *h, int64_t from, int64_t to)
{
	double v[HOURS], during = 0;
	struct habit b = { 0 };
	unsigned in = 0, i;

	for (i = 0; i < MIN_OF(h->n, HOURS); i++) {
		const struct hour *x = &h->ring[i];

		if (x->at < hour_of(from)) {
			v[b.n++] = x->ratio / 1000.0;
			b.most = MAX_OF(b.most, x->given_kb * UINT64_C(1000));
		} else if (x->at <= hour_of(to)) {
			during += x->ratio / 1000.0;
			in++;
		}
	}
	if (h->at >= hour_of(from) && h->at <= hour_of(to) &&
	    h->sent + h->received >= ACTIVE) {
		during += ratio(h->sent, h->received);
		in++;
	}
	if (b.n == 0 || in == 0)
		return b;
	b.during = during / in;
	b.median = median_of(v, b.n);
	for (i = 0; i < b.n; i++)
		v[i] = v[i] < b.median ? b.median - v[i] : v[i] - b.median;
	b.deviation = median_of(v, b.n);
	b.shifted = b.during - b.median >= SHIFT &&
	    b.during - b.median >= DEVIATIONS * b.deviation;
	return b;
}

/* -- judging ------------------------------------------------------------- */

enum why { WHY_NOT, WHY_SHIFT, WHY_NEW, WHY_ALONE, WHY_SLOW };

static bool
is_nat(const struct detect *d, const struct addr *a)
{
	const struct host_seen *h = detect_host(d, a);

	return h != NULL && host_count(h->servers) >= NAT_SERVERS;
}

/* The same each hour since the evidence begins, as cameras and copies of data
 * bases are. */
static bool
is_even(const struct state *s, const struct pair *p)
{
	return time_diff(p->first, s->from) <= NEW_AFTER &&
	    p->hours >= EVEN_HOURS &&
	    p->hour_most <= 3 * (p->sent / p->hours);
}

static bool
is_usual(const struct pair *p)
{
	return p->days >= DAYS_USED && p->before_sent / p->days >= p->sent / 4;
}

static enum why
judge(const struct detect *d, const struct state *s, const struct host *h,
    const struct pair *p, struct habit *b)
{
	bool is_new = h != NULL && time_diff(p->first, h->first) >= NEW_AFTER &&
	    p->before_sent < p->sent / 4;
	double r = ratio(p->sent, p->received);

	*b = (struct habit){ 0 };
	if (p->sent < FLOOR_HABIT || r < RATIO || is_usual(p) ||
	    (h != NULL && h->takers >= MANY_TAKERS))
		return WHY_NOT;
	if (h != NULL)
		*b = habit_of(h, p->since, p->last);
	if (is_new && b->n >= HABIT_MIN)
		return p->sent / ABOVE < b->most ? WHY_NOT : b->shifted ?
		    WHY_SHIFT : WHY_NEW;
	if (p->sent < FLOOR || r < RATIO_ALONE || is_even(s, p) ||
	    is_nat(d, &p->src) || p->sent / ABOVE < b->most)
		return WHY_NOT;
	return WHY_ALONE;
}

/* Days that are each too little, together enough. */
static enum why
judge_slow(const struct host *h, const struct pair *p, struct habit *b)
{
	uint64_t all = p->sent + p->before_sent;

	if (h == NULL || p->days == 0 || all < FLOOR || ratio(all,
	    p->received + p->before_received) < RATIO ||
	    time_diff(p->first, h->first) < NEW_AFTER ||
	    h->takers >= MANY_TAKERS)
		return WHY_NOT;
	*b = habit_of(h, p->first, p->last);
	return b->n >= HABIT_GOOD && all / ABOVE >= b->most ? WHY_SLOW :
	    WHY_NOT;
}

/*
 * How many others of ours use the place as most do.  Hosts that give as much
 * do not count: a thief's address does not become harmless by having several
 * victims, unless a good part of the house gives there.
 */
static bool
is_popular(const struct detect *d, const struct state *s,
    const struct pair *p, uint64_t net, unsigned *who)
{
	const struct host_seen *h = detect_host(d, &p->dst);
	const struct net_seen *n = table_find(s->nets, &net);
	uint64_t users = n == NULL ? 0 : n->users;
	uint64_t givers = host_bit(&p->src) | (n == NULL ? 0 : n->givers);
	unsigned homes = crowd_count(&s->homes), others;

	if (h != NULL)
		users |= h->clients;
	*who = MAX_OF(host_count(users), 1u);
	others = host_count(users & ~givers);
	if (others >= POPULAR && others * 100 > homes * POPULAR_PERCENT)
		return true;
	others = host_count(givers);
	return others >= POPULAR && others * 100 > homes * SERVICE_PERCENT;
}

/* -- telling ------------------------------------------------------------- */

static void
put_bytes(struct buf *b, uint64_t n)
{
	double x = (double)n;

	if (x < 1e6)
		buf_printf(b, "%.0f kB", x / 1e3);
	else if (x < 1e9)
		buf_printf(b, "%.3g MB", x / 1e6);
	else
		buf_printf(b, "%.3g GB", x / 1e9);
}

static void
put_habit(struct buf *t, const struct host *h, const struct pair *p,
    const struct habit *b, enum why why)
{
	switch (why) {
	case WHY_ALONE:
		buf_str(t, "; there is no habit of that host to compare it "
		    "with");
		break;
	default:
		buf_printf(t, "; in the %u hours of talk with the outside "
		    "before, its ratio was %+.2f (median)", b->n, b->median);
		if (b->shifted)
			buf_printf(t, ", now %+.2f", b->during);
		buf_str(t, ", and the most that it gave in one was ");
		put_bytes(t, b->most);
		break;
	}
	if (why == WHY_SLOW)
		buf_printf(t, "; %u days, none of which is much",
		    p->days + 1);
	if (h != NULL && h->inside >= p->sent / 4) {
		buf_str(t, "; it had taken ");
		put_bytes(t, h->inside);
		buf_str(t, " from hosts inside within the day");
	}
}

static void
set_worth(struct finding *f, enum why why, const struct habit *b)
{
	switch (why) {
	case WHY_SHIFT:
		f->severity = SEV_HIGH;
		f->confidence = b->n >= HABIT_GOOD ? 85 : 70;
		break;
	case WHY_NEW:
		f->confidence = 60;
		break;
	case WHY_SLOW:
		f->rule = "exfil-slow";
		f->title = "Data taken out little by little";
		f->confidence = 55;
		break;
	default:
		f->confidence = 40;
		break;
	}
}

static void
put_sent(struct buf *t, const struct finding *f, const struct pair *p,
    enum why why)
{
	bool slow = why == WHY_SLOW;
	uint64_t sent = p->sent + (slow ? p->before_sent : 0);
	uint64_t received = p->received + (slow ? p->before_received : 0);
	uint64_t n = p->n + (uint64_t)(slow ? p->before_n : 0);

	buf_span(t, f->entity[ENTITY_SRC_IP]);
	buf_str(t, " sent ");
	put_bytes(t, sent);
	buf_str(t, " to ");
	if (p->dst_sent < p->sent - p->sent / 20)
		buf_str(t, "the network of ");
	buf_span(t, f->entity[ENTITY_DST_IP]);
	if (p->port != 0)
		buf_printf(t, " port %u", p->port);
	buf_str(t, " and took ");
	put_bytes(t, received);
	buf_printf(t, " (ratio %+.2f) in %llu conversation%s within ",
	    ratio(sent, received), (unsigned long long)n, n == 1 ? "" : "s");
	text_duration(t, time_diff(p->last, slow ? p->first : p->since));
}

static void
tell(struct detect *d, const struct state *s, struct pair *p,
    uint64_t net)
{
	const struct host *h = table_find(s->hosts, &p->src);
	unsigned who, homes = crowd_count(&s->homes);
	struct habit b;
	enum why why = judge(d, s, h, p, &b);
	struct finding f;
	struct arena m;
	char port[8];
	struct buf t;

	if (why == WHY_NOT && !p->told)
		why = judge_slow(h, p, &b);
	if (why == WHY_NOT)
		return;
	if (is_popular(d, s, p, net, &who))
		return;
	homes = MAX_OF(homes, who);
	p->told |= why != WHY_SLOW;
	arena_init(&m, 4096);
	finding_init(&f, d, NULL);
	finding_evidence(&f, &p->one, p->one_at);
	if (p->big_at != p->one_at)
		finding_evidence(&f, &p->big, p->big_at);
	set_worth(&f, why, &b);
	f.time = why == WHY_SLOW ? p->first : p->since;
	f.last_time = p->last;
	f.count = p->n;
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &p->src);
	f.entity[ENTITY_DST_IP] = addr_text(&m, &p->dst);
	buf_init(&t, sizeof(port));
	buf_put_u64(&t, p->port);
	f.entity[ENTITY_DST_PORT] = arena_copy(&m, buf_view(&t));
	buf_fini(&t);
	put_sent(&d->text, &f, p, why);
	put_habit(&d->text, h, p, &b, why);
	buf_printf(&d->text, "; %u of about %u hosts here use%s that network",
	    who, homes, who == 1 ? "s" : "");
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_printf(&d->fold, " %016llx", (unsigned long long)net);
	finding_raise(&f, d);
	arena_fini(&m);
}

/* -- conversations ------------------------------------------------------- */

/* Hashes that the fold shows: the same in every run. */
static uint64_t
net_of(const struct addr *a)
{
	return hash_bytes(a->b, addr_is_v4(a) ? 15 : 6, 11);
}

static uint64_t
pair_of(const struct addr *src, uint64_t net)
{
	return hash_bytes(src->b, sizeof(src->b), net);
}

static bool
is_multicast(const struct addr *a)
{
	return addr_is_v4(a) ? a->b[12] >= 224 || a->b[12] == 0 :
	    a->b[0] == 0xff;
}

/* No number that the packets cannot have carried. */
static uint64_t
plausible(uint64_t bytes, uint64_t pkts)
{
	return pkts == 0 || pkts > UINT32_MAX ? bytes :
	    MIN_OF(bytes, pkts * PACKET_MOST);
}

/* What the house gives out by its nature, or other detectors look at. */
static bool
is_work(const struct detect *d, const struct flow *f)
{
	enum flow_service service = f->service != FLOW_SERVICE_NONE ?
	    (enum flow_service)f->service :
	    flow_port_service(f->proto, f->dst_port);
	const struct host_seen *h;

	if (service == FLOW_DNS || service == FLOW_NTP)
		return true;
	if (service != FLOW_SMTP)
		return false;
	h = detect_host(d, &f->src);
	return h != NULL && (h->served & 1u << FLOW_SMTP) != 0;
}

/* A new window; the old one is over. */
static void
turn(struct detect *d, struct state *s, struct pair *p, uint64_t net,
    int64_t t)
{
	tell(d, s, p, net);
	if (p->sent >= MEGA) {
		p->days += p->days != UINT32_MAX;
		p->before_n += p->n;
		p->before_sent += p->sent;
		p->before_received += p->received;
	}
	p->since = t;
	p->sent = p->received = p->dst_sent = 0;
	p->n = p->hours = 0;
	p->hour_sent = p->hour_most = p->biggest = 0;
	p->taker = p->giver = false;
}

static void
add(struct pair *p, const struct flow *f, uint64_t sent)
{
	uint32_t hour = hour_of(f->start);

	if (p->n == 0 || hour != p->hour) {
		p->hour = hour;
		p->hours++;
		p->hour_sent = 0;
	}
	if (p->n == 0 || p->one_at == TIME_NONE) {
		p->one = f->loc;
		p->one_at = f->start;
	}
	p->n += p->n != UINT32_MAX;
	p->hour_sent += sent;
	p->hour_most = MAX_OF(p->hour_most, p->hour_sent);
	p->sent += sent;
	p->received += plausible(f->dst_bytes, f->dst_pkts);
	p->last = MAX_OF(p->last, f->end);
	p->fresh = true;
	/* Who gets most, by majority (Boyer and Moore). */
	if (addr_eq(&p->dst, &f->dst)) {
		p->dst_sent += sent;
	} else if (p->dst_sent >= sent) {
		p->dst_sent -= sent;
	} else {
		p->dst = f->dst;
		p->dst_sent = sent - p->dst_sent;
	}
	if (sent > p->biggest) {
		p->biggest = sent;
		p->big = f->loc;
		p->big_at = f->start;
		p->port = f->proto == 6 || f->proto == 17 ? f->dst_port : 0;
		p->proto = f->proto;
	}
}

static struct net_seen *
net_seen(struct state *s, uint64_t net)
{
	bool made;

	return table_put(s->nets, &net, &made);
}

static void
gives(struct detect *d, struct state *s, struct host *h,
    const struct flow *f, uint64_t sent)
{
	uint64_t net = net_of(&f->dst), k = pair_of(&f->src, net);
	struct net_seen *n;
	struct pair *p;
	bool made;

	if ((p = table_put(s->pairs, &k, &made)) == NULL)
		return;
	if (made) {
		p->src = f->src;
		p->dst = f->dst;
		p->first = p->since = p->last = f->start;
		if ((n = net_seen(s, net)) != NULL)
			n->users |= host_bit(&f->src);
	} else if (time_diff(f->start, p->since) > WINDOW) {
		turn(d, s, p, net, f->start);
	}
	add(p, f, sent);
	if (ratio(p->sent, p->received) >= RATIO)
		h->given += sent;
	if (!p->taker && p->sent >= TAKER) {
		p->taker = true;
		h->takers++;
	}
	if (!p->giver && p->sent >= FLOOR_HABIT &&
	    ratio(p->sent, p->received) >= RATIO) {
		p->giver = true;
		if ((n = net_seen(s, net)) != NULL)
			n->givers |= host_bit(&f->src);
	}
}

/* Records of one way: what came back to a host of ours. */
static void
takes(struct state *s, const struct flow *f)
{
	uint64_t k = pair_of(&f->dst, net_of(&f->src));
	struct host *h = host_of(s, &f->dst, f->start);
	struct pair *p;

	if (h != NULL)
		h->received += plausible(f->src_bytes, f->src_pkts);
	if ((p = table_get(s->pairs, &k)) != NULL)
		p->received += plausible(f->src_bytes, f->src_pkts);
}

static void
inside(struct state *s, const struct flow *f)
{
	struct host *h;

	if (f->dst_bytes >= INSIDE_MIN &&
	    (h = host_of(s, &f->src, f->start)) != NULL)
		h->inside += plausible(f->dst_bytes, f->dst_pkts);
	if (f->src_bytes >= INSIDE_MIN &&
	    (h = host_of(s, &f->dst, f->start)) != NULL)
		h->inside += plausible(f->src_bytes, f->src_pkts);
}

static void
exfil_flow(struct detect *d, void *state, const struct flow *f)
{
	const unsigned both = FLOW_F_SRC_HOME | FLOW_F_DST_HOME;
	bool one_way = (f->flags & FLOW_F_ONE_WAY) != 0;
	struct state *s = state;
	struct host *h;
	uint64_t sent;

	if (f->start < 0 || (f->flags & both) == 0)
		return;
	if (s->from < 0)
		s->from = f->start;
	if ((f->flags & both) == both) {
		inside(s, f);
		return;
	}
	if ((f->flags & FLOW_F_DST_HOME) != 0) {
		if (one_way && flow_is_answer(f))
			takes(s, f);
		return;
	}
	if (is_multicast(&f->dst) ||
	    (!one_way && (f->flags & FLOW_F_ANSWERED) == 0) ||
	    (flow_is_answer(f) && f->state != FLOW_SF &&
	    f->state != FLOW_S1) || is_work(d, f))
		return;
	crowd_add(&s->homes, &f->src);
	if ((h = host_of(s, &f->src, f->start)) == NULL)
		return;
	sent = plausible(f->src_bytes, f->src_pkts);
	h->sent += sent;
	h->received += plausible(f->dst_bytes, f->dst_pkts);
	if (sent >= SMALL)
		gives(d, s, h, f, sent);
}

static void
exfil_end(struct detect *d, void *state)
{
	struct state *s = state;
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->pairs, &it, &key, &value)) {
		struct pair *p = value;

		if (p->fresh)
			tell(d, s, p, net_of(&p->dst));
	}
	if (table_evicted(s->hosts) != 0 || table_evicted(s->pairs) != 0 ||
	    table_evicted(s->nets) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* -- state --------------------------------------------------------------- */

static void
exfil_save(const void *state, struct buf *b)
{
	const struct state *s = state;

	buf_le64(b, (uint64_t)s->from);
	crowd_save(&s->homes, b);
	table_save(s->hosts, b);
	table_save(s->pairs, b);
	table_save(s->nets, b);
}

static bool
exfil_restore(void *state, struct cursor *c)
{
	struct state *s = state;
	uint32_t it = 0;
	const void *key;
	void *value;

	s->from = (int64_t)cur_le64(c);
	if (!crowd_restore(&s->homes, c) || !table_restore(s->hosts, c) ||
	    !table_restore(s->pairs, c) || !table_restore(s->nets, c))
		return false;
	while (table_next(s->pairs, &it, &key, &value)) {
		struct pair *p = value;

		p->fresh = false;
		p->one_at = TIME_NONE;
		p->biggest = 0;
	}
	return true;
}

const struct detector detector_exfil = {
	.name = "exfil",
	.title = "Data taken out to an address that is new to the host",
	.doc = "A host of ours sends far more to a network outside than it "
	    "takes from it (producer-consumer ratio), more than it ever sent "
	    "before, to a network that is new to it and that few others use; "
	    "at once, or over days in small parts. Without a habit to compare "
	    "with it is said with less confidence. False alarms: a first "
	    "backup to a new place, a large file for a service that nobody "
	    "else uses.",
	.attack = "T1041 T1567.002",
	.advice = "Find the program and the files that were sent, and what "
	    "the host took from file servers before; ask who owns the "
	    "address.",
	.severity = SEV_MEDIUM,
	.confidence = 60,
	.kinds = kinds,
	.fields = fields,
	.state_size = sizeof(struct state),
	.init = exfil_init,
	.flow = exfil_flow,
	.end = exfil_end,
	.fini = exfil_fini,
	.state_version = 1,
	.save = exfil_save,
	.restore = exfil_restore,
};
