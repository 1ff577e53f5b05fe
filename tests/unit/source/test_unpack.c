/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives: every format that libarchive can write here is written and read
 * back; nested, damaged, encrypted, empty ones; bombs.
 */
#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include "source_drive.h"

static struct demand want;
static struct weirds weirds;
static struct batch batch;

struct item {
	const char	*name;
	const char	*text;		/* NULL: folder */
};

static const struct item items[] = {
	{ "folder/", NULL },
	{ "folder/one.log", "first member\n" },
	{ "empty", "" },
	{ "two.log", "second member\n" },
};

/* -- writing ------------------------------------------------------------ */

#define ARCHIVE_SIZE	(4u << 20)

static struct span
finish(struct archive *a, uint8_t *mem, size_t *used)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return span_of(mem, *used);
}

static void
put_entry(struct archive *a, const char *name, const void *data, size_t n)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, data == NULL ? AE_IFDIR : AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (int64_t)n);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (n != 0)
		assert_int_equal(archive_write_data(a, data, n), n);
	archive_entry_free(e);
}

/* The items, or one of n zeroes.  Free what comes. */
static struct span
make(int (*format)(struct archive *), int (*filter)(struct archive *),
    struct span one)
{
	uint8_t *mem = malloc(ARCHIVE_SIZE);
	struct archive *a = archive_write_new();
	size_t used = 0;

	assert_non_null(mem);
	assert_int_equal(format(a), ARCHIVE_OK);
	if (filter != NULL)
		assert_int_equal(filter(a), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open_memory(a, mem, ARCHIVE_SIZE,
	    &used), ARCHIVE_OK);
	if (one.ptr != NULL)
		put_entry(a, "one", one.ptr, one.len);
	for (size_t i = 0; one.ptr == NULL && i < NITEMS(items); i++)
		put_entry(a, items[i].name, items[i].text,
		    items[i].text == NULL ? 0 : strlen(items[i].text));
	return finish(a, mem, &used);
}

static void
drop(struct span s)
{
	free((void *)(uintptr_t)s.ptr);
}

/* -- reading ------------------------------------------------------------ */

struct told {
	struct buf	text;		/* "name: contents" of each member */
	int		status;		/* of the last unpack_next() */
	uint64_t	bytes;
	unsigned	errors;		/* inputs that failed */
};

static void
read_input(struct told *t, struct input *in, unsigned depth)
{
	struct unpack *u;
	struct input *member;
	struct window w;
	const char *name;
	int r;

	window_init(&w, in);
	window_fill(&w, SOURCE_HEAD);
	if (depth < ARCHIVE_DEPTH_MAX && unpack_match(window_view(&w))) {
		u = unpack_open(&w, &batch);
		assert_non_null(u);
		while ((r = unpack_next(u, &member, &name)) > 0) {
			buf_printf(&t->text, "%s: ", name);
			read_input(t, member, depth + 1);
		}
		t->status = r;
		unpack_close(u);
	} else {
		do {
			struct span v = window_view(&w);

			t->bytes += v.len;
			buf_span(&t->text, span_sub(v, 0, 64));
			window_take(&w, v.len);
		} while (window_fill(&w, WINDOW_BLOCK) != 0);
		t->errors += w.err != ERR_OK;
	}
	window_fini(&w);
}

static struct told
unpack(struct span bytes, size_t step)
{
	struct drip d = drip_of(bytes, step);
	struct told t = { .status = 1 };

	weirds_init(&weirds);
	buf_init(&t.text, 0);
	read_input(&t, &d.in, 0);
	buf_byte(&t.text, '\0');
	return t;
}

static void
unpacks(struct span bytes, const char *text)
{
	static const size_t steps[] = { 100, SIZE_MAX };

	assert_true(unpack_match(span_sub(bytes, 0, SOURCE_HEAD)));
	for (size_t i = 0; i < NITEMS(steps); i++) {
		struct told t = unpack(bytes, steps[i]);

		assert_string_equal((char *)t.text.ptr, text);
		assert_int_equal(t.status, 0);
		for (unsigned w = 0; w < WEIRD_COUNT; w++)
			assert_int_equal(weirds.count[w], 0);
		buf_fini(&t.text);
	}
}

