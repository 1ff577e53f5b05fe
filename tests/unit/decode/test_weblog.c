/* SPDX-License-Identifier: Apache-2.0
 *
 * Access logs.  The common and combined examples are those of Apache's
 * documentation of mod_log_config; times were converted with date(1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "decode.h"

extern const struct decoder decoder_weblog;

static struct demand want;
static struct weirds weirds;
static struct batch b;
static _Alignas(16) uint8_t keep[256];

static int
setup(void **state)
{
	(void)state;
	demand_all(&want);
	weirds_init(&weirds);
	memset(keep, 0, sizeof(keep));
	return batch_init(&b, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	batch_fini(&b);
	return 0;
}

static struct record
line_of(const char *s)
{
	return (struct record){
		.data = span_str(s), .time = TIME_NONE, .no = 7, .offset = 99,
		.type = REC_LINE
	};
}

static void
read_line(const char *s)
{
	struct record r = line_of(s);
	struct dec d = { .batch = &b, .rec = &r };

	batch_reset(&b);
	assert_true(decoder_weblog.state_size <= sizeof(keep));
	decoder_weblog.record(&d, keep, &r);
}

static int
match(const char *s)
{
	struct record r = line_of(s);

	return decoder_weblog.match(&r);
}

static void
str_is(unsigned field, const char *text)
{
	struct span s = event_str(&b.events[0], field);

	assert_int_equal(b.nevents, 1);
	if (text == NULL) {
		assert_null(event_get(&b.events[0], field));
		return;
	}
	if (!span_eq(s, span_str(text)))
		fail_msg("%s is \"%.*s\", not \"%s\"", field_name(field),
		    (int)s.len, s.ptr == NULL ? "" : (const char *)s.ptr,
		    text);
}

static void
num_is(unsigned field, uint64_t n)
{
	uint64_t got;

	assert_true(event_u64(&b.events[0], field, &got));
	assert_int_equal(got, n);
}

static void
client_is(const char *text)
{
	struct addr a, w;

	assert_true(addr_parse(span_str(text), &w));
	assert_true(event_addr(&b.events[0], FIELD_SRC_IP, &a));
	assert_true(addr_eq(&a, &w));
}

#define COMMON "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] " \
	"\"GET /apache_pb.gif HTTP/1.0\" 200 2326"
#define COMBINED COMMON " \"http://www.example.com/start.html\" " \
	"\"Mozilla/4.08 [en] (Win98; I ;Nav)\""

static void
is_example(void)
{
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].kind, KIND_HTTP);
	assert_int_equal(b.events[0].time, 971211336 * NSEC);
	assert_int_equal(b.events[0].loc.record, 7);
	assert_int_equal(b.events[0].loc.offset, 99);
	client_is("127.0.0.1");
	str_is(FIELD_HTTP_USER, "frank");
	str_is(FIELD_HTTP_METHOD, "GET");
	str_is(FIELD_HTTP_URI, "/apache_pb.gif");
	str_is(FIELD_HTTP_PATH, "/apache_pb.gif");
	str_is(FIELD_HTTP_QUERY, NULL);
	str_is(FIELD_HTTP_VERSION, "1.0");
	num_is(FIELD_HTTP_STATUS, 200);
	num_is(FIELD_HTTP_RESP_LEN, 2326);
	num_is(FIELD_HTTP_LOG, 1);
}

static void
test_common(void **state)
{
	(void)state;
	read_line(COMMON);
	is_example();
	str_is(FIELD_HTTP_REFERER, NULL);
	str_is(FIELD_HTTP_VHOST, NULL);
}

static void
test_combined(void **state)
{
	(void)state;
	read_line(COMBINED);
	is_example();
	str_is(FIELD_HTTP_REFERER, "http://www.example.com/start.html");
	str_is(FIELD_HTTP_USER_AGENT, "Mozilla/4.08 [en] (Win98; I ;Nav)");
}

static void
test_vhost(void **state)
{
	(void)state;
	read_line("www.example.com:443 " COMBINED);
	is_example();
	str_is(FIELD_HTTP_VHOST, "www.example.com");
	num_is(FIELD_DST_PORT, 443);
	read_line("shop 192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"GET / HTTP/1.1\" 304 -");
	client_is("192.0.2.7");
	str_is(FIELD_HTTP_VHOST, "shop");
	str_is(FIELD_HTTP_USER, NULL);
	assert_null(event_get(&b.events[0], FIELD_DST_PORT));
	assert_null(event_get(&b.events[0], FIELD_HTTP_RESP_LEN));
}

static void
test_clients(void **state)
{
	(void)state;
	read_line("2001:db8::1 - a b c [10/Oct/2000:13:55:36 +0000] "
	    "\"GET / HTTP/1.1\" 200 1 \"-\" \"-\"");
	client_is("2001:db8::1");
	str_is(FIELD_HTTP_USER, "a b c");
	str_is(FIELD_HTTP_VHOST, NULL);
	str_is(FIELD_HTTP_REFERER, NULL);
	str_is(FIELD_HTTP_USER_AGENT, NULL);
	read_line("dialup-7.example.net - [x] [10/Oct/2000:13:55:36 +0000] "
	    "\"GET / HTTP/1.1\" 200 1");
	str_is(FIELD_SRC_IP, "dialup-7.example.net");
	str_is(FIELD_HTTP_USER, "[x]");
}

static void
test_times(void **state)
{
	static const struct { const char *text; int64_t sec; } c[] = {
		{ "29/Feb/2024:23:59:59 +0530", 1709231399 },
		{ "29/Feb/2024:00:00:00 +0000", 1709164800 },
		{ "01/Jan/1970:00:00:00 +0000", 0 },
		{ "31/Dec/1969:23:59:59 -0001", 59 },
		{ "01/Mar/2024:00:00:00 -0930", 1709285400 },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < NITEMS(c); i++) {
		snprintf(text, sizeof(text),
		    "::1 - - [%s] \"GET / HTTP/1.1\" 200 1", c[i].text);
		read_line(text);
		assert_int_equal(b.nevents, 1);
		assert_int_equal(b.events[0].time, c[i].sec * NSEC);
	}
}

static void
test_escapes(void **state)
{
	(void)state;
	read_line("192.0.2.1 - \\xe9mil [10/Oct/2000:13:55:36 -0700] "
	    "\"GET /a\\\"b\\x20c?q=\\\\ HTTP/1.1\" 400 0 "
	    "\"http://x/\\\"\" \"a \\\"b\\\" c\\ty\\q\"");
	str_is(FIELD_HTTP_USER, "\xe9mil");
	str_is(FIELD_HTTP_URI, "/a\"b c?q=\\");
	str_is(FIELD_HTTP_PATH, "/a\"b c");
	str_is(FIELD_HTTP_QUERY, "q=\\");
	str_is(FIELD_HTTP_REFERER, "http://x/\"");
	str_is(FIELD_HTTP_USER_AGENT, "a \"b\" c\ty\\q");
	/* Servers that do not escape. */
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"GET /?a=\"b\" HTTP/1.1\" 200 0 \"-\" \"x\"y\"");
	str_is(FIELD_HTTP_URI, "/?a=\"b\"");
	str_is(FIELD_HTTP_USER_AGENT, "x\"y");
}

