/* SPDX-License-Identifier: Apache-2.0
 *
 * build.c - one result from its pieces.
 *
 * The verdict rules of design.md, section 4, stand in settle(): children first, then attributes.  The lists
 * of a result have ceilings of their own, since a report may repeat an element as often as it likes. */
#include "parsers/state.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
	ARENA_MAX = 8 * 1024 * 1024,
	ARENA_LEAST = 16 * 1024,
	PROBLEMS_MAX = 100,
	LIST_MAX = 1000,
	EVIDENCE_MAX = 200,
	NAMES = 4, /* attributes of full length that a result may hold beside its texts */
};

struct build *build_open(struct parser *p)
{
	struct build *b = p->spare;

	if (b != NULL)
		p->spare = b->outer;
	else
		b = xcalloc(1, sizeof(*b));
	struct arena arena = b->arena;
	/* Open cases share what one may hold: each inner one gets half of its outer one. */
	size_t max = ARENA_MAX + NAMES * p->limits.attribute;
	for (unsigned i = 0; i < p->builds_open && max > ARENA_LEAST; i++)
		max /= 2;
	p->builds_open++;
	arena.max = max;
	memset(b, 0, sizeof(*b));
	b->arena = arena;
	b->r.duration_ms = -1;
	b->r.started_ms = b->finished_ms = TIME_UNKNOWN;
	b->last_problem = &b->problems;
	b->outer = p->build;
	p->build = b;
	b->refs.arena = &b->arena;
	return b;
}

void builds_free(struct parser *p)
{
	struct build *lists[] = { p->build, p->spare };

	for (size_t i = 0; i < 2; i++) {
		for (struct build *b = lists[i], *next; b != NULL; b = next) {
			next = b->outer;
			arena_done(&b->arena);
			free(b);
		}
	}
	p->build = p->spare = NULL;
}

static const char *no_room(struct parser *p)
{
	warn(p, WARN_ROOM, "a test case holds too much; the rest of its texts is left out");
	return NULL;
}

const char *build_string(struct parser *p, const char *s)
{
	if (s == NULL)
		return NULL;
	size_t len = strlen(s);
	const char *copy;
	if (len <= p->limits.attribute) {
		copy = arena_strndup(&p->build->arena, s, len);
	} else {
		warn(p, WARN_ATTRIBUTE, "an attribute is longer than %zu bytes and was cut",
		     p->limits.attribute);
		copy = utf8_key(&p->build->arena, s, len, p->limits.attribute);
	}
	return copy != NULL ? copy : no_room(p);
}

void build_name(struct parser *p, const char *class_name, const char *name)
{
	struct build *b = p->build;
	size_t class_len = class_name != NULL ? strlen(class_name) : 0, name_len = strlen(name);

	if (class_len > p->limits.attribute || name_len > p->limits.attribute) {
		class_name = build_string(p, class_name);
		name = build_string(p, name);
		class_len = class_name != NULL ? strlen(class_name) : 0;
		if (name == NULL)
			name = "";
		name_len = strlen(name);
	}
	if (class_len == 0) {
		b->r.name = b->r.id = arena_strndup(&b->arena, name, name_len);
		if (b->r.name != NULL)
			refs_from_name(&b->refs, b->r.name);
		return;
	}
	/* The id ends with the name, so one copy serves both. */
	char *id = arena_alloc(&b->arena, class_len + 1 + name_len + 1);
	b->r.class_name = arena_strndup(&b->arena, class_name, class_len);
	if (id == NULL || b->r.class_name == NULL) {
		no_room(p);
		return;
	}
	memcpy(id, b->r.class_name, class_len + 1);
	id[class_len] = '.';
	memcpy(id + class_len + 1, name, name_len + 1);
	b->r.name = id + class_len + 1;
	b->r.id = name_len > 0 ? id : b->r.class_name;
	refs_from_name(&b->refs, b->r.name);
}

static struct problem *append_problem(struct parser *p, enum problem_kind kind, enum outcome outcome)
{
	struct build *b = p->build;
	struct problem *problem = NULL;

