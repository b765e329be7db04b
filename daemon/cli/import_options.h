/* SPDX-License-Identifier: Apache-2.0
 *
 * import_options.h - what `import` or `submit` was asked for. */
#ifndef RD_CLI_IMPORT_OPTIONS_H
#define RD_CLI_IMPORT_OPTIONS_H

#include "daemon/config/keys.h"

struct import_options { /* strings are argv's, but those of `set` */
	const char **sink;
	size_t sink_count;
	struct config_map set;
	const char *run_key, *run_name, *watch, *timezone, *control;
	bool backfill, again, keep_open, allow_empty, no_wait, json, dry_run, fail_on_failed, wait;
	int64_t timeout_ms;
	int progress; /* -1 auto */
};

/* command: "import" or "submit", which differ in a few options.  Leaves optind at the first path.  Returns EXIT_OK or EXIT_USAGE (said). */
int import_options_read(struct import_options *o, const char *command, int argc, char **argv);
void import_options_done(struct import_options *o);

#endif
