/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of conversations.
 *
 * Each shard has nodes in one block (numbered from 1), buckets of chained
 * nodes, and a wheel of one-second slots in which every node stands at or
 * before its time-out.  A packet only writes when it was seen; a node that
 * comes up in the wheel and was seen since is put further on.  When the table
 * is full the node that would time out soonest makes room, so that half-open
 * connections of a scan go before working ones.
 *
 * All time is the data's: the newest packet of the file, of whatever shard, is
 * now.  A clock that runs far ahead (one broken time stamp) comes back after
 * CLOCK_BACK_PACKETS packets that agree with each other.
 *
 * Nothing here depends on which other shards the same worker reads: tables,
 * limits and the moment of time-outs are the shard's own.
 *
 * Packets are taken in groups: dissect all, fetch their buckets, fetch their
 * nodes, then work, so that cache misses overlap.
 *
 * Bounds: flows, carry, memory, datagrams of struct flow_limits.
 */
#include <stdlib.h>

#include "inner.h"

#define SLOT_NONE	WHEEL_SLOTS	/* of a node that is not in use */
#define GROUP		32	/* packets in flight: 6 KB of struct packet */
#define WHEEL_SLOTS	512	/* over the longest timeout; power of 2 */
#define CLOCK_BACK	(3600 * NSEC)
#define CLOCK_BACK_PACKETS 64
#define END_EVENTS	256	/* flows told by one call of flows_end() */

/* 16,384 conversations of 192 + 48 bytes are 4 MB a shard.  8 MB for contents
 * hold a talk for each of those that is being read at a time: measured on mixed
 * traffic one in five is. */
const struct flow_limits flow_limits_default = {
	.flows = 16384,
	.carry = 65536,
	.memory = 8u << 20,
	.datagrams = 256
};

struct shard {
	struct flow	*flow;		/* from 1 on */
	struct origin	*origin;
	void		*block;		/* where flow lies in */
	uint32_t	*bucket;
	uint32_t	 mask;
	uint32_t	 used, cap;	/* nodes ever used */
	uint32_t	 spare;		/* list of free ones, by chain */
	uint32_t	 head[WHEEL_SLOTS], tail[WHEEL_SLOTS];
	uint64_t	 full[WHEEL_SLOTS / 64];	/* slots in use */
	uint32_t	 now_s;
	bool		 started;
	uint32_t	 end_at;	/* of flows_end() */
	struct feeder	 feeder;
};

struct flows {
	struct flow_limits limits;
	unsigned	 mine;		/* bit a shard */
	uint64_t	 seed[2];
	int64_t		 clock;
	uint32_t	 behind;
	bool		 wants_icmp;
	bool		 wants_links;	/* and shard 0 is ours */
	struct links	*links;		/* made when first needed */
	struct frags	*frags;
	struct packet	 packet[GROUP];
	uint32_t	 hash[GROUP];
	uint32_t	 node[GROUP];
	bool		 ok[GROUP];
	struct shard	*shard[FLOW_SHARDS];	/* NULL: not mine */
};

/* -- key ----------------------------------------------------------------- */

static inline uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t
endpoint_hash(const struct flows *fl, const struct addr *a, uint16_t port)
{
	return fold(load_le64(a->b) ^ fl->seed[0] ^ port,
	    load_le64(a->b + 8) ^ fl->seed[1]);
}

/* Symmetric and keyed: hostile input cannot choose its bucket. */
static inline uint32_t
flow_hash(const struct flows *fl, const struct packet *p)
{
	uint64_t h = endpoint_hash(fl, &p->src, p->sport) +
	    endpoint_hash(fl, &p->dst, p->dport);

	return (uint32_t)(fold(h ^ p->proto, fl->seed[1] | 1) >> 8);
}

static inline bool
same_addr(const struct addr *a, const struct addr *b)
{
	return ((load_le64(a->b) ^ load_le64(b->b)) |
	    (load_le64(a->b + 8) ^ load_le64(b->b + 8))) == 0;
}

/* 0 or 1: the side that sent it; -1: another conversation. */
static inline int
side_of(const struct flow *f, const struct packet *p)
{
	if (f->proto != p->proto)
		return -1;
	if (f->port[0] == p->sport && f->port[1] == p->dport &&
	    same_addr(&f->addr[0], &p->src) && same_addr(&f->addr[1], &p->dst))
		return ((f->flags & FLOW_ONE_WAY) != 0) == p->one_way ? 0 : -1;
	if (f->port[1] == p->sport && f->port[0] == p->dport &&
	    same_addr(&f->addr[1], &p->src) && same_addr(&f->addr[0], &p->dst))
		return p->one_way || (f->flags & FLOW_ONE_WAY) ? -1 : 1;
	return -1;
}

