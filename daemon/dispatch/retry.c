/* SPDX-License-Identifier: Apache-2.0
 *
 * retry.c - waits and rates. */
#include "daemon/dispatch/retry.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BASE_MS = 5000, CAP_MS = 15 * 60 * 1000, HOUR_MS = 3600 * 1000 };

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

int64_t retry_wait_ms(unsigned tries, uint64_t seed)
{
	int64_t top = tries >= 8 ? CAP_MS : (int64_t)BASE_MS << tries;

	if (top > CAP_MS)
		top = CAP_MS;
	return BASE_MS + (int64_t)(mix(seed + tries) % (uint64_t)(top - BASE_MS + 1));
}

int64_t retry_look_ms(unsigned looks)
{
	static const int64_t wait[LOOKS_MAX] = { 5000, 30000, 120000 };

	return wait[looks < LOOKS_MAX ? looks : LOOKS_MAX - 1];
}

int64_t retry_limited_ms(int64_t retry_after_s, unsigned limited)
{
	int64_t told = retry_after_s < 0       ? 60 * 1000
		       : retry_after_s < 1     ? 1000
		       : retry_after_s >= 3600 ? HOUR_MS
					       : retry_after_s * 1000;
	int64_t least = limited < 6 ? INT64_C(1000) << limited : 60 * 1000;

	return told > least ? told : least;
}

int64_t retry_quota_ms(unsigned fails, int64_t retry_after_s)
{
	if (retry_after_s > 0)
		return retry_after_s < 86400 ? retry_after_s * 1000 : PACE_DAY_MS;
	if (fails < 4)
		return INT64_C(1000) << fails;
	return fails < 10 ? (int64_t)(60 * 1000) << (fails - 4) : HOUR_MS;
}

void pace_init(struct pace *p, double rate_per_minute)
{
	*p = (struct pace){ 0 };
	if (rate_per_minute <= 0)
		return;
	p->interval_ms = 60000.0 / (rate_per_minute * 0.8);
	/* A burst of a twentieth of a minute's worth, at least 5: short imports do not crawl. */
	p->burst = rate_per_minute / 20 < 5 ? 5 : rate_per_minute / 20;
}

int64_t pace_day_wait_ms(const struct pace *p, int64_t now_ms)
{
	if (p->day_max == 0 || p->day_count < p->day_max)
		return 0;
	int64_t until = p->day[p->day_first] + PACE_DAY_MS;
	return until > now_ms ? until - now_ms : 0;
}

int64_t pace_wait_ms(const struct pace *p, int64_t now_ms, bool look)
{
	int64_t wait = p->blocked_until_ms > now_ms ? p->blocked_until_ms - now_ms : 0;

	if (p->interval_ms > 0) {
		double burst = look ? p->burst : p->burst * 0.8;
		double over = p->full_at_ms - (double)now_ms - (burst - 1) * p->interval_ms;
		if (over > 0 && (int64_t)over + 1 > wait)
			wait = (int64_t)over + 1;
	}
	int64_t day = pace_day_wait_ms(p, now_ms);
	return day > wait ? day : wait;
}

static void count_day(struct pace *p, int64_t at_ms, unsigned requests)
{
	while (p->day_max > 0 && requests-- > 0) {
		p->day[(p->day_first + p->day_count) % p->day_max] = at_ms;
		if (p->day_count < p->day_max)
			p->day_count++;
		else
			p->day_first = (p->day_first + 1) % p->day_max;
	}
}

void pace_init_day(struct pace *p, size_t per_day)
{
	p->day_max = per_day;
	p->day = per_day > 0 ? xcalloc(per_day, sizeof(*p->day)) : NULL;
}

void pace_done(struct pace *p)
{
	free(p->day);
	p->day = NULL;
	p->day_max = p->day_count = 0;
}

void pace_made(struct pace *p, int64_t at_ms, unsigned requests)
{
	count_day(p, at_ms, requests);
	if (p->interval_ms <= 0)
		return;
	if (p->full_at_ms < (double)at_ms)
		p->full_at_ms = (double)at_ms;
	p->full_at_ms += p->interval_ms * requests;
}

void pace_take(struct pace *p, int64_t now_ms)
{
	pace_made(p, now_ms, 1);
}

bool pace_learn(struct pace *p, double rate_per_minute)
{
	struct pace told;

	/* A word like "1 per minute" would be a misunderstanding rather than a limit. */
	if (rate_per_minute < 6)
		return false;
	pace_init(&told, rate_per_minute);
	if (p->interval_ms > 0 && told.interval_ms <= p->interval_ms)
		return false;
	p->interval_ms = told.interval_ms;
	p->burst = told.burst;
	return true;
}

static bool at_word(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && strncasecmp(text, word, n) == 0;
}

double pace_in_words(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (text[i] < '0' || text[i] > '9') {
			i++;
			continue;
		}
		double n = 0;
		size_t from = i;
		for (; i < len && text[i] >= '0' && text[i] <= '9' && i - from < 9; i++)
			n = n * 10 + (text[i] - '0');
		size_t k = i;
		while (k < len && text[k] == ' ')
			k++;
		if (at_word(text + k, len - k, "requests") || at_word(text + k, len - k, "calls"))
			while (k < len && text[k] >= 'a' && text[k] <= 'z')
				k++;
		while (k < len && text[k] == ' ')
			k++;
		if (at_word(text + k, len - k, "per minute") || at_word(text + k, len - k, "/minute") ||
		    at_word(text + k, len - k, "a minute"))
			return n;
	}
	return 0;
}
