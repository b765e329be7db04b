/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c - from a file to a struct config, or to the list of what is wrong with it.  Everything is read
 * before anything is refused, so that one run shows all faults. */
#include "daemon/config/config.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/config/merge.h"
#include "daemon/config/reader.h"
#include "daemon/config/redact.h"
#include "daemon/config/watches.h"
#include "daemon/config/words.h"
#include "daemon/config/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SINKS_MAX = 100 };

static const char *const queue_words[] = { "sqlite", NULL };
static const char *const format_words[] = { "auto", "text", "journal", "json", NULL };  /* enum log_format */
static const char *const level_words[] = { "debug", "info", "warning", "error", NULL }; /* enum log_level */

static const struct config_key limits_keys[] = {
	{ "report", CONFIG_SIZE, offsetof(struct config_limits, report), .min = 1 << 10,
	  .max = (int64_t)1 << 40, .def = "2GiB" },
	{ "text", CONFIG_SIZE, offsetof(struct config_limits, text), .min = 1 << 10, .max = 64 << 20,
	  .def = "64KiB" },
	{ "depth", CONFIG_INT, offsetof(struct config_limits, depth), .min = 8, .max = 10000, .def = "256" },
	{ "attributes", CONFIG_INT, offsetof(struct config_limits, attributes), .min = 16, .max = 10000,
	  .def = "256" },
	{ "attribute", CONFIG_SIZE, offsetof(struct config_limits, attribute), .min = 1 << 10,
	  .max = 64 << 20, .def = "1MiB" },
	{ "cases", CONFIG_INT, offsetof(struct config_limits, cases), .min = 1, .max = 1000000000,
	  .def = "5000000" },
	{ "gzip_ratio", CONFIG_INT, offsetof(struct config_limits, gzip_ratio), .min = 2, .max = 10000,
	  .def = "200" },
	{ "time", CONFIG_DURATION, offsetof(struct config_limits, time_ms), .min = 1000,
	  .max = 24 * 3600 * 1000, .def = "5m" },
	{ 0 },
};

static const struct config_key keep_keys[] = {
	{ "runs", CONFIG_DURATION, offsetof(struct config, keep.runs_ms), .min = 60000,
	  .max = (int64_t)36500 * 86400000, .def = "30d" },
	{ "max_size", CONFIG_SIZE, offsetof(struct config, keep.max_size), .min = 0, .max = (int64_t)1 << 50,
	  .def = "20GiB" },
	{ "low_water", CONFIG_SIZE, offsetof(struct config, keep.low_water), .min = 0,
	  .max = (int64_t)1 << 50, .def = "512MiB" },
	{ 0 },
};

static const struct config_key control_keys[] = {
	{ "path", CONFIG_PATH, offsetof(struct config, control.path), .required = true },
	{ "mode", CONFIG_MODE, offsetof(struct config, control.mode), .def = "0660" },
	{ "group", CONFIG_STRING, offsetof(struct config, control.group), .def = NULL },
	{ 0 },
};

static const struct config_key log_keys[] = {
	{ "format", CONFIG_ENUM, offsetof(struct config, log.format), .words = format_words, .def = "auto" },
	{ "level", CONFIG_ENUM, offsetof(struct config, log.level), .words = level_words, .def = "info" },
	{ 0 },
};

const struct config_key config_top_keys[] = {
	{ "state_dir", CONFIG_PATH, offsetof(struct config, state_dir), .def = NULL },
	{ "queue", CONFIG_ENUM, offsetof(struct config, queue), .words = queue_words, .def = "sqlite" },
	{ "control", CONFIG_STRUCT, 0, .keys = control_keys, .scalar = "path" },
	{ "redact", CONFIG_STRINGS, offsetof(struct config, redact),
	  .def = "['(?i)(password|secret|token|api_?key)']" },
	{ "limits", CONFIG_STRUCT, offsetof(struct config, limits), .keys = limits_keys },
	{ "keep", CONFIG_STRUCT, 0, .keys = keep_keys },
	{ "log", CONFIG_STRUCT, 0, .keys = log_keys },
	{ 0 },
};

/* What is being read, beside what reader.h knows. */
struct loading {
	struct config_reader reader;
	const struct config_sink_type *types;
	size_t type_count;
	struct config *config;
};

