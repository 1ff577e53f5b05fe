/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: handshakes of SSL 3.0 to TLS 1.3 (RFC 6101, 2246, 4346, 5246, 8446;
 * extensions RFC 6066, 7301), up to where they become unreadable.
 *
 *	record		type(1) version(2) length(2) payload
 *			20 change_cipher_spec, 21 alert, 22 handshake, 23 data
 *	handshake	type(1) length(3) body; may span records
 *	hellos		see hello.c
 *	Certificate	list<3> of certificate<3>	(clear up to TLS 1.2)
 *	ServerKeyExchange  DHE: p<2> g<2> Ys<2> ...	ECDHE: 3 group(2) ...
 *	<n>: preceded by a length of n bytes
 *
 * One event a handshake.  The hello of either side, the leaf certificates and
 * the DHE prime are kept (dec_keep) until then, all else is a number in the
 * state; texts and hashes are made at the end and only when asked for.  After
 * the event nothing of the conversation is looked at any more.
 *
 * Bounds: the constants below; every message inside its length.
 */
#include <stdlib.h>

#include "decode.h"
#include "codec.h"

#define TLS_RECORD_MAX	(16384 + 2048)	/* RFC 5246 6.2.3 */
#define TLS_MESSAGE_MAX	65536	/* of those that are read; real chains and
				 * post-quantum hellos stay below 32 KB */
#define TLS_RECORDS_MAX	512	/* a direction; a handshake has some 10.  Ends
				 * captures that hold one side only */
#define TLS_LIST_MAX	512	/* items of a list; IANA has 350 suites */
#define TLS_SSL2_HELLO_MAX 1024	/* sslv2-compatible hello */

enum {	/* record types */
	REC_CCS = 20, REC_ALERT = 21, REC_HANDSHAKE = 22, REC_DATA = 23,
	REC_HEARTBEAT = 24
};

enum {	/* handshake types */
	HS_CLIENT_HELLO = 1, HS_SERVER_HELLO = 2, HS_CERTIFICATE = 11,
	HS_SERVER_KEY_EXCHANGE = 12, HS_CERTIFICATE_REQUEST = 13,
	HS_SERVER_HELLO_DONE = 14, HS_CERTIFICATE_VERIFY = 15,
	HS_CLIENT_KEY_EXCHANGE = 16, HS_LAST = 25, HS_NEXT_PROTOCOL = 67
};

/* One direction. */
struct lane {
	uint8_t		*buf;		/* body that spans records */
	uint32_t	 buf_len;	/* bytes in it */
	uint32_t	 msg_len;	/* length of the body */
	uint32_t	 msg_left;	/* its bytes still to come */
	uint16_t	 rec_left;	/* payload of the record to come */
	uint16_t	 records;	/* seen so far */
	uint8_t		 head[4];	/* handshake header */
	uint8_t		 head_len;	/* bytes of it */
	bool		 is_body;	/* message is to be read, not skipped */
	bool		 ccs;
};

struct tls {
	struct lane	 lane[2];
	struct span	 hello[2];	/* bodies: client's, server's */
	struct span	 leaf[2];
	struct span	 prime;
	int64_t		 time;		/* of the first message */
	uint64_t	 record, offset;
	uint32_t	 ske_len, cke_len, cv_len;
	uint32_t	 chain_len;
	uint16_t	 version;	/* agreed on; 0: no server hello */
	uint16_t	 curve;
	uint8_t		 client;	/* direction of the client hello */
	uint8_t		 alert;		/* first one's description + 1 */
	bool		 started;	/* the fields above are set */
	bool		 is_ssl2_hello;
	bool		 saw_hello_retry;
	bool		 saw_cert[2];	/* by role, not empty */
	bool		 saw_cert_request;
	bool		 saw_server_done;
	bool		 resumed;
	bool		 established;
	bool		 done;
};
_Static_assert(sizeof(struct tls) <= DEC_STATE_MAX, "state of tls");

enum { ROLE_CLIENT, ROLE_SERVER };	/* index of hello, leaf, saw_cert */

/* -- the event ----------------------------------------------------------- */

