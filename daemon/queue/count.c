/* SPDX-License-Identifier: Apache-2.0
 *
 * count.c - how many tests of which outcome a run holds, before its results are gathered into tests.
 *
 * A receipt wants these numbers at once, also of a million results.  Nearly always each result is a test
 * of its own, so one pass over the indexes of the chunks adds them up and marks identities in a bitmap;
 * only those that may have been met before (a true repeat, or two that share a bit) are read again,
 * sorted and folded as group.c would fold them.  Where repeats are the rule, all are folded, in shares
 * that fit into a few megabytes.  Nothing is written. */
#include "daemon/queue/internal.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum {
	SHARE = 1000000,       /* results that one bitmap is good for */
	SHARE_FOLDED = 100000, /* results that are sorted together */
	ROOM = 1 << 12,        /* samples, at first */
	BITMAP_BITS = 26,      /* 8 MiB: a million identities share a bit seven thousand times */
	DOUBTS_MAX = 1 << 16,  /* identities that are read again */
};

struct sample {
	uint8_t identity[IDENTITY_SIZE];
	int64_t started_ms;
	uint32_t at; /* order of arrival */
	uint32_t flags;
};

struct samples {
	struct sample *row;
	size_t count, room;
	uint32_t at;
};

static int by_identity(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int c = memcmp(x->identity, y->identity, IDENTITY_SIZE);

	return c != 0 ? c : x->at < y->at ? -1 : x->at > y->at;
}

/* One row a test is left.  A folded one stands where its first result stood. */
static void fold(struct samples *s)
{
	size_t n = 0;

	if (s->row == NULL)
		return;
	qsort(s->row, s->count, sizeof(*s->row), by_identity);
	for (size_t i = 0; i < s->count; i++) {
		struct sample *last = n > 0 ? &s->row[n - 1] : NULL;
		if (last != NULL && memcmp(last->identity, s->row[i].identity, IDENTITY_SIZE) == 0)
			(void)fold_further(&last->flags, &last->started_ms, s->row[i].flags,
					   s->row[i].started_ms);
		else
			s->row[n++] = s->row[i];
	}
	s->count = n;
}

static void put(struct samples *s, const struct chunk_entry *e)
{
	if (s->count == s->room && s->room > 0)
		fold(s);
	if (s->count * 2 > s->room || s->room == 0) {
		s->room = s->room == 0 ? ROOM : s->room * 2;
		s->row = xrealloc(s->row, s->room, sizeof(*s->row));
	}
	struct sample *to = &s->row[s->count++];
	memcpy(to->identity, e->identity, IDENTITY_SIZE);
	to->started_ms = e->started_ms;
	to->flags = fold_first(e->flags & ENTRY_STORED);
	to->at = s->at;
}

static bool in_share(const struct counting *c, const uint8_t *identity)
{
	uint32_t first = (uint32_t)identity[0] << 8 | identity[1];

	return first * c->shares >> 16 == c->share;
}

static uint64_t key_of(const uint8_t *identity)
{
	uint64_t key;

	memcpy(&key, identity + 4, sizeof(key)); /* the first bytes share them out */
	return key;
}

typedef bool entry_fn(void *cookie, const struct chunk_entry *e); /* false: enough */

/* Every result of the share, in the order of arrival. */
static void walk(struct queue *q, int64_t run, const struct counting *c, entry_fn *each, void *cookie)
{
	bool on = true;

	for (int64_t ready = 1; on && ready <= c->ready && db_failed(q->db, NULL) == 0; ready++) {
		int64_t part =
			db_get(q->db, "SELECT id FROM part WHERE run = ?1 AND ready = ?2 AND state = 1",
			       DB(db_i(run), db_i(ready)), 0);
		struct db_stmt *s =
			db_query(q->db, "SELECT idx FROM chunk WHERE id >= ?1 AND id < ?2 ORDER BY id",
				 DB(db_i(chunk_id(part, 0)), db_i(chunk_id(part + 1, 0))));
		while (on && part != 0 && db_row(s)) {
			size_t len;
			const uint8_t *index = db_blob(s, 0, &len);
			unsigned count = index == NULL ? 0 : chunk_index_count(index, len);
			for (unsigned i = 0; on && i < count; i++) {
				struct chunk_entry e;
				if (chunk_entry_get(index, len, i, &e) && in_share(c, e.identity))
					on = each(cookie, &e);
			}
		}
		db_end(s);
	}
}

