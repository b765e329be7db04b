/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - rows and cards of what a server answered. */
#include "daemon/cli/table.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 250, CELL_MAX = 60, LAST_CELL_MAX = 300, VALUE_MAX = 64 << 10, ARENA_MAX = 64 << 20 };

/* ---- values ---- */

/* Epoch values beyond this are milliseconds: as seconds they would be past the year 5000. */
static const double SECONDS_MAX = 1e11;

static void put_time(struct buf *b, double value)
{
	char iso[CLOCK_ISO_SIZE];

	if (!(value > 0 && value < 1e15))
		return;
	clock_iso((int64_t)(value > SECONDS_MAX ? value : value * 1000), iso);
	iso[16] = '\0'; /* minutes are enough for people */
	iso[10] = ' ';
	buf_puts(b, iso);
}

static void put_span(struct buf *b, double seconds)
{
	int64_t s = (int64_t)(seconds < 1e12 ? seconds : 1e12);

	if (s >= 3600)
		buf_printf(b, "%" PRId64 "h ", s / 3600);
	if (s >= 60)
		buf_printf(b, "%" PRId64 "m ", s / 60 % 60);
	buf_printf(b, "%" PRId64 "s", s % 60);
}

static void put_scalar(struct buf *b, const cJSON *v, enum column_kind kind)
{
	if (cJSON_IsString(v)) {
		buf_puts(b, v->valuestring);
	} else if (cJSON_IsBool(v)) {
		buf_puts(b, cJSON_IsTrue(v) ? "yes" : "no");
	} else if (cJSON_IsNumber(v)) {
		if (kind == COLUMN_TIME)
			put_time(b, v->valuedouble);
		else if (kind == COLUMN_SPAN && v->valuedouble >= 0)
			put_span(b, v->valuedouble);
		else if (v->valuedouble == floor(v->valuedouble) && fabs(v->valuedouble) < 1e16)
			buf_printf(b, "%.0f", v->valuedouble);
		else
			buf_printf(b, "%g", v->valuedouble);
	} else if (cJSON_IsObject(v)) {
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(v, "name");
		put_scalar(b, name != NULL ? name : cJSON_GetObjectItemCaseSensitive(v, "value"), kind);
	}
}

void table_value(struct buf *b, const cJSON *item, const char *path, enum column_kind kind)
{
	const cJSON *element;

	if (cJSON_IsArray(item)) {
		size_t start = b->len;
		cJSON_ArrayForEach(element, item)
		{
			if (b->len > start)
				buf_puts(b, ", ");
			table_value(b, element, path, kind);
		}
		return;
	}
	if (path == NULL || *path == '\0') {
		put_scalar(b, item, kind);
		return;
	}
	char name[64];
	size_t n = strcspn(path, ".");
	if (n >= sizeof(name))
		return;
	memcpy(name, path, n);
	name[n] = '\0';
	table_value(b, cJSON_GetObjectItemCaseSensitive(item, name), path[n] == '.' ? path + n + 1 : "",
		    kind);
}

