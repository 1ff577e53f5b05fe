/* SPDX-License-Identifier: Apache-2.0
 *
 * source: where bytes come from, and how they fall into records.
 *
 * An input is a stream of bytes (file, standard input, member of an archive,
 * inflated stream); a source cuts it into records for a batch.  Sources are
 * told apart by content alone.
 */
#ifndef PICKET_SOURCE_H
#define PICKET_SOURCE_H

#include <sys/types.h>

#include "model.h"

/* -- inputs: bytes in ---------------------------------------------------- */

/* Everything reads sequentially, so a pipe serves as well as a file. */
struct input {
	/* Up to n bytes; 0 at the end; -1: error, see err. */
	ssize_t		(*read)(struct input *, void *, size_t n);
	void		(*close)(struct input *);
	uint64_t	 size;		/* when known, else UINT64_MAX */
	uint64_t	 pos;		/* bytes read so far */
	int		 fd;		/* plain file that can seek, else -1 */
	int64_t		 written;	/* last, as file system or archive
					 * says, ns; 0: not known */
	enum err	 err;		/* why read gave -1 */
	int		 sys_errno;
};

/* A plain file or descriptor; NULL and errno set.  Closes with close(). */
struct input	*input_open(const char *path);
struct input	*input_fd(int fd);		/* fd is closed with it */
struct input	*input_mem(struct span);	/* for tests and fuzzing */
void		 input_close(struct input *);	/* NULL is fine */

/*
 * A window over an input: reads large blocks and shows them as one span.
 * What was shown stays valid until the next window_fill().
 */
#define WINDOW_BLOCK	(256u << 10)	/* stays in L2 while decoded */
#define WINDOW_MAX	(32u << 20)	/* largest record of any source */

struct window {
	struct input	*in;
	uint8_t		*ptr;
	size_t		 size;		/* allocated */
	size_t		 start, end;	/* unread bytes */
	uint64_t	 offset;	/* of start, in the input */
	bool		 eof;
	enum err	 err;		/* ERR_OK, or why it ended early */
};

void		 window_init(struct window *, struct input *);
void		 window_fini(struct window *);	/* does not close the input */
/* Moves the rest to the front and reads until at least want bytes lie there
 * or the end; returns how many lie there. */
size_t		 window_fill(struct window *, size_t want);
static inline struct span
window_view(const struct window *w)
{
	return span_sub(span_of(w->ptr, w->end), w->start, SIZE_MAX);
}
static inline void
window_take(struct window *w, size_t n)
{
	ASSERT(n <= w->end - w->start);
	w->start += n;
	w->offset += n;
}

/*
 * A window over text: shows UTF-8 whatever the encoding is.  UTF-8 passes
 * through without a copy; UTF-16 (told by its mark, or by its zeroes) is
 * converted.  The mark itself is never shown.
 */
#define TEXT_HEAD	1024	/* bytes that tell whether it is text */

struct textwin {
	struct window	*win;
	bool		 is_utf16, big_endian;
	uint8_t		*ptr;		/* UTF-16 only: what was converted */
	size_t		 size, start, end;
	uint64_t	 offset;	/* of start, in the input */
	uint64_t	 lines;		/* given so far */
	bool		 in_long;	/* rest of a cut line is to come */
};

struct src;
enum source_status {
	SOURCE_MORE,	/* the batch has records (or there are more to come) */
	SOURCE_END,	/* that was all; the batch may hold the last ones */
	SOURCE_ERROR	/* stopped early; src.err says why; the batch may
			 * hold records */
};

enum line_status {
	LINE_OK,
	LINE_LONG,	/* its head; the rest is passed over */
	LINE_WAIT,	/* read more, which ends what was shown */
	LINE_END
};

void		 textwin_open(struct textwin *, struct window *);
void		 textwin_close(struct textwin *);
/* As window_fill().  UTF-16 with an odd byte raises WEIRD_TEXT_ENCODING. */
size_t		 textwin_fill(struct textwin *, struct batch *, size_t want);
struct span	 textwin_view(const struct textwin *);
void		 textwin_take(struct textwin *, size_t n);
bool		 textwin_eof(const struct textwin *);	/* view is the rest */
/* The next line of at most max bytes without its end (LF or CRLF) and its
 * offset in the input; fills only when the batch has no records. */
enum line_status textwin_line(struct textwin *, struct batch *, size_t max,
		    struct span *line, uint64_t *offset);
/* What a source of text says when all was read: SOURCE_END, or SOURCE_ERROR
 * with the window's reason. */
