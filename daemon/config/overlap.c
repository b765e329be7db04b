/* SPDX-License-Identifier: Apache-2.0
 *
 * overlap.c - patterns as lists of components, components as lists of tokens, and one table walk for
 * each: can the rests from here meet?  The walks fill a table from its end, so their time is the product
 * of the lengths whatever the patterns hold. */
#include "daemon/config/overlap.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { COMPONENTS_MAX = 256, TOKENS_MAX = 1024 };

enum { ANY_RUN = 256, ANY_ONE }; /* tokens beside the bytes themselves */

struct component {
	const char *s;
	size_t len;
	bool deep; /* `**`: any number of components, none too */
};

struct pattern {
	struct component part[COMPONENTS_MAX];
	size_t count;
	bool too_long;
};

static void add_components(struct pattern *p, const char *s)
{
	while (*s != '\0') {
		size_t len = strcspn(s, "/");
		if (len == 2 && strncmp(s, "..", 2) == 0) {
			p->count -= p->count > 0 ? 1 : 0;
		} else if (len > 0 && !(len == 1 && *s == '.')) {
			if (p->count == COMPONENTS_MAX || len > TOKENS_MAX) {
				p->too_long = true;
				return;
			}
			p->part[p->count++] = (struct component){
				.s = s,
				.len = len,
				.deep = len == 2 && strncmp(s, "**", 2) == 0,
			};
		}
		s += len + (s[len] == '/' ? 1 : 0);
	}
}

/* The end of the set that begins at s[i], as base/glob.c reads it; NULL: it has none. */
static const char *set_end(const struct component *c, size_t i)
{
	size_t from = i + 1;

	if (from < c->len && (c->s[from] == '!' || c->s[from] == '^'))
		from++;
	from++; /* a ] in the first place is one of the set */
	return from < c->len ? memchr(c->s + from, ']', c->len - from) : NULL;
}

static size_t tokens_of(const struct component *c, unsigned short out[TOKENS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < c->len; i++) {
		char ch = c->s[i];
		const char *close = ch == '{'   ? memchr(c->s + i, '}', c->len - i)
				    : ch == '[' ? set_end(c, i)
						: NULL;
		if (close != NULL) {
			out[n++] = ANY_ONE;
			if (ch == '{') /* a capture is never empty */
				out[n++] = ANY_RUN;
			i = (size_t)(close - c->s);
		} else if (ch == '*') {
			out[n++] = ANY_RUN;
		} else if (ch == '?') {
			out[n++] = ANY_ONE;
		} else if (ch == '\\' && i + 1 < c->len) {
			out[n++] = (unsigned char)c->s[++i];
		} else {
			out[n++] = (unsigned char)ch;
		}
	}
	return n;
}

/* Whether one component can match what another one matches.  covers: whether a matches ALL that b does
 * (false where unsure). */
static bool component_meets(const struct component *a, const struct component *b, bool covers, size_t *work)
{
	if (covers && a->len == 1 && *a->s == '*')
		return true;
	if (covers && (memchr(a->s, '[', a->len) != NULL || memchr(b->s, '[', b->len) != NULL))
		return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
	unsigned short x[TOKENS_MAX], y[TOKENS_MAX];
	size_t m = tokens_of(a, x), n = tokens_of(b, y), cost = (m + 1) * (n + 1);

	*work -= cost < *work ? cost : *work;
	if (*work == 0)
		return !covers;
	bool *can = xcalloc(cost, sizeof(*can));
	for (size_t i = m + 1; i-- > 0;) {
		for (size_t j = n + 1; j-- > 0;) {
			bool yes = i == m && j == n;
			if (!yes && i < m && x[i] == ANY_RUN)
				yes = can[(i + 1) * (n + 1) + j] || (j < n && can[i * (n + 1) + j + 1]);
			if (!yes && j < n && y[j] == ANY_RUN && !covers)
				yes = can[i * (n + 1) + j + 1] || (i < m && can[(i + 1) * (n + 1) + j]);
			if (!yes && i < m && j < n && x[i] != ANY_RUN && y[j] != ANY_RUN &&
			    (x[i] == y[j] || x[i] == ANY_ONE || (y[j] == ANY_ONE && !covers)))
				yes = can[(i + 1) * (n + 1) + j + 1];
			can[i * (n + 1) + j] = yes;
		}
	}
	bool meets = can[0];
	free(can);
	return meets;
}

/* The same over components. */
static bool pattern_meets(const struct pattern *a, const struct pattern *b, bool covers, size_t *work)
{
	size_t m = a->count, n = b->count;
	bool *can = xcalloc((m + 1) * (n + 1), sizeof(*can));

	for (size_t i = m + 1; i-- > 0;) {
		for (size_t j = n + 1; j-- > 0;) {
			const struct component *x = i < m ? &a->part[i] : NULL,
					       *y = j < n ? &b->part[j] : NULL;
			bool yes = x == NULL && y == NULL;
			if (!yes && x != NULL && x->deep)
				yes = can[(i + 1) * (n + 1) + j] || (y != NULL && can[i * (n + 1) + j + 1]);
			if (!yes && y != NULL && y->deep && !covers)
				yes = can[i * (n + 1) + j + 1] || (x != NULL && can[(i + 1) * (n + 1) + j]);
			if (!yes && x != NULL && y != NULL && !x->deep && !y->deep &&
			    can[(i + 1) * (n + 1) + j + 1])
				yes = component_meets(x, y, covers, work);
			can[i * (n + 1) + j] = yes;
		}
	}
	bool meets = can[0];
	free(can);
	return meets;
}

static void pattern_of(struct pattern *p, const char *path, const char *file)
{
	p->count = 0;
	p->too_long = false;
	add_components(p, path);
	add_components(p, file);
}

/* Whether an exclusion of `side` leaves nothing of p. */
static bool excluded(const struct overlap_side *side, const struct pattern *p, struct pattern *scratch,
		     size_t *work)
{
	for (size_t i = 0; i < side->exclude_count; i++) {
		pattern_of(scratch, side->path, side->exclude[i]);
		if (!scratch->too_long && pattern_meets(scratch, p, true, work))
			return true;
	}
	return false;
}

enum overlap overlap_check(const struct overlap_side *a, const struct overlap_side *b, size_t *work,
			   size_t *a_file, size_t *b_file)
{
	struct pattern *p = xcalloc(3, sizeof(*p));
	enum overlap found = OVERLAP_NONE;

	for (size_t i = 0; i < a->file_count && found == OVERLAP_NONE; i++) {
		for (size_t j = 0; j < b->file_count && found == OVERLAP_NONE; j++) {
			pattern_of(&p[0], a->path, a->files[i]);
			pattern_of(&p[1], b->path, b->files[j]);
			size_t cost = (p[0].count + 1) * (p[1].count + 1);
			*work -= cost < *work ? cost : *work;
			if (*work == 0) {
				found = OVERLAP_TOO_MUCH;
			} else if (p[0].too_long || p[1].too_long ||
				   (pattern_meets(&p[0], &p[1], false, work) &&
				    !excluded(a, &p[0], &p[2], work) && !excluded(a, &p[1], &p[2], work) &&
				    !excluded(b, &p[0], &p[2], work) && !excluded(b, &p[1], &p[2], work))) {
				*a_file = i;
				*b_file = j;
				found = *work == 0 ? OVERLAP_TOO_MUCH : OVERLAP_FOUND;
			}
		}
	}
	free(p);
	return found;
}
