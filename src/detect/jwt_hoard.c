/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Tokens hoarded and replayed, ATT&CK T1528 and T1550.001.
 *
 * Behaviour: a token (RFC 7519: three base64url parts, the first two begin
 * with eyJ) is a session that can be used from anywhere.  The advisory's
 * second case took them from a login appliance into a file.  Told are:
 * - a response or upload with BODY_TOKENS different tokens: a list of them;
 * - one client that shows CLIENT_TOKENS different tokens to a server within
 *   WINDOW; other clients show one and renew it;
 * - one token from two networks and two programs (jwt-hoard-replay);
 * - a text file with FILE_TOKENS different tokens;
 * - command lines that search files for tokens, or carry LINE_TOKENS
 *   different ones in WINDOW;
 * - one program that writes FILES_MIN files named as tokens in WINDOW.
 * Tokens are held as hashes only; none is in a finding or a note.
 *
 * Known false alarms and their control: gateways and proxies that many users
 * stand behind (many programs' names behind one address, or the same on
 * GATEWAY_DAYS days: low); phones that change networks (same program: not
 * told); gateways that hand a token on (the second client is a server that
 * got it before: not told); development trees (files that are code are left
 * out); debug logs full of tokens, which are worth finding anyway.
 *
 * Cost: a search for eyJ in the request line and headers, the bodies' heads,
 * lines of plain text and command lines.  Tables of GROUPS_MAX (1 KB each)
 * and TOKENS_MAX.
 */
#include <stdio.h>

#include "detect.h"

#define WINDOW		(3600 * NSEC)
#define BODY_TOKENS	8u	/* an answer to a login has up to three */
#define CLIENT_TOKENS	30u	/* renewal each five minutes gives 12 */
#define FILE_TOKENS	10u
#define LINE_TOKENS	5u
#define FILES_MIN	10u
#define GATEWAY_AGENTS	4u	/* programs behind one address */
#define GATEWAY_DAYS	3u
#define GROUPS_MAX	8192u
#define TOKENS_MAX	65536u
#define SHOWN		8u	/* locators kept of a group */
#define EVENT_TOKENS	64u	/* of one event; bodies are cut anyway */
#define PART_MIN	10u	/* {"alg":…} in base64url, after eyJ */
#define SIGNATURE_MIN	20u

static const uint8_t kinds[] = {
	KIND_HTTP, KIND_WINEVENT, KIND_PROCESS, KIND_LINE, KIND_NONE
};

static const uint16_t fields[] = {
	HOST_FIELDS, FIELD_SRC_IP, FIELD_DST_IP, FIELD_HTTP_HOST,
	FIELD_HTTP_VHOST, FIELD_HTTP_PATH, FIELD_HTTP_URI, FIELD_HTTP_HEADERS,
	FIELD_HTTP_COOKIE, FIELD_HTTP_USER_AGENT, FIELD_HTTP_REQ_BODY,
	FIELD_HTTP_RESP_BODY, FIELD_TARGET_FILENAME, FIELD_TEXT, FIELD_OTHER
};

/* -- tokens --------------------------------------------------------------- */

struct tokens {
	uint32_t	n;
	uint64_t	h[EVENT_TOKENS];
};

