/* SPDX-License-Identifier: Apache-2.0
 *
 * NetFlow and IPFIX: datagrams built field by field after Cisco's v5 layout,
 * RFC 3954 and RFC 7011; what flowrec.c joins and what it keeps apart; floods,
 * changes, gaps and lies.
 */
#include "ad_drive.h"

static struct buf msg;

static void
be16(unsigned n)
{
	buf_byte(&msg, (uint8_t)(n >> 8));
	buf_byte(&msg, (uint8_t)n);
}

static void
be32(uint32_t n)
{
	be16(n >> 16);
	be16(n & 0xffff);
}

static void
poke16(size_t at, size_t n)
{
	msg.ptr[at] = (uint8_t)(n >> 8);
	msg.ptr[at + 1] = (uint8_t)n;
}

static void
setup(void)
{
	drive_init("netflow", 17, 2055);
	buf_init(&msg, 0);
	dr.dec.share = dr.row->share_new();
	assert_non_null(dr.dec.share);
}

static void
send(void)
{
	drive_dgram(DIR_CLIENT, buf_view(&msg));
	buf_reset(&msg);
}

static void
end(void)
{
	while (!dr.row->share_end(&dr.dec, dr.dec.share))
		;
}

static void
teardown(void)
{
	dr.row->share_free(dr.dec.share);
	buf_fini(&msg);
	drive_fini();
}

static uint64_t
weird(enum weird w)
{
	return dr.weirds.count[w];
}

/* -- v5 ------------------------------------------------------------------ */

#define UPTIME	1000000u	/* ms, at T0 */

static void
v5(unsigned count, uint32_t number)
{
	be16(5);
	be16(count);
	be32(UPTIME + (uint32_t)((dr.time - T0) / 1000000));
	be32((uint32_t)(dr.time / NSEC));
	be32((uint32_t)(dr.time % NSEC));
	be32(number);
	be16(0);
	be16(0);
}

/* One way or the other between 10.9.0.1:sport and 10.9.0.2:dport; times in ms
 * after T0. */
struct rec {
	bool		back;
	unsigned	sport, dport, proto, flags, pkts, bytes, in, out;
	int		first, last;
};

static void
v5_rec(const struct rec *r)
{
	be32(r->back ? 0x0a090002 : 0x0a090001);
	be32(r->back ? 0x0a090001 : 0x0a090002);
	be32(0);
	be16(r->in);
	be16(r->out);
	be32(r->pkts);
	be32(r->bytes);
	be32(UPTIME + (uint32_t)r->first);
	be32(UPTIME + (uint32_t)r->last);
	be16(r->back ? r->dport : r->sport);
	be16(r->back ? r->sport : r->dport);
	buf_byte(&msg, 0);
	buf_byte(&msg, (uint8_t)r->flags);
	buf_byte(&msg, (uint8_t)r->proto);
	buf_byte(&msg, 0);
	be32(0);
	be32(0);
}

static uint32_t number;

/* Each in a datagram of its own, at ms after T0. */
static void
send_v5(int at_ms, struct rec r)
{
	dr.time = T0 + (int64_t)at_ms * 1000000;
	if (r.proto == 0)
		r.proto = 6;
	if (r.in == 0 && r.out == 0)
		r.in = 1 + r.back, r.out = 2 - r.back;
	v5(1, number++);
	v5_rec(&r);
	send();
}

static void
both_ways(void **state)
{
	(void)state;
	setup();
	/* The answer's record comes first. */
	send_v5(1000, (struct rec){ true, 40000, 50001, 6, 0x1b, 7, 4000,
	    .first = 12, .last = 900 });
	send_v5(1100, (struct rec){ false, 40000, 50001, 6, 0x1b, 5, 600,
	    .first = 10, .last = 901 });
	assert_int_equal(dr.batch.nevents, 0);
	end();
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_SRC_IP, "10.9.0.1");
	CHECK(0, FIELD_SRC_PORT, "40000");
	CHECK(0, FIELD_DST_IP, "10.9.0.2");
	CHECK(0, FIELD_DST_PORT, "50001");
	CHECK(0, FIELD_SRC_IP_BYTES, "600");
	CHECK(0, FIELD_DST_IP_BYTES, "4000");
	CHECK(0, FIELD_SRC_PKTS, "5");
	CHECK(0, FIELD_DST_PKTS, "7");
	CHECK(0, FIELD_CONN_STATE, "SF");
	CHECK(0, FIELD_CONN_END, "fin");
	CHECK(0, FIELD_CONN_DURATION, "0.891");
	CHECK(0, FIELD_FLOW_EXPORTER, "10.0.0.1");
	CHECK(0, FIELD_FLOW_SAMPLING, "1");
	CHECK(0, FIELD_FLOW_IN_IF, "1");
	CHECK(0, FIELD_FLOW_OUT_IF, "2");
	assert_true(ev(0)->time == T0 + 10 * 1000000);
	assert_int_equal(weird(WEIRD_NETFLOW_GAP), 0);
	teardown();
}

