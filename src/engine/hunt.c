/* SPDX-License-Identifier: Apache-2.0
 *
 * A hunt from beginning to end: list the inputs, cut them into units, let
 * workers read, judge in order, tell the story, write.
 */
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

enum { STAGE_LIST, STAGE_READ, STAGE_JUDGE, STAGE_STORY, STAGE_N };

struct hunt {
	const struct hunt_options *opt;
	struct tree		 tree;
	const char		**path;		/* by ordinal */
	struct unit		*unit;
	size_t			 nunits;
	struct demand		 want;
	struct gathered		 got;
	struct judge		*judge;
	struct report		 report;
	struct stage_time	 stage[STAGE_N];
	struct table		*members;	/* member_key: its name */
	struct arena		 arena;		/* of the report */
	bool			 partial;	/* something was not read */
};

struct member_key {
	uint32_t	source, member;
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
stage_done(struct hunt *h, unsigned i, const char *name, double *since)
{
	double t = now();

	h->stage[i] = (struct stage_time){ name, t - *since };
	*since = t;
}

/* -- units --------------------------------------------------------------- */

static bool
add_unit(struct hunt *h, const struct unit *u)
{
	if ((h->nunits & (h->nunits - 1)) == 0) {
		size_t n = h->nunits == 0 ? 1 : h->nunits * 2;
		struct unit *p = realloc(h->unit, n * sizeof(*p));

		if (p == NULL)
			return false;
		h->unit = p;
	}
	h->unit[h->nunits++] = *u;
	return true;
}

/* What kind of source a large file is; only its magic is looked at here. */
static const struct source *
peek_source(const struct hunt_options *opt, const char *path)
{
	uint8_t head[SOURCE_HEAD];
	struct input *in = input_open(path);
	ssize_t n;

	if (in == NULL)
		return NULL;
	n = in->read(in, head, sizeof(head));
	input_close(in);
	if (n <= 0 || unpack_match(span_of(head, (size_t)n)))
		return NULL;
	return choose_source(opt, span_of(head, (size_t)n));
}

static bool
cut_capture(struct hunt *h, uint32_t source)
{
	unsigned groups = MIN_OF(h->opt->jobs, (unsigned)FLOW_SHARDS);

	for (unsigned g = 0; g < groups; g++) {
		struct unit u = { .source = source, .part_end = UINT64_MAX,
		    .leads = g == 0 };

		for (unsigned s = g; s < FLOW_SHARDS; s += groups)
			u.shards |= 1u << s;
		if (!add_unit(h, &u))
			return false;
	}
	return true;
}

static bool
cut_parts(struct hunt *h, uint32_t source, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += UNIT_PART) {
		struct unit u = { .source = source, .part_start = at,
		    .part_end = at + UNIT_PART < size ? at + UNIT_PART :
		    UINT64_MAX, .leads = at == 0 };

		if (!add_unit(h, &u))
			return false;
	}
	return true;
}

static bool
cut_file(struct hunt *h, uint32_t source)
{
	const struct tree_entry *e = &h->tree.entry[source];
	const struct unit whole = { .source = source,
	    .part_end = UINT64_MAX, .shards = (1u << FLOW_SHARDS) - 1,
	    .leads = true };
	const struct source *s = NULL;

	if (e->sys_errno != 0)
		return true;		/* told by list_inputs() */
	if (e->size >= UNIT_CAPTURE_MIN && strcmp(e->path, "-") != 0)
		s = peek_source(h->opt, e->path);
	if (s != NULL && s->rectype == REC_PACKET)
		return cut_capture(h, source);
	if (s != NULL && s->cut != 0)
		return cut_parts(h, source, e->size);
	return add_unit(h, &whole);
}

