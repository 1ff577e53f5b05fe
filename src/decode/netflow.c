/* SPDX-License-Identifier: Apache-2.0
 *
 * NetFlow v5, v9 (RFC 3954) and IPFIX (RFC 7011, biflows RFC 5103) over UDP.
 *
 *	v5	5 count(2) uptime_ms(4) secs(4) nsecs(4) sequence(4) engine(2)
 *		sampling(2), count records of 48 bytes
 *	v9	9 count(2) uptime_ms(4) secs(4) sequence(4) source(4), sets
 *	IPFIX	10 length(2) secs(4) sequence(4) domain(4), sets
 *	set	id(2) length(2) body: 0 and 1 templates and options templates of
 *		v9, 2 and 3 those of IPFIX, from 256 on records of the template
 *		with that number
 *
 *	v1	1 count(2) uptime_ms(4) secs(4) nsecs(4), records of 52 bytes
 *	v7	7 count(2) uptime_ms(4) secs(4) nsecs(4) sequence(4) 0(4),
 *		records of 52 bytes
 *
 * Each flow record that names both addresses and the protocol goes to
 * flowrec.c, which joins both directions and all pieces of a conversation to
 * one conn event.  A record of a firewall that tells of a flow just created and
 * counts nothing yet is passed over: the same flow is told when it ends.
 * Counters are multiplied by the sampling rate, which flow.sampling tells.
 *
 * Exporters send templates every 10 to 30 minutes, which no UDP conversation
 * outlives: templates, sampling rates and sequence numbers are kept by
 * exporter address and observation domain (source id of v9, engine of v5), for
 * all conversations of the shard.  Records before their template are a weird.
 *
 * Left: rates that hold for one interface only, structured data (RFC 6313),
 * MPLS and layer 2 flows, v8 (aggregated), TCP and SCTP transport.
 *
 * Ownership: struct netflow, one a shard; it owns domains and their templates.
 * Bounds: the constants below; 16 MB of templates and 65,536 waiting
 * conversations (some 20 MB) a shard.
 */
#include <stdlib.h>

#include "decode.h"

#define V9_HEADER	20u
#define IPFIX_HEADER	16u
#define SET_HEADER	4u
#define SET_DATA	256u	/* RFC 3954 5.2, RFC 7011 3.3.2 */
#define PADDING_MAX	3u	/* sets end on four bytes */
#define VARLEN		65535u	/* RFC 7011 7; H3C has it in v9 too */
#define PEN_BIT		0x8000u
#define PEN_REVERSE	29305u	/* RFC 5103 6.1 */

#define DOMAINS_MAX	1024	/* exporters and their line cards; real: a
				 * few hundred at one collector.  The one that
				 * was quiet longest makes room */
#define TEMPLATE_BYTES	(16u << 20)	/* of all; real: 100 KB */
#define WAITING_MAX	65536u	/* conversations that may get more records */
#define TEMPLATES_MAX	1024	/* of a domain; large routers have some 50 */
#define FIELDS_MAX	256	/* of a template; the largest seen has 90 */
#define SAMPLERS_MAX	32	/* of a domain; real: a few */
#define RECORDS_MAX	4096	/* of a datagram: 16 bytes each in 64 KiB */
#define BUCKETS		64	/* of a domain's templates */
#define SEQ_BACK_MAX	10000	/* further back the exporter began anew */

#define MSEC	INT64_C(1000000)
#define USEC	INT64_C(1000)
#define NTP_UNIX INT64_C(2208988800)	/* seconds from 1900 to 1970 */

enum { SET_TEMPLATE9, SET_OPTIONS9, SET_TEMPLATE, SET_OPTIONS };
enum { FW_CREATED = 1 };		/* IE 233 */
enum { EGRESS = 1 };			/* IE 61 */
enum { BIFLOW_REVERSED = 2 };		/* IE 239: src is the responder */

/* What is kept of a record.  The number in a template is IANA's. */
enum slot {
	S_NONE,
	/* addresses */
	S_SRC4, S_DST4, S_NEXT4, S_SRC6, S_DST6, S_NEXT6,
	S_SRC_MAC, S_DST_MAC,
	/* numbers */
	S_PROTO, S_SPORT, S_DPORT, S_TOS, S_TCP_FLAGS, S_IN_IF, S_OUT_IF,
	S_SRC_AS, S_DST_AS, S_VLAN, S_ICMP, S_ICMP_TYPE, S_ICMP_CODE,
	S_BYTES, S_PKTS, S_BYTES_TOTAL, S_PKTS_TOTAL, S_BYTES_OUT, S_PKTS_OUT,
	S_REV_BYTES, S_REV_PKTS, S_REV_BYTES_TOTAL, S_REV_PKTS_TOTAL,
	S_INI_BYTES, S_RESP_BYTES, S_INI_PKTS, S_RESP_PKTS,
	S_UP_FIRST, S_UP_LAST, S_FIRST_S, S_LAST_S, S_FIRST_MS, S_LAST_MS,
	S_FIRST_US, S_LAST_US, S_FIRST_NS, S_LAST_NS, S_FIRST_AGO, S_LAST_AGO,
	S_BOOT_MS, S_LONG_MS, S_LONG_US, S_REASON, S_FW_EVENT, S_BIFLOW,
	S_DIRECTION, S_L4_SPORT, S_L4_DPORT,
	/* sampling */
	S_RATE, S_SAMPLER, S_SELECTED, S_SKIPPED, S_SAMPLE, S_POPULATION,
	S_COUNT
};
_Static_assert(S_COUNT <= 64, "one bit each");

struct element {
	uint16_t	id;
	uint8_t		slot;
};

