/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/gather.c - evidence of a run that is still open.
 *
 *   awaited (queue)  a page of what reports named and nobody has found
 *   find (worker)    looked for, copied, synced
 *   settle (queue)   found, refused, or (final) missing; then the next page
 *   early (queue)    what was put by: files that an earlier look found, and that were nobody's
 *   scan (worker)    files that patterns name
 *   owners (queue)   whose they are
 *   copy (worker)    those that are wanted; also what is nobody's yet, as workspaces are wiped
 *   add (queue)      rows
 *
 * Each look holds one page or one list of files; what it does not get to is found by the next look. */
#include "daemon/evidence/gather.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/evidence/scan.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 256, FILES_MAX = 4000, ARENA_MAX = 64 << 20 };

struct evidence_gather {
	struct queue *queue;
	struct executor *executor;
	const struct config *config;
	struct evidence_store *store;
	size_t busy;
};

struct named { /* awaited, and what became of it */
	int64_t id;
	bool of_run, bad, settled;
	size_t places; /* index of its report's */
	struct evidence e;
};

struct found { /* by a pattern */
	size_t base;
	struct found_file file;
	int64_t result;
	int64_t early; /* put by under this id; 0: it lies where it was found */
	bool bad, take, kept;
	bool pending; /* nobody's yet: it is put by */
	bool old;     /* put by, and written anew since */
	struct evidence e;
};

struct look {
	struct evidence_gather *g;
	struct evidence_look want;
	struct evidence_policy policy;
	char **glob;
	struct evidence_places base;
	evidence_looked_fn *done;
	void *cookie;
	struct evidence_tally tally;
	struct err err;

	struct arena policy_arena;
	struct arena arena; /* of one page, or of the files */
	struct named *named;
	size_t named_count, settling;
	int64_t after;
	bool more;
	struct evidence_places *places; /* of the page's reports, one after the other */
	size_t place_count;
	char *report;

	struct found *found;
	size_t found_count, found_room;
	size_t early_count; /* the first of found: what was put by, by name */
	size_t base_at;     /* while scanning */
	bool overflow;
};

static const struct log_ctx log_ctx = { .who = "evidence" };

struct evidence_gather *evidence_gather_new(struct queue *q, struct executor *executor,
					    const struct config *config, struct evidence_store *store)
{
	struct evidence_gather *g = xcalloc(1, sizeof(*g));

	*g = (struct evidence_gather){ .queue = q, .executor = executor, .config = config, .store = store };
	return g;
}

void evidence_gather_configure(struct evidence_gather *g, const struct config *config)
{
	g->config = config;
}

void evidence_gather_free(struct evidence_gather *g)
{
	free(g);
}

size_t evidence_gather_busy(const struct evidence_gather *g)
{
	return g->busy;
}

/* ---- the end of a look ---- */

static void drop_page(struct look *l)
{
	for (size_t i = 0; i < l->place_count; i++)
		evidence_places_done(&l->places[i]);
	free(l->places);
	l->places = NULL;
	l->place_count = 0;
	free(l->report);
	l->report = NULL;
	free(l->named);
	l->named = NULL;
	l->named_count = 0;
}

static void finish(struct look *l)
{
	struct evidence_gather *g = l->g;

	if (l->err.code != 0)
		log_warning(&log_ctx, "run %lld: %s", (long long)l->want.run, l->err.text);
	drop_page(l);
	free(l->found);
	for (size_t i = 0; i < l->want.glob_count; i++)
		free(l->glob[i]);
	free(l->glob);
	evidence_places_done(&l->base);
	arena_done(&l->policy_arena);
	arena_done(&l->arena);
	g->busy--;
	l->done(l->cookie, &l->tally, &l->err);
	evidence_tally_done(&l->tally);
	free(l);
}

/* ---- files that patterns name ---- */

static void on_added(void *cookie, int rc, const struct err *err)
{
	struct look *l = cookie;

	/* A run whose reports were all refused has nothing that files could belong to. */
	if (rc < 0 && rc != -ENOENT)
		l->err = *err;
	finish(l);
}

static void keep_found(struct look *l, struct evidence_batch *batch, const struct evidence_roots *roots,
		       struct found *f)
{
	int root = -1, fd = -1;

