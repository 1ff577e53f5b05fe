/* SPDX-License-Identifier: Apache-2.0
 *
 * rule: rule languages compiled to one predicate program.
 *
 * A language reads its text and builds nodes (and, or, not over predicates on
 * fields); equal predicates and nodes are one.  program_finish() makes plans:
 * one for each (channel, event id) or kind that any rule names, each with its
 * rules, and for each field one multi-literal matcher over the literals
 * without which a rule cannot be true.  Matching an event scans the fields of
 * its plan once and evaluates only the rules of which a required literal was
 * there; so the cost does not grow with rules that do not match.
 *
 * Ownership: the program owns all it was given copies of; it is read-only
 * after program_finish() and shared by workers, each with a matcher of its
 * own.
 */
#ifndef PICKET_RULE_H
#define PICKET_RULE_H

#include "model.h"

/* -- rules and what went wrong ------------------------------------------- */

struct rule {
	const char	*id, *title, *language, *attack, *advice;
	const char	*path;
	unsigned	 line;
	enum severity	 severity;
	unsigned	 confidence;
	unsigned	 part;		/* of a rule that is made of several */
	bool		 inner;		/* such a part: not counted */
	bool		 silent;	/* only for what refers to it */
	uint32_t	 feeder;	/* number + 1 of its feeder; 0: none */
};

struct rule_fault {
	const char	*path, *reason;
	unsigned	 line, column;		/* 1-based; 0: none */
};

/* -- the program --------------------------------------------------------- */

struct program;

/* Limits: what a hostile rule folder can make picket do. */
#define RULES_MAX	200000u
#define NODES_MAX	8000000u
#define PREDS_MAX	4000000u
#define RULE_FILE_MAX	(10u << 20)	/* bytes of a rule file */
#define RULE_DEPTH_MAX	64u		/* nesting of conditions */

typedef uint32_t node_id;
#define NODE_FALSE	0u
#define NODE_TRUE	1u

enum pred_op {
	PRED_EQ,	/* whole text */
	PRED_CONTAINS, PRED_STARTS, PRED_ENDS,
	PRED_GLOB,	/* WILD_MANY and WILD_ONE in the text; anchored */
	PRED_REGEX,	/* PCRE syntax, unanchored, on the text as it is */
	PRED_CIDR,	/* a.b.c.d/n or IPv6 */
	PRED_NUM_EQ, PRED_NUM_GT, PRED_NUM_GTE, PRED_NUM_LT, PRED_NUM_LTE,
	PRED_NULL,	/* missing or null */
	PRED_EXISTS,	/* present, whatever its value */
	PRED_FIELD	/* related to another field, by the op in rel */
};

/* Bytes that no UTF-8 has stand for wildcards in PRED_GLOB. */
#define WILD_MANY	0xffu
#define WILD_ONE	0xfeu

enum pred_flag {
	PRED_CASED = 1,		/* compare case as it is */
	PRED_ANY_FIELD = 2,	/* keyword: any value of the event */
	PRED_RE_I = 4, PRED_RE_M = 8, PRED_RE_S = 16
};

/* Numbers may be a part of a time, in UTC. */
enum time_part {
	PART_NONE, PART_MINUTE, PART_HOUR, PART_DAY, PART_WEEK, PART_MONTH,
	PART_YEAR
};

struct pred {
	uint8_t		op;		/* enum pred_op */
	uint8_t		flags;		/* enum pred_flag */
	uint8_t		rel;		/* PRED_FIELD: EQ, CONTAINS, STARTS or
					 * ENDS; PRED_NUM_*: enum time_part */
	uint16_t	field;		/* dictionary id */
	uint16_t	other;		/* PRED_FIELD */
	struct span	text;		/* folded unless PRED_CASED, REGEX */
	double		num;
	uint32_t	node;		/* of it; set by program_pred() */
	struct span	need;		/* REGEX: regex_literal(), set by
					 * program_pred() */
	bool		exact;		/* its literal is all of it; set by
					 * program_finish() */
};

