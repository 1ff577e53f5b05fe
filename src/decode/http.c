/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.x (RFC 9110, RFC 9112) over a TCP conversation.
 *
 *	request  = method SP target SP HTTP/1.x CRLF *(name ":" value CRLF) CRLF
 *	response = HTTP/1.x SP status SP reason CRLF *(...) CRLF	2.1
 *	body     = Content-Length bytes | chunks | until the end	6.3
 *	chunk    = hex-size [;ext] CRLF bytes CRLF ... 0 CRLF trailers CRLF  7.1
 *
 * One http event tells a request and its response.  Requests that wait for
 * their response stand in a queue (pipelining); a request that never gets one
 * and a response that nobody asked for are told as well.  Read as servers and
 * browsers do: bare LF, obs-fold, blanks before the colon.  Where a message's
 * length can be read in two ways a weird is raised, and RFC 9112 6.3 decides.
 *
 * Ownership: within one call, heads and bodies are views of the segment.  What
 * must wait for a later call is copied to dec_alloc memory (struct store); the
 * event gets a copy in the batch's arena.
 *
 * Bounds: a head HEAD_MAX bytes and HEADERS_MAX lines; PENDING_MAX requests in
 * the queue; of a body BODY_KEEP bytes as sent, BODY_DECODED bytes decoded, and
 * only when somebody reads bodies; all other body bytes are passed over.
 */
#define _GNU_SOURCE	/* memrchr */
#include "codec.h"
#include "decode.h"

#define HEAD_MAX	(60u << 10)	/* servers take 8 to 64 KB; the flow
					 * room carries 64 */
#define HEADERS_MAX	200		/* Apache takes 100, IIS some more */
#define METHOD_MAX	32		/* the longest registered has 17 */
#define PENDING_MAX	64		/* clients pipeline 6 or so */
#define BODY_KEEP	(16u << 10)	/* a web shell's talk fits */
#define BODY_DECODED	(32u << 10)
#define CODINGS_MAX	3		/* gzip in gzip happens, more is play */
#define CHUNK_LINE_MAX	4096		/* size with extensions */
#define WORD_MAX	40		/* of a garbled name or coding */
#define JUNK_MAX	512		/* before a status line */
#define CHUNK_JUNK_MAX	20		/* a chunk-size line with odd bytes */
#define AUTH_MAX	680		/* base64 of 510 bytes of name:word */
#define SPARE_KEEP	4096		/* memory kept for the next request */
#define LINE_SURE	1024		/* clean bytes behind a known method */
#define LINE_UNSURE	2048	/* unknown method: its line ends before */
#define SKIP_REST	(UINT64_C(1) << 62)

/* Header fields that are read; those up to H_KEPT are kept. */
enum header {
	H_HOST, H_USER_AGENT, H_REFERER, H_COOKIE, H_XFF, H_TYPE, H_AUTH,
	H_UPGRADE, H_SERVER, H_LOCATION,
	H_KEPT,
	H_LENGTH = H_KEPT, H_CHUNKED, H_CODING, H_UNKNOWN
};

enum stage {
	ST_START,	/* a head comes */
	ST_SYNC,	/* after a gap: wait for a segment that starts a head */
	ST_BODY,	/* left bytes of a body */
	ST_CLOSE,	/* body until the end */
	ST_SIZE,	/* chunk-size line */
	ST_CHUNK,	/* left bytes of a chunk */
	ST_CHUNK_END,	/* its line end */
	ST_TRAILER,
	ST_DEAD		/* no HTTP (any more) */
};

/* Part of a head; no header value stands at offset 0. */
struct part {
	uint32_t	off, len;
};

/* Memory of ours; len may be below cap. */
struct store {
	uint8_t		*ptr;
	uint32_t	 len, cap;
};

struct msg {
	struct span	head_view;	/* in this call only */
	struct store	head;		/* afterwards */
	struct span	body_view;
	struct store	body;
	struct part	word[3];	/* method or status, target or reason,
					 * version */
	struct part	block;		/* header lines */
	struct part	hdr[H_KEPT];
	uint64_t	body_len;
	uint8_t		coding[CODINGS_MAX];	/* as applied, first first */
	uint8_t		ncodings;
	bool		seen, done;
};

struct txn {
	struct txn	*next;
	int64_t		 time;
	uint64_t	 record, offset;
	uint16_t	 status;
	bool		 is_head, is_connect;
	bool		 waits;		/* client holds back until answered */
	bool		 told;
	struct msg	 m[2];		/* by direction */
};

struct side {
	uint64_t	left;		/* of the body or chunk */
	uint64_t	length;		/* declared, to fall back on */
	uint32_t	scanned;	/* of an unfinished head; of trailers */
	uint8_t		stage;
	bool		collect;	/* the body's head is wanted */
	bool		first_chunk;
	bool		has_length;
};

struct http {
	struct side	 side[2];
	struct txn	*first, *last;	/* wait for a response */
	struct txn	*req;		/* whose request body is being read */
	struct txn	*resp;		/* whose response is being read */
	struct txn	*spare;
	uint32_t	 npending;
	uint32_t	 unlinked;	/* told requests behind the queue */
	bool		 fresh;		/* there are views to settle */
	bool		 gap;		/* responses are missing */
	bool		 wait;		/* client may change the protocol */
	bool		 begun, reverse;	/* the side that was called
						 * asks */
};

/* One call. */
struct call {
	struct dec		*d;
	struct http		*s;
	const struct seg	*seg;
	struct cursor		 c;	/* unread bytes */
	uint8_t			 dir;
};

/* How a message's length is told. */
struct framing {
	uint64_t	length;
	bool		has_length, chunked, ambiguous, no_body;
};

/* -- recognising --------------------------------------------------------- */

static bool
is_tchar(uint8_t c)		/* RFC 9110 5.6.2 */
{
	static const uint32_t set[8] = {
		0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff
	};

	return set[c >> 5] >> (c & 31) & 1;
}

/* Length of the method at the start of s, 0: none (or unfinished: *more). */
static size_t
method_len(struct span s, bool *more)
{
	size_t n = 0;

	while (n < s.len && n <= METHOD_MAX && is_tchar(s.ptr[n]))
		n++;
	*more = n == s.len && n <= METHOD_MAX;
	return n == s.len || n > METHOD_MAX || s.ptr[n] != ' ' ? 0 : n;
}

static bool
method_known(struct span m)
{
	static const char *const known[] = {
		"GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH",
		"CONNECT", "TRACE", "TRACK", "PROPFIND", "PROPPATCH", "MKCOL",
		"COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "DEBUG", "REPORT",
		"RPC_IN_DATA", "RPC_OUT_DATA", "RDG_IN_DATA", "RDG_OUT_DATA",
		"SSTP_DUPLEX_POST", "CCM_POST", "BITS_POST", "SUBSCRIBE",
		"NOTIFY"
	};

	for (size_t i = 0; i < NITEMS(known); i++)
		if (span_eq(m, span_str(known[i])))
			return true;
	return false;
}

