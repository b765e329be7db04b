/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.c - deliveries into a directory.
 *
 * The folder itself may be anywhere (an operator named it); everything beneath is reached one component
 * at a time from its descriptor, never through a symbolic link.  An exchange is one task of the executor:
 * the loop owns the struct before and after, a worker in between. */
#include "daemon/net/folder.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/list.h"
#include "daemon/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX (16u << 20)
#define DIR_MODE 0755

struct folder {
	struct transport base;
	struct executor *executor;
	struct list ops; /* submitted, done() not yet run */
	bool closing;
};

struct folder_op {
	struct list link;
	struct folder *folder;
	const struct endpoint *to;
	const struct request *request;
	transport_done_fn *done;
	void *cookie;
	atomic_bool cancelled;
	bool worked; /* false: the executor ended before it came to this one */
	struct reply reply;
};

/* ---- on a worker ---- */

static int status_of(int rc)
{
	switch (-rc) {
	case 0:
		return 200;
	case ENOENT:
		return 404;
	case EACCES:
	case EPERM:
	case EROFS:
		return 403;
	case EINVAL:
	case ELOOP:
	case EXDEV:
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
	case ENXIO:
		return 400;
	case ESPIPE:
		return 416;
	case EFBIG:
	case ENOSPC:
	case EDQUOT:
		return 507;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return 503;
	}
	return 500;
}

/* "a/b/c.jsonl": no empty component, no "." or "..", no control characters. */
static int check_path(const struct buf *path, struct err *err)
{
	if (path->len == 0)
		return err_set(err, -EINVAL, "no file is named");
	if (path->len >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "a path of %zu bytes", path->len);
	for (size_t i = 0; i < path->len; i++)
		if ((unsigned char)path->data[i] < 0x20 || path->data[i] == 0x7f)
			return err_set(err, -EINVAL, "a control character in a path");
	for (const char *at = path->data;; at++) {
		size_t n = strcspn(at, "/");

		if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return err_set(err, -EINVAL, "\"%s\" is not a plain relative path", path->data);
		at += n;
		if (*at == '\0')
			return 0;
	}
}

static mode_t dir_mode(const struct endpoint *to)
{
	return to->folder_mode != 0 ? to->folder_mode & 07777 : DIR_MODE;
}

static mode_t file_mode(const struct endpoint *to)
{
	return dir_mode(to) & 0666;
}

static int sync_fd(int fd)
{
	return fsync(fd) == 0 ? 0 : -errno;
}

/* The component `name` of `at`, made where it is missing. */
static int open_dir(int at, const char *name, mode_t mode, int *fd)
{
	bool made = mkdirat(at, name, 0700) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	*fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	int rc = 0;
	if (made) {
		if (fchmod(*fd, mode) < 0)
			rc = -errno;
		if (rc == 0)
			rc = sync_fd(at);
		if (rc < 0)
			close(*fd);
	}
	return rc;
}

