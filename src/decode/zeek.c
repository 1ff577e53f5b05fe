/* SPDX-License-Identifier: Apache-2.0
 *
 * Zeek logs (docs.zeek.org, "Log Files"), as its ASCII writer makes them:
 *
 *	#separator \x09
 *	#set_separator	,
 *	#empty_field	(empty)
 *	#unset_field	-
 *	#path	conn
 *	#fields	ts	uid	id.orig_h	id.orig_p ...
 *	#types	time	string	addr	port ...
 *	1700000000.000001	CAbcDefGhi12345678	10.0.0.1	50000
 *	#close	2018-01-31-00-00-00
 *
 * (headers may come again with other columns: logs are concatenated), and as
 * JSON, one object a line, with the log's name in _path (json-streaming-logs)
 * or told by its keys:
 *
 *	{"ts":1700000000.000001,"uid":"CAbcDefGhi12345678", ...}
 *
 * Both forms of a row give the same event.  The row becomes the kind that
 * packets give, with the fields of fields.def; columns without a field there
 * keep Zeek's name.  Where Zeek writes a fact otherwise than we do, ours is
 * given: versions of TLS, client@REALM, SMB operations, encryption types.
 *
 * Text: what Zeek escaped for its log's form (\x2c, \\, \xc3\xa9) is decoded;
 * control characters and bytes that are no UTF-8 stay \xHH, as rules for Zeek
 * logs expect.
 *
 * Certificates (x509) are events of their own; in a file that has both, the
 * ssl rows that follow get the facts of their leaf as well.
 *
 * Ownership: names and columns live in the state.  Bounds: COLUMNS_MAX
 * columns, JSONROW_PATHS_MAX names in all, CERTS_MAX certificates, LIST_MAX
 * items.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdlib.h>

#include "codec.h"
#include "decode.h"

#define COLUMNS_MAX	512u	/* the widest log has some 80 */
#define MARK_MAX	16u	/* bytes of a separator, "(empty)", "-" */
#define LOG_NAME_MAX	64u
#define LIST_MAX	4096u	/* items of a set or vector */
#define CERTS_MAX	2048u	/* kept for ssl rows: 2 MB */
#define CERT_TEXT	1024u

/* -- the logs ------------------------------------------------------------ */

enum how {
	HOW_UNKNOWN,	/* not looked up so far */
	HOW_DROP,	/* nobody wants it */
	HOW_OTHER,	/* as it stands */
	HOW_TEXT, HOW_LOWER, HOW_U64, HOW_F64, HOW_BOOL, HOW_ADDR, HOW_MAC,
	HOW_TIME, HOW_LIST,
	HOW_TTLS,	/* list of seconds */
	HOW_PROTO,
	HOW_HOST, HOW_URI,	/* told together at the end */
	HOW_XFF,	/* set of "HEADER -> value" */
	HOW_RCODE, HOW_TLS_VERSION, HOW_CERTS, HOW_CLIENT_CERTS,
	HOW_CERT_ID, HOW_CLIENT, HOW_CIPHER, HOW_SMB_ACTION, HOW_SOCKS_STATUS
};

struct map {
	const char	*name;
	uint16_t	id;
	uint8_t		how;
};

