/* SPDX-License-Identifier: Apache-2.0
 *
 * hand_evidence.c - files that the reports name, opened beneath the job's own folders and handed over. */
#include "daemon/cli/import.h"

#include "daemon/base/mem.h"
#include "daemon/cli/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 16 };

/* The roots of one report; entries of a report come one after the other. */
struct looking {
	struct import *im;
	struct control_link *link;
	char *report;
	struct evidence_roots *roots;
	size_t busy;
};

static void look_beside(struct looking *l, const char *report)
{
	struct evidence_places places = { 0 };

	if (l->report != NULL && strcmp(l->report, report) == 0)
		return;
	evidence_roots_free(l->roots);
	free(l->report);
	l->report = xstrdup(report);
	import_places(l->im, report, &places);
	l->roots = evidence_places_open(&places);
	evidence_places_done(&places);
}

static int receive_given(struct looking *l, struct err *err)
{
	cJSON *reply = NULL;
	int rc = reach_reply(l->link, -1, &reply, err);

	l->busy -= rc == 0;
	if (rc == 0 && reply_text(reply, "reason") != NULL)
		import_say(l->im, "evidence: %s", reply_text(reply, "reason"));
	cJSON_Delete(reply);
	return rc;
}

static int give(struct looking *l, const cJSON *entry, struct err *err)
{
	const char *report = reply_text(entry, "report"), *named = reply_text(entry, "named");
	char *path = NULL;
	struct err why = ERR_NONE;
	int fd = -1, rc = 0;

	if (report == NULL || named == NULL || report[0] != '/')
		return 0;
	look_beside(l, report);
	/* What is not there is said once, by the queue, when the run ends. */
	if (evidence_roots_open(l->roots, named, &fd, &path, &why) < 0)
		return 0;
	cJSON *o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "do", "give");
	cJSON_AddNumberToObject(o, "id", reply_number(entry, "id"));
	rc = control_ask(l->link, o, fd, err);
	l->busy += rc == 0;
	close(fd);
	free(path);
	while (rc == 0 && l->busy >= WINDOW)
		rc = receive_given(l, err);
	return rc;
}

static int give_page(struct looking *l, int64_t run, int64_t *after, bool *more, struct err *err)
{
	cJSON *o = cJSON_CreateObject(), *page = NULL;
	const cJSON *entry;

	cJSON_AddStringToObject(o, "do", "evidence");
	cJSON_AddNumberToObject(o, "run", (double)run);
	cJSON_AddNumberToObject(o, "after", (double)*after);
	int rc = control_ask(l->link, o, -1, err);
	if (rc == 0)
		rc = reach_reply(l->link, -1, &page, err);
	*more = rc == 0 && reply_flag(page, "more");
	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(page, "list"))
	{
		*after = (int64_t)reply_number(entry, "id");
		if (rc == 0)
			rc = give(l, entry, err);
	}
	while (rc == 0 && l->busy > 0)
		rc = receive_given(l, err);
	cJSON_Delete(page);
	return rc;
}

int hand_evidence(struct import *im, struct control_link *link, struct err *err)
{
	struct looking l = { .im = im, .link = link };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < im->runs.count; i++) {
		int64_t after = 0;
		bool more = true;
		while (rc == 0 && more)
			rc = give_page(&l, im->runs.id[i], &after, &more, err);
	}
	evidence_roots_free(l.roots);
	free(l.report);
	return rc;
}
