/* SPDX-License-Identifier: Apache-2.0
 *
 * W3C extended logs (W3C WD-logfile-960323), as IIS and CloudFront write them,
 * and Exchange's own form of them:
 *
 *	#Software: Microsoft Internet Information Services 10.0
 *	#Version: 1.0
 *	#Date: 2021-03-03 04:10:00
 *	#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query ...
 *	2021-03-03 04:10:01 10.0.0.5 GET /owa/ - ...
 *
 * Columns are told by the last #Fields and may change at any place.  Parted by
 * blanks ('+' stands for a blank in headers), by tabs (CloudFront; the user
 * agent is percent-encoded) or, when #Fields is, by commas with quotes
 * (Exchange).  "-" is empty.  Times are UTC; without a date column the last
 * #Date gives it.
 *
 * Columns of requests become http fields by the aliases of fields.def; all
 * others keep their name.  A log without a method, stem or status gives lines.
 *
 * Bounds: COLUMNS_MAX columns, NAMES_MAX bytes of their names; what is beyond
 * is left out.
 */
#include "codec.h"
#include "decode.h"

#define COLUMNS_MAX	128	/* IIS knows 22, Exchange writes some 80 */
#define NAMES_MAX	4096
#define DAY_TEXT	10	/* 2021-03-03 */

enum how {
	HOW_OTHER,	/* by its name in the log */
	HOW_TEXT, HOW_NUMBER, HOW_ADDR,
	HOW_PLUS,	/* text whose '+' are blanks */
	HOW_COOKIE,	/* text whose ";+" is "; " */
	HOW_VERSION,	/* HTTP/1.1 */
	HOW_SECONDS,	/* milliseconds, or seconds with a dot */
	HOW_DATE, HOW_TIME, HOW_STAMP, HOW_STEM, HOW_QUERY, HOW_URI
};

struct column {
	uint16_t	id;		/* of the field */
	uint16_t	name_off;	/* into names */
	uint8_t		name_len;
	uint8_t		how;
};

struct w3c {
	struct column	column[COLUMNS_MAX];
	unsigned	ncolumns;	/* 0: no #Fields yet */
	uint8_t		separator;	/* ' ' or ',' */
	bool		is_http;
	bool		has_time;
	char		names[NAMES_MAX];
	size_t		names_len;
	char		day_text[DAY_TEXT];
	int64_t		day;		/* seconds since 1970 */
	bool		has_day;
};

/* What one line says before it is told. */
struct row {
	struct span	value[COLUMNS_MAX];
	unsigned	n;
};

/* -- columns ------------------------------------------------------------- */

/* Names beside those of fields.def. */
static const struct { const char *name; uint16_t id; uint8_t how; } known[] = {
	{ "date", 0, HOW_DATE }, { "time", 0, HOW_TIME },
	{ "DateTime", 0, HOW_STAMP }, { "date-time", 0, HOW_STAMP },
	{ "cs-uri-stem", FIELD_HTTP_PATH, HOW_STEM },
	{ "cs-uri-query", FIELD_HTTP_QUERY, HOW_QUERY },
	{ "cs-uri", FIELD_HTTP_URI, HOW_URI },
	{ "c-uri", FIELD_HTTP_URI, HOW_URI },
	{ "cs-version", FIELD_HTTP_VERSION, HOW_VERSION },
	{ "cs-protocol-version", FIELD_HTTP_VERSION, HOW_VERSION },
	{ "cs(User-Agent)", FIELD_HTTP_USER_AGENT, HOW_PLUS },
	{ "cs-username", FIELD_HTTP_USER, HOW_PLUS },
	{ "cs(Cookie)", FIELD_HTTP_COOKIE, HOW_COOKIE },
	{ "cs(Host)", FIELD_HTTP_HOST, HOW_TEXT },
	{ "x-host-header", FIELD_HTTP_HOST, HOW_TEXT },
	{ "cs(X-Forwarded-For)", FIELD_HTTP_XFF, HOW_TEXT },
	{ "X-Forwarded-For", FIELD_HTTP_XFF, HOW_TEXT },
	{ "cs(Content-Type)", FIELD_HTTP_CONTENT_TYPE, HOW_TEXT },
	{ "sc-content-type", FIELD_HTTP_RESP_TYPE, HOW_TEXT },
	{ "time-taken", FIELD_HTTP_TIME_TAKEN, HOW_SECONDS },
	/* Exchange HttpProxy, ECP */
	{ "ClientIpAddress", FIELD_SRC_IP, HOW_ADDR },
	{ "ClientIPAddress", FIELD_SRC_IP, HOW_ADDR },
	{ "client-ip", FIELD_SRC_IP, HOW_ADDR },
	{ "server-ip", FIELD_DST_IP, HOW_ADDR },
	{ "HttpStatus", FIELD_HTTP_STATUS, HOW_NUMBER },
	{ "Method", FIELD_HTTP_METHOD, HOW_TEXT },
	{ "UrlHost", FIELD_HTTP_HOST, HOW_TEXT },
	{ "UrlStem", FIELD_HTTP_PATH, HOW_STEM },
	{ "UrlQuery", FIELD_HTTP_QUERY, HOW_QUERY },
	{ "UserAgent", FIELD_HTTP_USER_AGENT, HOW_TEXT },
	{ "AuthenticatedUser", FIELD_HTTP_USER, HOW_TEXT },
	{ "RequestBytes", FIELD_HTTP_REQ_LEN, HOW_NUMBER },
	{ "ResponseBytes", FIELD_HTTP_RESP_LEN, HOW_NUMBER },
	{ "TotalRequestTime", FIELD_HTTP_TIME_TAKEN, HOW_SECONDS },
	{ "Protocol", 0, HOW_OTHER },	/* Owa, Ecp: not the transport */
	/* Windows firewall */
	{ "src-ip", FIELD_SRC_IP, HOW_ADDR },
	{ "dst-ip", FIELD_DST_IP, HOW_ADDR },
	{ "src-port", FIELD_SRC_PORT, HOW_NUMBER },
	{ "dst-port", FIELD_DST_PORT, HOW_NUMBER },
};

