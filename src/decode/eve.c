/* SPDX-License-Identifier: Apache-2.0
 *
 * Suricata EVE JSON (docs.suricata.io, "EVE JSON Format"), versions 4 to 8:
 *
 *	{"timestamp":"2021-01-16T03:05:38.372100+0000","flow_id":7,
 *	 "event_type":"tls","src_ip":"10.0.0.5","src_port":50000,
 *	 "dest_ip":"10.0.0.9","dest_port":443,"proto":"TCP",
 *	 "tls":{"sni":"x","version":"TLS 1.2", ...}}
 *
 * A row becomes the kind that packets give, with the fields of fields.def;
 * members without a field there keep Suricata's dotted name.  src is the side
 * that opened the conversation, where the row tells: by its own flow.src_ip,
 * direction, or the server's port.  netflow rows are one direction each.
 *
 * dns: version 1 (4.0) has a row an answer, 2 (4.1 to 7) rrname and answers
 * or grouped, 3 (8) queries and answers.  Rows of type stats, metadata and
 * engine say nothing of traffic and are passed over.
 *
 * Ownership: names and columns live in the state.  Bounds: JSONROW_PATHS_MAX
 * names, LIST_MAX items, HEADERS_MAX bytes of a header block.
 */
#include <stdlib.h>

#include "codec.h"
#include "decode.h"

#define LIST_MAX	1024u	/* answers, names; Suricata tells fewer */
#define STATS_HEAD	128u	/* where a row tells that it holds counters */
#define HEADERS_MAX	65536u	/* the longest heads that servers take */

enum how {
	HOW_UNKNOWN,	/* not looked up so far */
	HOW_DROP, HOW_OTHER,
	HOW_SLOT,	/* told together with others; id is the slot */
	HOW_TEXT, HOW_LOWER, HOW_U64, HOW_BOOL, HOW_LIST, HOW_TIME,
	HOW_HEX,	/* text 0x1f or number */
	HOW_COLONS,	/* aa:bb:cc to aabbcc */
	HOW_SERIAL,	/* the same, without the leading 00 of its INTEGER */
	HOW_VERSION,	/* HTTP/1.1 to 1.1 */
	HOW_TLS_VERSION, HOW_ALPN, HOW_ETYPE, HOW_CIPHER, HOW_COMMAND,
	HOW_DISPOSITION, HOW_REASON
};

/* Members that are told together with others.  The first are in all rows. */
#define SLOTS								\
	SLOT(TYPE, "event_type") SLOT(TIME, "timestamp")		\
	SLOT(SRC, "src_ip") SLOT(SPORT, "src_port")			\
	SLOT(DST, "dest_ip") SLOT(DPORT, "dest_port")			\
	SLOT(PROTO, "proto") SLOT(DIRECTION, "direction")		\
	SLOT(FSRC, "flow.src_ip") SLOT(FSPORT, "flow.src_port")		\
	SLOT(FDST, "flow.dest_ip") SLOT(FDPORT, "flow.dest_port")	\
	SLOT(START, "flow.start") SLOT(END, "flow.end")			\
	SLOT(NSTART, "netflow.start") SLOT(NEND, "netflow.end")		\
	SLOT(SERVICE, "app_proto")					\
	SLOT(URL, "http.url") SLOT(HOST, "http.hostname")		\
	SLOT(REQ_HEADERS, "http.request_headers")			\
	SLOT(RESP_HEADERS, "http.response_headers")			\
	SLOT(DNS_TYPE, "dns.type") SLOT(DNS_NAME, "dns.rrname")		\
	SLOT(DNS_RRTYPE, "dns.rrtype") SLOT(DNS_RDATA, "dns.rdata")	\
	SLOT(DNS_TTL, "dns.ttl") SLOT(DNS_QUERIES, "dns.queries")	\
	SLOT(DNS_QUERY, "dns.query") SLOT(DNS_ANSWERS, "dns.answers")	\
	SLOT(SSH_CPROTO, "ssh.client.proto_version")			\
	SLOT(SSH_CLIENT, "ssh.client.software_version")			\
	SLOT(SSH_SPROTO, "ssh.server.proto_version")			\
	SLOT(SSH_SERVER, "ssh.server.software_version")			\
	SLOT(KRB_TYPE, "krb5.msg_type") SLOT(KRB_CNAME, "krb5.cname")	\
	SLOT(KRB_SNAME, "krb5.sname") SLOT(KRB_REALM, "krb5.realm")

enum slot {
#define SLOT(id, name) SLOT_##id,
	SLOTS
#undef SLOT
	SLOT_COUNT
};

static const char *const slot_names[] = {
#define SLOT(id, name) name,
	SLOTS
#undef SLOT
};

