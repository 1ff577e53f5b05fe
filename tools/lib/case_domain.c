/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case_domain: the Windows domain of the case.  Each thing that happens in
 * it is told twice, as packets and as the events that Windows would log, with
 * the same times, addresses and ports.
 *
 * Owner: events and packets go to struct world.
 * Inert: tickets, hashes and challenges are random octets; the commands stand
 * in process events as text only.
 */
#include <stdio.h>
#include <string.h>

#include "case.h"

#define REALM	"CORP.EXAMPLE"
#define DOMAIN	"CORP"
#define NOBODY	"S-1-0-0"
#define SYSTEM	"S-1-5-18"
#define NO_GUID	"{00000000-0000-0000-0000-000000000000}"
#define SUCCESS	0
#define FAILURE	1

static const char stranger[] = "DESKTOP-7Q2";	/* intruder's own machine */
static const int etypes_windows[] = { 18, 17, 23, 24, -135, 0 };

struct account {
	const char *name;
	unsigned rid;
};
static const struct account svc_app = { "svc_app", 1131 };
static const struct account krbtgt = { "krbtgt", 502 };
static const struct account dc_machine = { "DC01$", 1000 };

static const struct account people[] = {
	{ "m.keller", 1142 }, { "j.brandt", 1143 }, { "a.novak", 1144 },
	{ "s.oduya", 1145 }, { "t.lindqvist", 1146 }, { "r.tanaka", 1147 }
};
static const struct account machines[] = {
	{ "FS01$", 1201 }, { "FS02$", 1202 }, { "FS03$", 1203 },
	{ "FS04$", 1204 }, { "FS05$", 1205 }, { "FS06$", 1206 },
	{ "WS101$", 1301 }, { "WS102$", 1302 }, { "WS103$", 1303 }
};

static const struct {
	const char *spn;
	struct account account;
} roasted[] = {
	{ "MSSQLSvc/sql01.corp.example:1433", { "svc_sql01", 1120 } },
	{ "MSSQLSvc/sql02.corp.example:1433", { "svc_sql02", 1121 } },
	{ "HTTP/intranet.corp.example", { "svc_intranet", 1122 } },
	{ "HTTP/bms.corp.example", { "svc_bms", 1123 } },
	{ "HTTP/reports.corp.example", { "svc_reports", 1124 } },
	{ "FTP/ftp01.corp.example", { "svc_ftp", 1125 } },
	{ "backup/bkp01.corp.example", { "svc_backup", 1126 } },
	{ "SAPService/erp01.corp.example", { "svc_erp", 1127 } }
};
#define ROASTED (sizeof(roasted) / sizeof(roasted[0]))

/* ---- kinds of events, with the fields of Windows Server 2016 ---- */

#define SUBJECT "SubjectUserSid:S SubjectUserName:s SubjectDomainName:s " \
	"SubjectLogonId:X "

static const struct evtxw_kind k4624 = { 4624, 2, 12544, SUBJECT
	"TargetUserSid:S TargetUserName:s TargetDomainName:s TargetLogonId:X "
	"LogonType:d LogonProcessName:s AuthenticationPackageName:s "
	"WorkstationName:s LogonGuid:g TransmittedServices:s "
	"LmPackageName:s KeyLength:d ProcessId:X ProcessName:s IpAddress:s "
	"IpPort:s ImpersonationLevel:s RestrictedAdminMode:s "
	"TargetOutboundUserName:s TargetOutboundDomainName:s "
	"VirtualAccount:s TargetLinkedLogonId:X ElevatedToken:s" };
static const struct evtxw_kind k4625 = { 4625, 0, 12544, SUBJECT
	"TargetUserSid:S TargetUserName:s TargetDomainName:s Status:x "
	"FailureReason:s SubStatus:x LogonType:d LogonProcessName:s "
	"AuthenticationPackageName:s WorkstationName:s "
	"TransmittedServices:s LmPackageName:s KeyLength:d ProcessId:X "
	"ProcessName:s IpAddress:s IpPort:s" };
