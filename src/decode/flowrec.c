/* SPDX-License-Identifier: Apache-2.0
 *
 * Flow records to conversations, for all decoders of flow records.
 *
 * A record tells of one direction, of one piece: an exporter cuts a long flow
 * at its active time-out, and a keep-alive every two minutes is a record each
 * time.  Here records of one exporter with the same addresses and ports, in
 * either direction, become one conn event, with the time-outs that packets have
 * too (Zeek's): a beacon is then no row of minutes, and who asked and who
 * answered is known.
 *
 * A record joins what waits when the two do not lie further apart than the
 * protocol's time-out and it does not begin a new TCP connection.  A record
 * that tells the same packets as the one before (counted where they came in and
 * where they went out, or sent to two collectors) is left out.  A conversation
 * is told when nothing has come for the time that its last piece makes likely:
 * see wait_s().
 *
 * Who is the client: as the record says (biflows); the side with a SYN when
 * only one has it; the side whose first packet came first, if all packets were
 * looked at; else by ports.  What is alone is told alone: nothing is then said
 * of the other side.  conn.state is told where the flags prove it.
 *
 * Ownership: one block of entries, the caller's.
 * Bounds: cap entries of some 300 bytes; the one that was quiet longest makes
 * room and is told, as a weird.
 */
#include <stdlib.h>

#include "decode.h"

/* Quiet time that ends a conversation; as for packets (flow.h). */
#define GAP_TCP		(300 * NSEC)
#define GAP_OTHER	(60 * NSEC)
/* How long to wait for more, in the input's time: the gap and how late
 * exporters are (idle time-outs are 15 to 60 s).  An active time-out is 1 to 30
 * minutes. */
#define WAIT_OVER	60
#define WAIT_OTHER	120
#define WAIT_TCP	360
#define WAIT_ACTIVE	1860
#define LOOK_S		60	/* how often one that waits is looked at */
/* A flow that lived so long and was exported so soon after its last packet was
 * cut while it went on; shorter active time-outs are not to be had. */
#define ACTIVE_LONG	(50 * NSEC)
#define ACTIVE_SOON	(10 * NSEC)
#define SAME_TIME	NSEC	/* of two routers' clocks for one packet */
#define CLOCK_BACK	(3600 * NSEC)	/* further back the clock was set */
#define EXPIRE_ADD	4	/* told at most when one is added */
#define PORT_ASKING	32768u	/* where Linux' and Windows' ephemeral ports
				 * begin, at the earliest */

enum { NOBODY = 2 };		/* no side */

struct key {			/* no padding: compared as bytes */
	struct addr	addr[2];	/* the lesser first, but for one_way */
	uint16_t	port[2];
	uint32_t	exporter;	/* hash of its address */
	uint8_t		proto, one_way;
	uint16_t	zero;
};

/* What one side sent. */
struct half {
	struct flow_sent sent;
	int64_t		 first, last;
	int64_t		 piece_first, piece_last;	/* of the newest */
	uint64_t	 piece_pkts;
	uint32_t	 in_if, out_if, src_as, dst_as;
	uint16_t	 has;		/* FREC_ */
	uint8_t		 tos;
	bool		 seen;
};

struct joined {
	struct half	 half[2];
	int64_t		 updated;	/* input's time */
	int64_t		 looked;
	uint64_t	 rate, record, offset;
	struct addr	 exporter, next_hop;
	uint8_t		 mac[2][6];	/* by side */
	uint16_t	 has;		/* FREC_ of these */
	uint16_t	 vlan;
	uint32_t	 tunnel;
	uint8_t		 first_side;	/* whose record came first */
	uint8_t		 client;	/* a side, or NOBODY */
	uint8_t		 end;		/* enum flow_end of the newest */
	bool		 goes_on;	/* cut by the active time-out */
};

struct flow_join {
	struct table	*table;
	struct dec	*d;		/* for evict() */
};

static bool
is_over(const struct joined *j)
{
	uint8_t a = j->half[0].sent.tcp_flags, b = j->half[1].sent.tcp_flags;

	return ((a | b) & TCP_RST) != 0 || ((a & TCP_FIN) != 0 &&
	    ((b & TCP_FIN) != 0 || !j->half[1].seen)) ||
	    ((b & TCP_FIN) != 0 && !j->half[0].seen);
}

