/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON by values: NDJSON (an object a line), an array of objects of any
 * length, and objects one after the other, in any layout.
 *
 * Two ways of reading.  When the first line is a whole object, lines are
 * records, and a broken line spoils nothing but itself.  Otherwise the end of
 * each value is found by its brackets and strings alone; the decoder checks
 * the grammar.  A line end in a string, a bracket that closes the other kind
 * or an object where no value may stand ends a broken value there, and reading
 * goes on with the next object.
 *
 * Bounds: JSON_VALUE_MAX for a value or line.  Encodings: textwin.c.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "source.h"

#define JSON_VALUE_MAX	(8u << 20)	/* what a batch can hold of it */
#define FIRST_LINE_MAX	(1u << 20)	/* looked at to choose the way */

/* Where the search for the end of a value stands. */
struct scan {
	size_t		pos;		/* bytes of the value seen */
	uint32_t	depth;
	bool		deep;		/* kinds has lost some */
	bool		escaped;	/* the byte at pos is */
	uint64_t	kinds;		/* open brackets, 1: array; top last */
	uint64_t	in_string;	/* all ones or none */
};

enum scan_result {
	SCAN_MORE,	/* no end so far */
	SCAN_DONE,	/* pos is behind the value */
	SCAN_LINE_END,	/* line end in a string at pos */
	SCAN_CLOSER,	/* bracket of the wrong kind at pos */
	SCAN_OBJECT	/* object where no value may stand at pos */
};

enum json_mode { MODE_UNKNOWN, MODE_LINES, MODE_VALUES };

struct json_state {
	struct textwin	tw;
	enum json_mode	mode;
	bool		in_array;	/* the outermost, no value itself */
	bool		resync;		/* pass over all up to the next object
					 * that begins a line */
	bool		too_large;	/* value at hand is passed over */
	struct scan	scan;
	uint64_t	values;
};

/* -- the end of a value -------------------------------------------------- */

#define BLOCK	64

struct masks {		/* a bit a byte of the block */
	uint64_t	quote, backslash, line_end, bracket;
};

/* '[' and ']' become '{' and '}' by this bit; nothing else does but ESC and
 * GS, which JSON cannot hold outside of strings. */
#define BRACKET_BIT	0x20

