/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows events as JSON: what a member's path means, so that the event gets
 * the names that evtx.c gives to the same record.
 *
 * The dialects, with what tells them:
 *
 *	tree	{"Event": {"System": {"EventID": 1, ...}, "EventData": {...}}}
 *		what evtx_dump, Chainsaw and converters from XML write.
 *		Attributes stand in "#attributes" (with "#text" beside), as
 *		"@Name" or in NAME_attributes; Data may be a list of objects
 *		with @Name and #text.  The outer Event may be missing.
 *	beats	{"winlog": {"event_id": 1, "event_data": {...}}}
 *		Winlogbeat and ECS; up to version 6 without the "winlog".
 *	wazuh	{"win": {"system": {"eventID": "1"}, "eventdata": {...}}}
 *	flat	{"Channel": "Security", "EventID": 4624, ...}
 *		NXLog, OTRF's data sets, Splunk, Azure, EvtxECmd.
 *	pwsh	{"Id": 1, "LogName": "Security", "Properties": [...]}
 *		Get-WinEvent | ConvertTo-Json.
 *
 * What Windows rendered (a message, names of levels and tasks) gets the names
 * of RenderingInfo, as in forwarded records.  The message repeats the data in
 * words: it is told only when there are no data.  What a shipper says of
 * itself is left out.
 *
 * Ownership: nothing is kept; names go to the caller's buffer.
 */
#include "decode.h"

enum role {			/* of paths, to tell the dialect */
	ROLE_TREE = 1 << 0,
	ROLE_BEATS = 1 << 1,
	ROLE_WAZUH = 1 << 2,
	ROLE_FLAT_ID = 1 << 3,
	ROLE_FLAT_LOG = 1 << 4,
	ROLE_PWSH_ID = 1 << 5,
	ROLE_OLD_BEATS = 1 << 6
	/* WIN_ROLE_RAW is 1 << 7 */
};

/* Members that mean a field of System; lower rank goes before higher. */
struct meaning {
	const char	*path;
	uint16_t	 id;
	uint8_t		 rank;
	const char	*rendered;	/* name when it is no number */
};

#define R(name)	"RenderingInfo_" name
#define MESSAGE	1	/* rank of what repeats the data in words */

