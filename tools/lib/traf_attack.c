/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_attack: theft, scans, guessing and what follows in the domain; see
 * traf.h.
 */
#include <string.h>

#include "traf_bad.h"

/* ---- theft ---- */

/* the habit of the host before: it takes more than it gives */
static void
step_habit(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, a->b, 443);
	f.app = APP_TLS;
	f.up = (uint64_t)rnd_lognormal(&a->rng, 9000, .8);
	f.down = (uint64_t)rnd_lognormal(&a->rng, 90000, 1);
	f.len_us = US(rnd_lognormal(&a->rng, 5, .7));
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 200));
}

/* n[0]: pieces left */
static void
step_exfil(struct traf *t, struct actor *a)
{
	double pieces = param(t, a, "pieces");
	double bytes = param(t, a, "volume") * 1e6 / pieces *
	    rnd_between(&a->rng, .8, 1.2);
	struct flow f;

	flow_tcp(&f, a, a->a, a->b + (uint32_t)(a->n[1]++ %
	    (int64_t)param(t, a, "turns")), (unsigned)param(t, a, "port"));
	f.app = f.dport == 443 ? APP_TLS : APP_NONE;
	f.up = (uint64_t)bytes;
	f.down = (uint64_t)(bytes / 80) + 4000;
	f.len_us = US(bytes / (param(t, a, "speed") * 1000));
	traf_flow(t, &f);
	a->next_us += f.len_us + US(rnd_exp(&a->rng, param(t, a, "pause")));
	if (--a->n[0] <= 0)
		a->next_us = NEVER;
}

void
begin_exfil(struct traf *t, struct actor *a)
{
	struct actor habit = { .rng = { rng_next(&a->rng) },
	    .step = step_habit, .next_us = a->next_us };
	unsigned of = param_word(t, a, "of");

	a->step = step_exfil;
	a->a = of == 0 ? IN(0, 2, 1 + t->victims++ % 250) :
	    of == 1 ? addr_victim(t) : addr_server(t->victims++);
	a->b = addr_intruder(t);
	a->n[0] = (int64_t)param(t, a, "pieces");
	habit.a = a->a;
	habit.b = addr_site(500 + rng_below(&a->rng, 50));
	if (of == 0)
		traf_add(t, &habit);
	label_addr(t, a, "victim", a->a);
	label_addr(t, a, "server", a->b);
	a->next_us += (int64_t)((double)t->span_us *
	    param(t, a, "after") / 100);
}

/* ---- scans ---- */

enum { SCAN_VERTICAL, SCAN_HORIZONTAL, SCAN_SLOW, SCAN_DISTRIBUTED };

static double
scan_value(const struct traf *t, const struct actor *a, const char *name,
    const double defaults[4])
{
	double v = param(t, a, name);

	return v > 0 ? v : defaults[param_word(t, a, "kind")];
}

static uint32_t
scan_source(const struct traf *t, const struct actor *a, uint64_t n)
{
	static const double sources[] = { 1, 1, 1, 60 };
	uint32_t many = (uint32_t)scan_value(t, a, "sources", sources);

	if (many < 2)
		return a->a;
	return addr_site(124000 + a->label * 131 + (uint32_t)(n % many));
}

/* n[0]: probes done; n[1]: targets, n[2]: ports */
static void
step_scan(struct traf *t, struct actor *a)
{
	static const double rates[] = { 50, 20, .008, .5 };
	uint64_t n = (uint64_t)a->n[0]++, total = (uint64_t)(a->n[1] * a->n[2]);
	uint64_t at = n * 7919 % total;
	uint32_t to = a->b + (uint32_t)(at % (uint64_t)a->n[1]);
	unsigned proto = param_word(t, a, "proto");
	struct flow f;

	flow_tcp(&f, a, scan_source(t, a, n), to,
	    (unsigned)(at / (uint64_t)a->n[1]) * 3 % 65535 + 1);
	if (a->n[2] == 1)
		f.dport = (uint16_t)param(t, a, "port");
	label_addr(t, a, "source", f.src);
	label_addr(t, a, "target", to);
	f.proto = proto == 0 ? PROTO_TCP : proto == 1 ? PROTO_UDP :
	    PROTO_ICMP;
	if (proto == 2) {
		f.sport = 8;
		f.dport = 0;
		f.up = 8;
	} else if (proto == 1) {
		f.up = 24;
	}
	f.end = rnd(&a->rng) < .6 ? END_SILENT : END_REFUSED;
	if (rnd(&a->rng) * 100 < param(t, a, "open")) {
		f.end = END_RESET;
		f.down = proto == 2 ? 8 : 0;
	}
	f.len_us = f.end == END_SILENT ? 0 : 300;
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 1 /
	    scan_value(t, a, "rate", rates)));
	if ((uint64_t)a->n[0] >= total)
		a->next_us = NEVER;
}

