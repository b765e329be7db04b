/* SPDX-License-Identifier: Apache-2.0
 *
 * talk.c - the walk through a sink's table of steps, and the talk's life. */
#include "daemon/dispatch/talk.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a sink may keep for a step, and text in a batch. */
#define FILES_AGAIN_MS 5000
/* Between two walks that found nothing to send, though something is owed. */
#define OWED_AGAIN_MS 5000
#define STEP_ARENA    ((size_t)64 << 20)
#define BATCH_BYTES   ((size_t)1 << 20)
#define FOLDER_BYTES  ((size_t)4 << 20)
/* How long a size that was refused is kept to: a proxy's limit stays, one long text does not. */
#define LEARNED_MS ((int64_t)24 * 3600 * 1000)

struct list *talk_link(struct conversation *c)
{
	return &c->link;
}

struct conversation *talk_of(struct list *link)
{
	return list_entry(link, struct conversation, link);
}

int64_t talk_delivery(const struct conversation *c)
{
	return c->delivery;
}

bool talk_backfill(const struct conversation *c)
{
	return c->backfill;
}

const struct sink_common *talk_common(const struct conversation *c)
{
	return c->lane->sink->common != NULL ? c->lane->sink->common(c->lane->config->conf) : NULL;
}

/* ---- variables ---- */

/* What failed outside of any test: a line each. */
static const char *notes(struct conversation *c)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(c->vars_json, "notes"), *one;
	struct buf text = BUF_LIMIT(64 << 10);

	if (c->notes != NULL)
		return c->notes;
	cJSON_ArrayForEach(one, all)
	{
		if (cJSON_IsString(one))
			buf_printf(&text, "%s%s", text.len > 0 ? "\n" : "", one->valuestring);
	}
	if (text.len > 0)
		c->notes = xstrdup(text.data);
	buf_done(&text);
	return c->notes;
}

static const char *get_var(void *cookie, const char *name)
{
	struct conversation *c = cookie;

	if (strcmp(name, "run.name") == 0)
		return c->run.name;
	if (strcmp(name, "run.key") == 0)
		return c->run.key;
	if (strcmp(name, "run.started") == 0)
		return clock_iso(c->run.started_ms, c->started);
	if (strcmp(name, "run.notes") == 0)
		return notes(c);
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->vars_json, name);
	return cJSON_IsString(v) && v->valuestring[0] != '\0' ? v->valuestring : NULL;
}

/* ---- the walk ---- */

void talk_go_on(struct conversation *c)
{
	talk_request_done(c);
	talk_walk(c);
}

void talk_go_next(struct conversation *c)
{
	talk_step_done(c);
	c->step++;
	talk_walk(c);
}

void talk_restart(struct conversation *c)
{
	talk_step_done(c);
	c->step = c->lane->sink->steps;
	talk_walk(c);
}

/* A step's own number shrinks with the sink's, where that was learned from a 413. */
static size_t batch_of(const struct conversation *c)
{
	const struct lane *l = c->lane;
	size_t own = c->step != NULL ? c->step->batch : 0;
	size_t configured = l->sink->batch != NULL ? l->sink->batch(l->config->conf) : 0;

	if (own == 0 || configured == 0 || l->batch >= configured)
		return own != 0 ? own : l->batch;
	size_t shrunk = own / configured * l->batch;
	return shrunk > 0 ? shrunk : 1;
}

/* Whether the delivery has a run over there for each parent of cases. */
static bool grouped(const struct conversation *c)
{
	struct match_plan plan = { 0 };

	if (c->lane->sink->plan != NULL)
		c->lane->sink->plan(c->lane->config->conf, c->lane->facts, &plan);
	return plan.grouped;
}

static size_t files_of(const struct conversation *c)
{
	struct evidence_policy policy = { 0 };

	if (c->lane->sink->evidence != NULL)
		c->lane->sink->evidence(c->lane->config->conf, &policy);
	return policy.max_files;
}

size_t talk_request_bytes(const struct conversation *c)
{
	const cJSON *learned = cJSON_GetObjectItemCaseSensitive(c->lane->facts, TALK_TOO_LARGE);
	int64_t age = lane_server_now(c->lane) - sink_int(learned, "at", 0);

	return age >= 0 && age < LEARNED_MS ? (size_t)sink_int(learned, "bytes", 0) : 0;
}

