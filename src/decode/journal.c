/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries of the systemd journal as journalctl -o json prints them, one object
 * an entry (systemd.journal-fields(7), "Journal JSON Format"):
 *
 *	{"__REALTIME_TIMESTAMP": "1795444985250000", "_HOSTNAME": "vm",
 *	 "SYSLOG_IDENTIFIER": "sshd", "_PID": "9", "PRIORITY": "6",
 *	 "MESSAGE": "Accepted publickey for ..."}
 *
 * Values are text; those that are no UTF-8 are arrays of bytes, those that
 * occur more than once arrays of text (the first counts), those that were too
 * long null.  The time is in microseconds since 1970.
 *
 * An entry is an event of kind syslog; its other fields keep their names.  What
 * syslog lines tell of sign-ins and commands (authlog.c) and of the audit
 * system (audit.c: here with the number of the event) is told too.
 *
 * Bounds: those of the JSON reader and of audit.c.
 */
#include "codec.h"
#include "decode.h"

struct journal {
	struct json	 json;
	struct audit	*audit;
};

/* -- members ------------------------------------------------------------- */

/* [72, 105]: bytes. */
static struct span
byte_array(const struct json *j, uint32_t array, struct batch *b)
{
	uint32_t end = j->tok[array].next, n = end - array - 1;
	uint8_t *p = arena_alloc(&b->arena, n);
	uint64_t c;

	if (p == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return SPAN_NONE;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!json_u64(j, array + 1 + i, &c) || c > 255)
			return SPAN_NONE;
		p[i] = (uint8_t)c;
	}
	return span_of(p, n);
}

static struct span
text_of(const struct json *j, uint32_t i, struct batch *b)
{
	if (j->tok[i].type == JSON_ARRAY && j->tok[i].next > i + 1) {
		if (j->tok[i + 1].type == JSON_NUMBER)
			return byte_array(j, i, b);
		i++;
	}
	if (j->tok[i].type == JSON_STRING)
		return json_text(j, i, &b->arena);
	return j->tok[i].type == JSON_NUMBER ? json_raw(j, i) : SPAN_NONE;
}

static struct span
member(const struct json *j, const char *name, struct batch *b)
{
	uint32_t i = json_member(j, 0, span_str(name));

	return i == 0 ? SPAN_NONE : text_of(j, i, b);
}

static int64_t
entry_time(const struct json *j, const char *name, struct batch *b)
{
	uint64_t us;

	if (!span_u64(member(j, name, b), &us) || us > INT64_MAX / 1000)
		return TIME_NONE;
	return (int64_t)us * 1000;
}

/* -- telling ------------------------------------------------------------- */

/* What is told by a name of ours, or is of no use to anybody. */
static bool
is_known(struct span key)
{
	static const char *const names[] = { "MESSAGE", "_HOSTNAME",
	    "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_PID", "PRIORITY",
	    "SYSLOG_FACILITY", "__REALTIME_TIMESTAMP", "__CURSOR",
	    "__MONOTONIC_TIMESTAMP", "__SEQNUM", "__SEQNUM_ID", "_BOOT_ID" };

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_eq(key, span_str(names[i])))
			return true;
	return false;
}

static void
add_others(const struct json *j, struct batch *b)
{
	for (uint32_t i = 1; i < j->tok[0].next; i = j->tok[i + 1].next) {
		struct span key = json_raw(j, i);
		unsigned id = field_by_name(key);
		struct value *v;
		char *name;

		if ((j->tok[i].flags & (JSON_F_REPEATED | JSON_F_ESCAPED)) !=
		    0 || is_known(key) || (id == FIELD_OTHER ?
		    !b->want->others : !event_wants(b, id)))
			continue;
		if (id != FIELD_OTHER) {
			event_add_str(b, id, text_of(j, i + 1, b));
			continue;
		}
		if ((name = arena_alloc(&b->arena, key.len + 1)) == NULL)
			return;
		if (key.len != 0)
			memcpy(name, key.ptr, key.len);
		name[key.len] = '\0';
		if ((v = event_add_other(b, name, VT_STR)) != NULL) {
			struct span s = text_of(j, i + 1, b);

			v->ptr = s.ptr;
			v->len = (uint32_t)s.len;
		}
	}
}