void
begin_scan(struct traf *t, struct actor *a)
{
	static const double targets[] = { 1, 254, 254, 200 };
	static const double ports[] = { 1000, 1, 1, 5 };

	a->step = step_scan;
	a->n[1] = (int64_t)scan_value(t, a, "targets", targets);
	a->n[2] = (int64_t)scan_value(t, a, "ports", ports);
	if (param_word(t, a, "from") == 0) {
		a->a = addr_intruder(t);
		a->b = IP4(192, 0, 2, 1);
	} else {
		a->a = addr_victim(t);
		a->b = IN(0, 1, 1);
	}
	a->next_us += US(rnd(&a->rng) * 1800);
}

/* ---- guessing ---- */

enum { TO_SSH, TO_RDP, TO_SMB, TO_LDAP, TO_KERBEROS };

static void
one_try(struct traf *t, struct actor *a, unsigned service, uint32_t from,
    uint32_t to, unsigned account, bool good)
{
	static const struct { uint16_t port; uint8_t app; uint16_t up, down; }
	s[] = {
		[TO_SSH] = { 22, APP_SSH, 2100, 2500 },
		[TO_RDP] = { 3389, APP_RDP, 1500, 1700 },
		[TO_SMB] = { 445, APP_NONE, 900, 800 },
		[TO_LDAP] = { 389, APP_LDAP, 120, 80 },
		[TO_KERBEROS] = { 88, APP_KRB_AS, 230, 190 }
	};
	struct flow f;

	flow_tcp(&f, a, from, to, s[service].port);
	f.app = s[service].app;
	f.up = s[service].up + rng_below(&a->rng, 60);
	f.down = s[service].down + rng_below(&a->rng, 60);
	if (good) {
		f.up *= 9;
		f.down *= 12;
	}
	if (service == TO_SSH) {
		f.code = good ? 0 : 3;
		f.etype = good;
	}
	if (service == TO_KERBEROS) {
		f.code = good ? 0 : 24;
		f.etype = 18;
		snprintf(f.second, sizeof(f.second), "krbtgt/CORP.EXAMPLE");
	}
	snprintf(f.name, sizeof(f.name), service == TO_KERBEROS ?
	    "user%u/CORP.EXAMPLE" : "user%u", account);
	f.len_us = US(rnd_lognormal(&a->rng, service == TO_SSH ? 2.2 :
	    service == TO_RDP ? 1 : .03, .3)) * (good ? 40 : 1);
	traf_flow(t, &f);
}

static uint32_t
guessed(struct traf *t, struct actor *a)
{
	switch (param_word(t, a, "service")) {
	case TO_SSH: return IP4(192, 0, 2, 22);
	case TO_RDP: return IP4(192, 0, 2, 33);
	case TO_SMB: return IP_FILES;
	default: return IP_DC1;
	}
	(void)t;
}

static void
step_brute(struct traf *t, struct actor *a)
{
	bool last = --a->n[0] == 0;

	one_try(t, a, param_word(t, a, "service"), a->a, a->b,
	    (unsigned)(a->n[0] % (int64_t)param(t, a, "accounts")), last &&
	    param(t, a, "success") > 0);
	a->next_us += US(rnd_exp(&a->rng, 1 / param(t, a, "rate")));
	if (last)
		a->next_us = NEVER;
}

void
begin_brute(struct traf *t, struct actor *a)
{
	a->step = step_brute;
	a->b = guessed(t, a);
	a->a = a->b >> 24 == 10 ? addr_victim(t) : addr_intruder(t);
	a->n[0] = (int64_t)param(t, a, "tries");
	label_addr(t, a, "source", a->a);
	label_addr(t, a, "target", a->b);
	a->next_us += US(rnd(&a->rng) * 3600);
}

/* one try an account a day, from another address each time */
static void
step_spray(struct traf *t, struct actor *a)
{
	uint64_t n = (uint64_t)a->n[0]++;
	double accounts = param(t, a, "accounts");
	uint32_t from = addr_site(126000 + a->label * 211 + (uint32_t)
	    (n * 7 % (uint64_t)param(t, a, "sources")));

	one_try(t, a, param_word(t, a, "service"), from, a->b,
	    (unsigned)(n % (uint64_t)accounts), false);
	label_addr(t, a, "target", a->b);
	label_addr(t, a, "source", from);
	a->next_us += US(86400 / accounts * rnd_between(&a->rng, .5, 1.5));
}

void
begin_spray(struct traf *t, struct actor *a)
{
	a->step = step_spray;
	a->b = guessed(t, a);
}

