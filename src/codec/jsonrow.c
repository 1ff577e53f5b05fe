/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON rows: objects of a few shapes, one after the other (RFC 8259), as logs
 * write them.
 *
 * A row is read in one pass to a flat list of members.  A member is named by
 * its dotted path, and a path by a number that it keeps for all rows, so who
 * reads a row asks no names.  Writers put keys in the same order row by row:
 * each path remembers which two followed it, and the next key is compared with
 * those before it is looked up.
 *
 * Arrays are members as they stand; jsonrow_item() walks them.  All that is
 * taken is in the grammar; bytes in strings that are no UTF-8 are marked.
 *
 * Ownership: struct jsonrow owns paths and members; text is borrowed.
 * Bounds: JSON_DEPTH_MAX, JSONROW_MEMBERS_MAX members a row,
 * JSONROW_PATHS_MAX paths in all of at most JSONROW_PATH_LEN bytes; members
 * beyond are left out and flagged.  Texts under 4 GiB.
 *
 * Speed is why the text is walked with a pointer and its end here, not with a
 * cursor: every step compares with the end first.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdlib.h>

#include "codec.h"

#define SLOTS		(2 * JSONROW_PATHS_MAX)	/* power of two */
#define NO_PATH		0xffffu		/* parent of what has no number */
#define HEAD		16		/* bytes compared at once */
#define NAMES_MAX	(2u << 20)	/* PATHS_MAX times PATH_LEN and more */

struct rowpath {
	uint16_t	parent;		/* 0: the outermost object */
	uint16_t	next[2];	/* paths that followed */
	uint16_t	cmp_len;	/* own name and closing quote; 0: a name
					 * that its text does not show as is */
	uint8_t		head[HEAD];	/* own name, quote, zeroes */
	uint32_t	seen;		/* row that named it last */
	const char	*path;		/* ended by NUL */
	uint16_t	path_len, name_len;	/* the name is at the end */
};

struct jsonrow {
	struct rowpath	 path[JSONROW_PATHS_MAX];
	uint32_t	 npaths;
	uint16_t	 slot[SLOTS];
	struct arena	 names;
	uint32_t	 row;
	struct jsonrow_member member[JSONROW_MEMBERS_MAX];
};

struct walk {
	struct jsonrow	*r;
	const uint8_t	*p, *end;
	uint32_t	 n;		/* members */
	uint8_t		 flags;		/* of all */
	uint16_t	 prev;		/* path read last */
	uint16_t	 at;		/* path of the value to come */
	bool		 repeated;	/* that value has been before */
	unsigned	 depth;
	unsigned	 quiet;		/* depth of the outermost array; 0 */
	uint64_t	 arrays;	/* open brackets, 1: array; top last */
	uint16_t	 parent[JSON_DEPTH_MAX];
	const uint8_t	*array;		/* outermost one */
	uint8_t		 array_flags;
};

struct jsonrow *
jsonrow_new(void)
{
	struct jsonrow *r = calloc(1, sizeof(*r));

	if (r != NULL) {
		r->npaths = 1;
		arena_init(&r->names, NAMES_MAX);
	}
	return r;
}

void
jsonrow_free(struct jsonrow *r)
{
	if (r == NULL)
		return;
	arena_fini(&r->names);
	free(r);
}

/* -- paths --------------------------------------------------------------- */

static bool
is_plain(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] < 0x20 || name.ptr[i] > 0x7e ||
		    name.ptr[i] == '"' || name.ptr[i] == '\\')
			return false;
	return true;
}

