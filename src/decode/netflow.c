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
 * Each flow record that names both addresses and the protocol becomes a conn
 * event, of the time when the flow began.  A record tells of one direction:
 * src sent, and what came back stands in another record or was not seen; so
 * neither dst counters nor conn.state are told, but for biflows (reverse
 * elements) and the initiator and responder counters of firewalls.  Records
 * of a firewall that tell of a flow just created and count nothing yet are
 * passed over: the same flow is told when it ends.  Counters are multiplied by
 * the sampling rate, which flow.sampling tells.
 *
 * Left: rates that hold for one interface only, structured data (RFC 6313),
 * MPLS and layer 2 flows.  Templates live as long as the conversation from
 * exporter to collector: records before their template are a weird.
 *
 * Ownership: domains and templates are dec_alloc'ed, freed in close().
 * Bounds: the constants below.
 */
#include "decode.h"

#define V5_HEADER	24u
#define V5_RECORD	48u
#define V5_RECORDS_MAX	30u	/* that fit into 1,500 bytes; Cisco's limit */
#define V9_HEADER	20u
#define IPFIX_HEADER	16u
#define SET_HEADER	4u
#define SET_DATA	256u	/* RFC 3954 5.2, RFC 7011 3.3.2 */
#define PADDING_MAX	3u	/* sets end on four bytes */
#define VARLEN		65535u	/* RFC 7011 7; H3C has it in v9 too */
#define PEN_BIT		0x8000u
#define PEN_REVERSE	29305u	/* RFC 5103 6.1 */

#define DOMAINS_MAX	64	/* line cards behind one address; real: < 20 */
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
enum { BIFLOW_REVERSED = 2 };		/* IE 239: src is the responder */

