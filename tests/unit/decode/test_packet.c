/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet layers: link types, encapsulations, IP headers and their limits,
 * fragments, shard hash, Community ID.  Frames are put together by hand from
 * the RFCs; Community IDs are those of the specification's own examples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "decode.h"

static struct demand	 want;
static struct weirds	 weirds;
static struct batch	 batch;
static struct frags	*frags;
static struct buf	 f;		/* the frame */
static struct packet	 p;
static int64_t		 now;

static const uint8_t	 mac_a[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t	 mac_b[6] = { 2, 0, 0, 0, 0, 2 };

static void
put(uint64_t v, int n)
{
	while (n-- > 0)
		buf_byte(&f, n < 8 ? (uint8_t)(v >> 8 * n) : 0);
}

static void
ether(uint16_t type)
{
	buf_put(&f, mac_b, 6);
	buf_put(&f, mac_a, 6);
	put(type, 2);
}

/* 10.0.0.1 to 10.0.0.2; len: what follows the header. */
static void
ip4(uint8_t proto, uint16_t len, uint16_t id, uint16_t frag)
{
	put(0x4500, 2);
	put(len + 20u, 2);
	put(id, 2);
	put(frag, 2);
	put(64, 1);
	put(proto, 1);
	put(0, 2);
	put(0x0a000001, 4);
	put(0x0a000002, 4);
}

static void
ip6(uint8_t next, uint16_t len)
{
	put(0x60000000, 4);
	put(len, 2);
	put(next, 1);
	put(63, 1);
	put(0x20010db800000000, 8);
	put(1, 8);
	put(0x20010db800000000, 8);
	put(2, 8);
}

static void
udp(uint16_t sport, uint16_t dport, uint16_t len)
{
	put(sport, 2);
	put(dport, 2);
	put(len + 8u, 2);
	put(0, 2);
}

static void
tcp(uint16_t sport, uint16_t dport, uint8_t flags)
{
	put(sport, 2);
	put(dport, 2);
	put(0x01020304, 4);
	put(0x05060708, 4);
	put(0x50, 1);
	put(flags, 1);
	put(512, 2);
	put(0, 4);
}

static bool
dissect_cut(uint16_t link, size_t cut)
{
	struct record r = { .link = link, .type = REC_PACKET, .no = 1,
	    .time = now, .wire_len = (uint32_t)f.len };
	bool ok;

	/* A copy of just that size, for asan. */
	uint8_t *bytes = malloc(f.len - cut + 1);

	memcpy(bytes, f.ptr, f.len - cut);
	r.data = arena_copy(&batch.arena, span_of(bytes, f.len - cut));
	free(bytes);
	ok = packet_dissect(frags, &batch, &r, &p);
	if (ok)
		assert_int_equal(packet_shard_hash(&r), p.shard_hash);
	buf_reset(&f);
	return ok;
}

static bool
dissect(uint16_t link)
{
	return dissect_cut(link, 0);
}

static void
is_udp_53(const char *payload)
{
	assert_int_equal(p.proto, IPPROTO_N_UDP);
	assert_int_equal(p.sport, 4000);
	assert_int_equal(p.dport, 53);
	assert_int_equal(p.payload_len, strlen(payload));
	assert_true(span_eq(p.payload, span_str(payload)));
}

static void
udp4(const char *payload)
{
	uint16_t len = (uint16_t)strlen(payload);

	ip4(17, len + 8, 1, 0);
	udp(4000, 53, len);
	buf_str(&f, payload);
}

static void
udp6(const char *payload)
{
	uint16_t len = (uint16_t)strlen(payload);

	ip6(17, len + 8);
	udp(4000, 53, len);
	buf_str(&f, payload);
}

static void
tunnel_is(const char *text)
{
	assert_true(span_eq(tunnel_text(&batch, p.tunnel), span_str(text)));
}

static int
setup(void **unused)
{
	(void)unused;
	demand_all(&want);
	weirds_init(&weirds);
	buf_init(&f, 0);
	now = 1000 * NSEC;
	frags = frags_new(8, 4);
	return frags == NULL || !batch_init(&batch, &want, &weirds);
}

static int
teardown(void **unused)
{
	(void)unused;
	frags_free(frags);
	batch_fini(&batch);
	buf_fini(&f);
	return 0;
}

static void
test_ethernet(void **unused)
{
	static const uint8_t a[] = { 10, 0, 0, 1 };
	struct addr addr = addr_v4(a);

	(void)unused;
	ether(0x0800);
	ip4(6, 25, 1, 0x4000);
	tcp(49152, 443, TCP_SYN | TCP_ACK);
	buf_str(&f, "hello");
	buf_str(&f, "padding that Ethernet adds");
	assert_true(dissect(1));
	assert_true(addr_eq(&p.src, &addr));
	assert_int_equal(p.proto, 6);
	assert_int_equal(p.sport, 49152);
	assert_int_equal(p.dport, 443);
	assert_int_equal(p.seq, 0x01020304);
	assert_int_equal(p.ack, 0x05060708);
	assert_int_equal(p.tcp_flags, TCP_SYN | TCP_ACK);
	assert_int_equal(p.window, 512);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.ip_len, 45);
	assert_true(span_eq(p.payload, SPAN_LIT("hello")));
	assert_memory_equal(p.src_mac, mac_a, 6);
	assert_memory_equal(p.dst_mac, mac_b, 6);
	assert_int_equal(p.vlan, 0);
	assert_false(p.is_v6);
	assert_true(p.bad_sum);		/* it was left 0 */

	ether(0x88a8);			/* QinQ: the outer id counts */
	put(0xe065, 2);
	put(0x8100, 2);
	put(0x0007, 2);
	put(0x86dd, 2);
	udp6("q");
	assert_true(dissect(1));
	is_udp_53("q");
	assert_int_equal(p.vlan, 0x065);
	assert_true(p.is_v6);
	assert_int_equal(p.ip_len, 49);

	ether(0);			/* 802.3: a length, then SNAP */
	f.ptr[13] = 8 + 29;
	put(0xaaaa03000000, 6);
	put(0x0800, 2);
	udp4("s");
	assert_true(dissect(1));
	is_udp_53("s");

	ether(0x0806);			/* ARP is no conversation */
	put(0, 28);
	assert_false(dissect(1));
	for (int i = 0; i < WEIRD_COUNT; i++)
		assert_int_equal(weirds.count[i], 0);
}

