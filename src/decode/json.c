/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON objects that no other decoder claims (RFC 8259), exported Windows
 * events among them.
 *
 * An object is one event.  Its members are named by their path:
 *
 *	{"a": {"b": {"c": "x"}}}	a.b.c = "x"
 *	{"a": [1, 2]}			a = [1, 2]
 *	{"a": [{"b": 1}, {"b": 2, "c": 3}]}
 *		a.b = [1, 2], a.c = [3]
 *
 * A path that a rule names and that is an object or a list of objects is there
 * as its text, too: {"requestParameters": {...}} is searched as a whole.
 *
 * Everything under an array becomes a list, with the values in the order of
 * the text: rules name such fields without an index, as Elasticsearch does.
 * Lists in lists are joined.  A path that fields.def knows, as name or alias,
 * gets its id; any other keeps its name.  Empty objects say nothing.
 *
 * Strings stay text whatever the dictionary says, so that rules match what was
 * written; numbers become U64, I64 or F64, and text where those cannot hold
 * them.
 *
 * An object whose members tell a Windows event (winjson.c) becomes a winevent
 * with the names that evtx.c gives.
 *
 * Wrappings of exporters are taken off: {"_index":..., "_source": EVENT} of
 * Elasticsearch, {"preview":..., "result": EVENT} of Splunk, and lists of
 * events in one object, {"Records": [EVENT, ...]} of CloudTrail and its kin.
 *
 * Time: the first of time_keys that can be read, at the outermost level; text
 * as time_parse() takes it, or a number since 1970 in seconds (milli-, micro-
 * and nanoseconds are told by their size).
 *
 * How: each path that occurs is a node of a tree that lasts, with all that is
 * known of it (name, id, whether anybody wants it).  Objects of one log repeat
 * the same members in the same order, so each node remembers which came after
 * it and nearly every key costs one comparison.
 *
 * Ownership: events point into the record, the batch's arena and, for names,
 * into st->mem, which is dropped at the start of a batch only.
 * Bounds: JSON_DEPTH_MAX and JSON_TOKENS_MAX of the parser, PATH_MAX_LEN,
 * EVENT_FIELDS_MAX, LEAVES_MAX, MEM_MAX.
 */
#include <stdlib.h>

#include "codec.h"
#include "decode.h"

#define PATH_MAX_LEN	512	/* longer paths are cut */
#define LEAVES_MAX	(64u << 10)	/* values of one object */
#define LEAVES_FIRST	256u
#define MEM_MAX		(4u << 20)	/* some 10,000 paths */
#define NODE_SLOTS	4096u
#define DATA_MAX	1024u		/* items of the list Data */

#define WRAPPINGS_MAX	2	/* a list of hits of a search */
#define WRAPPING_MEMBERS 8	/* beside a list of events: a page's link */

enum wrapping {
	WRAP_NONE, WRAP_SOURCE, WRAP_RESULT, WRAP_RECORDS, WRAP_LIST
};

/* What a path means in a dialect. */
struct meaning {
	struct json_target t;
	const char	*name;
	uint16_t	 id;
	bool		 known;		/* the rest has been found out */
	bool		 wanted;
};

/* What is looked at for each key lies together. */
struct node {
	struct node	*parent;
	struct node	*after;		/* that followed it the last time */
	const char	*key;		/* escapes decoded */
	uint64_t	 object;	/* that named it last */
	uint32_t	 len;
	unsigned	 role;
	uint8_t		 depth;
	uint8_t		 time_rank;	/* of time_keys + 1; 0: none */
	uint8_t		 wrapping;
	uint8_t		 idle;		/* bits: dialects in which it says
					 * nothing that anybody wants */
	uint32_t	 first, last, n;	/* leaves, index + 1 */
	uint64_t	 walk;		/* in which these are good */
	uint64_t	 hash;
	struct node	*next;		/* of the same hash slot */
	struct meaning	 as[DIALECT_COUNT];
};

/* A value of the object at hand; those of one path form a chain. */
struct leaf {
	struct node	*node;
	uint64_t	 object;
	uint32_t	 token;
	uint32_t	 next;		/* index + 1; 0: last */
	bool		 listed;	/* stands under an array */
};

#define NSYSTEM	(FIELD_WIN_ACTIVITY - FIELD_WIN_CHANNEL + 1)

static const char *const time_keys[] = { "@timestamp", "timestamp", "ts",
    "TimeCreated", "UtcTime", "EventTime", "time", "eventTime",
    "CreationTime", "published", "requestReceivedTimestamp",
    "createdDateTime", "activityDateTime", "TimeGenerated", "created_at",
    "utc_time", "local_time", "isotimestamp" };
#define NTIMES	NITEMS(time_keys)

