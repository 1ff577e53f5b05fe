/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma rules, specification 2.1 (SigmaHQ/sigma-specification): YAML to the
 * predicate program.
 *
 * A rule is compiled once for each way in which its log source can be met,
 * with the fields' names as they are there; a variant that folds to false is
 * dropped.
 *
 * Values: matched case-blind and whole; * and ? are wildcards, escaped by a
 * backslash, which escapes nothing but *, ? and itself.  Case is folded by
 * Unicode simple folding, one code point to one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec.h"
#include "rule.h"

/* What a value may grow to by windash and base64offset. */
#define VALUES_MAX	20000u
#define DASHES_MAX	6u		/* 5 to the 6th values of one */
#define FIELD_NAME_BYTES 256u
/* A wildcard match costs pattern times text at worst; the longest value of
 * SigmaHQ's rules has 217 bytes. */
#define VALUE_BYTES	8192u
/* Values read and names compared for one rule: YAML's aliases and "1 of"
 * multiply.  SigmaHQ's largest rule needs some 20,000. */
#define WORK_MAX	2000000u

/* One value on its way through the modifiers. */
struct val {
	enum { VAL_TEXT, VAL_NUM, VAL_NULL, VAL_BOOL } type;
	struct span	text;	/* TEXT: with WILD_* bytes; raw for re */
	double		num;
	bool		yes;
	bool		bytes;	/* text has such bytes, but no wildcards */
};

struct vals {
	struct val	*v;
	size_t		 n, size;
	bool		 failed;
};

/* Modifiers that say how to compare. */
struct how {
	bool		all, re, cidr, cased, exists, neq, fieldref, expand;
	uint8_t		num;		/* PRED_NUM_GT… or 0 */
	uint8_t		part;		/* enum time_part */
	uint8_t		rel;		/* fieldref: PRED_STARTS… */
	unsigned	re_flags;
};

struct selection {
	struct span	name;
	int		node;		/* in the YAML */
	node_id		id;
	bool		done;
};

/* One rule being compiled. */
struct sigma {
	struct program		*p;
	struct sigma_map	*map;
	const struct ydoc	*y;
	const char		*path;
	struct arena		 tmp;		/* values at hand */
	const struct map_target	*target;
	struct selection	*sel;
	size_t			 nsel;
	unsigned		 work;		/* done, to WORK_MAX */
	bool			 failed;	/* a fault was raised */
};

static void
fail(struct sigma *s, int node, const char *why, struct span what)
{
	char text[160];

	if (s->failed)
		return;
	s->failed = true;
	if (what.len == 0)
		snprintf(text, sizeof(text), "%s", why);
	else
		snprintf(text, sizeof(text), "%s: %.*s", why,
		    (int)MIN_OF(what.len, (size_t)80), (const char *)what.ptr);
	program_fault(s->p, s->path, ydoc_line(s->y, node),
	    ydoc_column(s->y, node), "%s", text);
}

/* Counts what a rule costs to read; false: it is over, or failed before. */
static bool
may_work(struct sigma *s, int node)
{
	if (!s->failed && ++s->work > WORK_MAX)
		fail(s, node, "rule too large", SPAN_NONE);
	return !s->failed;
}

static void
add_val(struct vals *l, struct val v)
{
	if (l->n == l->size) {
		size_t n = l->size == 0 ? 8 : l->size * 2;
		struct val *p;

		if (l->n >= VALUES_MAX ||
		    (p = realloc(l->v, n * sizeof(*p))) == NULL) {
			l->failed = true;
			return;
		}
		l->v = p;
		l->size = n;
	}
	l->v[l->n++] = v;
}

/* -- scalars ------------------------------------------------------------- */

static bool
is_word(struct span s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (span_eq(s, span_str(*words)))
			return true;
	return false;
}

/* What PyYAML reads as a number: decimal, 0x, 0o-less octal, float. */
static bool
plain_number(struct span s, double *out)
{
	char tmp[64], *end;
	size_t i = 0;

	if (s.len == 0 || s.len >= sizeof(tmp))
		return false;
	memcpy(tmp, s.ptr, s.len);
	tmp[s.len] = '\0';
	if (tmp[0] == '-' || tmp[0] == '+')
		i = 1;
	if (!ascii_is_digit((uint8_t)tmp[i]))
		return false;
	if (tmp[i] == '0' && tmp[i + 1] == 'x') {
		*out = (double)strtoull(tmp + i, &end, 16);
		if (tmp[0] == '-')
			*out = -*out;
		return *end == '\0';
	}
	if (strspn(tmp + i, "0123456789") == s.len - i) {
		bool octal = tmp[i] == '0' && s.len - i > 1 &&
		    strspn(tmp + i, "01234567") == s.len - i;

		*out = octal ? (double)strtoll(tmp, &end, 8) :
		    strtod(tmp, &end);
		return true;
	}
	if (strspn(tmp + i, "0123456789.") != s.len - i ||
	    strchr(tmp, '.') == NULL)
		return false;
	*out = strtod(tmp, &end);
	return *end == '\0';
}

/* Backslash escapes only * ? and itself; before anything else it stands for
 * itself. */
static struct span
sigma_text(struct arena *m, struct span s)
{
	uint8_t *d = arena_alloc(m, s.len + 2);
	size_t out = 0;

	if (d == NULL)
		return SPAN_NONE;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];

		if (c == '\\' && i + 1 < s.len && (s.ptr[i + 1] == '*' ||
		    s.ptr[i + 1] == '?' || s.ptr[i + 1] == '\\'))
			d[out++] = s.ptr[++i];
		else if (c == '*')
			d[out++] = WILD_MANY;
		else if (c == '?')
			d[out++] = WILD_ONE;
		else
			d[out++] = c;
	}
	return span_of(d, out);
}

