/* SPDX-License-Identifier: Apache-2.0
 *
 * open.c - the database at the start and at the end: is it ours, is it sound, what did a crash leave.
 *
 * `clean` in the table meta is 0 from the first commit of a process to its orderly end, and is written
 * through to the file itself; so a file that says 0 and has no log beside it has lost its log.  A file that
 * is gone or empty is a loss, too, where the caller knows that there was one.  A damage found while running
 * leaves a mark (PATH-check) that asks the next start for a full check. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/queue/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A file up to this size is checked whole after an unclean end: well under a second. */
#define CHECK_BYTES (64LL << 20)

/* FUSE is none of these: its magic says nothing of what is behind it, and local ones (ntfs-3g, mergerfs, encrypted
 * homes) pass fsync() on.  One that lies about it is met like any lost log: by the checks below, at the start. */
const char *open_refused_file_system(unsigned long magic)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} row[] = {
		{ 0x6969, "NFS" },      { 0x517b, "SMB" },       { 0xff534d42, "CIFS" },
		{ 0xfe534d42, "SMB2" }, { 0x01021997, "9p" },    { 0x5346414f, "AFS" },
		{ 0x6b414653, "AFS" },  { 0x00c36400, "Ceph" },  { 0x0bd00bd0, "Lustre" },
		{ 0x47504653, "GPFS" }, { 0x73757245, "Coda" },  { 0x7461636f, "OCFS2" },
		{ 0x01161970, "GFS2" }, { 0x19830326, "FhGFS" }, { 0xaad7aaea, "PanFS" },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (row[i].magic == (magic & 0xffffffffUL))
			return row[i].name;
	return NULL;
}

static int check_file_system(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL   ? xstrdup(".")
		    : slash == path ? xstrdup("/")
				    : xstrndup(path, (size_t)(slash - path));
	struct statfs fs;
	int rc = 0;

	if (statfs(dir, &fs) < 0) {
		rc = err_set(err, -errno, "the state directory %s: %s", dir, strerror(errno));
	} else {
		const char *name = open_refused_file_system((unsigned long)fs.f_type);
		if (name != NULL)
			rc = err_set(err, -ENOTSUP,
				     "%s lies on a network file system (%s), where a commit can be lost: "
				     "choose a local directory",
				     dir, name);
	}
	free(dir);
	return rc;
}

static char *beside(const char *path, const char *tail)
{
	return xasprintf("%s%s", path, tail);
}

/* Size, or -1 where there is no such file. */
static int64_t size_of(const char *path, const char *tail)
{
	struct stat st;
	char *name = beside(path, tail);
	int64_t size = stat(name, &st) == 0 ? (int64_t)st.st_size : -1;

	free(name);
	return size;
}

static bool exists(const char *path, const char *tail)
{
	return size_of(path, tail) >= 0;
}

static int move(const char *from, const char *to, const char *tail, struct err *err)
{
	char *a = beside(from, tail), *b = beside(to, tail);
	int rc = 0;

	if (rename(a, b) < 0 && errno != ENOENT)
		rc = err_set(err, -errno, "the damaged %s cannot be moved aside to %s: %s", a, b,
			     strerror(errno));
	free(a);
	free(b);
	return rc;
}

/* The file and its log go together: one without the other is worse than neither. */
static int move_aside(struct queue *q, struct queue_opened *opened, struct err *err)
{
	char iso[CLOCK_ISO_SIZE];
	char *to = NULL;

	for (unsigned n = 0; n < 1000; n++) {
		free(to);
		to = xasprintf("%s.damaged-%s%s%.0u", q->path, clock_iso(clock_wall_ms(), iso),
			       n == 0 ? "" : "-", n);
		if (!exists(to, "") && !exists(to, "-wal"))
			break;
	}
	bool there = exists(q->path, "") || exists(q->path, "-wal");
	int rc = move(q->path, to, "-wal", err);
	if (rc == 0)
		rc = move(q->path, to, "", err);
	if (rc == 0) {
		char *mark = beside(q->path, "-check");
		(void)unlink(mark);
		free(mark);
		opened->replaced = true;
		(void)snprintf(opened->moved_to, sizeof(opened->moved_to), "%s", there ? to : "");
	}
	free(to);
	return rc;
}

static int64_t get_clean(struct db *db)
{
	/* Not prepared for keeping: the table may not be there yet. */
	int64_t tables = db_get(db, "SELECT count(*) FROM sqlite_master WHERE name = 'meta'", DB_NOTHING, 0);

	if (tables == 0)
		return 1;
	return db_get(db, "SELECT value FROM meta WHERE name = 'clean'", DB_NOTHING, 1);
}

static void set_clean(struct db *db, bool clean)
{
	db_begin(db);
	db_run(db,
	       "INSERT INTO meta(name, value) VALUES('clean', ?1)"
	       " ON CONFLICT(name) DO UPDATE SET value = ?1",
	       DB(db_i(clean)));
	if (db_failed(db, NULL) < 0)
		db_rollback(db);
	else
		db_commit(db);
}

/* Large files are checked where a process looks first; the rest says so when it is read (pages by their
 * structure, chunks by their checksum). */
