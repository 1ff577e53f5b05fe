/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations: TCP put together in and out of order, recognition and what
 * decoders may ask for, Zeek's states and history, time-outs and eviction.
 * The decoders here log what they are fed.  Expected states and letters follow
 * Zeek's documentation of conn.log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

/* -- decoders that log ----------------------------------------------------- */

static char		 said[32768];	/* "c1:hello|s4-10:x$|" */
static size_t		 nsaid;
static unsigned		 closed;

static void
say(const char *who, const struct seg *s)
{
	nsaid += (size_t)snprintf(said + nsaid, sizeof(said) - nsaid,
	    "%s%c%d", who, s->dir == DIR_CLIENT ? 'c' : 's', (int)s->record);
	if (s->lost != 0)
		nsaid += (size_t)snprintf(said + nsaid, sizeof(said) - nsaid,
		    "-%d", (int)s->lost);
	nsaid += (size_t)snprintf(said + nsaid, sizeof(said) - nsaid,
	    ":%.*s%s|", (int)s->data.len, s->data.len == 0 ? "" :
	    (const char *)s->data.ptr, s->end ? "$" : "");
	assert_true(nsaid < sizeof(said));
}

static enum probe_result
line_probe(const struct probe *p)
{
	if (p->data.ptr[0] == 'M')	/* wants to see more */
		return p->data.len < 4 ? PROBE_MORE : PROBE_YES;
	if (p->data.ptr[0] == 'R')	/* answers */
		return p->dir == DIR_CLIENT ? PROBE_SWAP : PROBE_YES;
	return p->data.ptr[0] == 'L' ? PROBE_YES : PROBE_NO;
}

struct line {
	uint8_t	*kept;
};

/* Consumes lines.  In the last one: +n skip, ^n need, @n skip the other side,
 * ! done, > hand over. */
static size_t
line_stream(struct dec *d, void *state, const struct seg *s)
{
	struct line *l = state;
	size_t used = 0, at = 0;

	if (l->kept == NULL)
		l->kept = dec_alloc(d, 100);
	say("", s);
	for (size_t i = 0; i < s->data.len; i++)
		if (s->data.ptr[i] == '\n') {
			at = used;
			used = i + 1;
			if (at != 0 || s->data.ptr[0] == '+' ||
			    used < s->data.len)
				break;
		}
	for (size_t i = 0; i + 1 < used; i++) {
		uint64_t n = (uint64_t)atoi((const char *)s->data.ptr + i + 1);

		switch (s->data.ptr[i]) {
		case '+': d->skip[s->dir] = n; break;
		case '^': d->need[s->dir] = n; break;
		case '@': d->skip[!s->dir] = n; break;
		case '!': d->action = DEC_DONE; break;
		case '>': d->action = DEC_HANDOVER; break;
		}
	}
	return used;
}

static void
line_close(struct dec *d, void *state)
{
	struct line *l = state;

	dec_free(d, l->kept, 100);
	closed++;
}

static enum probe_result
two_probe(const struct probe *p)
{
	return p->data.ptr[0] == 'T' ? PROBE_YES : PROBE_NO;
}

static size_t
two_stream(struct dec *d, void *state, const struct seg *s)
{
	(void)d;
	(void)state;
	say("t", s);
	return s->data.len;
}

static enum probe_result
dgram_probe(const struct probe *p)
{
	assert_true(p->is_udp);
	return p->data.ptr[0] == 'U' ? PROBE_YES :
	    p->data.ptr[0] == 'V' ? PROBE_SWAP : PROBE_NO;
}

static void
dgram_dgram(struct dec *d, void *state, const struct seg *s)
{
	(void)d;
	(void)state;
	say("u", s);
}