/* --- sinks --- */

static const struct config_sink_type *find_type(struct loading *l, const struct yaml_node *n)
{
	char quoted[WORD_QUOTED_SIZE], hint[NEAREST_SIZE];
	struct buf all = BUF_LIMIT(1024);

	if (n->bad)
		return NULL;
	if (n->kind != YAML_TREE_SCALAR) {
		config_fault_type(&l->reader, n, "type", "a word", false);
		return NULL;
	}
	struct nearest near = NEAREST(n->text);
	for (size_t i = 0; i < l->type_count; i++) {
		if (strcmp(l->types[i].name, n->text) == 0) {
			buf_done(&all);
			return &l->types[i];
		}
		nearest_offer(&near, l->types[i].name);
		buf_printf(&all, "%s%s",
			   i == 0                   ? ""
			   : i + 1 == l->type_count ? " or "
						    : ", ",
			   l->types[i].name);
	}
	if (strcmp(n->text, "aio") == 0 || strcmp(n->text, "testrail") == 0 || strcmp(n->text, "local") == 0)
		config_fault_node(&l->reader, n, "sinks of type \"%s\" are not supported by this version",
				  n->text);
	else
		config_fault_node(&l->reader, n, "\"type\" wants %s, found %s%s",
				  all.data != NULL ? all.data : "nothing", word_quoted(n->text, quoted),
				  nearest_hint(&near, hint));
	buf_done(&all);
	return NULL;
}

static void read_sink(struct loading *l, const struct yaml_node *key, const struct yaml_node *n)
{
	static const char *const of_defects[] = { "type", "for", NULL }, *const of_sinks[] = { "type", NULL };
	const char *const *also = strcmp(key->text, CONFIG_DEFECTS) == 0 ? of_defects : of_sinks;
	struct config *c = l->config;
	struct config_sink *s = &c->sink[c->sink_count++];
	struct err err = ERR_NONE;

	/* The name counts from here on, whatever is wrong below it: a watch that names it is right. */
	*s = (struct config_sink){ .name = xstrdup(key->text), .line = key->line, .column = key->column };
	if (!config_name_ok(s->name))
		config_fault_type(&l->reader, key, "sinks", CONFIG_NAME_RULE, false);
	if (n->bad)
		return;
	if (n->kind != YAML_TREE_MAPPING) {
		config_fault_type(&l->reader, n, s->name, "a mapping", true);
		return;
	}
	const struct yaml_node *type = yaml_node_get(n, "type");
	if (yaml_node_null(type)) {
		config_fault_node(&l->reader, n, "missing key \"type\"");
		return;
	}
	s->type = find_type(l, type);
	if (s->type == NULL)
		return;
	if ((strcmp(s->type->name, "axosoft") == 0) != config_is_defects(s->name)) {
		config_fault_node(&l->reader, type, "\"type\": %s",
				  strcmp(s->type->name, "axosoft") == 0
					  ? "axosoft belongs into the section \"defects\", not among sinks"
					  : "defects go to a tracker of type axosoft");
		s->type = NULL;
		return;
	}
	/* Counted by themselves, since check() may only see a struct that was filled without a fault. */
	struct config_faults own = { 0 }, *faults = l->reader.faults;
	l->reader.faults = &own;
	l->reader.refused = false;
	s->conf = xcalloc(1, s->type->conf_size);
	config_keys_read(&l->reader, s->type->name, s->type->keys, also, n, s->conf);
	l->reader.faults = faults;
	if (own.count == 0 && !l->reader.refused && s->type->check != NULL &&
	    s->type->check(s->conf, &err) < 0) {
		err_place(&err, l->reader.file, key->line, key->column);
		config_fault_take(faults, &err);
	}
	for (size_t i = 0; i < own.count; i++)
		config_fault_take(faults, &own.item[i]);
	config_faults_done(&own);
}

bool config_is_defects(const char *sink_name)
{
	size_t len = strlen(CONFIG_DEFECTS);

	return strncmp(sink_name, CONFIG_DEFECTS, len) == 0 &&
	       (sink_name[len] == '\0' || sink_name[len] == '.');
}

