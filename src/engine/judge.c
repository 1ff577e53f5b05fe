/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered pass: kept events to the detectors' note(), findings folded.
 * Runs once, in the parent, over what the workers left.
 *
 * Bounds: FINDINGS_MAX findings, folded or not; the arena of one item.
 */
#include <stdlib.h>

#include "codec.h"
#include "engine.h"

struct fold_key {
	uint64_t	a, b;
};

/*
 * The same conversation told by two sources (a capture and the log of it, two
 * exporters on its way) counts once.  They are told at nearly the same time,
 * so the newest of each hash are remembered and no more.
 */
#define FLOWS_SEEN	65536u		/* a power of two */
#define SAME_START	(2 * NSEC)	/* sensors' clocks and first packets */

struct flow_seen {
	uint64_t	hash;
	int64_t		start;
	uint32_t	source, member;
};

struct judge {
	const struct hunt_options *opt;
	struct weirds	*weirds;
	struct detect	*detect;
	void		**state;
	struct arena	 item;		/* of the item at hand */
	struct correlator *correlator;	/* NULL: no rule has any */
	struct table	*fold;		/* key: index of the finding */
	struct finding	**finding;
	size_t		 nfindings;
	struct same	*same;		/* NULL: --raw */
	struct counts	*counts;	/* NULL: no summary wants it */
	struct hosts	*hosts;		/* NULL: no flow() */
	struct flow_seen *flow;		/* FLOWS_SEEN of them; the same */
	uint64_t	 duplicates, tuned;
	enum err	 err;
};

/* -- folding ------------------------------------------------------------- */

static bool
copy_span(struct span *s)
{
	uint8_t *p;

	if (s->len == 0) {
		*s = SPAN_NONE;
		return true;
	}
	if ((p = malloc(s->len)) == NULL)
		return false;
	memcpy(p, s->ptr, s->len);
	s->ptr = p;
	return true;
}

/* Undoes copy_span() and copy_cstr(). */
static void
free_copy(const void *p)
{
	free((void *)(uintptr_t)p);
}

static bool
copy_cstr(const char **s)
{
	*s = strdup(*s);
	return *s != NULL;
}

static void
free_finding(struct finding *f)
{
	free_copy(f->rule);
	free_copy(f->title);
	free_copy(f->language);
	free_copy(f->attack);
	free_copy(f->advice);
	free_copy(f->message.ptr);
	free_copy(f->fold.ptr);
	for (unsigned i = 0; i < ENTITY_COUNT; i++)
		free_copy(f->entity[i].ptr);
	free(f);
}

/* The texts of findings live as long as the judge. */
static struct finding *
keep_finding(const struct finding *from)
{
	struct finding *f = malloc(sizeof(*f));
	bool ok;

	if (f == NULL)
		return NULL;
	*f = *from;
	ok = copy_cstr(&f->rule) && copy_cstr(&f->title) &&
	    copy_cstr(&f->language) && copy_cstr(&f->attack) &&
	    copy_cstr(&f->advice) && copy_span(&f->message) &&
	    copy_span(&f->fold);
	for (unsigned i = 0; i < ENTITY_COUNT; i++)
		ok = ok && copy_span(&f->entity[i]);
	if (ok)
		return f;
	free(f);
	return NULL;
}

/* A later finding of the same rule and fold goes into the first. */
static void
merge_finding(struct judge *j, struct finding *into, const struct finding *f)
{
	for (unsigned i = 0; i < f->nevidence; i++) {
		if (into->nevidence == EVIDENCE_MAX) {
			weirds_add(j->weirds, WEIRD_FINDING_EVIDENCE);
			break;
		}
		into->evidence[into->nevidence++] = f->evidence[i];
	}
	into->count += f->count;
	if (f->time != TIME_NONE &&
	    (into->time == TIME_NONE || f->time < into->time))
		into->time = f->time;
	if (f->last_time > into->last_time)
		into->last_time = f->last_time;
	if (f->severity > into->severity ||
	    (f->severity == into->severity &&
	    f->confidence > into->confidence)) {
		struct span message = f->message;

		/* The stronger sign gives the sentence. */
		if (copy_span(&message)) {
			free_copy(into->message.ptr);
			into->message = message;
		}
		into->severity = f->severity;
		into->confidence = f->confidence;
	}
	for (unsigned i = 0; i < ENTITY_COUNT; i++) {
		struct span s = f->entity[i];

		if (into->entity[i].len == 0 && copy_span(&s))
			into->entity[i] = s;
	}
}

