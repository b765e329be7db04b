/* SPDX-License-Identifier: Apache-2.0
 *
 * reading.h - for tests: a document through a parser, and what came out of it, as lines of JSON.
 *
 * Does what report.c does with a parser (the second pass through the repairing filter too), but from memory
 * and in pieces of any size.  Included by each test of this folder; static, so that each links its layer only. */
#ifndef RD_TESTS_READING_H
#define RD_TESTS_READING_H

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/model/result_json.h"
#include "parsers/parser.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 2026-11-21T12:00:00Z: stamps of the tests lie before it. */
#define NOW INT64_C(1795262400000)

struct reading {
	struct buf lines;      /* one JSON object a result */
	struct buf spilled;    /* "[kind:bytes]" for each long text */
	struct buf properties; /* "key=value;" of suites */
	struct buf files;      /* "path;" of suites */
	enum parser_outcome outcome;
	struct parser_stats stats;
	struct err err;
	struct buf warnings; /* "line:column: text (n x)\n" */
	uint64_t repaired;
	bool restarted;
	int refuse_after; /* results after which the callback returns an error; 0: never */
	int given;
	enum text_kind kind;
	size_t text_len;
};

static int reading_result(void *cookie, const struct result *r)
{
	struct reading *x = cookie;

	if (x->refuse_after > 0 && ++x->given > x->refuse_after)
		return -ECANCELED;
	return result_json_write(&x->lines, r);
}

static int reading_begin(void *cookie, enum text_kind kind)
{
	struct reading *x = cookie;

	x->kind = kind;
	x->text_len = 0;
	return 0;
}

static int reading_chunk(void *cookie, const char *data, size_t len)
{
	struct reading *x = cookie;

	assert_non_null(data);
	x->text_len += len;
	return 0;
}

static int reading_end(void *cookie)
{
	struct reading *x = cookie;
	static const char *const names[] = { "message", "detail", "out", "err" };

	buf_printf(&x->spilled, "[%s:%zu]", names[x->kind], x->text_len);
	return 0;
}

static void reading_property(void *cookie, const char *key, const char *value)
{
	struct reading *x = cookie;

	buf_printf(&x->properties, "%s=%s;", key, value);
}

static void reading_evidence(void *cookie, const char *path)
{
	struct reading *x = cookie;

	buf_printf(&x->files, "%s;", path);
}

static void reading_pass(struct reading *x, const struct parser_options *options, const char *data,
			 size_t len, size_t piece, bool repair)
{
	static const struct parser_events events = { .result = reading_result,
						     .text_begin = reading_begin,
						     .text_chunk = reading_chunk,
						     .text_end = reading_end,
						     .property = reading_property,
						     .evidence = reading_evidence };
	struct parser *p = NULL;
	const char *encoding;

	err_clear(&x->err);
	assert_int_equal(parser_new(options, &events, x, repair, &p, &x->err), 0);
	if (piece == 0 || piece > PARSER_ROOM)
		piece = PARSER_ROOM;
	do {
		size_t n = len < piece ? len : piece;
		memcpy(parser_room(p, n > 0 ? n : 1), data, n);
		data += n;
		len -= n;
		x->outcome = parser_commit(p, n, len == 0, &x->err);
	} while (x->outcome == PARSER_GOOD && len > 0);
	x->stats = *parser_stats(p);
	for (size_t i = 0; parser_warning(p, i) != NULL; i++) {
		const struct parser_warning *w = parser_warning(p, i);
		buf_printf(&x->warnings, "%u:%u: %s (%llu x)\n", w->line, w->column, w->text,
			   (unsigned long long)w->count);
	}
	x->repaired = parser_repaired(p, &encoding);
	parser_free(p);
}

static void reading_done(struct reading *x)
{
	buf_done(&x->lines);
	buf_done(&x->spilled);
	buf_done(&x->properties);
	buf_done(&x->files);
	buf_done(&x->warnings);
}

/* piece: bytes given at once, 0: as many as there are. */
static struct reading read_bytes(const struct parser_options *options, const char *data, size_t len,
				 size_t piece, int refuse_after)
{
	struct reading x = { .lines = BUF_LIMIT(1 << 28),
			     .spilled = BUF_LIMIT(1 << 20),
			     .properties = BUF_LIMIT(1 << 20),
			     .files = BUF_LIMIT(1 << 20),
			     .warnings = BUF_LIMIT(1 << 20),
			     .refuse_after = refuse_after };
	struct parser_options plain = { .now_ms = NOW, .redacted = parser_redacted_default };

	if (options != NULL)
		plain = *options;
	for (bool repair = false;;) {
		buf_reset(&x.lines);
		buf_reset(&x.spilled);
		buf_reset(&x.properties);
		buf_reset(&x.files);
		buf_reset(&x.warnings);
		buf_puts(&x.lines, "");
		buf_puts(&x.spilled, "");
		buf_puts(&x.properties, "");
		buf_puts(&x.files, "");
		buf_puts(&x.warnings, "");
		reading_pass(&x, &plain, data, len, piece, repair);
		if (x.outcome == PARSER_REPAIR)
			repair = true;
		else if (x.outcome == PARSER_COMMAS)
			plain.decimal_commas = true;
		else
			break;
		x.restarted = true;
		x.given = 0;
	}
	return x;
}