/* Seconds. */
static int64_t
wait_s(const struct key *k, const struct joined *j)
{
	uint8_t flags = j->half[0].sent.tcp_flags |
	    j->half[1].sent.tcp_flags;

	if (k->proto == IPPROTO_N_TCP &&
	    (is_over(j) || flags == TCP_SYN))
		return WAIT_OVER;
	if (j->goes_on)
		return WAIT_ACTIVE;
	return k->proto == IPPROTO_N_TCP ? WAIT_TCP : WAIT_OTHER;
}

/* -- telling ------------------------------------------------------------- */

/* The side that ports speak for, one of them below limit; or NOBODY. */
static unsigned
client_by_port(const struct key *k, unsigned limit)
{
	uint16_t a = k->port[0], b = k->port[1];

	return (a < limit) == (b < limit) ? NOBODY : a < limit;
}

static unsigned
client_of_tcp(const struct joined *j)
{
	bool syn[2];

	for (int i = 0; i < 2; i++) {
		uint8_t flags = j->half[i].sent.tcp_flags;

		syn[i] = (flags & TCP_SYN) != 0;
		/* A SYN and no ACK, ever: it asked, in vain. */
		if (syn[i] && (flags & TCP_ACK) == 0)
			return (unsigned)i;
	}
	if (j->half[0].seen && j->half[1].seen && syn[0] != syn[1])
		return syn[0] ? 0 : 1;
	return NOBODY;
}

static unsigned
client_of(const struct key *k, const struct joined *j)
{
	const struct half *h = j->half;
	uint8_t flags = h[0].sent.tcp_flags & h[1].sent.tcp_flags;
	bool tcp = k->proto == IPPROTO_N_TCP, timed;
	unsigned side = j->client;

	if (side == NOBODY && k->one_way)
		return j->first_side;
	if (side == NOBODY && (k->proto == IPPROTO_N_ICMP ||
	    k->proto == IPPROTO_N_ICMP6))	/* who asked has that type */
		return k->port[0] == 8 || k->port[0] == 128 ? 0 : 1;
	if (side == NOBODY && tcp)
		side = client_of_tcp(j);
	timed = h[0].seen && h[1].seen && h[0].first != h[1].first &&
	    j->rate == 1;
	if (side == NOBODY && timed && (flags & TCP_SYN) != 0)
		side = h[0].first < h[1].first ? 0 : 1;
	/* Of what was seen from its middle on times say less than ports. */
	if (side == NOBODY)
		side = client_by_port(k, 1024);
	if (side == NOBODY && timed && !tcp)
		side = h[0].first < h[1].first ? 0 : 1;
	if (side == NOBODY)
		side = client_by_port(k, PORT_ASKING);
	return side == NOBODY ? j->first_side : side;
}

/* Zeek's states, where flags leave no doubt: of all packets, not of samples. */
static const char *
state_of(const struct key *k, const struct joined *j, unsigned client)
{
	const struct half *c = &j->half[client], *s = &j->half[!client];
	uint8_t cf = c->sent.tcp_flags, sf = s->sent.tcp_flags;

	if (k->proto == IPPROTO_N_UDP)
		return c->seen && s->seen ? "SF" : NULL;
	if (k->proto != IPPROTO_N_TCP || j->rate != 1 ||
	    (c->sent.has & SENT_FLAGS) == 0)
		return NULL;
	if (!s->seen) {
		if ((cf & (TCP_SYN | TCP_ACK | TCP_FIN)) != TCP_SYN)
			return NULL;
		return (cf & TCP_RST) != 0 ? "RSTOS0" : "S0";
	}
	if ((s->sent.has & SENT_FLAGS) == 0)
		return NULL;
	if ((sf & TCP_RST) != 0)
		return (cf & sf & TCP_SYN) != 0 ? "RSTR" :
		    (cf & TCP_SYN) != 0 ? "REJ" : "OTH";
	if ((cf & TCP_RST) != 0)
		return (sf & TCP_SYN) != 0 ? "RSTO" : "OTH";
	if ((cf & sf & TCP_FIN) != 0)
		return "SF";
	if ((cf & sf & TCP_SYN) == 0)
		return "OTH";
	return (cf & TCP_FIN) != 0 ? "S2" : (sf & TCP_FIN) != 0 ? "S3" : "S1";
}

static const char *
end_of(const struct key *k, const struct joined *j, const char *why)
{
	uint8_t flags = j->half[0].sent.tcp_flags |
	    j->half[1].sent.tcp_flags;

	if (k->proto == IPPROTO_N_TCP && is_over(j))
		return (flags & TCP_RST) != 0 ? "rst" : "fin";
	switch (j->end) {
	case FLOW_END_ACTIVE:
		return "active";
	case FLOW_END_IDLE:
		return "timeout";
	case FLOW_END_FIN:
		return "fin";
	case FLOW_END_FORCED: case FLOW_END_LACK:
		return "evict";
	default:
		return j->goes_on ? "active" : why;
	}
}

