/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to tokens (RFC 8259), strictly: every text that this takes is in the
 * grammar.  The one leave: bytes in strings that are no UTF-8 are marked, not
 * refused, since one stray byte must not hide an event.
 *
 * Ownership: struct json owns its tokens and reuses them; text is borrowed.
 * Bounds: JSON_DEPTH_MAX (a stack of our own, no recursion), JSON_TOKENS_MAX,
 * texts under 4 GiB.  Finding repeated keys is linear: by a small filter first,
 * by a keyed hash table for objects with many members.
 *
 * Speed is why the text is walked with a pointer and its end here, not with a
 * cursor: every step compares with the end first.  Where the processor can, all
 * quotes and backslashes are found first, 64 bytes at a time, and with them
 * whether any string is out of the ordinary (control characters, escapes that
 * are none, bytes that are no UTF-8).  If none is, which is nearly always so,
 * strings end at the next quote found; else the text is read byte by byte.
 */
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <stdlib.h>

#include "codec.h"

#define TOKENS_FIRST	256	/* a large log record */
#define MARKS_FIRST	1024
#define MARKS_MAX	(2 * JSON_TOKENS_MAX)	/* two quotes a string */
#define MARK_ESCAPED	0x80000000u
#define KEYS_FILTERED	64	/* members up to which the filter serves */

void
json_init(struct json *j)
{
	*j = (struct json){ 0 };
}

void
json_fini(struct json *j)
{
	free(j->tok);
	free(j->slots);
	free(j->marks);
	*j = (struct json){ 0 };
}

/* -- tokens -------------------------------------------------------------- */

static enum json_status
grow(struct json *j)
{
	uint32_t size = j->size == 0 ? TOKENS_FIRST : j->size * 2;
	struct json_token *t;

	if (j->size == JSON_TOKENS_MAX)
		return JSON_LARGE;
	t = realloc(j->tok, (size_t)size * sizeof(*t));
	if (t == NULL)
		return JSON_NO_MEMORY;
	j->tok = t;
	j->size = size;
	return JSON_OK;
}

static inline struct json_token *
put(struct json *j, enum json_type type, const uint8_t *from,
    const uint8_t *end)
{
	struct json_token *t = &j->tok[j->ntok++];

	t->type = (uint8_t)type;
	t->flags = 0;
	t->off = (uint32_t)(from - j->text.ptr);
	t->len = (uint32_t)(end - from);
	t->next = j->ntok;
	return t;
}

struct span
json_raw(const struct json *j, uint32_t i)
{
	return span_of(j->text.ptr + j->tok[i].off, j->tok[i].len);
}

