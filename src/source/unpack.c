/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives and compressed streams, read in place by libarchive (the only file
 * that includes it): zip, tar, cpio, ar, 7z, RAR, CAB, and bare bzip2, xz,
 * lzma, lzip, zstd, lz4 and compress streams; gzip by our own codec.  No
 * temporary files, no helper programs.
 *
 * Ownership: an unpack owns the libarchive object and the input it shows, which
 * reads straight from it.  The window stays the caller's.  An archive inside an
 * archive is another unpack over that input; all of them share the account of
 * the outermost one.
 *
 * Bounds, over all levels together: ARCHIVE_MEMBERS_MAX, ARCHIVE_RATIO_MAX
 * against the bytes of the outermost file, ARCHIVE_EXPANDED_MAX; nesting is
 * counted by the caller.  What is passed over is counted as well.  7z, which
 * keeps its directory at the end, is read from a file that can seek, or from
 * memory up to SEEK_COPY_MAX.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec.h"
#include "source.h"

#define NAME_MAX_LEN	1024		/* bytes of a member's name */
#define HAND_OUT	(32u << 10)	/* packed bytes between two looks at
					 * the limits */
#define RETRIES		16		/* of libarchive, for one header */
#define GUNZIP_BLOCK	(64u << 10)	/* inflated at once */
#define SEEK_COPY_MAX	(128u << 20)	/* 7z from a pipe or an archive */

/* What the outermost archive and all in it may cost. */
struct account {
	uint64_t	packed;		/* bytes read of the outermost one */
	uint64_t	expanded;	/* bytes that came out, of all levels */
	uint64_t	members;
	bool		stopped;	/* a limit was reached */
};

struct unpack {
	struct input	 member;	/* first: read and close get this */
	struct archive	*ar;		/* or: */
	struct gunzip	*gz;
	uint8_t		*gz_block;	/* GUNZIP_BLOCK bytes */
	struct window	*win;
	struct batch	*batch;
	struct account	*account;	/* own, or of the outermost */
	struct account	 own;
	const uint8_t	*block;		/* of the member, not yet read */
	size_t		 block_len;
	uint64_t	 block_off;	/* where it belongs in the member */
	uint64_t	 out;		/* bytes of members so far */
	uint64_t	 counted;	/* in account->expanded */
	bool		 is_open;	/* a member is shown */
	bool		 size_known;
	bool		 over;		/* nothing more comes */
	bool		 bad_told;	/* WEIRD_ARCHIVE_BAD was raised */
	bool		 is_zip, padded;
	bool		 is_broken;	/* the gzip stream is, from here on */
	int		 seek_fd;	/* 7z: file, or -1 */
	struct buf	 copy;		/* 7z: bytes in memory */
	uint64_t	 seek_pos;
	uint8_t		*seek_buf;	/* HAND_OUT bytes for the file */
	char		 name[NAME_MAX_LEN + 1];
};

/* -- recognising --------------------------------------------------------- */

static const struct {
	const char	*bytes;
	size_t		 len, off;
} magics[] = {
	{ "PK\3\4", 4, 0 }, { "PK\5\6", 4, 0 }, { "PK00PK\3\4", 8, 0 },
	{ "\x1f\x8b\x08", 3, 0 },			/* gzip */
	{ "\x1f\x9d\x90", 3, 0 },			/* compress */
	{ "\x28\xb5\x2f\xfd", 4, 0 },			/* zstd */
	{ "\xfd" "7zXZ\0", 6, 0 },
	{ "LZIP\1", 5, 0 },
	{ "\x04\x22\x4d\x18", 4, 0 },			/* lz4 frame */
	{ "7z\xbc\xaf\x27\x1c", 6, 0 },
	{ "ustar", 5, 257 },
	{ "070701", 6, 0 }, { "070702", 6, 0 }, { "070707", 6, 0 },
	{ "!<arch>\n", 8, 0 },
	{ "Rar!\x1a\7", 6, 0 },
	{ "MSCF\0\0\0\0", 8, 0 },
	/* lzma alone: properties of every known writer, size not stored. */
	{ "\x5d\0\0", 3, 0 },
};

