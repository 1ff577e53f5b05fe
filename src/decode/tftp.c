/* SPDX-License-Identifier: Apache-2.0
 *
 * TFTP: which file is fetched or put (RFC 1350 5, RFC 2347 options).
 *
 *	opcode[2] (1 read, 2 write) name 0 mode 0 { option 0 value 0 }
 *
 * One event a request.  The transfer runs between other ports and is a
 * conversation of its own; the size is told where the request has it (tsize,
 * RFC 2349).
 *
 * Ownership: nothing is kept; fields point into the datagram.  Bounds:
 * REQUEST_MAX, and the cursor.
 */
#include "decode.h"

#define REQUEST_MAX	512u	/* RFC 2347 2 */

enum { OP_READ = 1, OP_WRITE = 2 };

struct request {
	unsigned	op;
	struct span	name, mode;
	struct cursor	options;
};

/* Text up to its NUL; fails the cursor when there is none. */
static struct span
text(struct cursor *c)
{
	struct span rest = cur_rest(c);
	size_t n = span_find_byte(rest, 0);

	if (n == SPAN_NPOS) {
		cur_fail(c);
		return SPAN_NONE;
	}
	cur_skip(c, n + 1);
	return span_sub(rest, 0, n);
}

static bool
read_request(struct span data, struct request *r)
{
	struct cursor c = cur_of(data);

	r->op = cur_be16(&c);
	if (data.len > REQUEST_MAX || (r->op != OP_READ && r->op != OP_WRITE))
		return false;
	r->name = text(&c);
	r->mode = text(&c);
	r->options = c;
	return cur_ok(&c) && r->name.len != 0 &&
	    (span_eq_nocase(r->mode, SPAN_LIT("octet")) ||
	    span_eq_nocase(r->mode, SPAN_LIT("netascii")) ||
	    span_eq_nocase(r->mode, SPAN_LIT("mail")));
}

static enum probe_result
tftp_probe(const struct probe *p)
{
	struct request r;

	return p->is_udp && read_request(p->data, &r) ? PROBE_YES : PROBE_NO;
}

static void
tftp_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct batch *b = d->batch;
	struct request r;

	(void)state;
	if (!read_request(seg->data, &r)) {
		/* a server that answers from the port that it was asked at */
		if (seg->data.len < 4 || load_be16(seg->data.ptr) < 1 ||
		    load_be16(seg->data.ptr) > 6)
			dec_weird(d, WEIRD_TFTP_BAD);
		return;
	}
	if (!dec_event(d, KIND_TFTP, seg->time, seg->record, seg->offset))
		return;
	event_add_str(b, FIELD_TFTP_OPERATION, r.op == OP_READ ?
	    SPAN_LIT("read") : SPAN_LIT("write"));
	event_add_str(b, FIELD_TFTP_FILE, r.name);
	event_add_str(b, FIELD_TFTP_MODE, dec_lower(b, r.mode));
	while (cur_ok(&r.options) && r.options.left != 0) {
		struct span name = text(&r.options);
		struct span value = text(&r.options);
		uint64_t n;

		/* a reader asks for the size with 0 */
		if (r.op == OP_WRITE && span_u64(value, &n) &&
		    span_eq_nocase(name, SPAN_LIT("tsize"))) {
			event_add_u64(b, FIELD_TFTP_SIZE, n);
			break;
		}
	}
	event_end(b);
}

static const uint8_t tftp_kinds[] = { KIND_TFTP, KIND_NONE };

const struct decoder decoder_tftp = {
	.name = "tftp",
	.title = "TFTP requests",
	.doc = "Reads and writes: file, mode, size where the request has it. "
	    "Left: the transfer itself. RFC 1350, 2347, 2349.",
	.kinds = tftp_kinds,
	.probe = tftp_probe,
	.dgram = tftp_dgram,
};