static bool
list_inputs(struct hunt *h)
{
	for (size_t i = 0; i < h->opt->npaths; i++)
		if (tree_add(&h->tree, h->opt->path[i]) != ERR_OK)
			return false;
	h->path = calloc(MAX_OF(h->tree.n, (size_t)1), sizeof(*h->path));
	if (h->path == NULL)
		return false;
	for (size_t i = 0; i < h->tree.n; i++)
		h->path[i] = h->tree.entry[i].path;
	/* Large files first, so that the workers end together; the order of
	 * units does not show in the output. */
	for (int large = 1; large >= 0; large--)
		for (size_t i = 0; i < h->tree.n; i++)
			if ((h->tree.entry[i].size >= UNIT_CAPTURE_MIN) ==
			    large && !cut_file(h, (uint32_t)i))
				return false;
	return true;
}

/* -- demand -------------------------------------------------------------- */

static void
set_demand(struct hunt *h)
{
	const struct hunt_options *opt = h->opt;

	if (opt->events != NULL) {
		demand_all(&h->want);
		if (opt->kinds == NULL)
			return;
		memcpy(h->want.kind, opt->kinds, KIND_COUNT);
	}
	if (opt->rules != NULL) {
		program_demand(opt->rules, &h->want);
		if (program_rules(opt->rules) != 0 ||
		    ioc_set_count(opt->rules->iocs) != 0)
			rule_finding_demand(&h->want);
	}
	if (opt->rules != NULL || opt->ndetectors != 0)
		same_demand(&h->want);
	if (opt->tune != NULL && !opt->raw)
		tune_demand(opt->tune, &h->want);
	count_demand(opt->summaries, &h->want);
	for (size_t i = 0; i < opt->ndetectors; i++) {
		const struct detector *d = opt->detector[i];

		for (const uint8_t *k = d->kinds; *k != KIND_NONE; k++)
			demand_kind(&h->want, *k);
		for (const uint16_t *f = d->fields; *f != FIELD_OTHER; f++)
			demand_field(&h->want, *f);
		if (!detector_wants_flows(d))
			continue;
		demand_kind(&h->want, KIND_CONN);
		for (const uint16_t *f = flow_fields; *f != FIELD_OTHER; f++)
			demand_field(&h->want, *f);
	}
	scripts_demand(&h->want);
}

/* -- what was told ------------------------------------------------------- */

static const char *
source_name(const struct report *r, uint32_t source)
{
	const struct hunt *h = r->names;

	return source < h->tree.n ? h->path[source] : "";
}

static const char *
member_name(const struct report *r, uint32_t source, uint32_t member)
{
	const struct hunt *h = r->names;
	const struct member_key key = { source, member };
	const char **name;

	if (member == 0)
		return "";
	name = table_get(h->members, &key);
	return name == NULL ? "" : *name;
}

static bool
note_members(struct hunt *h, uint32_t source, const struct told *t)
{
	for (size_t i = 0; i < t->nmembers; i++) {
		const struct member_key key = { source, t->member[i].ordinal };
		const char **name;
		bool made;

		if ((name = table_put(h->members, &key, &made)) == NULL)
			return false;
		*name = t->member[i].name;
	}
	return true;
}

static bool
add_unreadable(struct hunt *h, const struct unreadable *u)
{
	struct report *r = &h->report;

	h->partial = true;
	if ((r->nunreadable & (r->nunreadable - 1)) == 0) {
		size_t n = r->nunreadable == 0 ? 1 : r->nunreadable * 2;
		struct unreadable *p = realloc(r->unreadable, n * sizeof(*p));

		if (p == NULL)
			return false;
		r->unreadable = p;
	}
	r->unreadable[r->nunreadable++] = *u;
	return true;
}

