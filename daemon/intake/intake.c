/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.c - the life of one file until it is accepted.
 *
 *   keep (worker)  open, copy into tmp/, hash
 *   take (queue)   duplicate? else a part is begun
 *   read (worker)  parse, chunk, hand to the queue
 *   finish (queue) copy moved to its place, part visible
 *
 * Rule Q1 of faults.md the other way round: the copy is in its place and synced before the transaction that
 * makes the part visible, so an accepted report always has its source; a crash between leaves a copy that
 * the next import of the same content replaces.  The copy of a small report goes into that transaction itself: a file
 * each, with its syncs, would take longer than all the rest. */
#include "daemon/intake/intake.h"

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/file.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/intake/keep.h"
#include "daemon/intake/poison.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROPERTY_MAX = 1024, PROPERTIES_MAX = 32 * 1024 };

struct intake {
	struct queue *queue;
	struct executor *executor;
	const struct config *config;
	const struct state *state;
	size_t busy;
	uint64_t serial;
	struct evidence_store *store;
	struct list tasks;
};

/* A run_spec that owns its strings. */
struct own_spec {
	struct run_spec spec;
	char *key, *name, *variant, *vars_json, *watch, *hold;
	char **sinks;
};

struct task {
	struct list link; /* in intake's tasks, oldest first */
	struct intake *in;
	const struct config *config; /* as it was when the file came: a reload changes nothing under way */
	char *path, *relative, *timezone, *variant;
	int root_fd, given_fd, given_error;
	bool again, late_append, refuse_incomplete;
	struct own_spec run;
	intake_done_fn *done;
	void *cookie;

	int fd;
	struct stat st;
	char *tmp; /* the copy, not yet in its place */
	char *kept_name, *kept_path;
	struct kept kept; /* small: the copy itself, and there is no file */

	int64_t part;
	struct part_writer *writer;
	struct evidence_places places;
	bool looks; /* for what the report names; else somebody else does */
	struct evidence_policy policy;
	struct evidence_roots *roots;
	struct evidence_capture *capture; /* NULL: no sink of the run wants any */
	struct arena arena;               /* of the policy */
	struct arena hints;               /* of one result */
	struct report_summary summary;
	bool summarized;
	bool read;      /* waits for its turn to become visible */
	bool finishing; /* and the queue has been told, which keeps the order */
	int64_t started_ms;
	cJSON *properties; /* of suites and the report: "prop.NAME" */
	size_t property_bytes;
	int write_rc;
	struct err err;
	struct intake_outcome out;
};

static const struct log_ctx log_ctx = { .who = "intake" };

static const char *const state_names[] = {
	"accepted", "duplicate", "malformed", "skipped", "unreadable", "incomplete", "retry",
};

const char *intake_state_name(enum intake_state s)
{
	return state_names[s];
}

enum intake_state intake_state_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(state_names) / sizeof(state_names[0]); i++)
		if (strcmp(state_names[i], name) == 0)
			return (enum intake_state)i;
	return INTAKE_UNREADABLE;
}

static void own(struct own_spec *o, const struct run_spec *s)
{
	o->spec = *s;
	o->spec.key = o->key = xstrdup(s->key);
	o->spec.name = o->name = xstrdup(s->name);
	o->spec.variant = o->variant = xstrdup(s->variant);
	o->spec.vars_json = o->vars_json = xstrdup(s->vars_json);
	o->spec.watch = o->watch = xstrdup(s->watch);
	o->spec.hold = o->hold = xstrdup(s->hold);
	o->sinks = xcalloc(s->sink_count, sizeof(char *));
	for (size_t i = 0; i < s->sink_count; i++)
		o->sinks[i] = xstrdup(s->sinks[i]);
	o->spec.sinks = (const char *const *)o->sinks;
}

static void own_done(struct own_spec *o)
{
	free(o->key);
	free(o->name);
	free(o->variant);
	free(o->vars_json);
	free(o->watch);
	free(o->hold);
	for (size_t i = 0; i < o->spec.sink_count; i++)
		free(o->sinks[i]);
	free(o->sinks);
}

