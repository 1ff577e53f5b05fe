/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet layers: from a captured frame to its innermost IP packet and the
 * transport header in it.
 *
 *	link		LINKTYPE_ numbers of tcpdump.org/linktypes.html
 *	Ethernet	dst(6) src(6) type(2); type < 1536: length, LLC
 *			(IEEE 802.2), SNAP
 *	802.1Q, 802.1ad	tci(2) type(2)
 *	PPPoE		vertype(1) code(1) session(2) length(2)	RFC 2516
 *	PPP		[ff 03] protocol(1 or 2)		RFC 1661, 1662
 *	MPLS		label(20) tc(3) bottom(1) ttl(8)	RFC 3032
 *	IPv4		RFC 791; IPv6 and its extension headers RFC 8200,
 *			AH RFC 4302
 *	GRE		RFC 2784, 2890; version 1 (PPTP) RFC 2637
 *	VXLAN		flags(1) 0(3) vni(3) 0(1)		RFC 7348
 *	GENEVE		RFC 8926
 *	TCP RFC 9293, UDP RFC 768, ICMP RFC 792, ICMPv6 RFC 4443, SCTP RFC 9260
 *
 * A walk goes from layer to layer in one loop.  At every tunnel the packet
 * that carries it is kept, so that what does not open inwards is told as the
 * outer conversation.
 *
 * Bounds: LAYERS_MAX layers, TUNNEL_DEPTH_MAX tunnels, EXT_HEADERS_MAX.
 */
#include "decode.h"

#define LAYERS_MAX	32	/* 8 tunnels with link, VLAN and labels each */
#define EXT_HEADERS_MAX	16	/* RFC 8200 knows seven, each once or twice */

enum link_type {
	LT_NULL = 0, LT_ETHERNET = 1, LT_PPP = 9, LT_FDDI = 10,
	LT_RAW_BSD = 12, LT_RAW_OPENBSD = 14, LT_PPP_HDLC = 50,
	LT_PPP_ETHER = 51, LT_RAW = 101, LT_C_HDLC = 104, LT_LOOP = 108,
	LT_SLL = 113, LT_IPV4 = 228, LT_IPV6 = 229, LT_SLL2 = 276
};

enum ether_type {
	ET_IP4 = 0x0800, ET_TEB = 0x6558, ET_VLAN = 0x8100, ET_IP6 = 0x86dd,
	ET_PPP = 0x880b, ET_MPLS = 0x8847, ET_MPLS_MC = 0x8848,
	ET_PPPOE = 0x8864, ET_QINQ = 0x88a8, ET_ERSPAN = 0x88be,
	ET_QINQ_OLD = 0x9100
};

enum next_header {
	NH_HOP = 0, NH_ROUTING = 43, NH_FRAGMENT = 44, NH_AH = 51,
	NH_NONE = 59, NH_DEST = 60, NH_MOBILITY = 135, NH_HIP = 139,
	NH_SHIM6 = 140
};

enum udp_port {
	PORT_VXLAN = 4789, PORT_GENEVE = 6081, PORT_VXLAN_LINUX = 8472
};

enum tunnel {
	TUNNEL_NONE, TUNNEL_GRE, TUNNEL_VXLAN, TUNNEL_GENEVE, TUNNEL_IPIP,
	TUNNEL_6IN4, TUNNEL_MPLS, TUNNEL_PPPOE
};

enum layer {
	L_ETHER, L_TYPE, L_IP, L_IP4, L_IP6, L_PPP, L_MPLS, L_PROTO,
	L_DONE,		/* the packet is complete */
	L_NONE		/* nothing (more) to read inwards */
};

struct walk {
	struct cursor	 c;
	struct packet	*p;
	struct batch	*b;
	const struct record *r;
	struct frags	*frags;		/* NULL: only look for the first IP */
	uint32_t	 l4_len;	/* of what c shows, says the header */
	uint16_t	 type;		/* for L_TYPE */
	uint8_t		 proto;		/* for L_PROTO */
	uint8_t		 ntunnels;
	bool		 hashed, snapped;
	bool		 has_outer;
	struct packet	*outer;		/* what to tell if nothing comes out
					 * of the tunnels */
};

