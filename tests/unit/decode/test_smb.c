/* SPDX-License-Identifier: Apache-2.0
 *
 * SMB2: messages built field by field after MS-SMB2 2.2 and MS-NLMP 2.2.1.  The
 * golden captures are of a real server; here are joins, compounds, skips, gaps
 * and limits.
 */
#include "ad_drive.h"

enum { NEGOTIATE, SETUP, LOGOFF, TREE, UNTREE, CREATE, CLOSE, FLUSH, READ,
    WRITE };
#define RSP	1u
#define ASYNC	2u
#define RELATED	4u

static struct buf out;		/* the message in the making */
static uint64_t session_id;
static uint32_t tree_id;

static void
le(uint64_t n, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		buf_byte(&out, i < 8 ? (uint8_t)(n >> 8 * i) : 0);
}

static void
raw(const char *s, size_t n)
{
	buf_put(&out, s, n);
}

static void
wide(const char *s)
{
	for (; *s != '\0'; s++)
		le((uint8_t)*s, 2);
}

static void
header(unsigned command, uint32_t flags, uint64_t id, uint32_t status,
    uint32_t next)
{
	raw("\xfeSMB", 4);
	le(64, 2);
	le(1, 2);
	le(status, 4);
	le(command, 2);
	le(1, 2);
	le(flags, 4);
	le(next, 4);
	le(id, 8);
	le(0xfeff, 4);
	le(tree_id, 4);
	le(session_id, 8);
	le(0, 16);
}

/* Puts the NetBIOS header before it; extra: payload that is not there yet. */
static struct span
framed(size_t extra)
{
	size_t len = out.len + extra;
	uint8_t *p = arena_alloc(&dr.batch.arena, out.len + 4);

	assert_non_null(p);
	p[0] = 0;
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	memcpy(p + 4, out.ptr, out.len);
	return span_of(p, out.len + 4);
}

static void
begin(void)
{
	buf_reset(&out);
}

static size_t step = 100000;

static void
send(unsigned dir)
{
	drive_bytes(dir, framed(0), step);
	begin();
}

static void
file_id(unsigned n)
{
	if (n == 0) {
		le(UINT64_MAX, 8);
		le(UINT64_MAX, 8);
	} else {
		le(n, 8);
		le(n + 0x100, 8);
	}
}

static void
put_create(const char *name, uint32_t disposition)
{
	le(57, 2);
	le(0, 34);
	le(disposition, 4);
	le(0, 4);
	le(64 + 56, 2);
	le(2 * strlen(name), 2);
	le(0, 8);
	wide(name);
}

static void
put_created(unsigned file, uint64_t size)
{
	le(89, 2);
	le(0, 46);
	le(size, 8);
	le(0, 8);
	file_id(file);
	le(0, 8);
}

static void
put_close(unsigned file)
{
	le(24, 2);
	le(0, 6);
	file_id(file);
}

static void
put_io(unsigned file, uint32_t len)
{
	le(49, 2);
	le(112, 2);
	le(len, 4);
	le(0, 8);
	file_id(file);
	le(0, 16);
}

static void
put_done(uint32_t len)
{
	le(17, 2);
	le(80, 2);
	le(len, 4);
	le(0, 8);
}

static void
tree_connect(const char *path, uint64_t id, uint32_t status)
{
	uint32_t t = tree_id;

	tree_id = 0;
	header(TREE, 0, id, 0, 0);
	le(9, 2);
	le(0, 2);
	le(72, 2);
	le(2 * strlen(path), 2);
	wide(path);
	send(DIR_CLIENT);
	tree_id = t;
	header(TREE, RSP, id, status, 0);
	le(16, 2);
	le(1, 1);
	le(0, 13);
	send(DIR_SERVER);
}

static void
start(void)
{
	drive_init("smb", IPPROTO_N_TCP, 9445);
	buf_init(&out, 0);
	begin();
	session_id = 0x1122334455667788;
	tree_id = 7;
}

static void
finish(void)
{
	drive_close();
	buf_fini(&out);
	drive_fini();
}