static const struct evtxw_kind k4634 = { 4634, 0, 12545,
	"TargetUserSid:S TargetUserName:s TargetDomainName:s TargetLogonId:X "
	"LogonType:d" };
static const struct evtxw_kind k4688 = { 4688, 2, 13312, SUBJECT
	"NewProcessId:X NewProcessName:s TokenElevationType:s ProcessId:X "
	"CommandLine:s TargetUserSid:S TargetUserName:s TargetDomainName:s "
	"TargetLogonId:X ParentProcessName:s MandatoryLabel:S" };
static const struct evtxw_kind k4768 = { 4768, 0, 14339,
	"TargetUserName:s TargetDomainName:s TargetSid:S ServiceName:s "
	"ServiceSid:S TicketOptions:x Status:x TicketEncryptionType:x "
	"PreAuthType:s IpAddress:s IpPort:s CertIssuerName:s "
	"CertSerialNumber:s CertThumbprint:s" };
static const struct evtxw_kind k4769 = { 4769, 0, 14337,
	"TargetUserName:s TargetDomainName:s ServiceName:s ServiceSid:S "
	"TicketOptions:x TicketEncryptionType:x IpAddress:s IpPort:s "
	"Status:x LogonGuid:g TransmittedServices:s" };
static const struct evtxw_kind k4776 = { 4776, 0, 14336,
	"PackageName:s TargetUserName:s Workstation:s Status:x" };
static const struct evtxw_kind k5140 = { 5140, 1, 12808, SUBJECT
	"ObjectType:s IpAddress:s IpPort:s ShareName:s ShareLocalPath:s "
	"AccessMask:x AccessList:s" };
static const struct evtxw_kind k5145 = { 5145, 0, 12811, SUBJECT
	"ObjectType:s IpAddress:s IpPort:s ShareName:s ShareLocalPath:s "
	"RelativeTargetName:s AccessMask:x AccessList:s AccessReason:s" };

/* who came from where: what logon and share events have in common */
struct logon {
	struct evtxw *log;
	const struct account *who;
	uint32_t ip;
	uint16_t port;
	const char *workstation;	/* NULL: Kerberos */
	uint64_t id;
};

static const char *
sid_text(unsigned rid, char out[64])
{
	snprintf(out, 64, "S-1-5-21-1004336348-1177238915-682003330-%u", rid);
	return out;
}

static const char *
number_text(uint64_t v, const char *format, char out[32])
{
	if (format[1] == 'x')
		snprintf(out, 32, "0x%llx", (unsigned long long)v);
	else
		snprintf(out, 32, "%llu", (unsigned long long)v);
	return out;
}

