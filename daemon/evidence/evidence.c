/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.c - evidence of one report. */
#include "daemon/evidence/evidence.h"

#include "daemon/base/mem.h"
#include "daemon/evidence/data.h"
#include "daemon/evidence/mask.h"
#include "sinks/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TEXTS_MAX = 8,    /* long texts of one result */
	KNOWN_MAX = 1024, /* names of one report that are remembered */
	KNOWN_BYTES = 1 << 20,
	NOTES_MAX = 20,
	SCRATCH_MAX = 4 << 20,
	SHORT_NAME = 4096, /* of a named file: what is longer is no path */
};

/* ---- what is wanted ---- */

static void join_policy(struct evidence_policy *all, const struct evidence_policy *one, bool first,
			struct arena *a)
{
	if (one->results == EVIDENCE_OF_ALL || all->results == EVIDENCE_OF_NONE)
		all->results = one->results;
	all->report |= one->report;
	if (first) {
		all->max_size = one->max_size;
		all->max_files = one->max_files;
		all->types = one->types;
		all->type_count = one->type_count;
		return;
	}
	/* 0 is no limit, and no type is any type. */
	all->max_size = all->max_size == 0 || one->max_size == 0 ? 0
			: all->max_size > one->max_size          ? all->max_size
								 : one->max_size;
	all->max_files = all->max_files == 0 || one->max_files == 0 ? 0
			 : all->max_files > one->max_files          ? all->max_files
								    : one->max_files;
	size_t count = all->type_count + one->type_count;
	const char **types =
		all->type_count == 0 || one->type_count == 0 ? NULL : arena_calloc(a, count, sizeof(*types));
	if (types != NULL) {
		memcpy(types, all->types, all->type_count * sizeof(*types));
		memcpy(types + all->type_count, one->types, one->type_count * sizeof(*types));
	}
	all->types = types;
	all->type_count = types != NULL ? count : 0;
}

void evidence_policy_of(const struct config *config, const char *const *sinks, size_t count, struct arena *a,
			struct evidence_policy *out)
{
	bool first = true;

	*out = (struct evidence_policy){ .results = EVIDENCE_OF_NONE };
	for (size_t i = 0; i < config->sink_count; i++) {
		const struct config_sink *s = &config->sink[i];
		const struct sink *sink = sink_find(s->type->name);
		struct evidence_policy one = { .results = EVIDENCE_OF_NONE };
		bool named = count == 0;
		for (size_t j = 0; j < count && !named; j++)
			named = strcmp(sinks[j], s->name) == 0;
		if (!named || sink == NULL || sink->evidence == NULL)
			continue;
		sink->evidence(s->conf, &one);
		if (!evidence_asked(&one))
			continue;
		join_policy(out, &one, first, a);
		first = false;
	}
}

bool evidence_asked(const struct evidence_policy *p)
{
	return p->results != EVIDENCE_OF_NONE || p->report;
}

/* ---- one file ---- */

static void name_it(struct evidence *e, const char *path, const char *otherwise, struct arena *a)
{
	char name[EVIDENCE_NAME_MAX + 1];

	evidence_clean_name(e->name != NULL && *e->name != '\0' ? e->name : path, otherwise, name);
	e->name = arena_strdup(a, name);
}

static void blob_is(struct evidence *e, const struct evidence_blob *blob, struct arena *a)
{
	e->state = EVIDENCE_KEPT;
	e->reason = NULL;
	e->kept = arena_strdup(a, blob->kept);
	e->size = blob->size;
	memcpy(e->sha256, blob->sha256, sizeof(e->sha256));
	if (e->kept == NULL) {
		e->state = EVIDENCE_REFUSED;
		e->reason = "it has too many names";
	}
}

static void refuse(struct evidence *e, const char *why, struct arena *a)
{
	e->state = EVIDENCE_REFUSED;
	e->size = 0;
	e->reason = arena_strdup(a, why);
	if (e->reason == NULL)
		e->reason = "refused";
}

/* Whether it is wanted at all, from its size, name and first bytes. */
static enum evidence_want look(const struct evidence_policy *policy, struct evidence *e, bool of_run,
			       bool bad, const void *head, size_t len, struct arena *a)
{
	const char *why = NULL;

	if (e->type == NULL)
		e->type = evidence_type(e->name != NULL ? e->name : "", head, len);
	enum evidence_want want = evidence_wanted(policy, e, of_run, bad, a, &why);

	if (want == EVIDENCE_UNWANTED)
		refuse(e, why != NULL ? why : "it is not wanted", a);
	return want;
}

