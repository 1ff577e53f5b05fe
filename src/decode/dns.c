/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS over UDP and TCP; the same shape serves mDNS (RFC 6762) and LLMNR
 * (RFC 4795).
 *
 * Message (RFC 1035 4.1), integers big endian; over TCP a 2-byte length goes
 * first (4.2.2):
 *
 *	0  id                      6  ancount
 *	2  QR:1 opcode:4 AA TC RD RA Z AD CD rcode:4
 *	4  qdcount                 8  nscount   10 arcount
 *	12 qdcount of:  name, type:2, class:2
 *	   then of:     name, type:2, class:2, ttl:4, rdlength:2, rdata
 *	name: labels (length 1 to 63, bytes), ended by 0 or by a pointer
 *	      (11 and 14 bits of offset) to a prior name
 *
 * OPT (RFC 6891) gives the upper bits of the response code.  SVCB and HTTPS:
 * RFC 9460; CAA: RFC 8659; unknown types: RFC 3597.
 *
 * One event a question: the query joined with its answer by id, name and type.
 * Queries are held until their answer comes, ten seconds went by or the
 * conversation ends; what is sent to a group has no answer in its own
 * conversation and is told at once.
 *
 * Ownership: a held query is one dec_alloc'ed block, freed when told.
 * Bounds: the constants below; pointers only go backwards, so names end.
 */
#include "codec.h"
#include "decode.h"

#define HEADER_LEN	12
#define NAME_MAX_WIRE	254	/* RFC 1035 2.3.4: 255, less the last 0 */
#define QUESTIONS_MAX	16	/* told of one message; mDNS asks several */
#define PENDING_MAX	64	/* clients that reuse a port ask few */
#define PENDING_NS	(10 * NSEC)	/* resolvers give up before */
#define ANSWERS_MAX	256	/* told; zone transfers have more */
#define TEXT_MAX	8192	/* of one answer; TXT: up to 4 KB */
#define HEX_MAX		1024	/* shown; RSA keys have some 520 */
#define PORT_DNS	53
#define PORT_MDNS	5353
#define PORT_LLMNR	5355
#define PORT_NBNS	137

#define F_QR		0x8000
#define F_AA		0x0400
#define F_TC		0x0200
#define F_RD		0x0100
#define OPCODE(flags)	((flags) >> 11 & 15)
#define RCODE(flags)	((flags) & 15)
#define CLASS_BITS	0x7fff	/* mDNS: top bit is cache flush, unicast */

enum rrtype {
	T_A = 1, T_NS = 2, T_MD = 3, T_MF = 4, T_CNAME = 5, T_SOA = 6, T_MB = 7,
	T_MG = 8, T_MR = 9, T_PTR = 12, T_HINFO = 13, T_MX = 15, T_TXT = 16,
	T_AFSDB = 18, T_AAAA = 28, T_NB = 32, T_SRV = 33, T_KX = 36,
	T_DNAME = 39, T_OPT = 41, T_SVCB = 64, T_HTTPS = 65, T_SPF = 99,
	T_CAA = 257
};

/* A name uncompressed, without its last 0. */
struct wname {
	uint8_t	len;
	uint8_t	b[NAME_MAX_WIRE];
};

struct question {
	struct wname	name;
	uint16_t	type;
};

struct header {
	uint16_t	id, flags, qd, an, ns, ar;
};

struct pending {
	struct pending	*next;
	int64_t		 time;
	uint64_t	 record, offset;
	uint16_t	 id, flags, qtype;
	uint8_t		 len;
	uint8_t		 name[];
};

struct dns_state {
	struct pending	*head;		/* oldest first */
	struct pending	**tail;
	unsigned	 n;
};

/* One event in the making: either may be missing. */
struct fact {
	const struct pending	*query;
	const struct header	*reply;
	const struct question	*question;	/* of the reply */
	const struct seg	*seg;
	struct span		 msg;
	size_t			 answers;	/* offset; 0: not to be told */
	unsigned		 rcode;
};

/* -- names of numbers (IANA "Domain Name System Parameters") ------------- */

