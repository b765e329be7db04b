/* SPDX-License-Identifier: Apache-2.0
 *
 * junit_property.c - properties of a case, evidence that stands in the report, and elements that nobody knows. */
#include "parsers/junit.h"

#include <string.h>

static struct parser *self(void *cookie)
{
	return cookie;
}

/* The value is an attribute or the text; an attribute that says something wins. */
void junit_property_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	(void)element;
	if (b == NULL || p->options->counts_only)
		return;
	const char *key = xml_attr(attrs, "name"), *value = xml_attr(attrs, "value");
	if (key == NULL)
		key = xml_attr(attrs, "key");
	b->key = NULL;
	if (value != NULL && *value != '\0')
		build_property(p, key, value);
	else
		b->key = build_string(p, key);
	b->scratch = (struct slot){ .max = p->limits.text };
	text_push(p, b->key != NULL ? &b->scratch : NULL, TEXT_DETAIL, false);
}

void junit_property_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	text_pop(p);
	if (b->key == NULL)
		return;
	const char *s = b->scratch.s != NULL ? b->scratch.s : "";
	size_t len = strlen(s);
	while (len > 0 && text_blank(s + len - 1, 1))
		len--;
	while (len > 0 && text_blank(s, 1)) {
		s++;
		len--;
	}
	const char *value = arena_strndup(&b->arena, s, len);
	build_property(p, b->key, value);
	b->key = NULL;
}

/* <property name="testrun_evidence"><item name="shot.png">base64</item></property> (Xray's, Playwright's) */
void junit_item_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	(void)element;
	if (b == NULL || p->options->counts_only)
		return;
	b->key = build_string(p, xml_attr(attrs, "name"));
	b->scratch = (struct slot){ .max = p->limits.attribute };
	text_push(p, &b->scratch, TEXT_DETAIL, false);
}

void junit_item_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	text_pop(p);
	if (b->scratch.cut) {
		warn(p, WARN_ITEM, "an <item> of a property is too long and is left out");
	} else if (b->scratch.len > 0 && b->key != NULL) {
		/* White space in base64 is layout. */
		static const char prefix[] = "data:;base64,";
		char *url = arena_alloc(&b->arena, sizeof(prefix) + b->scratch.len);
		if (url != NULL) {
			size_t n = sizeof(prefix) - 1;
			memcpy(url, prefix, n);
			for (size_t i = 0; i < b->scratch.len; i++) {
				if (!text_blank(b->scratch.s + i, 1))
					url[n++] = b->scratch.s[i];
			}
			url[n] = '\0';
			build_evidence(p, url, b->key, 0);
		}
	}
	b->scratch = (struct slot){ 0 };
	b->key = NULL;
}

/* What a case holds that we do not know (PHPUnit's <warning>, a <description>): kept by its name, with its
 * message or its text. */
void junit_unknown_open(void *cookie, const char *element, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	const char *message = xml_attr(attrs, "message");
	b->key = NULL;
	if (message != NULL && *message != '\0')
		build_property(p, xml_local(element), message);
	else
		b->key = build_string(p, xml_local(element));
	b->scratch = (struct slot){ .max = p->limits.text };
	text_push(p, b->key != NULL ? &b->scratch : NULL, TEXT_DETAIL, false);
}

void junit_unknown_close(void *cookie)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	if (b == NULL || p->options->counts_only)
		return;
	if (b->key != NULL && text_blank(b->scratch.s, b->scratch.len))
		b->key = NULL;
	junit_property_close(cookie);
}
