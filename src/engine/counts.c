/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting for the overviews (hunt --summary): rows of a few texts with
 * counts, first and last time.
 *
 * A worker counts into a table of COUNTS_ROWS rows; when it is full, its rows
 * go out as items beside the findings and it begins anew, so that nothing is
 * lost.  The parent adds the items of all units to one table of at most
 * SUMMARY_ROWS_MAX; what does not fit there is WEIRD_SUMMARY_ROWS.  Items come
 * in the order of the sorter, so the rows that fit are the same for every
 * number of workers.
 */
#include <stdlib.h>

#include "engine.h"

#define ROW_TEXT_MAX	512u	/* bytes of one text; longer ones are cut */

struct count_key {
	uint64_t	a, b;
};

struct counts {
	struct table	*rows;		/* count_key: struct count_row */
	struct arena	 text;
	uint32_t	 cap;
};

struct counts *
counts_new(uint32_t cap, size_t text_bytes)
{
	struct counts *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->cap = cap;
	arena_init(&c->text, text_bytes);
	c->rows = table_new(sizeof(struct count_key),
	    sizeof(struct count_row), cap);
	if (c->rows == NULL) {
		counts_free(c);
		return NULL;
	}
	return c;
}

void
counts_free(struct counts *c)
{
	if (c == NULL)
		return;
	table_free(c->rows);
	arena_fini(&c->text);
	free(c);
}

static struct count_key
key_of(const struct count_row *r)
{
	const uint64_t seed = hash_seed();
	struct count_key key = { seed + r->what, ~seed + r->what };

	/* Lengths are in the hash: "a","bc" is not "ab","c". */
	for (unsigned i = 0; i < COUNT_COLUMNS; i++) {
		struct span s = r->col[i];

		key.a = hash_mix(hash_bytes(s.ptr, s.len, key.a) + s.len);
		key.b = hash_mix(hash_bytes(s.ptr, s.len, key.b) ^ s.len);
	}
	return key;
}

static bool
keep_texts(struct counts *c, struct count_row *r)
{
	for (unsigned i = 0; i < COUNT_COLUMNS; i++) {
		if (r->col[i].len == 0) {
			r->col[i] = SPAN_NONE;
			continue;
		}
		r->col[i] = arena_copy(&c->text, r->col[i]);
		if (r->col[i].ptr == NULL)
			return false;
	}
	return true;
}

static void
merge(struct count_row *into, const struct count_row *r)
{
	for (unsigned i = 0; i < COUNT_NUMBERS; i++)
		into->n[i] += r->n[i];
	if (r->first != TIME_NONE && (into->first == TIME_NONE ||
	    r->first < into->first))
		into->first = r->first;
	if (r->last > into->last)
		into->last = r->last;
}

bool
counts_add(struct counts *c, const struct count_row *from)
{
	struct count_row r = *from, *row;
	struct count_key key;
	bool made;

	for (unsigned i = 0; i < COUNT_COLUMNS; i++)
		r.col[i] = span_sub(r.col[i], 0, ROW_TEXT_MAX);
	key = key_of(&r);
	if ((row = table_get(c->rows, &key)) != NULL) {
		merge(row, &r);
		return true;
	}
	if (table_count(c->rows) >= c->cap || !keep_texts(c, &r) ||
	    (row = table_put(c->rows, &key, &made)) == NULL)
		return false;
	*row = r;
	return true;
}

void
counts_clear(struct counts *c)
{
	table_clear(c->rows);
	arena_reset(&c->text);
}

bool
counts_next(const struct counts *c, uint32_t *it, const struct count_row **r)
{
	const void *key;
	void *value;

	if (!table_next(c->rows, it, &key, &value))
		return false;
	*r = value;
	return true;
}

uint32_t
counts_rows(const struct counts *c)
{
	return table_count(c->rows);
}

/* -- rows as bytes: a worker wrote them, so all is checked ---------------- */

