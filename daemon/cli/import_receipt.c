/* SPDX-License-Identifier: Apache-2.0
 *
 * import_receipt.c - what an import tells: while it works, at its end as a table or as the receipt, and by its exit
 * code. */
#include "daemon/cli/import.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void import_say(const struct import *im, const char *fmt, ...)
{
	va_list ap;

	if (im->opt.progress == 1)
		fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void import_add_file(struct import *im, const char *path, const char *state, bool complete, uint64_t cases,
		     const char *reason)
{
	if (im->files == NULL)
		return;
	cJSON *f = cJSON_CreateObject();
	cJSON_AddStringToObject(f, "path", path);
	cJSON_AddStringToObject(f, "state", state);
	cJSON_AddBoolToObject(f, "complete", complete);
	cJSON_AddNumberToObject(f, "cases", (double)cases);
	if (reason != NULL && reason[0] != '\0')
		cJSON_AddStringToObject(f, "reason", reason);
	cJSON_AddItemToArray(im->files, f);
}

void import_add_unreadable(struct import *im, const char *text)
{
	const char *why = strstr(text, ": ");
	char *path = xstrndup(text, why != NULL ? (size_t)(why - text) : strlen(text));

	import_add_file(im, path, "unreadable", false, 0, text);
	free(path);
}

/* ---- the end ---- */

static cJSON *lines_of(const char *text)
{
	cJSON *list = cJSON_CreateArray();

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *line = xstrndup(text, n);
		cJSON_AddItemToArray(list, cJSON_CreateString(line));
		free(line);
		text += n + (text[n] != '\0');
	}
	return list;
}

/* What stands as parked in the throw-away queue of a dry run is the plan. */
static void show_plan(cJSON *runs)
{
	cJSON *run, *d;

	cJSON_ArrayForEach(run, runs)
	{
		cJSON_ArrayForEach(d, cJSON_GetObjectItem(run, "deliveries"))
		{
			const cJSON *state = cJSON_GetObjectItem(d, "state");
			const cJSON *words = cJSON_GetObjectItem(d, "last_error");
			size_t prefix = sizeof(DISPATCH_PLAN) - 1;
			if (!cJSON_IsString(state) || strcmp(state->valuestring, "parked") != 0 ||
			    !cJSON_IsString(words) || strncmp(words->valuestring, DISPATCH_PLAN, prefix) != 0)
				continue; /* parked in truth: the configuration or the tracker is at fault */
			char *plan = xstrdup(words->valuestring + prefix);
			cJSON_ReplaceItemInObject(d, "state", cJSON_CreateString("planned"));
			/* Nothing of it has happened. */
			cJSON_ReplaceItemInObject(d, "posted", cJSON_CreateNumber(0));
			cJSON_ReplaceItemInObject(d, "evidence", cJSON_CreateNumber(0));
			cJSON_DeleteItemFromObject(d, "remote_id");
			cJSON_DeleteItemFromObject(d, "url");
			cJSON_ReplaceItemInObject(d, "last_error", cJSON_CreateString(plan));
			cJSON_AddItemToObject(d, "plan", lines_of(plan));
			free(plan);
		}
	}
}

void import_finish(struct import *im, cJSON *runs)
{
	if (im->opt.dry_run)
		show_plan(runs);

	if (im->files != NULL) {
		cJSON *receipt = cJSON_CreateObject();
		cJSON_AddItemToObject(receipt, "files", im->files);
		cJSON_AddItemToObject(receipt, "runs", runs);
		im->files = NULL;
		char *text = utf8_mended(cJSON_PrintUnformatted(receipt));
		puts(text != NULL ? text : "{}");
		free(text);
		cJSON_Delete(receipt);
	} else {
		outcome_print(stdout, runs);
		printf("%" PRIu64 " files accepted", im->accepted);
		const struct {
			uint64_t n;
			const char *what;
		} row[] = {
			{ im->duplicates, "duplicate" },  { im->doubles, "told by others too" },
			{ im->skipped, "not a report" },  { im->malformed, "malformed" },
			{ im->unreadable, "unreadable" }, { im->no_room, "not taken for want of room" },
			{ im->incomplete, "incomplete" },
		};
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			if (row[i].n > 0)
				printf(", %" PRIu64 " %s", row[i].n, row[i].what);
		}
		putchar('\n');
		if (im->timed_out)
			printf("Accepted and durable, not delivered yet: \"resultd deliver\" goes on.\n");
		cJSON_Delete(runs);
	}
	fflush(stdout);
}

/* If several apply, the first of 2, 70, 5, 1, 4, 3.  (design.md, section 2) */
int import_exit_code(const struct import *im)
{
	bool none = im->accepted + im->duplicates + im->no_room == 0;

	if (im->malformed + im->unreadable + im->incomplete + im->walk.unreadable_count > 0 ||
	    (none && !im->opt.allow_empty))
		return EXIT_INPUT;
	if (im->opt.fail_on_failed && im->failed > 0)
		return EXIT_FAIL_ON;
	if (im->totals.parked > 0 && !im->opt.dry_run)
		return EXIT_PARKED;
	return im->timed_out ? EXIT_UNDELIVERED : EXIT_OK;
}
