/* SPDX-License-Identifier: Apache-2.0
 *
 * dirs.c - a hash by descriptor. */
#include "daemon/watch/dirs.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 2048u /* descriptors are handed out in sequence, so chains are even */

struct dir {
	struct dir *chain;
	int wd;
	uint32_t generation;
	char path[];
};

struct dirs {
	struct dir *bucket[BUCKETS];
	size_t count;
};

struct dirs *dirs_new(void)
{
	return xcalloc(1, sizeof(struct dirs));
}

static struct dir **find(const struct dirs *d, int wd)
{
	struct dir *const *at = &d->bucket[(unsigned)wd % BUCKETS];

	while (*at != NULL && (*at)->wd != wd)
		at = &(*at)->chain;
	return (struct dir **)at;
}

static void unlink_at(struct dirs *d, struct dir **at)
{
	struct dir *gone = *at;

	*at = gone->chain;
	free(gone);
	d->count--;
}

void dirs_put(struct dirs *d, int wd, const char *path, uint32_t generation)
{
	struct dir **at = find(d, wd);

	if (*at != NULL && strcmp((*at)->path, path) == 0) {
		(*at)->generation = generation;
		return;
	}
	if (*at != NULL)
		unlink_at(d, at);
	size_t len = strlen(path) + 1;
	struct dir *dir = xcalloc(1, sizeof(*dir) + len);
	dir->wd = wd;
	dir->generation = generation;
	memcpy(dir->path, path, len);
	dir->chain = d->bucket[(unsigned)wd % BUCKETS];
	d->bucket[(unsigned)wd % BUCKETS] = dir;
	d->count++;
}

const char *dirs_path(const struct dirs *d, int wd)
{
	const struct dir *dir = *find(d, wd);

	return dir != NULL ? dir->path : NULL;
}

void dirs_remove(struct dirs *d, int wd)
{
	struct dir **at = find(d, wd);

	if (*at != NULL)
		unlink_at(d, at);
}

size_t dirs_count(const struct dirs *d)
{
	return d->count;
}

void dirs_sweep(struct dirs *d, uint32_t generation, void (*gone)(void *cookie, int wd), void *cookie)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct dir **at = &d->bucket[i]; *at != NULL;) {
			if ((*at)->generation == generation) {
				at = &(*at)->chain;
				continue;
			}
			gone(cookie, (*at)->wd);
			unlink_at(d, at);
		}
	}
}

void dirs_free(struct dirs *d)
{
	if (d == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (d->bucket[i] != NULL)
			unlink_at(d, &d->bucket[i]);
	free(d);
}