static void
states(void **state)
{
	static const struct {
		unsigned	there, back;	/* flags; 0: no record */
		const char	*want;
		unsigned	client;
	} row[] = {
		{ 0x02, 0, "S0", 0 }, { 0, 0x02, "S0", 1 },
		{ 0x06, 0, "RSTOS0", 0 }, { 0x1b, 0, "-", 0 },
		{ 0x02, 0x14, "REJ", 0 }, { 0x14, 0x02, "REJ", 1 },
		{ 0x1b, 0x1b, "SF", 0 }, { 0x1e, 0x1a, "RSTO", 0 },
		{ 0x1a, 0x1e, "RSTR", 0 }, { 0x1a, 0x1a, "S1", 0 },
		{ 0x1b, 0x1a, "S2", 0 }, { 0x1a, 0x1b, "S3", 0 },
		{ 0x18, 0x18, "OTH", 0 }
	};

	(void)state;
	setup();
	for (unsigned i = 0; i < NITEMS(row); i++) {
		unsigned n = dr.batch.nevents;

		if (row[i].there != 0)
			send_v5(1, (struct rec){ false, 50000 + i, 443, 6,
			    row[i].there, 1, 40, .first = 0, .last = 1 });
		if (row[i].back != 0)
			send_v5(1, (struct rec){ true, 50000 + i, 443, 6,
			    row[i].back, 1, 40, .first = 0, .last = 1 });
		end();
		assert_int_equal(dr.batch.nevents, n + 1);
		CHECK(n, FIELD_CONN_STATE, row[i].want);
		CHECK(n, FIELD_SRC_IP, row[i].client ? "10.9.0.2" :
		    "10.9.0.1");
	}
	teardown();
}

/* Cut every 60 s, and a UDP talk the same way. */
static void
pieces(void **state)
{
	(void)state;
	setup();
	for (int i = 0; i < 40; i++) {
		unsigned flags = 0x18u | (i == 0 ? 2u : 0) |
		    (i == 39 ? 1u : 0);
		int from = i * 60000;

		for (int back = 0; back < 2; back++) {
			send_v5(from + 60001, (struct rec){ back, 40000, 22,
			    6, flags, 10, 1000, .first = from + back,
			    .last = from + 59990 });
			send_v5(from + 60001, (struct rec){ back, 40000, 4500,
			    17, 0, 1, 100, .first = from + back,
			    .last = from + 59990 });
		}
	}
	end();
	assert_int_equal(dr.batch.nevents, 2);
	for (unsigned i = 0; i < 2; i++) {
		bool tcp = strcmp(text(i, FIELD_PROTO), "tcp") == 0;

		CHECK(i, FIELD_SRC_IP_BYTES, tcp ? "40000" : "4000");
		CHECK(i, FIELD_DST_IP_BYTES, tcp ? "40000" : "4000");
		CHECK(i, FIELD_CONN_DURATION, "2399.99");
		CHECK(i, FIELD_CONN_STATE, "SF");
		CHECK(i, FIELD_SRC_PORT, "40000");
	}
	teardown();
}