static struct rows_limit limit_of(const struct conversation *c, enum rows_kind kind)
{
	struct rows_limit limit = { .count = batch_of(c),
				    .bytes = BATCH_BYTES,
				    .enough = talk_request_bytes(c) };

	if (kind == ROWS_LINKS || kind == ROWS_RESULTS || kind == ROWS_DEFECTS)
		limit.grouped = grouped(c);
	if (kind == ROWS_LINKS)
		limit.count = limit.bytes = limit.enough = SIZE_MAX;
	else if (kind == ROWS_EVIDENCE)
		limit = (struct rows_limit){ .count = 1, .bytes = BATCH_BYTES, .files = files_of(c) };
	else if (c->lane->endpoint.folder)
		limit = (struct rows_limit){ .count = batch_of(c), .bytes = FOLDER_BYTES };
	return limit;
}

static void ask(struct conversation *c)
{
	request_done(&c->request);
	request_init(&c->request);
	err_clear(&c->t.err);
	c->t.now_ms = lane_server_now(c->lane);
	c->t.batch = batch_of(c);
	c->t.newest = c->lane->talks_begun;
	if (c->t.scratch == NULL)
		c->t.scratch = cJSON_CreateObject();
	c->looking = false;
	switch (c->step->ask(&c->t, &c->request)) {
	case ASK_SEND:
		talk_send(c);
		return;
	case ASK_LEARN:
		if (c->t.learned.count > 0)
			talk_note(c, SETTLE_GO_ON, 0, NULL, talk_go_on);
		else
			talk_go_next(c);
		return;
	case ASK_SKIP:
		talk_go_next(c);
		return;
	case ASK_PARK:
		talk_park(c, c->t.err.text);
		return;
	}
}

static void on_rows(void *cookie, int rc, struct rows *rows, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		talk_queue_failed(c, err);
		return;
	}
	c->rows = rows;
	if (rows->count == 0 && rows->id_count == 0) {
		talk_go_next(c);
		return;
	}
	c->t.rows = rows;
	ask(c);
}

static void load_rows(struct conversation *c)
{
	c->doubts_settled = c->lane->doubts_settled;
	if (c->step->rows == ROWS_NONE) {
		ask(c);
		return;
	}
	queue_rows(c->lane->dispatch->opt.queue, c->delivery, c->step->rows, limit_of(c, c->step->rows),
		   on_rows, c);
}

/* Nothing is to be sent, or waited for. */
static bool settled(const struct owed *o)
{
	return o->owed == 0 && o->evidence_owed == 0 && o->evidence_awaited == 0 && !o->links_owed;
}

static const struct config_sink *defects_of(const struct conversation *c)
{
	const struct config *config = c->lane->dispatch->opt.config;

	/* The section, or where it is off what is on of its entries. */
	for (size_t i = 0; i < config->sink_count; i++)
		if (config_is_defects(config->sink[i].name) && !config->sink[i].off)
			return &config->sink[i];
	return NULL;
}

/* How long the end over there still waits for what a tracker of defects makes of the run's failures; 0: it need
 * not, or has waited long enough. */
static int64_t defects_wait_ms(const struct conversation *c)
{
	const struct config_sink *defects = defects_of(c);
	const struct owed *o = &c->owed;

	if (c->lane->dispatch->opt.dry || !c->ends || !o->links_awaited || o->ended_ms == INT64_MAX ||
	    defects == NULL)
		return 0;
	const struct sink *sink = sink_find(defects->type->name);
	int64_t hold = sink->holds_ms != NULL ? lane_scaled(c->lane, sink->holds_ms(defects->conf)) : 0;
	int64_t gone = clock_wall_ms() - o->ended_ms;
	/* A clock that was set back must not make it longer. */
	return gone < 0 || gone >= hold ? 0 : hold - gone;
}

/* Whether the steps that end a run over there (`final`) may be asked. */
static bool may_end(const struct conversation *c)
{
	const struct owed *o = &c->owed;

	return o->run_ended && settled(o) && o->parked == 0 && o->evidence_parked == 0 &&
	       o->parts_loading == 0 && !o->unseen && !o->links_parked && defects_wait_ms(c) == 0;
}

