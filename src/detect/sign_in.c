/* SPDX-License-Identifier: Apache-2.0
 *
 * Sign-ins, whoever tells of them: Kerberos AS exchanges, SSH sessions, SMB and
 * NTLM status, FTP replies, HTTP 401, 403 and forms, negotiations of RDP, auth
 * logs, Windows 4624, 4625, 4648, 4768, 4771, 4776.
 *
 * Nothing is kept; texts are in the caller's arena.
 */
#include "detect.h"

enum { GOT_IN = 4624, REFUSED = 4625, BY_NAME = 4648, AS_TICKET = 4768,
	PREAUTH = 4771, CHECKED = 4776 };
const uint16_t sign_in_event_ids[] = {
	GOT_IN, REFUSED, BY_NAME, AS_TICKET, PREAUTH, CHECKED, 0
};

const char *
sign_in_service_name(enum sign_in_service service)
{
	static const char *const names[SIGN_SERVICES] = {
		"SSH", "RDP", "SMB", "NTLM", "LDAP", "Kerberos", "FTP",
		"Telnet", "web", "its log", "Windows", "explicit credentials",
		"VNC", "WinRM", "data base", "mail"
	};

	return names[service];
}

uint64_t
sign_in_user(struct span s)
{
	uint8_t low[64];
	size_t n = 0, at = span_find_byte(s, '\\');

	if (at != SPAN_NPOS)
		s = span_sub(s, at + 1, SIZE_MAX);
	while (n < MIN_OF(s.len, sizeof(low)) && s.ptr[n] != '@' &&
	    s.ptr[n] != '/') {
		low[n] = ascii_lower(s.ptr[n]);
		n++;
	}
	return n == 0 ? 0 : hash_bytes(low, n, 3) | 1;
}

static void
wire(struct arena *m, const struct event *e, struct sign_in *s, unsigned user)
{
	s->src = event_text(m, e, FIELD_SRC_IP);
	s->server = event_text(m, e, FIELD_DST_IP);
	if (user != FIELD_OTHER)
		s->user = event_text(m, e, user);
}

static enum sign_in_result
kdc_result(uint64_t code)
{
	return code == KRB5_UNKNOWN || code == KRB5_REVOKED ||
	    code == KRB5_WRONG ? SIGN_REFUSED : SIGN_NONE;
}

static void
of_krb5(struct arena *m, const struct event *e, struct sign_in *s)
{
	uint64_t code = krb5_error(e), good = 0;

	if (!span_eq(event_str(e, FIELD_KRB_TYPE), SPAN_LIT("AS")))
		return;
	s->result = kdc_result(code);
	if (code == 0 && event_u64(e, FIELD_KRB_SUCCESS, &good) && good != 0)
		s->result = SIGN_GOT_IN;
	s->no_account = code == KRB5_UNKNOWN;
	s->service = SIGN_KERBEROS;
	if (s->result != SIGN_NONE)
		wire(m, e, s, FIELD_KRB_CLIENT);
}

static void
of_ssh(struct arena *m, const struct event *e, struct sign_in *s)
{
	uint64_t good;

	if (!event_u64(e, FIELD_SSH_SUCCESS, &good))
		return;
	s->result = good != 0 ? SIGN_GOT_IN : SIGN_REFUSED;
	s->service = SIGN_SSH;
	wire(m, e, s, FIELD_OTHER);
}

/* [MS-ERREF] 2.3.1: logon failure, no such user, wrong password, restricted,
 * disabled, expired, locked out. */
static enum sign_in_result
nt_result(uint64_t status)
{
	switch (status) {
	case 0:
		return SIGN_GOT_IN;
	case 0xc000006d: case 0xc0000064: case 0xc000006a: case 0xc000006e:
	case 0xc0000072: case 0xc0000071: case 0xc0000193: case 0xc0000234:
		return SIGN_REFUSED;
	default:
		return SIGN_NONE;
	}
}

static void
of_smb(struct arena *m, const struct event *e, struct sign_in *s)
{
	uint64_t status;

	if (!span_eq(event_str(e, FIELD_SMB_COMMAND),
	    SPAN_LIT("session_setup")) ||
	    !event_u64(e, FIELD_SMB_STATUS, &status))
		return;
	s->result = nt_result(status);
	s->no_account = status == 0xc0000064;
	s->service = SIGN_SMB;
	if (s->result != SIGN_NONE)
		wire(m, e, s, FIELD_OTHER);
}

static void
of_ntlm(struct arena *m, const struct event *e, struct sign_in *s)
{
	uint64_t good;

	if (!event_u64(e, FIELD_NTLM_SUCCESS, &good) ||
	    event_str(e, FIELD_NTLM_USER).len == 0)
		return;		/* anonymous */
	s->result = good != 0 ? SIGN_GOT_IN : SIGN_REFUSED;
	s->service = SIGN_NTLM;
	wire(m, e, s, FIELD_NTLM_USER);
}

static void
of_ftp(struct arena *m, const struct event *e, struct sign_in *s)
{
	uint64_t reply;

	if (!span_eq_nocase(event_str(e, FIELD_FTP_COMMAND),
	    SPAN_LIT("PASS")) || !event_u64(e, FIELD_FTP_REPLY, &reply))
		return;
	s->result = reply == 230 ? SIGN_GOT_IN : reply == 530 ? SIGN_REFUSED :
	    SIGN_NONE;
	s->service = SIGN_FTP;
	if (s->result != SIGN_NONE)
		wire(m, e, s, FIELD_FTP_USER);
}

