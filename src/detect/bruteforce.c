/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords are guessed, ATT&CK T1110.001, T1110.003 (spray), T1110.004.
 *
 * From what protocols and hosts tell of sign-ins: Kerberos AS errors, SSH
 * sessions, SMB and NTLM status, FTP replies, HTTP 401 and sign-in forms,
 * negotiations of RDP, auth logs, Windows 4624, 4625, 4648, 4768, 4771, 4776.
 *   one source   BURST_TRIES refused at one server in ten minutes, a dozen
 *                in as many seconds, or DAY_TRIES in a day
 *   spray        SPRAY_HOUR accounts refused to one source in an hour, or
 *                SPRAY_DAY in a day, few tries each, more accounts than it
 *                got in with: places where many sign in mistype too
 *   taking turns sources that got in nowhere in that day, SOURCES of them or
 *                more, at many accounts of one server, few tries each; where
 *                accounts are not told, TRIES_BLIND tries
 * Who gets in after that raises the weight.  From conversations alone, after
 * Hofstede and others (SSHCure 2014): many short ones with a service for
 * sign-ins, nearly equal in both directions; one much larger later got in.
 *
 * Known false alarms: a program with an old password, which is one account
 * from the inside and told as low; a load balancer that signs in to look
 * whether a server lives; the noise at an SSH server that the world can reach,
 * told as low while nobody gets in.  Conversations with a server that lets the
 * source in are not told.
 *
 * Cost: conversations a switch on the port, for those ports one table; sign-ins
 * two to four tables.  Bounds: GUESSES_MAX, SERVERS_MAX of 24 KB, GOOD_MAX,
 * TALKS_MAX: some 50 MB when full; what was quiet longest makes room.
 */
#include <stdlib.h>

#include "detect.h"

#define BURST_TRIES	20u
#define BURST		(10 * 60 * NSEC)
#define FAST_TRIES	12u
#define FAST		(12 * NSEC)	/* no program asks again so soon */
#define DAY		(24 * 3600 * NSEC)
#define DAY_TRIES	60u
#define HOUR		(3600 * NSEC)
#define SPRAY_HOUR	8u		/* accounts */
#define SPRAY_DAY	15u
#define SPRAY_EACH	3u		/* tries an account, on average */
#define SOURCES		10u
#define TURN_USERS	15u
#define TRIES_BLIND	40u
#define TRIES_EACH	12u		/* a source, on average */
#define AFTER		HOUR		/* who gets in so soon guessed it */
#define GUESSES_MAX	16384u
#define SERVERS_MAX	256u
#define TRIES_MAX	1024u
#define GOOD_MAX	65536u
#define TALKS_MAX	32768u
#define TALKS_COSTLY	30u		/* in BURST; SSH, RDP, SMB … */
#define TALKS_CHEAP	100u		/* LDAP, data bases */
#define NAMES_SHOWN	5u
#define NAME_BYTES	48u

/* -- sign-ins ------------------------------------------------------------ */

static const uint8_t kinds[] = {
	KIND_KRB5, KIND_SSH, KIND_SMB, KIND_NTLM, KIND_FTP, KIND_HTTP,
	KIND_RDP, KIND_AUTH, KIND_WINEVENT, KIND_NONE
};

static const uint16_t fields[] = { SIGN_IN_FIELDS, FIELD_OTHER };

/* false: it has nothing to do with guessing. */
static bool
try_of(struct arena *m, const struct event *e, struct sign_in *s)
{
	return sign_in_of(m, e, s) && s->is_sure && s->src.len != 0 &&
	    /* Computers' own accounts are not guessed, and get in all the
	     * time. */
	    (e->kind != KIND_WINEVENT || !sign_in_is_system(s->user));
}

static void
brute_event(struct detect *d, const struct event *e)
{
	struct sign_in s;
	struct arena m;

	if (e->time == TIME_NONE || (e->kind == KIND_WINEVENT &&
	    win_event(e, "Security") == 0))
		return;
	arena_init(&m, 64u << 10);
	if (try_of(&m, e, &s))
		d->keep(d, e);
	arena_fini(&m);
}

/* -- state --------------------------------------------------------------- */