static const char all[] = "folder/one.log: first member\n"
    "empty: two.log: second member\n";

static const char all_in_gzip[] = ": folder/one.log: first member\n"
    "empty: two.log: second member\n";

static void
test_formats(void **state)
{
	static int (*const formats[])(struct archive *) = {
		archive_write_set_format_zip,
		archive_write_set_format_pax_restricted,
		archive_write_set_format_gnutar,
		archive_write_set_format_ustar,
		archive_write_set_format_v7tar,
		archive_write_set_format_cpio_newc,
		archive_write_set_format_cpio_odc,
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(formats); i++) {
		struct span s = make(formats[i], NULL, SPAN_NONE);

		unpacks(s, all);
		drop(s);
	}
}

static int (*const filters[])(struct archive *) = {
	archive_write_add_filter_gzip,
	archive_write_add_filter_bzip2,
	archive_write_add_filter_xz,
	archive_write_add_filter_zstd,
	archive_write_add_filter_lz4,
	archive_write_add_filter_lzip,
	archive_write_add_filter_lzma,
	archive_write_add_filter_compress,
};

static void
test_filters(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(filters); i++) {
		struct span s = make(archive_write_set_format_pax_restricted,
		    filters[i], SPAN_NONE);

		/* gzip is a level of its own, whatever is in it. */
		unpacks(s, filters[i] == archive_write_add_filter_gzip ?
		    all_in_gzip : all);
		drop(s);
	}
}

static void
test_bare_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(filters); i++) {
		struct span s = make(archive_write_set_format_raw, filters[i],
		    SPAN_LIT("a line of a log, a line of a log\n"));

		unpacks(s, ": a line of a log, a line of a log\n");
		drop(s);
	}
}

static void
test_gzip_members(void **state)
{
	/* printf 'one\n' | gzip -n; printf 'two\n' | gzip -n: one stream */
	static const char two[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\xcb\xcf\x4b\xe5"
	    "\2\0\x9f\xa8\x17\xf8\4\0\0\0"
	    "\x1f\x8b\x08\0\0\0\0\0\0\3\x2b\x29\xcf\xe7"
	    "\2\0\x74\x08\x17\x96\4\0\0\0";

	(void)state;
	unpacks(span_of(two, sizeof(two) - 1), ": one\ntwo\n");
}

static void
test_gzip_cut(void **state)
{
	/* A short log whose end is missing: its lines are there. */
	struct span s = make(archive_write_set_format_raw,
	    archive_write_add_filter_gzip, SPAN_LIT("one line of a log\n"));
	struct told t = unpack(span_sub(s, 0, s.len - 6), SIZE_MAX);

	(void)state;
	assert_string_equal((char *)t.text.ptr, ": one line of a log\n");
	assert_int_equal(t.errors, 1);
	assert_int_equal(t.status, 0);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	buf_fini(&t.text);
	drop(s);
}

/* A file, for what has to seek. */
static void
test_7zip(void **state)
{
	struct span s = make(archive_write_set_format_7zip, NULL, SPAN_NONE);
	char name[] = "/tmp/picket-unpack-XXXXXX";
	int fd = mkstemp(name);
	struct told t = { .status = 1 };
	struct input *in;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, s.ptr, s.len), s.len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	in = input_fd(fd);
	assert_non_null(in);
	weirds_init(&weirds);
	buf_init(&t.text, 0);
	read_input(&t, in, 0);
	buf_byte(&t.text, '\0');
	/* 7z tells empty files last. */
	assert_string_equal((char *)t.text.ptr, "folder/one.log: first member\n"
	    "two.log: second member\nempty: ");
	assert_int_equal(t.status, 0);
	buf_fini(&t.text);
	input_close(in);
	/* And the same from a pipe. */
	unpacks(s, "folder/one.log: first member\n"
	    "two.log: second member\nempty: ");
	drop(s);
}

