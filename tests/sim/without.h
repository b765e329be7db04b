/* SPDX-License-Identifier: Apache-2.0
 *
 * without.h - a mechanism of delivery that is left out, to see which tests notice.
 *
 * The linker's --wrap leads the calls here (without.c), so the program itself knows nothing of it. */
#ifndef RD_TESTS_SIM_WITHOUT_H
#define RD_TESTS_SIM_WITHOUT_H

#include <stdbool.h>

enum without {
	WITHOUT_NOTHING,
	WITHOUT_LOOKS,    /* what is unknown is sent again without a look-up */
	WITHOUT_INTENT,   /* nothing is written down before a write leaves */
	WITHOUT_BOOKMARK, /* what was made over there is not remembered */
	WITHOUT_FRESH,    /* writes may leave on a connection that was used: libcurl may repeat them */
	WITHOUTS
};
extern enum without without;
bool without_set(const char *name); /* "looks", "intent", "bookmark", "fresh"; false: there is none */

#endif