static struct val
scalar(struct sigma *s, int node, bool raw)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL",
		NULL };
	static const char *const yes[] = { "true", "True", "TRUE", "yes",
		"Yes", "YES", "on", "On", "ON", NULL };
	static const char *const no[] = { "false", "False", "FALSE", "no",
		"No", "NO", "off", "Off", "OFF", NULL };
	struct span text = ydoc_text(s->y, node);
	struct val v = { .type = VAL_TEXT };

	if (ydoc_plain(s->y, node)) {
		if (is_word(text, nulls)) {
			v.type = VAL_NULL;
			return v;
		}
		if (is_word(text, yes) || is_word(text, no)) {
			v.type = VAL_BOOL;
			v.yes = is_word(text, yes);
			return v;
		}
		if (plain_number(text, &v.num)) {
			v.type = VAL_NUM;
			v.text = text;
			return v;
		}
	}
	if (!raw && text.len > VALUE_BYTES)
		fail(s, node, "value too long", SPAN_NONE);
	v.text = raw ? text : sigma_text(&s->tmp, text);
	if (v.text.ptr == NULL && text.len != 0)
		fail(s, node, "rule too large", SPAN_NONE);
	return v;
}

/* A number, truth or null where a modifier wants text. */
static struct span
as_text(struct sigma *s, const struct val *v)
{
	switch (v->type) {
	case VAL_TEXT: return v->text;
	case VAL_NUM: return v->text;
	case VAL_BOOL: return v->yes ? SPAN_LIT("true") : SPAN_LIT("false");
	default: break;
	}
	(void)s;
	return SPAN_NONE;
}

/* -- modifiers ----------------------------------------------------------- */

static bool
has_wild(struct span t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] == WILD_MANY || t.ptr[i] == WILD_ONE)
			return true;
	return false;
}

/* Wildcards at one or both ends. */
static struct span
wrap(struct sigma *s, struct span t, bool front, bool back)
{
	uint8_t *d = arena_alloc(&s->tmp, t.len + 2);
	size_t n = 0;

	if (d == NULL)
		return SPAN_NONE;
	if (front && (t.len == 0 || t.ptr[0] != WILD_MANY))
		d[n++] = WILD_MANY;
	if (t.len != 0)
		memcpy(d + n, t.ptr, t.len);
	n += t.len;
	if (back && (n == 0 || d[n - 1] != WILD_MANY))
		d[n++] = WILD_MANY;
	return span_of(d, n);
}

static uint32_t
next_rune(struct span t, size_t *i)
{
	uint8_t c = t.ptr[(*i)++];
	uint32_t r;
	unsigned more;

	if (c < 0xc0)
		return c;
	more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	r = c & (0x3fu >> more);
	while (more-- > 0 && *i < t.len)
		r = r << 6 | (t.ptr[(*i)++] & 0x3f);
	return r;
}

/* Bytes for base64; a wildcard stays one only among plain ASCII. */
static struct val
to_utf16(struct sigma *s, struct span t, bool big, bool bom)
{
	uint8_t *d = arena_alloc(&s->tmp, t.len * 2 + 4);
	struct val v = { .type = VAL_TEXT };
	size_t n = 0, i = 0;

	if (d == NULL)
		return v;
	v.bytes = bom;
	if (bom) {
		d[n++] = big ? 0xfe : 0xff;
		d[n++] = big ? 0xff : 0xfe;
	}
	while (i < t.len) {
		uint16_t unit[2] = { 0, 0 };
		unsigned k = 1;
		uint32_t r;

		if (t.ptr[i] == WILD_MANY || t.ptr[i] == WILD_ONE) {
			d[n++] = t.ptr[i++];
			continue;
		}
		r = next_rune(t, &i);
		unit[0] = (uint16_t)r;
		v.bytes |= r >= 0x80;
		if (r >= 0x10000) {
			unit[0] = (uint16_t)(0xd800 + ((r - 0x10000) >> 10));
			unit[1] = (uint16_t)(0xdc00 + ((r - 0x10000) & 0x3ff));
			k = 2;
		}
		for (unsigned u = 0; u < k; u++) {
			d[n++] = (uint8_t)(big ? unit[u] >> 8 : unit[u]);
			d[n++] = (uint8_t)(big ? unit[u] : unit[u] >> 8);
		}
	}
	v.text = span_of(d, n);
	return v;
}

static struct span
to_base64(struct sigma *s, struct span t)
{
	struct buf b;
	struct span r;

	buf_init(&b, 0);
	base64_put(&b, t);
	r = arena_copy(&s->tmp, buf_view(&b));
	buf_fini(&b);
	return r;
}

/* The three forms that base64 of a longer text has for this part of it. */
static void
base64_offsets(struct sigma *s, int node, struct span t, struct vals *out)
{
	static const size_t start[] = { 0, 2, 3 }, end[] = { 0, 3, 2 };

	if (t.len < 2) {	/* nothing of it would be left */
		fail(s, node, "too short for base64offset", SPAN_NONE);
		return;
	}
	for (size_t k = 0; k < 3; k++) {
		uint8_t *d = arena_zalloc(&s->tmp, t.len + 3);
		struct span b;

		if (d == NULL) {
			out->failed = true;
			return;
		}
		memcpy(d + k, t.ptr, t.len);
		b = to_base64(s, span_of(d, t.len + k));
		if (b.ptr == NULL) {
			out->failed = true;
			return;
		}
		b.len -= end[(t.len + k) % 3];
		b = span_sub(b, start[k], SIZE_MAX);
		add_val(out, (struct val){ .type = VAL_TEXT, .text = b });
	}
}

static bool
is_wordchar(uint8_t c)
{
	return ascii_is_digit(c) || c == '_' || (ascii_lower(c) >= 'a' &&
	    ascii_lower(c) <= 'z') || (c >= 0x80 && c < WILD_ONE);
}

/* Dashes that begin a word: \B[-/]\b. */
static size_t
find_dashes(struct span t, size_t *at)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < t.len && n <= DASHES_MAX; i++)
		if ((t.ptr[i] == '-' || t.ptr[i] == '/') &&
		    (i == 0 || !is_wordchar(t.ptr[i - 1])) &&
		    is_wordchar(t.ptr[i + 1]))
			at[n++] = i;
	return n;
}

