/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.c - the forms in which people write references.  A false hit sends a result to a stranger's case,
 * so each form asks for delimiters, and a plain number counts only under a name that means TestRail. */
#include "daemon/model/refs.h"

#include <assert.h>
#include <string.h>

enum { DIGITS_MAX = 15, PROJECT_MAX = 20, KEY_MAX = 64, REF_MAX = PROJECT_MAX + DIGITS_MAX + 8 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}
static bool is_alnum(char c)
{
	return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static void add(struct refs *r, const char *prefix, size_t prefix_len, const char *digits, size_t len)
{
	while (len > 1 && *digits == '0') {
		digits++;
		len--;
	}
	if (len == 0 || len > DIGITS_MAX || *digits == '0' || r->count >= REFS_MAX)
		return;
	char ref[REF_MAX];
	assert(prefix_len + len < sizeof(ref));
	memcpy(ref, prefix, prefix_len);
	memcpy(ref + prefix_len, digits, len);
	ref[prefix_len + len] = '\0';
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->ref[i], ref) == 0)
			return;
	}
	const char *s = arena_strdup(r->arena, ref);
	if (s == NULL)
		return;
	if (r->count == r->room) {
		size_t room = r->room == 0 ? 4 : r->room * 2;
		const char **more = arena_alloc(r->arena, room * sizeof(*more));
		if (more == NULL)
			return;
		if (r->count > 0)
			memcpy(more, r->ref, r->count * sizeof(*more));
		r->ref = more;
		r->room = room;
	}
	r->ref[r->count++] = s;
}

/* Length of "C123" at s, 0 where there is none. */
static size_t case_length(const char *s, const char *end)
{
	if (s == end || (*s != 'C' && *s != 'c'))
		return 0;
	size_t n = 1;
	while (s + n < end && is_digit(s[n]))
		n++;
	return n > 1 && n <= 1 + DIGITS_MAX ? n : 0;
}

static void add_case(struct refs *r, const char *s, size_t len)
{
	add(r, "C", 1, s + 1, len - 1);
}

/* "C1, C2": nothing else may stand between the brackets. */
static bool list_of_cases(const char *s, const char *end)
{
	bool any = false;

	while (s < end) {
		if (*s == ' ' || *s == ',' || *s == ';') {
			s++;
			continue;
		}
		size_t n = case_length(s, end);
		if (n == 0 || (s + n < end && is_alnum(s[n])))
			return false;
		any = true;
		s += n;
	}
	return any;
}

static void bracketed(struct refs *r, const char *s, const char *end)
{
	const char *open = NULL; /* the innermost bracket that is open: one look at each character */

	for (; s < end; s++) {
		if (*s == '[')
			open = s + 1;
		if (*s != ']' || open == NULL)
			continue;
		if (list_of_cases(open, s)) {
			for (const char *p = open; p < s; p++) {
				size_t n = case_length(p, s);
				if (n > 0) {
					add_case(r, p, n);
					p += n - 1;
				}
			}
		}
		open = NULL;
	}
}

/* What may stand between a reference and the rest of a name. */
static bool delimiter(char c)
{
	return c == ' ' || c == '_' || c == ':' || c == '-' || c == ',' || c == '|' || c == '\t' || c == '\n';
}

static void leading(struct refs *r, const char *s, const char *end)
{
	while (s < end && *s == 'C') {
		size_t n = case_length(s, end);
		if (n == 0 || (s + n < end && !delimiter(s[n])))
			return;
		add_case(r, s, n);
		for (s += n; s < end && delimiter(*s); s++)
			;
	}
}

static void trailing(struct refs *r, const char *s, const char *end)
{
	const char *first = end; /* where the references at the end begin */

	for (const char *stop = end;;) {
		const char *p = stop;
		while (p > s && is_digit(p[-1]))
			p--;
		if (p == stop || p == s || p[-1] != 'C')
			break;
		p--;
		if (p > s && !delimiter(p[-1]))
			break;
		first = p;
		for (stop = p; stop > s && delimiter(stop[-1]); stop--)
			;
	}
	leading(r, first, end);
}

