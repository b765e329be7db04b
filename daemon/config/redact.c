/* SPDX-License-Identifier: Apache-2.0
 *
 * redact.c - regcomp() behind a check that keeps it cheap: names come from reports, which are hostile,
 * and glibc's compiler itself can be made to take all memory. */
#include "daemon/config/redact.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATTERN_MAX = 256,
	PATTERNS_MAX = 64,
	GROUPS_REPEATED_MAX = 4, /* each + behind a ) doubles what glibc makes of the group */
	NAME_MAX_BYTES = 4096,
};

struct redact {
	regex_t regex[PATTERNS_MAX];
	size_t count;
};

struct redact *redact_new(void)
{
	return xcalloc(1, sizeof(struct redact));
}

/* Behind a bracket expression "[^]a[:alpha:]]"; s is at its opening bracket. */
static const char *skip_set(const char *s)
{
	s++;
	if (*s == '^')
		s++;
	if (*s == ']')
		s++;
	while (*s != '\0' && *s != ']') {
		if (*s == '[' && (s[1] == ':' || s[1] == '.' || s[1] == '=')) {
			const char kind = s[1];
			for (s += 2; *s != '\0' && !(*s == kind && s[1] == ']'); s++)
				;
			s += *s != '\0' ? 2 : 0;
		} else {
			s++;
		}
	}
	return *s != '\0' ? s + 1 : s;
}

static int check_pattern(const char *s, struct err *err)
{
	unsigned repeated = 0;
	char before = '\0'; /* the last character, where it was not a literal */

	if (*s == '\0')
		return err_set(err, -EINVAL, "an empty pattern would match every name");
	if (strlen(s) > PATTERN_MAX)
		return err_set(err, -EINVAL, "a pattern longer than %d bytes", PATTERN_MAX);
	while (*s != '\0') {
		if (*s == '\\' && s[1] >= '1' && s[1] <= '9')
			return err_set(err, -EINVAL, "back references (\\1) are not supported in patterns");
		if (*s == '(' && s[1] == '?')
			return err_set(err, -EINVAL, "of the (?...) forms only a leading (?i) is understood");
		if (*s == '{')
			return err_set(err, -EINVAL, "repetition counts {n} are not supported in patterns");
		if (strchr("*+?", *s) != NULL && before != '\0' && strchr("*+?", before) != NULL)
			return err_set(err, -EINVAL, "one repetition right behind another");
		if (*s == '+' && before == ')' && ++repeated > GROUPS_REPEATED_MAX)
			return err_set(err, -EINVAL, "more than %d groups with a + behind",
				       GROUPS_REPEATED_MAX);
		before = *s == '[' || *s == '\\' ? '\0' : *s;
		if (*s == '[')
			s = skip_set(s);
		else
			s += *s == '\\' && s[1] != '\0' ? 2 : 1;
	}
	return 0;
}

int redact_add(struct redact *r, const char *pattern, struct err *err)
{
	int flags = REG_EXTENDED | REG_NOSUB;

	if (strncmp(pattern, "(?i)", 4) == 0) {
		flags |= REG_ICASE;
		pattern += 4;
	}
	int rc = check_pattern(pattern, err);
	if (rc < 0)
		return rc;
	if (r->count == PATTERNS_MAX)
		return err_set(err, -E2BIG, "more than %d patterns", PATTERNS_MAX);
	int code = regcomp(&r->regex[r->count], pattern, flags);
	if (code != 0) {
		char why[128];
		regerror(code, &r->regex[r->count], why, sizeof(why));
		return err_set(err, -EINVAL, "not a regular expression: %s", why);
	}
	r->count++;
	return 0;
}

bool redact_match(const struct redact *r, const char *name)
{
	if (strnlen(name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES)
		return r->count > 0;
	for (size_t i = 0; i < r->count; i++) {
		if (regexec(&r->regex[i], name, 0, NULL, 0) != REG_NOMATCH)
			return true;
	}
	return false;
}

void redact_free(struct redact *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		regfree(&r->regex[i]);
	free(r);
}