struct program	*program_new(void);
void		 program_free(struct program *);

/* Builders; NODE_FALSE with *program_full set at a limit or out of memory. */
node_id		 program_pred(struct program *, const struct pred *);
node_id		 program_and(struct program *, const node_id *, size_t);
node_id		 program_or(struct program *, const node_id *, size_t);
node_id		 program_not(struct program *, node_id);
bool		 program_full(const struct program *);

/* To which events a rule is put. */
struct gate {
	enum kind	 kind;
	struct span	 channel;	/* winevent: exact, case-blind; or
					 * SPAN_NONE: every channel */
	uint32_t	 event_id;	/* GATE_ANY_ID: every id */
};
#define GATE_ANY_ID	UINT32_MAX

/* A rule under one gate; several for one rule are its variants.  The first
 * call with a rule copies it. */
bool		 program_rule(struct program *, const struct rule *,
		    const struct gate *, node_id root);
/* Is the id free for what is being loaded?  What an earlier rules_load()
 * brought stays, so that a site's own version of a rule goes before the one
 * of a collection; two rules of one id in one folder are both taken. */
bool		 program_claim(struct program *, const char *id);
/* Copies of text that live as long as the program. */
const char	*program_text(struct program *, struct span);
void		 program_fault(struct program *, const char *path,
		    unsigned line, unsigned column, const char *fmt, ...)
		    __attribute__((__format__(__printf__, 5, 6)));

/* Unicode simple folding of UTF-8 (one code point to one); into the
 * program's memory. */
struct span	 program_fold(struct program *, struct span);

/* The same for text at hand; dst has FOLD_ROOM(s.len) bytes. */
#define FOLD_ROOM(n)	((n) * 2 + 4)	/* a fold may be a longer sequence */
size_t		 fold_text(struct span s, uint8_t *dst);

/* Correlations are resolved, filters applied; no rule can be added after. */
bool		 program_finish(struct program *);
void		 program_demand(const struct program *, struct demand *);

size_t		 program_rules(const struct program *);	/* loaded */
const struct rule *program_rule_at(const struct program *, size_t);
size_t		 program_faults(const struct program *);
const struct rule_fault *program_fault_at(const struct program *, size_t);

/* -- loading ------------------------------------------------------------- */

struct rule_options {
	const char	*sigma_map;	/* "extended", "reference" or a file */
	const char	*share;		/* folder of shipped data */
	const char	*placeholders;	/* YAML of lists for expand; or NULL */
};

#define LANGUAGE_SURE	90

struct language {
	const char	*name, *title, *doc;
	/* Is this text in the language?  0 to 100; LANGUAGE_SURE and more:
	 * no other has to be asked. */
	int		(*match)(const char *path, struct span text);
	/* What can be done of a file before its turn comes, in another
	 * thread; load() gets it.  May be NULL, the result too. */
	void		*(*ahead)(struct span text);
	void		(*drop_ahead)(void *);	/* in the same thread */
	void		(*load)(struct program *, const struct rule_options *,
			    const char *path, struct span text, void *ahead);
	/* All files were loaded.  May be NULL; false: out of memory. */
	bool		(*finish)(struct program *);
};
extern const struct language *const languages[];
extern const size_t nlanguages;

/* A file or all files below a folder, in byte order of names.  What cannot be
 * used is a fault of the program, not an error. */
enum err	 rules_load(struct program *, const struct rule_options *,
		    const char *path);

/* -- indicators of compromise --------------------------------------------- */

enum ioc_type {
	IOC_ADDR,	/* 16 bytes */
	IOC_NET,	/* 16 and the length, 0 to 128 */
	IOC_ENDPOINT,	/* 16 and the port, big endian */
	IOC_DOMAIN,	/* with all below it */
	IOC_URL,	/* host in lower case, path, query; as ioc_url() says */
	IOC_HASH,	/* hexadecimal: files, certificates, JA3, HASSH */
	IOC_JA4,
	IOC_TYPES
};

