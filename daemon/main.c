/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - global options, then the command. */
#include "daemon/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void help(FILE *out)
{
	fprintf(out,
		"resultd " RD_VERSION " carries automated test results home.\n\n"
		"resultd [--config FILE] [--state DIR] [--log-level debug|info|warning|error] COMMAND\n\n");
	for (const struct command *c = commands; c->name != NULL; c++)
		fprintf(out, "  %-10s%s\n", c->name, c->summary);
	fprintf(out, "\n\"resultd COMMAND --help\" tells more.\n");
}

/* Takes "--name VALUE" or "--name=VALUE" out of argv, wherever it stands before "--". */
static int take_option(int *argc, char **argv, const char *name, const char **value)
{
	size_t n = strlen(name);

	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		int used = 0;
		if (strcmp(argv[i], name) == 0) {
			if (i + 1 >= *argc || argv[i + 1][0] == '\0') {
				fprintf(stderr, "resultd: %s needs a value\n", name);
				return -1;
			}
			*value = argv[i + 1];
			used = 2;
		} else if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') {
			*value = argv[i] + n + 1;
			used = 1;
			if (**value == '\0') {
				fprintf(stderr, "resultd: %s needs a value\n", name);
				return -1;
			}
		}
		if (used > 0) {
			memmove(&argv[i], &argv[i + used], (size_t)(*argc - i - used + 1) * sizeof(*argv));
			*argc -= used;
			i--;
		}
	}
	return 0;
}

static bool stands(int argc, char **argv, const char *word)
{
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], word) == 0)
			return true;
	}
	return false;
}

/* The number of a closed one would be that of the next file: what is said would go into the queue's database.
 * Writing to it is an error, as before. */
static void hold_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDONLY | O_NOCTTY);
	}
}

/* A receipt that nobody can read is worse than none: the script behind it would take the old one, or half of it.
 * Whoever closed the other end of a pipe has read enough. */
static int written(int code, bool matters)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	int problem = fflush(stdout) == 0 ? 0 : errno;

	if (problem == 0 && !ferror(stdout))
		return code;
	if (problem == EPIPE || (poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0))
		return code;
	fprintf(stderr, "resultd: standard output cannot be written%s%s\n", problem != 0 ? ": " : "",
		problem != 0 ? strerror(problem) : "");
	return matters && code != EXIT_USAGE ? EXIT_INTERNAL : code;
}

int main(int argc, char **argv)
{
	struct cli cli = { .level = LOG_LEVEL_INFO };
	const char *level = NULL;

	hold_standard_files();
#ifndef __SANITIZE_ADDRESS__ /* whose leak check traces this very process */
	/* Keys are in this process: no core dump, no ptrace by others of the same user. */
	prctl(PR_SET_DUMPABLE, 0);
#endif
	if (take_option(&argc, argv, "--config", &cli.config_file) < 0 ||
	    take_option(&argc, argv, "--state", &cli.state_dir) < 0 ||
	    take_option(&argc, argv, "--log-level", &level) < 0)
		return EXIT_USAGE;
	if (level != NULL && !log_parse_level(level, &cli.level)) {
		fprintf(stderr, "resultd: --log-level is debug, info, warning or error, not \"%s\"\n", level);
		return EXIT_USAGE;
	}
	cli.level_given = level != NULL;
	log_setup(cli.level, LOG_FORMAT_AUTO);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : written(EXIT_OK, true);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("resultd " RD_VERSION "\n");
		return written(EXIT_OK, true);
	}
	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(argv[1], c->name) != 0)
			continue;
		bool verbs = c->run == cmd_testrail || c->run == cmd_aio || c->run == cmd_axosoft;
		if ((argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) ||
		    (!verbs && stands(argc, argv, "--help"))) {
			cli_help(c);
			return written(EXIT_OK, true);
		}
		int rc = c->run(&cli, argc - 1, argv + 1);
		config_free(cli.config);
		config_faults_done(&cli.lacking);
		/* What these do is not undone where their summary is lost. */
		bool summary = c->run == cmd_import || c->run == cmd_submit || c->run == cmd_deliver;
		return written(rc, !summary || stands(argc, argv, "--json"));
	}
	fprintf(stderr, "resultd: unknown command \"%s\" (try \"resultd --help\")\n", argv[1]);
	return EXIT_USAGE;
}
