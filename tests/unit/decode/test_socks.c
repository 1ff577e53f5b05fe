/* SPDX-License-Identifier: Apache-2.0
 *
 * SOCKS4, 4a and 5: messages written by hand after RFC 1928, RFC 1929 and the
 * two memos of version 4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flow.h"

extern const struct decoder decoder_socks;

#define SEGS_MAX	256

static struct seg segs[SEGS_MAX];
static size_t nsegs;
static struct demand want;
static struct weirds weirds;
static struct batch b;

static int
setup(void **state)
{
	(void)state;
	nsegs = 0;
	demand_all(&want);
	weirds_init(&weirds);
	return batch_init(&b, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	batch_fini(&b);
	return 0;
}

static void
said(uint8_t dir, const void *p, size_t len)
{
	segs[nsegs] = (struct seg){
		.data = span_of(p, len), .dir = dir, .record = nsegs + 1,
		.time = (int64_t)(nsegs + 1) * NSEC
	};
	nsegs++;
}

#define CLIENT(s)	said(DIR_CLIENT, s, sizeof(s) - 1)
#define SERVER(s)	said(DIR_SERVER, s, sizeof(s) - 1)

static void
run(void)
{
	flow_drive(&decoder_socks, &b, segs, nsegs);
}

static void
str_is(unsigned field, const char *text)
{
	struct span s;

	assert_int_equal(b.nevents, 1);
	s = event_str(&b.events[0], field);
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

	assert_int_equal(b.nevents, 1);
	assert_true(event_u64(&b.events[0], field, &got));
	assert_int_equal(got, n);
}

static void
absent(unsigned field)
{
	assert_int_equal(b.nevents, 1);
	assert_null(event_get(&b.events[0], field));
}

static void
no_weird(void)
{
	assert_int_equal(weirds.count[WEIRD_SOCKS_BAD], 0);
}

static void
test_v4(void **state)
{
	(void)state;
	CLIENT("\x04\x01\x00\x50\xc0\x00\x02\x07" "fred\0");
	SERVER("\x00\x5a\x00\x00\x00\x00\x00\x00" "HTTP");
	run();
	assert_int_equal(b.events[0].kind, KIND_SOCKS);
	assert_int_equal(b.events[0].time, 1 * NSEC);
	assert_int_equal(b.events[0].loc.record, 1);
	num_is(FIELD_SOCKS_VERSION, 4);
	str_is(FIELD_SOCKS_COMMAND, "connect");
	str_is(FIELD_SOCKS_HOST, "192.0.2.7");
	num_is(FIELD_SOCKS_PORT, 80);
	str_is(FIELD_SOCKS_USER, "fred");
	num_is(FIELD_SOCKS_REPLY, 90);
	absent(FIELD_SOCKS_METHODS);
	no_weird();
}

static void
test_v4a_refused(void **state)
{
	(void)state;
	CLIENT("\x04\x01\x01\xbb\x00\x00\x00\x01\0" "evil.example\0");
	SERVER("\x00\x5b\x00\x00\x00\x00\x00\x00");
	run();
	str_is(FIELD_SOCKS_HOST, "evil.example");
	num_is(FIELD_SOCKS_PORT, 443);
	absent(FIELD_SOCKS_USER);
	num_is(FIELD_SOCKS_REPLY, 91);
	no_weird();
}

static void
test_v5(void **state)
{
	(void)state;
	CLIENT("\x05\x02\x00\x01");
	SERVER("\x05\x00");
	CLIENT("\x05\x01\x00\x03\x0b" "example.org" "\x00\x50");
	SERVER("\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90");
	CLIENT("GET / HTTP/1.0\r\n\r\n");
	run();
	assert_int_equal(b.events[0].loc.record, 3);
	num_is(FIELD_SOCKS_VERSION, 5);
	str_is(FIELD_SOCKS_COMMAND, "connect");
	str_is(FIELD_SOCKS_HOST, "example.org");
	num_is(FIELD_SOCKS_PORT, 80);
	str_is(FIELD_SOCKS_METHODS, "0001");
	num_is(FIELD_SOCKS_METHOD, 0);
	num_is(FIELD_SOCKS_REPLY, 0);
	absent(FIELD_SOCKS_USER);
	no_weird();
}

static void
test_v5_user_v6(void **state)
{
	static const char client[] =
	    "\x05\x01\x02"
	    "\x01\x05" "alice" "\x06" "secret"
	    "\x05\x03\x00\x04"
	    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x35" "\x00\x35";
	static const char server[] =
	    "\x05\x02" "\x01\x00"
	    "\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x38";

	(void)state;
	/* However it is cut. */
	for (size_t n = 1; n < sizeof(client); n++) {
		teardown(NULL);
		setup(NULL);
		for (size_t at = 0; at < sizeof(client) - 1; at += n)
			said(DIR_CLIENT, client + at,
			    MIN_OF(n, sizeof(client) - 1 - at));
		for (size_t at = 0; at < sizeof(server) - 1; at += n)
			said(DIR_SERVER, server + at,
			    MIN_OF(n, sizeof(server) - 1 - at));
		run();
		str_is(FIELD_SOCKS_COMMAND, "udp-associate");
		str_is(FIELD_SOCKS_HOST, "2001:db8::35");
		num_is(FIELD_SOCKS_PORT, 53);
		str_is(FIELD_SOCKS_USER, "alice");
		num_is(FIELD_SOCKS_METHOD, 2);
		num_is(FIELD_SOCKS_REPLY, 0);
		no_weird();
	}
}

