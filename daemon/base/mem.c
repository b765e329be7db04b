/* SPDX-License-Identifier: Apache-2.0
 *
 * mem.c - allocation that succeeds or aborts. */
#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (p == NULL) {
		static const char text[] = "resultd: out of memory\n";
		(void)fputs(text, stderr);
		abort();
	}
	return p;
}

void *xcalloc(size_t count, size_t size)
{
	return must(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xrealloc(void *p, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size)
		return must(NULL);
	size_t bytes = count * size;
	return must(realloc(p, bytes > 0 ? bytes : 1));
}

char *xstrdup(const char *s)
{
	return s == NULL ? NULL : must(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	char *copy = xcalloc(len + 1, 1);

	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return must(n < 0 ? NULL : s);
}
