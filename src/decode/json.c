/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON objects that no other decoder claims (RFC 8259).
 *
 * An object is one event.  Its members are named by their path:
 *
 *	{"winlog": {"event_data": {"Image": "x"}}}
 *		winlog.event_data.Image = "x"
 *	{"a": [1, 2]}			a = [1, 2]
 *	{"a": [{"b": 1}, {"b": 2, "c": 3}]}
 *		a.b = [1, 2], a.c = [3]
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
 * Time: the first of time_keys that can be read, at the outermost level; text
 * as time_parse() takes it, or a number since 1970 in seconds (milli-, micro-
 * and nanoseconds are told by their size).
 *
 * Bounds: JSON_DEPTH_MAX and JSON_TOKENS_MAX of the parser, PATH_MAX_LEN,
 * EVENT_FIELDS_MAX; the values of one array in LEAVES_MAX.
 */
#include <stdlib.h>

#include "codec.h"
#include "decode.h"

#define PATH_MAX_LEN	512	/* longer paths are cut */
#define LEAVES_MAX	(64u << 10)	/* values kept under one array */
#define GROUP_SLOTS	(2 * EVENT_FIELDS_MAX)

/* A value under an array; those of one path form a chain. */
struct leaf {
	uint32_t	token;
	uint32_t	next;		/* index + 1; 0: last */
};

struct group {			/* one path under an array */
	uint64_t	hash;
	const char	*name;		/* in the batch's arena */
	size_t		len;
	uint32_t	first, last;	/* leaves, index + 1 */
	uint32_t	n;
};

struct scratch {
	struct leaf	leaves[LEAVES_MAX];
	struct group	groups[EVENT_FIELDS_MAX];
	uint16_t	slot[GROUP_SLOTS];	/* group + 1 */
	uint32_t	nleaves, ngroups;
};

struct json_state {
	struct json	json;
	struct scratch	*scratch;	/* made when first needed */
};

struct path {
	char	text[PATH_MAX_LEN];
	size_t	len;
};

/* An object or array that is being walked. */
struct level {
	uint32_t	next, end;	/* tokens */
	size_t		path_len;
	bool		is_array;
};

static const char *const time_keys[] = { "@timestamp", "timestamp", "ts",
    "TimeCreated", "UtcTime", "EventTime", "time" };

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

static int64_t
find_time(const struct json *j)
{
	int64_t best = TIME_NONE, t;
	size_t best_rank = NITEMS(time_keys);

	for (uint32_t i = 1; i < j->tok[0].next; i = j->tok[i + 1].next) {
		struct span key = json_raw(j, i), v = json_raw(j, i + 1);
		uint8_t type = j->tok[i + 1].type;

		if (key.len > 11 || (type != JSON_STRING &&
		    type != JSON_NUMBER))
			continue;
		for (size_t k = 0; k < best_rank; k++) {
			if (!span_eq(key, span_str(time_keys[k])))
				continue;
			if ((type == JSON_STRING && time_parse(v, &t)) ||
			    parse_epoch(v, &t)) {
				best = t;
				best_rank = k;
			}
			break;
		}
	}
	return best;
}

/* -- paths and values ---------------------------------------------------- */

/* Appends a key to the path. */
static void
path_add(struct path *p, const struct json *j, uint32_t key)
{
	struct span s = json_raw(j, key);
	uint8_t plain[PATH_MAX_LEN];

	s = span_sub(s, 0, sizeof(plain));
	if ((j->tok[key].flags & JSON_F_ESCAPED) != 0)
		s = span_of(plain, json_unescape(s, plain));
	if (p->len != 0 && p->len < sizeof(p->text))
		p->text[p->len++] = '.';
	s = span_sub(s, 0, sizeof(p->text) - p->len);
	if (s.len != 0)
		memcpy(p->text + p->len, s.ptr, s.len);
	p->len += s.len;
}

/* NULL when the arena is full. */
static const char *
keep_name(struct batch *b, struct span name)
{
	char *p = arena_alloc(&b->arena, name.len + 1);

	if (p == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return NULL;
	}
	if (name.len != 0)
		memcpy(p, name.ptr, name.len);
	p[name.len] = '\0';
	return p;
}

/* Room for a value of this path, NULL when nobody wants it.  name: the path
 * in the arena, if it is there. */
