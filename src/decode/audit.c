/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of the Linux audit system, joined to events; what auditd's own files
 * and audit records in syslog share.
 *
 *	[node=N ]type=T msg=audit(SECONDS.MS:SERIAL): key=value ...
 *
 * (auditd.conf(5), auditctl(8), linux/audit.h).  The records of one event have
 * the same time and serial, may be mixed with those of others, and come in any
 * order.  Values are bare, "quoted", or, where somebody could choose their
 * bytes, in hexadecimal: hex stands bare, so quotes tell the two apart.
 * msg='...' nests one level.  Enriched logs put 0x1d behind a record and then
 * what the numbers meant on that host, keys in upper case.  ausearch -i prints
 * values translated, without quotes: there a value ends where the next " key="
 * begins.
 *
 * One event of kind auditd is told for each event: keys are field names, a key
 * that several records have is a list.  The registers of an execve are
 * pointers, so a0, a1... are its arguments then.  A start that succeeded is
 * also told as kind process, with the parent as earlier records show it, and a
 * USER_LOGIN as kind auth.
 *
 * Ownership: a struct audit owns the records that wait, each event in a buffer;
 * what is told points into the batch's arena.
 *
 * Bounds: PENDING_MAX events wait, AUDIT_WAIT by their own time; of each
 * EVENT_TEXT_MAX bytes, of all WAIT_TEXT_MAX; ARGS_MAX arguments, PARTS_MAX
 * parts of them, ENTRIES_MAX values; PROCS_MAX processes are remembered, the
 * least recently used goes.
 */
#include <stdlib.h>

#include "codec.h"
#include "decode.h"

#define PENDING_MAX	64u	/* records of an event come within some 10 */
#define AUDIT_WAIT	(2 * NSEC)	/* as auditd's end_of_event_timeout */
#define EVENT_TEXT_MAX	(256u << 10)	/* an execve may be longer: cut */
#define WAIT_TEXT_MAX	(2u << 20)
#define ARGS_MAX	4096u
#define PARTS_MAX	1024u	/* of split arguments; 128 KB come in 18 */
#define ARG_FIELDS_MAX	128u	/* a0 to a127; all are in CommandLine */
#define ENTRIES_MAX	1024u	/* a long event has some 200 */
#define CREATED_MAX	16u
#define PROCS_MAX	4096u
#define IMAGE_MAX	255u
#define CMD_MAX		767u
#define KEY_MAX		32u	/* longest real one: 16 */
#define BUF_KEEP	(16u << 10)	/* larger buffers are given back */

struct id {			/* compared as bytes */
	uint64_t	host;		/* hash of its name */
	int64_t		time;
	uint64_t	serial;
};

/* An event whose records are coming in: text is for each record the length of
 * type and of body (32 bits each), then both. */
struct pend {
	struct id	id;
	struct locator	loc;		/* of its first record */
	struct buf	text;
	uint32_t	host_len;	/* text begins with the host's name */
	bool		is_spoken;	/* ausearch -i */
};

struct proc_key {
	uint64_t	host, pid;
};
struct proc {
	uint16_t	image_len, cmd_len;
	char		image[IMAGE_MAX], cmd[CMD_MAX];
};

/* A value of the event that is being told; those of one key form a chain. */
struct entry {
	const char	*name;
	struct span	value;
	uint16_t	field;
	uint16_t	name_len;
	uint16_t	next;		/* index + 1 */
	uint16_t	last, n;	/* of the first of a chain */
	bool		is_first;
};

/* A part of an argument that is too long for one record: aN[K]. */
struct part {
	struct span	value;
	uint32_t	arg, k;
};

struct audit {
	struct pend	*wait[PENDING_MAX];	/* oldest first */
	unsigned	 nwait, nspare;
	struct pend	*spare[PENDING_MAX];
	size_t		 text;		/* bytes that wait */
	struct table	*procs;		/* made when first needed */
	uint16_t	 head[FIELD_MAX];	/* entry + 1 of the field */
	struct entry	 entry[ENTRIES_MAX];
	unsigned	 nentries;
	struct span	 arg[ARGS_MAX];
	unsigned	 nargs;
	struct part	 part[PARTS_MAX];
	unsigned	 nparts;
};

/* What is read for more than its own sake. */
struct facts {
	struct span	host, cwd, exe, proctitle, success, exit;
	struct span	syscall, call, arch, pid, ppid, uid, uid_name, ses;
	struct span	res, acct, acct_name, acct_id, addr, saddr;
	struct span	created[CREATED_MAX];
	unsigned	ncreated;
	bool		is_exec, is_spoken, is_login;
};

/* -- grammar of a line --------------------------------------------------- */

struct head {
	struct span	host, type, body;
	int64_t		time;
	uint64_t	serial;
	bool		is_spoken;
};

static bool
take_word(struct cursor *c, struct span word)
{
	if (!span_starts(cur_rest(c), word))
		return false;
	cur_skip(c, word.len);
	return true;
}

static bool
take_num(struct cursor *c, uint64_t *n)
{
	struct span s = cur_rest(c);
	size_t k = 0;

	while (k < s.len && k < 19 && ascii_is_digit(s.ptr[k]))
		k++;
	return span_u64(cur_take(c, k), n);
}

static struct span
take_token(struct cursor *c)
{
	struct span s = cur_rest(c);
	size_t n = 0;

	while (n < s.len && s.ptr[n] != ' ')
		n++;
	return cur_take(c, n);
}

/* "11/14/23 22:13:20.123" as ausearch -i prints it where month comes first,
 * or 2023-11-14; the zone is not said, so UTC. */
