/* SPDX-License-Identifier: Apache-2.0
 *
 * QUIC Initials.  The hello, the keys and the sealed bytes are those of RFC
 * 9001 appendix A (connection id 8394c8f03e515708); packets are sealed here by
 * libcrypto with these keys, none is derived.
 */
#include "ad_drive.h"
#include "codec.h"

#include <openssl/evp.h>

#define HELLO	"010000ed 0303 ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe" \
	"3a47f06a2b69484c 00 0004 1301 1302 01 00 00c0 0000 0010 000e 00 000b" \
	"6578616d706c652e636f6d ff01 0001 00 000a 0008 0006 001d 0017 0018" \
	"0010 0007 0005 04 616c706e 0005 0005 01 0000 0000 0033 0026 0024 001d" \
	"0020 9370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748" \
	"002b 0003 02 0304 000d 0010 000e 0403 0503 0603 0203 0804 0805 0806" \
	"002d 0002 01 01 001c 0002 4001 0039 0032 0408ffffffffffffffff" \
	"05048000ffff 07048000ffff 0801 10 0104 80007530 0901 10" \
	"0f08 8394c8f03e515708 0604 8000ffff"
/* RFC 9001 A.3: the frames of the server's answer, ACK and CRYPTO */
#define ANSWER	"02 00 00 00 00 06 00 40 5a 02000056 0303 eefce7f7b37ba1d1632e96677825dd" \
	"f73988cfc79825df566dc5430b9a045a12 00 1301 00 002e 0033 0024 001d 0020" \
	"9d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a" \
	"002b 0002 0304"
#define JA4	"q13d0211an_62ed6f6ca7ad_4d634acda6c0"

struct side_keys {
	const char	*key, *iv, *hp;
};
static const struct side_keys client_keys = {
	"1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
	"9f50449e04a0e810283a1e9933adedd2"
}, server_keys = {
	"cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
	"c206b8d9b9f0f37644430b490eeaa314"
};

static void
aes(const EVP_CIPHER *how, struct span key, const uint8_t *iv, struct span aad,
    struct span in, uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;

	assert_non_null(c);
	assert_int_equal(EVP_EncryptInit_ex(c, how, NULL, key.ptr, iv), 1);
	if (aad.len != 0)
		assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, aad.ptr,
		    (int)aad.len), 1);
	assert_int_equal(EVP_EncryptUpdate(c, out, &n, in.ptr, (int)in.len), 1);
	if (tag != NULL) {
		assert_int_equal(EVP_EncryptFinal_ex(c, out + n, &n), 1);
		assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG,
		    16, tag), 1);
	}
	EVP_CIPHER_CTX_free(c);
}

/* header: up to and with a packet number of 4 bytes; its length field is to
 * say 4 + size + 16. */
static struct span
seal(const struct side_keys *k, const char *header, struct span frames,
    size_t size)
{
	struct span h = hex(header), iv = hex(k->iv);
	uint8_t *p = arena_zalloc(&dr.batch.arena, h.len + size + 16);
	uint8_t *plain = arena_zalloc(&dr.batch.arena, size);
	uint8_t nonce[12], mask[16];

	assert_true(p != NULL && plain != NULL && frames.len <= size);
	memcpy(plain, frames.ptr, frames.len);
	memcpy(p, h.ptr, h.len);
	memcpy(nonce, iv.ptr, 12);
	for (size_t i = 0; i < 4; i++)
		nonce[8 + i] ^= p[h.len - 4 + i];
	aes(EVP_aes_128_gcm(), hex(k->key), nonce, h, span_of(plain, size),
	    p + h.len, p + h.len + size);
	aes(EVP_aes_128_ecb(), hex(k->hp), NULL, SPAN_NONE,
	    span_of(p + h.len, 16), mask, NULL);
	p[0] ^= mask[0] & 15;
	for (size_t i = 0; i < 4; i++)
		p[h.len - 4 + i] ^= mask[1 + i];
	return span_of(p, h.len + size + 16);
}

