/* SPDX-License-Identifier: Apache-2.0
 *
 * desk/session.h - what the files of the desk share: one client of the control socket, and what it asked. */
#ifndef RD_DESK_SESSION_H
#define RD_DESK_SESSION_H

#include "daemon/app.h"
#include "daemon/base/list.h"
#include "daemon/cli/outcome.h"
#include "daemon/cli/queue.h"
#include "daemon/control/server.h"
#include "daemon/desk/desk.h"
#include "daemon/evidence/gather.h"
#include "daemon/intake/runspec.h"

struct desk {
	struct app *app;
	struct desk_options opt;
	struct control_server *server;
	struct list sessions;
	size_t closing; /* servers that are not closed yet */
	struct desk_counts counts;
};

struct awaited {
	int64_t id;
	char *named;
	bool of_run, bad;
};

struct waiting;
struct asking;
struct session {
	struct list link;
	struct desk *desk;
	struct control_client *client; /* NULL: gone */
	struct control_peer peer;
	size_t refs; /* work under way */
	bool greeted;

	/* of "open": pointers below reach into its JSON */
	struct control_request open;
	struct config_map set;
	struct ci ci;
	const char **sinks;
	size_t sink_count;
	struct arena arena;
	struct context *context;
	struct run_ids runs;  /* that its files joined */
	struct run_ids ended; /* those of them that it ended */
	/* Folders of its watch that its reports came from: where the watch's `evidence` lies. */
	struct session_base {
		int64_t run;
		char *workspace;
	} * base;
	size_t base_count;
	/* The last page of what its runs await: only that may be given. */
	struct awaited *awaited;
	size_t awaited_count;

	struct waiting *waiting; /* await, deliver */
	struct asking *asking;   /* a queue verb */
};

cJSON *session_reply(const char *re);
void session_send(struct session *s, cJSON *reply); /* takes ownership; nothing where the client is gone */
/* {"re":"error"}: the client is told why, with the exit code that is due, and let go. */
void session_fail(struct session *s, int code, const char *text);
/* One more thing under way for it, or one less: at some number the rest has to wait in the socket. */
void session_hold(struct session *s);
void session_release(struct session *s);                   /* may free it */
void session_gone(struct session *s);                      /* its client is: ends what only it wanted */
bool session_joined(const struct session *s, int64_t run); /* by one of its files */
void session_log(const struct session *s, const char *what);
void desk_kick(struct desk *d, bool soon);

/* desk/files.c */
void session_open(struct session *s, struct control_request *r);
void session_context(struct session *s, struct control_request *r);
void session_file(struct session *s, struct control_request *r);
void session_key(struct session *s, struct control_request *r);
void session_end(struct session *s, struct control_request *r);
/* desk/evidence.c */
void session_evidence(struct session *s, struct control_request *r);
void session_give(struct session *s, struct control_request *r);
void session_forget_awaited(struct session *s);
/* A report of a run was taken: where patterns of its watch are looked for. */
void session_add_base(struct session *s, const struct config_watch *w, int64_t run, const char *path);
/* The last look for what patterns of the watch name, before a run ends; false where there is none to be had, and
 * done() is not called. */
bool session_look(struct session *s, const struct config_watch *w, int64_t run, evidence_looked_fn *done,
		  void *cookie);
void session_forget_bases(struct session *s);
/* desk/answers.c */
void session_await(struct session *s, struct control_request *r);
void session_deliver(struct session *s, struct control_request *r);
void session_receipt(struct session *s, struct control_request *r);
void session_queue(struct session *s, struct control_request *r);
void session_answer(struct session *s, struct control_request *r);
void session_status(struct session *s, struct control_request *r);
void session_spend(struct session *s, struct control_request *r);

#endif