static bool
read_client_hello(const struct tls *t, struct hello *h)
{
	return t->is_ssl2_hello ?
	    hello_read_ssl2(t->hello[ROLE_CLIENT], h) :
	    hello_read(t->hello[ROLE_CLIENT], false, h);
}

static void
add_hellos(struct dec *d, const struct tls *t)
{
	struct hello h;

	/* were read once when they came */
	if (t->hello[ROLE_CLIENT].len != 0 && read_client_hello(t, &h))
		hello_add_client(d, &h, 't');
	if (t->hello[ROLE_SERVER].len != 0 &&
	    hello_read(t->hello[ROLE_SERVER], true, &h))
		hello_add_server(d, &h, t->resumed);
}

/* GeneralNames: those that are text, addresses or names; in v unless NULL.
 * Returns how many. */
static uint32_t
san_values(struct dec *d, struct span san, struct value *v)
{
	struct cursor c = cur_of(san);
	struct dec_text text;
	struct span s;
	uint32_t n = 0;
	uint8_t tag;

	while (n < TLS_LIST_MAX && x509_san_next(&c, &tag, &s)) {
		bool is_addr = tag == 0x87 && (s.len == 4 || s.len == 16);

		if (!is_addr && tag != 0x81 && tag != 0x82 && tag != 0x86 &&
		    tag != DER_CTX(4))
			continue;
		if (v != NULL) {
			if (tag == DER_CTX(4)) {
				x509_name_put(dec_text_init(&text), s);
				s = buf_view(&text.b);
			}
			s = arena_copy(&d->batch->arena, s);
			v[n].type = is_addr && s.ptr != NULL ? VT_ADDR : VT_STR;
			v[n].ptr = s.ptr;
			v[n].len = (uint32_t)s.len;
		}
		n++;
	}
	if (c.left > 0 && v != NULL)
		dec_weird(d, n == TLS_LIST_MAX ? WEIRD_TLS_LIMIT :
		    WEIRD_X509_BAD);
	return n;
}

static void
add_name(struct dec *d, unsigned field, struct span name)
{
	struct dec_text text;

	if (!event_wants(d->batch, field))
		return;
	x509_name_put(dec_text_init(&text), name);
	dec_add_text(d, field, &text.b);
}

static void
add_cert_hashes(struct dec *d, struct span cert, unsigned sha1, unsigned sha256)
{
	char hex[65];

	if (event_wants(d->batch, sha1)) {
		sha1_hex(cert, hex);
		event_add_copy(d->batch, sha1, span_str(hex));
	}
	if (event_wants(d->batch, sha256)) {
		sha256_hex(cert, hex);
		event_add_copy(d->batch, sha256, span_str(hex));
	}
}

static void
add_server_cert(struct dec *d, const struct tls *t)
{
	struct span cert = t->leaf[ROLE_SERVER];
	struct batch *b = d->batch;
	struct dec_text text;
	struct x509 x;

	if (cert.len == 0)
		return;
	event_add_u64(b, FIELD_TLS_CHAIN_LEN, t->chain_len);
	add_cert_hashes(d, cert, FIELD_TLS_CERT_SHA1, FIELD_TLS_CERT_SHA256);
	if (!x509_parse(cert, &x)) {
		dec_weird(d, WEIRD_X509_BAD);
		return;
	}
	add_name(d, FIELD_TLS_SUBJECT, x.subject);
	add_name(d, FIELD_TLS_ISSUER, x.issuer);
	hex_put(dec_text_init(&text), x.serial);
	dec_add_text(d, FIELD_TLS_SERIAL, &text.b);
	if (x.not_before != TIME_NONE)
		event_add_time(b, FIELD_TLS_NOT_BEFORE, x.not_before);
	if (x.not_after != TIME_NONE)
		event_add_time(b, FIELD_TLS_NOT_AFTER, x.not_after);
	if (x.key_bits != 0)
		event_add_u64(b, FIELD_TLS_CERT_KEY_BITS, x.key_bits);
	if (x.san.len != 0 && event_wants(b, FIELD_TLS_SAN))
		san_values(d, x.san, event_add_list(b, FIELD_TLS_SAN,
		    san_values(d, x.san, NULL)));
}

