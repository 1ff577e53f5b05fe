/* SPDX-License-Identifier: Apache-2.0
 *
 * telnet: what is shown and answered at the start of a session (RFC 854).
 *
 *	IAC(255) WILL|WONT|DO|DONT(251..254) option		854
 *	IAC SB(250) option bytes IAC SE(240)			855
 *	IAC IAC		one byte 255
 *	SB 24 IS(0) name	terminal type			1091
 *
 * One event a session, when the client's first line came or at the end: the
 * server's text without negotiation, the name typed behind its first prompt,
 * the terminal type.  Then no more is read: never a password.
 *
 * Ownership: texts lie in one dec_alloc block, given back at the end.
 * Bounds: TEXT_MAX of each text, SEEN_MAX bytes of a session.
 */
#include "decode.h"

#define TEXT_MAX	512u	/* a banner and the prompt */
#define NAME_MAX	64u
#define SEEN_MAX	8192u	/* a login is over by then */
#define OPTION_MAX	49u	/* highest that is assigned and seen */

enum { IAC = 255, SB = 250, SE = 240, WILL = 251, TERMINAL = 24 };
enum state { ST_TEXT, ST_IAC, ST_OPTION, ST_SB, ST_SB_IAC };

struct texts {
	uint8_t		banner[TEXT_MAX], user[NAME_MAX], type[NAME_MAX],
			sub[NAME_MAX];
};

struct telnet {
	struct texts	*t;
	int64_t		 time;
	uint64_t	 record, offset, seen;
	uint16_t	 nbanner, nuser, ntype, nsub;
	uint8_t		 state[2];
	bool		 started, told;
};

static void
tell(struct dec *d, struct telnet *s)
{
	struct batch *b = d->batch;
	struct span text;

	if (s->told || s->t == NULL)
		return;
	s->told = true;
	if (!dec_event(d, KIND_TELNET, s->time, s->record, s->offset))
		return;
	text = span_trim(span_of(s->t->banner, s->nbanner));
	if (text.len != 0)
		event_add_copy(b, FIELD_TELNET_BANNER, text);
	if (s->nuser != 0)
		event_add_copy(b, FIELD_TELNET_USER, span_of(s->t->user,
		    s->nuser));
	if (s->ntype != 0)
		event_add_copy(b, FIELD_TELNET_TERMINAL, span_of(s->t->type,
		    s->ntype));
	event_end(b);
}

/* The text so far ends in a prompt for a name. */
static bool
asks_name(const struct telnet *s)
{
	struct span text = span_trim(span_of(s->t->banner, s->nbanner));

	return span_ends_nocase(text, SPAN_LIT("login:")) ||
	    span_ends_nocase(text, SPAN_LIT("username:")) ||
	    span_ends_nocase(text, SPAN_LIT("user:")) ||
	    span_ends_nocase(text, SPAN_LIT("account:")) ||
	    span_ends_nocase(text, SPAN_LIT("user name:"));
}

/* false: enough was read */
static bool
text_byte(struct telnet *s, unsigned dir, uint8_t c)
{
	struct texts *t = s->t;

	if (dir == DIR_SERVER) {
		/* the echo of what is typed is no banner */
		if (s->nuser == 0 && s->nbanner < TEXT_MAX && c != 0)
			t->banner[s->nbanner++] = c;
		return true;
	}
	if (!asks_name(s))
		return true;
	if (c == '\r' || c == '\n')
		return s->nuser == 0;
	if (c == 8 || c == 127)
		s->nuser -= s->nuser > 0;
	else if (c >= ' ' && s->nuser < NAME_MAX)
		t->user[s->nuser++] = c;
	return true;
}

static void
end_sub(struct telnet *s, unsigned dir)
{
	if (dir == DIR_CLIENT && s->nsub > 2 && s->t->sub[0] == TERMINAL &&
	    s->t->sub[1] == 0 && s->ntype == 0) {
		s->ntype = (uint16_t)(s->nsub - 2);
		memcpy(s->t->type, s->t->sub + 2, s->ntype);
	}
	s->nsub = 0;
}

/* A byte; false: enough was read. */
static bool
step(struct telnet *s, unsigned dir, uint8_t c)
{
	uint8_t *st = &s->state[dir];

	switch (*st) {
	case ST_TEXT:
		if (c != IAC)
			return text_byte(s, dir, c);
		*st = ST_IAC;
		break;
	case ST_IAC:
		*st = c == SB ? ST_SB : c >= WILL && c != IAC ? ST_OPTION :
		    ST_TEXT;
		if (c == SB)
			s->nsub = 0;
		break;
	case ST_OPTION:
		*st = ST_TEXT;
		break;
	case ST_SB:
		if (c == IAC)
			*st = ST_SB_IAC;
		else if (dir == DIR_CLIENT && s->nsub < NAME_MAX)
			s->t->sub[s->nsub++] = c;
		break;
	default:
		*st = ST_SB;
		if (c == SE) {
			*st = ST_TEXT;
			end_sub(s, dir);
		}
		break;
	}
	return true;
}

/* Negotiation comes first, from whichever side. */
static enum probe_result
telnet_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);

	if (p->is_udp || (c.left > 0 && cur_peek(&c, 0) != IAC))
		return PROBE_NO;
	if (c.left < 3)
		return PROBE_MORE;
	return cur_peek(&c, 1) >= WILL && cur_peek(&c, 1) < IAC &&
	    cur_peek(&c, 2) <= OPTION_MAX &&
	    (c.left == 3 || cur_peek(&c, 3) == IAC ||
	    cur_peek(&c, 3) < 0x80) ? PROBE_YES : PROBE_NO;
}

static size_t
telnet_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct telnet *s = state;
	unsigned dir = seg->dir & 1;
	bool go = true;

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
	s->seen += seg->data.len + seg->lost;
	for (size_t i = 0; go && i < seg->data.len; i++)
		go = step(s, dir, seg->data.ptr[i]);
	if (!go || s->seen > SEEN_MAX || seg->lost != 0) {
		tell(d, s);
		d->action = DEC_DONE;
	}
	return seg->data.len;
}

static void
telnet_close(struct dec *d, void *state)
{
	struct telnet *s = state;

	tell(d, s);
	dec_free(d, s->t, sizeof(*s->t));
	s->t = NULL;
}

static const uint8_t telnet_kinds[] = { KIND_TELNET, KIND_NONE };

const struct decoder decoder_telnet = {
	.name = "telnet",
	.title = "Telnet up to the name",
	.doc = "The server's first text without negotiation, the name typed "
	    "behind its prompt, the terminal type (RFC 854, 1091). Left: all "
	    "that follows, passwords among it.",
	.kinds = telnet_kinds,
	.state_size = sizeof(struct telnet),
	.probe = telnet_probe,
	.stream = telnet_stream,
	.close = telnet_close,
};
_Static_assert(sizeof(struct telnet) <= DEC_STATE_MAX, "state of a flow");
