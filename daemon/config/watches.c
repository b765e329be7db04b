/* SPDX-License-Identifier: Apache-2.0
 *
 * watches.c - each watch by itself, then all against each other: a file belongs to one watch. */
#include "daemon/config/watches.h"

#include "daemon/base/mem.h"
#include "daemon/config/overlap.h"
#include "daemon/config/words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WATCHES_MAX = 500,
	PATTERN_BYTES_MAX = 1024,
	PATTERN_DEEP_MAX = 8, /* what base/glob.h follows */
	OVERLAP_WORK = 20 * 1000 * 1000,
};

static const char *const mode_words[] = { "auto", "inotify", "poll", NULL };
static const char *const existing_words[] = { "import", "ignore", NULL };
static const char *const late_words[] = { "new", "append", NULL };
static const char *const after_words[] = { "keep", "delete", "move", NULL };

#define DAY ((int64_t)86400000)

static const struct config_key run_keys[] = {
	{ "key", CONFIG_TEMPLATE, offsetof(struct config_watch, run.key), .def = NULL },
	{ "name", CONFIG_TEMPLATE, offsetof(struct config_watch, run.name), .def = NULL },
	{ "variant", CONFIG_TEMPLATE, offsetof(struct config_watch, run.variant), .def = NULL },
	{ "close_after", CONFIG_DURATION, offsetof(struct config_watch, run.close_after_ms), .max = 30 * DAY,
	  .def = "60s" },
	{ "close_on", CONFIG_STRING, offsetof(struct config_watch, run.close_on), .def = NULL },
	{ "max_age", CONFIG_DURATION, offsetof(struct config_watch, run.max_age_ms), .min = 1,
	  .max = 365 * DAY, .def = "6h" },
	{ "late", CONFIG_ENUM, offsetof(struct config_watch, run.late), .words = late_words, .def = "new" },
	{ 0 },
};

/* Every *.xml is looked at, because a report that nobody picks up is worse than a file that is named in
 * the log as no report.  Ant writes an aggregate beside the single files: taken too, all would count
 * twice. */
const struct config_key config_watch_keys[] = {
	{ "name", CONFIG_STRING, offsetof(struct config_watch, name), .required = true },
	{ "path", CONFIG_PATH, offsetof(struct config_watch, path), .required = true },
	{ "files", CONFIG_STRINGS, offsetof(struct config_watch, files),
	  .def = "['**/*.xml', '**/*.xml.gz']" },
	{ "exclude", CONFIG_STRINGS, offsetof(struct config_watch, exclude),
	  .def = "['**/TESTS-TestSuites.xml']" },
	{ "mode", CONFIG_ENUM, offsetof(struct config_watch, mode), .words = mode_words, .def = "auto" },
	{ "poll_interval", CONFIG_DURATION, offsetof(struct config_watch, poll_interval_ms), .min = 10,
	  .max = DAY, .def = "30s" },
	{ "settle", CONFIG_DURATION, offsetof(struct config_watch, settle_ms), .max = DAY, .def = "1s" },
	{ "existing", CONFIG_ENUM, offsetof(struct config_watch, existing), .words = existing_words,
	  .def = "import" },
	{ "timezone", CONFIG_STRING, offsetof(struct config_watch, timezone), .def = "UTC" },
	{ "run", CONFIG_STRUCT, 0, .keys = run_keys },
	{ "evidence", CONFIG_STRINGS, offsetof(struct config_watch, evidence), .def = NULL },
	{ "roots", CONFIG_STRINGS, offsetof(struct config_watch, roots), .def = NULL },
	{ "sinks", CONFIG_STRINGS, offsetof(struct config_watch, sinks), .def = NULL },
	{ "after", CONFIG_ENUM, offsetof(struct config_watch, after), .words = after_words, .def = "keep" },
	{ "defects", CONFIG_BOOL, offsetof(struct config_watch, defects), .def = "true" },
	{ "after_dir", CONFIG_PATH, offsetof(struct config_watch, after_dir), .def = NULL },
	{ 0 },
};

static bool ascii_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool config_name_ok(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > 64 || !ascii_alnum(*s))
		return false;
	for (; *s != '\0'; s++) {
		if (!ascii_alnum(*s) && strchr("._-", *s) == NULL)
			return false;
	}
	return true;
}

/* --- one watch --- */