/* NTLMSSP inside made-up SPNEGO bytes. */
static size_t
put_ntlm(unsigned type, const char *user)
{
	size_t at = out.len, n = 2 * strlen(user);

	raw("\xa1\x30\x04\x20", 4);	/* stands for SPNEGO */
	raw("NTLMSSP", 8);
	le(type, 4);
	if (type == 2) {
		le(0, 28);
		le(8 + 10 + 4, 2);	/* target info at 48 */
		le(8 + 10 + 4, 2);
		le(48, 4);
		le(1, 2);
		le(4, 2);
		wide("S1");
		le(3, 2);
		le(6, 2);
		wide("s.t");
		le(0, 4);
	} else if (type == 3) {
		le(0, 16);
		le(6, 2), le(6, 2), le(64, 4);		/* domain */
		le(n, 2), le(n, 2), le(70, 4);		/* user */
		le(4, 2), le(4, 2), le(70 + n, 4);	/* workstation */
		le(0, 8);
		le(1, 4);				/* Unicode */
		wide("LAB");
		wide(user);
		wide("PC");
	}
	return out.len - at;
}

static void
put_setup(uint64_t id, unsigned type, const char *user)
{
	size_t at, n;

	header(SETUP, 0, id, 0, 0);
	le(25, 2);
	le(0, 10);
	at = out.len;
	le(88, 2);
	le(0, 2);
	le(0, 8);
	n = put_ntlm(type, user);
	out.ptr[at + 2] = (uint8_t)n;
	send(DIR_CLIENT);
}

static void
put_setup_done(uint64_t id, uint32_t status)
{
	size_t at, n = 0;

	header(SETUP, RSP, id, status, 0);
	le(9, 2);
	le(0, 2);
	at = out.len;
	le(72, 2);
	le(0, 2);
	if (status == 0xc0000016)
		n = put_ntlm(2, "");
	out.ptr[at + 2] = (uint8_t)n;
	send(DIR_SERVER);
}

static void
test_session(void **state)
{
	(void)state;
	for (step = 1; step < 2000; step += 1900) {
		start();
		tree_id = 0;
		session_id = 0;
		header(NEGOTIATE, 0, 0, 0, 0);
		le(36, 2);
		le(0, 34);
		assert_int_equal(drive_probe(framed(0), DIR_CLIENT, false),
		    PROBE_YES);
		assert_int_equal(drive_probe(framed(0), DIR_SERVER, false),
		    PROBE_YES);
		send(DIR_CLIENT);
		header(NEGOTIATE, RSP, 0, 0, 0);
		le(65, 2);
		le(1, 2);
		le(0x0311, 2);
		le(0, 58);
		assert_int_equal(drive_probe(framed(0), DIR_CLIENT, false),
		    PROBE_SWAP);
		send(DIR_SERVER);
		put_setup(1, 1, "");
		session_id = 0x42;
		put_setup_done(1, 0xc0000016);
		put_setup(2, 3, "eve");
		put_setup_done(2, 0xc000006d);
		put_setup(3, 3, "adam");
		put_setup_done(3, 0);
		assert_int_equal(dr.batch.nevents, 5);
		CHECK(0, FIELD_SMB_COMMAND, "negotiate");
		CHECK(0, FIELD_SMB_DIALECT, "3.1.1");
		CHECK(1, FIELD_SMB_COMMAND, "session_setup");
		CHECK(1, FIELD_SMB_STATUS, "0xc000006d");
		assert_int_equal(ev(2)->kind, KIND_NTLM);
		CHECK(2, FIELD_NTLM_USER, "eve");
		CHECK(2, FIELD_NTLM_DOMAIN, "LAB");
		CHECK(2, FIELD_NTLM_HOST, "PC");
		CHECK(2, FIELD_NTLM_SERVER, "S1");
		CHECK(2, FIELD_NTLM_SERVER_DNS, "s.t");
		CHECK(2, FIELD_NTLM_SUCCESS, "false");
		CHECK(3, FIELD_SMB_STATUS, "0x0");
		CHECK(3, FIELD_SMB_SESSION, "0x42");
		CHECK(3, FIELD_NTLM_USER, "adam");
		CHECK(4, FIELD_NTLM_SUCCESS, "true");
		finish();
	}
	step = 100000;
}

