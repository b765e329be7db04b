/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.c - kept sorted while it grows: tables are walked row by row, but people read from the top. */
#include "daemon/config/faults.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool comes_before(const struct err *a, const struct err *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

void config_fault_take(struct config_faults *f, const struct err *err)
{
	size_t at = f->count;

	while (at > 0 && comes_before(err, &f->item[at - 1]))
		at--;
	if (at >= FAULTS_MAX)
		return;
	if (f->item == NULL)
		f->item = xcalloc(FAULTS_MAX, sizeof(*f->item));
	if (f->count == FAULTS_MAX)
		f->count--;
	memmove(&f->item[at + 1], &f->item[at], (f->count - at) * sizeof(*f->item));
	f->item[at] = *err;
	f->count++;
}

void config_fault(struct config_faults *f, const char *file, unsigned line, unsigned column, const char *fmt,
		  ...)
{
	struct err err = ERR_NONE;
	va_list ap;

	va_start(ap, fmt);
	err_vset(&err, -EINVAL, fmt, ap);
	va_end(ap);
	err_place(&err, file, line, column);
	config_fault_take(f, &err);
}

void config_faults_done(struct config_faults *f)
{
	free(f->item);
	*f = (struct config_faults){ 0 };
}
