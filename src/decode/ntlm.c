/* SPDX-License-Identifier: Apache-2.0
 *
 * NTLM messages (MS-NLMP 2.2.1) wherever a protocol carries them.
 *
 *	"NTLMSSP\0", type:4, then fields of length:2, space:2, offset:4 from
 *	the signature on
 *	 2 CHALLENGE:    12 target name, 20 flags, 40 target info
 *	 3 AUTHENTICATE: 28 domain, 36 user, 44 workstation, 60 flags
 *
 * Messages are found by their signature, so raw NTLM, SPNEGO and what wraps
 * them otherwise are all read the same way.
 *
 * Ownership: the texts are kept by dec_keep(); ntlm_drop() gives them back.
 * Bounds: names of NTLM_NAME_MAX bytes, NTLM_PAIRS_MAX pairs of target info.
 */
#include "codec.h"
#include "decode.h"

#define NTLM_NAME_MAX	2048u	/* as of file names: far over what occurs */
#define NTLM_PAIRS_MAX	32	/* pairs in target info; 11 are defined */

void
ntlm_drop(struct dec *d, struct ntlm *n)
{
	dec_drop(d, &n->user);
	dec_drop(d, &n->domain);
	dec_drop(d, &n->host);
	dec_drop(d, &n->server);
	dec_drop(d, &n->server_dns);
	n->seen = false;
}

static void
keep(struct dec *d, struct span *to, struct span s, bool is_wide)
{
	uint8_t room[NTLM_NAME_MAX / 2 * 3];

	dec_drop(d, to);
	if (s.len > NTLM_NAME_MAX)
		dec_weird(d, WEIRD_NTLM_BAD);
	s = span_sub(s, 0, NTLM_NAME_MAX);
	if (is_wide)
		s = span_of(room, utf16_to_utf8(span_sub(s, 0,
		    s.len & ~(size_t)1), false, room));
	if (s.len != 0)
		*to = dec_keep(d, s);
}

/* The bytes that the field at off of the message names. */
static struct span
field(struct dec *d, struct span msg, size_t off)
{
	struct cursor c = cur_of(span_sub(msg, off, 8));
	size_t len = cur_le16(&c);
	struct span s;

	cur_skip(&c, 2);
	s = span_sub(msg, cur_le32(&c), len);
	if (!cur_ok(&c) || s.len != len) {
		dec_weird(d, WEIRD_NTLM_BAD);
		return SPAN_NONE;
	}
	return s;
}

static void
challenge(struct dec *d, struct span msg, struct ntlm *n)
{
	struct cursor c;

	if (msg.len < 48)
		return;
	c = cur_of(field(d, msg, 40));
	for (unsigned i = 0; i < NTLM_PAIRS_MAX && c.left != 0; i++) {
		unsigned id = cur_le16(&c);
		struct span v = cur_take(&c, cur_le16(&c));

		if (!cur_ok(&c))
			dec_weird(d, WEIRD_NTLM_BAD);
		if (id == 0 || !cur_ok(&c))
			break;
		if (id == 1)
			keep(d, &n->server, v, true);
		else if (id == 3)
			keep(d, &n->server_dns, v, true);
	}
}

static void
authenticate(struct dec *d, struct span msg, struct ntlm *n)
{
	struct cursor c = cur_of(span_sub(msg, 60, 4));
	bool is_wide = cur_le32(&c) & 1;

	if (!cur_ok(&c)) {
		dec_weird(d, WEIRD_NTLM_BAD);
		return;
	}
	n->seen = true;
	keep(d, &n->domain, field(d, msg, 28), is_wide);
	keep(d, &n->user, field(d, msg, 36), is_wide);
	keep(d, &n->host, field(d, msg, 44), is_wide);
}

static unsigned
find(struct span blob, struct span *msg)
{
	size_t at = span_find(blob, span_of("NTLMSSP", 8));

	*msg = span_sub(blob, at, blob.len);
	return at == SPAN_NPOS || msg->len < 12 ? 0 : load_le32(msg->ptr + 8);
}

unsigned
ntlm_type(struct span blob)
{
	struct span msg;

	return find(blob, &msg);
}

bool
ntlm_read(struct dec *d, struct span blob, unsigned type, struct ntlm *n)
{
	struct span msg;

	if (find(blob, &msg) != type)
		return false;
	if (type == NTLM_CHALLENGE)
		challenge(d, msg, n);
	else
		authenticate(d, msg, n);
	return true;
}

void
ntlm_tell(struct dec *d, const struct ntlm *n, const struct ntlm *server,
    int64_t time, uint64_t record, uint64_t offset, const bool *success)
{
	struct batch *b = d->batch;

	if (!n->seen || !dec_event(d, KIND_NTLM, time, record, offset))
		return;
	event_add_copy(b, FIELD_NTLM_USER, n->user);
	event_add_copy(b, FIELD_NTLM_DOMAIN, n->domain);
	event_add_copy(b, FIELD_NTLM_HOST, n->host);
	if (server != NULL && server->server.len != 0)
		event_add_copy(b, FIELD_NTLM_SERVER, server->server);
	if (server != NULL && server->server_dns.len != 0)
		event_add_copy(b, FIELD_NTLM_SERVER_DNS, server->server_dns);
	if (success != NULL)
		event_add_bool(b, FIELD_NTLM_SUCCESS, *success);
	event_end(b);
}