static void
test_files(void **state)
{
	(void)state;
	start();
	tree_connect("\\\\srv\\C$", 1, 0);
	header(CREATE, 0, 2, 0, 0);
	put_create("a\\b.txt", 5);
	send(DIR_CLIENT);
	header(CREATE, RSP, 2, 0, 0);
	put_created(9, 1234);
	send(DIR_SERVER);
	/* a large write: its payload is passed over */
	header(WRITE, 0, 3, 0, 0);
	put_io(9, 70000);
	drive_stream(DIR_CLIENT, framed(70000), 0);
	begin();
	assert_int_equal(dr.dec.skip[DIR_CLIENT], 70000);
	for (unsigned i = 0; i < 70; i++) {
		static const uint8_t zero[1000];

		drive_stream(DIR_CLIENT, span_of(zero, sizeof(zero)), 0);
	}
	/* an interim response, then the final one */
	header(WRITE, RSP | ASYNC, 3, 0x103, 0);
	le(9, 9);
	send(DIR_SERVER);
	header(WRITE, RSP | ASYNC, 3, 0, 0);
	put_done(70000);
	send(DIR_SERVER);
	for (unsigned id = 4; id < 6; id++) {
		header(READ, 0, id, 0, 0);
		put_io(9, 4000);
		send(DIR_CLIENT);
	}
	header(READ, RSP, 5, 0xc0000011, 0);	/* end of file */
	le(9, 9);
	send(DIR_SERVER);
	header(READ, RSP, 4, 0, 0);
	put_done(10);
	raw("0123456789", 10);
	send(DIR_SERVER);
	assert_int_equal(dr.batch.nevents, 2);
	header(CLOSE, 0, 6, 0, 0);
	put_close(9);
	send(DIR_CLIENT);
	header(CLOSE, RSP, 6, 0, 0);
	le(60, 60);
	send(DIR_SERVER);
	assert_int_equal(dr.batch.nevents, 4);
	CHECK(0, FIELD_SMB_COMMAND, "tree_connect");
	CHECK(0, FIELD_SMB_SHARE, "\\\\srv\\C$");
	CHECK(0, FIELD_SMB_SHARE_TYPE, "disk");
	CHECK(0, FIELD_SMB_TREE, "0x7");
	CHECK(1, FIELD_SMB_COMMAND, "create");
	CHECK(1, FIELD_SMB_FILE, "a\\b.txt");
	CHECK(1, FIELD_SMB_DISPOSITION, "overwrite_if");
	CHECK(1, FIELD_SMB_SHARE, "\\\\srv\\C$");
	CHECK(1, FIELD_SMB_SIZE, "1234");
	CHECK(2, FIELD_SMB_COMMAND, "read");
	CHECK(2, FIELD_SMB_SIZE, "10");
	CHECK(3, FIELD_SMB_COMMAND, "write");
	CHECK(3, FIELD_SMB_SIZE, "70000");
	CHECK(3, FIELD_SMB_FILE, "a\\b.txt");
	CHECK(3, FIELD_SMB_SHARE, "\\\\srv\\C$");
	assert_int_equal(dr.weirds.count[WEIRD_SMB_BAD], 0);
	finish();
}

/* Create, read, close in one message, related; ids left to the first. */
static void
test_compound(void **state)
{
	(void)state;
	start();
	tree_connect("\\\\srv\\docs", 1, 0);
	header(CREATE, 0, 2, 0, 128);
	put_create("xyz4", 1);
	assert_int_equal(out.len, 128);
	tree_id = UINT32_MAX;
	session_id = UINT64_MAX;
	header(READ, RELATED, 3, 0, 112);
	put_io(0, 100);
	header(CLOSE, RELATED, 4, 0, 0);
	put_close(0);
	send(DIR_CLIENT);
	tree_id = 7;
	session_id = 0x1122334455667788;
	header(CREATE, RSP, 2, 0, 152);
	put_created(3, 100);
	header(READ, RSP | RELATED, 3, 0, 184);
	put_done(100);
	le(0, 104);
	header(CLOSE, RSP | RELATED, 4, 0, 0);
	le(60, 60);
	send(DIR_SERVER);
	assert_int_equal(dr.batch.nevents, 3);
	CHECK(1, FIELD_SMB_FILE, "xyz4");
	CHECK(1, FIELD_SMB_SHARE, "\\\\srv\\docs");
	CHECK(2, FIELD_SMB_COMMAND, "read");
	CHECK(2, FIELD_SMB_SIZE, "100");
	CHECK(2, FIELD_SMB_FILE, "xyz4");
	CHECK(2, FIELD_SMB_SESSION, "0x1122334455667788");
	finish();
}

