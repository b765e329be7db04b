/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence/mask.c - a report as it may leave.
 *
 * One token (a tag, a comment, a piece of text, a marker) is held at a time; only a tag can be long, and has a
 * ceiling. */
#include "daemon/evidence/mask.h"

#include <zlib.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG_MAX = 16 << 20, MARKER_MAX = 4096, NAME_MAX_BYTES = 1024, PIECE = 65536 };

enum where {
	IN_TEXT,
	IN_TAG,     /* held: from '<' on */
	IN_COMMENT, /* until what `until` says */
	IN_CDATA,
	IN_MARKER, /* held: from "[[" on, in text or CDATA */
};

struct mask {
	bool (*redacted)(void *cookie, const char *name);
	void *cookie;
	void (*put)(void *cookie, const void *data, size_t len);
	void *put_cookie;
	enum where where, around; /* around: the text that a marker stands in */
	struct buf held;
	char quote;         /* IN_TAG: inside an attribute's value */
	const char *until;  /* IN_COMMENT */
	size_t met;         /* how much of what ends this state has been seen */
	unsigned hide;      /* elements that are open inside of one whose text is hidden, it included */
	bool hide_marker;   /* between [[PROPERTY|name]] and [[/PROPERTY]] */
	size_t end_met;     /* of [[/PROPERTY]] */
	bool custom_hidden; /* TestNG: <name value="secret"/> was seen in this custom-attribute */
};

static const char marker_begin[] = "[[PROPERTY|", marker_end[] = "[[/PROPERTY]]";

static void put(struct mask *m, const char *s, size_t len)
{
	if (len > 0)
		m->put(m->put_cookie, s, len);
}

static bool hidden(const struct mask *m)
{
	return m->hide > 0 || m->hide_marker;
}

/* ---- tags ---- */

/* A value as a parser would read it, as far as a name needs it. */
static void plain(const char *s, size_t len, char out[NAME_MAX_BYTES])
{
	static const struct {
		const char *entity;
		char c;
	} known[] = {
		{ "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' }, { "&quot;", '"' }, { "&apos;", '\'' }
	};
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < NAME_MAX_BYTES; i++) {
		char c = s[i];
		size_t skip = 0;
		for (size_t k = 0; c == '&' && k < sizeof(known) / sizeof(known[0]); k++) {
			size_t size = strlen(known[k].entity);
			if (len - i >= size && memcmp(s + i, known[k].entity, size) == 0) {
				out[n++] = known[k].c;
				skip = size;
			}
		}
		if (c == '&' && skip == 0 && len - i > 3 && s[i + 1] == '#') {
			char *end;
			bool hex = s[i + 2] == 'x';
			unsigned long code = strtoul(s + i + (hex ? 3 : 2), &end, hex ? 16 : 10);
			if (end < s + len && *end == ';' && code > 0 && code < 0x80) {
				out[n++] = (char)code;
				skip = (size_t)(end - s) - i + 1;
			}
		}
		if (skip > 0)
			i += skip - 1;
		else
			out[n++] = c;
	}
	out[n] = '\0';
}

static bool is_secret(const struct mask *m, const char *name)
{
	return *name != '\0' && m->redacted(m->cookie, name);
}

static const char *local(const char *name)
{
	const char *colon = strchr(name, ':');

	return colon != NULL ? colon + 1 : name;
}

static bool space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct attr {
	const char *name, *value; /* in the tag */
	size_t name_len, value_len;
};

/* The attribute at or behind *at; false: none is left. */
static bool next_attr(const char **at, const char *end, struct attr *out)
{
	const char *s = *at;

	while (s < end && (space(*s) || *s == '/'))
		s++;
	out->name = s;
	while (s < end && !space(*s) && *s != '=' && *s != '/')
		s++;
	out->name_len = (size_t)(s - out->name);
	while (s < end && space(*s))
		s++;
	out->value = s;
	out->value_len = 0;
	if (s < end && *s == '=') {
		s++;
		while (s < end && space(*s))
			s++;
		if (s < end && (*s == '"' || *s == '\'')) {
			const char *close = memchr(s + 1, *s, (size_t)(end - s - 1));
			out->value = s + 1;
			out->value_len = (size_t)((close != NULL ? close : end) - s - 1);
			s = close != NULL ? close + 1 : end;
		}
	}
	if (s == *at && s < end)
		s++;
	*at = s;
	return out->name_len > 0;
}

