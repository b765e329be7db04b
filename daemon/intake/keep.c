/* SPDX-License-Identifier: Apache-2.0
 *
 * keep.c - the copy of a source report. */
#include "daemon/intake/keep.h"

#include "daemon/base/executor.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { PIECE = 128 * 1024, PLEDGED = 1 << 20, LEVEL = 1 };

int keep_open(int root_fd, const char *path, struct stat *st, struct err *err)
{
	int fd = -1;

	if (root_fd >= 0) {
		int rc = file_open_beneath(root_fd, path, &fd, err);
		if (rc < 0)
			return rc;
	} else {
		/* NONBLOCK: a FIFO must not hang us. */
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return err_set(err, -errno, "cannot open: %s", strerror(errno));
	}
	int rc = 0;
	if (fstat(fd, st) < 0)
		rc = err_set(err, -errno, "cannot examine: %s", strerror(errno));
	else if (!S_ISREG(st->st_mode))
		rc = err_set(err, -EINVAL, "not a regular file");
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int keep_adopt(int fd, const char *path, struct stat *st, struct err *err)
{
	char name[64];
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY || fstat(fd, st) < 0)
		return err_set(err, -EBADF, "%s: handed over in a way that it cannot be read", path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", path);
	/* Its offset is shared with whoever opened it.  Where we may open it ourselves we get our own. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int own = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own >= 0) {
		close(fd);
		return own;
	}
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	return fd;
}

bool keep_unchanged(int fd, const struct stat *st)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_size == st->st_size && now.st_ino == st->st_ino &&
	       now.st_mtim.tv_sec == st->st_mtim.tv_sec && now.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

/* ---- the copy, in memory until it is too large for that ---- */

struct copy {
	struct kept *kept;
	const char *to;
	int out; /* -1: in memory so far */
	ZSTD_CCtx *z;
	unsigned char *room;
};

static int put(struct copy *c, const void *data, size_t len)
{
	struct buf *b = &c->kept->copy;

	if (c->out < 0 && b->len + len <= KEEP_SMALL)
		return buf_append(b, data, len);
	if (c->out < 0) {
		c->out = open(c->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (c->out < 0)
			return -errno;
		int rc = file_write_all(c->out, b->data, b->len);
		buf_done(b);
		if (rc < 0)
			return rc;
	}
	return file_write_all(c->out, data, len);
}

/* Passes on what the compressor gives for this input; the end frame with ZSTD_e_end. */
static int compress(struct copy *c, const void *data, size_t len, ZSTD_EndDirective end)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { c->room, PIECE, 0 };
		left = ZSTD_compressStream2(c->z, &out, &in, end);
		if (ZSTD_isError(left)) /* more or less than it was to be, where that was told */
			return -EAGAIN;
		int rc = put(c, c->room, out.pos);
		if (rc < 0)
			return rc;
	} while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return 0;
}

int keep_copy(int fd, uint64_t size, const char *to, struct kept *kept, struct err *err)
{
	struct copy c = { .kept = kept, .to = to, .out = -1, .z = ZSTD_createCCtx() };
	const size_t piece = size < PIECE ? (size_t)size + 1 : PIECE;
	struct digest *d = digest_new();
	unsigned char *data = xcalloc(1, piece);
	bool first = true, gzip = false;
	int rc = 0;
	ssize_t n;

	*kept = (struct kept){ .copy = BUF_LIMIT(KEEP_SMALL + 1) };
	c.room = xrealloc(NULL, PIECE, 1);
	ZSTD_CCtx_setParameter(c.z, ZSTD_c_compressionLevel, LEVEL);
	/* For a small file the compressor's tables are small, too. */
	if (size < PLEDGED)
		ZSTD_CCtx_setPledgedSrcSize(c.z, size);
	for (;;) {
		executor_beat();
		n = read(fd, data, piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (first)
			gzip = n >= 2 && data[0] == 0x1f && data[1] == 0x8b;
		first = false;
		digest_add(d, data, (size_t)n);
		rc = gzip ? put(&c, data, (size_t)n) : compress(&c, data, (size_t)n, ZSTD_e_continue);
		if (rc < 0)
			break;
	}
	if (n < 0)
		rc = err_set(err, -errno, "cannot read: %s", strerror(errno));
	else if (rc == 0 && !gzip)
		rc = compress(&c, NULL, 0, ZSTD_e_end);
	if (rc == 0 && c.out >= 0 && fdatasync(c.out) < 0)
		rc = -errno;
	if (rc == -EAGAIN)
		err_set(err, rc, "changed while it was read");
	else if (rc < 0)
		err_set(err, rc, "cannot write the copy \"%s\": %s", to, strerror(-rc));
	if (c.out >= 0)
		close(c.out);
	kept->small = c.out < 0;
	digest_get(d, kept->sha256);
	kept->suffix = gzip ? ".xml.gz" : ".xml.zst";
	free(data);
	free(c.room);
	ZSTD_freeCCtx(c.z);
	digest_free(d);
	return rc;
}

int keep_place(const char *tmp, const char *path, struct err *err)
{
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int rc = 0;

	*slash = '\0';
	if (mkdir(dir, 0700) == 0) {
		char *up = xstrdup(dir);
		*strrchr(up, '/') = '\0';
		rc = file_sync_dir(up, err);
		free(up);
	} else if (errno != EEXIST) {
		rc = err_set(err, -errno, "cannot create \"%s\": %s", dir, strerror(errno));
	}
	if (rc == 0 && rename(tmp, path) < 0)
		rc = err_set(err, -errno, "cannot move the copy to \"%s\": %s", path, strerror(errno));
	if (rc == 0)
		rc = file_sync_dir(dir, err);
	free(dir);
	return rc;
}
