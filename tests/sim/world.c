/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c - time, the lives of the process, and how they end.
 *
 * A crash leaves what kill -9 would: the database and its log are copied aside as they are, the next life
 * starts from the copies.  The old life is then taken down in order, on files that nobody will read, only
 * so that its memory can be freed; what it says meanwhile is not heard.  Crash points are every commit
 * (after it, before anybody learned of it) and every step of an exchange. */
#include "tests/sim/world.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STILL_MAX = 20000,  /* steps without time going on: that is a loop */
	TURNS_MAX = 100000, /* a story takes some hundreds */
	SETTLE_MAX_MS = 12 * 3600 * 1000,
	FRESH_MAX_MS = 2 * 3600 * 1000,
};

void world_trace(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->trace || w->dead)
		return;
	printf("%10.3f  ", (double)(w->now_ms - BEGIN_MS) / 1000.0);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void world_fail(struct world *w, const char *property, const char *fmt, ...)
{
	va_list ap;

	if (w->failed[0] != '\0' || w->dead)
		return;
	snprintf(w->property, sizeof(w->property), "%s", property);
	va_start(ap, fmt);
	vsnprintf(w->failed, sizeof(w->failed), fmt, ap);
	va_end(ap);
	world_trace(w, "VIOLATED %s: %s", property, w->failed);
}

/* ---- the clock ---- */

static int64_t wall_now(void *cookie)
{
	const struct world *w = cookie;

	return w->now_ms + w->wall_skew_ms;
}

static int64_t mono_now(void *cookie)
{
	return ((const struct world *)cookie)->mono_ms;
}

void world_advance(struct world *w, int64_t to_ms)
{
	if (to_ms <= w->now_ms)
		return;
	w->mono_ms += to_ms - w->now_ms;
	w->now_ms = to_ms;
	for (size_t i = 0; i < w->site_count; i++)
		w->site[i].model.now_ms = to_ms;
}

/* ---- a life ---- */

static void arm(void *cookie, int64_t mono_ms)
{
	struct world *w = cookie;

	if (mono_ms < w->arm_ms)
		w->arm_ms = mono_ms;
}

static void on_fatal(void *cookie, const struct err *err)
{
	world_fail(cookie, "live", "the queue gave up: %s", err->text);
}

__attribute__((noreturn)) static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	abort();
}

static void db_path(const struct world *w, unsigned life, char out[128])
{
	snprintf(out, 128, "%s/%u.db", w->dir, life);
}

static void on_closed(void *cookie)
{
	((struct world *)cookie)->closed = true;
}

/* A new database: made once, and copied for every seed, since that is a fifth of the work. */
static void put_blank(struct world *w, const char *path)
{
	static struct buf blank = BUF_LIMIT(16 << 20);
	struct err err = ERR_NONE;
	struct queue_opened opened;

	if (blank.len == 0) {
		if (queue_open(
			    &(struct queue_options){
				    .path = path, .on_fatal = on_fatal, .cookie = w, .seed = 1 },
			    &w->queue, &opened, &err) < 0)
			give_up("queue_open", err.text);
		queue_close(w->queue, on_closed, w);
		while (!w->closed)
			queue_turn(w->queue);
		w->queue = NULL;
		if (file_read(path, &blank, &err) < 0)
			give_up(path, err.text);
		return;
	}
	FILE *file = fopen(path, "wbe");
	if (file == NULL || fwrite(blank.data, 1, blank.len, file) != blank.len || fclose(file) != 0)
		give_up(path, "cannot be written");
}

static void begin_life(struct world *w)
{
	struct err err = ERR_NONE;
	struct queue_opened opened;
	char path[128];

	db_path(w, w->life, path);
	if (w->life == 0)
		put_blank(w, path);
	if (queue_open(&(struct queue_options){ .path = path,
						.on_fatal = on_fatal,
						.cookie = w,
						.seed = w->seed + 1,
						.cache_bytes = 1 << 20 },
		       &w->queue, &opened, &err) < 0)
		give_up("queue_open", err.text);
	if (opened.replaced)
		world_fail(w, "conserve", "the database was taken for damaged after a crash");
	w->arm_ms = NEVER;
	w->dispatch = dispatch_new(&(struct dispatch_options){ .config = w->config,
							       .queue = w->queue,
							       .http = &w->wire,
							       .folder = &w->wire,
							       .evidence_dir = "/evidence",
							       .arm = arm,
							       .cookie = w });
	dispatch_kick(w->dispatch, false);
}

