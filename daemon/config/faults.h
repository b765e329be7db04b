/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.h - the list of what is wrong with a configuration, in the order of the file.
 *
 * At most FAULTS_MAX are kept: those that come first in the file, whichever was found first. */
#ifndef RD_CONFIG_FAULTS_H
#define RD_CONFIG_FAULTS_H

#include "daemon/base/err.h"

enum { FAULTS_MAX = 100 };

struct config_faults {
	struct err *item;
	size_t count;
};

void config_fault(struct config_faults *f, const char *file, unsigned line, unsigned column, const char *fmt,
		  ...) __attribute__((format(printf, 5, 6)));
void config_fault_take(struct config_faults *f, const struct err *err);
void config_faults_done(struct config_faults *f);

#endif
