/* SPDX-License-Identifier: Apache-2.0
 *
 * testng_invocation.c - which methods of one name are attempts of one test, and which are tests of their own.
 *
 * Attempts are joined by equal names and parameters.  Two things stand in the way of that:
 * - A factory makes several instances of a class.  Only the signature tells them apart, by a hash that is
 *   another one in each run.  So the second instance with a method of that name is called "instance 2".
 * - A retry may read its row of data anew, and an object without a toString() of its own has another hash then.
 * All that lasts from the beginning of a <class> to its end and has a ceiling. */
#include "parsers/state.h"

#include "daemon/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN = 2048, SEEN_MAX = SEEN / 4 * 3 }; /* a power of two */

/* A method, and how many instances it has; a method of an instance, and the how manieth that is. */
struct invocation {
	uint64_t key; /* 0: free */
	unsigned n;
};

/* ---- a small table ---- */

static uint64_t mix(uint64_t h, const char *s)
{
	if (h == 0)
		h = UINT64_C(0xcbf29ce484222325);
	for (; s != NULL && *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The entry of a key, made where there is none; NULL where there is no room for one more. */
static struct invocation *entry(struct parser *p, uint64_t key)
{
	if (p->seen == NULL)
		p->seen = xcalloc(SEEN, sizeof(*p->seen));
	key += key == 0;
	for (size_t at = (size_t)(key ^ key >> 32) & (SEEN - 1);; at = (at + 1) & (SEEN - 1)) {
		struct invocation *one = &p->seen[at];
		if (one->key == key)
			return one;
		if (one->key != 0)
			continue;
		if (p->seen_count >= SEEN_MAX)
			return NULL;
		p->seen_count++;
		one->key = key;
		return one;
	}
}

void invocations_forget(struct parser *p)
{
	buf_reset(&p->retried);
	if (p->seen_count > 0)
		memset(p->seen, 0, SEEN * sizeof(*p->seen));
	p->seen_count = 0;
}

void invocations_free(struct parser *p)
{
	buf_done(&p->retried);
	free(p->seen);
	p->seen = NULL;
}

/* ---- instances ---- */

/* "m(int)[pri:0, instance:shop.Cart@1b2c3d4]" */
void invocation_open(struct parser *p, const char *signature, const char *instance_name)
{
	struct build *b = p->build;
	const char *instance = signature != NULL ? strstr(signature, "instance:") : NULL;

	if (instance == NULL)
		return;
	uint64_t method = mix(mix(0, b->r.name), instance_name);
	struct invocation *this = entry(p, mix(method, instance));
	if (this == NULL)
		return;
	if (this->n == 0) {
		struct invocation *all = entry(p, method);
		this->n = all != NULL ? ++all->n : 1;
	}
	if (this->n > 1) {
		char text[32];
		snprintf(text, sizeof(text), "instance %u", this->n);
		build_param(p, text);
	}
}

/* ---- retries ---- */

/* Length without what Object.toString() puts behind a class: "shop.Order@1b2c3d4". */
static size_t without_hash(const char *s)
{
	size_t len = strlen(s), digits = 0;

	while (digits < len && strchr("0123456789abcdef", s[len - digits - 1]) != NULL)
		digits++;
	return digits > 0 && digits <= 8 && digits + 1 < len && s[len - digits - 1] == '@' ? len - digits
											   : len;
}

static bool same_object(const char *a, const char *b)
{
	size_t len = without_hash(a);

	return len == without_hash(b) && strncmp(a, b, len) == 0 && (a[len] == '\0') == (b[len] == '\0');
}

static void remember(struct parser *p)
{
	const struct build *b = p->build;

	buf_reset(&p->retried);
	bool fits = buf_append(&p->retried, b->r.name, strlen(b->r.name) + 1) == 0;
	for (size_t i = 0; i < b->r.param_count && fits; i++)
		fits = buf_append(&p->retried, b->params[i], strlen(b->params[i]) + 1) == 0;
	if (!fits)
		buf_reset(&p->retried);
	p->retried_end_ms = b->finished_ms;
}

/* Whether this is the retry of the attempt that was remembered, as far as one can see. */
static bool is_retry(const struct parser *p)
{
	const struct build *b = p->build;
	const char *at = p->retried.data, *end = at + p->retried.len;

	if (p->retried.len == 0 || strcmp(at, b->r.name) != 0)
		return false;
	for (size_t i = 0; i < b->r.param_count; i++) {
		at += strlen(at) + 1;
		if (at >= end || !same_object(at, b->params[i]))
			return false;
	}
	return true;
}

/* The retry takes the parameters of the attempt before it.  Rows that are not retried keep their hashes: nothing
 * else tells them apart.  So do those that began before that attempt had ended: rows that run side by side. */
static void join_retry(struct parser *p)
{
	struct build *b = p->build;
	const char *at = p->retried.data;

	if (is_retry(p) && b->r.started_ms != TIME_UNKNOWN && p->retried_end_ms != TIME_UNKNOWN &&
	    b->r.started_ms >= p->retried_end_ms) {
		for (size_t i = 0; i < b->r.param_count; i++) {
			at += strlen(at) + 1;
			const char *copy = strcmp(at, b->params[i]) != 0 ? build_string(p, at) : NULL;
			if (copy != NULL)
				b->params[i] = copy;
		}
		buf_reset(&p->retried);
	}
	/* Stamps are cut to seconds: an attempt that ended in the second in which it began shows no order. */
	if (b->retried && b->finished_ms != b->r.started_ms)
		remember(p);
}

void invocation_settle(struct parser *p)
{
	if (p->build->r.name != NULL && p->build->r.param_count > 0)
		join_retry(p);
}
