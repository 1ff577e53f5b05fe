/* SPDX-License-Identifier: Apache-2.0
 *
 * What detectors ask of the events of hosts: process starts, files, services,
 * whichever program logged them.
 *
 * Nothing here allocates: texts are made in the caller's scratch, at most
 * SCRATCH_TEXT bytes each.
 */
#include "codec.h"
#include "detect.h"

static const char sysmon[] = "Microsoft-Windows-Sysmon/Operational";

/* Equal to an ASCII text but for case, without converting UTF-16. */
static bool
value_is(const struct value *v, const char *text)
{
	size_t n = strlen(text);
	const uint8_t *p = v->ptr;

	if (v->type == VT_STR)
		return span_eq_nocase(span_of(p, v->len), span_of(text, n));
	if (v->type != VT_WSTR || v->len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[2 * i + 1] != 0 || ascii_lower(p[2 * i]) !=
		    ascii_lower((uint8_t)text[i]))
			return false;
	return true;
}

unsigned
win_event(const struct event *e, const char *channel)
{
	const struct value *v;
	uint64_t id;

	if (e->kind != KIND_WINEVENT || !event_u64(e, FIELD_WIN_EVENT_ID, &id))
		return 0;
	v = event_get(e, FIELD_WIN_CHANNEL);
	/* Exports without channel are told by their fields alone. */
	if (v != NULL && !value_is(v, channel))
		return 0;
	return id <= UINT16_MAX ? (unsigned)id : 0;
}

const uint16_t host_event_ids[] = { 1, 6, 11, 4688, 4697, 7045, 0 };

enum host_event
host_event(const struct event *e)
{
	uint64_t id;

	if (e->kind == KIND_PROCESS)
		return HOST_PROCESS;
	if (e->kind != KIND_WINEVENT || !event_u64(e, FIELD_WIN_EVENT_ID, &id))
		return HOST_OTHER;
	switch (id) {
	case 1:
		return win_event(e, sysmon) != 0 ? HOST_PROCESS : HOST_OTHER;
	case 6:
		return win_event(e, sysmon) != 0 ? HOST_DRIVER : HOST_OTHER;
	case 11:
		return win_event(e, sysmon) != 0 ? HOST_FILE : HOST_OTHER;
	case 4688:
		return win_event(e, "Security") != 0 ? HOST_PROCESS :
		    HOST_OTHER;
	case 4697:
		return win_event(e, "Security") != 0 ? HOST_SERVICE :
		    HOST_OTHER;
	case 7045:
		return win_event(e, "System") != 0 ? HOST_SERVICE : HOST_OTHER;
	default:
		return HOST_OTHER;
	}
}

struct span
lower_text(struct scratch *s, const struct event *e, unsigned field)
{
	const struct value *v = event_get(e, field);
	uint8_t *dst = s->b + s->used;
	size_t room = MIN_OF((size_t)SCRATCH_TEXT, SCRATCH_SIZE - s->used);
	size_t n, done = 0;
	struct span text;

	if (v == NULL || (v->type != VT_STR && v->type != VT_WSTR))
		return SPAN_NONE;
	if (v->type == VT_STR) {
		text = span_of(v->ptr, MIN_OF((size_t)v->len, room));
		n = text.len;
		if (n != 0)
			memcpy(dst, text.ptr, n);
		done = ascii_lower_copy(dst, text);
	} else {
		/* Up to 3 bytes for each unit of two. */
		text = span_of(v->ptr, MIN_OF((size_t)v->len, room / 3 * 2) &
		    ~(size_t)1);
		if (utf16_lower_ascii(text, dst))
			n = done = text.len / 2;
		else
			n = utf16_to_utf8(text, false, dst);
	}
	for (size_t i = done; i < n; i++)
		dst[i] = ascii_lower(dst[i]);
	s->used += (uint32_t)n;
	return span_of(dst, n);
}

static struct span
first_of(struct scratch *s, const struct event *e, unsigned a, unsigned b)
{
	struct span text = lower_text(s, e, a);

	return text.len != 0 ? text : lower_text(s, e, b);
}

struct span
proc_image(struct scratch *s, const struct event *e)
{
	return first_of(s, e, FIELD_IMAGE, FIELD_NEW_PROCESS);
}

struct span
proc_parent(struct scratch *s, const struct event *e)
{
	return first_of(s, e, FIELD_PARENT_IMAGE, FIELD_PARENT_PROCESS);
}

/* In 4688 the target is the account of the new process, "-" when it is the
 * one of its creator. */
static unsigned
user_field(const struct event *e)
{
	const struct value *v;

	if (event_get(e, FIELD_PROC_USER) != NULL)
		return FIELD_PROC_USER;
	v = event_get(e, FIELD_TARGET_USER);
	if (v != NULL && !value_is(v, "-") && !value_is(v, ""))
		return FIELD_TARGET_USER;
	return FIELD_SUBJECT_USER;
}

struct span
proc_user(struct scratch *s, const struct event *e)
{
	return lower_text(s, e, user_field(e));
}

