/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripts uploaded: multipart bodies (RFC 7578) and PUT.
 */
#include "detect_drive.h"

static unsigned
upload(const char *method, const char *path, const char *body, unsigned status)
{
	again();
	at(KIND_HTTP, 0);
	addr(FIELD_SRC_IP, "203.0.113.77");
	addr(FIELD_DST_IP, "192.0.2.10");
	str(FIELD_HTTP_METHOD, method);
	str(FIELD_HTTP_URI, path);
	if (body != NULL)
		str(FIELD_HTTP_REQ_BODY, body);
	if (status != 0)
		num(FIELD_HTTP_STATUS, status);
	return hunt("web-upload");
}

#define PART(name)	"--b\r\nContent-Disposition: form-data; name=\"f\"; " \
			"filename=\"" name "\"\r\n\r\nx\r\n"

static void
multipart(void **unused)
{
	(void)unused;
	assert_int_equal(upload("POST", "/up.jsp?x=1", PART("i.jsp"), 200), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	ENTITY_IS(0, FILE, "i.jsp");
	ENTITY_IS(0, URL, "/up.jsp");
	ENTITY_IS(0, HOST, "192.0.2.10");
	assert_true(says(0, "uploaded the script i.jsp to 192.0.2.10 "
	    "(POST /up.jsp, answered 200)"));
	/* the second part; case; parameters behind the name */
	assert_int_equal(upload("POST", "/u", PART("a.txt") PART("B.PhP"),
	    302), 1);
	assert_int_equal(upload("POST", "/u", PART("c.jsp;.png"), 200), 1);
	assert_int_equal(upload("POST", "/u", PART("x.aspx"), 403), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_int_equal(upload("POST", "/u", PART("x.aspx"), 0), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);	/* no answer */
}

static void
harmless(void **unused)
{
	(void)unused;
	assert_int_equal(upload("POST", "/u", PART("a.png"), 200), 0);
	assert_int_equal(upload("POST", "/u", PART(""), 200), 0);
	assert_int_equal(upload("POST", "/u", PART("php"), 200), 0);
	assert_int_equal(upload("POST", "/u", PART("server.cer"), 200), 0);
	assert_int_equal(upload("POST", "/u", "filename=\"a.jsp", 200), 0);
	assert_int_equal(upload("POST", "/u.php", "a=b", 200), 0);
	assert_int_equal(upload("POST", "/u.php", NULL, 200), 0);
	assert_int_equal(upload("GET", "/u", PART("a.jsp"), 200), 0);
	assert_int_equal(upload("PUT", "/api/order.do", "{}", 200), 0);
	assert_int_equal(upload("PUT", "/a.txt", "x", 201), 0);
}

static void
put_method(void **unused)
{
	(void)unused;
	assert_int_equal(upload("PUT", "/a.jsp?x", NULL, 201), 1);
	ENTITY_IS(0, FILE, "/a.jsp");
	assert_int_equal(upload("PUT", "/a.jsp/", NULL, 201), 0);
}

/* -- what detectors share --------------------------------------------------------- */

static void
scripts(void **unused)
{
	(void)unused;
	assert_true(path_is_script(SPAN_LIT("/a.JSP")));
	assert_true(path_is_script(SPAN_LIT("/a.jsp;jsessionid=1.png")));
	assert_true(path_is_script(SPAN_LIT("a.aspx")));
	assert_false(path_is_script(SPAN_LIT("/a.jsp.png")));
	assert_false(path_is_script(SPAN_LIT("/ajsp")));
	assert_false(path_is_script(SPAN_NONE));
}

static void
paths(void **unused)
{
	struct event *e;

	(void)unused;
	e = at(KIND_HTTP, 0);
	assert_int_equal(http_path(e).len, 0);
	str(FIELD_HTTP_URI, "/a/b?c=?d");
	assert_true(span_eq(http_path(e), SPAN_LIT("/a/b")));
	str(FIELD_HTTP_PATH, "/p");
	assert_true(span_eq(http_path(e), SPAN_LIT("/p")));
	assert_int_equal(http_server(&dr.m, e).len, 0);
	str(FIELD_HTTP_HOST, "h.example");
	assert_true(span_eq(http_server(&dr.m, e), SPAN_LIT("h.example")));
	str(FIELD_HTTP_VHOST, "v.example");
	assert_true(span_eq(http_server(&dr.m, e), SPAN_LIT("v.example")));
	addr(FIELD_DST_IP, "2001:db8::1");
	assert_true(span_eq(http_server(&dr.m, e), SPAN_LIT("2001:db8::1")));
}

static void
small_sets(void **unused)
{
	struct small_set set = { 0 };

	(void)unused;
	for (uint32_t i = 0; i < SMALL_SET_MAX; i++) {
		assert_true(small_set_add(&set, span_of(&i, 4)));
		assert_false(small_set_add(&set, span_of(&i, 4)));
	}
	assert_false(small_set_add(&set, SPAN_LIT("one more")));
	assert_int_equal(set.n, SMALL_SET_MAX);
	assert_false(small_set_has(&set, SPAN_LIT("one more")));
}

static void
texts(void **unused)
{
	struct buf b;
	char fixed[4];

	(void)unused;
	buf_init(&b, 0);
	text_clip(&b, SPAN_LIT("abc"), 3);
	text_clip(&b, SPAN_LIT("abcd"), 3);
	text_who(&b, SPAN_NONE);
	assert_true(span_eq(buf_view(&b), SPAN_LIT("abcabc…somebody")));
	buf_fini(&b);
	set_text(fixed, sizeof(fixed), SPAN_LIT("abcdef"));
	assert_string_equal(fixed, "abc");
	set_text(fixed, sizeof(fixed), SPAN_NONE);
	assert_string_equal(fixed, "");
}

static void
by_name(void **unused)
{
	(void)unused;
	assert_non_null(detector_find(SPAN_LIT("web-upload")));
	assert_ptr_equal(detector_find(SPAN_LIT("web-upload")),
	    detector_find(SPAN_LIT("web_upload")));
	assert_null(detector_find(SPAN_LIT("web")));
	assert_null(detector_find(SPAN_NONE));
	for (size_t i = 0; i < ndetectors; i++) {
		const struct detector *d = detectors[i];

		assert_ptr_equal(detector_find(span_str(d->name)), d);
		assert_true(d->advice[0] != '\0' && d->doc[0] != '\0');
		/* none where the alert itself names the techniques */
		assert_true(d->attack[0] == 'T' || d->attack[0] == '\0');
		assert_true(d->confidence <= 100);
		/* every event ends up somewhere: kept ones need a note() */
		assert_true(d->event != NULL || d->flow != NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(multipart), T(harmless), T(put_method), T(scripts),
		T(paths), T(small_sets), T(texts), T(by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
