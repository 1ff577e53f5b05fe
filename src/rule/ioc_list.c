/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of indicators of compromise: one a line, CSV (RFC 4180) and the like,
 * MISP's and STIX' JSON (ioc_json.c).
 *
 * A line has cells, divided by commas, semicolons or tabs; a first line that
 * names its columns says which of them are indicators and which is the note,
 * else the first cell is taken that looks like an indicator.  Comments begin
 * with # or ; and may name the columns too, as abuse.ch does.  Lists in the
 * form of a hosts file name what lies behind 0.0.0.0 or 127.0.0.1.
 *
 * What would cry wolf is left out and counted: private and reserved addresses,
 * networks wider than WIDE_V4 and WIDE_V6, names that everybody uses
 * (share/ioc/known.txt), names of files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec.h"
#include "rule.h"

#define WIDE_V4		8u
#define WIDE_V6		19u
#define CELLS_MAX	64u
#define MATCH_LINES	64u	/* looked at to know a list */
#define KNOWN_MAX	4096u
#define KNOWN_SEED	7u

struct ioc_reader {
	struct program	*p;
	int		 list;
	struct table	*known;		/* hashes of names; or NULL */
	bool		 full;
	/* CSV: by column */
	bool		 is_value[CELLS_MAX], is_note[CELLS_MAX];
	bool		 has_header;
};

const char *
ioc_left_text(enum ioc_left why)
{
	static const char *const text[IOC_LEFT_COUNT] = {
		[IOC_TAKEN] = "taken",
		[IOC_NOT_READ] = "not understood",
		[IOC_RESERVED] = "private or reserved addresses",
		[IOC_KNOWN] = "names that everybody uses",
		[IOC_WIDE] = "networks that are too wide",
		[IOC_FILE] = "names of files",
	};

	return text[why];
}

/* -- what a text stands for ------------------------------------------------ */

/* Makes "hxxps[:]//evil[.]example" what it was. */
static size_t
refang(struct span s, uint8_t *out, size_t size)
{
	static const struct {
		const char	*from, *to;
	} forms[] = {
		{ "[.]", "." }, { "(.)", "." }, { "{.}", "." },
		{ "[dot]", "." }, { "(dot)", "." }, { "[:]", ":" },
		{ "[://]", "://" }, { "[/]", "/" }, { "\\.", "." },
	};
	size_t n = 0;

	for (size_t i = 0; i < s.len && n + 4 < size;) {
		struct span rest = span_sub(s, i, SIZE_MAX);
		size_t k = 0;

		if (strchr("[({\\", s.ptr[i]) == NULL || s.ptr[i] == '\0') {
			out[n++] = s.ptr[i++];
			continue;
		}
		for (; k < NITEMS(forms); k++)
			if (span_starts_nocase(rest, span_str(forms[k].from)))
				break;
		if (k == NITEMS(forms)) {
			out[n++] = s.ptr[i++];
			continue;
		}
		memcpy(out + n, forms[k].to, strlen(forms[k].to));
		n += strlen(forms[k].to);
		i += strlen(forms[k].from);
	}
	if (span_starts_nocase(span_of(out, n), SPAN_LIT("hxxp")))
		out[1] = out[2] = 't';
	return n;
}

static bool
is_hex(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (ascii_hex(s.ptr[i]) < 0)
			return false;
	return s.len == 32 || s.len == 40 || s.len == 64;
}

/* t13d1516h2_8daaf6152771_02713d6af862 */
static bool
is_ja4(struct span s)
{
	if (s.len != 36 || (s.ptr[0] != 't' && s.ptr[0] != 'q') ||
	    s.ptr[10] != '_' || s.ptr[23] != '_')
		return false;
	for (size_t i = 11; i < s.len; i++)
		if (i != 23 && ascii_hex(s.ptr[i]) < 0)
			return false;
	return true;
}

