/* SPDX-License-Identifier: Apache-2.0
 *
 * pcap: both byte orders, both resolutions, the patched record header, records
 * larger than a block of the window, more records than a batch holds, and files
 * that are cut or broken.  Expected values follow from the format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "source.h"

extern const struct source source_pcap;

static struct buf	 file;
static bool		 big;
static struct demand	 want;
static struct weirds	 weirds;
static struct batch	 batch;
static struct src	 src;
static void		*state;
static struct input	*in;

static void
put32(uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_byte(&file, (uint8_t)(v >> (big ? 24 - 8 * i : 8 * i)));
}

static void
header(uint32_t magic, uint32_t snaplen, uint32_t link)
{
	buf_reset(&file);
	put32(magic);
	put32(big ? 2u << 16 | 4 : 4u << 16 | 2);
	put32(0);
	put32(0);
	put32(snaplen);
	put32(link);
}

static void
packet(uint32_t sec, uint32_t frac, uint32_t len, uint32_t wire)
{
	put32(sec);
	put32(frac);
	put32(len);
	put32(wire);
	for (uint32_t i = 0; i < len; i++)
		buf_byte(&file, (uint8_t)i);
}

static void
open_file(void)
{
	in = input_mem(buf_view(&file));
	src = (struct src){ .part_end = UINT64_MAX };
	window_init(&src.win, in);
	state = calloc(1, source_pcap.state_size);
	weirds_init(&weirds);
	assert_true(batch_init(&batch, &want, &weirds));
	assert_int_equal(source_pcap.match(buf_view(&file)), 100);
	assert_int_equal(source_pcap.open(&src, state), ERR_OK);
}

static void
close_file(void)
{
	source_pcap.close(&src, state);
	free(state);
	window_fini(&src.win);
	input_close(in);
	batch_fini(&batch);
}

static enum source_status
next(void)
{
	batch_reset(&batch);
	return source_pcap.read(&src, state, &batch);
}

static void
test_orders(void **unused)
{
	static const struct {
		uint32_t magic;
		bool	 big, nano;
	} kinds[] = {
		{ 0xa1b2c3d4, false, false }, { 0xa1b2c3d4, true, false },
		{ 0xa1b23c4d, false, true }, { 0xa1b23c4d, true, true }
	};

	(void)unused;
	for (size_t i = 0; i < NITEMS(kinds); i++) {
		const struct record *r;

		big = kinds[i].big;
		header(kinds[i].magic, 65535, 0x10000000 | 113);
		packet(1700000000, 123456, 60, 1514);
		packet(4294967295u, 7, 0, 0);
		open_file();
		assert_int_equal(next(), SOURCE_END);
		assert_int_equal(batch.nrecords, 2);
		r = &batch.records[0];
		assert_int_equal(r->time, INT64_C(1700000000) * NSEC +
		    (kinds[i].nano ? 123456 : 123456000));
		assert_int_equal(r->no, 1);
		assert_int_equal(r->offset, 24);
		assert_int_equal(r->data.len, 60);
		assert_int_equal(r->data.ptr[59], 59);
		assert_int_equal(r->wire_len, 1514);
		assert_int_equal(r->link, 113);
		assert_int_equal(r->type, REC_PACKET);
		r = &batch.records[1];
		assert_int_equal(r->time / NSEC, INT64_C(4294967295));
		assert_int_equal(r->no, 2);
		assert_int_equal(r->offset, 24 + 16 + 60);
		assert_int_equal(r->data.len, 0);
		assert_int_equal(batch.clock, r->time);
		close_file();
	}
	big = false;
}

static void
test_patched(void **unused)
{
	(void)unused;
	header(0xa1b2cd34, 65535, 1);
	for (int i = 0; i < 2; i++) {
		put32(5);
		put32(6);
		put32(3);
		put32(4);
		put32(0xffffffff);	/* interface, protocol, type */
		put32(0xffffffff);
		buf_str(&file, "abc");
	}
	open_file();
	assert_int_equal(next(), SOURCE_END);
	assert_int_equal(batch.nrecords, 2);
	assert_memory_equal(batch.records[1].data.ptr, "abc", 3);
	assert_int_equal(batch.records[1].offset, 24 + 27);
	close_file();
}

