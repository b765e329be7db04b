/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.c - zone files.  Only what a stamp needs: the offsets and when they change, and the rule in the
 * footer for times after the last change. */
#include "parsers/zone.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 512 * 1024, HEADER = 44, OFFSET_MAX = 26 * 3600 };

/* "Mm.w.d/time", "Jn/time" or "n/time" of a POSIX rule. */
struct change {
	char form; /* 'M', 'J', 'D' */
	int month, week, day;
	int32_t at; /* seconds after midnight, may be negative */
};

struct zone {
	int32_t *offset; /* seconds east, by type */
	size_t type_count;
	int64_t *when; /* UTC seconds, ascending */
	uint8_t *type; /* from when[i] on */
	size_t count;
	int32_t first; /* offset before when[0] */
	bool rule;     /* offsets after the last change follow the footer */
	int32_t standard, summer;
	bool has_summer;
	struct change begin, end;
};

static int64_t big(const unsigned char *p, size_t bytes)
{
	uint64_t v = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;

	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

/* ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool footer_name(const char **s)
{
	const char *p = *s;

	if (*p == '<') {
		p = strchr(p, '>');
		if (p == NULL)
			return false;
		*s = p + 1;
		return true;
	}
	while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
		p++;
	if (p - *s < 3)
		return false;
	*s = p;
	return true;
}

static bool footer_number(const char **s, int max, int *out)
{
	const char *p = *s;
	int v = 0;

	while (*p >= '0' && *p <= '9' && v <= max)
		v = v * 10 + (*p++ - '0');
	if (p == *s || v > max)
		return false;
	*s = p;
	*out = v;
	return true;
}

static bool footer_time(const char **s, int32_t *out)
{
	int sign = 1, h = 0, m = 0, sec = 0;

	if (**s == '-' || **s == '+') {
		sign = **s == '-' ? -1 : 1;
		(*s)++;
	}
	if (!footer_number(s, 167, &h))
		return false;
	if (**s == ':') {
		(*s)++;
		if (!footer_number(s, 59, &m))
			return false;
	}
	if (**s == ':') {
		(*s)++;
		if (!footer_number(s, 59, &sec))
			return false;
	}
	*out = sign * (h * 3600 + m * 60 + sec);
	return true;
}

static bool footer_change(const char **s, struct change *c)
{
	*c = (struct change){ .at = 2 * 3600, .form = 'D' };
	if (**s != ',')
		return false;
	(*s)++;
	if (**s == 'M') {
		c->form = 'M';
		(*s)++;
		if (!footer_number(s, 12, &c->month) || c->month < 1 || *(*s)++ != '.' ||
		    !footer_number(s, 5, &c->week) || c->week < 1 || *(*s)++ != '.' ||
		    !footer_number(s, 6, &c->day))
			return false;
	} else {
		if (**s == 'J') {
			c->form = 'J';
			(*s)++;
		}
		if (!footer_number(s, 365, &c->day))
			return false;
	}
	if (**s == '/') {
		(*s)++;
		return footer_time(s, &c->at);
	}
	return true;
}

static bool footer_read(struct zone *z, const char *s)
{
	int32_t west;

	if (!footer_name(&s) || !footer_time(&s, &west))
		return false;
	z->standard = -west;
	if (*s == '\0')
		return true;
	if (!footer_name(&s))
		return false;
	z->summer = z->standard + 3600;
	if (*s != ',') {
		if (!footer_time(&s, &west))
			return false;
		z->summer = -west;
	}
	z->has_summer = footer_change(&s, &z->begin) && footer_change(&s, &z->end) && *s == '\0';
	return z->has_summer;
}

/* Local seconds since 1970 of the change in that year. */
static int64_t change_in(const struct change *c, int64_t year)
{
	int64_t day;

	if (c->form == 'M') {
		int64_t first = clock_days(year, (unsigned)c->month, 1);
		int64_t next = c->month == 12 ? clock_days(year + 1, 1, 1)
					      : clock_days(year, (unsigned)c->month + 1, 1);
		int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
		day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
		while (day >= next)
			day -= 7;
	} else {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		day = clock_days(year, 1, 1) + c->day;
		if (c->form == 'J')
			day += leap && c->day >= 60 ? 0 : -1;
	}
	return day * 86400 + c->at;
}

static int64_t year_of(int64_t seconds)
{
	int64_t days = seconds / 86400 - (seconds % 86400 < 0);
	int64_t year = 1970 + days / 366; /* at most a few too early */

	while (clock_days(year + 1, 1, 1) <= days)
		year++;
	while (clock_days(year, 1, 1) > days)
		year--;
	return year;
}

static int32_t rule_offset(const struct zone *z, int64_t utc)
{
	if (!z->has_summer)
		return z->standard;
	int64_t year = year_of(utc + z->standard);
	int64_t begin = change_in(&z->begin, year) - z->standard;
	int64_t end = change_in(&z->end, year) - z->summer;
	bool summer = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
	return summer ? z->summer : z->standard;
}

/* ---- the file ---- */

/* Sizes of the six tables that follow a header. */
struct counts {
	size_t isut, isstd, leap, time, type, chars;
};

static bool header_read(const unsigned char *p, size_t len, struct counts *c)
{
	if (len < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	size_t *field[] = { &c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars };
	for (size_t i = 0; i < 6; i++) {
		int64_t n = big(p + 20 + i * 4, 4);
		if (n < 0 || n > FILE_MAX)
			return false;
		*field[i] = (size_t)n;
	}
	return true;
}

static bool body_read(struct zone *z, const unsigned char *p, size_t len, const struct counts *c,
		      size_t width)
{
	size_t need = c->time * (width + 1) + c->type * 6;

	if (c->type == 0 || c->type > 256 || need > len)
		return false;
	const unsigned char *index = p + c->time * width, *type = index + c->time;
	z->count = c->time;
	z->type_count = c->type;
	z->when = xcalloc(c->time + 1, sizeof(*z->when));
	z->type = xcalloc(c->time + 1, 1);
	z->offset = xcalloc(c->type, sizeof(*z->offset));
	for (size_t i = 0; i < c->type; i++) {
		int64_t offset = big(type + i * 6, 4);
		if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
			return false;
		z->offset[i] = (int32_t)offset;
	}
	for (size_t i = 0; i < c->time; i++) {
		z->when[i] = big(p + i * width, width);
		z->type[i] = index[i];
		if (index[i] >= c->type || (i > 0 && z->when[i] <= z->when[i - 1]))
			return false;
	}
	z->first = z->offset[0];
	return true;
}

static bool file_parse(struct zone *z, const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;
	struct counts c;

	if (!header_read(p, len, &c))
		return false;
	if (p[4] < '2')
		return body_read(z, p + HEADER, len - HEADER, &c, 4);
	/* Version 2 and later: the same again with 64-bit times behind the old part, then the footer. */
	size_t skip = HEADER + c.time * 5 + c.type * 6 + c.chars + c.leap * 8 + c.isstd + c.isut;
	if (skip > len || !header_read(p + skip, len - skip, &c))
		return false;
	p += skip + HEADER;
	len -= skip + HEADER;
	if (!body_read(z, p, len, &c, 8))
		return false;
	skip = c.time * 9 + c.type * 6 + c.chars + c.leap * 12 + c.isstd + c.isut;
	if (skip + 2 > len || p[skip] != '\n')
		return true;
	const char *footer = (const char *)p + skip + 1, *end = memchr(footer, '\n', len - skip - 1);
	if (end != NULL && end > footer) {
		char *text = xstrndup(footer, (size_t)(end - footer));
		z->rule = footer_read(z, text);
		free(text);
	}
	return true;
}

static bool name_ok(const char *name)
{
	if (name[0] == '\0' || name[0] == '/' || strstr(name, "..") != NULL || strlen(name) > 100)
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		bool fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			    (*p >= '0' && *p <= '9') || strchr("/_+-", *p) != NULL;
		if (!fine)
			return false;
	}
	return true;
}

static int file_load(struct zone *z, const char *path, struct err *err, const char *name)
{
	struct buf data = BUF_LIMIT(FILE_MAX);
	int rc = file_read(path, &data, NULL);

	if (rc < 0)
		err_set(err, rc, "time zone \"%s\" is not known here (%s)", name, path);
	else if (!file_parse(z, data.data != NULL ? data.data : "", data.len))
		rc = err_set(err, -EINVAL, "time zone \"%s\": %s is not a zone file", name, path);
	buf_done(&data);
	return rc;
}

static bool fixed(const char *s, int32_t *seconds)
{
	unsigned h, m = 0;
	int used = 0;

	if ((s[0] != '+' && s[0] != '-') || s[1] < '0' || s[1] > '9')
		return false;
	if ((sscanf(s + 1, "%2u:%2u%n", &h, &m, &used) == 2 ||
	     sscanf(s + 1, "%2u%2u%n", &h, &m, &used) == 2 || sscanf(s + 1, "%2u%n", &h, &used) == 1) &&
	    s[1 + used] == '\0' && h <= 15 && m <= 59) {
		*seconds = (int32_t)(h * 3600 + m * 60) * (s[0] == '-' ? -1 : 1);
		return true;
	}
	return false;
}

int zone_open(const char *name, struct zone **out, struct err *err)
{
	struct zone *z = xcalloc(1, sizeof(*z));
	int rc = 0;

	if (name == NULL || strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0) {
		z->first = 0;
	} else if (fixed(name, &z->first)) {
		;
	} else if (strcmp(name, "local") == 0) {
		/* The machine's own zone; without the link it runs in UTC. */
		if (access("/etc/localtime", R_OK) == 0)
			rc = file_load(z, "/etc/localtime", err, name);
	} else if (!name_ok(name)) {
		rc = err_set(err, -EINVAL, "\"%s\" is not a time zone", name);
	} else {
		char path[256];
		const char *dir = getenv("TZDIR");
		snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "/usr/share/zoneinfo", name);
		rc = file_load(z, path, err, name);
	}
	if (rc < 0) {
		zone_free(z);
		return rc;
	}
	*out = z;
	return 0;
}

static int32_t offset_at(const struct zone *z, int64_t utc)
{
	if (z->count == 0 || utc < z->when[0])
		return z->count == 0 && z->rule ? rule_offset(z, utc) : z->first;
	if (z->rule && utc >= z->when[z->count - 1])
		return rule_offset(z, utc);
	size_t low = 0, high = z->count;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (z->when[mid] <= utc)
			low = mid;
		else
			high = mid;
	}
	return z->offset[z->type[low]];
}

int64_t zone_to_utc(const struct zone *z, int64_t local_ms)
{
	if (z == NULL)
		return local_ms;
	int64_t local = local_ms / 1000 - (local_ms % 1000 < 0);
	/* Offsets a day before and after bracket any change: try both, the earlier clock first. */
	int32_t before = offset_at(z, local - 86400), after = offset_at(z, local + 86400);
	if (before == after || offset_at(z, local - before) == before)
		return local_ms - (int64_t)before * 1000;
	if (offset_at(z, local - after) == after)
		return local_ms - (int64_t)after * 1000;
	return local_ms - (int64_t)before * 1000;
}

void zone_free(struct zone *z)
{
	if (z == NULL)
		return;
	free(z->offset);
	free(z->when);
	free(z->type);
	free(z);
}
