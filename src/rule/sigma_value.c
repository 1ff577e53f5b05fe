/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma's values: scalars of the YAML through the modifiers, ready to be
 * predicates.
 *
 * Values: matched case-blind and whole; * and ? are wildcards, escaped by a
 * backslash, which escapes nothing but *, ? and itself.
 *
 * Bounds: VALUES_MAX values of one field, VALUE_BYTES of one value.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec.h"
#include "inner.h"

/* What a value may grow to by windash, base64offset and lists. */
#define VALUES_MAX	20000u
#define DASHES_MAX	6u		/* 5 to the 6th values of one */
/* Of a user's placeholders: names, and values of all of them. */
#define LISTS_MAX	10000u
#define LIST_VALUES_MAX	1000000u
#define LISTS_FILE_MAX	(10u << 20)	/* bytes */

void
sigma_fail(struct sigma *s, int node, const char *why, struct span what)
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
bool
sigma_may_work(struct sigma *s, int node)
{
	if (!s->failed && ++s->work > WORK_MAX)
		sigma_fail(s, node, "rule too large", SPAN_NONE);
	return !s->failed;
}

void
sigma_add_val(struct vals *l, struct val v)
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
bool
sigma_number(struct span s, double *out)
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
struct span
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

struct val
sigma_scalar(struct sigma *s, int node, bool raw)
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
		if (sigma_number(text, &v.num)) {
			v.type = VAL_NUM;
			v.text = text;
			return v;
		}
	}
	if (!raw && text.len > VALUE_BYTES)
		sigma_fail(s, node, "value too long", SPAN_NONE);
	v.text = raw ? text : sigma_text(&s->tmp, text);
	if (v.text.ptr == NULL && text.len != 0)
		sigma_fail(s, node, "rule too large", SPAN_NONE);
	return v;
}

/* A number, truth or null where a modifier wants text. */
struct span
sigma_as_text(const struct val *v)
{
	switch (v->type) {
	case VAL_TEXT: return v->text;
	case VAL_NUM: return v->text;
	case VAL_BOOL: return v->yes ? SPAN_LIT("true") : SPAN_LIT("false");
	default: break;
	}
	return SPAN_NONE;
}

/* -- modifiers ----------------------------------------------------------- */

bool
sigma_has_wild(struct span t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] == WILD_MANY || t.ptr[i] == WILD_ONE)
			return true;
	return false;
}

