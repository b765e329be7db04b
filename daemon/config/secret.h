/* SPDX-License-Identifier: Apache-2.0
 *
 * secret.h - tokens from the environment, a file, a systemd credential, or the configuration itself.
 *
 * The value is kept out of core dumps where the kernel allows (MADV_DONTDUMP), wiped when freed, and never
 * printed: secret_masked() is what a person sees.  secret_reload() reads {file} and {credential} again. */
#ifndef RD_CONFIG_SECRET_H
#define RD_CONFIG_SECRET_H

#include "daemon/base/err.h"

struct secret;
const char *secret_value(const struct secret *s);	/* NULL for a NULL secret */
const char *secret_masked(const struct secret *s);	/* "{env: TESTRAIL_KEY}", "(inline, hidden)" */
int secret_reload(struct secret *s, struct err *err);
void secret_free(struct secret *s);

#endif
