/* SPDX-License-Identifier: Apache-2.0
 *
 * poison.c - notes of what is in the parser.
 *
 * STATE/parsing/now has a line for each file that is being read: its hash, or blanks.  The file has its size from the
 * start, so a note costs one write and nothing that a disk waits for.  STATE/parsing/HASH, which is there only for
 * content that was in the parser at a death, holds one byte a death.  STATE/parsing/died is made by the signal
 * handler, which may only open and close a file. */
#include "daemon/intake/poison.h"

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 64, HEX = DIGEST_HEX_SIZE - 1, LINE = HEX + 1 };

static char died_path[4096];
static int now_fd = -1;        /* the file of notes; one a process, as the state directory is */
static atomic_ullong taken;    /* slots, a bit each */
static atomic_bool any_deaths; /* there may be a note of a death: else nobody looks for one */

_Static_assert(SLOTS == 8 * sizeof(unsigned long long), "a bit for each slot");

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

static bool is_hash(const char *name)
{
	return strspn(name, "0123456789abcdef") == HEX && name[HEX] == '\0';
}

/* A death counts for every file that was in the parser: which of them it was is not known. */
static void count_note(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	(void)file_write_all(fd, "x", 1);
	close(fd);
}

static void count_notes(int dir)
{
	char notes[SLOTS * LINE];
	ssize_t n = pread(now_fd, notes, sizeof(notes), 0);

	for (ssize_t at = 0; at + LINE <= n; at += LINE) {
		notes[at + HEX] = '\0';
		if (is_hash(notes + at))
			count_note(dir, notes + at);
	}
}

/* What an earlier version left: there a note was a file of its own, empty at the first time. */
static void count_files(DIR *dir, bool died)
{
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		struct stat st;
		if (!is_hash(e->d_name) || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (st.st_size == 0 && died)
			count_note(dirfd(dir), e->d_name);
		else if (st.st_size == 0)
			unlinkat(dirfd(dir), e->d_name, 0);
		if (st.st_size > 0 || died)
			atomic_store(&any_deaths, true);
	}
}

/* Nothing of a process before, and room for all notes. */
static int clear_notes(struct err *err)
{
	char blank[SLOTS * LINE];

	memset(blank, ' ', sizeof(blank));
	for (size_t at = HEX; at < sizeof(blank); at += LINE)
		blank[at] = '\n';
	if (pwrite(now_fd, blank, sizeof(blank), 0) != (ssize_t)sizeof(blank))
		return err_set(err, errno != 0 ? -errno : -EIO, "cannot write to \"%s\": %s", "parsing/now",
			       strerror(errno));
	return 0;
}

int poison_open(const struct state *s, struct err *err)
{
	char *path = state_path(s, "parsing"), *now = xasprintf("%s/now", path);
	int rc = file_mkdirs(path, 0700, err);
	DIR *dir = rc == 0 ? opendir(path) : NULL;

	if (rc == 0 && dir == NULL)
		rc = err_set(err, -errno, "cannot open \"%s\": %s", path, strerror(errno));
	if (now_fd >= 0)
		close(now_fd);
	now_fd = rc == 0 ? open(now, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (rc == 0 && now_fd < 0)
		rc = err_set(err, -errno, "cannot open \"%s\": %s", now, strerror(errno));
	atomic_store(&taken, 0);
	atomic_store(&any_deaths, false);
	snprintf(died_path, sizeof(died_path), "%s/died", path);
	if (rc == 0 && dir != NULL) {
		bool died = access(died_path, F_OK) == 0;
		if (died)
			count_notes(dirfd(dir));
		count_files(dir, died);
		struct err full = ERR_NONE;
		if (clear_notes(&full) < 0)
			log_warning(NULL, "what is being read cannot be noted: %s", full.text);
		if (died) {
			log_error(NULL,
				  "the last process died of a fault of its own; reports that were being read"
				  " are set aside after %d deaths",
				  POISON_DEATHS);
			unlink(died_path);
		}
		listen_deaths();
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
	free(now);
	return rc;
}

static int take_slot(void)
{
	unsigned long long all = atomic_load(&taken);

	while (~all != 0) {
		int slot = __builtin_ctzll(~all);
		if (atomic_compare_exchange_weak(&taken, &all, all | 1ULL << slot))
			return slot;
	}
	return -1;
}

static void write_note(int slot, const char *hex)
{
	if (pwrite(now_fd, hex, HEX, (off_t)slot * LINE) != HEX)
		log_debug(NULL, "what is being read could not be noted: %s", strerror(errno));
}

unsigned poison_enter(const struct state *s, const uint8_t sha256[DIGEST_SIZE], int *slot)
{
	char hex[DIGEST_HEX_SIZE];
	struct stat st = { 0 };

	*slot = take_slot();
	digest_hex(sha256, DIGEST_SIZE, hex);
	if (*slot >= 0)
		write_note(*slot, hex);
	if (!atomic_load(&any_deaths))
		return 0;
	char *path = note_path(s, sha256);
	if (lstat(path, &st) < 0)
		st.st_size = 0;
	free(path);
	return (unsigned)st.st_size;
}

void poison_leave(const struct state *s, const uint8_t sha256[DIGEST_SIZE], int slot, bool well)
{
	char blank[HEX];

	memset(blank, ' ', sizeof(blank));
	if (slot >= 0) {
		write_note(slot, blank);
		atomic_fetch_and(&taken, ~(1ULL << slot));
	}
	if (!well || !atomic_load(&any_deaths))
		return;
	char *path = note_path(s, sha256);
	unlink(path);
	free(path);
}
