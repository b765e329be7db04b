/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c - a stack of directories that are still to be read, and the one that is being read.
 *
 * The stack holds names, not descriptors: its depth costs memory only, and nothing keeps a file system
 * from being unmounted but the one directory in hand. */
#include "daemon/watch/scan.h"

#include "daemon/base/mem.h"

#include <uv.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct todo {
	struct todo *next;
	char dir[];
};

struct scan {
	const char *root;
	struct scan_ops ops;
	struct todo *todo;
	DIR *reading;
	struct todo *current;
};

struct scan *scan_new(const char *root, const struct scan_ops *ops)
{
	struct scan *s = xcalloc(1, sizeof(*s));

	s->root = root;
	s->ops = *ops;
	return s;
}

static void close_current(struct scan *s)
{
	if (s->reading != NULL)
		closedir(s->reading);
	s->reading = NULL;
	free(s->current);
	s->current = NULL;
}

void scan_drop(struct scan *s)
{
	close_current(s);
	while (s->todo != NULL) {
		struct todo *t = s->todo;

		s->todo = t->next;
		free(t);
	}
}

void scan_free(struct scan *s)
{
	if (s == NULL)
		return;
	scan_drop(s);
	free(s);
}

/* On top: depth first keeps the stack small. */
void scan_push(struct scan *s, const char *dir)
{
	size_t len = strlen(dir) + 1;
	struct todo *t = xcalloc(1, sizeof(*t) + len);

	memcpy(t->dir, dir, len);
	t->next = s->todo;
	s->todo = t;
}

bool scan_busy(const struct scan *s)
{
	return s->reading != NULL || s->todo != NULL;
}

/* The root may be reached by links, an operator named it; nothing beneath it may. */
static int open_dir(const struct scan *s, const char *dir)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
	const char *root = s->root[0] != '\0' ? s->root : "/";
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	if (dir[0] == '\0') {
		int fd = open(root, flags);

		return fd < 0 ? -errno : fd;
	}
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	long fd = syscall(SYS_openat2, root_fd, dir, &how, sizeof(how));
	for (int tries = 0; fd < 0 && errno == EAGAIN && tries < 16; tries++)
		fd = syscall(SYS_openat2, root_fd, dir, &how, sizeof(how));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		fd = openat(root_fd, dir, flags | O_NOFOLLOW);
	int rc = fd < 0 ? -errno : (int)fd;
	close(root_fd);
	return rc;
}

static void begin_next(struct scan *s)
{
	struct todo *t = s->todo;

	s->todo = t->next;
	s->current = t;
	int rc = -ENOENT;
	if (s->ops.before(s->ops.cookie, t->dir)) {
		rc = open_dir(s, t->dir);
		if (rc >= 0) {
			int fd = rc;

			s->reading = fdopendir(fd);
			rc = s->reading != NULL ? 0 : -errno;
			if (rc < 0)
				close(fd);
		}
	}
	/* Gone, or a link or a file by now: there is no such directory any more. */
	if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP)
		s->ops.failed(s->ops.cookie, t->dir, -rc);
	if (rc < 0)
		close_current(s);
}

static void take_entry(struct scan *s, const struct dirent *e)
{
	const char *dir = s->current->dir, *name = e->d_name;
	unsigned char type = e->d_type;
	char path[PATH_MAX];
	struct stat st;

	if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
		return;
	int n = snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
	if (n < 0 || (size_t)n + strlen(s->root) + 2 > sizeof(path))
		return; /* no path that anybody could open */
	bool stated = false;
	if (type == DT_UNKNOWN) {
		if (fstatat(dirfd(s->reading), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return;
		stated = true;
		type = S_ISDIR(st.st_mode) ? DT_DIR : DT_UNKNOWN;
	}
	if (type == DT_DIR) {
		if (s->ops.enter(s->ops.cookie, path))
			scan_push(s, path);
		return;
	}
	unsigned wanted = s->ops.wants(s->ops.cookie, path);
	if (wanted == 0)
		return;
	if (!stated && fstatat(dirfd(s->reading), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISREG(st.st_mode))
		s->ops.file(s->ops.cookie, path, wanted, &st);
	else if (!S_ISDIR(st.st_mode) && s->ops.strange != NULL)
		s->ops.strange(s->ops.cookie, path, st.st_mode);
}

bool scan_step(struct scan *s, uint64_t budget_ns)
{
	uint64_t until_ns = uv_hrtime() + budget_ns;

	for (unsigned n = 0; scan_busy(s); n++) {
		if (n % 16 == 15 && uv_hrtime() >= until_ns)
			return true;
		if (s->ops.full != NULL && s->ops.full(s->ops.cookie))
			return true;
		if (s->reading == NULL) {
			begin_next(s);
			continue;
		}
		errno = 0;
		const struct dirent *e = readdir(s->reading);
		if (e != NULL) {
			take_entry(s, e);
			continue;
		}
		if (errno != 0 && errno != ENOENT)
			s->ops.failed(s->ops.cookie, s->current->dir, errno);
		close_current(s);
	}
	return false;
}