static void
add_client_cert(struct dec *d, const struct tls *t)
{
	struct span cert = t->leaf[ROLE_CLIENT];
	struct batch *b = d->batch;
	struct x509 x;

	/* From TLS 1.3 on nobody can tell. */
	if (t->version != 0 && !hello_is_tls13(t->version)) {
		event_add_bool(b, FIELD_TLS_CERT_REQUEST, t->saw_cert_request);
		event_add_bool(b, FIELD_TLS_CLIENT_CERT,
		    t->saw_cert[ROLE_CLIENT]);
	}
	if (cert.len == 0)
		return;
	add_cert_hashes(d, cert, FIELD_TLS_CLIENT_CERT_SHA1,
	    FIELD_TLS_CLIENT_CERT_SHA256);
	if (t->leaf[ROLE_SERVER].len != 0)
		event_add_bool(b, FIELD_TLS_SAME_LEAF,
		    span_eq(cert, t->leaf[ROLE_SERVER]));
	if (!x509_parse(cert, &x)) {
		dec_weird(d, WEIRD_X509_BAD);
		return;
	}
	add_name(d, FIELD_TLS_CLIENT_SUBJECT, x.subject);
	add_name(d, FIELD_TLS_CLIENT_ISSUER, x.issuer);
}

static void
add_key_exchange(struct dec *d, const struct tls *t)
{
	struct batch *b = d->batch;
	struct cursor prime = cur_of(t->prime);
	char hex[65];

	if (t->prime.len != 0) {
		event_add_u64(b, FIELD_TLS_DH_BITS, t->prime.len * 8 -
		    (size_t)(__builtin_clz(cur_peek(&prime, 0)) - 24));
		if (event_wants(b, FIELD_TLS_DH_PRIME_SHA256)) {
			sha256_hex(t->prime, hex);
			event_add_copy(b, FIELD_TLS_DH_PRIME_SHA256,
			    span_str(hex));
		}
	}
	hello_add_group(d, t->curve);
	if (t->ske_len != 0)
		event_add_u64(b, FIELD_TLS_SKE_LEN, t->ske_len);
	if (t->cke_len != 0)
		event_add_u64(b, FIELD_TLS_CKE_LEN, t->cke_len);
	if (t->cv_len != 0)
		event_add_u64(b, FIELD_TLS_CV_LEN, t->cv_len);
}

static void
tell(struct dec *d, const struct tls *t)
{
	if (!dec_event(d, KIND_TLS, t->time, t->record, t->offset))
		return;
	add_hellos(d, t);
	event_add_bool(d->batch, FIELD_TLS_ESTABLISHED, t->established);
	add_server_cert(d, t);
	add_client_cert(d, t);
	add_key_exchange(d, t);
	if (t->alert != 0)
		hello_add_alert(d, (uint8_t)(t->alert - 1));
	event_end(d->batch);
}

/* -- messages ------------------------------------------------------------ */

static void
keep(struct dec *d, struct span *into, struct span s)
{
	dec_drop(d, into);
	if (s.len != 0)
		*into = dec_keep(d, s);
}

static void
forget(struct dec *d, struct tls *t)
{
	for (unsigned i = 0; i < 2; i++) {
		dec_drop(d, &t->hello[i]);
		dec_drop(d, &t->leaf[i]);
		if (t->lane[i].buf != NULL)
			dec_free(d, t->lane[i].buf, t->lane[i].msg_len);
		t->lane[i].buf = NULL;
	}
	dec_drop(d, &t->prime);
}

/* The clear part is over: tells the event, once. */
static void
finish(struct dec *d, struct tls *t)
{
	d->action = DEC_DONE;
	if (t->done)
		return;
	t->done = true;
	if (t->hello[ROLE_CLIENT].len != 0 || t->hello[ROLE_SERVER].len != 0)
		tell(d, t);
	forget(d, t);
}

static void
bad(struct dec *d, struct tls *t)
{
	dec_weird(d, WEIRD_TLS_BAD);
	finish(d, t);
}