static int open_root(const struct endpoint *to, int *fd, struct err *err)
{
	*fd = open(to->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT) {
		int rc = file_mkdirs(to->url, dir_mode(to), err);

		if (rc < 0)
			return rc;
		if (chmod(to->url, dir_mode(to)) < 0)
			return err_set(err, -errno, "%s: %s", to->url, strerror(errno));
		*fd = open(to->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return *fd < 0 ? err_set(err, -errno, "%s: %s", to->url, strerror(errno)) : 0;
}

/* The directory that holds request.path, made where it is missing; *name points into the path. */
static int open_parent(const struct folder_op *op, int *fd, const char **name, struct err *err)
{
	const char *path = op->request->path.data;
	int at = -1;
	int rc = open_root(op->to, &at, err);

	if (rc < 0)
		return rc;
	for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
		char part[NAME_MAX + 1];
		int next = -1;

		rc = -ENAMETOOLONG;
		if ((size_t)(slash - path) < sizeof(part)) {
			memcpy(part, path, (size_t)(slash - path));
			part[slash - path] = '\0';
			rc = open_dir(at, part, dir_mode(op->to), &next);
		}
		close(at);
		if (rc < 0)
			return err_set(err, rc, "%s/%s: %s", op->to->url, op->request->path.data,
				       strerror(-rc));
		at = next;
	}
	*fd = at;
	*name = path;
	return 0;
}

/* -EBADMSG: the file of an upload is not what was to be sent, now and later. */
static int no_upload(int rc)
{
	return upload_gone(rc) ? -EBADMSG : rc == -EMFILE || rc == -ENFILE ? rc : -EAGAIN;
}

/* The file of an upload, in pieces: its size is nobody's memory. */
static int copy_upload(const struct request *q, int to)
{
	int from = open(q->upload_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char piece[65536];
	uint64_t size = 0;
	int rc = 0;

	if (from < 0)
		return no_upload(-errno);
	if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(from);
		return -EBADMSG;
	}
	for (ssize_t n; rc == 0 && (n = read(from, piece, sizeof(piece))) != 0;) {
		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? no_upload(-errno) : file_write_all(to, piece, (size_t)n);
		size += n > 0 ? (uint64_t)n : 0;
	}
	close(from);
	return rc == 0 && q->upload_size > 0 && size != q->upload_size ? -EBADMSG : rc;
}

/* Beside the target, so that the rename stays in one file system. */
static int write_beside(const struct folder_op *op, int dir, const char *name)
{
	static atomic_uint counter;
	const struct buf *body = &op->request->body;
	char temp[64];
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ELOOP;
	snprintf(temp, sizeof(temp), ".put-%ld-%u.tmp", (long)getpid(), atomic_fetch_add(&counter, 1));
	unlinkat(dir, temp, 0); /* of a process with our number that was killed */
	int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int rc = fchmod(fd, file_mode(op->to)) == 0 ? 0 : -errno;
	if (rc == 0)
		rc = op->request->upload_path != NULL ? copy_upload(op->request, fd)
						      : file_write_all(fd, body->data, body->len);
	if (rc == 0)
		rc = sync_fd(fd);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(dir, temp, dir, name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(dir, temp, 0);
	return rc < 0 ? rc : sync_fd(dir);
}

static int write_at(int fd, const char *data, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Safe to repeat: whatever an earlier try left behind the offset is cut off first. */
static int append(const struct folder_op *op, int dir, const char *name)
{
	const struct request *q = op->request;
	struct stat st;

	if (q->offset > INT64_MAX - q->body.len)
		return -EFBIG;
	const int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0600);
	bool made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = openat(dir, name, flags);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) == 0 ? 0 : -errno;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc == 0 && (uint64_t)st.st_size < q->offset)
		rc = -ESPIPE;
	if (rc == 0 && made && fchmod(fd, file_mode(op->to)) < 0)
		rc = -errno;
	if (rc == 0 && ftruncate(fd, (off_t)q->offset) < 0)
		rc = -errno;
	if (rc == 0)
		rc = write_at(fd, q->body.data, q->body.len, (off_t)q->offset);
	if (rc == 0)
		rc = sync_fd(fd);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (made) /* never leave an empty file behind for nothing */
		rc = rc < 0 ? (unlinkat(dir, name, 0), rc) : sync_fd(dir);
	return rc;
}

static int write_file(struct folder_op *op, struct err *err)
{
	const char *name = NULL;
	int dir = -1;
	int rc = open_parent(op, &dir, &name, err);

	if (rc < 0)
		return rc;
	assert(name != NULL);
	rc = op->request->method == METHOD_PUT ? write_beside(op, dir, name) : append(op, dir, name);
	close(dir);
	if (rc == -ESPIPE)
		return err_set(err, rc, "%s/%s: is shorter than the %llu bytes that were written",
			       op->to->url, op->request->path.data, (unsigned long long)op->request->offset);
	return rc < 0 ? err_set(err, rc, "%s/%s: %s", op->to->url, op->request->path.data, strerror(-rc)) : 0;
}

static int read_all(int fd, struct buf *out)
{
	char piece[16384];

	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		int rc = buf_append(out, piece, (size_t)n);
		if (rc < 0)
			return rc;
	}
}

