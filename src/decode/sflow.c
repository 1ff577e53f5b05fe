/* SPDX-License-Identifier: Apache-2.0
 *
 * sFlow version 5 over UDP: sampled packets of switches to conn events.
 * https://sflow.org/sflow_version_5.txt, section 5; all numbers are XDR:
 *
 *   be32 version (5), agent address (be32 type 1: 4 bytes, 2: 16 bytes),
 *   be32 sub-agent, sequence, uptime in ms, number of samples, then
 *   sample: be32 enterprise << 12 | format, length, body
 *     1 flow sample: sequence, source id, rate, pool, drops, input, output,
 *       number of records
 *     3 expanded: source id, input and output of two words each
 *     2, 4 counters: read past
 *   record: be32 enterprise << 12 | format, length, body
 *     1 sampled header: protocol (1: Ethernet, 11: IPv4, 12: IPv6), length of
 *       the frame, bytes stripped off its end, length of what follows, header
 *     3, 4 IPv4, IPv6: length, protocol, addresses, ports, TCP flags, TOS
 *     others (extended data): read past
 *
 * A sample is one packet of so many: a record of one packet, multiplied by the
 * rate, that flowrec.c joins to conversations.  Time is that of the capture,
 * as the protocol has none.
 *
 * Bounds: SAMPLES_MAX samples a datagram, RECORDS_MAX records a sample, both
 * inside the datagram's 64 KB; AGENTS_MAX sequences; WAITING_MAX conversations.
 */
#include <stdlib.h>
#include <string.h>

#include "decode.h"

#define SAMPLES_MAX	1024u	/* the least has 40 bytes in 64 KB */
#define RECORDS_MAX	64u	/* the specification has some 20 formats */
#define AGENTS_MAX	4096u	/* switches and their sub-agents */
#define WAITING_MAX	65536u
#define FRAGS_MAX	64u	/* samples hardly ever are whole datagrams */
#define HEADER_MIN	28u
#define SAMPLE_HEAD	8u
#define SEQ_BACK_MAX	1000	/* further back the agent began anew */

#define LINK_ETHERNET	1u	/* LINKTYPE_ numbers */
#define LINK_RAW	101u

enum { FLOW_SAMPLE = 1, FLOW_EXPANDED = 3 };
enum { REC_HEADER = 1, REC_IPV4 = 3, REC_IPV6 = 4 };
enum { HEADER_ETHERNET = 1, HEADER_IPV4 = 11, HEADER_IPV6 = 12 };

struct agent_key {		/* no padding: compared as bytes */
	struct addr	addr;
	uint32_t	sub;
};

struct sflow {
	struct table	*agents;	/* agent_key: next sequence */
	struct flow_join *join;
	struct frags	*frags;
};

struct msg {
	struct dec	*d;
	const struct seg *seg;
	struct sflow	*s;
	struct addr	 agent;
};

struct sample {
	uint32_t	rate, in_if, out_if;
	bool		has_in, has_out;
};

static void
tell(struct msg *m, const struct sample *sm, struct flow_rec *f, uint32_t len)
{
	uint64_t rate = sm->rate > 0 ? sm->rate : 1;

	f->record = m->seg->record;
	f->offset = m->seg->offset;
	f->exporter = m->agent;
	f->first = f->last = f->exported = m->seg->time;
	f->is_packet = true;
	f->rate = rate;
	f->sent[0].pkts = rate;
	f->sent[0].ip_bytes = len * rate;	/* both below 2^32 */
	f->sent[0].has |= SENT_PKTS | SENT_IP_BYTES;
	f->has |= FREC_TIMES;
	if (sm->has_in) {
		f->in_if = sm->in_if;
		f->has |= FREC_IN_IF;
	}
	if (sm->has_out) {
		f->out_if = sm->out_if;
		f->has |= FREC_OUT_IF;
	}
	flow_join_add(m->d, m->s->join, f, m->seg->time);
}

