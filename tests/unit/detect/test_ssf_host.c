/* SPDX-License-Identifier: Apache-2.0
 *
 * Secure Socket Funnelling on hosts: names, options (as the README of SSF 3.0
 * gives them), certificate folder, services; and what is like it.
 */
#include "detect_drive.h"

static int
severity(void)
{
	return hunt("ssf-host") == 0 ? -1 : (int)dr.found[0].severity;
}

static int
win(const char *image, const char *line)
{
	again();
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 1);
	wide(FIELD_WIN_CHANNEL, "Microsoft-Windows-Sysmon/Operational");
	wide(FIELD_WIN_COMPUTER, "WEB1");
	wide(FIELD_IMAGE, image);
	wide(FIELD_COMMAND_LINE, line);
	wide(FIELD_PROC_USER, "CORP\\svc");
	return severity();
}

static int
lin(const char *image, const char *line)
{
	again();
	at(KIND_PROCESS, 0);
	str(FIELD_SYSLOG_HOST, "web2");
	str(FIELD_IMAGE, image);
	str(FIELD_COMMAND_LINE, line);
	return severity();
}

static void
by_name(void **unused)
{
	(void)unused;
	assert_int_equal(win("C:\\t\\ssf.exe", "ssf.exe -D 9000 -p 8011 "
	    "192.0.2.1"), SEV_HIGH);
	assert_true(says(0, "ssf was started like Secure Socket Funnelling on "
	    "WEB1 as CORP\\svc: ssf.exe -D 9000"));
	assert_int_equal(win("C:\\t\\ssfd.exe", "ssfd.exe"), SEV_MEDIUM);
	assert_int_equal(win("C:\\t\\ssfcp.exe", "ssfcp a b@/tmp/x"),
	    SEV_MEDIUM);
	assert_int_equal(lin("/opt/ssf-linux-x86_64-3.0.0/ssf", "./ssf -c x"),
	    SEV_HIGH);
	assert_int_equal(lin("/tmp/ssfc", "ssfc -D 9000 -b bounce.txt -c "
	    "config.json -p 8000 192.168.0.1"), SEV_HIGH);
	assert_int_equal(lin("/usr/bin/ssfs", "ssfs"), -1);
	assert_int_equal(lin("/usr/bin/ssfconvert", "ssfconvert -a"), -1);
}

static void
by_options(void **unused)
{
	(void)unused;
	assert_int_equal(win("C:\\PerfLogs\\svchost.exe",
	    "svchost.exe -F 9000 -p 443 198.51.100.7"), SEV_MEDIUM);
	assert_int_equal(win("C:\\t\\x.exe",
	    "x.exe -U 53:10.0.0.1:53 198.51.100.7"), SEV_MEDIUM);
	assert_int_equal(win("C:\\t\\x.exe", "x.exe --remote-socks 9000 -X "
	    "9001 -p 443 h"), SEV_HIGH);
	assert_int_equal(lin("/tmp/k", "./k -Y 127.0.0.1:9001 -p 8011 h"),
	    SEV_MEDIUM);
	assert_int_equal(lin("/tmp/k", "./k -F9000 -L 8080:10.0.0.1:80 h"),
	    -1);	/* two of three signs */
	assert_int_equal(lin("/tmp/k", "./k -F9000 -p8011 h"), SEV_MEDIUM);
	/* what others mean by the same letters */
	assert_int_equal(lin("/usr/bin/ssh", "ssh -D 9000 -L 80:a:80 -p 2222 "
	    "h"), -1);
	assert_int_equal(win("C:\\t\\PLINK.EXE", "plink -R 3389:127.0.0.1:3389"
	    " -P 443 h"), -1);
	assert_int_equal(lin("/usr/bin/x", "x -D 9000 -L 80:a:80 -p 2222 h"),
	    -1);	/* ssh under another name: the options of ssh alone */
	assert_int_equal(lin("/usr/bin/nc", "nc -X 5 -x p:1080 h 22"), -1);
	assert_int_equal(lin("/usr/bin/curl", "curl -X POST -F a=b -U u:p h"),
	    -1);
	assert_int_equal(lin("/usr/bin/tail", "tail -F /var/log/x"), -1);
	assert_int_equal(lin("/usr/bin/java", "java -Xmx512m -jar a.jar"), -1);
	assert_int_equal(lin("/usr/bin/x", "x -U 99999:a:1 -V 1:2 -F -p"), -1);
	assert_int_equal(lin("/usr/bin/x", ""), -1);
}

static void
by_service(void **unused)
{
	(void)unused;
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 7045);
	wide(FIELD_WIN_CHANNEL, "System");
	wide(FIELD_WIN_COMPUTER, "WEB1");
	wide(FIELD_SERVICE_NAME, "Update Helper");
	wide(FIELD_IMAGE_PATH, "\"C:\\Program Files\\u\\SSFD.exe\" -p 443");
	assert_int_equal(severity(), SEV_MEDIUM);
	ENTITY_IS(0, SERVICE, "Update Helper");
	assert_true(says(0, "The service Update Helper runs Secure Socket "
	    "Funnelling on WEB1: \"C:\\Program Files"));
	again();
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 4697);
	wide(FIELD_WIN_CHANNEL, "Security");
	wide(FIELD_SERVICE_NAME, "x");
	wide(FIELD_SERVICE_FILE, "C:\\u\\a.exe -F 9000 -p 443 192.0.2.1");
	assert_int_equal(severity(), SEV_MEDIUM);
	again();
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 7045);
	wide(FIELD_SERVICE_NAME, "Print");
	wide(FIELD_IMAGE_PATH, "C:\\Windows\\system32\\svchost.exe -k print");
	assert_int_equal(severity(), -1);
}

static void
file(const char *host, const char *path)
{
	at(KIND_WINEVENT, dr.nev);
	num(FIELD_WIN_EVENT_ID, 11);
	wide(FIELD_WIN_CHANNEL, "Microsoft-Windows-Sysmon/Operational");
	wide(FIELD_WIN_COMPUTER, host);
	wide(FIELD_IMAGE, "C:\\t\\7z.exe");
	wide(FIELD_TARGET_FILENAME, path);
}

static void
by_files(void **unused)
{
	(void)unused;
	file("WEB1", "C:\\PerfLogs\\certs\\certificate.crt");
	file("WEB1", "C:\\PerfLogs\\certs\\private.key");
	file("WEB1", "C:\\PerfLogs\\config.json");
	assert_int_equal(severity(), -1);
	file("WEB1", "C:\\PerfLogs\\Certs\\dh4096.pem");
	assert_int_equal(severity(), SEV_HIGH);		/* 15 + 15 + 50 */
	assert_int_equal(dr.found[0].count, 3);
	assert_true(says(0, "c:/perflogs on WEB1 got files of Secure Socket "
	    "Funnelling: certs/dh4096.pem, certs/certificate.crt"));
	/* the same over folders or hosts are no sign */
	again();
	file("WEB1", "C:\\a\\certs\\dh4096.pem");
	file("WEB1", "C:\\b\\certs\\private.key");
	file("WEB2", "C:\\a\\certs\\trusted\\ca.crt");
	file("WEB1", "C:\\a\\dh4096.pem");
	file("WEB1", "C:\\a\\certs\\dh4096.pem");
	assert_int_equal(severity(), -1);
	again();
	file("WEB1", "C:\\a\\ssfd.exe");
	assert_int_equal(severity(), SEV_MEDIUM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(by_name), T(by_options), T(by_service), T(by_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
