/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded evicting table.  Entries stand in one growing block; slots hold
 * indexes into it (0: free), linear probing with backward-shift deletion, load
 * at most 3/4.  Entries are linked by use; the oldest makes room.
 *
 * The hash is keyed with a seed of the run, so hostile keys cannot be made to
 * collide; what it seeds shows nowhere in the output.
 */
#include <stdlib.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base.h"

#define ENTRIES_FIRST	64u

struct entry {		/* followed by key, then value */
	uint32_t	prev, next;	/* by use; 0: none */
	uint32_t	hash;
};

struct table {
	size_t		 key_size, value_off, entry_size;
	uint32_t	 cap, count, allocated;
	uint32_t	 slots;		/* a power of two */
	uint32_t	*slot;
	uint8_t		*block;		/* entry i at (i - 1) * entry_size */
	uint32_t	 oldest, newest, spare;
	uint64_t	 evicted, seed;
	table_evict_fn	*on_evict;
	void		*on_evict_arg;
};

uint64_t
hash_bytes(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

uint64_t
hash_seed(void)
{
	static uint64_t seed;

	if (seed == 0) {
		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) !=
		    (ssize_t)sizeof(seed))
			seed = (uint64_t)(uintptr_t)&seed;
		seed |= 1;
	}
	return seed;
}

static struct entry *
entry_at(const struct table *t, uint32_t i)
{
	return (struct entry *)(void *)(t->block + (size_t)(i - 1) *
	    t->entry_size);
}

static uint8_t *
entry_key(struct entry *e)
{
	return (uint8_t *)(e + 1);
}

static void *
entry_value(const struct table *t, struct entry *e)
{
	return (uint8_t *)e + t->value_off;
}

struct table *
table_new(size_t key_size, size_t value_size, uint32_t cap)
{
	struct table *t = calloc(1, sizeof(*t));
	size_t keyed = (sizeof(struct entry) + key_size + 7) & ~(size_t)7;

	ASSERT(cap > 0 && cap < UINT32_C(1) << 30);
	if (t == NULL)
		return NULL;
	t->key_size = key_size;
	t->value_off = keyed;
	t->entry_size = (keyed + value_size + 7) & ~(size_t)7;
	t->cap = cap;
	t->slots = ENTRIES_FIRST * 2;
	t->slot = calloc(t->slots, sizeof(*t->slot));
	t->allocated = MIN_OF(cap, ENTRIES_FIRST);
	t->block = malloc(t->allocated * t->entry_size);
	t->seed = hash_seed();
	if (t->slot == NULL || t->block == NULL) {
		table_free(t);
		return NULL;
	}
	return t;
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	free(t->slot);
	free(t->block);
	free(t);
}

void
table_on_evict(struct table *t, table_evict_fn *fn, void *arg)
{
	t->on_evict = fn;
	t->on_evict_arg = arg;
}

static void
unlink_entry(struct table *t, struct entry *e)
{
	if (e->prev != 0)
		entry_at(t, e->prev)->next = e->next;
	else
		t->oldest = e->next;
	if (e->next != 0)
		entry_at(t, e->next)->prev = e->prev;
	else
		t->newest = e->prev;
}

static void
link_newest(struct table *t, uint32_t i, struct entry *e)
{
	e->prev = t->newest;
	e->next = 0;
	if (t->newest != 0)
		entry_at(t, t->newest)->next = i;
	else
		t->oldest = i;
	t->newest = i;
}

/* The slot of the key, or the free slot where it would stand. */
static uint32_t
find_slot(const struct table *t, const void *key, uint32_t hash)
{
	uint32_t s = hash & (t->slots - 1);

	for (; t->slot[s] != 0; s = (s + 1) & (t->slots - 1)) {
		struct entry *e = entry_at(t, t->slot[s]);

		if (e->hash == hash &&
		    memcmp(entry_key(e), key, t->key_size) == 0)
			break;
	}
	return s;
}

static uint32_t
key_hash(const struct table *t, const void *key)
{
	return (uint32_t)hash_bytes(key, t->key_size, t->seed);
}

void *
table_get(struct table *t, const void *key)
{
	uint32_t i = t->slot[find_slot(t, key, key_hash(t, key))];
	struct entry *e;

	if (i == 0)
		return NULL;
	e = entry_at(t, i);
	if (t->newest != i) {
		unlink_entry(t, e);
		link_newest(t, i, e);
	}
	return entry_value(t, e);
}

const void *
table_find(const struct table *t, const void *key)
{
	uint32_t i = t->slot[find_slot(t, key, key_hash(t, key))];

	return i == 0 ? NULL : entry_value(t, entry_at(t, i));
}

/* Closes the hole at s by moving later entries of the same run back. */
static void
free_slot(struct table *t, uint32_t s)
{
	uint32_t mask = t->slots - 1, next = s;

	t->slot[s] = 0;
	for (;;) {
		uint32_t home;

		next = (next + 1) & mask;
		if (t->slot[next] == 0)
			return;
		home = entry_at(t, t->slot[next])->hash & mask;
		if (((next - home) & mask) >= ((next - s) & mask)) {
			t->slot[s] = t->slot[next];
			t->slot[next] = 0;
			s = next;
		}
	}
}

