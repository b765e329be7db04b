/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/data.h - data: URLs (RFC 2397): evidence that stands in the report itself.  Pure, any thread. */
#ifndef RD_EVIDENCE_DATA_H
#define RD_EVIDENCE_DATA_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#define DATA_TYPE_MAX 128
struct evidence_data {
	char type[DATA_TYPE_MAX]; /* MIME, lower case, without parameters; "" where it says none */
	char name[256];           /* of a ";name=" or ";filename=", as some tools write it; "" */
};
/* Appends the content to out, whose ceiling is the size limit (-E2BIG).  White space in base64 is layout, its
 * padding may be missing, and both alphabets are taken.  -EINVAL: it is no such thing. */
int evidence_data_decode(const char *url, struct buf *out, struct evidence_data *what, struct err *err);

#endif
