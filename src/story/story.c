/* SPDX-License-Identifier: Apache-2.0
 *
 * Incidents: findings joined by address and host within STORY_GAP of each
 * other.
 *
 * Reconnaissance and attempts at entry bind by the attacker's address alone:
 * else every scanner of the Internet that tried the same web server would be
 * one incident.  Later stages bind by the hosts on both sides.  The same file
 * on the same host binds at any stage.
 *
 * An incident is worth telling from two findings of different rules on, or
 * from one of severity high.
 *
 * Cost: linear in findings times entities (a hash of values to the newest
 * finding with that value, union-find).
 */
#include <stdlib.h>

#include "codec.h"
#include "story.h"

/* Two findings with a value in common but further apart belong to different
 * stories.  The advisory's first case has five weeks between two steps. */
#define STORY_GAP	(45 * 86400 * NSEC)
#define STORY_VALUES	(1u << 20)

enum stage {
#define STAGE(technique, tactic) STAGE_##technique,
#include "stages.def"
#undef STAGE
	STAGE_COUNT
};

static const struct {
	const char	*technique, *tactic;
} stages[STAGE_COUNT] = {
#define STAGE(technique, tactic) { #technique, tactic },
#include "stages.def"
#undef STAGE
};

static int
stage_rank(struct span technique)
{
	struct span base = technique;
	size_t dot = span_find_byte(technique, '.');

	if (dot != SPAN_NPOS)
		base.len = dot;
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		if (span_eq(base, span_str(stages[i].technique)))
			return (int)i;
	return -1;
}

const char *
story_stage(struct span technique)
{
	int i = stage_rank(technique);

	return i < 0 ? "unknown" : stages[i].tactic;
}

static struct span
first_word(const char *s)
{
	return span_of(s, strcspn(s, " "));
}

/* -- joining ------------------------------------------------------------- */

struct joiner {
	const struct report	*report;
	size_t			*parent;	/* union-find */
	size_t			*next;		/* of the same incident */
	struct table		*seen;		/* hash of a value: finding */
};

static size_t
root_of(struct joiner *j, size_t i)
{
	while (j->parent[i] != i) {
		j->parent[i] = j->parent[j->parent[i]];
		i = j->parent[i];
	}
	return i;
}

static void
join(struct joiner *j, size_t a, size_t b)
{
	a = root_of(j, a);
	b = root_of(j, b);
	if (a < b)
		j->parent[b] = a;
	else
		j->parent[a] = b;
}

static bool
join_value(struct joiner *j, size_t i, struct span value)
{
	const struct finding *f = j->report->finding[i];
	uint64_t key;
	size_t *last;
	bool made;

	if (value.len == 0)
		return true;
	key = hash_bytes(value.ptr, value.len, 7);
	if ((last = table_put(j->seen, &key, &made)) == NULL)
		return false;
	if (!made && (f->time == TIME_NONE ||
	    time_diff(f->time, j->report->finding[*last]->last_time) <=
	    STORY_GAP))
		join(j, *last, i);
	*last = i;
	return true;
}

static bool
join_file(struct joiner *j, size_t i)
{
	const struct finding *f = j->report->finding[i];
	struct buf b;
	bool ok;

	if (f->entity[ENTITY_FILE].len == 0)
		return true;
	buf_init(&b, 0);
	buf_span(&b, f->entity[ENTITY_HOST]);
	buf_byte(&b, '|');
	buf_span(&b, f->entity[ENTITY_FILE]);
	ok = !b.failed && join_value(j, i, buf_view(&b));
	buf_fini(&b);
	return ok;
}

static bool
is_early(const struct finding *f)
{
	const char *stage = story_stage(first_word(f->attack));

	return strcmp(stage, "reconnaissance") == 0 ||
	    strcmp(stage, "initial-access") == 0;
}

static bool
join_finding(struct joiner *j, size_t i)
{
	const struct finding *f = j->report->finding[i];

	if (!join_value(j, i, f->entity[ENTITY_SRC_IP]) || !join_file(j, i))
		return false;
	if (is_early(f))
		return true;
	return join_value(j, i, f->entity[ENTITY_DST_IP]) &&
	    join_value(j, i, f->entity[ENTITY_HOST]);
}

/* -- telling ------------------------------------------------------------- */

static void
add_entity(struct incident *in, enum entity e, struct span v, size_t max)
{
	if (v.len == 0)
		return;
	for (size_t i = 0; i < in->nentity[e]; i++)
		if (span_eq(in->entity[e][i], v))
			return;
	if (in->nentity[e] < max)
		in->entity[e][in->nentity[e]++] = v;
}

/* Values of one entity that an incident lists. */
#define INCIDENT_VALUES	32u

static bool
fill_entities(const struct report *r, struct arena *m, struct incident *in)
{
	for (unsigned e = 0; e < ENTITY_COUNT; e++) {
		in->entity[e] = arena_alloc(m,
		    INCIDENT_VALUES * sizeof(struct span));
		if (in->entity[e] == NULL)
			return false;
		for (size_t i = 0; i < in->nsteps; i++)
			add_entity(in, e,
			    r->finding[in->step[i].finding]->entity[e],
			    INCIDENT_VALUES);
	}
	return true;
}

static const struct {
	const char	*tactic, *text;
} titles[] = {	/* the furthest stage that was reached, first match */
	{ "impact", "Intrusion up to damage" },
	{ "exfiltration", "Intrusion with data carried away" },
	{ "collection", "Intrusion with data collected" },
	{ "lateral-movement", "Intrusion that spread to other hosts" },
	{ "credential-access", "Intrusion with credentials taken" },
	{ "command-and-control", "Hidden channel to the outside" },
	{ "persistence", "Foothold on a server" },
	{ "execution", "Commands run by an intruder" },
	{ "initial-access", "Attempt to break in" },
	{ "reconnaissance", "Reconnaissance" },
};

