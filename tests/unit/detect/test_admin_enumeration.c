/* SPDX-License-Identifier: Apache-2.0
 *
 * Directory enumeration and DCSync, and what clients and controllers do.
 */
#include "detect_drive.h"

#define NAME "admin-enumeration"

static void
call(double sec, const char *src, unsigned server, const char *op)
{
	char text[32];

	at(KIND_DCERPC, sec);
	addr(FIELD_SRC_IP, src);
	snprintf(text, sizeof(text), "10.0.1.%u", server);
	addr(FIELD_DST_IP, text);
	str(FIELD_DCERPC_ENDPOINT, strncmp(op, "DRS", 3) == 0 ? "drsuapi" :
	    "samr");
	str(FIELD_DCERPC_OPERATION, op);
}

static void
search(double sec, const char *filter)
{
	at(KIND_LDAP, sec);
	addr(FIELD_SRC_IP, "10.0.0.5");
	addr(FIELD_DST_IP, "10.0.1.1");
	str(FIELD_LDAP_OPERATION, "search");
	str(FIELD_LDAP_FILTER, filter);
}

static unsigned
over(unsigned servers, const char *op, double apart)
{
	again();
	for (unsigned i = 0; i < servers; i++)
		call(i * apart, "10.0.0.5", i + 1, op);
	return hunt(NAME);
}

static void
dcsync(void **unused)
{
	(void)unused;
	call(0, "10.0.0.5", 1, "DRSBind");
	assert_int_equal(hunt(NAME), 0);
	call(1, "10.0.0.5", 1, "DRSGetNCChanges");
	str(FIELD_NTLM_USER, "eve");
	call(2, "10.0.0.5", 1, "DRSGetNCChanges");
	assert_int_equal(hunt(NAME), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_int_equal(dr.found[0].count, 2);
	ENTITY_IS(0, SRC_IP, "10.0.0.5");
	ENTITY_IS(0, DST_IP, "10.0.1.1");
	ENTITY_IS(0, USER, "eve");
	/* controllers replicate from each other; the order does not matter */
	again();
	call(0, "10.0.1.2", 1, "DRSGetNCChanges");
	call(9, "10.0.1.1", 2, "DRSGetNCChanges");
	assert_int_equal(hunt(NAME), 0);
	/* a controller that is known by what it serves */
	again();
	call(0, "10.0.1.2", 1, "DRSGetNCChanges");
	at(KIND_CONN, 50);
	addr(FIELD_SRC_IP, "10.0.0.9");
	addr(FIELD_DST_IP, "10.0.1.2");
	num(FIELD_SRC_PORT, 50000);
	num(FIELD_DST_PORT, 88);
	str(FIELD_PROTO, "tcp");
	str(FIELD_CONN_SERVICE, "krb5");
	str(FIELD_CONN_STATE, "SF");
	put(FIELD_CONN_DURATION, VT_F64)->f64 = 1;
	num(FIELD_SRC_BYTES, 200);
	num(FIELD_DST_BYTES, 200);
	num(FIELD_SRC_PKTS, 5);
	num(FIELD_DST_PKTS, 5);
	assert_int_equal(hunt(NAME), 0);
}

static void
lists(void **unused)
{
	(void)unused;
	assert_int_equal(over(2, "SamrEnumerateUsersInDomain", 1), 0);
	assert_int_equal(over(3, "SamrEnumerateUsersInDomain", 1), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	assert_int_equal(over(9, "SamrEnumerateUsersInDomain", 301), 0);
	assert_int_equal(over(4, "NetrSessionEnum", 1), 0);
	assert_int_equal(over(5, "NetrSessionEnum", 1), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "sessions or local groups of 5 servers"));
	assert_int_equal(over(9, "NetrShareEnum", 1), 0);
	assert_int_equal(over(10, "NetrShareEnum", 1), 1);
	/* users and groups of one server */
	again();
	call(0, "10.0.0.5", 1, "SamrEnumerateUsersInDomain");
	call(1, "10.0.0.5", 1, "SamrEnumerateGroupsInDomain");
	assert_int_equal(hunt(NAME), 1);
	/* what a sign-in does */
	again();
	for (unsigned i = 0; i < 300; i++) {
		call(i, "10.0.0.5", 1, "SamrLookupNamesInDomain");
		call(i, "10.0.0.5", 1, "SamrOpenUser");
		call(i, "10.0.0.5", 1, "SamrGetGroupsForUser");
		call(i, "10.0.0.5", 1, "LsarLookupSids2");
	}
	assert_int_equal(hunt(NAME), 0);
	again();
	for (unsigned i = 0; i < 500; i++)
		call(i, "10.0.0.5", 1, "LsarLookupSids");
	assert_int_equal(hunt(NAME), 1);
	/* a computer's account: milder */
	again();
	for (unsigned i = 0; i < 5; i++) {
		call(i, "10.0.0.5", i, "NetrSessionEnum");
		str(FIELD_NTLM_USER, "MGMT$");
	}
	assert_int_equal(hunt(NAME), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
}

static void
filters(void **unused)
{
	(void)unused;
	search(0, "(&(samAccountType=805306368)(servicePrincipalName=*)"
	    "(!(samAccountName=krbtgt)))");
	assert_int_equal(hunt(NAME), 1);
	assert_int_equal(dr.found[0].severity, SEV_MEDIUM);
	search(5, "(&(objectCategory=person)(userAccountControl:"
	    "1.2.840.113556.1.4.803:=4194304))");
	assert_int_equal(hunt(NAME), 1);
	assert_int_equal(dr.found[0].severity, SEV_HIGH);
	assert_true(says(0, "users with SPNs, accounts without pre-"));
	again();
	search(0, "(adminCount=1)");
	assert_int_equal(hunt(NAME), 0);
	search(1, "(objectClass=trustedDomain)");
	assert_int_equal(hunt(NAME), 1);
	/* what clients ask for */
	again();
	search(0, "(objectClass=*)");
	search(1, "(&(DnsDomain=lab.test)(Host=WS1)(NtVer=\\16\\00\\00\\20))");
	search(2, "(servicePrincipalName=HTTP/web1)");
	search(3, "(&(objectCategory=computer)(userAccountControl:"
	    "1.2.840.113556.1.4.803:=8192))");
	search(4, "(sAMAccountName=alice)");
	assert_int_equal(hunt(NAME), 0);
	assert_int_equal(dr.nnotes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { T(dcsync), T(lists), T(filters) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
