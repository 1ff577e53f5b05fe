/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP streams put together (RFC 9293 3.10.7.4) and fed to a decoder, and the
 * choice of that decoder by content.
 *
 * Policy: of bytes that come twice the first ones captured win; differing
 * bytes are only noticed (tcp-overlap) while the first ones are still held.  A
 * hole is given up when the other side acknowledges past it, when more than
 * HELD_MAX bytes or HELD_PIECES segments wait behind it, when the account is
 * empty, or at the end.  A RST ends nothing by itself: a forged one must not
 * blind the decoder; the conversation ends a few seconds later anyway.
 *
 * Bytes in order go to the decoder where the capture shows them.  What it does
 * not consume is carried and, when more comes, joined in the batch's arena, so
 * that all it ever saw stays valid until batch_reset().
 *
 * seg.lost counts the bytes between what the decoder consumed or skipped last
 * and seg.data, so that its count of stream positions stays right; carried
 * bytes before a gap are among them.
 *
 * Bounds: carry_max a direction, HELD_MAX, HELD_PIECES, PROBE_MAX,
 * HANDOVERS_MAX, TALK_MEMORY_MAX a conversation, the account of the shard.
 */
#include <stdlib.h>

#include "inner.h"

#define HELD_MAX	(256u << 10)	/* a window of 64 KB and some */
#define HELD_PIECES	256	/* the list is walked to insert: 256 KB of
				 * full segments are 180 */
#define PROBE_MAX	4096	/* bytes after which a decoder must know */
#define PASSED_MAX	65536	/* unclaimed bytes of one side while the
				 * other has yet to speak */
#define HANDOVERS_MAX	4	/* SOCKS in CONNECT in TLS-upgraded... */
#define TALK_MEMORY_MAX	(1u << 20)	/* one conversation's share */
#define UDP_PROBES	8	/* datagrams looked at before giving up */

static bool	 probe_stream(struct feed *, int side, const struct seg *);
static bool	 start(struct feed *, int side, int i, struct seg *,
		    size_t carried, const struct seg *now);

/* -- memory -------------------------------------------------------------- */

static void
free_stream(struct talk *t, struct stream *st)
{
	struct held *h = st->held;

	while (h != NULL) {
		struct held *next = h->next;

		mem_give(&t->mem, sizeof(*h) + h->kept);
		free(h);
		h = next;
	}
	if (st->carry != NULL) {
		mem_give(&t->mem, st->carry_size);
		free(st->carry);
	}
	*st = (struct stream){ .ended = true };
}

static struct dec
dec_for(struct feed *x)
{
	struct talk *t = x->f->talk;

	return (struct dec){ .batch = x->b, .conv = &t->conv, .rec = x->rec,
	    .mem = &t->mem, .share = x->by->share[t->dec_no] };
}

bool
share_end(struct feeder *by, struct batch *b)
{
	for (uint32_t i = 0; i < by->ndecoders; i++) {
		struct dec d = { .batch = b, .share = by->share[i] };

		if (d.share == NULL)
			continue;
		if (!by->roster[i]->share_end(&d, d.share))
			return false;
		by->roster[i]->share_free(d.share);
		by->share[i] = NULL;
	}
	return true;
}

void
share_free(struct feeder *by)
{
	for (uint32_t i = 0; i < by->ndecoders; i++) {
		if (by->share[i] != NULL)
			by->roster[i]->share_free(by->share[i]);
		by->share[i] = NULL;
	}
}

static void
close_decoder(struct feed *x)
{
	struct talk *t = x->f->talk;
	struct dec d;

	if (t->dec == NULL)
		return;
	if (t->dec->close != NULL) {
		d = dec_for(x);
		t->dec->close(&d, t->state);
	}
	mem_give(&t->mem, t->dec->state_size);
	free(t->state);
	t->state = NULL;
	t->dec = NULL;
}

