/* SPDX-License-Identifier: Apache-2.0
 *
 * server.c - listening, credentials, lines and descriptors in, lines out.
 *
 * Invariant: a client is in exactly one of two lists, clients or closing; it is freed when its handle is
 * closed, and nothing is handed over for it once it is closing. */
#include "daemon/control/server.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum {
	CLIENTS_MAX = 128,
	FDS_MAX = 32,       /* received, not yet wanted by a request */
	FDS_ALL = 256,      /* the same of all clients: more than one each */
	OUT_MAX = 64 << 20, /* bytes that wait for one client */
	OUT_CALM = 1 << 20, /* above this its requests wait */
	PIECE = 64 * 1024,
	SWEEP_MS = 5000,
	DEAF_MS = 1000,
	HELLO_MS = 30 * 1000,
	SILENCE_MS = 10 * 60 * 1000,
	FLUSH_MS = 2000,
	GROUPS_MAX = 1024,
};

static const struct log_ctx log_ctx = { .who = "control" };

struct control_client {
	struct list link;
	struct control_server *server;
	uv_poll_t poll;
	int fd;
	struct buf in, out;
	size_t out_at;
	int fds[FDS_MAX];
	size_t fd_count;
	struct control_peer peer;
	void *session;
	bool opened, held, busy, ending, closing, handing;
	bool asked; /* a request came: no longer a stranger */
	bool half;  /* it sends no more, and may still read what it asked for (a pipe into socat) */
	bool eof;   /* and that was all */
	int64_t heard_ms;
};

struct control_server {
	struct control_options opt;
	char *path;
	int fd, dir_fd;
	gid_t group;
	bool any;  /* the socket's mode lets everybody in */
	bool deaf; /* no descriptor for another client: a sweep listens again */
	uv_poll_t poll;
	uv_timer_t sweep;
	struct list clients, closing;
	size_t count, handles, fd_count;
	struct stat made; /* the socket's file */
	bool stopping;
	int64_t stop_by_ms;
	void (*done)(void *cookie);
	void *cookie;
};

/* ---- out ---- */

static void watch(struct control_client *c);
static void on_sweep(uv_timer_t *timer);
static void on_listen(uv_poll_t *poll, int status, int events);

static void close_fds(struct control_client *c)
{
	c->server->fd_count -= c->fd_count;
	while (c->fd_count > 0)
		close(c->fds[--c->fd_count]);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct control_client *c = handle->data;
	struct control_server *s = c->server;

	list_remove(&c->link);
	close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
	s->handles--;
}

/* Its end is told on a later turn: the caller may be at work for it. */
static void drop(struct control_client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	close_fds(c);
	uv_poll_stop(&c->poll);
	uv_timer_start(&c->server->sweep, on_sweep, 0, SWEEP_MS);
}

static void bury(struct control_client *c)
{
	struct control_server *s = c->server;

	list_remove(&c->link);
	list_append(&s->closing, &c->link);
	s->count--;
	if (c->opened)
		s->opt.closed(c->session);
	uv_close((uv_handle_t *)&c->poll, on_client_closed);
}

static void flush(struct control_client *c)
{
	while (c->out_at < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				drop(c);
			return;
		}
		c->out_at += (size_t)n;
	}
	buf_reset(&c->out);
	if (c->out.cap > OUT_CALM)
		buf_done(&c->out);
	c->out_at = 0;
	if (c->ending)
		drop(c);
}

void control_send(struct control_client *c, cJSON *reply)
{
	char *text = c->closing ? NULL : cJSON_PrintUnformatted(reply);

	cJSON_Delete(reply);
	if (text == NULL)
		return;
	if (c->out_at > OUT_CALM) {
		memmove(c->out.data, c->out.data + c->out_at, c->out.len - c->out_at);
		c->out.len -= c->out_at;
		c->out_at = 0;
	}
	buf_puts(&c->out, text);
	buf_putc(&c->out, '\n');
	free(text);
	if (buf_error(&c->out) < 0) {
		log_warning(&log_ctx, "process %ld reads no replies: it is let go", (long)c->peer.pid);
		drop(c);
		return;
	}
	/* Many replies of one turn leave together. */
	if (c->out.len - c->out_at >= PIECE)
		flush(c);
	watch(c);
}

