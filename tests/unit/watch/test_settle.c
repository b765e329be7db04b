/* SPDX-License-Identifier: Apache-2.0
 *
 * test_settle.c - real files, a clock that the test turns. */
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/watch/rules.h"
#include "daemon/watch/settle.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 1000

struct fixture {
	char *root;
	struct settle *settle;
	struct clock_source clock;
	int64_t now_ms, wall_ms;
	char log[4096];     /* what was offered: "a.xml:3 !DONE " */
	unsigned refuse;    /* so many offers are refused */
	const char *forget; /* within on_file */
	bool resume, stop;
	bool existing; /* of the last file */
};

static int64_t real_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t fake_mono(void *cookie)
{
	return ((struct fixture *)cookie)->now_ms;
}
static int64_t fake_wall(void *cookie)
{
	return ((struct fixture *)cookie)->wall_ms;
}

static bool on_file(void *cookie, const struct watch_file *file)
{
	struct fixture *f = cookie;
	size_t len = strlen(f->log);

	if (f->resume)
		settle_resume(f->settle);
	if (f->refuse > 0) {
		f->refuse--;
		return false;
	}
	if (f->forget != NULL)
		settle_forget(f->settle, f->forget);
	if (f->stop)
		settle_stop(f->settle);
	f->existing = file->existing;
	assert_true(strncmp(file->path, f->root, strlen(f->root)) == 0);
	assert_string_equal(file->path + strlen(f->root) + 1, file->relative);
	snprintf(f->log + len, sizeof(f->log) - len, "%s:%llu ", file->relative,
		 (unsigned long long)file->size);
	return true;
}

static void on_marker(void *cookie, const struct watch_file *file)
{
	struct fixture *f = cookie;
	size_t len = strlen(f->log);

	snprintf(f->log + len, sizeof(f->log) - len, "!%s ", file->relative);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->root = xstrdup("/tmp/resultd-test-XXXXXX");
	if (mkdtemp(f->root) == NULL)
		return -1;
	f->now_ms = 5000;
	f->wall_ms = real_wall_ms();
	f->clock = (struct clock_source){ .wall_ms = fake_wall, .mono_ms = fake_mono, .cookie = f };
	clock_replace(&f->clock);
	f->settle = settle_new(&(struct settle_options){ .root = f->root,
							 .settle_ms = SETTLE_MS,
							 .on_file = on_file,
							 .on_marker = on_marker,
							 .cookie = f });
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char *command = xasprintf("rm -rf '%s'", f->root);
	int rc = system(command);

	settle_free(f->settle);
	clock_replace(NULL);
	free(command);
	free(f->root);
	free(f);
	return rc;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", f->root, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	free(path);
}

