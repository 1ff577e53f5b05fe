/* SPDX-License-Identifier: Apache-2.0
 *
 * A service account is used from a host outside its habit, ATT&CK T1078.002.
 *
 * Behaviour: services sign in from the same few hosts year in, year out.  An
 * account that is known to be one (its name, a ticket for it as a service in
 * 4769, a service or batch logon) appears, with success or not, from an
 * address or workstation that it never used before.  The habit is learned
 * from the evidence itself: HISTORY sign-ins over a day or more from at most
 * SOURCES_MAX addresses; with less nothing is told.  From 4624, 4625, 4648,
 * 4768, 4769 and 4776.
 *
 * Addresses are held against addresses and names against names: where an
 * event has both, one that is known is enough.
 *
 * Known false alarms and their control: a cluster's other node (an address
 * next to a known one, a name that differs in its number: told as low); a
 * service that moved (one finding, folded by account); accounts of scanners
 * and deployment come from one host and are seen from one; accounts that
 * roam by design have more than SOURCES_MAX sources and are not judged.
 * Computer and managed accounts (name$) are left out.
 *
 * Cost: kind and event id; the sign-ins of users are kept; a table of
 * ACCOUNTS_MAX accounts of about 1 KB.
 */
#include "detect.h"

#define HISTORY		20u		/* sign-ins before it is a habit */
#define HISTORY_SPAN	(24 * 3600 * NSEC)
#define SOURCES_MAX	6u		/* more: roams */
#define ACCOUNTS_MAX	8192u
#define NAME_BYTES	64u

enum { EVENT_LOGON = 4624, EVENT_FAILED = 4625, EVENT_EXPLICIT = 4648,
	EVENT_AS = 4768, EVENT_TGS = 4769, EVENT_NTLM = 4776 };
enum { LOGON_INTERACTIVE = 2, LOGON_BATCH = 4, LOGON_SERVICE = 5,
	LOGON_REMOTE = 10 };

static const uint8_t kinds[] = { KIND_WINEVENT, KIND_NONE };

static const uint16_t event_ids[] = {
	EVENT_LOGON, EVENT_FAILED, EVENT_EXPLICIT, EVENT_AS, EVENT_TGS,
	EVENT_NTLM, 0
};

static const uint16_t fields[] = {
	FIELD_WIN_CHANNEL, FIELD_WIN_EVENT_ID, FIELD_WIN_COMPUTER,
	FIELD_TARGET_USER, FIELD_SERVICE_NAME, FIELD_WIN_STATUS,
	FIELD_IP_ADDRESS, FIELD_LOGON_TYPE, FIELD_WORKSTATION,
	FIELD_WORKSTATION_4776, FIELD_OTHER
};

/* One sign-in; texts in the scratch, lower case. */
struct use {
	struct span	user, address, station, service;
	unsigned	id;
	uint64_t	type;		/* of logon; 0: not told */
	bool		good;
};

static struct span
cut_at(struct span s, uint8_t c)
{
	size_t at = span_find_byte(s, c);

	if (at != SPAN_NPOS)
		s.len = at;
	return s;
}

static bool
is_person_or_service(struct span user)
{
	static const char *const builtin[] = {
		"", "-", "system", "anonymous logon", "local service",
		"network service", "krbtgt", "administrator", "guest"
	};

	return !is_one_of(user, builtin, NITEMS(builtin)) &&
	    user.ptr[user.len - 1] != '$' &&
	    !span_starts(user, SPAN_LIT("dwm-")) &&
	    !span_starts(user, SPAN_LIT("umfd-")) &&
	    !span_starts(user, SPAN_LIT("healthmailbox"));
}

static bool
is_sign_in(unsigned id)
{
	return id == EVENT_LOGON || id == EVENT_FAILED ||
	    id == EVENT_EXPLICIT || id == EVENT_AS || id == EVENT_TGS ||
	    id == EVENT_NTLM;
}

static bool
is_address(struct span s)
{
	struct addr a;

	return addr_parse(s, &a);
}

/* A computer's name without its domain. */
static struct span
station_name(struct span s)
{
	s = client_name(s);
	return is_address(s) ? SPAN_NONE : cut_at(s, '.');
}

