/* SPDX-License-Identifier: Apache-2.0
 *
 * rules.c - patterns, component by component, so that a walk turns back as early as it can. */
#include "daemon/watch/rules.h"

#include "daemon/base/buf.h"
#include "daemon/base/glob.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 128 /* of directories beneath the root: a loop of mounts ends somewhere */

struct pattern {
	char *text;
	char **part;
	size_t count;
	size_t deep; /* index of the first "**"; count where there is none */
};

struct patterns {
	struct pattern *item;
	size_t count;
	bool hidden; /* one of them names a directory that begins with a dot */
};

struct rules {
	char *root;
	struct pattern path; /* beneath the root; no component: the root is the expanded directory */
	struct patterns files, exclude, marker;
	bool hidden; /* some glob names a component that begins with a dot */
};

/* ---- patterns ---- */

static void pattern_init(struct pattern *p, const char *text)
{
	*p = (struct pattern){ .text = xstrdup(text) };
	for (const char *at = text; *at != '\0';) {
		size_t len = strcspn(at, "/");

		if (len > 0) {
			p->part = xrealloc(p->part, p->count + 1, sizeof(*p->part));
			p->part[p->count++] = xstrndup(at, len);
		}
		at += len + (at[len] == '/');
	}
	while (p->deep < p->count && strcmp(p->part[p->deep], "**") != 0)
		p->deep++;
}

static void pattern_done(struct pattern *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->part[i]);
	free(p->part);
	free(p->text);
}

static void patterns_init(struct patterns *ps, const char *const *text, size_t count)
{
	ps->item = count > 0 ? xcalloc(count, sizeof(*ps->item)) : NULL;
	for (; ps->count < count; ps->count++) {
		struct pattern *p = &ps->item[ps->count];

		pattern_init(p, text[ps->count]);
		for (size_t i = 0; i + 1 < p->count; i++)
			ps->hidden = ps->hidden || p->part[i][0] == '.';
	}
}

static void patterns_done(struct patterns *ps)
{
	for (size_t i = 0; i < ps->count; i++)
		pattern_done(&ps->item[i]);
	free(ps->item);
}

static bool any_matches(const struct patterns *ps, const char *path)
{
	for (size_t i = 0; i < ps->count; i++)
		if (glob_match(ps->item[i].text, path))
			return true;
	return false;
}

/* ---- a relative path, cut into its names ---- */

struct names {
	char text[PATH_MAX];
	const char *name[DEPTH_MAX];
	size_t count;
};

static bool names_init(struct names *n, const char *path)
{
	size_t len = strlen(path);

	n->count = 0;
	if (len >= sizeof(n->text))
		return false;
	memcpy(n->text, path, len + 1);
	for (char *at = n->text; *at != '\0';) {
		size_t part = strcspn(at, "/");

		if (n->count == DEPTH_MAX || part == 0)
			return false;
		n->name[n->count++] = at;
		at += part;
		if (*at == '/')
			*at++ = '\0';
	}
	return true;
}

/* Where in the uncut path the component number `index` begins. */
static const char *tail(const struct names *n, const char *path, size_t index)
{
	return path + (n->name[index] - n->text);
}

static bool is_hidden(const char *name)
{
	return name[0] == '.';
}

static bool part_matches(const char *part, const char *name)
{
	if (is_hidden(name) && !is_hidden(part))
		return false;
	return glob_match(part, name);
}

/* The first count names against the first count parts, as far as they can be told apart. */
static bool starts(const struct pattern *p, const struct names *n, size_t count)
{
	for (size_t i = 0; i < count && i < p->deep; i++)
		if (!part_matches(p->part[i], n->name[i]))
			return false;
	return true;
}

/* Whether the glob can match a file in or beneath the directory that the names from `from` on make. */
static bool may_hold(const struct pattern *p, const struct names *n, size_t from)
{
	size_t depth = n->count - from;

	if (p->deep == p->count && depth + 1 > p->count)
		return false;
	for (size_t i = 0; i < depth && i < p->deep; i++)
		if (!glob_match(p->part[i], n->name[from + i]))
			return false;
	return true;
}

static bool any_may_hold(const struct patterns *ps, const struct names *n, size_t from)
{
	for (size_t i = 0; i < ps->count; i++)
		if (may_hold(&ps->item[i], n, from))
			return true;
	return false;
}

/* Whether one of these directories is hidden, and nobody asked for hidden ones. */
static bool hides(const struct rules *r, const struct names *n, size_t from, size_t to)
{
	for (size_t i = from; i < to && !r->hidden; i++)
		if (is_hidden(n->name[i]))
			return true;
	return false;
}

/* ---- questions ---- */

/* "**" and the like say it of everything beneath; a glob that names the directory itself also does. */
static bool excluded_dir(const struct rules *r, const char *dir)
{
	char inside[PATH_MAX];
	size_t len = strlen(dir);

	if (r->exclude.count == 0)
		return false;
	if (any_matches(&r->exclude, dir))
		return true;
	if (len + 3 > sizeof(inside))
		return false;
	snprintf(inside, sizeof(inside), "%s/x", dir);
	for (size_t i = 0; i < r->exclude.count; i++) {
		const struct pattern *p = &r->exclude.item[i];

		if (p->count > 1 && strcmp(p->part[p->count - 1], "**") == 0 && glob_match(p->text, inside))
			return true;
	}
	return false;
}

