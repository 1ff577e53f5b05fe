/* SPDX-License-Identifier: Apache-2.0
 *
 * Data in the names and answers of the DNS, ATT&CK T1071.004, T1572, T1048.003:
 * iodine, dnscat2, dns2tcp, DNS beacons, theft by lookups.
 *
 * Counted are, for each client and registered domain, in WINDOW of event
 * time, the different names below the domain that look like data (base32,
 * base64, hexadecimal, random letters, bytes), by RITA's measure of C2 over
 * DNS (subdomains of a domain), with what Paxson and others (USENIX Security
 * 2013) count: the bytes that the names can carry.  One of these is told:
 * - null: types that nobody asks for by himself (NULL, private ones);
 * - odd: TXT, CNAME, MX, SRV: ODD_MIN names, or large answers to ODD_BIG;
 * - long: any type, LONG_MIN names of LONG_MEAN characters and more;
 * - many: MANY_MIN names, however slow.
 * In all of them most names must be new ones: a tunnel never asks twice.
 * The registered domain is told by a rule for countries and by
 * share/dns/names.txt.
 *
 * Known false alarms: programs that look hashes up, if they are not in
 * share/dns/names.txt and few clients have them; a domain that POPULAR
 * clients and POPULAR_PERCENT of all ask is passed over, and reverse zones,
 * addresses asked of lists (4.3.2.1.list.example), and names that are answered
 * by private addresses (computers of the house).  Missed: data as words of a
 * dictionary or as numbers of addresses, less than LONG_MIN names a day, many
 * domains that take turns.
 *
 * A resolver that asks what others asked it is not told beside them.
 *
 * Cost: a name is split and looked at once, a microsecond; what does not look
 * like data is not kept, but one of ROLL, by which clients are counted.
 * Bounds: PAIRS_MAX of 550 bytes, DOMAINS_MAX of 100; quiet ones make room.
 */
#include "detect.h"

#define NAMES_FILE	"dns/names.txt"
#define LINES_MAX	1024u
#define SET_SIZE	4096u		/* power of two, twice all lines */
#define NAME_MAX_LEN	512u		/* 255 bytes, some escaped */
#define LABELS_MAX	128u		/* RFC 1035: 127 */
#define SUFFIX_LABELS	4u

#define WINDOW		(24 * 3600 * NSEC)
#define PAIRS_MAX	(1u << 16)
#define DOMAINS_MAX	(1u << 16)
#define ASKED_MAX	4u
#define ROLL		64u

#define DATA_MIN	8u	/* characters: shorter ones are words */
#define LETTERS_MIN	16u	/* letters alone are not judged below */
#define NULL_MIN	10u	/* names */
#define ODD_MIN		16u
#define ODD_SURE	100u
#define ODD_BIG		64u
#define BIG_ANSWER	150u	/* bytes, on average */
#define LONG_MIN	16u
#define LONG_MEAN	30u	/* characters */
#define LONG_DATA	1500u	/* characters in all */
#define LONG_SURE	20000u
#define MANY_MIN	200u
#define MANY_MEAN	16u
#define MANY_SURE	1000u
#define NEW_PERCENT	40u
#define POPULAR		4u	/* clients */
#define POPULAR_PERCENT	10u

enum type { TYPE_ADDR, TYPE_TXT, TYPE_NULL, TYPE_OTHER, TYPES };
enum why { WHY_NOT, WHY_NULL, WHY_ODD, WHY_BIG, WHY_LONG, WHY_MANY };

/* -- lists --------------------------------------------------------------- */

#define IN_SUFFIX	1u
#define IN_LISTED	2u

static struct {
	uint64_t	hash;
	unsigned	in;
} set[SET_SIZE];

static unsigned
set_find(uint64_t h)
{
	unsigned at = (unsigned)(h & (SET_SIZE - 1));

	while (set[at].in != 0 && set[at].hash != h)
		at = (at + 1) & (SET_SIZE - 1);
	return at;
}

static unsigned
set_has(struct span s)
{
	return set[set_find(hash_bytes(s.ptr, s.len, 3))].in;
}

static bool
set_add(struct span s, unsigned in)
{
	uint8_t low[256];
	unsigned at;

	if (s.len == 0 || s.len > sizeof(low) ||
	    ascii_lower_copy(low, s) != s.len)
		return false;
	at = set_find(hash_bytes(low, s.len, 3));
	set[at].hash = hash_bytes(low, s.len, 3);
	set[at].in |= in;
	return true;
}