#define IOCS_MAX	20000000u
#define IOC_KEY_MAX	2048u
#define IOC_NOTE_MAX	200u

struct ioc_entry {
	enum ioc_type	type;
	uint8_t		key[IOC_KEY_MAX];
	size_t		key_len;
	struct span	note;		/* what the list says of it */
	uint32_t	until;		/* seconds since 1970; 0: for ever */
};

/* Why an entry is not taken. */
enum ioc_left {
	IOC_TAKEN, IOC_NOT_READ, IOC_RESERVED, IOC_KNOWN, IOC_WIDE, IOC_FILE,
	IOC_LEFT_COUNT
};
const char	*ioc_left_text(enum ioc_left);

/* What a text stands for: type and key.  Square brackets, (dot) and hxxp, by
 * which people make indicators harmless, are taken off. */
enum ioc_left	 ioc_guess(struct span, struct ioc_entry *);
/* An URL as it is compared: without scheme, user, usual port and fragment;
 * false: it is none. */
bool		 ioc_url(struct buf *);

struct ioc_set	*ioc_set_new(void);
void		 ioc_set_free(struct ioc_set *);
size_t		 ioc_set_count(const struct ioc_set *);	/* NULL: 0 */
/* A list that entries may be of; -1: no more of them. */
int		 ioc_set_list(struct ioc_set *, const struct rule *);
/* false: no room.  One that is there already is not added again. */
bool		 ioc_set_add(struct ioc_set *, int list,
		    const struct ioc_entry *);
/* After the last one, before the first look. */
bool		 ioc_set_finish(struct ioc_set *);
void		 ioc_set_demand(const struct ioc_set *, struct demand *);

struct ioc_hit {
	const struct rule *rule;	/* of the list */
	enum ioc_type	 type;
	unsigned	 field;		/* where it stands */
	struct span	 value;		/* what stands there; addresses: none */
	struct span	 key, note;
};
typedef void	 ioc_fn(void *arg, const struct ioc_hit *,
		    const struct event *);
/* Calls for each indicator that stands in the event; text is scratch. */
void		 ioc_event(const struct ioc_set *, const struct event *,
		    struct buf *text, ioc_fn *, void *arg);
/* The indicator as people write it. */
void		 ioc_put(struct buf *, enum ioc_type, struct span key);

/* What the language's row calls. */
int		 ioc_match(const char *path, struct span text);
void		 ioc_load(struct program *, const struct rule_options *,
		    const char *path, struct span text, void *ahead);
bool		 ioc_finish(struct program *);

/* A list in the making: what its readers call for each entry. */
struct ioc_reader;
void		 ioc_take(struct ioc_reader *, struct span text,
		    struct span note, uint32_t until);
void		 ioc_leave(struct ioc_reader *, enum ioc_left);
/* MISP (events and feeds) and STIX 2.1 (bundles); 0, or the line that cannot be
 * read, with why. */
unsigned	 ioc_read_json(struct ioc_reader *, struct span text,
		    const char **why);

/* -- matching ------------------------------------------------------------ */

struct matcher;
typedef void	 match_fn(void *arg, const struct rule *, const struct event *);

struct matcher	*matcher_new(const struct program *);
void		 matcher_free(struct matcher *);
/* Calls hit for each rule that the event fulfils, in order of loading. */
void		 matcher_event(struct matcher *, const struct event *,
		    match_fn *hit, void *arg);

/* -- explaining ------------------------------------------------------------ */

/* From now on selections keep their names; for a program of few rules. */
void		 program_keep_names(struct program *);

enum explained {
	EXPLAIN_ELSEWHERE,	/* the rules are not for such events */
	EXPLAIN_DIFFERS,	/* they are, and none holds */
	EXPLAIN_HOLDS
};
/* Why each rule holds for the event or not, as text or NDJSON. */
enum explained	 program_explain(const struct program *, struct matcher *,
		    const struct event *, bool json, struct buf *);

/* -- tuning: what an operator says of findings ---------------------------- */