static int see(struct fixture *f, const char *name, unsigned kind, enum settle_source source)
{
	char *path = xasprintf("%s/%s", f->root, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	free(path);
	return settle_see(f->settle, name, kind, &st, source, true);
}

static const char *turn(struct fixture *f, int64_t later_ms)
{
	f->now_ms += later_ms;
	f->wall_ms += later_ms;
	f->log[0] = '\0';
	settle_turn(f->settle);
	return f->log;
}

static void quiet_is_longer_for_what_only_a_scan_saw(void **state)
{
	static const struct {
		enum settle_source source;
		int64_t due_ms;
	} row[] = {
		{ SETTLE_EVENT, SETTLE_MS },
		{ SETTLE_SCAN, 2 * SETTLE_MS },
		{ SETTLE_OLD, 2 * SETTLE_MS },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%zu.xml", i);
		put(f, name, "abc");
		f->wall_ms = real_wall_ms();
		see(f, name, RULES_FILE, row[i].source);
		assert_true(settle_due(f->settle) == f->now_ms + row[i].due_ms);
		assert_string_equal(turn(f, row[i].due_ms - 1), "");
		assert_string_equal(turn(f, 1), i == 0 ? "0.xml:3 " : i == 1 ? "1.xml:3 " : "2.xml:3 ");
		assert_true(f->existing == (row[i].source == SETTLE_OLD));
		assert_true(settle_due(f->settle) == INT64_MAX);
		/* Seen again: nothing new. */
		see(f, name, RULES_FILE, SETTLE_EVENT);
		see(f, name, RULES_FILE, SETTLE_SCAN);
		assert_string_equal(turn(f, 10 * SETTLE_MS), "");
	}
	assert_int_equal(settle_remembered(f->settle), 3);
	assert_int_equal(settle_waiting(f->settle), 0);
}

static void old_files_are_taken_at_once_where_times_can_be_trusted(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	put(f, "a.xml", "abc");
	f->wall_ms = real_wall_ms() + 60000;
	see(f, "a.xml", RULES_FILE, SETTLE_OLD);
	assert_string_equal(turn(f, 0), "a.xml:3 ");
	put(f, "b.xml", "abc");
	char *path = xasprintf("%s/b.xml", f->root);
	assert_int_equal(lstat(path, &st), 0);
	free(path);
	f->wall_ms = real_wall_ms() + 60000;
	settle_see(f->settle, "b.xml", RULES_FILE, &st, SETTLE_SCAN, false);
	assert_string_equal(turn(f, 0), "");
	assert_string_equal(turn(f, 2 * SETTLE_MS), "b.xml:3 ");
}

static void a_writer_starts_the_wait_anew(void **state)
{
	struct fixture *f = *state;

	put(f, "a.xml", "1");
	see(f, "a.xml", RULES_FILE, SETTLE_OLD);
	for (int i = 0; i < 10; i++) {
		char text[16];

		assert_string_equal(turn(f, SETTLE_MS * 2 - 1), "");
		snprintf(text, sizeof(text), "%0*d", i + 2, 0);
		put(f, "a.xml", text); /* nobody tells: the look at the end of the wait does */
		assert_string_equal(turn(f, 1), "");
	}
	assert_string_equal(turn(f, 2 * SETTLE_MS), "a.xml:11 ");
	assert_false(f->existing);     /* it was written to while we were there */
	for (int i = 0; i < 10; i++) { /* opened, appended to, closed */
		put(f, "a.xml", i % 2 ? "one" : "three");
		see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
		assert_string_equal(turn(f, SETTLE_MS - 1), "");
	}
	assert_string_equal(turn(f, 1), "a.xml:3 ");
	assert_string_equal(turn(f, 100 * SETTLE_MS), "");
}

static void what_vanishes_is_no_loss(void **state)
{
	struct fixture *f = *state;
	char *path = xasprintf("%s/a.xml", f->root);

	put(f, "a.xml", "1");
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	unlink(path);
	assert_string_equal(turn(f, SETTLE_MS), "");
	assert_int_equal(settle_waiting(f->settle), 0);
	/* Between ready and offered, too. */
	put(f, "a.xml", "1");
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	f->refuse = 1;
	assert_string_equal(turn(f, SETTLE_MS), "");
	unlink(path);
	settle_resume(f->settle);
	assert_string_equal(turn(f, 0), "");
	assert_int_equal(settle_waiting(f->settle), 0);
	assert_int_equal(settle_remembered(f->settle), 0);
	/* And what became a link is not followed. */
	put(f, "a.xml", "1");
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_string_equal(turn(f, SETTLE_MS), "");
	assert_int_equal(settle_waiting(f->settle), 0);
	free(path);
}

static void refused_files_keep_their_place(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d.xml", i);
		put(f, name, "x");
		see(f, name, RULES_FILE, SETTLE_EVENT);
	}
	f->refuse = 1;
	assert_string_equal(turn(f, SETTLE_MS), "");
	assert_true(settle_due(f->settle) == INT64_MAX); /* nothing is offered before resume */
	assert_string_equal(turn(f, SETTLE_MS), "");
	put(f, "2.xml", "longer"); /* changed while it waited */
	settle_resume(f->settle);
	assert_true(settle_due(f->settle) == INT64_MIN);
	assert_string_equal(turn(f, 0), "0.xml:1 1.xml:1 3.xml:1 4.xml:1 ");
	assert_string_equal(turn(f, SETTLE_MS), "2.xml:6 ");
	/* A resume from within counts. */
	put(f, "9.xml", "x");
	see(f, "9.xml", RULES_FILE, SETTLE_EVENT);
	f->refuse = 1;
	f->resume = true;
	turn(f, SETTLE_MS);
	assert_string_equal(turn(f, 0), "9.xml:1 ");
}

