/* SPDX-License-Identifier: Apache-2.0
 *
 * trcli.c - a table from trcli's parameters to our keys.
 *
 * trcli reads a file of one or more YAML documents, each a flat mapping whose names are those of its
 * options with underscores; later documents win.  Its option --case-fields may stand as a mapping or as a
 * list of "name:value".  (gurock/trcli: cli.py, parse_params_from_config_file; results_parser_helpers.py) */
#include "daemon/cli/trcli.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/config/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_MAX = 1 << 20, DOCUMENTS_MAX = 64 };

enum how {
	AS_TEXT,     /* a string that is no template of ours */
	AS_TEMPLATE, /* a string where ours takes templates: its braces are doubled */
	AS_WORD,     /* a number or a name */
	AS_BOOL,
	AS_LIST,   /* "34,52" or a list */
	AS_URL,    /* "host" may lack the scheme */
	AS_SECRET, /* never copied */
	AS_MATCHER,
	AS_CASE_FIELDS,
	AS_RESULT_FIELDS,
	AS_CREATE,   /* the answer to "shall cases be created?" */
	AS_UPDATE,   /* whether cases that are there are updated */
	AS_INSECURE, /* verify, the other way round */
	AS_PARSER,   /* `multisuite` asks for `suites`; the others for nothing */
	AS_PATH,     /* said in the heading */
	AS_NOTE,     /* has no key; the note says why */
};

/* Sections in the order in which they are printed. */
enum section { TOP, RUN, CREATE, UPDATE, RESULT, TLS, SECTIONS };
static const char *const section_names[] = { NULL, "run", "create", "update", "result", "tls" };

