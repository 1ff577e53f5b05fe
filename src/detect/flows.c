/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations for detectors of behaviour, and what hosts show of themselves
 * in them.
 *
 * Bounds: HOSTS_MAX hosts of some 80 bytes.
 */
#include <stdlib.h>

#include "detect.h"

const uint16_t flow_fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_SRC_PORT, FIELD_DST_PORT,
	FIELD_PROTO, FIELD_CONN_DURATION, FIELD_CONN_SERVICE,
	FIELD_CONN_STATE, FIELD_SRC_BYTES, FIELD_DST_BYTES, FIELD_SRC_PKTS,
	FIELD_DST_PKTS, FIELD_SRC_IP_BYTES, FIELD_DST_IP_BYTES, FIELD_OTHER
};

/* -- from events --------------------------------------------------------- */

/* What picket, Zeek and Suricata call it. */
static const struct {
	const char	*name;
	uint8_t		 service;
} services[] = {
	{ "dns", FLOW_DNS }, { "http", FLOW_HTTP }, { "http2", FLOW_HTTP },
	{ "tls", FLOW_TLS }, { "ssl", FLOW_TLS }, { "quic", FLOW_QUIC },
	{ "ssh", FLOW_SSH }, { "smb", FLOW_SMB }, { "krb5", FLOW_KRB5 },
	{ "krb", FLOW_KRB5 }, { "krb_tcp", FLOW_KRB5 }, { "ldap", FLOW_LDAP },
	{ "ldap_tcp", FLOW_LDAP }, { "ldap_udp", FLOW_LDAP },
	{ "rdp", FLOW_RDP }, { "socks", FLOW_SOCKS }, { "ftp", FLOW_FTP },
	{ "ftp-data", FLOW_FTP }, { "smtp", FLOW_SMTP },
	{ "telnet", FLOW_TELNET }, { "snmp", FLOW_SNMP }, { "ntp", FLOW_NTP },
	{ "dhcp", FLOW_DHCP }, { "dce_rpc", FLOW_DCERPC },
	{ "dcerpc", FLOW_DCERPC }, { "ssf", FLOW_SSF }
};

/* Zeek lists several, outermost not always first: "gssapi,smb,ntlm". */
static uint8_t
service_of(struct span s)
{
	uint8_t best = s.len == 0 ? FLOW_SERVICE_NONE : FLOW_SERVICE_OTHER;

	while (s.len != 0) {
		size_t cut = span_find_byte(s, ',');
		struct span one = span_sub(s, 0, cut);

		for (size_t i = 0; i < NITEMS(services); i++)
			if (span_eq(one, span_str(services[i].name)))
				return services[i].service;
		s = cut == SPAN_NPOS ? SPAN_NONE : span_sub(s, cut + 1,
		    SIZE_MAX);
	}
	return best;
}

static uint8_t
state_of(struct span s)
{
	static const char *const names[] = {
		"S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR",
		"RSTOS0", "RSTRH", "SH", "SHR", "OTH"
	};

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_eq(s, span_str(names[i])))
			return (uint8_t)i;
	return FLOW_STATE_NONE;
}

static uint8_t
proto_of(struct span s)
{
	uint64_t n;

	if (span_eq(s, SPAN_LIT("tcp")))
		return 6;
	if (span_eq(s, SPAN_LIT("udp")))
		return 17;
	if (span_eq(s, SPAN_LIT("icmp")))
		return 1;
	if (span_eq(s, SPAN_LIT("icmp6")))
		return 58;
	if (span_eq(s, SPAN_LIT("sctp")))
		return 132;
	return span_u64(s, &n) && n < 256 ? (uint8_t)n : 0;
}

static bool
take_addr(struct addr *a, const struct value *v)
{
	if (v->type == VT_ADDR && v->len == 4)
		*a = addr_v4(v->ptr);
	else if (v->type == VT_ADDR && v->len == 16)
		*a = addr_v6(v->ptr);
	else
		return v->type == VT_STR &&
		    addr_parse(span_of(v->ptr, v->len), a);
	return true;
}

/* A duration of more than this is a broken clock. */
#define DURATION_MAX	(INT64_C(10) * 366 * 86400)	/* seconds */

struct reading {
	struct flow	*f;
	double		 seconds;
	uint64_t	 ip_bytes[2];
	unsigned	 have;		/* HAVE_ */
};
#define HAVE_SRC	0x01u
#define HAVE_DST	0x02u
#define HAVE_SRC_BYTES	0x04u
#define HAVE_DST_BYTES	0x08u
#define HAVE_ANSWER	0x10u	/* something is said of the other way */