	if (b->problem_count < PROBLEMS_MAX)
		problem = arena_calloc(&b->arena, 1, sizeof(*problem));
	else
		warn(p, WARN_LIST, "a test case has more than %d failures; further ones are left out",
		     PROBLEMS_MAX);
	if (problem == NULL)
		return NULL;
	problem->kind = kind;
	problem->outcome = outcome;
	problem->duration_ms = -1;
	problem->started_ms = TIME_UNKNOWN;
	*b->last_problem = problem;
	b->last_problem = &problem->next;
	b->problem_count++;
	return problem;
}

struct problem *build_problem(struct parser *p, enum problem_kind kind, enum outcome outcome)
{
	struct build *b = p->build;

	/* Who expects a failure says so before it (Catch2's !mayfail, node's todo).  A skip behind one only ends
	 * a test that has failed already. */
	if (kind == PROBLEM_SKIPPED && b->worst < OUTCOME_FAILED)
		b->skipped = true;
	else if (kind == PROBLEM_FLAKY)
		b->flaky = true;
	if (kind >= PROBLEM_SKIPPED)
		b->worst = outcome_worst(b->worst, outcome);
	return p->options->counts_only ? NULL : append_problem(p, kind, outcome);
}

struct problem *build_told(struct parser *p, enum outcome outcome)
{
	return append_problem(p, PROBLEM_SKIPPED, outcome);
}

/* Room for one more element of a list that lives in the arena; NULL at its end. */
static void *list_grow(struct parser *p, void *list, size_t count, size_t *room, size_t size)
{
	if (count >= LIST_MAX) {
		warn(p, WARN_LIST,
		     "a test case has more than %d properties or parameters; further ones are left out",
		     LIST_MAX);
		return NULL;
	}
	if (count < *room)
		return list;
	size_t more = *room == 0 ? 4 : *room * 2;
	void *grown = arena_alloc(&p->build->arena, more * size);
	if (grown == NULL) {
		no_room(p);
		return NULL;
	}
	if (count > 0)
		memcpy(grown, list, count * size);
	*room = more;
	return grown;
}

void build_evidence(struct parser *p, const char *path, const char *name, unsigned step)
{
	struct build *b = p->build;

	while (*path == ' ' || *path == '\t')
		path++;
	/* Some say of what kind it is: "a.png|{"type": "screenshot"}". */
	const char *more = strstr(path, "|{");
	size_t len = more != NULL ? (size_t)(more - path) : strlen(path);
	while (len > 0 && text_blank(path + len - 1, 1))
		len--;
	if (len == 0 || len > p->limits.attribute * 2)
		return;
	if (b->r.evidence_count >= EVIDENCE_MAX) {
		warn(p, WARN_LIST, "a test case has more than %d attachments; further ones are left out",
		     EVIDENCE_MAX);
		return;
	}
	for (size_t i = 0; i < b->r.evidence_count; i++) {
		if (strlen(b->evidence[i].path) != len || memcmp(b->evidence[i].path, path, len) != 0)
			continue;
		/* Named once more, and now it is said where it belongs. */
		if (b->evidence[i].step == 0)
			b->evidence[i].step = step;
		return;
	}
	void *grown = list_grow(p, b->evidence, b->r.evidence_count, &b->evidence_room, sizeof(*b->evidence));
	if (grown == NULL)
		return;
	b->evidence = grown;
	struct evidence_hint hint = { .path = arena_strndup(&b->arena, path, len),
				      .name = name != NULL && *name != '\0' ? build_string(p, name) : NULL,
				      .step = step };
	if (hint.path == NULL)
		no_room(p);
	else
		b->evidence[b->r.evidence_count++] = hint;
}

/* Names of properties whose value is the path of a file (or a data: URL); numbered where the producer takes each
 * name once ("attachment1": the conventions of Testmo). */
