/* SPDX-License-Identifier: Apache-2.0
 *
 * sift.h - settled files one by one, of which some tell what others of their folder tell (family.h).
 *
 * Only a file that may belong to a family is looked at; then its folder is read once, for all of them, on a
 * worker.  Until that is done the answer is SIFT_WAIT, and decided() says when to ask again.  Loop thread
 * only. */
#ifndef RD_SIFT_H
#define RD_SIFT_H

#include "daemon/base/executor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sift;
struct sift *sift_new(struct executor *executor, void (*decided)(void *cookie), void *cookie);
void sift_free(struct sift *s); /* when nothing is under way */
/* What is looked at of one folder before it is given up: entries of any kind, and those that may be reports.
 * For tests. */
void sift_limit(struct sift *s, size_t entries, size_t files);
bool sift_busy(const struct sift *s);

struct sift_file {
	const char *path, *root; /* absolute; path lies beneath root */
	const char *folder;      /* beneath root, where path lies: that of one build or job */
	int64_t mtime_ms;
};
/* What the caller knows of the files beside it; asked before sift_ask() returns. */
struct sift_tree {
	bool (*wanted)(void *cookie, const char *path);  /* would it be taken at all? */
	char *(*run_of)(void *cookie, const char *path); /* the run it belongs to; freed here */
	/* Is it known what that run has taken?  If not it is being found out, and who asks here asks again then.
	 * NULL: always. */
	bool (*knows)(void *cookie, const char *run);
	bool (*taken)(void *cookie, const char *run, const char *path, int64_t mtime_ms);
	void *cookie;
};
enum sift_answer { SIFT_TAKE, SIFT_LEAVE, SIFT_WAIT };
/* *why, with SIFT_LEAVE: in words, until the next call. */
enum sift_answer sift_ask(struct sift *s, const struct sift_file *file, const struct sift_tree *tree,
			  const char **why);

#endif