static struct span
text_of(const struct value *v)
{
	return v->type == VT_STR ? span_of(v->ptr, v->len) : SPAN_NONE;
}

static void
take_number(struct reading *r, unsigned id, uint64_t n)
{
	struct flow *f = r->f;

	switch (id) {
	case FIELD_SRC_PORT:
		f->src_port = (uint16_t)n;
		break;
	case FIELD_DST_PORT:
		f->dst_port = (uint16_t)n;
		break;
	case FIELD_SRC_BYTES:
		f->src_bytes = n;
		r->have |= HAVE_SRC_BYTES;
		break;
	case FIELD_DST_BYTES:
		f->dst_bytes = n;
		r->have |= HAVE_DST_BYTES | HAVE_ANSWER;
		break;
	case FIELD_SRC_PKTS:
		f->src_pkts = n;
		break;
	case FIELD_DST_PKTS:
		f->dst_pkts = n;
		r->have |= HAVE_ANSWER;
		break;
	case FIELD_SRC_IP_BYTES:
		r->ip_bytes[0] = n;
		break;
	case FIELD_DST_IP_BYTES:
		r->ip_bytes[1] = n;
		r->have |= HAVE_ANSWER;
		break;
	default:
		break;
	}
}

static void
take_value(struct reading *r, const struct value *v)
{
	struct flow *f = r->f;
	uint64_t n;

	switch (v->id) {
	case FIELD_SRC_IP:
		r->have |= take_addr(&f->src, v) ? HAVE_SRC : 0;
		break;
	case FIELD_DST_IP:
		r->have |= take_addr(&f->dst, v) ? HAVE_DST : 0;
		break;
	case FIELD_PROTO:
		f->proto = proto_of(text_of(v));
		break;
	case FIELD_CONN_SERVICE:
		f->service = service_of(text_of(v));
		break;
	case FIELD_CONN_STATE:
		f->state = state_of(text_of(v));
		break;
	case FIELD_CONN_DURATION:
		if (v->type == VT_F64)
			r->seconds = v->f64;
		else if (value_u64(v, &n))
			r->seconds = (double)n;
		break;
	default:
		if (value_u64(v, &n))
			take_number(r, v->id, n);
		break;
	}
}

bool
addr_is_home(const struct nets *home, const struct addr *a)
{
	return home == NULL ? addr_is_private(a) : nets_has(home, a);
}

static void
finish(struct reading *r, const struct nets *home)
{
	struct flow *f = r->f;

	f->end = f->start;
	if (r->seconds > 0 && r->seconds < (double)DURATION_MAX &&
	    f->start < INT64_MAX - (DURATION_MAX + 1) * NSEC)
		f->end += (int64_t)(r->seconds * 1e9);
	if ((r->have & HAVE_SRC_BYTES) == 0 &&
	    (r->have & HAVE_DST_BYTES) == 0) {
		f->src_bytes = r->ip_bytes[0];
		f->dst_bytes = r->ip_bytes[1];
		f->flags |= FLOW_F_IP_BYTES;
	}
	if ((r->have & HAVE_ANSWER) == 0)
		f->flags |= FLOW_F_ONE_WAY;
	if (f->dst_pkts != 0 || f->dst_bytes != 0)
		f->flags |= FLOW_F_ANSWERED;
	if (addr_is_home(home, &f->src))
		f->flags |= FLOW_F_SRC_HOME;
	if (addr_is_home(home, &f->dst))
		f->flags |= FLOW_F_DST_HOME;
}

bool
flow_of_event(struct flow *f, const struct event *e, const struct nets *home)
{
	struct reading r = { .f = f };

	if (e->time == TIME_NONE)
		return false;
	memset(f, 0, sizeof(*f));
	f->start = e->time;
	f->state = FLOW_STATE_NONE;
	f->loc = e->loc;
	for (unsigned i = 0; i < e->nfields; i++)
		take_value(&r, &e->fields[i].v);
	if ((r.have & (HAVE_SRC | HAVE_DST)) != (HAVE_SRC | HAVE_DST))
		return false;
	finish(&r, home);
	return true;
}

bool
flow_is_answer(const struct flow *f)
{
	return f->src_port < f->dst_port &&
	    (f->src_port < 1024 || f->dst_port >= 32768);
}

