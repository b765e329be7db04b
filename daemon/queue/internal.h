/* SPDX-License-Identifier: Apache-2.0
 *
 * internal.h - what the files of the queue share among themselves; nobody else includes it.
 *
 * A call becomes an op: copied arguments, a function for the queue's thread and one for the loop.  Ops run
 * in the order of the calls; those that write and wait together share one commit, and no answer leaves
 * before it.  An op that fails is undone alone. */
#ifndef RD_QUEUE_INTERNAL_H
#define RD_QUEUE_INTERNAL_H

#include "daemon/base/arena.h"
#include "daemon/queue/chunk.h"
#include "daemon/queue/db.h"
#include "daemon/queue/queue.h"

#include <stdatomic.h>

/* ---- ops (runner.c) ---- */

enum {
	OP_WRITE = 1,   /* runs in a transaction */
	OP_LAZY = 2,    /* a write that may wait for the next one's commit: a part that is being loaded is
			 * void after a crash anyway */
	OP_ALONE = 4,   /* a large write: has its transaction to itself */
	OP_HERE = 8,    /* answered on the queue's thread */
	OP_PRESS = 16,  /* a full disk is asked for room, and it is tried once more */
	OP_GATHER = 32, /* a write that waits a moment for others of its kind, where such are under way */
};
enum { OP_AGAIN = 1 }; /* work() did a slice: commit it, let others pass, call it again */

struct op {
	struct op *next;
	unsigned flags;
	/* Queue thread.  0, OP_AGAIN or a negative errno with err filled; an error of the database need not
	 * be returned. */
	int (*work)(struct queue *q, struct op *op, struct err *err);
	void (*answer)(struct queue *q, struct op *op, int rc, const struct err *err); /* loop thread */
	/* Queue thread, once rc is final (committed, or not); NULL: nothing. */
	void (*settled)(struct queue *q, struct op *op);
	void (*drop)(struct op *op); /* frees what the struct owns, not the struct; NULL: nothing */
	int rc;
	struct err *err; /* heap, where rc < 0 */
	size_t weight;   /* bytes of text it holds */
};

/* Zeroed memory of a struct that begins with its op. */
void *op_new(size_t size, unsigned flags, int (*work)(struct queue *, struct op *, struct err *),
	     void (*answer)(struct queue *, struct op *, int, const struct err *), void (*drop)(struct op *));
void op_start(struct queue *q, struct op *op);

/* An op whose answer is a queue_done_fn. */
struct done_op {
	struct op op;
	queue_done_fn *done;
	void *cookie;
};
void done_answer(struct queue *q, struct op *op, int rc, const struct err *err);

/* ---- the queue ---- */

enum { VIEWS = 4, INDEXES = 3 };

struct chunk_view { /* an unpacked chunk, and where its lines begin */
	int64_t id; /* 0: empty */
	uint64_t used;
	char *text;
	size_t len;
	uint32_t *line;
	unsigned count;
};
struct chunk_index {
	int64_t id;
	uint64_t used;
	uint8_t *data;
	size_t len;
};

struct loading { /* a part between queue_take() and its end; queue thread */
	struct loading *next;
	int64_t part;
	uint64_t chunks, results, evidence; /* that were stored for it */
	bool given_up;                      /* its row is being removed */
	bool again;                         /* which failed: once more, when the disk takes writes */
	char *reason;
};

struct runner;
struct queue {
	struct db *db; /* queue thread, as all that follows */
	char *path;
	struct digest *digest;
	struct chunk_packer *packer;
	struct chunk_view view[VIEWS];
	struct chunk_index index[INDEXES];
	uint64_t clock;              /* of the two caches */
	int64_t next_run, next_part; /* ids are not used twice while the process lives */
	uint64_t seed;
	int64_t began_wall_ms, began_mono_ms; /* 0: not asked yet */
	struct loading *loading;
	/* The variables that came last, and the run that has them. */
	int64_t vars_run;
	char *vars;
	struct grouping *grouping; /* a slice in hand (group.c); NULL: none */
	struct runner *runner;     /* runner.h: threads and lists */
};

