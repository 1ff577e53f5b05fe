/* SPDX-License-Identifier: Apache-2.0
 *
 * Indicators of compromise in one set, and looking an event up in it.
 *
 * An indicator is a type and the bytes that stand for it: an address is 16
 * bytes, a network 16 with its length behind, an address with port 18; names,
 * URLs, hashes and JA4 are their text in lower case (of URLs the host).  All
 * lie in one hash table; a Bloom filter of 16 bits an indicator, which the
 * cache holds, goes before it, so that what is in no list costs a hash and a
 * load.
 *
 * A name stands for itself and what lies below it, an URL without query for
 * itself with any query.  Networks are looked up by each length there is.
 *
 * The set owns its bytes.  Bounds: IOCS_MAX indicators, POOL_MAX bytes.
 * Made before the workers start, only read by them.
 */
#include <stdlib.h>

#include "codec.h"
#include "rule.h"

#define POOL_MAX	(1u << 30)
#define SLOTS_MIN	1024u
#define BLOOM_BITS	16u		/* an indicator */
#define LABELS_MAX	16u		/* of a name that are looked at */
#define TEXT_MAX	2048u		/* of a value that is looked at */
#define LENGTHS		129u		/* of networks, 0 to 128 */

struct ioc {
	uint32_t	key, note;	/* in pool; note 0: none */
	uint32_t	until;		/* seconds since 1970; 0: for ever */
	uint16_t	key_len, note_len;
	uint16_t	list;
	uint8_t		type;		/* enum ioc_type */
};

/* What is looked up of which field. */
enum what { WHAT_NONE, WHAT_ADDR, WHAT_HOST, WHAT_URL, WHAT_HASH,
	WHAT_HASHES, WHAT_JA4 };

static const struct {
	uint16_t	field;
	uint8_t		what;
	uint16_t	port;
} looked_at[] = {
	{ FIELD_OTHER, WHAT_NONE, FIELD_OTHER },	/* all others */
	{ FIELD_SRC_IP, WHAT_ADDR, FIELD_SRC_PORT },
	{ FIELD_DST_IP, WHAT_ADDR, FIELD_DST_PORT },
	{ FIELD_IP_ADDRESS, WHAT_HOST, FIELD_OTHER },
	{ FIELD_FTP_DATA_IP, WHAT_ADDR, FIELD_OTHER },
	{ FIELD_SOCKS_HOST, WHAT_HOST, FIELD_OTHER },
	{ FIELD_DNS_QUERY, WHAT_HOST, FIELD_OTHER },
	{ FIELD_DNS_ANSWERS, WHAT_HOST, FIELD_OTHER },
	{ FIELD_TLS_SNI, WHAT_HOST, FIELD_OTHER },
	{ FIELD_HTTP_HOST, WHAT_HOST, FIELD_OTHER },
	{ FIELD_HTTP_URI, WHAT_URL, FIELD_OTHER },
	{ FIELD_TLS_JA3, WHAT_HASH, FIELD_OTHER },
	{ FIELD_TLS_JA3S, WHAT_HASH, FIELD_OTHER },
	{ FIELD_TLS_JA4, WHAT_JA4, FIELD_OTHER },
	{ FIELD_TLS_CERT_SHA1, WHAT_HASH, FIELD_OTHER },
	{ FIELD_TLS_CERT_SHA256, WHAT_HASH, FIELD_OTHER },
	{ FIELD_TLS_CLIENT_CERT_SHA1, WHAT_HASH, FIELD_OTHER },
	{ FIELD_TLS_CLIENT_CERT_SHA256, WHAT_HASH, FIELD_OTHER },
	{ FIELD_SSH_HASSH, WHAT_HASH, FIELD_OTHER },
	{ FIELD_SSH_HASSH_SERVER, WHAT_HASH, FIELD_OTHER },
	{ FIELD_FILE_MD5, WHAT_HASH, FIELD_OTHER },
	{ FIELD_FILE_SHA1, WHAT_HASH, FIELD_OTHER },
	{ FIELD_FILE_SHA256, WHAT_HASH, FIELD_OTHER },
	{ FIELD_HASHES, WHAT_HASHES, FIELD_OTHER },
};

