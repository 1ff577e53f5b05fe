/* SPDX-License-Identifier: Apache-2.0
 *
 * flow: conversations.  Takes dissected packets, keeps the table of
 * conversations, puts TCP streams together, feeds the decoders and tells each
 * conversation's end as one conn event (Zeek's vocabulary).
 */
#ifndef PICKET_FLOW_H
#define PICKET_FLOW_H

#include "decode.h"

/*
 * Work is cut by a symmetric hash of the outermost address pair into a fixed
 * number of shards, whatever the number of workers: each shard has its own
 * tables and limits, so the output does not depend on who reads which.
 */
#define FLOW_SHARDS	4

struct flow_limits {
	uint32_t	flows;		/* conversations per shard */
	uint32_t	carry;		/* bytes kept per direction */
	size_t		memory;		/* bytes per shard for carry, reordering
					 * and decoders' state */
	uint32_t	datagrams;	/* unfinished datagrams per shard */
};
extern const struct flow_limits flow_limits_default;

/* Timeouts, in seconds of the data's own clock. */
#define TIMEOUT_TCP	300	/* as Zeek's tcp_inactivity_timeout */
#define TIMEOUT_TCP_HALF 60	/* not established */
#define TIMEOUT_TCP_OVER 5	/* after FIN or RST: only stragglers */
#define TIMEOUT_OTHER	60	/* UDP, ICMP, all others */

struct flows;
/* shards: bit i set: this one reads shard i. */
struct flows	*flows_new(const struct flow_limits *, unsigned shards,
		    const struct demand *);
/* The same with decoders of one's own; for tests. */
struct flows	*flows_new_with(const struct flow_limits *, unsigned shards,
		    const struct demand *, const struct decoder *const *,
		    size_t n);
void		 flows_free(struct flows *);
/*
 * All records of the batch, which are packets of one file in order; those of
 * other shards only move the clock.  When events or arena run full and
 * batch->drain is set, it is called with the events so far, and the arena is
 * reset after it: the consumer must be done with them when drain returns.
 */
void		 flows_batch(struct flows *, struct batch *);
/* The end of the capture: tells all that is open.  May need many batches:
 * false when there is more to tell after the batch was taken. */
bool		 flows_end(struct flows *, struct batch *);

/* Feeds one decoder with the bytes of one direction at a time, without
 * packets; for fuzzing and tests.  (dec_* work inside.)  A decoder that reads
 * both streams and datagrams gets a stream; flow_drive_dgrams() gives every
 * seg as a datagram. */
void		 flow_drive(const struct decoder *, struct batch *,
		    const struct seg *, size_t nsegs);
void		 flow_drive_dgrams(const struct decoder *, struct batch *,
		    const struct seg *, size_t nsegs);

#endif