static void
windash(struct sigma *s, int node, struct span t, struct vals *out)
{
	static const char *const dash[] = { "-", "/", "\xe2\x80\x93",
		"\xe2\x80\x94", "\xe2\x80\x95" };
	size_t at[DASHES_MAX + 1], n = find_dashes(t, at), total = 1;

	if (n > DASHES_MAX) {
		fail(s, node, "too many dashes for windash", t);
		return;
	}
	for (size_t i = 0; i < n; i++)
		total *= NITEMS(dash);
	for (size_t k = 0; k < total && may_work(s, node); k++) {
		struct buf b;
		size_t from = 0, code = k;

		buf_init(&b, 0);
		for (size_t i = 0; i < n; i++) {
			buf_put(&b, t.ptr + from, at[i] - from);
			buf_str(&b, dash[code % NITEMS(dash)]);
			code /= NITEMS(dash);
			from = at[i] + 1;
		}
		buf_put(&b, t.ptr + from, t.len - from);
		add_val(out, (struct val){ .type = VAL_TEXT,
		    .text = arena_copy(&s->tmp, buf_view(&b)) });
		out->failed |= !out->failed && b.len != 0 &&
		    out->v[out->n - 1].text.ptr == NULL;
		buf_fini(&b);
		if (out->failed)
			break;
	}
}

enum recode { RE_WIDE, RE_UTF16BE, RE_UTF16, RE_BASE64, RE_OFFSET,
	RE_WINDASH, RE_CONTAINS, RE_STARTS, RE_ENDS };

/* Can the modifier be applied to the value? */
static bool
may_recode(struct sigma *s, int node, const struct val *v, enum recode what)
{
	const bool is_base64 = what == RE_BASE64 || what == RE_OFFSET;

	if (v->type == VAL_NULL)
		fail(s, node, "null takes no modifier", SPAN_NONE);
	else if (v->bytes && !is_base64)
		fail(s, node, "UTF-16 text is only for base64", SPAN_NONE);
	else if (!v->bytes && is_base64 && has_wild(as_text(s, v)))
		fail(s, node, "base64 of a wildcard", SPAN_NONE);
	return may_work(s, node);
}

/* Applies one modifier to all values. */
static void
recode(struct sigma *s, int node, struct vals *l, enum recode what)
{
	struct vals out = { NULL, 0, 0, l->failed };

	for (size_t i = 0; i < l->n && !out.failed; i++) {
		struct span t = as_text(s, &l->v[i]);
		struct val v = { .type = VAL_TEXT };

		if (!may_recode(s, node, &l->v[i], what))
			break;
		switch (what) {
		case RE_WIDE: v = to_utf16(s, t, false, false); break;
		case RE_UTF16BE: v = to_utf16(s, t, true, false); break;
		case RE_UTF16: v = to_utf16(s, t, false, true); break;
		case RE_BASE64: v.text = to_base64(s, t); break;
		case RE_CONTAINS: v.text = wrap(s, t, true, true); break;
		case RE_STARTS: v.text = wrap(s, t, false, true); break;
		case RE_ENDS: v.text = wrap(s, t, true, false); break;
		case RE_OFFSET: base64_offsets(s, node, t, &out); continue;
		case RE_WINDASH: windash(s, node, t, &out); continue;
		}
		if (v.text.ptr == NULL && t.len != 0)
			out.failed = true;	/* no memory */
		add_val(&out, v);
	}
	free(l->v);
	*l = out;
}

static const struct {
	const char	*name;
	enum recode	 what;
} recodes[] = {
	{ "contains", RE_CONTAINS }, { "startswith", RE_STARTS },
	{ "endswith", RE_ENDS }, { "wide", RE_WIDE }, { "utf16le", RE_WIDE },
	{ "utf16be", RE_UTF16BE }, { "utf16", RE_UTF16 },
	{ "base64", RE_BASE64 }, { "base64offset", RE_OFFSET },
	{ "windash", RE_WINDASH },
};

static const struct {
	const char	*name;
	uint8_t		 op;
} numbers[] = {
	{ "gt", PRED_NUM_GT }, { "gte", PRED_NUM_GTE },
	{ "lt", PRED_NUM_LT }, { "lte", PRED_NUM_LTE },
};

static const struct {
	const char	*name;
	uint8_t		 part;
} parts[] = {
	{ "minute", PART_MINUTE }, { "hour", PART_HOUR },
	{ "day", PART_DAY }, { "week", PART_WEEK },
	{ "month", PART_MONTH }, { "year", PART_YEAR },
};

static bool
simple_modifier(struct span name, struct how *h)
{
	const struct {
		const char	*name;
		bool		*flag;
	} flags[] = {
		{ "all", &h->all }, { "re", &h->re }, { "cidr", &h->cidr },
		{ "cased", &h->cased }, { "exists", &h->exists },
		{ "neq", &h->neq }, { "fieldref", &h->fieldref },
		{ "expand", &h->expand },
	};
	const struct {
		const char	*name;
		unsigned	 flag;
	} re[] = {
		{ "i", PRED_RE_I }, { "ignorecase", PRED_RE_I },
		{ "m", PRED_RE_M }, { "multiline", PRED_RE_M },
		{ "s", PRED_RE_S }, { "dotall", PRED_RE_S },
	};

	for (size_t i = 0; i < NITEMS(flags); i++)
		if (span_eq(name, span_str(flags[i].name)))
			return *flags[i].flag = true;
	for (size_t i = 0; i < NITEMS(re); i++)
		if (h->re && span_eq(name, span_str(re[i].name)))
			return (h->re_flags |= re[i].flag) != 0;
	for (size_t i = 0; i < NITEMS(numbers); i++)
		if (span_eq(name, span_str(numbers[i].name)))
			return (h->num = numbers[i].op) != 0;
	for (size_t i = 0; i < NITEMS(parts); i++)
		if (span_eq(name, span_str(parts[i].name)))
			return (h->part = parts[i].part) != 0;
	return false;
}

