/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of a Unix host say in their log messages of who signed in
 * and what ran: events of kind auth and process.  Syslog lines and journal
 * entries both come here.
 *
 *	sshd, sshd-session, sshd-auth (OpenSSH 9.8 and later)
 *		Accepted METHOD for USER from IP port N ssh2: ...
 *		Failed METHOD for [invalid user ]USER from IP port N ssh2
 *		Invalid user USER from IP port N
 *		Connection closed|reset by [authenticating|invalid user USER ]
 *		    IP port N[ [preauth]]
 *	sudo	ACTOR : [REASON ; ]TTY=T ; PWD=D ; USER=U ; COMMAND=C
 *	su	(to USER) ACTOR on TTY; FAILED SU (to USER) ACTOR on TTY
 *	login	LOGIN ON TTY BY USER[ FROM HOST]; ROOT LOGIN ON ...;
 *		FAILED LOGIN (N) on 'TTY'[ from 'HOST'] FOR 'USER', ...
 *	systemd-logind	New session N of user USER.
 *	pam_unix(SERVICE:auth): authentication failure; ... rhost=H user=U
 *	vsftpd	[USER] OK|FAIL LOGIN: Client "IP"
 *	dovecot	imap-login: Login: user=<USER>, ..., rip=IP, ...
 *	postfix	warning: H[IP]: SASL M authentication failed: ...;
 *		    Q: client=H[IP], sasl_method=M, sasl_username=USER
 *
 * A name is chosen by who calls, so it is read from the right: the last
 * " from " before the port counts.  PAM's lines are passed over where the
 * program says the same.  rsyslog's "message repeated N times: [ ... ]" is N
 * events.
 *
 * Bounds: one message; REPEATS_MAX events of it.
 */
#include "decode.h"

#define REPEATS_MAX	256u	/* rsyslog folds some minutes of one client */

struct sign_in {
	struct span	user, actor, host, port;	/* the client's */
	const char	*result;
	struct span	method;
};

static bool
skip_word(struct span *s, const char *word)
{
	if (!span_starts(*s, span_str(word)))
		return false;
	*s = span_sub(*s, strlen(word), SIZE_MAX);
	return true;
}

/* Offset of the last occurrence, or SPAN_NPOS. */
static size_t
find_last(struct span s, struct span what)
{
	size_t found = SPAN_NPOS, at = 0, n;

	while ((n = span_find(span_sub(s, at, SIZE_MAX), what)) != SPAN_NPOS) {
		found = at + n;
		at = found + 1;
	}
	return found;
}

static struct span
to_blank(struct span s)
{
	return span_sub(s, 0, span_find_byte(s, ' '));
}

/* What follows key, up to one of the bytes in ends. */
static struct span
after(struct span s, const char *key, const char *ends)
{
	size_t at = span_find(s, span_str(key)), n = 0;

	if (at == SPAN_NPOS)
		return SPAN_NONE;
	s = span_sub(s, at + strlen(key), SIZE_MAX);
	while (n < s.len && strchr(ends, s.ptr[n]) == NULL)
		n++;
	return span_sub(s, 0, n);
}

/* -- sshd ---------------------------------------------------------------- */

/* "USER from IP[ port N ...]", read from the right. */
static bool
user_from(struct span s, struct sign_in *in)
{
	size_t at = find_last(s, SPAN_LIT(" from "));
	struct span tail;

	if (at == SPAN_NPOS)
		return false;
	in->user = span_sub(s, 0, at);
	tail = span_sub(s, at + 6, SIZE_MAX);
	in->host = to_blank(tail);
	tail = span_sub(tail, in->host.len, SIZE_MAX);
	if (skip_word(&tail, " port "))
		in->port = to_blank(tail);
	return in->host.len != 0;
}

/* "[authenticating user|invalid user USER ]IP port N..." */
static bool
user_address(struct span s, struct sign_in *in)
{
	size_t at = find_last(s, SPAN_LIT(" port "));
	struct span head = span_sub(s, 0, at);
	size_t blank;

	if (at == SPAN_NPOS)
		return false;
	in->port = to_blank(span_sub(s, at + 6, SIZE_MAX));
	if (!skip_word(&head, "authenticating user "))
		skip_word(&head, "invalid user ");
	blank = find_last(head, SPAN_LIT(" "));
	in->host = blank == SPAN_NPOS ? head :
	    span_sub(head, blank + 1, SIZE_MAX);
	if (blank != SPAN_NPOS)
		in->user = span_sub(head, 0, blank);
	return true;
}

