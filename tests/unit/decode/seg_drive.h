/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeds segments made by a test to a decoder through the flow room's
 * flow_drive(), for test_ssh, test_tls and test_websocket.
 */
#ifndef SEG_DRIVE_H
#define SEG_DRIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow.h"

static struct demand	want;
static struct weirds	weirds;
static struct batch	batch;
static struct seg	segs[4096];
static size_t		nsegs;

static int
setup(void **state)
{
	(void)state;
	memset(&want, 0, sizeof(want));
	demand_all(&want);
	weirds_init(&weirds);
	nsegs = 0;
	return batch_init(&batch, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	batch_fini(&batch);
	return 0;
}

/* A second after the one before, in a record of its own. */
static void
add_seg(unsigned dir, const void *p, size_t n)
{
	assert_true(nsegs < NITEMS(segs));
	segs[nsegs] = (struct seg){ .data = span_of(p, n),
	    .time = (int64_t)(100 + nsegs) * NSEC, .record = nsegs + 1,
	    .offset = nsegs * 100, .dir = (uint8_t)dir };
	nsegs++;
}

#define SEND_TEXT(dir, s)	add_seg(dir, s, sizeof(s) - 1)

/* What came of all segments: one event of the kind, or none (NULL). */
static inline const struct event *
drive_one(const struct decoder *d, enum kind kind)
{
	batch_reset(&batch);
	flow_drive(d, &batch, segs, nsegs);
	if (batch.nevents == 0)
		return NULL;
	assert_int_equal(batch.nevents, 1);
	assert_int_equal(batch.events[0].kind, kind);
	return &batch.events[0];
}

#endif
