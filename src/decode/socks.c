/* SPDX-License-Identifier: Apache-2.0
 *
 * SOCKS4 and 4a (Y.-D. Lee's memos), SOCKS5 (RFC 1928) with user and password
 * (RFC 1929), over TCP.
 *
 *	v4  client  04 cmd port(2) ip(4) user.. 00 [name.. 00]	name: ip 0.0.0.x
 *	    server  00 code port(2) ip(4)			90: granted
 *	v5  client  05 n methods(n)
 *	    server  05 method
 *	    client  01 ulen user plen password	server 01 status   method 2 only
 *	    client  05 cmd 00 atyp address port(2)
 *	    server  05 code 00 atyp address port(2)		0: granted
 *
 * One socks event tells the request with its reply; where no reply came, at
 * the end of the conversation.  A granted connect hands the connection over to
 * whatever is tunnelled.  Passwords are passed over.  Bytes that only look like
 * a greeting, with an answer that is no SOCKS, are told nothing of.
 *
 * Ownership: host name and user are dec_keep'ed, freed in close().
 * Bounds: names and users 255 bytes (v5: by their length byte), METHODS_MAX.
 */
#include "codec.h"
#include "decode.h"

#define TEXT_MAX	255	/* of v4, as v5's length byte allows */
#define METHODS_MAX	16	/* 9 are registered; told of up to so many */
#define V4_FIXED	8	/* up to the user, and a whole reply */

enum { CMD_CONNECT = 1, CMD_BIND = 2, CMD_UDP = 3 };
enum { METHOD_NONE = 0, METHOD_GSSAPI = 1, METHOD_USER = 2, METHOD_NO = 255 };
enum { ATYP_V4 = 1, ATYP_NAME = 3, ATYP_V6 = 4 };
enum { V4_GRANTED = 90, V4_LAST = 93, V5_GRANTED = 0 };

enum stage {
	ST_START,	/* v4: request, reply; v5: greeting, its answer */
	ST_AUTH,	/* v5 server: answer to user and password */
	ST_REQUEST,	/* v5: request or authentication; reply */
	ST_WAIT		/* nothing more to read in this direction for now */
};

struct socks {
	int64_t		time;		/* of the request, else the greeting */
	uint64_t	record, offset;
	struct span	host, user;	/* kept */
	struct addr	addr;
	uint16_t	port;
	uint8_t		stage[2];
	uint8_t		version, command;
	uint8_t		methods[METHODS_MAX], nmethods;
	uint8_t		method, reply;
	bool		asked, has_addr, has_method, replied;
	bool		told;
	bool		reverse;	/* the client is the side that was
					 * called */
};

struct call {
	struct dec		*d;
	struct socks		*s;
	const struct seg	*seg;
	struct cursor		 c;
};

/* -- recognising --------------------------------------------------------- */

/* The text up to a NUL: 1 good (its length in *len), 0 not yet, -1 no. */
static int
text_at(struct span s, size_t off, bool is_name, size_t *len)
{
	struct cursor c = cur_of(span_sub(s, off, TEXT_MAX + 1));
	size_t n;

	for (n = 0; c.left > 0; n++) {
		uint8_t b = cur_u8(&c);

		if (b == 0) {
			*len = n;
			return 1;
		}
		if (b <= ' ' || b > '~' || (is_name &&
		    !ascii_is_digit(b) && ascii_lower(b) == b &&
		    !(b >= 'a' && b <= 'z') && b != '.' && b != '-' &&
		    b != '_' && b != ':'))
			return -1;
	}
	return n > TEXT_MAX ? -1 : 0;
}

