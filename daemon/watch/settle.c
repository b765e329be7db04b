/* SPDX-License-Identifier: Apache-2.0
 *
 * settle.c - candidates in queues ordered by time, and a table of what was taken.
 *
 * Every candidate is in exactly one queue and in the hash of candidates.  Each queue that waits for time
 * has one waiting period, so appending keeps it sorted and one timer serves all. */
#include "daemon/watch/settle.h"

#include "daemon/base/clock.h"
#include "daemon/base/list.h"
#include "daemon/base/mem.h"
#include "daemon/watch/rules.h"
#include "daemon/watch/sip.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS       4096u
#define CANDIDATE_MAX 16384u /* beyond it events are answered by a scan later */
#define READY_MAX     1024u  /* beyond it scans pause: the directory is the buffer */
#define OFFERS_A_TURN 64u
#define LOOKS_A_TURN  512u

enum queue {
	QUIET_EVENT,  /* settle_ms after an event */
	QUIET_SCAN,   /* twice that */
	QUIET_MARKER, /* twice that */
	QUIET_HELD,   /* markers, until the scans end */
	READY_LIVE,
	READY_SCAN,
	READY_MARKER,
	QUEUES,
};

struct candidate {
	struct list link;
	struct candidate *chain; /* next of the same bucket */
	uint64_t key, tuple, size;
	int64_t mtime_ms, due_ms;
	uint64_t order; /* when it became ready */
	enum queue queue;
	unsigned kind;
	bool existing;
	bool told; /* by an event: a short wait */
	bool live; /* before the backlog */
	char relative[];
};

/* What was taken: hash of the path, hash of (size, mtime, inode).  key 0: free. */
struct seen {
	uint64_t key, tuple;
	uint32_t generation;
	bool dead; /* removed, but probing goes on */
};

struct settle {
	struct settle_options options;
	struct sip_key sip;
	struct list queue[QUEUES];
	struct candidate *bucket[BUCKETS];
	size_t candidates, ready;
	struct seen *seen;
	size_t seen_size, seen_used, seen_count; /* slots; not free; alive */
	uint32_t generation;
	uint64_t order;
	bool blocked, scanning, stopped;
};

/* ---- what was taken ---- */

static uint64_t key_of(const struct settle *s, const char *relative)
{
	uint64_t key = sip_hash(s->sip, relative, strlen(relative));

	return key != 0 ? key : 1;
}

static uint64_t tuple_of(const struct settle *s, const struct stat *st)
{
	const int64_t part[] = { (int64_t)st->st_size, (int64_t)st->st_mtim.tv_sec,
				 (int64_t)st->st_mtim.tv_nsec, (int64_t)st->st_ino };

	return sip_hash(s->sip, part, sizeof(part));
}

static struct seen *seen_find(const struct settle *s, uint64_t key)
{
	if (s->seen_size == 0)
		return NULL;
	for (size_t i = key & (s->seen_size - 1);; i = (i + 1) & (s->seen_size - 1)) {
		struct seen *e = &s->seen[i];

		if (e->key == 0)
			return NULL;
		if (e->key == key && !e->dead)
			return e;
	}
}

static void seen_insert(struct settle *s, const struct seen *from)
{
	size_t i = from->key & (s->seen_size - 1);

	while (s->seen[i].key != 0)
		i = (i + 1) & (s->seen_size - 1);
	s->seen[i] = *from;
	s->seen_used++;
	s->seen_count++;
}

/* Into a table of the right size, without the dead. */
static void seen_rebuild(struct settle *s)
{
	struct seen *old = s->seen;
	size_t old_size = s->seen_size, size = 64;

	while (size / 2 < s->seen_count + 1)
		size *= 2;
	s->seen = xcalloc(size, sizeof(*s->seen));
	s->seen_size = size;
	s->seen_used = s->seen_count = 0;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].key != 0 && !old[i].dead)
			seen_insert(s, &old[i]);
	free(old);
}

static void seen_put(struct settle *s, uint64_t key, uint64_t tuple)
{
	struct seen *e = seen_find(s, key);

	if (e == NULL) {
		if (s->seen_used + 1 > s->seen_size / 4 * 3)
			seen_rebuild(s);
		seen_insert(s, &(struct seen){ .key = key, .tuple = tuple, .generation = s->generation });
		return;
	}
	e->tuple = tuple;
	e->generation = s->generation;
}

static void seen_remove(struct settle *s, struct seen *e)
{
	e->dead = true;
	s->seen_count--;
}

void settle_mark(struct settle *s)
{
	s->generation++;
}

void settle_sweep(struct settle *s)
{
	for (size_t i = 0; i < s->seen_size; i++) {
		struct seen *e = &s->seen[i];

		if (e->key != 0 && !e->dead && e->generation != s->generation)
			seen_remove(s, e);
	}
	if (s->seen_size > 64 && s->seen_count < s->seen_size / 8)
		seen_rebuild(s);
}