bool evidence_keep_file(struct evidence_batch *b, const struct evidence_policy *policy, int fd, bool of_run,
			bool bad, struct arena *a, struct evidence *e)
{
	unsigned char head[EVIDENCE_HEAD];
	struct evidence_blob blob;
	struct err err = ERR_NONE;
	struct stat st;

	name_it(e, e->named, "attachment", a);
	ssize_t n = pread(fd, head, sizeof(head), 0);
	if (fstat(fd, &st) < 0 || n < 0) {
		refuse(e, strerror(errno), a);
		return true;
	}
	e->state = EVIDENCE_KEPT;
	e->size = (uint64_t)st.st_size;
	switch (look(policy, e, of_run, bad, head, (size_t)n, a)) {
	case EVIDENCE_UNASKED:
		return false;
	case EVIDENCE_UNWANTED:
		return true;
	case EVIDENCE_WANTED:
		break;
	}
	int rc =
		evidence_batch_copy(b, fd, policy->max_size > 0 ? policy->max_size : UINT64_MAX, &blob, &err);
	if (rc == -EAGAIN) {
		e->state = EVIDENCE_AWAITED;
		e->size = 0;
	} else if (rc < 0) {
		refuse(e, err.text, a);
	} else {
		blob_is(e, &blob, a);
	}
	return true;
}

/* ---- how many ---- */

static void note(struct evidence_tally *t, const struct evidence *e)
{
	char *line = xasprintf("%.300s: %s", e->named, e->reason != NULL ? e->reason : "refused");

	for (size_t i = 0; i < t->note_count; i++) {
		if (strcmp(t->note[i], line) == 0) {
			free(line);
			return;
		}
	}
	if (t->note_count == NOTES_MAX) {
		t->more++;
		free(line);
		return;
	}
	t->note = xrealloc(t->note, t->note_count + 1, sizeof(*t->note));
	t->note[t->note_count++] = line;
}

void evidence_tally_add(struct evidence_tally *t, const struct evidence *e)
{
	switch (e->state) {
	case EVIDENCE_KEPT:
		t->kept++;
		break;
	case EVIDENCE_AWAITED:
		t->awaited++;
		break;
	case EVIDENCE_MISSING:
		t->missing++;
		note(t, e);
		break;
	case EVIDENCE_REFUSED:
		t->refused++;
		note(t, e);
		break;
	}
}

void evidence_tally_done(struct evidence_tally *t)
{
	for (size_t i = 0; i < t->note_count; i++)
		free(t->note[i]);
	free(t->note);
	*t = (struct evidence_tally){ 0 };
}

/* ---- a capture ---- */

/* A name that was looked at already, of many tests that name one file. */
struct known {
	const char *named;
	struct evidence e;
};

struct text_file {
	enum text_kind kind;
	struct evidence_spool *spool;
};

struct evidence_capture {
	struct evidence_take take;
	struct part_writer *writer;
	struct evidence_batch *batch;
	struct text_file text[TEXTS_MAX];
	size_t text_count, texts_left_out;
	struct evidence_spool *open; /* where text_chunk() goes; NULL: nowhere */
	struct arena scratch;        /* of one result */
	struct arena names;          /* of what is known */
	struct known known[KNOWN_MAX];
	size_t known_count;
	uint64_t run_files;
	struct evidence_tally tally;
};

struct evidence_capture *evidence_capture_new(const struct evidence_take *take, struct part_writer *w)
{
	struct evidence_capture *c = xcalloc(1, sizeof(*c));

	c->take = *take;
	c->writer = w;
	c->batch = evidence_batch_new(take->store);
	c->scratch = ARENA_LIMIT(SCRATCH_MAX);
	c->names = ARENA_LIMIT(KNOWN_BYTES);
	return c;
}

static void drop_texts(struct evidence_capture *c)
{
	for (size_t i = 0; i < c->text_count; i++)
		evidence_spool_drop(c->text[i].spool);
	c->text_count = c->texts_left_out = 0;
	c->open = NULL;
}

void evidence_capture_free(struct evidence_capture *c)
{
	if (c == NULL)
		return;
	drop_texts(c);
	evidence_tally_done(&c->tally);
	evidence_batch_free(c->batch);
	arena_done(&c->scratch);
	arena_done(&c->names);
	free(c);
}

