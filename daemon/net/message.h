/* SPDX-License-Identifier: Apache-2.0
 *
 * message.h - a request and its reply, as sinks write and read them.  No curl here, no loop, no clock. */
#ifndef RD_NET_MESSAGE_H
#define RD_NET_MESSAGE_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE };

/* What a sink asks for.  path is joined to the endpoint's URL as it stands.  For the folder transport
 * (net/folder.h) PUT replaces a file, POST appends at `offset`, GET reads one. */
struct request {
	enum method method;
	struct buf path;          /* "index.php?/api/v2/get_case/1" */
	struct buf body;          /* empty: none */
	const char *content_type; /* NULL: application/json */
	bool write;               /* changes something over there: intent is recorded first */
	bool reads;               /* a POST that only asks (a search): a dry run sends it, too */
	bool secret;              /* the path holds a password: it is not logged */
	const char *
		authorization; /* in place of the endpoint's (a token that was granted); NULL: the endpoint's */
	uint64_t offset;       /* folder transport: where an append begins */
	uint64_t reply_max;    /* bytes of body accepted; 0: the transport's default (16 MiB) */
	/* Upload of a file as multipart/form-data, streamed from disk; NULL: none. */
	const char *upload_path, *upload_field, *upload_name, *upload_type;
	bool upload_raw;                /* its bytes are the body, of content_type; no form */
	uint64_t upload_size;           /* what the file holds; another size is EXCHANGE_NO_FILE; 0: any */
	const char *const *upload_form; /* further parts: name, value, name, value, NULL; NULL: none */
	const char *upload_form_type;   /* of those parts; NULL: none is said, which means text */
};

void request_init(struct request *r);
void request_done(struct request *r);

/* How the exchange ended, before anybody reads the body.  (faults.md, "Outcome by answer") */
enum exchange {
	EXCHANGE_ANSWERED,    /* a whole HTTP answer came; look at status */
	EXCHANGE_NOT_SENT,    /* DNS, connect, TLS handshake, 0 bytes of the request gone out */
	EXCHANGE_LOST,        /* request bytes went out, the answer did not come whole */
	EXCHANGE_REFUSED_TLS, /* the peer's certificate did not verify */
	EXCHANGE_TOO_LARGE,   /* the body passed reply_max */
	EXCHANGE_CANCELLED,
	EXCHANGE_NO_FILE, /* nothing was sent: the file to be uploaded is not there, or not what it was */
};
/* Whether this error of opening an upload says EXCHANGE_NO_FILE.  All others (EMFILE, EIO...) may pass. */
bool upload_gone(int rc);

struct reply {
	enum exchange exchange;
	int status; /* HTTP; 0: none */
	struct buf body;
	char content_type[128]; /* "" : none */
	char location[512];     /* of a 3xx, for the message only; never followed */
	int64_t retry_after_s;  /* -1: absent or unreadable; else clamped to 0..86400 */
	int64_t server_ms;      /* the Date header, wall ms; TIME_UNKNOWN */
	uint64_t sent_bytes;    /* of request head and body */
	double elapsed_ms;
	char error[512]; /* in words, where the exchange failed; no secrets */
};

void reply_init(struct reply *r);
void reply_done(struct reply *r);

/* Where a sink's requests go.  Strings are borrowed from the configuration; secrets stay there. */
struct endpoint {
	const char *url;             /* no trailing slash; may hold a path */
	const char *scope;           /* limit scope: who shares the rate (TestRail: the URL) */
	const char *user, *password; /* Basic; NULL: none */
	const char *authorization;   /* a whole header value instead; NULL: none */
	const char *auth_header;     /* NULL: "Authorization" */
	const char *auth_scheme;     /* "Bearer": goes before authorization; NULL: nothing does */
	const char *ca_file, *cert_file, *key_file, *proxy;
	bool verify;
	double rate_per_minute; /* the server's own limit; 0: none.  80 % of it is used */
	unsigned per_day;       /* requests that may leave within 24 hours; 0: no limit */
	unsigned parallel;      /* deliveries side by side, at least 1 */
	bool folder;            /* url is a directory: the folder transport serves it */
	unsigned folder_mode;   /* its mode where it has to be made */
};

#endif
