/* SPDX-License-Identifier: Apache-2.0
 *
 * Audit records.  Numbers of system calls are those that ausyscall(8) prints;
 * what hexadecimal stands for was written by xxd(1); times by date(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "decode.h"

extern const struct decoder decoder_auditd;

static struct demand want;
static struct weirds weirds;
static struct batch b;
static _Alignas(16) uint8_t keep[256];
static uint64_t line_no;

static int
setup(void **state)
{
	(void)state;
	demand_all(&want);
	weirds_init(&weirds);
	memset(keep, 0, sizeof(keep));
	line_no = 0;
	return batch_init(&b, &want, &weirds) ? 0 : -1;
}

static void
end(void)
{
	struct dec d = { .batch = &b };

	decoder_auditd.end(&d, keep);
}

static int
teardown(void **state)
{
	(void)state;
	end();
	batch_fini(&b);
	return 0;
}

static void
read_line(const char *s)
{
	struct record r = { .data = span_str(s), .time = TIME_NONE,
	    .no = ++line_no, .offset = 99, .type = REC_LINE };
	struct dec d = { .batch = &b, .rec = &r };

	assert_true(decoder_auditd.state_size <= sizeof(keep));
	decoder_auditd.record(&d, keep, &r);
}

static int
match(const char *s)
{
	struct record r = { .data = span_str(s), .type = REC_LINE };

	return decoder_auditd.match(&r);
}

static const struct event *
event_of(enum kind kind, unsigned nth)
{
	for (unsigned i = 0; i < b.nevents; i++)
		if (b.events[i].kind == kind && nth-- == 0)
			return &b.events[i];
	return NULL;
}

static const struct value *
get(const struct event *e, const char *name)
{
	unsigned id = field_by_name(span_str(name));

	return id != FIELD_OTHER ? event_get(e, id) :
	    event_get_name(e, span_str(name));
}

static void
value_is(const struct value *v, const char *text)
{
	struct buf t;

	assert_non_null(v);
	buf_init(&t, 0);
	value_put(&t, v);
	if (!span_eq(buf_view(&t), span_str(text)))
		fail_msg("it is \"%.*s\", not \"%s\"", (int)t.len,
		    (const char *)t.ptr, text);
	buf_fini(&t);
}

static void
is(const struct event *e, const char *name, const char *text)
{
	assert_non_null(e);
	if (text == NULL)
		assert_null(get(e, name));
	else
		value_is(get(e, name), text);
}

static void
list_is(const struct event *e, const char *name, unsigned i, unsigned n,
    const char *text)
{
	const struct value *v = get(e, name);

	assert_non_null(v);
	assert_int_equal(v->type, VT_LIST);
	assert_int_equal(v->len, n);
	value_is((const struct value *)v->ptr + i, text);
}

#define AT(n) "msg=audit(1700000000.123:" #n "): "
#define CALL(n, pid, ppid) "type=SYSCALL " AT(n) "arch=c000003e syscall=59 " \
	"success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 ppid=" #ppid \
	" pid=" #pid " auid=1000 uid=33 gid=33 euid=33 tty=pts0 ses=3 "

/* -- joining ------------------------------------------------------------- */

static void
test_joined(void **state)
{
	const struct event *e;

	(void)state;
	read_line(CALL(100, 1000, 900)
	    "comm=\"sh\" exe=\"/usr/bin/dash\" key=\"exec\"");
	/* Another event between. */
	read_line("type=SERVICE_STOP " AT(101) "pid=1 uid=0 msg='unit=firewalld"
	    " comm=\"systemd\" hostname=? res=success'");
	read_line("type=EXECVE " AT(100) "argc=2 a0=\"sh\" a1=\"/tmp/x.sh\"");
	read_line("type=CWD " AT(100) "cwd=\"/var/www\"");
	read_line("type=PATH " AT(100) "item=0 name=\"/usr/bin/dash\" inode=1 "
	    "nametype=NORMAL");
	read_line("type=PATH " AT(100) "item=1 name=\"/lib/ld.so\" inode=2 "
	    "nametype=NORMAL");
	assert_int_equal(b.nevents, 1);
	e = event_of(KIND_AUDITD, 0);
	is(e, "type", "SERVICE_STOP");
	is(e, "unit", "firewalld");
	is(e, "res", "success");
	end();
	e = event_of(KIND_AUDITD, 1);
	assert_non_null(e);
	assert_int_equal(e->time, 1700000000123 * 1000000);
	assert_int_equal(e->loc.record, 1);
	is(e, "audit.serial", "100");
	list_is(e, "type", 0, 5, "SYSCALL");
	list_is(e, "type", 4, 5, "PATH");
	is(e, "SYSCALL", "execve");
	is(e, "a0", "sh");
	is(e, "a1", "/tmp/x.sh");
	is(e, "a2", NULL);		/* a register of the execve */
	is(e, "key", "exec");
	is(e, "euid", "33");
	list_is(e, "name", 1, 2, "/lib/ld.so");
	e = event_of(KIND_PROCESS, 0);
	is(e, "Image", "/usr/bin/dash");
	is(e, "CommandLine", "sh /tmp/x.sh");
	is(e, "ProcessId", "1000");
	is(e, "ParentProcessId", "900");
	is(e, "User", "33");
	is(e, "CurrentDirectory", "/var/www");
	is(e, "ParentImage", NULL);
}