bool build_names_file(const char *key)
{
	static const char *const names[] = { "attachment", "attachments", "screenshot", "video", "trace" };
	size_t len = strlen(key);

	if (strncmp(key, "testrail_attachment", 19) == 0)
		return true;
	while (len > 0 && key[len - 1] >= '0' && key[len - 1] <= '9')
		len--;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && memcmp(key, names[i], len) == 0)
			return true;
	}
	return false;
}

/* Files that a step names: "opened the cart [[ATTACHMENT|cart.png]]". */
static void step_files(struct parser *p, const char *value)
{
	static const char begin[] = "[[ATTACHMENT|";
	const struct build *b = p->build;
	unsigned step = 0;

	for (size_t i = 0; i < b->r.property_count; i++)
		step += result_names_step(b->properties[i].key);
	for (const char *at = value; (at = strstr(at, begin)) != NULL;) {
		at += sizeof(begin) - 1;
		const char *end = strstr(at, "]]");
		/* A bracket that the path opened is its own: "out/test[1]". */
		int open = 0;
		for (const char *c = at; end != NULL && c < end; c++)
			open += (*c == '[') - (*c == ']');
		for (; open > 0 && end[2] == ']'; open--)
			end++;
		char *path = end != NULL ? strndup(at, (size_t)(end - at)) : NULL;
		if (path == NULL)
			return;
		build_evidence(p, path, NULL, step);
		free(path);
		at = end;
	}
}

void build_property(struct parser *p, const char *key, const char *value)
{
	struct build *b = p->build;

	if (key == NULL || *key == '\0' || b == NULL)
		return;
	if (value == NULL)
		value = "";
	bool secret = p->options->redacted != NULL && p->options->redacted(p->options->redacted_cookie, key);
	if (secret)
		value = "***";
	void *grown =
		list_grow(p, b->properties, b->r.property_count, &b->property_room, sizeof(*b->properties));
	if (grown == NULL)
		return;
	b->properties = grown;
	struct property one = { build_string(p, key), build_string(p, value) };
	if (one.key == NULL || one.value == NULL)
		return;
	b->properties[b->r.property_count++] = one;
	if (secret)
		return;
	refs_from_property(&b->refs, key, value);
	if (build_names_file(key) && *value != '\0')
		build_evidence(p, value, NULL, 0);
	if (result_names_step(key))
		step_files(p, value);
}

void build_param(struct parser *p, const char *value)
{
	struct build *b = p->build;
	void *grown = list_grow(p, b->params, b->r.param_count, &b->param_room, sizeof(*b->params));

	if (grown == NULL)
		return;
	b->params = grown;
	const char *copy = build_string(p, value);
	if (copy != NULL)
		b->params[b->r.param_count++] = copy;
}

int64_t build_stamp(struct parser *p, const char *s)
{
	int64_t ms;
	bool zoned;

	if (s == NULL || text_blank(s, strlen(s)))
		return TIME_UNKNOWN;
	if (scalar_stamp(s, &p->clock, &ms, &zoned)) {
		size_t len = strlen(s);
		while (text_blank(s + len - 1, 1))
			len--;
		/* A stamp without a zone ends in a digit. */
		if (!zoned && (s[len - 1] < '0' || s[len - 1] > '9'))
			warn(p, WARN_ZONE,
			     "the zone of the time \"%.40s\" is not known; taken as the source's own", s);
		return ms;
	}
	warn(p, WARN_STAMP, "the time \"%.40s\" makes no sense", s);
	return TIME_UNKNOWN;
}

double build_duration_ms(struct parser *p, const char *seconds)
{
	double value;

	if (seconds == NULL)
		return -1;
	if (scalar_duration(seconds, &p->commas, &value)) {
		/* Results with the guess in them were given already. */
		if (p->commas.guessed && p->commas.decimal && !p->commas.grouping &&
		    !p->options->decimal_commas)
			xml_stop(p->xml);
		return value * 1000;
	}
	/* An empty one is the way of some producers to say that nothing was measured. */
	if (!text_blank(seconds, strlen(seconds)))
		warn(p, WARN_DURATION, "the duration \"%.40s\" makes no sense", seconds);
	return -1;
}

