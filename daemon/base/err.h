/* SPDX-License-Identifier: Apache-2.0
 *
 * err.h - what went wrong, said once, where the cause is known.
 *
 * Functions that can fail for a reason that a person will read take a `struct err *` as their last
 * parameter.  They fill it once and return the code; callers pass it on and never overwrite it.  The
 * place (file, line, column) is the place in the *input*, counted from 1 as editors count, never in our
 * source.  NULL is allowed everywhere.  Any thread; a struct err belongs to one thread at a time. */
#ifndef RD_BASE_ERR_H
#define RD_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

struct err {
	int code;              /* negative errno; 0: nothing happened */
	unsigned line, column; /* 0: unknown */
	char file[512];        /* "" : none */
	char text[1024];       /* one line, no trailing dot or newline */
};

#define ERR_NONE ((struct err){ 0 })

/* Fill err and return code (a negative errno).  Only the first call on a cleared err takes effect. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_at(struct err *err, int code, const char *file, unsigned line, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
int err_vset(struct err *err, int code, const char *fmt, va_list ap);

/* Sets the place of an error that has none yet. */
void err_place(struct err *err, const char *file, unsigned line, unsigned column);
void err_clear(struct err *err);

/* "FILE:LINE:COL: text", as much of it as is known.  Returns buf. */
const char *err_string(const struct err *err, char *buf, size_t size);

#endif