static bool
is_base64url(uint8_t c)
{
	return ascii_is_digit(c) || c == '-' || c == '_' ||
	    (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static size_t
run_of(struct span s, size_t from)
{
	size_t i = from;

	while (i < s.len && is_base64url(s.ptr[i]))
		i++;
	return i - from;
}

/* Length of the token that begins at from with eyJ; 0: none. */
static size_t
token_at(struct span s, size_t from)
{
	size_t i = from, n;

	n = run_of(s, i);
	if (n < 3 + PART_MIN || i + n >= s.len || s.ptr[i + n] != '.')
		return 0;
	i += n + 1;
	n = run_of(s, i);
	if (n < 3 + PART_MIN || !span_starts(span_sub(s, i, n),
	    SPAN_LIT("eyJ")) || i + n >= s.len || s.ptr[i + n] != '.')
		return 0;
	i += n + 1;
	n = run_of(s, i);
	return n < SIGNATURE_MIN ? 0 : i + n - from;
}

static void
add_token(struct tokens *t, struct span token)
{
	uint64_t h = hash_bytes(token.ptr, token.len, 47);

	for (uint32_t i = 0; i < t->n; i++)
		if (t->h[i] == h)
			return;
	if (t->n < EVENT_TOKENS)
		t->h[t->n++] = h;
}

/* Each byte is looked at a bounded number of times: a run that is no token is
 * passed over as a whole. */
static void
find_tokens(struct tokens *t, struct span s)
{
	size_t from = 0, at, n;

	while (t->n < EVENT_TOKENS && (at = span_find(span_sub(s, from,
	    SIZE_MAX), SPAN_LIT("eyJ"))) != SPAN_NPOS) {
		from += at;
		n = from > 0 && is_base64url(s.ptr[from - 1]) ? 0 :
		    token_at(s, from);
		if (n != 0)
			add_token(t, span_sub(s, from, n));
		from += n != 0 ? n : MAX_OF(run_of(s, from), (size_t)1);
	}
}

/* -- one event ------------------------------------------------------------ */

/* What note() needs and nothing else: no token leaves the worker. */
struct slim {
	struct event	e;
	struct field	f[8];
};

static void
slim_init(struct slim *s, const struct event *e)
{
	s->e = *e;
	s->e.fields = s->f;
	s->e.nfields = 0;
}

static void
slim_copy(struct slim *s, const struct event *e, unsigned field)
{
	const struct value *v = event_get(e, field);

	if (v != NULL)
		s->f[s->e.nfields++] = (struct field){ .v = *v };
}

static void
slim_text(struct slim *s, unsigned field, struct span text)
{
	s->f[s->e.nfields++] = (struct field){ .v = { .type = VT_STR,
	    .id = (uint16_t)field, .len = (uint32_t)text.len,
	    .ptr = text.ptr } };
}

static void
keep_tokens(struct detect *d, struct slim *s, const struct tokens *t)
{
	slim_text(s, FIELD_TEXT, span_of(t->h, t->n * sizeof(t->h[0])));
	d->keep(d, &s->e);
}

static void
tell_body(struct detect *d, const struct event *e, unsigned n, bool answer)
{
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP] = http_server(&m, e);
	f.entity[ENTITY_URL] = http_path(e);
	f.severity = SEV_HIGH;
	f.confidence = 80;
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_printf(&d->text, answer ? " got a list of at least %u different "
	    "JSON Web Tokens from " : " sent a list of at least %u different "
	    "JSON Web Tokens to ", n);
	text_server(&d->text, f.entity[ENTITY_HOST]);
	buf_str(&d->text, ": ");
	text_clip(&d->text, f.entity[ENTITY_URL], 120);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_URL]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
on_http(struct detect *d, const struct event *e)
{
	struct tokens shown = { .n = 0 }, body = { .n = 0 };
	struct slim s;

	find_tokens(&body, event_str(e, FIELD_HTTP_RESP_BODY));
	if (body.n >= BODY_TOKENS)
		tell_body(d, e, body.n, true);
	body.n = 0;
	find_tokens(&body, event_str(e, FIELD_HTTP_REQ_BODY));
	if (body.n >= BODY_TOKENS)
		tell_body(d, e, body.n, false);
	find_tokens(&shown, event_str(e, FIELD_HTTP_URI));
	find_tokens(&shown, event_str(e, FIELD_HTTP_HEADERS));
	find_tokens(&shown, event_str(e, FIELD_HTTP_COOKIE));
	if (shown.n == 0)
		return;
	slim_init(&s, e);
	slim_copy(&s, e, FIELD_SRC_IP);
	slim_copy(&s, e, FIELD_DST_IP);
	slim_copy(&s, e, FIELD_HTTP_HOST);
	slim_copy(&s, e, FIELD_HTTP_VHOST);
	slim_copy(&s, e, FIELD_HTTP_USER_AGENT);
	keep_tokens(d, &s, &shown);
}

static void
on_line(struct detect *d, const struct event *e)
{
	struct tokens t = { .n = 0 };
	struct slim s;

	find_tokens(&t, event_str(e, FIELD_TEXT));
	if (t.n == 0)
		return;
	slim_init(&s, e);
	keep_tokens(d, &s, &t);
}

/* A search for tokens: a search tool with the letters that all begin with. */
static bool
is_search(struct span line)
{
	static const char *const tools[] = {
		"grep", "egrep", "rg", "findstr", "select-string", "sed", "awk",
		"strings", "sls", "ag", "zgrep"
	};

	for (size_t i = 0; i < NITEMS(tools); i++)
		if (has_word(line, tools[i]))
			return true;
	return false;
}

static void
tell_search(struct detect *d, const struct event *e)
{
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	host_entities(&f, &m, e);
	f.confidence = 80;
	text_clip(&d->text, base_name(f.entity[ENTITY_PROCESS]), 80);
	buf_str(&d->text, " searched files for JSON Web Tokens");
	host_text(&d->text, &m, &f, e);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	fold_account(&d->fold, f.entity[ENTITY_USER]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
on_process(struct detect *d, const struct event *e)
{
	struct tokens t = { .n = 0 };
	struct scratch sc;
	struct span line;
	struct arena m;
	struct slim s;

	sc.used = 0;
	line = lower_text(&sc, e, FIELD_COMMAND_LINE);
	if (span_find(line, SPAN_LIT("eyj")) == SPAN_NPOS)
		return;
	arena_init(&m, 1u << 20);
	line = event_text(&m, e, FIELD_COMMAND_LINE);
	find_tokens(&t, line);
	if (t.n == 0 && span_find(line, SPAN_LIT("eyJ")) != SPAN_NPOS) {
		if (is_search(line))
			tell_search(d, e);
	} else if (t.n != 0) {
		slim_init(&s, e);
		slim_copy(&s, e, FIELD_WIN_COMPUTER);
		slim_copy(&s, e, FIELD_SYSLOG_HOST);
		slim_text(&s, FIELD_PROC_USER, proc_user(&sc, e));
		keep_tokens(d, &s, &t);
	}
	arena_fini(&m);
}

/* Named as a token, and no code or library. */
static bool
is_token_file(struct span name)
{
	static const char *const ends[] = {
		".jwt", ".txt", ".token", ".tok", ".dat", ".log", ".json"
	};

	if (span_ends(name, SPAN_LIT(".jwt")))
		return true;
	if (!has_word(name, "jwt") && !has_word(name, "token") &&
	    !has_word(name, "tokens") && !has_word(name, "bearer") &&
	    !span_starts(name, SPAN_LIT("token")) &&
	    !span_starts(name, SPAN_LIT("jwt")))
		return false;
	for (size_t i = 0; i < NITEMS(ends); i++)
		if (span_ends(name, span_str(ends[i])))
			return true;
	return span_find_byte(name, '.') == SPAN_NPOS;
}

static void
on_file(struct detect *d, const struct event *e)
{
	struct span path;
	struct scratch sc;
	struct slim s;

	sc.used = 0;
	path = lower_text(&sc, e, FIELD_TARGET_FILENAME);
	if (!is_token_file(base_name(path)) ||
	    span_find(path, SPAN_LIT("node_modules")) != SPAN_NPOS)
		return;
	slim_init(&s, e);
	slim_copy(&s, e, FIELD_WIN_COMPUTER);
	slim_copy(&s, e, FIELD_IMAGE);
	slim_copy(&s, e, FIELD_PROC_USER);
	slim_text(&s, FIELD_TARGET_FILENAME, path);
	d->keep(d, &s.e);
}

static void
jwt_hoard_event(struct detect *d, const struct event *e)
{
	switch (e->kind) {
	case KIND_HTTP:
		on_http(d, e);
		return;
	case KIND_LINE:
		on_line(d, e);
		return;
	default:
		break;
	}
	switch (host_event(e)) {
	case HOST_PROCESS:
		on_process(d, e);
		break;
	case HOST_FILE:
		on_file(d, e);
		break;
	default:
		break;
	}
}

/* -- in order ------------------------------------------------------------- */

enum what { WHAT_CLIENT, WHAT_FILE, WHAT_LINES, WHAT_FILES };

static const struct {
	uint32_t	min;
	int64_t		window;		/* 0: none */
} limits[] = {
	[WHAT_CLIENT] = { CLIENT_TOKENS, WINDOW },
	[WHAT_FILE] = { FILE_TOKENS, 0 },
	[WHAT_LINES] = { LINE_TOKENS, WINDOW },
	[WHAT_FILES] = { FILES_MIN, WINDOW },
};

/* Who is counted: a client, a file, an account, a program. */
struct group {
	struct small_set set;
	int64_t		 since;		/* of the window */
	uint64_t	 agents[GATEWAY_AGENTS];
	uint32_t	 nagents;
	uint32_t	 days;		/* on which the limit was reached */
	int64_t		 last_day;
	uint32_t	 best;		/* of all windows */
	struct locator	 loc[SHOWN];
	int64_t		 time[SHOWN];
	uint32_t	 nloc;
	uint8_t		 what;		/* enum what */
	char		 who[64], where[96];
};

struct key {
	uint64_t	what, a, b;
};

/* Where a token was seen first. */
struct token {
	uint64_t	network, agent;
	uint64_t	client, server;	/* hashes of addresses */
	bool		told;
	char		who[48];
};

struct state {
	struct table	*groups, *tokens;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->groups = table_new(sizeof(struct key), sizeof(struct group),
	    GROUPS_MAX);
	s->tokens = table_new(sizeof(uint64_t), sizeof(struct token),
	    TOKENS_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->groups != NULL && s->tokens != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->groups);
	table_free(s->tokens);
	arena_fini(&s->arena);
}

static uint64_t
hash_of(struct span s, uint64_t seed)
{
	return hash_bytes(s.ptr, s.len, seed);
}

static struct group *
group_of(struct state *s, const struct event *e, enum what what,
    struct span who, struct span where)
{
	struct key key = { what, hash_of(who, 53), hash_of(where, 59) };
	struct group *g;
	bool made;

	if ((g = table_put(s->groups, &key, &made)) == NULL)
		return NULL;
	if (made) {
		g->what = (uint8_t)what;
		g->since = e->time;
		g->last_day = INT64_MIN;
		set_text(g->who, sizeof(g->who), who);
		set_text(g->where, sizeof(g->where), where);
	}
	if (limits[what].window != 0 &&
	    time_diff(e->time, g->since) > limits[what].window) {
		g->set.n = 0;
		g->since = e->time;
	}
	return g;
}

/* A place is kept until the limit is reached for the first time. */
static void
count(struct group *g, const struct event *e, struct span thing)
{
	uint32_t min = limits[g->what].min;

	if (!small_set_add(&g->set, thing))
		return;
	g->best = MAX_OF(g->best, g->set.n);
	if (g->days == 0 && g->set.n == 1)
		g->nloc = 0;
	if (g->nloc < SHOWN) {
		g->loc[g->nloc] = e->loc;
		g->time[g->nloc++] = e->time;
	}
	if (g->set.n == min && e->time / (86400 * NSEC) != g->last_day) {
		g->days++;
		g->last_day = e->time / (86400 * NSEC);
	}
}

static void
add_agent(struct group *g, uint64_t agent)
{
	for (uint32_t i = 0; i < g->nagents; i++)
		if (g->agents[i] == agent)
			return;
	if (g->nagents < GATEWAY_AGENTS)
		g->agents[g->nagents++] = agent;
}

/* IPv4 /16, IPv6 /48: what one line of one provider changes within. */
static uint64_t
network_of(const struct event *e)
{
	struct addr a;

	if (!event_addr(e, FIELD_SRC_IP, &a))
		return 0;
	return addr_is_v4(&a) ? hash_bytes(a.b, 14, 61) :
	    hash_bytes(a.b, 6, 61);
}

static void
tell_replay(struct detect *d, struct state *s, const struct event *e,
    const struct token *t)
{
	struct finding f;

	finding_init(&f, d, e);
	f.rule = "jwt-hoard-replay";
	f.title = "One session token used from two places";
	f.attack = "T1550.001 T1528";
	f.advice = "End the session and all others of its user, and find out "
	    "which of the two clients the user knows.";
	finding_entity(&f, ENTITY_SRC_IP, &s->arena, e, FIELD_SRC_IP);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP] =
	    http_server(&s->arena, e);
	f.confidence = 65;
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " used a JSON Web Token on ");
	text_server(&d->text, f.entity[ENTITY_HOST]);
	buf_printf(&d->text, " that %s had used from another network with "
	    "another program", t->who);
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_str(&d->fold, t->who);
	finding_raise(&f, d);
}

static void
note_token(struct detect *d, struct state *s, const struct event *e,
    uint64_t hash, uint64_t agent)
{
	struct span src = event_text(&s->arena, e, FIELD_SRC_IP);
	struct span dst = event_text(&s->arena, e, FIELD_DST_IP);
	struct token *t;
	bool made;

	if (src.len == 0 || (t = table_put(s->tokens, &hash, &made)) == NULL)
		return;
	if (made) {
		t->network = network_of(e);
		t->agent = agent;
		t->client = hash_of(src, 67);
		t->server = hash_of(dst, 67);
		set_text(t->who, sizeof(t->who), src);
		return;
	}
	if (t->told || t->network == network_of(e) || t->agent == agent)
		return;
	/* Handed on by the server that got it, or seen before it there. */
	if (hash_of(src, 67) == t->server || hash_of(dst, 67) == t->client)
		return;
	t->told = true;
	tell_replay(d, s, e, t);
}

static void
note_http(struct detect *d, struct state *s, const struct event *e,
    struct span hashes)
{
	struct span who = event_text(&s->arena, e, FIELD_SRC_IP);
	struct span agent_text = event_str(e, FIELD_HTTP_USER_AGENT);
	uint64_t agent = hash_of(agent_text, 71);
	struct group *g = group_of(s, e, WHAT_CLIENT, who,
	    http_server(&s->arena, e));

	for (size_t i = 0; i + 8 <= hashes.len; i += 8) {
		if (g != NULL) {
			count(g, e, span_sub(hashes, i, 8));
			add_agent(g, agent);
		}
		note_token(d, s, e, load_le64(hashes.ptr + i), agent);
	}
}

/* An account and its host, a program and its host, or a file of evidence. */
static void
note_host(struct state *s, const struct event *e, struct span hashes)
{
	struct span host = event_text(&s->arena, e, FIELD_WIN_COMPUTER);
	struct span name = event_str(e, FIELD_TARGET_FILENAME), who;
	enum what what = e->kind == KIND_LINE ? WHAT_FILE :
	    name.len != 0 ? WHAT_FILES : WHAT_LINES;
	char place[48];
	struct group *g;

	if (host.len == 0)
		host = event_text(&s->arena, e, FIELD_SYSLOG_HOST);
	if (what == WHAT_FILE) {
		snprintf(place, sizeof(place), "%u|%u", e->loc.source,
		    e->loc.member);
		who = span_str(place);
	} else {
		who = event_text(&s->arena, e, what == WHAT_FILES ?
		    FIELD_IMAGE : FIELD_PROC_USER);
	}
	if ((g = group_of(s, e, what, who, host)) == NULL)
		return;
	if (what == WHAT_FILES)
		count(g, e, name);
	for (size_t i = 0; i + 8 <= hashes.len; i += 8)
		count(g, e, span_sub(hashes, i, 8));
}

static void
jwt_hoard_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct span hashes = event_str(e, FIELD_TEXT);

	arena_reset(&s->arena);
	if (e->kind == KIND_HTTP)
		note_http(d, s, e, hashes);
	else
		note_host(s, e, hashes);
}

