/* SPDX-License-Identifier: Apache-2.0
 *
 * One Windows event from its XML, as Event Viewer, wevtutil and forwarders
 * render it (the event schema of MS-EVEN6 2.2.12 and winmeta.xsd):
 *
 *	<Event xmlns="..."><System><Provider Name="..." Guid="..."/>
 *	<EventID Qualifiers="0">1</EventID>...</System>
 *	<EventData><Data Name="Image">...</Data></EventData>
 *	<UserData>...</UserData> <RenderingInfo>...</RenderingInfo></Event>
 *
 * Which field a value goes to is told in evtx.c, and is the same here.
 *
 * Ownership: values point into the text or, where they had references, into
 * the batch's arena, as names do.
 * Bounds: XML_DEPTH_MAX, EVENT_FIELDS_MAX (repeated names are looked for in a
 * row of that length).
 */
#include "codec.h"
#include "decode.h"

enum section { SEC_EVENT, SEC_SYSTEM, SEC_DATA, SEC_TREE, SEC_RENDER };

struct elem {
	struct span	name;		/* of the element */
	struct span	called;		/* Name="" of Data */
	struct value	text;
	bool		has_text, has_children, has_attrs, is_called;
};

struct teller {
	struct batch	*b;
	struct xml	 xml;
	struct buf	 name;
	enum section	 section;
	bool		 has_id;
	struct elem	 elem[XML_DEPTH_MAX + 1];	/* by depth */
};

/* -- names --------------------------------------------------------------- */

static void
put_name(struct teller *t, struct span s)
{
	for (size_t i = 0; i < s.len && s.ptr[i] != 0; i++)
		if (s.ptr[i] != ' ')
			buf_byte(&t->name, s.ptr[i]);
}

static bool
is_system_id(unsigned id)
{
	return id >= FIELD_WIN_CHANNEL && id <= FIELD_WIN_ACTIVITY;
}

/* The name in t->name with what goes before it in this section. */
static unsigned
find_id(struct teller *t)
{
	const char *prefix = t->section == SEC_DATA ? "EventData_" :
	    "UserData_";
	unsigned id = field_by_name(buf_view(&t->name));
	size_t n = strlen(prefix), len = t->name.len;

	if ((t->section != SEC_DATA && t->section != SEC_TREE) ||
	    !is_system_id(id))
		return id;
	if (buf_room(&t->name, n) == NULL)
		return FIELD_OTHER;
	memmove(t->name.ptr + n, t->name.ptr, len);
	memcpy(t->name.ptr, prefix, n);
	t->name.len += n;
	return field_by_name(buf_view(&t->name));
}

/* -- values -------------------------------------------------------------- */

static void
set_text(struct value *v, struct span s)
{
	v->type = VT_STR;
	v->ptr = s.ptr == NULL ? (const uint8_t *)"" : s.ptr;
	v->len = (uint32_t)s.len;
}

/* A value more for a field that is there already. */
static struct value *
list_place(struct batch *b, struct value *list)
{
	uint32_t n = list->type == VT_LIST ? list->len : 1;
	const struct value *old = list->type == VT_LIST ? list->ptr : list;
	struct value *items;

	/* Grows by doubling whenever the length is a power of two. */
	if (list->type != VT_LIST || (n & (n - 1)) == 0) {
		items = arena_alloc(&b->arena, 2 * (size_t)n * sizeof(*items));
		if (items == NULL) {
			batch_weird(b, WEIRD_BATCH_ARENA, NULL);
			return NULL;
		}
		memcpy(items, old, n * sizeof(*items));
		items[0].id = 0;
		list->type = VT_LIST;
		list->ptr = items;
	}
	items = (struct value *)(uintptr_t)list->ptr + n;
	memset(items, 0, sizeof(*items));
	list->len = n + 1;
	return items;
}

static struct field *
find_field(struct batch *b, unsigned id, struct span name)
{
	for (uint32_t i = 0; i < b->nscratch; i++) {
		struct field *f = &b->scratch[i];

		if (id != FIELD_OTHER ? f->v.id == id : f->name != NULL &&
		    span_eq(span_str(f->name), name))
			return f;
	}
	return NULL;
}

