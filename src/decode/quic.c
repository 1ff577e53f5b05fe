/* SPDX-License-Identifier: Apache-2.0
 *
 * quic: the handshake of QUIC (RFC 9000, 9001; version 2: RFC 9369; drafts 23
 * to 34), as far as its Initial packets carry it: the hellos of both sides.
 *
 *	datagram	one or more packets, one behind the other
 *	long packet	1 1 type(2) x(4)  version(4) dcid<1> scid<1> ...
 *	  Initial	... token<v> length(v) number(1-4) sealed frames
 *	  0-RTT, Handshake  ... length(v) rest
 *	  Retry		... to the end of the datagram
 *	short packet	0 1 x(6) ... to the end of the datagram (1-RTT)
 *	frames		0 PADDING, 1 PING, 2 and 3 ACK, 6 CRYPTO offset(v)
 *			data<v>, 0x1c CONNECTION_CLOSE
 *	<1>, <v>: preceded by a length of one byte, or of variable size;
 *	(v): 1, 2, 4 or 8 bytes, the upper two bits say which
 *
 * Initial packets are sealed with keys that follow from the connection id that
 * the client chose (RFC 9001 5.2): no secret, so whoever sees the first packet
 * can read them.  All later ones stay closed.
 *
 * One event of kind tls a handshake, told when the client's first 1-RTT packet
 * says that it is through, at a CONNECTION_CLOSE, after DATAGRAMS_MAX, or at
 * the end.  The hellos are kept until then (dec_alloc), texts are made at the
 * end.
 *
 * Bounds: the constants below.
 */
#include "decode.h"
#include "codec.h"

#define CLIENT_DATAGRAM_MIN 1200	/* RFC 9000 14.1: what is smaller is
					 * dropped by every server */
#define PACKET_MAX	4096	/* Initials come before the path's size is
				 * known, so they have some 1,200 bytes */
#define CRYPTO_MAX	16384	/* hellos, the largest post-quantum ones have
				 * 4 KB; power of two, a multiple of 8 */
#define CRYPTO_MIN	2048	/* what is taken first */
#define DATAGRAMS_MAX	100	/* of a handshake; real ones have some 10 */
#define CID_MAX		20	/* RFC 9000 17.2 */
#define TAG_LEN		16

enum packet_type { INITIAL, ZERO_RTT, HANDSHAKE, RETRY };

/* A CRYPTO stream being put together: buf has size bytes, then a bit for each
 * of them that is there.  The bytes that came first win. */
struct crypto {
	uint8_t		*buf;
	uint32_t	 size;
	uint32_t	 have;		/* none is missing before */
	uint32_t	 start;		/* of the message at hand */
	uint32_t	 len;		/* its body; 0: not whole yet */
	bool		 dead;		/* not to be read any more */
};

struct keys {
	uint8_t		 key[16], iv[12], hp[16];
};

struct quic {
	struct crypto	 crypto[2];	/* by direction */
	struct keys	 keys[2];
	int64_t		 time;		/* of the first client Initial */
	uint64_t	 record, offset;
	uint64_t	 error;		/* of CONNECTION_CLOSE + 1 */
	uint32_t	 keys_version;	/* 0: there are no keys */
	uint16_t	 datagrams;
	uint8_t		 dcid_len;	/* of the first packet */
	uint8_t		 dcid[CID_MAX];
	uint8_t		 key_cid_len;	/* that the keys are of */
	uint8_t		 key_cid[CID_MAX];
	bool		 saw_retry;
	bool		 saw_sealed;	/* the weird was raised */
	bool		 established;
	bool		 done;
};
_Static_assert(sizeof(struct quic) <= DEC_STATE_MAX, "state of quic");

/* -- versions -------------------------------------------------------------- */

#define VERSION_2	0x6b3343cf

static const uint8_t salt_v1[20] = {
	0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a
};
static const uint8_t salt_v2[20] = {
	0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
	0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9
};
static const uint8_t salt_29[20] = {	/* draft-ietf-quic-tls-29 to -32 */
	0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
	0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99
};
static const uint8_t salt_23[20] = {	/* -23 to -28 */
	0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
	0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02
};

