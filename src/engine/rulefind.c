/* SPDX-License-Identifier: Apache-2.0
 *
 * A rule's or a correlation's hit as a finding: who it is about, one sentence,
 * what it folds by.
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

void
finding_of_rule(struct finding *f, const struct rule *rule)
{
	f->rule = rule->id;
	f->title = rule->title;
	f->language = rule->language;
	f->attack = rule->attack;
	f->advice = rule->advice;
}

void
rule_finding(struct finding *f, struct arena *m, const struct rule *rule,
    const struct event *e, struct buf *fold)
{
	struct buf text;
	uint64_t id;

	memset(f, 0, sizeof(*f));
	finding_of_rule(f, rule);
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
	finding_hash(f, m, e);
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

/* -- indicators ----------------------------------------------------------- */

/* Did the listed side only call, or was it called and did not answer? */
static void
weigh(struct finding *f, const struct ioc_hit *hit, const struct event *e)
{
	struct span state = event_str(e, FIELD_CONN_STATE);
	uint64_t answers = 1;
	bool silent;

	(void)event_u64(e, FIELD_DST_PKTS, &answers);
	silent = e->kind == KIND_CONN && (answers == 0 ||
	    span_eq(state, SPAN_LIT("S0")) || span_eq(state, SPAN_LIT("REJ")));
	if (hit->field == FIELD_SRC_IP || hit->field == FIELD_IP_ADDRESS) {
		f->severity = silent ? SEV_LOW : SEV_MEDIUM;
		f->confidence = silent ? 40 : 60;
	} else if (silent) {
		f->severity = SEV_MEDIUM;
		f->confidence = 60;
	}
}

/* "address 203.0.113.9", "file.sha256 e3b0…" */
static void
put_found(struct buf *b, struct arena *m, const struct ioc_hit *hit,
    const struct event *e)
{
	if (hit->type <= IOC_ENDPOINT) {
		buf_str(b, "address ");
		if (hit->type == IOC_NET) {
			text_clip(b, event_text(m, e, hit->field), 128);
			buf_str(b, " of ");
		}
		ioc_put(b, hit->type, hit->key);
		return;
	}
	buf_str(b, field_name(hit->field));
	buf_byte(b, ' ');
	text_clip(b, hit->value, 120);
	if (hit->type == IOC_DOMAIN && hit->value.len > hit->key.len) {
		buf_str(b, " (below ");
		buf_span(b, hit->key);
		buf_byte(b, ')');
	}
}

void
ioc_finding(struct finding *f, struct arena *m, const struct ioc_hit *hit,
    const struct event *e, struct buf *fold)
{
	const struct span *who = f->entity;
	struct buf text;

	rule_finding(f, m, hit->rule, e, fold);
	weigh(f, hit, e);
	if (hit->type == IOC_DOMAIN && f->entity[ENTITY_DOMAIN].len == 0)
		f->entity[ENTITY_DOMAIN] = arena_copy(m, hit->value);
	buf_init(&text, 4096);
	if (who[ENTITY_SRC_IP].len != 0)
		buf_span(&text, who[ENTITY_SRC_IP]);
	else
		text_who(&text, who[ENTITY_HOST]);
	if (who[ENTITY_DST_IP].len != 0) {
		buf_str(&text, " to ");
		buf_span(&text, who[ENTITY_DST_IP]);
	}
	if (who[ENTITY_DST_PORT].len != 0) {
		buf_str(&text, " port ");
		buf_span(&text, who[ENTITY_DST_PORT]);
	}
	buf_str(&text, ": ");
	put_found(&text, m, hit, e);
	buf_printf(&text, " is in the list %s",
	    hit->rule->id + strlen("ioc:"));
	if (hit->note.len != 0) {
		buf_str(&text, ": ");
		text_clip(&text, hit->note, IOC_NOTE_MAX);
	}
	f->message = arena_copy(m, buf_view(&text));
	buf_fini(&text);
	buf_reset(fold);
	ioc_put(fold, hit->type, hit->key);
	buf_byte(fold, '|');
	buf_span(fold, hit->field == FIELD_SRC_IP ? who[ENTITY_DST_IP] :
	    who[ENTITY_SRC_IP].len != 0 ? who[ENTITY_SRC_IP] :
	    who[ENTITY_HOST]);
	f->fold = buf_view(fold);
}

