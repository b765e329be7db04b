/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.h - sink types for the tests of this layer: every type of row once, and one like `local`. */
#ifndef TEST_CONFIG_SAMPLE_H
#define TEST_CONFIG_SAMPLE_H

#include "daemon/config/config.h"

#include <errno.h>
#include <string.h>

struct sample_conf {
	struct sink_common common;
	char *text, *url, *path, *must;
	struct template *title;
	bool flag;
	int64_t batch, wait_ms, size, mode, id;
	double pace;
	int word;
	struct config_ints order;
	struct config_strings tags;
	struct config_templates folder;
	struct config_map fields;
	struct secret *key;
	struct {
		char *path;
		int64_t mode;
	} control;
	struct {
		char *name;
		struct {
			bool deep;
		} inner;
	} nested;
};

static const char *const sample_words[] = { "worst", "each", "last", NULL };
static const struct config_key sample_control_keys[] = {
	{ "path", CONFIG_PATH, offsetof(struct sample_conf, control.path), .required = true },
	{ "mode", CONFIG_MODE, offsetof(struct sample_conf, control.mode), .def = "0660" },
	{ 0 },
};
static const struct config_key sample_inner_keys[] = {
	{ "deep", CONFIG_BOOL, offsetof(struct sample_conf, nested.inner.deep), .def = "true" },
	{ 0 },
};
static const struct config_key sample_nested_keys[] = {
	{ "name", CONFIG_STRING, offsetof(struct sample_conf, nested.name), .def = "{braces}" },
	{ "inner", CONFIG_STRUCT, 0, .keys = sample_inner_keys },
	{ 0 },
};
static const struct config_key sample_keys[] = {
	{ "must", CONFIG_STRING, offsetof(struct sample_conf, must), .required = true },
	{ "text", CONFIG_STRING, offsetof(struct sample_conf, text), .def = "plain" },
	{ "url", CONFIG_URL, offsetof(struct sample_conf, url), .def = "https://example.org/base/" },
	{ "path", CONFIG_PATH, offsetof(struct sample_conf, path), .def = NULL },
	{ "title", CONFIG_TEMPLATE, offsetof(struct sample_conf, title), .def = "{run.name}" },
	{ "flag", CONFIG_BOOL, offsetof(struct sample_conf, flag), .def = "true" },
	{ "batch", CONFIG_INT, offsetof(struct sample_conf, batch), .min = 1, .max = 500, .def = "250" },
	{ "id", CONFIG_INT, offsetof(struct sample_conf, id), .min = 1, .max = 1000 },
	{ "wait", CONFIG_DURATION, offsetof(struct sample_conf, wait_ms), .max = 86400000, .def = "30s" },
	{ "size", CONFIG_SIZE, offsetof(struct sample_conf, size), .min = 1024, .def = "50MiB" },
	{ "mode", CONFIG_MODE, offsetof(struct sample_conf, mode), .def = "0755" },
	{ "pace", CONFIG_RATE, offsetof(struct sample_conf, pace), .def = "10000/h" },
	{ "word", CONFIG_ENUM, offsetof(struct sample_conf, word), .words = sample_words, .def = "each" },
	{ "order", CONFIG_ENUMS, offsetof(struct sample_conf, order), .words = sample_words,
	  .def = "[last, worst]" },
	{ "tags", CONFIG_STRINGS, offsetof(struct sample_conf, tags), .def = "[nightly, \"a b\"]" },
	{ "folder", CONFIG_TEMPLATES, offsetof(struct sample_conf, folder), .def = "[CI, \"{job}\"]" },
	{ "fields", CONFIG_MAP, offsetof(struct sample_conf, fields), .def = "{a: 1}" },
	{ "key", CONFIG_SECRET, offsetof(struct sample_conf, key), .def = NULL },
	{ "control", CONFIG_STRUCT, 0, .keys = sample_control_keys, .scalar = "path" },
	{ "nested", CONFIG_STRUCT, 0, .keys = sample_nested_keys },
	SINK_COMMON_KEYS(struct sample_conf, common, "180/min"),
	{ 0 },
};

static int sample_check(void *conf, struct err *err)
{
	struct sample_conf *c = conf;

	if (strcmp(c->must, "refuse") == 0) /* required: never NULL here */
		return err_set(err, -EINVAL, "refused by check()");
	return config_url_check(c->url, c->common.plain, err);
}

struct sample_local {
	char *dir;
};
static const struct config_key sample_local_keys[] = {
	{ "dir", CONFIG_PATH, offsetof(struct sample_local, dir), .required = true },
	{ 0 },
};

static const struct config_sink_type sample_types[] = {
	{ "sample", sample_keys, sizeof(struct sample_conf), sample_check },
	{ "local", sample_local_keys, sizeof(struct sample_local), NULL },
};
enum { SAMPLE_TYPES = sizeof(sample_types) / sizeof(sample_types[0]) };

#endif
