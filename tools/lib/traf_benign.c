/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_benign: what an honest network of a few hundred people does, by role.
 * Chosen so that it has what detectors must not take for intruders: fixed
 * periods (updates, monitoring, NTP), long conversations (IMAP, VPN, calls),
 * large uploads (backup, cloud), middle boxes whose flows belong together
 * (resolver, mail hub, reverse and forward proxy, bastion, NAT), and single
 * probes from everywhere at public addresses.
 *
 * Workstations work by the hour of the day; people's gaps are heavy-tailed.
 */
#include <string.h>

#include "traf.h"

/* ---- people ---- */

/* how much people do at this hour; the mean of a day is about 0.45 */
static double
busy(int64_t time_us)
{
	static const double hours[24] = {
		.05, .03, .03, .03, .03, .05, .15, .45, .9, 1, 1, .95,
		.7, .9, 1, 1, .95, .8, .5, .35, .3, .25, .15, .1
	};
	int64_t s = time_us / 1000000;
	int day = (int)((s / 86400 + 4) % 7);	/* 1970-01-01: Thursday */

	return hours[s / 3600 % 24] * (day == 0 || day == 6 ? 0.3 : 1);
}

/* idle for a pause of the mean at full work */
static void
pause_people(struct actor *a, const struct traf *t, double mean_s)
{
	double gap = rnd_pareto(&a->rng, mean_s / 3, 1.5, 40000);

	a->next_us += US(gap / busy(a->next_us) / t->intensity) + 1000;
}

static uint32_t
router_of(uint32_t host)
{
	return (host & 0xffffff00u) | 1;
}

