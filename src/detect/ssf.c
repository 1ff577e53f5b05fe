/* SPDX-License-Identifier: Apache-2.0
 *
 * Secure Socket Funnelling by the shape of its TLS, ATT&CK T1572 and T1090;
 * what went out through it, T1041.
 *
 * Behaviour (SSF 3.0 and before): TLS 1.2 or older only, one DHE suite (as a
 * rule 0x009f) and the renegotiation marker, no server name, no ALPN, no
 * named groups, both sides show a certificate, as a rule the same one, and
 * Diffie-Hellman parameters of 4096 bits.  The stock prime and certificates
 * are marks by themselves.  JA3 is not used: it changes with the OpenSSL that
 * SSF is built against, the shape does not.
 *
 * Known false alarms: other closed mutual-TLS links with one DHE suite and no
 * server name (industrial gateways); they lack the common leaf and the
 * 4096-bit group, so the weight stays below the threshold.
 *
 * Cost: a few lookups a TLS event; one table of bulk conversations.
 */
#include <stdlib.h>

#include "detect.h"

#define BULK_BYTES	(256u << 10)	/* what is worth telling as theft */
#define BULK_RATIO	4u		/* up : down */
#define CONNS_MAX	16384u		/* conversations that may be tunnels */
#define RAISE_AT	60u
#define SECONDS_MAX	1e9	/* of a conversation; more is a broken log */

static const uint8_t kinds[] = { KIND_TLS, KIND_CONN, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_SRC_PORT, FIELD_DST_IP, FIELD_DST_PORT,
	FIELD_PROTO, FIELD_TLS_VERSION, FIELD_TLS_CIPHER,
	FIELD_TLS_CLIENT_CIPHERS, FIELD_TLS_CLIENT_EXTS, FIELD_TLS_SNI,
	FIELD_TLS_CLIENT_ALPN, FIELD_TLS_CLIENT_CERT, FIELD_TLS_CERT_REQUEST,
	FIELD_TLS_SAME_LEAF, FIELD_TLS_DH_BITS, FIELD_TLS_DH_PRIME_SHA256,
	FIELD_TLS_SKE_LEN, FIELD_TLS_CKE_LEN, FIELD_TLS_CV_LEN,
	FIELD_TLS_CERT_SHA1, FIELD_TLS_CERT_SHA256, FIELD_TLS_CLIENT_CERT_SHA1,
	FIELD_TLS_SUBJECT, FIELD_TLS_ISSUER, FIELD_SRC_BYTES,
	FIELD_DST_BYTES, FIELD_CONN_DURATION, FIELD_OTHER
};

/* SHA-256 of the Diffie-Hellman prime in dh4096.pem of 1.0.0 to 3.0.0. */
static const char stock_prime[] =
    "873966ab1cc455c40ee920319174d2bc8b1e1e51b648f97ab5d1a5b723063a7f";
/* SHA-1 of the stock leaf, the CA and the test server's certificate. */
static const char *const stock_certs[] = {
	"46c20d2c1000d7e8b14c0739f39be90fa26d31f7",
	"b848b14986e4c2970a6e78e0109ccf6248e5b0a5",
	"06dbda0ec12b7b754c2a6548c760948d77410eb3",
};

#define SCSV	0x00ffu		/* TLS_EMPTY_RENEGOTIATION_INFO_SCSV */
enum { EXT_GROUPS = 10 };

/* Finite-field Diffie-Hellman with a certificate: RFC 3268, 5246, 5288, 5932,
 * 6209, 6367 and 7905; those that SSF's cipher_alg can be set to. */
static bool
is_dhe(uint64_t suite)
{
	static const uint16_t dhe[] = {
		0x0033, 0x0039, 0x0067, 0x006b, 0x0045, 0x0088, 0x00be,
		0x00c4, 0x009e, 0x009f, 0xccaa, 0xc09e, 0xc09f, 0x0016
	};

	for (size_t i = 0; i < NITEMS(dhe); i++)
		if (suite == dhe[i])
			return true;
	return false;
}

static bool
hex_u64(const struct value *v, uint64_t *out)
{
	const uint8_t *p = v->ptr;

	if (v->type != VT_STR || v->len == 0 || v->len > 8)
		return false;
	*out = 0;
	for (uint32_t i = 0; i < v->len; i++) {
		int d = ascii_hex(p[i]);

		if (d < 0)
			return false;
		*out = *out << 4 | (uint64_t)d;
	}
	return true;
}

