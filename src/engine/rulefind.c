/* SPDX-License-Identifier: Apache-2.0
 *
 * A rule's hit as a finding: who it is about, one sentence, what it folds by.
 */
#include "engine.h"

/* Which fields name what; the first that is there. */
static const struct {
	enum entity	entity;
	uint16_t	field[5];
} named[] = {
	{ ENTITY_HOST, { FIELD_WIN_COMPUTER, FIELD_SYSLOG_HOST, FIELD_DST_IP,
	    FIELD_HTTP_VHOST, FIELD_HTTP_HOST } },
	{ ENTITY_SRC_IP, { FIELD_SRC_IP, FIELD_IP_ADDRESS } },
	{ ENTITY_DST_IP, { FIELD_DST_IP } },
	{ ENTITY_DST_PORT, { FIELD_DST_PORT } },
	{ ENTITY_USER, { FIELD_TARGET_USER, FIELD_SUBJECT_USER,
	    FIELD_NTLM_USER, FIELD_AUTH_USER, FIELD_PROC_USER } },
	{ ENTITY_PROCESS, { FIELD_IMAGE, FIELD_NEW_PROCESS,
	    FIELD_AUDIT_EXE } },
	{ ENTITY_SERVICE, { FIELD_SERVICE_NAME } },
	{ ENTITY_URL, { FIELD_HTTP_URI } },
	{ ENTITY_DOMAIN, { FIELD_DNS_QUERY, FIELD_TLS_SNI } },
};

/* What the sentence quotes, the first that is there. */
static const uint16_t quoted[] = {
	FIELD_COMMAND_LINE, FIELD_IMAGE, FIELD_NEW_PROCESS,
	FIELD_SERVICE_NAME, FIELD_HTTP_URI, FIELD_DNS_QUERY,
	FIELD_AUDIT_TITLE, FIELD_TEXT
};

void
rule_finding_demand(struct demand *d)
{
	for (size_t i = 0; i < NITEMS(named); i++)
		for (size_t k = 0; k < NITEMS(named[i].field); k++)
			if (named[i].field[k] != FIELD_OTHER)
				demand_field(d, named[i].field[k]);
	for (size_t i = 0; i < NITEMS(quoted); i++)
		demand_field(d, quoted[i]);
	demand_field(d, FIELD_HASHES);
}

static void
name_entity(struct finding *f, enum entity which, struct arena *m,
    const struct event *e, unsigned field)
{
	finding_entity(f, which, m, e, field);
	/* Windows writes this for "none". */
	if (span_eq(f->entity[which], SPAN_LIT("-")))
		f->entity[which] = SPAN_NONE;
}

/* "MD5=…,SHA256=…": the strongest hash that is there, without its name. */
static void
set_hash(struct finding *f, struct arena *m, const struct event *e)
{
	static const char *const names[] = { "SHA256=", "SHA1=", "MD5=" };
	struct span s = event_text(m, e, FIELD_HASHES);

	for (size_t i = 0; i < NITEMS(names) &&
	    f->entity[ENTITY_HASH].len == 0; i++) {
		size_t at = span_find_nocase(s, span_str(names[i]));

		if (at == SPAN_NPOS)
			continue;
		at += strlen(names[i]);
		f->entity[ENTITY_HASH] = span_sub(s, at,
		    MIN_OF(span_find_byte(span_sub(s, at, SIZE_MAX), ','),
		    s.len));
	}
}

void
rule_finding(struct finding *f, struct arena *m, const struct rule *rule,
    const struct event *e, struct buf *fold)
{
	struct buf text;
	uint64_t id;

	memset(f, 0, sizeof(*f));
	f->rule = rule->id;
	f->title = rule->title;
	f->language = rule->language;
	f->attack = rule->attack;
	f->advice = rule->advice;
	f->severity = rule->severity;
	f->confidence = rule->confidence;
	f->time = f->last_time = TIME_NONE;
	finding_evidence(f, &e->loc, e->time);
	for (size_t i = 0; i < NITEMS(named); i++)
		for (size_t k = 0; k < NITEMS(named[i].field) &&
		    f->entity[named[i].entity].len == 0; k++)
			/* A host's own log: its peers are others. */
			if (named[i].field[k] != FIELD_OTHER &&
			    !(named[i].entity == ENTITY_HOST &&
			    named[i].field[k] == FIELD_DST_IP &&
			    e->kind == KIND_AUDITD))
				name_entity(f, named[i].entity, m, e,
				    named[i].field[k]);
	set_hash(f, m, e);
	buf_init(&text, 4096);
	buf_str(&text, rule->title);
	if (f->entity[ENTITY_HOST].len != 0) {
		buf_str(&text, " on ");
		text_clip(&text, f->entity[ENTITY_HOST], 128);
	}
	if (e->kind == KIND_WINEVENT && event_u64(e, FIELD_WIN_EVENT_ID, &id))
		buf_printf(&text, " (event %u)", (unsigned)id);
	for (size_t i = 0; i < NITEMS(quoted); i++) {
		struct span s = event_text(m, e, quoted[i]);

		if (s.len == 0)
			continue;
		buf_str(&text, ": ");
		text_clip(&text, s, 200);
		break;
	}
	f->message = arena_copy(m, buf_view(&text));
	buf_fini(&text);
	buf_span(fold, f->entity[ENTITY_HOST]);
	buf_byte(fold, '|');
	buf_span(fold, f->entity[ENTITY_SRC_IP]);
	buf_byte(fold, '|');
	buf_span(fold, f->entity[ENTITY_PROCESS]);
	f->fold = buf_view(fold);
}