/* NULL: a version that is not read. */
static const uint8_t *
salt_of(uint32_t version)
{
	if (version == 1)
		return salt_v1;
	if (version == VERSION_2)
		return salt_v2;
	if (version >> 8 != 0xff0000)
		return NULL;
	switch (version & 0xff) {
	case 23: case 24: case 25: case 26: case 27: case 28:
		return salt_23;
	case 29: case 30: case 31: case 32:
		return salt_29;
	case 33: case 34:
		return salt_v1;
	}
	return NULL;
}

static enum packet_type
type_of(uint8_t first, uint32_t version)
{
	unsigned type = first >> 4 & 3;

	/* RFC 9369 3.2 shifts them by one. */
	return (enum packet_type)(version == VERSION_2 ? (type + 3) & 3 : type);
}

/* -- keys ------------------------------------------------------------------ */

/* HKDF-Expand-Label (RFC 8446 7.1) without context, up to one hash long. */
static void
expand(const uint8_t secret[32], const char *label, uint8_t *out, size_t n)
{
	uint8_t info[HMAC_MESSAGE_MAX], whole[32];
	size_t len = strlen(label), i = 0;

	ASSERT(n <= 32 && len <= 24);
	info[i++] = 0;
	info[i++] = (uint8_t)n;
	info[i++] = (uint8_t)(6 + len);
	memcpy(info + i, "tls13 ", 6);
	memcpy(info + i + 6, label, len);
	i += 6 + len;
	info[i++] = 0;
	info[i++] = 1;			/* the first block of HKDF-Expand */
	hmac_sha256(span_of(secret, 32), span_of(info, i), whole);
	memcpy(out, whole, n);
}

static void
derive(struct quic *q, uint32_t version, struct span cid)
{
	static const char *const sides[2] = { "client in", "server in" };
	static const char *const labels[2][3] = {
		{ "quic key", "quic iv", "quic hp" },
		{ "quicv2 key", "quicv2 iv", "quicv2 hp" }
	};
	const char *const *label = labels[version == VERSION_2];
	uint8_t first[32], side[32];

	hmac_sha256(span_of(salt_of(version), 20), cid, first);
	for (int i = 0; i < 2; i++) {
		struct keys *k = &q->keys[i];

		expand(first, sides[i], side, sizeof(side));
		expand(side, label[0], k->key, sizeof(k->key));
		expand(side, label[1], k->iv, sizeof(k->iv));
		expand(side, label[2], k->hp, sizeof(k->hp));
	}
	q->keys_version = version;
	q->key_cid_len = (uint8_t)cid.len;
	memcpy(q->key_cid, cid.ptr, cid.len);
}

/* -- the event ------------------------------------------------------------- */

static void
add_facts(struct dec *d, const struct quic *q)
{
	struct dec_text text;
	struct buf *b = dec_text_init(&text);

	if (q->keys_version >> 8 == 0xff0000)
		buf_printf(b, "draft-%u", q->keys_version & 0xff);
	else
		buf_str(b, q->keys_version == VERSION_2 ? "quicv2" : "1");
	dec_add_text(d, FIELD_QUIC_VERSION, b);
	hex_put(dec_text_init(&text), span_of(q->dcid, q->dcid_len));
	dec_add_text(d, FIELD_QUIC_DCID, &text.b);
	if (q->error == 0)
		return;
	event_add_u64(d->batch, FIELD_QUIC_ERROR, q->error - 1);
	/* CRYPTO_ERROR, RFC 9000 20.1 */
	if ((q->error - 1) >> 8 == 1)
		hello_add_alert(d, (uint8_t)(q->error - 1));
}

static struct span
body_of(const struct crypto *y)
{
	return span_of(y->buf + y->start + 4, y->len);
}

static void
tell(struct dec *d, const struct quic *q)
{
	const struct crypto *client = &q->crypto[DIR_CLIENT],
	    *server = &q->crypto[DIR_SERVER];
	struct hello h;

	if (!dec_event(d, KIND_TLS, q->time, q->record, q->offset))
		return;
	if (client->len != 0 && hello_read(body_of(client), false, &h))
		hello_add_client(d, &h, 'q');
	if (server->len != 0 && hello_read(body_of(server), true, &h)) {
		struct span psk;

		hello_add_server(d, &h,
		    hello_ext(&h, HELLO_EXT_PRE_SHARED_KEY, &psk));
		hello_add_group(d, hello_group(&h));
	}
	event_add_bool(d->batch, FIELD_TLS_ESTABLISHED, q->established);
	add_facts(d, q);
	event_end(d->batch);
}