/* One DHE suite, perhaps with the marker, and nothing else. */
static bool
offers_one_dhe(const struct event *e)
{
	const struct value *v = event_get(e, FIELD_TLS_CLIENT_CIPHERS), *items;
	unsigned n = 0;

	if (v == NULL || v->type != VT_LIST || v->len == 0 || v->len > 2)
		return false;
	items = v->ptr;
	for (uint32_t i = 0; i < v->len; i++) {
		uint64_t suite;

		if (!hex_u64(&items[i], &suite))
			return false;
		if (suite == SCSV)
			continue;
		if (!is_dhe(suite))
			return false;
		n++;
	}
	return n == 1;
}

static bool
has_extension(const struct event *e, uint64_t type)
{
	const struct value *v = event_get(e, FIELD_TLS_CLIENT_EXTS), *items;

	if (v == NULL || v->type != VT_LIST)
		return false;
	items = v->ptr;
	for (uint32_t i = 0; i < v->len; i++) {
		uint64_t n;

		if (value_u64(&items[i], &n) && n == type)
			return true;
	}
	return false;
}

static bool
is_set(const struct event *e, unsigned field)
{
	uint64_t n;

	return event_u64(e, field, &n) && n != 0;
}

static bool
is_number(const struct event *e, unsigned field, uint64_t want)
{
	uint64_t n;

	return event_u64(e, field, &n) && n == want;
}

static bool
is_stock(const struct event *e)
{
	static const uint16_t shown[] = {
		FIELD_TLS_CERT_SHA1, FIELD_TLS_CLIENT_CERT_SHA1
	};

	if (span_eq(event_str(e, FIELD_TLS_DH_PRIME_SHA256),
	    span_str(stock_prime)))
		return true;
	for (size_t f = 0; f < NITEMS(shown); f++)
		for (size_t i = 0; i < NITEMS(stock_certs); i++)
			if (span_eq(event_str(e, shown[f]),
			    span_str(stock_certs[i])))
				return true;
	return false;
}

/* The weight of what is seen, 0 to 99. */
static unsigned
weigh(const struct event *e)
{
	unsigned weight = 0;

	if (is_stock(e))
		weight += 80;
	if (!offers_one_dhe(e) || event_str(e, FIELD_TLS_SNI).len != 0 ||
	    event_get(e, FIELD_TLS_CLIENT_ALPN) != NULL ||
	    has_extension(e, EXT_GROUPS))
		return weight;
	weight += 40;
	if (is_set(e, FIELD_TLS_CLIENT_CERT))
		weight += 15;
	if (is_set(e, FIELD_TLS_SAME_LEAF))
		weight += 20;
	if (is_number(e, FIELD_TLS_DH_BITS, 4096))
		weight += 15;
	/* With keys of RSA-4096, header included. */
	if (is_number(e, FIELD_TLS_SKE_LEN, 1551) &&
	    is_number(e, FIELD_TLS_CKE_LEN, 518) &&
	    is_number(e, FIELD_TLS_CV_LEN, 520))
		weight += 5;
	return MIN_OF(weight, 99u);
}

/* Could the conversation be the flow of a tunnel that carried much out? */
static bool
is_bulk(const struct event *e)
{
	uint64_t up, down = 0;

	if (!event_u64(e, FIELD_SRC_BYTES, &up) || up < BULK_BYTES)
		return false;
	event_u64(e, FIELD_DST_BYTES, &down);
	return up / BULK_RATIO >= down;
}