enum source_status textwin_end(struct src *);
/* The first TEXT_HEAD bytes or less of a head as UTF-8 without mark; dst has
 * room for 2 * TEXT_HEAD. */
struct span	 text_head(struct span head, uint8_t *dst);

/* -- sources: bytes to records ------------------------------------------- */

struct src {
	struct window	 win;
	enum err	 err;
	const char	*why;		/* static text for the operator */
	uint64_t	 bad_offset;	/* where */
	uint64_t	 records;	/* so far */
	/* The part of a large file to read (bytes), for sources that can be
	 * cut; whole file: 0 and UINT64_MAX. */
	uint64_t	 part_start, part_end;
};

struct source {
	const char	*name, *title, *doc;
	size_t		 state_size;	/* cleared before open */
	uint8_t		 rectype;	/* enum record_type of its records */
	uint32_t	 cut;		/* bytes: parts are multiples of it from
					 * the file's start; 0: cannot be cut */
	/* How sure (0 no, 100 magic number); head is up to SOURCE_HEAD
	 * bytes. */
	int		(*match)(struct span head);
	enum err	(*open)(struct src *, void *state);
	/* Fills the (reset) batch with records that stay valid until the next
	 * call. */
	enum source_status (*read)(struct src *, void *state, struct batch *);
	void		(*close)(struct src *, void *state);
};

#define SOURCE_HEAD	4096

extern const struct source *const sources[];
extern const size_t nsources;
/* The best match or NULL: not evidence that picket reads. */
const struct source *source_match(struct span head);

/* The source that reads any bytes for what lies in them (--carve). */
extern const struct source *const source_carving;

/* -- chunks of Windows event logs ---------------------------------------- */

#define EVTX_CHUNK	65536u
extern const struct span evtx_chunk_magic;

struct evtx_chunk {
	uint64_t	last_id;	/* told of this chunk */
	uint32_t	pos;		/* of the next record in the chunk */
	uint32_t	free_at;	/* where the header says records end */
	bool		is_exact;	/* and nothing behind it is a record */
	bool		is_first;	/* next record is the chunk's first */
};

/* Looks at the header of the chunk s (shorter than EVTX_CHUNK: cut off), which
 * lies at an offset of the input; false: nothing to be read here. */
bool		 evtx_chunk_enter(struct evtx_chunk *, struct batch *,
		    struct span s, uint64_t offset);
/* Its records to the batch; false: the batch is full, call again. */
bool		 evtx_chunk_read(struct evtx_chunk *, struct batch *,
		    struct span s, uint64_t offset);
/* The same for records from pos on that the header does not count: what the
 * buffer held before. */
bool		 evtx_slack_read(struct evtx_chunk *, struct batch *,
		    struct span s, uint64_t offset);
/* A weird of a place that is no record. */
void		 evtx_weird(struct batch *, enum weird, uint64_t offset,
		    size_t len);

/* -- archives and compressed streams (libarchive) ------------------------ */

#define ARCHIVE_DEPTH_MAX	4	/* zip in tar in gz in zip */
#define ARCHIVE_MEMBERS_MAX	100000
#define ARCHIVE_RATIO_MAX	1000	/* expanded : packed; over
					 * ARCHIVE_RATIO_FLOOR only */
#define ARCHIVE_RATIO_FLOOR	(64u << 20)
#define ARCHIVE_EXPANDED_MAX	(UINT64_C(1) << 40)

struct unpack;
/* Does this head belong to an archive or a compressed stream? */
bool		 unpack_match(struct span head);
/* Takes the window (with the head still in it) as input. */
struct unpack	*unpack_open(struct window *, struct batch *weird_to);
/* The next member as an input, which is valid until the next call; name is
 * "" for a bare compressed stream.  1, 0 at the end, -1 when damaged (weird
 * raised). */
int		 unpack_next(struct unpack *, struct input **,
		    const char **name);
void		 unpack_close(struct unpack *);

/* -- folders ------------------------------------------------------------- */

/* A path as given and found below, in byte order of names, so that a walk
 * gives the same ordinals everywhere. */
struct tree_entry {
	char		*path;
	uint64_t	 size;
	int		 sys_errno;	/* not 0: could not be read */
};
struct tree {
	struct tree_entry	*entry;
	size_t			 n;
	bool			 full;	/* TREE_MAX reached */
};
#define TREE_MAX	1000000
#define TREE_DEPTH_MAX	64

/* Adds a file or everything below a folder; links to folders are not
 * followed, devices and sockets are passed over.  "-" is standard input. */
enum err	 tree_add(struct tree *, const char *path);
void		 tree_free(struct tree *);

#endif