struct span
tunnel_text(struct batch *b, uint32_t tunnel)
{
	static const char names[][8] = {
		[TUNNEL_GRE] = "gre", [TUNNEL_VXLAN] = "vxlan",
		[TUNNEL_GENEVE] = "geneve", [TUNNEL_IPIP] = "ipip",
		[TUNNEL_6IN4] = "6in4", [TUNNEL_MPLS] = "mpls",
		[TUNNEL_PPPOE] = "pppoe"
	};
	uint8_t *out = arena_alloc(&b->arena, TUNNEL_DEPTH_MAX *
	    sizeof(names[0]));
	size_t n = 0;

	if (out == NULL)
		return SPAN_NONE;
	for (int shift = 28; shift >= 0; shift -= 4) {
		unsigned t = tunnel >> shift & 15;
		size_t len;

		if (t == TUNNEL_NONE || t >= NITEMS(names))
			continue;
		if (n != 0)
			out[n++] = ',';
		len = strlen(names[t]);
		memcpy(out + n, names[t], len);
		n += len;
	}
	return (struct span){ out, n };
}

static enum layer
short_packet(struct walk *w)
{
	if (w->b != NULL)
		batch_weird(w->b, WEIRD_PKT_TRUNCATED, w->r);
	return L_NONE;
}

static enum layer
broken(struct walk *w, enum weird weird)
{
	if (w->b != NULL)
		batch_weird(w->b, weird, w->r);
	return L_NONE;
}

/* Enters a tunnel; false: too deep. */
static bool
enter(struct walk *w, enum tunnel t)
{
	if (w->ntunnels == TUNNEL_DEPTH_MAX) {
		(void)broken(w, WEIRD_TUNNEL_DEPTH);
		return false;
	}
	w->ntunnels++;
	w->p->tunnel = w->p->tunnel << 4 | t;
	return true;
}

/* -- link layers --------------------------------------------------------- */

static enum layer
ether(struct walk *w)
{
	const uint8_t *h = cur_gate(&w->c, 14);

	if (h == NULL)
		return short_packet(w);
	w->p->dst_mac = h;
	w->p->src_mac = h + 6;
	w->type = load_be16(h + 12);
	return L_TYPE;
}

/* An 802.3 length instead of a type: only SNAP can lead to IP. */
static enum layer
llc(struct walk *w)
{
	const uint8_t *h = cur_gate(&w->c, 8);

	if (h == NULL || h[0] != 0xaa || h[1] != 0xaa || h[2] != 3)
		return L_NONE;
	w->type = load_be16(h + 6);
	return w->type < 1536 ? L_NONE : L_TYPE;
}

static enum layer
vlan(struct walk *w)
{
	const uint8_t *h = cur_gate(&w->c, 4);

	if (h == NULL)
		return short_packet(w);
	if (w->p->vlan == 0)
		w->p->vlan = load_be16(h) & 0xfff;
	w->type = load_be16(h + 2);
	return L_TYPE;
}

static enum layer
pppoe(struct walk *w)
{
	const uint8_t *h = cur_gate(&w->c, 6);

	if (h == NULL)
		return short_packet(w);
	if (h[0] != 0x11 || h[1] != 0 || !enter(w, TUNNEL_PPPOE))
		return L_NONE;	/* code 0 is session data */
	return L_PPP;
}

static enum layer
ppp(struct walk *w)
{
	uint16_t proto;

	if (cur_peek(&w->c, 0) == 0xff && cur_peek(&w->c, 1) == 0x03)
		cur_skip(&w->c, 2);
	proto = cur_u8(&w->c);
	if ((proto & 1) == 0)		/* not compressed to one byte */
		proto = (uint16_t)(proto << 8 | cur_u8(&w->c));
	if (!cur_ok(&w->c))
		return short_packet(w);
	switch (proto) {
	case 0x0021:	return L_IP4;
	case 0x0057:	return L_IP6;
	case 0x0281:	return L_MPLS;
	}
	return L_NONE;
}