void
talk_drop(struct feed *x)
{
	struct talk *t = x->f->talk;

	x->f->flags |= FLOW_OPAQUE;
	if (t == NULL)
		return;
	close_decoder(x);
	free_stream(t, &t->st[0]);
	free_stream(t, &t->st[1]);
	mem_give(&t->mem, sizeof(*t));
	ASSERT(t->mem.used == 0);	/* a decoder that keeps what it took */
	free(t);
	x->f->talk = NULL;
}

bool
talk_begin(struct feed *x)
{
	struct flow *f = x->f;
	bool udp = f->proto == IPPROTO_N_UDP;
	struct talk *t;
	struct flow_mem mem = { &x->by->pool, 0, TALK_MEMORY_MAX };

	if ((udp ? x->by->probe_udp : x->by->probe_tcp) == 0) {
		f->flags |= FLOW_OPAQUE;
		return false;
	}
	if (!mem_take(&mem, sizeof(*t))) {
		f->flags |= FLOW_OPAQUE;
		batch_weird(x->b, WEIRD_STATE_LIMIT, x->rec);
		return false;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		mem_give(&mem, sizeof(*t));
		f->flags |= FLOW_OPAQUE;
		return false;
	}
	t->mem = mem;
	t->cand[0] = t->cand[1] = udp ? x->by->probe_udp : x->by->probe_tcp;
	for (int side = 0; side < 2; side++)
		if (f->flags & (FLOW_SEQ << side)) {
			t->st[side].next = f->high[side];
			t->st[side].started = true;
		}
	f->talk = t;
	return true;
}

/* Keeps bytes until more come; false: the conversation was dropped. */
static bool
carry(struct feed *x, int side, const struct seg *seg)
{
	struct talk *t = x->f->talk;
	struct stream *st = &t->st[side];
	size_t len = st->carry_len + seg->data.len, size;
	uint8_t *p;

	if (len > x->by->carry_max) {
		batch_weird(x->b, WEIRD_STREAM_CARRY, x->rec);
		talk_drop(x);
		return false;
	}
	if (len > st->carry_size) {
		for (size = MAX_OF(st->carry_size, 256u); size < len;)
			size *= 2;
		if (!mem_take(&t->mem, size - st->carry_size)) {
			batch_weird(x->b, WEIRD_STATE_LIMIT, x->rec);
			talk_drop(x);
			return false;
		}
		if ((p = realloc(st->carry, size)) == NULL) {
			mem_give(&t->mem, size - st->carry_size);
			talk_drop(x);
			return false;
		}
		st->carry = p;
		st->carry_size = (uint32_t)size;
	}
	if (st->carry_len == 0) {
		st->carry_record = seg->record;
		st->carry_offset = seg->offset;
	}
	if (seg->data.len != 0)
		memcpy(st->carry + st->carry_len, seg->data.ptr,
		    seg->data.len);
	st->carry_len = (uint32_t)len;
	return true;
}

/* The carried bytes and those of seg as one; false: no room in the arena. */
static bool
join(struct feed *x, struct stream *st, struct seg *seg)
{
	size_t len = st->carry_len + seg->data.len;
	uint8_t *p = arena_alloc(&x->b->arena, len);

	if (p == NULL) {
		batch_weird(x->b, WEIRD_BATCH_ARENA, x->rec);
		return false;
	}
	memcpy(p, st->carry, st->carry_len);
	if (seg->data.len != 0)
		memcpy(p + st->carry_len, seg->data.ptr, seg->data.len);
	seg->data = span_of(p, len);
	seg->record = st->carry_record;
	seg->offset = st->carry_offset;
	st->carry_len = 0;
	return true;
}

/* -- feeding ------------------------------------------------------------- */

static void
lose(struct stream *st, uint64_t n)
{
	uint64_t skipped = MIN_OF(st->skip, n);

	st->skip -= skipped;
	if ((n -= skipped) == 0)
		return;
	st->lost += n + st->carry_len;
	st->carry_len = 0;
	st->need = 0;
}

