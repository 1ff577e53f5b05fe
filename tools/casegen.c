/* SPDX-License-Identifier: Apache-2.0 */
/*
 * casegen: writes examples/case-study-1, an inert retelling of the first case
 * of joint advisory AA24-190A: packets, Windows events, an access log and a
 * web root that tell the same story with the same times and addresses.
 *
 *	casegen OUTDIR
 *
 * The same binary writes the same octets every time, on every machine: the
 * clock is never asked and all chance comes from one fixed seed.
 * Inert: no exploit leads anywhere, the "web shell" is a comment, and every
 * ciphertext, key and ticket is random octets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/case.h"

#define SEED	0xaa24190aaa24190au

/* steps 1 to 6: the web application */
static void
tell_july_web(struct world *w)
{
	int64_t t;

	net_front_tls(w, utc(2022, 7, 11, 9, 14, 22));
	web_front_page(w, utc(2022, 7, 11, 9, 17, 40));
	web_path_walk(w, utc(2022, 7, 12, 2, 31, 5));
	web_log4shell_probe(w, utc(2022, 7, 12, 2, 58, 47));
	web_upload(w, utc(2022, 7, 13, 3, 12, 9), IP_ROUTER);
	web_upload(w, utc(2022, 7, 13, 3, 19, 31), IP_SECOND);
	t = utc(2022, 7, 13, 3, 24, 0);
	web_shell(w, t, IP_ROUTER, 14, MINUTES(35));
	domain_host_enumeration(w, t + MINUTES(2));
	web_shell(w, utc(2022, 7, 13, 4, 40, 12), IP_SECOND, 9, MINUTES(20));
	web_stolen_login(w, utc(2022, 7, 14, 1, 47, 3));
	web_shell(w, utc(2022, 7, 14, 2, 2, 11), IP_ROUTER, 12, HOURS(2));
	web_shell(w, utc(2022, 7, 16, 3, 33, 50), IP_ROUTER, 8, HOURS(1));
	domain_failed_service_account(w, utc(2022, 7, 16, 3, 41, 10));
}

/* steps 7 to 10: the tunnel, tickets and the directory */
static void
tell_july_domain(struct world *w)
{
	static const struct burst bursts[] = {
		{ MINUTES(18), 900, 1400 },
		{ MINUTES(59) + SEC(50), 2400, 17000 },
		{ MINUTES(100) - SEC(1), 5200, 9000 },
		{ MINUTES(100) + SEC(31), 1700, 5100 },
		{ MINUTES(163), 800, 2600 }
	};
	int64_t t = utc(2022, 7, 17, 1, 40, 0);

	web_shell(w, t - MINUTES(6), IP_ROUTER, 5, MINUTES(8));
	domain_tunnel_process(w, t - SEC(2));
	net_ssf_session(w, t, HOURS(4), bursts, sizeof(bursts) /
	    sizeof(bursts[0]));
	domain_kerberoast(w, t + HOURS(1));
	domain_enumeration(w, t + MINUTES(100));
}

/* steps 11 to 14: shares, files, the way out */
static void
tell_august(struct world *w)
{
	static const struct burst bursts[] = {
		{ MINUTES(49) + SEC(55), 3100, 2200 },
		{ MINUTES(50) + SEC(40), 7400, 11000 },
		{ MINUTES(52), 6900, 9700 },
		{ MINUTES(53) + SEC(30), 5100, 6400 },
		{ MINUTES(96), 600, 300 },
		{ MINUTES(96) + SEC(9), 400, 614400 }
	};
	int64_t t = utc(2022, 8, 9, 0, 30, 0);

	web_shell(w, t - MINUTES(5), IP_SECOND, 4, MINUTES(6));
	domain_tunnel_process(w, t - SEC(2));
	net_ssf_session(w, t, HOURS(3), bursts, sizeof(bursts) /
	    sizeof(bursts[0]));
	domain_mount_shares(w, t + MINUTES(50));
	domain_pack(w, t + MINUTES(95) + SEC(40));
}

