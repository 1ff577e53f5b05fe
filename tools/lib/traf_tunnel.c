/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_tunnel: beacons, tunnels and remote hands; see traf.h.
 */
#include <string.h>

#include "traf_bad.h"

/* ---- beacons ---- */

static double
sleep_s(struct traf *t, struct actor *a)
{
	double period = param(t, a, "period");
	double j = param(t, a, "jitter") / 100;

	switch (param_word(t, a, "sleep")) {
	case 1:
		return period * (1 + j / 2 * rnd_normal(&a->rng));
	case 2:		/* only ever later, as some implants do */
		return period * (1 + j * rnd(&a->rng));
	case 3:
		return rnd_exp(&a->rng, period);
	default:
		return period * rnd_between(&a->rng, 1 - j, 1 + j);
	}
}

/* a: victim, b: server */
static void
step_beacon(struct traf *t, struct actor *a)
{
	double s = param(t, a, "size_jitter") / 100, gap;
	struct flow f;

	flow_tcp(&f, a, a->a, a->b, 443);
	f.app = APP_TLS;
	f.up = (uint64_t)(param(t, a, "up") *
	    rnd_between(&a->rng, 1 - s, 1 + s));
	f.down = (uint64_t)(param(t, a, "down") *
	    rnd_between(&a->rng, 1 - s, 1 + s));
	if (rnd(&a->rng) * 100 < param(t, a, "tasks"))
		f.up += (uint64_t)rnd_pareto(&a->rng, 20000, 1.1, 1e7);
	f.len_us = US(rnd_lognormal(&a->rng, .4, .3));
	if (rnd(&a->rng) * 100 >= param(t, a, "loss"))
		traf_flow(t, &f);
	gap = sleep_s(t, a);
	a->next_us += US(gap < .2 ? .2 : gap);
}

static void
victim_and_server(struct traf *t, struct actor *a)
{
	a->a = addr_victim(t);
	a->b = addr_intruder(t);
	label_addr(t, a, "victim", a->a);
	label_addr(t, a, "server", a->b);
}

void
begin_beacon(struct traf *t, struct actor *a)
{
	a->step = step_beacon;
	victim_and_server(t, a);
	a->next_us += US(rnd(&a->rng) * param(t, a, "period"));
}

static void
step_strobe(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, a->b, 8080);
	f.up = 120;
	f.down = 90;
	f.len_us = 40000;
	traf_flow(t, &f);
	a->next_us += US(1 / param(t, a, "rate") *
	    rnd_between(&a->rng, .8, 1.2));
}

void
begin_strobe(struct traf *t, struct actor *a)
{
	a->step = step_strobe;
	victim_and_server(t, a);
}

/* ---- one long conversation ---- */

static void
step_long(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, a->b, (unsigned)param(t, a, "port"));
	f.app = f.dport == 443 ? APP_TLS : APP_NONE;
	f.len_us = US(param(t, a, "length"));
	f.shape = (struct shape){ .seed = rng_next(&a->rng),
	    .own = f.shape.own, .len_us = f.len_us,
	    .gap_ms = (uint32_t)(param(t, a, "period") * 1000),
	    .up = 120, .down = 110, .kind = SHAPE_POLL,
	    .jitter = (uint8_t)param(t, a, "jitter"),
	    .chaff = (uint8_t)param(t, a, "chaff"), .ratio = 1 };
	traf_flow(t, &f);
	a->next_us += f.len_us + US(30);
	if (--a->n[0] <= 0)
		a->next_us = NEVER;
}

void
begin_long(struct traf *t, struct actor *a)
{
	a->step = step_long;
	victim_and_server(t, a);
	a->n[0] = (int64_t)param(t, a, "sessions");
	a->next_us += US(rnd(&a->rng) * 600);
}

static void
step_ssf(struct traf *t, struct actor *a)
{
	struct flow f;
	double ups = param(t, a, "upload") * 1e6;

	flow_tcp(&f, a, a->a, a->b, (unsigned)param(t, a, "port"));
	f.app = APP_SSF;
	f.len_us = US(rnd_lognormal(&a->rng, param(t, a, "length"), .3));
	bad_shape(t, a, &f, 1);
	f.shape.gap_ms = 3000;
	f.shape.up = 4000;
	f.shape.down = 2500;
	f.up = 5300 + (uint64_t)ups;
	f.down = 7400;
	traf_flow(t, &f);
	bad_next(t, a, (int64_t)param(t, a, "sessions"));
}

void
begin_ssf(struct traf *t, struct actor *a)
{
	a->step = step_ssf;
	victim_and_server(t, a);
	a->n[0] = (int64_t)param(t, a, "sessions");
	bad_next(t, a, a->n[0]);
}

/* ---- SOCKS that answers to the world ---- */

/* a: clients, b: server */
static void
step_socks(struct traf *t, struct actor *a)
{
	unsigned site = rnd_zipf(&a->rng, t->sites);
	struct flow f, g;

	a->a = addr_site(122000 + rng_below(&a->rng, (unsigned)
	    param(t, a, "clients")));
	flow_tcp(&f, a, a->a, a->b, 1080);
	f.app = APP_SOCKS;
	f.code = 443;
	site_name(site, f.name);
	f.up = (uint64_t)rnd_lognormal(&a->rng, 2500, 1);
	f.down = (uint64_t)rnd_pareto(&a->rng, 4000, 1.1, 3e7);
	f.len_us = US(rnd_lognormal(&a->rng, 8, 1));
	traf_flow(t, &f);
	label_addr(t, a, "client", a->a);
	g = f;
	g.start_us += US(rnd_lognormal(&a->rng, .05, .5));
	g.src = a->b;
	g.dst = addr_site(site);
	g.sport = rnd_port(&a->rng);
	g.dport = 443;
	g.app = APP_TLS;
	g.up_pkts = g.down_pkts = 0;
	traf_flow(t, &g);
	a->next_us += US(rnd_exp(&a->rng, 3600 / param(t, a, "rate")));
}

