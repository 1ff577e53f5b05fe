/* SPDX-License-Identifier: Apache-2.0
 *
 * External sorting.  A sorter holds items up to its budget, then writes them
 * in order as a run to its file; a merge reads any number of runs as one
 * sorted stream.
 *
 * A run is a sequence of items: the key as it lies in memory, the length as
 * uint32_t, the bytes.  Runs are read by the program that wrote them, but the
 * writer may have parsed hostile input: lengths are checked against the run.
 *
 * Bounds: budget in memory for a sorter; MERGE_MEMORY for the buffers of a
 * merge, plus one item a run where items are larger than their buffer.
 */
#define _GNU_SOURCE	/* O_TMPFILE */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"

#define MERGE_MEMORY	(16u << 20)
#define READER_MIN	1024u
#define READER_MAX	(64u << 10)
#define ITEM_MAX	(64u << 20)	/* the largest event is far smaller */

struct item_head {
	struct sort_key	key;
	uint32_t	len;
	uint32_t	pad;
};

struct held {
	struct sort_key	key;
	uint64_t	off;	/* of the item, head and bytes, in data */
	uint32_t	len;	/* of the bytes */
};

struct sorter {
	int		 fd;
	size_t		 budget;
	struct buf	 data;
	struct held	*held;
	size_t		 nheld, held_size;
	bool		 in_order;	/* the held ones came sorted */
	struct run	*runs;
	size_t		 nruns, runs_size;
	uint64_t	 written;
};

int
sort_key_cmp(const struct sort_key *a, const struct sort_key *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->member != b->member)
		return a->member < b->member ? -1 : 1;
	if (a->record != b->record)
		return a->record < b->record ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return 0;
}

struct sorter *
sorter_new(int fd, size_t budget)
{
	struct sorter *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fd = fd;
	s->budget = budget;
	buf_init(&s->data, 0);
	return s;
}

void
sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	buf_fini(&s->data);
	free(s->held);
	free(s->runs);
	free(s);
}

enum err
sorter_add(struct sorter *s, const struct sort_key *key, struct span bytes)
{
	const struct item_head head = { *key, (uint32_t)bytes.len, 0 };

	if (bytes.len > ITEM_MAX)
		return ERR_LIMIT;
	if (s->nheld == s->held_size) {
		size_t n = s->held_size == 0 ? 1024 : s->held_size * 2;
		struct held *h = realloc(s->held, n * sizeof(*h));

		if (h == NULL)
			return ERR_NOMEM;
		s->held = h;
		s->held_size = n;
	}
	s->in_order = s->nheld == 0 || (s->in_order &&
	    sort_key_cmp(&s->held[s->nheld - 1].key, key) <= 0);
	s->held[s->nheld] = (struct held){ *key, s->data.len,
	    (uint32_t)bytes.len };
	buf_put(&s->data, &head, sizeof(head));
	buf_span(&s->data, bytes);
	if (s->data.failed)
		return ERR_NOMEM;
	s->nheld++;
	if (s->data.len + s->nheld * sizeof(*s->held) < s->budget)
		return ERR_OK;
	return sorter_flush(s);
}

static int
held_cmp(const void *a, const void *b)
{
	const struct held *x = a, *y = b;
	int c = sort_key_cmp(&x->key, &y->key);

	/* Equal keys keep the order in which they came. */
	return c != 0 ? c : x->off < y->off ? -1 : x->off > y->off;
}

static enum err
write_all(struct sorter *s, const uint8_t *p, size_t n)
{
	while (n != 0) {
		ssize_t w = pwrite(s->fd, p, n, (off_t)s->written);

		if (w < 0) {
			if (errno == EINTR)
				continue;
			return ERR_WRITE;
		}
		p += w;
		n -= (size_t)w;
		s->written += (uint64_t)w;
	}
	return ERR_OK;
}

/* Most logs are in order of time, and so are the bytes: then they are written
 * as they lie.  Others are put together in pieces of READER_MAX. */
static enum err
write_held(struct sorter *s)
{
	struct buf out;
	enum err e = ERR_OK;

	if (s->in_order)
		return write_all(s, s->data.ptr, s->data.len);
	buf_init(&out, 0);
	for (size_t i = 0; i < s->nheld && e == ERR_OK; i++) {
		struct held *h = &s->held[i];

		buf_put(&out, s->data.ptr + h->off,
		    sizeof(struct item_head) + h->len);
		if (out.failed)
			e = ERR_NOMEM;
		else if (out.len >= READER_MAX) {
			e = write_all(s, out.ptr, out.len);
			out.len = 0;
		}
	}
	if (e == ERR_OK)
		e = write_all(s, out.ptr, out.len);
	buf_fini(&out);
	return e;
}

enum err
sorter_flush(struct sorter *s)
{
	uint64_t start = s->written;
	enum err e;

	if (s->nheld == 0)
		return ERR_OK;
	if (s->nruns == s->runs_size) {
		size_t n = s->runs_size == 0 ? 16 : s->runs_size * 2;
		struct run *r = realloc(s->runs, n * sizeof(*r));

		if (r == NULL)
			return ERR_NOMEM;
		s->runs = r;
		s->runs_size = n;
	}
	if (!s->in_order)
		qsort(s->held, s->nheld, sizeof(*s->held), held_cmp);
	if ((e = write_held(s)) != ERR_OK)
		return e;
	s->runs[s->nruns++] = (struct run){ start, s->written - start };
	s->nheld = 0;
	s->data.len = 0;
	return ERR_OK;
}

const struct run *
sorter_runs(const struct sorter *s, size_t *n)
{
	*n = s->nruns;
	return s->runs;
}

