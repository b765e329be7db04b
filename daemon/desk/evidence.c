/* SPDX-License-Identifier: Apache-2.0
 *
 * desk/evidence.c - files that reports of a client name: it is told which are wanted, and hands them over open,
 * since they lie beneath its own folders and not beneath ours. */
#include "daemon/desk/session.h"

#include "daemon/base/mem.h"
#include "daemon/cli/cli.h"
#include "daemon/evidence/gather.h"
#include "daemon/evidence/places.h"

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
	session_release(s);
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
	session_hold(s);
	evidence_gather_give(s->desk->app->gather, id, a->named, a->of_run, a->bad, g->fd, on_given, g);
}

/* ---- what a watch's patterns name ---- */

enum { BASES_MAX = 1000 };

/* Only what the watch itself would look through: a client names no folder that we would not open by ourselves. */
void session_add_base(struct session *s, const struct config_watch *w, int64_t run, const char *path)
{
	char *workspace = w != NULL && w->evidence.count > 0 && run != 0 ? evidence_workspace(w, path) : NULL;

	for (size_t i = 0; workspace != NULL && i < s->base_count; i++) {
		if (s->base[i].run == run && strcmp(s->base[i].workspace, workspace) == 0) {
			free(workspace);
			workspace = NULL;
		}
	}
	if (workspace == NULL || s->base_count == BASES_MAX) {
		free(workspace);
		return;
	}
	s->base = xrealloc(s->base, s->base_count + 1, sizeof(*s->base));
	s->base[s->base_count++] = (struct session_base){ run, workspace };
}

void session_forget_bases(struct session *s)
{
	for (size_t i = 0; i < s->base_count; i++)
		free(s->base[i].workspace);
	free(s->base);
	s->base = NULL;
	s->base_count = 0;
}

/* How much of the workspace is the user's own word: the path of the watch before its first capture or pattern. */
static size_t root_length(const struct config_watch *w)
{
	size_t end = strcspn(w->path, "{*?[");

	if (w->path[end] == '\0')
		return end;
	while (end > 0 && w->path[end] != '/')
		end--;
	return end;
}

bool session_look(struct session *s, const struct config_watch *w, int64_t run, evidence_looked_fn *done,
		  void *cookie)
{
	struct evidence_places base = { 0 };
	size_t root = w != NULL ? root_length(w) : 0;

	for (size_t i = 0; i < s->base_count && w != NULL; i++) {
		if (s->base[i].run != run || strlen(s->base[i].workspace) < root)
			continue;
		char *top = xstrndup(s->base[i].workspace, root);
		const char *rest = s->base[i].workspace + root;
		evidence_places_add(&base, root > 0 ? top : "/", rest + strspn(rest, "/"));
		free(top);
	}
	const struct evidence_look look = {
		.run = run,
		.sinks = s->sinks,
		.sink_count = s->sink_count,
		.glob = w != NULL ? (const char *const *)w->evidence.item : NULL,
		.glob_count = w != NULL ? w->evidence.count : 0,
		.base = &base,
		.since_ms = INT64_MIN,
		.final = true,
	};
	bool any = base.count > 0;
	if (any)
		evidence_gather_look(s->desk->app->gather, &look, done, cookie);
	evidence_places_done(&base);
	return any;
}
