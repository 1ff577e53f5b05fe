/* SPDX-License-Identifier: Apache-2.0
 *
 * The report for a reader: the stories first, then the findings by host,
 * worst first, each with its evidence and what to do; at the end what could
 * not be read and which limits were reached.
 *
 * What comes from evidence is hostile: control characters never reach the
 * terminal.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "sink.h"

/* Evidence lines that a finding shows; NDJSON has the rest. */
#define EVIDENCE_SHOWN	3u
/* Findings that a host shows of one rule before it only counts them. */
#define RULE_SHOWN	5u

struct page {
	FILE		*f;
	const struct report *r;
	bool		 colour;
};

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_RED, INK_YELLOW, INK_CYAN };

static const char *const inks[] = {
	[INK_PLAIN] = "\033[0m", [INK_BOLD] = "\033[1m",
	[INK_DIM] = "\033[2m", [INK_RED] = "\033[1;31m",
	[INK_YELLOW] = "\033[33m", [INK_CYAN] = "\033[36m",
};

static void
ink(struct page *p, enum ink i)
{
	if (p->colour)
		fputs(inks[i], p->f);
}

static enum ink
severity_ink(enum severity s)
{
	return s >= SEV_HIGH ? INK_RED : s == SEV_MEDIUM ? INK_YELLOW :
	    INK_CYAN;
}

static void say(struct page *, const char *, ...)
    __attribute__((__format__(__printf__, 2, 3)));

static void
say(struct page *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(p->f, fmt, ap);
	va_end(ap);
}

/* Controls C0 and C1, and what turns the direction of text around (U+200E,
 * U+200F, U+202A to U+202E, U+2066 to U+2069). */
static bool
steers(const uint8_t *p, size_t n)
{
	if (n == 1)
		return *p < 0x20 || *p == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (n != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f ||
	    (p[2] >= 0xaa && p[2] <= 0xae))) ||
	    (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* Text of the evidence: what could steer a terminal, and what is no UTF-8,
 * comes out as \xNN. */
static void
say_safe(struct page *p, struct span s)
{
	for (size_t i = 0; i < s.len;) {
		const uint8_t *c = s.ptr + i;
		size_t n = utf8_seq(c, s.len - i);

		if (n != 0 && !steers(c, n)) {
			fwrite(c, 1, n, p->f);
			i += n;
			continue;
		}
		for (n = MAX_OF(n, (size_t)1); n > 0; n--)
			fprintf(p->f, "\\x%02x", s.ptr[i++]);
	}
}

static void
say_text(struct page *p, const char *s)
{
	say_safe(p, span_str(s));
}

/* 2022-07-11 09:12:44Z: to the second, which is what a reader needs. */
static void
say_time(struct page *p, int64_t t)
{
	struct buf b;

	if (t == TIME_NONE) {
		say(p, "time unknown        ");
		return;
	}
	buf_init(&b, 64);
	time_put(&b, t - ((t % NSEC) + NSEC) % NSEC);
	if (b.len > 10)
		b.ptr[10] = ' ';
	fwrite(b.ptr, 1, b.len, p->f);
	buf_fini(&b);
}

static void
say_count(struct page *p, uint64_t n)
{
	char tmp[32];
	int len = snprintf(tmp, sizeof(tmp), "%llu", (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i != 0 && (len - i) % 3 == 0)
			fputc(',', p->f);
		fputc(tmp[i], p->f);
	}
}

static void
say_bytes(struct page *p, uint64_t n)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double d = (double)n;
	size_t u = 0;

	while (d >= 1000 && u + 1 < NITEMS(units)) {
		d /= 1000;
		u++;
	}
	say(p, u == 0 ? "%.0f %s" : "%.1f %s", d, units[u]);
}

/* Blanks that fill a column. */
static int
pad(const char *s, size_t width)
{
	size_t n = strlen(s);

	return n < width ? (int)(width - n) : 0;
}

/* -- stories ------------------------------------------------------------- */