static void
test_nested(void **state)
{
	struct span zip = make(archive_write_set_format_zip, NULL, SPAN_NONE);
	struct span gz = make(archive_write_set_format_raw,
	    archive_write_add_filter_gzip, zip);
	struct span tar = make(archive_write_set_format_ustar,
	    archive_write_add_filter_xz, gz);

	(void)state;
	unpacks(tar, "one: : folder/one.log: first member\n"
	    "empty: two.log: second member\n");
	drop(zip);
	drop(gz);
	drop(tar);
}

static void
test_member_left(void **state)
{
	/* The caller need not read what it does not want. */
	struct span s = make(archive_write_set_format_zip, NULL, SPAN_NONE);
	struct drip d = drip_of(s, SIZE_MAX);
	struct window w;
	struct unpack *u;
	struct input *in;
	const char *name;
	char b[4];

	(void)state;
	weirds_init(&weirds);
	window_init(&w, &d.in);
	window_fill(&w, SOURCE_HEAD);
	u = unpack_open(&w, &batch);
	assert_int_equal(unpack_next(u, &in, &name), 1);
	assert_string_equal(name, "folder/one.log");
	assert_int_equal(in->read(in, b, 4), 4);
	assert_memory_equal(b, "firs", 4);
	assert_int_equal(in->pos, 4);
	assert_int_equal(unpack_next(u, &in, &name), 1);
	assert_int_equal(unpack_next(u, &in, &name), 1);
	assert_string_equal(name, "two.log");
	assert_int_equal(in->pos, 0);
	assert_int_equal(in->read(in, b, 4), 4);
	assert_memory_equal(b, "seco", 4);
	unpack_close(u);
	window_fini(&w);
	drop(s);
}

/* -- broken ones -------------------------------------------------------- */

static void
test_cut(void **state)
{
	/* What came before the damage is told, the damage once. */
	struct span s = make(archive_write_set_format_ustar, NULL, SPAN_NONE);
	struct told t = unpack(span_sub(s, 0, 1024 + 700), SIZE_MAX);

	(void)state;
	assert_true(span_starts(buf_view(&t.text),
	    SPAN_LIT("folder/one.log: first member\n")));
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	buf_fini(&t.text);
	drop(s);
}

static void
test_zip_without_directory(void **state)
{
	struct span s = make(archive_write_set_format_zip, NULL, SPAN_NONE);
	size_t end = span_find(s, SPAN_LIT("PK\1\2"));
	struct told t;

	(void)state;
	assert_int_not_equal(end, SPAN_NPOS);
	t = unpack(span_sub(s, 0, end), SIZE_MAX);
	assert_string_equal((char *)t.text.ptr, all);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	buf_fini(&t.text);
	drop(s);
}

static void
test_damaged_stream(void **state)
{
	uint8_t noise[300000];
	uint32_t x = 7;
	struct span s;
	struct told t;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	s = make(archive_write_set_format_raw, archive_write_add_filter_gzip,
	    span_of(noise, sizeof(noise)));
	t = unpack(span_sub(s, 0, s.len / 2), SIZE_MAX);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	assert_int_equal(t.errors, 1);
	assert_int_equal(t.status, 0);
	/* Noise does not pack: half the stream is half the bytes. */
	assert_true(t.bytes > sizeof(noise) / 2 - 100);
	assert_true(t.bytes < sizeof(noise) / 2 + 100);
	buf_fini(&t.text);
	drop(s);
}

static void
test_no_archive(void **state)
{
	static const char magic[] = "PK\3\4\x14\0\0\0\x08\0 nothing more";
	struct told t = unpack(span_of(magic, sizeof(magic) - 1), SIZE_MAX);

	(void)state;
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	buf_fini(&t.text);
	t = unpack(SPAN_LIT("070701 and no more"), SIZE_MAX);
	assert_int_equal(t.status, -1);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	buf_fini(&t.text);
}

