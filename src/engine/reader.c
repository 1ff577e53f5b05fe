/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading one unit: input to records to events; events to findings, notes and
 * text in the spill files.  Runs inside a worker.
 *
 * Bounds: one batch (records, events, arena), one window, the sorters'
 * budgets; archives by the limits in source.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"

#define SORTER_BUDGET	(6u << 20)
/* Lines that may come before a file's format shows (banners, comments). */
#define MATCH_RECORDS	64u
#define EVENT_IDS	65536u		/* of Windows: 16 bits */

/* -- from events on ------------------------------------------------------ */

static void
spill(struct reader_ctx *r, struct sorter *s, const struct event *e,
    int64_t time, uint32_t tag)
{
	struct sort_key key = { .time = time, .source = e->loc.source,
	    .member = e->loc.member, .record = e->loc.record,
	    .seq = r->seq++, .tag = tag };
	enum err err;

	err = r->text.failed ? ERR_NOMEM :
	    sorter_add(s, &key, buf_view(&r->text));
	if (err != ERR_OK && r->spill_err == ERR_OK)
		r->spill_err = err;
}

/* What --tune says of it; false: it is left out. */
static bool
tune(struct reader_ctx *r, struct finding *f, const struct event *e)
{
	enum tuned what = r->opt->tune == NULL || r->opt->raw ? TUNED_NOT :
	    tune_finding(r->opt->tune, f, e);

	r->told.tuned += what != TUNED_NOT;
	return what != TUNED_OUT;
}

static void
take_finding(struct detect *d, const struct finding *from)
{
	struct reader_ctx *r = d->arg;
	struct finding f = *from;
	struct event at = { .time = f.time };

	if (!tune(r, &f, r->now))
		return;
	f.same = same_event(r->now);
	if (f.nevidence != 0)
		at.loc = f.evidence[0].loc;
	buf_reset(&r->text);
	finding_pack(&r->text, &f);
	spill(r, r->notes, &at, f.time, 0);
}

/* What a rule found in the event. */
static void
keep_hit(struct reader_ctx *r, struct finding *f, const struct rule *rule,
    const struct event *e)
{
	if (!tune(r, f, e))
		return;
	f->same = same_event(e);
	f->rule = f->title = f->language = f->attack = f->advice = "";
	buf_reset(&r->text);
	buf_le32(&r->text, (uint32_t)(rule - r->opt->rules->rule));
	finding_pack(&r->text, f);
	spill(r, r->notes, e, e->time, RULE_TAG);
}

static void
take_rule(void *arg, const struct rule *rule, const struct event *e)
{
	struct reader_ctx *r = arg;
	struct finding f;
	struct buf fold;

	if (rule->feeder != 0) {
		struct event note = *e;

		note.same = same_event(e);
		buf_reset(&r->text);
		if (!corr_note_pack(&r->text, r->opt->rules, rule, &note))
			batch_weird(&r->batch, WEIRD_NOTE_SIZE, NULL);
		spill(r, r->notes, e, e->time, CORRELATION_TAG);
	}
	if (rule->silent)
		return;
	arena_reset(&r->hit);
	buf_init(&fold, 4096);
	rule_finding(&f, &r->hit, rule, e, &fold);
	keep_hit(r, &f, rule, e);
	buf_fini(&fold);
}

static void
take_ioc(void *arg, const struct ioc_hit *hit, const struct event *e)
{
	struct reader_ctx *r = arg;
	struct finding f;
	struct buf fold;

	arena_reset(&r->hit);
	buf_init(&fold, 4096);
	ioc_finding(&f, &r->hit, hit, e, &fold);
	if (tune(r, &f, e)) {
		f.same = same_event(e);
		buf_reset(&r->text);
		finding_pack(&r->text, &f);
		spill(r, r->notes, e, e->time, 0);
	}
	buf_fini(&fold);
}

static void
take_note(struct detect *d, const struct event *e)
{
	struct reader_ctx *r = d->arg;
	struct event note = *e;

	note.same = same_event(e);
	buf_reset(&r->text);
	if (!note_pack(&r->text, &note, d->row->fields))
		batch_weird(&r->batch, WEIRD_NOTE_SIZE, NULL);
	spill(r, r->notes, e, e->time, (uint32_t)(d - r->detect) + 1);
}