static bool
take_line(const struct span *col, unsigned n)
{
	if (n == 2 && span_eq(col[0], SPAN_LIT("suffix")))
		return set_add(col[1], IN_SUFFIX);
	return n == 3 && span_eq(col[0], SPAN_LIT("hashes")) &&
	    set_add(col[1], IN_LISTED);
}

static bool
load(const char *share, struct buf *why)
{
	memset(set, 0, sizeof(set));
	return share_lines(share, NAMES_FILE, "suffix | NAME or hashes | "
	    "DOMAIN | WHOSE", LINES_MAX, take_line, why);
}

/* -- names --------------------------------------------------------------- */

struct name {
	uint8_t		text[NAME_MAX_LEN];	/* lower case */
	struct span	domain, sub;		/* sub: without its dot */
	uint16_t	label[LABELS_MAX];	/* where each begins */
	unsigned	nlabels;
	bool		listed;
};

static struct span
from_label(const struct name *n, size_t len, unsigned label)
{
	return span_of(n->text + n->label[label], len - n->label[label]);
}

/* co.uk, com.au, ac.jp: below a country's code. */
static bool
is_country_suffix(const struct name *n, size_t len)
{
	static const char *const second[] = {
		"co", "com", "org", "net", "ac", "gov", "edu", "go", "or",
		"ne", "gob", "gub", "gouv", "mil", "nom", "me", "sch", "info",
		"biz"
	};
	unsigned last = n->nlabels - 1;
	struct span s;

	if (len - n->label[last] != 2)
		return false;
	s = span_of(n->text + n->label[last - 1],
	    (size_t)(n->label[last] - n->label[last - 1]) - 1);
	return is_one_of(s, second, NITEMS(second));
}

/* How many labels of the end are not one owner's; marks listed names. */
static unsigned
suffix_labels(struct name *n, size_t len)
{
	unsigned k = is_country_suffix(n, len) ? 2 : 1;

	for (unsigned j = 2; j <= MIN_OF(n->nlabels, SUFFIX_LABELS + 1); j++) {
		unsigned in = set_has(from_label(n, len, n->nlabels - j));

		if ((in & IN_LISTED) != 0)
			n->listed = true;
		if ((in & IN_SUFFIX) != 0 && j <= SUFFIX_LABELS)
			k = MAX_OF(k, j);
	}
	return k;
}

/* false: a name without a part below its domain, or of no interest. */
static bool
split(struct name *n, struct span q)
{
	unsigned k;

	if (span_ends(q, SPAN_LIT(".")))
		q.len--;
	if (q.len == 0 || q.len > sizeof(n->text))
		return false;
	n->nlabels = 1;
	n->label[0] = 0;
	n->listed = false;
	for (size_t i = 0; i < q.len; i++) {
		n->text[i] = ascii_lower(q.ptr[i]);
		if (q.ptr[i] != '.' || (i > 0 && q.ptr[i - 1] == '\\'))
			continue;
		if (n->nlabels == LABELS_MAX)
			return false;
		n->label[n->nlabels++] = (uint16_t)(i + 1);
	}
	q.ptr = n->text;
	if (n->nlabels < 2 || span_ends(q, SPAN_LIT(".arpa")) ||
	    span_ends(q, SPAN_LIT(".local")))
		return false;
	k = suffix_labels(n, q.len);
	if (n->nlabels < k + 2)
		return false;
	n->domain = from_label(n, q.len, n->nlabels - k - 1);
	n->sub = span_of(n->text, q.len - n->domain.len - 1);
	return true;
}

/* -- what looks like data ------------------------------------------------ */

struct look {
	unsigned	len;		/* without dots and hyphens */
	unsigned	digits, letters, vowels, hex, bytes;
	unsigned	mixes;		/* a digit beside a letter */
};

/* \DDD, \xHH or \c stands for one byte: what more there is of it. */
static size_t
escape_rest(struct span s, size_t i)
{
	uint8_t c = i + 1 < s.len ? s.ptr[i + 1] : 0;

	return c == 'x' || ascii_is_digit(c) ? 3 : 1;
}

static struct look
look_at(struct span s)
{
	struct look l = { 0 };
	int before = 0;		/* 1: a digit, 2: a letter */

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		bool digit = ascii_is_digit(c);
		bool letter = c >= 'a' && c <= 'z';
		int now = digit ? 1 : letter ? 2 : 0;

		l.digits += digit;
		l.letters += letter;
		l.hex += ascii_hex(c) >= 0;
		l.vowels += letter && (c == 'a' || c == 'e' || c == 'i' ||
		    c == 'o' || c == 'u');
		l.mixes += now + before == 3;
		before = now;
		if (c == '\\' || c >= 0x80) {
			l.bytes++;
			l.len++;
			if (c == '\\')
				i += escape_rest(s, i);
		} else {
			l.len += now != 0;
		}
	}
	return l;
}