/* asks its router, which asks the resolver outside now and then */
static void
look_up(struct traf *t, struct actor *a, unsigned site)
{
	struct flow f;
	char name[64], answer[20];
	uint32_t ip = addr_site(site), router = router_of(a->a);
	int64_t now = a->next_us;

	snprintf(answer, sizeof(answer), "%u.%u.%u.%u", ip >> 24,
	    ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	site_name(site, name);
	flow_dns(&f, a, a->a, router, name, rnd(&a->rng) < .3 ? 28 : 1,
	    answer);
	if (f.qtype == 28)
		f.second[0] = '\0';
	if (rnd(&a->rng) < .35) {
		struct flow up;

		a->next_us += 300;
		flow_dns(&up, a, router, IP_RESOLVER, name, f.qtype,
		    f.second);
		f.len_us = up.len_us + 700;
		traf_flow(t, &f);
		traf_flow(t, &up);
	} else {
		traf_flow(t, &f);
	}
	a->next_us = now;
}

/* one page: some connections to a few servers */
static void
step_browse(struct traf *t, struct actor *a)
{
	unsigned n = (unsigned)rnd_pareto(&a->rng, 1, 1.1, 24);
	unsigned site = rnd_zipf(&a->rng, t->sites), i, now;
	int64_t begin = a->next_us;
	char name[64];
	struct flow f;

	for (i = 0; i < n; i++) {
		now = i < 3 ? site : (site * 31 + i / 3) % t->sites;
		a->next_us = begin + US(rnd_exp(&a->rng, 0.4) * i / 2.0);
		if (i == 0 || i % 3 == 0)
			look_up(t, a, now);
		a->next_us += US(rnd_between(&a->rng, .02, .08));
		flow_tcp(&f, a, a->a, addr_site(now), 443);
		f.app = rnd(&a->rng) < .96 ? APP_TLS : APP_HTTP;
		if (f.app == APP_HTTP)
			f.dport = 80;
		if (rnd(&a->rng) < .3) {	/* QUIC */
			f.proto = PROTO_UDP;
			f.app = APP_NONE;
			f.dport = 443;
		}
		snprintf(f.name, sizeof(f.name), "%s", site_name(now, name));
		snprintf(f.second, sizeof(f.second), "/p/%u", i);
		f.up = (uint64_t)rnd_lognormal(&a->rng, 1900, .8);
		f.down = (uint64_t)rnd_pareto(&a->rng, 2500, 1.05, 5e7);
		f.len_us = US(rnd_lognormal(&a->rng, 8, 1.5) + .05);
		if (rnd(&a->rng) < .01)
			f.end = END_RESET;
		traf_flow(t, &f);
	}
	a->next_us = begin;
	pause_people(a, t, 90);
}

/* n[0]: site, n[1]: period in seconds; one long link that polls, pushes */
static void
step_cloud(struct traf *t, struct actor *a)
{
	struct flow f;
	double len = rnd_lognormal(&a->rng, 1800, .8);

	flow_tcp(&f, a, a->a, addr_site((unsigned)a->n[0]), 443);
	f.app = APP_TLS;
	snprintf(f.name, sizeof(f.name), "sync.example.net");
	f.up = (uint64_t)(rnd_pareto(&a->rng, 4000, .9, 4e7) * .6);
	f.down = (uint64_t)rnd_pareto(&a->rng, 9000, .9, 8e7);
	f.len_us = US(len);
	traf_flow(t, &f);
	a->next_us += US(len + rnd_between(&a->rng, 1, 60) /
	    busy(a->next_us));
}

/* n[0]: site, n[1]: period in seconds, fixed; small answers, rarely large */
static void
step_updates(struct traf *t, struct actor *a)
{
	struct flow f;

	look_up(t, a, (unsigned)a->n[0]);
	a->next_us += 30000;
	flow_tcp(&f, a, a->a, addr_site((unsigned)a->n[0]), 443);
	f.app = APP_TLS;
	snprintf(f.name, sizeof(f.name), "update.example.net");
	f.up = 900 + rng_below(&a->rng, 200);
	f.down = rnd(&a->rng) < .02 ?
	    (uint64_t)rnd_pareto(&a->rng, 2e6, 1, 3e8) :
	    4200 + rng_below(&a->rng, 1400);
	f.len_us = US(rnd_lognormal(&a->rng, .3, .5));
	traf_flow(t, &f);
	a->next_us += US((double)a->n[1] * rnd_between(&a->rng, .98, 1.02));
}

static void
step_mail_client(struct traf *t, struct actor *a)
{
	struct flow f;
	double len = rnd_lognormal(&a->rng, 1500, .3);

	flow_tcp(&f, a, a->a, IP_MAIL, 993);
	f.app = APP_TLS;
	snprintf(f.name, sizeof(f.name), "mail.corp.example");
	f.len_us = US(len);
	f.shape = (struct shape){ .seed = rng_next(&a->rng),
	    .own = f.shape.own, .len_us = f.len_us, .gap_ms = 120000,
	    .up = 90, .down = 300, .kind = SHAPE_POLL, .ratio = 1 };
	f.down = (uint64_t)rnd_pareto(&a->rng, 5000, 1, 2e7);
	traf_flow(t, &f);
	a->next_us += US(len + rnd_exp(&a->rng, 5 / busy(a->next_us)));
}

static void
step_domain(struct traf *t, struct actor *a)
{
	static const char *const spns[] = { "cifs/files.corp.example",
	    "ldap/dc1.corp.example", "HTTP/app.corp.example",
	    "host/files.corp.example" };
	bool first = a->n[0]++ % 12 == 0;
	struct flow f;

	flow_tcp(&f, a, a->a, IP_DC1, 88);
	f.app = first ? APP_KRB_AS : APP_KRB_TGS;
	snprintf(f.name, sizeof(f.name), "user%u/CORP.EXAMPLE",
	    a->a & 0xffffff);
	snprintf(f.second, sizeof(f.second), "%s", first ?
	    "krbtgt/CORP.EXAMPLE" : spns[rng_below(&a->rng, 4)]);
	f.etype = 18;
	f.up = 1480;
	f.down = 1530;
	f.len_us = US(rnd_lognormal(&a->rng, .002, .3));
	if (first && rnd(&a->rng) < .06)
		f.code = 24;		/* mistyped */
	traf_flow(t, &f);
	a->next_us += 4000;
	flow_tcp(&f, a, a->a, first ? IP_DC1 : IP_FILES, first ? 389 : 445);
	f.app = first ? APP_LDAP : APP_SMB_TREE;
	snprintf(f.name, sizeof(f.name), "\\\\files.corp.example\\%s",
	    rnd(&a->rng) < .7 ? "home" : "projects");
	f.up = (uint64_t)rnd_pareto(&a->rng, 2600, 1.1, 5e7);
	f.down = (uint64_t)rnd_pareto(&a->rng, 6000, .95, 3e8);
	f.len_us = US(rnd_lognormal(&a->rng, first ? .2 : 60, 1));
	traf_flow(t, &f);
	pause_people(a, t, 900);
}

/* calls over the telephone exchange; meetings with the outside */
static void
step_calls(struct traf *t, struct actor *a)
{
	bool meeting = rnd(&a->rng) < .3;
	double len = rnd_lognormal(&a->rng, meeting ? 1500 : 150, .8);
	struct flow f;

	flow_udp(&f, a, a->a, meeting ?
	    addr_site(7 + rng_below(&a->rng, 12)) : IP_PBX,
	    meeting ? 3478 : 10000 + rng_below(&a->rng, 9999));
	f.app = APP_RTP;
	f.len_us = US(len);
	f.up_pkts = (uint64_t)(len * (meeting ? 130 : 50)) + 1;
	f.down_pkts = f.up_pkts;
	f.up = f.up_pkts * (meeting ? 700 : 172);
	f.down = f.down_pkts * (meeting ? 900 : 172);
	traf_flow(t, &f);
	a->next_us += US(len);
	pause_people(a, t, 9000);
}

static void
step_video(struct traf *t, struct actor *a)
{
	double len = rnd_lognormal(&a->rng, 420, 1);
	struct flow f;
	char name[64];
	unsigned site = 20 + rng_below(&a->rng, 6);

	look_up(t, a, site);
	flow_tcp(&f, a, a->a, addr_site(site), 443);
	f.app = APP_TLS;
	snprintf(f.name, sizeof(f.name), "%s", site_name(site, name));
	f.len_us = US(len);
	f.down = (uint64_t)(len * rnd_between(&a->rng, 150e3, 700e3));
	f.up = f.down / 90;
	traf_flow(t, &f);
	a->next_us += US(len);
	pause_people(a, t, 20000);
}

/* ---- machines ---- */

static void
step_register(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_udp(&f, a, a->a, IP_PBX, 5060);
	f.sport = 5060;
	f.app = APP_SIP;
	f.up = 720;
	f.down = 540;
	f.len_us = 4000;
	traf_flow(t, &f);
	a->next_us += US(rnd_between(&a->rng, 290, 300));
}

/* a router for itself: NTP, the vendor's update check, DHCP, VPN */
static void
step_ntp(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_udp(&f, a, a->a, IP_NTP, 123);
	f.sport = 123;
	f.app = APP_NTP;
	f.up = f.down = 48;
	f.len_us = 21000;
	traf_flow(t, &f);
	a->next_us += US(1024 + rnd_between(&a->rng, -4, 4));
}

static void
step_firmware(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, IP_VENDOR, 443);
	f.app = APP_TLS;
	snprintf(f.name, sizeof(f.name), "firmware.vendor.example");
	f.up = 700;
	f.down = 3900;
	f.len_us = US(.4);
	traf_flow(t, &f);
	a->next_us += US(86400 * rnd_between(&a->rng, .95, 1.05));
}

