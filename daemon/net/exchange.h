/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.h - one HTTP exchange as libcurl sees it: options in, a classified reply out.
 *
 * Private to net/: http.c moves exchanges over the loop, exchange.c knows what is asked of libcurl and
 * what its answers mean.  Loop thread only. */
#ifndef RD_NET_EXCHANGE_H
#define RD_NET_EXCHANGE_H

#include "daemon/base/list.h"
#include "daemon/net/http.h"

#include <curl/curl.h>

struct exchange_op {
	struct list link; /* http.c: running or ended */
	struct transport *transport;
	const struct endpoint *to;
	const struct request *request;
	transport_done_fn *done;
	void *cookie;
	struct reply reply;

	CURL *easy; /* NULL: not begun, or over */
	struct curl_slist *headers;
	curl_mime *mime;
	int fd;              /* the file of an upload, or -1 */
	uint64_t fd_left;    /* bytes of it still to be sent */
	size_t body_at;      /* bytes of request->body handed to libcurl */
	uint64_t head_bytes; /* of the reply */
	bool connected;      /* the request itself may have begun to leave */
	bool head_whole;     /* the empty line after the reply's headers came */
	bool too_large, head_too_large, upload_cut;
	char retry_after[64];
	char curl_error[CURL_ERROR_SIZE];
};

struct exchange_op *exchange_new(struct transport *t, const struct endpoint *to,
				 const struct request *request, transport_done_fn *done, void *cookie);
/* Makes op->easy.  On failure the reply says why (EXCHANGE_NOT_SENT) and op->easy is NULL. */
int exchange_prepare(struct exchange_op *op, const struct http_timeouts *timeouts, const char *user_agent);
/* Fills the reply.  op->easy must be out of the multi handle already; it is freed. */
void exchange_end(struct exchange_op *op, CURLcode code);
void exchange_cancel(struct exchange_op *op);
void exchange_free(struct exchange_op *op);

#endif
