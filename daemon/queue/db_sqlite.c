/* SPDX-License-Identifier: Apache-2.0
 *
 * db_sqlite.c - SQLite behind db.h: one connection, EXCLUSIVE, WAL, synchronous=FULL (rule F1).
 *
 * With one exclusive connection there is no -shm file, no other process, and SQLite's WAL-reset bug,
 * which needs two connections, cannot happen.  Any SQLITE_IOERR makes the connection `broken` for good:
 * after a failed fsync the next commit would return OK although the pages are gone (rule F3). */
#include "daemon/queue/db.h"

#include "daemon/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	PAGE_SIZE = 4096,
	CACHE_BYTES = 8 << 20,
	LOG_PAGES = 4096,     /* of the log before it is written back: 16 MiB */
	LOG_BYTES = 32 << 20, /* what a longer log is cut to afterwards */
	SLOTS = 512,          /* of the table of statements; a power of two */
};

struct db_stmt {
	struct db *db;
	const char *sql; /* the literal: its address is the key */
	sqlite3_stmt *stmt;
	bool active;
};

struct db {
	sqlite3 *sqlite;
	char *path, *log_path;
	struct db_stmt *slot[SLOTS];
	unsigned statements;
	struct db_stmt nothing; /* what a failed db_query() returns */
	int failed;
	bool broken;
	struct err err;
};

static int translate(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_IOERR:
	case SQLITE_PROTOCOL:
		return -EIO;
	}
	return -EINVAL;
}

static int fail(struct db *db, int rc)
{
	int code = translate(rc);

	/* Memory that is short in the middle of a commit leaves as little certainty as a bad disk. */
	if (code == -EIO || code == -EUCLEAN || code == -ENOMEM)
		db->broken = true;
	if (db->failed == 0) {
		db->failed = code;
		if (code == -ENOSPC)
			err_set(&db->err, code, "the disk is full: %s", db->path);
		else
			err_set(&db->err, code, "%s: %s (SQLite %d)", db->path, sqlite3_errmsg(db->sqlite),
				sqlite3_extended_errcode(db->sqlite));
	}
	return db->failed;
}

/* A setting whose answer is a word; another answer means that it did not take. */
static int set(struct db *db, const char *pragma, const char *answer)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->sqlite, pragma, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return fail(db, rc);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && answer != NULL) {
		const char *got = (const char *)sqlite3_column_text(stmt, 0);
		if (got == NULL || strcmp(got, answer) != 0) {
			db->failed = -EINVAL;
			err_set(&db->err, -EINVAL, "%s: \"%s\" was answered with \"%s\"", db->path, pragma,
				got == NULL ? "" : got);
		}
	} else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		fail(db, rc);
	} else if (rc == SQLITE_DONE && answer != NULL) {
		db->failed = -EINVAL;
		err_set(&db->err, -EINVAL, "%s: \"%s\" was not answered", db->path, pragma);
	}
	sqlite3_finalize(stmt);
	return db->failed;
}

static int set_number(struct db *db, const char *name, int64_t value, bool answered)
{
	char *pragma = xasprintf("PRAGMA %s=%lld", name, (long long)value);
	char *answer = answered ? xasprintf("%lld", (long long)value) : NULL;

	set(db, pragma, answer);
	free(answer);
	free(pragma);
	return db->failed;
}

/* Sorting and statement journals go to files beside the database: memory stays what it is, and /tmp may
 * be memory too. */
static void temporary_beside(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return;
	/* One database a process at a time, so nobody reads the old one now. */
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = sqlite3_mprintf("%.*s", (int)(slash - path), path);
}

static int settle_in(struct db *db, const struct db_options *o)
{
	int64_t cache = (int64_t)(o->cache_bytes == 0 ? CACHE_BYTES : o->cache_bytes);

	set_number(db, "page_size", PAGE_SIZE, false);
	/* First: whatever reads the file in another mode would need shared memory beside it. */
	set(db, "PRAGMA locking_mode=EXCLUSIVE", "exclusive");
	/* Only a file that begins now takes it; an older one keeps its free pages for what comes. */
	set(db, "PRAGMA auto_vacuum=INCREMENTAL", NULL);
	if (set(db, "PRAGMA journal_mode=WAL", "wal") < 0)
		return db->failed;
	set(db, "PRAGMA synchronous=FULL", NULL);
	set(db, "PRAGMA synchronous", "2");
	set(db, "PRAGMA mmap_size=0", NULL);
	set(db, "PRAGMA foreign_keys=ON", NULL);
	set(db, "PRAGMA foreign_keys", "1");
	set(db, "PRAGMA temp_store=FILE", NULL);
	set(db, "PRAGMA trusted_schema=OFF", NULL);
	set(db, "PRAGMA cell_size_check=ON", NULL);
	set_number(db, "cache_size", -(cache / 1024), false);
	set_number(db, "journal_size_limit", LOG_BYTES, true);
	set_number(db, "wal_autocheckpoint", LOG_PAGES, true);
	if (o->max_pages > 0)
		set_number(db, "max_page_count", o->max_pages, false);
	/* Takes the lock now and not at the first write: a second process learns it at once. */
	db_script(db, "BEGIN IMMEDIATE; COMMIT");
	return db->failed;
}