/* What is kept of a record.  The number in a template is IANA's. */
enum slot {
	S_NONE,
	/* addresses */
	S_SRC4, S_DST4, S_NEXT4, S_BGP4, S_SRC6, S_DST6, S_NEXT6, S_BGP6,
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
	{ 16, S_SRC_AS }, { 17, S_DST_AS }, { 18, S_BGP4 }, { 21, S_UP_LAST },
	{ 22, S_UP_FIRST }, { 23, S_BYTES_OUT }, { 24, S_PKTS_OUT },
	{ 27, S_SRC6 }, { 28, S_DST6 }, { 32, S_ICMP }, { 34, S_RATE },
	{ 48, S_SAMPLER }, { 50, S_RATE }, { 56, S_SRC_MAC }, { 58, S_VLAN },
	{ 62, S_NEXT6 }, { 63, S_BGP6 }, { 80, S_DST_MAC },
	{ 85, S_BYTES_TOTAL }, { 86, S_PKTS_TOTAL }, { 136, S_REASON },
	{ 139, S_ICMP }, { 150, S_FIRST_S }, { 151, S_LAST_S },
	{ 152, S_FIRST_MS }, { 153, S_LAST_MS }, { 154, S_FIRST_US },
	{ 155, S_LAST_US }, { 156, S_FIRST_NS }, { 157, S_LAST_NS },
	{ 158, S_FIRST_AGO }, { 159, S_LAST_AGO }, { 160, S_BOOT_MS },
	{ 161, S_LONG_MS }, { 162, S_LONG_US }, { 176, S_ICMP_TYPE },
	{ 177, S_ICMP_CODE }, { 178, S_ICMP_TYPE }, { 179, S_ICMP_CODE },
	{ 180, S_SPORT }, { 181, S_DPORT }, { 182, S_SPORT },
	{ 183, S_DPORT }, { 231, S_INI_BYTES }, { 232, S_RESP_BYTES },
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
struct domain {
	struct domain	*next;
	uint32_t	 id;
	uint32_t	 sequence;	/* wanted next */
	int64_t		 boot;		/* from its options, or TIME_NONE */
	uint64_t	 rate;		/* of no sampler in particular; 0 */
	struct sampler	 sampler[SAMPLERS_MAX];
	uint32_t	 nsamplers, ntemplates;
	uint16_t	 version;
	bool		 has_sequence;
	struct template	*bucket[BUCKETS];
};

struct netflow {
	struct domain	*domains;
	uint32_t	 ndomains;
};

/* One datagram. */
struct msg {
	struct dec		*d;
	const struct seg	*seg;
	struct domain		*dom;
	int64_t			 exported;	/* header's time */
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
	struct addr	addr[S_BGP6 + 1];
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

static enum probe_result
netflow_probe(const struct probe *p)
{
	struct span s = p->data;
	uint16_t count;

	if (!p->is_udp || s.len < IPFIX_HEADER + SET_HEADER)
		return PROBE_NO;
	count = load_be16(s.ptr + 2);
	switch (load_be16(s.ptr)) {
	case 5:
		return count > 0 && count <= V5_RECORDS_MAX &&
		    s.len >= V5_HEADER + count * V5_RECORD &&
		    all_zero(span_sub(s, V5_HEADER + count * V5_RECORD,
		    SIZE_MAX)) ? PROBE_YES : PROBE_NO;
	case 9:
		return count > 0 && s.len > V9_HEADER &&
		    sets_fit(span_sub(s, V9_HEADER, SIZE_MAX), 9) ?
		    PROBE_YES : PROBE_NO;
	case 10:
		return count == s.len &&
		    sets_fit(span_sub(s, IPFIX_HEADER, SIZE_MAX), 10) ?
		    PROBE_YES : PROBE_NO;
	default:
		return PROBE_NO;
	}
}

/* -- domains and their sequence ------------------------------------------ */

static struct domain *
domain_of(struct dec *d, struct netflow *s, uint16_t version, uint32_t id)
{
	struct domain *dom;

	for (dom = s->domains; dom != NULL; dom = dom->next)
		if (dom->id == id && dom->version == version)
			return dom;
	if (s->ndomains == DOMAINS_MAX) {
		dec_weird(d, WEIRD_NETFLOW_LIMIT);
		return NULL;
	}
	if ((dom = dec_alloc(d, sizeof(*dom))) == NULL)
		return NULL;
	dom->id = id;
	dom->version = version;
	dom->boot = TIME_NONE;
	dom->next = s->domains;
	s->domains = dom;
	s->ndomains++;
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
template_del(struct dec *d, struct domain *dom, struct template **link)
{
	struct template *t = *link;

	*link = t->next;
	dom->ntemplates--;
	dec_free(d, t, template_size(t->nfields));
}

/* Of one sort, or all. */
static void
templates_del(struct dec *d, struct domain *dom, bool plain, bool options)
{
	for (int i = 0; i < BUCKETS; i++) {
		struct template **link = &dom->bucket[i];

		while (*link != NULL)
			if ((*link)->is_options ? options : plain)
				template_del(d, dom, link);
			else
				link = &(*link)->next;
	}
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
		template_del(m->d, dom, link);
	}
	if (dom->ntemplates == TEMPLATES_MAX) {
		dec_weird(m->d, WEIRD_NETFLOW_LIMIT);
		return;
	}
	if ((t = dec_alloc(m->d, template_size(head->nfields))) == NULL)
		return;
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
	case S_SRC4: case S_DST4: case S_NEXT4: case S_BGP4:
		return len == 4;
	case S_SRC6: case S_DST6: case S_NEXT6: case S_BGP6:
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
		template_del(m->d, m->dom, link);
}

static void
withdraw(struct msg *m, uint16_t id, bool is_options)
{
	struct template **link;

	if (id == SET_TEMPLATE || id == SET_OPTIONS) {
		templates_del(m->d, m->dom, !is_options, is_options);
		return;
	}
	link = template_link(m->dom, id);
	if (*link != NULL)
		template_del(m->d, m->dom, link);
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
	if (slot <= S_BGP4) {
		r->addr[slot] = addr_v4(s.ptr);
	} else if (slot <= S_BGP6) {
		r->addr[slot] = addr_v6(s.ptr);
	} else if (slot <= S_DST_MAC) {
		memcpy(r->mac[slot - S_SRC_MAC], s.ptr, 6);
	} else {
		for (size_t i = 0; i < s.len; i++)
			n = n << 8 | s.ptr[i];
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

static void
add_count(struct batch *b, unsigned field, const struct flowrec *r,
    const uint8_t slot[3], uint64_t rate)
{
	for (int i = 0; i < 3 && slot[i] != S_NONE; i++) {
		uint64_t n;

		if (!has(r, slot[i]))
			continue;
		if (__builtin_mul_overflow(r->n[slot[i]], rate, &n))
			n = UINT64_MAX;
		event_add_u64(b, field, n);
		return;
	}
}

static void
add_counts(struct batch *b, const struct flowrec *r, uint64_t rate, bool swap)
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
	static const uint16_t ip_field[2] = { FIELD_SRC_IP_BYTES,
	    FIELD_DST_IP_BYTES }, byte_field[2] = { FIELD_SRC_BYTES,
	    FIELD_DST_BYTES }, pkt_field[2] = { FIELD_SRC_PKTS,
	    FIELD_DST_PKTS };

	for (int i = 0; i < 2; i++) {
		int side = i ^ swap;
		bool said = has(r, said_pkts[i][0]);

		add_count(b, ip_field[side], r, bytes[i], rate);
		add_count(b, byte_field[side], r, said_bytes[i], rate);
		add_count(b, pkt_field[side], r,
		    said ? said_pkts[i] : pkts[i], rate);
	}
}

static void
add_kept_addr(struct batch *b, unsigned field, const struct addr *a)
{
	struct addr *kept;

	if (!event_wants(b, field) ||
	    (kept = arena_alloc(&b->arena, sizeof(*kept))) == NULL)
		return;
	*kept = *a;
	event_add_addr(b, field, kept);
}

static void
add_mac(struct batch *b, unsigned field, const struct flowrec *r, int side)
{
	struct span kept;
	struct value *v;

	if (!has(r, S_SRC_MAC + (unsigned)side) || !event_wants(b, field))
		return;
	kept = arena_copy(&b->arena, span_of(r->mac[side], 6));
	if (kept.ptr == NULL || (v = event_add(b, field, VT_MAC)) == NULL)
		return;
	v->ptr = kept.ptr;
	v->len = 6;
}

/* RFC 7011's flowEndReason (RFC 5102 5.11.3). */
static const char *
end_reason(uint64_t n)
{
	static const char *const text[] = { NULL, "timeout", "active", "fin",
	    "evict", "evict" };

	return n < NITEMS(text) ? text[n] : NULL;
}

static void
add_rest(struct msg *m, const struct flowrec *r, uint64_t rate)
{
	static const struct {
		uint16_t	field;
		uint8_t		slot;
	} plain[] = {
		{ FIELD_FLOW_TOS, S_TOS }, { FIELD_FLOW_IN_IF, S_IN_IF },
		{ FIELD_FLOW_OUT_IF, S_OUT_IF },
		{ FIELD_FLOW_SRC_AS, S_SRC_AS },
		{ FIELD_FLOW_DST_AS, S_DST_AS }
	};
	static const uint8_t hops[] = { S_NEXT4, S_NEXT6, S_BGP4, S_BGP6 };
	struct batch *b = m->d->batch;
	const char *why;

	add_kept_addr(b, FIELD_FLOW_EXPORTER,
	    &m->d->conv->addr[m->seg->dir]);
	event_add_u64(b, FIELD_FLOW_SAMPLING, rate);
	if (has(r, S_TCP_FLAGS))
		event_add_num(b, FIELD_FLOW_TCP_FLAGS, VT_HEX,
		    r->n[S_TCP_FLAGS]);
	for (size_t i = 0; i < NITEMS(plain); i++)
		if (has(r, plain[i].slot))
			event_add_u64(b, plain[i].field, r->n[plain[i].slot]);
	for (size_t i = 0; i < NITEMS(hops); i++)
		if (has(r, hops[i])) {
			add_kept_addr(b, FIELD_FLOW_NEXT_HOP,
			    &r->addr[hops[i]]);
			break;
		}
	if (has(r, S_REASON) && (why = end_reason(r->n[S_REASON])) != NULL)
		event_add_str(b, FIELD_CONN_END, span_str(why));
}

/* Type and code in place of ports; echo as the flow room has it. */
static void
icmp_ports(const struct flowrec *r, struct conv *c)
{
	bool v6 = c->proto == IPPROTO_N_ICMP6;
	uint8_t ask = v6 ? 128 : 8, reply = v6 ? 129 : 0;
	uint16_t type_code = has(r, S_ICMP) ? (uint16_t)r->n[S_ICMP] :
	    has(r, S_DPORT) ? (uint16_t)r->n[S_DPORT] : 0;	/* v5 */

	if (c->proto != IPPROTO_N_ICMP && !v6)
		return;
	if (has(r, S_ICMP_TYPE))
		type_code = (uint16_t)((r->n[S_ICMP_TYPE] & 0xff) << 8 |
		    (has(r, S_ICMP_CODE) ? r->n[S_ICMP_CODE] & 0xff : 0));
	c->port[0] = type_code >> 8;
	c->port[1] = type_code & 0xff;
	c->one_way = c->port[0] != ask && c->port[0] != reply;
	if (!c->one_way)
		c->port[1] = c->port[0] == ask ? reply : ask;
}

/* false: names no two ends. */
static bool
ends_of(const struct flowrec *r, bool swap, struct conv *c)
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
	*c = (struct conv){ .proto = (uint8_t)r->n[S_PROTO],
	    .start = TIME_NONE };
	c->addr[swap] = r->addr[v6 ? S_SRC6 : S_SRC4];
	c->addr[!swap] = r->addr[v6 ? S_DST6 : S_DST4];
	c->port[swap] = has(r, S_SPORT) ? (uint16_t)r->n[S_SPORT] : 0;
	c->port[!swap] = has(r, S_DPORT) ? (uint16_t)r->n[S_DPORT] : 0;
	if (has(r, S_VLAN))
		c->vlan = r->n[S_VLAN] & 0xfff;
	icmp_ports(r, c);
	return true;
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
flow_record(struct msg *m, const struct flowrec *r)
{
	bool swap = has(r, S_BIFLOW) && r->n[S_BIFLOW] == BIFLOW_REVERSED;
	int64_t first = flow_time(m, r, 0), last = flow_time(m, r, 1);
	int64_t span = lasted(r, first, last);
	struct batch *b = m->d->batch;
	struct dec inner = *m->d;
	struct conv conv;
	uint64_t rate;

	if (has(r, S_FW_EVENT) && r->n[S_FW_EVENT] == FW_CREATED &&
	    !counts_any(r))
		return;
	if (!ends_of(r, swap, &conv))
		return;
	if (span != TIME_NONE && span < 0) {
		dec_weird(m->d, WEIRD_NETFLOW_TIME);
		span = TIME_NONE;
	}
	if (first == TIME_NONE)
		first = m->exported;
	inner.conv = &conv;
	if (!dec_event(&inner, KIND_CONN, first, m->seg->record,
	    m->seg->offset))
		return;
	if (span != TIME_NONE)
		event_add_f64(b, FIELD_CONN_DURATION,
		    (double)span / (double)NSEC);
	rate = sampling(m, r);
	add_counts(b, r, rate, swap);
	add_mac(b, swap ? FIELD_DST_MAC : FIELD_SRC_MAC, r, 0);
	add_mac(b, swap ? FIELD_SRC_MAC : FIELD_DST_MAC, r, 1);
	add_rest(m, r, rate);
	event_end(b);
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

static void
read_v5_record(struct cursor *c, struct flowrec *r)
{
	static const struct tfield layout[] = {
		{ 4, S_SRC4 }, { 4, S_DST4 }, { 4, S_NEXT4 }, { 2, S_IN_IF },
		{ 2, S_OUT_IF }, { 4, S_PKTS }, { 4, S_BYTES },
		{ 4, S_UP_FIRST }, { 4, S_UP_LAST }, { 2, S_SPORT },
		{ 2, S_DPORT }, { 1, S_NONE }, { 1, S_TCP_FLAGS },
		{ 1, S_PROTO }, { 1, S_TOS }, { 2, S_SRC_AS },
		{ 2, S_DST_AS }, { 4, S_NONE }	/* masks, padding */
	};

	r->has = 0;
	for (size_t i = 0; i < NITEMS(layout); i++)
		put_field(r, layout[i].slot, cur_take(c, layout[i].len));
}

static void
read_v5(struct dec *d, struct netflow *s, struct msg *m, struct cursor *c)
{
	unsigned count = cur_be16(c);
	size_t want = (size_t)count * V5_RECORD;
	uint32_t number, secs;
	struct flowrec r;

	m->uptime_ms = cur_be32(c);
	m->has_uptime = true;
	secs = cur_be32(c);
	m->exported = (int64_t)secs * NSEC + cur_be32(c);
	number = cur_be32(c);
	m->dom = domain_of(d, s, 5, cur_be16(c));
	/* Two bits say how; some leave them 0 and sample all the same. */
	m->rate = cur_be16(c) & 0x3fff;
	if (m->dom == NULL)
		return;
	if (c->left < want || !all_zero(span_sub(cur_rest(c), want, SIZE_MAX)))
		dec_weird(d, WEIRD_NETFLOW_COUNT);
	for (unsigned i = 0; i < count && c->left >= V5_RECORD; i++) {
		if (!count_record(m))
			break;
		read_v5_record(c, &r);
		flow_record(m, &r);
	}
	sequence(m, number, count, true);
}

static void
read_v9(struct dec *d, struct netflow *s, struct msg *m, struct cursor *c)
{
	unsigned count = cur_be16(c);
	uint32_t number;

	m->uptime_ms = cur_be32(c);
	m->has_uptime = true;
	m->exported = (int64_t)cur_be32(c) * NSEC;
	number = cur_be32(c);
	if ((m->dom = domain_of(d, s, 9, cur_be32(c))) == NULL)
		return;
	read_sets(m, c);
	if (!m->missed && m->ntold != count)
		dec_weird(d, WEIRD_NETFLOW_COUNT);
	sequence(m, number, 1, true);	/* datagrams are counted */
}

static void
read_ipfix(struct dec *d, struct netflow *s, struct msg *m, struct cursor *c)
{
	size_t len = cur_be16(c), here = m->seg->data.len;
	uint32_t number;

	if (len != here)
		dec_weird(d, WEIRD_NETFLOW_BAD);
	m->exported = (int64_t)cur_be32(c) * NSEC;
	number = cur_be32(c);
	if ((m->dom = domain_of(d, s, 10, cur_be32(c))) == NULL)
		return;
	if (len < here)
		c->left -= MIN_OF(here - len, c->left);
	read_sets(m, c);
	sequence(m, number, m->ndata, !m->missed);	/* records are */
}

static void
netflow_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct cursor c = cur_of(seg->data);
	struct msg m = { .d = d, .seg = seg };
	uint16_t version = cur_be16(&c);
	size_t header = version == 5 ? V5_HEADER : version == 9 ? V9_HEADER :
	    version == 10 ? IPFIX_HEADER : SIZE_MAX;

	if (seg->data.len < header) {	/* or no version of ours */
		dec_weird(d, WEIRD_NETFLOW_BAD);
		return;
	}
	if (version == 5)
		read_v5(d, state, &m, &c);
	else if (version == 9)
		read_v9(d, state, &m, &c);
	else
		read_ipfix(d, state, &m, &c);
}

static void
netflow_close(struct dec *d, void *state)
{
	struct netflow *s = state;

	while (s->domains != NULL) {
		struct domain *dom = s->domains;

		s->domains = dom->next;
		templates_del(d, dom, true, true);
		dec_free(d, dom, sizeof(*dom));
	}
	s->ndomains = 0;
}

static const uint8_t netflow_kinds[] = { KIND_CONN, KIND_NONE };

const struct decoder decoder_netflow = {
	.name = "netflow",
	.title = "NetFlow v5, v9 and IPFIX over UDP",
	.doc = "Flow records as conn events of one direction, biflows of both; "
	    "sampling applied. Left: rates of single interfaces, structured "
	    "data, layer 2 flows, TCP and SCTP transport. RFC 3954, RFC 7011, "
	    "RFC 5103.",
	.kinds = netflow_kinds,
	.state_size = sizeof(struct netflow),
	.probe = netflow_probe,
	.dgram = netflow_dgram,
	.close = netflow_close,
};
_Static_assert(sizeof(struct netflow) <= DEC_STATE_MAX, "state of a flow");