/* -- merging ------------------------------------------------------------- */

struct reader {
	int		 fd;
	uint64_t	 off, left;	/* in the file, not yet read */
	uint8_t		*ptr;
	size_t		 size, start, end;
	struct item_head head;		/* of the current item */
};

struct merge {
	struct reader	*reader;
	size_t		 nreaders;
	uint32_t	*heap;		/* indexes of readers with an item */
	size_t		 nheap;
	size_t		 read_size;
	bool		 taken;		/* the top's item was handed out */
	bool		 failed;
};

/* At least n bytes in the reader's buffer; false at the end or on error. */
static bool
reader_need(struct reader *r, size_t n, size_t read_size)
{
	if (r->end - r->start >= n)
		return true;
	if (n > r->size) {
		size_t size = MAX_OF(n, read_size);
		uint8_t *p = malloc(size);

		if (p == NULL)
			return false;
		if (r->end != r->start)
			memcpy(p, r->ptr + r->start, r->end - r->start);
		free(r->ptr);
		r->ptr = p;
		r->size = size;
	} else if (r->end != r->start) {
		memmove(r->ptr, r->ptr + r->start, r->end - r->start);
	}
	r->end -= r->start;
	r->start = 0;
	while (r->end < n && r->left != 0) {
		size_t want = r->size - r->end;
		ssize_t got;

		if (want > r->left)
			want = (size_t)r->left;
		got = pread(r->fd, r->ptr + r->end, want, (off_t)r->off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		r->end += (size_t)got;
		r->off += (uint64_t)got;
		r->left -= (uint64_t)got;
	}
	return r->end - r->start >= n;
}

/* The next item to the front: 1, 0 at the end, -1 broken. */
static int
reader_item(struct reader *r, size_t read_size)
{
	if (r->left == 0 && r->end == r->start)
		return 0;
	if (!reader_need(r, sizeof(r->head), read_size))
		return -1;
	memcpy(&r->head, r->ptr + r->start, sizeof(r->head));
	if (r->head.len > ITEM_MAX ||
	    !reader_need(r, sizeof(r->head) + r->head.len, read_size))
		return -1;
	return 1;
}

static bool
heap_less(const struct merge *m, uint32_t a, uint32_t b)
{
	int c = sort_key_cmp(&m->reader[a].head.key, &m->reader[b].head.key);

	return c != 0 ? c < 0 : a < b;
}

static void
sift_down(struct merge *m, size_t i)
{
	for (;;) {
		size_t least = i, l = 2 * i + 1, r = l + 1;
		uint32_t t;

		if (l < m->nheap && heap_less(m, m->heap[l], m->heap[least]))
			least = l;
		if (r < m->nheap && heap_less(m, m->heap[r], m->heap[least]))
			least = r;
		if (least == i)
			return;
		t = m->heap[i];
		m->heap[i] = m->heap[least];
		m->heap[least] = t;
		i = least;
	}
}

struct merge *
merge_new(const struct run_ref *refs, size_t n)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->read_size = n == 0 ? READER_MIN : MERGE_MEMORY / n;
	m->read_size = MAX_OF(m->read_size, READER_MIN);
	m->read_size = MIN_OF(m->read_size, READER_MAX);
	m->reader = calloc(MAX_OF(n, (size_t)1), sizeof(*m->reader));
	m->heap = calloc(MAX_OF(n, (size_t)1), sizeof(*m->heap));
	if (m->reader == NULL || m->heap == NULL) {
		merge_free(m);
		return NULL;
	}
	m->nreaders = n;
	for (size_t i = 0; i < n; i++) {
		struct reader *r = &m->reader[i];
		int got;

		r->fd = refs[i].fd;
		r->off = refs[i].run.off;
		r->left = refs[i].run.len;
		if ((got = reader_item(r, m->read_size)) < 0)
			m->failed = true;
		else if (got > 0)
			m->heap[m->nheap++] = (uint32_t)i;
	}
	for (size_t i = m->nheap / 2; i-- > 0;)
		sift_down(m, i);
	return m;
}

void
merge_free(struct merge *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->nreaders; i++)
		free(m->reader[i].ptr);
	free(m->reader);
	free(m->heap);
	free(m);
}

int
merge_next(struct merge *m, struct sort_key *key, struct span *bytes)
{
	struct reader *r;

	if (m->taken) {
		int got;

		r = &m->reader[m->heap[0]];
		r->start += sizeof(r->head) + r->head.len;
		if ((got = reader_item(r, m->read_size)) < 0)
			m->failed = true;
		if (got <= 0) {
			free(r->ptr);
			r->ptr = NULL;
			m->heap[0] = m->heap[--m->nheap];
		}
		sift_down(m, 0);
		m->taken = false;
	}
	if (m->failed)
		return -1;
	if (m->nheap == 0)
		return 0;
	r = &m->reader[m->heap[0]];
	*key = r->head.key;
	*bytes = span_of(r->ptr + r->start + sizeof(r->head), r->head.len);
	m->taken = true;
	return 1;
}

int
temp_file(void)
{
	const char *dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	int fd = -1;

	for (size_t i = 0; i < NITEMS(dirs) && fd < 0; i++) {
		char path[4096];
		int n;

		if (dirs[i] == NULL || dirs[i][0] == '\0')
			continue;
		fd = open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			break;
		/* A file system without O_TMPFILE. */
		n = snprintf(path, sizeof(path), "%s/picket.XXXXXX", dirs[i]);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		if ((fd = mkostemp(path, O_CLOEXEC)) >= 0)
			unlink(path);
	}
	return fd;
}