/* Random letters have a fifth of vowels, words two fifths. */
static bool
is_data(const struct look *l)
{
	if (l->len < DATA_MIN)
		return false;
	if (l->bytes * 4 >= l->len)
		return true;
	if (l->hex == l->len && l->letters != 0 && l->digits >= 2 &&
	    (l->digits * 5 >= l->len || l->mixes >= 3))
		return true;
	if (l->letters != 0 && l->mixes * 8 >= l->len)
		return true;
	return l->letters >= LETTERS_MIN &&
	    l->vowels * 100 < l->letters * 27;
}

/* Labels at the beginning that are an address: 4.3.2.1, or the digits of IPv6
 * one by one; 0: there is none. */
static unsigned
address_labels(const struct name *n)
{
	unsigned of_v4 = 0, of_v6 = 0;

	for (unsigned i = 0; i < n->nlabels && n->label[i] < n->sub.len; i++) {
		const uint8_t *p = n->text + n->label[i];
		size_t len = 0;

		/* a dot comes after the sub part at the latest */
		while (len < 3 && ascii_is_digit(p[len]))
			len++;
		of_v4 += i == of_v4 && len != 0 && p[len] == '.';
		of_v6 += i == of_v6 && ascii_hex(p[0]) >= 0 && p[1] == '.';
	}
	return of_v6 >= 16 ? of_v6 : of_v4 >= 4 ? 4 : 0;
}

/* An address asked of a list, and no data behind it. */
static bool
is_address(const struct name *n)
{
	unsigned k = address_labels(n);
	struct look l;

	if (k == 0)
		return false;
	if (k == n->nlabels || n->label[k] >= n->sub.len)
		return true;
	l = look_at(span_sub(n->sub, n->label[k], SIZE_MAX));
	return !is_data(&l);
}

/* -- one question -------------------------------------------------------- */

struct question {
	struct name	n;
	struct addr	src, dst;
	enum type	type;
	unsigned	data;		/* characters; 0: no data */
	uint64_t	answer;		/* bytes */
	bool		known;		/* a listed domain, an address */
	bool		is_private;	/* answered by such addresses */
};

static const uint8_t kinds[] = { KIND_DNS, KIND_NONE };
static const uint16_t fields[] = {
	FIELD_SRC_IP, FIELD_DST_IP, FIELD_DNS_QUERY, FIELD_DNS_QTYPE,
	FIELD_DNS_ANSWERS, FIELD_DNS_ANSWER_BYTES, FIELD_OTHER
};

static enum type
type_of(struct span s)
{
	static const char *const addresses[] = {
		"", "A", "AAAA", "HTTPS", "SVCB"
	};
	static const char *const unasked[] = {
		"NULL", "KEY", "UNSPEC", "EID", "NINFO", "WKS", "SINK"
	};

	if (is_one_of(s, addresses, NITEMS(addresses)))
		return TYPE_ADDR;
	if (span_eq(s, SPAN_LIT("TXT")))
		return TYPE_TXT;
	if (is_one_of(s, unasked, NITEMS(unasked)) ||
	    span_starts_nocase(s, SPAN_LIT("TYPE")) ||
	    span_starts_nocase(s, SPAN_LIT("query-")) ||
	    ascii_is_digit(s.ptr[0]))
		return TYPE_NULL;
	return TYPE_OTHER;
}

static void
take_answers(struct question *q, const struct event *e)
{
	const struct value *list = event_get(e, FIELD_DNS_ANSWERS), *v;
	uint64_t text = 0;
	struct addr a;

	if (list != NULL && list->type == VT_LIST) {
		v = list->ptr;
		for (uint32_t i = 0; i < list->len; i++) {
			if (v[i].type != VT_STR)
				continue;
			text += v[i].len;
			if (addr_parse(span_of(v[i].ptr, v[i].len), &a))
				q->is_private = addr_is_private(&a);
		}
	}
	if (!event_u64(e, FIELD_DNS_ANSWER_BYTES, &q->answer))
		q->answer = text;
}

