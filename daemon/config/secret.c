/* SPDX-License-Identifier: Apache-2.0
 *
 * secret.c - a value lives in pages of its own, locked and left out of core dumps where the kernel lets
 * us, and goes from its file straight into them.  No message ever holds it, only where it comes from. */
#include "daemon/config/secret.h"

#include "daemon/base/mem.h"
#include "daemon/config/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 16384 - 2 }; /* a byte to notice what is longer, and the NUL */

struct secret {
	enum secret_source source;
	char *ref; /* NAME or PATH; NULL: inline */
	char *masked;
	char *pages; /* SECRET_MAX + 2 bytes; NULL: not resolved */
};

static char *pages_new(void)
{
	char *p = mmap(NULL, SECRET_MAX + 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort(); /* out of memory, as in xcalloc() */
	/* Both may be refused (RLIMIT_MEMLOCK, old kernels); the value is usable all the same. */
	(void)mlock(p, SECRET_MAX + 2);
	(void)madvise(p, SECRET_MAX + 2, MADV_DONTDUMP);
	return p;
}

static void pages_free(char *p)
{
	if (p == NULL)
		return;
	explicit_bzero(p, SECRET_MAX + 2);
	munmap(p, SECRET_MAX + 2);
}

/* What a header can carry, or a reason why not.  Line breaks at the end are an editor's. */
static int settle(char *p, size_t len, const char *source, struct err *err)
{
	if (len > SECRET_MAX)
		return err_set(err, -E2BIG, "%s is longer than 16 KiB", source);
	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r'))
		p[--len] = '\0';
	p[len] = '\0';
	if (len == 0)
		return err_set(err, -ENODATA, "%s is empty", source);
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return err_set(err, -EINVAL, "%s holds a line break or another control character",
				       source);
	}
	return 0;
}

static int load_file(char *p, const char *path, const char *source, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return err_set(err, -errno, "%s cannot be read: %s", source, strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, -EINVAL, "%s is not a regular file", source);
	}
	while (len < SECRET_MAX + 1) {
		n = read(fd, p + len, SECRET_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	int saved = errno;
	close(fd);
	if (n < 0)
		return err_set(err, -saved, "%s cannot be read: %s", source, strerror(saved));
	return settle(p, len, source, err);
}

static int load_env(char *p, const char *name, const char *source, struct err *err)
{
	const char *value = getenv(name);

	if (value == NULL)
		return err_set(err, -ENOENT, "%s is not set", source);
	size_t len = strnlen(value, SECRET_MAX + 1);
	memcpy(p, value, len);
	return settle(p, len, source, err);
}

static int load_credential(char *p, const char *name, const char *source, struct err *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (folder == NULL)
		return err_set(err, -ENOENT,
			       "%s: $CREDENTIALS_DIRECTORY is not set (LoadCredential=%s:PATH in the "
			       "service's unit sets it)",
			       source, name);
	char *path = xasprintf("%s/%s", folder, name);
	int rc = load_file(p, path, source, err);
	free(path);
	return rc;
}

static int load(const struct secret *s, char *p, struct err *err)
{
	char *source = NULL;
	int rc = 0;

	switch (s->source) {
	case SECRET_INLINE:
		return 0;
	case SECRET_ENV:
		source = xasprintf("environment variable %s", s->ref);
		rc = load_env(p, s->ref, source, err);
		break;
	case SECRET_FILE:
		source = xasprintf("file %s", s->ref);
		rc = load_file(p, s->ref, source, err);
		break;
	case SECRET_CREDENTIAL:
		source = xasprintf("credential %s", s->ref);
		rc = load_credential(p, s->ref, source, err);
		break;
	}
	free(source);
	return rc;
}

static char *mask(enum secret_source source, const char *ref)
{
	static const char *const word[] = {
		[SECRET_ENV] = "env",
		[SECRET_FILE] = "file",
		[SECRET_CREDENTIAL] = "credential",
	};
	struct buf b = BUF_LIMIT(1 << 20);

	if (source == SECRET_INLINE)
		return xstrdup("(inline, hidden)");
	buf_printf(&b, "{%s: ", word[source]);
	yaml_write_string(&b, ref);
	buf_putc(&b, '}');
	char *s = buf_steal(&b);
	return s != NULL ? s : xstrdup("(hidden)");
}

int secret_new(enum secret_source source, const char *text, bool resolve, struct secret **out,
	       struct err *err)
{
	struct secret *s = xcalloc(1, sizeof(*s));
	int rc = 0;

	s->source = source;
	s->masked = mask(source, text);
	if (source == SECRET_INLINE) {
		size_t len = strnlen(text, SECRET_MAX + 1);
		s->pages = pages_new();
		memcpy(s->pages, text, len);
		rc = settle(s->pages, len, "the secret", err);
	} else {
		s->ref = xstrdup(text);
		if (resolve) {
			s->pages = pages_new();
			rc = load(s, s->pages, err);
		}
	}
	if (rc < 0) {
		secret_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int secret_reload(struct secret *s, struct err *err)
{
	if (s == NULL || s->source == SECRET_INLINE || s->source == SECRET_ENV)
		return 0;
	char *fresh = pages_new();
	int rc = load(s, fresh, err);
	/* The same value stays where it is, for those who hold it. */
	if (rc < 0 || (s->pages != NULL && strcmp(fresh, s->pages) == 0)) {
		pages_free(fresh);
		return rc;
	}
	pages_free(s->pages);
	s->pages = fresh;
	return 0;
}

const char *secret_value(const struct secret *s)
{
	if (s == NULL)
		return NULL;
	return s->pages != NULL ? s->pages : "";
}

const char *secret_masked(const struct secret *s)
{
	return s != NULL ? s->masked : "";
}

void secret_free(struct secret *s)
{
	if (s == NULL)
		return;
	pages_free(s->pages);
	free(s->ref);
	free(s->masked);
	free(s);
}
