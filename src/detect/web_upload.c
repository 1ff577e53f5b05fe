/* SPDX-License-Identifier: Apache-2.0
 *
 * A script is uploaded to a web server, ATT&CK T1190 and T1505.003.
 *
 * Behaviour: a POST or PUT whose multipart body names a file that servers run
 * (filename="x.jsp"), or a PUT of such a path; answered with success.
 *
 * Known false alarms: developers who publish through a web form or WebDAV:
 * tell by the client's address.  Plugin and theme archives are no scripts.
 * Needs bodies, so an access log alone shows only the PUT.
 *
 * Cost: one search in the head of POST bodies.
 */
#include "detect.h"

static const uint8_t kinds[] = { KIND_HTTP, KIND_NONE };

static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_HTTP_METHOD, FIELD_HTTP_HOST,
	FIELD_HTTP_VHOST, FIELD_HTTP_PATH, FIELD_HTTP_URI,
	FIELD_HTTP_STATUS, FIELD_HTTP_REQ_BODY, FIELD_OTHER
};

/* Endings that name a mapping or, far more often, a certificate. */
static bool
is_script_file(struct span name)
{
	return path_is_script(name) &&
	    !span_ends_nocase(name, SPAN_LIT(".do")) &&
	    !span_ends_nocase(name, SPAN_LIT(".action")) &&
	    !span_ends_nocase(name, SPAN_LIT(".cer"));
}

/* The file name of a part, RFC 7578 section 4.2; SPAN_NONE if none is a
 * script. */
static struct span
uploaded_script(struct span body)
{
	static const struct span mark = { (const uint8_t *)"filename=\"", 10 };
	size_t at;

	while ((at = span_find_nocase(body, mark)) != SPAN_NPOS) {
		struct span name = span_sub(body, at + mark.len, 256);
		size_t end = span_find_byte(name, '"');

		if (end != SPAN_NPOS)
			name.len = end;
		if (end != SPAN_NPOS && is_script_file(name))
			return name;
		body = span_sub(body, at + mark.len, SIZE_MAX);
	}
	return SPAN_NONE;
}

static bool
is_success(uint64_t status)
{
	return status >= 200 && status < 400;
}

static void
web_upload_event(struct detect *d, const struct event *e)
{
	struct span method = event_str(e, FIELD_HTTP_METHOD), name;
	struct finding f;
	struct arena m;
	uint64_t status = 0;
	bool put = span_eq(method, SPAN_LIT("PUT"));

	if (!put && !span_eq(method, SPAN_LIT("POST")))
		return;
	name = put ? http_path(e) :
	    uploaded_script(event_str(e, FIELD_HTTP_REQ_BODY));
	if (name.len == 0 || (put && !is_script_file(name)))
		return;
	event_u64(e, FIELD_HTTP_STATUS, &status);
	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	finding_entity(&f, ENTITY_SRC_IP, &m, e, FIELD_SRC_IP);
	f.entity[ENTITY_DST_IP] = http_server(&m, e);
	f.entity[ENTITY_HOST] = f.entity[ENTITY_DST_IP];
	f.entity[ENTITY_FILE] = name;
	f.entity[ENTITY_URL] = http_path(e);
	if (!is_success(status)) {
		f.severity = SEV_LOW;
		f.confidence = 50;
	}
	text_who(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_str(&d->text, " uploaded the script ");
	text_clip(&d->text, name, 120);
	buf_str(&d->text, " to ");
	text_server(&d->text, f.entity[ENTITY_HOST]);
	buf_str(&d->text, " (");
	text_clip(&d->text, method, 16);
	buf_byte(&d->text, ' ');
	text_clip(&d->text, f.entity[ENTITY_URL], 120);
	if (status != 0)
		buf_printf(&d->text, ", answered %u", (unsigned)status);
	buf_byte(&d->text, ')');
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, name);
	finding_raise(&f, d);
	arena_fini(&m);
}

const struct detector detector_web_upload = {
	.name = "web-upload",
	.title = "Script uploaded to a web server",
	.doc = "A POST or PUT that leaves a file which servers run. False "
	    "alarms: developers who publish through a web form or WebDAV.",
	.attack = "T1190 T1505.003",
	.advice = "Find the named file on the server, keep a copy, see who "
	    "asked for it afterwards, and close the upload form to scripts.",
	.severity = SEV_HIGH,
	.confidence = 75,
	.kinds = kinds,
	.fields = fields,
	.event = web_upload_event,
};
