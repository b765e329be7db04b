/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_queue.c - what the queue costs beside bare SQLite inserts in the same run.
 *
 *     bench_queue [RESULTS [PHASES]]        default 1 000 000, all four
 *
 * Bare: one row a result (its JSON line, identity, keys) in a table with one index, transactions of 1000,
 * synchronous=FULL, as a straightforward queue would do it.  Ours: part_writer -> chunks, then resolving
 * (to no cases, to known cases, to cases to be made), then claims of 250.  Prints ratios, and the largest
 * resident size. */
#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/mem.h"
#include "daemon/model/result_json.h"
#include "daemon/queue/queue.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

static char dir[64] = "/tmp/rd-bench-XXXXXX";
static uv_loop_t loop;
static bool answered;
static struct taken taken;
static struct owed owed;
static struct rows *rows;
static struct due due;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double process_cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rss_mib(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)r.ru_maxrss / 1024;
}

static void must(int rc, const struct err *err)
{
	if (rc < 0) {
		(void)fprintf(stderr, "bench_queue: %s\n", err == NULL ? "failed" : err->text);
		exit(1);
	}
}

static void make(struct result *r, long i, char text[6][160], const char **suite)
{
	(void)snprintf(text[0], 160, "com.example.shop.module%ld.CheckoutServiceTest", i / 500);
	(void)snprintf(text[1], 160, "shouldHandleOrderNumber%ld", i);
	/* Not from text[0] and text[1]: compilers cannot see that the rows do not overlap. */
	(void)snprintf(text[2], 160,
		       "com.example.shop.module%ld.CheckoutServiceTest.shouldHandleOrderNumber%ld", i / 500,
		       i);
	suite[0] = text[0];
	*r = (struct result){ .class_name = text[0],
			      .name = text[1],
			      .id = text[2],
			      .suite = suite,
			      .suite_count = 1,
			      .duration_ms = (double)(i % 900),
			      .started_ms = TIME_UNKNOWN,
			      .outcome = i % 50 == 0 ? OUTCOME_FAILED : OUTCOME_PASSED };
	if (i % 50 == 0) {
		static const char stack[] = "java.lang.AssertionError: expected:<200> but was:<500>\n"
					    "\tat org.junit.Assert.fail(Assert.java:89)\n\tat "
					    "org.junit.Assert.failNotEquals(Assert.java:835)\n"
					    "\tat "
					    "com.example.shop.CheckoutServiceTest.shouldHandleOrder("
					    "CheckoutServiceTest.java:42)\n";
		r->failure.type = "java.lang.AssertionError";
		r->failure.message = (struct text){ stack, 54, 54 };
		r->failure.detail = (struct text){ stack, sizeof(stack) - 1, sizeof(stack) - 1 };
	}
}

static void done(void *cookie, int rc, const struct err *err)
{
	(void)cookie;
	must(rc, err);
	answered = true;
}

static void on_taken(void *cookie, int rc, const struct taken *t, const struct err *err)
{
	(void)cookie;
	must(rc, err);
	taken = *t;
	answered = true;
}

static void on_owed(void *cookie, int rc, const struct owed *o, const struct err *err)
{
	(void)cookie;
	must(rc, err);
	owed = *o;
	answered = true;
}

static void on_rows(void *cookie, int rc, struct rows *r, const struct err *err)
{
	(void)cookie;
	must(rc, err);
	rows_free(rows);
	rows = r;
	answered = true;
}

static void on_due(void *cookie, int rc, const struct due *d, size_t count, int64_t next_ms,
		   const struct err *err)
{
	(void)cookie;
	(void)next_ms;
	must(rc, err);
	if (count > 0)
		due = d[0];
	answered = true;
}

static void on_run(void *cookie, int rc, const struct run_line *run, const struct err *err)
{
	(void)cookie;
	must(rc, err);
	(void)printf("counted %llu tests, %llu failed", (unsigned long long)run->tests,
		     (unsigned long long)run->failed);
	answered = true;
}

