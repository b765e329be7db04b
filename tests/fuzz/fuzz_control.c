/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_control.c - any bytes, in any pieces, with any number of descriptors, written to a control socket by a client
 * that may go away at any time: the server answers or lets go, hands over whole requests only, and keeps no
 * descriptor.
 *
 * The input is a list of pieces: a byte that says how many descriptors come with it and whether replies are read
 * first, two bytes of length, the bytes. */
#include "daemon/control/server.h"

#include "daemon/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DESCRIPTORS = 256, TURNS = 100000, FDS_MOST = 48, PIECE_HEAD = 3 };

static struct {
	uv_loop_t loop;
	struct control_server *server;
	char dir[64], path[96];
	int null;
	bool open;
} world;

struct session {
	struct control_client *client;
	unsigned requests;
	bool held, gone;
};
static struct session session;

static void *opened(void *cookie, struct control_client *c, const struct control_peer *peer)
{
	(void)cookie;
	if (!peer->master)
		abort();
	session = (struct session){ .client = c };
	return &session;
}

static void on_request(void *cookie, struct control_request *r)
{
	struct session *s = cookie;

	if (s->gone || s->held || !cJSON_IsObject(r->json) || (r->fd >= 0) != control_wants_fd(r) ||
	    control_do_name(r->what) == NULL)
		abort();
	if (r->fd >= 0 && fcntl(r->fd, F_GETFD) < 0)
		abort();
	if (r->fd >= 0 && s->requests % 2 == 0) {
		close(r->fd);
		r->fd = -1;
	}
	s->requests++;
	switch (r->what) {
	case CONTROL_STATUS:
		s->held = true;
		control_hold(s->client, true);
		return;
	case CONTROL_ANSWER:
		control_end(s->client);
		return;
	case CONTROL_AWAIT:
		control_busy(s->client, s->requests % 2 == 0);
		break;
	case CONTROL_HELLO:
	case CONTROL_OPEN:
	case CONTROL_CONTEXT:
	case CONTROL_FILE:
	case CONTROL_KEY:
	case CONTROL_EVIDENCE:
	case CONTROL_GIVE:
	case CONTROL_END:
	case CONTROL_DELIVER:
	case CONTROL_RECEIPT:
	case CONTROL_QUEUE:
	case CONTROL_SPEND:
		break;
	}
	cJSON *reply = cJSON_CreateObject();
	cJSON_AddStringToObject(reply, "re", control_do_name(r->what));
	cJSON_AddItemToObject(reply, "echo", cJSON_Duplicate(r->json, true));
	control_send(s->client, reply);
}

static void closed(void *cookie)
{
	struct session *s = cookie;

	if (s->gone)
		abort();
	s->gone = true;
}

static void remove_world(void)
{
	unlink(world.path);
	rmdir(world.dir);
}

static void begin(void)
{
	struct err err = ERR_NONE;

	log_setup(LOG_LEVEL_NONE, LOG_FORMAT_TEXT);
	strcpy(world.dir, "/tmp/rd-fuzz-XXXXXX");
	if (mkdtemp(world.dir) == NULL)
		abort();
	snprintf(world.path, sizeof(world.path), "%s/control", world.dir);
	uv_loop_init(&world.loop);
	const struct control_options options = { .loop = &world.loop,
						 .path = world.path,
						 .opened = opened,
						 .request = on_request,
						 .closed = closed };
	if (control_open(&options, &world.server, &err) < 0)
		abort();
	world.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	world.open = true;
	atexit(remove_world);
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void turn(void)
{
	uv_run(&world.loop, UV_RUN_NOWAIT);
	if (session.held && !session.gone) {
		session.held = false;
		control_hold(session.client, false);
	}
}

/* False where the server takes no more. */
static bool put(int fd, const uint8_t *data, size_t len, unsigned count)
{
	union {
		char room[CMSG_SPACE(FDS_MOST * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(count * sizeof(int));
		for (unsigned i = 0; i < count; i++)
			memcpy(CMSG_DATA(h) + i * sizeof(int), &world.null, sizeof(int));
	}
	for (int tries = 0; tries < 100; tries++) {
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			iov.iov_base = (uint8_t *)iov.iov_base + n;
			iov.iov_len -= (size_t)n;
			m.msg_control = NULL;
			m.msg_controllen = 0;
		} else if (errno != EAGAIN) {
			return false;
		}
		turn();
		if (iov.iov_len == 0)
			return true;
	}
	return true;
}

static void drain(int fd)
{
	char room[4096];

	while (recv(fd, room, sizeof(room), MSG_DONTWAIT) > 0)
		turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (!world.open)
		begin();
	unsigned before = descriptors();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(at.sun_path, world.path, strlen(world.path) + 1);
	session = (struct session){ .gone = true };
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		abort();
	for (int i = 0; session.gone && i < TURNS; i++)
		turn();
	while (size > PIECE_HEAD) {
		unsigned how = data[0], count = how & 7;
		size_t len = data[1] | (size_t)data[2] << 8;
		data += PIECE_HEAD;
		size -= PIECE_HEAD;
		len = len < size ? len : size;
		if ((how & 8) != 0)
			drain(fd);
		if (len > 0 && !put(fd, data, len, count == 7 ? FDS_MOST - (how >> 4) : count))
			break;
		data += len;
		size -= len;
	}
	turn();
	drain(fd);
	close(fd);
	for (int i = 0; control_clients(world.server) > 0 || !session.gone; i++) {
		turn();
		if (i > TURNS)
			abort();
	}
	turn(); /* its handle is closed one turn later */
	turn();
	if (descriptors() != before)
		abort();
	return 0;
}
