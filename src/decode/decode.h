/* SPDX-License-Identifier: Apache-2.0
 *
 * decode: bytes to events.  The face of the room: what a decoder is, what it
 * may use, and the packet layers below the conversations.
 *
 * Decoders state facts and never judge.  One file a protocol, all static,
 * exporting one row.  Malformed input is a weird, never an error.
 */
#ifndef PICKET_DECODE_H
#define PICKET_DECODE_H

#include "model.h"

/* -- packet layers ------------------------------------------------------- */

enum { DIR_CLIENT = 0, DIR_SERVER = 1 };	/* from client, from server */

enum ip_proto {		/* IANA protocol numbers that picket reads */
	IPPROTO_N_ICMP = 1, IPPROTO_N_IPIP = 4, IPPROTO_N_TCP = 6,
	IPPROTO_N_UDP = 17, IPPROTO_N_IPV6 = 41, IPPROTO_N_GRE = 47,
	IPPROTO_N_ICMP6 = 58, IPPROTO_N_SCTP = 132
};

#define TCP_FIN	0x01
#define TCP_SYN	0x02
#define TCP_RST	0x04
#define TCP_PSH	0x08
#define TCP_ACK	0x10

/* The innermost IP packet of a frame, dissected.  Spans point into the frame
 * or, after fragment reassembly, into the batch's arena. */
struct packet {
	struct addr	 src, dst;
	struct span	 payload;	/* of the transport, as captured */
	uint32_t	 payload_len;	/* as the headers say; >= payload.len */
	uint32_t	 ip_len;	/* whole IP packet, from its header */
	uint32_t	 seq, ack;	/* TCP */
	uint16_t	 sport, dport;	/* ICMP: type and code as Zeek does */
	uint16_t	 window;
	uint16_t	 vlan;		/* outermost id, 0: none */
	uint8_t		 proto;
	uint8_t		 tcp_flags;
	uint8_t		 ttl;
	bool		 is_v6;
	bool		 bad_l4;	/* no usable transport header */
	bool		 bad_sum;	/* wrong transport checksum; looked at
					 * only when conn.history is wanted */
	bool		 one_way;	/* ICMP without a counterpart type */
	const uint8_t	*src_mac, *dst_mac;	/* 6 bytes or NULL */
	uint32_t	 tunnel;	/* see tunnel_text(); 0: none */
	uint32_t	 shard_hash;	/* symmetric, of the outermost pair */
};

#define TUNNEL_DEPTH_MAX 8	/* 4 bits each in packet.tunnel; deeper
				 * nesting is not seen outside attacks */
/* The encapsulations in words ("gre,vxlan"), in the batch's arena. */
struct span	 tunnel_text(struct batch *, uint32_t tunnel);

/*
 * What dissecting keeps between packets: unfinished datagrams, in so many
 * tables as there are shards (chosen by the hash of the outermost pair), each
 * with its own limits.
 */
struct frags;
struct frags	*frags_new(uint32_t max_datagrams, unsigned shards);
void		 frags_free(struct frags *);

struct frag_key {		/* no padding: compared as bytes */
	struct addr	 src, dst;
	uint32_t	 id;
	uint32_t	 proto;		/* IPv6: 0, see RFC 8200 4.5 */
};
struct frag {
	struct span	 data;
	uint32_t	 off;		/* bytes */
	bool		 more;
	uint8_t		 proto;		/* of what follows */
};
/* Adds a fragment; the whole datagram (in the batch's arena) when it was the
 * last one missing, else SPAN_NONE.  *proto: as in its first fragment. */
struct span	 frags_put(struct frags *, uint32_t shard_hash, struct batch *,
		    const struct record *, const struct frag_key *,
		    const struct frag *, uint8_t *proto);

/* false: no IP packet to go on with (not IP, broken, or waiting for more
 * fragments).  Weirds are raised on the batch. */
bool		 packet_dissect(struct frags *, struct batch *,
		    const struct record *, struct packet *);
/* The cheap look for cutting work: symmetric hash of the outermost address
 * pair of a frame; 0 when it is no IP. */
uint32_t	 packet_shard_hash(const struct record *);

/* -- frames of the local link (link.c) ------------------------------------- */

/* Which pairs and announcements were told already. */
struct links;
struct links	*links_new(void);	/* NULL: no memory */
void		 links_free(struct links *);
/* A frame that is no IP: events of ARP, LLDP and CDP; others are left. */
void		 link_frame(struct links *, struct batch *,
		    const struct record *);

/* -- conversations as decoders see them ---------------------------------- */