static bool names(const struct attr *a, const char *word)
{
	return a->name_len == strlen(word) && memcmp(a->name, word, a->name_len) == 0;
}

/* Whether this element says by name="" or key="" what its value is called. */
static bool is_pair(const char *element)
{
	static const char *const pairs[] = { "property", "attribute", "custom-attribute" };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (strcmp(element, pairs[i]) == 0)
			return true;
	}
	return false;
}

static void open_tag(struct mask *m, const char *s, size_t len)
{
	char element[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
	const char *end = s + len - 1, *at = s + 1, *done = s;
	size_t n = 0;
	bool empty = len > 2 && end[-1] == '/', all = false, pair;
	struct attr a;

	while (at < end && !space(*at) && *at != '/' && n + 1 < sizeof(element))
		element[n++] = *at++;
	element[n] = '\0';
	const char *what = local(element);
	if (hidden(m)) {
		m->hide += m->hide > 0 && !empty;
		return;
	}
	pair = is_pair(what);
	if (strcmp(what, "custom-attribute") == 0)
		m->custom_hidden = false;
	all = is_secret(m, what);
	for (const char *look = at; pair && next_attr(&look, end, &a);) {
		if (!names(&a, "name") && !names(&a, "key"))
			continue;
		plain(a.value, a.value_len, name);
		all |= is_secret(m, name);
	}
	/* <custom-attribute><name value="token"/><value value="secret"/> */
	bool value_of = m->custom_hidden && strcmp(what, "value") == 0;
	if (strcmp(what, "name") == 0) {
		for (const char *look = at; next_attr(&look, end, &a);) {
			if (!names(&a, "value"))
				continue;
			plain(a.value, a.value_len, name);
			m->custom_hidden |= is_secret(m, name);
		}
	}
	while (next_attr(&at, end, &a)) {
		plain(a.name, a.name_len, name);
		bool label = pair && (names(&a, "name") || names(&a, "key"));
		if (a.value_len == 0 || label || (!all && !value_of && !is_secret(m, name)))
			continue;
		put(m, done, (size_t)(a.value - done));
		put(m, "***", 3);
		done = a.value + a.value_len;
	}
	put(m, done, (size_t)(s + len - done));
	if (all && !empty) {
		m->hide = 1;
		put(m, "***", 3);
	}
}

static void tag(struct mask *m)
{
	const char *s = m->held.data;
	size_t len = m->held.len;

	m->where = IN_TEXT;
	if (len > 1 && s[1] == '/') {
		m->hide_marker = false;
		if (m->hide > 0)
			m->hide--;
		if (m->hide == 0)
			put(m, s, len);
	} else if (len > 1 && s[1] == '!') {
		if (!hidden(m))
			put(m, s, len);
	} else {
		m->hide_marker = false;
		open_tag(m, s, len);
	}
	buf_reset(&m->held);
}

/* ---- markers ---- */

static void give_up_marker(struct mask *m)
{
	if (!hidden(m))
		put(m, m->held.data, m->held.len);
	buf_reset(&m->held);
	m->where = m->around;
}

static void marker(struct mask *m)
{
	char *s = m->held.data, *key = s + sizeof(marker_begin) - 1;
	char *equal = strchr(key, '=');
	bool single = equal != NULL;
	char name[NAME_MAX_BYTES];

	plain(key, single ? (size_t)(equal - key) : m->held.len - 2 - (size_t)(key - s), name);
	if (hidden(m) || !is_secret(m, name)) {
		give_up_marker(m);
		return;
	}
	put(m, s, single ? (size_t)(equal + 1 - s) : m->held.len);
	put(m, "***", 3);
	if (single)
		put(m, "]]", 2);
	else
		m->hide_marker = true;
	m->end_met = 0;
	buf_reset(&m->held);
	m->where = m->around;
}

/* Whether c goes on with what may become a marker. */
static bool in_marker(struct mask *m, char c)
{
	size_t n = m->held.len;

	if (n >= MARKER_MAX || c == '\n' || c == '\0' || (c == '<' && m->around == IN_TEXT) ||
	    (n < sizeof(marker_begin) - 1 && c != marker_begin[n]))
		return false;
	buf_putc(&m->held, c);
	if (n + 1 > sizeof(marker_begin) && c == ']' && m->held.data[n - 1] == ']')
		marker(m);
	return true;
}

/* Inside a value that is hidden: only its end is looked for. */
static void in_hidden_marker(struct mask *m, char c)
{
	m->end_met = c == marker_end[m->end_met] ? m->end_met + 1 : c == '[' ? 1 : 0;
	if (m->end_met < sizeof(marker_end) - 1)
		return;
	m->end_met = 0;
	m->hide_marker = false;
	if (!hidden(m))
		put(m, marker_end, sizeof(marker_end) - 1);
}

/* ---- bytes ---- */

/* Ordinary characters, as many as there are in one go. */
static size_t run_of(const struct mask *m, const char *s, size_t len)
{
	size_t n = 0;
	bool cdata = m->where == IN_CDATA;

	while (n < len && s[n] != '[' && (cdata ? s[n] != ']' && s[n] != '>' : s[n] != '<'))
		n++;
	return n;
}

static void in_text(struct mask *m, char c)
{
	static const char close[] = "]]>";
	bool cdata = m->where == IN_CDATA;

	if (cdata) {
		bool ends = c == '>' && m->met >= 2;
		m->met = c == close[0] ? m->met + 1 : 0;
		if (ends) {
			/* What hides an element's text hides the section's borders too. */
			m->hide_marker = false;
			m->where = IN_TEXT;
			if (!hidden(m))
				put(m, &c, 1);
			return;
		}
	}
	if (m->hide_marker && (cdata || c != '<')) {
		in_hidden_marker(m, c);
		return;
	}
	if (!cdata && c == '<') {
		m->hide_marker = false; /* an element's text ends: so does what is hidden in it */
		m->where = IN_TAG;
		m->quote = '\0';
		buf_putc(&m->held, c);
	} else if (c == '[') {
		m->around = m->where;
		m->where = IN_MARKER;
		buf_putc(&m->held, c);
	} else if (!hidden(m)) {
		put(m, &c, 1);
	}
}

static int in_tag(struct mask *m, char c, struct err *err)
{
	static const struct {
		const char *begin, *until;
	} special[] = { { "<!--", "-->" }, { "<?", "?>" }, { "<![CDATA[", "" } };

	if (m->held.len >= TAG_MAX || buf_putc(&m->held, c) < 0)
		return err_set(err, -E2BIG, "it holds a tag of more than %d MiB", TAG_MAX >> 20);
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]) && m->held.len <= 9; i++) {
		if (strcmp(m->held.data, special[i].begin) != 0)
			continue;
		if (!hidden(m))
			put(m, m->held.data, m->held.len);
		buf_reset(&m->held);
		m->met = 0;
		m->until = special[i].until;
		m->where = *m->until == '\0' ? IN_CDATA : IN_COMMENT;
		return 0;
	}
	if (m->quote != '\0')
		m->quote = c == m->quote ? '\0' : m->quote;
	else if (c == '"' || c == '\'')
		m->quote = m->held.data[1] == '!' ? '\0' : c;
	else if (c == '>')
		tag(m);
	return 0;
}

