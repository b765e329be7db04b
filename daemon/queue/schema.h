/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - the tables, and the way from any older form of them to this one. */
#ifndef RD_QUEUE_SCHEMA_H
#define RD_QUEUE_SCHEMA_H

#include "daemon/base/err.h"

#include <stdbool.h>

struct db;

/* Brings the database to the newest schema, one transaction a step, so that a crash leaves one version
 * or the other.  -ENOTSUP where the file is newer than this program. */
int schema_apply(struct db *db, bool *fresh, struct err *err);
int schema_version(void); /* of this program */

#endif