/* Once for all detectors that want conversations. */
static void
take_flow(struct reader_ctx *r, const struct event *e)
{
	struct flow f;

	if (!flow_of_event(&f, e, r->opt->home))
		return;
	buf_reset(&r->text);
	flow_pack(&r->text, &f);
	spill(r, r->notes, e, e->time, FLOW_TAG);
}

/* The rows counted so far go beside the notes, before all that has a time. */
static void
flush_counts(struct reader_ctx *r)
{
	static const struct event nowhere = { .time = TIME_NONE };
	const struct count_row *row;
	uint32_t it = 0;

	while (counts_next(r->counts, &it, &row)) {
		buf_reset(&r->text);
		count_pack(&r->text, row);
		spill(r, r->notes, &nowhere, TIME_NONE, COUNT_TAG);
	}
	counts_clear(r->counts);
}

static void
add_count(void *arg, const struct count_row *row)
{
	struct reader_ctx *r = arg;

	if (counts_add(r->counts, row))
		return;
	flush_counts(r);
	counts_add(r->counts, row);
}

static const char *
member_name(const struct reader_ctx *r, uint32_t ordinal)
{
	for (size_t i = r->told.nmembers; i-- > 0;)
		if (r->told.member[i].ordinal == ordinal)
			return r->told.member[i].name;
	return "";
}

static bool
in_time(const struct hunt_options *opt, int64_t t)
{
	if (t == TIME_NONE)
		return true;
	return (opt->since == TIME_NONE || t >= opt->since) &&
	    (opt->until == TIME_NONE || t < opt->until);
}

/* Most detectors want a few ids of the many. */
static void
look_at_windows(struct reader_ctx *r, const struct event *e)
{
	uint64_t id, who = UINT64_MAX;

	if (event_u64(e, FIELD_WIN_EVENT_ID, &id) && id < EVENT_IDS)
		who = r->by_id[id];
	for (size_t k = 0; k < r->nby_kind[KIND_WINEVENT]; k++) {
		struct detect *d = r->by_kind[KIND_WINEVENT][k];

		if ((who >> k & 1) != 0)
			d->row->event(d, e);
	}
}

/* Shows an event to rules and detectors. */
static void
look_at(struct reader_ctx *r, const struct event *e)
{
	if (r->rules != NULL)
		matcher_event(r->rules, e, take_rule, r);
	if (ioc_set_count(r->iocs) != 0)
		ioc_event(r->iocs, e, &r->ioc_text, take_ioc, r);
	if (e->kind == KIND_CONN && r->flows)
		take_flow(r, e);
	if (e->kind == KIND_WINEVENT) {
		look_at_windows(r, e);
		return;
	}
	for (size_t k = 0; k < r->nby_kind[e->kind]; k++) {
		struct detect *d = r->by_kind[e->kind][k];

		d->row->event(d, e);
	}
}

static void
take_events(struct batch *b, void *arg)
{
	struct reader_ctx *r = arg;
	const char *member = member_name(r, b->member);
	struct count_sink count = { add_count, r };

	for (uint32_t i = 0; i < b->nevents; i++) {
		const struct event *e = &b->events[i], *whole;

		if (!in_time(r->opt, e->time))
			continue;
		r->told.events++;
		r->now = e;
		if (r->watch != NULL)
			r->watch(r->watch_arg, e);
		if (r->counts != NULL)
			count_event(&count, r->opt->summaries, &r->count, e);
		if (r->events != NULL && (r->opt->kinds == NULL ||
		    r->opt->kinds[e->kind])) {
			buf_reset(&r->text);
			event_put_json(&r->text, e, r->path[e->loc.source],
			    member);
			buf_byte(&r->text, '\n');
			spill(r, r->events, e, e->time, 0);
		}
		look_at(r, e);
		if (r->scripts != NULL &&
		    (whole = scripts_take(r->scripts, e)) != NULL)
			look_at(r, whole);
	}
}

static void
finish_batch(struct reader_ctx *r)
{
	take_events(&r->batch, r);
	batch_reset(&r->batch);
}

/* -- from records to events ---------------------------------------------- */

