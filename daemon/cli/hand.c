/* SPDX-License-Identifier: Apache-2.0
 *
 * hand.c - files handed to the process that holds the state directory: opened here, where the job's rights
 * are, and passed on open.
 *
 * What was told of a file stays true when the connection is lost: the rest, and the end of the runs, is then
 * somebody else's to do.  A session that is not the first joins its runs anew, by a file of each that was
 * taken before, which is a duplicate by now. */
#include "daemon/cli/import.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/cli/reach.h"
#include "daemon/intake/keep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 32, RUNS_MAX = 4096, OPEN_MS = 30000 };

struct again {
	size_t index;
	unsigned tries;
	int64_t at_ms;
};

struct hand {
	struct import *im;
	struct control_link *link;
	char *context_dir; /* whose context was sent last */
	bool context_sent; /* and was one */
	size_t busy;
	struct again *again; /* files that are to be tried once more */
	size_t again_count, again_room;
	unsigned *tries;
	bool wanting; /* some report may name files that are still to be handed over */
};

static cJSON *request(const char *what)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "do", what);
	return o;
}

static void put(cJSON *o, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		cJSON_AddStringToObject(o, name, text);
}

/* ---- open ---- */

static int send_open(struct hand *h, struct err *err)
{
	const struct import *im = h->im;
	cJSON *o = request("open"), *reply = NULL;

	put(o, "source", im->submit ? "submit" : "import");
	put(o, "run_key", im->opt.run_key);
	put(o, "run_name", im->opt.run_name);
	put(o, "watch", im->opt.watch);
	put(o, "timezone", im->opt.timezone);
	put(o, "common_dir", im->common_dir);
	cJSON_AddBoolToObject(o, "backfill", im->opt.backfill);
	cJSON_AddBoolToObject(o, "again", im->opt.again);
	cJSON_AddBoolToObject(o, "keep_open", im->opt.keep_open);
	cJSON *set = cJSON_AddObjectToObject(o, "set"), *ci = cJSON_AddObjectToObject(o, "ci");
	for (size_t i = 0; i < im->opt.set.count; i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(set, im->opt.set.key[i]);
		cJSON_AddStringToObject(set, im->opt.set.key[i], im->opt.set.value[i]);
	}
	for (int f = 0; f < CI_FACT_COUNT; f++)
		put(ci, ci_fact_names[f], im->ci.fact[f]);
	cJSON *sinks = cJSON_AddArrayToObject(o, "sinks");
	for (size_t i = 0; i < im->opt.sink_count; i++)
		cJSON_AddItemToArray(sinks, cJSON_CreateString(im->opt.sink[i]));
	int rc = control_ask(h->link, o, -1, err);
	if (rc == 0)
		rc = reach_reply(h->link, OPEN_MS, &reply, err);
	cJSON_Delete(reply);
	return rc;
}

/* ---- contexts ---- */

static int send_context(struct hand *h, const char *absolute, struct err *err)
{
	const struct context *context = import_context(h->im, absolute, false);

	if (h->context_dir != NULL && strcmp(h->context_dir, h->im->context_dir) == 0)
		return 0;
	free(h->context_dir);
	h->context_dir = xstrdup(h->im->context_dir);
	if (context == NULL && !h->context_sent)
		return 0;
	cJSON *o = request("context");
	cJSON_AddItemToObject(o, "context",
			      context != NULL ? cJSON_Duplicate(context_raw(context), true)
					      : cJSON_CreateNull());
	h->context_sent = context != NULL;
	return control_ask(h->link, o, -1, err);
}

/* ---- which run a file would join ---- */

static char *run_there(void *cookie, const char *path)
{
	struct hand *h = cookie;
	char *absolute = walk_absolute(path), *key = NULL;
	struct err err = ERR_NONE;
	cJSON *o = request("key"), *reply = NULL;

	cJSON_AddNumberToObject(o, "id", 0);
	put(o, "path", absolute);
	if (send_context(h, absolute, &err) < 0) {
		cJSON_Delete(o);
	} else if (control_ask(h->link, o, -1, &err) == 0 &&
		   reach_reply(h->link, OPEN_MS, &reply, &err) == 0 && reply_text(reply, "key") != NULL) {
		key = xstrdup(reply_text(reply, "key"));
	}
	cJSON_Delete(reply);
	free(absolute);
	return key;
}

/* ---- files ---- */

static void took_unreadable(struct hand *h, size_t index, const struct err *why)
{
	const struct intake_outcome o = { .path = h->im->walk.path[index],
					  .state = INTAKE_UNREADABLE,
					  .err = why };

	import_took(h->im, index, &o);
	h->im->done[index] = true;
}

