/* SPDX-License-Identifier: Apache-2.0
 *
 * relay: what is told, and the middle boxes that are not.  Sizes and times by
 * hand, after what SSH and SOCKS do to a conversation.
 */
#include "detect_drive.h"

static unsigned port;

struct talk {
	double		 at, length;
	const char	*src, *dst;
	unsigned	 port;
	uint64_t	 up, down;
	const char	*proto;
};

static void
conn(struct talk t)
{
	struct event *e = at(KIND_CONN, t.at);
	struct value *v;

	(void)e;
	addr(FIELD_SRC_IP, t.src);
	addr(FIELD_DST_IP, t.dst);
	num(FIELD_SRC_PORT, 40000 + port++ % 20000);
	num(FIELD_DST_PORT, t.port);
	str(FIELD_PROTO, t.proto == NULL ? "tcp" : t.proto);
	v = put(FIELD_CONN_DURATION, VT_F64);
	v->f64 = t.length;
	num(FIELD_SRC_BYTES, t.up);
	num(FIELD_DST_BYTES, t.down);
	num(FIELD_SRC_PKTS, t.up / 500 + 3);
	num(FIELD_DST_PKTS, t.down / 1000 + 3);
}

#define S	"203.0.113.9"
#define R	"192.0.2.7"
#define R2	"192.0.2.200"
#define TARGET	"198.51.100.22"

/* A conversation and the one that it becomes, 4 % larger. */
static void
passed_on(double when, double length, const char *s, const char *r,
    const char *t, unsigned in, unsigned out, uint64_t up, uint64_t down)
{
	conn((struct talk){ when, length, s, r, in, up, down, NULL });
	conn((struct talk){ when + .3, length - .2, r, t, out,
	    up + up / 25, down + down / 25, NULL });
}

static void
test_relay(void **unused)
{
	(void)unused;
	passed_on(0, 400, S, R, TARGET, 2222, 22, 40000, 150000);
	assert_int_equal(hunt("relay"), 0);	/* once may be chance */
	passed_on(9000, 700, S, R, TARGET, 2222, 22, 90000, 310000);
	assert_int_equal(hunt("relay"), 1);
	ENTITY_IS(0, SRC_IP, S);
	ENTITY_IS(0, HOST, R);
	ENTITY_IS(0, DST_IP, TARGET);
	assert_true(says(0, S " → " R " → " TARGET " port 22: 2 of 2 "
	    "conversations were followed by one that began 300 ms later, ended "
	    "within 0.1 s of it and carried 1.04 times the bytes"));
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].nevidence, 4);
	assert_int_equal(dr.found[0].evidence[1].loc.record, 2);
	assert_int_equal(dr.found[0].time, T0);
	again();
}

/* Other volumes, other ends: nothing is passed on. */
static void
test_chance(void **unused)
{
	(void)unused;
	for (int i = 0; i < 20; i++) {
		double when = i * 3000;

		conn((struct talk){ when, 60, S, R, 8443, 6000, 200000 + i,
		    NULL });
		conn((struct talk){ when + .2, 8 + i, R, TARGET, 443,
		    1900, 30000 * (uint64_t)i, NULL });
	}
	assert_int_equal(hunt("relay"), 0);
}

static void
test_chain(void **unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++) {
		double w = i * 5000;
		uint64_t n = 50000 + 7000 * (uint64_t)i;

		conn((struct talk){ w, 500, S, R, 443, n, 4 * n, NULL });
		conn((struct talk){ w + .4, 499, R, R2, 443, n + 900,
		    4 * n + 4000, NULL });
		conn((struct talk){ w + .7, 498.8, R2, TARGET, 443, n + 1700,
		    4 * n + 9000, NULL });
	}
	assert_int_equal(hunt("relay"), 1);
	assert_true(says(0, "Chain of 2 relays: " S " → " R " → " R2 " → "
	    TARGET));
	ENTITY_IS(0, HOST, R);
	ENTITY_IS(0, DST_IP, TARGET);
}

/* What stands in every network. */
static void
test_middle_boxes(void **unused)
{
	char s[32], t[32];

	(void)unused;
	/* a web front: many clients, one application */
	for (int i = 0; i < 60; i++) {
		snprintf(s, sizeof(s), "198.18.%d.9", i % 30);
		passed_on(i * 100, 20, s, R, "10.0.0.4", 443, 8080, 9000,
		    80000);
	}
	/* mail, in and on */
	for (int i = 0; i < 9; i++)
		passed_on(i * 1000, 3, S, "192.0.2.25", TARGET, 25, 25, 30000,
		    900);
	/* an inside proxy with one client, and one on its own port */
	for (int i = 0; i < 60; i++) {
		snprintf(t, sizeof(t), "198.19.%d.1", i);
		passed_on(i * 500, 30, "10.0.1.1", "10.0.0.80", t, 9090, 443,
		    4000, 90000);
	}
	passed_on(0, 90, "10.0.1.1", "10.0.0.81", TARGET, 3128, 443, 9000,
	    90000);
	passed_on(900, 80, "10.0.1.1", "10.0.0.81", TARGET, 3128, 443, 8000,
	    70000);
	/* the administrator's jump host */
	for (int i = 0; i < 9; i++)
		passed_on(i * 4000, 900, "10.0.1.1", "10.0.0.70", "10.0.0.11",
		    22, 22, 30000, 90000);
	/* the resolver, and a VPN into the house */
	for (int i = 0; i < 9; i++) {
		passed_on(i * 100, 2, "10.0.1.1", "10.0.0.1", TARGET, 53, 53,
		    400, 900);
		passed_on(i * 9000, 3600, S, "10.0.0.2", "10.0.0.4", 1194,
		    445, 900000, 9000000);
	}
	assert_int_equal(hunt("relay"), 0);
}