static void
apply_modifier(struct sigma *s, int node, struct span name, struct how *h,
    struct vals *l)
{
	if (simple_modifier(name, h))
		return;
	for (size_t i = 0; i < NITEMS(recodes); i++) {
		if (!span_eq(name, span_str(recodes[i].name)))
			continue;
		if (h->fieldref || h->re) {
			/* Of a field's value, not of its name. */
			h->rel = recodes[i].what == RE_CONTAINS ?
			    PRED_CONTAINS : recodes[i].what == RE_STARTS ?
			    PRED_STARTS : PRED_ENDS;
			return;
		}
		recode(s, node, l, recodes[i].what);
		return;
	}
	fail(s, node, "unknown modifier", name);
}

/* -- predicates ---------------------------------------------------------- */

/* The field's id in the events of the target, or FIELD_OTHER with *absent:
 * these events never have it. */
static uint16_t
field_id(struct sigma *s, int node, struct span name, bool renamed,
    bool *absent)
{
	uint8_t squeezed[FIELD_NAME_BYTES];
	const struct map_target *t = s->target;
	size_t n = 0;
	unsigned id;

	*absent = false;
	for (size_t i = 0; renamed && i < t->nrenames; i++)
		if (span_eq(name, t->rename[i][0])) {
			name = t->rename[i][1];
			break;
		}
	for (size_t i = 0; i < t->nabsent; i++)
		if (span_eq(name, t->absent[i]))
			*absent = true;
	/* "Threat Name" is ThreatName in the events. */
	for (size_t i = 0; i < name.len && n < sizeof(squeezed); i++)
		if (name.ptr[i] != ' ')
			squeezed[n++] = name.ptr[i];
	name = span_of(squeezed, n);
	/* Those two carry the names that rules use. */
	id = t->kind == KIND_WINEVENT || t->kind == KIND_AUDITD ?
	    field_by_name(name) : field_by_alias(name);
	if (id == FIELD_OTHER && (id = field_intern(name)) == FIELD_OTHER)
		fail(s, node, "more field names than are kept", name);
	return (uint16_t)id;
}

/* A text with wildcards as the cheapest predicate that says the same. */
static void
set_text_op(struct pred *pr, struct span t)
{
	bool front = t.len != 0 && t.ptr[0] == WILD_MANY;
	bool back = t.len > 1 && t.ptr[t.len - 1] == WILD_MANY;
	struct span inner = span_sub(t, front, t.len - front - back);

	pr->text = t;
	pr->op = PRED_GLOB;
	if (has_wild(inner) || inner.len == 0) {
		if (t.len == 0)
			pr->op = PRED_EQ;
		return;
	}
	pr->text = inner;
	pr->op = front && back ? PRED_CONTAINS : front ? PRED_ENDS :
	    back ? PRED_STARTS : PRED_EQ;
}

static bool
is_net(struct span t)
{
	size_t slash = span_find_byte(t, '/');
	struct addr a;
	uint64_t bits;

	if (!addr_parse(span_sub(t, 0, slash), &a))
		return false;
	return slash == SPAN_NPOS || (span_u64(span_sub(t, slash + 1,
	    SIZE_MAX), &bits) &&
	    bits <= (span_find_byte(t, ':') == SPAN_NPOS ? 32u : 128u));
}

static bool
regex_fits(struct sigma *s, int node, struct span t, unsigned flags)
{
	char reason[120];
	size_t offset;

	if (regex_check(t, flags, reason, sizeof(reason), &offset))
		return true;
	fail(s, node, "regular expression", span_str(reason));
	return false;
}

static node_id
pred_of_field(struct sigma *s, int node, struct pred *pr, struct span name)
{
	bool absent;

	pr->op = PRED_FIELD;
	pr->other = field_id(s, node, name, sigma_map_renames_refs(s->map),
	    &absent);
	return absent ? NODE_FALSE : program_pred(s->p, pr);
}

/* Unicode simple folding into the memory of the rule at hand. */
static struct span
fold_value(struct sigma *s, int node, struct span t)
{
	uint8_t *d = arena_alloc(&s->tmp, FOLD_ROOM(t.len));

	if (d == NULL) {
		fail(s, node, "rule too large", SPAN_NONE);
		return SPAN_NONE;
	}
	return span_of(d, fold_text(t, d));
}

static node_id
pred_exists(struct sigma *s, int node, struct pred *pr, const struct val *v)
{
	struct span t = as_text(s, v);
	bool yes = v->type == VAL_BOOL ? v->yes :
	    span_eq_nocase(t, SPAN_LIT("true"));
	node_id id;

	if (!yes && v->type != VAL_BOOL &&
	    !span_eq_nocase(t, SPAN_LIT("false")))
		fail(s, node, "exists wants true or false", t);
	pr->op = PRED_EXISTS;
	pr->flags = 0;
	id = program_pred(s->p, pr);
	return yes ? id : program_not(s->p, id);
}

static node_id
pred_number(struct sigma *s, int node, struct pred *pr, const struct how *h,
    const struct val *v)
{
	struct span t = as_text(s, v);

	pr->num = v->num;
	if (v->type != VAL_NUM && !plain_number(t, &pr->num)) {
		fail(s, node, "not a number", t);
		return NODE_FALSE;
	}
	pr->op = h->num != 0 ? h->num : PRED_NUM_EQ;
	pr->rel = h->part;
	pr->flags = 0;
	return program_pred(s->p, pr);
}

/* Regular expressions and networks: text as it is. */
static node_id
pred_raw(struct sigma *s, int node, struct pred *pr, const struct how *h)
{
	if (h->re) {
		pr->op = PRED_REGEX;
		pr->flags |= (uint8_t)h->re_flags;
		return regex_fits(s, node, pr->text, pr->flags) ?
		    program_pred(s->p, pr) : NODE_FALSE;
	}
	pr->op = PRED_CIDR;
	if (!is_net(pr->text))
		fail(s, node, "not a network", pr->text);
	return program_pred(s->p, pr);
}