static int send_file(struct hand *h, size_t index, struct err *err)
{
	const char *path = h->im->walk.path[index];
	char *absolute = walk_absolute(path);
	struct stat st;
	struct err why = ERR_NONE;
	int fd = keep_open(-1, path, &st, &why);
	int rc = 0;

	if (fd < 0) {
		err_place(&why, path, 0, 0);
		if (!h->im->done[index])
			took_unreadable(h, index, &why);
	} else {
		rc = send_context(h, absolute, err);
		cJSON *o = request("file");
		cJSON_AddNumberToObject(o, "id", (double)index);
		put(o, "path", absolute);
		if (rc == 0)
			rc = control_ask(h->link, o, fd, err);
		else
			cJSON_Delete(o);
		h->busy += rc == 0;
		close(fd);
	}
	free(absolute);
	return rc;
}

static void try_again(struct hand *h, size_t index, bool full, const char *why)
{
	struct import *im = h->im;

	if (full && clock_mono_ms() >= im->until_ms) {
		import_left(im, index, why);
		im->done[index] = true;
		return;
	}
	if (full && !im->room_said)
		import_say(im, "waiting for room: %s", why);
	im->room_said = im->room_said || full;
	if (h->again_count == h->again_room) {
		h->again_room = h->again_room > 0 ? h->again_room * 2 : 16;
		h->again = xrealloc(h->again, h->again_room, sizeof(*h->again));
	}
	h->tries[index] += full ? 0 : 1;
	h->again[h->again_count++] =
		(struct again){ .index = index, .at_ms = clock_mono_ms() + IMPORT_RETRY_MS };
}

static void took(struct hand *h, const cJSON *reply)
{
	struct import *im = h->im;
	double id = reply_number(reply, "id");
	const char *reason = reply_text(reply, "reason");
	struct err err = ERR_NONE;
	char *warning[64];
	const cJSON *w;

	h->busy--;
	if (id < 0 || id >= (double)im->walk.count)
		return;
	size_t index = (size_t)id;
	struct intake_outcome o = {
		.path = im->walk.path[index],
		.state = intake_state_of(reply_text(reply, "state")),
		.complete = reply_flag(reply, "complete"),
		.run = (int64_t)reply_number(reply, "run"),
		.cases = (uint64_t)reply_number(reply, "cases"),
		.failed = (uint64_t)reply_number(reply, "failed"),
		.err = &err,
		.warnings = warning,
	};
	bool full = reply_flag(reply, "full");
	h->wanting = h->wanting || o.state == INTAKE_DUPLICATE ||
		     (o.state == INTAKE_ACCEPTED &&
		      (reply_number(reply, "awaits") > 0 || !cJSON_HasObjectItem(reply, "awaits")));
	if (im->done[index])
		return; /* it came to join its run again */
	if (o.state == INTAKE_RETRY && (full || h->tries[index] < IMPORT_TRIES)) {
		try_again(h, index, full, reason != NULL ? reason : "");
		return;
	}
	if (reason != NULL)
		err_set(&err, -EINVAL, "%s", reason);
	cJSON_ArrayForEach(w, cJSON_GetObjectItemCaseSensitive(reply, "warnings"))
	{
		if (cJSON_IsString(w) && o.warning_count < sizeof(warning) / sizeof(warning[0]))
			warning[o.warning_count++] = w->valuestring;
	}
	import_took(im, index, &o);
	im->done[index] = true;
}

static bool next_again(struct hand *h, size_t *index, int64_t *wait_ms)
{
	int64_t now = clock_mono_ms(), first = INT64_MAX;

	for (size_t i = 0; i < h->again_count; i++) {
		if (h->again[i].at_ms <= now) {
			*index = h->again[i].index;
			h->again[i] = h->again[--h->again_count];
			return true;
		}
		first = h->again[i].at_ms < first ? h->again[i].at_ms : first;
	}
	*wait_ms = first == INT64_MAX ? -1 : first - now;
	return false;
}

static int receive_file(struct hand *h, int64_t wait_ms, struct err *err)
{
	cJSON *reply = NULL;
	int rc = reach_reply(h->link, wait_ms, &reply, err);

	if (rc == -ETIMEDOUT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0 && reply_is(reply, "file"))
		took(h, reply);
	cJSON_Delete(reply);
	return rc;
}

static void show(struct hand *h, size_t sent)
{
	const struct import *im = h->im;

	if (im->opt.progress == 1)
		fprintf(stderr, "\r\033[K%zu/%zu files, %" PRIu64 " cases", sent - h->busy, im->walk.count,
			im->cases);
}

static int send_files(struct hand *h, struct err *err)
{
	struct import *im = h->im;
	size_t next = 0;
	int rc = 0;

	/* A session of its own for each connection: the runs of the one before are joined again. */
	for (size_t i = 0; rc == 0 && i < im->runs.count && !im->ended; i++) {
		rc = send_file(h, im->runs.from[i], err);
		while (rc == 0 && h->busy > 0)
			rc = receive_file(h, -1, err);
	}
	while (rc == 0) {
		size_t index = 0;
		int64_t wait_ms = -1;
		while (next < im->walk.count && im->done[next])
			next++;
		if (h->busy < WINDOW && next < im->walk.count) {
			rc = send_file(h, next++, err);
			continue;
		}
		if (h->busy < WINDOW && next_again(h, &index, &wait_ms)) {
			rc = send_file(h, index, err);
			continue;
		}
		if (h->busy == 0 && h->again_count == 0)
			break;
		show(h, next);
		rc = receive_file(h, wait_ms, err);
	}
	if (im->opt.progress == 1)
		fputs("\r\033[K", stderr);
	return rc;
}

