/* SPDX-License-Identifier: Apache-2.0
 *
 * verbs.h - commands of two or three words ("testrail projects add NAME"): one table, its options, its help.
 *
 * A verb names the options it takes, as one string: "name= status=* all" - with '=' one value, with '=*' any
 * number of values, without either a flag.  All verbs take --sink, --json and --timeout; those that page take
 * --limit, --offset and --all besides.  None may be called like a global one (config, state, log-level).
 * Options may stand before and after the words that they go with. */
#ifndef RD_CLI_VERBS_H
#define RD_CLI_VERBS_H

#include "daemon/cli/remote.h"

enum { ARGS_WORDS_MAX = 64, ARGS_OPTIONS_MAX = 256, VERB_ROWS = 100 };

struct args {
	const char *word[ARGS_WORDS_MAX]; /* after the verb's own */
	size_t words;
	struct {
		const char *name, *value; /* value NULL: a flag */
	} option[ARGS_OPTIONS_MAX];
	size_t options;
	bool json, all;
	int64_t limit, offset; /* of a verb that pages */
};

struct verb {
	const char *name;    /* "projects add" */
	const char *words;   /* "NAME", "[KEY...]": for the help */
	size_t least, most;  /* how many */
	const char *options; /* as above; NULL: none of its own */
	bool pages;
	int (*run)(struct remote *r, const struct args *a); /* returns an exit code */
	const char *summary;
	const char *detail; /* lines for `--help`, each ending in a newline; NULL: none */
};

/* The last value of an option, or NULL. */
const char *args_get(const struct args *a, const char *name);
bool args_has(const struct args *a, const char *name);
/* The values of a repeated option one by one; *at begins at 0. */
const char *args_next(const struct args *a, const char *name, size_t *at);
/* A number of at least `least`; returns EXIT_OK, also where the option is not given, or EXIT_USAGE (said). */
int args_int(const struct remote *r, const struct args *a, const char *name, int64_t least, int64_t *out);
/* yes or no; *out is -1 where the option is not given. */
int args_yes(const struct remote *r, const struct args *a, const char *name, int *out);
/* The index of a value in words (ended by NULL), in any case; *out is -1 where the option is not given. */
int args_one_of(const struct remote *r, const struct args *a, const char *name, const char *const *words,
		int *out);

/* argv[0] is the command ("testrail"), which is also the type of the sink.  Finds the verb, opens the
 * network, runs it. */
int verbs_run(const struct verb *verbs, struct cli *cli, int argc, char **argv);
void verbs_help(const struct verb *verbs, const char *command);

#endif