static const uint8_t	 kinds_line[] = { KIND_LINE, KIND_NONE };
static const struct decoder dec_line = {
	.name = "line", .kinds = kinds_line, .state_size = sizeof(struct line),
	.probe = line_probe, .stream = line_stream, .close = line_close
}, dec_two = {
	.name = "two", .kinds = kinds_line,
	.probe = two_probe, .stream = two_stream
}, dec_dgram = {
	.name = "dgram", .kinds = kinds_line,
	.probe = dgram_probe, .dgram = dgram_dgram
};
static const struct decoder *const roster[] = {
	&dec_line, &dec_two, &dec_dgram
};

/* -- the stage ------------------------------------------------------------- */

static struct demand	 want;
static struct weirds	 weirds;
static struct batch	 batch;
static struct flows	*flows;
static struct flow_limits limits;
static uint64_t		 number;
static int64_t		 now;
static uint16_t		 client_port;
static char		 told[64][200];	/* conn events in words */
static unsigned		 ntold;

static const char *
word(const struct event *e, unsigned field, char *out)
{
	struct buf b;
	const struct value *v = event_get(e, field);

	buf_init(&b, 0);
	if (v != NULL)
		value_put(&b, v);
	snprintf(out, 40, "%.*s", (int)b.len, b.len == 0 ? "-" :
	    (const char *)b.ptr);
	if (b.len == 0)
		strcpy(out, "-");
	buf_fini(&b);
	return out;
}

static void
take(struct batch *b, void *arg)
{
	char w[10][40];

	(void)arg;
	for (uint32_t i = 0; i < b->nevents; i++) {
		const struct event *e = &b->events[i];

		if (e->kind != KIND_CONN || ntold == NITEMS(told))
			continue;
		snprintf(told[ntold++], sizeof(told[0]),
		    "%s>%s %s %s %s %s %s/%s %s %s", word(e, FIELD_SRC_PORT,
		    w[0]), word(e, FIELD_DST_PORT, w[1]),
		    word(e, FIELD_PROTO, w[2]), word(e, FIELD_CONN_SERVICE,
		    w[3]), word(e, FIELD_CONN_STATE, w[4]),
		    word(e, FIELD_CONN_HISTORY, w[5]), word(e,
		    FIELD_SRC_BYTES, w[6]), word(e, FIELD_DST_BYTES, w[7]),
		    word(e, FIELD_MISSED_BYTES, w[8]),
		    word(e, FIELD_CONN_END, w[9]));
	}
	b->nevents = 0;
}

static void
finish(void)
{
	bool done;

	do {
		done = flows_end(flows, &batch);
		take(&batch, NULL);
		batch_reset(&batch);
	} while (!done);
}

static int
setup(void **unused)
{
	(void)unused;
	demand_all(&want);
	weirds_init(&weirds);
	limits = (struct flow_limits){ .flows = 64, .carry = 4096,
	    .memory = 1u << 20, .datagrams = 8 };
	flows = flows_new_with(&limits, 15, &want, roster, NITEMS(roster));
	number = nsaid = closed = ntold = 0;
	said[0] = '\0';
	now = 1700000000 * NSEC;
	client_port = 40000;
	return flows == NULL || !batch_init(&batch, &want, &weirds);
}