/* The same ports again: after a SYN, or after a long silence. */
static void
again(void **state)
{
	(void)state;
	setup();
	for (int i = 0; i < 2; i++)
		for (int back = 0; back < 2; back++)
			send_v5(i * 2000 + 1000, (struct rec){ back, 40000,
			    22, 6, 0x1b, 10, 1000, .first = i * 2000 + back,
			    .last = i * 2000 + 900 });
	assert_int_equal(dr.batch.nevents, 1);
	send_v5(1000, (struct rec){ false, 40001, 53, 17, 0, 1, 60,
	    .first = 0, .last = 0 });
	send_v5(90000, (struct rec){ false, 40001, 53, 17, 0, 1, 60,
	    .first = 90000, .last = 90000 });
	end();
	assert_int_equal(dr.batch.nevents, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK(i, FIELD_SRC_PKTS, i == 0 || strcmp(text(i,
		    FIELD_PROTO), "tcp") == 0 ? "10" : "1");
	teardown();
}

/* Where it came in and where it went out, and to two collectors. */
static void
twice(void **state)
{
	struct rec r = { false, 40000, 443, 6, 0x1b, 10, 1000, 1, 2,
	    .first = 0, .last = 900 };

	(void)state;
	setup();
	send_v5(1000, r);
	send_v5(1000, r);
	r.first = 3;
	r.in = 7;
	send_v5(1001, r);
	r.first = 950;		/* a straggler of the same size is no copy */
	r.last = 5000;
	r.flags = 0x10;
	r.in = 1;
	send_v5(5001, r);
	end();
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_SRC_IP_BYTES, "2000");
	teardown();
}

static void
icmp(void **state)
{
	(void)state;
	setup();
	/* Type and code stand in the port: echo, its reply, unreachable. */
	send_v5(10, (struct rec){ false, 0, 0x0800, 1, 0, 1, 84, .first = 5,
	    .last = 5 });
	dr.time = T0 + 11 * 1000000;
	v5(1, number++);
	v5_rec(&(struct rec){ true, 0, 0, 1, 0, 1, 84, 2, 1, 6, 6 });
	send();
	send_v5(12, (struct rec){ false, 0, 0x0301, 1, 0, 1, 56, .first = 7,
	    .last = 7 });
	end();
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_SRC_IP, "10.9.0.1");
	CHECK(0, FIELD_SRC_PORT, "8");
	CHECK(0, FIELD_DST_PORT, "0");
	CHECK(0, FIELD_DST_PKTS, "1");
	CHECK(1, FIELD_SRC_PORT, "3");
	CHECK(1, FIELD_DST_PORT, "1");
	CHECK(1, FIELD_DST_PKTS, "-");
	teardown();
}

/* Those that nothing more came for are told as time goes on. */
static void
waiting(void **state)
{
	(void)state;
	setup();
	for (unsigned i = 0; i < 100; i++)
		send_v5(1000, (struct rec){ false, 40000 + i, 443, 6, 0x1b, 1,
		    40, .first = 0, .last = 900 });
	assert_int_equal(dr.batch.nevents, 0);
	for (unsigned i = 0; i < 100; i++)
		send_v5(70000, (struct rec){ false, 50000 + i, 53, 17, 0, 1,
		    40, .first = 69000, .last = 69000 });
	assert_int_equal(dr.batch.nevents, 100);
	/* A clock that jumps by years, forth and back. */
	send_v5(INT32_MAX, (struct rec){ false, 1, 53, 17, 0, 1, 40,
	    .first = 69000, .last = 69000 });
	send_v5(-INT32_MAX, (struct rec){ false, 1, 53, 17, 0, 1, 40,
	    .first = 69000, .last = 69000 });
	end();
	assert_int_equal(dr.batch.nevents, 202);
	teardown();
}

static void
sampled(void **state)
{
	(void)state;
	setup();
	v5(1, 0);
	poke16(22, 0x4064);	/* mode 1, one of 100 */
	v5_rec(&(struct rec){ false, 40000, 443, 6, 0x02, 3, 180, 1, 2, 0,
	    10 });
	send();
	end();
	CHECK(0, FIELD_SRC_PKTS, "300");
	CHECK(0, FIELD_SRC_IP_BYTES, "18000");
	CHECK(0, FIELD_FLOW_SAMPLING, "100");
	CHECK(0, FIELD_CONN_STATE, "-");
	teardown();
}