static void
say_story(struct page *p, size_t n, const struct incident *in)
{
	ink(p, severity_ink(in->severity));
	say(p, "Story %zu: ", n);
	say_safe(p, span_str(in->title));
	ink(p, INK_PLAIN);
	say(p, "\n  %s, confidence %u, from ", severity_name(in->severity),
	    in->confidence);
	say_time(p, in->first_time);
	say(p, " to ");
	say_time(p, in->last_time);
	say(p, "\n\n");
	for (size_t i = 0; i < in->nsteps; i++) {
		const struct step *s = &in->step[i];
		const struct finding *f = p->r->finding[s->finding];

		say(p, "  ");
		say_time(p, s->time);
		ink(p, INK_BOLD);
		say(p, "  %-19s", s->stage);
		ink(p, INK_DIM);
		say(p, " ");
		say_text(p, s->attack);
		say(p, "%*s", pad(s->attack, 9), "");
		ink(p, INK_PLAIN);
		say(p, " ");
		say_text(p, f->title);
		say(p, "\n      ");
		say_safe(p, f->message);
		say(p, "\n");
	}
	say(p, "\n");
}

/* -- findings by host ---------------------------------------------------- */

struct row {
	const struct finding	*f;
	struct span		 host;
	enum severity		 worst;		/* of the host */
	size_t			 index;
};

static struct span
host_of(const struct finding *f)
{
	static const enum entity order[] = {
		ENTITY_HOST, ENTITY_DST_IP, ENTITY_SRC_IP
	};

	for (size_t i = 0; i < NITEMS(order); i++)
		if (f->entity[order[i]].len != 0)
			return f->entity[order[i]];
	return SPAN_LIT("(no host)");
}