static void
step_vpn(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_udp(&f, a, a->a, IP_VPN, 4500);
	f.sport = 4500;
	f.len_us = US(3600);
	f.shape = (struct shape){ .seed = rng_next(&a->rng),
	    .own = f.shape.own, .len_us = f.len_us, .gap_ms = 20000,
	    .up = 29, .down = 29, .kind = SHAPE_POLL, .ratio = 1 };
	traf_flow(t, &f);
	a->next_us += US(3600.5);
}

static void
step_dhcp(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_udp(&f, a, a->a, router_of(a->a), 67);
	f.sport = 68;
	f.app = APP_DHCP;
	f.up = f.down = 300;
	f.len_us = 3000;
	traf_flow(t, &f);
	a->next_us += US(43200);
}

/* mail comes to the exchanger, which hands it on to the store; and out */
static void
step_mail(struct traf *t, struct actor *a)
{
	bool out = rnd(&a->rng) < .3;
	struct flow f;

	flow_tcp(&f, a, out ? IP_MAIL :
	    addr_site(2000 + rnd_zipf(&a->rng, 3000)), IP_MX, 25);
	f.app = APP_SMTP;
	snprintf(f.name, sizeof(f.name), "mx%u.example.net",
	    rng_below(&a->rng, 3000));
	snprintf(f.second, sizeof(f.second), "person@example.net");
	f.up = (uint64_t)rnd_pareto(&a->rng, 4000, 1, 2e7);
	f.down = 600;
	f.len_us = US(rnd_lognormal(&a->rng, 1.5, .8));
	traf_flow(t, &f);
	a->next_us += f.len_us + US(rnd_exp(&a->rng, .4));
	f.start_us = a->next_us;
	f.src = IP_MX;
	f.dst = out ? addr_site(2000 + rnd_zipf(&a->rng, 3000)) : IP_MAIL;
	f.sport = rnd_port(&a->rng);
	f.up += 220;
	f.up_pkts = f.down_pkts = 0;
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 40 / busy(a->next_us) /
	    t->intensity));
}

