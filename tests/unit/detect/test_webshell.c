/* SPDX-License-Identifier: Apache-2.0
 *
 * Web shells: by what a family sends, and by who calls a path and how.  All
 * samples are inert text.
 */
#include "detect_drive.h"

static const char *client = "198.51.100.23";

static struct event *
req(double sec, const char *method, const char *path, unsigned status)
{
	struct event *e = at(KIND_HTTP, sec);

	addr(FIELD_SRC_IP, client);
	addr(FIELD_DST_IP, "192.0.2.10");
	str(FIELD_HTTP_METHOD, method);
	str(FIELD_HTTP_URI, path);
	str(FIELD_HTTP_PATH, path);
	num(FIELD_HTTP_STATUS, status);
	num(FIELD_HTTP_RESP_LEN, 100 + (unsigned)sec);
	return e;
}

static void
posts(unsigned n, const char *path)
{
	for (unsigned i = 0; i < n; i++)
		req(i * 60., "POST", path, 200);
}

/* -- families -------------------------------------------------------------------- */

static unsigned
answer(const char *path, const char *body)
{
	again();
	req(0, "POST", path, 200);
	str(FIELD_HTTP_RESP_BODY, body);
	return hunt("webshell");
}

static void
families(void **unused)
{
	(void)unused;
	req(0, "GET", "/x", 200);
	str(FIELD_HTTP_HEADERS, "Host: a\r\nx-client-data: rebeyond\r\n");
	assert_int_equal(hunt("webshell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_CRITICAL);
	assert_true(says(0, "Tomcat memory shell"));
	ENTITY_IS(0, URL, "/x");
	again();	/* what Chrome sends under that name */
	req(0, "GET", "/x", 200);
	str(FIELD_HTTP_HEADERS, "Host: a\r\nX-Client-Data: CIW2yQEIprbJAQ==\r\n"
	    "X: y\r\n");
	assert_int_equal(hunt("webshell"), 0);
	again();
	req(0, "POST", "/t.aspx", 200);
	str(FIELD_HTTP_HEADERS, "X-CMD: CONNECT\r\n");
	str(FIELD_HTTP_RESP_HEADERS, "X-STATUS: OK\r\n");
	assert_int_equal(hunt("webshell"), 1);
	assert_true(says(0, "reGeorg"));
	again();
	req(0, "POST", "/t.aspx?cmd=connect&target=10.0.0.1&port=3389", 200);
	assert_int_equal(hunt("webshell"), 0);	/* asked, not answered */
	str(FIELD_HTTP_RESP_HEADERS, "X-STATUS: FAIL\r\n");
	assert_int_equal(hunt("webshell"), 1);
	assert_int_equal(answer("/a.php", "->|root|<-"), 1);
	assert_true(says(0, "China Chopper"));
	assert_int_equal(answer("/a.php", "->|root"), 0);
	again();
	req(0, "POST", "/a.php", 200);
	str(FIELD_HTTP_REQ_BODY, "z0=QGluaV9zZXQoImRpc3BsYXlfZXJyb3JzIiwiMCIp"
	    "Ow==");
	assert_int_equal(hunt("webshell"), 1);
}

static void
godzilla(void **unused)
{
	(void)unused;
	assert_int_equal(answer("/a.jsp", "11cd6a8758984163"
	    "fL1tMGI4YTljOzE2Zm8KLQ==6c37ac826a2a04bc"), 1);
	assert_true(says(0, "Godzilla"));
	/* no script; fences alike; all hexadecimal; not base64; upper case */
	assert_int_equal(answer("/a.css", "11cd6a8758984163"
	    "fL1tMGI4YTljOzE2Zm8KLQ==6c37ac826a2a04bc"), 0);
	assert_int_equal(answer("/a.jsp", "11cd6a8758984163"
	    "fL1tMGI4YTljOzE2Zm8KLQ==11cd6a8758984163"), 0);
	assert_int_equal(answer("/a.jsp", "11cd6a875898416311cd6a87589841636"
	    "c37ac826a2a04bc6c37ac826a2a04b"), 0);
	assert_int_equal(answer("/a.jsp", "11cd6a8758984163"
	    "<html> hello world </htm>6c37ac826a2a04bc"), 0);
	assert_int_equal(answer("/a.jsp", "11CD6A8758984163"
	    "fL1tMGI4YTljOzE2Zm8KLQ==6C37AC826A2A04BC"), 0);
	assert_int_equal(answer("/a.jsp", ""), 0);
}

/* -- a path over time --------------------------------------------------------------- */

static void
in_uploads(void **unused)
{
	(void)unused;
	posts(3, "/app/uploads/img_0712.jsp");
	assert_int_equal(hunt("webshell"), 1);
	assert_int_equal(dr.found[0].confidence, 75);
	assert_int_equal(dr.found[0].count, 3);
	assert_true(says(0, "posted 3 times to /app/uploads/img_0712.jsp"));
	assert_true(says(0, "never from a page"));
	ENTITY_IS(0, SRC_IP, "198.51.100.23");
	ENTITY_IS(0, HOST, "192.0.2.10");
	again();
	posts(2, "/app/uploads/img_0712.jsp");	/* too few to tell */
	assert_int_equal(hunt("webshell"), 0);
}

static void
uploaded_before(void **unused)
{
	(void)unused;
	req(0, "POST", "/profile/save", 302);
	str(FIELD_HTTP_REQ_BODY, "--b\r\nContent-Disposition: form-data; "
	    "name=\"f\"; filename=\"me.php\"\r\n\r\nx\r\n--b--");
	for (unsigned i = 0; i < 3; i++)
		req(10 + i, "POST", "/people/me.php", 200);
	assert_int_equal(hunt("webshell"), 1);
	assert_true(says(0, "had just been uploaded"));
}

static void
opaque_tokens(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 4; i++) {
		req(i, "POST", "/news/index2.php", 200);
		str(FIELD_HTTP_REQ_BODY,
		    "pass=3aF%2BZk9yQm1hbmQgb25seSBhIHNhbXBsZQ%3D%3D");
		str(FIELD_HTTP_RESP_BODY, "Zk9yQm1hbmQgb25seSBhIHNhbXBsZQ==");
	}
	assert_int_equal(hunt("webshell"), 1);
	assert_true(says(0, "opaque tokens"));
}

static void
harmless(void **unused)
{
	(void)unused;
	/* a form that many use, from its page */
	for (unsigned i = 0; i < 40; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		client = ip;
		req(i, "POST", "/uploads/contact.php", 200);
		str(FIELD_HTTP_REFERER, "https://example.org/contact");
	}
	client = "198.51.100.23";
	assert_int_equal(hunt("webshell"), 0);
	/* machine interfaces */
	again();
	posts(50, "/xmlrpc.php");
	posts(50, "/EWS/Exchange.asmx");
	posts(50, "/wp-admin/admin-ajax.php");
	posts(50, "/api/hook.php");
	posts(50, "/api/v1/orders");
	assert_int_equal(hunt("webshell"), 0);
	/* knocking where nothing is */
	again();
	for (unsigned i = 0; i < 50; i++)
		req(i, "POST", "/uploads/shell.php", 404);
	assert_int_equal(hunt("webshell"), 0);
	/* pages read by many */
	again();
	for (unsigned i = 0; i < 50; i++)
		req(i, "GET", "/uploads/gallery.php", 200);
	assert_int_equal(hunt("webshell"), 0);
}

/* A walk over paths that are not there must not fill the table before the
 * shell comes. */
static void
walk_does_not_blind(void **unused)
{
	const struct detector *row = detector_find(SPAN_LIT("webshell"));
	struct detect d = { .row = row, .weirds = &dr.weirds,
	    .raise = on_raise, .keep = no_keep };
	void *state = calloc(1, row->state_size);
	char path[64];

	(void)unused;
	buf_init(&d.text, 0);
	buf_init(&d.fold, 0);
	assert_true(row->init(state));
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "/guess/%u.php", i);
		again();
		row->note(&d, state, req(i, "GET", path, 404));
	}
	for (unsigned i = 0; i < 5; i++) {
		again();
		row->note(&d, state, req(30000 + i, "POST",
		    "/uploads/real.php", 200));
	}
	again();
	row->end(&d, state);
	assert_int_equal(dr.nfound, 1);
	assert_int_equal(dr.weirds.count[WEIRD_DETECTOR_TABLE], 0);
	row->fini(state);
	free(state);
	buf_fini(&d.text);
	buf_fini(&d.fold);
}

/* More paths than the table has room for: counted, not grown. */
static void
table_full(void **unused)
{
	const struct detector *row = detector_find(SPAN_LIT("webshell"));
	struct detect d = { .row = row, .weirds = &dr.weirds,
	    .raise = on_raise, .keep = no_keep };
	void *state = calloc(1, row->state_size);
	char path[64];

	(void)unused;
	buf_init(&d.text, 0);
	buf_init(&d.fold, 0);
	assert_true(row->init(state));
	for (unsigned i = 0; i < 16384 + 7; i++) {
		snprintf(path, sizeof(path), "/page/%u.php", i);
		again();
		row->note(&d, state, req(i, "GET", path, 200));
	}
	assert_int_equal(dr.weirds.count[WEIRD_DETECTOR_TABLE], 7);
	row->end(&d, state);
	assert_int_equal(dr.nfound, 0);
	row->fini(state);
	free(state);
	buf_fini(&d.text);
	buf_fini(&d.fold);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(families), T(godzilla), T(in_uploads), T(uploaded_before),
		T(opaque_tokens), T(harmless), T(walk_does_not_blind),
		T(table_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
