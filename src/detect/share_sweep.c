/* SPDX-License-Identifier: Apache-2.0
 *
 * One source opens many servers' shares, ATT&CK T1021.002 and T1135.
 *
 * Behaviour: within WINDOW one address connects to administrative shares
 * (C$, ADMIN$) of ADMIN_SERVERS different servers, or to any shares of
 * ANY_SERVERS.  From packets (SMB tree connects) and events 5140 and 5145
 * alike; of 5145, which tells each file, the administrative shares and the
 * opening of a share's root.
 *
 * Known false alarms: backup, inventory and deployment servers; name them to
 * the operator by their address.  Where a computer's account does it (NAME$),
 * as such servers do, it is told one step milder.  IPC$, SYSVOL, NETLOGON and
 * print$ are what every client opens and are passed over, and a server that
 * opens its own shares.
 *
 * Cost: one compare a tree connect; of 5145 the share's name in lower case; a
 * table of SOURCES_MAX.
 */
#include "detect.h"

#define WINDOW		(10 * 60 * NSEC)
#define ADMIN_SERVERS	4u
#define ANY_SERVERS	10u
#define SOURCES_MAX	8192u
#define NAMES_SHOWN	6u
#define NAME_BYTES	80u

enum { EVENT_SHARE = 5140, EVENT_SHARE_FILE = 5145 };

static const uint8_t kinds[] = { KIND_SMB, KIND_WINEVENT, KIND_NONE };

static const uint16_t event_ids[] = { EVENT_SHARE, EVENT_SHARE_FILE, 0 };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_SMB_COMMAND, FIELD_SMB_STATUS,
	FIELD_SMB_SHARE, FIELD_WIN_EVENT_ID, FIELD_WIN_COMPUTER,
	FIELD_IP_ADDRESS, FIELD_SHARE_NAME, FIELD_SUBJECT_USER,
	FIELD_WIN_CHANNEL, FIELD_RELATIVE_TARGET, FIELD_OTHER
};

struct mount {
	struct span	src, server, share, user;
	bool		admin;
};

/* The last part of \\host\share. */
static struct span
share_part(struct span s)
{
	for (size_t i = s.len; i > 0; i--)
		if (s.ptr[i - 1] == '\\' || s.ptr[i - 1] == '/')
			return span_sub(s, i, SIZE_MAX);
	return s;
}

static bool
is_common(struct span share)
{
	static const char *const names[] = {
		"IPC$", "SYSVOL", "NETLOGON", "print$"
	};

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_eq_nocase(share, span_str(names[i])))
			return true;
	return share.len == 0;
}

/* ADMIN$ and the drives.  Other hidden shares (profiles$) hold what users
 * open every morning. */
static bool
is_admin(struct span share)
{
	return span_eq_nocase(share, SPAN_LIT("ADMIN$")) ||
	    (share.len == 2 && share.ptr[1] == '$');
}

/* Of 5145 only what opens a share; most others end here without a copy. */
static bool
is_share_event(const struct event *e)
{
	unsigned id = win_event(e, "Security");
	struct span share, file;
	struct scratch s;

	if (id != EVENT_SHARE_FILE)
		return id == EVENT_SHARE;
	s.used = 0;
	share = share_part(lower_text(&s, e, FIELD_SHARE_NAME));
	if (is_common(share))
		return false;
	file = lower_text(&s, e, FIELD_RELATIVE_TARGET);
	return is_admin(share) || file.len == 0 ||
	    span_eq(file, SPAN_LIT("\\"));
}

static bool
mount_of(struct arena *m, const struct event *e, struct mount *t)
{
	uint64_t n = 0;

	memset(t, 0, sizeof(*t));
	if (e->kind == KIND_SMB) {
		if (!span_eq(event_str(e, FIELD_SMB_COMMAND),
		    SPAN_LIT("tree_connect")) ||
		    (event_u64(e, FIELD_SMB_STATUS, &n) && n != 0))
			return false;
		t->src = event_text(m, e, FIELD_SRC_IP);
		t->server = event_text(m, e, FIELD_DST_IP);
		t->share = share_part(event_text(m, e, FIELD_SMB_SHARE));
	} else {
		if (!is_share_event(e))
			return false;
		t->src = client_name(event_text(m, e, FIELD_IP_ADDRESS));
		t->server = event_text(m, e, FIELD_WIN_COMPUTER);
		t->share = share_part(event_text(m, e, FIELD_SHARE_NAME));
		t->user = event_text(m, e, FIELD_SUBJECT_USER);
	}
	t->admin = is_admin(t->share);
	return t->src.len != 0 && !is_common(t->share);
}

static void
share_sweep_event(struct detect *d, const struct event *e)
{
	struct scratch s;
	struct arena m;
	struct mount t;

	if (e->kind == KIND_WINEVENT) {
		s.used = 0;
		if (is_share_event(e) && client_name(lower_text(&s, e,
		    FIELD_IP_ADDRESS)).len != 0)
			d->keep(d, e);
		return;
	}
	arena_init(&m, 256u << 10);
	if (mount_of(&m, e, &t))
		d->keep(d, e);
	arena_fini(&m);
}

