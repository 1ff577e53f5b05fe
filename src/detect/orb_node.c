/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes of operational relay networks, ATT&CK T1584.008: hijacked routers,
 * cameras and rented servers over which intruders come.
 *
 * By what they show: share/orb/networks.txt lists certificates, banners,
 * requests and ports of published networks; names and makes, never addresses,
 * which live for weeks.  A port alone is nothing (7777 is a game's too): it
 * counts with a second one of the same network at the same host.
 * By what they do: an address that answers at a listed or high port (LISTEN)
 * and passes on what comes there: another conversation that begins within
 * START_MAX, ends with it and is of its size, twice or more.  `relay` judges
 * that in general, with more patience; here the odd listener is the second
 * sign.
 * By make: a certificate whose subject is one short word over and over, valid
 * for LONG_YEARS, at a port that is not for TLS.
 *
 * Known false alarms: PolarEdge shows a demonstration certificate of mbedTLS,
 * which developers show too (low); a jump host of one's own at a high port
 * (--tune).  P2P programs have many clients and are left out by that.
 *
 * Cost: a test of a bit a flow, one look into a table for flows to listed and
 * high ports; compares with some 50 rows a TLS handshake.  Bounds: ROWS_MAX
 * rows, NODES_MAX hosts of some 200 bytes, the least used makes room.
 */
#include <stdlib.h>

#include "detect.h"

#define NODES_FILE	"orb/networks.txt"
#define ROWS_MAX	256u
#define ROW_TEXT	128u
#define NETWORKS_MAX	32u
#define NODES_MAX	16384u
#define LISTEN		30000u		/* KV: "a random port over 30000" */
#define START_MAX	(5 * NSEC)
#define CLIENTS_MAX	8u
#define MATCHES		2u
#define LONG_YEARS	25
#define YEAR		(INT64_C(31556952) * NSEC)
#define MIN_BYTES	400u

/* -- the list ------------------------------------------------------------ */

enum what { SUBJECT, SERIAL, CERT_SHA1, CERT_SHA256, DEMO_SHA256, SSH_AT,
	SOCKS_AT, PATH, PORT, WHATS };

static const char *const what_names[WHATS] = {
	"subject", "serial", "cert-sha1", "cert-sha256", "demo-sha256",
	"ssh", "socks", "path", "port"
};

static struct row {
	uint8_t		network, what;
	uint16_t	port;
	char		text[ROW_TEXT];
} rows[ROWS_MAX];
static unsigned nrows, nnetworks;
static char networks[NETWORKS_MAX][32];
static uint8_t listed[65536 / 8];	/* bits: ports of PORT rows */

static bool
network_of(struct span name, uint8_t *n)
{
	for (unsigned i = 0; i < nnetworks; i++)
		if (span_eq(name, span_str(networks[i]))) {
			*n = (uint8_t)i;
			return true;
		}
	if (nnetworks == NETWORKS_MAX || name.len == 0 ||
	    name.len >= sizeof(networks[0]))
		return false;
	set_text(networks[nnetworks], sizeof(networks[0]), name);
	*n = (uint8_t)nnetworks++;
	return true;
}

/* "53282 dropbear": the port, and what is left. */
static bool
take_port(struct row *r, struct span *value)
{
	size_t blank = span_find_byte(*value, ' ');
	uint64_t n;

	if (!span_u64(span_sub(*value, 0, blank), &n) || n == 0 || n > 65535)
		return false;
	r->port = (uint16_t)n;
	*value = blank == SPAN_NPOS ? SPAN_NONE :
	    span_trim(span_sub(*value, blank + 1, SIZE_MAX));
	return true;
}

static bool
take_row(const struct span *col, unsigned n)
{
	struct row *r = &rows[nrows];
	struct span value;

	if (n != 3 || !network_of(col[0], &r->network))
		return false;
	for (r->what = 0; r->what < WHATS; r->what++)
		if (span_eq(col[1], span_str(what_names[r->what])))
			break;
	value = col[2];
	if (r->what == WHATS || value.len == 0 || value.len >= ROW_TEXT)
		return false;
	if ((r->what == SSH_AT || r->what == SOCKS_AT || r->what == PORT) &&
	    !take_port(r, &value))
		return false;
	if (r->what == SOCKS_AT)
		value = col[2];		/* for the sentence */
	if (r->what == PORT)
		listed[r->port / 8] |= (uint8_t)(1u << r->port % 8);
	set_text(r->text, sizeof(r->text), value);
	nrows++;
	return true;
}

static bool
load(const char *share, struct buf *why)
{
	nrows = nnetworks = 0;
	memset(listed, 0, sizeof(listed));
	return share_lines(share, NODES_FILE, "NETWORK | WHAT | VALUE",
	    ROWS_MAX, take_row, why);
}

/* -- single events ------------------------------------------------------- */

static const uint8_t kinds[] = {
	KIND_TLS, KIND_SSH, KIND_HTTP, KIND_SOCKS, KIND_NONE
};

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_DST_PORT, FIELD_TLS_SUBJECT,
	FIELD_TLS_SERIAL, FIELD_TLS_CERT_SHA1, FIELD_TLS_CERT_SHA256,
	FIELD_TLS_NOT_BEFORE, FIELD_TLS_NOT_AFTER, FIELD_TLS_CLIENT_SUBJECT,
	FIELD_TLS_CLIENT_CERT_SHA1, FIELD_TLS_CLIENT_CERT_SHA256,
	FIELD_SSH_SERVER, FIELD_HTTP_PATH, FIELD_HTTP_URI,
	FIELD_SOCKS_METHOD, FIELD_OTHER
};