/* Facts of a conversation; owned by the flow room. */
struct conv {
	struct addr	 addr[2];	/* by direction: client, server */
	uint16_t	 port[2];
	uint8_t		 proto;
	bool		 one_way;	/* ICMP without a counterpart type */
	uint16_t	 vlan;
	uint32_t	 tunnel;	/* see tunnel_text() */
	int64_t		 start;
	char		 community_id[32];	/* "" until asked for */
};

/* Fills community_id (version 1, seed 0) if that is not done yet. */
void		 conv_community_id(struct conv *);
/* tcp, udp, icmp, icmp6, sctp, or NULL. */
const char	*proto_name(uint8_t proto);
/* Endpoint fields of the conversation to the event in the making. */
void		 conv_fields(struct batch *, struct conv *);

/* Bytes of one direction of a conversation. */
struct seg {
	struct span	 data;
	int64_t		 time;		/* when its last byte came */
	uint64_t	 record;	/* packet that brought the first byte */
	uint64_t	 offset;	/* of that packet in its file */
	uint64_t	 lost;		/* bytes missing right before data;
					 * those not consumed before a gap
					 * are dropped and counted too */
	uint8_t		 dir;
	bool		 end;		/* nothing follows in this direction */
};

enum probe_result {
	PROBE_NO,	/* not mine */
	PROBE_MORE,	/* may be; more bytes needed */
	PROBE_YES,	/* mine, and dir is as given */
	PROBE_SWAP	/* mine, but these bytes come from the server */
};

struct probe {
	struct span	 data;		/* first bytes of one direction */
	uint16_t	 sport, dport;	/* hints only */
	uint8_t		 dir;
	bool		 is_udp;
};

enum dec_action {
	DEC_GO,
	DEC_DONE,	/* nothing more to learn here: stop reassembling */
	DEC_HANDOVER	/* from the next unconsumed byte on (both directions)
			 * it is another protocol: recognise anew */
};

/*
 * The account of what a conversation keeps (carry, reordering, decoder's
 * state) in bytes.  Both limits hold: its own and that of all conversations
 * of the shard.
 */
struct mem_pool {
	size_t		 used, max;
};
struct flow_mem {
	struct mem_pool	*pool;
	size_t		 used, max;
};

/* Takes n bytes from the account; false at a limit. */
static inline bool
mem_take(struct flow_mem *m, size_t n)
{
	if (n > m->max - m->used || n > m->pool->max - m->pool->used)
		return false;
	m->used += n;
	m->pool->used += n;
	return true;
}

static inline void
mem_give(struct flow_mem *m, size_t n)
{
	ASSERT(n <= m->used && n <= m->pool->used);
	m->used -= n;
	m->pool->used -= n;
}

/* What a decoder works with during one call. */
struct dec {
	struct batch		*batch;
	struct conv		*conv;		/* NULL for records of files */
	const struct record	*rec;		/* record at hand */
	enum dec_action		 action;	/* set by the decoder */
	const char		*next;		/* with DEC_HANDOVER: who goes
						 * on, if anybody reads it;
						 * NULL: recognise anew */
	uint64_t		 skip[2];	/* by direction: pass over so
						 * many bytes after the consumed
						 * ones, gaps included */
	size_t			 need[2];	/* do not call again before so
						 * many unconsumed bytes lie
						 * there (or the end); 0: any */
	struct flow_mem		*mem;		/* NULL for records of files */
	void			*share;		/* of share_new(), or NULL */
};

/*
 * Memory that a decoder keeps for a conversation between calls; cleared.
 * NULL over the limit (raises WEIRD_STATE_LIMIT).  Everything must be given
 * back by close(), with the size that was asked for.
 */
void		*dec_alloc(struct dec *, size_t);
void		 dec_free(struct dec *, void *, size_t);
/* A kept copy of bytes; SPAN_NONE at the limit. */
struct span	 dec_keep(struct dec *, struct span);
/* Gives it back; it is SPAN_NONE then. */
void		 dec_drop(struct dec *, struct span *);

/* Begins an event of the conversation with its endpoint fields; record and
 * offset as in the seg that started the fact. */
bool		 dec_event(struct dec *, enum kind, int64_t time,
		    uint64_t record, uint64_t offset);
void		 dec_weird(struct dec *, enum weird);

/* The next line of a stream, without its end; false: more bytes are needed.  A
 * line over most bytes is given in part; *skip, one a direction, passes over
 * the rest of it, and over what a gap leaves of a line when set at the gap. */
bool		 dec_next_line(struct cursor *, const struct seg *, size_t most,
		    bool *skip, struct span *line);