static void
test_link_types(void **unused)
{
	static const uint16_t raw[] = { 12, 14, 101, 228, 229 };

	(void)unused;
	for (size_t i = 0; i < NITEMS(raw); i++) {
		i % 2 == 0 ? udp4("r") : udp6("r");
		assert_true(dissect(raw[i]));
		is_udp_53("r");
	}
	put(2, 1);			/* loopback, little endian host */
	put(0, 3);
	udp4("n");
	assert_true(dissect(0));
	is_udp_53("n");
	put(28, 4);			/* big endian, AF_INET6 of FreeBSD */
	udp6("l");
	assert_true(dissect(108));
	is_udp_53("l");
	put(0, 2);			/* Linux cooked: to us, Ethernet */
	put(1, 2);
	put(6, 2);
	buf_put(&f, mac_a, 6);
	put(0, 2);
	put(0x0800, 2);
	udp4("c1");
	assert_true(dissect(113));
	is_udp_53("c1");
	assert_memory_equal(p.src_mac, mac_a, 6);
	assert_null(p.dst_mac);
	put(0x86dd, 2);			/* version 2 */
	put(0, 2);
	put(3, 4);
	put(1, 2);
	put(4, 1);
	put(6, 1);
	buf_put(&f, mac_b, 6);
	put(0, 2);
	udp6("c2");
	assert_true(dissect(276));
	is_udp_53("c2");
	assert_memory_equal(p.src_mac, mac_b, 6);
	put(0xff030021, 4);		/* PPP with HDLC framing */
	udp4("p");
	assert_true(dissect(9));
	is_udp_53("p");
	put(0x57, 1);			/* PPP, protocol in one byte */
	udp6("p");
	assert_true(dissect(50));
	is_udp_53("p");
	assert_int_equal(p.tunnel, 0);
	udp4("x");
	assert_false(dissect(65000));
	assert_int_equal(weirds.count[WEIRD_LINK_UNKNOWN], 1);
}

