/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/places.c - folders of evidence, as names. */
#include "daemon/evidence/places.h"

#include "daemon/base/buf.h"
#include "daemon/base/glob.h"
#include "daemon/base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { CAPTURES_MAX = 16 };

void evidence_places_add(struct evidence_places *p, const char *top, const char *path)
{
	p->item = xrealloc(p->item, p->count + 1, sizeof(*p->item));
	p->item[p->count++] = (struct evidence_place){ xstrdup(top), xstrdup(path) };
}

void evidence_places_copy(const struct evidence_places *from, struct evidence_places *to)
{
	*to = (struct evidence_places){ 0 };
	for (size_t i = 0; from != NULL && i < from->count; i++)
		evidence_places_add(to, from->item[i].top, from->item[i].path);
}

void evidence_places_done(struct evidence_places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->item[i].top);
		free(p->item[i].path);
	}
	free(p->item);
	*p = (struct evidence_places){ 0 };
}

struct evidence_roots *evidence_places_open(const struct evidence_places *p)
{
	struct evidence_roots *r = evidence_roots_new();

	for (size_t i = 0; i < p->count; i++) {
		if (p->item[i].top != NULL)
			evidence_roots_add_beneath(r, p->item[i].top, p->item[i].path);
		else
			evidence_roots_add(r, p->item[i].path);
	}
	return r;
}

/* The first components of path, as many as the watch's own path has, where they match it. */
char *evidence_workspace(const struct config_watch *w, const char *path)
{
	size_t want = 0, len = 0;
	const char *s;

	for (s = w->path; *s != '\0'; s++)
		want += *s == '/' && s[1] != '/' && s[1] != '\0';
	for (s = path; *s != '\0' && want > 0; want--) {
		s += strspn(s, "/");
		s += strcspn(s, "/");
		len = (size_t)(s - path);
	}
	if (want > 0)
		return NULL;
	char *front = xstrndup(path, len);
	/* Without the slash that a person may have put behind it. */
	char *pattern = xstrdup(w->path);
	for (size_t n = strlen(pattern); n > 1 && pattern[n - 1] == '/'; n--)
		pattern[n - 1] = '\0';
	bool fits = glob_match(pattern, front);
	free(pattern);
	if (fits)
		return front;
	free(front);
	return NULL;
}

/* A root with the watch's {captures} filled in; NULL where one of them is not known. */
static char *filled(const char *root, const struct glob_capture *capture, size_t count)
{
	struct buf b = BUF_LIMIT(PATH_MAX);

	for (const char *s = root; *s != '\0';) {
		size_t len = *s == '{' ? strcspn(s, "}") : 0;
		if (len == 0 || s[len] != '}') {
			buf_putc(&b, *s++);
			continue;
		}
		size_t i = 0;
		while (i < count &&
		       (capture[i].name_len != len - 1 || memcmp(capture[i].name, s + 1, len - 1) != 0))
			i++;
		/* What stands in a path may not lead elsewhere. */
		if (i == count || (capture[i].value_len <= 2 &&
				   memcmp("..", capture[i].value, capture[i].value_len) == 0)) {
			buf_done(&b);
			return NULL;
		}
		buf_append(&b, capture[i].value, capture[i].value_len);
		s += len + 1;
	}
	if (buf_error(&b) < 0) {
		buf_done(&b);
		return NULL;
	}
	return buf_steal(&b);
}

void evidence_places_roots(const struct config_watch *w, const char *path, struct evidence_places *out)
{
	struct glob_capture capture[CAPTURES_MAX];
	char *workspace = evidence_workspace(w, path);
	size_t count = 0;

	if (workspace != NULL)
		glob_capture(w->path, workspace, capture, CAPTURES_MAX, &count);
	for (size_t i = 0; i < w->roots.count; i++) {
		char *root = filled(w->roots.item[i], capture, count);
		if (root != NULL)
			evidence_places_add(out, NULL, root);
		free(root);
	}
	free(workspace);
}

static void add_beneath(struct evidence_places *out, const char *root, const char *path)
{
	size_t len = strlen(root);

	if (strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0'))
		evidence_places_add(out, root[0] != '\0' ? root : "/",
				    path[len] == '/' ? path + len + 1 : "");
}

void evidence_places_watch(const struct config_watch *w, const char *root, const char *path,
			   struct evidence_places *out)
{
	char *dir = xstrdup(path), *workspace = evidence_workspace(w, path), *slash = strrchr(dir, '/');

	slash[slash == dir ? 1 : 0] = '\0';
	add_beneath(out, root, dir);
	if (workspace != NULL)
		add_beneath(out, root, workspace);
	evidence_places_roots(w, path, out);
	free(dir);
	free(workspace);
}
