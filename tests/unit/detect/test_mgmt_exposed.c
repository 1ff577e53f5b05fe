/* SPDX-License-Identifier: Apache-2.0
 *
 * mgmt-exposed: who answers whom, by hand.
 */
#include "detect_drive.h"

struct talk {
	double		 at;
	const char	*src, *dst;
	unsigned	 port;
	uint64_t	 up, down;
	const char	*proto, *service;
};

static void
conn(struct talk t)
{
	(void)at(KIND_CONN, t.at);
	addr(FIELD_SRC_IP, t.src);
	addr(FIELD_DST_IP, t.dst);
	num(FIELD_SRC_PORT, 40000);
	num(FIELD_DST_PORT, t.port);
	str(FIELD_PROTO, t.proto == NULL ? "tcp" : t.proto);
	if (t.service != NULL)
		str(FIELD_CONN_SERVICE, t.service);
	str(FIELD_CONN_STATE, t.down != 0 ? "SF" : "S0");
	num(FIELD_SRC_BYTES, t.up);
	num(FIELD_DST_BYTES, t.down);
	num(FIELD_SRC_PKTS, 6);
	num(FIELD_DST_PKTS, t.down != 0 ? 6 : 0);
}

#define R	"192.0.2.7"

static struct nets home;

static void
at_home(const char *net)
{
	assert_true(nets_add(&home, span_str(net)));
	dr.home = &home;
}

static int
setup(void **state)
{
	memset(&home, 0, sizeof(home));
	return drive_setup(state);
}

static void
test_open(void **unused)
{
	(void)unused;
	at_home("192.0.2.0/24");
	conn((struct talk){ 0, "198.51.100.1", R, 23, 30, 90, NULL, NULL });
	assert_int_equal(hunt("mgmt-exposed"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	assert_true(says(0, R " answered 1 address outside on port 23 "
	    "(Telnet): 1 conversation, the last with 198.51.100.1; perhaps it "
	    "is let through to these alone"));
	conn((struct talk){ 9, "203.0.113.1", R, 23, 30, 90, NULL, NULL });
	conn((struct talk){ 9, "198.18.0.1", R, 23, 30, 90, NULL, NULL });
	dr.halfway = true;
	assert_int_equal(hunt("mgmt-exposed"), 1);
	dr.halfway = false;
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	ENTITY_IS(0, HOST, R);
	ENTITY_IS(0, DST_PORT, "23");
	assert_true(says(0, R " answered about 3 addresses outside on port 23 "
	    "(Telnet): 3 conversations, the last with 198.18.0.1"));
	again();
}

static void
test_closed(void **unused)
{
	(void)unused;
	at_home("192.0.2.0/24");
	for (int i = 0; i < 5; i++) {
		const char *src = i % 2 ? "198.51.100.1" : "203.0.113.5";

		/* asked, not answered; from inside; somebody else's; a page */
		conn((struct talk){ i, src, R, 3389, 0, 0, NULL, NULL });
		conn((struct talk){ i, "192.0.2.9", R, 22, 900, 900, NULL,
		    NULL });
		conn((struct talk){ i, "10.0.0.9", R, 22, 900, 900, NULL,
		    NULL });
		conn((struct talk){ i, src, "198.18.0.5", 23, 99, 99, NULL,
		    NULL });
		conn((struct talk){ i, src, R, 443, 900, 9000, NULL, NULL });
		conn((struct talk){ i, R, src, 22, 900, 9000, NULL, NULL });
	}
	assert_int_equal(hunt("mgmt-exposed"), 0);
	again();
}

/* Pages are told of what translates addresses, and of no busy site. */
static void
test_web(void **unused)
{
	char s[32];

	(void)unused;
	at_home("192.0.2.0/24");
	for (int busy = 0; busy < 2; busy++) {
		for (int i = 0; i < 60; i++) {
			snprintf(s, sizeof(s), "198.18.%d.1", i);
			conn((struct talk){ i * 50, R, s, 443, 900, 9000, NULL,
			    NULL });
		}
		for (int i = 0; i < (busy ? 100 : 9); i++) {
			snprintf(s, sizeof(s), "198.19.%d.1", i);
			conn((struct talk){ i * 30, s, R, 443, 900, 9000, NULL,
			    "ssl" });
		}
		assert_int_equal(hunt("mgmt-exposed"), busy ? 0 : 1);
		if (!busy)
			assert_true(says(0, "on port 443 (web): 9 "
			    "conversations"));
		again();
	}
}

/* By what is spoken, whatever the port; and without --home. */
static void
test_service(void **unused)
{
	(void)unused;
	conn((struct talk){ 0, "198.51.100.1", "192.168.1.9", 40022, 900, 900,
	    NULL, "ssh" });
	conn((struct talk){ 0, "198.51.100.1", "192.168.1.9", 161, 40, 90,
	    "udp", NULL });
	assert_int_equal(hunt("mgmt-exposed"), 2);
	assert_true(says(0, "port 40022 (SSH)") || says(1, "port 40022 (SSH)"));
	assert_true(says(0, "port 161 (SNMP)") || says(1, "port 161 (SNMP)"));
	again();
}

/* NetFlow: the record of the answers. */
static void
test_one_way(void **unused)
{
	(void)unused;
	at_home("192.0.2.0/24");
	(void)at(KIND_CONN, 0);
	addr(FIELD_SRC_IP, R);
	addr(FIELD_DST_IP, "198.51.100.1");
	num(FIELD_SRC_PORT, 3389);
	num(FIELD_DST_PORT, 51000);
	str(FIELD_PROTO, "tcp");
	num(FIELD_SRC_IP_BYTES, 3000);
	num(FIELD_SRC_PKTS, 10);
	assert_int_equal(hunt("mgmt-exposed"), 1);
	ENTITY_IS(0, HOST, R);
	ENTITY_IS(0, SRC_IP, "198.51.100.1");
	again();
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, drive_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open), TEST(test_closed), TEST(test_web),
		TEST(test_service), TEST(test_one_way)
	};

	return cmocka_run_group_tests_name("mgmt_exposed", tests, NULL, NULL);
}
