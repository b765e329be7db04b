/* SPDX-License-Identifier: Apache-2.0
 *
 * group.c - results of finished parts -> tests: equal identities of one run are one test.
 *
 * Done in slices: the results of a slice are sorted by identity, so that the index of a run, however large, is
 * walked once a slice and in order.  Tests are numbered in the order of their first results (with gaps where a
 * result joins an earlier test).
 *
 * A slice is worked off in pieces, each in a transaction of some milliseconds, since others wait meanwhile:
 * first the identities, in their order, then the tests, in theirs.  The run's row says how far the tests are.
 * Identities that are ahead of it do no harm: after a crash the same results get the same numbers, and so
 * know their own again.  One slice is in hand at a time; who comes for another run helps to end it. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum {
	SLICE = 65536,
	PIECE = 4096,    /* rows of a transaction at most, */
	PIECE_MS = 12,   /* and no more once it has taken so long, */
	LOOK_EACH = 256, /* which is looked at each so many */
};

struct entry {
	uint8_t identity[IDENTITY_SIZE];
	int64_t ref, started_ms;
	int64_t no; /* of its test */
	uint32_t flags;
	uint32_t at;    /* place in the slice */
	uint32_t parts; /* of the slice that end before it */
	bool first;     /* begins a new test */
};

struct progress { /* of a run, as its row has it */
	int64_t grouped, chunk, next_no, agains;
};

struct grouping {
	int64_t run;
	struct progress saved;  /* what the row holds by now */
	int64_t grouped, chunk; /* behind the slice */
	int64_t first_part, first_no;
	bool full;     /* more follows behind it */
	bool lost;     /* a damaged disk took results; said once, so all is done at once */
	bool numbered; /* identities are done */
	struct entry *entry;
	size_t count, room, at;
};

static int by_name(const struct entry *x, const struct entry *y)
{
	return memcmp(x->identity, y->identity, IDENTITY_SIZE);
}

static int by_identity(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = by_name(x, y);

	return c != 0 ? c : x->at < y->at ? -1 : 1;
}

static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->at < y->at ? -1 : 1;
}

void counts_add(struct counts *c, uint32_t flags, int64_t by)
{
	bool passed = (flags & ENTRY_OUTCOME) == OUTCOME_PASSED;

	c->outcome[flags & ENTRY_OUTCOME] += by;
	if ((flags & ENTRY_FLAKY) != 0 || (passed && (flags & ENTRY_BAD) != 0))
		c->flaky += by;
	if ((flags & ENTRY_KNOWN) != 0)
		c->known += by;
}

uint32_t fold_first(uint32_t flags)
{
	bool bad = (flags & ENTRY_OUTCOME) >= OUTCOME_FAILED || (flags & (ENTRY_FLAKY | ENTRY_RETRIED)) != 0;

	return bad ? flags | ENTRY_BAD : flags;
}

bool fold_further(uint32_t *flags, int64_t *started_ms, uint32_t further, int64_t further_started_ms)
{
	bool unknown = *started_ms == TIME_UNKNOWN || further_started_ms == TIME_UNKNOWN;
	bool later = unknown || further_started_ms >= *started_ms;

	/* Those of one instant come in no order. */
	if ((further & ENTRY_RETRIED) != 0 && (*flags & ENTRY_RETRIED) == 0)
		later = !unknown && further_started_ms > *started_ms;
	further = fold_first(further);
	if (later) {
		*flags = further | (*flags & (ENTRY_BAD | ENTRY_REFS)) | ENTRY_MANY;
		*started_ms = further_started_ms;
	} else {
		*flags |= (further & ENTRY_BAD) | ENTRY_MANY;
	}
	return later;
}

static struct db_value time_value(int64_t ms)
{
	return ms == TIME_UNKNOWN ? db_n() : db_i(ms);
}