/* One source at one server and service, or (spray) at all of them. */
struct guess {
	int64_t		first, last, day;
	int64_t		newest[BURST_TRIES];
	int64_t		fresh[SPRAY_HOUR];	/* times of new accounts */
	struct small_set users, good;	/* refused; got in */
	uint32_t	turn, nfresh;
	uint32_t	tries, all, unknown, nnames;
	struct places	at;
	struct evidence	in_at;
	char		name[NAMES_SHOWN][NAME_BYTES];
	char		src[64], server[96], in_as[NAME_BYTES];
	uint8_t		service;
	bool		told, spray, in, shown;
};

struct try {
	uint64_t	src, key, user;	/* hashes; key: of its guess */
	int64_t		time;
};

/* One server and service, whoever tries. */
struct server {
	struct try	ring[TRIES_MAX];	/* of a day */
	uint32_t	n;
	int64_t		since, first, last;
	struct places	at, now;	/* of what is told; of this day */
	uint32_t	sources, users, tries, unknown;
	bool		told, shown, outside;
	char		name[96], src[64];
	uint8_t		service;
};

/* One source and port of a server, conversations alone. */
struct talk_key {
	struct addr	src, dst;
	uint16_t	port, zero;
};

struct talk {
	int64_t		since, first, last;
	double		up, down, took;	/* means of the alike */
	uint32_t	n, alike, all;
	struct places	at;
	struct evidence	in_at;
	uint64_t	in_bytes;
	uint8_t		service, flags;
	bool		told, in, fresh;
};

struct state {
	struct table	*guesses;	/* hash */
	struct table	*good;		/* hash: when it got in */
	struct table	*servers;	/* hash: index */
	struct table	*talks;		/* struct talk_key */
	struct server	*server[SERVERS_MAX];
	uint32_t	 n;
	bool		 full;
};

static bool
brute_init(void *p)
{
	struct state *s = p;

	s->guesses = table_new(sizeof(uint64_t), sizeof(struct guess),
	    GUESSES_MAX);
	s->good = table_new(sizeof(uint64_t), sizeof(int64_t), GOOD_MAX);
	s->servers = table_new(sizeof(uint64_t), sizeof(uint32_t),
	    SERVERS_MAX);
	s->talks = table_new(sizeof(struct talk_key), sizeof(struct talk),
	    TALKS_MAX);
	return s->guesses != NULL && s->good != NULL && s->servers != NULL &&
	    s->talks != NULL;
}

static void
brute_fini(void *p)
{
	struct state *s = p;

	for (uint32_t i = 0; i < s->n; i++)
		free(s->server[i]);
	table_free(s->guesses);
	table_free(s->good);
	table_free(s->servers);
	table_free(s->talks);
}

static uint64_t
hash_of(struct span s, uint64_t seed)
{
	return hash_bytes(s.ptr, s.len, seed);
}

static uint64_t
guess_key(const struct sign_in *in)
{
	return hash_of(in->server, hash_of(in->src, in->service + 1u));
}

static struct guess *
guess_of(struct state *s, uint64_t key, const struct event *e,
    const struct sign_in *in)
{
	struct guess *g;
	bool made;

	if ((g = table_put(s->guesses, &key, &made)) == NULL)
		return NULL;
	if (!made && (g->told || time_diff(e->time, g->day) <= DAY))
		return g;
	memset(g, 0, sizeof(*g));
	g->first = g->day = e->time;
	g->service = (uint8_t)in->service;
	set_text(g->src, sizeof(g->src), in->src);
	set_text(g->server, sizeof(g->server), in->server);
	return g;
}

/* -- one source ---------------------------------------------------------- */

static void
add_user(struct guess *g, const struct event *e, const struct sign_in *in)
{
	uint64_t user = sign_in_user(in->user);

	if (user == 0 || !small_set_add(&g->users, span_of(&user,
	    sizeof(user))))
		return;
	g->fresh[g->nfresh++ % SPRAY_HOUR] = e->time;
	if (g->nnames < NAMES_SHOWN)
		set_text(g->name[g->nnames++], NAME_BYTES, in->user);
}

static void
add_try(struct guess *g, const struct event *e, const struct sign_in *in)
{
	g->newest[g->turn++ % BURST_TRIES] = g->last = e->time;
	g->tries++;
	g->all++;
	g->unknown += in->no_account;
	g->shown = true;
	places_add(&g->at, &e->loc, e->time);
	add_user(g, e, in);
}

