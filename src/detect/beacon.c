/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that call home, ATT&CK T1071.001, T1573, T1571.
 *
 * Behaviour, between a host of ours and an address outside:
 * - beacon: connections at a period.  Stage one is RITA v5's score
 *   (rita.c; the message gives its parts), stage two an autocorrelation
 *   of the times whose false-alarm rate is known in closed form: it must be
 *   below 10^FALSE_LOG.  Both must agree; where the data are too short
 *   for RITA's histogram and duration, its parts for gaps and sizes do.
 * - strobe: STROBE_DAY connections a day or more.
 * - long connection: LONG_HOURS and more in one.
 * One finding for each pair of addresses and behaviour, at the end.
 *
 * Not exact where flows differ from Zeek's conn.log: sizes are IP bytes from
 * the client; where only payload is told, 40 bytes a packet are added.
 * Beyond SAMPLES_MAX connections a pair's series begins anew once it covers a
 * day; until then the first ones speak for it.  What the data cover, which
 * RITA's last two parts are by, leaves out a few flows far from all others: a
 * device whose clock was wrong.
 *
 * Known false alarms: update checks, cloud clients, monitoring from outside.
 * An address that more than POPULAR_MIN of our hosts and POPULAR_PERCENT of
 * them use is passed over, and so are DNS, NTP, mail boxes, telephony and
 * VPN.  Where fewer than HOMES_FEW hosts are seen nobody can tell what is
 * popular: told one step milder.
 *
 * Cost: a gate on ports and roles, one lookup.  Memory: some 150 bytes a
 * pair, PAIRS_MAX of them (the longest unused go), 8 bytes for each connection
 * of pairs with four and more, CHUNKS_MAX chunks of CHUNK; when these are out
 * the pairs that were quiet longest lose theirs.
 */
#include <math.h>
#include <stdlib.h>

#include "detect.h"

#define PAIRS_MAX	(1u << 18)	/* 40 MB */
#define CHUNK		16u
#define CHUNKS_MAX	(1u << 18)	/* 35 MB */
#define SAMPLES_MAX	4096u	/* of a pair: a day at 21 seconds */
#define FEW		3u	/* kept in the pair itself */
#define DAY		86400u

#define MIN_SAMPLES	12u	/* a beacon is not judged by fewer */
#define MIN_SPAN	1200u	/* seconds */
#define FALSE_LOG	(-9.0)
#define SCORE_MIN	0.6	/* RITA's, all four parts */
#define PARTS_MIN	0.7	/* gaps and sizes alone */
#define STROBE_DAY	86400u	/* RITA's */
#define LONG_HOURS	8u
#define POPULAR_MIN	3u
#define POPULAR_PERCENT	2u	/* RITA's lower mark of prevalence */
#define HOMES_FEW	10u
#define HOMES_BITS	16384u	/* linear counting of our hosts */
#define GAP		DAY	/* without any flow at all */
#define STRETCH_MIN	100u	/* flows that a stretch of time has at least */
#define NIL		0u

struct chunk {
	uint32_t	next;
	uint32_t	time[CHUNK];	/* seconds since 1970 */
	uint32_t	bytes[CHUNK];
};

struct key {
	struct addr	src, dst;
};

struct pair {
	uint32_t	count;		/* of all connections */
	uint32_t	since, last;	/* seconds since 1970 */
	uint32_t	n;		/* samples kept */
	uint32_t	head, tail;	/* chunks, when n > FEW */
	uint32_t	time[FEW], bytes[FEW];
	uint32_t	longest;	/* seconds */
	uint16_t	port;		/* of the last one */
	uint16_t	flags;
	struct locator	first, latest, lengthy;
	uint32_t	lengthy_at;
};
#define PAIR_POPULAR	0x1u	/* nothing is kept any more */

