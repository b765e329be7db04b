/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - exchanges carried over the loop.
 *
 * One curl multi handle; libcurl says which sockets it waits for and until when, libuv waits.  An
 * operation is in one of two lists: `running` (its easy handle is in the multi handle) or `ended` (its
 * reply is filled, done() has not run).  done() runs from a callback of the loop and from nowhere else, so
 * it may send, cancel and close as it likes.  Loop thread only. */
#include "daemon/net/http.h"

#include "daemon/base/mem.h"
#include "daemon/net/exchange.h"

#include <uv.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define IDLE_CONNECTIONS 8L
#define POLL_ERRORS_MAX  100 /* in a row; then the timeouts decide, instead of a busy loop */

struct http {
	struct transport base;
	uv_loop_t *loop;
	CURLM *multi;
	char *user_agent;
	struct http_timeouts timeouts;
	uv_timer_t timer; /* libcurl's */
	uv_timer_t later; /* what must not happen inside the call that caused it */
	struct list running, ended, sockets;
	unsigned open_handles;
	bool closing, cleaning;
};

/* One socket that libcurl waits for. */
struct http_socket {
	struct list link;
	struct http *http;
	uv_poll_t poll;
	curl_socket_t fd;
	int events; /* UV_READABLE, UV_WRITABLE */
	unsigned errors;
	bool polled; /* poll is an initialised handle */
	bool broken; /* could not be polled: libcurl is told on the next turn */
};

static void later(struct http *h);

/* ---- the end of an exchange ---- */

static void end_exchange(struct http *h, struct exchange_op *op)
{
	list_remove(&op->link);
	list_append(&h->ended, &op->link);
}

/* After every socket_action: libcurl says this in no other way, and its own example that looks only while
 * transfers run misses the last one's timeout (rule C2). */
static void drain(struct http *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct exchange_op *op = NULL;
		CURLcode code = msg->data.result;

		if (msg->msg != CURLMSG_DONE)
			continue;
		CURL *easy = msg->easy_handle;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&op);
		curl_multi_remove_handle(h->multi, easy); /* msg is void now */
		exchange_end(op, code);
		end_exchange(h, op);
	}
}

static void on_handle_closed(struct http *h)
{
	if (--h->open_handles > 0)
		return;
	free(h->user_agent);
	free(h);
	curl_global_cleanup();
}

static void on_timer_closed(uv_handle_t *handle)
{
	on_handle_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct http_socket *s = handle->data;
	struct http *h = s->http;

	free(s);
	on_handle_closed(h);
}

static void drop_socket(struct http_socket *s)
{
	list_remove(&s->link);
	if (!s->polled) {
		free(s);
		return;
	}
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, on_socket_closed);
}

static void clean_up(struct http *h)
{
	h->cleaning = true; /* libcurl may still say goodbye to a peer: nothing is polled for that */
	curl_multi_cleanup(h->multi);
	h->multi = NULL;
	list_each_safe(link, &h->sockets)
		drop_socket(list_entry(link, struct http_socket, link));
	uv_close((uv_handle_t *)&h->timer, on_timer_closed);
	uv_close((uv_handle_t *)&h->later, on_timer_closed);
}

static void deliver(struct http *h)
{
	while (!list_empty(&h->ended)) {
		struct exchange_op *op = list_first(&h->ended, struct exchange_op, link);

		list_remove(&op->link);
		op->done(op->cookie, &op->reply);
		exchange_free(op);
	}
	if (h->closing && !h->cleaning)
		clean_up(h);
}

/* ---- libcurl and the loop ---- */

static void act(struct http *h, curl_socket_t fd, int flags)
{
	int running;

	curl_multi_socket_action(h->multi, fd, flags, &running);
	drain(h);
}

static void on_curl_timer(uv_timer_t *timer)
{
	struct http *h = timer->data;

	if (h->cleaning)
		return;
	act(h, CURL_SOCKET_TIMEOUT, 0);
	deliver(h);
}

static void on_later(uv_timer_t *timer)
{
	struct http *h = timer->data;

	if (h->cleaning)
		return;
	for (bool found = true; found;) { /* the list changes under every action */
		found = false;
		list_each(link, &h->sockets) {
			struct http_socket *s = list_entry(link, struct http_socket, link);

			if (!s->broken)
				continue;
			s->broken = false;
			found = true;
			act(h, s->fd, CURL_CSELECT_ERR);
			break;
		}
	}
	deliver(h);
}

