/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_parse.c - what reading costs beside a bare pass of expat over the same bytes.
 *
 *     bench_parse bare FILE       expat with element and text callbacks that only count
 *     bench_parse counts FILE     report_read() for a summary
 *     bench_parse results FILE    report_read() with whole results
 *     bench_parse json FILE       the same, each result written as a line of JSON (and thrown away)
 *     bench_parse ratios FILE     all four in turn, three rounds, the fastest of each as ratios */
#include "daemon/base/clock.h"
#include "daemon/model/result_json.h"
#include "daemon/report.h"

#include <expat.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 3 };

static unsigned long long elements, characters, lines;

static void on_open(void *cookie, const char *name, const char **attrs)
{
	(void)cookie;
	(void)name;
	(void)attrs;
	elements++;
}

static void on_close(void *cookie, const char *name)
{
	(void)cookie;
	(void)name;
	elements++;
}

static void on_text(void *cookie, const char *s, int len)
{
	(void)cookie;
	(void)s;
	characters += (unsigned long long)len;
}

static int bare(int fd)
{
	XML_Parser p = XML_ParserCreate(NULL);
	ssize_t n;

	if (p == NULL)
		return -1;
	XML_SetElementHandler(p, on_open, on_close);
	XML_SetCharacterDataHandler(p, on_text);
	do {
		void *room = XML_GetBuffer(p, PARSER_ROOM);
		n = room != NULL ? read(fd, room, PARSER_ROOM) : -1;
	} while (n >= 0 && XML_ParseBuffer(p, (int)n, n == 0) == XML_STATUS_OK && n > 0);
	int rc = n == 0 && XML_GetErrorCode(p) == XML_ERROR_NONE ? 0 : -1;
	XML_ParserFree(p);
	return rc;
}

static int on_result(void *cookie, const struct result *r)
{
	struct buf *b = cookie;

	lines++;
	if (b == NULL)
		return 0;
	if (b->len > PARSER_ROOM)
		buf_reset(b);
	return result_json_write(b, r);
}

static int ours(int fd, const char *name, bool counts_only, bool json)
{
	struct parser_options options = { .now_ms = clock_wall_ms(),
					  .mtime_ms = TIME_UNKNOWN,
					  .counts_only = counts_only,
					  .redacted = parser_redacted_default };
	struct parser_events events = { .result = on_result };
	struct report_summary s;
	struct buf b = BUF_LIMIT((size_t)64 << 20);

	report_read(fd, name, &options, &events, json ? &b : NULL, &s);
	int rc = s.verdict == REPORT_OK ? 0 : -1;
	report_summary_done(&s);
	buf_done(&b);
	return rc;
}

static const char *const modes[] = { "bare", "counts", "results", "json" };
enum { MODES = 4 };

static int once(size_t mode, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(file);
		return -1;
	}
	int rc = mode == 0 ? bare(fd) : ours(fd, file, mode == 1, mode == 3);
	close(fd);
	if (rc < 0)
		fprintf(stderr, "%s: not read to its end\n", file);
	return rc;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ratios(const char *file)
{
	double best[MODES] = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t mode = 0; mode < MODES; mode++) {
			double start = cpu_seconds();
			if (once(mode, file) < 0)
				return 1;
			double took = cpu_seconds() - start;
			if (round == 0 || took < best[mode])
				best[mode] = took;
		}
	}
	for (size_t mode = 0; mode < MODES; mode++)
		printf("%-8s %7.3f s  %5.2f x\n", modes[mode], best[mode], best[mode] / best[0]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "ratios") == 0)
		return ratios(argv[2]);
	for (size_t mode = 0; argc == 3 && mode < MODES; mode++) {
		if (strcmp(argv[1], modes[mode]) == 0)
			return once(mode, argv[2]) < 0;
	}
	fprintf(stderr, "usage: bench_parse bare|counts|results|json|ratios FILE\n");
	return 2;
}
