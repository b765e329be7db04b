/* SPDX-License-Identifier: Apache-2.0
 *
 * test_folder.c - deliveries into a real directory. */
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/net/folder.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char *base, *dir; /* dir lies in base and is not there yet */
	struct executor *executor;
	struct transport *folder;
	struct endpoint to;
};

struct call {
	struct request request;
	unsigned ended;
	enum exchange exchange;
	int status;
	char *body, error[512];
	uint64_t sent_bytes;
};

static void open_fixture(struct fixture *f, unsigned threads, executor_wake_fn *wake, void *cookie)
{
	*f = (struct fixture){ .base = xstrdup("/tmp/resultd-test-XXXXXX") };
	assert_non_null(mkdtemp(f->base));
	f->dir = xasprintf("%s/a/runs", f->base);
	f->executor = executor_new("folder", threads, wake, cookie);
	f->folder = folder_open(f->executor);
	f->to = (struct endpoint){ .url = f->dir, .scope = f->dir, .folder = true, .folder_mode = 0750 };
}

static void close_fixture(struct fixture *f)
{
	f->folder->ops->close(f->folder);
	executor_free(f->executor);
	char *command = xasprintf("rm -rf '%s'", f->base);
	assert_int_equal(system(command), 0);
	free(command);
	free(f->base);
	free(f->dir);
}

static void on_done(void *cookie, const struct reply *r)
{
	struct call *k = cookie;

	k->ended++;
	k->exchange = r->exchange;
	k->status = r->status;
	k->sent_bytes = r->sent_bytes;
	free(k->body);
	k->body = xstrndup(r->body.len > 0 ? r->body.data : "", r->body.len);
	snprintf(k->error, sizeof(k->error), "%s", r->error);
}

static void begin(struct call *k, struct fixture *f, enum method method, const char *path, const char *body,
		  uint64_t offset)
{
	*k = (struct call){ 0 };
	request_init(&k->request);
	k->request.method = method;
	k->request.offset = offset;
	buf_puts(&k->request.path, path);
	if (body != NULL)
		buf_puts(&k->request.body, body);
	assert_non_null(transport_send(f->folder, &f->to, &k->request, on_done, k));
	assert_int_equal(k->ended, 0);
}

static void end(struct call *k)
{
	request_done(&k->request);
	free(k->body);
}

static int run(struct fixture *f, enum method method, const char *path, const char *body, uint64_t offset,
	       const char *want_body)
{
	struct call k;

	begin(&k, f, method, path, body, offset);
	executor_reap(f->executor);
	assert_int_equal(k.ended, 1);
	assert_int_equal(k.exchange, EXCHANGE_ANSWERED);
	assert_true((k.status == 200) == (k.error[0] == '\0'));
	if (want_body != NULL)
		assert_string_equal(k.body, want_body);
	int status = k.status;
	end(&k);
	return status;
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static mode_t mode_of(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	free(path);
	return st.st_mode & 07777;
}

static void a_put_replaces_whole_files(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	mode_t before = umask(077);
	assert_int_equal(run(&f, METHOD_GET, "index.html", NULL, 0, ""), 404);
	assert_int_equal(run(&f, METHOD_PUT, "index.html", "one", 0, ""), 200);
	assert_int_equal(run(&f, METHOD_GET, "index.html", NULL, 0, "one"), 200);
	assert_int_equal(run(&f, METHOD_PUT, "index.html", "", 0, ""), 200);
	assert_int_equal(run(&f, METHOD_GET, "index.html", NULL, 0, ""), 200);
	assert_int_equal(run(&f, METHOD_PUT, "2026/11/run 1.html", "deep", 0, ""), 200);
	assert_int_equal(run(&f, METHOD_GET, "2026/11/run 1.html", NULL, 0, "deep"), 200);
	umask(before);
	assert_int_equal(entries(f.dir), 2);         /* nothing is left beside them */
	assert_int_equal(mode_of(f.dir, "."), 0750); /* whatever the umask */
	assert_int_equal(mode_of(f.dir, "2026"), 0750);
	assert_int_equal(mode_of(f.dir, "2026/11"), 0750);
	assert_int_equal(mode_of(f.dir, "index.html"), 0640);
	close_fixture(&f);
}

static void an_append_may_be_repeated(void **state)
{
	static const struct {
		uint64_t offset;
		const char *body;
		int status;
		const char *after;
	} row[] = {
		{ 3, "x", 416, NULL }, /* nothing is there to append to */
		{ 0, "one\n", 200, "one\n" },
		{ 4, "two\n", 200, "one\ntwo\n" },
		{ 4, "two\n", 200, "one\ntwo\n" }, /* again */
		{ 4, "2\n", 200, "one\n2\n" },     /* what lay beyond is gone */
		{ 7, "x", 416, "one\n2\n" },       /* a hole would be filled with zeros */
		{ 6, "", 200, "one\n2\n" },
		{ UINT64_MAX, "x", 507, "one\n2\n" },
		{ INT64_MAX, "x", 507, "one\n2\n" },
		{ INT64_MAX - 1, "x", 416, "one\n2\n" },
		{ 0, "", 200, "" },
	};
	struct fixture f;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(run(&f, METHOD_POST, "r.jsonl", row[i].body, row[i].offset, ""),
				 row[i].status);
		assert_int_equal(run(&f, METHOD_GET, "r.jsonl", NULL, 0, row[i].after ? row[i].after : ""),
				 row[i].after ? 200 : 404);
	}
	assert_int_equal(mode_of(f.dir, "r.jsonl"), 0640);
	close_fixture(&f);
}

