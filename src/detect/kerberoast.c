/* SPDX-License-Identifier: Apache-2.0
 *
 * Kerberoasting, ATT&CK T1558.003: a domain user asks for service tickets of
 * accounts with a password that a person chose, to guess it at leisure.
 *
 * On the wire (TGS-REP) and in event 4769 alike.  Judged by the encryption
 * type of the ticket itself, not of the reply around it and not of what the
 * request offered: 23 and 24 (RC4), 1 and 3 (DES) are quick to guess at.
 * Tickets of computer accounts (name$) and krbtgt have random keys and are
 * passed over.  AES tickets are told only in number: AES_SERVICES different
 * user services by one account within WINDOW, or BURST_SERVICES within BURST,
 * as tools ask for them.  Windows slide by event time; the wire, which names
 * principals, and the log, which names accounts, are counted apart.  Of the
 * wire's principals those that computers hold (cifs, host, ldap …) do not
 * count: a client has one for each server that it visits.
 *
 * Known false alarms: old appliances and services whose account allows RC4
 * only (tell by the service name; one service, again and again); scanners of
 * the owner.  An account that reaches the AES number on HABIT_DAYS days does
 * it by trade (a scanner, a portal) and is told as low.  Since April 2026 no
 * domain issues RC4 by default.
 *
 * Cost: a few compares a Kerberos event; a table of KEYS_MAX clients and one
 * of ACCOUNTS_MAX accounts of 3 KB.
 */
#include <stdlib.h>

#include "detect.h"

#define WINDOW		(3600 * NSEC)
#define AES_SERVICES	20u	/* distinct, in WINDOW, by one account */
#define BURST		(60 * NSEC)
#define BURST_SERVICES	10u	/* distinct, in BURST */
#define HABIT_DAYS	3u	/* with so many: its trade */
#define RECENT_MAX	32u	/* services remembered; over AES_SERVICES */
#define KEYS_MAX	16384u
#define ACCOUNTS_MAX	4096u
#define NAMES_SHOWN	6u
#define NAME_BYTES	64u

enum { EVENT_TGS = 4769 };

static const uint8_t kinds[] = { KIND_KRB5, KIND_WINEVENT, KIND_NONE };

static const uint16_t event_ids[] = { EVENT_TGS, 0 };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_KRB_TYPE, FIELD_KRB_CLIENT,
	FIELD_KRB_SERVICE, FIELD_KRB_TICKET_ETYPE, FIELD_KRB_SUCCESS,
	FIELD_KRB_REQ_ETYPES, FIELD_WIN_EVENT_ID, FIELD_WIN_COMPUTER,
	FIELD_TARGET_USER, FIELD_SERVICE_NAME, FIELD_TICKET_ETYPE,
	FIELD_WIN_STATUS, FIELD_IP_ADDRESS, FIELD_WIN_CHANNEL, FIELD_OTHER
};

/* Keys of krbtgt and computers are random: nothing to guess. */
static bool
has_random_key(struct span service)
{
	struct span s = krb5_account(service);

	return s.len == 0 || s.ptr[s.len - 1] == '$' ||
	    span_starts_nocase(s, SPAN_LIT("krbtgt")) ||
	    span_starts_nocase(s, SPAN_LIT("kadmin"));
}

/* One ticket, from either kind of event. */
struct ticket {
	struct span	src, user, service, server;
	uint64_t	etype;
	bool		only_weak;	/* the request offered nothing else */
};

static bool
ticket_of_wire(struct arena *m, const struct event *e, struct ticket *t)
{
	if (!span_eq(event_str(e, FIELD_KRB_TYPE), SPAN_LIT("TGS")) ||
	    !event_u64(e, FIELD_KRB_TICKET_ETYPE, &t->etype))
		return false;
	t->src = event_text(m, e, FIELD_SRC_IP);
	t->server = event_text(m, e, FIELD_DST_IP);
	t->user = event_str(e, FIELD_KRB_CLIENT);
	t->service = event_str(e, FIELD_KRB_SERVICE);
	t->only_weak = krb5_offers_only_weak(e);
	return !has_random_key(t->service);
}

