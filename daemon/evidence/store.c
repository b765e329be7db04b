/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/store.c - evidence in the state directory.
 *
 * A file's bytes have to be read for their hash, so copy_file_range() would save nothing: where the file
 * system can share extents (FICLONE) the clone is read, else one pass reads, hashes and writes. */
#include "daemon/evidence/store.h"

#include "daemon/base/clock.h"
#include "daemon/base/executor.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PIECE = 128 * 1024,
	PENDING = 64, /* files that are synced together */
	CLONE_LEAST = 64 * 1024,
	FULL_MS = 60 * 1000,
	FOLDERS = 256,
};

struct evidence_store {
	char *tmp, *dir;
	evidence_room_fn *room;
	void *cookie;
	atomic_uint_fast64_t serial;
	atomic_int_fast64_t full_until_ms; /* mono: the disk was full just now */
	pthread_mutex_t lock;              /* between finding a file here already, and removing it */
};

struct pending {
	int fd;
	char *tmp;
	char kept[EVIDENCE_KEPT_SIZE];
};

struct evidence_batch {
	struct evidence_store *store;
	struct digest *digest;
	unsigned char *piece;
	struct pending pending[PENDING];
	size_t count;
	bool touched[FOLDERS], made;
	struct err err; /* what could not be placed; it sticks, as files before it were told as kept */
};

struct evidence_spool {
	struct evidence_batch *batch;
	struct digest *digest;
	int fd, failed;
	char *tmp;
	struct buf held; /* written in larger pieces than a parser gives */
	struct evidence_blob blob;
	uint64_t max;
	bool cut;
	struct err err;
};

/* ---- the store ---- */

int evidence_store_open(const char *state_dir, evidence_room_fn *room, void *cookie,
			struct evidence_store **out, struct err *err)
{
	char *dir = xasprintf("%s/evidence", state_dir);
	int rc = file_mkdirs(dir, 0700, err);

	if (rc < 0) {
		free(dir);
		return rc;
	}
	struct evidence_store *s = xcalloc(1, sizeof(*s));
	s->dir = dir;
	s->tmp = xasprintf("%s/tmp", state_dir);
	s->room = room;
	s->cookie = cookie;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return 0;
}

void evidence_store_close(struct evidence_store *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s->tmp);
	free(s);
}

const char *evidence_store_dir(const struct evidence_store *s)
{
	return s->dir;
}

bool evidence_kept_name(const char *kept)
{
	return strlen(kept) == EVIDENCE_KEPT_SIZE - 1 && kept[2] == '/' && strncmp(kept, kept + 3, 2) == 0 &&
	       strspn(kept, "0123456789abcdef") == 2 && strspn(kept + 3, "0123456789abcdef") == 64;
}

int evidence_store_remove(struct evidence_store *s, const char *kept, int64_t age_ms)
{
	struct stat st;
	int rc = 0;

	if (!evidence_kept_name(kept))
		return -EINVAL;
	char *path = xasprintf("%s/%s", s->dir, kept);
	pthread_mutex_lock(&s->lock);
	if (stat(path, &st) < 0)
		rc = -errno;
	else if (clock_wall_ms() - ((int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000) <
		 age_ms)
		rc = -EBUSY;
	else if (unlink(path) < 0)
		rc = -errno;
	pthread_mutex_unlock(&s->lock);
	free(path);
	return rc;
}

/* ---- files on their way in ---- */

static void name_blob(struct evidence_blob *blob)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(blob->sha256, DIGEST_SIZE, hex);
	snprintf(blob->kept, sizeof(blob->kept), "%.2s/%s", hex, hex);
}

static unsigned folder_of(const char *kept)
{
	const char two[3] = { kept[0], kept[1], '\0' };

	return (unsigned)strtoul(two, NULL, 16);
}

