/* SPDX-License-Identifier: Apache-2.0
 *
 * A web or application server starts what only an intruder runs through it,
 * ATT&CK T1505.003 and T1059; through xp_cmdshell of a database, T1505.001.
 *
 * Behaviour: the parent of a new process is a web server (IIS, Apache, nginx,
 * PHP, Tomcat and kin, Exchange's Unified Messaging, SQL Server) and the child
 * is a shell, a discovery command, a download, archive, capture or account
 * tool.  java, python and ruby count as a server when their command line or
 * account says so.  Linux logs often lack the parent: there the account that
 * web servers run under stands for it, one step milder.
 *
 * The child says the severity: what a shell runs counts, not the shell.
 *
 * Known false alarms and their control: compilers, crash reporters and
 * consoles (csc, WerFault, conhost) are no such children; shells that pipe
 * logs or mail (sh -c rotatelogs, sendmail) and start-up probes (getconf,
 * java -version) are left out by what they run; management tools that are web
 * applications (Jenkins, Tomcat manager jobs) start shells by trade: tell
 * them by the host and leave the detector out there.
 *
 * Cost: kind, event id and channel; of a process start the parent's name in
 * lower case, a few compares.  No state.
 */
#include "detect.h"

static const uint8_t kinds[] = { KIND_WINEVENT, KIND_PROCESS, KIND_NONE };

static const uint16_t fields[] = { HOST_FIELDS, FIELD_OTHER };

enum parent { PARENT_NONE, PARENT_ACCOUNT, PARENT_WEB, PARENT_SQL };

static const char *const servers[] = {
	"w3wp", "httpd", "apache", "apache2", "nginx", "php-cgi", "php-fpm",
	"lighttpd", "caddy", "openresty", "litespeed", "lshttpd", "uwsgi",
	"gunicorn", "umworkerprocess", "ws_tomcatservice", "prunsrv",
	"coldfusion", "jrun", "beasvc", "httpd2-prefork", "httpd.worker",
	"apache2-mpm-prefork"
};

/* Run web servers among other things; the line or the account tells. */
static const char *const runtimes[] = {
	"java", "javaw", "php", "python", "python3", "ruby", "perl", "node"
};

static const char *const java_servers[] = {
	"catalina", "tomcat", "jetty", "weblogic", "jboss", "wildfly",
	"glassfish", "websphere", "confluence", "jira", "bitbucket",
	"horizon", "workspaceone", "coldfusion", "resin", "gunicorn", "uwsgi",
	"mod_wsgi", "passenger"
};

/* 33 and 48: www-data of Debian and apache of Red Hat in logs that have
 * numbers only. */
static const char *const accounts[] = {
	"www-data", "apache", "apache2", "nginx", "httpd", "wwwrun", "lighttpd",
	"tomcat", "tomcat7", "tomcat8", "tomcat9", "tomcat10", "jetty", "jboss",
	"wildfly", "weblogic", "confluence", "horizon", "php-fpm", "33", "48"
};

static const char *const shells[] = {
	"cmd", "powershell", "pwsh", "sh", "bash", "dash", "ksh", "ksh93",
	"zsh", "ash", "busybox", "csh", "tcsh", "wscript", "cscript", "mshta",
	"command"
};

enum child {
	CHILD_NONE, CHILD_SHELL, CHILD_ODD, CHILD_DISCOVERY, CHILD_ARCHIVE,
	CHILD_DOWNLOAD, CHILD_CREDENTIAL
};

