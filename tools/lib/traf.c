/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf: the run, the labels and what behaviours are made from; see traf.h.
 */
#include "traf.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *
more(void *p, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return p;
	*cap = *cap * 2 + 64;
	p = realloc(p, *cap * size);
	if (p == NULL) {
		fprintf(stderr, "traffic: out of memory\n");
		exit(1);
	}
	return p;
}

/* ---- actors: a heap by (moment, order of making) ---- */

static bool
before(const struct actor *x, const struct actor *y)
{
	if (x->next_us != y->next_us)
		return x->next_us < y->next_us;
	return x->order < y->order;
}

static void
sink(struct traf *t, size_t at)
{
	struct actor moved = t->heap[at];
	size_t child;

	while ((child = at * 2 + 1) < t->count) {
		if (child + 1 < t->count &&
		    before(&t->heap[child + 1], &t->heap[child]))
			child++;
		if (!before(&t->heap[child], &moved))
			break;
		t->heap[at] = t->heap[child];
		at = child;
	}
	t->heap[at] = moved;
}

void
traf_add(struct traf *t, const struct actor *a)
{
	struct actor x = *a;
	size_t at;

	x.order = t->order++;
	t->heap = more(t->heap, t->count, &t->cap, sizeof(x));
	at = t->count++;
	while (at > 0 && before(&x, &t->heap[(at - 1) / 2])) {
		t->heap[at] = t->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	t->heap[at] = x;
}

bool
traf_inside(const struct traf *t, int64_t time_us)
{
	return time_us >= t->from_us && time_us < t->until_us;
}

void
traf_run(struct traf *t)
{
	struct actor now;
	struct writer *w;

	while (t->count > 0 && t->heap[0].next_us < t->until_us &&
	    t->flows < t->flows_max) {
		now = t->heap[0];
		t->heap[0] = t->heap[--t->count];
		if (t->count > 0)
			sink(t, 0);
		for (w = t->writers; w != NULL; w = w->next)
			if (w->until != NULL)
				w->until(w, now.next_us);
		now.step(t, &now);
		if (now.next_us < t->until_us)
			traf_add(t, &now);
	}
}

void
traf_fini(struct traf *t)
{
	size_t i, k;

	for (i = 0; i < t->nlabels; i++)
		for (k = 0; k < 5; k++)
			free(t->labels[i].lists[k].addrs);
	free(t->labels);
	free(t->heap);
}

/* ---- flows ---- */

uint64_t
burst_packets(uint64_t bytes, uint64_t other)
{
	return (bytes + 1447) / 1448 + (other + 2895) / 2896;
}

static void
totals(struct flow *f)
{
	struct burst_at at;
	struct bursts b;

	if (f->shape.kind != SHAPE_EVEN) {
		bursts_begin(&b, f);
		while (bursts_next(&b, &at)) {
			f->up += at.up;
			f->down += at.down;
			f->up_pkts += burst_packets(at.up, at.down);
			f->down_pkts += burst_packets(at.down, at.up);
		}
	} else if (f->proto != PROTO_TCP && f->up_pkts == 0) {
		f->up_pkts = (f->up + 1399) / 1400;
		f->down_pkts = (f->down + 1399) / 1400;
	} else if (f->up_pkts == 0) {
		f->up_pkts = burst_packets(f->up, f->down);
		f->down_pkts = burst_packets(f->down, f->up);
	}
	if (f->up_pkts == 0)
		f->up_pkts = 1;
	if (f->proto != PROTO_TCP)
		return;
	if (f->end == END_SILENT || f->end == END_REFUSED)
		f->up_pkts = 1;
	else
		f->up_pkts += 3;
	f->down_pkts += f->end == END_SILENT ? 0 : f->end == END_REFUSED ? 1 :
	    2;
}

void
traf_flow(struct traf *t, struct flow *f)
{
	struct label *l;
	struct writer *w;

	if (!traf_inside(t, f->start_us) || t->flows == t->flows_max)
		return;
	if (f->start_us + f->len_us > t->until_us) {
		f->len_us = t->until_us - f->start_us;
		if (f->proto == PROTO_TCP && f->end == END_FIN)
			f->end = END_OPEN;
	}
	totals(f);
	if (f->label != 0) {
		l = &t->labels[f->label - 1];
		if (l->flows++ == 0 || f->start_us < l->first_us)
			l->first_us = f->start_us;
		if (f->start_us + f->len_us > l->last_us)
			l->last_us = f->start_us + f->len_us;
	} else {
		t->benign_flows++;
	}
	for (w = t->writers; w != NULL; w = w->next)
		w->flow(w, f, t->flows);
	t->flows++;
}

void
flow_tcp(struct flow *f, struct actor *a, uint32_t src, uint32_t dst,
    unsigned port)
{
	memset(f, 0, offsetof(struct flow, name));
	f->name[0] = f->second[0] = '\0';
	f->qtype = f->code = f->etype = 0;
	f->start_us = a->next_us;
	f->src = src;
	f->dst = dst;
	f->sport = rnd_port(&a->rng);
	f->dport = (uint16_t)port;
	f->proto = PROTO_TCP;
	f->label = a->label;
	f->shape.ratio = 1;
	f->shape.own = rng_next(&a->rng);
}

void
flow_udp(struct flow *f, struct actor *a, uint32_t src, uint32_t dst,
    unsigned port)
{
	flow_tcp(f, a, src, dst, port);
	f->proto = PROTO_UDP;
}

void
flow_dns(struct flow *f, struct actor *a, uint32_t src, uint32_t dst,
    const char *name, int qtype, const char *answer)
{
	flow_udp(f, a, src, dst, 53);
	f->app = APP_DNS;
	f->qtype = qtype;
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(f->second, sizeof(f->second), "%s", answer);
	f->len_us = US(rnd_lognormal(&a->rng, dst >> 24 == 10 ? 0.0006 :
	    0.018, 0.7));
	f->up = strlen(name) + 18;
	f->down = f->up + 12 + strlen(answer);
	f->up_pkts = f->down_pkts = 1;
}

/* ---- labels ---- */

static const struct label *
label_of(const struct traf *t, const struct actor *a)
{
	return &t->labels[a->label - 1];
}

static unsigned
param_at(const struct behaviour *row, const char *name, size_t len)
{
	unsigned i;

	for (i = 0; row->params[i].name != NULL; i++)
		if (strlen(row->params[i].name) == len &&
		    memcmp(row->params[i].name, name, len) == 0)
			return i;
	return PARAMS_MAX;
}

double
param(const struct traf *t, const struct actor *a, const char *name)
{
	const struct label *l = label_of(t, a);

	return strtod(l->values[param_at(l->row, name, strlen(name))], NULL);
}

/* index of word in "a|b|c of something"; -1 */
static int
word_index(const char *words, const char *word)
{
	size_t len = strlen(word), part;
	int i;

	for (i = 0; ; i++) {
		part = strcspn(words, "| ");
		if (part == len && memcmp(words, word, len) == 0)
			return i;
		if (words[part] != '|')
			return -1;
		words += part + 1;
	}
}

unsigned
param_word(const struct traf *t, const struct actor *a, const char *name)
{
	const struct label *l = label_of(t, a);
	unsigned at = param_at(l->row, name, strlen(name));
	int i = word_index(l->row->params[at].doc, l->values[at]);

	return i < 0 ? 0 : (unsigned)i;
}

void
label_addr(struct traf *t, const struct actor *a, const char *list,
    uint32_t addr)
{
	struct label *l = &t->labels[a->label - 1];
	struct addr_list *x = l->lists;
	size_t cap;
	uint32_t i;

	while (x->name != NULL && strcmp(x->name, list) != 0)
		x++;
	x->name = list;
	if (x->count >= ADDRS_MAX) {
		x->count++;
		return;
	}
	for (i = x->count; i > 0; i--)
		if (x->addrs[i - 1] == addr)
			return;
	cap = x->cap;
	x->addrs = more(x->addrs, x->count, &cap, sizeof(*x->addrs));
	x->cap = (uint32_t)cap;
	x->addrs[x->count++] = addr;
}

/* "key=value" into the label; NULL or what is wrong */
static const char *
set_param(struct label *l, const char *key, size_t len)
{
	size_t name = strcspn(key, "=");
	const struct param *p;
	unsigned at;
	char *end;

	if (name >= len)
		return "a parameter lacks its value";
	at = param_at(l->row, key, name);
	if (at == PARAMS_MAX)
		return "no such parameter";
	if (len - name > sizeof(l->values[0]))
		return "value too long";
	snprintf(l->values[at], sizeof(l->values[at]), "%.*s",
	    (int)(len - name - 1), key + name + 1);
	p = &l->row->params[at];
	if (strchr(p->doc, '|') != NULL)
		return word_index(p->doc, l->values[at]) < 0 ?
		    "no such value" : NULL;
	if (strtod(l->values[at], &end) < 0 || end == l->values[at] ||
	    *end != '\0')
		return "not a number";
	return NULL;
}

static const struct behaviour *
behaviour_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < nbehaviours; i++)
		if (strlen(behaviours[i].name) == len &&
		    memcmp(behaviours[i].name, name, len) == 0)
			return &behaviours[i];
	return NULL;
}

