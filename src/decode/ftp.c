/* SPDX-License-Identifier: Apache-2.0
 *
 * ftp: commands with their replies (RFC 959, RFC 2428 EPRT and EPSV).
 *
 *	command	NAME [SP argument] CRLF				959 4.1
 *	reply	code SP text CRLF, or				959 4.2
 *		code "-" text CRLF *(line CRLF) code SP text CRLF
 *	227 of PASV, argument of PORT	h1,h2,h3,h4,p1,p2	959 4.1.2
 *	229 of EPSV	(|||port|)				2428 3
 *	EPRT		|1|address|port| or |2|address|port|	2428 2
 *
 * One event a command, at its final reply (1xx only announces); PASS without
 * its argument.  Data connections are conversations of their own; the event
 * says where they go.  AUTH TLS hands the connection over.
 *
 * Ownership: texts lie in one dec_alloc block, given back at the end.
 * Bounds: LINE_MAX a line (the rest is passed over); one command at a time, as
 * servers read them: of a pipelined one the earlier is told without reply.
 */
#include "decode.h"

#define LINE_MAX	2048u	/* paths; servers take 512 to 4096 */
#define TEXT_MAX	512u	/* kept of an argument and a reply */
#define NAME_MAX	8u
#define USER_MAX	128u

struct texts {
	uint8_t		user[USER_MAX], arg[TEXT_MAX], reply[TEXT_MAX];
	char		name[NAME_MAX];
	struct addr	data;		/* of the data connection */
};

struct ftp {
	struct texts	*t;
	int64_t		 time;
	uint64_t	 record, offset, size;
	uint16_t	 user_len, arg_len, reply_len, code, port, many;
	bool		 pending, has_addr, passive, has_size;
	bool		 skip[2];	/* the rest of a long line */
};

/* -- telling ------------------------------------------------------------- */

static void
tell(struct dec *d, struct ftp *f)
{
	struct texts *t = f->t;
	struct batch *b = d->batch;

	if (!f->pending)
		return;
	f->pending = false;
	if (!dec_event(d, KIND_FTP, f->time, f->record, f->offset))
		return;
	if (f->user_len != 0)
		event_add_copy(b, FIELD_FTP_USER, span_of(t->user,
		    f->user_len));
	event_add_copy(b, FIELD_FTP_COMMAND, span_str(t->name));
	if (f->arg_len != 0)
		event_add_copy(b, FIELD_FTP_ARG, span_of(t->arg, f->arg_len));
	if (f->code != 0)
		event_add_u64(b, FIELD_FTP_REPLY, f->code);
	if (f->reply_len != 0)
		event_add_copy(b, FIELD_FTP_REPLY_TEXT, span_of(t->reply,
		    f->reply_len));
	if (f->has_size)
		event_add_u64(b, FIELD_FTP_SIZE, f->size);
	if (f->port != 0) {
		if (f->has_addr)
			event_add_addr_copy(b, FIELD_FTP_DATA_IP, &t->data);
		event_add_u64(b, FIELD_FTP_DATA_PORT, f->port);
		event_add_bool(b, FIELD_FTP_PASSIVE, f->passive);
	}
	event_end(b);
}

/* -- reading ------------------------------------------------------------- */

static bool
number(struct span *s, unsigned max, unsigned *n)
{
	size_t i = 0;

	for (*n = 0; i < s->len && i < 5 && ascii_is_digit(s->ptr[i]); i++)
		*n = *n * 10 + (s->ptr[i] - '0');
	*s = span_sub(*s, i, SIZE_MAX);
	return i > 0 && *n <= max;
}

/* h1,h2,h3,h4,p1,p2 somewhere in the text */
static void
read_comma(struct ftp *f, struct span s)
{
	uint8_t b[6];
	unsigned n, i = 0;

	while (s.len != 0 && !ascii_is_digit(s.ptr[0]))
		s = span_sub(s, 1, SIZE_MAX);
	for (; i < 6 && number(&s, 255, &n); i++) {
		b[i] = (uint8_t)n;
		if (i < 5 && (s.len == 0 || s.ptr[0] != ','))
			return;
		s = span_sub(s, 1, SIZE_MAX);
	}
	if (i < 6)
		return;
	f->t->data = addr_v4(b);
	f->has_addr = true;
	f->port = load_be16(b + 4);
}

