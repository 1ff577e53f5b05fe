/* SPDX-License-Identifier: Apache-2.0
 *
 * Indicators out of MISP's JSON (events, feeds: objects with type, value,
 * to_ids, comment) and STIX 2.1 (section 4.7: indicators with a pattern in the
 * STIX language, section 9).
 *
 * The text may be hundreds of megabytes in one object, so it is gone through
 * once, with what matters of the objects that are open on a stack; nothing else
 * is kept.  A pattern's comparisons count one by one: what needs two of them at
 * once (AND) is left out.
 *
 * Bounds: DEPTH_MAX objects and lists in each other, TEXT_MAX bytes of a value.
 */
#include "codec.h"
#include "rule.h"

#define DEPTH_MAX	64u
#define TEXT_MAX	8192u

enum key { KEY_NONE, KEY_TYPE, KEY_VALUE, KEY_PATTERN, KEY_PATTERN_TYPE,
	KEY_COMMENT, KEY_NAME, KEY_UNTIL, KEY_IDS, KEY_REVOKED, KEY_COUNT };

static const char *const key_name[KEY_COUNT] = {
	"", "type", "value", "pattern", "pattern_type", "comment", "name",
	"valid_until", "to_ids", "revoked"
};

struct level {
	bool		is_object;
	struct span	raw[KEY_COUNT];	/* as it stands, without quotes */
};

struct walk {
	struct ioc_reader *r;
	struct span	 text;
	size_t		 at;
	unsigned	 depth;
	struct level	 level[DEPTH_MAX];
};

/* -- STIX patterns --------------------------------------------------------- */

/* Which objects' properties are indicators here. */
static bool
path_is_read(struct span path)
{
	static const char *const read[] = {
		"ipv4-addr:value", "ipv6-addr:value", "domain-name:value",
		"url:value", "network-traffic:dst_ref.value",
		"network-traffic:src_ref.value"
	};

	for (size_t i = 0; i < NITEMS(read); i++)
		if (span_eq(path, span_str(read[i])))
			return true;
	return span_starts(path, SPAN_LIT("file:hashes.")) ||
	    span_starts(path, SPAN_LIT("x509-certificate:hashes."));
}

enum word { WORD_END, WORD_TEXT, WORD_VALUE, WORD_SIGN };

static bool
ends_word(uint8_t c)
{
	return c <= ' ' || c == '\'' || memchr("[](),=!<>", c, 9) != NULL;
}

/* The next word of a pattern: a value in quotes, a sign, or a text; a key in
 * quotes belongs to the text before it: file:hashes.'SHA-256'. */
static enum word
next_word(struct span *rest, struct span *out)
{
	struct span s = span_trim(*rest);
	size_t n = 0;
	enum word type = WORD_TEXT;

	if (s.len == 0)
		return WORD_END;
	if (s.ptr[0] == '\'') {
		type = WORD_VALUE;
		for (n = 1; n < s.len && s.ptr[n] != '\''; n++)
			n += s.ptr[n] == '\\';
		if (n >= s.len)
			return WORD_END;
		*out = span_sub(s, 1, n - 1);
		*rest = span_sub(s, n + 1, SIZE_MAX);
		return type;
	}
	while (n < s.len && (!ends_word(s.ptr[n]) ||
	    (s.ptr[n] == '\'' && n > 0 && s.ptr[n - 1] == '.'))) {
		if (s.ptr[n++] != '\'')
			continue;
		while (n < s.len && s.ptr[n] != '\'')
			n++;
		n += n < s.len;
	}
	if (n == 0) {
		type = WORD_SIGN;
		n = 1;
	}
	*out = span_sub(s, 0, n);
	*rest = span_sub(s, n, SIZE_MAX);
	return type;
}

