/* SPDX-License-Identifier: Apache-2.0
 *
 * Hoards of JSON Web Tokens and replayed ones.  The tokens are made here: the
 * form of RFC 7519, signed by nobody.
 */
#include "detect_drive.h"

/* {"alg":"HS256"} . {"sub":"1234567890"} . 43 bytes that tell which */
static const char *
token(unsigned i)
{
	static char t[256];

	snprintf(t, sizeof(t), "eyJhbGciOiJIUzI1NiJ9."
	    "eyJzdWIiOiIxMjM0NTY3ODkwIn0."
	    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_ad%06u", i);
	return t;
}

static void
request(double sec, const char *src, const char *agent, unsigned i)
{
	char head[512];

	at(KIND_HTTP, sec);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, "192.0.2.80");
	str(FIELD_HTTP_HOST, "vdi.example");
	str(FIELD_HTTP_URI, "/session");
	str(FIELD_HTTP_USER_AGENT, agent);
	snprintf(head, sizeof(head), "Host: vdi.example\r\n"
	    "Authorization: Bearer %s\r\nAccept: */*\r\n", token(i));
	str(FIELD_HTTP_HEADERS, head);
}

/* Never shows a token. */
static void
no_token_is_told(void)
{
	for (unsigned i = 0; i < dr.nfound; i++)
		assert_true(span_find(dr.found[i].message, SPAN_LIT("eyJ")) ==
		    SPAN_NPOS);
	for (unsigned i = 0; i < dr.nnotes; i++)
		assert_true(span_find(dr.note[i], SPAN_LIT("eyJ")) ==
		    SPAN_NPOS);
}

static void
one_client(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 29; i++) {
		request(i * 60, "198.51.100.7", "curl/8", i);
		request(i * 60 + 1, "198.51.100.7", "curl/8", i);
	}
	assert_int_equal(hunt("jwt-hoard"), 0);
	request(1800, "198.51.100.7", "curl/8", 29);
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_true(says(0, "198.51.100.7 showed 30 different JSON Web Tokens "
	    "to 192.0.2.80 within an hour"));
	ENTITY_IS(0, SRC_IP, "198.51.100.7");
	no_token_is_told();
	/* renewed each five minutes, all day */
	again();
	for (unsigned i = 0; i < 288; i++)
		request(i * 300., "198.51.100.7", "curl/8", i);
	assert_int_equal(hunt("jwt-hoard"), 0);
}

static void
gateways(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 40; i++) {
		char agent[16];

		snprintf(agent, sizeof(agent), "Browser/%u", i % 5);
		request(i, "198.51.100.7", agent, i);
	}
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	again();
	for (unsigned day = 0; day < 3; day++)
		for (unsigned i = 0; i < 40; i++)
			request(day * 86400. + i, "10.0.0.4", "okhttp",
			    day * 100 + i);
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
}

static void
replay(void **unused)
{
	(void)unused;
	request(0, "10.1.1.1", "Mozilla/5.0 Horizon", 1);
	request(60, "198.51.100.7", "curl/8", 1);
	request(61, "198.51.100.7", "curl/8", 1);
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_string_equal(dr.found[0].rule, "jwt-hoard-replay");
	assert_true(says(0, "198.51.100.7 used a JSON Web Token on "
	    "192.0.2.80 that 10.1.1.1 had used"));
	no_token_is_told();
	again();	/* a phone that changes networks */
	request(0, "203.0.113.9", "App/1", 1);
	request(60, "198.51.100.7", "App/1", 1);
	/* another program in the same network */
	request(70, "203.0.44.9", "Browser", 1);
	assert_int_equal(hunt("jwt-hoard"), 0);
	again();	/* the server hands it on to one behind it */
	request(0, "203.0.113.9", "App/1", 1);
	request(1, "192.0.2.80", "Java/17", 1);
	assert_int_equal(hunt("jwt-hoard"), 0);
}

static void
list_of(char *text, unsigned n)
{
	text[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		strcat(text, token(i));
		strcat(text, "\n");
	}
}

static void
bodies(void **unused)
{
	char text[8192];

	(void)unused;
	for (unsigned n = 7; n <= 8; n++) {
		again();
		list_of(text, n);
		at(KIND_HTTP, 0);
		addr(FIELD_SRC_IP, "198.51.100.7");
		str(FIELD_HTTP_VHOST, "portal");
		str(FIELD_HTTP_PATH, "/tmp/t.txt");
		str(FIELD_HTTP_RESP_BODY, text);
		assert_int_equal(hunt("jwt-hoard"), n == 8);
	}
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "got a list of at least 8 different JSON Web "
	    "Tokens from portal: /tmp/t.txt"));
	no_token_is_told();
	again();
	for (unsigned i = 0; i < 20; i++)	/* one token, many times */
		snprintf(text + i * 106, sizeof(text) - i * 106, "%-105s\n",
		    token(1));
	at(KIND_HTTP, 0);
	str(FIELD_HTTP_RESP_BODY, text);
	assert_int_equal(hunt("jwt-hoard"), 0);
}

