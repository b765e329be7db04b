/* SPDX-License-Identifier: Apache-2.0
 *
 * junit.h - what the files that read JUnit's XML share: the handlers that junit.c puts into its table.
 *
 * Each is called at the beginning or the end of its element, with the parser as cookie. */
#ifndef RD_PARSERS_JUNIT_H
#define RD_PARSERS_JUNIT_H

#include "parsers/state.h"

/* What is inside a case belongs to p->build, which a hostile nesting may have closed. */
static inline struct build *junit_case(struct parser *p)
{
	return p->build;
}

/* junit_suite.c */
/* Further attributes of this element are left out: a warning says so. */
bool junit_enough(struct parser *p, unsigned attributes);
void junit_suite_close(void *cookie);
void junit_suite_open(void *cookie, const char *element, const char **attrs);
void junit_suite_out_close(void *cookie);
void junit_suite_out_open(void *cookie, const char *element, const char **attrs);
void junit_suite_problem(void *cookie, const char *element, const char **attrs);
void junit_suite_property_close(void *cookie);
void junit_suite_property_open(void *cookie, const char *element, const char **attrs);

/* junit_problem.c: failures, attempts, output */
void junit_attempt_err_open(void *cookie, const char *element, const char **attrs);
void junit_attempt_out_open(void *cookie, const char *element, const char **attrs);
void junit_attempt_trace_open(void *cookie, const char *element, const char **attrs);
void junit_err_open(void *cookie, const char *element, const char **attrs);
void junit_error_open(void *cookie, const char *element, const char **attrs);
void junit_failure_open(void *cookie, const char *element, const char **attrs);
void junit_other_attempt_open(void *cookie, const char *element, const char **attrs);
void junit_out_open(void *cookie, const char *element, const char **attrs);
void junit_part_close(void *cookie);
void junit_part_open(void *cookie, const char *element, const char **attrs);
void junit_skipped_open(void *cookie, const char *element, const char **attrs);
void junit_text_close(void *cookie);

/* junit_property.c: properties of a case, and what nobody knows */
void junit_item_close(void *cookie);
void junit_item_open(void *cookie, const char *element, const char **attrs);
void junit_property_close(void *cookie);
void junit_property_open(void *cookie, const char *element, const char **attrs);
void junit_unknown_close(void *cookie);
void junit_unknown_open(void *cookie, const char *element, const char **attrs);

#endif