struct json_state {
	struct json	 json, inner;
	struct arena	 mem;
	struct buf	 text;
	struct batch	*batch;
	const struct record *rec;
	bool		 ready;
	bool		 is_full;	/* mem; dropped at next batch */
	bool		 repeats;
	uint64_t	 walk, object;
	unsigned	 roles;
	struct leaf	*leaves;
	uint32_t	 nleaves, nroom;
	uint32_t	 times[NTIMES];		/* token, 0: none */
	struct value	 system[NSYSTEM];	/* type NULL: none */
	uint8_t		 rank[NSYSTEM];
	uint32_t	 data[DATA_MAX];	/* tokens */
	uint32_t	 ndata;
	const struct leaf *message;
	bool		 has_data;
	struct node	 root;
	struct node	*slots[NODE_SLOTS];
};

/* An object or array that is being walked. */
struct level {
	uint32_t	 next, end;	/* tokens */
	struct node	*node;
	uint64_t	 object;
	bool		 is_array, listed;
};

static void
weird(struct json_state *st, enum weird w)
{
	batch_weird(st->batch, w, st->rec);
}

/* -- time ---------------------------------------------------------------- */

/* Decimal seconds since 1970 (or smaller units), exactly. */
static bool
parse_epoch(struct span s, int64_t *out)
{
	int64_t whole = 0, frac = 0, unit = NSEC, scale;
	bool minus = s.len != 0 && s.ptr[0] == '-';
	size_t i = minus, digits = 0;

	for (; i < s.len && ascii_is_digit(s.ptr[i]); i++, digits++) {
		if (digits == 18)
			return false;
		whole = whole * 10 + (s.ptr[i] - '0');
	}
	if (digits == 0)
		return false;
	/* 1e11 seconds are the year 5138, as milliseconds 1973. */
	if (whole >= 100000000000000000)
		unit = 1;
	else if (whole >= 100000000000000)
		unit = 1000;
	else if (whole >= 100000000000)
		unit = 1000000;
	if (i < s.len && s.ptr[i] == '.') {
		scale = unit;
		for (i++; i < s.len && ascii_is_digit(s.ptr[i]); i++) {
			scale /= 10;
			frac += (s.ptr[i] - '0') * scale;
		}
	}
	if (i != s.len || __builtin_mul_overflow(whole, unit, out) ||
	    __builtin_add_overflow(*out, frac, out))
		return false;
	if (minus)
		*out = -*out;
	return true;
}

/* .NET's "/Date(1700000000000)/", milliseconds, its slashes perhaps escaped;
 * an offset behind the number changes nothing. */
static bool
parse_net_date(struct span s, int64_t *out)
{
	size_t open = span_find(s, SPAN_LIT("/Date("));
	int64_t ms = 0;
	bool minus;

	if (open == SPAN_NPOS || open > 1)
		return false;
	s = span_sub(s, open + 6, 24);
	minus = s.len != 0 && s.ptr[0] == '-';
	if (minus)
		s = span_sub(s, 1, SIZE_MAX);
	if (s.len == 0 || !ascii_is_digit(s.ptr[0]))
		return false;
	for (size_t i = 0; i < s.len && ascii_is_digit(s.ptr[i]); i++)
		if (__builtin_mul_overflow(ms, 10, &ms) ||
		    __builtin_add_overflow(ms, s.ptr[i] - '0', &ms))
			return false;
	return !__builtin_mul_overflow(minus ? -ms : ms, INT64_C(1000000),
	    out);
}

static bool
parse_time(const struct json *j, uint32_t i, int64_t *out)
{
	struct span s = json_raw(j, i);
	uint8_t type = j->tok[i].type;

	if (type == JSON_NUMBER)
		return parse_epoch(s, out);
	return type == JSON_STRING && (time_parse(s, out) ||
	    parse_epoch(s, out) || parse_net_date(s, out));
}

static int64_t
find_time(const struct json_state *st, const struct json *j)
{
	int64_t t;

	for (unsigned i = 0; i < NTIMES; i++)
		if (st->times[i] != 0 && parse_time(j, st->times[i], &t))
			return t;
	return st->rec->time;
}

/* -- nodes --------------------------------------------------------------- */

/* Memory that outlives the batch while there is some; *kept tells. */
static void *
get_mem(struct json_state *st, size_t n, bool *kept)
{
	void *p = NULL;

	*kept = false;
	if (!st->is_full && (p = arena_zalloc(&st->mem, n)) != NULL) {
		*kept = true;
		return p;
	}
	st->is_full = true;
	if ((p = arena_zalloc(&st->batch->arena, n)) == NULL)
		weird(st, WEIRD_BATCH_ARENA);
	return p;
}

/* The keys from the outermost to this one; returns how many. */
static unsigned
path_of(const struct node *n, struct span part[JSON_DEPTH_MAX])
{
	unsigned depth = n->depth;

	for (unsigned i = depth; i-- > 0; n = n->parent)
		part[i] = span_of(n->key, n->len);
	return depth;
}

