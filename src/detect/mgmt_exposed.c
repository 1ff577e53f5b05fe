/* SPDX-License-Identifier: Apache-2.0
 *
 * What is for administrators answers the world, ATT&CK T1133: remote shells
 * and desktops, file shares, data bases, SNMP, a router's own pages and what
 * its provider steers it by (TR-069), as hijacked routers and most break-ins
 * of small offices begin.
 *
 * A conversation that an outside public address opened with a device at home
 * (--home; else private addresses, which the world reaches by a forwarded
 * port), and in which the device said something.  By port, or by protocol
 * where the source recognises it.  Addresses of WIDE networks (/24, IPv6 /48)
 * say that it is open to everybody; of fewer, that it is let through to some.
 * Web pages are for the world, so they are told only of what looks like a
 * router or address translation (opens conversations with many servers, or
 * gives out names and addresses) and is no busy site.
 *
 * Known false alarms: a server that publishes SSH on purpose (low); a web
 * server behind the address that everybody shares; partners' addresses that
 * are not in --home.
 *
 * Cost: two bits of the flags, a switch for what comes from outside; one
 * table.  Bounds: PLANES_MAX of 400 bytes, quiet ones make room.
 */
#include <stdio.h>

#include "detect.h"

#define WIDE		3u	/* client networks */
#define ROUTER_SERVERS	16u	/* that it calls, as one who translates */
#define ROUTER_FLOWS	40u
#define SITE_HOURLY	60.0	/* conversations: a page of administration has
				 * fewer */
#define PLANES_MAX	16384u

enum risk { RISK_NONE, RISK_WEB, RISK_SSH, RISK_DEVICE, RISK_GRAVE };

struct plane {
	const char	*name;
	uint8_t		 risk;		/* enum risk */
};

static struct plane
by_port(uint8_t proto, uint16_t port)
{
	if (proto == 17) {
		switch (port) {
		case 161:
			return (struct plane){ "SNMP", RISK_DEVICE };
		case 623:
			return (struct plane){ "IPMI", RISK_GRAVE };
		case 69:
			return (struct plane){ "TFTP", RISK_DEVICE };
		case 1900:
			return (struct plane){ "UPnP", RISK_DEVICE };
		default:
			return (struct plane){ NULL, RISK_NONE };
		}
	}
	switch (port) {
	case 22: case 2222:
		return (struct plane){ "SSH", RISK_SSH };
	case 23: case 2323:
		return (struct plane){ "Telnet", RISK_GRAVE };
	case 3389:
		return (struct plane){ "RDP", RISK_GRAVE };
	case 5985: case 5986:
		return (struct plane){ "WinRM", RISK_GRAVE };
	case 135: case 139: case 445:
		return (struct plane){ "Windows shares and services",
		    RISK_GRAVE };
	case 5900: case 5901:
		return (struct plane){ "VNC", RISK_GRAVE };
	case 1433: case 1521: case 3306: case 5432: case 6379: case 9200:
	case 11211: case 27017:
		return (struct plane){ "data base", RISK_GRAVE };
	case 2375: case 2379: case 6443: case 10250:
		return (struct plane){ "container control", RISK_GRAVE };
	case 389: case 3268:
		return (struct plane){ "LDAP", RISK_GRAVE };
	case 4786:
		return (struct plane){ "Smart Install", RISK_GRAVE };
	case 8291: case 8728: case 8729:
		return (struct plane){ "RouterOS", RISK_GRAVE };
	case 7547: case 5678: case 30005:
		return (struct plane){ "TR-069", RISK_DEVICE };
	case 5555:
		return (struct plane){ "Android debugging", RISK_GRAVE };
	case 10000:
		return (struct plane){ "Webmin", RISK_DEVICE };
	case 49152: case 5431:
		return (struct plane){ "UPnP", RISK_DEVICE };
	case 80: case 81: case 443: case 591: case 4443: case 8000: case 8008:
	case 8080: case 8081: case 8088: case 8443: case 8888: case 9090:
	case 10443: case 60443:
		return (struct plane){ "web", RISK_WEB };
	default:
		return (struct plane){ NULL, RISK_NONE };
	}
}

