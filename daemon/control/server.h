/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - the control socket of the process that holds the state directory: who asks, in lines, with
 * descriptors.  (README.md)
 *
 * A socket in the file system, mode and group as configured; beside that each peer's credentials are
 * checked (SO_PEERCRED, SO_PEERGROUPS).  Nothing here knows what a request means.  Limits: clients, bytes
 * of a line, descriptors in hand, bytes that wait to be read by a client, seconds of silence.
 *
 * Loop thread only.  request() is called with one request at a time; it takes what it wants of it (a
 * descriptor is taken by setting fd to -1).  closed() is called once for every client that was opened, and
 * the client's pointer is dead from there on; neither is called from within control_send(). */
#ifndef RD_CONTROL_SERVER_H
#define RD_CONTROL_SERVER_H

#include "daemon/control/request.h"

#include <sys/types.h>

struct uv_loop_s;
struct control_server;
struct control_client;

struct control_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool master; /* root, or the user that this process runs as: may change what others are owed */
};

struct control_options {
	struct uv_loop_s *loop;
	const char *path;  /* of the socket */
	unsigned mode;     /* of the socket; 0: 0600 */
	const char *group; /* NULL: as it comes */
	bool ours; /* whatever lies at path is replaced, without asking whether somebody answers there */
	const struct control_server *instead; /* NULL, or who serves until now: its socket is replaced, too */
	void *(*opened)(void *cookie, struct control_client *c, const struct control_peer *peer);
	void (*request)(void *session, struct control_request *r);
	void (*closed)(void *session);
	void *cookie;
	int64_t silence_ms; /* how long a client that nobody works for may be silent; 0: ten minutes */
};

/* Binds beside the path and renames into place, so whoever connects finds the old socket or the new one,
 * never one without its mode; on a failure what was there is there still.  -EADDRINUSE: another process
 * answers there. */
int control_open(const struct control_options *options, struct control_server **out, struct err *err);
const char *control_path(const struct control_server *s);
size_t control_clients(const struct control_server *s);
/* No new clients; lines that are not yet handed over are void; what was sent is flushed, for a moment.
 * closed() of each client, then done(). */
void control_close(struct control_server *s, void (*done)(void *cookie), void *cookie);

/* One reply, a line; takes ownership. */
void control_send(struct control_client *c, cJSON *reply);
/* Bytes that the client has not read yet: whoever makes many replies may wait for that to shrink. */
size_t control_unsent(const struct control_client *c);
/* No further requests are handed over while it is held: work is under way that bounds them. */
void control_hold(struct control_client *c, bool held);
/* Somebody works for this client: its silence is no fault. */
void control_busy(struct control_client *c, bool busy);
/* Closes it once all that was sent has left. */
void control_end(struct control_client *c);

#endif
