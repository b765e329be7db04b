/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_carry.c - `queue export` and `queue import`: what is owed, in one file for another machine.
 *
 * The file: "resultd-queue 1 SHA256\n", then zstd; the sum is of the compressed bytes.  Inside: the queue's
 * lines (carry.c) and, for each kept report, "k NAME" and its bytes in lines "b HEX"; "f NAME" likewise for each
 * file of evidence, once; at the end "z LINES". */
#include "daemon/cli/queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/digest.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"
#include "daemon/evidence/store.h"
#include "daemon/intake/keep.h"
#include "daemon/queue/operate.h"
#include "daemon/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { PIECE = 64 * 1024, COPY_PIECE = 16 * 1024, LINE_BYTES_MAX = 66 << 20, HEAD = 16 + 64 + 1 };

static const char MAGIC[] = "resultd-queue 1 ";

struct carry {
	struct queue_view *view;
	int fd;
	char *path, *part; /* part: while it is written */
	struct digest *digest;
	ZSTD_CCtx *packer;
	ZSTD_DCtx *unpacker;
	unsigned char room[PIECE], more[PIECE];
	uint64_t lines;
	/* in */
	ZSTD_inBuffer in;
	struct buf text; /* unpacked, not yet given */
	size_t at;
	bool ended;
	char *copy, *copy_tmp; /* the kept report that is being written; copy_fd -1: it is here already */
	int copy_fd;
	struct evidence_batch *batch; /* evidence that came in; NULL: none yet */
	struct evidence_spool *spool; /* the file that is being written */
	int64_t *moved;
	size_t moved_count;
	char **sent; /* names of evidence that went out: a hash table, half empty at least */
	size_t sent_count, sent_size;
	struct carried result;
};

static void carry_free(struct carry *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->copy_fd >= 0)
		close(c->copy_fd);
	if (c->part != NULL)
		unlink(c->part);
	if (c->copy_tmp != NULL)
		unlink(c->copy_tmp);
	if (c->spool != NULL)
		evidence_spool_drop(c->spool);
	evidence_batch_free(c->batch);
	for (size_t i = 0; i < c->sent_size; i++)
		free(c->sent[i]);
	free(c->sent);
	digest_free(c->digest);
	ZSTD_freeCCtx(c->packer);
	ZSTD_freeDCtx(c->unpacker);
	buf_done(&c->text);
	free(c->copy);
	free(c->copy_tmp);
	free(c->path);
	free(c->part);
	free(c->moved);
	free(c);
}

static struct carry *carry_new(struct queue_view *v)
{
	struct carry *c = xcalloc(1, sizeof(*c));

	c->view = v;
	c->fd = c->copy_fd = -1;
	c->path = xstrdup(v->file);
	c->digest = digest_new();
	c->text = BUF_LIMIT(LINE_BYTES_MAX);
	v->own = c;
	return c;
}

static void finish(struct carry *c, int code)
{
	struct queue_view *v = c->view;

	carry_free(c);
	v->own = NULL;
	v->quit(v, code);
}

static void fail(struct carry *c, int rc, const struct err *err)
{
	struct queue_view *v = c->view;

	carry_free(c);
	v->own = NULL;
	queue_failed(v, rc, err);
}

/* ---- export (queue's thread) ---- */

static int pack(struct carry *c, const void *data, size_t len, ZSTD_EndDirective end, struct err *err)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { c->room, sizeof(c->room), 0 };
		left = ZSTD_compressStream2(c->packer, &out, &in, end);
		if (ZSTD_isError(left))
			return err_set(err, -EIO, "cannot compress: %s", ZSTD_getErrorName(left));
		digest_add(c->digest, out.dst, out.pos);
		int rc = file_write_all(c->fd, out.dst, out.pos);
		if (rc < 0)
			return err_set(err, rc, "cannot write \"%s\": %s", c->path, strerror(-rc));
	} while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return 0;
}

static int put_line(void *cookie, const char *line, size_t len, struct err *err)
{
	struct carry *c = cookie;

	c->lines++;
	return pack(c, line, len, ZSTD_e_continue, err);
}

static int put_name(struct carry *c, char tag, const char *kept, struct err *err)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%c\t%s\n", tag, kept);

	return len >= 0 && (size_t)len < sizeof(line) ? put_line(c, line, (size_t)len, err)
						      : err_set(err, -EINVAL, "a name that is too long");
}