struct state {
	struct table	*pairs;
	struct chunk	*chunk;		/* [0] is not used */
	uint32_t	 nchunks, room, free;
	uint32_t	 from, to;	/* of all flows, seconds */
	uint32_t	 stretch;	/* flows since the last long gap */
	uint32_t	 before;	/* to before that gap; 0: none */
	uint8_t		 homes[HOMES_BITS / 8];
	uint32_t	 nhomes;	/* bits set */
	bool		 full;		/* told */
	/* of one judgement */
	uint32_t	 time[SAMPLES_MAX], bytes[SAMPLES_MAX];
	double		 work[SAMPLES_MAX];
};

static const uint8_t kinds[] = { KIND_NONE };
static const uint16_t fields[] = { FIELD_OTHER };

/* -- samples ------------------------------------------------------------- */

static void
give_back(struct state *s, struct pair *p)
{
	if (p->n > FEW) {
		s->chunk[p->tail].next = s->free;
		s->free = p->head;
	}
	p->n = 0;
	p->head = p->tail = NIL;
}

static void
on_evict(void *arg, const void *key, void *value)
{
	(void)key;
	give_back(arg, value);
}

/* The pairs that were quiet longest lose their samples. */
static void
shed(struct state *s)
{
	uint32_t it = 0, freed = 0;
	const void *key;
	void *value;

	while (freed < CHUNKS_MAX / 8 &&
	    table_next(s->pairs, &it, &key, &value)) {
		struct pair *p = value;

		freed += p->n > FEW ? (p->n + CHUNK - 1) / CHUNK : 0;
		give_back(s, p);
	}
	s->full = true;
}

static uint32_t
take_chunk(struct state *s)
{
	uint32_t i = s->free;

	if (i != NIL) {
		s->free = s->chunk[i].next;
		s->chunk[i].next = NIL;
		return i;
	}
	if (s->nchunks == s->room) {
		uint32_t room = MIN_OF(s->room * 2, CHUNKS_MAX);
		struct chunk *c = room == s->room ? NULL :
		    realloc(s->chunk, room * sizeof(*c));

		if (c == NULL)
			return NIL;
		s->chunk = c;
		s->room = room;
	}
	i = s->nchunks++;
	s->chunk[i].next = NIL;
	return i;
}

static bool
add_chunked(struct state *s, struct pair *p, uint32_t t, uint32_t bytes)
{
	uint32_t at = p->n % CHUNK, i;

	if (p->n == FEW) {
		if ((i = take_chunk(s)) == NIL)
			return false;
		memcpy(s->chunk[i].time, p->time, sizeof(p->time));
		memcpy(s->chunk[i].bytes, p->bytes, sizeof(p->bytes));
		p->head = p->tail = i;
	} else if (at == 0) {
		if ((i = take_chunk(s)) == NIL)
			return false;
		s->chunk[p->tail].next = i;
		p->tail = i;
	}
	s->chunk[p->tail].time[at] = t;
	s->chunk[p->tail].bytes[at] = bytes;
	return true;
}

static void
add_sample(struct state *s, struct pair *p, uint32_t t, uint32_t bytes)
{
	if (p->n >= SAMPLES_MAX)
		return;
	if (p->n < FEW) {
		p->time[p->n] = t;
		p->bytes[p->n++] = bytes;
		return;
	}
	if (!add_chunked(s, p, t, bytes)) {
		shed(s);
		if (p->n < FEW || !add_chunked(s, p, t, bytes))
			return;
	}
	p->n++;
}

/* Into s->time and s->bytes. */
static void
gather(struct state *s, const struct pair *p)
{
	uint32_t c = p->head;

	if (p->n <= FEW) {
		memcpy(s->time, p->time, p->n * sizeof(*p->time));
		memcpy(s->bytes, p->bytes, p->n * sizeof(*p->bytes));
		return;
	}
	for (uint32_t i = 0; i < p->n; i += CHUNK) {
		uint32_t n = MIN_OF(CHUNK, p->n - i);

		memcpy(s->time + i, s->chunk[c].time, n * sizeof(*s->time));
		memcpy(s->bytes + i, s->chunk[c].bytes, n * sizeof(*s->bytes));
		c = s->chunk[c].next;
	}
}

/* -- judging ------------------------------------------------------------- */