static const struct { const char *name; uint16_t id; uint8_t how; } map[] = {
	{ "flow_id", FIELD_SURICATA_FLOW, HOW_U64 },
	{ "community_id", FIELD_COMMUNITY_ID, HOW_TEXT },
	{ "icmp_type", FIELD_ICMP_TYPE, HOW_U64 },
	{ "icmp_code", FIELD_ICMP_CODE, HOW_U64 },
	{ "flow.pkts_toserver", FIELD_SRC_PKTS, HOW_U64 },
	{ "flow.pkts_toclient", FIELD_DST_PKTS, HOW_U64 },
	{ "flow.bytes_toserver", FIELD_SRC_IP_BYTES, HOW_U64 },
	{ "flow.bytes_toclient", FIELD_DST_IP_BYTES, HOW_U64 },
	{ "flow.reason", FIELD_CONN_END, HOW_REASON },
	{ "flow.age", 0, HOW_DROP }, { "netflow.age", 0, HOW_DROP },
	{ "netflow.pkts", FIELD_SRC_PKTS, HOW_U64 },
	{ "netflow.bytes", FIELD_SRC_IP_BYTES, HOW_U64 },
	{ "http.http_method", FIELD_HTTP_METHOD, HOW_TEXT },
	{ "http.protocol", FIELD_HTTP_VERSION, HOW_VERSION },
	{ "http.http_user_agent", FIELD_HTTP_USER_AGENT, HOW_TEXT },
	{ "http.http_refer", FIELD_HTTP_REFERER, HOW_TEXT },
	{ "http.cookie", FIELD_HTTP_COOKIE, HOW_TEXT },
	{ "http.xff", FIELD_HTTP_XFF, HOW_TEXT },
	{ "http.status", FIELD_HTTP_STATUS, HOW_U64 },
	{ "http.http_content_type", FIELD_HTTP_RESP_TYPE, HOW_TEXT },
	{ "http.server", FIELD_HTTP_RESP_SERVER, HOW_TEXT },
	{ "http.redirect", FIELD_HTTP_LOCATION, HOW_TEXT },
	{ "http.length", FIELD_HTTP_RESP_LEN, HOW_U64 },
	{ "http.http_request_body_printable", FIELD_HTTP_REQ_BODY, HOW_TEXT },
	{ "http.http_response_body_printable", FIELD_HTTP_RESP_BODY,
	    HOW_TEXT },
	{ "dns.id", FIELD_DNS_ID, HOW_U64 },
	{ "dns.rcode", FIELD_DNS_RCODE, HOW_TEXT },
	{ "dns.aa", FIELD_DNS_AA, HOW_BOOL },
	{ "dns.rd", FIELD_DNS_RD, HOW_BOOL },
	{ "dns.tc", FIELD_DNS_TC, HOW_BOOL },
	{ "dns.qr", 0, HOW_DROP },
	{ "tls.sni", FIELD_TLS_SNI, HOW_TEXT },
	{ "tls.version", FIELD_TLS_VERSION, HOW_TLS_VERSION },
	{ "tls.session_resumed", FIELD_TLS_RESUMED, HOW_BOOL },
	{ "tls.subject", FIELD_TLS_SUBJECT, HOW_TEXT },
	{ "tls.issuerdn", FIELD_TLS_ISSUER, HOW_TEXT },
	{ "tls.serial", FIELD_TLS_SERIAL, HOW_SERIAL },
	{ "tls.fingerprint", FIELD_TLS_CERT_SHA1, HOW_COLONS },
	{ "tls.notbefore", FIELD_TLS_NOT_BEFORE, HOW_TIME },
	{ "tls.notafter", FIELD_TLS_NOT_AFTER, HOW_TIME },
	{ "tls.subjectaltname", FIELD_TLS_SAN, HOW_LIST },
	{ "tls.client_alpns", FIELD_TLS_CLIENT_ALPN, HOW_LIST },
	{ "tls.server_alpns", FIELD_TLS_ALPN, HOW_ALPN },
	{ "tls.ja3.hash", FIELD_TLS_JA3, HOW_TEXT },
	{ "tls.ja3.string", FIELD_TLS_JA3_TEXT, HOW_TEXT },
	{ "tls.ja3s.hash", FIELD_TLS_JA3S, HOW_TEXT },
	{ "tls.ja4", FIELD_TLS_JA4, HOW_TEXT },
	{ "tls.client.subject", FIELD_TLS_CLIENT_SUBJECT, HOW_TEXT },
	{ "tls.client.issuerdn", FIELD_TLS_CLIENT_ISSUER, HOW_TEXT },
	{ "tls.client.fingerprint", FIELD_TLS_CLIENT_CERT_SHA1, HOW_COLONS },
	{ "ssh.client.hassh.hash", FIELD_SSH_HASSH, HOW_TEXT },
	{ "ssh.client.hassh.string", FIELD_SSH_HASSH_TEXT, HOW_TEXT },
	{ "ssh.server.hassh.hash", FIELD_SSH_HASSH_SERVER, HOW_TEXT },
	{ "ssh.server.hassh.string", FIELD_SSH_HASSH_SERVER_TEXT, HOW_TEXT },
	{ "krb5.encryption", FIELD_KRB_REPLY_ETYPE, HOW_ETYPE },
	{ "krb5.ticket_encryption", FIELD_KRB_TICKET_ETYPE, HOW_CIPHER },
	{ "krb5.error_code", FIELD_KRB_ERROR, HOW_TEXT },
	{ "smb.command", FIELD_SMB_COMMAND, HOW_COMMAND },
	{ "smb.status_code", FIELD_SMB_STATUS, HOW_HEX },
	{ "smb.dialect", FIELD_SMB_DIALECT, HOW_TEXT },
	{ "smb.share", FIELD_SMB_SHARE, HOW_TEXT },
	{ "smb.named_pipe", FIELD_SMB_SHARE, HOW_TEXT },
	{ "smb.share_type", FIELD_SMB_SHARE_TYPE, HOW_LOWER },
	{ "smb.filename", FIELD_SMB_FILE, HOW_TEXT },
	{ "smb.disposition", FIELD_SMB_DISPOSITION, HOW_DISPOSITION },
	{ "smb.size", FIELD_SMB_SIZE, HOW_U64 },
	{ "smb.session_id", FIELD_SMB_SESSION, HOW_HEX },
	{ "smb.tree_id", FIELD_SMB_TREE, HOW_HEX },
	{ "smb.ntlmssp.user", FIELD_NTLM_USER, HOW_TEXT },
	{ "smb.ntlmssp.domain", FIELD_NTLM_DOMAIN, HOW_TEXT },
	{ "smb.ntlmssp.host", FIELD_NTLM_HOST, HOW_TEXT },
	{ "fileinfo.filename", FIELD_FILE_NAME, HOW_TEXT },
	{ "fileinfo.file_id", FIELD_FILE_ID, HOW_TEXT },
	{ "fileinfo.mimetype", FIELD_FILE_MIME, HOW_TEXT },
	{ "fileinfo.magic", FIELD_FILE_MAGIC, HOW_TEXT },
	{ "fileinfo.size", FIELD_FILE_SIZE, HOW_U64 },
	{ "fileinfo.md5", FIELD_FILE_MD5, HOW_TEXT },
	{ "fileinfo.sha1", FIELD_FILE_SHA1, HOW_TEXT },
	{ "fileinfo.sha256", FIELD_FILE_SHA256, HOW_TEXT },
	{ "alert.signature", FIELD_ALERT_SIGNATURE, HOW_TEXT },
	{ "alert.signature_id", FIELD_ALERT_SID, HOW_U64 },
	{ "alert.gid", FIELD_ALERT_GID, HOW_U64 },
	{ "alert.rev", FIELD_ALERT_REV, HOW_U64 },
	{ "alert.category", FIELD_ALERT_CATEGORY, HOW_TEXT },
	{ "alert.severity", FIELD_ALERT_SEVERITY, HOW_U64 },
	{ "alert.action", FIELD_ALERT_ACTION, HOW_TEXT },
	{ "alert.metadata.mitre_technique_id", FIELD_ALERT_ATTACK, HOW_LIST },
	{ "rdp.cookie", FIELD_RDP_COOKIE, HOW_TEXT },
	{ "rdp.client.client_name", FIELD_RDP_CLIENT, HOW_TEXT },
	{ "rdp.protocol", FIELD_RDP_SECURITY, HOW_TEXT },
	{ "ftp.command", FIELD_FTP_COMMAND, HOW_TEXT },
	{ "ftp.command_data", FIELD_FTP_ARG, HOW_TEXT },
	{ "smtp.helo", FIELD_SMTP_HELO, HOW_TEXT },
	{ "smtp.mail_from", FIELD_SMTP_MAIL_FROM, HOW_TEXT },
	{ "smtp.rcpt_to", FIELD_SMTP_RCPT_TO, HOW_LIST },
	{ "email.from", FIELD_SMTP_FROM, HOW_TEXT },
	{ "email.to", FIELD_SMTP_TO, HOW_LIST },
	{ "email.subject", FIELD_SMTP_SUBJECT, HOW_TEXT },
};