void
count_pack(struct buf *b, const struct count_row *r)
{
	buf_le32(b, r->what);
	buf_le64(b, (uint64_t)r->first);
	buf_le64(b, (uint64_t)r->last);
	for (unsigned i = 0; i < COUNT_NUMBERS; i++)
		buf_le64(b, r->n[i]);
	for (unsigned i = 0; i < COUNT_COLUMNS; i++) {
		buf_le32(b, (uint32_t)r->col[i].len);
		buf_span(b, r->col[i]);
	}
}

bool
count_unpack(struct span s, struct count_row *r)
{
	struct cursor c = cur_of(s);

	memset(r, 0, sizeof(*r));
	r->what = cur_le32(&c);
	r->first = (int64_t)cur_le64(&c);
	r->last = (int64_t)cur_le64(&c);
	for (unsigned i = 0; i < COUNT_NUMBERS; i++)
		r->n[i] = cur_le64(&c);
	for (unsigned i = 0; i < COUNT_COLUMNS; i++) {
		uint32_t n = cur_le32(&c);

		if (n > ROW_TEXT_MAX)
			cur_fail(&c);
		r->col[i] = cur_take(&c, n);
	}
	return cur_ok(&c) && c.left == 0 && r->what < COUNT_WHATS;
}

/* -- events to rows ------------------------------------------------------- */

static const char *const logon_types[] = {
	[0] = "0 system", [2] = "2 interactive", [3] = "3 network",
	[4] = "4 batch", [5] = "5 service", [7] = "7 unlock",
	[8] = "8 network, clear text", [9] = "9 new credentials",
	[10] = "10 remote desktop", [11] = "11 cached",
	[12] = "12 cached remote", [13] = "13 cached unlock"
};

/* What stands for "nothing" in Windows events. */
static struct span
known(struct span s)
{
	return span_eq(s, SPAN_LIT("-")) || span_eq(s, SPAN_LIT("")) ?
	    SPAN_NONE : s;
}

/* DOMAIN\user */
static struct span
account(struct arena *m, struct span domain, struct span user)
{
	struct span out;
	uint8_t *p;

	domain = known(domain);
	if (domain.len == 0 || user.len == 0)
		return known(user);
	out.len = domain.len + 1 + user.len;
	if ((p = arena_alloc(m, out.len)) == NULL)
		return user;
	memcpy(p, domain.ptr, domain.len);
	p[domain.len] = '\\';
	memcpy(p + domain.len + 1, user.ptr, user.len);
	out.ptr = p;
	return out;
}

static void
add_row(struct count_sink *to, const struct event *e, struct count_row *r,
    unsigned number)
{
	r->n[number] = 1;
	r->first = r->last = e->time;
	to->add(to->arg, r);
}

static void
set_logon_type(struct arena *m, const struct event *e, struct count_row *r)
{
	uint64_t type;

	if (event_u64(e, FIELD_LOGON_TYPE, &type) &&
	    type < NITEMS(logon_types) && logon_types[type] != NULL)
		r->col[LOGON_TYPE] = span_str(logon_types[type]);
	else
		r->col[LOGON_TYPE] = known(event_text(m, e, FIELD_LOGON_TYPE));
}

/* Security 4624, 4625, 4634, 4647, 4648. */
static void
security_logon(struct count_sink *to, struct arena *m, const struct event *e,
    uint64_t id)
{
	struct count_row r = { .what = COUNT_LOGON };
	unsigned n = id == 4624 ? LOGON_OK : id == 4625 ? LOGON_FAILED :
	    id == 4648 ? LOGON_EXPLICIT : LOGON_OFF;

	r.col[LOGON_USER] = account(m, event_text(m, e, FIELD_TARGET_DOMAIN),
	    event_text(m, e, FIELD_TARGET_USER));
	r.col[LOGON_COMPUTER] = event_text(m, e, FIELD_WIN_COMPUTER);
	set_logon_type(m, e, &r);
	if (n != LOGON_OFF) {
		r.col[LOGON_SRC] = known(event_text(m, e, FIELD_IP_ADDRESS));
		r.col[LOGON_WORKSTATION] = known(event_text(m, e,
		    FIELD_WORKSTATION));
		r.col[LOGON_PACKAGE] = known(event_text(m, e,
		    FIELD_AUTH_PACKAGE));
	}
	add_row(to, e, &r, n);
}

