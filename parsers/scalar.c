/* SPDX-License-Identifier: Apache-2.0
 *
 * scalar.c - see scalar.h.  The common forms ("0.123", "2024-01-02T03:04:05") take a short way; everything
 * odd is sorted out behind it. */
#include "parsers/scalar.h"

#include "daemon/base/clock.h"
#include "parsers/zone.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 60 };

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}
static bool space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- durations ---- */

static const double power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
				1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static const struct {
	const char *name;
	double seconds;
} unit[] = {
	{ "", 1 },         { "s", 1 },        { "ms", 1e-3 },        { "us", 1e-6 },        { "ns", 1e-9 },
	{ "m", 60 },       { "h", 3600 },     { "\xc2\xb5s", 1e-6 }, { "\xce\xbcs", 1e-6 }, { "sec", 1 },
	{ "secs", 1 },     { "second", 1 },   { "seconds", 1 },      { "msec", 1e-3 },      { "min", 60 },
	{ "minutes", 60 }, { "hours", 3600 }, { "\xc2\xb5", 1e-6 },
};

/* The shape of "1,234,567": every mark is followed by exactly three digits, and one to three lead. */
static bool groups_of_three(const char *s, const char *end, char mark)
{
	size_t run = 0;
	bool first = true;

	for (;; s++) {
		if (s < end && digit(*s)) {
			run++;
		} else if (s == end || *s == mark) {
			if (first ? run < 1 || run > 3 : run != 3)
				return false;
			if (s == end)
				return true;
			first = false;
			run = 0;
		} else {
			return false;
		}
	}
}

/* Which of the two marks separates the fraction, '\0' for none.  false: no number. */
static bool decimal_mark(const char *s, const char *end, struct scalar_commas *commas, char *mark)
{
	const char *comma = NULL, *dot = NULL;
	size_t comma_count = 0, dot_count = 0;

	for (const char *p = s; p < end; p++) {
		if (*p == ',') {
			comma = p;
			comma_count++;
		} else if (*p == '.') {
			dot = p;
			dot_count++;
		}
	}
	*mark = '\0';
	if (comma != NULL && dot != NULL) {
		char last = comma > dot ? ',' : '.', other = comma > dot ? '.' : ',';
		if ((last == ',' ? comma_count : dot_count) != 1 ||
		    !groups_of_three(s, last == ',' ? comma : dot, other))
			return false;
		*mark = last;
		*(last == ',' ? &commas->decimal : &commas->grouping) = true;
		return true;
	}
	if (dot != NULL) {
		if (dot_count == 1)
			*mark = '.';
		else
			return groups_of_three(s, end, '.');
		return true;
	}
	if (comma == NULL)
		return true;
	if (comma_count > 1) {
		commas->grouping = true;
		return groups_of_three(s, end, ',');
	}
	if (end - comma - 1 != 3 || comma - s > 3 || comma == s || *s == '0') {
		commas->decimal = true;
		*mark = ',';
	} else if (commas->decimal && !commas->grouping) {
		*mark = ',';
	} else {
		commas->guessed = true;
	}
	return true;
}

