/* SPDX-License-Identifier: Apache-2.0
 *
 * values.h - how numbers with units are written in the configuration: 30s, 64KiB, 180/min, 0755.
 *
 * Reading returns 0, -EINVAL where the text is something else, -ERANGE where the number is too large.
 * Printing gives a text that reads as the same value, in the largest unit that needs no fraction. */
#ifndef RD_CONFIG_VALUES_H
#define RD_CONFIG_VALUES_H

#include "daemon/base/buf.h"
#include "daemon/config/keys.h"

#include <stdint.h>

int value_int(const char *s, int64_t *out);
int value_duration(const char *s, int64_t *ms);
int value_size(const char *s, int64_t *bytes);
int value_rate(const char *s, double *per_minute);
int value_mode(const char *s, int64_t *mode);

void value_print_duration(struct buf *b, int64_t ms);
void value_print_size(struct buf *b, int64_t bytes);
void value_print_rate(struct buf *b, double per_minute);
void value_print_mode(struct buf *b, int64_t mode);
/* Any of those that are an int64_t, by the type of its row. */
void value_print(struct buf *b, enum config_type type, int64_t n);

#endif
