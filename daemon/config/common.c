/* SPDX-License-Identifier: Apache-2.0
 *
 * common.c - the rows behind SINK_COMMON_KEYS and SINK_EVIDENCE_KEYS. */
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

#define AT(member) offsetof(struct sink_evidence, member)

static const char *const of_words[] = { "failed", "all", "none", NULL };

const struct config_key config_evidence_keys[] = {
	{ "results", CONFIG_ENUM, AT(results), .def = "failed", .words = of_words },
	{ "max_size", CONFIG_SIZE, AT(max_size), .min = 1, .max = INT64_C(1) << 40, .def = "50MiB" },
	{ "max_files", CONFIG_INT, AT(max_files), .min = 1, .max = 100000, .def = "20" },
	{ "types", CONFIG_STRINGS, AT(types), .def = NULL },
	{ "report", CONFIG_BOOL, AT(report), .def = "false" },
	{ 0 },
};
