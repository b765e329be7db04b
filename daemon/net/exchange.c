/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.c - what is asked of libcurl, and what its answers mean.
 *
 * The one question that matters afterwards is whether the server can have acted.  So the end of an
 * exchange is classified by bytes, not by hope: NOT_SENT only where the connection never got as far as the
 * request, or not one byte of it was taken by the socket. */
#include "daemon/net/exchange.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLY_MAX       (16u << 20) /* a page of a list */
#define REPLY_ERROR_MAX (1u << 20)  /* what a refusal may say */
#define HEAD_MAX        (64u << 10)
#define RETRY_AFTER_MAX 86400

/* ---- the reply comes in ---- */

/* The value of a header line, trimmed, as printable text: what it holds is shown to people. */
static void take_value(char *out, size_t size, const char *value, size_t len)
{
	size_t n = 0;

	while (len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	for (; n < len && n + 1 < size; n++)
		out[n] = (unsigned char)value[n] < 0x20 || value[n] == 0x7f ? '?' : value[n];
	out[n] = '\0';
}

static bool is_header(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && line[n] == ':' && strncasecmp(line, name, n) == 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *cookie)
{
	struct exchange_op *op = cookie;
	struct reply *r = &op->reply;
	size_t len = size * count;

	op->head_bytes += len;
	if (op->head_bytes > HEAD_MAX) {
		op->head_too_large = true;
		return 0;
	}
	if (r->body.len > 0)
		return len;                               /* a trailer */
	if (len >= 5 && strncmp(line, "HTTP/", 5) == 0) { /* also after a 1xx: start over */
		r->content_type[0] = r->location[0] = op->retry_after[0] = '\0';
		r->server_ms = TIME_UNKNOWN;
		op->head_whole = false;
	} else if (line[0] == '\r' || line[0] == '\n') {
		op->head_whole = true;
	} else if (is_header(line, len, "Content-Type")) {
		take_value(r->content_type, sizeof(r->content_type), line + 13, len - 13);
	} else if (is_header(line, len, "Location")) {
		take_value(r->location, sizeof(r->location), line + 9, len - 9);
	} else if (is_header(line, len, "Retry-After")) {
		take_value(op->retry_after, sizeof(op->retry_after), line + 12, len - 12);
	} else if (is_header(line, len, "Date")) {
		char date[64];

		take_value(date, sizeof(date), line + 5, len - 5);
		time_t at = curl_getdate(date, NULL);
		r->server_ms = at == -1 ? TIME_UNKNOWN : (int64_t)at * 1000;
	}
	return len;
}

static size_t on_body(char *data, size_t size, size_t count, void *cookie)
{
	struct exchange_op *op = cookie;
	size_t len = size * count;
	long status = 0;

	if (op->reply.body.len == 0) {
		curl_easy_getinfo(op->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 400 && op->reply.body.max > REPLY_ERROR_MAX)
			op->reply.body.max = REPLY_ERROR_MAX;
	}
	if (buf_append(&op->reply.body, data, len) < 0) {
		op->too_large = true;
		return 0;
	}
	return len;
}

/* Seconds or a date; a date counts from the server's own clock where it told it.  The vendors also send
 * fractions. */
static int64_t parse_retry_after(const char *text, int64_t server_ms)
{
	if (text[0] == '\0')
		return -1;
	const char *at = text + (*text == '-' || *text == '+');
	if (isdigit((unsigned char)*at)) {
		int64_t s = 0;

		for (; isdigit((unsigned char)*at); at++)
			s = s > RETRY_AFTER_MAX ? s : s * 10 + (*at - '0');
		if (*at == '.') {
			size_t digits = strspn(at + 1, "0123456789");

			s += strspn(at + 1, "0") < digits; /* rounded up */
			at += 1 + digits;
		}
		if (*at == '\0') {
			if (*text == '-')
				return 0;
			return s > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : s;
		}
	}
	time_t date = curl_getdate(text, NULL);
	if (date == -1)
		return -1;
	int64_t now_s = (server_ms == TIME_UNKNOWN ? clock_wall_ms() : server_ms) / 1000;
	int64_t wait_s = (int64_t)date - now_s;
	return wait_s < 0 ? 0 : wait_s > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : wait_s;
}

/* ---- the request goes out ---- */

/* No seek function goes with it: libcurl cannot rewind, so it cannot send the body a second time. */
static size_t on_read(char *out, size_t size, size_t count, void *cookie)
{
	struct exchange_op *op = cookie;
	const struct buf *body = &op->request->body;
	size_t n = size * count;

	if (n > body->len - op->body_at)
		n = body->len - op->body_at;
	if (n > 0)
		memcpy(out, body->data + op->body_at, n);
	op->body_at += n;
	return n;
}

static size_t on_read_file(char *out, size_t size, size_t count, void *cookie)
{
	struct exchange_op *op = cookie;
	size_t want = size * count;
	ssize_t n;

	if (want > op->fd_left)
		want = (size_t)op->fd_left;
	if (want == 0)
		return 0;
	do
		n = read(op->fd, out, want);
	while (n < 0 && errno == EINTR);
	if (n <= 0) { /* the file became shorter: the length is promised already */
		op->upload_cut = true;
		return CURL_READFUNC_ABORT;
	}
	op->fd_left -= (uint64_t)n;
	return (size_t)n;
}

/* Called once the connection stands, TLS and all, right before the request leaves. */
static int on_connected(void *cookie, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct exchange_op *op = cookie;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	op->connected = true;
	return CURL_PREREQFUNC_OK;
}

static bool has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int add_header(struct exchange_op *op, const char *line)
{
	struct curl_slist *list = curl_slist_append(op->headers, line);

	if (list == NULL)
		return -ENOMEM;
	op->headers = list;
	return 0;
}

/* "Authorization: Basic ..." by hand: libcurl's own would take part in 401 negotiations. */
static int add_basic(struct exchange_op *op, const char *user, const char *password)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char start[] = "Authorization: Basic ";
	char *plain = xasprintf("%s:%s", user, password != NULL ? password : "");
	size_t len = strlen(plain), size = sizeof(start) + (len + 2) / 3 * 4;
	char *line = xcalloc(size, 1), *out = line + sizeof(start) - 1;

	memcpy(line, start, sizeof(start) - 1);
	for (size_t i = 0; i < len; i += 3) {
		unsigned b1 = i + 1 < len ? (unsigned char)plain[i + 1] : 0;
		unsigned b2 = i + 2 < len ? (unsigned char)plain[i + 2] : 0;
		unsigned v = (unsigned)(unsigned char)plain[i] << 16 | b1 << 8 | b2;

		*out++ = digit[v >> 18];
		*out++ = digit[v >> 12 & 63];
		*out++ = i + 1 < len ? digit[v >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digit[v & 63] : '=';
	}
	int rc = add_header(op, line);
	explicit_bzero(plain, len);
	explicit_bzero(line, size);
	free(plain);
	free(line);
	return rc;
}

static int prepare_headers(struct exchange_op *op)
{
	const struct endpoint *to = op->to;
	const struct request *q = op->request;
	int rc = add_header(op, "Expect:"); /* a 417 would make libcurl send the request again */

	if (rc == 0 && (q->upload_path == NULL || q->upload_raw)) {
		const char *type = q->content_type != NULL ? q->content_type : "application/json";

		if (has_control(type))
			return -EINVAL;
		char *line = xasprintf("Content-Type: %s", type); /* on a GET too: TestRail asks for it */
		rc = add_header(op, line);
		free(line);
	}
	const char *authorization = q->authorization != NULL ? q->authorization : to->authorization;
	if (rc == 0 && authorization != NULL && authorization[0] != '\0') {
		if (has_control(authorization))
			return -EINVAL;
		const char *scheme = to->auth_scheme != NULL ? to->auth_scheme : "";
		char *line =
			xasprintf("%s: %s%s%s", to->auth_header != NULL ? to->auth_header : "Authorization",
				  scheme, *scheme != '\0' ? " " : "", authorization);
		rc = add_header(op, line);
		explicit_bzero(line, strlen(line));
		free(line);
	} else if (rc == 0 && to->user != NULL) {
		rc = add_basic(op, to->user, to->password);
	}
	return rc;
}

/* The file is the body.  No seek function: see on_read(). */
static int prepare_raw(struct exchange_op *op)
{
	bool good = curl_easy_setopt(op->easy, CURLOPT_POST, 1L) == CURLE_OK &&
		    curl_easy_setopt(op->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)op->fd_left) ==
			    CURLE_OK &&
		    curl_easy_setopt(op->easy, CURLOPT_READFUNCTION, on_read_file) == CURLE_OK &&
		    curl_easy_setopt(op->easy, CURLOPT_READDATA, op) == CURLE_OK;

	return good ? 0 : -ENOMEM;
}