/* -- strings ------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at p (RFC 3629 section 4). */
static size_t
sequence(const uint8_t *p, size_t n)
{
	uint8_t c = p[0], lo = 0x80, hi = 0xbf;
	size_t len = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
	    c < 0xf5 ? 4 : 0;

	if (c == 0xe0)
		lo = 0xa0;
	else if (c == 0xed)
		hi = 0x9f;
	else if (c == 0xf0)
		lo = 0x90;
	else if (c == 0xf4)
		hi = 0x8f;
	if (len == 0 || n < len || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static bool
is_utf8(const uint8_t *p, const uint8_t *end)
{
	while (p != end) {
		size_t n = *p < 0x80 ? 1 : sequence(p, (size_t)(end - p));

		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

/* Four hexadecimal digits, or -1. */
static int32_t
hex4(const uint8_t *p)
{
	int32_t n = 0;

	for (unsigned i = 0; i < 4; i++) {
		int d = ascii_hex(p[i]);

		if (d < 0)
			return -1;
		n = n << 4 | d;
	}
	return n;
}

/* The byte that an escape of one letter stands for, 0 if there is none. */
static const uint8_t escape_byte[256] = {
	['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
	['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};

/* Bytes of the escape at p (which is its backslash), 0 if it is none. */
static inline size_t
escape_len(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 2)
		return 0;
	if (p[1] == 'u')
		return end - p >= 6 && hex4(p + 2) >= 0 ? 6 : 0;
	return escape_byte[p[1]] != 0 ? 2 : 0;
}

/* The character of the \u escapes at *p, which moves behind them. */
static uint32_t
unescape_unit(const uint8_t **p, const uint8_t *end)
{
	int32_t c = hex4(*p + 2), low = -1;

	*p += 6;
	if (c < 0xd800 || c > 0xdfff)
		return (uint32_t)c;
	if (c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
		low = hex4(*p + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*p += 6;
	return (uint32_t)(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
}

/* The escape at p, which is a backslash; both move behind it. */
static inline const uint8_t *
unescape_one(const uint8_t *p, const uint8_t *end, uint8_t **d)
{
	uint8_t c = end - p < 2 ? 0 : escape_byte[p[1]];

	if (c != 0) {
		*(*d)++ = c;
		return p + 2;
	}
	if (escape_len(p, end) == 6)
		*d += utf8_put(*d, unescape_unit(&p, end));
	else
		*(*d)++ = *p++;		/* not taken by json_parse() */
	return p;
}

size_t
json_unescape(struct span src, uint8_t *dst)
{
	const uint8_t *p = src.ptr, *end = p + src.len;
	uint8_t *d = dst;

#ifdef __x86_64__
	/* dst has as much room from d on as there is from p on, or more. */
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned stop = (unsigned)_mm_movemask_epi8(
		    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
		unsigned n = stop == 0 ? 16 : (unsigned)__builtin_ctz(stop);

		_mm_storeu_si128((__m128i *)(void *)d, v);
		p += n;
		d += n;
		if (stop != 0)
			p = unescape_one(p, end, &d);
	}
#endif
	while (p != end) {
		if (*p == '\\')
			p = unescape_one(p, end, &d);
		else
			*d++ = *p++;
	}
	return (size_t)(d - dst);
}

struct span
json_text(const struct json *j, uint32_t i, struct arena *a)
{
	struct span raw = json_raw(j, i);
	uint8_t *p;

	if ((j->tok[i].flags & JSON_F_ESCAPED) == 0)
		return raw;
	if ((p = arena_alloc(a, raw.len)) == NULL)
		return SPAN_NONE;
	return span_of(p, json_unescape(raw, p));
}

/*
 * p is behind the opening quote; gives the closing quote, or NULL and in
 * *bad where the string breaks.
 */
static inline const uint8_t *
scan_string(const uint8_t *p, const uint8_t *end, uint8_t *flags,
    const uint8_t **bad)
{
	const uint8_t *from = p;
	unsigned high = 0;
	size_t n;

	for (;;) {
#ifdef __x86_64__
		while (end - p >= 16) {
			const __m128i quote = _mm_set1_epi8('"');
			const __m128i slash = _mm_set1_epi8('\\');
			const __m128i ctl = _mm_set1_epi8(0x1f);
			__m128i v = _mm_loadu_si128(
			    (const __m128i *)(const void *)p);
			unsigned stop = (unsigned)_mm_movemask_epi8(
			    _mm_or_si128(_mm_or_si128(
			    _mm_cmpeq_epi8(v, quote),
			    _mm_cmpeq_epi8(v, slash)),
			    _mm_cmpeq_epi8(_mm_min_epu8(v, ctl), v)));
			unsigned hi = (unsigned)_mm_movemask_epi8(v);

			if (stop != 0) {
				high |= hi & ((stop & -stop) - 1);
				p += __builtin_ctz(stop);
				break;
			}
			high |= hi;
			p += 16;
		}
#endif
		while (p != end && *p != '"' && *p != '\\' && *p >= 0x20)
			high |= *p++ & 0x80;
		if (p == end || *p < 0x20)
			break;
		if (*p == '"') {
			if (high != 0 && !is_utf8(from, p))
				*flags |= JSON_F_NOT_UTF8;
			return p;
		}
		if ((n = escape_len(p, end)) == 0)
			break;
		*flags |= JSON_F_ESCAPED;
		p += n;
	}
	*bad = p;
	return NULL;
}

/* -- numbers ------------------------------------------------------------- */

static inline const uint8_t *
scan_digits(const uint8_t *p, const uint8_t *end)
{
	while (p != end && ascii_is_digit(*p))
		p++;
	return p;
}

/* Behind the number at p, NULL if it is none. */
static inline const uint8_t *
scan_number(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q;

	if (p != end && *p == '-')
		p++;
	if (p != end && *p == '0')
		q = p + 1;
	else
		q = scan_digits(p, end);
	if (q == p)
		return NULL;
	if (q != end && *q == '.') {
		p = ++q;
		if ((q = scan_digits(p, end)) == p)
			return NULL;
	}
	if (q != end && (*q | 0x20) == 'e') {
		q++;
		if (q != end && (*q == '+' || *q == '-'))
			q++;
		p = q;
		if ((q = scan_digits(p, end)) == p)
			return NULL;
	}
	return q;
}

bool
json_u64(const struct json *j, uint32_t i, uint64_t *out)
{
	return j->tok[i].type == JSON_NUMBER && span_u64(json_raw(j, i), out);
}

bool
json_i64(const struct json *j, uint32_t i, int64_t *out)
{
	struct span s = json_raw(j, i);
	bool minus = s.len != 0 && s.ptr[0] == '-';
	uint64_t n;

	if (j->tok[i].type != JSON_NUMBER ||
	    !span_u64(span_sub(s, minus, SIZE_MAX), &n))
		return false;
	if (minus) {
		if (n > (uint64_t)INT64_MAX + 1)
			return false;
		*out = (int64_t)(0 - n);
	} else {
		if (n > INT64_MAX)
			return false;
		*out = (int64_t)n;
	}
	return true;
}

bool
json_f64(const struct json *j, uint32_t i, double *out)
{
	static const double ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
	    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	struct span s = json_raw(j, i);
	char text[512];		/* digits beyond that change nothing */
	uint64_t n = 0;
	size_t k, frac = 0;
	bool dot = false;

	if (j->tok[i].type != JSON_NUMBER)
		return false;
	/* Up to 15 digits and no exponent: exact in one division. */
	for (k = s.ptr[0] == '-'; k < s.len && k < 17; k++) {
		if (s.ptr[k] == '.') {
			dot = true;
			continue;
		}
		if (!ascii_is_digit(s.ptr[k]))
			break;
		n = n * 10 + (s.ptr[k] - '0');
		frac += dot;
	}
	if (k == s.len && n < UINT64_C(1) << 53 && frac < NITEMS(ten)) {
		*out = (double)n / ten[frac];
		if (s.ptr[0] == '-')
			*out = -*out;
		return true;
	}
	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	*out = strtod(text, NULL);
	return __builtin_isfinite(*out);
}

/* -- repeated keys ------------------------------------------------------- */

#define KEY_DECODED	256	/* longer keys are compared as they stand */

/* A key as it is compared: escapes decoded into tmp. */
static struct span
key_text(const struct json *j, uint32_t i, uint8_t tmp[KEY_DECODED])
{
	struct span s = json_raw(j, i);

	if ((j->tok[i].flags & JSON_F_ESCAPED) == 0 || s.len > KEY_DECODED)
		return s;
	return span_of(tmp, json_unescape(s, tmp));
}

static bool
key_eq(const struct json *j, uint32_t a, uint32_t b)
{
	uint8_t ta[KEY_DECODED], tb[KEY_DECODED];

	return span_eq(key_text(j, a, ta), key_text(j, b, tb));
}

static inline unsigned
key_bit(const struct json *j, uint32_t i)
{
	const uint8_t *p = j->text.ptr + j->tok[i].off;
	uint32_t len = j->tok[i].len, h = len;

	if (len >= 4)
		h ^= load_le32(p) * 0x9e3779b1u ^
		    load_le32(p + len - 4) * 0x85ebca6bu;
	else if (len != 0)
		h ^= (uint32_t)(p[0] | p[len / 2] << 8 | p[len - 1] << 16) *
		    0x9e3779b1u;
	return h * 0xc2b2ae35u >> 24;
}

static void
mark_repeated(struct json *j, uint32_t key)
{
	j->tok[key].flags |= JSON_F_REPEATED;
	j->flags |= JSON_F_REPEATED;
}

/* Objects with few members: a filter of 256 bits, and a look at every earlier
 * key when it says "maybe". */
static void
find_repeated_few(struct json *j, uint32_t first, uint32_t end)
{
	uint64_t seen[4] = { 0 };

	for (uint32_t i = first; i < end; i = j->tok[i + 1].next) {
		unsigned bit = key_bit(j, i);
		uint64_t mask = UINT64_C(1) << (bit & 63);

		if ((seen[bit >> 6] & mask) == 0) {
			seen[bit >> 6] |= mask;
			continue;
		}
		for (uint32_t k = first; k < i; k = j->tok[k + 1].next) {
			if (key_eq(j, k, i)) {
				mark_repeated(j, i);
				break;
			}
		}
	}
}

static bool
find_repeated_many(struct json *j, uint32_t first, uint32_t end, uint32_t n)
{
	uint64_t seed = hash_seed();
	uint32_t need = 256;

	while (need < n * 2)
		need *= 2;
	if (need > j->nslots) {
		uint32_t *p = realloc(j->slots, need * sizeof(*p));

		if (p == NULL)
			return false;
		j->slots = p;
		j->nslots = need;
	}
	memset(j->slots, 0, need * sizeof(*j->slots));
	for (uint32_t i = first; i < end; i = j->tok[i + 1].next) {
		uint8_t tmp[KEY_DECODED];
		struct span s = key_text(j, i, tmp);
		uint32_t h = (uint32_t)hash_bytes(s.ptr, s.len, seed);

		/* 0 is free: keys never have index 0. */
		for (h &= need - 1; j->slots[h] != 0; h = (h + 1) & (need - 1))
			if (key_eq(j, j->slots[h], i))
				break;
		if (j->slots[h] != 0)
			mark_repeated(j, i);
		else
			j->slots[h] = i;
	}
	return true;
}

static inline bool
find_repeated(struct json *j, uint32_t object, uint32_t n, bool escaped)
{
	uint32_t first = object + 1;

	if (n < 2)
		return true;
	if (n <= KEYS_FILTERED && !escaped) {
		find_repeated_few(j, first, j->ntok);
		return true;
	}
	return find_repeated_many(j, first, j->ntok, n);
}

uint32_t
json_member(const struct json *j, uint32_t object, struct span name)
{
	uint32_t end = j->tok[object].next;

	if (j->tok[object].type != JSON_OBJECT)
		return 0;
	for (uint32_t i = object + 1; i < end; i = j->tok[i + 1].next) {
		uint8_t tmp[KEY_DECODED];

		if (span_eq(key_text(j, i, tmp), name))
			return i + 1;
	}
	return 0;
}

/* -- all strings at once -------------------------------------------------- */

#define BLOCK	64

#ifdef __x86_64__
/* Bit i: whether an odd number of bits of x is set at or before i. */
static inline uint64_t
prefix_xor(uint64_t x)
{
	x ^= x << 1;
	x ^= x << 2;
	x ^= x << 4;
	x ^= x << 8;
	x ^= x << 16;
	x ^= x << 32;
	return x;
}

/* The bytes that a backslash stands before and escapes; *carry: the first byte
 * of the next block is one.  Of a row of backslashes every other one escapes:
 * adding the starts of rows to the rows carries a bit to the end of each. */
static inline uint64_t
escaped_bytes(uint64_t slash, uint64_t *carry)
{
	const uint64_t even = UINT64_C(0x5555555555555555);
	uint64_t follows, odd_starts, even_ends;
	bool over;

	slash &= ~*carry;
	follows = slash << 1 | *carry;
	odd_starts = slash & ~even & ~follows;
	over = __builtin_add_overflow(odd_starts, slash, &even_ends);
	*carry = over;
	return (even ^ even_ends << 1) & follows;
}

/* What of 32 bytes is no letter of an escape, a bit each; "u" counts as one. */
__attribute__((__target__("avx2")))
static inline uint32_t
no_escape(__m256i v)
{
	/* By the low four bits: which high ones make a letter of it.
	 * 1: 2x ("/), 2: 5x (\), 4: 6x (bfn), 8: 7x (rtu) */
	const __m256i by_low = _mm256_setr_epi8(
	    0, 0, 1 | 4 | 8, 0, 8, 8, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1,
	    0, 0, 1 | 4 | 8, 0, 8, 8, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1);
	const __m256i by_high = _mm256_setr_epi8(
	    0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i low = _mm256_shuffle_epi8(by_low,
	    _mm256_and_si256(v, nibble));
	__m256i high = _mm256_shuffle_epi8(by_high,
	    _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(
	    _mm256_and_si256(low, high), _mm256_setzero_si256()));
}

/* Does each of these "u" of the block at p have its four digits? */
static bool
are_units(uint64_t bits, const uint8_t *p, const uint8_t *end)
{
	for (; bits != 0; bits &= bits - 1) {
		const uint8_t *u = p + __builtin_ctzll(bits);

		if (end - u < 5 || hex4(u + 1) < 0)
			return false;
	}
	return true;
}

/* Room for the quotes of one more block. */
static bool
grow_marks(struct json *j, uint32_t n)
{
	uint32_t size = j->marks_size == 0 ? MARKS_FIRST : j->marks_size * 2;
	uint32_t *p;

	if (n + BLOCK <= j->marks_size)
		return true;
	if (size > MARKS_MAX ||
	    (p = realloc(j->marks, size * sizeof(*p))) == NULL)
		return false;
	j->marks = p;
	j->marks_size = size;
	return true;
}

/* Fills j->marks with the places of all quotes that no backslash escapes, with
 * MARK_ESCAPED where a backslash stands between the last one and this.  False
 * when a string may be out of the ordinary. */
__attribute__((__target__("avx2,popcnt")))
static bool
mark_strings(struct json *j)
{
	const uint8_t *text = j->text.ptr, *end = text + j->text.len;
	const __m256i is_quote = _mm256_set1_epi8('"');
	const __m256i is_slash = _mm256_set1_epi8('\\');
	const __m256i ctl = _mm256_set1_epi8(0x1f);
	uint64_t carry = 0, bad = 0;
	__m256i any = _mm256_setzero_si256();
	uint32_t n = 0, inside = 0, seen = 0;
	uint8_t pad[BLOCK];

	for (const uint8_t *p = text; p < end; p += BLOCK) {
		uint32_t at = (uint32_t)(p - text);
		const uint8_t *q = p;
		uint64_t quote, slash, esc;
		__m256i a, b, c;

		if (end - p < BLOCK) {
			memset(pad, ' ', sizeof(pad));
			memcpy(pad, p, (size_t)(end - p));
			q = pad;
		}
		a = _mm256_loadu_si256((const __m256i *)(const void *)q);
		b = _mm256_loadu_si256((const __m256i *)(const void *)
		    (q + 32));
		any = _mm256_or_si256(any, _mm256_or_si256(a, b));
#define BITS(x, y)	((uint64_t)(uint32_t)_mm256_movemask_epi8(x) |	\
	(uint64_t)(uint32_t)_mm256_movemask_epi8(y) << 32)
		quote = BITS(_mm256_cmpeq_epi8(a, is_quote),
		    _mm256_cmpeq_epi8(b, is_quote));
		slash = BITS(_mm256_cmpeq_epi8(a, is_slash),
		    _mm256_cmpeq_epi8(b, is_slash));
		if ((slash | carry) != 0) {
			esc = escaped_bytes(slash, &carry);
			bad |= esc & (no_escape(a) |
			    (uint64_t)no_escape(b) << 32);
			quote &= ~esc;
			if (!are_units(esc & BITS(_mm256_cmpeq_epi8(a,
			    _mm256_set1_epi8('u')), _mm256_cmpeq_epi8(b,
			    _mm256_set1_epi8('u'))), p, end))
				return false;
		}
		c = _mm256_min_epu8(a, b);
		if (!_mm256_testz_si256(_mm256_cmpeq_epi8(
		    _mm256_min_epu8(c, ctl), c), _mm256_set1_epi8(-1)))
			bad |= (prefix_xor(quote) ^ (0 - (uint64_t)inside)) &
			    BITS(_mm256_cmpeq_epi8(_mm256_min_epu8(a, ctl), a),
			    _mm256_cmpeq_epi8(_mm256_min_epu8(b, ctl), b));
#undef BITS
		inside ^= (uint32_t)__builtin_popcountll(quote) & 1;
		if (quote != 0 && !grow_marks(j, n))
			return false;
		for (; quote != 0; quote &= quote - 1) {
			uint64_t below = (quote & -quote) - 1;

			j->marks[n++] = (at +
			    (unsigned)__builtin_ctzll(quote)) |
			    ((slash & below) != 0 || seen != 0 ?
			    MARK_ESCAPED : 0);
			slash &= ~below;
			seen = 0;
		}
		seen |= slash != 0;
	}
	j->nmarks = n;
	return bad == 0 && carry == 0 &&
	    (_mm256_movemask_epi8(any) == 0 || is_utf8(text, end));
}
#endif

/* True: j->marks tells the strings of the text. */
static bool
mark(struct json *j)
{
#ifdef __x86_64__
	return j->text.len < MARK_ESCAPED && __builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("popcnt") && mark_strings(j);
#else
	(void)j;
	return false;
#endif
}

/* -- the parser ---------------------------------------------------------- */

struct open {			/* bracket that is open */
	uint32_t	token;
	uint32_t	members;
	bool		escaped;	/* one of the keys is */
};

struct parser {
	struct json	*j;
	const uint8_t	*p, *end;
	struct open	 open[JSON_DEPTH_MAX];
	unsigned	 depth;
	const uint32_t	*mark, *marks_end;	/* next quote; NULL: look */
};

static inline void
blanks(struct parser *x)
{
	const uint8_t *p = x->p;

	while (p != x->end && *p <= ' ' &&
	    (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	x->p = p;
}

static inline enum json_status
string(struct parser *x, bool is_key)
{
	const uint8_t *from = ++x->p, *bad = from, *q;
	struct json_token *t;
	uint8_t flags = 0;

	if (x->mark != NULL) {
		const uint8_t *text = x->j->text.ptr;

		/* The opening quote is the next one: all before it were. */
		if (x->marks_end - x->mark < 2) {
			x->p = x->end;
			return JSON_BROKEN;
		}
		q = text + (x->mark[1] & ~MARK_ESCAPED);
		flags = (x->mark[1] & MARK_ESCAPED) != 0 ? JSON_F_ESCAPED : 0;
		x->mark += 2;
	} else if ((q = scan_string(from, x->end, &flags, &bad)) == NULL) {
		x->p = bad;
		return JSON_BROKEN;
	}
	t = put(x->j, JSON_STRING, from, q);
	t->flags = flags;
	x->j->flags |= flags;
	if (is_key && (flags & JSON_F_ESCAPED) != 0)
		x->open[x->depth - 1].escaped = true;
	x->p = q + 1;
	return JSON_OK;
}

static inline enum json_status
word(struct parser *x, struct span name, enum json_type type)
{
	if ((size_t)(x->end - x->p) < name.len ||
	    memcmp(x->p, name.ptr, name.len) != 0)
		return JSON_BROKEN;
	put(x->j, type, x->p, x->p + name.len);
	x->p += name.len;
	return JSON_OK;
}

static inline enum json_status
open_bracket(struct parser *x, enum json_type type)
{
	if (x->depth == JSON_DEPTH_MAX)
		return JSON_DEEP;
	x->open[x->depth++] = (struct open){ .token = x->j->ntok };
	put(x->j, type, x->p, x->p + 1);
	x->p++;
	return JSON_OK;
}

static inline enum json_status
close_bracket(struct parser *x)
{
	struct open *o = &x->open[--x->depth];
	struct json_token *t = &x->j->tok[o->token];

	t->next = x->j->ntok;
	x->p++;
	t->len = (uint32_t)(x->p - x->j->text.ptr) - t->off;
	if (t->type == JSON_OBJECT && !x->j->loose &&
	    !find_repeated(x->j, o->token, o->members, o->escaped))
		return JSON_NO_MEMORY;
	return JSON_OK;
}

/* "name" : */
static inline enum json_status
key(struct parser *x)
{
	enum json_status status;

	if (x->p == x->end || *x->p != '"')
		return JSON_BROKEN;
	if ((status = string(x, true)) != JSON_OK)
		return status;
	x->open[x->depth - 1].members++;
	blanks(x);
	if (x->p == x->end || *x->p != ':')
		return JSON_BROKEN;
	x->p++;
	blanks(x);
	return JSON_OK;
}

/* A value, or the opening bracket of one; *opened says which. */
static inline enum json_status
value(struct parser *x, bool *opened)
{
	const uint8_t *q;

	*opened = false;
	if (x->p == x->end)
		return JSON_BROKEN;
	switch (*x->p) {
	case '"':
		return string(x, false);
	case '{':
		*opened = true;
		return open_bracket(x, JSON_OBJECT);
	case '[':
		*opened = true;
		return open_bracket(x, JSON_ARRAY);
	case 't':
		return word(x, SPAN_LIT("true"), JSON_TRUE);
	case 'f':
		return word(x, SPAN_LIT("false"), JSON_FALSE);
	case 'n':
		return word(x, SPAN_LIT("null"), JSON_NULL);
	default:
		if ((q = scan_number(x->p, x->end)) == NULL)
			return JSON_BROKEN;
		put(x->j, JSON_NUMBER, x->p, q);
		x->p = q;
		return JSON_OK;
	}
}

/* Behind a value: closes what ends here; stops at the next value of what is
 * open, or with depth 0 at the end. */
static inline enum json_status
after_value(struct parser *x)
{
	enum json_status status;

	while (x->depth != 0) {
		bool object = x->j->tok[x->open[x->depth - 1].token].type ==
		    JSON_OBJECT;

		blanks(x);
		if (x->p == x->end)
			return JSON_BROKEN;
		if (*x->p == ',') {
			x->p++;
			blanks(x);
			return object ? key(x) : JSON_OK;
		}
		if (*x->p != (object ? '}' : ']'))
			return JSON_BROKEN;
		if ((status = close_bracket(x)) != JSON_OK)
			return status;
	}
	return JSON_OK;
}

/* Behind an opening bracket: *empty when it closes at once. */
static inline enum json_status
after_open(struct parser *x, bool *empty)
{
	bool object = x->j->tok[x->j->ntok - 1].type == JSON_OBJECT;

	blanks(x);
	*empty = x->p != x->end && *x->p == (object ? '}' : ']');
	if (*empty)
		return close_bracket(x);
	return object ? key(x) : JSON_OK;
}

static enum json_status
parse(struct parser *x)
{
	struct json *j = x->j;
	enum json_status status;
	bool again;

	blanks(x);
	do {
		/* Room for a value and the key that may follow. */
		if (j->ntok + 2 > j->size && (status = grow(j)) != JSON_OK)
			return status;
		if ((status = value(x, &again)) != JSON_OK)
			return status;
		if (again) {
			if ((status = after_open(x, &again)) != JSON_OK)
				return status;
			again = !again;
		}
		if (!again && (status = after_value(x)) != JSON_OK)
			return status;
	} while (x->depth != 0);
	blanks(x);
	return x->p == x->end ? JSON_OK : JSON_BROKEN;
}

static enum json_status
parse_text(struct json *j, struct span text)
{
	struct parser x;
	enum json_status status;

	j->text = text;
	j->ntok = 0;
	j->flags = 0;
	j->bad_at = 0;
	if (text.len == 0)
		return JSON_BROKEN;
	if (text.len > UINT32_MAX)
		return JSON_LARGE;
	/* Not cleared: the stack is written before it is read. */
	x.j = j;
	x.p = text.ptr;
	x.end = text.ptr + text.len;
	x.depth = 0;
	x.mark = mark(j) ? j->marks : NULL;
	x.marks_end = x.mark == NULL ? NULL : x.mark + j->nmarks;
	status = parse(&x);
	if (status != JSON_OK) {
		j->bad_at = (uint32_t)(x.p - text.ptr);
		j->ntok = 0;
	}
	return status;
}

enum json_status
json_parse(struct json *j, struct span text)
{
	j->loose = false;
	return parse_text(j, text);
}

enum json_status
json_parse_loose(struct json *j, struct span text)
{
	j->loose = true;
	return parse_text(j, text);
}