/* The line without its end; false when no LF is there. */
static bool
peek_line(struct span s, struct span *line)
{
	size_t n = span_find_byte(s, '\n');

	if (n == SPAN_NPOS)
		return false;
	*line = span_sub(s, 0, n);
	if (n > 0 && s.ptr[n - 1] == '\r')
		line->len--;
	return true;
}

static bool
take_line(struct cursor *c, struct span *line)
{
	struct span rest = cur_rest(c);
	size_t n = span_find_byte(rest, '\n'), cr;

	if (n == SPAN_NPOS) {
		if (rest.len == 0)
			return false;
		n = rest.len - 1;	/* the last line of a cut head */
		*line = rest;
	} else {
		*line = span_sub(rest, 0, n);
	}
	if (line->len > 0 && line->ptr[line->len - 1] == '\r')
		line->len--;
	/* A bare CR ends a line too: some browsers read it so. */
	cr = span_find_byte(*line, '\r');
	if (cr != SPAN_NPOS) {
		line->len = cr;
		n = cr;
	}
	cur_skip(c, n + 1);
	return true;
}

/* Offset of the blank before "HTTP/x" at the line's end; SPAN_NPOS: none. */
static size_t
version_at(struct span line)
{
	const uint8_t *p;
	size_t at;

	while (line.len > 0 && (line.ptr[line.len - 1] == ' ' ||
	    line.ptr[line.len - 1] == '\t'))
		line.len--;
	if (line.len == 0 || (p = memrchr(line.ptr, ' ', line.len)) == NULL)
		return SPAN_NPOS;
	at = (size_t)(p - line.ptr);
	line = span_sub(line, at + 1, SIZE_MAX);
	return line.len > 5 && span_starts(line, SPAN_LIT("HTTP/")) &&
	    ascii_is_digit(line.ptr[5]) ? at : SPAN_NPOS;
}

static bool
has_controls(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < ' ' && s.ptr[i] != '\t')
			return true;
	return false;
}

/* HTTP/0.9, or a version forgotten: "GET /path" of a known method. */
static bool
is_simple(struct span line, size_t method)
{
	return line.len > method + 1 && line.ptr[method + 1] == '/' &&
	    !has_controls(line) && method_known(span_sub(line, 0, method));
}

static enum probe_result
classify_request(struct span s)
{
	struct span line, method;
	bool more;
	size_t n = method_len(s, &more), v;

	if (n == 0)
		return more ? PROBE_MORE : PROBE_NO;
	method = span_sub(s, 0, n);
	if (peek_line(s, &line)) {
		v = version_at(line);
		if (v == SPAN_NPOS)
			return is_simple(line, n) ? PROBE_YES : PROBE_NO;
		if (v < n || span_eq(method, SPAN_LIT("PRI")))
			return PROBE_NO;	/* PRI: HTTP/2, RFC 9113 3.4 */
		return method_known(method) ||
		    span_sub(line, v, 8).ptr[6] == '1' ? PROBE_YES : PROBE_NO;
	}
	if (has_controls(span_sub(s, 0, LINE_UNSURE)))
		return s.ptr[s.len - 1] == '\r' &&
		    !has_controls(span_sub(s, 0, s.len - 1)) ?
		    PROBE_MORE : PROBE_NO;
	if (method_known(method))
		return s.len < LINE_SURE ? PROBE_MORE : PROBE_YES;
	return s.len < LINE_UNSURE ? PROBE_MORE : PROBE_NO;
}

static enum probe_result
classify_response(struct span s)
{
	static const struct span start = { (const uint8_t *)"HTTP/", 5 };

	if (s.len < 6)
		return span_starts_nocase(start, span_sub(s, 0, 5)) ?
		    PROBE_MORE : PROBE_NO;
	return span_starts_nocase(s, start) && ascii_is_digit(s.ptr[5]) ?
	    PROBE_YES : PROBE_NO;
}

static struct span
skip_line_ends(struct span s)	/* RFC 9112 2.2 */
{
	while (s.len > 0 && (s.ptr[0] == '\r' || s.ptr[0] == '\n'))
		s = span_sub(s, 1, SIZE_MAX);
	return s;
}

static enum probe_result
http_probe(const struct probe *p)
{
	struct span s = skip_line_ends(span_sub(p->data, 0, HEAD_MAX));
	enum probe_result r;

	if (p->is_udp)
		return PROBE_NO;
	if (s.len == 0)
		return p->data.len < 8 ? PROBE_MORE : PROBE_NO;
	if ((r = classify_response(s)) == PROBE_YES)
		return p->dir == DIR_SERVER ? PROBE_YES : PROBE_SWAP;
	if (r == PROBE_MORE)
		return r;
	r = classify_request(s);
	return r == PROBE_YES && p->dir == DIR_SERVER ? PROBE_SWAP : r;
}

/* -- memory -------------------------------------------------------------- */

static void
store_free(struct dec *d, struct store *st)
{
	if (st->cap != 0)
		dec_free(d, st->ptr, st->cap);
	*st = (struct store){ NULL, 0, 0 };
}

/* Appends; false when there is no memory. */
static bool
store_add(struct dec *d, struct store *st, struct span s)
{
	struct store grown = { NULL, st->len, st->cap };

	if (s.len > st->cap - st->len) {
		grown.cap = MAX_OF(grown.cap * 2, 1024u);
		if (grown.cap - st->len < s.len)
			grown.cap = st->len + (uint32_t)s.len;
		if ((grown.ptr = dec_alloc(d, grown.cap)) == NULL)
			return false;
		if (st->len != 0)
			memcpy(grown.ptr, st->ptr, st->len);
		store_free(d, st);
		*st = grown;
	}
	if (s.len != 0)
		memcpy(st->ptr + st->len, s.ptr, s.len);
	st->len += (uint32_t)s.len;
	return true;
}

static void
txn_free(struct dec *d, struct txn *t)
{
	for (unsigned i = 0; i < 2; i++) {
		store_free(d, &t->m[i].head);
		store_free(d, &t->m[i].body);
	}
	dec_free(d, t, sizeof(*t));
}

static struct txn *
txn_new(struct call *r)
{
	struct txn *t = r->s->spare;

	r->s->spare = NULL;
	return t != NULL ? t : dec_alloc(r->d, sizeof(*t));
}

static struct store
store_reuse(struct dec *d, struct store *st)
{
	if (st->cap > SPARE_KEEP)
		store_free(d, st);
	return (struct store){ st->ptr, 0, st->cap };
}

/* A transaction that is over: one is kept for the next request. */
static void
txn_done(struct dec *d, struct http *s, struct txn *t)
{
	struct txn clean = { 0 };

	if (s->spare != NULL) {
		txn_free(d, t);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		clean.m[i].head = store_reuse(d, &t->m[i].head);
		clean.m[i].body = store_reuse(d, &t->m[i].body);
	}
	*t = clean;
	s->spare = t;
}

/* -- telling ------------------------------------------------------------- */

static struct span
part_of(struct span head, struct part p)
{
	return span_sub(head, p.off, p.len);
}