static struct value *
add_value(struct batch *b, struct span path, const char *name)
{
	unsigned id = field_by_alias(path);

	if (id != FIELD_OTHER)
		return event_wants(b, id) ? event_add(b, id, VT_NULL) : NULL;
	if (!b->want->others ||
	    (name == NULL && (name = keep_name(b, path)) == NULL))
		return NULL;
	return event_add_other(b, name, VT_NULL);
}

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
set_value(struct batch *b, struct value *v, const struct json *j, uint32_t i)
{
	struct span s = json_raw(j, i);

	switch (j->tok[i].type) {
	case JSON_STRING:
		s = json_text(j, i, &b->arena);
		if (s.ptr == NULL)
			batch_weird(b, WEIRD_BATCH_ARENA, NULL);
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

/* -- arrays -------------------------------------------------------------- */

static void
start_groups(struct scratch *s)
{
	memset(s->slot, 0, sizeof(s->slot));
	s->nleaves = s->ngroups = 0;
}

/* The group of this path, made when missing; NULL at a limit. */
static struct group *
find_group(struct scratch *s, struct batch *b, struct span path)
{
	uint64_t hash = hash_bytes(path.ptr, path.len, hash_seed());
	size_t h = hash % GROUP_SLOTS;
	struct group *g;

	for (; s->slot[h] != 0; h = (h + 1) % GROUP_SLOTS) {
		g = &s->groups[s->slot[h] - 1];
		if (g->hash == hash && span_eq(span_of(g->name, g->len), path))
			return g;
	}
	if (s->ngroups == NITEMS(s->groups)) {
		batch_weird(b, WEIRD_EVENT_FIELDS, NULL);
		return NULL;
	}
	g = &s->groups[s->ngroups];
	*g = (struct group){ .hash = hash, .len = path.len };
	if ((g->name = keep_name(b, path)) == NULL)
		return NULL;
	s->slot[h] = (uint16_t)++s->ngroups;
	return g;
}

static void
add_leaf(struct scratch *s, struct batch *b, struct span path, uint32_t token)
{
	struct group *g;

	if (s->nleaves == LEAVES_MAX) {
		batch_weird(b, WEIRD_JSON_SIZE, NULL);
		return;
	}
	if ((g = find_group(s, b, path)) == NULL)
		return;
	s->leaves[s->nleaves++] = (struct leaf){ .token = token };
	if (g->n++ == 0)
		g->first = s->nleaves;
	else
		s->leaves[g->last - 1].next = s->nleaves;
	g->last = s->nleaves;
}

static struct value *
make_list(struct batch *b, struct value *list, uint32_t n)
{
	struct value *items = arena_zalloc(&b->arena, n * sizeof(*items));

	list->type = VT_LIST;
	if (items == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return NULL;
	}
	list->ptr = items;
	list->len = n;
	return items;
}

static void
put_groups(struct scratch *s, struct batch *b, const struct json *j)
{
	for (uint32_t i = 0; i < s->ngroups; i++) {
		struct group *g = &s->groups[i];
		struct value *v, *items;

		v = add_value(b, span_of(g->name, g->len), g->name);
		if (v == NULL || (items = make_list(b, v, g->n)) == NULL)
			continue;
		for (uint32_t k = g->first; k != 0; k = s->leaves[k - 1].next)
			set_value(b, items++, j, s->leaves[k - 1].token);
	}
}

/* Walks all that is under the array; *path is its own and comes back so. */
static void
gather(struct scratch *s, struct batch *b, const struct json *j,
    uint32_t array, struct path *path)
{
	struct level level[JSON_DEPTH_MAX];
	size_t own = path->len;
	unsigned depth = 1;

	level[0] = (struct level){ array + 1, j->tok[array].next, own, true };
	while (depth != 0) {
		struct level *l = &level[depth - 1];
		uint32_t i = l->next;

		if (i == l->end) {
			depth--;
			continue;
		}
		path->len = l->path_len;
		if (!l->is_array) {
			bool repeated = (j->tok[i].flags &
			    JSON_F_REPEATED) != 0;

			path_add(path, j, i++);
			if (repeated) {
				l->next = j->tok[i].next;
				continue;
			}
		}
		l->next = j->tok[i].next;
		if (j->tok[i].type < JSON_ARRAY)
			add_leaf(s, b, span_of(path->text, path->len), i);
		else
			level[depth++] = (struct level){ i + 1,
			    j->tok[i].next, path->len,
			    j->tok[i].type == JSON_ARRAY };
	}
	path->len = own;
}

static void
put_array(struct json_state *st, struct batch *b, uint32_t array,
    struct path *path)
{
	const struct json *j = &st->json;
	uint32_t end = j->tok[array].next, i;
	struct value *v;

	/* Plain lists need no sorting out. */
	for (i = array + 1; i < end && j->tok[i].type < JSON_ARRAY; i++)
		;
	if (i == end) {
		v = add_value(b, span_of(path->text, path->len), NULL);
		if (v == NULL)
			return;
		v->type = VT_LIST;
		if (end == array + 1 ||
		    (v = make_list(b, v, end - array - 1)) == NULL)
			return;
		for (i = array + 1; i < end; i++)
			set_value(b, v++, j, i);
		return;
	}
	if (st->scratch == NULL &&
	    (st->scratch = malloc(sizeof(*st->scratch))) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	start_groups(st->scratch);
	gather(st->scratch, b, j, array, path);
	put_groups(st->scratch, b, j);
}

/* -- objects ------------------------------------------------------------- */

static void
put_object(struct json_state *st, struct batch *b)
{
	const struct json *j = &st->json;
	struct level level[JSON_DEPTH_MAX];
	unsigned depth = 1;
	struct path path;
	struct value *v;

	level[0] = (struct level){ 1, j->tok[0].next, 0, false };
	while (depth != 0) {
		struct level *l = &level[depth - 1];
		uint32_t i = l->next;

		if (i == l->end) {
			depth--;
			continue;
		}
		l->next = j->tok[i + 1].next;
		if ((j->tok[i].flags & JSON_F_REPEATED) != 0)
			continue;
		path.len = l->path_len;
		path_add(&path, j, i++);
		if (j->tok[i].type == JSON_OBJECT) {
			level[depth++] = (struct level){ i + 1,
			    j->tok[i].next, path.len, false };
		} else if (j->tok[i].type == JSON_ARRAY) {
			put_array(st, b, i, &path);
		} else {
			v = add_value(b, span_of(path.text, path.len),
			    NULL);
			if (v != NULL)
				set_value(b, v, j, i);
		}
	}
}

static void
raise_status(struct batch *b, enum json_status status,
    const struct record *rec)
{
	if (status == JSON_DEEP)
		batch_weird(b, WEIRD_JSON_DEPTH, rec);
	else if (status == JSON_BROKEN)
		batch_weird(b, WEIRD_JSON_BAD, rec);
	else
		batch_weird(b, WEIRD_JSON_SIZE, rec);
}

static void
json_record(struct dec *dec, void *state, const struct record *rec)
{
	struct json_state *st = state;
	struct batch *b = dec->batch;
	enum json_status status = json_parse(&st->json, rec->data);
	int64_t time;

	if (status != JSON_OK) {
		raise_status(b, status, rec);
		return;
	}
	if ((st->json.flags & JSON_F_REPEATED) != 0)
		batch_weird(b, WEIRD_JSON_DUPLICATE, rec);
	if ((st->json.flags & JSON_F_NOT_UTF8) != 0)
		batch_weird(b, WEIRD_TEXT_ENCODING, rec);
	if (st->json.tok[0].type != JSON_OBJECT)
		return;
	time = find_time(&st->json);
	if (time == TIME_NONE)
		time = rec->time;
	if (!event_begin(b, KIND_JSON, time, batch_locator(b, rec)))
		return;
	put_object(st, b);
	event_end(b);
}

static void
json_end(struct dec *dec, void *state)
{
	struct json_state *st = state;

	(void)dec;
	json_fini(&st->json);
	free(st->scratch);
	st->scratch = NULL;
}

/* Anything that is an object; those who know its members say more. */
static int
json_match(const struct record *rec)
{
	return rec->data.len != 0 && rec->data.ptr[0] == '{' ? 10 : 0;
}

static const uint8_t json_kinds[] = { KIND_JSON, KIND_NONE };

const struct decoder decoder_json = {
	.name = "json",
	.title = "JSON objects",
	.doc = "RFC 8259 objects of up to 64 levels, members named by their "
	    "dotted path; under arrays, lists without index.  Of members "
	    "named twice the first is read.  Time from @timestamp, timestamp, "
	    "ts, TimeCreated, UtcTime, EventTime or time.",
	.kinds = json_kinds,
	.state_size = sizeof(struct json_state),
	.rectype = REC_JSON,
	.match = json_match,
	.record = json_record,
	.end = json_end,
};
