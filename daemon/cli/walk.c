/* SPDX-License-Identifier: Apache-2.0
 *
 * walk.c - from the paths that a person names to the report files beneath them. */
#include "daemon/cli/cli.h"

#include "daemon/base/mem.h"
#include "daemon/intake/family.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_file(struct walk *w, const char *path, bool named)
{
	if (w->count == w->room) {
		w->room = w->room > 0 ? w->room * 2 : 64;
		w->path = xrealloc(w->path, w->room, sizeof(*w->path));
		w->named = xrealloc(w->named, w->room, sizeof(*w->named));
		w->skip = xrealloc(w->skip, w->room, sizeof(*w->skip));
	}
	w->skip[w->count] = NULL;
	w->path[w->count] = xstrdup(path);
	w->named[w->count++] = named;
}

static void add_unreadable(struct walk *w, const char *path, const char *why)
{
	w->unreadable = xrealloc(w->unreadable, w->unreadable_count + 1, sizeof(*w->unreadable));
	w->unreadable[w->unreadable_count++] = xasprintf("%s: %s", path, why);
}

static bool report_name(const char *name)
{
	size_t n = strlen(name);

	if (name[0] == '.')
		return false;
	return (n > 4 && strcasecmp(name + n - 4, ".xml") == 0) ||
	       (n > 7 && strcasecmp(name + n - 7, ".xml.gz") == 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool wanted(const struct walk *w, const char *dir, const FTSENT *e)
{
	return w->wants != NULL ? w->wants(w->cookie, dir, e->fts_path) : report_name(e->fts_name);
}

static void add_tree(struct walk *w, const char *path)
{
	char *root = xstrdup(path);
	char *paths[] = { root, NULL };
	/* Links inside the tree are not followed: they may lead out of it, or round in it. */
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);

	if (fts == NULL) {
		add_unreadable(w, path, strerror(errno));
		free(root);
		return;
	}
	for (FTSENT *e; (e = fts_read(fts)) != NULL;) {
		switch (e->fts_info) {
		case FTS_F:
			if (wanted(w, path, e))
				add_file(w, e->fts_path, false);
			break;
		case FTS_SL:
		case FTS_SLNONE:
		case FTS_DEFAULT: /* a pipe, a device, a socket */
			if (wanted(w, path, e))
				fprintf(stderr, "%s: left alone: it is %s\n", e->fts_path,
					e->fts_info == FTS_DEFAULT
						? "not a regular file"
						: "a link, which is read only where it is named itself");
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			add_unreadable(w, e->fts_path, strerror(e->fts_errno));
			break;
		default:
			break;
		}
	}
	fts_close(fts);
	free(root);
}

/* Names on standard input, one a line, or each ended by a NUL (find -print0). */
static void add_listed(struct walk *w)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			line[--n] = '\0';
		/* getline() ends what it gives with one NUL more. */
		for (const char *name = line; name < line + n; name += strlen(name) + 1) {
			if (*name != '\0' && strcmp(name, "-") != 0)
				walk_add(w, name);
		}
	}
	free(line);
}

void walk_add(struct walk *w, const char *path)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		add_listed(w);
		return;
	}
	if (stat(path, &st) < 0)
		add_unreadable(w, path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		add_tree(w, path);
	else
		add_file(w, path, true);
}

void walk_sift(struct walk *w, char *(*run_of)(void *cookie, const char *path), void *cookie)
{
	size_t telling = 0;

	while (telling < w->count && !family_telling(w->path[telling]))
		telling++;
	if (telling == w->count)
		return;
	struct family_file *file = xcalloc(w->count, sizeof(*file));
	char **run = xcalloc(w->count, sizeof(*run));
	for (size_t i = 0; i < w->count; i++) {
		run[i] = run_of != NULL ? run_of(cookie, w->path[i]) : NULL;
		file[i] = (struct family_file){ .path = w->path[i], .run = run[i], .fixed = w->named[i] };
	}
	family_decide(file, w->count);
	for (size_t i = 0; i < w->count; i++) {
		w->skip[i] = file[i].out ? xstrdup(file[i].why) : NULL;
		free(run[i]);
	}
	family_done(file, w->count);
	free(run);
	free(file);
}

void walk_done(struct walk *w)
{
	for (size_t i = 0; i < w->count; i++) {
		free(w->path[i]);
		free(w->skip[i]);
	}
	for (size_t i = 0; i < w->unreadable_count; i++)
		free(w->unreadable[i]);
	free(w->path);
	free(w->named);
	free(w->skip);
	free(w->unreadable);
	*w = (struct walk){ 0 };
}

char *walk_absolute(const char *path)
{
	char *cwd = path[0] == '/' ? xstrdup("") : getcwd(NULL, 0);
	char *joined = xasprintf("%s/%s", cwd != NULL ? cwd : "", path);
	char *out = xcalloc(strlen(joined) + 2, 1), *save = NULL;
	size_t len = 0;

	for (char *part = strtok_r(joined, "/", &save); part != NULL; part = strtok_r(NULL, "/", &save)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (len > 0 && out[--len] != '/')
				;
			out[len] = '\0';
			continue;
		}
		out[len++] = '/';
		memcpy(out + len, part, strlen(part) + 1);
		len += strlen(part);
	}
	if (len == 0)
		memcpy(out, "/", 2);
	free(joined);
	free(cwd);
	return out;
}

char *walk_common_dir(const struct walk *w)
{
	char *common = NULL;

	for (size_t i = 0; i < w->count; i++) {
		char *dir = walk_absolute(w->path[i]);
		char *slash = strrchr(dir, '/');
		slash[slash == dir ? 1 : 0] = '\0';
		if (common == NULL) {
			common = dir;
			continue;
		}
		size_t n = 0, boundary = 0;
		while (common[n] != '\0' && common[n] == dir[n]) {
			if (common[n] == '/')
				boundary = n;
			n++;
		}
		if ((common[n] == '\0' && (dir[n] == '/' || dir[n] == '\0')) ||
		    (dir[n] == '\0' && common[n] == '/'))
			boundary = n;
		common[boundary > 0 ? boundary : 1] = '\0';
		free(dir);
	}
	return common;
}