/* Room for a value of the field in t->name; NULL when nobody wants it. */
static struct value *
add_value(struct teller *t, unsigned id)
{
	struct batch *b = t->b;
	struct field *f;
	char *name;

	if (id != FIELD_OTHER ? !event_wants(b, id) : !b->want->others)
		return NULL;
	if ((f = find_field(b, id, buf_view(&t->name))) != NULL)
		return list_place(b, &f->v);
	if (id != FIELD_OTHER)
		return event_add(b, id, VT_NULL);
	if ((name = arena_alloc(&b->arena, t->name.len + 1)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return NULL;
	}
	memcpy(name, t->name.ptr, t->name.len);
	name[t->name.len] = '\0';
	return event_add_other(b, name, VT_NULL);
}

/* Data is a list even when it has one item. */
static void
tell_data(struct teller *t, const struct value *from)
{
	struct batch *b = t->b;
	struct field *f;
	struct value *v;

	if (!event_wants(b, FIELD_WIN_DATA))
		return;
	f = find_field(b, FIELD_WIN_DATA, SPAN_NONE);
	if (f != NULL)
		v = list_place(b, &f->v);
	else
		v = event_add_list(b, FIELD_WIN_DATA, 1);
	if (v == NULL)
		return;
	v->type = from->type;
	v->len = from->len;
	v->ptr = from->ptr;
}

static void
tell_system(struct teller *t, unsigned id, struct value v)
{
	struct batch *b = t->b;
	struct value *to;
	uint64_t n;
	int64_t time;

	if (v.len == 0 || find_field(b, id, SPAN_NONE) != NULL)
		return;
	switch (field_type(id)) {
	case FT_TIME:
		if (!time_parse(span_of(v.ptr, v.len), &time))
			return;
		b->making.time = time;
		v.type = VT_TIME;
		v.i64 = time;
		break;
	case FT_U64:
	case FT_HEX:
		if (!value_u64(&v, &n))
			return;
		v.type = field_type(id) == FT_HEX ? VT_HEX : VT_U64;
		v.u64 = n;
		v.len = 0;
		t->has_id = t->has_id || id == FIELD_WIN_EVENT_ID;
		break;
	default:
		break;
	}
	if (!event_wants(b, id) || (to = event_add(b, id, VT_NULL)) == NULL)
		return;
	to->type = v.type;
	to->len = v.len;
	to->u64 = v.u64;
}

/* A value under the name in t->name. */
static void
tell(struct teller *t, const struct value *v)
{
	unsigned id = find_id(t);
	struct value *to;

	if (t->name.len == 0)
		return;
	if (t->section == SEC_SYSTEM && is_system_id(id)) {
		tell_system(t, id, *v);
	} else if ((to = add_value(t, id)) != NULL) {
		to->type = v->type;
		to->len = v->len;
		to->ptr = v->ptr;
	}
}

/* -- elements ------------------------------------------------------------ */

static bool
is_data(const struct teller *t, const struct elem *e)
{
	return (t->section == SEC_DATA || t->section == SEC_TREE) &&
	    (span_eq(e->name, SPAN_LIT("Data")) ||
	    span_eq(e->name, SPAN_LIT("ComplexData")));
}

static void
close_element(struct teller *t, struct elem *e)
{
	bool data = is_data(t, e);

	if (!e->has_text) {
		if (e->has_children || (!data &&
		    (t->section == SEC_SYSTEM || e->has_attrs)))
			return;
		set_text(&e->text, SPAN_NONE);
	}
	buf_reset(&t->name);
	if (t->section == SEC_RENDER)
		buf_str(&t->name, "RenderingInfo_");
	if (data && e->is_called)
		put_name(t, e->called);
	else if (!data)
		put_name(t, e->name);
	if (data && (t->name.len == 0 ||
	    span_eq(buf_view(&t->name), SPAN_LIT("Data"))))
		tell_data(t, &e->text);
	else
		tell(t, &e->text);
}

static void
attribute(struct teller *t, struct elem *e)
{
	struct value v = { .type = VT_NULL };

	if (t->xml.is_xmlns)
		return;
	e->has_attrs = true;
	set_text(&v, xml_text(&t->xml, &t->b->arena));
	if (is_data(t, e) && span_eq(t->xml.name, SPAN_LIT("Name"))) {
		e->called = span_of(v.ptr, v.len);
		e->is_called = true;
		return;
	}
	if (t->section == SEC_EVENT ||
	    (t->section == SEC_SYSTEM && v.len == 0))
		return;
	buf_reset(&t->name);
	if (t->section == SEC_RENDER)
		buf_str(&t->name, "RenderingInfo_");
	put_name(t, e->name);
	if (t->section != SEC_SYSTEM ||
	    !span_eq(e->name, SPAN_LIT("TimeCreated")) ||
	    !span_eq(t->xml.name, SPAN_LIT("SystemTime"))) {
		buf_byte(&t->name, '_');
		put_name(t, t->xml.name);
	}
	tell(t, &v);
}

/* Text in pieces (comments, CDATA) is joined. */
static void
add_text(struct teller *t, struct elem *e)
{
	struct span s = xml_text(&t->xml, &t->b->arena);
	uint8_t *p;

	if (s.ptr == NULL) {
		batch_weird(t->b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	if (!e->has_text) {
		set_text(&e->text, s);
		e->has_text = true;
		return;
	}
	if ((p = arena_alloc(&t->b->arena, e->text.len + s.len)) == NULL) {
		batch_weird(t->b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	memcpy(p, e->text.ptr, e->text.len);
	memcpy(p + e->text.len, s.ptr, s.len);
	set_text(&e->text, span_of(p, e->text.len + s.len));
}

static enum section
section_of(struct span name)
{
	if (span_eq(name, SPAN_LIT("System")))
		return SEC_SYSTEM;
	if (span_eq(name, SPAN_LIT("EventData")))
		return SEC_DATA;
	return span_eq(name, SPAN_LIT("RenderingInfo")) ? SEC_RENDER :
	    SEC_TREE;
}

static void
open_element(struct teller *t)
{
	unsigned depth = t->xml.depth;

	t->elem[depth] = (struct elem){ .name = t->xml.name };
	t->elem[depth - 1].has_children = true;
	if (depth == 2)
		t->section = section_of(t->xml.name);
}

/* Everything up to the end of the event; false when the text breaks. */
static bool
tell_elements(struct teller *t)
{
	for (;;) {
		enum xml_event e = xml_next(&t->xml);
		struct elem *at = &t->elem[t->xml.depth];

		switch (e) {
		case XML_END:
			return true;
		case XML_BROKEN:
			return false;
		case XML_OPEN:
			open_element(t);
			break;
		case XML_ATTR:
			attribute(t, at);
			break;
		case XML_TEXT:
			if (t->xml.depth > 2)
				add_text(t, at);
			break;
		case XML_CLOSE:
			/* System, EventData and the like say nothing. */
			if (t->xml.depth >= 2)
				close_element(t, at + 1);
			if (t->xml.depth == 1)
				t->section = SEC_EVENT;
			break;
		}
	}
}

bool
dec_win_xml(struct batch *b, const struct record *rec, int64_t time,
    struct span *text)
{
	struct teller t = { .b = b, .section = SEC_EVENT };
	bool whole;

	xml_init(&t.xml, *text);
	if (xml_next(&t.xml) != XML_OPEN ||
	    !span_eq(t.xml.name, SPAN_LIT("Event")) ||
	    !event_begin(b, KIND_WINEVENT, time, batch_locator(b, rec)))
		return false;
	t.elem[0] = t.elem[1] = (struct elem){ .name = t.xml.name };
	buf_init(&t.name, 4096);
	whole = tell_elements(&t);
	buf_fini(&t.name);
	*text = whole ? xml_rest(&t.xml) : SPAN_NONE;
	if (!whole)
		batch_weird(b, WEIRD_XML_BAD, rec);
	if (!t.has_id) {
		event_drop(b);
		return false;
	}
	event_end(b);
	return true;
}
