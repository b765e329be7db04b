/* SPDX-License-Identifier: Apache-2.0
 *
 * fold.c - attempts folded into a test, tests folded into what is posted for one case, and the text that
 * tells a person how it came to that.  Pure functions over read-only rows; the text never passes its
 * ceiling, and what is cut says so. */
#include "sinks/sink.h"

#include "daemon/base/clock.h"
#include "daemon/base/utf8.h"

#include <math.h>
#include <stdio.h>

#define MESSAGE_SHOWN  600  /* bytes of a message where it is one line of a list */
#define DETAIL_SHOWN   2000 /* of the detail of an earlier attempt */
#define ATTEMPTS_SHOWN 20
#define TESTS_SHOWN    100
#define CUT_MARK       "\n[cut here]"

/* ---- verdicts ---- */

size_t fold_attempts(const struct result *r)
{
	return r->attempt_count > 0 ? r->attempt_count : 1;
}

struct attempt fold_attempt(const struct result *r, size_t i)
{
	if (r->attempt_count > 0)
		return r->attempts[i];
	return (struct attempt){
		.outcome = r->outcome,
		.duration_ms = r->duration_ms,
		.started_ms = r->started_ms,
		.failure = r->failure,
		.out = r->out,
		.err = r->err,
	};
}

/* A skip beside a pass is no contradiction: only a failure makes a later pass flaky. */
static bool failed_once(const struct result *r)
{
	if (result_retried(r))
		return true;
	for (size_t i = 0; i < fold_attempts(r); i++) {
		if (fold_attempt(r, i).outcome >= OUTCOME_FAILED)
			return true;
	}
	return false;
}

struct folded fold_test(const struct row_test *test, struct arena *a)
{
	const struct result *last = test->results[test->result_count - 1];
	struct folded f = {
		.result = last,
		.verdict = result_verdict(last),
		.duration_ms = result_duration_ms(last),
		.tests = test,
		.test_count = 1,
	};

	(void)a;
	if (!(f.duration_ms >= 0) || !isfinite(f.duration_ms))
		f.duration_ms = -1;
	for (size_t i = 0; f.verdict == VERDICT_PASSED && i < test->result_count; i++) {
		if (failed_once(test->results[i]))
			f.verdict = VERDICT_FLAKY;
	}
	return f;
}

/* A known failure is worse news than a skip and better than a failure that nobody expected. */
static int weight(enum verdict v)
{
	switch (v) {
	case VERDICT_PASSED:
		return 0;
	case VERDICT_FLAKY:
		return 1;
	case VERDICT_SKIPPED:
		return 2;
	case VERDICT_KNOWN_FAILURE:
		return 3;
	case VERDICT_FAILED:
		return 4;
	case VERDICT_ERROR:
		return 5;
	}
	return 5;
}

/* Whether b ended after a; without stamps the order of the report stands. */
static bool later(const struct result *a, const struct result *b)
{
	if (a->started_ms == TIME_UNKNOWN || b->started_ms == TIME_UNKNOWN)
		return true;
	return b->started_ms >= a->started_ms;
}

/* SEVERAL_EACH is the caller's loop over fold_test(); here it decides like `worst`. */
struct folded fold_row(const struct row *row, enum several how, struct arena *a)
{
	struct folded f = fold_test(&row->tests[0], a);

	for (size_t i = 1; i < row->test_count; i++) {
		struct folded next = fold_test(&row->tests[i], a);
		bool takes = how == SEVERAL_LAST ? later(f.result, next.result)
						 : weight(next.verdict) > weight(f.verdict);
		if (next.duration_ms >= 0)
			f.duration_ms =
				f.duration_ms >= 0 ? f.duration_ms + next.duration_ms : next.duration_ms;
		if (takes) {
			f.result = next.result;
			f.verdict = next.verdict;
		}
	}
	f.tests = row->tests;
	f.test_count = row->test_count;
	return f;
}

/* ---- text ---- */

struct writer {
	struct buf *b;
	size_t left;
	bool cut;
};

static void put_n(struct writer *w, const char *s, size_t len)
{
	size_t n = len;

	if (w->cut)
		return;
	if (n > w->left) {
		/* Less than a character's room is none. */
		n = w->left < 4 ? 0 : utf8_cut(s, len, w->left);
		w->cut = true;
	}
	buf_append(w->b, s, n);
	w->left -= n;
}

