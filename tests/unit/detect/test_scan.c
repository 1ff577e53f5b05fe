/* SPDX-License-Identifier: Apache-2.0
 *
 * scan: walks of known outcome, by hand from the odds in the file's head, and
 * what honest machines do that looks alike.
 */
#include "detect_drive.h"

struct ask {
	double		 at;
	const char	*src, *dst;
	unsigned	 port;
	const char	*state, *proto;
	uint64_t	 up, down;
};

static void
ask(struct ask a)
{
	bool udp = a.proto != NULL;

	(void)at(KIND_CONN, a.at);
	addr(FIELD_SRC_IP, a.src);
	addr(FIELD_DST_IP, a.dst);
	num(FIELD_SRC_PORT, udp && strcmp(a.proto, "icmp") == 0 ? 8 : 40000);
	num(FIELD_DST_PORT, a.port);
	str(FIELD_PROTO, udp ? a.proto : "tcp");
	str(FIELD_CONN_STATE, a.state);
	num(FIELD_SRC_BYTES, a.up);
	num(FIELD_DST_BYTES, a.down);
	num(FIELD_SRC_PKTS, 1);
	num(FIELD_DST_PKTS, a.down != 0 || strcmp(a.state, "REJ") == 0 ||
	    strcmp(a.state, "RSTO") == 0);
}

static const char *
host(const char *net, int n)
{
	static char text[8][32];
	static unsigned turn;
	char *t = text[turn++ % 8], last[12];

	snprintf(last, sizeof(last), ".%d", n);
	strcpy(t, net);
	return strcat(t, last);
}

#define S	"10.1.0.20"

/* Nine failures more than successes: the ninth host tells, the eighth not. */
static void
test_walk(void **unused)
{
	(void)unused;
	for (int i = 1; i <= 8; i++)
		ask((struct ask){ i, S, host("10.2.0", i), 445, "S0", NULL,
		    0, 0 });
	for (int i = 1; i <= 8; i++)	/* again is no first contact */
		ask((struct ask){ 10 + i, S, host("10.2.0", i), 445, "REJ",
		    NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 0);
	ask((struct ask){ 3600, S, "10.2.0.9", 445, "S0", NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 1);
	ENTITY_IS(0, SRC_IP, S);
	ENTITY_IS(0, DST_IP, "10.2.0.9");
	assert_string_equal(dr.found[0].rule, "scan");
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "TCP port 445 in 60 min, of which 0 answered"));
	again();
}

/* One success takes one failure back; known servers that are down count not
 * at all. */
