/* SPDX-License-Identifier: Apache-2.0
 *
 * common.c - the rows behind SINK_COMMON_KEYS. */
#include "daemon/config/common.h"

const char *const config_on_unknown_words[] = { "resend", "hold", NULL };

const struct config_key config_tls_keys[] = {
	{ "ca_file", CONFIG_PATH, offsetof(struct sink_common, ca_file), .def = NULL },
	{ "cert_file", CONFIG_PATH, offsetof(struct sink_common, cert_file), .def = NULL },
	{ "key_file", CONFIG_PATH, offsetof(struct sink_common, key_file), .def = NULL },
	{ "verify", CONFIG_BOOL, offsetof(struct sink_common, verify), .def = "true" },
	{ "plain", CONFIG_BOOL, offsetof(struct sink_common, plain), .def = "false" },
	{ 0 },
};
