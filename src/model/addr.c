/* SPDX-License-Identifier: Apache-2.0
 *
 * Address text (RFC 4291, RFC 5952).
 */
#include <arpa/inet.h>

#include "model.h"

void
addr_put(struct buf *b, const uint8_t *p, size_t len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];

	if (len == 16 && memcmp(p, mapped, 12) == 0) {
		p += 12;
		len = 4;
	}
	if (len == 4) {
		for (unsigned i = 0; i < 4; i++) {
			if (i != 0)
				buf_byte(b, '.');
			buf_put_u64(b, p[i]);
		}
	} else if (len == 16 &&
	    inet_ntop(AF_INET6, p, text, sizeof(text)) != NULL) {
		buf_str(b, text);
	}
}

bool
addr_parse(struct span s, struct addr *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t raw[16];
	size_t zone;

	if (s.len > 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
		s = span_sub(s, 1, s.len - 2);
	if ((zone = span_find_byte(s, '%')) != SPAN_NPOS)
		s.len = zone;
	if (s.len < 2 || s.len >= sizeof(text) ||
	    memchr(s.ptr, '\0', s.len) != NULL)
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, raw) == 1)
		*out = addr_v4(raw);
	else if (inet_pton(AF_INET6, text, raw) == 1)
		*out = addr_v6(raw);
	else
		return false;
	return true;
}

static bool
v4_in(const uint8_t *p, uint32_t net, unsigned bits)
{
	return (load_be32(p) ^ net) >> (32 - bits) == 0;
}

bool
addr_is_private(const struct addr *a)
{
	const uint8_t *p = a->b;

	if (addr_is_v4(a)) {
		p += 12;
		return v4_in(p, 0x0a000000, 8) || v4_in(p, 0xac100000, 12) ||
		    v4_in(p, 0xc0a80000, 16) || v4_in(p, 0x7f000000, 8) ||
		    v4_in(p, 0xa9fe0000, 16) || v4_in(p, 0x64400000, 10) ||
		    v4_in(p, 0, 8) || v4_in(p, 0xe0000000, 3);
	}
	if (load_be64(p) == 0 && load_be64(p + 8) <= 1)
		return true;			/* :: and ::1 */
	return (p[0] & 0xfe) == 0xfc || p[0] == 0xff ||
	    (p[0] == 0xfe && (p[1] & 0xc0) == 0x80);
}

bool
nets_add(struct nets *nets, struct span s)
{
	size_t slash = span_find_byte(s, '/');
	struct net net = { .bits = 128 };
	uint64_t bits, most;

	if (nets->n == NETS_MAX || !addr_parse(span_sub(s, 0, slash), &net.a))
		return false;
	most = addr_is_v4(&net.a) &&
	    span_find_byte(s, ':') == SPAN_NPOS ? 32 : 128;
	if (slash != SPAN_NPOS) {
		if (!span_u64(span_sub(s, slash + 1, SIZE_MAX), &bits) ||
		    bits > most)
			return false;
		net.bits = (uint8_t)(128 - most + bits);
	}
	nets->net[nets->n++] = net;
	return true;
}

static bool
net_has(const struct net *net, const struct addr *a)
{
	unsigned bytes = net->bits / 8, rest = net->bits % 8;

	return memcmp(net->a.b, a->b, bytes) == 0 && (rest == 0 ||
	    (net->a.b[bytes] ^ a->b[bytes]) >> (8 - rest) == 0);
}

bool
nets_has(const struct nets *nets, const struct addr *a)
{
	for (size_t i = 0; i < nets->n; i++)
		if (net_has(&nets->net[i], a))
			return true;
	return false;
}