/* What reads the records of one input. */
struct chain {
	struct flows		*flows;		/* packets */
	const struct decoder	*decoder;	/* other records */
	void			*state;
	struct dec		 dec;
	unsigned		 tried;
	bool			 given_up;
};

static const struct decoder *
match_record(const struct record *rec)
{
	const struct decoder *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < ndecoders; i++) {
		const struct decoder *d = decoders[i];
		int score;

		if (d->record == NULL || (d->rectype != rec->type &&
		    (d->also == 0 || d->also != rec->type)))
			continue;
		score = d->match(rec);
		if (score > best_score) {
			best_score = score;
			best = d;
		}
	}
	return best;
}

/* A line that no decoder claims. */
static void
plain_line(struct reader_ctx *r, const struct record *rec)
{
	if (!event_begin(&r->batch, KIND_LINE, rec->time,
	    batch_locator(&r->batch, rec)))
		return;
	event_add_str(&r->batch, FIELD_TEXT, rec->data);
	event_end(&r->batch);
}

static void
chain_record(struct reader_ctx *r, struct chain *c, const struct record *rec)
{
	if (c->decoder == NULL && c->tried < MATCH_RECORDS) {
		c->tried++;
		c->decoder = match_record(rec);
		if (c->decoder != NULL)
			c->state = calloc(1, MAX_OF(c->decoder->state_size,
			    (size_t)1));
	}
	if (c->decoder != NULL && c->state != NULL) {
		c->dec.rec = rec;
		c->decoder->record(&c->dec, c->state, rec);
	} else if (rec->type == REC_LINE) {
		plain_line(r, rec);
	}
}

/* The records of a batch to events. */
static void
chain_batch(struct reader_ctx *r, struct chain *c)
{
	struct batch *b = &r->batch;

	if (c->flows != NULL) {
		flows_batch(c->flows, b);
		return;
	}
	for (uint32_t i = 0; i < b->nrecords; i++)
		chain_record(r, c, &b->records[i]);
	/* Text that nobody reads: no need to go on to its end. */
	c->given_up = c->decoder == NULL && c->tried >= MATCH_RECORDS &&
	    !r->want->kind[KIND_LINE];
}

static bool
chain_open(struct reader_ctx *r, struct chain *c, const struct source *s,
    unsigned shards)
{
	memset(c, 0, sizeof(*c));
	c->dec.batch = &r->batch;
	if (s->rectype != REC_PACKET)
		return true;
	c->flows = flows_new(&flow_limits_default, shards, r->want);
	return c->flows != NULL;
}

static void
chain_close(struct reader_ctx *r, struct chain *c)
{
	if (c->flows != NULL) {
		while (!flows_end(c->flows, &r->batch))
			finish_batch(r);
		finish_batch(r);
		flows_free(c->flows);
	}
	if (c->decoder != NULL && c->decoder->end != NULL &&
	    c->state != NULL) {
		c->dec.rec = NULL;
		c->decoder->end(&c->dec, c->state);
		finish_batch(r);
	}
	free(c->state);
}

/* -- inputs -------------------------------------------------------------- */

static void
tell_bad(struct reader_ctx *r, enum err err, int sys_errno, uint64_t offset,
    const char *why)
{
	struct told *t = &r->told;
	struct told_unreadable *bad;

	t->unreadable++;
	if (t->nbad == TOLD_MAX)
		return;
	if ((t->nbad & (t->nbad - 1)) == 0) {
		size_t n = t->nbad == 0 ? 1 : t->nbad * 2;

		if ((bad = realloc(t->bad, n * sizeof(*bad))) == NULL)
			return;
		t->bad = bad;
	}
	t->bad[t->nbad++] = (struct told_unreadable){ r->batch.member, err,
	    sys_errno, offset, why == NULL ? "" : why };
}

static void
tell_member(struct reader_ctx *r, uint32_t ordinal, const char *name)
{
	struct told *t = &r->told;
	struct told_member *member;
	struct span kept;

	if (t->nmembers == TOLD_MAX)
		return;
	if ((t->nmembers & (t->nmembers - 1)) == 0) {
		size_t n = t->nmembers == 0 ? 1 : t->nmembers * 2;

		member = realloc(t->member, n * sizeof(*member));
		if (member == NULL)
			return;
		t->member = member;
	}
	kept = arena_copy(&r->tell, span_of(name, strlen(name) + 1));
	if (kept.ptr != NULL)
		t->member[t->nmembers++] = (struct told_member){ ordinal,
		    (const char *)kept.ptr };
}

