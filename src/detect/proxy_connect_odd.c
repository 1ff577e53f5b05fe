/* SPDX-License-Identifier: Apache-2.0
 *
 * CONNECT through a proxy to where no browser goes, ATT&CK T1090.001, T1572.
 *
 * Behaviour, from one request (packets, Zeek, proxy logs):
 * - to a port of administration, of files or of a data base: SSH, RDP, SMB,
 *   VNC, WinRM, SQL, through the proxy to another host;
 * - to an address at home (--home, else private): the proxy is a way into the
 *   house's own networks;
 * - neither a Host header, which RFC 9112 3.2 wants, nor a User-Agent, and to
 *   a port that is not 443: as Secure Socket Funnelling and small tunnels ask.
 * A request that was refused says less and is told so.
 *
 * Known false alarms: git and scp by SSH through a proxy (one client, one known
 * host: medium); monitoring that asks home addresses by the proxy.  Mail, push
 * and conference ports are passed over.  From logs nothing is concluded of
 * headers that are not there.
 *
 * Cost: a compare a request; for CONNECT a switch.
 */
#include "detect.h"

static const uint8_t kinds[] = { KIND_HTTP, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_HTTP_METHOD, FIELD_HTTP_URI,
	FIELD_HTTP_STATUS, FIELD_HTTP_HOST, FIELD_HTTP_USER_AGENT,
	FIELD_HTTP_HEADERS, FIELD_OTHER
};

/* What stands behind a port that an intruder goes on by; NULL: nothing. */
static const char *
inner_port(uint64_t port)
{
	switch (port) {
	case 22: case 2222: return "SSH";
	case 23: return "Telnet";
	case 135: case 139: case 445: return "Windows file sharing";
	case 389: case 636: case 88: return "the directory";
	case 1433: case 1521: case 3306: case 5432: case 6379: case 27017:
		return "a data base";
	case 3389: return "RDP";
	case 5900: case 5901: return "VNC";
	case 5985: case 5986: return "WinRM";
	default: return NULL;
	}
}

/* "host:port", "[2001:db8::1]:port" */
static bool
split_target(struct span uri, struct span *host, uint64_t *port)
{
	size_t at = uri.len;

	while (at > 0 && uri.ptr[at - 1] != ':')
		at--;
	if (at < 2 || !span_u64(span_sub(uri, at, SIZE_MAX), port) ||
	    *port == 0 || *port > 65535)
		return false;
	*host = span_sub(uri, 0, at - 1);
	if (host->len > 2 && host->ptr[0] == '[' &&
	    host->ptr[host->len - 1] == ']')
		*host = span_sub(*host, 1, host->len - 2);
	return host->len != 0;
}

/* Only where the header block was seen. */
static bool
is_bare(const struct event *e)
{
	return event_get(e, FIELD_HTTP_HEADERS) != NULL &&
	    event_str(e, FIELD_HTTP_HOST).len == 0 &&
	    event_str(e, FIELD_HTTP_USER_AGENT).len == 0;
}

static void
proxy_connect_odd_event(struct detect *d, const struct event *e)
{
	struct span host, uri = event_str(e, FIELD_HTTP_URI);
	uint64_t port, status = 0;
	struct addr addr, proxy;
	const char *inner;
	struct finding f;
	struct arena m;
	bool home, bare, granted;

	if (!span_eq(event_str(e, FIELD_HTTP_METHOD), SPAN_LIT("CONNECT")) ||
	    !split_target(uri, &host, &port))
		return;
	inner = inner_port(port);
	home = addr_parse(host, &addr) && addr_is_home(d->home, &addr) &&
	    !(event_addr(e, FIELD_DST_IP, &proxy) && addr_eq(&addr, &proxy));
	bare = port != 443 && is_bare(e);
	if (inner == NULL && !home && !bare)
		return;
	(void)event_u64(e, FIELD_HTTP_STATUS, &status);
	granted = status / 100 == 2;
	arena_init(&m, 64u << 10);
	finding_init(&f, d, e);
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_SRC_IP];
	if (addr_parse(host, &addr))
		f.entity[ENTITY_DST_IP] = host;
	else
		f.entity[ENTITY_DOMAIN] = host;
	f.severity = !granted ? SEV_LOW : home ? SEV_HIGH : SEV_MEDIUM;
	f.confidence = !granted ? 40 : home && inner != NULL ? 80 : 60;
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, granted ? " went through the proxy " :
	    " asked the proxy ");
	buf_span(&d->text, event_text(&m, e, FIELD_DST_IP));
	buf_str(&d->text, granted ? " to " : " in vain for ");
	text_clip(&d->text, uri, 128);
	if (inner != NULL)
		buf_printf(&d->text, ", which is %s", inner);
	if (home)
		buf_str(&d->text, ", a host inside");
	if (bare)
		buf_str(&d->text, ", with neither Host nor User-Agent");
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, uri);
	finding_raise(&f, d);
	arena_fini(&m);
}

const struct detector detector_proxy_connect_odd = {
	.name = "proxy-connect-odd",
	.title = "CONNECT through a proxy to where no browser goes",
	.doc = "A proxy is asked to connect to SSH, RDP, SMB, a data base, to "
	    "a host inside, or by a client that sends no Host and no "
	    "User-Agent. False alarms: git by SSH through the proxy.",
	.attack = "T1090.001 T1572",
	.advice = "Find the program on the client that asks; let the proxy "
	    "connect to 443 and the few ports that are needed, and never to "
	    "addresses inside.",
	.severity = SEV_MEDIUM,
	.confidence = 60,
	.kinds = kinds,
	.fields = fields,
	.event = proxy_connect_odd_event,
};
