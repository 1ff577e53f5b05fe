/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the flow room share among themselves; no other room
 * includes it.
 *
 * A conversation is a hot part, which every packet touches, and a cold one
 * (struct talk), which exists only while a decoder reads or may come to read
 * it.  Sides are numbered by who sent the first packet, for ever; who is the
 * client is told by FLOW_SWAPPED, so changing one's mind moves nothing.
 */
#ifndef PICKET_FLOW_INNER_H
#define PICKET_FLOW_INNER_H

#include "flow.h"

#define HISTORY_MAX	36	/* letters; every one comes once a side */
#define SERVICES_MAX	4	/* HANDOVERS_MAX of them make sense */

/* Zeek's endpoint states. */
enum endpoint {
	EP_INACTIVE, EP_SYN_SENT, EP_SYN_ACK_SENT, EP_PARTIAL,
	EP_ESTABLISHED, EP_CLOSED, EP_RESET
};

enum flow_flag {
	FLOW_SWAPPED = 0x01,	/* side 1 is the client */
	FLOW_OPAQUE = 0x02,	/* contents are of no interest (any more) */
	FLOW_ONE_WAY = 0x04,	/* ICMP without counterpart */
	FLOW_SEQ = 0x08,	/* high[0] is set; << 1: high[1] */
	FLOW_ACK = 0x20,	/* ack[0] is set; << 1: ack[1] */
	FLOW_EARLY = 0x80	/* moved to a nearer slot of the wheel */
};

struct talk;

/* Three cache lines; an opaque packet touches the first two. */
struct flow {
	/* key and state */
	struct addr	 addr[2];	/* by side */
	uint16_t	 port[2];
	uint32_t	 hash;
	uint32_t	 chain;		/* next of the bucket, 0: last */
	uint32_t	 seen_s;	/* clock at the newest packet */
	uint32_t	 ack[2];	/* TCP: highest that acknowledges bytes
					 * of this side */
	uint8_t		 proto;
	uint8_t		 flags;		/* enum flow_flag */
	uint8_t		 state[2];	/* enum endpoint */
	uint16_t	 letters[2];	/* of the history, seen so far */
	/* counters */
	int64_t		 last;
	uint32_t	 pkts[2];
	uint64_t	 ip_bytes[2];
	uint64_t	 bytes[2];	/* payload; TCP: by sequence */
	uint32_t	 high[2];	/* TCP: after the highest byte */
	struct talk	*talk;
	/* what changes seldom */
	uint32_t	 wheel_prev, wheel_next;
	uint32_t	 holes[2];	/* bytes missing below high */
	uint16_t	 slot;
	uint8_t		 nhistory;
	uint8_t		 service[SERVICES_MAX];	/* index of decoder + 1 */
	char		 history[HISTORY_MAX + 1];
};
_Static_assert(sizeof(struct flow) == 192, "three cache lines");

/* Written once, read at the end. */
struct origin {
	int64_t		 start;
	uint64_t	 record, offset;
	uint32_t	 tunnel;
	uint16_t	 vlan;
	bool		 has_mac[2];
	uint8_t		 mac[2][6];
};

/* A segment that came too early. */
struct held {
	struct held	*next;
	uint32_t	 seq;
	uint32_t	 len;		/* as sent */
	uint32_t	 kept;		/* bytes below: fewer if the capture cut
					 * it */
	int64_t		 time;
	uint64_t	 record, offset;
	uint8_t		 bytes[];
};

/* One direction of a TCP connection. */
struct stream {
	uint8_t		*carry;		/* not consumed yet */
	uint32_t	 carry_len, carry_size;
	uint64_t	 carry_record, carry_offset;	/* of its first byte */
	struct held	*held, *held_last;	/* by sequence, no overlap */
	uint32_t	 held_bytes, nheld;
	uint32_t	 next;		/* sequence number to be fed next */
	uint32_t	 fin;		/* sequence number of the FIN */
	uint32_t	 passed;	/* bytes that no decoder claimed */
	uint64_t	 skip, lost;
	size_t		 need;
	bool		 started, fin_seen, ended;
};

struct talk {
	struct conv	 conv;
	struct flow_mem	 mem;
	const struct decoder *dec;	/* NULL: still to be recognised */
	void		*state;
	uint64_t	 cand[2];	/* by side: decoders not excluded */
	uint8_t		 dec_no;	/* of dec, in the roster */
	uint8_t		 handovers;
	struct stream	 st[2];
};

#define FEED_DECODERS	64	/* bits of a mask */

/* What feeding needs, one a shard. */
struct feeder {
	const struct decoder *const *roster;
	uint32_t	 ndecoders;
	/* Bit i: decoder i is fed, or recognised only to name the service. */
	uint64_t	 feed_tcp, feed_udp, probe_tcp, probe_udp;
	uint32_t	 carry_max;
	struct mem_pool	 pool;
	void		*share[FEED_DECODERS];	/* of the decoders */
};

/* One packet's worth of work. */
struct feed {
	struct feeder	*by;
	struct batch	*b;
	struct flow	*f;
	const struct origin *from;
	const struct record *rec;
	int64_t		 time;
};

static inline bool
seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline int
dir_of(const struct flow *f, int side)
{
	return side ^ (f->flags & FLOW_SWAPPED);
}

/* conn.c: letters of Zeek's history; each bit once a side */
enum letter {
	LETTER_SYN = 0x01, LETTER_ACK = 0x02, LETTER_DATA = 0x04,
	LETTER_FIN = 0x08, LETTER_RST = 0x10, LETTER_BAD_SUM = 0x20,
	LETTER_GAP = 0x40, LETTER_REPEAT = 0x80, LETTER_WINDOW = 0x100,
	LETTER_FIN_RST = 0x200, LETTER_MULTI = 0x400, LETTER_SWAP = 0x800
};
void		 history_add(struct flow *, int side, enum letter, char);
static inline void
history_put(struct flow *f, int side, enum letter bit, char c)
{
	if ((f->letters[side] & bit) == 0)
		history_add(f, side, bit, c);
}
/* Changes who is the client. */
void		 flow_swap(struct flow *);
/* After FIN or RST, so that only stragglers are awaited. */
bool		 tcp_is_over(const struct flow *);
/* Counters, endpoint states and history; true: the state changed. */
bool		 tcp_track(struct flow *, int side, const struct packet *);
/* The conn event; why: conn.end. */
void		 conn_event(struct batch *, const struct flow *,
		    const struct origin *, const struct conv *,
		    const struct decoder *const *roster, const char *why);
void		 conv_of(const struct flow *, const struct origin *,
		    struct conv *);

/* stream.c */
/* Before tcp_track() of a packet with payload: makes the talk. */
bool		 talk_begin(struct feed *);
/* After it. */
void		 talk_segment(struct feed *, int side, const struct packet *);
void		 talk_datagram(struct feed *, int side, struct span);
/* Bytes that follow what was delivered last, seg->lost missing before. */
void		 talk_deliver(struct feed *, int side, const struct seg *);
/* Gives out what is held, tells the ends, closes the decoder, frees. */
void		 talk_end(struct feed *);
/* Frees at once: the contents are of no interest. */
void		 talk_drop(struct feed *);
/* Tells what decoders share, some of it a call, and frees it; false: there is
 * more. */
bool		 share_end(struct feeder *, struct batch *);
void		 share_free(struct feeder *);
/* Begins to feed decoder number i; false: nothing is fed. */
bool		 talk_attach(struct feed *, uint32_t i);

#endif