/* The predicate of one value on a field (or, keyword, on any). */
static node_id
pred_of(struct sigma *s, int node, struct pred pr, const struct how *h,
    const struct val *v)
{
	const bool any = (pr.flags & PRED_ANY_FIELD) != 0;
	const bool number = h->num != 0 || h->part != PART_NONE;
	struct span t = as_text(s, v);

	if (!may_work(s, node))
		return NODE_FALSE;
	if (any && (h->exists || h->fieldref || number ||
	    v->type == VAL_NULL)) {
		fail(s, node, "a field is wanted here", SPAN_NONE);
		return NODE_FALSE;
	}
	if (h->cased)
		pr.flags |= PRED_CASED;
	if (h->exists)
		return pred_exists(s, node, &pr, v);
	if (v->type == VAL_NULL) {
		if (h->re || h->cidr || h->fieldref || number)
			fail(s, node, "null takes no modifier", SPAN_NONE);
		pr.op = PRED_NULL;
		return program_pred(s->p, &pr);
	}
	if (h->fieldref) {
		pr.rel = h->rel != 0 ? h->rel : PRED_EQ;
		return pred_of_field(s, node, &pr, t);
	}
	pr.text = t;
	if (h->re || h->cidr)
		return pred_raw(s, node, &pr, h);
	if (number || (v->type == VAL_NUM && !any)) {
		pr.text = SPAN_NONE;
		return pred_number(s, node, &pr, h, v);
	}
	if (v->bytes) {
		fail(s, node, "UTF-16 text is only for base64", SPAN_NONE);
		return NODE_FALSE;
	}
	if (any)
		t = wrap(s, t, true, true);
	if (!h->cased)
		t = fold_value(s, node, t);
	set_text_op(&pr, t);
	return s->failed ? NODE_FALSE : program_pred(s->p, &pr);
}

/* %name% without a list: the specification wants the rule refused. */
static void
check_expand(struct sigma *s, int node, const struct vals *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct span t = as_text(s, &l->v[i]);
		size_t a = span_find_byte(t, '%');

		if (a != SPAN_NPOS &&
		    span_find_byte(span_sub(t, a + 1, SIZE_MAX), '%') !=
		    SPAN_NPOS)
			fail(s, node, "placeholder without a list (expand)",
			    t);
	}
}

static node_id
join_vals(struct sigma *s, int node, struct pred pr, const struct how *h,
    const struct vals *l)
{
	node_id *kid = malloc(MAX_OF(l->n, (size_t)1) * sizeof(*kid)), id;

	if (kid == NULL)
		return NODE_FALSE;
	for (size_t i = 0; i < l->n; i++)
		kid[i] = pred_of(s, node, pr, h, &l->v[i]);
	id = s->failed ? NODE_FALSE : h->all ? program_and(s->p, kid, l->n) :
	    program_or(s->p, kid, l->n);
	free(kid);
	return h->neq ? program_not(s->p, id) : id;
}

static bool
has_modifier(struct span key, const char *name)
{
	while (key.len != 0) {
		size_t bar = span_find_byte(key, '|');

		if (span_eq(span_sub(key, 0, bar), span_str(name)))
			return true;
		if (bar == SPAN_NPOS)
			break;
		key = span_sub(key, bar + 1, SIZE_MAX);
	}
	return false;
}

static void
read_vals(struct sigma *s, int value, bool raw, struct vals *l)
{
	if (ydoc_type_of(s->y, value) == YAML_LIST) {
		if (ydoc_count(s->y, value) == 0)
			fail(s, value, "no value", SPAN_NONE);
		for (size_t i = 0; i < ydoc_count(s->y, value) &&
		    may_work(s, value); i++) {
			int item = ydoc_item(s->y, value, i);

			if (ydoc_type_of(s->y, item) != YAML_SCALAR)
				fail(s, item, "a value must be a scalar",
				    SPAN_NONE);
			else
				add_val(l, scalar(s, item, raw));
		}
	} else if (ydoc_type_of(s->y, value) == YAML_SCALAR) {
		add_val(l, scalar(s, value, raw));
	} else {
		fail(s, value, "a value must be a scalar or a list",
		    SPAN_NONE);
	}
}

/* "Field|modifier|modifier": values. */
static node_id
item_node(struct sigma *s, struct span key, int key_node, int value)
{
	size_t bar = span_find_byte(key, '|');
	struct span name = span_sub(key, 0, bar), mods;
	struct vals l = { NULL, 0, 0, false };
	struct how h = { 0 };
	struct pred pr = { 0 };
	bool absent = false;
	node_id id = NODE_FALSE;

	if (ydoc_type_of(s->y, key_node) != YAML_SCALAR)
		fail(s, key_node, "a field's name must be text", SPAN_NONE);
	mods = bar == SPAN_NPOS ? SPAN_NONE : span_sub(key, bar + 1, SIZE_MAX);
	/* It may stand before or behind contains and its like. */
	h.fieldref = has_modifier(mods, "fieldref");
	read_vals(s, value, has_modifier(mods, "re") ||
	    has_modifier(mods, "fieldref") || has_modifier(mods, "cidr"), &l);
	while (mods.len != 0 && !s->failed) {
		size_t next = span_find_byte(mods, '|');

		apply_modifier(s, key_node, span_sub(mods, 0, next), &h, &l);
		mods = next == SPAN_NPOS ? SPAN_NONE :
		    span_sub(mods, next + 1, SIZE_MAX);
	}
	if (l.failed)
		fail(s, key_node, "more or longer values than are taken",
		    SPAN_NONE);
	if (h.expand)
		check_expand(s, key_node, &l);
	if (name.len == 0)
		pr.flags = PRED_ANY_FIELD;
	else
		pr.field = field_id(s, key_node, name, true, &absent);
	if (!s->failed && absent) {
		/* Null holds for a field that these events never have. */
		for (size_t i = 0; i < l.n; i++)
			if (l.v[i].type == VAL_NULL)
				id = NODE_TRUE;
		if (h.exists && l.n != 0 && l.v[0].type == VAL_BOOL &&
		    !l.v[0].yes)
			id = NODE_TRUE;
		if (h.neq)
			id = program_not(s->p, id);
	} else if (!s->failed) {
		id = join_vals(s, key_node, pr, &h, &l);
	}
	free(l.v);
	return id;
}

