/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet-capture tools at work on a host, ATT&CK T1040.
 *
 * Behaviour: a capture program starts (tcpdump, dumpcap, tshark, WinDump,
 * pktmon start, netsh trace start capture=yes, New-NetEventSession …), a
 * capture driver or its service is installed (Npcap, WinPcap)
 * or loaded, or the Linux kernel says that an interface went promiscuous.
 * The advisory's second case sniffed credentials on a login appliance so.
 *
 * Known false alarms and their control: administrators at work (the finding
 * is medium and names the account; told once for a host, tool and account);
 * Wireshark's own polling (dumpcap -D, -M, -S), reading of files (-r) and
 * questions for help or version are passed over; bridges, containers and
 * virtual machines put their own interfaces into promiscuous mode and are
 * left out by the interface's name.  A web server as parent, a filter for
 * clear-text logins or a hidden or scratch place for the file raise it.
 *
 * Cost: kind, event id and channel; of a process start its name in lower
 * case.  No state.
 */
#include "detect.h"

static const uint8_t kinds[] = {
	KIND_WINEVENT, KIND_PROCESS, KIND_SYSLOG, KIND_NONE
};

static const uint16_t fields[] = {
	HOST_FIELDS, FIELD_SERVICE_NAME, FIELD_IMAGE_PATH, FIELD_SERVICE_FILE,
	FIELD_IMAGE_LOADED, FIELD_SYSLOG_MESSAGE, FIELD_OTHER
};

/* Any start of these captures, but for the questions below. */
static const char *const sniffers[] = {
	"tcpdump", "dumpcap", "tshark", "windump", "rawshark", "rawcap",
	"nmcap", "ngrep", "dsniff", "ettercap", "bettercap", "tcpflow",
	"netsniff-ng", "snoop", "termshark", "tcpick", "pcapxray", "etl2pcap",
	"responder", "netcap", "sniffit", "urlsnarf", "mailsnarf"
};

/* Options that end the program with text, or that read a file. */
static const char *const questions[] = {
	"-h", "--help", "--version", "-D", "-L", "-G", "--list-interfaces"
};

static const char *const drivers[] = {
	"npcap", "npf", "npf_", "winpcap", "rpcapd", "usbpcap", "ndiscap",
	"win10pcap", "npcap_wifi", "pktmon"
};

/* Clear-text logins, and places where a capture hides. */
static const char *const greedy[] = {
	"port 21", "port 23", "port 25", "port 110", "port 143", "port 389",
	"port ftp", "port telnet", "port ldap", "/tmp/", "/dev/shm/",
	"/var/tmp/", "\\windows\\temp\\", "\\users\\public\\", "\\perflogs\\",
	"/www/", "/html/", "passw"
};

/* Interfaces that hosts of bridges, containers and machines switch. */
static const char *const virtual_ifs[] = {
	"veth", "vnet", "tap", "docker", "br-", "virbr", "cali", "cni",
	"flannel", "lxc", "lxd", "ovs", "vmnet", "vboxnet", "podman", "fwpr",
	"fwln", "bond", "team"
};

static bool
holds(struct span text, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_find(text, span_str(list[i])) != SPAN_NPOS)
			return true;
	return false;
}

/* -r FILE, and -nnr FILE of tcpdump. */
static bool
reads_file(struct span arg)
{
	if (arg.len < 2 || arg.ptr[0] != '-' || arg.ptr[1] == '-')
		return false;
	return arg.ptr[arg.len - 1] == 'r' || arg.ptr[1] == 'r';
}

/* The line as it came: case tells options apart.  Wireshark polls the
 * interfaces with dumpcap -D, -L and -S. */
static bool
only_asks(struct span name, struct span line)
{
	bool shark = span_eq(name, SPAN_LIT("tshark")) ||
	    span_eq(name, SPAN_LIT("dumpcap"));
	struct span arg;

	next_arg(&line, &arg);
	while (next_arg(&line, &arg)) {
		if (is_one_of(arg, questions, NITEMS(questions)) ||
		    reads_file(arg))
			return true;
		if (shark && (span_eq(arg, SPAN_LIT("-S")) ||
		    span_eq(arg, SPAN_LIT("-v"))))
			return true;
	}
	return false;
}

