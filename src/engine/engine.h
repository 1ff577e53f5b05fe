/* SPDX-License-Identifier: Apache-2.0
 *
 * engine: the wiring.  Knows the faces of all rooms and no member.
 *
 * A hunt is cut into units (a file, a part of a large file, some shards of a
 * capture).  Worker processes take units, read hostile input in a sandbox and
 * leave sorted runs of findings, notes and events in spill files; the parent
 * merges the runs in (time, source, record) order, lets the detectors judge,
 * joins the findings to stories and writes the reports.  So the output does
 * not depend on the number of workers, and a worker that crashes loses the
 * unit at hand and nothing else.
 */
#ifndef PICKET_ENGINE_H
#define PICKET_ENGINE_H

#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>

#include "decode.h"
#include "detect.h"
#include "flow.h"
#include "rule.h"
#include "sink.h"
#include "source.h"
#include "story.h"

/* Exit status, as doc/contract.md has it. */
enum status {
	STATUS_OK = 0, STATUS_FOUND = 1, STATUS_USAGE = 2, STATUS_PARTIAL = 3
};

struct hunt_output {
	const char		*path;
	const struct sink	*sink;
};

#define HUNT_JOBS_MAX	256

struct hunt_options {
	const char *const		*path;
	size_t				 npaths;
	const struct detector *const	*detector;
	size_t				 ndetectors;
	const struct program		*rules;	/* finished; or NULL */
	const struct hunt_output	*output;
	size_t				 noutputs;
	const struct sink		*sink;	/* standard output; or NULL */
	const char			*events;	/* file, "-" or NULL */
	const bool			*kinds;	/* of events; NULL: all */
	bool				 raw;
	bool				 carve;
	enum severity			 min_severity;
	int64_t				 since, until;	/* TIME_NONE: open */
	unsigned			 jobs;
	int				 fail_on;	/* severity or -1 */
	bool				 progress, quiet;
	unsigned			 summaries;	/* SUMMARY_* */
	const struct tune		*tune;		/* or NULL */
	const char			*share;		/* shipped data */
	const struct nets		*home;		/* NULL: private ones */
	const char			*state;		/* file, or NULL */
};

/* The texts that all findings of the rule have; they stay the rule's. */
void		 finding_of_rule(struct finding *, const struct rule *);
/* What a rule of any language found, as a finding. */
void		 rule_finding(struct finding *, struct arena *,
		    const struct rule *, const struct event *,
		    struct buf *fold);

/* The same of an indicator's. */
void		 ioc_finding(struct finding *, struct arena *,
		    const struct ioc_hit *, const struct event *,
		    struct buf *fold);

/* The fields that it reads. */
void		 rule_finding_demand(struct demand *);

/* The same of a correlation's. */
void		 correlation_finding(struct finding *, struct arena *,
		    const struct corr_hit *, struct buf *fold);

/* Runs to the end and returns an enum status. */
int		 hunt_run(const struct hunt_options *);

/* -- explaining ---------------------------------------------------------- */

struct explain_options {
	const struct program	*rules;		/* finished, with names */
	const char		*event;		/* path, "-" or JSON text */
	uint64_t		 record;	/* 0: choose */
	bool			 json;
};

/* 0: a rule holds for the event; 1: none; or STATUS_PARTIAL. */
int		 explain_run(const struct explain_options *);

/*
 * Inside the engine: what its files share, and what fuzzing and tests drive.
 */

/* -- units --------------------------------------------------------------- */

/* Captures from this size on are cut by shards, cuttable files by parts; the
 * parts do not depend on the number of workers. */
#define UNIT_CAPTURE_MIN	(16u << 20)
#define UNIT_PART		(32u << 20)

struct unit {
	uint32_t	source;		/* ordinal of the path */
	uint64_t	part_start, part_end;
	unsigned	shards;		/* of FLOW_SHARDS, as bits */
	bool		leads;		/* counts the input and its errors */
};

/* -- what a worker tells of a unit --------------------------------------- */

struct told_member {
	uint32_t	 ordinal;
	const char	*name;
};

struct told_unreadable {
	uint32_t	 member;
	enum err	 err;
	int		 sys_errno;
	uint64_t	 offset;
	const char	*why;
};

/* Names and failures that a unit tells; more are only counted. */
#define TOLD_MAX	100000u

struct told {
	uint32_t		 unit;
	uint64_t		 inputs, skipped, bytes, records, events;
	uint64_t		 unreadable;	/* with those not listed */
	uint64_t		 tuned;
	struct weirds		 weirds;
	struct told_member	*member;
	size_t			 nmembers;
	struct told_unreadable	*bad;
	size_t			 nbad;
	struct run		*notes, *event_runs;
	size_t			 nnotes, nevent_runs;
	int			 notes_fd, events_fd;	/* set by the parent */
};