static void
tell_entry(struct dec *d, const struct json *j, const struct log_line *l)
{
	struct batch *b = d->batch;
	uint64_t n;

	if (!event_begin(b, KIND_SYSLOG, l->time, batch_locator(b, d->rec)))
		return;
	if (l->host.len != 0)
		event_add_str(b, FIELD_SYSLOG_HOST, l->host);
	if (l->app.len != 0)
		event_add_str(b, FIELD_SYSLOG_APP, l->app);
	if (l->pid.len != 0)
		event_add_str(b, FIELD_SYSLOG_PID, l->pid);
	if (span_u64(member(j, "SYSLOG_FACILITY", b), &n))
		event_add_u64(b, FIELD_SYSLOG_FACILITY, n);
	if (span_u64(member(j, "PRIORITY", b), &n))
		event_add_u64(b, FIELD_SYSLOG_SEVERITY, n);
	event_add_str(b, FIELD_SYSLOG_MESSAGE, l->msg);
	add_others(j, b);
	event_end(b);
}

/* MESSAGE is "TYPE key=value ...", _AUDIT_ID the number. */
static void
tell_audit(struct dec *d, struct journal *s, const struct log_line *l)
{
	struct audit_record r = { .host = l->host, .time = l->time };
	size_t n = span_find_byte(l->msg, ' ');
	int64_t own = entry_time(&s->json, "_SOURCE_REALTIME_TIMESTAMP",
	    d->batch);

	/* The kernel's time, which the event's records have in common. */
	if (own != TIME_NONE)
		r.time = own;
	if (s->audit == NULL && (s->audit = audit_new(d)) == NULL)
		return;
	if (n == SPAN_NPOS ||
	    !span_u64(member(&s->json, "_AUDIT_ID", d->batch), &r.serial))
		return;
	r.type = member(&s->json, "_AUDIT_TYPE_NAME", d->batch);
	if (!span_starts(l->msg, r.type) || r.type.len == 0)
		r.type = span_sub(l->msg, 0, n);
	r.body = span_sub(l->msg, n + 1, SIZE_MAX);
	audit_record(d, s->audit, &r);
}

static void
journal_record(struct dec *d, void *state, const struct record *rec)
{
	struct journal *s = state;
	struct json *j = &s->json;
	struct batch *b = d->batch;
	struct log_line l;

	switch (json_parse(j, rec->data)) {
	case JSON_OK:
		break;
	case JSON_BROKEN:
		dec_weird(d, WEIRD_JSON_BAD);
		return;
	case JSON_DEEP:
		dec_weird(d, WEIRD_JSON_DEPTH);
		return;
	default:
		dec_weird(d, WEIRD_JSON_SIZE);
		return;
	}
	if (j->tok[0].type != JSON_OBJECT)
		return;
	l.time = entry_time(j, "__REALTIME_TIMESTAMP", b);
	l.host = member(j, "_HOSTNAME", b);
	if ((l.app = member(j, "SYSLOG_IDENTIFIER", b)).len == 0)
		l.app = member(j, "_COMM", b);
	if ((l.pid = member(j, "SYSLOG_PID", b)).len == 0)
		l.pid = member(j, "_PID", b);
	l.msg = member(j, "MESSAGE", b);
	tell_entry(d, j, &l);
	if (sysmon_event(d, &l))
		return;
	log_facts(d, &l);
	if (span_eq(member(j, "_TRANSPORT", b), SPAN_LIT("audit")))
		tell_audit(d, s, &l);
}

static void
journal_end(struct dec *d, void *state)
{
	struct journal *s = state;

	audit_free(d, s->audit);
	s->audit = NULL;
	json_fini(&s->json);
}

static int
journal_match(const struct record *rec)
{
	if (span_find(rec->data, SPAN_LIT("\"__REALTIME_TIMESTAMP\"")) ==
	    SPAN_NPOS || span_find(rec->data, SPAN_LIT("\"__CURSOR\"")) ==
	    SPAN_NPOS)
		return 0;
	return 80;
}

static const uint8_t journal_kinds[] = { KIND_SYSLOG, KIND_AUTH, KIND_PROCESS,
    KIND_AUDITD, KIND_WINEVENT, KIND_NONE };

const struct decoder decoder_journal = {
	.name = "journal",
	.title = "systemd journal as JSON",
	.doc = "What journalctl -o json prints, one object an entry. Sign-ins, "
	    "commands and audit records as from syslog lines. Left: the binary "
	    "journal files, export format.",
	.kinds = journal_kinds,
	.state_size = sizeof(struct journal),
	.rectype = REC_JSON,
	.match = journal_match,
	.record = journal_record,
	.end = journal_end,
};
