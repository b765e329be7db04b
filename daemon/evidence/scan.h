/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/scan.h - files beneath a folder that patterns name.  Blocks: worker threads. */
#ifndef RD_EVIDENCE_SCAN_H
#define RD_EVIDENCE_SCAN_H

#include <stddef.h>
#include <stdint.h>

struct evidence_file {
	char *relative; /* to the folder */
	uint64_t size;
	int64_t mtime_ms;
};
/* Told of each regular file; anything but 0 ends the scan. */
typedef int evidence_file_fn(void *cookie, const struct evidence_file *file);
/* Walks only where a pattern can match; follows no link; leaves names out that begin with a dot (unless a
 * pattern's component does) and half-written ones (*.tmp, *.part, *~).  The descriptor stays the caller's. */
void evidence_scan(int root_fd, const char *const *glob, size_t count, evidence_file_fn *file, void *cookie);

#endif