static const char readme[] =
"Case study 1, retold: an example for `picket hunt`\n"
"\n"
"Made by tools/casegen.c of this project; nothing here was ever recorded.\n"
"It follows the first case of joint advisory AA24-190A (July to August 2022)\n"
"with invented names. It is inert: the web shell is a comment, the probe\n"
"leads nowhere, keys, tickets and ciphertexts are random octets. Addresses\n"
"are of documentation and private ranges, names of .example domains.\n"
"\n"
"capture.pcap         taps at the perimeter, in the DMZ and at the domain\n"
"                     controller, merged; a sample, so it holds only part of\n"
"                     the harmless traffic but all of the intruder's\n"
"access.log           web server permits.example.org, combined format\n"
"Security-DC01.evtx   domain controller\n"
"Security-FS01.evtx   file server 10.20.0.21\n"
"Security-WEB01.evtx  the web server's own process events\n"
"webroot/             its files; app/uploads/img_0712.jsp marks the shell\n"
"\n"
"203.0.113.77         home router that the intruder came through\n"
"198.51.100.23        the intruder's second address\n"
"192.0.2.10           web server WEB01, public side\n"
"10.20.0.10           web server WEB01, DMZ side\n"
"10.20.0.12           Linux host in the DMZ (weekly SSH from 10.10.0.50)\n"
"10.20.0.21 .. .26    file servers FS01 .. FS06 in the DMZ\n"
"10.10.0.5            domain controller DC01 of CORP.EXAMPLE\n"
"10.10.0.31 .. .34    servers behind the inner firewall: SMB is dropped\n"
"10.10.0.101 .. .106  staff\n"
"198.51.100.128/25    visitors of the site\n"
"\n"
"What happened (UTC)\n"
"2022-07-11 09:14     front page over TLS and HTTP from the router (T1190)\n"
"2022-07-12 02:31     62 paths in two minutes, most of them absent (T1594)\n"
"2022-07-12 02:58     one disguised Log4Shell probe: 404, no call-back\n"
"2022-07-13 03:12     upload of img_0712.jsp; second address follows (T1190)\n"
"2022-07-13 03:24     the shell is used, POST only, for days (T1505.003)\n"
"2022-07-13 03:26     commands run below Tomcat (T1082)\n"
"2022-07-14 01:47     log-in to the application as m.keller (T1078)\n"
"2022-07-16 03:41     service account svc_app fails from DESKTOP-7Q2\n"
"2022-07-17 01:40     tunnel out: Secure Socket Funneling by its TLS shape\n"
"                     (T1572), four hours, keep-alive every 120 s\n"
"2022-07-17 02:40     eight RC4 service tickets for svc_app (T1558.003)\n"
"2022-07-17 03:20     reverse look-ups and directory searches (T1018, T1482)\n"
"2022-08-09 00:30     the tunnel is back\n"
"2022-08-09 01:20     C$ and ADMIN$ of six servers, files of the building\n"
"                     management read (T1021.002, T1039); four servers\n"
"                     inside do not answer\n"
"2022-08-09 02:05     tar (T1560.001)\n"
"2022-08-09 02:06     600 kB leave over the tunnel (T1041)\n";

static int
write_all(struct world *w, const char *dir)
{
	char path[4096];
	size_t i;
	const struct {
		const char *name;
		struct evtxw *log;
	} logs[] = {
		{ "Security-DC01.evtx", &w->dc },
		{ "Security-FS01.evtx", &w->fs },
		{ "Security-WEB01.evtx", &w->web }
	};

	if (mkdir(dir, 0777) != 0 && errno != EEXIST)
		return -1;
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, logs[i].name);
		if (evtxw_write(logs[i].log, path) != 0)
			return -1;
	}
	snprintf(path, sizeof(path), "%s/capture.pcap", dir);
	if (net_write(&w->net, path) != 0)
		return -1;
	if (web_write_log(w, dir) != 0 || web_write_root(dir) != 0)
		return -1;
	return write_file(dir, "README.txt", readme, sizeof(readme) - 1);
}

int
main(int argc, char **argv)
{
	struct world w = {
		.rng = { SEED },
		.dc = { "DC01.corp.example", 118203, NULL, 0, 0 },
		.fs = { "FS01.corp.example", 45117, NULL, 0, 0 },
		.web = { "WEB01.corp.example", 20991, NULL, 0, 0 },
		.port = 49152,
		.logon_id = 0x3a1f04
	};
	int64_t from = utc(2022, 7, 11, 0, 0, 0);
	int64_t until = utc(2022, 8, 13, 0, 0, 0);
	int rc = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: casegen OUTDIR\n");
		return 2;
	}
	net_init(&w.net, SEED ^ 1);
	ssf_keys_make(&w.keys, &w.rng);
	web_background(&w, from, until);
	domain_background(&w, from, until);
	net_background(&w, from, until);
	tell_july_web(&w);
	tell_july_domain(&w);
	tell_august(&w);
	if (write_all(&w, argv[1]) != 0) {
		fprintf(stderr, "casegen: %s: %s\n", argv[1],
		    strerror(errno));
		rc = 1;
	}
	ssf_keys_free(&w.keys);
	net_free(&w.net);
	return rc;
}