/*
 * A YAML file: levels (rule, level), exclude (rule) and allow (rule, user,
 * host, src_ip, dst_ip, process, command_line, service, domain, field), each
 * with reason and, if wanted, until.  The schema is told in tune.c.
 */
struct tune;

#define TUNE_ENTRIES_MAX 10000u
#define TUNE_FILE_MAX	(1u << 20)	/* bytes */

/* NULL and faults in p when the file cannot be used; ERR_OPEN and errno when
 * it cannot be read.  The tune is of the program's memory. */
enum err	 tune_load(struct program *p, const char *path,
		    struct tune **);
/* The same of text at hand. */
enum err	 tune_read(struct program *p, const char *path, struct span,
		    struct tune **);
void		 tune_free(struct tune *);
void		 tune_demand(const struct tune *, struct demand *);
/* The rule ids that entries name, with their place; false at the end. */
bool		 tune_rule(const struct tune *, size_t i, const char **id,
		    unsigned *line, unsigned *column);

enum tuned { TUNED_NOT, TUNED_LEVEL, TUNED_OUT };
/* The event of the finding, or NULL when it is of several: then only its
 * entities are compared. */
enum tuned	 tune_finding(const struct tune *, struct finding *,
		    const struct event *);

/* -- correlations -------------------------------------------------------- */

/*
 * A base rule's hit that a correlation waits for is a note: when, where, and
 * the values that the correlations group by and look at.  Workers make notes;
 * one correlator takes them all in order of time.
 */
#define CORR_SLOTS_MAX	32u	/* values that a base rule's notes carry */
#define CORR_REFS_MAX	64u	/* rules that a correlation refers to */
#define CORR_FIELDS_MAX	16u	/* of group-by, and of field */
#define CORR_TESTS_MAX	6u	/* gt, gte, lt, lte, eq, neq */
#define CORR_EXPR_MAX	256u	/* names and operators of a condition */
#define CORR_DEPTH_MAX	8u	/* correlations of correlations */
#define CORR_MASK_REFS	8u	/* rules of an ordered choice: 2^n states */
#define CORR_VALUE_MAX	4096u	/* bytes of a value in a note */

enum corr_type {
	CORR_EVENTS,		/* events */
	CORR_VALUES,		/* different values */
	CORR_SUM, CORR_AVG, CORR_MIN, CORR_MAX,
	CORR_PERCENTILE,	/* of the values */
	CORR_SHARE,		/* percent that have this event's value */
	CORR_TEMPORAL,		/* rules */
	CORR_ORDERED		/* rules, one after the other */
};

struct corr_test {
	uint8_t		op;	/* PRED_NUM_EQ, GT… */
	bool		negate;
	double		num;
};

/* A condition over rules, operands first. */
struct corr_expr {
	enum { EXPR_REF, EXPR_NOT, EXPR_AND, EXPR_OR } op;
	uint8_t		ref;
};

/* Where a correlation's values are in the notes of one feeder. */
struct corr_map {
	uint32_t	 feeder;
	uint16_t	*slot;		/* groups, then values */
};

/* An edge from a rule or a correlation to one that refers to it. */
struct corr_feed {
	uint32_t	 corr;
	uint32_t	 ref;		/* which of its rules */
	struct corr_map	*map;
	uint32_t	 nmaps;
};

struct corr {
	uint32_t	 rule;		/* in whose name it fires */
	uint8_t		 type;		/* enum corr_type */
	int64_t		 span;		/* ns */
	double		 percentile;
	uint32_t	 nrefs, ngroups, nvalues, ntests, nexpr;
	struct corr_test test[CORR_TESTS_MAX];
	struct corr_expr *expr;
	const char	**group;	/* names as the rule has them */
	const char	**value;
	bool		 absence;	/* it asks what is not there */
	bool		 silent;	/* only for what refers to it */
	uint32_t	 keep;		/* events that decide; 0: all */
	struct corr_feed *feed;		/* who refers to it */
	uint32_t	 nfeeds;
};

/* A base rule that correlations refer to. */
struct feeder_gate {
	struct gate	 gate;
	uint16_t	(*field)[2];	/* by slot; the second where the first
					 * is not there */
};