/* Passes over bytes of the other direction, which may be carried already. */
static void
skip_other(struct stream *st, uint64_t n)
{
	size_t cut = (size_t)MIN_OF(n, st->carry_len);

	if (n > UINT64_MAX - st->skip)
		n = UINT64_MAX - st->skip;
	if (cut != 0) {
		memmove(st->carry, st->carry + cut, st->carry_len - cut);
		st->carry_len -= (uint32_t)cut;
	}
	st->skip += n - cut;
}

/* The number of the decoder of that name, if anybody reads it; else -1. */
static int
named(const struct feed *x, const char *name)
{
	for (uint32_t i = 0; name != NULL && i < x->by->ndecoders; i++)
		if ((x->by->probe_tcp >> i & 1) != 0 &&
		    strcmp(x->by->roster[i]->name, name) == 0)
			return (int)i;
	return -1;
}

/* next: the decoder that goes on; NULL: what follows is recognised. */
static bool
hand_over(struct feed *x, int side, const struct seg *seg, const char *next)
{
	struct talk *t = x->f->talk;
	struct stream *other = &t->st[!side];
	struct seg rest_of_this = *seg;
	int i;

	close_decoder(x);
	if (++t->handovers > HANDOVERS_MAX) {
		talk_drop(x);
		return false;
	}
	for (i = 0; i < 2; i++) {
		t->cand[i] = x->by->probe_tcp;
		t->st[i].need = 0;
		t->st[i].skip = t->st[i].lost = 0;
		t->st[i].passed = 0;
	}
	if ((i = named(x, next)) >= 0)
		return start(x, side, i, &rest_of_this, 0, seg);
	if (!probe_stream(x, side, seg))
		return false;
	if (t->dec == NULL && other->carry_len != 0) {
		struct seg rest = { .time = x->time,
		    .dir = (uint8_t)dir_of(x->f, !side) };

		return probe_stream(x, !side, &rest);
	}
	return true;
}

/* Calls the decoder with joined bytes until it wants more; carried: how many
 * of them came with earlier packets than now.  false: dropped. */
static bool
feed_decoder(struct feed *x, int side, struct seg *seg, size_t carried,
    const struct seg *now)
{
	struct talk *t = x->f->talk;
	struct stream *st = &t->st[side], *other = &t->st[!side];
	int dir = dir_of(x->f, side);

	for (;;) {
		struct dec d = dec_for(x);
		size_t n, pass;

		seg->dir = (uint8_t)dir;
		seg->lost = st->lost;
		st->lost = 0;
		n = t->dec->stream(&d, t->state, seg);
		if (n > seg->data.len)
			n = seg->data.len;
		if (d.action == DEC_DONE) {
			talk_drop(x);
			return false;
		}
		skip_other(other, d.skip[!dir]);
		if (d.need[!dir] != 0)
			other->need = d.need[!dir];
		st->need = d.need[dir];
		st->skip = d.skip[dir];
		pass = (size_t)MIN_OF(st->skip, seg->data.len - n);
		st->skip -= pass;
		seg->data = span_sub(seg->data, n + pass, SIZE_MAX);
		if (n + pass >= carried) {
			seg->record = now->record;
			seg->offset = now->offset;
			carried = 0;
		} else
			carried -= n + pass;
		if (d.action == DEC_HANDOVER)
			return hand_over(x, side, seg, d.next);
		if (pass == 0 || seg->data.len == 0 ||
		    (seg->data.len < st->need && !seg->end))
			break;
	}
	if (seg->end) {
		st->ended = true;
		return true;
	}
	return seg->data.len == 0 || carry(x, side, seg);
}

