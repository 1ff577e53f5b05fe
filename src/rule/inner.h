/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the room share among themselves: those of the Sigma
 * language, and those of the correlator.
 *
 * Of Sigma everything that outlives a rule lies in the program's arena; nothing
 * of it is freed by itself.  The correlator owns what it is made of.
 */
#ifndef PICKET_RULE_INNER_H
#define PICKET_RULE_INNER_H

#include "rule.h"

#define FIELD_NAME_BYTES 256u
/* A wildcard match costs pattern times text at worst; the longest value of
 * SigmaHQ's rules has 217 bytes. */
#define VALUE_BYTES	8192u
/* Values read and names compared for one rule: YAML's aliases and "1 of"
 * multiply.  SigmaHQ's largest rule needs some 20,000. */
#define WORK_MAX	2000000u
/* Documents that a document stands on (action: global and repeat); old rules
 * have one. */
#define LAYERS_MAX	8u

/* One value on its way through the modifiers. */
struct val {
	enum { VAL_TEXT, VAL_NUM, VAL_NULL, VAL_BOOL } type;
	struct span	text;	/* TEXT: with WILD_* bytes; raw for re */
	double		num;
	bool		yes;
	bool		bytes;	/* text has such bytes, but no wildcards */
};

struct vals {
	struct val	*v;
	size_t		 n, size;
	bool		 failed;
};

/* Modifiers that say how to compare. */
struct how {
	bool		all, re, cidr, cased, exists, neq, fieldref, expand;
	uint8_t		num;		/* PRED_NUM_GT… or 0 */
	uint8_t		part;		/* enum time_part */
	uint8_t		rel;		/* fieldref: PRED_STARTS… */
	unsigned	re_flags;
};

struct selection {
	struct span	 name;
	const struct ydoc *y;
	int		 node;		/* in the YAML */
	struct selection *under;	/* of a lower document, both maps */
	node_id		 id;
	bool		 done;
	bool		 hidden;	/* reached by under only */
};

/* A condition that stands behind | in an old rule. */
enum old_kind { OLD_NONE, OLD_AGGREGATE, OLD_NEAR };

struct old_tail {
	enum old_kind	 kind;
	const struct ydoc *y;
	int		 node;
	uint8_t		 type;		/* enum corr_type */
	struct span	 field, by;	/* by: names, comma or blank between */
	struct corr_test test;
	struct corr_expr expr[CORR_EXPR_MAX];
	unsigned	 nexpr;
	struct selection *near[CORR_REFS_MAX];
	unsigned	 nnear;		/* ref 0 is what is searched */
};

/* One rule being compiled. */
struct sigma {
	struct program		*p;
	struct sigma_state	*st;
	struct sigma_map	*map;
	const struct ydoc	*y;		/* of the node at hand */
	const struct ydoc	*layer[LAYERS_MAX]; /* the document first */
	unsigned		 nlayers;
	const char		*path;
	struct arena		 tmp;		/* values at hand */
	const struct map_target	*target;
	struct selection	*sel;
	size_t			 nsel;
	struct old_tail		*old;		/* NULL: none may be */
	unsigned		 work;		/* done, to WORK_MAX */
	bool			 failed;	/* a fault was raised */
};

/* -- what waits for the end of loading ----------------------------------- */

/* One way in which a rule's log source is met. */
struct sigma_variant {
	struct sigma_variant	*next;
	uint32_t		 variant;	/* its number; NO_VARIANT */
	uint32_t		 rule;		/* a near rule has several */
	const struct map_target	*target;
};
#define NO_VARIANT	UINT32_MAX

struct sigma_source {
	struct span	category, product, service;
};

/* A rule that can be referred to. */
struct sigma_rule {
	struct sigma_rule	*next;
	const char		*id, *name, *path;
	uint32_t		 rule;
	struct sigma_source	 source;
	struct sigma_variant	*variants;
	struct sigma_corr	*corr;		/* fires in its name */
	bool			 detects;	/* not only a correlation */
	bool			 referred, loud;
};

struct sigma_ref {
	struct span		 text;
	unsigned		 line, column;
	struct sigma_rule	*rule;		/* resolved */
	uint32_t		 base;		/* its number, or of a part */
	struct sigma_corr	*corr;		/* or a correlation */
};

struct sigma_alias {
	struct span	alias, rule, field;
};

/* A correlation as it was read. */
struct sigma_corr {
	struct sigma_corr	*next;
	struct sigma_rule	*self;
	bool			 old;		/* its refs are its own parts */
	const char		*path;
	unsigned		 line, column;
	struct corr		 c;
	struct sigma_ref	*ref;		/* c.nrefs */
	struct span		*group, *value;	/* c.ngroups, c.nvalues */
	struct sigma_alias	*alias;
	unsigned		 naliases;
	bool			 generate;
	uint8_t			 state;		/* of resolving */
	unsigned		 depth;		/* of its chain */
	uint32_t		 index;		/* in the program */
};