static void
client_hello(struct dec *d, struct tls *t, uint8_t dir, struct span body)
{
	struct hello h;

	if (t->hello[ROLE_CLIENT].len != 0)
		return;		/* the second one, after HelloRetryRequest */
	t->client = dir;
	keep(d, &t->hello[ROLE_CLIENT], body);
	if (t->hello[ROLE_CLIENT].len == 0)
		return;
	if (!read_client_hello(t, &h)) {
		dec_drop(d, &t->hello[ROLE_CLIENT]);
		bad(d, t);
	} else if (h.is_torn) {
		dec_weird(d, WEIRD_TLS_BAD);
	}
}

static void
server_hello(struct dec *d, struct tls *t, uint8_t dir, struct span body)
{
	struct span psk;
	struct hello h;
	uint16_t group;

	if (!hello_read(body, true, &h)) {
		bad(d, t);
		return;
	}
	if (h.is_torn)
		dec_weird(d, WEIRD_TLS_BAD);
	/* HelloRetryRequest is replaced by what follows. */
	if (t->version != 0 && !t->saw_hello_retry)
		return;
	if (t->hello[ROLE_CLIENT].len == 0)
		t->client = !dir;
	keep(d, &t->hello[ROLE_SERVER], body);
	t->version = hello_chosen_version(&h);
	t->saw_hello_retry = h.is_retry;
	if (!hello_is_tls13(t->version))
		return;
	t->resumed = hello_ext(&h, HELLO_EXT_PRE_SHARED_KEY, &psk);
	if ((group = hello_group(&h)) != 0)
		t->curve = group;
}

static void
certificate(struct dec *d, struct tls *t, uint8_t dir, struct span body)
{
	unsigned role = dir == t->client ? ROLE_CLIENT : ROLE_SERVER;
	struct cursor c = cur_of(body), list = cur_sub(&c, cur_be24(&c));
	struct span leaf = SPAN_NONE;
	uint32_t n;

	for (n = 0; list.left > 0; n++) {
		struct span cert = cur_take(&list, cur_be24(&list));

		if (n == 0)
			leaf = cert;
	}
	if (!cur_ok(&c) || !cur_ok(&list))
		dec_weird(d, WEIRD_TLS_BAD);
	if (leaf.len == 0 || t->saw_cert[role])
		return;
	t->saw_cert[role] = true;
	keep(d, &t->leaf[role], leaf);
	if (role == ROLE_SERVER)
		t->chain_len = n;
}

/* Suites whose ServerKeyExchange begins with ServerDHParams (RFC 5246 7.4.3):
 * DHE_RSA, DHE_DSS, DH_anon; not DHE_PSK. */
static bool
is_dhe(uint16_t suite)
{
	static const uint16_t ranges[][2] = {
		{ 0x0011, 0x001b }, { 0x0032, 0x0034 }, { 0x0038, 0x003a },
		{ 0x0040, 0x0040 }, { 0x0044, 0x0046 }, { 0x0063, 0x0063 },
		{ 0x0065, 0x0067 }, { 0x006a, 0x006d }, { 0x0087, 0x0089 },
		{ 0x0099, 0x009b }, { 0x009e, 0x009f }, { 0x00a2, 0x00a3 },
		{ 0x00a6, 0x00a7 }, { 0x00bd, 0x00bf }, { 0x00c3, 0x00c5 },
		{ 0xc042, 0xc047 }, { 0xc052, 0xc053 }, { 0xc056, 0xc057 },
		{ 0xc05a, 0xc05b }, { 0xc07c, 0xc07d }, { 0xc080, 0xc081 },
		{ 0xc084, 0xc085 }, { 0xc09e, 0xc09f }, { 0xc0a2, 0xc0a3 },
		{ 0xccaa, 0xccaa },
	};

	for (size_t i = 0; i < NITEMS(ranges); i++)
		if (suite >= ranges[i][0] && suite <= ranges[i][1])
			return true;
	return false;
}

static void
server_key_exchange(struct dec *d, struct tls *t, struct span body)
{
	struct cursor c = cur_of(body);
	struct hello h;
	struct span p;

	if (t->hello[ROLE_SERVER].len == 0 ||
	    !hello_read(t->hello[ROLE_SERVER], true, &h))
		return;
	if (!is_dhe(hello_suite(&h))) {
		/* ECParameters, RFC 8422 5.4: 3 is named_curve */
		if (cur_u8(&c) == 3)
			t->curve = cur_be16(&c);
		return;
	}
	p = cur_take(&c, cur_be16(&c));
	if (!cur_ok(&c)) {
		dec_weird(d, WEIRD_TLS_BAD);
		return;
	}
	c = cur_of(p);
	while (c.left > 0 && cur_peek(&c, 0) == 0)
		cur_skip(&c, 1);
	keep(d, &t->prime, cur_rest(&c));
}