static void wait_answer(void)
{
	while (!answered)
		uv_run(&loop, UV_RUN_ONCE);
	answered = false;
}

static double bare(long count)
{
	char path[96];
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct buf line = BUF_LIMIT(1 << 20);
	struct digest *digest = digest_new();

	(void)snprintf(path, sizeof(path), "%s/bare.db", dir);
	sqlite3_open(path, &db);
	sqlite3_exec(db,
		     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		     "CREATE TABLE result(id INTEGER PRIMARY KEY, part INTEGER, identity BLOB, key INTEGER,"
		     " title INTEGER, outcome INTEGER, line TEXT); CREATE INDEX i ON result(identity)",
		     NULL, NULL, NULL);
	sqlite3_prepare_v2(
		db, "INSERT INTO result(part, identity, key, title, outcome, line) VALUES(1,?,?,?,?,?)", -1,
		&insert, NULL);
	double start = now_s();
	for (long i = 0; i < count; i++) {
		char text[6][160];
		const char *suite[1];
		uint8_t identity[IDENTITY_SIZE];
		struct result r;
		make(&r, i, text, suite);
		if (i % 1000 == 0)
			sqlite3_exec(db, i == 0 ? "BEGIN" : "COMMIT; BEGIN", NULL, NULL, NULL);
		buf_reset(&line);
		result_json_write(&line, &r);
		result_identity(&r, digest, identity);
		sqlite3_bind_blob(insert, 1, identity, sizeof(identity), SQLITE_STATIC);
		sqlite3_bind_int64(insert, 2, digest_key64(digest, r.id, strlen(r.id)));
		sqlite3_bind_int64(insert, 3, digest_key64(digest, r.name, strlen(r.name)));
		sqlite3_bind_int(insert, 4, (int)r.outcome);
		sqlite3_bind_text(insert, 5, line.data, (int)line.len, SQLITE_STATIC);
		sqlite3_step(insert);
		sqlite3_reset(insert);
	}
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	double took = now_s() - start;
	sqlite3_finalize(insert);
	sqlite3_close(db);
	digest_free(digest);
	buf_done(&line);
	return took;
}

struct writing {
	struct queue *q;
	long count;
	double wall_s, cpu_s;
	uv_async_t async;
};

static void writer(void *arg)
{
	struct writing *w = arg;
	struct part_writer *p = part_writer_new(w->q, taken.part);
	struct err err = ERR_NONE;
	double wall = now_s(), cpu = cpu_s();

	for (long i = 0; i < w->count; i++) {
		char text[6][160];
		const char *suite[1];
		struct result r;
		make(&r, i, text, suite);
		must(part_writer_add(p, &r, &err), &err);
	}
	must(part_writer_end(p, &err), &err);
	w->wall_s = now_s() - wall;
	w->cpu_s = cpu_s() - cpu;
	uv_async_send(&w->async);
}

static void written(uv_async_t *async)
{
	uv_close((uv_handle_t *)async, NULL);
	answered = true;
}

/* What others wait for meanwhile: asked again and again, until the work is done. */
struct probe {
	double asked_s, longest_s, sum_s;
	unsigned count, over; /* of them above 50 ms */
	bool answered;
};

static void on_probed(void *cookie, int rc, const struct block *block, size_t count, const struct err *err)
{
	struct probe *p = cookie;
	double took = now_s() - p->asked_s;

	(void)block;
	(void)count;
	must(rc, err);
	p->longest_s = took > p->longest_s ? took : p->longest_s;
	p->sum_s += took;
	p->count++;
	p->over += took > 0.05;
	p->answered = true;
}

static void wait_probing(struct queue *q, struct probe *p)
{
	p->answered = true;
	while (!answered) {
		if (p->answered) {
			p->answered = false;
			p->asked_s = now_s();
			queue_blocks(q, on_probed, p);
		}
		uv_run(&loop, UV_RUN_ONCE);
	}
	while (!p->answered)
		uv_run(&loop, UV_RUN_ONCE);
	answered = false;
}

