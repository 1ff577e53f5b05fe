/* SPDX-License-Identifier: Apache-2.0
 *
 * Access logs of web servers, one line a request:
 *
 *	common          client ident user [time] "request" status bytes
 *	combined        ... "referer" "user agent"
 *	vhost_combined  host:port client ident user [time] ...
 *	time            10/Oct/2000:13:55:36 -0700
 *	request         method target HTTP/version
 *
 * as Apache's mod_log_config and nginx' ngx_http_log_module write them, with
 * whatever fields stand behind: the last quoted one that reads as addresses is
 * X-Forwarded-For, a number with a dot is the time taken in seconds.
 *
 * Escapes: Apache writes \" \\ \n \t and \xHH, nginx \xHH.  Fields that hold
 * one are decoded into the arena; all others are views of the line.  A request
 * that is none (TLS on port 80: \x16\x03\x01) is told as http.uri, as logged.
 *
 * Bounds: one line; nothing is kept but the day of the line before.
 */
#define _GNU_SOURCE	/* memrchr */
#include "decode.h"

#define EXTRAS_MAX	32	/* fields behind the user agent */
#define METHOD_MAX	32
#define TIME_TEXT	26	/* 10/Oct/2000:13:55:36 -0700 */
#define DAY_TEXT	11	/* 10/Oct/2000 */

/* What a line holds; views.  ptr NULL: not there, or "-". */
struct line {
	struct span	vhost, client, user, time, request, status, bytes;
	struct span	referer, agent, rest;
};

struct weblog {
	char	day_text[DAY_TEXT];
	int64_t	day;			/* its seconds since 1970 */
};

/* -- grammar ------------------------------------------------------------- */

/* The text up to the next c, which is taken too. */
static bool
take_until(struct cursor *c, uint8_t what, struct span *out)
{
	size_t n = span_find_byte(cur_rest(c), what);

	if (n == SPAN_NPOS)
		return false;
	*out = cur_take(c, n);
	cur_skip(c, 1);
	return true;
}

/* Does the byte at off stand behind an odd number of backslashes? */
static bool
is_escaped(struct span s, size_t off)
{
	size_t n = 0;

	while (n < off && s.ptr[off - 1 - n] == '\\')
		n++;
	return n & 1;
}

/* May the quoted field end at off?  Not every server escapes quotes, so look
 * at what is behind: a blank or the end; behind a request the status. */
static bool
ends_at(struct span s, size_t off, bool is_request)
{
	struct span next = span_sub(s, off + 1, SIZE_MAX);

	if (is_escaped(s, off))
		return false;
	if (!is_request)
		return next.len == 0 || next.ptr[0] == ' ';
	return next.len > 1 && next.ptr[0] == ' ' &&
	    (ascii_is_digit(next.ptr[1]) || next.ptr[1] == '-');
}

static bool
take_quoted(struct cursor *c, struct span *out, bool is_request)
{
	struct span s;
	size_t at = 0, n;

	if (cur_peek(c, 0) != '"')
		return false;
	cur_skip(c, 1);
	s = cur_rest(c);
	for (;;) {
		n = span_find_byte(span_sub(s, at, SIZE_MAX), '"');
		if (n == SPAN_NPOS)
			return false;
		at += n;
		if (ends_at(s, at, is_request))
			break;
		at++;
	}
	*out = cur_take(c, at);
	cur_skip(c, 1);
	return true;
}

static struct span
not_dash(struct span s)
{
	return s.len == 1 && s.ptr[0] == '-' ? SPAN_NONE : s;
}

static bool
all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* host:port, as vhost_combined opens a line. */
static bool
is_host_port(struct span s)
{
	const uint8_t *p = s.len == 0 ? NULL : memrchr(s.ptr, ':', s.len);
	struct addr a;
	size_t at;

	if (p == NULL || (at = (size_t)(p - s.ptr)) == 0)
		return false;
	return all_digits(span_sub(s, at + 1, SIZE_MAX)) && s.len - at <= 6 &&
	    !addr_parse(s, &a);
}

