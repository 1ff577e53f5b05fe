/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of indicators in each of their forms, what is left out of them, and
 * which events they are found in.  The forms are those of the public
 * documentation: RFC 4180, MISP core format, STIX 2.1 sections 4.7 and 9,
 * abuse.ch's exports.
 */
#include "rule_drive.h"

#define MD5	"d41d8cd98f00b204e9800998ecf8427e"
#define SHA256	"e3b0c44298fc1c149afbf4c8996fb924" \
		"27ae41e4649b934ca495991b7852b855"
#define JA4	"t13d1516h2_8daaf6152771_02713d6af862"

static void
guesses(void **unused)
{
	static const struct {
		const char	*text;
		enum ioc_left	 left;
		enum ioc_type	 type;
		const char	*shown;
	} rows[] = {
		{ "203.0.113.9", 0, IOC_ADDR, "203.0.113.9" },
		{ " 203[.]0[.]113[.]9 ", 0, IOC_ADDR, "203.0.113.9" },
		{ "2606:4700::1111", 0, IOC_ADDR, "2606:4700::1111" },
		{ "198.51.100.77/24", 0, IOC_NET, "198.51.100.0/24" },
		{ "2606:4700::/32", 0, IOC_NET, "2606:4700::/32" },
		{ "203.0.113.9:443", 0, IOC_ENDPOINT, "203.0.113.9 port 443" },
		{ "[2606:4700::1]:8443", 0, IOC_ENDPOINT,
		    "2606:4700::1 port 8443" },
		{ "Evil.Example.", 0, IOC_DOMAIN, "evil.example" },
		{ "*.evil(dot)example", 0, IOC_DOMAIN, "evil.example" },
		{ "xn--80ak6aa92e.com", 0, IOC_DOMAIN, "xn--80ak6aa92e.com" },
		{ "hxxp://H.example:80/A?b#c", 0, IOC_URL, "h.example/A?b" },
		{ "https://u:p@h.example:443", 0, IOC_URL, "h.example/" },
		{ "http://h.example:8080?x", 0, IOC_URL, "h.example:8080?x" },
		{ "h.example/a/b", 0, IOC_URL, "h.example/a/b" },
		{ "D41D8CD98F00B204E9800998ECF8427E", 0, IOC_HASH, MD5 },
		{ SHA256, 0, IOC_HASH, SHA256 },
		{ JA4, 0, IOC_JA4, JA4 },
		{ "10.0.0.1", IOC_RESERVED, 0, NULL },
		{ "127.0.0.1", IOC_RESERVED, 0, NULL },
		{ "0.0.0.0", IOC_RESERVED, 0, NULL },
		{ "224.0.0.251", IOC_RESERVED, 0, NULL },
		{ "fe80::1", IOC_RESERVED, 0, NULL },
		{ "192.168.0.0/16", IOC_RESERVED, 0, NULL },
		{ "198.0.0.0/7", IOC_WIDE, 0, NULL },
		{ "2606:4700::/18", IOC_WIDE, 0, NULL },
		{ "evil.exe", IOC_FILE, 0, NULL },
		{ "2024-01-01 00:00:00", IOC_NOT_READ, 0, NULL },
		{ "203.0.113.9/33", IOC_NOT_READ, 0, NULL },
		{ "203.0.113.9:0", IOC_NOT_READ, 0, NULL },
		{ "1.2.3", IOC_NOT_READ, 0, NULL },
		{ "a b", IOC_NOT_READ, 0, NULL },
		{ "http:///x", IOC_NOT_READ, 0, NULL },
		{ "", IOC_NOT_READ, 0, NULL },
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		struct ioc_entry e;
		enum ioc_left got = ioc_guess(span_str(rows[i].text), &e);
		struct buf b;

		if (got != rows[i].left)
			fail_msg("%s: %s", rows[i].text, ioc_left_text(got));
		if (got != IOC_TAKEN)
			continue;
		assert_int_equal(e.type, rows[i].type);
		buf_init(&b, 0);
		ioc_put(&b, e.type, span_of(e.key, e.key_len));
		if (!span_eq(buf_view(&b), span_str(rows[i].shown)))
			fail_msg("%s: %.*s", rows[i].text, (int)b.len,
			    (const char *)b.ptr);
		buf_fini(&b);
	}
}

static struct program *
load(const char *text)
{
	const struct rule_options opt = { "extended",
	    getenv("PICKET_SHARE"), NULL };
	struct program *p = program_new();

	assert_non_null(p);
	language_ioc.load(p, &opt, "dir/feed.txt", span_str(text), NULL);
	assert_true(program_finish(p));
	return p;
}

static struct {
	unsigned	n;
	unsigned	field;
	char		key[256], note[256];
} found;

