/* SPDX-License-Identifier: Apache-2.0
 *
 * picket rules explain: reads an input as a hunt does, and says of one of its
 * events why rules hold for it or do not.  Of several events without a number
 * given: the first for which a rule holds, else the first that a rule is for,
 * else the first.
 *
 * The process shuts itself in before it reads the event, as workers do.
 * Bounds: those of the reader; one explanation of EXPLAIN_BYTES is kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"

#define EXPLAIN_BYTES	(16u << 20)

struct explainer {
	const struct explain_options *opt;
	struct matcher	*m;
	struct buf	 best, now;
	enum explained	 what;
	bool		 any;
};

static void
take_event(void *arg, const struct event *e)
{
	struct explainer *x = arg;
	enum explained what;

	if (x->opt->record != 0 && e->loc.record != x->opt->record)
		return;
	if (x->any && x->what == EXPLAIN_HOLDS)
		return;
	buf_reset(&x->now);
	what = program_explain(x->opt->rules, x->m, e, x->opt->json, &x->now);
	if (x->any && what <= x->what)
		return;
	buf_reset(&x->best);
	buf_span(&x->best, buf_view(&x->now));
	x->what = what;
	x->any = true;
}

static enum err
read_events(struct explainer *x, struct reader_ctx *r, struct input *in)
{
	r->watch = take_event;
	r->watch_arg = x;
	return reader_input(r, in);
}

static struct input *
open_event(const char *event)
{
	if (event[0] == '{')
		return input_mem(span_str(event));
	return strcmp(event, "-") == 0 ? input_fd(0) : input_open(event);
}

static int
tell(const struct explainer *x, enum err err, uint64_t unreadable)
{
	if (err != ERR_OK || x->best.failed) {
		fprintf(stderr, "picket: %s: %s\n", x->opt->event,
		    err_text(err != ERR_OK ? err : ERR_LIMIT));
		return STATUS_PARTIAL;
	}
	if (!x->any) {
		fprintf(stderr, "picket: %s: no such event%s\n",
		    x->opt->event, unreadable != 0 ?
		    "; it cannot be read to its end" : "");
		return STATUS_PARTIAL;
	}
	fwrite(x->best.ptr, 1, x->best.len, stdout);
	return x->what == EXPLAIN_HOLDS ? 0 : 1;
}

int
explain_run(const struct explain_options *opt)
{
	const struct hunt_options hunt = { .since = TIME_NONE,
	    .until = TIME_NONE, .jobs = 1, .fail_on = -1 };
	struct demand *want = calloc(1, sizeof(*want));
	struct reader_ctx *r = calloc(1, sizeof(*r));
	struct explainer x = { .opt = opt };
	struct input *in = open_event(opt->event);
	int fd = temp_file(), status = STATUS_PARTIAL;

	buf_init(&x.best, EXPLAIN_BYTES);
	buf_init(&x.now, EXPLAIN_BYTES);
	if (in == NULL) {
		fprintf(stderr, "picket: %s: %s\n", opt->event,
		    strerror(errno));
	} else if (want == NULL || r == NULL || fd < 0 ||
	    (x.m = matcher_new(opt->rules)) == NULL) {
		fprintf(stderr, "picket: %s\n", err_text(ERR_NOMEM));
	} else {
		demand_all(want);
		if (reader_init(r, &hunt, want, &opt->event, fd, -1)) {
			enum err err;

			sandbox_enter(&opt->event, 1);
			err = read_events(&x, r, in);
			status = tell(&x, err, r->told.unreadable);
			reader_fini(r);
		}
	}
	input_close(in);
	matcher_free(x.m);
	buf_fini(&x.best);
	buf_fini(&x.now);
	free(want);
	free(r);
	if (fd >= 0)
		close(fd);
	return status;
}