/* as many uses as its parameter "count" says */
const char *
traf_do(struct traf *t, const char *spec)
{
	size_t len = strcspn(spec, ":"), part, i;
	const struct behaviour *row = behaviour_find(spec, len);
	struct label want = { .row = row, .last_us = INT64_MIN };
	struct label *l;
	struct actor a;
	const char *wrong;
	unsigned count, at;

	if (row == NULL)
		return "no such behaviour (--list names them)";
	for (i = 0; row->params[i].name != NULL; i++)
		snprintf(want.values[i], sizeof(want.values[i]), "%s",
		    row->params[i].value);
	for (spec += len; *spec != '\0'; spec += part) {
		part = strcspn(++spec, ",");
		wrong = set_param(&want, spec, part);
		if (wrong != NULL)
			return wrong;
	}
	at = param_at(row, "count", 5);
	count = (unsigned)strtoul(want.values[at], NULL, 10);
	while (count-- > 0) {
		t->labels = more(t->labels, t->nlabels, &t->label_cap,
		    sizeof(*l));
		l = &t->labels[t->nlabels++];
		*l = want;
		for (i = 0; i + 1 < t->nlabels; i++)
			l->ordinal += t->labels[i].row == row;
		a = (struct actor){ .rng = { rng_next(&t->rng) },
		    .next_us = t->from_us, .label = (uint32_t)t->nlabels };
		row->begin(t, &a);
		if (a.step != NULL)
			traf_add(t, &a);
	}
	return NULL;
}

