/* SPDX-License-Identifier: Apache-2.0
 *
 * points.c - where a process may die: named points around every commit, rename, removal, sync and send.
 *
 *   RESULTD_CRASH=list      tells on standard error each point as it is passed: "crash point NAME:N"
 *   RESULTD_CRASH=NAME:N    _exit(9) when point NAME is passed for the N-th time: no last words, no flush
 *
 * A point's name is what is done there, `-before` or `-after` it:
 *   commit, checkpoint      of the database         script    a statement of a migration (or a setting)
 *   rename, unlink, mkdir, sync                     of files and directories
 *   send                    a request is handed to the network (before), or on its way (after)
 *   answer                  an answer has come and nobody has looked at it yet */
#include "daemon/net/folder.h"
#include "daemon/net/http.h"
#include "daemon/queue/db.h"
#include "daemon/dispatch/talk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIED = 9, NAMES = 32 };

static struct {
	const char *name;
	unsigned long passed;
} points[NAMES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void pass(const char *name)
{
	const char *wanted = getenv("RESULTD_CRASH");
	char line[80];
	size_t i = 0;

	if (wanted == NULL)
		return;
	pthread_mutex_lock(&lock);
	while (i < NAMES - 1 && points[i].name != NULL && strcmp(points[i].name, name) != 0)
		i++;
	points[i].name = name;
	int len = snprintf(line, sizeof(line), "%s:%lu", name, ++points[i].passed);
	if (strcmp(wanted, line) == 0)
		_exit(DIED);
	if (strcmp(wanted, "list") == 0) {
		len = snprintf(line, sizeof(line), "crash point %s:%lu\n", name, points[i].passed);
		if (write(STDERR_FILENO, line, (size_t)len) != len)
			_exit(DIED);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- the database ---- */

int __real_db_commit(struct db *db);
int __wrap_db_commit(struct db *db);
int __wrap_db_commit(struct db *db)
{
	pass("commit-before");
	int rc = __real_db_commit(db);
	pass("commit-after");
	return rc;
}

void __real_db_begin(struct db *db);
void __wrap_db_begin(struct db *db);
void __wrap_db_begin(struct db *db)
{
	__real_db_begin(db);
	pass("begin-after");
}

void __real_db_checkpoint(struct db *db);
void __wrap_db_checkpoint(struct db *db);
void __wrap_db_checkpoint(struct db *db)
{
	pass("checkpoint-before");
	__real_db_checkpoint(db);
	pass("checkpoint-after");
}

/* What is kept prepared is prepared by another call: these are settings and migrations. */
int __real_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int len, sqlite3_stmt **out, const char **tail)
{
	pass("script-before");
	return __real_sqlite3_prepare_v2(db, sql, len, out, tail);
}

/* ---- files ---- */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	pass("rename-before");
	int rc = __real_rename(from, to);
	pass("rename-after");
	return rc;
}

int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	pass("rename-before");
	int rc = __real_renameat(from_dir, from, to_dir, to);
	pass("rename-after");
	return rc;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
	pass("unlink-before");
	int rc = __real_unlink(path);
	pass("unlink-after");
	return rc;
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	int rc = __real_mkdir(path, mode);
	pass("mkdir-after");
	return rc;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	int rc = __real_fsync(fd);
	pass("sync-after");
	return rc;
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	int rc = __real_fdatasync(fd);
	pass("sync-after");
	return rc;
}

/* ---- the network ---- */

struct led { /* a transport whose sends pass a point */
	struct transport_ops ops;
	const struct transport_ops *real;
};
static struct led led_http, led_folder;

static struct exchange_op *send_by(const struct led *by, struct transport *t, const struct endpoint *to,
				   const struct request *request, transport_done_fn *done, void *cookie)
{
	pass("send-before");
	struct exchange_op *op = by->real->send(t, to, request, done, cookie);
	pass("send-after");
	return op;
}

static struct exchange_op *http_send(struct transport *t, const struct endpoint *to,
				     const struct request *request, transport_done_fn *done, void *cookie)
{
	return send_by(&led_http, t, to, request, done, cookie);
}

static struct exchange_op *folder_send(struct transport *t, const struct endpoint *to,
				       const struct request *request, transport_done_fn *done, void *cookie)
{
	return send_by(&led_folder, t, to, request, done, cookie);
}

static struct transport *lead(struct led *by, struct transport *t)
{
	if (t != NULL) {
		by->real = t->ops;
		by->ops.cancel = t->ops->cancel;
		by->ops.close = t->ops->close;
		t->ops = &by->ops;
	}
	return t;
}

struct transport *__real_http_open(struct uv_loop_s *loop, const char *agent, struct err *err);
struct transport *__wrap_http_open(struct uv_loop_s *loop, const char *agent, struct err *err);
struct transport *__wrap_http_open(struct uv_loop_s *loop, const char *agent, struct err *err)
{
	led_http.ops.send = http_send;
	return lead(&led_http, __real_http_open(loop, agent, err));
}

struct transport *__real_folder_open(struct executor *executor);
struct transport *__wrap_folder_open(struct executor *executor);
struct transport *__wrap_folder_open(struct executor *executor)
{
	led_folder.ops.send = folder_send;
	return lead(&led_folder, __real_folder_open(executor));
}

void __real_talk_reply(void *cookie, const struct reply *reply);
void __wrap_talk_reply(void *cookie, const struct reply *reply);
void __wrap_talk_reply(void *cookie, const struct reply *reply)
{
	pass("answer");
	__real_talk_reply(cookie, reply);
}
