/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/name.c - names of evidence, as text. */
#include "daemon/evidence/name.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/queue/queue.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- what is meant ---- */

enum evidence_kind evidence_kind(const char *named)
{
	static const char *const address[] = { "http://", "https://", "ftp://", "ftps://", "s3://", "gs://" };

	if (strncasecmp(named, "data:", 5) == 0)
		return EVIDENCE_IS_DATA;
	for (size_t i = 0; i < sizeof(address) / sizeof(address[0]); i++) {
		if (strncasecmp(named, address[i], strlen(address[i])) == 0)
			return EVIDENCE_IS_ADDRESS;
	}
	return EVIDENCE_IS_PATH;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* %xx of a file: URL, but never to NUL, which would end the path before its end. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		int high = *s == '%' ? hex(s[1]) : -1, low = high >= 0 ? hex(s[2]) : -1;
		if (low >= 0 && (high | low) != 0) {
			*to++ = (char)(high * 16 + low);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

char *evidence_path(const char *named)
{
	if (strncasecmp(named, "file:", 5) != 0)
		return xstrdup(named);
	const char *at = named + 5;
	if (strncmp(at, "//", 2) == 0) {
		at += 2;
		/* The host, which is empty or this one. */
		const char *slash = strchr(at, '/');
		if (slash != NULL)
			at = slash;
	}
	char *path = xstrdup(at);
	unescape(path);
	return path;
}

char *evidence_join(const char *dir, const char *path)
{
	char *all = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", dir, path), *to = all, *from = all;
	bool above = false;

	while (*from != '\0' && !above) {
		while (*from == '/')
			from++;
		size_t len = strcspn(from, "/");
		if (len == 2 && from[0] == '.' && from[1] == '.') {
			above = to == all;
			while (to > all && *--to != '/')
				;
		} else if (len > 0 && !(len == 1 && from[0] == '.')) {
			*to++ = '/';
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	if (above) {
		free(all);
		return NULL;
	}
	if (to == all)
		*to++ = '/';
	*to = '\0';
	return all;
}

const char *evidence_beneath(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return path + 1;
	if (strncmp(path, dir, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	return path[len] == '/' ? path + len + 1 : path + len;
}

/* ---- for people ---- */

void evidence_clean_name(const char *path, const char *otherwise, char out[EVIDENCE_NAME_MAX + 1])
{
	enum { EXTENSION_MAX = 16 };
	size_t len = strlen(path);

	while (len > 0 && (path[len - 1] == '/' || path[len - 1] == '\\'))
		len--;
	size_t from = len;
	while (from > 0 && path[from - 1] != '/' && path[from - 1] != '\\')
		from--;
	while (from < len && (path[from] == '.' || path[from] == ' '))
		from++;
	const char *s = path + from, *dot = NULL;
	len -= from;
	for (size_t i = len; i > 1 && dot == NULL && len - i < EXTENSION_MAX; i--) {
		if (s[i - 1] == '.')
			dot = s + i - 1;
	}
	size_t tail = dot != NULL && len > EVIDENCE_NAME_MAX ? len - (size_t)(dot - s) : 0;
	size_t head = len > EVIDENCE_NAME_MAX ? utf8_cut(s, len, EVIDENCE_NAME_MAX - tail) : len;
	memcpy(out, s, head);
	memcpy(out + head, s + len - tail, tail);
	out[head + tail] = '\0';
	/* What a header of a request, a shell or a page would stumble over. */
	for (char *c = out; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr("\"<>|:*?", *c) != NULL)
			*c = '_';
	}
	if (out[0] == '\0')
		snprintf(out, EVIDENCE_NAME_MAX + 1, "%s", otherwise);
}

/* ---- what it is ---- */

static const struct {
	const char *extension, *type;
} types[] = {
	/* the first extension of a type is the one that a nameless one gets */
	{ ".png", "image/png" },        { ".jpg", "image/jpeg" },        { ".jpeg", "image/jpeg" },
	{ ".gif", "image/gif" },        { ".webp", "image/webp" },       { ".bmp", "image/bmp" },
	{ ".svg", "image/svg+xml" },    { ".avif", "image/avif" },       { ".tiff", "image/tiff" },
	{ ".mp4", "video/mp4" },        { ".webm", "video/webm" },       { ".avi", "video/x-msvideo" },
	{ ".mov", "video/quicktime" },  { ".mkv", "video/x-matroska" },  { ".wav", "audio/wav" },
	{ ".mp3", "audio/mpeg" },       { ".pdf", "application/pdf" },   { ".zip", "application/zip" },
	{ ".gz", "application/gzip" },  { ".zst", "application/zstd" },  { ".tar", "application/x-tar" },
	{ ".har", "application/json" }, { ".json", "application/json" }, { ".jsonl", "application/jsonl" },
	{ ".xml", "application/xml" },  { ".html", "text/html" },        { ".htm", "text/html" },
	{ ".txt", "text/plain" },       { ".log", "text/plain" },        { ".out", "text/plain" },
	{ ".err", "text/plain" },       { ".diff", "text/plain" },       { ".patch", "text/plain" },
	{ ".md", "text/markdown" },     { ".csv", "text/csv" },          { ".yaml", "application/yaml" },
	{ ".yml", "application/yaml" },
};

static const char *by_bytes(const unsigned char *b, size_t len)
{
	static const struct {
		size_t at, len;
		const char *bytes, *type;
	} magic[] = {
		{ 0, 8, "\x89PNG\r\n\x1a\n", "image/png" },
		{ 0, 3, "\xff\xd8\xff", "image/jpeg" },
		{ 0, 6, "GIF87a", "image/gif" },
		{ 0, 6, "GIF89a", "image/gif" },
		{ 8, 4, "WEBP", "image/webp" },
		{ 0, 5, "%PDF-", "application/pdf" },
		{ 4, 8, "ftypavif", "image/avif" },
		{ 4, 6, "ftypqt", "video/quicktime" },
		{ 4, 4, "ftyp", "video/mp4" },
	};

	for (size_t i = 0; i < sizeof(magic) / sizeof(magic[0]); i++) {
		if (len >= magic[i].at + magic[i].len &&
		    memcmp(b + magic[i].at, magic[i].bytes, magic[i].len) == 0)
			return magic[i].type;
	}
	return NULL;
}

/* Containers: what is in them is told by the extension, if at all. */
static const char *by_container(const unsigned char *b, size_t len)
{
	if (len >= 4 && memcmp(b, "PK\x03\x04", 4) == 0)
		return "application/zip";
	if (len >= 2 && b[0] == 0x1f && b[1] == 0x8b)
		return "application/gzip";
	if (len >= 4 && memcmp(b, "\x28\xb5\x2f\xfd", 4) == 0)
		return "application/zstd";
	if (len >= 4 && memcmp(b, "\x1a\x45\xdf\xa3", 4) == 0)
		return "video/webm";
	return NULL;
}

static bool is_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != 0x1b && c != '\f')
			return false;
	}
	return true;
}

const char *evidence_type(const char *name, const void *head, size_t len)
{
	const char *type = by_bytes(head, len), *dot = strrchr(name, '.');

	if (len > EVIDENCE_HEAD)
		len = EVIDENCE_HEAD;
	for (size_t i = 0; type == NULL && dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcasecmp(dot, types[i].extension) == 0)
			type = types[i].type;
	}
	if (type == NULL)
		type = by_container(head, len);
	if (type == NULL && is_text(head, len)) {
		static const char *const page[] = { "<!doctype html", "<html" };
		const char *s = head;
		type = "text/plain";
		for (; len > 0 && isspace((unsigned char)*s); s++)
			len--;
		for (size_t i = 0; i < 2; i++) {
			if (len >= strlen(page[i]) && strncasecmp(s, page[i], strlen(page[i])) == 0)
				type = "text/html";
		}
		if (len >= 5 && memcmp(s, "<?xml", 5) == 0)
			type = "application/xml";
	}
	return type != NULL ? type : "application/octet-stream";
}

const char *evidence_extension(const char *type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcasecmp(type, types[i].type) == 0)
			return types[i].extension;
	}
	return "";
}