static bool
header_record(struct msg *m, const struct sample *sm, struct cursor *c)
{
	uint32_t protocol = cur_be32(c), len = cur_be32(c), stripped, n;
	struct flow_rec f = { .one_way = false };
	struct record r = { .time = m->seg->time, .no = m->seg->record,
	    .offset = m->seg->offset, .wire_len = len,
	    .flags = REC_F_HEAD };
	struct packet p;

	stripped = cur_be32(c);
	n = cur_be32(c);
	r.data = r.whole = cur_take(c, n);
	if (!cur_ok(c) || stripped > len || n > len)
		return false;
	if (protocol != HEADER_ETHERNET && protocol != HEADER_IPV4 &&
	    protocol != HEADER_IPV6)
		return true;
	r.link = protocol == HEADER_ETHERNET ? LINK_ETHERNET : LINK_RAW;
	if (!packet_dissect(m->s->frags, m->d->batch, &r, &p) || p.bad_l4)
		return true;
	f.addr[0] = p.src;
	f.addr[1] = p.dst;
	f.port[0] = p.sport;
	f.port[1] = p.dport;
	f.proto = p.proto;
	f.vlan = p.vlan;
	f.tunnel = p.tunnel;
	f.one_way = p.one_way;
	if (p.proto == IPPROTO_N_TCP) {
		f.sent[0].tcp_flags = p.tcp_flags;
		f.sent[0].has = SENT_FLAGS;
	}
	tell(m, sm, &f, p.ip_len);
	return true;
}

static bool
ip_record(struct msg *m, const struct sample *sm, struct cursor *c, bool is_v6)
{
	size_t size = is_v6 ? 16 : 4;
	uint32_t len = cur_be32(c), proto = cur_be32(c), sport, dport, flags;
	struct span src = cur_take(c, size), dst = cur_take(c, size);
	struct flow_rec f = { .one_way = false };

	sport = cur_be32(c);
	dport = cur_be32(c);
	flags = cur_be32(c);
	f.tos = (uint8_t)cur_be32(c);
	if (!cur_ok(c) || proto > UINT8_MAX || sport > UINT16_MAX ||
	    dport > UINT16_MAX)
		return false;
	f.addr[0] = is_v6 ? addr_v6(src.ptr) : addr_v4(src.ptr);
	f.addr[1] = is_v6 ? addr_v6(dst.ptr) : addr_v4(dst.ptr);
	f.port[0] = (uint16_t)sport;
	f.port[1] = (uint16_t)dport;
	f.proto = (uint8_t)proto;
	f.has = FREC_TOS;
	if (proto == IPPROTO_N_TCP) {
		f.sent[0].tcp_flags = (uint8_t)flags;
		f.sent[0].has = SENT_FLAGS;
	}
	tell(m, sm, &f, len);
	return true;
}

/* One record tells the packet; a second one would tell it again. */
static bool
flow_sample(struct msg *m, struct cursor *c, bool expanded)
{
	struct sample sm = { .rate = 0 };
	uint32_t in, out, in_form = 0, out_form = 0, n;
	bool told = false;

	cur_skip(c, expanded ? 12 : 8);
	sm.rate = cur_be32(c);
	cur_skip(c, 8);
	if (expanded)
		in_form = cur_be32(c);
	in = cur_be32(c);
	if (expanded)
		out_form = cur_be32(c);
	out = cur_be32(c);
	if (!expanded) {	/* the upper two bits are the form */
		in_form = in >> 30;
		out_form = out >> 30;
	}
	n = cur_be32(c);
	sm.in_if = in;
	sm.out_if = out;
	sm.has_in = in_form == 0 && in != 0;
	sm.has_out = out_form == 0 && out != 0;
	if (!cur_ok(c) || n > c->left / SAMPLE_HEAD)
		return false;
	for (uint32_t i = 0; i < n && i < RECORDS_MAX; i++) {
		uint32_t type = cur_be32(c), len = cur_be32(c);
		struct cursor body = cur_sub(c, len);
		bool good = true;

		if (!cur_ok(c))
			return false;
		if (told)
			continue;
		if (type == REC_HEADER)
			good = header_record(m, &sm, &body);
		else if (type == REC_IPV4 || type == REC_IPV6)
			good = ip_record(m, &sm, &body, type == REC_IPV6);
		else
			continue;
		if (!good)
			return false;
		told = true;
	}
	if (n > RECORDS_MAX)
		dec_weird(m->d, WEIRD_SFLOW_LIMIT);
	return true;
}

