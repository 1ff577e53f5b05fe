/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_relay: chains of conversations over hijacked routers, and a router
 * that begins to speak for itself; see traf.h and doc/traffic.md.
 */
#include "traf_bad.h"

enum { KIND_SSH, KIND_TLS, KIND_SOCKS, KIND_UDP };

/* the next session of n[0], in about equal parts of the run */
void
bad_next(const struct traf *t, struct actor *a, int64_t sessions)
{
	double span = (double)t->span_us / 1e6;

	if (a->n[0]-- > 0)
		a->next_us += US(span / (double)(sessions + 1) *
		    rnd_between(&a->rng, .6, 1.2));
	else
		a->next_us = NEVER;
}

void
bad_shape(struct traf *t, struct actor *a, struct flow *f, unsigned kind)
{
	f->shape = (struct shape){ .seed = rng_next(&a->rng),
	    .own = rng_next(&a->rng), .len_us = f->len_us, .gap_ms = 700,
	    .up = 70, .down = 260, .kind = SHAPE_TYPED, .ratio = 1 };
	if (kind == 0)
		return;
	f->shape.kind = SHAPE_BULK;
	f->shape.gap_ms = 250;
	f->shape.up = 900;
	f->shape.down = 14000;
	(void)t;
}

static void
kind_of(struct flow *f, unsigned kind, bool first, uint32_t relay)
{
	static const struct { uint16_t in[2], out; uint8_t app[2]; } k[] = {
		[KIND_SSH] = { { 22, 2222 }, 22, { APP_SSH, APP_SSH } },
		[KIND_TLS] = { { 443, 10443 }, 443, { APP_TLS, APP_TLS } },
		[KIND_SOCKS] = { { 1080, 11288 }, 443, { APP_SOCKS,
		    APP_TLS } },
		[KIND_UDP] = { { 51820, 4500 }, 51820, { APP_NONE,
		    APP_NONE } }
	};

	f->dport = first ? k[kind].in[relay & 1] : k[kind].out;
	f->app = k[kind].app[!first];
	f->proto = kind == KIND_UDP ? PROTO_UDP : PROTO_TCP;
	if (f->app == APP_SSH)
		f->etype = 1;
}

/* one link of the chain after f: starts and ends a little later */
static void
add_link(struct traf *t, struct actor *a, struct flow *f, uint32_t from,
    uint32_t to)
{
	double lag = param(t, a, "lag") / 1000, r = param(t, a, "ratio") / 100;
	int64_t late = US(rnd_lognormal(&a->rng, param(t, a, "start") / 1000,
	    .8)), hop = US(rnd_lognormal(&a->rng, lag, .4));
	int64_t end = US(rnd_exp(&a->rng, lag * 3));

	f->start_us += late;
	f->len_us -= late + (rnd(&a->rng) < .5 ? end : -end);
	if (f->len_us < 1000)
		f->len_us = 1000;
	f->src = from;
	f->dst = to;
	f->sport = rnd_port(&a->rng);
	f->up = f->down = f->up_pkts = f->down_pkts = 0;
	f->shape.lag_us += hop - late;
	f->shape.own = rng_next(&a->rng);
	f->shape.ratio *= rnd_between(&a->rng, 1 - r * 2 / 3, 1 + r);
	f->shape.jitter = (uint8_t)param(t, a, "jitter");
	f->shape.pad = (uint8_t)param(t, a, "pad");
	f->shape.chaff = (uint8_t)param(t, a, "chaff");
}

/* a: source, b and c: relays, n[1]: target */
static void
step_relay(struct traf *t, struct actor *a)
{
	unsigned kind = param_word(t, a, "kind");
	bool two = param(t, a, "hops") > 1;
	uint32_t target = (uint32_t)a->n[1];
	struct flow f, keep;

	flow_tcp(&f, a, a->a, a->b, 0);
	f.len_us = US(rnd_lognormal(&a->rng, param(t, a, "length"), .6));
	bad_shape(t, a, &f, param_word(t, a, "traffic"));
	kind_of(&f, kind, true, a->b);
	keep = f;
	traf_flow(t, &f);
	f = keep;
	if (two) {
		add_link(t, a, &f, a->b, a->c);
		kind_of(&f, kind, true, a->c);
		keep = f;
		traf_flow(t, &f);
		f = keep;
	}
	add_link(t, a, &f, two ? a->c : a->b, target);
	kind_of(&f, kind, false, 0);
	traf_flow(t, &f);
	bad_next(t, a, (int64_t)param(t, a, "sessions"));
}

void
begin_relay(struct traf *t, struct actor *a)
{
	bool inside = param_word(t, a, "where") == 1;
	bool two = param(t, a, "hops") > 1;

	a->step = step_relay;
	a->a = addr_intruder(t);
	a->b = inside ? addr_router(t, t->edges++) : addr_edge(t);
	a->c = two ? addr_edge(t) : 0;
	a->n[1] = rnd(&a->rng) < .5 ? IP_MX : addr_site(120000 +
	    rng_below(&a->rng, 900));
	a->n[0] = (int64_t)param(t, a, "sessions");
	if (!inside)
		benign_edge(t, a->b, param(t, a, "nat"));
	if (two)
		benign_edge(t, a->c, param(t, a, "nat"));
	label_addr(t, a, "relay", a->b);
	if (two)
		label_addr(t, a, "relay", a->c);
	label_addr(t, a, "source", a->a);
	label_addr(t, a, "target", (uint32_t)a->n[1]);
	bad_next(t, a, a->n[0]);
}

/* ---- a router that begins to originate ---- */

static void
step_router(struct traf *t, struct actor *a)
{
	static const struct { uint16_t port; uint8_t app; } what[] = {
		{ 22, APP_SSH }, { 443, APP_TLS }, { 9001, APP_TLS },
		{ 587, APP_SMTP }, { 993, APP_TLS }, { 3389, APP_RDP }
	};
	unsigned n = rng_below(&a->rng, 6);
	uint32_t to = addr_site(121000 + rng_below(&a->rng, 400));
	struct flow f;

	flow_tcp(&f, a, a->a, to, what[n].port);
	f.app = what[n].app;
	f.up = (uint64_t)rnd_lognormal(&a->rng, 3000, 1);
	f.down = (uint64_t)rnd_lognormal(&a->rng, 5000, 1);
	f.len_us = US(rnd_lognormal(&a->rng, 20, 1));
	label_addr(t, a, "target", to);
	traf_flow(t, &f);
	a->next_us += US(rnd_exp(&a->rng, 3600 / param(t, a, "rate")));
}

void
begin_router(struct traf *t, struct actor *a)
{
	a->step = step_router;
	a->a = param_word(t, a, "where") == 1 ? addr_router(t, t->edges++) :
	    addr_edge(t);
	if (a->a >> 24 != 10)
		benign_edge(t, a->a, 0);
	label_addr(t, a, "router", a->a);
	a->next_us += (int64_t)((double)t->span_us *
	    param(t, a, "after") / 100);
}