/* "[vhost] client ident user", where the user may hold blanks. */
static bool
read_who(struct span who, struct line *l)
{
	struct cursor c = cur_of(who);
	struct span first, ident;
	struct addr a;

	if (!take_until(&c, ' ', &first) || !take_until(&c, ' ', &ident) ||
	    first.len == 0 || ident.len == 0)
		return false;
	l->client = first;
	l->user = cur_rest(&c);
	l->vhost = SPAN_NONE;
	if (span_find_byte(l->user, ' ') != SPAN_NPOS &&
	    (is_host_port(first) ||
	    (!addr_parse(first, &a) && addr_parse(ident, &a)))) {
		l->vhost = first;
		l->client = ident;
		if (!take_until(&c, ' ', &ident))
			return false;
		l->user = cur_rest(&c);
	}
	return l->user.len != 0;
}

static bool
is_time(struct span s)
{
	return s.len == TIME_TEXT && s.ptr[2] == '/' && s.ptr[6] == '/' &&
	    s.ptr[11] == ':' && s.ptr[14] == ':' && s.ptr[17] == ':' &&
	    s.ptr[20] == ' ' && (s.ptr[21] == '+' || s.ptr[21] == '-');
}

/* The part before "[time]" and the time.  A user name may hold a bracket. */
static bool
read_head(struct cursor *c, struct line *l)
{
	struct span s = cur_rest(c);
	size_t at = 0, n;

	for (;;) {
		n = span_find_byte(span_sub(s, at, SIZE_MAX), '[');
		if (n == SPAN_NPOS)
			return false;
		at += n;
		l->time = span_sub(s, at + 1, TIME_TEXT);
		if (at > 0 && s.ptr[at - 1] == ' ' && is_time(l->time))
			break;
		at++;
	}
	if (!read_who(span_sub(s, 0, at - 1), l))
		return false;
	cur_skip(c, at + 1 + TIME_TEXT);
	return cur_u8(c) == ']' && cur_u8(c) == ' ';
}

static bool
read_line(struct span text, struct line *l)
{
	struct cursor c = cur_of(text);
	size_t n;

	l->referer = l->agent = l->rest = SPAN_NONE;
	if (!read_head(&c, l) || !take_quoted(&c, &l->request, true) ||
	    cur_u8(&c) != ' ' || !take_until(&c, ' ', &l->status))
		return false;
	l->status = not_dash(l->status);
	if (l->status.ptr != NULL &&
	    (l->status.len != 3 || !all_digits(l->status)))
		return false;
	n = MIN_OF(span_find_byte(cur_rest(&c), ' '), c.left);
	l->bytes = not_dash(cur_take(&c, n));
	if (l->bytes.ptr != NULL && !all_digits(l->bytes))
		return false;
	l->request = not_dash(l->request);
	if (cur_peek(&c, 0) != ' ' || cur_peek(&c, 1) != '"') {
		l->rest = cur_rest(&c);
		return true;
	}
	cur_skip(&c, 1);
	if (!take_quoted(&c, &l->referer, false))
		return false;
	l->referer = not_dash(l->referer);
	if (cur_peek(&c, 0) == ' ' && cur_peek(&c, 1) == '"') {
		cur_skip(&c, 1);
		if (!take_quoted(&c, &l->agent, false))
			return false;
		l->agent = not_dash(l->agent);
	}
	l->rest = cur_rest(&c);
	return true;
}

/* -- time ---------------------------------------------------------------- */

