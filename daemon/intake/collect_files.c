/* SPDX-License-Identifier: Apache-2.0
 *
 * collect_files.c - a settled file on its way: sifted from files that tell the same, given its run, read by
 * intake, and put away or looked at again later. */
#include "daemon/intake/collect_inner.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/evidence/places.h"
#include "daemon/intake/runspec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	AT_ONCE = 8,                    /* files in intake; the rest waits in its directory */
	INCOMPLETE_MS = 10 * 60 * 1000, /* how long the end of a broken-off file is waited for (rule S2) */
	RETRY_FIRST_MS = 2000,
	RETRY_MAX_MS = 60000,
	UNKEYED_MAX = 10000,
};

static const struct log_ctx log_ctx = { .who = "collect" };

struct file_cookie {
	struct source *source;
	char *relative, *path, *key;
	int64_t first_ms, wait_ms, mtime_ms;
};

/* ---- files that are looked at again ---- */

void collect_free_retry(struct retry *r)
{
	list_remove(&r->link);
	free(r->relative);
	free(r->key);
	free(r);
}

/* first_ms, wait_ms: since when and how long it was waited for last; 0: it was not. */
static struct retry *try_again(struct source *s, const char *relative, int64_t mtime_ms, int64_t first_ms,
			       int64_t wait_ms)
{
	struct collect *c = s->collect;
	struct retry *r = xcalloc(1, sizeof(*r));
	int64_t now = clock_mono_ms();

	r->source = s;
	r->relative = xstrdup(relative);
	r->mtime_ms = mtime_ms;
	r->first_ms = first_ms != 0 ? first_ms : now;
	r->wait_ms = wait_ms == 0 ? RETRY_FIRST_MS : wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : wait_ms * 2;
	r->at_ms = now + r->wait_ms;
	list_append(&c->retries, &r->link);
	collect_tick_on(c);
	return r;
}

static void later(struct file_cookie *f, bool incomplete)
{
	struct retry *r = try_again(f->source, f->relative, f->mtime_ms, f->first_ms, f->wait_ms);

	r->key = xstrdup(f->key);
	r->incomplete = incomplete;
}

/* What is still waited for, while that is allowed (rule S2). */
static bool patient(const struct retry *again)
{
	return again == NULL || !again->incomplete || clock_mono_ms() - again->first_ms < INCOMPLETE_MS;
}

/* A file that has been opened and not been written: nothing of it is a report yet.  No run waits for it, as many
 * tools leave one where they fail. */
static bool wait_for_first_byte(struct source *s, const char *path, const char *relative, int64_t mtime_ms,
				const struct retry *again)
{
	struct stat st;

	if (!patient(again) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 0)
		return false;
	log_debug(&log_ctx, "later: %s is empty", path);
	struct retry *r = try_again(s, relative, mtime_ms, again != NULL ? again->first_ms : 0,
				    again != NULL ? again->wait_ms : 0);
	r->incomplete = true;
	return true;
}

/* It has changed, and is offered as it is now: no run waits for what it was. */
static void forget_retries(const struct source *s, const char *relative)
{
	list_each_safe(link, &s->collect->retries) {
		struct retry *r = list_entry(link, struct retry, link);
		if (r->incomplete && r->source == s && strcmp(r->relative, relative) == 0)
			collect_free_retry(r);
	}
}

void collect_check_retries(struct collect *c, int64_t now)
{
	list_each_safe(link, &c->retries) {
		struct retry *r = list_entry(link, struct retry, link);
		struct gathering *g = r->key != NULL ? collect_find_key(c, r->key) : NULL;
		/* The run stays open while the rest of one of its files may still come (rule S2). */
		if (g != NULL && r->incomplete)
			g->last_ms = now;
		if (r->at_ms <= now && collect_take(r->source, r->relative, r->mtime_ms, r))
			collect_free_retry(r);
	}
}

/* ---- intake ---- */