/* About how many of our hosts opened something. */
static unsigned
homes(const struct state *s)
{
	double left = (double)(HOMES_BITS - s->nhomes) / HOMES_BITS;

	return left <= 0 ? HOMES_BITS * 10 :
	    (unsigned)(-log(left) * HOMES_BITS + 0.5);
}

static bool
is_popular(const struct detect *d, const struct state *s,
    const struct addr *dst, unsigned *clients)
{
	const struct host_seen *h = detect_host(d, dst);

	*clients = h == NULL ? 1 : MAX_OF(host_count(h->clients), 1u);
	return *clients > POPULAR_MIN &&
	    *clients * 100 > homes(s) * POPULAR_PERCENT;
}

static void
put_seconds(struct buf *b, double s)
{
	if (s < 600)
		buf_printf(b, "%.0f seconds", s);
	else if (s < 7200)
		buf_printf(b, "%.0f minutes", s / 60);
	else
		buf_printf(b, "%.1f hours", s / 3600);
}

/* A finding in the making. */
struct telling {
	struct finding	f;
	struct arena	m;
	unsigned	clients;	/* of the address */
};

/* Who, in the message and the entities; the fold.  false: half the house uses
 * the address. */
static bool
begin(struct telling *t, struct detect *d, const struct state *s,
    const struct key *k, const struct pair *p, const char *rule)
{
	struct finding *f = &t->f;
	char port[8];
	struct buf b;

	if (is_popular(d, s, &k->dst, &t->clients))
		return false;
	arena_init(&t->m, 4096);
	finding_init(f, d, NULL);
	f->rule = rule;
	f->entity[ENTITY_SRC_IP] = addr_text(&t->m, &k->src);
	f->entity[ENTITY_DST_IP] = addr_text(&t->m, &k->dst);
	buf_init(&b, sizeof(port));
	buf_put_u64(&b, p->port);
	f->entity[ENTITY_DST_PORT] = arena_copy(&t->m, buf_view(&b));
	buf_fini(&b);
	buf_span(&d->text, f->entity[ENTITY_SRC_IP]);
	buf_span(&d->fold, f->entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, ' ');
	buf_span(&d->fold, f->entity[ENTITY_DST_IP]);
	return true;
}

static void
finish(struct telling *t, struct detect *d, const struct state *s)
{
	struct finding *f = &t->f;
	unsigned n = homes(s);

	buf_printf(&d->text, "; %u of about %u hosts here use that address",
	    t->clients, MAX_OF(n, t->clients));
	if (n < HOMES_FEW) {
		f->severity -= f->severity != SEV_INFORMATIONAL;
		f->confidence -= MIN_OF(f->confidence, 25u);
	}
	finding_raise(f, d);
	arena_fini(&t->m);
}

/* "called ADDRESS port N COUNT times" */
static void
put_calls(struct detect *d, struct finding *f, const struct pair *p)
{
	finding_evidence(f, &p->first, p->since * NSEC);
	finding_evidence(f, &p->latest, p->last * NSEC);
	f->count = p->count;
	buf_str(&d->text, " called ");
	buf_span(&d->text, f->entity[ENTITY_DST_IP]);
	buf_printf(&d->text, " port %u %u times", p->port, p->count);
}

static void
tell_beacon(struct detect *d, struct state *s, const struct key *k,
    const struct pair *p, const struct rita *r, double log_false)
{
	struct telling t;

	if (!begin(&t, d, s, k, p, "beacon"))
		return;
	/* RITA's bands 50, 70, 90. */
	t.f.severity = r->score >= 0.7 ? SEV_HIGH : SEV_MEDIUM;
	t.f.confidence = r->score >= 0.9 ? 85 : r->score >= 0.7 ? 75 : 60;
	put_calls(d, &t.f, p);
	buf_str(&d->text, ", about every ");
	put_seconds(&d->text, r->period);
	buf_printf(&d->text, ", with about %.0f bytes each. RITA score %.3f "
	    "(gaps %.3f, sizes %.3f, histogram %.3f, duration %.3f); chance "
	    "calls would look so once in 10^%.0f", r->bytes, r->score, r->ts,
	    r->ds, r->hist, r->dur, MIN_OF(-log_false, 999.0));
	finish(&t, d, s);
}