static const char *
time_text(int64_t time_us, char out[40])
{
	time_t s = (time_t)(time_us / 1000000);
	struct tm tm;

	gmtime_r(&s, &tm);
	snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, (int)(time_us % 1000000));
	return out;
}

static void
put_words(FILE *f, const char *words)
{
	size_t part;

	fputc('[', f);
	while (*words != '\0') {
		part = strcspn(words, " ");
		fprintf(f, "\"%.*s\"", (int)part, words);
		words += part;
		if (*words == ' ') {
			fputc(',', f);
			words++;
		}
	}
	fputc(']', f);
}

static void
put_addrs(FILE *f, const struct addr_list *x, const char *comma)
{
	uint32_t i, a;

	for (i = 0; i < x->count && i < ADDRS_MAX; i++) {
		a = x->addrs[i];
		fprintf(f, "%s\"%u.%u.%u.%u\"", comma, a >> 24,
		    a >> 16 & 255, a >> 8 & 255, a & 255);
		comma = ",";
	}
}

static void
put_label(FILE *f, const struct label *l)
{
	char first[40], last[40];
	const struct addr_list *x;
	unsigned i;

	fprintf(f, "{\"type\":\"label\",\"id\":\"%s-%u\",\"behaviour\":\"%s\""
	    ",\"detectors\":", l->row->name, l->ordinal + 1, l->row->name);
	put_words(f, l->row->detectors);
	fprintf(f, ",\"attack\":");
	put_words(f, l->row->attack);
	fprintf(f, ",\"first\":\"%s\",\"last\":\"%s\",\"flows\":%llu"
	    ",\"about\":", time_text(l->first_us, first),
	    time_text(l->last_us, last), (unsigned long long)l->flows);
	fputc('[', f);
	put_addrs(f, &l->lists[0], "");
	if (param_at(l->row, "sources", 7) != PARAMS_MAX)
		put_addrs(f, &l->lists[1], ",");
	fprintf(f, "],\"entities\":{");
	for (x = l->lists; x < l->lists + 5 && x->name != NULL; x++) {
		fprintf(f, "%s\"%s\":[", x == l->lists ? "" : ",", x->name);
		put_addrs(f, x, "");
		fputc(']', f);
	}
	fprintf(f, "},\"params\":{");
	for (i = 0; l->row->params[i].name != NULL; i++)
		fprintf(f, strchr(l->row->params[i].doc, '|') != NULL ?
		    "%s\"%s\":\"%s\"" : "%s\"%s\":%s", i == 0 ? "" : ",",
		    l->row->params[i].name, l->values[i]);
	fprintf(f, "}}\n");
}

