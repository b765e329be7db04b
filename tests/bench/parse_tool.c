/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_tool.c - `resultd parse` without the rest of the daemon: quick to build, easy to profile. */
#include "daemon/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	return cmd_parse(argc, argv);
}