	/* Of what is nobody's yet nobody knows whether it is wanted. */
	bool of_run = f->result == 0 && !f->pending, bad = f->bad || f->pending;
	f->e = (struct evidence){ .named = f->file.named,
				  .origin = f->pending ? EVIDENCE_EARLY : EVIDENCE_GLOB };
	if (evidence_roots_at(roots, 0, &root) == NULL ||
	    file_open_beneath(root, f->file.relative, &fd, NULL) < 0)
		return; /* it went again, or became something else */
	f->kept = evidence_keep_file(batch, &l->policy, fd, of_run, bad, &l->arena, &f->e) &&
		  f->e.state != EVIDENCE_AWAITED;
	close(fd);
}

static void copy_work(void *cookie)
{
	struct look *l = cookie;
	struct evidence_batch *batch = evidence_batch_new(l->g->store);
	struct evidence_roots *roots = NULL;
	size_t open = SIZE_MAX;

	for (size_t i = 0; i < l->found_count; i++) {
		struct found *f = &l->found[i];
		if (f->take && f->base != open) {
			const struct evidence_places one = { &l->base.item[f->base], 1 };
			evidence_roots_free(roots);
			roots = evidence_places_open(&one);
			open = f->base;
		}
		if (f->take)
			keep_found(l, batch, roots, f);
	}
	if (evidence_batch_sync(batch, &l->err) < 0) {
		for (size_t i = l->early_count; i < l->found_count; i++)
			l->found[i].kept = false;
	}
	evidence_roots_free(roots);
	evidence_batch_free(batch);
}

static void copy_done(void *cookie)
{
	struct look *l = cookie;
	struct evidence *e = xcalloc(l->found_count + 1, sizeof(*e));
	int64_t *result = xcalloc(l->found_count + 1, sizeof(*result));
	int64_t *early = xcalloc(l->found_count + 1, sizeof(*early));
	struct evidence_add add = {
		.run = l->want.run, .e = e, .result = result, .early = early, .now_ms = clock_wall_ms()
	};

	for (size_t i = 0; i < l->found_count; i++) {
		const struct found *f = &l->found[i];
		if (f->early != 0 && (f->kept || f->old || l->want.final))
			early[add.early_count++] = f->early;
		if (!f->kept)
			continue;
		if (!f->pending)
			evidence_tally_add(&l->tally, &f->e);
		e[add.count] = f->e;
		result[add.count++] = f->result;
	}
	if (add.count + add.early_count > 0)
		queue_evidence_add(l->g->queue, &add, on_added, l);
	else
		finish(l);
	free(e);
	free(result);
	free(early);
}

/* Whether any sink would want a file of this kind of test at all; asked before it is copied. */
static bool asked(const struct look *l, const struct found *f, bool of_run, bool bad)
{
	const struct evidence e = { .named = f->file.named, .origin = EVIDENCE_GLOB };

	return evidence_wanted(&l->policy, &e, of_run, bad, NULL, NULL) != EVIDENCE_UNASKED;
}

/* What is to be done with a file now that it is known whose it is; true where that is to be copied. */
static bool decide(const struct look *l, struct found *f)
{
	bool settled = f->result != 0 || l->want.final;

	/* What fits no test yet may fit one of the next report. */
	f->pending = !settled && f->early == 0;
	bool wanted = f->pending ? asked(l, f, true, false) || asked(l, f, false, true)
				 : asked(l, f, f->result == 0, f->bad);
	if (f->early == 0)
		return wanted;
	f->kept = settled && wanted && !f->old;
	f->e.origin = EVIDENCE_GLOB;
	return false;
}

static void on_owners(void *cookie, int rc, const struct file_owner *owner, size_t count,
		      const struct err *err)
{
	struct look *l = cookie;
	size_t take = 0;

	if (rc < 0) {
		/* What was put by stays so. */
		l->err = *err;
		finish(l);
		return;
	}
	for (size_t i = 0; i < count && i < l->found_count; i++) {
		struct found *f = &l->found[i];
		f->result = owner[i].result;
		f->bad = owner[i].bad;
		f->take = !owner[i].known && decide(l, f);
		take += f->take;
	}
	if (take > 0)
		executor_submit(l->g->executor, copy_work, copy_done, l);
	else
		copy_done(l);
}

static int by_named(const void *key, const void *member)
{
	return strcmp(key, ((const struct found *)member)->file.named);
}

/* Whether the file was put by as it is; one that was written anew since replaces what was. */
static bool put_by(struct look *l, const char *named, uint64_t size)
{
	struct found *f = l->early_count > 0
				  ? bsearch(named, l->found, l->early_count, sizeof(*l->found), by_named)
				  : NULL;

	if (f != NULL && f->e.size != size && f->e.state == EVIDENCE_KEPT)
		f->old = true;
	return f != NULL && !f->old;
}