/* Wildcards at one or both ends. */
struct span
sigma_wrap(struct sigma *s, struct span t, bool front, bool back)
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
		sigma_fail(s, node, "too short for base64offset", SPAN_NONE);
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
		sigma_add_val(out, (struct val){ .type = VAL_TEXT, .text = b });
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
		sigma_fail(s, node, "too many dashes for windash", t);
		return;
	}
	for (size_t i = 0; i < n; i++)
		total *= NITEMS(dash);
	for (size_t k = 0; k < total && sigma_may_work(s, node); k++) {
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
		sigma_add_val(out, (struct val){ .type = VAL_TEXT,
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
		sigma_fail(s, node, "null takes no modifier", SPAN_NONE);
	else if (v->bytes && !is_base64)
		sigma_fail(s, node, "UTF-16 text is only for base64",
		    SPAN_NONE);
	else if (!v->bytes && is_base64 && sigma_has_wild(sigma_as_text(v)))
		sigma_fail(s, node, "base64 of a wildcard", SPAN_NONE);
	return sigma_may_work(s, node);
}

/* Applies one modifier to all values. */
static void
recode(struct sigma *s, int node, struct vals *l, enum recode what)
{
	struct vals out = { NULL, 0, 0, l->failed };

	for (size_t i = 0; i < l->n && !out.failed; i++) {
		struct span t = sigma_as_text(&l->v[i]);
		struct val v = { .type = VAL_TEXT };

		if (!may_recode(s, node, &l->v[i], what))
			break;
		switch (what) {
		case RE_WIDE: v = to_utf16(s, t, false, false); break;
		case RE_UTF16BE: v = to_utf16(s, t, true, false); break;
		case RE_UTF16: v = to_utf16(s, t, false, true); break;
		case RE_BASE64: v.text = to_base64(s, t); break;
		case RE_CONTAINS: v.text = sigma_wrap(s, t, true, true); break;
		case RE_STARTS: v.text = sigma_wrap(s, t, false, true); break;
		case RE_ENDS: v.text = sigma_wrap(s, t, true, false); break;
		case RE_OFFSET: base64_offsets(s, node, t, &out); continue;
		case RE_WINDASH: windash(s, node, t, &out); continue;
		}
		if (v.text.ptr == NULL && t.len != 0)
			out.failed = true;	/* no memory */
		sigma_add_val(&out, v);
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

void
sigma_modify(struct sigma *s, int node, struct span name, struct how *h,
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
	sigma_fail(s, node, "unknown modifier", name);
}

/* -- placeholders -------------------------------------------------------- */

/* The first %name% of a text; false: there is none. */
static bool
find_placeholder(struct span t, size_t *at, struct span *name)
{
	size_t n;

	*at = span_find_byte(t, '%');
	if (*at == SPAN_NPOS)
		return false;
	n = span_find_byte(span_sub(t, *at + 1, SIZE_MAX), '%');
	if (n == SPAN_NPOS)
		return false;
	*name = span_sub(t, *at + 1, n);
	return true;
}

static const struct sigma_list *
find_list(const struct sigma_state *st, struct span name)
{
	const struct sigma_list *l = st->lists;

	while (l != NULL && !span_eq(l->name, name))
		l = l->next;
	return l;
}

/* One value for each of the list's, in place of the first placeholder. */
static void
expand_value(struct sigma *s, int node, struct span t, size_t at,
    const struct sigma_list *list, struct vals *out)
{
	struct span head = span_sub(t, 0, at);
	struct span tail = span_sub(t, at + list->name.len + 2, SIZE_MAX);

	for (size_t i = 0; i < list->n && sigma_may_work(s, node); i++) {
		struct val v = { .type = VAL_TEXT };
		struct span in = list->value[i];
		uint8_t *d = arena_alloc(&s->tmp, head.len + in.len +
		    tail.len + 1);

		if (d == NULL || head.len + in.len + tail.len > VALUE_BYTES) {
			out->failed = true;
			return;
		}
		memcpy(d, head.ptr, head.len);
		if (in.len != 0)
			memcpy(d + head.len, in.ptr, in.len);
		memcpy(d + head.len + in.len, tail.ptr, tail.len);
		v.text = span_of(d, head.len + in.len + tail.len);
		sigma_add_val(out, v);
	}
}

/* The specification wants a rule refused whose placeholder nobody filled.
 * Each round fills the first placeholder of every value; VALUES_MAX and
 * WORK_MAX bound what lists that name placeholders could do. */
void
sigma_expand(struct sigma *s, int node, struct vals *l)
{
	bool again = true;

	while (again && !s->failed && !l->failed) {
		struct vals out = { NULL, 0, 0, false };

		again = false;
		for (size_t i = 0; i < l->n && sigma_may_work(s, node); i++) {
			struct span t = sigma_as_text(&l->v[i]), name;
			const struct sigma_list *list;
			size_t at;

			if (l->v[i].type != VAL_TEXT ||
			    !find_placeholder(t, &at, &name)) {
				sigma_add_val(&out, l->v[i]);
				continue;
			}
			if ((list = find_list(s->st, name)) == NULL) {
				sigma_fail(s, node, "placeholder without a "
				    "list (expand)", t);
				break;
			}
			again = true;
			expand_value(s, node, t, at, list, &out);
		}
		free(l->v);
		*l = out;
	}
}

static bool
add_list(struct program *p, struct sigma_state *st, const struct ydoc *y,
    int key, int value, size_t *total)
{
	bool many = ydoc_type_of(y, value) == YAML_LIST;
	size_t n = many ? ydoc_count(y, value) : 1;
	struct sigma_list *l = arena_zalloc(&p->arena, sizeof(*l));

	*total += n;
	if (l == NULL || *total > LIST_VALUES_MAX || (l->value =
	    arena_zalloc(&p->arena, (n + 1) * sizeof(*l->value))) == NULL)
		return false;
	l->name = arena_copy(&p->arena, ydoc_text(y, key));
	for (size_t i = 0; i < n; i++) {
		int item = many ? ydoc_item(y, value, i) : value;

		if (ydoc_type_of(y, item) != YAML_SCALAR)
			return false;
		l->value[l->n++] = sigma_text(&p->arena, ydoc_text(y, item));
	}
	l->next = st->lists;
	st->lists = l;
	return true;
}

/* NAME: value, or a list of them.  false: a fault was raised. */
static bool
read_lists(struct program *p, struct sigma_state *st, const char *path,
    struct span text)
{
	struct ydoc_stream *stream = ydoc_open(text);
	struct ydoc_fault fault = { "no map of lists", 1, 1 };
	struct ydoc *y = stream == NULL ? NULL : ydoc_next(stream, &fault);
	size_t n = 0, total = 0;
	bool ok = false;

	if (y != NULL && ydoc_type_of(y, ydoc_root(y)) == YAML_MAP) {
		ok = true;
		n = ydoc_count(y, ydoc_root(y));
	} else {
		program_fault(p, path, fault.line, fault.column, "%s",
		    fault.reason == NULL ? "no map of lists" : fault.reason);
	}
	for (size_t i = 0; i < n && ok; i++) {
		int key = ydoc_key(y, ydoc_root(y), i);

		ok = i < LISTS_MAX && add_list(p, st, y, key,
		    ydoc_value(y, ydoc_root(y), i), &total);
		if (!ok)
			program_fault(p, path, ydoc_line(y, key),
			    ydoc_column(y, key),
			    "a placeholder wants a value or a list of them");
	}
	ydoc_free(y);
	ydoc_close(stream);
	return ok;
}

bool
sigma_load_lists(struct program *p, struct sigma_state *st, const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t *b = malloc(LISTS_FILE_MAX);
	bool ok = false;
	size_t n = 0;

	if (f == NULL || b == NULL)
		program_fault(p, path, 0, 0, "cannot open: %s",
		    strerror(errno));
	else if ((n = fread(b, 1, LISTS_FILE_MAX, f)) == LISTS_FILE_MAX)
		program_fault(p, path, 0, 0, "larger than the %u MB that "
		    "placeholders may have", LISTS_FILE_MAX >> 20);
	else
		ok = read_lists(p, st, path, span_of(b, n));
	free(b);
	if (f != NULL)
		fclose(f);
	return ok;
}
