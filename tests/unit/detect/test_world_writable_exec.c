/* SPDX-License-Identifier: Apache-2.0
 *
 * The three "World Writable Execution" rules of AA24-190A, their exceptions,
 * and the allow list.
 */
#include "detect_drive.h"

#include <sys/stat.h>
#include <unistd.h>

static int
run(const char *image, const char *parent, const char *user)
{
	again();
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 1);
	wide(FIELD_WIN_CHANNEL, "Microsoft-Windows-Sysmon/Operational");
	wide(FIELD_WIN_COMPUTER, "WS1");
	wide(FIELD_IMAGE, image);
	wide(FIELD_PARENT_IMAGE, parent);
	wide(FIELD_PROC_USER, user);
	wide(FIELD_COMMAND_LINE, "x");
	return hunt("world-writable-exec") == 0 ? -1 :
	    (int)dr.found[0].severity;
}

#define CMD	"C:\\Windows\\System32\\cmd.exe"
#define EVE	"CORP\\eve"
#define SYSTEM	"NT AUTHORITY\\SYSTEM"
#define GUID	"{3F2504E0-4F89-11D3-9A0C-0305E82C3301}"

static bool
load(const char *share, char *why, size_t size)
{
	struct buf b;
	bool ok;

	buf_init(&b, 8192);
	ok = detector_find(SPAN_LIT("world-writable-exec"))->load(share, &b);
	set_text(why, size, buf_view(&b));
	buf_fini(&b);
	return ok;
}

static void
temp(void **unused)
{
	(void)unused;
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe", CMD, EVE), SEV_MEDIUM);
	assert_true(says(0, "C:\\Windows\\Temp\\a.exe was run from Windows' "
	    "Temp folder on WS1 as CORP\\eve"));
	ENTITY_IS(0, FILE, "C:\\Windows\\Temp\\a.exe");
	assert_int_equal(run("c:\\WINDOWS\\TEMP\\b\\a.exe", CMD, EVE),
	    SEV_MEDIUM);
	/* the rule names drive C */
	assert_int_equal(run("D:\\Windows\\Temp\\a.exe", CMD, EVE), -1);
	assert_int_equal(run("C:\\Windows\\Temp\\" GUID "\\a.exe", CMD, EVE),
	    -1);
	assert_int_equal(run("C:\\Windows\\Temp\\{3F25}\\a.exe", CMD, EVE),
	    SEV_MEDIUM);
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe", CMD, SYSTEM), -1);
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe", CMD,
	    "NT AUTHORITY\\NETWORK SERVICE"), -1);
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe", CMD, "WS1$"), -1);
	assert_int_equal(run("C:\\Windows\\Temp\\x\\DismHost.exe", CMD, EVE),
	    -1);
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe",
	    "C:\\Program Files\\VMware\\vmtoolsd.exe", EVE), -1);
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe", "C:\\a\\esif_uf.exe",
	    EVE), -1);
	assert_int_equal(run("C:\\Windows\\Temp\\a.exe",
	    "C:\\notvmtoolsd.exe", EVE), SEV_MEDIUM);
}

static void
system_folders(void **unused)
{
	static const char *const hit[] = {
		"C:\\$Recycle.Bin\\a.exe", "D:\\AMD\\Temp\\a.exe",
		"C:\\Intel\\a.exe", "C:\\PerfLogs\\Admin\\a.exe",
		"C:\\Windows\\addins\\a.exe", "C:\\Windows\\debug\\WIA\\a.exe",
		"E:\\Windows\\Fonts\\a.exe", "C:\\Windows\\Tasks\\a.exe",
		"C:\\Windows\\Registration\\CRMLog\\a.exe",
		"C:\\Windows\\System32\\Tasks\\a.exe",
		"C:\\Windows\\System32\\spool\\drivers\\color\\a.exe",
		"C:\\Windows\\System32\\Microsoft\\Crypto\\RSA\\MachineKeys\\a",
		"C:\\Windows\\SysWOW64\\Tasks\\a.exe",
		"C:\\Windows\\wlansvc\\a.exe", "C:\\Windows\\en-US\\a.exe"
	};
	static const char *const miss[] = {
		"C:\\Windows\\System32\\a.exe", "C:\\Windows\\a.exe",
		"C:\\Windows\\debugger\\a.exe", "C:\\Windows\\debug",
		"C:\\AMD\\a.exe", "C:\\App\\PerfLogs\\a.exe",
		"C:\\Windows\\System32\\spool\\a.exe", "",
		"C:\\Windows\\SysWOW64\\Speech\\a.exe", "Windows\\Temp\\a.exe"
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(hit); i++)
		if (run(hit[i], CMD, EVE) != SEV_HIGH)
			fail_msg("miss: %s", hit[i]);
	for (size_t i = 0; i < NITEMS(miss); i++)
		if (run(miss[i], CMD, EVE) != -1)
			fail_msg("alarm: %s", miss[i]);
	assert_int_equal(run("C:\\PerfLogs\\a.exe", CMD, SYSTEM), SEV_HIGH);
	assert_int_equal(run("C:\\Windows\\Fonts\\AppData\\a.exe", CMD,
	    SYSTEM), -1);
}

