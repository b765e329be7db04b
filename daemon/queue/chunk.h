/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk.h - some hundred results as they lie on disk: a packed index and compressed JSON lines.
 *
 * A result is named by its reference: part, chunk of the part and place in the chunk, in one integer that
 * sorts as the results stood in their report.  What is read back is checked: a database is a file, and
 * files get damaged. */
#ifndef RD_QUEUE_CHUNK_H
#define RD_QUEUE_CHUNK_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/model/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_FORMAT 1
enum {
	CHUNK_RESULTS = 512,   /* at most; 9 bits of a reference */
	CHUNK_RAW = 256 << 10, /* a chunk is closed when its text passes this */
	CHUNK_LINE = 8 << 20,  /* the longest line of one result */
	CHUNK_SEQ_BITS = 23,
	CHUNK_PLACE_BITS = 9,
};
#define CHUNK_PART_MAX ((INT64_C(1) << 31) - 1)
#define CHUNK_SEQ_MAX  ((INT64_C(1) << CHUNK_SEQ_BITS) - 1)

static inline int64_t chunk_id(int64_t part, int64_t seq)
{
	return part << CHUNK_SEQ_BITS | seq;
}
static inline int64_t chunk_part(int64_t chunk)
{
	return chunk >> CHUNK_SEQ_BITS;
}
static inline int64_t result_ref(int64_t chunk, unsigned place)
{
	return chunk << CHUNK_PLACE_BITS | place;
}
static inline int64_t ref_chunk(int64_t ref)
{
	return ref >> CHUNK_PLACE_BITS;
}
static inline unsigned ref_place(int64_t ref)
{
	return (unsigned)(ref & (CHUNK_RESULTS - 1));
}

enum {
	ENTRY_OUTCOME = 3, /* enum outcome */
	ENTRY_FLAKY = 4,
	ENTRY_KNOWN = 8,
	ENTRY_BAD = 16,  /* of a test: some result did not pass */
	ENTRY_MANY = 32, /* of a test: has more than one result */
	ENTRY_REFS = 64,
	ENTRY_RETRIED = 128, /* see result_retried() */
	/* what an index holds */
	ENTRY_STORED = ENTRY_OUTCOME | ENTRY_FLAKY | ENTRY_KNOWN | ENTRY_REFS | ENTRY_RETRIED,
};

struct chunk_entry {
	uint8_t identity[IDENTITY_SIZE];
	int64_t auto_key, title_key; /* of id and name; see match_key() */
	int64_t started_ms;          /* TIME_UNKNOWN */
	uint32_t flags;
	const char *refs; /* each ended by NUL, the list by an empty one; NULL: none */
};

/* Gathers a chunk. */
struct chunk_build {
	struct buf raw, fixed, refs;
	unsigned count;
};
void chunk_build_init(struct chunk_build *b);
void chunk_build_reset(struct chunk_build *b);
void chunk_build_done(struct chunk_build *b);
struct digest;
/* -E2BIG: this result cannot be stored even without its long texts; the chunk is as it was. */
int chunk_build_add(struct chunk_build *b, const struct result *r, struct digest *scratch, struct err *err);
static inline bool chunk_build_full(const struct chunk_build *b)
{
	return b->count == CHUNK_RESULTS || b->raw.len >= CHUNK_RAW;
}
/* Appends the index blob. */
int chunk_build_index(const struct chunk_build *b, struct buf *out);

/* False where the blob does not hold such an entry. */
bool chunk_entry_get(const uint8_t *index, size_t len, unsigned place, struct chunk_entry *out);
unsigned chunk_index_count(const uint8_t *index, size_t len);

/* Text -> zstd and back.  The context is kept by whoever packs. */
struct chunk_packer;
struct chunk_packer *chunk_packer_new(void);
void chunk_packer_free(struct chunk_packer *p);
int chunk_pack(struct chunk_packer *p, const char *raw, size_t len, struct buf *out);
/* raw_len bytes and a NUL; -EUCLEAN where that is not what is packed. */
int chunk_unpack(struct chunk_packer *p, const void *packed, size_t packed_len, size_t raw_len, char **raw);

/* How ids, names, aliases and places are compared: cut by utf8_key(), then hashed.  NULL or "": 0 as a
 * key that nothing has. */
int64_t match_key(struct digest *scratch, const char *s);
/* The same for a thing that lies in another: a section by its parent and name. */
int64_t match_key_in(struct digest *scratch, const char *parent, const char *name);

#endif