/* Who shows it: the server, or (client) the one that calls. */
static void
tell(struct detect *d, const struct event *e, bool client, const char *network,
    const char *sign, struct span value, enum severity severity,
    unsigned confidence)
{
	unsigned who = client ? FIELD_SRC_IP : FIELD_DST_IP;
	struct finding f;
	struct arena m;

	arena_init(&m, 64u << 10);
	finding_init(&f, d, e);
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	finding_entity(&f, ENTITY_DST_IP, &m, e, FIELD_DST_IP);
	finding_entity(&f, ENTITY_DST_PORT, &m, e, FIELD_DST_PORT);
	f.entity[ENTITY_HOST] = event_text(&m, e, who);
	f.severity = severity;
	f.confidence = confidence;
	if (f.entity[ENTITY_HOST].len == 0)
		buf_str(&d->text, client ? "A client" : "A server");
	else
		buf_span(&d->text, f.entity[ENTITY_HOST]);
	buf_printf(&d->text, " shows %s ", sign);
	text_clip(&d->text, value, 120);
	buf_printf(&d->text, ", as nodes of %s do", network);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_printf(&d->fold, "|%s|", network);
	if (f.entity[ENTITY_HOST].len == 0)
		buf_span(&d->fold, value);
	finding_raise(&f, d);
	arena_fini(&m);
}

/* The next part of "CN=a, OU=b\, c": up to a bare comma. */
static struct span
next_part(struct span *rest)
{
	size_t i = 0;
	struct span part;

	while (i < rest->len && rest->ptr[i] != ',')
		i += rest->ptr[i] == '\\' ? 2 : 1;
	i = MIN_OF(i, rest->len);
	part = span_trim(span_sub(*rest, 0, i));
	*rest = i == rest->len ? SPAN_NONE : span_sub(*rest, i + 1, SIZE_MAX);
	return part;
}

static bool
has_part(struct span subject, struct span part)
{
	while (subject.len != 0)
		if (span_eq(next_part(&subject), part))
			return true;
	return false;
}

static bool
has_parts(struct span subject, struct span wanted)
{
	while (wanted.len != 0)
		if (!has_part(subject, next_part(&wanted)))
			return false;
	return subject.len != 0;
}

/* Hexadecimal digits only, in lower case: sensors write colons and capitals.
 * Of a list the first. */
static struct span
hex_of(const struct event *e, unsigned field, char out[72])
{
	const struct value *v = event_get(e, field);
	struct span s = SPAN_NONE;
	size_t n = 0;

	if (v != NULL && v->type == VT_LIST && v->len != 0)
		v = v->ptr;
	if (v != NULL && v->type == VT_STR)
		s = span_of(v->ptr, v->len);
	for (size_t i = 0; i < s.len && n < 71; i++) {
		uint8_t c = ascii_lower(s.ptr[i]);

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
			out[n++] = (char)c;
	}
	return span_of(out, n);
}

struct cert {
	struct span	subject, serial, sha1, sha256;
	char		hex[3][72];
};

static bool
cert_is(const struct row *r, const struct cert *c)
{
	struct span want = span_str(r->text);

	switch (r->what) {
	case SUBJECT:
		return has_parts(c->subject, want);
	case SERIAL:
		return span_eq(c->serial, want);
	case CERT_SHA1:
		return span_eq(c->sha1, want);
	case CERT_SHA256: case DEMO_SHA256:
		return span_eq(c->sha256, want);
	default:
		return false;
	}
}

