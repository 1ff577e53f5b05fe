/* SPDX-License-Identifier: Apache-2.0
 *
 * The hellos of TLS, which tls finds in records (RFC 8446 5.1) and quic in
 * CRYPTO frames (RFC 9001 4), and the facts in them: names, lists, JA3, JA3S,
 * JA4.
 *
 *	ClientHello	version(2) random(32) session<1> suites<2>
 *			compression<1> [extensions<2>]
 *	ServerHello	version(2) random(32) session<1> suite(2)
 *			compression(1) [extensions<2>]
 *	extension	type(2) body<2>
 *	<n>: preceded by a length of n bytes
 *
 * A struct hello borrows the message; what goes into an event is copied to the
 * batch's arena.  Bounds: TLS_LIST_MAX items of a list, DEC_TEXT_MAX bytes of
 * a text; what does not fit is left out (tls-limit).
 */
#include <stdlib.h>

#include "decode.h"
#include "codec.h"

#define TLS_LIST_MAX	512	/* items of a list; IANA has 350 suites */

enum {	/* extensions */
	EXT_SERVER_NAME = 0, EXT_GROUPS = 10, EXT_POINT_FORMATS = 11,
	EXT_SIGNATURE_ALGS = 13, EXT_ALPN = 16, EXT_KEY_SHARE_DRAFT = 40,
	EXT_VERSIONS = 43, EXT_KEY_SHARE = 51
};

/* -- hellos -------------------------------------------------------------- */

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

bool
hello_ext(const struct hello *h, uint16_t want, struct span *body)
{
	struct cursor c = cur_of(h->exts);
	uint16_t type;

	while (next_ext(&c, &type, body))
		if (type == want)
			return true;
	*body = SPAN_NONE;
	return false;
}

bool
hello_read(struct span body, bool is_server, struct hello *h)
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
bool
hello_read_ssl2(struct span body, struct hello *h)
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
	h->is_ssl2 = true;
	return cur_ok(&c) && n % 3 == 0;
}

/* A list of 16-bit numbers in an extension, behind a length of n bytes. */
static struct cursor
ext_list(const struct hello *h, uint16_t type, unsigned length_size)
{
	struct cursor c;
	struct span body;

	if (!hello_ext(h, type, &body))
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

uint16_t
hello_chosen_version(const struct hello *h)
{
	struct span body;
	struct cursor c;

	if (!hello_ext(h, EXT_VERSIONS, &body))
		return h->version;
	c = cur_of(body);
	return cur_be16(&c);
}

bool
hello_is_tls13(uint16_t version)
{
	return version == 0x0304 || version >> 8 == 0x7f;
}

uint16_t
hello_suite(const struct hello *server)
{
	struct cursor c = cur_of(server->suites);

	return cur_be16(&c);
}

/* -- texts ---------------------------------------------------------------- */

struct buf *
dec_text_init(struct dec_text *t)
{
	/* As large as its cap, so that it never asks for memory. */
	t->b = (struct buf){ .ptr = t->mem, .size = sizeof(t->mem),
	    .cap = sizeof(t->mem) };
	return &t->b;
}


/* -- fingerprints -------------------------------------------------------- */

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
	buf_put_u64(b, hello_suite(h));
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
	struct dec_text	head;		/* t13d1516h2 */
	struct dec_text	suites;		/* sorted */
	struct dec_text	exts;		/* sorted without SNI and ALPN,
					 * _signature algorithms as sent */
};

static void
ja4_exts(struct ja4 *j, const struct hello *h, size_t *count, bool *has_sni)
{
	struct cursor c = cur_of(h->exts);
	uint16_t list[TLS_LIST_MAX], type;
	struct buf *b = dec_text_init(&j->exts);
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
ja4_make(struct ja4 *j, const struct hello *h, char transport)
{
	struct cursor c = cur_of(h->suites);
	struct buf *b = dec_text_init(&j->head);
	uint16_t list[TLS_LIST_MAX];
	size_t n = 0, nexts = 0;
	bool has_sni = false;

	while (c.left >= 2 && n < TLS_LIST_MAX) {
		list[n] = cur_be16(&c);
		n += !is_grease(list[n]);
	}
	qsort(list, n, sizeof(list[0]), cmp_u16);
	put_hex_list(dec_text_init(&j->suites), list, n);
	ja4_exts(j, h, &nexts, &has_sni);
	buf_printf(b, "%c%s%c%02u%02u", transport,
	    ja4_version(offered_version(h)), has_sni ? 'd' : 'i',
	    (unsigned)MIN_OF(n, 99), (unsigned)MIN_OF(nexts, 99));
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

void
dec_add_text(struct dec *d, unsigned field, const struct buf *b)
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
	struct dec_text text;
	struct buf *b = dec_text_init(&text);

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
	dec_add_text(d, field, b);
}

/* RFC 8422 5.1.1, RFC 7919, RFC 8446 4.2.7 and IANA's later ones. */
void
hello_add_group(struct dec *d, uint16_t group)
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
	struct dec_text text;

	if (group == 0 || !event_wants(d->batch, FIELD_TLS_CURVE))
		return;
	for (size_t i = 0; i < NITEMS(groups); i++) {
		if (groups[i].id == group) {
			event_add_str(d->batch, FIELD_TLS_CURVE,
			    span_str(groups[i].name));
			return;
		}
	}
	buf_printf(dec_text_init(&text), "0x%04x", group);
	dec_add_text(d, FIELD_TLS_CURVE, &text.b);
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
	struct dec_text text;
	char hex[33];

	if (!event_wants(b, FIELD_TLS_JA3) &&
	    !event_wants(b, FIELD_TLS_JA3_TEXT))
		return;
	ja3_put(dec_text_init(&text), h);
	dec_add_text(d, FIELD_TLS_JA3_TEXT, &text.b);
	if (!event_wants(b, FIELD_TLS_JA3) || text.b.failed)
		return;
	md5_hex(buf_view(&text.b), hex);
	event_add_copy(b, FIELD_TLS_JA3, span_str(hex));
}