static void
test_v5_refusals(void **state)
{
	(void)state;
	CLIENT("\x05\x01\x00");		/* no method fits */
	SERVER("\x05\xff");
	run();
	num_is(FIELD_SOCKS_METHOD, 255);
	absent(FIELD_SOCKS_COMMAND);

	teardown(NULL);
	setup(NULL);
	CLIENT("\x05\x01\x02");		/* wrong password */
	SERVER("\x05\x02");
	CLIENT("\x01\x04" "root" "\x01" "x");
	SERVER("\x01\x01");
	run();
	num_is(FIELD_SOCKS_METHOD, 2);
	str_is(FIELD_SOCKS_USER, "root");
	absent(FIELD_SOCKS_REPLY);

	teardown(NULL);
	setup(NULL);
	CLIENT("\x05\x01\x00");		/* connection refused, cut short */
	SERVER("\x05\x00");
	CLIENT("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x16");
	SERVER("\x05\x05");
	segs[3].end = true;
	run();
	str_is(FIELD_SOCKS_HOST, "192.0.2.1");
	num_is(FIELD_SOCKS_REPLY, 5);
	no_weird();
}

static void
test_bind(void **state)
{
	(void)state;
	CLIENT("\x05\x01\x00");
	SERVER("\x05\x00");
	CLIENT("\x05\x02\x00\x01\xc0\x00\x02\x01\x00\x16");
	SERVER("\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90");
	SERVER("\x05\x04\x00\x01\x0a\x00\x00\x01\x1f\x90");
	run();
	str_is(FIELD_SOCKS_COMMAND, "bind");
	num_is(FIELD_SOCKS_REPLY, 4);
	no_weird();
}

/* A proxy behind a firewall that calls home first. */
static void
test_reverse(void **state)
{
	(void)state;
	SERVER("\x01hello");
	CLIENT("\x05\x01\x00");
	SERVER("\x05\x00");
	CLIENT("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x16");
	SERVER("\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90");
	run();
	num_is(FIELD_SOCKS_PORT, 22);
	num_is(FIELD_SOCKS_REPLY, 0);
	absent(FIELD_SOCKS_REVERSE);
	no_weird();
	/* The side that was called asks. */
	teardown(NULL);
	setup(NULL);
	CLIENT("\x01hello");
	SERVER("\x05\x01\x00");
	CLIENT("\x05\x00");
	SERVER("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x16");
	CLIENT("\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90");
	run();
	num_is(FIELD_SOCKS_PORT, 22);
	num_is(FIELD_SOCKS_REPLY, 0);
	num_is(FIELD_SOCKS_REVERSE, 1);
	no_weird();
	/* The hello was nobody's and is not shown. */
	teardown(NULL);
	setup(NULL);
	CLIENT("\x05\x01\x00");
	SERVER("\x05\x00");
	segs[1].lost = 6;
	CLIENT("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x16");
	run();
	num_is(FIELD_SOCKS_METHOD, 0);
	num_is(FIELD_SOCKS_PORT, 22);
}