static void on_stopped(void *cookie)
{
	((struct world *)cookie)->stopped = true;
}

static void end_life(struct world *w)
{
	w->dead = true;
	w->stopped = w->closed = false;
	wire_abandon(w);
	dispatch_stop(w->dispatch, true, on_stopped, w);
	for (int i = 0; !w->stopped; i++) {
		if (i > STILL_MAX) {
			fprintf(stderr, "seed %" PRIu64 ": dispatch does not stop\n", w->seed);
			abort();
		}
		dispatch_turn(w->dispatch);
		queue_turn(w->queue);
		while (wire_turn(w))
			;
	}
	dispatch_free(w->dispatch);
	w->dispatch = NULL;
	queue_close(w->queue, on_closed, w);
	while (!w->closed)
		queue_turn(w->queue);
	w->queue = NULL;
	w->dead = false;
}

static void copy_file(const char *from, const char *to)
{
	static char block[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n;

	if (in < 0)
		return;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (out >= 0 && (n = read(in, block, sizeof(block))) > 0) {
		if (write(out, block, (size_t)n) != n) {
			perror(to);
			abort();
		}
	}
	close(in);
	if (out >= 0)
		close(out);
}

static void remove_life(struct world *w, unsigned life)
{
	static const char *const tail[] = { "", "-wal", "-shm", "-check" };
	char path[128], name[160];

	db_path(w, life, path);
	for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tail[i]);
		(void)unlink(name);
	}
}

static void crash(struct world *w, const char *where)
{
	char from[128], to[128], from_log[160], to_log[160];

	world_trace(w, "CRASH %s", where);
	w->crashes++;
	w->crashes_left--;
	for (size_t i = 0; i < w->site_count; i++)
		if (w->site[i].blocked_at_ms == w->now_ms)
			w->site[i].block_void = true;
	db_path(w, w->life, from);
	db_path(w, w->life + 1, to);
	snprintf(from_log, sizeof(from_log), "%s-wal", from);
	snprintf(to_log, sizeof(to_log), "%s-wal", to);
	copy_file(from, to);
	copy_file(from_log, to_log);
	end_life(w);
	remove_life(w, w->life);
	w->life++;
	feed_interrupted(w);
	world_advance(w, w->now_ms + rng_between(&w->rng, 100, rng_often(&w->rng, 200) ? 200000 : 5000));
	begin_life(w);
}

bool world_crash_point(struct world *w, const char *where)
{
	if (w->crashes_left == 0 || w->now_ms >= w->calm_ms || !rng_often(&w->rng, w->crash_often))
		return false;
	crash(w, where);
	return true;
}

/* ---- time goes on ---- */

/* One thing that is due now.  false: nothing is. */
static bool step(struct world *w)
{
	size_t n = queue_turn(w->queue);

	if (n > 0 && rng_often(&w->rng, w->hurry_often))
		feed_hurry(w);
	n += queue_turn(w->queue);
	if (n > 0) {
		world_crash_point(w, "after a commit");
		return true;
	}
	if (w->arm_ms <= w->mono_ms) {
		w->arm_ms = NEVER;
		dispatch_turn(w->dispatch);
		return true;
	}
	if (feed_turn(w))
		return true;
	if (feed_judge(w))
		return true;
	if (story_next_ms(w) <= w->now_ms) {
		story_happen(w);
		return true;
	}
	if (wire_turn(w)) {
		world_crash_point(w, "in an exchange");
		return true;
	}
	return false;
}

static int64_t next_ms(const struct world *w)
{
	int64_t at = feed_next_ms(w), wire = wire_next_ms(w), story = story_next_ms(w);
	int64_t deadline = feed_deadline_ms(w);
	int64_t armed = w->arm_ms == NEVER ? NEVER : w->now_ms + (w->arm_ms - w->mono_ms);

	at = wire < at ? wire : at;
	at = story < at ? story : at;
	at = deadline < at ? deadline : at;
	return armed < at ? armed : at;
}

static bool until(struct world *w, int64_t deadline_ms, bool (*over)(struct world *w))
{
	unsigned still = 0;

	while (w->failed[0] == '\0') {
		if (step(w)) {
			if (++w->turns > TURNS_MAX)
				world_fail(w, "bounded", "work without end");
			if (++still > STILL_MAX)
				world_fail(w, "bounded", "work without end at one moment");
			continue;
		}
		still = 0;
		if (over != NULL && over(w))
			return true;
		int64_t at = next_ms(w);
		if (at > deadline_ms) {
			world_advance(w, deadline_ms);
			return false;
		}
		world_advance(w, at);
	}
	return false;
}