static const struct {
	enum child	 child;
	const char	*name;
} tools[] = {
	{ CHILD_DISCOVERY, "whoami" }, { CHILD_DISCOVERY, "id" },
	{ CHILD_DISCOVERY, "hostname" }, { CHILD_DISCOVERY, "ipconfig" },
	{ CHILD_DISCOVERY, "ifconfig" }, { CHILD_DISCOVERY, "systeminfo" },
	{ CHILD_DISCOVERY, "net" }, { CHILD_DISCOVERY, "net1" },
	{ CHILD_DISCOVERY, "netstat" }, { CHILD_DISCOVERY, "nltest" },
	{ CHILD_DISCOVERY, "quser" }, { CHILD_DISCOVERY, "query" },
	{ CHILD_DISCOVERY, "qwinsta" }, { CHILD_DISCOVERY, "tasklist" },
	{ CHILD_DISCOVERY, "dsquery" }, { CHILD_DISCOVERY, "setspn" },
	{ CHILD_DISCOVERY, "arp" }, { CHILD_DISCOVERY, "route" },
	{ CHILD_DISCOVERY, "wmic" }, { CHILD_DISCOVERY, "nslookup" },
	{ CHILD_DISCOVERY, "gpresult" }, { CHILD_DISCOVERY, "adfind" },
	{ CHILD_DISCOVERY, "uname" }, { CHILD_DISCOVERY, "last" },
	{ CHILD_DISCOVERY, "lastlog" }, { CHILD_DISCOVERY, "getent" },
	{ CHILD_DISCOVERY, "ss" }, { CHILD_DISCOVERY, "lsof" },
	{ CHILD_DISCOVERY, "ps" }, { CHILD_DISCOVERY, "nmap" },
	{ CHILD_DISCOVERY, "fscan" }, { CHILD_DISCOVERY, "ip" },
	{ CHILD_DISCOVERY, "ping" }, { CHILD_DISCOVERY, "findmnt" },
	{ CHILD_ARCHIVE, "tar" }, { CHILD_ARCHIVE, "zip" },
	{ CHILD_ARCHIVE, "gzip" }, { CHILD_ARCHIVE, "7z" },
	{ CHILD_ARCHIVE, "7za" }, { CHILD_ARCHIVE, "rar" },
	{ CHILD_ARCHIVE, "makecab" },
	{ CHILD_DOWNLOAD, "curl" }, { CHILD_DOWNLOAD, "wget" },
	{ CHILD_DOWNLOAD, "certutil" }, { CHILD_DOWNLOAD, "bitsadmin" },
	{ CHILD_DOWNLOAD, "ftp" }, { CHILD_DOWNLOAD, "tftp" },
	{ CHILD_DOWNLOAD, "scp" }, { CHILD_DOWNLOAD, "nc" },
	{ CHILD_DOWNLOAD, "ncat" }, { CHILD_DOWNLOAD, "socat" },
	{ CHILD_DOWNLOAD, "finger" }, { CHILD_DOWNLOAD, "telnet" },
	{ CHILD_CREDENTIAL, "procdump" }, { CHILD_CREDENTIAL, "procdump64" },
	{ CHILD_CREDENTIAL, "ntdsutil" }, { CHILD_CREDENTIAL, "vssadmin" },
	{ CHILD_CREDENTIAL, "reg" }, { CHILD_CREDENTIAL, "tcpdump" },
	{ CHILD_CREDENTIAL, "tshark" }, { CHILD_CREDENTIAL, "dumpcap" },
	{ CHILD_CREDENTIAL, "mimikatz" }, { CHILD_CREDENTIAL, "passwd" },
	{ CHILD_CREDENTIAL, "useradd" }, { CHILD_CREDENTIAL, "chpasswd" },
	{ CHILD_CREDENTIAL, "crontab" }, { CHILD_CREDENTIAL, "schtasks" },
	{ CHILD_CREDENTIAL, "iptables" }, { CHILD_CREDENTIAL, "sudo" },
	{ CHILD_CREDENTIAL, "su" },
	{ CHILD_ODD, "rundll32" }, { CHILD_ODD, "regsvr32" },
	{ CHILD_ODD, "at" }, { CHILD_ODD, "sc" }, { CHILD_ODD, "chmod" },
	{ CHILD_ODD, "nohup" }, { CHILD_ODD, "base64" },
	{ CHILD_ODD, "python" }, { CHILD_ODD, "python3" },
	{ CHILD_ODD, "perl" }, { CHILD_ODD, "ruby" }, { CHILD_ODD, "script" },
	{ CHILD_ODD, "psexec" }, { CHILD_ODD, "plink" }
};

/* What servers run through a shell by themselves. */
static const char *const own_jobs[] = {
	"rotatelogs", "cronolog", "sendmail", "msmtp", "gs ", "convert ",
	"wkhtmltopdf", "logger ", "stty", "setenv.sh", "getconf", "ldconfig",
	"catalina.sh", "appcmd", "infocmp", "tput ", "locale", "chronyc"
};