static void put(struct writer *w, const char *s)
{
	put_n(w, s, strlen(s));
}

__attribute__((format(printf, 2, 3))) static void putf(struct writer *w, const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		put_n(w, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* At most `most` bytes of a text, and how much is missing. */
static void put_text(struct writer *w, const struct text *t, size_t most)
{
	size_t len = t->len;

	while (len > 0 && (t->s[len - 1] == '\n' || t->s[len - 1] == '\r' || t->s[len - 1] == ' '))
		len--;
	size_t n = utf8_cut(t->s, len, most);
	put_n(w, t->s, n);
	uint64_t missing = (uint64_t)(len - n) + (t->whole > t->len ? t->whole - t->len : 0);
	if (missing > 0)
		putf(w, "\n[%llu bytes cut]", (unsigned long long)missing);
}

static void put_line(struct writer *w, const struct text *t, size_t most)
{
	size_t len = 0;

	while (len < t->len && t->s[len] != '\n' && t->s[len] != '\r')
		len++;
	size_t n = utf8_cut(t->s, len, most);
	put_n(w, t->s, n);
	if (n < t->len)
		put(w, " ...");
}

static bool has(const struct text *t)
{
	return t->s != NULL && t->len > 0;
}

/* Stack traces mostly begin with what type and message say already. */
static bool detail_says_it(const struct failure *f)
{
	const char *s = f->detail.s;
	size_t left = f->detail.len, type = f->type != NULL ? strlen(f->type) : 0;

	if (!has(&f->detail))
		return false;
	if (type > 0 && left > type && memcmp(s, f->type, type) == 0 && s[type] == ':') {
		s += type + 1;
		left -= type + 1;
		while (left > 0 && *s == ' ') {
			s++;
			left--;
		}
	} else if (type > 0 && has(&f->message) &&
		   memcmp(f->message.s, f->type, type < f->message.len ? type : f->message.len) != 0) {
		return false;
	}
	return !has(&f->message) || (left >= f->message.len && memcmp(s, f->message.s, f->message.len) == 0);
}

static bool any(const struct failure *f)
{
	return (f->type != NULL && f->type[0] != '\0') || has(&f->message) || has(&f->detail);
}

static void put_failure(struct writer *w, const struct failure *f, size_t most)
{
	bool type = f->type != NULL && f->type[0] != '\0';

	if (!detail_says_it(f)) {
		if (type) {
			struct text t = { f->type, strlen(f->type), strlen(f->type) };
			put_text(w, &t, 300);
		}
		if (type && has(&f->message))
			put(w, ": ");
		if (has(&f->message))
			put_text(w, &f->message, has(&f->detail) ? most / 4 : most);
		if ((type || has(&f->message)) && has(&f->detail))
			put(w, "\n");
	}
	if (has(&f->detail))
		put_text(w, &f->detail, most - most / 4);
}

static void put_duration(struct writer *w, double ms)
{
	if (!(ms >= 0) || !isfinite(ms))
		return;
	if (ms < 1000)
		putf(w, " (%.0f ms)", ms);
	else
		putf(w, " (%.1f s)", ms / 1000);
}

static void put_label(struct writer *w, const struct result *r)
{
	const char *id = r->id != NULL ? r->id : r->name != NULL ? r->name : "(no name)";
	struct text t = { id, strlen(id), strlen(id) };

	put_line(w, &t, MESSAGE_SHOWN);
	if (r->param_count > 0) {
		put(w, "[");
		for (size_t i = 0; i < r->param_count && i < 8; i++) {
			struct text p = { r->params[i], strlen(r->params[i]), strlen(r->params[i]) };
			if (i > 0)
				put(w, ", ");
			put_line(w, &p, 100);
		}
		put(w, r->param_count > 8 ? ", ...]" : "]");
	}
	if (r->variant != NULL && r->variant[0] != '\0') {
		struct text v = { r->variant, strlen(r->variant), strlen(r->variant) };
		put(w, " {");
		put_line(w, &v, 100);
		put(w, "}");
	}
}

static void gap(struct writer *w, size_t start)
{
	if (w->b->len > start)
		put(w, "\n\n");
}

static void put_attempt(struct writer *w, size_t number, const struct attempt *at, size_t detail)
{
	char iso[CLOCK_ISO_SIZE];

	putf(w, "\n%zu. %s", number, outcome_name(at->outcome));
	put_duration(w, at->duration_ms);
	if (at->started_ms != TIME_UNKNOWN && clock_iso(at->started_ms, iso)[0] != '\0')
		putf(w, " at %s", iso);
	if (!any(&at->failure))
		return;
	put(w, "\n");
	put_failure(w, &at->failure, detail);
}

static bool same_text(const struct text *a, const struct text *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->s, b->s, a->len) == 0);
}

