/* SPDX-License-Identifier: Apache-2.0
 *
 * Many literals over one text.
 *
 * Whole texts stand in a hash table; starts and ends in another, keyed by
 * their first or last 16, 8 or LIT_MIN bytes.  Of the literals anywhere, each
 * is known by one gram of LIT_MIN bytes, the one that is the rarest in all
 * rules; a bitmap over hashed grams lets most positions pass with one load and
 * test, the rest look into the gram table and compare.  Sets of up to FEW
 * literals, which have most of the text to search, classify the nibbles of 32
 * positions at once instead (as Teddy of Hyperscan does).  Literals that are
 * too short for a gram and not ASCII (homoglyphs) wait in a list for text that
 * is not ASCII either.
 *
 * Time: linear in the text for texts that hold few grams; each gram hit costs
 * a compare with the literals that chose that gram.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <stdlib.h>

#include "rule.h"

/* log2 of the bitmap's size: few grams by chance, and it stays in the L1. */
#define BITS_LEAST	14
#define BITS_MOST	18
#define FEW		64u	/* with more, too many positions pass */
#define BUCKETS		8u
#define KEY_FACTOR	UINT64_C(0x9e3779b97f4a7c15)
#define GRAM_FACTOR	UINT32_C(2654435761)	/* Knuth's */

struct lit {
	struct span	text;
	uint32_t	id;
	uint32_t	next;		/* of the chain, + 1; 0: end */
	uint32_t	gram_at;	/* offset of its gram */
	uint8_t		mode;
};

struct slot {
	uint32_t	key;
	uint32_t	first;		/* literal + 1; 0: free */
};

struct grams {				/* key to chain of literals */
	struct slot	*slot;
	uint32_t	 mask;
};

struct literals {
	struct lit	*lit;
	uint32_t	 n, size;
	struct grams	 eq, edge, any;
	uint32_t	 neq, nedge, nany;
	uint8_t		 edges[2];	/* of starts, ends: classes, as bits */
	bool		 avx2;
	uint32_t	 first_short;	/* literal + 1 */
	uint32_t	*bits;		/* over hashed grams of any */
	uint32_t	 bits_shift;
	/* Of few literals: which buckets have a gram with this low or high
	 * nibble in its first, second, third byte. */
	bool		 few;
	uint8_t		 nibble[LIT_MIN][2][16];
};

struct literals *
literals_new(void)
{
	return calloc(1, sizeof(struct literals));
}

void
literals_free(struct literals *l)
{
	if (l == NULL)
		return;
	free(l->lit);
	free(l->eq.slot);
	free(l->edge.slot);
	free(l->any.slot);
	free(l->bits);
	free(l);
}

static bool
is_ascii(struct span s)
{
	uint8_t all = 0;

	for (size_t i = 0; i < s.len; i++)
		all |= s.ptr[i];
	return all < 0x80;
}

bool
literal_fits(struct span text, enum lit_mode mode)
{
	return mode == LIT_EQ || text.len >= LIT_MIN ||
	    (text.len != 0 && !is_ascii(text));
}

bool
literals_add(struct literals *l, struct span text, enum lit_mode mode,
    uint32_t id)
{
	ASSERT(literal_fits(text, mode));
	if (l->n == l->size) {
		uint32_t n = l->size == 0 ? 16 : l->size * 2;
		struct lit *p = realloc(l->lit, n * sizeof(*p));

		if (p == NULL)
			return false;
		l->lit = p;
		l->size = n;
	}
	l->lit[l->n++] = (struct lit){ text, id, 0, 0, (uint8_t)mode };
	if (mode != LIT_EQ && text.len < LIT_MIN) {
		l->lit[l->n - 1].next = l->first_short;
		l->first_short = l->n;
		return true;
	}
	switch (mode) {
	case LIT_EQ: l->neq++; break;
	case LIT_STARTS:
	case LIT_ENDS: l->nedge++; break;
	case LIT_CONTAINS: l->nany++; break;
	}
	return true;
}