static void only_plain_paths_beneath_are_taken(void **state)
{
	static const char *const bad[] = {
		"",     "/etc/passwd", "../x", "a/../x", "..",     ".",        "a/.",  "./a",
		"a//b", "a/",          "\n",   "a\x7f",  "link/x", "linkfile", "fifo", "dir",
	};
	struct fixture f;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	assert_int_equal(run(&f, METHOD_PUT, "dir/file", "x", 0, NULL), 200);
	char *outside = xasprintf("%s/outside", f.base), *secret = xasprintf("%s/outside/x", f.base);
	char *link = xasprintf("%s/link", f.dir), *linkfile = xasprintf("%s/linkfile", f.dir);
	char *fifo = xasprintf("%s/fifo", f.dir);
	assert_int_equal(mkdir(outside, 0755), 0);
	int fd = open(secret, O_WRONLY | O_CREAT, 0644);
	assert_true(write(fd, "kept", 4) == 4);
	close(fd);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(symlink(secret, linkfile), 0);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		static const enum method method[] = { METHOD_PUT, METHOD_POST, METHOD_GET };

		for (unsigned m = 0; m < 3; m++)
			if (run(&f, method[m], bad[i], "y", 0, "") != 400)
				fail_msg("\"%s\", method %u", bad[i], m);
	}
	struct stat st;
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(entries(outside), 1);
	assert_int_equal(run(&f, METHOD_DELETE, "dir/file", NULL, 0, ""), 405);

	char longer[6000];
	memset(longer, 'a', sizeof(longer));
	longer[300] = '\0';
	assert_int_equal(run(&f, METHOD_PUT, longer, "y", 0, ""), 400);
	longer[300] = '/';
	longer[400] = '\0';
	assert_int_equal(run(&f, METHOD_PUT, longer, "y", 0, ""), 400);
	longer[400] = 'a';
	longer[5999] = '\0';
	assert_int_equal(run(&f, METHOD_POST, longer, "y", 0, ""), 400);
	free(outside);
	free(secret);
	free(link);
	free(linkfile);
	free(fifo);
	close_fixture(&f);
}

static void an_answer_has_a_ceiling(void **state)
{
	struct fixture f;
	struct call k;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	assert_int_equal(run(&f, METHOD_PUT, "x", "0123456789", 0, NULL), 200);
	for (uint64_t max = 9; max <= 10; max++) {
		k = (struct call){ 0 };
		request_init(&k.request);
		k.request.reply_max = max;
		buf_puts(&k.request.path, "x");
		transport_send(f.folder, &f.to, &k.request, on_done, &k);
		executor_reap(f.executor);
		assert_int_equal(k.exchange, max == 9 ? EXCHANGE_TOO_LARGE : EXCHANGE_ANSWERED);
		end(&k);
	}
	close_fixture(&f);
}

/* The limit on file sizes stands for a full disk: both mean that the bytes do not fit. */
static void a_disk_that_takes_no_more_is_507(void **state)
{
	struct fixture f;
	struct rlimit before, small;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	assert_int_equal(run(&f, METHOD_PUT, "x", "0123", 0, ""), 200);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 6;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int put = run(&f, METHOD_PUT, "x", "0123456789", 0, "");
	int posted = run(&f, METHOD_POST, "x", "0123456789", 4, "");
	int made = run(&f, METHOD_POST, "new", "0123456789", 0, "");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(put, 507);
	assert_int_equal(posted, 507);
	assert_int_equal(made, 507);
	assert_int_equal(entries(f.dir), 1);
	assert_int_equal(run(&f, METHOD_POST, "x", "4567", 4, ""), 200); /* there is room again */
	assert_int_equal(run(&f, METHOD_GET, "x", NULL, 0, "01234567"), 200);
	close_fixture(&f);
}