static const struct element elements[] = {
	{ 1, S_BYTES }, { 2, S_PKTS }, { 4, S_PROTO }, { 5, S_TOS },
	{ 6, S_TCP_FLAGS }, { 7, S_SPORT }, { 8, S_SRC4 }, { 10, S_IN_IF },
	{ 11, S_DPORT }, { 12, S_DST4 }, { 14, S_OUT_IF }, { 15, S_NEXT4 },
	{ 16, S_SRC_AS }, { 17, S_DST_AS }, { 21, S_UP_LAST },
	{ 22, S_UP_FIRST }, { 23, S_BYTES_OUT }, { 24, S_PKTS_OUT },
	{ 27, S_SRC6 }, { 28, S_DST6 }, { 32, S_ICMP }, { 34, S_RATE },
	{ 48, S_SAMPLER }, { 50, S_RATE }, { 56, S_SRC_MAC }, { 58, S_VLAN },
	{ 61, S_DIRECTION }, { 62, S_NEXT6 }, { 80, S_DST_MAC },
	{ 85, S_BYTES_TOTAL }, { 86, S_PKTS_TOTAL }, { 136, S_REASON },
	{ 139, S_ICMP }, { 150, S_FIRST_S }, { 151, S_LAST_S },
	{ 152, S_FIRST_MS }, { 153, S_LAST_MS }, { 154, S_FIRST_US },
	{ 155, S_LAST_US }, { 156, S_FIRST_NS }, { 157, S_LAST_NS },
	{ 158, S_FIRST_AGO }, { 159, S_LAST_AGO }, { 160, S_BOOT_MS },
	{ 161, S_LONG_MS }, { 162, S_LONG_US }, { 176, S_ICMP_TYPE },
	{ 177, S_ICMP_CODE }, { 178, S_ICMP_TYPE }, { 179, S_ICMP_CODE },
	{ 180, S_L4_SPORT }, { 181, S_L4_DPORT }, { 182, S_L4_SPORT },
	{ 183, S_L4_DPORT }, { 231, S_INI_BYTES }, { 232, S_RESP_BYTES },
	{ 233, S_FW_EVENT }, { 239, S_BIFLOW }, { 243, S_VLAN },
	{ 298, S_INI_PKTS }, { 299, S_RESP_PKTS }, { 302, S_SAMPLER },
	{ 305, S_SELECTED }, { 306, S_SKIPPED }, { 309, S_SAMPLE },
	{ 310, S_POPULATION }
}, reverse[] = {
	{ 1, S_REV_BYTES }, { 2, S_REV_PKTS }, { 85, S_REV_BYTES_TOTAL },
	{ 86, S_REV_PKTS_TOTAL }
};

struct tfield {
	uint16_t	len;		/* bytes, or VARLEN */
	uint16_t	slot;
};

struct template {
	struct template	*next;
	uint16_t	 id;
	uint16_t	 nfields;
	uint32_t	 min_len;	/* of a record; at least 1 */
	bool		 is_options;
	struct tfield	 field[];
};

struct sampler {
	uint64_t	id, rate;
};

/* A source id of v9, an observation domain of IPFIX, an engine of v5. */
struct domain_key {		/* no padding: compared as bytes */
	struct addr	exporter;
	uint32_t	id;
	uint16_t	version, zero;
};

struct domain {
	uint32_t	 sequence;	/* wanted next */
	uint32_t	 nsamplers, ntemplates;
	uint16_t	 version;
	bool		 has_sequence;
	int64_t		 boot;		/* from its options, or TIME_NONE */
	int64_t		 start;		/* v9: of its uptime, or TIME_NONE */
	uint64_t	 rate;		/* of no sampler in particular; 0 */
	struct sampler	 sampler[SAMPLERS_MAX];
	struct template	*bucket[BUCKETS];
};

/* What a shard knows of its exporters. */
struct netflow {
	struct table	*domains;	/* struct domain_key: struct domain */
	struct flow_join *join;
	struct dec	*d;		/* for forget() */
	size_t		 bytes;		/* of templates */
};

/* One datagram. */
struct msg {
	struct dec		*d;
	const struct seg	*seg;
	struct netflow		*s;
	struct domain		*dom;		/* until the next table_put */
	int64_t			 exported;	/* header's time */
	int64_t			 now;		/* the capture's */
	uint64_t		 rate;		/* v5: of the header */
	uint32_t		 uptime_ms;
	uint32_t		 ntold;		/* templates and records */
	uint32_t		 ndata;		/* records */
	bool			 has_uptime;
	bool			 missed;	/* passed over records that
						 * nobody can count */
};

struct flowrec {
	uint64_t	has;		/* bit of each slot */
	uint64_t	n[S_COUNT];
	struct addr	addr[S_NEXT6 + 1];
	uint8_t		mac[2][6];
};

/* -- recognising --------------------------------------------------------- */

static bool
all_zero(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != 0)
			return false;
	return true;
}

/* Sets from the first to the end of the datagram, all with sound heads.  Some
 * exporters (PAN-OS, ACI) send datagrams of one size and fill up with 0. */
static bool
sets_fit(struct span body, uint16_t version)
{
	struct cursor c = cur_of(body);
	unsigned n = 0;

	while (c.left > PADDING_MAX) {
		struct span rest = cur_rest(&c);
		uint16_t id = cur_be16(&c), len = cur_be16(&c);
		bool known = id >= SET_DATA || (version == 9 ?
		    id <= SET_OPTIONS9 : id == SET_TEMPLATE ||
		    id == SET_OPTIONS);

		if (len == 0 && all_zero(rest))
			break;
		if (!known || len < SET_HEADER)
			return false;
		cur_skip(&c, len - SET_HEADER);
		if (!cur_ok(&c))
			return false;
		n++;
	}
	return n > 0;
}

/* -- domains and their sequence ------------------------------------------ */

static struct domain *
domain_of(struct msg *m, uint16_t version, uint32_t id)
{
	struct domain_key k = { .id = id, .version = version,
	    .exporter = m->d->conv->addr[m->seg->dir] };
	struct domain *dom;
	bool made;

	m->s->d = m->d;
	if ((dom = table_put(m->s->domains, &k, &made)) == NULL) {
		dec_weird(m->d, WEIRD_NETFLOW_LIMIT);
		return NULL;
	}
	if (made) {
		dom->version = version;
		dom->boot = dom->start = TIME_NONE;
	}
	return dom;
}