/* Characters, as they fill a line of a terminal (wide ones are not told apart). */
static size_t length(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* One line without what could steer a terminal, at most max characters. */
static const char *clean(struct arena *a, const char *s, size_t len, size_t max)
{
	struct buf b = BUF_LIMIT(VALUE_MAX + 16);
	const char *end = s + len;
	size_t n = 0;

	for (; s < end && n < max; n++) {
		unsigned size = utf8_length(s, end);
		/* C1 controls (U+0080 to U+009F) steer some terminals, too. */
		bool c1 = size == 2 && (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0;
		if (size == 0 || c1 || (unsigned char)*s < 0x20 || *s == 0x7f)
			buf_putc(&b, ' ');
		else
			buf_append(&b, s, size);
		s += size > 0 ? size : 1;
	}
	if (s < end)
		buf_puts(&b, "...");
	const char *text = arena_strndup(a, b.data != NULL ? b.data : "", b.len);
	buf_done(&b);
	return text != NULL ? text : "";
}

const char *table_clean(struct arena *a, const char *s)
{
	return clean(a, s, strlen(s), LAST_CELL_MAX);
}

static const char *cell(struct arena *a, const struct column *c, const cJSON *item, size_t max)
{
	struct buf b = BUF_LIMIT(VALUE_MAX);

	table_value(&b, item, c->path, c->kind);
	const char *text = clean(a, b.data != NULL ? b.data : "", b.len, max);
	buf_done(&b);
	return text;
}

/* ---- lists ---- */

void table_begin(struct table *t, const struct column *columns, bool json)
{
	*t = (struct table){
		.out = stdout, .columns = columns, .json = json, .arena = ARENA_LIMIT(ARENA_MAX)
	};
	while (columns[t->count].title != NULL)
		t->count++;
	if (json)
		return;
	t->cell = xcalloc(t->count * BLOCK, sizeof(*t->cell));
	t->width = xcalloc(t->count, sizeof(*t->width));
}

static void print_row(const struct table *t, const char *const *text)
{
	for (size_t i = 0; i < t->count; i++) {
		fputs(text[i], t->out);
		if (i + 1 == t->count)
			break;
		size_t n = length(text[i]);
		for (; n < t->width[i] + 2; n++)
			fputc(' ', t->out);
	}
	fputc('\n', t->out);
}

static void flush(struct table *t)
{
	if (!t->measured && t->waiting > 0) {
		const char *titles[32];
		for (size_t i = 0; i < t->count; i++) {
			t->width[i] = length(t->columns[i].title);
			for (size_t row = 0; row < t->waiting; row++) {
				size_t n = length(t->cell[row * t->count + i]);
				t->width[i] = n > t->width[i] ? n : t->width[i];
			}
		}
		for (size_t i = 0; i < t->count && i < 32; i++)
			titles[i] = t->columns[i].title;
		t->measured = true;
		if (t->count <= 32)
			print_row(t, titles);
	}
	for (size_t row = 0; row < t->waiting; row++)
		print_row(t, t->cell + row * t->count);
	t->waiting = 0;
	arena_reset(&t->arena);
}

static void print_json(FILE *out, const cJSON *value)
{
	char *text = utf8_mended(cJSON_PrintUnformatted(value));

	fputs(text != NULL ? text : "null", out);
	free(text);
}

void table_row(struct table *t, const cJSON *item)
{
	t->rows++;
	if (t->json) {
		fputs(t->rows == 1 ? "[\n" : ",\n", t->out);
		print_json(t->out, item);
		return;
	}
	for (size_t i = 0; i < t->count; i++)
		t->cell[t->waiting * t->count + i] =
			cell(&t->arena, &t->columns[i], item, i + 1 == t->count ? LAST_CELL_MAX : CELL_MAX);
	if (++t->waiting == BLOCK)
		flush(t);
}

void table_end(struct table *t, const char *none)
{
	if (t->json) {
		if (t->rows > 0 || none != NULL)
			fputs(t->rows == 0 ? "[]\n" : "\n]\n", t->out);
	} else {
		flush(t);
		if (t->rows == 0 && none != NULL)
			fprintf(t->out, "%s\n", none);
	}
	free(t->cell);
	free(t->width);
	arena_done(&t->arena);
}

/* ---- cards ---- */

void table_card(const struct column *columns, const cJSON *item, bool json)
{
	struct arena a = ARENA_LIMIT(ARENA_MAX);
	size_t width = 0;

	if (json) {
		table_json(item);
		return;
	}
	for (const struct column *c = columns; c->title != NULL; c++) {
		size_t n = length(c->title);
		width = n > width ? n : width;
	}
	for (const struct column *c = columns; c->title != NULL; c++) {
		const char *text = cell(&a, c, item, VALUE_MAX / 4);
		if (*text != '\0')
			printf("%-*s  %s\n", (int)width, c->title, text);
	}
	arena_done(&a);
}

void table_json(const cJSON *value)
{
	print_json(stdout, value);
	putchar('\n');
}
