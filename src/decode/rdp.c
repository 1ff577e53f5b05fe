/* SPDX-License-Identifier: Apache-2.0
 *
 * The negotiation that opens a remote desktop ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2).
 *
 *	TPKT	3, 0, length(2, big-endian, whole)		RFC 1006 6
 *	X.224	length(1), code(1): e0 request, d0 confirm,
 *		dst-ref(2), src-ref(2), class(1)		X.224 13.3, 13.4
 *	request	["Cookie: mstshash=" user CR LF |
 *		 "Cookie: msts=" token CR LF]
 *		[1, flags(1), 8(2 LE), protocols(4 LE)]
 *	confirm	[2, flags(1), 8(2 LE), chosen protocol(4 LE) |
 *		 3, flags(1), 8(2 LE), failure code(4 LE)]
 *
 * One event when the server answers, or at the end without.  Security by TLS
 * hands the connection over, so that the handshake is told too.
 *
 * Ownership: the request is kept (dec_keep) until told.  Bounds: a TPDU has up
 * to 255 bytes behind its length (X.224 13.2.1); nothing longer is kept.
 */
#include "codec.h"
#include "decode.h"

#define TPKT_HEAD	4
#define TPDU_MAX	(TPKT_HEAD + 1 + 254)	/* 255 is reserved */
#define X224_REQUEST	0xe0
#define X224_CONFIRM	0xd0

enum { NEG_REQUEST = 1, NEG_RESPONSE = 2, NEG_FAILURE = 3 };

struct rdp {
	struct span	request;	/* behind the X.224 header */
	int64_t		time;
	uint64_t	record, offset;
	bool		asked, told;
};
_Static_assert(sizeof(struct rdp) <= DEC_STATE_MAX, "state of rdp");

static enum probe_result
rdp_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);
	size_t len;
	uint8_t code;

	if (p->is_udp || (c.left > 0 && cur_peek(&c, 0) != 3) ||
	    (c.left > 1 && cur_peek(&c, 1) != 0))
		return PROBE_NO;
	if (c.left < 7)
		return PROBE_MORE;
	cur_skip(&c, 2);
	len = cur_be16(&c);
	if (len < 11 || len > TPDU_MAX || cur_u8(&c) != len - 5)
		return PROBE_NO;
	code = cur_u8(&c);
	if (code != X224_REQUEST && code != X224_CONFIRM)
		return PROBE_NO;
	if (cur_u8(&c) != 0)	/* dst-ref; S7 and others differ later */
		return PROBE_NO;
	if (p->data.len < 11)
		return PROBE_MORE;
	/* ISO protocols of plants put parameters here (c0 to c2) */
	if (len > 11 && p->data.len > 11) {
		uint8_t first = p->data.ptr[11];

		if (first != 'C' && first != NEG_REQUEST &&
		    first != NEG_RESPONSE && first != NEG_FAILURE)
			return PROBE_NO;
	}
	return (code == X224_REQUEST) == (p->dir == DIR_CLIENT) ?
	    PROBE_YES : PROBE_SWAP;
}

/* -- telling ------------------------------------------------------------- */

/* Zeek and Suricata use these, but for case. */
static const char *const bit_names[] = { "ssl", "hybrid", "rds_tls",
    "hybrid_ex", "rds_aad" };

static void
add_protocols(struct batch *b, unsigned field, uint32_t bits)
{
	char text[64];
	size_t n = 0;

	if (bits == 0)
		event_add_str(b, field, SPAN_LIT("rdp"));
	for (unsigned i = 0; i < NITEMS(bit_names); i++) {
		if ((bits >> i & 1) == 0)
			continue;
		if (n != 0)
			text[n++] = '+';
		memcpy(text + n, bit_names[i], strlen(bit_names[i]));
		n += strlen(bit_names[i]);
	}
	if (n != 0)
		event_add_copy(b, field, span_of(text, n));
}

/* [type, flags, 8, value]; false: is none of that type. */
static bool
read_neg(struct cursor c, uint8_t *type, uint32_t *value)
{
	*type = cur_u8(&c);
	cur_skip(&c, 1);
	if (cur_le16(&c) != 8)
		cur_fail(&c);
	*value = cur_le32(&c);
	return cur_ok(&c);
}