static void
test_honest(void **unused)
{
	(void)unused;
	for (int i = 1; i <= 40; i++)
		ask((struct ask){ i, S, host("198.51.100", i), 443,
		    i % 2 ? "S0" : "SF", NULL, i % 2 ? 0 : 900, 0 });
	assert_int_equal(hunt("scan"), 0);
	again();
	for (int i = 1; i <= 30; i++)
		ask((struct ask){ i, "10.1.0.21", host("10.3.0", i), 22,
		    "SF", NULL, 900, 900 });
	for (int i = 1; i <= 30; i++)
		ask((struct ask){ 100 + i, S, host("10.3.0", i), 22, "S0",
		    NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 0);
	again();
	/* backscatter, multicast, traceroute, names and time */
	for (int i = 1; i <= 60; i++) {
		ask((struct ask){ i, "203.0.113.7", host("192.0.2", i),
		    2000 + (unsigned)i, "SHR", NULL, 0, 0 });
		ask((struct ask){ i, S, host("239.255.1", i), 7000, "S0",
		    "udp", 100, 0 });
		ask((struct ask){ i, S, "198.51.100.9", 33434 + (unsigned)i,
		    "S0", "udp", 32, 0 });
		ask((struct ask){ i, S, host("198.51.100", i), 53, "S0",
		    "udp", 40, 0 });
	}
	assert_int_equal(hunt("scan"), 0);
	again();
}

/* Peers: dead and living ones, mostly on ports of their own. */
static void
test_peers(void **unused)
{
	(void)unused;
	for (int i = 1; i <= 200; i++)
		ask((struct ask){ i, S, host(host("198.18", i), 9),
		    i % 5 == 0 ? 6881 : 20000 + (unsigned)i * 7,
		    i % 4 == 0 ? "SF" : "S0", "udp", 100,
		    i % 4 == 0 ? 100 : 0 });
	assert_int_equal(hunt("scan"), 0);
	again();
}

static void
test_ports(void **unused)
{
	(void)unused;
	for (int i = 1; i <= 100; i++)
		ask((struct ask){ i / 10.0, "198.51.100.3", "192.0.2.5",
		    (unsigned)i * 3, i == 50 ? "RSTO" : "REJ", NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 1);
	ENTITY_IS(0, SRC_IP, "198.51.100.3");
	ENTITY_IS(0, DST_IP, "192.0.2.5");
	assert_true(says(0, " TCP ports of 192.0.2.5 in 10 s"));
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	again();
	/* a host that is off, asked for what is usual */
	for (int i = 1; i <= 20; i++)
		ask((struct ask){ i, S, "10.0.0.8", 100 + (unsigned)i, "S0",
		    NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 0);
	again();
}

/* Slow, and over two runs; a day without anything begins anew. */
static void
test_slow(void **unused)
{
	(void)unused;
	for (int i = 1; i <= 12; i++)
		ask((struct ask){ i * 36000.0, S, host("10.2.0", i), 3389,
		    "S0", NULL, 0, 0 });
	dr.halfway = true;
	assert_int_equal(hunt("scan"), 1);
	assert_true(says(0, "port 3389 in 4 days"));
	assert_int_equal(dr.found[0].nevidence, 4);
	assert_int_equal(dr.found[0].evidence[0].loc.record, 7);
	dr.halfway = false;
	again();
	for (int i = 1; i <= 12; i++)
		ask((struct ask){ i * 90000.0, S, host("10.2.0", i), 3389,
		    "S0", NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 0);
	again();
	/* a clock that jumps by centuries */
	for (int i = 1; i <= 12; i++)
		ask((struct ask){ i % 2 ? i : i * 1e9, S, host("10.2.0", i),
		    3389, "S0", NULL, 0, 0 });
	(void)hunt("scan");
	again();
}

/* Twenty sources, eight probes each, no two the same: one finding. */
static void
test_together(void **unused)
{
	(void)unused;
	for (int i = 0; i < 160; i++)
		ask((struct ask){ i * 5, host("198.18.7", i % 20 + 1),
		    host("192.0.2", i + 1), 3389, "S0", NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 1);
	assert_string_equal(dr.found[0].rule, "scan-together");
	assert_true(says(0, "hosts of 192.0.2.0/24 on one port in 10 min"
	    ));
	again();
	/* the noise of the Internet: many sources, one probe each */
	for (int i = 0; i < 2000; i++)
		ask((struct ask){ i * 2, host(host("198.18", i / 250),
		    i % 250), host("192.0.2", i % 3), i % 2 ? 22 : 23, "S0",
		    NULL, 0, 0 });
	assert_int_equal(hunt("scan"), 0);
	again();
}

static void
as_error(double when, const char *src, const char *name, unsigned code)
{
	(void)at(KIND_KRB5, when);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, "10.0.0.5");
	str(FIELD_KRB_TYPE, "AS");
	str(FIELD_KRB_CLIENT, name);
	num(FIELD_KRB_ERROR_CODE, code);
}

static void
test_users(void **unused)
{
	char name[32];

	(void)unused;
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "anna%d@CORP", i);
		as_error(i * 20, S, name, i == 7 ? 25 : 6);
	}
	assert_int_equal(hunt("scan"), 1);
	assert_string_equal(dr.found[0].rule, "scan-users");
	ENTITY_IS(0, SRC_IP, S);
	ENTITY_IS(0, DST_IP, "10.0.0.5");
	assert_true(says(0, S " asked 10.0.0.5 for 11 accounts that do not "
	    "exist in 4 min: anna0@CORP, anna1@CORP, anna2@CORP, anna3@CORP, "
	    "anna4@CORP, …; and for 1 that do"));
	again();
	/* one name again and again; a few mistyped in a day */
	for (int i = 0; i < 40; i++)
		as_error(i, S, "gone@CORP", 6);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "typo%d@CORP", i);
		as_error(i * 4000, "10.0.0.44", name, 6);
	}
	assert_int_equal(hunt("scan"), 0);
	again();
	for (int i = 0; i < 30; i++) {
		(void)at(KIND_WINEVENT, i * 600);
		wide(FIELD_WIN_CHANNEL, "Security");
		num(FIELD_WIN_EVENT_ID, 4768);
		wide(FIELD_WIN_COMPUTER, "dc1");
		num(FIELD_WIN_STATUS, 6);
		snprintf(name, sizeof(name), "bert%d", i);
		wide(FIELD_TARGET_USER, name);
		wide(FIELD_IP_ADDRESS, "::ffff:10.1.0.9");
	}
	assert_int_equal(hunt("scan"), 1);
	ENTITY_IS(0, SRC_IP, "10.1.0.9");
	assert_true(says(0, "10.1.0.9 asked dc1 for 30 accounts"));
	again();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_walk), T(test_honest), T(test_peers),
		T(test_ports), T(test_slow), T(test_together),
		T(test_users)
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