static void
judge_beacon(struct detect *d, struct state *s, const struct key *k,
    const struct pair *p)
{
	double lag, log_false;
	uint32_t n = 0;
	struct rita r;

	if (p->n < MIN_SAMPLES)
		return;
	gather(s, p);
	if (s->time[p->n - 1] - s->time[0] < MIN_SPAN ||
	    !rita_score(&r, s->time, s->bytes, p->n,
	    MIN_OF(s->from, s->time[0]), p->n == SAMPLES_MAX ?
	    s->time[p->n - 1] : MAX_OF(s->time[p->n - 1], s->to), s->work))
		return;
	if (r.score < SCORE_MIN && (r.ts < PARTS_MIN || r.ds < PARTS_MIN))
		return;
	for (uint32_t i = 0; i < p->n; i++)
		if (n == 0 || s->time[i] != s->time[n - 1])
			s->time[n++] = s->time[i];
	if (n < MIN_SAMPLES)
		return;
	log_false = rita_follow(s->time, n, &lag, s->work);
	if (log_false <= FALSE_LOG)
		tell_beacon(d, s, k, p, &r, log_false);
}

static void
judge_strobe(struct detect *d, struct state *s, const struct key *k,
    const struct pair *p)
{
	double days = MAX_OF((double)(p->last - p->since) / DAY, 1.0);
	struct telling t;

	if (!begin(&t, d, s, k, p, "beacon-strobe"))
		return;
	t.f.title = "Strobe: more connections to one address than a program "
	    "needs";
	t.f.severity = SEV_HIGH;
	t.f.confidence = 80;
	put_calls(d, &t.f, p);
	buf_printf(&d->text, ", %.0f a day", p->count / days);
	finish(&t, d, s);
}

static void
judge_long(struct detect *d, struct state *s, const struct key *k,
    const struct pair *p)
{
	struct telling t;

	if (!begin(&t, d, s, k, p, "beacon-long"))
		return;
	finding_evidence(&t.f, &p->lengthy, p->lengthy_at * NSEC);
	t.f.last_time = ((int64_t)p->lengthy_at + p->longest) * NSEC;
	t.f.title = "Long connection to an address outside";
	t.f.severity = SEV_MEDIUM;
	t.f.confidence = 55;
	buf_str(&d->text, " held a connection to ");
	buf_span(&d->text, t.f.entity[ENTITY_DST_IP]);
	buf_printf(&d->text, " port %u for ", p->port);
	put_seconds(&d->text, p->longest);
	finish(&t, d, s);
}

static void
judge(struct detect *d, struct state *s, const struct key *k,
    const struct pair *p)
{
	uint64_t span = MAX_OF(p->last - p->since, DAY);

	if ((p->flags & PAIR_POPULAR) != 0)
		return;
	if (p->count >= STROBE_DAY &&
	    (uint64_t)p->count * DAY >= span * STROBE_DAY)
		judge_strobe(d, s, k, p);
	else
		judge_beacon(d, s, k, p);
	if (p->longest >= LONG_HOURS * 3600)
		judge_long(d, s, k, p);
}

/* -- conversations ------------------------------------------------------- */

/* What keeps a period or a line open by its nature, and what has detectors
 * of its own. */
static bool
is_usual(const struct flow *f)
{
	switch (f->service) {
	case FLOW_DNS: case FLOW_NTP: case FLOW_DHCP: case FLOW_SNMP:
	case FLOW_SMTP:
		return true;
	default:
		break;
	}
	switch (f->dst_port) {
	case 25: case 53: case 67: case 123: case 853:
	case 143: case 465: case 587: case 993: case 995:
		return true;
	case 500: case 1194: case 4500: case 51820:	/* VPN */
	case 3478: case 5060: case 5061:	/* STUN, SIP */
		return f->proto == 17;
	case 5222: case 5223: case 5228:	/* push to telephones */
		return f->proto == 6;
	default:
		return f->proto != 6 && f->proto != 17;
	}
}