static enum layer
mpls(struct walk *w)
{
	const uint8_t *h;

	if (!enter(w, TUNNEL_MPLS))
		return L_NONE;
	do {
		if ((h = cur_gate(&w->c, 4)) == NULL)
			return short_packet(w);
	} while ((h[2] & 1) == 0);
	switch (cur_peek(&w->c, 0) >> 4) {
	case 4:		return L_IP4;
	case 6:		return L_IP6;
	case 0:		/* control word of a pseudowire, RFC 4448 */
		cur_skip(&w->c, 4);
		return L_ETHER;
	}
	return L_NONE;
}

static enum layer
by_type(struct walk *w)
{
	switch (w->type) {
	case ET_IP4:		return L_IP4;
	case ET_IP6:		return L_IP6;
	case ET_VLAN:
	case ET_QINQ:
	case ET_QINQ_OLD:	return vlan(w);
	case ET_PPPOE:		return pppoe(w);
	case ET_MPLS:
	case ET_MPLS_MC:	return L_MPLS;
	case ET_TEB:		return L_ETHER;
	case ET_PPP:		return L_PPP;
	}
	return w->type < 1536 ? llc(w) : L_NONE;
}

static enum layer
link_start(struct walk *w)
{
	switch (w->r->link) {
	case LT_ETHERNET:
		return L_ETHER;
	case LT_RAW: case LT_RAW_BSD: case LT_RAW_OPENBSD: case LT_IPV4:
	case LT_IPV6:
		return L_IP;
	case LT_NULL: case LT_LOOP:
		/* The family's number and byte order vary by system; the IP
		 * version tells the same. */
		cur_skip(&w->c, 4);
		return L_IP;
	case LT_SLL:
		if (w->c.left < 16)
			return short_packet(w);
		if (load_be16(w->c.ptr + 4) == 6)
			w->p->src_mac = w->c.ptr + 6;
		w->type = load_be16(w->c.ptr + 14);
		cur_skip(&w->c, 16);
		return L_TYPE;
	case LT_SLL2:
		if (w->c.left < 20)
			return short_packet(w);
		if (w->c.ptr[11] == 6)
			w->p->src_mac = w->c.ptr + 12;
		w->type = load_be16(w->c.ptr);
		cur_skip(&w->c, 20);
		return L_TYPE;
	case LT_FDDI:
		cur_skip(&w->c, 13);
		w->type = 0;		/* LLC follows */
		return L_TYPE;
	case LT_PPP: case LT_PPP_HDLC:
		return L_PPP;
	case LT_PPP_ETHER:
		return pppoe(w);
	case LT_C_HDLC:
		cur_skip(&w->c, 2);
		w->type = cur_be16(&w->c);
		return L_TYPE;
	}
	return broken(w, WEIRD_LINK_UNKNOWN);
}

/* -- IP ------------------------------------------------------------------ */

/* Symmetric and the same in every run: it cuts the work. */
static void
hash_pair(struct walk *w)
{
	const struct packet *p = w->p;
	uint64_t h;

	if (w->hashed)
		return;
	w->hashed = true;
	h = (load_le64(p->src.b) ^ load_le64(p->dst.b)) *
	    UINT64_C(0x9e3779b97f4a7c15);
	h ^= load_le64(p->src.b + 8) ^ load_le64(p->dst.b + 8);
	w->p->shard_hash = (uint32_t)(hash_mix(h) >> 32) | 1u << 31;
}

/* Cuts the cursor to n bytes of packet; what the capture lacks is noted. */
static void
cut_to(struct walk *w, uint32_t n)
{
	w->l4_len = n;
	if (w->c.left >= n) {
		w->c.left = n;
		return;
	}
	if (!w->snapped && w->b != NULL && w->frags != NULL &&
	    (w->r->flags & REC_F_HEAD) == 0)
		batch_weird(w->b, WEIRD_PKT_SNAPPED, w->r);
	w->snapped = true;
}

/* Bytes of the frame from here on, as it was on the wire. */
static uint32_t
wire_left(const struct walk *w)
{
	uint64_t cut = w->r->wire_len > w->r->data.len ?
	    w->r->wire_len - w->r->data.len : 0;

	return (uint32_t)MIN_OF(w->c.left + cut, UINT64_C(0xffffff));
}

