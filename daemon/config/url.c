/* SPDX-License-Identifier: Apache-2.0
 *
 * url.c - what a URL in the configuration may look like.  Messages never quote it: what is wrong with it
 * may be a password. */
#include "daemon/config/common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 255 };

/* Only what is certain not to leave this machine; a name that merely looks like 127.* is none. */
static bool loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	size_t len = strlen(host);

	if (strcasecmp(host, "localhost") == 0 ||
	    (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_port(const char *s, const char *end, struct err *err)
{
	unsigned port = 0;

	for (; s < end && *s >= '0' && *s <= '9' && port < 100000; s++)
		port = 10 * port + (unsigned)(*s - '0');
	if (s != end || port == 0 || port > 65535)
		return err_set(err, -EINVAL, "the port of a URL is a number from 1 to 65535");
	return 0;
}

/* host[:port] in s..end; the host, without brackets, goes to `host`. */
static int check_authority(const char *s, const char *end, char host[HOST_MAX + 1], struct err *err)
{
	const char *stop, *from = s;
	struct in6_addr v6;

	if (memchr(s, '@', (size_t)(end - s)) != NULL)
		return err_set(err, -EINVAL,
			       "a URL may not hold a user or a password; they have keys of their own");
	if (s < end && *s == '[') {
		from = s + 1;
		stop = memchr(s, ']', (size_t)(end - s));
		if (stop == NULL)
			return err_set(err, -EINVAL, "a URL with a [ that is not closed");
	} else {
		stop = memchr(s, ':', (size_t)(end - s));
		stop = stop != NULL ? stop : end;
	}
	size_t len = (size_t)(stop - from);
	if (len == 0 || len > HOST_MAX)
		return err_set(err, -EINVAL, "a URL without a host");
	memcpy(host, from, len);
	host[len] = '\0';
	if (from != s && inet_pton(AF_INET6, host, &v6) != 1)
		return err_set(err, -EINVAL,
			       "a URL with something between [ and ] that is not an IPv6 address");
	if (from == s &&
	    host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] != '\0')
		return err_set(err, -EINVAL, "a URL with a host that is neither a name nor an address");
	stop += from != s ? 1 : 0;
	if (stop == end)
		return 0;
	if (*stop != ':')
		return err_set(err, -EINVAL, "a URL with text between its host and its path");
	return check_port(stop + 1, end, err);
}

int config_url_check(const char *url, bool plain, struct err *err)
{
	char host[HOST_MAX + 1];
	bool http = strncasecmp(url, "http://", 7) == 0;

	if (!http && strncasecmp(url, "https://", 8) != 0)
		return err_set(err, -EINVAL, "a URL begins with https:// (or http:// on this machine)");
	for (const char *s = url; *s != '\0'; s++) {
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return err_set(err, -EINVAL,
				       "a URL may not hold a space, a control character or an accent");
	}
	const char *authority = url + (http ? 7 : 8);
	const char *path = authority + strcspn(authority, "/?#\\");
	int rc = check_authority(authority, path, host, err);
	if (rc < 0)
		return rc;
	if (path[strcspn(path, "?#\\")] != '\0')
		return err_set(err, -EINVAL,
			       "the server's own address is wanted, without what follows a ?, # or \\");
	if (http && !plain && !loopback(host))
		return err_set(err, -EINVAL,
			       "http:// would send the credentials in the clear; use https://, or say "
			       "tls: {plain: true}");
	return 0;
}