static bool
use_of(struct scratch *s, const struct event *e, struct use *u)
{
	uint64_t status = 0;

	memset(u, 0, sizeof(*u));
	u->id = win_event(e, "Security");
	if (!is_sign_in(u->id))
		return false;
	u->user = cut_at(lower_text(s, e, FIELD_TARGET_USER), '@');
	event_u64(e, FIELD_LOGON_TYPE, &u->type);
	u->address = client_name(lower_text(s, e, FIELD_IP_ADDRESS));
	if (!is_address(u->address))
		u->address = SPAN_NONE;
	u->good = u->id != EVENT_FAILED && (u->id == EVENT_LOGON ||
	    u->id == EVENT_EXPLICIT ||
	    !event_u64(e, FIELD_WIN_STATUS, &status) || status == 0);
	if (u->id == EVENT_TGS)
		u->service = lower_text(s, e, FIELD_SERVICE_NAME);
	if (u->id == EVENT_NTLM)
		u->station = station_name(lower_text(s, e,
		    FIELD_WORKSTATION_4776));
	else if (u->id == EVENT_EXPLICIT || u->type == LOGON_SERVICE ||
	    u->type == LOGON_BATCH || u->type == LOGON_INTERACTIVE)
		u->station = station_name(lower_text(s, e,
		    FIELD_WIN_COMPUTER));
	else
		u->station = station_name(lower_text(s, e,
		    FIELD_WORKSTATION));
	/* On the source itself the address is the far side's, if anything. */
	if (u->id == EVENT_EXPLICIT)
		u->address = SPAN_NONE;
	return is_person_or_service(u->user) &&
	    (u->address.len != 0 || u->station.len != 0);
}

static void
service_account_event(struct detect *d, const struct event *e)
{
	struct scratch s;
	struct use u;

	s.used = 0;
	if (use_of(&s, e, &u))
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------- */

struct habit {
	uint32_t	n;		/* sign-ins with success */
	uint32_t	nsources;	/* over SOURCES_MAX: roams */
	int64_t		first;
	char		source[SOURCES_MAX][NAME_BYTES];
};

struct account {
	struct habit	addresses, stations;
	bool		is_service;
};

struct state {
	struct table	*accounts;	/* hash of the name */
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->accounts = table_new(sizeof(uint64_t), sizeof(struct account),
	    ACCOUNTS_MAX);
	return s->accounts != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->accounts);
}

static struct account *
account_of(struct detect *d, struct state *s, struct span user)
{
	uint64_t key = hash_bytes(user.ptr, user.len, 43);
	uint64_t before = table_evicted(s->accounts);
	struct account *a;
	bool made;

	a = table_put(s->accounts, &key, &made);
	if (table_evicted(s->accounts) != before)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
	return a;
}

static bool
named_as_service(struct span user)
{
	static const char *const starts[] = {
		"svc", "service", "srv_", "srv-", "srv.", "sa_", "sa-",
		"sql_", "app_", "app-"
	};
	static const char *const ends[] = {
		"svc", "_sa", "-sa", "service", "_srv", "-srv", "_app", "-app"
	};

	for (size_t i = 0; i < NITEMS(starts); i++)
		if (span_starts(user, span_str(starts[i])))
			return true;
	for (size_t i = 0; i < NITEMS(ends); i++)
		if (span_ends(user, span_str(ends[i])))
			return true;
	return false;
}

static int
place_of(const struct habit *h, struct span source)
{
	source.len = MIN_OF(source.len, NAME_BYTES - 1u);
	for (uint32_t i = 0; i < MIN_OF(h->nsources, SOURCES_MAX); i++)
		if (span_eq(span_str(h->source[i]), source))
			return (int)i;
	return -1;
}

static void
learn(struct habit *h, const struct event *e, struct span source)
{
	if (source.len == 0)
		return;
	if (h->n++ == 0)
		h->first = e->time;
	if (h->nsources > SOURCES_MAX || place_of(h, source) >= 0)
		return;
	if (h->nsources < SOURCES_MAX)
		set_text(h->source[h->nsources], NAME_BYTES, source);
	h->nsources++;
}

static bool
is_settled(const struct habit *h, int64_t time)
{
	return h->n >= HISTORY && h->nsources <= SOURCES_MAX &&
	    time_diff(time, h->first) >= HISTORY_SPAN;
}

/* Nodes of a cluster: the next address, the next number or letter. */
static bool
is_partner(struct span a, struct span b)
{
	struct addr x, y;
	size_t end_a = a.len, end_b = b.len;

	if (addr_parse(a, &x) && addr_parse(b, &y))
		return memcmp(x.b, y.b, 15) == 0 &&
		    x.b[15] - y.b[15] <= 2 && y.b[15] - x.b[15] <= 2;
	while (end_a != 0 && ascii_is_digit(a.ptr[end_a - 1]))
		end_a--;
	while (end_b != 0 && ascii_is_digit(b.ptr[end_b - 1]))
		end_b--;
	if (end_a == a.len && end_b == b.len && a.len == b.len && a.len > 3) {
		end_a--;
		end_b--;
	}
	return end_a > 2 && end_a != a.len && end_b != b.len &&
	    span_eq(span_sub(a, 0, end_a), span_sub(b, 0, end_b));
}

