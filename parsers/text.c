/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - characters on their way into slots: limits, the spill of what is too long, and the markers that
 * tools leave in a test's output ("[[ATTACHMENT|path]]", "[[PROPERTY|key=value]]"). */
#include "parsers/state.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MARKER_MAX = 4096 }; /* but a data: URL may be as long as an attribute */
static const char inlined[] = "[[ATTACHMENT|data:";
static const char attachment[] = "[[ATTACHMENT|", property[] = "[[PROPERTY|",
		  property_end[] = "[[/PROPERTY]]";

bool text_blank(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != ' ' && s[i] != '\n' && s[i] != '\t' && s[i] != '\r')
			return false;
	}
	return true;
}

/* ---- slots ---- */

static void keep(struct parser *p, struct slot *slot, const char *s, size_t len)
{
	struct arena *arena = &p->build->arena;

	if (slot->len + len + 1 > slot->cap) {
		size_t cap = slot->cap == 0 ? 128 : slot->cap * 2;
		while (cap < slot->len + len + 1)
			cap *= 2;
		char *more = arena_alloc(arena, cap);
		if (more == NULL) {
			warn(p, WARN_ROOM, "a test case holds too much; the rest of its texts is left out");
			slot->cut = true;
			return;
		}
		if (slot->len > 0)
			memcpy(more, slot->s, slot->len);
		slot->s = more;
		slot->cap = cap;
	}
	memcpy(slot->s + slot->len, s, len);
	slot->len += len;
	slot->s[slot->len] = '\0';
}

static void stop_on(struct parser *p, int rc)
{
	if (rc < 0 && p->stopped == 0) {
		p->stopped = rc;
		xml_stop(p->xml);
	}
}

void text_settle(struct parser *p)
{
	if (p->spilling == NULL)
		return;
	p->spilling = NULL;
	stop_on(p, p->events->text_end(p->cookie));
}

static void spill(struct parser *p, struct slot *slot, enum text_kind kind, const char *s, size_t len)
{
	const struct parser_events *e = p->events;

	if (e->text_begin == NULL || e->text_chunk == NULL || e->text_end == NULL || p->stopped != 0)
		return;
	if (p->spilling != slot) {
		text_settle(p);
		p->spilling = slot;
		stop_on(p, e->text_begin(p->cookie, kind));
	}
	if (!slot->spilled) {
		slot->spilled = true;
		if (slot->len > 0 && p->stopped == 0)
			stop_on(p, e->text_chunk(p->cookie, slot->s, slot->len));
	}
	if (p->stopped == 0)
		stop_on(p, e->text_chunk(p->cookie, s, len));
}

void slot_append(struct parser *p, struct slot *slot, enum text_kind kind, const char *s, size_t len)
{
	if (len == 0 || p->stopped != 0)
		return;
	size_t max = slot->max != 0 ? slot->max : p->limits.text;
	slot->whole += len;
	if (!slot->cut && len <= max - slot->len) {
		keep(p, slot, s, len);
		if (!slot->cut)
			return;
	}
	if (!slot->cut) {
		size_t fits = utf8_cut(s, len, max - slot->len);
		if (fits > 0)
			keep(p, slot, s, fits);
		s += fits;
		len -= fits;
		slot->cut = true;
		warn(p, WARN_TEXT, "a text is longer than %zu bytes and was cut", max);
	}
	if (slot->max == 0)
		spill(p, slot, kind, s, len);
}

/* ---- markers ---- */