static bool
is_file_ending(struct span label)
{
	static const char *const endings[] = {
		"exe", "dll", "sys", "php", "asp", "aspx", "jsp", "js", "html",
		"htm", "txt", "log", "ps1", "bat", "cmd", "vbs", "jar", "doc",
		"docx", "xls", "xlsx", "pdf", "bin", "tmp", "dat", "lnk",
		"rar", "7z", "gz", "iso", "img", "elf", "scr", "hta", "dylib",
		"yar", "yara", "json", "xml", "csv", "png", "jpg", "gif"
	};

	for (size_t i = 0; i < NITEMS(endings); i++)
		if (span_eq_nocase(label, span_str(endings[i])))
			return true;
	return false;
}

/* Letters, digits, - and _ in labels, of which the last is no number. */
static bool
is_name(struct span s)
{
	size_t label = 0, dots = 0;

	if (s.len < 4 || s.len > 253)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = ascii_lower(s.ptr[i]);

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			dots++;
		} else if (!(c >= 'a' && c <= 'z') && !(c >= '0' &&
		    c <= '9') && c != '-' && c != '_' && c < 0x80) {
			return false;
		} else {
			label++;
		}
	}
	while (label > 0 && s.ptr[s.len - label] >= '0' &&
	    s.ptr[s.len - label] <= '9')
		label--;
	return dots != 0 && label >= 2;
}

static enum ioc_left
put_key(struct ioc_entry *e, enum ioc_type type, const void *key, size_t n)
{
	e->type = type;
	memcpy(e->key, key, n);
	e->key_len = n;
	return IOC_TAKEN;
}

static enum ioc_left
put_lower(struct ioc_entry *e, enum ioc_type type, struct span s)
{
	e->type = type;
	e->key_len = s.len;
	for (size_t i = 0; i < s.len; i++)
		e->key[i] = ascii_lower(s.ptr[i]);
	return IOC_TAKEN;
}

/* Nobody on the Internet: RFC 6890 and what is not unicast. */
static bool
is_reserved(const struct addr *a)
{
	const uint8_t *b = a->b + 12;

	if (addr_is_private(a))
		return true;
	if (addr_is_v4(a))
		return b[0] == 0 || b[0] == 127 || b[0] >= 224 ||
		    (b[0] == 169 && b[1] == 254) ||
		    (b[0] == 100 && (b[1] & 0xc0) == 64);
	return (a->b[0] & 0xe0) != 0x20;	/* global unicast is 2000::/3 */
}

static enum ioc_left
guess_net(struct span s, size_t slash, struct ioc_entry *e)
{
	struct addr a;
	uint64_t bits;
	uint8_t key[17];

	if (!addr_parse(span_sub(s, 0, slash), &a) ||
	    !span_u64(span_sub(s, slash + 1, SIZE_MAX), &bits) ||
	    bits > (addr_is_v4(&a) ? 32u : 128u))
		return IOC_NOT_READ;
	if (is_reserved(&a))
		return IOC_RESERVED;
	if (bits < (addr_is_v4(&a) ? WIDE_V4 : WIDE_V6))
		return IOC_WIDE;
	bits += addr_is_v4(&a) ? 96 : 0;
	memcpy(key, a.b, 16);
	for (unsigned i = 0; i < 16; i++)
		key[i] &= bits >= 8 * i + 8 ? 0xff : bits <= 8 * i ? 0 :
		    (uint8_t)(0xff00 >> (bits - 8 * i));
	key[16] = (uint8_t)bits;
	return put_key(e, IOC_NET, key, sizeof(key));
}

/* 192.0.2.1:443, [2001:db8::1]:443 */
static enum ioc_left
guess_endpoint(struct span s, size_t colon, struct ioc_entry *e)
{
	struct span host = span_sub(s, 0, colon);
	struct addr a;
	uint64_t port;
	uint8_t key[18];

	if (host.len > 2 && host.ptr[0] == '[')
		host = span_sub(host, 1, host.len - 2);
	if (!addr_parse(host, &a) || !span_u64(span_sub(s, colon + 1,
	    SIZE_MAX), &port) || port == 0 || port > 65535)
		return IOC_NOT_READ;
	if (is_reserved(&a))
		return IOC_RESERVED;
	memcpy(key, a.b, 16);
	key[16] = (uint8_t)(port >> 8);
	key[17] = (uint8_t)port;
	return put_key(e, IOC_ENDPOINT, key, sizeof(key));
}

