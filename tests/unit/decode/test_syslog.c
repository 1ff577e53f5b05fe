/* SPDX-License-Identifier: Apache-2.0
 *
 * Syslog lines.  The messages of sshd, su and sudo are what OpenSSH 9.2,
 * util-linux 2.38 and sudo 1.9.13 wrote on a loopback; the RFC 5424 examples
 * are those of its section 6.5.  Times were converted with date(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "decode.h"

extern const struct decoder decoder_syslog;

static struct demand want;
static struct weirds weirds;
static struct batch b;
static _Alignas(16) uint8_t keep[256];

static int
setup(void **state)
{
	(void)state;
	demand_all(&want);
	weirds_init(&weirds);
	memset(keep, 0, sizeof(keep));
	return batch_init(&b, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	struct dec d = { .batch = &b };

	(void)state;
	decoder_syslog.end(&d, keep);
	batch_fini(&b);
	return 0;
}

static struct record
line_of(const char *s)
{
	return (struct record){
		.data = span_str(s), .time = TIME_NONE, .no = 7, .offset = 99,
		.type = REC_LINE
	};
}

static void
read_line(const char *s)
{
	struct record r = line_of(s);
	struct dec d = { .batch = &b, .rec = &r };
	int64_t written = b.written;

	batch_reset(&b);
	b.written = written;
	assert_true(decoder_syslog.state_size <= sizeof(keep));
	decoder_syslog.record(&d, keep, &r);
}

static int
match(const char *s)
{
	struct record r = line_of(s);

	return decoder_syslog.match(&r);
}

static const struct event *
event_of(enum kind kind)
{
	for (unsigned i = 0; i < b.nevents; i++)
		if (b.events[i].kind == kind)
			return &b.events[i];
	return NULL;
}

static void
field_is(const struct event *e, unsigned field, const char *text)
{
	const struct value *v = event_get(e, field);
	struct buf t;

	if (text == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	buf_init(&t, 0);
	value_put(&t, v);
	if (!span_eq(buf_view(&t), span_str(text)))
		fail_msg("%s is \"%.*s\", not \"%s\"", field_name(field),
		    (int)t.len, (const char *)t.ptr, text);
	buf_fini(&t);
}

static void
line_is(int64_t sec, const char *host, const char *app, const char *pid,
    const char *msg)
{
	const struct event *e = event_of(KIND_SYSLOG);

	assert_non_null(e);
	if (sec == 0)
		assert_true(e->time == TIME_NONE);
	else
		assert_int_equal(e->time / NSEC, sec);
	field_is(e, FIELD_SYSLOG_HOST, host);
	field_is(e, FIELD_SYSLOG_APP, app);
	field_is(e, FIELD_SYSLOG_PID, pid);
	field_is(e, FIELD_SYSLOG_MESSAGE, msg);
}

static void
auth_is(const char *user, const char *actor, const char *result,
    const char *method, const char *ip, const char *port)
{
	const struct event *e = event_of(KIND_AUTH);

	assert_non_null(e);
	field_is(e, FIELD_AUTH_USER, user);
	field_is(e, FIELD_SUBJECT_USER, actor);
	field_is(e, FIELD_AUTH_RESULT, result);
	field_is(e, FIELD_AUTH_METHOD, method);
	field_is(e, FIELD_SRC_IP, ip);
	field_is(e, FIELD_SRC_PORT, port);
}

/* -- forms --------------------------------------------------------------- */

