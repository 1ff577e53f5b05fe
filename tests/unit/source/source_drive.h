/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of sources of text: runs one over bytes and writes down its
 * records, a line each: number, blank, offset, blank, bytes.  Inputs may be
 * dripped, a few bytes a read, as pipes do.
 */
#ifndef SOURCE_DRIVE_H
#define SOURCE_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "source.h"

/* Gives at most step bytes a read; fails at fail_at. */
struct drip {
	struct input	in;
	struct span	left;
	size_t		step;
	size_t		fail_at;
};

static inline ssize_t
drip_read(struct input *in, void *dst, size_t n)
{
	struct drip *d = (struct drip *)in;

	if (in->pos >= d->fail_at) {
		in->err = ERR_READ;
		return -1;
	}
	n = MIN_OF(MIN_OF(n, d->step), d->left.len);
	n = MIN_OF(n, d->fail_at - in->pos);
	if (n != 0)
		memcpy(dst, d->left.ptr, n);
	d->left = span_sub(d->left, n, SIZE_MAX);
	in->pos += n;
	return (ssize_t)n;
}

static inline struct drip
drip_of(struct span s, size_t step)
{
	return (struct drip){ .in = { .read = drip_read, .size = UINT64_MAX,
	    .fd = -1 }, .left = s, .step = step, .fail_at = SIZE_MAX };
}

struct drive {
	struct demand		want;
	struct weirds		weirds;
	struct batch		batch;
	struct buf		out;
	enum source_status	status;
	enum err		err;
	uint64_t		records;
	unsigned		reads;
};

static inline void
drive_init(struct drive *d)
{
	memset(d, 0, sizeof(*d));
	demand_all(&d->want);
	weirds_init(&d->weirds);
	buf_init(&d->out, 0);
	assert_true(batch_init(&d->batch, &d->want, &d->weirds));
}

static inline void
drive_fini(struct drive *d)
{
	batch_fini(&d->batch);
	buf_fini(&d->out);
}

static inline void
drive_input(struct drive *d, const struct source *s, struct input *in)
{
	struct src src = { .part_end = UINT64_MAX };
	void *state = calloc(1, s->state_size);

	assert_non_null(state);
	window_init(&src.win, in);
	window_fill(&src.win, SOURCE_HEAD);
	assert_int_equal(s->open(&src, state), ERR_OK);
	do {
		batch_reset(&d->batch);
		d->status = s->read(&src, state, &d->batch);
		d->reads++;
		for (uint32_t i = 0; i < d->batch.nrecords; i++) {
			const struct record *r = &d->batch.records[i];

			assert_int_equal(r->type, s->rectype);
			buf_printf(&d->out, "%llu %llu ",
			    (unsigned long long)r->no,
			    (unsigned long long)r->offset);
			buf_span(&d->out, r->data);
			buf_byte(&d->out, '\n');
		}
	} while (d->status == SOURCE_MORE);
	d->err = src.err;
	d->records = src.records;
	s->close(&src, state);
	window_fini(&src.win);
	free(state);
}

static inline void
drive_bytes(struct drive *d, const struct source *s, struct span bytes,
    size_t step)
{
	struct drip drip = drip_of(bytes, step);

	drive_init(d);
	drive_input(d, s, &drip.in);
}

/* The same records, however the bytes arrive. */
static inline void
expect(const struct source *s, struct span bytes, const char *want)
{
	static const size_t steps[] = { 1, 7, 64, SIZE_MAX };

	for (size_t i = 0; i < NITEMS(steps); i++) {
		struct drive d;

		drive_bytes(&d, s, bytes, steps[i]);
		buf_byte(&d.out, '\0');
		assert_string_equal((char *)d.out.ptr, want);
		assert_int_equal(d.status, SOURCE_END);
		drive_fini(&d);
	}
}

static inline uint64_t
weird_count(struct span bytes, const struct source *s, enum weird w)
{
	struct drive d;
	uint64_t n;

	drive_bytes(&d, s, bytes, SIZE_MAX);
	n = d.weirds.count[w];
	drive_fini(&d);
	return n;
}

#endif