static uint16_t
make_path(struct jsonrow *r, uint16_t parent, struct span name)
{
	const struct rowpath *up = &r->path[parent];
	size_t up_len = parent == 0 ? 0 : up->path_len + 1u;
	struct rowpath *k;
	char *text;

	if (r->npaths == JSONROW_PATHS_MAX ||
	    up_len + name.len > JSONROW_PATH_LEN ||
	    (text = arena_alloc(&r->names, up_len + name.len + 1)) == NULL)
		return 0;
	if (up_len != 0) {
		memcpy(text, up->path, up_len - 1);
		text[up_len - 1] = '.';
	}
	if (name.len != 0)
		memcpy(text + up_len, name.ptr, name.len);
	text[up_len + name.len] = '\0';
	k = &r->path[r->npaths];
	k->parent = parent;
	k->path = text;
	k->path_len = (uint16_t)(up_len + name.len);
	k->name_len = (uint16_t)name.len;
	if (is_plain(name)) {
		k->cmp_len = (uint16_t)(name.len + 1);
		for (size_t i = 0; i < HEAD && i <= name.len; i++)
			k->head[i] = i == name.len ? '"' : name.ptr[i];
	}
	return (uint16_t)r->npaths++;
}

static uint16_t
find_path(struct jsonrow *r, uint16_t parent, struct span name)
{
	uint64_t h = hash_bytes(name.ptr, name.len, hash_seed() ^ parent);
	uint16_t *slot, made;

	for (;; h++) {
		const struct rowpath *k;

		slot = &r->slot[h % SLOTS];
		if (*slot == 0)
			break;
		k = &r->path[*slot];
		if (k->parent == parent && span_eq(name, span_of(k->path +
		    k->path_len - k->name_len, k->name_len)))
			return *slot;
	}
	made = make_path(r, parent, name);
	*slot = made;
	return made;
}

uint16_t
jsonrow_path(struct jsonrow *r, struct span name)
{
	return find_path(r, 0, name);
}

const char *
jsonrow_name(const struct jsonrow *r, uint16_t path)
{
	return path == 0 || path >= r->npaths ? "" : r->path[path].path;
}

/* The text at p, which is behind a quote, is this name and a quote. */
static inline bool
is_name(const struct rowpath *k, const uint8_t *p, size_t left)
{
	size_t n = k->cmp_len;

	if (n == 0 || n > left)
		return false;
#ifdef __SSE2__
	if (n <= HEAD && left >= HEAD) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i b = _mm_loadu_si128(
		    (const __m128i *)(const void *)k->head);
		unsigned same = (unsigned)_mm_movemask_epi8(
		    _mm_cmpeq_epi8(a, b));

		return (~same & ((2u << (n - 1)) - 1)) == 0;
	}
#endif
	return p[n - 1] == '"' &&
	    memcmp(p, k->path + k->path_len - k->name_len, n - 1) == 0;
}

/* -- strings and numbers ------------------------------------------------- */

static inline const uint8_t *
blanks(const uint8_t *p, const uint8_t *end)
{
	while (p != end && *p <= ' ' &&
	    (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static bool
is_utf8(const uint8_t *p, const uint8_t *end)
{
	while (p != end) {
		size_t n = *p < 0x80 ? 1 : utf8_seq(p, (size_t)(end - p));

		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

/* Bytes of the escape at p (which is its backslash), 0 if it is none. */
static size_t
escape_len(const uint8_t *p, const uint8_t *end)
{
	static const char letters[] = "\"\\/bfnrt";

	if (end - p < 2)
		return 0;
	if (p[1] != 'u')
		return p[1] != '\0' &&
		    memchr(letters, p[1], sizeof(letters) - 1) != NULL ? 2 : 0;
	if (end - p < 6)
		return 0;
	for (unsigned i = 2; i < 6; i++)
		if (ascii_hex(p[i]) < 0)
			return 0;
	return 6;
}

/* Bits of the bytes at p that end a plain run; *high: of those over 0x7f. */
#ifdef __SSE2__
static inline unsigned
stops(const uint8_t *p, unsigned *high)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const __m128i ctl = _mm_set1_epi8(0x1f);

	*high = (unsigned)_mm_movemask_epi8(v);
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(
	    _mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
	    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))),
	    _mm_cmpeq_epi8(_mm_min_epu8(v, ctl), v)));
}
#endif

/* The closing quote of a plain ASCII string of up to 31 bytes, or NULL; p is
 * behind the opening one. */