bool rules_enter(const struct rules *r, const char *dir)
{
	const struct pattern *path = &r->path;
	struct names n;

	if (!names_init(&n, dir))
		return false;
	if (!starts(path, &n, n.count))
		return false;
	if (path->deep < path->count) /* expanded directories at any depth */
		return !hides(r, &n, path->deep, n.count);
	if (n.count <= path->count)
		return true;
	return !hides(r, &n, path->count, n.count) && !excluded_dir(r, tail(&n, dir, path->count)) &&
	       (any_may_hold(&r->files, &n, path->count) || any_may_hold(&r->marker, &n, path->count));
}

static bool half_written(const char *name)
{
	size_t len = strlen(name);

	return is_hidden(name) || (len > 0 && name[len - 1] == '~') ||
	       (len >= 4 && strcmp(name + len - 4, ".tmp") == 0) ||
	       (len >= 5 && strcmp(name + len - 5, ".part") == 0);
}

/* No exclude names the file, or a directory on the way to it. */
static bool allowed(const struct rules *r, struct names *n, const char *file, size_t from)
{
	const char *rest = tail(n, file, from);
	char dir[PATH_MAX];

	for (size_t i = from; r->exclude.count > 0 && i + 1 < n->count; i++) {
		size_t len = (size_t)(n->name[i] - n->name[from]) + strlen(n->name[i]);

		memcpy(dir, rest, len);
		dir[len] = '\0';
		if (any_matches(&r->exclude, dir))
			return false;
	}
	return !any_matches(&r->exclude, rest);
}

static unsigned kind_beneath(const struct rules *r, struct names *n, const char *file, size_t from)
{
	const char *rest = tail(n, file, from);
	unsigned kind = RULES_NOTHING;

	if (any_matches(&r->files, rest))
		kind |= RULES_FILE;
	if (any_matches(&r->marker, rest))
		kind |= RULES_MARKER;
	return kind != RULES_NOTHING && allowed(r, n, file, from) ? kind : RULES_NOTHING;
}

unsigned rules_kind(const struct rules *r, const char *file)
{
	const struct pattern *path = &r->path;
	struct names n;

	if (!names_init(&n, file) || n.count == 0 || half_written(n.name[n.count - 1]))
		return RULES_NOTHING;
	if (path->deep == path->count) {
		if (n.count <= path->count || !starts(path, &n, path->count) ||
		    hides(r, &n, path->count, n.count - 1))
			return RULES_NOTHING;
		return kind_beneath(r, &n, file, path->count);
	}
	if (hides(r, &n, path->deep, n.count - 1))
		return RULES_NOTHING;
	for (size_t from = path->deep; from < n.count; from++) { /* the shortest expansion wins */
		char dir[PATH_MAX];
		size_t len = from == 0 ? 0 : (size_t)(n.name[from] - n.text) - 1;

		memcpy(dir, file, len);
		dir[len] = '\0';
		if (!glob_match(path->text, dir))
			continue;
		unsigned kind = kind_beneath(r, &n, file, from);
		if (kind != RULES_NOTHING)
			return kind;
	}
	return RULES_NOTHING;
}

const char *rules_root(const struct rules *r)
{
	return r->root;
}

/* ---- life ---- */

int rules_new(const struct watch_options *o, struct rules **out, struct err *err)
{
	struct buf root = BUF_LIMIT(PATH_MAX), rest = BUF_LIMIT(PATH_MAX);

	*out = NULL;
	if (o->path == NULL || o->path[0] != '/')
		return err_set(err, -EINVAL, "the path of a watch must be absolute: \"%s\"",
			       o->path != NULL ? o->path : "");
	for (const char *at = o->path; *at != '\0';) {
		size_t len = strcspn(at, "/");

		if (len > 0 && !(len == 1 && at[0] == '.')) {
			bool fixed = rest.len == 0 && strcspn(at, "*?[{\\") >= len;

			if (!fixed && len == 2 && at[0] == '.' && at[1] == '.') {
				buf_done(&root);
				buf_done(&rest);
				return err_set(err, -EINVAL, "\"%s\": \"..\" after a pattern", o->path);
			}
			if (fixed || rest.len > 0)
				buf_putc(fixed ? &root : &rest, '/');
			buf_append(fixed ? &root : &rest, at, len);
		}
		at += len + (at[len] == '/');
	}
	if (buf_error(&root) < 0 || buf_error(&rest) < 0) {
		buf_done(&root);
		buf_done(&rest);
		return err_set(err, -ENAMETOOLONG, "the path of a watch is too long");
	}
	struct rules *r = xcalloc(1, sizeof(*r));
	r->root = xstrdup(root.len > 0 ? root.data : "");
	pattern_init(&r->path, rest.len > 0 ? rest.data : "");
	patterns_init(&r->files, o->files, o->file_count);
	patterns_init(&r->exclude, o->exclude, o->exclude_count);
	patterns_init(&r->marker, o->marker, o->marker_count);
	r->hidden = r->files.hidden || r->marker.hidden;
	buf_done(&root);
	buf_done(&rest);
	*out = r;
	return 0;
}

void rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	pattern_done(&r->path);
	patterns_done(&r->files);
	patterns_done(&r->exclude);
	patterns_done(&r->marker);
	free(r->root);
	free(r);
}
