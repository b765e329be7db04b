/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - one line an event, to standard error.
 *
 * Who first, then what.  error: a person must act; warning: we retry or skip, and say which; info: one
 * line per run and sink; debug: every step.  Foreign strings are quoted by the caller and cleaned here
 * (control characters never reach the terminal or the journal).  Tokens, bodies and headers are never
 * logged.  Writing never blocks: what standard error does not take at once is dropped and counted, and
 * the count is said with the next line that gets through (faults.md, row 67).  Warnings and errors of somebody (ctx)
 * that say the same again and again are said a few times a minute; the rest is counted, and told when the minute is
 * over.  Any thread. */
#ifndef RD_BASE_LOG_H
#define RD_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_NONE };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL, LOG_FORMAT_JSON };

struct log_ctx {
	const char *who;       /* "testrail/rail", "intake"; borrowed */
	int64_t run, delivery; /* 0: none */
};

void log_setup(enum log_level level, enum log_format format);
bool log_parse_level(const char *name, enum log_level *out);
bool log_wants(enum log_level level);

void log_write(const struct log_ctx *ctx, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(ctx, ...)                                           \
	do {                                                          \
		if (log_wants(LOG_LEVEL_DEBUG))                       \
			log_write(ctx, LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)
#define log_info(ctx, ...)    log_write(ctx, LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(ctx, ...) log_write(ctx, LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(ctx, ...)   log_write(ctx, LOG_LEVEL_ERROR, __VA_ARGS__)

/* Lines that standard error did not take so far. */
uint64_t log_dropped(void);
/* Lines that were counted instead of said, since the same was said before.  (repeat.h) */
uint64_t log_swallowed(void);
/* Says what was swallowed and not yet told: before the end. */
void log_flush(void);

#endif