static struct found *next_found(struct look *l)
{
	if (l->found_count == l->found_room) {
		l->found_room = l->found_room == 0 ? 64 : l->found_room * 2;
		l->found = xrealloc(l->found, l->found_room, sizeof(*l->found));
	}
	l->found[l->found_count] = (struct found){ 0 };
	return &l->found[l->found_count];
}

static int on_file(void *cookie, const struct evidence_file *file)
{
	struct look *l = cookie;
	int64_t now = clock_wall_ms();

	if (file->mtime_ms < l->want.since_ms ||
	    (!l->want.final && file->mtime_ms <= now && now - file->mtime_ms < l->want.quiet_ms))
		return 0;
	if (l->found_count == FILES_MAX) {
		l->overflow = true;
		return 1;
	}
	const struct evidence_place *p = &l->base.item[l->base_at];
	struct found *f = next_found(l);
	f->base = l->base_at;
	f->file.size = file->size;
	f->file.named = p->top != NULL ? arena_printf(&l->arena, "%s/%s%s%s", p->top, p->path,
						      p->path[0] != '\0' ? "/" : "", file->relative)
				       : arena_printf(&l->arena, "%s/%s", p->path, file->relative);
	f->file.relative = arena_strdup(&l->arena, file->relative);
	if (f->file.named == NULL || f->file.relative == NULL)
		return 1;
	l->found_count += !put_by(l, f->file.named, file->size);
	return 0;
}

static void scan_work(void *cookie)
{
	struct look *l = cookie;
	int fd;

	/* Folders that are gone leave no hole: each is opened by itself, in order. */
	for (l->base_at = 0; l->base_at < l->base.count; l->base_at++) {
		const struct evidence_places one = { &l->base.item[l->base_at], 1 };
		struct evidence_roots *roots = evidence_places_open(&one);
		if (evidence_roots_at(roots, 0, &fd) != NULL)
			evidence_scan(fd, l->want.glob, l->want.glob_count, on_file, l);
		evidence_roots_free(roots);
	}
}

static void scan_done(void *cookie)
{
	struct look *l = cookie;

	if (l->overflow)
		log_warning(&log_ctx, "run %lld: more than %d files match `evidence`; the rest is left out",
			    (long long)l->want.run, FILES_MAX);
	if (l->found_count == 0) {
		finish(l);
		return;
	}
	struct found_file *file = xcalloc(l->found_count, sizeof(*file));
	for (size_t i = 0; i < l->found_count; i++)
		file[i] = l->found[i].file;
	queue_evidence_owners(l->g->queue, l->want.run, file, l->found_count, l->early_count > 0,
			      evidence_fits, on_owners, l);
	free(file);
}

/* Beneath the folder that it was found in, where that is known still. */
static const char *relative_of(const struct look *l, const char *named)
{
	for (size_t i = 0; i < l->base.count; i++) {
		const struct evidence_place *p = &l->base.item[i];
		size_t top = p->top != NULL ? strlen(p->top) : 0, len = strlen(p->path);
		if (strncmp(named, p->top != NULL ? p->top : "", top) != 0)
			continue;
		const char *rest = named + top + strspn(named + top, "/");
		if (p->top == NULL)
			rest = named;
		if (strncmp(rest, p->path, len) == 0 && (len == 0 || rest[len] == '/'))
			return rest + len + (len > 0);
	}
	const char *slash = strrchr(named, '/');
	while (slash != NULL && slash > named && slash[-1] != '/')
		slash--;
	return slash != NULL ? slash : named;
}

static void on_early(void *cookie, int rc, const struct evidence *e, const int64_t *id, size_t count,
		     const struct err *err)
{
	struct look *l = cookie;

	if (rc < 0)
		l->err = *err;
	for (size_t i = 0; i < count; i++) {
		struct found *f = next_found(l);
		f->early = id[i];
		f->e = e[i];
		f->e.named = f->file.named = arena_strdup(&l->arena, e[i].named);
		f->e.name = arena_strdup(&l->arena, e[i].name);
		f->e.kept = arena_strdup(&l->arena, e[i].kept);
		f->e.type = arena_strdup(&l->arena, e[i].type);
		f->e.reason = arena_strdup(&l->arena, e[i].reason);
		f->file.size = e[i].size;
		f->file.relative = f->file.named != NULL ? relative_of(l, f->file.named) : NULL;
		l->found_count += f->file.named != NULL;
	}
	l->early_count = l->found_count;
	executor_submit(l->g->executor, scan_work, scan_done, l);
}

