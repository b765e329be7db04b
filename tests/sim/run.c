/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - `run --seeds N [--from S]`: N worlds, one after the other; says which seed failed, and how.
 *         `run --seed S --trace`: that one again, every step told.
 *         `run --without looks|intent|bookmark|fresh`: with a part of the program left out, it must fail. */
#include "tests/sim/without.h"
#include "tests/sim/world.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the command ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(void)
{
	fputs("usage: run [--seeds N] [--from S] [--seed S] [--trace] [--keep-going]"
	      " [--without looks|intent|bookmark|fresh]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t from = 1, count = 200, failures = 0, requests = 0, faults = 0, crashes = 0;
	bool trace = false, keep_going = false;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		bool known = true;
		if (strcmp(argv[i], "--trace") == 0) {
			trace = true;
			continue;
		}
		if (strcmp(argv[i], "--keep-going") == 0) {
			keep_going = true;
			continue;
		}
		if (strcmp(argv[i], "--seeds") == 0)
			count = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			from = strtoull(value, NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			from = strtoull(value, NULL, 10), count = 1;
		else if (strcmp(argv[i], "--without") == 0)
			known = without_set(value);
		else
			known = false;
		if (!known)
			return usage();
		i++;
	}
	log_setup(trace ? LOG_LEVEL_DEBUG : LOG_LEVEL_NONE, LOG_FORMAT_TEXT);
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct world *w = xcalloc(1, sizeof(*w));
	double began = seconds();
	uint64_t done = 0;
	for (; done < count; done++) {
		bool good = world_run(w, from + done, trace);
		requests += w->requests;
		faults += w->faults;
		crashes += w->crashes;
		if (good)
			continue;
		failures++;
		printf("seed %" PRIu64 ": %s: %s\n", from + done, w->property, w->failed);
		if (!keep_going) {
			done++;
			break;
		}
	}
	double took = seconds() - began;
	printf("%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " requests, %" PRIu64 " faults, %" PRIu64
	       " crashes; %.0f seeds a minute\n",
	       done, failures, requests, faults, crashes, took > 0 ? (double)done / took * 60 : 0.0);
	free(w);
	return failures > 0;
}
