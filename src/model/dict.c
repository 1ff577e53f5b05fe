/* SPDX-License-Identifier: Apache-2.0
 *
 * The dictionary of field names: a static table from fields.def, names that
 * rules bring behind it, and one hash over names and aliases.  Written only
 * before workers start, read by all of them.  Bound: FIELD_MAX names.
 */
#include <stdlib.h>

#include "model.h"

struct name {
	const char	*name, *aliases, *prose;
	enum ftype	 type;
};

static struct name names[FIELD_MAX] = {
	[FIELD_OTHER] = { "", "", "a field without id", FT_STR },
#define FIELD(id, name, type, aliases, prose) \
	[FIELD_##id] = { name, aliases, prose, FT_##type },
#include "fields.def"
#undef FIELD
};
static unsigned nnames = FIELD_COUNT;

/* Some 1,000 words at the start, FIELD_MAX more at most: load under 1/2. */
#define SLOTS	16384u

/* A word may be the alias of one field and, by a rule, the name of another:
 * Windows events say DestinationIp themselves. */
struct slot {
	struct span	word;
	uint16_t	name_of;	/* FIELD_OTHER: of none */
	uint16_t	alias_of;
};

static struct slot slots[SLOTS];
static bool ready;

static struct slot *
find(struct span word)
{
	uint32_t h = (uint32_t)hash_bytes(word.ptr, word.len, 1);

	for (;; h++) {
		struct slot *s = &slots[h & (SLOTS - 1)];

		if (s->word.ptr == NULL || span_eq(s->word, word))
			return s;
	}
}

static void
add(struct span word, unsigned name_of, unsigned alias_of)
{
	struct slot *s = find(word);

	/* A name twice in fields.def is a bug of ours. */
	ASSERT(s->word.ptr == NULL);
	*s = (struct slot){ word, (uint16_t)name_of, (uint16_t)alias_of };
}

static void
setup(void)
{
	if (ready)
		return;
	ready = true;
	for (unsigned id = 1; id < FIELD_COUNT; id++) {
		const char *p = names[id].aliases;

		add(span_str(names[id].name), id, 0);
		while (*p != '\0') {
			size_t n = strcspn(p, " ");

			add(span_of(p, n), 0, id);
			p += n + strspn(p + n, " ");
		}
	}
}

const char *
field_name(unsigned id)
{
	return id < nnames ? names[id].name : "";
}

const char *
field_aliases(unsigned id)
{
	return id < nnames ? names[id].aliases : "";
}

const char *
field_prose(unsigned id)
{
	return id < nnames ? names[id].prose : "";
}

enum ftype
field_type(unsigned id)
{
	return id < nnames ? names[id].type : FT_STR;
}

unsigned
field_count(void)
{
	return nnames;
}

unsigned
field_by_name(struct span word)
{
	setup();
	return find(word)->name_of;
}

unsigned
field_by_alias(struct span word)
{
	struct slot *s;

	setup();
	s = find(word);
	return s->alias_of != 0 ? s->alias_of : s->name_of;
}

unsigned
field_intern(struct span word)
{
	struct slot *s;
	char *copy;

	setup();
	s = find(word);
	if (s->name_of != 0)
		return s->name_of;
	if (nnames == FIELD_MAX || (copy = malloc(word.len + 1)) == NULL)
		return FIELD_OTHER;
	if (word.len != 0)
		memcpy(copy, word.ptr, word.len);
	copy[word.len] = '\0';
	names[nnames] = (struct name){ copy, "", "named by a rule", FT_STR };
	s->word = span_of(copy, word.len);
	s->name_of = (uint16_t)nnames;
	return nnames++;
}