static void
of_rdp(struct arena *m, const struct event *e, struct sign_in *s)
{
	s->result = SIGN_TRIED;	/* the rest is in TLS */
	s->service = SIGN_RDP;
	wire(m, e, s, FIELD_OTHER);
}

static bool
is_login(struct span path)
{
	static const char *const words[] = {
		"login", "logon", "signin", "sign-in", "sign_in", "j_security",
		"xmlrpc.php", "/auth", "authenticate", "/session", "/token"
	};

	for (size_t i = 0; i < NITEMS(words); i++)
		if (span_find_nocase(path, span_str(words[i])) != SPAN_NPOS)
			return true;
	return false;
}

/* A page that one may not see is no sign-in: a name or a form is. */
static void
of_http(struct arena *m, const struct event *e, struct sign_in *s)
{
	bool post = span_eq(event_str(e, FIELD_HTTP_METHOD), SPAN_LIT("POST"));
	uint64_t status = 0;
	bool refused;

	if (!event_u64(e, FIELD_HTTP_STATUS, &status))
		return;
	refused = status == 401 || status == 403;
	if (!refused && !post)
		return;
	s->user = event_text(m, e, FIELD_HTTP_USER);
	if (span_eq(s->user, SPAN_LIT("-")))
		s->user = SPAN_NONE;
	s->is_sure = s->user.len != 0 || (post && is_login(http_path(e)));
	if (refused ? s->user.len == 0 && !post :
	    !s->is_sure || s->user.len != 0 || status >= 400)
		return;
	s->result = refused ? SIGN_REFUSED : SIGN_TRIED;
	s->service = SIGN_WEB;
	s->src = event_text(m, e, FIELD_SRC_IP);
	s->server = http_server(m, e);
}

static void
of_auth(struct arena *m, const struct event *e, struct sign_in *s)
{
	struct span result = event_str(e, FIELD_AUTH_RESULT);

	if (span_eq(result, SPAN_LIT("accepted")))
		s->result = SIGN_GOT_IN;
	else if (span_eq(result, SPAN_LIT("failed")))
		s->result = SIGN_REFUSED;
	else if ((s->no_account = span_eq(result, SPAN_LIT("invalid-user"))))
		s->result = SIGN_REFUSED;
	else
		return;
	s->service = SIGN_LOG;
	s->src = client_name(event_text(m, e, FIELD_SRC_IP));
	s->server = event_text(m, e, FIELD_SYSLOG_HOST);
	s->user = event_text(m, e, FIELD_AUTH_USER);
}

bool
sign_in_is_system(struct span user)
{
	return user.len == 0 || span_ends(user, SPAN_LIT("$")) ||
	    span_eq(user, SPAN_LIT("-")) ||
	    span_eq_nocase(user, SPAN_LIT("SYSTEM")) ||
	    span_eq_nocase(user, SPAN_LIT("ANONYMOUS LOGON"));
}

static void
of_windows(struct arena *m, const struct event *e, struct sign_in *s)
{
	unsigned id = win_event(e, "Security");
	unsigned from = FIELD_IP_ADDRESS;
	uint64_t status = 0, type = 0;

	(void)event_u64(e, FIELD_WIN_STATUS, &status);
	(void)event_u64(e, FIELD_LOGON_TYPE, &type);
	s->service = SIGN_WINDOWS;
	s->no_account = status == KRB5_UNKNOWN || status == 0xc0000064;
	switch (id) {
	case GOT_IN:	/* over the network, or at a remote desktop */
		s->result = type == 3 || type == 10 ? SIGN_GOT_IN : SIGN_NONE;
		break;
	case REFUSED:
		s->result = SIGN_REFUSED;
		break;
	case AS_TICKET:
		s->result = status == 0 ? SIGN_GOT_IN : kdc_result(status);
		s->service = SIGN_KERBEROS;
		break;
	case PREAUTH:
		s->result = kdc_result(status);
		s->service = SIGN_KERBEROS;
		break;
	case CHECKED:
		s->result = nt_result(status);
		s->service = SIGN_NTLM;
		from = FIELD_WORKSTATION_4776;
		break;
	case BY_NAME:
		/* Programs of the system act for everybody. */
		if (sign_in_is_system(event_text(m, e, FIELD_SUBJECT_USER)))
			return;
		s->result = SIGN_TRIED;
		s->service = SIGN_EXPLICIT;
		from = FIELD_WIN_COMPUTER;
		break;
	default:
		return;
	}
	if (s->result == SIGN_NONE)
		return;
	s->src = client_name(event_text(m, e, from));
	if (s->src.len == 0 && id == REFUSED)	/* at the machine itself */
		s->src = event_text(m, e, FIELD_WIN_COMPUTER);
	s->server = event_text(m, e, FIELD_WIN_COMPUTER);
	s->user = event_text(m, e, FIELD_TARGET_USER);
}

bool
sign_in_of(struct arena *m, const struct event *e, struct sign_in *s)
{
	memset(s, 0, sizeof(*s));
	s->is_sure = true;
	switch (e->kind) {
	case KIND_KRB5:
		of_krb5(m, e, s);
		break;
	case KIND_SSH:
		of_ssh(m, e, s);
		break;
	case KIND_SMB:
		of_smb(m, e, s);
		break;
	case KIND_NTLM:
		of_ntlm(m, e, s);
		break;
	case KIND_FTP:
		of_ftp(m, e, s);
		break;
	case KIND_RDP:
		of_rdp(m, e, s);
		break;
	case KIND_HTTP:
		of_http(m, e, s);
		break;
	case KIND_AUTH:
		of_auth(m, e, s);
		break;
	default:
		of_windows(m, e, s);
		break;
	}
	return s->result != SIGN_NONE;
}