/* The datagram had this number; n more are counted now (known: or not). */
static void
sequence(struct msg *m, uint32_t number, uint32_t n, bool known)
{
	struct domain *dom = m->dom;
	int32_t ahead = (int32_t)(number - dom->sequence);

	if (dom->has_sequence && ahead > 0)
		dec_weird(m->d, WEIRD_NETFLOW_GAP);
	/* Overtaken on the way: what is wanted next stays. */
	if (dom->has_sequence && ahead < 0 && ahead > -SEQ_BACK_MAX)
		return;
	dom->sequence = number + n;
	dom->has_sequence = known;
}

/* -- templates ----------------------------------------------------------- */

static size_t
template_size(unsigned nfields)
{
	return sizeof(struct template) + nfields * sizeof(struct tfield);
}

static struct template **
template_link(struct domain *dom, uint16_t id)
{
	struct template **link = &dom->bucket[id % BUCKETS];

	while (*link != NULL && (*link)->id != id)
		link = &(*link)->next;
	return link;
}

static void
template_del(struct netflow *s, struct domain *dom, struct template **link)
{
	struct template *t = *link;

	*link = t->next;
	dom->ntemplates--;
	s->bytes -= template_size(t->nfields);
	free(t);
}

/* Of one sort, or all. */
static void
templates_del(struct netflow *s, struct domain *dom, bool plain, bool options)
{
	for (int i = 0; i < BUCKETS; i++) {
		struct template **link = &dom->bucket[i];

		while (*link != NULL)
			if ((*link)->is_options ? options : plain)
				template_del(s, dom, link);
			else
				link = &(*link)->next;
	}
}

/* A domain goes: evicted. */
static void
forget(void *arg, const void *key, void *value)
{
	struct netflow *s = arg;

	(void)key;
	if (s->d != NULL)
		dec_weird(s->d, WEIRD_NETFLOW_LIMIT);
	templates_del(s, value, true, true);
}

/* Room for n more bytes of templates: who was quiet longest loses his. */
static bool
template_room(struct msg *m, size_t n)
{
	while (m->s->bytes + n > TEMPLATE_BYTES) {
		const void *key;
		void *value;
		uint32_t it = 0;
		struct domain_key k;

		if (!table_next(m->s->domains, &it, &key, &value) ||
		    value == m->dom)
			return false;
		k = *(const struct domain_key *)key;
		forget(m->s, key, value);
		table_del(m->s->domains, &k);
	}
	return true;
}

static void
template_put(struct msg *m, const struct template *head,
    const struct tfield *field)
{
	struct domain *dom = m->dom;
	struct template **link = template_link(dom, head->id), *t = *link;
	size_t bytes = head->nfields * sizeof(*field);

	if (t != NULL) {
		if (t->nfields == head->nfields &&
		    t->is_options == head->is_options &&
		    memcmp(t->field, field, bytes) == 0)
			return;
		dec_weird(m->d, WEIRD_NETFLOW_CHANGED);
		template_del(m->s, dom, link);
	}
	if (dom->ntemplates == TEMPLATES_MAX ||
	    !template_room(m, template_size(head->nfields)) ||
	    (t = malloc(template_size(head->nfields))) == NULL) {
		dec_weird(m->d, WEIRD_NETFLOW_LIMIT);
		return;
	}
	m->s->bytes += template_size(head->nfields);
	*t = *head;
	memcpy(t->field, field, bytes);
	link = &dom->bucket[head->id % BUCKETS];
	t->next = *link;
	*link = t;
	dom->ntemplates++;
}

static unsigned
slot_of(uint16_t id, uint32_t pen)
{
	const struct element *e = pen == 0 ? elements : reverse;
	size_t n = pen == 0 ? NITEMS(elements) : NITEMS(reverse);

	if (pen != 0 && pen != PEN_REVERSE)
		return S_NONE;
	for (size_t i = 0; i < n; i++)
		if (e[i].id == id)
			return e[i].slot;
	return S_NONE;
}

/* Numbers may be shorter than usual (RFC 7011 6.2), addresses may not. */
static bool
length_fits(unsigned slot, unsigned len)
{
	switch (slot) {
	case S_SRC4: case S_DST4: case S_NEXT4:
		return len == 4;
	case S_SRC6: case S_DST6: case S_NEXT6:
		return len == 16;
	case S_SRC_MAC: case S_DST_MAC:
		return len == 6;
	case S_FIRST_US: case S_LAST_US: case S_FIRST_NS: case S_LAST_NS:
		return len == 8;
	default:
		return len >= 1 && len <= 8;
	}
}

/* n fields of a template, of which the first nscope are no facts of flows. */
static void
template_fields(struct msg *m, struct cursor *c, struct template *head,
    unsigned n, unsigned nscope)
{
	struct tfield field[FIELDS_MAX];
	bool ipfix = m->dom->version == 10;
	struct template **link;

	for (unsigned i = 0; i < n && cur_ok(c); i++) {
		uint16_t id = cur_be16(c), len = cur_be16(c);
		uint32_t pen = 0;
		unsigned slot;

		if (ipfix && (id & PEN_BIT) != 0) {
			id &= (uint16_t)~PEN_BIT;
			pen = cur_be32(c);
		}
		/* Scopes of v9 have numbers of their own. */
		slot = !ipfix && i < nscope ? S_NONE : slot_of(id, pen);
		if (slot != S_NONE && !length_fits(slot, len)) {
			if (len != 0)
				dec_weird(m->d, WEIRD_NETFLOW_BAD);
			slot = S_NONE;
		}
		head->min_len += len == VARLEN ? 1 : len;
		if (i < FIELDS_MAX)
			field[i] = (struct tfield){ len, (uint16_t)slot };
	}
	head->nfields = (uint16_t)n;
	if (cur_ok(c) && head->min_len != 0 && n <= FIELDS_MAX) {
		template_put(m, head, field);
		return;
	}
	dec_weird(m->d, cur_ok(c) && n > FIELDS_MAX ?
	    WEIRD_NETFLOW_LIMIT : WEIRD_NETFLOW_BAD);
	/* Records are not to be read by what was before. */
	link = template_link(m->dom, head->id);
	if (*link != NULL)
		template_del(m->s, m->dom, link);
}

