/* SPDX-License-Identifier: Apache-2.0
 *
 * SSDP, how UPnP devices are found (UPnP Device Architecture 2.0, 1.1 to 1.3):
 * the head of an HTTP message in a datagram.
 *
 *	M-SEARCH * HTTP/1.1	ST, MX, MAN, USER-AGENT
 *	NOTIFY * HTTP/1.1	NT, NTS, USN, SERVER, LOCATION
 *	HTTP/1.1 200 OK		ST, USN, SERVER, LOCATION
 *
 * One event a datagram.  Ownership: nothing is kept; fields point into the
 * datagram.  Bounds: HEADERS_MAX lines are looked at.
 */
#include "decode.h"

#define HEADERS_MAX	64u	/* devices send some 10 */

static const struct start {
	struct span	line;
	const char	*method;
} starts[] = {
	{ SPAN_LIT("M-SEARCH * HTTP/1."), "M-SEARCH" },
	{ SPAN_LIT("NOTIFY * HTTP/1."), "NOTIFY" },
	{ SPAN_LIT("HTTP/1.1 200"), "response" },
	{ SPAN_LIT("HTTP/1.0 200"), "response" },
};

static const struct header {
	struct span	name;
	unsigned	field;
} headers[] = {
	{ SPAN_LIT("ST"), FIELD_SSDP_TARGET },
	{ SPAN_LIT("NT"), FIELD_SSDP_TARGET },
	{ SPAN_LIT("NTS"), FIELD_SSDP_NTS },
	{ SPAN_LIT("USN"), FIELD_SSDP_USN },
	{ SPAN_LIT("SERVER"), FIELD_SSDP_SERVER },
	{ SPAN_LIT("LOCATION"), FIELD_SSDP_LOCATION },
	{ SPAN_LIT("USER-AGENT"), FIELD_SSDP_USER_AGENT },
};

static const struct start *
start_of(struct span data)
{
	for (size_t i = 0; i < NITEMS(starts); i++)
		if (span_starts_nocase(data, starts[i].line))
			return &starts[i];
	return NULL;
}

static enum probe_result
ssdp_probe(const struct probe *p)
{
	return p->is_udp && start_of(p->data) != NULL ? PROBE_YES : PROBE_NO;
}

/* The line without its end; false: none is left. */
static bool
next_line(struct span *rest, struct span *line)
{
	size_t n = span_find_byte(*rest, '\n');

	if (rest->len == 0)
		return false;
	*line = span_trim(span_sub(*rest, 0, n));
	*rest = n == SPAN_NPOS ? SPAN_NONE : span_sub(*rest, n + 1, SIZE_MAX);
	return true;
}

/* The first header of a name counts; the rest of a line without colon is
 * passed over.  false: there is such a line. */
static bool
add_header(struct batch *b, struct span line, bool *seen)
{
	size_t n = span_find_byte(line, ':');
	struct span name = span_trim(span_sub(line, 0, n));
	struct span value;

	if (n == SPAN_NPOS)
		return false;
	value = span_trim(span_sub(line, n + 1, SIZE_MAX));
	for (size_t i = 0; i < NITEMS(headers); i++) {
		unsigned field = headers[i].field;

		if (!span_eq_nocase(name, headers[i].name))
			continue;
		/* ST and NT are one field */
		if (!seen[i == 1 ? 0 : i])
			event_add_str(b, field, value);
		seen[i == 1 ? 0 : i] = true;
		break;
	}
	return true;
}

static void
ssdp_dgram(struct dec *d, void *state, const struct seg *seg)
{
	const struct start *start = start_of(seg->data);
	bool seen[NITEMS(headers)] = { false }, ended = false, bad = false;
	struct span rest = seg->data, line;

	(void)state;
	if (start == NULL) {
		dec_weird(d, WEIRD_SSDP_BAD);
		return;
	}
	if (!dec_event(d, KIND_SSDP, seg->time, seg->record, seg->offset))
		return;
	event_add_str(d->batch, FIELD_SSDP_METHOD, span_str(start->method));
	(void)next_line(&rest, &line);
	for (unsigned i = 0; !ended && next_line(&rest, &line); i++) {
		ended = line.len == 0;
		if (i == HEADERS_MAX) {
			dec_weird(d, WEIRD_SSDP_LIMIT);
			ended = true;
		} else if (!ended && !add_header(d->batch, line, seen)) {
			bad = true;
		}
	}
	if (bad)
		dec_weird(d, WEIRD_SSDP_BAD);
	event_end(d->batch);
}

static const uint8_t ssdp_kinds[] = { KIND_SSDP, KIND_NONE };

const struct decoder decoder_ssdp = {
	.name = "ssdp",
	.title = "SSDP (UPnP discovery)",
	.doc = "Searches, announcements and answers: target, name, software "
	    "and place of the description. Left: other headers. UPnP Device "
	    "Architecture 2.0, 1.1 to 1.3.",
	.kinds = ssdp_kinds,
	.probe = ssdp_probe,
	.dgram = ssdp_dgram,
};
