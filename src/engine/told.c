/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker tells of a unit, as bytes in a pipe.  The worker read hostile
 * input, so the parent checks all it reads.
 */
#include "engine.h"

static void
put_text(struct buf *b, const char *s)
{
	buf_le64(b, strlen(s));
	buf_str(b, s);
}

static void
put_runs(struct buf *b, const struct run *run, size_t n)
{
	buf_le64(b, n);
	for (size_t i = 0; i < n; i++) {
		buf_le64(b, run[i].off);
		buf_le64(b, run[i].len);
	}
}

static void
put_weirds(struct buf *b, const struct weirds *w)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++) {
		buf_le64(b, w->count[i]);
		if (w->count[i] == 0)
			continue;
		buf_le64(b, w->first[i].source);
		buf_le64(b, w->first[i].member);
		buf_le64(b, w->first[i].record);
		buf_le64(b, w->first[i].offset);
		buf_le64(b, (uint64_t)w->first_time[i]);
	}
}

void
told_pack(struct buf *b, const struct told *t)
{
	buf_le64(b, t->unit);
	buf_le64(b, t->inputs);
	buf_le64(b, t->skipped);
	buf_le64(b, t->bytes);
	buf_le64(b, t->records);
	buf_le64(b, t->events);
	buf_le64(b, t->unreadable);
	buf_le64(b, t->tuned);
	put_weirds(b, &t->weirds);
	buf_le64(b, t->nmembers);
	for (size_t i = 0; i < t->nmembers; i++) {
		buf_le64(b, t->member[i].ordinal);
		put_text(b, t->member[i].name);
	}
	buf_le64(b, t->nbad);
	for (size_t i = 0; i < t->nbad; i++) {
		buf_le64(b, t->bad[i].member);
		buf_le64(b, t->bad[i].err);
		buf_le64(b, (uint64_t)t->bad[i].sys_errno);
		buf_le64(b, t->bad[i].offset);
		put_text(b, t->bad[i].why);
	}
	put_runs(b, t->notes, t->nnotes);
	put_runs(b, t->event_runs, t->nevent_runs);
}

static const char *
get_text(struct cursor *c, struct arena *m)
{
	uint64_t n = cur_le64(c);
	struct span s;
	char *p;

	if (n > c->left) {
		cur_fail(c);
		return "";
	}
	s = cur_take(c, (size_t)n);
	if ((p = arena_alloc(m, s.len + 1)) == NULL) {
		cur_fail(c);
		return "";
	}
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return p;
}

/* An array of n items that take at least least bytes each in c. */
static void *
get_array(struct cursor *c, struct arena *m, size_t size, size_t least,
    size_t *n)
{
	uint64_t count = cur_le64(c);
	void *p;

	*n = 0;
	if (count > c->left / least) {
		cur_fail(c);
		return NULL;
	}
	if ((p = arena_zalloc(m, (size_t)count * size)) == NULL)
		cur_fail(c);
	else
		*n = (size_t)count;
	return p;
}

static struct run *
get_runs(struct cursor *c, struct arena *m, size_t *n)
{
	struct run *run = get_array(c, m, sizeof(*run), 16, n);

	for (size_t i = 0; i < *n; i++) {
		run[i].off = cur_le64(c);
		run[i].len = cur_le64(c);
	}
	return run;
}

static void
get_weirds(struct cursor *c, struct weirds *w)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++) {
		w->count[i] = cur_le64(c);
		if (w->count[i] == 0)
			continue;
		w->first[i].source = (uint32_t)cur_le64(c);
		w->first[i].member = (uint32_t)cur_le64(c);
		w->first[i].record = cur_le64(c);
		w->first[i].offset = cur_le64(c);
		w->first_time[i] = (int64_t)cur_le64(c);
	}
}

bool
told_unpack(struct arena *m, struct span s, struct told *t)
{
	struct cursor c = cur_of(s);

	memset(t, 0, sizeof(*t));
	t->unit = (uint32_t)cur_le64(&c);
	t->inputs = cur_le64(&c);
	t->skipped = cur_le64(&c);
	t->bytes = cur_le64(&c);
	t->records = cur_le64(&c);
	t->events = cur_le64(&c);
	t->unreadable = cur_le64(&c);
	t->tuned = cur_le64(&c);
	get_weirds(&c, &t->weirds);
	t->member = get_array(&c, m, sizeof(*t->member), 16, &t->nmembers);
	for (size_t i = 0; i < t->nmembers; i++) {
		t->member[i].ordinal = (uint32_t)cur_le64(&c);
		t->member[i].name = get_text(&c, m);
	}
	t->bad = get_array(&c, m, sizeof(*t->bad), 40, &t->nbad);
	for (size_t i = 0; i < t->nbad; i++) {
		uint64_t e;

		t->bad[i].member = (uint32_t)cur_le64(&c);
		e = cur_le64(&c);
		t->bad[i].err = e < ERR_COUNT ? (enum err)e : ERR_FORMAT;
		t->bad[i].sys_errno = (int)cur_le64(&c);
		t->bad[i].offset = cur_le64(&c);
		t->bad[i].why = get_text(&c, m);
	}
	t->notes = get_runs(&c, m, &t->nnotes);
	t->event_runs = get_runs(&c, m, &t->nevent_runs);
	return cur_ok(&c) && c.left == 0;
}