static inline const uint8_t *
short_string(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
	for (unsigned i = 0; i < 2 && end - p >= 16; i++, p += 16) {
		unsigned high, stop = stops(p, &high);
		unsigned at;

		if (stop == 0) {
			if (high != 0)
				return NULL;
			continue;
		}
		at = (unsigned)__builtin_ctz(stop);
		return p[at] == '"' && (high & ((1u << at) - 1)) == 0 ?
		    p + at : NULL;
	}
#else
	(void)p;
	(void)end;
#endif
	return NULL;
}

/* p is behind the opening quote; the closing one, or NULL. */
static inline const uint8_t *
string_end(const uint8_t *p, const uint8_t *end, uint8_t *flags)
{
	const uint8_t *from = p;
	unsigned high = 0;
	size_t n;

	for (;;) {
#ifdef __SSE2__
		while (end - p >= 16) {
			unsigned hi, stop = stops(p, &hi);

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
			return NULL;
		if (*p == '"')
			break;
		if ((n = escape_len(p, end)) == 0)
			return NULL;
		*flags |= JSON_F_ESCAPED;
		p += n;
	}
	if (high != 0 && !is_utf8(from, p))
		*flags |= JSON_F_NOT_UTF8;
	return p;
}

static inline const uint8_t *
digits(const uint8_t *p, const uint8_t *end)
{
	while (p != end && ascii_is_digit(*p))
		p++;
	return p;
}

/* Behind the number at p, NULL if it is none. */
static inline const uint8_t *
number_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q;

	if (p != end && *p == '-')
		p++;
	q = p != end && *p == '0' ? p + 1 : digits(p, end);
	if (q == p)
		return NULL;
	if (q != end && *q == '.') {
		p = ++q;
		if ((q = digits(p, end)) == p)
			return NULL;
	}
	if (q != end && (*q | 0x20) == 'e') {
		q++;
		if (q != end && (*q == '+' || *q == '-'))
			q++;
		p = q;
		if ((q = digits(p, end)) == p)
			return NULL;
	}
	return q;
}

/* Behind the string, number or name at p, NULL if it is none of them. */
static inline const uint8_t *
scalar(const uint8_t *p, const uint8_t *end, struct jsonrow_member *m)
{
	static const struct { const char *word; uint8_t len, type; } words[] = {
		{ "true", 4, JSON_TRUE }, { "false", 5, JSON_FALSE },
		{ "null", 4, JSON_NULL },
	};
	const uint8_t *q;

	m->flags = 0;
	m->ptr = p;
	if (*p == '"') {
		m->type = JSON_STRING;
		m->ptr = p + 1;
		if ((q = string_end(p + 1, end, &m->flags)) == NULL)
			return NULL;
		m->len = (uint32_t)(q - m->ptr);
		return q + 1;
	}
	if (*p == '-' || ascii_is_digit(*p)) {
		m->type = JSON_NUMBER;
		if ((q = number_end(p, end)) == NULL)
			return NULL;
		m->len = (uint32_t)(q - p);
		return q;
	}
	for (size_t i = 0; i < NITEMS(words); i++)
		if ((size_t)(end - p) >= words[i].len &&
		    memcmp(p, words[i].word, words[i].len) == 0) {
			m->type = words[i].type;
			m->len = words[i].len;
			return p + m->len;
		}
	return NULL;
}

/* -- rows ---------------------------------------------------------------- */

/* A key that is not the one expected; p is behind its quote. */
static const uint8_t *
other_key(struct walk *w, const uint8_t *p, uint16_t parent, uint16_t *path)
{
	uint8_t plain[JSONROW_PATH_LEN], flags = 0;
	const uint8_t *q = string_end(p, w->end, &flags);
	struct rowpath *prev = &w->r->path[w->prev];
	struct span name;

	*path = 0;
	if (q == NULL)
		return NULL;
	name = span_of(p, (size_t)(q - p));
	w->flags |= flags;
	if (w->quiet != 0)
		return q;
	if (parent == NO_PATH || name.len > sizeof(plain)) {
		w->flags |= JSONROW_F_LOST;
		return q;
	}
	if ((flags & JSON_F_ESCAPED) != 0)
		name = span_of(plain, json_unescape(name, plain));
	*path = find_path(w->r, parent, name);
	if (*path == 0) {
		w->flags |= JSONROW_F_LOST;
		return q;
	}
	prev->next[1] = prev->next[0];
	prev->next[0] = *path;
	return q;
}

