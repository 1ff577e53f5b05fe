/* SPDX-License-Identifier: Apache-2.0
 *
 * One decoder fed from given bytes, by the same code that feeds it from
 * packets: carry, need, skip, handover (after which nothing more is fed), close
 * at the end.  For fuzzing and tests.
 */
#include "inner.h"

#define DRIVE_CARRY	65536
#define DRIVE_MEMORY	(8u << 20)

static void
drive(const struct decoder *dec, struct batch *b, const struct seg *seg,
    size_t n, uint8_t proto)
{
	static const uint8_t client[4] = { 192, 0, 2, 1 },
	    server[4] = { 198, 51, 100, 2 };	/* RFC 5737 */
	struct feeder by = { .roster = &dec, .ndecoders = 1, .feed_tcp = 1,
	    .feed_udp = 1, .probe_tcp = 1, .probe_udp = 1,
	    .carry_max = DRIVE_CARRY, .pool = { .max = DRIVE_MEMORY } };
	struct flow f = { .addr = { addr_v4(client), addr_v4(server) },
	    .port = { 49152, 8000 }, .proto = proto };
	struct origin from = { .start = n > 0 ? seg[0].time : 0 };
	struct record rec = { .type = REC_PACKET };
	struct feed x = { .by = &by, .b = b, .f = &f, .from = &from,
	    .rec = &rec };

	if (!talk_begin(&x) || !talk_attach(&x, 0))
		return;
	by.probe_tcp = 0;	/* whatever follows is not for it */
	for (size_t i = 0; i < n && f.talk != NULL; i++) {
		int side = seg[i].dir == DIR_SERVER;

		rec.data = rec.whole = seg[i].data;
		rec.time = x.time = seg[i].time;
		rec.no = seg[i].record;
		rec.offset = seg[i].offset;
		if (proto == IPPROTO_N_TCP)
			talk_deliver(&x, side, &seg[i]);
		else
			talk_datagram(&x, side, seg[i].data);
	}
	talk_end(&x);
	while (!share_end(&by, b))
		;
	ASSERT(by.pool.used == 0);
}

void
flow_drive(const struct decoder *dec, struct batch *b, const struct seg *seg,
    size_t n)
{
	drive(dec, b, seg, n, dec->stream != NULL ? IPPROTO_N_TCP :
	    IPPROTO_N_UDP);
}

void
flow_drive_dgrams(const struct decoder *dec, struct batch *b,
    const struct seg *seg, size_t n)
{
	ASSERT(dec->dgram != NULL);
	drive(dec, b, seg, n, IPPROTO_N_UDP);
}