bool
ioc_url(struct buf *b)
{
	struct span s = buf_view(b), host;
	size_t at = span_find(s, SPAN_LIT("://")), end, cut, n;

	if (at != SPAN_NPOS && at < 8)
		s = span_sub(s, at + 3, SIZE_MAX);
	s = span_sub(s, 0, span_find_byte(s, '#'));
	end = MIN_OF(span_find_byte(s, '/'), span_find_byte(s, '?'));
	host = span_sub(s, 0, end);
	s = span_sub(s, host.len, SIZE_MAX);
	if ((cut = span_find_byte(host, '@')) != SPAN_NPOS)
		host = span_sub(host, cut + 1, SIZE_MAX);
	if (span_ends(host, SPAN_LIT(":80")))
		host.len -= 3;
	else if (span_ends(host, SPAN_LIT(":443")))
		host.len -= 4;
	if (host.len == 0 || host.len > 300)
		return false;
	n = host.len;
	memmove(b->ptr, host.ptr, n);
	for (size_t i = 0; i < n; i++)
		b->ptr[i] = ascii_lower(b->ptr[i]);
	/* What goes away in front is more than the slash that comes. */
	if (s.len != 0)
		memmove(b->ptr + n, s.ptr, s.len);
	b->len = n + s.len;
	if (s.len == 0)
		buf_byte(b, '/');
	return !b->failed;
}

static enum ioc_left
guess_url(struct span s, struct ioc_entry *e)
{
	enum ioc_left got = IOC_NOT_READ;
	struct buf b;

	buf_init(&b, IOC_KEY_MAX);
	buf_span(&b, s);
	if (!b.failed && ioc_url(&b))
		got = put_key(e, IOC_URL, b.ptr, b.len);
	buf_fini(&b);
	return got;
}

enum ioc_left
ioc_guess(struct span text, struct ioc_entry *e)
{
	uint8_t plain[IOC_KEY_MAX];
	struct span s = span_trim(text);
	struct addr a;
	size_t at;

	if (s.len < 3 || s.len > 1500)
		return IOC_NOT_READ;
	s = span_of(plain, refang(s, plain, sizeof(plain)));
	if (addr_parse(s, &a))
		return is_reserved(&a) ? IOC_RESERVED :
		    put_key(e, IOC_ADDR, a.b, sizeof(a.b));
	if (is_hex(s))
		return put_lower(e, IOC_HASH, s);
	if (is_ja4(s))
		return put_lower(e, IOC_JA4, s);
	at = span_find(s, SPAN_LIT("://"));
	if (at != SPAN_NPOS)
		return at >= 2 && at < 8 ? guess_url(s, e) : IOC_NOT_READ;
	for (at = s.len; at > 0 && s.ptr[at - 1] != ':'; at--)
		;
	if (at > 1 && guess_endpoint(s, at - 1, e) != IOC_NOT_READ)
		return guess_endpoint(s, at - 1, e);
	if ((at = span_find_byte(s, '/')) != SPAN_NPOS) {
		if (guess_net(s, at, e) != IOC_NOT_READ)
			return guess_net(s, at, e);
		return is_name(span_sub(s, 0, at)) ? guess_url(s, e) :
		    IOC_NOT_READ;
	}
	if (span_starts(s, SPAN_LIT("*.")))
		s = span_sub(s, 2, SIZE_MAX);
	while (s.len != 0 && s.ptr[s.len - 1] == '.')
		s.len--;
	if (!is_name(s))
		return IOC_NOT_READ;
	for (at = s.len; s.ptr[at - 1] != '.'; at--)
		;
	if (is_file_ending(span_sub(s, at, SIZE_MAX)))
		return IOC_FILE;
	return put_lower(e, IOC_DOMAIN, s);
}