static struct plane
plane_of(uint8_t proto, uint16_t port, uint8_t service)
{
	switch (service) {
	case FLOW_SSH:
		return (struct plane){ "SSH", RISK_SSH };
	case FLOW_TELNET:
		return (struct plane){ "Telnet", RISK_GRAVE };
	case FLOW_RDP:
		return (struct plane){ "RDP", RISK_GRAVE };
	case FLOW_SMB:
		return (struct plane){ "SMB", RISK_GRAVE };
	case FLOW_SNMP:
		return (struct plane){ "SNMP", RISK_DEVICE };
	default:
		return by_port(proto, port);
	}
}

/* -- state --------------------------------------------------------------- */

struct key {
	struct addr	device;
	uint16_t	port;
	uint8_t		proto, zero;
};

struct open {
	int64_t		first, last;
	struct sketch	nets, clients;
	struct addr	client;
	uint64_t	bytes;		/* that the device said */
	uint32_t	n;
	struct places	at;
	uint8_t		service;
	bool		fresh;
};

struct state {
	struct table	*open;		/* struct key */
};

static bool
mgmt_init(void *p)
{
	struct state *s = p;

	s->open = table_new(sizeof(struct key), sizeof(struct open),
	    PLANES_MAX);
	return s->open != NULL;
}

static void
mgmt_fini(void *p)
{
	table_free(((struct state *)p)->open);
}

/* Did dst say something?  Bytes with headers: more than those. */
static bool
has_payload(const struct flow *f, uint64_t bytes, uint64_t pkts)
{
	if ((f->flags & FLOW_F_IP_BYTES) == 0)
		return bytes != 0;
	return bytes > pkts * (f->proto == 17 ? 28 : 60);
}

static void
answered(struct state *s, const struct flow *f, const struct addr *device,
    const struct addr *client, uint16_t port, uint64_t said)
{
	struct key k = { .port = port, .proto = f->proto };
	struct open *o;
	bool made;

	/* private ones are nobody's outside */
	if (addr_is_private(client))
		return;
	k.device = *device;
	if ((o = table_put(s->open, &k, &made)) == NULL)
		return;
	if (made)
		o->first = f->start;
	o->last = f->start;
	o->n++;
	o->bytes += said;
	o->client = *client;
	if (o->service == FLOW_SERVICE_NONE)
		o->service = f->service;
	o->fresh = true;
	(void)sketch_add(&o->nets, client->b, addr_is_v4(client) ? 15 : 6);
	(void)sketch_add(&o->clients, client->b, sizeof(client->b));
	places_add(&o->at, &f->loc, f->start);
}

static void
mgmt_flow(struct detect *d, void *p, const struct flow *f)
{
	const unsigned both = FLOW_F_SRC_HOME | FLOW_F_DST_HOME;
	unsigned home = f->flags & both;

	(void)d;
	if (home == FLOW_F_DST_HOME && (f->flags & FLOW_F_ANSWERED) != 0) {
		if (plane_of(f->proto, f->dst_port, f->service).risk !=
		    RISK_NONE && has_payload(f, f->dst_bytes, f->dst_pkts))
			answered(p, f, &f->dst, &f->src, f->dst_port,
			    f->dst_bytes);
		return;
	}
	/* Records of one way: the device's answers stand for themselves. */
	if (home == FLOW_F_SRC_HOME && (f->flags & FLOW_F_ONE_WAY) != 0 &&
	    f->src_port < 32768 && f->dst_port >= 1024 &&
	    f->src_port != f->dst_port &&
	    by_port(f->proto, f->src_port).risk != RISK_NONE &&
	    by_port(f->proto, f->dst_port).risk == RISK_NONE &&
	    (f->proto == 17 || f->src_pkts > 3) &&
	    has_payload(f, f->src_bytes, f->src_pkts))
		answered(p, f, &f->src, &f->dst, f->src_port, f->src_bytes);
}

/* -- in the end ---------------------------------------------------------- */

/* It hides others, or gives out names and addresses. */
static bool
is_router(const struct detect *d, const struct addr *a)
{
	const struct host_seen *h = detect_host(d, a);

	if (h == NULL)
		return false;
	return (h->served & (1u << FLOW_DHCP | 1u << FLOW_DNS)) != 0 ||
	    (h->flows_out >= ROUTER_FLOWS &&
	    host_count(h->servers) >= ROUTER_SERVERS);
}

static bool
is_site(const struct open *o)
{
	double hours = (double)time_diff(o->last, o->first) / 3600e9;

	return o->n > SITE_HOURLY * MAX_OF(hours, 1.0);
}