/* Bytes in order, after what came before; false: dropped. */
static bool
deliver(struct feed *x, int side, const struct seg *now)
{
	struct talk *t = x->f->talk;
	struct stream *st = &t->st[side];
	struct seg seg = *now;
	size_t carried, pass;

	if (st->ended)
		return true;
	if (t->dec == NULL) {
		if (!probe_stream(x, side, &seg))
			return false;
	} else {
		pass = (size_t)MIN_OF(st->skip, seg.data.len);
		st->skip -= pass;
		seg.data = span_sub(seg.data, pass, SIZE_MAX);
		if (seg.data.len == 0 && !seg.end)
			return true;
		if (!seg.end && st->carry_len + seg.data.len < st->need)
			return carry(x, side, &seg);
		carried = st->carry_len;
		if (carried != 0 && !join(x, st, &seg)) {
			talk_drop(x);
			return false;
		}
		if (!feed_decoder(x, side, &seg, carried, now))
			return false;
	}
	if (t->st[0].ended && t->st[1].ended) {
		talk_drop(x);
		return false;
	}
	return true;
}

void
talk_deliver(struct feed *x, int side, const struct seg *seg)
{
	if (x->f->talk == NULL)
		return;
	if (seg->lost != 0)
		lose(&x->f->talk->st[side], seg->lost);
	(void)deliver(x, side, seg);
}

/* -- recognition --------------------------------------------------------- */

static void
add_service(struct flow *f, uint32_t i)
{
	for (int k = 0; k < SERVICES_MAX; k++) {
		if (f->service[k] == i + 1)
			return;
		if (f->service[k] == 0) {
			f->service[k] = (uint8_t)(i + 1);
			return;
		}
	}
}

bool
talk_attach(struct feed *x, uint32_t i)
{
	const struct decoder *dec = x->by->roster[i];
	struct talk *t = x->f->talk;
	bool udp = x->f->proto == IPPROTO_N_UDP;

	add_service(x->f, i);
	if (((udp ? x->by->feed_udp : x->by->feed_tcp) >> i & 1) == 0) {
		talk_drop(x);
		return false;
	}
	ASSERT(dec->state_size <= DEC_STATE_MAX);
	if ((dec->share_new != NULL && x->by->share[i] == NULL &&
	    (x->by->share[i] = dec->share_new()) == NULL) ||
	    !mem_take(&t->mem, dec->state_size)) {
		batch_weird(x->b, WEIRD_STATE_LIMIT, x->rec);
		talk_drop(x);
		return false;
	}
	t->state = calloc(1, MAX_OF(dec->state_size, 1u));
	if (t->state == NULL) {
		mem_give(&t->mem, dec->state_size);
		talk_drop(x);
		return false;
	}
	t->dec = dec;
	t->dec_no = (uint8_t)i;
	conv_of(x->f, x->from, &t->conv);
	return true;
}

/* Asks the candidates; the number of the one that says yes, or -1. */
static int
ask(struct feed *x, int side, struct span data, uint64_t *cand)
{
	const struct flow *f = x->f;
	struct probe p = { .data = data, .sport = f->port[side],
	    .dport = f->port[!side], .dir = (uint8_t)dir_of(f, side),
	    .is_udp = f->proto == IPPROTO_N_UDP };

	for (uint64_t left = *cand; left != 0; left &= left - 1) {
		int i = __builtin_ctzll(left);

		switch (x->by->roster[i]->probe(&p)) {
		case PROBE_NO:
			*cand &= ~(UINT64_C(1) << i);
			break;
		case PROBE_MORE:
			break;
		case PROBE_SWAP:
			/* Who sent a SYN is the client, whatever is spoken:
			 * in active FTPS the called side speaks as the TLS
			 * client. */
			if (((f->letters[0] | f->letters[1]) & LETTER_SYN) ==
			    0)
				flow_swap(x->f);
			return i;
		case PROBE_YES:
			return i;
		}
	}
	return -1;
}