static void
test_bad_checksum(void **state)
{
	/* Two stored members; the first is "Contents" with the checksum of
	 * "contents" (0xb4fa1177), the other intact (0x0ccb2d80), both by
	 * Python's zlib. */
	static const char zip[] =
	    "PK\3\4\x14\0\0\0\0\0\0\0!\0\x77\x11\xfa\xb4"
	    "\x08\0\0\0\x08\0\0\0\3\0\0\0oneContents"
	    "PK\3\4\x14\0\0\0\0\0\0\0!\0\x80\x2d\xcb\x0c"
	    "\x06\0\0\0\x06\0\0\0\3\0\0\0twointact"
	    /* an end of directory without one */
	    "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	struct told t = unpack(span_of(zip, sizeof(zip) - 1), SIZE_MAX);

	(void)state;
	assert_string_equal((char *)t.text.ptr, "one: Contentstwo: intact");
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 1);
	buf_fini(&t.text);
}

static void
test_encrypted(void **state)
{
	uint8_t *mem = malloc(ARCHIVE_SIZE);
	struct archive *a = archive_write_new();
	size_t used = 0;
	struct told t;

	(void)state;
	assert_non_null(mem);
	archive_write_set_format_zip(a);
	if (archive_write_set_options(a, "zip:encryption=zipcrypt") !=
	    ARCHIVE_OK)
		skip();
	assert_int_equal(archive_write_set_passphrase(a, "secret"),
	    ARCHIVE_OK);
	archive_write_open_memory(a, mem, ARCHIVE_SIZE, &used);
	put_entry(a, "one", "contents", 8);
	put_entry(a, "two", "contents", 8);
	finish(a, mem, &used);
	t = unpack(span_of(mem, used), SIZE_MAX);
	assert_string_equal((char *)t.text.ptr, "");
	assert_int_equal(t.status, 0);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_ENCRYPTED], 2);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 0);
	buf_fini(&t.text);
	free(mem);
}

static void
test_names(void **state)
{
	uint8_t *mem = malloc(ARCHIVE_SIZE);
	struct archive *a = archive_write_new();
	size_t used = 0;
	struct told t;

	(void)state;
	assert_non_null(mem);
	archive_write_set_format_ustar(a);
	archive_write_open_memory(a, mem, ARCHIVE_SIZE, &used);
	put_entry(a, "../../etc/x\x1b[2J\n", "a", 1);
	put_entry(a, "M\xc3\xbcller", "b", 1);
	finish(a, mem, &used);
	t = unpack(span_of(mem, used), SIZE_MAX);
	assert_string_equal((char *)t.text.ptr,
	    "../../etc/x?[2J?: aM\xc3\xbcller: b");
	buf_fini(&t.text);
	free(mem);
}

/* -- limits ------------------------------------------------------------- */

/* Much of nothing.  (Zeroes would be an empty tar.) */
static struct span
same_bytes(int (*format)(struct archive *), int (*filter)(struct archive *),
    size_t n)
{
	uint8_t *same = malloc(n);
	struct span s;

	assert_non_null(same);
	memset(same, 'A', n);
	s = make(format, filter, span_of(same, n));
	free(same);
	return s;
}

static void
test_bomb(void **state)
{
	struct span s = same_bytes(archive_write_set_format_raw,
	    archive_write_add_filter_bzip2, 96u << 20);
	struct told t = unpack(s, SIZE_MAX);

	(void)state;
	assert_true(s.len < 1000);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_RATIO], 1);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_BAD], 0);
	assert_true(t.bytes >= ARCHIVE_RATIO_FLOOR / 2);
	assert_true(t.bytes <= ARCHIVE_RATIO_FLOOR + WINDOW_BLOCK * 2);
	buf_fini(&t.text);
	drop(s);
}

static void
test_bomb_passed_over(void **state)
{
	/* The caller does not read the member; its end must be found. */
	struct span s = same_bytes(archive_write_set_format_ustar,
	    archive_write_add_filter_bzip2, 96u << 20);
	struct drip d = drip_of(s, 512);
	struct window w;
	struct unpack *u;
	struct input *in;
	const char *name;

	(void)state;
	weirds_init(&weirds);
	window_init(&w, &d.in);
	window_fill(&w, SOURCE_HEAD);
	u = unpack_open(&w, &batch);
	assert_int_equal(unpack_next(u, &in, &name), 1);
	assert_int_equal(unpack_next(u, &in, &name), 0);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_RATIO], 1);
	unpack_close(u);
	window_fini(&w);
	drop(s);
}

