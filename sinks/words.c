/* SPDX-License-Identifier: Apache-2.0
 *
 * words.c - the server's own words, out of an error answer of any shape, as one clean line.
 *
 * TestRail says {"error": TEXT}.  Axosoft says error, error_description and sometimes message, of which the
 * message is the best text and the error a mere code.  AIO Tests mostly says a bare line of text, Jira in front
 * of it errorMessages and errors by field, and whatever stands before them (proxies, gateways, login pages)
 * a page of HTML: of that its title is shown, never its tags. */
#include "sinks/sink.h"

#include "daemon/base/utf8.h"

#include <string.h>
#include <strings.h>

/* Of a server's words; the rest of a page helps nobody. */
#define WORDS_MAX 400
/* Of a page, where its head is looked for; and lines that may stand before it. */
#define HEAD_MAX     (64u << 10)
#define LINES_BEFORE 4
/* Lists and objects in each other; members of one that are looked at. */
#define DEPTH_MAX   4
#define MEMBERS_MAX 16

/* The words so far: white space folded, control characters and broken UTF-8 left out, cut on a character. */
struct line {
	char text[WORDS_MAX + 8];
	size_t len;
	bool gap, full;
};

static void put(struct line *l, const char *s, size_t len)
{
	for (const char *end = s + len; s < end && !l->full;) {
		unsigned size = utf8_length(s, end);
		unsigned char c = (unsigned char)*s;
		if (size == 0 || c <= ' ' || c == 0x7f) {
			l->gap = l->gap || size != 0;
			s++;
			continue;
		}
		size_t need = size + (l->gap && l->len > 0);
		if (l->len + need > WORDS_MAX) {
			l->full = true;
			memcpy(l->text + l->len, "...", 3);
			l->len += 3;
			return;
		}
		if (need > size)
			l->text[l->len++] = ' ';
		l->gap = false;
		memcpy(l->text + l->len, s, size);
		l->len += size;
		s += size;
	}
}

