/* SPDX-License-Identifier: Apache-2.0
 *
 * keep.h - the copy of a source report for the state directory: opened safely, hashed and compressed in one pass;
 * a small one for the queue's own transaction, a larger one in a file, synced.  Blocks: worker threads. */
#ifndef RD_KEEP_H
#define RD_KEEP_H

#include "daemon/base/buf.h"
#include "daemon/base/digest.h"
#include "daemon/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* A regular file for reading.  root_fd >= 0: beneath it, no symbolic link followed; else path as the user
 * named it.  Returns the descriptor or a negative errno. */
int keep_open(int root_fd, const char *path, struct stat *st, struct err *err);
/* A descriptor that somebody else opened, as keep_open() would have it; path only names it.  Returns what is
 * to be read in its place; on an error it is still the caller's. */
int keep_adopt(int fd, const char *path, struct stat *st, struct err *err);

enum { KEEP_SMALL = 64 * 1024 }; /* bytes of a copy that gets no file */

struct kept {
	uint8_t sha256[DIGEST_SIZE]; /* of the file's bytes as they are */
	const char *suffix;          /* ".xml.zst", or ".xml.gz" where it came compressed */
	bool small;                  /* the copy is here, and there is no file */
	struct buf copy;             /* the caller's, also after an error */
};
/* Copies from fd's current offset to its end, compressed: into memory where that comes to at most KEEP_SMALL bytes,
 * else into a new file at `to`, which is synced.  size: what the file should hold. */
int keep_copy(int fd, uint64_t size, const char *to, struct kept *out, struct err *err);
/* Moves the copy to its place; the folder is made where it is missing, and synced. */
int keep_place(const char *tmp, const char *path, struct err *err);
/* Whether the file behind fd is still what st says. */
bool keep_unchanged(int fd, const struct stat *st);

#endif