static bool
ticket_of_event(struct arena *m, const struct event *e, struct ticket *t)
{
	uint64_t status;

	if (win_event(e, "Security") != EVENT_TGS ||
	    !event_u64(e, FIELD_WIN_STATUS, &status) || status != 0 ||
	    !event_u64(e, FIELD_TICKET_ETYPE, &t->etype))
		return false;
	t->src = client_name(event_text(m, e, FIELD_IP_ADDRESS));
	t->server = event_text(m, e, FIELD_WIN_COMPUTER);
	t->user = event_text(m, e, FIELD_TARGET_USER);
	t->service = event_text(m, e, FIELD_SERVICE_NAME);
	t->only_weak = false;
	/* Computers ask for themselves: HOST$@REALM. */
	if (span_ends(krb5_account(t->user), SPAN_LIT("$")))
		return false;
	return !has_random_key(t->service);
}

static bool
ticket_of(struct arena *m, const struct event *e, struct ticket *t)
{
	memset(t, 0, sizeof(*t));
	return e->kind == KIND_KRB5 ? ticket_of_wire(m, e, t) :
	    ticket_of_event(m, e, t);
}

static void
kerberoast_event(struct detect *d, const struct event *e)
{
	struct arena m;
	struct ticket t;

	/* Most Windows events end here. */
	if (e->kind == KIND_WINEVENT &&
	    win_event(e, "Security") != EVENT_TGS)
		return;
	arena_init(&m, 256u << 10);
	if (ticket_of(&m, e, &t))
		d->keep(d, e);
	arena_fini(&m);
}

/* -- in order ------------------------------------------------------------ */

struct key {
	uint64_t	src, user;	/* hashes */
};

struct roast {
	struct finding		 weak;		/* RC4 and DES */
	/* Services with weak tickets: the wire names the principal, the log
	 * the account, so each counts for itself. */
	struct small_set	 weak_wire, weak_log;
	char			 src[64], user[128], server[128];
	char			 names[NAMES_SHOWN][NAME_BYTES];
	uint32_t		 nnames;
	bool			 only_weak;
};

/* AES tickets of one account, from the wire or from the log. */
struct account {
	struct finding	f;
	uint64_t	service[RECENT_MAX];	/* the latest, newest first */
	int64_t		time[RECENT_MAX];
	struct locator	loc[RECENT_MAX];
	uint32_t	n;
	uint32_t	days;		/* on which the number was reached */
	int64_t		last_day;
	uint32_t	most;		/* services in a window */
	bool		burst;
	char		src[64], user[128], server[128];
};

struct state {
	struct table	*accounts;	/* key: struct account */
	struct table	*clients;	/* key: index of a roast */
	struct roast	**roast;
	uint32_t	 n;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->clients = table_new(sizeof(struct key), sizeof(uint32_t),
	    KEYS_MAX);
	s->accounts = table_new(sizeof(struct key), sizeof(struct account),
	    ACCOUNTS_MAX);
	s->roast = calloc(KEYS_MAX, sizeof(*s->roast));
	arena_init(&s->arena, 1u << 20);
	return s->clients != NULL && s->roast != NULL && s->accounts != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	for (uint32_t i = 0; i < s->n; i++)
		free(s->roast[i]);
	free(s->roast);
	table_free(s->clients);
	table_free(s->accounts);
	arena_fini(&s->arena);
}

static bool
has_weak(const struct roast *r)
{
	return r->weak_wire.n != 0 || r->weak_log.n != 0;
}

static uint64_t
hash_lower(struct span s)
{
	uint8_t low[128];
	size_t n = MIN_OF(s.len, sizeof(low));

	for (size_t i = 0; i < n; i++)
		low[i] = ascii_lower(s.ptr[i]);
	return hash_bytes(low, n, 3);
}

/* A client of the wire and of the log is one: name without realm. */
static struct roast *
roast_of(struct detect *d, struct state *s, const struct ticket *t)
{
	const struct key key = {
		hash_lower(t->src), hash_lower(krb5_account(t->user))
	};
	uint32_t *index;
	bool made;

	index = table_get(s->clients, &key);
	if (index != NULL)
		return s->roast[*index];
	if (s->n == KEYS_MAX) {
		/* The first clients stay: nothing seen of them is lost. */
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
		return NULL;
	}
	s->roast[s->n] = calloc(1, sizeof(**s->roast));
	index = table_put(s->clients, &key, &made);
	if (s->roast[s->n] == NULL || index == NULL)
		return NULL;
	*index = s->n;
	finding_init(&s->roast[s->n]->weak, d, NULL);
	set_text(s->roast[s->n]->src, sizeof(s->roast[0]->src), t->src);
	set_text(s->roast[s->n]->user, sizeof(s->roast[0]->user), t->user);
	set_text(s->roast[s->n]->server, sizeof(s->roast[0]->server),
	    t->server);
	return s->roast[s->n++];
}

