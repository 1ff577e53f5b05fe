/* SPDX-License-Identifier: Apache-2.0
 *
 * AS-REP roasting, ATT&CK T1558.004: of an account that needs no
 * pre-authentication anybody gets a reply that is encrypted with the key of
 * its password, to guess it at leisure.
 *
 * On the wire (AS-REP to a request without encrypted timestamp, the type of
 * the reply's own part; the ticket in it has the key of krbtgt and says
 * nothing) and in event 4768 (PreAuthType 0).  RC4 and DES, which are quick to
 * guess at, count by themselves; AES from MANY_AES accounts of one source on,
 * and milder: there are realms that demand it of nobody.  A ticket for another
 * service than krbtgt in such a reply is the same against that service's
 * password.  Logs that tell nothing of
 * pre-authentication (Zeek): MANY_BLIND accounts of one source with weak
 * tickets in an hour.
 *
 * Known false alarms: old Unix or Java services whose one account is set so,
 * told as medium, and as low when the same source does it on HABIT_DAYS days.
 *
 * Cost: a few compares a Kerberos event; a table of SOURCES_MAX sources of
 * 1.2 KB.
 */
#include "detect.h"

#define WINDOW		(3600 * NSEC)
#define MANY		2u	/* accounts, in WINDOW */
#define MANY_AES	8u
#define MANY_BLIND	4u
#define HABIT_DAYS	3u
#define SOURCES_MAX	4096u
#define NAMES_SHOWN	6u
#define NAME_BYTES	64u

enum { EVENT_AS = 4768 };

static const uint8_t kinds[] = { KIND_KRB5, KIND_WINEVENT, KIND_NONE };
static const uint16_t event_ids[] = { EVENT_AS, 0 };
static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_KRB_TYPE, FIELD_KRB_CLIENT,
	FIELD_KRB_SERVICE, FIELD_KRB_PREAUTH, FIELD_KRB_SUCCESS,
	FIELD_KRB_REPLY_ETYPE, FIELD_KRB_TICKET_ETYPE, FIELD_KRB_REQ_ETYPES,
	FIELD_WIN_EVENT_ID, FIELD_WIN_CHANNEL, FIELD_WIN_COMPUTER,
	FIELD_WIN_STATUS, FIELD_TARGET_USER, FIELD_SERVICE_NAME,
	FIELD_TICKET_ETYPE, FIELD_PREAUTH_TYPE, FIELD_IP_ADDRESS, FIELD_OTHER
};

struct reply {
	struct span	src, server, user, service;
	bool		weak;
	bool		only_weak;	/* the request offered nothing else */
	bool		blind;		/* pre-authentication is not told */
	bool		other;		/* a ticket not for krbtgt */
};

static bool
of_wire(struct arena *m, const struct event *e, struct reply *r)
{
	uint64_t good, preauth, etype;

	if (!span_eq(event_str(e, FIELD_KRB_TYPE), SPAN_LIT("AS")) ||
	    !event_u64(e, FIELD_KRB_SUCCESS, &good) || good == 0)
		return false;
	r->blind = !event_u64(e, FIELD_KRB_PREAUTH, &preauth);
	if (!r->blind && preauth != 0)
		return false;
	if (!event_u64(e, r->blind ? FIELD_KRB_TICKET_ETYPE :
	    FIELD_KRB_REPLY_ETYPE, &etype))
		return false;
	r->weak = krb5_is_weak(etype);
	r->only_weak = krb5_offers_only_weak(e);
	r->src = event_text(m, e, FIELD_SRC_IP);
	r->server = event_text(m, e, FIELD_DST_IP);
	r->user = event_text(m, e, FIELD_KRB_CLIENT);
	r->service = event_text(m, e, FIELD_KRB_SERVICE);
	return !r->blind || r->weak;
}

