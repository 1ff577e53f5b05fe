/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations as Zeek tells them: endpoint states, conn_state, history,
 * bytes from sequence numbers, and the conn event.
 *
 * History letters: S SYN, H SYN+ACK, A bare ACK, D payload, F FIN, R RST,
 * C wrong checksum, I FIN+RST, Q SYN with FIN or RST, T payload repeated,
 * W window zero, G gap, ^ client and server changed places; upper case from
 * the client, each once a direction.  Unlike Zeek a packet with a wrong
 * checksum is read all the same (captures on a host that lets its card compute
 * them are full of those), and counts do not make a letter come again.
 *
 * missed_bytes: what lies below the highest byte seen or acknowledged and was
 * not captured.  For conversations that are not put together this is an
 * estimate: bytes below the highest one fill holes before they count as
 * repeated.
 */
#include "inner.h"

/* -- history ------------------------------------------------------------- */

void
history_add(struct flow *f, int side, enum letter bit, char c)
{
	f->letters[side] |= (uint16_t)bit;
	if (f->nhistory == HISTORY_MAX)
		return;
	/* Lower case for side 1; turned at the end if sides are swapped. */
	f->history[f->nhistory++] = (char)(side == 1 && c != '^' ?
	    c | 0x20 : c);
}

void
flow_swap(struct flow *f)
{
	f->flags ^= FLOW_SWAPPED;
	history_put(f, 0, LETTER_SWAP, '^');
}

static void
tcp_letters(struct flow *f, int side, const struct packet *p)
{
	uint8_t flags = p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST);

	switch (flags) {
	case 0:
		if (p->payload_len != 0)
			history_put(f, side, LETTER_DATA, 'D');
		else if (p->tcp_flags & TCP_ACK)
			history_put(f, side, LETTER_ACK, 'A');
		break;
	case TCP_SYN:
		history_put(f, side, LETTER_SYN,
		    p->tcp_flags & TCP_ACK ? 'H' : 'S');
		break;
	case TCP_FIN:
		history_put(f, side, LETTER_FIN, 'F');
		break;
	case TCP_RST:
		history_put(f, side, LETTER_RST, 'R');
		break;
	default:
		if ((flags & (TCP_FIN | TCP_RST)) == (TCP_FIN | TCP_RST))
			history_put(f, side, LETTER_FIN_RST, 'I');
		else
			history_put(f, side, LETTER_MULTI, 'Q');
	}
	if (p->window == 0 && !(flags & TCP_RST) &&
	    f->state[!side] != EP_CLOSED && f->state[side] != EP_RESET)
		history_put(f, side, LETTER_WINDOW, 'W');
}

/* An acknowledgment that runs further ahead of all that was seen is garbage,
 * not a sign of bytes that the capture lacks: more than any window in use. */
#define ACK_AHEAD_MAX	(16 << 20)

/* -- sequence numbers ---------------------------------------------------- */

static void
add_holes(struct flow *f, int side, uint32_t n)
{
	if (f->holes[side] > UINT32_MAX - n)
		f->holes[side] = UINT32_MAX;
	else
		f->holes[side] += n;
}

static void
tcp_bytes(struct flow *f, int side, const struct packet *p)
{
	uint8_t valid = (uint8_t)(FLOW_SEQ << side);
	uint32_t seq = p->seq, len = p->payload_len, cut;
	int32_t ahead;

	if (p->tcp_flags & TCP_SYN) {
		seq++;
		/* A new attempt with another number starts the count anew. */
		if (!(f->flags & valid) || (f->high[side] != seq &&
		    f->bytes[side] == 0)) {
			f->high[side] = seq;
			f->flags |= valid;
		}
	} else if (!(f->flags & valid)) {
		f->high[side] = seq;
		f->flags |= valid;
	}
	if (len == 0 && !(p->tcp_flags & TCP_FIN))
		return;
	ahead = (int32_t)(seq + len - f->high[side]);
	if (ahead > 0) {
		f->bytes[side] += (uint32_t)ahead;
		f->high[side] = seq + len;
		if ((uint32_t)ahead > len)
			add_holes(f, side, (uint32_t)ahead - len);
	} else if (len != 0) {
		if (f->holes[side] != 0)
			f->holes[side] -= MIN_OF(f->holes[side], len);
		else
			history_put(f, side, LETTER_REPEAT, 'T');
	}
	if ((cut = len - (uint32_t)p->payload.len) != 0)
		add_holes(f, side, cut);
}

