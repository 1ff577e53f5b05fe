/* SPDX-License-Identifier: Apache-2.0
 *
 * One certificate that openssl(1) made for this test, with what its
 * `x509 -text -nameopt RFC2253,-esc_msb` says about it (within a multi-valued
 * RDN it prints in reverse); names by hand after RFC 4514 sections 2 and 4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec.h"

struct bytes {
	uint8_t	b[2048];
	size_t	len;
};

static struct span
from_hex(struct bytes *o, const char *hex)
{
	for (o->len = 0; hex[0] != '\0' && hex[1] != '\0'; hex += 2)
		o->b[o->len++] = (uint8_t)(ascii_hex((uint8_t)hex[0]) << 4 |
		    ascii_hex((uint8_t)hex[1]));
	return span_of(o->b, o->len);
}

static struct span
certificate(struct bytes *o)
{
	return from_hex(o,
	    "308202e330820269a003020102020300ff01300a06082a8648ce3d0403023081"
	    "99310b300906035504061302444531173015060a0992268993f22c6401191607"
	    "6578616d706c65310f300d060355040b0c06612c20622b633122300e06035504"
	    "0b0c07237368617270203010060a0992268993f22c6401010c0275313110300e"
	    "060355040a0c074dc3bc6c6c6572310e300c06035504030c057461696c20311a"
	    "301806092a864886f70d010901160b7840792e6578616d706c653020170d3236"
	    "313132333037303834345a180f32313236313033303037303834345a30819931"
	    "0b300906035504061302444531173015060a0992268993f22c64011916076578"
	    "616d706c65310f300d060355040b0c06612c20622b633122300e060355040b0c"
	    "07237368617270203010060a0992268993f22c6401010c0275313110300e0603"
	    "55040a0c074dc3bc6c6c6572310e300c06035504030c057461696c20311a3018"
	    "06092a864886f70d010901160b7840792e6578616d706c653076301006072a86"
	    "48ce3d020106052b8104002203620004dd5ee274ce80e84eb8dfc9fbaa74a3ab"
	    "905eaf8a5e2f30a11b2700c57c8d8862f0a527ceedc2a306c7f42668aa82caba"
	    "ed22f85aec6d14779e81a0504d56c1808a4642e8f24f822936d14830808a47d8"
	    "d76226781fcc04caca64e071783e7fe1a37f307d301d0603551d0e0416041495"
	    "34c988b44328a175fdb1a94cf86de8d8a0ca35301f0603551d23041830168014"
	    "9534c988b44328a175fdb1a94cf86de8d8a0ca35300f0603551d130101ff0405"
	    "30030101ff302a0603551d11042330218209612e6578616d706c65871020010d"
	    "b800000000000000000000000188022a03300a06082a8648ce3d040302036800"
	    "3065023100c342865fe0838a2bd60905dda825e0c3f8f2185e5b849a4bc49967"
	    "752b686e874ced344d869d76793d3d287f6fb93d20023056bfc4becb9edde0ae"
	    "5e6327aa6f749e4c17dcd84e2adbc1b42f8b9159bc6732c3a8276ea1a0adf15f"
	    "34b824bb593137");
}

static void
name_is(struct span name, const char *text)
{
	struct buf b;

	buf_init(&b, 0);
	x509_name_put(&b, name);
	buf_byte(&b, 0);
	assert_string_equal((char *)b.ptr, text);
	buf_fini(&b);
}

static void
test_parse(void **state)
{
	static struct bytes o;
	struct x509 x;

	(void)state;
	assert_true(x509_parse(certificate(&o), &x));
	assert_true(span_eq(x.serial, SPAN_LIT("\xff\x01")));
	name_is(x.subject, "emailAddress=x@y.example,CN=tail\\ ,"
	    "O=M\xc3\xbcller,OU=\\#sharp\\ +UID=u1,OU=a\\, b\\+c,DC=example,"
	    "C=DE");
	assert_true(span_eq(x.subject, x.issuer));
	assert_true(x.not_before == INT64_C(1795417724) * NSEC);
	/* 2126-10-30T07:08:44Z: date -u -d ... +%s */
	assert_true(x.not_after == INT64_C(4949017724) * NSEC);
	assert_int_equal(x.key_bits, 384);
}

