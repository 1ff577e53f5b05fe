/* SPDX-License-Identifier: Apache-2.0
 *
 * What detectors of roasting ask of Kerberos events.
 */
#include "detect.h"

enum etype { ETYPE_DES_CRC = 1, ETYPE_DES_MD5 = 3, ETYPE_RC4 = 23,
	ETYPE_RC4_EXP = 24 };

uint64_t
krb5_error(const struct event *e)
{
	static const struct {
		const char	*name;
		uint8_t		 code;
	} names[] = {
		{ "C_PRINCIPAL_UNKNOWN", KRB5_UNKNOWN },
		{ "CLIENT_REVOKED", KRB5_REVOKED },
		{ "PREAUTH_FAILED", KRB5_WRONG },
		{ "PREAUTH_REQUIRED", KRB5_WANTED }
	};
	struct span name;
	uint64_t code;

	if (event_u64(e, FIELD_KRB_ERROR_CODE, &code))
		return code;
	name = event_str(e, FIELD_KRB_ERROR);
	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_find(name, span_str(names[i].name)) != SPAN_NPOS)
			return names[i].code;
	return 0;
}

bool
krb5_is_weak(uint64_t etype)
{
	return etype == ETYPE_RC4 || etype == ETYPE_RC4_EXP ||
	    etype == ETYPE_DES_CRC || etype == ETYPE_DES_MD5;
}

/* Offers are decimal numbers. */
bool
krb5_offers_only_weak(const struct event *e)
{
	const struct value *v = event_get(e, FIELD_KRB_REQ_ETYPES), *items;

	if (v == NULL || v->type != VT_LIST || v->len == 0)
		return false;
	items = v->ptr;
	for (uint32_t i = 0; i < v->len; i++) {
		uint64_t n;

		if (!value_u64(&items[i], &n) || !krb5_is_weak(n))
			return false;
	}
	return true;
}

struct span
krb5_account(struct span name)
{
	return span_sub(name, 0, span_find_byte(name, '@'));
}