/* ---- the end of a case ---- */

/* Blank lines before, white space behind: they come from the layout of the XML. */
static struct text trimmed(const struct slot *slot)
{
	struct text t = { slot->s, slot->len, slot->whole };
	size_t from = 0;

	if (slot->s == NULL)
		return t;
	for (size_t i = 0; i < t.len && text_blank(t.s + i, 1); i++) {
		if (t.s[i] == '\n')
			from = i + 1;
	}
	if (!slot->cut) {
		size_t indent = 0, closing = 0;
		bool last = true;
		while (t.len > from && text_blank(t.s + t.len - 1, 1)) {
			t.len--;
			if (t.s[t.len] == '\n' && last) {
				closing = slot->len - t.len - 1;
				last = false;
			}
		}
		slot->s[t.len] = '\0';
		/* A line that is indented more than the tag that closes, before others that are not: CDATA in
		 * an indented element, and not a text of that form. */
		while (from > 0 && from + indent < t.len && text_blank(t.s + from + indent, 1))
			indent++;
		const char *next = memchr(t.s + from, '\n', t.len - from);
		if (closing > 0 && indent > closing &&
		    (next == NULL || !text_blank(next + 1, 1) || next[1] == '\n'))
			from += indent;
	}
	if (from >= t.len)
		return (struct text){ 0 };
	t.whole -= from;
	if (!slot->cut)
		t.whole = t.len - from;
	t.s += from;
	t.len -= from;
	return t;
}

static struct failure told(const struct problem *problem)
{
	return (struct failure){ problem->type, trimmed(&problem->message), trimmed(&problem->detail) };
}

/* What further failures of the same attempt said goes behind the detail of the one that decides. */
static void join(struct parser *p, struct failure *f, const struct problem *decides)
{
	struct build *b = p->build;
	struct slot all = { 0 };
	bool any = false;

	for (const struct problem *o = b->problems; o != NULL; o = o->next) {
		if (o == decides || o->kind < PROBLEM_SKIPPED)
			continue;
		struct failure other = told(o);
		if ((other.type == NULL || *other.type == '\0') && other.message.len == 0 &&
		    other.detail.len == 0)
			continue;
		if (!any && f->detail.len > 0) {
			slot_append(p, &all, TEXT_DETAIL, f->detail.s, f->detail.len);
			all.whole = f->detail.whole;
		}
		any = true;
		if (all.len > 0)
			slot_append(p, &all, TEXT_DETAIL, "\n\n", 2);
		bool same = other.message.len > 0 && other.message.len <= other.detail.len &&
			    memcmp(other.message.s, other.detail.s, other.message.len) == 0;
		if (other.type != NULL && *other.type != '\0') {
			slot_append(p, &all, TEXT_DETAIL, other.type, strlen(other.type));
			slot_append(p, &all, TEXT_DETAIL, other.message.len > 0 && !same ? ": " : "\n",
				    other.message.len > 0 && !same ? 2 : 1);
		}
		if (!same && other.message.len > 0) {
			slot_append(p, &all, TEXT_DETAIL, other.message.s, other.message.len);
			slot_append(p, &all, TEXT_DETAIL, "\n", 1);
		}
		slot_append(p, &all, TEXT_DETAIL, other.detail.s, other.detail.len);
	}
	if (any) {
		text_settle(p);
		f->detail = trimmed(&all);
	}
}

static struct attempt attempt_of(const struct problem *problem)
{
	return (struct attempt){
		.outcome = problem->outcome,
		.duration_ms = problem->duration_ms,
		.started_ms = problem->started_ms,
		.failure = told(problem),
		.out = trimmed(&problem->out),
		.err = trimmed(&problem->err),
	};
}

/* Flakes and reruns are attempts beside the one that the case itself describes.  Flakes came before it; it is
 * the first of those that failed, and reruns follow; one that passed is the last of all. */