/* Counts and tells what became of a file; true where it is tried again later. */
static bool count_file(struct file_cookie *f, const struct intake_outcome *o)
{
	struct collect *c = f->source->collect;
	char reason[1700] = "";

	if (o->err != NULL && o->err->code != 0)
		err_string(o->err, reason, sizeof(reason));
	switch (o->state) {
	case INTAKE_ACCEPTED:
		c->counts.accepted++;
		if (o->complete)
			log_info(&log_ctx, "accepted %s: %" PRIu64 " cases", f->path, o->cases);
		else
			log_warning(&log_ctx, "accepted %s, which broke off: %" PRIu64 " finished cases (%s)",
				    f->path, o->cases, reason);
		if (!o->complete)
			c->counts.incomplete++;
		for (size_t i = 0; i < o->warning_count; i++)
			log_warning(&log_ctx, "%s", o->warnings[i]);
		break;
	case INTAKE_DUPLICATE:
		c->counts.duplicates++;
		log_debug(&log_ctx, "duplicate: %s", f->path);
		break;
	case INTAKE_SKIPPED:
		c->counts.skipped++;
		log_info(&log_ctx, "skipped: %s", reason);
		break;
	case INTAKE_MALFORMED:
		c->counts.malformed++;
		log_error(&log_ctx, "malformed: %s", reason);
		break;
	case INTAKE_UNREADABLE:
		/* A file that vanished between event and open is nobody's fault (row 31). */
		if (o->err != NULL && o->err->code == -ENOENT) {
			log_debug(&log_ctx, "vanished: %s", f->path);
			break;
		}
		/* A disk or a share that does not answer now may do so in a while (row 15). */
		if (o->err != NULL && (o->err->code == -EIO || o->err->code == -ESTALE) &&
		    (f->first_ms == 0 || clock_mono_ms() - f->first_ms < INCOMPLETE_MS)) {
			log_debug(&log_ctx, "later: %s", reason);
			later(f, false);
			return true;
		}
		/* A right that is missing may be given, which changes nothing by which a watch would know. */
		bool denied = o->err != NULL && (o->err->code == -EACCES || o->err->code == -EPERM);
		if (!denied || f->first_ms == 0) {
			c->counts.unreadable++;
			log_error(&log_ctx, "unreadable: %s", reason);
		}
		if (denied) {
			later(f, false);
			return true;
		}
		break;
	case INTAKE_INCOMPLETE:
	case INTAKE_RETRY:
		log_debug(&log_ctx, "later: %s", reason);
		later(f, o->state == INTAKE_INCOMPLETE);
		return true;
	}
	return false;
}

static void on_file(void *cookie, const struct intake_outcome *o)
{
	struct file_cookie *f = cookie;
	struct collect *c = f->source->collect;
	bool again = count_file(f, o);

	struct gathering *g = o->run != 0 ? collect_find_run(c, o->run) : NULL;
	if (g == NULL && o->run != 0 && !o->run_ended)
		g = collect_add_run(c, o->run, f->key, f->source->watch, f->path, f->mtime_ms);
	if (f->source->watch->after != AFTER_KEEP &&
	    (o->state == INTAKE_ACCEPTED || o->state == INTAKE_DUPLICATE) && o->complete)
		collect_spend(c, g, f->source, f->relative, f->mtime_ms);
	if (g != NULL && g->evidence != NULL && o->state == INTAKE_ACCEPTED)
		evidence_run_report(g->evidence, f->path, o->evidence);
	if (g == NULL && o->state == INTAKE_ACCEPTED && o->evidence != NULL && o->evidence->awaited > 0)
		collect_look_late(c, o->run, f->source, f->key);
	if (o->state == INTAKE_ACCEPTED || o->state == INTAKE_DUPLICATE)
		known_note(c->known, f->key, f->path, f->mtime_ms);
	if (g != NULL && f->mtime_ms < g->first_mtime_ms)
		g->first_mtime_ms = f->mtime_ms;
	if (g != NULL && !again)
		g->last_ms = clock_mono_ms();
	c->busy--;
	if (o->state == INTAKE_ACCEPTED)
		c->opt.on_part(c->opt.cookie, true);
	free(f->relative);
	free(f->path);
	free(f->key);
	free(f);
	if (!c->stopping)
		collect_resume(c);
}

/* ---- what the job says of itself ---- */

/* The machine could not serve us now: it says nothing of the file. */
static bool short_of(int code)
{
	return code == -EMFILE || code == -ENFILE || code == -ENOMEM;
}

