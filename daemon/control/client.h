/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - the other end of the control socket: requests out, with descriptors, and replies in.
 *
 * Blocks; for commands that do nothing else meanwhile.  One thread. */
#ifndef RD_CONTROL_CLIENT_H
#define RD_CONTROL_CLIENT_H

#include "daemon/base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct control_link;

/* -ENOENT, -ECONNREFUSED: nobody serves it; -EACCES: we may not; -EAGAIN: too many knock at once. */
int control_connect(const char *path, struct control_link **out, struct err *err);
const char *control_link_path(const struct control_link *l);
void control_hang_up(struct control_link *l); /* NULL is accepted */

/* Takes ownership of the request; fd (-1: none) stays the caller's.  -EPIPE: the other side is gone. */
int control_ask(struct control_link *l, cJSON *request, int fd, struct err *err);
/* The next reply.  timeout_ms below 0: for ever.  -ETIMEDOUT; -EPIPE: the other side is gone. */
int control_reply(struct control_link *l, int64_t timeout_ms, cJSON **out, struct err *err);

/* Of replies: NULL, 0, false where there is no such field. */
const char *reply_text(const cJSON *reply, const char *name);
double reply_number(const cJSON *reply, const char *name);
bool reply_flag(const cJSON *reply, const char *name);
bool reply_is(const cJSON *reply, const char *re); /* {"re": ...} */

#endif
