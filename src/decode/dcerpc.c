/* SPDX-License-Identifier: Apache-2.0
 *
 * DCE/RPC over TCP: the endpoint mapper on port 135 and the dynamic ports
 * behind it.  What a PDU says is read by rpc.c; here they are cut from the
 * stream.
 *
 *	5, 0, type, flags, representation:4, length:2, ...	C706 12.6.3.1
 *
 * Of requests the head is looked at, the rest passed over.  A gap or what is no
 * PDU ends it: nothing marks where the next one begins.
 *
 * Ownership: one struct rpc a connection.  Bounds: a PDU has at most 64 KB by
 * its length field; those that are read whole are refused over PDU_MAX.
 */
#include "codec.h"
#include "decode.h"

#define PDU_MAX	32768u	/* binds with large tickets; Windows sends 5,840 */

struct state {
	struct rpc	*rpc;
};

static enum probe_result
dcerpc_probe(const struct probe *p)
{
	struct rpc_head h;
	const uint8_t *b = p->data.ptr;

	if (p->is_udp || (p->data.len > 0 && b[0] != 5) ||
	    (p->data.len > 1 && b[1] != 0))
		return PROBE_NO;
	if (p->data.len < RPC_HEAD)
		return p->data.len > 2 && b[2] > 16 ? PROBE_NO : PROBE_MORE;
	if (!rpc_head(p->data, &h) || h.auth > h.len || h.type == 1 ||
	    (h.type > 3 && h.type < 11))
		return PROBE_NO;
	return h.is_reply == (p->dir == DIR_SERVER) ? PROBE_YES : PROBE_SWAP;
}

static void
dcerpc_close(struct dec *d, void *state)
{
	struct state *s = state;

	if (s->rpc != NULL)
		rpc_free(d, s->rpc);
	s->rpc = NULL;
}

static size_t
dcerpc_stream(struct dec *d, void *state, const struct seg *seg)
{
	static const struct rpc_from from = { .who = NULL };
	struct state *s = state;
	struct cursor c = cur_of(seg->data);
	bool bad = seg->lost != 0;

	if (s->rpc == NULL && (s->rpc = rpc_new(d)) == NULL)
		bad = true;
	while (!bad && c.left != 0) {
		struct rpc_head h;

		if (c.left < RPC_HEAD) {
			d->need[seg->dir] = RPC_HEAD;
			break;
		}
		if (!rpc_head(cur_rest(&c), &h) || h.want > PDU_MAX) {
			dec_weird(d, WEIRD_DCERPC_BAD);
			bad = true;
			break;
		}
		if (c.left < h.want) {
			d->need[seg->dir] = h.want;
			break;
		}
		rpc_pdu(d, s->rpc, seg, &h, span_sub(cur_rest(&c), 0,
		    h.want), &from);
		if (h.len > c.left)
			d->skip[seg->dir] = h.len - c.left;
		cur_skip(&c, MIN_OF((size_t)h.len, c.left));
	}
	if (bad) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	return seg->data.len - c.left;
}

static const uint8_t dcerpc_kinds[] = { KIND_DCERPC, KIND_NTLM, KIND_NONE };

const struct decoder decoder_dcerpc = {
	.name = "dcerpc",
	.title = "DCE/RPC over TCP",
	.doc = "Calls by interface and operation, with the names of Zeek's "
	    "dce_rpc.log; NTLM sign-ins. Over SMB's named pipes the same is "
	    "told by smb. Left: parameters, answers, UDP, RPC over HTTP. "
	    "C706 12.6, [MS-RPCE].",
	.kinds = dcerpc_kinds,
	.state_size = sizeof(struct state),
	.probe = dcerpc_probe,
	.stream = dcerpc_stream,
	.close = dcerpc_close,
};
