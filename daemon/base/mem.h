/* SPDX-License-Identifier: Apache-2.0
 *
 * mem.h - allocation of small fixed things: succeeds or aborts (the queue is on disk, systemd restarts
 * us).  Whatever input can make large has a named ceiling instead (buf.h, arena.h). */
#ifndef RD_BASE_MEM_H
#define RD_BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t count, size_t size); /* -> count * size bytes; overflow aborts */
char *xstrdup(const char *s);                       /* NULL gives NULL */
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
