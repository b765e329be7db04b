/* SPDX-License-Identifier: Apache-2.0
 *
 * archive.c - reports that were taken, put away. */
#include "daemon/intake/archive.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	AGAIN_MS = 60 * 1000,
	STUCK_MAX = 10000, /* more than these are met again at the next start, as duplicates */
	NAMES_MAX = 1000,  /* NAME.1, NAME.2, ... where a file of the name is there already */
	COPY_BYTES = 1 << 16,
};

static const struct log_ctx log_ctx = { .who = "archive" };

struct job {
	struct list link; /* among the stuck, while it waits */
	struct archive *archive;
	char *root, *relative, *after_dir; /* after_dir NULL: delete */
	int64_t mtime_ms, at_ms;
	bool told;
	int rc;
	struct err err;
};

struct archive {
	struct executor *executor;
	struct list stuck;
	size_t busy;
	int said; /* the errno that was explained last; each file is named, the advice only once */
	struct archive_counts counts;
};

/* ---- one file ---- */

static int fail(struct err *err, const char *verb, const char *path)
{
	int e = errno;

	return err_set(err, -e, "cannot %s \"%s\": %s", verb, path, strerror(e));
}

static int64_t mtime_ms_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* The directory that holds `relative` beneath root, no link followed; name: its last component. */
static int open_parent(const char *root, const char *relative, bool make, const char **name, struct err *err)
{
	int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return fail(err, "open", root);
	for (const char *at = relative;;) {
		size_t len = strcspn(at, "/");
		if (at[len] == '\0') {
			*name = at;
			return dir;
		}
		char *part = xstrndup(at, len);
		int next = -1;
		if (strcmp(part, "..") == 0 || *part == '\0') {
			errno = EXDEV;
		} else {
			if (make && mkdirat(dir, part, 0777) == 0 && fsync(dir) < 0)
				log_debug(&log_ctx, "cannot sync a directory: %s", strerror(errno));
			next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (next < 0) {
			int e = errno;
			close(dir);
			free(part);
			errno = e;
			return fail(err, make ? "make the folders of" : "open the folder of", relative);
		}
		free(part);
		close(dir);
		dir = next;
		at += len + 1;
	}
}

/* Whether the name still is the regular file that was taken. */
static bool same_file(int dir, const char *name, int64_t mtime_ms, struct stat *st)
{
	return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
	       mtime_ms_of(st) == mtime_ms;
}

static int copy_bytes(int from, int to)
{
	char *piece = xcalloc(1, COPY_BYTES);
	int rc = 0;

	for (;;) {
		ssize_t n = read(from, piece, COPY_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		rc = file_write_all(to, piece, (size_t)n);
		if (rc < 0)
			break;
	}
	free(piece);
	return rc;
}

/* To another file system: a synced copy under a name that nobody takes for a report, for renaming. */
static int copy_beside(int from_dir, const char *name, int to_dir, const char *beside, int64_t mtime_ms)
{
	struct stat st;
	int rc = -1;
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int to = -1;

	if (from < 0 || fstat(from, &st) < 0) {
		rc = -errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode) || mtime_ms_of(&st) != mtime_ms) {
		rc = -ESTALE;
		goto out;
	}
	to = openat(to_dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, st.st_mode & 0777);
	if (to < 0) {
		rc = -errno;
		goto out;
	}
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	rc = copy_bytes(from, to);
	if (rc == 0 && (futimens(to, times) < 0 || fsync(to) < 0))
		rc = -errno;
	if (rc < 0)
		unlinkat(to_dir, beside, 0);
out:
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return rc;
}

/* Renames without replacing: NAME, else NAME.1, NAME.2, ... */
static int rename_free(int from_dir, const char *from, int to_dir, const char *name)
{
	for (int n = 0; n < NAMES_MAX; n++) {
		char *to = n == 0 ? xstrdup(name) : xasprintf("%s.%d", name, n);
		int rc = renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE);
		int e = rc < 0 ? errno : 0;
		/* Some file systems cannot promise not to replace: look first, and accept the race. */
		if (e == EINVAL && faccessat(to_dir, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			e = renameat(from_dir, from, to_dir, to) < 0 ? errno : 0;
		else if (e == EINVAL)
			e = EEXIST;
		free(to);
		if (e != EEXIST)
			return -e;
	}
	return -EEXIST;
}

static int move(int from_dir, const char *name, int to_dir, const char *to_name, int64_t mtime_ms)
{
	int rc = rename_free(from_dir, name, to_dir, to_name);

	if (rc == -EXDEV) {
		char *beside = xasprintf(".%s.%ld.part", to_name, (long)getpid());
		rc = copy_beside(from_dir, name, to_dir, beside, mtime_ms);
		if (rc == 0 && (rc = rename_free(to_dir, beside, to_dir, to_name)) < 0)
			unlinkat(to_dir, beside, 0);
		free(beside);
		if (rc == 0 && fsync(to_dir) < 0)
			rc = -errno;
		struct stat st;
		if (rc == 0 && same_file(from_dir, name, mtime_ms, &st) && unlinkat(from_dir, name, 0) < 0)
			rc = -errno;
		return rc == -ESTALE ? 0 : rc;
	}
	if (rc == 0 && fsync(to_dir) < 0)
		rc = -errno;
	return rc;
}

int archive_file(const char *root, const char *relative, const char *after_dir, int64_t mtime_ms,
		 struct err *err)
{
	const char *name = NULL, *to_name = NULL;
	struct stat st;
	int to = -1, rc = 0;
	int from = open_parent(root, relative, false, &name, err);

	if (from < 0 || name == NULL)
		return from == -ENOENT ? 0 : from;
	if (!same_file(from, name, mtime_ms, &st))
		goto out;
	if (after_dir == NULL) {
		if (unlinkat(from, name, 0) < 0 && errno != ENOENT)
			rc = fail(err, "delete", relative);
		goto out;
	}
	rc = file_mkdirs(after_dir, 0777, err);
	if (rc < 0)
		goto out;
	to = open_parent(after_dir, relative, true, &to_name, err);
	if (to < 0 || to_name == NULL) {
		rc = to;
		goto out;
	}
	rc = move(from, name, to, to_name, mtime_ms);
	if (rc == -ENOENT)
		rc = 0;
	if (rc < 0) {
		errno = -rc;
		rc = fail(err, "move", relative);
	}
out:
	if (to >= 0)
		close(to);
	close(from);
	return rc;
}

/* ---- in the background ---- */

static void free_job(struct job *j)
{
	free(j->root);
	free(j->relative);
	free(j->after_dir);
	free(j);
}

static void on_work(void *cookie)
{
	struct job *j = cookie;

	j->err = ERR_NONE;
	j->rc = archive_file(j->root, j->relative, j->after_dir, j->mtime_ms, &j->err);
}

static void explain(struct archive *a, const struct job *j)
{
	bool rights = j->rc == -EACCES || j->rc == -EPERM || j->rc == -EROFS;

	if (a->said == j->rc) {
		log_warning(&log_ctx, "%s/%s stays: %s", j->root, j->relative, j->err.text);
		return;
	}
	a->said = j->rc;
	log_warning(&log_ctx, "%s/%s stays: %s%s; its results are safe, and it is tried again every minute",
		    j->root, j->relative, j->err.text,
		    rights ? " (as a service: see WORKSPACES OF OTHERS in resultd(8))" : "");
}

static void on_done(void *cookie)
{
	struct job *j = cookie;
	struct archive *a = j->archive;

	a->busy--;
	if (j->rc == 0) {
		if (j->after_dir != NULL)
			a->counts.moved++;
		else
			a->counts.deleted++;
		a->said = 0;
		free_job(j);
		return;
	}
	snprintf(a->counts.why, sizeof(a->counts.why), "%s", j->err.text);
	if (!j->told)
		explain(a, j);
	j->told = true;
	if (a->counts.stuck >= STUCK_MAX) {
		free_job(j);
		return;
	}
	j->at_ms = clock_mono_ms() + AGAIN_MS;
	list_append(&a->stuck, &j->link);
	a->counts.stuck++;
}

static void start(struct archive *a, struct job *j)
{
	a->busy++;
	executor_submit(a->executor, on_work, on_done, j);
}

struct archive *archive_new(struct executor *executor)
{
	struct archive *a = xcalloc(1, sizeof(*a));

	a->executor = executor;
	list_init(&a->stuck);
	return a;
}

void archive_put(struct archive *a, const struct config_watch *watch, const char *root, const char *relative,
		 int64_t mtime_ms)
{
	struct job *j = xcalloc(1, sizeof(*j));

	j->archive = a;
	j->root = xstrdup(root);
	j->relative = xstrdup(relative);
	j->after_dir = watch->after == AFTER_MOVE ? xstrdup(watch->after_dir) : NULL;
	j->mtime_ms = mtime_ms;
	start(a, j);
}

void archive_turn(struct archive *a, int64_t now_mono_ms)
{
	list_each_safe(link, &a->stuck) {
		struct job *j = list_entry(link, struct job, link);
		if (j->at_ms > now_mono_ms)
			continue;
		list_remove(&j->link);
		a->counts.stuck--;
		start(a, j);
	}
}

size_t archive_busy(const struct archive *a)
{
	return a->busy;
}

void archive_free(struct archive *a)
{
	if (a == NULL)
		return;
	list_each_safe(link, &a->stuck)
		free_job(list_entry(link, struct job, link));
	free(a);
}

const struct archive_counts *archive_counts(const struct archive *a)
{
	return &a->counts;
}
