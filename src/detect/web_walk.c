/* SPDX-License-Identifier: Apache-2.0
 *
 * A client walks a web site for entry points, ATT&CK T1595.003 and T1594; and
 * when that address first looked at the front page.
 *
 * Behaviour: many different paths that are not there (status 400 to 499) from
 * one client on one server within a short time.
 *
 * Known false alarms: a site with many dead links and a crawler that follows
 * them (the crawler's paths spread over hours: the window is WINDOW); the
 * owner's own scanners.  Told as low: by itself it is weather.
 *
 * Cost: one table lookup for each failed request; a table of CLIENTS_MAX.
 */
#include "detect.h"

#define WINDOW		(5 * 60 * NSEC)
#define PATHS		25u		/* distinct, in WINDOW */
#define CLIENTS_MAX	16384u
#define VISITORS_MAX	65536u

static const uint8_t kinds[] = { KIND_HTTP, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_HTTP_HOST, FIELD_HTTP_VHOST,
	FIELD_HTTP_PATH, FIELD_HTTP_URI, FIELD_HTTP_STATUS,
	FIELD_HTTP_METHOD, FIELD_OTHER
};

static bool
is_failed(const struct event *e)
{
	uint64_t status;

	return event_u64(e, FIELD_HTTP_STATUS, &status) && status >= 400 &&
	    status < 500;
}

static bool
is_front_page(const struct event *e)
{
	return span_eq(http_path(e), SPAN_LIT("/"));
}

static void
web_walk_event(struct detect *d, const struct event *e)
{
	if (is_front_page(e) || is_failed(e))
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

struct walk {
	int64_t			since;
	struct small_set	paths;
	struct locator		loc[EVIDENCE_MAX];
	int64_t			time[EVIDENCE_MAX];
	bool			told;
};

struct visit {			/* of the front page */
	struct locator	loc;
	int64_t		time, last_time;
	uint32_t	count;
	bool		told;
};

struct state {
	struct table	*walks;		/* hash of client and server */
	struct table	*visits;	/* the same */
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->walks = table_new(sizeof(uint64_t), sizeof(struct walk),
	    CLIENTS_MAX);
	s->visits = table_new(sizeof(uint64_t), sizeof(struct visit),
	    VISITORS_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->walks != NULL && s->visits != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->walks);
	table_free(s->visits);
	arena_fini(&s->arena);
}

static void
note_visit(struct state *s, const struct event *e, uint64_t key)
{
	struct visit *v;
	bool made;

	if ((v = table_put(s->visits, &key, &made)) == NULL)
		return;
	if (made) {
		v->loc = e->loc;
		v->time = e->time;
	}
	v->last_time = e->time;
	v->count++;
}

/* The first look, told once the address has shown what it is. */
static void
tell_visit(struct detect *d, struct visit *v, struct span src,
    struct span server)
{
	struct finding f;

	v->told = true;
	finding_init(&f, d, NULL);
	finding_evidence(&f, &v->loc, v->time);
	f.last_time = v->last_time;
	f.count = v->count;
	f.rule = "web-first-visit";
	f.title = "First visit by an address that attacked later";
	f.attack = "T1594";
	f.severity = SEV_INFORMATIONAL;
	f.confidence = 50;
	f.entity[ENTITY_SRC_IP] = src;
	f.entity[ENTITY_DST_IP] = server;
	f.entity[ENTITY_HOST] = server;
	text_who(&d->text, src);
	buf_str(&d->text, " asked ");
	text_server(&d->text, server);
	buf_printf(&d->text, " for the front page (%u time%s) before it "
	    "walked the site", v->count, v->count == 1 ? "" : "s");
	buf_span(&d->fold, src);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, server);
	finding_raise(&f, d);
}

static void
tell_walk(struct detect *d, struct state *s, const struct event *e,
    struct walk *w, uint64_t key)
{
	struct span src = event_text(&s->arena, e, FIELD_SRC_IP);
	struct span server = http_server(&s->arena, e);
	struct visit *v;
	struct finding f;

	finding_init(&f, d, NULL);
	for (unsigned i = 0; i < EVIDENCE_MAX && i < w->paths.n; i++)
		finding_evidence(&f, &w->loc[i], w->time[i]);
	f.last_time = e->time;
	f.count = w->paths.n;
	f.entity[ENTITY_SRC_IP] = src;
	f.entity[ENTITY_DST_IP] = server;
	f.entity[ENTITY_HOST] = server;
	text_who(&d->text, src);
	buf_str(&d->text, " asked ");
	text_server(&d->text, server);
	buf_printf(&d->text, " for at least %u paths that are not there "
	    "within %d seconds", w->paths.n,
	    (int)(time_diff(e->time, w->since) / NSEC));
	buf_span(&d->fold, src);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, server);
	finding_raise(&f, d);
	if ((v = table_get(s->visits, &key)) != NULL &&
	    !v->told && v->time <= w->since)
		tell_visit(d, v, src, server);
}

static void
web_walk_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct span src, server, path = http_path(e);
	uint64_t key;
	struct walk *w;
	bool made;

	arena_reset(&s->arena);
	src = event_text(&s->arena, e, FIELD_SRC_IP);
	server = http_server(&s->arena, e);
	key = hash_bytes(server.ptr, server.len,
	    hash_bytes(src.ptr, src.len, 17));
	if (is_front_page(e))
		note_visit(s, e, key);
	if (!is_failed(e) || e->time == TIME_NONE)
		return;
	if ((w = table_put(s->walks, &key, &made)) == NULL)
		return;
	if (made || time_diff(e->time, w->since) > WINDOW) {
		w->paths.n = 0;
		w->since = e->time;
		w->told = false;
	}
	if (w->told || !small_set_add(&w->paths, path))
		return;
	if (w->paths.n <= EVIDENCE_MAX) {
		w->loc[w->paths.n - 1] = e->loc;
		w->time[w->paths.n - 1] = e->time;
	}
	if (w->paths.n >= PATHS) {
		w->told = true;
		tell_walk(d, s, e, w, key);
	}
}

const struct detector detector_web_walk = {
	.name = "web-walk",
	.title = "Web site walked for entry points",
	.doc = "25 different paths that are not there, by one client on one "
	    "server within five minutes; with the client's first visit to "
	    "the front page. False alarms: crawlers on dead links, the "
	    "owner's scanners.",
	.attack = "T1595.003",
	.advice = "See what else the address asked for afterwards, above all "
	    "what answered 200; nothing to do if that was all.",
	.severity = SEV_LOW,
	.confidence = 70,
	.kinds = kinds,
	.fields = fields,
	.event = web_walk_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = web_walk_note,
	.fini = state_fini,
};