static void
test_nested_bomb(void **state)
{
	/* 60 MiB in a zip, 64 of it in a tar, in a gzip stream: every zip is
	 * within the floor. */
	struct span in = same_bytes(archive_write_set_format_zip, NULL,
	    60u << 20);
	uint8_t *mem = malloc(ARCHIVE_SIZE);
	struct archive *a = archive_write_new();
	size_t used = 0;
	struct told t;

	(void)state;
	assert_non_null(mem);
	archive_write_set_format_ustar(a);
	archive_write_add_filter_gzip(a);
	archive_write_open_memory(a, mem, ARCHIVE_SIZE, &used);
	for (int i = 0; i < 64; i++)
		put_entry(a, "bomb.zip", in.ptr, in.len);
	finish(a, mem, &used);
	t = unpack(span_of(mem, used), SIZE_MAX);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_RATIO], 1);
	assert_true(t.bytes < used * ARCHIVE_RATIO_MAX +
	    ARCHIVE_RATIO_FLOOR + (1u << 20));
	buf_fini(&t.text);
	free(mem);
	drop(in);
}

static void
test_many_members(void **state)
{
	struct buf b;
	struct told t;

	(void)state;
	/* cpio, old text format: magic, dev, ino, mode, uid, gid, nlink, rdev,
	 * mtime, name size, file size; name. */
	buf_init(&b, 0);
	for (unsigned i = 0; i <= ARCHIVE_MEMBERS_MAX; i++) {
		buf_str(&b, "070707" "000001" "000001" "100644" "000000"
		    "000000" "000001" "000000" "00000000000" "000002"
		    "00000000000");
		buf_put(&b, "a", 2);
	}
	t = unpack(buf_view(&b), SIZE_MAX);
	assert_int_equal(t.status, 0);
	assert_int_equal(weirds.count[WEIRD_ARCHIVE_COUNT], 1);
	buf_fini(&t.text);
	buf_fini(&b);
}

static void
test_match(void **state)
{
	static const struct { const char *bytes; size_t n; } no[] = {
		{ "ElfFile\0\0\0\0\0", 12 },
		{ "\xd4\xc3\xb2\xa1\2\0\4\0", 8 },
		{ "\x0a\x0d\x0d\x0a\x1c\0\0\0", 8 },
		{ "BZhello world", 13 },
		{ "PK", 2 },
		{ "\x5d\0\0\x80\0\1\2\3\4\5\6\7\x08\0\0\0", 16 },
		{ "{\"a\":1}", 7 },
		{ "", 0 },
	};
	uint8_t zero[1024] = { 0 };

	(void)state;
	for (size_t i = 0; i < NITEMS(no); i++)
		assert_false(unpack_match(span_of(no[i].bytes, no[i].n)));
	assert_false(unpack_match(span_of(zero, sizeof(zero))));
	assert_true(unpack_match(SPAN_LIT("PK\3\4")));
	assert_true(unpack_match(SPAN_LIT("Rar!\x1a\7\1\0")));
	assert_true(unpack_match(SPAN_LIT("!<arch>\n")));
	assert_true(unpack_match(SPAN_LIT("7z\xbc\xaf\x27\x1c\0\4")));
}

static int
setup(void **state)
{
	(void)state;
	demand_all(&want);
	return !batch_init(&batch, &want, &weirds);
}

static int
teardown(void **state)
{
	(void)state;
	batch_fini(&batch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_bare_streams),
		cmocka_unit_test(test_gzip_members),
		cmocka_unit_test(test_gzip_cut),
		cmocka_unit_test(test_7zip),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_member_left),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_zip_without_directory),
		cmocka_unit_test(test_damaged_stream),
		cmocka_unit_test(test_no_archive),
		cmocka_unit_test(test_bad_checksum),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_bomb_passed_over),
		cmocka_unit_test(test_nested_bomb),
		cmocka_unit_test(test_many_members),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