static void
crypto_free(struct dec *d, struct crypto *y)
{
	if (y->buf != NULL)
		dec_free(d, y->buf, y->size + y->size / 8);
	y->buf = NULL;
	y->size = 0;
}

static void
finish(struct dec *d, struct quic *q)
{
	d->action = DEC_DONE;
	if (q->done)
		return;
	q->done = true;
	if (q->crypto[DIR_CLIENT].len != 0 || q->crypto[DIR_SERVER].len != 0)
		tell(d, q);
	crypto_free(d, &q->crypto[0]);
	crypto_free(d, &q->crypto[1]);
}

/* -- CRYPTO frames --------------------------------------------------------- */

static bool
is_there(const struct crypto *y, uint32_t i)
{
	return y->buf[y->size + i / 8] >> (i & 7) & 1;
}

/* Room for end bytes. */
static bool
crypto_room(struct dec *d, struct crypto *y, uint32_t end)
{
	uint32_t size = MAX_OF(y->size, CRYPTO_MIN);
	uint8_t *buf;

	while (size < end)
		size *= 2;
	if (size == y->size)
		return true;
	if ((buf = dec_alloc(d, size + size / 8)) == NULL)
		return false;
	if (y->buf != NULL) {
		memcpy(buf, y->buf, y->size);
		memcpy(buf + size, y->buf + y->size, y->size / 8);
		crypto_free(d, y);
	}
	y->buf = buf;
	y->size = size;
	return true;
}

/* What lies without holes from start on may be a hello now. */
static void
crypto_look(struct dec *d, struct crypto *y, unsigned dir)
{
	while (!y->dead && y->len == 0 && y->have - y->start >= 4) {
		const uint8_t *head = y->buf + y->start;
		uint32_t len = load_be24(head + 1);
		struct hello h;

		if (head[0] != (dir == DIR_CLIENT ? HELLO_TYPE_CLIENT :
		    HELLO_TYPE_SERVER) || len == 0) {
			dec_weird(d, WEIRD_QUIC_BAD);
			y->dead = true;
			return;
		}
		if (len > CRYPTO_MAX - 4 - y->start) {
			dec_weird(d, WEIRD_QUIC_LIMIT);
			y->dead = true;
			return;
		}
		if (y->have - y->start - 4 < len)
			return;
		y->len = len;
		if (!hello_read(body_of(y), dir == DIR_SERVER, &h)) {
			dec_weird(d, WEIRD_TLS_BAD);
			y->len = 0;
			y->dead = true;
		} else if (h.is_torn) {
			dec_weird(d, WEIRD_TLS_BAD);
		} else if (h.is_retry) {	/* the real one follows */
			y->start += 4 + len;
			y->len = 0;
		}
	}
}

static void
crypto_frame(struct dec *d, struct quic *q, unsigned dir, uint64_t off,
    struct span data)
{
	struct crypto *y = &q->crypto[dir];

	if (y->dead || y->len != 0 || data.len == 0)
		return;
	if (off > CRYPTO_MAX || data.len > CRYPTO_MAX - off) {
		dec_weird(d, WEIRD_QUIC_LIMIT);
		return;
	}
	if (!crypto_room(d, y, (uint32_t)(off + data.len)))
		return;
	for (size_t k = 0; k < data.len; k++) {
		uint32_t i = (uint32_t)(off + k);

		if (is_there(y, i))
			continue;
		y->buf[i] = data.ptr[k];
		y->buf[y->size + i / 8] |= (uint8_t)(1u << (i & 7));
	}
	while (y->have < y->size && is_there(y, y->have))
		y->have++;
	crypto_look(d, y, dir);
}

/* -- frames ---------------------------------------------------------------- */

/* RFC 9000 16 */
static uint64_t
varint(struct cursor *c)
{
	switch (cur_peek(c, 0) >> 6) {
	case 0:		return cur_u8(c);
	case 1:		return cur_be16(c) & 0x3fff;
	case 2:		return cur_be32(c) & 0x3fffffff;
	default:	return cur_be64(c) & UINT64_C(0x3fffffffffffffff);
	}
}

static struct span
take_varint(struct cursor *c)
{
	uint64_t n = varint(c);

	if (n > c->left)
		cur_fail(c);
	return cur_take(c, (size_t)n);
}