/* Whether the file system under path is one that SQLite must not be put on; its name, else NULL. */
const char *open_refused_file_system(unsigned long magic);
int open_database(struct queue *q, const struct queue_options *options, struct queue_opened *opened,
		  struct err *err);
void open_close_database(struct queue *q, bool damaged);

/* Bytes of chunks that writers handed over and that are not stored yet. */
void queue_hand_over(struct queue *q, struct op *op); /* waits while there are too many */
bool queue_inline(const struct queue *q);
/* Without a thread: runs what waits, leaves the answers for queue_turn(). */
void queue_run_inline(struct queue *q);
bool queue_is_broken(struct queue *q);
bool queue_ending(struct queue *q); /* it is being closed: work that can wait ends early */

/* ---- enums that are stored: never renumber ---- */

enum item_state { ITEM_OWED, ITEM_UNBOUND, ITEM_NEW, ITEM_PARKED, ITEM_POSTED, ITEM_IGNORED };
enum { ITEM_STATES = 6 };
enum part_state { PART_LOADING, PART_READY };
enum attach_state {
	ATTACH_WAITING, /* for its result, or for the run, to have an id over there */
	ATTACH_OWED,
	ATTACH_AWAITED, /* the file is not there yet */
	ATTACH_PARKED,
	ATTACH_POSTED,
	ATTACH_IGNORED,
	ATTACH_FOUND /* the file came late: whether it is wanted is asked once more */
};
enum { ATTACH_STATES = 7, ATTACH_OF_RUN = -1 /* in place of an item */ };
enum link_state { LINK_OWED, LINK_PARKED, LINK_POSTED, LINK_IGNORED };

/* ---- chunks, read (store.c) ---- */

/* False where it is gone or damaged (the database's failure says so). */
bool store_entry(struct queue *q, int64_t ref, struct chunk_entry *out); /* valid until the next call */
const struct chunk_index *store_index(struct queue *q, int64_t chunk, unsigned *count);
/* Reads one result into arena; *bytes grows by the length of its text. */
int store_result(struct queue *q, int64_t ref, struct arena *arena, struct result *out, size_t *bytes,
		 struct err *err);
void store_forget(struct queue *q);
/* Deletes at most `max` chunks of the part with seq < before; how many there were. */
int64_t store_delete_chunks(struct queue *q, int64_t part, int64_t before, int64_t max);

/* ---- runs.c ---- */

struct loading *runs_loading(struct queue *q, int64_t part); /* NULL also where it was given up */
/* The disk takes writes: parts that could not be given up for want of room are given up now. */
void runs_abandon_again(struct queue *q);
void runs_loading_free(struct queue *q);
/* Deliveries of an ended run (0: of all) that wait for more, though none will come, are due. */
void runs_wake_ended(struct queue *q, int64_t run, int64_t now_ms);
void runs_remove_if_empty(struct queue *q, int64_t run);
int64_t runs_add_delivery(struct queue *q, int64_t run, const char *sink, bool backfill, int64_t now_ms,
			  int64_t due_ms);

/* ---- group.c: results -> tests ---- */

struct counts { /* of tests, or changes of such counts */
	int64_t tests, agains, outcome[OUTCOME_COUNT], flaky, known;
};
void counts_add(struct counts *c, uint32_t flags, int64_t by);
/* Flags of a test after its first result, and after each further one: the latest decides, and where both
 * stamps are known an older one is not the latest (false). */
uint32_t fold_first(uint32_t flags);
bool fold_further(uint32_t *flags, int64_t *started_ms, uint32_t further, int64_t further_started_ms);

/* One bounded piece of work for the run; how many results its slice held.  *more: another one is due. */
size_t group_slice(struct queue *q, int64_t run, bool *more);
/* What was done of a slice may have been rolled back: it is begun anew. */
void group_forget(struct queue *q);

