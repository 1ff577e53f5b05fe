/* SPDX-License-Identifier: Apache-2.0
 *
 * Log4Shell (CVE-2021-44228 and kin), ATT&CK T1190.
 *
 * Behaviour: a request carries a lookup that log4j 2 resolves when it is
 * logged: ${jndi:ldap://host:port/…}.  The lookup hides in any part of the
 * request and in itself: percent encoding several times over, \u escapes,
 * HTML entities, and nested lookups that each yield a letter
 * (${lower:j}, ${::-j}, ${env:X:-j}, ${base64:…}).  So everything is folded
 * first, and only the folded token "${jndi:" counts.
 *
 * What raises the weight: within WAIT after the request some host opens a
 * connection to the very address and port that the lookup names, asks the DNS
 * for its name (then: a connection to an address of the answer), or a Java
 * client fetches a class.
 *
 * Known false alarms: scanners of the owner (Nessus, Qualys) that send the
 * string on purpose: true attempts, told as such.  ${…} in ad-tech macros and
 * templates does not fold to jndi and is passed over.
 *
 * Cost: four memchr passes over the request's strings; folding, in windows of
 * FOLD_MAX bytes, only where a dollar and brace could stand.
 */
#include <stdlib.h>

#include "codec.h"
#include "detect.h"

#define FOLD_MAX	4096u	/* of one value that is folded */
#define DECODE_ROUNDS	3u	/* %2524%257B… is seen twice over */
#define WAIT		(60 * NSEC)
#define PENDING_MAX	4096u	/* attempts waiting for a call-back */
#define NAME_MAX_BYTES	256u
#define ADDRS_MAX	4u	/* of a name that are waited for */

static const uint8_t kinds[] = { KIND_HTTP, KIND_DNS, KIND_NONE };

/* The whole header block comes last: a header of its own says more. */
static const uint16_t searched[] = {
	FIELD_HTTP_URI, FIELD_HTTP_USER_AGENT, FIELD_HTTP_REFERER,
	FIELD_HTTP_COOKIE, FIELD_HTTP_XFF, FIELD_HTTP_HOST, FIELD_HTTP_USER,
	FIELD_HTTP_METHOD, FIELD_HTTP_QUERY, FIELD_HTTP_REQ_BODY,
	FIELD_HTTP_HEADERS
};

static const uint16_t fields[] = {
	FIELD_HTTP_URI, FIELD_HTTP_HEADERS, FIELD_HTTP_USER_AGENT,
	FIELD_HTTP_REFERER, FIELD_HTTP_COOKIE, FIELD_HTTP_XFF,
	FIELD_HTTP_HOST, FIELD_HTTP_USER, FIELD_HTTP_METHOD,
	FIELD_HTTP_QUERY, FIELD_HTTP_REQ_BODY, FIELD_HTTP_PATH,
	FIELD_HTTP_VHOST, FIELD_HTTP_STATUS, FIELD_SRC_IP, FIELD_DST_IP,
	FIELD_DNS_QUERY, FIELD_DNS_ANSWERS, FIELD_OTHER
};

/* -- folding ------------------------------------------------------------- */

struct work {
	uint8_t	b[FOLD_MAX];
	size_t	n;
};

static uint8_t
entity_byte(struct span s, size_t *used)
{
	static const struct {
		const char	*name;
		uint8_t		 c;
	} named[] = {
		{ "&dollar;", '$' }, { "&lbrace;", '{' }, { "&lcub;", '{' },
		{ "&rbrace;", '}' }, { "&rcub;", '}' }, { "&colon;", ':' },
		{ "&sol;", '/' }, { "&amp;", '&' },
	};
	size_t i = 2;
	unsigned n = 0;
	bool hex;

	for (size_t k = 0; k < NITEMS(named); k++) {
		if (span_starts_nocase(s, span_str(named[k].name))) {
			*used = strlen(named[k].name);
			return named[k].c;
		}
	}
	if (s.len < 4 || s.ptr[1] != '#')
		return 0;
	hex = ascii_lower(s.ptr[2]) == 'x';
	i += hex;
	for (; i < s.len && i < 8 && s.ptr[i] != ';'; i++) {
		int d = ascii_hex(s.ptr[i]);

		if (d < 0 || (!hex && d > 9))
			return 0;
		n = n * (hex ? 16 : 10) + (unsigned)d;
	}
	if (i >= s.len || s.ptr[i] != ';' || n == 0 || n > 0x7f)
		return 0;
	*used = i + 1;
	return (uint8_t)n;
}

