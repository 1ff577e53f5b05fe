/* SPDX-License-Identifier: Apache-2.0
 *
 * picket's own events (hunt --events), read back: what was decoded once can be
 * hunted again without its evidence.
 *
 *	{"type":"event","kind":"http","time":"2022-07-11T09:12:44Z",
 *	 "source":"a.pcap","record":12,"offset":880,"http.method":"POST",…}
 *
 * doc/contract.md has the format.  The place is the line's own, here and now.
 * Fields go by exact name; strings stay text, as with other JSON.  A '_' in
 * front of a field that has the name of one of the line's own keys goes.
 *
 * Bounds: those of the JSON reader, EVENT_FIELDS_MAX.  Values are scalars or
 * lists of scalars; anything else is left out.
 */
#include "codec.h"
#include "decode.h"

struct picket_state {
	struct json	json;
};

static const char *const own_keys[] = {
	"type", "kind", "time", "source", "member", "record", "offset"
};

static bool
is_own(struct span key)
{
	for (size_t i = 0; i < NITEMS(own_keys); i++)
		if (span_eq(key, span_str(own_keys[i])))
			return true;
	return false;
}

static bool
set_value(struct batch *b, struct value *v, const struct json *j, uint32_t i)
{
	struct span s;
	uint64_t n;
	int64_t k;

	switch ((enum json_type)j->tok[i].type) {
	case JSON_NULL:
		v->type = VT_NULL;
		return true;
	case JSON_FALSE:
	case JSON_TRUE:
		v->type = VT_BOOL;
		v->u64 = j->tok[i].type == JSON_TRUE;
		return true;
	case JSON_NUMBER:
		if (json_u64(j, i, &n)) {
			v->type = VT_U64;
			v->u64 = n;
		} else if (json_i64(j, i, &k)) {
			v->type = VT_I64;
			v->i64 = k;
		} else {
			v->type = VT_F64;
			if (!json_f64(j, i, &v->f64))
				v->f64 = 0;
		}
		return true;
	case JSON_STRING:
		s = json_text(j, i, &b->arena);
		v->type = VT_STR;
		v->ptr = s.ptr;
		v->len = (uint32_t)s.len;
		return true;
	default:
		return false;
	}
}

static void
add_list(struct batch *b, struct value *v, const struct json *j, uint32_t i)
{
	uint32_t n = 0, out = 0;
	struct value *items;

	for (uint32_t k = i + 1; k < j->tok[i].next; k = j->tok[k].next)
		n++;
	v->type = VT_LIST;
	v->ptr = NULL;
	v->len = 0;
	if (n == 0)
		return;
	if ((items = arena_zalloc(&b->arena, n * sizeof(*items))) == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	for (uint32_t k = i + 1; k < j->tok[i].next; k = j->tok[k].next)
		out += set_value(b, &items[out], j, k);
	v->ptr = items;
	v->len = out;
}

static void
add_field(struct batch *b, const struct json *j, uint32_t key)
{
	struct span name = json_text(j, key, &b->arena);
	uint8_t *kept;
	struct value *v;
	unsigned id;

	if (is_own(name))
		return;
	if (name.len > 1 && name.ptr[0] == '_' &&
	    is_own(span_sub(name, 1, SIZE_MAX)))
		name = span_sub(name, 1, SIZE_MAX);
	id = field_by_name(name);
	if (id != FIELD_OTHER) {
		v = event_wants(b, id) ? event_add(b, id, VT_NULL) : NULL;
	} else {
		if (!b->want->others)
			return;
		if ((kept = arena_alloc(&b->arena, name.len + 1)) == NULL) {
			batch_weird(b, WEIRD_BATCH_ARENA, NULL);
			return;
		}
		if (name.len != 0)
			memcpy(kept, name.ptr, name.len);
		kept[name.len] = '\0';
		v = event_add_other(b, (const char *)kept, VT_NULL);
	}
	if (v == NULL)
		return;
	if (j->tok[key + 1].type == JSON_ARRAY)
		add_list(b, v, j, key + 1);
	else
		set_value(b, v, j, key + 1);
}

static void
picket_record(struct dec *dec, void *state, const struct record *rec)
{
	struct picket_state *st = state;
	struct json *j = &st->json;
	struct batch *b = dec->batch;
	enum json_status status = json_parse(j, rec->data);
	int64_t time = TIME_NONE;
	enum kind kind;
	uint32_t i;

	if (status != JSON_OK) {
		batch_weird(b, status == JSON_DEEP ? WEIRD_JSON_DEPTH :
		    status == JSON_BROKEN ? WEIRD_JSON_BAD : WEIRD_JSON_SIZE,
		    rec);
		return;
	}
	if (j->tok[0].type != JSON_OBJECT)
		return;
	i = json_member(j, 0, SPAN_LIT("kind"));
	if (i == 0 || !kind_find(json_raw(j, i), &kind))
		return;
	i = json_member(j, 0, SPAN_LIT("time"));
	if (i == 0 || !time_parse(json_raw(j, i), &time))
		time = TIME_NONE;
	if (!event_begin(b, kind, time, batch_locator(b, rec)))
		return;
	for (i = 1; i < j->tok[0].next; i = j->tok[i + 1].next)
		if ((j->tok[i].flags & JSON_F_REPEATED) == 0 &&
		    j->tok[i + 1].type != JSON_OBJECT)
			add_field(b, j, i);
	event_end(b);
}

static void
picket_end(struct dec *dec, void *state)
{
	struct picket_state *st = state;

	(void)dec;
	json_fini(&st->json);
}

static int
picket_match(const struct record *rec)
{
	static const char head[] = "{\"type\":\"event\",\"kind\":\"";

	return span_starts(rec->data, span_str(head)) ? 100 : 0;
}

static const uint8_t picket_kinds[] = {
	KIND_CONN, KIND_HTTP, KIND_DNS, KIND_TLS, KIND_KRB5, KIND_SSH,
	KIND_SMB, KIND_SOCKS, KIND_NTLM, KIND_ICMP, KIND_WINEVENT,
	KIND_PROCESS, KIND_AUTH, KIND_AUDITD, KIND_SYSLOG, KIND_JSON,
	KIND_LINE, KIND_NONE
};

const struct decoder decoder_picket = {
	.name = "picket",
	.title = "picket's own events (hunt --events)",
	.doc = "One event a line as hunt --events writes it, of any kind: what "
	    "was decoded once can be hunted again. Told by how its lines "
	    "begin; the place of an event is its line here.",
	.kinds = picket_kinds,
	.state_size = sizeof(struct picket_state),
	.rectype = REC_JSON,
	.match = picket_match,
	.record = picket_record,
	.end = picket_end,
};