/* The end of the table: all is settled, or more will come. */
static void table_end(struct conversation *c)
{
	const struct owed *o = &c->owed;

	if (o->unseen || (o->run_ended && !c->walk_ended)) {
		/* A part came since the match, or the end since the last steps were asked: the same way again. */
		c->walk_ended = o->run_ended;
		talk_restart(c);
		return;
	}
	if (c->lane->dispatch->opt.dry) {
		talk_foreseen_end(c);
		return;
	}
	int64_t hold = o->run_ended && settled(o) && o->parts_loading == 0 ? defects_wait_ms(c) : 0;
	if (hold > 0) {
		talk_await(c, hold, "all is posted; its end waits for the defects of its failures");
		return;
	}
	if (c->passed_over && may_end(c)) {
		/* What an ending step waited for came about on the way from it to here. */
		c->passed_over = false;
		talk_restart(c);
		return;
	}
	if (o->run_ended && settled(o) && o->parts_loading == 0) {
		if (o->evidence_parked > 0)
			log_warning(&c->log,
				    "delivered, but %" PRIu64 " tests and %" PRIu64
				    " files are parked; the %s stays open",
				    o->parked, o->evidence_parked, c->lane->sink->run_word);
		else if (o->parked > 0)
			log_warning(&c->log, "delivered, but %" PRIu64 " tests are parked; the %s stays open",
				    o->parked, c->lane->sink->run_word);
		else
			log_info(&c->log, "delivered \"%s\"", c->run.name);
		talk_note(c, SETTLE_DELIVERED, 0, NULL, talk_end);
		return;
	}
	if (o->owed == 0 && (o->evidence_owed > 0 || o->links_owed)) {
		/* It became possible behind the step that sends it: a further walk does. */
		talk_await(c, lane_scaled(c->lane, FILES_AGAIN_MS), NULL);
		return;
	}
	if (o->owed == 0) {
		talk_await(c, TALK_FOREVER, NULL);
		return;
	}
	/* Owed, but nothing in the table sends it now: company is awaited. */
	const struct sink_common *common = talk_common(c);
	int64_t due = common != NULL && o->oldest_ms != INT64_MAX
			      ? o->oldest_ms + lane_scaled(c->lane, common->linger_ms) - clock_wall_ms()
			      : 1000;
	/* Its time came on the way; or no step takes it, and that must not go round at once. */
	if (due <= 0) {
		due = lane_scaled(c->lane, OWED_AGAIN_MS);
		log_debug(&c->log, "%" PRIu64 " are owed that no step has sent: looked at again", o->owed);
	}
	talk_await(c, due, NULL);
}

static bool gate_open(const struct conversation *c)
{
	const struct owed *o = &c->owed;
	const struct sink_common *common = talk_common(c);

	if (o->owed == 0)
		return false;
	/* What came since the match travels with the rest. */
	if ((o->run_ended && !o->unseen) || common == NULL || o->owed >= c->lane->batch)
		return true;
	if (o->oldest_ms != INT64_MAX && o->oldest_ms > clock_wall_ms() + 1000)
		return true; /* the clock was set back: nobody knows how long it has waited */
	return o->oldest_ms != INT64_MAX &&
	       clock_wall_ms() - o->oldest_ms >= lane_scaled(c->lane, common->linger_ms);
}

static void on_owed(void *cookie, int rc, const struct owed *owed, const struct err *err)
{
	struct conversation *c = cookie;

	if (rc < 0) {
		talk_queue_failed(c, err);
		return;
	}
	c->owed = *owed;
	c->t.unmatched = owed->unmatched;
	c->run.ended = owed->run_ended;
	if (c->step->name == NULL) {
		table_end(c);
		return;
	}
	const struct owed *o = &c->owed;
	bool pass = true;
	if (c->step->resolve && o->wait_ms > 0) {
		talk_await(c, lane_scaled(c->lane, o->wait_ms), NULL);
		return;
	}
	if (c->step->resolve) {
		talk_go_next(c);
		return;
	}
	if (c->step->final) {
		pass = may_end(c);
		c->passed_over |= !pass;
	} else if (c->step->gate) {
		pass = gate_open(c);
	}
	if (!pass) {
		talk_go_next(c);
		return;
	}
	load_rows(c);
}

static const char *resolve_ref(const void *cookie, const char *ref, struct arena *a)
{
	const struct conversation *c = cookie;

	return c->lane->sink->ref != NULL ? c->lane->sink->ref(c->lane->config->conf, ref, a) : NULL;
}

