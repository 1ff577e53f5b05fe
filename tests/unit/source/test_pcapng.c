/* SPDX-License-Identifier: Apache-2.0
 *
 * pcapng: sections in both byte orders, interfaces with their own link type,
 * resolution and offset, all packet blocks, what is passed over, and blocks
 * that are cut or broken.  Expected values follow from the draft's formulas.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "source.h"

extern const struct source source_pcapng;

static struct buf	 file;
static bool		 big;
static struct demand	 want;
static struct weirds	 weirds;
static struct batch	 batch;
static struct src	 src;
static void		*state;
static struct input	*in;
static size_t		 block_at;

static void
put(uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		buf_byte(&file, (uint8_t)(v >> 8 * (big ? n - 1 - i : i)));
}

static void
begin(uint32_t type)
{
	block_at = file.len;
	put(type, 4);
	put(0, 4);
}

static void
end(void)
{
	uint32_t len;

	while (file.len % 4 != 0)
		buf_byte(&file, 0);
	len = (uint32_t)(file.len + 4 - block_at);
	put(len, 4);
	for (int i = 0; i < 4; i++)
		file.ptr[block_at + 4 + (size_t)i] = (uint8_t)(len >>
		    (big ? 24 - 8 * i : 8 * i));
}

static void
section(bool is_big)
{
	big = is_big;
	begin(0x0a0d0d0a);
	put(0x1a2b3c4d, 4);
	put(1, 2);
	put(0, 2);
	put(UINT64_MAX, 8);
	put(1, 2);		/* a comment */
	put(3, 2);
	buf_str(&file, "abc");
	buf_byte(&file, 0);
	put(0, 4);
	end();
}

/* tsresol 0: option absent. */
static void
interface(uint16_t link, uint32_t snaplen, uint8_t tsresol, int64_t tsoffset)
{
	begin(1);
	put(link, 2);
	put(0, 2);
	put(snaplen, 4);
	put(2, 2);		/* if_name, passed over */
	put(5, 2);
	buf_str(&file, "eth42");
	put(0, 3);
	if (tsresol != 0) {
		put(9, 2);
		put(1, 2);
		put(tsresol, 1);
		put(0, 3);
	}
	if (tsoffset != 0) {
		put(14, 2);
		put(8, 2);
		put((uint64_t)tsoffset, 8);
	}
	put(0, 4);
	end();
}

static void
enhanced(uint32_t intf, uint64_t ticks, const char *bytes, uint32_t wire)
{
	begin(6);
	put(intf, 4);
	put(ticks >> 32, 4);
	put(ticks & 0xffffffff, 4);
	put(strlen(bytes), 4);
	put(wire, 4);
	buf_str(&file, bytes);
	while (file.len % 4 != 0)
		buf_byte(&file, 0);
	put(1, 2);		/* a comment */
	put(4, 2);
	buf_str(&file, "note");
	put(0, 4);
	end();
}

static void
unknown(uint32_t type, uint32_t len)
{
	begin(type);
	for (uint32_t i = 0; i < len; i++)
		buf_byte(&file, 0xff);
	end();
}

static enum source_status
read_all(uint32_t *n)
{
	enum source_status status;

	in = input_mem(buf_view(&file));
	src = (struct src){ .part_end = UINT64_MAX };
	window_init(&src.win, in);
	state = calloc(1, source_pcapng.state_size);
	weirds_init(&weirds);
	assert_true(batch_init(&batch, &want, &weirds));
	assert_int_equal(source_pcapng.match(buf_view(&file)), 100);
	assert_int_equal(source_pcapng.open(&src, state), ERR_OK);
	status = source_pcapng.read(&src, state, &batch);
	*n = batch.nrecords;
	return status;
}

static void
close_file(void)
{
	source_pcapng.close(&src, state);
	free(state);
	window_fini(&src.win);
	input_close(in);
	batch_fini(&batch);
	buf_reset(&file);
}

static void
test_sections(void **unused)
{
	const struct record *r;
	uint32_t n;

	(void)unused;
	section(false);
	interface(1, 0, 0, 0);
	interface(276, 0, 9, 0);
	enhanced(0, UINT64_C(1700000000123456), "hello", 60);
	enhanced(1, UINT64_C(1700000000123456789), "worlds", 6);
	section(true);
	interface(101, 0, 3, -3600);
	enhanced(0, UINT64_C(1700000000123), "x", 1);
	enhanced(1, 1, "no such interface", 17);
	enhanced(0, 0, "", 0);
	assert_int_equal(read_all(&n), SOURCE_END);
	assert_int_equal(n, 4);
	r = batch.records;
	assert_int_equal(r[0].time, INT64_C(1700000000123456000));
	assert_int_equal(r[0].link, 1);
	assert_int_equal(r[0].wire_len, 60);
	assert_memory_equal(r[0].data.ptr, "hello", 5);
	assert_int_equal(r[0].data.len, 5);
	assert_int_equal(r[0].no, 1);
	assert_int_equal(r[1].time, INT64_C(1700000000123456789));
	assert_int_equal(r[1].link, 276);
	assert_int_equal(r[2].time, INT64_C(1699996400123000000));
	assert_int_equal(r[2].link, 101);
	assert_int_equal(r[2].no, 3);
	/* The broken block counts, as in Wireshark. */
	assert_int_equal(weirds.count[WEIRD_PCAPNG_BAD_BLOCK], 1);
	assert_int_equal(weirds.first[WEIRD_PCAPNG_BAD_BLOCK].record, 4);
	assert_int_equal(r[3].no, 5);
	assert_int_equal(r[3].time, -3600 * NSEC);
	close_file();
}