static void
test_tunnels(void **unused)
{
	(void)unused;
	ether(0x8864);			/* PPPoE */
	put(0x1100, 2);
	put(1, 2);
	put(31, 2);
	put(0x0021, 2);
	udp4("e");
	assert_true(dissect(1));
	is_udp_53("e");
	tunnel_is("pppoe");

	ether(0x8847);			/* MPLS, two labels */
	put(0x00010040, 4);
	put(0x00020140, 4);
	udp6("m");
	assert_true(dissect(1));
	is_udp_53("m");
	tunnel_is("mpls");

	ip4(47, 16 + 29, 1, 0);		/* GRE with checksum, key, sequence */
	put(0xb0000800, 4);
	put(0, 4);
	put(77, 4);
	put(1, 4);
	udp4("g");
	assert_true(dissect(101));
	is_udp_53("g");
	tunnel_is("gre");
	assert_int_equal(p.ip_len, 29);

	ip4(47, 4 + 14 + 29, 1, 0);	/* GRE with Ethernet in it */
	put(0x6558, 4);
	ether(0x0800);
	udp4("t");
	assert_true(dissect(101));
	is_udp_53("t");
	assert_memory_equal(p.src_mac, mac_a, 6);

	ip4(17, 8 + 8 + 14 + 49, 1, 0);	/* VXLAN */
	udp(50000, 4789, 8 + 14 + 49);
	put(0x08000000, 4);
	put(0x00002a00, 4);
	ether(0x86dd);
	udp6("v");
	assert_true(dissect(101));
	is_udp_53("v");
	tunnel_is("vxlan");

	ip6(17, 8 + 12 + 29);		/* GENEVE with one option */
	udp(50000, 6081, 12 + 29);
	put(0x01000800, 4);
	put(0x00002a00, 4);
	put(0, 4);
	udp4("o");
	assert_true(dissect(101));
	is_udp_53("o");
	tunnel_is("geneve");

	ip4(4, 20 + 20 + 40 + 9, 1, 0);	/* IPIP, IPIP, 6in4 */
	ip4(4, 20 + 40 + 9, 1, 0);
	ip4(41, 40 + 9, 1, 0);
	udp6("6");
	assert_true(dissect(101));
	is_udp_53("6");
	tunnel_is("ipip,ipip,6in4");
}

/* What does not open inwards is told as the outer conversation. */
static void
test_closed_tunnels(void **unused)
{
	(void)unused;
	ip4(47, 4 + 4, 1, 0);		/* GRE carrying what is not read */
	put(0x00001234, 4);
	put(0, 4);
	assert_true(dissect(101));
	assert_int_equal(p.proto, 47);
	assert_int_equal(p.payload_len, 8);
	assert_int_equal(p.tunnel, 0);
	ip4(4, 20, 1, 0);		/* IPIP with a broken inner header */
	put(0x4f00, 2);
	put(10, 18);
	assert_true(dissect(101));
	assert_int_equal(p.proto, 4);
	assert_int_equal(weirds.count[WEIRD_IP_BAD_HEADER], 1);
	ip4(17, 8 + 30, 1, 0);		/* port of VXLAN, but none */
	udp(50000, 4789, 30);
	put(0xffffffffffff, 30);
	assert_true(dissect(101));
	assert_int_equal(p.dport, 4789);
	assert_int_equal(p.payload_len, 30);
	for (int i = 0; i < 12; i++)	/* deeper than is followed */
		ip4(4, (uint16_t)(20 * (11 - i) + 29), 1, 0);
	udp4("deep");
	assert_true(dissect(101));
	assert_int_equal(p.proto, 4);
	assert_int_equal(weirds.count[WEIRD_TUNNEL_DEPTH], 1);
}