static bool settled(struct world *w)
{
	return wire_idle(w) && feed_over(w) && oracle_settled(w, NULL);
}

static void on_retried(void *cookie, int rc, const struct err *err)
{
	(void)cookie;
	(void)rc;
	(void)err;
}

/* ---- a world's whole life ---- */

static void fresh_run(struct world *w)
{
	struct story_run *run = &w->run[w->run_count];
	struct story_part *p = &w->part[w->part_count];

	snprintf(run->key, sizeof(run->key), "fresh");
	run->end_ms = w->now_ms + 2000;
	*p = (struct story_part){
		.run = w->run_count, .first = w->exec_count, .at_ms = w->now_ms + 1000, .log = true
	};
	for (size_t i = 0; i < 3 && i < w->test_count && w->exec_count < EXECS_MAX; i++, p->count++)
		w->exec[w->exec_count++] = (struct story_exec){ .test = i,
								.outcome = OUTCOME_PASSED,
								.duration_ms = 1000,
								.started_ms = w->now_ms,
								.files = 1 };
	w->run_count++;
	w->part_count++;
}

static void live(struct world *w)
{
	bool whole = false;

	begin_life(w);
	until(w, w->calm_ms, NULL);
	world_trace(w, "---- faults are lifted");
	dispatch_unlock(w->dispatch);
	w->next_deletion_ms = w->next_jump_ms = NEVER;
	bool calm = until(w, w->now_ms + SETTLE_MAX_MS, settled);
	oracle_tell(w);
	if (!calm)
		world_fail(w, "live", "not settled 12 hours after the last fault");
	if (w->failed[0] != '\0')
		return;
	oracle_settled(w, &whole);
	if (whole) {
		world_trace(w, "---- somebody retries what is parked");
		w->retried = true;
		queue_retry(w->queue, NULL, 0, clock_wall_ms(), on_retried, NULL);
		dispatch_kick(w->dispatch, false);
	}
	fresh_run(w);
	calm = until(w, w->now_ms + FRESH_MAX_MS, settled);
	oracle_tell(w);
	if (!calm)
		world_fail(w, "live", "a fresh run does not pass");
	if (w->failed[0] == '\0')
		oracle_judge(w);
}

static bool read_config(struct world *w)
{
	static struct config_sink_type types[16];
	struct config_faults faults = { 0 };
	size_t n = 0;

	for (; sink_list[n] != NULL && n < 16; n++)
		types[n] = (struct config_sink_type){ sink_list[n]->name, sink_list[n]->keys,
						      sink_list[n]->conf_size, sink_list[n]->check };
	int rc = config_parse(w->yaml, strlen(w->yaml), "sim.yaml", "/nowhere", types, n, true, &w->config,
			      &faults);
	if (rc < 0)
		fprintf(stderr, "%s\n%s\n", w->yaml, faults.count > 0 ? faults.item[0].text : "?");
	config_faults_done(&faults);
	return rc == 0;
}

static void make_dir(struct world *w)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };

	for (size_t i = 0; i < 2; i++) {
		snprintf(w->dir, sizeof(w->dir), "%s/rd-sim-XXXXXX", places[i]);
		if (mkdtemp(w->dir) != NULL)
			return;
	}
	perror("no place for the database");
	abort();
}

bool world_run(struct world *w, uint64_t seed, bool trace)
{
	*w = (struct world){ .wire.ops = &wire_ops,
			     .seed = seed,
			     .rng.state = seed * 0x9e3779b97f4a7c15u,
			     .trace = trace,
			     .now_ms = BEGIN_MS,
			     .mono_ms = 1000 };
	struct clock_source clock = { wall_now, mono_now, w };

	clock_replace(&clock);
	make_dir(w);
	story_make(w);
	if (trace)
		printf("seed %" PRIu64 "\n%s", seed, w->yaml);
	if (!read_config(w))
		abort();
	live(w);
	if (w->dispatch != NULL) {
		w->crashes_left = 0;
		end_life(w);
	}
	wire_clear(w);
	remove_life(w, w->life);
	(void)rmdir(w->dir);
	config_free(w->config);
	for (size_t i = 0; i < w->site_count; i++)
		model_done(&w->site[i].model);
	clock_replace(NULL);
	return w->failed[0] == '\0';
}