static void
withdraw(struct msg *m, uint16_t id, bool is_options)
{
	struct template **link;

	if (id == SET_TEMPLATE || id == SET_OPTIONS) {
		templates_del(m->s, m->dom, !is_options, is_options);
		return;
	}
	link = template_link(m->dom, id);
	if (*link != NULL)
		template_del(m->s, m->dom, link);
}

/* RFC 3954 5.2 and 6.1, RFC 7011 3.4.1, 3.4.2 and 8.1. */
static void
template_set(struct msg *m, struct cursor *c, bool is_options)
{
	bool ipfix = m->dom->version == 10;

	while (c->left > PADDING_MAX) {
		struct template head = { .id = cur_be16(c),
		    .is_options = is_options };
		unsigned n = cur_be16(c), nscope = 0;

		if (head.id == 0 && !ipfix)
			return;		/* padding */
		if (ipfix && n == 0) {
			withdraw(m, head.id, is_options);
			continue;
		}
		if (is_options && ipfix) {
			nscope = cur_be16(c);
		} else if (is_options) {
			nscope = n / 4;
			n = nscope + cur_be16(c) / 4u;
		}
		if (head.id < SET_DATA || n == 0 || nscope > n) {
			dec_weird(m->d, WEIRD_NETFLOW_BAD);
			m->missed = true;
			return;
		}
		template_fields(m, c, &head, n, nscope);
		m->ntold++;
	}
}

/* -- records ------------------------------------------------------------- */

static bool
has(const struct flowrec *r, unsigned slot)
{
	return (r->has >> slot & 1) != 0;
}

/* 0: not told. */
static uint64_t
num(const struct flowrec *r, unsigned slot)
{
	return has(r, slot) ? r->n[slot] : 0;
}

static void
put_num(struct flowrec *r, unsigned slot, uint64_t n)
{
	r->n[slot] = n;
	r->has |= UINT64_C(1) << slot;
}

static void
put_field(struct flowrec *r, unsigned slot, struct span s)
{
	uint64_t n = 0;

	if (slot == S_NONE)
		return;
	if (slot <= S_NEXT4) {
		r->addr[slot] = addr_v4(s.ptr);
	} else if (slot <= S_NEXT6) {
		r->addr[slot] = addr_v6(s.ptr);
	} else if (slot <= S_DST_MAC) {
		memcpy(r->mac[slot - S_SRC_MAC], s.ptr, 6);
	} else {
		switch (s.len) {
		case 1:
			n = s.ptr[0];
			break;
		case 2:
			n = load_be16(s.ptr);
			break;
		case 4:
			n = load_be32(s.ptr);
			break;
		case 8:
			n = load_be64(s.ptr);
			break;
		default:
			for (size_t i = 0; i < s.len; i++)
				n = n << 8 | s.ptr[i];
		}
	}
	put_num(r, slot, n);
}

/* false: ends inside the record. */
static bool
read_record(struct cursor *c, const struct template *t, struct flowrec *r)
{
	r->has = 0;
	for (unsigned i = 0; i < t->nfields; i++) {
		size_t len = t->field[i].len;
		struct span s;

		if (len == VARLEN && (len = cur_u8(c)) == 255)
			len = cur_be16(c);
		s = cur_take(c, len);
		if (!cur_ok(c))
			return false;
		put_field(r, t->field[i].slot, s);
	}
	return true;
}

/* One packet of how many was looked at; 0: not told. */
static uint64_t
rate_of(const struct flowrec *r)
{
	uint64_t part, all;

	if (has(r, S_RATE))
		return r->n[S_RATE];
	if (has(r, S_SELECTED) && has(r, S_SKIPPED)) {
		part = r->n[S_SELECTED];
		if (__builtin_add_overflow(part, r->n[S_SKIPPED], &all))
			return 0;
	} else if (has(r, S_SAMPLE) && has(r, S_POPULATION)) {
		part = r->n[S_SAMPLE];
		all = r->n[S_POPULATION];
	} else {
		return 0;
	}
	return part == 0 ? 0 : all / part;
}

/* What an exporter says of itself. */
static void
options_record(struct msg *m, const struct flowrec *r)
{
	struct domain *dom = m->dom;
	uint64_t rate = rate_of(r);
	uint32_t i;

	if (has(r, S_BOOT_MS) && r->n[S_BOOT_MS] <= INT64_MAX / MSEC)
		dom->boot = (int64_t)r->n[S_BOOT_MS] * MSEC;
	if (rate == 0)
		return;
	if (!has(r, S_SAMPLER)) {
		dom->rate = rate;
		return;
	}
	for (i = 0; i < dom->nsamplers; i++)
		if (dom->sampler[i].id == r->n[S_SAMPLER])
			break;
	if (i == SAMPLERS_MAX) {
		dec_weird(m->d, WEIRD_NETFLOW_LIMIT);
		return;
	}
	if (i == dom->nsamplers)
		dom->nsamplers++;
	dom->sampler[i] = (struct sampler){ r->n[S_SAMPLER], rate };
}

