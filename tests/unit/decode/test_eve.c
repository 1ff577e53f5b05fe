/* SPDX-License-Identifier: Apache-2.0
 *
 * EVE JSON: which side is the client, what is passed over, values of another
 * type than Suricata writes.  The forms of rows are those of Suricata's manual
 * and of the checks in suricata-verify; values by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decode.h"

extern const struct decoder decoder_eve;

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
	keep = calloc(1, decoder_eve.state_size);
	return keep != NULL && batch_init(&b, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	struct dec d = { .batch = &b };

	(void)state;
	decoder_eve.end(&d, keep);
	batch_fini(&b);
	free(keep);
	return 0;
}

static void
json(const char *s)
{
	struct record r = { .data = span_str(s), .time = TIME_NONE,
	    .no = 7, .offset = 99, .type = REC_JSON };
	struct dec d = { .batch = &b, .rec = &r };

	decoder_eve.record(&d, keep, &r);
}

static const struct event *
last(void)
{
	assert_int_not_equal(b.nevents, 0);
	return &b.events[b.nevents - 1];
}

static void
ports_are(uint64_t src, uint64_t dst)
{
	uint64_t n;

	assert_true(event_u64(last(), FIELD_SRC_PORT, &n));
	assert_int_equal(n, src);
	assert_true(event_u64(last(), FIELD_DST_PORT, &n));
	assert_int_equal(n, dst);
}

#define ENDS(from, to)	"\"src_ip\":\"10.0.0.1\",\"src_port\":" #from	\
	",\"dest_ip\":\"10.0.0.2\",\"dest_port\":" #to ",\"proto\":\"TCP\""

static void
test_sides(void **state)
{
	(void)state;
	json("{\"event_type\":\"http\"," ENDS(80, 50000) "}");
	ports_are(80, 50000);		/* flows are told as opened */
	json("{\"event_type\":\"dns\"," ENDS(53, 50000) ",\"dns\":{}}");
	ports_are(50000, 53);
	json("{\"event_type\":\"dns\"," ENDS(53, 53) ",\"dns\":{}}");
	ports_are(53, 53);
	json("{\"event_type\":\"fileinfo\"," ENDS(80, 50000) "}");
	ports_are(50000, 80);
	json("{\"event_type\":\"alert\"," ENDS(80, 50000) "}");
	ports_are(50000, 80);
	json("{\"event_type\":\"alert\"," ENDS(80, 50000)
	    ",\"direction\":\"to_server\"}");
	ports_are(80, 50000);
	json("{\"event_type\":\"alert\"," ENDS(8080, 50000)
	    ",\"direction\":\"to_client\"}");
	ports_are(50000, 8080);
	json("{\"event_type\":\"alert\"," ENDS(1, 2) ",\"flow\":{\"src_ip\":"
	    "\"10.0.0.9\",\"src_port\":7,\"dest_ip\":\"10.0.0.8\","
	    "\"dest_port\":8}}");
	ports_are(7, 8);
}

static void
test_passed_over(void **state)
{
	(void)state;
	json("{\"timestamp\":\"x\",\"event_type\":\"stats\",\"stats\":{}}");
	json("{\"event_type\":\"engine\",\"engine\":{}}");
	json("{\"event_type\":\"metadata\"}");
	assert_int_equal(b.nevents, 0);
	assert_int_equal(weirds.count[WEIRD_EVE_BAD], 0);
	json("{\"level\":\"info\"}");
	assert_int_equal(weirds.count[WEIRD_EVE_BAD], 1);
	json("{\"event_type\":\"flow\"");
	assert_int_equal(weirds.count[WEIRD_JSON_BAD], 1);
	json("{\"event_type\":\"mqtt\"," ENDS(1, 1883)
	    ",\"mqtt\":{\"connect\":{\"qos\":0}}}");
	assert_int_equal(last()->kind, KIND_SENSOR);
	assert_non_null(event_get_name(last(), SPAN_LIT("mqtt.connect.qos")));
}

/* Hostile rows: nothing is of the type that it should be. */
static void
test_types(void **state)
{
	(void)state;
	json("{\"event_type\":\"dns\",\"src_ip\":[1],\"dest_ip\":{},"
	    "\"proto\":7,\"dns\":{\"queries\":[1,{\"rrname\":3}],"
	    "\"answers\":[null,[],{\"rdata\":{}},{\"ttl\":-1}],"
	    "\"grouped\":{\"A\":[1]}}}");
	assert_int_equal(last()->kind, KIND_DNS);
	json("{\"event_type\":\"dns\",\"dns\":{\"queries\":[],"
	    "\"answers\":[],\"grouped\":{\"A\":[]}}}");
	assert_null(event_get(last(), FIELD_DNS_ANSWERS));
	json("{\"event_type\":\"http\",\"http\":{\"request_headers\":"
	    "[1,{\"name\":\"a\"},{\"name\":\"b\",\"value\":{}}],"
	    "\"url\":null,\"status\":\"x\"}}");
	assert_null(event_get(last(), FIELD_HTTP_STATUS));
	json("{\"event_type\":\"tls\",\"tls\":{\"serial\":\"00\","
	    "\"fingerprint\":\"\",\"server_alpns\":[],\"notbefore\":\"x\"}}");
	assert_null(event_get(last(), FIELD_TLS_NOT_BEFORE));
	assert_true(span_eq(event_str(last(), FIELD_TLS_SERIAL),
	    SPAN_LIT("00")));
	json("{\"event_type\":7}");
	assert_int_equal(last()->kind, KIND_SENSOR);
}

static void
test_match(void **state)
{
	static const struct { const char *text; bool yes; } t[] = {
		{ "{\"timestamp\":\"x\",\"flow_id\":1,"
		    "\"event_type\":\"flow\"}", true },
		{ "{\"timestamp\":\"x\",\"event_type\":\"stats\","
		    "\"stats\":{}}", true },
		{ "{\"timestamp\":\"x\",\"event_type\":\"login\"}", false },
		{ "{\"flow_id\":1}", false },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(t); i++) {
		struct record r = { .data = span_str(t[i].text),
		    .type = REC_JSON };

		assert_int_equal(decoder_eve.match(&r) > 0, t[i].yes);
	}
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_sides), TEST(test_passed_over), TEST(test_types),
		TEST(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