static void
bad_v5(void **state)
{
	struct rec r = { false, 40000, 443, 6, 0x1b, 1, 40, 1, 2, 0, 1 };

	(void)state;
	setup();
	number = 0;
	v5(2, 0);		/* says two, has one */
	v5_rec(&r);
	assert_int_equal(drive_probe(buf_view(&msg), 0, true), PROBE_NO);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_COUNT), 1);
	v5(1, 9);		/* 2 to 8 are missing */
	v5_rec(&r);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_GAP), 1);
	v5(1, 5);		/* overtaken */
	v5_rec(&r);
	send();
	v5(1, 10);
	r.last = -5;		/* ends before it begins */
	v5_rec(&r);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_GAP), 1);
	assert_int_equal(weird(WEIRD_NETFLOW_TIME), 1);
	be16(5);
	be16(1);
	send();
	be16(8);		/* a version that is not read */
	be16(1);
	for (int i = 0; i < 20; i++)
		be32(0);
	assert_int_equal(drive_probe(buf_view(&msg), 0, true), PROBE_NO);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 2);
	teardown();
}

/* v1 and v7: the same record in other clothes. */
static void
old(void **state)
{
	(void)state;
	setup();
	for (unsigned v = 1; v <= 7; v += 6) {
		be16(v);
		be16(1);
		be32(UPTIME);
		be32((uint32_t)(T0 / NSEC));
		be32(0);
		if (v == 7) {
			be32(0);
			be32(0);
		}
		be32(0x0a090001);
		be32(0x0a090002);
		be32(0);
		be32(0x00010002);
		be32(3);
		be32(180);
		be32(UPTIME - 2000);
		be32(UPTIME - 1000);
		be16(40000 + v);
		be16(25);
		if (v == 1) {
			be16(0);
			be32(0x06081b00);	/* protocol, tos, flags */
			be16(0);
			be32(0);
			be32(0);
		} else {
			be32(0x001b0608);
			be16(64496);
			be16(64497);
			be32(0);
			be32(0);
		}
		assert_int_equal(drive_probe(buf_view(&msg), 0, true),
		    PROBE_YES);
		send();
	}
	end();
	assert_int_equal(dr.batch.nevents, 2);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(i, FIELD_PROTO, "tcp");
		CHECK(i, FIELD_DST_PORT, "25");
		CHECK(i, FIELD_FLOW_TOS, "8");
		CHECK(i, FIELD_FLOW_TCP_FLAGS, "0x1b");
		CHECK(i, FIELD_SRC_IP_BYTES, "180");
		CHECK(i, FIELD_CONN_DURATION, "1");
		assert_true(ev(i)->time == T0 - 2 * NSEC);
	}
	teardown();
}

/* -- v9 and IPFIX -------------------------------------------------------- */

static const uint16_t simple[][2] = {
	{ 8, 4 }, { 12, 4 }, { 7, 2 }, { 11, 2 }, { 4, 1 }, { 1, 4 }, { 2, 4 }
}, turned[][2] = {
	{ 12, 4 }, { 8, 4 }, { 11, 2 }, { 7, 2 }, { 4, 1 }, { 2, 4 }, { 1, 4 }
};

static void
v9(unsigned count, uint32_t seq, uint32_t source)
{
	be16(9);
	be16(count);
	be32(UPTIME);
	be32((uint32_t)(T0 / NSEC));
	be32(seq);
	be32(source);
}

static size_t
begin_set(unsigned id)
{
	be16(id);
	be16(0);
	return msg.len - 2;
}

static void
end_set(size_t at)
{
	poke16(at, msg.len - at + 2);
}

static void
template(unsigned set, unsigned id, const uint16_t (*f)[2], unsigned n)
{
	size_t at = begin_set(set);

	be16(id);
	be16(n);
	for (unsigned i = 0; i < n; i++) {
		be16(f[i][0]);
		be16(f[i][1]);
	}
	end_set(at);
}
#define TEMPLATE(set, id, f) template(set, id, f, NITEMS(f))

/* A record of `simple`. */
static void
data(unsigned id, unsigned sport)
{
	size_t at = begin_set(id);

	be32(0x0a090001);
	be32(0x0a090002);
	be16(sport);
	be16(53);
	buf_byte(&msg, 17);
	be32(100);
	be32(2);
	end_set(at);
}