static void
test_no_request(void **state)
{
	(void)state;
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"\\x16\\x03\\x01\\x02\" 400 150 \"-\" \"-\"");
	str_is(FIELD_HTTP_URI, "\\x16\\x03\\x01\\x02");
	str_is(FIELD_HTTP_METHOD, NULL);
	str_is(FIELD_HTTP_PATH, NULL);
	num_is(FIELD_HTTP_STATUS, 400);
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"-\" 408 -");
	str_is(FIELD_HTTP_URI, NULL);
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"\" 400 0");
	str_is(FIELD_HTTP_URI, "");
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"SSH-2.0-Go\" 400 0");
	str_is(FIELD_HTTP_URI, "SSH-2.0-Go");
	str_is(FIELD_HTTP_METHOD, NULL);
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"GET /old\" 200 0");
	str_is(FIELD_HTTP_METHOD, "GET");
	str_is(FIELD_HTTP_URI, "/old");
	str_is(FIELD_HTTP_VERSION, NULL);
}

static void
test_targets(void **state)
{
	(void)state;
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"GET http://evil.example:80/p?q=http://x/ HTTP/1.1\" 200 0");
	str_is(FIELD_HTTP_URI, "http://evil.example:80/p?q=http://x/");
	str_is(FIELD_HTTP_HOST, "evil.example:80");
	str_is(FIELD_HTTP_PATH, "/p");
	str_is(FIELD_HTTP_QUERY, "q=http://x/");
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"GET /a b?${jndi:ldap://x/a} HTTP/1.1\" 200 0");
	str_is(FIELD_HTTP_PATH, "/a b");
	str_is(FIELD_HTTP_QUERY, "${jndi:ldap://x/a}");
	read_line("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "
	    "\"CONNECT h.example:443 HTTP/1.1\" 405 0");
	str_is(FIELD_HTTP_METHOD, "CONNECT");
	str_is(FIELD_HTTP_URI, "h.example:443");
}

