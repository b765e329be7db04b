/* SPDX-License-Identifier: Apache-2.0
 *
 * message.c - requests and replies: what they hold before anybody touched them, and how it is freed. */
#include "daemon/net/message.h"

#include "daemon/base/clock.h"

#include <errno.h>

#define PATH_MAX_BYTES  (64u << 10) /* with its query; servers refuse longer ones anyway */
#define BODY_MAX_BYTES  (64u << 20) /* a batch is far smaller; this stops a mistake, not a user */
#define REPLY_MAX_BYTES (16u << 20)

void request_init(struct request *r)
{
	*r = (struct request){
		.method = METHOD_GET,
		.path = BUF_LIMIT(PATH_MAX_BYTES),
		.body = BUF_LIMIT(BODY_MAX_BYTES),
	};
}

void request_done(struct request *r)
{
	if (r == NULL)
		return;
	buf_done(&r->path);
	buf_done(&r->body);
}

bool upload_gone(int rc)
{
	switch (-rc) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENXIO: /* a socket */
	case EINVAL:
	case ESTALE:
		return true;
	}
	return false;
}

void reply_init(struct reply *r)
{
	*r = (struct reply){
		.exchange = EXCHANGE_NOT_SENT,
		.body = BUF_LIMIT(REPLY_MAX_BYTES),
		.retry_after_s = -1,
		.server_ms = TIME_UNKNOWN,
	};
}

void reply_done(struct reply *r)
{
	if (r == NULL)
		return;
	buf_done(&r->body);
}
