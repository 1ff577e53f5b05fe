/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH banners and key exchanges made here.  The MD5s of the HASSH texts are
 * from md5sum(1); sessions of real programs are in tests/golden/decoders/ssh.
 */
#include "seg_drive.h"

extern const struct decoder decoder_ssh;


struct bytes {
	uint8_t	b[40000];
	size_t	len;
};

static void
put(struct bytes *o, const void *p, size_t n)
{
	assert_true(n <= sizeof(o->b) - o->len);
	memcpy(o->b + o->len, p, n);
	o->len += n;
}

static void
put_be32(struct bytes *o, size_t v)
{
	uint8_t be[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 8), (uint8_t)v };

	put(o, be, 4);
}

/* A packet with four bytes of padding. */
static void
put_packet(struct bytes *o, const struct bytes *payload)
{
	put_be32(o, payload->len + 5);
	put(o, "\4", 1);
	put(o, payload->b, payload->len);
	put(o, "\0\0\0\0", 4);
}

/* lists: the ten of RFC 4253 7.1. */
static void
put_kexinit(struct bytes *o, const char *const lists[10])
{
	static struct bytes payload;

	payload.len = 0;
	put(&payload, "\x14" "0123456789abcdef", 17);
	for (unsigned i = 0; i < 10; i++) {
		put_be32(&payload, strlen(lists[i]));
		if (lists[i][0] != '\0')
			put(&payload, lists[i], strlen(lists[i]));
	}
	put(&payload, "\0\0\0\0\0", 5);
	put_packet(o, &payload);
}

static const char *const client_lists[10] = {
	"k1,k2,ext-info-c", "h1,h2", "c1,c2", "c3", "m1,m2", "m3", "zlib,none",
	"z3", "", ""
};
static const char *const server_lists[10] = {
	"k2,k1", "h2", "c9,c2", "c4", "m2,m1", "m4", "none", "z4", "", ""
};

static const struct event *
drive(void)
{
	return drive_one(&decoder_ssh, KIND_SSH);
}

static void
text_is(const struct event *e, unsigned field, const char *text)
{
	struct span s;

	assert_non_null(e);
	s = event_str(e, field);
	if (!span_eq(s, span_str(text)))
		fail_msg("%s is \"%.*s\", not \"%s\"", field_name(field),
		    (int)s.len, (const char *)s.ptr, text);
}

static void
is_missing(const struct event *e, unsigned field)
{
	assert_non_null(e);
	assert_null(event_get(e, field));
}

static void
check_session(const struct event *e)
{
	text_is(e, FIELD_SSH_CLIENT, "SSH-2.0-Own_1");
	text_is(e, FIELD_SSH_SERVER, "SSH-2.0-Other_2 with comment");
	text_is(e, FIELD_SSH_KEX, "k1");
	text_is(e, FIELD_SSH_HOST_KEY, "h2");
	text_is(e, FIELD_SSH_CIPHER, "c2");
	text_is(e, FIELD_SSH_MAC, "m1");
	text_is(e, FIELD_SSH_COMPRESSION, "none");
	text_is(e, FIELD_SSH_HASSH_TEXT,
	    "k1,k2,ext-info-c;c1,c2;m1,m2;zlib,none");
	text_is(e, FIELD_SSH_HASSH, "decab2355359305c73946fc68a5d0d5f");
	text_is(e, FIELD_SSH_HASSH_SERVER_TEXT, "k2,k1;c4;m4;z4");
	text_is(e, FIELD_SSH_HASSH_SERVER,
	    "c538fec785aca7a811e0106efcd3653c");
}

static void
test_session(void **state)
{
	static struct bytes c, s;

	(void)state;
	c.len = s.len = 0;
	put(&c, "SSH-2.0-Own_1\r\n", 15);
	put_kexinit(&c, client_lists);
	put(&s, "SSH-2.0-Other_2 with comment\n", 29);
	put_kexinit(&s, server_lists);
	add_seg(DIR_SERVER, s.b, s.len);
	add_seg(DIR_CLIENT, c.b, c.len);
	SEND_TEXT(DIR_CLIENT, "not read any more");
	check_session(drive());
	assert_int_equal(batch.events[0].loc.record, 1);

	nsegs = 0;			/* a byte a segment */
	for (size_t i = 0; i < s.len; i++)
		add_seg(DIR_SERVER, s.b + i, 1);
	for (size_t i = 0; i < c.len; i++)
		add_seg(DIR_CLIENT, c.b + i, 1);
	check_session(drive());
	assert_true(weirds.count[WEIRD_SSH_BAD] == 0);
}

/* The TCP server is the SSH client: only a client says ext-info-c. */
static void
test_reverse(void **state)
{
	static struct bytes c, s;

	(void)state;
	c.len = s.len = 0;
	put(&c, "SSH-2.0-Own_1\r\n", 15);
	put_kexinit(&c, client_lists);
	put(&s, "SSH-2.0-Other_2 with comment\n", 29);
	put_kexinit(&s, server_lists);
	add_seg(DIR_CLIENT, s.b, s.len);
	add_seg(DIR_SERVER, c.b, c.len);
	check_session(drive());
}