static enum probe_result
probe_v4(struct span s)
{
	size_t user, name, total;
	bool by_name;
	int r;

	if (s.len > 1 && s.ptr[1] != CMD_CONNECT && s.ptr[1] != CMD_BIND)
		return PROBE_NO;
	if (s.len <= V4_FIXED)
		return PROBE_MORE;
	if (load_be16(s.ptr + 2) == 0)
		return PROBE_NO;
	by_name = load_be24(s.ptr + 4) == 0;
	if (by_name && s.ptr[7] == 0)
		return PROBE_NO;
	if ((r = text_at(s, V4_FIXED, false, &user)) <= 0)
		return r == 0 ? PROBE_MORE : PROBE_NO;
	total = V4_FIXED + user + 1;
	if (by_name) {
		if ((r = text_at(s, total, true, &name)) <= 0)
			return r == 0 ? PROBE_MORE : PROBE_NO;
		if (name == 0)
			return PROBE_NO;
		total += name + 1;
	}
	/* The client waits for the reply. */
	return s.len == total ? PROBE_YES : PROBE_NO;
}

static bool
method_known(uint8_t m)
{
	return (m <= 9 && m != 4) || (m >= 0x80 && m != METHOD_NO);
}

static enum probe_result
probe_v5(struct span s)
{
	struct span rest;
	uint8_t n;

	if (s.len < 2)
		return PROBE_MORE;
	if ((n = s.ptr[1]) == 0 || n > METHODS_MAX)
		return PROBE_NO;
	for (size_t i = 0; i < n && i + 2 < s.len; i++) {
		if (!method_known(s.ptr[i + 2]))
			return PROBE_NO;
		for (size_t k = 0; k < i; k++)
			if (s.ptr[k + 2] == s.ptr[i + 2])
				return PROBE_NO;
	}
	if (s.len < (size_t)n + 2)
		return PROBE_MORE;
	if (s.len == (size_t)n + 2)
		return PROBE_YES;
	/* Some do not wait: then a request must follow. */
	rest = span_sub(s, (size_t)n + 2, SIZE_MAX);
	if (rest.len < 4)
		return rest.ptr[0] == 5 ? PROBE_MORE : PROBE_NO;
	return rest.ptr[0] == 5 && rest.ptr[1] >= CMD_CONNECT &&
	    rest.ptr[1] <= CMD_UDP && rest.ptr[2] == 0 &&
	    (rest.ptr[3] == ATYP_V4 || rest.ptr[3] == ATYP_NAME ||
	    rest.ptr[3] == ATYP_V6) ? PROBE_YES : PROBE_NO;
}

static enum probe_result
socks_probe(const struct probe *p)
{
	enum probe_result r = PROBE_NO;

	if (p->is_udp)
		return PROBE_NO;
	if (p->data.len == 0)
		return PROBE_MORE;
	if (p->data.ptr[0] == 4)
		r = probe_v4(p->data);
	else if (p->data.ptr[0] == 5)
		r = probe_v5(p->data);
	return r == PROBE_YES && p->dir == DIR_SERVER ? PROBE_SWAP : r;
}

/* -- telling ------------------------------------------------------------- */

static void
add_host(struct batch *b, const struct socks *s)
{
	struct buf text;

	if (s->host.len != 0) {
		event_add_copy(b, FIELD_SOCKS_HOST, s->host);
	} else if (s->has_addr && event_wants(b, FIELD_SOCKS_HOST)) {
		buf_init(&text, 64);
		addr_put(&text, s->addr.b, sizeof(s->addr.b));
		event_add_copy(b, FIELD_SOCKS_HOST, buf_view(&text));
		buf_fini(&text);
	}
}

static void
add_methods(struct batch *b, const struct socks *s)
{
	struct buf text;

	if (s->nmethods == 0 || !event_wants(b, FIELD_SOCKS_METHODS))
		return;
	buf_init(&text, 64);
	hex_put(&text, span_of(s->methods, s->nmethods));
	event_add_copy(b, FIELD_SOCKS_METHODS, buf_view(&text));
	buf_fini(&text);
}

static const char *
command_name(uint8_t command)
{
	switch (command) {
	case CMD_CONNECT:
		return "connect";
	case CMD_BIND:
		return "bind";
	case CMD_UDP:
		return "udp-associate";
	case 0xf0:		/* Tor's extensions */
		return "resolve";
	case 0xf1:
		return "resolve-ptr";
	default:
		return "unknown";
	}
}

