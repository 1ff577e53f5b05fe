/* SPDX-License-Identifier: Apache-2.0
 *
 * What must stand in a text for a regular expression to match: the longest
 * stretch of letters that every match has.  It lets a rule wait for that
 * literal, and an expression run only where it is.
 *
 * Read are sequences of plain characters at the outermost level and inside
 * groups that must occur; classes, alternatives and whatever may be left out
 * end a stretch.  Syntax that is not known here gives no literal, which is
 * always right.  Letters are folded: a stretch is necessary, not sufficient.
 *
 * Bounds: GROUPS_MAX open groups; one pass over the pattern.
 */
#include <stdlib.h>

#include "rule.h"

#define GROUPS_MAX	32u

struct reader {
	struct span	 s;
	size_t		 at;
	uint8_t		*run;		/* the stretch at hand, raw */
	size_t		 nrun;
	uint8_t		*best;
	size_t		 nbest;
	size_t		 last;		/* offset in run of the last char */
	bool		 bad;		/* nothing can be said */
};

static bool
at_end(const struct reader *r)
{
	return r->at >= r->s.len;
}

static uint8_t
peek(const struct reader *r)
{
	return at_end(r) ? 0 : r->s.ptr[r->at];
}

static void
end_run(struct reader *r)
{
	if (r->nrun > r->nbest) {
		memcpy(r->best, r->run, r->nrun);
		r->nbest = r->nrun;
	}
	r->nrun = 0;
}

/* A character of 1 to 4 bytes. */
static void
take_char(struct reader *r)
{
	r->last = r->nrun;
	do
		r->run[r->nrun++] = r->s.ptr[r->at++];
	while (!at_end(r) && (peek(r) & 0xc0) == 0x80);
}

/* Past a class; at stands behind '['. */
static void
skip_class(struct reader *r)
{
	if (peek(r) == '^')
		r->at++;
	if (peek(r) == ']')
		r->at++;
	for (; !at_end(r) && peek(r) != ']'; r->at++) {
		if (peek(r) == '\\')
			r->at++;
		else if (peek(r) == '[' && r->at + 1 < r->s.len &&
		    strchr(":.=", r->s.ptr[r->at + 1]) != NULL)
			r->bad = true;	/* [:name:], which may hold ] */
	}
	if (at_end(r))
		r->bad = true;
	r->at++;
}

/*
 * A quantifier, if one stands there; *none: nothing of what is before it
 * need be.  true: there was one.
 */
static bool
quantifier(struct reader *r, bool *none)
{
	uint8_t c = peek(r);

	*none = false;
	if (c == '*' || c == '?') {
		*none = true;
		r->at++;
	} else if (c == '+') {
		r->at++;
	} else if (c == '{' && r->at + 1 < r->s.len &&
	    ascii_is_digit(r->s.ptr[r->at + 1])) {
		size_t end = span_find_byte(span_sub(r->s, r->at, SIZE_MAX),
		    '}');

		if (end == SPAN_NPOS)
			return false;
		for (size_t i = r->at + 1; i < r->at + end; i++)
			if (!ascii_is_digit(r->s.ptr[i]) &&
			    r->s.ptr[i] != ',')
				return false;	/* plain text */
		/* {0} {0,9}: a count that begins with 0 is 0, or odd enough
		 * to be taken for it. */
		*none = r->s.ptr[r->at + 1] == '0';
		r->at += end + 1;
	} else if (c == '{' && r->at + 1 < r->s.len &&
	    r->s.ptr[r->at + 1] == ',') {
		r->bad = true;	/* plain text to some, a count to others */
		return false;
	} else {
		return false;
	}
	if (peek(r) == '?' || peek(r) == '+')
		r->at++;		/* lazy, possessive */
	return true;
}

/* After a plain character. */
static void
after_char(struct reader *r)
{
	bool none;

	if (!quantifier(r, &none))
		return;
	if (none)
		r->nrun = r->last;
	end_run(r);
}

/* After what is no plain character: the stretch is over. */
static void
after_other(struct reader *r)
{
	bool none;

	end_run(r);
	quantifier(r, &none);
}

static void
escape(struct reader *r)
{
	uint8_t c;

	r->at++;
	c = peek(r);
	if (at_end(r)) {
		r->bad = true;
	} else if (c < 0x80 && !ascii_is_digit(c) &&
	    !(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z')) {
		take_char(r);
		after_char(r);
	} else if (c < 0x80 && strchr("sSwWdDbBtnrfeAZz", c) != NULL) {
		r->at++;
		after_other(r);
	} else {
		r->bad = true;
	}
}

/* Where the group that opens at at ends: behind its ')'.  Has it a choice? */
static size_t
group_end(struct reader *r, bool *choice)
{
	struct reader in = *r;
	unsigned depth = 0;

	*choice = false;
	while (!at_end(&in)) {
		switch (in.s.ptr[in.at++]) {
		case '\\':
			in.at++;
			break;
		case '[':
			skip_class(&in);
			if (in.bad)
				r->bad = true;
			break;
		case '(':
			depth++;
			break;
		case ')':
			if (--depth == 0)
				return in.at;
			break;
		case '|':
			if (depth == 1)
				*choice = true;
			break;
		default:
			break;
		}
	}
	r->bad = true;
	return r->s.len;
}

/* true: go on inside the group; false: it was passed over. */
static bool
group(struct reader *r)
{
	bool choice, none, plain = true;
	size_t end = group_end(r, &choice), inside = r->at + 1;
	struct reader after = *r;

	if (r->bad)
		return false;
	if (inside < r->s.len && r->s.ptr[inside] == '?') {
		plain = inside + 1 < r->s.len && r->s.ptr[inside + 1] == ':';
		/* (?i) and the like would hold for what follows; look-around
		 * is about text that may lie elsewhere. */
		if (!plain)
			r->bad = true;
		inside += 2;
	}
	if (inside < r->s.len && r->s.ptr[inside] == '*')
		r->bad = true;			/* (*VERB) */
	end_run(r);
	after.at = end;
	quantifier(&after, &none);
	if (after.bad)
		r->bad = true;
	if (choice || none) {
		r->at = after.at;
		return false;
	}
	r->at = inside;
	return true;
}

static void
read_pattern(struct reader *r)
{
	unsigned open = 0;

	while (!at_end(r) && !r->bad) {
		uint8_t c = peek(r);

		if (c == '\\') {
			escape(r);
		} else if (c == '[') {
			r->at++;
			skip_class(r);
			after_other(r);
		} else if (c == '(') {
			if (group(r) && ++open > GROUPS_MAX)
				r->bad = true;
		} else if (c == ')') {
			if (open-- == 0)
				r->bad = true;
			r->at++;
			after_other(r);
		} else if (c == '|') {
			r->bad = true;		/* a choice at the outermost */
		} else if (c == '.' || c == '^' || c == '$') {
			r->at++;
			after_other(r);
		} else {
			take_char(r);
			after_char(r);
		}
	}
	end_run(r);
}

struct span
regex_literal(struct program *p, struct span pattern)
{
	struct reader r = { .s = pattern };
	struct span found = SPAN_NONE;

	if (span_starts(pattern, SPAN_LIT("(?i)")))
		r.at = 4;
	r.run = malloc(pattern.len + 1);
	r.best = malloc(pattern.len + 1);
	if (r.run != NULL && r.best != NULL) {
		read_pattern(&r);
		if (!r.bad && r.nbest != 0)
			found = program_fold(p, span_of(r.best, r.nbest));
	}
	free(r.run);
	free(r.best);
	return found;
}
