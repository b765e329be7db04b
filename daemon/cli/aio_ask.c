/* SPDX-License-Identifier: Apache-2.0
 *
 * aio_ask.c - requests below a project of AIO Tests: paths, pages, and options turned into bodies. */
#include "daemon/cli/aio.h"

#include "daemon/base/clock.h"
#include "daemon/cli/listing.h"
#include "sinks/aio/aio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_PAGE = 10, NOT_FOUND = 404 };

/* ---- requests ---- */

int tcms_begin(struct remote *r, const struct args *a, struct request *req, enum method method, bool write,
	       const char *path, ...)
{
	const char *project = remote_project(r, args_get(a, "project"));
	va_list ap;

	request_init(req);
	req->method = method;
	req->write = write;
	req->reads = !write;
	if (project == NULL)
		return EXIT_USAGE;
	buf_puts(&req->path, r->admin.base);
	buf_puts(&req->path, "project/");
	sink_escape(&req->path, project);
	buf_putc(&req->path, '/');
	va_start(ap, path);
	for (const char *s = path; *s != '\0'; s++) {
		if (s[0] == '{' && s[1] == '}') {
			const char *arg = va_arg(ap, const char *);
			sink_escape(&req->path, arg != NULL ? arg : "");
			s++;
		} else {
			buf_putc(&req->path, *s);
		}
	}
	va_end(ap);
	return EXIT_OK;
}

void tcms_begin_arg(struct request *req, const char *name, const char *value)
{
	if (value != NULL)
		sink_arg(req, name, value);
}

int tcms_read(struct remote *r, const struct args *a, const char *doing, cJSON **out, const char *path,
	      const char *one, const char *two, const char *query)
{
	struct request req;
	int rc = tcms_begin(r, a, &req, METHOD_GET, false, path, one, two);

	if (rc != EXIT_OK)
		return rc;
	tcms_begin_arg(&req, query, query != NULL ? "true" : NULL);
	return remote_ask(r, &req, doing, out);
}

int tcms_look_there(void *cookie)
{
	struct tcms_look *l = cookie;
	struct request req;

	cJSON_Delete(l->found);
	l->found = NULL;
	if (tcms_begin(l->r, l->a, &req, METHOD_GET, false, l->path, l->one, l->two) != EXIT_OK)
		return -1;
	tcms_begin_arg(&req, l->query, l->query != NULL ? "true" : NULL);
	int rc = remote_try(l->r, &req, "look", &l->found);
	return rc == EXIT_OK ? 1 : rc == REMOTE_REFUSED && l->r->status == NOT_FOUND ? 0 : -1;
}

int tcms_look_gone(void *cookie)
{
	struct tcms_look *l = cookie;
	int there = tcms_look_there(l);

	cJSON_Delete(l->found);
	l->found = NULL;
	return there < 0 ? there : !there;
}

/* ---- lists ---- */

static int ask_page(struct remote *r, const struct args *a, const struct tcms_list *l, int64_t offset,
		    int64_t most, struct request *req)
{
	char text[32];
	int rc = tcms_begin(r, a, req, l->body != NULL ? METHOD_POST : METHOD_GET, false, l->path, l->id);

	if (rc != EXIT_OK)
		return rc;
	if (l->body != NULL)
		buf_puts(&req->body, l->body);
	for (const char *const *q = l->query; q != NULL && *q != NULL; q += 2)
		tcms_begin_arg(req, q[0], q[1]);
	snprintf(text, sizeof(text), "%" PRId64, offset);
	sink_arg(req, "startAt", text);
	snprintf(text, sizeof(text), "%" PRId64, most);
	sink_arg(req, "maxResults", text);
	return EXIT_OK;
}

int tcms_each(struct remote *r, const struct args *a, const struct tcms_list *l, int64_t offset,
	      tcms_item_fn *fn, void *cookie, bool *more)
{
	/* Below 10 and above 100 the server takes 100. */
	int64_t most = a->limit < LEAST_PAGE ? LEAST_PAGE : a->limit > AIO_PAGE ? AIO_PAGE : a->limit;
	bool on = true;

	while (on) {
		struct aio_page page;
		struct request req;
		cJSON *root;

		int rc = ask_page(r, a, l, offset, most, &req);
		if (rc == EXIT_OK)
			rc = remote_ask(r, &req, l->doing, &root);
		if (rc != EXIT_OK)
			return rc;
		cJSON_Delete(root); /* it is JSON; whether it is a page is found out below */
		if (!aio_page(&r->reply, &page))
			return remote_wrong(r, "cannot %s: the answer is no list", l->doing);
		on = listing_page(page.items, page.last, 0, fn, cookie, more);
		offset += page.count;
		cJSON_Delete(page.root);
	}
	return EXIT_OK;
}

