/* SPDX-License-Identifier: Apache-2.0
 *
 * desk_evidence.c - files that reports of a client name: it is told which are wanted, and hands them over open,
 * since they lie beneath its own folders and not beneath ours. */
#include "daemon/desk_session.h"

#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/evidence_gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 200 };

void session_forget_awaited(struct session *s)
{
	for (size_t i = 0; i < s->awaited_count; i++)
		free(s->awaited[i].named);
	free(s->awaited);
	s->awaited = NULL;
	s->awaited_count = 0;
}

/* ---- what is wanted ---- */

static void on_awaited(void *cookie, int rc, const struct awaited_evidence *e, size_t count,
		       const struct err *err)
{
	struct session *s = cookie;
	cJSON *o = session_reply("evidence"), *list = cJSON_AddArrayToObject(o, "list");

	(void)err;
	session_forget_awaited(s);
	count = rc < 0 ? 0 : count;
	s->awaited = xcalloc(count + 1, sizeof(*s->awaited));
	for (size_t i = 0; i < count; i++) {
		s->awaited[s->awaited_count++] = (struct awaited){
			.id = e[i].id, .named = xstrdup(e[i].named), .of_run = e[i].of_run, .bad = e[i].bad
		};
		cJSON *one = cJSON_CreateObject();
		cJSON_AddNumberToObject(one, "id", (double)e[i].id);
		cJSON_AddStringToObject(one, "report", e[i].part != NULL ? e[i].part : "");
		cJSON_AddStringToObject(one, "named", e[i].named != NULL ? e[i].named : "");
		cJSON_AddItemToArray(list, one);
	}
	cJSON_AddBoolToObject(o, "more", count == PAGE);
	session_send(s, o);
	session_release(s);
}

void session_evidence(struct session *s, struct control_request *r)
{
	int64_t run = control_number(r, "run");

	if (!session_joined(s, run)) {
		session_fail(s, EXIT_USAGE,
			     "evidence is asked for of a run that no file of this connection joined");
		return;
	}
	session_hold(s);
	queue_evidence_awaited(s->desk->app->queue, run, control_number(r, "after"), PAGE, on_awaited, s);
}

/* ---- what is given ---- */

struct given {
	struct session *session;
	int64_t id;
	int fd;
};

static void on_given(void *cookie, int rc, const struct err *err)
{
	struct given *g = cookie;
	struct session *s = g->session;
	cJSON *o = session_reply("given");

	cJSON_AddNumberToObject(o, "id", (double)g->id);
	if (rc < 0)
		cJSON_AddStringToObject(o, "reason", err->text);
	session_send(s, o);
	close(g->fd);
	free(g);
	session_took(s);
}

void session_give(struct session *s, struct control_request *r)
{
	const struct awaited *a = NULL;
	int64_t id = control_number(r, "id");

	for (size_t i = 0; i < s->awaited_count && a == NULL; i++)
		a = s->awaited[i].id == id ? &s->awaited[i] : NULL;
	if (a == NULL) {
		session_fail(s, EXIT_USAGE, "that is not awaited");
		return;
	}
	struct given *g = xcalloc(1, sizeof(*g));
	g->session = s;
	g->id = id;
	g->fd = r->fd;
	r->fd = -1;
	session_take(s);
	evidence_gather_give(s->desk->app->gather, id, a->named, a->of_run, a->bad, g->fd, on_given, g);
}
