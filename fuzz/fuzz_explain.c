/* SPDX-License-Identifier: Apache-2.0
 *
 * Any Sigma text, explained on a few events: what the explanation says is what
 * the matcher says.
 */
#include "rule.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

extern const struct language language_sigma;

static void
on_hit(void *arg, const struct rule *r, const struct event *e)
{
	(void)r;
	(void)e;
	*(bool *)arg = true;
}

static void
explain(const struct program *p, const struct event *e)
{
	struct matcher *m = matcher_new(p);
	enum explained what, again;
	bool hit = false;
	struct buf b;

	if (m == NULL)
		return;
	buf_init(&b, 16u << 20);
	matcher_event(m, e, on_hit, &hit);
	what = program_explain(p, m, e, false, &b);
	again = program_explain(p, m, e, true, &b);
	ASSERT(what == again);
	ASSERT(hit == (what == EXPLAIN_HOLDS));
	buf_fini(&b);
	matcher_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const channels[] = {
		"Security", "Microsoft-Windows-Sysmon/Operational", "System"
	};
	static const uint64_t ids[] = { 4688, 1, 7045 };
	const struct rule_options opt = {
		SHARE_DIR "/../fuzz/sigma_map.yml", SHARE_DIR, NULL };
	struct program *p = program_new();

	if (p == NULL)
		return 0;
	program_keep_names(p);
	language_sigma.load(p, &opt, "fuzz", span_of(data, size), NULL);
	if (program_finish(p)) {
		for (size_t i = 0; i < 2 * NITEMS(ids); i++) {
			const char *c = channels[i % NITEMS(ids)];
			struct field f[] = {
				{ .v = { .type = VT_STR, .ptr = c,
				    .id = FIELD_WIN_CHANNEL,
				    .len = (uint32_t)strlen(c) } },
				{ .v = { .type = VT_U64,
				    .id = FIELD_WIN_EVENT_ID,
				    .u64 = ids[i % NITEMS(ids)] } },
				{ .v = { .type = VT_STR, .id = FIELD_IMAGE,
				    .ptr = "C:\\a.exe", .len = 8 } },
				{ .v = { .type = VT_NULL,
				    .id = FIELD_COMMAND_LINE } },
			};
			struct event e = { .kind = i < NITEMS(ids) ?
			    KIND_WINEVENT : KIND_HTTP, .fields = f,
			    .nfields = NITEMS(f) };

			explain(p, &e);
		}
	}
	program_free(p);
	return 0;
}