/* -- wheel --------------------------------------------------------------- */

static uint32_t
timeout_s(const struct flow *f)
{
	if (f->proto != IPPROTO_N_TCP)
		return TIMEOUT_OTHER;
	if (tcp_is_over(f))
		return TIMEOUT_TCP_OVER;
	if (f->state[0] >= EP_PARTIAL && f->state[1] >= EP_PARTIAL)
		return TIMEOUT_TCP;
	return TIMEOUT_TCP_HALF;
}

/* Seen in the future: the clock was set back. */
static inline bool
is_idle(const struct flow *f, uint32_t now_s)
{
	int32_t age = (int32_t)(now_s - f->seen_s);

	return age < 0 || (uint32_t)age > timeout_s(f);
}

static void
wheel_add(struct shard *s, uint32_t i, uint32_t slot)
{
	struct flow *f = &s->flow[i];

	f->slot = (uint16_t)slot;
	f->wheel_next = 0;
	f->wheel_prev = s->tail[slot];
	if (s->tail[slot] != 0)
		s->flow[s->tail[slot]].wheel_next = i;
	else {
		s->head[slot] = i;
		s->full[slot / 64] |= UINT64_C(1) << slot % 64;
	}
	s->tail[slot] = i;
}

static void
wheel_del(struct shard *s, uint32_t i)
{
	struct flow *f = &s->flow[i];

	if (f->wheel_prev != 0)
		s->flow[f->wheel_prev].wheel_next = f->wheel_next;
	else
		s->head[f->slot] = f->wheel_next;
	if (f->wheel_next != 0)
		s->flow[f->wheel_next].wheel_prev = f->wheel_prev;
	else
		s->tail[f->slot] = f->wheel_prev;
	if (s->head[f->slot] == 0)
		s->full[f->slot / 64] &= ~(UINT64_C(1) << f->slot % 64);
}

static inline uint32_t
slot_of(const struct flow *f)
{
	return (f->seen_s + timeout_s(f) + 1) % WHEEL_SLOTS;
}

/* -- the end of a conversation ------------------------------------------- */

static const char *
why_over(const struct flow *f, const char *otherwise)
{
	if (f->proto != IPPROTO_N_TCP || !tcp_is_over(f))
		return otherwise;
	return f->state[0] == EP_RESET || f->state[1] == EP_RESET ?
	    "rst" : "fin";
}

static void
flow_end(struct shard *s, struct batch *b, uint32_t i, const char *why)
{
	struct flow *f = &s->flow[i];
	const struct origin *from = &s->origin[i];
	/* What is said now is said of where it began. */
	struct record rec = { .type = REC_PACKET, .time = from->start,
	    .no = from->record, .offset = from->offset };
	struct feed x = { .by = &s->feeder, .b = b, .f = f, .from = from,
	    .rec = &rec, .time = f->last };
	struct conv conv;
	const struct conv *known = NULL;
	uint32_t *link;

	if (f->talk != NULL) {
		if (f->talk->conv.community_id[0] != '\0') {
			conv = f->talk->conv;
			known = &conv;
		}
		talk_end(&x);
	}
	conn_event(b, f, from, known, s->feeder.roster, why_over(f, why));
	wheel_del(s, i);
	link = &s->bucket[f->hash & s->mask];
	while (*link != i)
		link = &s->flow[*link].chain;
	*link = f->chain;
	f->slot = SLOT_NONE;
	f->chain = s->spare;
	s->spare = i;
}

/* Ends what is idle among a slot's nodes, moves the others on. */
static void
turn_slot(struct shard *s, struct batch *b, uint32_t slot)
{
	uint32_t i = s->head[slot], last = s->tail[slot];

	while (i != 0) {
		struct flow *f = &s->flow[i];
		uint32_t next = f->wheel_next, to;

		if (is_idle(f, s->now_s))
			flow_end(s, b, i, "timeout");
		else if ((to = slot_of(f)) != slot) {
			wheel_del(s, i);
			wheel_add(s, i, to);
		}
		if (i == last)
			break;
		i = next;
	}
}