static void
classify_node(struct node *n)
{
	static const struct {
		const char	*key;
		enum wrapping	 how;
	} wrappings[] = {
		{ "_source", WRAP_SOURCE }, { "result", WRAP_RESULT },
		{ "Records", WRAP_RECORDS }, { "records", WRAP_RECORDS },
		{ "value", WRAP_LIST }, { "items", WRAP_LIST },
		{ "data", WRAP_LIST }, { "authlogs", WRAP_LIST }
	};
	struct span part[JSON_DEPTH_MAX] = { SPAN_NONE };
	unsigned depth = path_of(n, part);

	n->role = win_role(part, depth);
	if (depth != 1)
		return;
	for (unsigned i = 0; i < NTIMES; i++)
		if (span_eq(part[0], span_str(time_keys[i])))
			n->time_rank = (uint8_t)(i + 1);
	for (size_t i = 0; i < NITEMS(wrappings); i++)
		if (span_eq(part[0], span_str(wrappings[i].key)))
			n->wrapping = (uint8_t)wrappings[i].how;
}

/* The node of a key, made when missing; NULL without memory. */
static struct node *
find_node(struct json_state *st, struct node *parent, struct span key)
{
	uint64_t hash = hash_bytes(key.ptr, key.len,
	    hash_mix(parent->hash + 1));
	struct node **slot = &st->slots[hash % NODE_SLOTS], *n;
	bool kept;

	for (n = *slot; n != NULL; n = n->next)
		if (n->hash == hash && n->parent == parent &&
		    span_eq(span_of(n->key, n->len), key))
			return n;
	n = get_mem(st, sizeof(*n) + key.len + 1, &kept);
	if (n == NULL)
		return NULL;
	n->parent = parent;
	n->hash = hash;
	n->len = (uint32_t)key.len;
	n->depth = (uint8_t)(parent->depth + 1);
	if (key.len != 0)
		memcpy(n + 1, key.ptr, key.len);
	n->key = (const char *)(n + 1);
	classify_node(n);
	if (kept) {
		n->next = *slot;
		*slot = n;
	}
	return n;
}

/* As memcmp() would, without the call: keys are short. */
static inline bool
same_bytes(const char *a, const uint8_t *b, size_t n)
{
	const uint8_t *p = (const uint8_t *)a;

	if (n > 32)
		return memcmp(p, b, n) == 0;
	if (n > 16)
		return ((load_le64(p) ^ load_le64(b)) |
		    (load_le64(p + 8) ^ load_le64(b + 8)) |
		    (load_le64(p + n - 16) ^ load_le64(b + n - 16)) |
		    (load_le64(p + n - 8) ^ load_le64(b + n - 8))) == 0;
	if (n >= 8)
		return ((load_le64(p) ^ load_le64(b)) |
		    (load_le64(p + n - 8) ^ load_le64(b + n - 8))) == 0;
	if (n >= 4)
		return ((load_le32(p) ^ load_le32(b)) |
		    (load_le32(p + n - 4) ^ load_le32(b + n - 4))) == 0;
	for (size_t i = 0; i < n; i++)
		if (p[i] != b[i])
			return false;
	return true;
}

static inline struct node *
node_of_key(struct json_state *st, const struct json *j, uint32_t key,
    struct node *parent, struct node *before)
{
	struct span s = json_raw(j, key);
	struct node *n = before->after;
	uint8_t plain[PATH_MAX_LEN];

	if ((j->tok[key].flags & JSON_F_ESCAPED) == 0) {
		if (n != NULL && n->parent == parent && n->len == s.len &&
		    same_bytes(n->key, s.ptr, s.len))
			return n;
		s = span_sub(s, 0, PATH_MAX_LEN);
	} else {
		s = span_sub(s, 0, sizeof(plain));
		s = span_of(plain, json_unescape(s, plain));
	}
	n = find_node(st, parent, s);
	/* What does not last is not remembered. */
	if (n != NULL && !st->is_full)
		before->after = n;
	return n;
}

/* The path as text, cut at PATH_MAX_LEN. */
static void
put_path(struct buf *to, const struct span *part, unsigned n)
{
	for (unsigned i = 0; i < n && to->len < PATH_MAX_LEN; i++) {
		if (to->len != 0)
			buf_byte(to, '.');
		buf_span(to, span_sub(part[i], 0, PATH_MAX_LEN - to->len));
	}
}

static const struct meaning *
find_meaning(struct json_state *st, struct node *n, enum json_dialect d)
{
	const struct demand *want = st->batch->want;
	struct span part[JSON_DEPTH_MAX] = { SPAN_NONE }, name;
	struct meaning *m = &n->as[d];
	unsigned depth;
	bool kept = true;
	char *p;

	depth = path_of(n, part);
	buf_reset(&st->text);
	if (d == DIALECT_PLAIN) {
		put_path(&st->text, part, depth);
		m->t = (struct json_target){ .how = JSON_AS_NAMED };
		m->id = (uint16_t)field_by_alias(buf_view(&st->text));
	} else {
		m->t = win_target(d, part, depth, &st->text);
		m->id = m->t.how == JSON_AS_SYSTEM || m->t.how == JSON_AS_DATA ?
		    m->t.id : (uint16_t)field_by_name(buf_view(&st->text));
	}
	name = span_sub(buf_view(&st->text), 0, PATH_MAX_LEN);
	m->wanted = m->id != FIELD_OTHER ? want->field[m->id] : want->others;
	if (m->id == FIELD_OTHER && m->wanted) {
		if ((p = get_mem(st, name.len + 1, &kept)) == NULL) {
			m->wanted = false;
			return m;
		}
		if (name.len != 0)
			memcpy(p, name.ptr, name.len);
		m->name = p;
	}
	/* A name that goes with the batch must be made anew. */
	m->known = kept;
	if (kept && !m->wanted && !m->t.is_param && (m->t.how == JSON_DROP ||
	    (m->t.how == JSON_AS_NAMED && m->t.is_extra)))
		n->idle |= (uint8_t)(1u << d);
	return m;
}