#define CLIENT	"c3 00000001 08 8394c8f03e515708 00 00 449e 0000000"
static struct span
client_packet(const char *header, const char *frames)
{
	return seal(&client_keys, header, hex(frames), 1162);
}

static void
test_rfc9001(void **state)
{
	struct span p, q;

	(void)state;
	drive_init("quic", IPPROTO_N_UDP, 4433);
	p = client_packet(CLIENT "2", "06 00 40f1" HELLO);
	assert_int_equal(p.len, 1200);
	/* A.2 */
	assert_true(span_starts(p, hex("c000000001088394c8f03e5157080000449e"
	    "7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c")));
	assert_true(span_ends(p, hex("e221af44860018ab0856972e194cd934")));
	assert_int_equal(drive_probe(p, DIR_CLIENT, true), PROBE_YES);
	assert_int_equal(drive_probe(p, DIR_CLIENT, false), PROBE_NO);
	assert_int_equal(drive_probe(span_sub(p, 0, 1199), DIR_CLIENT, true),
	    PROBE_NO);
	drive_dgram(DIR_CLIENT, p);
	assert_int_equal(dr.batch.nevents, 0);
	/* A.3: packet number 1 of two bytes there, of four here */
	q = seal(&server_keys, "c3 00000001 00 08 f067a5502a4262b5 00 4077"
	    "00000001", hex(ANSWER), 99);
	drive_dgram(DIR_SERVER, q);
	assert_int_equal(dr.batch.nevents, 0);
	drive_dgram(DIR_CLIENT, hex("40 0102030405060708090a"));
	assert_int_equal(dr.dec.action, DEC_DONE);
	assert_int_equal(dr.batch.nevents, 1);
	assert_int_equal(ev(0)->kind, KIND_TLS);
	assert_int_equal(ev(0)->time, T0);
	CHECK(0, FIELD_PROTO, "udp");
	CHECK(0, FIELD_TLS_SNI, "example.com");
	CHECK(0, FIELD_TLS_CLIENT_ALPN, "alpn");
	CHECK(0, FIELD_TLS_CLIENT_CIPHERS, "1301 1302");
	CHECK(0, FIELD_TLS_JA3_TEXT,
	    "771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,");
	CHECK(0, FIELD_TLS_JA4, JA4);
	CHECK(0, FIELD_TLS_VERSION, "TLSv1.3");
	CHECK(0, FIELD_TLS_CIPHER, "1301");
	CHECK(0, FIELD_TLS_CURVE, "x25519");
	CHECK(0, FIELD_TLS_RESUMED, "false");
	CHECK(0, FIELD_TLS_ESTABLISHED, "true");
	CHECK(0, FIELD_QUIC_VERSION, "1");
	CHECK(0, FIELD_QUIC_DCID, "8394c8f03e515708");
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	for (int i = 0; i < WEIRD_COUNT; i++)
		assert_int_equal(dr.weirds.count[i], 0);
	drive_fini();
}

/* The hello in three pieces over two packets, last one first, one of them
 * twice and the second time with other bytes. */
static void
test_pieces(void **state)
{
	char *rest, frames[1200];
	struct span hello;
	struct buf b;

	(void)state;
	drive_init("quic", IPPROTO_N_UDP, 4433);
	hello = hex(HELLO);
	assert_int_equal(hello.len, 241);
	buf_init(&b, 0);
	hex_put(&b, hello);
	buf_byte(&b, 0);
	rest = (char *)b.ptr;
	snprintf(frames, sizeof(frames), "01 06 4064 408d %s 06 10 03 616161",
	    rest + 200);
	drive_dgram(DIR_CLIENT, client_packet(CLIENT "0", frames));
	snprintf(frames, sizeof(frames), "06 10 4054 %.168s 06 00 10 %.32s",
	    rest + 32, rest);
	/* three bytes of the middle are wrong: the first ones seen stay */
	drive_dgram(DIR_CLIENT, client_packet(CLIENT "1", frames));
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_TLS_SNI, "example.com");
	CHECK(0, FIELD_TLS_CIPHER, "-");
	CHECK(0, FIELD_TLS_ESTABLISHED, "false");
	assert_int_equal(dr.weirds.count[WEIRD_QUIC_BAD], 0);
	buf_fini(&b);
	drive_fini();
}