static void put_text(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool begins(const char *s, const char *end, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(end - s) >= n && strncasecmp(s, with, n) == 0;
}

static const char *find(const char *s, const char *end, const char *what)
{
	for (; (s = memchr(s, what[0], (size_t)(end - s))) != NULL; s++) {
		if (begins(s, end, what))
			return s;
	}
	return NULL;
}

/* ---- markup ---- */

/* An entity at s, undone into the line; its length, 0 where it is none that is known. */
static size_t put_entity(struct line *l, const char *s, const char *end)
{
	static const struct {
		const char *name, *text;
	} known[] = {
		{ "&amp;", "&" },
		{ "&lt;", "<" },
		{ "&gt;", ">" },
		{ "&quot;", "\"" },
		{ "&apos;", "'" },
		{ "&#39;", "'" },
		{ "&#x27;", "'" },
		{ "&nbsp;", " " },
		{ "&ndash;", "\xe2\x80\x93" },
		{ "&mdash;", "\xe2\x80\x94" },
		{ "&middot;", "\xc2\xb7" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (begins(s, end, known[i].name)) {
			put_text(l, known[i].text);
			return strlen(known[i].name);
		}
	}
	return 0;
}

/* Behind the tag at s, and behind what is no text of it: a comment, a script, a style. */
static const char *behind_tag(const char *s, const char *end)
{
	static const char *const mute[][2] = { { "<!--", "-->" },
					       { "<script", "</script" },
					       { "<style", "</style" } };

	for (size_t i = 0; i < sizeof(mute) / sizeof(mute[0]); i++) {
		const char *stop = begins(s, end, mute[i][0]) ? find(s, end, mute[i][1]) : s;
		if (stop == NULL)
			return end;
		if (stop > s)
			s = stop;
	}
	s = memchr(s, '>', (size_t)(end - s));
	return s != NULL ? s + 1 : end;
}

static void put_markup(struct line *l, const char *s, const char *end)
{
	while (s < end && !l->full) {
		size_t n = *s == '&' ? put_entity(l, s, end) : 0;
		if (n > 0) {
			s += n;
		} else if (*s == '<') {
			s = behind_tag(s, end);
			l->gap = true;
		} else {
			const char *text = s++;
			while (s < end && *s != '<' && *s != '&')
				s++;
			put(l, text, (size_t)(s - text));
		}
	}
}

/* What stands in the first element of this name. */
static bool put_element(struct line *l, const char *s, const char *end, const char *open, const char *close)
{
	size_t before = l->len;

	s = find(s, end, open);
	const char *stop = s != NULL ? find(s, end, close) : NULL;
	if (stop == NULL)
		return false;
	put_markup(l, s, stop);
	return l->len > before;
}

/* A page, or a piece of one: at once, or behind a few lines of something else. */
static const char *page_start(const char *s, const char *end)
{
	for (int line = 0; line <= LINES_BEFORE; line++) {
		while (s < end && blank(*s))
			s++;
		if (s == end)
			return NULL;
		if (*s == '<')
			return s;
		s = memchr(s, '\n', (size_t)(end - s));
		if (s == NULL)
			return NULL;
	}
	return NULL;
}

static bool whole_page(const char *s, const char *end)
{
	return find(s, end, "<!doctype html") != NULL || find(s, end, "<html") != NULL ||
	       find(s, end, "<head") != NULL || find(s, end, "<body") != NULL;
}

/* The title of a page, else its heading; of a document that is no page its message, else what it says. */
static void put_page(struct line *l, const char *s, const char *end)
{
	size_t before = l->len;

	if (put_element(l, s, end, "<title", "</title") || put_element(l, s, end, "<h1", "</h1") ||
	    put_element(l, s, end, "<message", "</message"))
		return;
	if (!whole_page(s, end))
		put_markup(l, s, end);
	if (l->len == before)
		put_text(l, begins(s, end, "<?xml") ? "an XML document" : "an HTML page");
}

static bool at_once(const char *s, const char *page)
{
	while (s < page && blank(*s))
		s++;
	return s == page;
}

/* Text of any kind; html: it is said to be markup. */
static void put_any(struct line *l, const char *s, size_t len, bool html)
{
	const char *end = s + len, *head = len > HEAD_MAX ? s + HEAD_MAX : end;

	if (begins(s, end, "\xef\xbb\xbf"))
		s += 3;
	const char *page = page_start(s, head);
	if (page != NULL && (html || at_once(s, page) || whole_page(page, head)))
		put_page(l, page, head);
	else if (html)
		put_markup(l, s, head);
	else
		put(l, s, len);
}

/* ---- JSON ---- */

static bool told(struct line *l, const cJSON *item, bool fields, int depth);

/* The members of a list, or of an object by field: "name: is wrong; key: is taken". */
static bool told_all(struct line *l, const cJSON *of, bool fields, int depth)
{
	const cJSON *item;
	bool any = false;
	int n = 0;

	cJSON_ArrayForEach(item, of)
	{
		struct line was = *l;
		if (n++ == MEMBERS_MAX)
			break;
		if (any)
			put_text(l, "; ");
		if (fields && item->string != NULL && item->string[0] != '\0') {
			put_text(l, item->string);
			put_text(l, ": ");
		}
		if (told(l, item, false, depth + 1))
			any = true;
		else
			*l = was;
	}
	return any;
}

/* An object: its best text, and what it has besides by field. */
static bool told_object(struct line *l, const cJSON *of, int depth)
{
	static const char *const texts[] = {
		"message", "error_description", "error", "errorMessage", "error_message", "errorMsg",
		"detail",  "description",       "title",
	};
	static const char *const lists[] = { "errorMessages", "errors" };
	bool any = false;

	for (size_t i = 0; !any && i < sizeof(texts) / sizeof(texts[0]); i++)
		any = told(l, cJSON_GetObjectItem(of, texts[i]), false, depth + 1);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct line was = *l, more = { .len = 0 };
		const cJSON *list = cJSON_GetObjectItem(of, lists[i]);
		if (!told(&more, list, cJSON_IsObject(list), depth + 1))
			continue;
		more.text[more.len] = '\0';
		was.text[was.len] = '\0';
		if (any && strstr(was.text, more.text) != NULL)
			continue; /* the same once more */
		if (any)
			put_text(l, "; ");
		put(l, more.text, more.len);
		any = true;
	}
	return any;
}

static bool told(struct line *l, const cJSON *item, bool fields, int depth)
{
	size_t before = l->len;

	if (depth > DEPTH_MAX || l->full)
		return false;
	if (cJSON_IsString(item))
		put_any(l, item->valuestring, strlen(item->valuestring), false);
	else if (cJSON_IsArray(item) || (fields && cJSON_IsObject(item)))
		return told_all(l, item, fields, depth);
	else if (cJSON_IsObject(item))
		return told_object(l, item, depth);
	return l->len > before;
}

/* A body that is one JSON string. */
static cJSON *bare_string(const struct reply *r)
{
	size_t i = 0;

	while (i < r->body.len && blank(r->body.data[i]))
		i++;
	return i < r->body.len && r->body.data[i] == '"'
		       ? cJSON_ParseWithLength(r->body.data + i, r->body.len - i)
		       : NULL;
}

const char *sink_words(struct arena *a, const struct reply *r)
{
	struct line l = { .len = 0 };
	cJSON *root = sink_json(r);
	const char *words;

	if (root == NULL)
		root = bare_string(r);
	if (!told(&l, root, false, 0) && r->body.len > 0) {
		l = (struct line){ .len = 0 };
		put_any(&l, r->body.data, r->body.len, strcasestr(r->content_type, "html") != NULL);
	}
	cJSON_Delete(root);
	words = l.len > 0 ? arena_strndup(a, l.text, l.len)
			  : arena_printf(a, "HTTP %d without a word", r->status);
	return words != NULL ? words : "the answer was too long to keep";
}