static const char *
random_guid(struct world *w, char out[40])
{
	uint64_t a = rng_next(&w->rng), b = rng_next(&w->rng);

	snprintf(out, 40, "{%08X-%04X-%04X-%04X-%012llX}",
	    (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
	    (unsigned)(a & 0xffff), (unsigned)(b >> 48),
	    (unsigned long long)(b & 0xffffffffffffu));
	return out;
}

static void
log_ticket(struct world *w, int64_t time_us, const struct account *who,
    const struct account *service, uint32_t ip, uint16_t port, int etype)
{
	char ssid[64], text[64], addr[32], guid[40], enc[32], from[16];
	char name[80];
	const char *v[] = { name, REALM, service->name,
	    sid_text(service->rid, ssid), "0x40810000",
	    number_text((uint64_t)etype, "%x", enc), addr, text, "0x0",
	    random_guid(w, guid), "-" };

	snprintf(name, sizeof(name), "%s@" REALM, who->name);
	snprintf(addr, sizeof(addr), "::ffff:%s", ip_text(ip, from));
	snprintf(text, sizeof(text), "%u", port);
	evtxw_add(&w->dc, time_us, &k4769, SUCCESS, v);
}

static void
log_tgt(struct world *w, int64_t time_us, const struct account *who,
    uint32_t ip, uint16_t port, int etype)
{
	char sid[64], ksid[64], addr[32], text[32], enc[32], from[16];
	const char *v[] = { who->name, DOMAIN, sid_text(who->rid, sid),
	    krbtgt.name, sid_text(krbtgt.rid, ksid), "0x40810010", "0x0",
	    number_text((uint64_t)etype, "%x", enc), "2", addr, text, "", "",
	    "" };

	snprintf(addr, sizeof(addr), "::ffff:%s", ip_text(ip, from));
	snprintf(text, sizeof(text), "%u", port);
	evtxw_add(&w->dc, time_us, &k4768, SUCCESS, v);
}

static void
log_ntlm(struct world *w, int64_t time_us, const struct account *who,
    const char *workstation, const char *status)
{
	const char *v[] = { "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0",
	    who->name, workstation, status };

	evtxw_add(&w->dc, time_us, &k4776, strcmp(status, "0x0") == 0 ?
	    SUCCESS : FAILURE, v);
}

static void
log_on(struct world *w, int64_t time_us, const struct logon *l)
{
	int ntlm = l->workstation != NULL;
	char sid[64], id[32], ip[16], port[32], guid[40];
	const char *v[] = { NOBODY, "-", "-", "0x0",
	    sid_text(l->who->rid, sid), l->who->name,
	    ntlm ? DOMAIN : REALM, number_text(l->id, "%x", id), "3",
	    ntlm ? "NtLmSsp " : "Kerberos", ntlm ? "NTLM" : "Kerberos",
	    ntlm ? l->workstation : "-",
	    ntlm ? NO_GUID : random_guid(w, guid), "-",
	    ntlm ? "NTLM V2" : "-", ntlm ? "128" : "0", "0x0", "-",
	    ip_text(l->ip, ip), number_text(l->port, "%u", port), "%%1833",
	    "-", "-", "-", "%%1843", "0x0", "%%1842" };

	evtxw_add(l->log, time_us, &k4624, SUCCESS, v);
}

static void
log_off(int64_t time_us, const struct logon *l)
{
	char sid[64], id[32];
	const char *v[] = { sid_text(l->who->rid, sid), l->who->name, DOMAIN,
	    number_text(l->id, "%x", id), "3" };

	evtxw_add(l->log, time_us, &k4634, SUCCESS, v);
}

static void
log_share(int64_t time_us, const struct logon *l, const char *share,
    const char *local)
{
	char sid[64], id[32], ip[16], port[32], name[64];
	const char *v[] = { sid_text(l->who->rid, sid), l->who->name, DOMAIN,
	    number_text(l->id, "%x", id), "File", ip_text(l->ip, ip),
	    number_text(l->port, "%u", port), name, local, "0x1",
	    "%%4416\r\n\t\t\t\t" };

	snprintf(name, sizeof(name), "\\\\*\\%s", share);
	evtxw_add(l->log, time_us, &k5140, SUCCESS, v);
}

static void
log_file(int64_t time_us, const struct logon *l, const char *share,
    const char *local, const char *file)
{
	char sid[64], id[32], ip[16], port[32], name[64];
	const char *v[] = { sid_text(l->who->rid, sid), l->who->name, DOMAIN,
	    number_text(l->id, "%x", id), "File", ip_text(l->ip, ip),
	    number_text(l->port, "%u", port), name, local, file, "0x120089",
	    "%%1538\r\n\t\t\t\t%%1541\r\n\t\t\t\t%%4416\r\n\t\t\t\t"
	    "%%4419\r\n\t\t\t\t%%4423\r\n\t\t\t\t", "-" };

	snprintf(name, sizeof(name), "\\\\*\\%s", share);
	evtxw_add(l->log, time_us, &k5145, SUCCESS, v);
}

static void
log_process(struct world *w, int64_t time_us, const char *user_sid,
    const char *user, const char *image, const char *command,
    const char *parent)
{
	/* drawn one by one: C leaves the order inside an initialiser open */
	uint64_t child = 0x400 + 4 * rng_below(&w->rng, 2000);
	uint64_t father = 0x400 + 4 * rng_below(&w->rng, 2000);
	char pid[32], ppid[32];
	const char *v[] = { user_sid, user, DOMAIN, "0x3e7",
	    number_text(child, "%x", pid), image, "%%1936",
	    number_text(father, "%x", ppid), command, NOBODY, "-", "-", "0x0",
	    parent, "S-1-16-16384" };

	evtxw_add(&w->web, time_us, &k4688, SUCCESS, v);
}

/* ---- Kerberos on the wire ---- */

static void
one_call(struct world *w, int64_t time_us, uint32_t client, uint16_t port,
    const struct buf *ask, const struct buf *answer)
{
	struct buf b = { 0 };
	struct tcp t;

	tcp_open(&t, &w->net, time_us, client, port, IP_DC, 88, 300, 450);
	krb_over_tcp(&b, ask);
	tcp_send(&t, 0, &b);
	b.len = 0;
	krb_over_tcp(&b, answer);
	tcp_wait(&t, 700);
	tcp_send(&t, 1, &b);
	tcp_close(&t, 0);
	buf_free(&b);
}

static void
get_tgt(struct world *w, int64_t time_us, uint32_t client,
    const struct account *who, int live)
{
	struct krb_call c = { .realm = REALM, .client = who->name,
	    .spn = "krbtgt/" REALM, .offered = etypes_windows,
	    .ticket_etype = 18, .reply_etype = 18,
	    .nonce = (uint32_t)rng_next(&w->rng) >> 1 };
	struct civil now = civil_of(time_us);
	struct buf ask = { 0 }, answer = { 0 };
	uint16_t port = next_port(w);
	char text[80];

	if (live) {
		snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ",
		    now.year, now.month, now.day, now.hour, now.minute,
		    now.second);
		krb_as_req(&ask, &w->rng, &c, 0);
		krb_preauth_required(&answer, &c, text);
		net_udp(&w->net, time_us, client, port, IP_DC, 88, &ask);
		net_udp(&w->net, time_us + 900, IP_DC, 88, client, port,
		    &answer);
		ask.len = answer.len = 0;
		krb_as_req(&ask, &w->rng, &c, 1);
		krb_as_rep(&answer, &w->rng, &c);
		port = next_port(w);
		one_call(w, time_us + 3000, client, port, &ask, &answer);
	}
	log_tgt(w, time_us + 5000, who, client, port, 18);
	buf_free(&ask);
	buf_free(&answer);
}

