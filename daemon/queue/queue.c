/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c - a queue opened, its answers on the loop, its end.  The work is done in runner.c. */
#include "daemon/queue/runner.h"

#include "daemon/base/digest.h"
#include "daemon/base/mem.h"

#include <signal.h>
#include <stdlib.h>

/* ---- answers ---- */

static size_t deliver(struct queue *q)
{
	struct runner *r = q->runner;
	size_t count = 0;

	pthread_mutex_lock(&r->lock);
	struct op *op = op_list_take(&r->answers), *next;
	bool fatal = r->broken && !r->fatal_said;
	pthread_mutex_unlock(&r->lock);
	if (fatal) {
		r->fatal_said = true;
		if (r->on_fatal != NULL)
			r->on_fatal(r->cookie, &r->fatal);
	}
	for (; op != NULL; op = next) {
		next = op->next;
		if (!r->fatal_said)
			op->answer(q, op, op->rc, op->err);
		op_free(op);
		count++;
	}
	return count;
}

/* ---- the end ---- */

static void free_list(struct op_list *l)
{
	struct op *op = op_list_take(l), *next;

	for (; op != NULL; op = next) {
		next = op->next;
		op_free(op);
	}
}

static void queue_free(struct queue *q)
{
	struct runner *r = q->runner;

	free_list(&r->waiting);
	free_list(&r->answers);
	free_list(&r->group);
	free_list(&r->gathered);
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->room);
	pthread_mutex_destroy(&r->lock);
	runs_loading_free(q);
	group_forget(q);
	store_forget(q);
	chunk_packer_free(q->packer);
	digest_free(q->digest);
	free(q->path);
	free(q->vars);
	free(r);
	free(q);
}

static void finish(struct queue *q)
{
	void (*closed)(void *) = q->runner->closed;
	void *cookie = q->runner->closed_cookie;

	queue_free(q);
	if (closed != NULL)
		closed(cookie);
}

static void on_async_closed(uv_handle_t *handle)
{
	finish(handle->data);
}

static void on_async(uv_async_t *async)
{
	struct queue *q = async->data;
	struct runner *r = q->runner;

	deliver(q);
	pthread_mutex_lock(&r->lock);
	bool ended = r->ended && r->answers.first == NULL;
	pthread_mutex_unlock(&r->lock);
	if (ended && !uv_is_closing((uv_handle_t *)async)) {
		pthread_join(r->thread, NULL);
		uv_close((uv_handle_t *)async, on_async_closed);
	}
}

size_t queue_turn(struct queue *q)
{
	struct runner *r = q->runner;
	bool stopping = r->stopping; /* what is called from now on waits for the next turn */
	size_t count = runner_round(q);

	if (stopping && r->waiting.first == NULL && !r->broken)
		runner_settle(q, true);
	deliver(q);
	if (stopping && r->waiting.first == NULL && r->answers.first == NULL) {
		open_close_database(q, db_broken(q->db));
		finish(q);
	}
	return count;
}

/* ---- open and close ---- */

static void no_answer(void *cookie)
{
	(void)cookie;
}

int queue_open(const struct queue_options *options, struct queue **out, struct queue_opened *opened,
	       struct err *err)
{
	struct queue_opened ignored;
	struct queue *q = xcalloc(1, sizeof(*q));
	struct runner *r = xcalloc(1, sizeof(*r));
	pthread_condattr_t monotonic;
	int rc;

	if (opened == NULL)
		opened = &ignored;
	*opened = (struct queue_opened){ 0 };
	q->runner = r;
	q->path = xstrdup(options->path);
	q->digest = digest_new();
	q->packer = chunk_packer_new();
	q->seed = options->seed;
	r->loop = options->loop;
	r->on_fatal = options->on_fatal;
	r->make_room = options->make_room;
	r->cookie = options->cookie;
	op_list_clear(&r->waiting);
	op_list_clear(&r->answers);
	op_list_clear(&r->group);
	op_list_clear(&r->gathered);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_cond_init(&r->room, NULL);
	pthread_condattr_destroy(&monotonic);

	rc = open_database(q, options, opened, err);
	if (rc < 0)
		goto failed;
	r->log_dirty = true;
	if (r->loop != NULL) {
		rc = uv_async_init(r->loop, &r->async, on_async);
		if (rc == 0) {
			r->async.data = q;
			/* Signals belong to the loop's thread. */
			sigset_t all, before;
			sigfillset(&all);
			pthread_sigmask(SIG_SETMASK, &all, &before);
			rc = -pthread_create(&r->thread, NULL, runner_main, q);
			pthread_sigmask(SIG_SETMASK, &before, NULL);
			if (rc < 0)
				uv_close((uv_handle_t *)&r->async, on_async_closed);
		}
		if (rc < 0) {
			open_close_database(q, false);
			err_set(err, rc, "the queue's thread does not start: %s", uv_strerror(rc));
			if (uv_is_closing((uv_handle_t *)&r->async))
				return rc; /* freed by the close callback */
			goto failed;
		}
	}
	*out = q;
	return 0;
failed:
	queue_free(q);
	return rc;
}

void queue_close(struct queue *q, void (*closed)(void *cookie), void *cookie)
{
	if (q == NULL)
		return;
	struct runner *r = q->runner;
	pthread_mutex_lock(&r->lock);
	r->closed = closed != NULL ? closed : no_answer;
	r->closed_cookie = cookie;
	r->stopping = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}
