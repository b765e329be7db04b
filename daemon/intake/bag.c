/* SPDX-License-Identifier: Apache-2.0
 *
 * bag.c - cases as hashes, and what is done with many of them. */
#include "daemon/intake/bag.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/intake/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- bags ---- */

void bag_done(struct bag *b)
{
	free(b->key);
	*b = (struct bag){ 0 };
}

void bag_put(struct bag *b, uint64_t key)
{
	if (b->count == b->room) {
		b->room = b->room > 0 ? b->room * 2 : 64;
		b->key = xrealloc(b->key, b->room, sizeof(*b->key));
	}
	b->key[b->count++] = key;
}

static int by_key(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void bag_sort(struct bag *b)
{
	if (b->count > 1)
		qsort(b->key, b->count, sizeof(*b->key), by_key);
}

void bag_add(struct bag *to, const struct bag *from)
{
	for (size_t i = 0; i < from->count; i++)
		bag_put(to, from->key[i]);
	bag_sort(to);
}

bool bag_holds(const struct bag *whole, const struct bag *part)
{
	size_t at = 0;

	for (size_t i = 0; i < part->count; i++, at++) {
		while (at < whole->count && whole->key[at] < part->key[i])
			at++;
		if (at == whole->count || whole->key[at] != part->key[i])
			return false;
	}
	return part->count > 0;
}

void bag_take(struct bag *whole, const struct bag *part)
{
	size_t to = 0, next = 0;

	for (size_t i = 0; i < whole->count; i++) {
		if (next < part->count && whole->key[i] == part->key[next])
			next++;
		else
			whole->key[to++] = whole->key[i];
	}
	whole->count = to;
}

/* ---- what is in a file ---- */

static uint64_t hash(uint64_t h, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(1099511628211);
	return (h ^ 0xff) * UINT64_C(1099511628211); /* no byte of UTF-8: the end of a word */
}

static uint64_t hash_word(uint64_t h, const char *s)
{
	return s != NULL ? hash(h, s, strlen(s)) : hash(h, "", 0);
}

struct look {
	struct bag *bag;
	size_t left;
	bool exact, no_skips;
};

/* The method behind what a reporter makes of it: "instance method", "method[row](2)", "method(String)". */
static const char *method_of(const char *name, size_t *len)
{
	size_t n = strcspn(name, "[(");

	if (n == 0)
		n = strlen(name);
	while (n > 0 && name[n - 1] == ' ')
		n--;
	size_t from = n;
	while (from > 0 && name[from - 1] != ' ')
		from--;
	*len = n - from;
	return name + from;
}

static int on_result(void *cookie, const struct result *r)
{
	struct look *k = cookie;
	static const char *const said[] = {
		[OUTCOME_PASSED] = "passed",
		[OUTCOME_SKIPPED] = "skipped",
		[OUTCOME_FAILED] = "failed",
		[OUTCOME_ERROR] = "failed",
	};
	uint64_t h = hash_word(UINT64_C(14695981039346656037), r->class_name);

	if (k->left-- == 0)
		return -E2BIG;
	if (k->exact) {
		h = hash_word(h, r->name);
		for (size_t i = 0; i < r->param_count; i++)
			h = hash_word(h, r->params[i]);
		h = hash(h, (const char *)&r->duration_ms, sizeof(r->duration_ms));
		h = hash(h, (const char *)&r->started_ms, sizeof(r->started_ms));
	} else {
		/* junitreports/ shows a configuration method that failed as a case: "@BeforeClass prepare". */
		if (r->name != NULL && r->name[0] == '@')
			return 0;
		if (k->no_skips && r->outcome == OUTCOME_SKIPPED)
			return 0;
		size_t len;
		const char *method = method_of(r->name != NULL ? r->name : "", &len);
		h = hash(h, method, len);
	}
	bag_put(k->bag, hash_word(h, said[r->outcome]));
	return 0;
}

static void on_restart(void *cookie)
{
	struct look *k = cookie;

	k->left += k->bag->count;
	k->bag->count = 0;
}

int bag_open(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* False where the file cannot be compared: unreadable, broken off, too much. */
bool bag_read(const char *path, enum bag_compare how, size_t room, struct bag *out)
{
	static const struct parser_events events = { .result = on_result, .restart = on_restart };
	const struct parser_options options = { .now_ms = TIME_UNKNOWN };
	struct look look = {
		.bag = out, .left = room, .exact = how == BAG_EXACT, .no_skips = how == BAG_LOOSE_NO_SKIPS
	};
	struct report_summary summary;
	struct stat st;
	int fd = bag_open(path, &st);

	*out = (struct bag){ 0 };
	if (fd < 0)
		return false;
	bool good = report_read(fd, path, &options, &events, &look, &summary) == REPORT_OK;
	report_summary_done(&summary);
	close(fd);
	if (!good) {
		bag_done(out);
		return false;
	}
	bag_sort(out);
	return true;
}