static void
on_ioc(void *arg, const struct ioc_hit *hit, const struct event *e)
{
	struct buf b;

	(void)arg;
	(void)e;
	assert_string_equal(hit->rule->id, "ioc:feed.txt");
	buf_init(&b, 0);
	ioc_put(&b, hit->type, hit->key);
	snprintf(found.key, sizeof(found.key), "%.*s", (int)b.len,
	    (const char *)b.ptr);
	buf_fini(&b);
	snprintf(found.note, sizeof(found.note), "%.*s", (int)hit->note.len,
	    (const char *)hit->note.ptr);
	found.field = hit->field;
	found.n++;
}

struct fact {
	unsigned	 field;
	const char	*text;		/* or, for ports, NULL */
	uint64_t	 num;
};

/* How many indicators stand in the event; the last one in found. */
static unsigned
look(const struct program *p, int64_t time, const struct fact *facts)
{
	struct field f[8];
	struct event e = { .kind = KIND_HTTP, .fields = f, .time = time };
	struct addr a[8];
	struct buf b;

	memset(f, 0, sizeof(f));
	memset(&found, 0, sizeof(found));
	for (; facts->field != FIELD_OTHER; facts++, e.nfields++) {
		struct value *v = &f[e.nfields].v;

		v->id = (uint16_t)facts->field;
		if (facts->text == NULL) {
			v->type = VT_U64;
			v->u64 = facts->num;
		} else if (field_type(v->id) == FT_ADDR) {
			assert_true(addr_parse(span_str(facts->text),
			    &a[e.nfields]));
			v->type = VT_ADDR;
			v->ptr = a[e.nfields].b;
			v->len = 16;
		} else {
			v->type = VT_STR;
			v->ptr = facts->text;
			v->len = (uint32_t)strlen(facts->text);
		}
	}
	buf_init(&b, 0);
	ioc_event(p->iocs, &e, &b, on_ioc, NULL);
	buf_fini(&b);
	return found.n;
}
#define LOOK(p, ...) look(p, 0, (const struct fact[]){ __VA_ARGS__,	\
	{ FIELD_OTHER, NULL, 0 } })

static void
plain(void **unused)
{
	struct program *p = load("# two lists in one\n"
	    "203[.]0[.]113[.]9  # tunnel\r\n"
	    "198.51.100.0/24\n198.51.100.128/25\nevil.example\n"
	    "203.0.113.10:8443\nhttp://h.example/a\n" MD5 "\n" JA4 "\n"
	    "0.0.0.0 ad.example\n10.0.0.1\ngoogle.com\nnothing\n"
	    "203.0.113.9\n");

	(void)unused;
	assert_int_equal(ioc_set_count(p->iocs), 9);
	assert_int_equal(p->ioc_left[IOC_RESERVED], 1);
	assert_int_equal(p->ioc_left[IOC_KNOWN], 1);
	assert_int_equal(p->ioc_left[IOC_NOT_READ], 1);
	assert_int_equal(program_faults(p), 0);

	assert_int_equal(LOOK(p, { FIELD_SRC_IP, "203.0.113.9", 0 }), 1);
	assert_string_equal(found.note, "tunnel");
	assert_int_equal(found.field, FIELD_SRC_IP);
	assert_int_equal(LOOK(p, { FIELD_SRC_IP, "203.0.113.8", 0 }), 0);
	/* the narrower network says it */
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "198.51.100.200", 0 }), 1);
	assert_string_equal(found.key, "198.51.100.128/25");
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "198.51.100.2", 0 }), 1);
	assert_string_equal(found.key, "198.51.100.0/24");
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "198.51.101.2", 0 }), 0);
	/* an address with its port and no other */
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "203.0.113.10", 0 },
	    { FIELD_DST_PORT, NULL, 8443 }), 1);
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "203.0.113.10", 0 },
	    { FIELD_DST_PORT, NULL, 443 }), 0);
	/* names and what lies below, by labels */
	assert_int_equal(LOOK(p, { FIELD_DNS_QUERY, "A.B.Evil.Example.", 0 }),
	    1);
	assert_int_equal(LOOK(p, { FIELD_TLS_SNI, "notevil.example", 0 }), 0);
	assert_int_equal(LOOK(p, { FIELD_TLS_SNI, "example", 0 }), 0);
	assert_int_equal(LOOK(p, { FIELD_HTTP_HOST, "evil.example:81", 0 }),
	    1);
	assert_int_equal(LOOK(p, { FIELD_HTTP_HOST, "203.0.113.9:81", 0 }),
	    1);
	assert_int_equal(LOOK(p, { FIELD_DNS_QUERY, "ad.example", 0 }), 1);
	/* an URL without query stands for any, one with it for itself */
	assert_int_equal(LOOK(p, { FIELD_HTTP_HOST, "H.example", 0 },
	    { FIELD_HTTP_URI, "/a?q=1", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_HTTP_HOST, "h.example", 0 },
	    { FIELD_HTTP_URI, "/A", 0 }), 0);
	assert_int_equal(LOOK(p, { FIELD_HTTP_URI, "http://h.example:80/a",
	    0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_TLS_JA3, MD5, 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_HASHES, "SHA1=00,MD5="
	    "D41D8CD98F00B204E9800998ECF8427E,IMPHASH=1", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_TLS_JA4, JA4, 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_HTTP_USER_AGENT, "203.0.113.9", 0 }),
	    0);
	program_free(p);
}

