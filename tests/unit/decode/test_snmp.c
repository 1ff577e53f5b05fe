/* SPDX-License-Identifier: Apache-2.0
 *
 * SNMP that is cut or has more object ids than are told; the values of whole
 * messages are in tests/golden/decoders/snmp.
 */
#include "ad_drive.h"

#define OIDS	40u		/* over OIDS_MAX of 32 */

/* v1 get of sysDescr, sysObjectID ... by hand, RFC 1157 4 */
static size_t
message(uint8_t *p)
{
	static const uint8_t head[] = { 0x30, 0x82, 0, 0, 2, 1, 0, 4, 1, 'c',
	    0xa0, 0x82, 0, 0, 2, 1, 7, 2, 1, 0, 2, 1, 0, 0x30, 0x82, 0, 0 };
	static const uint8_t one[] = { 0x30, 12, 6, 8, 0x2b, 6, 1, 2, 1, 1, 1,
	    0, 5, 0 };
	static const size_t lengths[] = { 2, 12, 25 };
	size_t n = sizeof(head);

	memcpy(p, head, n);
	for (unsigned i = 0; i < OIDS; i++, n += sizeof(one)) {
		memcpy(p + n, one, sizeof(one));
		p[n + 10] = (uint8_t)(i + 1);
	}
	for (size_t i = 0; i < NITEMS(lengths); i++) {
		p[lengths[i]] = (uint8_t)((n - lengths[i] - 2) >> 8);
		p[lengths[i] + 1] = (uint8_t)(n - lengths[i] - 2);
	}
	return n;
}

static void
oids_limit(void **unused)
{
	uint8_t p[1024];
	size_t n = message(p);
	const struct value *v;

	(void)unused;
	drive_init("snmp", 17, 161);
	drive_dgram(DIR_CLIENT, span_of(p, n));
	assert_int_equal(dr.batch.nevents, 1);
	v = event_get(&dr.batch.events[0], FIELD_SNMP_OIDS);
	assert_non_null(v);
	assert_int_equal(v->type, VT_LIST);
	assert_int_equal(v->len, 32);
	assert_string_equal(text(0, FIELD_SNMP_COMMUNITY), "c");
	assert_int_equal(dr.weirds.count[WEIRD_SNMP_LIMIT], 1);
	assert_int_equal(dr.weirds.count[WEIRD_SNMP_BAD], 0);
	drive_fini();
}

/* Every head of a message is broken, and none of them is taken for SNMP. */
static void
cut(void **unused)
{
	uint8_t p[1024];
	size_t n = message(p);

	(void)unused;
	drive_init("snmp", 17, 161);
	for (size_t i = 0; i <= n; i++) {
		assert_int_equal(drive_probe(span_of(p, i), DIR_CLIENT, true),
		    i == n ? PROBE_YES : PROBE_NO);
		if (i < n)
			drive_dgram(DIR_CLIENT, span_of(p, i));
	}
	assert_int_equal(dr.weirds.count[WEIRD_SNMP_BAD], n);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(oids_limit),
		cmocka_unit_test(cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
