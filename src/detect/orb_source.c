/* SPDX-License-Identifier: Apache-2.0
 *
 * What a relay network looks like at its victim, ATT&CK T1110.003 and
 * T1584.008: sign-ins from many addresses that take turns, each with a few
 * tries, each at several accounts, each account tried once or twice a day
 * (Quad7 / CovertNetwork-1658: at most one try an account in 24 hours), and
 * probes that are known by their make.
 *
 * Sign-ins that were refused, from addresses that are not at home: Kerberos
 * AS, auth logs, Windows 4625, 4768 and 4771, HTTP 401 and 403.  For each
 * server and kind of sign-in WINDOW is looked at: at least SOURCES addresses of
 * NETS networks (/24, IPv6 /48), at most TRIES_EACH tries an address and
 * TRIES_ACCOUNT an account, and addresses that tried several accounts, which
 * people at home who mistype do not.  share/orb/sources.txt lists parts of
 * user agents and source ports of scans of published networks.
 *
 * Known false alarms: the noise of bots at an SSH server that the world can
 * reach does the same with names that do not exist; it is told as low.  Many
 * people behind few providers' address translations (a conference).
 * An identity provider's own log has no source but itself.
 *
 * Cost: a few compares a sign-in; flows are looked at by source port only.
 * Bounds: SERVERS_MAX servers of some 30 KB (TRIES_MAX tries each, the oldest
 * make room), PROBERS_MAX probers.
 */
#include <stdlib.h>

#include "detect.h"

#define SOURCES_FILE	"orb/sources.txt"
#define ROWS_MAX	64u
#define ROW_TEXT	128u
#define WINDOW		(24 * 3600 * NSEC)
#define SOURCES		15u
#define NETS		12u
#define SHARING		4u	/* with several accounts; a quarter of all */
#define TRIES_EACH	12u	/* an address, on average, in WINDOW */
#define TRIES_ACCOUNT	3u	/* an account, on average */
#define AGENT_SOURCES	8u	/* with a user agent of the list */
#define TRIES_MAX	1024u
#define SERVERS_MAX	256u
#define PROBERS_MAX	4096u
#define PROBED		5u	/* hosts by a scan of known make */

/* -- the list ------------------------------------------------------------ */

static struct row {
	char		network[32], text[ROW_TEXT];
	uint16_t	port;		/* 0: a user agent */
} rows[ROWS_MAX];
static unsigned nrows;

static bool
take_row(const struct span *col, unsigned n)
{
	struct row *r = &rows[nrows];
	uint64_t port = 0;

	if (n != 3 || col[0].len == 0 ||
	    col[0].len >= sizeof(r->network) || col[2].len == 0 ||
	    col[2].len >= sizeof(r->text))
		return false;
	if (span_eq(col[1], SPAN_LIT("syn-port"))) {
		if (!span_u64(col[2], &port) || port == 0 || port > 65535)
			return false;
	} else if (!span_eq(col[1], SPAN_LIT("sign-in"))) {
		return false;
	}
	r->port = (uint16_t)port;
	set_text(r->network, sizeof(r->network), col[0]);
	set_text(r->text, sizeof(r->text), col[2]);
	nrows++;
	return true;
}

static bool
load(const char *share, struct buf *why)
{
	nrows = 0;
	return share_lines(share, SOURCES_FILE, "NETWORK | WHAT | VALUE",
	    ROWS_MAX, take_row, why);
}

/* -- sign-ins ------------------------------------------------------------ */

static const uint8_t kinds[] = {
	KIND_KRB5, KIND_AUTH, KIND_WINEVENT, KIND_HTTP, KIND_NONE
};

static const uint16_t fields[] = {
	SIGN_IN_FIELDS, FIELD_HTTP_USER_AGENT, FIELD_OTHER
};

/* A refused sign-in from outside. */
struct refused {
	struct sign_in	in;
	struct addr	src;
	const char	*kind;		/* who tells of it */
	const char	*network;	/* of the user agent; NULL */
};

