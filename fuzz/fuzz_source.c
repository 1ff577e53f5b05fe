/* SPDX-License-Identifier: Apache-2.0
 *
 * One harness for all sources; FUZZ_TARGET names the row.  The input is a
 * whole file.  Packets go on through the conversations and all decoders;
 * every byte of other records is touched.
 */
#include <stdlib.h>

#include "flow.h"
#include "source.h"

#define JOIN_(a, b)	a##b
#define JOIN(a, b)	JOIN_(a, b)
#define ROW		JOIN(source_, FUZZ_TARGET)

int			 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

extern const struct source ROW;
static struct demand	 want;

/* Small ones, so that limits are reached. */
static const struct flow_limits limits = {
	.flows = 64, .carry = 16384, .memory = 1u << 20, .datagrams = 16
};

static void
print_events(struct batch *b, void *arg)
{
	struct buf *text = arg;

	for (uint32_t i = 0; i < b->nevents; i++) {
		buf_reset(text);
		event_put_json(text, &b->events[i], "fuzz", "");
	}
	b->nevents = 0;
}

/* Reads each byte, so that asan sees a view that is too long. */
static void
touch(struct span s)
{
	volatile uint8_t last;

	for (size_t i = 0; i < s.len; i++)
		last = s.ptr[i];
	(void)last;
}

static void
run(struct src *src, void *state, struct batch *b, struct buf *text)
{
	struct flows *flows = flows_new(&limits, (1u << FLOW_SHARDS) - 1,
	    &want);
	enum source_status status = SOURCE_MORE;

	if (flows == NULL)
		abort();
	while (status == SOURCE_MORE) {
		status = ROW.read(src, state, b);
		for (uint32_t i = 0; i < b->nrecords; i++) {
			ASSERT(b->records[i].type == ROW.rectype);
			touch(b->records[i].data);
			touch(b->records[i].whole);
		}
		if (ROW.rectype == REC_PACKET)
			flows_batch(flows, b);
		print_events(b, text);
		batch_reset(b);
	}
	if (ROW.rectype == REC_PACKET) {
		while (!flows_end(flows, b)) {
			print_events(b, text);
			batch_reset(b);
		}
		print_events(b, text);
		batch_reset(b);
	}
	flows_free(flows);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct src src = { .part_end = UINT64_MAX };
	struct input *in = input_mem(span_of(data, size));
	void *state = calloc(1, MAX_OF(ROW.state_size, (size_t)1));
	struct weirds weirds;
	struct batch b;
	struct buf text;

	demand_all(&want);
	weirds_init(&weirds);
	buf_init(&text, 0);
	if (in == NULL || state == NULL || !batch_init(&b, &want, &weirds))
		abort();
	b.drain = print_events;
	b.drain_arg = &text;
	window_init(&src.win, in);
	window_fill(&src.win, SOURCE_HEAD);
	ROW.match(span_sub(window_view(&src.win), 0, SOURCE_HEAD));
	if (ROW.open(&src, state) == ERR_OK)
		run(&src, state, &b, &text);
	ROW.close(&src, state);
	window_fini(&src.win);
	input_close(in);
	batch_fini(&b);
	buf_fini(&text);
	free(state);
	return 0;
}
