/* SPDX-License-Identifier: Apache-2.0
 *
 * Zeek logs: headers that change, lie or lack lines, escapes, names of logs,
 * certificates joined to handshakes, and rows that are broken.  Expected values
 * by hand from Zeek's documentation of its ASCII writer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decode.h"

extern const struct decoder decoder_zeek;

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
	keep = calloc(1, decoder_zeek.state_size);
	return keep != NULL && batch_init(&b, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	struct dec d = { .batch = &b };

	(void)state;
	decoder_zeek.end(&d, keep);
	batch_fini(&b);
	free(keep);
	return 0;
}

static void
read_as(const char *s, uint8_t type)
{
	struct record r = { .data = span_str(s), .time = TIME_NONE,
	    .no = 7, .offset = 99, .type = type };
	struct dec d = { .batch = &b, .rec = &r };

	decoder_zeek.record(&d, keep, &r);
}

static void
line(const char *s)
{
	read_as(s, REC_LINE);
}

static void
json(const char *s)
{
	read_as(s, REC_JSON);
}

static const struct event *
last(void)
{
	assert_int_not_equal(b.nevents, 0);
	return &b.events[b.nevents - 1];
}

static void
str_is(unsigned field, const char *text)
{
	struct span s = event_str(last(), field);

	if (text == NULL) {
		assert_null(event_get(last(), field));
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

	assert_true(event_u64(last(), field, &got));
	assert_int_equal(got, n);
}

static const char conn_fields[] =
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto";
static const char conn_types[] =
    "#types\ttime\tstring\taddr\tport\taddr\tport\tenum";
static const char conn_row[] =
    "1700000000.000001\tC1\t10.0.0.1\t50000\t10.0.0.2\t80\ttcp";

static void
test_header(void **state)
{
	struct addr a, w;

	(void)state;
	line("#separator \\x09");
	line("#path\tconn");
	line(conn_fields);
	line(conn_types);
	line(conn_row);
	assert_int_equal(b.nevents, 1);
	assert_int_equal(last()->kind, KIND_CONN);
	assert_int_equal(last()->time, INT64_C(1700000000000001000));
	assert_true(event_addr(last(), FIELD_SRC_IP, &a));
	assert_true(addr_parse(SPAN_LIT("10.0.0.1"), &w) && addr_eq(&a, &w));
	num_is(FIELD_DST_PORT, 80);
	str_is(FIELD_PROTO, "tcp");
	str_is(FIELD_ZEEK_UID, "C1");
	str_is(FIELD_SENSOR_LOG, "conn");
	/* Other columns, in the same file. */
	line("#close\t2023-11-14-22-20-00");
	line("#fields\tproto\tts\torig_bytes");
	line("#types\tenum\ttime\tcount");
	line("udp\t1700000001.5\t42");
	assert_int_equal(b.nevents, 2);
	str_is(FIELD_PROTO, "udp");
	num_is(FIELD_SRC_BYTES, 42);
	str_is(FIELD_ZEEK_UID, NULL);
	assert_int_equal(last()->time, INT64_C(1700000001500000000));
	/* Another log. */
	line("#path\tdns");
	line("#fields\tts\tquery\tAA\tRD");
	line("#types\ttime\tstring\tbool\tbool");
	line("1700000002.0\texample.org\tF\tT");
	assert_int_equal(last()->kind, KIND_DNS);
	str_is(FIELD_DNS_QUERY, "example.org");
	num_is(FIELD_DNS_AA, 0);
	num_is(FIELD_DNS_RD, 1);
	assert_int_equal(weirds.count[WEIRD_ZEEK_BAD], 0);
}

/* Separators and marks are what the header says. */
static void
test_marks(void **state)
{
	const struct value *v;

	(void)state;
	line("#separator |");
	line("#set_separator|;");
	line("#empty_field|EMPTY");
	line("#unset_field|NIL");
	line("#path|dns");
	line("#fields|ts|query|answers|rejected|TTLs");
	line("#types|time|string|vector[string]|bool|vector[interval]");
	line("1.0|-|a;NIL;b|T|1.5;2.0");
	str_is(FIELD_DNS_QUERY, "-");
	v = event_get(last(), FIELD_DNS_ANSWERS);
	assert_non_null(v);
	assert_int_equal(v->len, 3);
	assert_int_equal(((const struct value *)v->ptr)[1].type, VT_NULL);
	line("1.0|EMPTY|EMPTY|NIL|NIL");
	str_is(FIELD_DNS_QUERY, "");
	v = event_get(last(), FIELD_DNS_ANSWERS);
	assert_true(v != NULL && v->type == VT_LIST && v->len == 0);
	assert_null(event_get(last(), FIELD_DNS_TTLS));
	assert_null(event_get_name(last(), SPAN_LIT("rejected")));
	line("#separator \\x09\\x09");
	assert_int_equal(weirds.count[WEIRD_ZEEK_BAD], 1);
}