static void
test_ip_headers(void **unused)
{
	(void)unused;
	put(0x4600, 2);			/* IPv4 with four bytes of options */
	put(24 + 9, 2);
	put(0, 4);
	put(0x4011, 2);
	put(0, 2);
	put(0x0a000001, 4);
	put(0x0a000002, 4);
	put(0x01010100, 4);
	udp(4000, 53, 1);
	buf_str(&f, "o");
	assert_true(dissect(101));
	is_udp_53("o");

	ip4(17, 9, 1, 0);		/* total length left to the card */
	f.ptr[2] = f.ptr[3] = 0;
	udp(4000, 53, 1);
	buf_str(&f, "t");
	assert_true(dissect(101));
	is_udp_53("t");

	ip6(0, 8 + 24 + 8 + 16 + 9);	/* hop-by-hop, routing, dest, AH */
	put(43, 1);
	put(0, 7);
	put(60, 1);
	put(2, 1);
	put(0, 22);
	put(51, 1);
	put(0, 7);
	put(17, 1);
	put(2, 1);			/* (2 + 2) * 4 */
	put(0, 14);
	udp(4000, 53, 1);
	buf_str(&f, "x");
	assert_true(dissect(101));
	is_udp_53("x");
	assert_int_equal(weirds.count[WEIRD_IP_EXT_CHAIN], 0);

	ip6(60, 20 * 8);
	for (int i = 0; i < 20; i++) {
		put(60, 1);
		put(0, 7);
	}
	assert_false(dissect(101));
	assert_int_equal(weirds.count[WEIRD_IP_EXT_CHAIN], 1);

	ip4(17, 9, 1, 0);		/* header length 16 */
	f.ptr[0] = 0x44;
	udp(4000, 53, 1);
	assert_false(dissect(101));
	assert_int_equal(weirds.count[WEIRD_IP_BAD_HEADER], 1);
}

static void
test_short(void **unused)
{
	(void)unused;
	/* Every length of a snapped frame: no overrun, sane lengths. */
	for (size_t cut = 0; cut <= 14 + 20 + 20 + 10; cut++) {
		bool ok;

		ether(0x0800);
		ip4(6, 30, 1, 0);
		tcp(1, 2, TCP_ACK);
		buf_str(&f, "0123456789");
		ok = dissect_cut(1, cut);
		assert_int_equal(ok, cut <= 30);
		if (!ok)
			continue;
		if (cut <= 10) {
			assert_int_equal(p.payload.len, 10 - cut);
			assert_int_equal(p.payload_len, 10);
			assert_false(p.bad_l4);
		} else {
			assert_true(p.bad_l4);
		}
	}
	assert_int_equal(weirds.count[WEIRD_PKT_SNAPPED], 30);
	assert_true(weirds.count[WEIRD_PKT_TRUNCATED] > 0);
	weirds_init(&weirds);
	ip4(6, 20, 1, 0);		/* data offset over the segment */
	tcp(1, 2, 0);
	f.ptr[32] = 0xf0;
	assert_true(dissect(101));
	assert_true(p.bad_l4);
	ip4(17, 8, 1, 0);		/* UDP length below its header */
	udp(1, 2, 0);
	f.ptr[25] = 7;
	assert_true(dissect(101));
	assert_true(p.bad_l4);
	assert_int_equal(weirds.count[WEIRD_L4_BAD_HEADER], 2);
}

static void
icmp_is(uint8_t proto, uint8_t type, uint8_t code, uint16_t dport,
    bool one_way)
{
	proto == 1 ? ip4(1, 12, 1, 0) : ip6(58, 12);
	put(type, 1);
	put(code, 1);
	put(0, 10);
	assert_true(dissect(101));
	assert_int_equal(p.sport, type);
	assert_int_equal(p.dport, dport);
	assert_int_equal(p.one_way, one_way);
	assert_int_equal(p.payload_len, 4);
}

