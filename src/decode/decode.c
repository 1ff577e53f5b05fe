/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster of decoders and what all of them use: memory of a conversation,
 * its endpoint fields, its Community ID.
 *
 * Ownership: what dec_alloc() gives belongs to the decoder's state, counted on
 * the conversation's account (struct flow_mem); events only point into the
 * batch's arena.
 */
#include <stdlib.h>

#include "decode.h"
#include "codec.h"

/* What a decoder of a file's records may ask for at once: there is no account
 * then, and no record is larger than a few megabytes. */
#define RECORD_ALLOC_MAX (16u << 20)

#define DECODER(name, title) extern const struct decoder decoder_##name;
#include "decoders.def"
#undef DECODER

const struct decoder *const decoders[] = {
#define DECODER(name, title) &decoder_##name,
#include "decoders.def"
#undef DECODER
};
const size_t ndecoders = NITEMS(decoders);

const struct decoder *
decoder_find(struct span name)
{
	for (size_t i = 0; i < ndecoders; i++)
		if (span_eq(name, span_str(decoders[i]->name)))
			return decoders[i];
	return NULL;
}

void
dec_weird(struct dec *d, enum weird w)
{
	batch_weird(d->batch, w, d->rec);
}

bool
dec_next_line(struct cursor *c, const struct seg *seg, size_t most, bool *skip,
    struct span *line)
{
	while (c->left != 0) {
		size_t n = span_find_byte(cur_rest(c), '\n');
		bool passed = *skip;

		if (n == SPAN_NPOS && !seg->end && c->left < most)
			return false;
		*line = cur_take(c, n == SPAN_NPOS ? c->left : n + 1);
		*skip = n == SPAN_NPOS;
		while (line->len > 0 && (line->ptr[line->len - 1] == '\n' ||
		    line->ptr[line->len - 1] == '\r'))
			line->len--;
		if (!passed)
			return true;
	}
	return false;
}

void *
dec_alloc(struct dec *d, size_t n)
{
	void *p;

	if (d->mem == NULL ? n > RECORD_ALLOC_MAX : !mem_take(d->mem, n)) {
		dec_weird(d, WEIRD_STATE_LIMIT);
		return NULL;
	}
	/* calloc(1, 0) may give NULL, which is no failure here. */
	if ((p = calloc(1, n == 0 ? 1 : n)) == NULL) {
		if (d->mem != NULL)
			mem_give(d->mem, n);
		dec_weird(d, WEIRD_STATE_LIMIT);
	}
	return p;
}

void
dec_free(struct dec *d, void *p, size_t n)
{
	if (p == NULL)
		return;
	if (d->mem != NULL)
		mem_give(d->mem, n);
	free(p);
}

struct span
dec_keep(struct dec *d, struct span s)
{
	uint8_t *p = dec_alloc(d, s.len);

	if (p == NULL)
		return SPAN_NONE;
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	return (struct span){ p, s.len };
}

void
dec_drop(struct dec *d, struct span *s)
{
	if (s->ptr != NULL)
		dec_free(d, (void *)(uintptr_t)s->ptr, s->len);
	*s = SPAN_NONE;
}

/* -- endpoints of a conversation ----------------------------------------- */

const char *
proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_N_ICMP:	return "icmp";
	case IPPROTO_N_TCP:	return "tcp";
	case IPPROTO_N_UDP:	return "udp";
	case IPPROTO_N_ICMP6:	return "icmp6";
	case IPPROTO_N_SCTP:	return "sctp";
	}
	return NULL;
}

/*
 * Community ID 1 (github.com/corelight/community-id-spec), seed 0:
 *	"1:" base64(sha1(seed(2) saddr daddr proto(1) 0(1) [sport(2) dport(2)]))
 * with the lesser (address, port) first, except for ICMP without counterpart.
 */
void
conv_community_id(struct conv *c)
{
	uint8_t msg[40], digest[20], *p = msg + 2;
	struct buf text;
	size_t skip = addr_is_v4(&c->addr[0]) && addr_is_v4(&c->addr[1]) ?
	    12 : 0;
	int first = 0, cmp;

	if (c->community_id[0] != '\0')
		return;
	cmp = memcmp(c->addr[0].b, c->addr[1].b, 16);
	if (!c->one_way &&
	    (cmp > 0 || (cmp == 0 && c->port[0] > c->port[1])))
		first = 1;
	msg[0] = msg[1] = 0;
	for (int i = 0; i < 2; i++, p += 16 - skip)
		memcpy(p, c->addr[first ^ i].b + skip, 16 - skip);
	*p++ = c->proto;
	*p++ = 0;
	if (proto_name(c->proto) != NULL)
		for (int i = 0; i < 2; i++) {
			*p++ = (uint8_t)(c->port[first ^ i] >> 8);
			*p++ = (uint8_t)c->port[first ^ i];
		}
	sha1_raw(span_of(msg, (size_t)(p - msg)), digest);
	buf_init(&text, 0);
	buf_str(&text, "1:");
	base64_put(&text, span_of(digest, sizeof(digest)));
	if (!text.failed && text.len < sizeof(c->community_id)) {
		memcpy(c->community_id, text.ptr, text.len);
		c->community_id[text.len] = '\0';
	}
	buf_fini(&text);
}

static void
proto_field(struct batch *b, uint8_t proto)
{
	const char *name = proto_name(proto);
	uint8_t *digits, n = 0;

	if (name != NULL) {
		event_add_str(b, FIELD_PROTO, span_str(name));
		return;
	}
	if ((digits = arena_alloc(&b->arena, 3)) == NULL)
		return;
	if (proto >= 100)
		digits[n++] = (uint8_t)('0' + proto / 100);
	if (proto >= 10)
		digits[n++] = (uint8_t)('0' + proto / 10 % 10);
	digits[n++] = (uint8_t)('0' + proto % 10);
	event_add_str(b, FIELD_PROTO, span_of(digits, n));
}

void
conv_fields(struct batch *b, struct conv *c)
{
	struct addr *addr = arena_alloc(&b->arena, sizeof(c->addr));

	/* A conversation may end before its batch does: copies. */
	if (addr == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	memcpy(addr, c->addr, sizeof(c->addr));
	event_add_addr(b, FIELD_SRC_IP, &addr[DIR_CLIENT]);
	event_add_u64(b, FIELD_SRC_PORT, c->port[DIR_CLIENT]);
	event_add_addr(b, FIELD_DST_IP, &addr[DIR_SERVER]);
	event_add_u64(b, FIELD_DST_PORT, c->port[DIR_SERVER]);
	proto_field(b, c->proto);
	if (c->vlan != 0)
		event_add_u64(b, FIELD_VLAN, c->vlan);
	if (c->tunnel != 0 && event_wants(b, FIELD_TUNNEL))
		event_add_str(b, FIELD_TUNNEL, tunnel_text(b, c->tunnel));
	if (event_wants(b, FIELD_COMMUNITY_ID)) {
		conv_community_id(c);
		event_add_copy(b, FIELD_COMMUNITY_ID,
		    span_str(c->community_id));
	}
}

bool
dec_event(struct dec *d, enum kind kind, int64_t time, uint64_t record,
    uint64_t offset)
{
	struct locator loc = batch_locator(d->batch, NULL);

	loc.record = record;
	loc.offset = offset;
	if (d->rec != NULL && d->rec->no == record)
		loc.length = (uint32_t)d->rec->data.len;
	if (!event_begin(d->batch, kind, time, loc))
		return false;
	if (d->conv != NULL)
		conv_fields(d->batch, d->conv);
	return true;
}
