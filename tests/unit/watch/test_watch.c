/* SPDX-License-Identifier: Apache-2.0
 *
 * test_watch.c - real directories, a real loop, bounded waits. */
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/watch/watch.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define WAIT_MS   40000
#define SETTLE_MS 40

struct report {
	char *relative;
	uint64_t size;
	bool existing, marker;
};

struct fixture {
	uv_loop_t loop;
	uv_timer_t limit;
	bool late, closed;
	char *base, *root; /* root lies in base */
	struct watch *watch;
	struct watch_options options;
	struct report *report;
	size_t count;
	size_t room;        /* so many files are taken */
	bool forget, close; /* within on_file */
};

/* ---- the watch's owner ---- */

static void keep(struct fixture *f, const struct watch_file *file, bool marker)
{
	f->report = xrealloc(f->report, f->count + 1, sizeof(*f->report));
	f->report[f->count++] =
		(struct report){ xstrdup(file->relative), file->size, file->existing, marker };
	uv_stop(&f->loop);
}

static bool on_file(void *cookie, const struct watch_file *file)
{
	struct fixture *f = cookie;

	if (f->room == 0)
		return false;
	f->room--;
	keep(f, file, false);
	if (f->forget) {
		f->forget = false;
		watch_forget(f->watch, file->relative);
	}
	return true;
}

static void on_marker(void *cookie, const struct watch_file *file)
{
	keep(cookie, file, true);
}

static void on_closed(void *cookie)
{
	((struct fixture *)cookie)->closed = true;
}

static void on_late(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->late = true;
	uv_stop(timer->loop);
}

static int setup(void **state)
{
	static const char *const files[] = { "**/*.xml" };
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->base = xstrdup("/tmp/resultd-test-XXXXXX");
	if (mkdtemp(f->base) == NULL || uv_loop_init(&f->loop) != 0)
		return -1;
	f->root = xasprintf("%s/root", f->base);
	uv_timer_init(&f->loop, &f->limit);
	f->limit.data = f;
	f->room = SIZE_MAX;
	f->options = (struct watch_options){
		.path = f->root,
		.files = files,
		.file_count = 1,
		.poll_interval_ms = 50,
		.settle_ms = SETTLE_MS,
		.loop = &f->loop,
		.on_file = on_file,
		.on_marker = on_marker,
		.force_inotify = true, /* /tmp of a container is an overlay */
		.cookie = f,
	};
	*state = f;
	return mkdir(f->root, 0755);
}

static void shut(struct fixture *f)
{
	if (f->watch == NULL)
		return;
	f->closed = false;
	watch_close(f->watch, on_closed, f);
	f->watch = NULL;
	while (!f->closed)
		uv_run(&f->loop, UV_RUN_ONCE);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char *command = xasprintf("chmod -R u+rwx '%s'; rm -rf '%s'", f->base, f->base);

	shut(f);
	uv_close((uv_handle_t *)&f->limit, NULL);
	while (uv_run(&f->loop, UV_RUN_DEFAULT) != 0)
		;
	int rc = uv_loop_close(&f->loop); /* no handle is left behind */
	if (system(command) != 0)
		rc = -1;
	free(command);
	for (size_t i = 0; i < f->count; i++)
		free(f->report[i].relative);
	free(f->report);
	free(f->base);
	free(f->root);
	free(f);
	return rc;
}

static void open_watch(struct fixture *f)
{
	assert_int_equal(watch_open(&f->options, &f->watch, NULL), 0);
	assert_int_equal(f->count, 0); /* nothing is told before the loop runs */
}

/* ---- waiting ---- */

static void begin_wait(struct fixture *f, uint64_t ms)
{
	f->late = false;
	uv_update_time(&f->loop);
	uv_timer_start(&f->limit, on_late, ms, 0);
}

static void wait_count(struct fixture *f, size_t count)
{
	begin_wait(f, WAIT_MS);
	while (f->count < count && !f->late)
		uv_run(&f->loop, UV_RUN_DEFAULT);
	uv_timer_stop(&f->limit);
	if (f->count != count)
		fail_msg("%zu of %zu files, last %s", f->count, count,
			 f->count > 0 ? f->report[f->count - 1].relative : "none");
}

static struct watch_counts counts(const struct fixture *f)
{
	struct watch_counts c;

	watch_count(f->watch, &c);
	return c;
}