static const struct { const char *type; uint8_t kind; } types[] = {
	{ "flow", KIND_CONN }, { "netflow", KIND_CONN },
	{ "http", KIND_HTTP }, { "http2", KIND_HTTP }, { "dns", KIND_DNS },
	{ "tls", KIND_TLS }, { "ssh", KIND_SSH }, { "krb5", KIND_KRB5 },
	{ "smb", KIND_SMB }, { "fileinfo", KIND_FILE },
	{ "alert", KIND_ALERT }, { "rdp", KIND_RDP }, { "ftp", KIND_FTP },
	{ "smtp", KIND_SMTP }, { "dcerpc", KIND_DCERPC },
	{ "stats", KIND_NONE }, { "metadata", KIND_NONE },
	{ "engine", KIND_NONE },
};

/* -- state --------------------------------------------------------------- */

struct column {
	uint16_t	id;
	uint8_t		how;
};

struct store {
	struct jsonrow	*names;
	struct json	 inner;		/* arrays of objects */
	struct column	 column[JSONROW_PATHS_MAX];
};

struct eve {
	struct store	*s;
	bool		 failed;	/* no memory */
};

typedef const struct jsonrow_member *member;

struct row {
	struct dec	*dec;
	struct batch	*b;
	struct store	*s;
	struct jsonrow_row json;
	member		 slot[SLOT_COUNT];
	uint8_t		 kind;
};

static struct store *
store_of(struct dec *d, struct eve *e)
{
	struct store *s;

	if (e->s != NULL || e->failed)
		return e->s;
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->names = jsonrow_new()) == NULL) {
		free(s);
		e->failed = true;
		dec_weird(d, WEIRD_STATE_LIMIT);
		return NULL;
	}
	e->s = s;
	return s;
}

static struct column
look_up(const struct demand *want, const char *name)
{
	unsigned id;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (strcmp(slot_names[i], name) == 0)
			return (struct column){ (uint16_t)i, HOW_SLOT };
	for (size_t i = 0; i < NITEMS(map); i++)
		if (strcmp(map[i].name, name) == 0) {
			/* HOW_CIPHER tells two fields. */
			if (map[i].how != HOW_CIPHER &&
			    !want->field[map[i].id])
				return (struct column){ 0, HOW_DROP };
			return (struct column){ map[i].id, map[i].how };
		}
	/* A rule may want it by its own name. */
	id = field_by_name(span_str(name));
	if (id != FIELD_OTHER ? !want->field[id] : !want->others)
		return (struct column){ 0, HOW_DROP };
	return (struct column){ (uint16_t)id, HOW_OTHER };
}