static const char *
agent_network(struct span agent)
{
	for (unsigned i = 0; i < nrows; i++)
		if (rows[i].port == 0 && span_find(agent,
		    span_str(rows[i].text)) != SPAN_NPOS)
			return rows[i].network;
	return NULL;
}

static const char *
kind_of(const struct event *e)
{
	switch (e->kind) {
	case KIND_KRB5:
		return "Kerberos";
	case KIND_AUTH:
		return "log";
	case KIND_WINEVENT:
		return "Windows";
	default:
		return "web";
	}
}

static bool
refused_of(const struct detect *d, struct arena *m, const struct event *e,
    struct refused *r)
{
	if (!sign_in_of(m, e, &r->in) || r->in.result != SIGN_REFUSED ||
	    !addr_parse(client_name(r->in.src), &r->src))
		return false;
	r->kind = kind_of(e);
	r->network = e->kind == KIND_HTTP ? agent_network(event_str(e,
	    FIELD_HTTP_USER_AGENT)) : NULL;
	return !addr_is_private(&r->src) && !addr_is_home(d->home, &r->src);
}

static void
orb_event(struct detect *d, const struct event *e)
{
	struct arena m;
	struct refused r;

	if (e->time == TIME_NONE)
		return;
	arena_init(&m, 64u << 10);
	if (refused_of(d, &m, e, &r))
		d->keep(d, e);
	arena_fini(&m);
}

/* -- in order ------------------------------------------------------------ */

struct try {
	int64_t		time;
	uint64_t	src, net, user;	/* hashes; user 0: not told */
	struct addr	from;
	struct locator	loc;
	const char	*network;
	bool		no_account;
};

struct server {
	struct try	ring[TRIES_MAX];
	uint32_t	n;		/* ever; the newest are there */
	struct finding	f;
	bool		found;
	uint32_t	most_sources, most_users;
	bool		some_account;
	char		name[128], src[64];
	const char	*kind, *network;
};

struct prober {
	uint64_t	targets;	/* bits */
	uint32_t	n;
	bool		told;
};

struct state {
	struct table	*servers;	/* uint64_t: index */
	struct table	*probers;	/* struct addr */
	struct server	*server[SERVERS_MAX];
	uint32_t	 n;
	bool		 full;
};

static bool
orb_init(void *p)
{
	struct state *s = p;

	s->servers = table_new(sizeof(uint64_t), sizeof(uint32_t),
	    SERVERS_MAX);
	s->probers = table_new(sizeof(struct addr), sizeof(struct prober),
	    PROBERS_MAX);
	return s->servers != NULL && s->probers != NULL;
}

static void
orb_fini(void *p)
{
	struct state *s = p;

	for (uint32_t i = 0; i < s->n; i++)
		free(s->server[i]);
	table_free(s->servers);
	table_free(s->probers);
}

static struct server *
server_of(struct detect *d, struct state *s, const struct refused *r)
{
	const struct span name = r->in.server;
	uint64_t key = hash_bytes(name.ptr, name.len,
	    hash_bytes(r->kind, strlen(r->kind), 1));
	uint32_t *index = table_get(s->servers, &key);
	struct server *v;
	bool made;

	if (index != NULL)
		return s->server[*index];
	if (s->n == SERVERS_MAX) {
		s->full = true;
		return NULL;
	}
	if ((v = calloc(1, sizeof(*v))) == NULL)
		return NULL;
	if ((index = table_put(s->servers, &key, &made)) == NULL) {
		free(v);
		return NULL;
	}
	*index = s->n;
	s->server[s->n++] = v;
	v->kind = r->kind;
	finding_init(&v->f, d, NULL);
	v->f.count = 0;
	set_text(v->name, sizeof(v->name), name);
	return v;
}

struct counted {
	uint32_t	tries, sources, nets, users, sharing, agents, known;
	const char	*network;
};

static int
by_source(const void *a, const void *b)
{
	const struct try *x = *(const struct try *const *)a;
	const struct try *y = *(const struct try *const *)b;

	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	return x->user < y->user ? -1 : x->user > y->user;
}