static void
test_broken_rows(void **state)
{
	(void)state;
	line(conn_row);			/* no header so far */
	assert_int_equal(weirds.count[WEIRD_ZEEK_BAD], 1);
	line(conn_fields);
	line("1.0\tC1");		/* too few */
	line("1\t2\t3\t4\t5\t6\t7\t8");	/* too many */
	assert_int_equal(weirds.count[WEIRD_ZEEK_BAD], 3);
	assert_int_equal(b.nevents, 0);
	/* A time, port or address that is none costs only itself. */
	line("x\tC1\tnohost\t99999999999999999999\t10.0.0.2\t80\ttcp");
	assert_int_equal(b.nevents, 1);
	assert_int_equal(last()->time, TIME_NONE);
	str_is(FIELD_SRC_IP, "nohost");
	assert_null(event_get(last(), FIELD_SRC_PORT));
	num_is(FIELD_DST_PORT, 80);
}

static void
test_many_columns(void **state)
{
	static char text[600 * 8];
	size_t n = (size_t)snprintf(text, sizeof(text), "#fields");

	(void)state;
	for (unsigned i = 0; i < 600; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\tc%u", i);
	line(text);
	assert_int_equal(weirds.count[WEIRD_ZEEK_LIMIT], 1);
	line("a\tb");
	assert_int_equal(b.nevents, 0);
	assert_int_equal(weirds.count[WEIRD_ZEEK_BAD], 1);
}

/* A log without #path, or with a name that few know. */
static void
test_names(void **state)
{
	static const struct { const char *path; uint8_t kind; } names[] = {
		{ "conn", KIND_CONN }, { "open_conn", KIND_CONN },
		{ "conn_long", KIND_CONN }, { "dns_red", KIND_DNS },
		{ "open_ssl", KIND_TLS }, { "kerberos", KIND_KRB5 },
		{ "conn-summary", KIND_SENSOR }, { "known_hosts", KIND_SENSOR },
	};
	char text[64];

	(void)state;
	line("#fields\tts\tconn_state");
	line("1.0\tSF");
	assert_int_equal(last()->kind, KIND_CONN);
	for (size_t i = 0; i < NITEMS(names); i++) {
		snprintf(text, sizeof(text), "#path\t%s", names[i].path);
		line(text);
		line("#fields\tts\tx");
		line("1.0\ty");
		assert_int_equal(last()->kind, names[i].kind);
		snprintf(text, sizeof(text), "{\"_path\":\"%s\",\"ts\":1.0}",
		    names[i].path);
		json(text);
		assert_int_equal(last()->kind, names[i].kind);
	}
	str_is(FIELD_SENSOR_LOG, "known_hosts");
}

static void
test_escapes(void **state)
{
	(void)state;
	line("#path\tdns");
	line("#fields\tts\tquery");
	line("#types\ttime\tstring");
	line("1.0\ta\\x2cb\\\\c\\x09\\xc3\\xbc\\x00\\xff\\x7f\\q");
	str_is(FIELD_DNS_QUERY, "a,b\\c\t\xc3\xbc\\x00\\xff\\x7f\\q");
	json("{\"_path\":\"dns\",\"ts\":1.0,\"query\":"
	    "\"a,b\\\\c\\t\xc3\xbc\\\\x00\\\\xff\\\\x7f\\\\q\"}");
	str_is(FIELD_DNS_QUERY, "a,b\\c\t\xc3\xbc\\x00\\xff\\x7f\\q");
	/* An escape that the end cuts; UTF-8 that does. */
	line("1.0\ta\\x2");
	str_is(FIELD_DNS_QUERY, "a\\x2");
	line("1.0\t\\xc3");
	str_is(FIELD_DNS_QUERY, "\\xc3");
	line("1.0\t\\");
	str_is(FIELD_DNS_QUERY, "\\");
}

static void
test_times(void **state)
{
	(void)state;
	json("{\"ts\":\"2018-01-31T18:12:06.003230Z\",\"conn_state\":\"S0\"}");
	assert_int_equal(last()->time, INT64_C(1517422326003230000));
	json("{\"ts\":1517422326003,\"conn_state\":\"S0\"}");
	assert_int_equal(last()->time, INT64_C(1517422326003000000));
	json("{\"conn_state\":\"S0\"}");
	assert_int_equal(last()->time, TIME_NONE);
}

/* Before Zeek 5 certificates have the number of their file. */
static void
test_certificates(void **state)
{
	(void)state;
	json("{\"_path\":\"x509\",\"ts\":1.0,\"id\":\"F1\","
	    "\"certificate.serial\":\"0A\",\"certificate.subject\":\"CN=a\","
	    "\"certificate.issuer\":\"CN=b\","
	    "\"certificate.not_valid_after\":1900000000.0}");
	assert_int_equal(last()->kind, KIND_TLS);
	str_is(FIELD_TLS_SUBJECT, "CN=a");
	json("{\"_path\":\"ssl\",\"ts\":1.0,\"cert_chain_fuids\":"
	    "[\"F1\",\"F2\"],\"subject\":\"CN=own\"}");
	str_is(FIELD_TLS_SERIAL, "0a");
	str_is(FIELD_TLS_SUBJECT, "CN=own");
	str_is(FIELD_TLS_ISSUER, "CN=b");
	num_is(FIELD_TLS_CHAIN_LEN, 2);
	json("{\"_path\":\"ssl\",\"ts\":1.0,\"cert_chain_fuids\":[\"F9\"]}");
	str_is(FIELD_TLS_SERIAL, NULL);
	json("{\"_path\":\"ssl\",\"ts\":1.0,\"cert_chain_fuids\":[]}");
	assert_null(event_get(last(), FIELD_TLS_CHAIN_LEN));
}

static void
test_principals(void **state)
{
	static const char *const texts[][2] = {
		{ "alice/EXAMPLE.ORG", "alice@EXAMPLE.ORG" },
		{ "HTTP/web/EXAMPLE.ORG", "HTTP/web@EXAMPLE.ORG" },
		{ "alice/", "alice" }, { "/X", "@X" }, { "alice", "alice" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < NITEMS(texts); i++) {
		snprintf(text, sizeof(text), "{\"_path\":\"kerberos\","
		    "\"ts\":1.0,\"client\":\"%s\"}", texts[i][0]);
		json(text);
		str_is(FIELD_KRB_CLIENT, texts[i][1]);
	}
	json("{\"_path\":\"kerberos\",\"ts\":1,"
	    "\"cipher\":\"aes256-cts-hmac-sha1-96\"}");
	num_is(FIELD_KRB_TICKET_ETYPE, 18);
}

static void
test_broken_json(void **state)
{
	(void)state;
	json("{\"_path\":\"conn\",\"ts\":1.0,");
	assert_int_equal(weirds.count[WEIRD_JSON_BAD], 1);
	json("{\"_path\":\"conn\",\"ts\":1.0,\"ts\":2.0}");
	assert_int_equal(weirds.count[WEIRD_JSON_DUPLICATE], 1);
	assert_int_equal(last()->time, NSEC);
	/* Values of another type than the log has. */
	json("{\"_path\":\"dns\",\"ts\":[1],\"id.orig_h\":[\"x\"],"
	    "\"id.orig_p\":\"a\",\"AA\":\"yes\",\"answers\":\"one\","
	    "\"query\":{\"a\":1},\"TTLs\":3,\"id.resp_h\":null}");
	assert_int_equal(b.nevents, 2);
	assert_null(event_get(last(), FIELD_DNS_AA));
	assert_null(event_get(last(), FIELD_SRC_PORT));
}

static void
test_match(void **state)
{
	static const struct { const char *text; uint8_t type; bool yes; } t[] = {
		{ "#separator \\x09", REC_LINE, true },
		{ "#fields\tts\tuid", REC_LINE, true },
		{ "#Fields: date time", REC_LINE, false },
		{ "# a comment", REC_LINE, false },
		{ "{\"ts\":1.0,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\"}",
		    REC_JSON, true },
		{ "{\"ts\":1.0,\"id.orig_h\":\"10.0.0.1\"}", REC_JSON, false },
		{ "{\"_path\":\"stats\",\"ts\":1.0}", REC_JSON, true },
		{ "{\"ts\":1.0,\"level\":\"info\"}", REC_JSON, false },
		{ "{\"uid\":1000}", REC_JSON, false },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		struct record r = { .data = span_str(t[i].text),
		    .type = t[i].type };

		assert_int_equal(decoder_zeek.match(&r) > 0, t[i].yes);
	}
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_header), TEST(test_marks), TEST(test_broken_rows),
		TEST(test_many_columns), TEST(test_names), TEST(test_escapes),
		TEST(test_times), TEST(test_certificates),
		TEST(test_principals), TEST(test_broken_json),
		TEST(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