struct feeder {
	uint32_t	 rule;
	uint32_t	 nslots;
	const char	**slot;		/* field names */
	struct feeder_gate *gate;
	uint32_t	 ngates;
	struct corr_feed *feed;
	uint32_t	 nfeeds;
};

struct corr_note {
	uint32_t	 feeder;
	int64_t		 time;
	struct locator	 loc;
	uint64_t	 same;		/* as of struct event */
	uint32_t	 nslots;
	struct span	 slot[CORR_SLOTS_MAX];	/* ptr NULL: not there */
};

/* false: a value was cut to CORR_VALUE_MAX. */
bool		 corr_note_pack(struct buf *, const struct program *,
		    const struct rule *, const struct event *);
/* Points into the bytes.  Checks everything. */
bool		 corr_note_unpack(const struct program *, struct span,
		    struct corr_note *);
/* Fields that notes are made of. */
void		 corr_demand(const struct program *, struct demand *);

/* A correlation that was true for a while. */
struct corr_hit {
	const struct rule *rule;
	const struct corr *corr;
	int64_t		 time, last_time;
	uint64_t	 count;		/* base events */
	double		 measure;	/* what was compared, at first */
	struct evidence	 evidence[EVIDENCE_MAX];
	unsigned	 nevidence;
	struct span	 group[CORR_FIELDS_MAX];	/* values */
	const char	*field[CORR_FIELDS_MAX];	/* base rule's name */
};

struct correlator;
typedef void	 corr_hit_fn(void *arg, const struct corr_hit *);

/* What all windows together may hold, and all groups. */
#define CORR_ENTRIES_MAX 200000u
#define CORR_GROUPS_MAX	 50000u
#define CORR_WINDOW_MAX	 65536u		/* of one group */

struct corr_limits {
	uint32_t	entries, groups, window;
};
extern const struct corr_limits corr_limits_default;

struct correlator *correlator_new(const struct program *,
		    const struct corr_limits *, struct weirds *,
		    corr_hit_fn *, void *arg);
void		 correlator_free(struct correlator *);
/* In order of time.  false: out of memory. */
bool		 correlator_note(struct correlator *,
		    const struct corr_note *);
/* What still holds is told. */
void		 correlator_end(struct correlator *);

/* -- inside the room: YAML ----------------------------------------------- */

/* One document of a YAML text, read whole; libyaml's nodes stay inside
 * yaml.c.  Node 0 is none. */
struct ydoc;
enum ydoc_type { YAML_NONE, YAML_SCALAR, YAML_LIST, YAML_MAP };

/* The next document of the text at *state (NULL first); NULL: no more, or
 * *fault is set and says why. */
struct ydoc_fault {
	const char	*reason;	/* NULL: none */
	unsigned	 line, column;
};
struct ydoc_stream;
struct ydoc_stream *ydoc_open(struct span);
/* The same with all documents read, which may be done in another thread; the
 * text must stay.  ydoc_close() frees them, ydoc_free() need not. */
struct ydoc_stream *ydoc_read(struct span);
void		 ydoc_close(struct ydoc_stream *);
struct ydoc	*ydoc_next(struct ydoc_stream *, struct ydoc_fault *);
void		 ydoc_free(struct ydoc *);

int		 ydoc_root(const struct ydoc *);
enum ydoc_type	 ydoc_type_of(const struct ydoc *, int node);
struct span	 ydoc_text(const struct ydoc *, int node);
bool		 ydoc_plain(const struct ydoc *, int node);	/* unquoted */
unsigned	 ydoc_line(const struct ydoc *, int node);
unsigned	 ydoc_column(const struct ydoc *, int node);
size_t		 ydoc_count(const struct ydoc *, int node);
int		 ydoc_item(const struct ydoc *, int node, size_t);
int		 ydoc_key(const struct ydoc *, int node, size_t);
int		 ydoc_value(const struct ydoc *, int node, size_t);
int		 ydoc_get(const struct ydoc *, int node, const char *key);

