/* SPDX-License-Identifier: Apache-2.0
 *
 * picket list: the rosters, as text or NDJSON.
 */
#include <getopt.h>
#include <string.h>

#include "cmd.h"
#include "engine.h"

/* One entry to standard output. */
struct entry {
	const char	*name, *title, *doc;
	const char	*extra_key, *extra;	/* NULL: none */
};

static bool as_ndjson;

static void
put(const struct entry *e)
{
	struct buf b;

	if (!as_ndjson) {
		printf("%-24s %s\n", e->name, e->title);
		return;
	}
	buf_init(&b, 0);
	buf_str(&b, "{\"name\":");
	json_str(&b, span_str(e->name));
	buf_str(&b, ",\"title\":");
	json_str(&b, span_str(e->title));
	if (e->doc != NULL) {
		buf_str(&b, ",\"doc\":");
		json_str(&b, span_str(e->doc));
	}
	if (e->extra_key != NULL) {
		buf_byte(&b, ',');
		json_key(&b, e->extra_key);
		json_str(&b, span_str(e->extra));
	}
	buf_str(&b, "}\n");
	fwrite(b.ptr, 1, b.len, stdout);
	buf_fini(&b);
}

static void
list_sources(void)
{
	for (size_t i = 0; i < nsources; i++)
		put(&(struct entry){ sources[i]->name, sources[i]->title,
		    sources[i]->doc, NULL, NULL });
}

static void
list_decoders(void)
{
	for (size_t i = 0; i < ndecoders; i++)
		put(&(struct entry){ decoders[i]->name, decoders[i]->title,
		    decoders[i]->doc, NULL, NULL });
}

static void
list_detectors(void)
{
	for (size_t i = 0; i < ndetectors; i++)
		put(&(struct entry){ detectors[i]->name, detectors[i]->title,
		    detectors[i]->doc, "attack", detectors[i]->attack });
}

static void
list_sinks(void)
{
	for (size_t i = 0; i < nsinks; i++)
		put(&(struct entry){ sinks[i]->name, sinks[i]->title,
		    sinks[i]->doc, "ending", sinks[i]->ending });
}

static void
list_fields(void)
{
	for (unsigned i = FIELD_OTHER + 1; i < field_count(); i++)
		put(&(struct entry){ field_name(i), field_prose(i), NULL,
		    "aliases", field_aliases(i) });
}

static void
list_kinds(void)
{
	for (unsigned i = 0; i < KIND_COUNT; i++)
		put(&(struct entry){ kind_name(i), kind_prose(i), NULL, NULL,
		    NULL });
}

static void
list_weirds(void)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++)
		put(&(struct entry){ weird_name(i), weird_prose(i), NULL,
		    "class", weird_is_limit(i) ? "limit" : "input" });
}

static void
list_languages(void)
{
	for (size_t i = 0; i < nlanguages; i++)
		put(&(struct entry){ languages[i]->name, languages[i]->title,
		    languages[i]->doc, NULL, NULL });
}

/* Rooms that have no member yet are still asked for by scripts. */
static void
list_none(void)
{
}

static const struct {
	const char	*name;
	void		(*list)(void);
} rosters[] = {
	{ "sources", list_sources }, { "decoders", list_decoders },
	{ "detectors", list_detectors }, { "languages", list_languages },
	{ "controls", list_none }, { "sinks", list_sinks },
	{ "fields", list_fields }, { "kinds", list_kinds },
	{ "weirds", list_weirds },
};

static int
help(void)
{
	printf("usage: picket list [--format text|ndjson] ROSTER\n\nrosters:");
	for (size_t i = 0; i < NITEMS(rosters); i++)
		printf(" %s", rosters[i].name);
	printf("\n");
	return cmd_finish(STATUS_OK);
}

int
cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h')
			return help();
		if (opt != 'f')
			return cmd_usage("list", "unknown option: %s",
			    argv[optind - 1]);
		if (strcmp(optarg, "ndjson") != 0 &&
		    strcmp(optarg, "text") != 0)
			return cmd_usage("list", "no format '%s'", optarg);
		as_ndjson = strcmp(optarg, "ndjson") == 0;
	}
	if (optind + 1 != argc)
		return cmd_usage("list", "name one roster");
	for (size_t i = 0; i < NITEMS(rosters); i++) {
		if (strcmp(argv[optind], rosters[i].name) == 0) {
			rosters[i].list();
			return cmd_finish(STATUS_OK);
		}
	}
	return cmd_usage("list", "no roster '%s'", argv[optind]);
}