static const char *const type_names[] = {
	[1] = "A", "NS", "MD", "MF", "CNAME", "SOA", "MB", "MG", "MR", "NULL",
	"WKS", "PTR", "HINFO", "MINFO", "MX", "TXT", "RP", "AFSDB", "X25",
	"ISDN", "RT", "NSAP", "NSAP-PTR", "SIG", "KEY", "PX", "GPOS", "AAAA",
	"LOC", "NXT", "EID", "NIMLOC", "SRV", "ATMA", "NAPTR", "KX", "CERT",
	"A6", "DNAME", "SINK", "OPT", "APL", "DS", "SSHFP", "IPSECKEY",
	"RRSIG", "NSEC", "DNSKEY", "DHCID", "NSEC3", "NSEC3PARAM", "TLSA",
	"SMIMEA", [55] = "HIP", "NINFO", "RKEY", "TALINK", "CDS", "CDNSKEY",
	"OPENPGPKEY", "CSYNC", "ZONEMD", "SVCB", "HTTPS", "DSYNC", "HHIT",
	"BRID", [99] = "SPF", "UINFO", "UID", "GID", "UNSPEC", "NID", "L32",
	"L64", "LP", "EUI48", "EUI64", [128] = "NXNAME",
	[249] = "TKEY", "TSIG", "IXFR", "AXFR", "MAILB", "MAILA", "ANY", "URI",
	"CAA", "AVC", "DOA", "AMTRELAY", "RESINFO", "WALLET", "CLA", "IPN"
};

static const char *const rcode_names[] = {
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI",
	[16] = "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG",
	"BADTRUNC", "BADCOOKIE"
};

static const char *
type_name(unsigned type)
{
	if (type < NITEMS(type_names))
		return type_names[type];
	return type == 32768 ? "TA" : type == 32769 ? "DLV" : NULL;
}

/* Types that occur in questions and records of the public net: what has a
 * name, and the range for private use. */
static bool
type_sane(unsigned type)
{
	return type_name(type) != NULL || type >= 65280;
}

/* -- reading ------------------------------------------------------------- */

enum name_result { NAME_OK, NAME_BAD, NAME_LOOP };

/* Reads the name at the cursor, which lies in msg; out may be NULL. */
static enum name_result
read_name(struct span msg, struct cursor *c, struct wname *out)
{
	size_t limit = msg.len - c->left, total = 0;
	struct cursor walk = *c;
	bool jumped = false;

	for (;;) {
		size_t n = cur_u8(&walk);
		struct span label;

		if (n >= 0xc0) {
			n = (n & 0x3f) << 8 | cur_u8(&walk);
			if (!cur_ok(&walk))
				break;
			if (!jumped)
				*c = walk;
			jumped = true;
			if (n >= limit)
				return NAME_LOOP;
			limit = n;
			walk = cur_of(span_sub(msg, n, msg.len));
			continue;
		}
		label = cur_take(&walk, n);
		if (!cur_ok(&walk) || n > 63 ||
		    (n != 0 && total + 1 + n > NAME_MAX_WIRE))
			break;
		if (n == 0) {
			if (!jumped)
				*c = walk;
			if (out != NULL)
				out->len = (uint8_t)total;
			return NAME_OK;
		}
		if (out != NULL) {
			out->b[total] = (uint8_t)n;
			memcpy(out->b + total + 1, label.ptr, n);
		}
		total += 1 + n;
	}
	cur_fail(c);
	return NAME_BAD;
}

static struct header
read_header(struct cursor *c)
{
	struct header h;

	h.id = cur_be16(c);
	h.flags = cur_be16(c);
	h.qd = cur_be16(c);
	h.an = cur_be16(c);
	h.ns = cur_be16(c);
	h.ar = cur_be16(c);
	return h;
}

struct rr {
	uint16_t	type, class;
	uint32_t	ttl;
	struct cursor	rdata;
};

static enum name_result
read_rr(struct span msg, struct cursor *c, struct wname *owner, struct rr *rr)
{
	enum name_result r = read_name(msg, c, owner);

	if (r != NAME_OK)
		return r;
	rr->type = cur_be16(c);
	rr->class = cur_be16(c);
	rr->ttl = cur_be32(c);
	rr->rdata = cur_sub(c, cur_be16(c));
	return cur_ok(c) ? NAME_OK : NAME_BAD;
}

/* -- recognising --------------------------------------------------------- */