static void
test_icmp(void **unused)
{
	(void)unused;
	icmp_is(1, 8, 0, 0, false);
	icmp_is(1, 0, 0, 8, false);
	icmp_is(1, 3, 3, 3, true);
	icmp_is(1, 14, 0, 13, false);
	icmp_is(58, 128, 0, 129, false);
	icmp_is(58, 136, 0, 135, false);
	icmp_is(58, 1, 4, 4, true);
}

/* -- fragments ------------------------------------------------------------- */

/* Bytes off to off + len of "UDP header, then 0123..." of 40 bytes. */
static bool
fragment4(uint16_t id, unsigned off, unsigned len, bool more, char fill)
{
	uint8_t whole[40];
	struct buf keep = f;

	buf_init(&f, 0);
	udp(4000, 53, 32);
	memcpy(whole, f.ptr, 8);
	buf_fini(&f);
	f = keep;
	for (unsigned i = 8; i < 40; i++)
		whole[i] = fill != 0 ? (uint8_t)fill : (uint8_t)('0' + i);
	ip4(17, (uint16_t)len, id,
	    (uint16_t)(off / 8 | (more ? 0x2000 : 0)));
	buf_put(&f, whole + off, len);
	return dissect(101);
}

static void
whole4(void)
{
	assert_int_equal(p.sport, 4000);
	assert_int_equal(p.dport, 53);
	assert_int_equal(p.payload_len, 32);
	assert_int_equal(p.payload.len, 32);
	assert_int_equal(p.ip_len, 60);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(p.payload.ptr[i], '8' + i);
}

static void
test_fragments(void **unused)
{
	(void)unused;
	assert_false(fragment4(1, 0, 16, true, 0));	/* in order */
	assert_false(fragment4(1, 16, 16, true, 0));
	assert_true(fragment4(1, 32, 8, false, 0));
	whole4();
	assert_false(fragment4(2, 32, 8, false, 0));	/* backwards, mixed */
	assert_false(fragment4(3, 0, 16, true, 'x'));
	assert_false(fragment4(2, 16, 16, true, 0));
	assert_true(fragment4(2, 0, 16, true, 0));
	whole4();
	assert_false(fragment4(4, 0, 24, true, 0));	/* exact copy: fine */
	assert_false(fragment4(4, 0, 24, true, 0));
	assert_int_equal(weirds.count[WEIRD_IP_FRAG_OVERLAP], 0);
	assert_false(fragment4(4, 8, 24, true, 'y'));	/* first bytes win */
	assert_int_equal(weirds.count[WEIRD_IP_FRAG_OVERLAP], 1);
	assert_true(fragment4(4, 32, 8, false, 0));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(p.payload.ptr[i],
		    i < 16 || i >= 24 ? '8' + i : 'y');
	/* The middle is there first, then all around it. */
	assert_false(fragment4(5, 16, 8, true, 'z'));
	assert_false(fragment4(5, 0, 32, true, 0));
	assert_int_equal(weirds.count[WEIRD_IP_FRAG_OVERLAP], 2);
	assert_true(fragment4(5, 32, 8, false, 0));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(p.payload.ptr[i],
		    i < 8 || i >= 16 ? '8' + i : 'z');
}

static void
test_fragment_limits(void **unused)
{
	(void)unused;
	assert_false(fragment4(1, 0, 16, true, 'x'));	/* too old */
	now += 31 * NSEC;
	assert_false(fragment4(1, 16, 24, false, 0));
	assert_true(fragment4(1, 0, 16, true, 0));
	whole4();
	assert_false(fragment4(2, 0, 12, true, 0));	/* no multiple of 8 */
	assert_int_equal(weirds.count[WEIRD_IP_FRAG_BAD], 1);
	ip4(17, 16, 3, 0x1fff);				/* over 64 KB */
	put(0, 16);
	assert_false(dissect(101));
	assert_int_equal(weirds.count[WEIRD_IP_FRAG_BAD], 2);
	assert_false(fragment4(4, 16, 8, false, 0));	/* beyond the end */
	assert_false(fragment4(4, 24, 8, true, 0));
	assert_int_equal(weirds.count[WEIRD_IP_FRAG_BAD], 3);
	for (uint16_t id = 100; id < 120; id++)		/* 8 at a time */
		assert_false(fragment4(id, 0, 16, true, 0));
	assert_true(weirds.count[WEIRD_IP_FRAG_TABLE] >= 12);
	assert_true(fragment4(119, 16, 24, false, 0));
	whole4();
	assert_false(fragment4(100, 16, 24, false, 0));
}

