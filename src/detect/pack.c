/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings and notes as bytes, little endian as the machine is.  What is read
 * was written by a worker that parsed hostile input: all lengths are checked.
 */
#include "detect.h"

#define TEXT_MAX	(64u << 10)

static void
put_text(struct buf *b, struct span s)
{
	s.len = MIN_OF(s.len, (size_t)TEXT_MAX);
	buf_le32(b, (uint32_t)s.len);
	buf_span(b, s);
}

static struct span
get_text(struct cursor *c, struct arena *m)
{
	uint32_t n = cur_le32(c);
	struct span s = cur_take(c, n), kept;

	if (s.len == 0)
		return SPAN_NONE;
	kept = arena_copy(m, s);
	if (kept.ptr == NULL)
		cur_fail(c);
	return kept;
}

/* With a NUL, for the texts of rows and rules. */
static const char *
get_cstr(struct cursor *c, struct arena *m)
{
	uint32_t n = cur_le32(c);
	struct span s = cur_take(c, n);
	char *p = arena_alloc(m, s.len + 1);

	if (p == NULL || !cur_ok(c)) {
		cur_fail(c);
		return "";
	}
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return p;
}

static void
put_locator(struct buf *b, const struct locator *l)
{
	buf_le32(b, l->source);
	buf_le32(b, l->member);
	buf_le64(b, l->record);
	buf_le64(b, l->offset);
	buf_le32(b, l->length);
}

static struct locator
get_locator(struct cursor *c)
{
	struct locator l;

	l.source = cur_le32(c);
	l.member = cur_le32(c);
	l.record = cur_le64(c);
	l.offset = cur_le64(c);
	l.length = cur_le32(c);
	return l;
}

void
finding_pack(struct buf *b, const struct finding *f)
{
	put_text(b, span_str(f->rule));
	put_text(b, span_str(f->title));
	put_text(b, span_str(f->language));
	put_text(b, span_str(f->attack));
	put_text(b, span_str(f->advice));
	buf_le32(b, f->severity);
	buf_le32(b, f->confidence);
	buf_le64(b, (uint64_t)f->time);
	buf_le64(b, (uint64_t)f->last_time);
	buf_le64(b, f->count);
	buf_le64(b, f->same);
	for (unsigned i = 0; i < ENTITY_COUNT; i++)
		put_text(b, f->entity[i]);
	put_text(b, f->message);
	put_text(b, f->fold);
	buf_le32(b, f->nevidence);
	for (unsigned i = 0; i < f->nevidence; i++) {
		put_locator(b, &f->evidence[i].loc);
		buf_le64(b, (uint64_t)f->evidence[i].time);
	}
}

bool
finding_unpack(struct arena *m, struct span s, struct finding *f)
{
	struct cursor c = cur_of(s);
	uint32_t severity;

	memset(f, 0, sizeof(*f));
	f->rule = get_cstr(&c, m);
	f->title = get_cstr(&c, m);
	f->language = get_cstr(&c, m);
	f->attack = get_cstr(&c, m);
	f->advice = get_cstr(&c, m);
	severity = cur_le32(&c);
	f->confidence = cur_le32(&c);
	f->time = (int64_t)cur_le64(&c);
	f->last_time = (int64_t)cur_le64(&c);
	f->count = cur_le64(&c);
	f->same = cur_le64(&c);
	for (unsigned i = 0; i < ENTITY_COUNT; i++)
		f->entity[i] = get_text(&c, m);
	f->message = get_text(&c, m);
	f->fold = get_text(&c, m);
	f->nevidence = cur_le32(&c);
	if (severity >= SEV_COUNT || f->nevidence > EVIDENCE_MAX)
		cur_fail(&c);
	f->severity = severity < SEV_COUNT ? severity : 0;
	for (unsigned i = 0; cur_ok(&c) && i < f->nevidence; i++) {
		f->evidence[i].loc = get_locator(&c);
		f->evidence[i].time = (int64_t)cur_le64(&c);
	}
	return cur_ok(&c) && c.left == 0;
}

/* -- notes --------------------------------------------------------------- */

static bool
by_pointer(unsigned type)
{
	switch ((enum vtype)type) {
	case VT_STR:
	case VT_WSTR:
	case VT_ADDR:
	case VT_MAC:
	case VT_GUID:
	case VT_SID:
	case VT_BIN:
		return true;
	default:
		return false;
	}
}

static uint32_t
pointed_len(const struct value *v)
{
	if (v->type == VT_MAC)
		return 6;
	return v->type == VT_GUID ? 16 : v->len;
}

static bool
put_value(struct buf *b, const struct value *v)
{
	uint32_t len = pointed_len(v);
	bool whole = true;

	buf_byte(b, v->type);
	if (!by_pointer(v->type)) {
		buf_le64(b, v->u64);
		return true;
	}
	if (len > NOTE_VALUE_MAX) {
		len = NOTE_VALUE_MAX;
		whole = false;
	}
	buf_le32(b, len);
	buf_put(b, v->ptr, len);
	return whole;
}

