/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_zeek: flows as Zeek's JSON logs, all in one stream, the log's name in
 * _path (as json-streaming-logs writes them): conn, and beside it dns, ssl,
 * http, ssh, kerberos, smb_mapping, rdp, socks, smtp.
 * Rows come by start, where Zeek writes them by end.
 */
#include <stdlib.h>
#include <string.h>

#include "traf.h"

struct zeek {
	struct writer w;
	struct traf *traf;
	bool tag;
	char *at;
	char line[4096];
};

static void
put(struct zeek *z, const char *s)
{
	size_t n = strlen(s);

	memcpy(z->at, s, n);
	z->at += n;
}

static void
put_u64(struct zeek *z, const char *before, uint64_t v)
{
	char digits[24];
	size_t n = sizeof(digits);

	put(z, before);
	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	memcpy(z->at, digits + n, sizeof(digits) - n);
	z->at += sizeof(digits) - n;
}

/* seconds with six places */
static void
put_us(struct zeek *z, const char *before, int64_t us)
{
	uint32_t rest = (uint32_t)(us % 1000000);
	int i;

	put_u64(z, before, (uint64_t)(us / 1000000));
	*z->at++ = '.';
	for (i = 5; i >= 0; i--, rest /= 10)
		z->at[i] = (char)('0' + rest % 10);
	z->at += 6;
}

static void
put_addr(struct zeek *z, const char *before, uint32_t a)
{
	put_u64(z, before, a >> 24);
	put_u64(z, ".", a >> 16 & 255);
	put_u64(z, ".", a >> 8 & 255);
	put_u64(z, ".", a & 255);
}

/* our own names: nothing in them needs escaping but the backslash */
static void
put_text(struct zeek *z, const char *before, const char *s)
{
	put(z, before);
	*z->at++ = '"';
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			*z->at++ = '\\';
		*z->at++ = *s;
	}
	*z->at++ = '"';
}

static void
put_uid(struct zeek *z, uint64_t serial)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz";
	struct rng r = { serial };
	uint64_t v = rng_next(&r);
	int i;

	*z->at++ = 'C';
	for (i = 0; i < 10; i++, v /= 62)
		*z->at++ = digits[v % 62];
	v = serial;
	for (i = 0; i < 7; i++, v /= 62)
		*z->at++ = digits[v % 62];
}

static void
begin_row(struct zeek *z, const char *log, const struct flow *f,
    uint64_t serial)
{
	z->at = z->line;
	put_text(z, "{\"_path\":", log);
	put_us(z, ",\"ts\":", f->start_us);
	put(z, ",\"uid\":\"");
	put_uid(z, serial);
	put_addr(z, "\",\"id.orig_h\":\"", f->src);
	put_u64(z, "\",\"id.orig_p\":", f->sport);
	put_addr(z, ",\"id.resp_h\":\"", f->dst);
	put_u64(z, "\",\"id.resp_p\":", f->dport);
}

static void
end_row(struct zeek *z)
{
	put(z, "}\n");
	fwrite(z->line, 1, (size_t)(z->at - z->line), z->w.file);
}

static const char *const services[] = {
	[APP_DNS] = "dns", [APP_TLS] = "ssl", [APP_HTTP] = "http",
	[APP_SSH] = "ssh", [APP_KRB_AS] = "krb", [APP_KRB_TGS] = "krb",
	[APP_SMB_TREE] = "gssapi,smb,ntlm", [APP_LDAP] = "ldap",
	[APP_RDP] = "rdp", [APP_SMTP] = "smtp", [APP_NTP] = "ntp",
	[APP_DHCP] = "dhcp", [APP_SOCKS] = "socks", [APP_SSF] = "ssl",
	[APP_WEBSOCKET] = "http", [APP_SIP] = "sip", [APP_SNMP] = "snmp",
	[APP_RTP] = NULL
};

static void
put_state(struct zeek *z, const struct flow *f)
{
	static const struct { const char *state, *history; } tcp[] = {
		[END_FIN] = { "SF", "ShADadFf" },
		[END_SILENT] = { "S0", "S" },
		[END_REFUSED] = { "REJ", "Sr" },
		[END_RESET] = { "RSTO", "ShADadR" },
		[END_OPEN] = { "S1", "ShADad" }
	};
	bool answered = f->down_pkts != 0;

	if (f->proto == PROTO_TCP) {
		put_text(z, ",\"conn_state\":", tcp[f->end].state);
		put_text(z, ",\"history\":", tcp[f->end].history);
	} else if (f->proto == PROTO_UDP) {
		put_text(z, ",\"conn_state\":", answered ? "SF" : "S0");
		put_text(z, ",\"history\":", answered ? "Dd" : "D");
	} else {
		put_text(z, ",\"conn_state\":", "OTH");
	}
}