static int
teardown(void **unused)
{
	(void)unused;
	flows_free(flows);
	batch_fini(&batch);
	return 0;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* One's complement sum of 16-bit words, to be complemented. */
static unsigned
sum16(const uint8_t *p, size_t n, unsigned sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (unsigned)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* One packet of 10.0.0.1 (side 0) or 10.0.0.2, cut: not captured. */
static void
send(int side, uint8_t proto, const uint8_t *l4, size_t header,
    const char *data, size_t cut)
{
	size_t len = 20 + header + strlen(data);
	uint8_t *p = arena_zalloc(&batch.arena, len), *q = p + 20;
	struct record *r;
	unsigned sum;

	p[0] = 0x45;
	put16(p + 2, (unsigned)len);
	p[8] = 64;
	p[9] = proto;
	put32(p + 12, 0x0a000001u + (unsigned)side);
	put32(p + 16, 0x0a000002u - (unsigned)side);
	memcpy(q, l4, header);
	memcpy(q + header, data, strlen(data));
	sum = sum16(p + 12, 8, proto + (unsigned)(len - 20));
	put16(q + (proto == 6 ? 16 : 6),
	    ~sum16(q, len - 20, sum) & 0xffff);
	r = batch_record(&batch);
	r->data = r->whole = span_of(p, len - cut);
	r->wire_len = (uint32_t)len;
	r->link = 101;
	r->type = REC_PACKET;
	r->time = now;
	r->no = ++number;
	flows_batch(flows, &batch);
	take(&batch, NULL);
	batch.nrecords = 0;	/* keeps the arena: views stay good */
}

static void
tcp_cut(int side, uint8_t flags, uint32_t seq, uint32_t ack, const char *data,
    size_t cut)
{
	uint8_t h[20] = { 0 };

	put16(h + (side == 0 ? 0 : 2), client_port);
	put16(h + (side == 0 ? 2 : 0), 8080);
	put32(h + 4, seq);
	put32(h + 8, ack);
	h[12] = 0x50;
	h[13] = flags;
	put16(h + 14, 1000);
	send(side, 6, h, 20, data, cut);
}

static void
tcp(int side, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	tcp_cut(side, flags, seq, ack, data, 0);
}

static void
udp(int side, uint16_t port, const char *data)
{
	uint8_t h[8] = { 0 };

	put16(h + (side == 0 ? 0 : 2), client_port);
	put16(h + (side == 0 ? 2 : 0), port);
	put16(h + 4, (unsigned)strlen(data) + 8);
	send(side, 17, h, 8, data, 0);
}

#define S TCP_SYN
#define A TCP_ACK
#define F TCP_FIN
#define R TCP_RST

/* Client's bytes begin at 101, the server's at 501. */
static void
shake(void)
{
	tcp(0, S, 100, 0, "");
	tcp(1, S | A, 500, 101, "");
	tcp(0, A, 101, 501, "");
}

static void
is_said(const char *want_said)
{
	assert_string_equal(said, want_said);
	nsaid = 0;
	said[0] = '\0';
}

static void
is_told(const char *want_told)
{
	finish();
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0], want_told);
	ntold = 0;
}

/* -- streams --------------------------------------------------------------- */

static void
test_plain(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "Lask\n");
	tcp(1, A, 501, 106, "");
	tcp(1, A, 501, 106, "answer\n");
	tcp(0, A | F, 106, 508, "");
	tcp(1, A | F, 508, 107, "bye\n");
	is_said("c4:Lask\n|s6:answer\n|c7:$|s8:bye\n|s8:$|");
	assert_int_equal(closed, 1);
	tcp(0, A, 107, 513, "");
	is_told("40000>8080 tcp line SF ShADadFf 5/11 0 fin");
	for (int i = 0; i < WEIRD_COUNT; i++)
		assert_int_equal(weirds.count[i], 0);
}

static void
test_carry(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "Lo");
	tcp(0, A, 103, 501, "ng");
	tcp(0, A, 105, 501, "er\nne");
	tcp(0, A, 110, 501, "xt\n");
	/* The rest of packet 6 begins with what packet 6 brought. */
	is_said("c4:Lo|c4:Long|c4:Longer\nne|c6:next\n|");
	is_told("40000>8080 tcp line S1 ShAD 12/0 0 end");
	is_said("c1:$|s1:$|");
}

static void
test_out_of_order(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 103, 501, "2\n");
	tcp(0, A, 107, 501, "4\n");
	tcp(0, A, 105, 501, "3\n");
	is_said("");
	tcp(0, A, 101, 501, "L\n");
	is_said("c7:L\n|c4:2\n|c6:3\n|c5:4\n|");
	is_told("40000>8080 tcp line S1 ShAD 8/0 0 end");
	assert_int_equal(weirds.count[WEIRD_TCP_GAP], 0);
}