static void
tell_client(struct detect *d, struct finding *f, const struct group *g)
{
	bool gateway = g->nagents == GATEWAY_AGENTS || g->days >= GATEWAY_DAYS;

	f->entity[ENTITY_SRC_IP] = span_str(g->who);
	f->entity[ENTITY_HOST] = f->entity[ENTITY_DST_IP] =
	    span_str(g->where);
	f->severity = gateway ? SEV_LOW : SEV_MEDIUM;
	f->confidence = gateway ? 25 : 60;
	text_who(&d->text, span_str(g->who));
	buf_printf(&d->text, " showed %u different JSON Web Tokens to ",
	    g->best);
	text_server(&d->text, span_str(g->where));
	buf_str(&d->text, gateway ? " within an hour; it may be a gateway "
	    "that many users stand behind" : " within an hour, as one who "
	    "collected them");
}

static void
tell_group(struct detect *d, const struct group *g)
{
	struct finding f;

	finding_init(&f, d, NULL);
	for (uint32_t i = 0; i < g->nloc; i++)
		finding_evidence(&f, &g->loc[i], g->time[i]);
	f.entity[ENTITY_HOST] = span_str(g->where);
	switch (g->what) {
	case WHAT_CLIENT:
		tell_client(d, &f, g);
		break;
	case WHAT_FILE:
		f.confidence = 75;
		buf_printf(&d->text, "A text file holds at least %u different "
		    "JSON Web Tokens", g->best);
		break;
	case WHAT_LINES:
		f.entity[ENTITY_USER] = span_str(g->who);
		f.confidence = 60;
		buf_printf(&d->text, "%s used %u different JSON Web Tokens in "
		    "command lines on %s within an hour", g->who, g->best,
		    g->where);
		break;
	default:
		f.entity[ENTITY_PROCESS] = span_str(g->who);
		f.severity = SEV_LOW;
		f.confidence = 40;
		buf_printf(&d->text, "%s wrote %u files named as tokens on %s "
		    "within an hour", g->who, g->best, g->where);
		break;
	}
	buf_printf(&d->fold, "%u|%s|%s", g->what, g->who, g->where);
	finding_raise(&f, d);
}