/* The end of the opening part: held is "[[...]]" without the brackets at its end. */
static void marker_take(struct parser *p, struct slot *slot, enum text_kind kind)
{
	struct marker *m = &p->marker;
	char *s = m->held.data;
	size_t len = m->held.len;

	m->state = MARKER_NONE;
	if (strncmp(s, attachment, sizeof(attachment) - 1) == 0) {
		s[len - 2] = '\0';
		build_evidence(p, s + sizeof(attachment) - 1, NULL, 0);
		s[len - 2] = ']';
	} else {
		char *key = s + sizeof(property) - 1;
		s[len - 2] = '\0';
		char *equal = strchr(key, '=');
		if (equal == NULL) {
			/* The value follows in lines of its own, up to [[/PROPERTY]]. */
			free(m->key);
			m->key = xstrdup(key);
			m->state = MARKER_VALUE;
			m->secret = p->options->redacted != NULL &&
				    p->options->redacted(p->options->redacted_cookie, key);
			s[len - 2] = ']';
			slot_append(p, slot, kind, s, len);
			buf_reset(&m->held);
			return;
		}
		*equal = '\0';
		build_property(p, key, equal + 1);
		bool secret = p->options->redacted != NULL &&
			      p->options->redacted(p->options->redacted_cookie, key);
		*equal = '=';
		s[len - 2] = ']';
		if (secret) {
			slot_append(p, slot, kind, s, (size_t)(equal + 1 - s));
			slot_append(p, slot, kind, "***]]", 5);
			buf_reset(&m->held);
			return;
		}
	}
	slot_append(p, slot, kind, s, len);
	buf_reset(&m->held);
}

/* What was held turns out to be ordinary text. */
static void marker_give_up(struct parser *p, struct slot *slot, enum text_kind kind)
{
	struct marker *m = &p->marker;

	if (m->state == MARKER_OPENING)
		slot_append(p, slot, kind, m->held.data, m->held.len);
	else if (m->state == MARKER_VALUE && m->secret)
		slot_append(p, slot, kind, "***", 3);
	m->state = MARKER_NONE;
	buf_reset(&m->held);
}

static bool prefix_of(const char *word, const char *s, size_t len)
{
	size_t n = strlen(word);

	return memcmp(word, s, len < n ? len : n) == 0;
}

/* Its end was read.  Where brackets are open still, a third "]" belongs to what stands in it: "out/test[1]". */
static bool marker_whole(const struct marker *m)
{
	size_t len = m->held.len;

	return m->state == MARKER_OPENING && len > sizeof(property) && m->held.data[len - 1] == ']' &&
	       m->held.data[len - 2] == ']';
}

/* One character of an opening; false: it is none, and the character was not taken. */
static bool marker_opening(struct parser *p, char c, struct slot *slot, enum text_kind kind)
{
	struct marker *m = &p->marker;

	size_t max =
		m->held.len >= sizeof(inlined) - 1 && memcmp(m->held.data, inlined, sizeof(inlined) - 1) == 0
			? p->limits.attribute
			: MARKER_MAX;
	if (c == '\n' || m->held.len >= max)
		return false;
	buf_putc(&m->held, c);
	const char *s = m->held.data;
	size_t len = m->held.len;
	if (!prefix_of(attachment, s, len) && !prefix_of(property, s, len)) {
		m->held.len--;
		/* "[[[ATTACHMENT|": the first bracket is text, the others begin anew. */
		if (c == '[' && len == 3) {
			slot_append(p, slot, kind, "[", 1);
			return true;
		}
		return false;
	}
	m->brackets += (c == '[') - (c == ']');
	if (marker_whole(m) && m->brackets <= 0)
		marker_take(p, slot, kind);
	return true;
}

