/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue with its own thread and a loop: answers on the loop, workers that write at the same time, the
 * orderly end, and the end after a disk error. */
#include "tests/unit/queue/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <uv.h>

struct th {
	char dir[64], path[96];
	uv_loop_t loop;
	struct queue *q;
	struct err fatal;
	pthread_t loop_thread;
	bool closed;
	unsigned answers, fatals;
};

static void on_fatal(void *cookie, const struct err *err)
{
	struct th *t = cookie;

	assert_true(pthread_equal(pthread_self(), t->loop_thread));
	t->fatal = *err;
	t->fatals++;
}

static void on_closed(void *cookie)
{
	struct th *t = cookie;

	t->closed = true;
	t->q = NULL;
}

static void th_open(struct th *t)
{
	struct err err = ERR_NONE;

	if (queue_open(
		    &(struct queue_options){
			    .path = t->path, .loop = &t->loop, .on_fatal = on_fatal, .cookie = t },
		    &t->q, NULL, &err) < 0)
		fail_msg("%s", err.text);
	t->closed = false;
}

static int setup(void **state)
{
	struct th *t = xcalloc(1, sizeof(*t));

	strcpy(t->dir, "/tmp/rd-queue-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	(void)snprintf(t->path, sizeof(t->path), "%s/queue.db", t->dir);
	uv_loop_init(&t->loop);
	t->loop_thread = pthread_self();
	th_open(t);
	*state = t;
	return 0;
}

static void th_close(struct th *t)
{
	if (t->q != NULL) {
		queue_close(t->q, on_closed, t);
		uv_run(&t->loop, UV_RUN_DEFAULT); /* ends by itself: nothing is left open */
		assert_true(t->closed);
	}
}

static int teardown(void **state)
{
	struct th *t = *state;
	char command[128];

	th_close(t);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
	return 0;
}

struct report { /* one worker's life */
	struct th *t;
	char key[16], content[32];
	int64_t part, run;
	int count, rc;
	pthread_t worker;
	uv_async_t wake;
	bool working, finished;
};

static void on_finished(void *cookie, int rc, const struct err *err)
{
	struct report *r = cookie;

	(void)err;
	assert_int_equal(rc, 0);
	assert_true(pthread_equal(pthread_self(), r->t->loop_thread));
	r->finished = true;
	r->t->answers++;
}

static void *work(void *arg)
{
	struct report *r = arg;
	struct part_writer *w = part_writer_new(r->t->q, r->part);

	for (int i = 0; i < r->count; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "t%d", i);
		struct fx_result f = {
			.class_name = r->key,
			.name = name,
			.outcome = OUTCOME_PASSED,
			.message = "a message of some length, so that there is something to write"
		};
		fx_add(w, &f, 1);
	}
	r->rc = part_writer_end(w, NULL);
	uv_async_send(&r->wake);
	return NULL;
}

static void on_worked(uv_async_t *async)
{
	struct report *r = async->data;
	struct part_summary s = {
		.format = "junit", .complete = true, .started_ms = TIME_UNKNOWN, .now_ms = NOW
	};

	if (!r->working)
		return;
	r->working = false;
	pthread_join(r->worker, NULL);
	assert_int_equal(r->rc, 0);
	queue_finish_part(r->t->q, r->part, &s, on_finished, r);
	uv_close((uv_handle_t *)async, NULL);
}

static void on_taken(void *cookie, int rc, const struct taken *taken, const struct err *err)
{
	struct report *r = cookie;

	(void)err;
	assert_int_equal(rc, 0);
	assert_int_equal(taken->what, TAKE_NEW);
	r->part = taken->part;
	r->run = taken->run;
	r->working = true;
	pthread_create(&r->worker, NULL, work, r);
}

static void take(struct th *t, struct report *r, int i, int count)
{
	const char *sinks[] = { "rail" };
	struct part_spec part = { .path = r->content };
	struct run_spec run = { .key = r->key, .sinks = sinks, .sink_count = 1, .now_ms = NOW };

	*r = (struct report){ .t = t, .count = count };
	(void)snprintf(r->key, sizeof(r->key), "k%d", i % 3);
	(void)snprintf(r->content, sizeof(r->content), "report %d", i);
	part.sha256[0] = (uint8_t)i;
	uv_async_init(&t->loop, &r->wake, on_worked);
	r->wake.data = r;
	queue_take(t->q, &run, &part, on_taken, r);
}

static void on_status(void *cookie, int rc, const struct queue_status *s, const struct err *err)
{
	(void)err;
	assert_int_equal(rc, 0);
	*(struct queue_status *)cookie = *s;
}

static struct queue_status status(struct th *t)
{
	struct queue_status s = { .parts = UINT64_MAX };

	queue_status(t->q, on_status, &s);
	while (s.parts == UINT64_MAX)
		uv_run(&t->loop, UV_RUN_ONCE);
	return s;
}

