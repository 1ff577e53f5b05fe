/* SPDX-License-Identifier: Apache-2.0
 *
 * aead: AES-128 of one block and in GCM, by libcrypto, for what is hidden only
 * from those who do not look: QUIC Initial packets, whose keys come from the
 * packet itself (RFC 9001 5.2).
 *
 * Owns the fetched ciphers (once a process) and one context each a thread,
 * which live until the process ends, as in hash.c.
 */
#include <pthread.h>

#include <openssl/evp.h>

#include "codec.h"

enum cipher { CIPHER_ECB, CIPHER_GCM, CIPHER_COUNT };

static EVP_CIPHER		*ciphers[CIPHER_COUNT];
static pthread_once_t		 ciphers_once = PTHREAD_ONCE_INIT;
static pthread_key_t		 key[CIPHER_COUNT];
static _Thread_local EVP_CIPHER_CTX *ctx[CIPHER_COUNT];

static void
ctx_free(void *p)
{
	EVP_CIPHER_CTX_free(p);
}

static void
ciphers_fetch(void)
{
	ciphers[CIPHER_ECB] = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	ciphers[CIPHER_GCM] = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	for (int i = 0; i < CIPHER_COUNT; i++)
		ASSERT(pthread_key_create(&key[i], ctx_free) == 0);
}

static EVP_CIPHER_CTX *
context(enum cipher which)
{
	pthread_once(&ciphers_once, ciphers_fetch);
	if (ciphers[which] == NULL)
		return NULL;
	if (ctx[which] == NULL &&
	    (ctx[which] = EVP_CIPHER_CTX_new()) != NULL)
		/* The key only frees it when the thread ends. */
		pthread_setspecific(key[which], ctx[which]);
	return ctx[which];
}

bool
aes128_block(const uint8_t k[16], const uint8_t in[16], uint8_t out[16])
{
	EVP_CIPHER_CTX *c = context(CIPHER_ECB);
	int n = 0;

	return c != NULL &&
	    EVP_EncryptInit_ex2(c, ciphers[CIPHER_ECB], k, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
	    EVP_EncryptUpdate(c, out, &n, in, 16) == 1 && n == 16;
}

bool
aes128_gcm_open(const uint8_t k[16], const uint8_t nonce[12], struct span aad,
    struct span src, uint8_t *dst)
{
	EVP_CIPHER_CTX *c = context(CIPHER_GCM);
	uint8_t tag[16];
	int n = 0;

	if (c == NULL || src.len < sizeof(tag) || src.len > INT32_MAX ||
	    aad.len > INT32_MAX)
		return false;
	src.len -= sizeof(tag);
	memcpy(tag, src.ptr + src.len, sizeof(tag));
	return EVP_DecryptInit_ex2(c, ciphers[CIPHER_GCM], k, nonce,
	    NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof(tag),
	    tag) == 1 &&
	    EVP_DecryptUpdate(c, NULL, &n, aad.ptr, (int)aad.len) == 1 &&
	    EVP_DecryptUpdate(c, dst, &n, src.ptr, (int)src.len) == 1 &&
	    EVP_DecryptFinal_ex(c, dst + n, &n) == 1;
}
