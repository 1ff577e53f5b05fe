/* SPDX-License-Identifier: Apache-2.0
 *
 * NDJSON, as doc/contract.md promises it: findings by time, incidents worst
 * first, weirds, and the summary as the last line.  Keys in a fixed order.
 */
#include "sink.h"

static void
put_key_str(struct buf *b, const char *key, struct span s)
{
	buf_byte(b, ',');
	json_key(b, key);
	json_str(b, s);
}

static void
put_key_u64(struct buf *b, const char *key, uint64_t n)
{
	buf_byte(b, ',');
	json_key(b, key);
	buf_put_u64(b, n);
}

static void
put_key_time(struct buf *b, const char *key, int64_t t)
{
	buf_byte(b, ',');
	json_key(b, key);
	if (t == TIME_NONE) {
		buf_str(b, "null");
		return;
	}
	buf_byte(b, '"');
	time_put(b, t);
	buf_byte(b, '"');
}

static void
put_attack(struct buf *b, const char *ids)
{
	bool first = true;

	buf_str(b, ",\"attack\":[");
	while (*ids != '\0') {
		size_t n = strcspn(ids, " ");

		if (!first)
			buf_byte(b, ',');
		first = false;
		json_str(b, span_of(ids, n));
		ids += n + strspn(ids + n, " ");
	}
	buf_byte(b, ']');
}

static void
put_evidence(struct buf *b, const struct report *r, const struct locator *l,
    int64_t time)
{
	const char *member = r->member(r, l->source, l->member);

	buf_str(b, "{\"source\":");
	json_str(b, span_str(r->source(r, l->source)));
	if (member[0] != '\0')
		put_key_str(b, "member", span_str(member));
	put_key_u64(b, "record", l->record);
	put_key_u64(b, "offset", l->offset);
	put_key_time(b, "time", time);
	buf_byte(b, '}');
}

static void
put_entities(struct buf *b, const struct finding *f)
{
	bool first = true;

	buf_str(b, ",\"entities\":{");
	for (unsigned e = 0; e < ENTITY_COUNT; e++) {
		uint64_t n;

		if (f->entity[e].len == 0)
			continue;
		if (!first)
			buf_byte(b, ',');
		first = false;
		json_key(b, entity_name(e));
		if (e == ENTITY_DST_PORT && span_u64(f->entity[e], &n))
			buf_put_u64(b, n);
		else
			json_str(b, f->entity[e]);
	}
	buf_byte(b, '}');
}

static void
put_finding(struct buf *b, const struct report *r, size_t i)
{
	const struct finding *f = r->finding[i];

	buf_str(b, "{\"type\":\"finding\"");
	put_key_str(b, "id", span_str(r->finding_id[i]));
	put_key_time(b, "time", f->time);
	put_key_time(b, "last_time", f->last_time);
	buf_str(b, ",\"rule\":{\"id\":");
	json_str(b, span_str(f->rule));
	put_key_str(b, "title", span_str(f->title));
	put_key_str(b, "language", span_str(f->language));
	buf_byte(b, '}');
	put_key_str(b, "severity", span_str(severity_name(f->severity)));
	put_key_u64(b, "confidence", f->confidence);
	put_attack(b, f->attack);
	put_entities(b, f);
	put_key_u64(b, "count", f->count);
	buf_str(b, ",\"evidence\":[");
	for (unsigned k = 0; k < f->nevidence; k++) {
		if (k != 0)
			buf_byte(b, ',');
		put_evidence(b, r, &f->evidence[k].loc, f->evidence[k].time);
	}
	buf_byte(b, ']');
	put_key_str(b, "message", f->message);
	put_key_str(b, "advice", span_str(f->advice));
	buf_str(b, "}\n");
}