static bool mode_off(const struct yaml_node *n)
{
	const struct yaml_node *mode = n->kind == YAML_TREE_MAPPING ? yaml_node_get(n, "mode") : NULL;

	/* A mode that is no word was complained of already. */
	return mode == NULL || yaml_node_null(mode) || mode->text == NULL || strcmp(mode->text, "off") == 0;
}

/* defects: one more sink, whose type is the only one of trackers of defects. */
static void read_defects(struct loading *l, const struct yaml_node *root)
{
	const struct yaml_node *n = yaml_node_get(root, CONFIG_DEFECTS), *key = NULL;
	struct config *c = l->config;

	if (yaml_node_null(n))
		return;
	for (size_t i = 0; root != NULL && i < root->count; i++)
		if (root->item[2 * i + 1] == n)
			key = root->item[2 * i];
	if (key == NULL)
		return;
	if (config_find_sink(c, CONFIG_DEFECTS) != NULL) {
		config_fault_node(&l->reader, key,
				  "a sink is called \"defects\", which is the name of this section");
		return;
	}
	c->sink = xrealloc(c->sink, c->sink_count + 1, sizeof(*c->sink));
	read_sink(l, key, n);
	c->sink[c->sink_count - 1].off = mode_off(n);
}

/* What an entry of `for` says of the runs that it is for. */
struct condition {
	char *name;
	struct config_strings watch, sinks;
};
static const struct config_key condition_keys[] = {
	{ "name", CONFIG_STRING, offsetof(struct condition, name), .required = true },
	{ "watch", CONFIG_STRINGS, .offset = offsetof(struct condition, watch) },
	{ "sinks", CONFIG_STRINGS, .offset = offsetof(struct condition, sinks) },
	{ 0 },
};
static const char *const condition_words[] = { "name", "watch", "sinks", NULL };

static bool names_are_known(struct loading *l, const struct yaml_node *at, const struct condition *k)
{
	const struct config *c = l->config;

	for (size_t i = 0; i < k->watch.count; i++)
		if (config_find_watch(c, k->watch.item[i]) == NULL) {
			config_fault_node(&l->reader, at, "\"for\": no watch is called \"%.64s\"",
					  k->watch.item[i]);
			return false;
		}
	for (size_t i = 0; i < k->sinks.count; i++)
		if (config_find_sink(c, k->sinks.item[i]) == NULL || config_is_defects(k->sinks.item[i])) {
			config_fault_node(&l->reader, at, "\"for\": no sink is called \"%.64s\"",
					  k->sinks.item[i]);
			return false;
		}
	if (k->watch.count == 0 && k->sinks.count == 0) {
		config_fault_node(&l->reader, at, "\"for\": an entry names a watch, or sinks, or both");
		return false;
	}
	return true;
}

/* Only what says whom the entry is for: the rest of its keys are those of the section. */
static void read_condition(struct loading *l, const struct yaml_node *entry, struct condition *out)
{
	struct yaml_node *item[6];
	struct yaml_node own = {
		.kind = YAML_TREE_MAPPING, .line = entry->line, .column = entry->column, .item = item
	};

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < entry->count; k++) {
			if (own.count == 3 || strcmp(entry->item[2 * k]->text, condition_words[i]) != 0)
				continue;
			item[2 * own.count] = entry->item[2 * k];
			item[2 * own.count++ + 1] = entry->item[2 * k + 1];
			break;
		}
	}
	config_keys_read(&l->reader, "for", condition_keys, NULL, &own, out);
}