/* A fragment: the cursor is on the datagram afterwards if it is whole. */
static enum layer
fragment(struct walk *w, const struct frag_key *key, struct frag *f,
    uint32_t header_len)
{
	struct span whole;

	if (w->frags == NULL || w->c.left < w->l4_len)
		return L_NONE;
	f->data = cur_rest(&w->c);
	whole = frags_put(w->frags, w->p->shard_hash, w->b, w->r, key, f,
	    &w->proto);
	if (whole.ptr == NULL)
		return L_NONE;
	w->c = cur_of(whole);
	w->l4_len = (uint32_t)whole.len;
	w->p->ip_len = header_len + w->l4_len;
	return L_PROTO;
}

static enum layer
ip4(struct walk *w)
{
	const uint8_t *h = w->c.ptr;
	struct packet *p = w->p;
	uint32_t header_len, total;
	uint16_t off;

	if (w->c.failed || w->c.left < 20)
		return short_packet(w);
	header_len = (h[0] & 15u) * 4;
	total = load_be16(h + 2);
	if (total == 0)		/* left to the card by the sending host */
		total = wire_left(w);
	if (h[0] >> 4 != 4 || header_len < 20 || total < header_len)
		return broken(w, WEIRD_IP_BAD_HEADER);
	p->src = addr_v4(h + 12);
	p->dst = addr_v4(h + 16);
	p->is_v6 = false;
	p->ttl = h[8];
	p->ip_len = total;
	hash_pair(w);
	w->proto = h[9];
	cut_to(w, total);
	if (w->c.left < header_len)
		return short_packet(w);
	cur_skip(&w->c, header_len);
	w->l4_len = total - header_len;
	off = load_be16(h + 6);
	if (__builtin_expect((off & 0x3fff) != 0, 0)) {
		struct frag_key key = { p->src, p->dst, load_be16(h + 4),
		    w->proto };
		struct frag f = { .off = (off & 0x1fffu) * 8,
		    .more = (off & 0x2000) != 0, .proto = w->proto };

		return fragment(w, &key, &f, header_len);
	}
	return L_PROTO;
}

/* One extension header; L_IP6 means that another may follow. */
static enum layer
extension(struct walk *w)
{
	const uint8_t *h = cur_gate(&w->c, 8);
	uint32_t len;

	if (h == NULL)
		return short_packet(w);
	if (w->proto == NH_FRAGMENT) {
		struct frag_key key = { w->p->src, w->p->dst,
		    load_be32(h + 4), 0 };
		uint16_t off = load_be16(h + 2);
		struct frag f = { .off = off & 0xfff8u, .more = off & 1,
		    .proto = h[0] };

		w->l4_len -= 8;
		w->proto = h[0];
		/* RFC 6946: an atomic fragment stands alone. */
		if (f.off == 0 && !f.more)
			return L_IP6;
		return fragment(w, &key, &f, 40) == L_PROTO ? L_IP6 : L_NONE;
	}
	len = w->proto == NH_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
	if (len < 8 || len > w->l4_len)
		return broken(w, WEIRD_IP_BAD_HEADER);
	if (cur_gate(&w->c, len - 8) == NULL)
		return short_packet(w);
	w->l4_len -= len;
	w->proto = h[0];
	return L_IP6;
}

static bool
is_extension(uint8_t proto)
{
	switch (proto) {
	case NH_HOP: case NH_ROUTING: case NH_FRAGMENT: case NH_AH:
	case NH_DEST: case NH_MOBILITY: case NH_HIP: case NH_SHIM6:
		return true;
	}
	return false;
}

static enum layer
ip6(struct walk *w)
{
	const uint8_t *h = w->c.ptr;
	struct packet *p = w->p;
	uint32_t len;

	if (w->c.failed || w->c.left < 40)
		return short_packet(w);
	if (h[0] >> 4 != 6)
		return broken(w, WEIRD_IP_BAD_HEADER);
	len = load_be16(h + 4);
	if (len == 0 && h[6] != NH_NONE)	/* jumbogram, or offloaded */
		len = wire_left(w) - 40;
	p->src = addr_v6(h + 8);
	p->dst = addr_v6(h + 24);
	p->is_v6 = true;
	p->ttl = h[7];
	p->ip_len = len + 40;
	hash_pair(w);
	w->proto = h[6];
	cut_to(w, len + 40);
	cur_skip(&w->c, 40);
	w->l4_len = len;
	for (unsigned n = 0; is_extension(w->proto); n++) {
		/* Fragments of a mobility message and the like do not carry
		 * ports; what follows them is nothing. */
		if (w->frags == NULL)
			return L_NONE;
		if (n == EXT_HEADERS_MAX)
			return broken(w, WEIRD_IP_EXT_CHAIN);
		if (extension(w) != L_IP6)
			return L_NONE;
	}
	return L_PROTO;
}

