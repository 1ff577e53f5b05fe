/* SPDX-License-Identifier: Apache-2.0
 *
 * DCE/RPC connections (C706 12.6, [MS-RPCE] 2.2.2): what the decoder of TCP
 * connections and the one of SMB's named pipes share.
 *
 *	 0 version 5, 0      2 type      3 flags    4 data representation:4
 *	 8 fragment's length:2   10 of its verifier:2   12 call:4
 *	request 0:  16 hint:4, 20 context:2, 22 opnum:2
 *	bind 11, alter 14:  16 sizes, group: 8, 24 contexts:1, 3 unused, each
 *		id:2, transfers:1, unused:1, interface 16, version:4, 20 a
 *		transfer
 *	bind_ack 12:  24 length:2, secondary address (port or pipe)
 *	verifier, at the end:  type:1, level:1, padding:1, unused:1, context:4,
 *		then as long as the header says
 *
 * One event a request, told when it is seen; parameters are left, as they are
 * sealed mostly.  NTLM sign-ins of the verifiers are told as well.
 *
 * Ownership: a struct rpc is dec_alloc'ed and given back by rpc_free().
 * Bounds: CONTEXTS_MAX; the callers bound the length of a PDU.
 */
#include <stdio.h>

#include "codec.h"
#include "decode.h"

#define CONTEXTS_MAX	32	/* clients bind one to five; Windows offers
				 * each twice or thrice */
#define ADDRESS_MAX	256u
#define UUID_TEXT	36

enum { P_REQUEST = 0, P_RESPONSE = 2, P_FAULT = 3, P_BIND = 11,
    P_BIND_ACK = 12, P_ALTER = 14, P_ALTER_ACK = 15, P_AUTH3 = 16,
    P_LAST = 19 };
#define F_FIRST		0x01

struct context {
	uint16_t	id;
	char		uuid[UUID_TEXT];
};

struct rpc {
	struct context	ctx[CONTEXTS_MAX];
	unsigned	n;
	struct span	address;	/* kept */
	struct ntlm	ntlm;
};

static const struct interface {
	const char	*name, *uuid;
	unsigned	 first;
	const char	*ops;
} interfaces[] = {
#define RPC(name, uuid, first, ops) { name, uuid, first, ops },
#include "rpc.def"
#undef RPC
};

struct rpc *
rpc_new(struct dec *d)
{
	return dec_alloc(d, sizeof(struct rpc));
}

void
rpc_free(struct dec *d, struct rpc *r)
{
	ntlm_drop(d, &r->ntlm);
	dec_drop(d, &r->address);
	dec_free(d, r, sizeof(*r));
}

/* -- names --------------------------------------------------------------- */

static struct span
word(const char *s, unsigned n)
{
	size_t len;

	for (;; s += len + 1) {
		len = strcspn(s, " ");
		if (n-- == 0)
			return span_of(s, len);
		if (s[len] == '\0')
			return SPAN_NONE;
	}
}

/* The name of an interface, and of its operation; SPAN_NONE: not known. */
static struct span
rpc_name(const char *uuid, unsigned opnum, struct span *op)
{
	struct span name = SPAN_NONE;

	*op = SPAN_NONE;
	for (size_t i = 0; i < NITEMS(interfaces); i++) {
		const struct interface *f = &interfaces[i];

		if (memcmp(f->uuid, uuid, UUID_TEXT) != 0)
			continue;
		name = span_str(f->name);
		if (opnum >= f->first && op->len == 0)
			*op = word(f->ops, opnum - f->first);
		if (span_eq(*op, SPAN_LIT("-")))
			*op = SPAN_NONE;
	}
	return name;
}

static void
uuid_text(char out[UUID_TEXT], const uint8_t *p, bool le)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10,
	    11, 12, 13, 14, 15 };
	static const char digit[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++) {
		uint8_t b = p[le ? order[i] : i];

		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digit[b >> 4];
		*out++ = digit[b & 15];
	}
}

/* -- PDUs ---------------------------------------------------------------- */

static uint16_t
u16(struct cursor *c, bool le)
{
	return le ? cur_le16(c) : cur_be16(c);
}

bool
rpc_head(struct span s, struct rpc_head *h)
{
	struct cursor c = cur_of(s);

	if (s.len < RPC_HEAD || s.ptr[0] != 5 || s.ptr[1] > 1 ||
	    s.ptr[2] > P_LAST || (s.ptr[4] & 0xef) != 0 || s.ptr[5] > 3 ||
	    s.ptr[6] != 0 || s.ptr[7] != 0)
		return false;
	h->type = s.ptr[2];
	h->flags = s.ptr[3];
	h->le = s.ptr[4] & 0x10;
	cur_skip(&c, 8);
	h->len = u16(&c, h->le);
	h->auth = u16(&c, h->le);
	switch (h->type) {
	case P_BIND: case P_BIND_ACK: case P_ALTER: case P_ALTER_ACK:
	case P_AUTH3:
		h->want = h->len;
		break;
	case P_REQUEST:
		h->want = 24;
		break;
	default:
		h->want = RPC_HEAD;
		break;
	}
	h->is_reply = h->type == P_RESPONSE || h->type == P_FAULT ||
	    h->type == P_BIND_ACK || h->type == P_ALTER_ACK ||
	    h->type == 13;
	return h->len >= h->want && h->len >= RPC_HEAD;
}