static const struct row {
	const char *theirs;
	enum how how;
	enum section section;
	const char *ours, *note;
} rows[] = {
	{ "host", AS_URL, TOP, "url", NULL },
	{ "username", AS_TEXT, TOP, "user", NULL },
	{ "key", AS_SECRET, TOP, "key", NULL },
	{ "password", AS_SECRET, TOP, "key", NULL },
	/* Where both stand, trcli takes the id only if the name is ambiguous; the id is always right. */
	{ "project", AS_WORD, TOP, "project", NULL },
	{ "project_id", AS_WORD, TOP, "project", NULL },
	{ "suite_name", AS_WORD, TOP, "suite", NULL },
	{ "suite_id", AS_WORD, TOP, "suite", NULL },
	{ "plan_id", AS_WORD, TOP, "plan", NULL },
	{ "config_ids", AS_LIST, TOP, "configs", NULL },
	{ "milestone_id", AS_WORD, TOP, "milestone", NULL },
	{ "test_run_ref", AS_TEMPLATE, TOP, "refs", NULL },
	{ "run_refs", AS_TEMPLATE, TOP, "refs", NULL },
	{ "title", AS_TEMPLATE, RUN, "name", NULL },
	{ "run_description", AS_TEMPLATE, RUN, "description", NULL },
	{ "run_id", AS_WORD, RUN, "id", NULL },
	{ "close_run", AS_BOOL, RUN, "close", NULL },
	{ "case_matcher", AS_MATCHER, TOP, "match", NULL },
	{ "auto_creation_response", AS_CREATE, CREATE, "cases", NULL },
	{ "case_fields", AS_CASE_FIELDS, CREATE, NULL, NULL },
	{ "update_existing_cases", AS_UPDATE, UPDATE, "cases", NULL },
	{ "update_cases", AS_UPDATE, UPDATE, "cases", NULL },
	{ "update_strategy", AS_WORD, UPDATE, "refs", NULL },
	{ "result_fields", AS_RESULT_FIELDS, RESULT, NULL, NULL },
	{ "assign_failed_to", AS_LIST, RESULT, "assign_failed", NULL },
	{ "batch_size", AS_WORD, TOP, "batch", NULL },
	{ "proxy", AS_TEXT, TOP, "proxy", NULL },
	{ "insecure", AS_INSECURE, TLS, "verify", NULL },
	{ "file", AS_PATH, TOP, NULL, NULL },
	{ "section_id", AS_NOTE, TOP, NULL,
	  "create.section names the section by its path, as \"Folder / Sub\"" },
	{ "allow_ms", AS_NOTE, TOP, NULL, "the time is always posted as precisely as TestRail takes it" },
	{ "timeout", AS_NOTE, TOP, NULL, "waits follow the size of the request; a lost answer is looked up" },
	{ "verify", AS_NOTE, TOP, NULL, "what the server returns is always compared with what was sent" },
	{ "verbose", AS_NOTE, TOP, NULL, "resultd --log-level debug" },
	{ "silent", AS_NOTE, TOP, NULL, "resultd import --progress never" },
	{ "json_output", AS_NOTE, TOP, NULL, "resultd import --json" },
	{ "proxy_user", AS_NOTE, TOP, NULL, "a proxy that asks for a password is not supported" },
	{ "noproxy", AS_NOTE, TOP, NULL, "a proxy is configured for each sink" },
	{ "special_parser", AS_PARSER, TOP, "suites", "reports are read in one way, whoever made them" },
	{ "config", AS_NOTE, TOP, NULL, "convert that file, too" },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct converted {
	const char *path;
	struct yaml_node *value[ROWS]; /* the last one that was given */
	struct buf section[SECTIONS];
	struct buf notes, files;
	bool secret, closes, failed;
};

static void complain(struct converted *c, const struct yaml_node *n, const char *what)
{
	fprintf(stderr, "%s:%u:%u: %s\n", c->path, n->line, n->column, what);
	c->failed = true;
}

/* ---- one value ---- */

static const char *scalar(struct converted *c, const struct yaml_node *n)
{
	if (n->kind == YAML_TREE_SCALAR)
		return n->text;
	complain(c, n, "a single value is wanted here");
	return "";
}

static bool truth(const char *s)
{
	return strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0 || strcasecmp(s, "on") == 0 ||
	       strcasecmp(s, "y") == 0 || strcmp(s, "1") == 0;
}

static void key(struct converted *c, enum section s, const char *name)
{
	buf_printf(&c->section[s], "%s%s: ", s == TOP ? "    " : "      ", name);
}

static void put_string(struct buf *out, const char *s)
{
	yaml_write_string(out, s);
	buf_putc(out, '\n');
}

/* A number stays one: quotes would make it a name. */
static void write_word(struct buf *out, const char *s)
{
	if (*s != '\0' && strlen(s) < 16 && strspn(s, "0123456789") == strlen(s))
		buf_puts(out, s);
	else
		yaml_write_string(out, s);
}

static void put_template(struct buf *out, const char *s)
{
	struct buf doubled = BUF_LIMIT(FILE_MAX * 2);

	for (; *s != '\0'; s++) {
		buf_putc(&doubled, *s);
		if (*s == '{' || *s == '}')
			buf_putc(&doubled, *s);
	}
	buf_putc(&doubled, '\0');
	put_string(out, buf_error(&doubled) == 0 ? doubled.data : "");
	buf_done(&doubled);
}

static void put_list(struct converted *c, const struct row *r, const struct yaml_node *n)
{
	struct buf *out = &c->section[r->section];
	bool first = true;

	key(c, r->section, r->ours);
	buf_putc(out, '[');
	for (size_t i = 0; i < (n->kind == YAML_TREE_LIST_OF ? n->count : 1); i++) {
		char *copy = xstrdup(scalar(c, n->kind == YAML_TREE_LIST_OF ? n->item[i] : n));
		char *rest = copy;
		for (char *word; (word = strsep(&rest, ",")) != NULL;) {
			word += strspn(word, " \t");
			for (size_t len = strlen(word); len > 0 && strchr(" \t", word[len - 1]) != NULL;)
				word[--len] = '\0';
			if (*word == '\0')
				continue;
			buf_puts(out, first ? "" : ", ");
			write_word(out, word);
			first = false;
		}
		free(copy);
	}
	buf_puts(out, "]\n");
}

/* ---- fields: a mapping, or a list of "name:value" ---- */

typedef void field_fn(struct converted *c, const char *name, const char *value, struct buf *rest);

static void each_field(struct converted *c, const struct yaml_node *n, struct buf *rest, field_fn *f)
{
	if (n->kind == YAML_TREE_MAPPING) {
		for (size_t i = 0; i < n->count; i++)
			f(c, n->item[i * 2]->text, scalar(c, n->item[i * 2 + 1]), rest);
		return;
	}
	for (size_t i = 0; i < (n->kind == YAML_TREE_LIST_OF ? n->count : 1); i++) {
		const struct yaml_node *one = n->kind == YAML_TREE_LIST_OF ? n->item[i] : n;
		char *copy = xstrdup(scalar(c, one));
		char *colon = strchr(copy, ':');
		if (colon == NULL) {
			complain(c, one, "a field is written as NAME:VALUE");
		} else {
			*colon = '\0';
			f(c, copy, colon + 1 + strspn(colon + 1, " "), rest);
		}
		free(copy);
	}
}

static void put_field(struct buf *rest, const char *name, const char *value)
{
	buf_puts(rest, rest->len == 0 ? "" : ", ");
	yaml_write_string(rest, name);
	buf_puts(rest, ": ");
	write_word(rest, value);
}

static void case_field(struct converted *c, const char *name, const char *value, struct buf *rest)
{
	static const char *const own[][2] = { { "type_id", "type" },
					      { "priority_id", "priority" },
					      { "template_id", "template" } };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcmp(name, own[i][0]) == 0) {
			key(c, CREATE, own[i][1]);
			write_word(&c->section[CREATE], value);
			buf_putc(&c->section[CREATE], '\n');
			return;
		}
	}
	put_field(rest, name, value);
}