static enum layer
ip_any(struct walk *w)
{
	switch (cur_peek(&w->c, 0) >> 4) {
	case 4:		return L_IP4;
	case 6:		return L_IP6;
	}
	return w->c.left == 0 ? short_packet(w) :
	    broken(w, WEIRD_IP_BAD_HEADER);
}

/* -- transport ----------------------------------------------------------- */

/* RFC 1071 over the pseudo header and the segment. */
static bool
wrong_sum(const struct packet *p, uint8_t proto, struct span seg)
{
	uint64_t sum = proto + seg.len;
	const uint8_t *q = seg.ptr;
	size_t n = seg.len;

	sum += load_be32(p->src.b + 12) + (uint64_t)load_be32(p->dst.b + 12);
	if (p->is_v6)
		for (int i = 0; i < 12; i += 4)
			sum += load_be32(p->src.b + i) +
			    (uint64_t)load_be32(p->dst.b + i);
	for (; n >= 4; n -= 4, q += 4)
		sum += load_be32(q);
	if (n >= 2) {
		sum += load_be16(q);
		q += 2;
		n -= 2;
	}
	if (n != 0)
		sum += (uint64_t)*q << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum != 0xffff;
}

static void
check_sum(struct walk *w, uint8_t proto, struct span seg)
{
	if (event_wants(w->b, FIELD_CONN_HISTORY) && seg.len == w->l4_len)
		w->p->bad_sum = wrong_sum(w->p, proto, seg);
}

static enum layer
no_ports(struct walk *w, enum weird weird)
{
	w->p->bad_l4 = true;
	w->p->payload = cur_rest(&w->c);
	w->p->payload_len = w->l4_len;
	if (w->b != NULL)
		batch_weird(w->b, weird, w->r);
	return L_DONE;
}

static void
ports_of(struct packet *p, const uint8_t *h)
{
	p->sport = load_be16(h);
	p->dport = load_be16(h + 2);
}

static enum layer
tcp(struct walk *w)
{
	struct packet *p = w->p;
	struct span seg = cur_rest(&w->c);
	const uint8_t *h = seg.ptr;
	uint32_t header_len;

	if (seg.len < 20)
		return no_ports(w, w->l4_len < 20 ? WEIRD_L4_BAD_HEADER :
		    WEIRD_PKT_TRUNCATED);
	ports_of(p, h);
	p->seq = load_be32(h + 4);
	p->ack = load_be32(h + 8);
	p->tcp_flags = h[13];
	p->window = load_be16(h + 14);
	header_len = (uint32_t)(h[12] >> 4) * 4;
	if (header_len < 20 || header_len > w->l4_len)
		return no_ports(w, WEIRD_L4_BAD_HEADER);
	check_sum(w, IPPROTO_N_TCP, seg);
	p->payload = span_sub(seg, header_len, SIZE_MAX);
	p->payload_len = w->l4_len - header_len;
	return L_DONE;
}