/* Terminal services' own log: 21 a session began, 25 was taken up again. */
static void
session_logon(struct count_sink *to, struct arena *m, const struct event *e)
{
	struct count_row r = { .what = COUNT_LOGON };

	r.col[LOGON_USER] = event_text(m, e, FIELD_PROC_USER);
	r.col[LOGON_COMPUTER] = event_text(m, e, FIELD_WIN_COMPUTER);
	r.col[LOGON_SRC] = known(event_text(m, e,
	    field_by_name(SPAN_LIT("Address"))));
	r.col[LOGON_TYPE] = SPAN_LIT("remote desktop session");
	add_row(to, e, &r, LOGON_OK);
}

static void
auth_logon(struct count_sink *to, struct arena *m, const struct event *e)
{
	struct count_row r = { .what = COUNT_LOGON };
	struct span result = event_text(m, e, FIELD_AUTH_RESULT);

	r.col[LOGON_USER] = event_text(m, e, FIELD_AUTH_USER);
	r.col[LOGON_SRC] = event_text(m, e, FIELD_SRC_IP);
	r.col[LOGON_TYPE] = event_text(m, e, FIELD_SYSLOG_APP);
	r.col[LOGON_PACKAGE] = event_text(m, e, FIELD_AUTH_METHOD);
	r.col[LOGON_COMPUTER] = event_text(m, e, FIELD_SYSLOG_HOST);
	add_row(to, e, &r, span_eq(result, SPAN_LIT("accepted")) ? LOGON_OK :
	    span_eq(result, SPAN_LIT("closed")) ? LOGON_OFF : LOGON_FAILED);
}

static void
count_logons(struct count_sink *to, struct arena *m, const struct event *e)
{
	static const char sessions[] =
	    "Microsoft-Windows-TerminalServices-LocalSessionManager/"
	    "Operational";
	struct span channel;
	uint64_t id;

	if (e->kind == KIND_AUTH) {
		auth_logon(to, m, e);
		return;
	}
	if (e->kind != KIND_WINEVENT ||
	    !event_u64(e, FIELD_WIN_EVENT_ID, &id))
		return;
	if (id == 4624 || id == 4625 || id == 4634 || id == 4647 ||
	    id == 4648) {
		channel = event_text(m, e, FIELD_WIN_CHANNEL);
		if (span_eq_nocase(channel, SPAN_LIT("Security")))
			security_logon(to, m, e, id);
	} else if (id == 21 || id == 25) {
		channel = event_text(m, e, FIELD_WIN_CHANNEL);
		if (span_eq_nocase(channel, span_str(sessions)))
			session_logon(to, m, e);
	}
}

/* What a host says of itself at its start (EventLog 6009): the parts of
 * "Microsoft (R) Windows (R) 10.00. 19041 Multiprocessor Free.". */
static void
count_system(struct count_sink *to, struct arena *m, const struct event *e)
{
	const struct value *v = event_get(e, FIELD_WIN_DATA);
	const struct value *item = v == NULL ? NULL : v->ptr;
	struct count_row r = { .what = COUNT_SYSTEM };
	struct buf b;

	if (v == NULL || v->type != VT_LIST || v->len < 2)
		return;
	buf_init(&b, 256);
	buf_str(&b, "Windows ");
	value_put(&b, &item[0]);
	value_put(&b, &item[1]);
	r.col[COMPUTER_NAME] = event_text(m, e, FIELD_WIN_COMPUTER);
	r.col[COMPUTER_MORE] = arena_copy(m, buf_view(&b));
	buf_fini(&b);
	add_row(to, e, &r, 0);
}

