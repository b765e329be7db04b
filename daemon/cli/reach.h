/* SPDX-License-Identifier: Apache-2.0
 *
 * reach.h - a command's way to its state directory: taken, or by the socket of the process that holds it. */
#ifndef RD_CLI_REACH_H
#define RD_CLI_REACH_H

#include "daemon/app.h"
#include "daemon/cli/cli.h"
#include "daemon/control/client.h"

/* Opens the directory (*link NULL: the app is open), or finds who holds it (*link is the caller's), or waits
 * within options->wait_ms for either.  Where options->only_held and nobody does, it is said which secrets are
 * lacking.  EXIT_OK, or the exit code, said. */
int reach_open(struct cli *cli, struct app *a, const struct app_options *options, struct control_link **link);

/* The same, and says nothing: 0, or -errno (err).  -EINVAL: who holds it will not serve us; -EAGAIN: it stays
 * held. */
int reach_try(struct cli *cli, struct app *a, const struct app_options *options, struct control_link **link,
	      struct err *err);

/* One socket, and the greeting: -ENOENT, -ECONNREFUSED, -EACCES...: no link; -EINVAL: it answered that it
 * will not serve us (err).  cli->config NULL: none of our own that could differ. */
int reach_socket(const struct cli *cli, const char *command, const char *path, struct control_link **link,
		 struct err *err);

/* The next reply; "error" becomes -EINVAL with its text. */
int reach_reply(struct control_link *link, int64_t timeout_ms, cJSON **out, struct err *err);

#endif
