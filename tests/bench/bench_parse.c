/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_parse.c - what reading costs beside a bare pass of expat over the same bytes.
 *
 *     bench_parse bare FILE       expat with element and text callbacks that only count
 *     bench_parse counts FILE     report_read() for a summary
 *     bench_parse results FILE    report_read() with whole results
 *     bench_parse json FILE       the same, each result written as a line of JSON (and thrown away)
 *     bench_parse ratios FILE     all four in turn, three rounds, the fastest of each as ratios
 *     bench_parse many DIR        whole results of every file in DIR, by one thread and by two, against the same
 *                                 bytes in one file (`gen_report CASES DIR` makes such a folder) */
#include "daemon/base/clock.h"
#include "daemon/model/result_json.h"
#include "daemon/intake/report.h"

#include <dirent.h>
#include <expat.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 3 };

static unsigned long long elements, characters;
static _Atomic unsigned long long lines;

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

/* ---- many files ---- */

struct share {
	char **path;
	size_t count, first, step;
	int rc;
};

static void *read_share(void *cookie)
{
	struct share *s = cookie;

	for (size_t i = s->first; i < s->count && s->rc == 0; i += s->step)
		s->rc = once(2, s->path[i]);
	return NULL;
}

static double wall_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double read_all(char **path, size_t count, size_t threads)
{
	pthread_t thread[2];
	struct share share[2];
	double start = wall_seconds();

	for (size_t i = 0; i < threads; i++) {
		share[i] = (struct share){ path, count, i, threads, 0 };
		if (pthread_create(&thread[i], NULL, read_share, &share[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return wall_seconds() - start;
}

/* Several documents in one file are one report to us. */
static char *joined(char **path, size_t count)
{
	static char name[] = "/tmp/bench-parse-XXXXXX";
	char piece[65536];
	int out = mkstemp(name);

	if (out < 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		int in = open(path[i], O_RDONLY | O_CLOEXEC);
		ssize_t n;
		while (in >= 0 && (n = read(in, piece, sizeof(piece))) > 0) {
			if (write(out, piece, (size_t)n) != n)
				abort();
		}
		if (in >= 0)
			close(in);
	}
	close(out);
	return name;
}

static int many(const char *folder)
{
	DIR *dir = opendir(folder);
	char **path = NULL;
	size_t count = 0;

	if (dir == NULL) {
		perror(folder);
		return 1;
	}
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char full[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(full, sizeof(full), "%s/%s", folder, e->d_name);
		path = realloc(path, (count + 1) * sizeof(*path));
		if (path == NULL || (path[count++] = strdup(full)) == NULL)
			abort();
	}
	closedir(dir);
	char *whole = joined(path, count);
	if (whole == NULL || count == 0)
		return 1;
	double best[3] = { 0 };
	for (int round = 0; round < ROUNDS; round++) {
		double took[3] = { read_all(&whole, 1, 1), read_all(path, count, 1),
				   read_all(path, count, 2) };
		for (int i = 0; i < 3; i++) {
			if (round == 0 || took[i] < best[i])
				best[i] = took[i];
		}
	}
	unlink(whole);
	static const char *const names[] = { "one file", "files, one thread", "files, two threads" };
	printf("%zu files\n", count);
	for (int i = 0; i < 3; i++)
		printf("%-20s %7.3f s  %5.2f x\n", names[i], best[i], best[i] / best[0]);
	for (size_t i = 0; i < count; i++)
		free(path[i]);
	free(path);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "many") == 0)
		return many(argv[2]);
	if (argc == 3 && strcmp(argv[1], "ratios") == 0)
		return ratios(argv[2]);
	for (size_t mode = 0; argc == 3 && mode < MODES; mode++) {
		if (strcmp(argv[1], modes[mode]) == 0)
			return once(mode, argv[2]) < 0;
	}
	fprintf(stderr,
		"usage: bench_parse bare|counts|results|json|ratios FILE\n       bench_parse many DIR\n");
	return 2;
}