void evidence_capture_restart(struct evidence_capture *c)
{
	drop_texts(c);
	evidence_tally_done(&c->tally);
	c->run_files = 0;
	/* What was copied is named by its content, and will be found again. */
}

const struct evidence_tally *evidence_capture_tally(const struct evidence_capture *c)
{
	return &c->tally;
}

static int give(struct evidence_capture *c, const struct evidence *e, bool of_run, struct err *err)
{
	evidence_tally_add(&c->tally, e);
	return part_writer_evidence(c->writer, e, of_run, err);
}

/* ---- what a report names ---- */

static const struct known *find_known(const struct evidence_capture *c, const char *named, const char *name,
				      size_t *at)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (const char *s = named; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	for (*at = (size_t)(h % KNOWN_MAX); c->known[*at].named != NULL; *at = (*at + 1) % KNOWN_MAX) {
		const struct known *k = &c->known[*at];
		if (strcmp(k->named, named) == 0 && name == NULL)
			return k;
	}
	return NULL;
}

static void remember(struct evidence_capture *c, size_t at, const struct evidence *e)
{
	struct known *k = &c->known[at];

	/* Some places stay free, so that a search ends. */
	if (c->known_count >= KNOWN_MAX / 2 || k->named != NULL || e->state == EVIDENCE_AWAITED)
		return;
	struct evidence copy = *e;
	copy.named = arena_strdup(&c->names, e->named);
	copy.name = arena_strdup(&c->names, e->name);
	copy.kept = arena_strdup(&c->names, e->kept);
	copy.reason = arena_strdup(&c->names, e->reason);
	copy.type = arena_strdup(&c->names, e->type);
	if (copy.named == NULL || (e->name != NULL && copy.name == NULL) ||
	    (e->kept != NULL && copy.kept == NULL) || (e->reason != NULL && copy.reason == NULL) ||
	    (e->type != NULL && copy.type == NULL))
		return;
	k->named = copy.named;
	k->e = copy;
	c->known_count++;
}

static bool take_data(struct evidence_capture *c, const char *url, bool of_run, bool bad, struct evidence *e)
{
	uint64_t max = c->take.policy->max_size;
	struct buf content = BUF_LIMIT(max > 0 && max < SIZE_MAX / 4 ? (size_t)max : SIZE_MAX / 4);
	struct evidence_data what;
	struct evidence_blob blob;
	struct err err = ERR_NONE;
	char name[64];
	bool asked = true;

	int rc = evidence_data_decode(url, &content, &what, &err);
	e->named = what.type[0] != '\0' ? arena_printf(&c->scratch, "data:%s", what.type) : "data:";
	if (e->named == NULL)
		e->named = "data:";
	if ((e->name == NULL || *e->name == '\0') && what.name[0] != '\0')
		e->name = what.name;
	const char *head = content.data != NULL ? content.data : "";
	size_t len = content.len < EVIDENCE_HEAD ? content.len : EVIDENCE_HEAD;
	e->type = what.type[0] != '\0' ? arena_strdup(&c->scratch, what.type)
				       : evidence_type(e->name != NULL ? e->name : "", head, len);
	snprintf(name, sizeof(name), "attachment%s", evidence_extension(e->type != NULL ? e->type : ""));
	name_it(e, "", name, &c->scratch);
	e->size = content.len;
	if (rc < 0)
		refuse(e, err.text, &c->scratch);
	else
		switch (look(c->take.policy, e, of_run, bad, head, len, &c->scratch)) {
		case EVIDENCE_UNASKED:
			asked = false;
			break;
		case EVIDENCE_UNWANTED:
			break;
		case EVIDENCE_WANTED:
			if (evidence_batch_bytes(c->batch, head, content.len, &blob, &err) < 0)
				refuse(e, err.text, &c->scratch);
			else
				blob_is(e, &blob, &c->scratch);
			break;
		}
	buf_done(&content);
	return asked;
}

