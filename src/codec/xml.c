/* SPDX-License-Identifier: Apache-2.0
 *
 * XML by pulling (XML 1.0, fifth edition; names without their prefix, as
 * Namespaces in XML 3 splits them): as much of it as event logs use.
 *
 * Left out on purpose: DOCTYPE and with it entities of one's own, which are
 * how XML is made to unfold and to open files; a text that has one is broken.
 * Comments and processing instructions are passed over.  Line ends in text
 * stay as they are (2.11 would join CR LF): logs carry values of others.
 *
 * Ownership: everything borrows from the text.
 * Bounds: XML_DEPTH_MAX open elements; time is linear, no recursion.
 */
#include "codec.h"

void
xml_init(struct xml *x, struct span text)
{
	/* The stack is written before it is read. */
	x->name = x->text = SPAN_NONE;
	x->depth = 0;
	x->escaped = x->cdata = false;
	x->rest = cur_of(text);
	x->in_tag = x->is_over = false;
	if (span_starts(text, SPAN_LIT("\xef\xbb\xbf")))
		cur_skip(&x->rest, 3);
}

static enum xml_event
broken(struct xml *x)
{
	cur_fail(&x->rest);
	return XML_BROKEN;
}

static inline bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_all_blank(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_blank(s.ptr[i]))
			return false;
	return true;
}

static void
skip_blanks(struct cursor *c)
{
	size_t n = 0;

	while (n < c->left && is_blank(c->ptr[n]))
		n++;
	cur_skip(c, n);
}

/* A name (2.3), more loosely: up to what ends one. */
static struct span
take_name(struct cursor *c)
{
	size_t n = 0;

	for (; n < c->left; n++) {
		uint8_t b = c->ptr[n];

		if (b <= ' ' || b == '>' || b == '/' || b == '=' ||
		    b == '<' || b == '"' || b == '\'' || b == '&')
			break;
	}
	if (n == 0)
		cur_fail(c);
	return cur_take(c, n);
}

static struct span
local_name(struct span name)
{
	size_t colon = span_find_byte(name, ':');

	return colon == SPAN_NPOS ? name : span_sub(name, colon + 1, SIZE_MAX);
}

/* The bytes before an end mark, which is passed over as well. */
static struct span
take_until(struct cursor *c, struct span mark)
{
	size_t n = span_find(cur_rest(c), mark);
	struct span s;

	if (n == SPAN_NPOS) {
		cur_fail(c);
		return SPAN_NONE;
	}
	s = cur_take(c, n);
	cur_skip(c, mark.len);
	return s;
}

static enum xml_event
close_element(struct xml *x)
{
	x->name = local_name(x->open[--x->depth]);
	x->is_over = x->depth == 0;
	return XML_CLOSE;
}

static enum xml_event
open_tag(struct xml *x)
{
	struct span name = take_name(&x->rest);

	if (!cur_ok(&x->rest) || x->depth == XML_DEPTH_MAX)
		return broken(x);
	x->open[x->depth++] = name;
	x->name = local_name(name);
	x->in_tag = true;
	return XML_OPEN;
}

static enum xml_event
close_tag(struct xml *x)
{
	struct span name = take_name(&x->rest);

	skip_blanks(&x->rest);
	if (cur_u8(&x->rest) != '>' || x->depth == 0 ||
	    !span_eq(name, x->open[x->depth - 1]))
		return broken(x);
	return close_element(x);
}

static enum xml_event
attribute(struct xml *x)
{
	struct cursor *c = &x->rest;
	struct span name = take_name(c);
	uint8_t quote;

	skip_blanks(c);
	if (cur_u8(c) != '=')
		return broken(x);
	skip_blanks(c);
	quote = cur_u8(c);
	if (quote != '"' && quote != '\'')
		return broken(x);
	x->text = take_until(c, span_of(&quote, 1));
	if (!cur_ok(c))
		return broken(x);
	x->name = local_name(name);
	x->is_xmlns = span_starts(name, SPAN_LIT("xmlns"));
	x->escaped = span_find_byte(x->text, '&') != SPAN_NPOS;
	x->cdata = false;
	return XML_ATTR;
}

/* Inside of a start tag; *told: this is something to tell. */
static enum xml_event
in_tag(struct xml *x, bool *told)
{
	struct cursor *c = &x->rest;

	*told = true;
	skip_blanks(c);
	switch (cur_peek(c, 0)) {
	case '>':
		cur_skip(c, 1);
		x->in_tag = *told = false;
		return XML_END;
	case '/':
		cur_skip(c, 1);
		if (cur_u8(c) != '>')
			return broken(x);
		x->in_tag = false;
		return close_element(x);
	default:
		return attribute(x);
	}
}