/* Once: the request and what is known of its reply. */
static void
tell(struct dec *d, struct socks *s)
{
	struct batch *b = d->batch;

	if (s->told || (!s->asked && !s->has_method))
		return;
	s->told = true;
	if (!dec_event(d, KIND_SOCKS, s->time, s->record, s->offset))
		return;
	event_add_u64(b, FIELD_SOCKS_VERSION, s->version);
	if (s->asked) {
		event_add_str(b, FIELD_SOCKS_COMMAND,
		    span_str(command_name(s->command)));
		add_host(b, s);
		event_add_u64(b, FIELD_SOCKS_PORT, s->port);
	}
	if (s->user.len != 0)
		event_add_copy(b, FIELD_SOCKS_USER, s->user);
	add_methods(b, s);
	if (s->has_method)
		event_add_u64(b, FIELD_SOCKS_METHOD, s->method);
	if (s->replied)
		event_add_u64(b, FIELD_SOCKS_REPLY, s->reply);
	if (s->reverse)
		event_add_bool(b, FIELD_SOCKS_REVERSE, true);
	event_end(b);
}

static bool
finish(struct call *k, enum dec_action action)
{
	tell(k->d, k->s);
	k->d->action = action;
	return false;
}

/* Not what the protocol says. */
static bool
broken(struct call *k)
{
	dec_weird(k->d, WEIRD_SOCKS_BAD);
	return finish(k, DEC_DONE);
}

/* It never was SOCKS. */
static bool
not_socks(struct call *k)
{
	k->s->told = true;
	k->d->action = DEC_DONE;
	return false;
}

static void
mark(struct call *k)
{
	k->s->time = k->seg->time;
	k->s->record = k->seg->record;
	k->s->offset = k->seg->offset;
}

static struct span
keep(struct call *k, size_t n)
{
	struct span s = cur_take(&k->c, n);

	return s.len != 0 ? dec_keep(k->d, s) : SPAN_NONE;
}

/* -- from the client ----------------------------------------------------- */

static bool
v4_request(struct call *k)
{
	struct span all = cur_rest(&k->c), fixed;
	struct socks *s = k->s;
	size_t user, name = 0, total;
	bool by_name;
	int r;

	if (all.len <= V4_FIXED)
		return false;
	by_name = load_be24(all.ptr + 4) == 0 && all.ptr[7] != 0;
	r = text_at(all, V4_FIXED, false, &user);
	total = r > 0 ? V4_FIXED + user + 1 : 0;
	if (r > 0 && by_name)
		r = text_at(all, total, true, &name);
	if (r == 0)
		return false;
	if (r < 0)
		return broken(k);
	mark(k);
	fixed = cur_take(&k->c, V4_FIXED);
	s->version = 4;
	s->command = fixed.ptr[1];
	s->port = load_be16(fixed.ptr + 2);
	s->addr = addr_v4(fixed.ptr + 4);
	s->has_addr = !by_name;
	s->user = keep(k, user);
	cur_skip(&k->c, 1);
	if (by_name) {
		s->host = keep(k, name);
		cur_skip(&k->c, 1);
	}
	s->asked = true;
	s->stage[DIR_CLIENT] = ST_WAIT;
	return true;
}

static bool
v5_greeting(struct call *k)
{
	struct socks *s = k->s;
	struct span methods;
	size_t n = cur_peek(&k->c, 1);

	if (k->c.left < 2 || k->c.left < n + 2)
		return false;
	mark(k);
	cur_skip(&k->c, 2);
	methods = span_sub(cur_take(&k->c, n), 0, METHODS_MAX);
	s->version = 5;
	s->nmethods = (uint8_t)methods.len;
	if (methods.len != 0)
		memcpy(s->methods, methods.ptr, methods.len);
	s->stage[DIR_CLIENT] = ST_REQUEST;
	return true;
}

