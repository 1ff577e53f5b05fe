/* SPDX-License-Identifier: Apache-2.0
 *
 * Unfinished IP datagrams (RFC 791 3.2, RFC 8200 4.5, RFC 815).
 *
 * Policy: of bytes that come twice the first ones seen win; a datagram that
 * lasts longer than FRAG_TIME_MAX (time of the data) starts anew.  Fragments
 * are kept in order and without overlap, so a datagram is whole when the bytes
 * held are as many as its last fragment says.
 *
 * Ownership: pieces are ours until the datagram is whole, dropped or evicted;
 * the whole datagram lies in the batch's arena.  Bounds, for each shard:
 * datagrams (the caller's), FRAG_BYTES_MAX; for each datagram FRAG_PIECES_MAX,
 * 64 KB.  Over a bound the datagram unused for longest goes.
 */
#include <stdlib.h>

#include "decode.h"

#define FRAG_TIME_MAX	(30 * NSEC)	/* RFC 791 says 15 s, Linux 30 s */
#define FRAG_PIECES_MAX	1024		/* 64 KB in pieces of 64 bytes */
#define FRAG_BYTES_MAX	(2u << 20)	/* 32 of the largest datagrams */
#define DATAGRAM_MAX	65535u

struct piece {
	struct piece	*next;
	uint32_t	 off, len;
	uint8_t		 bytes[];
};

struct datagram {
	struct piece	*first, *last;
	int64_t		 start;		/* time of the first fragment seen */
	uint32_t	 have;		/* bytes held */
	uint32_t	 total;		/* 0: last fragment not seen */
	uint16_t	 npieces;
	uint8_t		 proto;
	bool		 has_proto;
};

struct shard {
	struct table	*open;		/* frag_key -> datagram */
	size_t		 bytes;
};

struct frags {
	unsigned	 n;
	struct shard	 shard[];
};

static void
drop(struct shard *s, struct datagram *d)
{
	for (struct piece *p = d->first; p != NULL;) {
		struct piece *next = p->next;

		s->bytes -= sizeof(*p) + p->len;
		free(p);
		p = next;
	}
	memset(d, 0, sizeof(*d));
}

static void
on_evict(void *arg, const void *key, void *value)
{
	(void)key;
	drop(arg, value);
}

struct frags *
frags_new(uint32_t max_datagrams, unsigned shards)
{
	struct frags *f;

	ASSERT(shards > 0 && max_datagrams > 0);
	f = calloc(1, sizeof(*f) + shards * sizeof(f->shard[0]));
	if (f == NULL)
		return NULL;
	f->n = shards;
	for (unsigned i = 0; i < shards; i++) {
		f->shard[i].open = table_new(sizeof(struct frag_key),
		    sizeof(struct datagram), max_datagrams);
		if (f->shard[i].open == NULL) {
			frags_free(f);
			return NULL;
		}
		table_on_evict(f->shard[i].open, on_evict, &f->shard[i]);
	}
	return f;
}

void
frags_free(struct frags *f)
{
	const void *key;
	void *value;

	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->n; i++) {
		struct shard *s = &f->shard[i];
		uint32_t it = 0;

		if (s->open == NULL)
			continue;
		while (table_next(s->open, &it, &key, &value))
			drop(s, value);
		table_free(s->open);
	}
	free(f);
}

/* Adds [off, off + len) after piece at (NULL: in front). */
static bool
insert(struct shard *s, struct datagram *d, struct piece *at, uint32_t off,
    const uint8_t *bytes, uint32_t len)
{
	struct piece *p;

	if (d->npieces == FRAG_PIECES_MAX ||
	    (p = malloc(sizeof(*p) + len)) == NULL)
		return false;
	p->off = off;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	p->next = at == NULL ? d->first : at->next;
	if (at == NULL)
		d->first = p;
	else
		at->next = p;
	if (p->next == NULL)
		d->last = p;
	d->npieces++;
	d->have += len;
	s->bytes += sizeof(*p) + len;
	return true;
}

/* Puts in what is not there yet.  *overlap: something was, and differed or
 * was no exact copy. */
