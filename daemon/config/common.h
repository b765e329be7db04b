/* SPDX-License-Identifier: Apache-2.0
 *
 * common.h - keys that every tracker sink has, under one name each.  A sink's struct begins with a
 * struct sink_common and its table with SINK_COMMON_KEYS. */
#ifndef RD_CONFIG_COMMON_H
#define RD_CONFIG_COMMON_H

#include "daemon/config/keys.h"

/* Which files go with the results.  A sink that takes some adds SINK_EVIDENCE_KEYS to its table. */
struct sink_evidence {
	int results; /* index into failed | all | none, as enum evidence_of */
	int64_t max_size, max_files;
	struct config_strings types;
	bool report;
};

struct sink_common {
	double rate; /* requests a minute that the server allows */
	int64_t linger_ms;
	int on_unknown; /* enum on_unknown */
	char *ca_file, *cert_file, *key_file, *proxy;
	bool verify, plain;
	bool defects; /* its results are told what the section `defects` makes of failures */
	struct sink_evidence evidence;
};
enum on_unknown { ON_UNKNOWN_RESEND, ON_UNKNOWN_HOLD };

extern const struct config_key config_tls_keys[], config_evidence_keys[];
extern const char *const config_on_unknown_words[];

/* Whether a sink may talk to this URL: http or https, a host, no user, password, query or fragment; http
 * to loopback addresses only, unless plain.  The message does not quote the URL.  For check() of sinks;
 * the form alone is checked wherever a row is a CONFIG_URL. */
int config_url_check(const char *url, bool plain, struct err *err);

/* rate_def: "180/min".  NOLINTBEGIN(bugprone-macro-parentheses): types cannot stand in parentheses. */
/* clang-format off */
#define SINK_COMMON_KEYS(type, member, rate_def) \
	{ "rate", CONFIG_RATE, offsetof(type, member.rate), .def = rate_def }, \
	{ "linger", CONFIG_DURATION, offsetof(type, member.linger_ms), .max = 86400000, .def = "30s" }, \
	{ "on_unknown", CONFIG_ENUM, offsetof(type, member.on_unknown), .def = "resend", \
	  .words = config_on_unknown_words }, \
	{ "proxy", CONFIG_URL, .offset = offsetof(type, member.proxy) }, \
	{ "tls", CONFIG_STRUCT, offsetof(type, member), .keys = config_tls_keys }
/* Of a sink that tells defects to its results (struct sink_links). */
#define SINK_DEFECTS_KEY(type, member) \
	{ "defects", CONFIG_BOOL, offsetof(type, member.defects), .def = "true" }
#define SINK_EVIDENCE_KEYS(type, member) \
	{ "evidence", CONFIG_STRUCT, offsetof(type, member.evidence), .keys = config_evidence_keys }
/* clang-format on */
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