static void
test_many(void **unused)
{
	enum source_status status;
	uint64_t seen = 0, offset = 24;

	(void)unused;
	header(0xa1b2c3d4, 65535, 1);
	for (uint32_t i = 0; i < 10000; i++)
		packet(i, 0, i % 100, i % 100);
	open_file();
	do {
		status = next();
		for (uint32_t i = 0; i < batch.nrecords; i++) {
			const struct record *r = &batch.records[i];

			assert_int_equal(r->no, seen + 1);
			assert_int_equal(r->time, (int64_t)seen * NSEC);
			assert_int_equal(r->data.len, seen % 100);
			assert_int_equal(r->offset, offset);
			offset += 16 + seen % 100;
			seen++;
		}
	} while (status == SOURCE_MORE);
	assert_int_equal(status, SOURCE_END);
	assert_int_equal(seen, 10000);
	assert_int_equal(src.records, 10000);
	close_file();
}

/* Three records that are each larger than a block of the window. */
static void
test_large(void **unused)
{
	enum source_status status;
	uint64_t seen = 0;

	(void)unused;
	header(0xa1b2c3d4, 1u << 20, 1);
	for (int i = 0; i < 3; i++)
		packet(1, 2, 700000, 700000);
	open_file();
	do {
		status = next();
		for (uint32_t i = 0; i < batch.nrecords; i++, seen++) {
			struct span s = batch.records[i].data;

			assert_int_equal(s.len, 700000);
			assert_int_equal(s.ptr[699999], (uint8_t)699999);
		}
	} while (status == SOURCE_MORE);
	assert_int_equal(status, SOURCE_END);
	assert_int_equal(seen, 3);
	close_file();
}

static void
test_cut(void **unused)
{
	(void)unused;
	for (size_t cut = 1; cut < 16 + 40; cut++) {
		header(0xa1b2c3d4, 65535, 1);
		packet(1, 2, 50, 50);
		packet(1, 2, 40, 40);
		file.len -= cut;
		open_file();
		assert_int_equal(next(), SOURCE_ERROR);
		assert_int_equal(batch.nrecords, 1);
		assert_int_equal(src.err, ERR_FORMAT);
		assert_int_equal(src.bad_offset, 24 + 16 + 50);
		assert_non_null(src.why);
		assert_int_equal(weirds.count[WEIRD_FILE_TRUNCATED], 1);
		assert_int_equal(weirds.first[WEIRD_FILE_TRUNCATED].record,
		    2);
		close_file();
	}
}

static void
test_bad_length(void **unused)
{
	(void)unused;
	header(0xa1b2c3d4, 65535, 1);
	packet(1, 2, 50, 50);
	put32(1);
	put32(2);
	put32(262145);		/* one more than libpcap takes */
	put32(262145);
	packet(1, 2, 50, 50);
	open_file();
	assert_int_equal(next(), SOURCE_ERROR);
	assert_int_equal(batch.nrecords, 1);
	assert_int_equal(src.bad_offset, 24 + 16 + 50);
	assert_int_equal(weirds.count[WEIRD_PCAP_BAD_RECORD], 1);
	assert_int_equal(weirds.count[WEIRD_FILE_TRUNCATED], 0);
	close_file();
}

static void
test_short_files(void **unused)
{
	(void)unused;
	header(0xa1b2c3d4, 65535, 1);
	open_file();
	assert_int_equal(next(), SOURCE_END);
	assert_int_equal(batch.nrecords, 0);
	close_file();

	file.len = 23;
	in = input_mem(buf_view(&file));
	src = (struct src){ .part_end = UINT64_MAX };
	window_init(&src.win, in);
	state = calloc(1, source_pcap.state_size);
	assert_int_equal(source_pcap.open(&src, state), ERR_FORMAT);
	assert_non_null(src.why);
	free(state);
	window_fini(&src.win);
	input_close(in);

	assert_int_equal(source_pcap.match(SPAN_LIT("\xa1\xb2\xc3")), 0);
	assert_int_equal(source_pcap.match(SPAN_LIT("GET / HTTP/1.1")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_patched),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bad_length),
		cmocka_unit_test(test_short_files),
	};
	int failed;

	buf_init(&file, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&file);
	return failed;
}