static struct fold_key
fold_key(const struct finding *f)
{
	size_t n = strlen(f->rule);

	return (struct fold_key){
		hash_bytes(f->fold.ptr, f->fold.len,
		    hash_bytes(f->rule, n, 1)),
		hash_bytes(f->fold.ptr, f->fold.len,
		    hash_bytes(f->rule, n, 2))
	};
}

static void
take_finding(struct judge *j, const struct finding *f)
{
	struct fold_key key = fold_key(f);
	struct finding *kept;
	size_t *index = NULL;
	bool made = true;

	if (!j->opt->raw && f->fold.len != 0) {
		index = table_put(j->fold, &key, &made);
		if (index == NULL) {
			j->err = ERR_NOMEM;
			return;
		}
		if (!made) {
			merge_finding(j, j->finding[*index], f);
			return;
		}
	}
	if (j->nfindings == FINDINGS_MAX) {
		weirds_add(j->weirds, WEIRD_FINDINGS);
		if (index != NULL)
			table_del(j->fold, &key);
		return;
	}
	if ((j->nfindings & (j->nfindings - 1)) == 0) {
		size_t n = j->nfindings == 0 ? 1 : j->nfindings * 2;
		struct finding **p = realloc(j->finding, n * sizeof(*p));

		if (p == NULL) {
			j->err = ERR_NOMEM;
			return;
		}
		j->finding = p;
	}
	if ((kept = keep_finding(f)) == NULL) {
		j->err = ERR_NOMEM;
		return;
	}
	if (index != NULL)
		*index = j->nfindings;
	j->finding[j->nfindings++] = kept;
}

/* A copy of the event that it is of, in another file? */
static bool
is_copy(struct judge *j, uint64_t same, uint64_t what, int64_t time,
    const struct locator *loc)
{
	if (j->same == NULL || !same_seen(j->same, j->weirds, same, what, time,
	    loc))
		return false;
	j->duplicates++;
	return true;
}

/* A finding of several events: what --tune says of its entities. */
static void
take_tuned(struct judge *j, struct finding *f)
{
	enum tuned what = j->opt->tune == NULL || j->opt->raw ? TUNED_NOT :
	    tune_finding(j->opt->tune, f, NULL);

	j->tuned += what != TUNED_NOT;
	if (what != TUNED_OUT)
		take_finding(j, f);
}

static void
raise_late(struct detect *d, const struct finding *from)
{
	struct finding f = *from;

	take_tuned(d->arg, &f);
}

static void
keep_late(struct detect *d, const struct event *e)
{
	(void)d;
	(void)e;
	ASSERT(!"note() keeps nothing");
}

/* In the middle of a note, whose arena is still in use. */
static void
take_correlation(void *arg, const struct corr_hit *hit)
{
	struct judge *j = arg;
	struct finding f;
	struct arena m;
	struct buf fold;

	arena_init(&m, 1u << 20);
	buf_init(&fold, 0);
	correlation_finding(&f, &m, hit, &fold);
	take_tuned(j, &f);
	buf_fini(&fold);
	arena_fini(&m);
}

/* -- the pass ------------------------------------------------------------ */

static bool
set_flows(struct judge *j)
{
	bool wanted = false;

	for (size_t i = 0; i < j->opt->ndetectors; i++)
		wanted |= detector_wants_flows(j->opt->detector[i]);
	if (!wanted)
		return true;
	j->hosts = hosts_new(HOSTS_MAX);
	j->flow = calloc(FLOWS_SEEN, sizeof(*j->flow));
	return j->hosts != NULL && j->flow != NULL;
}