static void look_for_globs(struct look *l)
{
	drop_page(l);
	arena_reset(&l->arena);
	if (l->want.glob_count == 0 || l->policy.results == EVIDENCE_OF_NONE)
		finish(l);
	else
		queue_evidence_early(l->g->queue, l->want.run, FILES_MAX, on_early, l);
}

/* ---- files that were awaited ---- */

static void next_page(struct look *l);

static void on_settled(void *cookie, int rc, const struct err *err)
{
	struct look *l = cookie;

	/* Somebody else may have settled it. */
	if (rc < 0 && rc != -EALREADY && rc != -ENOENT && l->err.code == 0)
		l->err = *err;
	if (--l->settling > 0)
		return;
	if (l->more)
		next_page(l);
	else
		look_for_globs(l);
}

static void settle_one(struct look *l, const struct named *n)
{
	evidence_tally_add(&l->tally, &n->e);
	if (!n->settled)
		return;
	l->settling++;
	queue_evidence_found(l->g->queue, n->id, &n->e, clock_wall_ms(), on_settled, l);
}

static void find_done(void *cookie)
{
	struct look *l = cookie;

	l->settling = 1;
	for (size_t i = 0; i < l->named_count; i++)
		settle_one(l, &l->named[i]);
	on_settled(l, 0, NULL);
}

static void missing(struct evidence *e, const char *why)
{
	e->state = EVIDENCE_MISSING;
	e->size = 0;
	e->reason = why;
}

static void find_one(struct look *l, struct evidence_batch *batch, struct evidence_roots *roots,
		     struct named *n)
{
	struct evidence *e = &n->e;
	struct err err = ERR_NONE;
	char *path = NULL;
	int fd = -1;
	int rc = evidence_roots_open(roots, e->named, &fd, &path, &err);

	if (rc == 0) {
		if (!evidence_keep_file(batch, &l->policy, fd, n->of_run, n->bad, &l->arena, e))
			missing(e, "no sink wants it any more");
		close(fd);
		free(path);
	} else if (rc != -ENOENT) {
		e->state = EVIDENCE_REFUSED;
		e->reason = arena_strdup(&l->arena, err.text);
	}
	if (e->state == EVIDENCE_AWAITED && l->want.final)
		missing(e, rc == 0 ? "it was still being written when the run ended"
				   : "it was not there when the run ended");
	n->settled = e->state != EVIDENCE_AWAITED;
}

static void find_work(void *cookie)
{
	struct look *l = cookie;
	struct evidence_batch *batch = evidence_batch_new(l->g->store);
	struct evidence_roots *roots = NULL;
	size_t open = SIZE_MAX;

	for (size_t i = 0; i < l->named_count; i++) {
		struct named *n = &l->named[i];
		if (n->places != open) {
			evidence_roots_free(roots);
			roots = evidence_places_open(&l->places[n->places]);
			open = n->places;
		}
		find_one(l, batch, roots, n);
	}
	evidence_roots_free(roots);
	/* What is not safe on the disk was not found. */
	if (evidence_batch_sync(batch, &l->err) < 0) {
		for (size_t i = 0; i < l->named_count; i++) {
			if (l->named[i].e.state != EVIDENCE_KEPT)
				continue;
			l->named[i].settled = l->want.final;
			l->named[i].e.state = l->want.final ? EVIDENCE_REFUSED : EVIDENCE_AWAITED;
			l->named[i].e.reason = "it could not be written to the state directory";
		}
	}
	evidence_batch_free(batch);
}

static void add_places(struct look *l, const char *report)
{
	if (l->report != NULL && strcmp(l->report, report) == 0)
		return;
	l->places = xrealloc(l->places, l->place_count + 1, sizeof(*l->places));
	struct evidence_places *p = &l->places[l->place_count++];
	*p = (struct evidence_places){ 0 };
	free(l->report);
	l->report = xstrdup(report);
	if (l->want.places != NULL)
		l->want.places(l->want.cookie, report, p);
}