static bool
spoken_time(struct span s, int64_t *out)
{
	struct cursor c = cur_of(s);
	uint64_t a, b, y, h, m, sec, ms = 0;

	if (time_parse(s, out))
		return true;
	if (!take_num(&c, &a) || cur_u8(&c) != '/' || !take_num(&c, &b) ||
	    cur_u8(&c) != '/' || !take_num(&c, &y) || cur_u8(&c) != ' ' ||
	    !take_num(&c, &h) || cur_u8(&c) != ':' || !take_num(&c, &m) ||
	    cur_u8(&c) != ':' || !take_num(&c, &sec))
		return false;
	if (cur_peek(&c, 0) == '.') {
		cur_skip(&c, 1);
		if (!take_num(&c, &ms))
			return false;
	}
	if (y < 100)
		y += y < 70 ? 2000 : 1900;
	if (a < 1 || a > 12 || b < 1 || b > 31 || y < 1970 || y > 2261 ||
	    h > 23 || m > 59 || sec > 60 || ms > 999)
		return false;
	*out = time_civil((int64_t)y, (unsigned)a, (unsigned)b, (unsigned)h,
	    (unsigned)m, (unsigned)sec) * NSEC + (int64_t)ms * 1000000;
	return true;
}

/* "audit(SECONDS.MS:SERIAL):" or with a date in words. */
static bool
take_stamp(struct cursor *c, struct head *h)
{
	struct span s;
	struct cursor in;
	uint64_t sec, ms;
	size_t end;

	if (!take_word(c, SPAN_LIT("audit(")))
		return false;
	s = cur_rest(c);
	if ((end = span_find_byte(span_sub(s, 0, 64), ')')) == SPAN_NPOS)
		return false;
	in = cur_of(cur_take(c, end));
	cur_skip(c, 1);
	s = cur_rest(&in);
	h->is_spoken = false;
	if (take_num(&in, &sec) && cur_u8(&in) == '.' && take_num(&in, &ms) &&
	    sec < (uint64_t)(INT64_MAX / NSEC) && ms < 1000) {
		h->time = (int64_t)sec * NSEC + (int64_t)ms * 1000000;
	} else {
		size_t at = s.len;

		while (at > 0 && s.ptr[at - 1] != ':')
			at--;
		if (at == 0 || !spoken_time(span_sub(s, 0, at - 1), &h->time))
			return false;
		h->is_spoken = true;
		in = cur_of(span_sub(s, at - 1, SIZE_MAX));
	}
	if (cur_u8(&in) != ':' || !take_num(&in, &h->serial) || in.left != 0)
		return false;
	while (cur_peek(c, 0) == ':' || cur_peek(c, 0) == ' ')
		cur_skip(c, 1);
	return true;
}

/* Names of the numbers that the kernel prints when no auditd listens
 * (linux/audit.h). */
static struct span
type_name(struct span type)
{
	static const struct {
		char number[5], name[14];
	} types[] = {
		{ "1006", "LOGIN" }, { "1100", "USER_AUTH" },
		{ "1101", "USER_ACCT" }, { "1103", "CRED_ACQ" },
		{ "1104", "CRED_DISP" }, { "1105", "USER_START" },
		{ "1106", "USER_END" }, { "1112", "USER_LOGIN" },
		{ "1114", "ADD_USER" }, { "1115", "DEL_USER" },
		{ "1116", "ADD_GROUP" }, { "1123", "USER_CMD" },
		{ "1124", "USER_TTY" }, { "1130", "SERVICE_START" },
		{ "1131", "SERVICE_STOP" }, { "1300", "SYSCALL" },
		{ "1302", "PATH" }, { "1303", "IPC" },
		{ "1305", "CONFIG_CHANGE" }, { "1306", "SOCKADDR" },
		{ "1307", "CWD" }, { "1309", "EXECVE" },
		{ "1319", "TTY" }, { "1320", "EOE" },
		{ "1325", "NETFILTER_CFG" }, { "1326", "SECCOMP" },
		{ "1327", "PROCTITLE" }, { "1334", "BPF" },
		{ "1400", "AVC" }, { "1700", "ANOM_PROMISC" },
		{ "1701", "ANOM_ABEND" },
	};

	for (size_t i = 0; i < NITEMS(types) && type.len == 4; i++)
		if (memcmp(type.ptr, types[i].number, 4) == 0)
			return span_str(types[i].name);
	return type;
}

static bool
read_head(struct span line, struct head *h)
{
	struct cursor c = cur_of(line);

	h->host = SPAN_NONE;
	take_word(&c, SPAN_LIT("audit: "));
	if (take_word(&c, SPAN_LIT("node="))) {
		h->host = take_token(&c);
		cur_skip(&c, 1);
	}
	if (!take_word(&c, SPAN_LIT("type=")))
		return false;
	h->type = type_name(take_token(&c));
	if (cur_u8(&c) != ' ')
		return false;
	take_word(&c, SPAN_LIT("msg="));
	if (h->type.len == 0 || !take_stamp(&c, h))
		return false;
	h->body = cur_rest(&c);
	return true;
}

bool
audit_match(struct span line)
{
	struct head h;

	return read_head(line, &h);
}

/* -- keys and values ----------------------------------------------------- */

/* Keys whose bare values are hexadecimal when they are not quoted
 * (audit_log_untrustedstring, audit_encode_nv_string(3)). */