static int read_file(struct folder_op *op, struct err *err)
{
	const struct request *q = op->request;
	uint64_t max = q->reply_max != 0 ? q->reply_max : READ_MAX;
	int fd = -1;

	int dir = open(op->to->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(err, -errno, "%s: %s", op->to->url, strerror(errno));
	int rc = file_open_beneath(dir, q->path.data, &fd, err);
	close(dir);
	if (rc < 0)
		return rc;
	op->reply.body.max = max < SIZE_MAX ? (size_t)max : SIZE_MAX;
	rc = read_all(fd, &op->reply.body);
	close(fd);
	if (rc == -E2BIG) {
		op->reply.exchange = EXCHANGE_TOO_LARGE;
		return err_set(err, rc, "%s/%s: larger than %llu bytes", op->to->url, q->path.data,
			       (unsigned long long)max);
	}
	return rc < 0 ? err_set(err, rc, "%s/%s: %s", op->to->url, q->path.data, strerror(-rc)) : 0;
}

static void work(void *cookie)
{
	struct folder_op *op = cookie;
	struct reply *r = &op->reply;
	struct err err = ERR_NONE;
	int64_t start_ms = clock_mono_ms();

	if (op->cancelled)
		return;
	op->worked = true;
	r->exchange = EXCHANGE_ANSWERED;
	int rc = check_path(&op->request->path, &err);
	if (rc < 0) {
		r->status = status_of(rc);
	} else {
		switch (op->request->method) {
		case METHOD_GET:
			r->status = status_of(read_file(op, &err));
			break;
		case METHOD_POST:
		case METHOD_PUT:
			rc = write_file(op, &err);
			if (rc == -EBADMSG) {
				r->exchange = EXCHANGE_NO_FILE;
				err_clear(&err);
				err_set(&err, rc, "%s: it is gone, or not what it was",
					op->request->upload_path);
			}
			/* A missing parent of the folder is nobody's 404. */
			r->status = rc == -ENOENT ? 500 : status_of(rc);
			r->sent_bytes = rc == 0 ? op->request->body.len : 0;
			break;
		case METHOD_DELETE:
			r->status = 405;
			err_set(&err, -ENOTSUP, "a folder deletes nothing");
			break;
		}
	}
	if (r->exchange != EXCHANGE_ANSWERED)
		r->status = 0;
	snprintf(r->error, sizeof(r->error), "%.*s", (int)sizeof(r->error) - 1, err.text);
	r->server_ms = clock_wall_ms();
	r->elapsed_ms = (double)(clock_mono_ms() - start_ms);
}

/* ---- on the loop ---- */

static void finish(void *cookie)
{
	struct folder_op *op = cookie;
	struct folder *f = op->folder;

	if (op->cancelled) {
		buf_reset(&op->reply.body);
		op->reply.exchange = EXCHANGE_CANCELLED;
		snprintf(op->reply.error, sizeof(op->reply.error), "cancelled");
	} else if (!op->worked) {
		snprintf(op->reply.error, sizeof(op->reply.error), "not begun: the program ends");
	}
	op->done(op->cookie, &op->reply);
	list_remove(&op->link);
	reply_done(&op->reply);
	free(op);
	if (f->closing && list_empty(&f->ops))
		free(f);
}

static struct exchange_op *folder_send(struct transport *t, const struct endpoint *to,
				       const struct request *request, transport_done_fn *done, void *cookie)
{
	struct folder *f = (struct folder *)t;
	struct folder_op *op = xcalloc(1, sizeof(*op));

	op->folder = f;
	op->to = to;
	op->request = request;
	op->done = done;
	op->cookie = cookie;
	op->cancelled = f->closing;
	reply_init(&op->reply);
	list_append(&f->ops, &op->link);
	executor_submit(f->executor, work, finish, op);
	return (struct exchange_op *)op;
}

/* A worker may be writing already; the write is whole or not begun, and the answer is not told. */
static void folder_cancel(struct transport *t, struct exchange_op *op)
{
	(void)t;
	((struct folder_op *)op)->cancelled = true;
}

static void folder_close(struct transport *t)
{
	struct folder *f = (struct folder *)t;

	if (f == NULL || f->closing)
		return;
	f->closing = true;
	list_each(link, &f->ops)
		list_entry(link, struct folder_op, link)->cancelled = true;
	if (list_empty(&f->ops))
		free(f);
}

static const struct transport_ops folder_ops = {
	.send = folder_send,
	.cancel = folder_cancel,
	.close = folder_close,
};

struct transport *folder_open(struct executor *executor)
{
	struct folder *f = xcalloc(1, sizeof(*f));

	f->base.ops = &folder_ops;
	f->executor = executor;
	list_init(&f->ops);
	return &f->base;
}