/* Until a scan that begins now is over and nothing waits: then what was not told never will be. */
static void wait_idle(struct fixture *f)
{
	uint64_t scans = counts(f).scans;

	begin_wait(f, WAIT_MS);
	watch_rescan(f->watch);
	while ((counts(f).scans < scans + 1 || counts(f).waiting > 0) && !f->late)
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_timer_stop(&f->limit);
	assert_false(f->late);
}

/* Time itself is what is waited for. */
static void let_pass(struct fixture *f, uint64_t ms)
{
	begin_wait(f, ms);
	while (!f->late)
		uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void wait_scanned(struct fixture *f)
{
	begin_wait(f, WAIT_MS);
	while ((!counts(f).scanned || counts(f).waiting > 0) && !f->late)
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_timer_stop(&f->limit);
	assert_false(f->late);
}

/* ---- what others do to the directory ---- */

static char *at(const struct fixture *f, const char *name)
{
	return xasprintf("%s/%s", f->root, name);
}

static void make_dir(const struct fixture *f, const char *name)
{
	char *path = at(f, name);

	assert_int_equal(mkdir(path, 0755), 0);
	free(path);
}

static int open_file(const struct fixture *f, const char *name, int flags)
{
	char *path = at(f, name);
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	free(path);
	return fd;
}

static void append(int fd, const char *text)
{
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	int fd = open_file(f, name, O_TRUNC);

	append(fd, text);
	close(fd);
}

static void move(const struct fixture *f, const char *from, const char *to)
{
	char *a = at(f, from), *b = at(f, to);

	assert_int_equal(rename(a, b), 0);
	free(a);
	free(b);
}

static const struct report *find(const struct fixture *f, const char *relative)
{
	const struct report *found = NULL;

	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->report[i].relative, relative) != 0)
			continue;
		assert_null(found); /* told once */
		found = &f->report[i];
	}
	return found;
}

/* ---- tests ---- */

