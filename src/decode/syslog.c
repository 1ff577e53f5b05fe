/* SPDX-License-Identifier: Apache-2.0
 *
 * Syslog files, one message a line:
 *
 *	[<PRI>]Nov 23 14:41:43 host app[pid]: message		RFC 3164
 *	[<PRI>]2026-11-23T14:41:43.5+01:00 host app[pid]: message	rsyslog,
 *						journalctl -o short-iso
 *	<PRI>1 2026-11-23T14:41:43Z host app pid msgid - message	RFC 5424
 *	Mon 2026-11-23 14:41:43 UTC host app[pid]: message	short-full
 *	1700000000.123456 host app[pid]: message		short-unix
 *	Mon Nov 23 14:41:43 2026 message		asctime: vsftpd, clamd
 *
 * RFC 3164 times may have a fraction (short-precise), the year behind the day
 * or '*' or '.' in front (Cisco).  Where no zone is named it is UTC.
 *
 * A time without year gets one so that the first line of the file is the
 * youngest that is not over a day newer than the file's last change (of the
 * member of an archive as that says); then December to January goes on a year.
 * Without a last change (standard input) such lines have no time.
 *
 * Every line is an event of kind syslog.  authlog.c reads what programs say of
 * sign-ins; records of the audit system (audit.c) and Sysmon's XML
 * (sysmonxml.c) are told as what they are, too.
 *
 * Bounds: one line; APP_MAX; those of audit.c.
 */
#include "decode.h"

#define APP_MAX		128u	/* RFC 5424: 48; paths occur */
#define HOST_MAX	255u	/* RFC 5424 6.2.4 */
#define DAY_NS		(86400 * NSEC)

struct syslog {
	struct audit	*audit;
	int64_t		 last;		/* time of the line before */
	int		 year;		/* of the line before; 0: none yet */
	unsigned	 month;
	bool		 year_told;
};

struct line {
	struct log_line	 l;
	int		 pri;		/* -1: none */
	/* A time without its year: */
	bool		 yearless;
	unsigned	 month, day;
	int64_t		 in_day;	/* ns */
};

/* -- grammar ------------------------------------------------------------- */

static bool
take_two(struct cursor *c, unsigned max, unsigned *n)
{
	uint8_t a = cur_u8(c), b = cur_u8(c);

	*n = (unsigned)(a - '0') * 10 + (unsigned)(b - '0');
	return ascii_is_digit(a) && ascii_is_digit(b) && *n <= max;
}

/* hh:mm:ss[.frac] */
static bool
take_clock(struct cursor *c, int64_t *ns)
{
	int64_t scale = NSEC / 10;
	unsigned h, m, s;

	if (!take_two(c, 23, &h) || cur_u8(c) != ':' ||
	    !take_two(c, 59, &m) || cur_u8(c) != ':' ||
	    !take_two(c, 60, &s))
		return false;
	*ns = ((int64_t)h * 3600 + m * 60 + s) * NSEC;
	if (cur_peek(c, 0) != '.' || !ascii_is_digit(cur_peek(c, 1)))
		return true;
	cur_skip(c, 1);
	while (ascii_is_digit(cur_peek(c, 0))) {
		*ns += (cur_u8(c) - '0') * scale;
		scale /= 10;
	}
	return true;
}

/* 1 to 12; 0: none. */
static unsigned
take_month(struct cursor *c)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (unsigned i = 0; i < 12 && c->left >= 3; i++)
		if (memcmp(c->ptr, months + 3 * i, 3) == 0) {
			cur_skip(c, 3);
			return i + 1;
		}
	return 0;
}

/* Four digits of a year that nanoseconds in 64 bits hold. */
static bool
take_year(struct cursor *c, unsigned *year)
{
	unsigned a, b;

	if (!take_two(c, 99, &a) || !take_two(c, 99, &b))
		return false;
	*year = a * 100 + b;
	return *year >= 1970 && *year <= 2261;
}

static int64_t
full_time(unsigned year, unsigned month, unsigned day, int64_t in_day)
{
	return time_days(year, month, day) * DAY_NS + in_day;
}