/* \u0024 and \x24, as JSON and scripts write them. */
static uint8_t
escape_byte(struct span s, size_t *used)
{
	size_t n = s.len > 1 && s.ptr[1] == 'u' ? 4 :
	    s.len > 1 && s.ptr[1] == 'x' ? 2 : 0;
	unsigned c = 0;

	if (n == 0 || s.len < 2 + n)
		return 0;
	for (size_t i = 2; i < 2 + n; i++) {
		int d = ascii_hex(s.ptr[i]);

		if (d < 0)
			return 0;
		c = c << 4 | (unsigned)d;
	}
	if (c == 0 || c > 0x7f)
		return 0;
	*used = 2 + n;
	return (uint8_t)c;
}

/* One round of all three encodings, in place; true: something changed. */
static bool
decode_round(struct work *w)
{
	size_t out = 0;
	bool changed = false;

	for (size_t i = 0; i < w->n;) {
		struct span rest = span_of(w->b + i, w->n - i);
		uint8_t c = w->b[i];
		size_t used = 1;

		if (c == '%' && rest.len >= 3 && ascii_hex(rest.ptr[1]) >= 0 &&
		    ascii_hex(rest.ptr[2]) >= 0) {
			c = (uint8_t)(ascii_hex(rest.ptr[1]) << 4 |
			    ascii_hex(rest.ptr[2]));
			used = 3;
		} else if (c == '\\' || c == '&') {
			uint8_t d = c == '\\' ? escape_byte(rest, &used) :
			    entity_byte(rest, &used);

			if (d != 0)
				c = d;
			else
				used = 1;
		}
		changed |= used != 1;
		w->b[out++] = c;
		i += used;
	}
	w->n = out;
	return changed;
}

/* What a lookup without lookups inside yields; false: it stays as it is. */
static bool
lookup_value(struct span in, struct span *value, uint8_t *tmp)
{
	size_t cut = span_find(in, SPAN_LIT(":-")), n;

	if (span_starts_nocase(in, SPAN_LIT("jndi:")))
		return false;
	if (cut != SPAN_NPOS) {			/* ${anything:-default} */
		*value = span_sub(in, cut + 2, SIZE_MAX);
		return true;
	}
	if (span_starts_nocase(in, SPAN_LIT("lower:")) ||
	    span_starts_nocase(in, SPAN_LIT("upper:"))) {
		*value = span_sub(in, 6, SIZE_MAX);
		/* U+0131, the i without its dot, is I in upper case. */
		if (span_eq(*value, SPAN_LIT("\xc4\xb1")))
			*value = SPAN_LIT("i");
		return true;
	}
	if (span_starts_nocase(in, SPAN_LIT("base64:"))) {
		n = base64_decode(span_sub(in, 7, SIZE_MAX), tmp);
		*value = span_of(tmp, n == SPAN_NPOS ? 0 : n);
		return n != SPAN_NPOS;
	}
	if (span_starts_nocase(in, SPAN_LIT("date:"))) {
		/* ${date:'j'} yields the quoted text. */
		*value = span_sub(in, 5, SIZE_MAX);
		while (value->len != 0 && value->ptr[0] == '\'')
			*value = span_sub(*value, 1, SIZE_MAX);
		while (value->len != 0 && value->ptr[value->len - 1] == '\'')
			value->len--;
		return true;
	}
	return false;
}