static int new_file(struct evidence_store *s, char **path, struct err *err)
{
	*path = xasprintf("%s/evidence-%ld-%llu", s->tmp, (long)getpid(),
			  (unsigned long long)atomic_fetch_add(&s->serial, 1));
	int fd = open(*path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		fd = err_set(err, -errno, "cannot create \"%s\": %s", *path, strerror(errno));
		free(*path);
		*path = NULL;
	}
	return fd;
}

static void drop_file(int fd, char *path)
{
	if (fd >= 0)
		close(fd);
	if (path != NULL)
		unlink(path);
	free(path);
}

/* Where the content is here already: its time is renewed, so that nobody takes it for forgotten. */
static bool is_here(struct evidence_batch *b, const struct evidence_blob *blob)
{
	for (size_t i = 0; i < b->count; i++) {
		if (strcmp(b->pending[i].kept, blob->kept) == 0)
			return true;
	}
	struct stat st;
	char *path = xasprintf("%s/%s", b->store->dir, blob->kept);
	pthread_mutex_lock(&b->store->lock);
	bool here = stat(path, &st) == 0 && (uint64_t)st.st_size == blob->size &&
		    utimensat(AT_FDCWD, path, NULL, 0) == 0;
	pthread_mutex_unlock(&b->store->lock);
	free(path);
	/* Whoever brought it may not have synced its folder yet. */
	if (here)
		b->touched[folder_of(blob->kept)] = true;
	return here;
}

/* Synced first, then moved: a name in evidence/ never stands for half a file. */
static int place(struct evidence_batch *b, struct pending *p, struct err *err)
{
	unsigned folder = folder_of(p->kept);
	char *path = xasprintf("%s/%s", b->store->dir, p->kept);
	char *slash = strrchr(path, '/');
	int rc = 0;

	if (fsync(p->fd) < 0) {
		rc = err_set(err, -errno, "cannot sync \"%s\": %s", p->tmp, strerror(errno));
		goto out;
	}
	*slash = '\0';
	if (mkdir(path, 0700) == 0)
		b->made = true;
	else if (errno != EEXIST)
		rc = err_set(err, -errno, "cannot create \"%s\": %s", path, strerror(errno));
	*slash = '/';
	if (rc == 0 && rename(p->tmp, path) < 0)
		rc = err_set(err, -errno, "cannot move a file to \"%s\": %s", path, strerror(errno));
	if (rc == 0) {
		b->touched[folder] = true;
		free(p->tmp);
		p->tmp = NULL;
	}
out:
	free(path);
	return rc;
}

/* The report whose evidence this is will be read again; its results must not wait for room for files. */
static int full(struct evidence_store *s, int rc)
{
	if (rc == -ENOSPC || rc == -EDQUOT)
		atomic_store(&s->full_until_ms, clock_mono_ms() + FULL_MS);
	return rc;
}

static void flush(struct evidence_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->err.code == 0)
			full(b->store, place(b, &b->pending[i], &b->err));
		drop_file(b->pending[i].fd, b->pending[i].tmp);
	}
	b->count = 0;
}

/* A whole file that has its hash; fd and tmp are taken over.  What fails when it is placed concerns the files
 * before it as well, so that is for the sync to tell. */
static void take_in(struct evidence_batch *b, int fd, char *tmp, struct evidence_blob *blob)
{
	name_blob(blob);
	if (b->err.code != 0 || is_here(b, blob)) {
		drop_file(fd, tmp);
		return;
	}
	/* The disk begins now; what the sync finds left to do is little. */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	struct pending *p = &b->pending[b->count++];
	p->fd = fd;
	p->tmp = tmp;
	memcpy(p->kept, blob->kept, sizeof(p->kept));
	if (b->count == PENDING)
		flush(b);
}

struct evidence_batch *evidence_batch_new(struct evidence_store *s)
{
	struct evidence_batch *b = xcalloc(1, sizeof(*b));

	b->store = s;
	b->digest = digest_new();
	return b;
}

void evidence_batch_free(struct evidence_batch *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->count; i++)
		drop_file(b->pending[i].fd, b->pending[i].tmp);
	digest_free(b->digest);
	free(b->piece);
	free(b);
}

