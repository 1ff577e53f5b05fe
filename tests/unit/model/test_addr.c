/* SPDX-License-Identifier: Apache-2.0
 *
 * Address text, with the examples of RFC 5952 and RFC 4291.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model.h"

static void
canonical(const char *in, const char *want)
{
	struct addr a;
	struct buf b;

	buf_init(&b, 0);
	if (!addr_parse(span_str(in), &a))
		fail_msg("refused %s", in);
	addr_put(&b, a.b, 16);
	buf_byte(&b, '\0');
	assert_string_equal((char *)b.ptr, want);
	buf_fini(&b);
}

static void
text(void **unused)
{
	(void)unused;
	canonical("192.0.2.1", "192.0.2.1");
	canonical("0.0.0.0", "0.0.0.0");
	canonical("255.255.255.255", "255.255.255.255");
	/* RFC 5952 4.1 to 4.3 */
	canonical("2001:0db8::0001", "2001:db8::1");
	canonical("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
	canonical("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	canonical("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	canonical("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	canonical("2001:DB8::ABCD", "2001:db8::abcd");
	canonical("::", "::");
	canonical("::1", "::1");
	canonical("fe80::1%eth0", "fe80::1");
	canonical("[2001:db8::1]", "2001:db8::1");
	/* RFC 5952 5: mapped ones as the IPv4 address they are */
	canonical("::ffff:192.0.2.1", "192.0.2.1");
	canonical("::ffff:c000:201", "192.0.2.1");
}

static void
refused(void **unused)
{
	static const char *const bad[] = {
		"", "1", "-", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ",
		" 1.2.3.4", "01.2.3.4", "1.2.3.4/24", ":::", "1::2::3",
		"12345::", "2001:db8::g", "[::1", "localhost", "::1]",
		"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1.2.3.4:80",
		"0000:0000:0000:0000:0000:ffff:192.168.100.2280000000000",
	};
	struct addr a;

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++)
		if (addr_parse(span_str(bad[i]), &a))
			fail_msg("took %s", bad[i]);
	assert_false(addr_parse(SPAN_LIT("1.2.3.4\0"), &a));
	assert_false(addr_parse(SPAN_LIT("::1\0x"), &a));
}

static void
one_key(void **unused)
{
	static const uint8_t v4[4] = { 192, 0, 2, 1 };
	struct addr a = addr_v4(v4), b;

	(void)unused;
	assert_true(addr_is_v4(&a));
	assert_true(addr_parse(SPAN_LIT("::ffff:192.0.2.1"), &b));
	assert_true(addr_eq(&a, &b));
	assert_true(addr_parse(SPAN_LIT("::192.0.2.1"), &b));
	assert_false(addr_is_v4(&b));
}

static void
private_ones(void **unused)
{
	static const char *const yes[] = {
		"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255",
		"192.168.0.0", "192.168.255.255", "127.0.0.1", "169.254.0.1",
		"100.64.0.0", "100.127.255.255", "0.1.2.3", "224.0.0.1",
		"255.255.255.255", "::", "::1", "fc00::", "fdff::1",
		"fe80::1", "febf::1", "ff02::1"
	};
	static const char *const no[] = {
		"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "100.63.255.255",
		"100.128.0.0", "223.255.255.255", "8.8.8.8", "2001:db8::1",
		"fb00::1", "fec0::1", "::2"
	};
	struct addr a;

	(void)unused;
	for (size_t i = 0; i < NITEMS(yes); i++) {
		assert_true(addr_parse(span_str(yes[i]), &a));
		if (!addr_is_private(&a))
			fail_msg("public: %s", yes[i]);
	}
	for (size_t i = 0; i < NITEMS(no); i++) {
		assert_true(addr_parse(span_str(no[i]), &a));
		if (addr_is_private(&a))
			fail_msg("private: %s", no[i]);
	}
}

static void
networks(void **unused)
{
	static const struct {
		const char	*net, *in, *out;
	} t[] = {
		{ "192.0.2.0/25", "192.0.2.127", "192.0.2.128" },
		{ "192.0.2.77/24", "192.0.2.1", "192.0.3.1" },
		{ "203.0.113.9", "203.0.113.9", "203.0.113.8" },
		{ "0.0.0.0/0", "255.1.2.3", "2001:db8::1" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1" },
		{ "2001:db8::5", "2001:db8::5", "2001:db8::6" },
		{ "::/0", "2001:db8::5", NULL },
	};
	static const char *const bad[] = {
		"", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8",
		"10.0.0.0/-1", "10.0.0.0/8x"
	};
	struct nets nets = { .n = 0 };
	struct addr a;

	(void)unused;
	for (size_t i = 0; i < NITEMS(t); i++) {
		nets.n = 0;
		assert_true(nets_add(&nets, span_str(t[i].net)));
		assert_true(addr_parse(span_str(t[i].in), &a));
		assert_true(nets_has(&nets, &a));
		if (t[i].out == NULL)
			continue;
		assert_true(addr_parse(span_str(t[i].out), &a));
		assert_false(nets_has(&nets, &a));
	}
	nets.n = 0;
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_false(nets_add(&nets, span_str(bad[i])));
	for (size_t i = 0; i < NETS_MAX; i++)
		assert_true(nets_add(&nets, SPAN_LIT("10.0.0.0/8")));
	assert_false(nets_add(&nets, SPAN_LIT("10.0.0.0/8")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text), cmocka_unit_test(refused),
		cmocka_unit_test(one_key), cmocka_unit_test(private_ones),
		cmocka_unit_test(networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
