/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_middle: middle boxes and peers that one network in ten has, whose
 * conversations belong together or only meet; no detector may name them.  See
 * traf.h and doc/traffic.md.
 */
#include "traf_bad.h"

enum { KIND_PEER, KIND_VPN, KIND_DATABASE, KIND_BALANCER, KIND_FORWARD };

/* A peer-to-peer program behind a home router: both sides open. */
static void
step_peer(struct traf *t, struct actor *a)
{
	uint32_t peer = addr_site(30000 + rng_below(&a->rng, 4000));
	bool in = rnd(&a->rng) < .45;
	struct flow f;

	flow_tcp(&f, a, in ? peer : a->a, in ? a->a : peer, in ? 51413 :
	    6881 + rng_below(&a->rng, 50000));
	if (rnd(&a->rng) < .5)
		f.proto = PROTO_UDP;
	f.len_us = US(rnd_pareto(&a->rng, 8, .8, 7200));
	f.up = (uint64_t)rnd_pareto(&a->rng, 900, .6, 3e8);
	f.down = (uint64_t)rnd_pareto(&a->rng, 900, .6, 3e8);
	traf_flow(t, &f);
}

/* People at home in the house: the gateway speaks inside in its own name. */
static void
step_vpn(struct traf *t, struct actor *a)
{
	uint32_t from = addr_site(50000 + a->a % 97 * 5 +
	    rng_below(&a->rng, 2));
	double len = rnd_lognormal(&a->rng, 4000, .7), at = 0;
	uint64_t up = 0, down = 0;
	struct flow f, outer;

	flow_udp(&outer, a, from, a->a, 1194);
	outer.len_us = US(len);
	while ((at += rnd_exp(&a->rng, 120)) < len) {
		flow_tcp(&f, a, a->a, rnd(&a->rng) < .5 ? IP_FILES : IP_APP,
		    rnd(&a->rng) < .5 ? 445 : 443);
		f.start_us += US(at);
		f.len_us = US(rnd_lognormal(&a->rng, 15, 1));
		f.up = (uint64_t)rnd_lognormal(&a->rng, 3000, 1);
		f.down = (uint64_t)rnd_pareto(&a->rng, 6000, 1, 5e7);
		up += f.up;
		down += f.down;
	}
	outer.up = up + up / 12 + 900;
	outer.down = down + down / 12 + 900;
	traf_flow(t, &outer);
	/* one of them stands for all: an hour of work on a desktop */
	flow_tcp(&f, a, a->a, IP_FILES, 3389);
	f.start_us += US(rnd_between(&a->rng, 1, 20));
	f.len_us = outer.len_us - (f.start_us - outer.start_us) - US(2);
	f.up = up;
	f.down = down;
	if (f.len_us > 0)
		traf_flow(t, &f);
}

/* An application with one client asks its data base for each request. */
static void
step_database(struct traf *t, struct actor *a)
{
	struct flow f, g;

	flow_tcp(&f, a, IP_WEBSITE, a->a, 8080);
	f.app = APP_HTTP;
	f.len_us = US(rnd_lognormal(&a->rng, 3, .8));
	f.up = (uint64_t)rnd_lognormal(&a->rng, 1200, .5);
	f.down = (uint64_t)rnd_pareto(&a->rng, 5000, 1.2, 1e7);
	traf_flow(t, &f);
	flow_tcp(&g, a, a->a, IN(0, 0, 41), 5432);
	g.start_us += US(rnd_between(&a->rng, .001, .02));
	g.len_us = f.len_us - US(rnd_between(&a->rng, .001, .02)) - 20000;
	g.up = (uint64_t)rnd_lognormal(&a->rng, 900, .7);
	g.down = (uint64_t)((double)f.down *
	    rnd_lognormal(&a->rng, .8, .9));
	if (g.len_us > 0)
		traf_flow(t, &g);
}

/* Everybody comes, and is led to one of two. */
static void
step_balancer(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, addr_site(6000 + rnd_zipf(&a->rng, 90000)), a->a, 443);
	f.app = APP_TLS;
	f.len_us = US(rnd_lognormal(&a->rng, 6, 1));
	f.up = (uint64_t)rnd_lognormal(&a->rng, 1700, .7);
	f.down = (uint64_t)rnd_pareto(&a->rng, 6000, 1.1, 4e7);
	traf_flow(t, &f);
	f.src = f.dst;
	f.dst = IN(0, 0, 42 + rng_below(&a->rng, 2));
	f.sport = rnd_port(&a->rng);
	f.start_us += 700;
	traf_flow(t, &f);
}

/* A port forwarded to a camera, seen on both sides of the router. */
static void
step_forward(struct traf *t, struct actor *a)
{
	struct flow f;

	flow_tcp(&f, a, addr_site(99000 + a->a % 31), a->a, 8443);
	f.len_us = US(rnd_lognormal(&a->rng, 90, .8));
	f.up = (uint64_t)rnd_lognormal(&a->rng, 6000, .5);
	f.down = (uint64_t)rnd_pareto(&a->rng, 2e5, 1, 1e8);
	traf_flow(t, &f);
	f.src = f.dst;
	f.dst = (f.dst & 0xffffff00u) | 99;
	f.start_us += 150;
	traf_flow(t, &f);
}

static void
step_bystander(struct traf *t, struct actor *a)
{
	static void (*const kinds[])(struct traf *, struct actor *) = {
		[KIND_PEER] = step_peer, [KIND_VPN] = step_vpn,
		[KIND_DATABASE] = step_database,
		[KIND_BALANCER] = step_balancer, [KIND_FORWARD] = step_forward
	};

	kinds[param_word(t, a, "kind")](t, a);
	a->next_us += US(rnd_exp(&a->rng, 3600 / param(t, a, "rate")));
}

void
begin_bystander(struct traf *t, struct actor *a)
{
	unsigned kind = param_word(t, a, "kind");

	a->step = step_bystander;
	a->a = kind == KIND_PEER ? addr_edge(t) :
	    kind == KIND_BALANCER ? IP4(192, 0, 2, 100 + t->edges++ % 50) :
	    IN(0, 3, 1 + t->edges++ % 90);
	if (kind == KIND_PEER)
		benign_edge(t, a->a, 60);
	label_addr(t, a, "host", a->a);
	a->next_us += US(rnd(&a->rng) * 600);
}