static const struct meaning flat[] = {
	{ "Channel", FIELD_WIN_CHANNEL, 0, NULL },
	{ "LogName", FIELD_WIN_CHANNEL, 1, NULL },
	{ "EventLog", FIELD_WIN_CHANNEL, 2, NULL },
	{ "Logfile", FIELD_WIN_CHANNEL, 3, NULL },
	{ "Provider_Name", FIELD_WIN_PROVIDER, 0, NULL },
	{ "ProviderName", FIELD_WIN_PROVIDER, 1, NULL },
	{ "SourceName", FIELD_WIN_PROVIDER, 2, NULL },
	{ "Provider", FIELD_WIN_PROVIDER, 3, NULL },
	{ "EventSourceName", FIELD_WIN_PROVIDER, 4, NULL },
	{ "ProviderGuid", FIELD_WIN_PROVIDER_GUID, 0, NULL },
	{ "Provider_Guid", FIELD_WIN_PROVIDER_GUID, 1, NULL },
	{ "EventID", FIELD_WIN_EVENT_ID, 0, NULL },
	{ "EventId", FIELD_WIN_EVENT_ID, 1, NULL },
	{ "event_id", FIELD_WIN_EVENT_ID, 2, NULL },
	{ "EventCode", FIELD_WIN_EVENT_ID, 3, NULL },
	{ "EventID_Qualifiers", FIELD_WIN_QUALIFIERS, 0, NULL },
	{ "Qualifiers", FIELD_WIN_QUALIFIERS, 1, NULL },
	{ "Version", FIELD_WIN_VERSION, 0, NULL },
	{ "Level", FIELD_WIN_LEVEL, 0, R("Level") },
	{ "Task", FIELD_WIN_TASK, 0, R("Task") },
	{ "TaskValue", FIELD_WIN_TASK, 1, R("Task") },
	{ "Opcode", FIELD_WIN_OPCODE, 0, R("Opcode") },
	{ "OpcodeValue", FIELD_WIN_OPCODE, 1, NULL },
	{ "Keywords", FIELD_WIN_KEYWORDS, 0, R("Keywords") },
	{ "EventRecordID", FIELD_WIN_RECORD, 0, NULL },
	{ "EventRecordId", FIELD_WIN_RECORD, 1, NULL },
	{ "RecordNumber", FIELD_WIN_RECORD, 2, NULL },
	{ "RecordID", FIELD_WIN_RECORD, 3, NULL },
	{ "Computer", FIELD_WIN_COMPUTER, 0, NULL },
	{ "ComputerName", FIELD_WIN_COMPUTER, 1, NULL },
	{ "Hostname", FIELD_WIN_COMPUTER, 2, NULL },
	{ "MachineName", FIELD_WIN_COMPUTER, 3, NULL },
	{ "Execution_ProcessID", FIELD_WIN_PID, 0, NULL },
	{ "ExecutionProcessID", FIELD_WIN_PID, 1, NULL },
	{ "Execution_ThreadID", FIELD_WIN_TID, 0, NULL },
	{ "ExecutionThreadID", FIELD_WIN_TID, 1, NULL },
	{ "ThreadID", FIELD_WIN_TID, 2, NULL },
	{ "Security_UserID", FIELD_WIN_SID, 0, NULL },
	{ "UserID", FIELD_WIN_SID, 1, NULL },
	{ "Correlation_ActivityID", FIELD_WIN_ACTIVITY, 0, NULL },
	{ "ActivityID", FIELD_WIN_ACTIVITY, 1, NULL },
	{ "TimeCreated", FIELD_WIN_TIME, 0, NULL },
	{ "SystemTime", FIELD_WIN_TIME, 1, NULL },
	{ "@timestamp", FIELD_WIN_TIME, 2, NULL },
	{ "TimeGenerated", FIELD_WIN_TIME, 3, NULL },
	{ "_time", FIELD_WIN_TIME, 4, NULL },
	{ "EventTime", FIELD_WIN_TIME, 5, NULL },
	{ "timestamp", FIELD_WIN_TIME, 6, NULL },
	{ "Message", FIELD_OTHER, MESSAGE, R("Message") },
};

static const struct meaning pwsh[] = {
	{ "LogName", FIELD_WIN_CHANNEL, 0, NULL },
	{ "ProviderName", FIELD_WIN_PROVIDER, 0, NULL },
	{ "ProviderId", FIELD_WIN_PROVIDER_GUID, 0, NULL },
	{ "Id", FIELD_WIN_EVENT_ID, 0, NULL },
	{ "Qualifiers", FIELD_WIN_QUALIFIERS, 0, NULL },
	{ "Version", FIELD_WIN_VERSION, 0, NULL },
	{ "Level", FIELD_WIN_LEVEL, 0, NULL },
	{ "Task", FIELD_WIN_TASK, 0, NULL },
	{ "Opcode", FIELD_WIN_OPCODE, 0, NULL },
	{ "Keywords", FIELD_WIN_KEYWORDS, 0, NULL },
	{ "RecordId", FIELD_WIN_RECORD, 0, NULL },
	{ "MachineName", FIELD_WIN_COMPUTER, 0, NULL },
	{ "ProcessId", FIELD_WIN_PID, 0, NULL },
	{ "ThreadId", FIELD_WIN_TID, 0, NULL },
	{ "UserId", FIELD_WIN_SID, 0, NULL },
	{ "UserId.Value", FIELD_WIN_SID, 1, NULL },
	{ "ActivityId", FIELD_WIN_ACTIVITY, 0, NULL },
	{ "TimeCreated", FIELD_WIN_TIME, 0, NULL },
	{ "TimeCreated.value", FIELD_WIN_TIME, 1, NULL },
	{ "LevelDisplayName", FIELD_OTHER, 0, R("Level") },
	{ "TaskDisplayName", FIELD_OTHER, 0, R("Task") },
	{ "OpcodeDisplayName", FIELD_OTHER, 0, R("Opcode") },
	{ "KeywordsDisplayNames", FIELD_OTHER, 0, R("Keywords") },
	{ "Message", FIELD_OTHER, MESSAGE, R("Message") },
	{ "Properties.Value", FIELD_WIN_DATA, 0, NULL },
};