static void
judge_guess(struct guess *g)
{
	int64_t oldest = g->newest[g->turn % BURST_TRIES];

	g->told |= g->tries >= DAY_TRIES || (g->tries >= BURST_TRIES &&
	    time_diff(g->last, oldest) <= BURST);
	oldest = g->newest[(g->turn - FAST_TRIES) % BURST_TRIES];
	g->told |= g->tries >= FAST_TRIES && time_diff(g->last, oldest) <=
	    FAST;
}

static void
judge_spray(struct guess *g)
{
	bool hour = g->users.n >= SPRAY_HOUR && time_diff(g->last,
	    g->fresh[g->nfresh % SPRAY_HOUR]) <= HOUR;

	if (g->tries > SPRAY_EACH * MAX_OF(g->users.n, 1u) &&
	    g->users.n < SMALL_SET_MAX)
		return;
	/* Names that Kerberos does not know are looked for: see scan.c. */
	if (g->service == SIGN_KERBEROS && g->unknown * 10 >= g->tries * 9)
		return;
	if ((hour || g->users.n >= SPRAY_DAY) && g->users.n > g->good.n)
		g->told = g->spray = true;
}

static void
got_in(struct guess *g, const struct event *e, const struct sign_in *in)
{
	uint64_t user = sign_in_user(in->user);

	if (user != 0)
		(void)small_set_add(&g->good, span_of(&user, sizeof(user)));
	if (!g->told || g->in || time_diff(e->time, g->last) > AFTER)
		return;
	/* With an account that it had tried; in a spray, where each is tried
	 * once, any that it gets in with at once. */
	if (user != 0 && g->users.n != 0 && g->users.n < SMALL_SET_MAX &&
	    !small_set_has(&g->users, span_of(&user, sizeof(user))) &&
	    (!g->spray || time_diff(e->time, g->last) > BURST))
		return;
	g->in = true;
	g->in_at = (struct evidence){ e->loc, e->time };
	set_text(g->in_as, sizeof(g->in_as), in->user);
}

/* -- many sources -------------------------------------------------------- */

static struct server *
server_of(struct state *s, const struct sign_in *in)
{
	uint64_t key = hash_of(in->server, in->service + 77u);
	uint32_t *index = table_get(s->servers, &key);
	struct server *v;
	bool made;

	if (index != NULL)
		return s->server[*index];
	s->full |= s->n == SERVERS_MAX;
	if (s->full || (v = calloc(1, sizeof(*v))) == NULL)
		return NULL;
	if ((index = table_put(s->servers, &key, &made)) == NULL) {
		free(v);
		return NULL;
	}
	*index = s->n;
	s->server[s->n++] = v;
	v->service = (uint8_t)in->service;
	v->since = INT64_MIN;
	set_text(v->name, sizeof(v->name), in->server);
	return v;
}

static int
by_source(const void *a, const void *b)
{
	const struct try *x = a, *y = b;

	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	return (x->user > y->user) - (x->user < y->user);
}

static int
by_user(const void *a, const void *b)
{
	const struct try *x = a, *y = b;

	return (x->user > y->user) - (x->user < y->user);
}

/* Leaves out who got in, within the day, and sorts the rest by source. */
static uint32_t
strangers(const struct state *s, const struct server *v, struct try *t,
    uint32_t *honest)
{
	uint32_t n = 0;

	*honest = 0;
	for (uint32_t i = 0; i < MIN_OF(v->n, TRIES_MAX); i++) {
		const struct try *x = &v->ring[i];
		const int64_t *in = table_find(s->good, &x->key);

		if (in != NULL && time_diff(*in, v->since) > -DAY)
			(*honest)++;
		else
			t[n++] = *x;
	}
	qsort(t, n, sizeof(*t), by_source);
	return n;
}

