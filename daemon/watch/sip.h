/* SPDX-License-Identifier: Apache-2.0
 *
 * sip.h - SipHash-2-4: a short hash that whoever chooses the names of files cannot aim at.  Any thread. */
#ifndef RD_WATCH_SIP_H
#define RD_WATCH_SIP_H

#include <stddef.h>
#include <stdint.h>

struct sip_key {
	uint64_t k0, k1;
};

struct sip_key sip_random_key(void);
uint64_t sip_hash(struct sip_key key, const void *data, size_t len);

#endif