static void
test_rfc5424(void **state)
{
	(void)state;
	read_line("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - "
	    "ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8");
	line_is(1065910455, "mymachine.example.com", "su", NULL,
	    "'su root' failed for lonvick on /dev/pts/8");
	field_is(event_of(KIND_SYSLOG), FIELD_SYSLOG_FACILITY, "4");
	field_is(event_of(KIND_SYSLOG), FIELD_SYSLOG_SEVERITY, "2");
	read_line("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc "
	    "8710 - - %% It's time to make the do-nuts.");
	line_is(1061727255, "192.0.2.1", "myproc", "8710",
	    "%% It's time to make the do-nuts.");
	assert_int_equal(event_of(KIND_SYSLOG)->time % NSEC, 3000);
	read_line("<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 "
	    "[exampleSDID@32473 iut=\"3\" eventID=\"1\\\"]011\"][e2@32473 "
	    "class=\"high\"] msg");
	line_is(1065910455, "h", "evntslog", NULL, "msg");
	read_line("<13>1 - - - - - -");
	line_is(0, NULL, NULL, NULL, "");
	/* What ends inside structured data has no header. */
	read_line("<165>1 2003-10-11T22:14:15.003Z h a - - [x y=\"1");
	assert_int_equal(weirds.count[WEIRD_SYSLOG_BAD], 1);
}

static void
test_forms(void **state)
{
	(void)state;
	read_line("2026-11-23T14:42:03.347899+01:00 vm sshd[9397]: hello: x");
	line_is(1795441323, "vm", "sshd", "9397", "hello: x");
	read_line("2026-11-23T14:42:03+0000 vm CRON[1]: (root) CMD (true)");
	line_is(1795444923, "vm", "CRON", "1", "(root) CMD (true)");
	read_line("Mon 2026-11-23 14:42:03 UTC vm systemd[1]: Started x.");
	line_is(1795444923, "vm", "systemd", "1", "Started x.");
	read_line("1795444923.250000 vm kernel: eth0: up");
	line_is(1795444923, "vm", "kernel", NULL, "eth0: up");
	assert_int_equal(event_of(KIND_SYSLOG)->time % NSEC, 250000000);
	read_line("Mon Nov 23 14:42:03 2026 [pid 2] CONNECT: Client \"::1\"");
	line_is(1795444923, NULL, NULL, NULL,
	    "[pid 2] CONNECT: Client \"::1\"");
	read_line("Nov 23 2026 14:42:03: %ASA-6-605005: Login permitted");
	line_is(1795444923, NULL, "%ASA-6-605005", NULL, "Login permitted");
	read_line("<189>Nov 23 2026 14:42:03 r1 45: %LDP-4: x");
	line_is(1795444923, "r1", "45", NULL, "%LDP-4: x");
	field_is(event_of(KIND_SYSLOG), FIELD_TEXT,
	    "<189>Nov 23 2026 14:42:03 r1 45: %LDP-4: x");
	read_line("Nov 23 2026 14:42:03 fw1 : %ASA-6-302014: Teardown");
	line_is(1795444923, "fw1", "%ASA-6-302014", NULL, "Teardown");
	read_line("*Nov 23 2026 14:42:03.5: %SYS-5-CONFIG_I: Configured");
	line_is(1795444923, NULL, "%SYS-5-CONFIG_I", NULL, "Configured");
	read_line("Nov 23 2026 14:42:03 vm last message repeated 3 times");
	line_is(1795444923, "vm", NULL, NULL,
	    "last message repeated 3 times");
	assert_int_equal(weirds.count[WEIRD_SYSLOG_YEAR], 0);
	/* A line without header belongs to the one before. */
	read_line("\tat x.y(z)");
	line_is(1795444923, NULL, NULL, NULL, "\tat x.y(z)");
	assert_int_equal(weirds.count[WEIRD_SYSLOG_BAD], 1);
}

