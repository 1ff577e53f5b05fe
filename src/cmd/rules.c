/* SPDX-License-Identifier: Apache-2.0
 *
 * picket rules: check PATH… compiles rules and says what cannot be used;
 * explain says why a rule holds for an event or not; update installs rules
 * (update.c).
 */
#include <errno.h>
#include <getopt.h>
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

/* What of lists of indicators is not looked for, and why. */
static void
tell_indicators(const struct program *p)
{
	const char *before = "left out: ";

	if (p->iocs == NULL)
		return;
	fprintf(stderr, "picket: %zu indicators; ", ioc_set_count(p->iocs));
	for (unsigned why = IOC_NOT_READ; why < IOC_LEFT_COUNT; why++) {
		if (p->ioc_left[why] == 0)
			continue;
		fprintf(stderr, "%s%zu %s", before, p->ioc_left[why],
		    ioc_left_text((enum ioc_left)why));
		before = ", ";
	}
	fprintf(stderr, "%s\n", before[0] == 'l' ? "none left out" : "");
}

int
cmd_load_rules(struct rule_options *opt, const char *const *path, size_t n,
    struct program **out)
{
	struct program *p = *out == NULL ? program_new() : *out;

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
	tell_indicators(p);
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
	struct rule_options opt = { NULL, NULL, NULL };
	struct program *p = NULL;
	size_t faults;
	int status;

	if (argc >= 3 && strcmp(argv[1], "--placeholders") == 0) {
		opt.placeholders = argv[2];
		argc -= 2;
		argv += 2;
	}
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

/* -- explain -------------------------------------------------------------- */

enum { OPT_RULES = 256, OPT_RECORD, OPT_FORMAT, OPT_SIGMA_MAP };

/* The rule's own file; or, with --rules, the file that has the id. */
static int
find_rule(struct rule_options *opt, const char *folder, const char *rule,
    char *path, size_t size)
{
	const char *where[3] = { folder };
	static char shipped[4096];
	struct program *p = NULL;
	size_t n = folder != NULL;
	int status;

	if (access(rule, R_OK) == 0) {
		snprintf(path, size, "%s", rule);
		return STATUS_OK;
	}
	snprintf(shipped, sizeof(shipped), "%s/rules", cmd_share());
	if (n == 0 && cmd_store() != NULL && access(cmd_store(), R_OK) == 0)
		where[n++] = cmd_store();
	if (folder == NULL && access(shipped, R_OK) == 0)
		where[n++] = shipped;
	status = cmd_load_rules(opt, where, n, &p);
	for (size_t i = 0; status == STATUS_OK && i < program_rules(p); i++) {
		const struct rule *r = program_rule_at(p, i);

		if (strcmp(r->id, rule) != 0)
			continue;
		snprintf(path, size, "%s", r->path);
		program_free(p);
		return STATUS_OK;
	}
	if (status == STATUS_OK)
		fprintf(stderr, "picket: no rule file and no rule id: %s\n",
		    rule);
	program_free(p);
	return STATUS_USAGE;
}

static int
explain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rules", required_argument, NULL, OPT_RULES },
		{ "record", required_argument, NULL, OPT_RECORD },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "sigma-map", required_argument, NULL, OPT_SIGMA_MAP },
		{ NULL, 0, NULL, 0 }
	};
	struct explain_options opt = { 0 };
	struct rule_options rule_opt = { NULL, NULL, NULL };
	const char *folder = NULL, *path;
	struct program *p;
	char file[4096];
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_RULES:
			folder = optarg;
			break;
		case OPT_SIGMA_MAP:
			rule_opt.sigma_map = optarg;
			break;
		case OPT_RECORD:
			if (!span_u64(span_str(optarg), &opt.record) ||
			    opt.record == 0)
				return cmd_usage("rules",
				    "--record: cannot use '%s'", optarg);
			break;
		case OPT_FORMAT:
			opt.json = strcmp(optarg, "ndjson") == 0;
			if (!opt.json && strcmp(optarg, "text") != 0)
				return cmd_usage("rules",
				    "--format: cannot use '%s'", optarg);
			break;
		default:
			return cmd_usage("rules",
			    "unknown option or missing value: %s",
			    argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		return cmd_usage("rules", "explain wants RULE and EVENT");
	status = find_rule(&rule_opt, folder, argv[optind], file,
	    sizeof(file));
	if (status != STATUS_OK)
		return status;
	if ((p = program_new()) != NULL)
		program_keep_names(p);
	path = file;
	status = cmd_load_rules(&rule_opt, &path, 1, &p);
	if (status == STATUS_OK && (cmd_tell_faults(stderr, p) != 0 ||
	    program_rules(p) == 0))
		status = STATUS_USAGE;
	if (status == STATUS_OK) {
		opt.rules = p;
		opt.event = argv[optind + 1];
		status = cmd_finish(explain_run(&opt));
	}
	program_free(p);
	return status;
}

static int
help(void)
{
	printf(
"usage: picket rules check [--placeholders FILE] PATH…\n"
"       picket rules explain [--rules PATH] [--record N] [--sigma-map NAME]\n"
"                            [--format text|ndjson] RULE EVENT\n"
"       picket rules update [--to DIR] DIR-OR-ARCHIVE\n"
"\n"
"check compiles the rules and prints one line for each that cannot be used\n"
"(file:line:column: reason), then the count.  Exit status 0, or 2 if any\n"
"failed.\n"
"\n"
"explain says why RULE, a file or an id, holds for an event or not: EVENT is\n"
"a file as hunt reads it, - or one JSON object; --record takes one record of\n"
"it.  Exit status 0 if the rule holds, 1 if not.\n"
"\n"
"update puts the rules of a folder or archive in the place of those that hunt\n"
"loads by default ($XDG_DATA_HOME/picket/rules, or --to DIR), whole or not at\n"
"all, and says what changed.\n");
	return cmd_finish(STATUS_OK);
}

int
cmd_rules(int argc, char **argv)
{
	static const struct {
		const char	*name;
		int		(*run)(int, char **);
	} actions[] = {
		{ "check", check }, { "explain", explain },
		{ "update", cmd_rules_update },
	};

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0))
		return help();
	for (size_t i = 0; argc >= 2 && i < NITEMS(actions); i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			return actions[i].run(argc - 1, argv + 1);
	return cmd_usage("rules", "no such action");
}