/* ---- count.c: the same counts, without writing anything ---- */

struct counting { /* zeroed at the start */
	struct counts counts;
	int64_t ready, results; /* parts that are counted, and what they hold */
	unsigned share, shares; /* of the identities: done, and how many there are */
	bool folded;            /* every result is sorted, since repeats are the rule */
};
/* Counts the tests of a run, one share of the identities a call; true while there is more. */
bool count_slice(struct queue *q, int64_t run, struct counting *c);

/* ---- items and counters (items.c) ---- */

struct tally { /* what one op changes in the delivery's counters */
	int64_t delivery;
	int64_t n[ITEM_STATES];
};
static inline struct tally items_tally_of(int64_t delivery)
{
	return (struct tally){ .delivery = delivery };
}
void items_save_tally(struct queue *q, struct tally *t);
/* An item is named within its delivery by its test and which of the test's cases it is. */
enum { ITEM_CASE_BITS = 12, ITEM_CASES = 1 << ITEM_CASE_BITS };
static inline int64_t item_test(int64_t id)
{
	return id >> ITEM_CASE_BITS;
}
static inline int64_t item_first(int64_t test)
{
	return test << ITEM_CASE_BITS;
}

struct item {
	int64_t delivery, id, remote, place; /* remote, place: 0 none */
	enum item_state state;
	bool posted; /* an earlier state of the test was posted for it */
};
/* Columns of every query that items_read() reads. */
#define ITEM_COLUMNS "id, state, coalesce(remote, 0), coalesce(place, 0), coalesce(posted, 0)"
void items_read(struct db_stmt *s, int64_t delivery, struct item *out);
bool items_get(struct queue *q, int64_t delivery, int64_t id, struct item *out);
void items_add(struct queue *q, struct tally *t, const struct item *item, int64_t epoch);
/* Moves an item to another state; keeps the tally right.  reason: stored with PARKED and IGNORED. */
void items_move(struct queue *q, struct tally *t, const struct item *item, enum item_state to,
		const char *reason);
void items_post(struct queue *q, struct tally *t, const struct item *item, int64_t started_ms,
		const char *rid);
void items_bind(struct queue *q, struct tally *t, const struct item *item, int64_t remote);
/* Items of a delivery that are owed for a case which is gone: matched anew, and with them what was posted to it. */
void items_release(struct queue *q, int64_t delivery, int64_t remote);
/* All that was posted is owed again: the run that held it is gone.  parent: only to cases with this one. */
void items_owe_posted(struct queue *q, int64_t delivery, const char *parent, struct tally *t);
int owed_fill(struct queue *q, int64_t delivery, struct owed *out, struct err *err);
/* Whether parts came whose results the delivery has no items for yet. */
bool items_unseen(struct queue *q, int64_t delivery);
/* The key by which a case is made for the item's test: automation id, or title. */
int64_t items_key(struct queue *q, int64_t run, int64_t id, bool by_title, struct chunk_entry *entry);

/* What most ops want to know of a delivery. */
struct brief {
	int64_t id, run, resolved, resolved_again, epoch, linked;
	int64_t n[ITEM_STATES];
	char sink[128], scope[128];
	bool matching, by_title;
	enum delivery_state state;
	int64_t ev[ATTACH_STATES], ev_part, ev_next, links_next;
	bool failing, links; /* links: it wants to know of defects */
};
int brief_get(struct queue *q, int64_t delivery, struct brief *out, struct err *err);

