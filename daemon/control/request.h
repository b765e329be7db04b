/* SPDX-License-Identifier: Apache-2.0
 *
 * request.h - one request of the control socket: a line of JSON, checked field by field.  (README.md)
 *
 * Whoever may open the socket may write anything to it, so a line is taken only when every field that the
 * request has is of its type and within its bounds; fields that a request does not have are ignored, for the
 * sake of newer clients.  Pure: no socket, no clock.  Any thread. */
#ifndef RD_CONTROL_REQUEST_H
#define RD_CONTROL_REQUEST_H

#include "daemon/base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONTROL_PROTOCOL = 1,
	CONTROL_LINE_MAX = 512 * 1024, /* bytes of a request, without its newline */
	CONTROL_NODES_MAX = 65536,     /* values in one request */
	CONTROL_PATH_MAX = 4096,
	/* The code of an error that is over in a while, for which no request is to blame. */
	CONTROL_AGAIN = 3,
};

enum control_do {
	CONTROL_HELLO,
	CONTROL_OPEN,
	CONTROL_CONTEXT,
	CONTROL_FILE,
	CONTROL_KEY,
	CONTROL_EVIDENCE,
	CONTROL_GIVE,
	CONTROL_END,
	CONTROL_AWAIT,
	CONTROL_DELIVER,
	CONTROL_RECEIPT,
	CONTROL_QUEUE,
	CONTROL_ANSWER,
	CONTROL_STATUS,
	CONTROL_SPEND,
};
const char *control_do_name(enum control_do what);

struct control_request {
	enum control_do what;
	cJSON *json; /* an object; owned */
	int fd;      /* that came with it, -1: none; owned */
};

/* -EINVAL with err filled; out then holds nothing.  line need not end in a NUL. */
int control_request_parse(const char *line, size_t len, struct control_request *out, struct err *err);
void control_request_done(struct control_request *r);
/* Whether a descriptor belongs to requests of this kind. */
bool control_wants_fd(const struct control_request *r);

/* Fields, as the check left them: NULL, 0, false where they are not there. */
const char *control_text(const struct control_request *r, const char *name);
int64_t control_number(const struct control_request *r, const char *name);
bool control_flag(const struct control_request *r, const char *name);
const cJSON *control_field(const struct control_request *r, const char *name);

#endif