static void
fragment6(uint8_t next, uint16_t off_flags, unsigned len)
{
	ip6(44, (uint16_t)(8 + len));
	put(next, 1);
	put(0, 1);
	put(off_flags, 2);
	put(0xabcd1234, 4);
}

static void
test_fragments6(void **unused)
{
	(void)unused;
	fragment6(17, 1, 8);
	udp(4000, 53, 3);
	assert_false(dissect(101));
	fragment6(99, 8, 3);		/* the first one's header counts */
	buf_str(&f, "six");
	assert_true(dissect(101));
	is_udp_53("six");
	assert_int_equal(p.ip_len, 40 + 11);
	fragment6(17, 0, 9);		/* atomic */
	udp(4000, 53, 1);
	buf_str(&f, "a");
	assert_true(dissect(101));
	is_udp_53("a");
}

static void
test_shard_hash(void **unused)
{
	struct record r = { .link = 101, .type = REC_PACKET };
	uint32_t there, back, other;
	uint8_t swap[4];

	(void)unused;
	udp4("h");
	r.data = buf_view(&f);
	there = packet_shard_hash(&r);
	memcpy(swap, f.ptr + 12, 4);
	memmove(f.ptr + 12, f.ptr + 16, 4);
	memcpy(f.ptr + 16, swap, 4);
	back = packet_shard_hash(&r);
	f.ptr[19] ^= 1;
	other = packet_shard_hash(&r);
	assert_int_equal(there, back);
	assert_int_not_equal(there, other);
	assert_int_not_equal(there, 0);
	r.data = SPAN_LIT("\x00\x01");
	assert_int_equal(packet_shard_hash(&r), 0);
}

static void
test_community_id(void **unused)
{
	static const struct {
		const char	*src, *dst;
		uint16_t	 sport, dport;
		uint8_t		 proto;
		bool		 one_way;
		const char	*id;
	} cases[] = {
		{ "128.232.110.120", "66.35.250.204", 34855, 80, 6, false,
		    "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ "66.35.250.204", "128.232.110.120", 80, 34855, 6, false,
		    "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
		{ "192.168.1.52", "8.8.8.8", 54585, 53, 17, false,
		    "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
		{ "192.168.170.8", "192.168.170.56", 7, 7, 132, false,
		    "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=" },
		{ "192.168.0.89", "192.168.0.1", 8, 0, 1, false,
		    "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
		{ "192.168.0.1", "192.168.0.89", 0, 8, 1, false,
		    "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
		{ "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea",
		    135, 136, 58, false, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=" },
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		struct conv c = { .port = { cases[i].sport, cases[i].dport },
		    .proto = cases[i].proto, .one_way = cases[i].one_way };

		assert_true(addr_parse(span_str(cases[i].src), &c.addr[0]));
		assert_true(addr_parse(span_str(cases[i].dst), &c.addr[1]));
		conv_community_id(&c);
		assert_string_equal(c.community_id, cases[i].id);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ethernet),
		TEST(test_link_types),
		TEST(test_tunnels),
		TEST(test_closed_tunnels),
		TEST(test_ip_headers),
		TEST(test_short),
		TEST(test_icmp),
		TEST(test_fragments),
		TEST(test_fragment_limits),
		TEST(test_fragments6),
		TEST(test_shard_hash),
		TEST(test_community_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
