/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena: a list of chunks, bumped.  A reset keeps the largest chunk, so a
 * steady state allocates nothing.  Bound: cap, on the sum of all chunks.
 */
#include <stdlib.h>

#include "base.h"

#define CHUNK_MIN	(64u << 10)

struct arena_chunk {
	struct arena_chunk	*next;
	size_t			 size;
	_Alignas(16) uint8_t	 data[];
};

void
arena_init(struct arena *a, size_t cap)
{
	*a = (struct arena){ .cap = cap };
}

static void
free_chunks(struct arena_chunk *c)
{
	while (c != NULL) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void
arena_fini(struct arena *a)
{
	free_chunks(a->head);
	*a = (struct arena){ .cap = a->cap };
}

void
arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->head;

	/* The newest chunk is the largest: sizes only grow. */
	if (keep != NULL) {
		free_chunks(keep->next);
		keep->next = NULL;
		a->total = keep->size;
	}
	a->used = 0;
	a->overflowed = false;
}

static bool
grow(struct arena *a, size_t n)
{
	size_t size = MAX_OF(a->total, CHUNK_MIN);
	struct arena_chunk *c;

	if (size < n)
		size = n;
	if (size > a->cap - a->total)
		size = a->cap - a->total;
	if (size < n || (c = malloc(sizeof(*c) + size)) == NULL) {
		a->overflowed = true;
		return false;
	}
	c->next = a->head;
	c->size = size;
	a->head = c;
	a->total += size;
	a->used = 0;
	return true;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void *p;

	if (n > SIZE_MAX - 7) {
		a->overflowed = true;
		return NULL;
	}
	n = (n + 7) & ~(size_t)7;
	if ((a->head == NULL || n > a->head->size - a->used) && !grow(a, n))
		return NULL;
	p = a->head->data + a->used;
	a->used += n;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	if (p != NULL)
		memset(p, 0, n);
	return p;
}

struct span
arena_copy(struct arena *a, struct span s)
{
	uint8_t *p = arena_alloc(a, s.len);

	if (p == NULL)
		return SPAN_NONE;
	if (s.len != 0)
		memcpy(p, s.ptr, s.len);
	return (struct span){ p, s.len };
}

size_t
arena_used(const struct arena *a)
{
	if (a->head == NULL)
		return 0;
	return a->total - a->head->size + a->used;
}