/* Below "winlog", and beside it. */
static const struct meaning beats[] = {
	{ "channel", FIELD_WIN_CHANNEL, 0, NULL },
	{ "log_name", FIELD_WIN_CHANNEL, 1, NULL },
	{ "provider_name", FIELD_WIN_PROVIDER, 0, NULL },
	{ "source_name", FIELD_WIN_PROVIDER, 1, NULL },
	{ "provider_guid", FIELD_WIN_PROVIDER_GUID, 0, NULL },
	{ "event_id", FIELD_WIN_EVENT_ID, 0, NULL },
	{ "version", FIELD_WIN_VERSION, 0, NULL },
	{ "level", FIELD_WIN_LEVEL, 0, R("Level") },
	{ "task", FIELD_WIN_TASK, 0, R("Task") },
	{ "opcode", FIELD_WIN_OPCODE, 0, R("Opcode") },
	{ "keywords", FIELD_OTHER, 0, R("Keywords") },
	{ "record_id", FIELD_WIN_RECORD, 0, NULL },
	{ "record_number", FIELD_WIN_RECORD, 1, NULL },
	{ "computer_name", FIELD_WIN_COMPUTER, 0, NULL },
	{ "process.pid", FIELD_WIN_PID, 0, NULL },
	{ "process_id", FIELD_WIN_PID, 1, NULL },
	{ "process.thread.id", FIELD_WIN_TID, 0, NULL },
	{ "thread_id", FIELD_WIN_TID, 1, NULL },
	{ "user.identifier", FIELD_WIN_SID, 0, NULL },
	{ "activity_id", FIELD_WIN_ACTIVITY, 0, NULL },
	{ "time_created", FIELD_WIN_TIME, 0, NULL },
};
static const struct meaning beside[] = {
	{ "@timestamp", FIELD_WIN_TIME, 1, NULL },
	{ "event.code", FIELD_WIN_EVENT_ID, 1, NULL },
	{ "event.provider", FIELD_WIN_PROVIDER, 2, NULL },
	{ "host.name", FIELD_WIN_COMPUTER, 1, NULL },
	{ "log.level", FIELD_OTHER, 0, R("Level") },
	{ "message", FIELD_OTHER, MESSAGE, R("Message") },
};

static const struct meaning wazuh[] = {
	{ "channel", FIELD_WIN_CHANNEL, 0, NULL },
	{ "providerName", FIELD_WIN_PROVIDER, 0, NULL },
	{ "providerGuid", FIELD_WIN_PROVIDER_GUID, 0, NULL },
	{ "eventID", FIELD_WIN_EVENT_ID, 0, NULL },
	{ "version", FIELD_WIN_VERSION, 0, NULL },
	{ "level", FIELD_WIN_LEVEL, 0, NULL },
	{ "task", FIELD_WIN_TASK, 0, NULL },
	{ "opcode", FIELD_WIN_OPCODE, 0, NULL },
	{ "keywords", FIELD_WIN_KEYWORDS, 0, NULL },
	{ "systemTime", FIELD_WIN_TIME, 0, NULL },
	{ "eventRecordID", FIELD_WIN_RECORD, 0, NULL },
	{ "processID", FIELD_WIN_PID, 0, NULL },
	{ "threadID", FIELD_WIN_TID, 0, NULL },
	{ "computer", FIELD_WIN_COMPUTER, 0, NULL },
	{ "message", FIELD_OTHER, MESSAGE, R("Message") },
};