static void
add_sent(struct batch *b, const struct half *h, unsigned dst)
{
	static const uint16_t field[4][2] = {
		{ FIELD_SRC_BYTES, FIELD_DST_BYTES },
		{ FIELD_SRC_PKTS, FIELD_DST_PKTS },
		{ FIELD_SRC_IP_BYTES, FIELD_DST_IP_BYTES },
		{ FIELD_FLOW_TCP_FLAGS, FIELD_FLOW_DST_TCP_FLAGS }
	};

	if (!h->seen)
		return;
	if ((h->sent.has & SENT_BYTES) != 0)
		event_add_u64(b, field[0][dst], h->sent.bytes);
	if ((h->sent.has & SENT_PKTS) != 0)
		event_add_u64(b, field[1][dst], h->sent.pkts);
	if ((h->sent.has & SENT_IP_BYTES) != 0)
		event_add_u64(b, field[2][dst], h->sent.ip_bytes);
	if ((h->sent.has & SENT_FLAGS) != 0)
		event_add_num(b, field[3][dst], VT_HEX, h->sent.tcp_flags);
}

static void
add_mac(struct batch *b, unsigned field, const uint8_t mac[6])
{
	struct span kept;
	struct value *v;

	if (!event_wants(b, field))
		return;
	kept = arena_copy(&b->arena, span_of(mac, 6));
	if (kept.ptr == NULL || (v = event_add(b, field, VT_MAC)) == NULL)
		return;
	v->ptr = kept.ptr;
	v->len = 6;
}

/* What the exporter says beside: of the client's side, or of the other one
 * turned round. */
static void
add_path(struct batch *b, const struct joined *j, unsigned client)
{
	static const struct {
		uint16_t	bit, field;
	} row[] = {
		{ FREC_IN_IF, FIELD_FLOW_IN_IF },
		{ FREC_OUT_IF, FIELD_FLOW_OUT_IF },
		{ FREC_SRC_AS, FIELD_FLOW_SRC_AS },
		{ FREC_DST_AS, FIELD_FLOW_DST_AS }
	};
	unsigned back = !j->half[client].seen;
	const struct half *h = &j->half[client ^ back];
	const uint32_t n[] = { h->in_if, h->out_if, h->src_as, h->dst_as };

	if ((h->has & FREC_TOS) != 0)
		event_add_u64(b, FIELD_FLOW_TOS, h->tos);
	for (unsigned i = 0; i < NITEMS(row); i++)
		if ((h->has & row[i].bit) != 0)
			event_add_u64(b, row[i ^ back].field, n[i]);
	if ((j->has & FREC_NEXT_HOP) != 0 && j->first_side == client)
		event_add_addr_copy(b, FIELD_FLOW_NEXT_HOP, &j->next_hop);
	if ((j->has & (client == 0 ? FREC_SRC_MAC : FREC_DST_MAC)) != 0)
		add_mac(b, FIELD_SRC_MAC, j->mac[client]);
	if ((j->has & (client == 0 ? FREC_DST_MAC : FREC_SRC_MAC)) != 0)
		add_mac(b, FIELD_DST_MAC, j->mac[!client]);
}

static void
tell(struct dec *d, const struct key *k, const struct joined *j,
    const char *why)
{
	unsigned client = client_of(k, j);
	const struct half *c = &j->half[client], *s = &j->half[!client];
	struct conv conv = { .addr = { k->addr[client], k->addr[!client] },
	    .port = { k->port[client], k->port[!client] },
	    .proto = k->proto, .one_way = k->one_way, .vlan = j->vlan,
	    .tunnel = j->tunnel };
	struct batch *b = d->batch;
	struct dec inner = *d;
	int64_t first, last;
	const char *state;

	first = !s->seen || (c->seen && c->first < s->first) ? c->first :
	    s->first;
	last = !s->seen || (c->seen && c->last > s->last) ? c->last : s->last;
	conv.start = first;
	inner.conv = &conv;
	if (!dec_event(&inner, KIND_CONN, first, j->record, j->offset))
		return;
	if (((c->has | s->has) & FREC_TIMES) != 0)
		event_add_f64(b, FIELD_CONN_DURATION,
		    (double)time_diff(last, first) / (double)NSEC);
	if ((state = state_of(k, j, client)) != NULL)
		event_add_str(b, FIELD_CONN_STATE, span_str(state));
	add_sent(b, c, 0);
	add_sent(b, s, 1);
	event_add_addr_copy(b, FIELD_FLOW_EXPORTER, &j->exporter);
	event_add_u64(b, FIELD_FLOW_SAMPLING, j->rate);
	add_path(b, j, client);
	event_add_str(b, FIELD_CONN_END, span_str(end_of(k, j, why)));
	event_end(b);
}