/* Comparisons with = (not !=), IN and ISSUBSET. */
static void
take_pattern(struct ioc_reader *r, struct span s, struct span note,
    uint32_t until)
{
	struct span word, path = SPAN_NONE;
	bool equal = false, negated = false;
	size_t taken = 0;
	enum word type;

	if (span_find(s, SPAN_LIT(" AND ")) != SPAN_NPOS) {
		ioc_leave(r, IOC_NOT_READ);
		return;
	}
	while ((type = next_word(&s, &word)) != WORD_END) {
		if (type == WORD_VALUE && equal && path_is_read(path)) {
			ioc_take(r, word, note, until);
			taken++;
		} else if (type == WORD_SIGN && word.ptr[0] == '=') {
			equal = !negated;
		} else if (type == WORD_SIGN && word.ptr[0] == '!') {
			negated = true;
		} else if (type == WORD_TEXT) {
			if (span_find_byte(word, ':') != SPAN_NPOS) {
				path = word;
				equal = negated = false;
			}
			negated |= span_eq_nocase(word, SPAN_LIT("not"));
			equal |= !negated &&
			    (span_eq_nocase(word, SPAN_LIT("in")) ||
			    span_eq_nocase(word, SPAN_LIT("issubset")));
		}
	}
	if (taken == 0)
		ioc_leave(r, IOC_NOT_READ);
}

/* -- MISP attributes ------------------------------------------------------- */

static void
take_attribute(struct ioc_reader *r, struct span type, struct span value,
    struct span note)
{
	static const char *const read[] = {
		"ip-src", "ip-dst", "domain", "hostname", "url", "uri", "md5",
		"sha1", "sha256", "ja3-fingerprint-md5", "ja4-plus",
		"hassh-md5", "hasshserver-md5", "x509-fingerprint-md5",
		"x509-fingerprint-sha1", "x509-fingerprint-sha256"
	};
	size_t bar = span_find_byte(value, '|');
	uint8_t both[128];
	size_t n = 0;

	if (span_starts(type, SPAN_LIT("filename|")) && bar != SPAN_NPOS) {
		ioc_take(r, span_sub(value, bar + 1, SIZE_MAX), note, 0);
		return;
	}
	if (span_eq(type, SPAN_LIT("domain|ip")) && bar != SPAN_NPOS) {
		ioc_take(r, span_sub(value, 0, bar), note, 0);
		ioc_take(r, span_sub(value, bar + 1, SIZE_MAX), note, 0);
		return;
	}
	if ((span_eq(type, SPAN_LIT("ip-dst|port")) ||
	    span_eq(type, SPAN_LIT("ip-src|port"))) && bar != SPAN_NPOS &&
	    value.len < sizeof(both) - 2) {
		bool v6 = span_find_byte(value, ':') != SPAN_NPOS;

		for (size_t i = 0; i < value.len; i++) {
			if (v6 && i == 0)
				both[n++] = '[';
			if (v6 && i == bar)
				both[n++] = ']';
			both[n++] = i == bar ? ':' : value.ptr[i];
		}
		ioc_take(r, span_of(both, n), note, 0);
		return;
	}
	if (span_eq(type, SPAN_LIT("hostname|port")) && bar != SPAN_NPOS) {
		ioc_take(r, span_sub(value, 0, bar), note, 0);
		return;
	}
	for (size_t i = 0; i < NITEMS(read); i++) {
		if (span_eq(type, span_str(read[i]))) {
			ioc_take(r, value, note, 0);
			return;
		}
	}
	ioc_leave(r, IOC_NOT_READ);
}

/* -- objects --------------------------------------------------------------- */

/* Nobody has looked at the escapes yet. */
static bool
escapes_fit(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '\\')
			continue;
		if (++i == s.len || memchr("\"\\/bfnrtu", s.ptr[i], 9) == NULL)
			return false;
		for (unsigned k = 0; s.ptr[i] == 'u' && k < 4; k++)
			if (i + 1 + k >= s.len ||
			    ascii_hex(s.ptr[i + 1 + k]) < 0)
				return false;
	}
	return true;
}

/* Escapes decoded into out; a text that is longer or broken is none. */
static struct span
plain(struct span raw, uint8_t *out)
{
	if (raw.len == 0 || raw.len > TEXT_MAX || !escapes_fit(raw))
		return SPAN_NONE;
	return span_of(out, json_unescape(raw, out));
}

