/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered pass: findings of the same rule and fold become one, in the
 * order of time, with ids that stay.
 */
#define _GNU_SOURCE	/* memfd_create */
#include <sys/mman.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "engine.h"

static const char *
source_name(const struct report *r, uint32_t source)
{
	(void)r;
	return source == 0 ? "a.pcap" : "b.log";
}

static const char *
member_name(const struct report *r, uint32_t source, uint32_t member)
{
	(void)r;
	(void)source;
	(void)member;
	return "";
}

struct rig {
	int			 fd;
	struct sorter		*s;
	struct hunt_options	 opt;
	struct report		 r;
	struct judge		*j;
	struct weirds		 weirds;
};

static struct rig g;

static int
setup(void **unused)
{
	(void)unused;
	memset(&g, 0, sizeof(g));
	g.fd = memfd_create("notes", 0);
	g.s = sorter_new(g.fd, 1u << 20);
	g.r.source = source_name;
	g.r.member = member_name;
	return g.fd < 0 || g.s == NULL;
}

static int
teardown(void **unused)
{
	(void)unused;
	free(g.r.finding_id);
	judge_free(g.j);
	sorter_free(g.s);
	close(g.fd);
	return 0;
}

static void
add_host(int64_t time, const char *rule, const char *fold, enum severity sev,
    const char *message, uint32_t source, const char *host)
{
	struct finding f = { .rule = rule, .title = "t", .language = "builtin",
	    .attack = "T1190", .advice = "a", .severity = sev,
	    .confidence = 50, .time = time, .last_time = time, .count = 1,
	    .message = span_str(message), .fold = span_str(fold),
	    .nevidence = 1 };
	struct sort_key key = { .time = time, .source = source };
	struct buf b;

	f.entity[ENTITY_HOST] = span_str(host);
	f.evidence[0] = (struct evidence){ { .source = source,
	    .record = (uint64_t)time }, time };
	buf_init(&b, 0);
	finding_pack(&b, &f);
	assert_int_equal(sorter_add(g.s, &key, buf_view(&b)), ERR_OK);
	buf_fini(&b);
}

static void
add(int64_t time, const char *rule, const char *fold, enum severity sev,
    const char *message, uint32_t source)
{
	add_host(time, rule, fold, sev, message, source, "h");
}

static enum err
judge(void)
{
	const struct run *run;
	struct run_ref refs[8];
	struct merge *m;
	enum err err;
	size_t n;

	assert_int_equal(sorter_flush(g.s), ERR_OK);
	run = sorter_runs(g.s, &n);
	assert_true(n <= NITEMS(refs));
	for (size_t i = 0; i < n; i++)
		refs[i] = (struct run_ref){ g.fd, run[i] };
	g.j = judge_new(&g.opt, &g.weirds);
	m = merge_new(refs, n);
	err = judge_run(g.j, m, &g.r);
	merge_free(m);
	return err;
}

static void
folds(void **unused)
{
	const struct finding *f;

	(void)unused;
	add(30, "r", "x", SEV_HIGH, "strong", 0);
	add(10, "r", "x", SEV_LOW, "weak", 0);
	add(20, "r", "y", SEV_LOW, "other", 0);
	add(20, "q", "x", SEV_LOW, "other rule", 0);
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.nfindings, 3);
	f = g.r.finding[0];
	assert_int_equal(f->count, 2);
	assert_int_equal(f->severity, SEV_HIGH);
	assert_true(span_eq(f->message, SPAN_LIT("strong")));
	assert_true(f->time == 10 && f->last_time == 30);
	assert_int_equal(f->nevidence, 2);
	assert_string_equal(g.r.finding[1]->rule, "q");	/* ties by rule */
	assert_string_not_equal(g.r.finding_id[0], g.r.finding_id[1]);
	assert_string_not_equal(g.r.finding_id[1], g.r.finding_id[2]);
	assert_int_equal(strlen(g.r.finding_id[0]), ID_SIZE - 1);
}

static void
raw(void **unused)
{
	(void)unused;
	g.opt.raw = true;
	add(10, "r", "x", SEV_LOW, "m", 0);
	add(20, "r", "x", SEV_LOW, "m", 0);
	add(20, "r", "x", SEV_LOW, "m", 1);
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.nfindings, 3);
	/* each its own id, from its place */
	assert_string_not_equal(g.r.finding_id[0], g.r.finding_id[1]);
	assert_string_not_equal(g.r.finding_id[1], g.r.finding_id[2]);
}

