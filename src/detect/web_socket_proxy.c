/* SPDX-License-Identifier: Apache-2.0
 *
 * A proxy in a WebSocket, ATT&CK T1090 and T1505.003.
 *
 * Behaviour: what a WebSocket carries is SSH, SOCKS, TLS, SMB or a CONNECT of
 * its own; told from one event.  Or, in order: while a WebSocket of binary
 * messages is open, its server begins to talk to FAN_SERVERS other servers of
 * the house on ports of administration, files and data bases, which it does at
 * no other time; or the WebSocket is open for LONG, both directions are bulk
 * and alike, and its client loaded no page of that server before.  (The proxy
 * of wsMemShell, a Tomcat endpoint in memory, looks like all of these.)
 *
 * Known false alarms: SSH and remote desktops that are offered through the
 * browser on purpose (Guacamole, noVNC, cloudflared): those servers have many
 * clients, and pages go before.  A WebSocket in TLS is not seen.
 *
 * Cost: some compares an event; a table look-up or two a conversation.
 * Bounds: PAIRS_MAX, HABITS_MAX, SERVERS_MAX, WATCHES_MAX a server.
 */
#include "detect.h"

#define FAN_SERVERS	3u
#define LONG		(600 * NSEC)
#define QUIET		(300 * NSEC)	/* open so long after the last packet
					 * when no end was seen */
#define BULK_BYTES	65536u
#define ALIKE		10u		/* one direction at most so many times
					 * the other */
#define CLIENTS_MANY	3u		/* so many: it is an application */
#define PAIRS_MAX	65536u
#define HABITS_MAX	65536u
#define SERVERS_MAX	4096u
#define WATCHES_MAX	8u		/* of one server at once */

static const uint8_t kinds[] = { KIND_WEBSOCKET, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_SRC_PORT, FIELD_DST_IP, FIELD_DST_PORT,
	FIELD_WS_CLIENT_BYTES, FIELD_WS_SERVER_BYTES, FIELD_WS_TEXT,
	FIELD_WS_BINARY, FIELD_WS_DURATION, FIELD_WS_INNER, FIELD_WS_TARGET,
	FIELD_OTHER
};

/* -- what is inside ------------------------------------------------------ */

/* How sure, by what is inside; 0: says nothing. */
static unsigned
weight_of(const struct event *e)
{
	struct span in = event_str(e, FIELD_WS_INNER);

	if (event_str(e, FIELD_WS_TARGET).len != 0)
		return 90;
	if (span_eq(in, SPAN_LIT("ssh")) || span_eq(in, SPAN_LIT("socks")) ||
	    span_eq(in, SPAN_LIT("smb")))
		return 85;
	return span_eq(in, SPAN_LIT("tls")) ? 60 : 0;
}

static void
tell_inner(struct detect *d, const struct event *e, unsigned weight)
{
	struct span in = event_str(e, FIELD_WS_INNER);
	struct span target = event_str(e, FIELD_WS_TARGET);
	struct finding f;
	struct arena m;

	arena_init(&m, 64u << 10);
	finding_init(&f, d, e);
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	finding_entity(&f, ENTITY_DST_IP, &m, e, FIELD_DST_IP);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP];
	f.confidence = weight;
	if (weight < 80)
		f.severity = SEV_MEDIUM;
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " runs ");
	text_clip(&d->text, target.len != 0 ? SPAN_LIT("a proxy") : in, 16);
	buf_str(&d->text, " inside a WebSocket of ");
	text_server(&d->text, f.entity[ENTITY_HOST]);
	if (target.len != 0) {
		buf_str(&d->text, ", to ");
		text_clip(&d->text, target, 80);
	}
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
web_socket_proxy_event(struct detect *d, const struct event *e)
{
	unsigned weight = weight_of(e);
	uint64_t text = 0, binary = 0;

	if (weight != 0) {
		tell_inner(d, e, weight);
		return;
	}
	event_u64(e, FIELD_WS_TEXT, &text);
	event_u64(e, FIELD_WS_BINARY, &binary);
	if (binary > text)
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

struct pair_key {
	struct addr	client, server;
};
/* Web conversations of one client with one server. */
struct pair {
	int64_t		end;		/* of the newest */
	uint32_t	n;
	uint16_t	port;		/* the client's, of the newest */
};

struct habit_key {
	struct addr	src, dst;
	uint32_t	port;
};

struct watch {
	struct addr	client;
	int64_t		start, end;
	struct locator	loc;
	struct small_set fan;		/* servers behind */
	bool		told;
};
struct server {
	struct watch	watch[WATCHES_MAX];
	uint32_t	nwatches;	/* the oldest gives way */
	struct small_set clients;	/* of such WebSockets */
};

struct state {
	struct table	*pairs, *habits, *servers;
	struct arena	 arena;
};

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->pairs);
	table_free(s->habits);
	table_free(s->servers);
	arena_fini(&s->arena);
}

