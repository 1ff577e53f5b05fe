/* SPDX-License-Identifier: Apache-2.0
 *
 * websocket: the frames of a connection that HTTP handed over (RFC 6455).
 *
 *	frame	FIN(1 bit) RSV(3) opcode(4) MASK(1) length(7)
 *		[length(16) | length(64)] [key(4)] payload	5.2
 *	opcode	0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong;
 *		from 8 on: at most 125 bytes, never in pieces	5.5
 *	payload	of the client XORed, byte i with key[i % 4]	5.3
 *	close	code(2) [reason]				5.5.1
 *
 * One event a WebSocket, with the time of its 101: totals, and what it carries.
 * It is told at the end.  To see a
 * proxy hidden in it, the first bytes of both directions' data frames, joined
 * and unmasked, are shown to the probes of the decoders of streams.  Deflated
 * messages (RFC 7692, RSV1) are counted, not looked into.
 *
 * It has no bytes to be recognised by; http names it (dec.next).
 *
 * Ownership: the first bytes are dec_alloc memory, given back when something
 * was recognised, when they are full, or at the end.
 * Bounds: HEAD_MAX bytes a direction, LOOKS_MAX looks at them; frames pass by
 * without being put together.
 */
#include "decode.h"

#define HEAD_MAX	512u	/* TLS hellos are known after 11 bytes, SSH
				 * after 6, an HTTP line needs some more */
#define LOOKS_MAX	16u	/* it may come byte by byte */
#define CONTROL_MAX	125u	/* RFC 6455 5.5 */
#define TARGET_MAX	128u	/* a host name is at most 253, mostly 30 */

enum opcode {
	OP_MORE = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9,
	OP_PONG = 10
};

struct lane {
	uint64_t	 left;		/* of this frame's payload */
	uint64_t	 bytes, frames;
	uint8_t		*head;		/* HEAD_MAX bytes */
	uint16_t	 nhead;
	uint8_t		 looks;
	uint8_t		 key[4], phase;
	uint8_t		 opcode;
	bool		 in_payload;
	bool		 unmasked;	/* a frame came that is not masked */
	bool		 deflated;	/* RSV1 of the message's first frame */
	bool		 seen_all;	/* no more bytes are looked at */
	bool		 dead;		/* lost, or no WebSocket */
};

struct ws {
	struct lane	 lane[2];
	uint64_t	 text, binary, control;
	int64_t		 first, last;
	uint64_t	 record, offset;
	const char	*inner;		/* name of a row, static */
	struct span	 target;	/* dec_keep */
	uint16_t	 close_code;
	bool		 started, told;
};
_Static_assert(sizeof(struct ws) <= DEC_STATE_MAX, "state of a flow");

/* -- what is inside ------------------------------------------------------ */

static void
drop_head(struct dec *d, struct lane *l)
{
	if (l->head != NULL)
		dec_free(d, l->head, HEAD_MAX);
	l->head = NULL;
	l->seen_all = true;
}

/* The proxies of web shells ask in HTTP's words, with or without version. */
static bool
is_connect(struct dec *d, struct ws *s, struct span head)
{
	struct span word = SPAN_LIT("CONNECT ");
	size_t n = 0;

	if (!span_starts(head, word))
		return false;
	head = span_sub(head, word.len, TARGET_MAX);
	while (n < head.len && head.ptr[n] > ' ' && head.ptr[n] < 0x7f)
		n++;
	if (n == 0 || span_find_byte(span_sub(head, 0, n), ':') == SPAN_NPOS)
		return false;
	s->target = dec_keep(d, span_sub(head, 0, n));
	s->inner = "http";
	return true;
}

static void
look_inside(struct dec *d, struct ws *s, unsigned dir)
{
	struct lane *l = &s->lane[dir];
	struct probe p = { .data = span_of(l->head, l->nhead),
	    .dir = (uint8_t)dir };
	bool more = false;

	l->looks++;
	if (dir == DIR_CLIENT && is_connect(d, s, p.data))
		return;
	for (size_t i = 0; i < ndecoders; i++) {
		if (decoders[i]->stream == NULL || decoders[i]->probe == NULL)
			continue;
		switch (decoders[i]->probe(&p)) {
		case PROBE_YES:
		case PROBE_SWAP:
			s->inner = decoders[i]->name;
			return;
		case PROBE_MORE:
			more = true;
			break;
		case PROBE_NO:
			break;
		}
	}
	if (!more || l->nhead == HEAD_MAX || l->looks == LOOKS_MAX)
		drop_head(d, l);
}

