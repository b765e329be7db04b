/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - curl multi on libuv.  (faults.md, rules C1 to C5)
 *
 * Every write uses a fresh connection, because libcurl repeats a POST by itself when a reused one dies
 * (finding 1); reads reuse theirs.  No redirect is followed, no password leaves in a URL, certificates are
 * verified unless the endpoint says otherwise. */
#ifndef RD_NET_HTTP_H
#define RD_NET_HTTP_H

#include "daemon/base/err.h"
#include "daemon/net/transport.h"

struct uv_loop_s;
struct transport *http_open(struct uv_loop_s *loop, const char *user_agent, struct err *err);

#endif