static bool
has_partner(const struct habit *h, struct span source)
{
	for (uint32_t i = 0; i < MIN_OF(h->nsources, SOURCES_MAX); i++)
		if (is_partner(span_str(h->source[i]), source))
			return true;
	return false;
}

static void
tell(struct detect *d, const struct event *e, const struct use *u,
    const struct habit *h, struct span source)
{
	bool partner = has_partner(h, source);
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	f.entity[ENTITY_USER] = u->user;
	f.entity[ENTITY_HOST] = source;
	f.entity[ENTITY_SRC_IP] = u->address;
	finding_entity(&f, ENTITY_DST_IP, &m, e, FIELD_WIN_COMPUTER);
	if (partner) {
		f.severity = SEV_LOW;
		f.confidence = 30;
	} else if (u->good && (u->type == LOGON_REMOTE ||
	    u->type == LOGON_INTERACTIVE)) {
		f.severity = SEV_HIGH;
		f.confidence = 80;
	} else if (!u->good) {
		f.confidence = 55;
	}
	buf_str(&d->text, "The service account ");
	text_clip(&d->text, u->user, 80);
	buf_str(&d->text, u->good ? " was used from " :
	    " was tried, without success, from ");
	text_clip(&d->text, source, 80);
	if (u->type == LOGON_REMOTE)
		buf_str(&d->text, " by remote desktop");
	buf_printf(&d->text, ", after %u sign-ins from %s", h->n,
	    h->source[0]);
	if (h->nsources > 1)
		buf_printf(&d->text, " and %u other%s only", h->nsources - 1,
		    h->nsources == 2 ? "" : "s");
	else
		buf_str(&d->text, " only");
	if (partner)
		buf_str(&d->text, "; it may be the partner of a cluster");
	buf_span(&d->fold, u->user);
	finding_raise(&f, d);
	arena_fini(&m);
}

/* The habit that the use falls out of, and with what source; or NULL. */
static const struct habit *
broken_habit(const struct account *a, const struct event *e,
    const struct use *u, struct span *source)
{
	const struct habit *h = u->address.len != 0 ? &a->addresses :
	    &a->stations;

	if (u->address.len != 0 && u->station.len != 0 &&
	    place_of(&a->stations, u->station) >= 0)
		return NULL;
	*source = u->address.len != 0 ? u->address : u->station;
	return is_settled(h, e->time) && place_of(h, *source) < 0 ? h : NULL;
}

static void
service_account_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct span source;
	const struct habit *h;
	struct account *a;
	struct scratch sc;
	struct use u;

	sc.used = 0;
	if (e->time == TIME_NONE || !use_of(&sc, e, &u))
		return;
	/* Who has tickets asked for it is a service. */
	if (u.id == EVENT_TGS && u.good && is_person_or_service(u.service) &&
	    span_find_byte(u.service, '/') == SPAN_NPOS &&
	    (a = account_of(d, s, u.service)) != NULL)
		a->is_service = true;
	if ((a = account_of(d, s, u.user)) == NULL)
		return;
	a->is_service |= u.type == LOGON_SERVICE || u.type == LOGON_BATCH ||
	    named_as_service(u.user);
	h = a->is_service ? broken_habit(a, e, &u, &source) : NULL;
	if (h != NULL) {
		tell(d, e, &u, h, source);
		return;		/* not learned: it stays unusual */
	}
	if (!u.good)
		return;
	learn(&a->addresses, e, u.address);
	learn(&a->stations, e, u.station);
}

const struct detector detector_service_account = {
	.name = "service-account",
	.title = "Service account used from an unusual host",
	.doc = "An account known as a service's (name, 4769, service or batch "
	    "logon) signs in, or tries to, from an address or workstation "
	    "outside the habit that the evidence shows: 20 sign-ins over a "
	    "day from at most six sources (4624, 4625, 4648, 4768, 4769, "
	    "4776). False alarms: services that moved; cluster partners are "
	    "told as low. Cost: sign-ins are kept.",
	.attack = "T1078.002",
	.advice = "Ask the service's owner whether it moved; if not, change "
	    "the account's password, and look at the unusual host for what "
	    "it did before.",
	.severity = SEV_MEDIUM,
	.confidence = 70,
	.kinds = kinds,
	.fields = fields,
	.event_ids = event_ids,
	.event = service_account_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = service_account_note,
	.fini = state_fini,
};
