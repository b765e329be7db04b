/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs.c - finds the verb in its table, takes its options apart, says what it takes. */
#include "daemon/cli/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TIMEOUT_MS = 5 * 60 * 1000 };

static const char COMMON[] = "sink= json timeout= help";
static const char PAGING[] = "limit= offset= all";

enum takes { TAKES_NOTHING, TAKES_VALUE, TAKES_VALUES, UNKNOWN_OPTION };

static enum takes look(const char *list, const char *name, size_t len)
{
	for (const char *s = list; s != NULL && *s != '\0';) {
		size_t n = strcspn(s, " ");
		size_t own = strcspn(s, "= ");
		if (own == len && strncmp(s, name, len) == 0)
			return own == n ? TAKES_NOTHING : own + 1 == n ? TAKES_VALUE : TAKES_VALUES;
		s += n;
		s += strspn(s, " ");
	}
	return UNKNOWN_OPTION;
}

static enum takes takes(const struct verb *v, const char *name, size_t len)
{
	enum takes t = look(COMMON, name, len);

	if (t == UNKNOWN_OPTION && v->pages)
		t = look(PAGING, name, len);
	return t != UNKNOWN_OPTION ? t : look(v->options, name, len);
}

/* ---- finding the verb ---- */

/* How many of the words make up the verb's name; 0: they do not. */
static size_t matches(const struct verb *v, const char *const *word, size_t words)
{
	const char *s = v->name;
	size_t n = 0;

	while (*s != '\0') {
		size_t len = strcspn(s, " ");
		if (n == words || strlen(word[n]) != len || strncmp(s, word[n], len) != 0)
			return 0;
		n++;
		s += len;
		s += strspn(s, " ");
	}
	return n;
}

/* The longest name wins: "projects list" before a plain "projects". */
static const struct verb *find(const struct verb *verbs, const char *const *word, size_t words, size_t *used)
{
	const struct verb *found = NULL;

	*used = 0;
	for (const struct verb *v = verbs; v->name != NULL; v++) {
		size_t n = matches(v, word, words);
		if (n > *used) {
			*used = n;
			found = v;
		}
	}
	return found;
}

/* Words before the first option: the verb is among them. */
static size_t leading(int argc, char **argv, const char **word, size_t max)
{
	size_t n = 0;

	for (int i = 1; i < argc && n < max && argv[i][0] != '-'; i++)
		word[n++] = argv[i];
	return n;
}

/* ---- help ---- */

static bool begins(const struct verb *v, const char *word)
{
	size_t n = strlen(word);

	return strncmp(v->name, word, n) == 0 && (v->name[n] == ' ' || v->name[n] == '\0');
}

static void line(const struct verb *v)
{
	char head[128];

	snprintf(head, sizeof(head), "%s%s%s", v->name, v->words[0] != '\0' ? " " : "", v->words);
	printf(strlen(head) < 34 ? "  %-34s%s\n" : "  %s\n                                    %s\n", head,
	       v->summary);
}

void verbs_help(const struct verb *verbs, const char *command)
{
	printf("resultd %s VERB... [OPTIONS]\n\n", command);
	for (const struct verb *v = verbs; v->name != NULL; v++)
		line(v);
	printf("\nAll of them:\n"
	       "  --sink NAME         of the configuration; needed where it has several of this type\n"
	       "  --json              what the server answered, for machines\n"
	       "  --timeout DURATION  how long to wait for a server that asks for patience (default 5m)\n"
	       "Lists that come in pages:\n"
	       "  --limit N, --offset N, --all   the first %d by default\n"
	       "\n\"resultd %s VERB --help\" tells its options.\n",
	       VERB_ROWS, command);
}

static void verb_help(const char *command, const struct verb *v)
{
	printf("resultd %s %s %s%s- %s\n", command, v->name, v->words, v->words[0] != '\0' ? " " : "",
	       v->summary);
	if (v->detail != NULL)
		printf("\n%s", v->detail);
	printf("\n  --sink NAME, --json, --timeout DURATION%s\n",
	       v->pages ? ", --limit N, --offset N, --all" : "");
}

/* Help for the words given: one verb, a family of them, or all. */
static int help(const struct verb *verbs, const char *command, const char *const *word, size_t words)
{
	size_t used, shown = 0;
	const struct verb *v = find(verbs, word, words, &used);

	if (v != NULL) {
		verb_help(command, v);
		return EXIT_OK;
	}
	for (v = verbs; words > 0 && v->name != NULL; v++) {
		if (!begins(v, word[0]))
			continue;
		if (shown++ > 0)
			putchar('\n');
		verb_help(command, v);
	}
	if (shown == 0)
		verbs_help(verbs, command);
	return EXIT_OK;
}

/* ---- options ---- */

static int unknown_verb(const struct verb *verbs, const char *command, const char *const *word, size_t words)
{
	fprintf(stderr, "resultd %s: ", command);
	if (words == 0)
		fprintf(stderr, "say what to do");
	else
		fprintf(stderr, "what is \"%s%s%s\"?", word[0], words > 1 ? " " : "",
			words > 1 ? word[1] : "");
	for (const struct verb *v = verbs; words > 0 && v->name != NULL; v++) {
		if (begins(v, word[0]))
			fprintf(stderr, " (%s)", v->name);
	}
	fprintf(stderr, "\nTry \"resultd %s --help\".\n", command);
	return EXIT_USAGE;
}

