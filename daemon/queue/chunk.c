/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk.c - results -> packed index + JSON lines -> zstd, and back.
 *
 * The index blob: u16 count, u16 zero, then 48 bytes an entry (identity 16, automation key 8, title key
 * 8, start 8, flags 4, offset of its references 4), then the references; all little-endian.  The format
 * number in the chunk's row names this layout and that of the lines together. */
#include "daemon/queue/chunk.h"

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/model/result_json.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

enum { HEAD = 4, ENTRY = 48, REFS_MAX = 4 << 20, LEVEL = 1, UNPACK_MAX = 256 << 20 };

static void put64(uint8_t *at, int64_t v)
{
	uint64_t le = htole64((uint64_t)v);
	memcpy(at, &le, sizeof(le));
}

static void put32(uint8_t *at, uint32_t v)
{
	uint32_t le = htole32(v);
	memcpy(at, &le, sizeof(le));
}

static int64_t get64(const uint8_t *at)
{
	uint64_t le;
	memcpy(&le, at, sizeof(le));
	return (int64_t)le64toh(le);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t le;
	memcpy(&le, at, sizeof(le));
	return le32toh(le);
}

int64_t match_key_in(struct digest *scratch, const char *parent, const char *name)
{
	struct arena arena = ARENA_LIMIT(4 * MATCH_KEY_MAX);
	size_t len = name == NULL ? 0 : strlen(name);
	int64_t key;

	if (len == 0)
		return 0;
	if (len > MATCH_KEY_MAX) {
		const char *cut = utf8_key(&arena, name, len, MATCH_KEY_MAX);
		if (cut != NULL) {
			name = cut;
			len = strlen(cut);
		}
	}
	if (parent == NULL) {
		key = digest_key64(scratch, name, len);
	} else {
		uint8_t out[DIGEST_SIZE];
		digest_reset(scratch);
		digest_add_field(scratch, parent, strlen(parent));
		digest_add_field(scratch, name, len);
		digest_get(scratch, out);
		key = get64(out);
	}
	arena_done(&arena);
	return key == 0 ? 1 : key;
}

int64_t match_key(struct digest *scratch, const char *s)
{
	return match_key_in(scratch, NULL, s);
}

/* ---- building ---- */

void chunk_build_init(struct chunk_build *b)
{
	b->raw = BUF_LIMIT(CHUNK_RAW + CHUNK_LINE);
	b->fixed = BUF_LIMIT(CHUNK_RESULTS * ENTRY);
	b->refs = BUF_LIMIT(REFS_MAX);
	chunk_build_reset(b);
}

void chunk_build_reset(struct chunk_build *b)
{
	buf_reset(&b->raw);
	buf_reset(&b->fixed);
	buf_reset(&b->refs);
	buf_putc(&b->refs, '\0'); /* so that offset 0 means none */
	b->count = 0;
}

void chunk_build_done(struct chunk_build *b)
{
	buf_done(&b->raw);
	buf_done(&b->fixed);
	buf_done(&b->refs);
}

/* Forgets what was appended since the mark, and a failure with it. */
static void cut(struct buf *b, size_t len)
{
	b->len = len;
	b->failed = 0;
	if (b->data != NULL)
		b->data[len] = '\0';
}

/* The line of one result.  One that is too long gives up its least telling parts first: the texts of
 * earlier attempts, then these attempts, then properties and evidence. */
static int add_line(struct chunk_build *b, const struct result *r)
{
	struct result less = *r;
	size_t mark = b->raw.len;
	struct attempt *attempts = NULL;
	int rc = -E2BIG;

	for (int tries = 0; tries < 4; tries++) {
		size_t room = b->raw.max;
		b->raw.max = mark + CHUNK_LINE < room ? mark + CHUNK_LINE : room;
		rc = result_json_write(&b->raw, &less);
		if (rc == 0)
			rc = buf_error(&b->raw);
		b->raw.max = room;
		if (rc != -E2BIG)
			break;
		cut(&b->raw, mark);
		if (tries == 0 && r->attempt_count > 0) {
			attempts = xcalloc(r->attempt_count, sizeof(*attempts));
			for (size_t i = 0; i < r->attempt_count; i++) {
				attempts[i] = r->attempts[i];
				attempts[i].out = attempts[i].err = (struct text){ 0 };
				attempts[i].failure.detail = (struct text){ 0 };
			}
			less.attempts = attempts;
		} else if (tries <= 1) {
			less.attempts = NULL;
			less.attempt_count = 0;
			tries = 1;
		} else {
			less.property_count = 0;
			less.evidence_count = 0;
		}
	}
	if (rc < 0)
		cut(&b->raw, mark);
	free(attempts);
	return rc;
}

static uint32_t add_refs(struct buf *refs, const struct result *r)
{
	size_t mark = refs->len;

	for (size_t i = 0; i < r->ref_count; i++)
		if (r->refs[i] != NULL && r->refs[i][0] != '\0')
			buf_append(refs, r->refs[i], strlen(r->refs[i]) + 1);
	if (refs->len > mark)
		buf_putc(refs, '\0');
	if (buf_error(refs) < 0) { /* megabytes of references: the text keeps them, matching does not */
		cut(refs, mark);
		return 0;
	}
	return refs->len > mark ? (uint32_t)mark : 0;
}