size_t control_unsent(const struct control_client *c)
{
	return c->out.len - c->out_at;
}

static void turn_away(struct control_client *c, int code, const char *words)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "re", "error");
	cJSON_AddNumberToObject(o, "code", code);
	cJSON_AddStringToObject(o, "text", words);
	control_send(c, o);
	control_end(c);
}

static void refuse(struct control_client *c, const char *words)
{
	turn_away(c, 2, words);
}

/* ---- in ---- */

static int take_fd(struct control_client *c)
{
	if (c->fd_count == 0)
		return -1;
	int fd = c->fds[0];
	memmove(c->fds, c->fds + 1, --c->fd_count * sizeof(c->fds[0]));
	c->server->fd_count--;
	return fd;
}

static bool may_go_on(const struct control_client *c)
{
	return !c->held && !c->ending && !c->closing && !c->server->stopping && control_unsent(c) < OUT_CALM;
}

static void hand_over(struct control_client *c)
{
	size_t at = 0;

	if (c->handing)
		return;
	c->handing = true;
	while (may_go_on(c) && c->in.len > at) {
		const char *line = c->in.data + at;
		const char *nl = memchr(line, '\n', c->in.len - at);
		struct control_request r;
		struct err err = ERR_NONE;
		if (nl == NULL) {
			if (c->in.len - at > CONTROL_LINE_MAX)
				refuse(c, "a request is too long");
			break;
		}
		at += (size_t)(nl - line) + 1;
		if (control_request_parse(line, (size_t)(nl - line), &r, &err) < 0) {
			refuse(c, err.text);
			break;
		}
		if (control_wants_fd(&r) && (r.fd = take_fd(c)) < 0) {
			control_request_done(&r);
			refuse(c, "a descriptor should have come with this request");
			break;
		}
		c->asked = true;
		c->server->opt.request(c->session, &r);
		control_request_done(&r);
	}
	if (at > 0) {
		memmove(c->in.data, c->in.data + at, c->in.len - at);
		c->in.len -= at;
	}
	c->handing = false;
}