static void
ssf_event(struct detect *d, const struct event *e)
{
	if (e->kind == KIND_CONN ? is_bulk(e) : weigh(e) >= RAISE_AT)
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

struct key {
	struct addr	src, dst;
	uint16_t	sport, dport, proto, pad;
};

struct bulk {
	struct locator	loc;
	int64_t		time;
	uint64_t	up, down;
	double		seconds;
};

struct state {
	struct table	*bulk;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->bulk = table_new(sizeof(struct key), sizeof(struct bulk),
	    CONNS_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->bulk != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->bulk);
	arena_fini(&s->arena);
}

static bool
key_of(const struct event *e, struct key *k)
{
	uint64_t sport, dport;

	memset(k, 0, sizeof(*k));
	if (!event_addr(e, FIELD_SRC_IP, &k->src) ||
	    !event_addr(e, FIELD_DST_IP, &k->dst) ||
	    !event_u64(e, FIELD_SRC_PORT, &sport) ||
	    !event_u64(e, FIELD_DST_PORT, &dport))
		return false;
	k->sport = (uint16_t)sport;
	k->dport = (uint16_t)dport;
	return true;
}

static void
note_conn(struct detect *d, struct state *s, const struct event *e)
{
	const struct value *v;
	struct bulk *b;
	struct key k;
	bool made;

	if (!key_of(e, &k))
		return;
	if (table_count(s->bulk) == CONNS_MAX)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
	if ((b = table_put(s->bulk, &k, &made)) == NULL)
		return;
	b->loc = e->loc;
	b->time = e->time;
	event_u64(e, FIELD_SRC_BYTES, &b->up);
	event_u64(e, FIELD_DST_BYTES, &b->down);
	v = event_get(e, FIELD_CONN_DURATION);
	b->seconds = v != NULL && v->type == VT_F64 && v->f64 > 0 &&
	    v->f64 < SECONDS_MAX ? v->f64 : 0;
}

static void
set_entities(struct finding *f, struct state *s, const struct event *e)
{
	finding_entity(f, ENTITY_HOST, &s->arena, e, FIELD_SRC_IP);
	finding_entity(f, ENTITY_SRC_IP, &s->arena, e, FIELD_SRC_IP);
	finding_entity(f, ENTITY_DST_IP, &s->arena, e, FIELD_DST_IP);
	finding_entity(f, ENTITY_DST_PORT, &s->arena, e, FIELD_DST_PORT);
}

static void
put_ends(struct buf *b, const struct finding *f)
{
	text_who(b, f->entity[ENTITY_SRC_IP]);
	buf_str(b, " to ");
	text_who(b, f->entity[ENTITY_DST_IP]);
	buf_byte(b, ':');
	buf_span(b, f->entity[ENTITY_DST_PORT]);
}

static void
tell_bulk(struct detect *d, struct state *s, const struct event *e,
    const struct bulk *b)
{
	struct finding f;
	int64_t end;

	finding_init(&f, d, NULL);
	/* By the end of the conversation it was gone. */
	if (__builtin_add_overflow(b->time,
	    (int64_t)(b->seconds * (double)NSEC), &end))
		end = b->time;
	finding_evidence(&f, &b->loc, end);
	set_entities(&f, s, e);
	f.title = "Data carried away through a tunnel";
	f.rule = "ssf-upload";
	f.attack = "T1041";
	f.advice = "Keep the capture; find out from the files that the host "
	    "read shortly before what was taken.";
	f.severity = SEV_CRITICAL;
	f.confidence = 85;
	put_ends(&d->text, &f);
	buf_printf(&d->text, " carried %.1f kB out and %.1f kB back in %.1f "
	    "hours inside the tunnel, the shape of an archive being sent",
	    (double)b->up / 1e3, (double)b->down / 1e3, b->seconds / 3600);
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_DST_IP]);
	finding_raise(&f, d);
}

static void
tell_tls(struct detect *d, struct state *s, const struct event *e)
{
	unsigned weight = weigh(e);
	struct finding f;

	finding_init(&f, d, e);
	set_entities(&f, s, e);
	f.confidence = weight;
	put_ends(&d->text, &f);
	buf_str(&d->text, is_stock(e) ?
	    ": TLS with the stock certificates or Diffie-Hellman prime of "
	    "Secure Socket Funnelling" :
	    ": TLS in the shape of Secure Socket Funnelling (one DHE suite, "
	    "no server name, client certificate");
	if (!is_stock(e)) {
		uint64_t bits;

		if (is_set(e, FIELD_TLS_SAME_LEAF))
			buf_str(&d->text, " equal to the server's");
		if (event_u64(e, FIELD_TLS_DH_BITS, &bits))
			buf_printf(&d->text, ", %u-bit group",
			    (unsigned)bits);
		buf_byte(&d->text, ')');
	}
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_DST_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_DST_PORT]);
	if (is_stock(e))
		f.severity = SEV_CRITICAL;
	finding_raise(&f, d);
}

static void
ssf_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	const struct bulk *b;
	struct key k;

	arena_reset(&s->arena);
	if (e->kind == KIND_CONN) {
		/* A conversation begins before its handshake does. */
		note_conn(d, s, e);
		return;
	}
	tell_tls(d, s, e);
	if (key_of(e, &k) && (b = table_get(s->bulk, &k)) != NULL)
		tell_bulk(d, s, e, b);
}

const struct detector detector_ssf = {
	.name = "ssf",
	.title = "Secure Socket Funnelling tunnel",
	.doc = "TLS in the shape that Secure Socket Funnelling has whatever "
	    "it was built against, or with its stock certificates or prime; "
	    "and what left through it. False alarms: closed mutual-TLS links "
	    "with one DHE suite stay below the threshold.",
	.attack = "T1572 T1090",
	.advice = "Isolate the host at the client end; look for ssf or ssfd "
	    "processes, config.json and a certs folder; see which inside "
	    "hosts it reached while the tunnel was open.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event = ssf_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = ssf_note,
	.fini = state_fini,
};
