/* SPDX-License-Identifier: Apache-2.0
 *
 * result.c - what follows from a result: its verdict and its identity. */
#include "daemon/model/result.h"

#include "daemon/base/buf.h"
#include "daemon/base/digest.h"

#include <string.h>
#include <strings.h>

enum verdict result_verdict(const struct result *r)
{
	if (r->known_failure)
		return VERDICT_KNOWN_FAILURE;
	switch (r->outcome) {
	case OUTCOME_PASSED:
		return r->flaky ? VERDICT_FLAKY : VERDICT_PASSED;
	case OUTCOME_SKIPPED:
		return VERDICT_SKIPPED;
	case OUTCOME_FAILED:
		return VERDICT_FAILED;
	case OUTCOME_ERROR:
		return VERDICT_ERROR;
	}
	return VERDICT_ERROR;
}

bool result_retried(const struct result *r)
{
	if (r->outcome != OUTCOME_SKIPPED)
		return false;
	for (size_t i = 0; i < r->property_count; i++) {
		const struct property *p = &r->properties[i];
		if (strcmp(p->key, "retried") == 0 && p->value != NULL && strcasecmp(p->value, "true") == 0)
			return true;
	}
	return false;
}

double result_duration_ms(const struct result *r)
{
	return r->duration_ms;
}

/* Every part is written with its length, so that no two tests share one encoding. */
static void add(struct buf *b, const char *s)
{
	uint64_t n = s != NULL ? strlen(s) : 0;

	buf_append(b, &n, sizeof(n));
	if (n > 0)
		buf_append(b, s, n);
}

void result_identity(const struct result *r, struct digest *scratch, uint8_t out[IDENTITY_SIZE])
{
	struct buf b = BUF_LIMIT(SIZE_MAX / 4);
	uint8_t sum[DIGEST_SIZE];
	uint64_t n = r->suite_count;

	/* One update is cheaper than a dozen: a million tests come through here. */
	add(&b, r->variant);
	buf_append(&b, &n, sizeof(n));
	for (size_t i = 0; i < r->suite_count; i++)
		add(&b, r->suite[i]);
	add(&b, r->class_name);
	add(&b, r->name);
	for (size_t i = 0; i < r->param_count; i++)
		add(&b, r->params[i]);
	digest_reset(scratch);
	digest_add(scratch, b.data, b.len);
	digest_get(scratch, sum);
	memcpy(out, sum, IDENTITY_SIZE);
	buf_done(&b);
}

bool result_names_step(const char *property)
{
	const char *status = property + 4;

	if (strncmp(property, "testrail_result_step", 20) == 0)
		return true;
	if (strncasecmp(property, "step", 4) != 0)
		return false;
	const char *end = *status == '[' ? strchr(status, ']') : NULL;
	return *status == '\0' || (end != NULL && end[1] == '\0');
}
