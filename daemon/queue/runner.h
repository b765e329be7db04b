/* SPDX-License-Identifier: Apache-2.0
 *
 * runner.h - ops on their way to the database and back: what runner.c and queue.c share. */
#ifndef RD_QUEUE_RUNNER_H
#define RD_QUEUE_RUNNER_H

#include "daemon/queue/internal.h"

#include <pthread.h>
#include <uv.h>

struct op_list {
	struct op *first, **last;
};

struct runner {
	uv_loop_t *loop;
	uv_async_t async;
	pthread_t thread;
	void (*on_fatal)(void *cookie, const struct err *err);
	bool (*make_room)(void *cookie);
	void *cookie;
	void (*closed)(void *cookie);
	void *closed_cookie;
	bool fatal_said; /* loop thread */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake, room;
	struct op_list waiting, answers;
	size_t in_hand;
	bool stopping, ended, broken;
	struct err fatal;

	struct op_list group;    /* queue thread: run, not yet committed or answered */
	struct op_list gathered; /* likewise, and waiting for company */
	unsigned gathered_count;
	int64_t gathered_by_ms; /* when the first of them has waited enough */
	bool asked;             /* this round holds what may have seen them: they wait no longer */
	unsigned in_group;      /* ops of the open transaction */
	bool dirty;             /* the transaction holds what somebody waits for */
	bool log_dirty;         /* committed since the log was written back */
	size_t lazy_bytes;
};

void op_list_clear(struct op_list *l);
void op_list_put(struct op_list *l, struct op *op);
struct op *op_list_take(struct op_list *l); /* all of them, linked by next */
void op_free(struct op *op);

/* Queue thread, or whoever turns a queue without one. */
size_t runner_round(struct queue *q);            /* runs what waits now; how many ops that were */
void runner_settle(struct queue *q, bool force); /* commits what somebody waits for (or all) and answers */
void *runner_main(void *queue);                  /* the thread */

#endif