static void
add_request(struct batch *b, struct span request)
{
	static const struct span user = SPAN_LIT("Cookie: mstshash=");
	struct cursor c = cur_of(request);
	size_t n = span_find(request, SPAN_LIT("\r\n"));
	uint32_t bits;
	uint8_t type;

	if (n != SPAN_NPOS) {
		struct span line = cur_take(&c, n);

		cur_skip(&c, 2);
		if (span_starts(line, user))
			line = span_sub(line, user.len, SIZE_MAX);
		event_add_copy(b, FIELD_RDP_COOKIE, line);
	}
	if (read_neg(c, &type, &bits) && type == NEG_REQUEST)
		add_protocols(b, FIELD_RDP_REQUESTED, bits);
}

static void
add_confirm(struct dec *d, struct cursor c)
{
	static const char *const failures[] = { "unknown", "ssl-required",
	    "ssl-not-allowed", "no-certificate", "inconsistent-flags",
	    "hybrid-required", "ssl-with-user-auth-required" };
	struct batch *b = d->batch;
	uint32_t value;
	uint8_t type;

	if (c.left == 0) {	/* servers before TLS: 2.2.1.2 */
		add_protocols(b, FIELD_RDP_SECURITY, 0);
	} else if (!read_neg(c, &type, &value)) {
		dec_weird(d, WEIRD_RDP_BAD);
	} else if (type == NEG_RESPONSE) {
		add_protocols(b, FIELD_RDP_SECURITY, value);
		event_add_str(b, FIELD_RDP_RESULT, SPAN_LIT("agreed"));
	} else if (type == NEG_FAILURE) {
		event_add_str(b, FIELD_RDP_RESULT, span_str(
		    failures[value < NITEMS(failures) ? value : 0]));
	}
}

/* confirm: NULL when none came. */
static void
tell(struct dec *d, struct rdp *s, const struct cursor *confirm)
{
	if (s->asked && !s->told &&
	    dec_event(d, KIND_RDP, s->time, s->record, s->offset)) {
		add_request(d->batch, s->request);
		if (confirm != NULL)
			add_confirm(d, *confirm);
		event_end(d->batch);
	}
	s->told = true;
	dec_drop(d, &s->request);
}

static void
rdp_close(struct dec *d, void *state)
{
	tell(d, state, NULL);
}

/* -- bytes --------------------------------------------------------------- */

static void
confirm(struct dec *d, struct rdp *s, struct cursor body)
{
	uint32_t value;
	uint8_t type;

	tell(d, s, &body);
	d->action = read_neg(body, &type, &value) && type == NEG_RESPONSE &&
	    value != 0 ? DEC_HANDOVER : DEC_DONE;
}

static size_t
rdp_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct rdp *s = state;
	struct cursor c = cur_of(seg->data), body;
	size_t len = c.left < TPKT_HEAD ? 0 : load_be16(seg->data.ptr + 2);
	uint8_t code;

	d->need[seg->dir] = TPKT_HEAD;
	if (len == 0 && c.left < TPKT_HEAD)
		return 0;
	d->need[seg->dir] = len;
	if (s->asked && seg->dir == DIR_CLIENT && seg->data.ptr[0] != 3 &&
	    seg->lost == 0)
		return 0;	/* ahead of the confirm: TLS already */
	if (seg->data.ptr[0] != 3 || len < 11 || len > TPDU_MAX ||
	    seg->lost != 0) {
		d->action = DEC_DONE;
		if (seg->lost == 0)
			dec_weird(d, WEIRD_RDP_BAD);
		return seg->data.len;
	}
	if (c.left < len)
		return 0;
	body = cur_sub(&c, len);
	cur_skip(&body, TPKT_HEAD + 1);
	code = cur_u8(&body);
	cur_skip(&body, 5);
	if (code == X224_REQUEST && !s->asked) {
		s->asked = true;
		s->time = seg->time;
		s->record = seg->record;
		s->offset = seg->offset;
		if (body.left != 0)
			s->request = dec_keep(d, cur_rest(&body));
	} else if (code == X224_CONFIRM) {
		confirm(d, s, body);
	} else {
		dec_weird(d, WEIRD_RDP_BAD);
		d->action = DEC_DONE;
	}
	return len;
}

static const uint8_t rdp_kinds[] = { KIND_RDP, KIND_NONE };

const struct decoder decoder_rdp = {
	.name = "rdp",
	.title = "RDP connection request and security",
	.doc = "Cookie (mostly the user name), security offered and agreed "
	    "on; TLS is followed. Left: what comes after without TLS, RDP "
	    "over UDP. [MS-RDPBCGR] 2.2.1.",
	.kinds = rdp_kinds,
	.state_size = sizeof(struct rdp),
	.probe = rdp_probe,
	.stream = rdp_stream,
	.close = rdp_close,
};