/* RFC 9000 19.3: each range has two bytes at least, so the loop ends with the
 * packet. */
static void
skip_ack(struct cursor *c, bool has_ecn)
{
	uint64_t ranges;

	varint(c);
	varint(c);
	ranges = varint(c);
	varint(c);
	for (uint64_t i = 0; i < ranges && cur_ok(c); i++) {
		varint(c);
		varint(c);
	}
	for (int i = 0; has_ecn && i < 3; i++)
		varint(c);
}

static void
frames(struct dec *d, struct quic *q, unsigned dir, struct span plain)
{
	struct cursor c = cur_of(plain);
	uint64_t off, error;
	struct span data;

	while (c.left > 0) {
		uint8_t type = cur_u8(&c);

		switch (type) {
		case 0x00: case 0x01:
			break;
		case 0x02: case 0x03:
			skip_ack(&c, type == 3);
			break;
		case 0x06:
			off = varint(&c);
			data = take_varint(&c);
			if (cur_ok(&c))
				crypto_frame(d, q, dir, off, data);
			break;
		case 0x1c:
			error = varint(&c);
			varint(&c);
			take_varint(&c);
			if (cur_ok(&c) && q->error == 0)
				q->error = error + 1;
			break;
		default:	/* none else in Initials, RFC 9000 12.4 */
			cur_fail(&c);
		}
	}
	if (!cur_ok(&c))
		dec_weird(d, WEIRD_QUIC_BAD);
}

/* -- packets --------------------------------------------------------------- */

struct packet_view {
	struct span	whole;		/* of this packet */
	struct span	dcid, scid;
	size_t		number;		/* where the packet number is */
	uint32_t	version;
	enum packet_type type;
};

/*
 * RFC 9001 5.3 and 5.4: takes the mask off the header, which is the sealed
 * data's companion, and opens these into mem (PACKET_MAX).
 */
static bool
unseal(const struct keys *k, const struct packet_view *v, uint8_t *mem,
    struct span *plain)
{
	uint8_t mask[16], nonce[12];
	struct cursor c = cur_of(v->whole);
	const uint8_t *sample;
	size_t len, n;

	cur_skip(&c, v->number + 4);
	if ((sample = cur_gate(&c, 16)) == NULL ||
	    !aes128_block(k->hp, sample, mask))
		return false;
	memcpy(mem, v->whole.ptr, v->number + 4);
	mem[0] = v->whole.ptr[0] ^ (mask[0] & 0x0f);
	n = (mem[0] & 3u) + 1;
	memcpy(nonce, k->iv, sizeof(nonce));
	for (size_t i = 0; i < n; i++) {
		mem[v->number + i] = v->whole.ptr[v->number + i] ^
		    mask[1 + i];
		nonce[12 - n + i] ^= mem[v->number + i];
	}
	len = v->number + n;
	if (!aes128_gcm_open(k->key, nonce, span_of(mem, len),
	    span_sub(v->whole, len, v->whole.len), mem + len))
		return false;
	*plain = span_of(mem + len, v->whole.len - len - TAG_LEN);
	return true;
}

static void
initial(struct dec *d, struct quic *q, const struct seg *seg,
    const struct packet_view *v)
{
	bool is_client = seg->dir == DIR_CLIENT, ok;
	uint8_t mem[PACKET_MAX];
	struct span plain;

	if (v->whole.len > PACKET_MAX) {
		dec_weird(d, WEIRD_QUIC_LIMIT);
		return;
	}
	if (q->keys_version != v->version || (q->saw_retry && is_client)) {
		struct span cid = v->dcid;

		/* RFC 9369 4.1: another version, the same connection id. */
		if (q->keys_version != 0 && !q->saw_retry)
			cid = span_of(q->key_cid, q->key_cid_len);
		else if (!is_client)
			return;
		q->saw_retry = false;
		derive(q, v->version, cid);
		if (q->dcid_len == 0) {
			q->dcid_len = (uint8_t)cid.len;
			memcpy(q->dcid, cid.ptr, cid.len);
		}
	}
	ok = unseal(&q->keys[seg->dir], v, mem, &plain);
	if (!ok && is_client && q->crypto[DIR_CLIENT].have == 0) {
		/* The packet before is not of this connection, or the Retry
		 * was not captured. */
		derive(q, v->version, v->dcid);
		ok = unseal(&q->keys[seg->dir], v, mem, &plain);
	}
	if (ok) {
		frames(d, q, seg->dir, plain);
	} else if (!q->saw_sealed) {
		q->saw_sealed = true;
		dec_weird(d, WEIRD_QUIC_SEALED);
	}
}