static inline const struct column *
column_of(const struct row *r, uint16_t path)
{
	struct column *c = &r->s->column[path];

	if (c->how == HOW_UNKNOWN)
		*c = look_up(r->b->want, jsonrow_name(r->s->names, path));
	return c;
}

/* -- values -------------------------------------------------------------- */

static struct span
text_of(struct batch *b, member m)
{
	struct span s;

	if (m == NULL)
		return SPAN_NONE;
	s = jsonrow_text(m, &b->arena);
	if (s.ptr == NULL)
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
	return s;
}

static struct span
slot_text(const struct row *r, enum slot i)
{
	return text_of(r->b, r->slot[i]);
}

static void
set_text(struct value *v, struct span s)
{
	v->type = VT_STR;
	v->ptr = s.ptr;
	v->len = (uint32_t)s.len;
}

static void
set_value(struct batch *b, struct value *v, member m)
{
	switch (m->type) {
	case JSON_NUMBER:
		dec_set_number(v, span_of(m->ptr, m->len));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v->type = VT_BOOL;
		v->u64 = m->type == JSON_TRUE;
		break;
	case JSON_NULL:
		v->type = VT_NULL;
		break;
	default:	/* objects in lists stand as they are */
		set_text(v, text_of(b, m));
	}
}

static void
set_list(struct batch *b, struct value *v, member m)
{
	struct span rest = jsonrow_items(m), again = rest;
	struct jsonrow_member one;
	struct value *item;
	uint32_t n = 0;

	v->type = VT_LIST;
	while (n < LIST_MAX && jsonrow_item(&rest, &one))
		n++;
	if (n == LIST_MAX)
		batch_weird(b, WEIRD_JSON_SIZE, NULL);
	if (n == 0)
		return;
	if ((item = arena_zalloc(&b->arena, n * sizeof(*item))) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	v->ptr = item;
	v->len = n;
	for (; n > 0 && jsonrow_item(&again, &one); n--)
		set_value(b, item++, &one);
}

static struct span
without_colons(struct batch *b, struct span s)
{
	uint8_t *p = arena_alloc(&b->arena, s.len), *to = p;

	if (p == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return SPAN_NONE;
	}
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != ':')
			*to++ = ascii_lower(s.ptr[i]);
	return span_of(p, (size_t)(to - p));
}

static bool
is_nothing(struct span s)
{
	return s.len == 0 || span_eq(s, SPAN_LIT("<empty>")) ||
	    span_eq(s, SPAN_LIT("<none>"));
}

/* SMB2_COMMAND_TREE_CONNECT, SMB1_COMMAND_NT_CREATE_ANDX */
static struct span
smb_command(struct batch *b, struct span s)
{
	static const char mark[] = "_COMMAND_";
	size_t at = span_find(s, span_str(mark));

	if (at != SPAN_NPOS)
		s = span_sub(s, at + sizeof(mark) - 1, SIZE_MAX);
	if (span_ends(s, SPAN_LIT("_ANDX")))
		s.len -= 5;
	if (span_eq(s, SPAN_LIT("NEGOTIATE_PROTOCOL")))
		return SPAN_LIT("negotiate");
	if (span_eq(s, SPAN_LIT("NT_CREATE")))
		return SPAN_LIT("create");
	return dec_lower(b, s);
}

static void
add_hex(struct batch *b, unsigned field, struct span s)
{
	uint64_t n = 0;

	if (!span_starts_nocase(s, SPAN_LIT("0x"))) {
		if (span_u64(s, &n))
			event_add_num(b, field, VT_HEX, n);
		return;
	}
	if (s.len < 3 || s.len > 18)
		return;
	for (size_t i = 2; i < s.len; i++) {
		int d = ascii_hex(s.ptr[i]);

		if (d < 0)
			return;
		n = n << 4 | (unsigned)d;
	}
	event_add_num(b, field, VT_HEX, n);
}

static void
add_etype(struct batch *b, const struct column *c, struct span s)
{
	int64_t etype;

	if (is_nothing(s))
		return;
	if (c->how == HOW_CIPHER)
		event_add_str(b, FIELD_KRB_CIPHER, s);
	if (dec_krb_etype(s, &etype))
		event_add_num(b, c->id, VT_I64, (uint64_t)etype);
}

static void
add_first(struct batch *b, unsigned field, member m)
{
	struct span rest = jsonrow_items(m);
	struct jsonrow_member one;

	if (jsonrow_item(&rest, &one))
		event_add_str(b, field, text_of(b, &one));
}

static void
put_text(struct row *r, const struct column *c, struct span s)
{
	struct batch *b = r->b;

	switch (c->how) {
	case HOW_LOWER:
		s = dec_lower(b, s);
		break;
	case HOW_COLONS:
		s = without_colons(b, s);
		break;
	case HOW_SERIAL:
		s = without_colons(b, s);
		if (s.len > 2 && span_starts(s, SPAN_LIT("00")))
			s = span_sub(s, 2, SIZE_MAX);
		break;
	case HOW_VERSION:
		if (span_starts(s, SPAN_LIT("HTTP/")))
			s = span_sub(s, 5, SIZE_MAX);
		break;
	case HOW_TLS_VERSION:
		if (span_eq(s, SPAN_LIT("UNDETERMINED")))
			return;
		s = dec_tls_version(b, s);
		break;
	case HOW_COMMAND:
		s = smb_command(b, s);
		break;
	case HOW_DISPOSITION:
		if (span_starts(s, SPAN_LIT("FILE_")))
			s = span_sub(s, 5, SIZE_MAX);
		s = dec_lower(b, s);
		break;
	case HOW_REASON:
		if (span_eq(s, SPAN_LIT("shutdown")))
			s = SPAN_LIT("end");
		break;
	default:
		break;
	}
	event_add_str(b, c->id, s);
}