int db_open(const struct db_options *options, struct db **out, struct err *err)
{
	struct db *db = xcalloc(1, sizeof(*db));
	int rc;

	temporary_beside(options->path);
	db->path = xstrdup(options->path);
	db->log_path = xasprintf("%s-wal", options->path);
	db->nothing.db = db;
	rc = sqlite3_open_v2(options->path, &db->sqlite,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc != SQLITE_OK)
		fail(db, rc);
	else
		settle_in(db, options);
	if (db->failed < 0) {
		rc = db->failed;
		if (rc == -EBUSY)
			err_set(err, rc, "%s is held by another process", db->path);
		else
			err_set(err, rc, "%s", db->err.text);
		db_close(db);
		return rc;
	}
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		if (db->slot[i] != NULL)
			sqlite3_finalize(db->slot[i]->stmt);
		free(db->slot[i]);
	}
	if (db->sqlite != NULL && !db->broken)
		sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	/* A broken one is closed without its last checkpoint: what the log holds is read at the start. */
	if (db->sqlite != NULL && db->broken)
		sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(db->sqlite);
	free(db->log_path);
	free(db->path);
	free(db);
}

static struct db_stmt *find(struct db *db, const char *sql)
{
	size_t at = ((uintptr_t)sql >> 3) * 2654435761u % SLOTS;

	while (db->slot[at] != NULL && db->slot[at]->sql != sql)
		at = (at + 1) % SLOTS;
	if (db->slot[at] != NULL)
		return db->slot[at];
	assert(db->statements < SLOTS / 2);
	struct db_stmt *s = xcalloc(1, sizeof(*s));
	int rc = sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);
	if (rc != SQLITE_OK) {
		fail(db, rc);
		free(s);
		return NULL;
	}
	s->db = db;
	s->sql = sql;
	db->slot[at] = s;
	db->statements++;
	return s;
}

static int bind(sqlite3_stmt *stmt, int at, const struct db_value *v)
{
	switch (v->type) {
	case DB_END:
	case DB_NULL:
		return sqlite3_bind_null(stmt, at);
	case DB_INT:
		return sqlite3_bind_int64(stmt, at, v->i);
	case DB_REAL:
		return sqlite3_bind_double(stmt, at, v->d);
	case DB_TEXT:
		return sqlite3_bind_text64(stmt, at, v->p, v->len, SQLITE_STATIC, SQLITE_UTF8);
	case DB_BLOB:
		/* An empty blob at a non-NULL address stays a blob. */
		return sqlite3_bind_blob64(stmt, at, v->p, v->len, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

struct db_stmt *db_query(struct db *db, const char *sql, const struct db_value *value)
{
	if (db->failed < 0)
		return &db->nothing;
	struct db_stmt *s = find(db, sql);
	if (s == NULL)
		return &db->nothing;
	assert(!s->active);
	for (int i = 0; value != NULL && value[i].type != DB_END; i++) {
		int rc = bind(s->stmt, i + 1, &value[i]);
		if (rc != SQLITE_OK) {
			fail(db, rc);
			return &db->nothing;
		}
	}
	s->active = true;
	return s;
}

void db_end(struct db_stmt *s)
{
	if (s->stmt == NULL || !s->active)
		return;
	s->active = false;
	sqlite3_reset(s->stmt);
}

bool db_row(struct db_stmt *s)
{
	if (s->stmt == NULL || !s->active)
		return false;
	if (s->db->failed < 0) {
		db_end(s);
		return false;
	}
	int rc = sqlite3_step(s->stmt);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		fail(s->db, rc);
	db_end(s);
	return false;
}

void db_run(struct db *db, const char *sql, const struct db_value *value)
{
	struct db_stmt *s = db_query(db, sql, value);

	while (db_row(s))
		;
}

int64_t db_get(struct db *db, const char *sql, const struct db_value *value, int64_t otherwise)
{
	struct db_stmt *s = db_query(db, sql, value);
	int64_t got = db_row(s) ? db_int_or(s, 0, otherwise) : otherwise;

	db_end(s);
	return got;
}

void db_script(struct db *db, const char *sql)
{
	while (db->failed == 0 && *sql != '\0') {
		sqlite3_stmt *stmt = NULL;
		int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, &sql);
		if (rc != SQLITE_OK) {
			fail(db, rc);
			return;
		}
		if (stmt == NULL)
			continue; /* blanks or a comment */
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
			;
		if (rc != SQLITE_DONE)
			fail(db, rc);
		sqlite3_finalize(stmt);
	}
}

int64_t db_int(struct db_stmt *s, int column)
{
	return sqlite3_column_int64(s->stmt, column);
}

int64_t db_int_or(struct db_stmt *s, int column, int64_t null)
{
	return db_null(s, column) ? null : db_int(s, column);
}

double db_real(struct db_stmt *s, int column)
{
	return sqlite3_column_double(s->stmt, column);
}

const char *db_text(struct db_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s->stmt, column);
}

const void *db_blob(struct db_stmt *s, int column, size_t *len)
{
	const void *p = sqlite3_column_blob(s->stmt, column);

	*len = p == NULL ? 0 : (size_t)sqlite3_column_bytes(s->stmt, column);
	return p;
}

bool db_null(struct db_stmt *s, int column)
{
	return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}

int64_t db_changes(struct db *db)
{
	return db->failed < 0 ? 0 : sqlite3_changes64(db->sqlite);
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->sqlite);
}