/* AT-TC-12 and AT_TC_12, anywhere, as a word. */
static void aio(struct refs *r, const char *s, const char *end)
{
	for (const char *at = s; end - at >= 5; at++) {
		char sep = *at;
		if ((sep != '-' && sep != '_') || at[1] != 'T' || at[2] != 'C' || at[3] != sep ||
		    !is_digit(at[4]))
			continue;
		const char *key = at;
		while (key > s && (is_upper(key[-1]) || is_digit(key[-1]) || (sep == '-' && key[-1] == '_')))
			key--;
		while (key < at && !is_upper(*key))
			key++;
		/* A project key begins with a letter and has two characters at least. */
		if (at - key < 2 || at - key > PROJECT_MAX || (key > s && is_alnum(key[-1])))
			continue;
		const char *digits = at + 4, *stop = digits;
		while (stop < end && is_digit(*stop))
			stop++;
		if (stop < end && is_alnum(*stop))
			continue;
		static const char infix[4] = { '-', 'T', 'C', '-' };
		char prefix[PROJECT_MAX + sizeof(infix)];
		size_t n = (size_t)(at - key);
		memcpy(prefix, key, n);
		memcpy(prefix + n, infix, sizeof(infix));
		add(r, prefix, n + sizeof(infix), digits, (size_t)(stop - digits));
	}
}

void refs_from_name(struct refs *r, const char *name)
{
	bool any_case = strchr(name, '[') != NULL, any_aio = false;
	const char *end = name + strlen(name);

	/* Most names hold nothing of the kind, and it is quick to see. */
	for (const char *p = name; (p = strchr(p, 'C')) != NULL; p++) {
		any_case |= is_digit(p[1]);
		any_aio |= p > name && p[-1] == 'T';
	}
	if (any_aio)
		aio(r, name, end);
	if (!any_case)
		return;
	bracketed(r, name, end);
	while (name < end && *name == ' ')
		name++;
	leading(r, name, end);
	for (;;) {
		while (end > name && end[-1] == ' ')
			end--;
		/* Parameters: name_C1(String s), name_C1[chromium]. */
		const char open = end > name && end[-1] == ')'   ? '('
				  : end > name && end[-1] == ']' ? '['
								 : '\0';
		const char *p = open != '\0' ? memchr(name, open, (size_t)(end - name)) : NULL;
		if (p == NULL || p == name)
			break;
		end = p;
	}
	/* A list that is the whole name is found from both ends: add() drops repeats. */
	trailing(r, name, end);
}

/* Property names, lower case, without anything but letters and digits. */
static const struct known {
	const char *key;
	bool plain; /* a plain number is a TestRail case too */
} known[] = {
	{ "testid", true },
	{ "testids", true },
	{ "testrail", true },
	{ "testrailid", true },
	{ "testrailids", true },
	{ "testrailcase", true },
	{ "testrailcases", true },
	{ "testrailcaseid", true },
	{ "testrailcaseids", true },
	{ "testrailtestid", true },
	{ "testrailtestcase", true },
	{ "testrailtestcaseid", true },
	{ "caseid", false },
	{ "caseids", false },
	{ "testcaseid", false },
	{ "testcaseids", false },
	{ "tcid", false },
	{ "aio", false },
	{ "aiokey", false },
	{ "aiokeys", false },
	{ "aiocase", false },
	{ "aiocasekey", false },
	{ "aiocasekeys", false },
	{ "aiocaseid", false },
	{ "aiotestcase", false },
	{ "aiotestcasekey", false },
	{ "testkey", false },
	{ "testkeys", false },
	{ "casekey", false },
	{ "testcasekey", false },
};

static const struct known *find(const char *key)
{
	char plain[KEY_MAX];
	size_t n = 0;

	for (; *key != '\0'; key++) {
		char c = is_upper(*key) ? (char)(*key - 'A' + 'a') : *key;
		if (!is_alnum(c))
			continue;
		if (n == sizeof(plain) - 1)
			return NULL;
		plain[n++] = c;
	}
	plain[n] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].key, plain) == 0)
			return &known[i];
	}
	return NULL;
}

bool refs_property(const char *key)
{
	return find(key) != NULL;
}

void refs_from_property(struct refs *r, const char *key, const char *value)
{
	static const char view[] = "/cases/view/";
	const struct known *k = find(key);

	if (k == NULL)
		return;
	for (const char *s = value; *s != '\0';) {
		if (strchr(" ,;|[]()\t\r\n", *s) != NULL) {
			s++;
			continue;
		}
		size_t len = strcspn(s, " ,;|[]()\t\r\n");
		const char *end = s + len;
		size_t digits = strspn(s, "0123456789");
		if (case_length(s, end) == len)
			add_case(r, s, len);
		else if (k->plain && digits == len)
			add(r, "C", 1, s, len);
		else
			aio(r, s, end);
		/* A link to the case, as people copy it from the browser. */
		const char *link = memmem(s, len, view, sizeof(view) - 1);
		if (link != NULL) {
			link += sizeof(view) - 1;
			add(r, "C", 1, link, strspn(link, "0123456789"));
		}
		s = end;
	}
}
