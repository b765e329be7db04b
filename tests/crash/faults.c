/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.c - memory that runs out, threads that stand still, clocks that are set, and a libcurl that may use a
 * connection again.
 *
 *   RESULTD_MALLOC=N          the N-th allocation fails, and only that one: of the program's own, SQLite's,
 *                             libcurl's and cJSON's, counted together
 *   RESULTD_STUCK=worker:PATH whoever reads a report stands still while there is a file PATH
 *   RESULTD_STUCK=queue:PATH  the queue's thread does
 *   RESULTD_CLOCK=PATH        milliseconds to add to the wall clock stand in that file
 *   RESULTD_UPTIME=PATH       milliseconds to add to the clock that waits go by: they pass at once
 *   RESULTD_WITHOUT=NAME      a mechanism is left out (tests/sim/without.h), to see which tests notice */
#include "tests/sim/without.h"

#include "daemon/base/clock.h"
#include "daemon/queue/db.h"
#include "daemon/intake/report.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- memory ---- */

static atomic_long left; /* allocations until one fails; 0 or less: none will */

static bool fails(void)
{
	if (atomic_load(&left) <= 0 || atomic_fetch_sub(&left, 1) != 1)
		return false;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int size)
{
	return fails() ? NULL : sqlite_memory.xMalloc(size);
}

static void *sqlite_realloc(void *p, int size)
{
	return fails() ? NULL : sqlite_memory.xRealloc(p, size);
}

CURLcode __real_curl_global_init(long flags);
CURLcode __wrap_curl_global_init(long flags);
CURLcode __wrap_curl_global_init(long flags)
{
	return curl_global_init_mem(flags, __wrap_malloc, free, __wrap_realloc, __wrap_strdup, __wrap_calloc);
}

static void short_of_memory(const char *n)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	sqlite3_mem_methods methods;

	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
	methods = sqlite_memory;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
	cJSON_InitHooks(&hooks);
	atomic_store(&left, strtol(n, NULL, 10));
}

/* ---- the clock ---- */

static int64_t ahead_ms(const char *path)
{
	char text[32] = "";
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		close(fd);
	}
	return strtoll(text, NULL, 10);
}

static int64_t now_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void *cookie)
{
	(void)cookie;
	return now_ms(CLOCK_REALTIME) + ahead_ms(getenv("RESULTD_CLOCK"));
}

static int64_t mono_ms(void *cookie)
{
	(void)cookie;
	return now_ms(CLOCK_MONOTONIC) + ahead_ms(getenv("RESULTD_UPTIME"));
}

/* ---- connections ---- */

#undef curl_easy_setopt
CURLcode __real_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	va_list ap;
	CURLcode rc;

	va_start(ap, option);
	if ((without == WITHOUT_FRESH) && (option == CURLOPT_FRESH_CONNECT || option == CURLOPT_FORBID_REUSE))
		rc = CURLE_OK;
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		rc = __real_curl_easy_setopt(easy, option, va_arg(ap, curl_off_t));
	else if (option >= CURLOPTTYPE_OBJECTPOINT)
		rc = __real_curl_easy_setopt(easy, option, va_arg(ap, void *));
	else
		rc = __real_curl_easy_setopt(easy, option, va_arg(ap, long));
	va_end(ap);
	return rc;
}

/* ---- threads that stand still ---- */

static void stuck_as(const char *who)
{
	const char *what = getenv("RESULTD_STUCK");
	const size_t len = strlen(who);
	const struct timespec pause = { .tv_nsec = 5000000 };

	if (what == NULL || strncmp(what, who, len) != 0 || what[len] != ':')
		return;
	while (access(what + len + 1, F_OK) == 0)
		nanosleep(&pause, NULL);
}

enum report_verdict __real_report_read(int fd, const char *name, const struct parser_options *options,
				       const struct parser_events *events, void *cookie,
				       struct report_summary *out);
enum report_verdict __wrap_report_read(int fd, const char *name, const struct parser_options *options,
				       const struct parser_events *events, void *cookie,
				       struct report_summary *out);
enum report_verdict __wrap_report_read(int fd, const char *name, const struct parser_options *options,
				       const struct parser_events *events, void *cookie,
				       struct report_summary *out)
{
	stuck_as("worker");
	return __real_report_read(fd, name, options, events, cookie, out);
}

struct db_stmt *__real_db_query(struct db *db, const char *sql, const struct db_value *values);
struct db_stmt *__wrap_db_query(struct db *db, const char *sql, const struct db_value *values);
struct db_stmt *__wrap_db_query(struct db *db, const char *sql, const struct db_value *values)
{
	stuck_as("queue");
	return __real_db_query(db, sql, values);
}

__attribute__((constructor)) static void begin(void)
{
	static struct clock_source source = { .wall_ms = wall_ms, .mono_ms = mono_ms };
	const char *memory = getenv("RESULTD_MALLOC"), *what = getenv("RESULTD_WITHOUT");

	if (getenv("RESULTD_CLOCK") != NULL || getenv("RESULTD_UPTIME") != NULL)
		clock_replace(&source);
	if (what != NULL && !without_set(what)) {
		fprintf(stderr, "RESULTD_WITHOUT=%s: there is nothing of that name\n", what);
		_exit(2);
	}
	if (memory != NULL)
		short_of_memory(memory);
}
