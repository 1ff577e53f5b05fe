/* SPDX-License-Identifier: Apache-2.0
 *
 * What several detectors need to say and to ask.
 */
#include "detect.h"

void
text_clip(struct buf *b, struct span s, size_t max)
{
	if (s.len <= max) {
		buf_span(b, s);
		return;
	}
	buf_put(b, s.ptr, max);
	buf_str(b, "…");
}

void
text_addr(struct buf *b, const struct addr *a)
{
	addr_put(b, a->b, sizeof(a->b));
}

void
text_duration(struct buf *b, int64_t ns)
{
	double s = MAX_OF((double)ns / 1e9, 1.0);

	if (s < 120)
		buf_printf(b, "%.0f s", s);
	else if (s < 7200)
		buf_printf(b, "%.0f min", s / 60);
	else if (s < 48 * 3600)
		buf_printf(b, "%.3g h", s / 3600);
	else
		buf_printf(b, "%.0f days", s / 86400);
}

void
set_text(char *dst, size_t size, struct span s)
{
	size_t n = MIN_OF(s.len, size - 1);

	if (n != 0)
		memcpy(dst, s.ptr, n);
	dst[n] = '\0';
}

void
text_who(struct buf *b, struct span s)
{
	if (s.len == 0)
		buf_str(b, "somebody");
	else
		text_clip(b, s, 128);
}

void
text_server(struct buf *b, struct span s)
{
	if (s.len == 0)
		buf_str(b, "the server of this log");
	else
		text_clip(b, s, 128);
}

struct span
http_server(struct arena *m, const struct event *e)
{
	static const uint16_t order[] = {
		FIELD_DST_IP, FIELD_HTTP_VHOST, FIELD_HTTP_HOST
	};

	for (size_t i = 0; i < NITEMS(order); i++) {
		struct span s = event_text(m, e, order[i]);

		if (s.len != 0)
			return s;
	}
	return SPAN_NONE;
}

struct span
http_path(const struct event *e)
{
	struct span s = event_str(e, FIELD_HTTP_PATH);
	size_t end;

	if (s.len == 0)
		s = event_str(e, FIELD_HTTP_URI);
	end = span_find_byte(s, '?');
	if (end != SPAN_NPOS)
		s.len = end;
	return s;
}

bool
path_is_script(struct span path)
{
	static const char *const endings[] = {
		".php", ".phtml", ".php5", ".php7", ".phar", ".jsp", ".jspx",
		".jspf", ".asp", ".aspx", ".ashx", ".asmx", ".asa", ".cer",
		".cfm", ".cgi", ".pl", ".py", ".sh", ".do", ".action"
	};
	size_t cut = span_find_byte(path, ';');	/* a.jsp;jsessionid=… */

	if (cut != SPAN_NPOS)
		path.len = cut;
	for (size_t i = 0; i < NITEMS(endings); i++)
		if (span_ends_nocase(path, span_str(endings[i])))
			return true;
	return false;
}

bool
small_set_has(const struct small_set *set, struct span s)
{
	uint64_t h = hash_bytes(s.ptr, s.len, 11);

	for (uint32_t i = 0; i < set->n; i++)
		if (set->h[i] == h)
			return true;
	return false;
}

bool
small_set_add(struct small_set *set, struct span s)
{
	if (set->n == SMALL_SET_MAX || small_set_has(set, s))
		return false;
	set->h[set->n++] = hash_bytes(s.ptr, s.len, 11);
	return true;
}