static void list_attempts(struct parser *p)
{
	struct build *b = p->build;
	size_t others = 0, n = 0;

	for (const struct problem *o = b->problems; o != NULL; o = o->next)
		others += o->kind < PROBLEM_SKIPPED;
	if (others == 0)
		return;
	struct attempt *list = arena_calloc(&b->arena, others + 1, sizeof(*list));
	if (list == NULL) {
		no_room(p);
		return;
	}
	struct attempt own = { b->r.outcome, b->r.duration_ms, b->r.started_ms,
			       b->r.failure, b->r.out,         b->r.err };
	for (const struct problem *o = b->problems; o != NULL; o = o->next) {
		if (o->kind == PROBLEM_FLAKY)
			list[n++] = attempt_of(o);
	}
	if (b->r.outcome >= OUTCOME_FAILED)
		list[n++] = own;
	for (const struct problem *o = b->problems; o != NULL; o = o->next) {
		if (o->kind == PROBLEM_RERUN)
			list[n++] = attempt_of(o);
	}
	if (b->r.outcome < OUTCOME_FAILED)
		list[n++] = own;
	b->r.attempts = list;
	b->r.attempt_count = n;
}

static void settle(struct parser *p)
{
	struct build *b = p->build;
	struct result *r = &b->r;

	/* Any failing child beats a skip; attributes count only where no child spoke. */
	r->outcome = b->worst;
	if (r->outcome == OUTCOME_PASSED && !b->flaky)
		r->outcome = b->verdict;
	r->known_failure = b->skipped && !b->completed && r->outcome == OUTCOME_FAILED;
	r->flaky = r->outcome == OUTCOME_PASSED && b->flaky;
	if (p->options->counts_only)
		return;

	const struct problem *decides = NULL;
	for (const struct problem *o = b->problems; o != NULL; o = o->next) {
		if (o->kind >= PROBLEM_SKIPPED && (decides == NULL || o->outcome > decides->outcome))
			decides = o;
	}
	if (r->outcome == OUTCOME_PASSED)
		r->failure = (struct failure){ 0 };
	/* A TestNG method that was to fail may carry its exception and still have passed. */
	if (decides != NULL) {
		r->failure = told(decides);
		if (decides->next != NULL || decides != b->problems)
			join(p, &r->failure, decides);
	}
	r->out = trimmed(&b->out);
	r->err = trimmed(&b->err);
	if (r->started_ms == TIME_UNKNOWN)
		r->started_ms = suite_started(p);
	list_attempts(p);
	r->suite = p->path;
	r->suite_count = p->path_count;
	r->params = b->params;
	r->properties = b->properties;
	r->evidence = b->evidence;
	if (r->name == NULL)
		r->name = r->id = "";
	r->refs = b->refs.ref;
	r->ref_count = b->refs.count;
}

static void count(struct parser *p, const struct result *r)
{
	struct parser_stats *s = &p->stats;

	s->cases++;
	switch (r->outcome) {
	case OUTCOME_PASSED:
		s->passed++;
		break;
	case OUTCOME_SKIPPED:
		s->skipped++;
		break;
	case OUTCOME_FAILED:
		s->failed++;
		break;
	case OUTCOME_ERROR:
		s->error++;
		break;
	}
	s->flaky += r->flaky;
	s->known_failures += r->known_failure;
	if (r->duration_ms > 0)
		s->duration_ms += r->duration_ms;
}

void build_close(struct parser *p)
{
	struct build *b = p->build;

	text_settle(p);
	settle(p);
	if (p->stats.cases >= p->limits.cases) {
		xml_fail(p->xml, "more than %llu test cases", (unsigned long long)p->limits.cases);
	} else if (p->stopped == 0) {
		count(p, &b->r);
		int rc = p->events->result != NULL ? p->events->result(p->cookie, &b->r) : 0;
		if (rc < 0) {
			p->stopped = rc;
			xml_stop(p->xml);
		}
	}
	build_drop(p);
}

void build_drop(struct parser *p)
{
	struct build *b = p->build;

	p->builds_open--;
	p->build = b->outer;
	b->outer = p->spare;
	p->spare = b;
	arena_reset(&b->arena);
}