/* Of a shell's text: what it tells beyond being one. */
static const struct {
	enum child	 child;
	const char	*text;
} phrases[] = {
	{ CHILD_CREDENTIAL, "/etc/shadow" },
	{ CHILD_CREDENTIAL, "/etc/security/opasswd" },
	{ CHILD_CREDENTIAL, "lsass" }, { CHILD_CREDENTIAL, "comsvcs" },
	{ CHILD_CREDENTIAL, "ntds.dit" }, { CHILD_CREDENTIAL, "\\sam" },
	{ CHILD_DOWNLOAD, "/dev/tcp/" }, { CHILD_DOWNLOAD, "downloadstring" },
	{ CHILD_DOWNLOAD, "downloadfile" },
	{ CHILD_DOWNLOAD, "invoke-webrequest" }, { CHILD_DOWNLOAD, "iwr " },
	{ CHILD_DISCOVERY, "/etc/passwd" },
	{ CHILD_DISCOVERY, "/proc/net" }, { CHILD_DISCOVERY, "get-process" },
	{ CHILD_DISCOVERY, "get-ad" }, { CHILD_DISCOVERY, "cmd /c dir" },
	{ CHILD_DISCOVERY, "cmd /c set" }, { CHILD_DISCOVERY, "&echo [s]" },
	{ CHILD_ODD, " -enc" }, { CHILD_ODD, "frombase64string" },
	{ CHILD_ODD, "base64 -d" }, { CHILD_ODD, "&cd&echo" }
};

/* A version at the end, as of php-fpm8.2 or python3.11, is cut. */
static struct span
without_version(struct span s)
{
	size_t n = s.len;

	while (n != 0 && (ascii_is_digit(s.ptr[n - 1]) || s.ptr[n - 1] == '.' ||
	    s.ptr[n - 1] == '-'))
		n--;
	return n == 0 ? s : span_sub(s, 0, n);
}

static bool
among(struct span s, const char *const *list, size_t n)
{
	struct span bare = without_version(s);

	return is_one_of(s, list, n) ||
	    (bare.len != s.len && is_one_of(bare, list, n));
}

static bool
holds(struct span text, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_find(text, span_str(list[i])) != SPAN_NPOS)
			return true;
	return false;
}

static struct span
without_domain(struct span user)
{
	size_t at = span_find_byte(user, '\\');

	return at == SPAN_NPOS ? user : span_sub(user, at + 1, SIZE_MAX);
}

static enum parent
parent_of(struct scratch *s, const struct event *e)
{
	struct span path = proc_parent(s, e), name = base_name(path), line;
	struct span user;
	bool web_user;

	if (among(name, servers, NITEMS(servers)) ||
	    span_starts(name, SPAN_LIT("tomcat")))
		return PARENT_WEB;
	if (span_eq(name, SPAN_LIT("sqlservr")))
		return PARENT_SQL;
	/* The rest of Windows ends here. */
	if (name.len != 0 && !among(name, runtimes, NITEMS(runtimes)))
		return PARENT_NONE;
	user = without_domain(proc_user(s, e));
	web_user = is_one_of(user, accounts, NITEMS(accounts));
	if (name.len == 0)
		return web_user && e->kind == KIND_PROCESS ? PARENT_ACCOUNT :
		    PARENT_NONE;
	line = lower_text(s, e, FIELD_PARENT_COMMAND_LINE);
	if (web_user || holds(line, java_servers, NITEMS(java_servers)) ||
	    holds(path, java_servers, NITEMS(java_servers)))
		return PARENT_WEB;
	return PARENT_NONE;
}

static enum child
tool_class(struct span name)
{
	enum child best = CHILD_NONE;

	if (name.len == 0)
		return CHILD_NONE;
	for (size_t i = 0; i < NITEMS(tools); i++)
		if (tools[i].name[0] == (char)name.ptr[0] &&
		    span_eq(name, span_str(tools[i].name)) &&
		    tools[i].child > best)
			best = tools[i].child;
	return best;
}

static bool
is_command_end(uint8_t c)
{
	return c == ';' || c == '&' || c == '|' || c == '(' || c == '`' ||
	    c == '"' || c == '\'' || c == '\n' || c == '{' || c == ' ' ||
	    c == '\t' || c == '$' || c == ',';
}

/* The strongest tool that a shell's line names, alone or at the end of a
 * path. */