static inline const struct meaning *
meaning_of(struct json_state *st, struct node *n, enum json_dialect d)
{
	return n->as[d].known ? &n->as[d] : find_meaning(st, n, d);
}

/* -- values -------------------------------------------------------------- */

static void
set_text(struct value *v, struct span s)
{
	v->type = VT_STR;
	v->ptr = s.ptr;
	v->len = (uint32_t)s.len;
}

/* Larger integers stay text, since a double would round them. */
static bool
is_fraction(struct span s)
{
	return span_find_byte(s, '.') != SPAN_NPOS ||
	    span_find_byte(s, 'e') != SPAN_NPOS ||
	    span_find_byte(s, 'E') != SPAN_NPOS;
}

/* A string, number or name. */
static void
set_value(struct json_state *st, struct value *v, const struct json *j,
    uint32_t i)
{
	struct span s = json_raw(j, i);

	switch (j->tok[i].type) {
	case JSON_STRING:
		if ((j->tok[i].flags & JSON_F_ESCAPED) != 0) {
			s = json_text(j, i, &st->batch->arena);
			if (s.ptr == NULL)
				weird(st, WEIRD_BATCH_ARENA);
		}
		set_text(v, s);
		break;
	case JSON_NUMBER:
		if (json_u64(j, i, &v->u64))
			v->type = VT_U64;
		else if (json_i64(j, i, &v->i64))
			v->type = VT_I64;
		else if (is_fraction(s) && json_f64(j, i, &v->f64))
			v->type = VT_F64;
		else
			set_text(v, s);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v->type = VT_BOOL;
		v->u64 = j->tok[i].type == JSON_TRUE;
		break;
	default:
		v->type = VT_NULL;
	}
}

/* Room for n values of a list, NULL for none or without memory. */
static struct value *
make_list(struct json_state *st, struct value *list, uint32_t n)
{
	struct value *items;

	list->type = VT_LIST;
	list->ptr = NULL;
	list->len = 0;
	if (n == 0)
		return NULL;
	items = arena_zalloc(&st->batch->arena, n * sizeof(*items));
	if (items == NULL) {
		weird(st, WEIRD_BATCH_ARENA);
		return NULL;
	}
	list->ptr = items;
	list->len = n;
	return items;
}

/* -- walking ------------------------------------------------------------- */

static bool
grow_leaves(struct json_state *st)
{
	uint32_t n = st->nroom == 0 ? LEAVES_FIRST : st->nroom * 2;
	struct leaf *p;

	if (st->nroom == LEAVES_MAX) {
		weird(st, WEIRD_JSON_SIZE);
		return false;
	}
	if ((p = realloc(st->leaves, n * sizeof(*p))) == NULL) {
		weird(st, WEIRD_BATCH_ARENA);
		return false;
	}
	st->leaves = p;
	st->nroom = n;
	return true;
}

static bool
add_leaf(struct json_state *st, struct node *n, uint32_t token,
    const struct level *l)
{
	if (st->nleaves == st->nroom && !grow_leaves(st))
		return false;
	st->leaves[st->nleaves++] = (struct leaf){ .node = n,
	    .object = l->object, .token = token, .listed = l->listed };
	if (n->walk != st->walk) {
		n->walk = st->walk;
		n->first = st->nleaves;
		n->n = 0;
	} else {
		st->leaves[n->last - 1].next = st->nleaves;
	}
	n->last = st->nleaves;
	n->n++;
	return true;
}

/* Does a rule name this path, which holds more than a value? */
static bool
names_whole(struct json_state *st, struct node *n)
{
	const struct meaning *m = meaning_of(st, n, DIALECT_PLAIN);

	return m->id >= FIELD_COUNT && m->wanted;
}

static bool	is_wrapping(const struct json *, uint32_t object, uint32_t i,
		    enum wrapping);

/* All values below an object, each with the node of its path; at a limit what
 * was found until then.  When the object is a wrapping, the value that it
 * wraps, else 0. */