static void news_go_before_the_backlog(void **state)
{
	struct fixture *f = *state;

	put(f, "old1.xml", "x");
	put(f, "old2.xml", "x");
	put(f, "new.xml", "x");
	f->wall_ms = real_wall_ms();
	see(f, "old1.xml", RULES_FILE, SETTLE_SCAN);
	see(f, "old2.xml", RULES_FILE, SETTLE_SCAN);
	f->refuse = 1;
	assert_string_equal(turn(f, 2 * SETTLE_MS), "");
	see(f, "new.xml", RULES_FILE, SETTLE_EVENT);
	assert_string_equal(turn(f, SETTLE_MS), "");
	settle_resume(f->settle);
	assert_string_equal(turn(f, 0), "new.xml:1 old1.xml:1 old2.xml:1 ");
}

static void a_marker_comes_after_what_was_there_before_it(void **state)
{
	struct fixture *f = *state;

	put(f, "a.xml", "x");
	put(f, "DONE", "");
	f->wall_ms = real_wall_ms();
	see(f, "DONE", RULES_MARKER, SETTLE_EVENT);
	see(f, "a.xml", RULES_FILE, SETTLE_SCAN);
	f->refuse = 1;
	assert_string_equal(turn(f, 2 * SETTLE_MS), "");
	put(f, "b.xml", "x");
	see(f, "b.xml", RULES_FILE, SETTLE_EVENT); /* ready after the marker */
	assert_string_equal(turn(f, SETTLE_MS), "");
	settle_resume(f->settle);
	/* News go first; whatever was ready before the marker is before it. */
	assert_string_equal(turn(f, 0), "b.xml:1 a.xml:1 !DONE ");
	assert_string_equal(turn(f, 10 * SETTLE_MS), "");
	/* Touched again: told again. */
	char *path = xasprintf("%s/DONE", f->root);
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	free(path);
	see(f, "DONE", RULES_MARKER, SETTLE_EVENT);
	assert_string_equal(turn(f, 2 * SETTLE_MS), "!DONE ");
}

static void a_marker_waits_for_the_scan(void **state)
{
	struct fixture *f = *state;

	put(f, "DONE", "");
	put(f, "last.xml", "x");
	f->wall_ms = real_wall_ms();
	settle_scanning(f->settle, true);
	see(f, "DONE", RULES_MARKER, SETTLE_SCAN);
	assert_string_equal(turn(f, 100 * SETTLE_MS), "");
	put(f, "a.xml", "x");
	f->wall_ms = real_wall_ms();
	see(f, "a.xml", RULES_FILE, SETTLE_SCAN);
	settle_scanning(f->settle, false);
	assert_string_equal(turn(f, 2 * SETTLE_MS), "a.xml:1 !DONE ");
	/* A report that is a marker as well is both, in that order. */
	see(f, "last.xml", RULES_FILE | RULES_MARKER, SETTLE_EVENT);
	assert_string_equal(turn(f, SETTLE_MS), "last.xml:1 ");
	assert_string_equal(turn(f, 2 * SETTLE_MS), "!last.xml ");
	assert_string_equal(turn(f, 10 * SETTLE_MS), "");
	put(f, "last.xml", "xyz");
	see(f, "last.xml", RULES_FILE | RULES_MARKER, SETTLE_EVENT);
	assert_string_equal(turn(f, SETTLE_MS), "last.xml:3 ");
	put(f, "last.xml", "xyzuv"); /* again, before the marker was told */
	see(f, "last.xml", RULES_FILE | RULES_MARKER, SETTLE_EVENT);
	assert_string_equal(turn(f, SETTLE_MS), "last.xml:5 ");
	assert_string_equal(turn(f, 2 * SETTLE_MS), "!last.xml ");
}