/* Records after the conversation went, and by another source id. */
static void
templates_last(void **state)
{
	(void)state;
	setup();
	v9(1, 0, 1);
	TEMPLATE(0, 256, simple);
	assert_int_equal(drive_probe(buf_view(&msg), 0, true), PROBE_YES);
	send();
	memset(dr.state, 0, sizeof(dr.state));	/* another conversation */
	dr.time += 1800 * NSEC;
	dr.conv.port[DIR_CLIENT]++;
	v9(1, 1, 1);
	data(256, 1000);
	send();
	v9(1, 0, 2);		/* another line card */
	data(256, 1001);
	send();
	dr.conv.addr[DIR_CLIENT].b[15]++;	/* another exporter */
	v9(1, 2, 1);
	data(256, 1002);
	send();
	end();
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_SRC_PORT, "1000");
	assert_int_equal(weird(WEIRD_NETFLOW_NO_TEMPLATE), 2);
	assert_int_equal(weird(WEIRD_NETFLOW_GAP), 0);
	teardown();
}

static void
template_change(void **state)
{
	(void)state;
	setup();
	v9(2, 0, 1);
	TEMPLATE(0, 256, simple);
	data(256, 1000);
	send();
	v9(1, 1, 1);
	TEMPLATE(0, 256, simple);	/* refreshed */
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_CHANGED), 0);
	v9(2, 2, 1);
	TEMPLATE(0, 256, turned);
	data(256, 50001);
	send();
	end();
	assert_int_equal(weird(WEIRD_NETFLOW_CHANGED), 1);
	assert_int_equal(dr.batch.nevents, 2);
	for (unsigned i = 0; i < 2; i++) {
		bool plain = strcmp(text(i, FIELD_SRC_PORT), "1000") == 0;

		/* 10.9.0.2:53 to port 50001 is an answer */
		CHECK(i, FIELD_SRC_IP, "10.9.0.1");
		CHECK(i, FIELD_DST_PORT, "53");
		CHECK(i, plain ? FIELD_SRC_PKTS : FIELD_DST_PKTS,
		    plain ? "2" : "100");
	}
	teardown();
}

static void
template_flood(void **state)
{
	uint32_t seq = 0;

	(void)state;
	setup();
	v9(1, seq++, 1);
	TEMPLATE(0, 256, simple);
	send();
	for (unsigned id = 257; id < 5000; id++) {
		v9(1, seq++, 1);
		TEMPLATE(0, id, simple);
		send();
	}
	assert_int_equal(weird(WEIRD_NETFLOW_LIMIT), 5000 - 256 - 1024);
	/* And as many source ids as there are, the first in use all along. */
	for (uint32_t source = 2; source < 3000; source++) {
		if (source % 100 == 0) {
			v9(1, seq++, 1);
			data(256, source);
			send();
		}
		v9(1, 0, source);
		TEMPLATE(0, 256, simple);
		send();
	}
	v9(1, seq++, 1);
	data(256, 1000);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_NO_TEMPLATE), 0);
	v9(1, 1, 2);		/* who was quiet is forgotten */
	data(256, 1000);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_NO_TEMPLATE), 1);
	teardown();
}

/* Templates of 255 fields from many domains: 16 MB hold no more. */
static void
template_bytes(void **state)
{
	static uint16_t f[255][2];
	uint64_t before;

	(void)state;
	setup();
	for (unsigned i = 0; i < NITEMS(f); i++)
		f[i][0] = 1, f[i][1] = 4;
	for (uint32_t source = 0; source < 30; source++)
		for (unsigned id = 256; id < 256 + 1000; id++) {
			v9(1, 0, source);
			TEMPLATE(0, id, f);
			send();
			batch_reset(&dr.batch);
		}
	before = weird(WEIRD_NETFLOW_LIMIT);
	/* 1,044 bytes or so each: some 16 domains fit */
	assert_true(before > 10 && before < 20);
	teardown();
}

static void
lies(void **state)
{
	static const uint16_t empty[][2] = { { 8, 0 }, { 12, 0 } };
	static const uint16_t odd[][2] = { { 8, 3 }, { 12, 4 } };
	size_t at;

	(void)state;
	setup();
	v9(1, 0, 1);		/* set longer than the datagram */
	TEMPLATE(0, 256, simple);
	poke16(22, 400);
	assert_int_equal(drive_probe(buf_view(&msg), 0, true), PROBE_NO);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 1);
	v9(1, 1, 1);		/* shorter than its own head */
	TEMPLATE(0, 256, simple);
	poke16(22, 3);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 2);
	v9(1, 2, 1);		/* more fields than there are */
	TEMPLATE(0, 256, simple);
	poke16(26, 60000);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 3);
	v9(1, 3, 1);		/* records without length */
	TEMPLATE(0, 256, empty);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 4);
	v9(1, 4, 1);		/* an address of three bytes */
	TEMPLATE(0, 257, odd);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 5);
	v9(1, 5, 1);		/* a number below those of data */
	TEMPLATE(0, 12, simple);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 6);
	v9(7, 6, 1);		/* count */
	TEMPLATE(0, 256, simple);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_COUNT), 1);
	v9(1, 9, 1);		/* gap */
	data(256, 1);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_GAP), 1);
	v9(1, 10, 1);		/* half a record */
	at = begin_set(256);
	be32(0x0a090001);
	end_set(at);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_COUNT), 2);
	end();
	assert_int_equal(dr.batch.nevents, 1);
	teardown();
}