struct judge *
judge_new(const struct hunt_options *opt, struct weirds *weirds)
{
	struct judge *j = calloc(1, sizeof(*j));
	size_t n = MAX_OF(opt->ndetectors, (size_t)1);

	if (j == NULL)
		return NULL;
	j->opt = opt;
	j->weirds = weirds;
	arena_init(&j->item, 64u << 20);
	j->detect = calloc(n, sizeof(*j->detect));
	j->state = calloc(n, sizeof(*j->state));
	if (!opt->raw && (j->same = same_new()) == NULL)
		goto fail;
	if ((opt->summaries & SUMMARY_EVENTS) != 0 && (j->counts = counts_new(
	    SUMMARY_ROWS_MAX, SUMMARY_BYTES)) == NULL)
		goto fail;
	j->fold = table_new(sizeof(struct fold_key), sizeof(size_t),
	    FINDINGS_MAX);
	if (j->detect == NULL || j->state == NULL || j->fold == NULL)
		goto fail;
	if (opt->rules != NULL && opt->rules->ncorrs != 0 &&
	    (j->correlator = correlator_new(opt->rules, &corr_limits_default,
	    weirds, take_correlation, j)) == NULL)
		goto fail;
	if (!set_flows(j))
		goto fail;
	for (size_t i = 0; i < opt->ndetectors; i++) {
		struct detect *d = &j->detect[i];

		d->row = opt->detector[i];
		d->weirds = weirds;
		d->home = opt->home;
		d->hosts = j->hosts;
		d->raise = raise_late;
		d->keep = keep_late;
		d->arg = j;
		buf_init(&d->text, 64u << 10);
		buf_init(&d->fold, 16u << 10);
		j->state[i] = calloc(1, MAX_OF(d->row->state_size,
		    (size_t)1));
		if (j->state[i] == NULL || (d->row->init != NULL &&
		    !d->row->init(j->state[i])))
			goto fail;
	}
	return j;
fail:
	judge_free(j);
	return NULL;
}

void
judge_free(struct judge *j)
{
	if (j == NULL)
		return;
	for (size_t i = 0; j->detect != NULL && j->state != NULL &&
	    i < j->opt->ndetectors; i++) {
		struct detect *d = &j->detect[i];

		if (j->state[i] != NULL && d->row->fini != NULL)
			d->row->fini(j->state[i]);
		free(j->state[i]);
		buf_fini(&d->text);
		buf_fini(&d->fold);
	}
	for (size_t i = 0; i < j->nfindings; i++)
		free_finding(j->finding[i]);
	correlator_free(j->correlator);
	free(j->finding);
	free(j->detect);
	free(j->state);
	table_free(j->fold);
	same_free(j->same);
	counts_free(j->counts);
	hosts_free(j->hosts);
	free(j->flow);
	arena_fini(&j->item);
	free(j);
}

bool
judge_restore(struct judge *j, const char *path)
{
	return state_read(path, j->opt, j->hosts, j->state);
}

bool
judge_save(const struct judge *j, const char *path)
{
	return state_write(path, j->opt, j->hosts, j->state);
}

static enum err
take_count(struct judge *j, struct span bytes)
{
	struct count_row row;

	if (j->counts == NULL || !count_unpack(bytes, &row))
		return ERR_FORMAT;
	if (!counts_add(j->counts, &row))
		weirds_add(j->weirds, WEIRD_SUMMARY_ROWS);
	return ERR_OK;
}

static bool
flow_again(struct judge *j, const struct flow *f)
{
	struct {
		struct addr	a, b;
		uint16_t	p, q;
		uint32_t	proto;
	} key = { f->src, f->dst, f->src_port, f->dst_port, f->proto };
	uint64_t h = hash_bytes(&key, sizeof(key), 5);
	struct flow_seen *s = &j->flow[h & (FLOWS_SEEN - 1)];

	if (s->hash == h && (s->source != f->loc.source ||
	    s->member != f->loc.member) &&
	    time_diff(f->start, s->start) <= SAME_START)
		return true;
	*s = (struct flow_seen){ h, f->start, f->loc.source, f->loc.member };
	return false;
}

static enum err
take_flow(struct judge *j, struct span bytes)
{
	struct flow f;

	if (j->hosts == NULL || !flow_unpack(bytes, &f))
		return ERR_FORMAT;
	if (!j->opt->raw && flow_again(j, &f)) {
		j->duplicates++;
		return ERR_OK;
	}
	hosts_flow(j->hosts, &f);
	for (size_t i = 0; i < j->opt->ndetectors; i++)
		if (j->detect[i].row->flow != NULL)
			j->detect[i].row->flow(&j->detect[i], j->state[i], &f);
	return j->err;
}

