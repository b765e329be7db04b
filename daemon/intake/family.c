/* SPDX-License-Identifier: Apache-2.0
 *
 * family.c - which reports of a tree tell the same results twice.
 *
 * Reports are compared as bags of their cases (bag.h).  What one TestNG run wrote in several forms agrees loosely
 * only, so those files must also be of about the same time; a merged file is an exact copy of its parts. */
#include "daemon/intake/family.h"

#include "daemon/base/mem.h"
#include "daemon/intake/bag.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CASES_MAX = 1000000,       /* of all files that are compared with each other; above: all are taken */
	APART_MS = 10 * 60 * 1000, /* between two reports of one TestNG run */
	LOOK = 1024,               /* bytes in which a reporter's signature stands */
};

/* What a file is in its TestNG family; the lower one is preferred. */
enum rank { RANK_RESULTS, RANK_RUNNER, RANK_JUNITREPORTS, RANK_TEST, RANK_NONE };

/* TestNG's reporters sign what they write. */
static bool signed_by_testng(const char *path)
{
	char text[LOOK + 1];
	struct stat st;
	int fd = bag_open(path, &st);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, LOOK);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return memmem(text, (size_t)n, "org.testng.reporters", strlen("org.testng.reporters")) != NULL;
}

/* ---- names ---- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xstrndup(path, slash != NULL ? (size_t)(slash - path) : 0);
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_results(const char *base)
{
	return strcmp(base, "testng-results.xml") == 0 || strcmp(base, "testng-results.xml.gz") == 0;
}

/* Whether the name has the word; alone: not as a part of another one. */
static bool has_word(const char *base, const char *word, bool alone)
{
	const size_t n = strlen(word);

	for (const char *s = base; (s = strcasestr(s, word)) != NULL; s += n) {
		if (!alone ||
		    ((s == base || !isalnum((unsigned char)s[-1])) && !isalnum((unsigned char)s[n])))
			return true;
	}
	return false;
}

/* A name that says of itself that others are in it.  TEST-com.acme.AggregateRootTest.xml is that of a class. */
static bool is_aggregate(const char *base)
{
	static const char *const word[] = { "merged", "combined", "aggregate", "aggregated" };
	bool alone = has_prefix(base, "TEST-");

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		if (has_word(base, word[i], alone))
			return true;
	}
	return strcasestr(base, "tests-testsuites.") != NULL;
}

static bool in_junitreports(const char *path)
{
	char *dir = dir_of(path);
	bool yes = strcmp(base_of(dir), "junitreports") == 0;

	free(dir);
	return yes;
}

bool family_telling(const char *path)
{
	const char *base = base_of(path);

	return is_results(base) || is_aggregate(base) || in_junitreports(path);
}

/* Where Gradle puts its own reports of the task whose TestNG output lies in dir:
 * build/reports/tests/TASK -> build/test-results/TASK; Surefire's: the folder above.  NULL: nowhere else. */
static char *runner_dir(const char *dir)
{
	const char *base = base_of(dir);

	if (strcmp(base, "testng-native-results") == 0)
		return dir_of(dir);
	if (base - dir < (ptrdiff_t)strlen("/reports/tests/"))
		return NULL;
	const char *mid = base - strlen("/reports/tests/");
	if (!has_prefix(mid, "/reports/tests/"))
		return NULL;
	return xasprintf("%.*s/test-results/%s", (int)(mid - dir), dir, base);
}

static enum rank rank_of(const char *path, const char *head, const char *runner)
{
	size_t n = strlen(head);
	const char *base = base_of(path);
	char *dir = dir_of(path);
	enum rank rank = RANK_NONE;

	if (strcmp(dir, head) == 0) {
		if (is_results(base))
			rank = RANK_RESULTS;
		else if (has_prefix(base, "TEST-"))
			rank = RANK_RUNNER;
	} else if (runner != NULL && strcmp(dir, runner) == 0) {
		if (has_prefix(base, "TEST-"))
			rank = RANK_RUNNER;
	} else if (has_prefix(dir, head) && dir[n] == '/' && strchr(dir + n + 1, '/') == NULL) {
		rank = strcmp(dir + n + 1, "junitreports") == 0 ? RANK_JUNITREPORTS : RANK_TEST;
	}
	free(dir);
	return rank;
}