static void
jwt_hoard_end(struct detect *d, void *p)
{
	struct state *s = p;
	const void *key;
	void *value;

	if (table_evicted(s->groups) + table_evicted(s->tokens) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
	for (uint32_t it = 0; table_next(s->groups, &it, &key, &value);) {
		const struct group *g = value;

		if (g->days != 0)
			tell_group(d, g);
	}
}

const struct detector detector_jwt_hoard = {
	.name = "jwt-hoard",
	.title = "JSON Web Tokens hoarded",
	.doc = "Lists of tokens in bodies and text files, one client with 30 "
	    "different tokens in an hour, searches for tokens and many of "
	    "them in command lines (Sysmon 1, 4688, Linux), many token files "
	    "(Sysmon 11), and one token from two networks and programs. False "
	    "alarms: gateways that many users stand behind, told as low. "
	    "Cost: a search for eyJ in requests, bodies and plain lines.",
	.attack = "T1528",
	.advice = "Revoke the sessions by changing the signing key, take the "
	    "file or the client's host into custody, and list what was done "
	    "with the tokens since.",
	.severity = SEV_MEDIUM,
	.confidence = 60,
	.kinds = kinds,
	.fields = fields,
	.event_ids = host_event_ids,
	.event = jwt_hoard_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = jwt_hoard_note,
	.end = jwt_hoard_end,
	.fini = state_fini,
};