/* One further result of a test that is there. */
static void add_again(struct queue *q, int64_t run, int64_t seq, const struct entry *e, struct counts *c)
{
	uint32_t flags, old;
	int64_t started;

	db_run(q->db, "INSERT INTO again(run, seq, no, result, started) VALUES(?1, ?2, ?3, ?4, ?5)",
	       DB(db_i(run), db_i(seq), db_i(e->no), db_i(e->ref), time_value(e->started_ms)));
	struct db_stmt *s = db_query(q->db, "SELECT flags, started FROM test WHERE run = ?1 AND no = ?2",
				     DB(db_i(run), db_i(e->no)));
	if (!db_row(s))
		return;
	old = (uint32_t)db_int(s, 0);
	started = db_int_or(s, 1, TIME_UNKNOWN);
	db_end(s);
	flags = old;
	bool later = fold_further(&flags, &started, e->flags, e->started_ms);
	counts_add(c, old, -1);
	counts_add(c, flags, 1);
	if (later)
		db_run(q->db,
		       "UPDATE test SET last = ?3, started = ?4, flags = ?5 WHERE run = ?1 AND no = ?2",
		       DB(db_i(run), db_i(e->no), db_i(e->ref), time_value(e->started_ms), db_i(flags)));
	else
		db_run(q->db, "UPDATE test SET flags = ?3 WHERE run = ?1 AND no = ?2",
		       DB(db_i(run), db_i(e->no), db_i(flags)));
}

/* ---- the pieces of a slice ---- */

struct piece {
	size_t done, most;
	int64_t begun_ms;
};

static bool piece_over(const struct piece *p)
{
	if (p->done >= p->most)
		return true;
	return p->done % LOOK_EACH == LOOK_EACH - 1 && p->most != SIZE_MAX &&
	       clock_mono_ms() - p->begun_ms > PIECE_MS;
}

/* Identities get their numbers; false where the piece ends before them. */
static bool number(struct queue *q, struct grouping *g, struct piece *p)
{
	if (g->entry == NULL)
		return true;
	for (size_t end; g->at < g->count && db_failed(q->db, NULL) == 0; g->at = end) {
		struct entry *e = &g->entry[g->at];
		int64_t own = g->first_no + e->at;
		if (piece_over(p))
			return false;
		for (end = g->at + 1; end < g->count && by_name(&g->entry[end], e) == 0;)
			end++;
		db_run(q->db,
		       "INSERT INTO identity(run, identity, no) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
		       DB(db_i(g->run), db_b(e->identity, IDENTITY_SIZE), db_i(own)));
		e->no = own;
		if (db_changes(q->db) == 0)
			e->no = db_get(q->db, "SELECT no FROM identity WHERE run = ?1 AND identity = ?2",
				       DB(db_i(g->run), db_b(e->identity, IDENTITY_SIZE)), 0);
		e->first = e->no == own; /* also where it was in hand when a process ended */
		for (size_t k = g->at + 1; k < end; k++)
			g->entry[k].no = e->no;
		p->done++;
	}
	return db_failed(q->db, NULL) == 0;
}

/* Tests are stored; a piece ends where a chunk does. */
static void store(struct queue *q, struct grouping *g, struct piece *p, struct counts *c)
{
	if (g->entry == NULL)
		return;
	for (bool over = false; g->at < g->count && db_failed(q->db, NULL) == 0; g->at++, p->done++) {
		const struct entry *e = &g->entry[g->at];
		over = over || piece_over(p);
		if (over && (g->at == 0 || ref_chunk(e->ref) != ref_chunk(e[-1].ref)))
			return;
		if (!e->first) {
			add_again(q, g->run, g->saved.agains + ++c->agains, e, c);
			continue;
		}
		db_run(q->db, "INSERT INTO test(run, no, first, started, flags) VALUES(?1, ?2, ?3, ?4, ?5)",
		       DB(db_i(g->run), db_i(e->no), db_i(e->ref), time_value(e->started_ms),
			  db_i(fold_first(e->flags))));
		c->tests++;
		counts_add(c, fold_first(e->flags), 1);
	}
}