/* ThreatFox' columns; Feodo's; a list without a header. */
static void
cells(void **unused)
{
	struct program *p = load("################\n# \"first_seen_utc\","
	    "\"ioc_id\",\"ioc_value\",\"ioc_type\",\"malware_printable\"\n"
	    "\"2024-01-01 10:00:00\", \"77\", \"203.0.113.9:80\", "
	    "\"ip:port\", \"One, \"\"two\"\"\"\n");

	(void)unused;
	assert_int_equal(ioc_set_count(p->iocs), 1);
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "203.0.113.9", 0 },
	    { FIELD_DST_PORT, NULL, 80 }), 1);
	assert_string_equal(found.note, "One, \"\"two\"\"");
	program_free(p);

	p = load("date;md5;sha256;comment\n2024-01-01;" MD5 ";" SHA256
	    ";both\n");
	assert_int_equal(ioc_set_count(p->iocs), 2);
	assert_int_equal(LOOK(p, { FIELD_FILE_SHA256, SHA256, 0 }), 1);
	assert_string_equal(found.note, "both");
	program_free(p);

	p = load("1,2024-01-01,203.0.113.9,botnet\n");
	assert_int_equal(LOOK(p, { FIELD_SRC_IP, "203.0.113.9", 0 }), 1);
	assert_string_equal(found.note, "botnet");
	program_free(p);
}

static void
misp(void **unused)
{
	struct program *p = load("{\"response\":[{\"Event\":{\"info\":\"i\","
	    "\"Attribute\":["
	    "{\"type\":\"ip-dst|port\",\"to_ids\":true,"
	    "\"value\":\"203.0.113.9|443\",\"comment\":\"caf\\u00e9\"},"
	    "{\"type\":\"domain|ip\",\"value\":\"a.example|203.0.113.8\","
	    "\"to_ids\":true,\"Tag\":[{\"name\":\"tlp:white\"}]},"
	    "{\"type\":\"filename|sha256\",\"value\":\"x|" SHA256 "\","
	    "\"to_ids\":true},"
	    "{\"type\":\"md5\",\"value\":\"" MD5 "\",\"to_ids\":false},"
	    "{\"type\":\"mutex\",\"value\":\"m\",\"to_ids\":true}]}}]}");

	(void)unused;
	assert_int_equal(program_faults(p), 0);
	assert_int_equal(ioc_set_count(p->iocs), 4);
	assert_int_equal(p->ioc_left[IOC_NOT_READ], 1);
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "203.0.113.9", 0 },
	    { FIELD_DST_PORT, NULL, 443 }), 1);
	assert_string_equal(found.note, "caf\xc3\xa9");
	assert_int_equal(LOOK(p, { FIELD_DNS_QUERY, "a.example", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_DST_IP, "203.0.113.8", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_FILE_SHA256, SHA256, 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_FILE_MD5, MD5, 0 }), 0);
	program_free(p);
}

#define INDICATOR(pattern, more) "{\"type\":\"indicator\",\"name\":\"n\"," \
	"\"pattern_type\":\"stix\",\"pattern\":\"" pattern "\"" more "}"

