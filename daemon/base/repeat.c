/* SPDX-License-Identifier: Apache-2.0
 *
 * repeat.c - see repeat.h. */
#include "daemon/base/repeat.h"

#include <stdio.h>
#include <string.h>

static uint64_t mix(uint64_t hash, unsigned char c)
{
	return (hash ^ c) * 1099511628211u; /* FNV-1a */
}

static bool before_number(char c)
{
	return c == ' ' || c == '(' || c == '=';
}

static bool after_number(char c)
{
	return c == '\0' || c == ' ' || c == ')' || c == ',' || c == ';' || c == ':';
}

/* Length of the number that stands alone here, 0: none does. */
static size_t number_at(const char *text, size_t at)
{
	size_t len = strspn(text + at, "0123456789");

	return len > 0 && at > 0 && before_number(text[at - 1]) && after_number(text[at + len]) ? len : 0;
}

static uint64_t mix_number(uint64_t hash, int64_t n)
{
	for (unsigned i = 0; i < 64; i += 8)
		hash = mix(hash, (unsigned char)((uint64_t)n >> i));
	return hash;
}

static uint64_t key_of(enum log_level level, const struct log_ctx *ctx, const char *text)
{
	uint64_t hash = mix(14695981039346656037u, (unsigned char)level);

	if (ctx != NULL) {
		for (const char *c = ctx->who != NULL ? ctx->who : ""; *c != '\0'; c++)
			hash = mix(hash, (unsigned char)*c);
		hash = mix_number(mix_number(hash, ctx->run), ctx->delivery);
	}
	hash = mix(hash, 0);
	for (size_t i = 0; text[i] != '\0';) {
		size_t number = number_at(text, i);
		hash = mix(hash, number > 0 ? '#' : (unsigned char)text[i]);
		i += number > 0 ? number : 1;
	}
	return hash != 0 ? hash : 1;
}

static void end(struct repeat_line *l, int64_t now_ms, repeat_tell_fn *tell, void *cookie)
{
	if (l->key != 0 && l->swallowed > 0)
		tell(cookie, l, now_ms - l->since_ms);
	l->key = 0;
}

void repeat_tell(struct repeats *r, int64_t now_ms, bool all, repeat_tell_fn *tell, void *cookie)
{
	for (size_t i = 0; i < REPEAT_LINES; i++) {
		struct repeat_line *l = &r->line[i];
		if (l->key != 0 && (all || now_ms - l->since_ms >= REPEAT_PERIOD_MS))
			end(l, now_ms, tell, cookie);
	}
}

bool repeat_wants(struct repeats *r, int64_t now_ms, enum log_level level, const struct log_ctx *ctx,
		  const char *text, repeat_tell_fn *tell, void *cookie)
{
	uint64_t key = key_of(level, ctx, text);
	struct repeat_line *place = &r->line[0];

	repeat_tell(r, now_ms, false, tell, cookie);
	for (size_t i = 0; i < REPEAT_LINES; i++) {
		struct repeat_line *l = &r->line[i];
		if (l->key == key) {
			if (l->said < REPEAT_SAID) {
				l->said++;
				return true;
			}
			l->swallowed++;
			r->swallowed++;
			(void)snprintf(l->text, sizeof(l->text), "%s", text);
			return false;
		}
		if (place->key != 0 && (l->key == 0 || l->since_ms < place->since_ms))
			place = l;
	}
	end(place, now_ms, tell, cookie);
	*place = (struct repeat_line){ .key = key, .since_ms = now_ms, .said = 1, .level = level };
	if (ctx != NULL) {
		place->run = ctx->run;
		place->delivery = ctx->delivery;
		(void)snprintf(place->who, sizeof(place->who), "%s", ctx->who != NULL ? ctx->who : "");
	}
	return true;
}
