/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_config.c - any bytes as a configuration: read without touching the environment or other files, and,
 * where they are taken, printed and read again, which must give the same. */
#include "daemon/config/config.h"

#include "tests/unit/config/sample.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config *parsed(const char *text, size_t len, struct config_faults *faults)
{
	struct config *c = NULL;
	int rc =
		config_parse(text, len, "fuzz.yaml", "/state", sample_types, SAMPLE_TYPES, false, &c, faults);

	if ((rc == 0) != (c != NULL) || (rc == 0) != (faults->count == 0) || faults->count > 100)
		abort();
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_LIMIT(64u << 20), twice = BUF_LIMIT(64u << 20);
	struct config_faults faults = { 0 };
	/* a copy of its own size, so that a read past the end is seen */
	char *text = malloc(size > 0 ? size : 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	struct config *a = parsed(text, size, &faults), *b = NULL;
	free(text);
	for (size_t i = 0; i < faults.count; i++) {
		char line[2048];
		if (faults.item[i].code == 0 || *err_string(&faults.item[i], line, sizeof(line)) == '\0')
			abort();
		if (i > 0 && faults.item[i].line < faults.item[i - 1].line)
			abort();
	}
	config_faults_done(&faults);
	/* What was printed can pass the 1 MiB that is read; nothing else may keep it from being taken. */
	if (a != NULL && config_print(a, &once) == 0 && once.len <= (1u << 20)) {
		b = parsed(once.data, once.len, &faults);
		if (b == NULL || config_print(b, &twice) < 0 || strcmp(once.data, twice.data) != 0) {
			fprintf(stderr, "%s\n",
				faults.count > 0 ? faults.item[0].text : "printed twice, differs");
			abort();
		}
		config_redacted(a, once.data);
	}
	config_faults_done(&faults);
	config_free(a);
	config_free(b);
	buf_done(&once);
	buf_done(&twice);
	return 0;
}