static void
tcp_acked(struct flow *f, int side, uint32_t ack)
{
	int other = !side;
	uint8_t valid = (uint8_t)(FLOW_ACK << other);

	if (!(f->flags & (FLOW_SEQ << other))) {
		f->high[other] = ack;
		f->flags |= (uint8_t)(FLOW_SEQ << other);
	}
	if (!(f->flags & valid)) {
		f->ack[other] = f->high[other];
		f->flags |= valid;
	}
	if (seq_before(f->ack[other], ack) &&
	    ((int32_t)(ack - f->ack[other]) <= ACK_AHEAD_MAX ||
	    (int32_t)(ack - f->high[other]) <= ACK_AHEAD_MAX))
		f->ack[other] = ack;
}

/* Bytes that the other side acknowledged but the capture does not show. */
static uint32_t
acked_unseen(const struct flow *f, int side)
{
	int32_t ahead = (int32_t)(f->ack[side] - f->high[side]);

	if (!(f->flags & (FLOW_ACK << side)) || ahead <= 0)
		return 0;
	/* The FIN counts one. */
	return (uint32_t)ahead - ((f->letters[side] & LETTER_FIN) != 0);
}

/* -- states -------------------------------------------------------------- */

static void
from_inactive(struct flow *f, int side, const struct packet *p)
{
	bool is_client = dir_of(f, side) == DIR_CLIENT;
	uint8_t *own = &f->state[side], *peer = &f->state[!side];
	uint8_t flags = p->tcp_flags;

	if (flags & TCP_SYN) {
		if (is_client)
			*own = flags & TCP_ACK ? EP_SYN_ACK_SENT : EP_SYN_SENT;
		else {
			if (*peer == EP_SYN_SENT)
				*peer = EP_ESTABLISHED;
			*own = EP_ESTABLISHED;
		}
	}
	if (flags & TCP_FIN)
		*own = EP_CLOSED;
	if (flags & TCP_RST)
		*own = EP_RESET;
	if (*own != EP_INACTIVE)
		return;
	/* Some servers acknowledge the SYN before they send theirs. */
	if (!is_client && p->payload_len == 0 && *peer == EP_SYN_SENT)
		return;
	*own = (flags & TCP_ACK) && *peer == EP_ESTABLISHED ?
	    EP_ESTABLISHED : EP_PARTIAL;
}

static void
tcp_state(struct flow *f, int side, const struct packet *p)
{
	uint8_t *own = &f->state[side], *peer = &f->state[!side];
	uint8_t flags = p->tcp_flags;

	switch (*own) {
	case EP_INACTIVE:
		from_inactive(f, side, p);
		break;
	case EP_SYN_SENT:
	case EP_SYN_ACK_SENT:
		if (flags & TCP_FIN)
			*own = EP_CLOSED;
		if (flags & TCP_RST)
			*own = EP_RESET;
		break;
	case EP_PARTIAL:
		if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
		    *peer == EP_INACTIVE)
			*own = EP_SYN_SENT;
		__attribute__((fallthrough));
	case EP_ESTABLISHED:
		if ((flags & TCP_FIN) && !(flags & TCP_RST)) {
			*own = EP_CLOSED;
			/* FIN and then RST was a normal end after all. */
			if (*peer == EP_RESET &&
			    (f->letters[!side] & LETTER_FIN))
				*peer = EP_CLOSED;
		}
		if (flags & TCP_RST)
			*own = EP_RESET;
		break;
	case EP_CLOSED:
		if ((flags & TCP_RST) && *peer != EP_CLOSED)
			*own = EP_RESET;
		break;
	}
}

