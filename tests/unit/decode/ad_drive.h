/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives one decoder by hand, without the flow room, for test_dns, test_krb5
 * and test_smb: one conversation 10.0.0.1:50000 to 10.0.0.2:<port>, memory on
 * an account that must be even after close().
 */
#ifndef AD_DRIVE_H
#define AD_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decode.h"

#define T0	(INT64_C(1700000000) * NSEC)

struct drive {
	struct demand		 want;
	struct weirds		 weirds;
	struct batch		 batch;
	struct conv		 conv;
	struct mem_pool		 pool;
	struct flow_mem		 mem;
	struct dec		 dec;
	const struct decoder	*row;
	_Alignas(16) uint8_t	 state[DEC_STATE_MAX];
	struct buf		 carry[2];
	int64_t			 time;
	uint64_t		 record;
	struct buf		 text;
};

static struct drive dr;

static void
drive_init(const char *decoder, uint8_t proto, uint16_t port)
{
	static const uint8_t client[4] = { 10, 0, 0, 1 };
	static const uint8_t server[4] = { 10, 0, 0, 2 };

	memset(&dr, 0, sizeof(dr));
	demand_all(&dr.want);
	weirds_init(&dr.weirds);
	assert_true(batch_init(&dr.batch, &dr.want, &dr.weirds));
	dr.row = decoder_find(span_str(decoder));
	assert_non_null(dr.row);
	assert_true(dr.row->state_size <= DEC_STATE_MAX);
	dr.conv.addr[DIR_CLIENT] = addr_v4(client);
	dr.conv.addr[DIR_SERVER] = addr_v4(server);
	dr.conv.port[DIR_CLIENT] = 50000;
	dr.conv.port[DIR_SERVER] = port;
	dr.conv.proto = proto;
	dr.pool.max = dr.mem.max = 1 << 20;
	dr.mem.pool = &dr.pool;
	dr.dec = (struct dec){ .batch = &dr.batch, .conv = &dr.conv,
	    .mem = &dr.mem };
	dr.time = T0;
	dr.record = 0;
}

static enum probe_result
drive_probe(struct span data, unsigned dir, bool udp)
{
	struct probe p = { .data = data, .dir = (uint8_t)dir, .is_udp = udp,
	    .sport = dr.conv.port[dir], .dport = dr.conv.port[!dir] };

	return dr.row->probe(&p);
}

/* Copied to where overruns show. */
static struct span
exact(struct span s)
{
	struct span kept = arena_copy(&dr.batch.arena, s);

	assert_true(s.len == 0 || kept.ptr != NULL);
	return kept;
}

static void __attribute__((__unused__))
drive_dgram(unsigned dir, struct span data)
{
	struct seg seg = { .data = exact(data), .time = dr.time,
	    .record = ++dr.record, .dir = (uint8_t)dir };

	dr.row->dgram(&dr.dec, dr.state, &seg);
	dr.time += NSEC / 1000;
}

/* Bytes of a stream, with the carry, need and skip of the flow room. */
static void
drive_stream(unsigned dir, struct span data, uint64_t lost)
{
	struct buf *b = &dr.carry[dir];
	uint64_t skip = MIN_OF(dr.dec.skip[dir], (uint64_t)data.len);
	struct seg seg = { .time = dr.time, .record = ++dr.record,
	    .dir = (uint8_t)dir, .lost = lost };
	size_t n;

	dr.time += NSEC / 1000;
	dr.dec.skip[dir] -= skip;
	buf_span(b, span_sub(data, skip, data.len));
	if (b->len == 0 || b->len < dr.dec.need[dir] ||
	    dr.dec.action != DEC_GO)
		return;
	seg.data = exact(buf_view(b));
	dr.dec.need[dir] = 0;
	n = dr.row->stream(&dr.dec, dr.state, &seg);
	assert_true(n <= seg.data.len);
	b->len = 0;
	if (dr.dec.skip[dir] == 0)
		buf_span(b, span_sub(seg.data, n, seg.data.len));
	else
		assert_int_equal(n, seg.data.len);
}

/* All bytes at once, or one by one. */
static void __attribute__((__unused__))
drive_bytes(unsigned dir, struct span data, size_t step)
{
	for (size_t i = 0; i < data.len; i += step)
		drive_stream(dir, span_sub(data, i, step), 0);
}

static void __attribute__((__unused__))
drive_close(void)
{
	dr.row->close(&dr.dec, dr.state);
	assert_int_equal(dr.mem.used, 0);
}

static void
drive_fini(void)
{
	buf_fini(&dr.carry[0]);
	buf_fini(&dr.carry[1]);
	buf_fini(&dr.text);
	batch_fini(&dr.batch);
}

static const struct event *
ev(unsigned i)
{
	assert_true(i < dr.batch.nevents);
	return &dr.batch.events[i];
}

/* A field as text, lists with blanks between; "-" when it is not there. */
static const char *
text(unsigned i, unsigned field)
{
	const struct value *v = event_get(ev(i), field);
	const struct value *items;

	buf_reset(&dr.text);
	if (v == NULL) {
		buf_str(&dr.text, "-");
	} else if (v->type == VT_LIST) {
		items = v->ptr;
		for (uint32_t k = 0; k < v->len; k++) {
			if (k != 0)
				buf_byte(&dr.text, ' ');
			value_put(&dr.text, &items[k]);
		}
	} else {
		value_put(&dr.text, v);
	}
	buf_byte(&dr.text, 0);
	return (const char *)dr.text.ptr;
}

#define CHECK(i, field, want) assert_string_equal(text(i, field), want)

/* Hexadecimal text (blanks are skipped) to bytes in the arena. */
static struct span __attribute__((__unused__))
hex(const char *s)
{
	uint8_t *p = arena_alloc(&dr.batch.arena, strlen(s) / 2 + 1);
	size_t n = 0;

	assert_non_null(p);
	while (*s != '\0') {
		if (*s == ' ') {
			s++;
			continue;
		}
		assert_true(ascii_hex((uint8_t)s[0]) >= 0 &&
		    ascii_hex((uint8_t)s[1]) >= 0);
		p[n++] = (uint8_t)(ascii_hex((uint8_t)s[0]) << 4 |
		    ascii_hex((uint8_t)s[1]));
		s += 2;
	}
	return span_of(p, n);
}

#endif