/* Digits, marks and an exponent up to end; the rest of the world is not here. */
static bool number(const char *s, const char *end, struct scalar_commas *commas, double *out)
{
	char clean[NUMBER_MAX + 8], mark;
	size_t n = 0;
	uint64_t mantissa = 0;
	int digits = 0, fraction = 0, exponent = 0;
	bool after = false, any = false;
	const char *stop = s;

	while (stop < end && (digit(*stop) || *stop == ',' || *stop == '.'))
		stop++;
	if (end - s > NUMBER_MAX || !decimal_mark(s, stop, commas, &mark))
		return false;
	for (const char *p = s; p < stop; p++) {
		if (digit(*p)) {
			any = true;
			if (digits < 18) {
				mantissa = mantissa * 10 + (uint64_t)(*p - '0');
				digits += mantissa > 0;
				fraction += after;
			} else {
				digits = 99;
			}
			clean[n++] = *p;
		} else if (*p == mark) {
			after = true;
			clean[n++] = '.';
		}
	}
	if (!any)
		return false;
	if (stop < end) {
		const char *p = stop + 1;
		bool minus = false;
		if ((*stop != 'e' && *stop != 'E') || p == end)
			return false;
		if (*p == '-' || *p == '+')
			minus = *p++ == '-';
		if (p == end || end - p > 5)
			return false;
		for (; p < end; p++) {
			if (!digit(*p))
				return false;
			exponent = exponent * 10 + (*p - '0');
		}
		if (minus)
			exponent = -exponent;
		memcpy(clean + n, stop, (size_t)(end - stop));
		n += (size_t)(end - stop);
	}
	clean[n] = '\0';
	int scale = exponent - fraction;
	if (digits < 99 && mantissa < (UINT64_C(1) << 53) && scale >= -22 && scale <= 22)
		*out = scale < 0 ? (double)mantissa / power[-scale] : (double)mantissa * power[scale];
	else
		*out = strtod(clean, NULL);
	return isfinite(*out);
}

/* "12", "0.123": what nearly all producers write. */
static bool simple(const char *s, double *seconds)
{
	uint64_t v = 0;
	const char *p = s, *dot = NULL;

	for (;; p++) {
		if (digit(*p))
			v = v * 10 + (uint64_t)(*p - '0');
		else if (*p == '.' && dot == NULL)
			dot = p;
		else
			break;
		if (p - s > 15)
			return false;
	}
	size_t digits = (size_t)(p - s) - (dot != NULL);
	if (*p != '\0' || digits == 0)
		return false;
	*seconds = dot != NULL ? (double)v / power[p - dot - 1] : (double)v;
	return true;
}

bool scalar_duration(const char *s, struct scalar_commas *commas, double *seconds)
{
	if (simple(s, seconds))
		return true;
	while (space(*s))
		s++;
	bool minus = *s == '-';
	if (*s == '+' || *s == '-')
		s++;
	/* The number ends where a unit could begin: an `e` is one only if digits follow. */
	const char *end = s;
	while (digit(*end) || *end == ',' || *end == '.' ||
	       ((*end == 'e' || *end == 'E') &&
		(digit(end[1]) || ((end[1] == '-' || end[1] == '+') && digit(end[2])))) ||
	       ((*end == '-' || *end == '+') && end > s && (end[-1] == 'e' || end[-1] == 'E')))
		end++;
	if (end == s || !number(s, end, commas, seconds))
		return false;
	/* "-0.000" is a zero that was rounded from below. */
	if (minus && *seconds != 0)
		return false;
	while (space(*end))
		end++;
	size_t len = strlen(end);
	while (len > 0 && space(end[len - 1]))
		len--;
	for (size_t i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (strlen(unit[i].name) == len && memcmp(unit[i].name, end, len) == 0) {
			*seconds *= unit[i].seconds;
			return true;
		}
	}
	return false;
}

/* ---- stamps ---- */

