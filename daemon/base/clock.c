/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - the machine's clocks, or what a test put in their place. */
#include "daemon/base/clock.h"

#include <string.h>
#include <time.h>

static int64_t machine(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t machine_wall(void *cookie)
{
	(void)cookie;
	return machine(CLOCK_REALTIME);
}

static int64_t machine_mono(void *cookie)
{
	(void)cookie;
	return machine(CLOCK_MONOTONIC);
}

static const struct clock_source machine_source = { machine_wall, machine_mono, NULL };
static const struct clock_source *source = &machine_source;

int64_t clock_wall_ms(void)
{
	return source->wall_ms(source->cookie);
}

int64_t clock_mono_ms(void)
{
	return source->mono_ms(source->cookie);
}

int64_t clock_thread_ms(void)
{
	return machine(CLOCK_THREAD_CPUTIME_ID);
}

void clock_replace(const struct clock_source *s)
{
	source = s != NULL ? s : &machine_source;
}

const char *clock_iso(int64_t wall_ms, char buf[CLOCK_ISO_SIZE])
{
	/* Days to a civil date, valid for years 0000 to 9999; gmtime_r takes a lock and is slower. */
	const int64_t first = -62167219200000, last = 253402300799999;

	buf[0] = '\0';
	if (wall_ms < first || wall_ms > last)
		return buf;
	int64_t day = wall_ms / 86400000, ms = wall_ms % 86400000;
	if (ms < 0) {
		ms += 86400000;
		day--;
	}
	day += 719468;
	int64_t era = (day >= 0 ? day : day - 146096) / 146097;
	unsigned doe = (unsigned)(day - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	unsigned d = doy - (153 * mp + 2) / 5 + 1, m = mp < 10 ? mp + 3 : mp - 9;
	unsigned y = (unsigned)((int64_t)yoe + era * 400 + (m <= 2)) % 10000;
	unsigned s = (unsigned)(ms / 1000),
		 field[] = { y / 100, y % 100, m, d, s / 3600, s / 60 % 60, s % 60 };
	static const unsigned char at[] = { 0, 2, 5, 8, 11, 14, 17 };
	memcpy(buf, "0000-00-00T00:00:00.000Z", 25);
	for (unsigned i = 0; i < sizeof(at); i++) {
		buf[at[i]] = (char)('0' + field[i] / 10 % 10);
		buf[at[i] + 1] = (char)('0' + field[i] % 10);
	}
	unsigned frac = (unsigned)(ms % 1000);
	buf[20] = (char)('0' + frac / 100);
	buf[21] = (char)('0' + frac / 10 % 10);
	buf[22] = (char)('0' + frac % 10);
	return buf;
}

int64_t clock_days(int64_t year, unsigned month, unsigned day)
{
	/* March is the first month, so that the leap day comes last. */
	int64_t y = year - (month <= 2), m = (month + 9) % 12;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + (153 * m + 2) / 5 + (int64_t)day - 1 - 719468;
}
