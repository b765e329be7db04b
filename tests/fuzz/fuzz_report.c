/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_report.c - any bytes as a report, through all of what intake does with them: gzip, repair, both
 * dialects, limits, the spill of long texts, and the line of JSON that is kept.
 *
 * The first byte chooses options, so that small limits are met as often as the defaults. */
#include "daemon/base/clock.h"
#include "daemon/base/utf8.h"
#include "daemon/model/result_json.h"
#include "daemon/intake/report.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t results;
	bool spilling, counts_only;
	struct buf line;
	struct arena arena;
};

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static int on_result(void *cookie, const struct result *r)
{
	struct seen *s = cookie;
	struct result again;

	must(!s->spilling, "a result comes only after the end of its texts");
	s->results++;
	if (s->counts_only)
		return 0;
	buf_reset(&s->line);
	must(result_json_write(&s->line, r) == 0, "a result can be written");
	must(utf8_valid(s->line.data, s->line.len), "what is written is UTF-8");
	must(result_json_read(s->line.data, s->line.len, &s->arena, &again, NULL) == 0,
	     "it can be read again");
	must(again.outcome == r->outcome && again.attempt_count == r->attempt_count &&
		     again.property_count == r->property_count && again.evidence_count == r->evidence_count,
	     "nothing is lost");
	arena_reset(&s->arena);
	return 0;
}

static void on_restart(void *cookie)
{
	struct seen *s = cookie;

	s->results = 0;
	s->spilling = false;
}

static int on_begin(void *cookie, enum text_kind kind)
{
	struct seen *s = cookie;

	(void)kind;
	must(!s->spilling, "texts do not nest");
	s->spilling = true;
	return 0;
}

static int on_chunk(void *cookie, const char *data, size_t len)
{
	struct seen *s = cookie;

	must(s->spilling, "a piece belongs to a text");
	must(data != NULL || len == 0, "a piece is there");
	return 0;
}

static int on_end(void *cookie)
{
	struct seen *s = cookie;

	must(s->spilling, "only what began can end");
	s->spilling = false;
	return 0;
}

static void on_property(void *cookie, const char *key, const char *value)
{
	(void)cookie;
	must(key != NULL && value != NULL, "a property has both parts");
}

static void on_evidence(void *cookie, const char *path)
{
	(void)cookie;
	must(path != NULL && path[0] != '\0', "a file has a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct parser_events events = { on_result, on_restart,  on_begin,   on_chunk,
						     on_end,    on_property, on_evidence };
	static int fd = -1;
	struct report_summary out;

	if (size < 1)
		return 0;
	if (fd < 0)
		fd = memfd_create("report", MFD_CLOEXEC);
	uint8_t choice = data[0];
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    write(fd, data + 1, size - 1) != (ssize_t)(size - 1) || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	struct parser_options options = {
		.now_ms = INT64_C(1790000000000),
		.redacted = parser_redacted_default,
		.counts_only = (choice & 1) != 0,
	};
	if ((choice & 2) != 0)
		options.limits = (struct parser_limits){ .report = 1 << 20,
							 .text = 40,
							 .depth = 3,
							 .attributes = 3,
							 .attribute = 64,
							 .cases = 20,
							 .gzip_ratio = 10 };
	if ((choice & 4) != 0)
		options.timezone = "+05:30";
	struct seen seen = { .line = BUF_LIMIT((size_t)1 << 30),
			     .arena = ARENA_LIMIT((size_t)1 << 30),
			     .counts_only = options.counts_only };
	report_read(fd, "report.xml", &options, &events, &seen, &out);
	must(out.cases == out.passed + out.failed + out.error + out.skipped, "every case has one outcome");
	must(out.cases == seen.results, "every case was given");
	must(out.complete == (out.verdict == REPORT_OK), "complete is what was read to its end");
	must(!out.early || !out.complete, "what ended early is not complete");
	must(out.verdict == REPORT_OK || out.err.text[0] != '\0', "what is not read is explained");
	report_summary_done(&out);
	buf_done(&seen.line);
	arena_done(&seen.arena);
	return 0;
}