static void
get_ticket(struct world *w, int64_t time_us, uint32_t client,
    const struct account *who, const char *spn,
    const struct account *service, int etype, int live)
{
	struct krb_call c = { .realm = REALM, .client = who->name,
	    .spn = spn, .offered = etypes_windows, .ticket_etype = etype,
	    .reply_etype = 18, .nonce = (uint32_t)rng_next(&w->rng) >> 1 };
	struct buf ask = { 0 }, answer = { 0 };
	uint16_t port = next_port(w);

	if (live) {
		krb_tgs_req(&ask, &w->rng, &c);
		krb_tgs_rep(&answer, &w->rng, &c);
		one_call(w, time_us, client, port, &ask, &answer);
	}
	log_ticket(w, time_us + 2000, who, service, client, port, etype);
	buf_free(&ask);
	buf_free(&answer);
}

/* ---- everyday life ---- */

/* a person starts work: ticket, logon script share, file share */
static void
morning(struct world *w, int64_t time_us, unsigned n, int live)
{
	static const struct account fs01 = { "FS01$", 1201 };
	const struct account *who = &people[n];
	struct logon l = { &w->dc, who, IP_CLIENT(1 + n), next_port(w), NULL,
	    w->logon_id += 0x1d3 };

	get_tgt(w, time_us, l.ip, who, live);
	get_ticket(w, time_us + SEC(1), l.ip, who, "ldap/dc01.corp.example",
	    &dc_machine, 18, live);
	log_on(w, time_us + SEC(2), &l);
	log_share(time_us + SEC(2) + 9000, &l, "SYSVOL",
	    "\\??\\C:\\Windows\\SYSVOL\\sysvol");
	log_file(time_us + SEC(2) + 12000, &l, "SYSVOL",
	    "\\??\\C:\\Windows\\SYSVOL\\sysvol", "corp.example\\Policies\\"
	    "{31B2F340-016D-11D2-945F-00C04FB984F9}\\gpt.ini");
	log_off(time_us + SEC(14), &l);
	get_ticket(w, time_us + SEC(20), l.ip, who, "cifs/fs01.corp.example",
	    &fs01, 18, live);
	l.log = &w->fs;
	l.id = w->logon_id += 0x1d3;
	log_on(w, time_us + SEC(21), &l);
	log_share(time_us + SEC(21) + 4000, &l, "Public",
	    "\\??\\D:\\Shares\\Public");
	log_file(time_us + SEC(21) + 8000, &l, "Public",
	    "\\??\\D:\\Shares\\Public", "forms\\permit-2022.docx");
	log_off(time_us + MINUTES(15), &l);
}