static bool
known_cert(struct detect *d, const struct event *e, const struct cert *c,
    bool client)
{
	for (unsigned i = 0; i < nrows; i++) {
		const struct row *r = &rows[i];
		bool demo = r->what == DEMO_SHA256;

		if (!cert_is(r, c))
			continue;
		tell(d, e, client, networks[r->network], demo ?
		    "the demonstration certificate" : r->what == SUBJECT ?
		    "a certificate with the subject" : "the certificate",
		    r->what == SUBJECT ? c->subject : span_str(r->text),
		    demo ? SEV_LOW : SEV_HIGH, demo ? 30 : 90);
		return true;
	}
	return false;
}

/* CN=a, OU=a, O=a: at least three parts, one short value. */
static bool
is_stutter(struct span subject)
{
	struct span first = SPAN_NONE;
	unsigned n = 0;

	while (subject.len != 0) {
		struct span part = next_part(&subject), value;
		size_t is = span_find_byte(part, '=');

		if (is == SPAN_NPOS)
			return false;
		value = span_sub(part, is + 1, SIZE_MAX);
		if (span_eq(span_sub(part, 0, is), SPAN_LIT("C")))
			continue;	/* two letters by its grammar */
		if (n++ == 0)
			first = value;
		else if (!span_eq(value, first))
			return false;
	}
	return n >= 3 && first.len != 0 && first.len <= 8;
}

static void
on_tls(struct detect *d, const struct event *e)
{
	const struct value *from = event_get(e, FIELD_TLS_NOT_BEFORE);
	const struct value *to = event_get(e, FIELD_TLS_NOT_AFTER);
	struct cert c = { .subject = event_str(e, FIELD_TLS_SUBJECT) };
	uint64_t port = 0;

	c.serial = hex_of(e, FIELD_TLS_SERIAL, c.hex[0]);
	c.sha1 = hex_of(e, FIELD_TLS_CERT_SHA1, c.hex[1]);
	c.sha256 = hex_of(e, FIELD_TLS_CERT_SHA256, c.hex[2]);
	if (known_cert(d, e, &c, false))
		return;
	if (from != NULL && to != NULL && from->type == VT_TIME &&
	    to->type == VT_TIME && is_stutter(c.subject) &&
	    time_diff(to->i64, from->i64) >= LONG_YEARS * YEAR &&
	    (!event_u64(e, FIELD_DST_PORT, &port) || port != 443))
		tell(d, e, false, "relay networks", "a certificate for "
		    "decades with the subject", c.subject, SEV_MEDIUM, 60);
	c = (struct cert){ .subject = event_str(e, FIELD_TLS_CLIENT_SUBJECT) };
	c.sha1 = hex_of(e, FIELD_TLS_CLIENT_CERT_SHA1, c.hex[1]);
	c.sha256 = hex_of(e, FIELD_TLS_CLIENT_CERT_SHA256, c.hex[2]);
	(void)known_cert(d, e, &c, true);
}

static void
orb_event(struct detect *d, const struct event *e)
{
	struct span server, path;
	uint64_t port = 0, method = 0;

	if (e->kind == KIND_TLS) {
		on_tls(d, e);
		return;
	}
	(void)event_u64(e, FIELD_DST_PORT, &port);
	server = e->kind == KIND_SSH ? event_str(e, FIELD_SSH_SERVER) :
	    SPAN_NONE;
	path = e->kind == KIND_HTTP ? http_path(e) : SPAN_NONE;
	for (unsigned i = 0; i < nrows; i++) {
		const struct row *r = &rows[i];
		const char *name = networks[r->network];

		if (r->what == SSH_AT && r->port == port && server.len != 0 &&
		    span_find_nocase(server, span_str(r->text)) != SPAN_NPOS)
			tell(d, e, false, name, "an SSH server at an odd port:",
			    server, SEV_HIGH, 85);
		else if (r->what == SOCKS_AT && e->kind == KIND_SOCKS &&
		    r->port == port &&
		    event_u64(e, FIELD_SOCKS_METHOD, &method) && method == 255)
			tell(d, e, false, name, "a SOCKS server that accepts "
			    "nobody, at port", span_str(r->text), SEV_HIGH,
			    85);
		else if (r->what == PATH && path.len != 0 &&
		    span_eq(path, span_str(r->text)))
			tell(d, e, true, name, "the request", path, SEV_HIGH,
			    85);
	}
}