static void
test_pre_banner(void **state)
{
	const struct event *e;

	(void)state;
	SEND_TEXT(DIR_SERVER, "Go away\r\nor not\r\nSSH-1.99-Srv\r\n");
	SEND_TEXT(DIR_CLIENT, "SSH-2.0-Cli\n");
	e = drive();
	text_is(e, FIELD_SSH_SERVER, "SSH-1.99-Srv");
	text_is(e, FIELD_SSH_CLIENT, "SSH-2.0-Cli");
	is_missing(e, FIELD_SSH_HASSH);
}

static void
test_ssh1(void **state)
{
	const struct event *e;

	(void)state;
	SEND_TEXT(DIR_SERVER, "SSH-1.5-Srv\n\0\0\1\x07what is not read");
	SEND_TEXT(DIR_CLIENT, "SSH-1.5-Cli\nneither");
	e = drive();
	text_is(e, FIELD_SSH_SERVER, "SSH-1.5-Srv");
	text_is(e, FIELD_SSH_CLIENT, "SSH-1.5-Cli");
	assert_true(weirds.count[WEIRD_SSH_BAD] == 0);
}

/* IGNORE may come before KEXINIT; a scanner's banner may stand alone. */
static void
test_ignore_and_end(void **state)
{
	static struct bytes c, ignore;
	const struct event *e;

	(void)state;
	c.len = ignore.len = 0;
	put(&c, "SSH-2.0-Own_1\r\n", 15);
	put(&ignore, "\2\0\0\0\1x", 6);
	put_packet(&c, &ignore);
	put_kexinit(&c, client_lists);
	add_seg(DIR_CLIENT, c.b, c.len);
	e = drive();
	text_is(e, FIELD_SSH_CLIENT, "SSH-2.0-Own_1");
	text_is(e, FIELD_SSH_HASSH_TEXT,
	    "k1,k2,ext-info-c;c1,c2;m1,m2;zlib,none");
	is_missing(e, FIELD_SSH_SERVER);
	is_missing(e, FIELD_SSH_KEX);

	nsegs = 0;
	SEND_TEXT(DIR_CLIENT, "SSH-2.0-scan");	/* no line end */
	segs[0].end = true;
	text_is(drive(), FIELD_SSH_CLIENT, "SSH-2.0-scan");
	assert_true(weirds.count[WEIRD_SSH_BAD] == 0);
}

static void
test_hostile(void **state)
{
	static struct bytes c;
	static char lines[200];

	(void)state;
	SEND_TEXT(DIR_CLIENT, "SSH-2.0-x\n\xff\xff\xff\xff");	/* length */
	assert_non_null(drive());
	assert_true(weirds.count[WEIRD_SSH_BAD] == 1);

	nsegs = c.len = 0;			/* a list longer than all */
	put(&c, "SSH-2.0-x\n", 10);
	put_kexinit(&c, client_lists);
	c.b[10 + 5 + 17] = 0x7f;
	add_seg(DIR_CLIENT, c.b, c.len);
	is_missing(drive(), FIELD_SSH_HASSH);
	assert_true(weirds.count[WEIRD_SSH_BAD] == 2);

	nsegs = 0;				/* padding over all */
	SEND_TEXT(DIR_CLIENT, "SSH-2.0-x\n\0\0\0\2\2\x14");
	assert_non_null(drive());
	assert_true(weirds.count[WEIRD_SSH_BAD] == 3);

	nsegs = 0;				/* lines without end */
	memset(lines, '\n', sizeof(lines));
	add_seg(DIR_SERVER, lines, sizeof(lines));
	assert_null(drive());
	assert_true(weirds.count[WEIRD_SSH_BAD] == 4);
}

static void
test_probe(void **state)
{
	struct probe p = { .data = SPAN_LIT("SSH-2.0-OpenSSH") };

	(void)state;
	assert_int_equal(decoder_ssh.probe(&p), PROBE_YES);
	p.dir = DIR_SERVER;
	assert_int_equal(decoder_ssh.probe(&p), PROBE_YES);
	p.data = SPAN_LIT("Hello\r\nSSH-2.0-x\r\n");
	assert_int_equal(decoder_ssh.probe(&p), PROBE_YES);
	p.data = SPAN_LIT("SSH");
	assert_int_equal(decoder_ssh.probe(&p), PROBE_MORE);
	p.data = SPAN_LIT("SSH-ng");
	assert_int_equal(decoder_ssh.probe(&p), PROBE_NO);
	p.data = SPAN_LIT("GET / HTTP/1.1");
	assert_int_equal(decoder_ssh.probe(&p), PROBE_NO);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_session),
		TEST(test_reverse),
		TEST(test_pre_banner),
		TEST(test_ssh1),
		TEST(test_ignore_and_end),
		TEST(test_hostile),
		TEST(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