void		 told_pack(struct buf *, const struct told *);
/* Into the arena. */
bool		 told_unpack(struct arena *, struct span, struct told *);

/* What reads an input with this head, also with --carve: that takes what
 * nothing else claims, and event logs, which have slack.  NULL: nothing. */
const struct source *choose_source(const struct hunt_options *,
		    struct span head);

/* -- script blocks ------------------------------------------------------- */

/* Parts of PowerShell script blocks, to be joined. */
struct scripts;
struct scripts	*scripts_new(struct weirds *);
void		 scripts_free(struct scripts *);
void		 scripts_reset(struct scripts *);	/* another unit */
/* When the event brings the last part of a block that was missing: it with the
 * whole text, valid until the next call; else NULL. */
const struct event *scripts_take(struct scripts *, const struct event *);
/* Asks for what joining needs, if somebody wants the text. */
void		 scripts_demand(struct demand *);

/* What the items of a sorter are: 0 a finding, else a detector's number + 1,
 * or these (and UINT32_MAX: COUNT_TAG). */
#define CORRELATION_TAG	(UINT32_MAX - 1)	/* a note for correlations */
#define FLOW_TAG	(UINT32_MAX - 2)	/* for all flow() */
/* A rule's number (32 bits), then its finding without the rule's texts: a log
 * full of hits would repeat them as often. */
#define RULE_TAG	(UINT32_MAX - 3)

/* -- reading one unit ---------------------------------------------------- */

/* A worker's means; shared by its units. */
struct reader_ctx {
	const struct hunt_options *opt;
	const struct demand	*want;
	const char *const	*path;		/* by ordinal */
	struct sorter		*notes;		/* findings and notes */
	struct sorter		*events;	/* NULL: nobody wants them */
	struct weirds		 weirds;	/* of the unit at hand */
	struct batch		 batch;
	struct arena		 tell;		/* names of the unit */
	struct buf		 text;
	struct matcher		*rules;		/* NULL: none loaded */
	const struct ioc_set	*iocs;		/* NULL: none loaded */
	struct buf		 ioc_text;
	struct scripts		*scripts;	/* NULL: nobody reads them */
	struct arena		 hit;		/* texts of one finding */
	struct counts		*counts;	/* NULL: no summary wants it */
	struct arena		 count;		/* texts of one event */
	const struct event	*now;		/* at hand */
	/* For who wants the events themselves; or NULL. */
	void			(*watch)(void *, const struct event *);
	void			*watch_arg;
	struct detect		*detect;	/* by option's detector */
	struct detect		**by_kind[KIND_COUNT];
	size_t			 nby_kind[KIND_COUNT];
	uint64_t		 *by_id;	/* of Windows events: bits of
						 * by_kind[KIND_WINEVENT] */
	bool			 flows;		/* some row wants them */
	struct told		 told;
	uint32_t		 seq;		/* of the unit's items */
	enum err		 spill_err;	/* first failed write */
	_Atomic uint64_t	*progress;	/* bytes read; or NULL */
};

bool		 reader_init(struct reader_ctx *, const struct hunt_options *,
		    const struct demand *, const char *const *path,
		    int notes_fd, int events_fd);
void		 reader_fini(struct reader_ctx *);
/* Reads the unit; r->told says what came of it.  Spilled runs are complete
 * on return. */
enum err	 reader_unit(struct reader_ctx *, const struct unit *,
		    uint32_t number);
/* The same for bytes in memory, for fuzzing and tests. */
enum err	 reader_input(struct reader_ctx *, struct input *);

/* -- workers ------------------------------------------------------------- */

struct lost_unit {
	size_t		unit;
	enum err	err;	/* ERR_CRASH, or what the worker ended with */
};

struct gathered {
	struct told		*told;		/* one a unit that ended */
	size_t			 ntold;
	struct lost_unit	*lost;
	size_t			 nlost;
	struct run_ref		*notes, *events;
	size_t			 nnotes, nevents;
	int			*fd;		/* spill files */
	size_t			 nfds;
	struct arena		 arena;
	const char		*sandbox;	/* what held the workers */
};

/* Runs the units on opt->jobs workers. */
enum err	 workers_run(const struct hunt_options *,
		    const struct demand *, const char *const *path,
		    const struct unit *, size_t nunits, struct gathered *);
void		 gathered_fini(struct gathered *);

/* -- overviews: counting for --summary ----------------------------------- */

enum {
	SUMMARY_LOGONS = 1, SUMMARY_COMPUTERS = 2, SUMMARY_CHANNELS = 4,
	SUMMARY_RULES = 8, SUMMARY_PIVOT = 16,
	/* those that count events */
	SUMMARY_EVENTS = SUMMARY_LOGONS | SUMMARY_COMPUTERS | SUMMARY_CHANNELS
};
/* 0: no such name. */
unsigned	 summary_find(struct span name);