static unsigned
two(const uint8_t *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static bool
read_day(struct weblog *w, const uint8_t *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned month = 0, day = two(p), year = two(p + 7) * 100 + two(p + 9);

	while (month < 12 && memcmp(months + 3 * month, p + 3, 3) != 0)
		month++;
	/* The years that nanoseconds in 64 bits hold. */
	if (month == 12 || day < 1 || day > 31 || year < 1678 || year > 2261 ||
	    !ascii_is_digit(p[0]) || !ascii_is_digit(p[7]))
		return false;
	w->day = time_days(year, month + 1, day) * 86400;
	memcpy(w->day_text, p, DAY_TEXT);
	return true;
}

/* s has passed is_time(). */
static int64_t
read_time(struct weblog *w, struct span s)
{
	const uint8_t *p = s.ptr;
	unsigned hour = two(p + 12), min = two(p + 15), sec = two(p + 18);
	unsigned zone_hour = two(p + 22), zone_min = two(p + 24);
	int64_t t;

	if (memcmp(p, w->day_text, DAY_TEXT) != 0 && !read_day(w, p))
		return TIME_NONE;
	if (hour > 23 || min > 59 || sec > 60 || zone_hour > 23 ||
	    zone_min > 59)
		return TIME_NONE;
	t = (int64_t)zone_hour * 3600 + zone_min * 60;
	if (p[21] == '+')
		t = -t;
	return (w->day + hour * 3600 + min * 60 + sec + t) * NSEC;
}

/* -- telling ------------------------------------------------------------- */

/* Undoes \xHH and \c into dst, which has room for s.len bytes. */
static size_t
unescape(struct span s, uint8_t *dst)
{
	static const char from[] = "nrtbv", to[] = "\n\r\t\b\v";
	struct cursor c = cur_of(s);
	uint8_t *out = dst;

	while (c.left > 0) {
		uint8_t b = cur_u8(&c), e = cur_peek(&c, 0);
		const char *which;
		int hi, lo;

		if (b != '\\' || c.left == 0) {
			*out++ = b;
		} else if (e == 'x' && (hi = ascii_hex(cur_peek(&c, 1))) >= 0 &&
		    (lo = ascii_hex(cur_peek(&c, 2))) >= 0) {
			*out++ = (uint8_t)(hi << 4 | lo);
			cur_skip(&c, 3);
		} else if (e == '"' || e == '\\') {
			*out++ = e;
			cur_skip(&c, 1);
		} else if (e != '\0' && (which = strchr(from, e)) != NULL) {
			*out++ = (uint8_t)to[which - from];
			cur_skip(&c, 1);
		} else {
			*out++ = b;
		}
	}
	return (size_t)(out - dst);
}

/* The field's text without escapes. */
static struct span
plain(struct batch *b, struct span s)
{
	uint8_t *dst;

	if (span_find_byte(s, '\\') == SPAN_NPOS)
		return s;
	if ((dst = arena_alloc(&b->arena, s.len)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return s;
	}
	return span_of(dst, unescape(s, dst));
}

static void
add_text(struct batch *b, unsigned field, struct span s, bool escapes)
{
	if (s.ptr != NULL && event_wants(b, field))
		event_add_str(b, field, escapes ? plain(b, s) : s);
}

static void
add_vhost(struct batch *b, struct span s)
{
	const uint8_t *p;
	uint64_t port;
	size_t at;

	if (s.ptr == NULL)
		return;
	if (is_host_port(s) && (p = memrchr(s.ptr, ':', s.len)) != NULL) {
		at = (size_t)(p - s.ptr);
		if (span_u64(span_sub(s, at + 1, SIZE_MAX), &port))
			event_add_u64(b, FIELD_DST_PORT, port);
		s.len = at;
	}
	event_add_str(b, FIELD_HTTP_VHOST, s);
}

static bool
is_method(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		if (!(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') &&
		    !ascii_is_digit(c) && c != '-' && c != '_')
			return false;
	}
	return s.len > 0 && s.len <= METHOD_MAX;
}

/* Splits "method target HTTP/version"; without a version (HTTP/0.9) the target
 * must be a path.  false: no request. */
static bool
split_request(struct span r, struct span *method, struct span *target,
    struct span *version)
{
	size_t n = span_find_byte(r, ' ');
	const uint8_t *p;

	*method = span_sub(r, 0, n);
	if (n == SPAN_NPOS || !is_method(*method))
		return false;
	*target = span_sub(r, n + 1, SIZE_MAX);
	*version = SPAN_NONE;
	if (target->len > 0 &&
	    (p = memrchr(target->ptr, ' ', target->len)) != NULL) {
		struct span tail;

		n = (size_t)(p - target->ptr);
		tail = span_sub(*target, n + 1, SIZE_MAX);
		if (span_starts(tail, SPAN_LIT("HTTP/"))) {
			target->len = n;
			*version = span_sub(tail, 5, SIZE_MAX);
			return true;
		}
	}
	return target->len > 0 && target->ptr[0] == '/';
}

static void
add_request(struct batch *b, struct span r, bool escapes)
{
	struct span method, target, version;

	if (r.ptr == NULL)
		return;
	if (!split_request(r, &method, &target, &version)) {
		event_add_str(b, FIELD_HTTP_URI, r);
		return;
	}
	event_add_str(b, FIELD_HTTP_METHOD, method);
	dec_add_target(b, escapes ? plain(b, target) : target, SPAN_NONE);
	if (version.ptr != NULL)
		event_add_str(b, FIELD_HTTP_VERSION, version);
}

static void
add_number(struct batch *b, unsigned field, struct span s)
{
	uint64_t n;

	if (s.ptr != NULL && event_wants(b, field) && span_u64(s, &n))
		event_add_u64(b, field, n);
}

/* 0.123; false for anything else. */
static bool
read_seconds(struct span s, double *out)
{
	struct span frac;
	uint64_t whole, part;
	size_t dot = span_find_byte(s, '.');
	double scale = 1;

	if (dot == SPAN_NPOS || s.len > 18)
		return false;
	frac = span_sub(s, dot + 1, SIZE_MAX);
	if (!span_u64(span_sub(s, 0, dot), &whole) || !span_u64(frac, &part))
		return false;
	for (size_t i = 0; i < frac.len; i++)
		scale *= 10;
	*out = (double)whole + (double)part / scale;
	return true;
}

/* Does it read as the addresses of X-Forwarded-For? */
static bool
is_forwarded(struct span s)
{
	struct span first = span_trim(span_sub(s, 0, span_find_byte(s, ',')));
	struct addr a;

	return addr_parse(first, &a);
}

static void
add_extras(struct batch *b, struct span rest)
{
	struct cursor c = cur_of(rest);
	struct span item, xff = SPAN_NONE;
	double seconds = -1, d;

	if (rest.len == 0 || (!event_wants(b, FIELD_HTTP_XFF) &&
	    !event_wants(b, FIELD_HTTP_TIME_TAKEN)))
		return;
	for (unsigned i = 0; i < EXTRAS_MAX && c.left > 0; i++) {
		if (cur_peek(&c, 0) == ' ') {
			cur_skip(&c, 1);
			continue;
		}
		if (cur_peek(&c, 0) == '"') {
			if (!take_quoted(&c, &item, false))
				break;
			if (is_forwarded(item))
				xff = item;
		} else {
			item = cur_take(&c, MIN_OF(span_find_byte(
			    cur_rest(&c), ' '), c.left));
		}
		if (seconds < 0 && read_seconds(item, &d))
			seconds = d;
	}
	if (xff.ptr != NULL)
		event_add_str(b, FIELD_HTTP_XFF, xff);
	if (seconds >= 0)
		event_add_f64(b, FIELD_HTTP_TIME_TAKEN, seconds);
}

static void
weblog_record(struct dec *d, void *state, const struct record *rec)
{
	struct batch *b = d->batch;
	bool escapes;
	struct line l;
	int64_t time;

	if (rec->data.len == 0)
		return;
	if (!read_line(rec->data, &l) ||
	    (time = read_time(state, l.time)) == TIME_NONE) {
		dec_weird(d, WEIRD_WEBLOG_BAD);
		return;
	}
	if (!event_begin(b, KIND_HTTP, time, batch_locator(b, rec)))
		return;
	escapes = span_find_byte(rec->data, '\\') != SPAN_NPOS;
	if (not_dash(l.client).ptr != NULL)
		dec_add_addr(b, FIELD_SRC_IP, l.client);
	add_vhost(b, l.vhost);
	add_text(b, FIELD_HTTP_USER, not_dash(l.user), escapes);
	add_request(b, l.request, escapes);
	add_number(b, FIELD_HTTP_STATUS, l.status);
	add_number(b, FIELD_HTTP_RESP_LEN, l.bytes);
	add_text(b, FIELD_HTTP_REFERER, l.referer, escapes);
	add_text(b, FIELD_HTTP_USER_AGENT, l.agent, escapes);
	add_extras(b, l.rest);
	event_add_bool(b, FIELD_HTTP_LOG, true);
	event_end(b);
}

/* Only the first line is shown, so all of the grammar must fit. */
static int
weblog_match(const struct record *rec)
{
	struct weblog w = { .day = 0 };
	struct line l;

	if (rec->type != REC_LINE || !read_line(rec->data, &l) ||
	    read_time(&w, l.time) == TIME_NONE)
		return 0;
	return 90;
}

static const uint8_t weblog_kinds[] = { KIND_HTTP, KIND_NONE };

const struct decoder decoder_weblog = {
	.name = "weblog",
	.title = "Web access logs",
	.doc = "The common, combined and vhost_combined formats of Apache and "
	    "nginx, with fields behind them. Of those the time taken and "
	    "X-Forwarded-For are read. Left: formats of one's own.",
	.kinds = weblog_kinds,
	.state_size = sizeof(struct weblog),
	.rectype = REC_LINE,
	.match = weblog_match,
	.record = weblog_record,
};
