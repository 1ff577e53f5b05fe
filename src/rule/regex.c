/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions of rules.  Vectorscan runs them in linear time; what it
 * does not take (look-around, back references) runs on PCRE2 with limits on
 * steps, so no pattern can hang a run.  The program keeps patterns; a matcher
 * compiles one when it first needs it.
 *
 * Vectorscan takes a millisecond to compile what PCRE2 compiles in twenty
 * microseconds, and most expressions are asked a few times only: the first
 * FEW_MATCHES go to PCRE2, unless one of them gives up at a limit.
 *
 * Vectorscan reads bytes (its UTF-8 mode wants valid text, which evidence is
 * not), so that "." is half of an umlaut to it: text that is not all ASCII goes
 * to PCRE2, and to Vectorscan only when PCRE2 gives up at a limit.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <hs.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"

#define STEPS_MAX	100000u		/* of PCRE2, a match */
#define PATTERN_MAX	16384u		/* bytes */
#define FEW_MATCHES	64u

struct regex {
	struct span		 pattern;	/* the program's */
	unsigned		 flags;
	unsigned		 few;	/* matches that PCRE2 still has */
	bool			 no_code;	/* PCRE2 was tried in vain */
	bool			 no_db;		/* Vectorscan was */
	hs_database_t		*db;
	hs_scratch_t		*scratch;
	pcre2_code		*code;
	pcre2_match_data	*data;
	pcre2_match_context	*limits;
};

static uint32_t
pcre_flags(unsigned flags)
{
	return PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
	    (flags & PRED_RE_I ? PCRE2_CASELESS : 0) |
	    (flags & PRED_RE_M ? PCRE2_MULTILINE : 0) |
	    (flags & PRED_RE_S ? PCRE2_DOTALL : 0);
}

static pcre2_code *
compile_pcre(struct span pattern, unsigned flags, int *error, size_t *offset)
{
	PCRE2_SIZE at = 0;
	pcre2_code *code;

	code = pcre2_compile(pattern.ptr, pattern.len, pcre_flags(flags),
	    error, &at, NULL);
	*offset = at;
	return code;
}

bool
regex_check(struct span pattern, unsigned flags, char *reason, size_t size,
    size_t *offset)
{
	pcre2_code *code;
	int error;

	*offset = 0;
	if (pattern.len > PATTERN_MAX) {
		snprintf(reason, size, "pattern over the limit of %u bytes",
		    PATTERN_MAX);
		return false;
	}
	code = compile_pcre(pattern, flags, &error, offset);
	if (code == NULL) {
		pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, size);
		return false;
	}
	pcre2_code_free(code);
	return true;
}

/* hs_compile wants a string; patterns with NUL stay with PCRE2. */
static bool
compile_hs(struct regex *r, struct span pattern, unsigned flags)
{
	unsigned hs = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY |
	    (flags & PRED_RE_I ? HS_FLAG_CASELESS : 0) |
	    (flags & PRED_RE_M ? HS_FLAG_MULTILINE : 0) |
	    (flags & PRED_RE_S ? HS_FLAG_DOTALL : 0);
	hs_compile_error_t *error = NULL;
	char *text;
	bool ok;

	if (memchr(pattern.ptr, '\0', pattern.len) != NULL ||
	    (text = malloc(pattern.len + 1)) == NULL)
		return false;
	memcpy(text, pattern.ptr, pattern.len);
	text[pattern.len] = '\0';
	ok = hs_compile(text, hs, HS_MODE_BLOCK, NULL, &r->db, &error) ==
	    HS_SUCCESS;
	if (!ok)
		r->db = NULL;
	if (error != NULL)
		hs_free_compile_error(error);
	free(text);
	return ok && hs_alloc_scratch(r->db, &r->scratch) == HS_SUCCESS;
}

/* PCRE2's form of it, once. */
static bool
make_code(struct regex *r)
{
	size_t offset;
	int error;

	if (r->code != NULL || r->no_code)
		return r->code != NULL;
	r->code = compile_pcre(r->pattern, r->flags, &error, &offset);
	if (r->code != NULL)
		r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (r->data == NULL || r->limits == NULL) {
		pcre2_code_free(r->code);
		r->code = NULL;
		r->no_code = true;
		return false;
	}
	pcre2_set_match_limit(r->limits, STEPS_MAX);
	pcre2_set_depth_limit(r->limits, STEPS_MAX);
	return true;
}

/* Vectorscan's form of it, once. */
static bool
make_db(struct regex *r)
{
	if (r->db != NULL || r->no_db)
		return r->db != NULL;
	if (!compile_hs(r, r->pattern, r->flags)) {
		hs_free_database(r->db);
		r->db = NULL;
		r->no_db = true;
	}
	return r->db != NULL;
}

struct regex *
regex_new(struct span pattern, unsigned flags)
{
	struct regex *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->pattern = pattern;
	r->flags = flags;
	r->few = FEW_MATCHES;
	if (!make_code(r) && !make_db(r)) {
		regex_free(r);
		return NULL;
	}
	return r;
}

void
regex_free(struct regex *r)
{
	if (r == NULL)
		return;
	hs_free_scratch(r->scratch);
	hs_free_database(r->db);
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->limits);
	pcre2_code_free(r->code);
	free(r);
}

static int
on_match(unsigned id, unsigned long long from, unsigned long long to,
    unsigned flags, void *arg)
{
	(void)id;
	(void)from;
	(void)to;
	(void)flags;
	*(bool *)arg = true;
	return 1;
}

static bool
is_ascii(struct span s)
{
	uint8_t all = 0;

	for (size_t i = 0; i < s.len; i++)
		all |= s.ptr[i];
	return all < 0x80;
}

/* 1: yes, 0: no, -1: it cannot be said. */
static int
match_pcre(struct regex *r, struct span text)
{
	int rc;

	if (!make_code(r))
		return -1;
	rc = pcre2_match(r->code, text.ptr, text.len, 0, 0, r->data,
	    r->limits);
	return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

bool
regex_match(struct regex *r, struct span text)
{
	bool found = false, ascii;
	int yes;

	if (text.ptr == NULL)
		text.ptr = (const uint8_t *)"";
	ascii = is_ascii(text);
	if (r->few != 0 || !ascii) {
		r->few -= r->few != 0;
		if ((yes = match_pcre(r, text)) >= 0)
			return yes == 1;
		r->few = 0;	/* linear time from now on */
	}
	if (!make_db(r))
		return match_pcre(r, text) == 1;
	hs_scan(r->db, (const char *)text.ptr, (unsigned)text.len, 0,
	    r->scratch, on_match, &found);
	return found;
}
