/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - a TCP server on a port of its own that does what a script says, misbehaviour included.
 *
 * The script runs once a connection, on a thread of that connection; it returns and the connection is
 * closed.  What server_read() took in is kept, so that a test can count what arrived, apart from what was
 * answered. */
#ifndef RD_TESTS_NET_SERVER_H
#define RD_TESTS_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct server;
typedef void server_script_fn(struct server *s, int fd, void *cookie);

struct server *server_start(server_script_fn *script, void *cookie);
void server_stop(struct server *s);             /* waits for every script to return */
const char *server_url(const struct server *s); /* "http://127.0.0.1:1234" */
int server_port(const struct server *s);

/* In scripts. */
bool server_read(struct server *s, int fd); /* one request, head and body; false: the peer is gone */
bool server_read_head(struct server *s, int fd);
void server_say(int fd, const char *text);
void server_say_n(int fd, const char *text, size_t len);
void server_reset(int fd);     /* RST, now */
void server_wait_gone(int fd); /* until the peer closes, reading what comes */
bool server_stopping(const struct server *s);
/* A script: each request of a connection gets the same text, as long as the peer comes back. */
void server_always(struct server *s, int fd, void *text);
extern char server_ok[]; /* 200, {"id":1} */

/* What has happened so far; from any thread. */
unsigned server_connections(struct server *s);
unsigned server_requests(struct server *s);
const char *server_request(struct server *s, unsigned i); /* as it came; NUL-terminated */
size_t server_request_size(struct server *s, unsigned i);

#endif