static void
test_match(void **state)
{
	(void)state;
	assert_int_equal(match("Nov  3 14:41:43 vm sshd[9]: x"), 80);
	assert_int_equal(match("<34>1 2003-10-11T22:14:15Z h a - - - x"), 90);
	assert_int_equal(match("2026-11-23T14:42:03Z vm a: x"), 70);
	assert_int_equal(match("2026-11-23T14:42:03Z INFO something"), 0);
	assert_int_equal(match("2026-11-23 14:42:03 vm a: x"), 0);
	assert_int_equal(match("1795444923.250000 vm kernel: x"), 70);
	assert_int_equal(match("1795444923.250000\tCab\t192.0.2.1"), 0);
	assert_int_equal(match("Nov 32 14:41:43 vm a: x"), 0);
	assert_int_equal(match("Nov 23 24:41:43 vm a: x"), 0);
	assert_int_equal(match("Nov 23"), 0);
	assert_int_equal(match("November rain"), 0);
	assert_int_equal(match("<999>Nov 23 14:41:43 vm a: x"), 0);
	assert_int_equal(match(""), 0);
}

/* -- the missing year ---------------------------------------------------- */

static void
test_year(void **state)
{
	(void)state;
	b.written = 1768003200 * NSEC;		/* 2026-01-10 */
	read_line("Dec 31 23:59:59 vm a: x");
	line_is(1767225599, "vm", "a", NULL, "x");	/* 2025 */
	read_line("Jan  1 00:00:01 vm a: x");
	line_is(1767225601, "vm", "a", NULL, "x");	/* 2026 */
	read_line("Dec 31 23:59:58 vm a: late");
	line_is(1767225598, "vm", "a", NULL, "late");
	read_line("Jan  2 00:00:01 vm a: x");
	line_is(1767312001, "vm", "a", NULL, "x");
	assert_int_equal(weirds.count[WEIRD_SYSLOG_YEAR], 1);
}

static void
test_year_clock_ahead(void **state)
{
	(void)state;
	/* Within a day after the last change is still this year. */
	b.written = 1768003200 * NSEC;
	read_line("Jan 10 23:00:00 vm a: x");
	line_is(1768086000, "vm", "a", NULL, "x");
}

static void
test_year_unknown(void **state)
{
	(void)state;
	read_line("Dec 31 23:59:59 vm a: x");
	line_is(0, "vm", "a", NULL, "x");
}

/* -- sign-ins ------------------------------------------------------------ */

#define AT "2026-11-23T14:42:03Z vm "

static void
test_sshd(void **state)
{
	(void)state;
	read_line(AT "sshd[9397]: Accepted publickey for alice from 127.0.0.1 "
	    "port 38494 ssh2: ED25519 SHA256:Ohtgx9F2ijEM585");
	auth_is("alice", NULL, "accepted", "publickey", "127.0.0.1", "38494");
	read_line(AT "sshd-session[9]: Failed password for alice from "
	    "2001:db8::9 port 38512 ssh2");
	auth_is("alice", NULL, "failed", "password", "2001:db8::9", "38512");
	read_line(AT "sshd[9]: Failed password for invalid user eve from "
	    "127.0.0.1 port 38172 ssh2");
	auth_is("eve", NULL, "failed", "password", "127.0.0.1", "38172");
	read_line(AT "sshd[9]: Invalid user eve from 127.0.0.1 port 38172");
	auth_is("eve", NULL, "invalid-user", NULL, "127.0.0.1", "38172");
	read_line(AT "sshd[9]: Invalid user  from 127.0.0.1 port 1");
	auth_is(NULL, NULL, "invalid-user", NULL, "127.0.0.1", "1");
}

static void
test_sshd_closed(void **state)
{
	(void)state;
	read_line(AT "sshd[9]: Connection closed by invalid user nobody2 "
	    "127.0.0.1 port 38498 [preauth]");
	auth_is("nobody2", NULL, "closed", NULL, "127.0.0.1", "38498");
	read_line(AT "sshd[9]: Connection reset by authenticating user a b "
	    "127.0.0.1 port 38498 [preauth]");
	auth_is("a b", NULL, "closed", NULL, "127.0.0.1", "38498");
	read_line(AT "sshd[9]: Connection closed by 127.0.0.1 port 50886");
	auth_is(NULL, NULL, "closed", NULL, "127.0.0.1", "50886");
	read_line(AT "sshd[9]: Disconnected from user alice 127.0.0.1 port 1");
	assert_null(event_of(KIND_AUTH));
	read_line(AT "sshd[9]: pam_unix(sshd:auth): authentication failure; "
	    "logname= uid=0 euid=0 tty=ssh ruser= rhost=127.0.0.1  user=alice");
	assert_null(event_of(KIND_AUTH));
}

