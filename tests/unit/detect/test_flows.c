/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversations for behaviour detectors: what the fields of a conn event, as
 * each source gives them, become; and what hosts show of themselves.
 */
#include "detect_drive.h"

static struct flow
flow(void)
{
	struct flow f;
	struct buf b;

	assert_true(flow_of_event(&f, &dr.ev[dr.nev - 1], dr.home));
	buf_init(&b, 0);
	flow_pack(&b, &f);
	memset(&f, 0xee, sizeof(f));
	assert_true(flow_unpack(buf_view(&b), &f));
	assert_false(flow_unpack(span_sub(buf_view(&b), 1, SIZE_MAX), &f));
	buf_fini(&b);
	return f;
}

static void
fields(void **unused)
{
	struct flow f;
	struct value *v;

	(void)unused;
	at(KIND_CONN, 5);
	addr(FIELD_SRC_IP, "10.0.0.7");
	num(FIELD_SRC_PORT, 50123);
	addr(FIELD_DST_IP, "2001:db8::1");
	num(FIELD_DST_PORT, 445);
	str(FIELD_PROTO, "tcp");
	str(FIELD_CONN_SERVICE, "gssapi,smb,ntlm");
	str(FIELD_CONN_STATE, "RSTO");
	v = put(FIELD_CONN_DURATION, VT_F64);
	v->f64 = 1.5;
	num(FIELD_SRC_BYTES, 100);
	num(FIELD_DST_BYTES, 200);
	num(FIELD_SRC_PKTS, 3);
	num(FIELD_DST_PKTS, 4);
	num(FIELD_SRC_IP_BYTES, 220);
	f = flow();
	assert_int_equal(f.start, T0 + 5 * NSEC);
	assert_int_equal(f.end, T0 + 6 * NSEC + NSEC / 2);
	assert_int_equal(f.src_port, 50123);
	assert_int_equal(f.dst_port, 445);
	assert_int_equal(f.proto, 6);
	assert_int_equal(f.service, FLOW_SMB);
	assert_int_equal(f.state, FLOW_RSTO);
	assert_int_equal(f.src_bytes, 100);
	assert_int_equal(f.dst_bytes, 200);
	assert_int_equal(f.src_pkts, 3);
	assert_int_equal(f.dst_pkts, 4);
	assert_int_equal(f.flags, FLOW_F_ANSWERED | FLOW_F_SRC_HOME);
}

/* A flow record of one direction: nothing is said of the other. */
static void
one_way(void **unused)
{
	struct flow f;

	(void)unused;
	at(KIND_CONN, 0);
	addr(FIELD_SRC_IP, "192.0.2.1");
	addr(FIELD_DST_IP, "192.0.2.2");
	str(FIELD_PROTO, "47");
	num(FIELD_SRC_IP_BYTES, 999);
	num(FIELD_SRC_PKTS, 9);
	f = flow();
	assert_int_equal(f.proto, 47);
	assert_int_equal(f.src_bytes, 999);
	assert_int_equal(f.state, FLOW_STATE_NONE);
	assert_int_equal(f.service, FLOW_SERVICE_NONE);
	assert_int_equal(f.flags, FLOW_F_IP_BYTES | FLOW_F_ONE_WAY);
	assert_int_equal(f.end, f.start);
}

static void
odd_ones(void **unused)
{
	struct flow f;

	(void)unused;
	at(KIND_CONN, 0);
	addr(FIELD_SRC_IP, "192.0.2.1");
	assert_false(flow_of_event(&f, &dr.ev[0], NULL));
	addr(FIELD_DST_IP, "192.0.2.2");
	assert_true(flow_of_event(&f, &dr.ev[0], NULL));
	put(FIELD_CONN_DURATION, VT_F64)->f64 = -5;
	assert_true(flow_of_event(&f, &dr.ev[0], NULL));
	assert_int_equal(f.end, f.start);
	dr.ev[0].fields[2].v.f64 = 1e300;
	assert_true(flow_of_event(&f, &dr.ev[0], NULL));
	assert_int_equal(f.end, f.start);
	dr.ev[0].time = TIME_NONE;
	assert_false(flow_of_event(&f, &dr.ev[0], NULL));
}

static void
home(void **unused)
{
	struct nets nets = { .n = 0 };
	struct flow f;

	(void)unused;
	assert_true(nets_add(&nets, SPAN_LIT("192.0.2.0/25")));
	dr.home = &nets;
	at(KIND_CONN, 0);
	addr(FIELD_SRC_IP, "10.0.0.7");
	addr(FIELD_DST_IP, "192.0.2.127");
	f = flow();
	assert_int_equal(f.flags & (FLOW_F_SRC_HOME | FLOW_F_DST_HOME),
	    FLOW_F_DST_HOME);
}

static void
say(const char *src, const char *dst, unsigned port, unsigned answer)
{
	at(KIND_CONN, dr.nev);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, dst);
	num(FIELD_DST_PORT, port);
	str(FIELD_PROTO, "tcp");
	num(FIELD_DST_PKTS, answer != 0);
	num(FIELD_DST_BYTES, answer);
}

static void
hosts(void **unused)
{
	struct hosts *h = hosts_new(16);
	struct detect d = { .hosts = h };
	const struct host_seen *s;
	struct addr server, client;
	struct buf b;
	struct cursor c;

	(void)unused;
	assert_true(addr_parse(SPAN_LIT("10.0.0.1"), &server));
	assert_true(addr_parse(SPAN_LIT("10.0.0.9"), &client));
	assert_null(detect_host(&d, &server));
	say("10.0.0.8", "10.0.0.1", 22, 10);
	say("10.0.0.9", "10.0.0.1", 22, 10);
	say("10.0.0.9", "10.0.0.1", 88, 10);
	say("10.0.0.9", "10.0.0.1", 389, 0);
	for (unsigned i = 0; i < dr.nev; i++) {
		struct flow f;

		assert_true(flow_of_event(&f, &dr.ev[i], NULL));
		hosts_flow(h, &f);
	}
	buf_init(&b, 0);
	hosts_save(h, &b);
	hosts_free(h);
	d.hosts = h = hosts_new(16);
	c = cur_of(buf_view(&b));
	assert_true(hosts_restore(h, &c));
	s = detect_host(&d, &server);
	assert_non_null(s);
	assert_int_equal(s->served, 1u << FLOW_SSH);
	assert_int_equal(s->served_once, 1u << FLOW_SSH | 1u << FLOW_KRB5);
	assert_int_equal(s->flows_in, 4);
	assert_int_equal(s->flows_out, 0);
	assert_int_equal(host_count(s->clients), 2);
	assert_int_equal(s->first, T0);
	s = detect_host(&d, &client);
	assert_int_equal(s->flows_out, 3);
	assert_int_equal(host_count(s->servers), 1);
	c = cur_of(span_sub(buf_view(&b), 0, b.len - 1));
	assert_false(hosts_restore(h, &c));
	buf_fini(&b);
	hosts_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(fields), T(one_way), T(odd_ones), T(home), T(hosts)
	};

	return cmocka_run_group_tests_name("detect.flows", tests, NULL, NULL);
}