static void
test_no_reply(void **state)
{
	(void)state;
	CLIENT("\x05\x01\x00");
	SERVER("\x05\x00");
	CLIENT("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x16");
	run();
	num_is(FIELD_SOCKS_PORT, 22);
	absent(FIELD_SOCKS_REPLY);

	/* A greeting alone says too little. */
	teardown(NULL);
	setup(NULL);
	CLIENT("\x05\x01\x00");
	run();
	assert_int_equal(b.nevents, 0);

	teardown(NULL);
	setup(NULL);
	CLIENT("\x05\x01\x00");
	SERVER("HTTP/1.1 400 Bad Request\r\n\r\n");
	run();
	assert_int_equal(b.nevents, 0);
	no_weird();
}

static void
test_broken(void **state)
{
	(void)state;
	CLIENT("\x05\x01\x00");
	SERVER("\x05\x00");
	CLIENT("\x05\x01\x00\x02\xc0\x00\x02\x01\x00\x16");	/* atyp 2 */
	run();
	num_is(FIELD_SOCKS_METHOD, 0);
	assert_int_equal(weirds.count[WEIRD_SOCKS_BAD], 1);

	teardown(NULL);
	setup(NULL);
	CLIENT("\x05\x01\x00");
	SERVER("\x05\x00");
	CLIENT("\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x16");
	segs[2].lost = 3;
	run();
	num_is(FIELD_SOCKS_METHOD, 0);
	absent(FIELD_SOCKS_COMMAND);
	no_weird();
}

static void
test_probe(void **state)
{
#define CASE(s, r)	{ { (const uint8_t *)(s), sizeof(s) - 1 }, PROBE_##r }
	static const struct { struct span in; enum probe_result r; } c[] = {
		CASE("\x05\x01\x00", YES),
		CASE("\x05\x03\x00\x01\x02", YES),
		CASE("\x05\x01\x00\x05\x01\x00\x03\x01" "a\x00\x50", YES),
		CASE("\x05\x01\x00\x05", MORE),
		CASE("\x05", MORE), CASE("\x05\x02\x00", MORE),
		CASE("\x04\x01\x00\x50\xc0\x00\x02\x07\x00", YES),
		CASE("\x04\x01\x00\x50\x00\x00\x00\x09\x00" "a.b\x00", YES),
		CASE("\x04\x01\x00\x50\xc0\x00\x02\x07" "fre", MORE),
		CASE("\x04\x02", MORE),
		CASE("\x05\x00\x0b\x03\x10\x00\x00\x00", NO),	/* DCE/RPC */
		CASE("\x05\x02\x00\x00", NO),		/* twice the same */
		CASE("\x05\x01\x44", NO),
		CASE("\x05\x01\x00\x00", NO),
		CASE("\x05\x01\x00\x05\x07\x00\x01", NO),
		CASE("\x05\xff\x00\x01", NO),
		CASE("\x04\x03\x00\x50\xc0\x00\x02\x07\x00", NO),
		CASE("\x04\x01\x00\x00\xc0\x00\x02\x07\x00", NO),
		CASE("\x04\x01\x00\x50\x00\x00\x00\x00\x00", NO),
		CASE("\x04\x01\x00\x50\x00\x00\x00\x09\x00\x00", NO),
		CASE("\x04\x01\x00\x50\xc0\x00\x02\x07\x00more", NO),
		CASE("\x04\x01\x00\x28\xc0\x00\x02\x07\x01\x02\x00", NO),
		CASE("\x16\x03\x01", NO),
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(c); i++) {
		struct probe p = { .data = c[i].in, .dir = DIR_CLIENT };

		if (decoder_socks.probe(&p) != c[i].r)
			fail_msg("case %zu: %d", i, decoder_socks.probe(&p));
	}
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_v4), TEST(test_v4a_refused), TEST(test_v5),
		TEST(test_v5_user_v6), TEST(test_v5_refusals),
		TEST(test_bind), TEST(test_reverse), TEST(test_no_reply), TEST(test_broken),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