/* A decoder was found: it gets what the other side said before, then this. */
static bool
start(struct feed *x, int side, int i, struct seg *seg, size_t carried,
    const struct seg *now)
{
	struct stream *other = &x->f->talk->st[!side];

	if (!talk_attach(x, (uint32_t)i))
		return false;
	if (other->carry_len != 0) {
		struct seg first = { .time = x->time };
		size_t n = other->carry_len;

		if (!join(x, other, &first)) {
			talk_drop(x);
			return false;
		}
		if (!feed_decoder(x, !side, &first, n, &first))
			return false;
		if (x->f->talk->dec == NULL)	/* handed over already */
			return probe_stream(x, side, seg);
	}
	return feed_decoder(x, side, seg, carried, now);
}

/* Bytes while no decoder is chosen; false: dropped. */
static bool
probe_stream(struct feed *x, int side, const struct seg *now)
{
	struct talk *t = x->f->talk;
	struct stream *st = &t->st[side];
	struct seg seg = *now;
	size_t carried = st->carry_len;
	int i;

	if (t->cand[side] != 0 && (carried != 0 || seg.data.len != 0)) {
		if (carried != 0 && !join(x, st, &seg)) {
			talk_drop(x);
			return false;
		}
		if ((i = ask(x, side, seg.data, &t->cand[side])) >= 0)
			return start(x, side, i, &seg, carried, now);
		if (seg.data.len > PROBE_MAX || seg.end)
			t->cand[side] = 0;
	}
	if (seg.end) {
		t->cand[side] = 0;
		st->ended = true;
	}
	if (t->cand[side] != 0)
		return seg.data.len == 0 || carry(x, side, &seg);
	st->lost += seg.data.len;
	if (seg.data.len > PASSED_MAX - st->passed || t->cand[!side] == 0) {
		talk_drop(x);
		return false;
	}
	st->passed += (uint32_t)seg.data.len;
	return true;
}

void
talk_datagram(struct feed *x, int side, struct span data)
{
	struct flow *f = x->f;
	struct dec d;
	struct seg seg = { .data = data, .time = x->time };
	uint64_t cand;
	int i;

	if (x->rec != NULL) {
		seg.record = x->rec->no;
		seg.offset = x->rec->offset;
	}
	if (f->talk == NULL) {
		cand = x->by->probe_udp;
		if ((i = ask(x, side, data, &cand)) < 0) {
			if (f->pkts[0] + f->pkts[1] >= UDP_PROBES)
				f->flags |= FLOW_OPAQUE;
			return;
		}
		if (!talk_begin(x) || !talk_attach(x, (uint32_t)i))
			return;
	}
	seg.dir = (uint8_t)dir_of(f, side);
	d = dec_for(x);
	f->talk->dec->dgram(&d, f->talk->state, &seg);
	if (d.action != DEC_GO)
		talk_drop(x);
}

/* -- putting together ---------------------------------------------------- */

/* Feeds len bytes at st->next of which data was captured; false: dropped. */
static bool
advance(struct feed *x, int side, struct seg *seg, uint32_t len)
{
	struct stream *st = &x->f->talk->st[side];
	uint32_t cut = len - (uint32_t)seg->data.len;

	st->next += len;
	if (seg->data.len != 0 && !deliver(x, side, seg))
		return false;
	if (cut != 0)
		lose(st, cut);
	return true;
}

/* Feeds the held segments that are next; false: dropped. */
static bool
drain(struct feed *x, int side)
{
	struct talk *t = x->f->talk;
	struct stream *st = &t->st[side];

	while (st->held != NULL && st->held->seq == st->next) {
		struct held *h = st->held;
		struct seg seg = { .time = h->time, .record = h->record,
		    .offset = h->offset };
		uint32_t len = h->len;

		/* What is shown must outlive the conversation. */
		seg.data = arena_copy(&x->b->arena,
		    span_of(h->bytes, h->kept));
		if (seg.data.ptr == NULL && h->kept != 0)
			batch_weird(x->b, WEIRD_BATCH_ARENA, x->rec);
		if ((st->held = h->next) == NULL)
			st->held_last = NULL;
		st->nheld--;
		st->held_bytes -= h->len;
		mem_give(&t->mem, sizeof(*h) + h->kept);
		free(h);
		if (!advance(x, side, &seg, len))
			return false;
	}
	return true;
}

