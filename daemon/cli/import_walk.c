/* SPDX-License-Identifier: Apache-2.0
 *
 * import_walk.c - which files beneath a named directory an import takes: with --watch, those that the watch would. */
#include "daemon/base/glob.h"
#include "daemon/base/mem.h"
#include "daemon/cli/import.h"
#include "daemon/evidence/name.h"

#include <stdlib.h>
#include <string.h>

static bool any(const struct config_strings *glob, const char *path)
{
	for (size_t i = 0; i < glob->count; i++) {
		if (glob_match(glob->item[i], path))
			return true;
	}
	return false;
}

/* The path, or a folder on the way to it. */
static bool excluded(const struct config_watch *w, const char *rest)
{
	char *path = xstrdup(rest);
	bool out = any(&w->exclude, path);

	for (char *slash = strrchr(path, '/'); !out && slash != NULL; slash = strrchr(path, '/')) {
		*slash = '\0';
		out = any(&w->exclude, path);
	}
	free(path);
	return out;
}

/* As the watch itself passes over what is hidden or half written. */
static bool passed_over(const char *rest)
{
	static const char *const endings[] = { ".tmp", ".part", "~" };
	const char *slash = strrchr(rest, '/'), *name = slash != NULL ? slash + 1 : rest;
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);
		if (len > n && strcmp(name + len - n, endings[i]) == 0)
			return true;
	}
	return name[0] == '.';
}

bool import_wants(void *cookie, const char *dir, const char *path)
{
	const struct import *im = cookie;
	const struct config_watch *w = im->watch;
	char *absolute = walk_absolute(path), *top = evidence_workspace(w, absolute);

	/* What lies elsewhere is matched beneath the folder that was named. */
	if (top == NULL)
		top = walk_absolute(dir);
	const char *rest = evidence_beneath(top, absolute);
	bool wanted = rest != NULL && !passed_over(rest) && any(&w->files, rest) && !excluded(w, rest);
	free(top);
	free(absolute);
	return wanted;
}
