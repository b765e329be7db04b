/* SPDX-License-Identifier: Apache-2.0
 *
 * executor.h - worker threads of our own, with completions on the loop.
 *
 * work() runs on a worker and may block; done() runs later on the thread that calls executor_reap(),
 * never before executor_submit() has returned.  `wake` is called (from a worker) when completions wait;
 * the owner then calls executor_reap() on the loop.  With threads == 0 work runs inside executor_reap():
 * that is the simulation's executor.  Order among tasks is not promised. */
#ifndef RD_BASE_EXECUTOR_H
#define RD_BASE_EXECUTOR_H

#include <stddef.h>

struct executor;
typedef void executor_work_fn(void *cookie);
typedef void executor_done_fn(void *cookie);
typedef void executor_wake_fn(void *cookie);

struct executor *executor_new(const char *name, unsigned threads, executor_wake_fn *wake, void *wake_cookie);
void executor_submit(struct executor *ex, executor_work_fn *work, executor_done_fn *done, void *cookie);
size_t executor_reap(struct executor *ex);          /* runs waiting done()s; returns how many */
size_t executor_pending(const struct executor *ex); /* submitted, done() not yet run */
/* What proves that workers move: from work() as it gets on (bytes, not tasks), and by the executor around each
 * task.  Any thread. */
void executor_beat(void);
unsigned long executor_beats(void);                   /* so far, of all executors */
unsigned executor_running(const struct executor *ex); /* tasks that a worker is at */
/* Waits for running work, runs no further work; each task's done() is still run, once. */
void executor_free(struct executor *ex);

#endif