static void
tell(struct detect *d, struct roast *r)
{
	uint32_t n = MAX_OF(r->weak_wire.n, r->weak_log.n);
	struct finding *f = &r->weak;

	buf_reset(&d->text);
	buf_reset(&d->fold);
	text_who(&d->text, span_str(r->user));
	buf_str(&d->text, " at ");
	text_who(&d->text, span_str(r->src));
	buf_printf(&d->text, " got RC4 or DES tickets for %u service "
	    "account%s from ", n, n == 1 ? "" : "s");
	text_who(&d->text, span_str(r->server));
	buf_str(&d->text, ": ");
	for (uint32_t i = 0; i < r->nnames; i++) {
		buf_str(&d->text, i == 0 ? "" : ", ");
		buf_str(&d->text, r->names[i]);
	}
	if (n > r->nnames)
		buf_str(&d->text, ", …");
	if (r->only_weak)
		buf_str(&d->text, "; the request offered nothing stronger, as "
		    "tools do");
	buf_printf(&d->fold, "%s|%s|weak", r->src, r->user);
	f->severity = SEV_HIGH;
	f->confidence = n >= 3 || r->only_weak ? 95 : 75;
	f->entity[ENTITY_SRC_IP] = span_str(r->src);
	f->entity[ENTITY_HOST] = span_str(r->src);
	f->entity[ENTITY_USER] = span_str(r->user);
	f->entity[ENTITY_DST_IP] = span_str(r->server);
	f->entity[ENTITY_SERVICE] = span_str(r->names[0]);
	finding_raise(f, d);
}

static void
tell_many(struct detect *d, struct account *a)
{
	bool habit = a->days >= HABIT_DAYS;
	struct finding *f = &a->f;

	buf_reset(&d->text);
	buf_reset(&d->fold);
	text_who(&d->text, span_str(a->user));
	buf_str(&d->text, " at ");
	text_who(&d->text, span_str(a->src));
	buf_printf(&d->text, " got AES tickets for %s%u service accounts from ",
	    a->most == RECENT_MAX ? "at least " : "", a->most);
	text_who(&d->text, span_str(a->server));
	buf_str(&d->text, a->burst ? " within a minute" : " within an hour");
	if (habit)
		buf_printf(&d->text, "; it does so on %u days, as scanners "
		    "and portals do", a->days);
	buf_printf(&d->fold, "%s|%s|aes", a->src, a->user);
	f->severity = habit ? SEV_LOW : SEV_MEDIUM;
	f->confidence = habit ? 25 : 60;
	f->entity[ENTITY_SRC_IP] = span_str(a->src);
	f->entity[ENTITY_HOST] = span_str(a->src);
	f->entity[ENTITY_USER] = span_str(a->user);
	f->entity[ENTITY_DST_IP] = span_str(a->server);
	finding_raise(f, d);
}

/* Principals of the wire that computers' own accounts hold, whose keys are
 * random. */
static bool
is_computers(struct span service)
{
	static const char *const classes[] = {
		"cifs/", "host/", "ldap/", "gc/", "dns/", "rpcss/", "rpc/",
		"termsrv/", "wsman/", "restrictedkrbhost/", "e3514235-"
	};

	for (size_t i = 0; i < NITEMS(classes); i++)
		if (span_starts_nocase(service, span_str(classes[i])))
			return true;
	return false;
}

/* How many of the remembered services are within span of the newest. */
static uint32_t
within(const struct account *a, int64_t span)
{
	uint32_t n = 0;

	while (n < a->n && time_diff(a->time[0], a->time[n]) <= span)
		n++;
	return n;
}

