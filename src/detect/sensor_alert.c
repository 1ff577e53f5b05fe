/* SPDX-License-Identifier: Apache-2.0
 *
 * What another sensor judged: Suricata's alerts, Zeek's notices.
 *
 * Behaviour: each alert becomes a finding of its own, under the rule's number
 * and with the rule's words, so that it can join an incident with what picket
 * found itself; the same rule between the same two addresses is one finding.
 * ATT&CK techniques are those that the rule's metadata names.
 *
 * Severity: Suricata's 1, 2, 3 and over are high, medium, low and
 * informational.  Zeek's notices have none: the table below ranks those of the
 * scripts that come with Zeek and of BZAR, all others are informational; what
 * Zeek says of itself (lost packets) is no finding.
 *
 * Known false alarms: those of the rules; confidence is therefore modest.
 *
 * Cost: per alert a few copies of short text.  Bounds: TITLE_MAX,
 * TECHNIQUES_MAX.
 */
#include "detect.h"

#define TITLE_MAX	200u
#define TECHNIQUES_MAX	8u
#define NOTE_MAX	64u

static const uint8_t kinds[] = { KIND_ALERT, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_DST_PORT, FIELD_PROTO,
	FIELD_ALERT_SIGNATURE, FIELD_ALERT_MESSAGE, FIELD_ALERT_SID,
	FIELD_ALERT_GID, FIELD_ALERT_CATEGORY, FIELD_ALERT_SEVERITY,
	FIELD_ALERT_ACTION, FIELD_ALERT_ATTACK, FIELD_SENSOR_NAME,
	FIELD_HTTP_HOST, FIELD_HTTP_URI, FIELD_FILE_NAME, FIELD_OTHER
};

/* Longer beginnings first. */
static const struct {
	const char	*start;
	enum severity	 severity;
	bool		 none;		/* of Zeek itself */
} notices[] = {
	{ "CaptureLoss::", SEV_INFORMATIONAL, true },
	{ "PacketFilter::", SEV_INFORMATIONAL, true },
	{ "Weird::", SEV_INFORMATIONAL, true },
	{ "Notice::", SEV_INFORMATIONAL, true },
	{ "TeamCymruMalwareHashRegistry::", SEV_HIGH, false },
	{ "Heartbleed::", SEV_HIGH, false },
	{ "HTTP::SQL_Injection", SEV_MEDIUM, false },
	{ "SSH::Password_Guessing", SEV_MEDIUM, false },
	{ "SSH::Login_By_Password_Guesser", SEV_HIGH, false },
	{ "FTP::Bruteforcing", SEV_MEDIUM, false },
	{ "Signatures::", SEV_MEDIUM, false },
	{ "Intel::", SEV_MEDIUM, false },
	{ "ATTACK::", SEV_MEDIUM, false },
	{ "Scan::", SEV_LOW, false },
	{ "SSH::Interesting_Hostname_Login", SEV_LOW, false },
};

/* false: nothing to report. */
static bool
rank_notice(struct span note, enum severity *severity)
{
	*severity = SEV_INFORMATIONAL;
	for (size_t i = 0; i < NITEMS(notices); i++)
		if (span_starts(note, span_str(notices[i].start))) {
			*severity = notices[i].severity;
			return !notices[i].none;
		}
	return true;
}

static enum severity
rank_alert(const struct event *e)
{
	uint64_t n = 3;

	(void)event_u64(e, FIELD_ALERT_SEVERITY, &n);
	return n <= 1 ? SEV_HIGH : n == 2 ? SEV_MEDIUM : n == 3 ? SEV_LOW :
	    SEV_INFORMATIONAL;
}

/* T1059, T1059.001 or T1059_001: the text is the log's, so it is checked. */
static bool
put_technique(struct buf *b, struct span s)
{
	if ((s.len != 5 && s.len != 9) || s.ptr[0] != 'T')
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (i == 5 ? s.ptr[i] != '.' && s.ptr[i] != '_' :
		    !ascii_is_digit(s.ptr[i]))
			return false;
	if (b->len != 0)
		buf_byte(b, ' ');
	buf_span(b, span_sub(s, 0, 5));
	if (s.len == 9) {
		buf_byte(b, '.');
		buf_span(b, span_sub(s, 6, 3));
	}
	return true;
}

static const char *
keep_cstr(struct arena *m, struct span s)
{
	char *p = arena_alloc(m, s.len + 1);

	if (p == NULL)
		return "";
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return p;
}