static void
test_repeated(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "Labc\n");
	tcp(0, A, 101, 501, "Labc\n");		/* all of it */
	tcp(0, A, 104, 501, "c\nde\n");		/* half of it is new */
	tcp(0, A, 109, 501, "zz\n");
	is_said("c4:Labc\n|c6:de\n|c7:zz\n|");
	is_told("40000>8080 tcp line S1 ShADT 11/0 0 end");
	assert_int_equal(weirds.count[WEIRD_TCP_OVERLAP], 0);
}

static void
test_overlap(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 103, 501, "BB\n");
	tcp(0, A, 102, 501, "abbcc");		/* b differs from B */
	assert_int_equal(weirds.count[WEIRD_TCP_OVERLAP], 1);
	is_said("");
	tcp(0, A, 101, 501, "Lxxx");		/* x against aBB */
	assert_int_equal(weirds.count[WEIRD_TCP_OVERLAP], 2);
	tcp(0, A, 107, 501, "\n");
	is_told("40000>8080 tcp line S1 ShAD 7/0 0 end");
	/* First bytes win: a, then BB and newline, then c. */
	is_said("c6:L|c6:La|c6:LaBB\n|c5:c|c5:c\n|c1:$|s1:$|");
}

static void
test_gaps(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "L1\n");
	tcp(0, A, 114, 501, "L2\n");		/* 10 are missing */
	is_said("c4:L1\n|");
	tcp(1, A, 501, 117, "");		/* but the server has them */
	is_said("c5-10:L2\n|");
	assert_int_equal(weirds.count[WEIRD_TCP_GAP], 1);
	tcp(1, A, 501, 117, "keep");		/* carried bytes count, too */
	tcp(1, A, 510, 117, "x\n");
	tcp(0, A, 117, 512, "");
	is_said("s7:keep|s8-9:x\n|");
	tcp(1, A, 520, 117, "end");		/* nobody acknowledged */
	is_told("40000>8080 tcp line S1 ShADaGdg 16/22 23 end");
	is_said("c1:$|s10-8:end|s10:end$|");
	assert_int_equal(weirds.count[WEIRD_TCP_GAP], 3);
}

static void
test_cut_payload(void **unused)
{
	(void)unused;
	shake();
	tcp_cut(0, A, 101, 501, "L1\nxxxxx", 5);
	tcp(0, A, 109, 501, "L2\n");
	is_said("c4:L1\n|c5-5:L2\n|");
	assert_int_equal(weirds.count[WEIRD_PKT_SNAPPED], 1);
	assert_int_equal(weirds.count[WEIRD_TCP_GAP], 0);
	is_told("40000>8080 tcp line S1 ShADG 11/0 5 end");
}

static void
test_wrap(void **unused)
{
	(void)unused;
	tcp(0, S, 0xfffffffd, 0, "");
	tcp(1, S | A, 0xffffffff, 0xfffffffe, "");
	tcp(0, A, 0xfffffffe, 0, "");
	tcp(0, A, 3, 0, "z\n");
	tcp(0, A, 0xfffffffe, 0, "Lwra\n");
	tcp(1, A, 0, 5, "s\n");
	is_said("c5:Lwra\n|c4:z\n|s6:s\n|");
	is_told("40000>8080 tcp line S1 ShADd 7/2 0 end");
}

static void
test_midstream(void **unused)
{
	(void)unused;
	tcp(0, A, 5000, 900, "Lmid\n");
	tcp(1, A, 900, 5005, "ok\n");
	tcp(0, A, 5005, 903, "more\n");
	is_said("c1:Lmid\n|s2:ok\n|c3:more\n|");
	is_told("40000>8080 tcp line OTH Dd 10/3 0 end");
}

static void
test_held_limit(void **unused)
{
	char block[1001];

	(void)unused;
	memset(block, 'y', 1000);
	block[999] = '\n';
	block[1000] = '\0';
	shake();
	tcp(0, A, 101, 501, "L\n");
	is_said("c4:L\n|");
	for (uint32_t i = 0; i < 257; i++) {
		tcp(0, A, 203 + 2 * i, 501, "p\n");
		if (i < 256)
			is_said("");
	}
	assert_int_equal(weirds.count[WEIRD_TCP_OOO_LIMIT], 1);
	assert_int_equal(weirds.count[WEIRD_TCP_GAP], 1);
	assert_memory_equal(said, "c5-100:p\n|c6:p\n|", 16);
	nsaid = 0;
	finish();
}