static uint32_t
gram(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static uint32_t
gram_hash(uint32_t g)
{
	return g * GRAM_FACTOR;
}

/* One multiplication: keys need to be quick, and whoever floods a slot has
 * written the rules. */
static uint32_t
short_hash(uint64_t h)
{
	return (uint32_t)((h ^ h >> 29) * KEY_FACTOR >> 32);
}

/* Many literals end in .exe or begin with c:\windows: starts and ends are
 * known by as many bytes as they have, in three classes. */
static const uint8_t edge_len[] = { LIT_MIN, 8, 16 };
#define EDGE_CLASSES	NITEMS(edge_len)

static unsigned
edge_class(size_t len)
{
	unsigned c = EDGE_CLASSES - 1;

	while (edge_len[c] > len)
		c--;
	return c;
}

/* Of the text's first or last bytes. */
static uint32_t
edge_key(struct span s, unsigned class, bool ends)
{
	const uint8_t *p = ends ? s.ptr + s.len - edge_len[class] : s.ptr;
	uint64_t h = class == 0 ? gram(p) : load_le64(p);

	if (class == 2)
		h += load_le64(p + 8) * KEY_FACTOR;
	return short_hash(h + class * 2 + ends);
}

static bool
grams_init(struct grams *g, uint32_t n)
{
	uint32_t size = 8;

	if (n == 0)
		return true;
	while (size < n * 2)
		size *= 2;
	g->mask = size - 1;
	g->slot = calloc(size, sizeof(*g->slot));
	return g->slot != NULL;
}

static struct slot *
grams_find(const struct grams *g, uint32_t key)
{
	uint32_t i = gram_hash(key) >> 8;	/* the low bits mix least */

	for (;; i++) {
		struct slot *s = &g->slot[i & g->mask];

		if (s->first == 0 || s->key == key)
			return s;
	}
}

static void
grams_put(struct literals *l, struct grams *g, uint32_t key, uint32_t lit)
{
	struct slot *s = grams_find(g, key);

	s->key = key;
	l->lit[lit].next = s->first;
	s->first = lit + 1;
}

/* Counted under so many bits of their hash. */
#define COMMON_SHIFT	16

uint32_t *
grams_new(void)
{
	return calloc(1u << COMMON_SHIFT, sizeof(uint32_t));
}

void
grams_count(uint32_t *common, struct span text)
{
	for (size_t k = 0; k + LIT_MIN <= text.len; k++)
		common[gram_hash(gram(text.ptr + k)) >> COMMON_SHIFT]++;
}

static uint32_t
rarest(const struct lit *t, const uint32_t *common)
{
	uint32_t best = 0, least = UINT32_MAX;

	for (size_t k = 0; k + LIT_MIN <= t->text.len; k++) {
		uint32_t n = common[gram_hash(gram(t->text.ptr + k)) >>
		    COMMON_SHIFT];

		if (n < least) {
			least = n;
			best = (uint32_t)k;
		}
	}
	return best;
}

static int
by_gram(const void *a, const void *b)
{
	const uint8_t *x = a, *y = b;

	return memcmp(x, y, LIT_MIN);
}

/* Grams that begin alike share a bucket, so that its sets stay small. */
static void
set_nibbles(struct literals *l)
{
	uint8_t g[FEW][LIT_MIN];
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		const struct lit *t = &l->lit[i];

		if (t->mode == LIT_CONTAINS && t->text.len >= LIT_MIN)
			memcpy(g[n++], t->text.ptr + t->gram_at, LIT_MIN);
	}
	qsort(g, n, LIT_MIN, by_gram);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t bucket = (uint8_t)(1u << i * BUCKETS / n);

		for (unsigned k = 0; k < LIT_MIN; k++) {
			l->nibble[k][0][g[i][k] & 15] |= bucket;
			l->nibble[k][1][g[i][k] >> 4] |= bucket;
		}
	}
	l->few = true;
}

static bool
finish_any(struct literals *l, const uint32_t *common)
{
	uint32_t bits = BITS_LEAST;

	if (!grams_init(&l->any, l->nany))
		return false;
	while (bits < BITS_MOST && (1u << bits) < l->nany * 64)
		bits++;
	l->bits_shift = 32 - bits;
	l->bits = calloc(1u << bits >> 5, sizeof(*l->bits));
	if (l->bits == NULL)
		return false;
	for (uint32_t i = 0; i < l->n; i++) {
		struct lit *t = &l->lit[i];
		uint32_t g, h;

		if (t->mode != LIT_CONTAINS || t->text.len < LIT_MIN)
			continue;
		t->gram_at = rarest(t, common);
		g = gram(t->text.ptr + t->gram_at);
		h = gram_hash(g) >> l->bits_shift;
		l->bits[h / 32] |= UINT32_C(1) << (h % 32);
		grams_put(l, &l->any, g, i);
	}
	if (l->avx2 && l->nany <= FEW)
		set_nibbles(l);
	return true;
}

/* Of length and both ends: what lies between is compared. */
static uint32_t
whole_key(struct span s)
{
	uint64_t a = 0, b = 0;

	if (s.len >= 8) {
		a = load_le64(s.ptr);
		b = load_le64(s.ptr + s.len - 8);
	} else {
		for (size_t i = 0; i < s.len; i++)
			a = a << 8 | s.ptr[i];
	}
	return short_hash(a + b * KEY_FACTOR + s.len);
}