/* A port forwarded with both sides in sight: the same packets twice. */
static void
test_hairpin(void **unused)
{
	(void)unused;
	for (int i = 0; i < 5; i++) {
		conn((struct talk){ i * 900, 90, S, "10.0.0.1", 8443, 7000,
		    90000 + (uint64_t)i, NULL });
		conn((struct talk){ i * 900 + .0001, 90, "10.0.0.1",
		    "10.0.0.99", 8443, 7000, 90000 + (uint64_t)i, NULL });
	}
	assert_int_equal(hunt("relay"), 0);
}

/* The same from outside to an inside target that was passed on: told. */
static void
test_inward(void **unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++)
		passed_on(i * 4000, 600, S, "10.0.0.1", "10.0.0.5", 10443,
		    3389, 90000, 900000);
	assert_int_equal(hunt("relay"), 1);
	assert_true(says(0, "a jump host or small proxy of your own looks the "
	    "same"));
}

/* Flow records cut at 60 s, each way for itself; the ports stay. */
static void
test_pieces(void **unused)
{
	(void)unused;
	for (int session = 0; session < 2; session++)
		for (int i = 0; i < 8; i++) {
			double w = session * 7200 + i * 60;
			uint64_t n = (uint64_t)(3000 + i * i * 700);

			for (int side = 0; side < 2; side++) {
				at(KIND_CONN, w + side * .4);
				addr(FIELD_SRC_IP, side ? R : S);
				addr(FIELD_DST_IP, side ? TARGET : R);
				num(FIELD_SRC_PORT, (uint64_t)(50000 +
				    session));
				num(FIELD_DST_PORT, 22);
				str(FIELD_PROTO, "tcp");
				put(FIELD_CONN_DURATION, VT_F64)->f64 = 59.5;
				num(FIELD_SRC_IP_BYTES, n + n / 20 *
				    (uint64_t)side);
				num(FIELD_SRC_PKTS, n / 50);
			}
		}
	assert_int_equal(hunt("relay"), 1);
	assert_true(says(0, "2 of 2 conversations"));	/* not 16 */
}

static void
test_state(void **unused)
{
	(void)unused;
	dr.halfway = true;
	for (int i = 0; i < 4; i++)
		passed_on(i * 9000, 400, S, R, TARGET, 2222, 22, 40000, 150000);
	assert_int_equal(hunt("relay"), 1);
	assert_true(says(0, "4 of 4"));
	assert_int_equal(dr.found[0].nevidence, 4);	/* this run's */
}

static void
a_quiet_day(const char *host, int flows)
{
	for (int i = 0; i < flows; i++) {
		conn((struct talk){ i * 300, .02, host, "198.18.255.53", 53,
		    60, 120, "udp" });
		conn((struct talk){ i * 300 + 9, .02, host, "198.18.255.12",
		    123, 48, 48, "udp" });
	}
}

static void
begins(double when, const char *host, const unsigned *ports, size_t n)
{
	char t[32];

	for (size_t i = 0; i < 12; i++) {
		snprintf(t, sizeof(t), "198.19.7.%d", (int)i);
		conn((struct talk){ when + (double)i * 200, 20, host, t,
		    ports[i % n], 3000, 5000, NULL });
	}
}

static void
test_quiet(void **unused)
{
	static const unsigned odd[] = { 22, 9001, 587, 443 };
	static const unsigned web[] = { 443, 80, 8443 };

	(void)unused;
	a_quiet_day(R, 100);		/* 8.3 hours */
	begins(31000, R, odd, 4);
	assert_int_equal(hunt("relay"), 1);
	ENTITY_IS(0, HOST, R);
	assert_true(says(0, "remote administration, mail, Tor"));
	assert_string_equal(dr.found[0].rule, "relay-originates");
	again();
	a_quiet_day(R, 100);		/* people who wake up */
	begins(31000, R, web, 3);
	assert_int_equal(hunt("relay"), 0);
	again();
	a_quiet_day(R, 20);		/* not long enough */
	begins(6100, R, odd, 4);
	assert_int_equal(hunt("relay"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_relay), T(test_chance), T(test_chain),
		T(test_middle_boxes), T(test_hairpin), T(test_inward),
		T(test_pieces), T(test_state), T(test_quiet)
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