static void what_is_there_is_found(void **state)
{
	struct fixture *f = *state;
	static const char *const exclude[] = { "**/tmp/**" };

	f->options.exclude = exclude;
	f->options.exclude_count = 1;
	make_dir(f, "a");
	make_dir(f, "a/b");
	make_dir(f, "a/tmp");
	make_dir(f, ".git");
	make_dir(f, "dir.xml");
	put(f, "1.xml", "x");
	put(f, "a/2.xml", "xy");
	put(f, "a/b/3.xml", "xyz");
	put(f, "a/tmp/no.xml", "x");
	put(f, ".git/no.xml", "x");
	put(f, "no.txt", "x");
	put(f, ".no.xml", "x");
	put(f, "no.xml.part", "x");
	char *link = at(f, "link.xml"), *dirlink = at(f, "dirlink"), *fifo = at(f, "fifo.xml");
	assert_int_equal(symlink("1.xml", link), 0);
	assert_int_equal(symlink("a", dirlink), 0);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	open_watch(f);
	wait_count(f, 3);
	wait_idle(f);
	assert_int_equal(f->count, 3);
	assert_int_equal(find(f, "1.xml")->size, 1);
	assert_int_equal(find(f, "a/2.xml")->size, 2);
	assert_int_equal(find(f, "a/b/3.xml")->size, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(f->report[i].existing);
	assert_int_equal(counts(f).directories, 4); /* not what nobody wants to know of */
	/* Later files are news. */
	put(f, "a/b/4.xml", "x");
	wait_count(f, 4);
	assert_false(find(f, "a/b/4.xml")->existing);
	free(link);
	free(dirlink);
	free(fifo);
}

static void captures_choose_the_directories(void **state)
{
	struct fixture *f = *state;
	char *path = xasprintf("%s/{job}/{build}/results", f->root);

	f->options.path = path;
	make_dir(f, "nightly");
	make_dir(f, "nightly/1");
	make_dir(f, "nightly/1/results");
	make_dir(f, "nightly/1/sources");
	put(f, "nightly/1/results/a.xml", "x");
	put(f, "nightly/1/sources/pom.xml", "x");
	put(f, "nightly/1/no.xml", "x");
	open_watch(f);
	assert_string_equal(watch_root(f->watch), f->root);
	wait_count(f, 1);
	make_dir(f, "nightly/2");
	make_dir(f, "nightly/2/results");
	put(f, "nightly/2/results/b.xml", "x");
	make_dir(f, "weekly");
	make_dir(f, "weekly/1");
	make_dir(f, "weekly/1/results");
	make_dir(f, "weekly/1/results/deep");
	put(f, "weekly/1/results/deep/c.xml", "x");
	wait_count(f, 3);
	wait_idle(f);
	assert_int_equal(f->count, 3);
	assert_non_null(find(f, "nightly/1/results/a.xml"));
	assert_non_null(find(f, "nightly/2/results/b.xml"));
	assert_non_null(find(f, "weekly/1/results/deep/c.xml"));
	shut(f);
	free(path);
}

/* Nothing but a look at the file's end can tell a pause from an end; an event can. */
static void a_slow_writer_is_waited_for(void **state)
{
	struct fixture *f = *state;

	open_watch(f);
	wait_scanned(f);
	int fd = open_file(f, "slow.xml", 0);
	for (int i = 0; i < 5; i++) {
		append(fd, "0123456789");
		let_pass(f, 3 * SETTLE_MS); /* longer than any wait for quiet */
		assert_int_equal(f->count, 0);
	}
	close(fd);
	wait_count(f, 1);
	assert_int_equal(find(f, "slow.xml")->size, 50);
	/* Opened, appended to and closed, again and again. */
	for (int i = 0; i < 10; i++) {
		fd = open_file(f, "steps.xml", O_APPEND);
		append(fd, "x");
		close(fd);
		let_pass(f, SETTLE_MS / 8);
	}
	wait_count(f, 2);
	assert_int_equal(find(f, "steps.xml")->size, 10);
	wait_idle(f);
	assert_int_equal(f->count, 2);
}

static void files_come_in_many_ways(void **state)
{
	struct fixture *f = *state;

	open_watch(f);
	wait_scanned(f);
	put(f, "a.xml.tmp", "renamed"); /* renamed into place */
	move(f, "a.xml.tmp", "a.xml");
	put(f, "../outside.xml", "moved"); /* moved in */
	move(f, "../outside.xml", "b.xml");
	put(f, "../c", "linked"); /* a second name for an old file */
	char *from = at(f, "../c"), *to = at(f, "c.xml");
	assert_int_equal(link(from, to), 0);
	free(from);
	free(to);
	put(f, "d.xml", "written");
	wait_count(f, 4);
	wait_idle(f);
	assert_int_equal(f->count, 4);
	assert_int_equal(find(f, "a.xml")->size, 7);
	assert_int_equal(find(f, "b.xml")->size, 5);
	assert_int_equal(find(f, "c.xml")->size, 6);
	assert_int_equal(find(f, "d.xml")->size, 7);
}

static void a_changed_file_is_a_new_file(void **state)
{
	struct fixture *f = *state;

	open_watch(f);
	put(f, "a.xml", "one");
	wait_count(f, 1);
	put(f, "a.xml", "longer"); /* overwritten */
	wait_count(f, 2);
	assert_int_equal(f->report[1].size, 6);
	put(f, "b.tmp", "moved over it");
	move(f, "b.tmp", "a.xml");
	wait_count(f, 3);
	assert_int_equal(f->report[2].size, 13);
	char *path = at(f, "a.xml"); /* rewritten with the same size */
	put(f, "a.xml", "MOVED OVER IT");
	wait_count(f, 4);
	assert_int_equal(unlink(path), 0); /* gone and back */
	put(f, "a.xml", "back");
	wait_count(f, 5);
	assert_int_equal(f->report[4].size, 4);
	assert_int_equal(unlink(path), 0);
	wait_idle(f);
	wait_idle(f);
	assert_int_equal(f->count, 5);
	assert_int_equal(counts(f).remembered, 0); /* what is gone is forgotten */
	free(path);
}

static void new_directories_are_never_missed(void **state)
{
	struct fixture *f = *state;
	enum { ROUNDS = 250 };

	open_watch(f);
	for (int i = 0; i < ROUNDS; i++) { /* filled before anybody can look */
		char name[64];

		snprintf(name, sizeof(name), "d%d", i);
		make_dir(f, name);
		snprintf(name, sizeof(name), "d%d/e", i);
		make_dir(f, name);
		snprintf(name, sizeof(name), "d%d/e/f", i);
		make_dir(f, name);
		snprintf(name, sizeof(name), "d%d/1.xml", i);
		put(f, name, "x");
		snprintf(name, sizeof(name), "d%d/e/f/2.xml", i);
		put(f, name, "x");
		if (i % 7 == 0)
			uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	wait_count(f, 2 * ROUNDS);
	assert_int_equal(counts(f).directories, 1 + 3 * ROUNDS);
	/* A tree that is moved in whole, and one that moves within. */
	put(f, "../t", "x");
	make_dir(f, "../tree");
	make_dir(f, "../tree/sub");
	put(f, "../tree/sub/a.xml", "x");
	move(f, "../tree", "tree");
	wait_count(f, 2 * ROUNDS + 1);
	move(f, "tree", "d0/tree");
	wait_count(f, 2 * ROUNDS + 2); /* another path is another file */
	put(f, "d0/tree/sub/b.xml", "x");
	wait_count(f, 2 * ROUNDS + 3);
	assert_non_null(find(f, "d0/tree/sub/b.xml"));
	wait_idle(f);
	assert_int_equal(f->count, 2 * ROUNDS + 3);
	for (size_t i = 0; i < f->count; i++)
		for (size_t k = i + 1; k < f->count; k++)
			assert_string_not_equal(f->report[i].relative, f->report[k].relative);
}

static void a_root_may_come_go_and_change(void **state)
{
	struct fixture *f = *state;
	const char *why = NULL;
	char *moved = xasprintf("%s/elsewhere", f->base);
	char *path = at(f, "a.xml");

	assert_int_equal(rmdir(f->root), 0);
	open_watch(f);
	assert_true(watch_degraded(f->watch, &why));
	assert_non_null(strstr(why, "not there"));
	assert_int_equal(mkdir(f->root, 0755), 0);
	put(f, "a.xml", "1");
	wait_count(f, 1); /* it came later: news */
	assert_false(f->report[0].existing);
	assert_false(watch_degraded(f->watch, &why));
	put(f, "b.xml", "events are back");
	wait_count(f, 2);

	unlink(path); /* deleted and made again */
	char *other = at(f, "b.xml");
	unlink(other);
	assert_int_equal(rmdir(f->root), 0);
	assert_int_equal(mkdir(f->root, 0755), 0);
	put(f, "a.xml", "22");
	wait_count(f, 3);
	put(f, "b.xml", "22");
	wait_count(f, 4);

	assert_int_equal(rename(f->root, moved), 0); /* moved away, another in its place */
	assert_int_equal(mkdir(f->root, 0755), 0);
	put(f, "a.xml", "333");
	wait_count(f, 5);
	put(f, "c.xml", "333");
	wait_count(f, 6);
	char *stale = xasprintf("%s/stale.xml", moved); /* the old one is nobody's concern now */
	int fd = open(stale, O_WRONLY | O_CREAT, 0644);
	close(fd);
	wait_idle(f);
	assert_int_equal(f->count, 6);
	assert_false(watch_degraded(f->watch, NULL));

	/* A file in its place, and the directory again. */
	char *command = xasprintf("rm -rf '%s'; touch '%s'", f->root, f->root);
	assert_int_equal(system(command), 0);
	begin_wait(f, WAIT_MS);
	while (!watch_degraded(f->watch, &why) && !f->late)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_false(f->late);
	unlink(f->root);
	assert_int_equal(mkdir(f->root, 0755), 0);
	put(f, "last.xml", "x");
	wait_count(f, 7);
	free(command);
	free(stale);
	free(other);
	free(path);
	free(moved);
}

static void polling_sees_the_same(void **state)
{
	struct fixture *f = *state;

	f->options.poll = true;
	put(f, "old.xml", "x");
	open_watch(f);
	wait_count(f, 1);
	assert_true(f->report[0].existing);
	assert_int_equal(counts(f).directories, 0);
	make_dir(f, "d");
	put(f, "d/a.xml", "x");
	put(f, "b.xml.tmp", "x");
	move(f, "b.xml.tmp", "b.xml");
	wait_count(f, 3);
	put(f, "old.xml", "changed");
	wait_count(f, 4);
	assert_int_equal(f->report[3].size, 7);
	wait_idle(f);
	assert_int_equal(f->count, 4);
	assert_false(watch_degraded(f->watch, NULL)); /* as it was told to */
}

static void backpressure_leaves_files_where_they_are(void **state)
{
	struct fixture *f = *state;
	enum { OLD = 3000 };

	for (int i = 0; i < OLD; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%04d.xml", i);
		put(f, name, "x");
	}
	let_pass(f, 4 * SETTLE_MS); /* none is so young that it would be waited for, however fast the disk */
	f->room = 10;
	open_watch(f);
	wait_count(f, 10);
	let_pass(f, 4 * SETTLE_MS);
	assert_int_equal(f->count, 10);
	assert_true(counts(f).waiting < OLD - 10); /* the directory is the buffer */
	assert_false(counts(f).scanned);
	make_dir(f, "live"); /* what is new is seen all the same, and goes first */
	put(f, "live/new.xml", "x");
	let_pass(f, 4 * SETTLE_MS);
	f->room = 1;
	watch_resume(f->watch);
	wait_count(f, 11);
	f->room = SIZE_MAX;
	watch_resume(f->watch);
	wait_count(f, OLD + 1);
	wait_idle(f);
	assert_int_equal(f->count, OLD + 1);
	assert_false(find(f, "live/new.xml")->existing);
	size_t place = (size_t)(find(f, "live/new.xml") - f->report);
	if (place > 1100) /* before the scan went on */
		fail_msg("it came as number %zu", place);
}

static void markers_come_last(void **state)
{
	struct fixture *f = *state;
	static const char *const marker[] = { "**/DONE" };

	f->options.marker = marker;
	f->options.marker_count = 1;
	put(f, "DONE", "");
	for (int i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%d.xml", i);
		put(f, name, "x");
	}
	open_watch(f);
	wait_count(f, 51);
	assert_true(f->report[50].marker);
	make_dir(f, "d");
	put(f, "d/a.xml", "x");
	put(f, "d/DONE", "");
	put(f, "d/b.xml", "x");
	wait_count(f, 54);
	assert_true(f->report[53].marker);
	assert_string_equal(f->report[53].relative, "d/DONE");
	wait_idle(f);
	assert_int_equal(f->count, 54);
}

static unsigned long kernel_number(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long n = 0;

	if (file == NULL || fscanf(file, "%lu", &n) != 1)
		n = 0;
	if (file != NULL)
		fclose(file);
	return n;
}

static void check_all_told(struct fixture *f, unsigned long count)
{
	char *told = xcalloc(count, 1);

	for (size_t i = 0; i < f->count; i++) {
		unsigned long n = strtoul(f->report[i].relative, NULL, 10);

		assert_true(n < count && !told[n]);
		told[n] = 1;
	}
	free(told);
}

static void a_burst_is_taken_whole(void **state)
{
	struct fixture *f = *state;
	enum { FILES = 2000 };

	open_watch(f);
	wait_scanned(f);
	for (int i = 0; i < FILES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%d.xml", i);
		put(f, name, "x");
	}
	wait_count(f, FILES);
	wait_idle(f);
	assert_int_equal(f->count, FILES);
	check_all_told(f, FILES);
}

/* While the loop stands still the kernel's queue overflows; a scan makes good for it. */
static void lost_events_are_made_good(void **state)
{
	struct fixture *f = *state;
	unsigned long limit = kernel_number("/proc/sys/fs/inotify/max_queued_events");
	unsigned long files = limit / 2 + 500; /* two events each */

	if (limit == 0 || limit > 40000)
		skip();
	open_watch(f);
	wait_scanned(f);
	for (unsigned long i = 0; i < files; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%lu.xml", i);
		put(f, name, "x");
	}
	wait_count(f, files);
	wait_idle(f);
	assert_int_equal(f->count, files);
	assert_true(counts(f).overflows >= 1);
	check_all_told(f, files);
}

static void forgotten_files_come_again(void **state)
{
	struct fixture *f = *state;

	open_watch(f);
	put(f, "a.xml", "x");
	wait_count(f, 1);
	watch_forget(f->watch, "a.xml");
	wait_count(f, 2);
	f->forget = true; /* from within */
	watch_forget(f->watch, "a.xml");
	wait_count(f, 4);
	watch_forget(f->watch, "never-seen.xml");
	watch_forget(f->watch, "");
	wait_idle(f);
	assert_int_equal(f->count, 4);
}

static bool close_in_hand(void *cookie, const struct watch_file *file)
{
	struct fixture *f = cookie;

	keep(f, file, false);
	watch_close(f->watch, on_closed, f);
	f->watch = NULL;
	return true;
}

static void it_can_be_closed_at_any_time(void **state)
{
	struct fixture *f = *state;

	make_dir(f, "d");
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d/%d.xml", i);
		put(f, name, "x");
	}
	open_watch(f);
	shut(f); /* before the first turn */
	assert_int_equal(f->count, 0);
	open_watch(f);
	for (int i = 0; i < 2; i++) /* in the middle of a scan */
		uv_run(&f->loop, UV_RUN_NOWAIT);
	shut(f);
	f->options.on_file = close_in_hand; /* within a callback */
	size_t before = f->count;
	f->closed = false;
	assert_int_equal(watch_open(&f->options, &f->watch, NULL), 0);
	begin_wait(f, WAIT_MS);
	while (!f->closed && !f->late)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_false(f->late);
	assert_int_equal(f->count, before + 1);
}

static void a_directory_that_cannot_be_read_stops_nothing(void **state)
{
	struct fixture *f = *state;

	if (geteuid() == 0)
		skip(); /* root reads everything */
	char *path = at(f, "locked");
	make_dir(f, "locked");
	put(f, "locked/no.xml", "x");
	make_dir(f, "open");
	assert_int_equal(chmod(path, 0), 0);
	open_watch(f);
	put(f, "open/a.xml", "x");
	put(f, "b.xml", "x");
	wait_count(f, 2);
	assert_int_equal(chmod(path, 0755), 0);
	watch_rescan(f->watch);
	wait_count(f, 3);
	free(path);
}

/* ---- the kernel's limits, in a namespace of our own so that nobody else meets them ---- */

static bool write_limit(const char *name, const char *value)
{
	char *path = xasprintf("/proc/sys/user/%s", name);
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	if (fd >= 0)
		close(fd);
	free(path);
	return ok;
}

enum { CHILD_OK = 0, CHILD_FAILED = 1, CHILD_SKIPPED = 77 };

static int under_limits(struct fixture *f, const char *name, const char *low, const char *reason)
{
	const char *why = NULL;

	if (unshare(CLONE_NEWUSER) < 0 || !write_limit(name, low))
		return CHILD_SKIPPED;
	if (watch_open(&f->options, &f->watch, NULL) < 0)
		return CHILD_FAILED;
	put(f, "d1/a.xml", "x");
	wait_count(f, 1);
	put(f, "d3/b.xml", "x"); /* seen by polling */
	wait_count(f, 2);
	wait_idle(f);
	if (!watch_degraded(f->watch, &why) || strstr(why, reason) == NULL)
		return CHILD_FAILED;
	if (!write_limit(name, "1000"))
		return CHILD_SKIPPED;
	begin_wait(f, WAIT_MS); /* tried again each period */
	while (watch_degraded(f->watch, NULL) && !f->late)
		uv_run(&f->loop, UV_RUN_ONCE);
	if (f->late || counts(f).directories != 5)
		return CHILD_FAILED;
	put(f, "d4/c.xml", "x");
	wait_count(f, 3);
	shut(f);
	return CHILD_OK;
}

static void limits_degrade_and_are_got_over(void **state)
{
	static const struct {
		const char *name, *low, *reason;
	} row[] = {
		{ "max_inotify_instances", "0", "instance" },
		{ "max_inotify_watches", "2", "watches" },
	};
	struct fixture *f = *state;
	unsigned skipped = 0;

	for (int i = 1; i <= 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "d%d", i);
		make_dir(f, name);
	}
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int status = 0;
		char *command = xasprintf("rm -f '%s'/d*/*.xml", f->root);
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			uv_loop_fork(&f->loop);
			_exit(under_limits(f, row[i].name, row[i].low, row[i].reason));
		}
		assert_true(waitpid(child, &status, 0) == child);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == CHILD_SKIPPED)
			skipped++;
		else if (WEXITSTATUS(status) != CHILD_OK)
			fail_msg("%s: the child ended with %d", row[i].name, WEXITSTATUS(status));
		assert_int_equal(system(command), 0);
		free(command);
	}
	if (skipped > 0)
		skip();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_is_found),
		TEST(captures_choose_the_directories),
		TEST(a_slow_writer_is_waited_for),
		TEST(files_come_in_many_ways),
		TEST(a_changed_file_is_a_new_file),
		TEST(new_directories_are_never_missed),
		TEST(a_root_may_come_go_and_change),
		TEST(polling_sees_the_same),
		TEST(backpressure_leaves_files_where_they_are),
		TEST(markers_come_last),
		TEST(a_burst_is_taken_whole),
		TEST(lost_events_are_made_good),
		TEST(forgotten_files_come_again),
		TEST(it_can_be_closed_at_any_time),
		TEST(a_directory_that_cannot_be_read_stops_nothing),
		TEST(limits_degrade_and_are_got_over),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