static void read_override(struct loading *l, const struct yaml_node *section, const struct yaml_node *entry)
{
	struct config *c = l->config;
	struct condition k = { .name = NULL };
	struct merge m = { 0 };

	if (entry->kind != YAML_TREE_MAPPING) {
		config_fault_type(&l->reader, entry, "for", "a list of mappings", false);
		return;
	}
	read_condition(l, entry, &k);
	if (k.name != NULL && names_are_known(l, entry, &k)) {
		char *name = xasprintf("%s.%s", CONFIG_DEFECTS, k.name);
		struct yaml_node key = {
			.kind = YAML_TREE_SCALAR, .text = name, .line = entry->line, .column = entry->column
		};
		const struct config_sink_type *type = config_find_sink(c, CONFIG_DEFECTS)->type;
		struct yaml_node *merged = merge_mappings(&m, type->keys, section, entry, condition_words);
		if (config_find_sink(c, name) != NULL)
			config_fault_node(&l->reader, entry, "\"for\": two entries are called \"%.64s\"",
					  k.name);
		for (size_t i = 0; i < merged->count; i++) /* the list itself does not fall through */
			if (strcmp(merged->item[2 * i]->text, "for") == 0) {
				merged->item[2 * i] = merged->item[2 * (merged->count - 1)];
				merged->item[2 * i + 1] = merged->item[2 * --merged->count + 1];
				break;
			}
		c->sink = xrealloc(c->sink, c->sink_count + 1, sizeof(*c->sink));
		read_sink(l, &key, merged);
		struct config_sink *s = &c->sink[c->sink_count - 1];
		s->override = true;
		s->off = mode_off(merged);
		s->watches = k.watch;
		s->along = k.sinks;
		k.watch = k.sinks = (struct config_strings){ 0 };
		merge_done(&m);
		free(name);
	}
	config_keys_done(condition_keys, &k);
}

/* After watches and sinks are known, which entries name. */
static void read_overrides(struct loading *l, const struct yaml_node *root)
{
	const struct yaml_node *section = yaml_node_get(root, CONFIG_DEFECTS);
	const struct config_sink *own = config_find_sink(l->config, CONFIG_DEFECTS);

	/* What is wrong in the section would be wrong in each entry again. */
	if (own == NULL || own->type == NULL || l->reader.faults->count > 0 || section == NULL ||
	    section->kind != YAML_TREE_MAPPING)
		return;
	const struct yaml_node *list = yaml_node_get(section, "for");
	if (yaml_node_null(list))
		return;
	if (list->kind != YAML_TREE_LIST_OF || list->count > SINKS_MAX) {
		config_fault_type(&l->reader, list, "for", "a list of at most 100 mappings", false);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		read_override(l, section, list->item[i]);
}

static bool fits(const struct config_strings *wanted, const char *const *names, size_t count)
{
	for (size_t i = 0; i < wanted->count; i++)
		for (size_t k = 0; k < count; k++)
			if (names[k] != NULL && strcmp(wanted->item[i], names[k]) == 0)
				return true;
	return wanted->count == 0;
}

const struct config_sink *config_defects_for(const struct config *c, const char *watch,
					     const char *const *sinks, size_t count)
{
	const struct config_sink *found = config_find_sink(c, CONFIG_DEFECTS);

	for (size_t i = 0; i < c->sink_count; i++) {
		const struct config_sink *s = &c->sink[i];
		if (s->override && fits(&s->watches, &watch, 1) && fits(&s->along, sinks, count)) {
			found = s;
			break;
		}
	}
	return found != NULL && !found->off ? found : NULL;
}

static void read_sinks(struct loading *l, const struct yaml_node *map)
{
	struct config *c = l->config;

	if (map->bad)
		return;
	if (map->kind != YAML_TREE_MAPPING) {
		config_fault_type(&l->reader, map, "sinks", "a mapping of names to sinks", false);
		return;
	}
	if (map->count == 0 || map->count > SINKS_MAX) {
		config_fault_node(&l->reader, map,
				  map->count == 0 ? "\"sinks\" names no sink" : "more than 100 sinks");
		return;
	}
	c->sink = xcalloc(map->count, sizeof(*c->sink));
	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *key = map->item[2 * i];
		if (strncmp(key->text, CONFIG_DEFECTS ".", strlen(CONFIG_DEFECTS) + 1) == 0)
			config_fault_node(&l->reader, key,
					  "names with \"" CONFIG_DEFECTS
					  ".\" are those of entries of its \"for\"");
		else if (config_find_sink(c, key->text) != NULL)
			config_fault_node(&l->reader, key, "two sinks are called \"%.64s\"", key->text);
		else
			read_sink(l, key, map->item[2 * i + 1]);
	}
}

static struct yaml_node scalar(const char *text)
{
	/* Built by hand, and never freed by the tree: the text is only read. */
	return (struct yaml_node){ .kind = YAML_TREE_SCALAR, .text = (char *)(uintptr_t)text };
}

