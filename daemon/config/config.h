/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - the configuration: typed, checked, immutable.  (design.md, section 3) */
#ifndef RD_CONFIG_CONFIG_H
#define RD_CONFIG_CONFIG_H

#include "daemon/base/err.h"
#include "daemon/config/common.h"
#include "daemon/config/faults.h"
#include "daemon/config/keys.h"
#include "daemon/config/secret.h"
#include "daemon/config/template.h"

/* What the configuration must know of a type of sink; the list is given by the caller, because sinks lie
 * above this layer. */
struct config_sink_type {
	const char *name;
	const struct config_key *keys;
	size_t conf_size;
	int (*check)(void *conf, struct err *err);
};

struct config_sink {
	char *name;
	const struct config_sink_type *type;
	void *conf; /* type->conf_size bytes */
	bool off;   /* the section `defects`, switched off: checked, and nothing is delivered to it */
	/* An entry of `defects: for:`, called defects.NAME: runs of one of these watches, and that go to one of
	 * these sinks, take it in place of the section.  An empty list asks for nothing. */
	bool override;
	struct config_strings watches, along;
	unsigned line, column;
};

enum watch_mode { WATCH_AUTO, WATCH_INOTIFY, WATCH_POLL };
enum watch_existing { EXISTING_IMPORT, EXISTING_IGNORE };
enum watch_late { LATE_NEW, LATE_APPEND };
enum watch_after { AFTER_KEEP, AFTER_DELETE, AFTER_MOVE };

struct config_watch {
	char *name, *path; /* path with {captures} */
	struct config_strings files, exclude;
	int mode, existing; /* enum watch_mode, watch_existing */
	int64_t poll_interval_ms, settle_ms;
	char *timezone;
	struct {
		struct template *key, *name, *variant; /* NULL: none */
		int64_t close_after_ms, max_age_ms;
		char *close_on;
		int late;
	} run;
	struct config_strings sinks;    /* empty: every sink */
	struct config_strings evidence; /* globs beneath path: files captured with the run */
	struct config_strings roots;    /* absolute, with {captures} of path: where evidence may lie, too */
	bool defects;                   /* its failures may become work items (section `defects`) */
	int after;                      /* enum watch_after */
	char *after_dir;                /* NULL unless given */
	unsigned line, column;
};

struct config_limits {
	int64_t report, text, depth, attributes, attribute, cases, gzip_ratio, time_ms;
};

enum config_queue { CONFIG_QUEUE_SQLITE };

struct redact;
struct config {
	char *file; /* NULL: built in */
	char *state_dir;
	int queue;                    /* enum config_queue */
	struct config_strings redact; /* regular expressions (POSIX extended; a leading (?i) is understood) */
	struct config_watch *watch;
	size_t watch_count;
	struct config_sink *sink;
	size_t sink_count;
	struct config_limits limits;
	struct {
		char *path; /* NULL: in the state directory */
		int64_t mode;
		char *group; /* NULL: as it comes */
	} control;
	struct {
		int64_t runs_ms, max_size, low_water;
	} keep;
	struct {
		int format, level;
	} log;                   /* enum log_format, log_level */
	struct redact *redactor; /* redact, compiled */
};

/* The name of the sink that the section `defects` makes. */
#define CONFIG_DEFECTS "defects"
/* The section, or an entry of its `for`. */
bool config_is_defects(const char *sink_name);
/* Which of them takes the failures of a run (watch NULL: of none): the first entry that fits, else the section
 * itself; NULL: there is no section, or what fits is off. */
const struct config_sink *config_defects_for(const struct config *c, const char *watch,
					     const char *const *sinks, size_t count);

/* The rows of the top level (without `watch` and `sinks`) and of one entry of `watch`, for tests. */
extern const struct config_key config_top_keys[], config_watch_keys[];

/* Reads and checks.  On faults returns -EINVAL, *out stays NULL, and faults (empty before) holds all of
 * them in the order of the file, at most 100.  file == NULL: the built-in configuration (one sink "local"
 * of type local, its dir state_dir/runs, state_dir as given); a file without `sinks` gets that sink too.
 * A file that others can read and that holds a secret itself is refused.  lacking: takes what is wrong with secrets
 * that this process cannot have (in an unset variable, an unreadable file), which the configuration then goes
 * without; NULL: those are faults, too. */
int config_load(const char *file, const char *default_state_dir, const struct config_sink_type *types,
		size_t type_count, struct config **out, struct config_faults *faults,
		struct config_faults *lacking);
/* The same from memory, for tests and the fuzzer; secrets are not resolved where resolve is false. */
int config_parse(const char *text, size_t len, const char *file, const char *default_state_dir,
		 const struct config_sink_type *types, size_t type_count, bool resolve, struct config **out,
		 struct config_faults *faults);
void config_free(struct config *c);
/* Reads {file} and {credential} secrets again, in place.  On a fault the old ones stay from there on. */
int config_reload_secrets(struct config *c, struct err *err);

const struct config_sink *config_find_sink(const struct config *c, const char *name);
const struct config_watch *config_find_watch(const struct config *c, const char *name);
/* What is wrong with a time zone by its name ("wants ...", "names ..."), or NULL.  Names are checked against the
 * machine's own data where it has any. */
const char *config_timezone_problem(const char *s);
bool config_redacted(const struct config *c, const char *name); /* values of this name never leave */
/* The whole configuration as it was understood, YAML, secrets masked (for `check`). */
int config_print(const struct config *c, struct buf *out);
/* One sink or watch of it, in the same way: equal text is equal configuration, but for what secrets hold. */
int config_print_sink(const struct config *c, const struct config_sink *s, struct buf *out);
int config_print_watch(const struct config *c, const struct config_watch *w, struct buf *out);

#endif
