/* SPDX-License-Identifier: Apache-2.0
 *
 * import_evidence.c - where an import looks for the files that its reports name, and the last look. */
#include "daemon/cli/import.h"

#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void import_add_base(struct import *im, int64_t run, const char *path)
{
	if (im->watch == NULL || im->watch->evidence.count == 0 || run == 0)
		return;
	char *absolute = walk_absolute(path), *workspace = evidence_workspace(im->watch, absolute);
	const char *base = workspace != NULL ? workspace : im->common_dir;

	for (size_t i = 0; base != NULL && i < im->base_count; i++) {
		if (im->base[i].run == run && strcmp(im->base[i].path, base) == 0)
			base = NULL;
	}
	if (base != NULL) {
		im->base = xrealloc(im->base, im->base_count + 1, sizeof(*im->base));
		im->base[im->base_count++] = (struct run_base){ run, xstrdup(base) };
	}
	free(workspace);
	free(absolute);
}

void import_say_evidence(const struct import *im, const struct evidence_tally *t)
{
	for (size_t i = 0; i < t->note_count; i++)
		import_say(im, "evidence: %s", t->note[i]);
	if (t->more > 0)
		import_say(im, "evidence: %" PRIu64 " more files are missing or refused", t->more);
}

/* Beneath its own folder, where the command was called, what was named to it, and the watch's roots. */
void import_places(void *cookie, const char *report, struct evidence_places *out)
{
	const struct import *im = cookie;
	char *absolute = walk_absolute(report), *slash = strrchr(absolute, '/');

	if (im->watch != NULL)
		evidence_places_roots(im->watch, absolute, out);
	slash[slash == absolute ? 1 : 0] = '\0';
	struct evidence_places all = { 0 };
	evidence_places_add(&all, NULL, absolute);
	for (size_t i = 0; i < im->places.count; i++)
		evidence_places_add(&all, NULL, im->places.item[i].path);
	for (size_t i = 0; i < out->count; i++)
		evidence_places_add(&all, out->item[i].top, out->item[i].path);
	evidence_places_done(out);
	*out = all;
	free(absolute);
}

void import_look(struct import *im, evidence_looked_fn *done)
{
	const struct config_watch *w = im->watch;
	struct evidence_places base = { 0 };

	for (size_t i = 0; i < im->base_count; i++) {
		if (im->base[i].run == im->runs.id[im->end_at])
			evidence_places_add(&base, NULL, im->base[i].path);
	}
	const struct evidence_look look = {
		.run = im->runs.id[im->end_at],
		.sinks = im->opt.sink,
		.sink_count = im->opt.sink_count,
		.places = import_places,
		.cookie = im,
		.glob = w != NULL ? (const char *const *)w->evidence.item : NULL,
		.glob_count = w != NULL ? w->evidence.count : 0,
		.base = &base,
		.since_ms = INT64_MIN,
		.final = true,
	};

	evidence_gather_look(im->app.gather, &look, done, im);
	evidence_places_done(&base);
}

void import_add_places(struct import *im, char **paths, int count)
{
	char *here = getcwd(NULL, 0);

	if (here != NULL)
		evidence_places_add(&im->places, NULL, here);
	free(here);
	for (int i = 0; i < count; i++) {
		struct stat st;
		if (stat(paths[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		char *absolute = walk_absolute(paths[i]);
		evidence_places_add(&im->places, NULL, absolute);
		free(absolute);
	}
}

void import_evidence_done(struct import *im)
{
	evidence_places_done(&im->places);
	for (size_t i = 0; i < im->base_count; i++)
		free(im->base[i].path);
	free(im->base);
}