/* false: of no interest at all. */
static bool
question_of(struct question *q, const struct event *e)
{
	struct look l;

	memset(&q->dst, 0, sizeof(q->dst));
	if (e->time == TIME_NONE || !event_addr(e, FIELD_SRC_IP, &q->src) ||
	    !split(&q->n, event_str(e, FIELD_DNS_QUERY)))
		return false;
	(void)event_addr(e, FIELD_DST_IP, &q->dst);
	q->type = type_of(event_str(e, FIELD_DNS_QTYPE));
	q->is_private = false;
	take_answers(q, e);
	q->known = q->n.listed || is_address(&q->n);
	l = look_at(q->n.sub);
	q->data = is_data(&l) ? l.len : 0;
	return true;
}

/* Looks like data, or is asked as only tunnels ask. */
static bool
is_telling(const struct question *q)
{
	if (q->known)
		return false;
	return q->data != 0 ||
	    (q->type == TYPE_NULL && q->n.sub.len >= 4) ||
	    (q->type != TYPE_ADDR && q->answer >= BIG_ANSWER &&
	    q->n.sub.len >= 5);
}

/* One in ROLL of what a client asks, the same ones in every run. */
static bool
is_roll_call(const struct question *q)
{
	uint64_t h = hash_bytes(q->n.text, q->n.sub.len + 1 + q->n.domain.len,
	    hash_bytes(q->src.b, sizeof(q->src.b), 5));

	return h % ROLL == 0;
}

static void
dns_event(struct detect *d, const struct event *e)
{
	struct question q;

	if (question_of(&q, e) && (is_telling(&q) || is_roll_call(&q)))
		d->keep(d, e);
}

/* -- in order ------------------------------------------------------------ */

struct key {
	struct addr	client;
	uint64_t	domain;		/* hash: only told apart by it */
};

struct pair {
	int64_t		since, last;
	uint64_t	last_name;	/* hash: the same again is one */
	uint32_t	n, data;	/* names; those like data */
	uint32_t	type[TYPES];
	uint32_t	answered, is_private;
	uint64_t	up, down;	/* characters of data; bytes */
	struct sketch	names;
	struct addr	dst;
	struct places	at;
	bool		fresh;
	char		domain[72], sample[72];
};

struct domain {
	uint64_t	clients;	/* bits by hash */
	struct addr	asked[ASKED_MAX];	/* who was asked */
	uint32_t	nasked;
};

struct state {
	struct table	*pairs;		/* struct key */
	struct table	*domains;	/* uint64_t */
	struct crowd	 clients;
};

static bool
dns_init(void *p)
{
	struct state *s = p;

	s->pairs = table_new(sizeof(struct key), sizeof(struct pair),
	    PAIRS_MAX);
	s->domains = table_new(sizeof(uint64_t), sizeof(struct domain),
	    DOMAINS_MAX);
	return s->pairs != NULL && s->domains != NULL;
}

static void
dns_fini(void *p)
{
	struct state *s = p;

	table_free(s->pairs);
	table_free(s->domains);
}

static void
see_domain(struct state *s, const struct key *k, const struct addr *dst)
{
	struct domain *v;
	bool made;

	if ((v = table_put(s->domains, &k->domain, &made)) == NULL)
		return;
	v->clients |= host_bit(&k->client);
	for (uint32_t i = 0; i < v->nasked; i++)
		if (addr_eq(&v->asked[i], dst))
			return;
	if (v->nasked < ASKED_MAX)
		v->asked[v->nasked++] = *dst;
}

/* -- judging ------------------------------------------------------------- */

struct verdict {
	enum why	why;
	enum severity	severity;
	unsigned	confidence;
	uint32_t	names;
};

static struct verdict
verdict(enum why why, bool sure, uint32_t names)
{
	static const uint8_t confidence[][2] = {
		[WHY_NULL] = { 80, 90 }, [WHY_ODD] = { 65, 85 },
		[WHY_BIG] = { 75, 85 }, [WHY_LONG] = { 65, 80 },
		[WHY_MANY] = { 50, 65 }
	};

	return (struct verdict){ .why = why, .names = names,
	    .severity = sure ? SEV_HIGH : SEV_MEDIUM,
	    .confidence = confidence[why][sure] };
}