/* visitors of the site; the front asks the application behind it */
static void
step_website(struct traf *t, struct actor *a)
{
	struct flow f, g;

	flow_tcp(&f, a, addr_site(6000 + rnd_zipf(&a->rng, 90000)),
	    IP_WEBSITE, 443);
	f.app = APP_TLS;
	snprintf(f.name, sizeof(f.name), "www.corp.example");
	f.up = (uint64_t)rnd_lognormal(&a->rng, 1700, .7);
	f.down = (uint64_t)rnd_pareto(&a->rng, 6000, 1.1, 4e7);
	f.len_us = US(rnd_lognormal(&a->rng, 4, 1));
	traf_flow(t, &f);
	if (rnd(&a->rng) < .5) {
		a->next_us += US(rnd_between(&a->rng, .005, .05));
		flow_tcp(&g, a, IP_WEBSITE, IP_APP, 8080);
		g.app = APP_HTTP;
		snprintf(g.name, sizeof(g.name), "app.corp.example");
		snprintf(g.second, sizeof(g.second), "/render");
		g.up = f.up - f.up / 8;
		g.down = f.down - f.down / 20;
		g.len_us = f.len_us - f.len_us / 30;
		traf_flow(t, &g);
	}
	a->next_us += US(rnd_exp(&a->rng, 6 / busy(a->next_us) /
	    t->intensity));
}

/* some clients go out through the forward proxy */
static void
step_proxy(struct traf *t, struct actor *a)
{
	unsigned site = rnd_zipf(&a->rng, t->sites);
	struct flow f, g;

	flow_tcp(&f, a, addr_server(rng_below(&a->rng, NSERVERS)), IP_PROXY,
	    3128);
	f.up = 400 + (uint64_t)rnd_lognormal(&a->rng, 2500, 1);
	f.down = (uint64_t)rnd_pareto(&a->rng, 5000, 1.1, 4e7);
	f.len_us = US(rnd_lognormal(&a->rng, 6, 1));
	traf_flow(t, &f);
	a->next_us += US(rnd_between(&a->rng, .002, .06));
	flow_tcp(&g, a, IP_PROXY, addr_site(site), 443);
	g.app = APP_TLS;
	site_name(site, g.name);
	g.up = f.up - 180;
	g.down = f.down - 39;
	g.len_us = f.len_us - US(.1);
	if (g.len_us < 1000)
		g.len_us = 1000;
	traf_flow(t, &g);
	a->next_us += US(rnd_exp(&a->rng, 30 / t->intensity));
}

/* an administrator on a server by way of the bastion */
static void
step_bastion(struct traf *t, struct actor *a)
{
	double len = rnd_lognormal(&a->rng, 900, .8);
	struct flow f, g;

	flow_tcp(&f, a, addr_host(t, rng_below(&a->rng, 3)), IP_BASTION, 22);
	f.app = APP_SSH;
	f.etype = 1;
	f.len_us = US(len);
	f.shape = (struct shape){ .seed = rng_next(&a->rng),
	    .own = f.shape.own, .len_us = f.len_us, .gap_ms = 900, .up = 60,
	    .down = 200, .kind = SHAPE_TYPED, .ratio = 1 };
	g = f;
	traf_flow(t, &f);
	g.start_us += US(rnd_between(&a->rng, 4, 30));
	g.len_us -= g.start_us - f.start_us + US(1);
	if (g.len_us > 0) {
		g.src = IP_BASTION;
		g.dst = addr_server(rng_below(&a->rng, NSERVERS));
		g.sport = rnd_port(&a->rng);
		traf_flow(t, &g);
	}
	a->next_us += f.len_us;
	pause_people(a, t, 2500);
}

/* everything behind an address translation, as seen outside; n[0]: mean
 * gap in milliseconds at full work */