static void
test_parent(void **state)
{
	const struct event *e;

	(void)state;
	read_line(CALL(100, 1000, 900) "comm=\"sh\" exe=\"/usr/bin/dash\"");
	read_line("type=EXECVE " AT(100) "argc=1 a0=\"-sh\"");
	read_line(CALL(101, 1001, 1000) "comm=\"id\" exe=\"/usr/bin/id\""
	    "\x1d" "ARCH=x86_64 SYSCALL=execve AUID=\"alice\" UID=\"www-data\"");
	read_line("type=EXECVE " AT(101) "argc=1 a0=\"id\"");
	/* Did not start. */
	read_line("type=SYSCALL " AT(102) "arch=c000003e syscall=59 success=no "
	    "exit=-13 ppid=1000 pid=1002 uid=0 exe=\"/usr/bin/dash\"");
	end();
	e = event_of(KIND_PROCESS, 1);
	is(e, "ParentImage", "/usr/bin/dash");
	is(e, "ParentCommandLine", "-sh");
	is(e, "User", "www-data");
	assert_null(event_of(KIND_PROCESS, 2));
}

/* End of event, and what is over by its time. */
static void
test_told_when_over(void **state)
{
	(void)state;
	read_line("type=CWD " AT(5) "cwd=\"/\"");
	assert_int_equal(b.nevents, 0);
	read_line("type=EOE " AT(5));
	assert_int_equal(b.nevents, 1);
	is(event_of(KIND_AUDITD, 0), "type", "CWD");
	read_line("type=CWD " AT(6) "cwd=\"/\"");
	read_line("type=CWD msg=audit(1700000002.124:7): cwd=\"/\"");
	assert_int_equal(b.nevents, 2);
	/* The same number on another host is another event. */
	read_line("node=a type=CWD msg=audit(1700000002.124:7): cwd=\"/x\"");
	end();
	assert_int_equal(b.nevents, 4);
	is(event_of(KIND_AUDITD, 3), "syslog.host", "a");
}

static void
test_many_wait(void **state)
{
	char line[100];

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(line, sizeof(line), "type=CWD msg=audit(1700000000."
		    "123:%d): cwd=\"/\"", i);
		read_line(line);
	}
	assert_int_equal(b.nevents, 200 - 64);
	end();
	assert_int_equal(b.nevents, 200);
}

/* -- values -------------------------------------------------------------- */

static void
test_hex(void **state)
{
	const struct event *e;

	(void)state;
	/* "my prog", "/tmp/x y", keys "k1" and "k2", "sh\0-c\0". */
	read_line(CALL(100, 1, 2) "comm=6D792070726F67 exe=2F746D702F782079 "
	    "key=6B31016B32");
	read_line("type=PROCTITLE " AT(100) "proctitle=7368002D6300");
	read_line("type=PATH " AT(100) "item=0 name=2E2F782079 "
	    "nametype=CREATE");
	read_line("type=CWD " AT(100) "cwd=2F746D702F612062");
	end();
	e = event_of(KIND_AUDITD, 0);
	is(e, "comm", "my prog");
	is(e, "exe", "/tmp/x y");
	is(e, "proctitle", "sh -c");
	list_is(e, "key", 1, 2, "k2");
	is(e, "name", "./x y");
	is(e, "TargetFilename", "/tmp/a b/x y");
	/* Without an EXECVE record the title tells the command. */
	is(event_of(KIND_PROCESS, 0), "CommandLine", "sh -c");
}

