/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - lines to standard error that never block.
 *
 * Standard error may be shared with the shell that started us, so it is not switched to O_NONBLOCK: poll()
 * says whether it takes a line now, and lines of at most PIPE_BUF bytes are then taken whole. */
#include "daemon/base/log.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/json.h"

#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int threshold = LOG_LEVEL_INFO;
static atomic_int shape = LOG_FORMAT_TEXT;
static atomic_ullong dropped, dropped_said;

static const char *const level_name[] = { "debug", "info", "warning", "error" };
static const char *const level_prefix[] = { "<7>", "<6>", "<4>", "<3>" };

void log_setup(enum log_level level, enum log_format format)
{
	if (format == LOG_FORMAT_AUTO)
		format = getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO) ? LOG_FORMAT_JOURNAL
										    : LOG_FORMAT_TEXT;
	atomic_store(&threshold, (int)level);
	atomic_store(&shape, (int)format);
}

bool log_parse_level(const char *name, enum log_level *out)
{
	for (int i = 0; i < 4; i++) {
		if (strcmp(name, level_name[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

static void clean(char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

static void who(const struct log_ctx *ctx, struct buf *b)
{
	if (ctx == NULL || ctx->who == NULL)
		return;
	buf_puts(b, ctx->who);
	if (ctx->run != 0)
		buf_printf(b, " run=%lld", (long long)ctx->run);
	if (ctx->delivery != 0)
		buf_printf(b, " delivery=%lld", (long long)ctx->delivery);
	buf_puts(b, ": ");
}

static void put(const struct buf *b)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0 &&
	    write(STDERR_FILENO, b->data, b->len) == (ssize_t)b->len)
		return;
	atomic_fetch_add(&dropped, 1);
}

static void line(const struct log_ctx *ctx, enum log_level level, const char *text)
{
	struct buf b = BUF_LIMIT(PIPE_BUF);
	char stamp[CLOCK_ISO_SIZE];

	switch ((enum log_format)atomic_load(&shape)) {
	case LOG_FORMAT_JOURNAL:
		buf_puts(&b, level_prefix[level]);
		who(ctx, &b);
		buf_puts(&b, text);
		break;
	case LOG_FORMAT_JSON:
		buf_putc(&b, '{');
		json_field(&b, "time", clock_iso(clock_wall_ms(), stamp));
		json_field(&b, "level", level_name[level]);
		if (ctx != NULL)
			json_field(&b, "who", ctx->who);
		if (ctx != NULL && ctx->run != 0)
			json_field_int(&b, "run", ctx->run);
		if (ctx != NULL && ctx->delivery != 0)
			json_field_int(&b, "delivery", ctx->delivery);
		json_field(&b, "text", text);
		buf_putc(&b, '}');
		break;
	case LOG_FORMAT_AUTO:
	case LOG_FORMAT_TEXT:
		buf_printf(&b, "%.19sZ ", clock_iso(clock_wall_ms(), stamp));
		if (level != LOG_LEVEL_INFO)
			buf_printf(&b, "%s: ", level_name[level]);
		who(ctx, &b);
		buf_puts(&b, text);
		break;
	}
	if (buf_error(&b) == 0 && b.len < PIPE_BUF && buf_putc(&b, '\n') == 0)
		put(&b);
	else
		atomic_fetch_add(&dropped, 1);
	buf_done(&b);
}

void log_write(const struct log_ctx *ctx, enum log_level level, const char *fmt, ...)
{
	char text[PIPE_BUF / 4];
	va_list ap;

	if (!log_wants(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean(text);
	unsigned long long lost = atomic_load(&dropped), said = atomic_load(&dropped_said);
	if (lost > said && atomic_compare_exchange_strong(&dropped_said, &said, lost)) {
		char note[96];
		snprintf(note, sizeof(note),
			 "%llu log lines were dropped, since standard error did not take them", lost - said);
		line(NULL, LOG_LEVEL_WARNING, note);
	}
	line(ctx, level, text);
}

uint64_t log_dropped(void)
{
	return atomic_load(&dropped);
}