/* Header fields that a sender of DNS sets so. */
static bool
header_sane(const struct header *h, bool strict)
{
	unsigned opcode = OPCODE(h->flags);

	if (opcode > 6 || opcode == 3 || h->qd > QUESTIONS_MAX * 4)
		return false;
	if (!(h->flags & F_QR)) {
		/* A query has no result; known answers are of mDNS, and
		 * updates use the counts in their own way. */
		if (RCODE(h->flags) != 0 || h->qd == 0 || h->ar > 16)
			return false;
		if (strict && (h->qd != 1 || h->an != 0 || opcode != 0 ||
		    h->ns != 0 || h->ar > 2))
			return false;
		return true;
	}
	if (strict && (h->qd != 1 || opcode != 0 || h->ar > 64 || h->ns > 64))
		return false;
	return h->qd != 0 || h->an != 0 || RCODE(h->flags) != 0;
}

static bool
class_sane(unsigned class)
{
	class &= CLASS_BITS;
	return class == 1 || class == 3 || class == 4 || class == 254 ||
	    class == 255;
}

/* NetBIOS name service (RFC 1002) has DNS's shape but is another protocol: its
 * names are one label of 32 letters A to P. */
static bool
is_netbios(const struct wname *n, unsigned type)
{
	if ((type != T_NB && type != T_SRV) || n->len < 33 || n->b[0] != 32)
		return false;
	for (unsigned i = 1; i <= 32; i++)
		if (n->b[i] < 'A' || n->b[i] > 'P')
			return false;
	return true;
}

/* How far a message can be believed.  Walks all of it; where bytes are missing
 * (a snapped packet, or more to come) the first question must be there. */
enum belief { BELIEF_NO, BELIEF_CUT, BELIEF_WHOLE };

static enum belief
believe(struct span msg, bool strict, bool *response)
{
	struct cursor c = cur_of(msg);
	struct header h = read_header(&c);
	enum name_result r;
	struct wname name;
	struct rr rr;
	uint32_t nrr = (uint32_t)h.an + h.ns + h.ar;

	if (!cur_ok(&c) || !header_sane(&h, strict))
		return BELIEF_NO;
	*response = h.flags & F_QR;
	for (unsigned i = 0; i < h.qd; i++) {
		unsigned type, class;

		if ((r = read_name(msg, &c, &name)) != NAME_OK)
			/* On DNS's port a loop is an attack on parsers. */
			return i > 0 || (r == NAME_LOOP && !strict) ?
			    BELIEF_CUT : BELIEF_NO;
		type = cur_be16(&c);
		class = cur_be16(&c);
		if (!cur_ok(&c))
			return i > 0 ? BELIEF_CUT : BELIEF_NO;
		if (!class_sane(class) || is_netbios(&name, type) ||
		    (strict && !type_sane(type)))
			return BELIEF_NO;
	}
	for (uint32_t i = 0; i < nrr; i++) {
		if (read_rr(msg, &c, NULL, &rr) != NAME_OK)
			return h.qd != 0 || i > 0 ? BELIEF_CUT : BELIEF_NO;
		if (rr.type != T_OPT && !class_sane(rr.class))
			return BELIEF_NO;
	}
	return c.left == 0 ? BELIEF_WHOLE : BELIEF_CUT;
}

static bool
port_is(const struct probe *p, uint16_t port)
{
	return p->sport == port || p->dport == port;
}

static enum probe_result
probe_direction(const struct probe *p, bool response)
{
	/* mDNS answers go out unasked, from 5353 to 5353. */
	if (!response || p->dir == DIR_SERVER || p->sport == p->dport)
		return PROBE_YES;
	return PROBE_SWAP;
}

static enum probe_result
probe_tcp(const struct probe *p, bool hint)
{
	bool response = false;
	size_t len;
	enum belief b;

	if (p->data.len < 2)
		return PROBE_MORE;
	len = load_be16(p->data.ptr);
	if (len < HEADER_LEN)
		return PROBE_NO;
	if (p->data.len < 2 + HEADER_LEN) {
		/* The opcode and Z bits tell most others apart already. */
		return p->data.len < 6 || hint ? PROBE_MORE : PROBE_NO;
	}
	b = believe(span_sub(p->data, 2, len), !hint, &response);
	if (b == BELIEF_NO)
		return PROBE_NO;
	if (b == BELIEF_CUT && !hint) {
		if (p->data.len >= 2 + len)
			return PROBE_NO;
		return PROBE_MORE;
	}
	return probe_direction(p, response);
}