static void in_comment(struct mask *m, char c)
{
	if (!hidden(m))
		put(m, &c, 1);
	size_t len = strlen(m->until);
	/* "--->": the dashes may be more than the end needs. */
	if (c == m->until[m->met])
		m->met++;
	else if (!(m->met == len - 1 && c == m->until[0]))
		m->met = c == m->until[0];
	if (m->met == len)
		m->where = IN_TEXT;
}

static int feed(struct mask *m, const char *s, size_t len, struct err *err)
{
	for (size_t i = 0; i < len;) {
		if ((m->where == IN_TEXT || m->where == IN_CDATA) && !m->hide_marker) {
			size_t n = run_of(m, s + i, len - i);
			if (n > 0) {
				if (!hidden(m))
					put(m, s + i, n);
				m->met = 0;
				i += n;
				continue;
			}
		}
		int rc = 0;
		switch (m->where) {
		case IN_TEXT:
		case IN_CDATA:
			in_text(m, s[i]);
			break;
		case IN_TAG:
			rc = in_tag(m, s[i], err);
			break;
		case IN_COMMENT:
			in_comment(m, s[i]);
			break;
		case IN_MARKER:
			if (!in_marker(m, s[i])) {
				m->met = 0;
				give_up_marker(m);
				continue; /* this one is looked at again */
			}
			break;
		}
		if (rc < 0)
			return rc;
		i++;
	}
	return 0;
}