static int
by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t
distinct(uint64_t *h, uint32_t n)
{
	uint32_t some = 0;

	qsort(h, n, sizeof(*h), by_hash);
	for (uint32_t i = 0; i < n; i++)
		some += h[i] != 0 && (i == 0 || h[i] != h[i - 1]);
	return some;
}

/* The tries of the window that ends now. */
static struct counted
count(const struct server *v, int64_t now)
{
	static const struct try *t[TRIES_MAX];
	static uint64_t h[TRIES_MAX];
	struct counted c = { 0 };
	uint32_t n = MIN_OF(v->n, TRIES_MAX);

	for (uint32_t i = 0; i < n; i++)
		if (time_diff(now, v->ring[i].time) <= WINDOW)
			t[c.tries++] = &v->ring[i];
	qsort(t, c.tries, sizeof(t[0]), by_source);
	for (uint32_t i = 0, users = 0; i < c.tries; i++) {
		bool same = i != 0 && t[i]->src == t[i - 1]->src;

		c.sources += !same;
		c.agents += !same && t[i]->network != NULL;
		if (t[i]->network != NULL)
			c.network = t[i]->network;
		c.known += !t[i]->no_account;
		users = same ? users + (t[i]->user != t[i - 1]->user) : 1;
		c.sharing += users == 2 && same &&
		    t[i]->user != t[i - 1]->user;
	}
	for (uint32_t i = 0; i < c.tries; i++)
		h[i] = t[i]->net;
	c.nets = distinct(h, c.tries);
	for (uint32_t i = 0; i < c.tries; i++)
		h[i] = t[i]->user;
	c.users = distinct(h, c.tries);
	return c;
}

static bool
is_spray(const struct counted *c)
{
	if (c->agents >= AGENT_SOURCES && c->nets >= AGENT_SOURCES)
		return true;
	return c->sources >= SOURCES && c->nets >= NETS &&
	    c->tries <= c->sources * TRIES_EACH && c->sharing >= SHARING &&
	    c->sharing * 4 >= c->sources &&
	    c->tries <= c->users * TRIES_ACCOUNT;
}

static void
take_try(struct server *v, const struct event *e, const struct refused *r)
{
	struct try *t = &v->ring[v->n++ % TRIES_MAX];

	*t = (struct try){ .time = e->time, .from = r->src, .loc = e->loc,
	    .user = sign_in_user(r->in.user), .network = r->network,
	    .no_account = r->in.no_account };
	t->src = hash_bytes(r->src.b, 16, 1);
	t->net = hash_bytes(r->src.b, addr_is_v4(&r->src) ? 15 : 6, 1) | 1;
}

static void
orb_note(struct detect *d, void *p, const struct event *e)
{
	struct refused r;
	struct counted c;
	struct server *v;
	struct arena m;
	struct buf b;

	arena_init(&m, 64u << 10);
	if (!refused_of(d, &m, e, &r) ||
	    (v = server_of(d, p, &r)) == NULL) {
		arena_fini(&m);
		return;
	}
	take_try(v, e, &r);
	arena_fini(&m);
	/* Counting costs: not at every try. */
	if (v->n % 8 != 0)
		return;
	c = count(v, e->time);
	if (!is_spray(&c))
		return;
	if (!v->found || c.sources > v->most_sources) {
		v->most_sources = c.sources;
		v->most_users = c.users;
	}
	v->some_account |= c.known * 2 >= c.tries;
	v->network = c.network;
	if (!v->found) {
		buf_init(&b, 64);
		text_addr(&b, &v->ring[(v->n - 1) % TRIES_MAX].from);
		set_text(v->src, sizeof(v->src), buf_view(&b));
		buf_fini(&b);
		for (uint32_t i = 0; i < MIN_OF(v->n, 8u); i++)
			finding_evidence(&v->f, &v->ring[i].loc,
			    v->ring[i].time);
		v->f.time = v->ring[0].time;
		v->f.count = MIN_OF(v->n, TRIES_MAX) - 8;
	}
	v->found = true;
	v->f.last_time = e->time;
	v->f.count += 8;
}