/* The name of an item's test, in arena; "?" where it cannot be read. */
const char *items_name(struct queue *q, int64_t run, int64_t item, struct arena *arena);
/* Why things of a delivery are in a state, by how many they are, the most first, with names of some. */
struct reason_line;
struct reasons {
	int64_t delivery;
	int state;
	int64_t run;        /* not 0: `names` finds items of this run; 0: texts */
	const char *counts; /* SQL: reason, count; ?1 delivery, ?2 state, ?3 how many */
	const char *names;  /* SQL: one column; ?1 delivery, ?2 state, ?3 reason, ?4 how many */
	const char *none;   /* said where there is no reason */
};
const struct reason_line *reasons_read(struct queue *q, const struct reasons *of, struct arena *a,
				       size_t *count);

/* ---- evidence.c ---- */

/* Evidence of a part is numbered as its chunks are.  What a part that is being loaded gave before the number `before` is void; how many there were. */
int64_t evidence_void(struct queue *q, int64_t part, int64_t before);
/* Deletes at most max rows of a part; remove (NULL: nobody) is told of blobs that no row names any more. */
int64_t evidence_delete(struct queue *q, int64_t part, int64_t max,
			void (*remove)(void *cookie, const char *kept), void *cookie);
/* A copy that lives in the arena, for the queue's thread. */
void evidence_hold(struct evidence *out, const struct evidence *e, struct arena *a);
bool evidence_named(struct queue *q, const char *kept);
/* The result of an evidence row did not simply pass. */
bool evidence_bad(struct queue *q, int64_t ref);
/* What is awaited in ended runs (run 0: in all of them) will not come any more: it is missing. */
void evidence_run_over(struct queue *q, int64_t run, int64_t now_ms);
void evidence_count(struct queue *q, int64_t run, struct evidence_counts *out);
/* What is missing or was refused, of one run (0: of all): each once, at most max; NULL: none. */
const struct evidence_line *evidence_lost(struct queue *q, int64_t run, size_t max, struct arena *a,
					  size_t *count);

/* ---- attach.c: what deliveries owe of evidence ---- */

/* Sorts a slice of the evidence that the delivery has not seen: what is wanted gets its attaches.
 * OP_AGAIN while there is more. */
int attach_sort(struct queue *q, struct brief *d, const struct evidence_policy *policy);
/* The item was posted as this result (rid NULL: nobody knows its id), or will never be. */
void attach_posted(struct queue *q, int64_t delivery, int64_t item, const char *rid);
void attach_ignored(struct queue *q, int64_t delivery, int64_t item, const char *why);
void attach_copy(struct queue *q, int64_t delivery, int64_t from, int64_t to); /* a further case of a test */
void attach_run_known(struct queue *q, int64_t delivery); /* the delivery has its remote id */
/* The run is gone with all results and files: each waits for its result, or for the run, once more.
 * parent: only those of results of cases with this one. */
void attach_run_gone(struct queue *q, int64_t delivery, const char *parent);
/* An evidence was settled: the attaches that awaited it. */
void attach_found(struct queue *q, int64_t evidence, bool kept, const char *reason, int64_t now_ms);
/* Moves one from the state it is in; false where it is in another. */
bool attach_move(struct queue *q, int64_t delivery, int64_t attach, enum attach_state from,
		 enum attach_state to, const char *aid, const char *reason);
/* Files of the item that have no name yet and are owed at this result: there is no place for them. */
void attach_left_out(struct queue *q, int64_t delivery, int64_t item, const char *rid, bool bad,
		     const char *why);
/* What was parked is owed again (reason not NULL: those whose words hold it); how many. */
int64_t attach_retry(struct queue *q, int64_t delivery, const char *reason);

void attach_recount(struct queue *q, int64_t delivery); /* after rows came from elsewhere */

/* Rows of evidence are told from items by their ids. */
#define ROW_OF_ATTACH (INT64_C(1) << 62)
static inline int64_t row_of_attach(int64_t attach)
{
	return ROW_OF_ATTACH | attach;
}
/* And rows of defects likewise. */
#define ROW_OF_LINK (INT64_C(1) << 61)
static inline int64_t row_of_link(int64_t link)
{
	return ROW_OF_LINK | link;
}
static inline bool row_is_link(int64_t row)
{
	return row >= ROW_OF_LINK && row < ROW_OF_ATTACH;
}
static inline int64_t link_of_row(int64_t row)
{
	return row & (ROW_OF_LINK - 1);
}
static inline bool row_is_attach(int64_t row)
{
	return row >= ROW_OF_ATTACH;
}
static inline int64_t attach_of_row(int64_t row)
{
	return row & (ROW_OF_ATTACH - 1);
}