static void task_free(struct task *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->root_fd >= 0)
		close(t->root_fd);
	if (t->given_fd >= 0)
		close(t->given_fd);
	if (t->tmp != NULL && !t->kept.small)
		unlink(t->tmp);
	buf_done(&t->kept.copy);
	if (t->summarized)
		report_summary_done(&t->summary);
	cJSON_Delete(t->properties);
	own_done(&t->run);
	evidence_capture_free(t->capture);
	evidence_roots_free(t->roots);
	evidence_places_done(&t->places);
	arena_done(&t->arena);
	arena_done(&t->hints);
	free(t->path);
	free(t->relative);
	free(t->timezone);
	free(t->variant);
	free(t->tmp);
	free(t->kept_name);
	free(t->kept_path);
	free(t);
}

static void finish(struct task *t);

/* Parts of one run become visible in the order in which their files were given, whichever was read first: a
 * test that stands in several of them has its attempts in that order. */
static bool first_of_run(const struct task *t)
{
	list_each(link, &t->in->tasks) {
		const struct task *other = list_entry(link, struct task, link);
		if (other == t)
			return true;
		if (!other->finishing && strcmp(other->run.key, t->run.key) == 0)
			return false;
	}
	return true;
}

static void finish_waiting(struct intake *in)
{
	list_each_safe(link, &in->tasks) {
		struct task *t = list_entry(link, struct task, link);
		if (t->read && first_of_run(t)) {
			t->read = false;
			t->finishing = true;
			finish(t);
		}
	}
}

static void end(struct task *t, enum intake_state state)
{
	t->out.path = t->path;
	t->out.state = state;
	t->out.err = &t->err;
	if (t->summarized) {
		t->out.complete = t->summary.complete;
		t->out.warnings = t->summary.warnings;
		t->out.warning_count = t->summary.warning_count;
		if (t->err.code == 0)
			t->err = t->summary.err;
	}
	struct intake *in = t->in;
	in->busy--;
	list_remove(&t->link);
	t->done(t->cookie, &t->out);
	task_free(t);
	finish_waiting(in);
}

/* ---- finish ---- */

static void on_unfinished(void *cookie, int rc, const struct err *err)
{
	(void)rc;
	(void)err;
	end(cookie, INTAKE_RETRY);
}

/* What failed outside of any test case (a suite that did not load, TestNG's configuration) is no result, but a
 * run in which it happened is not green. */
static uint64_t bad(const struct report_summary *s)
{
	uint64_t failed = s->failed + s->error;

	return (failed > s->known_failures ? failed - s->known_failures : 0) + s->suite_problems +
	       s->config_failed;
}

static void on_finished(void *cookie, int rc, const struct err *err)
{
	struct task *t = cookie;

	if (rc < 0) {
		/* Taken twice at once, or lost to a full disk: the next try finds out which. */
		t->err = *err;
		queue_abandon_part(t->in->queue, t->part, NULL, on_unfinished, t);
		return;
	}
	t->out.cases = t->summary.cases;
	t->out.evidence = t->capture != NULL ? evidence_capture_tally(t->capture) : NULL;
	t->out.failed = bad(&t->summary);
	end(t, INTAKE_ACCEPTED);
}

/* The bytes ended before the document: its writer may not be done, nor its first case (rule S2). */
static bool to_be_awaited(const struct task *t)
{
	enum report_verdict v = t->summary.verdict;

	return t->refuse_incomplete && t->summary.early && t->write_rc == 0 &&
	       (v == REPORT_INCOMPLETE || v == REPORT_MALFORMED);
}

static enum intake_state refused_state(const struct task *t)
{
	if (to_be_awaited(t))
		return INTAKE_INCOMPLETE;
	switch (t->summary.verdict) {
	case REPORT_MALFORMED:
		return INTAKE_MALFORMED;
	case REPORT_FOREIGN:
	case REPORT_EMPTY:
		return INTAKE_SKIPPED;
	case REPORT_INCOMPLETE:
		return INTAKE_INCOMPLETE;
	case REPORT_OK:
	case REPORT_UNREADABLE:
	case REPORT_STOPPED:
		break;
	}
	return t->write_rc < 0 ? INTAKE_RETRY : INTAKE_UNREADABLE;
}