static void
turn_wheel(struct shard *s, struct batch *b, uint32_t now_s)
{
	uint32_t from = s->now_s, n = now_s - from;

	s->now_s = now_s;
	if (!s->started) {
		s->started = true;
		return;
	}
	/* Far on, or back: every slot once. */
	if ((int32_t)n < 0 || n > WHEEL_SLOTS)
		n = WHEEL_SLOTS;
	for (uint32_t k = 1; k <= n; k++) {
		uint32_t slot = (from + k) % WHEEL_SLOTS;

		if (s->full[slot / 64] >> slot % 64 & 1)
			turn_slot(s, b, slot);
	}
}

/* The node that would time out soonest. */
static uint32_t
soonest(struct shard *s)
{
	for (uint32_t k = 1; ; k = k % WHEEL_SLOTS + 1) {
		uint32_t slot = (s->now_s + k) % WHEEL_SLOTS, i, to;

		if (s->full[slot / 64] == 0) {	/* a whole word of slots */
			k += 63 - slot % 64;
			continue;
		}
		while ((i = s->head[slot]) != 0) {
			if ((to = slot_of(&s->flow[i])) == slot)
				return i;
			wheel_del(s, i);
			wheel_add(s, i, to);
		}
	}
}

/* -- nodes --------------------------------------------------------------- */

static uint32_t
new_node(struct shard *s, struct batch *b, const struct record *r)
{
	uint32_t i;

	if (s->spare == 0 && s->used == s->cap) {
		batch_weird(b, WEIRD_FLOW_TABLE, r);
		flow_end(s, b, soonest(s), "evict");
	}
	if ((i = s->spare) != 0) {
		s->spare = s->flow[i].chain;
		return i;
	}
	return ++s->used;
}

/* Mid-stream or an answer whose question was not captured: a well-known port
 * at one end only says who serves.  Decoders know better, later. */
static bool
looks_like_answer(const struct packet *p)
{
	if (p->proto == IPPROTO_N_TCP) {
		if (p->tcp_flags & TCP_SYN)
			return (p->tcp_flags & TCP_ACK) != 0;
	} else if (p->proto != IPPROTO_N_UDP)
		return false;
	return p->sport < 1024 && p->dport >= 1024;
}

static uint32_t
add_flow(struct shard *s, struct batch *b, const struct record *r,
    const struct packet *p, uint32_t hash, int64_t time)
{
	uint32_t i = new_node(s, b, r), *head = &s->bucket[hash & s->mask];
	struct flow *f = &s->flow[i];
	struct origin *from = &s->origin[i];

	memset(f, 0, sizeof(*f));
	f->addr[0] = p->src;
	f->addr[1] = p->dst;
	f->port[0] = p->sport;
	f->port[1] = p->dport;
	f->hash = hash;
	f->chain = *head;
	*head = i;
	f->seen_s = s->now_s;
	f->proto = p->proto;
	f->last = time;
	*from = (struct origin){ .start = time, .record = r->no,
	    .offset = r->offset, .tunnel = p->tunnel, .vlan = p->vlan };
	if (p->src_mac != NULL) {
		from->has_mac[0] = true;
		memcpy(from->mac[0], p->src_mac, 6);
	}
	if (p->dst_mac != NULL) {
		from->has_mac[1] = true;
		memcpy(from->mac[1], p->dst_mac, 6);
	}
	if (p->one_way)
		f->flags |= FLOW_ONE_WAY;
	if (looks_like_answer(p))
		flow_swap(f);
	wheel_add(s, i, slot_of(f));
	return i;
}

static inline uint32_t
find_flow(const struct shard *s, uint32_t i, const struct packet *p,
    uint32_t hash, int *side)
{
	for (; i != 0; i = s->flow[i].chain) {
		const struct flow *f = &s->flow[i];

		if (f->hash == hash && (*side = side_of(f, p)) >= 0)
			return i;
	}
	return 0;
}

/*
 * A new connection between the same ports: a SYN after the end, or, should the
 * end not have been captured, a SYN+ACK that counts from another number than
 * the one before.  A SYN alone proves nothing while the connection lives: a
 * forged one must not cut it.
 */
static inline bool
is_reused(const struct flow *f, const struct packet *p, int side)
{
	uint8_t flags = p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST);

	if (p->proto != IPPROTO_N_TCP || !(flags & TCP_SYN))
		return false;
	if (flags == TCP_SYN)
		return tcp_is_over(f);
	return flags == (TCP_SYN | TCP_ACK) &&
	    (f->letters[side] & LETTER_SYN) != 0 &&
	    f->state[side] >= EP_ESTABLISHED &&
	    f->high[side] - (uint32_t)f->bytes[side] != p->seq + 1;
}