static void
test_split_argument(void **state)
{
	const struct event *e;

	(void)state;
	read_line("type=EXECVE " AT(9) "argc=3 a0=\"sh\" a1_len=40 "
	    "a1[0]=6563686F206F6E652074");
	read_line("type=EXECVE " AT(9) "a1[1]=776F2074687265652121 a2=\"z\"");
	end();
	e = event_of(KIND_AUDITD, 0);
	is(e, "a1", "echo one two three!!");
	is(e, "a2", "z");
	is(event_of(KIND_PROCESS, 0), "CommandLine",
	    "sh echo one two three!! z");
	/* The other way round, as ausearch has it. */
	read_line("type=EXECVE " AT(10) "a1[1]=776F2074687265652121 a2=\"z\"");
	read_line("type=EXECVE " AT(10) "argc=3 a0=\"sh\" a1_len=40 "
	    "a1[0]=6563686F206F6E652074");
	end();
	is(event_of(KIND_AUDITD, 1), "a1", "echo one two three!!");
}

/* A long argument must not cost the batch its memory. */
static void
test_long_argument(void **state)
{
	static char line[8000];
	const struct value *v;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 30; k++) {
			n = (size_t)snprintf(line, sizeof(line), "type=EXECVE "
			    "msg=audit(1700000000.123:%u): a1[%u]=", i, k);
			memset(line + n, '4', 7500);
			line[n + 7500] = '\0';
			read_line(line);
		}
	end();
	for (unsigned i = 0; i < 4; i++) {
		v = get(event_of(KIND_AUDITD, i), "a1");
		assert_non_null(v);
		assert_int_equal(v->len, 30 * 7500 / 2);
	}
	assert_int_equal(weirds.count[WEIRD_BATCH_ARENA], 0);
}

static void
test_registers(void **state)
{
	const struct event *e;

	(void)state;
	read_line("type=SYSCALL " AT(9) "arch=40000003 syscall=11 success=yes "
	    "a0=1 pid=5 ppid=1 exe=\"/bin/a\" key=(null)");
	read_line("type=SYSCALL " AT(10) "arch=c00000b7 syscall=198 a0=26 a1=5"
	    " exe=\"/bin/a\"");
	end();
	e = event_of(KIND_AUDITD, 0);
	is(e, "SYSCALL", "execve");
	is(e, "key", NULL);
	e = event_of(KIND_AUDITD, 1);
	is(e, "SYSCALL", "socket");
	is(e, "a0", "26");
}

static void
test_peer(void **state)
{
	const struct event *e;

	(void)state;
	read_line("type=SYSCALL " AT(9) "arch=c000003e syscall=42 success=yes "
	    "a0=3 exe=\"/usr/bin/nc\"");
	read_line("type=SOCKADDR " AT(9)
	    "saddr=0200115CC00002050000000000000000");
	read_line("type=SOCKADDR msg=audit(1700000000.123:10): saddr=0A0001BB00"
	    "00000020010DB800000000000000000000000900000000");
	read_line("type=SYSCALL " AT(10) "arch=c000003e syscall=42 exe=\"/a\"");
	read_line("type=SOCKADDR " AT(11) "saddr=02");
	read_line("type=SYSCALL " AT(11) "arch=c000003e syscall=42 exe=\"/a\"");
	end();
	e = event_of(KIND_AUDITD, 0);
	is(e, "dst_ip", "192.0.2.5");
	is(e, "dst_port", "4444");
	is(e, "Initiated", "true");
	e = event_of(KIND_AUDITD, 1);
	is(e, "dst_ip", "2001:db8::9");
	is(e, "dst_port", "443");
	is(event_of(KIND_AUDITD, 2), "dst_ip", NULL);
}

static void
test_login(void **state)
{
	const struct event *e;

	(void)state;
	read_line("type=USER_LOGIN " AT(9) "pid=1200 uid=0 auid=4294967295 "
	    "ses=4294967295 msg='op=login acct=\"eve\" exe=\"/usr/sbin/sshd\" "
	    "hostname=? addr=198.51.100.7 terminal=ssh res=failed'"
	    "\x1dUID=\"root\" AUID=\"unset\"");
	e = event_of(KIND_AUTH, 0);
	is(e, "auth.user", "eve");
	is(e, "auth.result", "failed");
	is(e, "src_ip", "198.51.100.7");
	is(event_of(KIND_AUDITD, 0), "UID", "root");
}

