/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: handshakes of SSL 3.0 to TLS 1.3 (RFC 6101, 2246, 4346, 5246, 8446;
 * extensions RFC 6066, 7301), up to where they become unreadable.
 *
 *	record		type(1) version(2) length(2) payload
 *			20 change_cipher_spec, 21 alert, 22 handshake, 23 data
 *	handshake	type(1) length(3) body; may span records
 *	ClientHello	version(2) random(32) session<1> suites<2>
 *			compression<1> [extensions<2>]
 *	ServerHello	version(2) random(32) session<1> suite(2)
 *			compression(1) [extensions<2>]
 *	extension	type(2) body<2>
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
#define TLS_TEXT_MAX	8192	/* JA3 or JA4 text, a name */
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

enum {	/* extensions */
	EXT_SERVER_NAME = 0, EXT_GROUPS = 10, EXT_POINT_FORMATS = 11,
	EXT_SIGNATURE_ALGS = 13, EXT_ALPN = 16, EXT_KEY_SHARE_DRAFT = 40,
	EXT_PRE_SHARED_KEY = 41, EXT_VERSIONS = 43, EXT_KEY_SHARE = 51
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

/* -- hellos -------------------------------------------------------------- */

struct hello {
	struct span	suites;		/* server: the one */
	struct span	exts;
	uint16_t	version;
	bool		is_retry;	/* HelloRetryRequest, RFC 8446 4.1.3 */
	bool		is_torn;	/* extensions break off */
};

/* GREASE, RFC 8701: 0x0a0a, 0x1a1a to 0xfafa. */
static bool
is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* The next extension; false at the end. */
static bool
next_ext(struct cursor *c, uint16_t *type, struct span *body)
{
	if (c->left == 0)
		return false;
	*type = cur_be16(c);
	*body = cur_take(c, cur_be16(c));
	return cur_ok(c);
}

static bool
find_ext(const struct hello *h, uint16_t want, struct span *body)
{
	struct cursor c = cur_of(h->exts);
	uint16_t type;

	while (next_ext(&c, &type, body))
		if (type == want)
			return true;
	*body = SPAN_NONE;
	return false;
}

/* Of either side; false: breaks off before the extensions. */
static bool
read_hello(struct span body, bool is_server, struct hello *h)
{
	/* SHA-256("HelloRetryRequest"), RFC 8446 4.1.3 */
	static const uint8_t retry[32] = {
		0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
		0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
		0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
		0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
	};
	struct cursor c = cur_of(body), exts;
	bool is_draft;
	struct span ext;
	uint16_t type;

	memset(h, 0, sizeof(*h));
	h->version = cur_be16(&c);
	h->is_retry = span_eq(cur_take(&c, 32), span_of(retry, 32));
	/* TLS 1.3 up to draft 21: no session, no compression in ServerHello
	 * (RFC 8446 itself says 0x0303 here) */
	is_draft = is_server &&
	    (h->version >> 8 == 0x7f || h->version == 0x0304);
	if (!is_draft)
		cur_skip(&c, cur_u8(&c));
	h->suites = cur_take(&c, is_server ? 2 : cur_be16(&c));
	if (is_server)
		cur_skip(&c, !is_draft);
	else
		cur_skip(&c, cur_u8(&c));
	if (!cur_ok(&c) || h->suites.len % 2 != 0)
		return false;
	if (c.left > 0) {
		size_t n = cur_be16(&c);

		h->is_torn = !cur_ok(&c) || n > c.left;
		h->exts = cur_take(&c, MIN_OF(n, c.left));
	}
	exts = cur_of(h->exts);
	while (next_ext(&exts, &type, &ext))
		;
	h->is_torn = h->is_torn || !cur_ok(&exts);
	return true;
}

/*
 * RFC 5246 E.2: version(2) suites_len(2) session_len(2) challenge_len(2)
 * suites session challenge; suites of 3 bytes.
 */
static bool
read_ssl2_hello(struct span body, struct hello *h)
{
	struct cursor c = cur_of(body);
	size_t n, rest;

	memset(h, 0, sizeof(*h));
	h->version = cur_be16(&c);
	n = cur_be16(&c);
	rest = cur_be16(&c);
	rest += cur_be16(&c);
	h->suites = cur_take(&c, n);
	cur_skip(&c, rest);
	return cur_ok(&c) && n % 3 == 0;
}

static bool
read_client_hello(const struct tls *t, struct hello *h)
{
	return t->is_ssl2_hello ? read_ssl2_hello(t->hello[ROLE_CLIENT], h) :
	    read_hello(t->hello[ROLE_CLIENT], false, h);
}

/* A list of 16-bit numbers in an extension, behind a length of n bytes. */
static struct cursor
ext_list(const struct hello *h, uint16_t type, unsigned length_size)
{
	struct cursor c;
	struct span body;

	if (!find_ext(h, type, &body))
		return cur_of(SPAN_NONE);
	c = cur_of(body);
	return cur_sub(&c, length_size == 1 ? cur_u8(&c) : cur_be16(&c));
}

/* The highest version that a client offers. */
static uint16_t
offered_version(const struct hello *h)
{
	struct cursor c = ext_list(h, EXT_VERSIONS, 1);
	uint16_t best = 0;

	while (c.left >= 2) {
		uint16_t v = cur_be16(&c);

		/* drafts (0x7fnn) only when nothing else is offered */
		if (is_grease(v) || (v >> 8 == 0x7f && best != 0))
			continue;
		if (v > best || best >> 8 == 0x7f)
			best = v;
	}
	return best != 0 ? best : h->version;
}

static uint16_t
chosen_version(const struct hello *h)
{
	struct span body;
	struct cursor c;

	if (!find_ext(h, EXT_VERSIONS, &body))
		return h->version;
	c = cur_of(body);
	return cur_be16(&c);
}

static bool
is_tls13(uint16_t version)
{
	return version == 0x0304 || version >> 8 == 0x7f;
}

static uint16_t
suite_of(const struct hello *server)
{
	struct cursor c = cur_of(server->suites);

	return cur_be16(&c);
}

/* -- fingerprints -------------------------------------------------------- */

/* A text in the making on the stack. */
struct text {
	struct buf	b;
	uint8_t		mem[TLS_TEXT_MAX];
};

static struct buf *
text_init(struct text *t)
{
	/* As large as its cap, so that it never asks for memory. */
	t->b = (struct buf){ .ptr = t->mem, .size = sizeof(t->mem),
	    .cap = sizeof(t->mem) };
	return &t->b;
}

/* Numbers of size bytes, decimal, joined by '-', without GREASE. */
static void
put_numbers(struct buf *b, struct cursor c, unsigned size)
{
	bool first = true;

	while (c.left >= size) {
		uint16_t v = size == 1 ? cur_u8(&c) : cur_be16(&c);

		if (size == 2 && is_grease(v))
			continue;
		if (!first)
			buf_byte(b, '-');
		buf_put_u64(b, v);
		first = false;
	}
}

static void
put_ext_types(struct buf *b, const struct hello *h)
{
	struct cursor c = cur_of(h->exts);
	struct span body;
	uint16_t type;
	bool first = true;

	while (next_ext(&c, &type, &body)) {
		if (is_grease(type))
			continue;
		if (!first)
			buf_byte(b, '-');
		buf_put_u64(b, type);
		first = false;
	}
}

/* github.com/salesforce/ja3:
 * version,suites,extensions,groups,point formats */
static void
ja3_put(struct buf *b, const struct hello *h)
{
	buf_put_u64(b, h->version);
	buf_byte(b, ',');
	put_numbers(b, cur_of(h->suites), 2);
	buf_byte(b, ',');
	put_ext_types(b, h);
	buf_byte(b, ',');
	put_numbers(b, ext_list(h, EXT_GROUPS, 2), 2);
	buf_byte(b, ',');
	put_numbers(b, ext_list(h, EXT_POINT_FORMATS, 1), 1);
}

/* version,suite,extensions */
static void
ja3s_put(struct buf *b, const struct hello *h)
{
	buf_put_u64(b, h->version);
	buf_byte(b, ',');
	buf_put_u64(b, suite_of(h));
	buf_byte(b, ',');
	put_ext_types(b, h);
}

static int
cmp_u16(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void
put_hex16(struct buf *b, uint16_t v)
{
	uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	hex_put(b, span_of(be, 2));
}

static void
put_hex_list(struct buf *b, const uint16_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_byte(b, ',');
		put_hex16(b, v[i]);
	}
}

/* Two characters of the first protocol of ALPN: its first and last one, or,
 * when one of these is not alphanumeric, the outer digits of their
 * hexadecimal form. */
static void
ja4_alpn_put(struct buf *b, const struct hello *h)
{
	static const char hex[] = "0123456789abcdef";
	struct cursor c = ext_list(h, EXT_ALPN, 2);
	struct span name = cur_take(&c, cur_u8(&c));
	uint8_t first, last, f, l;

	c = cur_of(name);
	if (name.len == 0) {
		buf_str(b, "00");
		return;
	}
	first = cur_peek(&c, 0);
	last = cur_peek(&c, name.len - 1);
	f = ascii_lower(first);
	l = ascii_lower(last);
	if ((ascii_is_digit(f) || (f >= 'a' && f <= 'z')) &&
	    (ascii_is_digit(l) || (l >= 'a' && l <= 'z'))) {
		buf_byte(b, first);
		buf_byte(b, last);
	} else {
		buf_byte(b, (uint8_t)hex[first >> 4]);
		buf_byte(b, (uint8_t)hex[last & 15]);
	}
}

static const char *
ja4_version(uint16_t v)
{
	switch (v) {
	case 0x0304: return "13";
	case 0x0303: return "12";
	case 0x0302: return "11";
	case 0x0301: return "10";
	case 0x0300: return "s3";
	case 0x0002: return "s2";
	default: return "00";
	}
}

/* The three parts of JA4 before hashing (github.com/FoxIO-LLC/ja4, JA4 TLS
 * client only, BSD). */
struct ja4 {
	struct text	head;		/* t13d1516h2 */
	struct text	suites;		/* sorted */
	struct text	exts;		/* sorted without SNI and ALPN,
					 * _signature algorithms as sent */
};

static void
ja4_exts(struct ja4 *j, const struct hello *h, size_t *count, bool *has_sni)
{
	struct cursor c = cur_of(h->exts);
	uint16_t list[TLS_LIST_MAX], type;
	struct buf *b = text_init(&j->exts);
	struct span body;
	bool first = true;
	size_t n = 0;

	while (next_ext(&c, &type, &body)) {
		if (is_grease(type))
			continue;
		(*count)++;
		*has_sni = *has_sni || type == EXT_SERVER_NAME;
		if (type != EXT_SERVER_NAME && type != EXT_ALPN &&
		    n < TLS_LIST_MAX)
			list[n++] = type;
	}
	qsort(list, n, sizeof(list[0]), cmp_u16);
	put_hex_list(b, list, n);
	c = ext_list(h, EXT_SIGNATURE_ALGS, 2);
	while (c.left >= 2) {
		type = cur_be16(&c);
		if (is_grease(type))
			continue;
		buf_byte(b, first ? '_' : ',');
		put_hex16(b, type);
		first = false;
	}
}

static void
ja4_make(struct ja4 *j, const struct hello *h)
{
	struct cursor c = cur_of(h->suites);
	struct buf *b = text_init(&j->head);
	uint16_t list[TLS_LIST_MAX];
	size_t n = 0, nexts = 0;
	bool has_sni = false;

	while (c.left >= 2 && n < TLS_LIST_MAX) {
		list[n] = cur_be16(&c);
		n += !is_grease(list[n]);
	}
	qsort(list, n, sizeof(list[0]), cmp_u16);
	put_hex_list(text_init(&j->suites), list, n);
	ja4_exts(j, h, &nexts, &has_sni);
	buf_printf(b, "t%s%c%02u%02u", ja4_version(offered_version(h)),
	    has_sni ? 'd' : 'i', (unsigned)MIN_OF(n, 99),
	    (unsigned)MIN_OF(nexts, 99));
	ja4_alpn_put(b, h);
}

/* 12 digits of SHA-256; of nothing: zeroes. */
static void
ja4_hash_put(struct buf *b, struct span s)
{
	char hex[65] = "000000000000";

	if (s.len != 0)
		sha256_hex(s, hex);
	buf_put(b, hex, 12);
}

/* -- the event ----------------------------------------------------------- */

static void
add_text(struct dec *d, unsigned field, const struct buf *b)
{
	/* What does not fit is left out rather than told wrong. */
	if (b->failed)
		dec_weird(d, WEIRD_TLS_LIMIT);
	else
		event_add_copy(d->batch, field, buf_view(b));
}

static void
add_version(struct dec *d, unsigned field, uint16_t v)
{
	struct text text;
	struct buf *b = text_init(&text);

	if (!event_wants(d->batch, field))
		return;
	switch (v) {
	case 0x0300: buf_str(b, "SSLv3"); break;
	case 0x0301: buf_str(b, "TLSv1.0"); break;
	case 0x0302: buf_str(b, "TLSv1.1"); break;
	case 0x0303: buf_str(b, "TLSv1.2"); break;
	case 0x0304: buf_str(b, "TLSv1.3"); break;
	default:
		if (v >> 8 == 0x7f)
			buf_printf(b, "TLSv1.3-draft%u", v & 0xff);
		else
			buf_printf(b, "0x%04x", v);
	}
	add_text(d, field, b);
}

/* RFC 8422 5.1.1, RFC 7919, RFC 8446 4.2.7 and IANA's later ones. */
static void
add_group(struct dec *d, uint16_t group)
{
	static const struct {
		uint16_t	 id;
		const char	*name;
	} groups[] = {
		{ 19, "secp192r1" }, { 21, "secp224r1" }, { 22, "secp256k1" },
		{ 23, "secp256r1" }, { 24, "secp384r1" }, { 25, "secp521r1" },
		{ 26, "brainpoolP256r1" }, { 27, "brainpoolP384r1" },
		{ 28, "brainpoolP512r1" }, { 29, "x25519" }, { 30, "x448" },
		{ 256, "ffdhe2048" }, { 257, "ffdhe3072" },
		{ 258, "ffdhe4096" }, { 259, "ffdhe6144" },
		{ 260, "ffdhe8192" }, { 0x11eb, "SecP256r1MLKEM768" },
		{ 0x11ec, "X25519MLKEM768" }, { 0x11ed, "SecP384r1MLKEM1024" },
		{ 0x6399, "X25519Kyber768Draft00" },
	};
	struct text text;

	if (group == 0 || !event_wants(d->batch, FIELD_TLS_CURVE))
		return;
	for (size_t i = 0; i < NITEMS(groups); i++) {
		if (groups[i].id == group) {
			event_add_str(d->batch, FIELD_TLS_CURVE,
			    span_str(groups[i].name));
			return;
		}
	}
	buf_printf(text_init(&text), "0x%04x", group);
	add_text(d, FIELD_TLS_CURVE, &text.b);
}

/* Items of size bytes whose last two count; hex or decimal. */
static void
add_number_list(struct dec *d, unsigned field, struct cursor c, unsigned size)
{
	size_t n = c.left / size;
	struct value *v;

	if (!event_wants(d->batch, field))
		return;
	if (n > TLS_LIST_MAX) {
		dec_weird(d, WEIRD_TLS_LIMIT);
		n = TLS_LIST_MAX;
	}
	if ((v = event_add_list(d->batch, field, (uint32_t)n)) == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		struct buf b = { .cap = 4, .size = 4 };

		cur_skip(&c, size - 2);
		if ((b.ptr = arena_alloc(&d->batch->arena, 4)) == NULL)
			b.size = b.cap = 0;
		put_hex16(&b, cur_be16(&c));
		v[i].type = VT_STR;
		v[i].ptr = b.ptr;
		v[i].len = (uint32_t)b.len;
	}
}

static void
add_ext_list(struct dec *d, const struct hello *h)
{
	struct cursor c = cur_of(h->exts);
	struct span body;
	struct value *v;
	uint16_t type;
	uint32_t n = 0;

	if (!event_wants(d->batch, FIELD_TLS_CLIENT_EXTS))
		return;
	while (n < TLS_LIST_MAX && next_ext(&c, &type, &body))
		n++;
	if (c.left > 0)
		dec_weird(d, WEIRD_TLS_LIMIT);
	v = event_add_list(d->batch, FIELD_TLS_CLIENT_EXTS, n);
	if (v == NULL)
		return;
	c = cur_of(h->exts);
	for (uint32_t i = 0; i < n && next_ext(&c, &type, &body); i++) {
		v[i].type = VT_U64;
		v[i].u64 = type;
	}
}

/* ServerNameList (RFC 6066 3): list<2> of type(1) name<2>; 0: host name. */
static void
add_sni(struct dec *d, const struct hello *h)
{
	struct cursor c = ext_list(h, EXT_SERVER_NAME, 2);

	while (c.left > 0) {
		uint8_t type = cur_u8(&c);
		struct span name = cur_take(&c, cur_be16(&c));

		if (type == 0 && cur_ok(&c)) {
			event_add_copy(d->batch, FIELD_TLS_SNI, name);
			return;
		}
	}
}

/* ProtocolNameList (RFC 7301 3.1): list<2> of name<1>. */
static void
add_client_alpn(struct dec *d, const struct hello *h)
{
	struct cursor c = ext_list(h, EXT_ALPN, 2), count = c;
	struct span names;
	struct value *v;
	uint32_t n = 0;

	if (c.left == 0 || !event_wants(d->batch, FIELD_TLS_CLIENT_ALPN))
		return;
	while (count.left > 0 && n < TLS_LIST_MAX) {
		cur_take(&count, cur_u8(&count));
		n += cur_ok(&count);
	}
	names = arena_copy(&d->batch->arena, cur_rest(&c));
	if (names.ptr == NULL)
		return;
	v = event_add_list(d->batch, FIELD_TLS_CLIENT_ALPN, n);
	c = cur_of(names);
	for (uint32_t i = 0; v != NULL && i < n; i++) {
		struct span name = cur_take(&c, cur_u8(&c));

		v[i].type = VT_STR;
		v[i].ptr = name.ptr;
		v[i].len = (uint32_t)name.len;
	}
}

static void
add_ja3(struct dec *d, const struct hello *h)
{
	struct batch *b = d->batch;
	struct text text;
	char hex[33];

	if (!event_wants(b, FIELD_TLS_JA3) &&
	    !event_wants(b, FIELD_TLS_JA3_TEXT))
		return;
	ja3_put(text_init(&text), h);
	add_text(d, FIELD_TLS_JA3_TEXT, &text.b);
	if (!event_wants(b, FIELD_TLS_JA3) || text.b.failed)
		return;
	md5_hex(buf_view(&text.b), hex);
	event_add_copy(b, FIELD_TLS_JA3, span_str(hex));
}

static void
add_ja4(struct dec *d, const struct hello *h)
{
	struct batch *b = d->batch;
	struct text text;
	struct ja4 j;

	if (!event_wants(b, FIELD_TLS_JA4) && !event_wants(b, FIELD_TLS_JA4_R))
		return;
	ja4_make(&j, h);
	if (j.suites.b.failed || j.exts.b.failed) {
		dec_weird(d, WEIRD_TLS_LIMIT);
		return;
	}
	if (event_wants(b, FIELD_TLS_JA4)) {
		buf_span(text_init(&text), buf_view(&j.head.b));
		buf_byte(&text.b, '_');
		ja4_hash_put(&text.b, buf_view(&j.suites.b));
		buf_byte(&text.b, '_');
		ja4_hash_put(&text.b, buf_view(&j.exts.b));
		add_text(d, FIELD_TLS_JA4, &text.b);
	}
	if (event_wants(b, FIELD_TLS_JA4_R)) {
		buf_span(text_init(&text), buf_view(&j.head.b));
		buf_byte(&text.b, '_');
		buf_span(&text.b, buf_view(&j.suites.b));
		buf_byte(&text.b, '_');
		buf_span(&text.b, buf_view(&j.exts.b));
		add_text(d, FIELD_TLS_JA4_R, &text.b);
	}
}

static void
add_client(struct dec *d, const struct tls *t)
{
	struct hello h;

	/* was read once when it came */
	if (t->hello[ROLE_CLIENT].len == 0 || !read_client_hello(t, &h))
		return;
	add_version(d, FIELD_TLS_CLIENT_VERSION, offered_version(&h));
	add_number_list(d, FIELD_TLS_CLIENT_CIPHERS, cur_of(h.suites),
	    t->is_ssl2_hello ? 3 : 2);
	if (t->is_ssl2_hello)
		return;
	add_ext_list(d, &h);
	add_sni(d, &h);
	add_client_alpn(d, &h);
	add_ja3(d, &h);
	add_ja4(d, &h);
}

static void
add_server(struct dec *d, const struct tls *t)
{
	struct batch *b = d->batch;
	struct text text;
	struct hello h;
	struct cursor c;
	struct span s;
	char hex[33];

	if (t->hello[ROLE_SERVER].len == 0 ||
	    !read_hello(t->hello[ROLE_SERVER], true, &h))
		return;
	add_version(d, FIELD_TLS_VERSION, t->version);
	put_hex16(text_init(&text), suite_of(&h));
	add_text(d, FIELD_TLS_CIPHER, &text.b);
	c = ext_list(&h, EXT_ALPN, 2);
	s = cur_take(&c, cur_u8(&c));
	if (s.len > 0)
		event_add_copy(b, FIELD_TLS_ALPN, s);
	if (event_wants(b, FIELD_TLS_JA3S)) {
		ja3s_put(text_init(&text), &h);
		md5_hex(buf_view(&text.b), hex);
		if (text.b.failed)
			dec_weird(d, WEIRD_TLS_LIMIT);
		else
			event_add_copy(b, FIELD_TLS_JA3S, span_str(hex));
	}
	event_add_bool(b, FIELD_TLS_RESUMED, t->resumed);
}

/* GeneralNames: those that are text, addresses or names; in v unless NULL.
 * Returns how many. */
static uint32_t
san_values(struct dec *d, struct span san, struct value *v)
{
	struct cursor c = cur_of(san);
	struct text text;
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
				x509_name_put(text_init(&text), s);
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
	struct text text;

	if (!event_wants(d->batch, field))
		return;
	x509_name_put(text_init(&text), name);
	add_text(d, field, &text.b);
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
	struct text text;
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
	hex_put(text_init(&text), x.serial);
	add_text(d, FIELD_TLS_SERIAL, &text.b);
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
	if (t->version != 0 && !is_tls13(t->version)) {
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
	add_group(d, t->curve);
	if (t->ske_len != 0)
		event_add_u64(b, FIELD_TLS_SKE_LEN, t->ske_len);
	if (t->cke_len != 0)
		event_add_u64(b, FIELD_TLS_CKE_LEN, t->cke_len);
	if (t->cv_len != 0)
		event_add_u64(b, FIELD_TLS_CV_LEN, t->cv_len);
}

/* RFC 5246 7.2, RFC 8446 6, IANA. */
static void
add_alert(struct dec *d, uint8_t code)
{
	static const char *const names[] = {
		[0] = "close_notify", [10] = "unexpected_message",
		[20] = "bad_record_mac", [21] = "decryption_failed",
		[22] = "record_overflow", [30] = "decompression_failure",
		[40] = "handshake_failure", [41] = "no_certificate",
		[42] = "bad_certificate", [43] = "unsupported_certificate",
		[44] = "certificate_revoked", [45] = "certificate_expired",
		[46] = "certificate_unknown", [47] = "illegal_parameter",
		[48] = "unknown_ca", [49] = "access_denied",
		[50] = "decode_error", [51] = "decrypt_error",
		[60] = "export_restriction", [70] = "protocol_version",
		[71] = "insufficient_security", [80] = "internal_error",
		[86] = "inappropriate_fallback", [90] = "user_canceled",
		[100] = "no_renegotiation", [109] = "missing_extension",
		[110] = "unsupported_extension",
		[111] = "certificate_unobtainable",
		[112] = "unrecognized_name",
		[113] = "bad_certificate_status_response",
		[114] = "bad_certificate_hash_value",
		[115] = "unknown_psk_identity",
		[116] = "certificate_required",
		[120] = "no_application_protocol", [121] = "ech_required",
	};
	struct text text;

	if (code < NITEMS(names) && names[code] != NULL) {
		event_add_str(d->batch, FIELD_TLS_ALERT,
		    span_str(names[code]));
		return;
	}
	buf_put_u64(text_init(&text), code);
	add_text(d, FIELD_TLS_ALERT, &text.b);
}

static void
tell(struct dec *d, const struct tls *t)
{
	if (!dec_event(d, KIND_TLS, t->time, t->record, t->offset))
		return;
	add_client(d, t);
	add_server(d, t);
	event_add_bool(d->batch, FIELD_TLS_ESTABLISHED, t->established);
	add_server_cert(d, t);
	add_client_cert(d, t);
	add_key_exchange(d, t);
	if (t->alert != 0)
		add_alert(d, (uint8_t)(t->alert - 1));
	event_end(d->batch);
}

/* -- messages ------------------------------------------------------------ */

static void
release(struct dec *d, struct span *s)
{
	if (s->ptr != NULL)
		dec_free(d, (void *)(uintptr_t)s->ptr, s->len);
	*s = SPAN_NONE;
}

static void
keep(struct dec *d, struct span *into, struct span s)
{
	release(d, into);
	if (s.len != 0)
		*into = dec_keep(d, s);
}

static void
forget(struct dec *d, struct tls *t)
{
	for (unsigned i = 0; i < 2; i++) {
		release(d, &t->hello[i]);
		release(d, &t->leaf[i]);
		if (t->lane[i].buf != NULL)
			dec_free(d, t->lane[i].buf, t->lane[i].msg_len);
		t->lane[i].buf = NULL;
	}
	release(d, &t->prime);
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
		release(d, &t->hello[ROLE_CLIENT]);
		bad(d, t);
	} else if (h.is_torn) {
		dec_weird(d, WEIRD_TLS_BAD);
	}
}

static void
server_hello(struct dec *d, struct tls *t, uint8_t dir, struct span body)
{
	struct span share;
	struct cursor c;
	struct hello h;

	if (!read_hello(body, true, &h)) {
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
	t->version = chosen_version(&h);
	t->saw_hello_retry = h.is_retry;
	if (!is_tls13(t->version))
		return;
	t->resumed = find_ext(&h, EXT_PRE_SHARED_KEY, &share);
	if (find_ext(&h, EXT_KEY_SHARE, &share) ||
	    find_ext(&h, EXT_KEY_SHARE_DRAFT, &share)) {
		c = cur_of(share);
		t->curve = cur_be16(&c);
	}
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
	    !read_hello(t->hello[ROLE_SERVER], true, &h))
		return;
	if (!is_dhe(suite_of(&h))) {
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
	if (is_tls13(t->version))
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

	if (is_tls13(t->version) && !t->saw_hello_retry) {
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
	if (!t->lane[dir].ccs || is_tls13(t->version))
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
	    "Leaves what is encrypted, DTLS, QUIC and SSL 2.0.",
	.kinds = tls_kinds,
	.state_size = sizeof(struct tls),
	.probe = tls_probe,
	.stream = tls_stream,
	.close = tls_close,
};
