/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a compressed body: gzip (RFC 1952), deflate (zlib RFC 1950 or
 * raw RFC 1951, as servers really send it), br (RFC 7932), zstd (RFC 8878).
 *
 * The only file that knows the decompressors.  zlib works in a block on the
 * stack, so the frequent codings allocate nothing; the others allocate for
 * each call and free before they return.
 *
 * Bounds: output by dst_size; input is read once; zlib's memory by ZMEM_SIZE,
 * zstd's window by ZSTD_WINDOW_LOG, brotli's by its largest standard window.
 */
#define ZLIB_CONST
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "codec.h"

#define ZMEM_SIZE	(48u << 10)	/* zlib: 7 KB of state, 32 KB window */
#define ZSTD_WINDOW_LOG	23		/* 8 MB: what RFC 8878 asks for */

/* Memory of one zlib stream. */
struct zmem {
	size_t			used;
	_Alignas(16) uint8_t	data[ZMEM_SIZE];
};

static voidpf
zmem_alloc(voidpf arg, uInt n, uInt size)
{
	struct zmem *m = arg;
	size_t want = ((size_t)n * size + 15) & ~(size_t)15;
	void *p;

	if (want > sizeof(m->data) - m->used)
		return Z_NULL;
	p = m->data + m->used;
	m->used += want;
	return p;
}

static void
zmem_free(voidpf arg, voidpf p)
{
	(void)arg;
	(void)p;
}

/* Does another member of a gzip file follow? */
static bool
gzip_follows(const z_stream *z)
{
	return z->avail_in > 2 && z->next_in[0] == 0x1f &&
	    z->next_in[1] == 0x8b;
}

/* window_bits as inflateInit2() wants them: which wrapper to expect. */
static size_t
inflate_zlib(int window_bits, struct span src, uint8_t *dst, size_t size,
    bool *bad)
{
	struct zmem mem;
	z_stream z = {
		.zalloc = zmem_alloc, .zfree = zmem_free, .opaque = &mem
	};
	int rc;

	mem.used = 0;
	*bad = false;
	if (inflateInit2(&z, window_bits) != Z_OK) {
		*bad = true;
		return 0;
	}
	z.next_in = src.ptr;
	z.avail_in = (uInt)MIN_OF(src.len, UINT32_MAX);
	z.next_out = dst;
	z.avail_out = (uInt)MIN_OF(size, UINT32_MAX);
	do {
		rc = inflate(&z, Z_SYNC_FLUSH);
		/* One more member: at least 18 bytes each, so this ends. */
		if (rc == Z_STREAM_END && gzip_follows(&z))
			rc = inflateReset(&z);
	} while (rc == Z_OK && z.avail_in > 0 && z.avail_out > 0);
	/* Z_BUF_ERROR: the input is cut; that is no error. */
	if (rc == Z_DATA_ERROR || rc == Z_NEED_DICT || rc == Z_STREAM_ERROR ||
	    rc == Z_MEM_ERROR)
		*bad = true;
	size = (size_t)(z.next_out - dst);
	inflateEnd(&z);
	return size;
}

/* Length of a gzip header (RFC 1952 2.3); 0: none.  Reserved flags and the
 * header's checksum are not looked at. */
static size_t
gzip_header(struct span src)
{
	struct cursor c = cur_of(src);
	uint8_t flags;

	if (cur_le16(&c) != 0x8b1f || cur_u8(&c) != Z_DEFLATED)
		return 0;
	flags = cur_u8(&c);
	cur_skip(&c, 6);
	if (flags & 0x04)			/* FEXTRA */
		cur_skip(&c, cur_le16(&c));
	for (uint8_t f = 0x08; f <= 0x10; f <<= 1)	/* FNAME, FCOMMENT */
		while ((flags & f) && cur_ok(&c) && cur_u8(&c) != 0)
			;
	if (flags & 0x02)			/* FHCRC */
		cur_skip(&c, 2);
	return cur_ok(&c) ? src.len - c.left : 0;
}

/* Where zlib does not like the header, what is behind may still be good. */
static size_t
inflate_gzip(struct span src, uint8_t *dst, size_t size, bool *bad)
{
	size_t n = inflate_zlib(MAX_WBITS + 16, src, dst, size, bad), head;

	if (n > 0 || !*bad || (head = gzip_header(src)) == 0)
		return n;
	n = inflate_zlib(-MAX_WBITS, span_sub(src, head, SIZE_MAX), dst, size,
	    bad);
	*bad = true;
	return n;
}

static size_t
inflate_deflate(struct span src, uint8_t *dst, size_t size, bool *bad)
{
	bool zlib = src.len >= 2 && (src.ptr[0] & 0x0f) == Z_DEFLATED &&
	    load_be16(src.ptr) % 31 == 0;
	size_t n = 0;

	if (zlib) {
		n = inflate_zlib(MAX_WBITS, src, dst, size, bad);
		if (n > 0 || !*bad)
			return n;
	}
	return inflate_zlib(-MAX_WBITS, src, dst, size, bad);
}

static size_t
inflate_brotli(struct span src, uint8_t *dst, size_t size, bool *bad)
{
	BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	const uint8_t *in = src.ptr;
	size_t in_left = src.len, out_left = size;

	if (s == NULL) {
		*bad = true;
		return 0;
	}
	if (BrotliDecoderDecompressStream(s, &in_left, &in, &out_left, &dst,
	    NULL) == BROTLI_DECODER_RESULT_ERROR)
		*bad = true;
	BrotliDecoderDestroyInstance(s);
	return size - out_left;
}

static size_t
inflate_zstd(struct span src, uint8_t *dst, size_t size, bool *bad)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	ZSTD_inBuffer in = { src.ptr, src.len, 0 };
	ZSTD_outBuffer out = { dst, size, 0 };
	size_t rc;

	if (z == NULL) {
		*bad = true;
		return 0;
	}
	(void)ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	do {
		rc = ZSTD_decompressStream(z, &out, &in);
	} while (!ZSTD_isError(rc) && in.pos < in.size && out.pos < out.size);
	if (ZSTD_isError(rc))
		*bad = true;
	ZSTD_freeDCtx(z);
	return out.pos;
}

size_t
inflate_head(enum content_coding coding, struct span src, uint8_t *dst,
    size_t dst_size, bool *bad)
{
	size_t n = MIN_OF(src.len, dst_size);

	*bad = false;
	if (n == 0)
		return 0;
	switch (coding) {
	case CODING_IDENTITY:
		memcpy(dst, src.ptr, n);
		return n;
	case CODING_GZIP:
		return inflate_gzip(src, dst, dst_size, bad);
	case CODING_DEFLATE:
		return inflate_deflate(src, dst, dst_size, bad);
	case CODING_BR:
		return inflate_brotli(src, dst, dst_size, bad);
	case CODING_ZSTD:
		return inflate_zstd(src, dst, dst_size, bad);
	}
	return 0;
}