/* -- what decoders ask for ------------------------------------------------- */

static void
test_skip(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "L+4\nbody2\n");	/* skipped in the packet */
	is_said("c4:L+4\nbody2\n|c4:2\n|");
	tcp(0, A, 111, 501, "+10\n123");	/* over packets and a gap */
	tcp(0, A, 118, 501, "45");
	tcp(0, A, 122, 501, "89ABC\n");
	tcp(1, A, 501, 128, "");
	is_said("c5:+10\n123|c7:BC\n|");
	tcp(0, A, 128, 501, "+3\n");		/* a gap larger than the skip */
	tcp(0, A, 141, 501, "D\n");
	tcp(1, A, 501, 143, "part");		/* carried, then skipped */
	is_said("c9:+3\n|c10-7:D\n|s11:part|");
	tcp(0, A, 143, 501, "@6\n");
	tcp(1, A, 505, 146, "xyE\n");
	is_said("c12:@6\n|s13:E\n|");
	is_told("40000>8080 tcp line S1 ShADaGd 45/8 12 end");
}

static void
test_need(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "L^5\n");
	tcp(0, A, 105, 501, "ab");
	tcp(0, A, 107, 501, "cd");
	is_said("c4:L^5\n|");
	tcp(0, A, 109, 501, "e\n^9\n");
	is_said("c5:abcde\n^9\n|");
	tcp(0, A, 114, 501, "rest");
	finish();				/* the end comes all the same */
	assert_non_null(strstr(said, "rest$|"));
	assert_int_equal(closed, 1);
}

static void
test_done(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "L!\n");
	tcp(0, A, 104, 501, "Lmore\n");
	tcp(1, A, 501, 110, "Lmore\n");
	is_said("c4:L!\n|");
	assert_int_equal(closed, 1);
	is_told("40000>8080 tcp line S1 ShADd 9/6 0 end");
}

static void
test_handover(void **unused)
{
	(void)unused;
	shake();
	tcp(0, A, 101, 501, "L1\n");
	tcp(1, A, 501, 104, "L>\nTunnel");
	is_said("c4:L1\n|s5:L>\nTunnel|ts5:Tunnel|");
	assert_int_equal(closed, 1);
	tcp(0, A, 104, 510, "x");
	is_said("tc6:x|");
	is_told("40000>8080 tcp line,two S1 ShADd 4/9 0 end");
}

static void
test_handover_limit(void **unused)
{
	(void)unused;
	shake();
	for (uint32_t i = 0; i < 6; i++)
		tcp(0, A, 101 + 3 * i, 501, "L>\n");
	is_said("c4:L>\n|c5:L>\n|c6:L>\n|c7:L>\n|c8:L>\n|");
	assert_int_equal(closed, 5);
	finish();
}

static void
test_probing(void **unused)
{
	(void)unused;
	shake();			/* more bytes are needed to tell */
	tcp(0, A, 101, 501, "M1");
	tcp(0, A, 103, 501, "2");
	is_said("");
	tcp(1, A, 501, 104, "nobody knows");
	tcp(0, A, 104, 501, "3\n");
	is_said("c4:M123\n|");
	tcp(1, A, 513, 106, "s\n");	/* what nobody claimed is lost */
	is_said("s8-12:s\n|");
	finish();
	is_said("c1:$|s1:$|");
	ntold = 0;
	client_port++;
	shake();			/* nobody's */
	tcp(0, A, 101, 501, "xyz");
	tcp(1, A, 501, 104, "xyz");
	tcp(0, A, 104, 504, "Late\n");
	is_said("");
	is_told("40001>8080 tcp - S1 ShADd 8/3 0 end");
	client_port++;
	is_said("");
	shake();			/* known by the answer alone */
	tcp(0, A, 101, 501, "xyz");
	tcp(1, A, 501, 104, "L\n");
	tcp(0, A, 104, 503, "q\n");
	is_said("s19:L\n|c20-3:q\n|");
}