enum flow_service
flow_port_service(uint8_t proto, uint16_t port)
{
	switch (port) {
	case 21:
		return FLOW_FTP;
	case 22:
		return FLOW_SSH;
	case 23:
		return FLOW_TELNET;
	case 25: case 465: case 587:
		return FLOW_SMTP;
	case 53:
		return FLOW_DNS;
	case 67:
		return FLOW_DHCP;
	case 80: case 8080:
		return FLOW_HTTP;
	case 88:
		return FLOW_KRB5;
	case 123:
		return proto == 17 ? FLOW_NTP : FLOW_SERVICE_OTHER;
	case 135:
		return FLOW_DCERPC;
	case 161:
		return FLOW_SNMP;
	case 389: case 636: case 3268: case 3269:
		return FLOW_LDAP;
	case 443: case 8443:
		return proto == 17 ? FLOW_QUIC : FLOW_TLS;
	case 445:
		return FLOW_SMB;
	case 1080:
		return FLOW_SOCKS;
	case 3389:
		return FLOW_RDP;
	default:
		return FLOW_SERVICE_OTHER;
	}
}

/* -- findings ------------------------------------------------------------ */

struct span
addr_text(struct arena *m, const struct addr *a)
{
	struct buf b;
	struct span s;

	buf_init(&b, 64);
	text_addr(&b, a);
	s = arena_copy(m, buf_view(&b));
	buf_fini(&b);
	return s;
}

void
finding_init_flow(struct finding *f, struct detect *d, struct arena *m,
    const struct flow *flow)
{
	const struct event at = { .kind = KIND_CONN, .time = flow->start,
	    .loc = flow->loc };

	finding_init(f, d, &at);
	f->last_time = flow->end;
	f->entity[ENTITY_SRC_IP] = addr_text(m, &flow->src);
	f->entity[ENTITY_DST_IP] = addr_text(m, &flow->dst);
}

/* -- hosts --------------------------------------------------------------- */

struct hosts {
	struct table	*seen;		/* struct addr: struct host_seen */
};

struct hosts *
hosts_new(uint32_t cap)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->seen = table_new(sizeof(struct addr), sizeof(struct host_seen),
	    cap);
	if (h->seen == NULL) {
		free(h);
		return NULL;
	}
	return h;
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	table_free(h->seen);
	free(h);
}

uint64_t
host_bit(const struct addr *a)
{
	return UINT64_C(1) << (hash_bytes(a->b, sizeof(a->b), 7) & 63);
}

static struct host_seen *
see(struct hosts *h, const struct addr *a, const struct flow *f)
{
	bool made;
	struct host_seen *s = table_put(h->seen, a, &made);

	if (s == NULL)
		return NULL;
	if (made)
		s->first = s->last = f->start;
	s->last = MAX_OF(s->last, f->end);
	return s;
}

void
hosts_flow(struct hosts *h, const struct flow *f)
{
	enum flow_service service = f->service != FLOW_SERVICE_NONE ?
	    (enum flow_service)f->service :
	    flow_port_service(f->proto, f->dst_port);
	struct host_seen *s;

	if ((s = see(h, &f->src, f)) != NULL) {
		s->flows_out += s->flows_out != UINT32_MAX;
		if ((f->flags & FLOW_F_ANSWERED) != 0)
			s->servers |= host_bit(&f->dst);
	}
	if ((s = see(h, &f->dst, f)) == NULL)
		return;
	s->flows_in += s->flows_in != UINT32_MAX;
	if ((f->flags & FLOW_F_ANSWERED) != 0 && f->dst_bytes != 0) {
		s->served |= s->served_once & UINT32_C(1) << service;
		s->served_once |= UINT32_C(1) << service;
		s->clients |= host_bit(&f->src);
	}
}

void
hosts_save(const struct hosts *h, struct buf *b)
{
	table_save(h->seen, b);
}

bool
hosts_restore(struct hosts *h, struct cursor *c)
{
	return table_restore(h->seen, c);
}

const struct host_seen *
detect_host(const struct detect *d, const struct addr *a)
{
	return d->hosts == NULL ? NULL : table_find(d->hosts->seen, a);
}

/* Linear counting (Whang and others 1990): -m ln(empty / m), m = 64. */
unsigned
host_count(uint64_t bits)
{
	static const uint16_t by_set[65] = {
		0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18, 20,
		21, 23, 24, 25, 27, 28, 30, 32, 33, 35, 37, 39, 40, 42, 44, 46,
		48, 51, 53, 55, 58, 60, 63, 65, 68, 71, 74, 78, 81, 85, 89, 93,
		97, 102, 107, 113, 119, 126, 133, 142, 151, 163, 177, 196, 222,
		266, 300	/* full: more than can be told */
	};

	return by_set[__builtin_popcountll(bits)];
}
