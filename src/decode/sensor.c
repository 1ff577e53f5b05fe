/* SPDX-License-Identifier: Apache-2.0
 *
 * What decoders of other sensors' logs share: their names for things to ours.
 * Owns nothing.
 */
#include "codec.h"
#include "decode.h"

/* Of several names the first is Zeek's. */
static const struct { const char *name; int16_t number; } etypes[] = {
	{ "des-cbc-crc", 1 }, { "des-cbc-md4", 2 }, { "des-cbc-md5", 3 },
	{ "des3-cbc-md5", 5 }, { "des3-cbc-sha1", 16 },
	{ "des3-cbc-sha1-kd", 16 },
	{ "aes128-cts-hmac-sha1-96", 17 }, { "aes256-cts-hmac-sha1-96", 18 },
	{ "aes128-cts-hmac-sha256-128", 19 },
	{ "aes256-cts-hmac-sha384-192", 20 },
	{ "rc4-hmac", 23 }, { "arcfour-hmac", 23 }, { "rc4-hmac-exp", 24 },
	{ "arcfour-hmac-exp", 24 }, { "camellia128-cts-cmac", 25 },
	{ "camellia256-cts-cmac", 26 },
};

static bool
is_name(struct span s, const char *name)
{
	if (s.len != strlen(name))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i] == '_' ? '-' : ascii_lower(s.ptr[i]);

		if (c != (uint8_t)name[i])
			return false;
	}
	return true;
}

bool
dec_krb_etype(struct span s, int64_t *out)
{
	for (size_t i = 0; i < NITEMS(etypes); i++)
		if (is_name(s, etypes[i].name)) {
			*out = etypes[i].number;
			return true;
		}
	return number_i64(s, out);
}

const char *
dec_krb_etype_name(int64_t number)
{
	for (size_t i = 0; i < NITEMS(etypes); i++)
		if (etypes[i].number == number)
			return etypes[i].name;
	return NULL;
}

struct span
dec_tls_version(struct batch *b, struct span s)
{
	static const struct { const char *theirs, *ours; } names[] = {
		{ "TLSv10", "TLSv1.0" }, { "TLSv11", "TLSv1.1" },
		{ "TLSv12", "TLSv1.2" }, { "TLSv13", "TLSv1.3" },
		{ "TLSv1", "TLSv1.0" }, { "TLS 1.1", "TLSv1.1" },
		{ "TLS 1.2", "TLSv1.2" }, { "TLS 1.3", "TLSv1.3" },
	};
	static const char draft[] = "TLS 1.3 draft-", ours[] = "TLSv1.3-draft";
	uint8_t *p;

	for (size_t i = 0; i < NITEMS(names); i++)
		if (span_eq(s, span_str(names[i].theirs)))
			return span_str(names[i].ours);
	if (!span_starts(s, span_str(draft)) ||
	    (p = arena_alloc(&b->arena, s.len)) == NULL)
		return s;
	memcpy(p, ours, sizeof(ours) - 1);
	memcpy(p + sizeof(ours) - 1, s.ptr + sizeof(draft) - 1,
	    s.len - (sizeof(draft) - 1));
	return span_of(p, s.len - (sizeof(draft) - sizeof(ours)));
}

struct span
dec_lower(struct batch *b, struct span s)
{
	uint8_t *p;
	size_t i;

	for (i = 0; i < s.len && s.ptr[i] == ascii_lower(s.ptr[i]); i++)
		;
	if (i == s.len)
		return s;
	if ((p = arena_alloc(&b->arena, s.len)) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return s;
	}
	for (i = 0; i < s.len; i++)
		p[i] = ascii_lower(s.ptr[i]);
	return span_of(p, s.len);
}

/* Integers that do not fit stay text, since a double would round them. */
void
dec_set_number(struct value *v, struct span s)
{
	bool plain = span_find_byte(s, '.') == SPAN_NPOS &&
	    span_find_byte(s, 'e') == SPAN_NPOS &&
	    span_find_byte(s, 'E') == SPAN_NPOS;

	if (plain && span_u64(s, &v->u64)) {
		v->type = VT_U64;
	} else if (plain && number_i64(s, &v->i64)) {
		v->type = VT_I64;
	} else if (!plain && number_f64(s, &v->f64)) {
		v->type = VT_F64;
	} else {
		v->type = VT_STR;
		v->ptr = s.ptr;
		v->len = (uint32_t)s.len;
	}
}

int64_t
dec_time(struct span s)
{
	uint64_t ms;
	int64_t t;

	if (number_seconds(s, &t))
		return t;
	if (span_u64(s, &ms) && ms <= INT64_MAX / 1000000)
		return (int64_t)ms * 1000000;
	return time_parse(s, &t) ? t : TIME_NONE;
}