static struct verdict
judge(const struct pair *p)
{
	const struct verdict no = { WHY_NOT, SEV_LOW, 0, 0 };
	uint32_t names = MIN_OF(sketch_count(&p->names), p->n);
	uint32_t odd = p->type[TYPE_TXT] + p->type[TYPE_NULL] +
	    p->type[TYPE_OTHER];
	uint64_t mean, all;

	if (names < NULL_MIN || names * 100ull < NEW_PERCENT *
	    (uint64_t)p->n)
		return no;
	if (p->type[TYPE_NULL] >= p->n / 2)
		return verdict(WHY_NULL, true, names);
	if (odd >= p->n / 2 && names >= ODD_BIG &&
	    p->down / p->n >= BIG_ANSWER)
		return verdict(WHY_BIG, true, names);
	if (p->data < p->n / 2)
		return no;
	mean = p->up / MAX_OF(p->data, 1u);
	all = mean * names;
	if (odd >= p->n / 2 && names >= ODD_MIN)
		return verdict(WHY_ODD, names >= ODD_SURE ||
		    all >= LONG_DATA, names);
	if (names >= LONG_MIN && mean >= LONG_MEAN && all >= LONG_DATA)
		return verdict(WHY_LONG, all >= LONG_SURE, names);
	if (names >= MANY_MIN && mean >= MANY_MEAN &&
	    p->is_private <= p->answered / 2)
		return verdict(WHY_MANY, names >= MANY_SURE, names);
	return no;
}

/* It asks what others asked it. */
static bool
passes_on(const struct domain *v, const struct addr *client)
{
	if (__builtin_popcountll(v->clients) < 2)
		return false;
	for (uint32_t i = 0; i < v->nasked; i++)
		if (addr_eq(&v->asked[i], client))
			return true;
	return false;
}

static void
put_bytes(struct buf *b, uint64_t n)
{
	if (n < 10000)
		buf_printf(b, "%llu bytes", (unsigned long long)n);
	else if (n < 10000000)
		buf_printf(b, "%llu kB", (unsigned long long)n / 1000);
	else
		buf_printf(b, "%llu MB", (unsigned long long)n / 1000000);
}

static void
put_why(struct buf *b, const struct pair *p, const struct verdict *v)
{
	static const char *const words[TYPES] = {
		"addresses", "TXT", "NULL or private types", "other types"
	};
	const char *by = " (";

	for (unsigned i = 0; i < TYPES; i++)
		if (p->type[i] * 20ull >= p->n) {
			buf_printf(b, "%s%s %u %%", by, words[i],
			    (unsigned)(p->type[i] * 100ull / p->n));
			by = ", ";
		}
	if (p->data != 0)
		buf_printf(b, "), with about %u characters of data each",
		    (unsigned)(p->up / p->data));
	else
		buf_byte(b, ')');
	buf_str(b, ", and got ");
	put_bytes(b, p->down);
	if (v->why == WHY_BIG)
		buf_str(b, ": most of it goes down");
}

