/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_api.c - how Axosoft is spoken to: paths, the token, refusals in words.
 *
 * A token that was granted for user and password is kept in memory alone.  Where the server does not take it
 * any more, another one is asked for, once in a row: what refuses one that was granted for this very run
 * (a client that is not allowed any more) would refuse the next one, too, and the sink pauses. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/config/secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What was granted lies in it: the one thing there that changes. */
static struct axosoft_conf *conf_of(const struct talk *t)
{
	return (struct axosoft_conf *)(uintptr_t)t->conf;
}

static void path(struct talk *t, struct request *r, const char *fmt, va_list ap)
{
	const struct axosoft_conf *c = t->conf;

	buf_printf(&r->path, "api/%s/", c->version);
	buf_vprintf(&r->path, fmt, ap);
	if (c->token == NULL)
		r->authorization = conf_of(t)->granted;
}

void axosoft_get(struct talk *t, struct request *r, const char *fmt, ...)
{
	va_list ap;

	r->method = METHOD_GET;
	r->write = false;
	va_start(ap, fmt);
	path(t, r, fmt, ap);
	va_end(ap);
}

void axosoft_post(struct talk *t, struct request *r, const char *fmt, ...)
{
	va_list ap;

	r->method = METHOD_POST;
	r->write = true;
	r->content_type = "application/json; charset=utf-8";
	va_start(ap, fmt);
	path(t, r, fmt, ap);
	va_end(ap);
}

static void form(struct buf *b, const char *name, const char *value)
{
	if (b->len > 0)
		buf_putc(b, '&');
	buf_printf(b, "%s=", name);
	sink_escape(b, value != NULL ? value : "");
}

bool axosoft_needs_token(struct talk *t, struct request *r)
{
	const struct axosoft_conf *c = t->conf;

	if (c->token != NULL || conf_of(t)->granted[0] != '\0')
		return false;
	/* Documented with parameters in the address; a form is what clients send, and what no proxy logs. */
	struct buf *to = c->grant == 0 ? &r->body : &r->path;
	struct buf fields = BUF_LIMIT(16u << 10);
	form(&fields, "grant_type", "password");
	form(&fields, "username", c->user);
	form(&fields, "password", secret_value(c->password));
	form(&fields, "client_id", c->client_id);
	form(&fields, "client_secret", secret_value(c->client_secret));
	form(&fields, "scope", "read write");
	buf_puts(&r->path, "api/oauth2/token");
	if (c->grant != 0)
		buf_putc(&r->path, '?');
	buf_append(to, fields.data, fields.len);
	if (fields.data != NULL)
		explicit_bzero(fields.data, fields.cap);
	buf_done(&fields);
	r->method = c->grant == 0 ? METHOD_POST : METHOD_GET;
	r->content_type = "application/x-www-form-urlencoded";
	r->write = false;
	r->reads = true;
	r->secret = true;
	return true;
}

void axosoft_grant(struct talk *t, const char *token)
{
	struct axosoft_conf *c = conf_of(t);

	snprintf(c->granted, sizeof(c->granted), "%s", token);
	c->granted_for = t->run != NULL ? t->run->id : 0;
}

bool axosoft_token_taken(struct talk *t, const struct reply *r)
{
	cJSON *root = sink_ok(r) ? sink_json(r) : NULL;
	const char *token = sink_string(root, "access_token");
	bool taken = token != NULL && token[0] != '\0' && strlen(token) < AXOSOFT_TOKEN_SIZE;

	if (taken)
		axosoft_grant(t, token);
	else if (sink_ok(r))
		err_set(&t->err, -EPROTO, "the token address gave no access_token");
	else
		err_set(&t->err, -EACCES, "no token for this user, password and client: HTTP %d: %s",
			r->status, sink_words(t->arena, r));
	if (root != NULL)
		cJSON_Delete(root);
	return taken;
}

const char *axosoft_item_url(struct talk *t, const struct axosoft_item *item)
{
	const struct axosoft_conf *c = t->conf;
	bool number = item->number != NULL && item->number[0] != '\0';
	struct buf id = BUF_LIMIT(1024);

	sink_escape(&id, number ? item->number : item->id != NULL ? item->id : "");
	const char *url =
		arena_printf(t->arena, "%s/viewitem?id=%s&type=%s&force_use_number=%s", c->url,
			     id.data != NULL ? id.data : "", axosoft_type_word(c), number ? "true" : "false");
	buf_done(&id);
	return url;
}

enum got axosoft_refused(struct talk *t, const struct reply *r, const char *doing, enum got otherwise)
{
	struct axosoft_conf *c = conf_of(t);

	err_set(&t->err, -EPROTO, "%s: HTTP %d: %s", doing, r->status, sink_words(t->arena, r));
	if (r->status != 401)
		return otherwise;
	if (c->token != NULL)
		return GOT_LOCKED;
	bool fresh = c->granted_for == t->run->id;
	explicit_bzero(c->granted, sizeof(c->granted));
	c->granted_for = 0;
	return fresh ? GOT_LOCKED : GOT_BACK;
}

const char *axosoft_id(struct arena *a, const cJSON *object, const char *name)
{
	const char *id = sink_id(a, object, name);
	size_t len = id != NULL ? strlen(id) : 0;

	return len > 0 && len < 19 && strspn(id, "0123456789") == len ? id : NULL;
}

enum ask axosoft_token_ask(struct talk *t, struct request *r)
{
	return axosoft_needs_token(t, r) ? ASK_SEND : ASK_SKIP;
}

enum got axosoft_token_got(struct talk *t, const struct reply *r)
{
	return axosoft_token_taken(t, r) ? GOT_NEXT : GOT_LOCKED;
}