static int resolve_place(const void *cookie, const struct result *r, struct arena *a,
			 const char *const **path, size_t *count, struct err *err)
{
	const struct conversation *c = cookie;

	if (c->lane->sink->place == NULL) {
		*count = 0;
		return 0;
	}
	return c->lane->sink->place(c->lane->config->conf, &c->vars, r, a, path, count, err);
}

static const char *resolve_cause(const void *cookie, const struct result *r, struct arena *a)
{
	const struct conversation *c = cookie;

	return c->lane->sink->cause(c->lane->config->conf, r, a);
}

static void resolve(struct conversation *c)
{
	static const enum resolve_by by[] = {
		[MATCH_NONE] = RESOLVE_NONE,
		[MATCH_REF] = RESOLVE_REF,
		[MATCH_AUTOMATION] = RESOLVE_AUTOMATION,
		[MATCH_TITLE] = RESOLVE_TITLE,
	};
	struct resolver r = { .ref = resolve_ref, .place = resolve_place, .cookie = c };
	struct match_plan plan = { 0 };

	if (c->lane->sink->evidence != NULL) {
		c->lane->sink->evidence(c->lane->config->conf, &c->policy);
		r.evidence = &c->policy;
	}

	if (c->lane->sink->plan != NULL) {
		c->lane->sink->plan(c->lane->config->conf, c->lane->facts, &plan);
		r.match = true;
		for (int i = 0; i < 3; i++)
			r.order[i] = by[plan.order[i]];
		r.create = plan.unmatched == UNMATCHED_CREATE;
		r.park_unmatched = plan.unmatched == UNMATCHED_PARK;
		r.place_max = plan.place_max;
		r.defer = c->step->defer;
		snprintf(r.scope, sizeof(r.scope), "%s", plan.scope != NULL ? plan.scope : "");
		snprintf(r.trust, sizeof(r.trust), "%s", plan.trust != NULL ? plan.trust : "");
	}
	if (c->lane->sink->links != NULL && defects_of(c) != NULL) {
		struct sink_links links = { 0 };
		c->lane->sink->links(c->lane->config->conf, &links);
		c->ends = links.ends;
		if (links.tells)
			snprintf(r.defects_of, sizeof(r.defects_of), "%s", CONFIG_DEFECTS);
	}
	if (c->lane->sink->cause != NULL) {
		r.cause = resolve_cause;
		r.passes = true;
		r.idle = !c->lane->sink->counts(c->lane->config->conf, &c->vars);
		const char *commit = vars_get(&c->vars, "ci.commit");
		snprintf(r.commit, sizeof(r.commit), "%s", commit != NULL ? commit : "");
	}
	queue_resolve(c->lane->dispatch->opt.queue, c->delivery, &r, on_owed, c);
}

static bool enter(struct conversation **place, struct conversation *c)
{
	if (*place == NULL)
		*place = c;
	return *place == c;
}

static bool may_enter(struct conversation *c)
{
	struct lane *l = c->lane;
	const struct step *s = c->step;
	bool exclusive = s->name != NULL && s->exclusive, shared = exclusive && s->shared && l->scope != NULL;

	lane_leave(l, c, !exclusive, !shared);
	/* Always in this order: who waits for the second place holds the first, never the other way round. */
	if ((!exclusive || enter(&l->exclusive, c)) && (!shared || enter(&l->scope->shared, c)))
		return true;
	c->want_exclusive = true;
	return false;
}

/* Below live traffic: between two requests a backfill leaves what a live run waits for. */
static bool gives_way(const struct conversation *c)
{
	const struct lane *l = c->lane;

	if (!c->backfill || l->make_way)
		return c->backfill;
	if (l->exclusive != c)
		return false;
	list_each(link, &l->talks) {
		const struct conversation *other = talk_of(link);
		if (other->want_exclusive && !other->backfill)
			return true;
	}
	return false;
}

void talk_walk(struct conversation *c)
{
	struct queue *q = c->lane->dispatch->opt.queue;

	c->want_exclusive = false;
	if (c->cancelled || c->lane->dispatch->stopping || c->lane->facts_lost || gives_way(c)) {
		talk_later(c, 0, NULL);
		return;
	}
	if (c->checking) {
		while (c->step->name != NULL && !c->step->check)
			c->step++;
		c->check_ok = c->step->name == NULL;
		if (c->check_ok)
			talk_end(c);
		else
			load_rows(c);
		return;
	}
	if (!may_enter(c))
		return;
	if (c->step->name == NULL || c->step->gate || c->step->final)
		queue_owed(q, c->delivery, on_owed, c);
	else if (c->step->resolve)
		resolve(c);
	else
		load_rows(c);
}

