/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSocket frames: the examples of RFC 6455 5.7, and what may be inside.
 */
#include "seg_drive.h"

extern const struct decoder decoder_websocket;

static uint8_t		big[70000];

static const struct event *
drive(void)
{
	return drive_one(&decoder_websocket, KIND_WEBSOCKET);
}

static void
num_is(const struct event *e, unsigned field, uint64_t n)
{
	uint64_t v = ~n;

	assert_non_null(e);
	assert_true(event_u64(e, field, &v));
	assert_int_equal(v, n);
}

static void
text_is(const struct event *e, unsigned field, const char *text)
{
	assert_non_null(e);
	assert_true(span_eq(event_str(e, field), span_str(text)));
}

/* RFC 6455 5.7 */
static void
test_examples(void **state)
{
	const struct event *e;

	(void)state;
	SEND_TEXT(DIR_SERVER, "\x81\x05\x48\x65\x6c\x6c\x6f");
	SEND_TEXT(DIR_CLIENT, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
	SEND_TEXT(DIR_SERVER, "\x01\x03\x48\x65\x6c");
	SEND_TEXT(DIR_SERVER, "\x80\x02\x6c\x6f");
	SEND_TEXT(DIR_SERVER, "\x89\x05\x48\x65\x6c\x6c\x6f");
	SEND_TEXT(DIR_CLIENT, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
	memcpy(big, "\x82\x7e\x01\x00", 4);
	add_seg(DIR_SERVER, big, 4 + 256);
	SEND_TEXT(DIR_SERVER, "\x82\x7f\0\0\0\0\0\1\0\0");
	add_seg(DIR_SERVER, big, 65536);
	SEND_TEXT(DIR_SERVER, "\x88\x02\x03\xe8");
	e = drive();
	num_is(e, FIELD_WS_CLIENT_BYTES, 5);
	num_is(e, FIELD_WS_SERVER_BYTES, 5 + 5 + 256 + 65536);
	num_is(e, FIELD_WS_CLIENT_FRAMES, 2);
	num_is(e, FIELD_WS_SERVER_FRAMES, 7);
	num_is(e, FIELD_WS_TEXT, 3);
	num_is(e, FIELD_WS_BINARY, 2);
	num_is(e, FIELD_WS_CONTROL, 2);
	num_is(e, FIELD_WS_CODE, 1000);
	num_is(e, FIELD_WS_MASKED, 1);
	assert_null(event_get(e, FIELD_WS_INNER));
	assert_int_equal(e->loc.record, 1);
	assert_int_equal(weirds.count[WEIRD_WEBSOCKET_BAD], 0);
}

/* Key 01 02 03 04 over "SSH-2.0-x\r\n", cut in two frames and three segments */
static void
test_ssh_inside(void **state)
{
	(void)state;
	SEND_TEXT(DIR_CLIENT, "\x02\x83\1\2\3\4" "RQ");
	SEND_TEXT(DIR_CLIENT, "K" "\x80\x88\1\2\3\4" ",0-4");
	SEND_TEXT(DIR_CLIENT, ",z\x0e\x0e");
	text_is(drive(), FIELD_WS_INNER, "ssh");
}

static void
test_socks_inside(void **state)
{
	(void)state;
	SEND_TEXT(DIR_CLIENT, "\x82\x83\0\0\0\0\5\1\0");
	SEND_TEXT(DIR_SERVER, "\x82\2\5\0");
	text_is(drive(), FIELD_WS_INNER, "socks");
}

/* wsMemShell's proxy asks like this */
static void
test_connect_inside(void **state)
{
	const struct event *e;

	(void)state;
	SEND_TEXT(DIR_CLIENT, "\x81\x9b\0\0\0\0" "CONNECT 10.0.0.7:3389 HTTP/");
	SEND_TEXT(DIR_SERVER, "\x81\x27" "HTTP/1.1 200 Connection Established\r\n\r\n");
	e = drive();
	text_is(e, FIELD_WS_INNER, "http");
	text_is(e, FIELD_WS_TARGET, "10.0.0.7:3389");
}

/* Byte by byte the same comes out. */
static void
test_bytewise(void **state)
{
	static const uint8_t c[] = "\x82\x86\1\2\3\4" "RQK)3,"
	    "\x88\x82\0\0\0\0\x03\xe9";
	const struct event *e;

	(void)state;
	for (size_t i = 0; i < sizeof(c) - 1; i++)
		add_seg(DIR_CLIENT, c + i, 1);
	e = drive();
	num_is(e, FIELD_WS_CLIENT_BYTES, 6);
	num_is(e, FIELD_WS_CODE, 1001);
	text_is(e, FIELD_WS_INNER, "ssh");
}

static void
test_bad(void **state)
{
	(void)state;
	SEND_TEXT(DIR_CLIENT, "\x81\x80\0\0\0\0");
	SEND_TEXT(DIR_CLIENT, "\x83\x80\0\0\0\0");		/* opcode 3 */
	SEND_TEXT(DIR_SERVER, "\x89\x7e\x01\x00");		/* ping of 256 */
	num_is(drive(), FIELD_WS_CLIENT_FRAMES, 1);
	assert_int_equal(weirds.count[WEIRD_WEBSOCKET_BAD], 2);
	nsegs = 0;
	SEND_TEXT(DIR_SERVER, "\x82\x7f\xff\0\0\0\0\1\0\0");	/* 2^63 and more */
	assert_null(drive());
	assert_int_equal(weirds.count[WEIRD_WEBSOCKET_BAD], 3);
}

/* A gap inside a payload does no harm, one outside ends the direction. */
static void
test_gap(void **state)
{
	(void)state;
	SEND_TEXT(DIR_SERVER, "\x82\x05" "a");
	SEND_TEXT(DIR_SERVER, "e\x81\x01z");
	segs[1].lost = 3;
	SEND_TEXT(DIR_SERVER, "\x81\x01z");
	segs[2].lost = 7;
	num_is(drive(), FIELD_WS_SERVER_FRAMES, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_examples), T(test_ssh_inside), T(test_socks_inside),
		T(test_connect_inside), T(test_bytewise), T(test_bad),
		T(test_gap),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
