/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling.c - sizes that were walked, what was counted since, and the database's as it is now. */
#include "daemon/ceiling.h"

#include "daemon/base/clock.h"
#include "daemon/base/executor.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LOOK_MS = 250, NEAR_PERCENT = 90, SPARE_PERCENT = 5 };

struct ceiling {
	char *dir;
	int64_t every_ms;
	pthread_mutex_t lock; /* of what follows */
	int64_t max_size;
	bool walked, looked;
	int64_t walked_ms, looked_ms; /* mono */
	int64_t files, since;         /* bytes of the last walk; and what was counted since */
	int64_t database;
	enum ceiling_level level;
};

static const struct log_ctx log_ctx = { .who = "disk" };

const char *ceiling_level_name(enum ceiling_level l)
{
	static const char *const name[] = { "fine", "near", "full" };

	return name[l];
}

/* ---- looking ---- */

static int64_t size_at(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size
										       : 0;
}

/* Names of the one open file are never opened here: closing them again would end the database's locks. */
static int64_t database_bytes(const struct ceiling *c)
{
	int fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	int64_t bytes = size_at(fd, "queue.db") + size_at(fd, "queue.db-wal");
	close(fd);
	return bytes;
}

/* Of the files in a folder. */
static int64_t folder_bytes(const char *dir, const char *under)
{
	int64_t bytes = 0;
	char *path = xasprintf("%s/%s", dir, under);
	DIR *d = opendir(path);

	free(path);
	if (d == NULL)
		return 0;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		if (e->d_name[0] != '.')
			bytes += size_at(dirfd(d), e->d_name);
		executor_beat();
	}
	closedir(d);
	return bytes;
}

static int64_t shelves_bytes(const char *dir, const char *name)
{
	int64_t bytes = 0;
	char under[32];

	for (unsigned i = 0; i < 256; i++) {
		(void)snprintf(under, sizeof(under), "%s/%02x", name, i);
		bytes += folder_bytes(dir, under);
	}
	return bytes;
}

/* ---- judging; all of it under the lock ---- */

static int64_t bytes_of(const struct ceiling *c)
{
	int64_t files = c->files + c->since;

	return (files > 0 ? files : 0) + c->database;
}

static int64_t percent(int64_t whole, int part)
{
	return whole / 100 * part + whole % 100 * part / 100;
}

static enum ceiling_level judge(const struct ceiling *c)
{
	int64_t full = c->max_size, near = percent(c->max_size, NEAR_PERCENT), bytes = bytes_of(c);

	if (c->level == CEILING_FULL)
		full -= percent(c->max_size, SPARE_PERCENT);
	if (c->level >= CEILING_NEAR)
		near -= percent(c->max_size, SPARE_PERCENT);
	return c->max_size == 0 || !c->walked ? CEILING_FINE
	       : bytes >= full                ? CEILING_FULL
	       : bytes >= near                ? CEILING_NEAR
					      : CEILING_FINE;
}

static void say(const struct ceiling *c, enum ceiling_level was)
{
	double mib = (double)bytes_of(c) / 1048576, max = (double)c->max_size / 1048576;

	switch (c->level) {
	case CEILING_FINE:
		log_info(&log_ctx, "%s holds %.0f MiB, well below keep.max_size (%.0f MiB): all goes on",
			 c->dir, mib, max);
		break;
	case CEILING_NEAR:
		if (was == CEILING_FULL)
			log_warning(&log_ctx, "%s holds %.0f MiB: reports are taken in again", c->dir, mib);
		else
			log_warning(
				&log_ctx,
				"%s holds %.0f MiB, nearly keep.max_size (%.0f MiB): no evidence is kept, "
				"and runs that are done go before their time",
				c->dir, mib, max);
		break;
	case CEILING_FULL:
		log_error(&log_ctx,
			  "%s holds %.0f MiB, and keep.max_size is %.0f MiB: nothing new is taken in until "
			  "something is delivered",
			  c->dir, mib, max);
		break;
	}
}

static void settle(struct ceiling *c)
{
	enum ceiling_level was = c->level;

	c->level = judge(c);
	if (c->level != was)
		say(c, was);
}

