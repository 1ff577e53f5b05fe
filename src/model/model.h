/* SPDX-License-Identifier: Apache-2.0
 *
 * model: the words of picket.  Addresses, fields, events, weirds, batches,
 * demand, findings.
 *
 * One event model for all telemetry: an HTTP request in a packet, an IIS log
 * line and a Zeek http.log row are the same kind with the same field names.
 *
 * Ownership: an event and all it points to live in its batch (input window
 * or arena) and are gone at batch_reset().  Who keeps something copies it.
 */
#ifndef PICKET_MODEL_H
#define PICKET_MODEL_H

#include "base.h"

/* -- rosters ------------------------------------------------------------- */

enum kind {
#define KIND(id, name, prose) KIND_##id,
#include "kinds.def"
#undef KIND
	KIND_COUNT,
	KIND_NONE = KIND_COUNT
};

/* How a value is held, and by that how it is printed and compared. */
enum vtype {
	VT_NULL,	/* present without value */
	VT_STR,		/* ptr, len: bytes, UTF-8 by intent, unchecked */
	VT_WSTR,	/* ptr, len bytes: UTF-16LE, unaligned, unchecked */
	VT_U64,		/* u64, printed decimal */
	VT_I64,		/* i64, printed decimal */
	VT_HEX,		/* u64, printed 0x1f */
	VT_F64,		/* f64 */
	VT_BOOL,	/* u64, 0 or 1 */
	VT_ADDR,	/* ptr to 4 or 16 bytes (len), network order */
	VT_MAC,		/* ptr to 6 bytes */
	VT_TIME,	/* i64, ns since 1970 UTC */
	VT_GUID,	/* ptr to 16 bytes, Windows order */
	VT_SID,		/* ptr, len: binary SID */
	VT_BIN,		/* ptr, len: printed as hexadecimal */
	VT_LIST,	/* ptr to len values (struct value) */
	VT_COUNT
};

/* Types that fields.def declares; what a field usually holds. */
enum ftype {
	FT_STR, FT_U64, FT_I64, FT_HEX, FT_F64, FT_BOOL, FT_ADDR, FT_MAC,
	FT_TIME, FT_SID, FT_LIST
};

enum field_id {
	FIELD_OTHER,		/* named only in the field itself */
#define FIELD(id, name, type, aliases, prose) FIELD_##id,
#include "fields.def"
#undef FIELD
	FIELD_COUNT,
	FIELD_MAX = 4096	/* with the names that rules bring */
};

enum weird {
#define WEIRD(id, name, class, prose) WEIRD_##id,
#include "weirds.def"
#undef WEIRD
	WEIRD_COUNT
};

const char	*kind_name(enum kind);
const char	*kind_prose(enum kind);
bool		 kind_find(struct span, enum kind *);

const char	*weird_name(enum weird);
const char	*weird_prose(enum weird);
bool		 weird_is_limit(enum weird);

/* -- dictionary of field names ------------------------------------------- */

const char	*field_name(unsigned id);
const char	*field_aliases(unsigned id);	/* blanks between */
const char	*field_prose(unsigned id);
enum ftype	 field_type(unsigned id);
unsigned	 field_count(void);		/* with interned ones */
/* By name alone, or by name and alias; FIELD_OTHER when there is none. */
unsigned	 field_by_name(struct span);
unsigned	 field_by_alias(struct span);
/* Makes an id for a name that rules use; only before workers start.
 * FIELD_OTHER when the dictionary is full. */
unsigned	 field_intern(struct span);

/* -- addresses ----------------------------------------------------------- */

/* IPv4 is held as ::ffff:a.b.c.d, so that one key serves both. */
struct addr {
	uint8_t	b[16];
};

static inline struct addr
addr_v4(const uint8_t *p)
{
	struct addr a = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
	    p[0], p[1], p[2], p[3] } };

	return a;
}

static inline struct addr
addr_v6(const uint8_t *p)
{
	struct addr a;

	memcpy(a.b, p, 16);
	return a;
}

static inline bool
addr_is_v4(const struct addr *a)
{
	return load_be64(a->b) == 0 && load_be32(a->b + 8) == 0xffff;
}

static inline bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, 16) == 0;
}

/* RFC 5952 text; v4-mapped prints as dotted quad. */
void		 addr_put(struct buf *, const uint8_t *ptr, size_t len);
/* Dotted quad, IPv6 text, with optional brackets, zone id or ::ffff: form;
 * false for anything else. */