/* One input that is no archive, its head in the window. */
static void
read_source(struct reader_ctx *r, const struct unit *u,
    const struct source *s, struct src *src)
{
	void *state = calloc(1, MAX_OF(s->state_size, (size_t)1));
	enum source_status status = SOURCE_ERROR;
	struct weirds elsewhere;
	struct chain chain;
	enum err err;

	if (state == NULL || !chain_open(r, &chain, s, u->shards)) {
		free(state);
		tell_bad(r, ERR_NOMEM, 0, 0, NULL);
		return;
	}
	weirds_init(&elsewhere);
	r->batch.written = src->win.in->written;
	if ((err = s->open(src, state)) != ERR_OK)
		src->err = err;
	while (err == ERR_OK && !chain.given_up) {
		uint64_t at = src->win.offset;

		/* Only one of the units of a capture speaks of the file. */
		if (!u->leads && u->shards != 0)
			r->batch.weirds = &elsewhere;
		status = s->read(src, state, &r->batch);
		r->batch.weirds = &r->weirds;
		if (u->leads || s->rectype != REC_PACKET) {
			r->told.records += r->batch.nrecords;
			r->told.bytes += src->win.offset - at;
		}
		if (r->progress != NULL)
			atomic_fetch_add_explicit(r->progress,
			    src->win.offset - at, memory_order_relaxed);
		chain_batch(r, &chain);
		finish_batch(r);
		if (status != SOURCE_MORE)
			break;
	}
	chain_close(r, &chain);
	if (status == SOURCE_ERROR && !chain.given_up &&
	    (u->leads || s->rectype != REC_PACKET))
		tell_bad(r, src->err == ERR_OK ? ERR_FORMAT : src->err,
		    src->win.in->sys_errno, src->bad_offset, src->why);
	s->close(src, state);
	free(state);
}

static void	read_input(struct reader_ctx *, const struct unit *,
		    struct input *, const char *name, uint32_t *members,
		    unsigned depth);

static void
read_archive(struct reader_ctx *r, const struct unit *u, struct window *w,
    const char *name, uint32_t *members, unsigned depth)
{
	struct unpack *up = unpack_open(w, &r->batch);
	const char *inner;
	struct input *in;
	struct buf full;
	int got;

	if (up == NULL) {
		tell_bad(r, ERR_FORMAT, 0, 0, "damaged archive");
		return;
	}
	buf_init(&full, 0);
	while ((got = unpack_next(up, &in, &inner)) > 0) {
		uint32_t outer = r->batch.member;

		buf_reset(&full);
		buf_str(&full, name);
		if (name[0] != '\0' && inner[0] != '\0')
			buf_byte(&full, '!');
		buf_str(&full, inner);
		buf_byte(&full, '\0');
		if (inner[0] != '\0' && !full.failed) {
			r->batch.member = ++*members;
			tell_member(r, *members, (const char *)full.ptr);
		}
		read_input(r, u, in, full.failed ? name :
		    (const char *)full.ptr, members, depth + 1);
		r->batch.member = outer;
	}
	if (got < 0)
		tell_bad(r, ERR_FORMAT, 0, w->offset, "damaged archive");
	buf_fini(&full);
	unpack_close(up);
}

const struct source *
choose_source(const struct hunt_options *opt, struct span head)
{
	const struct source *s = source_match(head);

	return opt->carve && (s == NULL || s->rectype == REC_EVTX) ?
	    source_carving : s;
}