/* IPFIX: biflow by RFC 5103, lengths of RFC 7011 7, the message's length. */
static void
ipfix(uint32_t seq)
{
	be16(10);
	be16(0);
	be32((uint32_t)(T0 / NSEC));
	be32(seq);
	be32(9);
}

static void
ipfix_end(size_t more)
{
	poke16(2, msg.len + more);
}

static void
ipfix_variable(void **state)
{
	size_t at;

	(void)state;
	setup();
	ipfix(0);
	at = begin_set(2);
	be16(300);
	be16(5);
	be32(0x001b0010);	/* source and destination IPv6 */
	be32(0x001c0010);
	be32(0x00040001);
	be32(0x0060ffff);	/* applicationName */
	be32(0x00010008);
	end_set(at);
	at = begin_set(300);
	for (int i = 0; i < 8; i++)
		be32(i % 4 == 0 ? 0x20010db8 : (uint32_t)i);
	buf_byte(&msg, 132);
	buf_byte(&msg, 255);	/* three bytes of length */
	be16(3);
	buf_str(&msg, "abc");
	be32(0);
	be32(77);
	end_set(at);
	ipfix_end(0);
	assert_int_equal(drive_probe(buf_view(&msg), 0, true), PROBE_YES);
	send();
	ipfix(1);		/* a length behind the end */
	at = begin_set(300);
	for (int i = 0; i < 8; i++)
		be32(0);
	buf_byte(&msg, 6);
	buf_byte(&msg, 200);
	be32(0);
	be32(0);
	end_set(at);
	ipfix_end(0);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 1);
	ipfix(1);		/* a message that says more than is there */
	ipfix_end(8);
	send();
	assert_int_equal(weird(WEIRD_NETFLOW_BAD), 2);
	end();
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_SRC_IP, "2001:db8:0:1:0:2:0:3");
	CHECK(0, FIELD_PROTO, "sctp");
	CHECK(0, FIELD_SRC_IP_BYTES, "77");
	teardown();
}

static void
biflow(void **state)
{
	size_t at;

	(void)state;
	setup();
	ipfix(0);
	at = begin_set(2);
	be16(300);
	be16(10);
	be32(0x00080004);
	be32(0x000c0004);
	be32(0x00070002);
	be32(0x000b0002);
	be32(0x00040001);
	be32(0x00010008);
	be32(0x80010008);	/* reverse octets */
	be32(29305);
	be32(0x00ef0001);	/* biflowDirection */
	be32(0x00980008);	/* flowStartMilliseconds */
	be32(0x00880001);	/* flowEndReason */
	end_set(at);
	at = begin_set(300);
	for (int i = 0; i < 2; i++) {
		be32(0x0a090001);
		be32(0x0a090002);
		be16(1000u + (unsigned)i);
		be16(2000);
		buf_byte(&msg, 17);
		be32(0);
		be32(111);
		be32(0);
		be32(222);
		buf_byte(&msg, (uint8_t)(1 + i));
		be32((uint32_t)((T0 / 1000000) >> 32));
		be32((uint32_t)(T0 / 1000000));
		buf_byte(&msg, 3);
	}
	end_set(at);
	ipfix_end(0);
	send();
	end();
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_SRC_IP, "10.9.0.1");
	CHECK(0, FIELD_SRC_IP_BYTES, "111");
	CHECK(0, FIELD_DST_IP_BYTES, "222");
	CHECK(0, FIELD_CONN_END, "fin");
	CHECK(1, FIELD_SRC_IP, "10.9.0.2");
	CHECK(1, FIELD_SRC_PORT, "2000");
	CHECK(1, FIELD_SRC_IP_BYTES, "222");
	CHECK(1, FIELD_DST_IP_BYTES, "111");
	assert_true(ev(0)->time == T0);
	teardown();
}

