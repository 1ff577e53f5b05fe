/* SPDX-License-Identifier: Apache-2.0
 *
 * base: the ground floor, which knows no security.  Borrowed bytes (span), the
 * bounds-checked cursor, the arena, the growing buffer with a cap, the bounded
 * evicting table, the external sorter, JSON text, time text and the roster of
 * errors.
 *
 * Shapes and ownership:
 * - a span borrows; who made the bytes frees them.
 * - a cursor is the only way to touch input.  It fails once and stays failed;
 *   a failed read gives zeroes.
 * - an arena hands out memory that lives until it is reset as a whole.
 * - times are int64_t nanoseconds since 1970-01-01T00:00:00Z (TIME_NONE when
 *   not known), sizes are bytes.
 */
#ifndef PICKET_BASE_H
#define PICKET_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* -- errors and assertions ----------------------------------------------- */

enum err {
#define ERROR(name, text) ERR_##name,
#include "errors.def"
#undef ERROR
	ERR_COUNT
};

const char	*err_text(enum err);

/* A bug of ours; on in release builds. */
#define ASSERT(e) \
	((e) ? (void)0 : assert_failed(#e, __FILE__, __LINE__))
_Noreturn void	 assert_failed(const char *, const char *, int);

#define NITEMS(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b)	((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)	((a) > (b) ? (a) : (b))

/* -- span: borrowed bytes ------------------------------------------------ */

struct span {
	const uint8_t	*ptr;
	size_t		 len;
};

#define SPAN_NONE	((struct span){ NULL, 0 })
/* A span over a string literal, without its NUL. */
#define SPAN_LIT(s)	((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

static inline struct span
span_of(const void *ptr, size_t len)
{
	return (struct span){ ptr, len };
}

static inline struct span
span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, s == NULL ? 0 : strlen(s) };
}

