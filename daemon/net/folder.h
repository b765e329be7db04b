/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h - a directory as a place to deliver to: PUT replaces a file atomically (200), POST appends at
 * request.offset, truncating what lies beyond (200; so an append may be repeated), GET reads one (200,
 * 404).  Answers carry no body but GET's.  Work runs on the executor, done() on the loop.  Paths are
 * relative, without ".." or symbolic links (400 else); a full disk is 507.
 *
 * Also: 403 no permission, 416 the file is shorter than request.offset (nothing is written: somebody
 * took bytes away), 405 DELETE, 503 the machine is short of descriptors or memory, 500 any other error
 * of the disk; the reply's `error` says it in words.  200 to a write means synced, the directories that
 * hold it too.  Directories are made with endpoint.folder_mode, files with its read and write bits,
 * whatever the umask; what is there already keeps its mode.  The executor must outlive close() until it
 * has been reaped. */
#ifndef RD_NET_FOLDER_H
#define RD_NET_FOLDER_H

#include "daemon/base/executor.h"
#include "daemon/net/transport.h"

struct transport *folder_open(struct executor *executor);

#endif