static bool
may_be_hex(struct span key, bool is_args)
{
	static const char *const keys[] = { "acct", "cmd", "comm", "cwd",
	    "data", "device", "dir", "exe", "file", "key", "name",
	    "new-disk", "ocomm", "old-disk", "path", "proctitle",
	    "root_dir", "sw", "vm", "watch" };

	if (is_args)
		return key.len > 1 && key.ptr[0] == 'a' &&
		    ascii_is_digit(key.ptr[1]);
	if (key.len < 2 || key.len > 9)
		return false;
	for (size_t i = 0; i < NITEMS(keys); i++)
		if (keys[i][0] == (char)key.ptr[0] &&
		    span_eq(key, span_str(keys[i])))
			return true;
	return false;
}

static bool
is_hex(struct span s)
{
	if (s.len == 0 || s.len % 2 != 0)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_digit(s.ptr[i]) &&
		    !(s.ptr[i] >= 'A' && s.ptr[i] <= 'F'))
			return false;
	return true;
}

static struct span
unhex(struct batch *b, struct span s)
{
	uint8_t *p = arena_alloc(&b->arena, s.len / 2);

	if (p == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return s;
	}
	for (size_t i = 0; i < s.len / 2; i++)
		p[i] = (uint8_t)(ascii_hex(s.ptr[2 * i]) << 4 |
		    ascii_hex(s.ptr[2 * i + 1]));
	return span_of(p, s.len / 2);
}

static bool
is_key_char(uint8_t c)
{
	return ascii_is_digit(c) || (ascii_lower(c) >= 'a' &&
	    ascii_lower(c) <= 'z') || c == '_' || c == '-' || c == '[' ||
	    c == ']' || c == '.';
}

/* Length of a "key=" at s, without the sign; 0: none. */
static size_t
key_len(struct span s)
{
	size_t n = 0;

	while (n < s.len && n <= KEY_MAX && is_key_char(s.ptr[n]))
		n++;
	return n > 0 && n <= KEY_MAX && n < s.len && s.ptr[n] == '=' ? n : 0;
}

/* Of a translated value, which may hold blanks: up to " key=" of the next. */
static size_t
spoken_len(struct span s, bool is_args)
{
	size_t i, n;

	for (i = 0; i < s.len && s.ptr[i] != 0x1d; i++) {
		if (s.ptr[i] != ' ')
			continue;
		n = key_len(span_sub(s, i + 1, SIZE_MAX));
		if (n != 0 && (!is_args || (s.ptr[i + 1] == 'a' && n > 1 &&
		    ascii_is_digit(s.ptr[i + 2]))))
			break;
	}
	while (i > 0 && s.ptr[i - 1] == ' ')
		i--;
	return i;
}

struct pair {
	struct span	key, value;
	char		*name;		/* the key, ended by NUL */
	bool		quoted;
};

struct body {
	struct cursor	c;
	bool		is_spoken, is_args, in_msg;
	bool		is_title;	/* the only value: to the end */
};

/* Takes the value; "quoted", {braced} or bare. */
static void
take_value(struct body *b, struct pair *p)
{
	struct span s = cur_rest(&b->c);
	uint8_t first = cur_peek(&b->c, 0);
	size_t n = 0;

	p->quoted = false;
	if (first == '"' || first == '{') {
		n = span_find_byte(span_sub(s, 1, SIZE_MAX),
		    first == '"' ? '"' : '}');
		if (n != SPAN_NPOS) {
			p->quoted = first == '"';
			p->value = span_sub(s, 1, n);
			cur_skip(&b->c, n + 2);
			return;
		}
	}
	if (b->is_spoken && !b->is_title)
		n = spoken_len(s, b->is_args);
	else if (b->is_spoken)
		n = s.len;
	else
		for (n = 0; n < s.len && s.ptr[n] != ' ' &&
		    s.ptr[n] != 0x1d; n++)
			;
	p->value = cur_take(&b->c, n);
	if (b->in_msg && n != 0 && s.ptr[n - 1] == '\'')
		p->value.len--;
	if (b->is_title && b->is_spoken)
		p->value = span_trim(p->value);
}

/* The next key and value; false at the end.  The text is the arena's own, and
 * '=' gives way to the NUL that names end with. */
static bool
next_pair(struct body *b, struct pair *p)
{
	while (b->c.left > 0) {
		struct span s = cur_rest(&b->c);
		size_t n = key_len(s);

		if (n == 0) {
			uint8_t c = cur_u8(&b->c);

			/* On to the next word. */
			if (c == ' ' || c == 0x1d || c == '\'')
				continue;
			while (b->c.left > 0 && cur_peek(&b->c, 0) != ' ' &&
			    cur_peek(&b->c, 0) != 0x1d)
				cur_skip(&b->c, 1);
			continue;
		}
		p->key = cur_take(&b->c, n);
		cur_skip(&b->c, 1);
		if (cur_peek(&b->c, 0) == '\'') {
			/* msg='...': its pairs stand for themselves. */
			cur_skip(&b->c, 1);
			b->in_msg = true;
			continue;
		}
		take_value(b, p);
		return true;
	}
	return false;
}

/* -- gathering the values of an event ------------------------------------ */

static struct entry *
find_entry(struct audit *a, unsigned field, struct span name)
{
	if (field != FIELD_OTHER)
		return a->head[field] == 0 ? NULL :
		    &a->entry[a->head[field] - 1];
	for (unsigned i = 0; i < a->nentries; i++) {
		struct entry *e = &a->entry[i];

		if (e->is_first && e->field == FIELD_OTHER &&
		    e->name_len == name.len &&
		    e->name[1] == (char)name.ptr[1] &&
		    memcmp(e->name, name.ptr, name.len) == 0)
			return e;
	}
	return NULL;
}

