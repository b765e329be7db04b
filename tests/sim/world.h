/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - one seed's world: a clock, a network that loses things, one or two servers, and lives of our
 *           process.
 *
 *   story.c   what happens to this seed: runs and parts, the servers' rules, which faults and when
 *   world.c   time, the lives of the process, and how they end
 *   feed.c    reports come in, runs end
 *   wire.c    the network: a transport whose exchanges end as the story says
 *   oracle.c  the five properties, judged by what the servers applied;  oracle_files.c  those of files
 *
 * Where there are two servers one of them may be in good health while the other is away, for up to a day:
 * then what the healthy one is owed must be settled in the time that its own requests take.
 *
 * True time is now_ms; the process's wall clock is true time and wall_skew_ms, which jumps.  Dispatch,
 * talk, queue (SQLite, without a thread) and sinks are the real ones. */
#ifndef RD_TESTS_SIM_WORLD_H
#define RD_TESTS_SIM_WORLD_H

#include "daemon/config/config.h"
#include "daemon/dispatch/dispatch.h"
#include "daemon/model/evidence.h"
#include "daemon/queue/queue.h"

#include "tests/sim/model.h"
#include "tests/sim/rng.h"

#include <stdio.h>

#define BEGIN_MS  1800000000000LL
#define NEVER     INT64_MAX
#define MINUTE_MS 60000LL
#define HOUR_MS   3600000LL
#define DAY_MS    86400000LL

enum {
	TESTS_MAX = 48,
	PARTS_MAX = 16,
	RUNS_MAX = 6,
	WINDOWS_MAX = 6,
	SITES_MAX = 2,
	EXECS_MAX = 2048,
	FILES_MAX = 3,     /* of one execution */
	RUN_IDS_MAX = 128, /* of the queue */
	REQUESTS_KEPT = 4096
};

/* ---- the story ---- */

struct story_test {
	char suite[16], class_name[24], name[16], id[48], param[8];
	char ref[16];    /* "C12"; "": none */
	bool exists;     /* a case made by hand */
	int64_t case_id; /* of that case */
};
struct story_exec { /* one execution of a test; its index is its mark */
	size_t test;
	enum outcome outcome;
	double duration_ms;
	int64_t started_ms;
	unsigned files;
	bool namesakes; /* its files have one name */
};
enum part_state { PART_COMING, PART_TAKING, PART_TAKEN };
struct story_part {
	size_t run, first, count; /* executions */
	int64_t at_ms;
	enum part_state state;
	bool twice;    /* the same file is offered again later */
	bool log;      /* brings a file of the run */
	int64_t order; /* in which parts were taken */
	int64_t queue_run;
	char run_name[256]; /* where it went */
};
struct story_run {
	char key[16];
	int64_t end_ms;
	bool late_append, ended, ending;
	int64_t queue_run; /* 0: no part has been taken */
};

enum window_kind {
	WINDOW_DOWN,
	WINDOW_LIMITED,
	WINDOW_MAINTENANCE,
	WINDOW_LOCKED,
	WINDOW_BUSY,
	WINDOW_KINDS
};
struct window {
	enum window_kind kind;
	int64_t from_ms, to_ms, retry_after_s;
};

enum fate {
	FATE_GOOD,
	FATE_NOT_SENT,
	FATE_LOST_BEFORE,
	FATE_LOST_AFTER,
	FATE_LOST_LATE,
	FATE_SLOW,
	FATE_ERROR_BEFORE,
	FATE_ERROR_AFTER,
	FATE_BUSY_BEFORE,
	FATE_BUSY_AFTER,
	FATE_LIMITED,
	FATE_MAINTENANCE,
	FATE_GARBAGE_BEFORE,
	FATE_GARBAGE_AFTER,
	FATE_ENDLESS,
	FATES
};

/* ---- the world ---- */

/* A server, and the way to it. */
struct site {
	const char *sink; /* its name in the configuration */
	struct model model;
	const char *poison[8];
	struct window window[WINDOWS_MAX];
	size_t window_count;
	unsigned fault_often; /* in a thousand exchanges */
	unsigned fate_weight[FATES];
	int64_t unlock_ms;

	uint64_t requests, faults;
	int64_t request_at[REQUESTS_KEPT]; /* the latest, a ring */
	int64_t blocked_until_ms, blocked_at_ms;
	bool block_void; /* of a block: the clock jumped, or we died before it was written */
};

/* What the healthy server is owed of a run: since when, and what has happened since. */
struct owed_since {
	int64_t at_ms;
	uint64_t requests, crashes, jumps;
	bool known, over, settled;
};

struct exchange_op {
	struct exchange_op *next;
	struct site *site;
	transport_done_fn *done; /* NULL: answered, or whoever asked is dead */
	void *cookie;
	char *path, *body;
	size_t body_len;
	struct model_upload upload; /* name: NULL where it brings no file */
	enum fate fate;
	int64_t sent_ms, arrive_ms, answer_ms;
	bool cancelled, late; /* late: applied after the answer was given up */
	enum exchange how;
	struct answer answer;
	int64_t server_ms, retry_after_s;
};

