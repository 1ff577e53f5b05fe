/* SPDX-License-Identifier: Apache-2.0
 *
 * picket rules update DIR-OR-ARCHIVE: puts a folder of rules in the place of
 * the user's own, whole or not at all, and says what changed.
 *
 * The new rules are written to a folder beside the target, compiled, and then
 * change places with it by one rename; what was there stays as TARGET.old.
 * A folder that this command did not make (no MARKER in it) is never replaced
 * or removed.
 *
 * What the archive says is hostile: names are taken part by part (no "..", no
 * absolute ones, no links, nothing hidden), files are made with O_EXCL and
 * O_NOFOLLOW below the folder's descriptor, only rules and licences are taken.
 * Bounds: FILES_MAX, BYTES_MAX, RULE_FILE_MAX a file, PARTS_MAX of a name, and
 * those of source.h on archives and folders.
 */
#define _GNU_SOURCE	/* renameat2, syncfs */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd.h"
#include "codec.h"
#include "engine.h"

#define FILES_MAX	100000u		/* SigmaHQ has 4,000 */
#define BYTES_MAX	(256u << 20)
#define PARTS_MAX	24u		/* of a name */
#define PART_BYTES	200u
#define DEPTH_MAX	3u		/* tar in gz in zip */
#define MARKER		".picket-rules"
#define CAUSES_MAX	64u
#define WIDTH_CAUSE	60

struct update {
	char		 temp[4200];	/* folder in the making */
	int		 fd;		/* of it */
	size_t		 nfiles, refused;
	uint64_t	 bytes;
	bool		 is_over;	/* a limit of ours */
	int		 sys_errno;	/* writing failed */
	struct weirds	 weirds;
};

/* -- files in ------------------------------------------------------------- */

static bool
is_wanted(struct span name)
{
	static const char *const endings[] = {
		".yml", ".yaml", ".rules", ".yar", ".yara"
	};
	static const char *const papers[] = {
		"LICENSE", "LICENCE", "COPYING", "NOTICE"
	};
	size_t slash = name.len;

	for (size_t i = 0; i < NITEMS(endings); i++)
		if (span_ends_nocase(name, span_str(endings[i])))
			return true;
	while (slash > 0 && name.ptr[slash - 1] != '/')
		slash--;
	name = span_sub(name, slash, SIZE_MAX);
	for (size_t i = 0; i < NITEMS(papers); i++)
		if (span_starts_nocase(name, span_str(papers[i])))
			return true;
	return false;
}

static bool
part_fits(struct span part)
{
	if (part.len == 0 || part.len > PART_BYTES || part.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < part.len; i++)
		if (part.ptr[i] < 0x20 || part.ptr[i] == 0x7f ||
		    part.ptr[i] == '\\' || part.ptr[i] == ':')
			return false;
	return true;
}

/* Makes the folders of a name below the update's; the file's descriptor, or
 * -1: the name is refused (errno 0), or the system says no. */
static int
make_file(struct update *u, struct span name)
{
	int dir = dup(u->fd), next;
	char part[PART_BYTES + 1];

	for (unsigned depth = 0; dir >= 0; depth++) {
		size_t slash = span_find_byte(name, '/');
		struct span s = span_sub(name, 0, slash);

		if (!part_fits(s) || depth == PARTS_MAX) {
			close(dir);
			errno = 0;
			return -1;
		}
		memcpy(part, s.ptr, s.len);
		part[s.len] = '\0';
		if (slash == SPAN_NPOS) {
			next = openat(dir, part, O_WRONLY | O_CREAT | O_EXCL |
			    O_NOFOLLOW | O_CLOEXEC, 0644);
			if (next < 0 && (errno == EEXIST || errno == EISDIR))
				errno = 0;	/* named twice */
			slash = (size_t)errno;
			close(dir);
			errno = (int)slash;
			return next;
		}
		if (mkdirat(dir, part, 0755) != 0 && errno != EEXIST) {
			close(dir);
			return -1;
		}
		next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		close(dir);
		if (next < 0 && (errno == ENOTDIR || errno == ELOOP)) {
			errno = 0;
			return -1;
		}
		dir = next;
		name = span_sub(name, slash + 1, SIZE_MAX);
	}
	return -1;
}