/* -- paths --------------------------------------------------------------- */

struct path {
	const struct span *part;
	unsigned	 n;
};

static bool
is(const struct path *p, unsigned i, const char *text)
{
	return i < p->n && span_eq(p->part[i], span_str(text));
}

static struct path
below(const struct path *p, unsigned n)
{
	return (struct path){ p->part + n, p->n - n };
}

/* Is the path this text, with dots between its parts? */
static bool
path_is(const struct path *p, const char *text)
{
	struct span rest = span_str(text);

	for (unsigned i = 0; i < p->n; i++) {
		if (i != 0) {
			if (!span_starts(rest, SPAN_LIT(".")))
				return false;
			rest = span_sub(rest, 1, SIZE_MAX);
		}
		if (!span_starts(rest, p->part[i]))
			return false;
		rest = span_sub(rest, p->part[i].len, SIZE_MAX);
	}
	return rest.len == 0;
}

static bool
find(const struct meaning *m, size_t n, const struct path *p,
    struct json_target *t)
{
	for (size_t i = 0; i < n; i++) {
		if (!path_is(p, m[i].path))
			continue;
		if (m[i].id == FIELD_WIN_DATA)
			t->how = JSON_AS_DATA;
		else if (m[i].id != FIELD_OTHER)
			t->how = JSON_AS_SYSTEM;
		else
			t->how = m[i].rank == MESSAGE ? JSON_MESSAGE :
			    JSON_AS_NAMED;
		t->is_extra = m[i].id == FIELD_OTHER;
		t->id = m[i].id;
		t->rank = m[i].rank;
		t->rendered = m[i].rendered;
		return true;
	}
	return false;
}

/* "winlog.event_data.X" in one key or in several: how many parts they are. */
static unsigned
starts(const struct path *p, const char *text)
{
	for (unsigned n = 1; n <= p->n; n++) {
		const struct path head = { p->part, n };

		if (path_is(&head, text))
			return n;
	}
	return 0;
}

/* -- which dialect ------------------------------------------------------- */

unsigned
win_role(const struct span *part, unsigned n)
{
	const struct path p = { part, n };
	unsigned role = 0;

	if ((is(&p, 0, "Event") && is(&p, 1, "System")) ||
	    (is(&p, 0, "System") && (is(&p, 1, "EventID") ||
	    is(&p, 1, "Channel") || is(&p, 1, "Provider"))))
		role |= ROLE_TREE;
	if (n >= 2 && starts(&p, "winlog") == 1 &&
	    (is(&p, 1, "event_id") || is(&p, 1, "channel") ||
	    is(&p, 1, "event_data") || is(&p, 1, "provider_name")))
		role |= ROLE_BEATS;
	if (starts(&p, "win.system") != 0 || starts(&p, "data.win.system") != 0)
		role |= ROLE_WAZUH;
	if (n == 1 && (span_starts(p.part[0], SPAN_LIT("winlog.event_")) ||
	    path_is(&p, "winlog.channel")))
		role |= ROLE_BEATS;
	if (path_is(&p, "EventID") || path_is(&p, "EventCode") ||
	    path_is(&p, "EventId"))
		role |= ROLE_FLAT_ID;
	if (path_is(&p, "Channel") || path_is(&p, "LogName") ||
	    path_is(&p, "SourceName") || path_is(&p, "ProviderName") ||
	    path_is(&p, "EventSourceName") || path_is(&p, "Logfile"))
		role |= ROLE_FLAT_LOG;
	if (path_is(&p, "_raw"))
		role |= WIN_ROLE_RAW | ROLE_FLAT_ID | ROLE_FLAT_LOG;
	if (path_is(&p, "Id"))
		role |= ROLE_PWSH_ID;
	if (path_is(&p, "log_name") || (is(&p, 0, "event_data") && n > 1))
		role |= ROLE_OLD_BEATS;
	return role;
}