/* A name that says where it comes from is not believed. */
static void
test_sshd_forged(void **state)
{
	(void)state;
	read_line(AT "sshd[9]: Failed password for invalid user x from "
	    "192.0.2.1 port 1 ssh2 from 192.0.2.9 port 40023 ssh2");
	auth_is("x from 192.0.2.1 port 1 ssh2", NULL, "failed", "password",
	    "192.0.2.9", "40023");
	read_line(AT "evil[9]: Accepted password for root from 192.0.2.1 port "
	    "1 ssh2");
	assert_null(event_of(KIND_AUTH));
	read_line(AT "sshd[9]: Failed password for");
	assert_null(event_of(KIND_AUTH));
}

static void
test_repeated(void **state)
{
	(void)state;
	read_line(AT "sshd[9]: message repeated 3 times: [ Failed password for "
	    "root from 192.0.2.9 port 4 ssh2]");
	assert_int_equal(b.nevents, 4);
	auth_is("root", NULL, "failed", "password", "192.0.2.9", "4");
	read_line(AT "sshd[9]: message repeated 99999999999 times: [ Failed "
	    "password for root from 192.0.2.9 port 4 ssh2]");
	assert_int_equal(b.nevents, 257);
}

static void
test_sudo(void **state)
{
	const struct event *e;

	(void)state;
	read_line(AT "sudo:    alice : TTY=pts/0 ; PWD=/tmp/a ; USER=root ; "
	    "COMMAND=/usr/bin/sh -c 'echo a ; true'");
	auth_is("root", "alice", "accepted", "sudo", NULL, NULL);
	e = event_of(KIND_PROCESS);
	assert_non_null(e);
	field_is(e, FIELD_IMAGE, "/usr/bin/sh");
	field_is(e, FIELD_COMMAND_LINE, "/usr/bin/sh -c 'echo a ; true'");
	field_is(e, FIELD_PROC_USER, "root");
	field_is(e, FIELD_CURRENT_DIRECTORY, "/tmp/a");
	assert_non_null(event_get_name(event_of(KIND_SYSLOG),
	    span_str("COMMAND")));
	read_line(AT "sudo:    alice : user NOT in sudoers ; PWD=/tmp/lx ; "
	    "USER=root ; COMMAND=/usr/bin/ls");
	auth_is("root", "alice", "failed", "sudo", NULL, NULL);
	assert_null(event_of(KIND_PROCESS));
	read_line(AT "sudo: pam_unix(sudo:auth): conversation failed");
	assert_null(event_of(KIND_AUTH));
}

static void
test_su_and_login(void **state)
{
	(void)state;
	read_line(AT "su[9564]: (to alice) root on none");
	auth_is("alice", "root", "accepted", "su", NULL, NULL);
	read_line(AT "su[9583]: FAILED SU (to root) alice on pts/0");
	auth_is("root", "alice", "failed", "su", NULL, NULL);
	read_line(AT "su[1]: Successful su for root by alice");
	auth_is("root", "alice", "accepted", "su", NULL, NULL);
	read_line(AT "login[1]: FAILED LOGIN (1) on '/dev/tty1' FOR 'root', "
	    "Authentication failure");
	auth_is("root", NULL, "failed", "login", NULL, NULL);
	read_line(AT "login[1]: LOGIN ON tty1 BY bob");
	auth_is("bob", NULL, "accepted", "login", NULL, NULL);
	read_line(AT "systemd-logind[5]: New session 5 of user alice.");
	auth_is("alice", NULL, "accepted", "session", NULL, NULL);
}

