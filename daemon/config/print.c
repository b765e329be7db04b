/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c - the configuration as it was understood, by the rows that read it: every default visible, a
 * key without a value empty, secrets masked.  What is printed reads as the same configuration. */
#include "daemon/config/reader.h"

#include "daemon/config/config.h"
#include "daemon/config/secret.h"
#include "daemon/config/values.h"

#include <errno.h>

static void print_strings(struct buf *b, char *const *item, size_t count)
{
	buf_putc(b, '[');
	for (size_t i = 0; i < count; i++) {
		buf_puts(b, i > 0 ? ", " : "");
		yaml_write_string(b, item[i]);
	}
	buf_putc(b, ']');
}

static void print_map(const struct config_printer *p, const struct config_map *map, unsigned indent)
{
	if (map->count == 0)
		buf_puts(p->out, " {}");
	for (size_t i = 0; i < map->count; i++) {
		buf_printf(p->out, "\n%*s", (int)indent + 2, "");
		yaml_write_string(p->out, map->key[i]);
		buf_puts(p->out, ": ");
		yaml_write_string(p->out, p->hidden(p->cookie, map->key[i]) ? "(hidden)" : map->value[i]);
	}
}

static void print_text(struct buf *b, const char *s)
{
	if (s == NULL)
		return;
	buf_putc(b, ' ');
	yaml_write_string(b, s);
}

static void print_secret(struct buf *b, const struct secret *s)
{
	const char *masked = secret_masked(s);

	if (*masked == '{') /* a mapping already */
		buf_printf(b, " %s", masked);
	else if (*masked != '\0')
		print_text(b, masked);
}

static void print_value(const struct config_printer *p, const struct config_key *row, const void *at,
			unsigned indent)
{
	struct buf *b = p->out;

	switch (row->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_URL:
		print_text(b, *(char *const *)at);
		break;
	case CONFIG_TEMPLATE: {
		const struct template *t = *(struct template *const *)at;
		print_text(b, t != NULL ? template_text(t) : NULL);
		break;
	}
	case CONFIG_BOOL:
		buf_puts(b, *(const bool *)at ? " true" : " false");
		break;
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_MODE:
		if (*(const int64_t *)at == 0 && row->def == NULL && row->min > 0)
			break; /* not set: 0 itself would be refused */
		buf_putc(b, ' ');
		value_print(b, row->type, *(const int64_t *)at);
		break;
	case CONFIG_RATE:
		if (*(const double *)at > 0) {
			buf_putc(b, ' ');
			value_print_rate(b, *(const double *)at);
		}
		break;
	case CONFIG_ENUM:
		print_text(b, row->words[*(const int *)at]);
		break;
	case CONFIG_ENUMS: {
		const struct config_ints *list = at;
		buf_puts(b, " [");
		for (size_t i = 0; i < list->count; i++) {
			buf_puts(b, i > 0 ? ", " : "");
			yaml_write_string(b, row->words[list->item[i]]);
		}
		buf_putc(b, ']');
		break;
	}
	case CONFIG_STRINGS: {
		const struct config_strings *list = at;
		buf_putc(b, ' ');
		print_strings(b, list->item, list->count);
		break;
	}
	case CONFIG_TEMPLATES: {
		const struct config_templates *list = at;
		buf_puts(b, " [");
		for (size_t i = 0; i < list->count; i++) {
			buf_puts(b, i > 0 ? ", " : "");
			yaml_write_string(b, template_text(list->item[i]));
		}
		buf_putc(b, ']');
		break;
	}
	case CONFIG_MAP:
		print_map(p, at, indent);
		break;
	case CONFIG_SECRET:
		print_secret(b, *(struct secret *const *)at);
		break;
	case CONFIG_STRUCT:
		break;
	}
}