static uint32_t
walk(struct json_state *st, const struct json *j, uint32_t object,
    bool unwrap)
{
	struct level level[JSON_DEPTH_MAX + 1];
	struct node *n, *before = &st->root;
	unsigned depth = 1;

	st->walk++;
	st->nleaves = 0;
	st->roles = 0;
	memset(st->times, 0, sizeof(st->times));
	level[0] = (struct level){ .next = object + 1,
	    .end = j->tok[object].next, .node = &st->root,
	    .object = ++st->object };
	while (depth != 0) {
		struct level *l = &level[depth - 1];
		uint32_t i = l->next;
		uint8_t type;

		if (i == l->end) {
			depth--;
			continue;
		}
		n = l->node;
		if (!l->is_array) {
			n = node_of_key(st, j, i++, n, before);
			if (n == NULL)
				return 0;
			before = n;
			if (n->object == l->object) {
				st->repeats = true;
				l->next = j->tok[i].next;
				continue;
			}
			n->object = l->object;
			st->roles |= n->role;
		}
		type = j->tok[i].type;
		l->next = j->tok[i].next;
		if (type < JSON_ARRAY || (type == JSON_ARRAY && !l->listed &&
		    j->tok[i].next == i + 1)) {
			if (!add_leaf(st, n, i, l))
				return 0;
			if (n->time_rank != 0 && depth == 1)
				st->times[n->time_rank - 1] = i;
			continue;
		}
		if (n->wrapping != WRAP_NONE && unwrap && depth == 1 &&
		    is_wrapping(j, object, i, (enum wrapping)n->wrapping))
			return i;
		if (!l->listed && names_whole(st, n) &&
		    !add_leaf(st, n, i, l))
			return 0;
		level[depth++] = (struct level){ .next = i + 1,
		    .end = j->tok[i].next, .node = n,
		    .object = type == JSON_OBJECT ? ++st->object : l->object,
		    .is_array = type == JSON_ARRAY,
		    .listed = l->listed || type == JSON_ARRAY };
	}
	return 0;
}

/* -- telling ------------------------------------------------------------- */

static struct value *
add_field(struct json_state *st, const struct meaning *m)
{
	if (!m->wanted)
		return NULL;
	return m->id != FIELD_OTHER ? event_add(st->batch, m->id, VT_NULL) :
	    event_add_other(st->batch, m->name, VT_NULL);
}

/* A value, or all of its path when it stands under an array: then only once,
 * for the first. */
static void
tell(struct json_state *st, const struct json *j, const struct leaf *f,
    const struct meaning *m)
{
	const struct node *n = f->node;
	struct value *v;

	if (!m->wanted)
		return;
	if (!f->listed) {
		if ((v = add_field(st, m)) == NULL)
			return;
		if (j->tok[f->token].next > f->token + 1)
			set_text(v, json_raw(j, f->token));
		else if (j->tok[f->token].type == JSON_ARRAY)
			v->type = VT_LIST;	/* an empty one */
		else
			set_value(st, v, j, f->token);
		return;
	}
	if (&st->leaves[n->first - 1] != f ||
	    (v = add_field(st, m)) == NULL ||
	    (v = make_list(st, v, n->n)) == NULL)
		return;
	for (uint32_t k = n->first; k != 0; k = st->leaves[k - 1].next)
		set_value(st, v++, j, st->leaves[k - 1].token);
}

static void
add_data(struct json_state *st, uint32_t token)
{
	if (st->ndata == DATA_MAX)
		weird(st, WEIRD_JSON_SIZE);
	else
		st->data[st->ndata++] = token;
}

/* What Windows rendered. */
static void
tell_rendered(struct json_state *st, const struct json *j,
    const struct leaf *f, const char *name)
{
	const struct meaning m = { .name = name, .wanted =
	    st->batch->want->others };

	if (name != NULL)
		tell(st, j, f, &m);
}

/* To the type that the field has in records; false when it is no such. */
static bool
convert(struct value *v, const struct json *j, uint32_t token,
    enum ftype type)
{
	int64_t t;
	uint64_t n;

	switch (type) {
	case FT_TIME:
		if (!parse_time(j, token, &t))
			return false;
		v->type = VT_TIME;
		v->i64 = t;
		return true;
	case FT_U64:
	case FT_HEX:
		if (v->type == VT_I64)
			n = (uint64_t)v->i64;
		else if (v->type == VT_F64 && v->f64 >= 0 && v->f64 < 0x1p63)
			n = (uint64_t)v->f64;
		else if (!value_u64(v, &n))
			return false;
		v->type = type == FT_HEX ? VT_HEX : VT_U64;
		v->len = 0;
		v->u64 = n;
		return true;
	default:
		return v->type != VT_LIST;
	}
}

static void
take_system(struct json_state *st, const struct json *j, const struct leaf *f,
    const struct json_target *t)
{
	unsigned at = t->id - FIELD_WIN_CHANNEL;
	struct value v = { .type = VT_NULL };
	uint8_t type = j->tok[f->token].type;

	if (type == JSON_NULL || type >= JSON_ARRAY)
		return;
	if (f->listed) {
		tell_rendered(st, j, f, t->rendered);
		return;
	}
	if (st->system[at].type != VT_NULL && st->rank[at] <= t->rank)
		return;
	set_value(st, &v, j, f->token);
	if (!convert(&v, j, f->token, field_type(t->id))) {
		tell_rendered(st, j, f, t->rendered);
		return;
	}
	st->system[at] = v;
	st->rank[at] = t->rank;
}

