/* SPDX-License-Identifier: Apache-2.0
 *
 * The overviews of a report (hunt --summary): what was counted, and what the
 * findings say by rule and by who they are about, as tables for the sinks.
 *
 * All is made in the report's arena, from rows and findings that are bounded;
 * texts are borrowed from there, titles of events are read from
 * share/windows-events.tsv, at most TITLES_MAX bytes of it.
 */
#include <stdlib.h>

#include "engine.h"

#define TITLES_MAX	(1u << 20)
#define CHANNELS_SHOWN	32u	/* of one computer; more are counted only */

static const struct {
	const char	*name;
	unsigned	 bit;
} summaries[] = {
	{ "logons", SUMMARY_LOGONS }, { "computers", SUMMARY_COMPUTERS },
	{ "channels", SUMMARY_CHANNELS }, { "rules", SUMMARY_RULES },
	{ "pivot", SUMMARY_PIVOT },
};

unsigned
summary_find(struct span name)
{
	for (size_t i = 0; i < NITEMS(summaries); i++)
		if (span_eq(name, span_str(summaries[i].name)))
			return summaries[i].bit;
	return 0;
}

static int
span_cmp(struct span a, struct span b)
{
	size_t n = MIN_OF(a.len, b.len);
	int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static uint64_t
total(const struct count_row *r)
{
	return r->n[LOGON_OK] + r->n[LOGON_FAILED] + r->n[LOGON_EXPLICIT];
}

/* Rows by what they are of; then sign-ins and channels, the largest first;
 * then by their texts. */
static int
by_rank(const void *a, const void *b)
{
	const struct count_row *x = *(const struct count_row *const *)a;
	const struct count_row *y = *(const struct count_row *const *)b;
	int c = 0;

	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	if ((x->what == COUNT_LOGON || x->what == COUNT_CHANNEL) &&
	    total(x) != total(y))
		return total(x) > total(y) ? -1 : 1;
	for (unsigned i = 0; i < COUNT_COLUMNS && c == 0; i++)
		c = span_cmp(x->col[i], y->col[i]);
	return c;
}

static const struct count_row **
sorted_rows(const struct counts *c, size_t *n)
{
	const struct count_row **row;
	uint32_t it = 0;

	*n = 0;
	row = calloc((size_t)counts_rows(c) + 1, sizeof(*row));
	while (row != NULL && counts_next(c, &it, &row[*n]))
		(*n)++;
	if (row != NULL && *n > 1)
		qsort(row, *n, sizeof(*row), by_rank);
	return row;
}

/* Room for a table of n rows; its rows are filled from the front. */
static struct cell *
new_overview(struct report *r, struct arena *m, const char *type,
    const char *title, const struct table_column *column, size_t ncolumns,
    size_t n)
{
	struct overview *o = &r->overview[r->noverviews];

	*o = (struct overview){ type, title, column, ncolumns, NULL, 0 };
	o->cell = arena_zalloc(m, MAX_OF(n, (size_t)1) * ncolumns *
	    sizeof(*o->cell));
	if (o->cell != NULL)
		r->noverviews++;
	return o->cell;
}

static struct cell
text_cell(struct span s)
{
	return (struct cell){ .text = s };
}

static struct cell
num_cell(uint64_t n)
{
	return (struct cell){ .n = n };
}

static struct cell
time_cell(int64_t t)
{
	return (struct cell){ .time = t };
}

/* -- sign-ins ------------------------------------------------------------- */

static const struct table_column logon_columns[] = {
	{ "user", CELL_TEXT }, { "src_ip", CELL_TEXT },
	{ "workstation", CELL_TEXT }, { "logon_type", CELL_TEXT },
	{ "computer", CELL_TEXT }, { "auth_package", CELL_TEXT },
	{ "successful", CELL_NUM }, { "failed", CELL_NUM },
	{ "explicit", CELL_NUM }, { "logoffs", CELL_NUM },
	{ "first_time", CELL_TIME }, { "last_time", CELL_TIME },
};

static bool
add_logons(struct report *r, struct arena *m,
    const struct count_row *const *row, size_t n)
{
	struct cell *c = new_overview(r, m, "logons",
	    "Sign-ins, by account and where from", logon_columns,
	    NITEMS(logon_columns), n);

	for (size_t i = 0; c != NULL && i < n; i++) {
		if (row[i]->what != COUNT_LOGON)
			continue;
		for (unsigned k = 0; k < COUNT_COLUMNS; k++)
			*c++ = text_cell(row[i]->col[k]);
		for (unsigned k = 0; k < COUNT_NUMBERS; k++)
			*c++ = num_cell(row[i]->n[k]);
		*c++ = time_cell(row[i]->first);
		*c++ = time_cell(row[i]->last);
		r->overview[r->noverviews - 1].nrows++;
	}
	return c != NULL;
}

/* -- computers ------------------------------------------------------------ */

static const struct table_column computer_columns[] = {
	{ "computer", CELL_TEXT }, { "system", CELL_TEXT },
	{ "events", CELL_NUM }, { "first_time", CELL_TIME },
	{ "last_time", CELL_TIME }, { "channels", CELL_LIST },
};

/* What the computer said of its system at its latest start. */
static struct span
system_of(const struct count_row *const *row, size_t n, struct span computer)
{
	struct span best = SPAN_NONE;
	int64_t last = TIME_NONE;

	for (size_t i = 0; i < n; i++) {
		if (row[i]->what != COUNT_SYSTEM || row[i]->last < last ||
		    !span_eq(row[i]->col[COMPUTER_NAME], computer))
			continue;
		best = row[i]->col[COMPUTER_MORE];
		last = row[i]->last;
	}
	return best;
}

static bool
add_computers(struct report *r, struct arena *m,
    const struct count_row *const *row, size_t n)
{
	struct cell *c = new_overview(r, m, "computers", "Computers",
	    computer_columns, NITEMS(computer_columns), n);
	size_t systems = n, nsystems = 0, k;

	for (size_t i = n; i-- > 0;)
		if (row[i]->what == COUNT_SYSTEM) {
			systems = i;
			nsystems++;
		}
	for (size_t i = 0; c != NULL && i < n; i = k) {
		struct span name = row[i]->col[COMPUTER_NAME], *list;
		struct count_row sum = { .first = TIME_NONE,
		    .last = TIME_NONE };
		size_t nlist = 0;

		k = i + 1;
		if (row[i]->what != COUNT_COMPUTER)
			continue;
		while (k < n && row[k]->what == COUNT_COMPUTER &&
		    span_eq(row[k]->col[COMPUTER_NAME], name))
			k++;
		list = arena_alloc(m, (k - i) * sizeof(*list));
		if (list == NULL)
			return false;
		for (size_t x = i; x < k; x++) {
			sum.n[0] += row[x]->n[0];
			if (row[x]->first != TIME_NONE &&
			    (sum.first == TIME_NONE ||
			    row[x]->first < sum.first))
				sum.first = row[x]->first;
			sum.last = MAX_OF(sum.last, row[x]->last);
			if (nlist < CHANNELS_SHOWN)
				list[nlist++] = row[x]->col[COMPUTER_MORE];
		}
		*c++ = text_cell(name);
		*c++ = text_cell(nsystems == 0 ? SPAN_NONE :
		    system_of(row + systems, nsystems, name));
		*c++ = num_cell(sum.n[0]);
		*c++ = time_cell(sum.first);
		*c++ = time_cell(sum.last);
		*c++ = (struct cell){ .list = list, .n = nlist };
		r->overview[r->noverviews - 1].nrows++;
	}
	return c != NULL;
}

/* -- channels ------------------------------------------------------------- */

static const struct table_column channel_columns[] = {
	{ "channel", CELL_TEXT }, { "provider", CELL_TEXT },
	{ "event_id", CELL_NUM }, { "title", CELL_TEXT },
	{ "events", CELL_NUM }, { "first_time", CELL_TIME },
	{ "last_time", CELL_TIME },
};

/* share/windows-events.tsv: channel, id, title; one a line, # a comment. */
static struct span
read_titles(struct arena *m, const char *share)
{
	char path[4096];
	struct span s = SPAN_NONE;
	uint8_t *b;
	FILE *f;

	if (share == NULL || snprintf(path, sizeof(path),
	    "%s/windows-events.tsv", share) >= (int)sizeof(path) ||
	    (f = fopen(path, "re")) == NULL)
		return s;
	if ((b = arena_alloc(m, TITLES_MAX)) != NULL)
		s = span_of(b, fread(b, 1, TITLES_MAX, f));
	fclose(f);
	return s;
}

static struct span
next_part(struct span *rest, uint8_t end)
{
	size_t at = span_find_byte(*rest, end);
	struct span part = span_sub(*rest, 0, at);

	*rest = at == SPAN_NPOS ? SPAN_NONE : span_sub(*rest, at + 1,
	    SIZE_MAX);
	return part;
}

/* The id's titles lie in a table by "channel id" in lower case. */
struct title_key {
	uint64_t	a, b;
};

static struct title_key
title_key(struct span channel, uint64_t id)
{
	uint8_t low[256];
	size_t n = MIN_OF(channel.len, sizeof(low));

	for (size_t i = 0; i < n; i++)
		low[i] = ascii_lower(channel.ptr[i]);
	return (struct title_key){ hash_bytes(low, n, hash_seed()), id };
}

static struct table *
title_table(struct span text)
{
	struct table *t = table_new(sizeof(struct title_key),
	    sizeof(struct span), 1u << 16);
	bool made;

	while (t != NULL && text.len != 0) {
		struct span line = next_part(&text, '\n');
		struct span channel = next_part(&line, '\t');
		uint64_t id;

		if (span_starts(channel, SPAN_LIT("#")) ||
		    !span_u64(next_part(&line, '\t'), &id))
			continue;
		struct title_key key = title_key(channel, id);
		struct span *title = table_put(t, &key, &made);

		if (title != NULL && made)
			*title = span_trim(line);
	}
	return t;
}

static bool
add_channels(struct report *r, struct arena *m,
    const struct count_row *const *row, size_t n, const char *share)
{
	struct cell *c = new_overview(r, m, "channels",
	    "Windows events, by channel and id", channel_columns,
	    NITEMS(channel_columns), n);
	struct table *titles = title_table(read_titles(m, share));

	for (size_t i = 0; c != NULL && titles != NULL && i < n; i++) {
		const struct span *col = row[i]->col;
		struct title_key key;
		const struct span *title;
		uint64_t id = 0;

		if (row[i]->what != COUNT_CHANNEL)
			continue;
		span_u64(col[CHANNEL_ID], &id);
		key = title_key(col[CHANNEL_NAME], id);
		title = table_get(titles, &key);
		*c++ = text_cell(col[CHANNEL_NAME]);
		*c++ = text_cell(col[CHANNEL_PROVIDER]);
		*c++ = num_cell(id);
		*c++ = text_cell(title == NULL ? SPAN_NONE : *title);
		*c++ = num_cell(row[i]->n[0]);
		*c++ = time_cell(row[i]->first);
		*c++ = time_cell(row[i]->last);
		r->overview[r->noverviews - 1].nrows++;
	}
	table_free(titles);
	return c != NULL && titles != NULL;
}

/* -- rules ---------------------------------------------------------------- */

static const struct table_column rule_columns[] = {
	{ "rule", CELL_TEXT }, { "title", CELL_TEXT },
	{ "severity", CELL_TEXT }, { "findings", CELL_NUM },
	{ "events", CELL_NUM }, { "computers", CELL_NUM },
	{ "first_time", CELL_TIME }, { "last_time", CELL_TIME },
};

static struct span
host_of(const struct finding *f)
{
	return f->entity[ENTITY_HOST].len != 0 ? f->entity[ENTITY_HOST] :
	    f->entity[ENTITY_DST_IP];
}

/* By rule, then by computer. */
static int
by_rule(const void *a, const void *b)
{
	const struct finding *x = *(struct finding *const *)a;
	const struct finding *y = *(struct finding *const *)b;
	int c = strcmp(x->rule, y->rule);

	return c != 0 ? c : span_cmp(host_of(x), host_of(y));
}

struct sum {
	uint64_t	findings, events;
	enum severity	severity;
	int64_t		first, last;
};

static void
sum_finding(struct sum *s, const struct finding *f)
{
	s->findings++;
	s->events += f->count;
	s->severity = MAX_OF(s->severity, f->severity);
	if (f->time != TIME_NONE &&
	    (s->first == TIME_NONE || f->time < s->first))
		s->first = f->time;
	s->last = MAX_OF(s->last, f->last_time);
}

struct rule_sum {
	const struct finding	*f;
	struct sum		 sum;
	uint64_t		 hosts;
};

/* Worst first, then what was met most. */
static int
by_weight(const void *a, const void *b)
{
	const struct rule_sum *x = a, *y = b;

	if (x->sum.severity != y->sum.severity)
		return x->sum.severity > y->sum.severity ? -1 : 1;
	if (x->sum.events != y->sum.events)
		return x->sum.events > y->sum.events ? -1 : 1;
	return strcmp(x->f->rule, y->f->rule);
}

/* f: by rule and computer. */
static size_t
sum_rules(struct finding *const *f, size_t n, struct rule_sum *out)
{
	size_t nsums = 0, k;

	for (size_t i = 0; i < n; i = k) {
		struct rule_sum *s = &out[nsums++];

		*s = (struct rule_sum){ .f = f[i], .sum = {
		    .first = TIME_NONE, .last = TIME_NONE } };
		for (k = i; k < n && strcmp(f[k]->rule, f[i]->rule) == 0;
		    k++) {
			struct span host = host_of(f[k]);

			sum_finding(&s->sum, f[k]);
			s->hosts += host.len != 0 && (k == i ||
			    !span_eq(host, host_of(f[k - 1])));
		}
	}
	if (nsums > 1)
		qsort(out, nsums, sizeof(*out), by_weight);
	return nsums;
}

static bool
add_rules(struct report *r, struct arena *m)
{
	size_t n = r->nfindings;
	struct finding **f = malloc((n + 1) * sizeof(*f));
	struct rule_sum *sum = malloc((n + 1) * sizeof(*sum));
	struct cell *c = NULL;

	if (f != NULL && sum != NULL) {
		if (n != 0)
			memcpy(f, r->finding, n * sizeof(*f));
		if (n > 1)
			qsort(f, n, sizeof(*f), by_rule);
		n = sum_rules(f, n, sum);
		c = new_overview(r, m, "rules", "Rules that were met",
		    rule_columns, NITEMS(rule_columns), n);
	}
	for (size_t i = 0; c != NULL && i < n; i++) {
		const struct rule_sum *s = &sum[i];

		*c++ = text_cell(span_str(s->f->rule));
		*c++ = text_cell(span_str(s->f->title));
		*c++ = text_cell(span_str(severity_name(s->sum.severity)));
		*c++ = num_cell(s->sum.findings);
		*c++ = num_cell(s->sum.events);
		*c++ = num_cell(s->hosts);
		*c++ = time_cell(s->sum.first);
		*c++ = time_cell(s->sum.last);
		r->overview[r->noverviews - 1].nrows++;
	}
	free(f);
	free(sum);
	return c != NULL;
}

/* -- pivot ---------------------------------------------------------------- */

static const struct table_column pivot_columns[] = {
	{ "entity", CELL_TEXT }, { "value", CELL_TEXT },
	{ "severity", CELL_TEXT }, { "findings", CELL_NUM },
	{ "events", CELL_NUM }, { "first_time", CELL_TIME },
	{ "last_time", CELL_TIME },
};

/* What else to look for: ports say too little. */
static const struct {
	enum entity	 entity;
	const char	*name;
} pivots[] = {
	{ ENTITY_SRC_IP, "address" }, { ENTITY_DST_IP, "address" },
	{ ENTITY_DOMAIN, "domain" }, { ENTITY_FILE, "file" },
	{ ENTITY_HASH, "hash" }, { ENTITY_HOST, "host" },
	{ ENTITY_PROCESS, "process" }, { ENTITY_SERVICE, "service" },
	{ ENTITY_URL, "url" }, { ENTITY_USER, "user" },
};

struct pivot {
	const char		*name;
	struct span		 value;
	const struct finding	*f;
};

static int
by_pivot(const void *a, const void *b)
{
	const struct pivot *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : span_cmp(x->value, y->value);
}

static struct pivot
pivot_of(const struct finding *f, size_t which)
{
	struct pivot p = { pivots[which].name,
	    f->entity[pivots[which].entity], f };
	struct addr a;

	/* Windows events know some hosts by address, and some by name. */
	if (pivots[which].entity == ENTITY_SRC_IP ||
	    pivots[which].entity == ENTITY_DST_IP ||
	    pivots[which].entity == ENTITY_HOST)
		p.name = addr_parse(p.value, &a) ? "address" : "host";
	return p;
}

static bool
add_pivots(struct report *r, struct arena *m)
{
	size_t n = 0, all = 0, k;
	struct pivot *p;
	struct cell *c;

	for (size_t i = 0; i < r->nfindings; i++)
		for (size_t x = 0; x < NITEMS(pivots); x++)
			all += r->finding[i]->entity[pivots[x].entity].len
			    != 0;
	p = malloc((all + 1) * sizeof(*p));
	c = new_overview(r, m, "pivot", "What else to look for",
	    pivot_columns, NITEMS(pivot_columns), all);
	if (p == NULL || c == NULL) {
		free(p);
		return false;
	}
	for (size_t i = 0; i < r->nfindings; i++)
		for (size_t x = 0; x < NITEMS(pivots); x++)
			if (r->finding[i]->entity[pivots[x].entity].len != 0)
				p[n++] = pivot_of(r->finding[i], x);
	if (n > 1)
		qsort(p, n, sizeof(*p), by_pivot);
	for (size_t i = 0; i < n; i = k) {
		struct sum s = { .first = TIME_NONE, .last = TIME_NONE };

		for (k = i; k < n && by_pivot(&p[k], &p[i]) == 0; k++)
			sum_finding(&s, p[k].f);
		*c++ = text_cell(span_str(p[i].name));
		*c++ = text_cell(p[i].value);
		*c++ = text_cell(span_str(severity_name(s.severity)));
		*c++ = num_cell(s.findings);
		*c++ = num_cell(s.events);
		*c++ = time_cell(s.first);
		*c++ = time_cell(s.last);
		r->overview[r->noverviews - 1].nrows++;
	}
	free(p);
	return true;
}

/* -- all of them ---------------------------------------------------------- */

bool
overviews_build(struct report *r, struct arena *m, unsigned want,
    const struct counts *counts, const char *share)
{
	const struct count_row **row = NULL;
	size_t n = 0;
	bool ok = true;

	if (want == 0)
		return true;
	r->overview = arena_zalloc(m, NITEMS(summaries) *
	    sizeof(*r->overview));
	if (r->overview == NULL || (counts != NULL &&
	    (row = sorted_rows(counts, &n)) == NULL))
		return false;
	if ((want & SUMMARY_LOGONS) != 0)
		ok = add_logons(r, m, row, n);
	if (ok && (want & SUMMARY_COMPUTERS) != 0)
		ok = add_computers(r, m, row, n);
	if (ok && (want & SUMMARY_CHANNELS) != 0)
		ok = add_channels(r, m, row, n, share);
	if (ok && (want & SUMMARY_RULES) != 0)
		ok = add_rules(r, m);
	if (ok && (want & SUMMARY_PIVOT) != 0)
		ok = add_pivots(r, m);
	free(row);
	return ok;
}
