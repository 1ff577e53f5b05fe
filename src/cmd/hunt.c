/* SPDX-License-Identifier: Apache-2.0
 *
 * picket hunt: the command line of a hunt.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "engine.h"

/* More than anybody gives; each is a file at the end. */
#define OUTPUTS_MAX	16u
#define RULES_PATHS_MAX	64u

enum {
	OPT_FORMAT = 256, OPT_EVENTS, OPT_RAW, OPT_CARVE, OPT_MIN_SEVERITY,
	OPT_SINCE, OPT_UNTIL, OPT_JOBS, OPT_FAIL_ON, OPT_PROGRESS, OPT_QUIET,
	OPT_NO_DEFAULT_RULES, OPT_KINDS, OPT_RULES, OPT_SIGMA_MAP,
	OPT_STRICT_RULES, OPT_PLACEHOLDERS, OPT_DETECTOR, OPT_NO_DETECTOR,
	OPT_SUMMARY, OPT_TUNE, OPT_HOME, OPT_STATE, OPT_HELP
};

static const struct option options[] = {
	{ "rules", required_argument, NULL, OPT_RULES },
	{ "sigma-map", required_argument, NULL, OPT_SIGMA_MAP },
	{ "placeholders", required_argument, NULL, OPT_PLACEHOLDERS },
	{ "strict-rules", no_argument, NULL, OPT_STRICT_RULES },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "events", required_argument, NULL, OPT_EVENTS },
	{ "kinds", required_argument, NULL, OPT_KINDS },
	{ "raw", no_argument, NULL, OPT_RAW },
	{ "carve", no_argument, NULL, OPT_CARVE },
	{ "min-severity", required_argument, NULL, OPT_MIN_SEVERITY },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "fail-on", required_argument, NULL, OPT_FAIL_ON },
	{ "progress", no_argument, NULL, OPT_PROGRESS },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "no-default-rules", no_argument, NULL, OPT_NO_DEFAULT_RULES },
	{ "detector", required_argument, NULL, OPT_DETECTOR },
	{ "no-detector", required_argument, NULL, OPT_NO_DETECTOR },
	{ "summary", required_argument, NULL, OPT_SUMMARY },
	{ "tune", required_argument, NULL, OPT_TUNE },
	{ "home", required_argument, NULL, OPT_HOME },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

/* The command line on its way to hunt_options. */
struct line {
	struct hunt_options	 opt;
	struct hunt_output	 output[OUTPUTS_MAX];
	const struct detector	*chosen[64];
	bool			 on[64], named;	/* by roster's order */
	bool			 kind[KIND_COUNT];
	struct nets		 home;
	const char		*rules[RULES_PATHS_MAX];
	size_t			 nrules;
	struct rule_options	 rule_opt;
	const char		*tune;
	bool			 strict_rules;
	bool			 format_given, progress_given;
};

static int
help(void)
{
	printf(
"usage: picket hunt [options] PATH…\n"
"\n"
"Reads evidence (captures, EVTX, access logs, NDJSON; files, folders,\n"
"archives, - for standard input), recognised by content, and reports what an\n"
"intruder did.\n"
"\n"
"      --rules PATH      add rules: a file or a folder (Sigma; lists of\n"
"                        indicators: plain, CSV, MISP, STIX); repeatable\n"
"      --sigma-map NAME  log sources of Sigma: extended (default), reference,\n"
"                        or a file\n"
"      --placeholders FILE  lists for the %%names%% that rules expand: YAML,\n"
"                        NAME: a value or a list\n"
"      --strict-rules    a rule that cannot be used ends the run (status 2)\n"
"  -o FILE               write the report to FILE, format by its ending\n"
"                        (.ndjson .txt); repeatable\n"
"      --format NAME     format of standard output: text (default), ndjson\n"
"      --events FILE     every decoded event as NDJSON; - is standard output\n"
"                        (then no report goes there)\n"
"      --kinds LIST      only these kinds in --events (picket list kinds)\n"
"      --raw             every single match, nothing folded\n"
"      --carve           find event log chunks and records in any bytes\n"
"      --min-severity S  informational low medium high critical\n"
"      --since T         events from T on (RFC 3339)\n"
"      --until T         events before T\n"
"      --jobs N          workers; default: the number of processors\n"
"      --fail-on S       exit 1 if a finding is at or above S\n"
"      --summary NAME    an overview beside the findings: logons, computers,\n"
"                        channels, rules, pivot; repeatable\n"
"      --tune FILE       levels, exclusions and allow lists (YAML)\n"
"      --home NETS       the networks that are one's own: 192.0.2.0/24,…\n"
"                        (default: private addresses); repeatable\n"
"      --state FILE      go on from what the run before knew\n"
"      --no-default-rules  no rules and no detector that is not named\n"
"      --detector NAME   run this detector (picket list detectors)\n"
"      --no-detector NAME  leave this one out\n"
"      --progress        progress on standard error\n"
"      --quiet           no progress\n"
"      --help            this\n"
"\n"
"Exit status: 0 ran to the end; 1 --fail-on was met; 2 wrong usage; 3 some\n"
"input could not be read to its end, or the output could not be written.\n");
	return cmd_finish(STATUS_OK);
}

