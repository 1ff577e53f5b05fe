/* SPDX-License-Identifier: Apache-2.0
 *
 * What several decoders of HTTP (packets, logs) write into their events:
 * request targets taken apart, and addresses that come as text.
 *
 * Bounds: none of its own; what is added are views, 16 bytes an address.
 */
#include "decode.h"

/* The authority of an absolute target (RFC 9112 3.2.2), and where its path
 * starts; false for the other forms. */
static bool
is_absolute(struct span target, struct span *authority, struct span *path)
{
	size_t at, end;

	if (target.len == 0 || target.ptr[0] == '/' ||
	    (at = span_find(target, SPAN_LIT("://"))) == SPAN_NPOS ||
	    at > span_find_byte(target, '/') ||
	    at > span_find_byte(target, '?'))
		return false;
	*path = span_sub(target, at + 3, SIZE_MAX);
	end = MIN_OF(span_find_byte(*path, '/'), span_find_byte(*path, '?'));
	*authority = span_sub(*path, 0, end);
	*path = span_sub(*path, end, SIZE_MAX);
	if (path->len == 0)
		*path = SPAN_LIT("/");
	return true;
}

void
dec_add_target(struct batch *b, struct span target, struct span host)
{
	struct span path = target, authority = SPAN_NONE;
	size_t at;

	event_add_str(b, FIELD_HTTP_URI, target);
	if (is_absolute(target, &authority, &path) && host.ptr == NULL)
		host = authority;
	if (host.ptr != NULL)
		event_add_str(b, FIELD_HTTP_HOST, host);
	if ((at = span_find_byte(path, '?')) != SPAN_NPOS) {
		event_add_str(b, FIELD_HTTP_QUERY,
		    span_sub(path, at + 1, SIZE_MAX));
		path.len = at;
	}
	event_add_str(b, FIELD_HTTP_PATH, path);
}

/* Dotted quad, fast: most addresses in logs are one.  Walks the bytes with
 * an index below s.len, since this is asked twice a row. */
static bool
read_v4(struct span s, uint8_t out[4])
{
	size_t at = 0;

	if (s.len < 7 || s.len > 15)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = 0;
		size_t from = at;

		while (at < s.len && ascii_is_digit(s.ptr[at]) &&
		    at - from < 3)
			n = n * 10 + (unsigned)(s.ptr[at++] - '0');
		if (at == from || n > 255)
			return false;
		out[i] = (uint8_t)n;
		if (i < 3 && (at == s.len || s.ptr[at++] != '.'))
			return false;
	}
	return at == s.len;
}

void
dec_add_addr(struct batch *b, unsigned field, struct span s)
{
	struct addr parsed;
	uint8_t v4[4];

	if (!event_wants(b, field))
		return;
	if (read_v4(s, v4)) {
		parsed = addr_v4(v4);
	} else if (!addr_parse(s, &parsed)) {
		event_add_str(b, field, s);
		return;
	}
	event_add_addr_copy(b, field, &parsed);
}