static const struct map common[] = {
	{ "ts", 0, HOW_DROP }, { "_path", 0, HOW_DROP },
	{ "_write_ts", 0, HOW_DROP },	/* of the writer, not of the fact */
	{ "uid", FIELD_ZEEK_UID, HOW_TEXT },
	{ "id.orig_h", FIELD_SRC_IP, HOW_ADDR },
	{ "id.orig_p", FIELD_SRC_PORT, HOW_U64 },
	{ "id.resp_h", FIELD_DST_IP, HOW_ADDR },
	{ "id.resp_p", FIELD_DST_PORT, HOW_U64 },
	{ "proto", FIELD_PROTO, HOW_PROTO },
	{ "community_id", FIELD_COMMUNITY_ID, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_conn[] = {
	{ "service", FIELD_CONN_SERVICE, HOW_TEXT },
	{ "duration", FIELD_CONN_DURATION, HOW_F64 },
	{ "orig_bytes", FIELD_SRC_BYTES, HOW_U64 },
	{ "resp_bytes", FIELD_DST_BYTES, HOW_U64 },
	{ "conn_state", FIELD_CONN_STATE, HOW_TEXT },
	{ "missed_bytes", FIELD_MISSED_BYTES, HOW_U64 },
	{ "history", FIELD_CONN_HISTORY, HOW_TEXT },
	{ "orig_pkts", FIELD_SRC_PKTS, HOW_U64 },
	{ "orig_ip_bytes", FIELD_SRC_IP_BYTES, HOW_U64 },
	{ "resp_pkts", FIELD_DST_PKTS, HOW_U64 },
	{ "resp_ip_bytes", FIELD_DST_IP_BYTES, HOW_U64 },
	{ "vlan", FIELD_VLAN, HOW_U64 },
	{ "orig_l2_addr", FIELD_SRC_MAC, HOW_MAC },
	{ "resp_l2_addr", FIELD_DST_MAC, HOW_MAC },
	{ NULL, 0, 0 }
};

static const struct map map_dns[] = {
	{ "trans_id", FIELD_DNS_ID, HOW_U64 },
	{ "rtt", FIELD_DNS_RTT, HOW_F64 },
	{ "query", FIELD_DNS_QUERY, HOW_TEXT },
	{ "qtype_name", FIELD_DNS_QTYPE, HOW_TEXT },
	{ "rcode_name", FIELD_DNS_RCODE, HOW_RCODE },
	{ "AA", FIELD_DNS_AA, HOW_BOOL }, { "TC", FIELD_DNS_TC, HOW_BOOL },
	{ "RD", FIELD_DNS_RD, HOW_BOOL },
	{ "answers", FIELD_DNS_ANSWERS, HOW_LIST },
	{ "TTLs", FIELD_DNS_TTLS, HOW_TTLS },
	{ NULL, 0, 0 }
};

static const struct map map_http[] = {
	{ "method", FIELD_HTTP_METHOD, HOW_TEXT },
	{ "host", 0, HOW_HOST }, { "uri", 0, HOW_URI },
	{ "referrer", FIELD_HTTP_REFERER, HOW_TEXT },
	{ "version", FIELD_HTTP_VERSION, HOW_TEXT },
	{ "user_agent", FIELD_HTTP_USER_AGENT, HOW_TEXT },
	{ "request_body_len", FIELD_HTTP_REQ_LEN, HOW_U64 },
	{ "response_body_len", FIELD_HTTP_RESP_LEN, HOW_U64 },
	{ "status_code", FIELD_HTTP_STATUS, HOW_U64 },
	{ "status_msg", FIELD_HTTP_STATUS_TEXT, HOW_TEXT },
	{ "username", FIELD_HTTP_USER, HOW_TEXT },
	{ "proxied", FIELD_HTTP_XFF, HOW_XFF },
	{ "resp_mime_types", FIELD_HTTP_RESP_MIME, HOW_LIST },
	{ NULL, 0, 0 }
};

static const struct map map_ssl[] = {
	{ "version", FIELD_TLS_VERSION, HOW_TLS_VERSION },
	{ "cipher", FIELD_TLS_CIPHER, HOW_TEXT },
	{ "curve", FIELD_TLS_CURVE, HOW_TEXT },
	{ "server_name", FIELD_TLS_SNI, HOW_TEXT },
	{ "resumed", FIELD_TLS_RESUMED, HOW_BOOL },
	{ "last_alert", FIELD_TLS_ALERT, HOW_TEXT },
	{ "next_protocol", FIELD_TLS_ALPN, HOW_TEXT },
	{ "established", FIELD_TLS_ESTABLISHED, HOW_BOOL },
	{ "cert_chain_fps", FIELD_TLS_CERT_SHA256, HOW_CERTS },
	{ "cert_chain_fuids", 0, HOW_CERTS },
	{ "client_cert_chain_fps", FIELD_TLS_CLIENT_CERT_SHA256,
	    HOW_CLIENT_CERTS },
	{ "client_cert_chain_fuids", 0, HOW_CLIENT_CERTS },
	{ "subject", FIELD_TLS_SUBJECT, HOW_TEXT },
	{ "issuer", FIELD_TLS_ISSUER, HOW_TEXT },
	{ "client_subject", FIELD_TLS_CLIENT_SUBJECT, HOW_TEXT },
	{ "client_issuer", FIELD_TLS_CLIENT_ISSUER, HOW_TEXT },
	{ "ja3", FIELD_TLS_JA3, HOW_TEXT },
	{ "ja3s", FIELD_TLS_JA3S, HOW_TEXT },
	{ "ja4", FIELD_TLS_JA4, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_x509[] = {
	{ "id", 0, HOW_CERT_ID }, { "fingerprint", 0, HOW_CERT_ID },
	{ "certificate.serial", FIELD_TLS_SERIAL, HOW_LOWER },
	{ "certificate.subject", FIELD_TLS_SUBJECT, HOW_TEXT },
	{ "certificate.issuer", FIELD_TLS_ISSUER, HOW_TEXT },
	{ "certificate.not_valid_before", FIELD_TLS_NOT_BEFORE, HOW_TIME },
	{ "certificate.not_valid_after", FIELD_TLS_NOT_AFTER, HOW_TIME },
	{ "certificate.key_length", FIELD_TLS_CERT_KEY_BITS, HOW_U64 },
	{ "san.dns", FIELD_TLS_SAN, HOW_LIST },
	{ NULL, 0, 0 }
};

static const struct map map_ssh[] = {
	{ "client", FIELD_SSH_CLIENT, HOW_TEXT },
	{ "server", FIELD_SSH_SERVER, HOW_TEXT },
	{ "cipher_alg", FIELD_SSH_CIPHER, HOW_TEXT },
	{ "mac_alg", FIELD_SSH_MAC, HOW_TEXT },
	{ "compression_alg", FIELD_SSH_COMPRESSION, HOW_TEXT },
	{ "kex_alg", FIELD_SSH_KEX, HOW_TEXT },
	{ "host_key_alg", FIELD_SSH_HOST_KEY, HOW_TEXT },
	{ "hassh", FIELD_SSH_HASSH, HOW_TEXT },
	{ "hasshServer", FIELD_SSH_HASSH_SERVER, HOW_TEXT },
	{ "auth_success", FIELD_SSH_SUCCESS, HOW_BOOL },
	{ "auth_attempts", FIELD_SSH_ATTEMPTS, HOW_U64 },
	{ NULL, 0, 0 }
};

static const struct map map_kerberos[] = {
	{ "request_type", FIELD_KRB_TYPE, HOW_TEXT },
	{ "client", FIELD_KRB_CLIENT, HOW_CLIENT },
	{ "service", FIELD_KRB_SERVICE, HOW_TEXT },
	{ "success", FIELD_KRB_SUCCESS, HOW_BOOL },
	{ "error_msg", FIELD_KRB_ERROR, HOW_TEXT },
	{ "cipher", FIELD_KRB_CIPHER, HOW_CIPHER },
	{ NULL, 0, 0 }
};

static const struct map map_smb_files[] = {
	{ "action", FIELD_SMB_ACTION, HOW_SMB_ACTION },
	{ "path", FIELD_SMB_SHARE, HOW_TEXT },
	{ "name", FIELD_SMB_FILE, HOW_TEXT },
	{ "size", FIELD_SMB_SIZE, HOW_U64 },
	{ NULL, 0, 0 }
};

static const struct map map_smb_mapping[] = {
	{ "path", FIELD_SMB_SHARE, HOW_TEXT },
	{ "share_type", FIELD_SMB_SHARE_TYPE, HOW_LOWER },
	{ NULL, 0, 0 }
};

static const struct map map_files[] = {
	{ "fuid", FIELD_FILE_ID, HOW_TEXT },
	{ "source", FIELD_FILE_SOURCE, HOW_LOWER },
	{ "mime_type", FIELD_FILE_MIME, HOW_TEXT },
	{ "filename", FIELD_FILE_NAME, HOW_TEXT },
	{ "seen_bytes", FIELD_FILE_SIZE, HOW_U64 },
	{ "total_bytes", FIELD_FILE_TOTAL, HOW_U64 },
	{ "md5", FIELD_FILE_MD5, HOW_TEXT },
	{ "sha1", FIELD_FILE_SHA1, HOW_TEXT },
	{ "sha256", FIELD_FILE_SHA256, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_notice[] = {
	{ "note", FIELD_ALERT_SIGNATURE, HOW_TEXT },
	{ "msg", FIELD_ALERT_MESSAGE, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_ntlm[] = {
	{ "username", FIELD_NTLM_USER, HOW_TEXT },
	{ "hostname", FIELD_NTLM_HOST, HOW_TEXT },
	{ "domainname", FIELD_NTLM_DOMAIN, HOW_TEXT },
	{ "server_nb_computer_name", FIELD_NTLM_SERVER, HOW_TEXT },
	{ "server_dns_computer_name", FIELD_NTLM_SERVER_DNS, HOW_TEXT },
	{ "success", FIELD_NTLM_SUCCESS, HOW_BOOL },
	{ NULL, 0, 0 }
};

static const struct map map_dce_rpc[] = {
	{ "named_pipe", FIELD_DCERPC_PIPE, HOW_TEXT },
	{ "endpoint", FIELD_DCERPC_ENDPOINT, HOW_TEXT },
	{ "operation", FIELD_DCERPC_OPERATION, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_rdp[] = {
	{ "cookie", FIELD_RDP_COOKIE, HOW_TEXT },
	{ "result", FIELD_RDP_RESULT, HOW_TEXT },
	{ "security_protocol", FIELD_RDP_SECURITY, HOW_TEXT },
	{ "client_name", FIELD_RDP_CLIENT, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_socks[] = {
	{ "version", FIELD_SOCKS_VERSION, HOW_U64 },
	{ "user", FIELD_SOCKS_USER, HOW_TEXT },
	{ "status", FIELD_SOCKS_REPLY, HOW_SOCKS_STATUS },
	{ "request.host", FIELD_SOCKS_HOST, HOW_TEXT },
	{ "request.name", FIELD_SOCKS_HOST, HOW_TEXT },
	{ "request_p", FIELD_SOCKS_PORT, HOW_U64 },
	{ NULL, 0, 0 }
};

static const struct map map_ftp[] = {
	{ "user", FIELD_FTP_USER, HOW_TEXT },
	{ "command", FIELD_FTP_COMMAND, HOW_TEXT },
	{ "arg", FIELD_FTP_ARG, HOW_TEXT },
	{ "reply_code", FIELD_FTP_REPLY, HOW_U64 },
	{ NULL, 0, 0 }
};

static const struct map map_smtp[] = {
	{ "helo", FIELD_SMTP_HELO, HOW_TEXT },
	{ "mailfrom", FIELD_SMTP_MAIL_FROM, HOW_TEXT },
	{ "rcptto", FIELD_SMTP_RCPT_TO, HOW_LIST },
	{ "from", FIELD_SMTP_FROM, HOW_TEXT },
	{ "to", FIELD_SMTP_TO, HOW_LIST },
	{ "subject", FIELD_SMTP_SUBJECT, HOW_TEXT },
	{ NULL, 0, 0 }
};

static const struct map map_sensor[] = { { NULL, 0, 0 } };

/* LOG(id, "path", kind, how Zeek's keys tell it: all of a word) */
#define LOGS								\
	LOG(conn,	KIND_CONN)					\
	LOG(dns,	KIND_DNS)					\
	LOG(http,	KIND_HTTP)					\
	LOG(ssl,	KIND_TLS)					\
	LOG(x509,	KIND_TLS)					\
	LOG(ssh,	KIND_SSH)					\
	LOG(kerberos,	KIND_KRB5)					\
	LOG(smb_files,	KIND_SMB)					\
	LOG(smb_mapping, KIND_SMB)					\
	LOG(files,	KIND_FILE)					\
	LOG(notice,	KIND_ALERT)					\
	LOG(ntlm,	KIND_NTLM)					\
	LOG(dce_rpc,	KIND_DCERPC)					\
	LOG(rdp,	KIND_RDP)					\
	LOG(socks,	KIND_SOCKS)					\
	LOG(ftp,	KIND_FTP)					\
	LOG(smtp,	KIND_SMTP)					\
	LOG(sensor,	KIND_SENSOR)

enum log {
#define LOG(name, kind) LOG_##name,
	LOGS
#undef LOG
	LOG_COUNT
};

static const struct log_row {
	const char		*path;
	const struct map	*map;
	uint8_t			 kind;
} logs[] = {
#define LOG(name, kind) { #name, map_##name, kind },
	LOGS
#undef LOG
};

/* Keys that tell the log when its name is not given; in this order. */
static const struct { const char *key[2]; uint8_t log; } telling[] = {
	{ { "conn_state", NULL }, LOG_conn },
	{ { "AA", "RD" }, LOG_dns },
	{ { "trans_depth", "request_body_len" }, LOG_http },
	{ { "trans_depth", NULL }, LOG_smtp },
	{ { "established", "resumed" }, LOG_ssl },
	{ { "certificate.serial", NULL }, LOG_x509 },
	{ { "auth_attempts", NULL }, LOG_ssh },
	{ { "request_type", NULL }, LOG_kerberos },
	{ { "share_type", NULL }, LOG_smb_mapping },
	{ { "action", "path" }, LOG_smb_files },
	{ { "action", "name" }, LOG_smb_files },
	{ { "seen_bytes", NULL }, LOG_files },
	{ { "note", "actions" }, LOG_notice },
	{ { "server_nb_computer_name", NULL }, LOG_ntlm },
	{ { "domainname", NULL }, LOG_ntlm },
	{ { "endpoint", "operation" }, LOG_dce_rpc },
	{ { "named_pipe", NULL }, LOG_dce_rpc },
	{ { "security_protocol", NULL }, LOG_rdp },
	{ { "cookie", "result" }, LOG_rdp },
	{ { "request_p", NULL }, LOG_socks },
	{ { "command", "arg" }, LOG_ftp },
	{ { "command", "reply_code" }, LOG_ftp },
};

_Static_assert(NITEMS(telling) <= 32, "two bits a row");

/* -- state --------------------------------------------------------------- */

enum form { FORM_NONE, FORM_TEXT, FORM_NUMBER, FORM_BOOL, FORM_LIST };

/* A value as it stands in the log. */
struct datum {
	struct span	raw;
	uint8_t		form;
	uint8_t		item;		/* TSV lists: form of the items */
	uint8_t		flags;		/* JSON: of the member */
	bool		yes;		/* FORM_BOOL */
	bool		tsv;
};

struct column {
	uint16_t	id;
	uint8_t		how;
};

/* A column of a TSV log. */
struct tsv_column {
	uint16_t	path;		/* its name's number; 0: left out */
	uint8_t		form, item;
	struct column	column;
};

struct mark {			/* a text of the header */
	uint8_t		b[MARK_MAX];
	uint8_t		len;
};

enum special { IS_UNSEEN, IS_PLAIN, IS_TS, IS_LOG };

struct name_info {
	uint64_t	tells;		/* bits of telling[].key */
	uint8_t		special;
};

struct cert {
	int64_t		not_before, not_after;
	uint64_t	key_bits;
	uint16_t	len[3];		/* serial, subject, issuer in text */
	char		text[CERT_TEXT];
};

struct store {
	struct jsonrow	*names;		/* numbers of all names */
	struct column	*column[LOG_COUNT];	/* by number; made at need */
	struct name_info info[JSONROW_PATHS_MAX];
	struct tsv_column tsv[COLUMNS_MAX];
	unsigned	 ncolumns, ts_column;
	struct span	 cell[COLUMNS_MAX];	/* of the row at hand */
	uint8_t		 separator;
	struct mark	 set_separator, empty, unset;
	char		 path[LOG_NAME_MAX];	/* of TSV */
	uint8_t		 path_len;
	bool		 is_new_header;
	uint8_t		 log;			/* of TSV */
	struct table	*certs;
};

struct zeek {
	struct store	*s;
	bool		 failed;	/* no memory */
};

/* What a row gathers to tell at its end. */
struct row {
	struct dec	*dec;
	struct store	*s;
	uint8_t		 log;
	bool		 is_v6, has_rcode, has_uri;
	struct span	 name;		/* of the log */
	struct span	 host, uri;
	struct span	 cert_id;	/* ssl: the leaf's; x509: its own */
	struct cert	*cert;		/* x509: to be filled */
};

static struct store *
store_of(struct dec *d, struct zeek *z)
{
	struct store *s;

	if (z->s != NULL || z->failed)
		return z->s;
	s = calloc(1, sizeof(*s));
	if (s == NULL || (s->names = jsonrow_new()) == NULL) {
		free(s);
		z->failed = true;
		dec_weird(d, WEIRD_STATE_LIMIT);
		return NULL;
	}
	s->separator = '\t';
	s->set_separator = (struct mark){ ",", 1 };
	s->empty = (struct mark){ "(empty)", 7 };
	s->unset = (struct mark){ "-", 1 };
	z->s = s;
	return s;
}

static inline bool
is_mark(const struct mark *m, struct span s)
{
	return s.len == m->len && (s.len == 0 ||
	    (s.ptr[0] == m->b[0] && memcmp(s.ptr, m->b, s.len) == 0));
}

/* -- text ---------------------------------------------------------------- */

static int
hex_byte(struct span s, size_t at)
{
	int hi, lo;

	if (s.len < at + 4 || s.ptr[at] != '\\' || s.ptr[at + 1] != 'x')
		return -1;
	hi = ascii_hex(s.ptr[at + 2]);
	lo = ascii_hex(s.ptr[at + 3]);
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

/* A character of UTF-8 written as up to four \xHH at this place: its bytes to
 * dst (which may lie in s, from that place on) and their number, or 0. */
static size_t
hex_sequence(struct span s, size_t at, uint8_t *dst)
{
	uint8_t seq[4];
	size_t n = 0;

	for (int c; n < 4 && (c = hex_byte(s, at + 4 * n)) >= 0x80; n++)
		seq[n] = (uint8_t)c;
	n = n == 0 ? 0 : utf8_seq(seq, n);
	memcpy(dst, seq, n);
	return n;
}

static size_t
unescape(struct span s, bool tsv, uint8_t *dst)
{
	uint8_t *d = dst;
	size_t i = 0;

	while (i < s.len) {
		int c;
		size_t n;

		if (s.ptr[i] != '\\') {
			*d++ = s.ptr[i++];
		} else if (tsv && i + 1 < s.len && s.ptr[i + 1] == '\\') {
			*d++ = '\\';
			i += 2;
		} else if ((c = hex_byte(s, i)) < 0) {
			*d++ = s.ptr[i++];
		} else if ((tsv && c >= 0x20 && c < 0x7f) ||
		    (c >= '\b' && c <= '\r' && c != '\v')) {
			*d++ = (uint8_t)c;
			i += 4;
		} else if (c >= 0x80 && (n = hex_sequence(s, i, d)) != 0) {
			d += n;
			i += 4 * n;
		} else {
			memcpy(d, s.ptr + i, 4);
			d += 4;
			i += 4;
		}
	}
	return (size_t)(d - dst);
}

/* Text of a cell.  Most have no backslash. */
static struct span
text_of(struct batch *b, const struct datum *v)
{
	struct span s = v->raw;
	uint8_t *p;

	if (v->tsv ? s.len == 0 || memchr(s.ptr, '\\', s.len) == NULL :
	    (v->flags & JSON_F_ESCAPED) == 0)
		return s;
	if ((p = arena_alloc(&b->arena, s.len + 4)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return SPAN_NONE;
	}
	if (!v->tsv) {
		s = span_of(p, json_unescape(s, p));
		if (memchr(p, '\\', s.len) == NULL)
			return s;
	}
	/* In place: what is written never overtakes what is read. */
	return span_of(p, unescape(s, v->tsv, p));
}

/* -- lists --------------------------------------------------------------- */

struct items {
	const struct store *s;
	struct span	 rest;
	uint8_t		 form;
	bool		 tsv, more;
};

static struct items
items_of(const struct store *s, const struct datum *v)
{
	struct items it = { s, v->raw, v->item, v->tsv, v->tsv };

	if (v->form != FORM_LIST) {	/* one that should be a list */
		it.tsv = true;
		it.form = v->form;
		it.more = v->raw.len != 0;
	} else if (!v->tsv) {
		const struct jsonrow_member m = { .type = JSON_ARRAY,
		    .len = (uint32_t)v->raw.len, .ptr = v->raw.ptr };

		it.rest = jsonrow_items(&m);
	} else if (is_mark(&s->empty, v->raw)) {
		it.more = false;
	}
	return it;
}

static uint8_t
form_of_json(uint8_t type)
{
	switch (type) {
	case JSON_NULL:
		return FORM_NONE;
	case JSON_FALSE:
	case JSON_TRUE:
		return FORM_BOOL;
	case JSON_NUMBER:
		return FORM_NUMBER;
	case JSON_ARRAY:
		return FORM_LIST;
	default:
		return FORM_TEXT;
	}
}

static bool
next_item(struct items *it, struct datum *v)
{
	struct jsonrow_member m;
	size_t n;

	*v = (struct datum){ .tsv = it->tsv };
	if (!it->tsv) {
		if (!jsonrow_item(&it->rest, &m))
			return false;
		v->raw = span_of(m.ptr, m.len);
		v->form = form_of_json(m.type);
		v->flags = m.flags;
		v->yes = m.type == JSON_TRUE;
		return true;
	}
	if (!it->more)
		return false;
	n = it->s->set_separator.len == 0 ? SPAN_NPOS :
	    span_find(it->rest, span_of(it->s->set_separator.b,
	    it->s->set_separator.len));
	v->raw = span_sub(it->rest, 0, n);
	v->form = is_mark(&it->s->unset, v->raw) ? FORM_NONE : it->form;
	v->yes = v->raw.len != 0 && v->raw.ptr[0] == 'T';
	it->more = n != SPAN_NPOS;
	if (it->more)
		it->rest = span_sub(it->rest, n + it->s->set_separator.len,
		    SIZE_MAX);
	return true;
}

/* -- values -------------------------------------------------------------- */

static void
set_value(struct batch *b, struct value *v, const struct datum *c)
{
	struct span s;

	switch (c->form) {
	case FORM_NUMBER:
		/* A double that wide is a time: JSON does not say. */
		if (c->raw.len > 11 && c->raw.ptr[10] == '.' &&
		    number_seconds(c->raw, &v->i64))
			v->type = VT_TIME;
		else
			dec_set_number(v, c->raw);
		break;
	case FORM_BOOL:
		v->type = VT_BOOL;
		v->u64 = c->yes;
		break;
	case FORM_NONE:
		v->type = VT_NULL;
		break;
	default:
		s = text_of(b, c);
		v->type = VT_STR;
		v->ptr = s.ptr;
		v->len = (uint32_t)s.len;
	}
}

static void
set_list(struct batch *b, const struct store *s, struct value *v,
    const struct datum *c)
{
	struct items it = items_of(s, c);
	struct value *item;
	struct datum one;
	uint32_t n = 0;

	v->type = VT_LIST;
	v->len = 0;
	while (n < LIST_MAX && next_item(&it, &one))
		n++;
	if (n == LIST_MAX)
		batch_weird(b, WEIRD_ZEEK_LIMIT, NULL);
	if (n == 0)
		return;
	if ((item = arena_zalloc(&b->arena, n * sizeof(*item))) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	v->ptr = item;
	v->len = n;
	it = items_of(s, c);
	for (; n > 0 && next_item(&it, &one); n--)
		set_value(b, item++, &one);
}

static struct span
first_item(struct batch *b, const struct store *s, const struct datum *c,
    uint32_t *n)
{
	struct items it = items_of(s, c);
	struct span first = SPAN_NONE;
	struct datum one;

	for (*n = 0; *n < LIST_MAX && next_item(&it, &one); ++*n)
		if (*n == 0)
			first = text_of(b, &one);
	return first;
}

static void
add_mac(struct batch *b, unsigned field, struct span s)
{
	struct value *v;
	uint8_t *p;

	if (s.len != 17 || (p = arena_alloc(&b->arena, 6)) == NULL)
		return;
	for (size_t i = 0; i < 6; i++) {
		int hi = ascii_hex(s.ptr[3 * i]);
		int lo = ascii_hex(s.ptr[3 * i + 1]);

		if (hi < 0 || lo < 0 || (i < 5 && s.ptr[3 * i + 2] != ':'))
			return;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	if ((v = event_add(b, field, VT_MAC)) != NULL) {
		v->ptr = p;
		v->len = 6;
	}
}

/* The X-Forwarded-For among "VIA -> x" and the like. */
static void
add_xff(struct row *r, const struct datum *v)
{
	static const char name[] = "X-FORWARDED-FOR -> ";
	struct items it = items_of(r->s, v);
	struct batch *b = r->dec->batch;
	struct datum one;
	struct span s;

	for (unsigned i = 0; i < LIST_MAX && next_item(&it, &one); i++) {
		s = text_of(b, &one);
		if (span_starts_nocase(s, span_str(name))) {
			event_add_str(b, FIELD_HTTP_XFF,
			    span_sub(s, sizeof(name) - 1, SIZE_MAX));
			return;
		}
	}
}

/* Seconds are whole in all that DNS knows. */
static void
add_ttls(struct row *r, const struct datum *c)
{
	struct batch *b = r->dec->batch;
	struct value *v = event_add(b, FIELD_DNS_TTLS, VT_LIST), *item;

	if (v == NULL)
		return;
	set_list(b, r->s, v, c);
	/* The list was made just now and is nobody else's. */
	item = (struct value *)(uintptr_t)v->ptr;
	for (uint32_t i = 0; i < v->len; i++, item++)
		if (item->type == VT_F64 && item->f64 >= 0 &&
		    item->f64 < 4294967296.0) {
			item->type = VT_U64;
			item->u64 = (uint64_t)item->f64;
		}
}

/* user/REALM: a name may have slashes of its own. */
static void
add_client(struct batch *b, struct span s)
{
	size_t at = s.len;
	uint8_t *p;

	while (at > 0 && s.ptr[at - 1] != '/')
		at--;
	if (at == 0) {
		event_add_str(b, FIELD_KRB_CLIENT, s);
		return;
	}
	event_add_str(b, FIELD_KRB_REALM, span_sub(s, at, SIZE_MAX));
	if (at == s.len)
		s.len--;	/* no realm known */
	if ((p = arena_alloc(&b->arena, s.len + 1)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	if (at - 1 < s.len)
		p[at - 1] = '@';
	event_add_str(b, FIELD_KRB_CLIENT, span_of(p, s.len));
}

static void
add_cipher(struct batch *b, struct span s)
{
	int64_t etype;

	event_add_str(b, FIELD_KRB_CIPHER, s);
	if (dec_krb_etype(s, &etype))
		event_add_num(b, FIELD_KRB_TICKET_ETYPE, VT_I64,
		    (uint64_t)etype);
}

static void
add_smb_action(struct batch *b, struct span s)
{
	static const struct { const char *end, *command; } commands[] = {
		{ "_OPEN", "create" }, { "_READ", "read" },
		{ "_WRITE", "write" }, { "_CLOSE", "close" },
		{ "_DELETE", "delete" }, { "_RENAME", "rename" },
		{ "_SET_ATTRIBUTE", "set_info" }, { "_CONNECT", "create" },
		{ "_DISCONNECT", "close" },
	};

	event_add_str(b, FIELD_SMB_ACTION, s);
	for (size_t i = 0; i < NITEMS(commands); i++)
		if (span_ends(s, span_str(commands[i].end))) {
			event_add_str(b, FIELD_SMB_COMMAND,
			    span_str(commands[i].command));
			return;
		}
}

/* RFC 1928 section 6, in the words of Zeek's base/protocols/socks/consts. */
static void
add_socks_status(struct batch *b, struct span s)
{
	static const char *const words[] = {
		"succeeded", "general SOCKS server failure",
		"connection not allowed by ruleset", "Network unreachable",
		"Host unreachable", "Connection refused", "TTL expired",
		"Command not supported", "Address type not supported",
	};

	for (size_t i = 0; i < NITEMS(words); i++)
		if (span_eq_nocase(s, span_str(words[i])))
			event_add_u64(b, FIELD_SOCKS_REPLY, i);
	if (span_eq_nocase(s, SPAN_LIT("request granted")))
		event_add_u64(b, FIELD_SOCKS_REPLY, 90);
}

/* -- certificates -------------------------------------------------------- */

static uint64_t
cert_key(struct span id)
{
	return hash_bytes(id.ptr, id.len, hash_seed());
}

static void
cert_text(struct cert *c, unsigned part, struct span s)
{
	size_t used = (size_t)c->len[0] + c->len[1] + c->len[2];

	/* Parts come in the order of the columns; one that does not fit is
	 * left out, not cut. */
	for (unsigned i = part + 1; i < 3; i++)
		if (c->len[i] != 0)
			return;
	if (s.len == 0 || c->len[part] != 0 || s.len > sizeof(c->text) - used)
		return;
	memcpy(c->text + used, s.ptr, s.len);
	c->len[part] = (uint16_t)s.len;
}

/* What ssl rows will want to know of the certificate. */
static void
cert_note(struct cert *c, unsigned field, struct span s)
{
	uint64_t n;

	switch (field) {
	case FIELD_TLS_SERIAL:
		cert_text(c, 0, s);
		break;
	case FIELD_TLS_SUBJECT:
		cert_text(c, 1, s);
		break;
	case FIELD_TLS_ISSUER:
		cert_text(c, 2, s);
		break;
	case FIELD_TLS_NOT_BEFORE:
		c->not_before = dec_time(s);
		break;
	case FIELD_TLS_NOT_AFTER:
		c->not_after = dec_time(s);
		break;
	case FIELD_TLS_CERT_KEY_BITS:
		if (span_u64(s, &n))
			c->key_bits = n;
		break;
	default:
		break;
	}
}

/* id: number of the file (before Zeek 5); fingerprint: hash of it. */
static void
add_cert_id(struct row *r, struct span s)
{
	struct batch *b = r->dec->batch;
	uint64_t key = cert_key(s);
	bool made;

	r->cert_id = s;
	if (s.len == 64)
		event_add_str(b, FIELD_TLS_CERT_SHA256, s);
	else if (s.len == 40)
		event_add_str(b, FIELD_TLS_CERT_SHA1, s);
	if (r->s->certs == NULL)
		r->s->certs = table_new(sizeof(uint64_t), sizeof(struct cert),
		    CERTS_MAX);
	if (r->s->certs == NULL)
		return;
	r->cert = table_put(r->s->certs, &key, &made);
	if (r->cert != NULL) {
		memset(r->cert, 0, sizeof(*r->cert));
		r->cert->not_before = r->cert->not_after = TIME_NONE;
	}
}

static bool
has_field(const struct batch *b, unsigned field)
{
	for (uint32_t i = 0; i < b->nscratch; i++)
		if (b->scratch[i].v.id == field)
			return true;
	return false;
}

static void
join_cert(struct row *r)
{
	static const uint16_t fields[] = { FIELD_TLS_SERIAL,
	    FIELD_TLS_SUBJECT, FIELD_TLS_ISSUER };
	struct batch *b = r->dec->batch;
	uint64_t key = cert_key(r->cert_id);
	const struct cert *c;
	size_t at = 0;

	if (r->s->certs == NULL || r->cert_id.len == 0 ||
	    (c = table_get(r->s->certs, &key)) == NULL)
		return;
	for (unsigned i = 0; i < 3; at += c->len[i++])
		if (c->len[i] != 0 && !has_field(b, fields[i]))
			event_add_copy(b, fields[i],
			    span_of(c->text + at, c->len[i]));
	if (c->not_before != TIME_NONE)
		event_add_time(b, FIELD_TLS_NOT_BEFORE, c->not_before);
	if (c->not_after != TIME_NONE)
		event_add_time(b, FIELD_TLS_NOT_AFTER, c->not_after);
	if (c->key_bits != 0)
		event_add_u64(b, FIELD_TLS_CERT_KEY_BITS, c->key_bits);
}

/* A chain: what it is called by tells where the leaf is found. */
static void
add_certs(struct row *r, unsigned field, const struct datum *v, bool client)
{
	struct batch *b = r->dec->batch;
	struct span first;
	uint32_t n;

	first = first_item(b, r->s, v, &n);
	if (n == 0 || first.len == 0)
		return;
	if (field != 0 && first.len == 64)
		event_add_str(b, field, first);
	else if (field != 0 && first.len == 40)
		event_add_str(b, client ? FIELD_TLS_CLIENT_CERT_SHA1 :
		    FIELD_TLS_CERT_SHA1, first);
	if (!client) {
		event_add_u64(b, FIELD_TLS_CHAIN_LEN, n);
		r->cert_id = first;
	} else {
		event_add_bool(b, FIELD_TLS_CLIENT_CERT, true);
	}
}

/* -- columns ------------------------------------------------------------- */

static struct column
look_up(const struct demand *want, unsigned log, const char *name)
{
	const struct map *const maps[] = { logs[log].map, common };
	unsigned id;

	for (size_t i = 0; i < NITEMS(maps); i++)
		for (const struct map *m = maps[i]; m->name != NULL; m++) {
			if (strcmp(m->name, name) != 0)
				continue;
			if (m->id != 0 && !want->field[m->id] &&
			    m->how < HOW_RCODE && m->id != FIELD_SRC_IP)
				return (struct column){ 0, HOW_DROP };
			return (struct column){ m->id, m->how };
		}
	/* A rule may want it by its own name. */
	id = field_by_name(span_str(name));
	if (id != FIELD_OTHER ? !want->field[id] : !want->others)
		return (struct column){ 0, HOW_DROP };
	return (struct column){ (uint16_t)id, HOW_OTHER };
}

/* NULL: no memory. */
static inline const struct column *
column_of(struct row *r, uint16_t path)
{
	struct column **all = &r->s->column[r->log], *c;

	if (*all == NULL &&
	    (*all = calloc(JSONROW_PATHS_MAX, sizeof(**all))) == NULL)
		return NULL;
	c = &(*all)[path];
	if (c->how == HOW_UNKNOWN)
		*c = look_up(r->dec->batch->want, r->log,
		    jsonrow_name(r->s->names, path));
	return c;
}

static void
add_other(struct row *r, const struct column *c, uint16_t path,
    const struct datum *v)
{
	struct batch *b = r->dec->batch;
	struct value *to = c->id != 0 ? event_add(b, c->id, VT_NULL) :
	    event_add_other(b, jsonrow_name(r->s->names, path), VT_NULL);

	if (to == NULL)
		return;
	if (v->form == FORM_LIST)
		set_list(b, r->s, to, v);
	else
		set_value(b, to, v);
}

/* What has its own rules. */
static void
put_special(struct row *r, const struct column *c, const struct datum *v)
{
	struct batch *b = r->dec->batch;
	struct span s = v->form == FORM_LIST ? SPAN_NONE : text_of(b, v);

	switch (c->how) {
	case HOW_PROTO:
		/* Packets tell the two apart. */
		if (r->is_v6 && span_eq(s, SPAN_LIT("icmp")))
			s = SPAN_LIT("icmp6");
		event_add_str(b, FIELD_PROTO, s);
		break;
	case HOW_HOST:
		r->host = s;
		break;
	case HOW_URI:
		r->uri = s;
		r->has_uri = true;
		break;
	case HOW_XFF:
		add_xff(r, v);
		break;
	case HOW_RCODE:
		r->has_rcode = true;
		event_add_str(b, c->id, s);
		break;
	case HOW_TLS_VERSION:
		event_add_str(b, c->id, dec_tls_version(b, s));
		break;
	case HOW_CERTS:
	case HOW_CLIENT_CERTS:
		add_certs(r, c->id, v, c->how == HOW_CLIENT_CERTS);
		break;
	case HOW_CERT_ID:
		add_cert_id(r, s);
		break;
	case HOW_CLIENT:
		add_client(b, s);
		break;
	case HOW_CIPHER:
		add_cipher(b, s);
		break;
	case HOW_SMB_ACTION:
		add_smb_action(b, s);
		break;
	case HOW_SOCKS_STATUS:
		add_socks_status(b, s);
		break;
	default:
		break;
	}
}

static void
put(struct row *r, const struct column *c, uint16_t path,
    const struct datum *v)
{
	struct batch *b = r->dec->batch;
	struct value *to;
	uint64_t n;
	int64_t t;
	double d;

	if (v->form == FORM_NONE)
		return;
	switch (c->how) {
	case HOW_OTHER:
		add_other(r, c, path, v);
		break;
	case HOW_TEXT:
		event_add_str(b, c->id, text_of(b, v));
		break;
	case HOW_LOWER:
		event_add_str(b, c->id, dec_lower(b, text_of(b, v)));
		break;
	case HOW_U64:
		if (span_u64(v->raw, &n))
			event_add_u64(b, c->id, n);
		break;
	case HOW_F64:
		if (number_f64(v->raw, &d))
			event_add_f64(b, c->id, d);
		break;
	case HOW_BOOL:
		if (v->form == FORM_BOOL)
			event_add_bool(b, c->id, v->yes);
		break;
	case HOW_ADDR:
		if (c->id == FIELD_SRC_IP && v->raw.len > 2)
			r->is_v6 = memchr(v->raw.ptr, ':', v->raw.len) != NULL;
		dec_add_addr(b, c->id, v->raw);
		break;
	case HOW_MAC:
		add_mac(b, c->id, v->raw);
		break;
	case HOW_TIME:
		if ((t = dec_time(v->raw)) != TIME_NONE)
			event_add_time(b, c->id, t);
		break;
	case HOW_LIST:
		if ((to = event_add(b, c->id, VT_LIST)) != NULL)
			set_list(b, r->s, to, v);
		break;
	case HOW_TTLS:
		add_ttls(r, v);
		break;
	default:
		put_special(r, c, v);
	}
	if (r->cert != NULL)
		cert_note(r->cert, c->id, c->how == HOW_TEXT ?
		    text_of(b, v) : c->how == HOW_LOWER ?
		    dec_lower(b, v->raw) : v->raw);
}

/* -- rows ---------------------------------------------------------------- */

/* "conn" of conn, conn_long, open_conn, conn_red. */
static uint8_t
log_of_name(struct span name)
{
	static const char *const tails[] = { "_red", "_long" };

	if (span_starts(name, SPAN_LIT("open_")))
		name = span_sub(name, 5, SIZE_MAX);
	for (size_t i = 0; i < NITEMS(tails); i++)
		if (span_ends(name, span_str(tails[i])))
			name.len -= strlen(tails[i]);
	for (size_t i = 0; i < LOG_sensor; i++)
		if (span_eq(name, span_str(logs[i].path)))
			return (uint8_t)i;
	return LOG_sensor;
}

static uint8_t
log_of_keys(uint64_t told)
{
	for (size_t i = 0; i < NITEMS(telling); i++) {
		uint64_t need = UINT64_C(1) << (2 * i);

		if (telling[i].key[1] != NULL)
			need |= need << 1;
		if ((told & need) == need)
			return telling[i].log;
	}
	return LOG_sensor;
}

static inline const struct name_info *
info_of(struct store *s, uint16_t path)
{
	struct name_info *n = &s->info[path];
	const char *name;

	if (n->special != IS_UNSEEN)
		return n;
	name = jsonrow_name(s->names, path);
	n->special = strcmp(name, "ts") == 0 ? IS_TS :
	    strcmp(name, "_path") == 0 ? IS_LOG : IS_PLAIN;
	for (size_t i = 0; i < NITEMS(telling); i++)
		for (unsigned k = 0; k < 2; k++)
			if (telling[i].key[k] != NULL &&
			    strcmp(name, telling[i].key[k]) == 0)
				n->tells |= UINT64_C(1) << (2 * i + k);
	return n;
}

static bool
row_begin(struct row *r, int64_t time)
{
	struct batch *b = r->dec->batch;

	return event_begin(b, logs[r->log].kind, time,
	    batch_locator(b, r->dec->rec));
}

static void
row_end(struct row *r)
{
	struct batch *b = r->dec->batch;

	switch (r->log) {
	case LOG_http:
		if (r->has_uri)
			dec_add_target(b, r->uri, r->host);
		else if (r->host.len != 0)
			event_add_str(b, FIELD_HTTP_HOST, r->host);
		break;
	case LOG_dns:
		event_add_bool(b, FIELD_DNS_QR, r->has_rcode);
		break;
	case LOG_ssl:
		join_cert(r);
		break;
	case LOG_smb_mapping:
		event_add_str(b, FIELD_SMB_COMMAND, SPAN_LIT("tree_connect"));
		break;
	default:
		break;
	}
	event_add_str(b, FIELD_SENSOR_NAME, SPAN_LIT("zeek"));
	if (event_wants(b, FIELD_SENSOR_LOG))
		event_add_copy(b, FIELD_SENSOR_LOG, r->log == LOG_sensor ?
		    r->name : span_str(logs[r->log].path));
	event_end(b);
}

/* -- JSON ---------------------------------------------------------------- */

static void
json_weirds(struct dec *d, enum json_status status, uint8_t flags)
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
		dec_weird(d, WEIRD_ZEEK_LIMIT);
}

static void
json_row(struct row *r)
{
	struct jsonrow_row row;
	enum json_status status;
	int64_t time = TIME_NONE;
	uint64_t told = 0;

	status = jsonrow_read(r->s->names, r->dec->rec->data, &row);
	if (status != JSON_OK || row.flags != 0)
		json_weirds(r->dec, status, row.flags);
	if (status != JSON_OK)
		return;
	for (uint32_t i = 0; i < row.n; i++) {
		const struct jsonrow_member *m = &row.member[i];
		const struct name_info *n = info_of(r->s, m->path);

		told |= n->tells;
		if (n->special == IS_TS)
			time = dec_time(span_of(m->ptr, m->len));
		else if (n->special == IS_LOG && m->type == JSON_STRING)
			r->name = span_of(m->ptr, m->len);
	}
	r->log = r->name.len != 0 ? log_of_name(r->name) : log_of_keys(told);
	if (!row_begin(r, time))
		return;
	for (uint32_t i = 0; i < row.n; i++) {
		const struct jsonrow_member *m = &row.member[i];
		const struct column *c = column_of(r, m->path);
		const struct datum v = { .raw = span_of(m->ptr, m->len),
		    .form = form_of_json(m->type), .flags = m->flags,
		    .yes = m->type == JSON_TRUE };

		if (c != NULL && c->how != HOW_DROP)
			put(r, c, m->path, &v);
	}
	row_end(r);
}

/* -- TSV: the header ----------------------------------------------------- */

/* \x09 and the like, to bytes. */
static struct mark
mark_of(struct span s)
{
	struct mark m = { { 0 }, 0 };

	for (size_t i = 0; i < s.len && m.len < MARK_MAX; i++) {
		int c = hex_byte(s, i);

		m.b[m.len++] = c < 0 ? s.ptr[i] : (uint8_t)c;
		i += c < 0 ? 0 : 3;
	}
	return m;
}

static uint8_t
form_of_type(struct span t)
{
	static const char *const numbers[] = { "count", "int", "port",
	    "double", "interval", "time" };

	for (size_t i = 0; i < NITEMS(numbers); i++)
		if (span_eq(t, span_str(numbers[i])))
			return FORM_NUMBER;
	return span_eq(t, SPAN_LIT("bool")) ? FORM_BOOL : FORM_TEXT;
}

static void
set_type(struct tsv_column *c, struct span t)
{
	size_t at = span_find_byte(t, '[');

	c->form = form_of_type(t);
	c->item = FORM_TEXT;
	if (at == SPAN_NPOS || t.ptr[t.len - 1] != ']')
		return;
	c->form = FORM_LIST;
	c->item = form_of_type(span_sub(t, at + 1, t.len - at - 2));
}

/* The next value of a header line. */
static bool
next_value(struct span *rest, uint8_t separator, struct span *out)
{
	size_t n;

	if (rest->ptr == NULL)
		return false;
	n = span_find_byte(*rest, separator);
	*out = span_sub(*rest, 0, n);
	*rest = n == SPAN_NPOS ? SPAN_NONE : span_sub(*rest, n + 1, SIZE_MAX);
	return true;
}

static void
read_fields(struct dec *d, struct store *s, struct span rest)
{
	struct span name;

	s->ncolumns = 0;
	s->ts_column = COLUMNS_MAX;
	s->is_new_header = true;
	while (next_value(&rest, s->separator, &name)) {
		struct tsv_column *c = &s->tsv[s->ncolumns];

		if (s->ncolumns == COLUMNS_MAX) {
			dec_weird(d, WEIRD_ZEEK_LIMIT);
			s->ncolumns = 0;
			return;
		}
		*c = (struct tsv_column){ jsonrow_path(s->names, name),
		    FORM_TEXT, FORM_TEXT, { 0, HOW_DROP } };
		if (c->path == 0)
			dec_weird(d, WEIRD_ZEEK_LIMIT);
		else if (info_of(s, c->path)->special == IS_TS)
			s->ts_column = s->ncolumns;
		s->ncolumns++;
	}
}

static void
read_types(struct store *s, struct span rest)
{
	struct span type;

	for (unsigned i = 0; i < s->ncolumns &&
	    next_value(&rest, s->separator, &type); i++)
		if (type.len != 0)
			set_type(&s->tsv[i], type);
}

static void
read_directive(struct dec *d, struct store *s, struct span line)
{
	static const char *const words[] = { "#separator", "#set_separator",
	    "#empty_field", "#unset_field", "#path", "#fields", "#types" };
	struct span word, rest;
	size_t i, n;
	struct mark m;

	for (i = 0; i < NITEMS(words); i++) {
		n = strlen(words[i]);
		word = span_sub(line, 0, n);
		if (line.len > n && span_eq(word, span_str(words[i])) &&
		    (line.ptr[n] == ' ' || line.ptr[n] == s->separator))
			break;
	}
	if (i == NITEMS(words))
		return;		/* #open, #close, words of a later Zeek */
	rest = span_sub(line, n + 1, SIZE_MAX);
	m = mark_of(rest);
	switch (i) {
	case 0:
		if (m.len != 1)
			dec_weird(d, WEIRD_ZEEK_BAD);
		else
			s->separator = m.b[0];
		break;
	case 1:
		s->set_separator = m;
		break;
	case 2:
		s->empty = m;
		break;
	case 3:
		s->unset = m;
		break;
	case 4:
		s->path_len = (uint8_t)MIN_OF(rest.len, sizeof(s->path));
		memcpy(s->path, rest.ptr, s->path_len);
		s->is_new_header = true;
		break;
	case 5:
		read_fields(d, s, rest);
		break;
	default:
		read_types(s, rest);
	}
}

static void
finish_header(struct row *r)
{
	struct store *s = r->s;
	uint64_t told = 0;

	s->is_new_header = false;
	for (unsigned i = 0; i < s->ncolumns; i++)
		if (s->tsv[i].path != 0)
			told |= info_of(s, s->tsv[i].path)->tells;
	r->log = s->log = s->path_len != 0 ?
	    log_of_name(span_of(s->path, s->path_len)) : log_of_keys(told);
	for (unsigned i = 0; i < s->ncolumns; i++) {
		const struct column *c = s->tsv[i].path == 0 ? NULL :
		    column_of(r, s->tsv[i].path);

		if (c != NULL)
			s->tsv[i].column = *c;
	}
}

/* -- TSV: rows ----------------------------------------------------------- */

/* Parts the line; false when it has not as many values as columns. */
static bool
split(struct store *s, struct span line)
{
	const uint8_t *p = line.ptr;
	size_t from = 0, i = 0;
	unsigned n = 0;

#ifdef __SSE2__
	const __m128i sep = _mm_set1_epi8((char)s->separator);

	for (; line.len - i >= 16; i += 16) {
		unsigned hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(sep,
		    _mm_loadu_si128((const __m128i *)(const void *)(p + i))));

		for (; hit != 0; hit &= hit - 1) {
			size_t at = i + (unsigned)__builtin_ctz(hit);

			if (n + 1 >= s->ncolumns)
				return false;
			s->cell[n++] = span_of(p + from, at - from);
			from = at + 1;
		}
	}
#endif
	for (; i < line.len; i++) {
		if (p[i] != s->separator)
			continue;
		if (n + 1 >= s->ncolumns)
			return false;
		s->cell[n++] = span_of(p + from, i - from);
		from = i + 1;
	}
	s->cell[n++] = span_of(p + from, line.len - from);
	return n == s->ncolumns;
}

static void
tsv_row(struct row *r)
{
	struct store *s = r->s;
	int64_t time = TIME_NONE;

	if (s->is_new_header)
		finish_header(r);
	if (s->ncolumns == 0 || !split(s, r->dec->rec->data)) {
		dec_weird(r->dec, WEIRD_ZEEK_BAD);
		return;
	}
	r->log = s->log;
	r->name = span_of(s->path, s->path_len);
	if (s->ts_column < s->ncolumns)
		time = dec_time(s->cell[s->ts_column]);
	if (!row_begin(r, time))
		return;
	for (unsigned i = 0; i < s->ncolumns; i++) {
		const struct tsv_column *c = &s->tsv[i];
		struct datum v;

		if (c->column.how == HOW_DROP ||
		    is_mark(&s->unset, s->cell[i]))
			continue;
		v = (struct datum){ .raw = s->cell[i], .form = c->form,
		    .item = c->item, .tsv = true };
		if (c->form == FORM_BOOL)
			v.yes = v.raw.len != 0 && v.raw.ptr[0] == 'T';
		else if (c->form == FORM_TEXT && is_mark(&s->empty, v.raw))
			v.raw = span_of(v.raw.ptr, 0);
		put(r, &c->column, c->path, &v);
	}
	row_end(r);
}

/* -- the row ------------------------------------------------------------- */

static void
zeek_record(struct dec *d, void *state, const struct record *rec)
{
	struct row r = { .dec = d, .s = store_of(d, state) };

	if (r.s == NULL || rec->data.len == 0)
		return;
	if (rec->type == REC_JSON)
		json_row(&r);
	else if (rec->data.ptr[0] == '#')
		read_directive(d, r.s, rec->data);
	else
		tsv_row(&r);
}

static void
zeek_end(struct dec *d, void *state)
{
	struct zeek *z = state;

	(void)d;
	if (z->s == NULL)
		return;
	for (unsigned i = 0; i < LOG_COUNT; i++)
		free(z->s->column[i]);
	table_free(z->s->certs);
	jsonrow_free(z->s->names);
	free(z->s);
	z->s = NULL;
}

static bool
has_key(struct span s, const char *key)
{
	return span_find(s, span_str(key)) != SPAN_NPOS;
}

static int
match_json(struct span s)
{
	/* Each with what must be there too. */
	static const char *const keys[][2] = {
		{ "\"id.orig_h\":", "\"uid\":" },
		{ "\"fuid\":", "\"seen_bytes\":" },
		{ "\"certificate.serial\":", "\"certificate.subject\":" },
		{ "\"software_type\":", "\"host\":" },
		{ "\"note\":", "\"actions\":" },
	};

	s = span_sub(s, 0, 16384);	/* a row with all keys */
	if (!has_key(s, "\"ts\":"))
		return 0;
	if (has_key(s, "\"_path\":"))
		return 90;
	for (size_t i = 0; i < NITEMS(keys); i++)
		if (has_key(s, keys[i][0]) && has_key(s, keys[i][1]))
			return 70;
	return 0;
}

static int
zeek_match(const struct record *rec)
{
	static const struct { const char *start; int score; } marks[] = {
		{ "#separator ", 97 }, { "#set_separator\t", 96 },
		{ "#path\t", 96 }, { "#fields\t", 96 },
	};

	if (rec->type == REC_JSON)
		return match_json(rec->data);
	for (size_t i = 0; i < NITEMS(marks); i++)
		if (span_starts(rec->data, span_str(marks[i].start)))
			return marks[i].score;
	return 0;
}

static const uint8_t zeek_kinds[] = {
	KIND_CONN, KIND_DNS, KIND_HTTP, KIND_TLS, KIND_SSH, KIND_KRB5,
	KIND_SMB, KIND_FILE, KIND_ALERT, KIND_NTLM, KIND_DCERPC, KIND_RDP,
	KIND_SOCKS, KIND_FTP, KIND_SMTP, KIND_SENSOR, KIND_NONE
};

const struct decoder decoder_zeek = {
	.name = "zeek",
	.title = "Zeek logs, TSV and JSON",
	.doc = "Logs of Zeek with their header, which may change inside the "
	    "file, and JSON with _path or told by its keys: conn, dns, http, "
	    "ssl, x509, ssh, kerberos, smb_files, smb_mapping, files, notice, "
	    "ntlm, dce_rpc, rdp, socks, ftp, smtp; all others as they stand "
	    "(kind sensor). Left: TSV without header.",
	.kinds = zeek_kinds,
	.state_size = sizeof(struct zeek),
	.rectype = REC_LINE,
	.also = REC_JSON,
	.match = zeek_match,
	.record = zeek_record,
	.end = zeek_end,
};
