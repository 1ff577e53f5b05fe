/* SPDX-License-Identifier: Apache-2.0
 *
 * picket rules check PATH…: compiles rules and says what cannot be used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "engine.h"

/* Where the shipped data lies: $PICKET_SHARE, beside the binary's tree (a
 * build or an installation), or where it was installed to. */
const char *
cmd_share(void)
{
	static const char *const beside[] = {
		"/../share/picket", "/../../share", "/../share"
	};
	static char path[4096];
	const char *env = getenv("PICKET_SHARE");
	char self[2048], *slash;
	ssize_t n;

	if (env != NULL && env[0] != '\0')
		return env;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
		for (size_t i = 0; i < NITEMS(beside); i++) {
			snprintf(path, sizeof(path), "%s%s", self, beside[i]);
			strncat(path, "/sigma", sizeof(path) -
			    strlen(path) - 1);
			if (access(path, R_OK) == 0) {
				path[strlen(path) - strlen("/sigma")] = '\0';
				return path;
			}
		}
	}
	return PICKET_DATADIR;
}

int
cmd_load_rules(struct rule_options *opt, const char *const *path, size_t n,
    struct program **out)
{
	struct program *p = program_new();

	*out = p;
	if (opt->share == NULL)
		opt->share = cmd_share();
	for (size_t i = 0; p != NULL && i < n; i++) {
		enum err err = rules_load(p, opt, path[i]);

		if (err != ERR_OK) {
			cmd_tell_faults(stderr, p);
			fprintf(stderr, "picket: %s: %s%s%s\n", path[i],
			    err_text(err), err == ERR_OPEN ? ": " : "",
			    err == ERR_OPEN ? strerror(errno) : "");
			return STATUS_USAGE;
		}
	}
	if (p == NULL || !program_finish(p)) {
		fprintf(stderr, "picket: rules: %s\n", err_text(p == NULL ?
		    ERR_NOMEM : ERR_LIMIT));
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

const char *
cmd_store(void)
{
	static char path[4096];
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	/* The specification of base folders wants absolute paths. */
	if (data != NULL && data[0] == '/')
		n = snprintf(path, sizeof(path), "%s/picket/rules", data);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, sizeof(path),
		    "%s/.local/share/picket/rules", home);
	else
		return NULL;
	return n < (int)sizeof(path) ? path : NULL;
}

size_t
cmd_tell_faults(FILE *f, const struct program *p)
{
	return cmd_tell_faults_but(f, p, NULL);
}

size_t
cmd_tell_faults_but(FILE *f, const struct program *p, const char *folder)
{
	const size_t skip = folder == NULL ? 0 : strlen(folder);
	size_t told = 0;

	for (size_t i = 0; i < program_faults(p); i++) {
		const struct rule_fault *x = program_fault_at(p, i);

		if (skip != 0 && strncmp(x->path, folder, skip) == 0 &&
		    x->path[skip] == '/')
			continue;
		told++;
		fprintf(f, "%s:%u:%u: %s\n", x->path, x->line, x->column,
		    x->reason);
	}
	return told;
}

static int
check(int argc, char **argv)
{
	struct rule_options opt = { NULL, NULL };
	struct program *p = NULL;
	size_t faults;
	int status;

	if (argc < 2)
		return cmd_usage("rules", "check wants a PATH");
	status = cmd_load_rules(&opt, (const char *const *)(argv + 1),
	    (size_t)argc - 1, &p);
	if (status == STATUS_OK) {
		faults = cmd_tell_faults(stdout, p);
		printf("sigma: %zu rules can be used, %zu cannot\n",
		    program_rules(p), faults);
		status = faults == 0 ? STATUS_OK : STATUS_USAGE;
	}
	program_free(p);
	return cmd_finish(status);
}

int
cmd_rules(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "check") == 0)
		return check(argc - 1, argv + 1);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0)) {
		printf("usage: picket rules check PATH…\n\n"
		    "Compiles the rules and prints one line for each that "
		    "cannot be used\n(file:line:column: reason), then the "
		    "count.  Exit status 0, or 2 if any failed.\n");
		return cmd_finish(STATUS_OK);
	}
	return cmd_usage("rules", "no such action");
}