struct ioc_set {
	struct ioc	*ioc;
	uint32_t	 n, size;
	uint32_t	*slot;		/* hash table: index + 1 */
	uint32_t	 mask;
	uint64_t	*bloom;		/* made by ioc_set_finish() */
	uint64_t	 bloom_mask;
	uint8_t		*pool;
	size_t		 used, room;
	const struct rule **list;
	uint32_t	 nlists;
	uint32_t	 count[IOC_TYPES];
	uint8_t		 length[LENGTHS];	/* of networks, longest first */
	unsigned	 nlengths;
	bool		 has_length[LENGTHS];
	uint8_t		 at[FIELD_MAX];		/* by field: of looked_at */
};

struct ioc_set *
ioc_set_new(void)
{
	struct ioc_set *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->used = 1;	/* no note is at 0 */
	return s;
}

void
ioc_set_free(struct ioc_set *s)
{
	if (s == NULL)
		return;
	free(s->ioc);
	free(s->slot);
	free(s->bloom);
	free(s->pool);
	free(s->list);
	free(s);
}

size_t
ioc_set_count(const struct ioc_set *s)
{
	return s == NULL ? 0 : s->n;
}

/* -- building ------------------------------------------------------------- */

static uint64_t
key_hash(unsigned type, const void *key, size_t n)
{
	return hash_bytes(key, n, 0x10c + type);
}

static bool
is_same(const struct ioc_set *s, const struct ioc *i, unsigned type,
    const void *key, size_t n)
{
	return i->type == type && i->key_len == n &&
	    memcmp(s->pool + i->key, key, n) == 0;
}

static bool
grow_slots(struct ioc_set *s)
{
	uint32_t size = s->slot == NULL ? SLOTS_MIN : (s->mask + 1) * 2;
	uint32_t *slot = calloc(size, sizeof(*slot));

	if (slot == NULL)
		return false;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct ioc *x = &s->ioc[i];
		uint32_t h = (uint32_t)key_hash(x->type, s->pool + x->key,
		    x->key_len);

		while (slot[h & (size - 1)] != 0)
			h++;
		slot[h & (size - 1)] = i + 1;
	}
	free(s->slot);
	s->slot = slot;
	s->mask = size - 1;
	return true;
}

/* Room for n more bytes and one more indicator. */
static bool
make_room(struct ioc_set *s, size_t n)
{
	if (s->n >= IOCS_MAX || s->used + n > POOL_MAX)
		return false;
	if (s->used + n > s->room) {
		size_t room = MAX_OF(2 * s->room, s->used + n + (64u << 10));
		uint8_t *p = realloc(s->pool, room);

		if (p == NULL)
			return false;
		s->pool = p;
		s->room = room;
	}
	if (s->n == s->size) {
		uint32_t size = MAX_OF(2 * s->size, 256u);
		struct ioc *p = realloc(s->ioc, size * sizeof(*p));

		if (p == NULL)
			return false;
		s->ioc = p;
		s->size = size;
	}
	return s->slot != NULL && s->n < s->mask / 2 ? true : grow_slots(s);
}

static uint32_t
pool_put(struct ioc_set *s, const void *p, size_t n)
{
	uint32_t at = (uint32_t)s->used;

	if (n != 0)
		memcpy(s->pool + at, p, n);
	s->used += n;
	return at;
}

int
ioc_set_list(struct ioc_set *s, const struct rule *rule)
{
	const struct rule **p;

	if (s->nlists == UINT16_MAX)
		return -1;
	p = realloc(s->list, (s->nlists + 1) * sizeof(*p));
	if (p == NULL)
		return -1;
	s->list = p;
	s->list[s->nlists] = rule;
	return (int)s->nlists++;
}