static bool
both(struct span line, const char *a, const char *b)
{
	return has_word(line, a) && has_word(line, b);
}

/* Windows' own means: the name of what captures, or NULL. */
static const char *
own_means(struct span name, struct span line)
{
	if (span_eq(name, SPAN_LIT("pktmon")))
		return both(line, "start", "etw") || both(line, "filter",
		    "add") || has_word(line, "-c") ||
		    has_word(line, "capture") ? "pktmon" : NULL;
	if (span_eq(name, SPAN_LIT("netsh")))
		return both(line, "trace", "start") &&
		    span_find(line, SPAN_LIT("capture=y")) != SPAN_NPOS ?
		    "netsh trace" : NULL;
	if (span_eq(name, SPAN_LIT("powershell")) ||
	    span_eq(name, SPAN_LIT("pwsh")))
		return span_find(line, SPAN_LIT("neteventpacketcapture")) !=
		    SPAN_NPOS ? "a NetEvent session" : NULL;
	if (span_eq(name, SPAN_LIT("logman")))
		return span_find(line, SPAN_LIT("ndis-packetcapture")) !=
		    SPAN_NPOS ? "logman" : NULL;
	return NULL;
}

static bool
by_web_server(struct scratch *s, const struct event *e)
{
	static const char *const web[] = {
		"w3wp", "httpd", "apache2", "nginx", "php-fpm", "php-cgi",
		"java", "tomcat", "tomcat9"
	};
	static const char *const users[] = {
		"www-data", "apache", "nginx", "tomcat", "horizon", "33", "48"
	};

	return is_one_of(base_name(proc_parent(s, e)), web, NITEMS(web)) ||
	    is_one_of(proc_user(s, e), users, NITEMS(users));
}

static void
finish(struct detect *d, struct finding *f, struct span what)
{
	buf_span(&d->fold, f->entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, what);
	buf_byte(&d->fold, '|');
	fold_account(&d->fold, f->entity[ENTITY_USER]);
	finding_raise(f, d);
}

/* What captures, or nothing. */
static struct span
capturer(struct span name, struct span line, struct arena *m,
    const struct event *e)
{
	const char *own;

	if (is_one_of(name, sniffers, NITEMS(sniffers)))
		return only_asks(name, event_text(m, e, FIELD_COMMAND_LINE)) ?
		    SPAN_NONE : name;
	own = own_means(name, line);
	return own == NULL ? SPAN_NONE : span_str(own);
}

static bool
may_capture(struct span name)
{
	static const char *const own[] = {
		"pktmon", "netsh", "powershell", "pwsh", "logman"
	};

	return is_one_of(name, sniffers, NITEMS(sniffers)) ||
	    is_one_of(name, own, NITEMS(own));
}

static void
on_process(struct detect *d, const struct event *e)
{
	struct scratch s;
	struct span name, line;
	struct finding f;
	struct arena m;
	bool web;

	s.used = 0;
	name = base_name(proc_image(&s, e));
	if (!may_capture(name))
		return;
	arena_init(&m, 256u << 10);
	line = lower_text(&s, e, FIELD_COMMAND_LINE);
	name = capturer(name, line, &m, e);
	if (name.len != 0) {
		finding_init(&f, d, e);
		host_entities(&f, &m, e);
		web = by_web_server(&s, e);
		if (web || holds(line, greedy, NITEMS(greedy))) {
			f.severity = SEV_HIGH;
			f.confidence = web ? 90 : 75;
		}
		text_clip(&d->text, name, 40);
		buf_str(&d->text, " captured packets");
		if (web)
			buf_str(&d->text, ", started by the web server,");
		host_text(&d->text, &m, &f, e);
		finish(d, &f, name);
	}
	arena_fini(&m);
}