static bool same_failure(const struct failure *a, const struct failure *b)
{
	const char *x = a->type != NULL ? a->type : "", *y = b->type != NULL ? b->type : "";

	return strcmp(x, y) == 0 && same_text(&a->message, &b->message) && same_text(&a->detail, &b->detail);
}

/* Which attempt of the test has been told already: the last one, or where reruns failed otherwise than the
 * failure that the report decided by, that one. */
static size_t told_attempt(const struct row_test *test, size_t total)
{
	const struct result *r = test->results[test->result_count - 1];
	size_t n = fold_attempts(r);

	for (size_t k = n; k > 0 && any(&r->failure); k--) {
		struct attempt at = fold_attempt(r, k - 1);
		if (same_failure(&at.failure, &r->failure))
			return total - n + k;
	}
	return total;
}

/* All executions of a test but the one that is told, oldest first; of many only the latest. */
static void put_attempts(struct writer *w, size_t start, const struct row_test *test)
{
	size_t total = 0, number = 0;

	for (size_t i = 0; i < test->result_count; i++)
		total += fold_attempts(test->results[i]);
	if (total < 2)
		return;
	size_t skip = total - 1 > ATTEMPTS_SHOWN ? total - 1 - ATTEMPTS_SHOWN : 0;
	size_t told = told_attempt(test, total);
	gap(w, start);
	putf(w, "%s attempts (%zu):", told == total ? "Earlier" : "Other", total - 1);
	if (skip > 0)
		putf(w, "\n(the first %zu are left out)", skip);
	for (size_t i = 0; i < test->result_count && !w->cut; i++) {
		const struct result *r = test->results[i];
		size_t n = fold_attempts(r);
		if (number + n <= skip) {
			number += n;
			continue;
		}
		for (size_t k = 0; k < n && !w->cut; k++) {
			number++;
			if (number <= skip || number == told)
				continue;
			struct attempt at = fold_attempt(r, k);
			put_attempt(w, number, &at, DETAIL_SHOWN);
		}
	}
}

static void put_tests(struct writer *w, size_t start, const struct folded *f)
{
	gap(w, start);
	putf(w, "Tests of this case (%zu):", f->test_count);
	for (size_t i = 0; i < f->test_count && !w->cut; i++) {
		if (i == TESTS_SHOWN) {
			putf(w, "\n... and %zu more", f->test_count - i);
			break;
		}
		struct folded t = fold_test(&f->tests[i], NULL);
		putf(w, "\n- %s: ", verdict_name(t.verdict));
		put_label(w, t.result);
		put_duration(w, t.duration_ms);
		if (t.verdict == VERDICT_PASSED || t.result == f->result || !has(&t.result->failure.message))
			continue;
		put(w, ": ");
		put_line(w, &t.result->failure.message, MESSAGE_SHOWN);
	}
}

void fold_comment(struct buf *b, const struct folded *f, size_t max)
{
	size_t start = b->len, mark = sizeof(CUT_MARK) - 1;
	const struct row_test *decides = &f->tests[0];

	if (max <= mark)
		return;
	struct writer w = { .b = b, .left = max - mark };
	for (size_t i = 0; i < f->test_count; i++) {
		if (f->tests[i].results[f->tests[i].result_count - 1] == f->result)
			decides = &f->tests[i];
	}
	if (any(&f->result->failure)) {
		if (f->test_count > 1) {
			put_label(&w, f->result);
			put(&w, "\n");
		}
		/* A quarter is kept for attempts and other tests; alone it may have nearly all. */
		bool alone = f->test_count == 1 && decides->result_count == 1 && f->result->attempt_count < 2;
		put_failure(&w, &f->result->failure, alone ? max : max / 4 * 3);
	}
	put_attempts(&w, start, decides);
	if (f->test_count > 1)
		put_tests(&w, start, f);
	if (w.cut)
		buf_puts(b, CUT_MARK);
}
