/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_flood.c - what is done about a failure, and above all when nothing is.  Pure. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/clock.h"

#include <string.h>

static enum axosoft_do nothing(const char **why, const char *text)
{
	*why = text;
	return AXOSOFT_DO_NOTHING;
}

/* Nothing passed, and many things failed in ways of their own: that is where they ran, not what they tested. */
static bool outage(const struct axosoft_conf *c, const struct axosoft_case *x)
{
	return c->group.outage > 0 && x->none_passed && x->history != NULL &&
	       (int64_t)x->history->run_failures >= c->group.outage;
}

static bool crowded(const struct axosoft_conf *c, const struct axosoft_case *x)
{
	return c->group.suite > 0 && x->history != NULL && x->history->suite != NULL &&
	       (int64_t)x->history->suite_failures >= c->group.suite;
}

static enum axosoft_do make(const struct axosoft_conf *c, const struct axosoft_case *x, const char **why)
{
	int64_t streak = x->history != NULL ? (int64_t)x->history->streak : 1;
	int64_t age = x->history != NULL ? x->now_ms - x->history->since_ms : 0;

	if (x->flaky || (x->history != NULL && x->history->flaky))
		return nothing(why, "passes and fails by turns at one commit: flaky");
	if (streak < c->after.runs)
		return nothing(why, "fails, but not in enough runs in a row yet");
	if (c->after.age_ms > 0 && age < c->after.age_ms) /* the two clocks may differ by seconds */
		return nothing(why, "fails, but not for long enough yet");
	if (outage(c, x) && !c->group.outage_summary)
		return nothing(why, "no test of its run passed: an outage (group.outage)");
	if (c->mode == AXOSOFT_LINK_ONLY)
		return nothing(why, "no item is known (mode: link-only makes none)");
	if (c->mode == AXOSOFT_DRY_RUN)
		return nothing(why, outage(c, x)    ? "would go into one item of its run (mode: dry-run)"
				    : crowded(c, x) ? "would go into one item of its suite (mode: dry-run)"
						    : "would make an item (mode: dry-run)");
	/* What has its item already makes none. */
	if (outage(c, x) && x->summary_known)
		return AXOSOFT_DO_GATHER;
	if (!outage(c, x) && crowded(c, x) && x->group_known)
		return AXOSOFT_DO_GROUP;
	if (x->made_day >= c->caps.per_day)
		return nothing(why, "as many items as a day may have (caps.per_day) are made");
	if (outage(c, x))
		return AXOSOFT_DO_GATHER;
	if (x->made_run >= c->caps.per_run)
		return c->caps.summary
			       ? AXOSOFT_DO_GATHER
			       : nothing(why, "as many items as a run may have (caps.per_run) are made");
	return crowded(c, x) ? AXOSOFT_DO_GROUP : AXOSOFT_DO_MAKE;
}

/* A person's hand is on it: it stands elsewhere than we put it, or work on it was noted. */
static bool taken(const struct axosoft_item *item)
{
	return item->touched || (item->set_step != NULL && item->step_id != NULL &&
				 strcmp(item->set_step, item->step_id) != 0);
}

static enum axosoft_do mended(const struct axosoft_conf *c, const struct axosoft_case *x, const char **why)
{
	int64_t passes = x->history != NULL ? (int64_t)x->history->passes : 0;

	if (c->known.close_after == 0 || !x->item.ours || x->item.missing || x->item.id == NULL)
		return nothing(why, "its tests passed");
	if (x->item.shared)
		return nothing(why, "its tests passed, but its item stands for further failures");
	if (passes < c->known.close_after)
		return nothing(why, "its tests passed, but not in enough runs in a row yet");
	if (x->item.seen_run != x->run)
		return AXOSOFT_DO_LOOK;
	if (x->item.done)
		return nothing(why, "its tests passed, and its item is closed");
	if (taken(&x->item))
		return nothing(why, "its tests passed, but a person has its item in hand");
	return c->mode == AXOSOFT_CREATE ? AXOSOFT_DO_CLOSE : nothing(why, "its item would be closed");
}

enum axosoft_do axosoft_decide(const struct axosoft_conf *c, const struct axosoft_case *x, const char **why)
{
	int64_t ago = x->item.done_ms == TIME_UNKNOWN ? 0 : x->now_ms - x->item.done_ms;

	*why = "";
	if (x->passed)
		return mended(c, x, why);
	if (x->item.id == NULL)
		return make(c, x, why);
	if (x->item.seen_run != x->run)
		return AXOSOFT_DO_LOOK;
	if (x->item.missing)
		return make(c, x, why);
	if (x->item.done && c->known.closed != AXOSOFT_LEAVE) {
		if (c->known.closed == AXOSOFT_REPLACE || ago > c->known.within_ms)
			return make(c, x, why);
		if (x->flaky || (x->history != NULL && x->history->flaky))
			return nothing(why, "is back, but flaky: its closed item is left alone");
		if (c->mode == AXOSOFT_CREATE)
			return AXOSOFT_DO_REOPEN;
		return nothing(why, "its closed item would be reopened");
	}
	if (c->mode == AXOSOFT_CREATE && c->known.comment && !x->told)
		return AXOSOFT_DO_COMMENT;
	return AXOSOFT_DO_LINK;
}
