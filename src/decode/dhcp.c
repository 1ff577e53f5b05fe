/* SPDX-License-Identifier: Apache-2.0
 *
 * DHCP for IPv4 and IPv6: what hosts tell of themselves when they come.
 *
 *	v4	op htype hlen hops xid[4] secs[2] flags[2] ciaddr yiaddr
 *		siaddr giaddr chaddr[16] sname[64] file[128] 63 82 53 63
 *		options: code, length, bytes; 0 pad, 255 end	RFC 2131 2
 *	v6	type xid[3], or relayed: type (12, 13) hops link[16] peer[16];
 *		options: code[2] length[2] bytes		RFC 8415 8, 9
 *
 * One event a message.  Option 52 says that sname and file hold options too
 * (RFC 2131 4.1).  Of an option that comes twice the first one is told, not
 * both joined (RFC 3396).
 *
 * Ownership: nothing is kept; fields point into the datagram or the batch's
 * arena.  Bounds: lengths by the cursor; OPTIONS_MAX, RELAYS_MAX, DOMAIN_MAX;
 * each option's text is as long as its option.
 */
#include "decode.h"

#define V4_HEAD		236u
#define COOKIE		0x63825363u
#define OPTIONS_MAX	512u	/* of a message; real ones have some 20 */
#define RELAYS_MAX	8u	/* HOP_COUNT_LIMIT, RFC 8415 7.6 */
#define DOMAIN_MAX	255u	/* of a name, RFC 1035 2.3.4 */
#define MAC_LEN		6u

enum v4_option {	/* RFC 2132, RFC 4702 */
	V4_PAD = 0, V4_HOST = 12, V4_DOMAIN = 15, V4_REQUESTED = 50,
	V4_LEASE = 51, V4_OVERLOAD = 52, V4_TYPE = 53, V4_SERVER = 54,
	V4_PARAMS = 55, V4_CLASS = 60, V4_CLIENT = 61, V4_FQDN = 81,
	V4_END = 255
};

enum v6_option {	/* RFC 8415 21, RFC 4704 */
	V6_CLIENT = 1, V6_IA_NA = 3, V6_ADDRESS = 5, V6_PARAMS = 6,
	V6_RELAYED = 9, V6_CLASS = 16, V6_FQDN = 39
};

#define V6_RELAY_FORW	12u
#define V6_RELAY_REPL	13u

/* Bytes of the options that are told; len 0: not there. */
struct told {
	unsigned	type;
	struct span	host, domain, requested, lease, server, params, class,
			client, fqdn, address;
	uint8_t		overload;
	unsigned	n;		/* options read */
};

/* -- reading ------------------------------------------------------------- */

static void
first(struct span *to, struct span s)
{
	if (to->len == 0)
		*to = s;
}

static void
v4_option(struct told *t, uint8_t code, struct span s)
{
	switch (code) {
	case V4_HOST:
		first(&t->host, s);
		break;
	case V4_DOMAIN:
		first(&t->domain, s);
		break;
	case V4_REQUESTED:
		first(&t->requested, s);
		break;
	case V4_LEASE:
		first(&t->lease, s);
		break;
	case V4_OVERLOAD:
		t->overload = s.len == 1 ? s.ptr[0] & 3 : 0;
		break;
	case V4_TYPE:
		if (t->type == 0 && s.len == 1)
			t->type = s.ptr[0];
		break;
	case V4_SERVER:
		first(&t->server, s);
		break;
	case V4_PARAMS:
		first(&t->params, s);
		break;
	case V4_CLASS:
		first(&t->class, s);
		break;
	case V4_CLIENT:
		first(&t->client, s);
		break;
	case V4_FQDN:
		first(&t->fqdn, s);
		break;
	default:
		break;
	}
}