static void
message(struct dec *d, struct tls *t, uint8_t dir, struct span body)
{
	struct cursor head = cur_of(span_of(t->lane[dir].head, 4));

	switch (cur_u8(&head)) {
	case HS_CLIENT_HELLO:
		client_hello(d, t, dir, body);
		break;
	case HS_SERVER_HELLO:
		server_hello(d, t, dir, body);
		break;
	case HS_CERTIFICATE:
		certificate(d, t, dir, body);
		break;
	case HS_SERVER_KEY_EXCHANGE:
		server_key_exchange(d, t, body);
		break;
	}
}

/* The four bytes of a message's header are there. */
static void
message_begin(struct dec *d, struct tls *t, struct lane *lane)
{
	struct cursor head = cur_of(span_of(lane->head, 4));
	uint8_t type = cur_u8(&head);

	lane->msg_len = lane->msg_left = cur_be24(&head);
	lane->is_body = type == HS_CLIENT_HELLO || type == HS_SERVER_HELLO ||
	    type == HS_CERTIFICATE || type == HS_SERVER_KEY_EXCHANGE;
	if (lane->is_body && lane->msg_len > TLS_MESSAGE_MAX) {
		dec_weird(d, WEIRD_TLS_LIMIT);
		lane->is_body = false;
	}
	switch (type) {
	case HS_SERVER_KEY_EXCHANGE:
		t->ske_len = lane->msg_len + 4;
		break;
	case HS_CERTIFICATE_REQUEST:
		t->saw_cert_request = true;
		break;
	case HS_SERVER_HELLO_DONE:
		t->saw_server_done = true;
		break;
	case HS_CERTIFICATE_VERIFY:
		t->cv_len = lane->msg_len + 4;
		break;
	case HS_CLIENT_KEY_EXCHANGE:
		t->cke_len = lane->msg_len + 4;
		break;
	default:
		if (type > HS_LAST && type != HS_NEXT_PROTOCOL)
			bad(d, t);
	}
}

/* Some bytes of a body; false: wait until all of it lies here. */
static bool
message_bytes(struct dec *d, struct tls *t, const struct seg *seg,
    struct cursor *c)
{
	struct lane *lane = &t->lane[seg->dir];
	size_t n = MIN_OF(MIN_OF(c->left, lane->rec_left), lane->msg_left);
	struct span part;

	if (lane->is_body && lane->buf == NULL && n < lane->msg_left) {
		if (lane->rec_left >= lane->msg_left) {
			d->need[seg->dir] = lane->msg_left;
			return false;
		}
		lane->buf = dec_alloc(d, lane->msg_len);
		lane->buf_len = 0;
		lane->is_body = lane->buf != NULL;
	}
	part = cur_take(c, n);
	lane->rec_left -= (uint16_t)n;
	lane->msg_left -= (uint32_t)n;
	if (lane->buf != NULL) {
		memcpy(lane->buf + lane->buf_len, part.ptr, n);
		lane->buf_len += (uint32_t)n;
		part = span_of(lane->buf, lane->buf_len);
	}
	if (lane->msg_left > 0)
		return true;
	lane->head_len = 0;
	if (lane->is_body)
		message(d, t, seg->dir, part);
	if (lane->buf != NULL)
		dec_free(d, lane->buf, lane->msg_len);
	lane->buf = NULL;
	return true;
}

/* Handshake bytes of the record at hand; false: more are needed. */
static bool
handshake(struct dec *d, struct tls *t, const struct seg *seg,
    struct cursor *c)
{
	struct lane *lane = &t->lane[seg->dir];

	while (!t->done && lane->rec_left > 0 && c->left > 0) {
		if (lane->head_len < 4) {
			lane->head[lane->head_len++] = cur_u8(c);
			lane->rec_left--;
			if (lane->head_len < 4)
				continue;
			message_begin(d, t, lane);
			if (lane->msg_len > 0 || t->done)
				continue;
		}
		if (!message_bytes(d, t, seg, c))
			return false;
	}
	return true;
}