static void
see_time(struct state *s, uint32_t t)
{
	if (s->to == 0 || (t > s->to && t - s->to > GAP)) {
		if (s->stretch < STRETCH_MIN)
			s->from = t;
		else
			s->before = s->to;
		s->stretch = 0;
	}
	s->to = MAX_OF(s->to, t);
	s->stretch += s->stretch < STRETCH_MIN;
}

static void
see_home(struct state *s, const struct addr *a)
{
	uint64_t h = hash_bytes(a->b, sizeof(a->b), 11) % HOMES_BITS;
	uint8_t bit = (uint8_t)(1u << (h & 7));

	s->nhomes += (s->homes[h / 8] & bit) == 0;
	s->homes[h / 8] |= bit;
}

static uint32_t
size_of(const struct flow *f)
{
	uint64_t n = f->src_bytes;

	if ((f->flags & FLOW_F_IP_BYTES) == 0 &&
	    f->src_pkts < UINT32_MAX / 64)
		n += 40 * f->src_pkts;
	return (uint32_t)MIN_OF(n, UINT32_MAX);
}

static void
add_flow(struct detect *d, struct state *s, const struct key *k,
    struct pair *p, const struct flow *f, uint32_t t)
{
	uint64_t length = (uint64_t)(f->end - f->start) / NSEC;
	unsigned clients;

	if (p->n == SAMPLES_MAX && t - s->chunk[p->head].time[0] >= DAY) {
		judge(d, s, k, p);	/* a day's worth: anew */
		give_back(s, p);
		p->since = t;
		p->first = f->loc;
		p->count = 0;
	}
	if (p->n > FEW && p->n % CHUNK == 0 &&
	    is_popular(d, s, &k->dst, &clients)) {
		give_back(s, p);
		p->flags |= PAIR_POPULAR;
		return;
	}
	p->count += p->count != UINT32_MAX;
	p->last = t;
	p->latest = f->loc;
	p->port = f->dst_port;
	if (length > p->longest) {
		p->longest = (uint32_t)MIN_OF(length, UINT32_MAX);
		p->lengthy = f->loc;
		p->lengthy_at = t;
	}
	add_sample(s, p, t, size_of(f));
}

static void
beacon_flow(struct detect *d, void *state, const struct flow *f)
{
	struct state *s = state;
	struct key k = { f->src, f->dst };
	struct pair *p;
	uint32_t t;
	bool made;

	if (f->start < 0 || f->start / NSEC > UINT32_MAX)
		return;
	t = (uint32_t)(f->start / NSEC);
	see_time(s, t);
	if ((f->flags & FLOW_F_SRC_HOME) == 0)
		return;
	see_home(s, &f->src);
	if ((f->flags & FLOW_F_DST_HOME) != 0 ||
	    (f->flags & (FLOW_F_ANSWERED | FLOW_F_ONE_WAY)) == 0 ||
	    is_usual(f) || (p = table_put(s->pairs, &k, &made)) == NULL)
		return;
	if (made) {
		p->since = t;
		p->first = f->loc;
	}
	if ((p->flags & PAIR_POPULAR) == 0)
		add_flow(d, s, &k, p, f, t);
}

