/* SPDX-License-Identifier: Apache-2.0
 *
 * The roster of rule languages, and loading files and folders of rules.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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

/*
 * Files are read and, as far as their language can, taken apart by a second
 * thread, a bounded way ahead of the one that compiles them in order; that one
 * reads itself what it finds unread, and the next ones when it has to wait.
 */
#define AHEAD_FILES	64u
#define AHEAD_SIZE	(256u << 10)	/* larger ones wait for their turn */
#define LIST_FILE_MAX	(1u << 29)	/* bytes of a list of indicators */
#define THREAD_MIN	32u		/* files that are worth a thread */
#define NAP_NSEC	50000		/* of who waits for the other */

enum file_state { FILE_UNREAD, FILE_CLAIMED, FILE_READ };

struct file {
	char			*path;
	uint64_t		 size;		/* known when it was read */
	bool			 named;		/* not found in a folder */
	_Atomic unsigned char	 state;		/* enum file_state */
	bool			 is_ahead;	/* read by the second thread */
	bool			 is_large;	/* for its language */
	int			 sys_errno;	/* could not be opened */
	uint8_t			*text;
	size_t			 n;
	const struct language	*language;	/* NULL: none takes it */
	void			*ahead;
};

struct loader {
	struct program		*p;
	const struct rule_options *opt;
	struct file		*file;
	size_t			 nfiles;
	_Atomic size_t		 ntaken;
};

static const struct language *
language_of(const char *path, struct span text)
{
	const struct language *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < nlanguages && best_score < LANGUAGE_SURE; i++) {
		int score = languages[i]->match(path, text);

		if (score > best_score) {
			best_score = score;
			best = languages[i];
		}
	}
	return best;
}

/* The whole text; false: it cannot be read, or has more than most bytes. */
static bool
read_text(struct file *f, uint64_t most)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &st) != 0) {
		f->sys_errno = errno;
	} else if ((f->size = (uint64_t)st.st_size) <= most) {
		f->text = malloc((size_t)f->size + 1);
		if (f->text == NULL)
			f->sys_errno = ENOMEM;
		for (f->n = 0; f->text != NULL && f->n < f->size && got > 0;
		    f->n += got > 0 ? (size_t)got : 0)
			got = read(fd, f->text + f->n, (size_t)f->size - f->n);
		if (got < 0)
			f->sys_errno = errno;
	}
	if (fd >= 0)
		close(fd);
	return f->text != NULL;
}

static void
read_file(struct file *f, uint64_t most)
{
	struct span text;

	if (!read_text(f, most))
		return;
	text = span_of(f->text, f->n);
	f->language = language_of(f->path, text);
	/* Lists are data by the line; rules are thought out. */
	if (f->size > RULE_FILE_MAX && f->language != &language_ioc) {
		free(f->text);
		f->text = NULL;
		f->is_large = true;
	}
	if (f->language != NULL && f->language->ahead != NULL &&
	    f->n <= AHEAD_SIZE)
		f->ahead = f->language->ahead(text);
}

/* Reads the file unless the other thread does; false: it does.  One that is
 * larger than most is left unread. */
static bool
claim_file(struct file *f, uint64_t most, bool is_ahead)
{
	unsigned char unread = FILE_UNREAD;

	if (!atomic_compare_exchange_strong(&f->state, &unread, FILE_CLAIMED))
		return false;
	f->is_ahead = is_ahead;
	read_file(f, most);
	atomic_store(&f->state, f->size > most && most != LIST_FILE_MAX ?
	    FILE_UNREAD : FILE_READ);
	return true;
}

static void
nap(void)
{
	const struct timespec t = { .tv_nsec = NAP_NSEC };

	nanosleep(&t, NULL);
}

static void
drop_file(struct file *f)
{
	if (f->ahead != NULL)
		f->language->drop_ahead(f->ahead);
	free(f->text);
	f->ahead = f->text = NULL;
}

/* Frees itself what it has read: memory that one thread allots and another
 * frees makes both wait for its lock. */
static void *
read_ahead(void *arg)
{
	struct loader *l = arg;
	size_t dropped = 0;

	for (size_t i = 0; i < l->nfiles; i++) {
		while (i >= atomic_load(&l->ntaken) + AHEAD_FILES)
			nap();
		for (; dropped < atomic_load(&l->ntaken); dropped++)
			if (l->file[dropped].is_ahead)
				drop_file(&l->file[dropped]);
		claim_file(&l->file[i], AHEAD_SIZE, true);
	}
	return NULL;
}