static void
add_other(struct row *r, const struct column *c, member m)
{
	struct batch *b = r->b;
	struct value *v = c->id != 0 ? event_add(b, c->id, VT_NULL) :
	    event_add_other(b, jsonrow_name(r->s->names, m->path), VT_NULL);

	if (v == NULL)
		return;
	if (m->type == JSON_ARRAY)
		set_list(b, v, m);
	else
		set_value(b, v, m);
}

static void
put(struct row *r, member m)
{
	const struct column *c = column_of(r, m->path);
	struct span raw = span_of(m->ptr, m->len);
	struct batch *b = r->b;
	struct value *v;
	uint64_t n;
	int64_t t;

	switch (c->how) {
	case HOW_DROP:
	case HOW_SLOT:
		break;
	case HOW_OTHER:
		add_other(r, c, m);
		break;
	case HOW_U64:
		if (span_u64(raw, &n))
			event_add_u64(b, c->id, n);
		break;
	case HOW_BOOL:
		if (m->type == JSON_TRUE || m->type == JSON_FALSE)
			event_add_bool(b, c->id, m->type == JSON_TRUE);
		break;
	case HOW_LIST:
		if (m->type == JSON_ARRAY &&
		    (v = event_add(b, c->id, VT_LIST)) != NULL)
			set_list(b, v, m);
		break;
	case HOW_ALPN:
		add_first(b, c->id, m);
		break;
	case HOW_TIME:
		if ((t = dec_time(raw)) != TIME_NONE)
			event_add_time(b, c->id, t);
		break;
	case HOW_HEX:
		add_hex(b, c->id, raw);
		break;
	case HOW_ETYPE:
	case HOW_CIPHER:
		add_etype(b, c, text_of(b, m));
		break;
	default:
		if (m->type != JSON_ARRAY && m->type != JSON_NULL)
			put_text(r, c, text_of(b, m));
	}
}

/* -- endpoints ----------------------------------------------------------- */

static uint64_t
slot_number(const struct row *r, enum slot i)
{
	uint64_t n = 0;

	if (r->slot[i] != NULL)
		(void)span_u64(span_of(r->slot[i]->ptr, r->slot[i]->len), &n);
	return n;
}

/* Is src_ip the server's?  Packets, files and (in old versions) answers are
 * told with the direction that they had. */
static bool
is_backwards(const struct row *r)
{
	uint64_t from = slot_number(r, SLOT_SPORT);
	uint64_t to = slot_number(r, SLOT_DPORT);

	if (r->slot[SLOT_DIRECTION] != NULL)
		return span_eq(slot_text(r, SLOT_DIRECTION),
		    SPAN_LIT("to_client"));
	if (r->kind == KIND_DNS)
		return from == 53 && to != 53;
	if (r->kind == KIND_ALERT || r->kind == KIND_FILE)
		return from != 0 && from < 1024 && to >= 1024;
	return false;
}

static void
add_proto(struct row *r)
{
	struct span s = dec_lower(r->b, slot_text(r, SLOT_PROTO));

	if (s.len == 0)
		return;
	if (span_eq(s, SPAN_LIT("ipv6-icmp")) ||
	    span_eq(s, SPAN_LIT("icmpv6")))
		s = SPAN_LIT("icmp6");
	event_add_str(r->b, FIELD_PROTO, s);
}

static void
add_endpoints(struct row *r)
{
	static const uint16_t fields[] = { FIELD_SRC_IP, FIELD_SRC_PORT,
	    FIELD_DST_IP, FIELD_DST_PORT };
	static const uint8_t ways[][4] = {
		{ SLOT_SRC, SLOT_SPORT, SLOT_DST, SLOT_DPORT },
		{ SLOT_DST, SLOT_DPORT, SLOT_SRC, SLOT_SPORT },
		{ SLOT_FSRC, SLOT_FSPORT, SLOT_FDST, SLOT_FDPORT },
	};
	const uint8_t *way = r->slot[SLOT_FSRC] != NULL ? ways[2] :
	    ways[is_backwards(r)];
	uint64_t n;

	for (unsigned i = 0; i < 4; i++) {
		struct span s = slot_text(r, way[i]);

		if (s.len == 0)
			continue;
		if ((i & 1) == 0)
			dec_add_addr(r->b, fields[i], s);
		else if (span_u64(s, &n))
			event_add_u64(r->b, fields[i], n);
	}
	add_proto(r);
}

/* -- what takes several members ------------------------------------------ */

static int64_t
slot_time(const struct row *r, enum slot i)
{
	return r->slot[i] == NULL ? TIME_NONE :
	    dec_time(span_of(r->slot[i]->ptr, r->slot[i]->len));
}

static int64_t
time_of(const struct row *r)
{
	int64_t t = TIME_NONE;

	/* As packets tell them: conversations by their start. */
	if (r->kind == KIND_CONN && (t = slot_time(r, SLOT_START)) ==
	    TIME_NONE)
		t = slot_time(r, SLOT_NSTART);
	return t != TIME_NONE ? t : slot_time(r, SLOT_TIME);
}