static bool
write_all(int fd, struct span s)
{
	while (s.len != 0) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = span_sub(s, (size_t)n, SIZE_MAX);
	}
	return true;
}

/* Copies one file; false: nothing more can be taken. */
static bool
take_file(struct update *u, struct span name, struct input *in)
{
	static uint8_t block[64u << 10];
	uint64_t size = 0;
	ssize_t n = 0;
	int fd;

	if (u->nfiles == FILES_MAX || u->bytes > BYTES_MAX) {
		u->is_over = true;
		return false;
	}
	if ((fd = make_file(u, name)) < 0) {
		u->sys_errno = errno;
		u->refused += errno == 0;
		return errno == 0;
	}
	while ((n = in->read(in, block, sizeof(block))) > 0) {
		size += (uint64_t)n;
		if (size > RULE_FILE_MAX ||
		    u->bytes + size > BYTES_MAX) {
			u->is_over = true;
			break;
		}
		if (!write_all(fd, span_of(block, (size_t)n))) {
			u->sys_errno = errno;
			break;
		}
	}
	if (close(fd) != 0 && u->sys_errno == 0)
		u->sys_errno = errno;
	u->bytes += size;
	u->nfiles++;
	return n == 0 && u->sys_errno == 0;
}

static bool
take_folder(struct update *u, const char *path)
{
	struct tree tree = { 0 };
	size_t skip = strlen(path);
	bool ok = tree_add(&tree, path) == ERR_OK;

	while (skip > 1 && path[skip - 1] == '/')
		skip--;
	for (size_t i = 0; ok && i < tree.n; i++) {
		const char *full = tree.entry[i].path;
		struct input *in;
		int fd;

		if (tree.entry[i].sys_errno != 0 || strlen(full) <= skip ||
		    !is_wanted(span_str(full)))
			continue;
		fd = open(full, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || (in = input_fd(fd)) == NULL) {
			u->refused++;
			continue;
		}
		ok = take_file(u, span_str(full + skip +
		    strspn(full + skip, "/")), in);
		input_close(in);
	}
	tree_free(&tree);
	return ok;
}

/* Recursion is bounded by DEPTH_MAX. */
static bool
take_archive(struct update *u, struct input *in, unsigned depth)
{
	struct batch b = { .weirds = &u->weirds };
	struct unpack *up = NULL;
	struct input *member;
	struct window w;
	const char *name;
	bool ok = false;
	int got = -1;

	window_init(&w, in);
	window_fill(&w, SOURCE_HEAD);
	if (depth < DEPTH_MAX && unpack_match(span_sub(window_view(&w), 0,
	    SOURCE_HEAD)))
		up = unpack_open(&w, &b);
	ok = up != NULL;
	while (ok && (got = unpack_next(up, &member, &name)) > 0) {
		/* A bare stream has no name: a tar in it, or nothing. */
		if (name[0] == '\0')
			ok = take_archive(u, member, depth + 1);
		else if (is_wanted(span_str(name)))
			ok = take_file(u, span_str(name), member);
	}
	if (up != NULL)
		unpack_close(up);
	window_fini(&w);
	return ok && got == 0;
}

static bool
is_damaged(const struct weirds *w)
{
	return w->count[WEIRD_ARCHIVE_BAD] != 0 ||
	    w->count[WEIRD_ARCHIVE_RATIO] != 0 ||
	    w->count[WEIRD_ARCHIVE_COUNT] != 0 ||
	    w->count[WEIRD_ARCHIVE_DEPTH] != 0;
}