static void
gap_to(struct feed *x, int side, uint32_t seq)
{
	struct stream *st = &x->f->talk->st[side];

	batch_weird(x->b, WEIRD_TCP_GAP, x->rec);
	history_put(x->f, side, LETTER_GAP, 'G');
	lose(st, seq - st->next);
	st->next = seq;
}

/* Gives up the hole in front of what is held; false: dropped. */
static bool
skip_hole(struct feed *x, int side)
{
	gap_to(x, side, x->f->talk->st[side].held->seq);
	return drain(x, side);
}

/* Keeps one piece after at (NULL: in front); false: no memory. */
static bool
hold(struct feed *x, struct stream *st, struct held *at, uint32_t seq,
    uint32_t len, struct span data)
{
	struct talk *t = x->f->talk;
	size_t size = sizeof(struct held) + data.len;
	struct held *h;

	if (!mem_take(&t->mem, size))
		return false;
	if ((h = malloc(size)) == NULL) {
		mem_give(&t->mem, size);
		return false;
	}
	*h = (struct held){ .seq = seq, .len = len,
	    .kept = (uint32_t)data.len, .time = x->time,
	    .record = x->rec->no, .offset = x->rec->offset,
	    .next = at == NULL ? st->held : at->next };
	if (data.len != 0)
		memcpy(h->bytes, data.ptr, data.len);
	if (at == NULL)
		st->held = h;
	else
		at->next = h;
	if (h->next == NULL)
		st->held_last = h;
	st->held_bytes += len;
	st->nheld++;
	return true;
}

/* Compares what came twice: n bytes at data against h from its off on. */
static void
compare(struct feed *x, const struct held *h, uint32_t off, struct span data,
    uint32_t n)
{
	size_t both = h->kept > off ? h->kept - off : 0;

	both = MIN_OF(both, MIN_OF(data.len, (size_t)n));
	if (both != 0 && memcmp(h->bytes + off, data.ptr, both) != 0)
		batch_weird(x->b, WEIRD_TCP_OVERLAP, x->rec);
}

/* Holds the parts of a segment that are not held yet; false: no memory. */
static bool
hold_parts(struct feed *x, struct stream *st, uint32_t seq, uint32_t len,
    struct span data)
{
	struct held *at = NULL, *h = st->held;
	uint32_t n;

	if (st->held_last != NULL &&
	    !seq_before(seq, st->held_last->seq + st->held_last->len)) {
		at = st->held_last;
		h = NULL;
	}
	for (; h != NULL && len != 0; at = h, h = h->next) {
		if (!seq_before(seq, h->seq + h->len))
			continue;
		if (seq_before(seq, h->seq)) {
			n = MIN_OF(len, h->seq - seq);
			if (!hold(x, st, at, seq, n, span_sub(data, 0, n)))
				return false;
			seq += n;
			len -= n;
			data = span_sub(data, n, SIZE_MAX);
		}
		n = MIN_OF(len, h->seq + h->len - seq);
		if (n != 0)
			compare(x, h, seq - h->seq, data, n);
		seq += n;
		len -= n;
		data = span_sub(data, n, SIZE_MAX);
	}
	return len == 0 || hold(x, st, at, seq, len, data);
}

/* A segment whose turn has not come; false: dropped. */
static bool
too_early(struct feed *x, int side, uint32_t seq, uint32_t len,
    struct span data)
{
	struct flow *f = x->f;
	struct stream *st = &f->talk->st[side];
	bool full = !hold_parts(x, st, seq, len, data);