static const char *
pick_title(struct arena *m, const struct incident *in)
{
	const char *text = "Suspicious activity";
	struct span who = SPAN_NONE, s;
	struct buf b;

	for (size_t t = 0; t < NITEMS(titles); t++) {
		bool hit = false;

		for (size_t i = 0; i < in->nsteps && !hit; i++)
			hit = strcmp(in->step[i].stage, titles[t].tactic) == 0;
		if (hit) {
			text = titles[t].text;
			break;
		}
	}
	if (in->nentity[ENTITY_SRC_IP] != 0)
		who = in->entity[ENTITY_SRC_IP][0];
	buf_init(&b, 512);
	buf_str(&b, text);
	if (who.len != 0) {
		buf_str(&b, ", first seen from ");
		buf_span(&b, who);
	}
	buf_byte(&b, '\0');
	s = arena_copy(m, buf_view(&b));
	buf_fini(&b);
	return s.ptr == NULL ? text : (const char *)s.ptr;
}

static void
pick_id(const struct report *r, struct incident *in)
{
	struct buf b;
	char hex[65];

	buf_init(&b, 0);
	for (size_t i = 0; i < in->nsteps; i++)
		buf_str(&b, r->finding_id[in->step[i].finding]);
	sha256_hex(buf_view(&b), hex);
	memcpy(in->id, hex, ID_SIZE - 1);
	in->id[ID_SIZE - 1] = '\0';
	buf_fini(&b);
}

static const char *
word_cstr(struct arena *m, struct span w)
{
	char *p = arena_alloc(m, w.len + 1);

	if (p == NULL)
		return "";
	memcpy(p, w.ptr, w.len);
	p[w.len] = '\0';
	return p;
}

/* Confidence of several independent signs: what remains of the doubt. */
static unsigned
join_confidence(const struct report *r, const struct incident *in)
{
	double doubt = 1;

	for (size_t i = 0; i < in->nsteps; i++)
		doubt *= 1 - r->finding[in->step[i].finding]->confidence / 100.;
	return (unsigned)((1 - doubt) * 100 + .5) > 99 ? 99 :
	    (unsigned)((1 - doubt) * 100 + .5);
}

static bool
tell(struct report *r, struct arena *m, struct joiner *j, size_t root,
    size_t n)
{
	struct incident in = { .first_time = TIME_NONE,
	    .last_time = TIME_NONE };
	bool several = false;

	in.step = arena_alloc(m, n * sizeof(*in.step));
	if (in.step == NULL)
		return false;
	for (size_t i = root; in.nsteps < n; i = j->next[i]) {
		const struct finding *f = r->finding[i];
		struct span word = first_word(f->attack);

		in.step[in.nsteps++] = (struct step){ f->time,
		    word_cstr(m, word), story_stage(word), i };
		if (in.first_time == TIME_NONE)
			in.first_time = f->time;
		if (in.last_time == TIME_NONE || f->last_time > in.last_time)
			in.last_time = f->last_time;
		in.severity = MAX_OF(in.severity, f->severity);
		several |= strcmp(f->rule, r->finding[root]->rule) != 0;
	}
	if (!several && in.severity < SEV_HIGH)
		return true;
	if (!fill_entities(r, m, &in))
		return false;
	in.confidence = join_confidence(r, &in);
	in.title = pick_title(m, &in);
	pick_id(r, &in);
	r->incident[r->nincidents++] = in;
	return true;
}

static int
worse_first(const void *a, const void *b)
{
	const struct incident *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (x->first_time != y->first_time)
		return x->first_time < y->first_time ? -1 : 1;
	return strcmp(x->id, y->id);
}

bool
story_build(struct report *r, struct arena *m)
{
	struct joiner j = { .report = r };
	size_t *members, *newest;
	bool ok = true;

	r->nincidents = 0;
	if (r->nfindings == 0)
		return true;
	j.parent = malloc(r->nfindings * sizeof(*j.parent));
	j.next = calloc(r->nfindings, sizeof(*j.next));
	members = calloc(r->nfindings, sizeof(*members));
	newest = malloc(r->nfindings * sizeof(*newest));
	j.seen = table_new(sizeof(uint64_t), sizeof(size_t), STORY_VALUES);
	r->incident = arena_alloc(m, r->nfindings * sizeof(*r->incident));
	if (j.parent == NULL || j.next == NULL || members == NULL ||
	    newest == NULL || j.seen == NULL || r->incident == NULL) {
		ok = false;
		goto out;
	}
	for (size_t i = 0; i < r->nfindings; i++)
		j.parent[i] = i;
	for (size_t i = 0; i < r->nfindings && ok; i++)
		ok = join_finding(&j, i);
	for (size_t i = 0; i < r->nfindings; i++) {
		size_t root = root_of(&j, i);

		/* A root is the first of its own. */
		if (members[root]++ != 0)
			j.next[newest[root]] = i;
		newest[root] = i;
	}
	for (size_t i = 0; i < r->nfindings && ok; i++)
		if (members[i] != 0)
			ok = tell(r, m, &j, i, members[i]);
	if (r->nincidents > 1)
		qsort(r->incident, r->nincidents, sizeof(*r->incident),
		    worse_first);
out:
	table_free(j.seen);
	free(newest);
	free(members);
	free(j.next);
	free(j.parent);
	return ok;
}