/* -- joining ------------------------------------------------------------- */

static uint64_t
sum(uint64_t a, uint64_t b)
{
	uint64_t n;

	return __builtin_add_overflow(a, b, &n) ? UINT64_MAX : n;
}

static unsigned
key_of(const struct flow_rec *r, struct key *k)
{
	int cmp = memcmp(r->addr[0].b, r->addr[1].b, 16);
	unsigned from = !r->one_way &&
	    (cmp > 0 || (cmp == 0 && r->port[0] > r->port[1]));

	k->addr[from] = r->addr[0];
	k->addr[!from] = r->addr[1];
	k->port[from] = r->port[0];
	k->port[!from] = r->port[1];
	k->exporter = (uint32_t)hash_bytes(r->exporter.b, 16, 0);
	k->proto = r->proto;
	k->one_way = r->one_way;
	k->zero = 0;
	return from;
}

static bool
is_near(int64_t a, int64_t b, int64_t by)
{
	int64_t d = time_diff(a, b);

	return d <= by && d >= -by;
}

/* The packets that the newest piece of this side told already. */
static bool
is_told(const struct half *h, const struct flow_rec *r)
{
	if (!h->seen || r->is_packet ||
	    h->piece_pkts != r->sent[0].pkts)
		return false;
	if (h->piece_first == r->first && h->piece_last == r->last)
		return true;
	return is_near(h->piece_first, r->first, SAME_TIME) &&
	    is_near(h->piece_last, r->last, SAME_TIME) &&
	    (h->in_if != r->in_if || h->out_if != r->out_if ||
	    ((h->has ^ r->has) & FREC_EGRESS) != 0);
}

/* Another conversation between the same ports. */
static bool
is_another(const struct joined *j, const struct flow_rec *r, unsigned from)
{
	const struct half *h = &j->half[from], *other = &j->half[!from];
	bool tcp = r->proto == IPPROTO_N_TCP;
	int64_t gap = tcp ? GAP_TCP : GAP_OTHER;

	if ((!h->seen || (time_diff(r->first, h->last) > gap ||
	    time_diff(h->first, r->last) > gap)) &&
	    (!other->seen || (time_diff(r->first, other->last) > gap ||
	    time_diff(other->first, r->last) > gap)))
		return true;
	/* A SYN behind what had one; repeated ones are one attempt. */
	return tcp && h->seen && (r->sent[0].tcp_flags & TCP_SYN) != 0 &&
	    (h->sent.tcp_flags & TCP_SYN) != 0 && r->first > h->last &&
	    (other->seen || h->sent.tcp_flags != TCP_SYN);
}

static void
half_add(struct half *h, const struct flow_rec *r, const struct flow_sent *s,
    unsigned back)
{
	const uint32_t path[] = { r->in_if, r->out_if, r->src_as, r->dst_as };
	unsigned has = r->has;

	if (back != 0)		/* interfaces are told of the way there */
		has &= ~(FREC_IN_IF | FREC_OUT_IF | FREC_SRC_AS |
		    FREC_DST_AS | FREC_TOS);
	if (!h->seen) {
		h->first = r->first;
		h->last = r->last;
	}
	h->first = MIN_OF(h->first, r->first);
	h->last = MAX_OF(h->last, r->last);
	h->piece_first = r->first;
	h->piece_last = r->last;
	h->piece_pkts = s->pkts;
	h->sent.ip_bytes = sum(h->sent.ip_bytes, s->ip_bytes);
	h->sent.bytes = sum(h->sent.bytes, s->bytes);
	h->sent.pkts = sum(h->sent.pkts, s->pkts);
	h->sent.tcp_flags |= s->tcp_flags;
	h->sent.has |= s->has;
	h->in_if = path[0];
	h->out_if = path[1];
	h->src_as = path[2];
	h->dst_as = path[3];
	h->tos = r->tos;
	h->has |= (uint16_t)has;
	h->seen = true;
}