/* Why a pattern would never match, or match something else than meant; NULL: it is fine. */
static const char *pattern_problem(const char *s)
{
	unsigned deep = 0;

	if (*s == '\0')
		return "an empty pattern";
	if (strlen(s) > PATTERN_BYTES_MAX)
		return "a pattern longer than 1024 bytes";
	if (*s == '/')
		return "a pattern is relative to path; it may not begin with /";
	for (const char *at = s; *at != '\0';) {
		size_t len = strcspn(at, "/");
		const char *set = memchr(at, '[', len);
		if (len == 0)
			return "a pattern with an empty component (//, or a / at its end)";
		if ((len == 1 && *at == '.') || (len == 2 && strncmp(at, "..", 2) == 0))
			return "a pattern may not hold . or .. as a component";
		if (len == 2 && strncmp(at, "**", 2) == 0)
			deep++;
		else if (memmem(at, len, "**", 2) != NULL)
			return "** stands alone between slashes, as in **/*.xml";
		if (set != NULL && memchr(set, ']', len - (size_t)(set - at)) == NULL)
			return "a [ that is not closed";
		if (at[len] == '/' && at[len + 1] == '\0')
			return "a pattern with an empty component (//, or a / at its end)";
		at += len + (at[len] == '/' ? 1 : 0);
	}
	return deep > PATTERN_DEEP_MAX ? "more than 8 ** in one pattern" : NULL;
}

static void check_pattern(struct config_reader *r, const char *key, const struct yaml_node *n)
{
	const char *problem;

	if (n->kind != YAML_TREE_SCALAR || n->bad || yaml_node_null(n))
		return;
	problem = pattern_problem(n->text);
	if (problem != NULL)
		config_fault_node(r, n, "\"%s\": %s", key, problem);
}

static void check_patterns(struct config_reader *r, const char *key, const struct yaml_node *n)
{
	if (n == NULL)
		return;
	if (n->kind != YAML_TREE_LIST_OF) {
		check_pattern(r, key, n);
		return;
	}
	for (size_t i = 0; i < n->count; i++)
		check_pattern(r, key, n->item[i]);
}

static bool capture_repeats(const char *path, const char *open, size_t len)
{
	for (const char *s = strchr(path, '{'); s != NULL && s < open; s = strchr(s + 1, '{')) {
		if (strncmp(s + 1, open + 1, len) == 0 && s[1 + len] == '}')
			return true;
	}
	return false;
}

static const char *path_problem(const char *path)
{
	if (path[strcspn(path, "*?[\\")] != '\0')
		return "*, ?, [ and \\ may not stand in a watch's path; {name} matches any one component";
	for (const char *s = path; *s != '\0';) {
		size_t len = strcspn(s, "/"), before = strcspn(s, "{}/");
		const char *open = s + before;
		/* What lies above a folder that only matches a pattern is no tree to look through. */
		if (len == 2 && strncmp(s, "..", 2) == 0 && memchr(path, '{', (size_t)(s - path)) != NULL)
			return ".. may not stand behind a capture in the path";
		if (before < len) {
			size_t name = *open == '{' ? strcspn(open + 1, "{}/") : 0;
			if (*open != '{' || open[1 + name] != '}')
				return "a brace without its partner in the path";
			if (!template_name_ok(open + 1, name))
				return "a capture is {name}: letters, digits, _ and -";
			if (strcspn(open + 2 + name, "{}/") < len - before - 2 - name)
				return "one component of the path holds one capture";
			if (capture_repeats(path, open, name))
				return "two captures of one name in the path";
		}
		s += len + (s[len] == '/' ? 1 : 0);
	}
	return NULL;
}

static bool offset_ok(const char *s)
{
	return (*s == '+' || *s == '-') && strlen(s) == 6 && s[1] >= '0' && s[1] <= '1' && s[2] >= '0' &&
	       s[2] <= '9' && s[3] == ':' && s[4] >= '0' && s[4] <= '5' && s[5] >= '0' && s[5] <= '9';
}

/* Names are checked against the machine's own data where it has any. */
const char *config_timezone_problem(const char *s)
{
	static const char folder[] = "/usr/share/zoneinfo";

	if (strcmp(s, "UTC") == 0 || strcmp(s, "local") == 0 || offset_ok(s))
		return NULL;
	if (!ascii_alnum(*s) || strlen(s) > 100 || strstr(s, "..") != NULL)
		return "wants an IANA name such as Europe/Berlin, local, UTC, or an offset such as +09:00";
	for (const char *c = s; *c != '\0'; c++) {
		if (!ascii_alnum(*c) && strchr("_+-/", *c) == NULL)
			return "wants an IANA name such as Europe/Berlin, local, UTC, or an offset such as "
			       "+09:00";
	}
	if (access(folder, R_OK) != 0)
		return NULL;
	char *path = xasprintf("%s/%s", folder, s);
	bool there = access(path, R_OK) == 0;
	free(path);
	return there ? NULL : "names a time zone that this machine does not know";
}