size_t settle_remembered(const struct settle *s)
{
	return s->seen_count;
}

/* ---- candidates ---- */

static bool is_ready(enum queue q)
{
	return q == READY_LIVE || q == READY_SCAN || q == READY_MARKER;
}

static struct candidate *candidate_find(const struct settle *s, uint64_t key, const char *relative)
{
	for (struct candidate *c = s->bucket[key % BUCKETS]; c != NULL; c = c->chain)
		if (c->key == key && strcmp(c->relative, relative) == 0)
			return c;
	return NULL;
}

static void candidate_free(struct settle *s, struct candidate *c)
{
	struct candidate **at = &s->bucket[c->key % BUCKETS];

	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	list_remove(&c->link);
	s->candidates--;
	s->ready -= is_ready(c->queue);
	free(c);
}

static void enqueue(struct settle *s, struct candidate *c, enum queue q)
{
	if (list_linked(&c->link)) {
		list_remove(&c->link);
		s->ready -= is_ready(c->queue);
	}
	c->queue = q;
	if (is_ready(q)) {
		c->order = ++s->order;
		s->ready++;
	}
	list_append(&s->queue[q], &c->link);
}

/* Wait from now on. */
static void wait_quiet(struct settle *s, struct candidate *c)
{
	int64_t settle_ms = s->options.settle_ms;
	bool only_marker = c->kind == RULES_MARKER;

	c->due_ms = clock_mono_ms() + (c->told && !only_marker ? settle_ms : 2 * settle_ms);
	if (only_marker)
		enqueue(s, c, s->scanning ? QUIET_HELD : QUIET_MARKER);
	else
		enqueue(s, c, c->told ? QUIET_EVENT : QUIET_SCAN);
}

static void make_ready(struct settle *s, struct candidate *c)
{
	if (c->kind == RULES_MARKER)
		enqueue(s, c, READY_MARKER);
	else
		enqueue(s, c, c->live ? READY_LIVE : READY_SCAN);
}

/* What the times of the file say; a change of the inode (chmod, rename) counts, as nobody can forge it. */
static bool long_quiet(const struct settle *s, const struct stat *st)
{
	int64_t now_ms = clock_wall_ms();
	int64_t mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
	int64_t ctime_ms = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;
	int64_t last_ms = mtime_ms > ctime_ms ? mtime_ms : ctime_ms;

	return last_ms <= now_ms - 2 * s->options.settle_ms - 1;
}

static void candidate_learn(struct candidate *c, const struct stat *st, uint64_t tuple)
{
	c->tuple = tuple;
	c->size = (uint64_t)st->st_size;
	c->mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

int settle_see(struct settle *s, const char *relative, unsigned kind, const struct stat *st,
	       enum settle_source source, bool trust_age)
{
	uint64_t key = key_of(s, relative), tuple = tuple_of(s, st);
	struct seen *seen = seen_find(s, key);

	if (seen != NULL) {
		seen->generation = s->generation;
		if (seen->tuple == tuple)
			return 0;
	}
	struct candidate *c = candidate_find(s, key, relative);
	if (c != NULL) {
		bool changed = c->tuple != tuple;

		if (source != SETTLE_EVENT && !changed)
			return 0;
		if (source == SETTLE_EVENT)
			c->told = c->live = true;
		c->existing = false; /* it was written to since */
		c->kind = kind;
		candidate_learn(c, st, tuple);
		wait_quiet(s, c);
		return 0;
	}
	if (s->candidates >= CANDIDATE_MAX)
		return -EAGAIN;
	size_t len = strlen(relative) + 1;
	c = xcalloc(1, sizeof(*c) + len);
	memcpy(c->relative, relative, len);
	c->key = key;
	c->kind = kind;
	c->told = source == SETTLE_EVENT;
	c->live = c->told || source == SETTLE_FRESH;
	c->existing = source == SETTLE_OLD;
	candidate_learn(c, st, tuple);
	c->chain = s->bucket[key % BUCKETS];
	s->bucket[key % BUCKETS] = c;
	s->candidates++;
	if (source != SETTLE_EVENT && trust_age && kind != RULES_MARKER && long_quiet(s, st))
		make_ready(s, c);
	else
		wait_quiet(s, c);
	return 0;
}

bool settle_full(const struct settle *s)
{
	return s->ready >= READY_MAX || s->candidates >= CANDIDATE_MAX / 2;
}

size_t settle_waiting(const struct settle *s)
{
	return s->candidates;
}

void settle_scanning(struct settle *s, bool scanning)
{
	if (s->scanning == scanning)
		return;
	s->scanning = scanning;
	if (scanning)
		return;
	/* What the scan found last may need its full time still. */
	while (!list_empty(&s->queue[QUIET_HELD]))
		wait_quiet(s, list_first(&s->queue[QUIET_HELD], struct candidate, link));
}

/* ---- turns ---- */

static struct candidate *first_of(const struct settle *s, enum queue q)
{
	const struct list *head = &s->queue[q];

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow that a list lets go of its links */
	return list_empty(head) ? NULL : list_first(head, struct candidate, link);
}

/* What is offered next; a marker only when every file that was ready before it has been. */
static struct candidate *next_ready(const struct settle *s)
{
	struct candidate *live = first_of(s, READY_LIVE), *scan = first_of(s, READY_SCAN);
	struct candidate *marker = first_of(s, READY_MARKER);

	if (marker != NULL && (live == NULL || live->order > marker->order) &&
	    (scan == NULL || scan->order > marker->order))
		return marker;
	return live != NULL ? live : scan;
}

int64_t settle_due(const struct settle *s)
{
	int64_t due_ms = INT64_MAX;

	if (s->stopped)
		return INT64_MAX;
	if (!s->blocked && s->ready > 0)
		return INT64_MIN;
	for (enum queue q = QUIET_EVENT; q <= QUIET_MARKER; q++) {
		const struct candidate *c = first_of(s, q);

		if (c != NULL && c->due_ms < due_ms)
			due_ms = c->due_ms;
	}
	return due_ms;
}

static int examine(const struct settle *s, const struct candidate *c, struct stat *st)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", s->options.root, c->relative);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	if (lstat(path, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? 0 : -EINVAL;
}