/* |family|address|port|, the first two empty in a reply */
static void
read_bars(struct ftp *f, struct span s)
{
	size_t at = span_find_byte(s, '|'), end;
	struct span part[3];
	unsigned n;

	if (at == SPAN_NPOS)
		return;
	for (unsigned i = 0; i < 3; i++) {
		s = span_sub(s, at + 1, SIZE_MAX);
		if ((end = span_find_byte(s, '|')) == SPAN_NPOS)
			return;
		part[i] = span_sub(s, 0, end);
		at = end;
	}
	if (part[1].len != 0)
		f->has_addr = addr_parse(part[1], &f->t->data);
	if (number(&part[2], 65535, &n))
		f->port = (uint16_t)n;
}

static uint16_t
keep(uint8_t *dst, size_t max, struct span s)
{
	s = span_sub(s, 0, max);
	if (s.len != 0)
		memcpy(dst, s.ptr, s.len);
	return (uint16_t)s.len;
}

/* Letters, three or four of them (RFC 959 4.1). */
static size_t
name_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && n < NAME_MAX && ascii_lower(s.ptr[n]) >= 'a' &&
	    ascii_lower(s.ptr[n]) <= 'z')
		n++;
	return n == 3 || n == 4 ? n : 0;
}

static void
on_command(struct dec *d, struct ftp *f, const struct seg *seg,
    struct span line)
{
	size_t n = name_len(line);
	struct texts *t = f->t;
	struct span arg;

	if (n == 0 || (n < line.len && line.ptr[n] != ' ')) {
		if (line.len != 0)
			dec_weird(d, WEIRD_FTP_BAD);
		return;
	}
	tell(d, f);
	memset(t->name, 0, sizeof(t->name));
	for (size_t i = 0; i < n; i++)
		t->name[i] = (char)(line.ptr[i] & ~0x20);
	arg = span_trim(span_sub(line, n, SIZE_MAX));
	if (strcmp(t->name, "USER") == 0)
		f->user_len = keep(t->user, USER_MAX, arg);
	if (strcmp(t->name, "PASS") == 0)
		arg = SPAN_NONE;
	f->arg_len = keep(t->arg, TEXT_MAX, arg);
	f->reply_len = f->code = f->port = 0;
	f->has_addr = f->has_size = f->passive = false;
	f->time = seg->time;
	f->record = seg->record;
	f->offset = seg->offset;
	f->pending = true;
	if (strcmp(t->name, "PORT") == 0)
		read_comma(f, arg);
	else if (strcmp(t->name, "EPRT") == 0)
		read_bars(f, arg);
}

/* "150 Opening BINARY mode data connection for x (1234 bytes)" and the answer
 * to SIZE (RFC 3659 4) */
static void
read_size(struct ftp *f, unsigned code, struct span text)
{
	size_t end = span_find_nocase(text, SPAN_LIT(" bytes")), at = end;
	struct span n = span_trim(text);

	if (code == 150 && end != SPAN_NPOS) {
		while (at > 0 && ascii_is_digit(text.ptr[at - 1]))
			at--;
		n = span_sub(text, at, end - at);
	} else if (code != 213 || strcmp(f->t->name, "SIZE") != 0) {
		return;
	}
	if (span_u64(n, &f->size))
		f->has_size = true;
}