bool
ioc_set_add(struct ioc_set *s, int list, const struct ioc_entry *e)
{
	struct ioc *x;
	uint32_t h;

	if (e->key_len == 0 || !make_room(s, e->key_len + e->note.len))
		return false;
	h = (uint32_t)key_hash(e->type, e->key, e->key_len);
	for (; s->slot[h & s->mask] != 0; h++) {
		x = &s->ioc[s->slot[h & s->mask] - 1];
		if (!is_same(s, x, e->type, e->key, e->key_len))
			continue;
		/* Of one that stands twice the longer time holds. */
		if (x->until != 0 && (e->until == 0 || e->until > x->until))
			x->until = e->until;
		return true;
	}
	s->slot[h & s->mask] = ++s->n;
	x = &s->ioc[s->n - 1];
	*x = (struct ioc){ .type = (uint8_t)e->type, .list = (uint16_t)list,
	    .key_len = (uint16_t)e->key_len, .until = e->until };
	x->key = pool_put(s, e->key, e->key_len);
	x->note_len = (uint16_t)MIN_OF(e->note.len, (size_t)IOC_NOTE_MAX);
	if (x->note_len != 0)
		x->note = pool_put(s, e->note.ptr, x->note_len);
	s->count[e->type]++;
	if (e->type == IOC_NET)
		s->has_length[MIN_OF(e->key[16], LENGTHS - 1)] = true;
	return true;
}

bool
ioc_set_finish(struct ioc_set *s)
{
	uint64_t bits = 4096;

	while (bits < (uint64_t)s->n * BLOOM_BITS)
		bits *= 2;
	free(s->bloom);
	if ((s->bloom = calloc(bits / 64, sizeof(*s->bloom))) == NULL)
		return false;
	s->bloom_mask = bits - 1;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct ioc *x = &s->ioc[i];
		uint64_t h = key_hash(x->type, s->pool + x->key, x->key_len);

		h >>= 20;
		s->bloom[(h & s->bloom_mask) / 64] |= UINT64_C(1) << h % 64;
		h >>= 12;
		s->bloom[(h & s->bloom_mask) / 64] |= UINT64_C(1) << h % 64;
	}
	for (unsigned i = 1; i < NITEMS(looked_at); i++)
		s->at[looked_at[i].field] = (uint8_t)i;
	s->nlengths = 0;
	for (unsigned i = LENGTHS; i-- > 0;)
		if (s->has_length[i])
			s->length[s->nlengths++] = (uint8_t)i;
	return true;
}

/* -- looking up ----------------------------------------------------------- */

static const struct ioc *
find(const struct ioc_set *s, unsigned type, const void *key, size_t n)
{
	uint64_t h = key_hash(type, key, n), b = h >> 20, c = h >> 32;
	uint32_t at = (uint32_t)h;

	if ((s->bloom[(b & s->bloom_mask) / 64] >> b % 64 & 1) == 0 ||
	    (s->bloom[(c & s->bloom_mask) / 64] >> c % 64 & 1) == 0)
		return NULL;
	for (; s->slot[at & s->mask] != 0; at++) {
		const struct ioc *x = &s->ioc[s->slot[at & s->mask] - 1];

		if (is_same(s, x, type, key, n))
			return x;
	}
	return NULL;
}

/* An event on its way through the set. */
struct look {
	const struct ioc_set	*s;
	const struct event	*e;
	struct buf		*text;		/* scratch */
	ioc_fn			*fn;
	void			*arg;
};

/* false: its time is over, so that a wider one may say it. */
static bool
hit(const struct look *l, const struct ioc *x, unsigned field,
    struct span value)
{
	struct ioc_hit h = { .rule = l->s->list[x->list], .type = x->type,
	    .field = field, .value = value,
	    .key = span_of(l->s->pool + x->key, x->key_len),
	    .note = x->note_len == 0 ? SPAN_NONE :
	    span_of(l->s->pool + x->note, x->note_len) };