/* One event's finding; a rule's has its texts from the rule. */
static enum err
take_found(struct judge *j, const struct sort_key *key, struct span bytes)
{
	const struct program *p = j->opt->rules;
	struct cursor c = cur_of(bytes);
	uint32_t n = key->tag == RULE_TAG ? cur_le32(&c) : 0;
	struct finding f;

	if (!cur_ok(&c) || !finding_unpack(&j->item, cur_rest(&c), &f) ||
	    (key->tag == RULE_TAG && (p == NULL || n >= p->nrules)))
		return ERR_FORMAT;
	if (key->tag == RULE_TAG)
		finding_of_rule(&f, &p->rule[n]);
	if (f.nevidence == 0 || !is_copy(j, f.same, fold_key(&f).a, f.time,
	    &f.evidence[0].loc))
		take_finding(j, &f);
	return j->err;
}

static enum err
take_item(struct judge *j, const struct sort_key *key, struct span bytes)
{
	struct event e;

	arena_reset(&j->item);
	if (key->tag == COUNT_TAG)
		return take_count(j, bytes);
	if (key->tag == FLOW_TAG)
		return take_flow(j, bytes);
	if (key->tag == 0 || key->tag == RULE_TAG)
		return take_found(j, key, bytes);
	if (key->tag == CORRELATION_TAG) {
		struct corr_note n;

		if (j->correlator == NULL ||
		    !corr_note_unpack(j->opt->rules, bytes, &n))
			return ERR_FORMAT;
		if (!is_copy(j, n.same, (uint64_t)CORRELATION_TAG << 32 |
		    n.feeder, n.time, &n.loc) &&
		    !correlator_note(j->correlator, &n))
			return ERR_NOMEM;
	} else {
		struct detect *d;

		if (key->tag > j->opt->ndetectors ||
		    !note_unpack(&j->item, bytes, &e))
			return ERR_FORMAT;
		d = &j->detect[key->tag - 1];
		if (d->row->note != NULL &&
		    !is_copy(j, e.same, key->tag, e.time, &e.loc))
			d->row->note(d, j->state[key->tag - 1], &e);
	}
	return j->err;
}

static int
earlier(const void *a, const void *b)
{
	const struct finding *x = *(struct finding *const *)a;
	const struct finding *y = *(struct finding *const *)b;
	struct sort_key p = { .time = x->time }, q = { .time = y->time };
	int c;

	if (x->nevidence != 0) {
		p.source = x->evidence[0].loc.source;
		p.member = x->evidence[0].loc.member;
		p.record = x->evidence[0].loc.record;
	}
	if (y->nevidence != 0) {
		q.source = y->evidence[0].loc.source;
		q.member = y->evidence[0].loc.member;
		q.record = y->evidence[0].loc.record;
	}
	if ((c = sort_key_cmp(&p, &q)) != 0)
		return c;
	if ((c = strcmp(x->rule, y->rule)) != 0)
		return c;
	if (x->fold.len != y->fold.len)
		return x->fold.len < y->fold.len ? -1 : 1;
	return x->fold.len == 0 ? 0 :
	    memcmp(x->fold.ptr, y->fold.ptr, x->fold.len);
}

/* Stable across runs: rule and folding key; where nothing folds, the place. */
static void
make_id(const struct report *r, const struct finding *f, bool raw, char *id)
{
	struct buf b;
	char hex[65];

	buf_init(&b, 0);
	buf_put(&b, f->rule, strlen(f->rule) + 1);
	buf_span(&b, f->fold);
	if ((raw || f->fold.len == 0) && f->nevidence != 0) {
		const struct locator *l = &f->evidence[0].loc;
		const char *path = r->source(r, l->source);

		buf_put(&b, path, strlen(path) + 1);
		buf_str(&b, r->member(r, l->source, l->member));
		buf_printf(&b, ":%llu:%llu", (unsigned long long)l->record,
		    (unsigned long long)l->offset);
	}
	sha256_hex(buf_view(&b), hex);
	memcpy(id, hex, ID_SIZE - 1);
	id[ID_SIZE - 1] = '\0';
	buf_fini(&b);
}

/*
 * An access log need not name its server, a capture of the same requests
 * does.  A finding without host goes as evidence to the one of the same rule,
 * client, path and file that has a host, if they are of the same time.
 */