/* -- packets ------------------------------------------------------------- */

static void
icmp_event(struct batch *b, const struct flow *f, const struct origin *from,
    const struct record *r, const struct packet *p, int64_t time, int side)
{
	struct conv conv;
	uint8_t echo = p->proto == IPPROTO_N_ICMP ? 8 : 128,
	    reply = p->proto == IPPROTO_N_ICMP ? 0 : 129;

	if (p->sport == echo || p->sport == reply ||
	    !event_begin(b, KIND_ICMP, time, batch_locator(b, r)))
		return;
	conv_of(f, from, &conv);
	if (dir_of(f, side) == DIR_SERVER) {	/* as this message goes */
		struct addr a = conv.addr[0];
		uint16_t port = conv.port[0];

		conv.addr[0] = conv.addr[1];
		conv.addr[1] = a;
		conv.port[0] = conv.port[1];
		conv.port[1] = port;
	}
	conv_fields(b, &conv);
	event_add_u64(b, FIELD_ICMP_TYPE, p->sport);
	event_add_u64(b, FIELD_ICMP_CODE, p->one_way ? p->dport : 0);
	event_end(b);
}

static void
tcp_packet(struct shard *s, struct feed *x, uint32_t i, int side,
    const struct packet *p)
{
	struct flow *f = x->f;

	if (p->payload_len != 0 && f->talk == NULL &&
	    !(f->flags & FLOW_OPAQUE) && !(p->tcp_flags & TCP_RST))
		(void)talk_begin(x);
	if (tcp_track(f, side, p) && tcp_is_over(f) &&
	    !(f->flags & FLOW_EARLY)) {
		f->flags |= FLOW_EARLY;
		wheel_del(s, i);
		wheel_add(s, i, slot_of(f));
	}
	if (f->talk != NULL)
		talk_segment(x, side, p);
}

static void
work(struct flows *fl, struct shard *s, struct batch *b,
    const struct record *r, const struct packet *p, uint32_t hash)
{
	int64_t time = r->time != TIME_NONE ? r->time : fl->clock;
	struct feed x = { .by = &s->feeder, .b = b, .rec = r, .time = time };
	int side = 0;
	uint32_t i;
	struct flow *f;

	i = find_flow(s, s->bucket[hash & s->mask], p, hash, &side);
	if (i != 0 && is_idle(&s->flow[i], s->now_s)) {
		flow_end(s, b, i, "timeout");
		i = 0;
	} else if (i != 0 && is_reused(&s->flow[i], p, side)) {
		flow_end(s, b, i, "end");
		i = 0;
	}
	if (i == 0) {
		i = add_flow(s, b, r, p, hash, time);
		side = 0;
	}
	x.f = f = &s->flow[i];
	x.from = &s->origin[i];
	f->seen_s = s->now_s;
	if (time > f->last)
		f->last = time;
	f->pkts[side]++;
	f->ip_bytes[side] += p->ip_len;
	if (p->proto == IPPROTO_N_TCP) {
		tcp_packet(s, &x, i, side, p);
		return;
	}
	f->bytes[side] += p->payload_len;
	if (p->proto == IPPROTO_N_UDP) {
		if (p->bad_sum)
			history_put(f, side, LETTER_BAD_SUM, 'C');
		history_put(f, side, LETTER_DATA, 'D');
		if (!(f->flags & FLOW_OPAQUE) && p->payload.len != 0)
			talk_datagram(&x, side, p->payload);
	} else if (fl->wants_icmp && (p->proto == IPPROTO_N_ICMP ||
	    p->proto == IPPROTO_N_ICMP6))
		icmp_event(b, f, x.from, r, p, time, side);
}

static void
set_clock(struct flows *fl, int64_t time)
{
	if (time == TIME_NONE)
		return;
	if (fl->clock == TIME_NONE || time >= fl->clock) {
		fl->clock = time;
		fl->behind = 0;
	} else if (time_diff(fl->clock, time) <= CLOCK_BACK) {
		fl->behind = 0;
	} else if (++fl->behind == CLOCK_BACK_PACKETS) {
		fl->clock = time;
		fl->behind = 0;
	}
}

/* What has no IP has no pair of addresses to be cut by: all of it is of shard
 * 0. */
static void
local_frame(struct flows *fl, struct batch *b, const struct record *r)
{
	if (fl->links == NULL && (fl->links = links_new()) == NULL)
		return;
	link_frame(fl->links, b, r);
}