static void on_abandoned(void *cookie, int rc, const struct err *err)
{
	struct task *t = cookie;

	if (rc < 0)
		log_error(&log_ctx, "cannot take back \"%s\": %s", t->path, err->text);
	/* An empty file is no report, but whoever named it wants to hear of it. */
	end(t, t->summary.verdict == REPORT_EMPTY ? INTAKE_MALFORMED : refused_state(t));
}

/* What failed outside of any test case goes with the run, beside its variables.  A run of many files keeps a few
 * such notes: its parts share NOTES places, and the first one in a place stays. */
static void add_notes(struct task *t)
{
	enum { NOTES = 16, BYTES = 1000 };
	char place[8];

	if (t->summary.notes == NULL)
		return;
	if (t->properties == NULL)
		t->properties = cJSON_CreateObject();
	snprintf(place, sizeof(place), "%u", (unsigned)(t->part % NOTES));
	t->summary.notes[utf8_cut(t->summary.notes, strlen(t->summary.notes), BYTES)] = '\0';
	cJSON_AddStringToObject(cJSON_AddObjectToObject(t->properties, "notes"), place, t->summary.notes);
}

static void finish(struct task *t)
{
	struct part_summary s = {
		.format = t->summary.format,
		.complete = t->summary.complete,
		.suites = t->summary.suites,
		.cases = t->summary.cases,
		.passed = t->summary.passed,
		.failed = t->summary.failed,
		.error = t->summary.error,
		.skipped = t->summary.skipped,
		.flaky = t->summary.flaky,
		.bad = bad(&t->summary),
		.known_failures = t->summary.known_failures,
		.duration_ms = t->summary.duration_ms,
		.started_ms = t->started_ms,
		.now_ms = clock_wall_ms(),
		.source_name = t->kept_name,
		.source = t->kept.small ? t->kept.copy.data : NULL,
		.source_len = t->kept.small ? t->kept.copy.len : 0,
	};
	struct buf warnings = BUF_LIMIT(16384);

	for (size_t i = 0; i < t->summary.warning_count; i++)
		buf_printf(&warnings, "%s%s", i > 0 ? "\n" : "", t->summary.warnings[i]);
	s.warnings = warnings.len > 0 ? warnings.data : NULL;
	add_notes(t);
	char *vars = t->properties != NULL ? cJSON_PrintUnformatted(t->properties) : NULL;
	s.vars_json = vars;
	queue_finish_part(t->in->queue, t->part, &s, on_finished, t);
	free(vars);
	buf_done(&warnings);
}

/* ---- read ---- */

static int on_result(void *cookie, const struct result *r)
{
	struct task *t = cookie;
	struct result mine = *r;

	mine.report = t->path;
	if (mine.variant == NULL)
		mine.variant = t->variant;
	if (r->started_ms != TIME_UNKNOWN && (t->started_ms == TIME_UNKNOWN || r->started_ms < t->started_ms))
		t->started_ms = r->started_ms;
	if (r->evidence_count > 0) {
		arena_reset(&t->hints);
		mine.evidence = evidence_short_hints(r, &t->hints);
	}
	t->write_rc = part_writer_add(t->writer, &mine, &t->err);
	if (t->write_rc == 0 && t->capture != NULL)
		t->write_rc = evidence_capture_result(t->capture, r, &t->err);
	return t->write_rc;
}

static int on_text_begin(void *cookie, enum text_kind kind)
{
	const struct task *t = cookie;

	if (t->capture != NULL)
		evidence_capture_text_begin(t->capture, kind);
	return 0;
}

static int on_text_chunk(void *cookie, const char *data, size_t len)
{
	const struct task *t = cookie;

	if (t->capture != NULL)
		evidence_capture_text(t->capture, data, len);
	return 0;
}

