/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/store.h - evidence in the state directory: one file a content, whoever names it.
 *
 *   STATE/evidence/ab/abcdef...     64 hex digits of SHA-256
 *   STATE/tmp/                      what is on its way there; emptied at start
 *
 * A batch is what one worker brings in.  Its files are written at once, synced some at a time, and moved to
 * their places; evidence_batch_sync() makes all of it durable with one sync a folder, so that a thousand small
 * files cost little more than one.  Rows that name a file are written after that and not before.
 *
 * Blocks: worker threads.  The store is shared, a batch belongs to one thread. */
#ifndef RD_EVIDENCE_STORE_H
#define RD_EVIDENCE_STORE_H

#include "daemon/base/buf.h"
#include "daemon/base/digest.h"
#include "daemon/base/err.h"
#include "daemon/evidence/name.h"

#include <stdbool.h>
#include <stdint.h>

#define EVIDENCE_KEPT_SIZE 68 /* "ab/" and 64 digits, and the NUL */

struct evidence_blob {
	char kept[EVIDENCE_KEPT_SIZE]; /* beneath STATE/evidence/ */
	uint8_t sha256[DIGEST_SIZE];
	uint64_t size;
	unsigned char head[EVIDENCE_HEAD]; /* the first bytes, to see what it is */
	size_t head_len;
};

/* 0, or why nothing more may be kept (-ENOSPC and words): results go before evidence.  Any thread. */
typedef int evidence_room_fn(void *cookie, uint64_t size, struct err *err);

struct evidence_store;
/* Makes STATE/evidence. */
int evidence_store_open(const char *state_dir, evidence_room_fn *room, void *cookie,
			struct evidence_store **out, struct err *err);
void evidence_store_close(struct evidence_store *s); /* when no batch is open */
const char *evidence_store_dir(const struct evidence_store *s);
/* Removes a file that no row names, unless it was brought in (again) less than age_ms ago.  Any thread. */
int evidence_store_remove(struct evidence_store *s, const char *kept, int64_t age_ms);
/* Whether this is a name that the store gives: nothing else is ever opened or removed. */
bool evidence_kept_name(const char *kept);

struct evidence_batch;
struct evidence_batch *evidence_batch_new(struct evidence_store *s);
/* What was not synced is gone. */
void evidence_batch_free(struct evidence_batch *b);
/* A regular file from its start to its end.  -E2BIG more than max bytes, -EAGAIN changed meanwhile, -ENOSPC. */
int evidence_batch_copy(struct evidence_batch *b, int fd, uint64_t max, struct evidence_blob *out,
			struct err *err);
int evidence_batch_bytes(struct evidence_batch *b, const void *data, size_t len, struct evidence_blob *out,
			 struct err *err);
/* All that was copied is on disk, under its name.  An error says that some of it is not, and sticks: nothing that
 * came with this batch may be told as kept. */
int evidence_batch_sync(struct evidence_batch *b, struct err *err);

/* A file that comes in pieces.  An error sticks; end tells it.  More than max bytes: the rest is dropped and
 * *cut says so. */
struct evidence_spool;
struct evidence_spool *evidence_spool_new(struct evidence_batch *b, uint64_t max);
void evidence_spool_add(struct evidence_spool *p, const void *data, size_t len);
bool evidence_spool_full(const struct evidence_spool *p); /* more came than max allows */
int evidence_spool_end(struct evidence_spool *p, bool *cut, struct evidence_blob *out, struct err *err);
void evidence_spool_drop(struct evidence_spool *p); /* instead of end */

#endif