static void
take_object(struct walk *w, const struct level *o)
{
	uint8_t text[TEXT_MAX], note_text[TEXT_MAX], until_text[TEXT_MAX];
	struct span type = o->raw[KEY_TYPE], note;
	int64_t until = 0;

	note = plain(o->raw[KEY_COMMENT].len != 0 ? o->raw[KEY_COMMENT] :
	    o->raw[KEY_NAME], note_text);
	if (span_eq(type, SPAN_LIT("indicator")) &&
	    o->raw[KEY_PATTERN].len != 0) {
		if (span_eq(o->raw[KEY_REVOKED], SPAN_LIT("true")) ||
		    (o->raw[KEY_PATTERN_TYPE].len != 0 &&
		    !span_eq(o->raw[KEY_PATTERN_TYPE], SPAN_LIT("stix")))) {
			ioc_leave(w->r, IOC_NOT_READ);
			return;
		}
		if (!time_parse(plain(o->raw[KEY_UNTIL], until_text), &until) ||
		    until < 0 || until / NSEC > UINT32_MAX)
			until = 0;
		take_pattern(w->r, plain(o->raw[KEY_PATTERN], text), note,
		    (uint32_t)(until / NSEC));
	} else if (o->raw[KEY_IDS].len != 0 && type.len != 0 &&
	    o->raw[KEY_VALUE].len != 0 &&
	    !span_eq(o->raw[KEY_IDS], SPAN_LIT("false"))) {
		take_attribute(w->r, type, plain(o->raw[KEY_VALUE], text),
		    note);
	}
}

/* -- the walk -------------------------------------------------------------- */

static void
skip_blanks(struct walk *w)
{
	while (w->at < w->text.len && (w->text.ptr[w->at] == ' ' ||
	    (w->text.ptr[w->at] >= '\t' && w->text.ptr[w->at] <= '\r')))
		w->at++;
}

/* At a quote; the inside, with its escapes.  false: it does not end. */
static bool
take_string(struct walk *w, struct span *out)
{
	size_t from = ++w->at;

	while (w->at < w->text.len && w->text.ptr[w->at] != '"')
		w->at += w->text.ptr[w->at] == '\\' ? 2 : 1;
	if (w->at >= w->text.len)
		return false;
	*out = span_sub(w->text, from, w->at - from);
	w->at++;
	return true;
}

static enum key
key_of(struct span s)
{
	for (unsigned k = 1; k < KEY_COUNT; k++)
		if (span_eq(s, span_str(key_name[k])))
			return (enum key)k;
	return KEY_NONE;
}

static const char *
step(struct walk *w, enum key *key)
{
	struct level *top = w->depth == 0 ? NULL : &w->level[w->depth - 1];
	uint8_t c = w->text.ptr[w->at];
	size_t from = w->at;
	struct span s;

	switch (c) {
	case '{':
	case '[':
		if (w->depth == DEPTH_MAX)
			return "nested deeper than is read";
		w->level[w->depth] = (struct level){ .is_object = c == '{' };
		w->depth++;
		w->at++;
		*key = KEY_NONE;
		return NULL;
	case '}':
	case ']':
		if (top == NULL || top->is_object != (c == '}'))
			return "a bracket that nothing opened";
		if (top->is_object)
			take_object(w, top);
		w->depth--;
		w->at++;
		*key = KEY_NONE;
		return NULL;
	case '"':
		if (!take_string(w, &s))
			return "a text that does not end";
		skip_blanks(w);
		if (top != NULL && top->is_object && w->at < w->text.len &&
		    w->text.ptr[w->at] == ':') {
			w->at++;
			*key = key_of(s);
			return NULL;
		}
		break;
	case ',':
	case ':':
		w->at++;
		return NULL;
	default:	/* numbers, true, false, null */
		while (w->at < w->text.len &&
		    strchr(",]} \t\r\n", w->text.ptr[w->at]) == NULL)
			w->at++;
		if (w->at == from)
			return "no JSON";
		s = span_sub(w->text, from, w->at - from);
		break;
	}
	if (top != NULL && top->is_object && *key != KEY_NONE)
		top->raw[*key] = s;
	*key = KEY_NONE;
	return NULL;
}

unsigned
ioc_read_json(struct ioc_reader *r, struct span text, const char **why)
{
	struct walk w = { .r = r, .text = text };
	enum key key = KEY_NONE;
	unsigned line = 1;

	*why = NULL;
	for (skip_blanks(&w); w.at < text.len && *why == NULL; skip_blanks(&w))
		*why = step(&w, &key);
	if (*why == NULL && w.depth != 0)
		*why = "cut off";
	if (*why == NULL)
		return 0;
	for (size_t i = 0; i < w.at && i < text.len; i++)
		line += text.ptr[i] == '\n';
	return line;
}
