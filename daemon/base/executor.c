/* SPDX-License-Identifier: Apache-2.0
 *
 * executor.c - worker threads.  Invariant: a task is in exactly one of: todo, running, finished. */
#include "daemon/base/executor.h"

#include "daemon/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct task {
	struct task *next;
	executor_work_fn *work;
	executor_done_fn *done;
	void *cookie;
};

struct fifo {
	struct task *head, **tail;
};

struct executor {
	atomic_uint running;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct fifo todo, finished;
	size_t pending; /* loop thread only */
	bool stopping;
	executor_wake_fn *wake;
	void *wake_cookie;
	unsigned threads;
	char name[16];
	pthread_t thread[];
};

static atomic_ulong beats;

void executor_beat(void)
{
	atomic_fetch_add_explicit(&beats, 1, memory_order_relaxed);
}

unsigned long executor_beats(void)
{
	return atomic_load_explicit(&beats, memory_order_relaxed);
}

unsigned executor_running(const struct executor *ex)
{
	return atomic_load(&ex->running);
}

static void push(struct fifo *f, struct task *t)
{
	t->next = NULL;
	*f->tail = t;
	f->tail = &t->next;
}

static struct task *pop(struct fifo *f)
{
	struct task *t = f->head;

	if (t == NULL)
		return NULL;
	f->head = t->next;
	if (f->head == NULL)
		f->tail = &f->head;
	return t;
}

static void *worker(void *arg)
{
	struct executor *ex = arg;

	pthread_mutex_lock(&ex->lock);
	for (;;) {
		while (!ex->stopping && ex->todo.head == NULL)
			pthread_cond_wait(&ex->more, &ex->lock);
		if (ex->stopping)
			break;
		struct task *t = pop(&ex->todo);
		pthread_mutex_unlock(&ex->lock);
		atomic_fetch_add(&ex->running, 1);
		executor_beat();
		t->work(t->cookie);
		executor_beat();
		atomic_fetch_sub(&ex->running, 1);
		pthread_mutex_lock(&ex->lock);
		bool first = ex->finished.head == NULL;
		push(&ex->finished, t);
		if (first && ex->wake != NULL) {
			pthread_mutex_unlock(&ex->lock);
			ex->wake(ex->wake_cookie);
			pthread_mutex_lock(&ex->lock);
		}
	}
	pthread_mutex_unlock(&ex->lock);
	return NULL;
}

struct executor *executor_new(const char *name, unsigned threads, executor_wake_fn *wake, void *wake_cookie)
{
	struct executor *ex = xcalloc(1, sizeof(*ex) + threads * sizeof(pthread_t));

	pthread_mutex_init(&ex->lock, NULL);
	pthread_cond_init(&ex->more, NULL);
	ex->todo.tail = &ex->todo.head;
	ex->finished.tail = &ex->finished.head;
	ex->wake = wake;
	ex->wake_cookie = wake_cookie;
	snprintf(ex->name, sizeof(ex->name), "%s", name);
	/* Signals are the loop's: workers inherit a mask that blocks them all. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (unsigned i = 0; i < threads; i++) {
		if (pthread_create(&ex->thread[i], NULL, worker, ex) != 0) {
			(void)fputs("resultd: cannot start a worker thread\n", stderr);
			abort();
		}
		pthread_setname_np(ex->thread[i], ex->name);
		ex->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ex;
}

void executor_submit(struct executor *ex, executor_work_fn *work, executor_done_fn *done, void *cookie)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->work = work;
	t->done = done;
	t->cookie = cookie;
	ex->pending++;
	pthread_mutex_lock(&ex->lock);
	push(&ex->todo, t);
	pthread_cond_signal(&ex->more);
	pthread_mutex_unlock(&ex->lock);
	if (ex->threads == 0 && ex->wake != NULL)
		ex->wake(ex->wake_cookie);
}

static struct task *take(struct executor *ex, struct fifo *from)
{
	pthread_mutex_lock(&ex->lock);
	struct task *t = pop(from);
	pthread_mutex_unlock(&ex->lock);
	return t;
}

size_t executor_reap(struct executor *ex)
{
	size_t n = 0;
	struct task *t;

	if (ex->threads == 0) {
		/* Only what was waiting when we came: done() may submit more. */
		size_t waiting = ex->pending;
		while (waiting-- > 0 && (t = take(ex, &ex->todo)) != NULL) {
			t->work(t->cookie);
			pthread_mutex_lock(&ex->lock);
			push(&ex->finished, t);
			pthread_mutex_unlock(&ex->lock);
		}
	}
	while ((t = take(ex, &ex->finished)) != NULL) {
		ex->pending--;
		t->done(t->cookie);
		free(t);
		n++;
	}
	return n;
}

size_t executor_pending(const struct executor *ex)
{
	return ex->pending;
}

void executor_free(struct executor *ex)
{
	struct task *t;

	if (ex == NULL)
		return;
	pthread_mutex_lock(&ex->lock);
	ex->stopping = true;
	pthread_cond_broadcast(&ex->more);
	pthread_mutex_unlock(&ex->lock);
	for (unsigned i = 0; i < ex->threads; i++)
		pthread_join(ex->thread[i], NULL);
	while ((t = pop(&ex->finished)) != NULL || (t = pop(&ex->todo)) != NULL) {
		t->done(t->cookie);
		free(t);
	}
	pthread_cond_destroy(&ex->more);
	pthread_mutex_destroy(&ex->lock);
	free(ex);
}
