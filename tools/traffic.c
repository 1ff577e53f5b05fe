/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic: writes labelled network traffic, harmless and not, as flow
 * records or packets, for tests, bench, and whoever wants to score a
 * detector.  doc/traffic.md tells what is in it and how labels are joined.
 *
 *	traffic [--seed N] [--hosts N] [--hours H] [--do BEHAVIOUR[:K=V,..]]
 *	    --zeek FILE --labels FILE
 *
 * The same options give the same octets; the clock is never asked.
 * Memory is that of hosts and open conversations, not of the flows.
 * Inert: flows are numbers, payloads filler; addresses are private, of
 * documentation (RFC 5737) or of benchmarks (RFC 2544).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/traf.h"

#define START_S		INT64_C(1772409600)	/* 2026-03-02, a Monday */
#define HOSTS_MAX	400000u
#define SITES_MAX	90000u
#define CAP_BYTES	65536		/* of a conversation in packets */

static const char help[] =
"usage: traffic [options]\n"
"Writes labelled traffic of an invented network.  doc/traffic.md explains.\n"
"\n"
"  --do NAME[:K=V,...]  a behaviour with its parameters; repeatable\n"
"  --list               behaviours and their parameters\n"
"  --seed N             of all chance (1)\n"
"  --hosts N            workstations (50)\n"
"  --hours H            length of the run (24; with --flows: as needed)\n"
"  --flows N            stop after N flows\n"
"  --sites N            harmless servers outside (2000)\n"
"  --benign X           how busy people are (1); 0: no harmless traffic\n"
"  --start S            first moment, seconds since 1970 (2026-03-02)\n"
"\n"
"Outputs; - is standard output; any of them together:\n"
"  --zeek FILE          Zeek logs as JSON, the log's name in _path\n"
"  --tag                label of each flow in the conn rows of --zeek\n"
"  --netflow5 FILE      NetFlow v5 datagrams in a capture file\n"
"  --netflow9 FILE      NetFlow v9 the same way\n"
"  --active S           cut flow records after so many seconds (60)\n"
"  --pcap FILE          packets\n"
"  --cap BYTES          payload of a conversation in packets (65536)\n"
"  --labels FILE        what was done, NDJSON\n";

struct options {
	struct traf t;
	const char *out[5];	/* zeek, v5, v9, pcap, labels */
	const char *dos[256];
	unsigned ndos;
	double hours;
	int64_t start_s;
	bool tag;
	unsigned active_s;
	uint64_t cap;
	struct buf args;
};

enum { OUT_ZEEK, OUT_V5, OUT_V9, OUT_PCAP, OUT_LABELS, OPT_DO, OPT_LIST,
	OPT_SEED, OPT_HOSTS, OPT_HOURS, OPT_FLOWS, OPT_SITES, OPT_BENIGN,
	OPT_START, OPT_TAG, OPT_ACTIVE, OPT_CAP, OPT_HELP };

static const struct option names[] = {
	{ "zeek", 1, NULL, OUT_ZEEK }, { "netflow5", 1, NULL, OUT_V5 },
	{ "netflow9", 1, NULL, OUT_V9 }, { "pcap", 1, NULL, OUT_PCAP },
	{ "labels", 1, NULL, OUT_LABELS }, { "do", 1, NULL, OPT_DO },
	{ "list", 0, NULL, OPT_LIST }, { "seed", 1, NULL, OPT_SEED },
	{ "hosts", 1, NULL, OPT_HOSTS }, { "hours", 1, NULL, OPT_HOURS },
	{ "flows", 1, NULL, OPT_FLOWS }, { "sites", 1, NULL, OPT_SITES },
	{ "benign", 1, NULL, OPT_BENIGN }, { "start", 1, NULL, OPT_START },
	{ "tag", 0, NULL, OPT_TAG }, { "active", 1, NULL, OPT_ACTIVE },
	{ "cap", 1, NULL, OPT_CAP }, { "help", 0, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "traffic: %s: %s\n", what, why);
	exit(2);
}

static double
number(const char *text, double least, double most)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= least && v <= most))
		die(text, "not a number that can be used here");
	return v;
}

static void
list(void)
{
	const struct behaviour *b;
	const struct param *p;

	for (b = behaviours; b < behaviours + nbehaviours; b++) {
		printf("%s: %s [%s; %s]\n", b->name, b->doc, b->detectors,
		    b->attack);
		for (p = b->params; p->name != NULL; p++)
			printf("  %-12s %-9s %s\n", p->name, p->value, p->doc);
	}
	exit(0);
}