static bool
of_windows(struct arena *m, const struct event *e, struct reply *r)
{
	uint64_t status, etype = 0;

	if (win_event(e, "Security") != EVENT_AS ||
	    !event_u64(e, FIELD_WIN_STATUS, &status) || status != 0 ||
	    !span_eq(event_text(m, e, FIELD_PREAUTH_TYPE), SPAN_LIT("0")))
		return false;
	(void)event_u64(e, FIELD_TICKET_ETYPE, &etype);
	r->weak = krb5_is_weak(etype);
	r->src = client_name(event_text(m, e, FIELD_IP_ADDRESS));
	if (r->src.len == 0)	/* the controller itself */
		r->src = event_text(m, e, FIELD_WIN_COMPUTER);
	r->server = event_text(m, e, FIELD_WIN_COMPUTER);
	r->user = event_text(m, e, FIELD_TARGET_USER);
	r->service = event_text(m, e, FIELD_SERVICE_NAME);
	return true;
}

static bool
reply_of(struct arena *m, const struct event *e, struct reply *r)
{
	bool ok;

	memset(r, 0, sizeof(*r));
	ok = e->kind == KIND_KRB5 ? of_wire(m, e, r) : of_windows(m, e, r);
	r->other = r->service.len != 0 &&
	    !span_starts_nocase(r->service, SPAN_LIT("krbtgt")) &&
	    !span_starts_nocase(r->service, SPAN_LIT("kadmin"));
	/* Keys of computers are random: nothing to guess. */
	return ok && r->src.len != 0 && r->user.len != 0 &&
	    (r->other || !span_ends(krb5_account(r->user), SPAN_LIT("$")));
}

static void
asrep_event(struct detect *d, const struct event *e)
{
	struct reply r;
	struct arena m;

	if (e->time == TIME_NONE)
		return;
	arena_init(&m, 64u << 10);
	if (reply_of(&m, e, &r))
		d->keep(d, e);
	arena_fini(&m);
}

/* -- in order ------------------------------------------------------------ */

struct source {
	int64_t		since, last_day;
	struct small_set users, weak;	/* of this window */
	uint32_t	most, most_weak, days, nnames;
	struct places	at;
	char		name[NAMES_SHOWN][NAME_BYTES];
	char		src[64], server[128];
	bool		blind, only_weak, other, shown;
};

struct state {
	struct table	*sources;	/* hash: struct source */
};

static bool
asrep_init(void *p)
{
	struct state *s = p;

	s->sources = table_new(sizeof(uint64_t), sizeof(struct source),
	    SOURCES_MAX);
	return s->sources != NULL;
}

static void
asrep_fini(void *p)
{
	table_free(((struct state *)p)->sources);
}

static void
add_name(struct source *w, struct span user)
{
	char text[NAME_BYTES];

	set_text(text, sizeof(text), user);
	for (uint32_t i = 0; i < w->nnames; i++)
		if (strcmp(w->name[i], text) == 0)
			return;
	if (w->nnames < NAMES_SHOWN)
		memcpy(w->name[w->nnames++], text, sizeof(text));
}

static void
asrep_note(struct detect *d, void *p, const struct event *e)
{
	int64_t day = e->time / (86400 * NSEC);
	struct state *s = p;
	struct source *w;
	struct reply r;
	struct arena m;
	uint64_t key;
	bool made;

	(void)d;
	arena_init(&m, 64u << 10);
	if (!reply_of(&m, e, &r))
		goto out;
	/* The wire names servers by address, the log by name; what does not
	 * tell of pre-authentication counts for itself too. */
	key = hash_bytes(r.src.ptr, r.src.len, e->kind * 2u + r.blind);
	if ((w = table_put(s->sources, &key, &made)) == NULL)
		goto out;
	if (made) {
		w->last_day = INT64_MIN;
		w->since = e->time;
		set_text(w->src, sizeof(w->src), r.src);
	}
	if (time_diff(e->time, w->since) > WINDOW) {
		w->users.n = w->weak.n = 0;
		w->since = e->time;
	}
	(void)small_set_add(&w->users, krb5_account(r.user));
	if (r.weak)
		(void)small_set_add(&w->weak, krb5_account(r.user));
	w->most = MAX_OF(w->most, w->users.n);
	w->most_weak = MAX_OF(w->most_weak, w->weak.n);
	w->days += day != w->last_day;
	w->last_day = day;
	w->blind = r.blind;
	w->only_weak |= r.only_weak;
	w->other |= r.other;
	w->shown = true;
	add_name(w, r.other ? r.service : krb5_account(r.user));
	set_text(w->server, sizeof(w->server), r.server);
	places_add(&w->at, &e->loc, e->time);
out:
	arena_fini(&m);
}