static void
step_nat(struct traf *t, struct actor *a)
{
	unsigned site = rnd_zipf(&a->rng, t->sites);
	struct flow f;

	flow_tcp(&f, a, a->a, addr_site(site), 443);
	f.app = APP_TLS;
	site_name(site, f.name);
	f.up = (uint64_t)rnd_lognormal(&a->rng, 1900, .8);
	f.down = (uint64_t)rnd_pareto(&a->rng, 2500, 1.05, 5e7);
	f.len_us = US(rnd_lognormal(&a->rng, 8, 1.5));
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, (double)a->n[0] / 1000 /
	    busy(a->next_us) / t->intensity));
}

/* what a router asks for itself and for those behind it */
static void
step_resolve(struct traf *t, struct actor *a)
{
	struct flow f;
	char name[64];

	flow_dns(&f, a, a->a, IP_RESOLVER,
	    site_name(rnd_zipf(&a->rng, t->sites), name), 1, "198.18.0.9");
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 120 / busy(a->next_us)));
}

/* somebody looks at his camera or disk at home, through a forwarded port */
static void
step_camera(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, addr_site(99000 + (a->a & 1023)), a->a, 8443);
	f.app = APP_TLS;
	f.up = (uint64_t)rnd_lognormal(&a->rng, 6000, .5);
	f.down = (uint64_t)rnd_pareto(&a->rng, 2e5, 1, 1e8);
	f.len_us = US(rnd_lognormal(&a->rng, 90, .8));
	traf_flow(t, &f);
	a->next_us += f.len_us;
	pause_people(a, t, 7200);
}

/* n[0]: which server; every 60 s to the dot, as such programs do */
static void
step_watch(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_udp(&f, a, IP_WATCH, addr_server((unsigned)a->n[0]), 161);
	f.app = APP_SNMP;
	f.up = 82;
	f.down = 96 + rng_below(&a->rng, 9);
	f.len_us = 900;
	traf_flow(t, &f);
	flow_udp(&f, a, IP_WATCH, addr_server((unsigned)a->n[0]), 0);
	f.proto = PROTO_ICMP;
	f.sport = 8;
	f.up = f.down = 56;
	f.len_us = 400;
	traf_flow(t, &f);
	flow_tcp(&f, a, IP_WATCH, addr_server((unsigned)a->n[0]), 22);
	f.up = 0;
	f.down = 41;
	f.len_us = 3000;
	traf_flow(t, &f);
	a->next_us += US(60);
}

/* n[0]: which server; at night to the inside, the last also to the cloud */
static void
step_backup(struct traf *t, struct actor *a)
{
	bool cloud = a->n[0] == NSERVERS - 1;
	struct flow f;
	double len;

	flow_tcp(&f, a, addr_server((unsigned)a->n[0]), cloud ?
	    addr_site(31) : IP_BACKUP, cloud ? 443 : 8730);
	f.app = cloud ? APP_TLS : APP_NONE;
	snprintf(f.name, sizeof(f.name), "vault.example.org");
	f.up = (uint64_t)rnd_lognormal(&a->rng, cloud ? 6e8 : 3e9, .3);
	f.down = f.up / 300;
	len = (double)f.up / rnd_between(&a->rng, 8e6, 4e7);
	f.len_us = US(len);
	traf_flow(t, &f);
	a->next_us += US(86400 + rnd_between(&a->rng, -30, 30));
}

/* the noise of the Internet: single probes at public addresses */
static void
step_noise(struct traf *t, struct actor *a)
{
	static const uint16_t ports[] = { 22, 23, 80, 443, 445, 3389, 5060,
	    8080, 8443, 37215 };
	struct flow f;
	unsigned which = rng_below(&a->rng, 3);

	flow_tcp(&f, a, addr_site(100000 + rng_below(&a->rng, 29000)),
	    which == 0 ? IP_WEBSITE : which == 1 ? IP_MX : IP_NAT,
	    ports[rng_below(&a->rng, 10)]);
	f.end = rnd(&a->rng) < .7 ? END_SILENT : END_REFUSED;
	f.len_us = f.end == END_SILENT ? 0 : 200;
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 25));
}

/* ---- who does what ---- */

static void
start(struct traf *t, uint32_t who, void (*step)(struct traf *,
    struct actor *), double within_s, int64_t n0, int64_t n1)
{
	struct actor a = { .rng = { rng_next(&t->rng) }, .step = step,
	    .a = who, .n = { n0, n1 } };

	a.next_us = t->from_us + US(rnd(&a.rng) * within_s);
	traf_add(t, &a);
}