static void later(struct http *h)
{
	uv_timer_start(&h->later, on_later, 0, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct http_socket *s = poll->data;
	struct http *h = s->http;
	curl_socket_t fd = s->fd;
	int flags = 0;

	if (h->cleaning)
		return;
	if (status < 0) {
		/* libuv has stopped the handle.  IN beside ERR: an answer that came before the reset is
		 * still read, and the error that libcurl finds names its cause. */
		flags = CURL_CSELECT_ERR | CURL_CSELECT_IN;
		if (s->events & UV_WRITABLE)
			flags |= CURL_CSELECT_OUT;
		s->errors++;
	} else {
		flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
			(events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
		s->errors = 0;
	}
	act(h, fd, flags);
	/* s lives at least until its close callback.  libcurl, if it still wants what it wanted before,
	 * does not ask again: so a stopped handle is started here. */
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll) && !uv_is_active((uv_handle_t *)poll) &&
	    s->errors < POLL_ERRORS_MAX)
		uv_poll_start(poll, s->events, on_poll);
	deliver(h);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *cookie, void *slot)
{
	struct http *h = cookie;
	struct http_socket *s = slot;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL) {
			curl_multi_assign(h->multi, fd, NULL);
			drop_socket(s);
		}
		return 0;
	}
	if (h->cleaning)
		return 0;
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->http = h;
		s->fd = fd;
		list_append(&h->sockets, &s->link);
		curl_multi_assign(h->multi, fd, s);
		if (uv_poll_init_socket(h->loop, &s->poll, fd) == 0) {
			s->polled = true;
			s->poll.data = s;
			h->open_handles++;
		}
	}
	s->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	if (!s->polled || uv_poll_start(&s->poll, s->events, on_poll) < 0) {
		s->broken = true; /* an error here would end every transfer, not only this one */
		later(h);
	}
	return 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *cookie)
{
	struct http *h = cookie;

	(void)multi;
	if (h->cleaning)
		return 0;
	if (timeout_ms < 0)
		uv_timer_stop(&h->timer);
	else /* never 0: libuv would run it again in the same turn */
		uv_timer_start(&h->timer, on_curl_timer, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
	return 0;
}

/* ---- transport ---- */

static struct exchange_op *http_send(struct transport *t, const struct endpoint *to,
				     const struct request *request, transport_done_fn *done, void *cookie)
{
	struct http *h = (struct http *)t;
	struct exchange_op *op = exchange_new(t, to, request, done, cookie);

	assert(!h->cleaning); /* nobody is left to tell */
	list_append(&h->running, &op->link);
	if (h->closing) {
		exchange_cancel(op);
	} else if (exchange_prepare(op, &h->timeouts, h->user_agent) == 0) {
		if (curl_multi_add_handle(h->multi, op->easy) == CURLM_OK)
			return op;
		exchange_end(op, CURLE_FAILED_INIT);
	}
	end_exchange(h, op);
	later(h);
	return op;
}

static void http_cancel(struct transport *t, struct exchange_op *op)
{
	struct http *h = (struct http *)t;

	if (op->easy != NULL)
		curl_multi_remove_handle(h->multi, op->easy);
	exchange_cancel(op);
	end_exchange(h, op);
	if (!h->cleaning)
		later(h);
}

static void http_close(struct transport *t)
{
	struct http *h = (struct http *)t;

	if (h == NULL || h->closing)
		return;
	h->closing = true;
	while (!list_empty(&h->running))
		http_cancel(t, list_first(&h->running, struct exchange_op, link));
	list_each(link, &h->ended)
		exchange_cancel(list_entry(link, struct exchange_op, link));
	later(h);
}

static const struct transport_ops http_ops = {
	.send = http_send,
	.cancel = http_cancel,
	.close = http_close,
};

static int check_curl(struct err *err)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

	if (!(v->features & CURL_VERSION_ASYNCHDNS))
		return err_set(err, -ENOTSUP,
			       "libcurl %s resolves names only while everything waits "
			       "(AsynchDNS is missing)",
			       v->version);
	if (!(v->features & CURL_VERSION_SSL))
		return err_set(err, -ENOTSUP, "libcurl %s has no TLS", v->version);
	return 0;
}

static void ignore_sigpipe(void)
{
	struct sigaction sa;

	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL) {
		sa.sa_handler = SIG_IGN;
		sigaction(SIGPIPE, &sa, NULL);
	}
}

struct transport *http_open(struct uv_loop_s *loop, const char *user_agent, struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(err, -EIO, "libcurl cannot be initialised");
		return NULL;
	}
	CURLM *multi = curl_multi_init();
	if (multi == NULL || check_curl(err) < 0) {
		if (multi == NULL)
			err_set(err, -ENOMEM, "libcurl cannot be initialised");
		curl_multi_cleanup(multi);
		curl_global_cleanup();
		return NULL;
	}
	ignore_sigpipe();

	struct http *h = xcalloc(1, sizeof(*h));
	h->base.ops = &http_ops;
	h->loop = loop;
	h->multi = multi;
	h->user_agent = xstrdup(user_agent);
	h->timeouts = HTTP_TIMEOUTS;
	list_init(&h->running);
	list_init(&h->ended);
	list_init(&h->sockets);
	uv_timer_init(loop, &h->timer);
	uv_timer_init(loop, &h->later);
	h->timer.data = h->later.data = h;
	h->open_handles = 2;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
	return &h->base;
}

void http_set_timeouts(struct transport *http, const struct http_timeouts *timeouts)
{
	((struct http *)http)->timeouts = *timeouts;
}
