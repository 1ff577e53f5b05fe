/* SPDX-License-Identifier: Apache-2.0
 *
 * detect: events to findings.  The face of the room.
 *
 * A detector works in two places:
 * - event() runs in the workers, on every event of its kinds, in no order
 *   that may be relied on, and keeps nothing.  It raises a finding by itself,
 *   or keeps the event for the second place.
 * - note() runs once, in one place, over all kept events of all inputs in
 *   (time, source, record) order, with state.  Windows are by event time, so
 *   a replay of last year gives the same as the live run.
 *
 * A kept event comes to note() with the fields that the row declares and
 * nothing else.
 */
#ifndef PICKET_DETECT_H
#define PICKET_DETECT_H

#include "model.h"

struct detector;

/* What a detector works with during a call. */
struct detect {
	const struct detector	*row;
	struct buf		 text;	/* scratch for the message; reset */
	struct buf		 fold;	/* scratch for the folding key */
	struct weirds		*weirds;
	/* Ports, set by the engine. */
	void			(*raise)(struct detect *,
				    const struct finding *);
	void			(*keep)(struct detect *,
				    const struct event *);
	void			*arg;
};

struct detector {
	const char	*name, *title;
	const char	*doc;		/* behaviour, false alarms, cost */
	const char	*attack;	/* technique ids, blank separated */
	const char	*advice;	/* what to do first */
	enum severity	 severity;	/* as finding_init() sets it */
	unsigned	 confidence;
	const uint8_t	*kinds;		/* ended by KIND_NONE */
	const uint16_t	*fields;	/* read; ended by FIELD_OTHER */

	void		(*event)(struct detect *, const struct event *);

	/* Data from the shipped folder; once, before the workers start.  false:
	 * it cannot be used; why says what is wrong, then or else. */
	bool		(*load)(const char *share, struct buf *why);

	size_t		 state_size;	/* cleared before init */
	bool		(*init)(void *state);	/* false: out of memory */
	void		(*note)(struct detect *, void *state,
			    const struct event *);
	void		(*end)(struct detect *, void *state);
	void		(*fini)(void *state);
};

extern const struct detector *const detectors[];
extern const size_t ndetectors;
/* Dashes and underscores are the same. */
const struct detector *detector_find(struct span name);

/* -- what detectors use -------------------------------------------------- */

/* A finding with the row's texts, of this event: time, one evidence, count 1.
 * Resets the scratch buffers. */
void		 finding_init(struct finding *, struct detect *,
		    const struct event *);
/* One more piece of evidence; the count and last_time go along. */
void		 finding_evidence(struct finding *, const struct locator *,
		    int64_t time);
/* The text of an event's field as an entity; into the scratch memory m. */
void		 finding_entity(struct finding *, enum entity, struct arena *m,
		    const struct event *, unsigned field);
/* Message and fold are taken from the scratch buffers; raises. */
void		 finding_raise(struct finding *, struct detect *);

/* Evidence text in a message: at most max bytes, then an ellipsis. */
void		 text_clip(struct buf *, struct span, size_t max);
/* Into a fixed array, cut to fit, with a NUL. */
void		 set_text(char *dst, size_t size, struct span);
/* "src" or, where there is none, "somebody". */
void		 text_who(struct buf *, struct span);

/* The same for a web server, which a log need not name. */
void		 text_server(struct buf *, struct span);

/* What names the web server of an http event: its address, else the virtual
 * host, else the Host header; "" in a log that says none of it. */
struct span	 http_server(struct arena *, const struct event *);
/* Path without query, from http.path or http.uri. */
struct span	 http_path(const struct event *);
/* Ends in what servers run: .php, .jsp, .aspx, … (path parameters cut). */
bool		 path_is_script(struct span);

/* A small set of hashes: how many different things, up to a bound. */
#define SMALL_SET_MAX	64u
struct small_set {
	uint32_t	n;		/* stops at SMALL_SET_MAX */
	uint64_t	h[SMALL_SET_MAX];
};
/* true: it was new. */
bool		 small_set_add(struct small_set *, struct span);
bool		 small_set_has(const struct small_set *, struct span);