static bool take_path(struct evidence_capture *c, bool of_run, bool bad, struct evidence *e)
{
	struct err err = ERR_NONE;
	char *path = NULL;
	int fd = -1;
	bool asked = true;

	if (c->take.roots == NULL) {
		e->state = EVIDENCE_AWAITED;
		return evidence_wanted(c->take.policy, e, of_run, bad, &c->scratch, NULL) != EVIDENCE_UNASKED;
	}
	int rc = evidence_roots_open(c->take.roots, e->named, &fd, &path, &err);
	if (rc == 0) {
		asked = evidence_keep_file(c->batch, c->take.policy, fd, of_run, bad, &c->scratch, e);
		close(fd);
		free(path);
	} else if (rc == -ENOENT) {
		e->state = EVIDENCE_AWAITED;
		asked = evidence_wanted(c->take.policy, e, of_run, bad, &c->scratch, NULL) !=
			EVIDENCE_UNASKED;
	} else {
		refuse(e, err.text, &c->scratch);
	}
	return asked;
}

/* files: how many the test (or the run) has already; counts on. */
static int take_named(struct evidence_capture *c, const char *named, const char *name, bool of_run, bool bad,
		      uint64_t *files, struct err *err)
{
	const struct evidence_policy *p = c->take.policy;
	enum evidence_kind kind = evidence_kind(named);
	struct evidence e = { .named = named, .name = name, .origin = EVIDENCE_NAMED };
	size_t at = 0;

	/* What lies elsewhere in the world stays there; its address stands in the result. */
	if (kind == EVIDENCE_IS_ADDRESS)
		return 0;
	if (kind == EVIDENCE_IS_DATA)
		e.origin = EVIDENCE_DATA;
	if (evidence_wanted(p, &e, of_run, bad, &c->scratch, NULL) == EVIDENCE_UNASKED)
		return 0;
	const struct known *k = kind == EVIDENCE_IS_PATH ? find_known(c, named, name, &at) : NULL;
	if (p->max_files > 0 && *files >= p->max_files) {
		if (kind == EVIDENCE_IS_DATA)
			e.named = "data:";
		refuse(&e, "", &c->scratch);
		e.reason = arena_printf(&c->scratch, "there are more than %u files of this %s", p->max_files,
					of_run ? "run" : "test");
		if (e.reason == NULL)
			e.reason = "there are too many files";
	} else if (k != NULL) {
		e = k->e;
	} else if (kind == EVIDENCE_IS_DATA) {
		if (!take_data(c, named, of_run, bad, &e))
			return 0;
	} else {
		if (strlen(named) > SHORT_NAME) {
			e.named = arena_printf(&c->scratch, "%.200s...", named);
			if (e.named == NULL)
				e.named = "?";
			refuse(&e, "its name is too long", &c->scratch);
		} else if (!take_path(c, of_run, bad, &e)) {
			return 0;
		}
		if (name == NULL)
			remember(c, at, &e);
	}
	*files += e.state == EVIDENCE_KEPT || e.state == EVIDENCE_AWAITED;
	return give(c, &e, of_run, err);
}

int evidence_capture_run(struct evidence_capture *c, const char *named, const char *name, struct err *err)
{
	arena_reset(&c->scratch);
	return take_named(c, named, name, true, false, &c->run_files, err);
}

/* ---- texts ---- */

void evidence_capture_text_begin(struct evidence_capture *c, enum text_kind kind)
{
	c->open = NULL;
	if (c->take.policy->results == EVIDENCE_OF_NONE)
		return;
	if (c->text_count == TEXTS_MAX) {
		c->texts_left_out++;
		return;
	}
	uint64_t max = c->take.policy->max_size;
	c->open = evidence_spool_new(c->batch, max > 0 ? max : UINT64_MAX);
	c->text[c->text_count++] = (struct text_file){ kind, c->open };
}

void evidence_capture_text(struct evidence_capture *c, const char *data, size_t len)
{
	if (c->open != NULL)
		evidence_spool_add(c->open, data, len);
}

void evidence_capture_text_end(struct evidence_capture *c)
{
	c->open = NULL;
}

static const char *text_name(const struct evidence_capture *c, size_t index, char *name, size_t size)
{
	static const char *const words[] = {
		[TEXT_MESSAGE] = "message",
		[TEXT_DETAIL] = "failure",
		[TEXT_OUT] = "stdout",
		[TEXT_ERR] = "stderr",
	};
	enum text_kind kind = c->text[index].kind;
	unsigned before = 0;

	for (size_t i = 0; i < index; i++)
		before += c->text[i].kind == kind;
	if (before == 0)
		snprintf(name, size, "%s.txt", words[kind]);
	else
		snprintf(name, size, "%s-%u.txt", words[kind], before + 1);
	return name;
}