static void
stix(void **unused)
{
	const struct fact old[] = { { FIELD_SRC_IP, "203.0.113.5", 0 },
	    { FIELD_OTHER, NULL, 0 } };
	struct program *p = load("{\"type\":\"bundle\",\"objects\":["
	    INDICATOR("[ipv4-addr:value = '203.0.113.1' OR "
	    "ipv4-addr:value='203.0.113.2']", "") ","
	    INDICATOR("[domain-name:value IN ('a.example', 'b.example')]", "")
	    "," INDICATOR("[file:hashes.'SHA-256' = '" SHA256 "'] FOLLOWEDBY "
	    "[url:value = 'http://h.example/x']", "") ","
	    INDICATOR("[ipv4-addr:value = '203.0.113.3' AND "
	    "domain-name:value = 'c.example']", "") ","
	    INDICATOR("[ipv4-addr:value != '203.0.113.4']", "") ","
	    INDICATOR("[ipv4-addr:value = '203.0.113.5']",
	    ",\"valid_until\":\"2024-01-01T00:00:00Z\"") ","
	    INDICATOR("[ipv4-addr:value = '203.0.113.6']",
	    ",\"revoked\":true") ","
	    INDICATOR("[file:name = 'evil.example']", "") "]}");

	(void)unused;
	assert_int_equal(program_faults(p), 0);
	assert_int_equal(ioc_set_count(p->iocs), 7);
	assert_int_equal(p->ioc_left[IOC_NOT_READ], 4);
	assert_int_equal(LOOK(p, { FIELD_SRC_IP, "203.0.113.1", 0 }), 1);
	assert_string_equal(found.note, "n");
	assert_int_equal(LOOK(p, { FIELD_SRC_IP, "203.0.113.2", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_DNS_QUERY, "a.example", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_DNS_QUERY, "b.example", 0 }), 1);
	assert_int_equal(LOOK(p, { FIELD_FILE_SHA256, SHA256, 0 }), 1);
	for (unsigned i = 3; i <= 6; i++) {
		char ip[16];

		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		assert_int_equal(LOOK(p, { FIELD_SRC_IP, ip, 0 }), i == 5);
	}
	/* 2023-12-31 and 2024-01-02 */
	assert_int_equal(look(p, 1703980800 * NSEC, old), 1);
	assert_int_equal(look(p, 1704153600 * NSEC, old), 0);
	program_free(p);
}

/* What has expired does not hide what has not. */
static void
expired(void **unused)
{
	const struct fact name[] = { { FIELD_DNS_QUERY, "x.a.example", 0 },
	    { FIELD_OTHER, NULL, 0 } };
	const struct fact net[] = { { FIELD_SRC_IP, "198.51.100.9", 0 },
	    { FIELD_OTHER, NULL, 0 } };
	struct program *p = load("{\"objects\":["
	    INDICATOR("[domain-name:value = 'x.a.example' OR "
	    "ipv4-addr:value = '198.51.100.0/28']",
	    ",\"valid_until\":\"2024-01-01T00:00:00Z\"") ","
	    INDICATOR("[domain-name:value = 'a.example' OR "
	    "ipv4-addr:value = '198.51.100.0/24']", "") "]}");

	(void)unused;
	assert_int_equal(look(p, 1703980800 * NSEC, name), 1);
	assert_string_equal(found.key, "x.a.example");
	assert_int_equal(look(p, 1704153600 * NSEC, name), 1);
	assert_string_equal(found.key, "a.example");
	assert_int_equal(look(p, 1704153600 * NSEC, net), 1);
	assert_string_equal(found.key, "198.51.100.0/24");
	program_free(p);
}

static void
broken(void **unused)
{
	static const struct {
		const char	*text;
		unsigned	 line;
	} rows[] = {
		{ "{\"to_ids\":true,\n\"value\":\"x", 2 },
		{ "{\"Attribute\":[\n\n}", 3 },
		{ "[[\n{\"type\":\"a\\", 2 },
		{ "{\"a\":]}", 1 },
		{ "{\"a\":1", 1 },
	};
	char deep[200];
	struct program *p;

	(void)unused;
	for (size_t i = 0; i < NITEMS(rows); i++) {
		p = load(rows[i].text);
		assert_int_equal(program_faults(p), 1);
		assert_int_equal(program_fault_at(p, 0)->line, rows[i].line);
		program_free(p);
	}
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	p = load(deep);
	assert_int_equal(program_faults(p), 1);
	program_free(p);
	/* escapes that are none make a value unread, no more */
	p = load("{\"type\":\"domain\",\"to_ids\":true,"
	    "\"value\":\"a.exam\\u12ple\"}");
	assert_int_equal(program_faults(p), 0);
	assert_int_equal(ioc_set_count(p->iocs), 0);
	program_free(p);
}

static void
matches(void **unused)
{
	static const struct {
		const char	*text;
		int		 score;
	} rows[] = {
		{ "203.0.113.9\n# x\nevil.example\n", 60 },
		{ "a,b\n1,203.0.113.9\n", 60 },
		{ "{\"Event\":{\"Attribute\":[]}}", 85 },
		{ "{\"type\":\"indicator\",\"pattern\":\"\"}", 85 },
		{ "{\"a\":1}", 0 },
		{ "title: a rule\ndetection:\n  x: y\n", 0 },
		{ "some prose\nof two lines\n", 0 },
		{ "", 0 },
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(rows); i++)
		assert_int_equal(language_ioc.match("x",
		    span_str(rows[i].text)), rows[i].score);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guesses), cmocka_unit_test(plain),
		cmocka_unit_test(cells), cmocka_unit_test(misp),
		cmocka_unit_test(stix), cmocka_unit_test(expired),
		cmocka_unit_test(broken),
		cmocka_unit_test(matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
