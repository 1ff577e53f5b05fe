/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_bad: what the behaviours of traf_relay.c, traf_tunnel.c and
 * traf_attack.c share; the table of them is in traf_table.c.
 */
#ifndef PICKET_TOOLS_TRAF_BAD_H
#define PICKET_TOOLS_TRAF_BAD_H

#include "traf.h"

/* n[0] counts the sessions that are left; sets next_us */
void bad_next(const struct traf *, struct actor *, int64_t sessions);
/* 0: typed, 1: bulk; len_us is set before */
void bad_shape(struct traf *, struct actor *, struct flow *, unsigned kind);

void begin_relay(struct traf *, struct actor *);
void begin_router(struct traf *, struct actor *);
void begin_bystander(struct traf *, struct actor *);
void begin_beacon(struct traf *, struct actor *);
void begin_strobe(struct traf *, struct actor *);
void begin_long(struct traf *, struct actor *);
void begin_ssf(struct traf *, struct actor *);
void begin_socks(struct traf *, struct actor *);
void begin_shell(struct traf *, struct actor *);
void begin_websocket(struct traf *, struct actor *);
void begin_ssh_tunnel(struct traf *, struct actor *);
void begin_dns_tunnel(struct traf *, struct actor *);
void begin_exfil(struct traf *, struct actor *);
void begin_scan(struct traf *, struct actor *);
void begin_brute(struct traf *, struct actor *);
void begin_spray(struct traf *, struct actor *);
void begin_enumerate(struct traf *, struct actor *);
void begin_roast(struct traf *, struct actor *);
void begin_asrep(struct traf *, struct actor *);
void begin_sweep(struct traf *, struct actor *);
void begin_mgmt(struct traf *, struct actor *);

#endif