/* -- listeners ----------------------------------------------------------- */

/* A host that answered at a listed or high port. */
struct node {
	struct addr	client, target;
	int64_t		start, end;	/* of the last that came there */
	uint64_t	up, down;
	uint64_t	clients;	/* bits */
	uint32_t	ports;		/* bits: rows of the network below */
	uint16_t	port, one_port, other_port;
	uint8_t		network, matches;
	bool		told_ports, told_passes, in_home, matched;
	struct evidence	at[4];
};

struct state {
	struct table	*nodes;		/* struct addr */
	uint8_t		 seen[8192];	/* bits: hosts in it, by hash */
};

static bool
orb_init(void *p)
{
	struct state *s = p;

	s->nodes = table_new(sizeof(struct addr), sizeof(struct node),
	    NODES_MAX);
	return s->nodes != NULL;
}

static void
orb_fini(void *p)
{
	table_free(((struct state *)p)->nodes);
}

static uint32_t
bit_of(const struct addr *a)
{
	return (uint32_t)hash_bytes(a->b, sizeof(a->b), 7) & 65535;
}

static bool
is_candidate(const struct flow *f)
{
	return f->proto == 6 && f->src_bytes + f->dst_bytes >= MIN_BYTES &&
	    (f->flags & FLOW_F_ANSWERED) != 0 && f->state != FLOW_REJ &&
	    f->state != FLOW_RSTRH;
}

static void
tell_node(struct detect *d, const struct flow *f, struct node *n,
    const struct addr *host, bool passes)
{
	const char *name = n->ports != 0 ? networks[n->network] :
	    "relay networks";
	struct finding g;
	struct arena m;

	arena_init(&m, 64u << 10);
	finding_init_flow(&g, d, &m, f);
	g.entity[ENTITY_HOST] = addr_text(&m, host);
	buf_span(&d->text, g.entity[ENTITY_HOST]);
	if (passes) {
		buf_printf(&d->text, " answers at port %u and passes what "
		    "comes there on to ", n->port);
		buf_span(&d->text, addr_text(&m, &n->target));
		buf_printf(&d->text, ", as nodes of %s do", name);
		g.time = n->at[0].time;
		g.nevidence = 0;
		g.count = n->matches;
		for (unsigned i = 0; i < NITEMS(n->at); i++)
			g.evidence[g.nevidence++] = n->at[i];
		g.entity[ENTITY_SRC_IP] = addr_text(&m, &n->client);
		g.entity[ENTITY_DST_IP] = addr_text(&m, &n->target);
		g.severity = SEV_HIGH;
		g.confidence = n->ports != 0 ? 85 : 70;
	} else {
		buf_printf(&d->text, " answers at ports %u and %u, as nodes of "
		    "%s do", n->one_port, n->other_port, name);
		g.severity = SEV_MEDIUM;
		g.confidence = 60;
	}
	buf_printf(&d->fold, "%s|", passes ? "passes" : "ports");
	buf_span(&d->fold, g.entity[ENTITY_HOST]);
	finding_raise(&g, d);
	arena_fini(&m);
}

/* Something came to a listed or high port. */
static void
listens(struct detect *d, struct state *s, const struct flow *f)
{
	const struct row *r = NULL;
	uint32_t bit = bit_of(&f->dst), i = 0;
	struct node *n;
	bool made;

	if ((listed[f->dst_port / 8] & 1u << f->dst_port % 8) != 0)
		for (i = 0; i < nrows && r == NULL; i++)
			if (rows[i].what == PORT &&
			    rows[i].port == f->dst_port)
				r = &rows[i];
	/* Inside all programs that call each other have high ports. */
	if (r == NULL && (f->dst_port <= LISTEN ||
	    (f->flags & (FLOW_F_SRC_HOME | FLOW_F_DST_HOME)) ==
	    (FLOW_F_SRC_HOME | FLOW_F_DST_HOME)))
		return;
	if ((f->flags & FLOW_F_ONE_WAY) != 0 && f->src_port < 1024)
		return;		/* an answer, told alone */
	if ((n = table_put(s->nodes, &f->dst, &made)) == NULL)
		return;
	s->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
	if (r != NULL && (n->ports == 0 || n->network == r->network)) {
		n->network = r->network;
		if (n->ports == 0)
			n->one_port = f->dst_port;
		else if (f->dst_port != n->one_port)
			n->other_port = f->dst_port;
		n->ports |= 1u << i % 32;
		if (n->other_port != 0 && !n->told_ports) {
			n->told_ports = true;
			tell_node(d, f, n, &f->dst, false);
		}
	}
	n->clients |= UINT64_C(1) << (bit_of(&f->src) & 63);
	n->client = f->src;
	n->start = f->start;
	n->end = f->end;
	n->up = f->src_bytes;
	n->down = f->dst_bytes;
	n->port = f->dst_port;
	n->in_home = (f->flags & FLOW_F_SRC_HOME) != 0;
	n->matched = false;
	n->at[n->matches == 0 ? 0 : 2] = (struct evidence){ f->loc, f->start };
}

