/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c - the state directory. */
#include "daemon/state.h"

#include "daemon/base/digest.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *state_path(const struct state *s, const char *name)
{
	return xasprintf("%s/%s", s->dir, name);
}

void state_report_path(const struct state *s, const uint8_t sha256[32], const char *suffix, char **name,
		       char **path)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(sha256, DIGEST_SIZE, hex);
	*name = xasprintf("%.2s/%s%s", hex, hex, suffix);
	*path = xasprintf("%s/reports/%s", s->dir, *name);
}

char *state_default_dir(void)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (xdg != NULL && xdg[0] == '/')
		return xasprintf("%s/resultd", xdg);
	if (home != NULL && home[0] == '/')
		return xasprintf("%s/.local/state/resultd", home);
	return xstrdup("/var/lib/resultd");
}

static void empty_folder(const char *path)
{
	DIR *dir = opendir(path);

	if (dir == NULL)
		return;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] != '.' || (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0))
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	closedir(dir);
}

bool state_lived(const struct state *s)
{
	char *path = state_path(s, "ballast");
	bool lived = access(path, F_OK) == 0;

	free(path);
	if (lived)
		return true;
	path = state_path(s, "reports");
	DIR *dir = opendir(path);
	free(path);
	if (dir == NULL)
		return false;
	for (const struct dirent *e; !lived && (e = readdir(dir)) != NULL;)
		lived = e->d_name[0] != '.';
	closedir(dir);
	return lived;
}

static int say_who(int fd, const char *dir, struct err *err)
{
	char who[256] = "";
	ssize_t n = pread(fd, who, sizeof(who) - 1, 0);

	if (n < 0)
		n = 0;
	who[n] = '\0';
	who[strcspn(who, "\n")] = '\0';
	return err_set(err, -EAGAIN, "state directory \"%s\" is held by %s", dir,
		       who[0] != '\0' ? who : "another process");
}

static int take_lock(const char *dir, const char *command, int *out, struct err *err)
{
	char *path = xasprintf("%s/lock", dir);
	char who[128];
	int rc = 0;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		rc = err_set(err, -errno, "cannot open \"%s\": %s", path, strerror(errno));
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = errno == EWOULDBLOCK
			     ? say_who(fd, dir, err)
			     : err_set(err, -errno, "cannot lock \"%s\": %s", path, strerror(errno));
	free(path);
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	int n = snprintf(who, sizeof(who), "process %ld (resultd %s)\n", (long)getpid(), command);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, who, (size_t)n, 0) != n) {
		rc = err_set(err, -errno, "cannot write the lock file in \"%s\": %s", dir, strerror(errno));
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

int state_open(const char *dir, const char *command, struct state *out, struct err *err)
{
	static const char *const folder[] = { "reports", "evidence", "tmp" };
	int fd = -1;
	int rc = file_mkdirs(dir, 0700, err);

	if (rc == 0)
		rc = take_lock(dir, command, &fd, err);
	if (rc < 0)
		return rc;
	*out = (struct state){ .dir = xstrdup(dir), .lock_fd = fd };
	for (size_t i = 0; i < sizeof(folder) / sizeof(folder[0]) && rc == 0; i++) {
		char *path = state_path(out, folder[i]);
		rc = file_mkdirs(path, 0700, err);
		if (rc == 0 && strcmp(folder[i], "tmp") == 0)
			empty_folder(path);
		free(path);
	}
	if (rc < 0)
		state_close(out);
	return rc;
}

void state_close(struct state *s)
{
	if (s == NULL || s->dir == NULL)
		return;
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->dir);
	s->dir = NULL;
	s->lock_fd = -1;
}
