/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON rows against json_parse(): every line of the input is read by both, and
 * both must take or refuse the same and see the same members.
 */
#include <stdlib.h>

#include "codec.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
expect(bool ok)
{
	if (!ok)
		abort();
}

/* Walks the tokens of nested objects in the order of the rows' members. */
struct place {
	uint32_t	next, end;
	bool		repeated;
};

static void
compare(const struct json *j, const struct jsonrow *r,
    const struct jsonrow_row *row)
{
	struct place level[JSON_DEPTH_MAX];
	unsigned depth = 1;
	uint32_t n = 0;

	(void)r;
	level[0] = (struct place){ 1, j->tok[0].next, false };
	while (depth != 0) {
		struct place *l = &level[depth - 1];
		uint32_t key = l->next, i = key + 1;

		if (key == l->end) {
			depth--;
			continue;
		}
		l->next = j->tok[i].next;
		if (j->tok[i].type == JSON_OBJECT) {
			level[depth++] = (struct place){ i + 1,
			    j->tok[i].next, false };
			continue;
		}
		expect(n < row->n);
		expect(row->member[n].type == j->tok[i].type);
		if (j->tok[i].type == JSON_ARRAY) {
			struct span rest = jsonrow_items(&row->member[n]);
			struct jsonrow_member m;
			uint32_t k = i + 1;

			for (; jsonrow_item(&rest, &m); k = j->tok[k].next) {
				expect(k < j->tok[i].next);
				expect(m.type == j->tok[k].type);
				if (m.type < JSON_ARRAY)
					expect(span_eq(json_raw(j, k),
					    span_of(m.ptr, m.len)));
			}
			expect(k == j->tok[i].next);
		} else {
			expect(span_eq(json_raw(j, i), span_of(
			    row->member[n].ptr, row->member[n].len)));
		}
		n++;
	}
	expect(n == row->n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jsonrow *r = jsonrow_new();
	struct span rest = span_of(data, size);
	struct json j = { 0 };

	if (r == NULL)
		abort();
	for (unsigned line = 0; rest.len != 0 && line < 256; line++) {
		size_t n = span_find_byte(rest, '\n');
		struct span s = span_sub(rest, 0, n);
		enum json_status want = json_parse(&j, s), got;
		struct jsonrow_row row;
		double d;
		int64_t i;

		got = jsonrow_read(r, s, &row);
		if (want == JSON_OK && j.tok[0].type == JSON_OBJECT) {
			expect(got == JSON_OK);
			if ((row.flags & (JSONROW_F_LOST |
			    JSON_F_REPEATED)) == 0 &&
			    (j.flags & JSON_F_REPEATED) == 0)
				compare(&j, r, &row);
		} else if (want != JSON_LARGE) {
			expect(got != JSON_OK);
		}
		for (uint32_t k = 0; k < row.n; k++) {
			(void)number_f64(span_of(row.member[k].ptr,
			    row.member[k].len), &d);
			(void)number_seconds(span_of(row.member[k].ptr,
			    row.member[k].len), &i);
			expect(jsonrow_name(r, row.member[k].path)[0] != '\0' ||
			    row.member[k].path != 0);
		}
		rest = n == SPAN_NPOS ? SPAN_NONE :
		    span_sub(rest, n + 1, SIZE_MAX);
	}
	json_fini(&j);
	jsonrow_free(r);
	return 0;
}
