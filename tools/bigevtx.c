/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bigevtx: the bench's large event log.  Chunks of EVTX are self-contained,
 * so a file of any size is a new file header and sound, well filled chunks of
 * the corpus, over and over.
 *
 *	bigevtx OUT CORPUSDIR [--bytes N]
 *
 * --bytes   size of OUT, about (default 1 GiB)
 * Prints the used octets (up to each chunk's free-space offset) at the end.
 *
 * Owner: struct shelf holds one copy of every chosen chunk (about 10 MB).
 * Bounds: at most MAX_CHUNKS, because the file header counts them in 16 bits.
 * A chunk is chosen when its three sums are right and it is filled above
 * MIN_USED; its record numbers stay as they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/evtxw.h"
#include "lib/walk.h"

#define CHUNK_SIZE	65536
#define FILE_HEAD	4096
#define MAX_CHUNKS	65535
#define MIN_USED	(CHUNK_SIZE / 10 * 9)

struct shelf {
	struct buf chunks;
	size_t seen, files;
};

/*
 * Files at which evtxexport (libevtx 20181227), the peer of the bench, gives
 * up: with one of their chunks inside, the peer would read nothing.
 */
static const char *const peer_stops_at[] = {
	"/Antivirus/", "ID1149-", "ID800-", "ID4622-New SSP", "ID2003-",
	"ID131-", "ID4799-4624-", "ID5140-5145-Bloodhound", "ID4656-WS",
	"CAPI2", "MSExchange_Management_wec", "issue_201"
};

static uint32_t
get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* header: free offset u32 @48, records' CRC @52, own CRC @124 */
static int
sound(const uint8_t *c)
{
	uint32_t free_at = get_le32(c + 48), crc;

	if (memcmp(c, "ElfChnk", 8) != 0)
		return 0;
	if (free_at < MIN_USED || free_at > CHUNK_SIZE)
		return 0;
	crc = evtxw_crc32(evtxw_crc32(0, c, 120), c + 128, 512 - 128);
	if (crc != get_le32(c + 124))
		return 0;
	return evtxw_crc32(0, c + 512, free_at - 512) == get_le32(c + 52);
}

/* walk_visit: take the sound chunks of an event log */
static void
read_file(void *context, const char *path, const uint8_t *d, size_t len)
{
	struct shelf *s = context;
	size_t at, i;

	if (len < FILE_HEAD || memcmp(d, "ElfFile", 8) != 0)
		return;
	for (i = 0; i < sizeof(peer_stops_at) / sizeof(char *); i++)
		if (strstr(path, peer_stops_at[i]) != NULL)
			return;
	s->files++;
	for (at = FILE_HEAD; len - at >= CHUNK_SIZE; at += CHUNK_SIZE) {
		s->seen++;
		if (sound(d + at))
			buf_put(&s->chunks, d + at, CHUNK_SIZE);
	}
}

static void
file_header(struct buf *b, uint64_t chunks)
{
	buf_put(b, "ElfFile", 8);
	buf_le64(b, 0);
	buf_le64(b, chunks - 1);
	buf_le64(b, 1);
	buf_le32(b, 128);
	buf_le16(b, 1);
	buf_le16(b, 3);
	buf_le16(b, FILE_HEAD);
	buf_le16(b, (uint32_t)chunks);
	buf_zero(b, 120 - b->len);
	buf_le32(b, 0);
	buf_le32(b, evtxw_crc32(0, b->data, 120));
	buf_zero(b, FILE_HEAD - b->len);
}

static int
write_log(const struct shelf *s, const char *path, uint64_t want)
{
	uint64_t have = s->chunks.len / CHUNK_SIZE, count, i, used = 0;
	struct buf head = { 0 };
	const uint8_t *c;
	int bad;
	FILE *f;

	count = want / CHUNK_SIZE;
	if (count > MAX_CHUNKS)
		count = MAX_CHUNKS;
	if (count == 0)
		count = 1;
	file_header(&head, count);
	f = fopen(path, "wb");
	if (f == NULL) {
		buf_free(&head);
		return -1;
	}
	setvbuf(f, NULL, _IOFBF, 1 << 20);
	bad = fwrite(head.data, 1, head.len, f) != head.len;
	for (i = 0; i < count && !bad; i++) {
		c = s->chunks.data + i % have * CHUNK_SIZE;
		used += get_le32(c + 48);
		bad = fwrite(c, 1, CHUNK_SIZE, f) != CHUNK_SIZE;
	}
	bad |= fclose(f) != 0;
	buf_free(&head);
	printf("chunks %llu distinct %llu used_bytes %llu\n",
	    (unsigned long long)count, (unsigned long long)have,
	    (unsigned long long)used);
	return bad ? -1 : 0;
}

int
main(int argc, char **argv)
{
	static const char *const folders[] = { "evtx-attack", "evtx-odd",
	    "sigma" };
	uint64_t want = (uint64_t)1 << 30;
	struct shelf s = { 0 };
	char path[4096];
	size_t i;
	int rc = 0;

	if (argc == 5 && strcmp(argv[3], "--bytes") == 0)
		want = strtoull(argv[4], NULL, 0);
	else if (argc != 3) {
		fprintf(stderr, "usage: bigevtx OUT CORPUSDIR "
		    "[--bytes N]\n");
		return 2;
	}
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[2], folders[i]);
		if (walk_tree(path, read_file, &s) != 0)
			fprintf(stderr, "bigevtx: %s: %s\n", path,
			    strerror(errno));
	}
	fprintf(stderr, "bigevtx: %zu files, %zu chunks, %zu chosen\n",
	    s.files, s.seen, s.chunks.len / CHUNK_SIZE);
	if (s.chunks.len == 0 || write_log(&s, argv[1], want) != 0) {
		fprintf(stderr, "bigevtx: %s: %s\n", argv[1],
		    s.chunks.len == 0 ? "no chunks" : strerror(errno));
		rc = 1;
	}
	buf_free(&s.chunks);
	return rc;
}
