/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet-capture tools: starts, drivers, kernel messages; and the questions
 * and readings that are no capture.
 */
#include "detect_drive.h"

static int
lin(const char *image, const char *line, const char *parent)
{
	again();
	at(KIND_PROCESS, 0);
	str(FIELD_SYSLOG_HOST, "portal1");
	str(FIELD_IMAGE, image);
	str(FIELD_COMMAND_LINE, line);
	str(FIELD_PARENT_IMAGE, parent);
	str(FIELD_PROC_USER, "root");
	return hunt("packet-capture") == 0 ? -1 : (int)dr.found[0].severity;
}

static int
win(const char *image, const char *line)
{
	again();
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, 4688);
	wide(FIELD_WIN_CHANNEL, "Security");
	wide(FIELD_WIN_COMPUTER, "SRV1");
	wide(FIELD_NEW_PROCESS, image);
	wide(FIELD_COMMAND_LINE, line);
	wide(FIELD_SUBJECT_USER, "admin");
	return hunt("packet-capture") == 0 ? -1 : (int)dr.found[0].severity;
}

#define TCPDUMP	"/usr/bin/tcpdump"

static void
on_linux(void **unused)
{
	(void)unused;
	assert_int_equal(lin(TCPDUMP, "tcpdump -i eth0", "/bin/bash"),
	    SEV_MEDIUM);
	assert_true(says(0, "tcpdump captured packets on portal1 as root: "
	    "tcpdump -i eth0"));
	assert_int_equal(lin(TCPDUMP, "tcpdump -nnl -i eth0", "/bin/bash"),
	    SEV_MEDIUM);
	assert_int_equal(lin(TCPDUMP, "tcpdump -w /tmp/.x -i eth0",
	    "/bin/bash"), SEV_HIGH);
	assert_int_equal(lin(TCPDUMP, "tcpdump -i any tcp port 389",
	    "/bin/bash"), SEV_HIGH);
	assert_int_equal(lin(TCPDUMP, "tcpdump -i eth0", "/usr/sbin/nginx"),
	    SEV_HIGH);
	assert_true(says(0, "started by the web server"));
	assert_int_equal(lin("/usr/bin/tshark", "tshark -i eth0 -d "
	    "tcp.port==8,http", "/bin/bash"), SEV_MEDIUM);
	/* no captures */
	assert_int_equal(lin(TCPDUMP, "tcpdump -r a.pcap", "/bin/bash"), -1);
	assert_int_equal(lin(TCPDUMP, "tcpdump -nnr a.pcap", "/bin/bash"), -1);
	assert_int_equal(lin(TCPDUMP, "tcpdump -D", "/bin/bash"), -1);
	assert_int_equal(lin(TCPDUMP, "tcpdump --version", "/bin/bash"), -1);
	assert_int_equal(lin("/usr/bin/dumpcap", "dumpcap -S -Z none",
	    "/usr/bin/wireshark"), -1);
	assert_int_equal(lin("/usr/bin/vi", "vi tcpdump.sh", "/bin/bash"), -1);
}

static void
on_windows(void **unused)
{
	(void)unused;
	assert_int_equal(win("C:\\t\\WinDump.exe", "windump -i 1"),
	    SEV_MEDIUM);
	assert_int_equal(win("C:\\Windows\\System32\\PktMon.exe",
	    "pktmon start --etw -p 0"), SEV_MEDIUM);
	assert_int_equal(win("C:\\Windows\\System32\\PktMon.exe",
	    "pktmon start -c"), SEV_MEDIUM);
	assert_int_equal(win("C:\\Windows\\System32\\PktMon.exe",
	    "pktmon filter add -p 80"), SEV_MEDIUM);
	assert_int_equal(win("C:\\Windows\\System32\\netsh.exe",
	    "netsh trace start capture=yes tracefile=c:\\perflogs\\a.etl"),
	    SEV_HIGH);
	assert_true(says(0, "netsh trace captured packets"));
	assert_int_equal(win("C:\\Windows\\System32\\WindowsPowerShell\\v1.0"
	    "\\powershell.exe", "powershell Add-NetEventPacketCaptureProvider"
	    " -SessionName s"), SEV_MEDIUM);
	assert_int_equal(win("C:\\Windows\\System32\\PktMon.exe",
	    "pktmon comp list"), -1);
	assert_int_equal(win("C:\\Windows\\System32\\PktMon.exe",
	    "pktmon stop"), -1);
	assert_int_equal(win("C:\\Windows\\System32\\netsh.exe",
	    "netsh trace start scenario=wlan"), -1);
	assert_int_equal(win("C:\\Windows\\System32\\netsh.exe",
	    "netsh interface show interface"), -1);
}

static int
service(unsigned id, const char *channel, const char *name, unsigned field,
    const char *path)
{
	again();
	at(KIND_WINEVENT, 0);
	num(FIELD_WIN_EVENT_ID, id);
	wide(FIELD_WIN_CHANNEL, channel);
	wide(FIELD_WIN_COMPUTER, "SRV1");
	wide(FIELD_SERVICE_NAME, name);
	wide(field, path);
	return hunt("packet-capture") == 0 ? -1 : (int)dr.found[0].severity;
}

static void
drivers(void **unused)
{
	(void)unused;
	assert_int_equal(service(7045, "System", "Npcap Packet Driver (NPCAP)",
	    FIELD_IMAGE_PATH, "\\SystemRoot\\system32\\DRIVERS\\npcap.sys"),
	    SEV_MEDIUM);
	assert_true(says(0, "driver npcap was installed on SRV1"));
	assert_int_equal(service(4697, "Security", "npf",
	    FIELD_SERVICE_FILE, "system32\\drivers\\npf.sys"), SEV_MEDIUM);
	assert_int_equal(service(6, "Microsoft-Windows-Sysmon/Operational",
	    "", FIELD_IMAGE_LOADED, "C:\\Windows\\System32\\drivers\\npf.sys"),
	    SEV_LOW);
	/* part of Windows */
	assert_int_equal(service(6, "Microsoft-Windows-Sysmon/Operational",
	    "", FIELD_IMAGE_LOADED,
	    "C:\\Windows\\System32\\drivers\\pktmon.sys"), -1);
	assert_int_equal(service(7045, "System", "Printer",
	    FIELD_IMAGE_PATH, "C:\\Windows\\spoolsv.exe"), -1);
	assert_int_equal(service(7045, "Application", "npcap",
	    FIELD_IMAGE_PATH, "npcap.sys"), -1);
}

static int
kernel(const char *text)
{
	again();
	at(KIND_SYSLOG, 0);
	str(FIELD_SYSLOG_HOST, "portal1");
	str(FIELD_SYSLOG_MESSAGE, text);
	return hunt("packet-capture") == 0 ? -1 : (int)dr.found[0].severity;
}

static void
promiscuous(void **unused)
{
	(void)unused;
	assert_int_equal(kernel("[12.3] device eth0 entered promiscuous mode"),
	    SEV_LOW);
	assert_true(says(0, "The interface eth0 of portal1"));
	assert_int_equal(kernel("virtio_net virtio0 eth1: entered promiscuous "
	    "mode"), SEV_LOW);
	assert_int_equal(kernel("device veth1ab3 entered promiscuous mode"),
	    -1);
	assert_int_equal(kernel("device eth0 left promiscuous mode"), -1);
	assert_int_equal(kernel(" entered promiscuous mode"), SEV_LOW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(on_linux), T(on_windows), T(drivers), T(promiscuous),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
