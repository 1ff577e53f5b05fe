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
 * - flow() runs there too, over all conversations, told once for all detectors
 *   that want them: no text, nothing to keep, a few hundred nanoseconds.
 *
 * A kept event comes to note() with the fields that the row declares and
 * nothing else.
 */
#ifndef PICKET_DETECT_H
#define PICKET_DETECT_H

#include "model.h"

struct detector;
struct flow;

/* What a detector works with during a call. */
struct detect {
	const struct detector	*row;
	const struct nets	*home;	/* of the owner; NULL: private ones */
	const struct hosts	*hosts;	/* in order only: what is known of
					 * hosts so far; NULL in event() */
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
	const uint16_t	*event_ids;	/* of KIND_WINEVENT only these, of
					 * whatever channel; ended by 0;
					 * NULL: all */

	void		(*event)(struct detect *, const struct event *);

	/* Data from the shipped folder; once, before the workers start.  false:
	 * it cannot be used; why says what is wrong, then or else. */
	bool		(*load)(const char *share, struct buf *why);

	size_t		 state_size;	/* cleared before init */
	bool		(*init)(void *state);	/* false: out of memory */
	void		(*note)(struct detect *, void *state,
			    const struct event *);
	/* detect_host() is asked; with flow() it is known anyway. */
	bool		hosts;
	/* Conversations by their start; those without a time are left out. */
	void		(*flow)(struct detect *, void *state,
			    const struct flow *);
	void		(*end)(struct detect *, void *state);
	void		(*fini)(void *state);

	/* --state: what yesterday's run knew.  Numbers and tables as they lie
	 * in memory (table_save), no pointers.  restore() comes after init();
	 * false: the bytes are no such state, and the run begins anew with a
	 * fresh one.  Change state_version whenever the shape changes. */
	uint32_t	state_version;
	void		(*save)(const void *state, struct buf *);
	bool		(*restore)(void *state, struct cursor *);
};

static inline bool
detector_wants_flows(const struct detector *row)
{
	return row->flow != NULL || row->hosts;
}

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
void		 text_addr(struct buf *, const struct addr *);
/* "90 s", "12 min", "3 h", "3.5 h", "4 days". */
void		 text_duration(struct buf *, int64_t ns);
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

/* How many different things, of any number, in 64 bytes; to some 13 %. */
#define SKETCH_SIZE	64u
struct sketch {
	uint8_t		r[SKETCH_SIZE];
};
/* false: it changes nothing, and so the count neither. */
bool		 sketch_add(struct sketch *, const void *, size_t);
unsigned	 sketch_count(const struct sketch *);

/* About how many different addresses, to some 50,000. */
#define CROWD_BITS	16384u
struct crowd {
	uint32_t	n;		/* bits set */
	uint8_t		bit[CROWD_BITS / 8];
};
void		 crowd_add(struct crowd *, const struct addr *);
unsigned	 crowd_count(const struct crowd *);
void		 crowd_save(const struct crowd *, struct buf *);
bool		 crowd_restore(struct crowd *, struct cursor *);

/* Where something was seen: the first two and the last two places. */
#define PLACES		4u
struct places {
	uint32_t	n;		/* ever */
	struct evidence	at[PLACES];
};
void		 places_add(struct places *, const struct locator *,
		    int64_t time);
/* Into the finding, which counts as many as there were. */
void		 finding_places(struct finding *, const struct places *);

/* Lines of a file in the shipped folder, columns divided by bars: at most
 * so many, what they are stands in wants.  A file that is not there has none,
 * which why says; false: a line that cannot be used, the same. */
#define SHARE_LINE	512u
#define SHARE_COLUMNS	4u
bool		 share_lines(const char *share, const char *file,
		    const char *wants, unsigned most,
		    bool (*take)(const struct span *col, unsigned n),
		    struct buf *why);

/* A field's canonical text in the arena; SPAN_NONE when missing. */
struct span	 event_text(struct arena *, const struct event *,
		    unsigned field);

/* -- flows --------------------------------------------------------------- */

/* Zeek's conn_state. */
enum flow_state {
	FLOW_S0,	/* asked, no answer */
	FLOW_S1, FLOW_SF, FLOW_REJ, FLOW_S2, FLOW_S3, FLOW_RSTO, FLOW_RSTR,
	FLOW_RSTOS0, FLOW_RSTRH, FLOW_SH, FLOW_SHR, FLOW_OTH,
	FLOW_STATE_NONE	/* the source does not say: flow records */
};