/* ---- the tree ---- */

struct tree {
	struct family_file **file; /* by path */
	size_t count;
};

static int by_path(const void *a, const void *b)
{
	const struct family_file *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

/* The files beneath dir ("" is the working directory's parent of all): [*from, return). */
static size_t beneath(const struct tree *t, const char *dir, size_t *from)
{
	char *prefix = xasprintf("%s/", dir);
	size_t n = strlen(prefix), low = 0, high = t->count;

	if (dir[0] == '\0') {
		*from = 0;
		free(prefix);
		return t->count;
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(t->file[mid]->path, prefix) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*from = low;
	while (low < t->count && strncmp(t->file[low]->path, prefix, n) == 0)
		low++;
	free(prefix);
	return low;
}

static bool same_run(const struct family_file *a, const struct family_file *b)
{
	if (a->run == NULL || b->run == NULL)
		return a->run == b->run;
	return strcmp(a->run, b->run) == 0;
}

static void leave_out(struct family_file *f, char *why)
{
	f->out = true;
	f->why = why;
}

/* ---- TestNG ---- */

struct member {
	struct family_file *file;
	enum rank rank;
	int64_t mtime_ms;
	struct bag bag;
	bool usable;
};

struct group {
	struct member *member;
	size_t count;
	size_t cases;
	const char *head;
};

static void group_add(struct group *g, struct family_file *f, enum rank rank)
{
	struct stat st;

	if (f->out || rank == RANK_NONE || stat(f->path, &st) < 0)
		return;
	if (rank == RANK_TEST && !signed_by_testng(f->path))
		return;
	g->member = xrealloc(g->member, g->count + 1, sizeof(*g->member));
	g->member[g->count++] = (struct member){
		.file = f,
		.rank = rank,
		.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000,
	};
}

static void group_read(struct group *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct member *m = &g->member[i];
		/* TestNG's JUnit files show disabled tests as skipped, testng-results.xml does not show them. */
		bool own = m->rank >= RANK_JUNITREPORTS;
		size_t room = CASES_MAX - g->cases;
		m->usable = bag_read(m->file->path, own ? BAG_LOOSE_NO_SKIPS : BAG_LOOSE, room, &m->bag);
		if (own && m->usable && m->bag.count == 0)
			m->usable = bag_read(m->file->path, BAG_LOOSE, room, &m->bag);
		g->cases += m->bag.count;
	}
}

static bool about_when(const struct member *a, const struct member *b)
{
	int64_t apart = a->mtime_ms - b->mtime_ms;

	return apart <= APART_MS && apart >= -APART_MS;
}

/* All that the taken files of a group say, as far as they were written about when m was. */
static void told(const struct group *g, const struct member *m, enum rank below, struct bag *out)
{
	for (size_t i = 0; i < g->count; i++) {
		const struct member *o = &g->member[i];
		if (o != m && !o->file->out && o->usable && (o->file->fixed || o->rank < below) &&
		    same_run(o->file, m->file) && about_when(o, m))
			bag_add(out, &o->bag);
	}
}

static char *testng_why(const struct group *g)
{
	for (size_t i = 0; i < g->count; i++) {
		if (g->member[i].rank == RANK_RESULTS && !g->member[i].file->out)
			return xasprintf("the same results as in %s", g->member[i].file->path);
	}
	return xasprintf("the same results as in the other reports of the TestNG run in %s", g->head);
}

/* A runner's own reports may hold more than testng-results.xml (configuration methods that failed): then
 * they are the ones to take. */
static bool runner_has_more(const struct group *g, const struct member *results)
{
	struct bag runner = { 0 };
	bool all = true;

	for (size_t i = 0; i < g->count; i++) {
		const struct member *m = &g->member[i];
		if (m->rank == RANK_RUNNER && same_run(m->file, results->file) && about_when(m, results)) {
			all = all && m->usable;
			bag_add(&runner, &m->bag);
		}
	}
	bool more = all && !bag_holds(&results->bag, &runner) && bag_holds(&runner, &results->bag);
	bag_done(&runner);
	return more;
}

static void decide_results(struct group *g, struct member *m)
{
	struct bag whole = { 0 };

	told(g, m, RANK_RESULTS, &whole);
	if (bag_holds(&whole, &m->bag) || runner_has_more(g, m)) {
		leave_out(m->file, NULL);
		m->file->why = testng_why(g);
	}
	bag_done(&whole);
}

static void decide_rank(struct group *g, enum rank rank)
{
	struct bag whole = { 0 };
	const struct member *like = NULL;

	for (size_t i = 0; i < g->count; i++) {
		struct member *m = &g->member[i];
		if (m->rank != rank || m->file->fixed || !m->usable)
			continue;
		if (rank == RANK_RESULTS) {
			decide_results(g, m);
			continue;
		}
		/* What the better files say excuses each case once; gathered anew for another run or time. */
		if (like == NULL || !same_run(like->file, m->file) || !about_when(like, m)) {
			bag_done(&whole);
			told(g, m, rank, &whole);
			like = m;
		}
		if (bag_holds(&whole, &m->bag)) {
			bag_take(&whole, &m->bag);
			leave_out(m->file, testng_why(g));
		}
	}
	bag_done(&whole);
}

static void decide_testng(const struct tree *t, const char *head)
{
	struct group g = { .head = head };
	char *runner = runner_dir(head);
	size_t from, to = beneath(t, head, &from);

	for (size_t i = from; i < to; i++)
		group_add(&g, t->file[i], rank_of(t->file[i]->path, head, runner));
	if (runner != NULL) {
		to = beneath(t, runner, &from);
		for (size_t i = from; i < to; i++) {
			if (!has_prefix(t->file[i]->path, head) || t->file[i]->path[strlen(head)] != '/')
				group_add(&g, t->file[i], rank_of(t->file[i]->path, head, runner));
		}
	}
	if (g.count > 1) {
		group_read(&g);
		for (enum rank rank = RANK_RESULTS; rank < RANK_NONE; rank++)
			decide_rank(&g, rank);
	}
	for (size_t i = 0; i < g.count; i++)
		bag_done(&g.member[i].bag);
	free(g.member);
	free(runner);
}

/* ---- aggregates ---- */

/* The single files beneath dir, exactly. */
static bool read_parts(const struct tree *t, const struct family_file *of, const char *dir, size_t *parts,
		       struct bag *out)
{
	size_t from, to = beneath(t, dir, &from);

	*parts = 0;
	for (size_t i = from; i < to; i++) {
		const struct family_file *f = t->file[i];
		struct bag bag;
		if (f == of || is_aggregate(base_of(f->path)) || !same_run(f, of))
			continue;
		if (bag_read(f->path, BAG_EXACT, CASES_MAX - out->count, &bag)) {
			(*parts)++;
			for (size_t k = 0; k < bag.count; k++)
				bag_put(out, bag.key[k]);
			bag_done(&bag);
		}
	}
	bag_sort(out);
	return out->count > 0;
}

static void decide_aggregate(const struct tree *t, struct family_file *f, const char *dir)
{
	struct bag whole = { 0 }, parts = { 0 };
	size_t count;

	if (bag_read(f->path, BAG_EXACT, CASES_MAX, &whole) && read_parts(t, f, dir, &count, &parts) &&
	    bag_holds(&parts, &whole))
		leave_out(f, xasprintf("repeats what is in the single files beneath %s",
				       dir[0] != '\0' ? dir : "."));
	bag_done(&whole);
	bag_done(&parts);
}

/* It is taken or was, so its parts are left out. */
static void decide_parts(const struct tree *t, const struct family_file *aggregate, const char *dir)
{
	size_t from, to = beneath(t, dir, &from);
	struct bag whole = { 0 };

	if (bag_read(aggregate->path, BAG_EXACT, CASES_MAX, &whole)) {
		for (size_t i = from; i < to && whole.count > 0; i++) {
			struct family_file *f = t->file[i];
			struct bag bag;
			if (f->fixed || f->out || f == aggregate || !same_run(f, aggregate))
				continue;
			if (bag_read(f->path, BAG_EXACT, CASES_MAX, &bag) && bag_holds(&whole, &bag)) {
				bag_take(&whole, &bag);
				leave_out(f, xasprintf("it is a part of %s", aggregate->path));
			}
			bag_done(&bag);
		}
	}
	bag_done(&whole);
}

/* The folder in which the parts of an aggregate lie: beneath its own or beside it. */
static char *parts_dir(const char *path)
{
	char *dir = dir_of(path);
	char *above = dir_of(dir);

	if (above[0] == '\0') { /* not out of what was walked */
		free(above);
		return dir;
	}
	free(dir);
	return above;
}

/* ---- all ---- */

void family_decide(struct family_file *file, size_t count)
{
	struct tree t = { .count = count,
			  .file = xcalloc(count > 0 ? count : 1, sizeof(struct family_file *)) };
	char *last = NULL;

	for (size_t i = 0; i < count; i++)
		t.file[i] = &file[i];
	qsort(t.file, count, sizeof(struct family_file *), by_path);
	for (size_t i = 0; i < count; i++) {
		char *dir = dir_of(t.file[i]->path), *head = NULL;
		if (is_results(base_of(t.file[i]->path)))
			head = xstrdup(dir);
		else if (in_junitreports(t.file[i]->path))
			head = dir_of(dir);
		if (head != NULL && (last == NULL || strcmp(head, last) != 0)) {
			decide_testng(&t, head);
			free(last);
			last = head;
			head = NULL;
		}
		free(head);
		free(dir);
	}
	free(last);
	for (size_t i = 0; i < count; i++) {
		struct family_file *f = t.file[i];
		if (!is_aggregate(base_of(f->path)))
			continue;
		char *dir = parts_dir(f->path);
		if (f->fixed)
			decide_parts(&t, f, dir);
		else if (!f->out)
			decide_aggregate(&t, f, dir);
		free(dir);
	}
	free(t.file);
}

void family_done(struct family_file *file, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(file[i].why);
		file[i].why = NULL;
	}
}