/* Java's short names.  Of those that mean several the one of the source's own zone is taken, else the first. */
static const struct {
	const char *name;
	int minutes;
} abbreviation[] = {
	{ "Z", 0 },       { "UTC", 0 },     { "GMT", 0 },     { "WET", 0 },    { "WEZ", 0 },
	{ "WEST", 60 },   { "WESZ", 60 },   { "BST", 60 },    { "CET", 60 },   { "MEZ", 60 },
	{ "CEST", 120 },  { "MESZ", 120 },  { "EET", 120 },   { "OEZ", 120 },  { "EEST", 180 },
	{ "OESZ", 180 },  { "MSK", 180 },   { "TRT", 180 },   { "WAT", 60 },   { "CAT", 120 },
	{ "SAST", 120 },  { "EAT", 180 },   { "IDT", 180 },   { "IRST", 210 }, { "GST", 240 },
	{ "AZT", 240 },   { "GET", 240 },   { "SAMT", 240 },  { "PKT", 300 },  { "UZT", 300 },
	{ "YEKT", 300 },  { "NPT", 345 },   { "BDT", 360 },   { "OMST", 360 }, { "ICT", 420 },
	{ "WIB", 420 },   { "NOVT", 420 },  { "KRAT", 420 },  { "SGT", 480 },  { "HKT", 480 },
	{ "MYT", 480 },   { "WITA", 480 },  { "IRKT", 480 },  { "AWST", 480 }, { "JST", 540 },
	{ "KST", 540 },   { "YAKT", 540 },  { "ACST", 570 },  { "AEST", 600 }, { "VLAT", 600 },
	{ "ACDT", 630 },  { "AEDT", 660 },  { "NZST", 720 },  { "NZDT", 780 }, { "NDT", -150 },
	{ "NST", -210 },  { "ADT", -180 },  { "ART", -180 },  { "BRT", -180 }, { "UYT", -180 },
	{ "CLST", -180 }, { "CLT", -240 },  { "VET", -240 },  { "EDT", -240 }, { "EST", -300 },
	{ "CDT", -300 },  { "COT", -300 },  { "PET", -300 },  { "MDT", -360 }, { "MST", -420 },
	{ "PDT", -420 },  { "AKDT", -480 }, { "AKST", -540 }, { "HST", -600 }, { "IST", 330 },
	{ "IST", 120 },   { "IST", 60 },    { "CST", -360 },  { "CST", 480 },  { "PST", -480 },
	{ "PST", 480 },   { "AST", -240 },  { "AST", 180 },
};

struct stamp {
	int64_t year;
	unsigned month, day, hour, minute, second, ms;
	bool zoned;
	int offset;       /* minutes east */
	const char *name; /* of the zone, where it was told by name */
	size_t name_len;
};

static bool field(const char **s, unsigned least, unsigned most, unsigned *out)
{
	unsigned n = 0, v = 0;

	while (n < most && digit((*s)[n]))
		v = v * 10 + (unsigned)((*s)[n++] - '0');
	if (n < least)
		return false;
	*s += n;
	*out = v;
	return true;
}

static void fraction(const char **s, struct stamp *t)
{
	unsigned scale = 100;

	if ((**s != '.' && **s != ',') || !digit((*s)[1]))
		return;
	for ((*s)++; digit(**s); (*s)++, scale /= 10)
		t->ms += (unsigned)(**s - '0') * scale;
}

static void skip_blank(const char **s)
{
	while (space(**s))
		(*s)++;
}

static bool clock_time(const char **s, struct stamp *t)
{
	if (!field(s, 1, 2, &t->hour) || **s != ':')
		return false;
	(*s)++;
	if (!field(s, 2, 2, &t->minute))
		return false;
	if (**s != ':')
		return true;
	(*s)++;
	if (!field(s, 2, 2, &t->second))
		return false;
	fraction(s, t);
	return true;
}

/* "+05:30", "+0530", "+05"; behind a name "+5", too. */
static bool zone_offset(const char **s, unsigned least, struct stamp *t)
{
	int sign = **s == '-' ? -1 : 1;
	unsigned h, m = 0;

	(*s)++;
	if (!field(s, least, 2, &h))
		return false;
	if (**s == ':')
		(*s)++;
	if (digit(**s) && !field(s, 2, 2, &m))
		return false;
	t->zoned = true;
	t->offset = sign * (int)(h * 60 + m);
	return h <= 18 && m <= 59;
}

static bool zone_name(const char **s, struct stamp *t)
{
	size_t n = 0, upper = 0;

	while (letter((*s)[n]))
		upper += (*s)[n++] <= 'Z';
	t->name = *s;
	t->name_len = n;
	for (size_t i = 0; i < sizeof(abbreviation) / sizeof(abbreviation[0]) && !t->zoned; i++) {
		if (strlen(abbreviation[i].name) == n && strncmp(abbreviation[i].name, *s, n) == 0) {
			t->zoned = true;
			t->offset = abbreviation[i].minutes;
		}
	}
	if (n == 1 && **s == 'z')
		t->zoned = true;
	else if (!t->zoned && (n < 2 || n > 5 || upper != n))
		return false;
	*s += n;
	return true;
}