/* The day is over: did many strangers take turns? */
static void
judge_day(const struct state *s, struct server *v)
{
	static struct try t[TRIES_MAX];
	uint32_t honest, n = strangers(s, v, t, &honest);
	uint32_t sources = 0, users = 0, sharing = 0, mine = 0;

	for (uint32_t i = 0; i < n; i++) {
		bool same = i != 0 && t[i].src == t[i - 1].src;

		sources += !same;
		mine = same ? mine + (t[i].user != t[i - 1].user) : 1;
		sharing += same && mine == 2 && t[i].user != t[i - 1].user;
	}
	qsort(t, n, sizeof(*t), by_user);
	for (uint32_t i = 0; i < n; i++)
		users += t[i].user != 0 && (i == 0 ||
		    t[i].user != t[i - 1].user);
	if (sources < SOURCES || n > sources * TRIES_EACH)
		return;
	/* With accounts: few tries each, and sources that try several; or
	 * nearly nobody who failed ever got in. */
	if (users != 0 && (users < TURN_USERS || n > users * SPRAY_EACH ||
	    (sharing * 4 < sources && (honest * 4 > n || honest == 0))))
		return;
	if (users == 0 && n < TRIES_BLIND)
		return;
	if (v->told && sources <= v->sources)
		return;
	v->told = v->shown = true;
	v->sources = sources;
	v->users = users;
	v->tries = n;
	v->at = v->now;
	v->first = v->since;
}

static void
add_turn(struct state *s, const struct event *e, const struct sign_in *in,
    uint64_t key)
{
	struct server *v = server_of(s, in);
	struct addr a;

	if (v == NULL)
		return;
	if (v->since == INT64_MIN || time_diff(e->time, v->since) > DAY) {
		if (v->n != 0)
			judge_day(s, v);
		v->since = e->time;
		v->n = v->unknown = 0;
		memset(&v->now, 0, sizeof(v->now));
	}
	v->ring[v->n++ % TRIES_MAX] = (struct try){ hash_of(in->src, 1), key,
	    sign_in_user(in->user), e->time };
	v->unknown += in->no_account;
	v->last = e->time;
	places_add(&v->now, &e->loc, e->time);
	set_text(v->src, sizeof(v->src), in->src);
	v->outside |= addr_parse(in->src, &a) && !addr_is_private(&a);
}

static void
brute_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct guess *one, *all;
	struct sign_in in;
	struct arena m;
	uint64_t key, src_key;
	int64_t *good;
	bool made;

	(void)d;
	arena_init(&m, 64u << 10);
	if (!try_of(&m, e, &in))
		goto out;
	key = guess_key(&in);
	src_key = hash_of(in.src, in.service + 900u);
	if (in.result == SIGN_GOT_IN) {
		if ((good = table_put(s->good, &key, &made)) != NULL)
			*good = e->time;
		if ((one = table_get(s->guesses, &key)) != NULL)
			got_in(one, e, &in);
		if ((all = table_get(s->guesses, &src_key)) != NULL)
			got_in(all, e, &in);
		goto out;
	}
	if (in.service != SIGN_EXPLICIT &&
	    (one = guess_of(s, key, e, &in)) != NULL) {
		add_try(one, e, &in);
		judge_guess(one);
	}
	if (in.user.len != 0 &&
	    (all = guess_of(s, src_key, e, &in)) != NULL) {
		add_try(all, e, &in);
		judge_spray(all);
	}
	if (in.result == SIGN_REFUSED)
		add_turn(s, e, &in, key);
out:
	arena_fini(&m);
}

/* -- conversations alone ------------------------------------------------- */

/* What a refused sign-in looks like: bounds of a conversation's sizes. */
struct shape {
	uint16_t	up_min, up_max, down_min, down_max;	/* bytes */
	uint8_t		seconds;
	uint8_t		service;
	bool		cheap;		/* programs do it all the time */
};

static const struct shape *
shape_of(uint16_t port)
{
	static const struct shape
	    ssh = { 700, 8000, 700, 8000, 60, SIGN_SSH, false },
	    rdp = { 300, 9000, 300, 9000, 30, SIGN_RDP, false },
	    smb = { 300, 4000, 200, 4000, 15, SIGN_SMB, false },
	    ldap = { 30, 500, 14, 500, 10, SIGN_LDAP, true },
	    ftp = { 20, 600, 60, 3000, 60, SIGN_FTP, false },
	    telnet = { 12, 600, 30, 3000, 60, SIGN_TELNET, false },
	    vnc = { 12, 200, 12, 400, 30, SIGN_VNC, false },
	    winrm = { 400, 6000, 200, 6000, 30, SIGN_WINRM, false },
	    base = { 60, 1500, 60, 1500, 10, SIGN_DATABASE, true },
	    mail = { 30, 3000, 60, 9000, 60, SIGN_MAIL, true };

	switch (port) {
	case 22: case 2222:
		return &ssh;
	case 3389:
		return &rdp;
	case 139: case 445:
		return &smb;
	case 389: case 636:
		return &ldap;
	case 21:
		return &ftp;
	case 23: case 2323:
		return &telnet;
	case 5900: case 5901:
		return &vnc;
	case 5985: case 5986:
		return &winrm;
	case 1433: case 1521: case 3306: case 5432:
		return &base;
	case 110: case 143: case 465: case 587: case 993: case 995:
		return &mail;
	default:
		return NULL;
	}
}

