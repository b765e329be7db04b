/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.c - SHA-256 by libcrypto.  The algorithm is fetched once: a fetch costs more than a short hash. */
#include "daemon/base/digest.h"

#include "daemon/base/mem.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct digest {
	EVP_MD_CTX *ctx;
};

static EVP_MD *sha256;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void must(int ok)
{
	if (ok != 1) {
		(void)fputs("resultd: libcrypto refuses SHA-256\n", stderr);
		abort();
	}
}

struct digest *digest_new(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct digest *d = xcalloc(1, sizeof(*d));

	pthread_once(&once, fetch);
	d->ctx = EVP_MD_CTX_new();
	must(d->ctx != NULL && sha256 != NULL);
	must(EVP_DigestInit_ex2(d->ctx, sha256, NULL));
	return d;
}

void digest_reset(struct digest *d)
{
	must(EVP_DigestInit_ex2(d->ctx, NULL, NULL));
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	must(EVP_DigestUpdate(d->ctx, data, len));
}

void digest_add_field(struct digest *d, const char *s, size_t len)
{
	uint8_t n[8];

	for (unsigned i = 0; i < 8; i++)
		n[i] = (uint8_t)((uint64_t)len >> (8 * i));
	digest_add(d, n, sizeof(n));
	if (len > 0)
		digest_add(d, s, len);
}

void digest_get(struct digest *d, uint8_t out[DIGEST_SIZE])
{
	unsigned len = 0;

	must(EVP_DigestFinal_ex(d->ctx, out, &len));
}

void digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_hex(const uint8_t *bytes, size_t len, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digit[bytes[i] >> 4];
		out[2 * i + 1] = digit[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

int64_t digest_key64(struct digest *d, const void *data, size_t len)
{
	uint8_t out[DIGEST_SIZE];
	uint64_t key = 0;

	digest_reset(d);
	digest_add(d, data, len);
	digest_get(d, out);
	for (unsigned i = 0; i < 8; i++)
		key = key << 8 | out[i];
	return (int64_t)key;
}