static enum probe_result
dns_probe(const struct probe *p)
{
	bool hint = port_is(p, PORT_DNS) || port_is(p, PORT_MDNS) ||
	    port_is(p, PORT_LLMNR);
	bool response = false;
	enum belief b;

	if (!p->is_udp)
		return probe_tcp(p, hint);
	if (p->data.len < HEADER_LEN || port_is(p, PORT_NBNS))
		return PROBE_NO;
	b = believe(p->data, !hint, &response);
	if (b == BELIEF_NO || (b == BELIEF_CUT && !hint))
		return PROBE_NO;
	return probe_direction(p, response);
}

/* -- text ---------------------------------------------------------------- */

/* Master-file escapes (RFC 1035 5.1). */
static void
put_char(struct buf *b, uint8_t c, bool in_name)
{
	if (c < 0x20 + in_name || c > 0x7e) {
		uint8_t esc[4] = { '\\', (uint8_t)('0' + c / 100),
		    (uint8_t)('0' + c / 10 % 10), (uint8_t)('0' + c % 10) };

		buf_put(b, esc, 4);
		return;
	}
	if (c == '\\' || (in_name && c == '.'))
		buf_byte(b, '\\');
	buf_byte(b, c);
}

static void
put_name(struct buf *b, const uint8_t *name, size_t len)
{
	if (len == 0)
		buf_byte(b, '.');
	for (size_t i = 0; i < len; ) {
		size_t end = i + 1 + name[i];

		if (i != 0)
			buf_byte(b, '.');
		for (i++; i < end; i++)
			put_char(b, name[i], true);
	}
}

/* A buf that lies on the stack: its cap is its size, so it never grows. */
static struct buf
buf_on(uint8_t *room, size_t size)
{
	return (struct buf){ .ptr = room, .size = size, .cap = size };
}

static enum name_result
put_rname(struct buf *b, struct span msg, struct cursor *c)
{
	struct wname name;
	enum name_result r = read_name(msg, c, &name);

	if (r == NAME_OK)
		put_name(b, name.b, name.len);
	return r;
}

static void
put_num(struct buf *b, uint32_t n)
{
	buf_put_u64(b, n);
	buf_byte(b, ' ');
}

/* Character strings to the end, blank between (TXT, HINFO). */
static void
put_strings(struct buf *b, struct cursor *c)
{
	bool first = true;

	while (cur_ok(c) && c->left != 0) {
		struct span s = cur_take(c, cur_u8(c));

		if (!first)
			buf_byte(b, ' ');
		first = false;
		for (size_t i = 0; i < s.len; i++)
			put_char(b, s.ptr[i], false);
	}
}

/* What picket does not read: \# length hex (RFC 3597 5). */
static void
put_unknown(struct buf *b, struct cursor *c)
{
	struct span s = cur_rest(c);

	buf_str(b, "\\# ");
	buf_put_u64(b, s.len);
	if (s.len != 0)
		buf_byte(b, ' ');
	hex_put(b, span_sub(s, 0, HEX_MAX));
	if (s.len > HEX_MAX)
		b->failed = true;
}

static void
put_addrs(struct buf *b, struct cursor *c, size_t size)
{
	for (bool first = true; cur_ok(c) && c->left != 0; first = false) {
		const uint8_t *p = cur_take(c, size).ptr;

		if (!first)
			buf_byte(b, ',');
		if (p != NULL)
			addr_put(b, p, size);
	}
}

/* RFC 9460 2.2: key:2, length:2, value. */
static void
put_svcparam(struct buf *b, unsigned key, struct cursor *v)
{
	static const char *const keys[] = { "mandatory", "alpn",
	    "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint",
	    "dohpath", "ohttp" };

	if (key < NITEMS(keys))
		buf_str(b, keys[key]);
	else
		buf_printf(b, "key%u", key);
	if (v->left == 0)
		return;
	buf_byte(b, '=');
	switch (key) {
	case 1:
		for (bool first = true; cur_ok(v) && v->left != 0;
		    first = false) {
			struct span s = cur_take(v, cur_u8(v));

			if (!first)
				buf_byte(b, ',');
			for (size_t i = 0; i < s.len; i++)
				put_char(b, s.ptr[i], false);
		}
		break;
	case 3:
		buf_put_u64(b, cur_be16(v));
		if (v->left != 0)
			cur_fail(v);
		break;
	case 4:
		put_addrs(b, v, 4);
		break;
	case 6:
		put_addrs(b, v, 16);
		break;
	case 7: {
		struct span s = cur_rest(v);

		for (size_t i = 0; i < s.len; i++)
			put_char(b, s.ptr[i], false);
		break;
	}
	default:
		hex_put(b, cur_rest(v));
		break;
	}
}

