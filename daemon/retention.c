/* SPDX-License-Identifier: Apache-2.0
 *
 * retention.c - the steps of one pass: runs, keys, copies.  An error ends the pass; the next one goes on. */
#include "daemon/retention.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/queue/operate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEYS = 256, COPIES = 256, FOLDERS = 256 };

struct retention {
	struct retention_options opt;
	char *reports;
	bool busy, making_room;
	atomic_bool stop; /* read on the queue's thread and on workers */
	int64_t before_ms, now_ms;
	uint64_t keys_forgotten;
	atomic_uint_fast64_t orphans;

	struct seen_key *key; /* of the step at hand; a worker's while it runs */
	size_t key_count;

	DIR *dir;   /* worker: the folder that is being listed */
	int folder; /* those of evidence come behind those of reports */
	char *copy[COPIES];
	size_t copy_count;
	bool blobs; /* the list is of evidence */
};

static const struct log_ctx log_ctx = { .who = "retention" };

static bool hex(const char *s, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return true;
}

bool retention_kept_name(const char *name)
{
	if (strlen(name) < 3 + 64 || !hex(name, 2) || name[2] != '/' || !hex(name + 3, 64) ||
	    strncmp(name, name + 3, 2) != 0)
		return false;
	return strcmp(name + 67, ".xml.zst") == 0 || strcmp(name + 67, ".xml.gz") == 0;
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static void remove_copy(void *cookie, const char *kept)
{
	struct retention *r = cookie;

	if (!retention_kept_name(kept))
		return;
	char *path = xasprintf("%s/%s", r->reports, kept);
	int64_t bytes = size_of(path);
	if (unlink(path) == 0) {
		atomic_fetch_add(&r->orphans, 1);
		ceiling_add(r->opt.ceiling, -bytes);
	} else if (errno != ENOENT)
		log_warning(&log_ctx, "cannot remove \"%s\": %s", path, strerror(errno));
	free(path);
}

/* Where a capture has just taken hold of it, it stays. */
static void remove_blob(void *cookie, const char *kept)
{
	struct retention *r = cookie;
	char *path = xasprintf("%s/%s", evidence_store_dir(r->opt.store), kept);
	int64_t bytes = size_of(path);
	int rc = evidence_store_remove(r->opt.store, kept, r->opt.orphan_ms);

	free(path);
	if (rc == 0) {
		atomic_fetch_add(&r->orphans, 1);
		ceiling_add(r->opt.ceiling, -bytes);
	} else if (rc != -ENOENT && rc != -EBUSY && rc != -EINVAL)
		log_warning(&log_ctx, "cannot remove evidence \"%s\": %s", kept, strerror(-rc));
}

static void drop_keys(struct retention *r)
{
	for (size_t i = 0; i < r->key_count; i++) {
		free((char *)r->key[i].run_key);
		free((char *)r->key[i].path);
	}
	free(r->key);
	r->key = NULL;
	r->key_count = 0;
}

static void end(struct retention *r, const struct err *err)
{
	if (err != NULL)
		log_warning(&log_ctx, "not all that is old could be removed: %s", err->text);
	drop_keys(r);
	if (r->dir != NULL)
		closedir(r->dir);
	r->dir = NULL;
	if (r->keys_forgotten > 0 || atomic_load(&r->orphans) > 0)
		log_debug(&log_ctx, "%" PRIu64 " keys forgotten, %" PRIu64 " unnamed copies removed",
			  r->keys_forgotten, (uint64_t)atomic_load(&r->orphans));
	r->busy = false;
}

static bool stopped(struct retention *r)
{
	if (!atomic_load(&r->stop))
		return false;
	end(r, NULL);
	return true;
}

/* ---- copies ---- */

static void list_work(void *cookie)
{
	struct retention *r = cookie;
	char name[8];

	while (r->copy_count < COPIES && !atomic_load(&r->stop)) {
		if (r->dir == NULL) {
			/* One list holds copies of one kind. */
			if (r->folder == 2 * FOLDERS || (r->folder == FOLDERS && r->copy_count > 0))
				return;
			r->blobs = r->folder >= FOLDERS;
			snprintf(name, sizeof(name), "%02x", (unsigned)r->folder++ % FOLDERS);
			char *path = xasprintf(
				"%s/%s", r->blobs ? evidence_store_dir(r->opt.store) : r->reports, name);
			r->dir = opendir(path);
			free(path);
			continue;
		}
		const struct dirent *e = readdir(r->dir);
		if (e == NULL) {
			closedir(r->dir);
			r->dir = NULL;
			continue;
		}
		struct stat st;
		char *kept = xasprintf("%02x/%s", (unsigned)(r->folder - 1) % FOLDERS, e->d_name);
		bool ours = r->blobs ? evidence_kept_name(kept) : retention_kept_name(kept);
		/* ctime: of the rename that brought it here. */
		if (ours && fstatat(dirfd(r->dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    clock_wall_ms() - ((int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000) >=
			    r->opt.orphan_ms)
			r->copy[r->copy_count++] = kept;
		else
			free(kept);
	}
}

static void list_more(struct retention *r);

static void on_swept(void *cookie, int rc, const struct err *err)
{
	struct retention *r = cookie;

	for (size_t i = 0; i < r->copy_count; i++)
		free(r->copy[i]);
	r->copy_count = 0;
	if (rc < 0)
		end(r, err);
	else
		list_more(r);
}

static void list_done(void *cookie)
{
	struct retention *r = cookie;

	if (r->copy_count == 0) {
		end(r, NULL);
		return;
	}
	if (r->blobs)
		queue_sweep_evidence(r->opt.queue, (const char *const *)r->copy, r->copy_count, remove_blob,
				     r, on_swept, r);
	else
		queue_sweep(r->opt.queue, (const char *const *)r->copy, r->copy_count, remove_copy, r,
			    on_swept, r);
}

static void list_more(struct retention *r)
{
	if (!stopped(r))
		executor_submit(r->opt.executor, list_work, list_done, r);
}

/* ---- keys ---- */

static void next_keys(struct retention *r);

static void on_forgotten(void *cookie, int rc, const struct err *err)
{
	struct retention *r = cookie;

	drop_keys(r);
	if (rc < 0)
		end(r, err);
	else
		next_keys(r);
}

static void look_work(void *cookie)
{
	struct retention *r = cookie;

	for (size_t i = 0; i < r->key_count; i++) {
		struct seen_key *k = &r->key[i];
		/* A path that was not absolute says nothing about a file. */
		k->there = k->path != NULL && k->path[0] == '/' && access(k->path, F_OK) == 0;
	}
}

static void look_done(void *cookie)
{
	struct retention *r = cookie;

	for (size_t i = 0; i < r->key_count; i++)
		r->keys_forgotten += !r->key[i].there;
	queue_forget(r->opt.queue, r->key, r->key_count, r->before_ms, r->now_ms, on_forgotten, r);
}

static void on_keys(void *cookie, int rc, const struct seen_key *key, size_t count, const struct err *err)
{
	struct retention *r = cookie;

	if (rc < 0) {
		end(r, err);
		return;
	}
	if (count == 0) {
		r->folder = 0;
		list_more(r);
		return;
	}
	r->key = xcalloc(count, sizeof(*r->key));
	r->key_count = count;
	for (size_t i = 0; i < count; i++) {
		r->key[i] = key[i];
		r->key[i].run_key = xstrdup(key[i].run_key);
		r->key[i].path = xstrdup(key[i].path);
	}
	executor_submit(r->opt.executor, look_work, look_done, r);
}

static void next_keys(struct retention *r)
{
	if (!stopped(r))
		queue_forgettable(r->opt.queue, r->before_ms, r->now_ms, KEYS, on_keys, r);
}

/* ---- runs ---- */

static bool is_stopped(void *cookie)
{
	return atomic_load(&((struct retention *)cookie)->stop);
}

static void on_retired(void *cookie, int rc, const struct retired *retired, const struct err *err)
{
	struct retention *r = cookie;

	if (retired->runs > 0)
		log_info(&log_ctx, "removed %" PRIu64 " runs that were done, with %" PRIu64 " reports%s",
			 retired->runs, retired->reports, r->making_room ? ", to make room" : "");
	if (rc < 0)
		end(r, err);
	else if (retired->skipped || r->making_room)
		end(r, NULL);
	else
		next_keys(r);
}

static bool is_enough(void *cookie)
{
	return ceiling_look(((struct retention *)cookie)->opt.ceiling) == CEILING_FINE;
}

static void start(struct retention *r, bool making_room)
{
	if (r->busy || atomic_load(&r->stop))
		return;
	r->busy = true;
	r->making_room = making_room;
	r->now_ms = clock_wall_ms();
	r->before_ms = r->now_ms - r->opt.keep_ms;
	r->keys_forgotten = 0;
	atomic_store(&r->orphans, 0);
	const struct retire what = {
		.before_ms = making_room ? r->now_ms - r->opt.orphan_ms : r->before_ms,
		.now_ms = r->now_ms,
		.every_ms = making_room ? 0 : r->opt.every_ms,
		.enough = making_room ? is_enough : NULL,
		.remove = remove_copy,
		.remove_evidence = remove_blob,
		.stop = is_stopped,
		.cookie = r,
	};
	queue_retire(r->opt.queue, &what, on_retired, r);
}

void retention_start(struct retention *r)
{
	start(r, false);
}

void retention_make_room(struct retention *r)
{
	start(r, true);
}

void retention_keep(struct retention *r, int64_t keep_ms, int64_t every_ms)
{
	r->opt.keep_ms = keep_ms;
	r->opt.every_ms = every_ms;
}

struct retention *retention_new(const struct retention_options *options)
{
	struct retention *r = xcalloc(1, sizeof(*r));

	r->opt = *options;
	r->reports = xstrdup(options->reports);
	return r;
}

bool retention_busy(const struct retention *r)
{
	return r->busy;
}

void retention_stop(struct retention *r)
{
	if (r != NULL)
		atomic_store(&r->stop, true);
}

void retention_free(struct retention *r)
{
	if (r == NULL)
		return;
	free(r->reports);
	free(r);
}