/* -- correlations -------------------------------------------------------- */

/* Whom a field names whose value a correlation groups by. */
static enum entity
entity_of(unsigned field)
{
	for (size_t i = 0; i < NITEMS(named); i++)
		for (size_t k = 0; k < NITEMS(named[i].field); k++)
			/* A server's address is first of all an address. */
			if (named[i].field[k] == field &&
			    field != FIELD_OTHER && (field != FIELD_DST_IP ||
			    named[i].entity == ENTITY_DST_IP))
				return named[i].entity;
	return ENTITY_COUNT;
}

static void
put_entities(struct finding *f, const struct corr_hit *hit)
{
	for (unsigned i = 0; i < hit->corr->ngroups; i++) {
		struct span name = span_str(hit->corr->group[i]);
		enum entity e = entity_of(field_by_alias(name));

		if (e == ENTITY_COUNT)
			e = entity_of(field_by_alias(span_str(
			    hit->field[i])));
		if (e == ENTITY_COUNT && span_eq(name, SPAN_LIT("User")))
			e = ENTITY_USER;	/* Sysmon's; no id of ours */
		if (e != ENTITY_COUNT && f->entity[e].len == 0)
			f->entity[e] = hit->group[i];
	}
}

/* "120 events", "14 different TargetUserName". */
static void
put_measure(struct buf *b, const struct corr_hit *hit)
{
	static const char *const words[] = {
		[CORR_VALUES] = "different", [CORR_SUM] = "in all of",
		[CORR_AVG] = "on average of", [CORR_MIN] = "at least of",
		[CORR_MAX] = "at most of",
		[CORR_PERCENTILE] = "as percentile of",
		[CORR_SHARE] = "percent with this",
	};
	const struct corr *c = hit->corr;

	if (c->type >= CORR_VALUES && c->type <= CORR_SHARE) {
		buf_printf(b, "%.15g %s ", hit->measure, words[c->type]);
		for (unsigned i = 0; i < c->nvalues; i++)
			buf_printf(b, "%s%.64s", i == 0 ? "" : ", ",
			    c->value[i]);
		buf_str(b, ", ");
	}
	buf_printf(b, "%llu event%s", (unsigned long long)hit->count,
	    hit->count == 1 ? "" : "s");
}

void
correlation_finding(struct finding *f, struct arena *m,
    const struct corr_hit *hit, struct buf *fold)
{
	const struct rule *rule = hit->rule;
	struct buf text;

	memset(f, 0, sizeof(*f));
	finding_of_rule(f, rule);
	f->severity = rule->severity;
	f->confidence = rule->confidence;
	f->time = hit->time;
	f->last_time = hit->last_time;
	f->count = hit->count;
	memcpy(f->evidence, hit->evidence, sizeof(f->evidence));
	f->nevidence = hit->nevidence;
	put_entities(f, hit);
	buf_init(&text, 8192);
	buf_str(&text, rule->title);
	buf_str(&text, ": ");
	put_measure(&text, hit);
	buf_str(&text, " in ");
	text_duration(&text, time_diff(hit->last_time, hit->time));
	buf_byte(fold, '|');
	for (unsigned i = 0; i < hit->corr->ngroups; i++) {
		buf_printf(&text, ", %.64s ", hit->corr->group[i]);
		text_clip(&text, hit->group[i], 128);
		buf_span(fold, hit->group[i]);
		buf_byte(fold, '|');
	}
	f->message = arena_copy(m, buf_view(&text));
	buf_fini(&text);
	f->fold = buf_view(fold);
}
