/* SPDX-License-Identifier: Apache-2.0
 *
 * DCE/RPC over TCP: PDUs built after C706 12.6.4 and [MS-RPCE] 2.2.2.  The
 * opnums were compared with Samba's IDL (python3-samba) and tshark.
 */
#include "ad_drive.h"

#define BINDHEAD(len, auth) "05000b03 10000000" len auth "01000000" \
	"d016d016 00000000"
#define NDR	"045d888aeb1cc9119fe808002b104860 02000000"
#define BIND(uuid) BINDHEAD("4800", "0000") "01000000 0000 01 00" uuid NDR
#define SAMR_LE	"78573412 3412 cdab ef00 0123456789ac 01000000"
#define DRS_LE	"354251e3 064b d111 ab04 00c04fc2dcd2 04000000"
#define ODD_LE	"11111111 2222 3333 4444 555555555555 01000000"
#define CALL(op) "05000003 10000000 1c00 0000 02000000 04000000 0000" op \
	"deadbeef"
/* secondary address "49155" with its NUL */
#define ACK	"05000c03 10000000 4400 0000 01000000 d016d016 01000000" \
	"0600 343931353500" "01000000" "0000 0000" NDR "00000000"

static void
start(void)
{
	drive_init("dcerpc", 6, 49155);
}

static void
calls(void **unused)
{
	(void)unused;
	for (size_t step = 1; step < 300; step += 150) {
		start();
		drive_bytes(0, hex(BIND(SAMR_LE)), step);
		drive_bytes(0, hex(CALL("0d00")), step);
		drive_bytes(1, hex(ACK), step);
		drive_bytes(0, hex(CALL("ff00")), step);
		drive_close();
		assert_int_equal(dr.batch.nevents, 2);
		CHECK(0, FIELD_DCERPC_ENDPOINT, "samr");
		CHECK(0, FIELD_DCERPC_OPERATION, "SamrEnumerateUsersInDomain");
		CHECK(0, FIELD_DCERPC_OPNUM, "13");
		CHECK(0, FIELD_DCERPC_PIPE, "49155");
		CHECK(0, FIELD_DCERPC_INTERFACE,
		    "12345778-1234-abcd-ef00-0123456789ac");
		CHECK(1, FIELD_DCERPC_OPERATION, "unknown-255");
		drive_fini();
	}
	start();
	drive_bytes(0, hex(BIND(DRS_LE)), 100);
	drive_bytes(0, hex(CALL("0300")), 100);
	drive_bytes(0, hex(BIND(ODD_LE)), 100);
	drive_bytes(0, hex(CALL("0300")), 100);
	drive_close();
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_DCERPC_ENDPOINT, "drsuapi");
	CHECK(0, FIELD_DCERPC_OPERATION, "DRSGetNCChanges");
	CHECK(1, FIELD_DCERPC_ENDPOINT,
	    "unknown-11111111-2222-3333-4444-555555555555");
	CHECK(1, FIELD_DCERPC_OPERATION, "unknown-3");
	drive_fini();
}

/* auth3 with an AUTHENTICATE message: user u, domain D, host h, OEM text. */
static void
sign_in(void **unused)
{
	(void)unused;
	start();
	drive_bytes(0, hex(BIND(DRS_LE)), 100);
	drive_bytes(0, hex("05001003 10000000 5f00 4300 01000000 d016d016"
	    "0a050000 00000000"
	    "4e544c4d53535000 03000000 0000000000000000 0000000000000000"
	    "0100010040000000 0100010041000000 0100010042000000"
	    "0000000000000000 00000000 447568"), 7);
	drive_bytes(0, hex(CALL("0300")), 100);
	drive_close();
	assert_int_equal(dr.batch.nevents, 2);
	CHECK(0, FIELD_NTLM_USER, "u");
	CHECK(0, FIELD_NTLM_DOMAIN, "D");
	CHECK(0, FIELD_NTLM_HOST, "h");
	CHECK(1, FIELD_NTLM_USER, "u");
	drive_fini();
}

static void
broken(void **unused)
{
	static const struct { const char *bytes; unsigned weirds; } bad[] = {
		{ "05000003 10000000 0800 0000 02000000", 1 },
		{ "05000b03 10000000 1000 0000 01000000", 1 },
		{ BINDHEAD("1c00", "0000") "ff000000", 1 },
		{ "16030100 000000000000000000000000", 1 },
		{ CALL("0300"), 0 },		/* nothing bound */
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		start();
		drive_bytes(0, hex(bad[i].bytes), 100);
		drive_close();
		assert_int_equal(dr.batch.nevents, 0);
		assert_int_equal(dr.weirds.count[WEIRD_DCERPC_BAD],
		    bad[i].weirds);
		drive_fini();
	}
	/* a long request is passed over; the next is seen */
	start();
	drive_bytes(0, hex(BIND(SAMR_LE)), 100);
	drive_bytes(0, hex("05000003 10000000 0001 0000 02000000 04000000"
	    "0000 0100"), 100);
	drive_bytes(0, span_of((uint8_t[256 - 24]){ 5 }, 256 - 24), 10);
	drive_bytes(0, hex(CALL("0d00")), 100);
	drive_close();
	assert_int_equal(dr.batch.nevents, 2);
	drive_fini();
}

static void
probed(void **unused)
{
	(void)unused;
	start();
	assert_int_equal(drive_probe(hex(BIND(SAMR_LE)), 0, false), PROBE_YES);
	assert_int_equal(drive_probe(hex(ACK), 0, false), PROBE_SWAP);
	assert_int_equal(drive_probe(hex("0500"), 0, false), PROBE_MORE);
	assert_int_equal(drive_probe(hex("050100"), 0, false), PROBE_NO);
	assert_int_equal(drive_probe(hex("05000001c0000201 0050 000000000000"),
	    0, false), PROBE_NO);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls), cmocka_unit_test(sign_in),
		cmocka_unit_test(broken), cmocka_unit_test(probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