static int put_bytes(struct carry *c, const unsigned char *data, size_t len, struct err *err)
{
	static const char digit[] = "0123456789abcdef";
	char line[2 * COPY_PIECE + 4];
	int rc = 0;

	for (size_t from = 0; rc == 0 && from < len; from += COPY_PIECE) {
		size_t at = 0, n = len - from < COPY_PIECE ? len - from : COPY_PIECE;
		line[at++] = 'b';
		line[at++] = '\t';
		for (size_t i = from; i < from + n; i++) {
			line[at++] = digit[data[i] >> 4];
			line[at++] = digit[data[i] & 15];
		}
		line[at++] = '\n';
		rc = put_line(c, line, at, err);
	}
	return rc;
}

static int put_file(struct carry *c, char tag, const char *folder, const char *kept, struct err *err)
{
	unsigned char data[COPY_PIECE];
	ssize_t n;

	char *path = xasprintf("%s/%s/%s", c->view->app->state.dir, folder, kept);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;
	if (fd < 0 && errno != ENOENT)
		rc = err_set(err, -errno, "cannot open \"%s\": %s", path, strerror(errno));
	if (fd >= 0)
		rc = put_name(c, tag, kept, err);
	while (fd >= 0 && rc == 0 && (n = read(fd, data, sizeof(data))) != 0) {
		if (n < 0) {
			rc = err_set(err, -errno, "cannot read \"%s\": %s", path, strerror(errno));
			break;
		}
		rc = put_bytes(c, data, (size_t)n, err);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

static int put_copy(void *cookie, const char *kept, const void *body, size_t len, struct err *err)
{
	if (!retention_kept_name(kept))
		return 0;
	if (body == NULL)
		return put_file(cookie, 'k', "reports", kept, err);
	int rc = put_name(cookie, 'k', kept, err);
	return rc == 0 ? put_bytes(cookie, body, len, err) : rc;
}

/* True where this name is new. */
static bool sent_add(struct carry *c, const char *kept)
{
	if (c->sent_count * 2 >= c->sent_size) {
		char **old = c->sent;
		size_t size = c->sent_size;
		c->sent_size = size == 0 ? 1024 : size * 2;
		c->sent = xcalloc(c->sent_size, sizeof(*c->sent));
		c->sent_count = 0;
		for (size_t i = 0; i < size; i++) {
			if (old[i] != NULL)
				(void)sent_add(c, old[i]);
			free(old[i]);
		}
		free(old);
	}
	/* The name is a hash itself. */
	size_t at = (size_t)strtoull(kept + EVIDENCE_KEPT_SIZE - 16, NULL, 16) & (c->sent_size - 1);
	for (; c->sent[at] != NULL; at = (at + 1) & (c->sent_size - 1))
		if (strcmp(c->sent[at], kept) == 0)
			return false;
	c->sent[at] = xstrdup(kept);
	c->sent_count++;
	return true;
}

static int put_evidence(void *cookie, const char *kept, struct err *err)
{
	struct carry *c = cookie;

	return evidence_kept_name(kept) && sent_add(c, kept) ? put_file(c, 'f', "evidence", kept, err) : 0;
}

/* ---- export (loop) ---- */

static int close_file(struct carry *c, struct err *err)
{
	uint8_t sum[DIGEST_SIZE];
	char head[HEAD + 1], end[32], hex[DIGEST_HEX_SIZE];
	int len = snprintf(end, sizeof(end), "z\t%" PRIu64 "\n", c->lines);
	int rc = pack(c, end, (size_t)len, ZSTD_e_end, err);

	if (rc < 0)
		return rc;
	digest_get(c->digest, sum);
	digest_hex(sum, sizeof(sum), hex);
	snprintf(head, sizeof(head), "%s%s\n", MAGIC, hex);
	if (pwrite(c->fd, head, HEAD, 0) != HEAD || fsync(c->fd) < 0 ||
	    (c->part != NULL && rename(c->part, c->path) < 0))
		return err_set(err, -errno, "cannot write \"%s\": %s", c->path, strerror(errno));
	if (c->part == NULL)
		return 0; /* whoever opened it gives it its name */
	free(c->part);
	c->part = NULL;
	char *dir = xstrdup(c->path), *slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir] = '\0';
	rc = file_sync_dir(slash != NULL ? dir : ".", err);
	free(dir);
	return rc;
}

static void on_moved(void *cookie, int rc, const struct operated *o, const struct err *err)
{
	struct carry *c = cookie;

	if (rc < 0) {
		fail(c, rc, err);
		return;
	}
	fprintf(c->view->out,
		"%" PRIu64 " deliveries are dropped here; \"resultd queue retry ID\" takes that back.\n",
		o->deliveries);
	finish(c, EXIT_OK);
}

static void drop_here(struct queue_view *v, bool yes)
{
	struct carry *c = v->own;

	if (!yes) {
		finish(c, EXIT_OK);
		return;
	}
	char *why = xasprintf("moved to %s", c->path);
	queue_drop(v->app->queue, c->moved, c->moved_count, why, clock_wall_ms(), on_moved, c);
	free(why);
}

static void on_exported(void *cookie, int rc, const struct carried *r, const int64_t *delivery,
			const struct err *err)
{
	struct carry *c = cookie;
	struct err mine = ERR_NONE;

	if (rc == 0) {
		rc = close_file(c, &mine);
		err = &mine;
	}
	if (rc < 0) {
		fail(c, rc, err);
		return;
	}
	fprintf(c->view->out,
		"%" PRIu64 " runs, %" PRIu64 " deliveries, %" PRIu64 " reports, %" PRIu64 " results in %s\n",
		r->runs, r->deliveries, r->parts, r->results, c->path);
	fflush(c->view->out);
	if (!c->view->move || r->deliveries == 0) {
		finish(c, EXIT_OK);
		return;
	}
	c->moved_count = (size_t)r->deliveries;
	c->moved = xcalloc(c->moved_count, sizeof(*c->moved));
	memcpy(c->moved, delivery, c->moved_count * sizeof(*c->moved));
	if (c->view->yes) {
		drop_here(c->view, true);
		return;
	}
	char question[96];
	snprintf(question, sizeof(question), "Drop these %zu deliveries here?", c->moved_count);
	c->view->answered = drop_here;
	c->view->ask(c->view, question);
}

static int create(struct carry *c, struct err *err)
{
	if (access(c->path, F_OK) == 0)
		return err_set(err, -EINVAL, "\"%s\" is there already", c->path);
	char *part = xasprintf("%s.part", c->path);
	c->fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->fd < 0) {
		err_set(err, -EINVAL, "cannot create \"%s\": %s", part, strerror(errno));
		free(part);
		return -EINVAL;
	}
	c->part = part;
	return 0;
}

