/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.x: what events a talk gives, however it is cut into segments.
 * Messages are examples of RFC 9110 and RFC 9112 or written by hand after
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow.h"

extern const struct decoder decoder_http;

/* -- a talk and what comes of it ------------------------------------------ */

#define SEGS_MAX	4096

struct talk {
	struct seg	 seg[SEGS_MAX];
	size_t		 n;
	struct demand	 want;
	struct weirds	 weirds;
	struct batch	 b;
};

static struct talk t;

static int
setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	demand_all(&t.want);
	weirds_init(&t.weirds);
	return batch_init(&t.b, &t.want, &t.weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	batch_fini(&t.b);
	return 0;
}

static void
afresh(void)
{
	teardown(NULL);
	assert_int_equal(setup(NULL), 0);
}

static void
said(uint8_t dir, const void *p, size_t len)
{
	assert_true(t.n < SEGS_MAX);
	t.seg[t.n] = (struct seg){
		.data = span_of(p, len), .dir = dir, .record = t.n + 1,
		.offset = 100 * (t.n + 1), .time = (int64_t)(t.n + 1) * NSEC
	};
	t.n++;
}

#define CLIENT(s)	said(DIR_CLIENT, s, sizeof(s) - 1)
#define SERVER(s)	said(DIR_SERVER, s, sizeof(s) - 1)

static void
run(void)
{
	flow_drive(&decoder_http, &t.b, t.seg, t.n);
}

/* The same talk with n bytes a segment; record numbers stay. */
static void
cut(size_t n)
{
	static struct seg whole[SEGS_MAX];
	size_t nwhole = t.n;

	memcpy(whole, t.seg, nwhole * sizeof(*whole));
	t.n = 0;
	for (size_t i = 0; i < nwhole; i++)
		for (size_t at = 0; at < whole[i].data.len; at += n) {
			assert_true(t.n < SEGS_MAX);
			t.seg[t.n] = whole[i];
			t.seg[t.n++].data = span_sub(whole[i].data, at, n);
		}
}

static void
str_is(size_t event, unsigned field, const char *want)
{
	const struct value *v = event_get(&t.b.events[event], field);
	struct span s = event_str(&t.b.events[event], field);

	assert_true(event < t.b.nevents);
	if (want == NULL) {
		assert_null(v);
		return;
	}
	if (v == NULL || !span_eq(s, span_str(want)))
		fail_msg("%s of event %zu is \"%.*s\", not \"%s\"",
		    field_name(field), event, (int)s.len,
		    s.ptr == NULL ? "" : (const char *)s.ptr, want);
}

static void
num_is(size_t event, unsigned field, uint64_t want)
{
	uint64_t n;

	assert_true(event < t.b.nevents);
	assert_true(event_u64(&t.b.events[event], field, &n));
	assert_int_equal(n, want);
}

static void
no_weird(void)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++)
		if (t.weirds.count[i] != 0)
			fail_msg("raised %s", weird_name(i));
}

/* -- one request, one response ---------------------------------------------- */

/* RFC 9112 2.1 and RFC 9110 3.9 */
#define HELLO_REQUEST \
	"GET /hello.txt HTTP/1.1\r\n" \
	"User-Agent: curl/7.64.1\r\n" \
	"Host: www.example.com\r\n" \
	"Accept-Language: en, mi\r\n" \
	"\r\n"
#define HELLO_RESPONSE \
	"HTTP/1.1 200 OK\r\n" \
	"Date: Mon, 27 Jul 2009 12:28:53 GMT\r\n" \
	"Server: Apache\r\n" \
	"Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT\r\n" \
	"ETag: \"34aa387-d-1568eb00\"\r\n" \
	"Accept-Ranges: bytes\r\n" \
	"Content-Length: 51\r\n" \
	"Vary: Accept-Encoding\r\n" \
	"Content-Type: text/plain\r\n" \
	"\r\n" \
	HELLO_BODY
#define HELLO_BODY \
	"Hello World! My content includes a trailing CRLF.\r\n"