static void
machine_renewal(struct world *w, int64_t time_us, unsigned n, int live)
{
	uint32_t ip = n < 6 ? IP_FS(1 + n) : IP_CLIENT(n - 5);

	get_tgt(w, time_us, ip, &machines[n], live);
	get_ticket(w, time_us + SEC(1), ip, &machines[n],
	    "cifs/dc01.corp.example", &dc_machine, 18, live);
}

static void
web_server_day(struct world *w, int64_t time_us)
{
	static const char services[] = "C:\\Windows\\System32\\services.exe";

	log_process(w, time_us, SYSTEM, "WEB01$",
	    "C:\\Windows\\System32\\svchost.exe",
	    "C:\\Windows\\System32\\svchost.exe -k netsvcs -p", services);
	log_process(w, time_us + MINUTES(61), SYSTEM, "WEB01$",
	    "C:\\Windows\\System32\\taskhostw.exe", "taskhostw.exe",
	    "C:\\Windows\\System32\\svchost.exe");
}

void
domain_background(struct world *w, int64_t from_us, int64_t until_us)
{
	unsigned day = 0, i, live;
	int64_t day_us;
	struct civil c;

	log_process(w, from_us + MINUTES(4), SYSTEM, "WEB01$",
	    "C:\\Program Files\\Apache Software Foundation\\Tomcat 9.0\\bin"
	    "\\Tomcat9.exe", "\"C:\\Program Files\\Apache Software Foundation"
	    "\\Tomcat 9.0\\bin\\Tomcat9.exe\" //RS//Tomcat9",
	    "C:\\Windows\\System32\\services.exe");
	for (day_us = from_us; day_us < until_us; day_us += DAYS(1), day++) {
		c = civil_of(day_us);
		live = day % 8 == 1;
		web_server_day(w, day_us + HOURS(1) +
		    SEC(rng_below(&w->rng, 900)));
		machine_renewal(w, day_us + HOURS(3) + SEC(rng_below(
		    &w->rng, 3000)), day % 9, (int)live);
		if (c.weekday == 0 || c.weekday == 6)
			continue;
		for (i = 0; i < 2; i++)
			morning(w, day_us + MINUTES(5) + SEC(rng_below(
			    &w->rng, 5400)), (day + i * 3) % 6, (int)live);
	}
}

/* ---- the intruder ---- */

static const char tomcat[] = "C:\\Program Files\\Apache Software Foundation\\"
    "Tomcat 9.0\\bin\\Tomcat9.exe";
static const char cmd[] = "C:\\Windows\\System32\\cmd.exe";

