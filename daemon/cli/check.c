/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - validates the configuration and prints it as it was understood, secrets masked. */
#include "daemon/cli/cli.h"

#include <stdio.h>

int cmd_check(struct cli *cli, int argc, char **argv)
{
	struct buf text = BUF_LIMIT((size_t)16 << 20);

	if (argc > 1)
		return cli_usage("check", "takes no \"%s\"", argv[1]);
	int rc = cli_load(cli);
	if (rc != EXIT_OK)
		return rc;
	if (config_print(cli->config, &text) < 0) {
		buf_done(&text);
		fprintf(stderr, "resultd: cannot print the configuration\n");
		return EXIT_INTERNAL;
	}
	fwrite(text.data, 1, text.len, stdout);
	buf_done(&text);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_INTERNAL;
}
