/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_odd: the honest part that looks like theft or a tunnel; see traf.h.
 * Names with hashes in them (protection programs, caches, lists that mail
 * servers ask, names of computers), and hosts that give more than they take
 * (cameras, copies to another place, a large film for a site that many use).
 *
 * They draw from a chance of their own, so that with and without them all
 * others do the same.
 */
#include <string.h>

#include "traf.h"

#define IP_CAMERA	IN(0, 4, 1)
#define CACHES		300u

static void
hex_text(struct rng *r, char *out, unsigned len)
{
	unsigned i;

	for (i = 0; i < len; i++)
		out[i] = "0123456789abcdef"[rng_below(r, 16)];
	out[len] = '\0';
}

/* ---- names ---- */

static void
ask(struct traf *t, struct actor *a, uint32_t who, const char *name, int type,
    const char *answer)
{
	struct flow f;

	flow_dns(&f, a, who, IP_DC1, name, type, answer);
	f.code = answer[0] == '\0' ? 3 : 0;
	traf_flow(t, &f);
}

/* A protection program on each workstation asks for hashes of files. */
static void
step_protection(struct traf *t, struct actor *a)
{
	char name[NAME_BYTES];

	hex_text(&a->rng, name, 40);
	strcat(name, ".files.lookup-guard.example");
	ask(t, a, a->a, name, 1, "127.3.0.8");
	a->next_us += US(rnd_exp(&a->rng, 1500));
}

/* Caches with numbers for names, the same ones again. */
static void
step_cache(struct traf *t, struct actor *a)
{
	struct rng fixed = { rnd_zipf(&a->rng, CACHES) + 7919u };
	char name[NAME_BYTES] = "d";

	hex_text(&fixed, name + 1, 13);
	strcat(name, ".cachehouse.example");
	ask(t, a, a->a, name, 1, "198.18.40.9");
	a->next_us += US(rnd_exp(&a->rng, 400));
}

/* One program of one host, with a new number each time; few a day. */
static void
step_numbers(struct traf *t, struct actor *a)
{
	char name[NAME_BYTES];

	hex_text(&a->rng, name, 16);
	strcat(name, ".ping.measures.example");
	ask(t, a, a->a, name, 1, "198.18.41.9");
	a->next_us += US(rnd_exp(&a->rng, 900));
}

/* The mail exchanger: lists of addresses, keys, names of senders. */
static void
step_lists(struct traf *t, struct actor *a)
{
	uint32_t ip = (uint32_t)rng_next(&a->rng);
	char name[NAME_BYTES];
	unsigned sender = rnd_zipf(&a->rng, 2000);

	snprintf(name, sizeof(name), "%u.%u.%u.%u.bl.blocklist.example",
	    ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	ask(t, a, IP_MX, name, 1, rnd(&a->rng) < .3 ? "127.0.0.2" : "");
	a->next_us += 2000;
	snprintf(name, sizeof(name), "s%u-2025q%u._domainkey.m%u.example",
	    1024u << sender % 2, 1 + sender % 4, sender);
	ask(t, a, IP_MX, name, 16, "v=DKIM1 k=rsa p=MIGfMA0GCSqGSIb3DQEB");
	a->next_us += 2000;
	snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", ip >> 24,
	    ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	ask(t, a, IP_MX, name, 12, "host.example.net");
	a->next_us += US(rnd_exp(&a->rng, 120));
}

/* Monitoring asks for every computer of the house. */
static void
step_computers(struct traf *t, struct actor *a)
{
	uint32_t ip = addr_host(t, (unsigned)a->n[0]++ % t->hosts);
	struct rng fixed = { ip };
	char name[NAME_BYTES] = "desktop-", answer[20];

	hex_text(&fixed, name + 8, 7);
	strcat(name, ".berlin.corp.example");
	snprintf(answer, sizeof(answer), "%u.%u.%u.%u", ip >> 24,
	    ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	ask(t, a, IP_WATCH, name, 1, answer);
	a->next_us += US(20);
}

/* ---- hosts that give ---- */

static void
give(struct traf *t, struct actor *a, uint32_t who, unsigned site,
    unsigned port, double bytes)
{
	struct flow f;

	flow_tcp(&f, a, who, addr_site(site), port);
	f.app = port == 443 ? APP_TLS : APP_NONE;
	snprintf(f.name, sizeof(f.name), "in%u.example.net", site);
	f.up = (uint64_t)bytes;
	f.down = (uint64_t)(bytes / 90) + 3000;
	f.len_us = US(bytes / 2e6 + .5);
	traf_flow(t, &f);
}

/* A camera keeps what moves in the cloud of its maker. */
static void
step_film(struct traf *t, struct actor *a)
{
	give(t, a, IP_CAMERA, 1500, 443, rnd_between(&a->rng, 4e6, 12e6));
	a->next_us += US(rnd_exp(&a->rng, 300));
}

/* Logs of a server go to another place when a file is full. */
static void
step_logs(struct traf *t, struct actor *a)
{
	give(t, a, addr_server(3), 1510, 6514, rnd_between(&a->rng, 15e6,
	    40e6));
	a->next_us += US(rnd_between(&a->rng, 1800, 4800));
}

/* Somebody hands in a film to a site that many watch, or a sync begins. */
static void
step_hand_in(struct traf *t, struct actor *a)
{
	bool film = rnd(&a->rng) < .5;

	give(t, a, addr_host(t, 4 + rng_below(&a->rng, 3)), film ? 20 +
	    rng_below(&a->rng, 6) : rng_below(&a->rng, 7), 443,
	    rnd_lognormal(&a->rng, 2.5e8, .5));
	a->next_us += US(rnd_exp(&a->rng, 43200));
}

/* Small things that one person keeps at a place of his own. */
static void
step_own_place(struct traf *t, struct actor *a)
{
	give(t, a, addr_host(t, 7), 1520, 22, rnd_lognormal(&a->rng, 1.5e6,
	    .8));
	a->next_us += US(rnd_exp(&a->rng, 10000));
}

void
odd_begin(struct traf *t)
{
	static void (*const once[])(struct traf *, struct actor *) = {
		step_lists, step_computers, step_film, step_logs,
		step_hand_in, step_own_place, step_numbers
	};
	struct rng chance = { t->seed ^ 0x6f6464u };
	unsigned i;

	for (i = 0; i < sizeof(once) / sizeof(once[0]) + 2 * t->hosts; i++) {
		struct actor a = { .rng = { rng_next(&chance) } };
		unsigned n = i - (unsigned)(sizeof(once) / sizeof(once[0]));

		a.step = i < sizeof(once) / sizeof(once[0]) ? once[i] :
		    n % 2 ? step_protection : step_cache;
		a.a = a.step == step_numbers ? addr_host(t, 2) :
		    addr_host(t, n / 2 % t->hosts);
		a.next_us = t->from_us + US(rnd(&a.rng) * 1800);
		traf_add(t, &a);
	}
}