static void
add_conn(struct row *r)
{
	bool net = r->slot[SLOT_NSTART] != NULL;
	int64_t start = slot_time(r, net ? SLOT_NSTART : SLOT_START);
	int64_t end = slot_time(r, net ? SLOT_NEND : SLOT_END);
	struct span service = slot_text(r, SLOT_SERVICE);

	if (start != TIME_NONE && end != TIME_NONE && end >= start)
		event_add_f64(r->b, FIELD_CONN_DURATION,
		    (double)time_diff(end, start) / (double)NSEC);
	if (service.len != 0 && !span_eq(service, SPAN_LIT("failed")))
		event_add_str(r->b, FIELD_CONN_SERVICE, service);
}

/* [{"name": "Host", "value": "x"}] to a block as it was sent. */
static void
add_headers(struct row *r, unsigned field, member m)
{
	struct json *j = &r->s->inner;
	struct batch *b = r->b;
	uint8_t *p, *to;

	if (m == NULL || m->type != JSON_ARRAY || !event_wants(b, field))
		return;
	if (m->len > HEADERS_MAX) {
		batch_weird(b, WEIRD_HTTP_HEADERS_BIG, r->dec->rec);
		return;
	}
	if (json_parse(j, span_of(m->ptr, m->len)) != JSON_OK)
		return;
	/* "name: value\r\n" is shorter than what it came from. */
	if ((p = to = arena_alloc(&b->arena, m->len)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	for (uint32_t i = 1; i < j->tok[0].next; i = j->tok[i].next) {
		uint32_t at[2] = { json_member(j, i, SPAN_LIT("name")),
		    json_member(j, i, SPAN_LIT("value")) };

		if (at[0] == 0 || at[1] == 0)
			continue;
		for (unsigned k = 0; k < 2; k++) {
			struct span s = json_raw(j, at[k]);

			to += json_unescape(s, to);
			memcpy(to, k == 0 ? ": " : "\r\n", 2);
			to += 2;
		}
	}
	event_add_str(b, field, span_of(p, (size_t)(to - p)));
}

static void
add_http(struct row *r)
{
	struct span url = slot_text(r, SLOT_URL);
	struct span host = slot_text(r, SLOT_HOST);

	if (r->slot[SLOT_URL] != NULL)
		dec_add_target(r->b, url, host);
	else if (host.len != 0)
		event_add_str(r->b, FIELD_HTTP_HOST, host);
	add_headers(r, FIELD_HTTP_HEADERS, r->slot[SLOT_REQ_HEADERS]);
	add_headers(r, FIELD_HTTP_RESP_HEADERS, r->slot[SLOT_RESP_HEADERS]);
}

/* -- dns ----------------------------------------------------------------- */

static struct span
name_text(struct row *r, uint32_t i)
{
	const struct json *j = &r->s->inner;

	return i == 0 || j->tok[i].type != JSON_STRING ? SPAN_NONE :
	    json_text(j, i, &r->b->arena);
}

/* An answer's data: rdata, or (version 3) ptr, txt… beside name and type. */
static struct span
answer_text(struct row *r, uint32_t object)
{
	const struct json *j = &r->s->inner;
	uint32_t i = json_member(j, object, SPAN_LIT("rdata"));

	if (i != 0)
		return name_text(r, i);
	for (i = object + 1; i < j->tok[object].next; i = j->tok[i + 1].next) {
		struct span key = json_raw(j, i);
		uint32_t v = i + 1;

		if (span_starts(key, SPAN_LIT("rr")))
			continue;
		if (j->tok[v].type == JSON_ARRAY && j->tok[v].len > 2)
			v++;
		if (j->tok[v].type == JSON_STRING)
			return name_text(r, v);
	}
	return SPAN_NONE;
}

static bool
inner_list(struct row *r, member m)
{
	struct json *j = &r->s->inner;

	return m != NULL && m->type == JSON_ARRAY &&
	    json_parse(j, span_of(m->ptr, m->len)) == JSON_OK;
}

struct answers {
	struct value	*text, *ttl;
	uint32_t	 n, max;
};

/* Room for so many answers, in lists of the event. */
static struct answers
make_answers(struct batch *b, uint32_t max)
{
	struct answers a = { NULL, NULL, 0, max };

	a.text = event_add_list(b, FIELD_DNS_ANSWERS, max);
	a.ttl = event_add_list(b, FIELD_DNS_TTLS, max);
	return a;
}

static void
add_answer(struct answers *a, struct span text, uint64_t ttl)
{
	if (a->n == a->max)
		return;
	if (a->text != NULL)
		set_text(&a->text[a->n], text);
	if (a->ttl != NULL) {
		a->ttl[a->n].type = VT_U64;
		a->ttl[a->n].u64 = ttl;
	}
	a->n++;
}

static void
add_answers(struct row *r)
{
	struct json *j = &r->s->inner;
	struct answers a;
	uint32_t n = 0;
	uint64_t ttl;

	if (!inner_list(r, r->slot[SLOT_DNS_ANSWERS]))
		return;
	for (uint32_t i = 1; i < j->tok[0].next; i = j->tok[i].next)
		n += j->tok[i].type == JSON_OBJECT;
	if (n > LIST_MAX) {
		batch_weird(r->b, WEIRD_DNS_LIMIT, r->dec->rec);
		n = LIST_MAX;
	}
	if (n == 0)
		return;
	a = make_answers(r->b, n);
	for (uint32_t i = 1; i < j->tok[0].next; i = j->tok[i].next) {
		uint32_t at;

		if (j->tok[i].type != JSON_OBJECT)
			continue;
		ttl = 0;
		at = json_member(j, i, SPAN_LIT("ttl"));
		if (at != 0)
			(void)json_u64(j, at, &ttl);
		add_answer(&a, answer_text(r, i), ttl);
	}
}

/* {"A": ["10.0.0.1"], "CNAME": ["x"]}: no times to live. */
static void
add_grouped(struct row *r)
{
	static const char prefix[] = "dns.grouped.";
	struct jsonrow_member one;
	struct value *text = NULL;
	uint32_t n = 0;

	if (!event_wants(r->b, FIELD_DNS_ANSWERS))
		return;
	for (int pass = 0; pass < 2; pass++) {
		uint32_t at = 0;

		for (uint32_t i = 0; i < r->json.n; i++) {
			member m = &r->json.member[i];
			struct span rest;

			if (m->type != JSON_ARRAY || strncmp(jsonrow_name(
			    r->s->names, m->path), prefix,
			    sizeof(prefix) - 1) != 0)
				continue;
			rest = jsonrow_items(m);
			while (jsonrow_item(&rest, &one) &&
			    one.type == JSON_STRING && at < LIST_MAX) {
				if (pass == 1)
					set_text(&text[at],
					    text_of(r->b, &one));
				at++;
			}
		}
		n = at;
		if (n == 0 || (pass == 0 && (text = event_add_list(r->b,
		    FIELD_DNS_ANSWERS, n)) == NULL))
			return;
	}
}

/* The question: rrname, or the first of queries (query in alerts). */
static void
add_question(struct row *r)
{
	struct span name = slot_text(r, SLOT_DNS_NAME);
	struct span type = slot_text(r, SLOT_DNS_RRTYPE);
	struct json *j = &r->s->inner;

	if (r->slot[SLOT_DNS_NAME] == NULL &&
	    (inner_list(r, r->slot[SLOT_DNS_QUERIES]) ||
	    inner_list(r, r->slot[SLOT_DNS_QUERY])) && j->ntok > 1) {
		name = name_text(r, json_member(j, 1, SPAN_LIT("rrname")));
		type = name_text(r, json_member(j, 1, SPAN_LIT("rrtype")));
	}
	if (name.ptr != NULL)
		event_add_str(r->b, FIELD_DNS_QUERY, name);
	if (type.ptr != NULL)
		event_add_str(r->b, FIELD_DNS_QTYPE, type);
}

static void
add_dns(struct row *r)
{
	struct span type = slot_text(r, SLOT_DNS_TYPE);
	struct answers a;

	add_question(r);
	event_add_bool(r->b, FIELD_DNS_QR, span_eq(type, SPAN_LIT("answer")) ||
	    span_eq(type, SPAN_LIT("response")));
	if (r->slot[SLOT_DNS_ANSWERS] != NULL) {
		add_answers(r);
	} else if (r->slot[SLOT_DNS_RDATA] != NULL) {
		a = make_answers(r->b, 1);
		add_answer(&a, slot_text(r, SLOT_DNS_RDATA),
		    slot_number(r, SLOT_DNS_TTL));
	} else {
		add_grouped(r);
	}
}

/* -- ssh, krb5 ----------------------------------------------------------- */

/* a, between, b as one text. */
static struct span
joined(struct batch *b, struct span a, const char *between, struct span c)
{
	size_t n = strlen(between);
	uint8_t *p = arena_alloc(&b->arena, a.len + n + c.len);

	if (p == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return SPAN_NONE;
	}
	if (a.len != 0)
		memcpy(p, a.ptr, a.len);
	memcpy(p + a.len, between, n);
	if (c.len != 0)
		memcpy(p + a.len + n, c.ptr, c.len);
	return span_of(p, a.len + n + c.len);
}

/* The banner as it went over the wire. */
static void
add_banner(struct row *r, unsigned field, enum slot proto, enum slot software)
{
	struct span s;

	if (r->slot[software] == NULL || !event_wants(r->b, field))
		return;
	s = joined(r->b, slot_text(r, proto), "-", slot_text(r, software));
	event_add_str(r->b, field, joined(r->b, SPAN_LIT("SSH"), "-", s));
}

static void
add_principal(struct row *r, unsigned field, struct span name,
    struct span realm)
{
	if (is_nothing(name) || !event_wants(r->b, field))
		return;
	event_add_str(r->b, field, is_nothing(realm) ? name :
	    joined(r->b, name, "@", realm));
}

static void
add_krb5(struct row *r)
{
	struct span type = slot_text(r, SLOT_KRB_TYPE);
	struct span realm = slot_text(r, SLOT_KRB_REALM);
	bool is_tgs = span_starts(type, SPAN_LIT("KRB_TGS"));

	if (is_tgs || span_starts(type, SPAN_LIT("KRB_AS")))
		event_add_str(r->b, FIELD_KRB_TYPE, is_tgs ? SPAN_LIT("TGS") :
		    SPAN_LIT("AS"));
	else if (span_eq(type, SPAN_LIT("KRB_ERROR")))
		event_add_str(r->b, FIELD_KRB_TYPE, SPAN_LIT("KRB-ERROR"));
	add_principal(r, FIELD_KRB_CLIENT, slot_text(r, SLOT_KRB_CNAME),
	    realm);
	add_principal(r, FIELD_KRB_SERVICE, slot_text(r, SLOT_KRB_SNAME),
	    realm);
	if (!is_nothing(realm))
		event_add_str(r->b, FIELD_KRB_REALM, realm);
	event_add_bool(r->b, FIELD_KRB_SUCCESS,
	    span_ends(type, SPAN_LIT("_REP")));
}

/* -- rows ---------------------------------------------------------------- */

static uint8_t
kind_of(struct span type)
{
	for (size_t i = 0; i < NITEMS(types); i++)
		if (span_eq(type, span_str(types[i].type)))
			return types[i].kind;
	return KIND_SENSOR;
}

/* Alerts carry what the protocol said beside them. */
static void
add_parts(struct row *r)
{
	struct span type = slot_text(r, SLOT_TYPE), source;

	if (r->kind == KIND_CONN)
		add_conn(r);
	if (r->slot[SLOT_URL] != NULL || r->slot[SLOT_HOST] != NULL)
		add_http(r);
	if (r->kind == KIND_DNS || r->slot[SLOT_DNS_QUERY] != NULL ||
	    r->slot[SLOT_DNS_QUERIES] != NULL)
		add_dns(r);
	add_banner(r, FIELD_SSH_CLIENT, SLOT_SSH_CPROTO, SLOT_SSH_CLIENT);
	add_banner(r, FIELD_SSH_SERVER, SLOT_SSH_SPROTO, SLOT_SSH_SERVER);
	if (r->slot[SLOT_KRB_TYPE] != NULL)
		add_krb5(r);
	if (r->kind == KIND_FILE) {
		source = slot_text(r, SLOT_SERVICE);
		if (source.len != 0)
			event_add_str(r->b, FIELD_FILE_SOURCE, source);
	}
	event_add_str(r->b, FIELD_SENSOR_NAME, SPAN_LIT("suricata"));
	event_add_str(r->b, FIELD_SENSOR_LOG, type);
}

static void
row_weirds(struct dec *d, enum json_status status, uint8_t flags)
{
	if (status == JSON_DEEP)
		dec_weird(d, WEIRD_JSON_DEPTH);
	else if (status == JSON_BROKEN)
		dec_weird(d, WEIRD_JSON_BAD);
	else if (status != JSON_OK)
		dec_weird(d, WEIRD_JSON_SIZE);
	if (flags & JSON_F_REPEATED)
		dec_weird(d, WEIRD_JSON_DUPLICATE);
	if (flags & JSON_F_NOT_UTF8)
		dec_weird(d, WEIRD_TEXT_ENCODING);
	if (flags & JSONROW_F_LOST)
		dec_weird(d, WEIRD_JSON_SIZE);
}

static void
eve_record(struct dec *d, void *state, const struct record *rec)
{
	struct row r = { .dec = d, .b = d->batch, .s = store_of(d, state) };
	enum json_status status;

	/* Counters of every thread would use up the names. */
	if (r.s == NULL || span_find(span_sub(rec->data, 0, STATS_HEAD),
	    SPAN_LIT("\"event_type\":\"stats\"")) != SPAN_NPOS)
		return;
	status = jsonrow_read(r.s->names, rec->data, &r.json);
	if (status != JSON_OK || r.json.flags != 0)
		row_weirds(d, status, r.json.flags);
	if (status != JSON_OK)
		return;
	for (uint32_t i = 0; i < r.json.n; i++) {
		const struct column *c = column_of(&r, r.json.member[i].path);

		if (c->how == HOW_SLOT)
			r.slot[c->id] = &r.json.member[i];
	}
	if (r.slot[SLOT_TYPE] == NULL) {
		dec_weird(d, WEIRD_EVE_BAD);
		return;
	}
	r.kind = kind_of(slot_text(&r, SLOT_TYPE));
	if (r.kind == KIND_NONE || !event_begin(r.b, r.kind, time_of(&r),
	    batch_locator(r.b, rec)))
		return;
	add_endpoints(&r);
	for (uint32_t i = 0; i < r.json.n; i++)
		put(&r, &r.json.member[i]);
	add_parts(&r);
	event_end(r.b);
}

static void
eve_end(struct dec *d, void *state)
{
	struct eve *e = state;

	(void)d;
	if (e->s == NULL)
		return;
	json_fini(&e->s->inner);
	jsonrow_free(e->s->names);
	free(e->s);
	e->s = NULL;
}

/* event_type is a common name: what goes with it must be Suricata's. */
static int
eve_match(const struct record *rec)
{
	static const char *const with[] = { "\"flow_id\":", "\"dest_ip\":",
	    "\"stats\":", "\"pcap_cnt\":" };
	struct span s = span_sub(rec->data, 0, 16384);

	if (span_find(s, SPAN_LIT("\"event_type\":")) == SPAN_NPOS ||
	    span_find(s, SPAN_LIT("\"timestamp\":")) == SPAN_NPOS)
		return 0;
	for (size_t i = 0; i < NITEMS(with); i++)
		if (span_find(s, span_str(with[i])) != SPAN_NPOS)
			return 85;
	return 0;
}

static const uint8_t eve_kinds[] = {
	KIND_CONN, KIND_HTTP, KIND_DNS, KIND_TLS, KIND_SSH, KIND_KRB5,
	KIND_SMB, KIND_FILE, KIND_ALERT, KIND_DCERPC, KIND_RDP, KIND_FTP,
	KIND_SMTP, KIND_SENSOR, KIND_NONE
};

const struct decoder decoder_eve = {
	.name = "eve",
	.title = "Suricata EVE JSON",
	.doc = "EVE of Suricata 4 to 8: flow, netflow, http, dns (versions 1 "
	    "to 3), tls, ssh, krb5, smb, fileinfo, alert, rdp, ftp, smtp, "
	    "dcerpc; others as they stand (kind sensor). Left: stats, "
	    "metadata and engine rows.",
	.kinds = eve_kinds,
	.state_size = sizeof(struct eve),
	.rectype = REC_JSON,
	.match = eve_match,
	.record = eve_record,
	.end = eve_end,
};