/* The rate that holds for a record: its own, its sampler's, its domain's. */
static uint64_t
sampling(const struct msg *m, const struct flowrec *r)
{
	const struct domain *dom = m->dom;
	uint64_t rate = rate_of(r);

	if (rate != 0 || (rate = m->rate) != 0)
		return rate;
	if (has(r, S_SAMPLER)) {
		for (uint32_t i = 0; i < dom->nsamplers; i++)
			if (dom->sampler[i].id == r->n[S_SAMPLER])
				return dom->sampler[i].rate;
		if (r->n[S_SAMPLER] == 0)	/* not sampled */
			return 1;
	} else if (dom->rate == 0 && dom->nsamplers == 1) {
		return dom->sampler[0].rate;
	}
	return dom->rate != 0 ? dom->rate : 1;
}

/* -- times --------------------------------------------------------------- */

static int64_t
scaled(uint64_t n, int64_t unit)
{
	return n <= (uint64_t)(INT64_MAX / unit) ? (int64_t)n * unit :
	    TIME_NONE;
}

/* RFC 7011 6.1.9: seconds since 1900 and their 2^32nd parts.  The years
 * before 1970 stand for those after 2036 (RFC 4330 3). */
static int64_t
ntp_time(uint64_t n)
{
	int64_t secs = (int64_t)(n >> 32) - NTP_UNIX;

	if (secs < 0)
		secs += INT64_C(1) << 32;
	return secs * NSEC + (int64_t)(((n & UINT32_MAX) * NSEC) >> 32);
}

/* end: 0 for the first packet of the flow, 1 for the last. */
static int64_t
flow_time(const struct msg *m, const struct flowrec *r, unsigned end)
{
	int64_t ago;

	if (has(r, S_FIRST_NS + end))
		return ntp_time(r->n[S_FIRST_NS + end]);
	if (has(r, S_FIRST_US + end))
		return ntp_time(r->n[S_FIRST_US + end]);
	if (has(r, S_FIRST_MS + end))
		return scaled(r->n[S_FIRST_MS + end], MSEC);
	if (has(r, S_FIRST_S + end))
		return scaled(r->n[S_FIRST_S + end], NSEC);
	if (has(r, S_FIRST_AGO + end)) {
		ago = scaled(r->n[S_FIRST_AGO + end], USEC);
		return ago == TIME_NONE ? ago : m->exported - ago;
	}
	if (!has(r, S_UP_FIRST + end))
		return TIME_NONE;
	/* The uptime wraps after 49 days: only differences count. */
	if (m->has_uptime)
		return m->exported - (int64_t)(int32_t)(m->uptime_ms -
		    (uint32_t)r->n[S_UP_FIRST + end]) * MSEC;
	ago = has(r, S_BOOT_MS) ? scaled(r->n[S_BOOT_MS], MSEC) :
	    m->dom->boot;
	if (ago == TIME_NONE || ago > INT64_MAX - UINT32_MAX * MSEC)
		return TIME_NONE;
	return ago + (int64_t)(uint32_t)r->n[S_UP_FIRST + end] * MSEC;
}

/* Nanoseconds that the flow lasted, or TIME_NONE. */
static int64_t
lasted(const struct flowrec *r, int64_t first, int64_t last)
{
	if (first != TIME_NONE && last != TIME_NONE)
		return time_diff(last, first);
	if (has(r, S_LONG_US))
		return scaled(r->n[S_LONG_US], USEC);
	if (has(r, S_LONG_MS))
		return scaled(r->n[S_LONG_MS], MSEC);
	if (has(r, S_UP_FIRST) && has(r, S_UP_LAST))
		return (int64_t)(int32_t)(uint32_t)(r->n[S_UP_LAST] -
		    r->n[S_UP_FIRST]) * MSEC;
	return TIME_NONE;
}

/* -- telling ------------------------------------------------------------- */

static uint64_t
times(uint64_t n, uint64_t rate)
{
	uint64_t all;

	return __builtin_mul_overflow(n, rate, &all) ? UINT64_MAX : all;
}

/* The first of up to three slots that is told. */
static bool
count_of(const struct flowrec *r, const uint8_t slot[3], uint64_t rate,
    uint64_t *n)
{
	for (int i = 0; i < 3 && slot[i] != S_NONE; i++)
		if (has(r, slot[i])) {
			*n = times(r->n[slot[i]], rate);
			return true;
		}
	return false;
}

static void
counts_of(const struct flowrec *r, struct flow_rec *f)
{
	static const uint8_t bytes[2][3] = {
		{ S_BYTES, S_BYTES_TOTAL, S_BYTES_OUT },
		{ S_REV_BYTES, S_REV_BYTES_TOTAL, S_NONE }
	}, pkts[2][3] = {
		{ S_PKTS, S_PKTS_TOTAL, S_PKTS_OUT },
		{ S_REV_PKTS, S_REV_PKTS_TOTAL, S_NONE }
	}, said_bytes[2][3] = {
		{ S_INI_BYTES }, { S_RESP_BYTES }
	}, said_pkts[2][3] = {
		{ S_INI_PKTS }, { S_RESP_PKTS }
	};

	for (int i = 0; i < 2; i++) {
		struct flow_sent *s = &f->sent[i];

		if (count_of(r, bytes[i], f->rate, &s->ip_bytes))
			s->has |= SENT_IP_BYTES;
		if (count_of(r, said_bytes[i], f->rate, &s->bytes))
			s->has |= SENT_BYTES;
		if (count_of(r, said_pkts[i], f->rate, &s->pkts) ||
		    count_of(r, pkts[i], f->rate, &s->pkts))
			s->has |= SENT_PKTS;
	}
	if (has(r, S_TCP_FLAGS) && f->proto == IPPROTO_N_TCP) {
		f->sent[0].tcp_flags = (uint8_t)r->n[S_TCP_FLAGS];
		f->sent[0].has |= SENT_FLAGS;
	}
	if (f->sent[1].has != 0 || has(r, S_INI_BYTES))
		f->has |= FREC_CLIENT;
}