/* A value of the event; name ends with NUL and lives in the arena, or for
 * ever. */
static void
put(struct audit *a, struct batch *b, struct span name, struct span value)
{
	unsigned field = field_by_name(name);
	struct entry *first, *e;

	if (field == FIELD_OTHER ? !b->want->others : !event_wants(b, field))
		return;
	if (a->nentries == ENTRIES_MAX) {
		batch_weird(b, WEIRD_AUDIT_LIMIT, NULL);
		return;
	}
	first = find_entry(a, field, name);
	e = &a->entry[a->nentries++];
	*e = (struct entry){ .name = (const char *)name.ptr, .value = value,
	    .field = (uint16_t)field, .name_len = (uint16_t)name.len };
	if (first == NULL) {
		e->is_first = true;
		e->n = 1;
		e->last = (uint16_t)a->nentries;
		if (field != FIELD_OTHER)
			a->head[field] = (uint16_t)a->nentries;
		return;
	}
	a->entry[first->last - 1].next = (uint16_t)a->nentries;
	first->last = (uint16_t)a->nentries;
	first->n++;
}

static void
put_text(struct value *v, struct span s)
{
	v->type = VT_STR;
	v->ptr = s.ptr;
	v->len = (uint32_t)s.len;
}

/* Hands all that was put to the event in the making. */
static void
put_fields(struct audit *a, struct batch *b)
{
	for (unsigned i = 0; i < a->nentries; i++) {
		struct entry *e = &a->entry[i];
		struct value *v, *items;

		if (!e->is_first)
			continue;
		v = e->field == FIELD_OTHER ?
		    event_add_other(b, e->name, VT_STR) :
		    event_add(b, e->field, VT_STR);
		if (v == NULL)
			continue;
		put_text(v, e->value);
		if (e->n == 1)
			continue;
		items = arena_zalloc(&b->arena, e->n * sizeof(*items));
		if (items == NULL) {
			batch_weird(b, WEIRD_BATCH_ARENA, NULL);
			continue;
		}
		v->type = VT_LIST;
		v->ptr = items;
		v->len = e->n;
		for (unsigned k = i + 1; k != 0; k = a->entry[k - 1].next)
			put_text(items++, a->entry[k - 1].value);
	}
}

static void
clear_entries(struct audit *a)
{
	for (unsigned i = 0; i < a->nentries; i++)
		a->head[a->entry[i].field] = 0;
	a->nentries = 0;
	a->nargs = a->nparts = 0;
}

/* -- records to facts ---------------------------------------------------- */

/* NULs between the words of a process title become blanks. */
static struct span
title_text(struct span s)
{
	/* From unhex(), so the bytes are ours. */
	uint8_t *p = (uint8_t *)(uintptr_t)s.ptr;

	while (s.len > 0 && p[s.len - 1] == '\0')
		s.len--;
	for (size_t i = 0; i < s.len; i++)
		if (p[i] == '\0')
			p[i] = ' ';
	return s;
}

static int
part_order(const void *va, const void *vb)
{
	const struct part *a = va, *b = vb;

	if (a->arg != b->arg)
		return a->arg < b->arg ? -1 : 1;
	return a->k < b->k ? -1 : a->k > b->k;
}

/* The arguments that came in parts, each put together once: ausearch turns the
 * order of records round. */
static void
join_parts(struct audit *a, struct batch *b)
{
	unsigned i = 0, end;

	if (a->nparts == 0)
		return;
	qsort(a->part, a->nparts, sizeof(a->part[0]), part_order);
	for (; i < a->nparts; i = end) {
		size_t len = 0, at = 0;
		uint8_t *p;

		for (end = i; end < a->nparts && a->part[end].arg ==
		    a->part[i].arg; end++)
			len += a->part[end].value.len;
		if ((p = arena_alloc(&b->arena, len)) == NULL) {
			batch_weird(b, WEIRD_BATCH_ARENA, NULL);
			continue;
		}
		for (unsigned k = i; k < end; k++) {
			struct span v = a->part[k].value;

			if (v.len != 0)
				memcpy(p + at, v.ptr, v.len);
			at += v.len;
		}
		a->arg[a->part[i].arg] = span_of(p, len);
	}
}

/* aN, aN[k] or aN_len of an EXECVE record. */
static void
read_arg(struct audit *a, struct batch *b, struct span key, struct span value)
{
	struct cursor c = cur_of(span_sub(key, 1, SIZE_MAX));
	uint64_t i, k = 0;

	if (!take_num(&c, &i) || cur_peek(&c, 0) == '_')
		return;
	if (i >= ARGS_MAX) {
		batch_weird(b, WEIRD_AUDIT_LIMIT, NULL);
		return;
	}
	for (; a->nargs <= i; a->nargs++)
		a->arg[a->nargs] = SPAN_NONE;
	if (c.left == 0) {
		a->arg[i] = value;
		return;
	}
	if (a->nparts == PARTS_MAX) {
		batch_weird(b, WEIRD_AUDIT_LIMIT, NULL);
		return;
	}
	cur_skip(&c, 1);
	(void)take_num(&c, &k);
	a->part[a->nparts++] = (struct part){ value, (uint32_t)i,
	    (uint32_t)MIN_OF(k, (uint64_t)UINT32_MAX) };
}

struct special {
	char	name[10];
	uint8_t	len;
	size_t	at;		/* of its span in struct facts */
};
#define SPECIAL(name, member) \
	{ name, sizeof(name) - 1, offsetof(struct facts, member) }