static double resolve(struct queue *q, const char *sink, struct resolver *plan, const char *what, long count)
{
	struct probe probe = { 0 };

	queue_due(q, sink, INT64_MAX - 1, NULL, 0, 1, 1, on_due, NULL);
	wait_answer();
	double start = now_s(), cpu = process_cpu_s();
	queue_resolve(q, due.delivery, plan, on_owed, NULL);
	wait_probing(q, &probe);
	(void)printf("resolve %-22s %6.2f s wall %6.2f s cpu  (%.2f us a result; owed %llu, parked %llu) rss "
		     "%.1f MiB\n",
		     what, now_s() - start, process_cpu_s() - cpu, (now_s() - start) * 1e6 / (double)count,
		     (unsigned long long)owed.owed, (unsigned long long)owed.parked, rss_mib());
	(void)printf("  others waited for it %.1f ms at most, %.1f ms in the mean of %u; %u above 50 ms\n",
		     probe.longest_s * 1e3, probe.sum_s * 1e3 / (probe.count > 0 ? probe.count : 1),
		     probe.count, probe.over);
	return now_s() - start;
}

static int by_class(const void *cookie, const struct result *r, struct arena *a, const char *const **path,
		    size_t *count, struct err *err)
{
	(void)cookie;
	(void)a;
	(void)err;
	*path = r->suite;
	*count = r->suite_count;
	return 0;
}

/* All that is owed of the delivery, in batches; prints the time of the first and the last claims. */
static void deliver(struct queue *q, enum rows_kind kind, size_t batch, size_t batches)
{
	double first = 0, last = 0, claim, total = now_s();
	struct arena arena = ARENA_LIMIT(64 << 20);
	size_t n = 0, posted = 0;
	struct learned l;

	learned_init(&l, &arena);
	for (; n < batches; n++) {
		claim = now_s();
		queue_rows(q, due.delivery, kind, (struct rows_limit){ .count = batch, .bytes = 1 << 20 },
			   on_rows, NULL);
		wait_answer();
		claim = now_s() - claim;
		if (n < 20)
			first += claim;
		if (rows->count == 0)
			break;
		last = claim;
		queue_intend(q, due.delivery, "post", rows, "{\"results\":[]}", 14, 1, done, NULL);
		wait_answer();
		for (size_t i = 0; i < rows->count; i++)
			learned_posted(&l, rows->row[i].id, "1");
		posted += rows->count;
		queue_note(q, due.delivery, &(struct note){ .step = "post", .learned = &l }, done, NULL);
		wait_answer();
		learned_done(&l);
		arena_reset(&arena);
		learned_init(&l, &arena);
	}
	total = now_s() - total;
	(void)printf("deliver %zu rows in %zu batches: %.2f s, %.2f ms a batch (claim: first %.2f ms, last "
		     "%.2f ms)"
		     " rss %.1f MiB\n",
		     posted, n, total, total * 1e3 / (double)(n > 0 ? n : 1),
		     first * 1e3 / (double)(n < 20 ? n + 1 : 20), last * 1e3, rss_mib());
	learned_done(&l);
	arena_done(&arena);
}

static void learn_cases(struct queue *q, long count)
{
	double start = now_s();
	struct arena arena = ARENA_LIMIT(64 << 20);
	struct learned l;

	learned_init(&l, &arena);
	for (long i = 0; i < count; i++) {
		char text[6][160], id[24];
		const char *suite[1];
		struct result r;
		make(&r, i, text, suite);
		(void)snprintf(id, sizeof(id), "%ld", 100000 + i);
		learned_remote(&l, "case", "p", id, "1", r.name, r.id, NULL);
		if (i % 250 == 249 || i == count - 1) {
			queue_note(q, due.delivery, &(struct note){ .step = "cases", .learned = &l }, done,
				   NULL);
			wait_answer();
			learned_done(&l);
			arena_reset(&arena);
			learned_init(&l, &arena);
		}
	}
	(void)printf("cache %ld cases in pages of 250: %.2f s (%.2f us a case) rss %.1f MiB\n", count,
		     now_s() - start, (now_s() - start) * 1e6 / (double)count, rss_mib());
	learned_done(&l);
	arena_done(&arena);
}

