/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: a growing byte buffer, a fixed-seed generator of numbers, and the
 * small encoders (DER, base64, UTF-16) that the evidence generators share.
 *
 * Owner: the generators in tools/; nothing in src/ includes this.
 * A buffer owns its memory; buf_free() gives it back.  Out of memory ends
 * the program: a generator has nobody to hand the error to.
 * Bounds: none on size but memory; input is never hostile here.
 */
#ifndef PICKET_TOOLS_BUF_H
#define PICKET_TOOLS_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

/* splitmix64: same numbers on every machine for the same seed */
struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *);
/* 0 <= result < bound; a tiny bias is of no matter here */
uint32_t rng_below(struct rng *, uint32_t bound);
/* lo <= result <= hi */
uint32_t rng_range(struct rng *, uint32_t lo, uint32_t hi);

void buf_free(struct buf *);
void buf_put(struct buf *, const void *, size_t);
void buf_cat(struct buf *, const struct buf *);
void buf_str(struct buf *, const char *);
void buf_fmt(struct buf *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void buf_zero(struct buf *, size_t);
void buf_rand(struct buf *, struct rng *, size_t);
void buf_u8(struct buf *, unsigned);
void buf_be16(struct buf *, uint32_t);
void buf_be24(struct buf *, uint32_t);
void buf_be32(struct buf *, uint32_t);
void buf_le16(struct buf *, uint32_t);
void buf_le32(struct buf *, uint32_t);
void buf_le64(struct buf *, uint64_t);
/* ASCII text as UTF-16LE without terminator; returns octets written */
size_t buf_utf16(struct buf *, const char *);
/* base64 of count random octets */
void buf_rand_base64(struct buf *, struct rng *, size_t count);

/*
 * A hole of width octets for a length that is known later; buf_fill() puts
 * the number of octets written since into it, most significant first.
 */
size_t buf_hole(struct buf *, unsigned width);
void buf_fill(struct buf *, size_t hole, unsigned width);
/* overwrite what stands at pos with a little-endian number */
void buf_poke_le(struct buf *, size_t pos, uint64_t value, unsigned width);

/*
 * DER (X.690): der_begin() remembers the place, the content is written, and
 * der_end() slides tag and definite length in before it.
 */
size_t der_begin(const struct buf *);
void der_end(struct buf *, size_t begin, unsigned tag);
void der_int(struct buf *, int64_t);
void der_text(struct buf *, unsigned tag, const char *);
/* dotted object identifier */
void der_oid(struct buf *, const char *);

#endif