/* http.uri, http.path, http.query of a request target, and http.host: host,
 * or where that is none the authority of an absolute target (RFC 9112 3.2). */
void		 dec_add_target(struct batch *, struct span target,
		    struct span host);
/* An address from its text; a name stays text. */
void		 dec_add_addr(struct batch *, unsigned field, struct span);

/* -- NTLM and DCE/RPC: what several protocols carry ------------------------ */

enum { NTLM_CHALLENGE = 2, NTLM_AUTHENTICATE = 3 };
/* Names of a sign-in, kept (ntlm.c). */
struct ntlm {
	bool		seen;		/* an AUTHENTICATE message */
	struct span	user, domain, host;
	struct span	server, server_dns;
};
/* Type of the message that is somewhere in the bytes; 0: none. */
unsigned	 ntlm_type(struct span);
/* true: it is of that type, and its names are in *n. */
bool		 ntlm_read(struct dec *, struct span, unsigned type,
		    struct ntlm *n);
void		 ntlm_drop(struct dec *, struct ntlm *);
/* The event, if an AUTHENTICATE message was seen; server, success: NULL when
 * not known. */
void		 ntlm_tell(struct dec *, const struct ntlm *,
		    const struct ntlm *server, int64_t time, uint64_t record,
		    uint64_t offset, const bool *success);

/* One association: what was bound (rpc.c). */
struct rpc;
#define RPC_HEAD 16u
struct rpc_head {
	uint16_t	len, auth;
	uint16_t	want;		/* bytes that rpc_pdu() reads */
	uint8_t		type, flags;
	bool		le, is_reply;
};
/* Where calls come from when it is no TCP connection of their own. */
struct rpc_from {
	struct span		 pipe;
	const struct ntlm	*who;	/* NULL: not known */
};
struct rpc	*rpc_new(struct dec *);
void		 rpc_free(struct dec *, struct rpc *);
/* false: the bytes (RPC_HEAD of them) begin no PDU. */
bool		 rpc_head(struct span, struct rpc_head *);
/* A PDU, at least h->want bytes of it. */
void		 rpc_pdu(struct dec *, struct rpc *, const struct seg *,
		    const struct rpc_head *, struct span,
		    const struct rpc_from *);

/* -- flow records, as exporters tell them (flowrec.c) ---------------------- */

/* What a record tells of one direction. */
#define SENT_IP_BYTES	0x01u
#define SENT_BYTES	0x02u	/* of payload */
#define SENT_PKTS	0x04u
#define SENT_FLAGS	0x08u	/* TCP */

/* And of the flow. */
#define FREC_TIMES	0x0001u	/* first and last, not only when exported */
#define FREC_TOS	0x0002u
#define FREC_IN_IF	0x0004u
#define FREC_OUT_IF	0x0008u
#define FREC_SRC_AS	0x0010u
#define FREC_DST_AS	0x0020u
#define FREC_NEXT_HOP	0x0040u
#define FREC_SRC_MAC	0x0080u
#define FREC_DST_MAC	0x0100u
#define FREC_CLIENT	0x0200u	/* from is the client for certain */
#define FREC_EGRESS	0x0400u	/* seen where it left the router */

enum flow_end {		/* RFC 5102 5.11.3, flowEndReason */
	FLOW_END_NONE, FLOW_END_IDLE, FLOW_END_ACTIVE, FLOW_END_FIN,
	FLOW_END_FORCED, FLOW_END_LACK
};

/* What one direction sent. */
struct flow_sent {
	uint64_t	ip_bytes, bytes, pkts;
	uint8_t		tcp_flags;
	uint8_t		has;		/* SENT_; 0: nothing is told */
};

/* One record.  Most tell nothing of sent[1]. */
struct flow_rec {
	struct addr	 addr[2];	/* from, to */
	struct addr	 exporter, next_hop;
	int64_t		 first, last;	/* ns */
	int64_t		 exported;	/* ns, or TIME_NONE */
	struct flow_sent sent[2];	/* multiplied by the rate */
	uint64_t	 rate;		/* one packet of so many; 1: all */
	uint64_t	 record, offset;	/* where it stands */
	uint32_t	 in_if, out_if, src_as, dst_as;
	uint32_t	 tunnel;
	uint16_t	 port[2];
	uint16_t	 vlan;
	uint16_t	 has;		/* FREC_ */
	uint8_t		 mac[2][6];
	uint8_t		 proto, tos;
	uint8_t		 end;		/* enum flow_end */
	bool		 one_way;	/* ICMP without a counterpart type */
	bool		 is_packet;	/* a sample: none tells another again */
};