/* Whether a nested mapping was there at all: one that lacks what it must hold was not. */
static bool given(const struct config_key *keys, const void *base)
{
	for (; keys->name != NULL; keys++) {
		const void *at = (const char *)base + keys->offset;
		switch (keys->type) {
		case CONFIG_STRING:
		case CONFIG_PATH:
		case CONFIG_URL:
			if (keys->required && *(char *const *)at == NULL)
				return false;
			break;
		case CONFIG_TEMPLATE:
			if (keys->required && *(struct template *const *)at == NULL)
				return false;
			break;
		case CONFIG_SECRET:
			if (keys->required && *(struct secret *const *)at == NULL)
				return false;
			break;
		case CONFIG_BOOL:
		case CONFIG_INT:
		case CONFIG_DURATION:
		case CONFIG_SIZE:
		case CONFIG_RATE:
		case CONFIG_MODE:
		case CONFIG_ENUM:
		case CONFIG_ENUMS:
		case CONFIG_STRINGS:
		case CONFIG_TEMPLATES:
		case CONFIG_MAP:
		case CONFIG_STRUCT:
			break;
		}
	}
	return true;
}

void config_keys_print(const struct config_printer *p, const struct config_key *keys, const void *base,
		       unsigned indent)
{
	for (; keys->name != NULL; keys++) {
		const void *at = (const char *)base + keys->offset;
		buf_printf(p->out, "%*s%s:", (int)indent, "", keys->name);
		if (keys->type != CONFIG_STRUCT)
			print_value(p, keys, at, indent);
		buf_putc(p->out, '\n');
		if (keys->type == CONFIG_STRUCT && given(keys->keys, at))
			config_keys_print(p, keys->keys, at, indent + 2);
	}
}

static bool redacted(void *cookie, const char *key)
{
	return config_redacted(cookie, key);
}

static struct config_printer printer(const struct config *c, struct buf *out)
{
	return (struct config_printer){ .out = out, .hidden = redacted, .cookie = (void *)(uintptr_t)c };
}

int config_print_sink(const struct config *c, const struct config_sink *s, struct buf *out)
{
	struct config_printer p = printer(c, out);

	buf_printf(out, "  %s:\n    type: %s\n", s->name, s->type->name);
	config_keys_print(&p, s->type->keys, s->conf, 4);
	return buf_error(out);
}

int config_print_watch(const struct config *c, const struct config_watch *w, struct buf *out)
{
	struct config_printer p = printer(c, out);
	size_t first = out->len;

	config_keys_print(&p, config_watch_keys, w, 4);
	if (out->len > first)
		out->data[first + 2] = '-'; /* of the four spaces before its first key */
	return buf_error(out);
}

/* Each as a whole: with what fell through to it from the section. */
static void print_overrides(const struct config_printer *p, const struct config *c)
{
	bool first = true;

	for (size_t i = 0; i < c->sink_count; i++) {
		const struct config_sink *s = &c->sink[i];
		if (!s->override)
			continue;
		buf_printf(p->out, "%s    - name: %s\n      watch: ", first ? "  for:\n" : "",
			   s->name + strlen(CONFIG_DEFECTS) + 1);
		print_strings(p->out, s->watches.item, s->watches.count);
		buf_puts(p->out, "\n      sinks: ");
		print_strings(p->out, s->along.item, s->along.count);
		buf_putc(p->out, '\n');
		config_keys_print(p, s->type->keys, s->conf, 6);
		first = false;
	}
}

int config_print(const struct config *c, struct buf *out)
{
	struct config_printer p = printer(c, out);

	config_keys_print(&p, config_top_keys, c, 0);
	buf_puts(out, c->watch_count == 0 ? "watch: []\n" : "watch:\n");
	for (size_t i = 0; i < c->watch_count; i++)
		config_print_watch(c, &c->watch[i], out);
	buf_puts(out, c->sink_count == 0 ? "sinks: {}\n" : "sinks:\n");
	const struct config_sink *defects = config_find_sink(c, CONFIG_DEFECTS);
	for (size_t i = 0; i < c->sink_count; i++)
		if (!config_is_defects(c->sink[i].name))
			config_print_sink(c, &c->sink[i], out);
	if (defects != NULL) {
		buf_printf(out, "%s:\n  type: %s\n", CONFIG_DEFECTS, defects->type->name);
		config_keys_print(&p, defects->type->keys, defects->conf, 2);
		print_overrides(&p, c);
	}
	return buf_error(out);
}