/* Puts a service in front; one that is there is moved. */
static void
remember(struct account *a, const struct event *e, uint64_t service)
{
	uint32_t i = 0;

	while (i < a->n && a->service[i] != service)
		i++;
	if (i == a->n) {
		if (a->n < RECENT_MAX)
			a->n++;
		else
			i--;
	}
	memmove(a->service + 1, a->service, i * sizeof(a->service[0]));
	memmove(a->time + 1, a->time, i * sizeof(a->time[0]));
	memmove(a->loc + 1, a->loc, i * sizeof(a->loc[0]));
	a->service[0] = service;
	a->time[0] = e->time;
	a->loc[0] = e->loc;
}

static void
note_aes(struct detect *d, struct state *s, const struct event *e,
    const struct ticket *t)
{
	struct span user = krb5_account(t->user);
	const struct key key = { hash_lower(user), e->kind };
	int64_t day = e->time / (86400 * NSEC);
	struct account *a;
	bool made, burst = false;
	uint32_t n;

	/* Computers ask for what runs on them. */
	if (span_ends(user, SPAN_LIT("$")) || e->time == TIME_NONE ||
	    (e->kind == KIND_KRB5 && is_computers(t->service)) ||
	    (a = table_put(s->accounts, &key, &made)) == NULL)
		return;
	if (made) {
		finding_init(&a->f, d, NULL);
		a->last_day = INT64_MIN;
	}
	remember(a, e, hash_lower(krb5_account(t->service)));
	n = within(a, WINDOW);
	if (n < AES_SERVICES) {
		n = within(a, BURST);
		if (n < BURST_SERVICES)
			return;
		burst = true;
	}
	if (a->days == 0) {
		for (uint32_t i = n; i > 0; i--)
			finding_evidence(&a->f, &a->loc[i - 1],
			    a->time[i - 1]);
		set_text(a->src, sizeof(a->src), t->src);
		set_text(a->user, sizeof(a->user), t->user);
		set_text(a->server, sizeof(a->server), t->server);
	}
	if (n > a->most) {
		a->most = n;
		a->burst = burst;
	}
	a->days += day != a->last_day;
	a->last_day = day;
}

static void
kerberoast_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct ticket t;
	struct roast *r;
	struct span name;
	bool wire = e->kind == KIND_KRB5;

	arena_reset(&s->arena);
	if (!ticket_of(&s->arena, e, &t))
		return;
	if (!krb5_is_weak(t.etype)) {
		note_aes(d, s, e, &t);
		return;
	}
	if ((r = roast_of(d, s, &t)) == NULL)
		return;
	name = krb5_account(t.service);
	if (small_set_add(wire ? &r->weak_wire : &r->weak_log, name) &&
	    (wire || r->weak_wire.n == 0) && r->nnames < NAMES_SHOWN)
		set_text(r->names[r->nnames++], NAME_BYTES, name);
	r->only_weak |= t.only_weak;
	finding_evidence(&r->weak, &e->loc, e->time);
}

static void
kerberoast_end(struct detect *d, void *p)
{
	struct state *s = p;
	const void *key;
	void *value;

	for (uint32_t i = 0; i < s->n; i++)
		if (has_weak(s->roast[i]))
			tell(d, s->roast[i]);
	if (table_evicted(s->accounts) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
	for (uint32_t it = 0; table_next(s->accounts, &it, &key, &value);) {
		struct account *a = value;

		if (a->days != 0)
			tell_many(d, a);
	}
}

const struct detector detector_kerberoast = {
	.name = "kerberoast",
	.title = "Kerberoasting",
	.doc = "Service tickets of user accounts with RC4 or DES, on the wire "
	    "(ticket etype) and in event 4769; AES only in number, 20 services "
	    "in an hour or 10 in a minute by one account. False alarms: "
	    "services that allow RC4 only; accounts that ask for many on "
	    "three days are told as low.",
	.attack = "T1558.003",
	.advice = "Change the passwords of the named service accounts (long, "
	    "random; better: managed service accounts), switch RC4 off, and "
	    "look at what else the client's account did.",
	.severity = SEV_HIGH,
	.confidence = 75,
	.kinds = kinds,
	.fields = fields,
	.event_ids = event_ids,
	.event = kerberoast_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = kerberoast_note,
	.end = kerberoast_end,
	.fini = state_fini,
};