bool
tcp_is_over(const struct flow *f)
{
	return f->state[0] == EP_RESET || f->state[1] == EP_RESET ||
	    (f->state[0] == EP_CLOSED && (f->state[1] == EP_CLOSED ||
	    f->state[1] == EP_INACTIVE)) ||
	    (f->state[1] == EP_CLOSED && f->state[0] == EP_INACTIVE);
}

bool
tcp_track(struct flow *f, int side, const struct packet *p)
{
	uint8_t before[2] = { f->state[0], f->state[1] };

	if (p->bad_sum)
		history_put(f, side, LETTER_BAD_SUM, 'C');
	tcp_letters(f, side, p);
	if (!(p->tcp_flags & TCP_RST)) {
		if (p->tcp_flags & TCP_ACK)
			tcp_acked(f, side, p->ack);
		tcp_bytes(f, side, p);
	}
	/* Nothing but data and acknowledgments changes nothing here. */
	if (f->state[side] == EP_ESTABLISHED &&
	    !(p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
		return false;
	tcp_state(f, side, p);
	return before[0] != f->state[0] || before[1] != f->state[1];
}

/* -- the conn event ------------------------------------------------------ */

static const char *
tcp_conn_state(const struct flow *f, const uint64_t bytes[2])
{
	unsigned client = f->flags & FLOW_SWAPPED;
	uint8_t os = f->state[client], rs = f->state[!client];
	bool o_silent = os == EP_INACTIVE || os == EP_PARTIAL;
	bool r_silent = rs == EP_INACTIVE || rs == EP_PARTIAL;

	if (rs == EP_RESET) {
		if (os == EP_SYN_SENT || os == EP_SYN_ACK_SENT ||
		    (os == EP_RESET && bytes[0] == 0 && bytes[1] == 0))
			return "REJ";
		return o_silent ? "RSTRH" : "RSTR";
	}
	if (os == EP_RESET)
		return r_silent ? "RSTOS0" : "RSTO";
	if (os == EP_CLOSED && rs == EP_CLOSED)
		return "SF";
	if (os == EP_CLOSED)
		return r_silent ? "SH" : "S2";
	if (rs == EP_CLOSED)
		return o_silent ? "SHR" : "S3";
	if (os == EP_SYN_SENT && rs == EP_INACTIVE)
		return "S0";
	if (os == EP_ESTABLISHED && rs == EP_ESTABLISHED)
		return "S1";
	return "OTH";
}

static const char *
conn_state(const struct flow *f, const uint64_t bytes[2])
{
	unsigned client = f->flags & FLOW_SWAPPED;

	if (f->proto == IPPROTO_N_TCP)
		return tcp_conn_state(f, bytes);
	if (f->proto == IPPROTO_N_ICMP || f->proto == IPPROTO_N_ICMP6)
		return "OTH";
	if (f->pkts[client] != 0)
		return f->pkts[!client] != 0 ? "SF" : "S0";
	return "SHR";
}

static void
history_field(struct batch *b, const struct flow *f, const uint64_t missed[2])
{
	char text[HISTORY_MAX + 2];
	size_t n = f->nhistory;

	if (!event_wants(b, FIELD_CONN_HISTORY))
		return;
	memcpy(text, f->history, n);
	for (int side = 0; side < 2; side++)
		if (missed[side] != 0 && n < HISTORY_MAX &&
		    !(f->letters[side] & LETTER_GAP))
			text[n++] = side == 0 ? 'G' : 'g';
	if (f->flags & FLOW_SWAPPED)
		for (size_t i = 0; i < n; i++)
			if (text[i] != '^')
				text[i] ^= 0x20;
	if (n != 0)
		event_add_copy(b, FIELD_CONN_HISTORY, span_of(text, n));
}

static void
service_field(struct batch *b, const struct flow *f,
    const struct decoder *const *roster)
{
	char text[SERVICES_MAX * 32];
	size_t n = 0;

	for (int i = 0; i < SERVICES_MAX && f->service[i] != 0; i++) {
		const char *name = roster[f->service[i] - 1]->name;
		size_t len = strlen(name);

		if (len > 31)
			break;
		if (n != 0)
			text[n++] = ',';
		memcpy(text + n, name, len);
		n += len;
	}
	if (n != 0)
		event_add_copy(b, FIELD_CONN_SERVICE, span_of(text, n));
}

static void
mac_field(struct batch *b, unsigned field, const struct origin *from, int side)
{
	struct span kept;
	struct value *v;

	if (!from->has_mac[side] || !event_wants(b, field))
		return;
	kept = arena_copy(&b->arena, span_of(from->mac[side], 6));
	if (kept.ptr == NULL || (v = event_add(b, field, VT_MAC)) == NULL)
		return;
	v->ptr = kept.ptr;
	v->len = 6;
}

void
conv_of(const struct flow *f, const struct origin *from, struct conv *c)
{
	int client = f->flags & FLOW_SWAPPED;

	*c = (struct conv){
		.addr = { f->addr[client], f->addr[!client] },
		.port = { f->port[client], f->port[!client] },
		.proto = f->proto,
		.one_way = (f->flags & FLOW_ONE_WAY) != 0,
		.vlan = from->vlan,
		.tunnel = from->tunnel,
		.start = from->start
	};
}

void
conn_event(struct batch *b, const struct flow *f, const struct origin *from,
    const struct conv *known, const struct decoder *const *roster,
    const char *why)
{
	struct locator loc = batch_locator(b, NULL);
	int client = f->flags & FLOW_SWAPPED, server = !client;
	uint64_t unseen[2] = { 0, 0 }, missed[2] = { 0, 0 }, bytes[2];
	struct conv conv;

	loc.record = from->record;
	loc.offset = from->offset;
	if (!event_begin(b, KIND_CONN, from->start, loc))
		return;
	if (f->proto == IPPROTO_N_TCP)
		for (int side = 0; side < 2; side++) {
			unseen[side] = acked_unseen(f, side);
			missed[side] = f->holes[side] + unseen[side];
		}
	bytes[0] = f->bytes[client] + unseen[client];
	bytes[1] = f->bytes[server] + unseen[server];
	conv_of(f, from, &conv);
	if (known != NULL)	/* has the Community ID perhaps */
		memcpy(conv.community_id, known->community_id,
		    sizeof(conv.community_id));
	conv_fields(b, &conv);
	if (from->start != TIME_NONE)
		event_add_f64(b, FIELD_CONN_DURATION,
		    (double)time_diff(f->last, from->start) / (double)NSEC);
	service_field(b, f, roster);
	event_add_str(b, FIELD_CONN_STATE, span_str(conn_state(f, bytes)));
	history_field(b, f, missed);
	event_add_u64(b, FIELD_SRC_BYTES, bytes[0]);
	event_add_u64(b, FIELD_DST_BYTES, bytes[1]);
	event_add_u64(b, FIELD_SRC_PKTS, f->pkts[client]);
	event_add_u64(b, FIELD_DST_PKTS, f->pkts[server]);
	event_add_u64(b, FIELD_SRC_IP_BYTES, f->ip_bytes[client]);
	event_add_u64(b, FIELD_DST_IP_BYTES, f->ip_bytes[server]);
	event_add_u64(b, FIELD_MISSED_BYTES, missed[0] + missed[1]);
	mac_field(b, FIELD_SRC_MAC, from, client);
	mac_field(b, FIELD_DST_MAC, from, server);
	event_add_str(b, FIELD_CONN_END, span_str(why));
	event_end(b);
}
