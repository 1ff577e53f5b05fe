/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: bytes to bytes.  Text encodings, percent, base64, hashes, DER,
 * content encodings.  Knows no protocol and no security.
 */
#ifndef PICKET_CODEC_H
#define PICKET_CODEC_H

#include "base.h"

/* -- text --------------------------------------------------------------- */

/* UTF-16LE (or BE) to UTF-8; what is no UTF-16 becomes U+FFFD.  Returns the
 * bytes written; dst must have room for 3 bytes for each 2 of src (an odd
 * last byte counts as one U+FFFD). */
size_t		 utf16_to_utf8(struct span src, bool big_endian,
		    uint8_t *dst);
/* UTF-16LE that is all ASCII, in lower case; false: it is not (dst, of
 * src.len / 2 bytes, is undefined then). */
bool		 utf16_lower_ascii(struct span src, uint8_t *dst);
/* %XX decoding (RFC 3986 2.1); what is no escape stays; dst has room for
 * src.len bytes.  plus: '+' becomes a blank (forms).  Returns bytes
 * written. */
size_t		 percent_decode(struct span src, bool plus, uint8_t *dst);
/* Base64, standard or URL alphabet, padding optional (RFC 4648), blanks and
 * line ends skipped; SPAN_NPOS on other bytes.  dst has room for
 * src.len / 4 * 3 + 3 bytes. */
size_t		 base64_decode(struct span src, uint8_t *dst);
void		 hex_put(struct buf *, struct span);	/* lower case */
void		 base64_put(struct buf *, struct span);	/* with padding */

/* -- hashes (libcrypto) ------------------------------------------------- */

void		 md5_hex(struct span, char out[33]);
void		 sha1_hex(struct span, char out[41]);
void		 sha256_hex(struct span, char out[65]);
void		 sha1_raw(struct span, uint8_t out[20]);
#define HMAC_MESSAGE_MAX 64	/* key derivation has some 30 bytes */
/* Keys of up to 64 bytes. */
void		 hmac_sha256(struct span key, struct span msg,
		    uint8_t out[32]);

/* -- AES (libcrypto) ---------------------------------------------------- */

bool		 aes128_block(const uint8_t k[16], const uint8_t in[16],
		    uint8_t out[16]);
/* src: text and 16 bytes of tag behind it; dst has room for the text.  false:
 * the tag is wrong, dst is undefined then. */
bool		 aes128_gcm_open(const uint8_t k[16],
		    const uint8_t nonce[12], struct span aad, struct span src,
		    uint8_t *dst);

/* -- DER / BER (X.690) -------------------------------------------------- */

#define DER_SEQUENCE	0x30
#define DER_SET		0x31
#define DER_INTEGER	0x02
#define DER_BITSTRING	0x03
#define DER_OCTETSTRING	0x04
#define DER_OID		0x06
#define DER_CTX(n)	(0xa0 | (n))	/* [n] constructed */
#define DER_APP(n)	(0x60 | (n))	/* [APPLICATION n] constructed */

/* The next element's tag (low tag numbers only), or 0 at the end. */
static inline uint8_t
der_peek(const struct cursor *c)
{
	return cur_peek(c, 0);
}
/* The next element of any tag: its tag in *tag, its contents as a cursor.
 * Definite lengths of up to 4 bytes only; anything else fails both. */
struct cursor	 der_any(struct cursor *, uint8_t *tag);
/* The next element, which must have this tag; else both fail. */
struct cursor	 der_enter(struct cursor *, uint8_t tag);
/* As der_enter, but a different tag (or the end) leaves the cursor as it is
 * and gives false. */
bool		 der_optional(struct cursor *, uint8_t tag, struct cursor *);
void		 der_skip(struct cursor *);	/* one element */
/* INTEGER that fits; fails the cursor otherwise. */
int64_t		 der_int(struct cursor *);
/* Length in bytes of the whole element (header and contents) at the start of
 * s: 0 when more bytes are needed to tell, SPAN_NPOS when it is no element
 * with a definite length of up to 4 bytes. */
size_t		 der_total(struct span);
/* UTCTime or GeneralizedTime contents to ns; TIME_NONE if broken. */
int64_t		 der_time(uint8_t tag, struct span);
/* Dotted text of an OID's contents. */
void		 der_oid_put(struct buf *, struct span);

/* -- X.509 certificates (RFC 5280) -------------------------------------- */

struct x509 {			/* borrows from the certificate */
	struct span	 serial;	/* INTEGER without leading 00 */
	struct span	 issuer;	/* Name: contents of the RDNSequence */
	struct span	 subject;
	struct span	 san;		/* GeneralNames contents; may be none */
	int64_t		 not_before;	/* ns; TIME_NONE if broken */
	int64_t		 not_after;
	uint32_t	 key_bits;	/* 0: kind of key not known */
};