static void
is_hello(size_t event)
{
	str_is(event, FIELD_HTTP_METHOD, "GET");
	str_is(event, FIELD_HTTP_URI, "/hello.txt");
	str_is(event, FIELD_HTTP_PATH, "/hello.txt");
	str_is(event, FIELD_HTTP_QUERY, NULL);
	str_is(event, FIELD_HTTP_VERSION, "1.1");
	str_is(event, FIELD_HTTP_HOST, "www.example.com");
	str_is(event, FIELD_HTTP_USER_AGENT, "curl/7.64.1");
	str_is(event, FIELD_HTTP_REFERER, NULL);
	str_is(event, FIELD_HTTP_HEADERS,
	    "User-Agent: curl/7.64.1\r\n"
	    "Host: www.example.com\r\n"
	    "Accept-Language: en, mi\r\n");
	num_is(event, FIELD_HTTP_STATUS, 200);
	str_is(event, FIELD_HTTP_STATUS_TEXT, "OK");
	str_is(event, FIELD_HTTP_RESP_TYPE, "text/plain");
	str_is(event, FIELD_HTTP_RESP_SERVER, "Apache");
	num_is(event, FIELD_HTTP_REQ_LEN, 0);
	num_is(event, FIELD_HTTP_RESP_LEN, 51);
	str_is(event, FIELD_HTTP_RESP_BODY, HELLO_BODY);
	str_is(event, FIELD_HTTP_REQ_BODY, NULL);
}

static void
test_hello(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 1);
	is_hello(0);
	assert_int_equal(t.b.events[0].kind, KIND_HTTP);
	assert_int_equal(t.b.events[0].time, 1 * NSEC);
	assert_int_equal(t.b.events[0].loc.record, 1);
	assert_int_equal(t.b.events[0].loc.offset, 100);
	no_weird();
}

static void
test_hello_cut(void **state)
{
	(void)state;
	for (size_t n = 1; n < 64; n++) {
		afresh();
		CLIENT(HELLO_REQUEST);
		SERVER(HELLO_RESPONSE);
		CLIENT(HELLO_REQUEST);
		SERVER(HELLO_RESPONSE);
		cut(n);
		run();
		assert_int_equal(t.b.nevents, 2);
		is_hello(0);
		is_hello(1);
		assert_int_equal(t.b.events[1].loc.record, 3);
		no_weird();
	}
}

static void
test_all_headers(void **state)
{
	(void)state;
	CLIENT("POST http://[2001:db8::1]:8080/a/b.php?x=1?2&y= HTTP/1.0\n"
	    "hOST:\texample.org:8080 \n"
	    "Referer: http://r/\n"
	    "cookie: a=b; c=d\n"
	    "X-Forwarded-For: 192.0.2.1, 10.0.0.1\n"
	    "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n"
	    "Content-Type: application/x-www-form-urlencoded\n"
	    "Content-Length: 7\n\n"
	    "cmd=pwd");
	SERVER("HTTP/1.0 302 Moved for now\n"
	    "Location: /login\n"
	    "Content-Length: 0\n\n");
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_METHOD, "POST");
	str_is(0, FIELD_HTTP_URI,
	    "http://[2001:db8::1]:8080/a/b.php?x=1?2&y=");
	str_is(0, FIELD_HTTP_PATH, "/a/b.php");
	str_is(0, FIELD_HTTP_QUERY, "x=1?2&y=");
	str_is(0, FIELD_HTTP_VERSION, "1.0");
	str_is(0, FIELD_HTTP_HOST, "example.org:8080");
	str_is(0, FIELD_HTTP_REFERER, "http://r/");
	str_is(0, FIELD_HTTP_COOKIE, "a=b; c=d");
	str_is(0, FIELD_HTTP_XFF, "192.0.2.1, 10.0.0.1");
	str_is(0, FIELD_HTTP_USER, "Aladdin");		/* RFC 7617 2 */
	str_is(0, FIELD_HTTP_CONTENT_TYPE,
	    "application/x-www-form-urlencoded");
	num_is(0, FIELD_HTTP_REQ_LEN, 7);
	str_is(0, FIELD_HTTP_REQ_BODY, "cmd=pwd");
	num_is(0, FIELD_HTTP_STATUS, 302);
	str_is(0, FIELD_HTTP_STATUS_TEXT, "Moved for now");
	str_is(0, FIELD_HTTP_LOCATION, "/login");
	num_is(0, FIELD_HTTP_RESP_LEN, 0);
	no_weird();
}

static void
test_authority_without_host(void **state)
{
	(void)state;
	CLIENT("GET http://proxy.example?q HTTP/1.0\r\n\r\n");
	run();
	str_is(0, FIELD_HTTP_HOST, "proxy.example");
	str_is(0, FIELD_HTTP_QUERY, "q");
}