enum json_dialect
win_classify(unsigned role)
{
	if ((role & ROLE_TREE) != 0)
		return DIALECT_TREE;
	if ((role & ROLE_BEATS) != 0)
		return DIALECT_BEATS;
	if ((role & ROLE_WAZUH) != 0)
		return DIALECT_WAZUH;
	if ((role & ROLE_FLAT_LOG) != 0) {
		if ((role & ROLE_FLAT_ID) != 0)
			return DIALECT_FLAT;
		if ((role & ROLE_PWSH_ID) != 0)
			return DIALECT_PWSH;
	}
	return (role & ROLE_OLD_BEATS) != 0 ? DIALECT_OLD_BEATS :
	    DIALECT_PLAIN;
}

/* -- names --------------------------------------------------------------- */

/* Fields of System keep their names to themselves. */
static bool
is_system_name(struct span name)
{
	unsigned id = field_by_name(name);

	return id >= FIELD_WIN_CHANNEL && id <= FIELD_WIN_ACTIVITY;
}

static struct json_target
dropped(void)
{
	return (struct json_target){ .how = JSON_DROP };
}

/* A name of EventData or UserData, without blanks. */
static struct json_target
data_name(const char *prefix, struct span name, struct buf *to)
{
	if (span_eq(name, SPAN_LIT("Data")))
		return (struct json_target){ .how = JSON_AS_DATA,
		    .id = FIELD_WIN_DATA };
	if (is_system_name(name))
		buf_str(to, prefix);
	for (size_t i = 0; i < name.len && name.ptr[i] != 0; i++)
		if (name.ptr[i] != ' ')
			buf_byte(to, name.ptr[i]);
	return (struct json_target){ .how = JSON_AS_NAMED };
}

static struct span
without_tail(struct span s, const char *tail)
{
	struct span t = span_str(tail);

	return span_ends(s, t) ? span_sub(s, 0, s.len - t.len) : s;
}

/*
 * An element and perhaps an attribute of it, from the end of a path: the ways
 * in which converters write attributes become one.
 */
static void
element_of(const struct path *p, struct span *element, struct span *attr)
{
	unsigned n = p->n;

	*element = *attr = SPAN_NONE;
	if (is(p, n - 1, "#text") || is(p, n - 1, "$t") || is(p, n - 1, "_"))
		n--;
	if (n == 0)
		return;
	if (n >= 2 && (is(p, n - 2, "#attributes") || is(p, n - 2, "$") ||
	    span_ends(p->part[n - 2], SPAN_LIT("_attributes")))) {
		*attr = p->part[n - 1];
		*element = without_tail(p->part[n - 2], "_attributes");
		if (!span_ends(p->part[n - 2], SPAN_LIT("_attributes")))
			*element = n >= 3 ? p->part[n - 3] : SPAN_NONE;
	} else if (n >= 2 && span_starts(p->part[n - 1], SPAN_LIT("@"))) {
		*attr = span_sub(p->part[n - 1], 1, SIZE_MAX);
		*element = p->part[n - 2];
	} else {
		*element = p->part[n - 1];
	}
}

static struct json_target
system_element(const struct path *p, struct buf *to)
{
	struct json_target t = { .how = JSON_AS_NAMED };
	struct span element, attr;
	unsigned id;

	element_of(p, &element, &attr);
	/* Those whose attributes say all. */
	if (attr.len == 0 && p->n == 1 && (is(p, 0, "Correlation") ||
	    is(p, 0, "Execution") || is(p, 0, "Security")))
		return dropped();
	/* Provider: {Name: ...} without a mark that these are attributes. */
	if (attr.len == 0 && p->n == 2 && !is(p, 1, "#text")) {
		element = p->part[0];
		attr = p->part[1];
	}
	buf_span(to, element);
	if (attr.len != 0 && !(span_eq(element, SPAN_LIT("TimeCreated")) &&
	    span_eq(attr, SPAN_LIT("SystemTime")))) {
		buf_byte(to, '_');
		buf_span(to, attr);
	}
	id = field_by_name(buf_view(to));
	if (id >= FIELD_WIN_CHANNEL && id <= FIELD_WIN_ACTIVITY) {
		t.how = JSON_AS_SYSTEM;
		t.id = (uint16_t)id;
	}
	return t;
}