struct world {
	struct transport wire; /* first */
	uint64_t seed;
	struct rng rng; /* of what happens */
	bool trace;

	int64_t now_ms, mono_ms, wall_skew_ms;

	/* story */
	char yaml[2600];
	bool create, each, hold, close, by_ref;
	enum evidence_of files; /* which are to be attached */
	int64_t linger_ms;
	double rate;
	struct story_test test[TESTS_MAX];
	size_t test_count;
	struct story_exec exec[EXECS_MAX];
	size_t exec_count;
	struct story_part part[PARTS_MAX];
	size_t part_count;
	struct story_run run[RUNS_MAX];
	size_t run_count;
	int64_t calm_ms;      /* faults are lifted then */
	unsigned crash_often; /* in a thousand points */
	unsigned hurry_often; /* in a thousand turns of the queue */
	unsigned deletions, jumps, crashes_left;
	int64_t next_deletion_ms, next_jump_ms;

	struct site site[SITES_MAX];
	size_t site_count;
	struct site *healthy; /* while the other one is away; NULL: no such thing is told */
	struct owed_since owed[RUN_IDS_MAX];

	/* the process */
	char dir[64];
	unsigned life;
	bool dead; /* what still comes back is of a life that is over */
	bool stopped, closed;
	struct config *config;
	struct queue *queue;
	struct dispatch *dispatch;
	int64_t arm_ms; /* mono */
	struct exchange_op *ops;
	size_t feeding; /* part + 1 under way; 0: none */
	int64_t order;

	/* what is counted */
	bool retried; /* somebody had what was parked sent again */
	uint64_t requests, faults, crashes, jumped, turns;
	int64_t jumped_ms; /* when the clock last did */
	char failed[1024]; /* the first violation */
	char property[16];
};

void story_make(struct world *w);
/* Cases go away and clocks jump. */
void story_happen(struct world *w);
int64_t story_next_ms(const struct world *w);
const struct window *story_window(const struct world *w, const struct site *s, enum window_kind kind);
struct result;
struct arena;
void story_result(const struct world *w, size_t exec, struct arena *a, struct result *out);
/* A file of an execution, or of the run that a part brings.  Its size says which one it is. */
void story_file(const struct world *w, size_t exec, unsigned number, struct arena *a, struct evidence *out);
void story_log(size_t part, struct arena *a, struct evidence *out);
bool story_file_of(const struct world *w, int64_t size, size_t *exec, size_t *part); /* the other: SIZE_MAX */

bool world_run(struct world *w, uint64_t seed, bool trace);
void world_fail(struct world *w, const char *property, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void world_advance(struct world *w, int64_t to_ms);
void world_trace(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whether the process dies here. */
bool world_crash_point(struct world *w, const char *where);

/* When the next report or end of a run comes in, NEVER; and lets it. */
int64_t feed_next_ms(const struct world *w);
bool feed_turn(struct world *w);
/* Lets it come in right now, between a question to the queue and what is made of the answer. */
void feed_hurry(struct world *w);
bool feed_over(const struct world *w);
void feed_interrupted(struct world *w); /* the process died */
/* Until when the healthy server's share must be settled, and judges it then. */
int64_t feed_deadline_ms(const struct world *w);
bool feed_judge(struct world *w);

extern const struct transport_ops wire_ops;
int64_t wire_next_ms(const struct world *w);
/* Lets everything happen that is due.  true: one thing did. */
bool wire_turn(struct world *w);
void wire_abandon(struct world *w); /* the dead life's exchanges: told that they were cancelled */
void wire_clear(struct world *w);
bool wire_idle(const struct world *w);

/* What the process says of itself (oracle_see). */
struct parked_seen {
	char name[64], reason[700];
	int64_t delivery;
	bool file;
};
struct delivery_seen {
	int64_t id, run;
	char sink[16], name[80], reason[700];
	enum delivery_state state;
	uint64_t owed, files_owed;
};
struct seen {
	struct delivery_seen *delivery;
	struct parked_seen *parked;
	size_t delivery_count, parked_count;
	bool done;
};
void oracle_see(struct world *w, struct seen *s, bool parked);
void seen_done(struct seen *s);
/* The delivery of the run to the site is parked with all that it owes, or this of it (NULL: nothing of it). */
const struct delivery_seen *seen_delivery(const struct seen *s, const struct site *site,
					  const char *run_name);
bool seen_parked(const struct seen *s, const struct site *site, const char *run_name, const char *key,
		 bool file);

void oracle_judge(struct world *w);
void oracle_judge_files(struct world *w, struct site *site, const struct seen *s);
/* Words that somebody gave for a refusal. */
bool oracle_said(const struct site *site, const char *reason);
void oracle_tell(struct world *w); /* what the process believes, in the trace */
/* All that a run owed was applied: the world lives. */
bool oracle_settled(struct world *w, bool *parked_whole);

/* The executions that decide the tests of one case, in one run, and the reports that they came with. */
struct final {
	size_t last[TESTS_MAX];
	size_t tests, parts;
};
void oracle_finals(const struct world *w, const char *run_name, const char *key, struct final *f);
const struct model_run *oracle_run(const struct site *site, const char *run_name);

#endif