static void add_folded(struct counts *counts, struct samples *s)
{
	fold(s);
	for (size_t i = 0; i < s->count; i++)
		counts_add(counts, s->row[i].flags, 1);
	counts->tests += (int64_t)s->count;
}

/* ---- all of them ---- */

static bool sample_each(void *cookie, const struct chunk_entry *e)
{
	put(cookie, e);
	return true;
}

static void count_folded(struct queue *q, int64_t run, struct counting *c)
{
	struct samples s = { 0 };

	walk(q, run, c, sample_each, &s);
	add_folded(&c->counts, &s);
	free(s.row);
}

/* ---- the doubtful ones ---- */

struct doubts {
	struct counts counts;
	uint8_t *bitmap;
	uint64_t *key;
	size_t count;
	struct samples samples;
};

static bool mark(struct doubts *d, uint64_t key)
{
	uint8_t bit = (uint8_t)(1u << (key & 7));
	uint8_t *at = &d->bitmap[key >> 3 & ((1u << (BITMAP_BITS - 3)) - 1)];
	bool met = (*at & bit) != 0;

	*at |= bit;
	return met;
}

static bool doubt_each(void *cookie, const struct chunk_entry *e)
{
	struct doubts *d = cookie;

	counts_add(&d->counts, fold_first(e->flags & ENTRY_STORED), 1);
	d->counts.tests++;
	if (mark(d, key_of(e->identity))) {
		if (d->count == DOUBTS_MAX)
			return false;
		d->key[d->count++] = key_of(e->identity);
	}
	return true;
}

/* Whoever shares a bit with a doubtful one is folded too: that changes nothing for it. */
static bool settle_each(void *cookie, const struct chunk_entry *e)
{
	struct doubts *d = cookie;
	uint64_t key = key_of(e->identity);

	if ((d->bitmap[key >> 3 & ((1u << (BITMAP_BITS - 3)) - 1)] & 1u << (key & 7)) != 0) {
		counts_add(&d->counts, fold_first(e->flags & ENTRY_STORED), -1);
		d->counts.tests--;
		put(&d->samples, e);
	}
	return true;
}

/* False: too many repeats for this way. */
static bool count_doubtful(struct queue *q, int64_t run, struct counting *c)
{
	struct doubts d = { .bitmap = xcalloc(1u << (BITMAP_BITS - 3), 1),
			    .key = xcalloc(DOUBTS_MAX, sizeof(uint64_t)) };
	bool few;

	walk(q, run, c, doubt_each, &d);
	few = d.count < DOUBTS_MAX;
	if (few && d.count > 0) {
		memset(d.bitmap, 0, 1u << (BITMAP_BITS - 3));
		for (size_t i = 0; i < d.count; i++)
			(void)mark(&d, d.key[i]);
		walk(q, run, c, settle_each, &d);
		add_folded(&d.counts, &d.samples);
	}
	if (few) {
		c->counts.tests += d.counts.tests;
		c->counts.flaky += d.counts.flaky;
		c->counts.known += d.counts.known;
		for (int i = 0; i < OUTCOME_COUNT; i++)
			c->counts.outcome[i] += d.counts.outcome[i];
	}
	free(d.samples.row);
	free(d.key);
	free(d.bitmap);
	return few;
}

/* ---- a slice ---- */

static void share_out(struct counting *c, int64_t results, bool folded)
{
	int64_t shares = results / (folded ? SHARE_FOLDED : SHARE) + 1;

	c->counts = (struct counts){ 0 };
	c->folded = folded;
	c->share = 0;
	c->shares = shares > UINT16_MAX ? UINT16_MAX : (unsigned)shares;
}

bool count_slice(struct queue *q, int64_t run, struct counting *c)
{
	if (c->shares == 0) {
		struct db_stmt *s =
			db_query(q->db,
				 "SELECT r.ready, coalesce(sum(p.results), 0) FROM run r JOIN part p"
				 " ON p.run = r.id AND p.state = 1 WHERE r.id = ?1 GROUP BY r.id",
				 DB(db_i(run)));
		if (db_row(s)) {
			c->ready = db_int(s, 0);
			c->results = db_int(s, 1);
		}
		db_end(s);
		share_out(c, c->results, false);
	}
	if (c->folded) {
		count_folded(q, run, c);
	} else if (!count_doubtful(q, run, c)) {
		share_out(c, c->results, true);
		return db_failed(q->db, NULL) == 0;
	}
	return ++c->share < c->shares && db_failed(q->db, NULL) == 0;
}