/* -- in order ------------------------------------------------------------ */

struct sweep {
	int64_t			since;
	struct small_set	admin, any;	/* servers */
	struct locator		loc[EVIDENCE_MAX];
	int64_t			time[EVIDENCE_MAX];
	uint32_t		nloc, nnames;
	char			name[NAMES_SHOWN][NAME_BYTES];
	char			user[64];
	bool			told;
};

struct state {
	struct table	*sources;	/* hash of the address */
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->sources = table_new(sizeof(uint64_t), sizeof(struct sweep),
	    SOURCES_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->sources != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->sources);
	arena_fini(&s->arena);
}

static void
tell(struct detect *d, const struct sweep *w, struct span src,
    const struct mount *t)
{
	bool admin = w->admin.n >= ADMIN_SERVERS;
	struct finding f;

	finding_init(&f, d, NULL);
	for (uint32_t i = 0; i < w->nloc; i++)
		finding_evidence(&f, &w->loc[i], w->time[i]);
	f.entity[ENTITY_SRC_IP] = src;
	f.entity[ENTITY_HOST] = src;
	f.entity[ENTITY_USER] = w->user[0] != '\0' ? span_str(w->user) :
	    SPAN_NONE;
	f.entity[ENTITY_DST_IP] = t->server;
	if (!admin) {
		f.severity = SEV_MEDIUM;
		f.confidence = 60;
	}
	if (span_ends(span_str(w->user), SPAN_LIT("$"))) {
		f.severity--;
		f.confidence -= 25;
	}
	text_who(&d->text, src);
	buf_printf(&d->text, " opened %s of at least %u servers within ten "
	    "minutes: ", admin ? "administrative shares" : "shares",
	    admin ? w->admin.n : w->any.n);
	for (uint32_t i = 0; i < w->nnames; i++) {
		buf_str(&d->text, i == 0 ? "" : ", ");
		buf_str(&d->text, w->name[i]);
	}
	if (w->user[0] != '\0') {
		buf_str(&d->text, ", as ");
		buf_str(&d->text, w->user);
	}
	buf_span(&d->fold, src);
	finding_raise(&f, d);
}

static void
add_mount(struct sweep *w, const struct event *e, const struct mount *t)
{
	bool new_any = small_set_add(&w->any, t->server);
	bool new_admin = t->admin && small_set_add(&w->admin, t->server);

	if (t->user.len != 0)
		set_text(w->user, sizeof(w->user), t->user);
	if (!new_any && !new_admin)
		return;
	if (w->nloc < EVIDENCE_MAX) {
		w->loc[w->nloc] = e->loc;
		w->time[w->nloc++] = e->time;
	}
	if (w->nnames < NAMES_SHOWN) {
		struct buf b;

		buf_init(&b, NAME_BYTES);
		buf_str(&b, "\\\\");
		text_clip(&b, t->server, 40);
		buf_byte(&b, '\\');
		text_clip(&b, t->share, 24);
		set_text(w->name[w->nnames++], NAME_BYTES, buf_view(&b));
		buf_fini(&b);
	}
}

static void
share_sweep_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct mount t;
	struct sweep *w;
	uint64_t key;
	bool made;

	arena_reset(&s->arena);
	if (!mount_of(&s->arena, e, &t) || e->time == TIME_NONE)
		return;
	/* The wire names servers by address, the log by name: counted apart,
	 * folded into one finding. */
	key = hash_bytes(t.src.ptr, t.src.len, 19 + e->kind);
	if ((w = table_put(s->sources, &key, &made)) == NULL)
		return;
	if (made || time_diff(e->time, w->since) > WINDOW) {
		memset(w, 0, sizeof(*w));
		w->since = e->time;
	}
	add_mount(w, e, &t);
	if (!w->told && (w->admin.n >= ADMIN_SERVERS ||
	    w->any.n >= ANY_SERVERS)) {
		w->told = true;
		tell(d, w, t.src, &t);
	}
}

const struct detector detector_share_sweep = {
	.name = "share-sweep",
	.title = "One source opening many servers' shares",
	.doc = "Administrative shares of four servers, or shares of ten, "
	    "opened by one address within ten minutes; from packets and "
	    "events 5140 and 5145. False alarms: backup, inventory and "
	    "deployment servers; computers' accounts are told milder.",
	.attack = "T1021.002 T1135",
	.advice = "Disable the account, isolate the source, and read in the "
	    "servers' event 5145 which files were opened.",
	.severity = SEV_HIGH,
	.confidence = 85,
	.kinds = kinds,
	.fields = fields,
	.event_ids = event_ids,
	.event = share_sweep_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = share_sweep_note,
	.fini = state_fini,
};
