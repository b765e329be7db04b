/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/roots.c - names beneath folders. */
#include "daemon/evidence/roots.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/evidence/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct root {
	char *path; /* as configured */
	char *real; /* without links, as reports may name it; NULL: the same */
	int fd;
	dev_t dev;
	ino_t ino;
};

struct evidence_roots {
	struct root *root;
	size_t count;
};

struct evidence_roots *evidence_roots_new(void)
{
	return xcalloc(1, sizeof(struct evidence_roots));
}

void evidence_roots_free(struct evidence_roots *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++) {
		close(r->root[i].fd);
		free(r->root[i].path);
		free(r->root[i].real);
	}
	free(r->root);
	free(r);
}

static char *real_path(int fd)
{
	char link[64], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return NULL;
	path[n] = '\0';
	return xstrdup(path);
}

static void add(struct evidence_roots *r, char *path, int fd)
{
	struct stat st;

	if (path == NULL || fd < 0 || fstat(fd, &st) < 0)
		goto out;
	for (size_t i = 0; i < r->count; i++) {
		if (r->root[i].dev == st.st_dev && r->root[i].ino == st.st_ino &&
		    strcmp(r->root[i].path, path) == 0)
			goto out;
	}
	char *real = real_path(fd);
	if (real != NULL && strcmp(real, path) == 0) {
		free(real);
		real = NULL;
	}
	r->root = xrealloc(r->root, r->count + 1, sizeof(*r->root));
	r->root[r->count++] = (struct root){ path, real, fd, st.st_dev, st.st_ino };
	return;
out:
	if (fd >= 0)
		close(fd);
	free(path);
}

void evidence_roots_add(struct evidence_roots *r, const char *path)
{
	if (path[0] == '/')
		add(r, evidence_join("/", path), open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void evidence_roots_add_beneath(struct evidence_roots *r, const char *top, const char *relative)
{
	char *path = evidence_join(top, relative), *folder = evidence_join("/", top);
	const char *rest = path != NULL && folder != NULL ? evidence_beneath(folder, path) : NULL;
	int top_fd = rest != NULL ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, fd = -1;

	if (top_fd >= 0) {
		file_open_dir_beneath(top_fd, rest, &fd, NULL);
		close(top_fd);
	}
	free(folder);
	add(r, path, fd);
}

const char *evidence_roots_at(const struct evidence_roots *r, size_t index, int *fd)
{
	if (index >= r->count)
		return NULL;
	*fd = r->root[index].fd;
	return r->root[index].path;
}

static const char *words(int code)
{
	switch (code) {
	case -ELOOP:
		return "it is, or lies behind, a symbolic link";
	case -EXDEV:
		return "it lies outside the folders of the report";
	case -EINVAL:
		return "it is not a regular file";
	case -ENAMETOOLONG:
		return "its name is too long";
	default:
		return strerror(-code);
	}
}

/* One absolute path, beneath the first folder that holds it.  -EXDEV: none does. */
static int open_path(struct evidence_roots *r, const char *path, int *fd)
{
	int worst = -EXDEV;

	for (size_t i = 0; i < r->count; i++) {
		const char *rest = evidence_beneath(r->root[i].path, path);
		if (rest == NULL && r->root[i].real != NULL)
			rest = evidence_beneath(r->root[i].real, path);
		if (rest == NULL)
			continue;
		int rc = rest[0] != '\0' ? file_open_beneath(r->root[i].fd, rest, fd, NULL) : -EINVAL;
		if (rc == -ENOTDIR)
			rc = -ENOENT;
		/* A folder may hold another one; where one of them says more than "no", that is said. */
		if (rc == 0)
			return 0;
		if (worst == -EXDEV || worst == -ENOENT)
			worst = rc;
	}
	return worst;
}

static int open_named(struct evidence_roots *r, const char *named, int *fd, char **path)
{
	int worst = -EXDEV;

	for (size_t i = 0; i < (named[0] == '/' ? 1 : r->count); i++) {
		char *whole = evidence_join(named[0] == '/' ? "/" : r->root[i].path, named);
		int rc = whole != NULL ? open_path(r, whole, fd) : -EXDEV;
		if (rc == 0) {
			*path = whole;
			return 0;
		}
		free(whole);
		/* "Not there" is the least that is known: it may still come. */
		if (worst == -EXDEV || (worst == -ENOENT && rc != -EXDEV))
			worst = rc;
	}
	return worst;
}

int evidence_roots_open(struct evidence_roots *r, const char *named, int *fd, char **path, struct err *err)
{
	char *plain = evidence_path(named);
	int rc;

	if (plain[0] == '\0') {
		rc = -EINVAL;
	} else if (strlen(plain) >= PATH_MAX) {
		rc = -ENAMETOOLONG;
	} else {
		rc = open_named(r, plain, fd, path);
		/* Reports of Windows jobs, whose files were brought here. */
		if (rc == -ENOENT && strchr(plain, '/') == NULL && strchr(plain, '\\') != NULL) {
			for (char *c = plain; *c != '\0'; c++)
				*c = *c == '\\' ? '/' : *c;
			rc = open_named(r, plain, fd, path);
		}
	}
	free(plain);
	if (rc < 0 && rc != -ENOENT)
		err_set(err, rc, "%s", words(rc));
	return rc;
}
