/* SPDX-License-Identifier: Apache-2.0
 *
 * axosoft_flood.c - what is done about a failure, and above all when nothing is.  Pure. */
#include "sinks/axosoft/axosoft.h"

#include "daemon/base/clock.h"

static enum axosoft_do nothing(const char **why, const char *text)
{
	*why = text;
	return AXOSOFT_DO_NOTHING;
}

static enum axosoft_do make(const struct axosoft_conf *c, const struct axosoft_case *x, const char **why)
{
	int64_t streak = x->history != NULL ? (int64_t)x->history->streak : 1;
	int64_t age = x->history != NULL ? x->now_ms - x->history->first_ms : 0;

	if (streak < c->after.runs)
		return nothing(why, "fails, but not in enough runs in a row yet");
	if (c->after.age_ms > 0 && age < c->after.age_ms) /* the two clocks may differ by seconds */
		return nothing(why, "fails, but not for long enough yet");
	if (c->mode == AXOSOFT_LINK_ONLY)
		return nothing(why, "no item is known (mode: link-only makes none)");
	if (c->mode == AXOSOFT_DRY_RUN)
		return nothing(why, "would make an item (mode: dry-run)");
	if (x->made_day >= c->caps.per_day)
		return nothing(why, "as many items as a day may have (caps.per_day) are made");
	if (x->made_run >= c->caps.per_run)
		return c->caps.summary
			       ? AXOSOFT_DO_GATHER
			       : nothing(why, "as many items as a run may have (caps.per_run) are made");
	return AXOSOFT_DO_MAKE;
}

static enum axosoft_do mended(const struct axosoft_conf *c, const struct axosoft_case *x, const char **why)
{
	int64_t passes = x->history != NULL ? (int64_t)x->history->passes : 0;

	if (c->known.close_after == 0 || !x->item.ours || x->item.missing || x->item.id == NULL)
		return nothing(why, "its tests passed");
	if (passes < c->known.close_after)
		return nothing(why, "its tests passed, but not in enough runs in a row yet");
	if (x->item.seen_run != x->run)
		return AXOSOFT_DO_LOOK;
	if (x->item.done)
		return nothing(why, "its tests passed, and its item is closed");
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
		if (c->mode == AXOSOFT_CREATE)
			return AXOSOFT_DO_REOPEN;
		return nothing(why, "its closed item would be reopened");
	}
	if (c->mode == AXOSOFT_CREATE && c->known.comment && !x->told)
		return AXOSOFT_DO_COMMENT;
	return AXOSOFT_DO_LINK;
}
