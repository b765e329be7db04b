/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - what the HTTP tests share: a loop with a transport, and calls whose end can be waited for. */
#ifndef RD_TESTS_NET_CLIENT_H
#define RD_TESTS_NET_CLIENT_H

#include "daemon/base/mem.h"
#include "daemon/net/http.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define WAIT_MAX_MS 30000

struct client {
	uv_loop_t loop;
	uv_timer_t limit;
	struct transport *http;
	struct endpoint to;
	bool late;
};

struct call {
	struct request request;
	struct exchange_op *op;
	uv_loop_t *loop;
	unsigned ended; /* times done() ran */
	/* A copy of the reply. */
	enum exchange exchange;
	int status;
	char *body;
	size_t body_len;
	char content_type[128], location[512], error[512];
	int64_t retry_after_s, server_ms;
	uint64_t sent_bytes;
	double elapsed_ms;
};

static inline bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* The proxy of the machine that runs the tests has no say in them. */
static inline void client_without_proxies(void)
{
	static const char *const variable[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
						"ALL_PROXY",  "HTTP_PROXY",  "no_proxy",    "NO_PROXY" };

	for (size_t i = 0; i < sizeof(variable) / sizeof(variable[0]); i++)
		unsetenv(variable[i]);
}

static inline void client_late(uv_timer_t *timer)
{
	((struct client *)timer->data)->late = true;
	uv_stop(timer->loop);
}

static inline void client_open(struct client *c, const char *url)
{
	*c = (struct client){ .to = { .url = url, .scope = url, .verify = true, .parallel = 1 } };
	assert_int_equal(uv_loop_init(&c->loop), 0);
	uv_timer_init(&c->loop, &c->limit);
	c->limit.data = c;
	c->http = http_open(&c->loop, "resultd-test/1", NULL);
	assert_non_null(c->http);
}

/* The loop ends by itself and can be closed: no handle is left behind. */
static inline void client_close(struct client *c)
{
	c->http->ops->close(c->http);
	uv_close((uv_handle_t *)&c->limit, NULL);
	while (uv_run(&c->loop, UV_RUN_DEFAULT) != 0)
		;
	assert_int_equal(uv_loop_close(&c->loop), 0);
}

static inline void client_run_until(struct client *c, const unsigned *counter, unsigned value)
{
	c->late = false;
	uv_timer_start(&c->limit, client_late, WAIT_MAX_MS, 0);
	while (*counter < value && !c->late)
		uv_run(&c->loop, UV_RUN_ONCE);
	uv_timer_stop(&c->limit);
	assert_false(c->late);
}

static inline void call_done(void *cookie, const struct reply *r)
{
	struct call *k = cookie;

	k->op = NULL;
	k->ended++;
	uv_stop(k->loop); /* whoever waits looks now */
	k->exchange = r->exchange;
	k->status = r->status;
	free(k->body);
	k->body = xstrndup(r->body.len > 0 ? r->body.data : "", r->body.len);
	k->body_len = r->body.len;
	snprintf(k->content_type, sizeof(k->content_type), "%s", r->content_type);
	snprintf(k->location, sizeof(k->location), "%s", r->location);
	snprintf(k->error, sizeof(k->error), "%s", r->error);
	k->retry_after_s = r->retry_after_s;
	k->server_ms = r->server_ms;
	k->sent_bytes = r->sent_bytes;
	k->elapsed_ms = r->elapsed_ms;
}

static inline void call_init(struct call *k, enum method method, const char *path, const char *body)
{
	*k = (struct call){ 0 };
	request_init(&k->request);
	k->request.method = method;
	k->request.write = method != METHOD_GET;
	buf_puts(&k->request.path, path);
	if (body != NULL)
		buf_puts(&k->request.body, body);
}

static inline void call_free(struct call *k)
{
	request_done(&k->request);
	free(k->body);
}

static inline void call_send(struct call *k, struct client *c)
{
	unsigned before = k->ended;

	k->loop = &c->loop;
	k->op = transport_send(c->http, &c->to, &k->request, call_done, k);
	assert_non_null(k->op);
	assert_int_equal(k->ended, before); /* never before send() has returned */
}

static inline void call_run(struct call *k, struct client *c)
{
	unsigned next = k->ended + 1;

	call_send(k, c);
	client_run_until(c, &k->ended, next);
	assert_int_equal(k->ended, next);
}

#endif
