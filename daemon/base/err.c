/* SPDX-License-Identifier: Apache-2.0
 *
 * err.c - filling and printing struct err.  Text is kept to one line, whatever it was made from. */
#include "daemon/base/err.h"

#include <stdio.h>
#include <string.h>

static void one_line(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == '\r' || s[n - 1] == ' '))
		s[--n] = '\0';
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
	}
}

int err_vset(struct err *err, int code, const char *fmt, va_list ap)
{
	if (err == NULL || err->code != 0)
		return code;
	err->code = code;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	one_line(err->text);
	return code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_at(struct err *err, int code, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL || err->code != 0)
		return code;
	va_start(ap, fmt);
	err_vset(err, code, fmt, ap);
	va_end(ap);
	err_place(err, file, line, column);
	return code;
}

void err_place(struct err *err, const char *file, unsigned line, unsigned column)
{
	if (err == NULL || err->code == 0)
		return;
	if (err->file[0] == '\0' && file != NULL) {
		snprintf(err->file, sizeof(err->file), "%s", file);
		one_line(err->file);
	}
	if (err->line == 0) {
		err->line = line;
		err->column = column;
	}
}

void err_clear(struct err *err)
{
	if (err == NULL)
		return;
	err->code = 0;
	err->line = err->column = 0;
	err->file[0] = err->text[0] = '\0';
}

const char *err_string(const struct err *err, char *buf, size_t size)
{
	if (err->file[0] == '\0')
		snprintf(buf, size, "%s", err->text);
	else if (err->line == 0)
		snprintf(buf, size, "%s: %s", err->file, err->text);
	else
		snprintf(buf, size, "%s:%u:%u: %s", err->file, err->line, err->column, err->text);
	return buf;
}