static void result_field(struct converted *c, const char *name, const char *value, struct buf *rest)
{
	if (strcmp(name, "version") == 0) {
		key(c, RESULT, "version");
		put_template(&c->section[RESULT], value);
		return;
	}
	put_field(rest, name, value);
}

static void put_fields(struct converted *c, const struct row *r, const struct yaml_node *n)
{
	struct buf rest = BUF_LIMIT(FILE_MAX * 2);

	each_field(c, n, &rest, r->how == AS_CASE_FIELDS ? case_field : result_field);
	if (rest.len > 0 && buf_putc(&rest, '\0') == 0)
		buf_printf(&c->section[r->section], "      fields: {%s}\n", rest.data);
	buf_done(&rest);
}

/* ---- rows ---- */

static bool creates(const struct converted *c)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].how == AS_CREATE && c->value[i] != NULL && c->value[i]->kind == YAML_TREE_SCALAR)
			return truth(c->value[i]->text);
	}
	return false;
}

static void put_matcher(struct converted *c, const struct yaml_node *n)
{
	const char *s = scalar(c, n);

	key(c, TOP, "match");
	if (strcasecmp(s, "auto") == 0) {
		buf_puts(&c->section[TOP], "[automation]\n");
	} else if (strcasecmp(s, "name") == 0 || strcasecmp(s, "property") == 0) {
		/* Cases that are made must be found again by the next run: they get an automation id. */
		buf_puts(&c->section[TOP], creates(c) ? "[ref, automation]\n" : "[ref]\n");
	} else {
		complain(c, n, "case_matcher is auto, name or property");
	}
}

static void put_note(struct converted *c, const char *name, const char *why)
{
	buf_printf(&c->notes, "#   %-22s %s\n", name, why);
}

static bool several_suites(const struct converted *c)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].how == AS_PARSER && c->value[i] != NULL && c->value[i]->kind == YAML_TREE_SCALAR)
			return strcasecmp(c->value[i]->text, "multisuite") == 0;
	}
	return false;
}