static int
by_path(const void *a, const void *b)
{
	const struct unreadable *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	if (c != 0)
		return c;
	if ((c = strcmp(x->member, y->member)) != 0)
		return c;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static bool
sum_up(struct hunt *h)
{
	struct summary *s = &h->report.summary;
	struct gathered *g = &h->got;
	bool ok = true;

	for (size_t i = 0; i < g->ntold && ok; i++) {
		const struct told *t = &g->told[i];
		uint32_t source = h->unit[t->unit].source;

		s->inputs += t->inputs;
		s->skipped += t->skipped;
		s->bytes += t->bytes;
		s->records += t->records;
		s->events += t->events;
		s->tuned += t->tuned;
		weirds_merge(&h->report.weirds, &t->weirds);
		ok = note_members(h, source, t);
		for (size_t k = 0; k < t->nbad && ok; k++)
			ok = add_unreadable(h, &(struct unreadable){
			    .path = h->path[source],
			    .member = member_name(&h->report, source,
			    t->bad[k].member), .err = t->bad[k].err,
			    .sys_errno = t->bad[k].sys_errno,
			    .offset = t->bad[k].offset,
			    .why = t->bad[k].why });
	}
	for (size_t i = 0; i < g->nlost && ok; i++)
		ok = add_unreadable(h, &(struct unreadable){
		    .path = h->path[h->unit[g->lost[i].unit].source],
		    .member = "", .err = g->lost[i].err, .why = "" });
	for (size_t i = 0; i < h->tree.n && ok; i++)
		if (h->tree.entry[i].sys_errno != 0)
			ok = add_unreadable(h, &(struct unreadable){
			    .path = h->path[i], .member = "",
			    .err = ERR_OPEN,
			    .sys_errno = h->tree.entry[i].sys_errno,
			    .why = "" });
	if (h->report.nunreadable > 1)
		qsort(h->report.unreadable, h->report.nunreadable,
		    sizeof(*h->report.unreadable), by_path);
	s->detectors = h->opt->ndetectors;
	if (h->opt->rules != NULL) {
		s->rules_loaded = program_rules(h->opt->rules);
		s->rules_failed = program_faults(h->opt->rules);
	}
	s->sandbox = g->sandbox;
	return ok;
}

/* -- writing ------------------------------------------------------------- */

static bool
write_report(const struct hunt *h, const char *path, const struct sink *sink)
{
	struct out_file o;

	if (!out_open(&o, path))
		return false;
	sink->write(o.f, &h->report, o.f == stdout &&
	    isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL);
	return out_commit(&o);
}

static bool
write_events(const struct hunt *h)
{
	struct sort_key key;
	struct span bytes;
	struct out_file o;
	struct merge *m;
	int got = 0;

	if (!out_open(&o, h->opt->events))
		return false;
	m = merge_new(h->got.events, h->got.nevents);
	if (m == NULL) {
		out_abort(&o);
		return false;
	}
	while (!ferror(o.f) && (got = merge_next(m, &key, &bytes)) > 0)
		fwrite(bytes.ptr, 1, bytes.len, o.f);
	merge_free(m);
	if (got < 0) {
		fprintf(stderr, "picket: cannot read the spilled events: %s\n",
		    strerror(errno));
		out_abort(&o);
		return false;
	}
	return out_commit(&o);
}

/* Where no report goes to the terminal, what failed must still be seen. */
static void
tell_unreadable(const struct hunt *h)
{
	const struct unreadable *u = &h->report.unreadable[0];

	fprintf(stderr, "picket: ");
	/* A name below a folder is evidence: it must not steer a terminal. */
	for (const char *p = u->path; *p != '\0'; p++)
		fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p,
		    stderr);
	fprintf(stderr, ": %s%s%s", err_text(u->err),
	    u->sys_errno != 0 ? ": " : "",
	    u->sys_errno != 0 ? strerror(u->sys_errno) : "");
	if (h->report.nunreadable > 1)
		fprintf(stderr, "; and %zu more",
		    h->report.nunreadable - 1);
	fprintf(stderr, "\n");
}