static void
test_http09(void **state)
{
	(void)state;
	CLIENT("GET /old?x\r\n");
	SERVER("<title>no head</title>");
	t.seg[1].end = true;
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_METHOD, "GET");
	str_is(0, FIELD_HTTP_PATH, "/old");
	str_is(0, FIELD_HTTP_VERSION, NULL);
	assert_null(event_get(&t.b.events[0], FIELD_HTTP_STATUS));
	str_is(0, FIELD_HTTP_RESP_BODY, "<title>no head</title>");
	no_weird();
	/* Only the version is missing. */
	afresh();
	CLIENT("GET /HTTP/1.1\r\nHost: h\r\n\r\n");
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_URI, "/HTTP/1.1");
	str_is(0, FIELD_HTTP_HOST, "h");
	num_is(0, FIELD_HTTP_STATUS, 200);
}

static void
test_fold_and_blanks_in_target(void **state)
{
	(void)state;
	CLIENT("\r\nGET /a b  c HTTP/1.1 \r\n"
	    "User-Agent: one\r\n\ttwo\r\n"
	    "Host: h\r\n\r\n");
	run();
	str_is(0, FIELD_HTTP_URI, "/a b  c");
	str_is(0, FIELD_HTTP_USER_AGENT, "one\r\n\ttwo");
	str_is(0, FIELD_HTTP_HOST, "h");
	no_weird();
}

/* -- bodies --------------------------------------------------------------------- */

static void
test_chunked(void **state)
{
	static const char response[] =		/* RFC 9112 7.1 */
	    "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"
	    "4\r\nWiki\r\n"
	    "007;name=\"va;lue\"\r\npedia i\r\n"
	    "B \r\nn \r\nchunks.\r\n"
	    "0\r\nExpires: never\r\n\r\n";

	(void)state;
	for (size_t n = 1; n < 50; n++) {
		afresh();
		CLIENT("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
		    "3\r\nabc\r\n0\r\n\r\n" HELLO_REQUEST);
		SERVER(response);
		SERVER(HELLO_RESPONSE);
		cut(n);
		run();
		assert_int_equal(t.b.nevents, 2);
		num_is(0, FIELD_HTTP_REQ_LEN, 3);
		str_is(0, FIELD_HTTP_REQ_BODY, "abc");
		num_is(0, FIELD_HTTP_RESP_LEN, 22);
		str_is(0, FIELD_HTTP_RESP_BODY, "Wikipedia in \r\nchunks.");
		is_hello(1);
		no_weird();
	}
}

static void
test_until_close(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST);
	SERVER("HTTP/1.0 200\r\n\r\nsome ");
	SERVER("text");
	SERVER(" more");
	t.seg[3].end = true;
	run();
	assert_int_equal(t.b.nevents, 1);
	num_is(0, FIELD_HTTP_RESP_LEN, 14);
	str_is(0, FIELD_HTTP_RESP_BODY, "some text more");
	str_is(0, FIELD_HTTP_STATUS_TEXT, "");
	no_weird();
}

static void
test_no_body(void **state)
{
	(void)state;
	CLIENT("HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"
	    "GET /3 HTTP/1.1\r\n\r\nGET /4 HTTP/1.1\r\n\r\n");
	SERVER("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
	    "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"
	    "HTTP/1.1 204 No Content\r\n\r\n"
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
	run();
	assert_int_equal(t.b.nevents, 4);
	str_is(0, FIELD_HTTP_URI, "/1");
	num_is(0, FIELD_HTTP_STATUS, 200);
	num_is(1, FIELD_HTTP_STATUS, 304);
	num_is(2, FIELD_HTTP_STATUS, 204);
	str_is(3, FIELD_HTTP_URI, "/4");
	num_is(3, FIELD_HTTP_STATUS, 404);
	str_is(3, FIELD_HTTP_RESP_BODY, "no");
	no_weird();
}

/* "hello hello hello picket body\n", made with gzip(1). */
#define GZIP \
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x57" \
	"\xc8\x40\x22\x0b\x32\x93\xb3\x53\x4b\x14\x92\xf2\x53\x2a\xb9\x00" \
	"\x15\xf3\x1a\xe4\x1e\x00\x00\x00"

static void
test_gzip(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST HELLO_REQUEST HELLO_REQUEST);
	SERVER("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 40\r\n\r\n" GZIP
	    "HTTP/1.1 200 OK\r\nContent-Encoding: GZip, identity\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n28\r\n" GZIP "\r\n0\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 5\r\n\r\nplain");
	cut(30);
	run();
	assert_int_equal(t.b.nevents, 3);
	str_is(0, FIELD_HTTP_RESP_BODY, "hello hello hello picket body\n");
	num_is(0, FIELD_HTTP_RESP_LEN, 40);
	str_is(1, FIELD_HTTP_RESP_BODY, "hello hello hello picket body\n");
	num_is(1, FIELD_HTTP_RESP_LEN, 40);
	str_is(2, FIELD_HTTP_RESP_BODY, "plain");
	assert_int_equal(t.weirds.count[WEIRD_HTTP_ENCODING], 1);
}

