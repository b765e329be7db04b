/* SPDX-License-Identifier: Apache-2.0
 *
 * words.c - edit distance with transpositions, over words short enough for a table on the stack. */
#include "daemon/config/words.h"

#include "daemon/base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 48 };

static char folded(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '-' ? '_' : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][WORD_MAX + 1]; /* the last three, in turn */

	for (unsigned j = 0; j <= b_len; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *now = row[i % 3], *above = row[(i + 2) % 3], *twice = row[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			bool same = folded(a[i - 1]) == folded(b[j - 1]);
			now[j] = least(above[j - 1] + (same ? 0 : 1), least(above[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
			    folded(a[i - 2]) == folded(b[j - 1]))
				now[j] = least(now[j], twice[j - 2] + 1);
		}
	}
	return row[a_len % 3][b_len];
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	size_t word_len = strlen(n->word), len = strlen(candidate);

	if (word_len == 0 || word_len > WORD_MAX || len == 0 || len > WORD_MAX)
		return;
	unsigned d = distance(n->word, word_len, candidate, len),
		 allowed = least(3, 1 + (unsigned)word_len / 4);
	size_t shorter = word_len < len ? word_len : len;
	/* "poll" for "poll_interval": a beginning is as good as a slip or two. */
	if (d > allowed && shorter >= 3 && strncmp(n->word, candidate, shorter) == 0)
		d = allowed;
	if (d > allowed || d >= shorter + 1 || (n->best != NULL && d >= n->distance))
		return;
	if (d == shorter && shorter <= 2) /* nothing in common */
		return;
	n->best = candidate;
	n->distance = d;
}

const char *nearest_hint(const struct nearest *n, char buf[NEAREST_SIZE])
{
	buf[0] = '\0';
	if (n->best != NULL)
		snprintf(buf, NEAREST_SIZE, " (did you mean \"%s\"?)", n->best);
	return buf;
}

const char *word_quoted(const char *s, char buf[WORD_QUOTED_SIZE])
{
	size_t len = strlen(s), cut = utf8_cut(s, len, 60);
	size_t n = 0;

	buf[n++] = '"';
	for (size_t i = 0; i < cut; i++)
		buf[n++] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	snprintf(buf + n, WORD_QUOTED_SIZE - n, "%s", cut < len ? "...\"" : "\"");
	return buf;
}