void
domain_host_enumeration(struct world *w, int64_t time_us)
{
	static const char *const commands[][2] = {
		{ "whoami.exe", "whoami /all" },
		{ "ipconfig.exe", "ipconfig /all" },
		{ "systeminfo.exe", "systeminfo" },
		{ "tasklist.exe", "tasklist /svc" },
		{ "net.exe", "net user /domain" },
		{ "nltest.exe", "nltest /dclist:corp.example" }
	};
	char image[96], line[96];
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		time_us += SEC(rng_range(&w->rng, 20, 90));
		snprintf(line, sizeof(line), "cmd.exe /c %s", commands[i][1]);
		log_process(w, time_us, "S-1-5-19", "LOCAL SERVICE", cmd,
		    line, tomcat);
		snprintf(image, sizeof(image), "C:\\Windows\\System32\\%s",
		    commands[i][0]);
		log_process(w, time_us + 40000, "S-1-5-19", "LOCAL SERVICE",
		    image, commands[i][1], cmd);
	}
}

void
domain_tunnel_process(struct world *w, int64_t time_us)
{
	log_process(w, time_us, "S-1-5-19", "LOCAL SERVICE", cmd,
	    "cmd.exe /c start /b C:\\PerfLogs\\wsvc64.exe -c config.json",
	    tomcat);
	log_process(w, time_us + 52000, "S-1-5-19", "LOCAL SERVICE",
	    "C:\\PerfLogs\\wsvc64.exe",
	    "C:\\PerfLogs\\wsvc64.exe -c config.json", cmd);
}

void
domain_failed_service_account(struct world *w, int64_t time_us)
{
	uint16_t port = next_port(w);
	char ip[16], text[32];
	const char *v[] = { NOBODY, "-", "-", "0x0", NOBODY, svc_app.name,
	    DOMAIN, "0xc000006d", "%%2313", "0xc000006a", "3", "NtLmSsp ",
	    "NTLM", stranger, "-", "-", "0", "0x0", "-",
	    ip_text(IP_WEB, ip), number_text(port, "%u", text) };

	log_ntlm(w, time_us, &svc_app, stranger, "0xc000006a");
	evtxw_add(&w->fs, time_us + 3000, &k4625, FAILURE, v);
	log_ntlm(w, time_us + SEC(41), &svc_app, stranger, "0xc000006a");
}

void
domain_kerberoast(struct world *w, int64_t time_us)
{
	size_t i;

	get_tgt(w, time_us, IP_WEB, &svc_app, 1);
	for (i = 0; i < ROASTED; i++) {
		time_us += rng_range(&w->rng, 180000, 900000);
		get_ticket(w, time_us, IP_WEB, &svc_app, roasted[i].spn,
		    &roasted[i].account, 23, 1);
	}
}

static void
ldap_step(struct tcp *t, struct buf *ask, struct buf *answer)
{
	tcp_send(t, 0, ask);
	tcp_wait(t, 900);
	tcp_send(t, 1, answer);
	tcp_wait(t, 150000);
	ask->len = answer->len = 0;
}

static void
ldap_searches(struct tcp *t)
{
	static const char base[] = "DC=corp,DC=example";
	static const struct {
		const char *object_class, *present, *dn, *value;
	} searches[] = {
		{ "user", "servicePrincipalName",
		    "CN=svc_sql01,OU=Service,DC=corp,DC=example",
		    "MSSQLSvc/sql01.corp.example:1433" },
		{ "user", "adminCount",
		    "CN=Administrator,CN=Users,DC=corp,DC=example", "1" },
		{ "trustedDomain", "trustPartner",
		    "CN=partner.example,CN=System,DC=corp,DC=example",
		    "partner.example" },
		{ "groupPolicyContainer", "gPCFileSysPath",
		    "CN={31B2F340-016D-11D2-945F-00C04FB984F9},CN=Policies,"
		    "CN=System,DC=corp,DC=example",
		    "\\\\corp.example\\sysvol\\corp.example\\Policies" }
	};
	struct buf ask = { 0 }, answer = { 0 };
	size_t i;

	for (i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
		ldap_search(&ask, (int)i + 3, base, searches[i].object_class,
		    searches[i].present);
		ldap_entry(&answer, (int)i + 3, searches[i].dn,
		    searches[i].present, searches[i].value);
		ldap_search_done(&answer, (int)i + 3);
		ldap_step(t, &ask, &answer);
	}
	buf_free(&ask);
	buf_free(&answer);
}