static int on_text_end(void *cookie)
{
	const struct task *t = cookie;

	if (t->capture != NULL)
		evidence_capture_text_end(t->capture);
	return 0;
}

/* Properties of suites become variables of the run, the first of a name; Ant dumps hundreds of them. */
static void on_property(void *cookie, const char *key, const char *value)
{
	struct task *t = cookie;
	size_t bytes = strlen(key) + strlen(value);
	char name[128];

	if (bytes > PROPERTY_MAX || t->property_bytes + bytes > PROPERTIES_MAX || value[0] == '\0' ||
	    config_redacted(t->config, key) ||
	    snprintf(name, sizeof(name), "prop.%s", key) >= (int)sizeof(name))
		return;
	if (t->properties == NULL)
		t->properties = cJSON_CreateObject();
	if (cJSON_HasObjectItem(t->properties, name))
		return;
	cJSON_AddStringToObject(t->properties, name, value);
	t->property_bytes += bytes;
}

static void on_evidence(void *cookie, const char *path)
{
	struct task *t = cookie;

	if (t->capture != NULL && t->write_rc == 0)
		t->write_rc = evidence_capture_run(t->capture, path, NULL, &t->err);
}

static void on_restart(void *cookie)
{
	struct task *t = cookie;

	cJSON_Delete(t->properties);
	t->properties = NULL;
	t->property_bytes = 0;

	t->started_ms = TIME_UNKNOWN;
	if (t->capture != NULL)
		evidence_capture_restart(t->capture);
	part_writer_restart(t->writer);
}

static bool redacted(void *cookie, const char *name)
{
	return config_redacted(cookie, name);
}

static void begin_capture(struct task *t)
{
	struct intake *in = t->in;

	if (in->store == NULL)
		return;
	evidence_policy_of(t->config, t->run.spec.sinks, t->run.spec.sink_count, &t->arena, &t->policy);
	if (!evidence_asked(&t->policy))
		return;
	if (t->looks)
		t->roots = evidence_places_open(&t->places);
	const struct evidence_take take = { .store = in->store, .policy = &t->policy, .roots = t->roots };
	t->capture = evidence_capture_new(&take, t->writer);
}

/* What was captured is on disk before anything says that the report is accepted. */
static void end_capture(struct task *t, bool take)
{
	if (t->capture == NULL || t->write_rc < 0 || !take)
		return;
	t->write_rc =
		evidence_capture_report(t->capture, t->fd, t->path, redacted, (void *)t->config, &t->err);
	if (t->write_rc == 0)
		t->write_rc = evidence_capture_end(t->capture, &t->err);
}

static void read_work(void *cookie)
{
	struct task *t = cookie;
	const struct config_limits *l = &t->config->limits;
	struct parser_options options = {
		.limits = {
			.report = (uint64_t)l->report, .text = (size_t)l->text, .depth = (unsigned)l->depth,
			.attributes = (unsigned)l->attributes, .attribute = (size_t)l->attribute,
			.cases = (uint64_t)l->cases, .gzip_ratio = (unsigned)l->gzip_ratio, .time_ms = l->time_ms,
		},
		.timezone = t->timezone,
		.now_ms = clock_wall_ms(),
		.redacted = redacted,
		.redacted_cookie = (void *)t->config,
	};
	static const struct parser_events events = {
		.result = on_result,
		.restart = on_restart,
		.text_begin = on_text_begin,
		.text_chunk = on_text_chunk,
		.text_end = on_text_end,
		.property = on_property,
		.evidence = on_evidence,
	};
	struct err ignored = ERR_NONE;

	t->writer = part_writer_new(t->in->queue, t->part);
	t->started_ms = TIME_UNKNOWN;
	begin_capture(t);
	int slot;
	unsigned deaths = poison_enter(t->in->state, t->kept.sha256, &slot);
	if (deaths >= POISON_DEATHS) {
		t->summary.verdict = REPORT_MALFORMED;
		err_at(&t->summary.err, -EFAULT, t->path, 0, 0,
		       "set aside: the process died %u times while it was being read", deaths);
	} else {
		report_read(t->fd, t->path, &options, &events, t, &t->summary);
	}
	poison_leave(t->in->state, t->kept.sha256, slot, deaths < POISON_DEATHS);
	t->summarized = true;
	bool take = t->summary.verdict == REPORT_OK || t->summary.verdict == REPORT_INCOMPLETE;
	end_capture(t, take);
	int rc = part_writer_end(t->writer, t->write_rc < 0 ? &ignored : &t->err);
	if (t->write_rc == 0)
		t->write_rc = rc;
	t->writer = NULL;
	if (t->write_rc == 0 && !keep_unchanged(t->fd, &t->st))
		t->write_rc = err_set(&t->err, -EAGAIN, "%s: changed while it was read", t->path);
	if (t->write_rc == 0 && take && t->tmp != NULL && !t->kept.small) {
		t->write_rc = keep_place(t->tmp, t->kept_path, &t->err);
		if (t->write_rc == 0) {
			free(t->tmp);
			t->tmp = NULL;
		}
	}
}