/* Application protocol recognised by content, where the source says it. */
enum flow_service {
	FLOW_SERVICE_NONE, FLOW_DNS, FLOW_HTTP, FLOW_TLS, FLOW_QUIC, FLOW_SSH,
	FLOW_SMB, FLOW_KRB5, FLOW_LDAP, FLOW_RDP, FLOW_SOCKS, FLOW_FTP,
	FLOW_SMTP, FLOW_TELNET, FLOW_SNMP, FLOW_NTP, FLOW_DHCP, FLOW_DCERPC,
	FLOW_SSF, FLOW_SERVICE_OTHER
};

#define FLOW_F_IP_BYTES	0x01	/* bytes count IP headers too */
#define FLOW_F_ONE_WAY	0x02	/* the source cannot show the other way */
#define FLOW_F_ANSWERED	0x04	/* packets came from dst */
#define FLOW_F_SRC_HOME	0x08
#define FLOW_F_DST_HOME	0x10

/* One conversation, as a conn event tells it. */
struct flow {
	int64_t		start, end;		/* ns; end >= start */
	uint64_t	src_bytes, dst_bytes;
	uint64_t	src_pkts, dst_pkts;
	struct addr	src, dst;		/* src opened it */
	uint16_t	src_port, dst_port;	/* ICMP: type, code */
	uint8_t		proto;			/* IP protocol number */
	uint8_t		state;			/* enum flow_state */
	uint8_t		service;		/* enum flow_service */
	uint8_t		flags;			/* FLOW_F_ */
	struct locator	loc;
};

/* In the owner's networks; NULL: in a private one. */
bool		 addr_is_home(const struct nets *, const struct addr *);
/* false: no times, no addresses. */
bool		 flow_of_event(struct flow *, const struct event *,
		    const struct nets *home);
/* A finding of this flow: time, one evidence, count 1, source and destination
 * as entities (in the scratch memory m). */
void		 finding_init_flow(struct finding *, struct detect *,
		    struct arena *m, const struct flow *);
/* Into m, as entity. */
struct span	 addr_text(struct arena *m, const struct addr *);

/* A record of a server's answers alone, by its ports. */
bool		 flow_is_answer(const struct flow *);
/* What flow_of_event() reads, for a row's demand. */
extern const uint16_t flow_fields[];

/* What is known of a host from the flows so far, all detectors' alike. */
struct host_seen {
	int64_t		first, last;	/* ns, event time */
	uint32_t	served;		/* bits 1 << flow_service: answered more
					 * than once */
	uint32_t	served_once;
	uint32_t	flows_in, flows_out;	/* stop at UINT32_MAX */
	uint64_t	clients;	/* bits by hash: host_count() */
	uint64_t	servers;
};
/* NULL: never seen, or forgotten (HOSTS_MAX; who was quiet longest goes). */
#define HOSTS_MAX	(1u << 20)
const struct host_seen *detect_host(const struct detect *,
		    const struct addr *);
/* The engine's part of it. */
struct hosts	*hosts_new(uint32_t cap);
void		 hosts_free(struct hosts *);
void		 hosts_flow(struct hosts *, const struct flow *);
void		 hosts_save(const struct hosts *, struct buf *);
bool		 hosts_restore(struct hosts *, struct cursor *);
/* A host's bit in such a set, the same in every run. */
uint64_t	 host_bit(const struct addr *);
/* About how many, by linear counting in 64 bits; 300: more than can be told. */
unsigned	 host_count(uint64_t bits);
/* The service that a port is for when nothing better says it. */
enum flow_service flow_port_service(uint8_t proto, uint16_t port);

/* -- regularity --------------------------------------------------------- */

/* RITA v5's score and its parts, 0 to 1; medians of gaps and sizes. */
struct rita {
	double	score, ts, ds, hist, dur;
	double	period;		/* seconds */
	double	bytes;
};
/* Of n connections in order of time t (seconds) with bytes sent; the data
 * are from .. to.  work has room for n.  false: there are not enough. */
bool		 rita_score(struct rita *, const uint32_t *t,
		    const uint32_t *bytes, size_t n, uint32_t from,
		    uint32_t to, double *work);
/* Its part for gaps or sizes, of n sorted values, which it destroys. */
double		 rita_spread(double *, size_t n, double without_median);
/* log10 of the false-alarm rate of the best lag (0: none), which is set, for
 * n different times in order. */
