/* SPDX-License-Identifier: Apache-2.0
 *
 * poison.c - notes of what is in the parser.
 *
 * STATE/parsing/HASH holds one digit a death: an empty note is a file that is being read for the first time.
 * STATE/parsing/died is made by the signal handler, which may only open and close a file. */
#include "daemon/poison.h"

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char died_path[4096];

static void on_death(int signum)
{
	int fd = open(died_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		close(fd);
	signal(signum, SIG_DFL);
	raise(signum);
}

static void listen_deaths(void)
{
	static const int signums[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction own = { .sa_handler = on_death, .sa_flags = (int)SA_RESETHAND }, before;

	for (size_t i = 0; i < sizeof(signums) / sizeof(signums[0]); i++) {
		/* A sanitizer's handler tells more than ours; SIGABRT it leaves to us. */
		if (sigaction(signums[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(signums[i], &own, NULL);
	}
}

static char *note_path(const struct state *s, const uint8_t sha256[DIGEST_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(sha256, DIGEST_SIZE, hex);
	return xasprintf("%s/parsing/%s", s->dir, hex);
}

/* A death counts for every file that was in the parser: which of them it was is not known. */
static void count_note(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	(void)file_write_all(fd, "x", 1);
	close(fd);
}

int poison_open(const struct state *s, struct err *err)
{
	char *path = state_path(s, "parsing");
	int rc = file_mkdirs(path, 0700, err);
	DIR *dir = rc == 0 ? opendir(path) : NULL;

	if (rc == 0 && dir == NULL)
		rc = err_set(err, -errno, "cannot open \"%s\": %s", path, strerror(errno));
	snprintf(died_path, sizeof(died_path), "%s/died", path);
	if (dir != NULL) {
		bool died = access(died_path, F_OK) == 0;
		for (struct dirent *e; (e = readdir(dir)) != NULL;) {
			struct stat st;
			if (strlen(e->d_name) != DIGEST_HEX_SIZE - 1)
				continue;
			if (died)
				count_note(dirfd(dir), e->d_name);
			else if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				 st.st_size == 0)
				unlinkat(dirfd(dir), e->d_name, 0);
		}
		closedir(dir);
		if (died) {
			log_error(NULL,
				  "the last process died of a fault of its own; reports that were being read"
				  " are set aside after %d deaths",
				  POISON_DEATHS);
			unlink(died_path);
		}
		listen_deaths();
	}
	free(path);
	return rc;
}

unsigned poison_enter(const struct state *s, const uint8_t sha256[DIGEST_SIZE])
{
	char *path = note_path(s, sha256);
	struct stat st = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0) {
		/* The note's time tells since when. */
		if (futimens(fd, NULL) < 0 || fstat(fd, &st) < 0)
			st.st_size = 0;
		close(fd);
	}
	free(path);
	return (unsigned)st.st_size;
}

void poison_leave(const struct state *s, const uint8_t sha256[DIGEST_SIZE])
{
	char *path = note_path(s, sha256);

	unlink(path);
	free(path);
}
