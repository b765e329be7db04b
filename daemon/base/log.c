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
#include "daemon/base/repeat.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int threshold = LOG_LEVEL_INFO;
static atomic_int shape = LOG_FORMAT_TEXT;
static atomic_ullong dropped, dropped_said;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of repeats */
static struct repeats repeats;

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

static void tell(void *cookie, const struct repeat_line *l, int64_t for_ms)
{
	const struct log_ctx ctx = { .who = l->who[0] != '\0' ? l->who : NULL,
				     .run = l->run,
				     .delivery = l->delivery };
	char text[REPEAT_TEXT + 96];

	(void)cookie;
	snprintf(text, sizeof(text), "%s (this again, %llu times in %lld s)", l->text,
		 (unsigned long long)l->swallowed, (long long)(for_ms + 999) / 1000);
	line(&ctx, l->level, text);
}

/* Information comes once an event; warnings and errors come as often as what causes them.  What has no ctx answers
 * somebody who asked (a reload, a start), each time. */
static bool wanted_now(const struct log_ctx *ctx, enum log_level level, const char *text)
{
	bool wanted = true;

	pthread_mutex_lock(&lock);
	if (level >= LOG_LEVEL_WARNING && ctx != NULL)
		wanted = repeat_wants(&repeats, clock_mono_ms(), level, ctx, text, tell, NULL);
	else
		repeat_tell(&repeats, clock_mono_ms(), false, tell, NULL);
	pthread_mutex_unlock(&lock);
	return wanted;
}

void log_flush(void)
{
	pthread_mutex_lock(&lock);
	repeat_tell(&repeats, clock_mono_ms(), true, tell, NULL);
	pthread_mutex_unlock(&lock);
}

uint64_t log_swallowed(void)
{
	pthread_mutex_lock(&lock);
	uint64_t n = repeats.swallowed;
	pthread_mutex_unlock(&lock);
	return n;
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
	if (wanted_now(ctx, level, text))
		line(ctx, level, text);
}

uint64_t log_dropped(void)
{
	return atomic_load(&dropped);
}