static void
put_conn(struct zeek *z, const struct flow *f, uint64_t serial)
{
	bool talked = f->proto != PROTO_TCP ||
	    (f->end != END_SILENT && f->end != END_REFUSED);
	unsigned head = f->proto == PROTO_TCP ? 40 : 28;

	begin_row(z, "conn", f, serial);
	put_text(z, ",\"proto\":", f->proto == PROTO_TCP ? "tcp" :
	    f->proto == PROTO_UDP ? "udp" : "icmp");
	if (talked && f->app != APP_NONE && services[f->app] != NULL)
		put_text(z, ",\"service\":", services[f->app]);
	if (f->down_pkts != 0 || f->up_pkts > 1) {
		put_us(z, ",\"duration\":", f->len_us);
		put_u64(z, ",\"orig_bytes\":", f->up);
		put_u64(z, ",\"resp_bytes\":", f->down);
	}
	put_state(z, f);
	put_u64(z, ",\"missed_bytes\":", 0);
	put_u64(z, ",\"orig_pkts\":", f->up_pkts);
	put_u64(z, ",\"orig_ip_bytes\":", f->up + f->up_pkts * head);
	put_u64(z, ",\"resp_pkts\":", f->down_pkts);
	put_u64(z, ",\"resp_ip_bytes\":", f->down + f->down_pkts * head);
	if (z->tag && f->label != 0) {
		const struct label *l = &z->traf->labels[f->label - 1];

		put_text(z, ",\"label\":", l->row->name);
		put_u64(z, ",\"label_id\":", l->ordinal + 1);
	}
	end_row(z);
}

static const char *
qtype_name(int type)
{
	switch (type) {
	case 1: return "A";
	case 10: return "NULL";
	case 12: return "PTR";
	case 15: return "MX";
	case 16: return "TXT";
	case 28: return "AAAA";
	case 33: return "SRV";
	case 5: return "CNAME";
	default: return "*";
	}
}

/* name: the question, second: the answer, code: rcode */
static void
put_dns(struct zeek *z, const struct flow *f)
{
	put_text(z, ",\"proto\":", f->proto == PROTO_TCP ? "tcp" : "udp");
	put_u64(z, ",\"trans_id\":", f->sport ^ 0x5a5au);
	put_us(z, ",\"rtt\":", f->len_us);
	put_text(z, ",\"query\":", f->name);
	put_u64(z, ",\"qclass\":", 1);
	put_u64(z, ",\"qtype\":", (uint64_t)f->qtype);
	put_text(z, ",\"qtype_name\":", qtype_name(f->qtype));
	put_u64(z, ",\"rcode\":", (uint64_t)f->code);
	put_text(z, ",\"rcode_name\":", f->code == 3 ? "NXDOMAIN" :
	    f->code == 2 ? "SERVFAIL" : "NOERROR");
	put(z, ",\"AA\":false,\"TC\":false,\"RD\":true,\"RA\":true,\"Z\":0");
	if (f->code == 0 && f->second[0] != '\0') {
		put_text(z, ",\"answers\":[", f->second);
		put(z, "],\"TTLs\":[300.0]");
	}
	put(z, ",\"rejected\":false");
}

/* name: the server name, "" if none */
static void
put_tls(struct zeek *z, const struct flow *f)
{
	bool ssf = f->app == APP_SSF;

	put_text(z, ",\"version\":", ssf ? "TLSv12" : "TLSv13");
	put_text(z, ",\"cipher\":", ssf ?
	    "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384" : "TLS_AES_128_GCM_SHA256");
	if (f->name[0] != '\0')
		put_text(z, ",\"server_name\":", f->name);
	put(z, ",\"resumed\":false,\"established\":true");
	put_text(z, ",\"ssl_history\":", "CsiI");
}

/* name: the host, second: the path */
static void
put_http(struct zeek *z, const struct flow *f)
{
	bool ws = f->app == APP_WEBSOCKET;

	put(z, ",\"trans_depth\":1");
	put_text(z, ",\"method\":", "GET");
	put_text(z, ",\"host\":", f->name);
	put_text(z, ",\"uri\":", f->second);
	put_text(z, ",\"version\":", "1.1");
	put_text(z, ",\"user_agent\":", "Mozilla/5.0 (X11; Linux x86_64)");
	put_u64(z, ",\"request_body_len\":", 0);
	put_u64(z, ",\"response_body_len\":", ws ? 0 : f->down);
	put_u64(z, ",\"status_code\":", ws ? 101 : 200);
	put_text(z, ",\"status_msg\":", ws ? "Switching Protocols" : "OK");
}