static void
tell(struct detect *d, const struct state *s, const struct key *k,
    const struct pair *p)
{
	const struct domain *dom = table_find(s->domains, &k->domain);
	struct verdict v = judge(p);
	unsigned clients, all = crowd_count(&s->clients);
	struct finding f;
	struct arena m;

	if (v.why == WHY_NOT)
		return;
	clients = dom == NULL ? 1 : MAX_OF(host_count(dom->clients), 1u);
	all = MAX_OF(all, clients);
	if (clients >= POPULAR && clients * 100 > all * POPULAR_PERCENT)
		return;
	if (dom != NULL && passes_on(dom, &k->client))
		return;
	arena_init(&m, 4096);
	finding_init(&f, d, NULL);
	finding_places(&f, &p->at);
	f.time = p->since;
	f.last_time = p->last;
	f.severity = v.severity;
	f.confidence = v.confidence;
	f.count = p->n;
	f.entity[ENTITY_SRC_IP] = addr_text(&m, &k->client);
	f.entity[ENTITY_DST_IP] = addr_text(&m, &p->dst);
	f.entity[ENTITY_DOMAIN] = span_str(p->domain);
	buf_span(&d->text, f.entity[ENTITY_SRC_IP]);
	buf_printf(&d->text, " asked for %s%u different names below %s within ",
	    v.names > 20 ? "about " : "", v.names, p->domain);
	text_duration(&d->text, time_diff(p->last, p->since));
	put_why(&d->text, p, &v);
	buf_str(&d->text, "; asked was ");
	buf_span(&d->text, f.entity[ENTITY_DST_IP]);
	buf_printf(&d->text, ", for example for %s; %u of about %u clients "
	    "ask%s such names there", p->sample, clients, all,
	    clients == 1 ? "s" : "");
	buf_span(&d->fold, f.entity[ENTITY_SRC_IP]);
	buf_printf(&d->fold, " %s", p->domain);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
count(struct pair *p, const struct question *q, const struct event *e)
{
	uint64_t h = hash_bytes(q->n.sub.ptr, q->n.sub.len, 3);

	p->last = e->time;
	p->dst = q->dst;
	p->fresh = true;
	if (q->answer != 0) {
		p->down += q->answer;
		p->answered++;
		p->is_private += q->is_private;
	}
	if (h == p->last_name)	/* A and AAAA; question and answer told */
		return;
	p->last_name = h;
	p->n += p->n != UINT32_MAX;
	p->data += q->data != 0;
	p->type[q->type]++;
	p->up += q->data;
	(void)sketch_add(&p->names, q->n.sub.ptr, q->n.sub.len);
	places_add(&p->at, &e->loc, e->time);
}

static void
dns_note(struct detect *d, void *state, const struct event *e)
{
	struct state *s = state;
	struct question q;
	struct pair *p;
	struct key k;
	bool made;

	if (!question_of(&q, e))
		return;
	crowd_add(&s->clients, &q.src);
	if (!is_telling(&q))
		return;
	memset(&k, 0, sizeof(k));
	k.client = q.src;
	k.domain = hash_bytes(q.n.domain.ptr, q.n.domain.len, 3);
	if ((p = table_put(s->pairs, &k, &made)) == NULL)
		return;
	if (!made && time_diff(e->time, p->since) > WINDOW) {
		tell(d, s, &k, p);
		memset(p, 0, sizeof(*p));
		made = true;
	}
	if (made) {
		p->since = e->time;
		set_text(p->domain, sizeof(p->domain), q.n.domain);
		set_text(p->sample, sizeof(p->sample), q.n.sub);
	}
	see_domain(s, &k, &q.dst);
	count(p, &q, e);
}

static void
dns_end(struct detect *d, void *state)
{
	struct state *s = state;
	uint32_t it = 0;
	const void *key;
	void *value;

	while (table_next(s->pairs, &it, &key, &value)) {
		const struct pair *p = value;
		struct key k;		/* lies aligned, as in tables it does
					 * not */

		memcpy(&k, key, sizeof(k));
		if (p->fresh)
			tell(d, s, &k, p);
	}
	if (table_evicted(s->pairs) != 0 || table_evicted(s->domains) != 0)
		weirds_add(d->weirds, WEIRD_DETECTOR_TABLE);
}

/* -- state --------------------------------------------------------------- */

static void
dns_save(const void *state, struct buf *b)
{
	const struct state *s = state;

	crowd_save(&s->clients, b);
	table_save(s->pairs, b);
	table_save(s->domains, b);
}

static bool
dns_restore(void *state, struct cursor *c)
{
	struct state *s = state;
	uint32_t it = 0;
	const void *key;
	void *value;

	if (!crowd_restore(&s->clients, c) || !table_restore(s->pairs, c) ||
	    !table_restore(s->domains, c))
		return false;
	while (table_next(s->pairs, &it, &key, &value)) {
		struct pair *p = value;

		p->at.n = 0;		/* places are of one run */
		p->fresh = false;
		p->domain[sizeof(p->domain) - 1] = '\0';
		p->sample[sizeof(p->sample) - 1] = '\0';
		if (p->n == 0)
			return false;
	}
	for (it = 0; table_next(s->domains, &it, &key, &value);)
		if (((struct domain *)value)->nasked > ASKED_MAX)
			return false;
	return true;
}

const struct detector detector_dns_tunnel = {
	.name = "dns-tunnel",
	.title = "Data carried in names and answers of the DNS",
	.doc = "A client asks, within a day, for many different names below "
	    "one registered domain that look like data: types that nobody asks "
	    "for (NULL, private), TXT, CNAME or MX, long names, or hundreds "
	    "of short ones. False alarms: programs that look hashes up and "
	    "that few clients have (share/dns/names.txt lists known "
	    "ones); domains that a tenth of the clients ask are passed over.",
	.attack = "T1071.004 T1572",
	.advice = "See who owns the domain and which program on the client "
	    "asks; block the domain at the resolver, and let clients ask no "
	    "other one.",
	.severity = SEV_MEDIUM,
	.confidence = 65,
	.kinds = kinds,
	.fields = fields,
	.event = dns_event,
	.load = load,
	.state_size = sizeof(struct state),
	.init = dns_init,
	.note = dns_note,
	.end = dns_end,
	.fini = dns_fini,
	.state_version = 1,
	.save = dns_save,
	.restore = dns_restore,
};