static enum name_result
put_svcb(struct buf *b, struct span msg, struct cursor *c)
{
	enum name_result r;

	put_num(b, cur_be16(c));
	if ((r = put_rname(b, msg, c)) != NAME_OK)
		return r;
	while (cur_ok(c) && c->left != 0) {
		unsigned key = cur_be16(c);
		struct cursor v = cur_sub(c, cur_be16(c));

		buf_byte(b, ' ');
		put_svcparam(b, key, &v);
		if (!cur_ok(&v))
			return NAME_BAD;
	}
	return cur_ok(c) ? NAME_OK : NAME_BAD;
}

static enum name_result
put_soa(struct buf *b, struct span msg, struct cursor *c)
{
	enum name_result r = put_rname(b, msg, c);

	if (r != NAME_OK)
		return r;
	buf_byte(b, ' ');
	if ((r = put_rname(b, msg, c)) != NAME_OK)
		return r;
	for (unsigned i = 0; i < 5; i++) {
		buf_byte(b, ' ');
		buf_put_u64(b, cur_be32(c));
	}
	return cur_ok(c) ? NAME_OK : NAME_BAD;
}

static void
put_caa(struct buf *b, struct cursor *c)
{
	struct span s;

	put_num(b, cur_u8(c));
	s = cur_take(c, cur_u8(c));
	for (size_t i = 0; i < s.len; i++)
		put_char(b, s.ptr[i], false);
	buf_str(b, " \"");
	s = cur_rest(c);
	for (size_t i = 0; i < s.len; i++)
		put_char(b, s.ptr[i], false);
	buf_byte(b, '"');
}

/* The text of one record's data.  Compressed names reach out of rdata, so the
 * cursor is one over the rest of the message that ends with rdata. */
static enum name_result
put_rdata(struct buf *b, struct span msg, const struct rr *rr)
{
	size_t end = (size_t)(rr->rdata.ptr - msg.ptr) + rr->rdata.left;
	struct span upto = span_sub(msg, 0, end);
	struct cursor c = rr->rdata;

	if ((rr->class & CLASS_BITS) != 1) {
		put_unknown(b, &c);
		return NAME_OK;
	}
	switch (rr->type) {
	case T_NS: case T_MD: case T_MF: case T_CNAME: case T_MB: case T_MG:
	case T_MR: case T_PTR: case T_DNAME:
		return put_rname(b, upto, &c);
	case T_MX: case T_AFSDB: case T_KX:
		put_num(b, cur_be16(&c));
		return put_rname(b, upto, &c);
	case T_SRV:
		for (unsigned i = 0; i < 3; i++)
			put_num(b, cur_be16(&c));
		return put_rname(b, upto, &c);
	case T_SOA:
		return put_soa(b, upto, &c);
	case T_SVCB: case T_HTTPS:
		return put_svcb(b, upto, &c);
	case T_TXT: case T_SPF: case T_HINFO:
		put_strings(b, &c);
		break;
	case T_CAA:
		put_caa(b, &c);
		break;
	default:
		put_unknown(b, &c);
		break;
	}
	return cur_ok(&c) ? NAME_OK : NAME_BAD;
}

/* -- telling ------------------------------------------------------------- */

static void
name_weird(struct dec *d, enum name_result r)
{
	if (r == NAME_LOOP)
		dec_weird(d, WEIRD_DNS_LOOP);
	/* A snapped packet is not the sender's fault, and told as such. */
	else if (r == NAME_BAD && (d->rec == NULL ||
	    d->rec->wire_len <= d->rec->data.len))
		dec_weird(d, WEIRD_DNS_BAD);
}

static void
add_numbered(struct batch *b, unsigned field, const char *name,
    const char *prefix, unsigned n)
{
	uint8_t room[32];
	struct buf t = buf_on(room, sizeof(room));

	if (name != NULL) {
		event_add_str(b, field, span_str(name));
		return;
	}
	buf_str(&t, prefix);
	buf_put_u64(&t, n);
	event_add_copy(b, field, buf_view(&t));
}

