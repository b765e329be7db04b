/* SPDX-License-Identifier: Apache-2.0
 *
 * transport.h - one request, one reply, cancel: the interface that dispatch speaks to the network by.
 *
 * http.h is the real one, folder.h serves local sinks, the simulation brings its own.  Loop thread only.
 * done() is called exactly once, never before send() has returned, also after cancel() (with
 * EXCHANGE_CANCELLED).  request and endpoint must live until then; reply lives until done() returns. */
#ifndef RD_NET_TRANSPORT_H
#define RD_NET_TRANSPORT_H

#include "daemon/net/message.h"

struct transport;
struct exchange_op; /* a pending exchange */
typedef void transport_done_fn(void *cookie, const struct reply *reply);

struct transport_ops {
	struct exchange_op *(*send)(struct transport *t, const struct endpoint *to,
				    const struct request *request, transport_done_fn *done, void *cookie);
	void (*cancel)(struct transport *t, struct exchange_op *op);
	void (*close)(struct transport *t); /* cancels all; frees itself when its handles are closed */
};
struct transport {
	const struct transport_ops *ops;
};

static inline struct exchange_op *transport_send(struct transport *t, const struct endpoint *to,
						 const struct request *request, transport_done_fn *done,
						 void *cookie)
{
	return t->ops->send(t, to, request, done, cookie);
}

#endif