static bool
take_all(struct update *u, const char *path)
{
	struct input *in;
	struct stat st;
	bool ok;

	if (stat(path, &st) != 0 || (!S_ISDIR(st.st_mode) &&
	    !S_ISREG(st.st_mode))) {
		fprintf(stderr, "picket: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		ok = take_folder(u, path);
	} else if ((in = input_open(path)) == NULL) {
		fprintf(stderr, "picket: %s: %s\n", path, strerror(errno));
		return false;
	} else {
		ok = take_archive(u, in, 0) && !is_damaged(&u->weirds);
		input_close(in);
	}
	if (!ok)
		fprintf(stderr, "picket: %s: %s\n", path,
		    u->sys_errno != 0 ? strerror(u->sys_errno) :
		    u->is_over ? "more files or bytes than rules need" :
		    "no archive, or damaged");
	return ok;
}

/* -- what is in it -------------------------------------------------------- */

static void
tell_causes(const struct program *p)
{
	struct {
		const char	*text;
		size_t		 len, n;
	} cause[CAUSES_MAX];
	size_t ncauses = 0, others = 0;

	for (size_t i = 0; i < program_faults(p); i++) {
		const char *why = program_fault_at(p, i)->reason;
		size_t len = strcspn(why, ":"), k;

		for (k = 0; k < ncauses; k++)
			if (cause[k].len == len &&
			    strncmp(cause[k].text, why, len) == 0)
				break;
		if (k == CAUSES_MAX) {
			others++;
			continue;
		}
		if (k == ncauses) {
			cause[k].text = why;
			cause[k].len = len;
			cause[k].n = 0;
			ncauses++;
		}
		cause[k].n++;
	}
	for (size_t k = 0; k < ncauses; k++)
		printf("  %zu cannot be used: %.*s\n", cause[k].n,
		    (int)MIN_OF(cause[k].len, (size_t)WIDTH_CAUSE),
		    cause[k].text);
	if (others != 0)
		printf("  %zu cannot be used for other reasons\n", others);
}

/* A rule as it is compared: its id, and the hash of the file that has it. */
struct known {
	const struct rule	*r;
	char			 sum[65];
};

static int
by_id(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return strcmp(x->r->id, y->r->id);
}

static void
sum_file(const char *path, char *sum)
{
	uint8_t *b = malloc(RULE_FILE_MAX);
	FILE *f = fopen(path, "re");
	size_t n = f == NULL || b == NULL ? 0 : fread(b, 1, RULE_FILE_MAX, f);

	sha256_hex(span_of(b, n), sum);
	if (f != NULL)
		fclose(f);
	free(b);
}

static struct known *
known_rules(const struct program *p, size_t *n)
{
	struct known *k = calloc(program_rules(p) + 1, sizeof(*k));

	*n = k == NULL ? 0 : program_rules(p);
	for (size_t i = 0; i < *n; i++) {
		k[i].r = program_rule_at(p, i);
		if (i != 0 && strcmp(k[i].r->path, k[i - 1].r->path) == 0)
			memcpy(k[i].sum, k[i - 1].sum, sizeof(k[i].sum));
		else
			sum_file(k[i].r->path, k[i].sum);
	}
	if (*n > 1)
		qsort(k, *n, sizeof(*k), by_id);
	return k;
}

/* A title is somebody else's text: it must not steer a terminal. */
static void
tell_rule(char sign, const struct rule *r)
{
	printf("%c ", sign);
	for (const char *p = r->id; *p != '\0'; p++)
		putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
	printf("  ");
	for (const char *p = r->title; *p != '\0'; p++)
		putchar((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
	putchar('\n');
}

static void
tell_changes(const struct program *was, const struct program *is)
{
	size_t nwas, nis, i = 0, k = 0, added = 0, removed = 0, changed = 0;
	struct known *a = known_rules(was, &nwas), *b = known_rules(is, &nis);

	while (i < nwas || k < nis) {
		int c = i == nwas ? 1 : k == nis ? -1 : by_id(&a[i], &b[k]);

		if (c < 0) {
			removed++;
			tell_rule('-', a[i++].r);
		} else if (c > 0) {
			added++;
			if (nwas != 0)
				tell_rule('+', b[k].r);
			k++;
		} else {
			if (strcmp(a[i].sum, b[k].sum) != 0) {
				changed++;
				tell_rule('~', b[k].r);
			}
			i++;
			k++;
		}
	}
	printf("%zu added, %zu removed, %zu changed\n", added, removed,
	    changed);
	free(a);
	free(b);
}

/* -- folders -------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Nothing there, or made by this command. */
static bool
may_replace(const char *path)
{
	char marker[4400];
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT;
	snprintf(marker, sizeof(marker), "%s/" MARKER, path);
	if (S_ISDIR(st.st_mode) && (access(marker, F_OK) == 0 ||
	    rmdir(path) == 0))
		return true;
	fprintf(stderr, "picket: %s: not a folder that 'rules update' made; "
	    "name another with --to\n", path);
	return false;
}

/* All folders above path. */
static bool
make_parents(const char *path)
{
	char part[4200];

	for (const char *p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (mkdir(part, 0755) != 0 && errno != EEXIST) {
			fprintf(stderr, "picket: %s: %s\n", part,
			    strerror(errno));
			return false;
		}
	}
	return true;
}

static bool
open_temp(struct update *u, const char *to)
{
	int fd;

	snprintf(u->temp, sizeof(u->temp), "%s.new-XXXXXX", to);
	if (mkdtemp(u->temp) == NULL || chmod(u->temp, 0755) != 0 ||
	    (u->fd = open(u->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return false;
	fd = openat(u->fd, MARKER, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0644);
	if (fd < 0)
		return false;
	return close(fd) == 0;
}

/* The new folder and the one that is there change places at once. */
static bool
swap_in(struct update *u, const char *to)
{
	char old[4400];
	struct stat st;

	if (syncfs(u->fd) != 0)
		return false;
	if (lstat(to, &st) != 0)
		return rename(u->temp, to) == 0;
	snprintf(old, sizeof(old), "%s.old", to);
	if (!may_replace(old))
		return false;
	remove_tree(old);
	if (renameat2(AT_FDCWD, u->temp, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
		return rename(u->temp, old) == 0;
	/* A file system that cannot: for a moment there is none. */
	return rename(to, old) == 0 && rename(u->temp, to) == 0;
}

/* -- the whole ------------------------------------------------------------ */

static int
load(const char *path, struct program **p)
{
	struct rule_options opt = { NULL, NULL, NULL };

	return cmd_load_rules(&opt, &path, 1, p);
}

static int
install(struct update *u, const char *from, const char *to)
{
	struct program *is = NULL, *was = NULL;
	int status = STATUS_PARTIAL;

	if (!take_all(u, from) || load(u->temp, &is) != STATUS_OK)
		goto out;
	printf("%zu files, %zu rules can be used\n", u->nfiles,
	    program_rules(is));
	tell_causes(is);
	if (u->refused != 0)
		printf("  %zu files left out: their names are not safe\n",
		    u->refused);
	if (program_rules(is) == 0) {
		fprintf(stderr, "picket: %s: no rule that can be used; "
		    "nothing was changed\n", from);
		status = STATUS_USAGE;
		goto out;
	}
	if (access(to, R_OK) == 0 ? load(to, &was) != STATUS_OK :
	    (was = program_new()) == NULL)
		goto out;
	tell_changes(was, is);
	if (!swap_in(u, to)) {
		fprintf(stderr, "picket: %s: %s\n", to, strerror(errno));
		goto out;
	}
	printf("installed in %s\n", to);
	status = STATUS_OK;
out:
	program_free(is);
	program_free(was);
	return status;
}

int
cmd_rules_update(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 }
	};
	static struct update u;
	const char *named = cmd_store();
	char to[4096];
	size_t n;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 't')
			return cmd_usage("rules",
			    "unknown option or missing value: %s",
			    argv[optind - 1]);
		named = optarg;
	}
	if (argc - optind != 1)
		return cmd_usage("rules", "update wants a folder or an "
		    "archive");
	if (named == NULL)
		return cmd_usage("rules", "no home is known: name the folder "
		    "with --to");
	n = (size_t)snprintf(to, sizeof(to), "%s", named);
	while (n > 1 && n < sizeof(to) && to[n - 1] == '/')
		to[--n] = '\0';
	if (n == 0 || n >= sizeof(to) - 8)
		return cmd_usage("rules", "--to: cannot use '%s'", named);
	if (!may_replace(to) || !make_parents(to))
		return STATUS_USAGE;
	weirds_init(&u.weirds);
	u.fd = -1;
	if (!open_temp(&u, to)) {
		fprintf(stderr, "picket: %s: %s\n", u.temp, strerror(errno));
		status = STATUS_PARTIAL;
	} else {
		status = install(&u, argv[optind], to);
	}
	if (u.fd >= 0)
		close(u.fd);
	/* After a failure, or of what stood in its way; else it is not there
	 * any more. */
	remove_tree(u.temp);
	return cmd_finish(status);
}