static bool
add_output(struct line *l, const char *path)
{
	const struct sink *s = sink_for_path(path);

	if (s == NULL || l->opt.noutputs == OUTPUTS_MAX)
		return false;
	l->output[l->opt.noutputs++] = (struct hunt_output){ path, s };
	return true;
}

static bool
choose(struct line *l, const char *name, bool on)
{
	const struct detector *d = detector_find(span_str(name));

	if (d == NULL)
		return false;
	for (size_t i = 0; i < ndetectors; i++)
		if (detectors[i] == d)
			l->on[i] = on;
	return true;
}

/* "conn,http" */
static bool
parse_kinds(struct line *l, const char *text)
{
	memset(l->kind, 0, sizeof(l->kind));
	while (*text != '\0') {
		size_t n = strcspn(text, ",");
		enum kind k;

		if (!kind_find(span_of(text, n), &k))
			return false;
		l->kind[k] = true;
		text += n + (text[n] == ',');
	}
	l->opt.kinds = l->kind;
	return true;
}

/* "192.0.2.0/24,2001:db8::/32" */
static bool
parse_nets(struct nets *nets, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		if (!nets_add(nets, span_of(text, n)))
			return false;
		text += n + (text[n] == ',');
	}
	return nets->n != 0;
}

static bool
parse_jobs(struct line *l, const char *text)
{
	uint64_t n;

	if (!span_u64(span_str(text), &n) || n == 0 || n > HUNT_JOBS_MAX)
		return false;
	l->opt.jobs = (unsigned)n;
	return true;
}

static bool
parse_severity(const char *text, int *out)
{
	enum severity s;

	if (!severity_find(span_str(text), &s))
		return false;
	*out = (int)s;
	return true;
}

/* False: the value does not fit the option. */
static bool
take_option(struct line *l, int opt, const char *arg)
{
	int severity;

	switch (opt) {
	case 'o':
		return add_output(l, arg);
	case OPT_FORMAT:
		l->opt.sink = sink_find(span_str(arg));
		l->format_given = true;
		return l->opt.sink != NULL;
	case OPT_EVENTS:
		l->opt.events = arg;
		return true;
	case OPT_RULES:
		if (l->nrules == RULES_PATHS_MAX)
			return false;
		l->rules[l->nrules++] = arg;
		return true;
	case OPT_SIGMA_MAP:
		l->rule_opt.sigma_map = arg;
		return true;
	case OPT_PLACEHOLDERS:
		l->rule_opt.placeholders = arg;
		return true;
	case OPT_STRICT_RULES:
		l->strict_rules = true;
		return true;
	case OPT_KINDS:
		return parse_kinds(l, arg);
	case OPT_MIN_SEVERITY:
		if (!parse_severity(arg, &severity))
			return false;
		l->opt.min_severity = (enum severity)severity;
		return true;
	case OPT_FAIL_ON:
		return parse_severity(arg, &l->opt.fail_on);
	case OPT_SINCE:
		return time_parse(span_str(arg), &l->opt.since);
	case OPT_UNTIL:
		return time_parse(span_str(arg), &l->opt.until);
	case OPT_JOBS:
		return parse_jobs(l, arg);
	case OPT_DETECTOR:
		return choose(l, arg, true);
	case OPT_NO_DETECTOR:
		return choose(l, arg, false);
	case OPT_SUMMARY:
		l->opt.summaries |= summary_find(span_str(arg));
		return summary_find(span_str(arg)) != 0;
	case OPT_TUNE:
		l->tune = arg;
		return true;
	case OPT_HOME:
		l->opt.home = &l->home;
		return parse_nets(&l->home, arg);
	case OPT_STATE:
		l->opt.state = arg;
		return true;
	case OPT_RAW:
		l->opt.raw = true;
		return true;
	case OPT_CARVE:
		l->opt.carve = true;
		return true;
	case OPT_PROGRESS:
		l->opt.progress = l->progress_given = true;
		return true;
	case OPT_QUIET:
		l->opt.quiet = true;
		return true;
	default:
		return true;
	}
}

static const char *
option_name(int opt)
{
	for (size_t i = 0; options[i].name != NULL; i++)
		if (options[i].val == opt)
			return options[i].name;
	return "o";
}

static void
finish_line(struct line *l)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (l->opt.jobs == 0)
		l->opt.jobs = online < 1 ? 1 :
		    (unsigned)MIN_OF(online, (long)HUNT_JOBS_MAX);
	for (size_t i = 0; i < ndetectors; i++)
		if (l->on[i])
			l->chosen[l->opt.ndetectors++] = detectors[i];
	l->opt.detector = l->chosen;
	l->opt.output = l->output;
	if (l->opt.events != NULL && strcmp(l->opt.events, "-") == 0)
		l->opt.sink = NULL;
	l->opt.progress = !l->opt.quiet && (l->progress_given ||
	    isatty(STDERR_FILENO));
}

/* What was named, then the user's own rules, then those that ship: of one id
 * the first counts. */
