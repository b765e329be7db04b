/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/scan.c - files that patterns name. */
#include "daemon/evidence/scan.h"

#include "daemon/base/glob.h"
#include "daemon/base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64, FOLDERS_MAX = 50000 };

struct scan {
	const char *const *glob;
	size_t count;
	evidence_file_fn *file;
	void *cookie;
	unsigned folders;
	bool hidden, over;
};

/* Whether something beneath the folder can match the pattern. */
static bool may_hold(const char *glob, const char *folder)
{
	char part[256], name[256];

	for (;;) {
		size_t p = strcspn(glob, "/"), n = strcspn(folder, "/");
		if (n == 0)
			return true;
		if (p == 2 && strncmp(glob, "**", 2) == 0)
			return true;
		if (glob[p] == '\0')
			return false; /* its last component names a file */
		if (p >= sizeof(part) || n >= sizeof(name))
			return true;
		memcpy(part, glob, p);
		memcpy(name, folder, n);
		part[p] = name[n] = '\0';
		if (!glob_match(part, name))
			return false;
		glob += p + 1;
		folder += n + (folder[n] == '/');
	}
}

static bool wanted_folder(const struct scan *s, const char *relative)
{
	for (size_t i = 0; i < s->count; i++) {
		if (may_hold(s->glob[i], relative))
			return true;
	}
	return false;
}

static bool wanted_file(const struct scan *s, const char *relative)
{
	for (size_t i = 0; i < s->count; i++) {
		if (glob_match(s->glob[i], relative))
			return true;
	}
	return false;
}

static bool passed_over(const struct scan *s, const char *name)
{
	static const char *const endings[] = { ".tmp", ".part", "~" };
	size_t len = strlen(name);

	if (name[0] == '.' && (!s->hidden || strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
		return true;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);
		if (len > n && strcmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

static void walk(struct scan *s, int fd, const char *folder, unsigned depth)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	s->folders++;
	for (const struct dirent *e; !s->over && (e = readdir(dir)) != NULL;) {
		struct stat st;
		if (passed_over(s, e->d_name))
			continue;
		char *relative =
			folder[0] != '\0' ? xasprintf("%s/%s", folder, e->d_name) : xstrdup(e->d_name);
		bool file = wanted_file(s, relative), below = depth < DEPTH_MAX && wanted_folder(s, relative);
		if ((file || below) && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			if (S_ISREG(st.st_mode) && file) {
				const struct evidence_file found = {
					.relative = relative,
					.size = (uint64_t)st.st_size,
					.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
						    st.st_mtim.tv_nsec / 1000000,
				};
				s->over = s->file(s->cookie, &found) != 0;
			} else if (S_ISDIR(st.st_mode) && below && s->folders < FOLDERS_MAX) {
				walk(s,
				     openat(dirfd(dir), e->d_name,
					    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
				     relative, depth + 1);
			}
		}
		free(relative);
	}
	closedir(dir);
}

void evidence_scan(int root_fd, const char *const *glob, size_t count, evidence_file_fn *file, void *cookie)
{
	struct scan s = { .glob = glob, .count = count, .file = file, .cookie = cookie };

	for (size_t i = 0; i < count; i++)
		s.hidden |= glob[i][0] == '.' || strstr(glob[i], "/.") != NULL;
	walk(&s, openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", 0);
}
