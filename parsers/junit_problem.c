/* SPDX-License-Identifier: Apache-2.0
 *
 * junit_problem.c - what a case's elements say of its outcome (failure, error, skipped and Surefire's further
 * attempts) and what it printed. */
#include "parsers/junit.h"

#include <string.h>

static struct parser *self(void *cookie)
{
	return cookie;
}

/* Where it failed, by those who tell it here and not at the case (Unity's, and other small runners of C). */
static void problem_place(struct parser *p, const char **attrs)
{
	struct build *b = p->build;
	const char *file = xml_attr(attrs, "file"), *line = xml_attr(attrs, "line");
	int64_t n;

	if (file == NULL || *file == '\0' || b->r.line != 0)
		return;
	if (b->r.file == NULL)
		b->r.file = build_string(p, file);
	if (line != NULL && b->r.file != NULL && strcmp(b->r.file, file) == 0 && scalar_line(line, &n))
		b->r.line = n;
}

static void problem_attrs(struct parser *p, struct problem *problem, const char **attrs)
{
	const char **all = attrs;

	problem_place(p, attrs);
	for (; attrs[0] != NULL; attrs += 2) {
		if (strcmp(attrs[0], "message") == 0)
			text_attr(p, &problem->message, TEXT_MESSAGE, attrs[1]);
		else if (strcmp(attrs[0], "type") == 0)
			problem->type = build_string(p, attrs[1]);
		else if (strcmp(attrs[0], "error_msg") == 0 && xml_attr(all, "message") == NULL) /* cocotb */
			text_attr(p, &problem->message, TEXT_MESSAGE, attrs[1]);
		else if (strcmp(attrs[0], "error_type") == 0 && xml_attr(all, "type") == NULL)
			problem->type = build_string(p, attrs[1]);
		else if (strcmp(attrs[0], "time") == 0) /* nextest tells of each attempt */
			problem->duration_ms = build_duration_ms(p, attrs[1]);
		else if (strcmp(attrs[0], "timestamp") == 0)
			problem->started_ms = build_stamp(p, attrs[1]);
	}
}

static void problem_begin(struct parser *p, enum problem_kind kind, enum outcome outcome, const char **attrs)
{
	if (junit_case(p) == NULL)
		return;
	struct problem *problem = build_problem(p, kind, outcome);
	if (problem == NULL) {
		/* Its text goes nowhere, but its end will come. */
		text_push(p, NULL, TEXT_DETAIL, false);
		return;
	}
	problem_attrs(p, problem, attrs);
	text_push(p, &problem->detail, TEXT_DETAIL, false);
}

void junit_failure_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	problem_begin(self(cookie), PROBLEM_FAILED, OUTCOME_FAILED, attrs);
}

void junit_error_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	problem_begin(self(cookie), PROBLEM_ERROR, OUTCOME_ERROR, attrs);
}

void junit_skipped_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	problem_begin(self(cookie), PROBLEM_SKIPPED, OUTCOME_SKIPPED, attrs);
}

/* flakyFailure, flakyError, rerunFailure, rerunError: Surefire's, since taken over by many. */
void junit_other_attempt_open(void *cookie, const char *element, const char **attrs)
{
	const char *name = xml_local(element);

	problem_begin(self(cookie), name[0] == 'f' ? PROBLEM_FLAKY : PROBLEM_RERUN,
		      strstr(name, "Error") != NULL ? OUTCOME_ERROR : OUTCOME_FAILED, attrs);
}

void junit_text_close(void *cookie)
{
	struct parser *p = self(cookie);

	if (junit_case(p) != NULL)
		text_pop(p);
}

/* Parts of a failure's text that have elements of their own: each begins a line, whatever the layout between. */
static void part_line(struct parser *p)
{
	struct build *b = junit_case(p);

	if (b == NULL || b->targets == 0 || b->targets > TARGETS)
		return;
	struct slot *slot = b->target[b->targets - 1].slot;
	if (slot == NULL || slot->cut || slot->len == 0)
		return;
	while (slot->len > 0 && text_blank(slot->s + slot->len - 1, 1)) {
		slot->len--;
		slot->whole--;
	}
	if (slot->len > 0)
		slot_append(p, slot, TEXT_DETAIL, "\n", 1);
}

void junit_part_open(void *cookie, const char *name, const char **attrs)
{
	(void)name;
	(void)attrs;
	part_line(self(cookie));
}

void junit_part_close(void *cookie)
{
	part_line(self(cookie));
}

/* The attempt that is open: the last of the list, unless it was one too many. */
static struct problem *last_problem(struct build *b)
{
	struct problem *last = b->problems;

	if (b->targets == 0 || b->targets > TARGETS || b->target[b->targets - 1].slot == NULL)
		return NULL;
	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

/* ---- output ---- */

/* The same element again goes on in a new line. */
static void output_begin(struct parser *p, struct slot *slot, enum text_kind kind)
{
	if (slot != NULL && slot->len > 0 && slot->s[slot->len - 1] != '\n')
		slot_append(p, slot, kind, "\n", 1);
	text_push(p, slot, kind, true);
}

void junit_out_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, &b->out, TEXT_OUT);
}

void junit_err_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, &b->err, TEXT_ERR);
}

void junit_attempt_trace_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);
	struct problem *last = b != NULL ? last_problem(b) : NULL;

	(void)name;
	(void)attrs;
	if (b == NULL)
		return;
	if (last != NULL && text_blank(last->detail.s, last->detail.len))
		last->detail.len = last->detail.whole = 0;
	if (last != NULL && last->detail.len > 0 && last->detail.s[last->detail.len - 1] != '\n')
		slot_append(p, &last->detail, TEXT_DETAIL, "\n", 1);
	text_push(p, last != NULL ? &last->detail : NULL, TEXT_DETAIL, false);
}

void junit_attempt_out_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);
	struct problem *last = b != NULL ? last_problem(b) : NULL;

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, last != NULL ? &last->out : NULL, TEXT_OUT);
}

void junit_attempt_err_open(void *cookie, const char *name, const char **attrs)
{
	struct parser *p = self(cookie);
	struct build *b = junit_case(p);
	struct problem *last = b != NULL ? last_problem(b) : NULL;

	(void)name;
	(void)attrs;
	if (b != NULL)
		output_begin(p, last != NULL ? &last->err : NULL, TEXT_ERR);
}
