/* SPDX-License-Identifier: Apache-2.0
 *
 * The access pattern of web shells, ATT&CK T1505.003.
 *
 * Two ways:
 * - one request is enough when it carries what only a family of shells
 *   sends: the memory shell's X-Client-Data, reGeorg's commands, Chopper's
 *   preamble, Godzilla's fenced answer;
 * - else a path is judged over all requests to it: one or two clients, (nearly)
 *   only POST, no referer, success, answers of varying size, a script, in a
 *   folder that holds uploads or images, or just uploaded, bodies that are a
 *   single opaque token both ways.  No sign is enough alone.
 *
 * Known false alarms: machine interfaces (xmlrpc.php, SOAP, web hooks) are
 * POST-only and without referer too: they lack the folder and the tokens, and
 * the well-known ones are left out by name.
 *
 * Cost: a few compares a request; requests for scripts and POSTs are kept; a
 * table of PATHS_MAX paths.
 */
#include <stdlib.h>

#include "detect.h"

#define PATHS_MAX	16384u
#define CLIENTS		2u	/* a shell has one or two */
#define POSTS_MIN	3u
#define RAISE_AT	70u
#define TOKEN_MIN	16u	/* bytes of an opaque body */
#define UPLOADS_MAX	1024u

static const uint8_t kinds[] = { KIND_HTTP, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_HTTP_METHOD, FIELD_HTTP_HOST,
	FIELD_HTTP_VHOST, FIELD_HTTP_PATH, FIELD_HTTP_URI,
	FIELD_HTTP_STATUS, FIELD_HTTP_REFERER, FIELD_HTTP_HEADERS,
	FIELD_HTTP_RESP_LEN, FIELD_HTTP_REQ_BODY, FIELD_HTTP_RESP_BODY,
	FIELD_HTTP_RESP_HEADERS, FIELD_OTHER
};

/* -- one request --------------------------------------------------------- */

/* A header's value, from the block as it was sent. */
static struct span
header(struct span block, struct span name)
{
	while (block.len != 0) {
		size_t end = span_find_byte(block, '\n');
		struct span line = span_sub(block, 0, end);

		if (line.len > name.len && line.ptr[name.len] == ':' &&
		    span_starts_nocase(line, name))
			return span_trim(span_sub(line, name.len + 1,
			    SIZE_MAX));
		block = end == SPAN_NPOS ? SPAN_NONE :
		    span_sub(block, end + 1, SIZE_MAX);
	}
	return SPAN_NONE;
}

static bool
is_lower_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]) &&
		    !(s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))
			return false;
	return s.len != 0;
}

static bool
is_base64_char(uint8_t c)
{
	return ascii_is_digit(c) || (ascii_lower(c) >= 'a' &&
	    ascii_lower(c) <= 'z') || c == '+' || c == '/' || c == '=';
}

static bool
is_base64(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_base64_char(s.ptr[i]))
			return false;
	return s.len != 0;
}

/* Godzilla: 16 hex digits, base64, 16 hex digits; the fences are the halves
 * of one MD5, so they differ. */
static bool
is_godzilla_answer(struct span s)
{
	struct span a, b, middle;

	s = span_trim(s);
	if (s.len < 32 + TOKEN_MIN || s.len % 4 != 0)
		return false;
	a = span_sub(s, 0, 16);
	b = span_sub(s, s.len - 16, 16);
	middle = span_sub(s, 16, s.len - 32);
	/* A hexadecimal middle is a digest or a dump, not base64. */
	return is_lower_hex(a) && is_lower_hex(b) && is_base64(middle) &&
	    !is_lower_hex(middle) && !span_eq(a, b);
}

/* What gives a family away, or NULL. */
static const char *
family(const struct event *e)
{
	struct span block = event_str(e, FIELD_HTTP_HEADERS);
	struct span answer = event_str(e, FIELD_HTTP_RESP_HEADERS);
	struct span body = event_str(e, FIELD_HTTP_REQ_BODY);
	struct span uri = event_str(e, FIELD_HTTP_URI), v;

	v = header(block, SPAN_LIT("X-Client-Data"));
	if (span_eq(v, SPAN_LIT("cmd")) || span_eq(v, SPAN_LIT("rebeyond")))
		return "the header of a Tomcat memory shell";
	if ((header(block, SPAN_LIT("X-CMD")).len != 0 ||
	    span_find(uri, SPAN_LIT("cmd=connect&target=")) != SPAN_NPOS) &&
	    header(answer, SPAN_LIT("X-STATUS")).len != 0)
		return "the commands of a reGeorg tunnel";
	/* base64 of @ini_set("display_errors","0") */
	if (span_find(body, SPAN_LIT("QGluaV9zZXQoImRpc3BsYXlfZXJyb3JzIi"
	    "wiMCIp")) != SPAN_NPOS)
		return "the preamble of China Chopper";
	v = span_trim(event_str(e, FIELD_HTTP_RESP_BODY));
	if (span_starts(v, SPAN_LIT("->|")) && span_ends(v, SPAN_LIT("|<-")))
		return "the answer of China Chopper";
	if (is_godzilla_answer(v) && path_is_script(http_path(e)))
		return "the fenced answer of Godzilla";
	return NULL;
}