static void read_done(void *cookie)
{
	struct task *t = cookie;
	enum report_verdict v = t->summary.verdict;
	bool take = (v == REPORT_OK || v == REPORT_INCOMPLETE) && !to_be_awaited(t);

	if (t->write_rc == 0 && take) {
		t->read = true;
		finish_waiting(t->in);
		return;
	}
	char reason[1600];
	if (t->err.code == 0)
		t->err = t->summary.err;
	err_string(&t->err, reason, sizeof(reason));
	queue_abandon_part(t->in->queue, t->part,
			   t->write_rc == 0 && (v == REPORT_MALFORMED || v == REPORT_UNREADABLE) &&
					   !to_be_awaited(t)
				   ? reason
				   : NULL,
			   on_abandoned, t);
}

/* ---- take ---- */

/* What was read of it when it came first holds of it now. */
static void tell_known(struct task *t, const struct taken *taken)
{
	t->out.known = true;
	t->out.cases = taken->cases;
	t->out.complete = !taken->broke_off;
	if (!taken->broke_off)
		return;
	err_set(&t->err, -EBADMSG, "it breaks off; what is finished of it was taken before");
	err_place(&t->err, t->path, 0, 0);
}

static void on_taken(void *cookie, int rc, const struct taken *taken, const struct err *err)
{
	struct task *t = cookie;

	if (rc < 0) {
		t->err = *err;
		end(t, INTAKE_RETRY);
		return;
	}
	t->out.run = taken->run;
	snprintf(t->out.run_name, sizeof(t->out.run_name), "%s", taken->run_name);
	t->out.run_ended = taken->run_ended;
	t->out.failed = taken->bad;
	t->out.complete = true;
	if (taken->what != TAKE_NEW)
		tell_known(t, taken);
	switch (taken->what) {
	case TAKE_DUPLICATE:
		end(t, INTAKE_DUPLICATE);
		return;
	case TAKE_RETARGET:
		end(t, INTAKE_ACCEPTED);
		return;
	case TAKE_NEW:
		t->part = taken->part;
		executor_submit(t->in->executor, read_work, read_done, t);
		return;
	}
}

/* ---- keep ---- */

static void keep_work(void *cookie)
{
	struct task *t = cookie;

	if (t->given_error != 0) {
		err_set(&t->err, -t->given_error, "%s: %s", t->path, strerror(t->given_error));
		return;
	}
	if (t->given_fd >= 0)
		t->fd = keep_adopt(t->given_fd, t->path, &t->st, &t->err);
	else
		t->fd = keep_open(t->root_fd, t->root_fd >= 0 ? t->relative : t->path, &t->st, &t->err);
	t->given_fd = t->fd >= 0 ? -1 : t->given_fd;
	if (t->fd < 0)
		return;
	if (t->st.st_size > t->config->limits.report) {
		err_set(&t->err, -EFBIG, "%s: %lld bytes, more than limits.report allows", t->path,
			(long long)t->st.st_size);
		return;
	}
	if (keep_copy(t->fd, (uint64_t)t->st.st_size, t->tmp, &t->kept, &t->err) < 0)
		return;
	if (!keep_unchanged(t->fd, &t->st) || lseek(t->fd, 0, SEEK_SET) != 0)
		err_set(&t->err, -EAGAIN, "%s: changed while it was read", t->path);
}