/* Every descriptor that comes is received, or closed: none may stay in the queue of the socket. */
static bool take_descriptors(struct control_client *c, struct msghdr *m)
{
	bool ok = (m->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (c->fd_count < FDS_MAX) {
				c->fds[c->fd_count++] = fd;
				c->server->fd_count++;
			} else {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

/* Some clients that hoard leave none for all others: who has most goes.  A command has one in hand at a time. */
static void bound_descriptors(const struct control_server *s)
{
	struct control_client *most = NULL;

	if (s->fd_count <= FDS_ALL)
		return;
	list_each(link, &s->clients) {
		struct control_client *c = list_entry(link, struct control_client, link);
		if (most == NULL || c->fd_count > most->fd_count)
			most = c;
	}
	if (most == NULL)
		return;
	log_warning(&log_ctx, "process %ld holds too many descriptors: it is let go", (long)most->peer.pid);
	refuse(most, "too many descriptors");
}

static bool is_gone(const struct control_client *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, 0) != 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void said_all(struct control_client *c)
{
	if (is_gone(c))
		drop(c);
	c->half = true;
}

static void receive(struct control_client *c)
{
	union {
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;

	if (buf_reserve(&c->in, PIECE) < 0) {
		refuse(c, "a request is too long");
		return;
	}
	struct iovec iov = { c->in.data + c->in.len, PIECE };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			drop(c);
		return;
	}
	c->heard_ms = clock_mono_ms();
	if (!take_descriptors(c, &m)) {
		refuse(c, "too many descriptors");
		return;
	}
	if (n == 0) {
		c->eof = true;
		said_all(c);
		return;
	}
	c->in.len += (size_t)n;
	hand_over(c);
	bound_descriptors(c->server);
}

static void on_client(uv_poll_t *poll, int status, int events)
{
	struct control_client *c = poll->data;

	if (status < 0) {
		drop(c);
		return;
	}
	if ((events & UV_READABLE) != 0)
		receive(c);
	if (!c->closing && (events & UV_WRITABLE) != 0) {
		flush(c);
		hand_over(c);
	}
	if (!c->closing && (events & UV_DISCONNECT) != 0 && (events & UV_READABLE) == 0)
		said_all(c);
	watch(c);
}

/* A line that is handed over at its own pace is not read ahead of; that a client went away is always heard. */
static void watch(struct control_client *c)
{
	int events = c->half ? 0 : UV_DISCONNECT;

	if (c->closing)
		return;
	if (c->eof && !c->busy && !c->held && control_unsent(c) == 0) {
		drop(c); /* all that it asked for was answered */
		return;
	}
	if (!c->eof && may_go_on(c) && c->fd_count < FDS_MAX)
		events |= UV_READABLE;
	if (c->out_at < c->out.len || c->ending)
		events |= UV_WRITABLE;
	if (events != 0)
		uv_poll_start(&c->poll, events, on_client);
	else
		uv_poll_stop(&c->poll);
}

void control_hold(struct control_client *c, bool held)
{
	c->held = held;
	if (!held)
		hand_over(c);
	watch(c);
}

void control_busy(struct control_client *c, bool busy)
{
	c->busy = busy;
	c->heard_ms = clock_mono_ms();
	if (!busy && c->eof)
		watch(c);
}

void control_end(struct control_client *c)
{
	c->ending = true;
	close_fds(c);
	watch(c);
}

/* ---- who may ---- */

static bool in_group(const struct control_client *c, int fd, gid_t group)
{
	gid_t list[GROUPS_MAX];
	socklen_t len = sizeof(list);

	if (c->peer.gid == group)
		return true;
#ifdef SO_PEERGROUPS
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len) == 0) {
		for (size_t i = 0; i < len / sizeof(gid_t); i++)
			if (list[i] == group)
				return true;
	}
#endif
	return false;
}

/* The socket's mode has let it in; this holds even where the mode of its folder, or the file system, says
 * nothing. */
static bool admitted(struct control_client *c)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	c->peer = (struct control_peer){ .uid = who.uid, .gid = who.gid, .pid = who.pid };
	c->peer.master = who.uid == 0 || who.uid == geteuid();
	return c->peer.master || c->server->any || in_group(c, c->fd, c->server->group);
}

static void accept_one(struct control_server *s)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* The client stays where it is, so the socket would be readable at once again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			if (!s->deaf)
				log_warning(&log_ctx, "no client can be taken: %s", strerror(errno));
			s->deaf = true;
			uv_poll_stop(&s->poll);
			uv_timer_start(&s->sweep, on_sweep, DEAF_MS, SWEEP_MS);
		}
		return;
	}
	s->deaf = false;
	struct control_client *c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->fd = fd;
	c->in = BUF_LIMIT(CONTROL_LINE_MAX + 2 * PIECE);
	c->out = BUF_LIMIT(OUT_MAX);
	c->heard_ms = clock_mono_ms();
	uv_poll_init(s->opt.loop, &c->poll, fd);
	c->poll.data = c;
	s->handles++;
	if (s->count++ == 0)
		uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	list_append(&s->clients, &c->link);
	if (!admitted(c)) {
		log_warning(&log_ctx, "user %ld may not use the control socket (process %ld)",
			    (long)c->peer.uid, (long)c->peer.pid);
		refuse(c, "you may not use this socket: its group (control: {group}) decides who may");
	} else if (s->count > CLIENTS_MAX) {
		turn_away(c, CONTROL_AGAIN, "too many clients at once; try again");
	} else {
		c->session = s->opt.opened(s->opt.cookie, c, &c->peer);
		c->opened = true;
	}
	watch(c);
}