static void
tell_family(struct detect *d, const struct event *e, const char *what)
{
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP] = http_server(&m, e);
	f.entity[ENTITY_URL] = http_path(e);
	f.severity = SEV_CRITICAL;
	f.confidence = 90;
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " talked to ");
	text_clip(&d->text, f.entity[ENTITY_URL], 120);
	buf_str(&d->text, " on ");
	text_server(&d->text, f.entity[ENTITY_HOST]);
	buf_str(&d->text, " with ");
	buf_str(&d->text, what);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_URL]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
webshell_event(struct detect *d, const struct event *e)
{
	const char *what = family(e);

	if (what != NULL)
		tell_family(d, e, what);
	if (path_is_script(http_path(e)) ||
	    span_eq(event_str(e, FIELD_HTTP_METHOD), SPAN_LIT("POST")))
		d->keep(d, e);
}

/* -- a path over time ---------------------------------------------------- */

struct path {
	struct finding	 f;
	struct small_set clients;
	uint32_t	 requests, posts, referers, good, tokens;
	uint64_t	 size_min, size_max;
	bool		 uploaded;
	char		 path[256], server[64], client[64];
};

struct key {
	uint64_t	server, path;
};

struct state {
	struct table	*index;		/* key: which path */
	struct path	*path[PATHS_MAX];
	uint32_t	 npaths;
	struct small_set uploads[UPLOADS_MAX / SMALL_SET_MAX];	/* file names */
	uint32_t	 nuploads;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->index = table_new(sizeof(struct key), sizeof(uint32_t), PATHS_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->index != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	for (uint32_t i = 0; i < s->npaths; i++)
		free(s->path[i]);
	table_free(s->index);
	arena_fini(&s->arena);
}

/* Interfaces that are POST-only by design. */
static bool
is_interface(struct span path)
{
	static const char *const names[] = {
		"/xmlrpc.php", "/wp-cron.php", "/wp-login.php",
		"/admin-ajax.php", "/ews/exchange.asmx", "/default.eas",
		"/autodiscover.xml", "/_vti_bin/", "/j_security_check"
	};

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_find_nocase(path, span_str(names[i])) != SPAN_NPOS)
			return true;
	return false;
}

static bool
in_odd_folder(struct span path)
{
	static const char *const folders[] = {
		"/upload", "/image", "/img", "/cache", "/tmp", "/temp/",
		"/files/", "/media/", "/static/", "/avatar", "/fonts/",
		"/css/", "/attach", "/backup", "/aspnet_client/",
		"/owa/auth/", "/ecp/auth/", "/themes/"
	};

	for (size_t i = 0; i < NITEMS(folders); i++)
		if (span_find_nocase(path, span_str(folders[i])) != SPAN_NPOS)
			return true;
	return false;
}

/* A body that is one opaque word: base64 or hexadecimal, perhaps behind one
 * form field's name. */
static bool
is_token(struct span s)
{
	size_t eq;

	s = span_trim(s);
	eq = span_find_byte(span_sub(s, 0, 40), '=');
	if (eq != SPAN_NPOS && eq + 1 < s.len && s.ptr[eq + 1] != '=')
		s = span_sub(s, eq + 1, SIZE_MAX);
	if (s.len < TOKEN_MIN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		/* Percent escapes of + / = in forms. */
		if (!is_base64_char(s.ptr[i]) && s.ptr[i] != '%' &&
		    s.ptr[i] != '-' && s.ptr[i] != '_')
			return false;
	}
	return true;
}

/* Names of multipart files are kept: a shell is called by its name. */
static void
note_upload(struct state *s, struct span body)
{
	static const struct span mark = { (const uint8_t *)"filename=\"", 10 };
	size_t at = span_find_nocase(body, mark), end;
	struct span name;

	if (at == SPAN_NPOS || s->nuploads == UPLOADS_MAX)
		return;
	name = span_sub(body, at + mark.len, 256);
	end = span_find_byte(name, '"');
	if (end == SPAN_NPOS || end == 0)
		return;
	name.len = end;
	small_set_add(&s->uploads[s->nuploads++ / SMALL_SET_MAX], name);
}

static bool
was_uploaded(const struct state *s, struct span path)
{
	struct span name = path;

	for (size_t i = path.len; i > 0; i--) {
		if (path.ptr[i - 1] == '/') {
			name = span_sub(path, i, SIZE_MAX);
			break;
		}
	}
	for (size_t i = 0; i < NITEMS(s->uploads) && name.len != 0; i++)
		if (small_set_has(&s->uploads[i], name))
			return true;
	return false;
}

/* failed: what is not there is no shell, and must not fill the table. */
static struct path *
path_of(struct detect *d, struct state *s, struct span server,
    struct span path, bool failed)
{
	const struct key key = {
		hash_bytes(server.ptr, server.len, 23),
		hash_bytes(path.ptr, path.len, 29)
	};
	uint32_t *index = table_get(s->index, &key);
	struct path *p;
	bool made;