struct context *collect_context(struct source *s, const char *path, int *code)
{
	char *dir = xstrdup(path), *top = evidence_workspace(s->watch, path);
	struct err err = ERR_NONE;
	const char *const *line_of;
	char line[2000];

	*strrchr(dir, '/') = '\0';
	struct context *context = context_find(dir, top != NULL ? top : dir, &err);
	if (code != NULL)
		*code = err.code;
	if (short_of(err.code))
		snprintf(line, sizeof(line), "%s: reports wait until it is over", strerror(-err.code));
	else
		err_string(&err, line, sizeof(line));
	if (err.code != 0 && once_new(&s->collect->said, line))
		log_warning(&log_ctx, "%s", line);
	size_t count = context_warnings(context, &line_of);
	for (size_t i = 0; i < count; i++) {
		if (once_new(&s->collect->said, line_of[i]))
			log_warning(&log_ctx, "%s", line_of[i]);
	}
	free(top);
	free(dir);
	return context;
}

void collect_free_unkeyed(struct source *s, struct unkeyed *u)
{
	list_remove(&u->link);
	s->unkeyed_count--;
	free(u->relative);
	free(u);
}

static void note_unkeyed(struct source *s, const char *relative, const char *path, const char *why)
{
	char *line = xasprintf("held: %s", why);

	if (once_new(&s->collect->said, line))
		log_warning(&log_ctx,
			    "%s: its run cannot be told: %s; it is taken and held until \"queue retry\", or "
			    "until a resultd.json beside it tells",
			    path, why);
	free(line);
	list_each(link, &s->unkeyed) {
		if (strcmp(list_entry(link, struct unkeyed, link)->relative, relative) == 0)
			return;
	}
	if (s->unkeyed_count == UNKEYED_MAX)
		return; /* the next start looks at all again */
	struct unkeyed *u = xcalloc(1, sizeof(*u));
	u->relative = xstrdup(relative);
	list_append(&s->unkeyed, &u->link);
	s->unkeyed_count++;
}

void collect_key_again(struct source *s, const char *context)
{
	size_t root = strlen(s->root), len = (size_t)(strrchr(context, '/') - context);

	if (strncmp(context, s->root, root) != 0 || len < root)
		return;
	const char *folder = context + root + (len > root);
	size_t in = len > root ? len - root - 1 : 0;
	list_each_safe(link, &s->unkeyed) {
		struct unkeyed *u = list_entry(link, struct unkeyed, link);
		if (in > 0 && (strncmp(u->relative, folder, in) != 0 || u->relative[in] != '/'))
			continue;
		char *relative = xstrdup(u->relative);
		collect_free_unkeyed(s, u);
		watch_forget(s->w, relative);
		free(relative);
	}
}

/* ---- files that tell what others tell ---- */

static bool sift_wanted(void *cookie, const char *path)
{
	const struct source *s = cookie;
	size_t n = strlen(s->root);

	return !s->collect->stopping && strncmp(path, s->root, n) == 0 && path[n] == '/' &&
	       watch_wants(s->w, path + n + 1);
}

/* Which run a file belongs to; what out reaches lives in the arena and in context. */
static int make_spec(const struct source *s, const char *path, const struct context *context, struct arena *a,
		     struct runspec *out, struct err *err)
{
	const char *dir = arena_strndup(a, path, (size_t)(strrchr(path, '/') - path));
	const struct runspec_source source = {
		.context = context,
		.watch = s->watch,
		.path = path,
		.common_dir = dir,
		.source = RUN_WATCH,
	};

	return runspec_make(&source, s->collect->opt.config, a, out, err);
}

static char *sift_run(void *cookie, const char *path)
{
	struct source *s = cookie;
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct runspec spec;
	char *key = NULL;

	struct context *context = collect_context(s, path, NULL);
	if (make_spec(s, path, context, &a, &spec, &err) == 0)
		key = xstrdup(spec.run.key);
	context_free(context);
	arena_done(&a);
	return key;
}

static bool sift_taken(void *cookie, const char *run, const char *path, int64_t mtime_ms)
{
	const struct source *s = cookie;

	return run != NULL && known_has(s->collect->known, run, path, mtime_ms);
}

