/* SPDX-License-Identifier: Apache-2.0
 *
 * Sysmon for Linux, which logs its events as XML in one syslog message:
 *
 *	<Event><System><Provider Name="Linux-Sysmon" .../><EventID>1</EventID>
 *	  ... <TimeCreated SystemTime="2021-10-14T13:35:05.123456000Z"/> ...
 *	  <Channel>Linux-Sysmon/Operational</Channel><Computer>vm</Computer>
 *	  ...</System>
 *	<EventData><Data Name="Image">/usr/bin/id</Data>...</EventData></Event>
 *
 * (SysinternalsEBPF, github.com/microsoft/SysmonForLinux.)  The names are those
 * of Sysmon on Windows.  Event 1 is told as kind process, all others as kind
 * winevent with their channel; so each is told once.
 *
 * Bounds: those of the XML reader; ITEMS_MAX fields; one message.
 */
#include "codec.h"
#include "decode.h"

#define ITEMS_MAX	64u	/* event 1 has 23 and System 13 */

struct item {
	struct span	name, value;
};

struct sysmon {
	struct item	item[ITEMS_MAX];
	unsigned	nitems;
	int64_t		time;
	uint64_t	id;		/* EventID */
	bool		is_sysmon;
};

/* Element and attribute of System, or element alone, to our names. */
static const struct {
	const char *element, *attr, *name;
} system_names[] = {
	{ "Provider", "Name", "Provider_Name" },
	{ "EventID", "", "EventID" },
	{ "EventRecordID", "", "EventRecordID" },
	{ "Channel", "", "Channel" },
	{ "Computer", "", "Computer" },
};

static void
take(struct sysmon *s, struct batch *b, struct span name, struct span value)
{
	if (s->nitems == ITEMS_MAX) {
		batch_weird(b, WEIRD_EVENT_FIELDS, NULL);
		return;
	}
	s->item[s->nitems++] = (struct item){ name, value };
}

static void
take_system(struct sysmon *s, struct batch *b, struct span element,
    struct span attr, struct span value)
{
	if (span_eq(element, SPAN_LIT("TimeCreated")))
		(void)time_parse(value, &s->time);
	if (span_eq(element, SPAN_LIT("EventID")) && attr.len == 0)
		(void)span_u64(value, &s->id);
	if (span_eq(element, SPAN_LIT("Provider")) &&
	    span_eq(attr, SPAN_LIT("Name")))
		s->is_sysmon = span_eq(value, SPAN_LIT("Linux-Sysmon"));
	for (size_t i = 0; i < NITEMS(system_names); i++)
		if (span_eq(element, span_str(system_names[i].element)) &&
		    span_eq(attr, span_str(system_names[i].attr)))
			take(s, b, span_str(system_names[i].name), value);
}

/* false: breaks the grammar. */
static bool
read_event(struct sysmon *s, struct batch *b, struct span text)
{
	struct span element = SPAN_NONE, attr = SPAN_NONE, data = SPAN_NONE;
	struct span value;
	bool in_data = false, had_text = false;
	struct xml x;

	xml_init(&x, text);
	for (;;) {
		switch (xml_next(&x)) {
		case XML_END:
			return true;
		case XML_BROKEN:
			return false;
		case XML_OPEN:
			element = x.name;
			attr = data = SPAN_NONE;
			had_text = false;
			if (span_eq(element, SPAN_LIT("EventData")))
				in_data = true;
			break;
		case XML_ATTR:
			attr = x.name;
			value = xml_text(&x, &b->arena);
			if (in_data && span_eq(attr, SPAN_LIT("Name")))
				data = value;
			else if (!in_data)
				take_system(s, b, element, attr, value);
			break;
		case XML_TEXT:
			value = xml_text(&x, &b->arena);
			if (in_data && data.len != 0 && !had_text)
				take(s, b, data, value);
			else if (!in_data)
				take_system(s, b, element, SPAN_NONE, value);
			had_text = true;
			break;
		case XML_CLOSE:
			/* An element without text is there, and empty. */
			if (in_data && data.len != 0 && !had_text)
				take(s, b, data, span_str(""));
			element = data = SPAN_NONE;
			break;
		}
	}
}

static void
add_item(struct batch *b, const struct item *it)
{
	unsigned id = field_by_name(it->name);
	struct value *v = NULL;
	uint64_t n;
	char *name;

	if (id != FIELD_OTHER) {
		if (!event_wants(b, id))
			return;
		if (field_type(id) == FT_U64 && span_u64(it->value, &n))
			event_add_u64(b, id, n);
		else
			event_add_str(b, id, it->value);
		return;
	}
	if (!b->want->others)
		return;
	if ((name = arena_alloc(&b->arena, it->name.len + 1)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	memcpy(name, it->name.ptr, it->name.len);
	name[it->name.len] = '\0';
	if ((v = event_add_other(b, name, VT_STR)) != NULL) {
		v->ptr = it->value.ptr;
		v->len = (uint32_t)it->value.len;
	}
}

bool
sysmon_event(struct dec *d, const struct log_line *l)
{
	struct sysmon s = { .nitems = 0, .time = l->time };
	struct batch *b = d->batch;

	if (!span_starts(l->msg, SPAN_LIT("<Event")) ||
	    !span_starts(l->app, SPAN_LIT("sysmon")))
		return false;
	if (!b->want->kind[KIND_PROCESS] && !b->want->kind[KIND_WINEVENT])
		return true;
	if (!read_event(&s, b, l->msg)) {
		dec_weird(d, WEIRD_SYSMON_BAD);
		return true;
	}
	if (!s.is_sysmon || !event_begin(b, s.id == 1 ? KIND_PROCESS :
	    KIND_WINEVENT, s.time, batch_locator(b, d->rec)))
		return true;
	if (l->host.len != 0)
		event_add_str(b, FIELD_SYSLOG_HOST, l->host);
	for (unsigned i = 0; i < s.nitems; i++)
		add_item(b, &s.item[i]);
	event_end(b);
	return true;
}