void
begin_socks(struct traf *t, struct actor *a)
{
	a->step = step_socks;
	a->b = addr_edge(t);
	benign_edge(t, a->b, 0);
	label_addr(t, a, "server", a->b);
}

/* ---- remote hands ---- */

static void
step_shell(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, a->b, (unsigned)param(t, a, "port"));
	f.len_us = US(rnd_lognormal(&a->rng, param(t, a, "length"), .5));
	bad_shape(t, a, &f, 0);
	f.shape.gap_ms = 4000;
	f.shape.up = 700;		/* output goes up */
	f.shape.down = 14;		/* commands come down */
	traf_flow(t, &f);
	bad_next(t, a, (int64_t)param(t, a, "sessions"));
}

void
begin_shell(struct traf *t, struct actor *a)
{
	a->step = step_shell;
	a->a = addr_server(t->victims++);
	a->b = addr_intruder(t);
	label_addr(t, a, "victim", a->a);
	label_addr(t, a, "server", a->b);
	a->n[0] = (int64_t)param(t, a, "sessions");
	bad_next(t, a, a->n[0]);
}

static void
step_websocket(struct traf *t, struct actor *a)
{
	struct flow f, g;
	unsigned i, fan = (unsigned)param(t, a, "fan");

	flow_tcp(&f, a, a->b, a->a, 80);
	f.app = APP_WEBSOCKET;
	snprintf(f.name, sizeof(f.name), "www.corp.example");
	snprintf(f.second, sizeof(f.second), "/app/x");
	f.len_us = US(rnd_lognormal(&a->rng, param(t, a, "length"), .4));
	bad_shape(t, a, &f, 1);
	g = f;
	traf_flow(t, &f);
	for (i = 0; i < fan; i++) {
		f = g;
		f.start_us += US(rnd(&a->rng) * 10);
		f.len_us -= US(11);
		if (f.len_us <= 0)
			break;
		f.src = a->a;
		f.dst = addr_server(i);
		f.sport = rnd_port(&a->rng);
		f.dport = i % 2 ? 445 : 3389;
		f.app = APP_NONE;
		f.shape.ratio = 1.0 / fan;
		traf_flow(t, &f);
	}
	bad_next(t, a, (int64_t)param(t, a, "sessions"));
}

void
begin_websocket(struct traf *t, struct actor *a)
{
	a->step = step_websocket;
	a->a = IP_WEBSITE;
	a->b = addr_intruder(t);
	label_addr(t, a, "source", a->b);
	label_addr(t, a, "victim", a->a);
	a->n[0] = (int64_t)param(t, a, "sessions");
	bad_next(t, a, a->n[0]);
}

/* kind bulk: -L or -D; reverse: -R, the far side begins each exchange */
static void
step_ssh_tunnel(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, a->a, a->b, 22);
	f.app = APP_SSH;
	f.etype = 1;
	f.len_us = US(rnd_lognormal(&a->rng, param(t, a, "length"), .4));
	bad_shape(t, a, &f, 1);
	if (param_word(t, a, "kind") == 1) {
		f.shape.up = 14000;
		f.shape.down = 900;
	}
	traf_flow(t, &f);
	bad_next(t, a, (int64_t)param(t, a, "sessions"));
}

void
begin_ssh_tunnel(struct traf *t, struct actor *a)
{
	a->step = step_ssh_tunnel;
	victim_and_server(t, a);
	a->n[0] = (int64_t)param(t, a, "sessions");
	bad_next(t, a, a->n[0]);
}

/* ---- DNS ---- */

static void
random_text(struct rng *r, char *out, unsigned len)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned i;

	for (i = 0; i < len; i++)
		out[i] = i % 62 == 61 ? '.' : digits[rng_below(r, 32)];
	out[len] = '\0';
}

/* n[0]: number of the tunnel's domain */
static void
step_dns_tunnel(struct traf *t, struct actor *a)
{
	static const int types[] = { 16, 10, 5, 1 };
	unsigned type = param_word(t, a, "type");
	unsigned len = (unsigned)param(t, a, "label");
	char name[NAME_BYTES], answer[NAME_BYTES];
	struct flow f;

	random_text(&a->rng, name, len > 110 ? 110 : len);
	if (name[strlen(name) - 1] == '.')
		name[strlen(name) - 1] = 'a';
	snprintf(name + strlen(name), 40, ".x.t%d.example", (int)a->n[0]);
	random_text(&a->rng, answer, type == 3 ? 0 : 100);
	flow_dns(&f, a, a->a, a->b, name, types[type], type == 3 ?
	    "203.0.113.1" : answer);
	if (type == 0 || type == 1)
		f.down += (uint64_t)param(t, a, "answer");
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 1 / param(t, a, "rate")));
	if (--a->n[1] <= 0)
		a->next_us = NEVER;
}

void
begin_dns_tunnel(struct traf *t, struct actor *a)
{
	a->step = step_dns_tunnel;
	a->a = addr_victim(t);
	a->b = IP_DC1;
	a->n[0] = (int64_t)a->label;
	a->n[1] = (int64_t)param(t, a, "queries");
	label_addr(t, a, "victim", a->a);
	label_addr(t, a, "resolver", a->b);
	a->next_us += US(rnd(&a->rng) * 3600);
}