static void finish(struct mask *m)
{
	/* A tag that breaks off may hold a value whose name would have come behind it. */
	if (!hidden(m) && m->where != IN_TAG)
		put(m, m->held.data, m->held.len);
	buf_done(&m->held);
}

static int check_encoding(const unsigned char *s, size_t len, struct err *err)
{
	if (len >= 2 &&
	    ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff) || s[0] == 0 || s[1] == 0))
		return err_set(err, -EINVAL, "it is in UTF-16, in which hidden values are not looked for");
	return 0;
}

/* ---- from a file ---- */

static void put_spool(void *cookie, const void *data, size_t len)
{
	evidence_spool_add(cookie, data, len);
}

int evidence_mask_report(int fd, bool (*redacted)(void *cookie, const char *name), void *cookie,
			 struct evidence_spool *to, struct err *err)
{
	struct mask m = { .redacted = redacted, .cookie = cookie, .put = put_spool, .put_cookie = to };
	int rc = 0, copy = dup(fd);
	bool first = true;

	m.held = BUF_LIMIT(TAG_MAX + 1);
	/* The offset is shared with whoever else reads this file. */
	off_t was = lseek(fd, 0, SEEK_CUR);
	gzFile z = copy >= 0 && lseek(copy, 0, SEEK_SET) == 0 ? gzdopen(copy, "rb") : NULL;
	if (z == NULL) {
		if (copy >= 0)
			close(copy);
		return err_set(err, -EIO, "it cannot be read again");
	}
	gzbuffer(z, PIECE);
	char *piece = malloc(PIECE);
	while (rc == 0 && piece != NULL) {
		int n = gzread(z, piece, PIECE);
		if (n < 0)
			rc = err_set(err, -EIO, "it cannot be read to its end");
		if (n <= 0)
			break;
		if (first)
			rc = check_encoding((unsigned char *)piece, (size_t)n, err);
		first = false;
		if (rc == 0)
			rc = feed(&m, piece, (size_t)n, err);
		if (rc == 0 && evidence_spool_full(to))
			rc = err_set(err, -E2BIG, "it is larger than evidence.max_size");
	}
	finish(&m);
	free(piece);
	gzclose(z);
	lseek(fd, was, SEEK_SET);
	return rc;
}

static void put_buf(void *cookie, const void *data, size_t len)
{
	buf_append(cookie, data, len);
}

int evidence_mask_text(const char *text, size_t len, bool (*redacted)(void *cookie, const char *name),
		       void *cookie, struct buf *out, struct err *err)
{
	struct mask m = { .redacted = redacted, .cookie = cookie, .put = put_buf, .put_cookie = out };
	int rc = check_encoding((const unsigned char *)text, len, err);

	m.held = BUF_LIMIT(TAG_MAX + 1);
	/* One by one, so that no border between two pieces matters. */
	for (size_t i = 0; i < len && rc == 0; i++)
		rc = feed(&m, text + i, 1, err);
	finish(&m);
	return rc;
}
