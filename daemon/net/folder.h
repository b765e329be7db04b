/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h - a directory as a place to deliver to: PUT replaces a file atomically (200), POST appends at
 * request.offset, truncating what lies beyond (200; so an append may be repeated), GET reads one (200,
 * 404).  Answers carry no body but GET's.  Work runs on the executor, done() on the loop.  Paths are
 * relative, without ".." or symbolic links (400 else); a full disk is 507. */
#ifndef RD_NET_FOLDER_H
#define RD_NET_FOLDER_H

#include "daemon/base/executor.h"
#include "daemon/net/transport.h"

struct transport *folder_open(struct executor *executor);

#endif