/* A field's canonical text in the arena; SPAN_NONE when missing. */
struct span	 event_text(struct arena *, const struct event *,
		    unsigned field);

/* -- hosts --------------------------------------------------------------- */

/* What happened on a host: one thing in the events of several sources. */
enum host_event {
	HOST_OTHER,
	HOST_PROCESS,	/* Sysmon 1, Security 4688, KIND_PROCESS */
	HOST_DRIVER,	/* Sysmon 6 */
	HOST_FILE,	/* Sysmon 11 */
	HOST_SERVICE	/* System 7045, Security 4697: service installed */
};

/* A few compares, nothing converted. */
enum host_event	 host_event(const struct event *);
/* Of a Windows event in this channel (or in one that is not told); else 0. */
unsigned	 win_event(const struct event *, const char *channel);

/* What the functions below read; for a row's fields. */
#define HOST_FIELDS							\
	FIELD_WIN_CHANNEL, FIELD_WIN_EVENT_ID, FIELD_WIN_COMPUTER,	\
	FIELD_SYSLOG_HOST, FIELD_IMAGE, FIELD_NEW_PROCESS,		\
	FIELD_PARENT_IMAGE, FIELD_PARENT_PROCESS, FIELD_COMMAND_LINE,	\
	FIELD_PARENT_COMMAND_LINE, FIELD_PROC_USER, FIELD_TARGET_USER,	\
	FIELD_SUBJECT_USER, FIELD_HASHES

/* Lower-case text of fields for comparing, without malloc.  A text is cut at
 * SCRATCH_TEXT, and all when the scratch is full: what tells a tool stands in
 * the head of a command line. */
#define SCRATCH_SIZE	16384u
#define SCRATCH_TEXT	4096u
struct scratch {
	uint32_t	used;
	uint8_t		b[SCRATCH_SIZE];
};
struct span	 lower_text(struct scratch *, const struct event *,
		    unsigned field);
struct span	 proc_image(struct scratch *, const struct event *);
struct span	 proc_parent(struct scratch *, const struct event *);
struct span	 proc_user(struct scratch *, const struct event *);
/* The last part of a path, of either kind, without .exe. */
struct span	 base_name(struct span path);
/* The next word of a command line, quotes taken off; false at its end. */
bool		 next_arg(struct span *rest, struct span *arg);
/* The word stands in the text, between what is no letter, digit or _. */
bool		 has_word(struct span text, const char *word);
bool		 is_one_of(struct span, const char *const *, size_t n);

/* The strongest hash that the event tells of its process's image. */
void		 finding_hash(struct finding *, struct arena *m,
		    const struct event *);
/* Host, user, process and its hash of such an event; into the scratch memory
 * m. */
void		 host_entities(struct finding *, struct arena *m,
		    const struct event *);
/* " on HOST as USER: COMMAND LINE" of what is known. */
void		 host_text(struct buf *, struct arena *m,
		    const struct finding *, const struct event *);
/* An account for a fold: without its domain, in lower case. */
void		 fold_account(struct buf *, struct span user);
/* The address or name in the form that a table needs: no ::ffff:, no leading
 * backslashes; SPAN_NONE for -, loopback and LOCAL. */
struct span	 client_name(struct span);

/* -- findings and notes as bytes ----------------------------------------- */

/* Between processes and through the sorter.  Reading checks everything. */
void		 finding_pack(struct buf *, const struct finding *);
bool		 finding_unpack(struct arena *, struct span,
		    struct finding *);
/* Only fields in want (ended by FIELD_OTHER), each cut to NOTE_VALUE_MAX. */
#define NOTE_VALUE_MAX	65536u
bool		 note_pack(struct buf *, const struct event *,
		    const uint16_t *want);	/* false: something was cut */
bool		 note_unpack(struct arena *, struct span, struct event *);

#endif