static void
weigh(struct finding *f, uint8_t risk, bool router, bool wide)
{
	if (!wide) {
		f->severity = SEV_LOW;
		f->confidence = 50;
		return;
	}
	f->confidence = 80;
	switch (risk) {
	case RISK_GRAVE:
		f->severity = SEV_HIGH;
		f->confidence = 85;
		break;
	case RISK_DEVICE:
		f->severity = SEV_MEDIUM;
		break;
	case RISK_SSH:
		f->severity = router ? SEV_MEDIUM : SEV_LOW;
		break;
	default:
		f->severity = SEV_MEDIUM;
		f->confidence = 55;
		break;
	}
}

static void
tell(struct detect *d, const struct key *k, const struct open *o)
{
	struct plane plane = plane_of(k->proto, k->port, o->service);
	bool router = is_router(d, &k->device);
	unsigned nets = sketch_count(&o->nets);
	struct finding f;
	struct arena m;
	char port[8];

	if (plane.risk == RISK_WEB && (!router || nets < WIDE || is_site(o)))
		return;
	arena_init(&m, 64u << 10);
	finding_init(&f, d, NULL);
	finding_places(&f, &o->at);
	weigh(&f, plane.risk, router, nets >= WIDE);
	f.entity[ENTITY_HOST] = addr_text(&m, &k->device);
	f.entity[ENTITY_DST_IP] = f.entity[ENTITY_HOST];
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &o->client);
	snprintf(port, sizeof(port), "%u", k->port);
	f.entity[ENTITY_DST_PORT] = span_str(port);
	buf_span(&d->text, f.entity[ENTITY_HOST]);
	buf_printf(&d->text, "%s answered %s%u address%s outside on port %u "
	    "(%s): %u conversation%s, the last with ",
	    router ? ", which calls many servers as routers do," : "",
	    nets < WIDE ? "" : "about ", sketch_count(&o->clients),
	    sketch_count(&o->clients) == 1 ? "" : "es", k->port, plane.name,
	    o->n, o->n == 1 ? "" : "s");
	buf_span(&d->text, f.entity[ENTITY_SRC_IP]);
	if (plane.risk == RISK_WEB)
		buf_str(&d->text, "; its own pages, or a server behind it");
	else if (nets < WIDE)
		buf_str(&d->text, "; perhaps it is let through to these "
		    "alone");
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_printf(&d->fold, "|%s|%s", port, plane.name);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
mgmt_end(struct detect *d, void *p)
{
	struct state *s = p;
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->open, &it, &key, &value)) {
		const struct open *o = value;

		if (o->fresh)
			tell(d, key, o);
	}
	if (table_evicted(s->open) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

static void
mgmt_save(const void *p, struct buf *b)
{
	table_save(((const struct state *)p)->open, b);
}

static bool
mgmt_restore(void *p, struct cursor *c)
{
	struct state *s = p;
	uint32_t it = 0;
	const void *key;
	void *value;

	if (!table_restore(s->open, c))
		return false;
	while (table_next(s->open, &it, &key, &value)) {
		const struct key *k = key;
		struct open *o = value;

		o->at.n = 0;
		o->fresh = false;
		if (plane_of(k->proto, k->port, o->service).name == NULL)
			return false;
	}
	return true;
}

static const uint8_t kinds[] = { KIND_NONE };
static const uint16_t fields[] = { FIELD_OTHER };

const struct detector detector_mgmt_exposed = {
	.name = "mgmt-exposed",
	.title = "What is for administrators answers the world",
	.doc = "A device at home (--home) answered public addresses on a "
	    "port of administration: SSH, Telnet, RDP, WinRM, SMB, data "
	    "bases, SNMP, TR-069, RouterOS; web pages of what looks like a "
	    "router. False alarms: SSH that is published on purpose (low), "
	    "partners' addresses that are not in --home, web servers behind "
	    "a shared address.",
	.attack = "T1133",
	.advice = "Close it at the border or let only a VPN reach it; if it "
	    "was open, look for sign-ins from outside and at the device's "
	    "version.",
	.severity = SEV_MEDIUM,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.state_size = sizeof(struct state),
	.init = mgmt_init,
	.flow = mgmt_flow,
	.end = mgmt_end,
	.fini = mgmt_fini,
	.state_version = 1,
	.save = mgmt_save,
	.restore = mgmt_restore,
};
