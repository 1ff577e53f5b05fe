/* SPDX-License-Identifier: Apache-2.0
 *
 * One client reads out the directory, ATT&CK T1087.002, T1069.002, T1033,
 * T1482, or all its secrets: T1003.006 (DCSync).
 *
 * Behaviour, from DCE/RPC calls (packets, Zeek, Suricata) and LDAP searches:
 * - DRSGetNCChanges from a host that is no domain controller;
 * - within WINDOW one address asks for what SharpHound, PowerView, enum4linux
 *   and net.exe in series ask for: LISTINGS kinds of listing over SAMR (users,
 *   groups, aliases), or one of LISTED_SERVERS servers; who is signed in
 *   (NetrSessionEnum, NetrWkstaUserEnum) or local group members of
 *   SESSION_SERVERS servers; shares of SHARE_SERVERS; LSA_CALLS translations
 *   of names and SIDs; LDAP filters whose only use is to find what can be
 *   attacked (SPNs of users, no pre-authentication, delegation, LAPS).
 *
 * Thresholds: a client signs in with SAMR lookups by name (not counted) and
 * Explorer lists shares of the one server that is opened; the object picker
 * lists users or groups, seldom both, of one server.  Administrators' consoles
 * look at some few servers an hour.  File servers translate tens of SIDs when
 * an ACL is shown; cycling through RIDs takes 500 at least.
 *
 * Known false alarms: Entra Connect (replicates: allow its address), inventory
 * and management servers, vulnerability scanners.  Domain controllers (served
 * Kerberos or LDAP, or were called over DRSUAPI) are passed over; what computer
 * accounts (NAME$) do is told one step milder.  Roles are looked at when all
 * was read, so their order does not matter.
 *
 * Cost: a compare a call, the filter of a search in lower case; a table of
 * SOURCES_MAX.
 */
#include "detect.h"

#define WINDOW		(10 * 60 * NSEC)
#define LISTINGS	2u
#define LISTED_SERVERS	3u
#define SESSION_SERVERS	5u
#define SHARE_SERVERS	10u
#define LSA_CALLS	500u
#define FILTERS_HIGH	2u
#define SOURCES_MAX	8192u
#define CONTROLLERS_MAX	4096u

enum act {		/* what a call or search is of */
	ACT_NONE, ACT_SYNC, ACT_DRS, ACT_LIST, ACT_SESSION, ACT_SHARE,
	ACT_LSA, ACT_FILTER
};

static const uint8_t kinds[] = { KIND_DCERPC, KIND_LDAP, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_DCERPC_ENDPOINT,
	FIELD_DCERPC_OPERATION, FIELD_LDAP_OPERATION, FIELD_LDAP_FILTER,
	FIELD_NTLM_USER, FIELD_OTHER
};

/* Operations; prefixes where they end in *.  bit: the kind of listing. */
static const struct {
	const char	*name;
	uint8_t		 act, bit;
} ops[] = {
	{ "DRSGetNCChanges", ACT_SYNC, 0 },
	{ "SamrEnumerateUsersInDomain", ACT_LIST, 0 },
	{ "SamrQueryDisplayInformation*", ACT_LIST, 1 },
	{ "SamrEnumerateGroupsInDomain", ACT_LIST, 2 },
	{ "SamrEnumerateAliasesInDomain", ACT_LIST, 3 },
	{ "SamrGetMembersInGroup", ACT_LIST, 4 },
	{ "SamrGetMembersInAlias", ACT_SESSION, 0 },
	{ "NetrSessionEnum", ACT_SESSION, 0 },
	{ "NetrWkstaUserEnum", ACT_SESSION, 0 },
	{ "NetrShareEnum", ACT_SHARE, 0 },
	{ "LsarLookupSids*", ACT_LSA, 0 },
	{ "LsarLookupNames*", ACT_LSA, 0 },
};