/* false: an option reaches over the end. */
static bool
v4_options(struct dec *d, struct told *t, struct cursor c)
{
	while (cur_ok(&c) && c.left != 0) {
		uint8_t code = cur_u8(&c);
		struct span s;

		if (code == V4_END)
			return true;
		if (code == V4_PAD)
			continue;
		s = cur_take(&c, cur_u8(&c));
		if (!cur_ok(&c))
			return false;
		if (t->n++ == OPTIONS_MAX) {
			dec_weird(d, WEIRD_DHCP_LIMIT);
			return true;
		}
		v4_option(t, code, s);
	}
	return cur_ok(&c);
}

/* The first address of an IA_NA: IAID, T1, T2, options. */
static void
v6_address(struct told *t, struct span ia)
{
	struct cursor c = cur_of(ia);

	cur_skip(&c, 12);
	while (cur_ok(&c) && c.left != 0) {
		uint16_t code = cur_be16(&c);
		struct cursor in = cur_sub(&c, cur_be16(&c));
		struct span a = cur_take(&in, 16);

		if (code == V6_ADDRESS && cur_ok(&in))
			first(&t->address, a);
	}
}

static bool
v6_options(struct dec *d, struct told *t, struct cursor c, struct span *inner)
{
	while (cur_ok(&c) && c.left != 0) {
		uint16_t code = cur_be16(&c);
		struct span s = cur_take(&c, cur_be16(&c));

		if (!cur_ok(&c))
			return false;
		if (t->n++ == OPTIONS_MAX) {
			dec_weird(d, WEIRD_DHCP_LIMIT);
			return true;
		}
		if (code == V6_CLIENT)
			first(&t->client, s);
		else if (code == V6_IA_NA)
			v6_address(t, s);
		else if (code == V6_PARAMS)
			first(&t->params, s);
		else if (code == V6_CLASS)
			first(&t->class, s);
		else if (code == V6_FQDN)
			first(&t->fqdn, s);
		else if (code == V6_RELAYED)
			first(inner, s);
	}
	return cur_ok(&c);
}

/* Through the relays to the client's message; false: broken. */
static bool
v6_message(struct dec *d, struct told *t, struct span data)
{
	for (unsigned depth = 0; depth <= RELAYS_MAX; depth++) {
		struct cursor c = cur_of(data);
		struct span inner = SPAN_NONE;
		bool relayed;

		t->type = cur_u8(&c);
		relayed = t->type == V6_RELAY_FORW || t->type == V6_RELAY_REPL;
		cur_skip(&c, relayed ? 33 : 3);
		if (!cur_ok(&c) || !v6_options(d, t, c, &inner))
			return false;
		if (!relayed || inner.len == 0)
			return true;
		data = inner;
	}
	dec_weird(d, WEIRD_DHCP_LIMIT);
	return true;
}

/* -- telling ------------------------------------------------------------- */

static const char *
type_name(unsigned type, bool v6)
{
	static const char *const v4_names[] = { [1] = "discover", "offer",
	    "request", "decline", "ack", "nak", "release", "inform",
	    "forcerenew", "leasequery", "leaseunassigned", "leaseunknown",
	    "leaseactive" };
	static const char *const v6_names[] = { [1] = "solicit", "advertise",
	    "request", "confirm", "renew", "rebind", "reply", "release",
	    "decline", "reconfigure", "information-request", "relay-forw",
	    "relay-repl" };

	if (type == 0 || type >= NITEMS(v4_names))
		return "other";
	return v6 ? v6_names[type] : v4_names[type];
}

static void
add_text(struct dec *d, unsigned field, struct span s)
{
	while (s.len != 0 && s.ptr[s.len - 1] == 0)	/* some end in NUL */
		s.len--;
	if (s.len != 0)
		event_add_str(d->batch, field, s);
}

static void
add_v4_addr(struct dec *d, unsigned field, struct span s)
{
	struct addr a;

	if (s.len != 4 || load_be32(s.ptr) == 0)
		return;
	a = addr_v4(s.ptr);
	event_add_addr_copy(d->batch, field, &a);
}

static void
add_bytes(struct dec *d, unsigned field, enum vtype type, struct span s)
{
	struct value *v;

	if (s.len == 0 || !event_wants(d->batch, field) ||
	    (v = event_add(d->batch, field, type)) == NULL)
		return;
	v->ptr = s.ptr;
	v->len = (uint32_t)s.len;
}