static void
note_fact(struct facts *f, struct span key, struct span value)
{
	static const struct special specials[] = {
		SPECIAL("cwd", cwd), SPECIAL("exe", exe),
		SPECIAL("proctitle", proctitle), SPECIAL("success", success),
		SPECIAL("exit", exit), SPECIAL("syscall", syscall),
		SPECIAL("SYSCALL", call), SPECIAL("arch", arch),
		SPECIAL("pid", pid), SPECIAL("ppid", ppid),
		SPECIAL("uid", uid), SPECIAL("UID", uid_name),
		SPECIAL("ses", ses), SPECIAL("res", res),
		SPECIAL("acct", acct), SPECIAL("ID", acct_name),
		SPECIAL("id", acct_id),
		SPECIAL("addr", addr), SPECIAL("saddr", saddr),
	};

	if (key.len < 2 || key.len > 9)
		return;
	for (size_t i = 0; i < NITEMS(specials); i++) {
		const struct special *s = &specials[i];

		if (s->len == key.len && s->name[0] == (char)key.ptr[0] &&
		    memcmp(s->name, key.ptr, s->len) == 0) {
			struct span *at = (struct span *)(void *)
			    ((char *)f + s->at);

			if (at->ptr == NULL)
				*at = value;
			return;
		}
	}
}

static inline bool
type_is(struct span type, const char *name)
{
	return type.len == strlen(name) &&
	    memcmp(type.ptr, name, type.len) == 0;
}

/* What a key's bytes stand for. */
static struct span
plain_value(struct batch *b, const struct body *body, const struct pair *p)
{
	if (p->quoted || body->is_spoken ||
	    !may_be_hex(p->key, body->is_args) || !is_hex(p->value))
		return p->value;
	return unhex(b, p->value);
}

/* Several keys of a rule are joined with 0x01. */
static void
put_keys(struct audit *a, struct batch *b, struct span name, struct span v)
{
	size_t n;

	while ((n = span_find_byte(v, 1)) != SPAN_NPOS) {
		put(a, b, name, span_sub(v, 0, n));
		v = span_sub(v, n + 1, SIZE_MAX);
	}
	put(a, b, name, v);
}

static void
read_body(struct audit *a, struct batch *b, struct facts *f,
    struct span type, struct span text)
{
	struct body body = { cur_of(text), f->is_spoken,
	    type_is(type, "EXECVE"), false, type_is(type, "PROCTITLE") };
	bool is_call = type_is(type, "SYSCALL");
	bool is_path = type_is(type, "PATH");
	struct span name = SPAN_NONE, nametype = SPAN_NONE;
	struct pair p;

	while (next_pair(&body, &p)) {
		struct span v = plain_value(b, &body, &p);
		uint8_t *end = (uint8_t *)(uintptr_t)p.key.ptr + p.key.len;

		if (type_is(v, "(null)"))
			continue;
		*end = '\0';
		if (p.key.ptr[0] == 'a' && p.key.len > 1 &&
		    ascii_is_digit(p.key.ptr[1])) {
			if (body.is_args) {
				read_arg(a, b, p.key, v);
				continue;
			}
			/* Registers, in hexadecimal without 0x. */
			if (is_call && f->is_exec)
				continue;
			if (is_call && span_starts(v, SPAN_LIT("0x")))
				v = span_sub(v, 2, SIZE_MAX);
		}
		if (body.is_title)
			v = title_text(v);
		if (is_path && type_is(p.key, "name"))
			name = v;
		if (is_path && type_is(p.key, "nametype"))
			nametype = v;
		note_fact(f, p.key, v);
		if (type_is(p.key, "key"))
			put_keys(a, b, p.key, v);
		else if (!type_is(p.key, "SYSCALL"))
			put(a, b, p.key, v);
	}
	if (type_is(nametype, "CREATE") && name.len != 0 &&
	    f->ncreated < CREATED_MAX)
		f->created[f->ncreated++] = name;
}

/* -- system calls -------------------------------------------------------- */

enum arch { X86_64 = 0xc000003e, I386 = 0x40000003, AARCH64 = 0xc00000b7 };
#define CALLS_MAX 512

static const char *
call_name(uint64_t arch, uint64_t nr)
{
	static const char *const of_x86_64[CALLS_MAX] = {
#define SYSCALL_X86_64(nr, name) [nr] = name,
#define SYSCALL_I386(nr, name)
#define SYSCALL_AARCH64(nr, name)
#define SYSCALL(arch, nr, name) SYSCALL_##arch(nr, name)
#include "syscalls.def"
#undef SYSCALL_X86_64
#undef SYSCALL_I386
	};
	static const char *const of_i386[CALLS_MAX] = {
#define SYSCALL_X86_64(nr, name)
#define SYSCALL_I386(nr, name) [nr] = name,
#include "syscalls.def"
#undef SYSCALL_I386
#undef SYSCALL_AARCH64
	};
	static const char *const of_aarch64[CALLS_MAX] = {
#define SYSCALL_I386(nr, name)
#define SYSCALL_AARCH64(nr, name) [nr] = name,
#include "syscalls.def"
	};

	if (nr >= CALLS_MAX)
		return NULL;
	switch (arch) {
	case X86_64:	return of_x86_64[nr];
	case I386:	return of_i386[nr];
	case AARCH64:	return of_aarch64[nr];
	}
	return NULL;
}

static bool
hex_u64(struct span s, uint64_t *n)
{
	*n = 0;
	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int d = ascii_hex(s.ptr[i]);

		if (d < 0)
			return false;
		*n = *n << 4 | (unsigned)d;
	}
	return true;
}

