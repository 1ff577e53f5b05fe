/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading events and printing values.
 */
#include <math.h>

#include "codec.h"
#include "model.h"

const struct value *
event_get(const struct event *e, unsigned field)
{
	for (unsigned i = 0; i < e->nfields; i++)
		if (e->fields[i].v.id == field && field != FIELD_OTHER)
			return &e->fields[i].v;
	return NULL;
}

const struct value *
event_get_name(const struct event *e, struct span name)
{
	for (unsigned i = 0; i < e->nfields; i++) {
		const struct field *f = &e->fields[i];
		const char *n = f->v.id == FIELD_OTHER ? f->name :
		    field_name(f->v.id);

		if (span_eq(span_str(n), name))
			return &f->v;
	}
	return NULL;
}

struct span
event_str(const struct event *e, unsigned field)
{
	const struct value *v = event_get(e, field);

	if (v == NULL || v->type != VT_STR)
		return SPAN_NONE;
	return span_of(v->ptr, v->len);
}

/* Narrows UTF-16 of ASCII into out; false on anything else. */
static bool
narrow(const struct value *v, uint8_t *out, size_t size, size_t *n)
{
	const uint8_t *p = v->ptr;

	if (v->len % 2 != 0 || v->len / 2 > size)
		return false;
	*n = v->len / 2;
	for (size_t i = 0; i < *n; i++) {
		if (p[2 * i + 1] != 0)
			return false;
		out[i] = p[2 * i];
	}
	return true;
}

static bool
text_u64(struct span s, uint64_t *out)
{
	if (s.len > 2 && s.ptr[0] == '0' && ascii_lower(s.ptr[1]) == 'x') {
		if (s.len > 18)
			return false;
		*out = 0;
		for (size_t i = 2; i < s.len; i++) {
			int d = ascii_hex(s.ptr[i]);

			if (d < 0)
				return false;
			*out = *out << 4 | (uint64_t)d;
		}
		return true;
	}
	return span_u64(s, out);
}

bool
value_u64(const struct value *v, uint64_t *out)
{
	uint8_t small[24];
	size_t n;

	switch ((enum vtype)v->type) {
	case VT_U64:
	case VT_HEX:
	case VT_BOOL:
		*out = v->u64;
		return true;
	case VT_I64:
		*out = (uint64_t)v->i64;
		return v->i64 >= 0;
	case VT_STR:
		return text_u64(span_of(v->ptr, v->len), out);
	case VT_WSTR:
		return narrow(v, small, sizeof(small), &n) &&
		    text_u64(span_of(small, n), out);
	default:
		return false;
	}
}

bool
event_u64(const struct event *e, unsigned field, uint64_t *out)
{
	const struct value *v = event_get(e, field);

	return v != NULL && value_u64(v, out);
}

bool
event_addr(const struct event *e, unsigned field, struct addr *out)
{
	const struct value *v = event_get(e, field);
	uint8_t small[64];
	size_t n;

	if (v == NULL)
		return false;
	switch ((enum vtype)v->type) {
	case VT_ADDR:
		*out = v->len == 4 ? addr_v4(v->ptr) : addr_v6(v->ptr);
		return true;
	case VT_STR:
		return addr_parse(span_of(v->ptr, v->len), out);
	case VT_WSTR:
		return narrow(v, small, sizeof(small), &n) &&
		    addr_parse(span_of(small, n), out);
	default:
		return false;
	}
}

/* -- text ---------------------------------------------------------------- */

static void
put_hex(struct buf *b, uint64_t n)
{
	char tmp[16];
	size_t i = sizeof(tmp);

	do {
		tmp[--i] = "0123456789abcdef"[n & 15];
		n >>= 4;
	} while (n != 0);
	buf_str(b, "0x");
	buf_put(b, tmp + i, sizeof(tmp) - i);
}

static void
put_mac(struct buf *b, const uint8_t *p)
{
	for (unsigned i = 0; i < 6; i++) {
		if (i != 0)
			buf_byte(b, ':');
		hex_put(b, span_of(p + i, 1));
	}
}

/* MS-DTYP 2.3.4.3: the first three parts are little endian. */
static void
put_guid(struct buf *b, const uint8_t *p)
{
	static const uint8_t order[16] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
	};
	static const char hex[] = "0123456789abcdef";
	uint8_t *d = buf_room(b, 38);
	size_t n = 0;

	if (d == NULL)
		return;
	d[n++] = '{';
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			d[n++] = '-';
		d[n++] = (uint8_t)hex[p[order[i]] >> 4];
		d[n++] = (uint8_t)hex[p[order[i]] & 15];
	}
	d[n++] = '}';
	b->len += n;
}

/* MS-DTYP 2.4.2.1 */
static void
put_sid(struct buf *b, struct span s)
{
	struct cursor c = cur_of(s);
	unsigned revision = cur_u8(&c), n = cur_u8(&c);
	uint64_t authority = (uint64_t)cur_be16(&c) << 32;

	authority |= cur_be32(&c);
	if (!cur_ok(&c) || c.left < n * 4u) {
		hex_put(b, s);
		return;
	}
	buf_str(b, "S-");
	buf_put_u64(b, revision);
	buf_byte(b, '-');
	buf_put_u64(b, authority);
	while (n-- > 0) {
		buf_byte(b, '-');
		buf_put_u64(b, cur_le32(&c));
	}
}

