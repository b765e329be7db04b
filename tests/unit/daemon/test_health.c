/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/desk/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <semaphore.h>

#include <cmocka.h>

static void row_66_only_what_gets_on_is_well(void **state)
{
	static const struct {
		unsigned running;
		unsigned long beats, before;
		bool answered, well;
	} row[] = {
		{ 0, 0, 0, true, true },   /* nothing to do */
		{ 1, 8, 7, true, true },   /* a long file that gets on */
		{ 1, 7, 7, true, false },  /* a worker that stands still */
		{ 4, 7, 7, true, false },  /* all of them */
		{ 0, 7, 7, false, false }, /* the queue's thread hangs */
		{ 1, 8, 7, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *why = health_judge(row[i].running, row[i].beats, row[i].before, row[i].answered);
		assert_int_equal(why == NULL, row[i].well);
	}
}

struct stuck {
	sem_t begun, go;
};

static void hang(void *cookie)
{
	struct stuck *s = cookie;

	sem_post(&s->begun);
	sem_wait(&s->go);
}

static void over(void *cookie)
{
	(void)cookie;
}

/* The executor says of a worker that hangs what the judgement needs. */
static void row_66_a_stuck_worker_is_seen(void **state)
{
	struct executor *ex = executor_new("worker", 2, NULL, NULL);
	struct stuck s;

	(void)state;
	sem_init(&s.begun, 0, 0);
	sem_init(&s.go, 0, 0);
	executor_submit(ex, hang, over, &s);
	sem_wait(&s.begun);
	unsigned long before = executor_beats();
	assert_int_equal(executor_running(ex), 1);
	assert_non_null(health_judge(executor_running(ex), executor_beats(), before, true));
	sem_post(&s.go);
	while (executor_pending(ex) > 0)
		executor_reap(ex);
	assert_true(executor_beats() > before);
	executor_free(ex);
	sem_destroy(&s.begun);
	sem_destroy(&s.go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_66_only_what_gets_on_is_well),
		cmocka_unit_test(row_66_a_stuck_worker_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