static void on_listen(uv_poll_t *poll, int status, int events)
{
	struct control_server *s = poll->data;

	(void)events;
	if (status >= 0)
		accept_one(s);
}

/* ---- time ---- */

static void maybe_done(struct control_server *s);

static void on_sweep(uv_timer_t *timer)
{
	struct control_server *s = timer->data;
	int64_t now = clock_mono_ms(), silence = s->opt.silence_ms > 0 ? s->opt.silence_ms : SILENCE_MS;

	list_each_safe(link, &s->clients) {
		struct control_client *c = list_entry(link, struct control_client, link);
		/* A stranger, or one that holds descriptors for a line that it does not end. */
		bool hasty = !c->asked || c->fd_count > 0;
		int64_t most = hasty && silence > HELLO_MS ? HELLO_MS : silence;
		if (!c->closing && s->stopping && (c->out_at == c->out.len || now >= s->stop_by_ms))
			drop(c);
		else if (!c->closing && ((!c->busy && now - c->heard_ms > most) || (c->half && is_gone(c))))
			drop(c);
		if (c->closing)
			bury(c);
	}
	maybe_done(s);
	if (s->deaf && !s->stopping)
		uv_poll_start(&s->poll, UV_READABLE, on_listen);
	if (s->count == 0 && !s->stopping)
		uv_timer_stop(&s->sweep);
	else
		uv_timer_start(&s->sweep, on_sweep, s->stopping ? 10 : SWEEP_MS, SWEEP_MS);
}

/* ---- life ---- */

/* A path too long for sun_path (108 bytes) is reached through its folder's descriptor. */
static int address(const char *path, int dir_fd, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(out->sun_path)) {
		memcpy(out->sun_path, path, strlen(path) + 1);
		return 0;
	}
	const char *slash = strrchr(path, '/');
	int n = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", dir_fd, slash + 1);
	if (n >= 0 && (size_t)n < sizeof(out->sun_path))
		return 0;
	errno = ENAMETOOLONG;
	return -errno;
}

static bool is_file_of(const struct control_server *s, const struct stat *there)
{
	return there->st_ino == s->made.st_ino && there->st_dev == s->made.st_dev;
}

static int answered(const char *path, int dir_fd, const struct control_server *instead)
{
	struct sockaddr_un at;
	struct stat st;

	if (lstat(path, &st) < 0 || (instead != NULL && is_file_of(instead, &st)))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = fd < 0 || address(path, dir_fd, &at) < 0 ? -1
							  : connect(fd, (struct sockaddr *)&at, sizeof(at));
	int why = rc < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return rc == 0 || why == EAGAIN ? -EADDRINUSE : 0;
}

static int find_group(const char *name, gid_t *out)
{
	char room[16384];
	struct group g, *found = NULL;

	int rc = getgrnam_r(name, &g, room, sizeof(room), &found);
	if (rc != 0 || found == NULL)
		return -ENOENT;
	*out = g.gr_gid;
	return 0;
}