/* BZh, level, then a block or the end of the stream. */
static bool
is_bzip2(struct span h)
{
	return h.len >= 10 && span_starts(h, SPAN_LIT("BZh")) &&
	    h.ptr[3] >= '1' && h.ptr[3] <= '9' &&
	    (memcmp(h.ptr + 4, "1AY&SY", 6) == 0 ||
	    memcmp(h.ptr + 4, "\x17rE8P\x90", 6) == 0);
}

/* A tar from before POSIX has no magic, but the sum of its header. */
static bool
is_old_tar(struct span h)
{
	unsigned sum = 0, want = 0, digits = 0;

	if (h.len < 512 || h.ptr[0] == 0)
		return false;
	for (unsigned i = 148; i < 156; i++) {
		uint8_t c = h.ptr[i];

		if (c >= '0' && c <= '7') {
			want = want * 8 + (c - '0');
			digits++;
		} else if (digits != 0 || c != ' ') {
			break;
		}
	}
	for (unsigned i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : h.ptr[i];
	return digits >= 4 && sum == want;
}

bool
unpack_match(struct span head)
{
	for (size_t i = 0; i < NITEMS(magics); i++) {
		struct span at = span_sub(head, magics[i].off, SIZE_MAX);

		if (!span_starts(at, span_of(magics[i].bytes, magics[i].len)))
			continue;
		/* Weak magic: the size must be "unknown". */
		if (magics[i].bytes[0] == 0x5d && (head.len < 14 ||
		    memcmp(head.ptr + 5, "\xff\xff\xff\xff\xff\xff\xff\xff",
		    8) != 0 || head.ptr[13] != 0))
			continue;
		return true;
	}
	return is_bzip2(head) || is_old_tar(head);
}

/* -- limits -------------------------------------------------------------- */

static void
tell_bad(struct unpack *u)
{
	if (!u->bad_told && !u->account->stopped)
		batch_weird(u->batch, WEIRD_ARCHIVE_BAD, NULL);
	u->bad_told = true;
}

static void
stop(struct unpack *u, enum weird why)
{
	if (!u->account->stopped)
		batch_weird(u->batch, why, NULL);
	u->account->stopped = true;
}

/* Accounts for what came out; false when that was too much. */
static bool
within_limits(struct unpack *u)
{
	struct account *a = u->account;
	int64_t stream = u->ar == NULL ? 0 : archive_filter_bytes(u->ar, 0);
	uint64_t now = u->out;

	/* In a compressed tar both count the same bytes. */
	if (stream > 0 && (uint64_t)stream > now)
		now = (uint64_t)stream;
	if (now > u->counted) {
		a->expanded += now - u->counted;
		u->counted = now;
	}
	if (a->expanded > ARCHIVE_EXPANDED_MAX ||
	    (a->expanded > ARCHIVE_RATIO_FLOOR &&
	    a->expanded / ARCHIVE_RATIO_MAX > a->packed))
		stop(u, WEIRD_ARCHIVE_RATIO);
	return !a->stopped;
}

/* -- bytes for libarchive ------------------------------------------------ */

static ssize_t
hand_out(struct unpack *u, size_t n)
{
	if (u->account == &u->own)
		u->own.packed += n;
	if (!within_limits(u)) {
		archive_set_error(u->ar, EFBIG, "limit");
		return -1;
	}
	return (ssize_t)n;
}

/* libarchive looks for 24 bytes behind a member; in a zip that was cut right
 * there it would give up what it has read. */
static const uint8_t zip_pad[64];

static ssize_t
read_packed(struct archive *ar, void *arg, const void **out)
{
	struct unpack *u = arg;
	struct span v;

	(void)ar;
	if (window_fill(u->win, 1) == 0) {
		/* Damage of the archive around was told there. */
		if (u->win->err != ERR_OK)
			u->bad_told = true;
		if (!u->is_zip || u->padded)
			return 0;
		u->padded = true;
		*out = zip_pad;
		return (ssize_t)sizeof(zip_pad);
	}
	v = span_sub(window_view(u->win), 0, HAND_OUT);
	window_take(u->win, v.len);
	*out = v.ptr;
	return hand_out(u, v.len);
}

static ssize_t
read_seekable(struct archive *ar, void *arg, const void **out)
{
	struct unpack *u = arg;
	struct span s;
	ssize_t n;

	if (u->seek_fd < 0) {
		if (u->seek_pos >= u->copy.len)
			return 0;
		s = span_sub(buf_view(&u->copy), u->seek_pos, HAND_OUT);
		*out = s.ptr;
		u->seek_pos += s.len;
		return hand_out(u, s.len);
	}
	do {
		n = pread(u->seek_fd, u->seek_buf, HAND_OUT,
		    (off_t)u->seek_pos);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(ar, errno, "read");
		return -1;
	}
	*out = u->seek_buf;
	u->seek_pos += (uint64_t)n;
	return n == 0 ? 0 : hand_out(u, (size_t)n);
}

static int64_t
seek_packed(struct archive *ar, void *arg, int64_t off, int whence)
{
	struct unpack *u = arg;
	uint64_t size = u->seek_fd < 0 ? u->copy.len : u->win->in->size;
	int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ?
	    (int64_t)u->seek_pos : (int64_t)size;
	int64_t to;

	(void)ar;
	if (__builtin_add_overflow(base, off, &to) || to < 0 ||
	    (uint64_t)to > size)
		return ARCHIVE_FATAL;
	u->seek_pos = (uint64_t)to;
	return to;
}

/* -- members ------------------------------------------------------------- */

/* The next block of a gzip stream, as next_block(). */
static int
next_gunzip_block(struct unpack *u)
{
	enum gunzip_status status;
	struct span v;
	size_t n, used;

	do {
		window_fill(u->win, 2);
		v = window_view(u->win);
		n = gunzip_run(u->gz, v, u->win->eof, &used, u->gz_block,
		    GUNZIP_BLOCK, &status);
		window_take(u->win, used);
		if (u->account == &u->own)
			u->own.packed += used;
		if (status == GUNZIP_BROKEN) {
			u->is_broken = true;
			if (u->win->err == ERR_OK)
				tell_bad(u);
		}
	} while (n == 0 && status == GUNZIP_MORE);
	u->block = u->gz_block;
	u->block_len = n;
	u->block_off = u->member.pos;
	return n != 0 ? 1 : status == GUNZIP_END ? 0 : -1;
}

/* The next block of the member: 1, 0 at its end, -1 when damaged or over a
 * limit. */
static int
next_block(struct unpack *u)
{
	const void *p = NULL;
	int64_t off = 0;
	size_t n = 0;
	int r;

	if (u->account->stopped || u->is_broken)
		return -1;
	if (u->gz != NULL)
		return next_gunzip_block(u);
	/* A warning is a wrong checksum: the bytes are there all the same. */
	r = archive_read_data_block(u->ar, &p, &n, &off);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r == ARCHIVE_WARN)
		batch_weird(u->batch, WEIRD_ARCHIVE_BAD, NULL);
	if (r < ARCHIVE_WARN) {
		tell_bad(u);
		if (r == ARCHIVE_FATAL)
			u->over = true;
		return -1;
	}
	u->block = p;
	u->block_len = n;
	u->block_off = off < 0 ? u->member.pos : (uint64_t)off;
	return 1;
}