/* ---- one file at a time ---- */

static bool within(const char *dir, const char *root)
{
	size_t n = strlen(root);

	return strncmp(dir, root, n) == 0 && (dir[n] == '\0' || dir[n] == '/');
}

static bool results_in(const char *dir)
{
	static const char *const name[] = { "testng-results.xml", "testng-results.xml.gz" };
	bool there = false;

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]) && !there; i++) {
		char *path = xasprintf("%s/%s", dir, name[i]);
		there = access(path, F_OK) == 0;
		free(path);
	}
	return there;
}

/* The folder of the TestNG run that path may belong to. */
static char *head_of(const char *path)
{
	static const char gradle[] = "/test-results/";
	char *dir = dir_of(path), *above = dir_of(dir), *head = NULL;
	const char *task = base_of(dir);

	if (is_results(base_of(path)) || (has_prefix(base_of(path), "TEST-") && results_in(dir)))
		head = xstrdup(dir);
	else if (in_junitreports(path) || (results_in(above) && signed_by_testng(path)))
		head = xstrdup(above);
	else if (task - dir >= (ptrdiff_t)strlen(gradle) && has_prefix(task - strlen(gradle), gradle)) {
		char *other =
			xasprintf("%.*s/reports/tests/%s", (int)(task - strlen(gradle) - dir), dir, task);
		if (results_in(other))
			head = xstrdup(other);
		free(other);
	} else {
		char *native = xasprintf("%s/testng-native-results", dir);
		if (results_in(native))
			head = xstrdup(native);
		free(native);
	}
	free(above);
	free(dir);
	return head;
}

char *family_scope(const char *path, const char *root, const char *folder)
{
	char *scope = NULL, *runner;

	if (is_aggregate(base_of(path))) {
		scope = parts_dir(path);
		if (!within(scope, root) || !within(scope, folder)) {
			free(scope);
			scope = dir_of(path);
		}
		return scope;
	}
	char *head = head_of(path);
	if (head == NULL)
		return NULL;
	runner = runner_dir(head);
	if (runner != NULL) {
		/* the folder that holds both: build/ of Gradle, surefire-reports/ itself */
		char *above = dir_of(head);
		scope = strcmp(runner, above) == 0 ? xstrdup(runner) : NULL;
		if (scope == NULL) {
			char *up = dir_of(runner);
			scope = dir_of(up);
			free(up);
		}
		free(above);
		if (!within(scope, root)) {
			free(scope);
			scope = NULL;
		}
	}
	if (scope == NULL && within(head, root)) {
		scope = head;
		head = NULL;
	}
	free(runner);
	free(head);
	return scope;
}