static int bind_there(struct control_server *s, mode_t mode, struct err *err)
{
	char *beside = xasprintf("%s.new", s->path);
	struct sockaddr_un at;
	int rc = 0;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(beside);
	/* Nobody can connect before listen(), and by then the mode is what it should be. */
	if (s->fd < 0 || address(beside, s->dir_fd, &at) < 0 ||
	    bind(s->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		rc = err_set(err, -errno, "cannot make the control socket \"%s\": %s", s->path,
			     strerror(errno));
	if (rc == 0 && s->opt.group != NULL && chown(beside, (uid_t)-1, s->group) < 0)
		rc = err_set(err, -errno, "cannot give the control socket \"%s\" to the group \"%s\": %s",
			     s->path, s->opt.group, strerror(errno));
	if (rc == 0 && (chmod(beside, mode) < 0 || listen(s->fd, 512) < 0 || rename(beside, s->path) < 0))
		rc = err_set(err, -errno, "cannot make the control socket \"%s\": %s", s->path,
			     strerror(errno));
	if (rc < 0)
		unlink(beside);
	else if (lstat(s->path, &s->made) < 0)
		s->made = (struct stat){ 0 };
	free(beside);
	return rc;
}

static int prepare(struct control_server *s, struct err *err)
{
	char *dir = xstrdup(s->path), *slash = strrchr(dir, '/');
	int rc = 0;

	s->group = getegid();
	if (slash == NULL)
		rc = err_set(err, -EINVAL, "the control socket wants an absolute path, not \"%s\"", s->path);
	else
		slash[slash == dir] = '\0';
	if (rc == 0) {
		s->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (s->dir_fd < 0)
			rc = err_set(err, -errno, "cannot make the control socket in \"%s\": %s", dir,
				     strerror(errno));
	}
	if (rc == 0 && s->opt.group != NULL && find_group(s->opt.group, &s->group) < 0)
		rc = err_set(err, -ENOENT, "there is no group \"%s\" (control: {group})", s->opt.group);
	if (rc == 0 && !s->opt.ours)
		rc = answered(s->path, s->dir_fd, s->opt.instead);
	s->opt.instead = NULL; /* it does not live as long as we do */
	if (rc == -EADDRINUSE)
		err_set(err, rc, "another process serves the control socket \"%s\"", s->path);
	if (rc == -EEXIST)
		err_set(err, rc, "\"%s\" is there and no socket", s->path);
	free(dir);
	return rc;
}

static void server_free(struct control_server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->path);
	free(s);
}

int control_open(const struct control_options *options, struct control_server **out, struct err *err)
{
	struct control_server *s = xcalloc(1, sizeof(*s));
	mode_t mode = options->mode != 0 ? options->mode : 0600;

	s->opt = *options;
	s->path = xstrdup(options->path);
	s->fd = s->dir_fd = -1;
	s->any = (mode & S_IWOTH) != 0;
	list_init(&s->clients);
	list_init(&s->closing);
	int rc = prepare(s, err);
	if (rc == 0)
		rc = bind_there(s, mode, err);
	if (rc < 0) {
		server_free(s);
		return rc;
	}
	uv_poll_init(options->loop, &s->poll, s->fd);
	s->poll.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_listen);
	uv_unref((uv_handle_t *)&s->poll);
	uv_timer_init(options->loop, &s->sweep);
	s->sweep.data = s;
	uv_unref((uv_handle_t *)&s->sweep);
	*out = s;
	return 0;
}

const char *control_path(const struct control_server *s)
{
	return s->path;
}

size_t control_clients(const struct control_server *s)
{
	return s->count;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct control_server *s = handle->data;
	void (*done)(void *) = s->done;
	void *cookie = s->cookie;

	server_free(s);
	done(cookie);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct control_server *s = handle->data;

	s->handles--;
}

static void maybe_done(struct control_server *s)
{
	if (s->stopping && s->count == 0 && s->handles == 0 && !uv_is_closing((uv_handle_t *)&s->sweep))
		uv_close((uv_handle_t *)&s->sweep, on_timer_closed);
}

void control_close(struct control_server *s, void (*done)(void *cookie), void *cookie)
{
	struct stat there;

	s->stopping = true;
	s->stop_by_ms = clock_mono_ms() + FLUSH_MS;
	s->done = done;
	s->cookie = cookie;
	/* Our own next socket may stand there by now. */
	if (lstat(s->path, &there) == 0 && is_file_of(s, &there))
		unlink(s->path);
	s->handles++;
	uv_close((uv_handle_t *)&s->poll, on_poll_closed);
	uv_ref((uv_handle_t *)&s->sweep);
	uv_timer_start(&s->sweep, on_sweep, 0, SWEEP_MS);
}