static inline bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
	    (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool
span_ends(struct span s, struct span tail)
{
	return s.len >= tail.len && (tail.len == 0 ||
	    memcmp(s.ptr + s.len - tail.len, tail.ptr, tail.len) == 0);
}

/* The part from off on, at most len bytes; clamped to s, never out of it. */
static inline struct span
span_sub(struct span s, size_t off, size_t len)
{
	if (off > s.len)
		off = s.len;
	if (len > s.len - off)
		len = s.len - off;
	return (struct span){ s.ptr == NULL ? NULL : s.ptr + off, len };
}

#define SPAN_NPOS	((size_t)-1)

/* ASCII case folding; other bytes compare as they are. */
bool		 span_eq_nocase(struct span, struct span);
bool		 span_starts_nocase(struct span, struct span);
bool		 span_ends_nocase(struct span, struct span);
/* Copies the leading bytes that are ASCII, in lower case; how many. */
size_t		 ascii_lower_copy(uint8_t *dst, struct span);
/* Offset of the first match or SPAN_NPOS. */
size_t		 span_find(struct span, struct span);
size_t		 span_find_nocase(struct span, struct span);
size_t		 span_find_byte(struct span, uint8_t);
/* Without leading and trailing blanks (space, tab, CR, LF). */
struct span	 span_trim(struct span);
/* Decimal digits only, whole span; false on anything else or overflow. */
bool		 span_u64(struct span, uint64_t *);

static inline uint8_t
ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool
ascii_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* 0 to 15, or -1. */
static inline int
ascii_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* -- cursor: the only way to touch input --------------------------------- */

struct cursor {
	const uint8_t	*ptr;		/* next byte */
	size_t		 left;		/* bytes from ptr on */
	bool		 failed;	/* sticky */
};

static inline struct cursor
cur_of(struct span s)
{
	return (struct cursor){ s.ptr, s.len, false };
}

/* The gate: every read passes here.  Compares lengths, never pointers. */
static inline const uint8_t *
cur_gate(struct cursor *c, size_t n)
{
	const uint8_t *p = c->ptr;

	if (n > c->left || c->failed) {
		c->failed = true;
		c->left = 0;
		return NULL;
	}
	if (n != 0)
		c->ptr = p + n;
	c->left -= n;
	return p;
}

static inline bool
cur_ok(const struct cursor *c)
{
	return !c->failed;
}

static inline void
cur_fail(struct cursor *c)
{
	c->failed = true;
	c->left = 0;
}

static inline struct span
cur_rest(const struct cursor *c)
{
	return (struct span){ c->ptr, c->left };
}

static inline void
cur_skip(struct cursor *c, size_t n)
{
	(void)cur_gate(c, n);
}

static inline struct span
cur_take(struct cursor *c, size_t n)
{
	const uint8_t *p = cur_gate(c, n);

	return p == NULL ? SPAN_NONE : (struct span){ p, n };
}

/* A cursor over the next n bytes; for every nested length.  When n is over
 * what is left both fail. */
static inline struct cursor
cur_sub(struct cursor *c, size_t n)
{
	const uint8_t *p = cur_gate(c, n);

	if (c->failed)
		return (struct cursor){ NULL, 0, true };
	return (struct cursor){ p, n, false };
}

/* Look at the byte at off from here without moving; 0 when short (does not
 * fail the cursor). */
static inline uint8_t
cur_peek(const struct cursor *c, size_t off)
{
	return off < c->left ? c->ptr[off] : 0;
}

static inline uint8_t
cur_u8(struct cursor *c)
{
	const uint8_t *p = cur_gate(c, 1);

	return p == NULL ? 0 : p[0];
}

/* Unaligned loads from memory that is known to be long enough. */
static inline uint16_t
load_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
load_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static inline uint64_t
load_le64(const uint8_t *p)
{
	return (uint64_t)load_le32(p) | (uint64_t)load_le32(p + 4) << 32;
}

static inline uint16_t
load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
load_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t
load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t
load_be64(const uint8_t *p)
{
	return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

#define CUR_READER(type, name, load, n)					\
static inline type							\
name(struct cursor *c)							\
{									\
	const uint8_t *p = cur_gate(c, (n));				\
									\
	return p == NULL ? 0 : load(p);					\
}
CUR_READER(uint16_t, cur_le16, load_le16, 2)
CUR_READER(uint32_t, cur_le32, load_le32, 4)
CUR_READER(uint64_t, cur_le64, load_le64, 8)
CUR_READER(uint16_t, cur_be16, load_be16, 2)
CUR_READER(uint32_t, cur_be24, load_be24, 3)
CUR_READER(uint32_t, cur_be32, load_be32, 4)
CUR_READER(uint64_t, cur_be64, load_be64, 8)
#undef CUR_READER

/* -- arena: memory that goes all at once --------------------------------- */

struct arena_chunk;

struct arena {
	struct arena_chunk	*head;		/* chunk in use */
	size_t			 used;		/* bytes used in head */
	size_t			 total;		/* bytes of all chunks */
	size_t			 cap;		/* total never exceeds this */
	bool			 overflowed;	/* sticky until reset */
};

void		 arena_init(struct arena *, size_t cap);
void		 arena_fini(struct arena *);
/* Frees all but one chunk and starts anew; overflow is forgotten. */
void		 arena_reset(struct arena *);
/* 8-byte aligned, not cleared; NULL once the cap is reached. */
void		*arena_alloc(struct arena *, size_t);
void		*arena_zalloc(struct arena *, size_t);
/* A copy in the arena; SPAN_NONE when it is full. */
struct span	 arena_copy(struct arena *, struct span);
/* Bytes handed out since the last reset (an upper bound). */
size_t		 arena_used(const struct arena *);

/* -- buf: growing bytes with a cap --------------------------------------- */

struct buf {
	uint8_t	*ptr;
	size_t	 len;
	size_t	 size;		/* allocated */
	size_t	 cap;		/* never larger; 0: no cap */
	bool	 failed;	/* over the cap or out of memory; sticky */
};

void		 buf_init(struct buf *, size_t cap);
void		 buf_fini(struct buf *);
void		 buf_reset(struct buf *);		/* keeps the memory */
uint8_t		*buf_grow(struct buf *, size_t n);	/* for buf_room() */
void		 buf_printf(struct buf *, const char *, ...)
		    __attribute__((__format__(__printf__, 2, 3)));
void		 buf_put_u64(struct buf *, uint64_t);
/* "00" to "99", one behind the other. */
extern const char two_digits[201];

/* Room for n more bytes at the returned place, not yet counted in len; NULL
 * when the buffer failed. */
static inline uint8_t *
buf_room(struct buf *b, size_t n)
{
	return n <= b->size - b->len && !b->failed ? b->ptr + b->len :
	    buf_grow(b, n);
}

static inline void
buf_put(struct buf *b, const void *ptr, size_t n)
{
	uint8_t *p;

	if (n == 0 || (p = buf_room(b, n)) == NULL)
		return;
	memcpy(p, ptr, n);
	b->len += n;
}

static inline void
buf_span(struct buf *b, struct span s)
{
	buf_put(b, s.ptr, s.len);
}

static inline void
buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static inline void
buf_byte(struct buf *b, uint8_t c)
{
	if (b->len < b->size && !b->failed)
		b->ptr[b->len++] = c;
	else
		buf_put(b, &c, 1);
}

static inline struct span
buf_view(const struct buf *b)
{
	return (struct span){ b->ptr, b->len };
}

/* Numbers as bytes, little endian: what cur_le32() and cur_le64() read. */
void		 buf_le32(struct buf *, uint32_t);
void		 buf_le64(struct buf *, uint64_t);

/* -- JSON text (RFC 8259) ------------------------------------------------ */

/* Bytes of the well-formed UTF-8 sequence at p (RFC 3629) of n > 0 bytes;
 * 0 when there is none. */
size_t		 utf8_seq(const uint8_t *p, size_t n);
/* A code point up to U+10FFFF as UTF-8; returns its 1 to 4 bytes. */
size_t		 utf8_put(uint8_t *dst, uint32_t code);

/* A quoted string.  Bytes that are no UTF-8 come out as U+FFFD, so that the
 * line is always valid UTF-8. */
void		 json_str(struct buf *, struct span);
/* The same from UTF-16LE; lone surrogates become U+FFFD. */
void		 json_wstr(struct buf *, struct span);
void		 json_key(struct buf *, const char *);	/* "key": */

/* -- time ---------------------------------------------------------------- */

#define TIME_NONE	INT64_MIN
#define NSEC		INT64_C(1000000000)

/* RFC 3339 in UTC with as many digits as carry something (0, 3, 6 or 9);
 * "-" for TIME_NONE or a year beyond 9999. */
void		 time_put(struct buf *, int64_t);
/* a - b, held within int64_t: hostile times lie centuries apart. */
static inline int64_t
time_diff(int64_t a, int64_t b)
{
	int64_t d;

	if (__builtin_sub_overflow(a, b, &d))
		return a < b ? INT64_MIN : INT64_MAX;
	return d;
}

/* Parses RFC 3339 (blank instead of T and a missing zone accepted: UTC). */
bool		 time_parse(struct span, int64_t *);
/* Days since 1970-01-01 of a proleptic Gregorian date; month 1 to 12. */
int64_t		 time_days(int64_t year, unsigned month, unsigned day);
/* Seconds of a civil UTC time. */
int64_t		 time_civil(int64_t year, unsigned month, unsigned day,
		    unsigned hour, unsigned min, unsigned sec);
/* Windows FILETIME (100 ns since 1601) to ns since 1970; TIME_NONE when it
 * does not fit. */
int64_t		 time_from_filetime(uint64_t);

/* -- hash ---------------------------------------------------------------- */

/* Keyed 64-bit hash of bytes (xxh3 with a seed); the seed is drawn once per
 * run for tables that hostile input fills.  Never let its value show in the
 * output. */
uint64_t	 hash_bytes(const void *, size_t, uint64_t seed);
uint64_t	 hash_seed(void);
static inline uint64_t
hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

/* -- table: bounded map, evicts the least recently used ------------------ */

/*
 * Fixed-size keys (compared as bytes: clear the padding) to fixed-size
 * values, at most cap entries.  Open addressing over 32-bit indexes, entries
 * in one block in a doubly linked list by use.  What is evicted is counted
 * and handed to the callback first, so nothing goes silently.
 */
struct table;
typedef void	 table_evict_fn(void *arg, const void *key, void *value);

struct table	*table_new(size_t key_size, size_t value_size, uint32_t cap);
void		 table_free(struct table *);
void		 table_on_evict(struct table *, table_evict_fn *, void *arg);
/* The value or NULL; marks it as used. */
void		*table_get(struct table *, const void *key);
/* The same without marking: for tables that nobody changes any more. */
const void	*table_find(const struct table *, const void *key);
/* The value, made (cleared) when missing; *made says which.  NULL only when
 * out of memory. */
void		*table_put(struct table *, const void *key, bool *made);
void		 table_del(struct table *, const void *key);
void		 table_clear(struct table *);
uint32_t	 table_count(const struct table *);
uint64_t	 table_evicted(const struct table *);
/* Oldest use first: start with *it = 0; false at the end.  The table must
 * not change meanwhile. */
bool		 table_next(const struct table *, uint32_t *it,
		    const void **key, void **value);
/* Keys and values as they lie in memory (so: no pointers in them), by use. */
void		 table_save(const struct table *, struct buf *);
/* Into an empty table of the same shape; entries over its cap push out the
 * oldest.  false: the bytes are none such, or there is no memory; the table
 * is empty then. */
bool		 table_restore(struct table *, struct cursor *);

/* -- sorter: records in (time, source, record, seq) order ---------------- */

/*
 * Items are a key and some bytes.  They are kept in memory up to a budget,
 * then sorted and spilled as a run to an unlinked temporary file; reading
 * merges the runs.  Equal input gives equal order for any split into runs.
 */
struct sort_key {
	int64_t		time;		/* ns */
	uint32_t	source;		/* ordinal of the input */
	uint32_t	member;		/* ordinal inside an archive */
	uint64_t	record;
	uint32_t	seq;		/* emission order inside a record */
	uint32_t	tag;		/* the caller's; not compared */
};

struct sorter;		/* collects and spills; one per writer */
struct run {		/* a sorted stretch of a spill file */
	uint64_t	off;
	uint64_t	len;
};

int		 sort_key_cmp(const struct sort_key *, const struct sort_key *);
/* fd: open for reading and writing, owned by the caller. */
struct sorter	*sorter_new(int fd, size_t budget);
void		 sorter_free(struct sorter *);
enum err	 sorter_add(struct sorter *, const struct sort_key *,
		    struct span);
/* Spills what is held; afterwards every item is in a run. */
enum err	 sorter_flush(struct sorter *);
/* The runs so far: *n of them, owned by the sorter. */
const struct run *sorter_runs(const struct sorter *, size_t *n);

struct run_ref {
	int		fd;
	struct run	run;
};
struct merge;		/* reads many runs as one sorted stream */
struct merge	*merge_new(const struct run_ref *, size_t n);
void		 merge_free(struct merge *);
/* 1: an item (valid until the next call), 0: end, -1: read error. */
int		 merge_next(struct merge *, struct sort_key *, struct span *);

/* An unlinked temporary file in $TMPDIR, /var/tmp or /tmp; -1 and errno. */
int		 temp_file(void);

#endif