	if (x->until != 0 && l->e->time != TIME_NONE &&
	    l->e->time / NSEC > x->until)
		return false;
	l->fn(l->arg, &h, l->e);
	return true;
}

static void
mask_addr(uint8_t b[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++, bits -= MIN_OF(bits, 8u))
		if (bits < 8)
			b[i] &= (uint8_t)(0xff00 >> bits);
}

static void
look_addr(const struct look *l, unsigned field, const struct addr *a,
    unsigned port_field)
{
	const struct ioc_set *s = l->s;
	const struct ioc *x;
	uint8_t key[18];
	uint64_t port;

	if (s->count[IOC_ADDR] != 0 &&
	    (x = find(s, IOC_ADDR, a->b, 16)) != NULL)
		hit(l, x, field, SPAN_NONE);
	if (s->count[IOC_ENDPOINT] != 0 && port_field != FIELD_OTHER &&
	    event_u64(l->e, port_field, &port)) {
		memcpy(key, a->b, 16);
		key[16] = (uint8_t)(port >> 8);
		key[17] = (uint8_t)port;
		if ((x = find(s, IOC_ENDPOINT, key, 18)) != NULL)
			hit(l, x, field, SPAN_NONE);
	}
	for (unsigned i = 0; i < s->nlengths; i++) {
		memcpy(key, a->b, 16);
		mask_addr(key, s->length[i]);
		key[16] = s->length[i];
		if ((x = find(s, IOC_NET, key, 17)) != NULL &&
		    hit(l, x, field, SPAN_NONE))
			break;		/* the narrowest says it */
	}
}