static void check_sinks(struct config_reader *r, const struct yaml_node *n, const struct config *c)
{
	struct yaml_node *const self[1] = { (struct yaml_node *)(uintptr_t)n };
	struct yaml_node *const *item = n->kind == YAML_TREE_LIST_OF ? n->item : self;
	size_t count = n->kind == YAML_TREE_LIST_OF ? n->count : 1;
	char quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];

	for (size_t i = 0; i < count && i < 1000; i++) {
		if (item[i]->kind != YAML_TREE_SCALAR || item[i]->bad || yaml_node_null(item[i]))
			continue;
		struct nearest near = NEAREST(item[i]->text);
		bool found = false;
		for (size_t j = 0; j < c->sink_count && !found; j++) {
			found = strcmp(c->sink[j].name, item[i]->text) == 0;
			nearest_offer(&near, c->sink[j].name);
		}
		if (!found)
			config_fault_node(r, item[i], "no sink is called %s%s",
					  word_quoted(item[i]->text, quoted), nearest_hint(&near, hint));
		for (size_t j = 0; j < i; j++) {
			if (item[j]->kind == YAML_TREE_SCALAR && strcmp(item[j]->text, item[i]->text) == 0) {
				config_fault_node(r, item[i], "\"sinks\" names %s twice",
						  word_quoted(item[i]->text, quoted));
				break;
			}
		}
	}
}

/* A run is named when its first file is met: before there is a run, and before the report is read. */
static void check_template(struct config_reader *r, const struct yaml_node *run, const char *key,
			   const struct template *t)
{
	const struct yaml_node *n = yaml_node_get(run, key);
	const char *used = template_uses(t, "run.");

	if (n == NULL || t == NULL)
		return;
	if (*template_text(t) == '\0')
		config_fault_node(r, n, "\"%s\" may not be an empty text", key);
	if (used == NULL)
		used = template_uses(t, "prop.");
	if (used != NULL)
		config_fault_node(r, n, "\"%s\" is needed before %s is known", key, used);
}

/* Whether {name} of a root is a capture of the watch's path. */
static bool captured(const char *path, const char *open, size_t len)
{
	for (const char *s = strchr(path, '{'); s != NULL; s = strchr(s + 1, '{')) {
		if (strncmp(s, open, len + 2) == 0)
			return true;
	}
	return false;
}

static const char *root_problem(const char *root, const char *path)
{
	if (*root != '/')
		return "a folder is named by its absolute path";
	for (const char *s = root; *s != '\0'; s++) {
		if (*s == '/' && strncmp(s + 1, "..", 2) == 0 && (s[3] == '/' || s[3] == '\0'))
			return "a folder is named without ..";
		if (*s == '}')
			return "a brace without its partner";
		if (*s != '{')
			continue;
		size_t len = strcspn(s + 1, "{}/");
		if (s[1 + len] != '}')
			return "a brace without its partner";
		if (path != NULL && !captured(path, s, len))
			return "{..} stands for a capture of the watch's path";
		s += len + 1;
	}
	return NULL;
}

static void check_roots(struct config_reader *r, const struct yaml_node *n, const char *path)
{
	struct yaml_node *const self[1] = { (struct yaml_node *)(uintptr_t)n };

	if (n == NULL)
		return;
	struct yaml_node *const *item = n->kind == YAML_TREE_LIST_OF ? n->item : self;
	for (size_t i = 0; i < (n->kind == YAML_TREE_LIST_OF ? n->count : 1); i++) {
		if (item[i]->kind != YAML_TREE_SCALAR || item[i]->bad || yaml_node_null(item[i]))
			continue;
		const char *problem = root_problem(item[i]->text, path);
		if (problem != NULL)
			config_fault_node(r, item[i], "\"roots\": %s", problem);
	}
}

