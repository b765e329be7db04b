/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h - files, safely: bounded reads, atomic writes, opening beneath a root. */
#ifndef RD_BASE_FILE_H
#define RD_BASE_FILE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <sys/types.h>

/* Appends the whole file to out; a file larger than the buf's ceiling is -E2BIG. */
int file_read(const char *path, struct buf *out, struct err *err);
/* Write beside, fsync, rename, fsync the directory.  Readers see the old or the new file. */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err);
int file_mkdirs(const char *path, mode_t mode, struct err *err); /* like mkdir -p */
int file_sync_dir(const char *path, struct err *err);            /* fsync of a directory */
int file_write_all(int fd, const void *data, size_t len);        /* 0 or negative errno */
/* A regular file for reading, beneath root (a directory descriptor, or AT_FDCWD with an absolute root
 * handled by the caller), never through a symbolic link, never blocking on a FIFO; -ELOOP, -EXDEV,
 * -ENOENT..., -EINVAL for anything that is not a regular file.  openat2 where the kernel has it, else
 * component by component.  (faults.md, rule S4) */
int file_open_beneath(int root_fd, const char *relative, int *fd, struct err *err);
/* The same for a directory ("" or ".": root itself). */
int file_open_dir_beneath(int root_fd, const char *relative, int *fd, struct err *err);
/* What both do on kernels without openat2: a descriptor or a negative errno.  For tests. */
int file_open_components(int root_fd, const char *relative, int flags);

#endif