static bool
fits(const struct shape *s, const struct flow *f)
{
	/* headers are 40 bytes a packet, where they count */
	uint64_t up = f->src_bytes, down = f->dst_bytes;

	if ((f->flags & FLOW_F_IP_BYTES) != 0) {
		up -= MIN_OF(up, 40 * f->src_pkts);
		down -= MIN_OF(down, 40 * f->dst_pkts);
	}
	return up >= s->up_min && up <= s->up_max && down >= s->down_min &&
	    down <= s->down_max &&
	    time_diff(f->end, f->start) <= s->seconds * NSEC;
}

static bool
near(double mean, double x)
{
	double off = x > mean ? x - mean : mean - x;

	return off <= mean / 5 + 40;
}

static void
look_alike(struct talk *t, const struct flow *f)
{
	double up = (double)f->src_bytes, down = (double)f->dst_bytes;

	if (t->n == 0 || time_diff(f->start, t->since) > BURST) {
		t->since = f->start;
		t->n = t->alike = 0;
		if (!t->told) {
			t->all = 0;
			t->at.n = 0;
			t->first = f->start;
		}
		t->up = up;
		t->down = down;
		t->took = 0;
	}
	t->n++;
	if (!near(t->up, up) || !near(t->down, down))
		return;
	t->alike++;
	t->up += (up - t->up) / t->alike;
	t->down += (down - t->down) / t->alike;
	t->took += ((double)(f->end - f->start) / 1e9 - t->took) / t->alike;
	t->all++;
	t->last = f->end;
	t->fresh = true;
	places_add(&t->at, &f->loc, f->start);
}

/* Much larger and longer than a refusal. */
static bool
is_session(const struct talk *t, const struct flow *f)
{
	return (double)f->src_bytes > 2.5 * t->up &&
	    (double)f->dst_bytes > 2.5 * t->down &&
	    (double)(f->end - f->start) / 1e9 > 4 * t->took;
}

static void
brute_flow(struct detect *d, void *p, const struct flow *f)
{
	const struct shape *shape;
	struct talk_key k = { .port = f->dst_port };
	struct state *s = p;
	struct talk *t;
	bool made;

	(void)d;
	if (f->proto != 6 || (shape = shape_of(f->dst_port)) == NULL)
		return;
	k.src = f->src;
	k.dst = f->dst;
	if (!fits(shape, f)) {
		if ((t = table_get(s->talks, &k)) != NULL && t->told &&
		    !t->in && time_diff(f->start, t->last) <= AFTER &&
		    is_session(t, f)) {
			t->in = true;
			t->in_at = (struct evidence){ f->loc, f->start };
			t->in_bytes = f->src_bytes + f->dst_bytes;
		}
		return;
	}
	if ((t = table_put(s->talks, &k, &made)) == NULL)
		return;
	t->service = shape->service;
	t->flags = f->flags;
	look_alike(t, f);
	t->told |= t->alike >= (shape->cheap ? TALKS_CHEAP : TALKS_COSTLY) &&
	    t->alike * 5 >= t->n * 4;
}

/* -- in the end ---------------------------------------------------------- */

static void
say_names(struct buf *b, const struct guess *g)
{
	for (uint32_t i = 0; i < g->nnames; i++)
		buf_printf(b, "%s%s", i == 0 ? " (" : ", ", g->name[i]);
	if (g->nnames != 0)
		buf_str(b, g->users.n > g->nnames ? ", …)" : ")");
}

static void
say_users(struct buf *b, const struct guess *g)
{
	buf_printf(b, "%s%u account%s", g->users.n == SMALL_SET_MAX ?
	    "at least " : "", g->users.n, g->users.n == 1 ? "" : "s");
	say_names(b, g);
}

static bool
is_inside(const struct detect *d, const char *src)
{
	struct addr a;

	if (!addr_parse(span_str(src), &a))
		return true;	/* a name */
	return addr_is_home(d->home, &a);
}

