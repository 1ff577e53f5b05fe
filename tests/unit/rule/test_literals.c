/* SPDX-License-Identifier: Apache-2.0
 *
 * Many literals over one text, against the plain search of each.
 */
#include "rule_drive.h"

#define SETS		60u
#define TEXTS		60u
#define WORDS		100u
#define WORD_BYTES	6u	/* mostly; the rest up to LONG_BYTES */
#define LONG_BYTES	20u

static uint32_t *common;

static uint32_t seed = 2463534242u;

/* xorshift32 (Marsaglia, 2003) */
static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

/* Few letters: many literals share their parts. */
static size_t
fill(uint8_t *dst, size_t most)
{
	size_t n = rnd((uint32_t)most + 1);

	for (size_t i = 0; i < n; i++)
		dst[i] = (uint8_t)"ab\\"[rnd(3)];
	return n;
}

struct word {
	uint8_t		text[LONG_BYTES];
	size_t		len;
	enum lit_mode	mode;
	bool		want, got;
};

static void
got(void *arg, uint32_t id)
{
	((struct word *)arg)[id].got = true;
}

static bool
stands_in(const struct word *w, struct span text)
{
	struct span s = span_of(w->text, w->len);

	switch (w->mode) {
	case LIT_EQ: return span_eq(text, s);
	case LIT_STARTS: return span_starts(text, s);
	case LIT_ENDS: return span_ends(text, s);
	default: break;
	}
	for (size_t i = 0; i + s.len <= text.len; i++)
		if (memcmp(text.ptr + i, s.ptr, s.len) == 0)
			return true;
	return false;
}

static void
test_random(void **state)
{
	static struct word word[WORDS];
	unsigned hits = 0;

	(void)state;
	for (unsigned set = 0; set < SETS; set++) {
		struct literals *l = literals_new();
		unsigned n = 1 + rnd(WORDS);

		assert_non_null(l);
		for (unsigned i = 0; i < n; i++) {
			struct word *w = &word[i];

			w->mode = (enum lit_mode)rnd(4);
			do
				w->len = fill(w->text, rnd(4) != 0 ?
				    WORD_BYTES : LONG_BYTES);
			while (w->mode != LIT_EQ && w->len < LIT_MIN);
			assert_true(literals_add(l, span_of(w->text, w->len),
			    w->mode, i));
		}
		assert_true(literals_finish(l, common));
		for (unsigned t = 0; t < TEXTS; t++) {
			/* On the heap and tight, for the sanitizer. */
			uint8_t *text = malloc(64);
			size_t len = fill(text, t % 2 == 0 ? 64 : 8);

			assert_non_null(text = realloc(text, len + !len));
			for (unsigned i = 0; i < n; i++) {
				word[i].got = false;
				word[i].want = stands_in(&word[i],
				    span_of(text, len));
				hits += word[i].want;
			}
			literals_search(l, span_of(text, len), got, word);
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(word[i].got, word[i].want);
			free(text);
		}
		literals_free(l);
	}
	if (hits < 5000)		/* was it a test of something? */
		fail_msg("%u hits", hits);
}

static void
test_same_text(void **state)
{
	struct literals *l = literals_new();
	struct word word[3] = { { .want = true } };

	(void)state;
	assert_true(literals_add(l, SPAN_LIT("abc"), LIT_CONTAINS, 0));
	assert_true(literals_add(l, SPAN_LIT("abc"), LIT_CONTAINS, 1));
	assert_true(literals_add(l, SPAN_LIT("abc"), LIT_ENDS, 2));
	assert_true(literals_finish(l, common));
	literals_search(l, SPAN_LIT("xabcx"), got, word);
	assert_true(word[0].got && word[1].got && !word[2].got);
	literals_free(l);
}

static void
test_nothing(void **state)
{
	struct literals *l = literals_new();
	struct word word[1] = { { .want = true } };

	(void)state;
	assert_true(literals_finish(l, common));
	literals_search(l, SPAN_LIT("abc"), got, word);
	assert_false(word[0].got);
	literals_free(l);
}

static int
setup(void **state)
{
	(void)state;
	common = grams_new();
	return common == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	free(common);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_same_text),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
