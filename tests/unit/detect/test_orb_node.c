/* SPDX-License-Identifier: Apache-2.0
 *
 * orb-node: signs of published networks, and hosts that only look like it.
 */
#include "detect_drive.h"

#define NODE	"192.0.2.7"

static void
load(void)
{
	struct buf why;

	buf_init(&why, 0);
	assert_true(detector_find(SPAN_LIT("orb-node"))->load(
	    getenv("PICKET_SHARE"), &why));
	assert_int_equal(why.len, 0);
	buf_fini(&why);
}

static void
tls(const char *subject, uint64_t port)
{
	at(KIND_TLS, 0);
	addr(FIELD_SRC_IP, "10.0.0.9");
	addr(FIELD_DST_IP, NODE);
	num(FIELD_DST_PORT, port);
	str(FIELD_TLS_SUBJECT, subject);
}

static void
years(int n)
{
	put(FIELD_TLS_NOT_BEFORE, VT_TIME)->i64 = T0;
	put(FIELD_TLS_NOT_AFTER, VT_TIME)->i64 = T0 + n *
	    (INT64_C(31556952) * NSEC);
}

static void
test_certificates(void **unused)
{
	(void)unused;
	load();
	tls("CN=jdyfj, OU=ty, O=vb, L=df, ST=rg, C=en", 443);
	assert_int_equal(hunt("orb-node"), 1);
	ENTITY_IS(0, HOST, NODE);
	assert_true(says(0, "as nodes of JDY do"));
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	again();
	tls("CN=ROOT,OU=Police department,O=LAPD,L=LA,ST=California,C=US",
	    9443);
	assert_int_equal(hunt("orb-node"), 1);
	assert_true(says(0, "LapDogs"));
	again();
	/* Suricata writes hashes with colons, and here the client shows it */
	tls("CN=www.example.org", 443);
	str(FIELD_TLS_CLIENT_CERT_SHA1, "C1:5F:77:D6:4B:7B:BF:B3:7F:00:EC:E5:"
	    "A6:20:95:56:2B:37:DE:C4");
	assert_int_equal(hunt("orb-node"), 1);
	ENTITY_IS(0, HOST, "10.0.0.9");
	again();
	tls("CN=localhost", 443);
	str(FIELD_TLS_CERT_SHA256, "e234e102cd8de90e258906d253157aeb7699a3c6"
	    "df0c4e79e05d01801999dcb5");
	assert_int_equal(hunt("orb-node"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
}

static void
test_other_certificates(void **unused)
{
	(void)unused;
	load();
	tls("CN=jdyfjord.example, O=Example", 443);	/* a part, not a word */
	tls("OU=Police department, O=County of Example", 443);
	tls("CN=a\\,b, OU=a\\,b, O=a\\,b", 8443);	/* not for decades */
	years(1);
	tls("CN=a, OU=a, O=a", 443);		/* where TLS belongs */
	years(99);
	tls("CN=router, OU=example, O=example", 8443);
	years(30);
	assert_int_equal(hunt("orb-node"), 0);
	again();
	tls("CN=qq, OU=qq, O=qq, C=US", 8443);
	years(99);
	assert_int_equal(hunt("orb-node"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
}

static void
test_banners(void **unused)
{
	(void)unused;
	load();
	for (int i = 0; i < 3; i++) {
		at(KIND_SSH, i);
		addr(FIELD_SRC_IP, "10.0.0.9");
		addr(FIELD_DST_IP, NODE);
		num(FIELD_DST_PORT, i == 0 ? 53282 : i == 1 ? 22 : 53282);
		str(FIELD_SSH_SERVER, i == 2 ? "SSH-2.0-OpenSSH_9.2" :
		    "SSH-2.0-dropbear_2019.78");
	}
	assert_int_equal(hunt("orb-node"), 1);
	assert_true(says(0, "dropbear_2019.78, as nodes of AyySSHush do"));
	again();
	at(KIND_SOCKS, 0);
	addr(FIELD_SRC_IP, "10.0.0.9");
	addr(FIELD_DST_IP, NODE);
	num(FIELD_DST_PORT, 11288);
	num(FIELD_SOCKS_METHOD, 255);
	at(KIND_HTTP, 9);
	addr(FIELD_SRC_IP, "10.0.0.1");
	addr(FIELD_DST_IP, "198.51.100.3");
	str(FIELD_HTTP_URI, "/dispatch_service/v2/probe_task?id=1");
	assert_int_equal(hunt("orb-node"), 2);
	assert_true(says(0, "accepts nobody, at port 11288"));
	ENTITY_IS(1, HOST, "10.0.0.1");		/* the node asks */
}

static void
conn(double when, double length, const char *src, const char *dst,
    unsigned port, uint64_t up, uint64_t down)
{
	at(KIND_CONN, when);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, dst);
	num(FIELD_SRC_PORT, 40000 + dr.nev);
	num(FIELD_DST_PORT, port);
	str(FIELD_PROTO, "tcp");
	put(FIELD_CONN_DURATION, VT_F64)->f64 = length;
	num(FIELD_SRC_BYTES, up);
	num(FIELD_DST_BYTES, down);
	num(FIELD_DST_PKTS, 9);
}

static void
test_listeners(void **unused)
{
	(void)unused;
	load();
	conn(0, 30, "203.0.113.5", NODE, 7777, 5000, 90000);	/* a game */
	conn(90, 30, "203.0.113.6", NODE, 7777, 5000, 90000);
	assert_int_equal(hunt("orb-node"), 0);
	conn(200, 2, "203.0.113.5", NODE, 63256, 500, 300);
	assert_int_equal(hunt("orb-node"), 1);
	assert_true(says(0, NODE " answers at ports 7777 and 63256, as nodes "
	    "of Quad7 do"));
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
}

static void
test_passes_on(void **unused)
{
	(void)unused;
	load();
	for (int i = 0; i < 3; i++) {
		double w = i * 900;
		uint64_t n = 20000 + 5000 * (uint64_t)i;

		conn(w, 200, "203.0.113.5", NODE, 41234, n, 3 * n);
		conn(w + .5, 199, NODE, "198.51.100.9", 443, n + 300,
		    3 * n + 700);
	}
	assert_int_equal(hunt("orb-node"), 1);
	assert_true(says(0, NODE " answers at port 41234 and passes what comes "
	    "there on to 198.51.100.9"));
	assert_int_equal(dr.found[0].nevidence, 4);
	again();
	for (int i = 0; i < 3; i++) {	/* not of its size */
		double w = i * 900;

		conn(w, 200, "203.0.113.5", NODE, 41234, 20000, 60000);
		conn(w + .5, 199, NODE, "198.51.100.9", 443, 20000, 600000);
	}
	for (int i = 0; i < 3; i++) {	/* programs of the house */
		double w = i * 900;

		conn(w, 200, "10.0.0.5", "10.0.0.6", 49700, 20000, 60000);
		conn(w + .5, 199, "10.0.0.6", "10.0.0.7", 443, 20000, 60000);
	}
	assert_int_equal(hunt("orb-node"), 0);
}

static void
test_state(void **unused)
{
	(void)unused;
	load();
	dr.halfway = true;
	conn(0, 30, "203.0.113.5", NODE, 7777, 5000, 90000);
	conn(200, 2, "203.0.113.5", NODE, 63256, 500, 300);
	conn(300, 2, "203.0.113.5", NODE, 7777, 500, 300);
	conn(400, 2, "203.0.113.5", NODE, 63256, 500, 300);
	assert_int_equal(hunt("orb-node"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_certificates), T(test_other_certificates),
		T(test_banners), T(test_listeners), T(test_passes_on),
		T(test_state)
	};

	return cmocka_run_group_tests_name("orb-node", tests, NULL, NULL);
}
