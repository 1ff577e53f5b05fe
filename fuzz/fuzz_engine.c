/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole of a hunt over one input in memory: recognised by content, archives
 * included, to events, findings and notes; then sorted, judged, joined to
 * stories and written in every format.
 */
#define _GNU_SOURCE	/* memfd_create */
#include <sys/mman.h>

#include <stdlib.h>
#include <unistd.h>

#include "engine.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const paths[] = { "fuzz" };

static const char *
source_name(const struct report *r, uint32_t source)
{
	(void)r;
	(void)source;
	return paths[0];
}

static const char *
member_name(const struct report *r, uint32_t source, uint32_t member)
{
	(void)r;
	(void)source;
	return member == 0 ? "" : "member";
}

static void
write_report(struct report *r)
{
	FILE *null = fopen("/dev/null", "w");

	if (null == NULL)
		abort();
	for (size_t i = 0; i < nsinks; i++)
		sinks[i]->write(null, r, i % 2 == 0);
	fclose(null);
}

static void
judge(const struct hunt_options *opt, struct reader_ctx *r, int fd)
{
	struct report report = { .source = source_name,
	    .member = member_name, .summary.sandbox = "none" };
	struct run_ref refs[64];
	size_t n = MIN_OF(r->told.nnotes, NITEMS(refs));
	struct judge *j = judge_new(opt, &report.weirds);
	struct arena arena, told_arena;
	struct told told;
	struct merge *m;
	struct buf packed;

	buf_init(&packed, 0);
	arena_init(&told_arena, 64u << 20);
	told_pack(&packed, &r->told);
	if (!told_unpack(&told_arena, buf_view(&packed), &told))
		abort();
	for (size_t i = 0; i < n; i++)
		refs[i] = (struct run_ref){ fd, told.notes[i] };
	m = merge_new(refs, n);
	arena_init(&arena, 256u << 20);
	if (j == NULL || m == NULL || judge_run(j, m, &report) != ERR_OK ||
	    !story_build(&report, &arena))
		abort();
	write_report(&report);
	free(report.finding_id);
	merge_free(m);
	judge_free(j);
	arena_fini(&arena);
	arena_fini(&told_arena);
	buf_fini(&packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct demand want;
	const struct hunt_options opt = { .path = paths, .npaths = 1,
	    .detector = detectors, .ndetectors = ndetectors, .jobs = 1,
	    .events = "-", .since = TIME_NONE, .until = TIME_NONE,
	    .fail_on = -1 };
	struct reader_ctx *r = calloc(1, sizeof(*r));
	struct input *in = input_mem(span_of(data, size));
	int notes = memfd_create("notes", 0), events = memfd_create("ev", 0);

	demand_all(&want);
	if (r == NULL || in == NULL || notes < 0 || events < 0 ||
	    !reader_init(r, &opt, &want, paths, notes, events))
		abort();
	if (reader_input(r, in) != ERR_OK)
		abort();
	judge(&opt, r, notes);
	input_close(in);
	reader_fini(r);
	free(r);
	close(notes);
	close(events);
	return 0;
}
