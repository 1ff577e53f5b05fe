/* SPDX-License-Identifier: Apache-2.0
 *
 * W3C extended logs.  The first example is the one of Microsoft's documentation
 * of the format; times were converted with date(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "decode.h"

extern const struct decoder decoder_w3c;

static struct demand want;
static struct weirds weirds;
static struct batch b;
static void *keep;

static int
setup(void **state)
{
	(void)state;
	demand_all(&want);
	weirds_init(&weirds);
	keep = calloc(1, decoder_w3c.state_size);
	return keep != NULL && batch_init(&b, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	batch_fini(&b);
	free(keep);
	return 0;
}

static void
read_line(const char *s)
{
	struct record r = { .data = span_str(s), .time = TIME_NONE,
	    .no = 7, .offset = 99, .type = REC_LINE };
	struct dec d = { .batch = &b, .rec = &r };

	decoder_w3c.record(&d, keep, &r);
}

static void
str_is(size_t event, unsigned field, const char *text)
{
	struct span s;

	assert_true(event < b.nevents);
	s = event_str(&b.events[event], field);
	if (text == NULL) {
		assert_null(event_get(&b.events[event], field));
		return;
	}
	if (!span_eq(s, span_str(text)))
		fail_msg("%s is \"%.*s\", not \"%s\"", field_name(field),
		    (int)s.len, s.ptr == NULL ? "" : (const char *)s.ptr,
		    text);
}

static void
other_is(size_t event, const char *name, const char *text)
{
	const struct value *v;

	assert_true(event < b.nevents);
	v = event_get_name(&b.events[event], span_str(name));
	if (text == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_true(span_eq(span_of(v->ptr, v->len), span_str(text)));
}

static void
num_is(size_t event, unsigned field, uint64_t n)
{
	uint64_t got;

	assert_true(event < b.nevents);
	assert_true(event_u64(&b.events[event], field, &got));
	assert_int_equal(got, n);
}

static void
addr_is(size_t event, unsigned field, const char *text)
{
	struct addr a, w;

	assert_true(event < b.nevents);
	assert_true(addr_parse(span_str(text), &w));
	assert_true(event_addr(&b.events[event], field, &a));
	assert_true(addr_eq(&a, &w));
}

static void
seconds_are(size_t event, double seconds)
{
	const struct value *v = event_get(&b.events[event],
	    FIELD_HTTP_TIME_TAKEN);

	assert_non_null(v);
	assert_true(v->type == VT_F64 && v->f64 > seconds - 1e-9 &&
	    v->f64 < seconds + 1e-9);
}

static void
test_documented(void **state)
{
	(void)state;
	read_line("#Software: Internet Information Services 6.0");
	read_line("#Version: 1.0");
	read_line("#Date: 2001-05-02 17:42:15");
	read_line("#Fields: time c-ip cs-method cs-uri-stem sc-status "
	    "cs-version");
	read_line("17:42:15 172.16.255.255 GET /default.htm 200 HTTP/1.0");
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].kind, KIND_HTTP);
	assert_int_equal(b.events[0].time, 988825335 * NSEC);
	assert_int_equal(b.events[0].loc.record, 7);
	addr_is(0, FIELD_SRC_IP, "172.16.255.255");
	str_is(0, FIELD_HTTP_METHOD, "GET");
	str_is(0, FIELD_HTTP_URI, "/default.htm");
	str_is(0, FIELD_HTTP_PATH, "/default.htm");
	str_is(0, FIELD_HTTP_QUERY, NULL);
	str_is(0, FIELD_HTTP_VERSION, "1.0");
	num_is(0, FIELD_HTTP_STATUS, 200);
	num_is(0, FIELD_HTTP_LOG, 1);
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], 0);
}

/* What IIS 10 writes by default. */
#define IIS10 \
	"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port " \
	"cs-username c-ip cs(User-Agent) cs(Referer) sc-status " \
	"sc-substatus sc-win32-status time-taken"

