/* SPDX-License-Identifier: Apache-2.0
 *
 * A rule language: any text is loaded, compiled and matched against a few
 * events; what correlations wait for goes to them.
 */
#include "rule.h"

#define NAME2(x) language_##x
#define NAME(x) NAME2(x)
extern const struct language NAME(FUZZ_TARGET);

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct fuzz {
	const struct program	*p;
	struct correlator	*c;
	size_t			 hits;
	struct buf		 text;
};

static void
on_correlation(void *arg, const struct corr_hit *hit)
{
	size_t *n = arg;

	*n += hit->rule->title[0] != '\0' && hit->count != 0;
}

static void
on_hit(void *arg, const struct rule *r, const struct event *e)
{
	struct fuzz *f = arg;
	struct corr_note n;
	struct buf b;

	f->hits += r->title[0] != '\0';
	if (r->feeder == 0)
		return;
	buf_init(&b, 0);
	corr_note_pack(&b, f->p, r, e);
	if (corr_note_unpack(f->p, buf_view(&b), &n))
		correlator_note(f->c, &n);
	buf_fini(&b);
}

static void
on_ioc(void *arg, const struct ioc_hit *hit, const struct event *e)
{
	struct buf b;

	(void)arg;
	(void)e;
	buf_init(&b, 0);
	ioc_put(&b, hit->type, hit->key);
	buf_span(&b, hit->value);
	buf_span(&b, hit->note);
	buf_fini(&b);
}

static void
match(const struct program *p)
{
	static const char *const text[] = {
		"", "C:\\Windows\\Temp\\\xc3\xa4.exe", "10.1.2.3",
		"/app?x=${jndi:ldap://h/a}", "0x17", "2022-07-11T09:17:40Z"
	};
	static const char wide[] = "A\0\xe4\0\x3d\xd8\0\xde";
	static const struct value item[] = {
		{ .type = VT_WSTR, .len = sizeof(wide) - 1, .ptr = wide },
		{ .type = VT_F64, .f64 = 4769.5 }, { .type = VT_NULL },
		{ .type = VT_TIME, .i64 = INT64_MAX },
		{ .type = VT_HEX, .u64 = UINT64_MAX },
		{ .type = VT_LIST },
	};
	static const uint16_t id[] = {
		FIELD_IMAGE, FIELD_COMMAND_LINE, FIELD_WIN_EVENT_ID,
		FIELD_HTTP_URI, FIELD_WIN_CHANNEL, FIELD_IP_ADDRESS
	};
	static const uint16_t other[] = {
		FIELD_PARENT_IMAGE, FIELD_WIN_LEVEL, FIELD_TARGET_USER,
		FIELD_WIN_TIME, FIELD_WIN_STATUS, FIELD_NEW_PROCESS
	};
	static const struct corr_limits limits = { 256, 16, 8 };
	struct matcher *m = matcher_new(p);
	struct fuzz z = { .p = p };
	struct weirds weirds;

	weirds_init(&weirds);
	buf_init(&z.text, 0);
	z.c = correlator_new(p, &limits, &weirds, on_correlation, &z.hits);
	for (unsigned turn = 0; m != NULL && z.c != NULL &&
	    turn < 3 * KIND_COUNT; turn++) {
		const unsigned kind = turn % KIND_COUNT;
		struct field f[NITEMS(id) + NITEMS(item) + 1];
		struct event e = { .kind = (uint16_t)kind, .fields = f,
		    .nfields = NITEMS(f), .time = turn * NSEC };

		memset(f, 0, sizeof(f));
		for (size_t i = 0; i < NITEMS(id); i++) {
			const char *s = text[(i + kind) % NITEMS(text)];

			f[i].v.id = id[i];
			f[i].v.type = VT_STR;
			f[i].v.ptr = s;
			f[i].v.len = (uint32_t)strlen(s);
		}
		for (size_t i = 0; i < NITEMS(item); i++) {
			f[NITEMS(id) + i].v = item[(i + kind) % NITEMS(item)];
			f[NITEMS(id) + i].v.id = other[i];
		}
		f[NITEMS(f) - 1].v = (struct value){ .type = VT_LIST,
		    .id = FIELD_WIN_DATA, .len = NITEMS(item), .ptr = item };
		e.loc.record = turn;
		matcher_event(m, &e, on_hit, &z);
		if (p->iocs != NULL)
			ioc_event(p->iocs, &e, &z.text, on_ioc, NULL);
	}
	if (z.c != NULL)
		correlator_end(z.c);
	correlator_free(z.c);
	matcher_free(m);
	buf_fini(&z.text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rule_options opt = {
		SHARE_DIR "/../fuzz/sigma_map.yml", SHARE_DIR, NULL };
	struct program *p = program_new();

	if (p == NULL)
		return 0;
	NAME(FUZZ_TARGET).load(p, &opt, "fuzz", span_of(data, size), NULL);
	if (program_finish(p))
		match(p);
	program_free(p);
	return 0;
}
