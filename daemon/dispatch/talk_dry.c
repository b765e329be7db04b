/* SPDX-License-Identifier: Apache-2.0
 *
 * talk_dry.c - a dry run: every write is told instead of sent, and answered as its sink imagines, so that the walk
 * goes on to its end.  What that teaches is noted in the queue of the dry run, which is thrown away. */
#include "daemon/dispatch/talk.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 100, TEXT_MAX = 64 << 10, LINE_MAX_BYTES = 600 };

struct foreseen {
	struct buf lines; /* each ended by a line break */
	size_t line_count, more;
	size_t results, posts, files;
	char last[LINE_MAX_BYTES];
};

static struct foreseen *of(struct conversation *c)
{
	if (c->foreseen == NULL) {
		c->foreseen = xcalloc(1, sizeof(*c->foreseen));
		c->foreseen->lines = BUF_LIMIT(TEXT_MAX);
	}
	return c->foreseen;
}

void talk_foreseen_free(struct conversation *c)
{
	if (c->foreseen == NULL)
		return;
	buf_done(&c->foreseen->lines);
	free(c->foreseen);
	c->foreseen = NULL;
}

/* Names come from reports: a line is a line. */
static void add_line(struct foreseen *f, const struct buf *words)
{
	char line[LINE_MAX_BYTES];
	size_t n = utf8_cut(words->data, words->len, sizeof(line) - 1);

	for (size_t i = 0; i < n; i++)
		line[i] = (unsigned char)words->data[i] < 0x20 ? ' ' : words->data[i];
	line[n] = '\0';
	if (strcmp(f->last, line) == 0)
		return;
	memcpy(f->last, line, n + 1);
	if (f->line_count == LINES_MAX || buf_printf(&f->lines, "%s\n", line) < 0) {
		f->more++;
		return;
	}
	f->line_count++;
}

/* Without words of the sink: what is made alone is known by its name. */
static void say_by_name(const struct conversation *c, struct buf *words)
{
	const struct request *r = &c->request;
	cJSON *body = r->body.data != NULL ? cJSON_ParseWithLength(r->body.data, r->body.len) : NULL;
	const char *name = sink_string(body, "name");

	if (name == NULL)
		name = sink_string(body, "title");
	if (c->step->rows == ROWS_NONE && strncmp(c->step->name, "add-", 4) == 0)
		buf_printf(words, "make the %s%s%s%s", c->step->name + 4, name != NULL ? " \"" : "",
			   name != NULL ? name : "", name != NULL ? "\"" : "");
	cJSON_Delete(body);
}

void talk_foresee(struct conversation *c)
{
	const struct sink *sink = c->lane->sink;
	struct imagined what = { .words = BUF_LIMIT(TEXT_MAX) };
	struct foreseen *f = of(c);
	const char *answer = sink->imagine != NULL ? sink->imagine(&c->t, &c->request, &what) : NULL;

	if (what.words.len == 0 && what.results == 0)
		say_by_name(c, &what.words);
	if (what.words.len > 0)
		add_line(f, &what.words);
	buf_done(&what.words);
	f->results += what.results;
	f->posts += what.results > 0;
	f->files += what.files;
	if (answer == NULL) {
		talk_go_next(c);
		return;
	}
	struct reply reply;
	reply_init(&reply);
	reply.exchange = EXCHANGE_ANSWERED;
	reply.status = 200;
	buf_puts(&reply.body, answer);
	c->requests++;
	talk_reply(c, &reply);
	reply_done(&reply);
}

/* What is owed still, since no sink has answered for it. */
static void add_owed(const struct conversation *c, struct foreseen *f, struct buf *text)
{
	const struct owed *o = &c->owed;
	size_t batch = c->lane->batch > 0 ? c->lane->batch : 1;
	uint64_t results = f->results + o->owed, posts = f->posts + (o->owed + batch - 1) / batch;

	if (o->places > 0)
		buf_printf(text, "make %" PRIu64 " sections\n", o->places);
	if (o->unbound > 0)
		buf_printf(text, "make cases for %" PRIu64 " tests\n", o->unbound);
	if (results == 0)
		buf_puts(text, "post nothing");
	else
		buf_printf(text, "post %" PRIu64 " result%s in %" PRIu64 " request%s", results,
			   results == 1 ? "" : "s", posts, posts == 1 ? "" : "s");
	uint64_t files = f->files + o->evidence_owed + o->evidence_waiting;
	if (files > 0)
		buf_printf(text, "\nattach %" PRIu64 " file%s", files, files == 1 ? "" : "s");
	if (o->parked > 0)
		buf_printf(text, "\npark %" PRIu64 " test%s", o->parked, o->parked == 1 ? "" : "s");
}

void talk_foreseen_end(struct conversation *c)
{
	struct foreseen *f = of(c);
	struct buf text = BUF_LIMIT(TEXT_MAX + 4096);

	buf_puts(&text, DISPATCH_PLAN);
	if (f->lines.len > 0)
		buf_append(&text, f->lines.data, f->lines.len);
	if (f->more > 0)
		buf_printf(&text, "... and %zu more\n", f->more);
	add_owed(c, f, &text);
	talk_note(c, SETTLE_PARK, 0, text.data != NULL ? text.data : "", talk_end);
	buf_done(&text);
}