static void
rest_of(const struct flowrec *r, struct flow_rec *f)
{
	static const uint8_t hops[] = { S_NEXT4, S_NEXT6 };
	static const struct {
		uint8_t		slot;
		uint16_t	bit;
	} row[] = {
		{ S_TOS, FREC_TOS }, { S_IN_IF, FREC_IN_IF },
		{ S_OUT_IF, FREC_OUT_IF }, { S_SRC_MAC, FREC_SRC_MAC },
		{ S_DST_MAC, FREC_DST_MAC }
	};
	static const struct addr none, none4 = { { [10] = 0xff, [11] = 0xff } };

	for (size_t i = 0; i < NITEMS(row); i++)
		if (has(r, row[i].slot))
			f->has |= row[i].bit;
	f->tos = (uint8_t)num(r, S_TOS);
	f->in_if = (uint32_t)num(r, S_IN_IF);
	f->out_if = (uint32_t)num(r, S_OUT_IF);
	f->src_as = (uint32_t)num(r, S_SRC_AS);
	f->dst_as = (uint32_t)num(r, S_DST_AS);
	if (f->src_as != 0)		/* 0: not known */
		f->has |= FREC_SRC_AS;
	if (f->dst_as != 0)
		f->has |= FREC_DST_AS;
	for (unsigned i = 0; i < 2; i++)
		if (has(r, S_SRC_MAC + i))
			memcpy(f->mac[i], r->mac[i], 6);
	for (size_t i = 0; i < NITEMS(hops); i++)
		if (has(r, hops[i]) && !addr_eq(&r->addr[hops[i]], &none) &&
		    !addr_eq(&r->addr[hops[i]], &none4)) {
			f->next_hop = r->addr[hops[i]];
			f->has |= FREC_NEXT_HOP;
			break;
		}
	if (has(r, S_DIRECTION) && r->n[S_DIRECTION] == EGRESS)
		f->has |= FREC_EGRESS;
	if (has(r, S_REASON) && r->n[S_REASON] <= FLOW_END_LACK)
		f->end = (uint8_t)r->n[S_REASON];
	if (has(r, S_VLAN))
		f->vlan = r->n[S_VLAN] & 0xfff;
}

/* Type and code in place of ports. */
static void
icmp_ports(const struct flowrec *r, struct flow_rec *f)
{
	uint16_t type_code = has(r, S_ICMP) ? (uint16_t)r->n[S_ICMP] :
	    (uint16_t)num(r, S_DPORT);	/* v5 */

	if (f->proto != IPPROTO_N_ICMP && f->proto != IPPROTO_N_ICMP6)
		return;
	if (has(r, S_ICMP_TYPE))
		type_code = (uint16_t)((r->n[S_ICMP_TYPE] & 0xff) << 8 |
		    (has(r, S_ICMP_CODE) ? r->n[S_ICMP_CODE] & 0xff : 0));
	flow_icmp(f, (uint8_t)(type_code >> 8), (uint8_t)type_code);
}

/* false: names no two ends. */
static bool
ends_of(const struct flowrec *r, struct flow_rec *f)
{
	bool v6 = has(r, S_SRC6) && has(r, S_DST6);

	/* Where both families stand in a template one is cleared. */
	if (has(r, S_SRC4) && has(r, S_DST4) && (!v6 ||
	    load_be32(r->addr[S_SRC4].b + 12) != 0 ||
	    load_be32(r->addr[S_DST4].b + 12) != 0))
		v6 = false;
	else if (!v6)
		return false;
	if (!has(r, S_PROTO))
		return false;
	f->proto = (uint8_t)r->n[S_PROTO];
	f->addr[0] = r->addr[v6 ? S_SRC6 : S_SRC4];
	f->addr[1] = r->addr[v6 ? S_DST6 : S_DST4];
	/* Those of one protocol stand beside the general ones, and at 0. */
	f->port[0] = (uint16_t)num(r, has(r, S_SPORT) ? S_SPORT : S_L4_SPORT);
	f->port[1] = (uint16_t)num(r, has(r, S_DPORT) ? S_DPORT : S_L4_DPORT);
	icmp_ports(r, f);
	return true;
}

/* A biflow whose source is not who asked (RFC 5103 6.3). */
static void
turn(struct flow_rec *f)
{
	struct flow_rec from = *f;

	f->addr[0] = from.addr[1];
	f->addr[1] = from.addr[0];
	f->port[0] = from.port[1];
	f->port[1] = from.port[0];
	f->sent[0] = from.sent[1];
	f->sent[1] = from.sent[0];
	f->in_if = from.out_if;
	f->out_if = from.in_if;
	f->src_as = from.dst_as;
	f->dst_as = from.src_as;
	memcpy(f->mac[0], from.mac[1], 6);
	memcpy(f->mac[1], from.mac[0], 6);
	f->has &= (uint16_t)~FREC_NEXT_HOP;
	f->has |= FREC_CLIENT;
}

static bool
counts_any(const struct flowrec *r)
{
	for (unsigned slot = S_BYTES; slot <= S_RESP_PKTS; slot++)
		if (has(r, slot) && r->n[slot] != 0)
			return true;
	return false;
}

static void
times_of(struct msg *m, const struct flowrec *r, struct flow_rec *f)
{
	int64_t first = flow_time(m, r, 0), last = flow_time(m, r, 1);
	int64_t span = lasted(r, first, last);

	f->exported = m->exported;
	if (span != TIME_NONE && span < 0) {
		dec_weird(m->d, WEIRD_NETFLOW_TIME);
		span = TIME_NONE;
	}
	if (span != TIME_NONE)
		f->has |= FREC_TIMES;
	else
		span = 0;
	f->first = first == TIME_NONE ? m->exported : first;
	if (__builtin_add_overflow(f->first, span, &f->last))
		f->last = f->first;
}

