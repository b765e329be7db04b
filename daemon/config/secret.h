/* SPDX-License-Identifier: Apache-2.0
 *
 * secret.h - tokens from the environment, a file, a systemd credential, or the configuration itself.
 *
 * The value is kept out of core dumps where the kernel allows (MADV_DONTDUMP), wiped when freed, and never
 * printed: secret_masked() is what a person sees.  secret_reload() reads {file} and {credential} again. */
#ifndef RD_CONFIG_SECRET_H
#define RD_CONFIG_SECRET_H

#include "daemon/base/err.h"

#include <stdbool.h>

enum secret_source { SECRET_INLINE, SECRET_ENV, SECRET_FILE, SECRET_CREDENTIAL };

struct secret;
/* text: the value itself, or the name or path it is found by.  Where resolve is false only inline values
 * are known; the others read as "".  A missing or empty source is an error that names the source, and a
 * value that no HTTP header can carry (a line break within) too. */
int secret_new(enum secret_source source, const char *text, bool resolve, struct secret **out,
	       struct err *err);
const char *secret_value(const struct secret *s);  /* NULL for a NULL secret */
const char *secret_masked(const struct secret *s); /* "{env: TESTRAIL_KEY}", "(inline, hidden)" */
/* A value that changed stands elsewhere afterwards: what secret_value() gave before is dead.  On failure,
 * and where nothing changed, everything stays as it was. */
int secret_reload(struct secret *s, struct err *err);
void secret_free(struct secret *s);

#endif