/* -- inside the room: Sigma's log sources -------------------------------- */

/* A field that must have one of some values besides the rule's own. */
struct map_condition {
	struct span	 field;
	struct span	*value;
	size_t		 n;
};

/* One way for a log source to be met. */
struct map_target {
	enum kind	 kind;
	struct span	 channel;	/* len 0: any */
	uint32_t	 event_id;
	struct map_condition *condition;
	size_t		 nconditions;
	struct span	(*rename)[2];	/* field in the rule, in the event */
	size_t		 nrenames;
	struct span	*absent;	/* fields that it never has */
	size_t		 nabsent;
	struct span	*exists;	/* fields of which it has one or more */
	size_t		 nexists;
};

struct sigma_map;
/* The map named or a file; memory is the program's.  NULL with a fault. */
struct sigma_map *sigma_map_load(struct program *,
		    const struct rule_options *);
bool		 sigma_map_renames_refs(const struct sigma_map *);
/* How a log source is met: 0 when the map knows nothing of it. */
size_t		 sigma_map_find(struct sigma_map *, struct span category,
		    struct span product, struct span service,
		    const struct map_target **);

/* -- inside the room: Sigma ---------------------------------------------- */

void		 sigma_read(struct program *, const struct rule_options *,
		    const char *path, struct span text, void *ahead);
bool		 sigma_finish(struct program *);
bool		 rules_finish(struct program *);

/* -- inside the room: literals and regular expressions ------------------- */

/*
 * Many literals over one text in one pass.  Build: add all, then finish.
 * Search calls back once or more for each literal that occurs where its mode
 * says.
 */
enum lit_mode { LIT_EQ, LIT_STARTS, LIT_ENDS, LIT_CONTAINS };
#define LIT_MIN	3u	/* shorter literals cannot be searched for, but those
			 * that are not ASCII, see literal_fits() */

struct literals;
struct literals	*literals_new(void);
void		 literals_free(struct literals *);
/* Can the text be searched for? */
bool		 literal_fits(struct span text, enum lit_mode);
/* text must outlive the set and fit. */
bool		 literals_add(struct literals *, struct span text,
		    enum lit_mode, uint32_t id);
/* common: how often stretches of bytes occur in what rules look for, which is
 * about how often they do in what rules look at. */
bool		 literals_finish(struct literals *, const uint32_t *common);
uint32_t	*grams_new(void);	/* to be freed */
void		 grams_count(uint32_t *common, struct span text);
/* In characters. */
size_t		 literals_shortest(const struct literals *);
void		 literals_search(const struct literals *, struct span text,
		    void (*hit)(void *arg, uint32_t id), void *arg);

/* A regular expression, compiled at first use: linear time where Vectorscan
 * takes it, PCRE2 with match limits else.  Not shared between processes'
 * threads. */
struct regex;
/* NULL: the pattern is wrong; *reason and *offset say why. */
bool		 regex_check(struct span pattern, unsigned flags,
		    char *reason, size_t size, size_t *offset);
struct regex	*regex_new(struct span pattern, unsigned flags);
void		 regex_free(struct regex *);
bool		 regex_match(struct regex *, struct span text);
/* The longest stretch, folded, that must be in a text for it to match; len 0:
 * none is known. */
struct span	 regex_literal(struct program *, struct span pattern);

/* -- inside the room: the finished program ------------------------------- */

enum node_type { NODE_CONST, NODE_PRED, NODE_AND, NODE_OR, NODE_NOT };

struct node {
	uint32_t	first;		/* into kids, or the predicate */
	uint32_t	n;		/* kids; of a predicate 1 if it is
					 * exact, set by program_finish() */
	uint8_t		type;		/* enum node_type */
};

/* A selection of a rule, for explanations. */
struct node_name {
	node_id		 id;
	const char	*name;
	unsigned	 line;
};

struct variant {
	uint32_t	rule;
	node_id		root;
	uint32_t	gate;
	bool		narrowed;	/* the gate's id is the condition's */
};

