/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - global options, then the command. */
#include "daemon/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static void help(void)
{
	printf("resultd " RD_VERSION " carries automated test results home.\n\n"
	       "resultd [--config FILE] [--state DIR] [--log-level debug|info|warning|error] COMMAND\n\n");
	for (const struct command *c = commands; c->name != NULL; c++)
		printf("  %-10s%s\n", c->name, c->summary);
	printf("\n\"resultd COMMAND --help\" tells more.\n");
}

/* Takes "--name VALUE" or "--name=VALUE" out of argv, wherever it stands before "--". */
static int take_option(int *argc, char **argv, const char *name, const char **value)
{
	size_t n = strlen(name);

	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		int used = 0;
		if (strcmp(argv[i], name) == 0) {
			if (i + 1 >= *argc) {
				fprintf(stderr, "resultd: %s needs a value\n", name);
				return -1;
			}
			*value = argv[i + 1];
			used = 2;
		} else if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') {
			*value = argv[i] + n + 1;
			used = 1;
		}
		if (used > 0) {
			memmove(&argv[i], &argv[i + used], (size_t)(*argc - i - used + 1) * sizeof(*argv));
			*argc -= used;
			i--;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct cli cli = { .level = LOG_LEVEL_INFO };
	const char *level = NULL;

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
		help();
		return argc < 2 ? EXIT_USAGE : EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("resultd " RD_VERSION "\n");
		return EXIT_OK;
	}
	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(argv[1], c->name) != 0)
			continue;
		if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
			cli_help(c);
			return EXIT_OK;
		}
		int rc = c->run(&cli, argc - 1, argv + 1);
		config_free(cli.config);
		config_faults_done(&cli.lacking);
		return rc;
	}
	fprintf(stderr, "resultd: unknown command \"%s\" (try \"resultd --help\")\n", argv[1]);
	return EXIT_USAGE;
}
