/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h - the command line: one file a command, one table, one set of exit codes.  (design.md, section 2) */
#ifndef RD_CLI_CLI_H
#define RD_CLI_CLI_H

#include "daemon/base/log.h"
#include "daemon/config/config.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAIL_ON = 1,     /* --fail-on matched */
	EXIT_USAGE = 2,       /* usage or configuration */
	EXIT_UNDELIVERED = 3, /* accepted and durable, not delivered within the timeout */
	EXIT_PARKED = 4,
	EXIT_INPUT = 5,     /* some input unreadable, incomplete, or no report found */
	EXIT_INTERNAL = 70, /* submit: or nobody answers, and nothing was taken */
};

enum { TIDY_MS = 2000 }; /* how long a one-shot command may clean up at its end */

struct cli {
	const char *config_file, *state_dir; /* as given; NULL */
	enum log_level level;
	bool level_given;
	struct config *config;        /* after cli_load() */
	struct config_faults lacking; /* secrets that config is without, after cli_load_apart() */
};

struct command {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the command's name */
	const char *summary, *usage;
};
extern const struct command commands[]; /* ended by a zero row */

/* Reads the configuration; prints every fault to standard error.  Returns EXIT_OK or EXIT_USAGE. */
int cli_load(struct cli *cli);
/* The same for commands that may do without the secrets, which can be the service's alone: those that send
 * nothing, or that leave it to who holds the state directory. */
int cli_load_apart(struct cli *cli);
/* Says which secrets are lacking where one has to send after all; returns EXIT_USAGE. */
int cli_lacking(const struct cli *cli);
/* The file alone, said to nobody: for a reload.  dir: the state directory where the file names none. */
int cli_read(const char *file, const char *dir, struct config **out, struct config_faults *faults);
/* For commands that need no configuration of their own: what can be read of it, without its secrets.  A fault
 * counts only where --config names the file; else config stays NULL, or has no file where there is none. */
int cli_peek(struct cli *cli);
/* One-shot commands print what they did themselves: of the log only warnings, unless --log-level asks. */
void cli_quiet(const struct cli *cli);
/* "resultd import: ..." and a pointer to --help; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The word that getopt_long() stumbled over. */
const char *cli_stumbled(int argc, char **argv);
void cli_help(const struct command *c);
/* A duration of the command line; returns EXIT_OK or EXIT_USAGE (said). */
int cli_duration(const char *command, const char *option, const char *text, int64_t *ms);

/* --progress: -1 auto, 1 always, 0 never; returns EXIT_OK or EXIT_USAGE (said). */
int cli_progress(const char *command, const char *text, int *out);

/* ---- names of reports (walk.c) ---- */

struct walk {
	char **path; /* files; sorted within each directory */
	size_t count, room;
	bool *named;       /* given by name, not found by walking */
	char **skip;       /* why it is left out (walk_sift()); NULL: it is taken */
	char **unreadable; /* "PATH: why" */
	size_t unreadable_count;
	/* Whether a file that was found beneath dir (which was named) is one; NULL: *.xml and *.xml.gz are. */
	bool (*wants)(void *cookie, const char *dir, const char *path);
	void *cookie;
};
/* Adds a file, or every report beneath a directory; "-" reads names from standard input. */
void walk_add(struct walk *w, const char *path);
/* Finds files that tell what others tell, too, and says why; those given by name are always taken.  run_of:
 * the run that a path belongs to (freed here), NULL where all are of one. */
void walk_sift(struct walk *w, char *(*run_of)(void *cookie, const char *path), void *cookie);
void walk_done(struct walk *w);
/* The deepest directory that holds all files; the caller frees; NULL where there are none. */
char *walk_common_dir(const struct walk *w);
/* Absolute, without "." and ".."; symbolic links are not resolved.  The caller frees. */
char *walk_absolute(const char *path);

int cmd_import(struct cli *cli, int argc, char **argv);
int cmd_submit(struct cli *cli, int argc, char **argv);
int cmd_deliver(struct cli *cli, int argc, char **argv);
int cmd_run(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_queue(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_testrail(struct cli *cli, int argc, char **argv);
void help_testrail(void);
int cmd_aio(struct cli *cli, int argc, char **argv);
void help_aio(void);
int cmd_axosoft(struct cli *cli, int argc, char **argv);
void help_axosoft(void);
int cmd_parse(int argc, char **argv);

#endif