static void
step_enumerate(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_udp(&f, a, a->a, IP_DC1, 88);
	f.app = APP_KRB_AS;
	f.code = rnd(&a->rng) * 100 < param(t, a, "known") ? 25 : 6;
	f.etype = 18;
	snprintf(f.name, sizeof(f.name), "name%d/CORP.EXAMPLE",
	    (int)a->n[0]);
	snprintf(f.second, sizeof(f.second), "krbtgt/CORP.EXAMPLE");
	f.up = 180;
	f.down = 140;
	f.up_pkts = f.down_pkts = 1;
	f.len_us = 900;
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 1 / param(t, a, "rate")));
	if (--a->n[0] <= 0)
		a->next_us = NEVER;
}

void
begin_enumerate(struct traf *t, struct actor *a)
{
	a->step = step_enumerate;
	a->a = addr_victim(t);
	a->n[0] = (int64_t)param(t, a, "names");
	label_addr(t, a, "source", a->a);
	label_addr(t, a, "target", IP_DC1);
	a->next_us += US(rnd(&a->rng) * 3600);
}

/* ---- in the domain ---- */

static void
step_roast(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, IP_DC1, 88);
	f.app = APP_KRB_TGS;
	f.etype = (int)param(t, a, "etype");
	snprintf(f.name, sizeof(f.name), "user%u/CORP.EXAMPLE",
	    a->a & 0xffffff);
	snprintf(f.second, sizeof(f.second), "MSSQLSvc/sql%d.corp.example",
	    (int)a->n[0]);
	f.up = 1500;
	f.down = 1450;
	f.len_us = US(.004);
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, param(t, a, "gap")));
	if (--a->n[0] <= 0)
		a->next_us = NEVER;
}

void
begin_roast(struct traf *t, struct actor *a)
{
	a->step = step_roast;
	a->a = addr_victim(t);
	a->n[0] = (int64_t)param(t, a, "tickets");
	label_addr(t, a, "source", a->a);
	label_addr(t, a, "target", IP_DC1);
	a->next_us += US(rnd(&a->rng) * 3600);
}

static void
step_asrep(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, IP_DC1, 88);
	f.app = APP_KRB_AS;
	f.etype = 23;
	f.qtype = 1;		/* without pre-authentication */
	snprintf(f.name, sizeof(f.name), "old%d/CORP.EXAMPLE", (int)a->n[0]);
	snprintf(f.second, sizeof(f.second), "krbtgt/CORP.EXAMPLE");
	f.up = 190;
	f.down = 1400;
	f.len_us = US(.003);
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, param(t, a, "gap")));
	if (--a->n[0] <= 0)
		a->next_us = NEVER;
}

void
begin_asrep(struct traf *t, struct actor *a)
{
	begin_roast(t, a);
	a->step = step_asrep;
}

static void
step_sweep(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, IN(0, 3, 1 + (unsigned)a->n[0] % 250), 445);
	f.app = APP_SMB_TREE;
	snprintf(f.name, sizeof(f.name), "\\\\10.0.3.%u\\%s",
	    1 + (unsigned)a->n[0] % 250,
	    param_word(t, a, "share") == 1 ? "data" : "C$");
	f.up = 1500;
	f.down = 1300;
	f.len_us = US(rnd_lognormal(&a->rng, 2, .5));
	label_addr(t, a, "target", f.dst);
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, param(t, a, "gap")));
	if (--a->n[0] <= 0)
		a->next_us = NEVER;
}

void
begin_sweep(struct traf *t, struct actor *a)
{
	a->step = step_sweep;
	a->a = addr_victim(t);
	a->n[0] = (int64_t)param(t, a, "servers");
	label_addr(t, a, "source", a->a);
	a->next_us += US(rnd(&a->rng) * 3600);
}

/* a management plane that answers the world */
static void
step_mgmt(struct traf *t, struct actor *a)
{
	static const struct { uint16_t port; uint8_t app; } plane[] = {
		{ 443, APP_TLS }, { 22, APP_SSH }, { 23, APP_NONE },
		{ 7547, APP_NONE }, { 161, APP_SNMP }, { 8080, APP_NONE }
	};
	unsigned n = param_word(t, a, "port");
	struct flow f;

	flow_tcp(&f, a, addr_site(128000 + rng_below(&a->rng, 500)), a->a,
	    plane[n].port);
	if (plane[n].app == APP_SNMP)
		f.proto = PROTO_UDP;
	f.app = plane[n].app;
	f.up = 900 + rng_below(&a->rng, 900);
	f.down = 3000 + rng_below(&a->rng, 9000);
	f.len_us = US(rnd_lognormal(&a->rng, 4, 1));
	label_addr(t, a, "client", f.src);
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 3600 / param(t, a, "rate")));
}

void
begin_mgmt(struct traf *t, struct actor *a)
{
	a->step = step_mgmt;
	a->a = addr_edge(t);
	benign_edge(t, a->a, 20);
	label_addr(t, a, "router", a->a);
}