static int take_text(struct evidence_capture *c, size_t index, bool bad, uint64_t *files, struct err *err)
{
	const struct evidence_policy *p = c->take.policy;
	struct evidence_spool *spool = c->text[index].spool;
	char name[32];
	struct evidence e = { .origin = EVIDENCE_TEXT, .type = "text/plain" };
	struct evidence_blob blob;
	struct err failed = ERR_NONE;
	bool cut = false;

	c->text[index].spool = NULL;
	e.named = e.name = text_name(c, index, name, sizeof(name));
	enum evidence_want want = look(p, &e, false, bad, "", 0, &c->scratch);
	if (want == EVIDENCE_WANTED && p->max_files > 0 && *files >= p->max_files) {
		refuse(&e, "there are too many files of this test", &c->scratch);
		want = EVIDENCE_UNWANTED;
	}
	if (want != EVIDENCE_WANTED) {
		evidence_spool_drop(spool);
		return want == EVIDENCE_UNASKED ? 0 : give(c, &e, false, err);
	}
	/* As much as may be sent of it is still worth more than nothing. */
	if (evidence_spool_end(spool, &cut, &blob, &failed) < 0)
		refuse(&e, failed.text, &c->scratch);
	else
		blob_is(&e, &blob, &c->scratch);
	*files += e.state == EVIDENCE_KEPT;
	return give(c, &e, false, err);
}

/* ---- results ---- */

int evidence_capture_result(struct evidence_capture *c, const struct result *r, struct err *err)
{
	bool bad = r->outcome >= OUTCOME_FAILED || r->flaky || r->known_failure;
	uint64_t files = 0;
	int rc = 0;

	if (r->evidence_count > 0 || c->text_count > 0)
		arena_reset(&c->scratch);
	for (size_t i = 0; i < r->evidence_count && rc == 0; i++)
		rc = take_named(c, r->evidence[i].path, r->evidence[i].name, false, bad, &files, err);
	for (size_t i = 0; i < c->text_count && rc == 0; i++)
		rc = take_text(c, i, bad, &files, err);
	drop_texts(c);
	return rc;
}

const struct evidence_hint *evidence_short_hints(const struct result *r, struct arena *a)
{
	struct evidence_hint *list = NULL;

	for (size_t i = 0; i < r->evidence_count; i++) {
		const char *path = r->evidence[i].path;
		if (evidence_kind(path) != EVIDENCE_IS_DATA)
			continue;
		if (list == NULL) {
			list = arena_alloc(a, r->evidence_count * sizeof(*list));
			if (list == NULL)
				return r->evidence;
			memcpy(list, r->evidence, r->evidence_count * sizeof(*list));
		}
		size_t len = strcspn(path, ",");
		const char *kept = len < DATA_TYPE_MAX ? arena_strndup(a, path, len) : "data:";
		list[i].path = kept != NULL ? kept : "data:";
	}
	return list != NULL ? list : r->evidence;
}

/* ---- the report ---- */

int evidence_capture_report(struct evidence_capture *c, int fd, const char *path,
			    bool (*redacted)(void *cookie, const char *name), void *cookie, struct err *err)
{
	const struct evidence_policy *p = c->take.policy;
	struct evidence e = { .named = path, .origin = EVIDENCE_REPORT, .type = "application/xml" };
	struct evidence_blob blob;
	struct err failed = ERR_NONE;
	size_t len = strlen(path);
	bool cut = false;

	if (!p->report)
		return 0;
	arena_reset(&c->scratch);
	e.name = len > 3 && strcmp(path + len - 3, ".gz") == 0 ? arena_strndup(&c->scratch, path, len - 3)
							       : path;
	name_it(&e, path, "report.xml", &c->scratch);
	uint64_t max = p->max_size > 0 ? p->max_size : UINT64_MAX;
	struct evidence_spool *spool = evidence_spool_new(c->batch, max);
	int rc = evidence_mask_report(fd, redacted, cookie, spool, &failed);
	if (rc < 0)
		evidence_spool_drop(spool);
	else
		rc = evidence_spool_end(spool, &cut, &blob, &failed);
	if (rc < 0)
		refuse(&e, failed.text, &c->scratch);
	else
		blob_is(&e, &blob, &c->scratch);
	return give(c, &e, true, err);
}

int evidence_capture_end(struct evidence_capture *c, struct err *err)
{
	drop_texts(c);
	return evidence_batch_sync(c->batch, err);
}