/* ---- whose it is ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* What tools do to a name that is to be a file's: anything but letters and digits may have become anything
 * else, or have gone. */
static size_t word_at(const char *s, const char *word)
{
	const char *from = s;

	for (; *word != '\0'; word++) {
		if (!word_char(*word)) {
			while (*s != '\0' && !word_char(*s))
				s++;
			continue;
		}
		if (lower(*s) != lower(*word))
			return 0;
		s++;
	}
	return (size_t)(s - from);
}

/* The word stands in s and neither begins nor ends within another. */
static bool holds(const char *s, const char *word)
{
	bool any = false;

	for (const char *c = word; *c != '\0'; c++)
		any |= word_char(*c);
	if (!any)
		return false;
	for (const char *at = s; *at != '\0'; at++) {
		if (!word_char(*at) || (at > s && word_char(at[-1])))
			continue;
		size_t len = word_at(at, word);
		if (len > 0 && (!word_char(at[len]) || !word_char(at[len - 1])))
			return true;
	}
	return false;
}

/* The path beneath a folder that is called as the class; NULL: there is none. */
static const char *beneath_class(const char *relative, const char *class_name)
{
	size_t len = strlen(class_name), n;

	for (; relative[n = strcspn(relative, "/")] == '/'; relative += n + 1) {
		if (n == len && memcmp(relative, class_name, len) == 0)
			return relative + n + 1;
	}
	return NULL;
}

/* Where Surefire puts what a class printed (redirectTestOutputToFile). */
static bool output_of_class(const char *relative, const char *class_name)
{
	const char *slash = strrchr(relative, '/'), *file = slash != NULL ? slash + 1 : relative;
	size_t len = strlen(class_name);

	return strncmp(file, class_name, len) == 0 && strcmp(file + len, "-output.txt") == 0;
}

static unsigned fits_test(const char *relative, const char *class_name, const char *name);

unsigned evidence_fits(const char *relative, const char *class_name, const char *name)
{
	if (class_name == NULL || class_name[0] == '\0')
		return fits_test(relative, NULL, name);
	const char *rest = beneath_class(relative, class_name);
	if (rest != NULL) {
		unsigned fit = fits_test(rest, class_name, name);
		return fit > 0 ? 2 * FITS_CLASS + fit : FITS_CLASS;
	}
	return output_of_class(relative, class_name) ? FITS_CLASS : fits_test(relative, class_name, name);
}

static unsigned fits_test(const char *relative, const char *class_name, const char *name)
{
	size_t paren = strcspn(name, "([");
	char *plain = paren > 0 && name[paren] != '\0' ? xstrndup(name, paren) : NULL;
	unsigned fit = 0;

	if (holds(relative, name))
		fit = 4;
	else if (plain != NULL && holds(relative, plain))
		fit = 2;
	free(plain);
	if (fit == 0 || class_name == NULL)
		return fit;
	const char *simple = class_name;
	for (const char *c = class_name; *c != '\0'; c++) {
		if ((*c == '.' || *c == '$' || *c == '/' || *c == ':') && c[1] != '\0')
			simple = c + 1;
	}
	if (holds(relative, class_name))
		return fit * 4 + 3;
	return holds(relative, simple) ? fit * 4 + 2 : fit * 4;
}