static enum xml_event
text(struct xml *x, bool *told)
{
	struct cursor *c = &x->rest;
	const uint8_t *lt = c->left == 0 ? NULL : memchr(c->ptr, '<', c->left);

	/* The end in the midst of an element, or no element at all. */
	if (lt == NULL) {
		*told = true;
		return broken(x);
	}
	x->text = cur_take(c, (size_t)(lt - c->ptr));
	x->escaped = span_find_byte(x->text, '&') != SPAN_NPOS;
	x->cdata = false;
	*told = !is_all_blank(x->text);
	return *told && x->depth == 0 ? broken(x) : XML_TEXT;
}

/* Behind "<!": a comment or CDATA. */
static enum xml_event
declaration(struct xml *x, bool *told)
{
	struct cursor *c = &x->rest;

	*told = false;
	if (span_starts(cur_rest(c), SPAN_LIT("--"))) {
		cur_skip(c, 2);
		(void)take_until(c, SPAN_LIT("-->"));
	} else if (x->depth != 0 &&
	    span_starts(cur_rest(c), SPAN_LIT("[CDATA["))) {
		cur_skip(c, 7);
		x->text = take_until(c, SPAN_LIT("]]>"));
		x->escaped = false;
		x->cdata = true;
		*told = true;
	} else {
		cur_fail(c);
	}
	if (cur_ok(c))
		return XML_TEXT;
	*told = true;
	return broken(x);
}

static enum xml_event
markup(struct xml *x, bool *told)
{
	struct cursor *c = &x->rest;

	if (cur_peek(c, 0) != '<')
		return text(x, told);
	cur_skip(c, 1);
	*told = true;
	switch (cur_peek(c, 0)) {
	case '/':
		cur_skip(c, 1);
		return close_tag(x);
	case '!':
		cur_skip(c, 1);
		return declaration(x, told);
	case '?':
		(void)take_until(c, SPAN_LIT("?>"));
		*told = !cur_ok(c);
		return XML_BROKEN;
	default:
		return open_tag(x);
	}
}

enum xml_event
xml_next(struct xml *x)
{
	enum xml_event e;
	bool told;

	if (x->is_over)
		return XML_END;
	do {
		if (!cur_ok(&x->rest))
			return XML_BROKEN;
		e = x->in_tag ? in_tag(x, &told) : markup(x, &told);
	} while (!told);
	return e;
}

bool
xml_skip(struct xml *x)
{
	unsigned depth = x->depth;
	enum xml_event e;

	do {
		e = xml_next(x);
		if (e == XML_END || e == XML_BROKEN)
			return false;
	} while (e != XML_CLOSE || x->depth >= depth);
	return true;
}

/* -- references (4.1, 4.6) ----------------------------------------------- */

/* &#N; or &#xN; without & and ;.  False: it is none. */
static bool
char_ref(struct span s, uint32_t *code)
{
	bool is_hex = s.len > 1 && s.ptr[1] == 'x';
	size_t i = is_hex ? 2 : 1;
	uint32_t n = 0;

	if (s.len == i || s.ptr[0] != '#')
		return false;
	for (; i < s.len; i++) {
		int digit = is_hex ? ascii_hex(s.ptr[i]) :
		    ascii_is_digit(s.ptr[i]) ? s.ptr[i] - '0' : -1;

		if (digit < 0)
			return false;
		if (n <= 0x10ffff)
			n = n * (is_hex ? 16 : 10) + (uint32_t)digit;
	}
	if (n == 0 || n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
		n = 0xfffd;
	*code = n;
	return true;
}

static bool
reference(struct span s, uint32_t *code)
{
	static const struct {
		const char	*name;
		uint32_t	 code;
	} known[] = {
		{ "lt", '<' }, { "gt", '>' }, { "amp", '&' },
		{ "quot", '"' }, { "apos", '\'' }
	};

	for (size_t i = 0; i < NITEMS(known); i++)
		if (span_eq(s, span_str(known[i].name))) {
			*code = known[i].code;
			return true;
		}
	return char_ref(s, code);
}

#define REF_MAX	12	/* longest that is sense: &#x0010FFFF; */

size_t
xml_unescape(struct span src, uint8_t *dst)
{
	size_t n = 0, i = 0;

	while (i < src.len) {
		struct span rest;
		size_t end;
		uint32_t code;

		if (src.ptr[i] != '&') {
			dst[n++] = src.ptr[i++];
			continue;
		}
		rest = span_sub(src, i + 1, REF_MAX);
		end = span_find_byte(rest, ';');
		/* The shortest reference is longer than what it stands for:
		 * &#0; has 4 bytes, U+FFFD 3. */
		if (end == SPAN_NPOS ||
		    !reference(span_sub(rest, 0, end), &code)) {
			dst[n++] = src.ptr[i++];
			continue;
		}
		n += utf8_put(dst + n, code);
		i += end + 2;
	}
	return n;
}

struct span
xml_text(const struct xml *x, struct arena *a)
{
	uint8_t *p;

	if (!x->escaped)
		return x->text;
	if ((p = arena_alloc(a, x->text.len)) == NULL)
		return SPAN_NONE;
	return span_of(p, xml_unescape(x->text, p));
}

struct span
xml_rest(const struct xml *x)
{
	return cur_rest(&x->rest);
}