/* Of a large body the first 16 KB are kept, the rest is passed over. */
static void
test_large_body(void **state)
{
	static char block[10000];
	uint64_t n;

	(void)state;
	memset(block, 'x', sizeof(block));
	CLIENT("PUT /big HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 100; i++)
		said(DIR_CLIENT, block, sizeof(block));
	SERVER("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	num_is(0, FIELD_HTTP_REQ_LEN, 1000000);
	assert_int_equal(event_str(&t.b.events[0], FIELD_HTTP_REQ_BODY).len,
	    16384);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_INFLATE], 1);
	assert_true(event_u64(&t.b.events[0], FIELD_HTTP_STATUS, &n));
	is_hello(1);
}

static void
test_body_not_wanted(void **state)
{
	(void)state;
	t.want.field[FIELD_HTTP_RESP_BODY] = false;
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	cut(100);
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_RESP_BODY, NULL);
	num_is(1, FIELD_HTTP_RESP_LEN, 51);
	no_weird();
}

/* -- lengths that can be read in two ways --------------------------------------- */

static void
ambiguous(const char *headers, const char *body, const char *want)
{
	char request[512];
	int n = snprintf(request, sizeof(request),
	    "POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n%s", headers, body);

	afresh();
	said(DIR_CLIENT, request, (size_t)n);
	run();
	assert_int_equal(t.weirds.count[WEIRD_HTTP_AMBIGUOUS], 1);
	str_is(0, FIELD_HTTP_REQ_BODY, want);
}

static void
test_ambiguous(void **state)
{
	(void)state;
	/* RFC 9112 6.3: Transfer-Encoding overrides */
	ambiguous("Content-Length: 30\r\nTransfer-Encoding: chunked",
	    "3\r\nabc\r\n0\r\n\r\n", "abc");
	ambiguous("Transfer-Encoding: chunked\r\nContent-Length: 3",
	    "3\r\nabc\r\n0\r\n\r\n", "abc");
	ambiguous("Content-Length: 3\r\nContent-Length: 5", "abcde", "abc");
	ambiguous("Content-Length: 3, 5", "abcde", "abc");
	ambiguous("Content-Length: +3", "abc", NULL);
	ambiguous("Content-Length: 99999999999999999999", "abc", NULL);
	ambiguous("Content-Length: 4\r\nTransfer-Encoding: chunked",
	    "10000000000000000\r\nGET /", "1000");	/* 2^64 is not 0 */
	ambiguous("Transfer-Encoding : chunked", "1\r\na\r\n0\r\n\r\n", "a");
	ambiguous("Transfer-Encoding:\r\n chunked", "1\r\na\r\n0\r\n\r\n",
	    "a");
	ambiguous("Transfer-Encoding: xchunked", "", NULL);
	ambiguous("Transfer-Encoding: chunked, identity",
	    "1\r\na\r\n0\r\n\r\n", "a");
	/* The same length twice is no question. */
	afresh();
	CLIENT("POST / HTTP/1.1\r\nContent-Length: 3\r\n"
	    "Content-Length: 3\r\n\r\nabc");
	run();
	str_is(0, FIELD_HTTP_REQ_BODY, "abc");
	no_weird();
}

/* -- who answers whom --------------------------------------------------------------- */

static void
test_reverse(void **state)
{
	(void)state;
	SERVER(HELLO_REQUEST);
	CLIENT(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 1);
	is_hello(0);
	no_weird();
}

static void
test_request_alone(void **state)
{
	(void)state;
	CLIENT("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_URI, "/a");
	str_is(1, FIELD_HTTP_URI, "/b");
	assert_null(event_get(&t.b.events[0], FIELD_HTTP_STATUS));
	no_weird();
}

static void
test_cut_request(void **state)
{
	(void)state;
	CLIENT("GET /a HTTP/1.1\r\nHost: h\r\nUser-Ag");
	t.seg[0].end = true;
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_URI, "/a");
	str_is(0, FIELD_HTTP_HOST, "h");
}