static void
count_computers(struct count_sink *to, struct arena *m, const struct event *e)
{
	struct count_row r = { .what = COUNT_COMPUTER };
	uint64_t id;

	if (e->kind == KIND_WINEVENT) {
		r.col[COMPUTER_NAME] = event_text(m, e, FIELD_WIN_COMPUTER);
		r.col[COMPUTER_MORE] = event_text(m, e, FIELD_WIN_CHANNEL);
		if (event_u64(e, FIELD_WIN_EVENT_ID, &id) && id == 6009 &&
		    span_eq_nocase(r.col[COMPUTER_MORE], SPAN_LIT("System")))
			count_system(to, m, e);
	} else {
		r.col[COMPUTER_NAME] = event_text(m, e, FIELD_SYSLOG_HOST);
		r.col[COMPUTER_MORE] = span_str(kind_name(e->kind));
	}
	if (r.col[COMPUTER_NAME].len != 0)
		add_row(to, e, &r, 0);
}

static void
count_channels(struct count_sink *to, struct arena *m, const struct event *e)
{
	struct count_row r = { .what = COUNT_CHANNEL };

	if (e->kind != KIND_WINEVENT)
		return;
	r.col[CHANNEL_NAME] = event_text(m, e, FIELD_WIN_CHANNEL);
	r.col[CHANNEL_PROVIDER] = event_text(m, e, FIELD_WIN_PROVIDER);
	r.col[CHANNEL_ID] = event_text(m, e, FIELD_WIN_EVENT_ID);
	add_row(to, e, &r, 0);
}

void
count_event(struct count_sink *to, unsigned summaries, struct arena *m,
    const struct event *e)
{
	arena_reset(m);
	if ((summaries & SUMMARY_LOGONS) != 0)
		count_logons(to, m, e);
	if ((summaries & SUMMARY_COMPUTERS) != 0)
		count_computers(to, m, e);
	if ((summaries & SUMMARY_CHANNELS) != 0)
		count_channels(to, m, e);
}

void
count_demand(unsigned summaries, struct demand *d)
{
	static const uint16_t fields[] = {
		FIELD_WIN_CHANNEL, FIELD_WIN_EVENT_ID, FIELD_WIN_PROVIDER,
		FIELD_WIN_COMPUTER, FIELD_WIN_DATA
	};
	static const uint16_t logon[] = {
		FIELD_TARGET_USER, FIELD_TARGET_DOMAIN, FIELD_IP_ADDRESS,
		FIELD_WORKSTATION, FIELD_AUTH_PACKAGE, FIELD_LOGON_TYPE,
		FIELD_PROC_USER, FIELD_SRC_IP, FIELD_AUTH_USER,
		FIELD_AUTH_RESULT, FIELD_AUTH_METHOD, FIELD_SYSLOG_APP
	};

	if ((summaries & SUMMARY_EVENTS) == 0)
		return;
	demand_kind(d, KIND_WINEVENT);
	for (size_t i = 0; i < NITEMS(fields); i++)
		demand_field(d, fields[i]);
	if ((summaries & (SUMMARY_LOGONS | SUMMARY_COMPUTERS)) != 0) {
		demand_kind(d, KIND_AUTH);
		demand_field(d, FIELD_SYSLOG_HOST);
	}
	if ((summaries & SUMMARY_COMPUTERS) != 0) {
		demand_kind(d, KIND_SYSLOG);
		demand_kind(d, KIND_AUDITD);
		demand_kind(d, KIND_PROCESS);
	}
	if ((summaries & SUMMARY_LOGONS) != 0) {
		for (size_t i = 0; i < NITEMS(logon); i++)
			demand_field(d, logon[i]);
		demand_field(d, field_intern(SPAN_LIT("Address")));
	}
}
