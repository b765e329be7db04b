/* SPDX-License-Identifier: Apache-2.0
 *
 * space.c - statvfs(), two marks, and a file that can be given up. */
#include "daemon/space.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BALLAST = 8 << 20, LOOK_MS = 250, AGAIN_MS = 60000 };

struct space {
	char *dir, *ballast;
	int64_t low_water;
	pthread_mutex_t lock; /* of what follows */
	int64_t looked_ms;    /* mono */
	bool looked;
	enum space_level level;
	int64_t free_bytes;
	bool have_ballast, want_ballast, given;
	int64_t given_ms; /* mono; when it was given up for a write */
};

static const struct log_ctx log_ctx = { .who = "disk" };

const char *space_level_name(enum space_level l)
{
	static const char *const name[] = { "fine", "low", "out" };

	return name[l];
}

static int64_t out_water(const struct space *s)
{
	return s->low_water / 4;
}

static int64_t free_now(const struct space *s)
{
	struct statvfs v;

	if (statvfs(s->dir, &v) < 0)
		return INT64_MAX; /* unknown: a write will say */
	unsigned long long bytes = (unsigned long long)v.f_bavail * v.f_frsize;
	return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

/* A mark is left upwards with a tenth to spare. */
static enum space_level judge(const struct space *s, int64_t bytes)
{
	int64_t low = s->low_water, out = out_water(s);

	if (s->level == SPACE_OUT)
		out += out / 10;
	if (s->level >= SPACE_LOW)
		low += low / 10;
	return bytes < out ? SPACE_OUT : bytes < low ? SPACE_LOW : SPACE_FINE;
}

/* Real blocks, not a hole. */
static bool fill(int fd)
{
	int rc = posix_fallocate(fd, 0, BALLAST);

	return rc == 0;
}

static void make_ballast(struct space *s)
{
	int fd = open(s->ballast, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	s->have_ballast = fill(fd);
	close(fd);
	if (!s->have_ballast)
		unlink(s->ballast);
}

static bool drop_ballast(struct space *s)
{
	if (!s->have_ballast)
		return false;
	s->have_ballast = false;
	return unlink(s->ballast) == 0;
}

static void say(const struct space *s, enum space_level was)
{
	double mib = (double)s->free_bytes / 1048576, mark = (double)s->low_water / 1048576;

	switch (s->level) {
	case SPACE_FINE:
		log_info(&log_ctx, "%.0f MiB are free again: all goes on", mib);
		break;
	case SPACE_LOW:
		if (was == SPACE_FINE)
			log_error(&log_ctx,
				  "%.0f MiB are free in %s, less than keep.low_water (%.0f MiB): nothing new "
				  "is "
				  "taken in",
				  mib, s->dir, mark);
		else
			log_warning(&log_ctx, "%.0f MiB are free again: sending goes on", mib);
		break;
	case SPACE_OUT:
		log_error(&log_ctx,
			  "%.0f MiB are free in %s, less than a quarter of keep.low_water: nothing is sent",
			  mib, s->dir);
		break;
	}
}

static void look(struct space *s, bool now)
{
	int64_t mono = clock_mono_ms();

	if (s->looked && !now && mono - s->looked_ms < LOOK_MS)
		return;
	enum space_level was = s->level;
	s->free_bytes = free_now(s);
	s->level = judge(s, s->free_bytes);
	s->looked = true;
	s->looked_ms = mono;
	if (s->level != was)
		say(s, was);
	if (s->level == SPACE_OUT)
		(void)drop_ballast(s);
	else if (s->level == SPACE_FINE && s->want_ballast && !s->have_ballast &&
		 (!s->given || mono - s->given_ms >= AGAIN_MS) && s->free_bytes > 4 * (int64_t)BALLAST)
		make_ballast(s);
}

struct space *space_new(const char *state_dir, int64_t low_water)
{
	struct space *s = xcalloc(1, sizeof(*s));
	struct stat st;

	s->dir = xstrdup(state_dir);
	s->ballast = xasprintf("%s/ballast", state_dir);
	s->low_water = low_water;
	pthread_mutex_init(&s->lock, NULL);
	s->have_ballast = stat(s->ballast, &st) == 0 && st.st_size == BALLAST;
	look(s, true);
	return s;
}

void space_mark(struct space *s, int64_t low_water)
{
	pthread_mutex_lock(&s->lock);
	s->low_water = low_water;
	s->looked = false;
	pthread_mutex_unlock(&s->lock);
}

void space_free(struct space *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s->ballast);
	free(s);
}

void space_hold_ballast(struct space *s)
{
	pthread_mutex_lock(&s->lock);
	s->want_ballast = true;
	look(s, true);
	pthread_mutex_unlock(&s->lock);
}

enum space_level space_look(struct space *s)
{
	pthread_mutex_lock(&s->lock);
	look(s, false);
	enum space_level level = s->level;
	pthread_mutex_unlock(&s->lock);
	return level;
}

void space_view(struct space *s, struct space_view *out)
{
	pthread_mutex_lock(&s->lock);
	look(s, true);
	*out = (struct space_view){ .level = s->level,
				    .free_bytes = s->free_bytes,
				    .low_water = s->low_water,
				    .out_water = out_water(s),
				    .ballast_bytes = s->have_ballast ? BALLAST : 0 };
	pthread_mutex_unlock(&s->lock);
}

bool space_give_way(struct space *s)
{
	pthread_mutex_lock(&s->lock);
	bool given = drop_ballast(s);
	/* A quota may be full where the disk is not: what was given is not taken back at once. */
	s->given = s->given || given;
	s->given_ms = clock_mono_ms();
	if (given)
		log_error(&log_ctx, "the disk of %s is full: the ballast makes room for what is on its way",
			  s->dir);
	pthread_mutex_unlock(&s->lock);
	return given;
}

const char *space_words(struct space *s, char *text, size_t size)
{
	struct space_view v;

	space_view(s, &v);
	if (v.level == SPACE_FINE)
		return NULL;
	snprintf(text, size, "only %.0f MiB are free in %s (keep.low_water is %.0f MiB)%s",
		 (double)v.free_bytes / 1048576, s->dir, (double)v.low_water / 1048576,
		 v.level == SPACE_OUT ? "; nothing is sent either" : "");
	return text;
}