static bool
read_sshd(struct span m, struct sign_in *in)
{
	size_t n;

	if (skip_word(&m, "Accepted "))
		in->result = "accepted";
	else if (skip_word(&m, "Failed "))
		in->result = "failed";
	if (in->result != NULL) {
		if ((n = span_find(m, SPAN_LIT(" for "))) == SPAN_NPOS)
			return false;
		in->method = span_sub(m, 0, n);
		m = span_sub(m, n + 5, SIZE_MAX);
		skip_word(&m, "invalid user ");
		return user_from(m, in);
	}
	if (skip_word(&m, "Invalid user ") || skip_word(&m, "Illegal user ")) {
		in->result = "invalid-user";
		return user_from(m, in);
	}
	if (skip_word(&m, "Connection closed by ") ||
	    skip_word(&m, "Connection reset by ")) {
		in->result = "closed";
		return user_address(m, in);
	}
	return false;
}

/* -- changes of user ----------------------------------------------------- */

static bool
sudo_part(struct span part, struct sudo_line *s)
{
	if (skip_word(&part, "TTY="))
		s->tty = part;
	else if (skip_word(&part, "PWD="))
		s->pwd = part;
	else if (skip_word(&part, "USER="))
		s->user = part;
	else
		return false;
	return true;
}

bool
log_sudo(struct span msg, struct sudo_line *s)
{
	struct span rest = span_trim(msg), part;
	size_t n = span_find(rest, SPAN_LIT(" : "));
	bool first = true;

	memset(s, 0, sizeof(*s));
	if (n == SPAN_NPOS)
		return false;
	s->actor = span_sub(rest, 0, n);
	rest = span_sub(rest, n + 3, SIZE_MAX);
	/* COMMAND is the last and may hold anything. */
	while (!skip_word(&rest, "COMMAND=")) {
		if ((n = span_find(rest, SPAN_LIT(" ; "))) == SPAN_NPOS)
			return false;
		part = span_sub(rest, 0, n);
		rest = span_sub(rest, n + 3, SIZE_MAX);
		if (!sudo_part(part, s) && first)
			s->reason = part;
		first = false;
	}
	s->command = rest;
	return true;
}

static bool
read_su(struct span m, struct sign_in *in)
{
	size_t n;

	in->method = SPAN_LIT("su");
	in->result = "accepted";
	if (skip_word(&m, "FAILED SU ") || skip_word(&m, "FAILED su "))
		in->result = "failed";
	else
		skip_word(&m, "Successful su ");
	if (skip_word(&m, "(to ")) {
		n = span_find(m, SPAN_LIT(") "));
		if (n == SPAN_NPOS)
			return false;
		in->user = span_sub(m, 0, n);
		m = span_sub(m, n + 2, SIZE_MAX);
		n = find_last(m, SPAN_LIT(" on "));
		in->actor = span_sub(m, 0, n);
		return true;
	}
	if (!skip_word(&m, "for ") ||
	    (n = find_last(m, SPAN_LIT(" by "))) == SPAN_NPOS)
		return false;
	in->user = span_sub(m, 0, n);
	in->actor = span_sub(m, n + 4, SIZE_MAX);
	return true;
}

static bool
read_login(struct span m, struct sign_in *in)
{
	in->method = SPAN_LIT("login");
	if (span_starts(m, SPAN_LIT("FAILED LOGIN"))) {
		in->result = "failed";
		in->user = after(m, " FOR '", "'");
		in->host = after(m, " from '", "'");
		return in->user.ptr != NULL;
	}
	in->result = "accepted";
	if (span_starts(m, SPAN_LIT("ROOT LOGIN")))
		in->user = SPAN_LIT("root");
	else if (span_starts(m, SPAN_LIT("LOGIN ON ")))
		in->user = after(m, " BY ", " ");
	in->host = after(m, " FROM ", " ");
	return in->user.ptr != NULL;
}

