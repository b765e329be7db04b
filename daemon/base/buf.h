/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.h - growable bytes with a hard ceiling given at birth.
 *
 * A failure (-E2BIG at the ceiling) is sticky: later appends do nothing and report it again, so a
 * serializer may append freely and ask buf_error() once at the end.  Memory that the machine does not
 * have aborts.  data is NUL-terminated after every successful append (the NUL is not counted). */
#ifndef RD_BASE_BUF_H
#define RD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
	char *data;
	size_t len, cap, max;
	int failed; /* 0 or the sticky negative errno */
};

#define BUF_LIMIT(limit) ((struct buf){ .max = (limit) })

int buf_reserve(struct buf *b, size_t more); /* room for more bytes after len */
int buf_append(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap);
static inline int buf_error(const struct buf *b)
{
	return b->failed;
}

void buf_reset(struct buf *b);  /* empty, failure forgotten, memory kept */
char *buf_steal(struct buf *b); /* the bytes, now the caller's to free(); b is empty */
void buf_done(struct buf *b);   /* frees; b may be used again */

#endif