double		 rita_follow(const uint32_t *t, size_t n, double *lag,
		    double *work);

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
/* Those that it tells apart; for a row's event_ids. */
extern const uint16_t host_event_ids[];
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

/* -- sign-ins ------------------------------------------------------------ */

enum sign_in_service {
	SIGN_SSH, SIGN_RDP, SIGN_SMB, SIGN_NTLM, SIGN_LDAP, SIGN_KERBEROS,
	SIGN_FTP, SIGN_TELNET, SIGN_WEB, SIGN_LOG, SIGN_WINDOWS,
	SIGN_EXPLICIT,		/* with credentials given by name: 4648 */
	SIGN_VNC, SIGN_WINRM, SIGN_DATABASE, SIGN_MAIL, SIGN_SERVICES
};
const char	*sign_in_service_name(enum sign_in_service);

enum sign_in_result {
	SIGN_NONE, SIGN_TRIED,	/* how it ended is not told */
	SIGN_REFUSED, SIGN_GOT_IN
};

/* One try to sign in, as any source tells it. */
struct sign_in {
	struct span		src, user, server;	/* SPAN_NONE: untold */
	enum sign_in_service	service;
	enum sign_in_result	result;
	bool			no_account;	/* none of that name */
	bool			is_sure;	/* false: a refused POST, which
						 * need not be a sign-in */
};
/* false: the event is none.  Texts in m or of the event. */
bool		 sign_in_of(struct arena *m, const struct event *,
		    struct sign_in *);
/* A row's event_ids, and what it reads. */
extern const uint16_t sign_in_event_ids[];
#define SIGN_IN_FIELDS							\
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_KRB_TYPE, FIELD_KRB_CLIENT,	\
	FIELD_KRB_ERROR, FIELD_KRB_ERROR_CODE, FIELD_KRB_SUCCESS,	\
	FIELD_SSH_SUCCESS, FIELD_SMB_COMMAND, FIELD_SMB_STATUS,		\
	FIELD_NTLM_USER, FIELD_NTLM_SUCCESS, FIELD_FTP_USER,		\
	FIELD_FTP_COMMAND, FIELD_FTP_REPLY, FIELD_RDP_COOKIE,		\
	FIELD_HTTP_STATUS, FIELD_HTTP_METHOD, FIELD_HTTP_USER,		\
	FIELD_HTTP_PATH, FIELD_HTTP_URI, FIELD_HTTP_VHOST,		\
	FIELD_HTTP_HOST, FIELD_AUTH_USER, FIELD_AUTH_RESULT,		\
	FIELD_SYSLOG_HOST, FIELD_WIN_CHANNEL, FIELD_WIN_EVENT_ID,	\
	FIELD_WIN_COMPUTER, FIELD_WIN_STATUS, FIELD_TARGET_USER,	\
	FIELD_SUBJECT_USER, FIELD_IP_ADDRESS, FIELD_LOGON_TYPE,		\
	FIELD_WORKSTATION_4776
/* A computer, the system or nobody. */
bool		 sign_in_is_system(struct span user);
/* A hash that name, name@REALM, name/REALM and DOMAIN\name share, the same in
 * every run; 0: not told. */
uint64_t	 sign_in_user(struct span user);

/* -- Kerberos ------------------------------------------------------------ */

/* Errors of the KDC, RFC 4120 7.5.9; Windows gives the same numbers. */
enum {
	KRB5_UNKNOWN = 6,	/* KDC_ERR_C_PRINCIPAL_UNKNOWN */
	KRB5_REVOKED = 18,	/* KDC_ERR_CLIENT_REVOKED: or locked */
	KRB5_WRONG = 24,	/* KDC_ERR_PREAUTH_FAILED: the password */
	KRB5_WANTED = 25	/* KDC_ERR_PREAUTH_REQUIRED */
};
/* Of a krb5 event, by number or, of these, by name; 0: none. */
uint64_t	 krb5_error(const struct event *);
/* RC4 and DES (RFC 4757, RFC 6649): quick to guess at. */
bool		 krb5_is_weak(uint64_t etype);
/* The request named encryption types, and these alone. */
bool		 krb5_offers_only_weak(const struct event *);
/* A principal without its realm. */
struct span	 krb5_account(struct span name);

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
void		 flow_pack(struct buf *, const struct flow *);
bool		 flow_unpack(struct span, struct flow *);

#endif