int evidence_batch_sync(struct evidence_batch *b, struct err *err)
{
	int rc = 0;

	flush(b);
	if (b->err.code != 0)
		return err_set(err, b->err.code, "%s", b->err.text);
	if (b->made)
		rc = file_sync_dir(b->store->dir, err);
	for (unsigned i = 0; i < FOLDERS && rc == 0; i++) {
		if (!b->touched[i])
			continue;
		char *path = xasprintf("%s/%02x", b->store->dir, i);
		rc = file_sync_dir(path, err);
		free(path);
	}
	if (rc == 0) {
		memset(b->touched, 0, sizeof(b->touched));
		b->made = false;
	}
	return full(b->store, rc);
}

/* ---- copying ---- */

static int room(struct evidence_store *s, uint64_t size, struct err *err)
{
	if (atomic_load(&s->full_until_ms) > clock_mono_ms())
		return err_set(err, -ENOSPC, "the disk was full a moment ago, and results go first");
	return s->room != NULL ? s->room(s->cookie, size, err) : 0;
}

static ssize_t read_at(int fd, void *data, size_t len, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, data, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n;
}

static int copy_bytes(struct evidence_batch *b, int from, int to, uint64_t max, bool write_too,
		      struct evidence_blob *out, struct err *err)
{
	if (b->piece == NULL)
		b->piece = xrealloc(NULL, PIECE, 1);
	digest_reset(b->digest);
	out->size = 0;
	out->head_len = 0;
	for (;;) {
		executor_beat();
		ssize_t n = read_at(from, b->piece, PIECE, out->size);
		if (n < 0)
			return err_set(err, -errno, "it cannot be read: %s", strerror(errno));
		if (n == 0)
			break;
		if (out->size == 0) {
			out->head_len = n < EVIDENCE_HEAD ? (size_t)n : EVIDENCE_HEAD;
			memcpy(out->head, b->piece, out->head_len);
		}
		out->size += (uint64_t)n;
		if (out->size > max)
			return err_set(err, -E2BIG, "it is larger than %llu bytes", (unsigned long long)max);
		digest_add(b->digest, b->piece, (size_t)n);
		int rc = write_too ? file_write_all(to, b->piece, (size_t)n) : 0;
		if (rc < 0)
			return err_set(err, rc, "it cannot be copied: %s", strerror(-rc));
	}
	digest_get(b->digest, out->sha256);
	return 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int evidence_batch_copy(struct evidence_batch *b, int fd, uint64_t max, struct evidence_blob *out,
			struct err *err)
{
	struct stat before, after;
	char *tmp = NULL;

	if (fstat(fd, &before) < 0)
		return err_set(err, -errno, "it cannot be examined: %s", strerror(errno));
	if (!S_ISREG(before.st_mode))
		return err_set(err, -EINVAL, "it is not a regular file");
	if ((uint64_t)before.st_size > max)
		return err_set(err, -E2BIG, "its %lld bytes are more than %llu", (long long)before.st_size,
			       (unsigned long long)max);
	int rc = room(b->store, (uint64_t)before.st_size, err);
	if (rc < 0)
		return rc;
	int to = new_file(b->store, &tmp, err);
	if (to < 0)
		return to;
	bool cloned = before.st_size >= CLONE_LEAST && ioctl(to, FICLONE, fd) == 0;
	rc = copy_bytes(b, cloned ? to : fd, to, max, !cloned, out, err);
	if (rc == 0 &&
	    (fstat(fd, &after) < 0 || !same(&before, &after) || out->size != (uint64_t)before.st_size))
		rc = err_set(err, -EAGAIN, "it changed while it was copied");
	if (rc < 0) {
		drop_file(to, tmp);
		return rc;
	}
	take_in(b, to, tmp, out);
	return 0;
}

int evidence_batch_bytes(struct evidence_batch *b, const void *data, size_t len, struct evidence_blob *out,
			 struct err *err)
{
	char *tmp = NULL;
	int rc = room(b->store, len, err);

