/* SPDX-License-Identifier: Apache-2.0
 *
 * db.h - the few things the queue asks of a SQL database.  SQLite is the first driver (db_sqlite.c).
 *
 * A failure is sticky, as in buf.h: after the first one db_row() is false, db_run() does nothing and
 * db_get() gives its default, until db_clear().  So the callers' code is a straight line, and who began
 * it asks db_failed() once.  Statements are prepared once per SQL literal and kept; the same literal must
 * not be used again while its rows are being read.  Values are borrowed until the rows are read or the
 * statement is ended.  One thread. */
#ifndef RD_QUEUE_DB_H
#define RD_QUEUE_DB_H

#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct db;
struct db_stmt;

struct db_options {
	const char *path;
	size_t cache_bytes; /* page cache; 0: 8 MiB */
	uint32_t max_pages; /* the file grows no further than this (tests of a full disk); 0: no limit */
};

enum db_type { DB_END, DB_NULL, DB_INT, DB_REAL, DB_TEXT, DB_BLOB };
struct db_value {
	enum db_type type;
	int64_t i;
	double d;
	const void *p;
	size_t len;
};
static inline struct db_value db_i(int64_t i)
{
	return (struct db_value){ .type = DB_INT, .i = i };
}
static inline struct db_value db_d(double d)
{
	return (struct db_value){ .type = DB_REAL, .d = d };
}
static inline struct db_value db_n(void)
{
	return (struct db_value){ .type = DB_NULL };
}
static inline struct db_value db_s(const char *s) /* NULL: SQL NULL */
{
	return s == NULL ? db_n() : (struct db_value){ .type = DB_TEXT, .p = s, .len = strlen(s) };
}
static inline struct db_value db_b(const void *p, size_t len)
{
	return p == NULL ? db_n() : (struct db_value){ .type = DB_BLOB, .p = p, .len = len };
}
/* DB(db_i(1), db_s("x")): the values of ?1, ?2, ... */
#define DB(...)    ((const struct db_value[]){ __VA_ARGS__, { .type = DB_END } })
#define DB_NOTHING ((const struct db_value *)NULL)

/* Error codes, as everywhere negative errno: -ENOSPC full disk, -EIO, -EUCLEAN damaged (or no database at
 * all), -EBUSY held by another process, -EEXIST a constraint, -EINVAL a mistake of ours. */
int db_open(const struct db_options *options, struct db **out, struct err *err);
void db_close(struct db *db); /* the log is written back into the file before */

struct db_stmt *db_query(struct db *db, const char *sql, const struct db_value *value);
bool db_row(struct db_stmt *s); /* false: no further row, or failed; the statement has ended */
void db_end(struct db_stmt *s); /* leaves the rows early; more than once does no harm */
void db_run(struct db *db, const char *sql, const struct db_value *value);
int64_t db_get(struct db *db, const char *sql, const struct db_value *value, int64_t otherwise);
void db_script(struct db *db, const char *sql); /* several statements, not kept */

int64_t db_int(struct db_stmt *s, int column);
int64_t db_int_or(struct db_stmt *s, int column, int64_t null);
double db_real(struct db_stmt *s, int column);
/* Until the next db_row(); NULL where SQL NULL. */
const char *db_text(struct db_stmt *s, int column);
const void *db_blob(struct db_stmt *s, int column, size_t *len);
bool db_null(struct db_stmt *s, int column);

int64_t db_changes(struct db *db); /* rows that the last db_run() changed */
int64_t db_last_id(struct db *db);

int db_failed(const struct db *db, struct err *err); /* 0 or the code, with err filled */
void db_clear(struct db *db);
/* The disk or the file cannot be trusted any more: nothing may be sent (faults.md, rule F3). */
bool db_broken(const struct db *db);

void db_begin(struct db *db);
int db_commit(struct db *db); /* on failure everything is rolled back */
void db_rollback(struct db *db);
bool db_in_transaction(struct db *db); /* false also where the driver rolled back by itself */
void db_savepoint(struct db *db);
void db_release(struct db *db);
void db_rollback_to(struct db *db);

int64_t db_bytes(struct db *db); /* of the file and its log */
bool db_log_empty(struct db *db);
void db_checkpoint(struct db *db); /* outside of a transaction; failing is no harm */
/* NULL: sound; else the first complaint, to be freed.  table NULL: the whole file. */
char *db_check(struct db *db, const char *table);

#endif