/* false: breaks the grammar; what was read before that is there. */
bool		 x509_parse(struct span der, struct x509 *);
/* RFC 4514 text of a Name, UTF-8, with the attribute names of OpenSSL. */
void		 x509_name_put(struct buf *, struct span name);
/* The next of x509.san: the tag (0x82 DNS, 0x87 address, 0x81 mail, 0x86 URI,
 * 0xa4 Name...) and its contents; false at the end. */
bool		 x509_san_next(struct cursor *, uint8_t *tag, struct span *);

/* -- JSON (RFC 8259) ---------------------------------------------------- */

/*
 * A parsed text is a row of tokens: every value, in the order of the text; in
 * an object each value behind its key.  Token 0 is the root.  next is the
 * index behind a value and all that it holds, so siblings are one step away.
 * Nothing is converted before it is asked for.
 */
enum json_type {
	JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY,
	JSON_OBJECT
};

enum json_status {
	JSON_OK,
	JSON_BROKEN,	/* not in the grammar, at bad_at */
	JSON_DEEP,	/* over JSON_DEPTH_MAX */
	JSON_LARGE,	/* over JSON_TOKENS_MAX or 4 GiB */
	JSON_NO_MEMORY
};

#define JSON_DEPTH_MAX	64		/* logs use some 5 */
#define JSON_TOKENS_MAX	(1u << 20)	/* 16 MiB of tokens */

#define JSON_F_ESCAPED	0x01	/* string with backslashes */
#define JSON_F_NOT_UTF8	0x02	/* string with bytes that are no UTF-8 */
#define JSON_F_REPEATED	0x04	/* key that its object named before */

struct json_token {
	uint8_t		type;		/* enum json_type; keys: JSON_STRING */
	uint8_t		flags;
	uint32_t	off, len;	/* in the text; no quotes */
	uint32_t	next;
};

struct json {
	struct span		 text;
	struct json_token	*tok;
	uint32_t		 ntok, size;
	uint8_t			 flags;		/* of all tokens together */
	bool			 loose;		/* keys may repeat unmarked */
	uint32_t		 bad_at;
	uint32_t		*slots;		/* to find repeated keys */
	uint32_t		*marks;		/* where quotes stand */
	uint32_t		 nslots, nmarks, marks_size;
};

/* All zeroes is an empty one as well. */
void		 json_init(struct json *);
void		 json_fini(struct json *);
/* One value with nothing but blanks around it.  The text must stay as long as
 * the tokens are used; the next parse ends them. */
enum json_status json_parse(struct json *, struct span text);
/* The same for those who look for repeated keys themselves: none is marked. */
enum json_status json_parse_loose(struct json *, struct span text);
/* The value of a member (the first of that name), 0 if there is none. */
uint32_t	 json_member(const struct json *, uint32_t object,
		    struct span name);
/* A token as it stands in the text. */
struct span	 json_raw(const struct json *, uint32_t i);
/* The bytes of a string, escapes decoded into the arena when it has some;
 * anything else as it stands.  SPAN_NONE when the arena is full. */
struct span	 json_text(const struct json *, uint32_t i, struct arena *);
/* Escapes of a string's inside that json_parse() took; lone surrogates become
 * U+FFFD.  dst has room for src.len bytes; returns bytes written. */
size_t		 json_unescape(struct span src, uint8_t *dst);
/* Numbers; false when it is none or does not fit (integers: or has a fraction
 * or exponent). */
bool		 json_u64(const struct json *, uint32_t i, uint64_t *);
bool		 json_i64(const struct json *, uint32_t i, int64_t *);
bool		 json_f64(const struct json *, uint32_t i, double *);

/* -- XML (as much as event logs use; no DOCTYPE) ------------------------ */

/*
 * Pulled piece by piece: xml_init(), then xml_next() until XML_END or
 * XML_BROKEN.  An element gives XML_OPEN, its attributes, what is in it, and
 * XML_CLOSE, be it <a/> or <a></a>.  The end comes behind the first element
 * that is not in another; xml_rest() is what follows it.
 */
enum xml_event {
	XML_END,
	XML_BROKEN,	/* not well formed, cut, too deep, or with DOCTYPE */
	XML_OPEN,	/* name */
	XML_ATTR,	/* name, text */
	XML_TEXT,	/* text; blanks alone are not told */
	XML_CLOSE	/* name */
};

#define XML_DEPTH_MAX	32	/* Windows events use some 6 */

