/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.c - the table of commands, global options, and what all commands share. */
#include "daemon/cli/cli.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/config/values.h"
#include "daemon/state.h"
#include "sinks/sink.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = (1 << 20) + 1 };

static const char DEFAULT_CONFIG[] = "/etc/resultd/resultd.yaml";

static int run_parse(struct cli *cli, int argc, char **argv)
{
	(void)cli;
	return cmd_parse(argc, argv);
}

/* Of the commands that are given reports. */
#define HELP_PATHS                                                                                  \
	"PATH...\n"                                                                                 \
	"  PATH is a report, a directory (walked for *.xml and *.xml.gz), or - (names on standard " \
	"input)\n\n"
#define HELP_RUN                                                                               \
	"  --run-name NAME       what the run is called\n"                                     \
	"  --set NAME=VALUE      a template variable (repeatable)\n"                           \
	"  --watch NAME          captures, key, time zone, evidence and sinks of that watch\n" \
	"  --timezone ZONE       of stamps without one: UTC, local, Europe/Berlin, +09:00\n"   \
	"  --backfill            stay behind live traffic\n"                                   \
	"  --again               send even what was sent before\n"                             \
	"  --keep-open           do not end the run: more will come\n"                         \
	"  --allow-empty         finding no report is no error\n"
#define HELP_END                                                                                         \
	"  --fail-on failed      exit 1 where a test failed (decided from the reports); default never\n" \
	"  --progress MODE       auto, always, never\n"                                                  \
	"  --json                the receipt on standard output\n"

const struct command commands[] = {
	{ "run", cmd_run, "the daemon, in the foreground", "" },
	{ "import", cmd_import, "read reports, queue them, deliver them, wait, print a summary",
	  HELP_PATHS "  --sink NAME           deliver to this sink only (repeatable; default: every sink)\n"
		     "  --run-key KEY         files with the same key form one run\n" HELP_RUN
		     "  --dry-run             show what would be made and posted; reads, but sends no write\n"
		     "  --no-wait             accept durably, deliver later (resultd deliver, resultd run)\n"
		     "  --timeout DURATION    how long to wait for delivery (default 15m)\n" HELP_END },
	{ "submit", cmd_submit,
	  "hand reports to the running daemon, with the CI variables of the calling job",
	  HELP_PATHS
	  "  --wait                wait for delivery; else it ends when all is on the daemon's disk\n"
	  "  --timeout DURATION    how long to wait for delivery (default 15m)\n"
	  "  --control PATH        the daemon's socket (default: $RESULTD_CONTROL, the configuration's, "
	  "/run/resultd/control.sock)\n"
	  "  --sink NAME           deliver to this sink only (repeatable; default: every sink)\n"
	  "  --run-key KEY         files with the same key form one run (default: from the CI "
	  "variables)\n" HELP_RUN HELP_END },
	{ "deliver", cmd_deliver, "send what waits in the state directory, then exit",
	  "\n  --sink NAME           this sink only\n"
	  "  --timeout DURATION    how long to wait (default 15m)\n"
	  "  --progress MODE       auto, always, never\n" },
	{ "parse", run_parse, "print what is in reports; touches nothing",
	  "FILE...\n  --format FORMAT       jsonl (default), table, summary\n" },
	{ "check", cmd_check, "validate the configuration and print it, secrets masked",
	  "[--online]\n  --online              also log in to every sink, and look for what the "
	  "configuration names\n" },
	{ "queue", cmd_queue, "what is waiting, why, and what to do about it",
	  "list [--all] [--json]            what waits, why, since when, next try; --all: also what is done\n"
	  "  show ID... [--json]              every step of a delivery, what is parked and why\n"
	  "  retry [ID...] [--reason TEXT]    what is parked becomes due: all, these, or where the reason "
	  "has TEXT\n"
	  "  drop ID... [--yes]               give deliveries up; retry ID takes it back\n"
	  "  export FILE [ID...] [--move] [--force]\n"
	  "                                   what is owed (all, or of these) into one file for another "
	  "machine;\n"
	  "                                   --move: and dropped here; --force: also what may be on its "
	  "way\n"
	  "  import FILE                      takes such a file in; what is here already stays as it is\n"
	  "\n  --timeout DURATION  how long to wait for the state directory (default 5s)\n" },
	{ "status", cmd_status, "one screen: is it working, what waits, what needs me", "[--json]\n" },
	{ "testrail", cmd_testrail, "administration of TestRail: projects, fields, suites, statuses, runs",
	  "" },
	{ "aio", cmd_aio, "administration of AIO Tests: cycles, cases, runs, lists, folders, tags", "" },
	{ "axosoft", cmd_axosoft, "what Axosoft offers, and what has become of a defect", "" },
	{ 0 },
};

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "resultd %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry \"resultd %s --help\".\n", command);
	return EXIT_USAGE;
}

const char *cli_stumbled(int argc, char **argv)
{
	const char *last = argv[optind - 1];
	/* In the middle of "-abc" the word is not counted yet. */
	const char *next = optind < argc ? argv[optind] : "";

	if (optopt != 0 && next[0] == '-' && next[1] != '-' && next[1] != '\0' &&
	    strchr(next + 1, optopt) != NULL && !(last[0] == '-' && last[1] == optopt))
		return next;
	return last;
}

/* Commands of several verbs tell their usage from their own tables. */
static const struct {
	const char *name;
	void (*tell)(void);
} verb_tables[] = {
	{ "testrail", help_testrail },
	{ "aio", help_aio },
	{ "axosoft", help_axosoft },
};