int db_failed(const struct db *db, struct err *err)
{
	if (db->failed < 0)
		err_set(err, db->failed, "%s", db->err.text);
	return db->failed;
}

void db_clear(struct db *db)
{
	db->failed = 0;
	err_clear(&db->err);
}

bool db_broken(const struct db *db)
{
	return db->broken;
}

void db_begin(struct db *db)
{
	db_run(db, "BEGIN IMMEDIATE", DB_NOTHING);
}

/* Whatever is still being read belongs to a failed caller: it would keep the log from being written back. */
static void end_all(struct db *db)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (db->slot[i] != NULL)
			db_end(db->slot[i]);
}

int db_commit(struct db *db)
{
	end_all(db);
	db_run(db, "COMMIT", DB_NOTHING);
	int rc = db->failed;
	if (rc < 0)
		db_rollback(db);
	return rc;
}

void db_rollback(struct db *db)
{
	end_all(db);
	if (!sqlite3_get_autocommit(db->sqlite)) {
		int rc = sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
		if (rc != SQLITE_OK && !sqlite3_get_autocommit(db->sqlite)) {
			fail(db, rc);
			db->broken = true;
		}
	}
}

bool db_in_transaction(struct db *db)
{
	return !sqlite3_get_autocommit(db->sqlite);
}

void db_savepoint(struct db *db)
{
	db_run(db, "SAVEPOINT op", DB_NOTHING);
}

void db_release(struct db *db)
{
	db_run(db, "RELEASE op", DB_NOTHING);
}

void db_rollback_to(struct db *db)
{
	end_all(db);
	db_run(db, "ROLLBACK TO op", DB_NOTHING);
	db_run(db, "RELEASE op", DB_NOTHING);
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

int64_t db_bytes(struct db *db)
{
	return size_of(db->path) + size_of(db->log_path);
}

bool db_log_empty(struct db *db)
{
	return size_of(db->log_path) == 0;
}

void db_checkpoint(struct db *db)
{
	int rc = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	/* A full disk is met here before the file grows; the log keeps what it holds. */
	if (rc != SQLITE_OK && translate(rc) != -ENOSPC && translate(rc) != -EBUSY)
		fail(db, rc);
}

char *db_check(struct db *db, const char *table)
{
	sqlite3_stmt *stmt = NULL;
	char *found = NULL;
	char *pragma = table == NULL ? xstrdup("PRAGMA quick_check(1)")
				     : xasprintf("PRAGMA quick_check('%s')", table);
	int rc = sqlite3_prepare_v2(db->sqlite, pragma, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *word = (const char *)sqlite3_column_text(stmt, 0);
		if (word == NULL || strcmp(word, "ok") != 0)
			found = xstrdup(word == NULL ? "no answer" : word);
	} else {
		found = xstrdup(sqlite3_errmsg(db->sqlite));
	}
	sqlite3_finalize(stmt);
	free(pragma);
	return found;
}