/* A file with filters: read once more when all rules are there. */
struct sigma_filters {
	struct sigma_filters	*next;
	const char		*path;
	struct span		 text;
};

struct sigma_list {		/* of a placeholder */
	struct sigma_list	*next;
	struct span		 name;
	struct span		*value;		/* as sigma_text() makes it */
	size_t			 n;
};

struct sigma_state {
	struct sigma_map	*map;
	struct sigma_rule	*rules, **rules_end;
	struct sigma_corr	*corrs, **corrs_end;
	struct sigma_filters	*filters, **filters_end;
	struct sigma_list	*lists;
	uint32_t		 ncorrs;
};

/* -- sigma_value.c ------------------------------------------------------- */

void		 sigma_fail(struct sigma *, int node, const char *why,
		    struct span what);
/* Counts what a rule costs to read; false: it is over, or failed before. */
bool		 sigma_may_work(struct sigma *, int node);
void		 sigma_add_val(struct vals *, struct val);
/* Backslash escapes only * ? and itself; before anything else it stands for
 * itself. */
struct span	 sigma_text(struct arena *, struct span);
bool		 sigma_number(struct span, double *);
struct val	 sigma_scalar(struct sigma *, int node, bool raw);
/* A number, truth or null where a modifier wants text. */
struct span	 sigma_as_text(const struct val *);
bool		 sigma_has_wild(struct span);
/* Wildcards at one or both ends. */
struct span	 sigma_wrap(struct sigma *, struct span, bool front, bool back);
/* Applies a modifier to the values, or notes it. */
void		 sigma_modify(struct sigma *, int node, struct span name,
		    struct how *, struct vals *);
/* %name% by the user's lists; a fault where there is none. */
void		 sigma_expand(struct sigma *, int node, struct vals *);
bool		 sigma_load_lists(struct program *, struct sigma_state *,
		    const char *path);

/* -- sigma_select.c ------------------------------------------------------ */

/* The field's id in the events of the target, or FIELD_OTHER with *absent:
 * these events never have it. */
uint16_t	 sigma_field(struct sigma *, int node, struct span name,
		    bool renamed, bool *absent);
node_id		 sigma_selection(struct sigma *, struct selection *);
/* What the target itself asks of an event. */
node_id		 sigma_target(struct sigma *);

/* -- sigma_cond.c -------------------------------------------------------- */

struct tokens {
	struct span	rest, now;
	int		node;
};
void		 sigma_token(struct tokens *);
bool		 sigma_is_token(const struct tokens *, const char *word);
node_id		 sigma_conditions(struct sigma *, int node);
/* A condition over rules by their names; find gives a name's number. */
bool		 sigma_expr(struct sigma *, struct tokens *,
		    int (*find)(struct sigma *, void *, struct span name),
		    void *, struct corr_expr *, unsigned *n);

/* -- sigma_load.c -------------------------------------------------------- */

/* The first document that has the key; s->y is it then. */
int		 sigma_get(struct sigma *, const char *key);
void		 sigma_set_rule(struct sigma *, struct rule *);
bool		 sigma_set_selections(struct sigma *, const char *key);
void		 sigma_read_source(struct sigma *, struct sigma_source *);
struct sigma_rule *sigma_add_rule(struct sigma *, const struct rule *);

/* -- sigma_corr.c -------------------------------------------------------- */

void		 sigma_read_corr(struct sigma *);
/* What stands behind | in the rule that was just compiled. */
void		 sigma_old_corr(struct sigma *, struct sigma_rule *,
		    const uint32_t *near);
/* "15m" in ns; false: none. */
bool		 sigma_timespan(struct span, int64_t *);

/* -- sigma_link.c -------------------------------------------------------- */

bool		 sigma_resolve(struct program *, struct sigma_state *);
/* A rule that was loaded turns out not to be usable. */
void		 sigma_uncount(struct program *, uint32_t rule);

/* -- sigma_filter.c ------------------------------------------------------ */

void		 sigma_apply_filters(struct program *, struct sigma_state *);

/* -- the correlator ------------------------------------------------------ */

#define NONE	UINT32_MAX

/* A hit in the making, or one that correlations above count. */
struct told {
	uint32_t	uses;
	uint64_t	number;
	int64_t		time, last_time;
	uint64_t	count;
	double		measure;
	struct evidence	evidence[EVIDENCE_MAX];
	unsigned	nevidence;
};