/* sinks: {local: {type: local, dir: STATE_DIR/runs}} */
static void default_sinks(struct loading *l)
{
	char *dir = xasprintf("%s/runs", l->config->state_dir);
	struct yaml_node type_key = scalar("type"), type = scalar("local"), dir_key = scalar("dir"),
			 dir_value = scalar(dir), name = scalar("local");
	struct yaml_node *pair[4] = { &type_key, &type, &dir_key, &dir_value };
	struct yaml_node sink = { .kind = YAML_TREE_MAPPING, .item = pair, .count = 2 };
	struct yaml_node *entry[2] = { &name, &sink };
	struct yaml_node sinks = { .kind = YAML_TREE_MAPPING, .item = entry, .count = 1 };

	for (size_t i = 0; i < l->type_count; i++) {
		if (strcmp(l->types[i].name, "local") == 0)
			read_sinks(l, &sinks);
	}
	free(dir);
}

/* --- the rest --- */

static void read_redact(struct loading *l, const struct yaml_node *n)
{
	struct config *c = l->config;
	bool list = n != NULL && n->kind == YAML_TREE_LIST_OF && n->count == c->redact.count;

	c->redactor = redact_new();
	for (size_t i = 0; i < c->redact.count; i++) {
		struct err err = ERR_NONE;
		if (redact_add(c->redactor, c->redact.item[i], &err) < 0 && n != NULL)
			config_fault_node(&l->reader, list ? n->item[i] : n, "\"redact\": %s", err.text);
	}
}

static void read_top(struct loading *l, const struct yaml_node *root, const char *default_state_dir)
{
	static const char *const also[] = { "watch", "sinks", CONFIG_DEFECTS, NULL };
	struct config *c = l->config;

	config_keys_read(&l->reader, "", config_top_keys, also, root, c);
	if (c->state_dir == NULL) {
		char *here = getcwd(NULL, 0);
		c->state_dir = config_absolute(here != NULL ? here : "/", default_state_dir);
		free(here);
	}
	read_redact(l, yaml_node_get(root, "redact"));
	const struct yaml_node *sinks = yaml_node_get(root, "sinks");
	if (yaml_node_null(sinks))
		default_sinks(l);
	else
		read_sinks(l, sinks);
	read_defects(l, root);
	watches_read(&l->reader, yaml_node_get(root, "watch"), c);
	read_overrides(l, root);
}

static char *folder_of(const char *file)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;
	char *name = slash != NULL ? xstrndup(file, (size_t)(slash - file) + 1) : xstrdup(".");
	char *here = getcwd(NULL, 0);
	char *folder = config_absolute(here != NULL ? here : "/", name);

	free(here);
	free(name);
	return folder;
}

/* For a shell: as it stands where that is safe, else in single quotes. */
static void shell_word(struct buf *b, const char *s)
{
	if (*s != '\0' && *s != '-' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+@%:,")] == '\0') {
		buf_puts(b, s);
		return;
	}
	buf_puts(b, *s == '-' ? "./'" : "'");
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			buf_puts(b, "'\\''");
		else
			buf_putc(b, *s);
	}
	buf_putc(b, '\'');
}

/* A secret in the file itself asks for a file that nobody else reads.  The one exception is how packages
 * install: the file is root's, and read by the group that the service runs as. */
static void check_mode(struct loading *l, const struct stat *st)
{
	const struct yaml_node *n = l->reader.inline_secret;
	bool service = st->st_uid == 0 && geteuid() != 0 && st->st_gid == getegid();
	mode_t others = service ? S_IROTH : S_IROTH | S_IRGRP;
	struct buf name = BUF_LIMIT(8192);

	if (n == NULL || (st->st_mode & others) == 0)
		return;
	shell_word(&name, l->reader.file);
	config_fault_node(&l->reader, n, "a secret in a file that others can read; type: chmod %s %s",
			  service ? "640" : "600", name.data != NULL ? name.data : "FILE");
	buf_done(&name);
}

static int load(const char *text, size_t len, const char *file, const char *default_state_dir,
		const struct config_sink_type *types, size_t type_count, bool resolve, const struct stat *st,
		struct config **out, struct config_faults *faults, struct config_faults *lacking)
{
	struct yaml_tree tree = { 0 };
	struct config *c = xcalloc(1, sizeof(*c));
	char *folder = folder_of(file);
	struct loading l = {
		.reader = { .tree = &tree,
			    .file = file,
			    .folder = folder,
			    .resolve = resolve,
			    .lacking = lacking,
			    .faults = faults },
		.types = types,
		.type_count = type_count,
		.config = c,
	};