static enum layer
icmp(struct walk *w, uint8_t proto)
{
	/* Types that ask and are answered, in pairs. */
	static const uint8_t pair4[][2] = {
		{ 8, 0 }, { 13, 14 }, { 15, 16 }, { 17, 18 }, { 10, 9 }
	};
	static const uint8_t pair6[][2] = {
		{ 128, 129 }, { 133, 134 }, { 135, 136 }, { 130, 131 },
		{ 139, 140 }, { 144, 145 }
	};
	bool v6 = proto == IPPROTO_N_ICMP6;
	const uint8_t (*pair)[2] = v6 ? pair6 : pair4;
	size_t n = v6 ? NITEMS(pair6) : NITEMS(pair4);
	struct packet *p = w->p;
	struct span msg = cur_rest(&w->c);

	if (msg.len < 4)
		return no_ports(w, w->l4_len < 4 ? WEIRD_L4_BAD_HEADER :
		    WEIRD_PKT_TRUNCATED);
	p->sport = msg.ptr[0];
	p->dport = msg.ptr[1];
	p->one_way = true;
	for (size_t i = 0; i < n; i++) {
		if (pair[i][0] != msg.ptr[0] && pair[i][1] != msg.ptr[0])
			continue;
		p->dport = pair[i][pair[i][0] == msg.ptr[0]];
		p->one_way = false;
		break;
	}
	p->payload = span_sub(msg, 8, SIZE_MAX);
	p->payload_len = w->l4_len > 8 ? w->l4_len - 8 : 0;
	return L_DONE;
}

/* -- tunnels ------------------------------------------------------------- */

/* The outer packet stands if nothing comes out of the tunnel. */
static void
stands(struct walk *w)
{
	w->p->payload = cur_rest(&w->c);
	w->p->payload_len = w->l4_len;
	*w->outer = *w->p;
	w->has_outer = true;
}

static enum layer
gre(struct walk *w)
{
	const uint8_t *h;
	unsigned version;

	stands(w);
	if ((h = cur_gate(&w->c, 4)) == NULL)
		return L_NONE;
	version = h[1] & 7;
	w->type = load_be16(h + 2);
	if (h[0] & 0xc0)		/* checksum or routing */
		cur_skip(&w->c, 4);
	if (h[0] & 0x20)		/* key */
		cur_skip(&w->c, 4);
	if (h[0] & 0x10)		/* sequence */
		cur_skip(&w->c, 4);
	if (version == 1 && (h[1] & 0x80))	/* acknowledgment */
		cur_skip(&w->c, 4);
	if (!cur_ok(&w->c) || (h[0] & 0x40) || version > 1 ||
	    w->c.left == 0 || !enter(w, TUNNEL_GRE))
		return L_NONE;
	if (w->type == ET_ERSPAN) {	/* type II has a header of its own */
		cur_skip(&w->c, h[0] & 0x10 ? 8 : 0);
		return L_ETHER;
	}
	return L_TYPE;
}

static enum layer
vxlan(struct walk *w)
{
	const uint8_t *h = w->p->payload.ptr;

	if (w->p->payload.len < 8 + 14 || h[0] != 0x08 || h[1] != 0 ||
	    h[7] != 0)
		return L_DONE;
	*w->outer = *w->p;
	w->has_outer = true;
	w->c = cur_of(span_sub(w->p->payload, 8, SIZE_MAX));
	return enter(w, TUNNEL_VXLAN) ? L_ETHER : L_NONE;
}

static enum layer
geneve(struct walk *w)
{
	const uint8_t *h = w->p->payload.ptr;
	size_t len;

	if (w->p->payload.len < 8 || h[0] >> 6 != 0 || (h[1] & 0x3f) != 0 ||
	    h[7] != 0)
		return L_DONE;
	len = 8 + (h[0] & 0x3fu) * 4;
	w->type = load_be16(h + 2);
	if (len > w->p->payload.len || (w->type != ET_TEB &&
	    w->type != ET_IP4 && w->type != ET_IP6))
		return L_DONE;
	*w->outer = *w->p;
	w->has_outer = true;
	w->c = cur_of(span_sub(w->p->payload, len, SIZE_MAX));
	return enter(w, TUNNEL_GENEVE) ? L_TYPE : L_NONE;
}

static enum layer
udp(struct walk *w)
{
	struct packet *p = w->p;
	struct span seg = cur_rest(&w->c);
	uint32_t len;

	if (seg.len < 8)
		return no_ports(w, w->l4_len < 8 ? WEIRD_L4_BAD_HEADER :
		    WEIRD_PKT_TRUNCATED);
	ports_of(p, seg.ptr);
	len = load_be16(seg.ptr + 4);
	if (len == 0)			/* jumbogram, or left to the card */
		len = w->l4_len;
	if (len < 8)
		return no_ports(w, WEIRD_L4_BAD_HEADER);
	if (len < w->l4_len) {
		w->l4_len = len;
		seg = span_sub(seg, 0, len);
	}
	if (load_be16(seg.ptr + 6) != 0 || p->is_v6)
		check_sum(w, IPPROTO_N_UDP, seg);
	p->payload = span_sub(seg, 8, SIZE_MAX);
	p->payload_len = w->l4_len - 8;
	if (p->dport == PORT_VXLAN || p->dport == PORT_VXLAN_LINUX)
		return vxlan(w);
	if (p->dport == PORT_GENEVE)
		return geneve(w);
	return L_DONE;
}