static void
tell_server(struct detect *d, struct server *v)
{
	struct finding *f = &v->f;
	bool noise = !v->some_account && v->network == NULL;

	buf_reset(&d->text);
	buf_reset(&d->fold);
	buf_printf(&d->text, "%u addresses took turns at signing in to ",
	    v->most_sources);
	text_server(&d->text, span_str(v->name));
	buf_printf(&d->text, " (%s) within a day", v->kind);
	if (v->most_users != 0)
		buf_printf(&d->text, ", at %u accounts, few tries each",
		    v->most_users);
	if (v->network != NULL)
		buf_printf(&d->text, ", with the user agent of %s",
		    v->network);
	else
		buf_str(&d->text, ", as nodes of a relay network do");
	if (noise)
		buf_str(&d->text, "; mostly names that do not exist: it may "
		    "be the noise of the Internet");
	f->severity = noise ? SEV_LOW : SEV_HIGH;
	f->confidence = noise ? 40 : 80;
	f->entity[ENTITY_HOST] = span_str(v->name);
	f->entity[ENTITY_DST_IP] = span_str(v->name);
	f->entity[ENTITY_SRC_IP] = span_str(v->src);
	buf_printf(&d->fold, "%s|%s", v->name, v->kind);
	finding_raise(f, d);
}

/* -- probes -------------------------------------------------------------- */

static const struct row *
probe_row(const struct flow *f)
{
	if (f->proto != 6 || f->src_bytes != 0 ||
	    (f->state != FLOW_S0 && f->state != FLOW_REJ &&
	    f->state != FLOW_RSTO && f->state != FLOW_RSTOS0 &&
	    f->state != FLOW_SH && f->state != FLOW_STATE_NONE))
		return NULL;
	for (unsigned i = 0; i < nrows; i++)
		if (rows[i].port != 0 && rows[i].port == f->src_port)
			return &rows[i];
	return NULL;
}

static void
orb_flow(struct detect *d, void *p, const struct flow *f)
{
	struct state *s = p;
	const struct row *r;
	struct prober *b;
	struct finding g;
	struct arena m;
	bool made;

	if ((r = probe_row(f)) == NULL ||
	    (b = table_put(s->probers, &f->src, &made)) == NULL)
		return;
	b->targets |= host_bit(&f->dst);
	b->n++;
	if (b->told || host_count(b->targets) < PROBED)
		return;
	b->told = true;
	arena_init(&m, 64u << 10);
	finding_init_flow(&g, d, &m, f);
	g.rule = "orb-source-probe";
	g.title = "Scan from a node of a relay network";
	g.attack = "T1595 T1584.008";
	g.severity = SEV_MEDIUM;
	g.confidence = 70;
	buf_span(&d->text, g.entity[ENTITY_SRC_IP]);
	buf_printf(&d->text, " asks one host after the other from port %u "
	    "without saying anything, as nodes of %s scan", f->src_port,
	    r->network);
	buf_str(&d->fold, "probe|");
	buf_span(&d->fold, g.entity[ENTITY_SRC_IP]);
	finding_raise(&g, d);
	arena_fini(&m);
}

static void
orb_end(struct detect *d, void *p)
{
	struct state *s = p;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->server[i]->found)
			tell_server(d, s->server[i]);
	if (s->full || table_evicted(s->probers) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

const struct detector detector_orb_source = {
	.name = "orb-source",
	.title = "Sign-ins from a relay network",
	.doc = "Many addresses of many networks take turns at one server, each "
	    "with a few refused sign-ins at several accounts, each account "
	    "tried once or twice a day; or scans and user agents of "
	    "published networks (share/orb/sources.txt). False alarms: the "
	    "noise of bots at a server that the world reaches, told as low "
	    "when the names do not exist.",
	.attack = "T1110.003 T1584.008",
	.advice = "Look for an accepted sign-in of these accounts from "
	    "addresses never seen before; blocking single addresses does "
	    "not help, second factors and lock-out by account do.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event_ids = sign_in_event_ids,
	.event = orb_event,
	.load = load,
	.state_size = sizeof(struct state),
	.init = orb_init,
	.note = orb_note,
	.flow = orb_flow,
	.end = orb_end,
	.fini = orb_fini,
};