static void
test_resolutions(void **unused)
{
	static const struct {
		uint8_t	 tsresol;
		uint64_t ticks;
		int64_t	 time;
	} cases[] = {
		{ 0x80 | 10, 1024 * 7 + 512, 7 * NSEC + NSEC / 2 },
		{ 0x80 | 32, (UINT64_C(3) << 32) + (1u << 30),
		    3 * NSEC + NSEC / 4 },
		{ 0x80 | 63, (UINT64_C(1) << 63) + (UINT64_C(1) << 62),
		    NSEC + NSEC / 2 },
		{ 0x80 | 64, 5, TIME_NONE },
		{ 12, UINT64_C(5000000000001999), 5000 * NSEC + 1 },
		{ 19, UINT64_C(15000000000000000000), NSEC + NSEC / 2 },
		{ 20, 5, TIME_NONE },
		{ 1, 25, 2 * NSEC + NSEC / 2 },
		{ 3, UINT64_MAX, TIME_NONE }
	};
	uint32_t n;

	(void)unused;
	section(false);
	for (size_t i = 0; i < NITEMS(cases); i++)
		interface(1, 0, cases[i].tsresol, 0);
	for (size_t i = 0; i < NITEMS(cases); i++)
		enhanced((uint32_t)i, cases[i].ticks, "a", 1);
	assert_int_equal(read_all(&n), SOURCE_END);
	assert_int_equal(n, NITEMS(cases));
	for (size_t i = 0; i < NITEMS(cases); i++)
		assert_int_equal(batch.records[i].time, cases[i].time);
	close_file();
}

static void
test_other_blocks(void **unused)
{
	uint32_t n;

	(void)unused;
	section(true);
	interface(1, 4, 0, 0);
	unknown(5, 20);
	unknown(4, 0);
	begin(3);		/* simple: snaplen 4 of 9 */
	put(9, 4);
	buf_str(&file, "abcd");
	end();
	begin(2);		/* obsolete packet block */
	put(0, 2);
	put(3, 2);
	put(0, 4);
	put(2500000, 4);
	put(2, 4);
	put(77, 4);
	buf_str(&file, "yz");
	end();
	unknown(9, 8);		/* a journal entry is a frame in Wireshark */
	unknown(0x80000001, 700000);	/* larger than the window's block */
	enhanced(0, 1, "last", 4);
	assert_int_equal(read_all(&n), SOURCE_MORE);
	assert_int_equal(n, 2);
	assert_int_equal(batch.records[0].time, TIME_NONE);
	assert_int_equal(batch.records[0].data.len, 4);
	assert_int_equal(batch.records[0].wire_len, 9);
	assert_int_equal(batch.records[1].time, 2500000000);
	assert_int_equal(batch.records[1].data.len, 2);
	assert_int_equal(batch.records[1].wire_len, 77);
	batch_reset(&batch);
	assert_int_equal(source_pcapng.read(&src, state, &batch), SOURCE_MORE);
	assert_int_equal(batch.nrecords, 1);
	assert_int_equal(batch.records[0].no, 4);
	assert_memory_equal(batch.records[0].data.ptr, "last", 4);
	batch_reset(&batch);
	assert_int_equal(source_pcapng.read(&src, state, &batch), SOURCE_END);
	assert_int_equal(batch.nrecords, 0);
	close_file();
}

static void
test_cut(void **unused)
{
	size_t last;
	uint32_t n;

	(void)unused;
	for (size_t cut = 1; ; cut++) {
		section(false);
		interface(1, 0, 0, 0);
		enhanced(0, 1, "one", 3);
		last = file.len;
		enhanced(0, 1, "two", 3);
		if (cut == file.len - last)
			break;
		file.len -= cut;
		assert_int_equal(read_all(&n), SOURCE_ERROR);
		assert_int_equal(n, 1);
		assert_int_equal(src.bad_offset, last);
		assert_int_equal(weirds.count[WEIRD_FILE_TRUNCATED], 1);
		close_file();
	}
	buf_reset(&file);
}

static void
test_broken(void **unused)
{
	static const uint32_t lengths[] = { 0, 11, 13, 8, 0x7fffffff };
	uint32_t n;

	(void)unused;
	for (size_t i = 0; i < NITEMS(lengths); i++) {
		section(false);
		interface(1, 0, 0, 0);
		enhanced(0, 1, "one", 3);
		put(6, 4);
		put(lengths[i], 4);
		put(0, 8);
		assert_int_equal(read_all(&n), SOURCE_ERROR);
		assert_int_equal(n, 1);
		assert_int_equal(src.err, ERR_FORMAT);
		assert_int_equal(weirds.count[WEIRD_PCAPNG_BAD_BLOCK], 1);
		close_file();
	}
	section(false);		/* lengths that differ */
	interface(1, 0, 0, 0);
	enhanced(0, 1, "one", 3);
	file.ptr[file.len - 4] ^= 4;
	assert_int_equal(read_all(&n), SOURCE_ERROR);
	assert_int_equal(n, 0);
	assert_int_equal(weirds.count[WEIRD_PCAPNG_BAD_BLOCK], 1);
	close_file();
	section(false);		/* captured length over the block */
	interface(1, 0, 0, 0);
	enhanced(0, 1, "one", 3);
	file.ptr[block_at + 20] = 0xff;
	assert_int_equal(read_all(&n), SOURCE_END);
	assert_int_equal(n, 0);
	assert_int_equal(weirds.count[WEIRD_PCAPNG_BAD_BLOCK], 1);
	close_file();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_resolutions),
		cmocka_unit_test(test_other_blocks),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_broken),
	};
	int failed;

	buf_init(&file, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&file);
	return failed;
}