int tcms_table(struct remote *r, const struct args *a, const struct tcms_list *l,
	       const struct column *columns, const char *none)
{
	struct listing list;
	bool more = false;

	listing_begin(&list, a, columns);
	int rc = tcms_each(r, a, l, a->offset, listing_item, &list, &more);
	return listing_end(&list, a, rc, none, more);
}

int tcms_plain(struct remote *r, const struct args *a, const char *path, const char *doing,
	       const struct column *columns, const char *none)
{
	struct table t;
	const cJSON *item;
	cJSON *root;
	int rc = tcms_read(r, a, doing, &root, path, NULL, NULL, NULL);

	if (rc != EXIT_OK)
		return rc;
	table_begin(&t, columns, a->json);
	cJSON_ArrayForEach(item, root) table_row(&t, item);
	table_end(&t, none);
	cJSON_Delete(root);
	return EXIT_OK;
}

/* ---- options as parts of a body ---- */

void tcms_put_texts(const struct args *a, const char *option, const char *key, struct buf *b)
{
	const char *value;
	size_t at = 0;

	if (!args_has(a, option))
		return;
	json_key(b, key);
	buf_putc(b, '[');
	while ((value = args_next(a, option, &at)) != NULL) {
		json_sep(b);
		json_string(b, value, strlen(value));
	}
	buf_putc(b, ']');
}

static bool is_number(const char *s)
{
	return *s != '\0' && strlen(s) <= 9 && strspn(s, "0123456789") == strlen(s);
}

int tcms_put_numbers(const struct remote *r, const struct args *a, const char *option, const char *key,
		     struct buf *b)
{
	const char *value;
	size_t at = 0;

	if (!args_has(a, option))
		return EXIT_OK;
	json_key(b, key);
	buf_putc(b, '[');
	while ((value = args_next(a, option, &at)) != NULL) {
		if (!is_number(value))
			return cli_usage(r->command, "--%s: \"%s\" is no number: an id is meant", option,
					 value);
		json_sep(b);
		buf_puts(b, value);
	}
	buf_putc(b, ']');
	return EXIT_OK;
}

int tcms_put_date(const struct remote *r, const struct args *a, const char *option, const char *key,
		  struct buf *b)
{
	const char *text = args_get(a, option);
	char iso[CLOCK_ISO_SIZE];

	if (text == NULL)
		return EXIT_OK;
	int64_t ms = text_time(text);
	if (ms == TIME_UNKNOWN)
		return cli_usage(r->command,
				 "--%s: \"%s\" is no date (2026-11-21, or with a time 2026-11-21T10:00:00Z)",
				 option, text);
	json_field(b, key, clock_iso(ms, iso));
	return EXIT_OK;
}

int tcms_put_effort(const struct remote *r, const struct args *a, struct buf *b)
{
	const char *text = args_get(a, "effort");
	int64_t ms;

	if (text == NULL)
		return EXIT_OK;
	int rc = cli_duration(r->command, "--effort", text, &ms);
	if (rc == EXIT_OK)
		json_field_int(b, "effort", (ms + 999) / 1000);
	return rc;
}

int tcms_put_defects(const struct remote *r, const struct args *a, struct buf *b)
{
	if (!args_has(a, "defect"))
		return EXIT_OK;
	json_key(b, "jiraDefectsUpdate");
	buf_putc(b, '{');
	int rc = tcms_put_numbers(r, a, "defect", "jiraDefectIDs", b);
	json_field(b, "jiraBulkListOperationType", "ADD_TO_EXISTING");
	buf_putc(b, '}');
	return rc;
}

/* Tags by name: got or made in one request, which may be repeated, then wrapped as entities want them:
 * {"tag":{"ID":7}}. */
int tcms_put_tags(struct remote *r, const struct args *a, struct buf *b)
{
	struct request req;
	const char *name;
	const cJSON *tag;
	cJSON *tags;
	size_t at = 0;

	if (!args_has(a, "tag"))
		return EXIT_OK;
	int rc = tcms_begin(r, a, &req, METHOD_POST, false, "tag");
	if (rc != EXIT_OK)
		return rc;
	buf_putc(&req.body, '[');
	while ((name = args_next(a, "tag", &at)) != NULL) {
		json_sep(&req.body);
		buf_putc(&req.body, '{');
		json_field(&req.body, "name", name);
		buf_putc(&req.body, '}');
	}
	buf_putc(&req.body, ']');
	rc = remote_ask(r, &req, "find the tags", &tags);
	if (rc != EXIT_OK)
		return rc;
	json_key(b, "tags");
	buf_putc(b, '[');
	cJSON_ArrayForEach(tag, tags)
	{
		json_sep(b);
		buf_printf(b, "{\"tag\":{\"ID\":%" PRId64 "}}", sink_int(tag, "ID", 0));
	}
	buf_putc(b, ']');
	cJSON_Delete(tags);
	return EXIT_OK;
}