#define SAME_TIME	(86400 * NSEC)	/* clocks and zones of logs are off */

static struct fold_key
unnamed_key(const struct finding *f)
{
	static const enum entity same[] = {
		ENTITY_SRC_IP, ENTITY_URL, ENTITY_FILE, ENTITY_DOMAIN
	};
	struct fold_key key = { 1, 2 };

	for (size_t i = 0; i < NITEMS(same); i++) {
		struct span s = f->entity[same[i]];

		key.a = hash_bytes(s.ptr, s.len, key.a);
		key.b = hash_bytes(s.ptr, s.len, key.b);
	}
	key.a = hash_bytes(f->rule, strlen(f->rule), key.a);
	return key;
}

static bool
same_time(const struct finding *a, const struct finding *b)
{
	return a->time != TIME_NONE && b->time != TIME_NONE &&
	    time_diff(a->time, b->last_time) <= SAME_TIME &&
	    time_diff(b->time, a->last_time) <= SAME_TIME;
}

/* What the log shows of the same thing: one place is enough. */
static void
join_unnamed(struct finding *into, const struct finding *f)
{
	unsigned at = MIN_OF(into->nevidence, EVIDENCE_MAX - 1u);

	if (f->nevidence == 0)
		return;
	into->evidence[at] = f->evidence[0];
	into->nevidence = at + 1;
}

static bool
join_all_unnamed(struct judge *j)
{
	struct table *named = table_new(sizeof(struct fold_key),
	    sizeof(size_t), FINDINGS_MAX);
	size_t out = 0;

	if (named == NULL)
		return false;
	for (size_t i = 0; i < j->nfindings; i++) {
		struct fold_key key = unnamed_key(j->finding[i]);
		size_t *index;
		bool made;

		if (j->finding[i]->entity[ENTITY_HOST].len == 0)
			continue;
		if ((index = table_put(named, &key, &made)) != NULL && made)
			*index = i;
	}
	for (size_t i = 0; i < j->nfindings; i++) {
		struct finding *f = j->finding[i];
		struct fold_key key = unnamed_key(f);
		size_t *index = f->entity[ENTITY_HOST].len != 0 ? NULL :
		    table_get(named, &key);

		if (index == NULL || !same_time(j->finding[*index], f))
			continue;
		join_unnamed(j->finding[*index], f);
		free_finding(f);
		j->finding[i] = NULL;
	}
	for (size_t i = 0; i < j->nfindings; i++)
		if (j->finding[i] != NULL)
			j->finding[out++] = j->finding[i];
	j->nfindings = out;
	table_free(named);
	return true;
}

enum err
judge_run(struct judge *j, struct merge *m, struct report *r)
{
	struct sort_key key;
	struct span bytes;
	enum err err = ERR_OK;
	size_t n = 0;
	int got;

	while ((got = merge_next(m, &key, &bytes)) > 0)
		if ((err = take_item(j, &key, bytes)) != ERR_OK)
			return err;
	if (got < 0)
		return ERR_READ;
	if (j->correlator != NULL)
		correlator_end(j->correlator);
	for (size_t i = 0; i < j->opt->ndetectors; i++)
		if (j->detect[i].row->end != NULL)
			j->detect[i].row->end(&j->detect[i], j->state[i]);
	if (j->err != ERR_OK)
		return j->err;
	if (!j->opt->raw && !join_all_unnamed(j))
		return ERR_NOMEM;
	for (size_t i = 0; i < j->nfindings; i++) {
		if (j->finding[i]->severity >= j->opt->min_severity)
			j->finding[n++] = j->finding[i];
		else
			free_finding(j->finding[i]);
	}
	j->nfindings = n;
	if (n > 1)
		qsort(j->finding, n, sizeof(*j->finding), earlier);
	r->finding = j->finding;
	r->nfindings = n;
	r->finding_id = calloc(MAX_OF(n, (size_t)1), sizeof(*r->finding_id));
	if (r->finding_id == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++)
		make_id(r, r->finding[i], j->opt->raw, r->finding_id[i]);
	r->summary.duplicates = j->duplicates;
	r->summary.tuned += j->tuned;
	return ERR_OK;
}

const struct counts *
judge_counts(const struct judge *j)
{
	return j->counts;
}