	/* Acknowledged past the hole: nobody will fill it any more. */
	if (st->held != NULL && (f->flags & (FLOW_ACK << side)) &&
	    !seq_before(f->ack[side], st->held->seq))
		return skip_hole(x, side);
	while (full || st->held_bytes > HELD_MAX || st->nheld > HELD_PIECES) {
		batch_weird(x->b, WEIRD_TCP_OOO_LIMIT, x->rec);
		if (st->held == NULL) {		/* the account is empty */
			struct seg seg = { .data = data, .time = x->time,
			    .record = x->rec->no, .offset = x->rec->offset };

			gap_to(x, side, seq);
			return advance(x, side, &seg, len);
		}
		if (!skip_hole(x, side))
			return false;
		full = false;
	}
	return true;
}

/* A segment in its place, less what was fed before; false: dropped. */
static bool
segment(struct feed *x, int side, uint32_t seq, uint32_t len, struct span data)
{
	struct stream *st = &x->f->talk->st[side];

	while (len != 0) {
		struct seg seg = { .time = x->time, .record = x->rec->no,
		    .offset = x->rec->offset };
		uint32_t n = len;

		if (seq_before(seq, st->next)) {
			n = MIN_OF(len, st->next - seq);
		} else if (seq != st->next) {
			return too_early(x, side, seq, len, data);
		} else {
			/* What is held was captured first. */
			if (st->held != NULL)
				n = MIN_OF(len, st->held->seq - seq);
			seg.data = span_sub(data, 0, n);
			if (!advance(x, side, &seg, n))
				return false;
			if (len != n && st->held != NULL)
				compare(x, st->held, 0, span_sub(data, n,
				    SIZE_MAX), MIN_OF(len - n,
				    st->held->len));
			if (!drain(x, side))
				return false;
		}
		seq += n;
		len -= n;
		data = span_sub(data, n, SIZE_MAX);
	}
	return true;
}

static bool
tell_end(struct feed *x, int side)
{
	struct stream *st = &x->f->talk->st[side];
	struct seg seg = { .time = x->time, .end = true };

	if (st->ended)
		return true;
	if (x->rec != NULL) {
		seg.record = x->rec->no;
		seg.offset = x->rec->offset;
	}
	return deliver(x, side, &seg);
}

/* Tells the end if all before the FIN was fed; false: dropped. */
static bool
at_end(struct feed *x, int side)
{
	const struct stream *st = &x->f->talk->st[side];

	return !st->fin_seen || !st->started || seq_before(st->next,
	    st->fin) || tell_end(x, side);
}

void
talk_segment(struct feed *x, int side, const struct packet *p)
{
	struct talk *t = x->f->talk;
	struct stream *st = &t->st[side], *other = &t->st[!side];
	uint32_t seq = p->seq + ((p->tcp_flags & TCP_SYN) != 0);

	if (!st->started && (p->payload_len != 0 ||
	    (p->tcp_flags & (TCP_SYN | TCP_FIN)))) {
		st->started = true;
		st->next = seq;
	}
	if ((p->tcp_flags & TCP_FIN) && !st->fin_seen) {
		st->fin_seen = true;
		st->fin = seq + p->payload_len;
	}
	/* What this packet acknowledges went before what it says. */
	if (other->held != NULL && (p->tcp_flags & TCP_ACK) &&
	    !seq_before(p->ack, other->held->seq) &&
	    (!skip_hole(x, !side) || !at_end(x, !side)))
		return;
	if (p->payload_len != 0 && !(p->tcp_flags & TCP_RST) && !st->ended &&
	    !segment(x, side, seq, p->payload_len, p->payload))
		return;
	(void)at_end(x, side);
}

void
talk_end(struct feed *x)
{
	struct talk *t = x->f->talk;

	if (t == NULL)
		return;
	if (x->f->proto == IPPROTO_N_TCP)
		for (int side = 0; side < 2; side++) {
			struct stream *st = &t->st[side];

			while (st->held != NULL)
				if (!skip_hole(x, side))
					return;
			if (st->fin_seen && seq_before(st->next, st->fin))
				lose(st, st->fin - st->next);
			if (!tell_end(x, side))
				return;
		}
	talk_drop(x);
}