/* -- records ------------------------------------------------------------- */

/* Alerts of a TLS 1.3 client look like data; by their length they do not:
 * alert(2) type(1) tag(16, CCM_8: 8). */
static bool
is_hidden_alert(uint16_t len)
{
	return len == 19 || len == 11;
}

/* A record that is not read on: its bytes are passed over. */
static void
pass_over(struct dec *d, uint8_t dir, struct cursor *c, uint16_t len)
{
	size_t here = MIN_OF(c->left, len);

	cur_skip(c, here);
	d->skip[dir] = len - here;
}

static void
change_cipher_spec(struct dec *d, struct tls *t, uint8_t dir)
{
	t->lane[dir].ccs = true;
	if (hello_is_tls13(t->version))
		return;			/* for middleboxes only */
	if (dir != t->client && t->version != 0 && !t->saw_server_done)
		t->resumed = true;
	if (t->lane[!dir].ccs && t->version != 0) {
		t->established = true;
		finish(d, t);
	}
}

static void
data_record(struct dec *d, struct tls *t, uint8_t dir, uint16_t len)
{
	bool is_client = dir == t->client;

	if (hello_is_tls13(t->version) && !t->saw_hello_retry) {
		if (!is_client)
			return;
		t->established = !is_hidden_alert(len);
		finish(d, t);
	} else if (!is_client && t->lane[dir].ccs && t->version != 0) {
		/* The server only sends data when all is done: the client's
		 * side is missing here. */
		t->established = true;
		finish(d, t);
	}
}

/* Are handshake and alert records of this direction readable? */
static bool
is_clear(const struct tls *t, uint8_t dir, const struct cursor *payload)
{
	if (!t->lane[dir].ccs || hello_is_tls13(t->version))
		return true;
	/* CCS before any ServerHello: a TLS 1.3 client with early data, or the
	 * other direction is missing. */
	return t->version == 0 && cur_peek(payload, 0) == HS_CLIENT_HELLO;
}

/* The sslv2-compatible hello of old clients; true when it was one (or may
 * become one: then need is set). */
static bool
ssl2_hello(struct dec *d, struct tls *t, const struct seg *seg,
    struct cursor *c)
{
	size_t len = (size_t)(cur_peek(c, 0) & 0x7f) << 8 | cur_peek(c, 1);
	struct span body;

	if (t->lane[seg->dir].records != 0 || t->hello[ROLE_CLIENT].len != 0 ||
	    !(cur_peek(c, 0) & 0x80) || cur_peek(c, 2) != HS_CLIENT_HELLO ||
	    cur_peek(c, 3) != 3 || len < 10 || len > TLS_SSL2_HELLO_MAX)
		return false;
	if (c->left < len + 2) {
		d->need[seg->dir] = len + 2;
		return true;
	}
	cur_skip(c, 3);
	body = cur_take(c, len - 1);
	t->lane[seg->dir].records++;
	t->is_ssl2_hello = true;
	client_hello(d, t, seg->dir, body);
	return true;
}

/* A record's header and, but for handshakes, its payload; false: more bytes
 * are needed. */
static bool
record(struct dec *d, struct tls *t, const struct seg *seg, struct cursor *c)
{
	struct lane *lane = &t->lane[seg->dir];
	uint8_t type = cur_peek(c, 0);
	uint16_t len;

