/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.h - SHA-256 (libcrypto), and the short hashes cut from it.
 *
 * A struct digest is one running hash; it is opaque and may be reset and used again.  Any thread, one
 * at a time per struct. */
#ifndef RD_BASE_DIGEST_H
#define RD_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE     32
#define DIGEST_HEX_SIZE 65

struct digest;
struct digest *digest_new(void);
void digest_reset(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
/* Adds the length and then the bytes, so that ("ab","c") and ("a","bc") differ. */
void digest_add_field(struct digest *d, const char *s, size_t len);
void digest_get(struct digest *d, uint8_t out[DIGEST_SIZE]); /* ends this hash; reset before reuse */
void digest_free(struct digest *d);

void digest_hex(const uint8_t *bytes, size_t len, char *out); /* 2 * len + 1 characters */

/* First 8 bytes of SHA-256 as a signed integer, as the queue's index stores it. */
int64_t digest_key64(struct digest *d, const void *data, size_t len);

#endif