/* Recursion is bounded by ARCHIVE_DEPTH_MAX. */
static void
read_input(struct reader_ctx *r, const struct unit *u, struct input *in,
    const char *name, uint32_t *members, unsigned depth)
{
	struct src src = { .part_start = u->part_start,
	    .part_end = u->part_end };
	const struct source *s;
	struct span head;

	window_init(&src.win, in);
	window_fill(&src.win, SOURCE_HEAD);
	head = span_sub(window_view(&src.win), 0, SOURCE_HEAD);
	if (src.win.err != ERR_OK) {
		tell_bad(r, src.win.err, in->sys_errno, 0, NULL);
	} else if (head.len == 0) {
		/* Nothing in it, nothing to say: an empty log is a log. */
		r->told.inputs += u->leads;
	} else if (unpack_match(head)) {
		if (depth < ARCHIVE_DEPTH_MAX)
			read_archive(r, u, &src.win, name, members, depth);
		else
			batch_weird(&r->batch, WEIRD_ARCHIVE_DEPTH, NULL);
	} else if ((s = choose_source(r->opt, head)) != NULL) {
		r->told.inputs += u->leads;
		read_source(r, u, s, &src);
	} else {
		r->told.skipped += u->leads;
	}
	window_fini(&src.win);
}

static void
reset_unit(struct reader_ctx *r, uint32_t number)
{
	struct told_member *member = r->told.member;
	struct told_unreadable *bad = r->told.bad;

	free(member);
	free(bad);
	memset(&r->told, 0, sizeof(r->told));
	r->told.unit = number;
	arena_reset(&r->tell);
	weirds_init(&r->weirds);
	r->seq = 0;
	if (r->scripts != NULL)
		scripts_reset(r->scripts);
	r->batch.member = 0;
	r->batch.clock = TIME_NONE;
}

static enum err
finish_unit(struct reader_ctx *r, size_t notes_before, size_t events_before)
{
	const struct run *run;
	enum err err;
	size_t n;

	if (r->counts != NULL)
		flush_counts(r);
	if ((err = sorter_flush(r->notes)) != ERR_OK)
		return err;
	run = sorter_runs(r->notes, &n);
	r->told.nnotes = n - notes_before;
	r->told.notes = arena_alloc(&r->tell, r->told.nnotes * sizeof(*run));
	if (r->told.notes == NULL)
		return ERR_NOMEM;
	if (r->told.nnotes != 0)
		memcpy(r->told.notes, run + notes_before,
		    r->told.nnotes * sizeof(*run));
	if (r->events != NULL) {
		if ((err = sorter_flush(r->events)) != ERR_OK)
			return err;
		run = sorter_runs(r->events, &n);
		r->told.nevent_runs = n - events_before;
		r->told.event_runs = arena_alloc(&r->tell,
		    r->told.nevent_runs * sizeof(*run));
		if (r->told.event_runs == NULL)
			return ERR_NOMEM;
		if (r->told.nevent_runs != 0)
			memcpy(r->told.event_runs, run + events_before,
			    r->told.nevent_runs * sizeof(*run));
	}
	r->told.weirds = r->weirds;
	return r->spill_err;
}

enum err
reader_unit(struct reader_ctx *r, const struct unit *u, uint32_t number)
{
	const char *path = r->path[u->source];
	size_t notes = 0, events = 0;
	uint32_t members = 0;
	struct input *in;

	sorter_runs(r->notes, &notes);
	if (r->events != NULL)
		sorter_runs(r->events, &events);
	reset_unit(r, number);
	r->batch.source = u->source;
	in = strcmp(path, "-") == 0 ? input_fd(0) : input_open(path);
	if (in == NULL) {
		if (u->leads)
			tell_bad(r, ERR_OPEN, errno, 0, NULL);
	} else {
		read_input(r, u, in, "", &members, 0);
		input_close(in);
	}
	return finish_unit(r, notes, events);
}

enum err
reader_input(struct reader_ctx *r, struct input *in)
{
	const struct unit u = { .part_end = UINT64_MAX,
	    .shards = (1u << FLOW_SHARDS) - 1, .leads = true };
	uint32_t members = 0;

	reset_unit(r, 0);
	r->batch.source = 0;
	read_input(r, &u, in, "", &members, 0);
	return finish_unit(r, 0, 0);
}

/* -- the worker's means -------------------------------------------------- */