/* Aliases count only where they mean a request or its endpoints: a column
 * "command" of an FTP log is none of SMB's. */
static bool
is_ours(unsigned id)
{
	return (id >= FIELD_SRC_IP && id <= FIELD_DST_PORT) ||
	    (id >= FIELD_HTTP_METHOD && id <= FIELD_HTTP_LOG);
}

static enum how
how_of_type(unsigned id)
{
	switch (field_type(id)) {
	case FT_ADDR:
		return HOW_ADDR;
	case FT_U64:
		return HOW_NUMBER;
	default:
		return HOW_TEXT;
	}
}

static struct column
column_of(struct span name)
{
	unsigned id;

	for (size_t i = 0; i < NITEMS(known); i++)
		if (span_eq(name, span_str(known[i].name)))
			return (struct column){
				.id = known[i].id, .how = known[i].how
			};
	id = field_by_alias(name);
	if (id == FIELD_OTHER || !is_ours(id))
		return (struct column){ .id = 0, .how = HOW_OTHER };
	return (struct column){
		.id = (uint16_t)id, .how = (uint8_t)how_of_type(id)
	};
}

static void
add_column(struct w3c *w, struct span name)
{
	struct column c = column_of(name);

	name.len = MIN_OF(name.len, UINT8_MAX);
	if (name.len > NAMES_MAX - w->names_len)
		name.len = 0;
	c.name_off = (uint16_t)w->names_len;
	c.name_len = (uint8_t)name.len;
	if (name.len != 0)
		memcpy(w->names + w->names_len, name.ptr, name.len);
	w->names_len += name.len;
	w->column[w->ncolumns++] = c;
	if (c.how == HOW_STEM || c.how == HOW_URI ||
	    c.id == FIELD_HTTP_METHOD || c.id == FIELD_HTTP_STATUS)
		w->is_http = true;
	if (c.how == HOW_TIME || c.how == HOW_STAMP)
		w->has_time = true;
}

static void
read_fields(struct w3c *w, struct span names)
{
	struct cursor c = cur_of(span_trim(names));

	w->separator = span_find_byte(names, ',') == SPAN_NPOS ? ' ' : ',';
	w->ncolumns = 0;
	w->names_len = 0;
	w->is_http = w->has_time = false;
	while (c.left > 0 && w->ncolumns < COLUMNS_MAX) {
		struct span rest = cur_rest(&c), name;
		size_t n = span_find_byte(rest, w->separator);

		name = span_trim(cur_take(&c, MIN_OF(n, rest.len)));
		if (c.left > 0)
			cur_skip(&c, 1);
		if (name.len != 0 || w->separator == ',')
			add_column(w, name);
	}
}

/* -- time ---------------------------------------------------------------- */

static bool
number(struct cursor *c, unsigned digits, unsigned *out)
{
	*out = 0;
	while (digits-- > 0) {
		uint8_t b = cur_u8(c);

		if (!ascii_is_digit(b))
			return false;
		*out = *out * 10 + (unsigned)(b - '0');
	}
	return true;
}