static struct json_target
tree_data(const struct path *p, bool is_event_data, struct buf *to)
{
	const char *prefix = is_event_data ? "EventData_" : "UserData_";
	struct json_target t = { .how = JSON_DROP };
	struct span element, attr, name;

	if (p->n == 0)
		return data_name(prefix, SPAN_LIT("Data"), to);
	if (is(p, 0, "Data") && p->n == 2 && (is(p, 1, "@Name") ||
	    is(p, 1, "Name")))
		return (struct json_target){ .how = JSON_PAIR_NAME };
	if (is(p, 0, "Data") && p->n == 3 && is(p, 2, "Name"))
		return (struct json_target){ .how = JSON_PAIR_NAME };
	if (is(p, 0, "Data") && p->n == 2 &&
	    (is(p, 1, "#text") || is(p, 1, "$t") || is(p, 1, "_") ||
	    is(p, 1, "content") || is(p, 1, "Value")))
		return (struct json_target){ .how = JSON_PAIR_TEXT,
		    .id = FIELD_WIN_DATA };
	element_of(p, &element, &attr);
	if (span_starts(attr, SPAN_LIT("xmlns")))
		return dropped();
	if (attr.len == 0)
		return data_name(prefix, element, to);
	if (element.len == 0)
		element = span_str(is_event_data ? "EventData" : "UserData");
	name = attr;
	buf_span(to, element);
	buf_byte(to, '_');
	buf_span(to, name);
	t = (struct json_target){ .how = JSON_AS_NAMED };
	return t;
}

static struct json_target
tree_target(struct path p, struct buf *to)
{
	struct json_target t = { .how = JSON_DROP };
	struct path in;

	if (is(&p, 0, "Event"))
		p = below(&p, 1);
	in = below(&p, p.n != 0);
	if (p.n == 0)
		return dropped();
	if (is(&p, 0, "System") && p.n > 1)
		return system_element(&in, to);
	if (is(&p, 0, "EventData"))
		return tree_data(&in, true, to);
	if (is(&p, 0, "UserData"))
		return in.n == 0 ? dropped() : tree_data(&in, false, to);
	if (is(&p, 0, "RenderingInfo") && p.n > 1) {
		buf_str(to, "RenderingInfo_");
		t = data_name("", in.part[in.n - 1], to);
		t.how = JSON_AS_NAMED;
		return t;
	}
	if (span_starts(p.part[0], SPAN_LIT("#attr")) ||
	    span_starts(p.part[0], SPAN_LIT("@xmlns")) ||
	    span_starts(p.part[0], SPAN_LIT("xmlns")) ||
	    is(&p, 0, "Event_attributes"))
		return dropped();
	for (unsigned i = 0; i < p.n; i++) {
		buf_str(to, i == 0 ? "" : ".");
		buf_span(to, p.part[i]);
	}
	return (struct json_target){ .how = JSON_AS_NAMED };
}

/* Whatever has no meaning of its own keeps its path. */
static struct json_target
whole_path(const struct path *p, struct buf *to)
{
	for (unsigned i = 0; i < p->n; i++) {
		buf_str(to, i == 0 ? "" : ".");
		buf_span(to, p->part[i]);
	}
	return (struct json_target){ .how = JSON_AS_NAMED };
}

/* Winlogbeat numbers what has no name: param1, param2. */
static bool
is_param(struct span name)
{
	uint64_t n;

	return span_starts(name, SPAN_LIT("param")) &&
	    span_u64(span_sub(name, 5, SIZE_MAX), &n);
}

