/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of the local link that are no IP and no part of a conversation: who
 * has which address, and what switches tell their neighbours.
 *
 *	ARP	hardware[2] 1, protocol[2] 0x0800, lengths 6 4, op[2],
 *		sender mac[6] ip[4], target mac[6] ip[4]	RFC 826
 *	LLDP	type (7 bits) length (9 bits) value, ...	802.1AB 8.4
 *	CDP	aa aa 03 00 00 0c 20 00, version, ttl, checksum[2],
 *		type[2] length[2] (with these 4) value, ...
 *
 * They are repeated all day: a pair of ARP is told when it is first seen and
 * when the address moves to another MAC; an announcement when it is first seen
 * from a MAC and when its contents change.
 *
 * Ownership: a struct links holds two tables; fields point into the frame.
 * Bounds: PAIRS_MAX, NEIGHBORS_MAX, TLVS_MAX, VLANS_MAX; lengths by the cursor.
 */
#include <stdlib.h>

#include "decode.h"

#define PAIRS_MAX	65536u	/* a large site's hosts; 3 MB */
#define NEIGHBORS_MAX	4096u	/* announcing ports of one capture */
#define TLVS_MAX	128u	/* a frame has some 20 */
#define VLANS_MAX	2u	/* 802.1ad */

#define LINK_ETHERNET	1
#define TYPE_ARP	0x0806
#define TYPE_LLDP	0x88cc
#define TYPE_CDP	0x2000
#define TYPE_MIN	1536	/* below: a length, 802.3 */
#define MAC_LEN		6u

struct pair_key {
	struct addr	ip;
	uint16_t	vlan;
	uint8_t		zero[6];
};

struct pair {
	uint8_t		mac[MAC_LEN];
	uint8_t		zero[2];
};

struct speaker {
	uint8_t		mac[MAC_LEN];
	uint16_t	type;
};

struct links {
	struct table	*pairs;		/* struct pair_key, struct pair */
	struct table	*speakers;	/* struct speaker, hash of contents */
	uint64_t	 seed;
};

struct frame {
	struct batch		*b;
	const struct record	*r;
	const uint8_t		*src, *dst;
	uint16_t		 vlan;
};

struct links *
links_new(void)
{
	struct links *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->pairs = table_new(sizeof(struct pair_key), sizeof(struct pair),
	    PAIRS_MAX);
	l->speakers = table_new(sizeof(struct speaker), sizeof(uint64_t),
	    NEIGHBORS_MAX);
	l->seed = hash_seed();
	if (l->pairs == NULL || l->speakers == NULL) {
		links_free(l);
		return NULL;
	}
	return l;
}

void
links_free(struct links *l)
{
	if (l == NULL)
		return;
	table_free(l->pairs);
	table_free(l->speakers);
	free(l);
}

/* table_put() with the weird when something had to go for it. */
static void *
remember(struct table *t, const void *key, bool *made, const struct frame *f)
{
	uint64_t gone = table_evicted(t);
	void *v = table_put(t, key, made);

	if (table_evicted(t) != gone)
		batch_weird(f->b, WEIRD_LINK_LIMIT, f->r);
	return v;
}

static void
add_mac(struct batch *b, unsigned field, const uint8_t *mac)
{
	struct value *v;

	if (!event_wants(b, field) || (v = event_add(b, field, VT_MAC)) == NULL)
		return;
	v->ptr = mac;
	v->len = MAC_LEN;
}

static bool
begin(const struct frame *f, enum kind kind)
{
	if (!event_begin(f->b, kind, f->r->time, batch_locator(f->b, f->r)))
		return false;
	add_mac(f->b, FIELD_SRC_MAC, f->src);
	add_mac(f->b, FIELD_DST_MAC, f->dst);
	if (f->vlan != 0)
		event_add_u64(f->b, FIELD_VLAN, f->vlan);
	return true;
}

/* -- ARP ----------------------------------------------------------------- */