static bool
answer_value(struct dec *d, struct span msg, const struct rr *rr,
    struct value *v)
{
	uint8_t room[TEXT_MAX];
	struct buf t = buf_on(room, sizeof(room));
	size_t size = rr->type == T_A ? 4 : 16;
	enum name_result r;
	struct span kept;

	if ((rr->type == T_A || rr->type == T_AAAA) &&
	    rr->rdata.left == size && (rr->class & CLASS_BITS) == 1) {
		v->type = VT_ADDR;
		v->ptr = rr->rdata.ptr;
		v->len = (uint32_t)size;
		return true;
	}
	if ((r = put_rdata(&t, msg, rr)) != NAME_OK) {
		name_weird(d, r);
		return false;
	}
	if (t.failed)
		dec_weird(d, WEIRD_DNS_LIMIT);
	kept = arena_copy(&d->batch->arena, buf_view(&t));
	if (kept.ptr == NULL && t.len != 0) {
		dec_weird(d, WEIRD_BATCH_ARENA);
		return false;
	}
	v->type = VT_STR;
	v->ptr = kept.ptr;
	v->len = (uint32_t)kept.len;
	return true;
}

/* Answers and their times to live, as far as they can be read. */
static void
add_answers(struct dec *d, const struct fact *f)
{
	struct cursor c = cur_of(span_sub(f->msg, f->answers, f->msg.len));
	/* A record has at least 11 bytes: a false count costs no memory. */
	size_t most = c.left / 11;
	uint32_t n = 0, count = MIN_OF(f->reply->an, ANSWERS_MAX);
	struct value *texts, *ttls, *list[2] = { NULL, NULL };
	struct rr rr;

	if (count > most)
		count = (uint32_t)most;
	if (f->reply->an > ANSWERS_MAX)
		dec_weird(d, WEIRD_DNS_LIMIT);
	if (count == 0)
		return;
	texts = event_add_list(d->batch, FIELD_DNS_ANSWERS, count);
	if (texts != NULL)
		list[0] = &d->batch->scratch[d->batch->nscratch - 1].v;
	ttls = event_add_list(d->batch, FIELD_DNS_TTLS, count);
	if (ttls != NULL)
		list[1] = &d->batch->scratch[d->batch->nscratch - 1].v;
	if (texts == NULL && ttls == NULL)
		return;
	for (uint32_t i = 0; i < count; i++) {
		if (read_rr(f->msg, &c, NULL, &rr) != NAME_OK ||
		    (texts != NULL &&
		    !answer_value(d, f->msg, &rr, &texts[n])))
			break;
		if (ttls != NULL) {
			ttls[n].type = VT_U64;
			ttls[n].u64 = rr.ttl;
		}
		n++;
	}
	for (unsigned i = 0; i < 2; i++)
		if (list[i] != NULL)
			list[i]->len = n;
}

static void
tell(struct dec *d, const struct fact *f)
{
	struct batch *b = d->batch;
	const struct pending *q = f->query;
	uint8_t room[4 * NAME_MAX_WIRE + 4];
	struct buf t = buf_on(room, sizeof(room));
	uint16_t flags = f->reply != NULL ? f->reply->flags : q->flags;
	unsigned qtype;

	if (!dec_event(d, KIND_DNS, q != NULL ? q->time : f->seg->time,
	    q != NULL ? q->record : f->seg->record,
	    q != NULL ? q->offset : f->seg->offset))
		return;
	event_add_u64(b, FIELD_DNS_ID, q != NULL ? q->id : f->reply->id);
	if (q != NULL || f->question != NULL) {
		qtype = q != NULL ? q->qtype : f->question->type;
		if (q != NULL)
			put_name(&t, q->name, q->len);
		else
			put_name(&t, f->question->name.b,
			    f->question->name.len);
		event_add_copy(b, FIELD_DNS_QUERY, buf_view(&t));
		add_numbered(b, FIELD_DNS_QTYPE, type_name(qtype), "TYPE",
		    qtype);
	}
	event_add_bool(b, FIELD_DNS_QR, f->reply != NULL);
	event_add_bool(b, FIELD_DNS_RD, flags & F_RD);
	if (f->reply != NULL) {
		add_numbered(b, FIELD_DNS_RCODE, f->rcode <
		    NITEMS(rcode_names) ? rcode_names[f->rcode] : NULL,
		    "RCODE", f->rcode);
		event_add_bool(b, FIELD_DNS_AA, flags & F_AA);
		event_add_bool(b, FIELD_DNS_TC, flags & F_TC);
		if (q != NULL)
			event_add_f64(b, FIELD_DNS_RTT,
			    (double)time_diff(f->seg->time, q->time) /
			    (double)NSEC);
		event_add_u64(b, FIELD_DNS_ANSWER_BYTES, f->msg.len);
		if (f->answers != 0)
			add_answers(d, f);
	}
	event_end(b);
}

