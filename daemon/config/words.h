/* SPDX-License-Identifier: Apache-2.0
 *
 * words.h - "did you mean", and quoting what a person wrote in what we tell them. */
#ifndef RD_CONFIG_WORDS_H
#define RD_CONFIG_WORDS_H

/* The best of the candidates offered so far. */
struct nearest {
	const char *word; /* what was written */
	const char *best; /* borrowed; NULL: nothing is near */
	unsigned distance;
};

#define NEAREST(w) ((struct nearest){ .word = (w) })
void nearest_offer(struct nearest *n, const char *candidate);
/* ` (did you mean "poll"?)`, or "".  Returns buf. */
#define NEAREST_SIZE 112
const char *nearest_hint(const struct nearest *n, char buf[NEAREST_SIZE]);

/* The text in double quotes, cut at 60 bytes, control characters replaced.  Returns buf. */
#define WORD_QUOTED_SIZE 80
const char *word_quoted(const char *s, char buf[WORD_QUOTED_SIZE]);

#endif