static void
flow_record(struct msg *m, const struct flowrec *r)
{
	struct flow_rec f = { .record = m->seg->record,
	    .offset = m->seg->offset,
	    .exporter = m->d->conv->addr[m->seg->dir] };

	if (has(r, S_FW_EVENT) && r->n[S_FW_EVENT] == FW_CREATED &&
	    !counts_any(r))
		return;
	if (!m->d->batch->want->kind[KIND_CONN] || !ends_of(r, &f))
		return;
	f.rate = sampling(m, r);
	times_of(m, r, &f);
	counts_of(r, &f);
	rest_of(r, &f);
	if (has(r, S_BIFLOW) && r->n[S_BIFLOW] == BIFLOW_REVERSED)
		turn(&f);
	flow_join_add(m->d, m->s->join, &f, m->now);
}

/* One more; false: more in the datagram than are read. */
static bool
count_record(struct msg *m)
{
	m->ntold++;
	if (m->ndata++ < RECORDS_MAX)
		return true;
	dec_weird(m->d, WEIRD_NETFLOW_LIMIT);
	m->missed = true;
	return false;
}

static void
data_set(struct msg *m, struct cursor *c, uint16_t id)
{
	const struct template *t = *template_link(m->dom, id);
	struct flowrec r;

	if (t == NULL) {
		dec_weird(m->d, WEIRD_NETFLOW_NO_TEMPLATE);
		m->missed = true;
		return;
	}
	while (c->left >= t->min_len) {
		if (!read_record(c, t, &r)) {
			dec_weird(m->d, WEIRD_NETFLOW_BAD);
			m->missed = true;
			return;
		}
		if (!count_record(m))
			return;
		if (t->is_options)
			options_record(m, &r);
		else
			flow_record(m, &r);
	}
}

/* -- datagrams ----------------------------------------------------------- */

static void
read_sets(struct msg *m, struct cursor *c)
{
	while (c->left > PADDING_MAX) {
		uint16_t id = cur_be16(c), len = cur_be16(c);
		unsigned first = m->dom->version == 10 ? SET_TEMPLATE :
		    SET_TEMPLATE9;
		struct cursor body;

		if (id == 0 && len == 0 && all_zero(cur_rest(c)))
			return;		/* filled up */
		if (len < SET_HEADER || len - SET_HEADER > c->left) {
			dec_weird(m->d, WEIRD_NETFLOW_BAD);
			m->missed = true;
			return;
		}
		body = cur_sub(c, len - SET_HEADER);
		if (id >= SET_DATA)
			data_set(m, &body, id);
		else if (id == first || id == first + 1)
			template_set(m, &body, id != first);
		else
			dec_weird(m->d, WEIRD_NETFLOW_BAD);
	}
}

/* The fixed layouts: a header of count, uptime and time, and v1 has no more; v5
 * and v7 go on with the sequence number, v5 with engine and sampling. */
static const struct old_version {
	uint16_t	header, record, most;
	struct tfield	field[20];	/* until a length of 0 */
} old_version[] = {
	[1] = { 16, 52, 24, { { 4, S_SRC4 }, { 4, S_DST4 }, { 4, S_NEXT4 },
	    { 2, S_IN_IF }, { 2, S_OUT_IF }, { 4, S_PKTS }, { 4, S_BYTES },
	    { 4, S_UP_FIRST }, { 4, S_UP_LAST }, { 2, S_SPORT },
	    { 2, S_DPORT }, { 2, S_NONE }, { 1, S_PROTO }, { 1, S_TOS },
	    { 1, S_TCP_FLAGS } } },
	[5] = { 24, 48, 30, { { 4, S_SRC4 }, { 4, S_DST4 }, { 4, S_NEXT4 },
	    { 2, S_IN_IF }, { 2, S_OUT_IF }, { 4, S_PKTS }, { 4, S_BYTES },
	    { 4, S_UP_FIRST }, { 4, S_UP_LAST }, { 2, S_SPORT },
	    { 2, S_DPORT }, { 1, S_NONE }, { 1, S_TCP_FLAGS },
	    { 1, S_PROTO }, { 1, S_TOS }, { 2, S_SRC_AS },
	    { 2, S_DST_AS } } },
	[7] = { 24, 52, 28, { { 4, S_SRC4 }, { 4, S_DST4 }, { 4, S_NEXT4 },
	    { 2, S_IN_IF }, { 2, S_OUT_IF }, { 4, S_PKTS }, { 4, S_BYTES },
	    { 4, S_UP_FIRST }, { 4, S_UP_LAST }, { 2, S_SPORT },
	    { 2, S_DPORT }, { 1, S_NONE }, { 1, S_TCP_FLAGS },
	    { 1, S_PROTO }, { 1, S_TOS }, { 2, S_SRC_AS },
	    { 2, S_DST_AS } } }
};

static const struct old_version *
old_of(unsigned version)
{
	return version < NITEMS(old_version) &&
	    old_version[version].header != 0 ? &old_version[version] : NULL;
}

static void
read_old_record(const struct old_version *v, struct cursor c,
    struct flowrec *r)
{
	r->has = 0;
	for (const struct tfield *f = v->field; f->len != 0; f++)
		put_field(r, f->slot, cur_take(&c, f->len));
}

/*
 * Times are told against an uptime in milliseconds, and when that began would
 * differ from datagram to datagram: v9 cuts the header's time to seconds.  The
 * latest begin is nearest to the truth, and one for all keeps the order.
 * Further off, the router was restarted or its clock set.
 */
static int64_t
finer_time(const struct msg *m)
{
	int64_t up = (int64_t)m->uptime_ms * MSEC, start = m->exported - up;
	int64_t cut = m->dom->version == 9 ? 1500 * MSEC : 2 * MSEC;
	struct domain *dom = m->dom;

	if (dom->start == TIME_NONE || dom->start - start > cut ||
	    (dom->version == 9 ? start > dom->start :
	    start - dom->start > cut))
		dom->start = start;
	return dom->start + up;
}

