/* SPDX-License-Identifier: Apache-2.0
 *
 * trcli.h - the YAML file of the vendor's command line (trcli) -> a configuration of ours. */
#ifndef RD_CLI_TRCLI_H
#define RD_CLI_TRCLI_H

/* Prints the configuration on standard output, and what has no counterpart as comments in it.  Keys and
 * passwords are never copied: the result names an environment variable.  Returns an exit code; faults of the
 * file go to standard error with line and column. */
int trcli_convert(const char *path);

#endif