/* -- queries that wait --------------------------------------------------- */

static void
pending_remove(struct dec *d, struct dns_state *s, struct pending **at)
{
	struct pending *p = *at;

	*at = p->next;
	if (s->tail == &p->next)
		s->tail = at;
	s->n--;
	dec_free(d, p, sizeof(*p) + p->len);
}

static void
pending_tell_oldest(struct dec *d, struct dns_state *s)
{
	tell(d, &(struct fact){ .query = s->head });
	pending_remove(d, s, &s->head);
}

static void
pending_expire(struct dec *d, struct dns_state *s, int64_t now)
{
	while (s->head != NULL && now - PENDING_NS > s->head->time)
		pending_tell_oldest(d, s);
}

/* A group has no answer in the same conversation. */
static bool
to_group(const struct dec *d)
{
	const struct addr *a = &d->conv->addr[DIR_SERVER];

	if (addr_is_v4(a))
		return (a->b[12] & 0xf0) == 0xe0 || a->b[12] == 0xff;
	return a->b[0] == 0xff;
}

static void
pending_add(struct dec *d, struct dns_state *s, const struct header *h,
    const struct question *q, const struct seg *seg)
{
	struct pending *p;

	if (s->n == PENDING_MAX) {
		dec_weird(d, WEIRD_DNS_PENDING);
		pending_tell_oldest(d, s);
	}
	if ((p = dec_alloc(d, sizeof(*p) + q->name.len)) == NULL)
		return;
	p->time = seg->time;
	p->record = seg->record;
	p->offset = seg->offset;
	p->id = h->id;
	p->flags = h->flags;
	p->qtype = q->type;
	p->len = q->name.len;
	memcpy(p->name, q->name.b, q->name.len);
	if (s->head == NULL)
		s->tail = &s->head;
	*s->tail = p;
	s->tail = &p->next;
	s->n++;
	if (to_group(d))
		pending_tell_oldest(d, s);
}

/* The oldest query that this answers; without a question by id alone. */
static struct pending **
pending_find(struct dns_state *s, uint16_t id, const struct question *q)
{
	for (struct pending **at = &s->head; *at != NULL; at = &(*at)->next) {
		struct pending *p = *at;

		if (p->id == id && (q == NULL || (p->qtype == q->type &&
		    span_eq_nocase(span_of(p->name, p->len),
		    span_of(q->name.b, q->name.len)))))
			return at;
	}
	return NULL;
}

/* -- messages ------------------------------------------------------------ */

/* The response code with the upper bits that an OPT record carries; also sees
 * whether the rest of the message can be read. */
static unsigned
full_rcode(struct dec *d, struct span msg, size_t off, const struct header *h)
{
	struct cursor c = cur_of(span_sub(msg, off, msg.len));
	uint32_t n = (uint32_t)h->an + h->ns + h->ar;
	unsigned rcode = RCODE(h->flags);
	enum name_result r;
	struct rr rr;

	for (uint32_t i = 0; i < n; i++) {
		if ((r = read_rr(msg, &c, NULL, &rr)) != NAME_OK) {
			/* A truncated answer may end anywhere. */
			if (!(h->flags & F_TC) || r == NAME_LOOP)
				name_weird(d, r);
			break;
		}
		if (rr.type == T_OPT && i >= (uint32_t)h->an + h->ns)
			rcode |= rr.ttl >> 24 << 4;
	}
	return rcode;
}

static void
answer(struct dec *d, struct dns_state *s, struct fact *f)
{
	struct pending **at = pending_find(s, f->reply->id, f->question);

	f->query = at != NULL ? *at : NULL;
	tell(d, f);
	if (at != NULL)
		pending_remove(d, s, at);
}

/* An answer that repeats no question (mDNS, refusals): the first record's name
 * stands for it. */