static bool
v5_auth(struct call *k)
{
	size_t user = cur_peek(&k->c, 1), password;

	if (k->c.left < user + 3)
		return false;
	password = cur_peek(&k->c, user + 2);
	if (k->c.left < user + password + 3)
		return false;
	cur_skip(&k->c, 2);
	if (k->s->user.len != 0 || user == 0)
		cur_skip(&k->c, user);
	else
		k->s->user = keep(k, user);
	cur_skip(&k->c, password + 1);
	return true;
}

/* Length of "05 x 00 atyp address port": 0 when not known yet, SPAN_NPOS when
 * there is no such address type. */
static size_t
v5_len(const struct cursor *c)
{
	if (c->left < 5)
		return 0;
	switch (cur_peek(c, 3)) {
	case ATYP_V4:
		return 10;
	case ATYP_V6:
		return 22;
	case ATYP_NAME:
		return (size_t)cur_peek(c, 4) + 7;
	default:
		return SPAN_NPOS;
	}
}

static bool
v5_request(struct call *k)
{
	struct socks *s = k->s;
	size_t len = v5_len(&k->c);
	struct span host;
	struct cursor c;

	if (len == SPAN_NPOS || cur_peek(&k->c, 2) != 0)
		return broken(k);
	if (len == 0 || k->c.left < len)
		return false;
	mark(k);
	c = cur_sub(&k->c, len);
	cur_skip(&c, 1);
	s->command = cur_u8(&c);
	cur_skip(&c, 1);
	switch (cur_u8(&c)) {
	case ATYP_V4:
		s->addr = addr_v4(cur_take(&c, 4).ptr);
		s->has_addr = true;
		break;
	case ATYP_V6:
		s->addr = addr_v6(cur_take(&c, 16).ptr);
		s->has_addr = true;
		break;
	default:
		host = cur_take(&c, cur_u8(&c));
		if (host.len != 0)
			s->host = dec_keep(k->d, host);
		break;
	}
	s->port = cur_be16(&c);
	s->asked = true;
	s->stage[DIR_CLIENT] = ST_WAIT;
	return true;
}

static bool
step_client(struct call *k)
{
	struct socks *s = k->s;
	uint8_t first = cur_peek(&k->c, 0);

	if (k->c.left == 0 || s->stage[DIR_CLIENT] == ST_WAIT)
		return false;
	if (s->stage[DIR_CLIENT] == ST_START) {
		if (first == 4 || first == 5)
			return first == 4 ? v4_request(k) : v5_greeting(k);
		cur_skip(&k->c, k->c.left);	/* before the greeting */
		return false;
	}
	if (s->has_method && s->method != METHOD_NONE &&
	    s->method != METHOD_USER)
		return finish(k, DEC_DONE);	/* GSSAPI wraps all */
	if (first == 1)
		return v5_auth(k);
	return first == 5 ? v5_request(k) : broken(k);
}

/* -- from the server ----------------------------------------------------- */

/* The request was answered.  bind is answered twice. */
static bool
replied(struct call *k, bool granted)
{
	struct socks *s = k->s;
	bool again = s->replied;

	s->replied = true;
	if (!granted || s->command == CMD_UDP || !s->asked)
		return finish(k, DEC_DONE);
	if (s->command == CMD_BIND && !again)
		return true;
	return finish(k, DEC_HANDOVER);
}

static bool
v4_reply(struct call *k)
{
	uint8_t version = cur_peek(&k->c, 0), code = cur_peek(&k->c, 1);

	if (k->c.left < 2)
		return false;
	if ((version != 0 && version != 4) || code < V4_GRANTED ||
	    code > V4_LAST)
		return not_socks(k);
	k->s->reply = code;
	if (k->c.left < V4_FIXED) {
		k->s->replied = k->seg->end;
		return false;
	}
	cur_skip(&k->c, V4_FIXED);
	return replied(k, code == V4_GRANTED);
}