/* AH in IPv4: next(1) length(1) reserved(2) spi(4) ...; then as before. */
static enum layer
auth_header(struct walk *w)
{
	const uint8_t *h;
	uint32_t len;

	stands(w);
	if (w->c.left < 12)
		return L_NONE;
	h = w->c.ptr;
	len = (h[1] + 2u) * 4;
	if (len > w->c.left)
		return L_NONE;
	cur_skip(&w->c, len);
	w->l4_len -= len;
	w->proto = h[0];
	return L_PROTO;
}

static enum layer
by_proto(struct walk *w)
{
	struct packet *p = w->p;

	p->proto = w->proto;
	p->sport = p->dport = 0;
	p->one_way = p->bad_l4 = p->bad_sum = false;
	switch (w->proto) {
	case IPPROTO_N_TCP:
		return tcp(w);
	case IPPROTO_N_UDP:
		return udp(w);
	case IPPROTO_N_ICMP:
	case IPPROTO_N_ICMP6:
		return icmp(w, w->proto);
	case IPPROTO_N_GRE:
		return gre(w);
	case IPPROTO_N_IPIP:
		stands(w);
		return enter(w, TUNNEL_IPIP) ? L_IP4 : L_NONE;
	case IPPROTO_N_IPV6:
		stands(w);
		return enter(w, TUNNEL_6IN4) ? L_IP6 : L_NONE;
	case NH_AH:
		return auth_header(w);
	case IPPROTO_N_SCTP:
		if (w->c.left >= 12) {
			ports_of(p, w->c.ptr);
			p->payload = span_sub(cur_rest(&w->c), 12, SIZE_MAX);
			p->payload_len = w->l4_len - 12;
			return L_DONE;
		}
		return no_ports(w, WEIRD_L4_BAD_HEADER);
	}
	p->payload = cur_rest(&w->c);
	p->payload_len = w->l4_len;
	return L_DONE;
}

/* -- the walk ------------------------------------------------------------ */

static enum layer
step(struct walk *w, enum layer l)
{
	switch (l) {
	case L_ETHER:	return ether(w);
	case L_TYPE:	return by_type(w);
	case L_IP:	return ip_any(w);
	case L_IP4:	return ip4(w);
	case L_IP6:	return ip6(w);
	case L_PPP:	return ppp(w);
	case L_MPLS:	return mpls(w);
	case L_PROTO:	return by_proto(w);
	case L_DONE:
	case L_NONE:
		break;
	}
	return L_NONE;
}

bool
packet_dissect(struct frags *frags, struct batch *b, const struct record *r,
    struct packet *p)
{
	struct packet outer;
	struct walk w = { .c = cur_of(r->data), .p = p, .b = b, .r = r,
	    .frags = frags, .outer = &outer };
	enum layer l;

	memset(p, 0, sizeof(*p));
	l = link_start(&w);
	for (unsigned n = 0; l != L_DONE; n++) {
		if (n == LAYERS_MAX)
			l = broken(&w, WEIRD_TUNNEL_DEPTH);
		if (l == L_NONE) {
			if (w.has_outer)
				*p = outer;
			return w.has_outer;
		}
		l = step(&w, l);
	}
	return true;
}

uint32_t
packet_shard_hash(const struct record *r)
{
	struct packet p;
	struct walk w = { .c = cur_of(r->data), .p = &p, .r = r };
	enum layer l;

	p.shard_hash = 0;
	p.vlan = 0;
	p.tunnel = 0;
	l = link_start(&w);
	for (unsigned n = 0; n < LAYERS_MAX && l < L_PROTO && !w.hashed; n++)
		l = step(&w, l);
	return p.shard_hash;
}