/* What stands open to the world is tried by the world. */
static bool
is_public(uint8_t service)
{
	switch (service) {
	case SIGN_SSH: case SIGN_LOG: case SIGN_FTP: case SIGN_TELNET:
	case SIGN_WEB: case SIGN_MAIL:
		return true;
	default:
		return false;
	}
}

/* Faster than any program that waits before it asks again. */
static bool
is_fast(const struct guess *g)
{
	return time_diff(g->last, g->first) < g->tries * 3 * NSEC;
}

static void
weigh_guess(const struct detect *d, struct finding *f, const struct guess *g)
{
	bool inside = is_inside(d, g->src);

	f->severity = inside && g->spray ? SEV_HIGH : SEV_MEDIUM;
	f->confidence = g->spray ? 85 : 80;
	if (g->in) {
		f->severity = inside || !g->spray ? SEV_HIGH : SEV_CRITICAL;
		f->confidence = 90;
	} else if (inside && !g->spray && g->users.n == 1) {
		f->severity = is_fast(g) ? SEV_MEDIUM : SEV_LOW;
		f->confidence = is_fast(g) ? 65 : 40;
	} else if (!inside && (g->unknown * 2 >= g->tries ||
	    is_public(g->service))) {
		f->severity = SEV_LOW;
	} else if (g->service == SIGN_RDP || g->service == SIGN_WEB) {
		f->severity = SEV_MEDIUM;	/* results are not told */
		f->confidence = 65;
	}
}

static void
tell_guess(struct detect *d, const struct guess *g)
{
	struct finding f;

	finding_init(&f, d, NULL);
	finding_places(&f, &g->at);
	if (g->in)
		finding_evidence(&f, &g->in_at.loc, g->in_at.time);
	weigh_guess(d, &f, g);
	f.attack = g->spray ? "T1110.003" : "T1110.001";
	f.entity[ENTITY_SRC_IP] = span_str(g->src);
	f.entity[ENTITY_DST_IP] = span_str(g->server);
	f.entity[ENTITY_HOST] = span_str(g->in ? g->server : g->src);
	f.entity[ENTITY_USER] = span_str(g->in ? g->in_as :
	    g->users.n == 1 ? g->name[0] : "");
	text_who(&d->text, span_str(g->src));
	if (g->spray) {
		f.rule = "bruteforce-spray";
		f.title = "Passwords sprayed over accounts";
		buf_str(&d->text, g->service == SIGN_EXPLICIT ? " tried " :
		    " was refused as ");
		say_users(&d->text, g);
		buf_printf(&d->text, " %s %s, last at ", g->service ==
		    SIGN_EXPLICIT ? "with" : "by",
		    sign_in_service_name(g->service));
		text_server(&d->text, span_str(g->server));
		buf_printf(&d->text, ", %u tries in ", g->tries);
	} else {
		buf_printf(&d->text, " tried %u times to sign in to ",
		    g->tries);
		text_server(&d->text, span_str(g->server));
		buf_printf(&d->text, " (%s)", sign_in_service_name(g->service));
		if (g->users.n != 0) {
			buf_str(&d->text, " as ");
			say_users(&d->text, g);
		}
		buf_str(&d->text, " in ");
	}
	text_duration(&d->text, time_diff(g->last, g->first));
	if (g->in) {
		buf_str(&d->text, ", and then got in");
		if (g->in_as[0] != '\0')
			buf_printf(&d->text, " as %s", g->in_as);
	} else if (f.severity == SEV_LOW && is_inside(d, g->src)) {
		buf_str(&d->text, "; it may be a program with an old "
		    "password");
	}
	if (g->spray)
		buf_printf(&d->fold, "spray|%s", g->src);
	else
		buf_printf(&d->fold, "%s|%s", g->src, g->server);
	finding_raise(&f, d);
}