/* What is open or unanswered at the end; what was opened unseen. */
static void
test_end(void **state)
{
	(void)state;
	start();
	header(WRITE, 0, 2, 0, 0);
	put_io(5, 3);
	raw("abc", 3);
	send(DIR_CLIENT);
	header(WRITE, RSP, 2, 0, 0);
	put_done(3);
	send(DIR_SERVER);
	header(CREATE, 0, 3, 0, 0);
	put_create("lost", 1);
	send(DIR_CLIENT);
	drive_close();
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_SMB_FILE, "lost");
	CHECK(0, FIELD_SMB_STATUS, "-");
	CHECK(1, FIELD_SMB_COMMAND, "write");
	CHECK(1, FIELD_SMB_SIZE, "3");
	CHECK(1, FIELD_SMB_FILE, "-");
	finish();
}

/* Encrypted messages are told once; then a gap, and the next message in
 * clear is found again. */
static void
test_encrypted_gap(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 3; i++) {
		raw("\xfdSMB", 4);
		le(0, 60);
		assert_int_equal(drive_probe(framed(0), i & 1, false),
		    PROBE_YES);
		send(i & 1);
	}
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_SMB_ENCRYPTED, "true");
	raw("garbage that ends a message", 27);
	raw("\0\0\0\x6c", 4);
	header(TREE, RSP, 1, 0, 0);
	le(16, 2);
	le(2, 1);
	le(0, 41);
	drive_stream(DIR_SERVER, exact(buf_view(&out)), 999);
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(1, FIELD_SMB_COMMAND, "tree_connect");
	CHECK(1, FIELD_SMB_SHARE_TYPE, "pipe");
	finish();
}

static void
test_broken(void **state)
{
	(void)state;
	start();
	/* a name outside the message */
	header(CREATE, 0, 1, 0, 0);
	le(57, 2);
	le(0, 42);
	le(64 + 56, 2);
	le(500, 2);
	le(0, 8);
	send(DIR_CLIENT);
	assert_int_equal(dr.weirds.count[WEIRD_SMB_BAD], 1);
	/* a next command outside the message */
	header(LOGOFF, 0, 2, 0, 5000);
	le(4, 4);
	send(DIR_CLIENT);
	assert_int_equal(dr.weirds.count[WEIRD_SMB_BAD], 2);
	/* no SMB at all inside the frame */
	raw("hello world!", 12);
	send(DIR_CLIENT);
	assert_int_equal(dr.weirds.count[WEIRD_SMB_BAD], 3);
	/* NTLM fields outside the message */
	header(SETUP, 0, 3, 0, 0);
	le(25, 2);
	le(0, 10);
	le(88, 2);
	le(72, 2);
	le(0, 8);
	raw("NTLMSSP", 8);
	le(3, 4);
	le(0, 16);
	for (unsigned i = 0; i < 3; i++)
		le(0xffff, 4), le(0xfffffff0u, 4);
	le(0, 20);
	send(DIR_CLIENT);
	assert_int_equal(dr.weirds.count[WEIRD_NTLM_BAD], 3);
	/* the frame itself is broken */
	drive_stream(DIR_CLIENT, hex("12345678"), 0);
	assert_int_equal(dr.weirds.count[WEIRD_SMB_BAD], 4);
	assert_int_equal(drive_probe(hex("00000020 fe534d42"), DIR_CLIENT,
	    false), PROBE_MORE);
	assert_int_equal(drive_probe(hex("00000020 fe534d43"), DIR_CLIENT,
	    false), PROBE_NO);
	assert_int_equal(drive_probe(hex("00000004 fe534d42"), DIR_CLIENT,
	    false), PROBE_NO);
	finish();
}