static void
threshold(void **unused)
{
	(void)unused;
	g.opt.min_severity = SEV_HIGH;
	add(10, "r", "x", SEV_LOW, "m", 0);
	add(20, "r", "y", SEV_HIGH, "m", 0);
	/* low at first, raised by what is folded in */
	add(5, "r", "z", SEV_LOW, "m", 0);
	add(6, "r", "z", SEV_CRITICAL, "m", 0);
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.nfindings, 2);
	assert_int_equal(g.r.finding[0]->severity, SEV_CRITICAL);
	assert_int_equal(g.r.finding[1]->severity, SEV_HIGH);
}

static void
evidence_limit(void **unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++)
		add(i, "r", "x", SEV_LOW, "m", 0);
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.finding[0]->nevidence, EVIDENCE_MAX);
	assert_int_equal(g.r.finding[0]->count, 20);
	assert_int_equal(g.weirds.count[WEIRD_FINDING_EVIDENCE], 4);
}

/* A log that does not name its server, beside a capture that does. */
static void
unnamed(void **unused)
{
	const int64_t day = 86400 * NSEC;

	(void)unused;
	add_host(day, "r", "h|x", SEV_LOW, "wire", 0, "h");
	add_host(day + 5, "r", "|x", SEV_LOW, "log", 1, "");
	add_host(day * 9, "r", "|y", SEV_LOW, "much later", 1, "");
	add_host(day, "q", "|x", SEV_LOW, "other rule", 1, "");
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.nfindings, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct finding *f = g.r.finding[i];

		assert_false(span_eq(f->message, SPAN_LIT("log")));
		if (span_eq(f->message, SPAN_LIT("wire"))) {
			assert_int_equal(f->nevidence, 2);
			assert_int_equal(f->evidence[1].loc.source, 1);
			assert_int_equal(f->count, 1);
		}
	}
}

static void
unnamed_times(void **unused)
{
	(void)unused;
	add_host(INT64_MIN + 1, "r", "h|x", SEV_LOW, "wire", 0, "h");
	add_host(INT64_MAX, "r", "|x", SEV_LOW, "log", 1, "");
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.nfindings, 2);
}

static void
hostile_items(void **unused)
{
	struct sort_key key = { .tag = 0 };

	(void)unused;
	assert_int_equal(sorter_add(g.s, &key, SPAN_LIT("no finding")),
	    ERR_OK);
	assert_int_equal(judge(), ERR_FORMAT);
}

static void
hostile_tag(void **unused)
{
	struct sort_key key = { .tag = 9 };	/* no such detector */

	(void)unused;
	assert_int_equal(sorter_add(g.s, &key, SPAN_LIT("no note")), ERR_OK);
	assert_int_equal(judge(), ERR_FORMAT);
}

static void
nothing(void **unused)
{
	(void)unused;
	g.opt.detector = detectors;
	g.opt.ndetectors = ndetectors;
	assert_int_equal(judge(), ERR_OK);
	assert_int_equal(g.r.nfindings, 0);
}

/* -- conversations, and state over runs ----------------------------------- */

/* Counts what it gets; tells at the end. */
struct count {
	uint64_t	flows, in;
};

static void
count_flow(struct detect *d, void *state, const struct flow *f)
{
	struct count *c = state;

	c->flows++;
	c->in = detect_host(d, &f->dst)->flows_in;
}

static void
count_end(struct detect *d, void *state)
{
	const struct count *c = state;
	struct event e = { .kind = KIND_CONN, .time = 1 };
	struct finding f;

	finding_init(&f, d, &e);
	buf_printf(&d->text, "%llu flows, %llu in", (unsigned long long)
	    c->flows, (unsigned long long)c->in);
	finding_raise(&f, d);
}

static void
count_save(const void *state, struct buf *b)
{
	const struct count *c = state;

	buf_le64(b, c->flows);
}

static bool
count_restore(void *state, struct cursor *c)
{
	struct count *into = state;

	into->flows = cur_le64(c);
	return cur_ok(c);
}

static const uint8_t no_kinds[] = { KIND_NONE };
static const uint16_t no_fields[] = { FIELD_OTHER };
static struct detector counting = {
	.name = "counting", .title = "t", .doc = "d", .attack = "T1",
	.advice = "a", .severity = SEV_LOW, .confidence = 1,
	.kinds = no_kinds, .fields = no_fields,
	.state_size = sizeof(struct count), .flow = count_flow,
	.end = count_end, .state_version = 1, .save = count_save,
	.restore = count_restore
};
static const struct detector *const counting_row[] = { &counting };

