/* SPDX-License-Identifier: Apache-2.0
 *
 * server.c - the scripted server. */
#include "tests/unit/net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define REQUESTS_MAX    256
#define HEAD_MAX        (256u << 10)

struct seen {
	char *data;
	size_t len;
};

struct server {
	pthread_mutex_t lock;
	pthread_t acceptor, worker[CONNECTIONS_MAX];
	int fd[CONNECTIONS_MAX];
	unsigned connections, request_count;
	struct seen request[REQUESTS_MAX];
	int listen_fd, stop_pipe[2];
	bool stopping;
	server_script_fn *script;
	void *cookie;
	char url[64];
	int port;
};

struct connection {
	struct server *server;
	unsigned slot;
	int fd;
};

static void die(const char *what)
{
	perror(what);
	abort();
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct server *s = c->server;

	s->script(s, c->fd, s->cookie);
	pthread_mutex_lock(&s->lock);
	if (s->fd[c->slot] >= 0)
		close(c->fd);
	s->fd[c->slot] = -1;
	pthread_mutex_unlock(&s->lock);
	free(c);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct server *s = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = s->listen_fd, .events = POLLIN },
				       { .fd = s->stop_pipe[0], .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno == EINTR)
			continue;
		if (p[1].revents != 0)
			return NULL;
		int fd = accept(s->listen_fd, NULL, NULL);
		if (fd < 0)
			continue;
		struct connection *c = calloc(1, sizeof(*c));
		pthread_mutex_lock(&s->lock);
		if (c == NULL || s->connections == CONNECTIONS_MAX)
			die("too many connections");
		*c = (struct connection){ s, s->connections++, fd };
		s->fd[c->slot] = fd;
		if (pthread_create(&s->worker[c->slot], NULL, serve, c) != 0)
			die("pthread_create");
		pthread_mutex_unlock(&s->lock);
	}
}

struct server *server_start(server_script_fn *script, void *cookie)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	if (s == NULL)
		die("calloc");
	pthread_mutex_init(&s->lock, NULL);
	s->script = script;
	s->cookie = cookie;
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(s->listen_fd, 64) < 0 || getsockname(s->listen_fd, (struct sockaddr *)&a, &len) < 0 ||
	    pipe(s->stop_pipe) < 0)
		die("server");
	s->port = ntohs(a.sin_port);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->port);
	if (pthread_create(&s->acceptor, NULL, accept_all, s) != 0)
		die("pthread_create");
	return s;
}

void server_stop(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	for (unsigned i = 0; i < s->connections; i++)
		if (s->fd[i] >= 0)
			shutdown(s->fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	if (write(s->stop_pipe[1], "x", 1) != 1)
		die("write");
	pthread_join(s->acceptor, NULL);
	for (unsigned i = 0; i < s->connections; i++)
		pthread_join(s->worker[i], NULL);
	for (unsigned i = 0; i < s->request_count; i++)
		free(s->request[i].data);
	close(s->listen_fd);
	close(s->stop_pipe[0]);
	close(s->stop_pipe[1]);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *server_url(const struct server *s)
{
	return s->url;
}
int server_port(const struct server *s)
{
	return s->port;
}
bool server_stopping(const struct server *s)
{
	return s->stopping;
}

static void keep(struct server *s, char *data, size_t len)
{
	pthread_mutex_lock(&s->lock);
	if (s->request_count == REQUESTS_MAX)
		die("too many requests");
	s->request[s->request_count++] = (struct seen){ data, len };
	pthread_mutex_unlock(&s->lock);
}

static char *read_head(int fd, size_t *len)
{
	char *data = malloc(HEAD_MAX + 1);

	if (data == NULL)
		die("malloc");
	*len = 0;
	while (*len < HEAD_MAX) {
		if (read(fd, data + *len, 1) != 1)
			break;
		data[++*len] = '\0';
		if (*len >= 4 && memcmp(data + *len - 4, "\r\n\r\n", 4) == 0)
			return data;
	}
	free(data);
	return NULL;
}

bool server_read_head(struct server *s, int fd)
{
	size_t len;
	char *data = read_head(fd, &len);

	if (data == NULL)
		return false;
	keep(s, data, len);
	return true;
}

bool server_read(struct server *s, int fd)
{
	size_t len, body = 0;
	char *data = read_head(fd, &len);

	if (data == NULL)
		return false;
	for (char *line = data; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncasecmp(line, "Content-Length:", 15) == 0)
			body = strtoul(line + 15, NULL, 10);
	}
	data = realloc(data, len + body + 1);
	if (data == NULL)
		die("realloc");
	for (size_t end = len + body; len < end;) {
		ssize_t n = read(fd, data + len, end - len);

		if (n <= 0) {
			free(data);
			return false;
		}
		len += (size_t)n;
	}
	data[len] = '\0';
	keep(s, data, len);
	return true;
}

void server_say_n(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the peer had enough */
		text += n;
		len -= (size_t)n;
	}
}

void server_say(int fd, const char *text)
{
	server_say_n(fd, text, strlen(text));
}

void server_always(struct server *s, int fd, void *text)
{
	while (server_read(s, fd))
		server_say(fd, text);
}

char server_ok[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
		   "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Length: 8\r\n\r\n{\"id\":1}";

void server_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	/* Disconnects with RST; the descriptor is closed later. */
	if (connect(fd, &none, sizeof(none)) < 0)
		perror("reset");
}

void server_wait_gone(int fd)
{
	char piece[4096];

	while (read(fd, piece, sizeof(piece)) > 0)
		;
}

unsigned server_connections(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->connections;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned server_requests(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->request_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

const char *server_request(struct server *s, unsigned i)
{
	pthread_mutex_lock(&s->lock);
	const char *data = i < s->request_count ? s->request[i].data : "";
	pthread_mutex_unlock(&s->lock);
	return data;
}

size_t server_request_size(struct server *s, unsigned i)
{
	pthread_mutex_lock(&s->lock);
	size_t len = i < s->request_count ? s->request[i].len : 0;
	pthread_mutex_unlock(&s->lock);
	return len;
}