static void check_watch(struct config_reader *r, const struct yaml_node *n, const struct config_watch *w,
			const struct config *c)
{
	const struct yaml_node *run = yaml_node_get(n, "run"), *sinks = yaml_node_get(n, "sinks");
	const struct yaml_node *close_on = yaml_node_get(run, "close_on");
	const char *problem;

	if (w->name != NULL && !config_name_ok(w->name))
		config_fault_type(r, yaml_node_get(n, "name"), "name", CONFIG_NAME_RULE, false);
	problem = w->path != NULL ? path_problem(w->path) : NULL;
	if (problem != NULL)
		config_fault_node(r, yaml_node_get(n, "path"), "\"path\": %s", problem);
	check_patterns(r, "files", yaml_node_get(n, "files"));
	check_patterns(r, "exclude", yaml_node_get(n, "exclude"));
	check_patterns(r, "evidence", yaml_node_get(n, "evidence"));
	check_roots(r, yaml_node_get(n, "roots"), w->path);
	if (close_on != NULL)
		check_pattern(r, "close_on", close_on);
	if (w->files.count == 0 && yaml_node_get(n, "files") != NULL)
		config_fault_node(r, yaml_node_get(n, "files"),
				  "\"files\" names no pattern: nothing would be watched");
	problem = w->timezone != NULL ? config_timezone_problem(w->timezone) : NULL;
	if (problem != NULL)
		config_fault_node(r, yaml_node_get(n, "timezone"), "\"timezone\" %s", problem);
	if (w->after == AFTER_MOVE && w->after_dir == NULL)
		config_fault_node(r, yaml_node_get(n, "after"), "\"after: move\" needs \"after_dir\"");
	check_template(r, run, "key", w->run.key);
	check_template(r, run, "name", w->run.name);
	check_template(r, run, "variant", w->run.variant);
	if (sinks != NULL && !yaml_node_null(sinks) && sinks->kind != YAML_TREE_MAPPING && !sinks->bad)
		check_sinks(r, sinks, c);
}

/* --- all watches --- */

static struct overlap_side side_of(const struct config_watch *w)
{
	return (struct overlap_side){
		.path = w->path,
		.files = w->files.item,
		.file_count = w->files.count,
		.exclude = w->exclude.item,
		.exclude_count = w->exclude.count,
	};
}

static void check_pairs(struct config_reader *r, const struct config *c)
{
	size_t work = OVERLAP_WORK, x = 0, y = 0;

	for (size_t i = 0; i < c->watch_count; i++) {
		const struct config_watch *w = &c->watch[i];
		for (size_t j = 0; j < i; j++) {
			const struct config_watch *v = &c->watch[j];
			struct yaml_node at = { .line = w->line, .column = w->column };
			if (w->name != NULL && v->name != NULL && strcmp(w->name, v->name) == 0)
				config_fault_node(r, &at,
						  "two watches are called \"%.64s\" (first in line %u)",
						  w->name, v->line);
			if (w->path == NULL || v->path == NULL)
				continue;
			struct overlap_side a = side_of(v), b = side_of(w);
			enum overlap found = overlap_check(&a, &b, &work, &x, &y);
			if (found == OVERLAP_TOO_MUCH) {
				config_fault_node(
					r, &at,
					"too many patterns to tell which watches can match the same files");
				return;
			}
			if (found == OVERLAP_FOUND)
				config_fault_node(
					r, &at,
					"can match the same files as the watch in line %u "
					"(\"%.100s\" there, \"%.100s\" here); exclude them in one of the two",
					v->line, v->files.item[x], w->files.item[y]);
		}
	}
}

void watches_read(struct config_reader *r, const struct yaml_node *list, struct config *c)
{
	if (list == NULL || yaml_node_null(list) || list->bad)
		return;
	if (list->kind != YAML_TREE_LIST_OF) {
		config_fault_type(r, list, "watch", "a list", false);
		return;
	}
	if (list->count > WATCHES_MAX) {
		config_fault_node(r, list, "more than %d watches", WATCHES_MAX);
		return;
	}
	c->watch = xcalloc(list->count + 1, sizeof(*c->watch));
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *n = list->item[i];
		struct config_watch *w = &c->watch[c->watch_count];
		if (n->bad)
			continue;
		if (n->kind != YAML_TREE_MAPPING) {
			config_fault_type(r, n, "watch", "a mapping in each entry", false);
			continue;
		}
		w->line = n->line;
		w->column = n->column;
		c->watch_count++;
		config_keys_read(r, "watch", config_watch_keys, NULL, n, w);
		check_watch(r, n, w, c);
	}
	check_pairs(r, c);
}

void watches_done(struct config *c)
{
	for (size_t i = 0; i < c->watch_count; i++)
		config_keys_done(config_watch_keys, &c->watch[i]);
	free(c->watch);
}