static void
test_extras(void **state)
{
	const struct value *v;

	(void)state;
	read_line(COMBINED " \"203.0.113.9, 10.0.0.1\" 0.125 17 \"x\"");
	is_example();
	str_is(FIELD_HTTP_XFF, "203.0.113.9, 10.0.0.1");
	v = event_get(&b.events[0], FIELD_HTTP_TIME_TAKEN);
	assert_non_null(v);
	assert_true(v->type == VT_F64 && v->f64 == 0.125);
	read_line(COMBINED " 4711 \"-\" \"gzip\"");
	is_example();
	str_is(FIELD_HTTP_XFF, NULL);
	assert_null(event_get(&b.events[0], FIELD_HTTP_TIME_TAKEN));
	/* The referer alone is no combined log, but happens. */
	read_line(COMMON " \"http://r/\"");
	is_example();
	str_is(FIELD_HTTP_REFERER, "http://r/");
	str_is(FIELD_HTTP_USER_AGENT, NULL);
}

static void
test_only_wanted(void **state)
{
	(void)state;
	memset(&want, 0, sizeof(want));
	demand_kind(&want, KIND_HTTP);
	demand_field(&want, FIELD_HTTP_PATH);
	read_line(COMBINED);
	assert_int_equal(b.nevents, 1);
	assert_int_equal(b.events[0].nfields, 1);
	str_is(FIELD_HTTP_PATH, "/apache_pb.gif");
	want.kind[KIND_HTTP] = false;
	read_line(COMBINED);
	assert_int_equal(b.nevents, 0);
}

static const char *const broken[] = {
	"127.0.0.1",
	"127.0.0.1 - frank",
	"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700]",
	"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0",
	"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\"",
	"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /\" 20x 1",
	"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1x",
	"127.0.0.1 - frank [10/Okt/2000:13:55:36 -0700] \"GET /\" 200 1",
	"127.0.0.1 - frank [32/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
	"127.0.0.1 - frank [10/Oct/2000:25:55:36 -0700] \"GET /\" 200 1",
	"127.0.0.1 frank [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
	"- - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
	"[10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1",
	COMMON " \"http://r/",
	"Oct 10 13:55:36 host sshd[1234]: Accepted password for x from y",
	"{\"a\": 1}",
	"#Fields: date time",
};

static void
test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(broken); i++) {
		read_line(broken[i]);
		if (b.nevents != 0 || match(broken[i]) != 0)
			fail_msg("taken: %s", broken[i]);
		assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], i + 1);
	}
	read_line("");
	assert_int_equal(weirds.count[WEIRD_WEBLOG_BAD], NITEMS(broken));
}

static void
test_match(void **state)
{
	(void)state;
	assert_int_equal(match(COMMON), 90);
	assert_int_equal(match(COMBINED), 90);
	assert_int_equal(match("www.example.com:80 " COMBINED), 90);
	assert_int_equal(match(COMBINED " \"-\" 0.001"), 90);
	assert_int_equal(match(""), 0);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_common), TEST(test_combined), TEST(test_vhost),
		TEST(test_clients), TEST(test_times), TEST(test_escapes),
		TEST(test_no_request), TEST(test_targets), TEST(test_extras),
		TEST(test_only_wanted), TEST(test_broken), TEST(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