static void
put_f64(struct buf *b, double d)
{
	if (isfinite(d))
		buf_printf(b, "%.9g", d);
	else
		buf_byte(b, '0');
}

static void
put_wstr(struct buf *b, const struct value *v)
{
	uint8_t *p = buf_room(b, (size_t)v->len / 2 * 3 + 3);

	if (p != NULL)
		b->len += utf16_to_utf8(span_of(v->ptr, v->len), false, p);
}

void
value_put(struct buf *b, const struct value *v)
{
	const struct value *items;

	switch ((enum vtype)v->type) {
	case VT_NULL:
	case VT_COUNT:
		break;
	case VT_STR: buf_put(b, v->ptr, v->len); break;
	case VT_WSTR: put_wstr(b, v); break;
	case VT_U64: buf_put_u64(b, v->u64); break;
	case VT_I64: buf_printf(b, "%lld", (long long)v->i64); break;
	case VT_HEX: put_hex(b, v->u64); break;
	case VT_F64: put_f64(b, v->f64); break;
	case VT_BOOL: buf_str(b, v->u64 != 0 ? "true" : "false"); break;
	case VT_ADDR: addr_put(b, v->ptr, v->len); break;
	case VT_MAC: put_mac(b, v->ptr); break;
	case VT_TIME: time_put(b, v->i64); break;
	case VT_GUID: put_guid(b, v->ptr); break;
	case VT_SID: put_sid(b, span_of(v->ptr, v->len)); break;
	case VT_BIN: hex_put(b, span_of(v->ptr, v->len)); break;
	case VT_LIST:
		/* Lists hold no lists: one level of recursion. */
		items = v->ptr;
		for (uint32_t i = 0; i < v->len; i++) {
			if (i != 0)
				buf_byte(b, ' ');
			if (items[i].type != VT_LIST)
				value_put(b, &items[i]);
		}
		break;
	}
}

void
value_put_json(struct buf *b, const struct value *v)
{
	const struct value *items;

	switch ((enum vtype)v->type) {
	case VT_NULL:
	case VT_COUNT:
		buf_str(b, "null");
		break;
	case VT_STR: json_str(b, span_of(v->ptr, v->len)); break;
	case VT_WSTR: json_wstr(b, span_of(v->ptr, v->len)); break;
	case VT_U64:
	case VT_I64:
	case VT_F64:
	case VT_BOOL:
		value_put(b, v);
		break;
	case VT_LIST:
		items = v->ptr;
		buf_byte(b, '[');
		for (uint32_t i = 0; i < v->len; i++) {
			if (i != 0)
				buf_byte(b, ',');
			if (items[i].type != VT_LIST)
				value_put_json(b, &items[i]);
			else
				buf_str(b, "null");
		}
		buf_byte(b, ']');
		break;
	default:
		/* Their text needs no escapes. */
		buf_byte(b, '"');
		value_put(b, v);
		buf_byte(b, '"');
	}
}

/* Names of evidence must not pass for the line's own keys. */
static bool
is_own_key(const char *name)
{
	static const char *const own[] = {
		"type", "kind", "time", "source", "member", "record", "offset"
	};

	/* Few names begin like one of them. */
	if (strchr("tksmro", name[0]) == NULL)
		return false;
	for (size_t i = 0; i < NITEMS(own); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return false;
}

/* Names of fields.def need no escapes and are no keys of the line's own. */
static const struct span key[] = {
#define FIELD(id, name, type, aliases, prose) \
	[FIELD_##id] = { (const uint8_t *)",\"" name "\":", sizeof(name) + 3 },
#include "fields.def"
#undef FIELD
};

static void
put_name(struct buf *b, const struct field *f)
{
	const char *name;

	if (f->v.id != FIELD_OTHER && f->v.id < FIELD_COUNT) {
		buf_span(b, key[f->v.id]);
		return;
	}
	name = f->v.id != FIELD_OTHER ? field_name(f->v.id) : f->name;
	buf_byte(b, ',');
	if (is_own_key(name)) {
		buf_str(b, "\"_");
		buf_str(b, name);
		buf_str(b, "\":");
	} else {
		json_key(b, name);
	}
}

void
event_put_json(struct buf *b, const struct event *e, const char *source,
    const char *member)
{
	buf_str(b, "{\"type\":\"event\",\"kind\":\"");
	buf_str(b, kind_name(e->kind));
	buf_str(b, "\",\"time\":");
	if (e->time == TIME_NONE) {
		buf_str(b, "null");
	} else {
		buf_byte(b, '"');
		time_put(b, e->time);
		buf_byte(b, '"');
	}
	buf_str(b, ",\"source\":");
	json_str(b, span_str(source));
	if (member != NULL && member[0] != '\0') {
		buf_str(b, ",\"member\":");
		json_str(b, span_str(member));
	}
	buf_str(b, ",\"record\":");
	buf_put_u64(b, e->loc.record);
	buf_str(b, ",\"offset\":");
	buf_put_u64(b, e->loc.offset);
	for (unsigned i = 0; i < e->nfields; i++) {
		const struct field *f = &e->fields[i];

		put_name(b, f);
		value_put_json(b, &f->v);
	}
	buf_byte(b, '}');
}