static void
put_incident(struct buf *b, const struct report *r, const struct incident *in)
{
	bool first = true;

	buf_str(b, "{\"type\":\"incident\"");
	put_key_str(b, "id", span_str(in->id));
	put_key_str(b, "title", span_str(in->title));
	put_key_time(b, "first_time", in->first_time);
	put_key_time(b, "last_time", in->last_time);
	put_key_str(b, "severity", span_str(severity_name(in->severity)));
	put_key_u64(b, "confidence", in->confidence);
	buf_str(b, ",\"entities\":{");
	for (unsigned e = 0; e < ENTITY_COUNT; e++) {
		if (in->nentity[e] == 0)
			continue;
		if (!first)
			buf_byte(b, ',');
		first = false;
		json_key(b, entity_name(e));
		buf_byte(b, '[');
		for (size_t i = 0; i < in->nentity[e]; i++) {
			if (i != 0)
				buf_byte(b, ',');
			json_str(b, in->entity[e][i]);
		}
		buf_byte(b, ']');
	}
	buf_str(b, "},\"steps\":[");
	for (size_t i = 0; i < in->nsteps; i++) {
		const struct step *s = &in->step[i];

		if (i != 0)
			buf_byte(b, ',');
		buf_str(b, "{\"time\":");
		if (s->time == TIME_NONE) {
			buf_str(b, "null");
		} else {
			buf_byte(b, '"');
			time_put(b, s->time);
			buf_byte(b, '"');
		}
		put_key_str(b, "attack", span_str(s->attack));
		put_key_str(b, "stage", span_str(s->stage));
		put_key_str(b, "finding", span_str(r->finding_id[s->finding]));
		buf_byte(b, '}');
	}
	buf_str(b, "]}\n");
}

static void
put_weirds(struct buf *b, const struct report *r)
{
	for (unsigned w = 0; w < WEIRD_COUNT; w++) {
		if (r->weirds.count[w] == 0)
			continue;
		buf_str(b, "{\"type\":\"weird\"");
		put_key_str(b, "name", span_str(weird_name(w)));
		put_key_u64(b, "count", r->weirds.count[w]);
		buf_str(b, ",\"evidence\":");
		put_evidence(b, r, &r->weirds.first[w],
		    r->weirds.first_time[w]);
		buf_str(b, "}\n");
	}
}

static void
put_cell(struct buf *b, const struct table_column *col, const struct cell *c)
{
	switch (col->type) {
	case CELL_TEXT:
		put_key_str(b, col->key, c->text);
		break;
	case CELL_NUM:
		put_key_u64(b, col->key, c->n);
		break;
	case CELL_TIME:
		put_key_time(b, col->key, c->time);
		break;
	case CELL_LIST:
		buf_byte(b, ',');
		json_key(b, col->key);
		buf_byte(b, '[');
		for (uint64_t i = 0; i < c->n; i++) {
			if (i != 0)
				buf_byte(b, ',');
			json_str(b, c->list[i]);
		}
		buf_byte(b, ']');
		break;
	}
}

static void
put_row(struct buf *b, const struct overview *o, size_t row)
{
	buf_str(b, "{\"type\":");
	json_str(b, span_str(o->type));
	for (size_t i = 0; i < o->ncolumns; i++)
		put_cell(b, &o->column[i], &o->cell[row * o->ncolumns + i]);
	buf_str(b, "}\n");
}

/* A worker gave the text: not to be trusted. */
static void
put_reason(struct buf *b, const struct unreadable *u)
{
	struct buf text;

	buf_init(&text, 4096);
	buf_str(&text, err_text(u->err));
	if (u->why[0] != '\0') {
		buf_str(&text, ": ");
		buf_str(&text, u->why);
	}
	if (u->sys_errno != 0) {
		buf_str(&text, ": ");
		buf_str(&text, strerror(u->sys_errno));
	}
	put_key_str(b, "reason", buf_view(&text));
	buf_fini(&text);
}

