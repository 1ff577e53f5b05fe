/* SPDX-License-Identifier: Apache-2.0
 *
 * One harness for all decoders; FUZZ_TARGET names the row.
 *
 * Decoders of conversations take a sequence of
 *	flags	1 byte: 1 from the server, 2 the direction ends, 4 bytes were
 *		lost before
 *	length	2 bytes, little endian
 *	bytes
 * as segments; those that read both streams and datagrams get the input twice.
 * Decoders of files take a whole file, through the source whose records they
 * read.  Every event is printed, so that every view in it is touched.
 */
#include <stdlib.h>

#include "decode.h"
#include "flow.h"
#include "source.h"

#define JOIN_(a, b)	a##b
#define JOIN(a, b)	JOIN_(a, b)
#define ROW		JOIN(decoder_, FUZZ_TARGET)

#define SEGS_MAX	512u	/* enough for any state of a decoder */
#define LOST_BYTES	1000u

int			 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

extern const struct decoder ROW;
static struct demand	 want;

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

/* -- conversations ------------------------------------------------------------ */

static size_t
cut_segs(struct span s, struct seg *seg)
{
	struct cursor c = cur_of(s);
	size_t n = 0;

	while (c.left >= 3 && n < SEGS_MAX) {
		unsigned flags = cur_u8(&c), len = cur_le16(&c);

		if (len > c.left)
			len = (unsigned)c.left;
		seg[n] = (struct seg){ .data = cur_take(&c, len),
		    .time = NSEC + (int64_t)n * 1000, .record = n + 1,
		    .offset = n * 100,
		    .lost = (flags & 4) != 0 ? LOST_BYTES : 0,
		    .dir = flags & 1, .end = (flags & 2) != 0 };
		n++;
	}
	return n;
}

static void
probe(struct span data, bool is_udp)
{
	const struct probe p = { .data = data, .sport = 49152, .dport = 53,
	    .dir = DIR_CLIENT, .is_udp = is_udp };

	if (ROW.probe != NULL)
		ROW.probe(&p);
}

static void
run_segs(struct batch *b, struct span s, struct buf *text)
{
	static struct seg seg[SEGS_MAX];
	size_t n = cut_segs(s, seg);

	if (n == 0)
		return;
	if (ROW.stream != NULL) {
		probe(seg[0].data, false);
		flow_drive(&ROW, b, seg, n);
		print_events(b, text);
		batch_reset(b);
	}
	if (ROW.dgram != NULL) {
		probe(seg[0].data, true);
		flow_drive_dgrams(&ROW, b, seg, n);
		print_events(b, text);
		batch_reset(b);
	}
}

/* -- files --------------------------------------------------------------------- */

/* The sources whose records are of this type; the first is good enough. */
static const struct source *
source_of(unsigned rectype)
{
	for (size_t i = 0; i < nsources; i++)
		if (sources[i]->rectype == rectype)
			return sources[i];
	return NULL;
}

static void
run_records(struct batch *b, struct src *src, const struct source *s,
    void *src_state, struct buf *text)
{
	void *state = calloc(1, MAX_OF(ROW.state_size, (size_t)1));
	struct dec dec = { .batch = b };
	enum source_status status = SOURCE_MORE;

	if (state == NULL)
		abort();
	while (status == SOURCE_MORE) {
		status = s->read(src, src_state, b);
		for (uint32_t i = 0; i < b->nrecords; i++) {
			dec.rec = &b->records[i];
			ROW.match(dec.rec);
			ROW.record(&dec, state, dec.rec);
		}
		print_events(b, text);
		batch_reset(b);
	}
	dec.rec = NULL;
	if (ROW.end != NULL)
		ROW.end(&dec, state);
	print_events(b, text);
	batch_reset(b);
	free(state);
}

static void
run_file(struct batch *b, struct span bytes, unsigned rectype,
    struct buf *text)
{
	const struct source *s = source_of(rectype);
	struct src src = { .part_end = UINT64_MAX };
	struct input *in = input_mem(bytes);
	void *state;

	if (s == NULL || in == NULL ||
	    (state = calloc(1, MAX_OF(s->state_size, (size_t)1))) == NULL)
		abort();
	window_init(&src.win, in);
	window_fill(&src.win, SOURCE_HEAD);
	if (s->open(&src, state) == ERR_OK)
		run_records(b, &src, s, state, text);
	s->close(&src, state);
	window_fini(&src.win);
	input_close(in);
	free(state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weirds weirds;
	struct batch b;
	struct buf text;

	demand_all(&want);
	weirds_init(&weirds);
	buf_init(&text, 0);
	if (!batch_init(&b, &want, &weirds))
		abort();
	b.drain = print_events;
	b.drain_arg = &text;
	if (ROW.stream != NULL || ROW.dgram != NULL)
		run_segs(&b, span_of(data, size), &text);
	if (ROW.record != NULL)
		run_file(&b, span_of(data, size), ROW.rectype, &text);
	if (ROW.also != 0)
		run_file(&b, span_of(data, size), ROW.also, &text);
	batch_fini(&b);
	buf_fini(&text);
	return 0;
}