static bool
fill(struct shard *s, struct datagram *d, const struct frag *f, bool *overlap)
{
	uint32_t off = f->off, end = f->off + (uint32_t)f->data.len;
	const uint8_t *bytes = f->data.ptr;
	struct piece *at = NULL, *p = d->first;

	if (d->last != NULL && d->last->off + d->last->len <= off) {
		at = d->last;		/* the usual case: in order */
		p = NULL;
	}
	for (; p != NULL && off < end; at = p, p = p->next) {
		uint32_t p_end = p->off + p->len, n;

		if (p_end <= off)
			continue;
		if (off < p->off) {
			n = MIN_OF(end, p->off) - off;
			if (!insert(s, d, at, off, bytes, n))
				return false;
			off += n;
			bytes += n;
		}
		if (off < end) {	/* off is inside p now */
			n = MIN_OF(end, p_end) - off;
			if (n != p->len || n != f->data.len ||
			    memcmp(p->bytes + (off - p->off), bytes, n) != 0)
				*overlap = true;
			off += n;
			bytes += n;
		}
	}
	return off >= end || insert(s, d, at, off, bytes, end - off);
}

static struct span
join(struct batch *b, const struct datagram *d)
{
	uint8_t *out = arena_alloc(&b->arena, d->total);
	size_t n = 0;

	if (out == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return SPAN_NONE;
	}
	for (const struct piece *p = d->first; p != NULL; p = p->next) {
		if (p->off + p->len > d->total)
			break;
		memcpy(out + p->off, p->bytes, p->len);
		n += p->len;
	}
	ASSERT(n == d->total);
	return (struct span){ out, n };
}

/* False: impossible beside what is known of the datagram. */
static bool
fits(struct datagram *d, const struct frag *f)
{
	uint32_t end = f->off + (uint32_t)f->data.len;

	if (f->data.len == 0 || end > DATAGRAM_MAX ||
	    (f->more && f->data.len % 8 != 0))
		return false;
	if (!f->more) {
		if ((d->total != 0 && d->total != end) ||
		    (d->last != NULL && d->last->off + d->last->len > end))
			return false;
		d->total = end;
	} else if (d->total != 0 && end > d->total)
		return false;
	return true;
}

static void
keep_bytes_bound(struct shard *s, struct batch *b, const struct record *r)
{
	while (s->bytes > FRAG_BYTES_MAX) {
		const void *key;
		struct frag_key oldest;
		void *value;
		uint32_t it = 0;

		if (!table_next(s->open, &it, &key, &value))
			break;
		memcpy(&oldest, key, sizeof(oldest));
		drop(s, value);
		table_del(s->open, &oldest);
		batch_weird(b, WEIRD_IP_FRAG_TABLE, r);
	}
}

struct span
frags_put(struct frags *fr, uint32_t shard_hash, struct batch *b,
    const struct record *r, const struct frag_key *key, const struct frag *f,
    uint8_t *proto)
{
	struct shard *s = &fr->shard[shard_hash % fr->n];
	uint64_t evicted = table_evicted(s->open);
	bool made, overlap = false;
	struct span whole = SPAN_NONE;
	struct datagram *d = table_put(s->open, key, &made);

	if (d == NULL)
		return SPAN_NONE;
	if (table_evicted(s->open) != evicted)
		batch_weird(b, WEIRD_IP_FRAG_TABLE, r);
	if (!made && r->time != TIME_NONE && d->start != TIME_NONE &&
	    (r->time > d->start + FRAG_TIME_MAX ||
	    r->time < d->start - FRAG_TIME_MAX)) {
		drop(s, d);
		made = true;
	}
	if (made)
		d->start = r->time;
	if (!fits(d, f)) {
		batch_weird(b, WEIRD_IP_FRAG_BAD, r);
		return SPAN_NONE;
	}
	if (f->off == 0 && !d->has_proto) {
		d->proto = f->proto;
		d->has_proto = true;
	}
	if (!fill(s, d, f, &overlap)) {
		batch_weird(b, WEIRD_IP_FRAG_TABLE, r);
		drop(s, d);
		table_del(s->open, key);
		return SPAN_NONE;
	}
	if (overlap)
		batch_weird(b, WEIRD_IP_FRAG_OVERLAP, r);
	if (d->total != 0 && d->have == d->total) {
		whole = join(b, d);
		*proto = d->proto;
		drop(s, d);
		table_del(s->open, key);
	}
	keep_bytes_bound(s, b, r);
	return whole;
}