/* {"@Name": "X", "#text": "y"}: the text that has this name. */
static const struct leaf *
pair_text(struct json_state *st, const struct leaf *f)
{
	const struct leaf *end = st->leaves + st->nleaves, *at;

	for (at = f + 1; at != end && at->object == f->object; at++)
		if (at->node->as[DIALECT_TREE].t.how == JSON_PAIR_TEXT)
			return at;
	for (at = f; at != st->leaves && at[-1].object == f->object;)
		if ((--at)->node->as[DIALECT_TREE].t.how == JSON_PAIR_TEXT)
			return at;
	return NULL;
}

static void
tell_pair(struct json_state *st, const struct json *j, const struct leaf *f)
{
	const struct leaf *text = pair_text(st, f);
	struct span name = json_text(j, f->token, &st->batch->arena);
	struct node *n = find_node(st, &st->root, SPAN_LIT("EventData"));
	const struct meaning *m;
	struct value *v;

	if (n == NULL || (n = find_node(st, n,
	    span_sub(name, 0, PATH_MAX_LEN))) == NULL)
		return;
	m = meaning_of(st, n, DIALECT_TREE);
	if (m->t.how == JSON_AS_DATA) {
		if (text != NULL)
			add_data(st, text->token);
	} else if (m->wanted && (v = add_field(st, m)) != NULL) {
		if (text != NULL)
			set_value(st, v, j, text->token);
		else
			set_text(v, SPAN_LIT(""));
	}
}

/* Does an object name this text?  Then it is told with the name. */
static bool
has_name(struct json_state *st, const struct leaf *f)
{
	for (const struct leaf *at = f; at != st->leaves &&
	    at[-1].object == f->object;)
		if ((--at)->node->as[DIALECT_TREE].t.how == JSON_PAIR_NAME)
			return true;
	for (const struct leaf *at = f + 1; at != st->leaves + st->nleaves &&
	    at->object == f->object; at++)
		if (at->node->as[DIALECT_TREE].t.how == JSON_PAIR_NAME)
			return true;
	return false;
}

static void
tell_leaf(struct json_state *st, const struct json *j, const struct leaf *f,
    const struct meaning *m)
{
	switch ((enum json_how)m->t.how) {
	case JSON_DROP:
		break;
	case JSON_AS_NAMED:
		if (m->t.is_param)
			add_data(st, f->token);
		st->has_data |= !m->t.is_extra;
		tell(st, j, f, m);
		break;
	case JSON_MESSAGE:
		st->message = f;
		break;
	case JSON_AS_SYSTEM:
		take_system(st, j, f, &m->t);
		break;
	case JSON_AS_DATA:
		if (j->tok[f->token].type < JSON_ARRAY)
			add_data(st, f->token);
		break;
	case JSON_PAIR_NAME:
		tell_pair(st, j, f);
		break;
	case JSON_PAIR_TEXT:
		if (!has_name(st, f))
			add_data(st, f->token);
		break;
	case JSON_INNER:
	case JSON_XML:
		tell(st, j, f, m);
		break;
	}
}

/* The list Data from the tokens that joined it. */
static void
tell_data(struct json_state *st, const struct json *j)
{
	struct value *items;

	if (st->ndata == 0)
		return;
	items = event_add_list(st->batch, FIELD_WIN_DATA, st->ndata);
	for (uint32_t i = 0; items != NULL && i < st->ndata; i++)
		set_value(st, &items[i], j, st->data[i]);
	st->ndata = 0;
}

static void
tell_system(struct json_state *st, const struct json *j)
{
	struct value *s = st->system, *v;
	struct value *channel = &s[0];
	struct value *provider = &s[FIELD_WIN_PROVIDER - FIELD_WIN_CHANNEL];
	struct value *id = &s[FIELD_WIN_EVENT_ID - FIELD_WIN_CHANNEL];
	struct value *time = &s[FIELD_WIN_TIME - FIELD_WIN_CHANNEL];

	if (channel->type != VT_STR && provider->type == VT_STR) {
		struct span name = win_channel(span_of(provider->ptr,
		    provider->len), id->type == VT_U64 ? id->u64 : 0);

		if (name.len != 0)
			set_text(channel, name);
	}
	st->batch->making.time = time->type == VT_TIME ? time->i64 :
	    find_time(st, j);
	for (unsigned i = 0; i < NSYSTEM; i++) {
		unsigned field = FIELD_WIN_CHANNEL + i;

		if (s[i].type == VT_NULL || !event_wants(st->batch, field) ||
		    (v = event_add(st->batch, field, VT_NULL)) == NULL)
			continue;
		v->type = s[i].type;
		v->len = s[i].len;
		v->u64 = s[i].u64;
	}
}

/* Classic PowerShell events without their data: all of it is in the message
 * that was rendered, which is what rules for them search in. */