/* The name of the call: as enriched, as translated, or by its number. */
static void
name_call(struct facts *f)
{
	uint64_t arch, nr;
	const char *name;

	if (f->call.len != 0 || f->syscall.len == 0)
		return;
	if (!span_u64(f->syscall, &nr))
		f->call = f->syscall;
	else if (hex_u64(f->arch, &arch) &&
	    (name = call_name(arch, nr)) != NULL)
		f->call = span_str(name);
}

/* -- telling ------------------------------------------------------------- */

static struct span
join_args(const struct audit *a, struct batch *b)
{
	size_t len = 0;
	uint8_t *p, *at;

	for (unsigned i = 0; i < a->nargs; i++)
		len += a->arg[i].len + 1;
	if (len == 0 || (p = at = arena_alloc(&b->arena, len)) == NULL)
		return SPAN_NONE;
	for (unsigned i = 0; i < a->nargs; i++) {
		if (i != 0)
			*at++ = ' ';
		if (a->arg[i].len != 0)
			memcpy(at, a->arg[i].ptr, a->arg[i].len);
		at += a->arg[i].len;
	}
	return span_of(p, (size_t)(at - p));
}

static void
put_args(struct audit *a, struct batch *b)
{
	for (unsigned i = 0; i < a->nargs && i < ARG_FIELDS_MAX; i++) {
		char *name = arena_alloc(&b->arena, 8);
		struct buf t;

		if (name == NULL)
			return;
		t = (struct buf){ (uint8_t *)name, 0, 8, 8, false };
		buf_byte(&t, 'a');
		buf_put_u64(&t, i);
		name[t.len] = '\0';
		put(a, b, span_of(name, t.len), a->arg[i]);
	}
}

/* name under the directory, unless it is absolute. */
static struct span
full_path(struct batch *b, struct span cwd, struct span name)
{
	bool slash = cwd.len != 0 && cwd.ptr[cwd.len - 1] != '/';
	uint8_t *p;

	if (name.ptr[0] == '/' || cwd.len == 0)
		return name;
	while (span_starts(name, SPAN_LIT("./")))
		name = span_sub(name, 2, SIZE_MAX);
	p = arena_alloc(&b->arena, cwd.len + slash + name.len);
	if (p == NULL)
		return name;
	memcpy(p, cwd.ptr, cwd.len);
	if (slash)
		p[cwd.len] = '/';
	if (name.len != 0)
		memcpy(p + cwd.len + slash, name.ptr, name.len);
	return span_of(p, cwd.len + slash + name.len);
}

/* struct sockaddr_in, sockaddr_in6 in hexadecimal: the family is of the host's
 * order (little endian here), the port big endian; or "saddr_fam=inet
 * laddr=A lport=P". */
static bool
read_saddr(struct batch *b, struct span s, struct addr *addr, uint64_t *port)
{
	struct span raw = SPAN_NONE, word;
	size_t at;

	if (is_hex(s) && s.len <= 256)
		raw = unhex(b, s);
	if (raw.len >= 8 && load_le16(raw.ptr) == 2) {
		*addr = addr_v4(raw.ptr + 4);
		*port = load_be16(raw.ptr + 2);
		return true;
	}
	if (raw.len >= 24 && load_le16(raw.ptr) == 10) {
		*addr = addr_v6(raw.ptr + 8);
		*port = load_be16(raw.ptr + 2);
		return true;
	}
	if ((at = span_find(s, SPAN_LIT("laddr="))) == SPAN_NPOS)
		return false;
	word = span_sub(s, at + 6, SIZE_MAX);
	if (!addr_parse(span_sub(word, 0, span_find_byte(word, ' ')), addr) ||
	    (at = span_find(s, SPAN_LIT("lport="))) == SPAN_NPOS)
		return false;
	word = span_sub(s, at + 6, SIZE_MAX);
	return span_u64(span_sub(word, 0, span_find_byte(word, ' ')), port);
}

/* Who a socket call was with. */
static void
tell_peer(struct batch *b, const struct facts *f)
{
	struct addr *addr = arena_alloc(&b->arena, sizeof(*addr));
	bool accepts = span_starts(f->call, SPAN_LIT("accept"));
	bool connects = type_is(f->call, "connect") ||
	    span_starts(f->call, SPAN_LIT("send"));
	uint64_t port;

	if (addr == NULL || (!accepts && !connects) ||
	    !read_saddr(b, f->saddr, addr, &port))
		return;
	event_add_addr(b, accepts ? FIELD_SRC_IP : FIELD_DST_IP, addr);
	event_add_u64(b, accepts ? FIELD_SRC_PORT : FIELD_DST_PORT, port);
}

static void
tell_auditd(struct audit *a, struct batch *b, struct facts *f,
    const struct pend *p)
{
	struct span target = SPAN_LIT("TargetFilename");

	put_args(a, b);
	/* As Sysmon says which side opened the connection. */
	if (type_is(f->call, "connect"))
		put(a, b, SPAN_LIT("Initiated"), SPAN_LIT("true"));
	if (f->call.len != 0)
		put(a, b, SPAN_LIT("SYSCALL"), f->call);
	if (event_wants(b, FIELD_TARGET_FILENAME))
		for (unsigned i = 0; i < f->ncreated; i++)
			put(a, b, target, full_path(b, f->cwd, f->created[i]));
	if (!event_begin(b, KIND_AUDITD, p->id.time, p->loc))
		return;
	if (f->host.len != 0)
		event_add_str(b, FIELD_SYSLOG_HOST, f->host);
	if (p->id.serial != 0)
		event_add_u64(b, FIELD_AUDIT_SERIAL, p->id.serial);
	put_fields(a, b);
	if (f->saddr.len != 0)
		tell_peer(b, f);
	event_end(b);
}