size_t
literals_shortest(const struct literals *l)
{
	size_t least = SIZE_MAX;

	for (uint32_t i = 0; i < l->n; i++) {
		struct span s = l->lit[i].text;
		size_t n = 0;

		for (size_t k = 0; k < s.len; k++)
			n += (s.ptr[k] & 0xc0) != 0x80;
		least = MIN_OF(least, n);
	}
	return least;
}

bool
literals_finish(struct literals *l, const uint32_t *common)
{
	if (!grams_init(&l->eq, l->neq) || !grams_init(&l->edge, l->nedge))
		return false;
#if defined(__x86_64__)
	l->avx2 = __builtin_cpu_supports("avx2");
#endif
	for (uint32_t i = 0; i < l->n; i++) {
		const struct span s = l->lit[i].text;
		unsigned class;
		bool ends;

		if (s.len < LIT_MIN && l->lit[i].mode != LIT_EQ)
			continue;
		switch ((enum lit_mode)l->lit[i].mode) {
		case LIT_EQ:
			grams_put(l, &l->eq, whole_key(s), i);
			break;
		case LIT_STARTS:
		case LIT_ENDS:
			ends = l->lit[i].mode == LIT_ENDS;
			class = edge_class(s.len);
			l->edges[ends] |= (uint8_t)(1u << class);
			grams_put(l, &l->edge, edge_key(s, class, ends), i);
			break;
		case LIT_CONTAINS:
			break;
		}
	}
	return l->nany == 0 || finish_any(l, common);
}

static void
search_short(const struct literals *l, struct span text,
    void (*hit)(void *, uint32_t), void *arg)
{
	for (uint32_t i = l->first_short; i != 0; i = l->lit[i - 1].next) {
		const struct lit *t = &l->lit[i - 1];

		if (t->mode == LIT_STARTS ? span_starts(text, t->text) :
		    t->mode == LIT_ENDS ? span_ends(text, t->text) :
		    span_find(text, t->text) != SPAN_NPOS)
			hit(arg, t->id);
	}
}

/* Literals whose gram stands at an offset of the text. */
static void
gram_hit(const struct literals *l, struct span text, size_t at,
    void (*hit)(void *, uint32_t), void *arg)
{
	uint32_t i = grams_find(&l->any, gram(text.ptr + at))->first;

	for (; i != 0; i = l->lit[i - 1].next) {
		const struct lit *t = &l->lit[i - 1];

		if (at >= t->gram_at && span_starts(span_sub(text,
		    at - t->gram_at, SIZE_MAX), t->text))
			hit(arg, t->id);
	}
}

static inline uint32_t
bit_of(const uint32_t *bits, uint32_t shift, uint32_t g)
{
	uint32_t h = gram_hash(g) >> shift;

	return bits[h / 32] >> (h % 32) & 1;
}

#if defined(__x86_64__)
/* Eight places at a time, from at on; returns where it stopped. */
__attribute__((__target__("avx2")))
static size_t
search_avx2(const struct literals *l, struct span text, size_t at,
    void (*hit)(void *, uint32_t), void *arg)
{
	/* The grams at 0 to 3 and 4 to 7, each in four bytes. */
	const __m256i grams = _mm256_setr_epi8(
	    0, 1, 2, -1, 1, 2, 3, -1, 2, 3, 4, -1, 3, 4, 5, -1,
	    4, 5, 6, -1, 5, 6, 7, -1, 6, 7, 8, -1, 7, 8, 9, -1);
	const __m256i factor = _mm256_set1_epi32((int)GRAM_FACTOR);
	const __m256i low = _mm256_set1_epi32(31);
	const __m128i shift = _mm_cvtsi32_si128((int)l->bits_shift);

	for (; at + 16 <= text.len; at += 8) {
		__m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128(
		    (const __m128i *)(const void *)(text.ptr + at)));
		__m256i h = _mm256_srl_epi32(_mm256_mullo_epi32(
		    _mm256_shuffle_epi8(v, grams), factor), shift);
		__m256i w = _mm256_i32gather_epi32(
		    (const int *)(const void *)l->bits,
		    _mm256_srli_epi32(h, 5), 4);
		unsigned any;

		w = _mm256_srlv_epi32(w, _mm256_and_si256(h, low));
		any = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(
		    _mm256_slli_epi32(w, 31)));
		for (; any != 0; any &= any - 1)
			gram_hit(l, text, at + (size_t)__builtin_ctz(any),
			    hit, arg);
	}
	return at;
}
#endif

