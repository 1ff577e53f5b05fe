/* SPDX-License-Identifier: Apache-2.0
 *
 * A proxy that serves whom it should not, ATT&CK T1090, T1090.002.
 *
 * Behaviour: a device at home (--home; else private addresses, which the world
 * reaches by a forwarded port) answers SOCKS4/5 or CONNECT requests from public
 * addresses outside; hijacked routers are hired out so.  Granted without
 * sign-in it is open to everybody; granted for targets at home it is a way in;
 * what only refuses still says that a proxy runs there.  Or the other way
 * round: a host at home called an address outside, which then speaks to it as
 * a client of SOCKS: it is somebody's proxy and had to call him.
 *
 * Known false alarms: a proxy that is offered to the world on purpose, or to
 * partners who are not in --home; who wants none of that says so by --tune.
 * Proxies for one's own hosts are not looked at, nor ssh -D on loopback.
 *
 * Cost: two compares a request.  Bounds: PROXIES_MAX of 400 bytes; who was
 * quiet longest makes room.
 */
#include "detect.h"

#define PROXIES_MAX	4096u
#define SOCKS5_NONE	255u		/* RFC 1928 3: no acceptable method */
#define SOCKS5_OPEN	0u		/* no authentication required */
#define SOCKS4_GRANTED	90u

static const uint8_t kinds[] = { KIND_SOCKS, KIND_HTTP, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_DST_PORT, FIELD_SOCKS_VERSION,
	FIELD_SOCKS_HOST, FIELD_SOCKS_PORT, FIELD_SOCKS_METHOD,
	FIELD_SOCKS_REPLY, FIELD_SOCKS_REVERSE, FIELD_HTTP_METHOD,
	FIELD_HTTP_STATUS, FIELD_HTTP_URI, FIELD_HTTP_USER, FIELD_OTHER
};

/* One request, as SOCKS or HTTP tells it. */
struct ask {
	struct addr	client, server;
	bool		reverse;	/* the server had called the client */
	bool		granted, refused;
	bool		open;		/* without sign-in */
	bool		http;
	struct span	target;
};

static void
ask_socks(const struct event *e, struct ask *a)
{
	uint64_t method = SOCKS5_OPEN, reply;
	const struct value *v = event_get(e, FIELD_SOCKS_REVERSE);

	a->reverse = v != NULL && v->type == VT_BOOL && v->u64 != 0;
	(void)event_u64(e, FIELD_SOCKS_METHOD, &method);
	if (event_u64(e, FIELD_SOCKS_REPLY, &reply)) {
		a->granted = reply == 0 || reply == SOCKS4_GRANTED;
		a->refused = !a->granted;
	}
	a->refused |= method == SOCKS5_NONE;
	a->open = method == SOCKS5_OPEN;
	a->target = event_str(e, FIELD_SOCKS_HOST);
}

static void
ask_http(const struct event *e, struct ask *a)
{
	uint64_t status = 0;

	(void)event_u64(e, FIELD_HTTP_STATUS, &status);
	a->http = true;
	a->granted = status / 100 == 2;
	/* Others than these say that there is no proxy. */
	a->refused = status == 407 || status == 403 || status / 100 == 5;
	a->open = event_str(e, FIELD_HTTP_USER).len == 0;
	a->target = event_str(e, FIELD_HTTP_URI);
	a->target.len = MIN_OF(a->target.len,
	    span_find_byte(a->target, ':'));
}

/* false: it is none that matters. */
static bool
read_ask(const struct detect *d, const struct event *e, struct ask *a)
{
	struct addr opener, called;

	memset(a, 0, sizeof(*a));
	if (e->kind == KIND_HTTP && !span_eq(event_str(e, FIELD_HTTP_METHOD),
	    SPAN_LIT("CONNECT")))
		return false;
	if (e->time == TIME_NONE || !event_addr(e, FIELD_SRC_IP, &opener) ||
	    !event_addr(e, FIELD_DST_IP, &called))
		return false;
	if (e->kind == KIND_HTTP)
		ask_http(e, a);
	else
		ask_socks(e, a);
	a->client = a->reverse ? called : opener;
	a->server = a->reverse ? opener : called;
	return (a->granted || a->refused) &&
	    addr_is_home(d->home, &a->server) &&
	    !addr_is_home(d->home, &a->client) &&
	    !addr_is_private(&a->client);
}