static void
remove_slot(struct table *t, uint32_t s)
{
	uint32_t i = t->slot[s];
	struct entry *e = entry_at(t, i);

	unlink_entry(t, e);
	free_slot(t, s);
	e->next = t->spare;
	t->spare = i;
	t->count--;
}

void
table_del(struct table *t, const void *key)
{
	uint32_t s = find_slot(t, key, key_hash(t, key));

	if (t->slot[s] != 0)
		remove_slot(t, s);
}

static void
evict_oldest(struct table *t)
{
	struct entry *e = entry_at(t, t->oldest);

	t->evicted++;
	if (t->on_evict != NULL)
		t->on_evict(t->on_evict_arg, entry_key(e), entry_value(t, e));
	remove_slot(t, find_slot(t, entry_key(e), e->hash));
}

static bool
grow(struct table *t)
{
	uint32_t n = MIN_OF(t->allocated * 2, t->cap), slots = t->slots;
	uint32_t *slot;
	uint8_t *block;

	if ((block = realloc(t->block, n * t->entry_size)) == NULL)
		return false;
	t->block = block;
	while (slots / 4 * 3 < n)
		slots *= 2;
	if (slots != t->slots) {
		if ((slot = calloc(slots, sizeof(*slot))) == NULL)
			return false;
		free(t->slot);
		t->slot = slot;
		t->slots = slots;
		for (uint32_t i = t->oldest; i != 0; i = entry_at(t, i)->next) {
			uint32_t s = entry_at(t, i)->hash & (slots - 1);

			while (slot[s] != 0)
				s = (s + 1) & (slots - 1);
			slot[s] = i;
		}
	}
	t->allocated = n;
	return true;
}

/* The index of an unused entry, or 0 when out of memory. */
static uint32_t
new_entry(struct table *t)
{
	uint32_t i;

	if (t->count == t->cap)
		evict_oldest(t);
	if ((i = t->spare) != 0) {
		t->spare = entry_at(t, i)->next;
		return i;
	}
	if (t->count == t->allocated && !grow(t)) {
		if (t->count == 0)
			return 0;
		evict_oldest(t);
		i = t->spare;
		t->spare = entry_at(t, i)->next;
		return i;
	}
	return t->count + 1;
}

void *
table_put(struct table *t, const void *key, bool *made)
{
	uint32_t hash = key_hash(t, key), i;
	struct entry *e;
	void *v;

	*made = false;
	if ((v = table_get(t, key)) != NULL)
		return v;
	if ((i = new_entry(t)) == 0)
		return NULL;
	e = entry_at(t, i);
	e->hash = hash;
	memcpy(entry_key(e), key, t->key_size);
	v = entry_value(t, e);
	memset(v, 0, t->entry_size - t->value_off);
	t->slot[find_slot(t, key, hash)] = i;
	link_newest(t, i, e);
	t->count++;
	*made = true;
	return v;
}

void
table_clear(struct table *t)
{
	memset(t->slot, 0, t->slots * sizeof(*t->slot));
	t->count = t->oldest = t->newest = t->spare = 0;
}

uint32_t
table_count(const struct table *t)
{
	return t->count;
}

uint64_t
table_evicted(const struct table *t)
{
	return t->evicted;
}

bool
table_next(const struct table *t, uint32_t *it, const void **key,
    void **value)
{
	struct entry *e;

	if (*it == UINT32_MAX)
		return false;
	if (*it == 0)
		*it = t->oldest;
	if (*it == 0)
		return false;
	e = entry_at(t, *it);
	*key = entry_key(e);
	*value = entry_value(t, e);
	*it = e->next == 0 ? UINT32_MAX : e->next;
	return true;
}

void
table_save(const struct table *t, struct buf *b)
{
	buf_le32(b, (uint32_t)t->key_size);
	buf_le32(b, (uint32_t)(t->entry_size - t->value_off));
	buf_le32(b, t->count);
	for (uint32_t i = t->oldest; i != 0; i = entry_at(t, i)->next) {
		struct entry *e = entry_at(t, i);

		buf_put(b, entry_key(e), t->key_size);
		buf_put(b, entry_value(t, e), t->entry_size - t->value_off);
	}
}

bool
table_restore(struct table *t, struct cursor *c)
{
	size_t key_size = cur_le32(c), value_size = cur_le32(c);
	uint32_t n = cur_le32(c);

	if (!cur_ok(c) || key_size != t->key_size ||
	    value_size != t->entry_size - t->value_off)
		cur_fail(c);
	for (uint32_t i = 0; i < n && cur_ok(c); i++) {
		struct span key = cur_take(c, key_size);
		struct span value = cur_take(c, value_size);
		bool made;
		void *v;

		if (!cur_ok(c))
			break;
		if ((v = table_put(t, key.ptr, &made)) == NULL)
			cur_fail(c);
		else if (value_size != 0)
			memcpy(v, value.ptr, value_size);
	}
	if (!cur_ok(c))
		table_clear(t);
	return cur_ok(c);
}