#if defined(__x86_64__)
/* Both halves the same 16 bytes. */
__attribute__((__target__("avx2")))
static inline __m256i
twice(const uint8_t *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128(
	    (const __m128i *)(const void *)p));
}

/* Of 32 positions from p on, as bits: where a gram may stand. */
__attribute__((__target__("avx2")))
static inline uint32_t
may_stand(__m256i table[LIT_MIN][2], const uint8_t *p)
{
	const __m256i low = _mm256_set1_epi8(15);
	__m256i all = _mm256_set1_epi8(-1);

	for (unsigned k = 0; k < LIT_MIN; k++) {
		__m256i v = _mm256_loadu_si256(
		    (const __m256i *)(const void *)(p + k));
		__m256i a = _mm256_shuffle_epi8(table[k][0],
		    _mm256_and_si256(v, low));
		__m256i b = _mm256_shuffle_epi8(table[k][1],
		    _mm256_and_si256(_mm256_srli_epi16(v, 4), low));

		all = _mm256_and_si256(all, _mm256_and_si256(a, b));
	}
	return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all,
	    _mm256_setzero_si256()));
}

/* 32 places at a time; returns where it stopped. */
__attribute__((__target__("avx2")))
static size_t
search_few(const struct literals *l, struct span text,
    void (*hit)(void *, uint32_t), void *arg)
{
	__m256i table[LIT_MIN][2];
	size_t at = 0;

	for (unsigned k = 0; k < LIT_MIN; k++)
		for (unsigned i = 0; i < 2; i++)
			table[k][i] = twice(l->nibble[k][i]);
	for (; at + 32 + LIT_MIN - 1 <= text.len; at += 32) {
		uint32_t any = may_stand(table, text.ptr + at);

		for (; any != 0; any &= any - 1)
			gram_hit(l, text, at + (size_t)__builtin_ctz(any),
			    hit, arg);
	}
	return at;
}
#endif

/* Four places at a time, so that their look-ups overlap. */
static void
search_any(const struct literals *l, struct span text,
    void (*hit)(void *, uint32_t), void *arg)
{
	const uint32_t *bits = l->bits, shift = l->bits_shift;
	const uint8_t *p = text.ptr;
	size_t at = 0;

#if defined(__x86_64__)
	if (l->few)
		at = search_few(l, text, hit, arg);
	if (l->avx2)
		at = search_avx2(l, text, at, hit, arg);
#endif
	for (; at + 8 <= text.len; at += 4) {
		uint64_t w = load_le64(p + at);
		uint32_t any = bit_of(bits, shift, w & 0xffffff) |
		    bit_of(bits, shift, w >> 8 & 0xffffff) << 1 |
		    bit_of(bits, shift, w >> 16 & 0xffffff) << 2 |
		    bit_of(bits, shift, w >> 24 & 0xffffff) << 3;

		for (; any != 0; any &= any - 1)
			gram_hit(l, text, at + (size_t)__builtin_ctz(any),
			    hit, arg);
	}
	for (; at + LIT_MIN <= text.len; at++)
		if (bit_of(bits, shift, gram(p + at)) != 0)
			gram_hit(l, text, at, hit, arg);
}

static void
search_edges(const struct literals *l, struct span text,
    void (*hit)(void *, uint32_t), void *arg)
{
	for (unsigned ends = 0; ends < 2; ends++) {
		for (unsigned c = 0; c < EDGE_CLASSES; c++) {
			uint32_t i;

			if ((l->edges[ends] >> c & 1) == 0 ||
			    text.len < edge_len[c])
				continue;
			i = grams_find(&l->edge,
			    edge_key(text, c, ends != 0))->first;
			for (; i != 0; i = l->lit[i - 1].next) {
				const struct lit *t = &l->lit[i - 1];

				if (ends ? t->mode == LIT_ENDS &&
				    span_ends(text, t->text) :
				    t->mode == LIT_STARTS &&
				    span_starts(text, t->text))
					hit(arg, t->id);
			}
		}
	}
}

void
literals_search(const struct literals *l, struct span text,
    void (*hit)(void *, uint32_t), void *arg)
{
	uint32_t i;

	if (l->neq != 0) {
		i = grams_find(&l->eq, whole_key(text))->first;
		for (; i != 0; i = l->lit[i - 1].next)
			if (span_eq(l->lit[i - 1].text, text))
				hit(arg, l->lit[i - 1].id);
	}
	if (l->first_short != 0 && !is_ascii(text))
		search_short(l, text, hit, arg);
	if (text.len < LIT_MIN)
		return;
	if (l->nedge != 0)
		search_edges(l, text, hit, arg);
	if (l->nany != 0)
		search_any(l, text, hit, arg);
}