/*
 * Records of the same conversation, of both directions and cut at the active
 * time-out, become one conn event.
 */
struct flow_join;
struct flow_join *flow_join_new(uint32_t cap);
void		 flow_join_free(struct flow_join *);
/* now: when the record came, by the clock of the input. */
void		 flow_join_add(struct dec *, struct flow_join *,
		    const struct flow_rec *, int64_t now);
/* Tells at most SHARE_EVENTS of what waits; false: there is more. */
bool		 flow_join_end(struct dec *, struct flow_join *);
/* Type and code of ICMP in place of ports, echo as in packets. */
void		 flow_icmp(struct flow_rec *, uint8_t type, uint8_t code);

/* -- Linux logs: what auditd, syslog and journal share ------------------- */

/* The audit system's records, joined to events (audit.c). */
struct audit;
struct audit_record {
	struct span	host, type, body;
	int64_t		time;
	uint64_t	serial;		/* 0: an event of this record alone */
};
struct audit	*audit_new(struct dec *);
/* Tells what still waits. */
void		 audit_free(struct dec *, struct audit *);
void		 audit_flush(struct dec *, struct audit *);
/* Is it "[node=N ]type=T msg=audit(...)"? */
bool		 audit_match(struct span line);
/* One such line; host: where it names none.  false: it is none. */
bool		 audit_line(struct dec *, struct audit *, struct span host,
		    struct span line);
void		 audit_record(struct dec *, struct audit *,
		    const struct audit_record *);

/* A message of a program, and what it says of sign-ins and commands: events of
 * kind auth and process (authlog.c). */
struct log_line {
	struct span	host, app, pid, msg;
	int64_t		time;
};
void		 log_facts(struct dec *, const struct log_line *);
/* "USER : [REASON ; ]TTY=T ; PWD=D ; USER=U ; COMMAND=C" of sudo(8). */
struct sudo_line {
	struct span	actor, reason, tty, pwd, user, command;
};
/* A message of Sysmon for Linux (sysmonxml.c); false: is none. */
bool		 sysmon_event(struct dec *, const struct log_line *);
bool		 log_sudo(struct span msg, struct sudo_line *);

/* -- TLS hellos, in records and in QUIC (hello.c) -------------------------- */

#define HELLO_TYPE_CLIENT 1	/* handshake types */
#define HELLO_TYPE_SERVER 2
#define HELLO_EXT_PRE_SHARED_KEY 41
struct hello {			/* borrows from the message */
	struct span	suites;		/* server: the one */
	struct span	exts;
	uint16_t	version;
	bool		is_retry;	/* HelloRetryRequest, RFC 8446 4.1.3 */
	bool		is_torn;	/* extensions break off */
	bool		is_ssl2;
};

/* Body of a hello; false: breaks off before the extensions. */
bool		 hello_read(struct span body, bool is_server, struct hello *);
bool		 hello_read_ssl2(struct span body, struct hello *);
bool		 hello_ext(const struct hello *, uint16_t type,
		    struct span *body);
bool		 hello_is_tls13(uint16_t version);
/* Of a server: its version, its suite, the group of its key share (0: none). */
uint16_t	 hello_chosen_version(const struct hello *);
uint16_t	 hello_suite(const struct hello *);
uint16_t	 hello_group(const struct hello *);
/* Their facts to the event in the making; transport: t or q, for JA4. */
void		 hello_add_client(struct dec *, const struct hello *,
		    char transport);
void		 hello_add_server(struct dec *, const struct hello *,
		    bool resumed);
void		 hello_add_group(struct dec *, uint16_t group);
void		 hello_add_alert(struct dec *, uint8_t code);

/* A text in the making on the stack. */
#define DEC_TEXT_MAX	8192	/* JA3 or JA4 text, a name */
struct dec_text {
	struct buf	b;
	uint8_t		mem[DEC_TEXT_MAX];
};
struct buf	*dec_text_init(struct dec_text *);
/* A field, left out with a weird when the text did not fit. */
void		 dec_add_text(struct dec *, unsigned field, const struct buf *);

/* -- rows of other network sensors -- */

/* Number of an encryption type from its name (RFC 3961, RFC 4757), dashes or
 * underscores, any case; false when it is none. */
