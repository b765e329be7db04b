/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c - files, safely. */
#include "daemon/base/file.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(struct err *err, const char *path, const char *verb)
{
	int e = errno;

	return err_set(err, -e, "cannot %s \"%s\": %s", verb, path, strerror(e));
}

int file_read(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(err, path, "open");
	int rc = 0;
	for (;;) {
		size_t room = out->max - out->len;
		if (room > 65536)
			room = 65536;
		if (room == 0) {
			char extra;
			ssize_t n = read(fd, &extra, 1);
			if (n != 0)
				rc = n < 0 ? fail(err, path, "read")
					   : err_set(err, -E2BIG, "\"%s\" is larger than %zu bytes", path,
						     out->max);
			break;
		}
		if ((rc = buf_reserve(out, room)) < 0)
			break;
		ssize_t n = read(fd, out->data + out->len, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = fail(err, path, "read");
		if (n <= 0)
			break;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
	close(fd);
	return rc;
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_sync_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(err, path, "open");
	int rc = fsync(fd) < 0 ? fail(err, path, "sync") : 0;
	close(fd);
	return rc;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	char *beside = xasprintf("%s.%ld.tmp", path, (long)getpid());
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int rc = 0;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		rc = fail(err, beside, "create");
		goto out;
	}
	rc = file_write_all(fd, data, len);
	if (rc < 0)
		err_set(err, rc, "cannot write \"%s\": %s", beside, strerror(-rc));
	else if (fsync(fd) < 0)
		rc = fail(err, beside, "sync");
	close(fd);
	if (rc == 0 && rename(beside, path) < 0)
		rc = fail(err, path, "replace");
	if (rc < 0)
		unlink(beside);
	else
		rc = file_sync_dir(slash != NULL ? dir : ".", err);
out:
	free(beside);
	free(dir);
	return rc;
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char *copy = xstrdup(path);
	int rc = 0;

	for (char *p = copy + 1; rc == 0; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char was = *p;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			rc = fail(err, copy, "create directory");
		*p = was;
		if (was == '\0')
			break;
	}
	struct stat st;
	if (rc == 0 && stat(path, &st) < 0)
		rc = fail(err, path, "create directory");
	else if (rc == 0 && !S_ISDIR(st.st_mode))
		rc = err_set(err, -ENOTDIR, "\"%s\" is not a directory", path);
	free(copy);
	return rc;
}

/* A link in the middle of a path is "not a directory" to O_NOFOLLOW; people are told what it is. */
static int refusal(int dir, const char *part)
{
	int e = errno;
	struct stat st;

	if (e == ENOTDIR && fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		e = ELOOP;
	return -e;
}

/* Every component by itself, no link followed, no "..". */
int file_open_components(int root_fd, const char *relative, int flags)
{
	char *copy = xstrdup(relative), *save = NULL;
	int dir = root_fd, fd = -EINVAL;

	for (char *part = strtok_r(copy, "/", &save); part != NULL;) {
		char *next = strtok_r(NULL, "/", &save);
		if (strcmp(part, "..") == 0)
			fd = -EXDEV;
		else if ((fd = openat(dir, part,
				      next != NULL ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : flags)) <
			 0)
			fd = refusal(dir, part);
		if (dir != root_fd)
			close(dir);
		if (fd < 0 || next == NULL)
			break;
		dir = fd;
		part = next;
	}
	free(copy);
	return fd;
}

static int open_beneath(int root_fd, const char *relative, int flags, struct err *err)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	if (relative[0] == '/')
		return err_set(err, -EXDEV, "\"%s\" is not beneath its folder", relative);
	for (int tries = 0; tries < 16; tries++) {
		fd = syscall(SYS_openat2, root_fd, relative, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		fd = file_open_components(root_fd, relative, flags);
	else if (fd < 0)
		fd = -errno;
	if (fd < 0)
		return err_set(err, (int)fd, "cannot open \"%s\": %s", relative,
			       fd == -ELOOP   ? "a symbolic link is not followed"
			       : fd == -EXDEV ? "it lies outside its folder"
					      : strerror((int)-fd));
	return (int)fd;
}

int file_open_beneath(int root_fd, const char *relative, int *out, struct err *err)
{
	struct stat st;
	int fd = open_beneath(root_fd, relative, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
			      err);

	if (fd < 0)
		return fd;
	int rc = 0;
	if (fstat(fd, &st) < 0)
		rc = fail(err, relative, "examine");
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, -EINVAL, "\"%s\" is not a regular file", relative);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

int file_open_dir_beneath(int root_fd, const char *relative, int *out, struct err *err)
{
	int fd = open_beneath(root_fd, relative[0] != '\0' ? relative : ".",
			      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, err);

	if (fd < 0)
		return fd;
	*out = fd;
	return 0;
}