/* "Nov 23 14:41:43", "Nov  3 ...", "Nov 23 2026 14:41:43". */
static bool
take_bsd(struct cursor *c, struct line *l)
{
	unsigned year = 0;
	uint8_t a, b;

	if ((l->month = take_month(c)) == 0 || cur_u8(c) != ' ')
		return false;
	a = cur_u8(c);
	b = cur_u8(c);
	if ((a != ' ' && !ascii_is_digit(a)) || !ascii_is_digit(b) ||
	    cur_u8(c) != ' ')
		return false;
	l->day = (a == ' ' ? 0 : (unsigned)(a - '0') * 10) +
	    (unsigned)(b - '0');
	if (cur_peek(c, 4) == ' ' && (!take_year(c, &year) ||
	    cur_u8(c) != ' '))
		return false;
	if (l->day < 1 || l->day > 31 || !take_clock(c, &l->in_day))
		return false;
	l->yearless = year == 0;
	if (year != 0)
		l->l.time = full_time(year, l->month, l->day, l->in_day);
	return true;
}

/* "Nov 23 14:41:43 2026" behind the name of the day. */
static bool
take_asctime(struct cursor *c, struct line *l)
{
	unsigned year;

	if (!take_bsd(c, l) || !l->yearless || cur_u8(c) != ' ' ||
	    !take_year(c, &year))
		return false;
	l->yearless = false;
	l->l.time = full_time(year, l->month, l->day, l->in_day);
	return true;
}

/* "2026-11-23 14:41:43 UTC"; other zones are names only, so UTC too. */
static bool
take_short_full(struct cursor *c, struct line *l)
{
	struct span s = cur_rest(c);
	size_t n = 19;

	if (s.len > 19 && s.ptr[19] == '.')
		for (n++; n < s.len && ascii_is_digit(s.ptr[n]); n++)
			;
	if (!time_parse(cur_take(c, n), &l->l.time) || cur_u8(c) != ' ')
		return false;
	s = cur_rest(c);
	cur_skip(c, MIN_OF(span_find_byte(s, ' '), s.len));
	return true;
}

static bool
take_day_name(struct cursor *c)
{
	static const char days[] = "MonTueWedThuFriSatSun";

	for (unsigned i = 0; i < 7 && c->left >= 4; i++)
		if (memcmp(c->ptr, days + 3 * i, 3) == 0 && c->ptr[3] == ' ') {
			cur_skip(c, 4);
			return true;
		}
	return false;
}

/* RFC 3339, with or without the colon in the zone; or seconds since 1970. */
static bool
take_number_time(struct cursor *c, struct line *l)
{
	struct span s = cur_rest(c), word, frac;
	size_t dot;
	uint64_t sec, us;

	word = span_sub(s, 0, span_find_byte(span_sub(s, 0, 40), ' '));
	if (word.len > 10 && word.ptr[4] == '-' && ascii_lower(word.ptr[10]) ==
	    't' && time_parse(word, &l->l.time)) {
		cur_skip(c, word.len);
		return true;
	}
	dot = span_find_byte(word, '.');
	frac = span_sub(word, dot == SPAN_NPOS ? word.len : dot + 1, SIZE_MAX);
	if (dot != 10 || frac.len != 6 || !span_u64(frac, &us) ||
	    !span_u64(span_sub(word, 0, dot), &sec) || sec > 9223372035)
		return false;
	l->l.time = (int64_t)sec * NSEC + (int64_t)us * 1000;
	cur_skip(c, word.len);
	return true;
}

static bool
take_pri(struct cursor *c, int *pri)
{
	struct cursor t = *c;
	int n = 0, digits = 0;

	if (cur_u8(&t) != '<')
		return false;
	for (; ascii_is_digit(cur_peek(&t, 0)) && digits < 3; digits++)
		n = n * 10 + (cur_u8(&t) - '0');
	if (digits == 0 || cur_u8(&t) != '>' || n > 191)
		return false;
	*pri = n;
	*c = t;
	return true;
}

static struct span
take_field(struct cursor *c)
{
	struct span s = cur_rest(c);
	size_t n = MIN_OF(span_find_byte(s, ' '), s.len);

	s = cur_take(c, n);
	if (c->left != 0)
		cur_skip(c, 1);
	return s.len == 1 && s.ptr[0] == '-' ? SPAN_NONE : s;
}