static void
beacon_end(struct detect *d, void *state)
{
	struct state *s = state;
	const void *key;
	uint32_t it = 0;
	void *value;

	if (s->before != 0 && s->stretch < STRETCH_MIN)
		s->to = s->before;
	while (table_next(s->pairs, &it, &key, &value))
		judge(d, s, key, value);
	if (s->full || table_evicted(s->pairs) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* -- state --------------------------------------------------------------- */

static bool
beacon_init(void *state)
{
	struct state *s = state;

	s->pairs = table_new(sizeof(struct key), sizeof(struct pair),
	    PAIRS_MAX);
	s->room = 64;
	s->nchunks = 1;
	s->chunk = calloc(s->room, sizeof(*s->chunk));
	if (s->pairs == NULL || s->chunk == NULL)
		return false;
	table_on_evict(s->pairs, on_evict, s);
	return true;
}

static void
beacon_save(const void *state, struct buf *b)
{
	const struct state *s = state;

	buf_le32(b, s->from);
	buf_le32(b, s->to);
	buf_put(b, s->homes, sizeof(s->homes));
	buf_le32(b, s->free);
	buf_le32(b, s->nchunks);
	buf_put(b, s->chunk, s->nchunks * sizeof(*s->chunk));
	table_save(s->pairs, b);
}

/* The file may be anything: every pair's chunks must be there, and no chunk
 * twice. */
static bool
chains_fit(const struct state *s)
{
	bool *seen = calloc(s->nchunks, sizeof(*seen)), ok = seen != NULL;
	const void *key;
	uint32_t it = 0, c;
	void *value;

	for (c = s->free; ok && c != NIL; c = s->chunk[c].next) {
		if (!(ok = c < s->nchunks && !seen[c]))
			break;
		seen[c] = true;
	}
	while (ok && table_next(s->pairs, &it, &key, &value)) {
		const struct pair *p = value;
		uint32_t last = NIL, n = p->n > FEW ?
		    (p->n + CHUNK - 1) / CHUNK : 0;

		ok = p->n <= SAMPLES_MAX;
		c = p->head;
		for (; ok && n > 0; n--) {
			ok = c != NIL && c < s->nchunks && !seen[c];
			if (!ok)
				break;
			seen[c] = true;
			last = c;
			c = s->chunk[c].next;
		}
		ok = ok && (p->n <= FEW || p->tail == last);
	}
	free(seen);
	return ok;
}

static bool
beacon_restore(void *state, struct cursor *c)
{
	struct state *s = state;
	struct span homes, chunks;

	s->from = cur_le32(c);
	s->to = cur_le32(c);
	s->stretch = STRETCH_MIN;
	homes = cur_take(c, sizeof(s->homes));
	s->free = cur_le32(c);
	s->nchunks = cur_le32(c);
	if (!cur_ok(c) || s->nchunks == 0 || s->nchunks > CHUNKS_MAX)
		return false;
	chunks = cur_take(c, s->nchunks * sizeof(*s->chunk));
	if (!cur_ok(c))
		return false;
	memcpy(s->homes, homes.ptr, homes.len);
	s->nhomes = 0;
	for (size_t i = 0; i < sizeof(s->homes); i++)
		s->nhomes += (uint32_t)__builtin_popcount(s->homes[i]);
	free(s->chunk);
	s->room = s->nchunks;
	s->chunk = malloc(chunks.len);
	if (s->chunk == NULL)
		return false;
	memcpy(s->chunk, chunks.ptr, chunks.len);
	/* What it pushes out is not given back before it is known to fit. */
	table_on_evict(s->pairs, NULL, NULL);
	if (!table_restore(s->pairs, c) || !chains_fit(s))
		return false;
	table_on_evict(s->pairs, on_evict, s);
	return true;
}

static void
beacon_fini(void *state)
{
	struct state *s = state;

	table_free(s->pairs);
	free(s->chunk);
}

const struct detector detector_beacon = {
	.name = "beacon",
	.title = "Host calls an address outside at a period",
	.doc = "Connections at a period (RITA v5's score and an "
	    "autocorrelation test), 86,400 of them a day, or one of eight "
	    "hours and more, from a host of ours to an address that few "
	    "others use. False alarms: update checks and cloud clients that "
	    "few hosts have; DNS, NTP, mail, telephony and VPN are passed "
	    "over.",
	.attack = "T1071.001 T1573",
	.advice = "Find the program that opens the connections on the host, "
	    "and who else calls the address.",
	.severity = SEV_HIGH,
	.confidence = 75,
	.kinds = kinds,
	.fields = fields,
	.state_size = sizeof(struct state),
	.init = beacon_init,
	.flow = beacon_flow,
	.end = beacon_end,
	.fini = beacon_fini,
	.state_version = 1,
	.save = beacon_save,
	.restore = beacon_restore,
};