bool		 addr_parse(struct span, struct addr *);
/* RFC 1918, RFC 4193, loopback, link local, CGNAT: not routed publicly. */
bool		 addr_is_private(const struct addr *);

/* A short list of networks, as somebody wrote it. */
#define NETS_MAX	256u
struct net {
	struct addr	a;
	uint8_t		bits;	/* of 128; v4 is mapped */
};
struct nets {
	struct net	net[NETS_MAX];
	size_t		n;
};
/* "10.0.0.0/8", "2001:db8::/32" or an address; false: it is none, or there is
 * no room. */
bool		 nets_add(struct nets *, struct span);
bool		 nets_has(const struct nets *, const struct addr *);

/* -- values and events --------------------------------------------------- */

struct value {
	uint8_t		 type;		/* enum vtype */
	uint8_t		 flags;		/* the decoder's own; 0 */
	uint16_t	 id;		/* of a field; 0 inside lists */
	uint32_t	 len;
	union {
		const void	*ptr;
		uint64_t	 u64;
		int64_t		 i64;
		double		 f64;
	};
};

struct field {
	struct value	 v;
	const char	*name;		/* when v.id is FIELD_OTHER */
};

/* Where a fact stands: input, member of an archive, record, bytes. */
struct locator {
	uint32_t	source;		/* ordinal of the input file */
	uint32_t	member;		/* ordinal in its archive; 0: none */
	uint64_t	record;		/* 1-based; packet, line, EVTX id */
	uint64_t	offset;		/* of the record, unpacked bytes */
	uint32_t	length;
};

#define EVENT_FIELDS_MAX 1024	/* largest real Windows event has some 60 */

struct event {
	uint16_t	 kind;
	uint16_t	 nfields;
	int64_t		 time;
	struct locator	 loc;
	struct field	*fields;
	uint64_t	 same;		/* equal in every copy of the event;
					 * 0: not known */
};

/* NULL when the event does not carry it. */
const struct value *event_get(const struct event *, unsigned field);
/* By name, for names that have no id. */
const struct value *event_get_name(const struct event *, struct span name);
/* The bytes of a VT_STR value; SPAN_NONE otherwise or when missing. */
struct span	 event_str(const struct event *, unsigned field);
/* The number of a numeric value (or of decimal or 0x text); false if none. */
bool		 event_u64(const struct event *, unsigned field, uint64_t *);
bool		 event_addr(const struct event *, unsigned field,
		    struct addr *);

bool		 value_u64(const struct value *, uint64_t *);
/* Canonical text: what rules match and text sinks show.  UTF-8. */
void		 value_put(struct buf *, const struct value *);
void		 value_put_json(struct buf *, const struct value *);
/* An event as one NDJSON object, without line end.  A field without id that
 * has the name of one of the line's own keys (type, kind, time, source, member,
 * record, offset) gets a '_' in front. */
void		 event_put_json(struct buf *, const struct event *,
		    const char *source, const char *member);

/* -- demand: what somebody reads ----------------------------------------- */

struct demand {
	bool	kind[KIND_COUNT + 1];
	bool	field[FIELD_MAX];
	bool	others;		/* fields without id are wanted too */
};

void		 demand_all(struct demand *);
void		 demand_kind(struct demand *, enum kind);
void		 demand_field(struct demand *, unsigned field);

/* -- batch: unit of work, ownership and hand-over ------------------------ */

enum record_type {
	REC_PACKET,	/* link-layer frame; link says the type */
	REC_EVTX,	/* one EVTX record; whole is its chunk */
	REC_LINE,	/* one line of text, UTF-8, no line end */
	REC_JSON,	/* one JSON value, UTF-8 */
	REC_COUNT
};

struct record {
	struct span	 data;
	struct span	 whole;		/* bytes that data refers into */
	int64_t		 time;		/* TIME_NONE when not known here */
	uint64_t	 no;		/* 1-based */
	uint64_t	 offset;
	uint32_t	 wire_len;	/* packets: length on the wire */
	uint16_t	 link;		/* packets: LINKTYPE_ number */
	uint8_t		 type;		/* enum record_type */
	uint8_t		 flags;		/* REC_F_* */
};
#define REC_F_FIRST	0x01	/* first record of its chunk */
#define REC_F_LONE	0x02	/* its whole is not where a chunk begins */
#define REC_F_HEAD	0x04	/* packets: nobody meant to keep all of it */

/* Counts of weirds, with the first place of each by (source, record). */
struct weirds {
	uint64_t	count[WEIRD_COUNT];
	struct locator	first[WEIRD_COUNT];
	int64_t		first_time[WEIRD_COUNT];
};