static ssize_t
member_read(struct input *in, void *dst, size_t n)
{
	struct unpack *u = (struct unpack *)in;
	uint64_t hole;
	int r;

	while (u->block_len == 0) {
		if (!u->is_open || (r = next_block(u)) == 0) {
			u->is_open = false;
			return 0;
		}
		if (r < 0) {
			u->is_open = false;
			in->err = u->account->stopped ? ERR_LIMIT :
			    u->win->err != ERR_OK ? u->win->err : ERR_FORMAT;
			in->sys_errno = u->win->in->sys_errno;
			return -1;
		}
	}
	/* Sparse members have holes, which read as zeroes. */
	hole = u->block_off > in->pos ? u->block_off - in->pos : 0;
	if (hole != 0) {
		n = (size_t)MIN_OF((uint64_t)n, hole);
		memset(dst, 0, n);
	} else {
		n = MIN_OF(n, u->block_len);
		memcpy(dst, u->block, n);
		u->block += n;
		u->block_len -= n;
		u->block_off += n;
	}
	in->pos += n;
	u->out += n;
	(void)within_limits(u);
	return (ssize_t)n;
}

static void
member_close(struct input *in)
{
	(void)in;
}

/*
 * Passes over what the caller left of the member.  Where libarchive would
 * expand it to find its end, block by block, so that it counts.
 */