static void
read_bind(struct dec *d, struct rpc *r, struct cursor c, bool le)
{
	unsigned n, transfers;

	cur_skip(&c, 24);
	n = cur_u8(&c);
	cur_skip(&c, 3);
	while (n-- > 0 && cur_ok(&c)) {
		struct context *x = NULL;
		uint16_t id = u16(&c, le);
		struct span uuid;

		transfers = cur_u8(&c);
		cur_skip(&c, 1);
		uuid = cur_take(&c, 16);
		cur_skip(&c, 4 + 20 * (size_t)transfers);
		if (!cur_ok(&c))
			break;
		for (unsigned i = 0; i < r->n; i++)
			if (r->ctx[i].id == id)
				x = &r->ctx[i];
		if (x == NULL && r->n == CONTEXTS_MAX) {
			dec_weird(d, WEIRD_DCERPC_LIMIT);
			return;
		}
		if (x == NULL)
			x = &r->ctx[r->n++];
		x->id = id;
		uuid_text(x->uuid, uuid.ptr, le);
	}
	if (!cur_ok(&c))
		dec_weird(d, WEIRD_DCERPC_BAD);
}

static void
read_ack(struct dec *d, struct rpc *r, struct cursor c, bool le)
{
	struct span s;

	cur_skip(&c, 24);
	s = cur_take(&c, u16(&c, le));
	if (!cur_ok(&c)) {
		dec_weird(d, WEIRD_DCERPC_BAD);
		return;
	}
	if (s.len != 0 && s.ptr[s.len - 1] == 0)
		s.len--;
	if (s.len != 0 && s.len <= ADDRESS_MAX && r->address.len == 0)
		r->address = dec_keep(d, s);
}

static void
add_pipe(struct dec *d, struct rpc *r, struct span pipe)
{
	char text[8];

	if (r->address.len != 0) {
		event_add_copy(d->batch, FIELD_DCERPC_PIPE, r->address);
	} else if (pipe.len != 0) {
		event_add_copy(d->batch, FIELD_DCERPC_PIPE, pipe);
	} else {
		snprintf(text, sizeof(text), "%u", d->conv->port[DIR_SERVER]);
		event_add_copy(d->batch, FIELD_DCERPC_PIPE, span_str(text));
	}
}

static void
tell_call(struct dec *d, struct rpc *r, const struct seg *seg,
    struct cursor c, const struct rpc_from *from, bool le)
{
	struct batch *b = d->batch;
	const struct context *x = NULL;
	const struct ntlm *who = r->ntlm.seen ? &r->ntlm : from->who;
	struct span name = SPAN_NONE, op = SPAN_NONE;
	uint16_t id, opnum;
	char text[64];

	cur_skip(&c, 20);
	id = u16(&c, le);
	opnum = u16(&c, le);
	for (unsigned i = 0; i < r->n; i++)
		if (r->ctx[i].id == id)
			x = &r->ctx[i];
	if (x == NULL || !cur_ok(&c) ||
	    !dec_event(d, KIND_DCERPC, seg->time, seg->record, seg->offset))
		return;
	name = rpc_name(x->uuid, opnum, &op);
	if (name.len == 0) {
		snprintf(text, sizeof(text), "unknown-%.36s", x->uuid);
		event_add_copy(b, FIELD_DCERPC_ENDPOINT, span_str(text));
	} else {
		event_add_str(b, FIELD_DCERPC_ENDPOINT, name);
	}
	if (op.len == 0) {
		snprintf(text, sizeof(text), "unknown-%u", opnum);
		event_add_copy(b, FIELD_DCERPC_OPERATION, span_str(text));
	} else {
		event_add_str(b, FIELD_DCERPC_OPERATION, op);
	}
	add_pipe(d, r, from->pipe);
	event_add_copy(b, FIELD_DCERPC_INTERFACE, span_of(x->uuid,
	    UUID_TEXT));
	event_add_u64(b, FIELD_DCERPC_OPNUM, opnum);
	if (who != NULL && who->user.len != 0) {
		event_add_copy(b, FIELD_NTLM_USER, who->user);
		event_add_copy(b, FIELD_NTLM_DOMAIN, who->domain);
	}
	event_end(b);
}

void
rpc_pdu(struct dec *d, struct rpc *r, const struct seg *seg,
    const struct rpc_head *h, struct span pdu, const struct rpc_from *from)
{
	struct cursor c = cur_of(pdu);

	switch (h->type) {
	case P_BIND: case P_ALTER:
		read_bind(d, r, c, h->le);
		break;
	case P_BIND_ACK: case P_ALTER_ACK:
		read_ack(d, r, c, h->le);
		break;
	case P_REQUEST:
		if (h->flags & F_FIRST)
			tell_call(d, r, seg, c, from, h->le);
		return;
	case P_AUTH3:
		break;
	default:
		return;
	}
	if (h->auth == 0 || h->auth > pdu.len)
		return;
	pdu = span_sub(pdu, pdu.len - h->auth, h->auth);
	if (h->is_reply)
		(void)ntlm_read(d, pdu, NTLM_CHALLENGE, &r->ntlm);
	else if (ntlm_read(d, pdu, NTLM_AUTHENTICATE, &r->ntlm))
		ntlm_tell(d, &r->ntlm, &r->ntlm, seg->time, seg->record,
		    seg->offset, NULL);
}