static bool
is_exec(const struct facts *f)
{
	return f->call.len == 0 ? f->is_exec : type_is(f->call, "execve") ||
	    type_is(f->call, "execveat");
}

static struct proc *
find_proc(struct audit *a, const struct pend *p, struct span pid, bool make)
{
	struct proc_key key = { p->id.host, 0 };
	bool made;

	if (a->procs == NULL && (!make || (a->procs = table_new(sizeof(key),
	    sizeof(struct proc), PROCS_MAX)) == NULL))
		return NULL;
	if (!span_u64(pid, &key.pid))
		return NULL;
	return make ? table_put(a->procs, &key, &made) :
	    table_get(a->procs, &key);
}

/* What this process is, for those that it will start. */
static void
remember(struct audit *a, const struct pend *p, const struct facts *f,
    struct span cmd)
{
	struct proc *proc = find_proc(a, p, f->pid, true);
	struct span image = span_sub(f->exe, 0, IMAGE_MAX);

	if (proc == NULL)
		return;
	cmd = span_sub(cmd, 0, CMD_MAX);
	/* Another program than the one that was started here. */
	if (cmd.len != 0 || proc->image_len != image.len ||
	    memcmp(proc->image, image.ptr, image.len) != 0) {
		proc->cmd_len = (uint16_t)cmd.len;
		if (cmd.len != 0)
			memcpy(proc->cmd, cmd.ptr, cmd.len);
	}
	proc->image_len = (uint16_t)image.len;
	memcpy(proc->image, image.ptr, image.len);
}

static void
tell_process(struct audit *a, struct batch *b, const struct facts *f,
    const struct pend *p, struct span cmd)
{
	const struct proc *parent = find_proc(a, p, f->ppid, false);
	struct span user = f->uid_name.len != 0 ? f->uid_name : f->uid;
	uint64_t n;

	if (!event_begin(b, KIND_PROCESS, p->id.time, p->loc))
		return;
	if (f->host.len != 0)
		event_add_str(b, FIELD_SYSLOG_HOST, f->host);
	if (f->exe.len != 0)
		event_add_str(b, FIELD_IMAGE, f->exe);
	if (cmd.len != 0)
		event_add_str(b, FIELD_COMMAND_LINE, cmd);
	if (span_u64(f->pid, &n))
		event_add_u64(b, FIELD_PROC_ID, n);
	if (span_u64(f->ppid, &n))
		event_add_u64(b, FIELD_PARENT_ID, n);
	if (type_is(user, "0"))
		user = SPAN_LIT("root");
	if (user.len != 0)
		event_add_str(b, FIELD_PROC_USER, user);
	if (f->cwd.len != 0)
		event_add_str(b, FIELD_CURRENT_DIRECTORY, f->cwd);
	if (parent != NULL && parent->image_len != 0)
		event_add_copy(b, FIELD_PARENT_IMAGE,
		    span_of(parent->image, parent->image_len));
	if (parent != NULL && parent->cmd_len != 0)
		event_add_copy(b, FIELD_PARENT_COMMAND_LINE,
		    span_of(parent->cmd, parent->cmd_len));
	event_end(b);
}

static void
tell_login(struct batch *b, const struct facts *f, const struct pend *p)
{
	struct span user = f->acct.len != 0 ? f->acct :
	    f->acct_name.len != 0 ? f->acct_name : f->acct_id;

	if (!event_begin(b, KIND_AUTH, p->id.time, p->loc))
		return;
	if (user.len != 0)
		event_add_str(b, FIELD_AUTH_USER, user);
	event_add_str(b, FIELD_AUTH_RESULT, type_is(f->res, "success") ||
	    type_is(f->res, "1") ? SPAN_LIT("accepted") : SPAN_LIT("failed"));
	event_add_str(b, FIELD_AUTH_METHOD, SPAN_LIT("login"));
	if (f->addr.len != 0 && !type_is(f->addr, "?"))
		dec_add_addr(b, FIELD_SRC_IP, f->addr);
	if (f->host.len != 0)
		event_add_str(b, FIELD_SYSLOG_HOST, f->host);
	event_end(b);
}

/* -- the event as a whole ------------------------------------------------ */

static struct span
take_part(struct cursor *c, struct span *body)
{
	uint32_t type_len = cur_le32(c), body_len = cur_le32(c);
	struct span type = cur_take(c, type_len);

	*body = cur_take(c, body_len);
	return type;
}

static void
tell(struct audit *a, struct batch *b, const struct pend *p)
{
	struct facts f = { .is_spoken = p->is_spoken };
	struct span text = arena_copy(&b->arena, buf_view(&p->text)), body;
	struct span cmd = SPAN_NONE, type;
	struct cursor c;

	if (text.ptr == NULL) {
		batch_weird(b, WEIRD_BATCH_ARENA, NULL);
		return;
	}
	f.host = span_sub(text, 0, p->host_len);
	text = span_sub(text, p->host_len, SIZE_MAX);
	for (c = cur_of(text); c.left > 0;) {
		type = take_part(&c, &body);
		f.is_exec |= type_is(type, "EXECVE");
		f.is_login |= type_is(type, "USER_LOGIN");
		put(a, b, SPAN_LIT("type"), type);
	}
	for (c = cur_of(text); c.left > 0;) {
		type = take_part(&c, &body);
		read_body(a, b, &f, type, body);
	}
	join_parts(a, b);
	name_call(&f);
	if (is_exec(&f))
		cmd = a->nargs != 0 ? join_args(a, b) : f.proctitle;
	if (b->want->kind[KIND_AUDITD])
		tell_auditd(a, b, &f, p);
	if (b->want->kind[KIND_PROCESS]) {
		bool failed = type_is(f.success, "no");

		if (is_exec(&f) && !failed)
			tell_process(a, b, &f, p, cmd);
		if (f.call.len != 0 && f.exe.len != 0 &&
		    !(is_exec(&f) && failed))
			remember(a, p, &f, cmd);
	}
	if (f.is_login)
		tell_login(b, &f, p);
	clear_entries(a);
}