static void
add_flow(double sec, unsigned port, uint32_t source)
{
	struct flow f = { .start = (int64_t)(sec * 1e9), .proto = 6,
	    .src_port = (uint16_t)port, .dst_port = 22,
	    .state = FLOW_SF, .loc = { .source = source } };
	struct sort_key key = { .tag = FLOW_TAG, .source = source };
	struct buf b;

	assert_true(addr_parse(SPAN_LIT("192.0.2.1"), &f.src));
	assert_true(addr_parse(SPAN_LIT("192.0.2.2"), &f.dst));
	key.time = f.end = f.start;
	buf_init(&b, 0);
	flow_pack(&b, &f);
	assert_int_equal(sorter_add(g.s, &key, buf_view(&b)), ERR_OK);
	buf_fini(&b);
}

static void
use_counting(void)
{
	g.opt.detector = counting_row;
	g.opt.ndetectors = 1;
}

static void
assert_says(const char *text)
{
	assert_int_equal(g.r.nfindings, 1);
	if (!span_eq(g.r.finding[0]->message, span_str(text)))
		fail_msg("%.*s", (int)g.r.finding[0]->message.len,
		    (const char *)g.r.finding[0]->message.ptr);
}

/* One conversation of two sensors is one; two of one sensor are two. */
static void
flows_once(void **unused)
{
	(void)unused;
	use_counting();
	add_flow(1, 1000, 0);
	add_flow(2.5, 1000, 1);		/* the other sensor's */
	add_flow(2.6, 1001, 1);
	add_flow(9, 1000, 1);		/* later: another one */
	add_flow(9.5, 1000, 1);		/* the port again at once */
	assert_int_equal(judge(), ERR_OK);
	assert_says("4 flows, 4 in");
	assert_int_equal(g.r.summary.duplicates, 1);
}

static void
flows_raw(void **unused)
{
	(void)unused;
	use_counting();
	g.opt.raw = true;
	add_flow(1, 1000, 0);
	add_flow(2.5, 1000, 1);
	assert_int_equal(judge(), ERR_OK);
	assert_says("2 flows, 2 in");
}

static void
hostile_flow(void **unused)
{
	struct sort_key key = { .tag = FLOW_TAG };

	(void)unused;
	use_counting();
	assert_int_equal(sorter_add(g.s, &key, SPAN_LIT("no flow")), ERR_OK);
	assert_int_equal(judge(), ERR_FORMAT);
}

/* A run after the one that saved: on its file, or on what became of it. */
static void
second_run(const char *path, const char *says)
{
	struct judge *first = g.j;
	const struct run *run;
	struct run_ref ref;
	struct report r = g.r;
	struct merge *m;
	size_t n;

	run = sorter_runs(g.s, &n);
	ref = (struct run_ref){ g.fd, run[0] };
	g.j = judge_new(&g.opt, &g.weirds);
	assert_non_null(g.j);
	assert_true(judge_restore(g.j, path));
	assert_non_null(m = merge_new(&ref, 1));
	assert_int_equal(judge_run(g.j, m, &g.r), ERR_OK);
	merge_free(m);
	assert_says(says);
	free(g.r.finding_id);
	judge_free(g.j);
	g.r = r;
	g.j = first;
}

static void
state(void **unused)
{
	char path[] = "/tmp/picket-state.XXXXXX";
	int fd = mkstemp(path);
	struct stat st;
	char byte;

	(void)unused;
	assert_true(fd >= 0);
	use_counting();
	add_flow(1, 1000, 0);
	add_flow(2, 1001, 0);
	assert_int_equal(judge(), ERR_OK);
	assert_says("2 flows, 2 in");
	assert_true(judge_save(g.j, path));
	second_run(path, "4 flows, 4 in");

	counting.state_version = 2;
	second_run(path, "2 flows, 4 in");	/* the hosts are as they were */
	counting.state_version = 1;
	close(fd);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		if (at % 16 == 0)
			second_run(path, "2 flows, 2 in");
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	second_run(path, "4 flows, 4 in");
	assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
	second_run(path, "2 flows, 2 in");
	assert_int_equal(unlink(path), 0);
	second_run(path, "2 flows, 2 in");
	close(fd);
}

#define T(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(folds), T(raw), T(threshold), T(evidence_limit),
		T(unnamed), T(unnamed_times),
		T(hostile_items), T(hostile_tag), T(nothing), T(flows_once),
		T(flows_raw), T(hostile_flow), T(state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