/* STRUCTURED-DATA, RFC 5424 6.3; it stays part of the line. */
static bool
skip_data(struct cursor *c)
{
	bool quoted = false;

	if (cur_peek(c, 0) == '-') {
		cur_skip(c, 1);
		return true;
	}
	while (cur_peek(c, 0) == '[') {
		for (;;) {
			uint8_t b = cur_u8(c);

			if (!cur_ok(c))
				return false;
			if (b == '"')
				quoted = !quoted;
			else if (b == '\\' && quoted)
				cur_skip(c, 1);
			else if (b == ']' && !quoted)
				break;
		}
	}
	return true;
}

/* Behind "<PRI>": "1 TIME HOST APP PROCID MSGID SD[ MSG]". */
static bool
take_5424(struct cursor *c, struct line *l)
{
	struct span time;

	if (cur_u8(c) != '1' || cur_u8(c) != ' ')
		return false;
	time = take_field(c);
	l->l.host = take_field(c);
	l->l.app = take_field(c);
	l->l.pid = take_field(c);
	take_field(c);
	if ((time.len != 0 && !time_parse(time, &l->l.time)) || !skip_data(c))
		return false;
	while (cur_peek(c, 0) == ' ')
		cur_skip(c, 1);
	l->l.msg = cur_rest(c);
	if (span_starts(l->l.msg, SPAN_LIT("\xef\xbb\xbf")))
		l->l.msg = span_sub(l->l.msg, 3, SIZE_MAX);
	return true;
}

/* "app[pid]: " or "app: "; false: none, all is message. */
static bool
take_tag(struct cursor *c, struct line *l)
{
	struct cursor t = *c;
	struct span s = span_sub(cur_rest(&t), 0, APP_MAX);
	size_t n = 0;

	while (n < s.len && s.ptr[n] != ' ' && s.ptr[n] != ':' &&
	    s.ptr[n] != '[')
		n++;
	if (n == 0 || n == s.len)
		return false;
	l->l.app = cur_take(&t, n);
	l->l.pid = SPAN_NONE;
	if (cur_peek(&t, 0) == '[') {
		cur_skip(&t, 1);
		s = span_sub(cur_rest(&t), 0, 24);
		if ((n = span_find_byte(s, ']')) == SPAN_NPOS)
			return false;
		l->l.pid = cur_take(&t, n);
		cur_skip(&t, 1);
	}
	if (cur_peek(&t, 0) != ':' ||
	    (t.left > 1 && cur_peek(&t, 1) != ' '))
		return false;
	cur_skip(&t, MIN_OF(t.left, (size_t)2));
	*c = t;
	return true;
}

/* Behind the time: " host tag message". */
static void
take_rest(struct cursor *c, struct line *l)
{
	struct cursor t;
	struct span host;

	while (cur_peek(c, 0) == ' ' || cur_peek(c, 0) == ':')
		cur_skip(c, 1);
	t = *c;
	host = take_field(&t);
	/* Messages of the host itself may lack its name. */
	if (host.len > 0 && host.len <= HOST_MAX &&
	    host.ptr[host.len - 1] != ':') {
		l->l.host = host;
		*c = t;
		/* "host : %ASA-6-305012: ..." */
		while (cur_peek(c, 0) == ' ' || cur_peek(c, 0) == ':')
			cur_skip(c, 1);
	}
	if (!take_tag(c, l))
		l->l.app = l->l.pid = SPAN_NONE;
	l->l.msg = cur_rest(c);
}

enum form { FORM_NONE, FORM_BSD, FORM_ISO, FORM_5424, FORM_ASCTIME };

static enum form
read_line(struct span text, struct line *l)
{
	struct cursor c = cur_of(text), t;
	enum form form = FORM_NONE;
	bool has_pri;

	memset(l, 0, sizeof(*l));
	l->pri = -1;
	l->l.time = TIME_NONE;
	has_pri = take_pri(&c, &l->pri);
	t = c;
	if (has_pri && take_5424(&t, l))
		return FORM_5424;
	/* Cisco: the clock is not, or was, in step. */
	if (cur_peek(&c, 0) == '*' || cur_peek(&c, 0) == '.')
		cur_skip(&c, 1);
	if (take_day_name(&c)) {
		t = c;
		if (take_asctime(&t, l)) {
			while (cur_peek(&t, 0) == ' ')
				cur_skip(&t, 1);
			l->l.msg = cur_rest(&t);
			/* clamd has an arrow between. */
			if (span_starts(l->l.msg, SPAN_LIT("-> ")))
				l->l.msg = span_sub(l->l.msg, 3, SIZE_MAX);
			return FORM_ASCTIME;
		}
		form = take_short_full(&c, l) ? FORM_ISO : FORM_NONE;
	} else if (ascii_is_digit(cur_peek(&c, 0))) {
		form = take_number_time(&c, l) ? FORM_ISO : FORM_NONE;
	} else {
		form = take_bsd(&c, l) ? FORM_BSD : FORM_NONE;
	}
	if (form != FORM_NONE && c.left != 0 && cur_peek(&c, 0) != ' ' &&
	    cur_peek(&c, 0) != ':')
		form = FORM_NONE;
	if (form != FORM_NONE)
		take_rest(&c, l);
	return form;
}