/* Option numbers with commas, as fingerprint lists have them. */
static void
add_params(struct dec *d, struct span s, unsigned size)
{
	struct cursor c = cur_of(s);
	struct dec_text t;
	struct buf *b;

	if (s.len == 0 || !event_wants(d->batch, FIELD_DHCP_FINGERPRINT))
		return;
	b = dec_text_init(&t);
	while (c.left >= size) {
		if (b->len != 0)
			buf_byte(b, ',');
		buf_put_u64(b, size == 1 ? cur_u8(&c) : cur_be16(&c));
	}
	dec_add_text(d, FIELD_DHCP_FINGERPRINT, b);
}

/* A name of labels (RFC 1035 3.1), without compression; it may end without its
 * root, as partial names do (RFC 4702 2.3.1). */
static void
add_labels(struct dec *d, struct span s)
{
	uint8_t text[DOMAIN_MAX];
	struct cursor c = cur_of(s);
	size_t n = 0;

	while (c.left != 0) {
		uint8_t len = cur_u8(&c);
		struct span label = cur_take(&c, len);

		if (len == 0)
			break;
		if (!cur_ok(&c) || len > 63 || n + len + 1 > sizeof(text)) {
			dec_weird(d, WEIRD_DHCP_BAD);
			return;
		}
		if (n != 0)
			text[n++] = '.';
		memcpy(text + n, label.ptr, len);
		n += len;
	}
	if (n != 0)
		event_add_copy(d->batch, FIELD_DHCP_FQDN, span_of(text, n));
}

static void
tell_v4(struct dec *d, const struct seg *seg, const struct told *t)
{
	struct batch *b = d->batch;
	struct span p = seg->data;

	event_add_str(b, FIELD_DHCP_TYPE, span_str(t->type == 0 ? "bootp" :
	    type_name(t->type, false)));
	event_add_u64(b, FIELD_DHCP_VERSION, 4);
	if (p.ptr[1] == 1 && p.ptr[2] == MAC_LEN)
		add_bytes(d, FIELD_DHCP_MAC, VT_MAC, span_sub(p, 28, MAC_LEN));
	add_v4_addr(d, FIELD_DHCP_CLIENT_IP, span_sub(p, 12, 4));
	add_v4_addr(d, FIELD_DHCP_ASSIGNED, span_sub(p, 16, 4));
	add_v4_addr(d, FIELD_DHCP_RELAY, span_sub(p, 24, 4));
	add_v4_addr(d, FIELD_DHCP_REQUESTED, t->requested);
	add_v4_addr(d, FIELD_DHCP_SERVER, t->server);
	if (t->lease.len == 4)
		event_add_u64(b, FIELD_DHCP_LEASE, load_be32(t->lease.ptr));
	add_text(d, FIELD_DHCP_HOST, t->host);
	add_text(d, FIELD_DHCP_DOMAIN, t->domain);
	add_text(d, FIELD_DHCP_CLASS, t->class);
	add_bytes(d, FIELD_DHCP_CLIENT_ID, VT_BIN, t->client);
	add_params(d, t->params, 1);
	/* flags, two codes that are no longer used, name: RFC 4702 2 */
	if (t->fqdn.len > 3 && (t->fqdn.ptr[0] & 4) != 0)
		add_labels(d, span_sub(t->fqdn, 3, SIZE_MAX));
	else if (t->fqdn.len > 3)
		add_text(d, FIELD_DHCP_FQDN, span_sub(t->fqdn, 3, SIZE_MAX));
}

