/* SPDX-License-Identifier: Apache-2.0
 *
 * The EVTX source on files that are built here: headers that lie, damaged and
 * empty chunks, records of impossible sizes, parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "source.h"

extern const struct source source_evtx;

#define HEAD	4096u
#define CHUNK	65536u
#define CHUNKS	8u
#define RECORD	64u		/* size of the records that fill() makes */

static uint8_t *file;
static size_t file_len;
static struct batch batch;
static struct demand want;
static struct weirds weirds;

/* What was read, over all batches. */
static struct got {
	uint64_t	no, offset;
	uint32_t	size;
	uint8_t		flags;
} got[CHUNKS * 2400];
static unsigned ngot, nbatches;

static void
put(size_t at, uint64_t v, unsigned n)
{
	for (; n-- > 0; v >>= 8)
		file[at++] = (uint8_t)v;
}

static uint32_t
crc(size_t at, size_t n, uint32_t sum)
{
	for (sum = ~sum; n-- > 0;) {
		sum ^= file[at++];
		for (unsigned i = 0; i < 8; i++)
			sum = sum >> 1 ^ (0xedb88320u & (0u - (sum & 1)));
	}
	return ~sum;
}

static size_t
chunk_at(unsigned n)
{
	return HEAD + (size_t)n * CHUNK;
}

static void
file_header(unsigned chunks, uint32_t flags)
{
	memcpy(file, "ElfFile", 8);
	put(32, 128, 4);
	put(36, 1, 2);
	put(38, 3, 2);
	put(40, HEAD, 2);
	put(42, chunks, 2);
	put(120, flags, 4);
	put(124, crc(0, 120, 0), 4);
}

static void
sums(unsigned n, uint32_t free_at)
{
	size_t at = chunk_at(n);

	put(at + 48, free_at, 4);
	put(at + 52, crc(at + 512, free_at - 512, 0), 4);
	put(at + 124, crc(at + 128, 384, crc(at, 120, 0)), 4);
}

static void
put_record(size_t at, uint64_t id, uint32_t size)
{
	put(at, 0x2a2a, 4);
	put(at + 4, size, 4);
	put(at + 8, id, 8);
	/* 1970-01-01T00:00:01Z */
	put(at + 16, UINT64_C(116444736010000000), 8);
	memset(file + at + 24, 0x41, size - 28);
	put(at + size - 4, size, 4);
}

/* A sound chunk of n records with these ids and up. */
static void
fill(unsigned chunk, unsigned n, uint64_t id)
{
	size_t at = chunk_at(chunk);

	memcpy(file + at, "ElfChnk", 8);
	put(at + 40, 128, 4);
	put(at + 44, 512 + (n - 1) * RECORD, 4);
	for (unsigned i = 0; i < n; i++)
		put_record(at + 512 + i * RECORD, id + i, RECORD);
	sums(chunk, 512 + n * RECORD);
}

static int
setup(void **arg)
{
	(void)arg;
	file_len = chunk_at(CHUNKS);
	file = calloc(1, file_len);
	weirds_init(&weirds);
	ngot = nbatches = 0;
	return batch_init(&batch, &want, &weirds) ? 0 : -1;
}

static int
teardown(void **arg)
{
	(void)arg;
	free(file);
	batch_fini(&batch);
	return 0;
}

static void
keep(const struct record *r)
{
	assert_true(ngot < NITEMS(got));
	assert_int_equal(r->type, REC_EVTX);
	assert_true(r->data.ptr >= r->whole.ptr);
	assert_true(r->data.ptr + r->data.len <= r->whole.ptr + r->whole.len);
	assert_memory_equal(r->data.ptr, file + r->offset, r->data.len);
	got[ngot++] = (struct got){ r->no, r->offset, (uint32_t)r->data.len,
	    r->flags };
}

static enum source_status
run_input(struct input *in, uint64_t from, uint64_t to)
{
	struct src src = { .part_start = from, .part_end = to };
	enum source_status status;
	void *state = calloc(1, source_evtx.state_size);

	assert_non_null(in);
	window_init(&src.win, in);
	window_fill(&src.win, SOURCE_HEAD);
	assert_int_equal(source_evtx.open(&src, state), ERR_OK);
	do {
		batch_reset(&batch);
		status = source_evtx.read(&src, state, &batch);
		for (uint32_t i = 0; i < batch.nrecords; i++)
			keep(&batch.records[i]);
		nbatches++;
		assert_true(nbatches < 1000);
	} while (status == SOURCE_MORE);
	source_evtx.close(&src, state);
	window_fini(&src.win);
	input_close(in);
	free(state);
	return status;
}

static void
run(void)
{
	assert_true(source_evtx.match(span_of(file, 512)) > 0);
	assert_int_equal(run_input(input_mem(span_of(file, file_len)), 0,
	    UINT64_MAX), SOURCE_END);
}

static void
no_weirds(void)
{
	for (unsigned i = 0; i < WEIRD_COUNT; i++)
		if (weirds.count[i] != 0)
			fail_msg("weird %s", weird_name((enum weird)i));
}

/* -- tests -------------------------------------------------------------------- */