void
ioc_put(struct buf *b, enum ioc_type type, struct span key)
{
	const uint8_t *p = key.ptr;
	struct addr a;

	switch (type) {
	case IOC_ADDR:
		addr_put(b, p, 16);
		break;
	case IOC_NET:
		memcpy(a.b, p, 16);
		addr_put(b, p, 16);
		buf_printf(b, "/%u", addr_is_v4(&a) && p[16] >= 96 ?
		    p[16] - 96u : p[16]);
		break;
	case IOC_ENDPOINT:
		addr_put(b, p, 16);
		buf_printf(b, " port %u", (unsigned)p[16] << 8 | p[17]);
		break;
	default:
		buf_span(b, key);
		break;
	}
}

/* -- taking ---------------------------------------------------------------- */

/* A name in the list of those that everybody uses, itself and not below. */
static bool
is_known(const struct ioc_reader *r, const struct ioc_entry *e)
{
	uint64_t h = hash_bytes(e->key, e->key_len, KNOWN_SEED);

	return e->type == IOC_DOMAIN && r->known != NULL &&
	    table_find(r->known, &h) != NULL;
}

void
ioc_leave(struct ioc_reader *r, enum ioc_left why)
{
	r->p->ioc_left[why]++;
}

void
ioc_take(struct ioc_reader *r, struct span text, struct span note,
    uint32_t until)
{
	struct ioc_entry e;		/* large: not cleared */
	enum ioc_left got = ioc_guess(text, &e);

	if (got == IOC_TAKEN && is_known(r, &e))
		got = IOC_KNOWN;
	r->p->ioc_left[got]++;
	if (got != IOC_TAKEN)
		return;
	e.note = span_trim(note);
	e.note.len = MIN_OF(e.note.len, (size_t)IOC_NOTE_MAX);
	e.until = until;
	if (!ioc_set_add(r->p->iocs, r->list, &e))
		r->full = true;
}

/* -- lines ----------------------------------------------------------------- */

static bool
is_separator(uint8_t c)
{
	return c == ',' || c == ';' || c == '\t';
}

/* The cells of a line; quotes are taken off, doubled ones inside are left. */
static unsigned
split(struct span line, struct span *cell)
{
	unsigned n = 0;

	while (n < CELLS_MAX) {
		struct span s = line;
		size_t len = 0;

		while (s.len != 0 && s.ptr[0] == ' ')
			s = span_sub(s, 1, SIZE_MAX);
		if (s.len != 0 && s.ptr[0] == '"') {
			for (len = 1; len < s.len; len++) {
				if (s.ptr[len] != '"')
					continue;
				if (len + 1 < s.len && s.ptr[len + 1] == '"')
					len++;
				else
					break;
			}
			cell[n++] = span_sub(s, 1, len - 1);
			s = span_sub(s, len + 1, SIZE_MAX);
			len = 0;
			while (len < s.len && !is_separator(s.ptr[len]))
				len++;
		} else {
			while (len < s.len && !is_separator(s.ptr[len]))
				len++;
			cell[n++] = span_trim(span_sub(s, 0, len));
		}
		if (len >= s.len)
			break;
		line = span_sub(s, len + 1, SIZE_MAX);
	}
	return n;
}

static bool
named(struct span cell, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq_nocase(cell, span_str(names[i])))
			return true;
	return false;
}

