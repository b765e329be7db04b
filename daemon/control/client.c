/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c - a line of JSON out, a line of JSON in. */
#include "daemon/control/client.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { REPLY_MAX = 64 << 20, PIECE = 64 * 1024 };

struct control_link {
	int fd;
	char *path;
	struct buf in;
	size_t at; /* of in: what was given already */
};

/* As the server has it: a path too long for sun_path goes through its folder's descriptor. */
static int dial(int fd, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int dir_fd = -1, rc;

	if (strlen(path) < sizeof(at.sun_path)) {
		memcpy(at.sun_path, path, strlen(path) + 1);
	} else {
		char *dir = xstrdup(path), *slash = strrchr(dir, '/');
		if (slash != NULL) {
			slash[slash == dir] = '\0';
			dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
		free(dir);
		if (dir_fd < 0)
			return -errno;
		snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", dir_fd,
			 strrchr(path, '/') + 1);
	}
	do
		rc = connect(fd, (struct sockaddr *)&at, sizeof(at));
	while (rc < 0 && errno == EINTR);
	rc = rc < 0 ? -errno : 0;
	if (dir_fd >= 0)
		close(dir_fd);
	return rc;
}

int control_connect(const char *path, struct control_link **out, struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*out = NULL;
	if (fd < 0)
		return err_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	/* Where its queue is full connect() would wait for as long as the other side likes. */
	const struct timeval most = { .tv_sec = 5 };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
	int rc = dial(fd, path);
	if (rc < 0) {
		close(fd);
		return err_set(err, rc, "%s: %s", path, strerror(-rc));
	}
	const struct timeval never = { 0 };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &never, sizeof(never));
	struct control_link *l = xcalloc(1, sizeof(*l));
	l->fd = fd;
	l->path = xstrdup(path);
	l->in = BUF_LIMIT(REPLY_MAX);
	*out = l;
	return 0;
}

const char *control_link_path(const struct control_link *l)
{
	return l->path;
}

void control_hang_up(struct control_link *l)
{
	if (l == NULL)
		return;
	close(l->fd);
	buf_done(&l->in);
	free(l->path);
	free(l);
}

/* The descriptor goes with the first bytes of its line. */
static ssize_t put(int to, const char *data, size_t len, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	return sendmsg(to, &m, MSG_NOSIGNAL);
}

int control_ask(struct control_link *l, cJSON *request, int fd, struct err *err)
{
	char *text = cJSON_PrintUnformatted(request);
	int rc = 0;

	cJSON_Delete(request);
	if (text == NULL)
		return err_set(err, -EINVAL, "a request could not be written");
	size_t len = strlen(text), at = 0;
	text[len++] = '\n'; /* in the place of its NUL */
	while (at < len && rc == 0) {
		ssize_t n = put(l->fd, text + at, len - at, fd);
		if (n > 0) {
			at += (size_t)n;
			fd = -1;
		} else if (n < 0 && errno == ETOOMANYREFS) {
			poll(NULL, 0, 5); /* too many descriptors of ours are on their way */
		} else if (n < 0 && errno != EINTR) {
			rc = err_set(err, -EPIPE, "%s: %s", l->path, strerror(errno));
		}
	}
	free(text);
	return rc;
}

static int more(struct control_link *l, int64_t until_ms, struct err *err)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	int64_t wait = until_ms == INT64_MAX ? -1 : until_ms - clock_mono_ms();

	if (wait < 0 && until_ms != INT64_MAX)
		wait = 0;
	int n = poll(&p, 1, wait > 3600 * 1000 ? 3600 * 1000 : (int)wait);
	if (n < 0 && errno != EINTR)
		return err_set(err, -errno, "%s: %s", l->path, strerror(errno));
	if (n <= 0)
		return n == 0 && until_ms != INT64_MAX && clock_mono_ms() >= until_ms
			       ? err_set(err, -ETIMEDOUT, "%s: no answer", l->path)
			       : 0;
	if (buf_reserve(&l->in, PIECE) < 0)
		return err_set(err, -E2BIG, "%s: a reply is too long", l->path);
	ssize_t got = recv(l->fd, l->in.data + l->in.len, PIECE, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return err_set(err, -EPIPE, "%s: the other side is gone", l->path);
	l->in.len += (size_t)got;
	return 0;
}

int control_reply(struct control_link *l, int64_t timeout_ms, cJSON **out, struct err *err)
{
	int64_t until =
		timeout_ms < 0 || timeout_ms > INT64_MAX / 2 ? INT64_MAX : clock_mono_ms() + timeout_ms;
	size_t looked = l->at;

	*out = NULL;
	for (;;) {
		char *nl = l->in.len > looked ? memchr(l->in.data + looked, '\n', l->in.len - looked) : NULL;
		if (nl != NULL) {
			*out = cJSON_ParseWithLength(l->in.data + l->at, (size_t)(nl - (l->in.data + l->at)));
			l->at = (size_t)(nl - l->in.data) + 1;
			if (!cJSON_IsObject(*out)) {
				cJSON_Delete(*out);
				*out = NULL;
				return err_set(err, -EPROTO, "%s: a reply that is no JSON object", l->path);
			}
			return 0;
		}
		if (l->at > 0) {
			memmove(l->in.data, l->in.data + l->at, l->in.len - l->at);
			l->in.len -= l->at;
			l->at = 0;
		}
		looked = l->in.len;
		int rc = more(l, until, err);
		if (rc < 0)
			return rc;
	}
}

const char *reply_text(const cJSON *reply, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(reply, name);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

double reply_number(const cJSON *reply, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(reply, name);

	return cJSON_IsNumber(v) ? v->valuedouble : 0;
}

bool reply_flag(const cJSON *reply, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, name));
}

bool reply_is(const cJSON *reply, const char *re)
{
	const char *is = reply_text(reply, "re");

	return is != NULL && strcmp(is, re) == 0;
}