/* The row tells of all tests before the entry that is next. */
static void save(struct queue *q, struct grouping *g, const struct counts *c)
{
	struct progress to = { .grouped = g->grouped,
			       .chunk = g->chunk,
			       .next_no = g->first_no + (int64_t)g->at,
			       .agains = g->saved.agains + c->agains };

	if (g->entry != NULL && g->at < g->count) {
		to.grouped = g->first_part + g->entry[g->at].parts;
		to.chunk = ref_chunk(g->entry[g->at].ref);
	}
	db_run(q->db,
	       "UPDATE run SET grouped = ?2, grouped_chunk = ?3, next_no = ?4, agains = ?5,"
	       " tests = tests + ?6, passed = passed + ?7, skipped = skipped + ?8,"
	       " failed = failed + ?9, error = error + ?10, flaky = flaky + ?11,"
	       " known_failures = known_failures + ?12 WHERE id = ?1",
	       DB(db_i(g->run), db_i(to.grouped), db_i(to.chunk), db_i(to.next_no), db_i(to.agains),
		  db_i(c->tests), db_i(c->outcome[OUTCOME_PASSED]), db_i(c->outcome[OUTCOME_SKIPPED]),
		  db_i(c->outcome[OUTCOME_FAILED]), db_i(c->outcome[OUTCOME_ERROR]), db_i(c->flaky),
		  db_i(c->known)));
	g->saved = to;
}

/* One piece; true where the slice is done with it. */
static bool work(struct queue *q, struct grouping *g)
{
	/* Few results are done at once: a short run costs one transaction. */
	struct piece piece = { .most = g->lost || g->count <= PIECE ? SIZE_MAX : PIECE,
			       .begun_ms = clock_mono_ms() };
	struct counts c = { 0 };

	if (!g->numbered) {
		if (!number(q, g, &piece))
			return false;
		if (g->entry != NULL)
			qsort(g->entry, g->count, sizeof(*g->entry), by_place);
		g->numbered = true;
		g->at = 0;
		if (piece.most != SIZE_MAX)
			return false;
	}
	store(q, g, &piece, &c);
	save(q, g, &c);
	return g->at == g->count;
}

/* ---- a slice ---- */

/* Of the chunk whose row this is. */
static unsigned chunk_entries(struct db_stmt *s)
{
	size_t len;
	const uint8_t *index = db_blob(s, 1, &len);

	return index == NULL ? 0 : chunk_index_count(index, len);
}

/* Entries of one chunk; *lost grows by those that a damaged disk took away. */
static size_t read_chunk(struct db_stmt *s, struct entry *out, size_t room, bool *full, int64_t *lost)
{
	size_t len, n = 0;
	int64_t chunk = db_int(s, 0), expected = db_int(s, 2);
	const uint8_t *index = db_blob(s, 1, &len);
	unsigned count = index == NULL ? 0 : chunk_index_count(index, len);

	*full = count > room;
	if (*full)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		struct chunk_entry e;
		if (!chunk_entry_get(index, len, i, &e))
			continue;
		out[n] = (struct entry){ .ref = result_ref(chunk, i),
					 .started_ms = e.started_ms,
					 .flags = e.flags & ENTRY_STORED };
		memcpy(out[n].identity, e.identity, IDENTITY_SIZE);
		n++;
	}
	*lost += expected - (int64_t)n;
	return n;
}

/* Nothing is dropped silently: what cannot be read stands among the bad reports. */
static void say_lost(struct queue *q, int64_t part, int64_t lost)
{
	char *reason = xasprintf("%lld results are damaged on disk", (long long)lost);

	db_run(q->db,
	       "INSERT INTO bad(run_key, path, kept, reason, at_ms)"
	       " SELECT r.key, p.path, p.kept, ?2, ?3 FROM part p JOIN run r ON r.id = p.run"
	       " WHERE p.id = ?1",
	       DB(db_i(part), db_s(reason), db_i(clock_wall_ms())));
	free(reason);
}

/* Room for at least one more entry, unless the slice is full. */
static void grow(struct grouping *g, unsigned by)
{
	size_t room = g->room < 1024 ? 1024 : g->room;

	while (room < g->count + by && room < SLICE)
		room *= 2;
	if (room == g->room)
		return;
	g->entry = xrealloc(g->entry, room, sizeof(*g->entry));
	g->room = room;
}