static void
test_san(void **state)
{
	static struct bytes o;
	struct cursor c;
	struct x509 x;
	struct span s;
	uint8_t tag;

	(void)state;
	assert_true(x509_parse(certificate(&o), &x));
	c = cur_of(x.san);
	assert_true(x509_san_next(&c, &tag, &s));
	assert_int_equal(tag, 0x82);
	assert_true(span_eq(s, SPAN_LIT("a.example")));
	assert_true(x509_san_next(&c, &tag, &s));
	assert_int_equal(tag, 0x87);
	assert_true(span_eq(s, SPAN_LIT("\x20\x01\x0d\xb8\0\0\0\0"
	    "\0\0\0\0\0\0\0\x01")));
	assert_true(x509_san_next(&c, &tag, &s));
	assert_int_equal(tag, 0x88);
	assert_false(x509_san_next(&c, &tag, &s));
	assert_true(cur_ok(&c));

	c = cur_of(SPAN_LIT("\xa4\x0d\x30\x0b\x31\x09\x30\x07\x06\x03"
	    "\x55\x04\x03\x0c\x00"));
	assert_true(x509_san_next(&c, &tag, &s));
	assert_int_equal(tag, DER_CTX(4));
	name_is(s, "CN=");
	c = cur_of(SPAN_LIT("\x82\x7f" "a"));
	assert_false(x509_san_next(&c, &tag, &s));
}

/* Any prefix is refused, none is read beyond. */
static void
test_cut(void **state)
{
	static struct bytes o;
	struct span der = certificate(&o);
	struct x509 x;

	(void)state;
	for (size_t n = 0; n < der.len; n++)
		assert_false(x509_parse(span_sub(der, 0, n), &x));
	assert_false(x509_parse(SPAN_LIT("0\x03\x02\x01\x05"), &x));
}

static void
test_names(void **state)
{
	(void)state;
	name_is(SPAN_NONE, "");
	/* RFC 4514 section 4: escaped CR, quotes */
	name_is(SPAN_LIT("\x31\x15\x30\x13\x06\x03\x55\x04\x03\x13\x0c"
	    "Before\rAfter"), "CN=Before\\0dAfter");
	name_is(SPAN_LIT("\x31\x0d\x30\x0b\x06\x03\x55\x04\x0a\x13\x04"
	    "a\"\\;"), "O=a\\\"\\\\\\;");
	/* RFC 4514 section 4: 1.3.6.1.4.1.1466.0 with OCTET STRING "Hi" */
	name_is(SPAN_LIT("\x31\x10\x30\x0e\x06\x08\x2b\x06\x01\x04\x01\x8b"
	    "\x3a\x00\x04\x02Hi"), "1.3.6.1.4.1.1466.0=#04024869");
	/* T61String as ISO 8859-1, BMPString */
	name_is(SPAN_LIT("\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x14\x03"
	    "\x4d\xfc\x6c"), "CN=M\xc3\xbcl");
	name_is(SPAN_LIT("\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x1e\x04"
	    "\x00\x41\x04\x16"), "CN=A\xd0\x96");
	/* breaks off: what came before */
	name_is(SPAN_LIT("\x31\x0a\x30\x08\x06\x03\x55\x04\x06\x13\x01" "B"
	    "\x31\x7f"), "C=B");
}

/* Real names have some ten attributes; more than the limit are cut. */
static void
test_many_rdns(void **state)
{
	static uint8_t der[12 * 500];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 500; i++)
		memcpy(der + i * 12,
		    "\x31\x0a\x30\x08\x06\x03\x55\x04\x06\x13\x01" "B", 12);
	buf_init(&b, 0);
	x509_name_put(&b, span_of(der, sizeof(der)));
	assert_int_equal(b.len, 64 * 4 - 1);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_san),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_many_rdns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