/* A folder by its path, --folder once a level; what is missing of it is made. */
int tcms_put_folder(struct remote *r, const struct args *a, const char *kind, struct buf *b, bool as_id)
{
	struct request req;
	const char *name;
	cJSON *leaf;
	size_t at = 0;

	if (!args_has(a, "folder"))
		return EXIT_OK;
	int rc = tcms_begin(r, a, &req, METHOD_PUT, true, "{}/folder/hierarchy", kind);
	if (rc != EXIT_OK)
		return rc;
	buf_puts(&req.body, "{\"folderHierarchy\":[");
	while ((name = args_next(a, "folder", &at)) != NULL) {
		json_sep(&req.body);
		json_string(&req.body, name, strlen(name));
	}
	buf_puts(&req.body, "]}");
	rc = remote_ask(r, &req, "find the folder", &leaf);
	if (rc != EXIT_OK)
		return rc;
	int64_t id = sink_int(leaf, "ID", -1);
	cJSON_Delete(leaf);
	if (id < 0)
		return remote_wrong(r, "the answer names no folder");
	if (as_id) {
		json_field_int(b, "folderID", id);
		return EXIT_OK;
	}
	json_key(b, "folder");
	buf_printf(b, "{\"ID\":%" PRId64 "}", id);
	return EXIT_OK;
}

/* ---- criteria ---- */

void tcms_criterion_text(const struct args *a, const char *option, const char *key, bool exact, struct buf *b)
{
	const char *text = args_get(a, option);

	if (text == NULL)
		return;
	json_key(b, key);
	buf_putc(b, '{');
	json_field(b, "comparisonType", exact ? "EXACT_MATCH" : "CONTAINS");
	json_field(b, "value", text);
	buf_putc(b, '}');
}

void tcms_criterion_texts(const struct args *a, const char *option, const char *key, struct buf *b)
{
	if (!args_has(a, option))
		return;
	json_key(b, key);
	buf_putc(b, '{');
	json_field(b, "comparisonType", "IN");
	tcms_put_texts(a, option, "list", b);
	buf_putc(b, '}');
}

int tcms_criterion_numbers(const struct remote *r, const struct args *a, const char *option, const char *key,
			   struct buf *b)
{
	if (!args_has(a, option))
		return EXIT_OK;
	json_key(b, key);
	buf_putc(b, '{');
	json_field(b, "comparisonType", "IN");
	int rc = tcms_put_numbers(r, a, option, "list", b);
	buf_putc(b, '}');
	return rc;
}

int tcms_criterion_flag(const struct remote *r, const struct args *a, const char *option, const char *key,
			struct buf *b)
{
	int yes;
	int rc = args_yes(r, a, option, &yes);

	if (rc != EXIT_OK || yes < 0)
		return rc;
	json_key(b, key);
	buf_putc(b, '{');
	json_field_bool(b, "value", yes != 0);
	buf_putc(b, '}');
	return EXIT_OK;
}

/* A search wants ids of statuses; people know names. */
int tcms_criterion_statuses(struct remote *r, const struct args *a, const char *option, bool of_runs,
			    struct buf *b)
{
	const char *wanted;
	const cJSON *status;
	cJSON *statuses;
	size_t at = 0;

	if (!args_has(a, option))
		return EXIT_OK;
	int rc = tcms_read(r, a, "read the statuses", &statuses,
			   of_runs ? "config/testrun/status" : "config/testcase/status", NULL, NULL, NULL);
	if (rc != EXIT_OK)
		return rc;
	json_key(b, of_runs ? "testRunStatusID" : "statusID");
	buf_puts(b, "{\"comparisonType\":\"IN\",\"list\":[");
	while (rc == EXIT_OK && (wanted = args_next(a, option, &at)) != NULL) {
		int64_t id = -1;
		cJSON_ArrayForEach(status, statuses)
		{
			const char *name = sink_string(status, "name");
			if (name != NULL && strcmp(name, wanted) == 0)
				id = sink_int(status, "ID", -1);
		}
		json_sep(b);
		buf_printf(b, "%" PRId64, id);
		if (id < 0)
			rc = remote_wrong(r, "there is no %s status \"%s\" (statuses%s lists them)",
					  of_runs ? "run" : "case", wanted, of_runs ? "" : " --of case");
	}
	buf_puts(b, "]}");
	cJSON_Delete(statuses);
	return rc;
}

int tcms_told(struct remote *r, const struct args *a, int rc, struct request *req, struct buf *body,
	      const char *doing, const struct column *card)
{
	cJSON *answer;

	if (rc == EXIT_OK) {
		buf_append(&req->body, body->data, body->len);
		rc = remote_ask(r, req, doing, &answer);
	}
	buf_done(body);
	if (rc != EXIT_OK)
		return rc;
	table_card(card, answer, a->json);
	cJSON_Delete(answer);
	return EXIT_OK;
}