static bool
set_detectors(struct reader_ctx *r)
{
	size_t n = r->opt->ndetectors;

	r->detect = calloc(MAX_OF(n, (size_t)1), sizeof(*r->detect));
	if (r->detect == NULL)
		return false;
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		r->by_kind[k] = calloc(MAX_OF(n, (size_t)1),
		    sizeof(*r->by_kind[k]));
		if (r->by_kind[k] == NULL)
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct detect *d = &r->detect[i];

		d->row = r->opt->detector[i];
		d->weirds = &r->weirds;
		d->home = r->opt->home;
		r->flows |= detector_wants_flows(d->row);
		d->raise = take_finding;
		d->keep = take_note;
		d->arg = r;
		buf_init(&d->text, 64u << 10);
		buf_init(&d->fold, 16u << 10);
		for (const uint8_t *k = d->row->kinds; *k != KIND_NONE; k++)
			r->by_kind[*k][r->nby_kind[*k]++] = d;
	}
	return true;
}

/* Which detectors want a Windows event of an id. */
static bool
set_event_ids(struct reader_ctx *r)
{
	uint64_t all = 0;

	ASSERT(r->nby_kind[KIND_WINEVENT] <= 64);
	r->by_id = calloc(EVENT_IDS, sizeof(*r->by_id));
	if (r->by_id == NULL)
		return false;
	for (size_t k = 0; k < r->nby_kind[KIND_WINEVENT]; k++) {
		const uint16_t *id =
		    r->by_kind[KIND_WINEVENT][k]->row->event_ids;

		if (id == NULL)
			all |= UINT64_C(1) << k;
		for (; id != NULL && *id != 0; id++)
			r->by_id[*id] |= UINT64_C(1) << k;
	}
	for (size_t id = 0; all != 0 && id < EVENT_IDS; id++)
		r->by_id[id] |= all;
	return true;
}

bool
reader_init(struct reader_ctx *r, const struct hunt_options *opt,
    const struct demand *want, const char *const *path, int notes_fd,
    int events_fd)
{
	memset(r, 0, sizeof(*r));
	r->opt = opt;
	r->want = want;
	r->path = path;
	weirds_init(&r->weirds);
	arena_init(&r->tell, 64u << 20);
	buf_init(&r->text, 0);
	buf_init(&r->ioc_text, 64u << 10);
	r->iocs = opt->rules == NULL ? NULL : opt->rules->iocs;
	r->notes = sorter_new(notes_fd, SORTER_BUDGET);
	if (events_fd >= 0)
		r->events = sorter_new(events_fd, SORTER_BUDGET);
	arena_init(&r->hit, 1u << 20);
	arena_init(&r->count, 1u << 20);
	if ((opt->summaries & SUMMARY_EVENTS) != 0 &&
	    (r->counts = counts_new(COUNTS_ROWS, COUNTS_BYTES)) == NULL) {
		reader_fini(r);
		return false;
	}
	if (opt->rules != NULL &&
	    (r->rules = matcher_new(opt->rules)) == NULL) {
		reader_fini(r);
		return false;
	}
	if (want->field[FIELD_SCRIPT_TEXT] && !opt->raw)
		r->scripts = scripts_new(&r->weirds);
	if (r->notes == NULL || (events_fd >= 0 && r->events == NULL) ||
	    !set_detectors(r) || !set_event_ids(r) ||
	    !batch_init(&r->batch, want, &r->weirds)) {
		reader_fini(r);
		return false;
	}
	r->batch.drain = take_events;
	r->batch.drain_arg = r;
	return true;
}

void
reader_fini(struct reader_ctx *r)
{
	matcher_free(r->rules);
	buf_fini(&r->ioc_text);
	scripts_free(r->scripts);
	arena_fini(&r->hit);
	arena_fini(&r->count);
	counts_free(r->counts);
	sorter_free(r->notes);
	sorter_free(r->events);
	if (r->detect != NULL) {
		for (size_t i = 0; i < r->opt->ndetectors; i++) {
			buf_fini(&r->detect[i].text);
			buf_fini(&r->detect[i].fold);
		}
	}
	free(r->detect);
	free(r->by_id);
	for (unsigned k = 0; k < KIND_COUNT; k++)
		free(r->by_kind[k]);
	free(r->told.member);
	free(r->told.bad);
	arena_fini(&r->tell);
	buf_fini(&r->text);
	if (r->batch.records != NULL)
		batch_fini(&r->batch);
	memset(r, 0, sizeof(*r));
}
