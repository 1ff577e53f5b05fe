/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings and notes as bytes: all comes back, and hostile bytes are refused
 * (each cut, each flipped byte; asan watches).
 */
#include "detect_drive.h"

/* Without the padding at its end. */
#define LOC_BYTES	(offsetof(struct locator, length) + 4)

static const uint16_t want[] = {
	FIELD_SRC_IP, FIELD_HTTP_URI, FIELD_TLS_CLIENT_CIPHERS,
	FIELD_SRC_MAC, FIELD_CONN_DURATION, FIELD_WIN_SID, FIELD_IP_ADDRESS,
	FIELD_OTHER
};

static struct event *
sample(void)
{
	struct event *e = at(KIND_HTTP, 1);

	e->loc = (struct locator){ 1, 2, UINT64_MAX, 4, 5 };
	addr(FIELD_SRC_IP, "2001:db8::7");
	str(FIELD_HTTP_URI, "/a");
	str(FIELD_HTTP_COOKIE, "nobody wants this");
	list(FIELD_TLS_CLIENT_CIPHERS, "009f 00ff");
	put(FIELD_SRC_MAC, VT_MAC)->ptr = "\0\1\2\3\4\5";
	put(FIELD_CONN_DURATION, VT_F64)->f64 = 2.5;
	wide(FIELD_IP_ADDRESS, "10.0.0.1");
	bytes(FIELD_WIN_SID, SPAN_LIT("\1\0\0\0\0\0\0\5"));
	e->fields[e->nfields - 1].v.type = VT_SID;
	return e;
}

static void
note_back(void **unused)
{
	struct event *e = sample(), back;
	struct buf b, x, y;

	(void)unused;
	buf_init(&b, 0);
	buf_init(&x, 0);
	buf_init(&y, 0);
	assert_true(note_pack(&b, e, want));
	assert_true(note_unpack(&dr.m, buf_view(&b), &back));
	assert_int_equal(back.nfields, 7);
	assert_null(event_get(&back, FIELD_HTTP_COOKIE));
	assert_memory_equal(&back.loc, &e->loc, LOC_BYTES);
	assert_true(back.time == e->time);
	for (size_t i = 0; i + 1 < NITEMS(want); i++) {
		buf_reset(&x);
		buf_reset(&y);
		value_put_json(&x, event_get(e, want[i]));
		value_put_json(&y, event_get(&back, want[i]));
		assert_true(span_eq(buf_view(&x), buf_view(&y)));
	}
	buf_fini(&b);
	buf_fini(&x);
	buf_fini(&y);
}

static void
note_cut(void **unused)
{
	static const uint8_t big[NOTE_VALUE_MAX + 1];
	struct event back;
	struct value *v, *items;
	struct buf b;

	(void)unused;
	at(KIND_HTTP, 0);
	bytes(FIELD_HTTP_URI, span_of(big, sizeof(big)));
	v = put(FIELD_TLS_CLIENT_CIPHERS, VT_LIST);
	v->ptr = items = arena_zalloc(&dr.m, 1000 * sizeof(*items));
	v->len = 1000;
	buf_init(&b, 0);
	assert_false(note_pack(&b, &dr.ev[0], want));
	assert_true(note_unpack(&dr.m, buf_view(&b), &back));
	assert_int_equal(event_str(&back, FIELD_HTTP_URI).len,
	    NOTE_VALUE_MAX);
	assert_int_equal(event_get(&back, FIELD_TLS_CLIENT_CIPHERS)->len,
	    256);
	buf_fini(&b);
}

static struct finding
full_finding(void)
{
	struct finding f = { .rule = "r", .title = "t", .language = "builtin",
	    .attack = "T1 T2", .advice = "a", .severity = SEV_CRITICAL,
	    .confidence = 99, .time = -5, .last_time = INT64_MAX,
	    .count = UINT64_MAX, .message = SPAN_LIT("m\0\n"),
	    .fold = SPAN_LIT("f"), .nevidence = EVIDENCE_MAX };

	for (unsigned i = 0; i < EVIDENCE_MAX; i++)
		f.evidence[i] = (struct evidence){ { i, i + 1, i + 2,
		    UINT64_MAX - i, i }, TIME_NONE };
	f.entity[ENTITY_HOST] = SPAN_LIT("h");
	f.entity[ENTITY_DOMAIN] = SPAN_LIT("\xff\xfe");
	return f;
}