static void
on_driver(struct detect *d, const struct event *e, bool loaded)
{
	struct scratch s;
	struct span name, path;
	struct finding f;
	struct arena m;
	size_t dot;

	s.used = 0;
	path = lower_text(&s, e, loaded ? FIELD_IMAGE_LOADED :
	    FIELD_IMAGE_PATH);
	if (path.len == 0)
		path = lower_text(&s, e, FIELD_SERVICE_FILE);
	name = base_name(path);
	if ((dot = span_find_byte(name, '.')) != SPAN_NPOS)
		name.len = dot;
	if (!is_one_of(name, drivers, NITEMS(drivers))) {
		name = lower_text(&s, e, FIELD_SERVICE_NAME);
		if (loaded || !is_one_of(name, drivers, NITEMS(drivers)))
			return;
	}
	/* Part of Windows and loaded for its own ends; its start is told by
	 * the command. */
	if (loaded && (span_eq(name, SPAN_LIT("pktmon")) ||
	    span_eq(name, SPAN_LIT("ndiscap"))))
		return;
	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	host_entities(&f, &m, e);
	/* SYSTEM installs all services: that says nothing. */
	f.entity[ENTITY_USER] = SPAN_NONE;
	f.entity[ENTITY_PROCESS] = SPAN_NONE;
	f.entity[ENTITY_SERVICE] = name;
	f.severity = loaded ? SEV_LOW : SEV_MEDIUM;
	f.confidence = loaded ? 50 : 65;
	buf_str(&d->text, "The packet-capture driver ");
	text_clip(&d->text, name, 40);
	buf_str(&d->text, loaded ? " was loaded" : " was installed");
	host_text(&d->text, &m, &f, e);
	finish(d, &f, name);
	arena_fini(&m);
}

/* "device eth0 entered promiscuous mode", and since Linux 6.5 "eth0: entered
 * promiscuous mode". */
static void
on_kernel(struct detect *d, const struct event *e)
{
	static const struct span mark = { (const uint8_t *)
	    " entered promiscuous mode", 25 };
	struct span text = event_str(e, FIELD_SYSLOG_MESSAGE), iface, host;
	size_t at = span_find(text, mark), from;
	struct finding f;

	if (at == SPAN_NPOS)
		return;
	iface = span_sub(text, 0, at);
	if (iface.len != 0 && iface.ptr[iface.len - 1] == ':')
		iface.len--;
	for (from = iface.len; from > 0 && iface.ptr[from - 1] != ' ';)
		from--;
	iface = span_sub(iface, from, SIZE_MAX);
	for (size_t i = 0; i < NITEMS(virtual_ifs); i++)
		if (span_starts(iface, span_str(virtual_ifs[i])))
			return;
	host = event_str(e, FIELD_SYSLOG_HOST);
	finding_init(&f, d, e);
	f.entity[ENTITY_HOST] = host;
	f.severity = SEV_LOW;
	f.confidence = 50;
	buf_str(&d->text, "The interface ");
	text_clip(&d->text, iface, 32);
	buf_str(&d->text, " of ");
	if (host.len == 0)
		buf_str(&d->text, "this host");
	else
		text_clip(&d->text, host, 128);
	buf_str(&d->text, " went into promiscuous mode: something captures "
	    "its packets");
	finish(d, &f, iface);
}

static void
packet_capture_event(struct detect *d, const struct event *e)
{
	if (e->kind == KIND_SYSLOG) {
		on_kernel(d, e);
		return;
	}
	switch (host_event(e)) {
	case HOST_PROCESS:
		on_process(d, e);
		break;
	case HOST_DRIVER:
		on_driver(d, e, true);
		break;
	case HOST_SERVICE:
		on_driver(d, e, false);
		break;
	default:
		break;
	}
}

const struct detector detector_packet_capture = {
	.name = "packet-capture",
	.title = "Packets captured on a host",
	.doc = "Capture tools started (tcpdump, dumpcap, WinDump, pktmon, "
	    "netsh trace …), capture drivers installed or loaded, interfaces "
	    "in promiscuous mode; Sysmon 1 and 6, 4688, 7045, 4697, Linux "
	    "process starts and kernel messages. False alarms: administrators "
	    "at work. Cost: the name of each process start.",
	.attack = "T1040",
	.advice = "Ask the account's owner; if nobody knows of it, find the "
	    "capture file, and change the passwords that crossed the "
	    "interface in clear since.",
	.severity = SEV_MEDIUM,
	.confidence = 65,
	.kinds = kinds,
	.fields = fields,
	.event_ids = host_event_ids,
	.event = packet_capture_event,
};