void queue_verb_export(struct queue_view *v)
{
	struct carry *c = carry_new(v);
	struct err err = ERR_NONE;
	char head[HEAD] = { 0 };
	int rc = 0;

	if (v->file_fd >= 0)
		c->fd = fcntl(v->file_fd, F_DUPFD_CLOEXEC, 3);
	else
		rc = create(c, &err);
	if (rc == 0 && c->fd < 0)
		rc = err_set(&err, -errno, "cannot use \"%s\": %s", c->path, strerror(errno));
	if (rc == 0 && (rc = file_write_all(c->fd, head, HEAD)) < 0)
		err_set(&err, rc, "cannot write \"%s\": %s", c->path, strerror(-rc));
	if (rc < 0) {
		fail(c, rc, &err);
		return;
	}
	c->packer = ZSTD_createCCtx();
	const struct carry_out out = {
		.line = put_line, .copy = put_copy, .copy_evidence = put_evidence, .cookie = c
	};
	queue_export(v->app->queue, v->id, v->count, v->force, &out, on_exported, c);
}

/* ---- import (queue's thread) ---- */

/* One unpacked line, without its newline; 0 at the end of the file. */
static int next_line(struct carry *c, char **out, struct err *err)
{
	for (;;) {
		char *from = c->text.data + c->at;
		char *nl = c->text.len > c->at ? memchr(from, '\n', c->text.len - c->at) : NULL;
		if (nl != NULL) {
			*nl = '\0';
			c->at = (size_t)(nl + 1 - c->text.data);
			*out = from;
			return 1;
		}
		if (c->ended)
			return 0;
		if (c->at > 0) {
			memmove(c->text.data, c->text.data + c->at, c->text.len - c->at);
			c->text.len -= c->at;
			c->at = 0;
		}
		if (c->in.pos == c->in.size) {
			ssize_t n = read(c->fd, c->more, sizeof(c->more));
			if (n < 0)
				return err_set(err, -EIO, "cannot read \"%s\": %s", c->path, strerror(errno));
			c->in = (ZSTD_inBuffer){ c->more, (size_t)n, 0 };
			c->ended = n == 0;
		}
		ZSTD_outBuffer piece = { c->room, sizeof(c->room), 0 };
		size_t left = ZSTD_decompressStream(c->unpacker, &piece, &c->in);
		if (ZSTD_isError(left) || buf_append(&c->text, c->room, piece.pos) < 0)
			return err_set(err, -EINVAL, "\"%s\" is damaged", c->path);
		c->ended = c->ended && piece.pos == 0;
	}
}

