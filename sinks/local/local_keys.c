/* SPDX-License-Identifier: Apache-2.0
 *
 * local_keys.c - the keys of a sink of type local.  (design.md, section 3) */
#include "sinks/local/local.h"

#include <stddef.h>

const struct config_key local_keys[] = {
	{ "dir", CONFIG_PATH, offsetof(struct local_conf, dir), .required = true },
	{ "dir_mode", CONFIG_MODE, offsetof(struct local_conf, dir_mode), .def = "0755" },
	{ 0 },
};