/* -- the year ------------------------------------------------------------ */

static void
first_year(struct syslog *s, const struct batch *b, const struct line *l)
{
	int64_t limit = b->written + DAY_NS;

	/* From the year of the last change, or the one after, downward. */
	s->year = (int)(b->written / DAY_NS / 365) + 1971;
	while (s->year > 1970 && full_time((unsigned)s->year, l->month,
	    l->day, l->in_day) > limit)
		s->year--;
	s->month = l->month;
}

static int64_t
guess_time(struct dec *d, struct syslog *s, const struct line *l)
{
	int year;

	if (!s->year_told) {
		dec_weird(d, WEIRD_SYSLOG_YEAR);
		s->year_told = true;
	}
	if (d->batch->written <= 0)
		return TIME_NONE;
	if (s->year == 0)
		first_year(s, d->batch, l);
	year = s->year;
	if (l->month + 6 < s->month) {
		/* Past the end of the year. */
		year = ++s->year;
		s->month = l->month;
	} else if (l->month > s->month + 6) {
		year--;		/* a straggler of the old one */
	} else {
		s->month = l->month;
	}
	if (year < 1970 || year > 2261)
		return TIME_NONE;
	return full_time((unsigned)year, l->month, l->day, l->in_day);
}

/* -- telling ------------------------------------------------------------- */

/* The parts of sudo's message by the names that it gives them. */
static void
add_sudo(struct batch *b, struct span msg)
{
	const struct {
		const char *name;
		size_t at;
	} parts[] = {
		{ "TTY", offsetof(struct sudo_line, tty) },
		{ "PWD", offsetof(struct sudo_line, pwd) },
		{ "USER", offsetof(struct sudo_line, user) },
		{ "COMMAND", offsetof(struct sudo_line, command) },
	};
	struct sudo_line s;

	if (!log_sudo(msg, &s))
		return;
	for (size_t i = 0; i < NITEMS(parts); i++) {
		const struct span *part = (const struct span *)(const void *)
		    ((const char *)&s + parts[i].at);
		unsigned id = field_by_name(span_str(parts[i].name));
		struct value *v;

		if (part->ptr == NULL)
			continue;
		if (id != FIELD_OTHER) {
			event_add_str(b, id, *part);
		} else if ((v = event_add_other(b, parts[i].name,
		    VT_STR)) != NULL) {
			v->ptr = part->ptr;
			v->len = (uint32_t)part->len;
		}
	}
}

static void
tell_line(struct dec *d, const struct line *l)
{
	struct batch *b = d->batch;

	if (!event_begin(b, KIND_SYSLOG, l->l.time, batch_locator(b, d->rec)))
		return;
	if (l->l.host.len != 0)
		event_add_str(b, FIELD_SYSLOG_HOST, l->l.host);
	if (l->l.app.len != 0)
		event_add_str(b, FIELD_SYSLOG_APP, l->l.app);
	if (l->l.pid.len != 0)
		event_add_str(b, FIELD_SYSLOG_PID, l->l.pid);
	if (l->pri >= 0) {
		event_add_u64(b, FIELD_SYSLOG_FACILITY, (uint64_t)l->pri / 8);
		event_add_u64(b, FIELD_SYSLOG_SEVERITY, (uint64_t)l->pri % 8);
	}
	event_add_str(b, FIELD_SYSLOG_MESSAGE, l->l.msg);
	event_add_str(b, FIELD_TEXT, d->rec->data);
	if (span_eq(l->l.app, SPAN_LIT("sudo")))
		add_sudo(b, l->l.msg);
	event_end(b);
}