static void
test_swap(void **unused)
{
	(void)unused;
	tcp(0, A, 5000, 900, "Reply\n");
	tcp(1, A, 900, 5006, "ask\n");
	is_said("s1:Reply\n|c2:ask\n|");
	is_told("8080>40000 tcp line OTH d^D 4/6 0 end");
}

static void
test_carry_limit(void **unused)
{
	char block[1001];

	(void)unused;
	memset(block, 'L', 1000);
	block[1000] = '\0';
	shake();
	for (uint32_t i = 0; i < 6; i++)
		tcp(0, A, 101 + 1000 * i, 501, block);
	nsaid = 0;
	assert_int_equal(weirds.count[WEIRD_STREAM_CARRY], 1);
	assert_int_equal(closed, 1);
	is_told("40000>8080 tcp line S1 ShAD 6000/0 0 end");
}

static void
test_names_only(void **unused)
{
	(void)unused;
	flows_free(flows);
	memset(&want, 0, sizeof(want));
	memset(want.field, 1, sizeof(want.field));
	demand_kind(&want, KIND_CONN);
	flows = flows_new_with(&limits, 15, &want, roster, NITEMS(roster));
	shake();
	tcp(0, A, 101, 501, "L1\n");
	is_said("");
	is_told("40000>8080 tcp line S1 ShAD 3/0 0 end");
}

static void
test_datagrams(void **unused)
{
	(void)unused;
	udp(0, 5000, "U1");
	udp(1, 5000, "any");
	is_said("uc1:U1|us2:any|");
	is_told("40000>5000 udp dgram SF Dd 2/3 0 end");
	udp(0, 5000, "V");		/* an answer without its question */
	udp(1, 5000, "x");
	is_said("us3:V|uc4:x|");
	is_told("5000>40000 udp dgram SF d^D 1/1 0 end");
	for (int i = 0; i < 9; i++)
		udp(0, 5000, "no");
	udp(0, 5000, "U");		/* too late */
	is_said("");
	is_told("40000>5000 udp - S0 D 19/0 0 end");
	udp(1, 53, "x");		/* answers from a well-known port */
	is_told("40000>53 udp - SHR ^d 0/1 0 end");
}

/* -- states ---------------------------------------------------------------- */

static void
test_states(void **unused)
{
	(void)unused;
	tcp(0, S, 100, 0, "");
	is_told("40000>8080 tcp - S0 S 0/0 0 end");
	tcp(0, S, 100, 0, "");
	tcp(1, R | A, 0, 101, "");
	is_told("40000>8080 tcp - REJ Sr 0/0 0 rst");
	shake();
	is_told("40000>8080 tcp - S1 ShA 0/0 0 end");
	shake();
	tcp(0, F | A, 101, 501, "");
	is_told("40000>8080 tcp - S2 ShAF 0/0 0 end");
	shake();
	tcp(1, F | A, 501, 101, "");
	is_told("40000>8080 tcp - S3 ShAf 0/0 0 end");
	shake();
	tcp(0, R, 101, 0, "");
	is_told("40000>8080 tcp - RSTO ShAR 0/0 0 rst");
	shake();
	tcp(1, R, 501, 0, "");
	is_told("40000>8080 tcp - RSTR ShAr 0/0 0 rst");
	tcp(0, S, 100, 0, "");
	tcp(0, R, 101, 0, "");
	is_told("40000>8080 tcp - RSTOS0 SR 0/0 0 rst");
	tcp(1, S | A, 500, 101, "");
	tcp(1, R, 501, 0, "");
	is_told("40000>8080 tcp - RSTRH ^hr 0/0 0 rst");
	tcp(0, S, 100, 0, "");
	tcp(0, F, 101, 0, "");
	is_told("40000>8080 tcp - SH SF 0/0 0 fin");
	tcp(1, S | A, 500, 101, "");
	tcp(1, F | A, 501, 101, "");
	is_told("40000>8080 tcp - SHR ^hf 0/0 0 fin");
	tcp(0, A, 5, 6, "x");
	is_told("40000>8080 tcp - OTH D 1/0 0 end");
	shake();				/* flags that make no sense */
	tcp(0, S | F, 101, 0, "");
	tcp(0, F | R, 101, 0, "");
	is_told("40000>8080 tcp - RSTO ShAQI 0/0 0 rst");
}