/*
 * Resolves innermost lookups from the left.  What stands open is on a stack,
 * so closing braces without a lookup cost nothing.  Each lookup resolved takes
 * its "${}" away, so there are at most FOLD_MAX / 3 of them; its value is
 * looked at again.
 */
static void
fold(struct work *w)
{
	uint8_t tmp[FOLD_MAX];
	uint16_t open[FOLD_MAX / 2];	/* offsets of "${" */
	size_t nopen = 0, i = 0;

	while (i < w->n) {
		struct span value;
		size_t at, tail;

		if (w->b[i] == '{' && i > 0 && w->b[i - 1] == '$') {
			open[nopen++] = (uint16_t)(i - 1);
		} else if (w->b[i] == '}' && nopen > 0 &&
		    lookup_value(span_of(w->b + open[nopen - 1] + 2,
		    i - open[nopen - 1] - 2), &value, tmp)) {
			at = open[--nopen];
			tail = w->n - i - 1;
			memmove(w->b + at, value.ptr, value.len);
			memmove(w->b + at + value.len, w->b + i + 1, tail);
			w->n = at + value.len + tail;
			i = at;
			continue;
		} else if (w->b[i] == '}' && nopen > 0) {
			nopen--;	/* unknown: stays as it is */
		}
		i++;
	}
}

static bool
has_pair(struct span s, uint8_t first, const char *seconds)
{
	const uint8_t *p = s.ptr, *end = s.ptr + s.len;

	while ((p = memchr(p, first, (size_t)(end - p))) != NULL) {
		if (++p == end)
			return false;
		if (*p != '\0' && strchr(seconds, *p) != NULL)
			return true;
	}
	return false;
}

/* Could a dollar and brace stand here, in any of the encodings? */
static bool
worth_folding(struct span s)
{
	return has_pair(s, '$', "{%\\&") || has_pair(s, '%', "2") ||
	    has_pair(s, '\\', "ux") || has_pair(s, '&', "#dD");
}

static bool
find_jndi(struct work *w, struct span *lookup)
{
	struct span all;
	size_t at, end, depth = 0;

	fold(w);
	all = span_of(w->b, w->n);
	at = span_find_nocase(all, SPAN_LIT("${jndi:"));
	if (at == SPAN_NPOS)
		return false;
	*lookup = span_sub(all, at, SIZE_MAX);
	for (end = 0; end < lookup->len; end++) {
		uint8_t c = lookup->ptr[end];

		if (c <= ' ' || c == '"')
			break;
		depth += c == '{';
		if (c == '}' && --depth == 0) {
			end++;
			break;
		}
	}
	lookup->len = end;
	return true;
}

/* Looks in at most FOLD_MAX bytes; the lookup points into w. */
static bool
search_window(struct span s, struct work *w, struct span *lookup)
{
	struct work raw;

	if (!worth_folding(s))
		return false;
	raw.n = s.len;
	memcpy(raw.b, s.ptr, s.len);
	for (unsigned round = 0; round <= DECODE_ROUNDS; round++) {
		w->n = raw.n;
		memcpy(w->b, raw.b, raw.n);
		if (find_jndi(w, lookup))
			return true;
		if (!decode_round(&raw))
			return false;
	}
	return false;
}

/* Windows overlap by the longest lookup that is told whole. */
#define OVERLAP	512u

static bool
search_value(struct span s, struct work *w, struct span *lookup)
{
	for (size_t at = 0; at < s.len; at += FOLD_MAX - OVERLAP) {
		if (search_window(span_sub(s, at, FOLD_MAX), w, lookup))
			return true;
		if (s.len - at <= FOLD_MAX)
			return false;
	}
	return false;
}

/* -- the worker's part --------------------------------------------------- */

static bool
search_event(const struct event *e, struct work *w, struct span *lookup,
    unsigned *where)
{
	for (size_t i = 0; i < NITEMS(searched); i++) {
		if (search_value(event_str(e, searched[i]), w, lookup)) {
			*where = searched[i];
			return true;
		}
	}
	return false;
}