/* A line that names the columns. */
static bool
take_header(struct ioc_reader *r, const struct span *cell, unsigned n)
{
	static const char *const values[] = {
		"value", "ioc", "ioc_value", "indicator", "indicator_value",
		"url", "dst_ip", "dstip", "src_ip", "ip", "ip_address",
		"ipaddress", "address", "domain", "hostname", "fqdn", "md5",
		"sha1", "sha256", "md5_hash", "sha1_hash", "sha256_hash",
		"ja3", "ja3_md5", "ja4", "ja3_fingerprint", "hash", "cidr",
		"network", "observable"
	};
	static const char *const notes[] = {
		"comment", "description", "malware", "malware_printable",
		"threat", "listingreason", "listing_reason", "signature",
		"tags", "threat_type", "note", "notes", "title"
	};
	bool is_value[CELLS_MAX], any = false;

	for (unsigned i = 0; i < n; i++) {
		is_value[i] = named(cell[i], values, NITEMS(values));
		any |= is_value[i];
	}
	if (!any || r->has_header)
		return false;
	r->has_header = true;
	for (unsigned i = 0; i < n; i++) {
		r->is_value[i] = is_value[i];
		r->is_note[i] = named(cell[i], notes, NITEMS(notes));
	}
	return true;
}

static struct span
note_of(const struct ioc_reader *r, const struct span *cell, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (r->is_note[i] && cell[i].len != 0)
			return cell[i];
	return SPAN_NONE;
}

/* "0.0.0.0 name", "indicator  # note", "indicator note" */
static void
take_plain(struct ioc_reader *r, struct span s)
{
	size_t at = 0;
	struct span first, rest;

	while (at < s.len && s.ptr[at] != ' ' && s.ptr[at] != '\t')
		at++;
	first = span_sub(s, 0, at);
	rest = span_trim(span_sub(s, at, SIZE_MAX));
	if (rest.len != 0 && (span_eq(first, SPAN_LIT("0.0.0.0")) ||
	    span_eq(first, SPAN_LIT("127.0.0.1")))) {
		if (!span_eq(rest, SPAN_LIT("localhost")))
			take_plain(r, rest);
		return;
	}
	while (rest.len != 0 && (rest.ptr[0] == '#' || rest.ptr[0] == ';' ||
	    rest.ptr[0] == ' '))
		rest = span_sub(rest, 1, SIZE_MAX);
	ioc_take(r, first, rest, 0);
}

static void
take_cells(struct ioc_reader *r, const struct span *cell, unsigned n)
{
	struct ioc_entry e;

	if (r->has_header) {
		for (unsigned i = 0; i < n; i++)
			if (r->is_value[i] && cell[i].len != 0)
				ioc_take(r, cell[i], note_of(r, cell, n), 0);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (ioc_guess(cell[i], &e) == IOC_NOT_READ)
			continue;
		ioc_take(r, cell[i], i + 1 < n ? cell[i + 1] : SPAN_NONE, 0);
		return;
	}
	r->p->ioc_left[IOC_NOT_READ]++;
}