struct entry {
	int64_t		time;
	int64_t		start;		/* of a chain: its first */
	struct locator	loc;
	double		num;
	uint64_t	key[2];		/* what it counts by; 0: itself */
	struct told	*below;		/* of the correlation it comes from */
	uint32_t	prev, next;	/* in the window; prev: in the chain */
	uint32_t	left, right, size;	/* by number */
	uint32_t	uses;		/* of a link of chains */
	uint32_t	ref;
};

struct group_key {
	uint64_t	hash[2];
	uint64_t	corr;
};

struct group {
	struct group_key key;
	uint32_t	corr;
	bool		used, busy;
	uint32_t	older, newer;	/* by last use */
	int64_t		touched;
	uint32_t	head, tail, n;	/* the window, oldest first */
	uint32_t	root;		/* the same by number */
	long double	sum;
	double		measure;
	uint32_t	*state;		/* newest entry of each rule or chain */
	uint8_t		*text;		/* values: length and bytes */
	uint32_t	text_len;
	const struct corr_map *map;
	struct told	*told;		/* NULL: it does not hold */
	int64_t		deadline;	/* absence is known after this */
};

struct value_key {
	uint64_t	key[2];
	uint64_t	group;
};

struct correlator {
	const struct program *p;
	struct corr_limits limits;
	struct weirds	*weirds;
	corr_hit_fn	*hit;
	void		*arg;
	struct entry	*entry;
	uint32_t	nentries, free_entry, live_entries;
	struct group	*group;
	uint32_t	ngroups, free_group, live_groups;
	uint32_t	oldest, newest;
	uint64_t	since_sweep;	/* deliveries */
	struct table	*groups;	/* group_key: index */
	struct table	*values;	/* value_key: entry, or how many */
	size_t		text_bytes;
	uint64_t	episodes;	/* numbers them */
	uint64_t	seed;
	bool		failed;		/* out of memory */
	uint8_t		fold[FOLD_ROOM(CORR_VALUE_MAX)];
};

/* What is delivered to a correlation. */
struct arrival {
	const struct corr_note *note;
	const struct corr_feed *feed;
	const struct corr_map *map;
	struct told	*below;		/* of the correlation that fired */
};

static inline const struct corr *
corr_of_group(const struct correlator *c, const struct group *g)
{
	return &c->p->corr[g->corr];
}

/* -- corr_window.c ------------------------------------------------------- */

void		 corr_raise(struct correlator *, enum weird,
		    const struct corr_note *);
/* NONE: out of memory. */
uint32_t	 corr_new_entry(struct correlator *);
void		 corr_drop_told(struct correlator *, struct told *);
bool		 corr_has_tree(const struct corr *);
void		 corr_tree_add(struct correlator *, struct group *, uint32_t);
/* The k-th smallest number, from 0. */
double		 corr_tree_at(const struct correlator *,
		    const struct group *, uint32_t k);
void		 corr_append(struct correlator *, struct group *, uint32_t);
void		 corr_unlink(struct correlator *, struct group *, uint32_t);
struct value_key corr_value_key(const struct correlator *,
		    const struct group *, const uint64_t key[2]);
/* An entry leaves its window. */
void		 corr_drop_entry(struct correlator *, struct group *,
		    uint32_t);
/* All rules of it in their order, and nothing else. */
bool		 corr_is_chain(const struct corr *);
/* How many newest entries a group of rules has: one a rule, one a link of the
 * whole chain, or one for each choice of rules in order. */
uint32_t	 corr_states(const struct corr *);
bool		 corr_is_over(const struct corr *, int64_t then, int64_t now);
void		 corr_set_state(struct correlator *, struct group *,
		    uint32_t at, uint32_t entry);
void		 corr_expire(struct correlator *, struct group *,
		    int64_t now);

/* -- corr_group.c -------------------------------------------------------- */

struct span	 corr_slot(const struct arrival *, uint32_t i);
/* Folds and hashes n values from the first on; false: one is not there. */
bool		 corr_hash_values(struct correlator *, const struct arrival *,
		    uint32_t first, uint32_t n, uint64_t out[2]);
/* false, with a weird: there is none to be had. */
bool		 corr_make_room(struct correlator *, const struct corr_note *,
		    bool wants_group);
/* The group of an arrival, made if there is none; NONE: a value is missing,
 * or there is no memory. */
uint32_t	 corr_find_group(struct correlator *, const struct arrival *);

/* -- correlate.c --------------------------------------------------------- */

/* What held is told, if anybody may hear it. */
void		 corr_end_episode(struct correlator *, struct group *);

#endif