static void
leave_member(struct unpack *u)
{
	if (u->ar != NULL && u->is_open &&
	    (!u->size_known || archive_filter_count(u->ar) > 1)) {
		while (next_block(u) > 0) {
			u->out += u->block_len;
			if (!within_limits(u))
				break;
		}
	}
	u->is_open = false;
	u->block_len = 0;
}

/* A name as it may be shown: UTF-8 without control characters. */
static void
set_name(struct unpack *u, struct archive_entry *e)
{
	const char *s = archive_entry_pathname_utf8(e);
	size_t n = 0;

	if (s == NULL)
		s = archive_entry_pathname(e);
	if (s == NULL || *s == '\0')
		s = "?";
	while (*s != '\0' && n < NAME_MAX_LEN) {
		uint8_t c = (uint8_t)*s++;

		u->name[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	/* Not in the middle of a character. */
	if (n == NAME_MAX_LEN)
		while (n > 0 && ((uint8_t)u->name[n] & 0xc0) == 0x80)
			n--;
	u->name[n] = '\0';
}

static void
show_member(struct unpack *u, struct archive_entry *e)
{
	u->member = (struct input){
		.read = member_read, .close = member_close,
		.size = UINT64_MAX, .fd = -1, .written = u->win->in->written
	};
	if (e != NULL && archive_entry_mtime_is_set(e) &&
	    archive_entry_mtime(e) > 0 &&
	    archive_entry_mtime(e) < INT64_MAX / NSEC)
		u->member.written = archive_entry_mtime(e) * NSEC;
	u->size_known = e != NULL && archive_entry_size_is_set(e);
	if (u->size_known && archive_entry_size(e) >= 0)
		u->member.size = (uint64_t)archive_entry_size(e);
	u->block_len = 0;
	u->is_open = true;
}

/* A bare stream has but one member, without a name. */
static int
show_stream(struct unpack *u, struct archive_entry *e, struct input **in,
    const char **name)
{
	u->over = true;
	u->name[0] = '\0';
	show_member(u, e);
	*in = &u->member;
	*name = u->name;
	return 1;
}

/* The header after the last member: 1, 0 at the end, -1 when damaged. */
static int
next_header(struct unpack *u, struct archive_entry **e)
{
	int r = ARCHIVE_RETRY;

	for (unsigned i = 0; i < RETRIES && r == ARCHIVE_RETRY; i++)
		r = archive_read_next_header(u->ar, e);
	if (r == ARCHIVE_EOF) {
		u->over = true;
		return 0;
	}
	if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
		return 1;
	u->over = true;
	if (u->account->stopped)
		return 0;
	if (archive_read_has_encrypted_entries(u->ar) > 0) {
		batch_weird(u->batch, WEIRD_ARCHIVE_ENCRYPTED, NULL);
		return 0;
	}
	tell_bad(u);
	return -1;
}

/* Folders, links and devices hold no bytes. */
static bool
is_readable(struct unpack *u, struct archive_entry *e)
{
	unsigned type = archive_entry_filetype(e);

	if (archive_entry_is_encrypted(e) > 0) {
		batch_weird(u->batch, WEIRD_ARCHIVE_ENCRYPTED, NULL);
		return false;
	}
	return (type == AE_IFREG || type == 0) &&
	    archive_entry_hardlink(e) == NULL;
}

int
unpack_next(struct unpack *u, struct input **in, const char **name)
{
	struct archive_entry *e;
	int r;

	do {
		if (u->over)
			return 0;
		if (u->gz != NULL)
			return show_stream(u, NULL, in, name);
		leave_member(u);
		if (u->over || !within_limits(u))
			return 0;
		if ((r = next_header(u, &e)) <= 0)
			return r;
		if (++u->account->members > ARCHIVE_MEMBERS_MAX) {
			stop(u, WEIRD_ARCHIVE_COUNT);
			return 0;
		}
	} while (!is_readable(u, e));
	if (archive_format(u->ar) == ARCHIVE_FORMAT_RAW) {
		if (archive_filter_count(u->ar) > 1)
			return show_stream(u, e, in, name);
		/* Neither packed nor an archive, in spite of its magic. */
		u->over = true;
		tell_bad(u);
		return -1;
	}
	set_name(u, e);
	show_member(u, e);
	*in = &u->member;
	*name = u->name;
	return 1;
}

/* -- opening ------------------------------------------------------------- */

/* Some are read by a helper program when libarchive was built without their
 * library (ARCHIVE_WARN): those are refused. */
static bool
choose_formats(struct archive *ar)
{
	static int (*const support[])(struct archive *) = {
		archive_read_support_filter_bzip2,
		archive_read_support_filter_compress,
		archive_read_support_filter_lz4,
		archive_read_support_filter_lzip,
		archive_read_support_filter_lzma,
		archive_read_support_filter_xz,
		archive_read_support_filter_zstd,
		archive_read_support_format_7zip,
		archive_read_support_format_ar,
		archive_read_support_format_cab,
		archive_read_support_format_cpio,
		archive_read_support_format_empty,
		archive_read_support_format_rar,
		archive_read_support_format_rar5,
		archive_read_support_format_raw,
		archive_read_support_format_tar,
		/* By its local headers: the same members from a file as from
		 * a pipe, with or without a directory at the end. */
		archive_read_support_format_zip_streamable,
	};

	for (size_t i = 0; i < NITEMS(support); i++)
		if (support[i](ar) != ARCHIVE_OK)
			return false;
	return true;
}

/* All that is left of the window, for formats that seek. */
static bool
copy_window(struct unpack *u)
{
	struct span v;

	buf_init(&u->copy, SEEK_COPY_MAX);
	while (window_fill(u->win, 1) != 0 && !u->copy.failed) {
		v = window_view(u->win);
		buf_span(&u->copy, v);
		window_take(u->win, v.len);
	}
	return !u->copy.failed;
}

static bool
open_seekable(struct unpack *u)
{
	u->seek_fd = u->win->offset == 0 ? u->win->in->fd : -1;
	if (u->seek_fd >= 0) {
		if ((u->seek_buf = malloc(HAND_OUT)) == NULL)
			return false;
	} else if (!copy_window(u)) {
		return false;
	}
	archive_read_set_read_callback(u->ar, read_seekable);
	archive_read_set_seek_callback(u->ar, seek_packed);
	return true;
}

static bool
open_gunzip(struct unpack *u)
{
	u->gz = gunzip_new();
	u->gz_block = malloc(GUNZIP_BLOCK);
	return u->gz != NULL && u->gz_block != NULL;
}

static bool
open_archive(struct unpack *u, struct span head)
{
	if ((u->ar = archive_read_new()) == NULL || !choose_formats(u->ar))
		return false;
	archive_read_set_read_callback(u->ar, read_packed);
	archive_read_set_callback_data(u->ar, u);
	u->is_zip = span_starts(head, SPAN_LIT("PK"));
	if (span_starts(head, SPAN_LIT("7z\xbc\xaf\x27\x1c")) &&
	    !open_seekable(u)) {
		tell_bad(u);
		return false;
	}
	/* What fails here fails again with the first header. */
	(void)archive_read_open1(u->ar);
	return true;
}

struct unpack *
unpack_open(struct window *w, struct batch *weird_to)
{
	struct unpack *u = calloc(1, sizeof(*u));
	struct span head;
	bool ok;

	if (u == NULL)
		return NULL;
	u->win = w;
	u->batch = weird_to;
	u->seek_fd = -1;
	u->account = w->in->read == member_read ?
	    ((struct unpack *)w->in)->account : &u->own;
	window_fill(w, 6);
	head = window_view(w);
	ok = span_starts(head, SPAN_LIT("\x1f\x8b")) ? open_gunzip(u) :
	    open_archive(u, head);
	if (!ok) {
		unpack_close(u);
		return NULL;
	}
	return u;
}

void
unpack_close(struct unpack *u)
{
	if (u == NULL)
		return;
	if (u->ar != NULL)
		archive_read_free(u->ar);
	gunzip_free(u->gz);
	free(u->gz_block);
	buf_fini(&u->copy);
	free(u->seek_buf);
	free(u);
}