static void
on_reply(struct dec *d, struct ftp *f, struct span line)
{
	unsigned code = 0;
	struct span s = line, text = span_sub(line, 4, SIZE_MAX);
	bool is_code = line.len >= 3 && number(&s, 999, &code) &&
	    line.len - s.len == 3;

	if (f->many != 0) {		/* lines until "code SP" */
		if (is_code && code == f->many &&
		    (s.len == 0 || s.ptr[0] == ' '))
			f->many = 0;
		else
			return;
	} else if (!is_code) {
		dec_weird(d, WEIRD_FTP_BAD);
		return;
	} else if (s.len != 0 && s.ptr[0] == '-') {
		f->many = (uint16_t)code;
		return;
	}
	if (!f->pending)
		return;
	read_size(f, code, text);
	if (code < 200)
		return;
	f->code = (uint16_t)code;
	f->reply_len = keep(f->t->reply, TEXT_MAX, text);
	if (code == 227 || code == 229) {
		f->passive = true;
		f->has_addr = false;
		if (code == 227)
			read_comma(f, text);
		else
			read_bars(f, text);
	}
	tell(d, f);
	if (code == 234)		/* RFC 4217 4 */
		d->action = DEC_HANDOVER;
}

/* -- the decoder --------------------------------------------------------- */

/* A greeting is like SMTP's; POP3 and IRC have USER too. */
static enum probe_result
ftp_probe(const struct probe *p)
{
	static const char *const words[] = { "USER ", "FEAT\r\n", "SYST\r\n",
	    "AUTH TLS\r\n", "AUTH SSL\r\n", "OPTS UTF8" };
	struct span s = p->data;

	if (p->is_udp)
		return PROBE_NO;
	if (span_starts(SPAN_LIT("220"), span_sub(s, 0, 3))) {
		if (s.len < 4)
			return PROBE_MORE;
		if ((s.ptr[3] != ' ' && s.ptr[3] != '-') ||
		    span_find(s, SPAN_LIT("SMTP")) != SPAN_NPOS)
			return PROBE_NO;
		return span_find_nocase(span_sub(s, 0, TEXT_MAX),
		    SPAN_LIT("FTP")) == SPAN_NPOS ? PROBE_MORE :
		    p->dir == DIR_SERVER ? PROBE_YES : PROBE_SWAP;
	}
	if (p->dir == DIR_SERVER || p->dport == 110 ||
	    p->dport / 10 == 666)
		return PROBE_NO;
	for (size_t i = 0; i < NITEMS(words); i++) {
		struct span w = span_str(words[i]);

		if (span_starts_nocase(s, w))
			return span_find_byte(s, '\n') == SPAN_NPOS ?
			    PROBE_MORE : PROBE_YES;
		if (span_starts_nocase(w, s))
			return PROBE_MORE;
	}
	return PROBE_NO;
}

static size_t
ftp_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct ftp *f = state;
	struct cursor c = cur_of(seg->data);
	unsigned dir = seg->dir & 1;

	if (f->t == NULL && (f->t = dec_alloc(d, sizeof(*f->t))) == NULL) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	if (seg->lost != 0)
		f->skip[dir] = true;
	while (c.left != 0 && d->action == DEC_GO) {
		struct span line;

		if (!dec_next_line(&c, seg, LINE_MAX, &f->skip[dir], &line))
			break;
		if (dir == DIR_CLIENT)
			on_command(d, f, seg, span_trim(line));
		else
			on_reply(d, f, span_trim(line));
	}
	return seg->data.len - c.left;
}

static void
ftp_close(struct dec *d, void *state)
{
	struct ftp *f = state;

	if (f->t == NULL)
		return;
	tell(d, f);
	dec_free(d, f->t, sizeof(*f->t));
	f->t = NULL;
}

static const uint8_t ftp_kinds[] = { KIND_FTP, KIND_NONE };

const struct decoder decoder_ftp = {
	.name = "ftp",
	.title = "FTP commands and replies",
	.doc = "Commands with their final replies, sizes that servers tell, "
	    "and where data connections go (RFC 959, 2428). Left: the data "
	    "connections' contents. AUTH TLS hands over.",
	.kinds = ftp_kinds,
	.state_size = sizeof(struct ftp),
	.probe = ftp_probe,
	.stream = ftp_stream,
	.close = ftp_close,
};
_Static_assert(sizeof(struct ftp) <= DEC_STATE_MAX, "state of a flow");