static void on_awaited(void *cookie, int rc, const struct awaited_evidence *e, size_t count,
		       const struct err *err)
{
	struct look *l = cookie;

	if (rc < 0)
		l->err = *err;
	drop_page(l);
	arena_reset(&l->arena);
	if (count == 0) {
		look_for_globs(l);
		return;
	}
	l->more = count == PAGE;
	l->after = e[count - 1].id;
	l->named = xcalloc(count, sizeof(*l->named));
	for (size_t i = 0; i < count; i++) {
		struct named *n = &l->named[l->named_count];
		add_places(l, e[i].part);
		*n = (struct named){ .id = e[i].id,
				     .of_run = e[i].of_run,
				     .bad = e[i].bad,
				     .places = l->place_count - 1,
				     .e = { .named = arena_strdup(&l->arena, e[i].named),
					    .name = arena_strdup(&l->arena, e[i].name),
					    .origin = e[i].origin,
					    .state = EVIDENCE_AWAITED } };
		l->named_count += n->e.named != NULL;
	}
	executor_submit(l->g->executor, find_work, find_done, l);
}

static void next_page(struct look *l)
{
	queue_evidence_awaited(l->g->queue, l->want.run, l->after, PAGE, on_awaited, l);
}

void evidence_gather_look(struct evidence_gather *g, const struct evidence_look *want,
			  evidence_looked_fn *done, void *cookie)
{
	struct look *l = xcalloc(1, sizeof(*l));

	l->g = g;
	l->want = *want;
	l->done = done;
	l->cookie = cookie;
	l->policy_arena = ARENA_LIMIT(1 << 20);
	l->arena = ARENA_LIMIT(ARENA_MAX);
	evidence_policy_of(g->config, want->sinks, want->sink_count, &l->policy_arena, &l->policy);
	l->glob = xcalloc(want->glob_count + 1, sizeof(*l->glob));
	for (size_t i = 0; i < want->glob_count; i++)
		l->glob[i] = xstrdup(want->glob[i]);
	l->want.glob = (const char *const *)l->glob;
	evidence_places_copy(want->base, &l->base);
	g->busy++;
	/* Who cannot tell where a report's files lie leaves what is awaited to others. */
	if (want->places != NULL)
		next_page(l);
	else
		look_for_globs(l);
}

/* ---- a file that somebody else has opened ---- */

struct give {
	struct evidence_gather *g;
	int64_t id;
	bool of_run, bad;
	int fd;
	struct arena arena;
	struct evidence_policy policy;
	struct evidence e;
	struct err err;
	queue_done_fn *done;
	void *cookie;
};

static void give_end(struct give *v, int rc, const struct err *err)
{
	v->g->busy--;
	v->done(v->cookie, rc, err);
	arena_done(&v->arena);
	free(v);
}

static void on_given(void *cookie, int rc, const struct err *err)
{
	give_end(cookie, rc, err);
}

static void give_work(void *cookie)
{
	struct give *v = cookie;
	struct evidence_batch *batch = evidence_batch_new(v->g->store);

	if (!evidence_keep_file(batch, &v->policy, v->fd, v->of_run, v->bad, &v->arena, &v->e))
		missing(&v->e, "no sink wants it any more");
	if (v->e.state == EVIDENCE_AWAITED)
		err_set(&v->err, -EAGAIN, "%s: it changed while it was copied", v->e.named);
	evidence_batch_sync(batch, &v->err);
	evidence_batch_free(batch);
}

static void give_done(void *cookie)
{
	struct give *v = cookie;

	if (v->err.code < 0)
		give_end(v, v->err.code, &v->err);
	else
		queue_evidence_found(v->g->queue, v->id, &v->e, clock_wall_ms(), on_given, v);
}

void evidence_gather_give(struct evidence_gather *g, int64_t evidence, const char *named, bool of_run,
			  bool bad, int fd, queue_done_fn *done, void *cookie)
{
	struct give *v = xcalloc(1, sizeof(*v));

	v->g = g;
	v->id = evidence;
	v->of_run = of_run;
	v->bad = bad;
	v->fd = fd;
	v->arena = ARENA_LIMIT(1 << 20);
	v->done = done;
	v->cookie = cookie;
	v->e = (struct evidence){ .named = arena_strdup(&v->arena, named), .origin = EVIDENCE_NAMED };
	if (v->e.named == NULL)
		v->e.named = "?";
	evidence_policy_of(g->config, NULL, 0, &v->arena, &v->policy);
	g->busy++;
	executor_submit(g->executor, give_work, give_done, v);
}