/* ---- links.c: defects, told to the results ---- */

/* A test of the run has this item; url, state: what is told of it (state NULL: nothing is known). */
void links_found(struct queue *q, int64_t run, int64_t no, const char *rid, const char *url,
		 const char *state);
/* The delivery of failures rests: what it has found may be told, and nobody need wait who waited for its end. */
void links_wake(struct queue *q, int64_t run, const char *sink, int64_t now_ms);
void links_want(struct queue *q, struct brief *d, const char *from); /* "": none */
/* Whether the tracker has still to say what it makes of the run's failures. */
bool links_awaited(struct queue *q, const struct brief *d);
bool links_owed(struct queue *q, int64_t delivery); /* that could be sent now */
bool links_parked(struct queue *q, int64_t delivery);
uint64_t links_count(struct queue *q, int64_t delivery, enum link_state state);
/* Why they are in that state: names are ids of defects. */
const struct reason_line *links_reasons(struct queue *q, int64_t delivery, enum link_state state,
					struct arena *a, size_t *count);
/* Lines of an export (carry_links.c); false: they are none. */
bool carry_take_defect(struct queue *q, int64_t run, const struct db_value *v);
bool carry_take_telling(struct queue *q, int64_t run, int64_t delivery, const struct db_value *v);
bool carry_take_link(struct queue *q, int64_t run, int64_t delivery, const struct db_value *v);
bool links_unseen(struct queue *q, int64_t delivery); /* there are defects without their links */
/* New defects of the run become links.  OP_AGAIN while there is more. */
int links_sort(struct queue *q, struct brief *d);
void links_copy(struct queue *q, int64_t delivery, int64_t from, int64_t to); /* a further case of a test */
/* With all that was told: it is told again.  parent: as in attach_run_gone(). */
void links_run_gone(struct queue *q, int64_t delivery, const char *parent);
void links_settle(struct queue *q, int64_t delivery, int64_t link, enum link_state to, const char *reason);
/* The same of all that are owed for the link's case. */
void links_settle_row(struct queue *q, int64_t delivery, int64_t link, enum link_state to,
		      const char *reason);
bool links_open(struct queue *q, int64_t delivery, int64_t link);
/* As attach_retry(). */
int64_t links_retry(struct queue *q, int64_t delivery, const char *reason);

/* ---- failures.c ---- */

/* The failing tests of a run that the delivery has not seen become items, and count.  OP_AGAIN while there is
 * more. */
int failures_walk(struct queue *q, struct brief *d, const struct resolver *plan, int64_t next_no);
int failures_rematch(struct queue *q, struct brief *d,
		     const struct resolver *plan); /* ITEM_NEW: bound again */
/* The run's results are being posted, so what would be said of them is not known yet: how long to wait; 0: not. */
int64_t failures_wait_ms(struct queue *q, const struct brief *d);
/* What is known of a failure; NULL: nothing. */
const struct row_failure *failures_known(struct queue *q, const struct brief *d, const char *rid,
					 struct arena *arena);

/* ---- evidence_late.c ---- */

/* The run ends: files that were put by and that nobody claimed are its own. */
void evidence_early_over(struct queue *q, int64_t run, int64_t now_ms);

/* ---- held.c ---- */

