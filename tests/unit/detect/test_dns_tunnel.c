/* SPDX-License-Identifier: Apache-2.0
 *
 * dns-tunnel: names by hand.
 */
#include "detect_drive.h"

#define US	"10.0.0.5"
#define RESOLVER "10.0.0.53"

static void
load(void)
{
	struct buf why;

	buf_init(&why, 0);
	assert_true(detector_find(SPAN_LIT("dns-tunnel"))->load(
	    getenv("PICKET_SHARE"), &why));
	assert_int_equal(why.len, 0);
	buf_fini(&why);
}

static void
ask(double sec, const char *src, const char *name, const char *type,
    const char *answer)
{
	(void)at(KIND_DNS, sec);
	addr(FIELD_SRC_IP, src);
	addr(FIELD_DST_IP, RESOLVER);
	str(FIELD_DNS_QUERY, name);
	str(FIELD_DNS_QTYPE, type);
	if (answer != NULL)
		list(FIELD_DNS_ANSWERS, answer);
}

/* n names of len random characters of the digits below a domain. */
static void
many(unsigned n, unsigned len, const char *digits, const char *domain,
    const char *type, double gap, const char *answer)
{
	uint64_t seed = 88172645463325252u;
	char name[256];

	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < len; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			name[k] = k % 60 == 59 ? '.' :
			    digits[seed % strlen(digits)];
		}
		snprintf(name + len, sizeof(name) - len, ".%s", domain);
		ask(i * gap, US, name, type, answer);
	}
}

#define HEX	"0123456789abcdef"
#define BASE32	"abcdefghijklmnopqrstuvwxyz234567"

static void
test_kinds(void **unused)
{
	static const struct {
		unsigned	n, len;
		const char	*digits, *type;
		int		found;
	} t[] = {
		{ 12, 8, BASE32, "NULL", 1 }, { 12, 8, BASE32, "TYPE65399", 1 },
		{ 24, 18, HEX, "TXT", 1 }, { 24, 18, HEX, "CNAME", 1 },
		{ 60, 60, BASE32, "A", 1 }, { 260, 28, HEX, "AAAA", 1 },
		{ 9, 60, BASE32, "TXT", 0 }, { 60, 18, HEX, "A", 0 },
		{ 12, 50, BASE32, "A", 0 }, { 300, 12, HEX, "A", 0 }
	};

	(void)unused;
	load();
	for (size_t i = 0; i < NITEMS(t); i++) {
		many(t[i].n, t[i].len, t[i].digits, "t.evil.example",
		    t[i].type, 1, NULL);
		assert_int_equal(hunt("dns-tunnel"), t[i].found);
		if (t[i].found) {
			ENTITY_IS(0, SRC_IP, US);
			ENTITY_IS(0, DST_IP, RESOLVER);
			ENTITY_IS(0, DOMAIN, "evil.example");
		}
		again();
	}
}

static void
test_words(void **unused)
{
	(void)unused;
	load();
	many(24, 18, HEX, "dnsc.evil.co.uk", "TXT", 1, "0a0b0c0d0e0f0a0b0c");
	dr.halfway = true;
	assert_int_equal(hunt("dns-tunnel"), 1);
	dr.halfway = false;
	ENTITY_IS(0, DOMAIN, "evil.co.uk");
	/* 24 names of 18 and the four letters of dnsc; 24 answers of 18 */
	assert_true(says(0, "different names below evil.co.uk within 23 s "
	    "(TXT 100 %), with about 22 characters of data each, and got 432 "
	    "bytes; asked was 10.0.0.53"));
	assert_int_equal(dr.found[0].count, 24);
	again();
}

/* What is asked day by day of one domain, and of a list's domains. */
static void
test_harmless(void **unused)
{
	char name[128];

	(void)unused;
	load();
	many(300, 40, HEX, "fs.sophosxl.net", "TXT", 1, NULL);
	many(300, 40, HEX, "cloudfront.net", "A", 1, NULL);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%u.%u.3.198.list.example",
		    i % 250, i / 250);
		ask(i, US, name, "TXT", NULL);
		snprintf(name, sizeof(name), "%u.3.2.198.in-addr.arpa", i);
		ask(i, US, name, "PTR", NULL);
		snprintf(name, sizeof(name), "mail-number-%u.shop.example", i);
		ask(i, US, name, "A", NULL);
		snprintf(name, sizeof(name), "s%u._domainkey.m%u.example", i,
		    i);
		ask(i, US, name, "TXT", NULL);
	}
	/* the same 12 names of a cache */
	for (unsigned i = 0; i < 30; i++)
		many(12, 34, HEX, "cache.example", "A", 1, NULL);
	/* computers of the house */
	many(300, 24, HEX, "corp.example", "A", 1, "10.3.2.1");
	assert_int_equal(hunt("dns-tunnel"), 0);
	again();
}

/* Many clients do it: a product.  An address before data hides nothing. */
static void
test_popular(void **unused)
{
	unsigned from, nth;
	char s[32];

	(void)unused;
	load();
	for (nth = 0; nth < 6; nth++) {
		from = dr.nev;
		many(40, 60, BASE32, "guard.example", "A", 1, NULL);
		snprintf(s, sizeof(s), "10.0.2.%u", nth);
		for (unsigned i = from; i < dr.nev; i++) {
			struct addr *a = arena_alloc(&dr.m, sizeof(*a));

			assert_true(addr_parse(span_str(s), a));
			dr.ev[i].fields[0].v.ptr = a->b + 12;
		}
	}
	assert_int_equal(hunt("dns-tunnel"), 0);
	again();
	for (unsigned i = 0; i < 60; i++) {
		char name[128];

		snprintf(name, sizeof(name), "1.2.3.4.a%08xb%08xc%08xd%08x."
		    "evil.example", i * 2654435761u, i * 40503u, i * 97u,
		    i * 12289u);
		ask(i, US, name, "A", NULL);
	}
	assert_int_equal(hunt("dns-tunnel"), 1);
	again();
}

/* The resolver asks the same outside: told of the client alone. */
static void
test_resolver(void **unused)
{
	unsigned n;

	(void)unused;
	load();
	many(60, 60, BASE32, "evil.example", "TXT", 1, NULL);
	n = dr.nev;
	for (unsigned i = 0; i < n; i++) {
		struct event *e = &dr.ev[dr.nev++];
		struct addr *a = arena_alloc(&dr.m, sizeof(*a));

		*e = dr.ev[i];
		e->loc.record = dr.nev;
		e->fields = arena_alloc(&dr.m, 64 * sizeof(*e->fields));
		memcpy(e->fields, dr.ev[i].fields, 64 * sizeof(*e->fields));
		e->fields[0].v.ptr = e->fields[1].v.ptr;
		assert_true(addr_parse(SPAN_LIT("198.18.0.53"), a));
		e->fields[1].v.ptr = a->b + 12;
	}
	assert_int_equal(hunt("dns-tunnel"), 1);
	ENTITY_IS(0, SRC_IP, US);
	again();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kinds), T(test_words), T(test_harmless),
		T(test_popular), T(test_resolver)
	};

	return cmocka_run_group_tests_name("dns_tunnel", tests, NULL, NULL);
}