static void
tell_server(struct detect *d, const struct server *v)
{
	bool noise = v->unknown * 2 >= v->tries || v->users == 0;
	struct finding f;

	finding_init(&f, d, NULL);
	f.rule = "bruteforce-turns";
	f.title = "Many sources take turns at guessing passwords";
	f.attack = "T1110.003";
	finding_places(&f, &v->at);
	f.severity = noise && v->outside ? SEV_LOW : SEV_HIGH;
	f.confidence = noise ? 50 : 80;
	f.entity[ENTITY_SRC_IP] = span_str(v->src);
	f.entity[ENTITY_DST_IP] = span_str(v->name);
	f.entity[ENTITY_HOST] = span_str(v->name);
	buf_printf(&d->text, "%u sources that got in nowhere, %s among them, "
	    "tried to sign in to ", v->sources, v->src);
	text_server(&d->text, span_str(v->name));
	buf_printf(&d->text, " (%s) %u times within a day",
	    sign_in_service_name(v->service), v->tries);
	if (v->users != 0)
		buf_printf(&d->text, " as %u accounts, few tries each",
		    v->users);
	if (f.severity == SEV_LOW)
		buf_str(&d->text, "; it may be the noise of the Internet");
	buf_printf(&d->fold, "turns|%s|%u", v->name, v->service);
	finding_raise(&f, d);
}

/* A server that lets the source in by the same service: no guessing. */
static bool
is_welcome(const struct state *s, const struct talk_key *k,
    const struct talk *t, struct arena *m)
{
	static const uint8_t also[] = { SIGN_NTLM, SIGN_KERBEROS };
	struct sign_in in = { .src = addr_text(m, &k->src),
	    .server = addr_text(m, &k->dst),
	    .service = (enum sign_in_service)t->service };
	uint64_t key = guess_key(&in);
	const struct guess *g = table_find(s->guesses, &key);

	if (g != NULL && g->told)
		return true;		/* told better */
	if (table_find(s->good, &key) != NULL)
		return true;
	for (size_t i = 0; i < NITEMS(also) && t->service == SIGN_SMB; i++) {
		in.service = (enum sign_in_service)also[i];
		key = guess_key(&in);
		if (table_find(s->good, &key) != NULL)
			return true;
	}
	return false;
}

static void
tell_talk(struct detect *d, const struct state *s, const struct talk_key *k,
    const struct talk *t)
{
	bool inside = (t->flags & FLOW_F_SRC_HOME) != 0;
	struct finding f;
	struct arena m;

	arena_init(&m, 64u << 10);
	if (is_welcome(s, k, t, &m))
		goto out;
	finding_init(&f, d, NULL);
	finding_places(&f, &t->at);
	f.severity = t->in ? SEV_HIGH : inside ? SEV_MEDIUM : SEV_LOW;
	f.confidence = t->in ? 70 : 55;
	f.attack = "T1110.001";
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &k->src);
	f.entity[ENTITY_DST_IP] = addr_text(&m, &k->dst);
	f.entity[ENTITY_HOST] = f.entity[t->in ? ENTITY_DST_IP :
	    ENTITY_SRC_IP];
	buf_span(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_printf(&d->text, " opened %u short conversations with ", t->all);
	buf_span(&d->text, f.entity[ENTITY_DST_IP]);
	buf_printf(&d->text, " port %u (%s) in ", k->port,
	    sign_in_service_name(t->service));
	text_duration(&d->text, time_diff(t->last, t->first));
	buf_printf(&d->text, ", nearly equal (%.0f bytes up, %.0f down), as "
	    "refused sign-ins are", t->up, t->down);
	if (t->in) {
		buf_printf(&d->text, "; then one of %.0f bytes: it may have "
		    "got in", (double)t->in_bytes);
		finding_evidence(&f, &t->in_at.loc, t->in_at.time);
	}
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->fold, "|");
	buf_span(&d->fold, f.entity[ENTITY_DST_IP]);
	finding_raise(&f, d);
out:
	arena_fini(&m);
}

/* Of a spray by the same source that is told. */
static bool
is_part(const struct state *s, const struct guess *g)
{
	uint64_t key = hash_of(span_str(g->src), g->service + 900u);
	const struct guess *all = g->spray ? NULL : table_find(s->guesses,
	    &key);

	return all != NULL && all->told && all->shown &&
	    g->tries <= SPRAY_EACH * MAX_OF(g->users.n, 1u);
}