	if (rc < 0)
		return rc;
	digest_reset(b->digest);
	digest_add(b->digest, data, len);
	digest_get(b->digest, out->sha256);
	out->size = len;
	out->head_len = len < EVIDENCE_HEAD ? len : EVIDENCE_HEAD;
	if (out->head_len > 0)
		memcpy(out->head, data, out->head_len);
	name_blob(out);
	if (is_here(b, out))
		return 0;
	int fd = new_file(b->store, &tmp, err);
	if (fd < 0)
		return fd;
	rc = file_write_all(fd, data, len);
	if (rc < 0) {
		err_set(err, rc, "it cannot be written: %s", strerror(-rc));
		drop_file(fd, tmp);
		return rc;
	}
	take_in(b, fd, tmp, out);
	return 0;
}

/* ---- what comes in pieces ---- */

struct evidence_spool *evidence_spool_new(struct evidence_batch *b, uint64_t max)
{
	struct evidence_spool *p = xcalloc(1, sizeof(*p));

	p->batch = b;
	p->max = max;
	p->fd = -1;
	p->held = BUF_LIMIT(PIECE);
	p->digest = digest_new();
	digest_reset(p->digest);
	return p;
}

static void spool_write(struct evidence_spool *p)
{
	if (p->failed != 0 || p->held.len == 0)
		return;
	if (p->fd < 0) {
		p->failed = room(p->batch->store, p->held.len, &p->err);
		if (p->failed == 0)
			p->fd = new_file(p->batch->store, &p->tmp, &p->err);
		if (p->fd < 0 && p->failed == 0)
			p->failed = p->fd;
	} else {
		p->failed = room(p->batch->store, p->held.len, &p->err);
	}
	if (p->failed < 0)
		return;
	p->failed = file_write_all(p->fd, p->held.data, p->held.len);
	if (p->failed < 0)
		err_set(&p->err, p->failed, "it cannot be written: %s", strerror(-p->failed));
	buf_reset(&p->held);
}

void evidence_spool_add(struct evidence_spool *p, const void *data, size_t len)
{
	if (p->failed != 0)
		return;
	if (len > p->max - p->blob.size) {
		len = (size_t)(p->max - p->blob.size);
		p->cut = true;
	}
	const char *at = data;
	while (len > 0 && p->failed == 0) {
		size_t n = PIECE - 1 - p->held.len;
		n = n < len ? n : len;
		if (p->blob.head_len < EVIDENCE_HEAD) {
			size_t head = EVIDENCE_HEAD - p->blob.head_len;
			head = head < n ? head : n;
			memcpy(p->blob.head + p->blob.head_len, at, head);
			p->blob.head_len += head;
		}
		digest_add(p->digest, at, n);
		buf_append(&p->held, at, n);
		p->blob.size += n;
		at += n;
		len -= n;
		if (p->held.len == PIECE - 1)
			spool_write(p);
	}
}

bool evidence_spool_full(const struct evidence_spool *p)
{
	return p->cut;
}

int evidence_spool_end(struct evidence_spool *p, bool *cut, struct evidence_blob *out, struct err *err)
{
	int rc;

	*cut = p->cut;
	if (p->fd < 0 && p->failed == 0) {
		rc = evidence_batch_bytes(p->batch, p->held.data, p->held.len, out, err);
	} else {
		spool_write(p);
		rc = p->failed;
		if (rc < 0) {
			err_set(err, rc, "%s", p->err.text);
		} else {
			*out = p->blob;
			digest_get(p->digest, out->sha256);
			take_in(p->batch, p->fd, p->tmp, out);
			p->fd = -1;
			p->tmp = NULL;
		}
	}
	evidence_spool_drop(p);
	return rc;
}

void evidence_spool_drop(struct evidence_spool *p)
{
	if (p == NULL)
		return;
	drop_file(p->fd, p->tmp);
	digest_free(p->digest);
	buf_done(&p->held);
	free(p);
}