/* What follows the time: nothing, an offset (Go adds its name), a name, what Java calls a zone without a name
 * ("GMT+03:00"); Java adds "[Europe/Berlin]". */
static bool zone_text(const char **s, struct stamp *t)
{
	skip_blank(s);
	if (**s == '+' || **s == '-') {
		if (!zone_offset(s, 2, t))
			return false;
		if ((*s)[0] == ' ' && letter((*s)[1])) {
			struct stamp same = { 0 };
			(*s)++;
			if (!zone_name(s, &same))
				return false;
		}
	} else if (letter(**s)) {
		if (!zone_name(s, t))
			return false;
		if (t->zoned && t->offset == 0 && (**s == '+' || **s == '-')) {
			t->name = NULL;
			if (!zone_offset(s, 1, t))
				return false;
		}
	}
	if (**s == '[') {
		const char *close = strchr(*s, ']');
		if (close == NULL)
			return false;
		*s = close + 1;
	}
	return true;
}

static bool iso(const char *s, struct stamp *t)
{
	unsigned year;

	if (!field(&s, 4, 4, &year) || (*s != '-' && *s != '/'))
		return false;
	t->year = year;
	char sep = *s++;
	if (!field(&s, 1, 2, &t->month) || *s++ != sep || !field(&s, 1, 2, &t->day))
		return false;
	if (*s == 'T' || *s == 't' || (*s == ' ' && digit(s[1]))) {
		s += 1 + (s[1] == ' '); /* "2024-01-02T 03:04:05" has been seen, too */
		if (!clock_time(&s, t))
			return false;
	}
	return zone_text(&s, t) && *s == '\0';
}

/* "20240102T030405Z", "20240102 03:04:05.678" (Robot's). */
static bool iso_basic(const char *s, struct stamp *t)
{
	unsigned year;

	if (!field(&s, 4, 4, &year) || !field(&s, 2, 2, &t->month) || !field(&s, 2, 2, &t->day) ||
	    (*s != 'T' && *s != 't' && *s != ' '))
		return false;
	t->year = year;
	s++;
	if (strspn(s, "0123456789") != 6) {
		if (!clock_time(&s, t))
			return false;
	} else if (!field(&s, 2, 2, &t->hour) || !field(&s, 2, 2, &t->minute) ||
		   !field(&s, 2, 2, &t->second)) {
		return false;
	} else {
		fraction(&s, t);
	}
	return zone_text(&s, t) && *s == '\0';
}

static bool month_name(const char **s, unsigned *month)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (unsigned i = 0; i < 12; i++) {
		const char *n = names + (size_t)i * 3;
		if (lower((*s)[0]) == n[0] && lower((*s)[1]) == n[1] && lower((*s)[2]) == n[2]) {
			*month = i + 1;
			*s += 3;
			while (letter(**s))
				(*s)++;
			return true;
		}
	}
	return false;
}

static void skip_space(const char **s)
{
	while (space(**s) || **s == ',')
		(*s)++;
}

/* "Tue, 02 Jan 2024 03:04:05 GMT", "Tue Jan 2 03:04:05 2024", "Tue Jan 02 03:04:05 CET 2024". */
static bool named(const char *s, struct stamp *t)
{
	unsigned year;

	const char *p = s;
	if (!month_name(&p, &t->month)) {
		while (letter(*s))
			s++;
		skip_space(&s);
	}
	bool day_first = digit(*s);
	if (day_first) {
		if (!field(&s, 1, 2, &t->day))
			return false;
		skip_space(&s);
	}
	if (!month_name(&s, &t->month))
		return false;
	skip_space(&s);
	if (day_first) {
		if (!field(&s, 4, 4, &year))
			return false;
		skip_space(&s);
		if (!clock_time(&s, t) || !zone_text(&s, t))
			return false;
	} else {
		if (!field(&s, 1, 2, &t->day))
			return false;
		skip_space(&s);
		if (!clock_time(&s, t))
			return false;
		skip_space(&s);
		if (!digit(*s) && !zone_text(&s, t))
			return false;
		skip_space(&s);
		if (!field(&s, 4, 4, &year))
			return false;
	}
	t->year = year;
	return *s == '\0';
}