static void
brute_end(struct detect *d, void *p)
{
	struct state *s = p;
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->guesses, &it, &key, &value)) {
		const struct guess *g = value;

		if (g->told && g->shown && !is_part(s, g))
			tell_guess(d, g);
	}
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->server[i]->n != 0)
			judge_day(s, s->server[i]);
		if (s->server[i]->told && s->server[i]->shown)
			tell_server(d, s->server[i]);
	}
	for (it = 0; table_next(s->talks, &it, &key, &value);) {
		const struct talk *t = value;

		if (t->told && t->fresh)
			tell_talk(d, s, key, t);
	}
	if (s->full || table_evicted(s->guesses) + table_evicted(s->good) +
	    table_evicted(s->talks) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* -- over runs ----------------------------------------------------------- */

static void
brute_save(const void *p, struct buf *b)
{
	const struct state *s = p;

	table_save(s->guesses, b);
	table_save(s->good, b);
	table_save(s->talks, b);
	table_save(s->servers, b);
	buf_le32(b, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		buf_put(b, s->server[i], sizeof(*s->server[i]));
}

/* Numbers that index and texts that must end are not taken on trust; places
 * in files of another run are nothing to show. */
static bool
renew(struct state *s)
{
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->guesses, &it, &key, &value)) {
		struct guess *g = value;

		g->shown = false;
		g->at.n = 0;
		g->users.n = MIN_OF(g->users.n, SMALL_SET_MAX);
		g->good.n = MIN_OF(g->good.n, SMALL_SET_MAX);
		g->nnames = MIN_OF(g->nnames, NAMES_SHOWN);
		g->src[sizeof(g->src) - 1] = '\0';
		g->server[sizeof(g->server) - 1] = '\0';
		g->in_as[sizeof(g->in_as) - 1] = '\0';
		for (unsigned i = 0; i < NAMES_SHOWN; i++)
			g->name[i][NAME_BYTES - 1] = '\0';
		if (g->service >= SIGN_SERVICES)
			return false;
	}
	for (it = 0; table_next(s->talks, &it, &key, &value);) {
		struct talk *t = value;

		t->fresh = false;
		t->at.n = 0;
		if (t->service >= SIGN_SERVICES)
			return false;
	}
	for (it = 0; table_next(s->servers, &it, &key, &value);)
		if (*(uint32_t *)value >= s->n)
			return false;
	return true;
}

static bool
restore_server(struct state *s, struct cursor *c)
{
	struct span all = cur_take(c, sizeof(struct server));
	struct server *v;

	if (!cur_ok(c) || (v = malloc(sizeof(*v))) == NULL)
		return false;
	memcpy(v, all.ptr, sizeof(*v));
	s->server[s->n++] = v;
	v->shown = false;
	v->at.n = v->now.n = 0;
	v->name[sizeof(v->name) - 1] = '\0';
	v->src[sizeof(v->src) - 1] = '\0';
	return v->service < SIGN_SERVICES;
}

static bool
brute_restore(void *p, struct cursor *c)
{
	struct state *s = p;
	uint32_t n;

	if (!table_restore(s->guesses, c) || !table_restore(s->good, c) ||
	    !table_restore(s->talks, c) || !table_restore(s->servers, c))
		return false;
	n = cur_le32(c);
	if (!cur_ok(c) || n > SERVERS_MAX)
		return false;
	while (n-- != 0)
		if (!restore_server(s, c))
			return false;
	return renew(s);
}

const struct detector detector_bruteforce = {
	.name = "bruteforce",
	.title = "Passwords are guessed",
	.doc = "Many refused sign-ins of one source at a server, accounts "
	    "tried one after the other (spray), or sources that take turns; "
	    "from Kerberos, SSH, SMB, NTLM, FTP, HTTP, RDP, auth logs and "
	    "Windows events, and from many short equal conversations. Graver "
	    "when it then gets in. False alarms: programs with an old "
	    "password (low), load balancers' checks, the Internet's noise "
	    "(low).",
	.attack = "T1110.001 T1110.003",
	.advice = "If it got in: disable the account, end its sessions and "
	    "look what it did. Else: is the source yours, does the service "
	    "have to be reachable from there, is there a second factor?",
	.severity = SEV_MEDIUM,
	.confidence = 75,
	.kinds = kinds,
	.fields = fields,
	.event_ids = sign_in_event_ids,
	.event = brute_event,
	.state_size = sizeof(struct state),
	.init = brute_init,
	.note = brute_note,
	.flow = brute_flow,
	.end = brute_end,
	.fini = brute_fini,
	.state_version = 1,
	.save = brute_save,
	.restore = brute_restore,
};