static char *check(struct db *db, bool whole)
{
	static const char *const small[] = { "meta",  "run",   "part",     "bad",    "shelf",
					     "facts", "block", "delivery", "intent", "lot" };

	if (whole || db_bytes(db) <= CHECK_BYTES)
		return db_check(db, NULL);
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		char *found = db_check(db, small[i]);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* What only this process can tell: that nobody else is at work. */
static void recover(struct queue *q, struct queue_opened *opened)
{
	int64_t now = clock_wall_ms();

	db_begin(q->db);
	db_run(q->db, "UPDATE delivery SET state = 2, due_ms = ?1 WHERE state = 1", DB(db_i(now)));
	opened->unknown =
		(uint64_t)db_get(q->db, "SELECT count(*) FROM delivery WHERE state = 2", DB_NOTHING, 0);
	/* Parts that were being loaded never were, nor were runs that have no other. */
	db_run(q->db, "DELETE FROM part WHERE state = 0", DB_NOTHING);
	db_run(q->db, "DELETE FROM chunk WHERE id >> 23 NOT IN (SELECT id FROM part)", DB_NOTHING);
	db_run(q->db, "DELETE FROM evidence WHERE id >> 23 NOT IN (SELECT id FROM part)", DB_NOTHING);
	db_run(q->db, "DELETE FROM delivery WHERE run IN (SELECT id FROM run WHERE ready = 0)", DB_NOTHING);
	db_run(q->db, "DELETE FROM run WHERE ready = 0", DB_NOTHING);
	db_run(q->db,
	       "DELETE FROM meta WHERE name > 'held/' AND name < 'held0'"
	       " AND CAST(substr(name, 6) AS INTEGER) NOT IN (SELECT id FROM delivery)",
	       DB_NOTHING);
	evidence_run_over(q, 0, now);
	runs_wake_ended(q, 0, now);
	/* A key outlives its run: no later run may be taken for it. */
	q->next_run = db_get(q->db,
			     "SELECT max(coalesce((SELECT max(id) FROM run), 0),"
			     " coalesce((SELECT max(run) FROM seen), 0))",
			     DB_NOTHING, 0) +
		      1;
	q->next_part = db_get(q->db,
			      "SELECT max(coalesce((SELECT max(id) FROM part), 0),"
			      " coalesce((SELECT max(part) FROM seen), 0))",
			      DB_NOTHING, 0) +
		       1;
	db_commit(q->db);
}

static int open_once(struct queue *q, const struct queue_options *o, struct queue_opened *opened,
		     bool expected, bool *damaged, struct err *err)
{
	int64_t size = size_of(q->path, ""), log_size = size_of(q->path, "-wal");
	bool had_file = size >= 0, had_log = log_size >= 0;
	bool marked = exists(q->path, "-check");
	char *found = NULL;
	if (size <= 0 && (log_size > 0 || expected)) {
		/* SQLite would take the file for a new one and throw the log away. */
		*damaged = true;
		return err_set(err, -EUCLEAN, "%s is %s, its log %s", q->path, size < 0 ? "gone" : "empty",
			       log_size > 0 ? "is not" : "too");
	}
	int rc = db_open(&(struct db_options){ .path = q->path,
					       .cache_bytes = o->cache_bytes,
					       .max_pages = o->max_pages },
			 &q->db, err);

	if (rc == 0 && had_file) {
		int64_t clean = get_clean(q->db);
		rc = db_failed(q->db, err);
		if (rc == 0 && clean == 0 && !had_log)
			found = xstrdup("its log is missing");
		else if (rc == 0 && (clean == 0 || marked))
			found = check(q->db, marked);
	}
	if (rc == 0 && found == NULL)
		rc = schema_apply(q->db, &opened->fresh, err);
	if (rc == 0 && found == NULL) {
		recover(q, opened);
		set_clean(q->db, false);
		db_checkpoint(q->db);
		rc = db_failed(q->db, err);
	}
	if (rc == -EUCLEAN || found != NULL) {
		*damaged = true;
		if (found != NULL)
			rc = err_set(err, -EUCLEAN, "%s: %s", q->path, found);
	}
	free(found);
	if (rc < 0) {
		db_close(q->db);
		q->db = NULL;
	} else if (marked) {
		char *mark = beside(q->path, "-check");
		(void)unlink(mark);
		free(mark);
	}
	return rc;
}

int open_database(struct queue *q, const struct queue_options *o, struct queue_opened *opened,
		  struct err *err)
{
	struct err first = ERR_NONE;
	bool damaged = false;
	int rc = check_file_system(q->path, err);

	if (rc < 0)
		return rc;
	rc = open_once(q, o, opened, o->expected, &damaged, &first);
	if (rc == 0)
		return 0;
	if (!damaged)
		return err_set(err, rc, "%s", first.text);
	rc = move_aside(q, opened, err);
	if (rc < 0)
		return rc;
	damaged = false;
	rc = open_once(q, o, opened, false, &damaged, err);
	if (rc == 0) {
		held_begin(q, clock_wall_ms());
		rc = db_failed(q->db, err);
	}
	return rc;
}

void open_close_database(struct queue *q, bool damaged)
{
	if (q->db == NULL)
		return;
	if (damaged) {
		char *mark = beside(q->path, "-check");
		int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			(void)close(fd);
		free(mark);
	} else {
		db_clear(q->db);
		db_checkpoint(q->db);
		if (db_failed(q->db, NULL) == 0)
			set_clean(q->db, true);
	}
	db_close(q->db);
	q->db = NULL;
}