static void
test_iis10(void **state)
{
	(void)state;
	read_line(IIS10);
	read_line("2021-03-03 04:10:01 10.0.0.5 POST /owa/auth/x.js a=b+c&d 443 "
	    "CORP\\j.doe 2001:db8::9 Mozilla/5.0+(Windows+NT+10.0) - 500 0 64 "
	    "15250");
	read_line("2021-03-03 04:10:02 10.0.0.5 GET / - 80 - 192.0.2.1 - "
	    "https://x/y+z 304 0 0 0");
	assert_int_equal(b.nevents, 2);
	assert_int_equal(b.events[0].time, 1614744601 * NSEC);
	addr_is(0, FIELD_DST_IP, "10.0.0.5");
	addr_is(0, FIELD_SRC_IP, "2001:db8::9");
	num_is(0, FIELD_DST_PORT, 443);
	str_is(0, FIELD_HTTP_METHOD, "POST");
	str_is(0, FIELD_HTTP_URI, "/owa/auth/x.js?a=b+c&d");
	str_is(0, FIELD_HTTP_PATH, "/owa/auth/x.js");
	str_is(0, FIELD_HTTP_QUERY, "a=b+c&d");
	str_is(0, FIELD_HTTP_USER, "CORP\\j.doe");
	str_is(0, FIELD_HTTP_USER_AGENT, "Mozilla/5.0 (Windows NT 10.0)");
	str_is(0, FIELD_HTTP_REFERER, NULL);
	num_is(0, FIELD_HTTP_STATUS, 500);
	num_is(0, FIELD_HTTP_SUBSTATUS, 0);
	num_is(0, FIELD_HTTP_WIN32, 64);
	seconds_are(0, 15.25);
	assert_int_equal(b.events[1].time, 1614744602 * NSEC);
	str_is(1, FIELD_HTTP_URI, "/");
	str_is(1, FIELD_HTTP_USER, NULL);
	str_is(1, FIELD_HTTP_USER_AGENT, NULL);
	str_is(1, FIELD_HTTP_REFERER, "https://x/y+z");
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], 0);
}

static void
test_fields_change(void **state)
{
	(void)state;
	read_line("#Fields: date time c-ip cs-method cs-uri-stem s-computername");
	read_line("2021-03-03 23:59:59 192.0.2.1 GET /a WEB1");
	read_line("#Fields: date time cs-uri-stem cs-method c-ip x-odd "
	    "cs(Cookie) cs-host cs-bytes sc-bytes");
	read_line("2021-03-04 00:00:00 /b HEAD 192.0.2.2 odd "
	    "a=1+2;+b=3 h:8080 17 4711");
	assert_int_equal(b.nevents, 2);
	str_is(0, FIELD_HTTP_URI, "/a");
	other_is(0, "s-computername", "WEB1");
	str_is(1, FIELD_HTTP_METHOD, "HEAD");
	str_is(1, FIELD_HTTP_URI, "/b");
	addr_is(1, FIELD_SRC_IP, "192.0.2.2");
	other_is(1, "x-odd", "odd");
	other_is(1, "s-computername", NULL);
	str_is(1, FIELD_HTTP_COOKIE, "a=1+2; b=3");
	str_is(1, FIELD_HTTP_HOST, "h:8080");
	num_is(1, FIELD_HTTP_REQ_LEN, 17);
	num_is(1, FIELD_HTTP_RESP_LEN, 4711);
	assert_int_equal(b.events[1].time - b.events[0].time, NSEC);
}

static void
test_cloudfront(void **state)
{
	(void)state;
	read_line("#Version: 1.0");
	read_line("#Fields: date time x-edge-location sc-bytes c-ip cs-method "
	    "cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
	    "cs-uri-query time-taken cs-protocol-version");
	read_line("2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\t"
	    "d111.cloudfront.net\t/index.html\t200\t-\t"
	    "Mozilla/5.0%20(X11)\t-\t0.125\tHTTP/2.0");
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].time, 1575493351 * NSEC);
	str_is(0, FIELD_HTTP_HOST, "d111.cloudfront.net");
	str_is(0, FIELD_HTTP_URI, "/index.html");
	str_is(0, FIELD_HTTP_USER_AGENT, "Mozilla/5.0 (X11)");
	str_is(0, FIELD_HTTP_VERSION, "2.0");
	other_is(0, "x-edge-location", "LAX1");
	seconds_are(0, 0.125);
}

#define HTTPPROXY \
	"DateTime,RequestId,ClientIpAddress,HttpStatus,Method,UrlHost," \
	"UrlStem,UrlQuery,UserAgent,Protocol,AuthenticatedUser,GenericErrors"

static void
test_exchange(void **state)
{
	(void)state;
	read_line(HTTPPROXY);
	read_line("#Software: Microsoft Exchange Server");
	read_line("#Log-type: HttpProxy Logs");
	read_line("#Date: 2021-08-20T00:00:01.123Z");
	read_line("#Fields: " HTTPPROXY);
	read_line("2021-08-20T00:00:02.250Z,1-2-3,192.0.2.66,200,POST,mail.x,"
	    "/autodiscover/autodiscover.json,"
	    "?@evil.example/powershell/?X-Rps-CAT=VgEA,"
	    "\"Mozilla/5.0 (a, \"\"b\"\")\",Autodiscover,,");
	read_line(HTTPPROXY);
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].kind, KIND_HTTP);
	assert_int_equal(b.events[0].time, 1629417602 * NSEC + 250000000);
	addr_is(0, FIELD_SRC_IP, "192.0.2.66");
	num_is(0, FIELD_HTTP_STATUS, 200);
	str_is(0, FIELD_HTTP_METHOD, "POST");
	str_is(0, FIELD_HTTP_HOST, "mail.x");
	str_is(0, FIELD_HTTP_URI, "/autodiscover/autodiscover.json?"
	    "@evil.example/powershell/?X-Rps-CAT=VgEA");
	str_is(0, FIELD_HTTP_QUERY,
	    "@evil.example/powershell/?X-Rps-CAT=VgEA");
	str_is(0, FIELD_HTTP_USER_AGENT, "Mozilla/5.0 (a, \"b\")");
	str_is(0, FIELD_HTTP_USER, NULL);
	str_is(0, FIELD_PROTO, NULL);
	other_is(0, "Protocol", "Autodiscover");
	other_is(0, "RequestId", "1-2-3");
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], 0);
}