static bool
state_init(void *p)
{
	struct state *s = p;

	arena_init(&s->arena, 64u << 10);
	s->pairs = table_new(sizeof(struct pair_key), sizeof(struct pair),
	    PAIRS_MAX);
	s->habits = table_new(sizeof(struct habit_key), 1, HABITS_MAX);
	s->servers = table_new(sizeof(struct addr), sizeof(struct server),
	    SERVERS_MAX);
	return s->pairs != NULL && s->habits != NULL && s->servers != NULL;
}

/* Ports through which an intruder goes on. */
static bool
is_inner_port(uint16_t port)
{
	static const uint16_t ports[] = { 21, 22, 23, 88, 135, 139, 389, 445,
	    636, 1433, 1521, 3306, 3389, 5432, 5900, 5985, 5986 };

	for (size_t i = 0; i < NITEMS(ports); i++)
		if (port == ports[i])
			return true;
	return false;
}

static void
tell(struct detect *d, struct state *s, const struct addr *server,
    const struct watch *w, bool fan)
{
	const struct event at = { .kind = KIND_WEBSOCKET, .time = w->start,
	    .loc = w->loc };
	struct finding f;

	arena_reset(&s->arena);
	finding_init(&f, d, &at);
	f.last_time = w->end;
	f.entity[ENTITY_SRC_IP] = addr_text(&s->arena, &w->client);
	f.entity[ENTITY_DST_IP] = addr_text(&s->arena, server);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP];
	f.confidence = fan ? 75 : 40;
	if (!fan)
		f.severity = SEV_MEDIUM;
	buf_str(&d->text, "while ");
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " had a WebSocket open to ");
	text_server(&d->text, f.entity[ENTITY_HOST]);
	if (fan)
		buf_printf(&d->text, ", that server reached for %u other "
		    "servers or more, which it does at no other time",
		    w->fan.n);
	else
		buf_printf(&d->text, ", as much went in as out for %u "
		    "minutes, and no page was loaded before", (unsigned)
		    (time_diff(w->end, w->start) / (60 * NSEC)));
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	finding_raise(&f, d);
}

static bool
is_alike(const struct event *e)
{
	uint64_t up = 0, down = 0;

	event_u64(e, FIELD_WS_CLIENT_BYTES, &up);
	event_u64(e, FIELD_WS_SERVER_BYTES, &down);
	return up >= BULK_BYTES && down >= BULK_BYTES && up / ALIKE <= down &&
	    down / ALIKE <= up;
}

