/* SPDX-License-Identifier: Apache-2.0
 *
 * glob.c - matching with one fallback per kind of star, so the time is bounded by the product of the
 * lengths, whatever the pattern. */
#include "daemon/base/glob.h"

#include <string.h>

struct match {
	struct glob_capture *out;
	size_t max, count;
};

/* One component against one component, without captures. */
static bool set_match(const char **pattern, const char *end, char c)
{
	const char *p = *pattern + 1;
	bool negate = p < end && (*p == '!' || *p == '^'), hit = false, first = true;

	if (negate)
		p++;
	while (p < end && (first || *p != ']')) {
		first = false;
		unsigned char low = (unsigned char)*p, high = low;
		if (p + 2 < end && p[1] == '-' && p[2] != ']') {
			high = (unsigned char)p[2];
			p += 2;
		}
		if ((unsigned char)c >= low && (unsigned char)c <= high)
			hit = true;
		p++;
	}
	if (p >= end)
		return false; /* no closing bracket: matches nothing */
	*pattern = p + 1;
	return hit != negate;
}

static bool component_match(const char *p, const char *p_end, const char *s, const char *s_end)
{
	const char *star = NULL, *star_s = NULL;

	for (;;) {
		if (p < p_end && *p == '*') {
			star = ++p;
			star_s = s;
			continue;
		}
		if (s == s_end && p == p_end)
			return true;
		bool ok = false;
		if (p < p_end && s < s_end) {
			const char *next = p;
			if (*p == '[') {
				ok = set_match(&next, p_end, *s);
			} else if (*p == '\\' && p + 1 < p_end) {
				ok = p[1] == *s;
				next = p + 2;
			} else {
				ok = *p == '?' || *p == *s;
				next = p + 1;
			}
			if (ok) {
				p = next;
				s++;
				continue;
			}
		}
		if (star == NULL || star_s >= s_end)
			return false;
		p = star;
		s = ++star_s;
	}
}

static const char *component_end(const char *s)
{
	const char *slash = strchr(s, '/');

	return slash != NULL ? slash : s + strlen(s);
}

/* Literal text around one {name} inside a component is allowed: "job-{job}". */
static bool capture_component(struct match *m, const char *p, const char *p_end, const char *s,
			      const char *s_end)
{
	const char *open = memchr(p, '{', (size_t)(p_end - p));
	const char *close = open != NULL ? memchr(open, '}', (size_t)(p_end - open)) : NULL;

	if (close == NULL)
		return component_match(p, p_end, s, s_end);
	size_t head = (size_t)(open - p), tail = (size_t)(p_end - close - 1), len = (size_t)(s_end - s);
	if (len <= head + tail || memcmp(p, s, head) != 0 || memcmp(close + 1, s_end - tail, tail) != 0)
		return false;
	if (m->count < m->max) {
		m->out[m->count] = (struct glob_capture){
			.name = open + 1,
			.name_len = (size_t)(close - open - 1),
			.value = s + head,
			.value_len = len - head - tail,
		};
	}
	m->count++;
	return true;
}

/* Like component_match() one level up: `**` stands for any number of components, and only the last one met
 * needs to be tried further, because what lies between two of them is best matched as early as it can be. */
static bool path_match(struct match *m, const char *p, const char *s)
{
	const char *deep = NULL, *deep_s = NULL; /* behind the last `**`; what it has not swallowed yet */
	size_t deep_count = 0;

	for (;;) {
		const char *p_end = component_end(p), *s_end = component_end(s);
		if (p_end - p == 2 && p[0] == '*' && p[1] == '*') {
			if (*p_end == '\0')
				return true;
			deep = p = p_end + 1;
			deep_s = s;
			deep_count = m->count;
			continue;
		}
		bool ok = capture_component(m, p, p_end, s, s_end);
		if (ok && *p_end == '\0' && *s_end == '\0')
			return true;
		if (ok && *p_end != '\0' && *s_end != '\0') {
			p = p_end + 1;
			s = s_end + 1;
			continue;
		}
		if (deep == NULL)
			return false;
		const char *next = component_end(deep_s);
		if (*next == '\0')
			return false;
		deep_s = s = next + 1;
		p = deep;
		m->count = deep_count;
	}
}

bool glob_capture(const char *pattern, const char *path, struct glob_capture *out, size_t max, size_t *count)
{
	struct match m = { .out = out, .max = max };
	bool ok = path_match(&m, pattern, path);

	if (count != NULL)
		*count = !ok ? 0 : m.count < max ? m.count : max;
	return ok;
}

bool glob_match(const char *pattern, const char *path)
{
	return glob_capture(pattern, path, NULL, 0, NULL);
}
