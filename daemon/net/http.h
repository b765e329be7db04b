/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - curl multi on libuv.  (faults.md, rules C1 to C5)
 *
 * Every write uses a fresh connection, because libcurl repeats a POST by itself when a reused one dies
 * (finding 1); reads reuse theirs.  No redirect is followed, no password leaves in a URL, certificates are
 * verified unless the endpoint says otherwise; no cookies, no .netrc, no compression, HTTP/1.1 only.
 *
 * Proxy: the endpoint's, where it names one ("" means none); else the usual environment variables
 * (http_proxy, https_proxy, HTTPS_PROXY, all_proxy, no_proxy).
 *
 * An upload reads its file in small pieces on the loop, so it is meant for files on a local disk.
 * http_open() sets SIGPIPE to be ignored where it still has its default action: libcurl leaves that to
 * its caller once it may not touch signals.  Loop thread only. */
#ifndef RD_NET_HTTP_H
#define RD_NET_HTTP_H

#include "daemon/base/err.h"
#include "daemon/net/transport.h"

struct uv_loop_s;
struct transport *http_open(struct uv_loop_s *loop, const char *user_agent, struct err *err);

/* How long an exchange may take; it holds for those sent later. */
struct http_timeouts {
	long connect_ms; /* name, TCP, TLS */
	long stall_s;    /* without a single byte in either direction */
	long total_ms;   /* and for each bytes_per_s bytes of the request one second more */
	long bytes_per_s;
};
#define HTTP_TIMEOUTS            \
	((struct http_timeouts){ \
		.connect_ms = 10000, .stall_s = 180, .total_ms = 180000, .bytes_per_s = 65536 })
void http_set_timeouts(struct transport *http, const struct http_timeouts *timeouts);

#endif