int chunk_build_add(struct chunk_build *b, const struct result *r, struct digest *scratch, struct err *err)
{
	uint8_t e[ENTRY];
	int rc = add_line(b, r);

	if (rc < 0)
		return err_set(err, rc, "a test case is too large to be kept (%d bytes at most)", CHUNK_LINE);
	uint32_t refs = add_refs(&b->refs, r);
	uint32_t flags = (uint32_t)r->outcome & ENTRY_OUTCOME;
	if (r->flaky)
		flags |= ENTRY_FLAKY;
	if (r->known_failure)
		flags |= ENTRY_KNOWN;
	if (refs != 0)
		flags |= ENTRY_REFS;
	if (result_retried(r))
		flags |= ENTRY_RETRIED;
	result_identity(r, scratch, e);
	put64(e + 16, match_key(scratch, r->id));
	put64(e + 24, match_key(scratch, r->name));
	put64(e + 32, r->started_ms);
	put32(e + 40, flags);
	put32(e + 44, refs);
	buf_append(&b->fixed, e, sizeof(e));
	b->count++;
	return 0;
}

int chunk_build_index(const struct chunk_build *b, struct buf *out)
{
	uint8_t head[HEAD] = { (uint8_t)b->count, (uint8_t)(b->count >> 8), 0, 0 };

	buf_append(out, head, sizeof(head));
	buf_append(out, b->fixed.data, b->fixed.len);
	buf_append(out, b->refs.data, b->refs.len);
	return buf_error(out);
}

/* ---- reading ---- */

unsigned chunk_index_count(const uint8_t *index, size_t len)
{
	if (len < HEAD)
		return 0;
	unsigned count = (unsigned)index[0] | (unsigned)index[1] << 8;
	return count <= CHUNK_RESULTS && HEAD + (size_t)count * ENTRY <= len ? count : 0;
}

bool chunk_entry_get(const uint8_t *index, size_t len, unsigned place, struct chunk_entry *out)
{
	unsigned count = chunk_index_count(index, len);

	if (place >= count)
		return false;
	const uint8_t *e = index + HEAD + (size_t)place * ENTRY;
	memcpy(out->identity, e, IDENTITY_SIZE);
	out->auto_key = get64(e + 16);
	out->title_key = get64(e + 24);
	out->started_ms = get64(e + 32);
	out->flags = get32(e + 40);
	out->refs = NULL;
	uint32_t offset = get32(e + 44);
	if (offset != 0) {
		const uint8_t *area = index + HEAD + (size_t)count * ENTRY;
		size_t room = len - HEAD - (size_t)count * ENTRY;
		/* The whole area ends in NUL NUL, so any list within it ends too. */
		if (offset >= room || room < 2 || area[room - 1] != '\0' || area[room - 2] != '\0')
			return false;
		out->refs = (const char *)area + offset;
	}
	return true;
}

/* ---- zstd ---- */

struct chunk_packer {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
};

struct chunk_packer *chunk_packer_new(void)
{
	return xcalloc(1, sizeof(struct chunk_packer));
}

void chunk_packer_free(struct chunk_packer *p)
{
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->pack);
	ZSTD_freeDCtx(p->unpack);
	free(p);
}

int chunk_pack(struct chunk_packer *p, const char *raw, size_t len, struct buf *out)
{
	if (p->pack == NULL) {
		p->pack = ZSTD_createCCtx();
		if (p->pack == NULL)
			return -ENOMEM;
		/* The checksum finds what a damaged disk does to a chunk, before anybody is sent it. */
		ZSTD_CCtx_setParameter(p->pack, ZSTD_c_checksumFlag, 1);
		ZSTD_CCtx_setParameter(p->pack, ZSTD_c_compressionLevel, LEVEL);
	}
	int rc = buf_reserve(out, ZSTD_compressBound(len));
	if (rc < 0)
		return rc;
	size_t n = ZSTD_compress2(p->pack, out->data + out->len, out->cap - out->len, raw, len);
	if (ZSTD_isError(n))
		return -EINVAL;
	out->len += n;
	return 0;
}

int chunk_unpack(struct chunk_packer *p, const void *packed, size_t packed_len, size_t raw_len, char **raw)
{
	if (p->unpack == NULL)
		p->unpack = ZSTD_createDCtx();
	if (p->unpack == NULL)
		return -ENOMEM;
	if (raw_len > UNPACK_MAX || packed == NULL)
		return -EUCLEAN;
	char *text = xcalloc(1, raw_len + 1);
	size_t n = ZSTD_decompressDCtx(p->unpack, text, raw_len, packed, packed_len);
	if (ZSTD_isError(n) || n != raw_len) {
		free(text);
		return -EUCLEAN;
	}
	*raw = text;
	return 0;
}