static void
answer_alone(struct dec *d, struct dns_state *s, struct fact *f)
{
	struct cursor c = cur_of(span_sub(f->msg, f->answers, f->msg.len));
	struct question q;
	struct rr rr;

	if (f->reply->an != 0 && read_rr(f->msg, &c, &q.name, &rr) == NAME_OK &&
	    pending_find(s, f->reply->id, NULL) == NULL) {
		q.type = rr.type;
		f->question = &q;
	}
	answer(d, s, f);
}

static void
message(struct dec *d, struct dns_state *s, const struct seg *seg,
    struct span msg)
{
	struct cursor c = cur_of(msg);
	struct header h = read_header(&c);
	struct question q[QUESTIONS_MAX];
	struct fact f = { .reply = &h, .seg = seg, .msg = msg };
	enum name_result r;
	unsigned n;

	if (!cur_ok(&c) || h.qd > msg.len / 5) {
		dec_weird(d, WEIRD_DNS_BAD);
		return;
	}
	for (n = 0; n < h.qd; n++) {
		struct question *one = &q[MIN_OF(n, QUESTIONS_MAX - 1)];

		if ((r = read_name(msg, &c, &one->name)) != NAME_OK) {
			name_weird(d, r);
			return;
		}
		one->type = cur_be16(&c);
		cur_skip(&c, 2);
		if (!cur_ok(&c)) {
			dec_weird(d, WEIRD_DNS_BAD);
			return;
		}
	}
	if (n > QUESTIONS_MAX) {
		dec_weird(d, WEIRD_DNS_LIMIT);
		n = QUESTIONS_MAX;
	}
	if (!(h.flags & F_QR)) {
		for (unsigned i = 0; i < n; i++)
			pending_add(d, s, &h, &q[i], seg);
		return;
	}
	f.answers = msg.len - c.left;
	f.rcode = full_rcode(d, msg, f.answers, &h);
	if (n == 0)
		answer_alone(d, s, &f);
	for (unsigned i = 0; i < n; i++) {
		f.question = &q[i];
		answer(d, s, &f);
		f.answers = 0;		/* told with the first */
	}
}

static void
dns_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct dns_state *s = state;

	if (!d->batch->want->kind[KIND_DNS]) {
		d->action = DEC_DONE;
		return;
	}
	pending_expire(d, s, seg->time);
	if (seg->data.len != 0)
		message(d, s, seg, seg->data);
}

static size_t
dns_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct dns_state *s = state;
	struct cursor c = cur_of(seg->data);
	bool response;

	if (!d->batch->want->kind[KIND_DNS]) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	pending_expire(d, s, seg->time);
	/* After a gap only what starts as a message does is believed. */
	if (seg->lost != 0 && (c.left < 2 + HEADER_LEN || believe(
	    span_sub(seg->data, 2, load_be16(c.ptr)), true, &response) ==
	    BELIEF_NO)) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	while (c.left >= 2) {
		struct cursor whole = c;
		size_t len = cur_be16(&whole);
		struct span msg = cur_take(&whole, len);

		if (len < HEADER_LEN) {
			dec_weird(d, WEIRD_DNS_BAD);
			d->action = DEC_DONE;
			return seg->data.len;
		}
		if (!cur_ok(&whole)) {
			d->need[seg->dir] = 2 + len;
			break;
		}
		message(d, s, seg, msg);
		c = whole;
	}
	return seg->data.len - c.left;
}

static void
dns_close(struct dec *d, void *state)
{
	struct dns_state *s = state;

	while (s->head != NULL)
		pending_tell_oldest(d, s);
}

static const uint8_t dns_kinds[] = { KIND_DNS, KIND_NONE };

const struct decoder decoder_dns = {
	.name = "dns",
	.title = "DNS over UDP and TCP",
	.doc = "Queries joined with their answers (RFC 1035, 6891, 9460), on "
	    "any port; mDNS and LLMNR too. Answers as text for A, AAAA, "
	    "CNAME, NS, PTR, MX, TXT, SOA, SRV, CAA, SVCB and HTTPS, "
	    "others as RFC 3597 hexadecimal. Authority and additional "
	    "records are passed over; NetBIOS names are not read.",
	.kinds = dns_kinds,
	.state_size = sizeof(struct dns_state),
	.probe = dns_probe,
	.stream = dns_stream,
	.dgram = dns_dgram,
	.close = dns_close,
};