/* A change of the inode (it was moved here, its mode was set) counts as well, as nobody can forge it. */
static int64_t changed_ms(const struct stat *st)
{
	int64_t m = (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
	int64_t c = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;

	return m > c ? m : c;
}

static void keep_done(void *cookie)
{
	struct task *t = cookie;

	if (t->err.code != 0) {
		if (t->err.file[0] == '\0' && strncmp(t->err.text, t->path, strlen(t->path)) != 0)
			err_place(&t->err, t->path, 0, 0);
		bool passing = t->err.code == -EAGAIN || t->err.code == -ENOSPC || t->err.code == -EMFILE ||
			       t->err.code == -ENFILE || t->err.code == -EDQUOT;
		end(t, passing ? INTAKE_RETRY : INTAKE_UNREADABLE);
		return;
	}
	state_report_path(t->in->state, t->kept.sha256, t->kept.suffix, &t->kept_name, &t->kept_path);
	struct part_spec part = {
		.path = t->path,
		.kept = t->kept.small ? NULL : t->kept_name,
		.size = (uint64_t)t->st.st_size,
		.again = t->again,
		.late_append = t->late_append,
		.changed_ms = changed_ms(&t->st),
	};
	memcpy(part.sha256, t->kept.sha256, sizeof(part.sha256));
	t->run.spec.now_ms = clock_wall_ms();
	queue_take(t->in->queue, &t->run.spec, &part, on_taken, t);
}

void intake_take(struct intake *in, const struct intake_job *job, intake_done_fn *done, void *cookie)
{
	struct task *t = xcalloc(1, sizeof(*t));
	char name[64];

	t->in = in;
	t->config = in->config;
	t->path = xstrdup(job->path);
	t->relative = xstrdup(job->relative);
	t->timezone = xstrdup(job->timezone);
	t->variant = xstrdup(job->variant);
	t->given_error = job->error;
	t->root_fd = job->root_fd >= 0 ? fcntl(job->root_fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (job->root_fd >= 0 && t->root_fd < 0)
		t->given_error = errno;
	t->given_fd = job->opened ? fcntl(job->fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (job->opened && t->given_fd < 0)
		t->given_error = errno;
	t->again = job->again;
	t->late_append = job->late_append;
	t->refuse_incomplete = job->refuse_incomplete;
	own(&t->run, job->run);
	t->looks = job->places != NULL;
	evidence_places_copy(job->places, &t->places);
	t->arena = ARENA_LIMIT(1 << 20);
	t->hints = ARENA_LIMIT(1 << 20);
	t->done = done;
	t->cookie = cookie;
	t->fd = -1;
	snprintf(name, sizeof(name), "tmp/%ld-%llu", (long)getpid(), (unsigned long long)++in->serial);
	t->tmp = state_path(in->state, name);
	in->busy++;
	list_append(&in->tasks, &t->link);
	executor_submit(in->executor, keep_work, keep_done, t);
}

struct intake *intake_new(struct queue *q, struct executor *executor, const struct config *config,
			  const struct state *state, struct evidence_store *store)
{
	struct intake *in = xcalloc(1, sizeof(*in));

	in->queue = q;
	in->executor = executor;
	in->config = config;
	in->state = state;
	in->store = store;
	list_init(&in->tasks);
	return in;
}

void intake_configure(struct intake *in, const struct config *config)
{
	in->config = config;
}

size_t intake_busy(const struct intake *in)
{
	return in->busy;
}

struct executor *intake_executor(const struct intake *in)
{
	return in->executor;
}

void intake_free(struct intake *in)
{
	free(in);
}