static void
test_response_alone(void **state)
{
	(void)state;
	SERVER(HELLO_RESPONSE);
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_METHOD, NULL);
	str_is(0, FIELD_HTTP_VERSION, "1.1");
	num_is(0, FIELD_HTTP_STATUS, 200);
	is_hello(1);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_UNMATCHED], 1);
}

static void
test_early_response(void **state)
{
	(void)state;
	CLIENT("POST /up HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234");
	SERVER("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	CLIENT("56789");
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	num_is(0, FIELD_HTTP_STATUS, 413);
	str_is(0, FIELD_HTTP_REQ_BODY, "0123456789");
	is_hello(1);
	no_weird();
}

static void
test_pipeline_limit(void **state)
{
	static char requests[100 * 64], responses[100 * 64];
	char request[64], response[64];
	size_t nreq = 0, nresp = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		int n = snprintf(request, sizeof(request),
		    "GET /%d HTTP/1.1\r\n\r\n", i);

		memcpy(requests + nreq, request, (size_t)n);
		nreq += (size_t)n;
		n = snprintf(response, sizeof(response),
		    "HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n", 200 + i);
		memcpy(responses + nresp, response, (size_t)n);
		nresp += (size_t)n;
	}
	said(DIR_CLIENT, requests, nreq);
	said(DIR_SERVER, responses, nresp);
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 101);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_PIPELINE], 1);
	/* 36 are told at once, the other 64 with their own response. */
	str_is(0, FIELD_HTTP_URI, "/64");
	str_is(36, FIELD_HTTP_URI, "/0");
	num_is(36, FIELD_HTTP_STATUS, 200);
	str_is(99, FIELD_HTTP_URI, "/63");
	num_is(99, FIELD_HTTP_STATUS, 263);
	is_hello(100);
}

/* -- other protocols behind it --------------------------------------------------- */

static void
test_connect(void **state)
{
	(void)state;
	CLIENT("CONNECT server.example.com:80 HTTP/1.1\r\n"
	    "Host: server.example.com\r\n\r\n");
	CLIENT("\x16\x03\x01\x02\x00 early");
	SERVER("HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03");
	CLIENT("never read");
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_METHOD, "CONNECT");
	str_is(0, FIELD_HTTP_URI, "server.example.com:80");
	str_is(0, FIELD_HTTP_UPGRADE, "connect");
	num_is(0, FIELD_HTTP_STATUS, 200);
	no_weird();
}

static void
test_connect_refused(void **state)
{
	(void)state;
	CLIENT("CONNECT h:443 HTTP/1.1\r\n\r\n");
	SERVER("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno");
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_UPGRADE, NULL);
	str_is(0, FIELD_HTTP_HOST, "h:443");
	is_hello(1);
	no_weird();
}

static void
test_upgrade(void **state)
{
	(void)state;
	CLIENT("GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	SERVER("HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello");
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_UPGRADE, "websocket");
	num_is(0, FIELD_HTTP_STATUS, 101);
	no_weird();
}

static void
test_upgrade_ignored(void **state)
{
	(void)state;
	CLIENT("GET /1 HTTP/1.1\r\nUpgrade: h2c\r\n\r\n");
	SERVER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_UPGRADE, NULL);
	is_hello(1);
}

/* -- gaps and junk --------------------------------------------------------------------- */

static void
test_gap_in_body(void **state)
{
	(void)state;
	t.want.field[FIELD_HTTP_RESP_BODY] = false;
	CLIENT(HELLO_REQUEST);
	SERVER("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789");
	SERVER("0123456789" HELLO_RESPONSE);
	t.seg[2].lost = 980;
	CLIENT(HELLO_REQUEST);
	run();
	assert_int_equal(t.b.nevents, 3);
	num_is(0, FIELD_HTTP_RESP_LEN, 1000);
	num_is(1, FIELD_HTTP_STATUS, 200);	/* its request came later */
}

static void
test_gap_in_chunks(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST);
	SERVER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "64\r\nabc");
	SERVER("xyz\r\n0\r\n\r\n");
	t.seg[2].lost = 94;
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	t.want.field[FIELD_HTTP_RESP_BODY] = true;
	run();
	assert_int_equal(t.b.nevents, 2);
	num_is(0, FIELD_HTTP_RESP_LEN, 100);
	str_is(0, FIELD_HTTP_RESP_BODY, "abc");
	is_hello(1);
	no_weird();
}