static void
group(struct flows *fl, struct batch *b, const struct record *r, uint32_t n)
{
	unsigned all = (1u << FLOW_SHARDS) - 1;
	struct shard *s;

	for (uint32_t k = 0; k < n; k++) {
		struct packet *p = &fl->packet[k];

		fl->ok[k] = fl->mine == all || fl->shard[
		    packet_shard_hash(&r[k]) % FLOW_SHARDS] != NULL;
		fl->ok[k] = fl->ok[k] &&
		    packet_dissect(fl->frags, b, &r[k], p) && !p->bad_l4;
		if (!fl->ok[k])
			continue;
		s = fl->shard[p->shard_hash % FLOW_SHARDS];
		fl->hash[k] = flow_hash(fl, p);
		__builtin_prefetch(&s->bucket[fl->hash[k] & s->mask]);
	}
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i;

		if (!fl->ok[k])
			continue;
		s = fl->shard[fl->packet[k].shard_hash % FLOW_SHARDS];
		if ((i = s->bucket[fl->hash[k] & s->mask]) == 0)
			continue;
		__builtin_prefetch(&s->flow[i]);
		__builtin_prefetch((const uint8_t *)&s->flow[i] + 64);
	}
	for (uint32_t k = 0; k < n; k++) {
		uint32_t now_s;

		set_clock(fl, r[k].time);
		if (!fl->ok[k]) {
			if (fl->wants_links)
				local_frame(fl, b, &r[k]);
			continue;
		}
		s = fl->shard[fl->packet[k].shard_hash % FLOW_SHARDS];
		now_s = fl->clock == TIME_NONE ? 0 :
		    (uint32_t)(fl->clock / NSEC);
		if (now_s != s->now_s || !s->started)
			turn_wheel(s, b, now_s);
		work(fl, s, b, &r[k], &fl->packet[k], fl->hash[k]);
	}
}

/* Events and what they point to are handed over between groups of packets, so
 * that the arena does not run full inside one. */
static void
make_room(struct batch *b)
{
	if (b->drain == NULL || arena_used(&b->arena) < BATCH_ARENA_MAX / 2)
		return;
	b->drain(b, b->drain_arg);
	b->nevents = 0;
	arena_reset(&b->arena);
}

void
flows_batch(struct flows *fl, struct batch *b)
{
	for (uint32_t i = 0; i < b->nrecords; i += GROUP) {
		group(fl, b, b->records + i, MIN_OF(b->nrecords - i, GROUP));
		make_room(b);
	}
}

bool
flows_end(struct flows *fl, struct batch *b)
{
	uint32_t told = 0;

	for (unsigned k = 0; k < FLOW_SHARDS; k++) {
		struct shard *s = fl->shard[k];

		if (s == NULL)
			continue;
		while (s->end_at < s->used) {
			if (told == END_EVENTS)
				return false;
			if (s->flow[++s->end_at].slot == SLOT_NONE)
				continue;
			flow_end(s, b, s->end_at, "end");
			told++;
			make_room(b);
		}
		if (!share_end(&s->feeder, b)) {
			make_room(b);
			return false;
		}
	}
	/* As new, for the next file. */
	for (unsigned k = 0; k < FLOW_SHARDS; k++)
		if (fl->shard[k] != NULL) {
			fl->shard[k]->end_at = 0;
			fl->shard[k]->used = 0;
			fl->shard[k]->spare = 0;
			fl->shard[k]->started = false;
		}
	fl->clock = TIME_NONE;
	fl->behind = 0;
	links_free(fl->links);	/* the next file tells its own */
	fl->links = NULL;
	return true;
}

/* -- making and freeing -------------------------------------------------- */

static void
shard_free(struct shard *s)
{
	if (s == NULL)
		return;
	free(s->block);
	free(s->origin);
	free(s->bucket);
	free(s);
}

static struct shard *
shard_new(const struct flow_limits *l, const struct feeder *by)
{
	struct shard *s = calloc(1, sizeof(*s));
	size_t buckets = 1;

	if (s == NULL)
		return NULL;
	while (buckets < l->flows)
		buckets *= 2;
	s->cap = l->flows;
	s->mask = (uint32_t)(buckets - 1);
	/* Pages are touched as they come into use. */
	s->block = calloc((size_t)l->flows + 2, sizeof(struct flow));
	s->origin = calloc((size_t)l->flows + 1, sizeof(struct origin));
	s->bucket = calloc(buckets, sizeof(uint32_t));
	s->feeder = *by;
	if (s->block == NULL || s->origin == NULL || s->bucket == NULL) {
		shard_free(s);
		return NULL;
	}
	s->flow = (struct flow *)(void *)(((uintptr_t)s->block + 63) &
	    ~(uintptr_t)63);
	return s;
}