static int prepare_upload(struct exchange_op *op)
{
	const struct request *q = op->request;
	struct stat st;

	op->fd = open(q->upload_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (op->fd < 0 || fstat(op->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (q->upload_size > 0 && (uint64_t)st.st_size != q->upload_size)
		return -ESTALE;
	op->fd_left = (uint64_t)st.st_size;
	if (q->upload_raw)
		return prepare_raw(op);
	op->mime = curl_mime_init(op->easy);
	curl_mimepart *part = op->mime != NULL ? curl_mime_addpart(op->mime) : NULL;
	if (part == NULL ||
	    curl_mime_name(part, q->upload_field != NULL ? q->upload_field : "attachment") != CURLE_OK ||
	    curl_mime_data_cb(part, st.st_size, on_read_file, NULL, NULL, op) != CURLE_OK)
		return -ENOMEM;
	const char *name = q->upload_name;
	if (name == NULL) {
		const char *slash = strrchr(q->upload_path, '/');

		name = slash != NULL ? slash + 1 : q->upload_path;
	}
	if (curl_mime_filename(part, name) != CURLE_OK)
		return -ENOMEM;
	if (q->upload_type != NULL &&
	    (has_control(q->upload_type) || curl_mime_type(part, q->upload_type) != CURLE_OK))
		return -EINVAL;
	for (const char *const *s = q->upload_form; s != NULL && s[0] != NULL && s[1] != NULL; s += 2) {
		part = curl_mime_addpart(op->mime);
		if (part == NULL || curl_mime_name(part, s[0]) != CURLE_OK ||
		    curl_mime_data(part, s[1], CURL_ZERO_TERMINATED) != CURLE_OK ||
		    (q->upload_form_type != NULL && curl_mime_type(part, q->upload_form_type) != CURLE_OK))
			return -ENOMEM;
	}
	return curl_easy_setopt(op->easy, CURLOPT_MIMEPOST, op->mime) == CURLE_OK ? 0 : -ENOMEM;
}

#define SET(option, value)                                                 \
	do {                                                               \
		if (curl_easy_setopt(op->easy, option, value) != CURLE_OK) \
			return -ENOMEM;                                    \
	} while (0)

static int prepare_method(struct exchange_op *op)
{
	static const char *const name[] = {
		[METHOD_GET] = "GET",
		[METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT",
		[METHOD_DELETE] = "DELETE",
	};
	const struct request *q = op->request;

	if (q->upload_path != NULL) {
		int rc = prepare_upload(op);

		if (rc < 0)
			return rc;
	} else if (q->method == METHOD_POST || q->method == METHOD_PUT || q->body.len > 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
		SET(CURLOPT_READFUNCTION, on_read);
		SET(CURLOPT_READDATA, op);
	} else {
		SET(CURLOPT_HTTPGET, 1L);
	}
	bool plain = (q->method == METHOD_GET && q->body.len == 0 && q->upload_path == NULL) ||
		     q->method == METHOD_POST;
	if (!plain)
		SET(CURLOPT_CUSTOMREQUEST, name[q->method]);
	/* Finding 1: on a connection of its own there is nothing that libcurl would repeat. */
	if (q->method != METHOD_GET || q->write || q->upload_path != NULL) {
		SET(CURLOPT_FRESH_CONNECT, 1L);
		SET(CURLOPT_FORBID_REUSE, 1L);
	}
	return 0;
}

static int prepare_limits(struct exchange_op *op, const struct http_timeouts *t)
{
	const struct request *q = op->request;
	uint64_t bytes = q->upload_path != NULL ? op->fd_left : q->body.len;
	uint64_t max = q->reply_max != 0 ? q->reply_max : REPLY_MAX;
	uint64_t more_ms = t->bytes_per_s > 0 ? bytes / (uint64_t)t->bytes_per_s * 1000 : 0;

	if (more_ms > INT_MAX - 1000u)
		more_ms = INT_MAX - 1000u;
	op->reply.body.max = max < SIZE_MAX ? (size_t)max : SIZE_MAX;
	SET(CURLOPT_CONNECTTIMEOUT_MS, t->connect_ms);
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, t->stall_s);
	SET(CURLOPT_TIMEOUT_MS, t->total_ms + (long)more_ms);
	SET(CURLOPT_MAXFILESIZE_LARGE, max < INT64_MAX ? (curl_off_t)max : INT64_MAX);
	SET(CURLOPT_QUICK_EXIT, 1L); /* do not wait on the loop for a thread that resolves a name */
	return 0;
}

static int prepare_tls(struct exchange_op *op)
{
	const struct endpoint *to = op->to;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, to->verify ? 1L : 0L);
	SET(CURLOPT_SSL_VERIFYHOST, to->verify ? 2L : 0L);
	if (to->ca_file != NULL)
		SET(CURLOPT_CAINFO, to->ca_file);
	if (to->cert_file != NULL)
		SET(CURLOPT_SSLCERT, to->cert_file);
	if (to->key_file != NULL)
		SET(CURLOPT_SSLKEY, to->key_file);
	if (to->proxy != NULL)
		SET(CURLOPT_PROXY, to->proxy);
	return 0;
}

static int prepare_rest(struct exchange_op *op, const char *user_agent)
{
	SET(CURLOPT_ERRORBUFFER, op->curl_error);
	SET(CURLOPT_PRIVATE, op);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* the proxy never sees the token */
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_USERAGENT, user_agent);
	SET(CURLOPT_HTTPHEADER, op->headers);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, op);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, op);
	SET(CURLOPT_PREREQFUNCTION, on_connected);
	SET(CURLOPT_PREREQDATA, op);
	return 0;
}

