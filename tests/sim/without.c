/* SPDX-License-Identifier: Apache-2.0
 *
 * without.c - looks, intent and bookmark are left out here; a connection's freshness where there are
 * connections (tests/crash/faults.c), or a network of our own (wire.c). */
#include "tests/sim/without.h"

#include "daemon/base/mem.h"
#include "daemon/dispatch/talk.h"

#include <stdlib.h>
#include <string.h>

enum without without;

bool without_set(const char *name)
{
	static const char *const names[WITHOUTS] = { "nothing", "looks", "intent", "bookmark", "fresh" };

	for (int i = 0; i < WITHOUTS; i++)
		if (strcmp(names[i], name) == 0) {
			without = (enum without)i;
			return true;
		}
	return false;
}

struct held {
	queue_done_fn *done;
	void *cookie;
};

static void on_owed(void *cookie, int rc, const struct owed *owed, const struct err *err)
{
	struct held h = *(struct held *)cookie;

	(void)owed;
	free(cookie);
	h.done(h.cookie, rc, err);
}

void __real_queue_intend(struct queue *q, int64_t delivery, const char *step, const struct rows *rows,
			 const char *body, size_t body_len, int64_t sent_ms, queue_done_fn *done,
			 void *cookie);
void __wrap_queue_intend(struct queue *q, int64_t delivery, const char *step, const struct rows *rows,
			 const char *body, size_t body_len, int64_t sent_ms, queue_done_fn *done,
			 void *cookie);
void __wrap_queue_intend(struct queue *q, int64_t delivery, const char *step, const struct rows *rows,
			 const char *body, size_t body_len, int64_t sent_ms, queue_done_fn *done,
			 void *cookie)
{
	if (without != WITHOUT_INTENT) {
		__real_queue_intend(q, delivery, step, rows, body, body_len, sent_ms, done, cookie);
		return;
	}
	struct held *h = xcalloc(1, sizeof(*h));
	*h = (struct held){ done, cookie };
	queue_owed(q, delivery, on_owed, h);
}

void __real_queue_note(struct queue *q, int64_t delivery, const struct note *note, queue_done_fn *done,
		       void *cookie);
void __wrap_queue_note(struct queue *q, int64_t delivery, const struct note *note, queue_done_fn *done,
		       void *cookie);
void __wrap_queue_note(struct queue *q, int64_t delivery, const struct note *note, queue_done_fn *done,
		       void *cookie)
{
	struct note n = *note;

	if (without == WITHOUT_BOOKMARK)
		n.bookmark = NULL;
	__real_queue_note(q, delivery, &n, done, cookie);
}

void __real_talk_look_up(struct conversation *c);
void __wrap_talk_look_up(struct conversation *c);
void __wrap_talk_look_up(struct conversation *c)
{
	if (without != WITHOUT_LOOKS) {
		__real_talk_look_up(c);
		return;
	}
	talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
}