struct span
base_name(struct span path)
{
	for (size_t i = path.len; i > 0; i--) {
		if (path.ptr[i - 1] == '\\' || path.ptr[i - 1] == '/') {
			path = span_sub(path, i, SIZE_MAX);
			break;
		}
	}
	if (path.len > 4 && span_ends_nocase(path, SPAN_LIT(".exe")))
		path.len -= 4;
	return path;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
next_arg(struct span *rest, struct span *arg)
{
	size_t i = 0, start;
	uint8_t quote = 0;

	while (i < rest->len && is_blank(rest->ptr[i]))
		i++;
	if (i == rest->len)
		return false;
	if (rest->ptr[i] == '"' || rest->ptr[i] == '\'')
		quote = rest->ptr[i++];
	start = i;
	while (i < rest->len && (quote != 0 ? rest->ptr[i] != quote :
	    !is_blank(rest->ptr[i])))
		i++;
	*arg = span_sub(*rest, start, i - start);
	*rest = span_sub(*rest, i + (quote != 0), SIZE_MAX);
	return true;
}

static bool
is_word_byte(uint8_t c)
{
	return ascii_is_digit(c) || c == '_' ||
	    (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

bool
has_word(struct span text, const char *word)
{
	struct span w = span_str(word);
	size_t from = 0, at;

	while ((at = span_find(span_sub(text, from, SIZE_MAX), w)) !=
	    SPAN_NPOS) {
		size_t end = from + at + w.len;

		if ((from + at == 0 || !is_word_byte(text.ptr[from + at - 1]))
		    && (end == text.len || !is_word_byte(text.ptr[end])))
			return true;
		from += at + 1;
	}
	return false;
}

bool
is_one_of(struct span s, const char *const *list, size_t n)
{
	const char first = s.len == 0 ? '\0' : (char)s.ptr[0];

	for (size_t i = 0; i < n; i++)
		if (list[i][0] == first && span_eq(s, span_str(list[i])))
			return true;
	return false;
}

/* "MD5=…,SHA256=…": the strongest hash that is there, without its name. */
void
finding_hash(struct finding *f, struct arena *m, const struct event *e)
{
	static const char *const names[] = { "SHA256=", "SHA1=", "MD5=" };
	struct span s = event_text(m, e, FIELD_HASHES);

	for (size_t i = 0; i < NITEMS(names) &&
	    f->entity[ENTITY_HASH].len == 0; i++) {
		size_t at = span_find_nocase(s, span_str(names[i]));

		if (at == SPAN_NPOS)
			continue;
		at += strlen(names[i]);
		f->entity[ENTITY_HASH] = span_sub(s, at,
		    MIN_OF(span_find_byte(span_sub(s, at, SIZE_MAX), ','),
		    s.len));
	}
}

void
host_entities(struct finding *f, struct arena *m, const struct event *e)
{
	finding_entity(f, ENTITY_HOST, m, e, FIELD_WIN_COMPUTER);
	if (f->entity[ENTITY_HOST].len == 0)
		finding_entity(f, ENTITY_HOST, m, e, FIELD_SYSLOG_HOST);
	finding_entity(f, ENTITY_USER, m, e, user_field(e));
	finding_entity(f, ENTITY_PROCESS, m, e, FIELD_IMAGE);
	if (f->entity[ENTITY_PROCESS].len == 0)
		finding_entity(f, ENTITY_PROCESS, m, e, FIELD_NEW_PROCESS);
	finding_hash(f, m, e);
}

void
host_text(struct buf *b, struct arena *m, const struct finding *f,
    const struct event *e)
{
	struct span line = event_text(m, e, FIELD_COMMAND_LINE);

	if (f->entity[ENTITY_HOST].len != 0) {
		buf_str(b, " on ");
		text_clip(b, f->entity[ENTITY_HOST], 128);
	}
	if (f->entity[ENTITY_USER].len != 0) {
		buf_str(b, " as ");
		text_clip(b, f->entity[ENTITY_USER], 128);
	}
	if (line.len != 0) {
		buf_str(b, ": ");
		text_clip(b, line, 200);
	}
}

void
fold_account(struct buf *b, struct span user)
{
	size_t at = span_find_byte(user, '\\');

	if (at != SPAN_NPOS)
		user = span_sub(user, at + 1, SIZE_MAX);
	at = span_find_byte(user, '@');
	if (at != SPAN_NPOS)
		user.len = at;
	for (size_t i = 0; i < user.len; i++)
		buf_byte(b, ascii_lower(user.ptr[i]));
}

struct span
client_name(struct span s)
{
	static const char *const nowhere[] = {
		"", "-", "::1", "localhost", "local", "0.0.0.0", "::"
	};

	s = span_trim(s);
	if (span_starts_nocase(s, SPAN_LIT("::ffff:")))
		s = span_sub(s, 7, SIZE_MAX);
	while (s.len != 0 && s.ptr[0] == '\\')
		s = span_sub(s, 1, SIZE_MAX);
	if (span_starts(s, SPAN_LIT("127.")))
		return SPAN_NONE;
	for (size_t i = 0; i < NITEMS(nowhere); i++)
		if (span_eq_nocase(s, span_str(nowhere[i])))
			return SPAN_NONE;
	return s;
}
