/* SPDX-License-Identifier: Apache-2.0
 *
 * smtp: mails in a session (RFC 5321), their headers (RFC 5322).
 *
 *	command	HELO|EHLO name, MAIL FROM:<a>, RCPT TO:<a>, DATA, RSET,
 *		BDAT size [LAST] (RFC 3030), STARTTLS (RFC 3207), QUIT
 *	reply	code SP|- text CRLF				5321 4.2
 *	data	after 354: header lines, empty line, body, "." CRLF
 *
 * One event a mail; of a session without one what it said of itself.
 * STARTTLS hands the connection over.
 *
 * Ownership: texts lie in one dec_alloc block, given back at the end.
 * Bounds: LINE_MAX a line (the rest is passed over), RCPTS_MAX recipients,
 * HEADERS_MAX header lines; bodies pass by line by line.
 */
#include "decode.h"

#define LINE_MAX	4096u	/* RFC 5322 2.1.1: 998; folded ones longer */
#define TEXT_MAX	256u	/* RFC 5321 4.5.3.1.3: a path has 256 */
#define RCPTS_MAX	16u	/* the first say enough */
#define HEADERS_MAX	500u

struct text {
	uint16_t	len;
	uint8_t		b[TEXT_MAX];
};
struct texts {
	struct text	 helo, mail_from, from, to, subject;
	struct text	 rcpt[RCPTS_MAX];
};

struct smtp {
	struct texts	*t;
	struct text	*fold;		/* header that the next line goes on */
	int64_t		 time;
	uint64_t	 record, offset;
	uint16_t	 nheaders;
	uint8_t		 nrcpts;
	bool		 started, in_data, in_body, asked_data, asked_tls, tls;
	bool		 told;		/* the session, by any event */
	bool		 skip[2];
};

/* -- telling ------------------------------------------------------------- */

static void
add(struct batch *b, unsigned field, const struct text *t)
{
	if (t->len != 0)
		event_add_copy(b, field, span_of(t->b, t->len));
}

static void
add_list(struct batch *b, unsigned field, const struct text *t, uint32_t n)
{
	struct value *v = n == 0 ? NULL : event_add_list(b, field, n);

	for (uint32_t i = 0; v != NULL && i < n; i++) {
		struct span s = arena_copy(&b->arena, span_of(t[i].b,
		    t[i].len));

		v[i] = (struct value){ .type = VT_STR, .len = (uint32_t)s.len,
		    .ptr = s.ptr };
	}
}

static void
tell(struct dec *d, struct smtp *s)
{
	struct batch *b = d->batch;
	struct texts *t = s->t;

	s->told = true;
	if (dec_event(d, KIND_SMTP, s->time, s->record, s->offset)) {
		add(b, FIELD_SMTP_HELO, &t->helo);
		add(b, FIELD_SMTP_MAIL_FROM, &t->mail_from);
		add_list(b, FIELD_SMTP_RCPT_TO, t->rcpt, s->nrcpts);
		add(b, FIELD_SMTP_FROM, &t->from);
		add_list(b, FIELD_SMTP_TO, &t->to, t->to.len != 0);
		add(b, FIELD_SMTP_SUBJECT, &t->subject);
		if (s->tls)
			event_add_bool(b, FIELD_SMTP_STARTTLS, true);
		event_end(b);
	}
	t->mail_from.len = t->from.len = t->to.len = t->subject.len = 0;
	s->nrcpts = 0;
}

/* -- reading ------------------------------------------------------------- */

static void
keep(struct text *t, struct span s)
{
	s = span_sub(s, 0, TEXT_MAX - t->len);
	if (s.len != 0)
		memcpy(t->b + t->len, s.ptr, s.len);
	t->len = (uint16_t)(t->len + s.len);
}

static void
set(struct text *t, struct span s)
{
	t->len = 0;
	keep(t, s);
}