static bool
is_told(const struct source *w)
{
	if (!w->shown)
		return false;
	if (w->blind)
		return w->most_weak >= MANY_BLIND;
	return w->most_weak != 0 || w->most >= MANY_AES;
}

static void
tell(struct detect *d, struct source *w)
{
	uint32_t n = w->most_weak != 0 ? w->most_weak : w->most;
	bool many = w->most_weak >= MANY, aes = w->most_weak == 0;
	bool habit = !many && !aes && w->days >= HABIT_DAYS;
	struct finding f;

	finding_init(&f, d, NULL);
	finding_places(&f, &w->at);
	f.severity = many ? SEV_HIGH : habit ? SEV_LOW : SEV_MEDIUM;
	f.confidence = aes ? 50 : w->blind ? 60 : many || w->only_weak ? 90 :
	    habit ? 30 : 70;
	f.entity[ENTITY_SRC_IP] = span_str(w->src);
	f.entity[ENTITY_HOST] = span_str(w->src);
	f.entity[ENTITY_DST_IP] = span_str(w->server);
	f.entity[ENTITY_USER] = span_str(w->name[0]);
	text_who(&d->text, span_str(w->src));
	buf_printf(&d->text, " got %sreplies %sfor %s%u account%s from ",
	    aes ? "AES " : "RC4 or DES ", w->blind ? "" :
	    "without pre-authentication ", n == SMALL_SET_MAX ? "at least " :
	    "", n, n == 1 ? "" : "s");
	text_who(&d->text, span_str(w->server));
	for (uint32_t i = 0; i < w->nnames; i++)
		buf_printf(&d->text, "%s%s", i == 0 ? ": " : ", ",
		    w->name[i]);
	if (n > w->nnames)
		buf_str(&d->text, ", …");
	if (w->other)
		buf_str(&d->text, "; tickets of services among them, whose "
		    "passwords can be guessed from them");
	if (w->only_weak)
		buf_str(&d->text, "; the request offered nothing stronger, as "
		    "tools do");
	if (habit)
		buf_printf(&d->text, "; it does so on %u days", w->days);
	buf_printf(&d->fold, "%s", w->src);
	finding_raise(&f, d);
}

static void
asrep_end(struct detect *d, void *p)
{
	struct state *s = p;
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->sources, &it, &key, &value))
		if (is_told(value))
			tell(d, value);
	if (table_evicted(s->sources) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* -- over runs ----------------------------------------------------------- */

static void
asrep_save(const void *p, struct buf *b)
{
	table_save(((const struct state *)p)->sources, b);
}

static bool
asrep_restore(void *p, struct cursor *c)
{
	struct state *s = p;
	uint32_t it = 0;
	const void *key;
	void *value;

	if (!table_restore(s->sources, c))
		return false;
	while (table_next(s->sources, &it, &key, &value)) {
		struct source *w = value;

		w->at.n = 0;
		w->shown = false;
		w->users.n = MIN_OF(w->users.n, SMALL_SET_MAX);
		w->weak.n = MIN_OF(w->weak.n, SMALL_SET_MAX);
		w->nnames = MIN_OF(w->nnames, NAMES_SHOWN);
		w->src[sizeof(w->src) - 1] = '\0';
		w->server[sizeof(w->server) - 1] = '\0';
		for (unsigned i = 0; i < NAMES_SHOWN; i++)
			w->name[i][NAME_BYTES - 1] = '\0';
	}
	return true;
}

const struct detector detector_asrep_roast = {
	.name = "asrep-roast",
	.title = "AS-REP roasting",
	.doc = "Kerberos replies to requests without pre-authentication, with "
	    "RC4 or DES or for several accounts of one source; on the wire "
	    "and in event 4768. False alarms: an old service whose account "
	    "is set so, told as low when it does that on three days.",
	.attack = "T1558.004",
	.advice = "Change the passwords of the named accounts and demand "
	    "pre-authentication of them (unset DONT_REQ_PREAUTH); look at "
	    "what else the source did.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event_ids = event_ids,
	.event = asrep_event,
	.state_size = sizeof(struct state),
	.init = asrep_init,
	.note = asrep_note,
	.end = asrep_end,
	.fini = asrep_fini,
	.state_version = 1,
	.save = asrep_save,
	.restore = asrep_restore,
};