static void look(struct ceiling *c)
{
	int64_t mono = clock_mono_ms();

	if (c->looked && mono - c->looked_ms < LOOK_MS)
		return;
	c->looked = true;
	c->looked_ms = mono;
	c->database = database_bytes(c);
	settle(c);
}

/* ---- life ---- */

struct ceiling *ceiling_new(const char *state_dir, int64_t max_size, int64_t every_ms)
{
	struct ceiling *c = xcalloc(1, sizeof(*c));

	c->dir = xstrdup(state_dir);
	c->max_size = max_size;
	c->every_ms = every_ms;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void ceiling_free(struct ceiling *c)
{
	if (c == NULL)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c->dir);
	free(c);
}

void ceiling_mark(struct ceiling *c, int64_t max_size)
{
	pthread_mutex_lock(&c->lock);
	c->max_size = max_size;
	settle(c);
	pthread_mutex_unlock(&c->lock);
}

/* Where the whole disk holds less than the mark, so does the directory: nobody has to walk it. */
static bool disk_holds(const struct ceiling *c, int64_t bytes)
{
	struct statvfs v;

	return statvfs(c->dir, &v) < 0 || v.f_blocks < v.f_bfree ||
	       (v.f_blocks - v.f_bfree) >= (unsigned long long)bytes / v.f_frsize;
}

bool ceiling_due(struct ceiling *c)
{
	pthread_mutex_lock(&c->lock);
	/* Reports come uncounted between two walks: where there is less room for them the next one is sooner. */
	int64_t every = bytes_of(c) > c->max_size / 2 ? c->every_ms / 6 : c->every_ms;
	bool due = c->max_size > 0 && (!c->walked || clock_mono_ms() - c->walked_ms >= every) &&
		   disk_holds(c, percent(c->max_size, NEAR_PERCENT - SPARE_PERCENT));
	pthread_mutex_unlock(&c->lock);
	return due;
}

bool ceiling_known(struct ceiling *c)
{
	pthread_mutex_lock(&c->lock);
	bool known = c->walked;
	pthread_mutex_unlock(&c->lock);
	return known;
}

void ceiling_walk(struct ceiling *c)
{
	pthread_mutex_lock(&c->lock);
	int64_t before = c->since;
	pthread_mutex_unlock(&c->lock);
	int64_t files = shelves_bytes(c->dir, "reports") + shelves_bytes(c->dir, "evidence") +
			folder_bytes(c->dir, "tmp");
	pthread_mutex_lock(&c->lock);
	/* What came meanwhile may have been seen or not; the next walk knows. */
	c->files = files;
	c->since -= before;
	c->walked = true;
	c->walked_ms = clock_mono_ms();
	c->looked = false;
	look(c);
	pthread_mutex_unlock(&c->lock);
}

void ceiling_add(struct ceiling *c, int64_t bytes)
{
	pthread_mutex_lock(&c->lock);
	c->since += bytes;
	settle(c);
	pthread_mutex_unlock(&c->lock);
}

enum ceiling_level ceiling_look(struct ceiling *c)
{
	pthread_mutex_lock(&c->lock);
	look(c);
	enum ceiling_level level = c->level;
	pthread_mutex_unlock(&c->lock);
	return level;
}

void ceiling_view(struct ceiling *c, struct ceiling_view *out)
{
	pthread_mutex_lock(&c->lock);
	look(c);
	*out = (struct ceiling_view){ .level = c->level,
				      .bytes = c->walked ? bytes_of(c) : -1,
				      .max_size = c->max_size };
	pthread_mutex_unlock(&c->lock);
}

const char *ceiling_words(struct ceiling *c, char *text, size_t size)
{
	struct ceiling_view v;

	ceiling_view(c, &v);
	if (v.level != CEILING_FULL)
		return NULL;
	(void)snprintf(text, size, "%s holds %.0f MiB, and keep.max_size is %.0f MiB", c->dir,
		       (double)v.bytes / 1048576, (double)v.max_size / 1048576);
	return text;
}