static void workers_write_side_by_side(void **state)
{
	enum { REPORTS = 6, COUNT = 5000 };
	struct th *t = *state;
	struct report r[REPORTS];

	for (int i = 0; i < REPORTS; i++)
		take(t, &r[i], i, COUNT);
	while (t->answers < REPORTS)
		uv_run(&t->loop, UV_RUN_ONCE);
	struct queue_status s = status(t);
	assert_int_equal(s.parts, REPORTS);
	assert_int_equal(s.results, REPORTS * COUNT);
	assert_int_equal(s.runs, 3);
	assert_int_equal(s.deliveries[DELIVERY_WAITING], 3);
	assert_int_equal(t->fatals, 0);
}

static void on_begun(void *cookie, int rc, const struct taken *taken, const struct err *err)
{
	(void)err;
	assert_int_equal(rc, 0);
	*(int64_t *)cookie = taken->part;
}

/* Parts that are ready wait for others that are being read, but not for one that takes its time; and who asks hears
 * of them at once. */
static void a_part_that_is_ready_waits_a_moment_only(void **state)
{
	struct th *t = *state;
	struct report r[2];
	const char *sinks[] = { "rail" };
	const struct part_spec part = { .path = "slow.xml", .sha256 = { 99 } };
	const struct run_spec run = { .key = "slow", .sinks = sinks, .sink_count = 1, .now_ms = NOW };
	int64_t slow = 0;

	queue_take(t->q, &run, &part, on_begun, &slow);
	while (slow == 0)
		uv_run(&t->loop, UV_RUN_ONCE);
	take(t, &r[0], 0, 10);
	while (t->answers < 1)
		uv_run(&t->loop, UV_RUN_ONCE);
	take(t, &r[1], 1, 10);
	while (!r[1].working)
		uv_run(&t->loop, UV_RUN_ONCE);
	while (r[1].working)
		uv_run(&t->loop, UV_RUN_ONCE);
	assert_int_equal(status(t).parts, 2);
	assert_true(r[1].finished); /* what is told was committed before */
	queue_abandon_part(t->q, slow, NULL, NULL, NULL);
}

static void on_end(void *cookie, int rc, const struct err *err)
{
	(void)err;
	assert_int_equal(rc, 0);
	++*(unsigned *)cookie;
}

/* What was called before the end is written, and answered. */
static void the_end_writes_what_was_asked(void **state)
{
	struct th *t = *state;
	unsigned answered = 0;

	for (int i = 0; i < 100; i++)
		queue_block(t->q, i % 2 == 0 ? "even" : "odd", NOW + i, "because", on_end, &answered);
	th_close(t);
	assert_int_equal(answered, 100);
	th_open(t);
	assert_int_equal(status(t).parts, 0);
}

static void never(void *cookie, int rc, const struct err *err)
{
	(void)cookie;
	(void)rc;
	(void)err;
	fail_msg("answered after the disk was lost");
}

/* Rule F3.  The database is replaced under the queue by a directory of nothing: its log is cut off, and
 * the file's descriptors are closed, so that every further write fails as a lost disk does. */
static void row_14_a_disk_error_ends_it(void **state)
{
	struct th *t = *state;
	char link[64], target[256];
	unsigned answered = 0;

	queue_block(t->q, "a", NOW, "x", on_end, &answered);
	while (answered == 0)
		uv_run(&t->loop, UV_RUN_ONCE);
	for (int fd = 3; fd < 64; fd++) {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(link, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		if (strncmp(target, t->path, strlen(t->path)) == 0) {
			int null = open("/dev/full", O_RDONLY | O_CLOEXEC);
			assert_true(null >= 0);
			assert_true(dup2(null, fd) >= 0); /* writes: EBADF, which is an I/O error */
			(void)close(null);
		}
	}
	queue_block(t->q, "b", NOW, "x", never, NULL);
	while (t->fatals == 0)
		uv_run(&t->loop, UV_RUN_ONCE);
	assert_true(t->fatal.code == -EIO || t->fatal.code == -EUCLEAN);
	queue_block(t->q, "c", NOW, "x", never, NULL);
	struct part_writer *w = part_writer_new(t->q, 1); /* a worker is not kept waiting */
	struct fx_result r = { .class_name = "c", .name = "t", .outcome = OUTCOME_PASSED };
	fx_add(w, &r, 1);
	assert_int_equal(part_writer_end(w, NULL), -EIO);
	th_close(t);
	assert_int_equal(t->fatals, 1);
	/* The next start looks closely, and finds what was committed. */
	th_open(t);
	assert_int_equal(status(t).parts, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(workers_write_side_by_side),
		TEST(a_part_that_is_ready_waits_a_moment_only),
		TEST(the_end_writes_what_was_asked),
		TEST(row_14_a_disk_error_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