static bool
is_class_fetch(const struct event *e)
{
	return span_starts(event_str(e, FIELD_HTTP_USER_AGENT),
	    SPAN_LIT("Java/")) &&
	    span_ends_nocase(http_path(e), SPAN_LIT(".class"));
}

static void
log4shell_event(struct detect *d, const struct event *e)
{
	struct span lookup;
	struct work w;
	unsigned where;

	if (e->kind != KIND_HTTP || is_class_fetch(e) ||
	    search_event(e, &w, &lookup, &where))
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

enum answer { ANSWER_NONE, ANSWER_DNS, ANSWER_CONN, ANSWER_CLASS };

/* An attempt that waits for what follows it. */
struct attempt {
	struct finding	 f;
	char		 target[NAME_MAX_BYTES];	/* host of the lookup */
	char		 src[64], server[NAME_MAX_BYTES];
	char		 by[64];		/* who called back */
	char		 text[1024];		/* of the message */
	struct addr	 addr[ADDRS_MAX];	/* of target */
	uint8_t		 naddrs;
	bool		 is_literal;		/* target is an address */
	uint16_t	 port;			/* 0: none given */
	enum answer	 answer;
	int64_t		 delay;
	struct locator	 answer_loc;
	int64_t		 answer_time;
};

struct state {
	struct attempt	*ring;		/* by time */
	uint32_t	 head, n;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->ring = calloc(PENDING_MAX, sizeof(*s->ring));
	arena_init(&s->arena, 4u << 20);
	return s->ring != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	free(s->ring);
	arena_fini(&s->arena);
}

/* The end of the authority; lookups inside it are passed over. */
static size_t
authority_end(struct span s)
{
	unsigned depth = 0;
	size_t end;

	for (end = 0; end < s.len; end++) {
		uint8_t c = s.ptr[end];

		depth += c == '{';
		if (depth == 0 && (c == '/' || c == '}' || c == '#'))
			break;
		depth -= c == '}' && depth > 0;
	}
	return end;
}

/*
 * Host and port of ${jndi:scheme://host:port/path}.  Of a name with lookups
 * inside (${env:USER}.example.org) only the part behind them is known.
 */
static void
set_target(struct attempt *a, struct span lookup)
{
	size_t at = span_find(lookup, SPAN_LIT("://"));
	struct span s, host;
	uint64_t port;
	size_t colon;

	if (at == SPAN_NPOS)
		return;
	s = span_sub(lookup, at + 3, SIZE_MAX);
	host = span_sub(s, 0, authority_end(s));
	for (size_t i = host.len; i > 0; i--) {
		if (host.ptr[i - 1] == '}') {
			host = span_sub(host, i, SIZE_MAX);
			while (host.len != 0 && host.ptr[0] == '.')
				host = span_sub(host, 1, SIZE_MAX);
			break;
		}
	}
	colon = span_find_byte(host, ':');
	if (host.len != 0 && host.ptr[0] != '[' && colon != SPAN_NPOS) {
		if (span_u64(span_sub(host, colon + 1, SIZE_MAX), &port) &&
		    port < 65536)
			a->port = (uint16_t)port;
		host.len = colon;
	}
	a->is_literal = addr_parse(host, &a->addr[0]);
	a->naddrs = a->is_literal;
	set_text(a->target, sizeof(a->target), host);
}

static void
say_answer(struct buf *b, const struct attempt *a)
{
	double after = (double)a->delay / 1e9;

	switch (a->answer) {
	case ANSWER_NONE:
		buf_str(b, "; no call-back was seen");
		return;
	case ANSWER_DNS:
		buf_printf(b, "; %s then asked the DNS for %s", a->by,
		    a->target);
		break;
	case ANSWER_CONN:
		buf_printf(b, "; %s then called back to %s", a->by,
		    a->target);
		if (a->port != 0)
			buf_printf(b, ":%u", a->port);
		break;
	case ANSWER_CLASS:
		buf_printf(b, "; %s then called back to %s and fetched a "
		    "Java class", a->by, a->target);
		break;
	}
	buf_printf(b, " after %.1f s", after);
}

static void
tell(struct detect *d, struct attempt *a)
{
	struct finding *f = &a->f;

	buf_reset(&d->text);
	buf_reset(&d->fold);
	buf_str(&d->text, a->text);
	say_answer(&d->text, a);
	buf_printf(&d->fold, "%s|%s|%s", a->src, a->server, a->target);
	f->entity[ENTITY_SRC_IP] = span_str(a->src);
	f->entity[ENTITY_DST_IP] = span_str(a->server);
	f->entity[ENTITY_HOST] = a->answer != ANSWER_NONE && a->by[0] != '\0' ?
	    span_str(a->by) : span_str(a->server);
	f->entity[ENTITY_DOMAIN] = a->is_literal ? SPAN_NONE :
	    span_str(a->target);
	if (a->answer != ANSWER_NONE) {
		finding_evidence(f, &a->answer_loc, a->answer_time);
		f->count--;	/* evidence of the same attempt */
	}
	switch (a->answer) {
	case ANSWER_NONE:
		break;
	case ANSWER_DNS:
		f->severity = SEV_HIGH;
		f->confidence = 85;
		break;
	case ANSWER_CONN:
		f->severity = SEV_CRITICAL;
		f->confidence = 95;
		break;
	case ANSWER_CLASS:
		f->severity = SEV_CRITICAL;
		f->confidence = 99;
		break;
	}
	finding_raise(f, d);
}

static void
flush(struct detect *d, struct state *s, int64_t now)
{
	while (s->n != 0) {
		struct attempt *a = &s->ring[s->head];

		if (now != TIME_NONE && a->f.time != TIME_NONE &&
		    time_diff(now, a->f.time) <= WAIT)
			break;
		tell(d, a);
		s->head = (s->head + 1) % PENDING_MAX;
		s->n--;
	}
}

static void
note_attempt(struct detect *d, struct state *s, const struct event *e)
{
	struct span lookup, src, method;
	struct attempt *a;
	struct buf text;
	struct work w;
	unsigned where;

	if (!search_event(e, &w, &lookup, &where))
		return;
	if (s->n == PENDING_MAX) {
		tell(d, &s->ring[s->head]);	/* told early, not lost */
		s->head = (s->head + 1) % PENDING_MAX;
		s->n--;
	}
	a = &s->ring[(s->head + s->n++) % PENDING_MAX];
	memset(a, 0, sizeof(*a));
	finding_init(&a->f, d, e);
	src = event_text(&s->arena, e, FIELD_SRC_IP);
	set_text(a->src, sizeof(a->src), src);
	set_text(a->server, sizeof(a->server), http_server(&s->arena, e));
	set_target(a, lookup);
	buf_init(&text, sizeof(a->text) - 1);
	text_who(&text, src);
	buf_str(&text, " sent ");
	text_server(&text, http_server(&s->arena, e));
	buf_str(&text, " the lookup ");
	text_clip(&text, lookup, 160);
	buf_printf(&text, " in %s (", field_name(where));
	method = event_str(e, FIELD_HTTP_METHOD);
	text_clip(&text, method, 16);
	buf_str(&text, method.len != 0 ? " " : "");
	text_clip(&text, http_path(e), 120);
	buf_str(&text, ")");
	set_text(a->text, sizeof(a->text), buf_view(&text));
	buf_fini(&text);
}

static bool
has_addr(const struct attempt *a, const struct addr *addr)
{
	for (unsigned i = 0; i < a->naddrs; i++)
		if (addr_eq(&a->addr[i], addr))
			return true;
	return false;
}

static bool
same_target_name(const struct attempt *a, const struct event *e)
{
	struct span q = event_str(e, FIELD_DNS_QUERY);
	struct span t = span_str(a->target);

	return !a->is_literal && t.len != 0 && span_ends_nocase(q, t) &&
	    (q.len == t.len || q.ptr[q.len - t.len - 1] == '.');
}

static void
take_answers(struct attempt *a, const struct event *e)
{
	const struct value *list = event_get(e, FIELD_DNS_ANSWERS);
	const struct value *item = list == NULL ? NULL : list->ptr;
	struct addr addr;

	if (list == NULL || list->type != VT_LIST)
		return;
	for (uint32_t i = 0; i < list->len && a->naddrs < ADDRS_MAX; i++)
		if (item[i].type == VT_STR && addr_parse(span_of(item[i].ptr,
		    item[i].len), &addr) && !has_addr(a, &addr))
			a->addr[a->naddrs++] = addr;
}

/* What came after an attempt, and from whom. */
struct follow {
	enum answer	 answer;
	struct span	 by;
	int64_t		 time;
	const struct locator *loc;
};

static void
set_answer(struct attempt *a, const struct follow *f)
{
	if (f->answer <= a->answer)
		return;
	a->answer = f->answer;
	a->delay = time_diff(f->time, a->f.time);
	a->answer_loc = *f->loc;
	a->answer_time = f->time;
	set_text(a->by, sizeof(a->by), f->by);
}

/* Not the attacker's own traffic. */
static bool
may_follow(const struct attempt *a, const struct follow *f)
{
	return !span_eq(f->by, span_str(a->src)) &&
	    (f->time == TIME_NONE || f->time >= a->f.time);
}

static struct attempt *
attempt_at(struct state *s, uint32_t i)
{
	return &s->ring[(s->head + i) % PENDING_MAX];
}

static void
note_answer(struct state *s, const struct event *e, enum answer answer)
{
	const struct follow f = { answer, event_text(&s->arena, e,
	    FIELD_SRC_IP), e->time, &e->loc };

	for (uint32_t i = 0; i < s->n; i++) {
		struct attempt *a = attempt_at(s, i);

		if (!may_follow(a, &f))
			continue;
		if (answer == ANSWER_CLASS && a->answer == ANSWER_CONN &&
		    span_eq(f.by, span_str(a->by)))
			set_answer(a, &f);
		if (answer == ANSWER_DNS && same_target_name(a, e)) {
			set_answer(a, &f);
			take_answers(a, e);
		}
	}
}

static void
log4shell_flow(struct detect *d, void *p, const struct flow *flow)
{
	struct follow f = { ANSWER_CONN, SPAN_NONE, flow->start, &flow->loc };
	struct state *s = p;

	flush(d, s, flow->start);
	for (uint32_t i = 0; i < s->n; i++) {
		struct attempt *a = attempt_at(s, i);

		if (!has_addr(a, &flow->dst) ||
		    (a->port != 0 && flow->dst_port != a->port))
			continue;
		if (f.by.len == 0) {
			arena_reset(&s->arena);
			f.by = addr_text(&s->arena, &flow->src);
		}
		if (may_follow(a, &f))
			set_answer(a, &f);
	}
}

static void
log4shell_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;

	arena_reset(&s->arena);
	if (e->time != TIME_NONE)
		flush(d, s, e->time);
	if (e->kind == KIND_DNS) {
		note_answer(s, e, ANSWER_DNS);
		return;
	}
	if (is_class_fetch(e))
		note_answer(s, e, ANSWER_CLASS);
	note_attempt(d, s, e);
}

static void
log4shell_end(struct detect *d, void *p)
{
	flush(d, p, TIME_NONE);
}

const struct detector detector_log4shell = {
	.name = "log4shell",
	.title = "Log4Shell attempt",
	.doc = "A request that folds to ${jndi: after percent, unicode, entity "
	    "and nested-lookup decoding; graver when a host then calls back "
	    "to the address in it (connection, DNS, Java class). False "
	    "alarms: the owner's own scanners.",
	.attack = "T1190",
	.advice = "Look whether the server runs log4j 2 below 2.17.1; if a "
	    "call-back followed, isolate it and look for new files and "
	    "processes of its Java service.",
	.severity = SEV_MEDIUM,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event = log4shell_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = log4shell_note,
	.flow = log4shell_flow,
	.end = log4shell_end,
	.fini = state_fini,
};