struct xml {
	struct span	name;		/* without prefix */
	struct span	text;		/* as it stands: see xml_text() */
	unsigned	depth;		/* open elements: 1 at the root's
					 * XML_OPEN, 0 at its XML_CLOSE */
	bool		escaped;	/* text has references */
	bool		cdata;		/* text was CDATA */
	bool		is_xmlns;	/* attribute: declares a namespace */
	/* The reader's own: */
	bool		in_tag, is_over;
	struct cursor	rest;
	struct span	open[XML_DEPTH_MAX];
};

void		 xml_init(struct xml *, struct span text);
enum xml_event	 xml_next(struct xml *);
/* Behind XML_OPEN or XML_ATTR: passes over the rest of that element and its
 * XML_CLOSE; false when the text breaks or ends before. */
bool		 xml_skip(struct xml *);
/* The text with its references decoded, into the arena when it has some;
 * SPAN_NONE when that is full. */
struct span	 xml_text(const struct xml *, struct arena *);
/* The same by hand: dst has room for src.len bytes; returns bytes written.
 * Unknown references stay, characters that are none become U+FFFD. */
size_t		 xml_unescape(struct span src, uint8_t *dst);
struct span	 xml_rest(const struct xml *);

/*
 * Rows of JSON: objects of few shapes one after the other, faster than
 * json_parse().  A row is the list of its members in the order of the text;
 * those of objects inside are named by their dotted path, arrays stay whole.
 * Paths have numbers that stay the same for all rows: 1 and up.
 */
#define JSONROW_PATHS_MAX	4096u	/* EVE knows some 2,000 */
#define JSONROW_PATH_LEN	255u
#define JSONROW_MEMBERS_MAX	1024u	/* EVENT_FIELDS_MAX */
#define JSONROW_F_LOST		0x80	/* row: a member was left out for a
					 * limit */

struct jsonrow_member {
	uint16_t	path;
	uint8_t		type;		/* enum json_type; no objects */
	uint8_t		flags;		/* JSON_F_ESCAPED, JSON_F_NOT_UTF8 */
	uint32_t	len;
	const uint8_t	*ptr;		/* in the text; strings: no quotes */
};

struct jsonrow_row {
	const struct jsonrow_member	*member;	/* until the next row */
	uint32_t			 n;
	uint8_t				 flags;		/* of all of them */
};

struct jsonrow;
struct jsonrow	*jsonrow_new(void);
void		 jsonrow_free(struct jsonrow *);
/* Of members named twice the first is given; JSON_F_REPEATED says so. */
enum json_status jsonrow_read(struct jsonrow *, struct span,
		    struct jsonrow_row *);
/* The number of a member of the outermost object, made when missing; 0 when
 * there are too many. */
uint16_t	 jsonrow_path(struct jsonrow *, struct span);
/* The path's text; lives as long as the struct jsonrow. */
const char	*jsonrow_name(const struct jsonrow *, uint16_t);
/* As json_text(). */
struct span	 jsonrow_text(const struct jsonrow_member *, struct arena *);
/* What an array holds, and the next item of that; false at the end. */
struct span	 jsonrow_items(const struct jsonrow_member *);
bool		 jsonrow_item(struct span *, struct jsonrow_member *);

/* -- numbers ------------------------------------------------------------ */

/* The whole span is a decimal number that fits; fractions and exponents are
 * allowed in the first only. */
bool		 number_f64(struct span, double *);
bool		 number_i64(struct span, int64_t *);
/* Seconds with up to nine digits of fraction to ns, exactly; more digits are
 * cut. */
bool		 number_seconds(struct span, int64_t *);

/* -- content encodings -------------------------------------------------- */

enum content_coding {
	CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE, CODING_BR, CODING_ZSTD
};

/*
 * The head of a compressed body: at most dst_size bytes.  Returns how many
 * came out; *bad says that the data broke before that (what came out is still
 * good).  Cut input is no error.  deflate: zlib or raw.  Bounded in time by
 * dst_size.
 */
size_t		 inflate_head(enum content_coding, struct span src,
		    uint8_t *dst, size_t dst_size, bool *bad);

/*
 * gzip as a stream (RFC 1952), checksums checked; one member after the other
 * counts as one stream, other bytes behind the last one are left.
 */
enum gunzip_status {
	GUNZIP_MORE,	/* wants more of src, or more room */
	GUNZIP_END,
	GUNZIP_BROKEN	/* damaged; what came out before is good */
};

struct gunzip;
struct gunzip	*gunzip_new(void);
void		 gunzip_free(struct gunzip *);
/* Returns the bytes written; *used: bytes of src that were taken.  At the end
 * of the input (last: src is the rest of it) a stream that lacks its end is
 * BROKEN. */
size_t		 gunzip_run(struct gunzip *, struct span src, bool last,
		    size_t *used, uint8_t *dst, size_t dst_size,
		    enum gunzip_status *);

#endif