/* The key at p and its colon; gives where the value begins. */
static inline const uint8_t *
read_key(struct walk *w, const uint8_t *p)
{
	struct jsonrow *r = w->r;
	uint16_t parent = w->parent[w->depth - 1], path = 0;
	const struct rowpath *prev = &r->path[w->prev];
	const uint8_t *q = NULL;

	if (p == w->end || *p++ != '"')
		return NULL;
	for (unsigned i = 0; i < 2 && w->quiet == 0; i++) {
		const struct rowpath *k = &r->path[prev->next[i]];

		if (k->parent == parent &&
		    is_name(k, p, (size_t)(w->end - p))) {
			path = prev->next[i];
			q = p + k->cmp_len - 1;
			break;
		}
	}
	if (path == 0 && (q = other_key(w, p, parent, &path)) == NULL)
		return NULL;
	p = blanks(q + 1, w->end);
	if (p == w->end || *p != ':')
		return NULL;
	if (w->quiet == 0) {
		w->at = path;
		w->repeated = false;
		if (path != 0) {
			w->repeated = r->path[path].seen == r->row;
			if (w->repeated)
				w->flags |= JSON_F_REPEATED;
			r->path[path].seen = r->row;
			w->prev = path;
		}
	}
	return blanks(p + 1, w->end);
}

/* A place for the value at hand; NULL when it is left out. */
static inline struct jsonrow_member *
new_member(struct walk *w)
{
	struct jsonrow_member *m = &w->r->member[w->n];

	if (w->at == 0 || w->repeated)
		return NULL;
	if (w->n == JSONROW_MEMBERS_MAX) {
		w->flags |= JSONROW_F_LOST;
		return NULL;
	}
	m->path = w->at;
	w->n++;
	return m;
}

static void
close_bracket(struct walk *w, const uint8_t *behind)
{
	struct jsonrow_member *m;

	if (w->quiet != w->depth--)
		return;
	w->quiet = 0;
	if ((m = new_member(w)) == NULL)
		return;
	m->type = JSON_ARRAY;
	m->flags = w->array_flags;
	m->ptr = w->array;
	m->len = (uint32_t)(behind - w->array);
}

static bool
open_bracket(struct walk *w, const uint8_t *p)
{
	bool is_array = *p == '[';

	if (w->depth == JSON_DEPTH_MAX)
		return false;
	w->arrays = w->arrays << 1 | is_array;
	w->parent[w->depth] = w->depth == 0 ? 0 : w->at == 0 ? NO_PATH : w->at;
	w->depth++;
	if (is_array && w->quiet == 0) {
		w->quiet = w->depth;
		w->array = p;
		w->array_flags = 0;
	}
	return true;
}

/* Up to the next value: closing brackets and a comma.  NULL: broken. */
static inline const uint8_t *
after_value(struct walk *w, const uint8_t *p)
{
	for (;;) {
		p = blanks(p, w->end);
		if (w->depth == 0)
			return p == w->end ? p : NULL;
		if (p == w->end)
			return NULL;
		if (*p == ',')
			return blanks(p + 1, w->end);
		if (*p != ((w->arrays & 1) != 0 ? ']' : '}'))
			return NULL;
		p++;
		close_bracket(w, p);
		w->arrays >>= 1;
	}
}

static inline const uint8_t *
read_scalar(struct walk *w, const uint8_t *p)
{
	struct jsonrow_member unused, *m = &unused;
	const uint8_t *q;

	if (w->quiet == 0 && (m = new_member(w)) == NULL)
		m = &unused;
	/* The two most frequent here, in line. */
	if (*p == '"' && (q = short_string(p + 1, w->end)) != NULL) {
		m->type = JSON_STRING;
		m->flags = 0;
		m->ptr = p + 1;
		m->len = (uint32_t)(q - m->ptr);
		return q + 1;
	}
	if (*p >= '1' && *p <= '9' &&
	    (q = digits(p + 1, w->end)) != w->end && *q == ',') {
		m->type = JSON_NUMBER;
		m->flags = 0;
		m->ptr = p;
		m->len = (uint32_t)(q - p);
		return q;
	}
	p = scalar(p, w->end, m);
	if (p != NULL) {
		w->flags |= m->flags;
		w->array_flags |= m->flags;
	}
	return p;
}