static enum child
line_class(struct span line)
{
	enum child best = CHILD_NONE, c;
	size_t start = 0;

	for (size_t i = 0; i < NITEMS(phrases); i++)
		if (phrases[i].child > best && span_find(line,
		    span_str(phrases[i].text)) != SPAN_NPOS)
			best = phrases[i].child;
	for (size_t i = 0; i <= line.len; i++) {
		if (i < line.len && !is_command_end(line.ptr[i]) &&
		    line.ptr[i] != ')' && line.ptr[i] != '}')
			continue;
		c = tool_class(base_name(span_sub(line, start, i - start)));
		if (c > best)
			best = c;
		start = i + 1;
	}
	return best;
}

static enum child
child_of(struct scratch *s, const struct event *e)
{
	struct span name = base_name(proc_image(s, e)), line;
	enum child c = tool_class(name), inner;
	bool shell = among(name, shells, NITEMS(shells));

	if (c == CHILD_NONE && !shell &&
	    without_version(name).len != name.len)
		c = tool_class(without_version(name));
	if (c == CHILD_NONE && !shell)
		return CHILD_NONE;
	line = lower_text(s, e, FIELD_COMMAND_LINE);
	if (holds(line, own_jobs, NITEMS(own_jobs)))
		return CHILD_NONE;
	if (!shell)
		return c;
	inner = line_class(line);
	return inner == CHILD_NONE ? CHILD_SHELL : inner;
}

static const struct {
	enum severity	 severity;
	unsigned	 confidence;
	const char	*what;
} told[] = {
	[CHILD_SHELL] = { SEV_MEDIUM, 65, "a shell" },
	[CHILD_ODD] = { SEV_MEDIUM, 70, "a tool that web servers do not need" },
	[CHILD_ARCHIVE] = { SEV_HIGH, 75, "an archiver" },
	[CHILD_DISCOVERY] = { SEV_HIGH, 90, "a discovery command" },
	[CHILD_DOWNLOAD] = { SEV_HIGH, 90, "a download or relay tool" },
	[CHILD_CREDENTIAL] = { SEV_CRITICAL, 90, "a tool for credentials or "
	    "control" },
};

static void
tell(struct detect *d, const struct event *e, enum parent parent,
    enum child child)
{
	struct span name;
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	host_entities(&f, &m, e);
	f.severity = told[child].severity;
	f.confidence = told[child].confidence;
	if (parent == PARENT_SQL) {
		f.attack = "T1505.001 T1059";
		/* SQL Agent has a process of its own: this is xp_cmdshell. */
		f.severity = MAX_OF(f.severity, SEV_HIGH);
		f.confidence = MAX_OF(f.confidence, 80u);
	}
	if (parent == PARENT_ACCOUNT) {
		f.severity--;
		f.confidence -= 15;
		name = f.entity[ENTITY_USER];
	} else {
		name = event_text(&m, e, FIELD_PARENT_IMAGE);
		if (name.len == 0)
			name = event_text(&m, e, FIELD_PARENT_PROCESS);
		name = base_name(name);
	}
	buf_str(&d->text, parent == PARENT_SQL ? "The database server " :
	    parent == PARENT_WEB ? "The web server " :
	    "The web server's account ");
	text_clip(&d->text, name, 80);
	buf_str(&d->text, " started ");
	buf_str(&d->text, told[child].what);
	host_text(&d->text, &m, &f, e);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, name);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
webserver_child_event(struct detect *d, const struct event *e)
{
	struct scratch s;
	enum parent parent;
	enum child child;

	if (host_event(e) != HOST_PROCESS)
		return;
	s.used = 0;
	if ((parent = parent_of(&s, e)) == PARENT_NONE)
		return;
	if ((child = child_of(&s, e)) != CHILD_NONE)
		tell(d, e, parent, child);
}

const struct detector detector_webserver_child = {
	.name = "webserver-child",
	.title = "Web server started an intruder's tool",
	.doc = "Shells, discovery, download, archive and credential tools "
	    "started by a web, application or database server (Sysmon 1, "
	    "4688, Linux process starts); severity by what is run. False "
	    "alarms: web applications that start shells by trade. Cost: the "
	    "parent's name of each process start.",
	.attack = "T1505.003 T1059",
	.advice = "Read the web server's requests of that minute for the "
	    "file that was called, keep a copy of it and take it off; then "
	    "follow what else ran under the same account.",
	.severity = SEV_MEDIUM,
	.confidence = 65,
	.kinds = kinds,
	.fields = fields,
	.event_ids = host_event_ids,
	.event = webserver_child_event,
};