void		 weirds_init(struct weirds *);
/* One more, of no place in the input: a limit of a table, of the whole run. */
void		 weirds_add(struct weirds *, enum weird);
void		 weirds_merge(struct weirds *, const struct weirds *);

#define BATCH_RECORDS	2048
#define BATCH_EVENTS	2048
#define BATCH_ARENA_MAX	(8u << 20)

struct batch {
	struct arena		 arena;
	struct record		*records;	/* BATCH_RECORDS of them */
	uint32_t		 nrecords;
	struct event		*events;	/* BATCH_EVENTS of them */
	uint32_t		 nevents;
	uint32_t		 source;	/* for locators */
	uint32_t		 member;
	int64_t			 clock;		/* newest time seen; data */
	int64_t			 written;	/* input's last change, ns; 0:
						 * not known.  For logs whose
						 * times lack the year */
	const struct demand	*want;
	struct weirds		*weirds;
	struct field		*scratch;	/* event in the making */
	uint32_t		 nscratch;
	struct event		 making;
	bool			 is_making;
	uint64_t		 total_events;	/* kept over resets */
	/* Called when events are full before the records are; the consumer
	 * takes them all and leaves the arena alone. */
	void			(*drain)(struct batch *, void *);
	void			*drain_arg;
};

/* false: out of memory */
bool		 batch_init(struct batch *, const struct demand *,
		    struct weirds *);
void		 batch_fini(struct batch *);
void		 batch_reset(struct batch *);	/* records, events, arena */
/* Room for one more record, or NULL when the batch is full. */
struct record	*batch_record(struct batch *);
struct locator	 batch_locator(const struct batch *, const struct record *);
void		 batch_weird(struct batch *, enum weird,
		    const struct record *);	/* record may be NULL */

/*
 * An event in the making; one at a time.  False when nobody wants the kind:
 * then nothing else is to be done.  Fields that nobody wants cost a test.
 * Pointers must stay valid until batch_reset(): input window or arena.
 */
bool		 event_begin(struct batch *, enum kind, int64_t time,
		    struct locator);
void		 event_end(struct batch *);	/* hands it over */
void		 event_drop(struct batch *);	/* forgets it */

struct value	*event_add(struct batch *, unsigned field, enum vtype);

static inline bool
event_wants(const struct batch *b, unsigned field)
{
	return b->want->field[field];
}

static inline void
event_add_str(struct batch *b, unsigned field, struct span s)
{
	struct value *v;

	if (!event_wants(b, field) || (v = event_add(b, field, VT_STR)) == NULL)
		return;
	v->ptr = s.ptr;
	v->len = (uint32_t)s.len;
}

/* Text that does not outlive the call; copied to the arena. */
void		 event_add_copy(struct batch *, unsigned field, struct span);

static inline void
event_add_num(struct batch *b, unsigned field, enum vtype type, uint64_t n)
{
	struct value *v;

	if (!event_wants(b, field) || (v = event_add(b, field, type)) == NULL)
		return;
	v->u64 = n;
}

static inline void
event_add_u64(struct batch *b, unsigned field, uint64_t n)
{
	event_add_num(b, field, VT_U64, n);
}

static inline void
event_add_bool(struct batch *b, unsigned field, bool yes)
{
	event_add_num(b, field, VT_BOOL, yes);
}

static inline void
event_add_time(struct batch *b, unsigned field, int64_t t)
{
	event_add_num(b, field, VT_TIME, (uint64_t)t);
}

static inline void
event_add_f64(struct batch *b, unsigned field, double d)
{
	struct value *v;

	if (!event_wants(b, field) || (v = event_add(b, field, VT_F64)) == NULL)
		return;
	v->f64 = d;
}

/* The address must outlive the batch or lie in its arena. */
static inline void
event_add_addr(struct batch *b, unsigned field, const struct addr *a)
{
	struct value *v;

	if (!event_wants(b, field) ||
	    (v = event_add(b, field, VT_ADDR)) == NULL)
		return;
	if (addr_is_v4(a)) {
		v->ptr = a->b + 12;
		v->len = 4;
	} else {
		v->ptr = a->b;
		v->len = 16;
	}
}

/* One that does not outlive the call; copied to the arena. */
void		 event_add_addr_copy(struct batch *, unsigned field,
		    const struct addr *);

/* A list of n values in the arena; fill what is returned.  NULL: not wanted
 * or no memory.  n = 0 gives an empty list and NULL. */