static void
put_unreadable(struct buf *b, const struct report *r)
{
	put_key_u64(b, "unreadable", r->nunreadable);
	buf_str(b, ",\"unreadable_inputs\":[");
	for (size_t i = 0; i < r->nunreadable; i++) {
		const struct unreadable *u = &r->unreadable[i];

		if (i != 0)
			buf_byte(b, ',');
		buf_str(b, "{\"source\":");
		json_str(b, span_str(u->path));
		if (u->member != NULL && u->member[0] != '\0')
			put_key_str(b, "member", span_str(u->member));
		put_key_u64(b, "offset", u->offset);
		put_reason(b, u);
		buf_byte(b, '}');
	}
	buf_byte(b, ']');
}

static void
put_limits(struct buf *b, const struct report *r)
{
	uint64_t hits = 0;
	bool first = true;

	for (unsigned w = 0; w < WEIRD_COUNT; w++)
		if (weird_is_limit(w))
			hits += r->weirds.count[w];
	put_key_u64(b, "limits_hit", hits);
	buf_str(b, ",\"limits\":{");
	for (unsigned w = 0; w < WEIRD_COUNT; w++) {
		if (r->weirds.count[w] == 0 || !weird_is_limit(w))
			continue;
		if (!first)
			buf_byte(b, ',');
		first = false;
		json_key(b, weird_name(w));
		buf_put_u64(b, r->weirds.count[w]);
	}
	buf_byte(b, '}');
}

static void
put_summary(struct buf *b, const struct report *r)
{
	const struct summary *s = &r->summary;
	uint64_t weirds = 0;

	for (unsigned w = 0; w < WEIRD_COUNT; w++)
		weirds += r->weirds.count[w];
	buf_str(b, "{\"type\":\"summary\"");
	put_key_u64(b, "inputs", s->inputs);
	put_key_u64(b, "skipped", s->skipped);
	put_unreadable(b, r);
	put_key_u64(b, "bytes", s->bytes);
	put_key_u64(b, "records", s->records);
	put_key_u64(b, "events", s->events);
	put_key_u64(b, "findings", r->nfindings);
	put_key_u64(b, "duplicates", s->duplicates);
	put_key_u64(b, "tuned", s->tuned);
	put_key_u64(b, "incidents", r->nincidents);
	put_key_u64(b, "weirds", weirds);
	put_limits(b, r);
	buf_str(b, ",\"rules\":{\"loaded\":");
	buf_put_u64(b, s->rules_loaded);
	put_key_u64(b, "failed", s->rules_failed);
	put_key_u64(b, "builtin", s->detectors);
	buf_str(b, "},\"seconds\":{");
	for (size_t i = 0; i < s->nstages; i++) {
		if (i != 0)
			buf_byte(b, ',');
		json_key(b, s->stage[i].name);
		buf_printf(b, "%.3f", s->stage[i].seconds);
	}
	buf_byte(b, '}');
	put_key_str(b, "sandbox", span_str(s->sandbox));
	put_key_str(b, "version", span_str(PICKET_VERSION));
	buf_str(b, "}\n");
}

static void
flush(FILE *f, struct buf *b)
{
	if (b->len != 0)
		fwrite(b->ptr, 1, b->len, f);
	buf_reset(b);
}

static void
ndjson_write(FILE *f, const struct report *r, bool colour)
{
	struct buf b;

	(void)colour;
	buf_init(&b, 0);
	for (size_t i = 0; i < r->nfindings; i++) {
		put_finding(&b, r, i);
		flush(f, &b);
	}
	for (size_t i = 0; i < r->nincidents; i++) {
		put_incident(&b, r, &r->incident[i]);
		flush(f, &b);
	}
	for (size_t i = 0; i < r->noverviews; i++) {
		for (size_t k = 0; k < r->overview[i].nrows; k++) {
			put_row(&b, &r->overview[i], k);
			flush(f, &b);
		}
	}
	put_weirds(&b, r);
	put_summary(&b, r);
	flush(f, &b);
	buf_fini(&b);
}

const struct sink sink_ndjson = {
	.name = "ndjson",
	.title = "NDJSON: finding, incident, weird, summary objects",
	.doc = "One object a line, UTF-8, keys in a fixed order; type says "
	    "which. The summary is the last line, so a cut file shows.",
	.ending = ".ndjson",
	.write = ndjson_write,
};