static void
option(struct options *o, int c)
{
	struct traf *t = &o->t;

	switch (c) {
	case OUT_ZEEK: case OUT_V5: case OUT_V9: case OUT_PCAP:
	case OUT_LABELS:
		o->out[c] = optarg;
		return;		/* names of files are not of the run */
	case OPT_DO:
		if (o->ndos == sizeof(o->dos) / sizeof(o->dos[0]))
			die("--do", "too many");
		o->dos[o->ndos++] = optarg;
		break;
	case OPT_SEED: t->seed = strtoull(optarg, NULL, 0); break;
	case OPT_HOSTS: t->hosts = (unsigned)number(optarg, 4, HOSTS_MAX);
		break;
	case OPT_HOURS: o->hours = number(optarg, 0.01, 1e6); break;
	case OPT_FLOWS: t->flows_max = (uint64_t)number(optarg, 1, 1e12);
		break;
	case OPT_SITES: t->sites = (unsigned)number(optarg, 100, SITES_MAX);
		break;
	case OPT_BENIGN: t->intensity = number(optarg, 0, 1000); break;
	case OPT_START: o->start_s = (int64_t)number(optarg, 0, 4e9); break;
	case OPT_TAG: o->tag = true; break;
	case OPT_ACTIVE: o->active_s = (unsigned)number(optarg, 1, 1e6); break;
	case OPT_CAP: o->cap = (uint64_t)number(optarg, 0, 1e12); break;
	case OPT_LIST: list(); break;
	case OPT_HELP: fputs(help, stdout); exit(0);
	default: fputs(help, stderr); exit(2);
	}
}

static FILE *
open_out(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");

	if (f == NULL)
		die(path, strerror(errno));
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	return f;
}

static void
open_writers(struct options *o)
{
	struct writer *w;
	FILE *f;
	int i;

	for (i = OUT_ZEEK; i <= OUT_PCAP; i++) {
		if (o->out[i] == NULL)
			continue;
		f = open_out(o->out[i]);
		w = i == OUT_ZEEK ? zeek_open(f, o->tag, &o->t) :
		    i == OUT_PCAP ? packets_open(f, o->cap, o->t.seed) :
		    netflow_open(f, i == OUT_V5 ? 5 : 9, o->active_s,
		    o->t.from_us);
		if (w == NULL)
			die(o->out[i], "out of memory");
		w->next = o->t.writers;
		o->t.writers = w;
	}
}

static int
close_writers(struct options *o)
{
	struct writer *w, *next;
	FILE *f;
	int bad = 0;

	for (w = o->t.writers; w != NULL; w = next) {
		next = w->next;
		f = w->file;
		bad |= w->close(w) != 0;
		bad |= f != stdout && fclose(f) != 0;
	}
	if (o->out[OUT_LABELS] != NULL) {
		f = open_out(o->out[OUT_LABELS]);
		buf_u8(&o->args, 0);
		traf_labels(&o->t, f, (const char *)o->args.data);
		bad |= fflush(f) != 0 || ferror(f);
		bad |= f != stdout && fclose(f) != 0;
	}
	return bad;
}

/* the options but for the names of files; they hold no quotes */
static void
remember(struct options *o, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strchr(argv[i], '"') != NULL || strchr(argv[i], '\\') !=
		    NULL)
			die(argv[i], "no quotes here");
		if (strncmp(argv[i], "--zeek", 6) == 0 ||
		    strncmp(argv[i], "--netflow", 9) == 0 ||
		    strncmp(argv[i], "--pcap", 6) == 0 ||
		    strncmp(argv[i], "--labels", 8) == 0) {
			i += strchr(argv[i], '=') == NULL;
			continue;
		}
		buf_fmt(&o->args, "%s%s", o->args.len == 0 ? "" : " ",
		    argv[i]);
	}
}

int
main(int argc, char **argv)
{
	static struct options o = { .t = { .seed = 1, .hosts = 50,
	    .sites = 2000, .intensity = 1, .flows_max = UINT64_MAX },
	    .start_s = START_S, .active_s = 60, .cap = CAP_BYTES };
	struct traf *t = &o.t;
	const char *wrong;
	unsigned i;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		option(&o, c);
	if (optind != argc)
		die(argv[optind], "not an option");
	remember(&o, argc, argv);
	if (o.hours == 0)
		o.hours = t->flows_max == UINT64_MAX ? 24 : 1e6;
	t->rng.state = t->seed * 0x9e3779b97f4a7c15u + 1;
	t->from_us = o.start_s * 1000000;
	t->until_us = t->from_us + US(o.hours * 3600);
	t->span_us = o.hours < 1e6 ? t->until_us - t->from_us : US(86400);
	open_writers(&o);
	for (i = 0; i < o.ndos; i++) {
		wrong = traf_do(t, o.dos[i]);
		if (wrong != NULL)
			die(o.dos[i], wrong);
	}
	benign_begin(t);
	traf_run(t);
	c = close_writers(&o);
	if (c != 0)
		fprintf(stderr, "traffic: cannot write: %s\n",
		    strerror(errno));
	buf_free(&o.args);
	traf_fini(t);
	return c != 0;
}
