/* SPDX-License-Identifier: Apache-2.0
 *
 * hash: MD5, SHA-1 and SHA-256 by libcrypto, for fingerprints that others
 * publish (JA3, HASSH, certificates).  Nothing here guards anything.
 *
 * Owns the fetched algorithms (once a process) and one context a thread,
 * which live until the process ends: fetching and allocating for each hash
 * cost more than hashing the few hundred bytes that a fingerprint has.  A
 * digest that this libcrypto refuses (FIPS: MD5) comes out as "".
 */
#include <pthread.h>

#include <openssl/evp.h>

#include "codec.h"

enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_COUNT };

static EVP_MD			*digests[DIGEST_COUNT];
static pthread_once_t		 digests_once = PTHREAD_ONCE_INIT;
static pthread_key_t		 ctx_key;
static _Thread_local EVP_MD_CTX	*ctx;

static void
ctx_free(void *p)
{
	EVP_MD_CTX_free(p);
}

static void
digests_fetch(void)
{
	digests[DIGEST_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
	digests[DIGEST_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
	digests[DIGEST_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
	ASSERT(pthread_key_create(&ctx_key, ctx_free) == 0);
}

/* Bytes of digest in out; 0 when there is no such digest. */
static unsigned
digest(enum digest which, struct span s, uint8_t out[EVP_MAX_MD_SIZE])
{
	unsigned n = 0;

	pthread_once(&digests_once, digests_fetch);
	if (ctx == NULL) {
		if ((ctx = EVP_MD_CTX_new()) == NULL)
			return 0;
		/* The key only frees it when the thread ends. */
		pthread_setspecific(ctx_key, ctx);
	}
	if (digests[which] == NULL ||
	    EVP_DigestInit_ex2(ctx, digests[which], NULL) != 1 ||
	    (s.len != 0 && EVP_DigestUpdate(ctx, s.ptr, s.len) != 1) ||
	    EVP_DigestFinal_ex(ctx, out, &n) != 1)
		return 0;
	return n;
}

static void
digest_hex(enum digest which, struct span s, char *out)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned n = digest(which, s, raw);

	for (unsigned i = 0; i < n; i++) {
		*out++ = hex[raw[i] >> 4];
		*out++ = hex[raw[i] & 15];
	}
	*out = '\0';
}

void
md5_hex(struct span s, char out[33])
{
	digest_hex(DIGEST_MD5, s, out);
}

void
sha1_hex(struct span s, char out[41])
{
	digest_hex(DIGEST_SHA1, s, out);
}

void
sha256_hex(struct span s, char out[65])
{
	digest_hex(DIGEST_SHA256, s, out);
}

void
sha1_raw(struct span s, uint8_t out[20])
{
	uint8_t raw[EVP_MAX_MD_SIZE];

	memset(raw, 0, 20);
	digest(DIGEST_SHA1, s, raw);
	memcpy(out, raw, 20);
}

/* RFC 2104: two hashes around the message. */
void
hmac_sha256(struct span key, struct span msg, uint8_t out[32])
{
	uint8_t block[64 + HMAC_MESSAGE_MAX], inner[64 + 32];
	uint8_t raw[EVP_MAX_MD_SIZE] = { 0 };

	ASSERT(key.len <= 64 && msg.len <= HMAC_MESSAGE_MAX);
	for (size_t i = 0; i < 64; i++) {
		uint8_t k = i < key.len ? key.ptr[i] : 0;

		block[i] = k ^ 0x36;
		inner[i] = k ^ 0x5c;
	}
	if (msg.len != 0)
		memcpy(block + 64, msg.ptr, msg.len);
	digest(DIGEST_SHA256, span_of(block, 64 + msg.len), raw);
	memcpy(inner + 64, raw, 32);
	digest(DIGEST_SHA256, span_of(inner, sizeof(inner)), raw);
	memcpy(out, raw, 32);
}