/* The next bytes of a data frame, as they lie in the segment. */
static void
keep_head(struct dec *d, struct ws *s, unsigned dir, struct span bytes)
{
	struct lane *l = &s->lane[dir];
	size_t n = MIN_OF(bytes.len, HEAD_MAX - l->nhead);

	if (l->head == NULL && (l->head = dec_alloc(d, HEAD_MAX)) == NULL) {
		l->seen_all = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		l->head[l->nhead + i] = bytes.ptr[i] ^
		    l->key[(l->phase + i) & 3];
	l->nhead = (uint16_t)(l->nhead + n);
	look_inside(d, s, dir);
	if (s->inner != NULL) {
		drop_head(d, &s->lane[0]);
		drop_head(d, &s->lane[1]);
	}
}

/* -- frames -------------------------------------------------------------- */

static void
bad(struct dec *d, struct lane *l)
{
	dec_weird(d, WEIRD_WEBSOCKET_BAD);
	l->dead = true;
}

static void
count(struct ws *s, const struct lane *l)
{
	switch (l->opcode) {
	case OP_TEXT:
		s->text++;
		break;
	case OP_BINARY:
		s->binary++;
		break;
	case OP_PING:
	case OP_PONG:
		s->control++;
		break;
	default:
		break;
	}
}

static bool
is_opcode(unsigned op)
{
	return op <= OP_BINARY || (op >= OP_CLOSE && op <= OP_PONG);
}

/* A frame's head; false: more bytes are needed, or it is none. */
static bool
frame_head(struct dec *d, struct ws *s, struct lane *l, struct cursor *c,
    size_t *need)
{
	struct cursor h = *c;
	uint8_t a = cur_u8(&h), b = cur_u8(&h), op = a & 0x0f;
	size_t size = 2u + ((b & 0x7f) == 126 ? 2 : (b & 0x7f) == 127 ? 8 : 0) +
	    ((b & 0x80) != 0 ? 4 : 0);
	uint64_t len = b & 0x7f;

	*need = c->left < 2 ? 2 : size;
	if (c->left < *need)
		return false;
	if (len == 126)
		len = cur_be16(&h);
	else if (len == 127)
		len = cur_be64(&h);
	memset(l->key, 0, sizeof(l->key));
	if ((b & 0x80) != 0)
		memcpy(l->key, cur_take(&h, 4).ptr, 4);
	else
		l->unmasked = true;
	if (!is_opcode(op) || len >> 63 != 0 || (a & 0x30) != 0 ||
	    (op >= OP_CLOSE && (len > CONTROL_MAX || (a & 0x80) == 0))) {
		bad(d, l);
		return false;
	}
	cur_skip(c, size);
	if (op < OP_CLOSE)
		l->bytes += len;
	if (op != OP_MORE && op < OP_CLOSE)
		l->deflated = (a & 0x40) != 0;
	l->frames++;
	l->opcode = op;
	l->left = len;
	l->phase = 0;
	l->in_payload = len != 0;
	count(s, l);
	return true;
}

/* false: more bytes are needed */
static bool
payload(struct dec *d, struct ws *s, unsigned dir, struct cursor *c,
    size_t *need)
{
	struct lane *l = &s->lane[dir];
	struct span bytes;

	if (l->opcode == OP_CLOSE && l->phase == 0 && l->left >= 2) {
		if (c->left < 2) {
			*need = 2;
			return false;
		}
		if (s->close_code == 0)
			s->close_code = (uint16_t)((cur_peek(c, 0) ^
			    l->key[0]) << 8 | (cur_peek(c, 1) ^ l->key[1]));
	}
	bytes = cur_take(c, MIN_OF(l->left, c->left));
	if (l->opcode < OP_CLOSE && !l->seen_all && !l->deflated &&
	    bytes.len != 0)
		keep_head(d, s, dir, bytes);
	l->left -= bytes.len;
	l->phase = (uint8_t)((l->phase + bytes.len) & 3);
	if (l->opcode == OP_CLOSE)
		l->phase |= 4;		/* its code was read */
	if (l->left != 0 && (l->seen_all || l->opcode >= OP_CLOSE)) {
		d->skip[dir] = l->left;	/* nobody looks at them */
		l->left = 0;
	}
	l->in_payload = l->left != 0;
	return c->left != 0;
}

static void
on_gap(struct lane *l, uint64_t lost)
{
	if (!l->in_payload || lost > l->left) {
		l->dead = true;		/* where a frame begins is not known */
		return;
	}
	l->left -= lost;
	l->in_payload = l->left != 0;
	l->seen_all = true;
}

/* -- telling ------------------------------------------------------------- */

static void
tell(struct dec *d, struct ws *s)
{
	const struct lane *c = &s->lane[DIR_CLIENT], *v = &s->lane[DIR_SERVER];
	struct batch *b = d->batch;

	if (s->told || c->frames + v->frames == 0)
		return;
	s->told = true;
	if (!dec_event(d, KIND_WEBSOCKET, s->first, s->record, s->offset))
		return;
	event_add_u64(b, FIELD_WS_CLIENT_BYTES, c->bytes);
	event_add_u64(b, FIELD_WS_SERVER_BYTES, v->bytes);
	event_add_u64(b, FIELD_WS_CLIENT_FRAMES, c->frames);
	event_add_u64(b, FIELD_WS_SERVER_FRAMES, v->frames);
	event_add_u64(b, FIELD_WS_TEXT, s->text);
	event_add_u64(b, FIELD_WS_BINARY, s->binary);
	event_add_u64(b, FIELD_WS_CONTROL, s->control);
	if (c->frames != 0)
		event_add_bool(b, FIELD_WS_MASKED, !c->unmasked);
	if (s->close_code != 0)
		event_add_u64(b, FIELD_WS_CODE, s->close_code);
	event_add_f64(b, FIELD_WS_DURATION,
	    (double)time_diff(s->last, s->first) / (double)NSEC);
	if (s->inner != NULL)
		event_add_str(b, FIELD_WS_INNER, span_str(s->inner));
	if (s->target.len != 0)
		event_add_copy(b, FIELD_WS_TARGET, s->target);
	event_end(b);
}

/* -- the decoder --------------------------------------------------------- */

/* Two bytes of a frame are no mark; http names this decoder. */
static enum probe_result
websocket_probe(const struct probe *p)
{
	(void)p;
	return PROBE_NO;
}

static size_t
websocket_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct ws *s = state;
	unsigned dir = seg->dir & 1;
	struct lane *l = &s->lane[dir];
	struct cursor c = cur_of(seg->data);
	size_t need = 0;

	if (!s->started) {	/* what follows the 101 comes here, if empty */
		s->started = true;
		s->first = s->last = seg->time;
		s->record = seg->record;
		s->offset = seg->offset;
	}
	if (seg->data.len != 0)
		s->last = MAX_OF(s->last, seg->time);
	if (seg->lost != 0)
		on_gap(l, seg->lost);
	while (!l->dead && c.left != 0)
		if (l->in_payload ? !payload(d, s, dir, &c, &need) :
		    !frame_head(d, s, l, &c, &need))
			break;
	d->need[dir] = c.left != 0 ? need : 0;
	if (l->dead) {
		c.left = 0;
		d->need[dir] = 0;
		if (s->lane[!dir].dead)
			d->action = DEC_DONE;
	}
	return seg->data.len - c.left;
}

static void
websocket_close(struct dec *d, void *state)
{
	struct ws *s = state;

	tell(d, s);
	drop_head(d, &s->lane[0]);
	drop_head(d, &s->lane[1]);
	dec_drop(d, &s->target);
}

static const uint8_t websocket_kinds[] = { KIND_WEBSOCKET, KIND_NONE };

const struct decoder decoder_websocket = {
	.name = "websocket",
	.title = "WebSocket after its upgrade, and what is inside",
	.doc = "Frames of a connection that HTTP handed over (RFC 6455): "
	    "totals, close code, and what the first bytes carried are: SSH, "
	    "TLS, SOCKS, HTTP. Left: contents, deflated messages.",
	.kinds = websocket_kinds,
	.state_size = sizeof(struct ws),
	.probe = websocket_probe,
	.stream = websocket_stream,
	.close = websocket_close,
};