/* 2021-03-03; the day of the line before is at hand. */
static bool
read_day(struct w3c *w, struct span s)
{
	struct cursor c = cur_of(s);
	unsigned year, month, day;

	if (s.len != DAY_TEXT)
		return false;
	if (w->has_day && memcmp(s.ptr, w->day_text, DAY_TEXT) == 0)
		return true;
	if (!number(&c, 4, &year) || cur_u8(&c) != '-' ||
	    !number(&c, 2, &month) || cur_u8(&c) != '-' ||
	    !number(&c, 2, &day) || month < 1 || month > 12 || day < 1 ||
	    day > 31 || year < 1678 || year > 2261)	/* int64_t of ns */
		return false;
	w->day = time_days(year, month, day) * 86400;
	memcpy(w->day_text, s.ptr, DAY_TEXT);
	w->has_day = true;
	return true;
}

/* 04:10:01 or 04:10:01.250, of the day at hand. */
static bool
read_clock(const struct w3c *w, struct span s, int64_t *time)
{
	struct cursor c = cur_of(s);
	unsigned hour, min, sec;
	int64_t frac = 0, scale = NSEC;

	if (!w->has_day || !number(&c, 2, &hour) || cur_u8(&c) != ':' ||
	    !number(&c, 2, &min) || cur_u8(&c) != ':' ||
	    !number(&c, 2, &sec) || hour > 23 || min > 59 || sec > 60)
		return false;
	if (cur_peek(&c, 0) == '.') {
		cur_skip(&c, 1);
		while (ascii_is_digit(cur_peek(&c, 0)) && scale > 1) {
			scale /= 10;
			frac += (cur_u8(&c) - '0') * scale;
		}
	}
	*time = (w->day + hour * 3600 + min * 60 + sec) * NSEC + frac;
	return c.left == 0;
}

/* The time of a line; false when its text is none. */
static bool
row_time(struct w3c *w, const struct row *r, int64_t *time)
{
	struct span clock = SPAN_NONE;

	*time = TIME_NONE;
	for (unsigned i = 0; i < r->n; i++) {
		uint8_t how = w->column[i].how;

		if (how == HOW_DATE && !read_day(w, r->value[i]))
			return false;
		if (how == HOW_STAMP)
			return time_parse(r->value[i], time);
		if (how == HOW_TIME)
			clock = r->value[i];
	}
	return !w->has_time || read_clock(w, clock, time);
}

/* -- lines --------------------------------------------------------------- */

/* A CSV value (RFC 4180 2), its doubled quotes still in it. */
static bool
take_csv(struct cursor *c, struct span *out)
{
	struct span s;
	size_t at = 0, n;

	if (cur_peek(c, 0) != '"') {
		s = cur_rest(c);
		*out = cur_take(c, MIN_OF(span_find_byte(s, ','), s.len));
		return true;
	}
	cur_skip(c, 1);
	s = cur_rest(c);
	for (;;) {
		n = span_find_byte(span_sub(s, at, SIZE_MAX), '"');
		if (n == SPAN_NPOS)
			return false;
		at += n;
		if (at + 1 >= s.len || s.ptr[at + 1] != '"')
			break;
		at += 2;
	}
	*out = cur_take(c, at);
	cur_skip(c, 1);
	return c->left == 0 || cur_peek(c, 0) == ',';
}

static bool
split(const struct w3c *w, struct span line, uint8_t separator, struct row *r)
{
	struct cursor c = cur_of(line);

	for (r->n = 0; r->n < w->ncolumns; r->n++) {
		struct span *v = &r->value[r->n];

		if (r->n > 0 && cur_u8(&c) != separator)
			return false;
		if (separator == ',') {
			if (!take_csv(&c, v))
				return false;
		} else {
			size_t n = span_find_byte(cur_rest(&c), separator);

			*v = cur_take(&c, MIN_OF(n, c.left));
		}
	}
	return c.left == 0 && cur_ok(&c);
}

/* -- telling ------------------------------------------------------------- */