/* A WebSocket of binary messages, at its upgrade. */
static void
web_socket_proxy_note(struct detect *d, void *p, const struct event *e)
{
	const struct value *v = event_get(e, FIELD_WS_DURATION);
	struct state *s = p;
	struct pair_key key;
	struct server *host;
	struct watch *w;
	const struct pair *pair;
	uint64_t port = 0;
	bool made, pages;

	memset(&key, 0, sizeof(key));
	if (e->time == TIME_NONE || !event_addr(e, FIELD_SRC_IP, &key.client) ||
	    !event_addr(e, FIELD_DST_IP, &key.server) ||
	    (host = table_put(s->servers, &key.server, &made)) == NULL)
		return;
	event_u64(e, FIELD_SRC_PORT, &port);
	w = &host->watch[host->nwatches++ % WATCHES_MAX];
	*w = (struct watch){ .client = key.client, .start = e->time,
	    .end = e->time, .loc = e->loc };
	if (v != NULL && v->type == VT_F64 && v->f64 >= 0 && v->f64 < 1e9)
		w->end += (int64_t)(v->f64 * 1e9);
	pair = table_get(s->pairs, &key);
	/* The connection itself is the newest, and lasts longer. */
	if (pair != NULL && pair->port == port)
		w->end = MAX_OF(w->end, pair->end);
	pages = pair != NULL && pair->n > (pair->port == port);
	small_set_add(&host->clients, span_of(&key.client,
	    sizeof(key.client)));
	if (!pages && is_alike(e) && time_diff(w->end, w->start) >= LONG &&
	    host->clients.n < CLIENTS_MANY) {
		w->told = true;
		tell(d, s, &key.server, w, false);
	}
}

static struct habit_key
habit_of(const struct flow *f)
{
	struct habit_key key;

	memset(&key, 0, sizeof(key));
	key.src = f->src;
	key.dst = f->dst;
	key.port = f->dst_port;
	return key;
}

/* A server of WebSockets talks to another: is one of them open? */
static void
from_server(struct detect *d, struct state *s, struct server *host,
    const struct flow *f)
{
	uint32_t n = MIN_OF(host->nwatches, WATCHES_MAX);
	const struct habit_key key = habit_of(f);
	bool made, open = false;

	if (table_get(s->habits, &key) != NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct watch *w = &host->watch[i];

		if (f->start < w->start || f->start > w->end)
			continue;
		open = true;
		small_set_add(&w->fan, span_of(&f->dst, sizeof(f->dst)));
		if (w->fan.n < FAN_SERVERS || w->told)
			continue;
		w->told = true;
		tell(d, s, &f->src, w, true);
	}
	if (!open)
		(void)table_put(s->habits, &key, &made);
}

static void
web_socket_proxy_flow(struct detect *d, void *p, const struct flow *f)
{
	struct state *s = p;
	struct server *host;
	struct pair_key key;
	struct pair *pair;
	struct habit_key habit;
	bool made;

	if (f->proto != 6)
		return;
	if (f->service == FLOW_HTTP || f->service == FLOW_TLS) {
		memset(&key, 0, sizeof(key));
		key.client = f->src;
		key.server = f->dst;
		if ((pair = table_put(s->pairs, &key, &made)) == NULL)
			return;
		pair->n += pair->n < UINT32_MAX;
		pair->port = f->src_port;
		pair->end = f->end;
		if (f->state == FLOW_S1)
			pair->end += QUIET;
	}
	/* The server itself may stand outside, before the house. */
	if ((f->flags & FLOW_F_DST_HOME) == 0 || !is_inner_port(f->dst_port))
		return;
	if ((host = table_get(s->servers, &f->src)) != NULL) {
		from_server(d, s, host, f);
		return;
	}
	habit = habit_of(f);
	(void)table_put(s->habits, &habit, &made);
}

const struct detector detector_web_socket_proxy = {
	.name = "web-socket-proxy",
	.title = "Proxy in a WebSocket",
	.doc = "A WebSocket that carries SSH, SOCKS, SMB, TLS or a CONNECT; or "
	    "during which its server reaches for three others as it never "
	    "does else; or a long one, alike both ways, without a page before. "
	    "False alarms: shells and desktops offered in the browser.",
	.attack = "T1090 T1505.003",
	.advice = "Find what program answered the upgrade on the server (a "
	    "page just uploaded, an endpoint in memory), keep its memory, and "
	    "look at what the server reached for meanwhile.",
	.severity = SEV_HIGH,
	.confidence = 75,
	.kinds = kinds,
	.fields = fields,
	.event = web_socket_proxy_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = web_socket_proxy_note,
	.flow = web_socket_proxy_flow,
	.fini = state_fini,
};