/* What one field of a plan is searched for. */
struct plan_field {
	uint16_t	 field;		/* FIELD_OTHER: every value */
	struct literals	*text;		/* ids are predicates; or NULL */
	struct literals	*num;		/* decimal text of numbers; or NULL */
	uint32_t	 shortest;	/* literal of keywords, characters */
	bool		 odd;		/* a literal could stand in the text of
					 * a number, time, address or id */
};

/* The rules of one (channel, event id) or kind. */
struct plan {
	uint32_t	*variant;	/* in order of loading */
	uint32_t	 nvariants;
	uint32_t	*always;	/* without a required literal */
	uint32_t	 nalways;
	struct plan_field *field;	/* FIELD_OTHER is first */
	uint32_t	 nfields;
	uint16_t	*field_at;	/* by field id: index + 1; 0: none */
	/* Fields of events that its rules ask for, by id, as bits. */
	uint64_t	*asked;
	/* predicate to variants that need it: sorted pairs */
	struct need { uint32_t pred, variant; } *need;
	uint32_t	 nneeds;
	uint32_t	*need_at;	/* hash: predicate to first pair + 1 */
	uint32_t	 need_mask;
};

struct program {
	struct corr	*corr;
	struct feeder	*feeder;
	uint32_t	 ncorrs, nfeeders;
	size_t		 ninner;	/* rules that are parts */
	struct arena	 arena;
	bool		 full, finished;
	bool		 stopped;	/* nothing more can be loaded */
	struct ioc_set	*iocs;		/* NULL: no list was loaded */
	size_t		 ioc_left[IOC_LEFT_COUNT];	/* entries, by why */
	bool		 keeps_names;	/* of selections */
	unsigned	 loads;		/* calls of rules_load() so far */
	struct node_name *name;
	size_t		 nnames;
	struct table	*claims;	/* hash of a rule's id: its load */
	void		*languages[4];	/* what each keeps, by the roster */
	struct rule	*rule;
	size_t		 nrules;
	struct rule_fault *fault;
	size_t		 nfaults;
	struct pred	*pred;
	struct node	*node;
	node_id		*kids;
	struct variant	*variant;
	struct gate	*gate;
	uint32_t	 npreds, nnodes, nkids, nvariants, ngates;
	struct table	*pred_ids, *node_ids, *gate_ids;
	/* plans: of winevent by channel and id; of other kinds */
	struct plan	*plan;
	struct table	*plan_ids;	/* hash of gate: plan */
	uint32_t	 nplans;
	uint32_t	 win_default;	/* no rule names its channel */
	uint32_t	 kind_plan[KIND_COUNT];
	/* What a field of an event is to rules: itself, but data that uses a
	 * name of System (event 104 has a Channel, 1108 an EventID; the
	 * decoder puts UserData_ before it) is what rules mean by that name. */
	uint16_t	 means[FIELD_MAX];
};
#define NO_PLAN	UINT32_MAX

/* The key of a gate's plan. */
struct plan_key {
	uint64_t	channel;	/* hash of the folded name; 0: any */
	uint64_t	id;		/* or GATE_ANY_ID */
};
/* The literal that must be in a text for the predicate to hold, or one with
 * len 0. */
/* The gate's number, a new one if there is no such gate yet. */
uint32_t	 program_gate(struct program *, const struct gate *);
struct span	 pred_literal(const struct pred *, enum lit_mode *);
/* For explanations: takes the event up whole, then asks one node of it,
 * whatever its gate. */
void		 matcher_look(struct matcher *, const struct event *);
bool		 matcher_node(struct matcher *, node_id);
/* What a node is called in its rule; kept only when asked for. */
void		 program_name_node(struct program *, node_id, struct span name,
		    unsigned line);
/* Does the folded (or, where cased, raw) text fulfil it? */
bool		 glob_match(struct span pattern, struct span text);
/* "10.0.0.0/8", "fe80::/10", or one address. */
bool		 net_has(struct span net, struct span text);

#endif