/* Field ids as bits. */
struct wanted {
	uint64_t	bits[(FIELD_MAX + 63) / 64];
};

static void
set_wanted(struct wanted *w, const uint16_t *want)
{
	memset(w, 0, sizeof(*w));
	for (; *want != FIELD_OTHER; want++)
		w->bits[*want / 64] |= UINT64_C(1) << *want % 64;
}

static bool
is_wanted(const struct wanted *w, unsigned id)
{
	return (w->bits[id / 64] >> id % 64 & 1) != 0;
}

/* Items of a list that a note carries; a longer one is cut. */
#define NOTE_ITEMS_MAX	256u

bool
note_pack(struct buf *b, const struct event *e, const uint16_t *want)
{
	struct wanted w;
	size_t count_at;
	uint32_t n = 0;
	bool whole = true;

	set_wanted(&w, want);
	buf_le32(b, e->kind);
	buf_le64(b, (uint64_t)e->time);
	put_locator(b, &e->loc);
	count_at = b->len;
	buf_le32(b, 0);
	for (unsigned i = 0; i < e->nfields; i++) {
		const struct value *v = &e->fields[i].v;
		const struct value *items = v->ptr;
		uint32_t k = v->len;

		if (v->id == FIELD_OTHER || !is_wanted(&w, v->id))
			continue;
		n++;
		buf_le32(b, v->id);
		if (v->type != VT_LIST) {
			whole &= put_value(b, v);
			continue;
		}
		if (k > NOTE_ITEMS_MAX) {
			k = NOTE_ITEMS_MAX;
			whole = false;
		}
		buf_byte(b, VT_LIST);
		buf_le32(b, k);
		for (uint32_t j = 0; j < k; j++)
			whole &= put_value(b, &items[j]);
	}
	buf_le64(b, e->same);
	if (!b->failed)
		for (unsigned i = 0; i < 4; i++)
			b->ptr[count_at + i] = (uint8_t)(n >> 8 * i);
	return whole;
}

static void
get_scalar(struct cursor *c, struct arena *m, unsigned type, struct value *v)
{
	v->type = (uint8_t)type;
	if (by_pointer(type)) {
		struct span s = get_text(c, m);

		v->ptr = s.ptr;
		v->len = (uint32_t)s.len;
		if ((type == VT_MAC && v->len != 6) ||
		    (type == VT_GUID && v->len != 16) ||
		    (type == VT_ADDR && v->len != 4 && v->len != 16))
			cur_fail(c);
	} else if (type < VT_COUNT && type != VT_LIST) {
		v->u64 = cur_le64(c);
	} else {
		cur_fail(c);
	}
}

static void
get_value(struct cursor *c, struct arena *m, struct value *v)
{
	unsigned type = cur_u8(c);
	struct value *items;

	if (type != VT_LIST) {
		get_scalar(c, m, type, v);
		return;
	}
	v->type = VT_LIST;
	v->len = cur_le32(c);
	if (v->len > NOTE_ITEMS_MAX ||
	    (items = arena_zalloc(m, v->len * sizeof(*items))) == NULL) {
		v->len = 0;
		cur_fail(c);
		return;
	}
	v->ptr = items;
	for (uint32_t i = 0; i < v->len; i++) {
		unsigned item_type = cur_u8(c);

		get_scalar(c, m, item_type, &items[i]);
	}
}

bool
note_unpack(struct arena *m, struct span s, struct event *e)
{
	struct cursor c = cur_of(s);
	uint32_t kind, n;

	memset(e, 0, sizeof(*e));
	kind = cur_le32(&c);
	e->time = (int64_t)cur_le64(&c);
	e->loc = get_locator(&c);
	n = cur_le32(&c);
	if (!cur_ok(&c) || kind >= KIND_COUNT || n > EVENT_FIELDS_MAX)
		return false;
	e->kind = (uint16_t)kind;
	e->fields = arena_zalloc(m, n * sizeof(*e->fields));
	if (e->fields == NULL)
		return false;
	for (uint32_t i = 0; i < n && cur_ok(&c); i++) {
		uint32_t id = cur_le32(&c);

		if (id == FIELD_OTHER || id >= field_count())
			cur_fail(&c);
		e->fields[i].v.id = (uint16_t)id;
		get_value(&c, m, &e->fields[i].v);
	}
	e->nfields = (uint16_t)n;
	e->same = cur_le64(&c);
	return cur_ok(&c) && c.left == 0;
}

/* -- flows --------------------------------------------------------------- */

void
flow_pack(struct buf *b, const struct flow *f)
{
	buf_put(b, f, sizeof(*f));
}

bool
flow_unpack(struct span s, struct flow *f)
{
	if (s.len != sizeof(*f))
		return false;
	memcpy(f, s.ptr, sizeof(*f));
	return f->end >= f->start && f->state <= FLOW_STATE_NONE &&
	    f->service <= FLOW_SERVICE_OTHER;
}