static void
test_firewall(void **state)
{
	(void)state;
	read_line("#Version: 1.5");
	read_line("#Fields: date time action protocol src-ip dst-ip src-port "
	    "dst-port size");
	read_line("2021-03-03 04:10:01 DROP TCP 192.0.2.1 10.0.0.5 55555 445 "
	    "52");
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].kind, KIND_LINE);
	addr_is(0, FIELD_SRC_IP, "192.0.2.1");
	num_is(0, FIELD_DST_PORT, 445);
	other_is(0, "action", "DROP");
	other_is(0, "protocol", "TCP");
	str_is(0, FIELD_HTTP_URI, NULL);
	str_is(0, FIELD_TEXT, "2021-03-03 04:10:01 DROP TCP 192.0.2.1 10.0.0.5 "
	    "55555 445 52");
}

static void
test_full_uri(void **state)
{
	(void)state;
	read_line("#Fields: date time c-ip cs-method cs-uri sc-status");
	read_line("2021-03-03 04:10:01 192.0.2.1 GET http://h.example/p?q 200");
	str_is(0, FIELD_HTTP_URI, "http://h.example/p?q");
	str_is(0, FIELD_HTTP_HOST, "h.example");
	str_is(0, FIELD_HTTP_PATH, "/p");
	str_is(0, FIELD_HTTP_QUERY, "q");
}

static void
test_only_wanted(void **state)
{
	(void)state;
	memset(&want, 0, sizeof(want));
	demand_kind(&want, KIND_HTTP);
	demand_field(&want, FIELD_HTTP_STATUS);
	read_line(IIS10);
	read_line("2021-03-03 04:10:02 10.0.0.5 GET / a 80 - 192.0.2.1 b+c d "
	    "304 0 0 0");
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].nfields, 1);
	assert_int_equal(arena_used(&b.arena) <= sizeof(struct field), 1);
}

static void
test_broken(void **state)
{
	static const char *const broken[] = {
		"2021-03-03 04:10:02 GET",			/* too few */
		"2021-03-03 04:10:02 GET / 200 and more",	/* too many */
		"2021-03-33 04:10:02 GET / 200",
		"2021-03-03 24:10:02 GET / 200",
		"2021-3-03 04:10:02 GET / 200",
		"- 04:10:02 GET / 200",
		"2021-03-03 - GET / 200",
		"date time cs-method cs-uri-stem",
	};

	(void)state;
	read_line("2021-03-03 04:10:02 GET / 200");	/* before #Fields */
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], 1);
	read_line("#Fields: date time cs-method cs-uri-stem sc-status");
	for (size_t i = 0; i < NITEMS(broken); i++) {
		read_line(broken[i]);
		assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], i + 2);
	}
	assert_int_equal(b.nevents, 0);
	read_line("");
	read_line("#");
	read_line("#Remark: nothing");
	read_line("2021-03-03 04:10:02 GET / 200");
	assert_int_equal(b.nevents, 1);
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], NITEMS(broken) + 1);
}

/* More columns and longer names than are kept. */
static void
test_limits(void **state)
{
	char fields[20000] = "#Fields:", line[2000] = "";
	char name[400];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[0] = ' ';
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 40; i++)
		strcat(fields, name);
	for (int i = 0; i < 300; i++)
		strcat(fields, " x");
	read_line(fields);
	for (int i = 0; i < 128; i++)
		strcat(line, i == 0 ? "v" : " v");
	read_line(line);
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].time, TIME_NONE);
	read_line("#Fields:");
	read_line("v");
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], 1);
}

static void
test_match(void **state)
{
	static const struct { const char *line; bool yes; } c[] = {
		{ "#Software: Microsoft Internet Information Services 10.0", true },
		{ "#Version: 1.0", true }, { "#Fields: date time", true },
		{ "#Date: 2021-03-03 04:10:00", true }, { HTTPPROXY, true },
		{ "# comment", false }, { "#separator \\x09", false },
		{ "#fields\tts\tuid", false }, { "", false },
		{ "2021-03-03 04:10:02 GET / 200", false },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(c); i++) {
		struct record r = { .data = span_str(c[i].line),
		    .type = REC_LINE };

		assert_int_equal(decoder_w3c.match(&r) > 0, c[i].yes);
	}
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_documented), TEST(test_iis10),
		TEST(test_fields_change), TEST(test_cloudfront),
		TEST(test_exchange), TEST(test_firewall),
		TEST(test_full_uri), TEST(test_only_wanted),
		TEST(test_broken), TEST(test_limits), TEST(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