static struct json_target
beats_target(struct path p, bool old, struct buf *to)
{
	struct json_target t = { .how = JSON_DROP };
	struct path in = p;
	struct span flat_key = SPAN_NONE;
	unsigned n;

	if (!old && p.n == 1 &&
	    span_starts(p.part[0], SPAN_LIT("winlog."))) {
		flat_key = span_sub(p.part[0], 7, SIZE_MAX);
		in = (struct path){ &flat_key, 1 };
	} else if (!old && is(&p, 0, "winlog")) {
		in = below(&p, 1);
	}
	if (in.n == 1 && span_starts(in.part[0], SPAN_LIT("event_data."))) {
		flat_key = span_sub(in.part[0], 11, SIZE_MAX);
		return data_name("EventData_", flat_key, to);
	}
	if ((n = starts(&in, "event_data")) != 0 && in.n > n) {
		t = data_name("EventData_", in.part[in.n - 1], to);
		t.is_param = is_param(in.part[in.n - 1]);
		return t;
	}
	if ((n = starts(&in, "user_data")) != 0 && in.n > n)
		return is(&in, n, "xml_name") ? dropped() :
		    data_name("UserData_", in.part[in.n - 1], to);
	if (((old || in.part != p.part) &&
	    find(beats, NITEMS(beats), &in, &t)) ||
	    find(beside, NITEMS(beside), &p, &t)) {
		if (t.id == FIELD_OTHER)
			buf_str(to, t.rendered);
		return t;
	}
	t = whole_path(&p, to);
	t.is_extra = true;
	return t;
}

static struct json_target
wazuh_target(struct path p, struct buf *to)
{
	unsigned n = is(&p, 0, "data") ? 1 : 0;
	struct json_target t = { .how = JSON_DROP };
	struct path in;
	struct span s;

	if (!is(&p, n, "win") || p.n < n + 3) {
		t = whole_path(&p, to);
		t.is_extra = true;
		return t;
	}
	in = below(&p, n + 2);
	if (is(&p, n + 1, "system") &&
	    find(wazuh, NITEMS(wazuh), &in, &t)) {
		if (t.id == FIELD_OTHER)
			buf_str(to, t.rendered);
		return t;
	}
	if (!is(&p, n + 1, "eventdata"))
		return whole_path(&p, to);
	/* imageLoaded: the first letter was made small. */
	s = in.part[in.n - 1];
	if (span_eq(s, SPAN_LIT("data")))
		return data_name("", SPAN_LIT("Data"), to);
	if (s.len != 0)
		buf_byte(to, s.ptr[0] >= 'a' && s.ptr[0] <= 'z' ?
		    (uint8_t)(s.ptr[0] & ~0x20) : s.ptr[0]);
	buf_span(to, span_sub(s, 1, SIZE_MAX));
	return (struct json_target){ .how = JSON_AS_NAMED };
}

/* What the program that shipped the event says of itself. */
static bool
is_shippers(const struct path *p)
{
	static const char *const keys[] = { "@version", "tags", "host", "port",
	    "EventReceivedTime", "SourceModuleName", "SourceModuleType",
	    "Severity", "SeverityValue", "EventTypeOrignal",
	    "ERROR_EVT_UNRESOLVED" };

	for (size_t i = 0; i < NITEMS(keys); i++)
		if (path_is(p, keys[i]))
			return true;
	return false;
}

/* What it looked up and added. */
static bool
is_extra(const struct path *p)
{
	static const char *const keys[] = { "AccountName", "AccountType",
	    "Domain", "EventType", "Category" };

	for (size_t i = 0; i < NITEMS(keys); i++)
		if (path_is(p, keys[i]))
			return true;
	return false;
}