static int
span_cmp(struct span a, struct span b)
{
	size_t n = MIN_OF(a.len, b.len);
	int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int
by_host(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return span_cmp(x->host, y->host);
}

static int
by_worst(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c;

	if (x->worst != y->worst)
		return x->worst > y->worst ? -1 : 1;
	if ((c = span_cmp(x->host, y->host)) != 0)
		return c;
	if (x->f->severity != y->f->severity)
		return x->f->severity > y->f->severity ? -1 : 1;
	if ((c = strcmp(x->f->rule, y->f->rule)) != 0)
		return c;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void
say_evidence(struct page *p, const struct finding *f)
{
	for (unsigned i = 0; i < f->nevidence && i < EVIDENCE_SHOWN; i++) {
		const struct evidence *e = &f->evidence[i];
		const char *member = p->r->member(p->r, e->loc.source,
		    e->loc.member);

		say(p, i == 0 ? "    evidence  " : "              ");
		say_safe(p, span_str(p->r->source(p->r, e->loc.source)));
		if (member[0] != '\0') {
			say(p, "!");
			say_safe(p, span_str(member));
		}
		say(p, " record %llu, byte %llu, ",
		    (unsigned long long)e->loc.record,
		    (unsigned long long)e->loc.offset);
		say_time(p, e->time);
		say(p, "\n");
	}
	if (f->count > EVIDENCE_SHOWN)
		say(p, "              and %llu more\n",
		    (unsigned long long)(f->count - EVIDENCE_SHOWN));
}

static void
say_finding(struct page *p, const struct finding *f)
{
	say(p, "  ");
	ink(p, severity_ink(f->severity));
	say(p, "%s", severity_name(f->severity));
	ink(p, INK_BOLD);
	say(p, "  ");
	say_text(p, f->title);
	ink(p, INK_DIM);
	say(p, "  [");
	say_text(p, f->rule);
	say(p, "] ");
	say_text(p, f->attack);
	say(p, "  confidence %u\n", f->confidence);
	ink(p, INK_PLAIN);
	say(p, "    ");
	say_safe(p, f->message);
	say(p, "\n");
	if (f->count > 1) {
		say(p, "    when      ");
		say_time(p, f->time);
		say(p, " to ");
		say_time(p, f->last_time);
		say(p, ", %llu times\n", (unsigned long long)f->count);
	}
	say_evidence(p, f);
	say(p, "    do first  ");
	say_text(p, f->advice);
	say(p, "\n");
}

static void
say_more(struct page *p, size_t n, const char *rule)
{
	say(p, "  and %zu more of [", n);
	say_text(p, rule);
	say(p, "] on this host\n");
}

static void
say_hosts(struct page *p, struct row *row, size_t n)
{
	size_t same = 0;

	for (size_t i = 0; i < n; i++) {
		bool new_host = i == 0 ||
		    !span_eq(row[i].host, row[i - 1].host);

		if (new_host) {
			ink(p, INK_BOLD);
			say(p, "Host ");
			say_safe(p, row[i].host);
			ink(p, INK_PLAIN);
			say(p, "\n");
		}
		same = !new_host &&
		    strcmp(row[i].f->rule, row[i - 1].f->rule) == 0 ?
		    same + 1 : 0;
		if (same < RULE_SHOWN)
			say_finding(p, row[i].f);
		else if (i + 1 == n || !span_eq(row[i].host, row[i + 1].host) ||
		    strcmp(row[i].f->rule, row[i + 1].f->rule) != 0)
			say_more(p, same - RULE_SHOWN + 1, row[i].f->rule);
		if (i + 1 == n || !span_eq(row[i].host, row[i + 1].host))
			say(p, "\n");
	}
}

static void
say_findings(struct page *p)
{
	const struct report *r = p->r;
	struct row *row;
	size_t n = r->nfindings;

	if (n == 0) {
		say(p, "Nothing found.\n\n");
		return;
	}
	if ((row = calloc(n, sizeof(*row))) == NULL) {
		say(p, "Out of memory for the %zu findings.\n", n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		row[i] = (struct row){ r->finding[i], host_of(r->finding[i]),
		    r->finding[i]->severity, i };
	qsort(row, n, sizeof(*row), by_host);
	for (size_t i = 0, k; i < n; i = k) {
		enum severity worst = SEV_INFORMATIONAL;

		for (k = i; k < n && span_eq(row[k].host, row[i].host); k++)
			worst = MAX_OF(worst, row[k].f->severity);
		for (size_t x = i; x < k; x++)
			row[x].worst = worst;
	}
	qsort(row, n, sizeof(*row), by_worst);
	say_hosts(p, row, n);
	free(row);
}

/* -- overviews ------------------------------------------------------------ */

/* Columns are as wide as their widest cell, but for long texts. */
#define CELL_WIDTH_MAX	44u

static void
cell_text(struct buf *b, const struct table_column *col, const struct cell *c)
{
	buf_reset(b);
	switch (col->type) {
	case CELL_TEXT:
		buf_span(b, c->text);
		break;
	case CELL_NUM:
		buf_put_u64(b, c->n);
		break;
	case CELL_TIME:
		if (c->time == TIME_NONE)
			break;
		time_put(b, c->time - ((c->time % NSEC) + NSEC) % NSEC);
		if (b->len > 10)
			b->ptr[10] = ' ';
		break;
	case CELL_LIST:
		for (uint64_t i = 0; i < c->n; i++) {
			if (i != 0)
				buf_str(b, ", ");
			buf_span(b, c->list[i]);
		}
		break;
	}
}

/* What a reader sees as one: bytes that begin a character. */
static size_t
shown(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += (s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static void
say_cell(struct page *p, const struct table_column *col, struct span s,
    size_t width)
{
	size_t n = shown(s), gap = n < width ? width - n : 0;

	if (col->type == CELL_NUM)
		say(p, "%*s", (int)gap, "");
	say_safe(p, s);
	if (col->type != CELL_NUM)
		say(p, "%*s", (int)gap, "");
	say(p, "  ");
}

static void
say_overview(struct page *p, const struct overview *o)
{
	size_t width[16];
	struct buf b;

	buf_init(&b, 64u << 10);
	ink(p, INK_BOLD);
	say(p, "%s\n", o->title);
	ink(p, INK_PLAIN);
	for (size_t k = 0; k < o->ncolumns && k < NITEMS(width); k++) {
		width[k] = strlen(o->column[k].key);
		for (size_t i = 0; i < o->nrows; i++) {
			cell_text(&b, &o->column[k],
			    &o->cell[i * o->ncolumns + k]);
			width[k] = MAX_OF(width[k], MIN_OF(
			    shown(buf_view(&b)), (size_t)CELL_WIDTH_MAX));
		}
	}
	for (size_t i = 0; i <= o->nrows && o->nrows != 0; i++) {
		say(p, "  ");
		for (size_t k = 0; k < o->ncolumns && k < NITEMS(width); k++) {
			if (i != 0)
				cell_text(&b, &o->column[k],
				    &o->cell[(i - 1) * o->ncolumns + k]);
			say_cell(p, &o->column[k], i == 0 ?
			    span_str(o->column[k].key) : buf_view(&b),
			    k + 1 == o->ncolumns ? 0 : width[k]);
		}
		say(p, "\n");
	}
	say(p, o->nrows == 0 ? "  none\n\n" : "\n");
	buf_fini(&b);
}

/* -- what could not be read ---------------------------------------------- */

static void
say_unreadable(struct page *p)
{
	const struct report *r = p->r;

	if (r->nunreadable == 0)
		return;
	ink(p, INK_BOLD);
	say(p, "Not read to the end\n");
	ink(p, INK_PLAIN);
	for (size_t i = 0; i < r->nunreadable; i++) {
		const struct unreadable *u = &r->unreadable[i];

		say(p, "  ");
		say_safe(p, span_str(u->path));
		if (u->member != NULL && u->member[0] != '\0') {
			say(p, "!");
			say_safe(p, span_str(u->member));
		}
		say(p, ": %s", err_text(u->err));
		if (u->why[0] != '\0') {
			say(p, ", ");
			say_text(p, u->why);
		}
		if (u->sys_errno != 0)
			say(p, " (%s)", strerror(u->sys_errno));
		if (u->offset != 0)
			say(p, ", at byte %llu", (unsigned long long)u->offset);
		say(p, "\n");
	}
	say(p, "\n");
}

static void
say_weirds(struct page *p, bool limits)
{
	const struct report *r = p->r;
	bool first = true;

	for (unsigned w = 0; w < WEIRD_COUNT; w++) {
		const struct locator *l = &r->weirds.first[w];

		if (r->weirds.count[w] == 0 || weird_is_limit(w) != limits)
			continue;
		if (first) {
			ink(p, INK_BOLD);
			say(p, limits ? "Limits reached\n" :
			    "Broken or odd input\n");
			ink(p, INK_PLAIN);
			first = false;
		}
		say(p, "  %6llu  %s: %s; first in ",
		    (unsigned long long)r->weirds.count[w], weird_name(w),
		    weird_prose(w));
		say_safe(p, span_str(r->source(r, l->source)));
		say(p, " record %llu, byte %llu\n",
		    (unsigned long long)l->record,
		    (unsigned long long)l->offset);
	}
	if (!first)
		say(p, "\n");
}

static void
say_summary(struct page *p)
{
	const struct report *r = p->r;
	double seconds = 0;

	for (size_t i = 0; i < r->summary.nstages; i++)
		seconds += r->summary.stage[i].seconds;
	say_count(p, r->summary.inputs);
	say(p, " inputs (");
	say_bytes(p, r->summary.bytes);
	say(p, "), ");
	say_count(p, r->summary.records);
	say(p, " records, ");
	say_count(p, r->summary.events);
	say(p, " events; ");
	if (r->summary.duplicates != 0)
		say(p, "%llu copies left out; ",
		    (unsigned long long)r->summary.duplicates);
	if (r->summary.tuned != 0)
		say(p, "%llu findings tuned; ",
		    (unsigned long long)r->summary.tuned);
	say(p, "%zu finding%s in %zu stor%s; %zu not readable; "
	    "%.2f s\n", r->nfindings, r->nfindings == 1 ? "" : "s",
	    r->nincidents, r->nincidents == 1 ? "y" : "ies",
	    r->nunreadable, seconds);
}

static void
text_write(FILE *f, const struct report *r, bool colour)
{
	struct page p = { f, r, colour };

	for (size_t i = 0; i < r->nincidents; i++)
		say_story(&p, i + 1, &r->incident[i]);
	say_findings(&p);
	for (size_t i = 0; i < r->noverviews; i++)
		say_overview(&p, &r->overview[i]);
	say_unreadable(&p);
	say_weirds(&p, true);
	say_weirds(&p, false);
	say_summary(&p);
}

const struct sink sink_text = {
	.name = "text",
	.title = "Readable text, by host, worst first",
	.doc = "Stories, then findings by host with evidence and advice, then "
	    "what could not be read. Colour only on a terminal; control "
	    "characters of the evidence are shown as \\xNN.",
	.ending = ".txt",
	.write = text_write,
};