static void put_row(struct converted *c, const struct row *r, const struct yaml_node *n)
{
	struct buf *out = &c->section[r->section];

	switch (r->how) {
	case AS_URL: {
		const char *s = scalar(c, n);
		struct buf url = BUF_LIMIT(FILE_MAX);
		buf_printf(&url, "%s%s", strstr(s, "://") != NULL ? "" : "https://", s);
		while (url.len > 0 && url.data[url.len - 1] == '/')
			url.len--;
		buf_putc(&url, '\0');
		key(c, TOP, r->ours);
		put_string(out, buf_error(&url) == 0 ? url.data : "");
		buf_done(&url);
		return;
	}
	case AS_TEXT:
		key(c, r->section, r->ours);
		put_string(out, scalar(c, n));
		return;
	case AS_WORD:
		key(c, r->section, r->ours);
		write_word(out, scalar(c, n));
		buf_putc(out, '\n');
		return;
	case AS_TEMPLATE:
		key(c, r->section, r->ours);
		put_template(out, scalar(c, n));
		return;
	case AS_BOOL:
		c->closes = true;
		key(c, r->section, r->ours);
		buf_puts(out, truth(scalar(c, n)) ? "true\n" : "false\n");
		return;
	case AS_LIST:
		put_list(c, r, n);
		return;
	case AS_SECRET:
		c->secret = true;
		return;
	case AS_MATCHER:
		put_matcher(c, n);
		return;
	case AS_CASE_FIELDS:
	case AS_RESULT_FIELDS:
		put_fields(c, r, n);
		return;
	case AS_CREATE:
		key(c, r->section, r->ours);
		buf_puts(out, truth(scalar(c, n)) ? "true\n" : "false\n");
		return;
	case AS_UPDATE:
		key(c, r->section, r->ours);
		buf_puts(out, truth(scalar(c, n)) ? "fields\n" : "none\n");
		return;
	case AS_INSECURE:
		if (truth(scalar(c, n))) {
			key(c, r->section, r->ours);
			buf_puts(out, "false\n");
		}
		return;
	case AS_PARSER:
		if (several_suites(c)) {
			key(c, r->section, r->ours);
			buf_puts(out, "all    # better: those that reports have cases of\n");
		} else {
			put_note(c, r->theirs, r->note);
		}
		return;
	case AS_PATH:
		buf_printf(&c->files, " ");
		yaml_write_string(&c->files, scalar(c, n));
		return;
	case AS_NOTE:
		put_note(c, r->theirs, r->note);
		return;
	}
}

/* Of two rows for one key the later one of the table holds, if it is given; several suites, where asked for,
 * before one. */
static bool overruled(const struct converted *c, size_t i)
{
	if (rows[i].ours != NULL && strcmp(rows[i].ours, "suite") == 0 && several_suites(c))
		return true;
	for (size_t k = i + 1; k < ROWS; k++) {
		if (c->value[k] != NULL && rows[k].ours != NULL && rows[i].ours != NULL &&
		    rows[k].section == rows[i].section && strcmp(rows[k].ours, rows[i].ours) == 0)
			return true;
	}
	return false;
}

/* A run that is named by its id stands where it stands. */
static bool placed(struct converted *c, size_t i)
{
	const char *ours = rows[i].ours;

	if (ours == NULL || rows[i].section != TOP ||
	    (strcmp(ours, "plan") != 0 && strcmp(ours, "suites") != 0))
		return false;
	for (size_t k = 0; k < ROWS; k++) {
		if (strcmp(rows[k].theirs, "run_id") == 0 && c->value[k] != NULL) {
			put_note(c, rows[i].theirs, "run_id names the run, wherever it stands");
			return true;
		}
	}
	return false;
}

static void take_document(struct converted *c, const struct yaml_node *root)
{
	if (root->kind != YAML_TREE_MAPPING) {
		complain(c, root, "a mapping of trcli's parameters is wanted");
		return;
	}
	for (size_t i = 0; i < root->count; i++) {
		struct yaml_node *name = root->item[i * 2], *value = root->item[i * 2 + 1];
		size_t row = 0;
		while (row < ROWS && strcmp(rows[row].theirs, name->text) != 0)
			row++;
		if (row < ROWS)
			c->value[row] = yaml_node_null(value) ? NULL : value;
		else
			put_note(c, name->text, "is no parameter of trcli that resultd knows");
	}
}