static void
add_part(struct batch *b, unsigned field, struct span head, struct part p)
{
	if (p.off != 0)
		event_add_str(b, field, part_of(head, p));
}

/* The head's bytes where the event may point to. */
static struct span
head_for_event(struct batch *b, const struct msg *m)
{
	struct span s;

	if (m->head.len == 0)
		return m->head_view;
	s = arena_copy(&b->arena, span_of(m->head.ptr, m->head.len));
	if (s.ptr == NULL)
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
	return s;
}

/* Undoes the codings, last applied first.  One that does not fit at all is
 * passed over: servers name codings that they did not apply. */
static void
add_decoded(struct dec *d, unsigned field, const struct msg *m,
    struct span body)
{
	uint8_t out[2][BODY_DECODED];
	bool bad, any_bad = false;

	for (unsigned i = m->ncodings; i > 0; i--) {
		uint8_t *dst = body.ptr == out[0] ? out[1] : out[0];
		size_t n = inflate_head(m->coding[i - 1], body, dst,
		    BODY_DECODED, &bad);

		if (n > 0 || !bad)
			body = span_of(dst, n);
		any_bad = any_bad || bad;
	}
	if (any_bad)
		dec_weird(d, WEIRD_HTTP_ENCODING);
	event_add_copy(d->batch, field, body);
}

static void
add_body(struct dec *d, unsigned field, const struct msg *m)
{
	struct span body = m->body_view;
	bool kept = m->body.len != 0;

	if (kept)
		body = span_of(m->body.ptr, m->body.len);
	if (body.len == 0 || !event_wants(d->batch, field))
		return;
	if (m->ncodings != 0)
		add_decoded(d, field, m, body);
	else if (kept)
		event_add_copy(d->batch, field, body);
	else
		event_add_str(d->batch, field, body);
}

/* http.user of "Basic dXNlcjpwYXNz" (RFC 7617); never the password. */
static void
add_user(struct batch *b, struct span auth)
{
	uint8_t text[AUTH_MAX / 4 * 3 + 3];
	size_t n;

	if (!event_wants(b, FIELD_HTTP_USER) || auth.len > AUTH_MAX ||
	    !span_starts_nocase(auth, SPAN_LIT("Basic ")))
		return;
	n = base64_decode(span_trim(span_sub(auth, 6, SIZE_MAX)), text);
	if (n == SPAN_NPOS)
		return;
	n = MIN_OF(n, span_find_byte(span_of(text, n), ':'));
	if (n > 0)
		event_add_copy(b, FIELD_HTTP_USER, span_of(text, n));
}

static void
add_request(struct dec *d, const struct txn *t)
{
	const struct msg *m = &t->m[DIR_CLIENT];
	struct batch *b = d->batch;
	struct span h = head_for_event(b, m), target, host = SPAN_NONE;

	if (h.len == 0)
		return;
	event_add_str(b, FIELD_HTTP_METHOD, part_of(h, m->word[0]));
	target = part_of(h, m->word[1]);
	if (m->hdr[H_HOST].off != 0)
		host = part_of(h, m->hdr[H_HOST]);
	else if (t->is_connect)
		host = target;
	dec_add_target(b, target, host);
	add_part(b, FIELD_HTTP_VERSION, h, m->word[2]);
	add_part(b, FIELD_HTTP_USER_AGENT, h, m->hdr[H_USER_AGENT]);
	add_part(b, FIELD_HTTP_REFERER, h, m->hdr[H_REFERER]);
	add_part(b, FIELD_HTTP_COOKIE, h, m->hdr[H_COOKIE]);
	add_user(b, part_of(h, m->hdr[H_AUTH]));
	add_part(b, FIELD_HTTP_CONTENT_TYPE, h, m->hdr[H_TYPE]);
	add_part(b, FIELD_HTTP_XFF, h, m->hdr[H_XFF]);
	event_add_str(b, FIELD_HTTP_HEADERS, part_of(h, m->block));
	event_add_u64(b, FIELD_HTTP_REQ_LEN, m->body_len);
	add_body(d, FIELD_HTTP_REQ_BODY, m);
}

static void
add_response(struct dec *d, const struct txn *t)
{
	const struct msg *m = &t->m[DIR_SERVER];
	struct batch *b = d->batch;
	struct span h = head_for_event(b, m);

	if (t->status != 0)
		event_add_u64(b, FIELD_HTTP_STATUS, t->status);
	if (h.len != 0) {
		if (!t->m[DIR_CLIENT].seen)
			add_part(b, FIELD_HTTP_VERSION, h, m->word[2]);
		add_part(b, FIELD_HTTP_STATUS_TEXT, h, m->word[1]);
		add_part(b, FIELD_HTTP_RESP_TYPE, h, m->hdr[H_TYPE]);
		add_part(b, FIELD_HTTP_RESP_SERVER, h, m->hdr[H_SERVER]);
		add_part(b, FIELD_HTTP_LOCATION, h, m->hdr[H_LOCATION]);
		event_add_str(b, FIELD_HTTP_RESP_HEADERS,
		    part_of(h, m->block));
		if (t->status == 101)
			add_part(b, FIELD_HTTP_UPGRADE, h, m->hdr[H_UPGRADE]);
	}
	if (t->is_connect && t->status / 100 == 2)
		event_add_str(b, FIELD_HTTP_UPGRADE, SPAN_LIT("connect"));
	event_add_u64(b, FIELD_HTTP_RESP_LEN, m->body_len);
	add_body(d, FIELD_HTTP_RESP_BODY, m);
}

static void
tell(struct dec *d, struct txn *t)
{
	if (t->told)
		return;
	t->told = true;
	if (!dec_event(d, KIND_HTTP, t->time, t->record, t->offset))
		return;
	if (t->m[DIR_CLIENT].seen)
		add_request(d, t);
	if (t->m[DIR_SERVER].seen)
		add_response(d, t);
	event_end(d->batch);
}

/* -- the queue ----------------------------------------------------------- */

static void
push(struct http *s, struct txn *t)
{
	t->next = NULL;
	if (s->last != NULL)
		s->last->next = t;
	else
		s->first = t;
	s->last = t;
	s->npending++;
}

static struct txn *
pop(struct http *s)
{
	struct txn *t = s->first;

	s->first = t->next;
	if (s->first == NULL)
		s->last = NULL;
	s->npending--;
	return t;
}

/* One direction of the transaction is over.  The one of the two that comes
 * last gives it back. */
static void
msg_over(struct dec *d, struct http *s, struct txn *t, uint8_t dir)
{
	t->m[dir].done = true;
	if (t->m[!dir].done) {
		tell(d, t);
		txn_done(d, s, t);
	}
}

static void
req_over(struct dec *d, struct http *s)
{
	struct txn *t = s->req;

	s->req = NULL;
	if (t != NULL)
		msg_over(d, s, t, DIR_CLIENT);
}