static bool
v5_method(struct call *k)
{
	struct socks *s = k->s;

	if (k->c.left < 2)
		return false;
	if (cur_u8(&k->c) != 5)
		return not_socks(k);
	s->method = cur_u8(&k->c);
	s->has_method = true;
	if (s->method == METHOD_USER)
		s->stage[DIR_SERVER] = ST_AUTH;
	else if (s->method == METHOD_NONE)
		s->stage[DIR_SERVER] = ST_REQUEST;
	else
		return finish(k, DEC_DONE);
	return true;
}

static bool
v5_auth_status(struct call *k)
{
	uint8_t status = cur_peek(&k->c, 1);

	if (k->c.left < 2)
		return false;
	if (cur_peek(&k->c, 0) != 1 && cur_peek(&k->c, 0) != 5)
		return broken(k);
	cur_skip(&k->c, 2);
	if (status != 0)
		return finish(k, DEC_DONE);
	k->s->stage[DIR_SERVER] = ST_REQUEST;
	return true;
}

static bool
v5_reply(struct call *k)
{
	size_t len = v5_len(&k->c);

	if (cur_peek(&k->c, 0) != 5)
		return broken(k);
	k->s->reply = cur_peek(&k->c, 1);
	if (len == 0 || (len != SPAN_NPOS && k->c.left < len)) {
		k->s->replied = k->seg->end && k->c.left > 1;
		return false;
	}
	if (len == SPAN_NPOS) {
		k->s->replied = true;
		return broken(k);
	}
	cur_skip(&k->c, len);
	return replied(k, k->s->reply == V5_GRANTED);
}

static bool
step_server(struct call *k)
{
	struct socks *s = k->s;

	if (k->c.left == 0)
		return false;
	if (s->version == 0) {
		cur_skip(&k->c, k->c.left);	/* before the greeting */
		return false;
	}
	if (s->version == 4)
		return v4_reply(k);
	switch (s->stage[DIR_SERVER]) {
	case ST_START:
		return v5_method(k);
	case ST_AUTH:
		return v5_auth_status(k);
	default:
		return v5_reply(k);
	}
}

static bool
looks_like_greeting(struct span s)
{
	if (s.len == 0)
		return false;
	return s.ptr[0] == 4 ? probe_v4(s) != PROBE_NO :
	    s.ptr[0] == 5 && probe_v5(s) != PROBE_NO;
}

static size_t
socks_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct socks *s = state;
	struct call k = { d, s, seg, cur_of(seg->data) };
	uint8_t dir;

	/* Who greets is the client.  A reverse proxy calls home, may say some
	 * hello of its own, and is then spoken to. */
	if (s->version == 0 && s->stage[DIR_CLIENT] == ST_START &&
	    looks_like_greeting(seg->data))
		s->reverse = seg->dir == DIR_SERVER;
	dir = (seg->dir ^ s->reverse) & 1;
	/* Bytes that nobody claimed before count as lost too. */
	if (seg->lost != 0 && (s->stage[dir] != ST_START || s->replied)) {
		(void)finish(&k, DEC_DONE);
		return 0;
	}
	while (d->action == DEC_GO && (dir == DIR_CLIENT ?
	    step_client(&k) : step_server(&k)))
		;
	return seg->data.len - k.c.left;
}

static void
socks_close(struct dec *d, void *state)
{
	struct socks *s = state;

	tell(d, s);
	dec_drop(d, &s->host);
	dec_drop(d, &s->user);
}

static const uint8_t socks_kinds[] = { KIND_SOCKS, KIND_NONE };

const struct decoder decoder_socks = {
	.name = "socks",
	.title = "SOCKS4, SOCKS4a and SOCKS5",
	.doc = "Requests with their replies; a granted connect hands the "
	    "connection over. Left: passwords, GSSAPI, what UDP associations "
	    "carry. RFC 1928, RFC 1929.",
	.kinds = socks_kinds,
	.state_size = sizeof(struct socks),
	.probe = socks_probe,
	.stream = socks_stream,
	.close = socks_close,
};
_Static_assert(sizeof(struct socks) <= DEC_STATE_MAX, "state of a flow");