/* <path> [parameters], without the angles */
static struct span
path_of(struct span s)
{
	size_t end;

	s = span_trim(s);
	if (s.len != 0 && s.ptr[0] == '<') {
		end = span_find_byte(s, '>');
		return span_sub(s, 1, end == SPAN_NPOS ? SIZE_MAX : end - 1);
	}
	return span_sub(s, 0, span_find_byte(s, ' '));
}

static void
begin_data(struct smtp *s)
{
	s->in_data = true;
	s->in_body = false;
	s->fold = NULL;
	s->nheaders = 0;
}

/* BDAT: told by its command; the chunk passes by. */
static void
on_bdat(struct dec *d, struct smtp *s, struct span arg)
{
	size_t blank = span_find_byte(arg, ' ');
	uint64_t n;

	if (!span_u64(span_sub(arg, 0, blank), &n)) {
		dec_weird(d, WEIRD_SMTP_BAD);
		return;
	}
	d->skip[DIR_CLIENT] = n;
	if (blank != SPAN_NPOS && span_eq_nocase(span_trim(span_sub(arg, blank,
	    SIZE_MAX)), SPAN_LIT("LAST")))
		tell(d, s);
}

static void
on_command(struct dec *d, struct smtp *s, const struct seg *seg,
    struct span line)
{
	struct texts *t = s->t;
	struct span arg = span_trim(span_sub(line, 5, SIZE_MAX));

	if (span_starts_nocase(line, SPAN_LIT("EHLO ")) ||
	    span_starts_nocase(line, SPAN_LIT("HELO "))) {
		set(&t->helo, arg);
	} else if (span_starts_nocase(line, SPAN_LIT("MAIL FROM:"))) {
		set(&t->mail_from, path_of(span_sub(line, 10, SIZE_MAX)));
		s->nrcpts = 0;
		s->time = seg->time;
		s->record = seg->record;
		s->offset = seg->offset;
		s->told = false;
	} else if (span_starts_nocase(line, SPAN_LIT("RCPT TO:"))) {
		if (s->nrcpts < RCPTS_MAX)
			set(&t->rcpt[s->nrcpts++], path_of(span_sub(line, 8,
			    SIZE_MAX)));
	} else if (span_starts_nocase(line, SPAN_LIT("BDAT "))) {
		on_bdat(d, s, arg);
	} else if (span_eq_nocase(line, SPAN_LIT("RSET"))) {
		if (t->mail_from.len != 0)
			tell(d, s);	/* begun, never sent */
	}
	s->asked_data = span_eq_nocase(line, SPAN_LIT("DATA"));
	s->asked_tls = span_eq_nocase(line, SPAN_LIT("STARTTLS"));
}

static void
on_header(struct smtp *s, struct span line)
{
	static const struct { const char *name; size_t at; } want[] = {
		{ "From:", offsetof(struct texts, from) },
		{ "To:", offsetof(struct texts, to) },
		{ "Subject:", offsetof(struct texts, subject) },
	};

	if (line.len != 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
		if (s->fold != NULL) {
			keep(s->fold, SPAN_LIT(" "));
			keep(s->fold, span_trim(line));
		}
		return;
	}
	s->fold = NULL;
	for (size_t i = 0; i < NITEMS(want); i++) {
		struct span n = span_str(want[i].name);
		struct text *t = (struct text *)(void *)((uint8_t *)s->t +
		    want[i].at);

		if (t->len != 0 || !span_starts_nocase(line, n))
			continue;
		keep(t, span_trim(span_sub(line, n.len, SIZE_MAX)));
		s->fold = t;
	}
}

static void
on_data(struct dec *d, struct smtp *s, struct span line)
{
	if (span_eq(line, SPAN_LIT("."))) {
		s->in_data = false;
		tell(d, s);
	} else if (line.len == 0 || ++s->nheaders > HEADERS_MAX) {
		s->in_body = true;
	} else if (!s->in_body) {
		on_header(s, line);
	}
}

