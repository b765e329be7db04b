/* SPDX-License-Identifier: Apache-2.0
 *
 * sift.c - settled files one by one, of which some tell what others of their folder tell.
 *
 * A folder that was decided is remembered, with the times of its files: a file that is new or has changed
 * has the folder decided again.  Few folders are remembered; forgetting one costs a second look. */
#include "daemon/intake/sift.h"

#include "daemon/base/mem.h"
#include "daemon/intake/family.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FOLDERS = 16,
	/* Of one folder; where there are more, all are taken: it is walked on the loop's thread. */
	FILES_MAX = 10000,   /* that may be reports */
	ENTRIES_MAX = 30000, /* of any kind */
};

struct folder {
	char *scope, *run_asked; /* of the file asked about; those of other runs tell nothing about it */
	struct family_file *file;
	char **path, **run;
	int64_t *mtime_ms;
	size_t count, room;
	uint64_t used;
};

struct sift {
	struct executor *executor;
	void (*decided)(void *cookie);
	void *cookie;
	struct folder *folder[FOLDERS];
	struct folder *pending; /* being decided, on a worker */
	uint64_t clock;
	size_t entries_max, files_max;
};

static void folder_free(struct folder *f)
{
	if (f == NULL)
		return;
	family_done(f->file, f->count);
	for (size_t i = 0; i < f->count; i++) {
		free(f->path[i]);
		free(f->run[i]);
	}
	free(f->scope);
	free(f->run_asked);
	free(f->file);
	free(f->path);
	free(f->run);
	free(f->mtime_ms);
	free(f);
}

struct sift *sift_new(struct executor *executor, void (*decided)(void *cookie), void *cookie)
{
	struct sift *s = xcalloc(1, sizeof(*s));

	s->executor = executor;
	s->decided = decided;
	s->cookie = cookie;
	sift_limit(s, ENTRIES_MAX, FILES_MAX);
	return s;
}

void sift_limit(struct sift *s, size_t entries, size_t files)
{
	s->entries_max = entries;
	s->files_max = files;
}

void sift_free(struct sift *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < FOLDERS; i++)
		folder_free(s->folder[i]);
	free(s);
}

bool sift_busy(const struct sift *s)
{
	return s->pending != NULL;
}

/* Takes run over. */
static void add(struct folder *f, const struct sift_tree *t, const char *path, int64_t mtime_ms, char *run)
{
	if (f->count == f->room) {
		f->room = f->room > 0 ? f->room * 2 : 16;
		f->file = xrealloc(f->file, f->room, sizeof(*f->file));
		f->path = xrealloc(f->path, f->room, sizeof(*f->path));
		f->run = xrealloc(f->run, f->room, sizeof(*f->run));
		f->mtime_ms = xrealloc(f->mtime_ms, f->room, sizeof(*f->mtime_ms));
	}
	f->path[f->count] = xstrdup(path);
	f->run[f->count] = run;
	f->mtime_ms[f->count] = mtime_ms;
	f->file[f->count] = (struct family_file){
		.path = f->path[f->count],
		.run = run,
		.fixed = t->taken(t->cookie, run, path, mtime_ms),
	};
	f->count++;
}

static bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

static bool list(const struct sift *s, struct folder *f, const struct sift_tree *t, const char *but)
{
	char *paths[] = { f->scope, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	size_t entries = 0, files = 0;
	bool fits = true;

	if (fts == NULL)
		return true;
	for (FTSENT *e; fits && (e = fts_read(fts)) != NULL;) {
		fits = ++entries <= s->entries_max;
		if (e->fts_info != FTS_F || strcmp(e->fts_path, but) == 0 ||
		    !t->wanted(t->cookie, e->fts_path))
			continue;
		fits = fits && ++files < s->files_max;
		const struct timespec *m = &e->fts_statp->st_mtim;
		char *run = t->run_of(t->cookie, e->fts_path);
		if (!same(run, f->run_asked)) {
			free(run);
			continue;
		}
		add(f, t, e->fts_path, (int64_t)m->tv_sec * 1000 + m->tv_nsec / 1000000, run);
	}
	fts_close(fts);
	return fits;
}

static void work(void *cookie)
{
	struct sift *s = cookie;

	family_decide(s->pending->file, s->pending->count);
}

static void done(void *cookie)
{
	struct sift *s = cookie;
	size_t at = 0;

	/* In the place of the same folder, or of the one that was not asked about for longest. */
	for (size_t i = 0; i < FOLDERS; i++) {
		if (s->folder[i] != NULL && strcmp(s->folder[i]->scope, s->pending->scope) == 0 &&
		    same(s->folder[i]->run_asked, s->pending->run_asked)) {
			at = i;
			break;
		}
		if (s->folder[at] != NULL &&
		    (s->folder[i] == NULL || s->folder[i]->used < s->folder[at]->used))
			at = i;
	}
	folder_free(s->folder[at]);
	s->folder[at] = s->pending;
	s->pending = NULL;
	s->decided(s->cookie);
}

static const struct family_file *known(struct sift *s, const struct sift_file *file, const char *scope)
{
	for (size_t i = 0; i < FOLDERS; i++) {
		struct folder *f = s->folder[i];
		if (f == NULL || strcmp(f->scope, scope) != 0)
			continue;
		f->used = ++s->clock;
		for (size_t k = 0; k < f->count; k++) {
			if (f->mtime_ms[k] == file->mtime_ms && strcmp(f->path[k], file->path) == 0)
				return &f->file[k];
		}
	}
	return NULL;
}

/* Where its relatives may lie.  Shards of one run lie in folders beside each other; but beside the folder of a
 * build lie all other builds, which it would take long to walk, for nothing. */
static char *scope_of(const struct sift_file *file, const struct sift_tree *t)
{
	char *scope = family_scope(file->path, file->root, file->root);
	size_t len = strlen(file->folder);

	if (scope == NULL || (strncmp(scope, file->folder, len) == 0 && strchr("/", scope[len]) != NULL))
		return scope;
	char *beside = xasprintf("%.*s/-%s", (int)(strrchr(file->folder, '/') - file->folder), file->folder,
				 file->path + len);
	char *run = t->run_of(t->cookie, file->path), *other = t->run_of(t->cookie, beside);
	if (!same(run, other)) {
		free(scope);
		scope = family_scope(file->path, file->root, file->folder);
	}
	free(beside);
	free(run);
	free(other);
	return scope;
}

enum sift_answer sift_ask(struct sift *s, const struct sift_file *file, const struct sift_tree *tree,
			  const char **why)
{
	char *scope = scope_of(file, tree);

	if (scope == NULL)
		return SIFT_TAKE;
	if (s->pending != NULL) {
		free(scope);
		return SIFT_WAIT;
	}
	const struct family_file *known_file = known(s, file, scope);
	if (known_file != NULL) {
		free(scope);
		*why = known_file->why;
		return known_file->out ? SIFT_LEAVE : SIFT_TAKE;
	}
	char *run = tree->run_of(tree->cookie, file->path);
	if (run != NULL && tree->knows != NULL && !tree->knows(tree->cookie, run)) {
		free(scope);
		free(run);
		return SIFT_WAIT;
	}
	struct folder *f = xcalloc(1, sizeof(*f));
	f->scope = scope;
	f->run_asked = xstrdup(run);
	f->used = ++s->clock;
	add(f, tree, file->path, file->mtime_ms, run);
	if (!list(s, f, tree, file->path)) {
		folder_free(f);
		return SIFT_TAKE;
	}
	s->pending = f;
	executor_submit(s->executor, work, done, s);
	return SIFT_WAIT;
}