/* -- ausearch ------------------------------------------------------------ */

static void
test_translated(void **state)
{
	const struct event *e;

	(void)state;
	read_line("----");
	read_line("type=PROCTITLE msg=audit(11/14/23 22:13:20.123:100) : "
	    "proctitle=my prog a=b ");
	read_line("type=PATH msg=audit(11/14/23 22:13:20.123:100) : item=0 "
	    "name=./x y inode=1 mode=file,755 nametype=CREATE ");
	read_line("type=CWD msg=audit(11/14/23 22:13:20.123:100) : "
	    "cwd=/tmp/a b ");
	read_line("type=EXECVE msg=audit(11/14/23 22:13:20.123:100) : argc=3 "
	    "a0=sh a1=-c a2=x b=c d ");
	read_line("type=SYSCALL msg=audit(11/14/23 22:13:20.123:100) : "
	    "arch=x86_64 syscall=execve success=yes exit=0 a0=0x55d0 ppid=900 "
	    "pid=1000 auid=alice uid=root comm=my prog exe=/tmp/x y "
	    "key=exec ");
	assert_int_equal(b.nevents, 0);
	read_line("----");
	e = event_of(KIND_AUDITD, 0);
	assert_non_null(e);
	assert_int_equal(e->time, 1700000000123 * 1000000);
	is(e, "comm", "my prog");
	is(e, "name", "./x y");
	is(e, "TargetFilename", "/tmp/a b/x y");
	is(e, "proctitle", "my prog a=b");
	is(e, "SYSCALL", "execve");
	is(e, "key", "exec");
	e = event_of(KIND_PROCESS, 0);
	is(e, "Image", "/tmp/x y");
	is(e, "CommandLine", "sh -c x b=c d");
	is(e, "User", "root");
	read_line("type=SYSCALL msg=audit(11/14/23 22:13:21.500:101) : "
	    "arch=x86_64 syscall=socket a0=0x26 exe=/a ");
	read_line("----");
	is(event_of(KIND_AUDITD, 1), "a0", "26");
}

static void
test_broken(void **state)
{
	(void)state;
	read_line("type=");
	read_line("type=X msg=audit(1700000000.123): a=b");
	read_line("type=X msg=audit(99999999999999.123:5): a=b");
	read_line("type=X msg=audit(13/14/23 22:13:20.123:5) : a=b");
	read_line("hello");
	assert_int_equal(weirds.count[WEIRD_AUDIT_BAD], 5);
	read_line("type=X " AT(1) "= == a= b=\" c={ \x1d' msg=' a[=] "
	    "averyveryverylongkeythatnobodyhaseverseen=1");
	read_line("type=EXECVE " AT(2) "a99999999999999999999=\"x\" a5000=\"y\""
	    " a3=\"z\" a=\"q\" a1[0=41");
	end();
	assert_int_equal(b.nevents, 3);
	assert_int_equal(weirds.count[WEIRD_AUDIT_LIMIT], 2);
}

static void
test_limits(void **state)
{
	static char line[300000];
	size_t n;

	(void)state;
	n = (size_t)snprintf(line, sizeof(line), "type=CWD " AT(5) "cwd=\"");
	memset(line + n, 'x', sizeof(line) - n - 1);
	read_line(line);		/* 300 kB of one record */
	assert_int_equal(weirds.count[WEIRD_AUDIT_LIMIT], 1);
	for (unsigned i = 0; i < 3; i++) {
		line[n + 100000] = '\0';
		read_line(line);
	}
	assert_int_equal(weirds.count[WEIRD_AUDIT_LIMIT], 2);
	end();
	list_is(event_of(KIND_AUDITD, 0), "type", 0, 2, "CWD");
}

static void
test_match(void **state)
{
	(void)state;
	assert_int_equal(match("type=CWD " AT(1) "cwd=\"/\""), 95);
	assert_int_equal(match("node=vm type=CWD " AT(1) "cwd=\"/\""), 95);
	assert_int_equal(match("time->Tue Nov 14 22:13:20 2023"), 50);
	assert_int_equal(match("----"), 0);
	assert_int_equal(match("type=CWD cwd=\"/\""), 0);
	assert_int_equal(match(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told_when_over, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_many_wait, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_hex, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split_argument, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_long_argument, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_registers, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_peer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login, setup, teardown),
		cmocka_unit_test_setup_teardown(test_translated, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_match, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