/* Offers what is first in line; false: not now.  Callbacks reach what was taken, never a candidate. */
static bool offer(struct settle *s, struct candidate *c)
{
	struct stat st;

	if (examine(s, c, &st) < 0) { /* taken away meanwhile: nobody's concern */
		candidate_free(s, c);
		return true;
	}
	uint64_t tuple = tuple_of(s, &st);
	if (tuple != c->tuple) {
		candidate_learn(c, &st, tuple);
		c->existing = false;
		wait_quiet(s, c);
		return true;
	}
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", s->options.root, c->relative);
	const struct watch_file file = {
		.path = path,
		.relative = c->relative,
		.size = c->size,
		.mtime_ms = c->mtime_ms,
		.existing = c->existing,
	};
	/* Remembered before it is told, so that a settle_forget() from within has its effect; blocked
	 * before it is asked, so that a settle_resume() has. */
	seen_put(s, c->key, tuple);
	if (c->kind & RULES_FILE) {
		s->blocked = true;
		if (!s->options.on_file(s->options.cookie, &file)) {
			settle_forget(s, c->relative);
			return false;
		}
		s->blocked = false;
		if (c->kind & RULES_MARKER) { /* as a marker it waits for what came before it */
			c->kind = RULES_MARKER;
			wait_quiet(s, c);
			return true;
		}
	} else if (s->options.on_marker != NULL) {
		s->options.on_marker(s->options.cookie, &file);
	}
	candidate_free(s, c);
	return true;
}

void settle_turn(struct settle *s)
{
	int64_t now_ms = clock_mono_ms();
	unsigned looks = 0;

	for (enum queue q = QUIET_EVENT; q <= QUIET_MARKER; q++) {
		for (struct candidate *c; (c = first_of(s, q)) != NULL && c->due_ms <= now_ms;) {
			struct stat st;

			if (++looks > LOOKS_A_TURN)
				break;
			if (examine(s, c, &st) < 0) {
				candidate_free(s, c);
				continue;
			}
			uint64_t tuple = tuple_of(s, &st);
			if (tuple == c->tuple) {
				make_ready(s, c);
				continue;
			}
			c->existing = false;
			candidate_learn(c, &st, tuple);
			wait_quiet(s, c);
		}
	}
	for (unsigned n = 0; n < OFFERS_A_TURN && !s->blocked && !s->stopped; n++) {
		struct candidate *c = next_ready(s);

		if (c == NULL)
			return;
		if (!offer(s, c))
			return;
	}
}

void settle_resume(struct settle *s)
{
	s->blocked = false;
}

void settle_stop(struct settle *s)
{
	s->stopped = true;
}

void settle_forget(struct settle *s, const char *relative)
{
	struct seen *e = seen_find(s, key_of(s, relative));

	if (e != NULL)
		seen_remove(s, e);
}

/* ---- life ---- */

struct settle *settle_new(const struct settle_options *options)
{
	struct settle *s = xcalloc(1, sizeof(*s));

	s->options = *options;
	s->sip = sip_random_key();
	for (enum queue q = QUIET_EVENT; q < QUEUES; q++)
		list_init(&s->queue[q]);
	return s;
}

void settle_free(struct settle *s)
{
	if (s == NULL)
		return;
	for (enum queue q = QUIET_EVENT; q < QUEUES; q++)
		list_each_safe(link, &s->queue[q])
			free(list_entry(link, struct candidate, link));
	free(s->seen);
	free(s);
}