static void
start_host(struct traf *t, unsigned n)
{
	static const int periods[] = { 300, 900, 1800, 3600, 14400 };
	uint32_t ip = addr_host(t, n);

	start(t, ip, step_browse, 600, 0, 0);
	start(t, ip, step_cloud, 3600, n % 7, 0);
	start(t, ip, step_updates, 3600, 40 + n % 5,
	    periods[n % 5]);
	start(t, ip, step_updates, 14400, 50 + n % 3, 21600);
	start(t, ip, step_mail_client, 3600, 0, 0);
	start(t, ip, step_domain, 7200, 0, 0);
	start(t, ip, step_dhcp, 43200, 0, 0);
	if (n % 2 == 0) {
		start(t, ip, step_calls, 20000, 0, 0);
		start(t, ip, step_register, 300, 0, 0);
	}
	if (n % 3 == 0)
		start(t, ip, step_video, 30000, 0, 0);
}

void
benign_edge(struct traf *t, uint32_t addr, double flows_per_hour)
{
	start(t, addr, step_ntp, 1024, 0, 0);
	start(t, addr, step_firmware, 86400, 0, 0);
	start(t, addr, step_resolve, 300, 0, 0);
	if (flows_per_hour > 0)
		start(t, addr, step_nat, 3600 / flows_per_hour, (int64_t)
		    (3600e3 / flows_per_hour), 0);
}

/* innocent home routers: some have a camera or a disk that is reached */
static uint32_t
edge_n(unsigned n)
{
	return IP4(198, 19, 252, 1) + n % 510;
}

static unsigned
nedges(const struct traf *t)
{
	unsigned n = t->hosts / 8;

	return n < 4 ? 4 : n > 510 ? 510 : n;
}

void
benign_begin(struct traf *t)
{
	unsigned i;

	if (t->intensity <= 0)
		return;
	for (i = 0; i < t->hosts; i++)
		start_host(t, i);
	for (i = 0; i < traf_nrouters(t); i++) {
		start(t, addr_router(t, i), step_ntp, 1024, 0, 0);
		start(t, addr_router(t, i), step_firmware, 86400, 0, 0);
		start(t, addr_router(t, i), step_vpn, 60, 0, 0);
	}
	for (i = 0; i < nedges(t); i++) {
		benign_edge(t, edge_n(i), 30);
		if (i % 3 == 0)
			start(t, edge_n(i), step_camera, 7200, 0, 0);
	}
	for (i = 0; i < NSERVERS; i++) {
		start(t, 0, step_watch, 60, i, 0);
		start(t, 0, step_backup, 14400, i, 0);
	}
	start(t, 0, step_mail, 60, 0, 0);
	start(t, 0, step_website, 60, 0, 0);
	start(t, 0, step_proxy, 60, 0, 0);
	start(t, 0, step_bastion, 3600, 0, 0);
	start(t, IP_NAT, step_nat, 60, 4000, 0);
	start(t, 0, step_noise, 60, 0, 0);
	odd_begin(t);
}

static void
role(FILE *f, uint32_t a, const char *name)
{
	fprintf(f, "{\"type\":\"role\",\"address\":\"%u.%u.%u.%u\","
	    "\"role\":\"%s\"}\n", a >> 24, a >> 16 & 255, a >> 8 & 255,
	    a & 255, name);
}

void
benign_roles(const struct traf *t, FILE *f)
{
	static const struct { uint32_t ip; const char *name; } fixed[] = {
		{ IP_DC1, "domain-controller" }, { IP_MAIL, "mail-store" },
		{ IP_MX, "mail-relay" }, { IP_FILES, "file-server" },
		{ IP_APP, "web-application" }, { IP_WEBSITE, "web-front" },
		{ IP_BACKUP, "backup" }, { IP_WATCH, "monitoring" },
		{ IP_BASTION, "bastion" }, { IP_PROXY, "forward-proxy" },
		{ IP_PBX, "telephone-exchange" }, { IP_NAT, "nat" },
		{ IP_RESOLVER, "resolver" }, { IP_VPN, "vpn" }
	};
	unsigned i;

	if (t->intensity <= 0)
		return;
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		role(f, fixed[i].ip, fixed[i].name);
	for (i = 0; i < traf_nrouters(t); i++)
		role(f, addr_router(t, i), "router");
	for (i = 0; i < nedges(t); i++)
		role(f, edge_n(i), "home-router");
	for (i = 0; i < NSERVERS; i++)
		role(f, addr_server(i), "server");
}