static void
users(void **unused)
{
	(void)unused;
	assert_int_equal(run("C:\\Users\\Public\\a.exe", CMD, EVE),
	    SEV_MEDIUM);
	assert_int_equal(run("C:\\Users\\All Users\\x\\a.exe", CMD, EVE),
	    SEV_MEDIUM);
	assert_int_equal(run("C:\\Users\\Default\\AppData\\a.exe", CMD, EVE),
	    SEV_MEDIUM);
	assert_int_equal(run("C:\\Users\\Default\\AppData\\a.exe", CMD,
	    SYSTEM), -1);
	assert_int_equal(run("C:\\Users\\eve\\a.exe", CMD, EVE), -1);
	assert_int_equal(run("C:\\Users\\Publican\\a.exe", CMD, EVE), -1);
}

#define TRUSTED	"C:\\Windows\\servicing\\TrustedInstaller.exe"

static void
shipped_list(void **unused)
{
	char why[256];

	(void)unused;
	assert_true(load("/nonexistent", why, sizeof(why)));
	assert_non_null(strstr(why, "nothing is allowed"));
	assert_int_equal(run(TRUSTED, "C:\\Windows\\System32\\services.exe",
	    SYSTEM), SEV_HIGH);
	assert_true(load(getenv("PICKET_SHARE"), why, sizeof(why)));
	assert_string_equal(why, "");
	assert_int_equal(run(TRUSTED, "C:\\Windows\\System32\\services.exe",
	    SYSTEM), -1);
	assert_int_equal(run(TRUSTED, CMD, SYSTEM), SEV_HIGH);
	assert_int_equal(run("C:\\Windows\\ImmersiveControlPanel\\"
	    "SystemSettings.exe", "C:\\Windows\\System32\\svchost.exe", EVE),
	    -1);
	assert_true(load("/nonexistent", why, sizeof(why)));
}

/* A folder with one allow list. */
static bool
with_list(const char *text, char *why, size_t size)
{
	char dir[] = "/tmp/picket-allow-XXXXXX", path[128];
	bool ok;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/allow", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/allow/world-writable-exec.txt", dir);
	assert_non_null(f = fopen(path, "w"));
	fputs(text, f);
	fclose(f);
	ok = load(dir, why, size);
	unlink(path);
	snprintf(path, sizeof(path), "%s/allow", dir);
	rmdir(path);
	rmdir(dir);
	return ok;
}

static void
own_list(void **unused)
{
	static char big[64 * 1024];
	char why[256];

	(void)unused;
	assert_true(with_list("# none\n\n  c:\\users\\public\\*\\Tool.exe | "
	    "*\\agent.exe | corp\\*  \n*\\only.exe", why, sizeof(why)));
	assert_int_equal(run("C:\\Users\\Public\\x\\TOOL.exe",
	    "C:\\a\\Agent.exe", EVE), -1);
	assert_int_equal(run("C:\\Users\\Public\\x\\tool.exe", CMD, EVE),
	    SEV_MEDIUM);
	assert_int_equal(run("C:\\Users\\Public\\x\\tool.exe",
	    "C:\\a\\agent.exe", "OTHER\\eve"), SEV_MEDIUM);
	assert_int_equal(run("C:\\PerfLogs\\only.exe", CMD, EVE), -1);
	assert_false(with_list("a|b|c|d\n", why, sizeof(why)));
	assert_non_null(strstr(why, ".txt:1:1: "));
	assert_false(with_list("#\n | b\n", why, sizeof(why)));
	assert_non_null(strstr(why, ".txt:2:1: "));
	memset(big, 'a', 600);
	assert_false(with_list(big, why, sizeof(why)));
	memset(big, 0, sizeof(big));
	for (unsigned i = 0; i < 513; i++)
		strcat(big, "*\\a.exe\n");
	assert_false(with_list(big, why, sizeof(why)));
	assert_true(load("/nonexistent", why, sizeof(why)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(temp), T(system_folders), T(users), T(shipped_list),
		T(own_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
