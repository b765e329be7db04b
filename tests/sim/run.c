/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - `run --seeds N [--from S] [--jobs J]`: N worlds; says which seed failed, and how.
 *         `run --seed S --trace`: that one again, every step told.
 *         `run --without looks|intent|bookmark|fresh`: with a part of the program left out, it must fail. */
#include "tests/sim/without.h"
#include "tests/sim/world.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64 };

struct totals {
	uint64_t seeds, failures, requests, faults, crashes;
};

struct task {
	uint64_t from, count, step; /* seeds from, from + step, ... below from + count */
	bool trace, keep_going;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run_task(const struct task *t, struct totals *sum)
{
	struct world *w = xcalloc(1, sizeof(*w));

	for (uint64_t i = 0; i < t->count; i += t->step) {
		bool good = world_run(w, t->from + i, t->trace);
		sum->seeds++;
		sum->requests += w->requests;
		sum->faults += w->faults;
		sum->crashes += w->crashes;
		if (good)
			continue;
		sum->failures++;
		printf("seed %" PRIu64 ": %s: %s\n", t->from + i, w->property, w->failed);
		if (!t->keep_going)
			break;
	}
	free(w);
}

static void add(struct totals *sum, const struct totals *t)
{
	sum->seeds += t->seeds;
	sum->failures += t->failures;
	sum->requests += t->requests;
	sum->faults += t->faults;
	sum->crashes += t->crashes;
}

/* Each in a process of its own: the clock that a world replaces is the process's. */
static bool run_jobs(const struct task *whole, unsigned jobs, struct totals *sum)
{
	int result[JOBS_MAX];
	pid_t child[JOBS_MAX];
	bool good = true;

	for (unsigned i = 0; i < jobs; i++) {
		struct task t = *whole;
		struct totals mine = { 0 };
		int ends[2];
		t.from += i;
		t.count = whole->count > i ? whole->count - i : 0;
		t.step = jobs;
		if (pipe(ends) < 0 || (child[i] = fork()) < 0) {
			perror("run");
			exit(70);
		}
		if (child[i] == 0) {
			close(ends[0]);
			run_task(&t, &mine);
			exit(write(ends[1], &mine, sizeof(mine)) == (ssize_t)sizeof(mine) ? 0 : 70);
		}
		close(ends[1]);
		result[i] = ends[0];
	}
	for (unsigned i = 0; i < jobs; i++) {
		struct totals t = { 0 };
		int status = 0;
		good = read(result[i], &t, sizeof(t)) == (ssize_t)sizeof(t) && good;
		close(result[i]);
		good = waitpid(child[i], &status, 0) == child[i] && status == 0 && good;
		add(sum, &t);
	}
	return good;
}

static int usage(void)
{
	fputs("usage: run [--seeds N] [--from S] [--jobs J] [--seed S] [--trace] [--keep-going]"
	      " [--without looks|intent|bookmark|fresh]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct task t = { .from = 1, .count = 200, .step = 1 };
	struct totals sum = { 0 };
	unsigned long jobs = 1;
	bool good = true;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		bool known = true;
		if (strcmp(argv[i], "--trace") == 0) {
			t.trace = true;
			continue;
		}
		if (strcmp(argv[i], "--keep-going") == 0) {
			t.keep_going = true;
			continue;
		}
		if (strcmp(argv[i], "--seeds") == 0)
			t.count = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			t.from = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			t.from = strtoull(value, NULL, 10), t.count = 1;
		else if (strcmp(argv[i], "--jobs") == 0)
			jobs = strtoul(value, NULL, 10);
		else if (strcmp(argv[i], "--without") == 0)
			known = without_set(value);
		else
			known = false;
		if (!known || jobs < 1 || jobs > JOBS_MAX)
			return usage();
		i++;
	}
	log_setup(t.trace ? LOG_LEVEL_DEBUG : LOG_LEVEL_NONE, LOG_FORMAT_TEXT);
	setvbuf(stdout, NULL, _IOLBF, 0);
	double began = seconds();
	if (jobs == 1)
		run_task(&t, &sum);
	else
		good = run_jobs(&t, (unsigned)jobs, &sum);
	double took = seconds() - began;
	printf("%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " requests, %" PRIu64 " faults, %" PRIu64
	       " crashes; %.0f seeds a minute\n",
	       sum.seeds, sum.failures, sum.requests, sum.faults, sum.crashes,
	       took > 0 ? (double)sum.seeds / took * 60 : 0.0);
	return !good || sum.failures > 0;
}