static int end_evidence(struct carry *c, struct err *err)
{
	struct evidence_blob blob;
	bool cut = false;
	int rc = evidence_spool_end(c->spool, &cut, &blob, err);

	c->spool = NULL;
	if (rc == 0 && (cut || strcmp(blob.kept, c->copy) != 0))
		rc = err_set(err, -EINVAL, "\"%s\": the file \"%s\" is not what its name says", c->path,
			     c->copy);
	return rc;
}

static int begin_evidence(struct carry *c, const char *kept, struct err *err)
{
	if (!evidence_kept_name(kept))
		return err_set(err, -EINVAL, "\"%s\": a file with a strange name", c->path);
	if (c->batch == NULL)
		c->batch = evidence_batch_new(c->view->app->store);
	c->copy = xstrdup(kept);
	c->spool = evidence_spool_new(c->batch, UINT64_MAX);
	return 0;
}

static int end_copy(struct carry *c, struct err *err)
{
	int rc = 0;

	if (c->spool != NULL)
		rc = end_evidence(c, err);
	if (c->copy_fd >= 0) {
		if (fdatasync(c->copy_fd) < 0)
			rc = err_set(err, -errno, "cannot write \"%s\": %s", c->copy_tmp, strerror(errno));
		close(c->copy_fd);
		c->copy_fd = -1;
		char *path = xasprintf("%s/reports/%s", c->view->app->state.dir, c->copy);
		if (rc == 0)
			rc = keep_place(c->copy_tmp, path, err);
		free(path);
		if (rc < 0)
			unlink(c->copy_tmp);
	}
	free(c->copy);
	free(c->copy_tmp);
	c->copy = c->copy_tmp = NULL;
	return rc;
}

static int begin_copy(struct carry *c, const char *kept, struct err *err)
{
	int rc = end_copy(c, err);

	if (rc < 0)
		return rc;
	if (!retention_kept_name(kept))
		return err_set(err, -EINVAL, "\"%s\": a report with a strange name", c->path);
	c->copy = xstrdup(kept);
	char *path = xasprintf("%s/reports/%s", c->view->app->state.dir, kept);
	bool here = access(path, F_OK) == 0; /* ours is not touched */
	free(path);
	if (here)
		return 0;
	/* Two may carry in at once, by the socket. */
	c->copy_tmp = xasprintf("%s/tmp/carried-%d", c->view->app->state.dir, c->fd);
	c->copy_fd = open(c->copy_tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->copy_fd < 0)
		return err_set(err, -errno, "cannot create \"%s\": %s", c->copy_tmp, strerror(errno));
	return 0;
}