static const char *
techniques(struct arena *m, struct buf *b, const struct event *e)
{
	const struct value *v = event_get(e, FIELD_ALERT_ATTACK), *item;
	unsigned n = 0;

	buf_reset(b);
	if (v == NULL || v->type != VT_LIST)
		return "";
	item = v->ptr;
	for (uint32_t i = 0; i < v->len && n < TECHNIQUES_MAX; i++)
		if (item[i].type == VT_STR)
			n += put_technique(b, span_of(item[i].ptr,
			    item[i].len));
	return keep_cstr(m, buf_view(b));
}

/* suricata:1:2024897 or zeek:SSH::Password_Guessing. */
static const char *
rule_id(struct arena *m, struct buf *b, const struct event *e, bool zeek)
{
	struct span note = event_str(e, FIELD_ALERT_SIGNATURE);
	uint64_t gid = 1, sid = 0;

	buf_reset(b);
	if (!zeek) {
		(void)event_u64(e, FIELD_ALERT_GID, &gid);
		(void)event_u64(e, FIELD_ALERT_SID, &sid);
		buf_str(b, "suricata:");
		buf_put_u64(b, gid);
		buf_byte(b, ':');
		buf_put_u64(b, sid);
		return keep_cstr(m, buf_view(b));
	}
	buf_str(b, "zeek:");
	for (size_t i = 0; i < note.len && i < NOTE_MAX; i++) {
		uint8_t c = note.ptr[i], low = ascii_lower(c);

		buf_byte(b, (low >= 'a' && low <= 'z') || ascii_is_digit(c) ||
		    c == ':' ? c : '_');
	}
	return keep_cstr(m, buf_view(b));
}

static void
put_message(struct detect *d, const struct finding *f, const struct event *e,
    bool zeek)
{
	struct span more = event_str(e, zeek ? FIELD_ALERT_MESSAGE :
	    FIELD_ALERT_CATEGORY);
	struct span action = event_str(e, FIELD_ALERT_ACTION);

	buf_str(&d->text, zeek ? "Zeek" : "Suricata");
	buf_str(&d->text, " reported ");
	text_clip(&d->text, span_str(f->title), TITLE_MAX);
	if (f->entity[ENTITY_SRC_IP].len != 0) {
		buf_str(&d->text, ": ");
		buf_span(&d->text, f->entity[ENTITY_SRC_IP]);
		if (f->entity[ENTITY_DST_IP].len != 0) {
			buf_str(&d->text, " to ");
			buf_span(&d->text, f->entity[ENTITY_DST_IP]);
		}
		if (f->entity[ENTITY_DST_PORT].len != 0) {
			buf_str(&d->text, " port ");
			buf_span(&d->text, f->entity[ENTITY_DST_PORT]);
		}
	}
	if (more.len != 0) {
		buf_str(&d->text, " (");
		text_clip(&d->text, more, TITLE_MAX);
		buf_byte(&d->text, ')');
	}
	if (span_eq(action, SPAN_LIT("blocked")))
		buf_str(&d->text, "; it was blocked");
}

static void
sensor_alert_event(struct detect *d, const struct event *e)
{
	bool zeek = span_eq(event_str(e, FIELD_SENSOR_NAME), SPAN_LIT("zeek"));
	enum severity severity = rank_alert(e);
	struct span title = event_str(e, FIELD_ALERT_SIGNATURE);
	struct finding f;
	struct arena m;

	if (zeek && !rank_notice(title, &severity))
		return;
	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	/* Only until it is raised: raising copies all text. */
	f.rule = rule_id(&m, &d->text, e, zeek);
	f.attack = techniques(&m, &d->text, e);
	f.language = zeek ? "zeek" : "suricata";
	if (title.len != 0)
		f.title = keep_cstr(&m, span_sub(title, 0, TITLE_MAX));
	f.severity = severity;
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	finding_entity(&f, ENTITY_DST_IP, &m, e, FIELD_DST_IP);
	finding_entity(&f, ENTITY_DST_PORT, &m, e, FIELD_DST_PORT);
	finding_entity(&f, ENTITY_FILE, &m, e, FIELD_FILE_NAME);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP];
	buf_reset(&d->text);
	put_message(d, &f, e, zeek);
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_DST_IP]);
	finding_raise(&f, d);
	arena_fini(&m);
}

const struct detector detector_sensor_alert = {
	.name = "sensor-alert",
	.title = "Alert of another sensor",
	.doc = "Suricata's alerts and Zeek's notices, each as a finding under "
	    "its own rule; the same rule between two addresses is one. False "
	    "alarms: those of the rules.",
	.attack = "",
	.advice = "Read what the sensor kept of it (payload, flow, file) and "
	    "see whether the called host answered as an attacker would like.",
	.severity = SEV_LOW,
	.confidence = 50,
	.kinds = kinds,
	.fields = fields,
	.event = sensor_alert_event,
};
