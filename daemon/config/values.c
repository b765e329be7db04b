/* SPDX-License-Identifier: Apache-2.0
 *
 * values.c - tables of units, read by hand: strtol() and strtod() take too much (spaces, 0x, inf, and a
 * decimal comma where the locale has one). */
#include "daemon/config/values.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, as printing wants it. */
static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "TiB", (int64_t)1 << 40 }, { "GiB", 1 << 30 }, { "MiB", 1 << 20 },
	{ "KiB", 1 << 10 },          { "", 1 },          { NULL, 0 },
};
/* How many of them are in an hour; the first of a kind is the one that is printed. */
static const struct unit rates[] = {
	{ "min", 60 },      { "s", 3600 },    { "h", 1 },    { "m", 60 }, { "sec", 3600 },
	{ "second", 3600 }, { "minute", 60 }, { "hour", 1 }, { NULL, 0 },
};

/* Digits; *s moves behind them.  A leading zero would be octal to some readers of YAML: refused. */
static int digits(const char **s, int64_t *out)
{
	const char *p = *s;
	int64_t n = 0;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		int64_t digit = *p - '0';
		if (n > (INT64_MAX - digit) / 10)
			return -ERANGE;
		n = 10 * n + digit;
	}
	*s = p;
	*out = n;
	return 0;
}

static int with_unit(const char *s, const struct unit *units, int64_t *out)
{
	int64_t n;
	int rc = digits(&s, &n);

	if (rc < 0)
		return rc;
	while (*s == ' ')
		s++;
	for (; units->name != NULL; units++) {
		if (strcmp(s, units->name) != 0)
			continue;
		if (n > INT64_MAX / units->factor)
			return -ERANGE;
		*out = n * units->factor;
		return 0;
	}
	return -EINVAL;
}

int value_int(const char *s, int64_t *out)
{
	bool minus = *s == '-';
	int64_t n;

	s += minus ? 1 : 0;
	int rc = digits(&s, &n);
	if (rc < 0)
		return rc;
	if (*s != '\0')
		return -EINVAL;
	*out = minus ? -n : n;
	return 0;
}

int value_duration(const char *s, int64_t *ms)
{
	if (strcmp(s, "0") == 0) { /* the one duration that needs no unit */
		*ms = 0;
		return 0;
	}
	return with_unit(s, durations, ms);
}

int value_size(const char *s, int64_t *bytes)
{
	return with_unit(s, sizes, bytes);
}

int value_rate(const char *s, double *per_minute)
{
	int64_t whole;
	double fraction = 0, weight = 0.1;
	int rc = digits(&s, &whole);

	if (rc < 0)
		return rc;
	if (*s == '.') {
		if (s[1] < '0' || s[1] > '9')
			return -EINVAL;
		for (s++; *s >= '0' && *s <= '9'; s++, weight /= 10)
			fraction += weight * (*s - '0');
	}
	if (*s++ != '/')
		return -EINVAL;
	for (const struct unit *u = rates; u->name != NULL; u++) {
		if (strcmp(s, u->name) != 0)
			continue;
		double per_hour = ((double)whole + fraction) * (double)u->factor;
		*per_minute = per_hour / 60;
		return per_hour >= 1 ? 0 : -ERANGE;
	}
	return -EINVAL;
}

int value_mode(const char *s, int64_t *mode)
{
	size_t len = strspn(s, "01234567");
	int64_t n = 0;

	if (s[len] != '\0' || len < 3 || len > 5 || (len == 5 && *s != '0'))
		return -EINVAL;
	for (; *s != '\0'; s++)
		n = n << 3 | (*s - '0');
	if (n > 07777)
		return -ERANGE;
	*mode = n;
	return 0;
}

static void print_unit(struct buf *b, int64_t n, const struct unit *u)
{
	while (n % u->factor != 0)
		u++;
	buf_printf(b, "%lld%s", (long long)(n / u->factor), u->name);
}

void value_print_duration(struct buf *b, int64_t ms)
{
	if (ms == 0)
		buf_puts(b, "0s");
	else
		print_unit(b, ms, durations);
}

void value_print_size(struct buf *b, int64_t bytes)
{
	if (bytes == 0)
		buf_puts(b, "0");
	else
		print_unit(b, bytes, sizes);
}

void value_print_rate(struct buf *b, double per_minute)
{
	for (const struct unit *u = rates; u < rates + 3; u++) {
		double n = per_minute * 60 / (double)u->factor;
		double whole = n < 1e15 ? (double)(int64_t)(n + 0.5) : n;
		double off = n < whole ? whole - n : n - whole;
		if (whole >= 1 && off <= 1e-9 * whole) {
			buf_printf(b, "%.0f/%s", whole, u->name);
			return;
		}
	}
	buf_printf(b, "%.12f/h", per_minute * 60);
}

void value_print_mode(struct buf *b, int64_t mode)
{
	buf_printf(b, "\"%04llo\"", (unsigned long long)mode);
}

void value_print(struct buf *b, enum config_type type, int64_t n)
{
	if (type == CONFIG_DURATION)
		value_print_duration(b, n);
	else if (type == CONFIG_SIZE)
		value_print_size(b, n);
	else if (type == CONFIG_MODE)
		value_print_mode(b, n);
	else
		buf_printf(b, "%lld", (long long)n);
}