/* ---- life ---- */

/* What a sink's functions are given, once bookmark, facts and run are there. */
static void dress(struct conversation *c)
{
	c->t.conf = c->lane->config->conf;
	c->t.run = &c->run;
	c->t.facts = c->lane->facts;
	c->t.bookmark = c->bookmark;
	c->t.arena = &c->arena;
	c->t.evidence_dir = c->lane->dispatch->opt.evidence_dir;
	c->t.batch = c->lane->batch;
	c->t.sent_ms = TIME_UNKNOWN;
	c->step = c->lane->sink->steps;
}

static void on_loaded(void *cookie, int rc, struct delivery *d, const struct err *err)
{
	struct conversation *c = cookie;
	struct lane *l = c->lane;

	if (rc < 0) {
		log_error(&c->log, "cannot load the delivery: %s", err->text);
		lane_pause(l, retry_wait_ms(2, (uint64_t)c->delivery), false, "the queue cannot be read: %s",
			   err->text);
		talk_end(c);
		return;
	}
	c->d = d;
	c->log.run = d->run;
	c->bookmark = cJSON_Parse(d->bookmark != NULL ? d->bookmark : "{}");
	if (!cJSON_IsObject(c->bookmark)) {
		cJSON_Delete(c->bookmark);
		c->bookmark = cJSON_CreateObject();
	}
	c->bookmark_saved = cJSON_PrintUnformatted(c->bookmark);
	if (l->facts == NULL) {
		l->facts = cJSON_Parse(d->facts != NULL ? d->facts : "{}");
		if (!cJSON_IsObject(l->facts)) {
			cJSON_Delete(l->facts);
			l->facts = cJSON_CreateObject();
		}
		l->facts_saved = cJSON_PrintUnformatted(l->facts);
	}
	c->vars_json = cJSON_Parse(d->vars_json != NULL ? d->vars_json : "{}");
	c->vars = (struct vars){ .get = get_var, .cookie = c };
	c->run = (struct sink_run){
		.id = d->run,
		.key = d->run_key,
		.name = d->run_name,
		.token = d->run_token,
		.opened_ms = d->opened_ms,
		.started_ms = d->started_ms != TIME_UNKNOWN ? d->started_ms : d->opened_ms,
		.ended = d->run_ended,
		.backfill = d->backfill,
		.tests = d->tests,
		.passed = d->passed,
		.failed = d->failed,
		.error = d->error,
		.skipped = d->skipped,
		.flaky = d->flaky,
		.duration_ms = d->duration_ms,
		.vars = &c->vars,
	};
	dress(c);
	c->t.again = d->matched;
	c->walk_ended = d->run_ended;
	if (d->state == DELIVERY_UNKNOWN || d->state == DELIVERY_SENDING) {
		c->intended = true;
		talk_look_up(c);
		return;
	}
	talk_walk(c);
}

static struct conversation *new_talk(struct lane *lane, int64_t delivery)
{
	struct conversation *c = xcalloc(1, sizeof(*c));

	c->lane = lane;
	c->delivery = delivery;
	c->log = lane->log;
	c->log.delivery = delivery;
	c->arena = ARENA_LIMIT(STEP_ARENA);
	request_init(&c->request);
	learned_init(&c->t.learned, &c->arena);
	c->t.nth = ++lane->talks_begun;
	return c;
}

struct conversation *talk_start(struct lane *lane, int64_t delivery, bool backfill)
{
	struct conversation *c = new_talk(lane, delivery);

	c->backfill = backfill;
	queue_load(lane->dispatch->opt.queue, delivery, on_loaded, c);
	return c;
}

struct conversation *talk_check(struct lane *lane)
{
	struct conversation *c = new_talk(lane, 0);

	c->checking = true;
	lane->facts = cJSON_CreateObject();
	c->bookmark = cJSON_CreateObject();
	c->vars = (struct vars){ .get = get_var, .cookie = c };
	c->run = (struct sink_run){ .key = "check", .name = "check", .token = "", .vars = &c->vars };
	dress(c);
	/* Begun by the first turn, so that nothing is said before this call has returned. */
	c->want_exclusive = true;
	return c;
}
