/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/executor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct job {
	atomic_int worked;
	int done;
	pthread_t worker;
};

static sem_t woken;

static void wake(void *cookie)
{
	(void)cookie;
	sem_post(&woken);
}

static void work(void *cookie)
{
	struct job *j = cookie;

	atomic_fetch_add(&j->worked, 1);
	j->worker = pthread_self();
}

static void done(void *cookie)
{
	((struct job *)cookie)->done++;
}

static void work_runs_elsewhere_done_runs_here(void **state)
{
	struct job job[50] = { 0 };

	(void)state;
	sem_init(&woken, 0, 0);
	struct executor *ex = executor_new("test", 3, wake, NULL);
	for (int i = 0; i < 50; i++)
		executor_submit(ex, work, done, &job[i]);
	while (executor_pending(ex) > 0) {
		sem_wait(&woken);
		executor_reap(ex);
	}
	for (int i = 0; i < 50; i++) {
		assert_int_equal(job[i].worked, 1);
		assert_int_equal(job[i].done, 1);
		assert_false(pthread_equal(job[i].worker, pthread_self()));
	}
	executor_free(ex);
}

static void without_threads_work_runs_when_reaped(void **state)
{
	struct job job = { 0 };
	struct executor *ex = executor_new("test", 0, NULL, NULL);

	(void)state;
	executor_submit(ex, work, done, &job);
	assert_int_equal(job.worked, 0);
	assert_int_equal(executor_reap(ex), 1);
	assert_int_equal(job.worked, 1);
	assert_int_equal(job.done, 1);
	executor_free(ex);
}

static void freeing_ends_every_task_once(void **state)
{
	struct job job = { 0 };
	struct executor *ex = executor_new("test", 0, NULL, NULL);

	(void)state;
	executor_submit(ex, work, done, &job);
	executor_free(ex);
	assert_int_equal(job.worked, 0);
	assert_int_equal(job.done, 1);
	executor_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_runs_elsewhere_done_runs_here),
		cmocka_unit_test(without_threads_work_runs_when_reaped),
		cmocka_unit_test(freeing_ends_every_task_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