/* Compiles a file that was read. */
static void
take_file(struct loader *l, struct file *f)
{
	struct program *p = l->p;

	if (f->is_large || f->size > LIST_FILE_MAX)
		program_fault(p, f->path, 0, 0, "larger than the %u MB that "
		    "a rule file may have", RULE_FILE_MAX >> 20);
	else if (f->sys_errno != 0)
		program_fault(p, f->path, 0, 0, "cannot open: %s",
		    strerror(f->sys_errno));
	else if (f->language != NULL)
		f->language->load(p, l->opt, program_text(p,
		    span_str(f->path)), span_of(f->text, f->n), f->ahead);
	else if (f->named)
		/* In a folder other files may lie among rules; one that was
		 * named is meant. */
		program_fault(p, f->path, 0, 0, "in no rule language");
}

/* The other thread has file i in hand: meanwhile one of the next. */
static void
help(struct loader *l, size_t i)
{
	const size_t end = MIN_OF(i + AHEAD_FILES, l->nfiles);

	for (size_t k = i + 1; k < end; k++)
		if (claim_file(&l->file[k], AHEAD_SIZE, false))
			return;
	nap();
}

static void
take_files(struct loader *l)
{
	pthread_t thread;
	bool threaded = l->nfiles >= THREAD_MIN &&
	    pthread_create(&thread, NULL, read_ahead, l) == 0;

	for (size_t i = 0; i < l->nfiles; i++) {
		struct file *f = &l->file[i];

		atomic_store(&l->ntaken, i);
		if (!claim_file(f, LIST_FILE_MAX, false))
			while (atomic_load(&f->state) == FILE_CLAIMED)
				help(l, i);
		if (atomic_load(&f->state) == FILE_UNREAD)
			claim_file(f, LIST_FILE_MAX, false);
		take_file(l, f);
		if (!f->is_ahead)
			drop_file(f);
	}
	if (threaded) {
		atomic_store(&l->ntaken, l->nfiles);
		pthread_join(thread, NULL);
	}
	for (size_t i = 0; i < l->nfiles; i++)
		drop_file(&l->file[i]);
}

static enum err
add_file(struct loader *l, const char *path, bool named)
{
	struct file *f;

	if ((l->nfiles & (l->nfiles - 1)) == 0) {
		f = realloc(l->file, (l->nfiles == 0 ? 1 : l->nfiles * 2) *
		    sizeof(*f));
		if (f == NULL)
			return ERR_NOMEM;
		l->file = f;
	}
	f = &l->file[l->nfiles];
	*f = (struct file){ .path = strdup(path), .named = named };
	if (f->path == NULL)
		return ERR_NOMEM;
	l->nfiles++;
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
		".yml", ".yaml", ".rules", ".yar", ".yara", ".ioc"
	};

	for (size_t i = 0; i < NITEMS(endings); i++)
		if (span_ends_nocase(span_str(name), span_str(endings[i])))
			return true;
	return false;
}

/* In a folder only what is named like a rule: pictures and read-me files lie
 * among them. */
static enum err
add_found(struct loader *l, const char *path)
{
	return is_rule_name(path) ? add_file(l, path, false) : ERR_OK;
}

/* Recursion is bounded by FOLDER_DEPTH_MAX. */
static enum err
add_path(struct loader *l, const char *path, unsigned depth)
{
	struct dirent **list;
	enum err err = ERR_OK;
	struct stat st;
	int n;

	if (stat(path, &st) != 0)
		return depth == 0 ? ERR_OPEN : ERR_OK;
	if (S_ISREG(st.st_mode))
		return depth == 0 ? add_file(l, path, true) :
		    add_found(l, path);
	if (!S_ISDIR(st.st_mode) || depth == FOLDER_DEPTH_MAX)
		return ERR_OK;
	if ((n = scandir(path, &list, not_hidden, plain_order)) < 0)
		return ERR_OPEN;
	for (int i = 0; i < n; i++) {
		char sub[4096];
		int len = snprintf(sub, sizeof(sub), "%s/%s", path,
		    list[i]->d_name);

		if (err == ERR_OK && len > 0 && (size_t)len < sizeof(sub))
			err = list[i]->d_type == DT_REG ? add_found(l, sub) :
			    add_path(l, sub, depth + 1);
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
	struct loader l = { .p = p, .opt = opt };
	enum err err;

	p->loads++;
	if ((err = add_path(&l, path, 0)) == ERR_OK)
		take_files(&l);
	for (size_t i = 0; i < l.nfiles; i++)
		free(l.file[i].path);
	free(l.file);
	return err == ERR_OK && p->stopped ? ERR_RULE : err;
}