static void
begin(struct joined *j, const struct flow_rec *r, unsigned from, int64_t now)
{
	memset(j, 0, sizeof(*j));
	j->looked = now;
	j->record = r->record;
	j->offset = r->offset;
	j->exporter = r->exporter;
	j->next_hop = r->next_hop;
	j->vlan = r->vlan;
	j->tunnel = r->tunnel;
	j->first_side = (uint8_t)from;
	j->client = NOBODY;
	memcpy(j->mac[from], r->mac[0], 6);
	memcpy(j->mac[!from], r->mac[1], 6);
	j->has = r->has & (FREC_NEXT_HOP | FREC_SRC_MAC | FREC_DST_MAC);
	if (from == 1 && ((j->has & FREC_SRC_MAC) != 0) !=
	    ((j->has & FREC_DST_MAC) != 0))
		j->has ^= FREC_SRC_MAC | FREC_DST_MAC;	/* by side */
}

static void
take(struct joined *j, const struct flow_rec *r, unsigned from, int64_t now)
{
	half_add(&j->half[from], r, &r->sent[0], 0);
	if (r->sent[1].has != 0)
		half_add(&j->half[!from], r, &r->sent[1], 1);
	if ((r->has & FREC_CLIENT) != 0 && j->client == NOBODY)
		j->client = (uint8_t)from;
	j->rate = MAX_OF(j->rate, r->rate);
	j->updated = now;
	j->end = r->end;
	j->goes_on = r->end == FLOW_END_ACTIVE || (r->end == FLOW_END_NONE &&
	    r->exported != TIME_NONE &&
	    time_diff(r->last, r->first) >= ACTIVE_LONG &&
	    time_diff(r->exported, r->last) <= ACTIVE_SOON);
}

/* Tells those that have waited long enough, up to n. */
static void
expire(struct dec *d, struct flow_join *f, int64_t now, unsigned n)
{
	while (n-- > 0) {
		const void *key;
		void *value;
		uint32_t it = 0;
		struct joined *j;
		struct key k;
		int64_t age;

		if (!table_next(f->table, &it, &key, &value))
			return;
		j = value;
		k = *(const struct key *)key;
		age = time_diff(now, j->looked);
		if (age < LOOK_S * NSEC && age > -CLOCK_BACK)
			return;
		if (age > 0 &&
		    time_diff(now, j->updated) < wait_s(&k, j) * NSEC) {
			j->looked = now;
			(void)table_get(f->table, &k);	/* behind the others */
			continue;
		}
		tell(d, &k, j, "timeout");
		table_del(f->table, &k);
	}
}

static void
evict(void *arg, const void *key, void *value)
{
	struct flow_join *f = arg;

	dec_weird(f->d, WEIRD_FLOWREC_LIMIT);
	tell(f->d, key, value, "evict");
}

void
flow_join_add(struct dec *d, struct flow_join *f, const struct flow_rec *r,
    int64_t now)
{
	struct joined *j;
	struct key k;
	unsigned from = key_of(r, &k);
	bool made;

	expire(d, f, now, EXPIRE_ADD);
	f->d = d;
	if ((j = table_put(f->table, &k, &made)) == NULL) {
		dec_weird(d, WEIRD_FLOWREC_LIMIT);
		return;
	}
	if (made) {
		begin(j, r, from, now);
	} else if (is_told(&j->half[from], r)) {
		return;
	} else if (is_another(j, r, from)) {
		tell(d, &k, j, "timeout");
		begin(j, r, from, now);
	}
	j->looked = now;
	take(j, r, from, now);
}

bool
flow_join_end(struct dec *d, struct flow_join *f)
{
	for (unsigned n = 0; n < SHARE_EVENTS; n++) {
		const void *key;
		void *value;
		uint32_t it = 0;
		struct key k;

		if (!table_next(f->table, &it, &key, &value))
			return true;
		k = *(const struct key *)key;
		tell(d, &k, value, "end");
		table_del(f->table, &k);
	}
	return false;
}

void
flow_icmp(struct flow_rec *r, uint8_t type, uint8_t code)
{
	bool v6 = r->proto == IPPROTO_N_ICMP6;
	uint8_t ask = v6 ? 128 : 8, reply = v6 ? 129 : 0;

	r->port[0] = type;
	r->one_way = type != ask && type != reply;
	r->port[1] = r->one_way ? code : type == ask ? reply : ask;
}

struct flow_join *
flow_join_new(uint32_t cap)
{
	struct flow_join *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->table = table_new(sizeof(struct key), sizeof(struct joined), cap);
	if (f->table == NULL) {
		free(f);
		return NULL;
	}
	table_on_evict(f->table, evict, f);
	return f;
}

void
flow_join_free(struct flow_join *f)
{
	if (f == NULL)
		return;
	table_free(f->table);
	free(f);
}