static void
tell_v6(struct dec *d, const struct told *t)
{
	struct batch *b = d->batch;
	struct addr a;

	event_add_str(b, FIELD_DHCP_TYPE, span_str(type_name(t->type, true)));
	event_add_u64(b, FIELD_DHCP_VERSION, 6);
	add_bytes(d, FIELD_DHCP_CLIENT_ID, VT_BIN, t->client);
	/* DUID-LLT and DUID-LL over Ethernet, RFC 8415 11.2, 11.4 */
	if (t->client.len == 14 && load_be32(t->client.ptr) == 0x00010001)
		add_bytes(d, FIELD_DHCP_MAC, VT_MAC,
		    span_sub(t->client, 8, MAC_LEN));
	else if (t->client.len == 10 && load_be32(t->client.ptr) == 0x00030001)
		add_bytes(d, FIELD_DHCP_MAC, VT_MAC,
		    span_sub(t->client, 4, MAC_LEN));
	if (t->address.len == 16) {
		a = addr_v6(t->address.ptr);
		event_add_addr_copy(b, t->type == 2 || t->type == 7 ?
		    FIELD_DHCP_ASSIGNED : FIELD_DHCP_REQUESTED, &a);
	}
	/* enterprise number, then texts with lengths: the first */
	if (t->class.len > 6)
		add_text(d, FIELD_DHCP_CLASS, span_sub(t->class, 6,
		    load_be16(t->class.ptr + 4)));
	add_params(d, t->params, 2);
	if (t->fqdn.len > 1)
		add_labels(d, span_sub(t->fqdn, 1, SIZE_MAX));
}

static bool
is_v4(struct span s)
{
	return s.len >= V4_HEAD + 4 && (s.ptr[0] == 1 || s.ptr[0] == 2) &&
	    load_be32(s.ptr + V4_HEAD) == COOKIE;
}

static void
dhcp_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct told t = { .type = 0 };
	struct span p = seg->data;
	bool v4 = is_v4(p), whole;

	(void)state;
	if (v4) {
		whole = v4_options(d, &t, cur_of(span_sub(p, V4_HEAD + 4,
		    SIZE_MAX)));
		if ((t.overload & 1) != 0)
			whole &= v4_options(d, &t, cur_of(span_sub(p, 108,
			    128)));
		if ((t.overload & 2) != 0)
			whole &= v4_options(d, &t, cur_of(span_sub(p, 44,
			    64)));
	} else {
		whole = v6_message(d, &t, p);
	}
	if (!whole)
		dec_weird(d, WEIRD_DHCP_BAD);
	if (!v4 && !whole)
		return;
	if (!dec_event(d, KIND_DHCP, seg->time, seg->record, seg->offset))
		return;
	if (v4)
		tell_v4(d, seg, &t);
	else
		tell_v6(d, &t);
	event_end(d->batch);
}

/* v6 has no magic: a type that there is, its ports, and options that end where
 * the datagram does. */
static enum probe_result
dhcp_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);
	bool ports = (p->dport == 546 || p->dport == 547) &&
	    (p->sport == 546 || p->sport == 547);
	uint8_t type;

	if (!p->is_udp)
		return PROBE_NO;
	if (is_v4(p->data))
		return p->data.ptr[0] == 2 && p->dport == 68 ? PROBE_SWAP :
		    PROBE_YES;
	type = cur_u8(&c);
	if (!ports || type == 0 || type > V6_RELAY_REPL)
		return PROBE_NO;
	cur_skip(&c, type == V6_RELAY_FORW || type == V6_RELAY_REPL ? 33 : 3);
	if (c.left == 0)
		return PROBE_NO;
	while (cur_ok(&c) && c.left != 0) {
		cur_skip(&c, 2);
		cur_skip(&c, cur_be16(&c));
	}
	return cur_ok(&c) ? PROBE_YES : PROBE_NO;
}

static const uint8_t dhcp_kinds[] = { KIND_DHCP, KIND_NONE };

const struct decoder decoder_dhcp = {
	.name = "dhcp",
	.title = "DHCP for IPv4 and IPv6",
	.doc = "Each message: type, the client's hardware address, id, names, "
	    "vendor class and list of options asked for, addresses asked for "
	    "and given, the server. Left: other options, options in several "
	    "parts (RFC 3396), all but the first address. RFC 2131, 2132, "
	    "4702, 4704, 8415.",
	.kinds = dhcp_kinds,
	.probe = dhcp_probe,
	.dgram = dhcp_dgram,
};