static void
test_gap_resync(void **state)
{
	(void)state;
	CLIENT("GET /1 HTTP/1.1\r\n\r\n");
	SERVER("rest of something\r\n\r\n");		/* its head is lost */
	t.seg[1].lost = 1000;
	SERVER("and more of it");
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_URI, "/1");
	assert_null(event_get(&t.b.events[0], FIELD_HTTP_STATUS));
	is_hello(1);
	no_weird();
}

static void
test_junk(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST "\x00\x01\x02\x03\n\n");
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 1);
	is_hello(0);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_BAD], 1);
}

/* What servers send and browsers read all the same. */
static void
loose(const char *response, const char *want_body)
{
	afresh();
	CLIENT(HELLO_REQUEST);
	said(DIR_SERVER, response, strlen(response));
	t.seg[1].end = true;
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_RESP_BODY, want_body);
}

#define H11	"HTTP/1.1 200 ok\r\n"
#define CHUNKS	"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"

static void
test_loose_responses(void **state)
{
	(void)state;
	loose(H11 "Transfer-Encoding: xchunked\r\n\r\n" CHUNKS, "abc");
	loose(H11 "Transfer-Encoding: xchunked\r\n\r\nno chunks", "no chunks");
	loose(H11 "Transfer-\vEncoding: chunked\r\n\r\n" CHUNKS, "abc");
	loose(H11 "Transfer-Encoding:: chunked\r\n\r\n" CHUNKS, "abc");
	loose(H11 "\rTransfer-Encoding: chunked\r\n\r\n" CHUNKS, "abc");
	loose(H11 "A: b\r\n Transfer-Encoding: chunked\r\n\r\n" CHUNKS,
	    "abc");
	loose(H11 "Transfer-Encoding: chunked\r\n\r\n"
	    "\n3x\r\nabc\r\n\r\n\v0\r\n\r\n", "abc");
	loose(H11 "Transfer-Encoding: chunked\n \n" CHUNKS, "abc");
	loose(H11 "Content-Length: 3\n\r\r\nabc", "abc");
	loose("foo\r\n \r\n" H11 "Content-Length: 3\r\n\r\nabcdef", "abc");
	loose("http/1.1\v200\r\nContent-Length: 3\r\n\r\nabc", "abc");
	loose("HTTP/1.1 204 no\r\nContent-Length: 3\r\n\r\nabc", "abc");
	loose("HTTP/1.1 101 no\r\nContent-Length: 3\r\n\r\nabc", "abc");
	loose("no head at all", "no head at all");
}

/* A 304 with the length that the body would have, the usual case. */
static void
test_not_modified(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST HELLO_REQUEST);
	SERVER("HTTP/1.1 304 Not Modified\r\nContent-Length: 51\r\n\r\n"
	    HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	num_is(0, FIELD_HTTP_STATUS, 304);
	is_hello(1);
	no_weird();
}

/* More bytes than the length says: the next response is found again. */
static void
test_excess(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST);
	SERVER("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef");
	CLIENT(HELLO_REQUEST);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 2);
	str_is(0, FIELD_HTTP_RESP_BODY, "abc");
	is_hello(1);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_BAD], 1);
}

static void
test_false_chunks(void **state)
{
	(void)state;
	CLIENT(HELLO_REQUEST);
	SERVER("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "just text\r\n");
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_RESP_BODY, "just text\r\n");
	assert_int_equal(t.weirds.count[WEIRD_HTTP_BAD], 1);
}

static void
test_header_limits(void **state)
{
	static char big[100000];
	size_t n;

	(void)state;
	n = (size_t)snprintf(big, sizeof(big), "GET /many HTTP/1.1\r\n");
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n,
		    "X-%d: y\r\n", i);
	n += (size_t)snprintf(big + n, sizeof(big) - n, "Host: h\r\n\r\n");
	said(DIR_CLIENT, big, n);
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_HOST, NULL);	/* beyond the 200th */
	num_is(0, FIELD_HTTP_STATUS, 200);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_HEADERS_BIG], 1);

	afresh();
	n = (size_t)snprintf(big, sizeof(big),
	    "GET /long HTTP/1.1\r\nHost: h\r\nX: ");
	memset(big + n, 'y', sizeof(big) - n);
	said(DIR_CLIENT, big, sizeof(big));
	SERVER(HELLO_RESPONSE);
	run();
	assert_int_equal(t.b.nevents, 1);
	str_is(0, FIELD_HTTP_URI, "/long");
	str_is(0, FIELD_HTTP_HOST, "h");
	num_is(0, FIELD_HTTP_STATUS, 200);
	assert_int_equal(t.weirds.count[WEIRD_HTTP_HEADERS_BIG], 1);
}

