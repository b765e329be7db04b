/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - `run --seeds N [--from S]`: N worlds, one after the other; says which seed failed, and how.
 *         `run --seed S --trace`: that one again, every step told.
 *         `run --without looks|intent|bookmark`: with a part of the program left out, it must fail. */
#include "tests/sim/world.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/talk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what can be left out (the linker's --wrap leads these calls here) ---- */

static enum mutation left_out;

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
	if (left_out != MUTATE_INTENT) {
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

	if (left_out == MUTATE_BOOKMARK)
		n.bookmark = NULL;
	__real_queue_note(q, delivery, &n, done, cookie);
}

void __real_talk_look_up(struct conversation *c);
void __wrap_talk_look_up(struct conversation *c);
void __wrap_talk_look_up(struct conversation *c)
{
	if (left_out != MUTATE_LOOKS) {
		__real_talk_look_up(c);
		return;
	}
	talk_note(c, SETTLE_GO_ON, 0, NULL, talk_restart);
}

/* ---- the command ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(void)
{
	fputs("usage: run [--seeds N] [--from S] [--seed S] [--trace] [--keep-going]"
	      " [--without looks|intent|bookmark]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const char *const names[MUTATIONS] = { "nothing", "looks", "intent", "bookmark" };
	uint64_t from = 1, count = 200, failures = 0, requests = 0, faults = 0, crashes = 0;
	bool trace = false, keep_going = false;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "--trace") == 0) {
			trace = true;
			continue;
		}
		if (strcmp(argv[i], "--keep-going") == 0) {
			keep_going = true;
			continue;
		}
		if (strcmp(argv[i], "--seeds") == 0)
			count = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			from = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			from = strtoull(value, NULL, 10), count = 1;
		else if (strcmp(argv[i], "--without") == 0)
			for (int k = 0; k < MUTATIONS; k++)
				left_out = strcmp(names[k], value) == 0 ? (enum mutation)k : left_out;
		else
			return usage();
		i++;
	}
	log_setup(trace ? LOG_LEVEL_DEBUG : LOG_LEVEL_NONE, LOG_FORMAT_TEXT);
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct world *w = xcalloc(1, sizeof(*w));
	double began = seconds();
	uint64_t done = 0;
	for (; done < count; done++) {
		bool good = world_run(w, from + done, trace, left_out);
		requests += w->requests;
		faults += w->faults;
		crashes += w->crashes;
		if (good)
			continue;
		failures++;
		printf("seed %" PRIu64 ": %s: %s\n", from + done, w->property, w->failed);
		if (!keep_going) {
			done++;
			break;
		}
	}
	double took = seconds() - began;
	printf("%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " requests, %" PRIu64 " faults, %" PRIu64
	       " crashes; %.0f seeds a minute\n",
	       done, failures, requests, faults, crashes, took > 0 ? (double)done / took * 60 : 0.0);
	free(w);
	return failures > 0;
}