static inline struct reading read_text(const char *text)
{
	return read_bytes(NULL, text, strlen(text), 0, 0);
}

/* The index-th result, without its end of line; the caller frees. */
static inline char *reading_line(const struct reading *x, size_t index)
{
	const char *s = x->lines.data;

	for (; index > 0 && s != NULL; index--) {
		s = strchr(s, '\n');
		s = s != NULL ? s + 1 : NULL;
	}
	if (s == NULL || *s == '\0')
		fail_msg("there is no such result; all there is:\n%s", x->lines.data);
	const char *end = strchr(s, '\n');
	return strndup(s, end != NULL ? (size_t)(end - s) : strlen(s));
}

/* A row says what the lines of all results must hold: words that begin with '!' must not be there.  Warnings
 * stand behind them, and where the report is not read to its end the outcome as a word of outcome_word[] with its
 * place and reason ("=early 3:7: ..."). */
#define WANT_MAX 10
struct dialect_row {
	const char *name; /* of the producer or the rule */
	const char *xml;
	const char *want[WANT_MAX];
};
#define BYTES(literal) literal, sizeof(literal) - 1

static const char *const outcome_word[] = {
	[PARSER_GOOD] = "=good",     [PARSER_REPAIR] = "=repair",   [PARSER_COMMAS] = "=commas",
	[PARSER_BROKEN] = "=broken", [PARSER_EARLY] = "=early",     [PARSER_FOREIGN] = "=foreign",
	[PARSER_EMPTY] = "=empty",   [PARSER_STOPPED] = "=stopped",
};

static inline void expect_words(const char *name, const char *text, const char *const *want)
{
	for (size_t i = 0; i < WANT_MAX && want[i] != NULL; i++) {
		bool absent = want[i][0] == '!';
		const char *word = want[i] + absent;
		if ((strstr(text, word) != NULL) == absent)
			fail_msg("%s: %s%s in\n%s", name, word, absent ? " must not be" : " is not", text);
	}
}

static inline void row_lines(struct reading *x)
{
	buf_append(&x->lines, x->warnings.data, x->warnings.len);
	if (x->outcome != PARSER_GOOD)
		buf_printf(&x->lines, "%s %u:%u: %s\n", outcome_word[x->outcome], x->err.line, x->err.column,
			   x->err.text);
}

/* The row is read whole and byte by byte; both must say the same. */
static inline void expect_row(const struct dialect_row *row)
{
	size_t len = strlen(row->xml);
	struct reading x = read_bytes(NULL, row->xml, len, 0, 0);
	struct reading y = read_bytes(NULL, row->xml, len, 1, 0);
	bool wants_end = false;

	for (size_t i = 0; i < WANT_MAX && row->want[i] != NULL; i++)
		wants_end = wants_end || row->want[i][0] == '=';
	if (x.outcome != PARSER_GOOD && !wants_end)
		fail_msg("%s: not read: %u:%u: %s", row->name, x.err.line, x.err.column, x.err.text);
	row_lines(&x);
	row_lines(&y);
	expect_words(row->name, x.lines.data, row->want);
	if (strcmp(x.lines.data, y.lines.data) != 0)
		fail_msg("%s: byte by byte it is another report:\n%s\n%s", row->name, x.lines.data,
			 y.lines.data);
	reading_done(&x);
	reading_done(&y);
}

static inline void expect_rows(const struct dialect_row *row, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_row(&row[i]);
}

/* Tables in which each row is a test of its own, by its name. */
struct row_table {
	const struct dialect_row *row;
	size_t count;
};
#define ROWS(table)                                       \
	{                                                 \
		table, sizeof(table) / sizeof((table)[0]) \
	}

static inline void row_test(void **state)
{
	expect_row(*state);
}

static inline int run_rows(const char *group, const struct row_table *table, size_t tables)
{
	struct CMUnitTest *tests = NULL;
	size_t count = 0;

	for (size_t t = 0; t < tables; t++) {
		tests = realloc(tests, (count + table[t].count) * sizeof(*tests));
		assert_non_null(tests);
		for (size_t i = 0; i < table[t].count; i++)
			tests[count++] = (struct CMUnitTest){ .name = table[t].row[i].name,
							      .test_func = row_test,
							      .initial_state = (void *)&table[t].row[i] };
	}
	int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
	free(tests);
	return failed;
}

#endif