static void
socks_exposed_event(struct detect *d, const struct event *e)
{
	struct ask a;

	if (read_ask(d, e, &a))
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

struct proxy {
	uint32_t	granted, refused, open, inside;
	struct addr	client;		/* the first that got something, or
					 * else that asked */
	struct sketch	clients;
	struct places	places;
	uint16_t	port;
	bool		reverse, http, has_got;
	char		target[128];	/* the first inside, or else granted */
};

struct state {
	struct table	*proxies;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	arena_init(&s->arena, 64u << 10);
	s->proxies = table_new(sizeof(struct addr), sizeof(struct proxy),
	    PROXIES_MAX);
	return s->proxies != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->proxies);
	arena_fini(&s->arena);
}

static void
socks_exposed_note(struct detect *d, void *state, const struct event *e)
{
	struct state *s = state;
	struct addr target;
	struct proxy *x;
	struct ask a;
	uint64_t port = 0;
	bool made, inside;

	if (!read_ask(d, e, &a) ||
	    (x = table_put(s->proxies, &a.server, &made)) == NULL)
		return;
	inside = a.granted && addr_parse(a.target, &target) &&
	    addr_is_home(d->home, &target) && !addr_eq(&target, &a.server);
	x->granted += a.granted;
	x->refused += a.refused;
	x->open += a.granted && a.open;
	x->reverse |= a.reverse;
	x->http |= a.http;
	if (made || (a.granted && !x->has_got))
		x->client = a.client;
	if (a.granted && (!x->has_got || (inside && x->inside == 0)))
		set_text(x->target, sizeof(x->target), a.target);
	x->has_got |= a.granted;
	x->inside += inside;
	(void)event_u64(e, FIELD_DST_PORT, &port);
	x->port = (uint16_t)port;
	sketch_add(&x->clients, &a.client, sizeof(a.client));
	places_add(&x->places, &e->loc, e->time);
}

static void
weigh(const struct proxy *x, struct finding *f)
{
	f->severity = x->granted == 0 ? SEV_LOW :
	    x->reverse || x->inside != 0 ? SEV_CRITICAL :
	    x->open != 0 ? SEV_HIGH : SEV_MEDIUM;
	f->confidence = x->granted == 0 ? 50 : x->open != 0 || x->reverse ?
	    90 : 70;
}

static void
tell(struct detect *d, struct state *s, const struct addr *server,
    const struct proxy *x)
{
	unsigned clients = sketch_count(&x->clients);
	struct finding f;

	arena_reset(&s->arena);
	finding_init(&f, d, NULL);
	finding_places(&f, &x->places);
	weigh(x, &f);
	f.entity[ENTITY_SRC_IP] = addr_text(&s->arena, &x->client);
	f.entity[ENTITY_DST_IP] = addr_text(&s->arena, server);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP];
	buf_span(&d->text, f.entity[ENTITY_HOST]);
	if (x->reverse)
		buf_str(&d->text, " called out and is used as a SOCKS proxy "
		    "by ");
	else
		buf_printf(&d->text, " port %u %s as a%s proxy to ", x->port,
		    x->granted != 0 ? "serves" : "answers, but refuses,",
		    x->http ? "n HTTP" : " SOCKS");
	buf_span(&d->text, f.entity[ENTITY_SRC_IP]);
	if (clients == 2)
		buf_str(&d->text, " and another address");
	else if (clients > 2)
		buf_printf(&d->text, " and about %u others", clients - 1);
	if (x->open != 0)
		buf_str(&d->text, ", without sign-in");
	if (x->granted != 0)
		buf_printf(&d->text, ", %u requests granted, %s %s", x->granted,
		    x->inside != 0 ? "among them for the host inside" :
		    "first for", x->target);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	finding_raise(&f, d);
}

static void
socks_exposed_end(struct detect *d, void *state)
{
	struct state *s = state;
	const void *key;
	uint32_t it = 0;
	void *value;

	while (table_next(s->proxies, &it, &key, &value))
		tell(d, s, key, value);
	if (table_evicted(s->proxies) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

const struct detector detector_socks_exposed = {
	.name = "socks-exposed",
	.title = "Proxy that serves the world",
	.doc = "A device at home grants SOCKS or CONNECT requests of public "
	    "addresses, or calls one and is then used by it as a SOCKS proxy; "
	    "gravest for targets at home. False alarms: proxies that are "
	    "offered on purpose.",
	.attack = "T1090 T1090.002",
	.advice = "Take the device off the Internet or close the port; look "
	    "what runs the proxy, and which targets were asked for. A router "
	    "at the end of its life that does this is to be replaced.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event = socks_exposed_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = socks_exposed_note,
	.end = socks_exposed_end,
	.fini = state_fini,
};