	if (c->left < 5) {
		d->need[seg->dir] = 5;
		return false;
	}
	if (ssl2_hello(d, t, seg, c))
		return d->need[seg->dir] == 0;
	len = (uint16_t)(cur_peek(c, 3) << 8 | cur_peek(c, 4));
	if (type < REC_CCS || type > REC_HEARTBEAT || cur_peek(c, 1) != 3 ||
	    len > TLS_RECORD_MAX) {
		bad(d, t);
		return true;
	}
	if (type == REC_ALERT && len == 2 && c->left < 7) {
		d->need[seg->dir] = 7;
		return false;
	}
	cur_skip(c, 5);
	if (lane->records++ == TLS_RECORDS_MAX) {
		finish(d, t);
		return true;
	}
	if (type == REC_HANDSHAKE && is_clear(t, seg->dir, c)) {
		lane->rec_left = len;
		return true;
	}
	if (type == REC_ALERT && len == 2 && is_clear(t, seg->dir, c)) {
		bool is_fatal = cur_u8(c) == 2;
		uint8_t code = cur_u8(c);

		if (t->alert == 0 && code != 255)
			t->alert = (uint8_t)(code + 1);
		if (is_fatal)
			finish(d, t);
		return true;
	}
	pass_over(d, seg->dir, c, len);
	if (type == REC_CCS)
		change_cipher_spec(d, t, seg->dir);
	else if (type == REC_DATA)
		data_record(d, t, seg->dir, len);
	return true;
}

/* -- the decoder --------------------------------------------------------- */

static enum probe_result
tls_probe(const struct probe *p)
{
	static const uint8_t start[] = { REC_HANDSHAKE, 3 };
	struct cursor c = cur_of(p->data);
	size_t n = MIN_OF(p->data.len, sizeof(start));
	uint8_t type;

	if (p->is_udp)
		return PROBE_NO;
	if (cur_peek(&c, 0) & 0x80) {	/* sslv2-compatible hello */
		if (c.left < 5)
			return PROBE_MORE;
		if (cur_peek(&c, 2) != HS_CLIENT_HELLO ||
		    cur_peek(&c, 3) != 3 || cur_peek(&c, 4) > 3)
			return PROBE_NO;
		cur_skip(&c, 5);
		n = cur_be16(&c);
		if (p->data.len < 7)
			return PROBE_MORE;
		return n % 3 == 0 && n != 0 && n <= TLS_SSL2_HELLO_MAX &&
		    p->dir == DIR_CLIENT ? PROBE_YES : PROBE_NO;
	}
	if (!span_eq(span_sub(p->data, 0, n), span_of(start, n)))
		return PROBE_NO;
	if (p->data.len < 6)
		return PROBE_MORE;
	cur_skip(&c, 2);
	if (cur_u8(&c) > 4 || cur_be16(&c) > TLS_RECORD_MAX)
		return PROBE_NO;
	type = cur_u8(&c);
	if (type == HS_CLIENT_HELLO)
		return p->dir == DIR_CLIENT ? PROBE_YES : PROBE_SWAP;
	if (type == HS_SERVER_HELLO)
		return p->dir == DIR_SERVER ? PROBE_YES : PROBE_SWAP;
	return PROBE_NO;
}

static size_t
tls_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct tls *t = state;
	struct lane *lane = &t->lane[seg->dir];
	struct cursor c = cur_of(seg->data);

	d->need[seg->dir] = 0;
	if (!t->started) {
		t->started = true;
		t->time = seg->time;
		t->record = seg->record;
		t->offset = seg->offset;
		t->client = DIR_CLIENT;
	}
	/* After a gap nobody knows where records begin. */
	if (seg->lost > 0 || !d->batch->want->kind[KIND_TLS])
		finish(d, t);
	while (!t->done && c.left > 0) {
		if (!(lane->rec_left > 0 ? handshake(d, t, seg, &c) :
		    record(d, t, seg, &c)))
			break;
	}
	return t->done ? seg->data.len : seg->data.len - c.left;
}

static void
tls_close(struct dec *d, void *state)
{
	finish(d, state);
}

static const uint8_t tls_kinds[] = { KIND_TLS, KIND_NONE };

const struct decoder decoder_tls = {
	.name = "tls",
	.title = "TLS handshake, 1.0 to 1.3",
	.doc = "Reads the clear part of SSL 3.0 to TLS 1.3 handshakes (RFC "
	    "6101, 5246, 8446, 6066, 7301) on any port: hellos, certificates "
	    "up to TLS 1.2 (RFC 5280), key exchange, alerts; JA3, JA3S, JA4.  "
	    "Leaves what is encrypted, DTLS and SSL 2.0; QUIC has its own.",
	.kinds = tls_kinds,
	.state_size = sizeof(struct tls),
	.probe = tls_probe,
	.stream = tls_stream,
	.close = tls_close,
};