static void
data_of_message(struct json_state *st)
{
	const struct value *channel = &st->system[0];

	if (st->ndata == 0 && st->message != NULL && !st->message->listed &&
	    channel->type == VT_STR &&
	    span_eq_nocase(span_of(channel->ptr, channel->len),
	    SPAN_LIT("Windows PowerShell")))
		add_data(st, st->message->token);
}

/* JSON in a string: EventData as EvtxECmd writes it. */
static void
tell_inner(struct json_state *st, struct span text)
{
	uint32_t n;

	if (json_parse_loose(&st->inner, text) != JSON_OK ||
	    st->inner.tok[0].type != JSON_OBJECT)
		return;
	(void)walk(st, &st->inner, 0, false);
	n = st->nleaves;
	for (uint32_t i = 0; i < n; i++)
		(void)meaning_of(st, st->leaves[i].node, DIALECT_TREE);
	for (uint32_t i = 0; i < n; i++)
		tell_leaf(st, &st->inner, &st->leaves[i],
		    meaning_of(st, st->leaves[i].node, DIALECT_TREE));
	tell_data(st, &st->inner);
}

/* The event as XML, in a member of this object? */
static struct span
xml_of(struct json_state *st, const struct json *j)
{
	for (uint32_t i = 0; i < st->nleaves; i++) {
		const struct leaf *f = &st->leaves[i];
		struct span s;

		if (meaning_of(st, f->node, DIALECT_FLAT)->t.how != JSON_XML ||
		    j->tok[f->token].type != JSON_STRING)
			continue;
		s = json_text(j, f->token, &st->batch->arena);
		if (span_starts(span_trim(s), SPAN_LIT("<Event")))
			return s;
	}
	return SPAN_NONE;
}

static bool
tell_winevent(struct json_state *st, const struct json *j,
    enum json_dialect d)
{
	const struct value *id =
	    &st->system[FIELD_WIN_EVENT_ID - FIELD_WIN_CHANNEL];
	struct span inner = SPAN_NONE;

	memset(st->system, 0, sizeof(st->system));
	st->ndata = 0;
	st->message = NULL;
	st->has_data = false;
	for (uint32_t i = 0; d == DIALECT_TREE && i < st->nleaves; i++)
		(void)meaning_of(st, st->leaves[i].node, d);
	for (uint32_t i = 0; i < st->nleaves; i++) {
		const struct leaf *f = &st->leaves[i];
		const struct meaning *m;

		if ((f->node->idle >> d & 1) != 0 ||
		    j->tok[f->token].next > f->token + 1)
			continue;
		m = meaning_of(st, f->node, d);
		if (m->t.how == JSON_INNER &&
		    j->tok[f->token].type == JSON_STRING &&
		    span_starts(json_raw(j, f->token), SPAN_LIT("{"))) {
			inner = json_text(j, f->token, &st->batch->arena);
			continue;
		}
		tell_leaf(st, j, f, m);
	}
	if (id->type != VT_U64)
		return false;
	data_of_message(st);
	if (st->message != NULL && !st->has_data && st->ndata == 0 &&
	    inner.len == 0)
		tell(st, j, st->message,
		    meaning_of(st, st->message->node, d));
	tell_data(st, j);
	tell_system(st, j);
	if (inner.len != 0)
		tell_inner(st, inner);
	return true;
}

/* -- wrappings ----------------------------------------------------------- */

static bool
names(const struct json *j, uint32_t object, const char *name)
{
	return json_member(j, object, span_str(name)) != 0;
}

/* A list of events, that is: of objects. */
static bool
is_list(const struct json *j, uint32_t i)
{
	return j->tok[i].type == JSON_ARRAY && j->tok[i].next > i + 1 &&
	    j->tok[i + 1].type == JSON_OBJECT;
}

/* Is the object a wrapping of what this member (its value at i) holds? */
static bool
is_wrapping(const struct json *j, uint32_t object, uint32_t i,
    enum wrapping how)
{
	uint32_t end = j->tok[object].next, others = 0;

	switch (how) {
	case WRAP_SOURCE:
		return j->tok[i].type == JSON_OBJECT &&
		    names(j, object, "_index");
	case WRAP_RESULT:
		return j->tok[i].type == JSON_OBJECT &&
		    (names(j, object, "preview") ||
		    names(j, object, "lastrow") || names(j, object, "offset"));
	case WRAP_RECORDS:
		return is_list(j, i);
	case WRAP_LIST:
		break;
	default:
		return false;
	}
	/* Names that mean much: only where little else is said. */
	for (uint32_t k = object + 1; k < end; k = j->tok[k + 1].next)
		if (++others > WRAPPING_MEMBERS ||
		    (k + 1 != i && is_list(j, k + 1)))
			return false;
	return is_list(j, i);
}

static void	tell_object(struct json_state *, const struct json *,
		    uint32_t object, unsigned depth);

/* Recursion is bounded by WRAPPINGS_MAX. */
static void
tell_wrapped(struct json_state *st, const struct json *j, uint32_t wrapped,
    unsigned depth)
{
	uint32_t end = j->tok[wrapped].next;

	if (j->tok[wrapped].type == JSON_OBJECT) {
		tell_object(st, j, wrapped, depth);
		return;
	}
	for (uint32_t i = wrapped + 1; i < end; i = j->tok[i].next)
		if (j->tok[i].type == JSON_OBJECT)
			tell_object(st, j, i, depth);
}

