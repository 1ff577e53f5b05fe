/* SPDX-License-Identifier: Apache-2.0
 *
 * RDP negotiation: bytes after [MS-RDPBCGR] 2.2.1.1, 2.2.1.2 and 4.1.1 (its
 * example of a request with a cookie).
 */
#include "ad_drive.h"

/* 4.1.1: cookie eltons, no security asked for. */
#define ASK_COOKIE "0300002c 27e00000000000 436f6f6b69653a206d737473686173683d" \
	"656c746f6e73 0d0a 01000800 00000000"
#define ASK_ALL "03000013 0ee00000000000 01000800 0b000000"
#define AGREED_HYBRID "03000013 0ed00000123400 02000800 02000000"
#define REFUSED "03000013 0ed00000123400 03000800 05000000"
#define OLD_CONFIRM "0300000b 06d00000123400"

static void
talk(const char *ask, const char *answer, size_t step)
{
	drive_init("rdp", 6, 3389);
	drive_bytes(DIR_CLIENT, hex(ask), step);
	if (answer != NULL)
		drive_bytes(DIR_SERVER, hex(answer), step);
	drive_close();
}

static void
negotiation(void **unused)
{
	(void)unused;
	for (size_t step = 1; step < 100; step += 33) {
		talk(ASK_COOKIE, OLD_CONFIRM, step);
		assert_int_equal(dr.batch.nevents, 1);
		CHECK(0, FIELD_RDP_COOKIE, "eltons");
		CHECK(0, FIELD_RDP_REQUESTED, "rdp");
		CHECK(0, FIELD_RDP_SECURITY, "rdp");
		assert_int_equal(dr.dec.action, DEC_DONE);
		drive_fini();
		talk(ASK_ALL, AGREED_HYBRID, step);
		CHECK(0, FIELD_RDP_COOKIE, "-");
		CHECK(0, FIELD_RDP_REQUESTED, "ssl+hybrid+hybrid_ex");
		CHECK(0, FIELD_RDP_SECURITY, "hybrid");
		CHECK(0, FIELD_RDP_RESULT, "agreed");
		assert_int_equal(dr.dec.action, DEC_HANDOVER);
		drive_fini();
		talk(ASK_ALL, REFUSED, step);
		CHECK(0, FIELD_RDP_RESULT, "hybrid-required");
		CHECK(0, FIELD_RDP_SECURITY, "-");
		drive_fini();
	}
	talk(ASK_ALL, NULL, 100);
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_RDP_RESULT, "-");
	drive_fini();
}

static void
broken(void **unused)
{
	static const char *const bad[] = {
		"16030100 0200000000000000",	/* no TPKT */
		"03000003 000000000000000000",	/* too short */
		"0300ffff fe000000000000000000",	/* too long */
		"03000013 0ed00000123400 07000800 02000000",
		"03000013 0ed00000123400 02000900 02000000",
		"03000013 0e800000123400 02000800 02000000",
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		talk(ASK_ALL, bad[i], 1000);
		assert_int_equal(dr.batch.nevents, 1);
		CHECK(0, FIELD_RDP_SECURITY, "-");
		assert_int_equal(dr.dec.action, DEC_DONE);
		assert_true(i == 3 ||
		    dr.weirds.count[WEIRD_RDP_BAD] != 0);
		drive_fini();
	}
	/* nothing behind the head of the request: nothing kept */
	talk(OLD_CONFIRM, NULL, 100);
	drive_fini();
	talk("0300000b 06e00000000000", OLD_CONFIRM, 100);
	assert_int_equal(dr.batch.nevents, 1);
	drive_fini();
	/* bytes ahead of the answer wait for it */
	drive_init("rdp", 6, 3389);
	drive_bytes(DIR_CLIENT, hex(ASK_ALL "160301"), 1000);
	assert_int_equal(dr.dec.action, DEC_GO);
	assert_int_equal(dr.carry[DIR_CLIENT].len, 3);
	drive_close();
	drive_fini();
}

static void
probed(void **unused)
{
	(void)unused;
	drive_init("rdp", 6, 3389);
#define PROBE(d, dir) drive_probe(hex(d), dir, false)
	assert_int_equal(PROBE(ASK_COOKIE, DIR_CLIENT), PROBE_YES);
	assert_int_equal(PROBE(ASK_COOKIE, DIR_SERVER), PROBE_SWAP);
	assert_int_equal(PROBE(AGREED_HYBRID, DIR_SERVER), PROBE_YES);
	assert_int_equal(PROBE("0300", DIR_CLIENT), PROBE_MORE);
	/* S7comm: parameters c0 (TPDU size), c1, c2 (TSAPs) */
	assert_int_equal(PROBE("03000016 11e00000000100 c0010ac1020100c2020102",
	    DIR_CLIENT), PROBE_NO);
	assert_int_equal(PROBE("160301", DIR_CLIENT), PROBE_NO);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negotiation), cmocka_unit_test(broken),
		cmocka_unit_test(probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