/* The name and those that it lies below, but no top-level domain. */
static void
look_name(const struct look *l, unsigned field, struct span name)
{
	uint8_t low[256];
	size_t n, at = 0;

	while (name.len != 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (l->s->count[IOC_DOMAIN] == 0 || name.len > sizeof(low))
		return;
	n = name.len;
	for (size_t i = 0; i < n; i++)
		low[i] = ascii_lower(name.ptr[i]);
	for (unsigned k = 0; k < LABELS_MAX; k++) {
		const uint8_t *dot = memchr(low + at, '.', n - at);
		const struct ioc *x;

		if (dot == NULL)
			return;
		if ((x = find(l->s, IOC_DOMAIN, low + at, n - at)) != NULL &&
		    hit(l, x, field, name))
			return;
		at = (size_t)(dot - low) + 1;
	}
}

/* A name with or without port, or an address. */
static void
look_host(const struct look *l, unsigned field, struct span host)
{
	size_t colon = span_find_byte(host, ':');
	struct addr a;

	if (colon != SPAN_NPOS && addr_parse(host, &a)) {
		look_addr(l, field, &a, FIELD_OTHER);
		return;
	}
	host = span_sub(host, 0, colon);
	if (host.len != 0 && ascii_hex(host.ptr[host.len - 1]) >= 0 &&
	    addr_parse(host, &a))
		look_addr(l, field, &a, FIELD_OTHER);
	else
		look_name(l, field, host);
}

static void
look_hex(const struct look *l, unsigned field, unsigned type, struct span s)
{
	uint8_t low[64];
	const struct ioc *x;

	if (s.len == 0 || s.len > sizeof(low) || l->s->count[type] == 0)
		return;
	for (size_t i = 0; i < s.len; i++)
		low[i] = ascii_lower(s.ptr[i]);
	if ((x = find(l->s, type, low, s.len)) != NULL)
		hit(l, x, field, s);
}

/* "SHA1=…,MD5=…" */
static void
look_hashes(const struct look *l, unsigned field, struct span s)
{
	while (s.len != 0) {
		struct span one = span_sub(s, 0, span_find_byte(s, ','));
		size_t eq = span_find_byte(one, '=');

		s = span_sub(s, one.len + 1, SIZE_MAX);
		if (eq != SPAN_NPOS)
			one = span_sub(one, eq + 1, SIZE_MAX);
		look_hex(l, field, IOC_HASH, span_trim(one));
	}
}

static void
look_url(const struct look *l, unsigned field, struct span uri)
{
	struct span host = event_str(l->e, FIELD_HTTP_HOST), key;
	const struct ioc *x;
	size_t cut;

	if (l->s->count[IOC_URL] == 0 || uri.len == 0 || uri.len > TEXT_MAX)
		return;
	buf_reset(l->text);
	if (uri.ptr[0] == '/') {
		buf_span(l->text, host);
		buf_span(l->text, uri);
	} else {
		buf_span(l->text, uri);
	}
	if (l->text->failed || !ioc_url(l->text))
		return;
	key = buf_view(l->text);
	cut = span_find_byte(key, '?');
	x = find(l->s, IOC_URL, key.ptr, key.len);
	if (x != NULL && hit(l, x, field, uri))
		return;
	if (cut != SPAN_NPOS &&
	    (x = find(l->s, IOC_URL, key.ptr, cut)) != NULL)
		hit(l, x, field, uri);
}

void
ioc_set_demand(const struct ioc_set *s, struct demand *d)
{
	static const uint8_t kinds[] = { KIND_CONN, KIND_HTTP, KIND_DNS,
	    KIND_TLS, KIND_SSH, KIND_SOCKS, KIND_FTP, KIND_FILE,
	    KIND_WINEVENT, KIND_AUTH, KIND_JSON };

	if (s == NULL || s->n == 0)
		return;
	for (size_t i = 0; i < NITEMS(kinds); i++)
		demand_kind(d, kinds[i]);
	for (size_t i = 1; i < NITEMS(looked_at); i++)
		demand_field(d, looked_at[i].field);
	demand_field(d, FIELD_SRC_PORT);
	demand_field(d, FIELD_DST_PORT);
	demand_field(d, FIELD_CONN_STATE);
	demand_field(d, FIELD_DST_PKTS);
}

static void
look_text(const struct look *l, unsigned what, unsigned field, struct span s)
{
	switch ((enum what)what) {
	case WHAT_ADDR:
	case WHAT_HOST: look_host(l, field, s); break;
	case WHAT_URL: look_url(l, field, s); break;
	case WHAT_HASH: look_hex(l, field, IOC_HASH, s); break;
	case WHAT_HASHES: look_hashes(l, field, s); break;
	case WHAT_JA4: look_hex(l, field, IOC_JA4, s); break;
	case WHAT_NONE: break;
	}
}

static void
look_value(const struct look *l, unsigned what, unsigned field, unsigned port,
    const struct value *v)
{
	uint8_t narrow[TEXT_MAX];
	struct addr a;

	if (v->type == VT_ADDR) {
		a = v->len == 4 ? addr_v4(v->ptr) : addr_v6(v->ptr);
		look_addr(l, field, &a, port);
	} else if (v->type == VT_STR) {
		look_text(l, what, field, span_of(v->ptr, v->len));
	} else if (v->type == VT_WSTR && v->len <= sizeof(narrow) &&
	    utf16_lower_ascii(span_of(v->ptr, v->len), narrow)) {
		look_text(l, what, field, span_of(narrow, v->len / 2));
	}
}

void
ioc_event(const struct ioc_set *s, const struct event *e, struct buf *text,
    ioc_fn *fn, void *arg)
{
	const struct look l = { s, e, text, fn, arg };

	for (unsigned i = 0; i < e->nfields; i++) {
		const struct value *v = &e->fields[i].v, *item = v->ptr;
		unsigned k = s->at[v->id];

		if (k == 0)
			continue;
		if (v->type != VT_LIST)
			look_value(&l, looked_at[k].what, v->id,
			    looked_at[k].port, v);
		for (uint32_t n = 0; v->type == VT_LIST && n < v->len; n++)
			look_value(&l, looked_at[k].what, v->id, FIELD_OTHER,
			    &item[n]);
	}
}