/* -- objects ------------------------------------------------------------- */

/* A Windows event; false: it is none, or nothing is to be told of it. */
static bool
tell_as_winevent(struct json_state *st, const struct json *j,
    enum json_dialect d)
{
	struct batch *b = st->batch;
	struct span xml;

	if ((st->roles & WIN_ROLE_RAW) != 0 && (xml = xml_of(st, j)).len != 0 &&
	    dec_win_xml(b, st->rec, find_time(st, j), &xml))
		return true;
	if (!event_begin(b, KIND_WINEVENT, TIME_NONE,
	    batch_locator(b, st->rec)))
		return true;
	if (tell_winevent(st, j, d)) {
		event_end(b);
		return true;
	}
	event_drop(b);
	return false;
}

static void
tell_object(struct json_state *st, const struct json *j, uint32_t object,
    unsigned depth)
{
	struct batch *b = st->batch;
	enum json_dialect d;
	uint32_t wrapped;

	wrapped = walk(st, j, object, depth < WRAPPINGS_MAX);
	if (wrapped != 0) {
		tell_wrapped(st, j, wrapped, depth + 1);
		return;
	}
	d = win_classify(st->roles);
	if (d != DIALECT_PLAIN && tell_as_winevent(st, j, d))
		return;
	if (!b->want->kind[KIND_JSON] || !event_begin(b, KIND_JSON,
	    find_time(st, j), batch_locator(b, st->rec)))
		return;
	for (uint32_t i = 0; i < st->nleaves; i++)
		tell(st, j, &st->leaves[i],
		    meaning_of(st, st->leaves[i].node, DIALECT_PLAIN));
	event_end(b);
}

static void
raise_status(struct json_state *st, enum json_status status)
{
	if (status == JSON_DEEP)
		weird(st, WEIRD_JSON_DEPTH);
	else if (status == JSON_BROKEN)
		weird(st, WEIRD_JSON_BAD);
	else
		weird(st, WEIRD_JSON_SIZE);
}

/* Drops all nodes; no event may point to them. */
static void
forget(struct json_state *st)
{
	arena_reset(&st->mem);
	memset(st->slots, 0, sizeof(st->slots));
	memset(&st->root, 0, sizeof(st->root));
	st->is_full = false;
}

static void
json_record(struct dec *dec, void *state, const struct record *rec)
{
	struct json_state *st = state;
	enum json_status status;

	st->batch = dec->batch;
	st->rec = rec;
	if (!st->ready) {
		arena_init(&st->mem, MEM_MAX);
		buf_init(&st->text, 0);
		st->ready = true;
	}
	if (st->is_full && rec == dec->batch->records)
		forget(st);
	status = json_parse_loose(&st->json, rec->data);
	if (status != JSON_OK) {
		raise_status(st, status);
		return;
	}
	if ((st->json.flags & JSON_F_NOT_UTF8) != 0)
		weird(st, WEIRD_TEXT_ENCODING);
	if (st->json.tok[0].type != JSON_OBJECT)
		return;
	st->repeats = false;
	tell_object(st, &st->json, 0, 0);
	if (st->repeats)
		weird(st, WEIRD_JSON_DUPLICATE);
}

static void
json_end(struct dec *dec, void *state)
{
	struct json_state *st = state;

	(void)dec;
	json_fini(&st->json);
	json_fini(&st->inner);
	free(st->leaves);
	st->leaves = NULL;
	st->nroom = 0;
	if (!st->ready)
		return;
	forget(st);
	arena_fini(&st->mem);
	buf_fini(&st->text);
	st->ready = false;
}

/* Anything that is an object; those who know its members say more. */
static int
json_match(const struct record *rec)
{
	return rec->data.len != 0 && rec->data.ptr[0] == '{' ? 10 : 0;
}

static const uint8_t json_kinds[] = { KIND_JSON, KIND_WINEVENT, KIND_NONE };

const struct decoder decoder_json = {
	.name = "json",
	.title = "JSON objects, Windows events among them",
	.doc = "RFC 8259 objects of up to 64 levels, members named by their "
	    "dotted path; under arrays, lists without index.  Of members "
	    "named twice the first is read.  Lists of events in one object "
	    "(CloudTrail's Records and the like) and the wrappings of "
	    "Elasticsearch and Splunk are taken off.  Windows events as "
	    "Winlogbeat, NXLog, OTRF, Splunk, Wazuh, EvtxECmd, evtx_dump, "
	    "Chainsaw and Get-WinEvent export them become winevents.  Time "
	    "from @timestamp, timestamp, ts, TimeCreated, UtcTime, EventTime, "
	    "time or what cloud services call it.",
	.kinds = json_kinds,
	.state_size = sizeof(struct json_state),
	.rectype = REC_JSON,
	.match = json_match,
	.record = json_record,
	.end = json_end,
};