/* -- probe ------------------------------------------------------------------------- */

static enum probe_result
probe(struct span s)
{
	struct probe p = { .data = s, .dir = DIR_CLIENT };

	return decoder_http.probe(&p);
}

static void
test_probe(void **state)
{
	static const struct { struct span in; enum probe_result want; } c[] = {
#define CASE(s, r)	{ { (const uint8_t *)(s), sizeof(s) - 1 }, PROBE_##r }
		CASE(HELLO_REQUEST, YES),
		CASE(HELLO_RESPONSE, SWAP),
		CASE("\r\nGET / HTTP/1.0\r\n", YES),
		CASE("BREW /pot HTTP/1.1\n", YES),
		CASE("x-y_z!9 * HTTP/1.1\r\n", YES),
		CASE("GET / HTTP/2.0\r\n", YES),
		CASE("GET /%s HTTP/1", MORE),
		CASE("G", MORE), CASE("H", MORE), CASE("HTTP/", MORE),
		CASE("GET", MORE), CASE("POST ", MORE), CASE("", MORE),
		CASE("HTTP/1", SWAP),
		CASE("BREW /pot HTTP/2.0\n", NO),
		CASE("GET /\r\n", YES),		/* HTTP/0.9 */
		CASE("GET key\r\n", NO), CASE("BREW /pot\r\n", NO),
		CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NO),
		CASE("INVITE sip:a@b SIP/2.0\r\n", NO),
		CASE("OPTIONS rtsp://h/ RTSP/1.0\r\n", NO),
		CASE("OPTIONS icap://h/ ICAP/1.0\r\n", NO),
		CASE("SSH-2.0-OpenSSH_9.2\r\n", NO),
		CASE("220 mail ESMTP\r\n", NO),
		CASE("USER anonymous\r\n", NO),
		CASE("\x16\x03\x01\x00\xa5\x01", NO),
		CASE("GET \x00\x01\x02", NO),
		CASE("\r\n\r\n\r\n\r\n", NO),
#undef CASE
	};
	static uint8_t line[5000];

	(void)state;
	for (size_t i = 0; i < NITEMS(c); i++)
		if (probe(c[i].in) != c[i].want)
			fail_msg("%.*s: %d", (int)c[i].in.len,
			    (const char *)c[i].in.ptr, probe(c[i].in));
	/* A line longer than a segment. */
	memset(line, 'a', sizeof(line));
	memcpy(line, "GET /", 5);
	assert_int_equal(probe(span_of(line, 500)), PROBE_MORE);
	assert_int_equal(probe(span_of(line, 1400)), PROBE_YES);
	memcpy(line, "ABC /", 5);
	assert_int_equal(probe(span_of(line, 1400)), PROBE_MORE);
	assert_int_equal(probe(span_of(line, 5000)), PROBE_NO);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hello),
		TEST(test_hello_cut),
		TEST(test_all_headers),
		TEST(test_authority_without_host),
		TEST(test_http09),
		TEST(test_fold_and_blanks_in_target),
		TEST(test_chunked),
		TEST(test_until_close),
		TEST(test_no_body),
		TEST(test_gzip),
		TEST(test_large_body),
		TEST(test_body_not_wanted),
		TEST(test_ambiguous),
		TEST(test_reverse),
		TEST(test_request_alone),
		TEST(test_cut_request),
		TEST(test_response_alone),
		TEST(test_early_response),
		TEST(test_pipeline_limit),
		TEST(test_connect),
		TEST(test_connect_refused),
		TEST(test_upgrade),
		TEST(test_upgrade_ignored),
		TEST(test_gap_in_body),
		TEST(test_gap_in_chunks),
		TEST(test_gap_resync),
		TEST(test_junk),
		TEST(test_loose_responses),
		TEST(test_not_modified),
		TEST(test_excess),
		TEST(test_false_chunks),
		TEST(test_header_limits),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
