/* SPDX-License-Identifier: Apache-2.0
 *
 * runner.c - ops, the queue's thread, group commit.
 *
 * The thread takes all ops that wait, runs them in order, commits once and hands the answers to the loop
 * (uv_async).  What arrives meanwhile is the next round: the slower the disk, the larger the groups.  Parts that are
 * ready wait a moment for others that are being read, so that many small reports share a commit.
 * Without a loop the same code runs inside queue_turn(). */
#include "daemon/queue/runner.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
	IN_HAND_MAX = 4 << 20, /* bytes of chunks that wait; writers wait above it */
	LAZY_MAX = 4 << 20,    /* lazy bytes before they are committed for themselves */
	GROUP_MAX = 512,       /* ops in one commit */
	IDLE_MS = 1000,        /* quiet time before the log is written back */
	GATHER_MS = 3,         /* how long a part that is ready waits for those that are still being read */
	GATHER_MAX = 64,       /* parts that wait */
};

void op_list_clear(struct op_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

void op_list_put(struct op_list *l, struct op *op)
{
	op->next = NULL;
	*l->last = op;
	l->last = &op->next;
}

struct op *op_list_take(struct op_list *l)
{
	struct op *first = l->first;

	op_list_clear(l);
	return first;
}

/* ---- ops ---- */

void *op_new(size_t size, unsigned flags, int (*work)(struct queue *, struct op *, struct err *),
	     void (*answer)(struct queue *, struct op *, int, const struct err *), void (*drop)(struct op *))
{
	struct op *op = xcalloc(1, size);

	op->flags = flags;
	op->work = work;
	op->answer = answer;
	op->drop = drop;
	return op;
}

void op_free(struct op *op)
{
	if (op->drop != NULL)
		op->drop(op);
	free(op->err);
	free(op);
}

void op_start(struct queue *q, struct op *op)
{
	struct runner *r = q->runner;

	pthread_mutex_lock(&r->lock);
	bool late = r->ended; /* called after the end, from a last answer: nobody is there to run it */
	if (!late) {
		op_list_put(&r->waiting, op);
		pthread_cond_signal(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
	if (late)
		op_free(op);
}

void done_answer(struct queue *q, struct op *op, int rc, const struct err *err)
{
	struct done_op *d = (struct done_op *)op;

	(void)q;
	if (d->done != NULL)
		d->done(d->cookie, rc, err);
}

bool queue_inline(const struct queue *q)
{
	return q->runner->loop == NULL;
}

bool queue_is_broken(struct queue *q)
{
	pthread_mutex_lock(&q->runner->lock);
	bool broken = q->runner->broken;
	pthread_mutex_unlock(&q->runner->lock);
	return broken;
}

bool queue_ending(struct queue *q)
{
	pthread_mutex_lock(&q->runner->lock);
	bool ending = q->runner->stopping;
	pthread_mutex_unlock(&q->runner->lock);
	return ending;
}

void queue_hand_over(struct queue *q, struct op *op)
{
	struct runner *r = q->runner;

	if (queue_inline(q)) {
		op_start(q, op);
		queue_run_inline(q);
		return;
	}
	pthread_mutex_lock(&r->lock);
	while (r->in_hand > 0 && r->in_hand + op->weight > IN_HAND_MAX && !r->broken)
		pthread_cond_wait(&r->room, &r->lock);
	r->in_hand += op->weight;
	op_list_put(&r->waiting, op);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

/* ---- the queue's thread ---- */

static void notify(struct runner *r)
{
	if (r->loop != NULL)
		uv_async_send(&r->async);
}

static void fail_op(struct op *op, int rc, const struct err *err)
{
	op->rc = rc;
	if (op->err == NULL)
		op->err = xcalloc(1, sizeof(*op->err));
	*op->err = *err;
}

/* Those that were gathered have their commit, or lost it with the transaction. */
static void release_gathered(struct runner *r)
{
	struct op *op = op_list_take(&r->gathered), *next;

	for (; op != NULL; op = next) {
		next = op->next;
		op_list_put(&r->group, op);
	}
	r->gathered_count = 0;
}

/* Of what was run and will not be answered, only writers are told: a worker waits for it. */
static void give_up_group(struct queue *q)
{
	struct runner *r = q->runner;

	release_gathered(r);
	struct op *op = op_list_take(&r->group), *next;
	for (; op != NULL; op = next) {
		next = op->next;
		if ((op->flags & OP_HERE) != 0)
			op->answer(q, op, -EIO, &r->fatal);
		op_free(op);
	}
}

/* The disk cannot be trusted: nothing is answered any more, the process must end (rule F3). */
static void broken(struct queue *q)
{
	struct runner *r = q->runner;

	pthread_mutex_lock(&r->lock);
	if (!r->broken) {
		r->broken = true;
		db_failed(q->db, &r->fatal);
		if (r->fatal.code == 0)
			err_set(&r->fatal, -EIO, "the database %s cannot be trusted", q->path);
		pthread_cond_broadcast(&r->room);
	}
	pthread_mutex_unlock(&r->lock);
	give_up_group(q);
	notify(r);
}

static void answer_group(struct queue *q)
{
	struct runner *r = q->runner;
	struct op *op = op_list_take(&r->group), *next;
	bool sent = false;

	for (; op != NULL; op = next) {
		next = op->next;
		if (op->rc == -ENOSPC && (op->flags & OP_PRESS) != 0) {
			op->flags &= ~(unsigned)OP_PRESS;
			if (r->make_room != NULL && r->make_room(r->cookie)) {
				op->rc = 0;
				pthread_mutex_lock(&r->lock);
				op_list_put(&r->waiting, op);
				pthread_mutex_unlock(&r->lock);
				continue;
			}
		}
		if (op->settled != NULL)
			op->settled(q, op);
		if ((op->flags & OP_HERE) != 0) {
			op->answer(q, op, op->rc, op->err);
			pthread_mutex_lock(&r->lock);
			r->in_hand -= op->weight < r->in_hand ? op->weight : r->in_hand;
			pthread_cond_broadcast(&r->room);
			pthread_mutex_unlock(&r->lock);
			op_free(op);
			continue;
		}
		pthread_mutex_lock(&r->lock);
		op_list_put(&r->answers, op);
		pthread_mutex_unlock(&r->lock);
		sent = true;
	}
	if (sent)
		notify(r);
}

/* The transaction is gone with all that it held. */
static void lose_group(struct runner *r, int rc, const struct err *err)
{
	release_gathered(r);
	for (struct op *op = r->group.first; op != NULL; op = op->next)
		if ((op->flags & OP_WRITE) != 0 && op->rc >= 0)
			fail_op(op, rc, err);
	r->in_group = 0;
	r->dirty = false;
	r->lazy_bytes = 0;
}

/* Commits and answers; an error where the transaction was lost. */
static int settle(struct queue *q, bool force, struct err *err)
{
	struct runner *r = q->runner;
	int rc = 0;

	if (db_in_transaction(q->db) && (force || r->dirty || r->lazy_bytes > LAZY_MAX)) {
		rc = db_commit(q->db);
		if (rc < 0) {
			db_failed(q->db, err);
			if (db_broken(q->db) || db_in_transaction(q->db)) {
				broken(q);
				return rc;
			}
			db_clear(q->db);
			group_forget(q);
			lose_group(r, rc, err);
		} else if (!queue_ending(q)) {
			runs_abandon_again(q);
		}
		r->in_group = 0;
		r->dirty = false;
		r->lazy_bytes = 0;
		r->log_dirty = true;
		release_gathered(r);
	}
	answer_group(q);
	return rc;
}

void runner_settle(struct queue *q, bool force)
{
	struct err ignored = ERR_NONE;

	settle(q, force, &ignored);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether parts that are ready wait on: others are being read, and nobody asks for what these have changed. */
static bool gathering(const struct queue *q)
{
	const struct runner *r = q->runner;
	unsigned loading = 0;

	if (r->gathered_count == 0 || r->gathered_count >= GATHER_MAX || r->asked || r->stopping ||
	    queue_inline(q))
		return false;
	for (const struct loading *l = q->loading; l != NULL; l = l->next)
		loading += l->given_up ? 0 : 1;
	return loading > r->gathered_count && now_ms() < r->gathered_by_ms;
}

/* The end of a round: what somebody waits for is committed, but for parts that wait for company. */
static void settle_round(struct queue *q)
{
	struct runner *r = q->runner;

	if (r->gathered_count > 0 && !gathering(q))
		r->dirty = true;
	runner_settle(q, false);
}

static void undo(struct queue *q, bool saved, struct op *op, int rc, struct err *err)
{
	struct runner *r = q->runner;

	db_clear(q->db);
	group_forget(q);
	if (!db_in_transaction(q->db)) { /* a full disk: SQLite has rolled back by itself */
		lose_group(r, rc, err);
	} else if (saved) {
		db_rollback_to(q->db);
		if (db_failed(q->db, NULL) < 0) {
			db_rollback(q->db);
			db_clear(q->db);
			lose_group(r, rc, err);
		}
	} else {
		db_rollback(q->db);
		lose_group(r, rc, err);
	}
	fail_op(op, rc, err);
}

static void run_op(struct queue *q, struct op *op)
{
	struct runner *r = q->runner;
	struct err err = ERR_NONE;
	bool write = (op->flags & OP_WRITE) != 0;
	bool alone = (op->flags & OP_ALONE) != 0;
	bool saved = false;
	int rc = 0;

	if (alone || r->in_group >= GROUP_MAX)
		runner_settle(q, true);
	if (write && !db_in_transaction(q->db))
		db_begin(q->db);
	/* A chunk needs no savepoint: it fails with a full disk only, and then all is lost anyway. */
	if (write && r->in_group > 0 && (op->flags & OP_HERE) == 0) {
		db_savepoint(q->db);
		saved = true;
	}
	if (db_failed(q->db, NULL) == 0)
		rc = op->work(q, op, &err);
	if (db_failed(q->db, NULL) < 0) {
		err_clear(&err);
		rc = db_failed(q->db, &err);
	}
	if (db_broken(q->db)) {
		op_list_put(&r->group, op);
		broken(q);
		return;
	}
	if (rc < 0 && write) {
		undo(q, saved, op, rc, &err);
	} else if (rc < 0) {
		db_clear(q->db);
		fail_op(op, rc, &err);
	} else if (saved) {
		db_release(q->db);
	}
	if (db_broken(q->db)) {
		op_list_put(&r->group, op);
		broken(q);
		return;
	}
	if (rc >= 0 && write) {
		r->in_group++;
		if ((op->flags & OP_LAZY) != 0)
			r->lazy_bytes += op->weight;
		else if ((op->flags & OP_GATHER) == 0)
			r->dirty = true;
	}
	if ((op->flags & (OP_LAZY | OP_HERE | OP_GATHER)) == 0)
		r->asked = true;
	if (rc == 0 && (op->flags & OP_GATHER) != 0) {
		if (r->gathered_count++ == 0)
			r->gathered_by_ms = now_ms() + GATHER_MS;
		op_list_put(&r->gathered, op);
		return;
	}
	if (rc == OP_AGAIN) {
		rc = settle(q, true, &err);
		if (rc == 0 || !write) {
			pthread_mutex_lock(&r->lock);
			op_list_put(&r->waiting, op);
			pthread_mutex_unlock(&r->lock);
			return;
		}
		fail_op(op, rc, &err); /* its slice is lost, and what it remembers of it is wrong */
	}
	op_list_put(&r->group, op);
	if (alone)
		runner_settle(q, true);
}

size_t runner_round(struct queue *q)
{
	struct runner *r = q->runner;
	size_t count = 0;

	r->asked = false;
	pthread_mutex_lock(&r->lock);
	struct op *op = op_list_take(&r->waiting), *next;
	bool dead = r->broken;
	pthread_mutex_unlock(&r->lock);
	for (; op != NULL; op = next) {
		next = op->next;
		if (dead) {
			op_list_put(&r->group, op);
			continue;
		}
		run_op(q, op);
		dead = db_broken(q->db);
		count++;
	}
	if (dead)
		give_up_group(q);
	else if (count > 0)
		settle_round(q);
	return count;
}

void *runner_main(void *arg)
{
	struct queue *q = arg;
	struct runner *r = q->runner;

	for (;;) {
		bool idle = false;
		pthread_mutex_lock(&r->lock);
		while (r->waiting.first == NULL && !r->stopping && !idle) {
			/* Only what is left to do once is waited for with a timer: an idle daemon
			 * does not wake up. */
			if (r->broken || (!r->log_dirty && !db_in_transaction(q->db))) {
				pthread_cond_wait(&r->wake, &r->lock);
				continue;
			}
			struct timespec until;
			clock_gettime(CLOCK_MONOTONIC, &until);
			if (r->gathered_count > 0) {
				until.tv_sec = r->gathered_by_ms / 1000;
				until.tv_nsec = r->gathered_by_ms % 1000 * 1000000;
			} else {
				until.tv_sec += IDLE_MS / 1000;
			}
			idle = pthread_cond_timedwait(&r->wake, &r->lock, &until) == ETIMEDOUT;
		}
		bool work = r->waiting.first != NULL;
		pthread_mutex_unlock(&r->lock);
		if (work) {
			runner_round(q);
		} else if (idle && r->gathered_count > 0) {
			settle_round(q);
		} else if (idle) {
			runner_settle(q, true);
			r->log_dirty = false;
			if (!db_broken(q->db))
				db_checkpoint(q->db);
			if (db_broken(q->db))
				broken(q);
		} else {
			break;
		}
	}
	if (!db_broken(q->db))
		runner_settle(q, true);
	open_close_database(q, db_broken(q->db));
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_mutex_unlock(&r->lock);
	notify(r);
	return NULL;
}

void queue_run_inline(struct queue *q)
{
	runner_round(q);
}