/* b is between 85 and 160 percent of a: padding adds more than is lost. */
static bool
is_alike(uint64_t a, uint64_t b)
{
	return b <= UINT64_MAX / 100 && a <= UINT64_MAX / 160 &&
	    b * 100 >= a * 85 && b * 100 <= a * 160;
}

static void
passes_on(struct detect *d, struct state *s, const struct flow *f)
{
	uint32_t bit = bit_of(&f->src);
	struct node *n;
	int64_t off;

	if ((s->seen[bit / 8] & 1u << bit % 8) == 0 ||
	    (n = table_get(s->nodes, &f->src)) == NULL || n->told_passes ||
	    n->start == 0 || n->matched ||
	    time_diff(f->start, n->start) > START_MAX ||
	    time_diff(f->start, n->start) < 0 ||
	    time_diff(f->end, f->start) < NSEC || addr_eq(&n->client, &f->dst))
		return;
	off = time_diff(f->end, n->end);
	if (off > 2 * NSEC || off < -2 * NSEC ||
	    !is_alike(n->up, f->src_bytes) ||
	    !is_alike(n->down, f->dst_bytes) ||
	    (n->in_home && (f->flags & FLOW_F_DST_HOME) != 0))
		return;
	n->matched = true;
	n->target = f->dst;
	n->at[n->matches == 0 ? 1 : 3] = (struct evidence){ f->loc, f->start };
	n->matches += n->matches != UINT8_MAX;
	if (n->matches < MATCHES ||
	    (unsigned)__builtin_popcountll(n->clients) > CLIENTS_MAX)
		return;
	n->told_passes = true;
	tell_node(d, f, n, &f->src, true);
}

static void
orb_flow(struct detect *d, void *p, const struct flow *f)
{
	if (!is_candidate(f))
		return;
	passes_on(d, p, f);
	if (f->dst_port > 1024)
		listens(d, p, f);
}

static void
orb_end(struct detect *d, void *p)
{
	if (table_evicted(((struct state *)p)->nodes) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

static void
orb_save(const void *p, struct buf *b)
{
	table_save(((const struct state *)p)->nodes, b);
}

static bool
orb_restore(void *p, struct cursor *c)
{
	struct state *s = p;
	uint32_t it = 0;
	const void *key;
	void *value;

	if (!table_restore(s->nodes, c))
		return false;
	while (table_next(s->nodes, &it, &key, &value)) {
		struct node *n = value;
		uint32_t bit = bit_of(key);

		/* Places of another run, and a list that may be another. */
		n->matches = 0;
		n->ports = 0;
		n->network = 0;
		n->start = 0;
		n->one_port = n->other_port = 0;
		s->seen[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	return true;
}

const struct detector detector_orb_node = {
	.name = "orb-node",
	.title = "Node of a relay network",
	.doc = "A host shows a certificate, banner, request or set of ports "
	    "that nodes of a published relay network have "
	    "(share/orb/networks.txt), or answers at an odd port and passes "
	    "on what comes there. False alarms: developers with mbedTLS's "
	    "demonstration certificate (low); a jump host of one's own at a "
	    "high port: --tune.",
	.attack = "T1584.008 T1090.003",
	.advice = "If the host is yours: keep its memory and configuration, "
	    "then replace or reset the device and close its management to "
	    "the outside. If not: look for sign-ins and transfers from this "
	    "address.",
	.severity = SEV_HIGH,
	.confidence = 85,
	.kinds = kinds,
	.fields = fields,
	.event = orb_event,
	.load = load,
	.state_size = sizeof(struct state),
	.init = orb_init,
	.flow = orb_flow,
	.end = orb_end,
	.fini = orb_fini,
	.state_version = 1,
	.save = orb_save,
	.restore = orb_restore,
};
