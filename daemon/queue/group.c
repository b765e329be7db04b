/* SPDX-License-Identifier: Apache-2.0
 *
 * group.c - results of finished parts -> tests: equal identities of one run are one test.
 *
 * Done in slices, each one transaction: the results of a slice are sorted by identity, so that the index
 * of a run, however large, is walked once a slice and in order.  Tests are numbered in the order of
 * their first results (with gaps where a result joins an earlier test). */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum { SLICE = 65536 };

struct entry {
	uint8_t identity[IDENTITY_SIZE];
	int64_t ref, started_ms;
	int64_t no; /* of its test */
	uint32_t flags;
	uint32_t at; /* place in the slice */
	bool first;  /* begins a new test */
};

static int by_identity(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = memcmp(x->identity, y->identity, IDENTITY_SIZE);

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
	bool bad = (flags & ENTRY_OUTCOME) >= OUTCOME_FAILED || (flags & ENTRY_FLAKY) != 0;

	return bad ? flags | ENTRY_BAD : flags;
}

bool fold_further(uint32_t *flags, int64_t *started_ms, uint32_t further, int64_t further_started_ms)
{
	bool later = *started_ms == TIME_UNKNOWN || further_started_ms == TIME_UNKNOWN ||
		     further_started_ms >= *started_ms;

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

static void store(struct queue *q, int64_t run, int64_t next_no, int64_t agains, struct entry *entry,
		  size_t n, struct counts *c)
{
	qsort(entry, n, sizeof(*entry), by_identity);
	for (size_t i = 0, end; i < n && db_failed(q->db, NULL) == 0; i = end) {
		struct entry *e = &entry[i];
		for (end = i + 1; end < n && memcmp(entry[end].identity, e->identity, IDENTITY_SIZE) == 0;)
			end++;
		e->no = next_no + e->at;
		db_run(q->db,
		       "INSERT INTO identity(run, identity, no) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
		       DB(db_i(run), db_b(e->identity, IDENTITY_SIZE), db_i(e->no)));
		e->first = db_changes(q->db) == 1;
		if (!e->first)
			e->no = db_get(q->db, "SELECT no FROM identity WHERE run = ?1 AND identity = ?2",
				       DB(db_i(run), db_b(e->identity, IDENTITY_SIZE)), 0);
		for (size_t k = i + 1; k < end; k++)
			entry[k].no = e->no;
	}
	qsort(entry, n, sizeof(*entry), by_place);
	for (size_t i = 0; i < n && db_failed(q->db, NULL) == 0; i++) {
		const struct entry *e = &entry[i];
		if (!e->first) {
			add_again(q, run, agains + ++c->agains, e, c);
			continue;
		}
		db_run(q->db, "INSERT INTO test(run, no, first, started, flags) VALUES(?1, ?2, ?3, ?4, ?5)",
		       DB(db_i(run), db_i(e->no), db_i(e->ref), time_value(e->started_ms),
			  db_i(fold_first(e->flags))));
		c->tests++;
		counts_add(c, fold_first(e->flags), 1);
	}
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

size_t group_slice(struct queue *q, int64_t run, bool *more)
{
	int64_t grouped = 0, next = 0, next_no = 1, agains = 0;
	struct counts c = { 0 };
	size_t n = 0;
	bool full = false;

	struct db_stmt *s = db_query(q->db,
				     "SELECT grouped, grouped_chunk, next_no, agains FROM run"
				     " WHERE id = ?1 AND grouped < ready",
				     DB(db_i(run)));
	*more = false;
	if (!db_row(s))
		return 0;
	grouped = db_int(s, 0);
	next = db_int(s, 1);
	next_no = db_int(s, 2);
	agains = db_int(s, 3);
	db_end(s);

	struct entry *entry = xcalloc(SLICE, sizeof(*entry));
	while (!full) {
		int64_t part =
			db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
			       DB(db_i(run), db_i(grouped + 1)), 0);
		if (part == 0)
			break;
		if (next < chunk_id(part, 0))
			next = chunk_id(part, 0);
		int64_t lost = 0;
		s = db_query(q->db, "SELECT id, idx, count FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id",
			     DB(db_i(next), db_i(chunk_id(part + 1, 0))));
		while (!full && db_row(s)) {
			int64_t chunk = db_int(s, 0);
			n += read_chunk(s, entry + n, SLICE - n, &full, &lost);
			if (!full)
				next = chunk + 1;
		}
		db_end(s);
		if (lost > 0)
			say_lost(q, part, lost);
		if (!full) {
			grouped++;
			next = 0;
		}
	}
	for (size_t i = 0; i < n; i++)
		entry[i].at = (uint32_t)i;
	store(q, run, next_no, agains, entry, n, &c);
	free(entry);
	db_run(q->db,
	       "UPDATE run SET grouped = ?2, grouped_chunk = ?3, next_no = next_no + ?4,"
	       " agains = agains + ?5, tests = tests + ?6, passed = passed + ?7, skipped = skipped + ?8,"
	       " failed = failed + ?9, error = error + ?10, flaky = flaky + ?11,"
	       " known_failures = known_failures + ?12 WHERE id = ?1",
	       DB(db_i(run), db_i(grouped), db_i(next), db_i((int64_t)n), db_i(c.agains), db_i(c.tests),
		  db_i(c.outcome[OUTCOME_PASSED]), db_i(c.outcome[OUTCOME_SKIPPED]),
		  db_i(c.outcome[OUTCOME_FAILED]), db_i(c.outcome[OUTCOME_ERROR]), db_i(c.flaky),
		  db_i(c.known)));
	*more = full;
	return n;
}