/* The next packet with a long header; false: nothing more to read in this
 * datagram. */
static bool
next_packet(struct dec *d, struct cursor *c, struct packet_view *v)
{
	struct span start = cur_rest(c);
	uint8_t first = cur_u8(c);
	struct span rest;

	v->version = cur_be32(c);
	v->dcid = cur_take(c, cur_u8(c));
	v->scid = cur_take(c, cur_u8(c));
	if (!cur_ok(c)) {
		dec_weird(d, WEIRD_QUIC_BAD);
		return false;
	}
	if (salt_of(v->version) == NULL)	/* negotiation has 0 here */
		return false;
	if (v->dcid.len > CID_MAX || v->scid.len > CID_MAX) {
		dec_weird(d, WEIRD_QUIC_BAD);
		return false;
	}
	v->type = type_of(first, v->version);
	if (v->type == RETRY)
		return true;
	if (v->type == INITIAL)
		take_varint(c);		/* token */
	v->number = start.len - c->left;
	rest = take_varint(c);
	if (!cur_ok(c)) {
		dec_weird(d, WEIRD_QUIC_BAD);
		return false;
	}
	v->number = start.len - c->left - rest.len;
	v->whole = span_sub(start, 0, start.len - c->left);
	return true;
}

static void
quic_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct cursor c = cur_of(seg->data);
	struct packet_view v = { .number = 0 };
	struct quic *q = state;

	if (q->datagrams++ == 0) {
		q->time = seg->time;
		q->record = seg->record;
		q->offset = seg->offset;
	}
	if (q->datagrams > DATAGRAMS_MAX || !d->batch->want->kind[KIND_TLS]) {
		finish(d, q);
		return;
	}
	while (c.left > 0 && q->error == 0) {
		uint8_t first = cur_peek(&c, 0);

		if ((first & 0xc0) == 0x40) {	/* short */
			q->established = q->established ||
			    seg->dir == DIR_CLIENT;
			break;
		}
		if ((first & 0x80) == 0 || !next_packet(d, &c, &v))
			break;		/* padding behind packets, or done */
		if (v.type == RETRY) {
			/* The hello comes again as it was (RFC 9000 17.2.5.2),
			 * under keys of another connection id. */
			q->saw_retry = seg->dir == DIR_SERVER &&
			    q->crypto[DIR_SERVER].have == 0;
			break;
		}
		if (v.type == INITIAL)
			initial(d, q, seg, &v);
	}
	if (q->established || q->error != 0)
		finish(d, q);
}

/* -- the decoder ----------------------------------------------------------- */

static enum probe_result
quic_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);
	uint32_t version;
	uint8_t first;

	if (!p->is_udp || p->data.len < CLIENT_DATAGRAM_MIN ||
	    p->dir != DIR_CLIENT)
		return PROBE_NO;
	first = cur_u8(&c);
	version = cur_be32(&c);
	if ((first & 0xc0) != 0xc0 || salt_of(version) == NULL ||
	    type_of(first, version) != INITIAL || cur_peek(&c, 0) > CID_MAX)
		return PROBE_NO;
	return PROBE_YES;
}

static void
quic_close(struct dec *d, void *state)
{
	finish(d, state);
}

static const uint8_t quic_kinds[] = { KIND_TLS, KIND_NONE };

const struct decoder decoder_quic = {
	.name = "quic",
	.title = "QUIC handshakes, v1, v2 and drafts",
	.doc = "Opens the Initial packets of QUIC (RFC 9000, 9001, 9369, "
	    "drafts 23 to 34) on any port and tells the TLS hellos of both "
	    "sides as tls events: names, suites, JA3, JA3S, JA4 with q. Leaves "
	    "what "
	    "later keys protect, and Google's QUIC before the drafts.",
	.kinds = quic_kinds,
	.state_size = sizeof(struct quic),
	.probe = quic_probe,
	.dgram = quic_dgram,
	.close = quic_close,
};