static void
arp(struct links *l, const struct frame *f, struct cursor c)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4 }, none[MAC_LEN];
	struct span h = cur_take(&c, sizeof(head));
	uint16_t op = cur_be16(&c);
	struct span mac = cur_take(&c, MAC_LEN), ip = cur_take(&c, 4);
	struct span target;
	struct pair_key key = { .vlan = f->vlan };
	struct pair *pair;
	struct span old = SPAN_NONE;
	bool made;

	cur_skip(&c, MAC_LEN);
	target = cur_take(&c, 4);
	if (!cur_ok(&c)) {
		batch_weird(f->b, WEIRD_LINK_BAD, f->r);
		return;
	}
	/* other hardware; a probe (RFC 5227 1.1) has no address yet */
	if (memcmp(h.ptr, head, sizeof(head)) != 0 || op < 1 || op > 2 ||
	    load_be32(ip.ptr) == 0 || memcmp(mac.ptr, none, MAC_LEN) == 0)
		return;
	key.ip = addr_v4(ip.ptr);
	pair = remember(l->pairs, &key, &made, f);
	if (pair == NULL ||
	    (!made && memcmp(pair->mac, mac.ptr, MAC_LEN) == 0))
		return;
	if (!made)
		old = arena_copy(&f->b->arena, span_of(pair->mac, MAC_LEN));
	memcpy(pair->mac, mac.ptr, MAC_LEN);
	if (!begin(f, KIND_ARP))
		return;
	event_add_str(f->b, FIELD_ARP_OPERATION, op == 1 ?
	    SPAN_LIT("request") : SPAN_LIT("reply"));
	event_add_addr_copy(f->b, FIELD_ARP_IP, &key.ip);
	add_mac(f->b, FIELD_ARP_MAC, mac.ptr);
	if (old.len != 0)
		add_mac(f->b, FIELD_ARP_OLD_MAC, old.ptr);
	event_add_bool(f->b, FIELD_ARP_GRATUITOUS, span_eq(ip, target));
	event_end(f->b);
}

/* -- announcements ------------------------------------------------------- */

/* A field counts once: the first one. */
struct told {
	bool	seen[FIELD_COUNT];
};

static void
add_text(struct batch *b, struct told *t, unsigned field, struct span s)
{
	if (s.len == 0 || t->seen[field])
		return;
	t->seen[field] = true;
	event_add_str(b, field, s);
}

static void
add_address(struct batch *b, struct told *t, struct span s)
{
	struct addr a;

	if ((s.len != 4 && s.len != 16) || t->seen[FIELD_NEIGHBOR_ADDRESS])
		return;
	t->seen[FIELD_NEIGHBOR_ADDRESS] = true;
	a = s.len == 4 ? addr_v4(s.ptr) : addr_v6(s.ptr);
	event_add_addr_copy(b, FIELD_NEIGHBOR_ADDRESS, &a);
}

/* A subtype, then the id: a MAC, or text (802.1AB 8.5.2, 8.5.3). */
static void
add_id(struct batch *b, struct told *t, unsigned field, struct span s,
    uint8_t mac_subtype)
{
	if (s.len == 1 + MAC_LEN && s.ptr[0] == mac_subtype) {
		if (!t->seen[field])
			add_mac(b, field, s.ptr + 1);
		t->seen[field] = true;
	} else {
		add_text(b, t, field, span_sub(s, 1, SIZE_MAX));
	}
}

static void
lldp_tlv(struct batch *b, struct told *t, unsigned type, struct span s)
{
	switch (type) {
	case 1:
		add_id(b, t, FIELD_NEIGHBOR_CHASSIS, s, 4);
		break;
	case 2:
		add_id(b, t, FIELD_NEIGHBOR_PORT, s, 3);
		break;
	case 4:
		add_text(b, t, FIELD_NEIGHBOR_PORT_TEXT, s);
		break;
	case 5:
		add_text(b, t, FIELD_NEIGHBOR_NAME, s);
		break;
	case 6:
		add_text(b, t, FIELD_NEIGHBOR_SOFTWARE, s);
		break;
	case 7:		/* what it can do, what of it is enabled */
		if (s.len == 4)
			event_add_num(b, FIELD_NEIGHBOR_CAPS, VT_HEX,
			    load_be16(s.ptr + 2));
		break;
	case 8:		/* length of subtype and address, subtype, address */
		if (s.len > 2 && s.ptr[0] >= 1)
			add_address(b, t, span_sub(s, 2, s.ptr[0] - 1u));
		break;
	default:
		break;
	}
}