/* s with one byte for another, where the byte behind or before fits. */
static struct span
blanks_for_plus(struct batch *b, struct span s, bool in_cookie)
{
	uint8_t *dst;

	if (span_find_byte(s, '+') == SPAN_NPOS)
		return s;
	if ((dst = arena_alloc(&b->arena, s.len)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return s;
	}
	for (size_t i = 0; i < s.len; i++)
		dst[i] = s.ptr[i] == '+' && (!in_cookie ||
		    (i > 0 && s.ptr[i - 1] == ';')) ? ' ' : s.ptr[i];
	return span_of(dst, s.len);
}

static struct span
without_percent(struct batch *b, struct span s)
{
	uint8_t *dst;

	if (span_find_byte(s, '%') == SPAN_NPOS)
		return s;
	if ((dst = arena_alloc(&b->arena, s.len)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return s;
	}
	return span_of(dst, percent_decode(s, false, dst));
}

/* "" to " in a CSV value. */
static struct span
without_doubles(struct batch *b, struct span s)
{
	uint8_t *dst, *out;

	if (span_find_byte(s, '"') == SPAN_NPOS)
		return s;
	if ((dst = out = arena_alloc(&b->arena, s.len)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return s;
	}
	for (size_t i = 0; i < s.len; i++) {
		*out++ = s.ptr[i];
		i += s.ptr[i] == '"';
	}
	return span_of(dst, (size_t)(out - dst));
}

/* Milliseconds (IIS, Exchange) or seconds with a dot (CloudFront). */
static void
add_seconds(struct batch *b, struct span s)
{
	size_t dot = span_find_byte(s, '.');
	uint64_t whole, part = 0;
	double scale = 1;

	if (s.len > 18 || !span_u64(span_sub(s, 0, dot), &whole))
		return;
	if (dot == SPAN_NPOS) {
		event_add_f64(b, FIELD_HTTP_TIME_TAKEN, (double)whole / 1000);
		return;
	}
	s = span_sub(s, dot + 1, SIZE_MAX);
	if (!span_u64(s, &part))
		return;
	for (size_t i = 0; i < s.len; i++)
		scale *= 10;
	event_add_f64(b, FIELD_HTTP_TIME_TAKEN,
	    (double)whole + (double)part / scale);
}

static void
add_other(struct batch *b, const struct w3c *w, const struct column *c,
    struct span s)
{
	struct value *v;
	char *name;

	if (!b->want->others)
		return;
	/* #Fields may change while events of this batch point to the name. */
	if ((name = arena_alloc(&b->arena, c->name_len + 1u)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	memcpy(name, w->names + c->name_off, c->name_len);
	name[c->name_len] = '\0';
	if ((v = event_add_other(b, name, VT_STR)) != NULL) {
		v->ptr = s.ptr;
		v->len = (uint32_t)s.len;
	}
}

static void
add_value(struct batch *b, const struct w3c *w, const struct column *c,
    struct span s, uint8_t separator)
{
	uint64_t n;

	switch (c->how) {
	case HOW_OTHER:
		add_other(b, w, c, s);
		break;
	case HOW_NUMBER:
		if (span_u64(s, &n))
			event_add_u64(b, c->id, n);
		break;
	case HOW_ADDR:
		dec_add_addr(b, c->id, s);
		break;
	case HOW_PLUS:
		if (event_wants(b, c->id))
			event_add_str(b, c->id, separator == ' ' ?
			    blanks_for_plus(b, s, false) : separator == '\t' ?
			    without_percent(b, s) : s);
		break;
	case HOW_COOKIE:
		if (event_wants(b, c->id))
			event_add_str(b, c->id, separator == ' ' ?
			    blanks_for_plus(b, s, true) : s);
		break;
	case HOW_VERSION:
		if (span_starts(s, SPAN_LIT("HTTP/")))
			s = span_sub(s, 5, SIZE_MAX);
		event_add_str(b, c->id, s);
		break;
	case HOW_SECONDS:
		add_seconds(b, s);
		break;
	case HOW_TEXT:
		event_add_str(b, c->id, s);
		break;
	default:		/* date and time; the target comes as a whole */
		break;
	}
}

/* http.uri from its stem and query. */
static void
add_parts(struct batch *b, struct span stem, struct span query)
{
	struct span uri = stem;
	uint8_t *dst;

	if (stem.ptr == NULL)
		return;
	if (query.len > 0 && query.ptr[0] == '?')
		query = span_sub(query, 1, SIZE_MAX);
	if (query.len != 0 && event_wants(b, FIELD_HTTP_URI)) {
		dst = arena_alloc(&b->arena, stem.len + 1 + query.len);
		if (dst == NULL) {
			batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		} else {
			memcpy(dst, stem.ptr, stem.len);
			dst[stem.len] = '?';
			memcpy(dst + stem.len + 1, query.ptr, query.len);
			uri = span_of(dst, stem.len + 1 + query.len);
		}
	}
	event_add_str(b, FIELD_HTTP_URI, uri);
	event_add_str(b, FIELD_HTTP_PATH, stem);
	if (query.len != 0)
		event_add_str(b, FIELD_HTTP_QUERY, query);
}

static void
tell(struct dec *d, const struct w3c *w, const struct row *r, int64_t time,
    uint8_t separator)
{
	struct span stem = SPAN_NONE, query = SPAN_NONE, uri = SPAN_NONE;
	struct batch *b = d->batch;

	if (!event_begin(b, w->is_http ? KIND_HTTP : KIND_LINE, time,
	    batch_locator(b, d->rec)))
		return;
	for (unsigned i = 0; i < r->n; i++) {
		const struct column *c = &w->column[i];
		struct span s = r->value[i];

		if (s.len == 0 || (s.len == 1 && s.ptr[0] == '-'))
			continue;
		if (separator == ',')
			s = without_doubles(b, s);
		if (c->how == HOW_STEM)
			stem = s;
		else if (c->how == HOW_QUERY)
			query = s;
		else if (c->how == HOW_URI)
			uri = s;
		else
			add_value(b, w, c, s, separator);
	}
	if (w->is_http) {
		if (uri.ptr != NULL && stem.ptr == NULL)
			dec_add_target(b, uri, SPAN_NONE);
		else
			add_parts(b, stem, query);
		event_add_bool(b, FIELD_HTTP_LOG, true);
	} else {
		event_add_str(b, FIELD_TEXT, d->rec->data);
	}
	event_end(b);
}

static void
read_directive(struct w3c *w, struct span line)
{
	if (span_starts(line, SPAN_LIT("#Fields:")))
		read_fields(w, span_sub(line, 8, SIZE_MAX));
	else if (span_starts(line, SPAN_LIT("#Date:")))
		(void)read_day(w, span_sub(span_trim(span_sub(line, 6,
		    SIZE_MAX)), 0, DAY_TEXT));
}

/* Exchange writes the names of the columns once more as CSV. */
static bool
is_header(const struct w3c *w, const struct row *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (!span_eq(r->value[i], span_of(w->names +
		    w->column[i].name_off, w->column[i].name_len)))
			return false;
	return true;
}

static bool
is_csv_header(struct span line)
{
	return span_starts(line, SPAN_LIT("DateTime,RequestId,"));
}

static void
w3c_record(struct dec *d, void *state, const struct record *rec)
{
	struct w3c *w = state;
	struct span line = rec->data;
	struct row r;
	uint8_t separator;
	int64_t time;

	if (line.len == 0)
		return;
	if (line.ptr[0] == '#') {
		read_directive(w, line);
		return;
	}
	if (w->ncolumns == 0 && is_csv_header(line)) {
		read_fields(w, line);
		return;
	}
	separator = w->separator;
	if (separator == ' ' && span_find_byte(line, '\t') != SPAN_NPOS)
		separator = '\t';
	if (w->ncolumns == 0 || !split(w, line, separator, &r)) {
		dec_weird(d, WEIRD_WEBLOG_BAD);
		return;
	}
	if (!row_time(w, &r, &time)) {
		if (!is_header(w, &r))
			dec_weird(d, WEIRD_WEBLOG_BAD);
		return;
	}
	tell(d, w, &r, time, separator);
}

static int
w3c_match(const struct record *rec)
{
	static const struct { const char *start; int score; } marks[] = {
		{ "#Fields: ", 95 }, { "#Software: ", 90 },
		{ "#Version: ", 90 }, { "#Date: ", 80 },
		{ "#Start-Date: ", 80 }, { "#Log-type: ", 80 },
	};

	if (rec->type != REC_LINE)
		return 0;
	for (size_t i = 0; i < NITEMS(marks); i++)
		if (span_starts(rec->data, span_str(marks[i].start)))
			return marks[i].score;
	return is_csv_header(rec->data) ? 90 : 0;
}

static const uint8_t w3c_kinds[] = { KIND_HTTP, KIND_LINE, KIND_NONE };

const struct decoder decoder_w3c = {
	.name = "w3c",
	.title = "W3C extended logs",
	.doc = "IIS, CloudFront and Exchange (HttpProxy, ECP) logs with "
	    "#Fields, which may change inside the file. Columns that are no "
	    "http field keep their name. Left: logs with other separators; "
	    "times are taken as UTC.",
	.kinds = w3c_kinds,
	.state_size = sizeof(struct w3c),
	.rectype = REC_LINE,
	.match = w3c_match,
	.record = w3c_record,
};