/* One direction only: the other's bytes follow from acknowledgments, unless
 * they are garbage. */
static void
test_one_sided(void **unused)
{
	(void)unused;
	tcp(0, S, 100, 0, "");
	tcp(0, A, 101, 501, "");
	tcp(0, A, 101, 501, "Lx\n");
	tcp(0, A, 104, 1501, "");
	tcp(0, A, 104, 0x70000000, "");
	is_told("40000>8080 tcp line S0 SADg 3/1000 1000 end");
}

/* -- time and limits ------------------------------------------------------- */

static void
tick(int64_t seconds)
{
	now += seconds * NSEC;
	client_port += 1000;
	udp(0, 9, "tick");
	client_port -= 1000;
}

static void
test_timeouts(void **unused)
{
	(void)unused;
	udp(0, 5000, "a");
	now += 60 * NSEC;
	udp(0, 5000, "b");		/* just in time */
	assert_int_equal(ntold, 0);
	now += 62 * NSEC;
	udp(0, 5000, "c");		/* another conversation */
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0], "40000>5000 udp - S0 D 2/0 0 timeout");
	finish();
	ntold = 0;
	shake();
	now += 299 * NSEC;
	tcp(0, A, 101, 501, "L\n");
	assert_int_equal(ntold, 0);
	now += 302 * NSEC;
	tcp(0, A, 103, 501, "L\n");
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0],
	    "40000>8080 tcp line S1 ShAD 2/0 0 timeout");
	finish();
	ntold = 0;
	shake();			/* ends by itself a little after FIN */
	tcp(0, F | A, 101, 501, "");
	tcp(1, F | A, 501, 102, "");
	tick(3);
	assert_int_equal(ntold, 0);
	tick(20);
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0], "40000>8080 tcp - SF ShAFf 0/0 0 fin");
	finish();
	ntold = 0;
	tcp(0, S, 100, 0, "");		/* half open */
	tick(59);
	tick(30);
	assert_string_equal(told[0], "40000>8080 tcp - S0 S 0/0 0 timeout");
	finish();
}

static void
test_reuse(void **unused)
{
	(void)unused;
	shake();
	tcp(0, R, 101, 0, "");
	now += NSEC;
	tcp(0, S, 9000, 0, "");
	assert_int_equal(ntold, 1);
	assert_string_equal(told[0], "40000>8080 tcp - RSTO ShAR 0/0 0 rst");
	ntold = 0;
	is_told("40000>8080 tcp - S0 S 0/0 0 end");
	/* The end was not captured. */
	shake();
	tcp(0, A, 101, 501, "Lx\n");
	tcp(1, S | A, 500, 101, "");	/* just repeated */
	tcp(0, S, 7777, 0, "");		/* forged, or new: not known yet */
	tcp(0, A, 104, 501, "y\n");
	assert_int_equal(ntold, 0);
	tcp(0, S, 9000, 0, "");
	tcp(1, S | A, 70000, 9001, "");
	assert_int_equal(ntold, 1);
	tcp(0, A, 9001, 70001, "Lz\n");
	is_said("c9:Lx\n|c12:y\n|c6:$|s6:$|c15:Lz\n|");
	ntold = 0;
	is_told("40000>8080 tcp line S1 ^hD 3/0 0 end");
}