static void what_scans_no_longer_see_is_forgotten(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 300; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d.xml", i);
		put(f, name, "x");
		f->wall_ms = real_wall_ms() + 60000;
		see(f, name, RULES_FILE, SETTLE_SCAN);
	}
	for (int i = 0; i < 10; i++)
		turn(f, 0);
	assert_int_equal(settle_remembered(f->settle), 300);
	for (int round = 0; round < 20; round++) {
		settle_mark(f->settle);
		for (int i = round; i < 300; i++) {
			char name[16];

			snprintf(name, sizeof(name), "%d.xml", i);
			see(f, name, RULES_FILE, SETTLE_SCAN);
		}
		settle_sweep(f->settle);
		assert_int_equal(settle_remembered(f->settle), 300 - round);
		assert_string_equal(turn(f, 10 * SETTLE_MS), "");
	}
	settle_mark(f->settle);
	settle_sweep(f->settle);
	assert_int_equal(settle_remembered(f->settle), 0);
	f->wall_ms = real_wall_ms() + 60000;
	see(f, "7.xml", RULES_FILE, SETTLE_SCAN);
	assert_string_equal(turn(f, 0), "7.xml:1 ");
}

static void forgotten_files_are_offered_again(void **state)
{
	struct fixture *f = *state;

	put(f, "a.xml", "x");
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	assert_string_equal(turn(f, SETTLE_MS), "a.xml:1 ");
	settle_forget(f->settle, "a.xml");
	settle_forget(f->settle, "unknown.xml");
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	f->forget = "a.xml"; /* from within the callback, too */
	assert_string_equal(turn(f, SETTLE_MS), "a.xml:1 ");
	f->forget = NULL;
	assert_int_equal(settle_remembered(f->settle), 0);
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	assert_string_equal(turn(f, SETTLE_MS), "a.xml:1 ");
}

static void stopped_means_silent(void **state)
{
	struct fixture *f = *state;

	put(f, "a.xml", "x");
	put(f, "b.xml", "x");
	see(f, "a.xml", RULES_FILE, SETTLE_EVENT);
	see(f, "b.xml", RULES_FILE, SETTLE_EVENT);
	f->stop = true;
	assert_string_equal(turn(f, SETTLE_MS), "a.xml:1 ");
	assert_string_equal(turn(f, SETTLE_MS), "");
	assert_true(settle_due(f->settle) == INT64_MAX);
}

static void what_waits_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct stat st = { .st_mode = S_IFREG, .st_size = 1 };
	unsigned taken = 0;

	f->refuse = 1;
	assert_false(settle_full(f->settle));
	for (unsigned i = 0; i < 100000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%u.xml", i);
		int rc = settle_see(f->settle, name, RULES_FILE, &st, SETTLE_EVENT, true);
		assert_true(rc == 0 || rc == -EAGAIN);
		taken += rc == 0;
	}
	assert_true(taken >= 1024 && taken <= 32768);
	assert_int_equal(settle_waiting(f->settle), taken);
	assert_true(settle_full(f->settle));
	while (settle_due(f->settle) != INT64_MAX) /* none of them is there: all go */
		turn(f, SETTLE_MS);
	assert_int_equal(settle_waiting(f->settle), 0);
	assert_false(settle_full(f->settle));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(quiet_is_longer_for_what_only_a_scan_saw, setup, teardown),
		cmocka_unit_test_setup_teardown(old_files_are_taken_at_once_where_times_can_be_trusted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_writer_starts_the_wait_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_vanishes_is_no_loss, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_files_keep_their_place, setup, teardown),
		cmocka_unit_test_setup_teardown(news_go_before_the_backlog, setup, teardown),
		cmocka_unit_test_setup_teardown(a_marker_comes_after_what_was_there_before_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_marker_waits_for_the_scan, setup, teardown),
		cmocka_unit_test_setup_teardown(what_scans_no_longer_see_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten_files_are_offered_again, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_means_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(what_waits_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