static void print_all(struct converted *c)
{
	printf("# Converted from trcli's %s.  Reports are named on the command line:\n"
	       "#   resultd --config THIS-FILE check --online\n"
	       "#   resultd --config THIS-FILE import%.*s\n",
	       c->path, c->files.len > 0 ? (int)c->files.len : 8,
	       c->files.len > 0 ? c->files.data : " PATH...");
	if (c->notes.len > 0)
		printf("#\n# What needs no key, or has none:\n%.*s", (int)c->notes.len, c->notes.data);
	printf("sinks:\n  testrail:\n    type: testrail\n");
	for (int s = TOP; s < SECTIONS; s++) {
		if (c->section[s].len > 0 && section_names[s] != NULL)
			printf("    %s:\n", section_names[s]);
		if (c->section[s].len > 0)
			fwrite(c->section[s].data, 1, c->section[s].len, stdout);
		if (s == TOP)
			printf("    key: {env: TESTRAIL_KEY}%s\n",
			       c->secret ? "    # the one in that file is not copied" : "");
	}
}

/* Documents are parted by lines that begin with "---". */
static size_t document_end(const char *text, size_t from, size_t len)
{
	for (size_t at = from; at < len; at++) {
		if ((at == from || text[at - 1] == '\n') && at > from && len - at >= 3 &&
		    memcmp(text + at, "---", 3) == 0)
			return at;
	}
	return len;
}

int trcli_convert(const char *path)
{
	struct converted c = { .path = path, .notes = BUF_LIMIT(FILE_MAX), .files = BUF_LIMIT(FILE_MAX) };
	struct yaml_tree tree[DOCUMENTS_MAX] = { 0 };
	struct buf part[DOCUMENTS_MAX] = { 0 }; /* what the trees borrow */
	struct config_faults faults = { 0 };
	struct buf text = BUF_LIMIT(FILE_MAX);
	struct err err = ERR_NONE;
	size_t documents = 0;

	for (int s = TOP; s < SECTIONS; s++)
		c.section[s] = BUF_LIMIT(FILE_MAX * 4);
	if (file_read(path, &text, &err) < 0) {
		fprintf(stderr, "resultd: %s\n", err.text);
		c.failed = true;
	}
	for (size_t at = 0; at < text.len && !c.failed;) {
		size_t end = document_end(text.data, at, text.len);
		if (documents == DOCUMENTS_MAX) {
			fprintf(stderr, "%s: more than %d documents\n", path, DOCUMENTS_MAX);
			c.failed = true;
			break;
		}
		/* Empty lines for what stands before, so that places are those of the file. */
		struct buf *b = &part[documents];
		*b = BUF_LIMIT(FILE_MAX);
		for (size_t k = 0; k < at; k++) {
			if (text.data[k] == '\n')
				buf_putc(b, '\n');
		}
		buf_append(b, text.data + at, end - at);
		if (buf_error(b) < 0 ||
		    yaml_tree_read(b->data, b->len, path, &tree[documents], &faults) < 0 || faults.count > 0)
			c.failed = true;
		else if (tree[documents].root != NULL)
			take_document(&c, tree[documents].root);
		documents++;
		at = end;
	}
	for (size_t i = 0; i < faults.count; i++) {
		char line[2048];
		fprintf(stderr, "%s\n", err_string(&faults.item[i], line, sizeof(line)));
	}
	for (size_t i = 0; i < ROWS && !c.failed; i++) {
		if (c.value[i] != NULL && !overruled(&c, i) && !placed(&c, i))
			put_row(&c, &rows[i], c.value[i]);
	}
	if (!c.failed && !c.closes) /* trcli leaves a run open unless it is told otherwise */
		buf_puts(&c.section[RUN], "      close: false\n");
	if (!c.failed)
		print_all(&c);
	for (size_t i = 0; i < documents; i++) {
		yaml_tree_done(&tree[i]);
		if (part[i].data != NULL)
			explicit_bzero(part[i].data, part[i].len);
		buf_done(&part[i]);
	}
	for (int s = TOP; s < SECTIONS; s++)
		buf_done(&c.section[s]);
	config_faults_done(&faults);
	buf_done(&c.notes);
	buf_done(&c.files);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	buf_done(&text);
	return c.failed ? EXIT_USAGE : fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
}