static struct json_target
flat_target(const struct path *p, struct buf *to)
{
	struct json_target t = { .how = JSON_DROP };

	if (path_is(p, "_raw"))
		return (struct json_target){ .how = JSON_XML };
	if (path_is(p, "Payload") || path_is(p, "EventData") ||
	    path_is(p, "UserData")) {
		t = whole_path(p, to);
		t.how = JSON_INNER;
		return t;
	}
	if (find(flat, NITEMS(flat), p, &t)) {
		if (t.id == FIELD_OTHER)
			buf_str(to, t.rendered);
		return t;
	}
	if (is_shippers(p))
		return dropped();
	if (p->n == 2 && (is(p, 0, "EventData") || is(p, 0, "UserData") ||
	    is(p, 0, "event_data")))
		return data_name(is(p, 0, "UserData") ? "UserData_" :
		    "EventData_", p->part[1], to);
	if (is(p, p->n - 1, "Data") && p->n == 1)
		return data_name("", SPAN_LIT("Data"), to);
	t = whole_path(p, to);
	t.is_extra = is_extra(p);
	return t;
}

struct json_target
win_target(enum json_dialect dialect, const struct span *part, unsigned n,
    struct buf *to)
{
	const struct path p = { part, n };
	struct json_target t = { .how = JSON_DROP };

	switch (dialect) {
	case DIALECT_TREE:
		return tree_target(p, to);
	case DIALECT_BEATS:
		return beats_target(p, false, to);
	case DIALECT_OLD_BEATS:
		return beats_target(p, true, to);
	case DIALECT_WAZUH:
		return wazuh_target(p, to);
	case DIALECT_FLAT:
		return flat_target(&p, to);
	case DIALECT_PWSH:
		if (!find(pwsh, NITEMS(pwsh), &p, &t))
			return whole_path(&p, to);
		if (t.id == FIELD_OTHER)
			buf_str(to, t.rendered);
		return t;
	default:
		return whole_path(&p, to);
	}
}

/* -- channels ------------------------------------------------------------ */

struct span
win_channel(struct span provider, uint64_t id)
{
#define OPERATIONAL(p)	{ p, p "/Operational" }
	static const char *const known[][2] = {
		{ "Microsoft-Windows-Security-Auditing", "Security" },
		OPERATIONAL("Microsoft-Windows-Sysmon"),
		OPERATIONAL("Microsoft-Windows-PowerShell"),
		{ "PowerShellCore", "PowerShellCore/Operational" },
		{ "PowerShell", "Windows PowerShell" },
		{ "Service Control Manager", "System" },
		{ "Microsoft-Windows-Kernel-General", "System" },
		{ "Microsoft-Windows-Directory-Services-SAM", "System" },
		{ "Microsoft-Windows-DistributedCOM", "System" },
		{ "NetLogon", "System" },
		{ "MsiInstaller", "Application" },
		{ "Application Error", "Application" },
		{ "Windows Error Reporting", "Application" },
		{ "ESENT", "Application" },
		OPERATIONAL("Microsoft-Windows-Windows Defender"),
		OPERATIONAL("Microsoft-Windows-TaskScheduler"),
		OPERATIONAL("Microsoft-Windows-WMI-Activity"),
		OPERATIONAL("Microsoft-Windows-Bits-Client"),
		OPERATIONAL("Microsoft-Windows-CodeIntegrity"),
		OPERATIONAL("Microsoft-Windows-NTLM"),
		OPERATIONAL("Microsoft-Windows-WinRM"),
		OPERATIONAL("Microsoft-Windows-AppXDeploymentServer"),
		{ "Microsoft-Windows-TerminalServices-LocalSessionManager",
		  "Microsoft-Windows-TerminalServices-LocalSessionManager"
		  "/Operational" },
		{ "Microsoft-Windows-TerminalServices-RemoteConnectionManager",
		  "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
		  "/Operational" },
		{ "Microsoft-Windows-Windows Firewall With Advanced Security",
		  "Microsoft-Windows-Windows Firewall With Advanced Security"
		  "/Firewall" },
	};

	/* Clearing of Security is told there, of the others in System. */
	if (span_eq(provider, SPAN_LIT("Microsoft-Windows-Eventlog")))
		return id == 104 ? SPAN_LIT("System") : SPAN_LIT("Security");
	for (size_t i = 0; i < NITEMS(known); i++)
		if (span_eq_nocase(provider, span_str(known[i][0])))
			return span_str(known[i][1]);
	return SPAN_NONE;
}