static void
sequence(struct msg *m, uint32_t sub, uint32_t number)
{
	struct agent_key key;
	uint32_t *next;
	int32_t ahead;
	bool is_new;

	memset(&key, 0, sizeof(key));
	key.addr = m->agent;
	key.sub = sub;
	next = table_put(m->s->agents, &key, &is_new);
	if (next == NULL)
		return;
	ahead = (int32_t)(number - *next);
	if (!is_new && ahead > 0)
		dec_weird(m->d, WEIRD_SFLOW_GAP);
	if (is_new || ahead >= 0 || ahead <= -SEQ_BACK_MAX)
		*next = number + 1;
}

static enum probe_result
sflow_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);
	uint32_t version = cur_be32(&c), type = cur_be32(&c), n;

	if (!p->is_udp || version != 5 || (type != 1 && type != 2))
		return PROBE_NO;
	cur_skip(&c, (type == 1 ? 4 : 16) + 12);
	n = cur_be32(&c);
	if (!cur_ok(&c) || n == 0 || n > c.left / SAMPLE_HEAD)
		return PROBE_NO;
	/* The first sample: a format that agents send, of whole words. */
	type = cur_be32(&c);
	n = cur_be32(&c);
	return cur_ok(&c) && (type >> 12 != 0 || (type > 0 && type <= 5)) &&
	    n % 4 == 0 && n <= c.left ? PROBE_YES : PROBE_NO;
}

static void
read_samples(struct msg *m, struct cursor *c)
{
	uint32_t n = cur_be32(c);

	if (!cur_ok(c) || n > c->left / SAMPLE_HEAD) {
		dec_weird(m->d, WEIRD_SFLOW_BAD);
		return;
	}
	for (uint32_t i = 0; i < n && i < SAMPLES_MAX; i++) {
		uint32_t type = cur_be32(c), len = cur_be32(c);
		struct cursor body = cur_sub(c, len);

		if (!cur_ok(c)) {
			dec_weird(m->d, WEIRD_SFLOW_BAD);
			return;
		}
		if ((type == FLOW_SAMPLE || type == FLOW_EXPANDED) &&
		    !flow_sample(m, &body, type == FLOW_EXPANDED))
			dec_weird(m->d, WEIRD_SFLOW_BAD);
	}
	if (n > SAMPLES_MAX)
		dec_weird(m->d, WEIRD_SFLOW_LIMIT);
}

static void
sflow_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct cursor c = cur_of(seg->data);
	struct msg m = { .d = d, .seg = seg, .s = d->share };
	uint32_t version = cur_be32(&c), type = cur_be32(&c), sub, number;
	struct span agent = cur_take(&c, type == 2 ? 16 : 4);

	(void)state;
	sub = cur_be32(&c);
	number = cur_be32(&c);
	cur_skip(&c, 4);
	if (!cur_ok(&c) || version != 5 || (type != 1 && type != 2)) {
		dec_weird(d, WEIRD_SFLOW_BAD);
		return;
	}
	m.agent = type == 2 ? addr_v6(agent.ptr) : addr_v4(agent.ptr);
	sequence(&m, sub, number);
	if (d->batch->want->kind[KIND_CONN])
		read_samples(&m, &c);
}

static void
sflow_free(void *share)
{
	struct sflow *s = share;

	if (s == NULL)
		return;
	table_free(s->agents);
	flow_join_free(s->join);
	frags_free(s->frags);
	free(s);
}

static void *
sflow_new(void)
{
	struct sflow *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->agents = table_new(sizeof(struct agent_key), sizeof(uint32_t),
	    AGENTS_MAX);
	s->join = flow_join_new(WAITING_MAX);
	s->frags = frags_new(FRAGS_MAX, 1);
	if (s->agents == NULL || s->join == NULL || s->frags == NULL) {
		sflow_free(s);
		return NULL;
	}
	return s;
}

static bool
sflow_end(struct dec *d, void *share)
{
	struct sflow *s = share;

	return flow_join_end(d, s->join);
}

static const uint8_t sflow_kinds[] = { KIND_CONN, KIND_NONE };

const struct decoder decoder_sflow = {
	.name = "sflow",
	.title = "sFlow v5 over UDP",
	.doc = "Sampled packets as conn events, all samples of a conversation "
	    "joined; sampling applied. Left: counters, extended data, "
	    "versions 2 and 4. sflow_version_5.txt.",
	.kinds = sflow_kinds,
	.probe = sflow_probe,
	.dgram = sflow_dgram,
	.share_new = sflow_new,
	.share_end = sflow_end,
	.share_free = sflow_free,
};