static inline struct masks
classify(const uint8_t *p)
{
	struct masks m = { 0 };

#ifdef __SSE2__
	for (unsigned i = 0; i < BLOCK; i += 16) {
		__m128i v = _mm_loadu_si128(
		    (const __m128i *)(const void *)(p + i));
		__m128i w = _mm_or_si128(v, _mm_set1_epi8(BRACKET_BIT));
		__m128i br = _mm_or_si128(
		    _mm_cmpeq_epi8(w, _mm_set1_epi8('{')),
		    _mm_cmpeq_epi8(w, _mm_set1_epi8('}')));

#define MASK(x)	((uint64_t)(uint32_t)_mm_movemask_epi8(x) << i)
		m.quote |= MASK(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
		m.backslash |= MASK(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
		m.line_end |= MASK(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
		m.bracket |= MASK(br);
#undef MASK
	}
#else
	for (unsigned i = 0; i < BLOCK; i++) {
		uint8_t w = p[i] | BRACKET_BIT;

		m.quote |= (uint64_t)(p[i] == '"') << i;
		m.backslash |= (uint64_t)(p[i] == '\\') << i;
		m.line_end |= (uint64_t)(p[i] == '\n') << i;
		m.bracket |= (uint64_t)(w == '{' || w == '}') << i;
	}
#endif
	return m;
}

/* The bytes that a backslash stands before, in a block of n bytes. */
static inline uint64_t
escaped_bytes(uint64_t backslash, size_t n, bool *carry)
{
	uint64_t escaped = *carry;

	backslash &= ~escaped;
	*carry = false;
	while (backslash != 0) {
		unsigned i = (unsigned)__builtin_ctzll(backslash);

		if (i + 1 == n) {
			*carry = true;
			break;
		}
		escaped |= UINT64_C(2) << i;
		backslash &= ~(UINT64_C(3) << i);
	}
	return escaped;
}

/* Bit i: whether an odd number of quotes stands at or before i. */
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

/* May a value stand at pos?  Looks back for what is before it; what was
 * dropped of a value that is too large counts as fine. */
static bool
value_may_stand(const struct scan *s, struct span v, size_t pos)
{
	uint8_t c;

	do {
		if (pos == 0)
			return true;
		c = v.ptr[--pos];
	} while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
	return c == ':' || c == '[' || (c == ',' && (s->kinds & 1) != 0);
}

static enum scan_result
scan_bracket(struct scan *s, struct span v, size_t pos)
{
	uint8_t c = v.ptr[pos];
	bool is_array = c == '[' || c == ']';

	if (c == '{' || c == '[') {
		if (c == '{' && s->depth != 0 && !s->deep &&
		    !value_may_stand(s, v, pos))
			return SCAN_OBJECT;
		s->kinds = s->kinds << 1 | is_array;
		if (++s->depth > 64)
			s->deep = true;
	} else if (c == '}' || c == ']') {
		if (!s->deep && (s->kinds & 1) != is_array)
			return SCAN_CLOSER;
		s->kinds >>= 1;
		if (--s->depth == 0)
			return SCAN_DONE;
	}
	return SCAN_MORE;
}

/* v begins with the value (or with what is left of it). */
static enum scan_result
scan_run(struct scan *s, struct span v)
{
	while (s->pos < v.len) {
		size_t n = MIN_OF(v.len - s->pos, (size_t)BLOCK);
		const uint8_t *p = v.ptr + s->pos;
		uint64_t in_string, broken, ops;
		uint8_t pad[BLOCK];
		struct masks m;

		if (n < BLOCK) {
			memset(pad, ' ', sizeof(pad));
			memcpy(pad, p, n);
			p = pad;
		}
		m = classify(p);
		if (m.backslash != 0 || s->escaped)
			m.quote &= ~escaped_bytes(m.backslash, n, &s->escaped);
		in_string = prefix_xor(m.quote) ^ s->in_string;
		broken = m.line_end & in_string;
		ops = m.bracket & ~in_string;
		if (broken != 0)
			ops &= (broken & -broken) - 1;
		for (; ops != 0; ops &= ops - 1) {
			size_t i = s->pos + (unsigned)__builtin_ctzll(ops);
			enum scan_result r = scan_bracket(s, v, i);

			if (r != SCAN_MORE) {
				s->pos = i + (r == SCAN_DONE);
				return r;
			}
		}
		if (broken != 0) {
			s->pos += (unsigned)__builtin_ctzll(broken);
			return SCAN_LINE_END;
		}
		s->in_string = 0 - (in_string >> 63);
		s->pos += n;
	}
	return SCAN_MORE;
}

/* -- records ------------------------------------------------------------- */

static struct record
record_of(const struct json_state *j, struct span data)
{
	return (struct record){ .data = data, .whole = data,
	    .time = TIME_NONE, .no = j->values, .offset = j->tw.offset,
	    .type = REC_JSON };
}

static void
weird_here(struct json_state *j, struct batch *b, enum weird w, size_t len)
{
	struct record r = record_of(j,
	    span_sub(textwin_view(&j->tw), 0, len));

	batch_weird(b, w, &r);
}

static inline bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t
skip_blanks(struct span v, size_t i)
{
	while (i < v.len && is_blank(v.ptr[i]))
		i++;
	return i;
}

/* -- lines --------------------------------------------------------------- */

static enum source_status
read_lines(struct src *src, struct json_state *j, struct batch *b)
{
	while (b->nrecords < BATCH_RECORDS) {
		struct span line;
		uint64_t offset;
		struct record r;
		enum line_status status = textwin_line(&j->tw, b,
		    JSON_VALUE_MAX, &line, &offset);

		if (status == LINE_WAIT)
			return SOURCE_MORE;
		if (status == LINE_END)
			return textwin_end(src);
		src->records = j->values = j->tw.lines;
		line = span_trim(line);
		if (line.len != 0 && line.ptr[line.len - 1] == ',')
			line.len--;
		if (line.len == 0)
			continue;
		r = record_of(j, line);
		r.offset = offset;
		if (status == LINE_LONG)
			batch_weird(b, WEIRD_JSON_SIZE, &r);
		else
			*batch_record(b) = r;
	}
	return SOURCE_MORE;
}

/* -- values -------------------------------------------------------------- */

enum json_step {
	STEP_AGAIN,	/* something was done; look anew */
	STEP_WAIT,	/* hand over the batch first */
	STEP_END
};

static enum json_step
more(struct json_state *j, struct batch *b)
{
	size_t have = textwin_view(&j->tw).len;

	if (textwin_eof(&j->tw))
		return STEP_END;
	if (b->nrecords != 0)
		return STEP_WAIT;
	textwin_fill(&j->tw, b, have + MAX_OF(have, (size_t)WINDOW_BLOCK));
	return STEP_AGAIN;
}

/* Up to a line that begins with an object. */
static enum json_step
resync(struct json_state *j, struct batch *b)
{
	struct span v = textwin_view(&j->tw);
	size_t i = 0;

	for (;;) {
		const uint8_t *nl = i == v.len ? NULL :
		    memchr(v.ptr + i, '\n', v.len - i);

		if (nl == NULL) {
			textwin_take(&j->tw, v.len);
			return more(j, b);
		}
		i = skip_blanks(v, (size_t)(nl - v.ptr));
		if (i == v.len) {
			/* A line begins here; between() sees with what. */
			textwin_take(&j->tw, v.len);
			j->resync = false;
			return more(j, b);
		}
		if (v.ptr[i] == '{') {
			textwin_take(&j->tw, i);
			j->resync = false;
			return STEP_AGAIN;
		}
	}
}

/* Between values.  *found: the view begins with a bracket. */
static enum json_step
between(struct json_state *j, struct batch *b, bool *found)
{
	struct span v = textwin_view(&j->tw);
	size_t i;
	uint8_t c = 0;

	for (i = 0; i < v.len; i++) {
		c = v.ptr[i];
		if (c == '[' && !j->in_array)
			j->in_array = true;
		else if (c == ']' && j->in_array)
			j->in_array = false;
		else if (!is_blank(c) && c != ',')
			break;
	}
	textwin_take(&j->tw, i);
	if (i == v.len)
		return more(j, b);
	if (c == '{' || c == '[') {
		*found = true;
		j->values++;
		j->scan = (struct scan){ 0 };
		return STEP_AGAIN;
	}
	/* Numbers and names between objects carry no facts. */
	for (; i < v.len; i++) {
		c = ascii_lower(v.ptr[i]);
		if (!ascii_is_digit(c) && (c < 'a' || c > 'z') && c != '-' &&
		    c != '+' && c != '.')
			break;
	}
	i -= v.len - textwin_view(&j->tw).len;
	if (i == 0) {
		weird_here(j, b, WEIRD_JSON_BAD, 1);
		j->resync = true;
	}
	textwin_take(&j->tw, i);
	return STEP_AGAIN;
}

/* The view begins with a value whose end is to be found. */
static enum json_step
value(struct json_state *j, struct batch *b, bool *in_value)
{
	struct span v = textwin_view(&j->tw);
	enum scan_result r = scan_run(&j->scan, v);
	enum json_step step;

	if (r == SCAN_MORE) {
		if (!j->too_large && v.len > JSON_VALUE_MAX) {
			weird_here(j, b, WEIRD_JSON_SIZE, v.len);
			j->too_large = true;
		}
		if (j->too_large) {
			textwin_take(&j->tw, v.len);
			j->scan.pos = 0;
		}
		step = more(j, b);
		if (step == STEP_END && !j->too_large)
			weird_here(j, b, WEIRD_JSON_BAD, v.len);
		return step;
	}
	*in_value = false;
	if (r == SCAN_DONE) {
		v.len = j->scan.pos;
		if (!j->too_large && v.len > JSON_VALUE_MAX)
			weird_here(j, b, WEIRD_JSON_SIZE, v.len);
		else if (!j->too_large)
			*batch_record(b) = record_of(j, v);
	} else {
		weird_here(j, b, WEIRD_JSON_BAD, j->scan.pos);
		j->resync = r != SCAN_OBJECT;
	}
	j->too_large = false;
	textwin_take(&j->tw, j->scan.pos);
	j->scan = (struct scan){ 0 };
	return STEP_AGAIN;
}

static enum source_status
read_values(struct src *src, struct json_state *j, struct batch *b)
{
	while (b->nrecords < BATCH_RECORDS) {
		bool in_value = j->scan.depth != 0;
		enum json_step step = STEP_AGAIN;

		if (j->resync)
			step = resync(j, b);
		else if (!in_value)
			step = between(j, b, &in_value);
		if (in_value)
			step = value(j, b, &in_value);
		src->records = j->values;
		if (step == STEP_WAIT)
			return SOURCE_MORE;
		if (step == STEP_END)
			return textwin_end(src);
	}
	return SOURCE_MORE;
}

/* -- the row ------------------------------------------------------------- */

/* The first line is a value and nothing else: lines. */
static enum json_mode
choose(struct json_state *j, struct batch *b)
{
	for (size_t want = WINDOW_BLOCK;; want *= 2) {
		struct scan s = { 0 };
		enum scan_result r;
		struct span v;
		size_t from;

		textwin_fill(&j->tw, b, want);
		v = textwin_view(&j->tw);
		from = skip_blanks(v, 0);
		v = span_sub(v, from, SIZE_MAX);
		if (v.len == 0 || v.ptr[0] != '{')
			return MODE_VALUES;
		r = scan_run(&s, v);
		if (r == SCAN_MORE) {
			if (textwin_eof(&j->tw) || want > FIRST_LINE_MAX)
				return MODE_VALUES;
			continue;
		}
		if (r == SCAN_LINE_END)
			return MODE_LINES;
		if (memchr(v.ptr, '\n', s.pos) != NULL)
			return MODE_VALUES;
		while (s.pos < v.len && (v.ptr[s.pos] == ' ' ||
		    v.ptr[s.pos] == '\t' || v.ptr[s.pos] == '\r' ||
		    v.ptr[s.pos] == ','))
			s.pos++;
		return r == SCAN_DONE &&
		    (s.pos == v.len || v.ptr[s.pos] == '\n') ?
		    MODE_LINES : MODE_VALUES;
	}
}

static enum source_status
json_read(struct src *src, void *state, struct batch *b)
{
	struct json_state *j = state;

	if (j->mode == MODE_UNKNOWN)
		j->mode = choose(j, b);
	textwin_fill(&j->tw, b, WINDOW_BLOCK / 4);
	return j->mode == MODE_LINES ? read_lines(src, j, b) :
	    read_values(src, j, b);
}

/* An object, its first key and a colon; or an array of that. */
static int
json_match(struct span head)
{
	uint8_t utf8[2 * TEXT_HEAD];
	struct span s = text_head(head, utf8);
	size_t i = skip_blanks(s, 0);

	if (i < s.len && s.ptr[i] == '[') {
		i = skip_blanks(s, i + 1);
		if (i < s.len && s.ptr[i] == ']')
			return 60;
	}
	if (i == s.len || s.ptr[i] != '{')
		return 0;
	i = skip_blanks(s, i + 1);
	if (i == s.len || s.ptr[i] == '}')
		return 60;
	if (s.ptr[i] != '"')
		return 0;
	while (++i < s.len && s.ptr[i] != '"') {
		if (s.ptr[i] < 0x20)
			return 0;
		i += s.ptr[i] == '\\';
	}
	i = skip_blanks(s, i + 1);
	return i >= s.len || s.ptr[i] == ':' ? 60 : 0;
}

static enum err
json_open(struct src *src, void *state)
{
	struct json_state *j = state;

	textwin_open(&j->tw, &src->win);
	return ERR_OK;
}

static void
json_close(struct src *src, void *state)
{
	struct json_state *j = state;

	(void)src;
	textwin_close(&j->tw);
}

const struct source source_json = {
	.name = "json",
	.title = "NDJSON lines and JSON arrays",
	.doc = "JSON objects: one a line, in one array, or one after the other "
	    "in any layout; UTF-8 or UTF-16.  The record is the line, or the "
	    "ordinal of the object when objects span lines.  Objects over "
	    "8 MiB are passed over.",
	.state_size = sizeof(struct json_state),
	.rectype = REC_JSON,
	.match = json_match,
	.open = json_open,
	.read = json_read,
	.close = json_close,
};