/* Parts of filters in lower case, all of which must be there. */
static const struct {
	const char	*what, *part[3];
	bool		 weak;	/* tells nothing alone */
} filters[] = {
	{ "users with SPNs", { "(serviceprincipalname=*)",
	    "(samaccounttype=805306368)", NULL }, false },
	{ "users with SPNs", { "(serviceprincipalname=*)",
	    "(objectcategory=person)", NULL }, false },
	{ "users with SPNs", { "(serviceprincipalname=*)",
	    "(objectclass=user)", NULL }, false },
	{ "accounts without pre-authentication",
	    { "useraccountcontrol:1.2.840.113556.1.4.803:=4194304)", NULL,
	    NULL }, false },
	{ "hosts trusted for delegation",
	    { "useraccountcontrol:1.2.840.113556.1.4.803:=524288)", NULL,
	    NULL }, false },
	{ "constrained delegation", { "(msds-allowedtodelegateto=*)", NULL,
	    NULL }, false },
	{ "constrained delegation",
	    { "(msds-allowedtoactonbehalfofotheridentity=*)", NULL, NULL },
	    false },
	{ "LAPS passwords", { "(ms-mcs-admpwd", "=*)", NULL }, false },
	{ "all principals", { "(samaccounttype=805306368)",
	    "(samaccounttype=805306369)", "(samaccounttype=268435456)" },
	    false },
	{ "protected accounts", { "(admincount=1)", NULL, NULL }, true },
	{ "trusts", { "(objectclass=trusteddomain)", NULL, NULL }, true },
};

static enum act
act_of_call(const struct event *e, unsigned *bit)
{
	struct span op = event_str(e, FIELD_DCERPC_OPERATION);

	for (size_t i = 0; i < NITEMS(ops); i++) {
		struct span name = span_str(ops[i].name);
		bool any = span_ends(name, SPAN_LIT("*"));

		*bit = ops[i].bit;
		if (any && span_starts(op, span_sub(name, 0, name.len - 1)))
			return ops[i].act;
		if (!any && span_eq(op, name))
			return ops[i].act;
	}
	return span_eq(event_str(e, FIELD_DCERPC_ENDPOINT),
	    SPAN_LIT("drsuapi")) ? ACT_DRS : ACT_NONE;
}

/* Bits of filters[]. */
static unsigned
filter_bits(const struct event *e)
{
	struct scratch s = { .used = 0 };
	struct span f = lower_text(&s, e, FIELD_LDAP_FILTER);
	unsigned bits = 0;

	for (size_t i = 0; i < NITEMS(filters); i++) {
		bool all = true;

		for (unsigned k = 0; k < 3 && filters[i].part[k] != NULL; k++)
			all &= span_find(f, span_str(filters[i].part[k])) !=
			    SPAN_NPOS;
		bits |= (unsigned)all << i;
	}
	return bits;
}

static enum act
act_of(const struct event *e, unsigned *bits)
{
	if (e->kind == KIND_DCERPC)
		return act_of_call(e, bits);
	*bits = filter_bits(e);
	return *bits != 0 ? ACT_FILTER : ACT_NONE;
}

