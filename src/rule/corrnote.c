/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker keeps of a base rule's hit for the correlations: a note of
 * time, place and the values that they ask for, as text.
 *
 *	feeder u32, time u64, source u32, member u32, record u64, offset u64,
 *	length u32, same u64, then for each slot: length + 1 u32 (0: not there),
 *	bytes
 *
 * It comes back from a process that read hostile input, so all is checked.
 */
#include <stdlib.h>

#include "rule.h"

static const struct value *
field_of(const struct program *p, const struct event *e, unsigned id)
{
	const struct value *found = NULL;

	for (unsigned i = 0; i < e->nfields && id != FIELD_OTHER; i++)
		if (p->means[e->fields[i].v.id] == id)
			found = &e->fields[i].v;	/* as the matcher */
	return found == NULL || found->type == VT_NULL ? NULL : found;
}

/* Did the event come through this gate? */
static bool
passes(const struct feeder_gate *g, const struct event *e, struct span channel,
    uint64_t id)
{
	if (g->gate.kind != e->kind)
		return false;
	return e->kind != KIND_WINEVENT ||
	    ((g->gate.channel.len == 0 || span_eq(g->gate.channel, channel)) &&
	    (g->gate.event_id == GATE_ANY_ID || g->gate.event_id == id));
}

#define CHANNEL_MAX	256u	/* names of channels are shorter */

static const struct feeder_gate *
gate_of(const struct feeder *f, const struct event *e)
{
	const struct value *v = event_get(e, FIELD_WIN_CHANNEL);
	uint8_t folded[FOLD_ROOM(CHANNEL_MAX)];
	struct span channel = SPAN_NONE;
	uint64_t id = GATE_ANY_ID;
	struct buf b;

	buf_init(&b, 0);
	if (v != NULL && v->type != VT_NULL)
		value_put(&b, v);
	if (b.len != 0 && b.len <= CHANNEL_MAX)
		channel = span_of(folded, fold_text(buf_view(&b), folded));
	buf_fini(&b);
	event_u64(e, FIELD_WIN_EVENT_ID, &id);
	for (uint32_t i = 0; i < f->ngates; i++)
		if (passes(&f->gate[i], e, channel, id))
			return &f->gate[i];
	return NULL;
}

bool
corr_note_pack(struct buf *b, const struct program *p,
    const struct rule *rule, const struct event *e)
{
	const struct feeder *f = &p->feeder[rule->feeder - 1];
	const struct feeder_gate *g = gate_of(f, e);
	bool whole = true;
	struct buf text;

	buf_le32(b, rule->feeder - 1);
	buf_le64(b, (uint64_t)e->time);
	buf_le32(b, e->loc.source);
	buf_le32(b, e->loc.member);
	buf_le64(b, e->loc.record);
	buf_le64(b, e->loc.offset);
	buf_le32(b, e->loc.length);
	buf_le64(b, e->same);
	buf_init(&text, 0);
	for (uint32_t i = 0; i < f->nslots; i++) {
		const struct value *v = g == NULL ? NULL :
		    field_of(p, e, g->field[i][0]);
		size_t n;

		if (v == NULL && g != NULL)
			v = field_of(p, e, g->field[i][1]);
		if (v == NULL) {
			buf_le32(b, 0);
			continue;
		}
		buf_reset(&text);
		value_put(&text, v);
		n = MIN_OF(text.len, (size_t)CORR_VALUE_MAX);
		whole &= n == text.len;
		buf_le32(b, (uint32_t)n + 1);
		buf_put(b, text.ptr, n);
	}
	buf_fini(&text);
	return whole;
}

bool
corr_note_unpack(const struct program *p, struct span bytes,
    struct corr_note *n)
{
	struct cursor c = cur_of(bytes);

	memset(n, 0, sizeof(*n));
	n->feeder = cur_le32(&c);
	n->time = (int64_t)cur_le64(&c);
	n->loc.source = cur_le32(&c);
	n->loc.member = cur_le32(&c);
	n->loc.record = cur_le64(&c);
	n->loc.offset = cur_le64(&c);
	n->loc.length = cur_le32(&c);
	n->same = cur_le64(&c);
	if (!cur_ok(&c) || n->feeder >= p->nfeeders)
		return false;
	n->nslots = p->feeder[n->feeder].nslots;
	for (uint32_t i = 0; i < n->nslots; i++) {
		uint32_t len = cur_le32(&c);

		if (len == 0)
			continue;
		if (len - 1 > CORR_VALUE_MAX)
			return false;
		n->slot[i] = cur_take(&c, len - 1);
		if (len == 1)	/* there, and empty */
			n->slot[i] = SPAN_LIT("");
	}
	return cur_ok(&c) && c.left == 0;
}

void
corr_demand(const struct program *p, struct demand *d)
{
	for (uint32_t i = 0; i < p->nfeeders; i++) {
		const struct feeder *f = &p->feeder[i];

		for (uint32_t g = 0; g < f->ngates; g++)
			for (uint32_t k = 0; k < f->nslots; k++) {
				const uint16_t *id = f->gate[g].field[k];

				if (id[0] != FIELD_OTHER)
					demand_field(d, id[0]);
				if (id[1] != FIELD_OTHER)
					demand_field(d, id[1]);
			}
	}
}