/* What the audit system says through kernel, audispd or journald. */
static void
tell_audit(struct dec *d, struct syslog *s, const struct log_line *l)
{
	struct audit_record r = { .host = l->host, .time = l->time };
	size_t n;

	if (s->audit == NULL && (s->audit = audit_new(d)) == NULL)
		return;
	if (audit_line(d, s->audit, l->host, l->msg))
		return;
	/* journald's own: "audit[PID]: TYPE key=value ..." */
	n = span_find_byte(l->msg, ' ');
	if (n == SPAN_NPOS || n == 0 || l->pid.len == 0)
		return;
	r.type = span_sub(l->msg, 0, n);
	r.body = span_sub(l->msg, n + 1, SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		if (!(r.type.ptr[i] >= 'A' && r.type.ptr[i] <= 'Z') &&
		    !ascii_is_digit(r.type.ptr[i]) && r.type.ptr[i] != '_')
			return;
	audit_record(d, s->audit, &r);
}

static bool
may_be_audit(const struct log_line *l)
{
	return span_starts(l->app, SPAN_LIT("audi")) ||
	    (span_eq(l->app, SPAN_LIT("kernel")) &&
	    span_find(span_sub(l->msg, 0, 40), SPAN_LIT("audit: type=")) !=
	    SPAN_NPOS);
}

static void
syslog_record(struct dec *d, void *state, const struct record *rec)
{
	struct syslog *s = state;
	struct line l;

	if (read_line(rec->data, &l) == FORM_NONE) {
		dec_weird(d, WEIRD_SYSLOG_BAD);
		memset(&l, 0, sizeof(l));
		l.pri = -1;
		l.l.msg = rec->data;
		l.l.time = s->last == 0 ? TIME_NONE : s->last;
		tell_line(d, &l);
		return;
	}
	if (l.yearless)
		l.l.time = guess_time(d, s, &l);
	if (l.l.time != TIME_NONE)
		s->last = l.l.time;
	tell_line(d, &l);
	if (sysmon_event(d, &l.l))
		return;
	log_facts(d, &l.l);
	if (may_be_audit(&l.l)) {
		/* Kernel messages may have their own clock in front. */
		if (span_starts(l.l.msg, SPAN_LIT("["))) {
			size_t n = span_find(l.l.msg, SPAN_LIT("] "));

			if (n != SPAN_NPOS)
				l.l.msg = span_sub(l.l.msg, n + 2, SIZE_MAX);
		}
		tell_audit(d, s, &l.l);
	}
}

static void
syslog_end(struct dec *d, void *state)
{
	struct syslog *s = state;

	audit_free(d, s->audit);
	s->audit = NULL;
}

static int
syslog_match(const struct record *rec)
{
	struct line l;
	bool tagged;

	if (rec->type != REC_LINE)
		return 0;
	switch (read_line(rec->data, &l)) {
	case FORM_5424:
		return 90;
	case FORM_BSD:
		return l.l.host.len != 0 || l.l.app.len != 0 ? 80 : 0;
	case FORM_ISO:
		/* Many logs begin with such a time: a tag must follow. */
		tagged = l.l.host.len != 0 && l.l.app.len != 0;
		return tagged ? 70 : l.pri >= 0 ? 60 : 0;
	case FORM_ASCTIME:
		return 40;
	case FORM_NONE:
		break;
	}
	return 0;
}

static const uint8_t syslog_kinds[] = { KIND_SYSLOG, KIND_AUTH, KIND_PROCESS,
    KIND_AUDITD, KIND_WINEVENT, KIND_NONE };

const struct decoder decoder_syslog = {
	.name = "syslog",
	.title = "Syslog lines",
	.doc = "RFC 3164 and RFC 5424 lines with or without <PRI>, rsyslog's "
	    "files, journalctl -o short and its kin, lines that begin with "
	    "asctime (vsftpd, clamd). Sign-ins of sshd, su, sudo, login, "
	    "logind, PAM, vsftpd, dovecot and postfix are events of kind auth, "
	    "commands of sudo of kind process; audit records in syslog as in "
	    "audit.log; Sysmon for Linux as kind process and winevent. Times "
	    "without zone are UTC; a missing year is taken from when the file "
	    "was last written. Left: octet counting.",
	.kinds = syslog_kinds,
	.state_size = sizeof(struct syslog),
	.rectype = REC_LINE,
	.match = syslog_match,
	.record = syslog_record,
	.end = syslog_end,
};