static void
test_whole(void **arg)
{
	(void)arg;
	file_header(2, 0);
	fill(0, 3, 10);
	fill(1, 2, 13);
	run();
	no_weirds();
	assert_int_equal(ngot, 5);
	assert_int_equal(got[0].no, 10);
	assert_int_equal(got[0].offset, HEAD + 512);
	assert_int_equal(got[0].size, RECORD);
	assert_int_equal(got[0].flags, REC_F_FIRST);
	assert_int_equal(got[1].flags, 0);
	assert_int_equal(got[2].offset, HEAD + 512 + 2 * RECORD);
	assert_int_equal(got[3].no, 13);
	assert_int_equal(got[3].offset, HEAD + CHUNK + 512);
	assert_int_equal(got[3].flags, REC_F_FIRST);
}

static void
test_match(void **arg)
{
	(void)arg;
	assert_int_equal(source_evtx.match(SPAN_LIT("ElfFile")), 0);
	assert_int_equal(source_evtx.match(SPAN_LIT("ElfFilf\0\0")), 0);
	assert_int_equal(source_evtx.match(SPAN_NONE), 0);
	assert_true(source_evtx.match(SPAN_LIT("ElfFile\0")) > 0);
	assert_true(source_evtx.match(SPAN_LIT("ElfChnk\0")) > 0);
}

/* A log of a running system: its header knows no chunk, and that is usual. */
static void
test_dirty(void **arg)
{
	(void)arg;
	file_header(0, 1);
	fill(0, 3, 1);
	fill(5, 3, 4);		/* empty ones between */
	run();
	no_weirds();
	assert_int_equal(ngot, 6);
}

static void
test_header_lies(void **arg)
{
	(void)arg;
	file_header(CHUNKS + 1, 0);
	fill(0, 1, 1);
	run();
	assert_int_equal(weirds.count[WEIRD_EVTX_HEADER], 1);
	file_header(1, 0);
	file[120] = 2;			/* not in the sum, but the sum stays */
	run();
	assert_int_equal(weirds.count[WEIRD_EVTX_HEADER], 1);
	file[10] = 1;
	run();
	assert_int_equal(weirds.count[WEIRD_EVTX_HEADER], 2);
	file[120] = 4;			/* no sums */
	run();
	assert_int_equal(weirds.count[WEIRD_EVTX_HEADER], 2);
	assert_int_equal(ngot, 4);
}

static void
test_sums(void **arg)
{
	(void)arg;
	file_header(2, 0);
	fill(0, 3, 1);
	fill(1, 3, 4);
	file[chunk_at(0) + 200] ^= 1;
	file[chunk_at(1) + 512 + 30] ^= 1;
	run();
	assert_int_equal(ngot, 6);
	assert_int_equal(weirds.count[WEIRD_EVTX_CHUNK_CRC], 1);
	assert_int_equal(weirds.first[WEIRD_EVTX_CHUNK_CRC].offset, HEAD);
	assert_int_equal(weirds.count[WEIRD_EVTX_RECORD_CRC], 1);
	assert_int_equal(weirds.first[WEIRD_EVTX_RECORD_CRC].offset,
	    chunk_at(1));
	/* Chunks that say that they have none. */
	file[chunk_at(0) + 120] = file[chunk_at(1) + 120] = 4;
	run();
	assert_int_equal(ngot, 12);
	assert_int_equal(weirds.count[WEIRD_EVTX_CHUNK_CRC], 1);
	assert_int_equal(weirds.count[WEIRD_EVTX_RECORD_CRC], 1);
}

static void
test_damaged_chunks(void **arg)
{
	(void)arg;
	file_header(4, 0);
	fill(0, 2, 1);
	memset(file + chunk_at(1), 0xa5, CHUNK);
	fill(2, 2, 3);
	memset(file + chunk_at(2), 0, 8);	/* records are still there */
	fill(3, 2, 5);
	put(chunk_at(3) + 48, 0xffffffff, 4);
	run();
	assert_int_equal(weirds.count[WEIRD_EVTX_CHUNK], 3);
	assert_int_equal(weirds.first[WEIRD_EVTX_CHUNK].offset, chunk_at(1));
	assert_int_equal(ngot, 6);
	assert_int_equal(got[2].no, 3);
	assert_int_equal(got[5].no, 6);
}

static void
test_record_sizes(void **arg)
{
	static const uint32_t sizes[] = { 0, 1, 27, CHUNK, UINT32_MAX };

	(void)arg;
	file_header(5, 0);
	for (unsigned i = 0; i < NITEMS(sizes); i++) {
		fill(i, 5, i * 5);
		put(chunk_at(i) + 512 + RECORD + 4, sizes[i], 4);
	}
	run();
	/* The second of each is lost, the third is found again. */
	assert_int_equal(ngot, 5 * 4);
	assert_int_equal(got[1].no, 2);
	assert_int_equal(weirds.count[WEIRD_EVTX_RECORD], 5);
	assert_int_equal(weirds.first[WEIRD_EVTX_RECORD].offset,
	    HEAD + 512 + RECORD);
	assert_int_equal(weirds.count[WEIRD_EVTX_RECORD_CRC], 5);
}

