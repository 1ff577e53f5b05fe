/* SPDX-License-Identifier: Apache-2.0
 *
 * Pulling XML: the pieces of elements, what is passed over, what is broken,
 * references, and the bound on nesting.  Texts by hand from XML 1.0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec.h"

/* All pieces as text: <name  @name=text  "text"  >name  !broken */
static void
trace(struct buf *out, const char *src, size_t len)
{
	struct arena a;
	struct xml x;

	arena_init(&a, 65536);
	xml_init(&x, span_of(src, len));
	for (;;) {
		enum xml_event e = xml_next(&x);

		if (e == XML_END)
			break;
		if (out->len != 0)
			buf_byte(out, ' ');
		if (e == XML_BROKEN) {
			buf_byte(out, '!');
			break;
		}
		buf_byte(out, (uint8_t)" !<@\"/"[e]);
		if (e != XML_TEXT)
			buf_span(out, x.name);
		if (e == XML_ATTR)
			buf_byte(out, '=');
		if (e == XML_ATTR || e == XML_TEXT)
			buf_span(out, xml_text(&x, &a));
	}
	buf_byte(out, '\0');
	arena_fini(&a);
}

static void
expect(const char *src, const char *want)
{
	struct buf got;

	buf_init(&got, 0);
	trace(&got, src, strlen(src));
	assert_string_equal((const char *)got.ptr, want);
	buf_fini(&got);
}

static void
test_elements(void **state)
{
	(void)state;
	expect("<a/>", "<a /a");
	expect("<a></a>", "<a /a");
	expect("<a >x</a >", "<a \"x /a");
	expect(" <a><b/> <c>1</c>t</a>\n", "<a <b /b <c \"1 /c \"t /a");
	expect("<p:a xmlns:p='u'><p:b/></p:a>",
	    "<a @p=u <b /b /a");
	expect("<a b=\"1\" c = '2'/>", "<a @b=1 @c=2 /a");
	expect("<a b='say \"x\" > y'>z</a>", "<a @b=say \"x\" > y \"z /a");
	expect("<a><![CDATA[<b>&amp;]]]></a>", "<a \"<b>&amp;] /a");
	expect("<a> x y </a>", "<a \" x y  /a");
}

static void
test_passed_over(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <x> -->\n<a>"
	    "1<!--c-->2<?pi <?>3</a><!-- -->", "<a \"1 \"2 \"3 /a");
}

static void
test_broken(void **state)
{
	(void)state;
	expect("", "!");
	expect("  ", "!");
	expect("x<a/>", "!");
	expect("<", "!");
	expect("<a", "<a !");
	expect("<a>", "<a !");
	expect("<a></b>", "<a !");
	expect("<a></a", "<a !");
	expect("<a><b></a></b>", "<a <b !");
	expect("</a>", "!");
	expect("< a/>", "!");
	expect("<a b/>", "<a !");
	expect("<a b=c/>", "<a !");
	expect("<a b=\"c/>", "<a !");
	expect("<a / >", "<a !");
	expect("<a><!-- </a>", "<a !");
	expect("<a><![CDATA[x</a>", "<a !");
	expect("<![CDATA[x]]><a/>", "!");
	expect("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "!");
}

static void
test_references(void **state)
{
	(void)state;
	expect("<a>&lt;&gt;&amp;&quot;&apos;</a>", "<a \"<>&\"' /a");
	expect("<a b='&amp;lt;'/>", "<a @b=&lt; /a");
	expect("<a>&#65;&#x41;&#xE9;&#x20ac;&#x1F600;</a>",
	    "<a \"AA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 /a");
	expect("<a>&#0;&#xD800;&#x110000;&#99999999;</a>",
	    "<a \"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd /a");
	expect("<a>&b; & &; &# &#; &#x; &#12g; &LT; &#99999999999;</a>",
	    "<a \"&b; & &; &# &#; &#x; &#12g; &LT; &#99999999999; /a");
}

static void
test_rest(void **state)
{
	struct xml x;

	(void)state;
	xml_init(&x, SPAN_LIT("<a><b/></a> tail"));
	assert_int_equal(xml_next(&x), XML_OPEN);
	assert_int_equal(x.depth, 1);
	assert_int_equal(xml_next(&x), XML_OPEN);
	assert_int_equal(x.depth, 2);
	assert_int_equal(xml_next(&x), XML_CLOSE);
	assert_int_equal(xml_next(&x), XML_CLOSE);
	assert_int_equal(x.depth, 0);
	assert_int_equal(xml_next(&x), XML_END);
	assert_int_equal(xml_next(&x), XML_END);
	assert_true(span_eq(xml_rest(&x), SPAN_LIT(" tail")));
}

static void
test_skip(void **state)
{
	struct xml x;

	(void)state;
	xml_init(&x, SPAN_LIT("<a><b c='1' d='2'>t<e/></b><f/></a>"));
	(void)xml_next(&x);
	assert_int_equal(xml_next(&x), XML_OPEN);
	assert_int_equal(xml_next(&x), XML_ATTR);
	assert_true(xml_skip(&x));
	assert_int_equal(xml_next(&x), XML_OPEN);
	assert_true(span_eq(x.name, SPAN_LIT("f")));
	assert_true(xml_skip(&x));
	assert_int_equal(xml_next(&x), XML_CLOSE);
	assert_int_equal(xml_next(&x), XML_END);
	xml_init(&x, SPAN_LIT("<a><b>"));
	(void)xml_next(&x);
	assert_false(xml_skip(&x));
}

static void
test_depth(void **state)
{
	struct buf text;
	struct xml x;

	(void)state;
	for (unsigned n = XML_DEPTH_MAX; n <= XML_DEPTH_MAX + 1; n++) {
		enum xml_event e;

		buf_init(&text, 0);
		for (unsigned i = 0; i < n; i++)
			buf_str(&text, "<a>");
		for (unsigned i = 0; i < n; i++)
			buf_str(&text, "</a>");
		xml_init(&x, buf_view(&text));
		while ((e = xml_next(&x)) == XML_OPEN || e == XML_CLOSE)
			;
		assert_int_equal(e, n > XML_DEPTH_MAX ? XML_BROKEN : XML_END);
		assert_int_equal(xml_next(&x), e);
		buf_fini(&text);
	}
}

/* Every cut of a text ends, and only the whole is not broken. */
static void
test_cuts(void **state)
{
	static const char all[] = "<?xml version='1.0'?><a b='1&#65;'>x"
	    "<![CDATA[y]]><!-- z --><c/>&amp;</a>";

	(void)state;
	for (size_t n = 0; n < sizeof(all); n++) {
		struct buf got;

		buf_init(&got, 0);
		trace(&got, all, n);
		assert_int_equal(strchr((const char *)got.ptr, '!') == NULL,
		    n == sizeof(all) - 1);
		buf_fini(&got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_passed_over),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