static void
test_clock(void **unused)
{
	(void)unused;
	udp(0, 5000, "a");
	now += 1000000 * NSEC;		/* one broken time stamp */
	client_port++;
	udp(0, 5000, "x");
	client_port--;
	assert_int_equal(ntold, 1);
	now -= 1000000 * NSEC;
	for (int i = 0; i < 70; i++)
		udp(0, 5000, "b");
	/* The clock is right again, and time-outs go on. */
	ntold = 0;
	tick(100);
	tick(10);
	assert_true(ntold >= 1);
	assert_string_equal(told[ntold - 1],
	    "40000>5000 udp - S0 D 7/0 0 timeout");
	finish();
}

static void
test_eviction(void **unused)
{
	unsigned evicted = 0;

	(void)unused;
	flows_free(flows);
	limits.flows = 4;
	flows = flows_new_with(&limits, 15, &want, roster, NITEMS(roster));
	shake();			/* waits longest: stays */
	tcp(0, A, 101, 501, "L1\n");
	for (uint16_t i = 1; i <= 10; i++) {
		client_port = (uint16_t)(40000 + i);
		tcp(0, S, 100, 0, "");
	}
	for (unsigned i = 0; i < ntold; i++) {
		assert_non_null(strstr(told[i], " tcp - S0 S 0/0 0 evict"));
		evicted++;
	}
	assert_int_equal(evicted, 7);
	assert_int_equal(weirds.count[WEIRD_FLOW_TABLE], 7);
	assert_memory_equal(told[0], "40001>", 6);
	nsaid = 0;
	client_port = 40000;
	tcp(0, A, 104, 501, "L2\n");
	is_said("c15:L2\n|");
	finish();
}

/* Nothing kept over the limit: conversations go on without being read. */
static void
test_memory(void **unused)
{
	(void)unused;
	flows_free(flows);
	limits.memory = 2000;
	flows = flows_new_with(&limits, 15, &want, roster, NITEMS(roster));
	for (uint16_t i = 0; i < 10; i++) {
		client_port = (uint16_t)(40000 + i);
		shake();
		tcp(0, A, 101, 501, "L1");
		tcp(0, A, 105, 501, "L3\n");
		tcp(0, A, 103, 501, "L2");
	}
	assert_true(weirds.count[WEIRD_STATE_LIMIT] >= 8);
	finish();
	assert_int_equal(ntold, 10);
}

static void
test_drive(void **unused)
{
	struct seg segs[] = {
		{ .data = SPAN_LIT("Ldrive"), .record = 1, .dir = 0 },
		{ .data = SPAN_LIT("n+3\nabcL"), .record = 2, .dir = 0 },
		{ .data = SPAN_LIT("s\n"), .record = 3, .dir = 1, .lost = 5 },
		{ .data = SPAN_LIT("x\n"), .record = 4, .dir = 0,
		    .end = true },
		{ .data = SPAN_LIT("after"), .record = 5, .dir = 0 },
	};

	(void)unused;
	flow_drive(&dec_line, &batch, segs, NITEMS(segs));
	is_said("c1:Ldrive|c1:Ldriven+3\nabcL|c2:L|s3-5:s\n|c2:Lx\n$|s5:$|");
	assert_int_equal(closed, 1);
	flow_drive(&dec_dgram, &batch, segs, 2);
	is_said("uc1:Ldrive|uc2:n+3\nabcL|");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),
		TEST(test_carry),
		TEST(test_out_of_order),
		TEST(test_repeated),
		TEST(test_overlap),
		TEST(test_gaps),
		TEST(test_cut_payload),
		TEST(test_wrap),
		TEST(test_midstream),
		TEST(test_held_limit),
		TEST(test_skip),
		TEST(test_need),
		TEST(test_done),
		TEST(test_handover),
		TEST(test_handover_limit),
		TEST(test_probing),
		TEST(test_swap),
		TEST(test_carry_limit),
		TEST(test_names_only),
		TEST(test_datagrams),
		TEST(test_states),
		TEST(test_one_sided),
		TEST(test_timeouts),
		TEST(test_reuse),
		TEST(test_clock),
		TEST(test_eviction),
		TEST(test_memory),
		TEST(test_drive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