/* names of servers by reverse look-up, then the directory */
void
domain_enumeration(struct world *w, int64_t time_us)
{
	struct buf ask = { 0 }, answer = { 0 }, token = { 0 };
	struct logon l = { &w->dc, &svc_app, IP_WEB, next_port(w), stranger,
	    w->logon_id += 0x211 };
	char name[64], target[64];
	struct tcp t;
	unsigned i;

	net_dns(w, time_us, IP_WEB, "_ldap._tcp.dc._msdcs.corp.example",
	    DNS_SRV, "389 dc01.corp.example");
	for (i = 1; i <= 30; i++) {
		snprintf(name, sizeof(name), "%u.0.20.10.in-addr.arpa", i);
		snprintf(target, sizeof(target), "fs%02u.corp.example",
		    i - 20);
		net_dns(w, time_us + SEC(4) + i * 210000, IP_WEB, name,
		    DNS_PTR, i > 20 && i < 27 ? target : i == 10 ?
		    "web01.corp.example" : "");
	}
	time_us += SEC(30);
	tcp_open(&t, &w->net, time_us, IP_WEB, l.port, IP_DC, 389, 400, 500);
	ntlm_negotiate(&token);
	ldap_bind(&ask, 1, &token);
	token.len = 0;
	ntlm_challenge(&token, &w->rng, "DC01", DOMAIN);
	ldap_bind_done(&answer, 1, 14, &token);
	ldap_step(&t, &ask, &answer);
	token.len = 0;
	ntlm_authenticate(&token, &w->rng, DOMAIN, svc_app.name, stranger);
	ldap_bind(&ask, 2, &token);
	ldap_bind_done(&answer, 2, 0, NULL);
	ldap_step(&t, &ask, &answer);
	log_ntlm(w, time_us + 300000, &svc_app, stranger, "0x0");
	log_on(w, time_us + 302000, &l);
	ldap_searches(&t);
	tcp_close(&t, 0);
	log_off(t.time_us, &l);
	buf_free(&ask);
	buf_free(&answer);
	buf_free(&token);
}

static void
smb_step(struct tcp *t, struct buf *ask, struct buf *answer)
{
	tcp_send(t, 0, ask);
	tcp_send(t, 1, answer);
	tcp_wait(t, 12000);
	ask->len = answer->len = 0;
}

static const struct {
	const char *file, *text;
} bms_files[] = {
	{ "BMS\\config\\controllers.ini", "[ahu-01]\r\naddress=10.20.0.141"
	    "\r\nprotocol=bacnet\r\npoll=30\r\n[ahu-02]\r\naddress=10.20.0."
	    "142\r\nprotocol=bacnet\r\npoll=30\r\n" },
	{ "BMS\\config\\database.ini", "server=sql02.corp.example\r\n"
	    "catalog=bms\r\nuser=bms_reader\r\npassword=not-shown\r\n" },
	{ "BMS\\manuals\\access-control.txt", "Access control, floor plan "
	    "and door groups.\r\nThis copy is part of an example.\r\n" }
};

static void
read_bms_files(struct tcp *t, struct smb *s, struct buf *ask,
    struct buf *answer, const struct logon *l)
{
	uint32_t size;
	size_t i;

	for (i = 0; i < sizeof(bms_files) / sizeof(bms_files[0]); i++) {
		size = (uint32_t)strlen(bms_files[i].text);
		smb_create(s, ask, answer, bms_files[i].file, size, SMB_OK);
		smb_step(t, ask, answer);
		smb_read(s, ask, answer, bms_files[i].text);
		smb_step(t, ask, answer);
		smb_close(s, ask, answer, size);
		smb_step(t, ask, answer);
		if (l->log != NULL)
			log_file(t->time_us - 9000, l, "C$", "\\??\\C:\\",
			    bms_files[i].file);
	}
}

