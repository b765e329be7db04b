/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h - what the files of the command `queue` share. */
#ifndef RD_CLI_QUEUE_H
#define RD_CLI_QUEUE_H

#include "daemon/app.h"
#include "daemon/cli/cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* One verb at work, for the command itself or for a client of the control socket. */
struct queue_view {
	struct app *app;
	bool all, json, yes, force, move;
	const char *reason; /* --reason; NULL */
	int64_t *id;        /* of deliveries, as given */
	size_t count, at;
	const char *file; /* of export and import, as the user named it */
	int file_fd;      /* that file, already open (and the caller's); -1: by its name */
	FILE *out, *err;
	/* Puts the question to a person, and the answer into answered(), now or later. */
	void (*ask)(struct queue_view *v, const char *question);
	void (*answered)(struct queue_view *v, bool yes);
	void (*quit)(struct queue_view *v, int code); /* the verb has ended; called once */
	void *cookie;                                 /* of who set ask and quit */
	cJSON *deliveries;
	void *own; /* of the verb at work */
};

/* Whether there is such a verb; changes: it does more than look. */
bool queue_verb_known(const char *name, bool *changes);
/* Begins the verb; it ends with quit(). */
void queue_verb_begin(struct queue_view *v, const char *name);
void queue_view_done(struct queue_view *v);

void queue_verb_list(struct queue_view *v);
void queue_verb_show(struct queue_view *v);
void queue_verb_retry(struct queue_view *v);
void queue_verb_drop(struct queue_view *v);
void queue_verb_export(struct queue_view *v);
void queue_verb_import(struct queue_view *v);

/* Says the error and quits: 2 for what is not there, else 70. */
void queue_failed(struct queue_view *v, int rc, const struct err *err);
/* The numbers of a delivery, as members. */
void queue_add_counts(cJSON *o, const struct delivery_line *l);
void queue_say_ago(char *text, size_t size, int64_t ms);
/* Text of others, without what could steer a terminal. */
void queue_put_clean(FILE *out, const char *s, size_t max);

#endif