static struct span
next_line(struct span *rest)
{
	struct span line = span_sub(*rest, 0, span_find_byte(*rest, '\n'));

	*rest = span_sub(*rest, line.len + 1, SIZE_MAX);
	if (line.len != 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	return line;
}

static void
take_line(struct ioc_reader *r, struct span line)
{
	struct span cell[CELLS_MAX], s = span_trim(line);
	bool comment = s.len != 0 && (s.ptr[0] == '#' || s.ptr[0] == ';' ||
	    span_starts(s, SPAN_LIT("//")));
	unsigned n;

	if (s.len == 0)
		return;
	while (comment && s.len != 0 && (s.ptr[0] == '#' || s.ptr[0] == ' '))
		s = span_sub(s, 1, SIZE_MAX);
	n = split(s, cell);
	if ((n > 1 && take_header(r, cell, n)) || comment)
		return;
	if (n > 1 || r->has_header)
		take_cells(r, cell, n);
	else
		take_plain(r, n == 1 ? cell[0] : s);
}

/* -- the language ---------------------------------------------------------- */

static bool
is_json(struct span text)
{
	return text.len != 0 && (text.ptr[0] == '{' || text.ptr[0] == '[');
}

int
ioc_match(const char *path, struct span text)
{
	struct span rest = text, head = span_sub(text, 0, 1u << 20);
	unsigned good = 0, all = 0;

	(void)path;
	if (is_json(span_trim(head)))
		return (span_find(head, SPAN_LIT("\"indicator\"")) != SPAN_NPOS
		    && span_find(head, SPAN_LIT("\"pattern\"")) != SPAN_NPOS)
		    || span_find(head, SPAN_LIT("\"Attribute\"")) != SPAN_NPOS
		    || span_find(head, SPAN_LIT("\"to_ids\"")) != SPAN_NPOS ?
		    85 : 0;
	for (unsigned i = 0; i < 4 * MATCH_LINES && all < MATCH_LINES &&
	    rest.len != 0; i++) {
		struct span line = span_trim(next_line(&rest));
		struct span cell[CELLS_MAX];
		struct ioc_entry e;
		bool hit = false;
		unsigned n;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		n = split(line, cell);
		for (unsigned k = 0; k < n && !hit; k++) {
			size_t end = span_find_byte(cell[k], ' ');

			hit = ioc_guess(span_sub(cell[k], 0, end), &e) !=
			    IOC_NOT_READ;
		}
		good += hit;
		all++;
	}
	return good != 0 && 2 * good >= all ? 60 : 0;
}

static void
read_known(struct ioc_reader *r, const struct rule_options *opt)
{
	char path[4096], line[256];
	FILE *f;
	bool made;

	if (opt->share == NULL || snprintf(path, sizeof(path),
	    "%s/ioc/known.txt", opt->share) >= (int)sizeof(path) ||
	    (f = fopen(path, "re")) == NULL)
		return;
	r->known = table_new(sizeof(uint64_t), 1, KNOWN_MAX);
	while (r->known != NULL && fgets(line, sizeof(line), f) != NULL) {
		struct span s = span_trim(span_str(line));
		uint64_t h = hash_bytes(s.ptr, s.len, KNOWN_SEED);

		table_put(r->known, &h, &made);
	}
	fclose(f);
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* A list is a rule, which its hits are findings of. */
static const struct rule *
list_rule(struct program *p, const char *path)
{
	struct rule *rule = arena_zalloc(&p->arena, sizeof(*rule));
	char text[512];

	if (rule == NULL)
		return NULL;
	snprintf(text, sizeof(text), "ioc:%s", base_of(path));
	rule->id = program_text(p, span_str(text));
	snprintf(text, sizeof(text), "Indicator in the list %s",
	    base_of(path));
	rule->title = program_text(p, span_str(text));
	rule->language = "ioc";
	rule->attack = "";
	rule->advice = "Find out from the list what the indicator stands for "
	    "and how old it is; look at what the host did before and after.";
	rule->path = path;
	rule->severity = SEV_HIGH;
	rule->confidence = 75;
	return rule;
}

void
ioc_load(struct program *p, const struct rule_options *opt, const char *path,
    struct span text, void *ahead)
{
	struct ioc_reader r = { .p = p };
	const struct rule *rule = list_rule(p, path);
	const char *why = NULL;
	unsigned line = 0;

	(void)ahead;
	if (p->iocs == NULL)
		p->iocs = ioc_set_new();
	if (rule == NULL || p->iocs == NULL ||
	    (r.list = ioc_set_list(p->iocs, rule)) < 0) {
		p->stopped = true;
		return;
	}
	read_known(&r, opt);
	if (span_starts(text, SPAN_LIT("\xef\xbb\xbf")))
		text = span_sub(text, 3, SIZE_MAX);
	if (is_json(span_trim(text)))
		line = ioc_read_json(&r, text, &why);
	else
		while (text.len != 0 && !r.full)
			take_line(&r, next_line(&text));
	table_free(r.known);
	if (line != 0)
		program_fault(p, path, line, 1, "%s", why);
	if (r.full)
		program_fault(p, path, 0, 0, "more indicators than are kept");
}

bool
ioc_finish(struct program *p)
{
	return p->iocs == NULL || ioc_set_finish(p->iocs);
}