/* one server: log on, C$, its files, then ADMIN$ */
static void
mount_one(struct world *w, int64_t time_us, unsigned n)
{
	struct smb s = { .rng = &w->rng, .process_id = 0xfeff };
	struct buf ask = { 0 }, answer = { 0 };
	struct logon l = { n == 1 ? &w->fs : NULL, &svc_app, IP_WEB,
	    next_port(w), stranger, w->logon_id += 0x2a7 };
	enum smb_status admin = n % 3 == 0 ? SMB_DENIED : SMB_OK;
	char server[16], path[64], ip[16];
	struct tcp t;

	snprintf(server, sizeof(server), "FS%02u", n);
	ip_text(IP_FS(n), ip);
	tcp_open(&t, &w->net, time_us, IP_WEB, l.port, IP_FS(n), 445, 300,
	    400);
	smb_negotiate(&s, &ask, &answer);
	smb_step(&t, &ask, &answer);
	smb_setup1(&s, &ask, &answer, server, DOMAIN);
	smb_step(&t, &ask, &answer);
	smb_setup2(&s, &ask, &answer, DOMAIN, svc_app.name, stranger);
	smb_step(&t, &ask, &answer);
	log_ntlm(w, t.time_us - 11000, &svc_app, stranger, "0x0");
	if (l.log != NULL)
		log_on(w, t.time_us - 10000, &l);
	snprintf(path, sizeof(path), "\\\\%s\\C$", ip);
	smb_tree(&s, &ask, &answer, path, SMB_OK);
	smb_step(&t, &ask, &answer);
	if (l.log != NULL)
		log_share(t.time_us - 10000, &l, "C$", "\\??\\C:\\");
	read_bms_files(&t, &s, &ask, &answer, &l);
	smb_tree_off(&s, &ask, &answer);
	smb_step(&t, &ask, &answer);
	snprintf(path, sizeof(path), "\\\\%s\\ADMIN$", ip);
	smb_tree(&s, &ask, &answer, path, admin);
	smb_step(&t, &ask, &answer);
	if (l.log != NULL)
		log_share(t.time_us - 10000, &l, "ADMIN$",
		    "\\??\\C:\\Windows");
	if (admin == SMB_OK) {
		smb_create(&s, &ask, &answer, "debug\\netsetup.log", 0,
		    SMB_DENIED);
		smb_step(&t, &ask, &answer);
	}
	smb_log_off(&s, &ask, &answer);
	smb_step(&t, &ask, &answer);
	if (l.log != NULL)
		log_off(t.time_us, &l);
	tcp_close(&t, 0);
	buf_free(&ask);
	buf_free(&answer);
}

/* the six servers of the DMZ open; the firewall drops what goes inward */
void
domain_mount_shares(struct world *w, int64_t time_us)
{
	unsigned n;

	for (n = 1; n <= 6; n++) {
		mount_one(w, time_us, n);
		time_us += SEC(rng_range(&w->rng, 15, 50));
	}
	for (n = 0; n < 4; n++) {
		net_syn_unanswered(&w->net, time_us, IP_WEB, next_port(w),
		    IP4(10, 10, 0, 31 + n), 445);
		time_us += SEC(5);
	}
}

void
domain_pack(struct world *w, int64_t time_us)
{
	log_process(w, time_us, "S-1-5-19", "LOCAL SERVICE", cmd,
	    "cmd.exe /c tar -cf C:\\PerfLogs\\b.tar C:\\PerfLogs\\b", tomcat);
	log_process(w, time_us + 47000, "S-1-5-19", "LOCAL SERVICE",
	    "C:\\Windows\\System32\\tar.exe",
	    "tar -cf C:\\PerfLogs\\b.tar C:\\PerfLogs\\b", cmd);
}