/* An upload of which the target or the file itself cannot be opened right now is none that cannot be opened. */
static void without_descriptors_an_upload_is_503(void **state)
{
	struct fixture f;
	struct rlimit before, small;
	struct call k;
	int next = -1;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	assert_int_equal(run(&f, METHOD_PUT, "old", "0123", 0, ""), 200);
	char *from = xasprintf("%s/old", f.dir);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	small = before;
	for (unsigned spare = 0; spare <= 3; spare++) {
		begin(&k, &f, METHOD_PUT, "new", NULL, 0);
		k.request.upload_path = from;
		next = open("/dev/null", O_RDONLY | O_CLOEXEC);
		close(next);
		small.rlim_cur = (rlim_t)next + spare;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
		executor_reap(f.executor);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(k.exchange, EXCHANGE_ANSWERED);
		assert_int_equal(k.status, spare < 3 ? 503 : 200);
		end(&k);
	}
	assert_int_equal(run(&f, METHOD_GET, "new", NULL, 0, "0123"), 200);
	unlink(from);
	begin(&k, &f, METHOD_PUT, "new", NULL, 0);
	k.request.upload_path = from;
	executor_reap(f.executor);
	assert_int_equal(k.exchange, EXCHANGE_NO_FILE);
	end(&k);
	free(from);
	close_fixture(&f);
}

static void a_file_in_the_way_is_said(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	char *parent = xasprintf("%s/a", f.base);
	int fd = open(parent, O_WRONLY | O_CREAT, 0644);
	close(fd);
	assert_int_equal(run(&f, METHOD_PUT, "x", "y", 0, ""), 400);
	assert_int_equal(run(&f, METHOD_GET, "x", NULL, 0, ""), 400);
	free(parent);
	close_fixture(&f);
}

static void wake(void *cookie)
{
	sem_post(cookie);
}

static void threads_cancel_and_close(void **state)
{
	struct fixture f;
	struct call k[8];
	sem_t ready;

	(void)state;
	sem_init(&ready, 0, 0);
	open_fixture(&f, 2, wake, &ready);
	for (unsigned i = 0; i < 8; i++) {
		char path[16];

		snprintf(path, sizeof(path), "d/%u", i);
		begin(&k[i], &f, METHOD_PUT, path, "x", 0);
	}
	struct exchange_op *op = transport_send(f.folder, &f.to, &k[0].request, on_done, &k[0]);
	f.folder->ops->cancel(f.folder, op);
	for (size_t n = 0; n < 9;) {
		sem_wait(&ready);
		n += executor_reap(f.executor);
	}
	assert_int_equal(k[0].ended, 2);
	for (unsigned i = 1; i < 8; i++) {
		assert_int_equal(k[i].ended, 1);
		assert_int_equal(k[i].status, 200);
	}
	for (unsigned i = 0; i < 8; i++)
		end(&k[i]);
	/* What is under way when everything ends is told so. */
	begin(&k[0], &f, METHOD_PUT, "last", "x", 0);
	close_fixture(&f);
	assert_int_equal(k[0].ended, 1);
	assert_int_equal(k[0].exchange, EXCHANGE_CANCELLED);
	end(&k[0]);
	sem_destroy(&ready);
}

static void what_was_never_begun_is_not_sent(void **state)
{
	struct fixture f;
	struct call k;

	(void)state;
	open_fixture(&f, 0, NULL, NULL);
	begin(&k, &f, METHOD_PUT, "x", "y", 0);
	executor_free(f.executor);
	f.executor = NULL;
	assert_int_equal(k.ended, 1);
	assert_int_equal(k.exchange, EXCHANGE_NOT_SENT);
	assert_true(k.error[0] != '\0');
	end(&k);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_put_replaces_whole_files),
		cmocka_unit_test(an_append_may_be_repeated),
		cmocka_unit_test(only_plain_paths_beneath_are_taken),
		cmocka_unit_test(an_answer_has_a_ceiling),
		cmocka_unit_test(a_disk_that_takes_no_more_is_507),
		cmocka_unit_test(without_descriptors_an_upload_is_503),
		cmocka_unit_test(a_file_in_the_way_is_said),
		cmocka_unit_test(threads_cancel_and_close),
		cmocka_unit_test(what_was_never_begun_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