static void
read_old(struct msg *m, struct cursor *c, unsigned version)
{
	const struct old_version *v = old_of(version);
	unsigned count = cur_be16(c);
	size_t want = (size_t)count * v->record;
	uint32_t number = 0, engine = 0, secs;
	struct flowrec r;

	m->uptime_ms = cur_be32(c);
	m->has_uptime = true;
	secs = cur_be32(c);
	m->exported = (int64_t)secs * NSEC + cur_be32(c);
	if (version != 1)
		number = cur_be32(c);
	if (version == 5) {
		engine = cur_be16(c);
		/* Two bits say how; some leave them 0 and sample all the
		 * same. */
		m->rate = cur_be16(c) & 0x3fff;
	} else if (version == 7) {
		cur_skip(c, 4);
	}
	if ((m->dom = domain_of(m, (uint16_t)version, engine)) == NULL)
		return;
	m->exported = finer_time(m);
	if (c->left < want || !all_zero(span_sub(cur_rest(c), want, SIZE_MAX)))
		dec_weird(m->d, WEIRD_NETFLOW_COUNT);
	for (unsigned i = 0; i < count && c->left >= v->record; i++) {
		if (!count_record(m))
			break;
		read_old_record(v, cur_sub(c, v->record), &r);
		flow_record(m, &r);
	}
	if (version != 1)
		sequence(m, number, count, true);
}

static void
read_v9(struct msg *m, struct cursor *c)
{
	unsigned count = cur_be16(c);
	uint32_t number;

	m->uptime_ms = cur_be32(c);
	m->has_uptime = true;
	m->exported = (int64_t)cur_be32(c) * NSEC;
	number = cur_be32(c);
	if ((m->dom = domain_of(m, 9, cur_be32(c))) == NULL)
		return;
	m->exported = finer_time(m);
	read_sets(m, c);
	if (!m->missed && m->ntold != count)
		dec_weird(m->d, WEIRD_NETFLOW_COUNT);
	sequence(m, number, 1, true);	/* datagrams are counted */
}

static void
read_ipfix(struct msg *m, struct cursor *c)
{
	size_t len = cur_be16(c), here = m->seg->data.len;
	uint32_t number;

	if (len != here)
		dec_weird(m->d, WEIRD_NETFLOW_BAD);
	m->exported = (int64_t)cur_be32(c) * NSEC;
	number = cur_be32(c);
	if ((m->dom = domain_of(m, 10, cur_be32(c))) == NULL)
		return;
	if (len < here)
		c->left -= MIN_OF(here - len, c->left);
	read_sets(m, c);
	sequence(m, number, m->ndata, !m->missed);	/* records are */
}

static enum probe_result
netflow_probe(const struct probe *p)
{
	struct span s = p->data, body;
	const struct old_version *old;
	unsigned version, count;

	if (!p->is_udp || s.len < IPFIX_HEADER + SET_HEADER)
		return PROBE_NO;
	version = load_be16(s.ptr);
	count = load_be16(s.ptr + 2);
	if ((old = old_of(version)) != NULL) {
		body = span_sub(s, old->header, SIZE_MAX);
		return count > 0 && count <= old->most &&
		    body.len >= count * old->record &&
		    all_zero(span_sub(body, count * old->record, SIZE_MAX)) ?
		    PROBE_YES : PROBE_NO;
	}
	if (version == 9 && count > 0 && s.len > V9_HEADER)
		return sets_fit(span_sub(s, V9_HEADER, SIZE_MAX), 9) ?
		    PROBE_YES : PROBE_NO;
	if (version == 10 && count == s.len)
		return sets_fit(span_sub(s, IPFIX_HEADER, SIZE_MAX), 10) ?
		    PROBE_YES : PROBE_NO;
	return PROBE_NO;
}

static void
netflow_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct cursor c = cur_of(seg->data);
	struct msg m = { .d = d, .seg = seg, .s = d->share,
	    .now = seg->time };
	uint16_t version = cur_be16(&c);
	const struct old_version *old = old_of(version);
	size_t header = old != NULL ? old->header : version == 9 ?
	    V9_HEADER : version == 10 ? IPFIX_HEADER : SIZE_MAX;

	(void)state;
	if (seg->data.len < header) {	/* or no version of ours */
		dec_weird(d, WEIRD_NETFLOW_BAD);
		return;
	}
	if (old != NULL)
		read_old(&m, &c, version);
	else if (version == 9)
		read_v9(&m, &c);
	else
		read_ipfix(&m, &c);
}

static void
netflow_free(void *share)
{
	struct netflow *s = share;
	const void *key;
	void *value;
	uint32_t it = 0;

	if (s == NULL)
		return;
	s->d = NULL;
	while (s->domains != NULL &&
	    table_next(s->domains, &it, &key, &value))
		templates_del(s, value, true, true);
	table_free(s->domains);
	flow_join_free(s->join);
	free(s);
}

static void *
netflow_new(void)
{
	struct netflow *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->domains = table_new(sizeof(struct domain_key),
	    sizeof(struct domain), DOMAINS_MAX);
	s->join = flow_join_new(WAITING_MAX);
	if (s->domains == NULL || s->join == NULL) {
		netflow_free(s);
		return NULL;
	}
	table_on_evict(s->domains, forget, s);
	return s;
}

static bool
netflow_end(struct dec *d, void *share)
{
	struct netflow *s = share;

	return flow_join_end(d, s->join);
}

static const uint8_t netflow_kinds[] = { KIND_CONN, KIND_NONE };

const struct decoder decoder_netflow = {
	.name = "netflow",
	.title = "NetFlow v1, v5, v7, v9 and IPFIX over UDP",
	.doc = "Flow records as conn events, both directions and all pieces "
	    "of a conversation joined; sampling applied. Left: rates of single "
	    "interfaces, structured data, layer 2 flows, v8, TCP and SCTP "
	    "transport. RFC 3954, RFC 7011, RFC 5103.",
	.kinds = netflow_kinds,
	.probe = netflow_probe,
	.dgram = netflow_dgram,
	.share_new = netflow_new,
	.share_end = netflow_end,
	.share_free = netflow_free,
};