void cli_help(const struct command *c)
{
	void (*tell)(void) = NULL;

	for (size_t i = 0; i < sizeof(verb_tables) / sizeof(verb_tables[0]); i++) {
		if (strcmp(verb_tables[i].name, c->name) == 0)
			tell = verb_tables[i].tell;
	}
	if (tell != NULL)
		tell();
	else
		printf("resultd %s %s%s- %s\n", c->name, c->usage, c->usage[0] == '\0' ? "" : "\n",
		       c->summary);
	printf("\nGlobal options: --config FILE, --state DIR, --log-level debug|info|warning|error\n");
}

int cli_duration(const char *command, const char *option, const char *text, int64_t *ms)
{
	if (value_duration(text, ms) == 0)
		return EXIT_OK;
	return cli_usage(command, "%s: \"%s\" is not a duration (30s, 5m, 2h)", option, text);
}

int cli_progress(const char *command, const char *text, int *out)
{
	if (strcmp(text, "auto") == 0)
		*out = -1;
	else if (strcmp(text, "always") == 0 || strcmp(text, "never") == 0)
		*out = text[0] == 'a';
	else
		return cli_usage(command, "--progress is auto, always or never, not \"%s\"", text);
	return EXIT_OK;
}

static const char *default_config(void)
{
	const char *env = getenv("RESULTD_CONFIG");

	if (env != NULL && env[0] != '\0')
		return env;
	return access(DEFAULT_CONFIG, F_OK) == 0 ? DEFAULT_CONFIG : NULL;
}

static size_t sink_types(struct config_sink_type *out, size_t max)
{
	size_t n = 0;

	for (; sink_list[n] != NULL && n < max; n++)
		out[n] = (struct config_sink_type){ sink_list[n]->name, sink_list[n]->keys,
						    sink_list[n]->conf_size, sink_list[n]->check };
	return n;
}

/* A configuration points at its type's row for as long as it lives. */
static struct config_sink_type types[16];

int cli_read(const char *file, const char *dir, struct config **out, struct config_faults *faults)
{
	return config_load(file, dir, types, sink_types(types, sizeof(types) / sizeof(types[0])), out, faults,
			   NULL);
}

static void say_faults(const struct config_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		char line[2048];
		fprintf(stderr, "%s\n", err_string(&faults->item[i], line, sizeof(line)));
	}
}

int cli_peek(struct cli *cli)
{
	const char *file = cli->config_file != NULL ? cli->config_file : default_config();
	char *dir = cli->state_dir != NULL ? walk_absolute(cli->state_dir) : state_default_dir();
	struct config_faults faults = { 0 };
	struct buf text = BUF_LIMIT(CONFIG_BYTES_MAX);
	struct err err = ERR_NONE;
	bool given = cli->config_file != NULL;
	int rc = file != NULL ? file_read(file, &text, &err) : 0;

	if (rc == 0)
		rc = config_parse(text.data != NULL ? text.data : "", text.len, given ? file : NULL, dir,
				  types, sink_types(types, sizeof(types) / sizeof(types[0])), false,
				  &cli->config, &faults);
	if (given)
		say_faults(&faults);
	if (given && rc < 0 && faults.count == 0)
		fprintf(stderr, "resultd: %s\n", err.text);
	config_faults_done(&faults);
	buf_done(&text);
	if (rc == 0 && cli->state_dir != NULL) {
		free(cli->config->state_dir);
		cli->config->state_dir = xstrdup(dir);
	}
	free(dir);
	return given && rc < 0 ? EXIT_USAGE : EXIT_OK;
}

static int load(struct cli *cli, struct config_faults *lacking)
{
	struct config_faults faults = { 0 };
	const char *file = cli->config_file != NULL ? cli->config_file : default_config();
	char *dir = cli->state_dir != NULL ? walk_absolute(cli->state_dir) : state_default_dir();

	int rc = config_load(file, dir, types, sink_types(types, sizeof(types) / sizeof(types[0])),
			     &cli->config, &faults, lacking);
	if (rc < 0 && lacking != NULL) {
		/* All that is wrong, in the order of the file. */
		for (size_t i = 0; i < lacking->count; i++)
			config_fault_take(&faults, &lacking->item[i]);
		config_faults_done(lacking);
	}
	say_faults(&faults);
	if (rc < 0 && faults.count == 0)
		fprintf(stderr, "resultd: cannot read the configuration\n");
	config_faults_done(&faults);
	if (rc == 0 && cli->state_dir != NULL) {
		free(cli->config->state_dir);
		cli->config->state_dir = xstrdup(dir);
	}
	free(dir);
	if (rc < 0)
		return EXIT_USAGE;
	log_setup(cli->level_given ? cli->level : (enum log_level)cli->config->log.level,
		  (enum log_format)cli->config->log.format);
	return EXIT_OK;
}

int cli_load(struct cli *cli)
{
	return load(cli, NULL);
}

int cli_load_apart(struct cli *cli)
{
	return load(cli, &cli->lacking);
}

int cli_lacking(const struct cli *cli)
{
	say_faults(&cli->lacking);
	return EXIT_USAGE;
}

void cli_quiet(const struct cli *cli)
{
	if (!cli->level_given && cli->config != NULL && cli->config->log.level < LOG_LEVEL_WARNING)
		log_setup(LOG_LEVEL_WARNING, (enum log_format)cli->config->log.format);
}