static void
add_ja4(struct dec *d, const struct hello *h, char transport)
{
	struct batch *b = d->batch;
	struct dec_text text;
	struct ja4 j;

	if (!event_wants(b, FIELD_TLS_JA4) && !event_wants(b, FIELD_TLS_JA4_R))
		return;
	ja4_make(&j, h, transport);
	if (j.suites.b.failed || j.exts.b.failed) {
		dec_weird(d, WEIRD_TLS_LIMIT);
		return;
	}
	if (event_wants(b, FIELD_TLS_JA4)) {
		buf_span(dec_text_init(&text), buf_view(&j.head.b));
		buf_byte(&text.b, '_');
		ja4_hash_put(&text.b, buf_view(&j.suites.b));
		buf_byte(&text.b, '_');
		ja4_hash_put(&text.b, buf_view(&j.exts.b));
		dec_add_text(d, FIELD_TLS_JA4, &text.b);
	}
	if (event_wants(b, FIELD_TLS_JA4_R)) {
		buf_span(dec_text_init(&text), buf_view(&j.head.b));
		buf_byte(&text.b, '_');
		buf_span(&text.b, buf_view(&j.suites.b));
		buf_byte(&text.b, '_');
		buf_span(&text.b, buf_view(&j.exts.b));
		dec_add_text(d, FIELD_TLS_JA4_R, &text.b);
	}
}

void
hello_add_client(struct dec *d, const struct hello *h, char transport)
{
	add_version(d, FIELD_TLS_CLIENT_VERSION, offered_version(h));
	add_number_list(d, FIELD_TLS_CLIENT_CIPHERS, cur_of(h->suites),
	    h->is_ssl2 ? 3 : 2);
	if (h->is_ssl2)
		return;
	add_ext_list(d, h);
	add_sni(d, h);
	add_client_alpn(d, h);
	add_ja3(d, h);
	add_ja4(d, h, transport);
}

void
hello_add_server(struct dec *d, const struct hello *h, bool resumed)
{
	struct cursor c = ext_list(h, EXT_ALPN, 2);
	struct batch *b = d->batch;
	struct dec_text text;
	struct span s;
	char hex[33];

	add_version(d, FIELD_TLS_VERSION, hello_chosen_version(h));
	put_hex16(dec_text_init(&text), hello_suite(h));
	dec_add_text(d, FIELD_TLS_CIPHER, &text.b);
	s = cur_take(&c, cur_u8(&c));
	if (s.len > 0)
		event_add_copy(b, FIELD_TLS_ALPN, s);
	if (event_wants(b, FIELD_TLS_JA3S)) {
		ja3s_put(dec_text_init(&text), h);
		md5_hex(buf_view(&text.b), hex);
		if (text.b.failed)
			dec_weird(d, WEIRD_TLS_LIMIT);
		else
			event_add_copy(b, FIELD_TLS_JA3S, span_str(hex));
	}
	event_add_bool(b, FIELD_TLS_RESUMED, resumed);
}

uint16_t
hello_group(const struct hello *h)
{
	struct span share;
	struct cursor c;

	if (!hello_ext(h, EXT_KEY_SHARE, &share) &&
	    !hello_ext(h, EXT_KEY_SHARE_DRAFT, &share))
		return 0;
	c = cur_of(share);
	return cur_be16(&c);
}

/* RFC 5246 7.2, RFC 8446 6, IANA. */
void
hello_add_alert(struct dec *d, uint8_t code)
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
	struct dec_text text;

	if (code < NITEMS(names) && names[code] != NULL) {
		event_add_str(d->batch, FIELD_TLS_ALERT,
		    span_str(names[code]));
		return;
	}
	buf_put_u64(dec_text_init(&text), code);
	dec_add_text(d, FIELD_TLS_ALERT, &text.b);
}
