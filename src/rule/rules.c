/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster of rule languages, and loading files and folders of rules.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rule.h"

#define FOLDER_DEPTH_MAX	32u

#define LANGUAGE(name, title) extern const struct language language_##name;
#include "languages.def"
#undef LANGUAGE

const struct language *const languages[] = {
#define LANGUAGE(name, title) &language_##name,
#include "languages.def"
#undef LANGUAGE
};
const size_t nlanguages = NITEMS(languages);

/* false: no language takes it. */
static bool
load_text(struct program *p, const struct rule_options *opt,
    const char *path, struct span text)
{
	const struct language *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < nlanguages; i++) {
		int score = languages[i]->match(path, text);

		if (score > best_score) {
			best_score = score;
			best = languages[i];
		}
	}
	if (best != NULL && !p->stopped)
		best->load(p, opt, path, text);
	return best != NULL;
}

/* Large enough for every rule file there is; grown once, kept. */
static enum err
load_file(struct program *p, const struct rule_options *opt,
    const char *path, uint64_t size, bool named)
{
	FILE *f;
	uint8_t *b;
	size_t n;

	if (size > RULE_FILE_MAX) {
		program_fault(p, path, 0, 0, "larger than the %u MB that a "
		    "rule file may have", RULE_FILE_MAX >> 20);
		return ERR_OK;
	}
	if ((f = fopen(path, "re")) == NULL) {
		program_fault(p, path, 0, 0, "cannot open: %s",
		    strerror(errno));
		return ERR_OK;
	}
	if ((b = malloc((size_t)size + 1)) == NULL) {
		fclose(f);
		return ERR_NOMEM;
	}
	n = fread(b, 1, (size_t)size, f);
	fclose(f);
	/* In a folder other files may lie among rules; one that was named is
	 * meant. */
	if (!load_text(p, opt, program_text(p, span_str(path)),
	    span_of(b, n)) && named)
		program_fault(p, path, 0, 0, "in no rule language");
	free(b);
	return ERR_OK;
}

static int
plain_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static bool
is_rule_name(const char *name)
{
	static const char *const endings[] = {
		".yml", ".yaml", ".rules", ".yar", ".yara"
	};

	for (size_t i = 0; i < NITEMS(endings); i++)
		if (span_ends_nocase(span_str(name), span_str(endings[i])))
			return true;
	return false;
}

/* Recursion is bounded by FOLDER_DEPTH_MAX. */
static enum err
load_path(struct program *p, const struct rule_options *opt,
    const char *path, unsigned depth)
{
	struct dirent **list;
	enum err err = ERR_OK;
	struct stat st;
	int n;

	if (stat(path, &st) != 0)
		return depth == 0 ? ERR_OPEN : ERR_OK;
	if (S_ISREG(st.st_mode)) {
		/* In a folder only what is named like a rule: pictures and
		 * read-me files lie among them. */
		return depth != 0 && !is_rule_name(path) ? ERR_OK :
		    load_file(p, opt, path, (uint64_t)st.st_size, depth == 0);
	}
	if (!S_ISDIR(st.st_mode) || depth == FOLDER_DEPTH_MAX)
		return ERR_OK;
	if ((n = scandir(path, &list, not_hidden, plain_order)) < 0)
		return ERR_OPEN;
	for (int i = 0; i < n; i++) {
		char sub[4096];
		int len = snprintf(sub, sizeof(sub), "%s/%s", path,
		    list[i]->d_name);

		if (err == ERR_OK && len > 0 && (size_t)len < sizeof(sub))
			err = load_path(p, opt, sub, depth + 1);
		free(list[i]);
	}
	free(list);
	return err;
}

bool
rules_finish(struct program *p)
{
	bool ok = true;

	for (size_t i = 0; i < nlanguages && ok && !p->stopped; i++)
		if (languages[i]->finish != NULL)
			ok = languages[i]->finish(p);
	return ok;
}

enum err
rules_load(struct program *p, const struct rule_options *opt,
    const char *path)
{
	enum err err;

	p->loads++;
	err = load_path(p, opt, path, 0);

	return err == ERR_OK && p->stopped ? ERR_RULE : err;
}