static void
admin_enumeration_event(struct detect *d, const struct event *e)
{
	unsigned bits;

	if (e->time != TIME_NONE && act_of(e, &bits) != ACT_NONE)
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

struct source {
	int64_t			since;
	struct addr		src, dst;
	struct small_set	listed, sessions, shares;	/* servers */
	unsigned		listings, filters;	/* bits */
	uint32_t		lsa;
	bool			hit;		/* stays so */
	struct locator		loc[EVIDENCE_MAX];
	int64_t			time[EVIDENCE_MAX];
	uint32_t		nloc;
	char			user[64];
	/* DRSGetNCChanges */
	struct addr		sync_dst;
	struct locator		sync_loc[EVIDENCE_MAX];
	int64_t			sync_time[EVIDENCE_MAX];
	uint32_t		nsync;
};

struct state {
	struct table	*sources;	/* struct addr */
	struct table	*controllers;	/* struct addr; called over DRSUAPI */
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->sources = table_new(sizeof(struct addr), sizeof(struct source),
	    SOURCES_MAX);
	s->controllers = table_new(sizeof(struct addr), 1, CONTROLLERS_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->sources != NULL && s->controllers != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->sources);
	table_free(s->controllers);
	arena_fini(&s->arena);
}

/* Kinds of what filters look for; rows of one text are one kind. */
static unsigned
filter_kinds(unsigned bits, bool *strong)
{
	unsigned n = 0;

	*strong = false;
	for (size_t i = 0; i < NITEMS(filters); i++) {
		if ((bits >> i & 1) == 0)
			continue;
		*strong |= !filters[i].weak;
		for (size_t k = i + 1; k < NITEMS(filters); k++)
			if (strcmp(filters[k].what, filters[i].what) == 0)
				bits &= ~(1u << k);
		n++;
	}
	return n;
}

static bool
is_enough(const struct source *w)
{
	bool strong;

	(void)filter_kinds(w->filters, &strong);
	return strong || filter_kinds(w->filters, &strong) >= FILTERS_HIGH ||
	    (unsigned)__builtin_popcount(w->listings) >= LISTINGS ||
	    w->listed.n >= LISTED_SERVERS ||
	    w->sessions.n >= SESSION_SERVERS || w->shares.n >= SHARE_SERVERS ||
	    w->lsa >= LSA_CALLS;
}

static void
count(struct source *w, const struct event *e, enum act act, unsigned bits,
    const struct addr *dst)
{
	struct span server = span_of(dst->b, sizeof(dst->b));
	bool is_new = false;

	switch (act) {
	case ACT_LIST:
		is_new = (w->listings >> bits & 1) == 0;
		w->listings |= 1u << bits;
		is_new |= small_set_add(&w->listed, server);
		break;
	case ACT_SESSION:
		is_new = small_set_add(&w->sessions, server);
		break;
	case ACT_SHARE:
		is_new = small_set_add(&w->shares, server);
		break;
	case ACT_FILTER:
		is_new = (bits & ~w->filters) != 0;
		w->filters |= bits;
		break;
	default:
		is_new = w->lsa++ == 0;
		break;
	}
	if (is_new && w->nloc < EVIDENCE_MAX) {
		w->loc[w->nloc] = e->loc;
		w->time[w->nloc++] = e->time;
	}
}

/* A window that led to nothing is over. */
static void
fresh(struct source *w, int64_t time)
{
	w->listed.n = w->sessions.n = w->shares.n = 0;
	w->listings = w->filters = 0;
	w->lsa = w->nloc = 0;
	w->since = time;
}

static void
admin_enumeration_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	unsigned bits;
	enum act act = act_of(e, &bits);
	struct addr src, dst;
	struct source *w;
	struct span user;
	bool made;

	(void)d;
	if (act == ACT_NONE || !event_addr(e, FIELD_SRC_IP, &src) ||
	    !event_addr(e, FIELD_DST_IP, &dst) || addr_eq(&src, &dst))
		return;
	if (act == ACT_SYNC || act == ACT_DRS)
		(void)table_put(s->controllers, &dst, &made);
	if (act == ACT_DRS ||
	    (w = table_put(s->sources, &src, &made)) == NULL)
		return;
	arena_reset(&s->arena);
	user = event_text(&s->arena, e, FIELD_NTLM_USER);
	if (user.len != 0)
		set_text(w->user, sizeof(w->user), user);
	w->src = src;
	if (act == ACT_SYNC) {
		w->sync_dst = dst;
		if (w->nsync < EVIDENCE_MAX) {
			w->sync_loc[w->nsync] = e->loc;
			w->sync_time[w->nsync++] = e->time;
		}
		return;
	}
	if (!w->hit && (made || time_diff(e->time, w->since) > WINDOW))
		fresh(w, e->time);
	w->dst = dst;
	count(w, e, act, bits, &dst);
	w->hit = w->hit || is_enough(w);
}

/* -- judging, when all was read ------------------------------------------ */

static bool
is_controller(const struct detect *d, const struct state *s,
    const struct addr *a)
{
	const struct host_seen *h = detect_host(d, a);
	uint32_t served = h == NULL ? 0 : h->served | h->served_once;

	return (served & (1u << FLOW_KRB5 | 1u << FLOW_LDAP)) != 0 ||
	    table_get(s->controllers, a) != NULL;
}

static void
who(struct finding *f, struct state *s, const struct source *w,
    const struct addr *dst)
{
	f->entity[ENTITY_SRC_IP] = addr_text(&s->arena, &w->src);
	f->entity[ENTITY_HOST] = f->entity[ENTITY_SRC_IP];
	f->entity[ENTITY_DST_IP] = addr_text(&s->arena, dst);
	if (w->user[0] != '\0')
		f->entity[ENTITY_USER] = span_str(w->user);
}