static void
test_limits(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 1100; i++) {
		header(CREATE, 0, i, 0, 0);
		put_create("f", 1);
		send(DIR_CLIENT);
	}
	assert_int_equal(dr.batch.nevents, 1100 - 1024);
	assert_int_equal(dr.weirds.count[WEIRD_SMB_LIMIT], 1100 - 1024);
	for (unsigned i = 100; i < 1100; i++) {
		header(CREATE, RSP, i, 0, 0);
		put_created(i + 1, 0);
		send(DIR_SERVER);
	}
	for (unsigned i = 0; i < 300; i++) {
		tree_id = i + 10;
		tree_connect("\\\\s\\s", 5000 + i, 0);
	}
	assert_int_equal(dr.weirds.count[WEIRD_SMB_LIMIT], 76 + 300 - 256);
	assert_int_equal(dr.weirds.count[WEIRD_STATE_LIMIT], 0);
	finish();
}

/* A pipe: bind in a write, its answer in a read, calls in a write and in
 * FSCTL_PIPE_TRANSCEIVE. */
#define BIND_SAMR "05000b03 10000000 48000000 01000000 d016d016 00000000" \
	"01000000 00000100 78573412 3412 cdab ef00 0123456789ac 01000000" \
	"045d888aeb1cc9119fe808002b104860 02000000"
#define ACK_SAMR "05000c03 10000000 28000000 01000000 d016d016 01000000" \
	"0c00 5c706970655c6c7361737300 0000"
#define CALL_SAMR(op) "05000003 10000000 18000000 02000000 04000000 0000" op

static void
put_hex(const char *s)
{
	buf_span(&out, hex(s));
}

static void
pipe_write(uint64_t id, const char *pdu)
{
	header(WRITE, 0, id, 0, 0);
	le(49, 2);
	le(64 + 48, 2);
	le(hex(pdu).len, 4);
	le(0, 8);
	file_id(7);
	le(0, 16);
	put_hex(pdu);
	send(0);
	header(WRITE, RSP, id, 0, 0);
	le(17, 2);
	le(0, 14);
	send(1);
}

static void
pipes(void **unused)
{
	(void)unused;
	drive_init("smb", 6, 445);
	session_id = 0x11;
	tree_id = 0;
	begin();
	header(TREE, 0, 1, 0, 0);
	le(9, 2);
	le(0, 2);
	le(64 + 8, 2);
	le(2 * strlen("\\\\s\\IPC$"), 2);
	wide("\\\\s\\IPC$");
	send(0);
	tree_id = 5;
	header(TREE, RSP, 1, 0, 0);
	le(16, 2);
	le(2, 1);
	le(0, 13);
	send(1);
	header(CREATE, 0, 2, 0, 0);
	put_create("samr", 1);
	send(0);
	header(CREATE, RSP, 2, 0, 0);
	put_created(7, 0);
	send(1);
	pipe_write(3, BIND_SAMR);
	header(READ, 0, 4, 0, 0);
	le(49, 2);
	le(0, 14);
	file_id(7);
	le(0, 17);
	send(0);
	header(READ, RSP, 4, 0, 0);
	le(17, 2);
	le(64 + 16, 2);
	le(40, 4);
	le(0, 8);
	put_hex(ACK_SAMR);
	send(1);
	pipe_write(5, CALL_SAMR("0d00"));
	header(11, 0, 6, 0, 0);
	le(57, 2);
	le(0, 2);
	le(0x11c017, 4);
	file_id(7);
	le(64 + 56, 4);
	le(24, 4);
	le(0, 24);
	put_hex(CALL_SAMR("2100"));
	send(0);
	drive_close();
	assert_int_equal(dr.weirds.count[WEIRD_SMB_BAD], 0);
	for (unsigned i = 0, n = 0; i < dr.batch.nevents; i++) {
		if (ev(i)->kind != KIND_DCERPC)
			continue;
		CHECK(i, FIELD_DCERPC_ENDPOINT, "samr");
		CHECK(i, FIELD_DCERPC_OPERATION, n == 0 ?
		    "SamrEnumerateUsersInDomain" : "SamrGetMembersInAlias");
		CHECK(i, FIELD_DCERPC_PIPE, "\\pipe\\lsass");
		n++;
		assert_true(i + 1 < dr.batch.nevents || n == 2);
	}
	buf_fini(&out);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipes),
		cmocka_unit_test(test_session), cmocka_unit_test(test_files),
		cmocka_unit_test(test_compound), cmocka_unit_test(test_end),
		cmocka_unit_test(test_encrypted_gap),
		cmocka_unit_test(test_broken), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