static int64_t next_part(struct queue *q, const struct grouping *g)
{
	return db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
		      DB(db_i(g->run), db_i(g->grouped + 1)), 0);
}

/* Entries of the part that is next, and on to the next one; false where there is none or no room. */
static bool read_part(struct queue *q, struct grouping *g)
{
	int64_t lost = 0, part = next_part(q, g);

	if (part == 0)
		return false;
	if (g->chunk < chunk_id(part, 0))
		g->chunk = chunk_id(part, 0);
	struct db_stmt *s =
		db_query(q->db, "SELECT id, idx, count FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id",
			 DB(db_i(g->chunk), db_i(chunk_id(part + 1, 0))));
	while (!g->full && db_row(s)) {
		int64_t chunk = db_int(s, 0);
		grow(g, chunk_entries(s));
		size_t n = read_chunk(s, g->entry + g->count, g->room - g->count, &g->full, &lost);
		for (size_t i = g->count; i < g->count + n; i++) {
			g->entry[i].at = (uint32_t)i;
			g->entry[i].parts = (uint32_t)(g->grouped - g->first_part);
		}
		g->count += n;
		if (!g->full)
			g->chunk = chunk + 1;
	}
	db_end(s);
	if (lost > 0)
		say_lost(q, part, lost);
	g->lost = g->lost || lost > 0;
	if (g->full)
		return false;
	g->grouped++;
	g->chunk = 0;
	return true;
}

static bool read_progress(struct queue *q, int64_t run, struct progress *out)
{
	struct db_stmt *s = db_query(q->db,
				     "SELECT grouped, grouped_chunk, next_no, agains FROM run"
				     " WHERE id = ?1 AND grouped < ready",
				     DB(db_i(run)));

	if (!db_row(s))
		return false;
	*out = (struct progress){ db_int(s, 0), db_int(s, 1), db_int(s, 2), db_int(s, 3) };
	db_end(s);
	return true;
}

static void begin(struct queue *q, int64_t run, const struct progress *from)
{
	struct grouping *g = xcalloc(1, sizeof(*g));

	*g = (struct grouping){ .run = run,
				.saved = *from,
				.grouped = from->grouped,
				.chunk = from->chunk,
				.first_part = from->grouped,
				.first_no = from->next_no };
	while (db_failed(q->db, NULL) == 0 && read_part(q, g))
		;
	if (g->entry != NULL)
		qsort(g->entry, g->count, sizeof(*g->entry), by_identity);
	q->grouping = g;
}

void group_forget(struct queue *q)
{
	if (q->grouping == NULL)
		return;
	free(q->grouping->entry);
	free(q->grouping);
	q->grouping = NULL;
}

/* The slice in hand is of a run that is there still, and stands where it stood. */
static bool in_hand(struct queue *q)
{
	struct progress now;
	const struct progress *was = q->grouping == NULL ? NULL : &q->grouping->saved;

	return was != NULL && read_progress(q, q->grouping->run, &now) && now.grouped == was->grouped &&
	       now.chunk == was->chunk && now.next_no == was->next_no && now.agains == was->agains;
}

size_t group_slice(struct queue *q, int64_t run, bool *more)
{
	struct progress from;
	size_t n = 0;

	*more = false;
	if (!in_hand(q)) {
		group_forget(q);
		if (!read_progress(q, run, &from))
			return 0;
		begin(q, run, &from);
		*more = !q->grouping->lost && q->grouping->count > PIECE; /* that was a piece's work */
	}
	if (!*more) {
		const struct grouping *g = q->grouping;
		bool done = work(q, q->grouping);
		/* A part may have come while the slice was in hand. */
		*more = !done || g->run != run || next_part(q, g) != 0;
		n = g->count;
		if (done)
			group_forget(q);
	}
	if (db_failed(q->db, NULL) < 0)
		group_forget(q);
	return n;
}