/* The server says no: TLS alert 120. */
static void
test_close(void **state)
{
	(void)state;
	drive_init("quic", IPPROTO_N_UDP, 4433);
	drive_dgram(DIR_CLIENT, client_packet(CLIENT "0", "06 00 40f1" HELLO));
	drive_dgram(DIR_SERVER, seal(&server_keys,
	    "c3 00000001 00 08 f067a5502a4262b5 00 4077 00000000",
	    hex("1c 4178 06 02 6e6f"), 99));
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_QUIC_ERROR, "376");
	CHECK(0, FIELD_TLS_ALERT, "no_application_protocol");
	CHECK(0, FIELD_TLS_ESTABLISHED, "false");
	drive_close();
	drive_fini();
}

static const struct {
	const char	*frames;
	enum weird	 weird;
} bad[] = {
	{ "06 00 7fff 01", WEIRD_QUIC_BAD },		/* longer than the rest */
	{ "06 80010000 01 01", WEIRD_QUIC_LIMIT },	/* offset 65536 */
	{ "06 ffffffffffffffff 01 01", WEIRD_QUIC_LIMIT },
	{ "06 00 04 02000001", WEIRD_QUIC_BAD },	/* a server's hello */
	{ "06 00 04 01ffffff", WEIRD_QUIC_LIMIT },	/* 16 MB of hello */
	{ "06 00 06 01000002 0303", WEIRD_TLS_BAD },
	{ "02 00 00 bfffffff 00", WEIRD_QUIC_BAD },	/* a billion ranges */
	{ "08 00 01 01", WEIRD_QUIC_BAD },		/* STREAM */
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++) {
		drive_init("quic", IPPROTO_N_UDP, 4433);
		drive_dgram(DIR_CLIENT, client_packet(CLIENT "0",
		    bad[i].frames));
		drive_close();
		assert_int_equal(dr.batch.nevents, 0);
		assert_true(dr.weirds.count[bad[i].weird] > 0);
		drive_fini();
	}
}

/* A packet of another connection, then headers that lie. */
static void
test_headers(void **state)
{
	struct span p;
	uint8_t *q;

	(void)state;
	drive_init("quic", IPPROTO_N_UDP, 4433);
	p = client_packet(CLIENT "0", "06 00 40f1" HELLO);
	q = arena_alloc(&dr.batch.arena, p.len);
	assert_non_null(q);
	memcpy(q, p.ptr, p.len);
	q[1199] ^= 1;
	drive_dgram(DIR_CLIENT, span_of(q, p.len));
	drive_dgram(DIR_CLIENT, span_of(q, p.len));
	assert_int_equal(dr.weirds.count[WEIRD_QUIC_SEALED], 1);
	drive_dgram(DIR_CLIENT, span_sub(p, 0, 700));
	assert_int_equal(dr.weirds.count[WEIRD_QUIC_BAD], 1);
	drive_dgram(DIR_CLIENT, hex("c0 00000001 15"
	    "000000000000000000000000000000000000000000 00 00 00"));
	assert_int_equal(dr.weirds.count[WEIRD_QUIC_BAD], 2);
	drive_dgram(DIR_CLIENT, hex("c0 00000001 ff"));
	assert_int_equal(dr.weirds.count[WEIRD_QUIC_BAD], 3);
	/* too short for a sample */
	drive_dgram(DIR_CLIENT, hex("c0 00000001 00 00 00 05 0102030405"));
	drive_dgram(DIR_SERVER, hex("80 00000000 00 00 00000001"));
	/* what follows is read all the same */
	drive_dgram(DIR_CLIENT, p);
	drive_close();
	assert_int_equal(dr.batch.nevents, 1);
	CHECK(0, FIELD_TLS_JA4, JA4);
	drive_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc9001),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