static int prepare_url(struct exchange_op *op)
{
	const struct buf *path = &op->request->path;

	if (op->to->url == NULL || (path->len > 0 && memchr(path->data, '\0', path->len) != NULL))
		return -EINVAL;
	char *url = xasprintf("%s/%s", op->to->url, path->len > 0 ? path->data : "");
	int rc = has_control(url) ? -EINVAL : 0;
	if (rc == 0 && curl_easy_setopt(op->easy, CURLOPT_URL, url) != CURLE_OK)
		rc = -ENOMEM;
	free(url);
	return rc;
}

/* ---- the life of one ---- */

struct exchange_op *exchange_new(struct transport *t, const struct endpoint *to,
				 const struct request *request, transport_done_fn *done, void *cookie)
{
	struct exchange_op *op = xcalloc(1, sizeof(*op));

	op->transport = t;
	op->to = to;
	op->request = request;
	op->done = done;
	op->cookie = cookie;
	op->fd = -1;
	reply_init(&op->reply);
	return op;
}

/* What libcurl borrowed goes only after libcurl itself has. */
static void release(struct exchange_op *op)
{
	curl_easy_cleanup(op->easy);
	op->easy = NULL;
	curl_mime_free(op->mime);
	op->mime = NULL;
	for (struct curl_slist *h = op->headers; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(op->headers);
	op->headers = NULL;
	if (op->fd >= 0)
		close(op->fd);
	op->fd = -1;
}

int exchange_prepare(struct exchange_op *op, const struct http_timeouts *timeouts, const char *user_agent)
{
	const char *what = "the request cannot be made";
	bool no_file = false;
	int rc = -ENOMEM;

	op->easy = curl_easy_init();
	if (op->easy == NULL)
		goto out;
	rc = prepare_url(op);
	if (rc == 0)
		rc = prepare_headers(op);
	if (rc == 0) {
		rc = prepare_method(op);
		no_file = upload_gone(rc) && op->request->upload_path != NULL;
		if (rc < 0 && rc != -ENOMEM && op->request->upload_path != NULL)
			what = op->request->upload_path;
	}
	if (rc == 0)
		rc = prepare_limits(op, timeouts);
	if (rc == 0)
		rc = prepare_tls(op);
	if (rc == 0)
		rc = prepare_rest(op, user_agent);
out:
	if (rc < 0) {
		release(op);
		op->reply.exchange = no_file ? EXCHANGE_NO_FILE : EXCHANGE_NOT_SENT;
		if (rc == -ESTALE)
			snprintf(op->reply.error, sizeof(op->reply.error), "%s: it is not as large as it was",
				 what);
		else
			snprintf(op->reply.error, sizeof(op->reply.error), "%s: %s", what, strerror(-rc));
	}
	return rc;
}

static enum exchange classify(const struct exchange_op *op, CURLcode code)
{
	switch ((int)code) { /* an open set: newer libcurls know more */
	case CURLE_OK:       /* also where the connection ends in the middle of the headers */
		return op->reply.status > 0 && op->head_whole ? EXCHANGE_ANSWERED : EXCHANGE_LOST;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT: /* TLS 1.3 says so late, but before it reads a request */
		return EXCHANGE_REFUSED_TLS;
	case CURLE_FILESIZE_EXCEEDED:
		return EXCHANGE_TOO_LARGE;
	case CURLE_WRITE_ERROR:
		return op->too_large ? EXCHANGE_TOO_LARGE : EXCHANGE_LOST;
	default:
		return op->connected && op->reply.sent_bytes > 0 ? EXCHANGE_LOST : EXCHANGE_NOT_SENT;
	}
}

/* Replaces each place where the secret stands. */
static void hide(char *text, size_t size, const char *secret)
{
	size_t len = secret != NULL ? strlen(secret) : 0;

	if (len < 4)
		return;
	for (char *at; (at = strstr(text, secret)) != NULL;) {
		char *rest = xstrdup(at + len);

		snprintf(at, size - (size_t)(at - text), "(hidden)%s", rest);
		free(rest);
		if (strstr("(hidden)", secret) != NULL)
			return;
	}
}

static void measure(struct exchange_op *op)
{
	struct reply *r = &op->reply;
	curl_off_t uploaded = 0, took_us = 0;
	long status = 0, head = 0;

	curl_easy_getinfo(op->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(op->easy, CURLINFO_REQUEST_SIZE, &head);
	curl_easy_getinfo(op->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	curl_easy_getinfo(op->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	r->status = status > 0 && status <= 999 ? (int)status : 0;
	r->sent_bytes = (head > 0 ? (uint64_t)head : 0) + (uploaded > 0 ? (uint64_t)uploaded : 0);
	r->elapsed_ms = (double)took_us / 1000.0;
	r->retry_after_s = parse_retry_after(op->retry_after, r->server_ms);
}

void exchange_end(struct exchange_op *op, CURLcode code)
{
	struct reply *r = &op->reply;
	const char *why = op->curl_error[0] != '\0' ? op->curl_error : curl_easy_strerror(code);

	measure(op);
	r->exchange = classify(op, code);
	if (op->head_too_large)
		why = "the answer's headers are too large";
	else if (code == CURLE_OK)
		why = "the answer ends within its headers";
	else if (op->upload_cut)
		why = "the file became shorter while it was sent";
	switch (r->exchange) {
	case EXCHANGE_ANSWERED:
		break;
	case EXCHANGE_NOT_SENT:
	case EXCHANGE_REFUSED_TLS:
	case EXCHANGE_CANCELLED:
	case EXCHANGE_NO_FILE:
		snprintf(r->error, sizeof(r->error), "%s", why);
		break;
	case EXCHANGE_LOST:
		snprintf(r->error, sizeof(r->error), "%s (%llu bytes were sent)", why,
			 (unsigned long long)r->sent_bytes);
		break;
	case EXCHANGE_TOO_LARGE:
		snprintf(r->error, sizeof(r->error), "the answer is larger than %zu bytes", r->body.max);
		break;
	}
	hide(r->error, sizeof(r->error), op->to->password);
	hide(r->error, sizeof(r->error), op->to->authorization);
	hide(r->error, sizeof(r->error), op->request->authorization);
	release(op);
}

void exchange_cancel(struct exchange_op *op)
{
	if (op->easy != NULL) {
		measure(op);
		release(op);
	}
	op->reply.exchange = EXCHANGE_CANCELLED;
	snprintf(op->reply.error, sizeof(op->reply.error), "cancelled");
}

void exchange_free(struct exchange_op *op)
{
	if (op == NULL)
		return;
	release(op);
	reply_done(&op->reply);
	free(op);
}