	*out = NULL;
	c->file = xstrdup(file);
	if (yaml_tree_read(text, len, file, &tree, faults) == 0) {
		if (tree.root != NULL && tree.root->kind != YAML_TREE_MAPPING && !yaml_node_null(tree.root))
			config_fault_node(&l.reader, tree.root, "a mapping of keys to values is wanted");
		else
			read_top(&l,
				 tree.root != NULL && tree.root->kind == YAML_TREE_MAPPING ? tree.root : NULL,
				 default_state_dir);
		if (st != NULL)
			check_mode(&l, st);
	}
	yaml_tree_done(&tree);
	free(folder);
	if (faults->count > 0) {
		config_free(c);
		return -EINVAL;
	}
	*out = c;
	return 0;
}

int config_parse(const char *text, size_t len, const char *file, const char *default_state_dir,
		 const struct config_sink_type *types, size_t type_count, bool resolve, struct config **out,
		 struct config_faults *faults)
{
	return load(text, len, file, default_state_dir, types, type_count, resolve, NULL, out, faults, NULL);
}

/* From a descriptor, so that what is checked and what is read are one file; a pipe will do. */
static int read_all(int fd, struct buf *out)
{
	char piece[16384];
	ssize_t n;
	int rc = 0;

	while (rc == 0) {
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			rc = n < 0 ? -errno : 0;
		else
			rc = buf_append(out, piece, (size_t)n);
		if (n <= 0)
			break;
	}
	explicit_bzero(piece, sizeof(piece));
	return rc;
}

int config_load(const char *file, const char *default_state_dir, const struct config_sink_type *types,
		size_t type_count, struct config **out, struct config_faults *faults,
		struct config_faults *lacking)
{
	/* As much as can come, at once: a buffer that grows leaves copies of secrets behind. */
	struct buf text = BUF_LIMIT(YAML_TREE_BYTES + 1);
	struct stat st = { 0 };
	int fd, rc;

	*out = NULL;
	if (file == NULL)
		return load("", 0, NULL, default_state_dir, types, type_count, true, NULL, out, faults,
			    lacking);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : buf_reserve(&text, YAML_TREE_BYTES + 1);
	if (rc == 0)
		rc = read_all(fd, &text);
	if (fd >= 0)
		close(fd);
	if (rc < 0 && rc != -E2BIG) {
		config_fault(faults, file, 0, 0, "cannot be read: %s", strerror(-rc));
		rc = -EINVAL;
	} else if (rc == -E2BIG) {
		config_fault(faults, file, 0, 0, "larger than 1 MiB");
		rc = -EINVAL;
	} else {
		rc = load(text.data, text.len, file, default_state_dir, types, type_count, true, &st, out,
			  faults, lacking);
	}
	if (text.data != NULL)
		explicit_bzero(text.data, text.cap);
	buf_done(&text);
	return rc;
}

static void config_strings_done(struct config_strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->item[i]);
	free(s->item);
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	watches_done(c);
	for (size_t i = 0; i < c->sink_count; i++) {
		if (c->sink[i].conf != NULL)
			config_keys_done(c->sink[i].type->keys, c->sink[i].conf);
		free(c->sink[i].conf);
		free(c->sink[i].name);
		config_strings_done(&c->sink[i].watches);
		config_strings_done(&c->sink[i].along);
	}
	free(c->sink);
	config_keys_done(config_top_keys, c);
	redact_free(c->redactor);
	free(c->file);
	free(c);
}

const struct config_sink *config_find_sink(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->sink_count; i++) {
		if (strcmp(c->sink[i].name, name) == 0)
			return &c->sink[i];
	}
	return NULL;
}

const struct config_watch *config_find_watch(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->watch_count; i++) {
		if (strcmp(c->watch[i].name, name) == 0)
			return &c->watch[i];
	}
	return NULL;
}

bool config_redacted(const struct config *c, const char *name)
{
	return redact_match(c->redactor, name);
}