/* The second size disagrees: told, and read. */
static void
test_size_copy(void **arg)
{
	(void)arg;
	file_header(1, 0);
	fill(0, 2, 1);
	file[chunk_at(0) + 512 + RECORD - 4]++;
	sums(0, 512 + 2 * RECORD);
	run();
	assert_int_equal(ngot, 2);
	assert_int_equal(weirds.count[WEIRD_EVTX_RECORD], 1);
	assert_int_equal(weirds.first[WEIRD_EVTX_RECORD].record, 1);
}

static void
test_free_space(void **arg)
{
	(void)arg;
	file_header(3, 1);
	/* Old records behind the end, the sum is right: not of this log. */
	fill(0, 5, 1);
	sums(0, 512 + 3 * RECORD);
	/* The header is older than the records: they go on. */
	fill(1, 5, 6);
	put(chunk_at(1) + 48, 512 + 3 * RECORD, 4);
	/* The same, but what follows is an old one. */
	fill(2, 5, 11);
	put(chunk_at(2) + 48, 512 + 3 * RECORD, 4);
	put(chunk_at(2) + 512 + 3 * RECORD + 8, 2, 8);
	run();
	assert_int_equal(ngot, 3 + 5 + 3);
	assert_int_equal(got[2].no, 3);
	assert_int_equal(got[7].no, 10);
	assert_int_equal(got[10].no, 13);
	assert_int_equal(weirds.count[WEIRD_EVTX_RECORD], 0);
}

static void
test_truncated(void **arg)
{
	(void)arg;
	file_header(2, 0);
	fill(0, 3, 1);
	fill(1, 3, 4);
	file_len = chunk_at(1) + 512 + 2 * RECORD + 10;
	run();
	assert_int_equal(ngot, 5);
	assert_int_equal(weirds.count[WEIRD_FILE_TRUNCATED], 1);
	assert_int_equal(weirds.count[WEIRD_EVTX_HEADER], 1);
	file_len = chunk_at(1) + 100;
	run();
	assert_int_equal(ngot, 8);
	assert_int_equal(weirds.count[WEIRD_FILE_TRUNCATED], 2);
	file_len = 200;
	run();
	assert_int_equal(ngot, 8);
}

/* The smallest records: more in a chunk than a batch holds. */
static void
test_many(void **arg)
{
	unsigned n = (CHUNK - 512) / 28;

	(void)arg;
	file_header(1, 0);
	fill(0, 1, 1);
	for (unsigned i = 0; i < n; i++)
		put_record(chunk_at(0) + 512 + i * 28, i + 1, 28);
	sums(0, 512 + n * 28);
	run();
	no_weirds();
	assert_true(n > BATCH_RECORDS);
	assert_int_equal(ngot, n);
	assert_true(nbatches >= 2);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(got[i].no, i + 1);
}

/* A chunk without a file around it. */
static void
test_carved(void **arg)
{
	(void)arg;
	fill(0, 2, 1);
	fill(1, 2, 3);
	memmove(file, file + HEAD, 2 * CHUNK);
	file_len = 2 * CHUNK;
	run();
	no_weirds();
	assert_int_equal(ngot, 4);
	assert_int_equal(got[0].offset, 512);
	assert_int_equal(got[2].offset, CHUNK + 512);
}

static struct input *
on_disk(void)
{
	char path[] = "/tmp/test-evtx-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, file, file_len), (ssize_t)file_len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return input_fd(fd);
}

/* Any cut at multiples of 64 KiB gives each record once; by seeking and by
 * reading through. */
static void
test_parts(void **arg)
{
	static const unsigned cuts[][4] = {
		{ 0, 1, 2, 99 }, { 0, 3, 4, 99 }, { 0, 0, 8, 99 },
		{ 0, 5, 9, 99 }
	};

	(void)arg;
	file_header(CHUNKS, 0);
	for (unsigned i = 0; i < CHUNKS; i++)
		fill(i, 700, i * 700 + 1);
	for (unsigned round = 0; round < 2 * NITEMS(cuts); round++) {
		const unsigned *cut = cuts[round / 2];

		ngot = 0;
		for (unsigned i = 0; i < 3; i++) {
			uint64_t to = cut[i + 1] == 99 ? UINT64_MAX :
			    (uint64_t)cut[i + 1] * source_evtx.cut;

			assert_int_equal(run_input(round % 2 != 0 ? on_disk() :
			    input_mem(span_of(file, file_len)),
			    (uint64_t)cut[i] * source_evtx.cut, to),
			    SOURCE_END);
		}
		assert_int_equal(ngot, CHUNKS * 700);
		for (unsigned i = 0; i < ngot; i++)
			assert_int_equal(got[i].no, i + 1);
	}
	no_weirds();
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_whole), T(test_match), T(test_dirty),
		T(test_header_lies), T(test_sums), T(test_damaged_chunks),
		T(test_record_sizes), T(test_size_copy), T(test_free_space),
		T(test_truncated), T(test_many), T(test_carved), T(test_parts)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