struct value	*event_add_list(struct batch *, unsigned field, uint32_t n);
/* A field without id. */
struct value	*event_add_other(struct batch *, const char *name,
		    enum vtype);

/* -- findings ------------------------------------------------------------ */

enum severity {
	SEV_INFORMATIONAL, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL,
	SEV_COUNT
};

const char	*severity_name(enum severity);
bool		 severity_find(struct span, enum severity *);

enum entity {
#define ENTITY(id, name, prose) ENTITY_##id,
#include "entities.def"
#undef ENTITY
	ENTITY_COUNT
};

const char	*entity_name(enum entity);

#define EVIDENCE_MAX	16	/* listed; the count goes on */

struct evidence {
	struct locator	loc;
	int64_t		time;
};

/*
 * A judgement on events.  rule, title, language, attack, advice point to
 * text that lives as long as the program (rows, loaded rules); entities,
 * message and fold are copied when the finding is raised.
 */
struct finding {
	const char	*rule;		/* id of detector or rule */
	const char	*title;
	const char	*language;	/* builtin sigma suricata yara ioc */
	const char	*attack;	/* technique ids, blank separated */
	const char	*advice;	/* what to do first */
	enum severity	 severity;
	unsigned	 confidence;	/* 0 to 100 */
	int64_t		 time;		/* of the first event */
	int64_t		 last_time;
	uint64_t	 count;
	struct span	 entity[ENTITY_COUNT];
	struct span	 message;	/* one sentence */
	struct span	 fold;		/* same rule and fold: one finding */
	struct evidence	 evidence[EVIDENCE_MAX];
	unsigned	 nevidence;
	uint64_t	 same;		/* of its event; 0: of several */
};

/* -- overviews: tables beside the findings ------------------------------- */

enum cell_type { CELL_TEXT, CELL_NUM, CELL_TIME, CELL_LIST };

struct table_column {
	const char	*key;		/* in NDJSON and above the column */
	enum cell_type	 type;
};

struct cell {
	struct span		 text;
	uint64_t		 n;
	int64_t			 time;
	const struct span	*list;	/* n of them */
};

/* One object or line a row; type names the objects. */
struct overview {
	const char		*type, *title;
	const struct table_column	*column;
	size_t			 ncolumns;
	struct cell		*cell;	/* row by row */
	size_t			 nrows;
};

/* -- the report: what sinks write ---------------------------------------- */

#define ID_SIZE		17	/* 16 hexadecimal digits and NUL */

struct step {
	int64_t		 time;
	const char	*attack;	/* one technique id */
	const char	*stage;		/* its ATT&CK tactic */
	size_t		 finding;	/* index into the report's findings */
};

/* Findings that belong together by who and when. */
struct incident {
	char		 id[ID_SIZE];
	const char	*title;
	int64_t		 first_time, last_time;
	enum severity	 severity;
	unsigned	 confidence;
	struct span	*entity[ENTITY_COUNT];	/* values, each once */
	size_t		 nentity[ENTITY_COUNT];
	struct step	*step;			/* by time */
	size_t		 nsteps;
};

struct unreadable {
	const char	*path, *member;	/* member: NULL or its name */
	enum err	 err;
	int		 sys_errno;	/* 0: none */
	uint64_t	 offset;
	const char	*why;		/* more, or "" */
};

struct stage_time {
	const char	*name;
	double		 seconds;
};

struct summary {
	uint64_t		 inputs;	/* files and members read */
	uint64_t		 skipped;	/* no evidence that is read */
	uint64_t		 bytes, records, events;
	uint64_t		 rules_loaded, rules_failed;
	uint64_t		 detectors;	/* built in, at work */
	uint64_t		 duplicates;	/* matches in copies of events
						 * that other files have */
	uint64_t		 tuned;		/* findings changed or left out
						 * by --tune */
	const struct stage_time	*stage;
	size_t			 nstages;
	const char		*sandbox;	/* what holds the workers */
};

struct report {
	struct finding		**finding;	/* by (time, evidence) */
	char			(*finding_id)[ID_SIZE];
	size_t			  nfindings;
	struct incident		 *incident;	/* worst first */
	size_t			  nincidents;
	struct weirds		  weirds;
	struct unreadable	 *unreadable;
	size_t			  nunreadable;
	struct overview		 *overview;	/* as asked for */
	size_t			  noverviews;
	struct summary		  summary;
	/* Names of locators; member() gives "" when there is none. */
	const char		*(*source)(const struct report *, uint32_t);
	const char		*(*member)(const struct report *,
				    uint32_t source, uint32_t member);
	const void		 *names;
};

#endif