/* -- selections ---------------------------------------------------------- */

static node_id
map_node(struct sigma *s, int node)
{
	size_t n = ydoc_count(s->y, node);
	node_id *kid = malloc(MAX_OF(n, (size_t)1) * sizeof(*kid)), id;

	if (kid == NULL)
		return NODE_FALSE;
	if (n == 0)
		fail(s, node, "empty selection", SPAN_NONE);
	for (size_t i = 0; i < n; i++) {
		int key = ydoc_key(s->y, node, i);

		kid[i] = !may_work(s, key) ? NODE_FALSE :
		    item_node(s, ydoc_text(s->y, key), key,
		    ydoc_value(s->y, node, i));
	}
	id = s->failed ? NODE_FALSE : program_and(s->p, kid, n);
	free(kid);
	return id;
}

static node_id
keyword_node(struct sigma *s, int node)
{
	const struct pred pr = { .flags = PRED_ANY_FIELD };
	const struct how h = { 0 };
	struct val v = scalar(s, node, false);

	if (v.type == VAL_NULL) {
		fail(s, node, "a keyword must not be null", SPAN_NONE);
		return NODE_FALSE;
	}
	return pred_of(s, node, pr, &h, &v);
}

static node_id
selection_node(struct sigma *s, int node)
{
	size_t n = ydoc_count(s->y, node);
	node_id *kid, id;

	switch (ydoc_type_of(s->y, node)) {
	case YAML_MAP:
		return map_node(s, node);
	case YAML_SCALAR:
		return keyword_node(s, node);
	case YAML_LIST:
		break;
	case YAML_NONE:
		fail(s, node, "empty selection", SPAN_NONE);
		return NODE_FALSE;
	}
	if ((kid = malloc(MAX_OF(n, (size_t)1) * sizeof(*kid))) == NULL)
		return NODE_FALSE;
	if (n == 0)
		fail(s, node, "empty selection", SPAN_NONE);
	for (size_t i = 0; i < n; i++) {
		int item = ydoc_item(s->y, node, i);

		kid[i] = NODE_FALSE;
		if (!may_work(s, item))
			break;
		if (ydoc_type_of(s->y, item) == YAML_MAP)
			kid[i] = map_node(s, item);
		else if (ydoc_type_of(s->y, item) == YAML_SCALAR)
			kid[i] = keyword_node(s, item);
		else
			fail(s, item, "a list in a list", SPAN_NONE);
	}
	id = s->failed ? NODE_FALSE : program_or(s->p, kid, n);
	free(kid);
	return id;
}

static node_id
named_selection(struct sigma *s, struct selection *sel)
{
	if (!sel->done) {
		sel->id = selection_node(s, sel->node);
		sel->done = true;
		program_name_node(s->p, sel->id, sel->name,
		    ydoc_line(s->y, sel->node));
	}
	return sel->id;
}

/* -- conditions ---------------------------------------------------------- */

struct tokens {
	struct span	rest, now;
	int		node;
};