static void
finding_back(void **unused)
{
	struct finding f = full_finding(), back;
	struct buf b;

	(void)unused;
	buf_init(&b, 0);
	finding_pack(&b, &f);
	assert_true(finding_unpack(&dr.m, buf_view(&b), &back));
	assert_string_equal(back.attack, "T1 T2");
	assert_true(span_eq(back.message, f.message));
	assert_true(span_eq(back.entity[ENTITY_DOMAIN], SPAN_LIT("\xff\xfe")));
	assert_int_equal(back.entity[ENTITY_USER].len, 0);
	assert_true(back.time == -5 && back.last_time == INT64_MAX);
	assert_true(back.count == UINT64_MAX);
	assert_int_equal(back.nevidence, EVIDENCE_MAX);
	assert_memory_equal(&back.evidence[3].loc, &f.evidence[3].loc,
	    LOC_BYTES);
	assert_true(back.evidence[3].time == TIME_NONE);
	buf_fini(&b);
}

/* An exact copy on the heap, so that a byte too far is seen. */
static void
unpack_both(const uint8_t *p, size_t n, bool whole)
{
	uint8_t *copy = malloc(n != 0 ? n : 1);
	struct arena m;
	struct finding f;
	struct event e;
	struct buf b;

	memcpy(copy, p, n);
	arena_init(&m, 1u << 20);
	buf_init(&b, 0);
	if (finding_unpack(&m, span_of(copy, n), &f)) {
		assert_true(whole);
		assert_true(f.severity < SEV_COUNT);
		assert_true(f.nevidence <= EVIDENCE_MAX);
		buf_str(&b, f.rule);
		buf_str(&b, f.advice);
	}
	if (note_unpack(&m, span_of(copy, n), &e)) {
		assert_true(whole);
		event_put_json(&b, &e, "s", "");
	}
	buf_fini(&b);
	arena_fini(&m);
	free(copy);
}

static void
mangle(struct span s)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff };
	uint8_t *p = malloc(s.len + 4);

	for (size_t n = 0; n < s.len; n++)
		unpack_both(s.ptr, n, false);
	for (size_t i = 0; i < s.len; i++) {
		for (size_t k = 0; k < sizeof(odd); k++) {
			memcpy(p, s.ptr, s.len);
			p[i] = odd[k];
			unpack_both(p, s.len, true);
			memset(p + i, odd[k], MIN_OF((size_t)4, s.len - i));
			unpack_both(p, s.len, true);
		}
	}
	memcpy(p, s.ptr, s.len);
	memset(p + s.len, 0, 4);
	unpack_both(p, s.len + 4, false);	/* more behind the end */
	free(p);
}

static void
hostile(void **unused)
{
	struct finding f = full_finding();
	struct buf b;

	(void)unused;
	buf_init(&b, 0);
	finding_pack(&b, &f);
	mangle(buf_view(&b));
	buf_reset(&b);
	note_pack(&b, sample(), want);
	mangle(buf_view(&b));
	buf_fini(&b);
}

/* Lengths of fixed things must be what they are. */
static void
fixed_lengths(void **unused)
{
	static const struct {
		enum vtype	type;
		uint32_t	len;
	} bad[] = {
		{ VT_MAC, 5 }, { VT_ADDR, 5 }, { VT_ADDR, 0 }, { VT_ADDR, 17 },
		{ VT_GUID, 15 }, { VT_LIST, 257 }, { VT_COUNT, 0 },
		{ 255, 4 },
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		struct event back;
		uint8_t *p;
		struct buf b;

		buf_init(&b, 0);
		again();
		at(KIND_HTTP, 0);
		str(FIELD_HTTP_URI, "0123456789abcdefgh");
		assert_true(note_pack(&b, &dr.ev[0], want));
		/* kind 4, time 8, locator 28, count 4, id 4 */
		p = b.ptr + 48;
		assert_int_equal(p[0], VT_STR);
		assert_int_equal(load_le32(p + 1), 18);
		p[0] = (uint8_t)bad[i].type;
		p[1] = (uint8_t)bad[i].len;
		p[2] = (uint8_t)(bad[i].len >> 8);
		assert_false(note_unpack(&dr.m, span_of(b.ptr, 48 + 5 +
		    MIN_OF(bad[i].len, 18u)), &back));
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(note_back), T(note_cut), T(finding_back), T(hostile),
		T(fixed_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