static bool epoch(const char *s, int64_t *ms)
{
	size_t n = strspn(s, "0123456789");
	const char *rest = s + n;

	if (n == 0 || n > 19)
		return false;
	unsigned long long v = strtoull(s, NULL, 10);
	if (n >= 18)
		v /= 1000000;
	else if (n >= 15)
		v /= 1000;
	else if (n < 12)
		v *= 1000;
	if (*rest == '.' && n < 12) {
		unsigned scale = 100;
		for (rest++; digit(*rest); rest++, scale /= 10)
			v += (unsigned)(*rest - '0') * scale;
	}
	*ms = (int64_t)v;
	return *rest == '\0';
}

static bool calendar_ok(const struct stamp *t)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;

	return t->month >= 1 && t->month <= 12 && t->day >= 1 &&
	       t->day <= days[t->month - 1] + (unsigned)(leap && t->month == 2) && t->hour <= 23 &&
	       t->minute <= 59 && t->second <= 60;
}

/* Minutes east.  "CST" is China's for a source in China, "IST" Israel's for one in Israel. */
static int offset_of(const struct stamp *t, const struct scalar_clock *clock, int64_t local_ms)
{
	if (t->name == NULL || clock->zone == NULL)
		return t->offset;
	int own = (int)((local_ms - zone_to_utc(clock->zone, local_ms)) / 60000);
	for (size_t i = 0; i < sizeof(abbreviation) / sizeof(abbreviation[0]); i++) {
		if (abbreviation[i].minutes == own && strlen(abbreviation[i].name) == t->name_len &&
		    strncmp(abbreviation[i].name, t->name, t->name_len) == 0)
			return own;
	}
	return t->offset;
}

bool scalar_stamp(const char *s, const struct scalar_clock *clock, int64_t *wall_ms, bool *zoned)
{
	const int64_t year_2000 = INT64_C(946684800000), day = INT64_C(86400000);
	char text[64];
	int64_t ms;

	while (space(*s))
		s++;
	size_t len = strlen(s);
	while (len > 0 && space(s[len - 1]))
		len--;
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	struct stamp t = { 0 };
	*zoned = true;
	if (!epoch(text, &ms)) {
		if (!iso(text, &t)) {
			t = (struct stamp){ 0 };
			if (!iso_basic(text, &t)) {
				t = (struct stamp){ 0 };
				if (!named(text, &t))
					return false;
			}
		}
		if (!calendar_ok(&t))
			return false;
		ms = (clock_days(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second) *
			     1000 +
		     t.ms;
		*zoned = t.zoned;
		ms = t.zoned ? ms - (int64_t)offset_of(&t, clock, ms) * 60000 : zone_to_utc(clock->zone, ms);
	}
	if (ms < year_2000 || (clock->now_ms != TIME_UNKNOWN ? ms > clock->now_ms + day : ms > year_2000 * 8))
		return false;
	*wall_ms = ms;
	return true;
}

/* ---- counts and lines ---- */

bool scalar_count(const char *s, uint64_t *out)
{
	uint64_t v = 0;

	while (space(*s))
		s++;
	if (*s == '+')
		s++;
	if (!digit(*s))
		return false;
	for (; digit(*s); s++) {
		if (v > UINT64_MAX / 20)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (*s == '.') {
		for (s++; *s == '0'; s++)
			;
	}
	while (space(*s))
		s++;
	*out = v;
	return *s == '\0';
}

bool scalar_line(const char *s, int64_t *out)
{
	uint64_t v;

	if (!scalar_count(s, &v) || v == 0 || v > INT32_MAX)
		return false;
	*out = (int64_t)v;
	return true;
}