static void
on_reply(struct dec *d, struct smtp *s, struct span line)
{
	if (line.len < 3 || !ascii_is_digit(line.ptr[0])) {
		if (line.len != 0)
			dec_weird(d, WEIRD_SMTP_BAD);
		return;
	}
	if (line.len > 3 && line.ptr[3] == '-')
		return;
	if (s->asked_data && span_starts(line, SPAN_LIT("354")))
		begin_data(s);
	if (s->asked_tls && span_starts(line, SPAN_LIT("220"))) {
		s->tls = true;
		tell(d, s);
		d->action = DEC_HANDOVER;
	}
}

/* -- the decoder --------------------------------------------------------- */

static enum probe_result
smtp_probe(const struct probe *p)
{
	struct span s = p->data;

	if (p->is_udp)
		return PROBE_NO;
	if (span_starts(SPAN_LIT("220"), span_sub(s, 0, 3))) {
		if (s.len < 4)
			return PROBE_MORE;
		if (s.ptr[3] != ' ' && s.ptr[3] != '-')
			return PROBE_NO;
		return span_find_nocase(span_sub(s, 0, 512),
		    SPAN_LIT("SMTP")) == SPAN_NPOS ? PROBE_MORE :
		    p->dir == DIR_SERVER ? PROBE_YES : PROBE_SWAP;
	}
	if (p->dir == DIR_SERVER)
		return PROBE_NO;
	if (s.len < 5)
		return span_starts_nocase(SPAN_LIT("EHLO "), s) ||
		    span_starts_nocase(SPAN_LIT("HELO "), s) ? PROBE_MORE :
		    PROBE_NO;
	return span_starts_nocase(s, SPAN_LIT("EHLO ")) ||
	    span_starts_nocase(s, SPAN_LIT("HELO ")) ? PROBE_YES : PROBE_NO;
}

/* One line; false: more bytes are needed. */
static bool
step(struct dec *d, struct smtp *s, const struct seg *seg, struct cursor *c)
{
	unsigned dir = seg->dir & 1;
	struct span line;

	if (!dec_next_line(c, seg, LINE_MAX, &s->skip[dir], &line))
		return false;
	if (dir == DIR_SERVER)
		on_reply(d, s, line);
	else if (s->in_data)
		on_data(d, s, line);
	else
		on_command(d, s, seg, span_trim(line));
	return true;
}

static size_t
smtp_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct smtp *s = state;
	struct cursor c = cur_of(seg->data);

	if (s->t == NULL && (s->t = dec_alloc(d, sizeof(*s->t))) == NULL) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	if (!s->started) {
		s->started = true;
		s->time = seg->time;
		s->record = seg->record;
		s->offset = seg->offset;
	}
	if (seg->lost != 0)
		s->skip[seg->dir & 1] = true;
	while (c.left != 0 && d->action == DEC_GO &&
	    d->skip[seg->dir & 1] == 0 && step(d, s, seg, &c))
		;
	return seg->data.len - c.left;
}

static void
smtp_close(struct dec *d, void *state)
{
	struct smtp *s = state;

	if (s->t == NULL)
		return;
	if (s->t->mail_from.len != 0 || (!s->told && s->t->helo.len != 0))
		tell(d, s);
	dec_free(d, s->t, sizeof(*s->t));
	s->t = NULL;
}

static const uint8_t smtp_kinds[] = { KIND_SMTP, KIND_NONE };

const struct decoder decoder_smtp = {
	.name = "smtp",
	.title = "Mails in SMTP sessions",
	.doc = "HELO, sender, recipients, From, To and Subject of each mail "
	    "(RFC 5321, 5322). STARTTLS hands over. Left: bodies, "
	    "attachments, contents of BDAT.",
	.kinds = smtp_kinds,
	.state_size = sizeof(struct smtp),
	.probe = smtp_probe,
	.stream = smtp_stream,
	.close = smtp_close,
};
_Static_assert(sizeof(struct smtp) <= DEC_STATE_MAX, "state of a flow");