/* ---- the end, the wait, the receipt ---- */

static cJSON *runs_request(const struct hand *h, const char *what, size_t from)
{
	const struct run_ids *runs = &h->im->runs;
	cJSON *o = request(what), *list = cJSON_AddArrayToObject(o, "runs");

	for (size_t i = from; i < runs->count && i < from + RUNS_MAX; i++)
		cJSON_AddItemToArray(list, cJSON_CreateNumber((double)runs->id[i]));
	return o;
}

static int end_runs(struct hand *h, struct err *err)
{
	struct import *im = h->im;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < im->runs.count; i += RUNS_MAX) {
		cJSON *reply = NULL;
		rc = control_ask(h->link, runs_request(h, "end", i), -1, err);
		if (rc == 0)
			rc = reach_reply(h->link, -1, &reply, err);
		if (rc == 0 && reply_text(reply, "reason") != NULL)
			import_say(im, "%s", reply_text(reply, "reason"));
		cJSON_Delete(reply);
	}
	return rc;
}

static int await_some(struct hand *h, size_t from, struct err *err)
{
	struct import *im = h->im;
	int64_t began = clock_mono_ms(), left = im->until_ms - began;
	cJSON *o = runs_request(h, "await", from), *reply = NULL;
	char own[160];

	cJSON_AddNumberToObject(o, "timeout_ms", left > 0 ? (double)left : 0);
	cJSON_AddBoolToObject(o, "progress", im->opt.progress == 1);
	int rc = control_ask(h->link, o, -1, err);
	snprintf(own, sizeof(own), "%zu files, %" PRIu64 " cases, ", im->walk.count, im->cases);
	while (rc == 0 && (rc = reach_reply(h->link, -1, &reply, err)) == 0 && reply_is(reply, "progress")) {
		outcome_show(reply, own, began);
		cJSON_Delete(reply);
		reply = NULL;
	}
	if (im->opt.progress == 1)
		fputs("\r\033[K", stderr);
	if (rc == 0 && reply_is(reply, "settled")) {
		im->totals.parked += (size_t)reply_number(reply, "parked");
		im->timed_out = im->timed_out || reply_flag(reply, "timed_out");
		if (reply_flag(reply, "timed_out") && reply_text(reply, "reason") != NULL)
			import_say(im, "not delivered: %s", reply_text(reply, "reason"));
	} else if (rc == 0) {
		rc = err_set(err, -EAGAIN, "the process that holds the state directory delivers nothing");
	}
	cJSON_Delete(reply);
	return rc;
}

static int receipt(struct hand *h, struct err *err)
{
	cJSON *runs = cJSON_CreateArray();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < h->im->runs.count; i += RUNS_MAX) {
		cJSON *reply = NULL;
		rc = control_ask(h->link, runs_request(h, "receipt", i), -1, err);
		while (rc == 0 && (rc = reach_reply(h->link, -1, &reply, err)) == 0 &&
		       !reply_is(reply, "receipt")) {
			cJSON_AddItemToArray(runs, cJSON_DetachItemFromObjectCaseSensitive(reply, "run"));
			cJSON_Delete(reply);
			reply = NULL;
		}
		cJSON_Delete(reply);
	}
	if (rc == 0)
		import_finish(h->im, runs);
	else
		cJSON_Delete(runs);
	return rc;
}

static int finish(struct hand *h, struct err *err)
{
	struct import *im = h->im;
	int rc = 0;

	im->timed_out = im->timed_out || im->no_room > 0;
	if (!im->ended && h->wanting)
		rc = hand_evidence(im, h->link, err);
	if (rc == 0 && !im->ended && !im->opt.keep_open && im->no_room == 0)
		rc = end_runs(h, err);
	im->ended = im->ended || rc == 0;
	im->totals.parked = 0;
	for (size_t i = 0; rc == 0 && !im->opt.no_wait && im->no_room == 0 && i < im->runs.count;
	     i += RUNS_MAX)
		rc = await_some(h, i, err);
	return rc == 0 ? receipt(h, err) : rc;
}

int hand_over(struct import *im, struct control_link *link, struct err *err)
{
	struct hand h = { .im = im, .link = link, .tries = xcalloc(im->walk.count + 1, sizeof(unsigned)) };
	int rc = send_open(&h, err);

	if (rc == 0)
		import_sift(im, run_there, &h);
	if (rc == 0)
		rc = send_files(&h, err);
	if (rc == 0)
		rc = finish(&h, err);
	free(h.context_dir);
	free(h.again);
	free(h.tries);
	/* A refusal is final; whatever else ended the connection, another may do better. */
	return rc == -EPIPE ? -EAGAIN : rc;
}
