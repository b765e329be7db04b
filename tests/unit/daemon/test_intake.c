/* SPDX-License-Identifier: Apache-2.0
 *
 * Files whose folder cannot be had: their paths are not opened instead, as that would follow links (rule S4). */
#include "daemon/intake/intake.h"

#include "daemon/base/executor.h"
#include "daemon/base/mem.h"
#include "daemon/queue/queue.h"
#include "daemon/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct world {
	char path[64];
	struct executor *executor;
	struct intake *intake;
	struct state state;
	unsigned ended;
	enum intake_state how;
	int code;
};

static void on_done(void *cookie, const struct intake_outcome *o)
{
	struct world *w = cookie;

	w->ended++;
	w->how = o->state;
	w->code = o->err->code;
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	strcpy(w->path, "/tmp/rd-intake-XXXXXX");
	int fd = mkstemp(w->path);
	assert_true(fd >= 0);
	close(fd);
	w->state.dir = xstrdup("/tmp/rd-no-state");
	w->executor = executor_new("test", 0, NULL, NULL);
	/* Nothing may get as far as the queue. */
	w->intake = intake_new(NULL, w->executor, NULL, &w->state, NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	intake_free(w->intake);
	executor_free(w->executor);
	unlink(w->path);
	free(w->state.dir);
	free(w);
	return 0;
}

static void take(struct world *w, int root_fd, int error)
{
	const struct run_spec run = { .key = "k", .name = "k" };
	const struct intake_job job = {
		.path = w->path,
		.root_fd = root_fd,
		.relative = strrchr(w->path, '/') + 1,
		.error = error,
		.run = &run,
	};

	intake_take(w->intake, &job, on_done, w);
}

static void a_folder_that_was_not_opened_is_waited_for(void **state)
{
	struct world *w = *state;

	take(w, -1, EMFILE);
	executor_reap(w->executor);
	assert_int_equal(w->ended, 1);
	assert_int_equal(w->how, INTAKE_RETRY);
	assert_int_equal(w->code, -EMFILE);
	take(w, -1, ENOENT);
	executor_reap(w->executor);
	assert_int_equal(w->ended, 2);
	assert_int_equal(w->how, INTAKE_UNREADABLE);
	assert_int_equal(w->code, -ENOENT);
}

static void a_folder_that_cannot_be_held_is_waited_for(void **state)
{
	struct world *w = *state;
	struct rlimit before, small;
	int root = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	small = before;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(next);
	small.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	take(w, root, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(root);
	executor_reap(w->executor);
	assert_int_equal(w->ended, 1);
	assert_int_equal(w->how, INTAKE_RETRY);
	assert_int_equal(w->code, -EMFILE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_folder_that_was_not_opened_is_waited_for),
		TEST(a_folder_that_cannot_be_held_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