	if (index != NULL)
		return s->path[*index];
	if (failed)
		return NULL;
	if (s->npaths == PATHS_MAX) {
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
		return NULL;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (index = table_put(s->index, &key, &made)) == NULL) {
		free(p);
		return NULL;
	}
	finding_init(&p->f, d, NULL);
	p->size_min = UINT64_MAX;
	set_text(p->path, sizeof(p->path), path);
	set_text(p->server, sizeof(p->server), server);
	*index = s->npaths;
	s->path[s->npaths++] = p;
	return p;
}

static void
webshell_note(struct detect *d, void *state, const struct event *e)
{
	struct state *s = state;
	struct span path = http_path(e), src;
	uint64_t status = 0, size;
	struct path *p;

	arena_reset(&s->arena);
	note_upload(s, event_str(e, FIELD_HTTP_REQ_BODY));
	event_u64(e, FIELD_HTTP_STATUS, &status);
	if (is_interface(path) || (p = path_of(d, s,
	    http_server(&s->arena, e), path, status >= 400)) == NULL)
		return;
	src = event_text(&s->arena, e, FIELD_SRC_IP);
	if (small_set_add(&p->clients, src) && p->clients.n == 1)
		set_text(p->client, sizeof(p->client), src);
	p->requests++;
	p->referers += event_str(e, FIELD_HTTP_REFERER).len > 1;
	p->good += status >= 200 && status < 300;
	if (!span_eq(event_str(e, FIELD_HTTP_METHOD), SPAN_LIT("POST")))
		return;
	p->posts++;
	finding_evidence(&p->f, &e->loc, e->time);
	if (event_u64(e, FIELD_HTTP_RESP_LEN, &size)) {
		p->size_min = MIN_OF(p->size_min, size);
		p->size_max = MAX_OF(p->size_max, size);
	}
	p->tokens += is_token(event_str(e, FIELD_HTTP_REQ_BODY)) &&
	    is_token(event_str(e, FIELD_HTTP_RESP_BODY));
	p->uploaded |= was_uploaded(s, path);
}

static unsigned
weigh(const struct path *p)
{
	struct span path = span_str(p->path);
	unsigned weight = 0;

	if (p->posts < POSTS_MIN || p->clients.n > CLIENTS ||
	    p->good * 10 < p->requests * 5)
		return 0;
	if (p->posts * 10 >= p->requests * 8)
		weight += 15;
	if (p->referers == 0)
		weight += 15;
	if (path_is_script(path))
		weight += 15;
	if (p->size_max > p->size_min)
		weight += 5;
	if (in_odd_folder(path))
		weight += 25;
	if (p->uploaded)
		weight += 40;
	if (p->tokens * 2 >= p->posts)
		weight += 30;
	return MIN_OF(weight, 98u);
}

static void
tell_path(struct detect *d, struct path *p, unsigned weight)
{
	struct finding *f = &p->f;

	buf_reset(&d->text);
	buf_reset(&d->fold);
	f->confidence = weight;
	f->entity[ENTITY_HOST] = f->entity[ENTITY_DST_IP] =
	    span_str(p->server);
	f->entity[ENTITY_SRC_IP] = span_str(p->client);
	f->entity[ENTITY_URL] = span_str(p->path);
	text_who(&d->text, span_str(p->client));
	if (p->clients.n > 1)
		buf_str(&d->text, " and another address");
	buf_printf(&d->text, " posted %u times to %s on ", p->posts, p->path);
	text_server(&d->text, span_str(p->server));
	buf_str(&d->text, ", nobody else does");
	if (p->referers == 0)
		buf_str(&d->text, ", never from a page");
	if (p->uploaded)
		buf_str(&d->text, ", and the file had just been uploaded");
	if (p->tokens != 0)
		buf_str(&d->text, "; both directions carry opaque tokens");
	buf_str(&d->fold, p->server);
	buf_byte(&d->fold, '|');
	buf_str(&d->fold, p->path);
	finding_raise(f, d);
}

static void
webshell_end(struct detect *d, void *state)
{
	struct state *s = state;

	for (uint32_t i = 0; i < s->npaths; i++) {
		unsigned weight = weigh(s->path[i]);

		if (weight >= RAISE_AT)
			tell_path(d, s->path[i], weight);
	}
}

const struct detector detector_webshell = {
	.name = "webshell",
	.title = "Web-shell access pattern",
	.doc = "What families of web shells send, and paths that one or two "
	    "clients POST to without ever coming from a page, in odd folders, "
	    "freshly uploaded or with opaque bodies. False alarms: machine "
	    "interfaces, which lack the folder and the tokens.",
	.attack = "T1505.003",
	.advice = "Take the file at this path off the server (keep a copy), "
	    "look at the web service's child processes since the first "
	    "request, and search the other servers for the client's address.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event = webshell_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = webshell_note,
	.end = webshell_end,
	.fini = state_fini,
};
