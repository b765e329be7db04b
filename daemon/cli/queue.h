/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h - what the files of the command `queue` share. */
#ifndef RD_CLI_QUEUE_H
#define RD_CLI_QUEUE_H

#include "daemon/app.h"
#include "daemon/cli/cli.h"

#include <cjson/cJSON.h>

struct queue_view {
	struct app app;
	bool all, json, yes, force, move;
	const char *reason; /* --reason; NULL */
	int64_t *id;        /* of deliveries, as given */
	size_t count, at;
	const char *file; /* of export and import */
	cJSON *deliveries;
	void *own; /* of the verb at work */
};

/* Begin the verb; each ends with app_quit(). */
void queue_verb_list(struct queue_view *v);
void queue_verb_show(struct queue_view *v);
void queue_verb_retry(struct queue_view *v);
void queue_verb_drop(struct queue_view *v);
void queue_verb_export(struct queue_view *v);
void queue_verb_import(struct queue_view *v);

/* Says the error and quits: 2 for what is not there, else 70. */
void queue_failed(struct queue_view *v, int rc, const struct err *err);
void queue_say_ago(char *text, size_t size, int64_t ms);
/* Text of others, without what could steer a terminal. */
void queue_put_clean(const char *s, size_t max);

#endif