static void
test_services(void **state)
{
	(void)state;
	read_line("Mon Nov 23 14:43:03 2026 [pid 2] [bob] FAIL LOGIN: Client "
	    "\"192.0.2.7\"");
	auth_is("bob", NULL, "failed", "ftp", "192.0.2.7", NULL);
	read_line(AT "dovecot: imap-login: Login: user=<bob>, method=PLAIN, "
	    "rip=192.0.2.8, lip=192.0.2.1, mpid=5, TLS");
	auth_is("bob", NULL, "accepted", "PLAIN", "192.0.2.8", NULL);
	read_line(AT "dovecot: pop3-login: Disconnected (auth failed, 1 "
	    "attempts in 2 secs): user=<bob>, method=PLAIN, rip=192.0.2.8");
	auth_is("bob", NULL, "failed", "PLAIN", "192.0.2.8", NULL);
	read_line(AT "postfix/smtpd[1]: warning: unknown[192.0.2.9]: SASL "
	    "LOGIN authentication failed: authentication failure");
	auth_is(NULL, NULL, "failed", "LOGIN", "192.0.2.9", NULL);
	read_line(AT "gdm-password]: pam_unix(gdm-password:auth): "
	    "authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 "
	    "ruser= rhost=  user=alice");
	auth_is("alice", NULL, "failed", "gdm-password", NULL, NULL);
}

/* -- what else comes by syslog ------------------------------------------- */

static void
test_audit_in_kernel_line(void **state)
{
	const struct event *e;
	struct dec d = { .batch = &b };

	(void)state;
	read_line(AT "kernel: [   12.345678] audit: type=1400 "
	    "audit(1795444987.123:77): apparmor=\"DENIED\" name=\"/etc/x\"");
	decoder_syslog.end(&d, keep);
	e = event_of(KIND_AUDITD);
	assert_non_null(e);
	assert_int_equal(e->time, 1795444987123 * 1000000);
	field_is(e, FIELD_AUDIT_SERIAL, "77");
	field_is(e, FIELD_SYSLOG_HOST, "vm");
}

static void
test_sysmon(void **state)
{
	const struct event *e;

	(void)state;
	read_line(AT "sysmon: <Event><System><Provider Name=\"Linux-Sysmon\"/>"
	    "<EventID>1</EventID><TimeCreated SystemTime="
	    "\"2026-11-23T14:50:01.5Z\"/><Computer>c</Computer></System>"
	    "<EventData><Data Name=\"Image\">/bin/a&amp;b</Data>"
	    "<Data Name=\"ProcessId\">90</Data></EventData></Event>");
	e = event_of(KIND_PROCESS);
	assert_non_null(e);
	assert_int_equal(e->time / (NSEC / 10), 17954454015);
	field_is(e, FIELD_IMAGE, "/bin/a&b");
	field_is(e, FIELD_PROC_ID, "90");
	field_is(e, FIELD_WIN_COMPUTER, "c");
	read_line(AT "sysmon: <Event><System><Provider Name=\"Linux-Sysmon\"/>"
	    "<EventID>3</EventID><Channel>Linux-Sysmon/Operational</Channel>"
	    "</System><EventData><Data Name=\"RuleName\"></Data></EventData>"
	    "</Event>");
	e = event_of(KIND_WINEVENT);
	assert_non_null(e);
	field_is(e, FIELD_WIN_CHANNEL, "Linux-Sysmon/Operational");
	assert_non_null(event_get_name(e, span_str("RuleName")));
	read_line(AT "sysmon: <Event><System><EventID>1</Eve");
	assert_int_equal(weirds.count[WEIRD_SYSMON_BAD], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rfc5424, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_match, setup, teardown),
		cmocka_unit_test_setup_teardown(test_year, setup, teardown),
		cmocka_unit_test_setup_teardown(test_year_clock_ahead, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_year_unknown, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_sshd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sshd_closed, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_sshd_forged, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sudo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_su_and_login, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_services, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit_in_kernel_line,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_sysmon, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