static int add_option(const struct verb *v, const char *command, struct args *a, int argc, char **argv,
		      int *i)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
	enum takes t = takes(v, name, len);
	const char *value = equals != NULL ? equals + 1 : NULL;

	if (t == UNKNOWN_OPTION)
		return cli_usage(command, "%s takes no option --%.*s", v->name, (int)len, name);
	if (t == TAKES_NOTHING && value != NULL)
		return cli_usage(command, "--%.*s takes no value", (int)len, name);
	if (t != TAKES_NOTHING && value == NULL) {
		if (*i + 1 >= argc)
			return cli_usage(command, "--%s needs a value", name);
		value = argv[++*i];
	}
	if (a->options == ARGS_OPTIONS_MAX)
		return cli_usage(command, "more than %d options", ARGS_OPTIONS_MAX);
	if (equals != NULL)
		argv[*i][2 + len] = '\0'; /* the name ends here */
	a->option[a->options].name = name;
	a->option[a->options++].value = value;
	return EXIT_OK;
}

/* -EXIT_USAGE is said already. */
static int take(const struct verb *v, const char *command, size_t used, int argc, char **argv, struct args *a)
{
	bool only_words = false;

	for (int i = 1 + (int)used; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
			continue;
		}
		if (!only_words && strncmp(argv[i], "--", 2) == 0) {
			int rc = add_option(v, command, a, argc, argv, &i);
			if (rc != EXIT_OK)
				return rc;
			continue;
		}
		if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
			return cli_usage(command, "%s takes no option %s", v->name, argv[i]);
		if (a->words == ARGS_WORDS_MAX || a->words == v->most)
			return cli_usage(command, "%s: \"%s\" is one word too many", v->name, argv[i]);
		a->word[a->words++] = argv[i];
	}
	if (a->words < v->least)
		return cli_usage(command, "%s wants %s", v->name, v->words);
	return EXIT_OK;
}

static int common(const struct verb *v, const struct remote *r, struct args *a, int64_t *timeout_ms)
{
	const char *text = args_get(a, "timeout");
	int rc = EXIT_OK;

	a->json = args_has(a, "json");
	a->all = args_has(a, "all");
	a->limit = a->all ? INT64_MAX : VERB_ROWS;
	*timeout_ms = TIMEOUT_MS;
	if (text != NULL)
		rc = cli_duration(r->command, "--timeout", text, timeout_ms);
	if (rc == EXIT_OK && v->pages && a->all && args_has(a, "limit"))
		rc = cli_usage(r->command, "--limit or --all, not both");
	if (rc == EXIT_OK && v->pages)
		rc = args_int(r, a, "limit", 1, &a->limit);
	if (rc == EXIT_OK && v->pages)
		rc = args_int(r, a, "offset", 0, &a->offset);
	return rc;
}

int verbs_run(const struct verb *verbs, struct cli *cli, int argc, char **argv)
{
	const char *command = argv[0], *word[ARGS_WORDS_MAX] = { 0 };
	struct remote r = { .command = command };
	struct args a = { 0 };
	size_t used, words = leading(argc, argv, word, ARGS_WORDS_MAX);
	int64_t timeout_ms;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help(verbs, command, word, words);
	}
	const struct verb *v = find(verbs, word, words, &used);
	if (v == NULL)
		return unknown_verb(verbs, command, word, words);
	int rc = take(v, command, used, argc, argv, &a);
	if (rc == EXIT_OK)
		rc = common(v, &r, &a, &timeout_ms);
	if (rc != EXIT_OK)
		return rc;
	rc = remote_open(&r, cli, command, command, args_get(&a, "sink"), timeout_ms);
	if (rc == EXIT_OK)
		rc = v->run(&r, &a);
	remote_close(&r);
	return fflush(stdout) == 0 ? rc : EXIT_INTERNAL;
}

/* ---- what a verb asks ---- */

const char *args_get(const struct args *a, const char *name)
{
	for (size_t i = a->options; i-- > 0;) {
		if (strcmp(a->option[i].name, name) == 0)
			return a->option[i].value;
	}
	return NULL;
}

bool args_has(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->options; i++) {
		if (strcmp(a->option[i].name, name) == 0)
			return true;
	}
	return false;
}

const char *args_next(const struct args *a, const char *name, size_t *at)
{
	while (*at < a->options) {
		size_t i = (*at)++;
		if (strcmp(a->option[i].name, name) == 0)
			return a->option[i].value;
	}
	return NULL;
}

int args_int(const struct remote *r, const struct args *a, const char *name, int64_t least, int64_t *out)
{
	const char *text = args_get(a, name);
	char *end;

	if (text == NULL)
		return EXIT_OK;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (*text == '\0' || *end != '\0' || errno != 0 || n < least)
		return cli_usage(r->command, "--%s: \"%s\" is no number of at least %" PRId64, name, text,
				 least);
	*out = n;
	return EXIT_OK;
}

int args_yes(const struct remote *r, const struct args *a, const char *name, int *out)
{
	static const char *const words[] = { "no", "yes", NULL };

	return args_one_of(r, a, name, words, out);
}

int args_one_of(const struct remote *r, const struct args *a, const char *name, const char *const *words,
		int *out)
{
	const char *text = args_get(a, name);
	char list[400] = "";
	size_t n = 0;

	*out = -1;
	if (text == NULL)
		return EXIT_OK;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcasecmp(words[i], text) == 0) {
			*out = i;
			return EXIT_OK;
		}
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i == 0 ? "" : ", ",
					      words[i]);
	}
	return cli_usage(r->command, "--%s is one of %s, not \"%s\"", name, list, text);
}