static bool
read_logind(struct span m, struct sign_in *in)
{
	if (!span_starts(m, SPAN_LIT("New session ")))
		return false;
	in->user = after(m, " of user ", " ");
	if (in->user.len != 0 && in->user.ptr[in->user.len - 1] == '.')
		in->user.len--;
	in->method = SPAN_LIT("session");
	in->result = "accepted";
	return in->user.len != 0;
}

/* -- PAM and services ---------------------------------------------------- */

/* Programs that say themselves what PAM says for them. */
static bool
speaks_itself(struct span service)
{
	static const char *const names[] = { "sshd", "su", "su-l", "sudo",
	    "sudo-i", "login", "cron", "crond", "systemd-user", "runuser",
	    "runuser-l" };

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_eq(service, span_str(names[i])))
			return true;
	return false;
}

static bool
read_pam(struct span m, struct sign_in *in)
{
	size_t colon;

	if (!skip_word(&m, "pam_unix(") && !skip_word(&m, "pam_sss("))
		return false;
	if ((colon = span_find_byte(m, ':')) == SPAN_NPOS)
		return false;
	in->method = span_sub(m, 0, colon);
	if (speaks_itself(in->method))
		return false;
	m = span_sub(m, colon + 1, SIZE_MAX);
	if (skip_word(&m, "auth): authentication failure;")) {
		in->result = "failed";
		in->user = after(m, " user=", " ");
		in->host = after(m, " rhost=", " ");
		return true;
	}
	if (skip_word(&m, "session): session opened for user ")) {
		in->result = "accepted";
		in->user = span_sub(to_blank(m), 0,
		    span_find_byte(to_blank(m), '('));
		return true;
	}
	return false;
}

/* "[pid 3] [USER] OK LOGIN: Client "IP"" */
static bool
read_vsftpd(struct span m, struct sign_in *in)
{
	bool ok = span_find(m, SPAN_LIT(" OK LOGIN: Client \"")) != SPAN_NPOS;
	size_t n;

	if (!ok && span_find(m, SPAN_LIT(" FAIL LOGIN: Client \"")) ==
	    SPAN_NPOS)
		return false;
	if (skip_word(&m, "[pid ")) {
		if ((n = span_find(m, SPAN_LIT("] "))) == SPAN_NPOS)
			return false;
		m = span_sub(m, n + 2, SIZE_MAX);
	}
	if (!skip_word(&m, "["))
		return false;
	in->user = span_sub(m, 0, span_find(m, SPAN_LIT("] ")));
	in->host = after(m, " LOGIN: Client \"", "\"");
	in->method = SPAN_LIT("ftp");
	in->result = ok ? "accepted" : "failed";
	return true;
}

static bool
read_dovecot(struct span m, struct sign_in *in)
{
	size_t n = span_find(m, SPAN_LIT("-login: "));

	if (n == SPAN_NPOS || n > 16)
		return false;
	m = span_sub(m, n + 8, SIZE_MAX);
	if (skip_word(&m, "Login: "))
		in->result = "accepted";
	else if (span_find(m, SPAN_LIT("auth failed")) != SPAN_NPOS)
		in->result = "failed";
	else
		return false;
	in->user = after(m, "user=<", ">");
	in->method = after(m, "method=", ", ");
	in->host = after(m, "rip=", ", ");
	return true;
}

static bool
read_postfix(struct span m, struct sign_in *in)
{
	struct span user = after(m, "sasl_username=", ", ");
	size_t n;

	if (user.len != 0) {
		in->user = user;
		in->method = after(m, "sasl_method=", ", ");
		in->result = "accepted";
		m = span_sub(m, MIN_OF(span_find(m, SPAN_LIT("client=")),
		    m.len), SIZE_MAX);
	} else if (skip_word(&m, "warning: ") &&
	    (n = span_find(m, SPAN_LIT("]: SASL "))) != SPAN_NPOS &&
	    span_find(m, SPAN_LIT(" authentication failed")) != SPAN_NPOS) {
		in->method = to_blank(span_sub(m, n + 8, SIZE_MAX));
		in->result = "failed";
	} else {
		return false;
	}
	in->host = after(m, "[", "]");
	return true;
}

/* -- telling ------------------------------------------------------------- */

static void
add(struct batch *b, unsigned field, struct span s)
{
	if (s.len != 0)
		event_add_str(b, field, s);
}