/* The database is a new one, since the old one was damaged. */
void held_begin(struct queue *q, int64_t now_ms);
/* A part is taken into the run whose file was changed last then (wall; 0: not known). */
void held_take(struct queue *q, int64_t run, int64_t changed_ms);
/* The run is one whose key cannot be told, for this reason. */
void held_unkeyed(struct queue *q, int64_t run, const char *reason);
/* The part was taken under its own key: where it waited for that, it does no longer. */
void held_keyed(struct queue *q, int64_t part, int64_t run, const uint8_t sha256[32], int64_t now_ms);
void held_apply(struct queue *q, int64_t run, int64_t now_ms); /* after its deliveries were made due */
void held_release(struct queue *q, int64_t delivery);

/* Of so many lines of a delivery's journal, which are to be deleted next: what still counts in a daily quota.
 * (spent.c) */
void spent_keep(struct queue *q, int64_t delivery, size_t max);
void held_forget(struct queue *q, int64_t run); /* its deliveries go: their ids may be given again */

/* ---- journal.c ---- */

enum { JOURNAL_DROPPED = 100, JOURNAL_RETRIED, JOURNAL_BROUGHT }; /* beside enum settle: never renumber */
const char *journal_word(int64_t settle);
void journal_add(struct queue *q, int64_t delivery, int64_t now_ms, int64_t settle, const char *text);

/* ---- remote.c ---- */

int64_t remote_shelf(struct queue *q, const char *sink, const char *kind, const char *scope, bool create);
struct remote_spec {
	const char *rid, *parent, *json;
	int64_t name_key, alias_key;
};
/* keep: what spec does not know (NULL, 0) stays as it is. */
int64_t remote_put(struct queue *q, int64_t shelf, const struct remote_spec *spec, bool keep);
int64_t remote_find(struct queue *q, int64_t shelf, const char *rid); /* 0: none */
bool remote_known(struct queue *q, int64_t shelf, const char *rid);   /* there, or gone */
int64_t remote_by_alias(struct queue *q, int64_t shelf, int64_t key);
int64_t remote_by_name(struct queue *q, int64_t shelf, int64_t key);
void remote_gone(struct queue *q, const char *sink, int64_t remote);
void remote_list_begin(struct queue *q, int64_t shelf);
void remote_list_end(struct queue *q, const char *sink, int64_t shelf);
const char *remote_rid(struct queue *q, int64_t remote, struct arena *arena, const char **json,
		       const char **parent);
bool remote_within(struct queue *q, int64_t remote, const char *parent); /* it has this parent; NULL: none */

/* ---- rows as they are stored (lots.c) ---- */

struct packed_row {
	int64_t row;
	const int64_t *item;
	size_t count;
};
struct packed_rows {
	struct packed_row *row;
	size_t count;
	struct arena *arena;
};
int packed_write(const struct packed_row *row, size_t count, struct buf *out);
int packed_read(const void *blob, size_t len, struct arena *arena, struct packed_rows *out);
const struct packed_row *packed_find(const struct packed_rows *rows, int64_t row);
/* The lot that is offered before everything else; 0: none. */
int64_t lots_top(struct queue *q, int64_t delivery, enum rows_kind kind, struct arena *arena,
		 struct packed_rows *out);
bool lots_row_open(struct queue *q, int64_t delivery, enum rows_kind kind, const struct packed_row *row);
/* After a note: forgets lots that are settled. */
void lots_trim(struct queue *q, int64_t delivery, enum rows_kind kind);
/* The open rows among `rows` become two lots (one where only one is left: then its id is given). */
void lots_split(struct queue *q, int64_t delivery, enum rows_kind kind, const struct packed_rows *rows);
/* A single row was refused with these words: true where they refused all rows of its batch that were tried
 * alone, and with them the whole batch; group is then what was left of it, and no lot any more. */
bool lots_probed(struct queue *q, int64_t delivery, enum rows_kind kind, const char *reason,
		 struct arena *arena, struct packed_rows *group);

/* What the opaque id of a row means: an item, or a place where it is negative. */
static inline int64_t row_of_place(int64_t place)
{
	return -place;
}

#endif
