/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.c - which files a sink wants, and how a file is named. */
#include "daemon/model/evidence.h"

#include "daemon/base/glob.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 255

const char *evidence_name(const struct evidence *e)
{
	const char *s = e->name != NULL && e->name[0] != '\0' ? e->name : e->named;

	if (s == NULL)
		return "evidence";
	for (const char *at = s; *at != '\0'; at++)
		if ((*at == '/' || *at == '\\') && at[1] != '\0')
			s = at + 1;
	return *s == '\0' || *s == '/' || *s == '\\' ? "evidence" : s;
}

static const char *extension(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && dot != name ? dot + 1 : "";
}

const char *evidence_type_of(const char *name)
{
	static const struct {
		const char *extension, *type;
	} known[] = {
		{ "png", "image/png" },
		{ "jpg", "image/jpeg" },
		{ "jpeg", "image/jpeg" },
		{ "gif", "image/gif" },
		{ "webp", "image/webp" },
		{ "svg", "image/svg+xml" },
		{ "bmp", "image/bmp" },
		{ "mp4", "video/mp4" },
		{ "webm", "video/webm" },
		{ "avi", "video/x-msvideo" },
		{ "mov", "video/quicktime" },
		{ "txt", "text/plain" },
		{ "log", "text/plain" },
		{ "out", "text/plain" },
		{ "err", "text/plain" },
		{ "md", "text/markdown" },
		{ "csv", "text/csv" },
		{ "html", "text/html" },
		{ "htm", "text/html" },
		{ "xml", "application/xml" },
		{ "json", "application/json" },
		{ "har", "application/json" },
		{ "yaml", "application/yaml" },
		{ "yml", "application/yaml" },
		{ "pdf", "application/pdf" },
		{ "zip", "application/zip" },
		{ "gz", "application/gzip" },
		{ "tgz", "application/gzip" },
		{ "zst", "application/zstd" },
		{ "tar", "application/x-tar" },
		{ "7z", "application/x-7z-compressed" },
	};
	const char *ext = extension(name);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(ext, known[i].extension) == 0)
			return known[i].type;
	return "application/octet-stream";
}

/* A MIME type, a pattern of file names, or a bare extension. */
static bool type_matches(const char *wanted, const char *name, const char *type)
{
	char low[NAME_MAX_BYTES + 1];
	size_t n = 0;

	if (strchr(wanted, '/') != NULL)
		return glob_match(wanted, type);
	if (wanted[0] == '.')
		wanted++;
	if (strpbrk(wanted, "*?[") == NULL)
		return strcasecmp(wanted, extension(name)) == 0;
	for (; name[n] != '\0' && n < NAME_MAX_BYTES; n++)
		low[n] = name[n] >= 'A' && name[n] <= 'Z' ? (char)(name[n] - 'A' + 'a') : name[n];
	low[n] = '\0';
	return glob_match(wanted, name) || glob_match(wanted, low);
}

static bool type_wanted(const struct evidence_policy *p, const char *name, const char *type)
{
	for (size_t i = 0; i < p->type_count; i++)
		if (type_matches(p->types[i], name, type))
			return true;
	return p->type_count == 0;
}

enum evidence_want evidence_wanted(const struct evidence_policy *p, const struct evidence *e, bool of_run,
				   bool bad, struct arena *arena, const char **reason)
{
	const char *name = evidence_name(e), *type = e->type != NULL ? e->type : evidence_type_of(name);
	const char *why = NULL;

	if (p == NULL || (of_run && p->of_results))
		return EVIDENCE_UNASKED;
	if (e->origin == EVIDENCE_REPORT
		    ? !p->report
		    : p->results == EVIDENCE_OF_NONE || (!of_run && !bad && p->results == EVIDENCE_OF_FAILED))
		return EVIDENCE_UNASKED;
	if (p->max_size > 0 && e->size > p->max_size)
		why = arena_printf(arena, "%llu bytes, more than evidence.max_size (%llu)",
				   (unsigned long long)e->size, (unsigned long long)p->max_size);
	else if (e->origin != EVIDENCE_REPORT && !type_wanted(p, name, type))
		why = arena_printf(arena, "its type (%s) is not in evidence.types", type);
	else
		return EVIDENCE_WANTED;
	if (reason != NULL)
		*reason = why;
	return EVIDENCE_UNWANTED;
}

bool evidence_kept_ok(const char *kept)
{
	size_t len = kept == NULL ? 0 : strlen(kept);

	if (len == 0 || len > NAME_MAX_BYTES || kept[0] == '/' || kept[0] == '.')
		return false;
	if (strspn(kept, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-/") != len)
		return false;
	return strstr(kept, "/.") == NULL && strstr(kept, "//") == NULL && kept[len - 1] != '/';
}