static enum json_status
walk_row(struct walk *w)
{
	const uint8_t *p = w->p;

	for (;;) {
		if (p == w->end)
			return JSON_BROKEN;
		if (*p == '{' || *p == '[') {
			if (!open_bracket(w, p))
				return JSON_DEEP;
			p = blanks(p + 1, w->end);
			if (p == w->end)
				return JSON_BROKEN;
			if (*p == ']' || *p == '}')
				p = after_value(w, p);
		} else if ((p = read_scalar(w, p)) != NULL) {
			p = after_value(w, p);
		}
		if (p == NULL)
			return JSON_BROKEN;
		if (w->depth == 0)
			return JSON_OK;
		if ((w->arrays & 1) == 0 && (p = read_key(w, p)) == NULL)
			return JSON_BROKEN;
	}
}

enum json_status
jsonrow_read(struct jsonrow *r, struct span text, struct jsonrow_row *row)
{
	struct walk w = { .r = r, .p = text.ptr, .end = text.ptr + text.len };
	enum json_status status;

	*row = (struct jsonrow_row){ .member = r->member };
	if (text.len > UINT32_MAX)
		return JSON_LARGE;
	if (++r->row == 0) {	/* stamps of old rows mean nothing any more */
		for (uint32_t i = 0; i < r->npaths; i++)
			r->path[i].seen = 0;
		r->row = 1;
	}
	w.p = blanks(w.p, w.end);
	if (w.p == w.end || *w.p != '{')
		return JSON_BROKEN;
	status = walk_row(&w);
	row->n = status == JSON_OK ? w.n : 0;
	row->flags = w.flags;
	return status;
}

struct span
jsonrow_text(const struct jsonrow_member *m, struct arena *a)
{
	struct span raw = span_of(m->ptr, m->len);
	uint8_t *p;

	if ((m->flags & JSON_F_ESCAPED) == 0 || m->type != JSON_STRING)
		return raw;
	if ((p = arena_alloc(a, raw.len)) == NULL)
		return SPAN_NONE;
	return span_of(p, json_unescape(raw, p));
}

/* -- arrays -------------------------------------------------------------- */

/* Behind the array or object at p; brackets are known to match. */
static const uint8_t *
skip_nested(const uint8_t *p, const uint8_t *end)
{
	unsigned depth = 0;
	uint8_t flags = 0;

	while (p != end) {
		uint8_t c = *p++;

		if (c == '"') {
			if ((p = string_end(p, end, &flags)) == NULL)
				return end;
			p++;
		} else if (c == '[' || c == '{') {
			depth++;
		} else if ((c == ']' || c == '}') && --depth == 0) {
			return p;
		}
	}
	return end;
}

struct span
jsonrow_items(const struct jsonrow_member *m)
{
	if (m->type != JSON_ARRAY || m->len < 2)
		return SPAN_NONE;
	return span_of(m->ptr + 1, m->len - 2);
}

bool
jsonrow_item(struct span *rest, struct jsonrow_member *m)
{
	const uint8_t *end, *p = rest->ptr;

	if (rest->len == 0)
		return false;
	end = p + rest->len;
	while (p != end && (*p == ',' || blanks(p, end) != p))
		p++;
	m->path = 0;
	m->flags = 0;
	if (p == end)
		return false;
	if (*p == '[' || *p == '{') {
		const uint8_t *q = skip_nested(p, end);

		m->type = *p == '[' ? JSON_ARRAY : JSON_OBJECT;
		m->ptr = p;
		m->len = (uint32_t)(q - p);
		p = q;
	} else if ((p = scalar(p, end, m)) == NULL) {
		return false;
	}
	*rest = span_of(p, (size_t)(end - p));
	return true;
}