/* What a row of counts is of, and what its texts are. */
enum { COUNT_LOGON, COUNT_COMPUTER, COUNT_SYSTEM, COUNT_CHANNEL, COUNT_WHATS };
enum { LOGON_USER, LOGON_SRC, LOGON_WORKSTATION, LOGON_TYPE, LOGON_COMPUTER,
	LOGON_PACKAGE, COUNT_COLUMNS };
enum { COMPUTER_NAME, COMPUTER_MORE };
enum { CHANNEL_NAME, CHANNEL_PROVIDER, CHANNEL_ID };
enum { LOGON_OK, LOGON_FAILED, LOGON_EXPLICIT, LOGON_OFF, COUNT_NUMBERS };

struct count_row {
	uint32_t	what;
	struct span	col[COUNT_COLUMNS];
	uint64_t	n[COUNT_NUMBERS];
	int64_t		first, last;
};

#define COUNTS_ROWS	8192u		/* of a worker, until they go out */
#define COUNTS_BYTES	(2u << 20)	/* of their texts */
#define SUMMARY_ROWS_MAX 200000u	/* of the report: some 60 MB */
#define SUMMARY_BYTES	(32u << 20)
#define COUNT_TAG	UINT32_MAX	/* sort_key.tag of such items */

struct counts;
struct counts	*counts_new(uint32_t cap, size_t text_bytes);
void		 counts_free(struct counts *);
/* false: no room for one more row. */
bool		 counts_add(struct counts *, const struct count_row *);
void		 counts_clear(struct counts *);
uint32_t	 counts_rows(const struct counts *);
bool		 counts_next(const struct counts *, uint32_t *it,
		    const struct count_row **);
void		 count_pack(struct buf *, const struct count_row *);
bool		 count_unpack(struct span, struct count_row *);

struct count_sink {
	void		(*add)(void *arg, const struct count_row *);
	void		*arg;
};
void		 count_event(struct count_sink *, unsigned summaries,
		    struct arena *, const struct event *);
void		 count_demand(unsigned summaries, struct demand *);

/* The tables that were asked for; into the arena.  share: the folder of
 * shipped data, for the titles of events; or NULL. */
bool		 overviews_build(struct report *, struct arena *,
		    unsigned summaries, const struct counts *,
		    const char *share);

/* -- the same event in several files ------------------------------------- */

/* Copies of a log give every event again.  What names it: channel, computer,
 * record number and time. */
uint64_t	 same_event(const struct event *);
void		 same_demand(struct demand *);
struct same;
struct same	*same_new(void);
void		 same_free(struct same *);
/* Was it there at another place?  what: what is asked for it.  Events must
 * come in order of time. */
bool		 same_seen(struct same *, struct weirds *, uint64_t same,
		    uint64_t what, int64_t time, const struct locator *);

/* -- sandbox ------------------------------------------------------------- */

/*
 * Shuts the calling process in: no network, no new programs, no writing by
 * path, reading below the given paths only (Landlock, where the kernel has
 * it) and a list of system calls (seccomp).  Returns static text that says
 * what holds: "seccomp+landlock", "seccomp", "none".
 */
const char	*sandbox_enter(const char *const *path, size_t npaths);
/* The static text that equals s; "none" for any other. */
const char	*sandbox_known(struct span s);

/* -- judging ------------------------------------------------------------- */

#define FINDINGS_MAX	2000000u	/* 1 KB each */

struct judge;
struct judge	*judge_new(const struct hunt_options *, struct weirds *);
void		 judge_free(struct judge *);
/* --state: before the first item and after the last. */
bool		 judge_restore(struct judge *, const char *path);
bool		 judge_save(const struct judge *, const char *path);
/* All items in order, then the end; fills the report's findings, which live
 * as long as the judge. */
enum err	 judge_run(struct judge *, struct merge *, struct report *);
const struct counts *judge_counts(const struct judge *);

/* -- state over runs ----------------------------------------------------- */

/* Of opt's detectors, by their order; hosts may be NULL.  A file that is
 * missing gives a fresh start; one of another version or damaged, the same and
 * a line on standard error.  false: out of memory. */
bool		 state_read(const char *path, const struct hunt_options *,
		    struct hosts *, void *const *state);
/* false: not written, as standard error says. */
bool		 state_write(const char *path, const struct hunt_options *,
		    const struct hosts *, void *const *state);

/* -- writing ------------------------------------------------------------- */

/* A file that comes into being whole or not at all. */
struct out_file {
	FILE		*f;
	const char	*path;
	char		*temp;		/* NULL: standard output */
};

bool		 out_open(struct out_file *, const char *path);
/* Flushes, syncs and renames; false and a message on standard error. */
bool		 out_commit(struct out_file *);
void		 out_abort(struct out_file *);

#endif