/* RFC 7011 8.1, and the sampling that options tell. */
static void
ipfix_options(void **state)
{
	size_t at;

	(void)state;
	setup();
	ipfix(0);
	TEMPLATE(2, 256, simple);
	at = begin_set(3);
	be16(257);
	be16(3);
	be16(1);
	be32(0x00950004);	/* scope: observationDomainId */
	be32(0x01310004);	/* samplingPacketInterval */
	be32(0x01320004);	/* samplingPacketSpace */
	end_set(at);
	at = begin_set(257);
	be32(9);
	be32(2);		/* two of ten */
	be32(8);
	end_set(at);
	data(256, 1000);
	ipfix_end(0);
	send();
	ipfix(2);		/* withdrawn */
	at = begin_set(2);
	be16(256);
	be16(0);
	end_set(at);
	data(256, 1001);
	ipfix_end(0);
	send();
	end();
	assert_int_equal(weird(WEIRD_NETFLOW_NO_TEMPLATE), 1);
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_FLOW_SAMPLING, "5");
	CHECK(0, FIELD_SRC_PKTS, "10");
	CHECK(0, FIELD_SRC_IP_BYTES, "500");
	teardown();
}

/* -- the table of what waits ---------------------------------------------- */

static void
crowd(void **state)
{
	struct flow_join *join = flow_join_new(8);
	struct flow_rec r = { .proto = 17, .rate = 1, .first = T0, .last = T0,
	    .exported = TIME_NONE, .sent = { { .pkts = 1,
	    .has = SENT_PKTS } } };

	(void)state;
	setup();
	assert_non_null(join);
	for (unsigned i = 0; i < 20; i++) {
		r.port[0] = (uint16_t)(40000 + i);
		r.port[1] = 53;
		flow_join_add(&dr.dec, join, &r, T0);
	}
	assert_int_equal(dr.batch.nevents, 12);
	assert_int_equal(weird(WEIRD_FLOWREC_LIMIT), 12);
	CHECK(0, FIELD_SRC_PORT, "40000");
	CHECK(0, FIELD_CONN_END, "evict");
	assert_true(flow_join_end(&dr.dec, join));
	assert_int_equal(dr.batch.nevents, 20);
	CHECK(19, FIELD_CONN_END, "end");
	flow_join_free(join);
	teardown();
}

/* Numbers that do not fit stop at the greatest. */
static void
saturation(void **state)
{
	struct flow_join *join = flow_join_new(8);
	struct flow_rec r = { .proto = 17, .rate = 1, .first = INT64_MIN,
	    .last = INT64_MAX, .exported = TIME_NONE, .has = FREC_TIMES,
	    .sent = { { .pkts = UINT64_MAX, .ip_bytes = UINT64_MAX - 1,
	    .has = SENT_PKTS | SENT_IP_BYTES } } };

	(void)state;
	setup();
	assert_non_null(join);
	flow_join_add(&dr.dec, join, &r, T0);
	r.last--;
	flow_join_add(&dr.dec, join, &r, T0);
	r.first = r.last = INT64_MAX;
	flow_join_add(&dr.dec, join, &r, T0);
	assert_true(flow_join_end(&dr.dec, join));
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_SRC_PKTS, "18446744073709551615");
	CHECK(0, FIELD_SRC_IP_BYTES, "18446744073709551615");
	flow_join_free(join);
	teardown();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways), cmocka_unit_test(states),
		cmocka_unit_test(pieces), cmocka_unit_test(again),
		cmocka_unit_test(twice), cmocka_unit_test(icmp),
		cmocka_unit_test(waiting), cmocka_unit_test(sampled),
		cmocka_unit_test(bad_v5), cmocka_unit_test(old),
		cmocka_unit_test(templates_last),
		cmocka_unit_test(template_change),
		cmocka_unit_test(template_flood),
		cmocka_unit_test(template_bytes), cmocka_unit_test(lies),
		cmocka_unit_test(ipfix_variable), cmocka_unit_test(biflow),
		cmocka_unit_test(ipfix_options), cmocka_unit_test(crowd),
		cmocka_unit_test(saturation)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