bool		 dec_krb_etype(struct span name, int64_t *);
/* The name that Zeek gives it, or NULL. */
const char	*dec_krb_etype_name(int64_t);
/* Our name of a TLS version that Zeek or Suricata names; else as it is. */
struct span	 dec_tls_version(struct batch *, struct span);
/* ASCII to lower case, in the arena if anything changes. */
struct span	 dec_lower(struct batch *, struct span);
/* A decimal number as U64, I64 or F64; text where those cannot hold it. */
void		 dec_set_number(struct value *, struct span);
/* Seconds since 1970 with fraction, milliseconds (by their size), or ISO 8601;
 * TIME_NONE when it is none of them. */
int64_t		 dec_time(struct span);

/* -- Windows events as JSON and XML ---------------------------------------- */

/* How a JSON object tells a Windows event; winjson.c shows them. */
enum json_dialect {
	DIALECT_PLAIN,		/* it is none */
	DIALECT_TREE, DIALECT_BEATS, DIALECT_OLD_BEATS, DIALECT_WAZUH,
	DIALECT_FLAT, DIALECT_PWSH,
	DIALECT_COUNT
};

enum json_how {
	JSON_DROP,		/* says nothing */
	JSON_AS_NAMED,		/* under the name that was given */
	JSON_AS_SYSTEM,		/* field id of System */
	JSON_AS_DATA,		/* joins the list Data */
	JSON_MESSAGE,		/* named, when there are no data */
	JSON_PAIR_NAME,		/* name of the JSON_PAIR_TEXT of its object */
	JSON_PAIR_TEXT,
	JSON_INNER,		/* may be JSON text of EventData; else named */
	JSON_XML		/* may be the event as XML; else named */
};

struct json_target {
	uint8_t		 how;		/* enum json_how */
	uint8_t		 rank;		/* the lowest of a field counts */
	uint16_t	 id;
	bool		 is_param;	/* joins Data as well */
	bool		 is_extra;	/* not of the event's data */
	const char	*rendered;	/* name of it when it is no number */
};

/* What a path (names from the outermost) may say of its object's dialect: bits
 * to be joined, and what they come to together. */
#define WIN_ROLE_RAW	(1u << 7)	/* JSON_XML is among them */
unsigned	 win_role(const struct span *part, unsigned n);
enum json_dialect win_classify(unsigned roles);
/* What a member is, its name appended to the buffer where it has one. */
struct json_target win_target(enum json_dialect, const struct span *part,
		    unsigned n, struct buf *name);
/* One event from <Event>...</Event> at the start of *text, which moves behind
 * it.  time: when the event itself has none.  false: there is none. */
bool		 dec_win_xml(struct batch *, const struct record *,
		    int64_t time, struct span *text);
/* The channel that a provider writes to, if that is known. */
struct span	 win_channel(struct span provider, uint64_t event_id);

#define SHARE_EVENTS	256u
#define DEC_STATE_MAX	256	/* bytes of state in a flow; more: dec_alloc */

/*
 * A decoder.  Which functions are set says what it reads: stream (TCP),
 * dgram (UDP), record (records of files).
 */
struct decoder {
	const char	*name, *title;
	const char	*doc;		/* what is read, what is left, RFCs */
	const uint8_t	*kinds;		/* enum kind, ended by KIND_NONE */
	size_t		 state_size;	/* cleared at the start */

	/* Conversations.  Recognised by content, never by port alone. */
	enum probe_result (*probe)(const struct probe *);
	/* Returns how many bytes are consumed; the rest comes again in front
	 * of the next ones, within the carry limit of the flow room. */
	size_t		(*stream)(struct dec *, void *state,
			    const struct seg *);
	/* One datagram. */
	void		(*dgram)(struct dec *, void *state,
			    const struct seg *);
	/* The conversation is over: tell what is pending, free all. */
	void		(*close)(struct dec *, void *state);
	/* What all conversations of a shard share and what outlives them, as
	 * the templates of exporters; optional, all three or none.  Made when
	 * the first conversation is fed; bounded by itself. */
	void		*(*share_new)(void);
	/* The input is over, no conversation is left: tells what waits, at
	 * most SHARE_EVENTS a call; false: there is more. */
	bool		(*share_end)(struct dec *, void *share);
	void		(*share_free)(void *share);

	/* Records.  match is asked with the first record (of type rectype) of
	 * a file; the best answer over 0 wins.  state lives as long as the
	 * file; begin/end are optional. */
	uint8_t		 rectype;	/* enum record_type */
	uint8_t		 also;		/* a second one it reads; 0: none */
	int		(*match)(const struct record *);
	void		(*record)(struct dec *, void *state,
			    const struct record *);
	void		(*end)(struct dec *, void *state);
};

extern const struct decoder *const decoders[];
extern const size_t ndecoders;
const struct decoder *decoder_find(struct span name);

#endif