static void
resp_over(struct dec *d, struct http *s)
{
	struct txn *t = s->resp;

	s->resp = NULL;
	if (t != NULL)
		msg_over(d, s, t, DIR_SERVER);
}

/* No more responses: tells what is pending. */
static void
flush(struct dec *d, struct http *s, uint32_t keep)
{
	resp_over(d, s);
	while (s->npending > keep) {
		struct txn *t = pop(s);

		tell(d, t);
		msg_over(d, s, t, DIR_SERVER);
	}
}

static void
flush_all(struct dec *d, struct http *s)
{
	flush(d, s, 0);
	req_over(d, s);
	s->unlinked = 0;
}

/* -- bodies -------------------------------------------------------------- */

static struct txn *
txn_of(const struct call *r)
{
	return r->dir == DIR_CLIENT ? r->s->req : r->s->resp;
}

/* Views end with the call: what is still needed becomes ours. */
static void
settle_msg(struct dec *d, struct txn *t, struct msg *m)
{
	bool ok = true;

	if (!t->told && d->batch->want->kind[KIND_HTTP])
		ok = (m->head_view.len == 0 ||
		    store_add(d, &m->head, m->head_view)) &&
		    (m->body_view.len == 0 ||
		    store_add(d, &m->body, m->body_view));
	if (!ok)
		tell(d, t);	/* no memory: now or never */
	m->head_view = m->body_view = SPAN_NONE;
}

static void
settle_txn(struct dec *d, struct txn *t)
{
	if (t != NULL) {
		settle_msg(d, t, &t->m[DIR_CLIENT]);
		settle_msg(d, t, &t->m[DIR_SERVER]);
	}
}

static void
settle(struct dec *d, struct http *s)
{
	if (!s->fresh)
		return;
	s->fresh = false;
	for (struct txn *t = s->first; t != NULL; t = t->next)
		settle_txn(d, t);
	settle_txn(d, s->req);
	settle_txn(d, s->resp);
}

/* Bytes of a body for the event. */
static void
collect(struct call *r, struct span bytes)
{
	struct side *side = &r->s->side[r->dir];
	struct txn *t = txn_of(r);
	struct msg *m;
	size_t kept;

	if (!side->collect || bytes.len == 0)
		return;
	if (t == NULL || t->told) {
		side->collect = false;
		return;
	}
	m = &t->m[r->dir];
	kept = m->body.len + m->body_view.len;
	if (bytes.len > BODY_KEEP - kept) {
		bytes.len = BODY_KEEP - kept;
		side->collect = false;
		dec_weird(r->d, WEIRD_HTTP_INFLATE);
	}
	if (kept == 0) {
		m->body_view = bytes;
		r->s->fresh = true;
		return;
	}
	if ((m->body_view.len != 0 &&
	    !store_add(r->d, &m->body, m->body_view)) ||
	    !store_add(r->d, &m->body, bytes))
		side->collect = false;
	m->body_view = SPAN_NONE;
}

static void
start_message(struct call *r)
{
	struct side *side = &r->s->side[r->dir];

	side->stage = ST_START;
	side->scanned = 0;
}

static void
end_message(struct call *r)
{
	struct http *s = r->s;

	start_message(r);
	if (r->dir == DIR_CLIENT)
		req_over(r->d, s);
	else
		resp_over(r->d, s);
}

static void
begin_body(struct call *r, const struct framing *f)
{
	struct side *side = &r->s->side[r->dir];
	struct txn *t = txn_of(r);
	bool closes = r->dir == DIR_SERVER;

	side->collect = t != NULL && event_wants(r->d->batch,
	    closes ? FIELD_HTTP_RESP_BODY : FIELD_HTTP_REQ_BODY);
	side->has_length = f->has_length;
	side->length = side->left = f->length;
	side->first_chunk = true;
	if (f->no_body) {
		end_message(r);
	} else if (f->chunked) {
		side->stage = ST_SIZE;
	} else if (f->has_length) {
		if (t != NULL)
			t->m[r->dir].body_len = f->length;
		side->stage = ST_BODY;
	} else if (closes) {
		side->stage = ST_CLOSE;
	} else {
		end_message(r);
	}
}

/* -- what goes wrong ----------------------------------------------------- */

static bool
step_dead(struct call *r)
{
	cur_skip(&r->c, r->c.left);
	r->d->skip[r->seg->dir & 1] = SKIP_REST;
	return false;
}

/* No HTTP from here on.  A server may come back to it: bytes beyond a body's
 * length happen. */
static void
junk(struct call *r, bool weird)
{
	struct http *s = r->s;

	if (weird)
		dec_weird(r->d, WEIRD_HTTP_BAD);
	if (r->dir == DIR_CLIENT) {
		req_over(r->d, s);
		s->side[DIR_CLIENT].stage = ST_DEAD;
		step_dead(r);
		return;
	}
	flush(r->d, s, 0);
	s->unlinked = 0;
	s->side[DIR_SERVER].stage = ST_SYNC;
	cur_skip(&r->c, r->c.left);
	if (s->side[DIR_CLIENT].stage == ST_DEAD)
		r->d->action = DEC_DONE;
}

/* -- heads --------------------------------------------------------------- */

static enum header
header_find(struct span name)
{
	static const struct { const char *name; uint8_t len, id; } known[] = {
		{ "", 0, H_UNKNOWN },
		{ "Host", 4, H_HOST },
		{ "Cookie", 6, H_COOKIE }, { "Server", 6, H_SERVER },
		{ "Referer", 7, H_REFERER }, { "Upgrade", 7, H_UPGRADE },
		{ "Location", 8, H_LOCATION },
		{ "User-Agent", 10, H_USER_AGENT },
		{ "Content-Type", 12, H_TYPE },
		{ "Authorization", 13, H_AUTH },
		{ "Content-Length", 14, H_LENGTH },
		{ "X-Forwarded-For", 15, H_XFF },
		{ "Content-Encoding", 16, H_CODING },
		{ "Transfer-Encoding", 17, H_CHUNKED },
		{ "", 0, H_UNKNOWN }
	};
	/* First row of each length; 0: none. */
	static const uint8_t of_len[18] = {
		[4] = 1, [6] = 2, [7] = 4, [8] = 6, [10] = 7, [12] = 8,
		[13] = 9, [14] = 10, [15] = 11, [16] = 12, [17] = 13
	};

	if (name.len >= NITEMS(of_len) || of_len[name.len] == 0)
		return H_UNKNOWN;
	for (unsigned i = of_len[name.len]; known[i].len == name.len; i++)
		if (span_eq_nocase(name, span_of(known[i].name, name.len)))
			return known[i].id;
	return H_UNKNOWN;
}

/* The next element of a comma-separated list (RFC 9110 5.6.1). */
static bool
next_item(struct span *list, struct span *item)
{
	size_t n;

	if (list->ptr == NULL)
		return false;
	n = span_find_byte(*list, ',');
	*item = span_trim(span_sub(*list, 0, n));
	*list = n == SPAN_NPOS ? SPAN_NONE : span_sub(*list, n + 1, SIZE_MAX);
	return true;
}