static bool
is_demanded(const struct decoder *d, const struct demand *want)
{
	for (const uint8_t *k = d->kinds; k != NULL && *k != KIND_NONE; k++)
		if (want->kind[*k])
			return true;
	return false;
}

/* Which decoders are fed, and which only say their name. */
static struct feeder
feeder_for(const struct flow_limits *l, const struct demand *want,
    const struct decoder *const *roster, size_t n)
{
	struct feeder by = { .roster = roster, .carry_max = l->carry,
	    .pool = { .max = l->memory } };
	bool names = want->kind[KIND_CONN] &&
	    want->field[FIELD_CONN_SERVICE];

	ASSERT(n <= FEED_DECODERS);
	by.ndecoders = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		const struct decoder *d = roster[i];
		uint64_t bit = UINT64_C(1) << i;
		bool fed = is_demanded(d, want);

		if (d->probe == NULL)
			continue;
		ASSERT(d->state_size <= DEC_STATE_MAX);
		if (d->stream != NULL && (fed || names))
			by.probe_tcp |= bit;
		if (d->dgram != NULL && (fed || names))
			by.probe_udp |= bit;
		if (d->stream != NULL && fed)
			by.feed_tcp |= bit;
		if (d->dgram != NULL && fed)
			by.feed_udp |= bit;
	}
	return by;
}

struct flows *
flows_new_with(const struct flow_limits *limits, unsigned shards,
    const struct demand *want, const struct decoder *const *roster, size_t n)
{
	struct flows *fl = calloc(1, sizeof(*fl));
	struct feeder by = feeder_for(limits, want, roster, n);

	ASSERT(limits->flows > 0 && limits->flows < UINT32_C(1) << 30);
	if (fl == NULL)
		return NULL;
	fl->limits = *limits;
	fl->mine = shards & ((1u << FLOW_SHARDS) - 1);
	fl->clock = TIME_NONE;
	fl->wants_icmp = want->kind[KIND_ICMP];
	fl->wants_links = (fl->mine & 1) != 0 &&
	    (want->kind[KIND_ARP] || want->kind[KIND_NEIGHBOR]);
	fl->seed[0] = hash_seed();
	fl->seed[1] = hash_mix(fl->seed[0]);
	fl->frags = frags_new(limits->datagrams, FLOW_SHARDS);
	if (fl->frags == NULL)
		goto out;
	for (unsigned i = 0; i < FLOW_SHARDS; i++)
		if (fl->mine >> i & 1 &&
		    (fl->shard[i] = shard_new(limits, &by)) == NULL)
			goto out;
	return fl;
out:
	flows_free(fl);
	return NULL;
}

struct flows *
flows_new(const struct flow_limits *limits, unsigned shards,
    const struct demand *want)
{
	return flows_new_with(limits, shards, want, decoders, ndecoders);
}

/* What is still open is freed without a word; decoders are closed, but nobody
 * wants their events. */
static void
free_talks(struct shard *s)
{
	static const struct demand nothing;
	static const struct record none = { .time = TIME_NONE };
	struct weirds *weirds = calloc(1, sizeof(*weirds));
	struct batch b;

	if (weirds == NULL || !batch_init(&b, &nothing, weirds)) {
		free(weirds);
		return;
	}
	for (uint32_t i = 1; i <= s->used; i++) {
		struct feed x = { .by = &s->feeder, .b = &b,
		    .f = &s->flow[i], .from = &s->origin[i], .rec = &none };

		if (s->flow[i].slot != SLOT_NONE &&
		    s->flow[i].talk != NULL)
			talk_drop(&x);
	}
	batch_fini(&b);
	free(weirds);
}

void
flows_free(struct flows *fl)
{
	if (fl == NULL)
		return;
	for (unsigned i = 0; i < FLOW_SHARDS; i++)
		if (fl->shard[i] != NULL) {
			free_talks(fl->shard[i]);
			share_free(&fl->shard[i]->feeder);
			shard_free(fl->shard[i]);
		}
	frags_free(fl->frags);
	links_free(fl->links);
	free(fl);
}