static int digit(char ch)
{
	return ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static int add_copy(struct carry *c, char *hex, struct err *err)
{
	size_t n = 0;

	if (c->copy == NULL)
		return err_set(err, -EINVAL, "\"%s\" is not in order", c->path);
	for (const char *h = hex; *h != '\0'; h += 2) {
		int high = digit(h[0]), low = high < 0 ? -1 : digit(h[1]);
		if (low < 0)
			return err_set(err, -EINVAL, "\"%s\" is not in order", c->path);
		hex[n++] = (char)(high << 4 | low);
	}
	if (c->spool != NULL)
		evidence_spool_add(c->spool, hex, n);
	int rc = c->copy_fd >= 0 ? file_write_all(c->copy_fd, hex, n) : 0;
	return rc < 0 ? err_set(err, rc, "cannot write \"%s\": %s", c->copy_tmp, strerror(-rc)) : 0;
}

static int get_line(void *cookie, char **line, struct err *err)
{
	struct carry *c = cookie;
	char *l = NULL;
	int rc;

	while ((rc = next_line(c, &l, err)) > 0) {
		if (l == NULL || l[0] == '\0' || l[1] != '\t')
			return err_set(err, -EINVAL, "\"%s\" is not in order", c->path);
		if (l[0] == 'z') {
			if (strtoull(l + 2, NULL, 10) != c->lines)
				return err_set(err, -EINVAL, "\"%s\" lacks lines", c->path);
			rc = end_copy(c, err);
			/* On disk before the rows that name it. */
			return rc == 0 && c->batch != NULL ? evidence_batch_sync(c->batch, err) : rc;
		}
		c->lines++;
		if (l[0] == 'k')
			rc = begin_copy(c, l + 2, err);
		else if (l[0] == 'f')
			rc = (rc = end_copy(c, err)) < 0 ? rc : begin_evidence(c, l + 2, err);
		else if (l[0] == 'b')
			rc = add_copy(c, l + 2, err);
		else if ((rc = end_copy(c, err)) == 0) {
			*line = l;
			return 1;
		}
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : err_set(err, -EINVAL, "\"%s\" breaks off", c->path);
}

/* ---- import (loop) ---- */

static void on_imported(void *cookie, int rc, const struct carried *r, const struct err *err)
{
	struct carry *c = cookie;

	if (rc < 0) {
		fail(c, rc, err);
		return;
	}
	FILE *out = c->view->out;
	fprintf(out,
		"%" PRIu64 " runs, %" PRIu64 " deliveries, %" PRIu64 " reports, %" PRIu64 " results taken",
		r->runs, r->deliveries, r->parts, r->results);
	if (r->known > 0)
		fprintf(out, "; %" PRIu64 " runs are here already", r->known);
	fputc('\n', out);
	finish(c, EXIT_OK);
}

static int check_file(struct carry *c, struct err *err)
{
	uint8_t sum[DIGEST_SIZE];
	char head[HEAD], hex[DIGEST_HEX_SIZE];
	ssize_t n;

	c->fd = c->view->file_fd >= 0 ? fcntl(c->view->file_fd, F_DUPFD_CLOEXEC, 3)
				      : open(c->path, O_RDONLY | O_CLOEXEC);
	if (c->fd < 0)
		return err_set(err, -EINVAL, "cannot open \"%s\": %s", c->path, strerror(errno));
	n = read(c->fd, head, HEAD);
	if (n != HEAD || memcmp(head, MAGIC, sizeof(MAGIC) - 1) != 0 || head[HEAD - 1] != '\n')
		return err_set(err, -EINVAL, "\"%s\" is no export of a queue that this version can read",
			       c->path);
	while ((n = read(c->fd, c->room, sizeof(c->room))) > 0)
		digest_add(c->digest, c->room, (size_t)n);
	if (n < 0)
		return err_set(err, -EIO, "cannot read \"%s\": %s", c->path, strerror(errno));
	digest_get(c->digest, sum);
	digest_hex(sum, sizeof(sum), hex);
	if (memcmp(head + sizeof(MAGIC) - 1, hex, 64) != 0)
		return err_set(err, -EINVAL, "\"%s\" is damaged: its sum is another", c->path);
	if (lseek(c->fd, HEAD, SEEK_SET) != HEAD)
		return err_set(err, -EIO, "cannot read \"%s\": %s", c->path, strerror(errno));
	return 0;
}

void queue_verb_import(struct queue_view *v)
{
	struct carry *c = carry_new(v);
	struct err err = ERR_NONE;
	int rc = check_file(c, &err);

	if (rc < 0) {
		fail(c, rc, &err);
		return;
	}
	c->unpacker = ZSTD_createDCtx();
	const struct carry_in in = { .line = get_line, .kept_ok = retention_kept_name, .cookie = c };
	queue_import(v->app->queue, &in, clock_wall_ms(), on_imported, c);
}