static void
read_length(struct framing *f, struct span value)
{
	struct span item;
	uint64_t n;

	while (next_item(&value, &item)) {
		if (!span_u64(item, &n) || n > SKIP_REST ||
		    (f->has_length && n != f->length)) {
			f->ambiguous = true;
			continue;
		}
		f->has_length = true;
		f->length = n;
	}
}

static bool
coding_find(struct span name, enum content_coding *coding)
{
	static const struct { const char *name; uint8_t id; } known[] = {
		{ "gzip", CODING_GZIP }, { "x-gzip", CODING_GZIP },
		{ "deflate", CODING_DEFLATE }, { "br", CODING_BR },
		{ "zstd", CODING_ZSTD }, { "identity", CODING_IDENTITY },
	};

	for (size_t i = 0; i < NITEMS(known); i++)
		if (span_eq_nocase(name, span_str(known[i].name))) {
			*coding = known[i].id;
			return true;
		}
	return false;
}

/* Only the letters, digits and dashes of a garbled word; what browsers make
 * of it is decided by the bytes of the body. */
static struct span
squeeze(struct span s, uint8_t dst[WORD_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.len && n < WORD_MAX; i++) {
		uint8_t c = ascii_lower(s.ptr[i]);

		if ((c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-')
			dst[n++] = c;
	}
	return span_of(dst, n);
}

static bool
sounds_like(struct span item, const char *word)
{
	uint8_t text[WORD_MAX];

	return span_find(squeeze(item, text), span_str(word)) != SPAN_NPOS;
}

static void
read_coding(struct msg *m, struct span value)
{
	enum content_coding coding;
	struct span item;

	while (next_item(&value, &item)) {
		if (!coding_find(item, &coding))
			coding = sounds_like(item, "gzip") ? CODING_GZIP :
			    sounds_like(item, "deflate") ? CODING_DEFLATE :
			    CODING_IDENTITY;
		if (coding != CODING_IDENTITY && m->ncodings < CODINGS_MAX)
			m->coding[m->ncodings++] = (uint8_t)coding;
	}
}

/* RFC 9112 6.1: chunked comes last and once. */
static void
read_transfer(struct framing *f, struct msg *m, struct span value)
{
	enum content_coding coding;
	struct span item;

	while (next_item(&value, &item)) {
		if (f->chunked)
			f->ambiguous = true;
		if (span_eq_nocase(item, SPAN_LIT("chunked"))) {
			f->chunked = true;
		} else if (coding_find(item, &coding)) {
			read_coding(m, item);
		} else if (item.len != 0) {
			f->ambiguous = true;
			if (sounds_like(item, "chunked"))
				f->chunked = true;
		}
	}
}

/* The header that a name with bytes that do not belong there stands for, when
 * it tells how the body is to be read. */
static enum header
header_garbled(struct span name)
{
	uint8_t text[WORD_MAX];
	uint8_t first = name.len == 0 ? 0 : ascii_lower(name.ptr[0]);
	enum header id;

	if ((first != 't' && first != 'c') || name.len > WORD_MAX)
		return H_UNKNOWN;
	for (size_t i = 0; i < name.len; i++)
		if (!is_tchar(name.ptr[i])) {
			id = header_find(squeeze(name, text));
			return id < H_KEPT ? H_UNKNOWN : id;
		}
	return H_UNKNOWN;
}

static void
read_header(struct msg *m, struct framing *f, struct span head,
    struct span line, size_t colon, bool folded)
{
	struct span sent = span_sub(line, 0, colon), name = span_trim(sent);
	struct span value = span_trim(span_sub(line, colon + 1, SIZE_MAX));
	enum header id = header_find(name);

	if (id == H_UNKNOWN && (id = header_garbled(name)) != H_UNKNOWN)
		f->ambiguous = true;

	if (id < H_KEPT) {
		if (m->hdr[id].off == 0)
			m->hdr[id] = (struct part){
				(uint32_t)(value.ptr - head.ptr),
				(uint32_t)value.len
			};
		return;
	}
	if (id == H_UNKNOWN)
		return;
	/* Not everybody sees such a header field (smuggling). */
	if (folded || name.len != sent.len)
		f->ambiguous = true;
	if (value.len > 0 && value.ptr[0] == ':') {
		f->ambiguous = true;
		value = span_trim(span_sub(value, 1, SIZE_MAX));
	}
	if (id == H_LENGTH)
		read_length(f, value);
	else if (id == H_CHUNKED)
		read_transfer(f, m, value);
	else
		read_coding(m, value);
}

/* RFC 9112 5.2: obs-fold.  Takes what belongs to the line; a header field
 * that hides in there and tells the length is read as well. */
static bool
take_folds(struct cursor *c, struct msg *m, struct framing *f,
    struct span head, struct span *line)
{
	struct span more;
	bool folded = false;
	size_t colon;

	while (c->left > 0 && cur_peek(c, 0) <= ' ' &&
	    cur_peek(c, 0) != '\r' && cur_peek(c, 0) != '\n' &&
	    take_line(c, &more)) {
		line->len = (size_t)(more.ptr - line->ptr) + more.len;
		folded = true;
		colon = span_find_byte(more, ':');
		if (colon != SPAN_NPOS && header_find(span_trim(
		    span_sub(more, 0, colon))) >= H_KEPT)
			read_header(m, f, head, more, colon, true);
	}
	return folded;
}

static void
read_headers(struct call *r, struct msg *m, struct framing *f,
    struct span head, struct cursor c)
{
	struct span line;
	unsigned n = 0;
	bool bad = false, folded;

	m->block.off = (uint32_t)(head.len - c.left);
	m->block.len = (uint32_t)c.left;
	for (;;) {
		size_t left = c.left, colon;

		if (!take_line(&c, &line))
			break;
		if (line.len == 0 && c.left == 0) {
			m->block.len -= (uint32_t)left;
			break;
		}
		if (++n > HEADERS_MAX) {
			dec_weird(r->d, WEIRD_HTTP_HEADERS_BIG);
			break;
		}
		folded = take_folds(&c, m, f, head, &line);
		colon = span_find_byte(line, ':');
		if (colon == SPAN_NPOS || colon == 0)
			bad = true;
		else
			read_header(m, f, head, line, colon, folded);
	}
	if (f->chunked && f->has_length)
		f->ambiguous = true;
	if (bad)
		dec_weird(r->d, WEIRD_HTTP_BAD);
	if (f->ambiguous)
		dec_weird(r->d, WEIRD_HTTP_AMBIGUOUS);
}

static struct part
part_from(struct span head, struct span s)
{
	return (struct part){ (uint32_t)(s.ptr - head.ptr), (uint32_t)s.len };
}

/* Method, target, version; false: no request line. */
static bool
read_request_line(struct msg *m, struct span head, struct cursor *c)
{
	struct span line, target;
	bool more;
	size_t n, v;

	if (!take_line(c, &line) || (n = method_len(line, &more)) == 0)
		return false;
	v = version_at(line);
	if (v == SPAN_NPOS && is_simple(line, n))
		v = line.len;
	else if (v == SPAN_NPOS || v < n)
		return false;
	target = span_trim(span_sub(line, n, v - n));
	if (target.len == 0)
		target = span_sub(line, n + 1, 0);
	m->word[0] = part_from(head, span_sub(line, 0, n));
	m->word[1] = part_from(head, target);
	if (v < line.len)
		m->word[2] = part_from(head,
		    span_trim(span_sub(line, v + 6, SIZE_MAX)));
	return true;
}

/* The next word and the blanks behind it; any control byte parts words. */
static struct span
take_word(struct cursor *c)
{
	struct span s = cur_rest(c);
	size_t n = 0;

	while (n < s.len && s.ptr[n] > ' ')
		n++;
	s = cur_take(c, n);
	while (c->left > 0 && cur_peek(c, 0) <= ' ')
		cur_skip(c, 1);
	return s;
}

/* Version, status, reason; false: no status line.  Without a number the
 * status is 0. */
static bool
read_status_line(struct txn *t, struct span head, struct cursor *c)
{
	struct msg *m = &t->m[DIR_SERVER];
	struct span line, word;
	struct cursor l;

	if (!take_line(c, &line) ||
	    !span_starts_nocase(line, SPAN_LIT("HTTP/")))
		return false;
	l = cur_of(line);
	word = take_word(&l);
	m->word[2] = part_from(head, span_sub(word, 5, SIZE_MAX));
	word = take_word(&l);
	t->status = 0;
	for (size_t i = 0; i < word.len && i < 3; i++) {
		if (!ascii_is_digit(word.ptr[i]))
			break;
		t->status = (uint16_t)(t->status * 10 +
		    (word.ptr[i] - '0'));
	}
	m->word[1] = part_from(head, span_trim(cur_rest(&l)));
	return true;
}

/* A request head came.  Behind a full queue, or without memory, it is told
 * at once and its response is let pass. */
static bool
on_request(struct call *r, struct span head)
{
	struct http *s = r->s;
	struct cursor c = cur_of(head);
	struct txn once = { 0 }, *t = NULL;
	struct framing f = { 0 };
	struct msg *m;

	if (s->npending >= PENDING_MAX || s->unlinked != 0) {
		if (s->unlinked == 0)
			dec_weird(r->d, WEIRD_HTTP_PIPELINE);
	} else {
		t = txn_new(r);
	}
	if (t == NULL)
		t = &once;
	m = &t->m[DIR_CLIENT];
	if (!read_request_line(m, head, &c)) {
		if (t != &once)
			txn_done(r->d, s, t);
		return false;
	}
	read_headers(r, m, &f, head, c);
	m->head_view = head;
	m->seen = true;
	t->time = r->seg->time;
	t->record = r->seg->record;
	t->offset = r->seg->offset;
	t->is_head = span_eq(part_of(head, m->word[0]), SPAN_LIT("HEAD"));
	t->is_connect = span_eq(part_of(head, m->word[0]),
	    SPAN_LIT("CONNECT"));
	if (t == &once) {
		s->unlinked++;
		tell(r->d, t);
	} else {
		s->fresh = true;
		s->req = t;
		t->waits = t->is_connect || m->hdr[H_UPGRADE].off != 0;
		s->wait = t->waits;
		push(s, t);
	}
	f.no_body = t->is_connect;
	begin_body(r, &f);
	return true;
}

/* The request that this response belongs to, or a new transaction without
 * one; NULL: let it pass. */
static struct txn *
find_request(struct call *r)
{
	struct http *s = r->s;
	struct txn *t;

	resp_over(r->d, s);
	if (s->gap && s->npending > 1)
		flush(r->d, s, 1);
	s->gap = false;
	if (s->npending > 0)
		return pop(s);
	if (s->unlinked > 0) {
		s->unlinked--;
		return NULL;
	}
	dec_weird(r->d, WEIRD_HTTP_UNMATCHED);
	if ((t = txn_new(r)) == NULL)
		return NULL;
	t->time = r->seg->time;
	t->record = r->seg->record;
	t->offset = r->seg->offset;
	t->m[DIR_CLIENT].done = true;
	return t;
}

/* From here on it is another protocol. */
static void
hand_over(struct call *r, const struct msg *m)
{
	/* First bytes of WebSocket do not show what they are.  Who asked is
	 * the client there, too. */
	if (!r->s->reverse && span_eq_nocase(part_of(m->head_view,
	    m->hdr[H_UPGRADE]), SPAN_LIT("websocket")))
		r->d->next = "websocket";
	flush_all(r->d, r->s);
	r->d->action = DEC_HANDOVER;
}

/* Status 204 and 304 have no body; some bring one nevertheless. */
static bool
body_after_all(struct call *r, const struct framing *f)
{
	if (r->c.left == 0 || cur_peek(&r->c, 0) <= ' ' ||
	    (!f->chunked && !f->has_length) ||
	    classify_response(cur_rest(&r->c)) != PROBE_NO)
		return false;
	dec_weird(r->d, WEIRD_HTTP_AMBIGUOUS);
	return true;
}

static bool
on_response(struct call *r, struct span head)
{
	struct http *s = r->s;
	struct cursor c = cur_of(head);
	struct txn once = { 0 }, *t;
	struct framing f = { 0 };
	struct msg *m;
	bool changes;

	if (!read_status_line(&once, head, &c))
		return false;
	if (once.status / 100 == 1 && once.status != 101) {
		start_message(r);	/* RFC 9110 15.2: not the answer yet */
		return true;
	}
	if ((t = find_request(r)) == NULL) {
		t = &once;
	} else {
		memcpy(t->m[DIR_SERVER].word, once.m[DIR_SERVER].word,
		    sizeof(t->m[DIR_SERVER].word));
		t->status = once.status;
	}
	m = &t->m[DIR_SERVER];
	read_headers(r, m, &f, head, c);
	m->head_view = head;
	m->seen = true;
	if (t != &once) {
		s->fresh = true;
		s->resp = t;
		if (t->waits)
			s->wait = false;
	}
	changes = (t->status == 101 &&
	    (t->waits || !t->m[DIR_CLIENT].seen)) ||
	    (t->is_connect && t->status / 100 == 2);
	f.no_body = changes || t->is_head || ((t->status == 204 ||
	    t->status == 304) && !body_after_all(r, &f));
	if (changes)
		hand_over(r, m);
	else
		begin_body(r, &f);
	return true;
}

/* An HTTP/0.9 request is its line, unless header fields follow at once. */
static size_t
simple_len(struct span s)
{
	struct span line, next;
	size_t n = span_find_byte(s, '\n');

	if (!peek_line(s, &line) || version_at(line) != SPAN_NPOS)
		return 0;
	next = span_sub(s, n + 1, SIZE_MAX);
	return span_find_byte(span_sub(next, 0, span_find_byte(next, '\n')),
	    ':') == SPAN_NPOS ? n + 1 : 0;
}

/* A line of blanks ends the head when no header field follows; 0: it does not,
 * else its length. */
static size_t
blank_end(struct span s)
{
	size_t n = span_find_byte(s, '\n'), next;
	struct span line;

	if (n == SPAN_NPOS || span_trim(span_sub(s, 0, n)).len != 0)
		return 0;
	line = span_sub(s, n + 1, SIZE_MAX);
	next = span_find_byte(line, '\n');
	line = span_sub(line, 0, next);
	return next != SPAN_NPOS && line.len > 0 && line.ptr[0] > ' ' &&
	    span_find_byte(line, ':') == SPAN_NPOS ? n + 1 : 0;
}

/* Length of the head with its empty line, 0: not there yet.  *scanned: how
 * far it was looked at. */
static size_t
head_len(struct span s, uint32_t *scanned)
{
	struct cursor c = cur_of(s);
	size_t lf, blank;

	cur_skip(&c, *scanned);
	while ((lf = span_find_byte(cur_rest(&c), '\n')) != SPAN_NPOS) {
		uint8_t next = cur_peek(&c, lf + 1);

		if (next == '\n')
			return s.len - c.left + lf + 2;
		if (next == '\r' && cur_peek(&c, lf + 2) == '\n')
			return s.len - c.left + lf + 3;
		if (next <= ' ' && (blank = blank_end(span_sub(cur_rest(&c),
		    lf + 1, SIZE_MAX))) != 0)
			return s.len - c.left + lf + 1 + blank;
		if (c.left - lf < 3)
			break;
		cur_skip(&c, lf + 1);
	}
	/* Comes again from here: the LF may be the last of the head. */
	*scanned = (uint32_t)(s.len - c.left);
	if (lf == SPAN_NPOS)
		*scanned = (uint32_t)s.len;
	else
		*scanned += (uint32_t)lf;
	return 0;
}

static enum probe_result
classify(const struct call *r)
{
	return r->dir == DIR_CLIENT ? classify_request(cur_rest(&r->c)) :
	    classify_response(cur_rest(&r->c));
}

static void
take_head(struct call *r, size_t len)
{
	struct span head = cur_take(&r->c, len);

	if (r->dir == DIR_CLIENT ? !on_request(r, head) :
	    !on_response(r, head))
		junk(r, true);
}

/* The server's bytes are no head.  There may be one behind some junk; else they
 * are the answer as it is: to an HTTP/0.9 request, or what a browser would show
 * all the same. */
static bool
begin_loose(struct call *r)
{
	struct framing f = { 0 };
	struct http *s = r->s;
	size_t at = span_find_nocase(span_sub(cur_rest(&r->c), 0, JUNK_MAX),
	    SPAN_LIT("HTTP/"));

	if (r->dir == DIR_CLIENT || s->first == NULL)
		return false;
	if (s->first->m[DIR_CLIENT].word[2].off != 0)
		dec_weird(r->d, WEIRD_HTTP_BAD);
	if (at != SPAN_NPOS) {
		cur_skip(&r->c, at);
		if (classify(r) != PROBE_NO)
			return true;
	}
	s->resp = pop(s);
	s->resp->m[DIR_SERVER].seen = true;
	begin_body(r, &f);
	return true;
}

/* Before the head's end is there, or when its lines make no sense. */
static bool
start_unsure(struct call *r, size_t len)
{
	if (classify(r) == PROBE_NO) {
		if (begin_loose(r))
			return true;
		junk(r, true);
		return false;
	}
	if (len == 0 && r->c.left <= HEAD_MAX)
		return false;
	dec_weird(r->d, WEIRD_HTTP_HEADERS_BIG);
	take_head(r, HEAD_MAX);
	if (r->d->action == DEC_GO)
		junk(r, false);
	return false;
}

static bool
step_start(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	size_t len;

	if (side->scanned == 0)
		while (cur_peek(&r->c, 0) == '\r' ||
		    cur_peek(&r->c, 0) == '\n')
			cur_skip(&r->c, 1);
	if (r->c.left == 0)
		return false;
	if (r->dir == DIR_CLIENT && r->s->wait) {
		/* Tunnelled bytes, or a request after all. */
		if (r->s->last == NULL || r->s->last->is_connect ||
		    classify(r) != PROBE_YES)
			return false;
		r->s->wait = false;
	}
	if (r->dir == DIR_SERVER && classify(r) == PROBE_NO)
		return start_unsure(r, 0);
	len = head_len(cur_rest(&r->c), &side->scanned);
	if (len == 0 && r->dir == DIR_CLIENT && classify(r) == PROBE_YES)
		len = simple_len(cur_rest(&r->c));
	if (len == 0 || len > HEAD_MAX)
		return start_unsure(r, len);
	take_head(r, len);
	return r->d->action == DEC_GO;
}

static bool
step_sync(struct call *r)
{
	enum probe_result p;

	if (r->c.left == 0)
		return false;
	p = classify(r);
	if (p == PROBE_MORE)
		return false;
	if (p == PROBE_NO) {
		cur_skip(&r->c, r->c.left);
		return false;
	}
	start_message(r);
	return true;
}

/* -- bodies, step by step ------------------------------------------------ */

/* A piece of known length: a body or a chunk. */
static bool
step_piece(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	struct span bytes = cur_take(&r->c, MIN_OF(side->left, r->c.left));
	bool whole = bytes.len == side->left;

	collect(r, bytes);
	side->left -= bytes.len;
	if (!whole) {
		if (side->collect)
			return false;
		/* Nobody reads it. */
		r->d->skip[r->seg->dir & 1] = side->left;
		side->left = 0;
	}
	if (side->stage == ST_CHUNK)
		side->stage = ST_CHUNK_END;
	else
		end_message(r);
	return whole && r->d->action == DEC_GO;
}

static bool
step_close(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	struct span bytes = cur_take(&r->c, r->c.left);
	struct txn *t = txn_of(r);

	collect(r, bytes);
	if (t != NULL)
		t->m[r->dir].body_len += bytes.len;
	if (!side->collect && (t == NULL || t->told ||
	    !event_wants(r->d->batch, FIELD_HTTP_RESP_LEN)))
		r->d->skip[r->seg->dir & 1] = SKIP_REST;
	return false;
}

/* chunk-size; false: none.  Junk behind the digits of a short line is let
 * pass (*bad), as browsers do. */
static bool
read_size(struct span line, uint64_t *size, bool *bad)
{
	struct cursor c = cur_of(line);
	uint64_t n = 0;
	unsigned digits = 0;

	while (ascii_hex(cur_peek(&c, 0)) >= 0) {
		if (n >= SKIP_REST >> 4)
			return false;
		n = n << 4 | (uint64_t)ascii_hex(cur_u8(&c));
		digits++;
	}
	*size = n;
	if (c.left > 0 && cur_peek(&c, 0) != ';' && cur_peek(&c, 0) != ' ' &&
	    cur_peek(&c, 0) != '\t') {
		*bad = true;
		return digits > 0 && line.len <= CHUNK_JUNK_MAX;
	}
	return digits > 0;
}

/* It says chunked but is not: browsers take it as it comes. */
static bool
bad_chunk(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	struct txn *t = txn_of(r);

	if (!side->first_chunk ||
	    (r->dir == DIR_CLIENT && !side->has_length)) {
		junk(r, true);
		return false;
	}
	dec_weird(r->d, WEIRD_HTTP_BAD);
	side->left = side->length;
	side->stage = side->has_length ? ST_BODY : ST_CLOSE;
	if (side->has_length && t != NULL)
		t->m[r->dir].body_len = side->length;
	return true;
}

static bool
step_size(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	struct span line;
	struct txn *t = txn_of(r);
	bool bad = false;

	for (; r->c.left > 0 && cur_peek(&r->c, 0) <= ' '; cur_skip(&r->c, 1))
		bad = bad || (cur_peek(&r->c, 0) != ' ' &&
		    cur_peek(&r->c, 0) != '\t');
	if (r->c.left == 0)
		return false;
	if (ascii_hex(cur_peek(&r->c, 0)) < 0)
		return bad_chunk(r);
	if (!peek_line(span_sub(cur_rest(&r->c), 0, CHUNK_LINE_MAX), &line))
		return r->c.left >= CHUNK_LINE_MAX && bad_chunk(r);
	if (!read_size(line, &side->left, &bad))
		return bad_chunk(r);
	if (bad)
		dec_weird(r->d, WEIRD_HTTP_BAD);
	cur_skip(&r->c, span_find_byte(cur_rest(&r->c), '\n') + 1);
	side->first_chunk = false;
	if (side->left == 0) {
		side->stage = ST_TRAILER;
		side->scanned = 0;
		return true;
	}
	if (t != NULL)
		t->m[r->dir].body_len += side->left;
	side->stage = ST_CHUNK;
	return true;
}

static bool
step_chunk_end(struct call *r)
{
	if (r->c.left == 0 || (r->c.left == 1 && cur_peek(&r->c, 0) == '\r'))
		return false;
	if (cur_peek(&r->c, 0) == '\r' && cur_peek(&r->c, 1) == '\n')
		cur_skip(&r->c, 2);
	else if (cur_peek(&r->c, 0) == '\n')
		cur_skip(&r->c, 1);
	else
		dec_weird(r->d, WEIRD_HTTP_BAD);
	r->s->side[r->dir].stage = ST_SIZE;
	return true;
}

static bool
step_trailer(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	struct span line;

	if (r->c.left + side->scanned > HEAD_MAX) {
		dec_weird(r->d, WEIRD_HTTP_HEADERS_BIG);
		junk(r, false);
		return false;
	}
	if (!peek_line(cur_rest(&r->c), &line))
		return false;
	side->scanned += (uint32_t)line.len + 1;
	cur_skip(&r->c, span_find_byte(cur_rest(&r->c), '\n') + 1);
	if (line.len == 0)
		end_message(r);
	return r->d->action == DEC_GO;
}

static bool
step(struct call *r)
{
	static bool (*const steps[])(struct call *) = {
		[ST_START] = step_start, [ST_SYNC] = step_sync,
		[ST_BODY] = step_piece, [ST_CLOSE] = step_close,
		[ST_SIZE] = step_size, [ST_CHUNK] = step_piece,
		[ST_CHUNK_END] = step_chunk_end,
		[ST_TRAILER] = step_trailer, [ST_DEAD] = step_dead
	};

	return steps[r->s->side[r->dir].stage](r);
}

/* -- gaps and ends ------------------------------------------------------- */

static void
on_gap(struct call *r)
{
	struct side *side = &r->s->side[r->dir];
	struct txn *t = txn_of(r);
	uint64_t lost = r->seg->lost;

	side->collect = false;
	switch (side->stage) {
	case ST_DEAD:
	case ST_SYNC:
		return;
	case ST_CLOSE:
		if (t != NULL)
			t->m[r->dir].body_len += lost;
		return;
	case ST_BODY:
	case ST_CHUNK:
		if (lost <= side->left) {
			side->left -= lost;
			return;
		}
		break;
	default:
		break;
	}
	if (r->dir == DIR_SERVER)
		r->s->gap = true;
	end_message(r);
	side->stage = ST_SYNC;
}

/* Where a head ends that has no empty line: behind one of blanks, or not. */
static size_t
loose_len(struct span s)
{
	size_t at = 0, n;

	while ((n = span_find_byte(span_sub(s, at, SIZE_MAX), '\n')) !=
	    SPAN_NPOS) {
		if (at != 0 && span_trim(span_sub(s, at, n)).len == 0)
			return at + n + 1;
		at += n + 1;
	}
	return s.len;
}

/* The direction ends inside a head: tell what it says. */
static bool
take_cut_head(struct call *r)
{
	struct span line, rest = cur_rest(&r->c);

	if (r->s->side[r->dir].stage != ST_START || r->s->wait ||
	    !peek_line(rest, &line) || classify(r) != PROBE_YES)
		return false;
	take_head(r, MIN_OF(loose_len(rest), HEAD_MAX));
	return r->d->action == DEC_GO;
}

static size_t
http_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct call r = { d, state, seg, cur_of(seg->data), seg->dir & 1 };

	/* Who sends the first request is the client, whoever called. */
	if (!r.s->begun && seg->data.len != 0) {
		r.s->begun = true;
		r.s->reverse = seg->dir == DIR_CLIENT ?
		    classify_response(seg->data) == PROBE_YES :
		    classify_request(skip_line_ends(seg->data)) == PROBE_YES;
	}
	r.dir ^= r.s->reverse;
	if (seg->lost != 0)
		on_gap(&r);
	do {
		while (d->action == DEC_GO && step(&r))
			;
	} while (seg->end && d->action == DEC_GO && take_cut_head(&r));
	if (seg->end && d->action == DEC_GO) {
		if (r.dir == DIR_CLIENT)
			req_over(d, r.s);
		else
			flush(d, r.s, 0);
	}
	settle(d, r.s);
	return seg->data.len - r.c.left;
}

static void
http_close(struct dec *d, void *state)
{
	struct http *s = state;

	flush_all(d, s);
	if (s->spare != NULL)
		txn_free(d, s->spare);
	s->spare = NULL;
}

/* Websocket: who reads those needs the upgrade before them. */
static const uint8_t http_kinds[] = { KIND_HTTP, KIND_WEBSOCKET, KIND_NONE };

const struct decoder decoder_http = {
	.name = "http",
	.title = "HTTP/1.x",
	.doc = "Requests joined with their responses, pipelined, chunked, with "
	    "gzip, deflate, br and zstd bodies (their heads). CONNECT and "
	    "Upgrade hand the connection over. Left: HTTP/2, multipart "
	    "contents. RFC 9110, RFC 9112.",
	.kinds = http_kinds,
	.state_size = sizeof(struct http),
	.probe = http_probe,
	.stream = http_stream,
	.close = http_close,
};
_Static_assert(sizeof(struct http) <= DEC_STATE_MAX, "state of a flow");