void
traf_labels(struct traf *t, FILE *f, const char *args)
{
	char from[40], until[40];
	size_t i;

	fprintf(f, "{\"type\":\"run\",\"seed\":%llu,\"from\":\"%s\","
	    "\"until\":\"%s\",\"hosts\":%u,\"flows\":%llu,"
	    "\"benign_flows\":%llu,\"args\":\"%s\"}\n",
	    (unsigned long long)t->seed, time_text(t->from_us, from),
	    time_text(t->until_us, until), t->hosts,
	    (unsigned long long)t->flows,
	    (unsigned long long)t->benign_flows, args);
	benign_roles(t, f);
	for (i = 0; i < t->nlabels; i++)
		if (t->labels[i].flows != 0)
			put_label(f, &t->labels[i]);
}

/* ---- addresses ---- */

uint32_t
addr_server(unsigned n)
{
	return IN(0, 1, 10 + n % NSERVERS);
}

/* 200 workstations in a net of 256 addresses, eight nets in a site */
uint32_t
addr_host(const struct traf *t, unsigned n)
{
	n %= t->hosts;
	return IN(1 + n / 1600, n / 200 % 8, 20 + n % 200);
}

uint32_t
addr_site(unsigned n)
{
	return IP4(198, 18, 0, 0) + (n * 40503u + 77) % 0x1fe00u;
}

uint32_t
addr_intruder(struct traf *t)
{
	unsigned n = t->intruders++;

	return (n & 1 ? IP4(203, 0, 113, 0) : IP4(198, 51, 100, 0)) +
	    1 + n / 2 * 7 % 254;
}

/* a net's router is its first address; one a started 200 hosts */
unsigned
traf_nrouters(const struct traf *t)
{
	return t->hosts <= 200 ? 1 : (t->hosts + 199) / 200;
}

uint32_t
addr_router(const struct traf *t, unsigned n)
{
	return (addr_host(t, n % traf_nrouters(t) * 200) & 0xffffff00u) | 1;
}

/* home routers and other edge devices of a provider's customers */
uint32_t
addr_edge(struct traf *t)
{
	return IP4(198, 19, 254, 0) + t->edges++ % 510 + 1;
}

uint32_t
addr_victim(struct traf *t)
{
	return addr_host(t, 3 + t->victims++ * 7);
}

const char *
site_name(unsigned n, char out[64])
{
	static const char *const first[] = { "www", "cdn", "api", "img",
	    "static", "app", "login", "news", "shop", "media" };
	static const char *const top[] = { "example.com", "example.net",
	    "example.org" };

	snprintf(out, 64, "%s.s%u.%s", first[n * 7 % 10], n, top[n % 3]);
	return out;
}