static int
load_rules(struct line *l, bool defaults, struct program **program)
{
	const char *path[RULES_PATHS_MAX + 2], *store = cmd_store();
	static char shipped[4096];
	size_t n = l->nrules;
	int bad;

	memcpy(path, l->rules, n * sizeof(*path));
	if (store != NULL && access(store, R_OK) != 0)
		store = NULL;
	if (defaults && store != NULL)
		path[n++] = store;
	snprintf(shipped, sizeof(shipped), "%s/rules", cmd_share());
	if (defaults && access(shipped, R_OK) == 0)
		path[n++] = shipped;
	if (n == 0)
		return STATUS_OK;
	bad = cmd_load_rules(&l->rule_opt, path, n, program);
	if (bad != STATUS_OK)
		return bad;
	if (cmd_tell_faults_but(stderr, *program, store) != 0 &&
	    l->strict_rules)
		return STATUS_USAGE;
	l->opt.rules = *program;
	return STATUS_OK;
}

/* An id that nothing has is a mistyped one. */
static void
check_tuned_rules(const struct line *l, const struct tune *t)
{
	const char *id;
	unsigned line, column;

	for (size_t i = 0; tune_rule(t, i, &id, &line, &column); i++) {
		const size_t n = strcspn(id, "-");
		bool known = false;

		for (size_t k = 0; k < ndetectors && !known; k++)
			known = strncmp(id, detectors[k]->name, n) == 0;
		for (size_t k = 0; l->opt.rules != NULL && !known &&
		    k < program_rules(l->opt.rules); k++)
			known = strcmp(id, program_rule_at(l->opt.rules,
			    k)->id) == 0;
		if (!known)
			fprintf(stderr, "%s:%u:%u: no rule has this id: %s\n",
			    l->tune, line, column, id);
	}
}

/* The tune's texts live in a program of their own. */
static int
load_tune(struct line *l, struct program **texts, struct tune **tune)
{
	enum err err;

	if (l->tune == NULL)
		return STATUS_OK;
	if ((*texts = program_new()) == NULL)
		err = ERR_NOMEM;
	else
		err = tune_load(*texts, l->tune, tune);
	if (err == ERR_OK) {
		check_tuned_rules(l, *tune);
		l->opt.tune = *tune;
		return STATUS_OK;
	}
	if (err == ERR_RULE)
		cmd_tell_faults(stderr, *texts);
	else
		fprintf(stderr, "picket: %s: %s%s%s\n", l->tune,
		    err_text(err), err == ERR_OPEN ? ": " : "",
		    err == ERR_OPEN ? strerror(errno) : "");
	return STATUS_USAGE;
}

/* Shipped data of the detectors that are on. */
static bool
load_detectors(const struct line *l)
{
	struct buf why;
	bool ok = true;

	buf_init(&why, 16384);
	for (size_t i = 0; ok && i < l->opt.ndetectors; i++) {
		const struct detector *d = l->opt.detector[i];

		buf_reset(&why);
		ok = d->load == NULL || d->load(cmd_share(), &why);
		if (why.len != 0)
			fprintf(stderr, "picket: %.*s\n", (int)why.len,
			    (const char *)why.ptr);
	}
	buf_fini(&why);
	return ok;
}

int
cmd_hunt(int argc, char **argv)
{
	static struct line l;
	struct program *program = NULL, *texts = NULL;
	struct tune *tune = NULL;
	bool defaults = true;
	int opt;

	ASSERT(ndetectors <= NITEMS(l.on));
	l.opt.since = l.opt.until = TIME_NONE;
	l.opt.fail_on = -1;
	l.opt.sink = sink_find(SPAN_LIT("text"));
	/* First whether the defaults stand: the order must not matter. */
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--no-default-rules") == 0)
			defaults = false;
	for (size_t i = 0; i < ndetectors; i++)
		l.on[i] = defaults;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (opt == OPT_HELP || opt == 'h')
			return help();
		if (opt == '?')
			return cmd_usage("hunt",
			    "unknown option or missing value: %s",
			    argv[optind - 1]);
		if (!take_option(&l, opt, optarg))
			return cmd_usage("hunt", "%s%s: cannot use '%s'",
			    opt == 'o' ? "-" : "--", option_name(opt),
			    optarg);
	}
	if (optind == argc)
		return cmd_usage("hunt", "no PATH given");
	l.opt.path = (const char *const *)(argv + optind);
	l.opt.npaths = (size_t)(argc - optind);
	if (l.opt.events != NULL && strcmp(l.opt.events, "-") == 0 &&
	    l.format_given)
		return cmd_usage("hunt", "--events - and --format both want "
		    "standard output");
	finish_line(&l);
	l.opt.share = cmd_share();
	if (!load_detectors(&l))
		return STATUS_USAGE;
	opt = load_rules(&l, defaults, &program);
	if (opt == STATUS_OK)
		opt = load_tune(&l, &texts, &tune);
	if (opt == STATUS_OK)
		opt = hunt_run(&l.opt);
	tune_free(tune);
	program_free(texts);
	program_free(program);
	return opt;
}