static bool sift_knows(void *cookie, const char *run)
{
	const struct source *s = cookie;

	return known_ready(s->collect->known, run);
}

void collect_on_sifted(void *cookie)
{
	struct collect *c = cookie;

	if (!c->stopping)
		collect_resume(c);
}

static enum sift_answer sift(struct source *s, const char *path, int64_t mtime_ms)
{
	char *folder = evidence_workspace(s->watch, path);
	size_t len = folder != NULL ? strlen(folder) : 0;
	bool in = folder != NULL && strncmp(path, folder, len) == 0 && path[len] == '/';
	const struct sift_file file = {
		.path = path, .root = s->root, .folder = in ? folder : s->root, .mtime_ms = mtime_ms
	};
	const struct sift_tree tree = {
		.wanted = sift_wanted,
		.run_of = sift_run,
		.knows = sift_knows,
		.taken = sift_taken,
		.cookie = s,
	};
	const char *why = NULL;
	enum sift_answer answer = sift_ask(s->collect->sift, &file, &tree, &why);

	free(folder);
	if (answer == SIFT_LEAVE) {
		s->collect->counts.skipped++;
		log_info(&log_ctx, "skipped: %s: %s", path, why);
	}
	return answer;
}

bool collect_take(struct source *s, const char *relative, int64_t mtime_ms, const struct retry *again)
{
	struct collect *c = s->collect;
	struct arena a = ARENA_LIMIT(1 << 20);
	struct err err = ERR_NONE;
	struct runspec spec;

	if (c->stopping || c->busy >= AT_ONCE)
		return false;
	collect_tick_on(c);
	if (c->held || (c->opt.hold != NULL && c->opt.hold(c->opt.cookie))) {
		c->held = true;
		return false;
	}
	if (again == NULL)
		forget_retries(s, relative);
	char *path = xasprintf("%s/%s", s->root, relative);
	if (wait_for_first_byte(s, path, relative, mtime_ms, again)) {
		free(path);
		arena_done(&a);
		return true;
	}
	enum sift_answer answer = sift(s, path, mtime_ms);
	if (answer != SIFT_TAKE) {
		free(path);
		arena_done(&a);
		return answer == SIFT_LEAVE;
	}
	int code = 0;
	struct context *context = collect_context(s, path, &code);
	if (short_of(code)) {
		/* Without what the job says it would be taken into another run. */
		log_debug(&log_ctx, "later: %s: %s", path, strerror(-code));
		struct retry *r = try_again(s, relative, mtime_ms, again != NULL ? again->first_ms : 0,
					    again != NULL ? again->wait_ms : 0);
		r->incomplete = again != NULL && again->incomplete;
	} else if (make_spec(s, path, context, &a, &spec, &err) < 0) {
		log_error(&log_ctx, "%s: %s", path, err.text);
		c->counts.unreadable++;
	} else {
		struct file_cookie *f = xcalloc(1, sizeof(*f));
		int64_t now = clock_mono_ms();
		if (spec.run.hold != NULL)
			note_unkeyed(s, relative, path, spec.run.hold);
		f->source = s;
		f->relative = xstrdup(relative);
		f->path = xstrdup(path);
		f->key = xstrdup(spec.run.key);
		f->first_ms = again != NULL ? again->first_ms : 0;
		f->wait_ms = again != NULL ? again->wait_ms : 0;
		f->mtime_ms = mtime_ms;
		int root = open(s->root[0] != '\0' ? s->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int error = root < 0 ? errno : 0;
		struct evidence_places places = { 0 };
		evidence_places_watch(s->watch, s->root, path, &places);
		const struct intake_job job = {
			.path = path,
			.root_fd = root,
			.relative = relative,
			.error = error,
			.run = &spec.run,
			.timezone = spec.timezone,
			.variant = spec.variant,
			.late_append = s->watch->run.late == LATE_APPEND,
			.places = &places,
			.refuse_incomplete = patient(again),
		};
		c->busy++;
		intake_take(c->opt.intake, &job, on_file, f);
		evidence_places_done(&places);
		if (root >= 0)
			close(root);
		struct gathering *g = collect_find_key(c, spec.run.key);
		if (g != NULL)
			g->last_ms = now;
	}
	context_free(context);
	arena_done(&a);
	free(path);
	return true;
}
