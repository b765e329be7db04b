/* SPDX-License-Identifier: Apache-2.0
 *
 * import_options.c - what `import` was asked for. */
#include "daemon/cli/import_options.h"

#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option longopts[] = {
	{ "sink", required_argument, NULL, 's' },
	{ "run-key", required_argument, NULL, 'k' },
	{ "run-name", required_argument, NULL, 'n' },
	{ "set", required_argument, NULL, 'S' },
	{ "watch", required_argument, NULL, 'w' },
	{ "timezone", required_argument, NULL, 'z' },
	{ "backfill", no_argument, NULL, 'b' },
	{ "again", no_argument, NULL, 'a' },
	{ "keep-open", no_argument, NULL, 'o' },
	{ "allow-empty", no_argument, NULL, 'e' },
	{ "no-wait", no_argument, NULL, 'N' },
	{ "timeout", required_argument, NULL, 't' },
	{ "fail-on", required_argument, NULL, 'f' },
	{ "progress", required_argument, NULL, 'p' },
	{ "json", no_argument, NULL, 'j' },
	{ "dry-run", no_argument, NULL, 'd' },
	{ "wait", no_argument, NULL, 'W' },
	{ "control", required_argument, NULL, 'C' },
	{ 0 },
};

static int add_set(const char *command, struct config_map *m, char *text)
{
	char *eq = strchr(text, '=');

	if (eq == NULL || eq == text)
		return cli_usage(command, "--set wants NAME=VALUE, not \"%s\"", text);
	m->key = xrealloc(m->key, m->count + 1, sizeof(*m->key));
	m->value = xrealloc(m->value, m->count + 1, sizeof(*m->value));
	m->key[m->count] = xstrndup(text, (size_t)(eq - text));
	m->value[m->count++] = xstrdup(eq + 1);
	return EXIT_OK;
}

/* An empty key or name is a variable of the job's script that was not set: taken as it is, runs that have
 * nothing to do with each other would become one. */
static int named(const char *command, const char *option, char *text, const char **out)
{
	*out = text;
	return text[0] != '\0' ? EXIT_OK : cli_usage(command, "%s is empty", option);
}

static int zone(const char *command, char *text, const char **out)
{
	const char *problem = config_timezone_problem(text);

	*out = text;
	return problem == NULL ? EXIT_OK : cli_usage(command, "--timezone %s: %s", text, problem);
}

int import_options_read(struct import_options *o, const char *command, int argc, char **argv)
{
	int c, rc = EXIT_OK;

	*o = (struct import_options){ .timeout_ms = 15 * 60 * 1000, .progress = -1 };
	opterr = 0;
	optind = 1;
	while (rc == EXIT_OK && (c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		switch (c) {
		case 's':
			o->sink = xrealloc(o->sink, o->sink_count + 1, sizeof(*o->sink));
			o->sink[o->sink_count++] = optarg;
			break;
		case 'S':
			rc = add_set(command, &o->set, optarg);
			break;
		case 't':
			rc = cli_duration(command, "--timeout", optarg, &o->timeout_ms);
			break;
		case 'f':
			if (strcmp(optarg, "failed") != 0 && strcmp(optarg, "never") != 0)
				rc = cli_usage(command, "--fail-on is failed or never, not \"%s\"", optarg);
			o->fail_on_failed = strcmp(optarg, "failed") == 0;
			break;
		case 'p':
			rc = cli_progress(command, optarg, &o->progress);
			break;
		case 'k':
			rc = named(command, "--run-key", optarg, &o->run_key);
			break;
		case 'n':
			rc = named(command, "--run-name", optarg, &o->run_name);
			break;
		case 'w':
			o->watch = optarg;
			break;
		case 'z':
			rc = zone(command, optarg, &o->timezone);
			break;
		case 'b':
			o->backfill = true;
			break;
		case 'a':
			o->again = true;
			break;
		case 'o':
			o->keep_open = true;
			break;
		case 'e':
			o->allow_empty = true;
			break;
		case 'N':
			o->no_wait = true;
			break;
		case 'd':
			o->dry_run = true;
			break;
		case 'j':
			o->json = true;
			break;
		case ':':
			rc = cli_usage(command, "%s needs a value", argv[optind - 1]);
			break;
		case 'W':
			o->wait = true;
			break;
		case 'C':
			o->control = optarg;
			break;
		default:
			rc = cli_usage(command, "unknown option \"%s\"", cli_stumbled(argc, argv));
		}
	}
	/* Whoever hands over has no queue of his own to try things in, and does not wait unless asked to. */
	bool submit = strcmp(command, "submit") == 0;
	bool alien = submit ? o->no_wait || o->dry_run : o->wait || o->control != NULL;
	if (rc == EXIT_OK && alien)
		rc = cli_usage(command, "has no %s",
			       submit ? "--no-wait and no --dry-run" : "--wait and no --control");
	if (submit)
		o->no_wait = !o->wait;
	if (o->dry_run)
		o->no_wait = false; /* the plan is what it waits for */
	if (rc == EXIT_OK && optind == argc)
		rc = cli_usage(command, "which reports?");
	if (o->progress == -1)
		o->progress = isatty(STDERR_FILENO) && !o->json;
	return rc;
}

void import_options_done(struct import_options *o)
{
	for (size_t i = 0; i < o->set.count; i++) {
		free(o->set.key[i]);
		free(o->set.value[i]);
	}
	free(o->set.key);
	free(o->set.value);
	free(o->sink);
}