static void
files(void **unused)
{
	(void)unused;
	for (unsigned i = 0; i < 10; i++) {
		char text[512];

		snprintf(text, sizeof(text), "user%u %s", i, token(i));
		at(KIND_LINE, 0);
		dr.ev[dr.nev - 1].time = TIME_NONE;
		dr.ev[dr.nev - 1].loc.source = i == 9 ? 2 : 1;
		str(FIELD_TEXT, text);
	}
	assert_int_equal(hunt("jwt-hoard"), 0);
	dr.ev[9].loc.source = 1;
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_true(says(0, "A text file holds at least 10 different"));
	no_token_is_told();
	again();
	for (unsigned i = 0; i < 10; i++) {
		char path[64];

		snprintf(path, sizeof(path), "C:\\x\\token%u.txt", i);
		at(KIND_WINEVENT, i);
		num(FIELD_WIN_EVENT_ID, 11);
		wide(FIELD_WIN_COMPUTER, "WS1");
		wide(FIELD_IMAGE, "C:\\x\\a.exe");
		wide(FIELD_TARGET_FILENAME, path);
	}
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_int_equal(dr.found[0].severity, SEV_LOW);
	ENTITY_IS(0, PROCESS, "C:\\x\\a.exe");
	again();	/* sources of a program */
	for (unsigned i = 0; i < 20; i++) {
		char path[64];

		snprintf(path, sizeof(path), "C:\\x\\token%u.js", i);
		at(KIND_WINEVENT, i);
		num(FIELD_WIN_EVENT_ID, 11);
		wide(FIELD_IMAGE, "C:\\x\\git.exe");
		wide(FIELD_TARGET_FILENAME, path);
	}
	assert_int_equal(hunt("jwt-hoard"), 0);
}

static void
start(double sec, const char *line)
{
	at(KIND_PROCESS, sec);
	str(FIELD_SYSLOG_HOST, "portal1");
	str(FIELD_IMAGE, "/usr/bin/x");
	str(FIELD_COMMAND_LINE, line);
	str(FIELD_PROC_USER, "tomcat");
}

static void
command_lines(void **unused)
{
	char text[512];

	(void)unused;
	start(0, "grep -rhoE 'eyJ[A-Za-z0-9_-]+[.]eyJ[^ ]+' /opt/logs");
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_true(says(0, "searched files for JSON Web Tokens on portal1 as "
	    "tomcat"));
	again();
	for (unsigned i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "curl -H 'Authorization: Bearer "
		    "%s' http://h/", token(i));
		start(i, text);
	}
	assert_int_equal(hunt("jwt-hoard"), 0);
	snprintf(text, sizeof(text), "curl -b t=%s http://h/", token(9));
	start(9, text);
	assert_int_equal(hunt("jwt-hoard"), 1);
	assert_true(says(0, "tomcat used 5 different JSON Web Tokens in "
	    "command lines on portal1"));
	no_token_is_told();
	again();
	start(0, "grep -r key /etc");
	start(0, "echo eyJhbGciOiJIUzI1NiJ9");
	start(0, "powershell -enc ZQB5AEoA");
	assert_int_equal(hunt("jwt-hoard"), 0);
}

/* What begins as a token and is none. */
static void
no_tokens(void **unused)
{
	static const char *const none[] = {
		"eyJ", "eyJeyJeyJ", "eyJhbGciOiJIUzI1NiJ9",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.short",
		"eyJhbGciOiJIUzI1NiJ9.AyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKK"
		"F2QT4fwpMeJf36POk6yJV",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(none); i++) {
		at(KIND_HTTP, i);
		addr(FIELD_SRC_IP, "10.0.0.1");
		str(FIELD_HTTP_URI, none[i]);
	}
	at(KIND_HTTP, 9);
	hunt("jwt-hoard");
	assert_int_equal(dr.nnotes, 0);
	str(FIELD_HTTP_URI, token(1));
	hunt("jwt-hoard");
	assert_int_equal(dr.nnotes, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_client), T(gateways), T(replay), T(bodies), T(files),
		T(command_lines), T(no_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