/* code: failed tries before it ended; etype: 1 if one succeeded */
static void
put_ssh(struct zeek *z, const struct flow *f)
{
	put_u64(z, ",\"version\":", 2);
	if (f->etype != 0)
		put(z, ",\"auth_success\":true");
	else if (f->code != 0)
		put(z, ",\"auth_success\":false");
	put_u64(z, ",\"auth_attempts\":", (uint64_t)(f->code + f->etype));
	put_text(z, ",\"client\":", "SSH-2.0-OpenSSH_9.6");
	put_text(z, ",\"server\":", "SSH-2.0-OpenSSH_9.2p1");
	put_text(z, ",\"cipher_alg\":", "chacha20-poly1305@openssh.com");
	put_text(z, ",\"kex_alg\":", "sntrup761x25519-sha512@openssh.com");
	put_text(z, ",\"host_key_alg\":", "ssh-ed25519");
}

/* name: client, second: service, code: KRB-ERROR, etype: of the ticket */
static void
put_krb(struct zeek *z, const struct flow *f)
{
	put_text(z, ",\"request_type\":", f->app == APP_KRB_AS ? "AS" :
	    "TGS");
	put_text(z, ",\"client\":", f->name);
	put_text(z, ",\"service\":", f->second);
	if (f->code == 0) {
		put(z, ",\"success\":true");
		put_text(z, ",\"cipher\":", f->etype == 23 ? "rc4-hmac" :
		    "aes256-cts-hmac-sha1-96");
	} else {
		put(z, ",\"success\":false");
		put_text(z, ",\"error_msg\":", f->code == 6 ?
		    "KDC_ERR_C_PRINCIPAL_UNKNOWN" : f->code == 24 ?
		    "KDC_ERR_PREAUTH_FAILED" : f->code == 18 ?
		    "KDC_ERR_CLIENT_REVOKED" : "KDC_ERR_PREAUTH_REQUIRED");
	}
	put(z, ",\"forwardable\":true,\"renewable\":true");
}

static void
put_rest(struct zeek *z, const struct flow *f)
{
	switch (f->app) {
	case APP_SMB_TREE:
		put_text(z, ",\"path\":", f->name);
		put_text(z, ",\"share_type\":", strstr(f->name, "IPC$") ?
		    "PIPE" : "DISK");
		break;
	case APP_RDP:
		put_text(z, ",\"cookie\":", f->name);
		put_text(z, ",\"result\":", "encrypted");
		put_text(z, ",\"security_protocol\":", "HYBRID");
		break;
	case APP_SOCKS:
		put_u64(z, ",\"version\":", 5);
		put_text(z, ",\"status\":", "succeeded");
		put_text(z, ",\"request.host\":", f->name);
		put_u64(z, ",\"request_p\":", (uint64_t)f->code);
		break;
	default:
		put(z, ",\"trans_depth\":1");
		put_text(z, ",\"helo\":", f->name);
		put_text(z, ",\"mailfrom\":", f->second);
		put(z, ",\"tls\":true");
		break;
	}
}

static void
zeek_flow(struct writer *w, const struct flow *f, uint64_t serial)
{
	static const struct {
		const char *log;
		void (*put)(struct zeek *, const struct flow *);
	} rows[] = {
		[APP_DNS] = { "dns", put_dns }, [APP_TLS] = { "ssl", put_tls },
		[APP_SSF] = { "ssl", put_tls },
		[APP_HTTP] = { "http", put_http },
		[APP_WEBSOCKET] = { "http", put_http },
		[APP_SSH] = { "ssh", put_ssh },
		[APP_KRB_AS] = { "kerberos", put_krb },
		[APP_KRB_TGS] = { "kerberos", put_krb },
		[APP_SMB_TREE] = { "smb_mapping", put_rest },
		[APP_RDP] = { "rdp", put_rest },
		[APP_SOCKS] = { "socks", put_rest },
		[APP_SMTP] = { "smtp", put_rest }, [APP_RTP] = { NULL, NULL }
	};
	struct zeek *z = w->state;

	put_conn(z, f, serial);
	if (rows[f->app].log == NULL || f->end == END_SILENT ||
	    f->end == END_REFUSED)
		return;
	begin_row(z, rows[f->app].log, f, serial);
	rows[f->app].put(z, f);
	end_row(z);
}

static int
zeek_close(struct writer *w)
{
	int bad = fflush(w->file) != 0 || ferror(w->file);

	free(w->state);
	return bad ? -1 : 0;
}

struct writer *
zeek_open(FILE *file, bool tag, struct traf *t)
{
	struct zeek *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return NULL;
	z->w = (struct writer){ .flow = zeek_flow, .close = zeek_close,
	    .file = file, .state = z };
	z->traf = t;
	z->tag = tag;
	return &z->w;
}