static bool
lldp(struct batch *b, struct cursor c)
{
	struct told t = { { false } };

	event_add_str(b, FIELD_NEIGHBOR_PROTOCOL, SPAN_LIT("lldp"));
	for (unsigned n = 0; n < TLVS_MAX && c.left != 0; n++) {
		uint16_t head = cur_be16(&c);
		struct span s = cur_take(&c, head & 0x1ff);

		if (!cur_ok(&c) || head == 0)
			break;
		lldp_tlv(b, &t, head >> 9, s);
	}
	return cur_ok(&c);
}

/* The first of: count[4], { type, length, protocol, length[2], address } */
static void
cdp_address(struct batch *b, struct told *t, struct span s)
{
	struct cursor c = cur_of(s);
	struct span a;

	cur_skip(&c, 5);
	cur_skip(&c, cur_u8(&c));
	a = cur_take(&c, cur_be16(&c));
	if (cur_ok(&c))
		add_address(b, t, a);
}

static bool
cdp(struct batch *b, struct cursor c)
{
	struct told t = { { false } };

	event_add_str(b, FIELD_NEIGHBOR_PROTOCOL, SPAN_LIT("cdp"));
	cur_skip(&c, 4);
	for (unsigned n = 0; n < TLVS_MAX && c.left >= 4; n++) {
		uint16_t type = cur_be16(&c), len = cur_be16(&c);
		struct span s = cur_take(&c, len < 4 ? SIZE_MAX : len - 4u);

		if (!cur_ok(&c))
			break;
		if (type == 1)
			add_text(b, &t, FIELD_NEIGHBOR_NAME, s);
		else if (type == 2 || type == 0x16)
			cdp_address(b, &t, s);
		else if (type == 3)
			add_text(b, &t, FIELD_NEIGHBOR_PORT, s);
		else if (type == 4 && s.len == 4)
			event_add_num(b, FIELD_NEIGHBOR_CAPS, VT_HEX,
			    load_be32(s.ptr));
		else if (type == 5)
			add_text(b, &t, FIELD_NEIGHBOR_SOFTWARE, s);
		else if (type == 6)
			add_text(b, &t, FIELD_NEIGHBOR_PLATFORM, s);
	}
	return cur_ok(&c);
}

static void
announcement(struct links *l, const struct frame *f, uint16_t type,
    struct cursor c)
{
	struct span all = cur_rest(&c);
	uint64_t hash = hash_bytes(all.ptr, all.len, l->seed), *last;
	struct speaker key = { .type = type };
	bool made, whole;

	memcpy(key.mac, f->src, MAC_LEN);
	last = remember(l->speakers, &key, &made, f);
	if (last == NULL || (!made && *last == hash))
		return;
	*last = hash;
	if (!begin(f, KIND_NEIGHBOR))
		return;
	whole = type == TYPE_LLDP ? lldp(f->b, c) : cdp(f->b, c);
	if (!whole)
		batch_weird(f->b, WEIRD_LINK_BAD, f->r);
	event_end(f->b);
}

void
link_frame(struct links *l, struct batch *b, const struct record *r)
{
	static const uint8_t snap_cdp[] = { 0xaa, 0xaa, 3, 0, 0, 0x0c };
	struct frame f = { .b = b, .r = r };
	struct cursor c = cur_of(r->data);
	uint16_t type;

	if (r->type != REC_PACKET || r->link != LINK_ETHERNET ||
	    r->data.len < 14)
		return;
	f.dst = cur_take(&c, MAC_LEN).ptr;
	f.src = cur_take(&c, MAC_LEN).ptr;
	type = cur_be16(&c);
	for (unsigned n = 0; n < VLANS_MAX && (type == 0x8100 ||
	    type == 0x88a8); n++) {
		uint16_t id = cur_be16(&c) & 0xfff;

		f.vlan = n == 0 ? id : f.vlan;
		type = cur_be16(&c);
	}
	if (type == TYPE_ARP && cur_ok(&c)) {
		arp(l, &f, c);
	} else if (type == TYPE_LLDP) {
		announcement(l, &f, type, c);
	} else if (type < TYPE_MIN && type != 0) {
		struct cursor in = cur_sub(&c, MIN_OF(type, c.left));
		struct span head = cur_take(&in, sizeof(snap_cdp));

		if (cur_be16(&in) == TYPE_CDP && cur_ok(&in) &&
		    memcmp(head.ptr, snap_cdp, sizeof(snap_cdp)) == 0)
			announcement(l, &f, TYPE_CDP, in);
	}
}