static bool
is_name_char(uint8_t c)
{
	return ascii_is_digit(c) || c == '_' || c == '-' || c == '*' ||
	    c == '.' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static void
next_token(struct tokens *t)
{
	size_t n = 0;

	t->rest = span_trim(t->rest);
	while (n < t->rest.len && is_name_char(t->rest.ptr[n]))
		n++;
	if (n == 0 && t->rest.len != 0)
		n = 1;
	t->now = span_sub(t->rest, 0, n);
	t->rest = span_sub(t->rest, n, SIZE_MAX);
}

static bool
is_token(const struct tokens *t, const char *word)
{
	return span_eq_nocase(t->now, span_str(word));
}

static node_id or_expr(struct sigma *, struct tokens *, unsigned);

static bool
name_fits(struct span pattern, struct span name)
{
	uint8_t glob[FIELD_NAME_BYTES];

	if (name.len != 0 && name.ptr[0] == '_')
		return false;
	if (span_eq(pattern, SPAN_LIT("them")))
		return true;
	if (pattern.len > sizeof(glob))
		return false;
	for (size_t i = 0; i < pattern.len; i++)
		glob[i] = pattern.ptr[i] == '*' ? WILD_MANY : pattern.ptr[i];
	return glob_match(span_of(glob, pattern.len), name);
}

/* "1 of PATTERN", "all of them". */
static node_id
quantified(struct sigma *s, struct tokens *t, bool all)
{
	node_id *kid = malloc(MAX_OF(s->nsel, (size_t)1) * sizeof(*kid)), id;
	size_t n = 0;

	next_token(t);		/* behind "of" */
	if (kid == NULL)
		return NODE_FALSE;
	for (size_t i = 0; i < s->nsel && may_work(s, t->node); i++)
		if (name_fits(t->now, s->sel[i].name))
			kid[n++] = named_selection(s, &s->sel[i]);
	if (n == 0)
		fail(s, t->node, "the condition names no selection", t->now);
	id = all ? program_and(s->p, kid, n) : program_or(s->p, kid, n);
	free(kid);
	next_token(t);
	return id;
}

static node_id
primary(struct sigma *s, struct tokens *t, unsigned depth)
{
	bool one = is_token(t, "1") || is_token(t, "any");
	bool all = is_token(t, "all");
	node_id id;

	if (depth > RULE_DEPTH_MAX) {
		fail(s, t->node, "condition nested too deep", SPAN_NONE);
		return NODE_FALSE;
	}
	if (is_token(t, "not")) {
		next_token(t);
		return program_not(s->p, primary(s, t, depth + 1));
	}
	if (is_token(t, "(")) {
		next_token(t);
		id = or_expr(s, t, depth + 1);
		if (!is_token(t, ")"))
			fail(s, t->node, "a parenthesis is not closed",
			    SPAN_NONE);
		next_token(t);
		return id;
	}
	if (one || all) {
		struct tokens ahead = *t;

		next_token(&ahead);
		if (is_token(&ahead, "of")) {
			*t = ahead;
			return quantified(s, t, all);
		}
	}
	for (size_t i = 0; i < s->nsel && may_work(s, t->node); i++) {
		if (span_eq(s->sel[i].name, t->now)) {
			id = named_selection(s, &s->sel[i]);
			next_token(t);
			return id;
		}
	}
	fail(s, t->node, t->now.len == 0 ? "the condition ends early" :
	    "the condition names no selection", t->now);
	return NODE_FALSE;
}

/* Operands of one level go under one node: a chain of them would nest as deep
 * as the condition is long. */
struct operands {
	node_id	*id;
	size_t	 n;
};

static void
add_operand(struct sigma *s, int node, struct operands *o, node_id id)
{
	if ((o->n & (o->n - 1)) == 0) {
		node_id *p = realloc(o->id, (o->n == 0 ? 1 : o->n * 2) *
		    sizeof(*p));

		if (p == NULL) {
			fail(s, node, "out of memory", SPAN_NONE);
			return;
		}
		o->id = p;
	}
	o->id[o->n++] = id;
}

static node_id
and_expr(struct sigma *s, struct tokens *t, unsigned depth)
{
	struct operands o = { NULL, 0 };
	node_id id;

	add_operand(s, t->node, &o, primary(s, t, depth));
	while (is_token(t, "and") && !s->failed) {
		next_token(t);
		add_operand(s, t->node, &o, primary(s, t, depth));
	}
	id = s->failed ? NODE_FALSE : program_and(s->p, o.id, o.n);
	free(o.id);
	return id;
}

static node_id
or_expr(struct sigma *s, struct tokens *t, unsigned depth)
{
	struct operands o = { NULL, 0 };
	node_id id;

	add_operand(s, t->node, &o, and_expr(s, t, depth));
	while (is_token(t, "or") && !s->failed) {
		next_token(t);
		add_operand(s, t->node, &o, and_expr(s, t, depth));
	}
	id = s->failed ? NODE_FALSE : program_or(s->p, o.id, o.n);
	free(o.id);
	return id;
}

static node_id
condition(struct sigma *s, int node)
{
	struct tokens t = { ydoc_text(s->y, node), SPAN_NONE, node };
	node_id id;

	next_token(&t);
	id = or_expr(s, &t, 0);
	if (is_token(&t, "|"))
		fail(s, node, "aggregations are not read yet", t.rest);
	else if (t.now.len != 0)
		fail(s, node, "the condition has too much", t.now);
	return id;
}

/* A list of conditions holds when one does. */
static node_id
conditions(struct sigma *s, int node)
{
	struct operands o = { NULL, 0 };
	node_id id;

	if (ydoc_type_of(s->y, node) == YAML_SCALAR)
		return condition(s, node);
	if (ydoc_count(s->y, node) == 0)
		fail(s, node, "no condition", SPAN_NONE);
	for (size_t i = 0; i < ydoc_count(s->y, node) && may_work(s, node);
	    i++)
		add_operand(s, node, &o,
		    condition(s, ydoc_item(s->y, node, i)));
	id = s->failed ? NODE_FALSE : program_or(s->p, o.id, o.n);
	free(o.id);
	return id;
}

/* -- rules --------------------------------------------------------------- */

static bool
set_selections(struct sigma *s, int detection)
{
	size_t n = ydoc_count(s->y, detection);

	s->nsel = 0;
	s->sel = calloc(MAX_OF(n, (size_t)1), sizeof(*s->sel));
	if (s->sel == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct span name = ydoc_text(s->y,
		    ydoc_key(s->y, detection, i));

		if (span_eq(name, SPAN_LIT("condition")) ||
		    span_eq(name, SPAN_LIT("timeframe")))
			continue;
		if (name.ptr == NULL)
			continue;
		s->sel[s->nsel++] = (struct selection){ name,
		    ydoc_value(s->y, detection, i), NODE_FALSE, false };
	}
	return true;
}

/* A condition of the log source: one of the values, whole. */
static node_id
source_node(struct sigma *s, const struct map_condition *c)
{
	struct operands o = { NULL, 0 };
	node_id id;

	for (size_t i = 0; i < c->n && may_work(s, 0); i++) {
		struct pred pr = { 0 };
		bool absent;

		pr.field = field_id(s, 0, c->field, true, &absent);
		set_text_op(&pr, fold_value(s, 0,
		    sigma_text(&s->tmp, c->value[i])));
		add_operand(s, 0, &o, program_pred(s->p, &pr));
	}
	id = s->failed ? NODE_FALSE : program_or(s->p, o.id, o.n);
	free(o.id);
	return id;
}

static node_id
target_node(struct sigma *s)
{
	const struct map_target *t = s->target;
	struct operands o = { NULL, 0 };
	node_id id;

	for (size_t i = 0; i < t->nconditions; i++)
		add_operand(s, 0, &o, source_node(s, &t->condition[i]));
	id = s->failed ? NODE_FALSE : program_and(s->p, o.id, o.n);
	free(o.id);
	return id;
}

static void
attack_tags(struct sigma *s, int tags, struct buf *out)
{
	static const char prefix[] = "attack.t";

	for (size_t i = 0; i < ydoc_count(s->y, tags); i++) {
		struct span t = ydoc_text(s->y, ydoc_item(s->y, tags, i));

		if (!span_starts_nocase(t, span_str(prefix)) ||
		    t.len == sizeof(prefix) - 1 ||
		    !ascii_is_digit(t.ptr[sizeof(prefix) - 1]))
			continue;
		if (out->len != 0)
			buf_byte(out, ' ');
		buf_byte(out, 'T');
		buf_span(out, span_sub(t, sizeof(prefix) - 1, SIZE_MAX));
	}
	buf_byte(out, '\0');
}

static const char *
text_of(struct sigma *s, int root, const char *key)
{
	return program_text(s->p, ydoc_text(s->y, ydoc_get(s->y, root, key)));
}

static void
set_rule(struct sigma *s, int root, struct rule *r)
{
	struct span level = ydoc_text(s->y, ydoc_get(s->y, root, "level"));
	struct buf attack;

	memset(r, 0, sizeof(*r));
	r->id = text_of(s, root, "id");
	r->title = text_of(s, root, "title");
	r->language = "sigma";
	r->path = s->path;
	r->line = ydoc_line(s->y, root);
	r->advice = "Look at the event and its neighbours on this host; check "
	    "the rule's known false alarms.";
	r->confidence = 60;
	r->severity = SEV_MEDIUM;
	severity_find(level, &r->severity);
	buf_init(&attack, 4096);
	attack_tags(s, ydoc_get(s->y, root, "tags"), &attack);
	r->attack = attack.failed ? "" : program_text(s->p,
	    span_of(attack.ptr, attack.len - 1));
	buf_fini(&attack);
	if (r->id[0] == '\0')
		r->id = r->title;
}

static void
compile_targets(struct sigma *s, int root, int detection)
{
	int source = ydoc_get(s->y, root, "logsource");
	const struct map_target *target;
	struct rule rule;
	size_t n;

	n = sigma_map_find(s->map,
	    ydoc_text(s->y, ydoc_get(s->y, source, "category")),
	    ydoc_text(s->y, ydoc_get(s->y, source, "product")),
	    ydoc_text(s->y, ydoc_get(s->y, source, "service")), &target);
	set_rule(s, root, &rule);
	if (!program_claim(s->p, rule.id))
		return;
	for (size_t i = 0; i <= n && !s->failed; i++) {
		static const struct map_target nowhere = {
			.kind = KIND_WINEVENT, .event_id = GATE_ANY_ID };
		struct gate gate;
		node_id kid[2];

		/* A rule that no event can meet is still checked whole, and
		 * counts as loaded. */
		if (i == n && n != 0)
			break;
		s->target = n == 0 ? &nowhere : &target[i];
		if (!set_selections(s, detection)) {
			fail(s, detection, "out of memory", SPAN_NONE);
			return;
		}
		kid[0] = target_node(s);
		kid[1] = conditions(s, ydoc_get(s->y, detection,
		    "condition"));
		free(s->sel);
		s->sel = NULL;
		if (s->failed)
			return;
		gate = (struct gate){ s->target->kind, s->target->channel,
		    s->target->event_id };
		program_rule(s->p, &rule, &gate, n == 0 ? NODE_FALSE :
		    program_and(s->p, kid, 2));
		arena_reset(&s->tmp);
	}
}

static void
compile_rule(struct sigma *s)
{
	int root = ydoc_root(s->y);
	int detection = ydoc_get(s->y, root, "detection");

	s->failed = false;
	s->work = 0;
	arena_reset(&s->tmp);
	if (ydoc_type_of(s->y, root) != YAML_MAP)
		fail(s, root, "not a map", SPAN_NONE);
	else if (ydoc_get(s->y, root, "correlation") != 0)
		fail(s, root, "correlations are not read yet", SPAN_NONE);
	else if (ydoc_get(s->y, root, "filter") != 0)
		fail(s, root, "filters are not read yet", SPAN_NONE);
	else if (ydoc_get(s->y, root, "logsource") == 0)
		fail(s, root, "no logsource", SPAN_NONE);
	else if (detection == 0 || ydoc_get(s->y, detection, "condition") == 0)
		fail(s, root, "no detection with a condition", SPAN_NONE);
	else
		compile_targets(s, root, detection);
}

static int
sigma_match(const char *path, struct span text)
{
	(void)path;
	if (span_find(text, SPAN_LIT("detection:")) != SPAN_NPOS)
		return span_find(text, SPAN_LIT("logsource:")) != SPAN_NPOS ?
		    90 : 50;
	return span_find(text, SPAN_LIT("correlation:")) != SPAN_NPOS ||
	    span_find(text, SPAN_LIT("action: global")) != SPAN_NPOS ? 80 : 0;
}

static void
sigma_load(struct program *p, const struct rule_options *opt,
    const char *path, struct span text)
{
	struct sigma s = { .p = p, .path = path };
	struct ydoc_stream *stream;
	struct ydoc_fault fault;
	struct ydoc *y;

	if (p->languages[0] == NULL)
		p->languages[0] = sigma_map_load(p, opt);
	s.map = p->languages[0];
	stream = ydoc_open(text);
	if (s.map == NULL || stream == NULL) {
		p->stopped = true;	/* without a map no rule means much */
		goto out;
	}
	arena_init(&s.tmp, 64u << 20);
	while ((y = ydoc_next(stream, &fault)) != NULL) {
		s.y = y;
		compile_rule(&s);
		ydoc_free(y);
	}
	if (fault.reason != NULL)
		program_fault(p, path, fault.line, fault.column, "%s",
		    fault.reason);
	arena_fini(&s.tmp);
out:
	ydoc_close(stream);
}

const struct language language_sigma = {
	.name = "sigma",
	.title = "Sigma 2.1 rules (YAML)",
	.doc = "All modifiers of the specification, keywords, lists of maps, "
	    "nested conditions; log sources by the table in share/sigma. Not "
	    "yet: correlations, filters, aggregations behind |.",
	.match = sigma_match,
	.load = sigma_load,
};
