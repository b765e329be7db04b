/* SPDX-License-Identifier: Apache-2.0
 *
 * lineup.c - see lineup.h.  Only the thread whose item has its turn writes, and it writes for those behind it that
 * are done; so writing needs no lock. */
#include "daemon/cli/lineup.h"

#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW = 64 }; /* items that may be ahead */

struct place {
	struct buf out, said;
	bool done;
};

struct lineup {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t count, next, turn; /* all; to be taken; to be written */
	struct place place[WINDOW];
	int failed;
};

struct lineup *lineup_new(size_t count)
{
	struct lineup *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->moved, NULL);
	l->count = count;
	return l;
}

void lineup_free(struct lineup *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < WINDOW; i++) {
		buf_done(&l->place[i].out);
		buf_done(&l->place[i].said);
	}
	pthread_cond_destroy(&l->moved);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

bool lineup_next(struct lineup *l, size_t *index)
{
	pthread_mutex_lock(&l->lock);
	while (l->next < l->count && l->next - l->turn >= WINDOW && l->failed == 0)
		pthread_cond_wait(&l->moved, &l->lock);
	bool any = l->next < l->count && l->failed == 0;
	if (any)
		*index = l->next++;
	pthread_mutex_unlock(&l->lock);
	return any;
}

bool lineup_turn(struct lineup *l, size_t index, bool wait)
{
	pthread_mutex_lock(&l->lock);
	while (wait && l->turn != index)
		pthread_cond_wait(&l->moved, &l->lock);
	bool mine = l->turn == index;
	pthread_mutex_unlock(&l->lock);
	return mine;
}

static void fail(struct lineup *l, int rc)
{
	pthread_mutex_lock(&l->lock);
	if (l->failed == 0)
		l->failed = rc;
	pthread_cond_broadcast(&l->moved);
	pthread_mutex_unlock(&l->lock);
}

int lineup_failed(struct lineup *l)
{
	pthread_mutex_lock(&l->lock);
	int rc = l->failed;
	pthread_mutex_unlock(&l->lock);
	return rc;
}

void lineup_write(struct lineup *l, struct buf *out, struct buf *said)
{
	if (out->len > 0 && lineup_failed(l) == 0) {
		int rc = file_write_all(STDOUT_FILENO, out->data, out->len);
		if (rc < 0)
			fail(l, rc);
	}
	/* Standard error may be closed; nobody could be told. */
	if (said->len > 0)
		(void)file_write_all(STDERR_FILENO, said->data, said->len);
	buf_reset(out);
	buf_reset(said);
}

static void hand_over(struct buf *to, struct buf *from)
{
	size_t max = from->max;

	*to = *from;
	*from = (struct buf)BUF_LIMIT(max);
}

void lineup_done(struct lineup *l, size_t index, struct buf *out, struct buf *said)
{
	struct place *mine = &l->place[index % WINDOW];

	if (out->len > LINEUP_AHEAD)
		lineup_turn(l, index, true);
	pthread_mutex_lock(&l->lock);
	if (l->turn != index) {
		hand_over(&mine->out, out);
		hand_over(&mine->said, said);
		mine->done = true;
		pthread_mutex_unlock(&l->lock);
		return;
	}
	pthread_mutex_unlock(&l->lock);
	lineup_write(l, out, said);
	for (bool more = true; more;) {
		pthread_mutex_lock(&l->lock);
		l->turn++;
		struct place *next = &l->place[l->turn % WINDOW];
		more = l->turn < l->count && next->done;
		next->done = false;
		pthread_cond_broadcast(&l->moved);
		pthread_mutex_unlock(&l->lock);
		if (!more)
			break;
		lineup_write(l, &next->out, &next->said);
		buf_done(&next->out);
		buf_done(&next->said);
	}
}
