/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http_upload.c - files that go out, as a form or as they are, over real sockets. */
#include "tests/unit/net/client.h"
#include "tests/unit/net/server.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static char *temp_file(size_t size)
{
	char *path = xstrdup("/tmp/resultd-test-XXXXXX");
	int fd = mkstemp(path);
	static char piece[65536];

	assert_true(fd >= 0);
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (char)(i * 31 + i / 251);
	for (size_t at = 0; at < size; at += sizeof(piece)) {
		size_t n = size - at < sizeof(piece) ? size - at : sizeof(piece);

		assert_true(write(fd, piece, n) == (ssize_t)n);
	}
	close(fd);
	return path;
}

static void a_file_is_streamed_as_a_form(void **state)
{
	static const size_t size[] = { 0, 1, 65536, (3 << 20) + 17 };
	struct server *s = server_start(server_always, server_ok);
	struct client c;

	(void)state;
	client_open(&c, server_url(s));
	for (unsigned i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		char *path = temp_file(size[i]);
		struct call k;

		call_init(&k, METHOD_POST, "attach", NULL);
		k.request.upload_path = path;
		k.request.upload_field = "attachment";
		k.request.upload_name = "a \"b\"\r\nX: y.png";
		k.request.upload_type = "image/png";
		call_run(&k, &c);
		assert_int_equal(k.exchange, EXCHANGE_ANSWERED);
		const char *q = server_request(s, i);
		assert_true(has(q, "\r\nContent-Type: multipart/form-data; boundary="));
		assert_false(has(q, "application/json"));
		assert_false(has(q, "Expect"));
		const char *part = strstr(strstr(q, "\r\n\r\n") + 4, "Content-Disposition: form-data; ");
		assert_non_null(part);
		assert_true(has(part, "name=\"attachment\"; filename=\"a %22b%22%0D%0AX: y.png\"\r\n"));
		assert_true(has(part, "Content-Type: image/png\r\n"));
		const char *data = strstr(part, "\r\n\r\n") + 4;
		FILE *f = fopen(path, "rb");
		char *want = xcalloc(size[i] + 1, 1);
		assert_int_equal(fread(want, 1, size[i] + 1, f), size[i]);
		fclose(f);
		assert_memory_equal(data, want, size[i]);
		assert_memory_equal(data + size[i], "\r\n--", 4);
		free(want);
		unlink(path);
		free(path);
		call_free(&k);
	}
	client_close(&c);
	server_stop(s);
}

static void a_raw_file_is_the_body_as_it_is(void **state)
{
	static const size_t size[] = { 0, 1, 65536, (3 << 20) + 17 };
	struct server *s = server_start(server_always, server_ok);
	struct client c;

	(void)state;
	client_open(&c, server_url(s));
	for (unsigned i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		char *path = temp_file(size[i]), length[64];
		struct call k;

		call_init(&k, METHOD_POST, "attach?file_name=a.png", NULL);
		k.request.upload_path = path;
		k.request.upload_raw = true;
		k.request.upload_size = size[i];
		k.request.content_type = "application/octet-stream";
		call_run(&k, &c);
		assert_int_equal(k.exchange, EXCHANGE_ANSWERED);
		const char *q = server_request(s, i), *data = strstr(q, "\r\n\r\n") + 4;
		snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", size[i]);
		assert_true(has(q, "POST /attach?file_name=a.png HTTP/1.1\r\n"));
		assert_true(has(q, "\r\nContent-Type: application/octet-stream\r\n"));
		assert_true(has(q, length));
		assert_false(has(q, "Expect"));
		FILE *f = fopen(path, "rb");
		char *want = xcalloc(size[i] + 1, 1);
		assert_int_equal(fread(want, 1, size[i] + 1, f), size[i]);
		fclose(f);
		assert_memory_equal(data, want, size[i]);
		free(want);
		unlink(path);
		free(path);
		call_free(&k);
	}
	client_close(&c);
	server_stop(s);
}

static void what_is_no_file_is_not_uploaded(void **state)
{
	char *path = temp_file(10), *link = xasprintf("%s.link", path);
	const char *const row[] = { "/tmp/resultd-test-no-such-file", "/tmp", link, "/dev/null" };
	struct client c;

	(void)state;
	assert_int_equal(symlink(path, link), 0);
	client_open(&c, "http://127.0.0.1:9");
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct call k;

		call_init(&k, METHOD_POST, "attach", NULL);
		k.request.upload_path = row[i];
		call_run(&k, &c);
		assert_int_equal(k.exchange, EXCHANGE_NO_FILE);
		assert_true(has(k.error, row[i]));
		call_free(&k);
	}
	for (uint64_t size = 9; size <= 11; size++) { /* a file is what it was, or nothing is sent */
		struct call k;

		call_init(&k, METHOD_POST, "attach", NULL);
		k.request.upload_path = path;
		k.request.upload_size = size;
		call_run(&k, &c);
		assert_int_equal(k.exchange, size == 10 ? EXCHANGE_NOT_SENT : EXCHANGE_NO_FILE);
		assert_true(size == 10 || has(k.error, "not as large"));
		call_free(&k);
	}
	client_close(&c);
	unlink(link);
	unlink(path);
	free(link);
	free(path);
}

/* The file is there, and may be opened again in a while. */
static void want_of_descriptors_is_no_want_of_the_file(void **state)
{
	char *path = temp_file(10);
	struct rlimit before, small;
	struct client c;
	struct call k;

	(void)state;
	client_open(&c, "http://127.0.0.1:9");
	call_init(&k, METHOD_POST, "attach", NULL);
	k.request.upload_path = path;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	small = before;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(next);
	small.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	call_run(&k, &c);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(k.exchange, EXCHANGE_NOT_SENT);
	assert_true(has(k.error, path));
	call_free(&k);
	client_close(&c);
	unlink(path);
	free(path);
}

static void cut_the_file(struct server *s, int fd, void *path)
{
	if (server_read_head(s, fd)) {
		if (truncate(path, 10) < 0)
			perror("truncate");
		server_wait_gone(fd);
	}
}

static void a_file_that_shrinks_is_no_upload(void **state)
{
	char *path = temp_file(0);
	struct server *s = server_start(cut_the_file, path);
	struct client c;
	struct call k;

	(void)state;
	assert_int_equal(truncate(path, 256 << 20), 0); /* more than any socket buffer takes */
	client_open(&c, server_url(s));
	call_init(&k, METHOD_POST, "attach", NULL);
	k.request.upload_path = path;
	call_run(&k, &c);
	assert_int_equal(k.exchange, EXCHANGE_LOST);
	assert_true(has(k.error, "shorter"));
	call_free(&k);
	client_close(&c);
	server_stop(s);
	unlink(path);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_streamed_as_a_form),
		cmocka_unit_test(a_raw_file_is_the_body_as_it_is),
		cmocka_unit_test(what_is_no_file_is_not_uploaded),
		cmocka_unit_test(want_of_descriptors_is_no_want_of_the_file),
		cmocka_unit_test(a_file_that_shrinks_is_no_upload),
	};

	client_without_proxies();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
