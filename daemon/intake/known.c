/* SPDX-License-Identifier: Apache-2.0
 *
 * known.c - see known.h.  Names are too many to keep: a hash of each, and the latest time of writing that was
 * taken.  Few keys are remembered; forgetting one costs a second look into the queue. */
#include "daemon/intake/known.h"

#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/queue/operate.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEYS = 32,
	FILES_MAX = 20000, /* of one key; family.h compares fewer */
};

struct seen_file {
	uint64_t hash;
	int64_t until_ms; /* what was written up to here was taken */
};

struct entry {
	struct list link; /* in known's, the one asked about last at the end */
	struct known *known;
	char *key;
	bool loading;
	struct seen_file *file;
	size_t count, room;
};

struct known {
	struct queue *queue;
	void (*loaded)(void *cookie);
	void *cookie;
	struct list entries;
	size_t count, loading;
};

static const struct log_ctx log_ctx = { .who = "collect" };

struct known *known_new(struct queue *q, void (*loaded)(void *cookie), void *cookie)
{
	struct known *k = xcalloc(1, sizeof(*k));

	k->queue = q;
	k->loaded = loaded;
	k->cookie = cookie;
	list_init(&k->entries);
	return k;
}

static void entry_free(struct entry *e)
{
	e->known->count--;
	list_remove(&e->link);
	free(e->key);
	free(e->file);
	free(e);
}

void known_free(struct known *k)
{
	if (k == NULL)
		return;
	list_each_safe(link, &k->entries)
		entry_free(list_entry(link, struct entry, link));
	free(k);
}

bool known_busy(const struct known *k)
{
	return k->loading > 0;
}

static struct entry *find(const struct known *k, const char *key)
{
	list_each(link, &k->entries) {
		struct entry *e = list_entry(link, struct entry, link);
		if (strcmp(e->key, key) == 0)
			return e;
	}
	return NULL;
}

static uint64_t path_hash(const char *path)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *path != '\0'; path++)
		h = (h ^ (unsigned char)*path) * UINT64_C(1099511628211);
	return h;
}

/* The first that is not below: where it is, or where it belongs. */
static size_t place(const struct entry *e, uint64_t hash)
{
	size_t low = 0, high = e->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (e->file[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void put(struct entry *e, const char *path, int64_t until_ms)
{
	const uint64_t hash = path_hash(path);
	size_t at = place(e, hash);

	if (at < e->count && e->file[at].hash == hash) {
		if (until_ms > e->file[at].until_ms)
			e->file[at].until_ms = until_ms;
		return;
	}
	if (e->count == FILES_MAX)
		return;
	if (e->count == e->room) {
		e->room = e->room > 0 ? e->room * 2 : 16;
		e->file = xrealloc(e->file, e->room, sizeof(*e->file));
	}
	memmove(&e->file[at + 1], &e->file[at], (e->count - at) * sizeof(*e->file));
	e->file[at] = (struct seen_file){ hash, until_ms };
	e->count++;
}

static void on_known(void *cookie, int rc, const struct seen_key *key, size_t count, const struct err *err)
{
	struct entry *e = cookie;
	struct known *k = e->known;

	e->loading = false;
	k->loading--;
	if (rc < 0) {
		/* What this process has taken is known at least; better than to wait for ever. */
		log_warning(&log_ctx, "cannot read what was taken for \"%s\": %s", e->key, err->text);
	}
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (key[i].path != NULL)
			put(e, key[i].path, key[i].last_ms);
	}
	k->loaded(k->cookie);
}

/* The one that was not asked about for longest goes. */
static void make_room(struct known *k)
{
	list_each_safe(link, &k->entries) {
		struct entry *e = list_entry(link, struct entry, link);
		if (k->count < KEYS)
			return;
		if (!e->loading)
			entry_free(e);
	}
}

bool known_ready(struct known *k, const char *run_key)
{
	struct entry *e = find(k, run_key);

	if (e != NULL) {
		list_remove(&e->link);
		list_append(&k->entries, &e->link);
		return !e->loading;
	}
	make_room(k);
	e = xcalloc(1, sizeof(*e));
	e->known = k;
	e->key = xstrdup(run_key);
	e->loading = true;
	list_append(&k->entries, &e->link);
	k->count++;
	k->loading++;
	queue_known(k->queue, run_key, FILES_MAX, on_known, e);
	return false;
}

bool known_has(const struct known *k, const char *run_key, const char *path, int64_t mtime_ms)
{
	const struct entry *e = find(k, run_key);
	const uint64_t hash = path_hash(path);

	if (e == NULL)
		return false;
	size_t at = place(e, hash);
	return at < e->count && e->file[at].hash == hash && mtime_ms <= e->file[at].until_ms;
}

void known_note(struct known *k, const char *run_key, const char *path, int64_t mtime_ms)
{
	/* A key that nobody has asked about is read from the queue when somebody does. */
	struct entry *e = find(k, run_key);

	if (e != NULL)
		put(e, path, mtime_ms);
}