static void
tell_sign_in(struct dec *d, const struct log_line *l,
    const struct sign_in *in)
{
	struct batch *b = d->batch;
	uint64_t port;

	if (!event_begin(b, KIND_AUTH, l->time, batch_locator(b, d->rec)))
		return;
	add(b, FIELD_SYSLOG_HOST, l->host);
	add(b, FIELD_SYSLOG_APP, l->app);
	add(b, FIELD_AUTH_USER, in->user);
	add(b, FIELD_SUBJECT_USER, in->actor);
	event_add_str(b, FIELD_AUTH_RESULT, span_str(in->result));
	add(b, FIELD_AUTH_METHOD, in->method);
	if (in->host.len != 0)
		dec_add_addr(b, FIELD_SRC_IP, in->host);
	if (span_u64(in->port, &port) && port <= 65535)
		event_add_u64(b, FIELD_SRC_PORT, port);
	event_end(b);
}

static void
tell_sudo(struct dec *d, const struct log_line *l)
{
	struct sign_in in = { .method = SPAN_LIT("sudo") };
	struct batch *b = d->batch;
	struct sudo_line s;

	if (!log_sudo(l->msg, &s))
		return;
	in.actor = s.actor;
	in.user = s.user;
	in.result = s.reason.len != 0 ? "failed" : "accepted";
	tell_sign_in(d, l, &in);
	if (s.reason.len != 0 ||
	    !event_begin(b, KIND_PROCESS, l->time, batch_locator(b, d->rec)))
		return;
	add(b, FIELD_SYSLOG_HOST, l->host);
	add(b, FIELD_IMAGE, to_blank(s.command));
	add(b, FIELD_COMMAND_LINE, s.command);
	add(b, FIELD_PROC_USER, s.user);
	add(b, FIELD_CURRENT_DIRECTORY, s.pwd);
	event_end(b);
}

/* The program's name without its folder. */
static struct span
base_name(struct span app)
{
	size_t n = find_last(app, SPAN_LIT("/"));

	return n == SPAN_NPOS ? app : span_sub(app, n + 1, SIZE_MAX);
}

static bool
read_message(struct span app, struct span m, struct sign_in *in)
{
	struct span name = base_name(app);

	if (span_starts(m, SPAN_LIT("pam_")))
		return read_pam(m, in);
	if (span_starts(name, SPAN_LIT("sshd")))
		return read_sshd(m, in);
	if (span_eq(name, SPAN_LIT("su")))
		return read_su(m, in);
	if (span_eq(name, SPAN_LIT("login")))
		return read_login(m, in);
	if (span_eq(name, SPAN_LIT("systemd-logind")))
		return read_logind(m, in);
	if (span_eq(name, SPAN_LIT("vsftpd")) || name.len == 0)
		return read_vsftpd(m, in);
	if (span_eq(name, SPAN_LIT("dovecot")))
		return read_dovecot(m, in);
	if (span_eq(name, SPAN_LIT("smtpd")))
		return read_postfix(m, in);
	return false;
}

/* Undoes rsyslog's folding; returns how often the message stands. */
static unsigned
unfold(struct span *m)
{
	struct span s = *m, count;
	uint64_t n;

	if (!skip_word(&s, "message repeated "))
		return 1;
	count = to_blank(s);
	s = span_sub(s, count.len, SIZE_MAX);
	if (!span_u64(count, &n) || !skip_word(&s, " times: [ ") ||
	    s.len == 0 || s.ptr[s.len - 1] != ']')
		return 1;
	*m = span_sub(s, 0, s.len - 1);
	return (unsigned)MIN_OF(n, (uint64_t)REPEATS_MAX);
}

void
log_facts(struct dec *d, const struct log_line *line)
{
	const struct demand *want = d->batch->want;
	struct log_line l = *line;
	struct sign_in in;
	unsigned n;

	if (!want->kind[KIND_AUTH] && !want->kind[KIND_PROCESS])
		return;
	if (span_eq(base_name(l.app), SPAN_LIT("sudo"))) {
		tell_sudo(d, &l);
		return;
	}
	n = unfold(&l.msg);
	memset(&in, 0, sizeof(in));
	if (!read_message(l.app, l.msg, &in))
		return;
	while (n-- != 0)
		tell_sign_in(d, &l, &in);
}