static void on_closed(void *cookie)
{
	(void)cookie;
	answered = true;
}

static struct queue *open_queue(const char *path)
{
	struct queue *q = NULL;
	struct err err = ERR_NONE;

	must(queue_open(&(struct queue_options){ .path = path, .loop = &loop }, &q, NULL, &err), &err);
	return q;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	long count = argc > 1 ? atol(argv[1]) : 1000000;
	int phases = argc > 2 ? atoi(argv[2]) : 4;
	const char *sinks[] = { "local", "rail", "make" };
	struct run_spec run = { .key = "bench", .sinks = sinks, .sink_count = 3, .now_ms = 1 };
	struct part_spec part = { .path = "bench.xml" };
	char path[96], command[160];
	uv_thread_t thread;

	if (count <= 0 || mkdtemp(dir) == NULL)
		return 2;
	uv_loop_init(&loop);
	(void)snprintf(path, sizeof(path), "%s/queue.db", dir);
	struct queue *q = open_queue(path);
	queue_take(q, &run, &part, on_taken, NULL);
	wait_answer();
	struct writing w = { .q = q, .count = count };
	uv_async_init(&loop, &w.async, written);
	double start = now_s(), cpu = process_cpu_s();
	uv_thread_create(&thread, writer, &w);
	wait_answer();
	uv_thread_join(&thread);
	queue_finish_part(q, taken.part, &(struct part_summary){ .format = "junit", .now_ms = 1 }, done,
			  NULL);
	wait_answer();
	double put = now_s() - start;
	cpu = process_cpu_s() - cpu;
	(void)printf(
		"put %ld results: %.2f s wall; worker %.2f s cpu, queue and loop %.2f s cpu; rss %.1f MiB\n",
		count, put, w.cpu_s, cpu - w.cpu_s, rss_mib());

	start = now_s();
	queue_run(q, taken.run, on_run, NULL);
	wait_answer();
	(void)printf(": %.2f s, rss %.1f MiB\n", now_s() - start, rss_mib());
	struct resolver all = { .match = false };
	resolve(q, "local", &all, "(grouped, no match)", count);
	if (phases < 2)
		goto end;
	deliver(q, ROWS_ALL, 250, 400);
	if (phases < 3)
		goto end;
	queue_due(q, "rail", INT64_MAX - 1, NULL, 0, 1, 1, on_due, NULL);
	wait_answer();
	learn_cases(q, count);
	struct resolver match = { .order = { RESOLVE_AUTOMATION }, .match = true, .scope = "p" };
	resolve(q, "rail", &match, "(matched)", count);
	deliver(q, ROWS_RESULTS, 250, 400);
	double links = now_s();
	queue_rows(q, due.delivery, ROWS_LINKS, (struct rows_limit){ 0 }, on_rows, NULL);
	wait_answer();
	(void)printf("links of %zu cases: %.2f s, rss %.1f MiB\n", rows->id_count, now_s() - links,
		     rss_mib());
	if (phases < 4)
		goto end;
	struct resolver create = { .order = { RESOLVE_AUTOMATION },
				   .match = true,
				   .create = true,
				   .scope = "q",
				   .place = by_class };
	resolve(q, "make", &create, "(to be made)", count);

end:
	rows_free(rows);
	rows = NULL;
	queue_close(q, on_closed, NULL);
	wait_answer();
	uv_run(&loop, UV_RUN_DEFAULT);
	start = now_s();
	q = open_queue(path);
	(void)printf("open again: %.3f s\n", now_s() - start);
	queue_close(q, on_closed, NULL);
	wait_answer();
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);

	if (phases >= 4) {
		double base = bare(count);
		(void)printf("bare SQLite, one row a result: %.2f s; the queue takes %.2f of that\n", base,
			     put / base);
	}
	(void)snprintf(command, sizeof(command), "ls -l %s; rm -rf %s", dir, dir);
	return system(command) == 0 ? 0 : 1;
}