static void marker_value(struct parser *p, const char *s, size_t len, struct slot *slot, enum text_kind kind,
			 size_t *used)
{
	struct marker *m = &p->marker;
	size_t end_len = sizeof(property_end) - 1;

	for (size_t i = 0; i < len; i++) {
		if (buf_putc(&m->held, s[i]) < 0) {
			if (!m->secret)
				slot_append(p, slot, kind, s, i);
			warn(p, WARN_MARKER, "a [[PROPERTY|..]] in the output does not end");
			marker_give_up(p, slot, kind);
			*used = i;
			return;
		}
		if (s[i] != ']' || m->held.len < end_len ||
		    memcmp(m->held.data + m->held.len - end_len, property_end, end_len) != 0)
			continue;
		*used = i + 1;
		if (m->secret) {
			slot_append(p, slot, kind, "***", 3);
			slot_append(p, slot, kind, property_end, end_len);
		} else {
			slot_append(p, slot, kind, s, i + 1);
		}
		char *value = m->held.data;
		size_t n = m->held.len - end_len;
		while (n > 0 && text_blank(value + n - 1, 1))
			n--;
		value[n] = '\0';
		while (text_blank(value, 1) && *value != '\0')
			value++;
		build_property(p, m->key, value);
		m->state = MARKER_NONE;
		buf_reset(&m->held);
		return;
	}
	if (!m->secret)
		slot_append(p, slot, kind, s, len);
	*used = len;
}

static void scan(struct parser *p, struct slot *slot, enum text_kind kind, const char *s, size_t len)
{
	struct marker *m = &p->marker;

	while (len > 0) {
		size_t used = 0;
		switch (m->state) {
		case MARKER_NONE: {
			const char *bracket = memchr(s, '[', len);
			used = bracket == NULL ? len : (size_t)(bracket - s);
			slot_append(p, slot, kind, s, used);
			if (bracket != NULL) {
				m->state = MARKER_OPENING;
				buf_putc(&m->held, '[');
				m->brackets = 1;
				used++;
			}
			break;
		}
		case MARKER_OPENING:
			while (used < len && m->state == MARKER_OPENING) {
				if (marker_whole(m) && s[used] != ']') {
					marker_take(p, slot, kind);
					break;
				}
				if (!marker_opening(p, s[used], slot, kind)) {
					marker_give_up(p, slot, kind);
					break;
				}
				used++;
			}
			break;
		case MARKER_VALUE:
			marker_value(p, s, len, slot, kind, &used);
			break;
		}
		s += used;
		len -= used;
	}
}

/* ---- targets ---- */

void text_push(struct parser *p, struct slot *slot, enum text_kind kind, bool scan_it)
{
	struct build *b = p->build;

	if (b->config)
		slot = NULL;
	if (b->targets < TARGETS)
		b->target[b->targets] = (struct target){ slot, kind, scan_it };
	b->targets++;
}

void text_pop(struct parser *p)
{
	struct build *b = p->build;

	if (b->targets == 0)
		return;
	b->targets--;
	if (b->targets >= TARGETS)
		return;
	const struct target *t = &b->target[b->targets];
	if (marker_whole(&p->marker) && t->scan && t->slot != NULL)
		marker_take(p, t->slot, t->kind);
	if (p->marker.state != MARKER_NONE && t->scan && t->slot != NULL)
		marker_give_up(p, t->slot, t->kind);
	if (p->spilling != NULL && p->spilling == t->slot)
		text_settle(p);
}

void text_give(void *cookie, const char *s, size_t len)
{
	struct parser *p = cookie;
	struct build *b = p->build;

	if (b == NULL || b->targets == 0) {
		if (p->suite_key != NULL)
			buf_append(&p->suite_value, s, len);
		else if (p->suite_out)
			suite_output(p, s, len);
		return;
	}
	if (b->targets > TARGETS || b->target[b->targets - 1].slot == NULL)
		return;
	const struct target *t = &b->target[b->targets - 1];
	if (t->scan && (p->marker.state != MARKER_NONE || memchr(s, '[', len) != NULL))
		scan(p, t->slot, t->kind, s, len);
	else
		slot_append(p, t->slot, t->kind, s, len);
}

void text_attr(struct parser *p, struct slot *slot, enum text_kind kind, const char *s)
{
	if (s == NULL || *s == '\0')
		return;
	slot_append(p, slot, kind, s, strlen(s));
	if (p->spilling == slot)
		text_settle(p);
}