static void
tell_sync(struct detect *d, struct state *s, const struct source *w)
{
	struct finding f;

	finding_init(&f, d, NULL);
	for (uint32_t i = 0; i < w->nsync; i++)
		finding_evidence(&f, &w->sync_loc[i], w->sync_time[i]);
	who(&f, s, w, &w->sync_dst);
	f.severity = SEV_HIGH;
	f.confidence = 85;
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " is no domain controller and replicates the "
	    "directory (DRSGetNCChanges) from ");
	buf_span(&d->text, f.entity[ENTITY_DST_IP]);
	if (w->user[0] != '\0')
		buf_printf(&d->text, ", as %s", w->user);
	buf_str(&d->fold, "sync ");
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	finding_raise(&f, d);
}

static void
put_what(struct buf *b, const struct source *w)
{
	const char *sep = "";

	for (size_t i = 0; i < NITEMS(filters); i++) {
		bool told = (w->filters >> i & 1) == 0;

		for (size_t k = 0; k < i; k++)
			told |= (w->filters >> k & 1) != 0 &&
			    strcmp(filters[k].what, filters[i].what) == 0;
		if (told)
			continue;
		buf_printf(b, "%s%s", sep, filters[i].what);
		sep = ", ";
	}
	if (w->listings != 0) {
		buf_printf(b, "%s%u kinds of account lists of %u servers",
		    sep, (unsigned)__builtin_popcount(w->listings),
		    w->listed.n);
		sep = ", ";
	}
	if (w->sessions.n != 0) {
		buf_printf(b, "%ssessions or local groups of %u servers",
		    sep, w->sessions.n);
		sep = ", ";
	}
	if (w->shares.n != 0) {
		buf_printf(b, "%sshares of %u servers", sep, w->shares.n);
		sep = ", ";
	}
	if (w->lsa != 0)
		buf_printf(b, "%s%u translations of names and SIDs", sep,
		    w->lsa);
}

static void
tell_list(struct detect *d, struct state *s, const struct source *w)
{
	struct finding f;
	bool strong;

	finding_init(&f, d, NULL);
	for (uint32_t i = 0; i < w->nloc; i++)
		finding_evidence(&f, &w->loc[i], w->time[i]);
	who(&f, s, w, &w->dst);
	if (w->sessions.n >= SESSION_SERVERS ||
	    filter_kinds(w->filters, &strong) >= FILTERS_HIGH) {
		f.severity = SEV_HIGH;
		f.confidence = 75;
	}
	if (span_ends(span_str(w->user), SPAN_LIT("$"))) {
		f.severity--;
		f.confidence -= 25;
	}
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " read out the directory: ");
	put_what(&d->text, w);
	if (w->user[0] != '\0')
		buf_printf(&d->text, ", as %s", w->user);
	buf_str(&d->fold, "list ");
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	finding_raise(&f, d);
}

static void
admin_enumeration_end(struct detect *d, void *p)
{
	struct state *s = p;
	const void *key;
	void *value;

	if (table_evicted(s->sources) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
	for (uint32_t it = 0; table_next(s->sources, &it, &key, &value);) {
		const struct source *w = value;

		if ((w->nsync == 0 && !w->hit) ||
		    is_controller(d, s, &w->src))
			continue;
		arena_reset(&s->arena);
		if (w->nsync != 0)
			tell_sync(d, s, w);
		if (w->hit)
			tell_list(d, s, w);
	}
}

const struct detector detector_admin_enumeration = {
	.name = "admin-enumeration",
	.title = "Directory read out by one client",
	.doc = "Lists of accounts, sessions and shares over SAMR, SRVSVC and "
	    "WKSSVC, LDAP filters that look for what can be attacked, and "
	    "replication by a host that is no domain controller (DCSync); "
	    "from packets and Zeek. False alarms: Entra Connect, inventory "
	    "and management servers, scanners.",
	.attack = "T1087.002 T1069.002 T1033 T1135 T1003.006",
	.advice = "Find out which account and program asked. After "
	    "replication by a stranger: all passwords of the domain, krbtgt "
	    "twice.",
	.severity = SEV_MEDIUM,
	.confidence = 60,
	.kinds = kinds,
	.fields = fields,
	.event = admin_enumeration_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = admin_enumeration_note,
	.hosts = true,
	.end = admin_enumeration_end,
	.fini = state_fini,
};