static void
finish(struct dec *d, struct audit *a, unsigned i)
{
	struct pend *p = a->wait[i];

	tell(a, d->batch, p);
	a->text -= p->text.len;
	if (p->text.size > BUF_KEEP) {
		buf_fini(&p->text);
		buf_init(&p->text, EVENT_TEXT_MAX);
	}
	buf_reset(&p->text);
	a->nwait--;
	memmove(a->wait + i, a->wait + i + 1,
	    (a->nwait - i) * sizeof(a->wait[0]));
	a->spare[a->nspare++] = p;
}

void
audit_flush(struct dec *d, struct audit *a)
{
	while (a->nwait != 0)
		finish(d, a, 0);
}

struct audit *
audit_new(struct dec *d)
{
	return dec_alloc(d, sizeof(struct audit));
}

void
audit_free(struct dec *d, struct audit *a)
{
	if (a == NULL)
		return;
	audit_flush(d, a);
	for (unsigned i = 0; i < a->nspare; i++) {
		buf_fini(&a->spare[i]->text);
		free(a->spare[i]);
	}
	table_free(a->procs);
	dec_free(d, a, sizeof(*a));
}

/* The event of this id, the youngest first; made when missing. */
static struct pend *
find_pend(struct dec *d, struct audit *a, const struct id *id, unsigned *at)
{
	struct pend *p;

	for (unsigned i = a->nwait; i-- > 0;)
		if (memcmp(&a->wait[i]->id, id, sizeof(*id)) == 0) {
			*at = i;
			return a->wait[i];
		}
	while (a->nwait != 0 && (a->nwait == PENDING_MAX ||
	    a->text > WAIT_TEXT_MAX ||
	    time_diff(id->time, a->wait[0]->id.time) > AUDIT_WAIT))
		finish(d, a, 0);
	if (a->nspare != 0) {
		p = a->spare[--a->nspare];
	} else {
		if ((p = calloc(1, sizeof(*p))) == NULL)
			return NULL;
		buf_init(&p->text, EVENT_TEXT_MAX);
	}
	p->id = *id;
	p->loc = batch_locator(d->batch, d->rec);
	p->host_len = 0;
	*at = a->nwait;
	a->wait[a->nwait++] = p;
	return p;
}

static bool
add_record(struct dec *d, struct audit *a, struct pend *p, struct span type,
    struct span body)
{
	size_t before = p->text.len;

	if (type.len + body.len + 8 > EVENT_TEXT_MAX - before) {
		dec_weird(d, WEIRD_AUDIT_LIMIT);
		return false;
	}
	buf_le32(&p->text, (uint32_t)type.len);
	buf_le32(&p->text, (uint32_t)body.len);
	buf_span(&p->text, type);
	buf_span(&p->text, body);
	a->text += p->text.len - before;
	return !p->text.failed;
}

/* Messages of programs are events of one record. */
static bool
stands_alone(struct span type)
{
	static const char *const starts[] = { "USER_", "CRED_", "SERVICE_",
	    "SYSTEM_", "DAEMON_", "CRYPTO_", "ADD_", "DEL_" };

	for (size_t i = 0; i < NITEMS(starts); i++)
		if (span_starts(type, span_str(starts[i])))
			return true;
	return false;
}

static void
take_record(struct dec *d, struct audit *a, const struct head *h, bool alone)
{
	struct id id = { 0, h->time, h->serial };
	struct pend *p;
	unsigned at;

	if (h->host.len != 0)
		id.host = hash_bytes(h->host.ptr, h->host.len, hash_seed());
	p = find_pend(d, a, &id, &at);
	if (p == NULL)
		return;
	if (p->text.len == 0) {
		struct span host = span_sub(h->host, 0, 255);

		buf_span(&p->text, host);
		p->host_len = (uint32_t)host.len;
		p->is_spoken = h->is_spoken;
		a->text += host.len;
	}
	if (type_is(h->type, "EOE"))
		alone = true;
	else
		add_record(d, a, p, h->type, h->body);
	if (alone)
		finish(d, a, at);
}

static bool
is_wanted(const struct batch *b)
{
	return b->want->kind[KIND_AUDITD] || b->want->kind[KIND_PROCESS] ||
	    b->want->kind[KIND_AUTH];
}

bool
audit_line(struct dec *d, struct audit *a, struct span host, struct span line)
{
	struct head h;

	if (!is_wanted(d->batch))
		return true;
	if (!read_head(line, &h))
		return false;
	if (h.host.len == 0)
		h.host = host;
	take_record(d, a, &h, stands_alone(h.type));
	return true;
}

void
audit_record(struct dec *d, struct audit *a, const struct audit_record *r)
{
	struct head h = { r->host, r->type, r->body, r->time, r->serial,
	    false };

	if (is_wanted(d->batch))
		take_record(d, a, &h, r->serial == 0 || stands_alone(r->type));
}