static bool
write_all(const struct hunt *h)
{
	const struct hunt_options *opt = h->opt;
	bool ok = true;

	if (opt->events != NULL)
		ok = write_events(h);
	for (size_t i = 0; i < opt->noutputs; i++)
		ok &= write_report(h, opt->output[i].path,
		    opt->output[i].sink);
	if (opt->sink != NULL)
		ok &= write_report(h, "-", opt->sink);
	else if (h->report.nunreadable != 0)
		tell_unreadable(h);
	/* Last: what was not told must be found again. */
	if (ok && opt->state != NULL)
		ok = judge_save(h->judge, opt->state);
	return ok;
}

/* -- the whole ----------------------------------------------------------- */

static enum err
judge_all(struct hunt *h)
{
	struct merge *m;
	enum err err;

	h->judge = judge_new(h->opt, &h->report.weirds);
	m = merge_new(h->got.notes, h->got.nnotes);
	if (h->judge == NULL || m == NULL ||
	    (h->opt->state != NULL && !judge_restore(h->judge,
	    h->opt->state)))
		err = ERR_NOMEM;
	else
		err = judge_run(h->judge, m, &h->report);
	merge_free(m);
	return err;
}

static enum err
run(struct hunt *h)
{
	double t = now();
	enum err err;

	h->members = table_new(sizeof(struct member_key),
	    sizeof(const char *), 1u << 24);
	if (h->members == NULL || !list_inputs(h))
		return ERR_NOMEM;
	set_demand(h);
	stage_done(h, STAGE_LIST, "list", &t);
	err = workers_run(h->opt, &h->want, h->path, h->unit, h->nunits,
	    &h->got);
	if (err != ERR_OK)
		return err;
	if (!sum_up(h))
		return ERR_NOMEM;
	stage_done(h, STAGE_READ, "read", &t);
	if ((err = judge_all(h)) != ERR_OK)
		return err;
	if (!overviews_build(&h->report, &h->arena, h->opt->summaries,
	    judge_counts(h->judge), h->opt->share))
		return ERR_NOMEM;
	stage_done(h, STAGE_JUDGE, "judge", &t);
	if (!story_build(&h->report, &h->arena))
		return ERR_NOMEM;
	stage_done(h, STAGE_STORY, "story", &t);
	return ERR_OK;
}

static int
verdict(const struct hunt *h)
{
	for (size_t i = 0; i < h->report.nfindings; i++)
		if (h->opt->fail_on >= 0 &&
		    (int)h->report.finding[i]->severity >= h->opt->fail_on)
			return STATUS_FOUND;
	return h->partial ? STATUS_PARTIAL : STATUS_OK;
}

static void
hunt_fini(struct hunt *h)
{
	judge_free(h->judge);
	gathered_fini(&h->got);
	table_free(h->members);
	arena_fini(&h->arena);
	tree_free(&h->tree);
	free(h->path);
	free(h->unit);
	free(h->report.unreadable);
	free(h->report.finding_id);
}

int
hunt_run(const struct hunt_options *opt)
{
	struct hunt *h = calloc(1, sizeof(*h));
	int status;
	enum err err;

	if (h == NULL) {
		fprintf(stderr, "picket: %s\n", err_text(ERR_NOMEM));
		return STATUS_PARTIAL;
	}
	signal(SIGPIPE, SIG_IGN);	/* a closed pipe is an error of write */
	h->opt = opt;
	arena_init(&h->arena, SIZE_MAX / 2);
	h->report.names = h;
	h->report.source = source_name;
	h->report.member = member_name;
	h->report.summary.stage = h->stage;
	h->report.summary.nstages = STAGE_N;
	if ((err = run(h)) != ERR_OK) {
		fprintf(stderr, "picket: %s%s%s\n", err_text(err),
		    errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		status = STATUS_PARTIAL;
	} else if (!write_all(h)) {
		status = STATUS_PARTIAL;
	} else {
		status = verdict(h);
	}
	hunt_fini(h);
	free(h);
	return status;
}
