/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c - `resultd parse FILE...`: the normalized model, as JSON lines, a table or a summary.
 *
 * Touches nothing but its output.  Results stream: a report of any size needs the memory of its largest
 * result.  What was shown of a report that must be read again, repaired, is not shown twice: the second pass
 * gives the same results up to the place that stopped the first.  Many reports are read by as many threads as
 * there are processors; what is said of them stays in their order. */
#include "daemon/cli/cli.h"

#include "daemon/base/clock.h"
#include "daemon/base/file.h"
#include "daemon/base/json.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "daemon/cli/lineup.h"
#include "daemon/model/result_json.h"
#include "daemon/intake/report.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	OUT_FLUSH = 128 * 1024,
	OUT_MAX = 64 << 20, /* one result with its texts, and what waits before it */
	WIDTH_MIN = 60,
	WIDTH_DEFAULT = 120,
	WIDTH_MAX = 400,
	STATUS_WIDTH = 8,
	TIME_WIDTH = 9,
	WORKERS_MAX = 16,
};

enum form { FORM_JSONL, FORM_TABLE, FORM_SUMMARY };

struct parse {
	enum form form;
	const char *name; /* of the file that is read */
	struct lineup *line;
	size_t index; /* of the report, in line */
	struct buf out, said;
	unsigned width;
	uint64_t given, skip; /* results of this file shown; to be passed over, after a restart */
	size_t begin;         /* where in out this file begins; SIZE_MAX: some of it is written already */
	unsigned reports, bad, foreign;
	uint64_t cases[OUTCOME_COUNT], flaky;
	double duration_ms;
};

static int flush(struct parse *p)
{
	lineup_turn(p->line, p->index, true);
	lineup_write(p->line, &p->out, &p->said);
	p->begin = SIZE_MAX;
	return lineup_failed(p->line);
}

/* ---- the table ---- */

/* Text for one column: control characters become spaces, and what is too long ends in "...".  Characters
 * are counted, not bytes. */
static void column(struct buf *b, const char *s, size_t len, unsigned width, bool pad)
{
	const char *end = s + len;
	unsigned used = 0;
	size_t at_cut = b->len; /* where "..." would begin */

	while (s < end) {
		unsigned n = utf8_length(s, end);
		if (n == 0)
			n = 1;
		if (used == width) {
			b->len = at_cut;
			buf_puts(b, "...");
			return;
		}
		if (used <= width - 3)
			at_cut = b->len;
		/* C0, DEL and C1 never reach a terminal. */
		bool plain = (n == 1 && ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)) ||
			     (n == 2 && (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0);
		if (plain)
			buf_putc(b, ' ');
		else
			buf_append(b, s, n);
		s += n;
		used++;
	}
	for (; pad && used < width; used++)
		buf_putc(b, ' ');
}

static void duration(struct buf *b, double ms)
{
	char text[32];

	if (ms < 0)
		snprintf(text, sizeof(text), "-");
	else if (ms < 1000)
		snprintf(text, sizeof(text), "%.0f ms", ms);
	else if (ms < 100000)
		snprintf(text, sizeof(text), "%.2f s", ms / 1000);
	else if (ms < 1e9)
		snprintf(text, sizeof(text), "%.0f s", ms / 1000);
	else
		snprintf(text, sizeof(text), "%.3g s", ms / 1000);
	buf_printf(b, "%*s", TIME_WIDTH, text);
}

static void table_row(struct parse *p, const struct result *r)
{
	struct buf *b = &p->out;
	unsigned left = p->width - STATUS_WIDTH - TIME_WIDTH - 4, id_width = left * 3 / 5;
	const char *status = r->flaky ? "flaky" : r->known_failure ? "known" : outcome_name(r->outcome);
	struct buf id = BUF_LIMIT(1 << 20);

	column(b, status, strlen(status), STATUS_WIDTH, true);
	buf_putc(b, ' ');
	duration(b, r->duration_ms);
	buf_puts(b, "  ");
	buf_puts(&id, r->id != NULL && r->id[0] != '\0' ? r->id : "(no name)");
	if (r->variant != NULL)
		buf_printf(&id, " {%s}", r->variant);
	for (size_t i = 0; i < r->param_count; i++)
		buf_printf(&id, "%s%s%s", i == 0 ? " (" : ", ", r->params[i],
			   i + 1 == r->param_count ? ")" : "");
	const struct text *why = r->failure.message.len > 0 ? &r->failure.message : &r->failure.detail;
	bool last = why->len == 0;
	column(b, id.data, id.len, last ? left : id_width, !last);
	buf_done(&id);
	if (!last) {
		const char *end = memchr(why->s, '\n', why->len);
		buf_putc(b, ' ');
		column(b, why->s, end != NULL ? (size_t)(end - why->s) : why->len, left - id_width - 1,
		       false);
	}
	buf_putc(b, '\n');
}

static void table_end(struct parse *p)
{
	uint64_t all = 0;

	for (size_t i = 0; i < OUTCOME_COUNT; i++)
		all += p->cases[i];
	buf_printf(&p->out,
		   "\n%llu test case%s in %u report%s: %llu passed, %llu failed, %llu error, %llu skipped",
		   (unsigned long long)all, all == 1 ? "" : "s", p->reports, p->reports == 1 ? "" : "s",
		   (unsigned long long)p->cases[OUTCOME_PASSED], (unsigned long long)p->cases[OUTCOME_FAILED],
		   (unsigned long long)p->cases[OUTCOME_ERROR],
		   (unsigned long long)p->cases[OUTCOME_SKIPPED]);
	if (p->flaky > 0)
		buf_printf(&p->out, ", %llu flaky", (unsigned long long)p->flaky);
	buf_printf(&p->out, ", %.3f s\n", p->duration_ms / 1000);
}

/* ---- the summary ---- */

/* As short as says the same: sums may be far above and durations far below what milliseconds hold. */
static void number(struct buf *b, double v)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_puts(b, text);
}

static void summary(struct parse *p, const struct report_summary *s)
{
	struct buf *b = &p->out;

	buf_putc(b, '{');
	json_field(b, "file", p->name);
	json_field(b, "format", s->format);
	json_field_bool(b, "complete", s->complete);
	json_field_int(b, "suites", (int64_t)s->suites);
	json_field_int(b, "cases", (int64_t)s->cases);
	json_field_int(b, "passed", (int64_t)s->passed);
	json_field_int(b, "failed", (int64_t)s->failed);
	json_field_int(b, "error", (int64_t)s->error);
	json_field_int(b, "skipped", (int64_t)s->skipped);
	json_field_int(b, "flaky", (int64_t)s->flaky);
	json_key(b, "duration_ms");
	number(b, s->duration_ms);
	json_key(b, "warnings");
	buf_putc(b, '[');
	for (size_t i = 0; i < s->warning_count; i++) {
		json_sep(b);
		json_string(b, s->warnings[i], strlen(s->warnings[i]));
	}
	if (s->verdict != REPORT_OK) {
		char text[2048];
		err_string(&s->err, text, sizeof(text));
		json_sep(b);
		json_string(b, text, strlen(text));
	}
	buf_puts(b, "]}\n");
}

/* ---- one report ---- */

static int on_result(void *cookie, const struct result *r)
{
	struct parse *p = cookie;

	if (p->skip > 0) {
		p->skip--;
		return 0;
	}
	p->given++;
	if (p->form == FORM_TABLE) {
		table_row(p, r);
	} else {
		struct result named = *r;
		named.report = p->name;
		result_json_write(&p->out, &named);
	}
	if (buf_error(&p->out) < 0)
		return buf_error(&p->out);
	if (p->out.len < OUT_FLUSH || (p->out.len < LINEUP_AHEAD && !lineup_turn(p->line, p->index, false)))
		return 0;
	return flush(p);
}

static int on_counted(void *cookie, const struct result *r)
{
	(void)cookie;
	(void)r;
	return 0;
}

static void on_restart(void *cookie)
{
	struct parse *p = cookie;

	if (p->begin == SIZE_MAX) {
		p->skip = p->given;
		return;
	}
	p->out.len = p->begin;
	p->given = 0;
}

/* One line for standard error.  Names and values come from reports: nothing that a terminal acts on. */
static void say(struct parse *p, const char *text)
{
	column(&p->said, text, strlen(text), UINT_MAX, false);
	buf_putc(&p->said, '\n');
}

static void tell(struct parse *p, const struct report_summary *s)
{
	char text[2048];

	for (size_t i = 0; i < s->warning_count; i++)
		say(p, s->warnings[i]);
	if (s->verdict != REPORT_OK)
		say(p, err_string(&s->err, text, sizeof(text)));
}

static void read_report(struct parse *p, int fd, const char *name)
{
	static const struct parser_events shown = { .result = on_result, .restart = on_restart },
					  counted = { .result = on_counted, .restart = on_restart };
	struct parser_options options = {
		.timezone = NULL,
		.now_ms = clock_wall_ms(),
		.counts_only = p->form == FORM_SUMMARY,
		.redacted = parser_redacted_default,
	};
	struct report_summary s;

	p->name = name;
	p->given = p->skip = 0;
	p->begin = p->out.len;
	report_read(fd, name, &options, p->form == FORM_SUMMARY ? &counted : &shown, p, &s);
	if (p->form == FORM_SUMMARY)
		summary(p, &s);
	tell(p, &s);
	switch (s.verdict) {
	case REPORT_OK:
		p->reports++;
		break;
	case REPORT_INCOMPLETE:
		p->reports++;
		p->bad++;
		break;
	case REPORT_FOREIGN:
		p->foreign++;
		break;
	case REPORT_MALFORMED:
	case REPORT_EMPTY:
	case REPORT_UNREADABLE:
	case REPORT_STOPPED:
		p->bad++;
		break;
	}
	p->cases[OUTCOME_PASSED] += s.passed;
	p->cases[OUTCOME_FAILED] += s.failed;
	p->cases[OUTCOME_ERROR] += s.error;
	p->cases[OUTCOME_SKIPPED] += s.skipped;
	p->flaky += s.flaky;
	p->duration_ms += s.duration_ms;
	report_summary_done(&s);
}

/* A pipe cannot be read twice: its bytes go through a file without a name. */
static int spool(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	char path[512], piece[65536];
	struct stat st;

	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return dup(STDIN_FILENO);
	snprintf(path, sizeof(path), "%s/resultd-parse-XXXXXX", dir != NULL && *dir != '\0' ? dir : "/tmp");
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_at(err, -errno, "-", 0, 0, "cannot be kept in %s: %s", path, strerror(errno));
	unlink(path);
	for (;;) {
		ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			break;
		int rc = n < 0 ? -errno : file_write_all(fd, piece, (size_t)n);
		if (rc < 0) {
			close(fd);
			return err_at(err, rc, "-", 0, 0, "cannot be read: %s", strerror(-rc));
		}
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return err_at(err, -errno, "-", 0, 0, "cannot be read: %s", strerror(errno));
	}
	return fd;
}

/* A file that cannot be opened still has its line in a summary. */
static void not_opened(struct parse *p, const char *name, const char *why)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s: %s", name, why);
	say(p, text);
	p->bad++;
	if (p->form != FORM_SUMMARY)
		return;
	struct report_summary s = { .verdict = REPORT_UNREADABLE, .format = "unknown" };
	err_at(&s.err, -EIO, name, 0, 0, "%s", why);
	p->name = name;
	summary(p, &s);
}

static void read_path(struct parse *p, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hang us */

	if (fd < 0) {
		not_opened(p, path, strerror(errno));
		return;
	}
	read_report(p, fd, path);
	close(fd);
}

static void read_stdin(struct parse *p)
{
	struct err err = ERR_NONE;
	int fd = spool(&err);

	if (fd < 0) {
		not_opened(p, "-", err.text);
		return;
	}
	read_report(p, fd, "-");
	close(fd);
}

static unsigned terminal_width(void)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");
	long n = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
		n = w.ws_col;
	else if (columns != NULL)
		n = strtol(columns, NULL, 10);
	if (n <= 0)
		return WIDTH_DEFAULT;
	return n < WIDTH_MIN ? WIDTH_MIN : n > WIDTH_MAX ? WIDTH_MAX : (unsigned)n;
}

/* ---- all of them ---- */

struct list_of_reports {
	const char **name;
	size_t count, room;
	struct walk *walk; /* one an argument: they own the names */
	size_t walks;
};

static const char standard_input[] = "-";

static void add_report(struct list_of_reports *l, const char *name)
{
	if (l->count == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 64;
		l->name = xrealloc(l->name, l->room, sizeof(*l->name));
	}
	l->name[l->count++] = name;
}

static void add_argument(struct list_of_reports *l, const char *argument, struct parse *p)
{
	struct stat st;

	if (strcmp(argument, "-") == 0) {
		add_report(l, standard_input);
		return;
	}
	if (stat(argument, &st) < 0) {
		add_report(l, argument); /* it is said why when its turn comes */
		return;
	}
	l->walk = xrealloc(l->walk, l->walks + 1, sizeof(*l->walk));
	struct walk *w = &l->walk[l->walks++];
	*w = (struct walk){ 0 };
	walk_add(w, argument);
	for (size_t i = 0; i < w->count; i++)
		add_report(l, w->path[i]);
	for (size_t i = 0; i < w->unreadable_count; i++) {
		say(p, w->unreadable[i]);
		p->bad++;
	}
}

static void list_done(struct list_of_reports *l)
{
	for (size_t i = 0; i < l->walks; i++)
		walk_done(&l->walk[i]);
	free(l->walk);
	free(l->name);
}

struct worker {
	pthread_t thread;
	const struct list_of_reports *list;
	struct parse p;
};

static void *work(void *cookie)
{
	struct worker *w = cookie;
	struct parse *p = &w->p;

	while (lineup_next(p->line, &p->index)) {
		const char *name = w->list->name[p->index];
		if (name == standard_input)
			read_stdin(p);
		else
			read_path(p, name);
		lineup_done(p->line, p->index, &p->out, &p->said);
	}
	buf_done(&p->out);
	buf_done(&p->said);
	return NULL;
}

static void add_totals(struct parse *to, const struct parse *from)
{
	to->reports += from->reports;
	to->bad += from->bad;
	to->foreign += from->foreign;
	for (size_t i = 0; i < OUTCOME_COUNT; i++)
		to->cases[i] += from->cases[i];
	to->flaky += from->flaky;
	to->duration_ms += from->duration_ms;
}

static size_t workers_for(size_t reports)
{
	cpu_set_t set;
	size_t processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;

	if (processors > WORKERS_MAX)
		processors = WORKERS_MAX;
	return processors < reports ? processors : reports;
}

/* This thread is one of the workers, and the only one where there is one report. */
static void read_all(struct parse *p, const struct list_of_reports *l)
{
	struct worker worker[WORKERS_MAX];
	size_t count = workers_for(l->count), started = 1;

	for (size_t i = 0; i < count; i++) {
		worker[i] = (struct worker){ .list = l, .p = *p };
		worker[i].p.out = (struct buf)BUF_LIMIT(OUT_MAX);
		worker[i].p.said = (struct buf)BUF_LIMIT(OUT_MAX);
		worker[i].p.bad = 0;
	}
	while (started < count && pthread_create(&worker[started].thread, NULL, work, &worker[started]) == 0)
		started++;
	if (count > 0)
		work(&worker[0]);
	for (size_t i = 1; i < started; i++)
		pthread_join(worker[i].thread, NULL);
	for (size_t i = 0; i < started && i < count; i++)
		add_totals(p, &worker[i].p);
}

int cmd_parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ 0 },
	};
	struct parse p = { .form = FORM_JSONL, .out = BUF_LIMIT(OUT_MAX), .said = BUF_LIMIT(OUT_MAX) };
	struct list_of_reports list = { 0 };
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == ':')
			return cli_usage("parse", "--format needs a value");
		if (c != 'f')
			return cli_usage("parse", "takes no \"%s\"", cli_stumbled(argc, argv));
		if (strcmp(optarg, "jsonl") == 0)
			p.form = FORM_JSONL;
		else if (strcmp(optarg, "table") == 0)
			p.form = FORM_TABLE;
		else if (strcmp(optarg, "summary") == 0)
			p.form = FORM_SUMMARY;
		else
			return cli_usage("parse", "--format is jsonl, table or summary, not \"%s\"", optarg);
	}
	if (optind == argc)
		return cli_usage("parse", "needs the name of a report");
	p.width = terminal_width();

	for (int i = optind; i < argc; i++)
		add_argument(&list, argv[i], &p);
	p.line = lineup_new(list.count);
	read_all(&p, &list);
	if (p.form == FORM_TABLE)
		table_end(&p);
	lineup_write(p.line, &p.out, &p.said);
	int failed = lineup_failed(p.line);
	lineup_free(p.line);
	buf_done(&p.out);
	buf_done(&p.said);
	list_done(&list);
	if (failed != 0) {
		if (failed != -EPIPE)
			fprintf(stderr, "resultd parse: standard output: %s\n", strerror(-failed));
		return EXIT_INTERNAL;
	}
	if (p.bad == 0 && p.reports == 0)
		fprintf(stderr, "resultd parse: no report found\n");
	return p.bad > 0 || p.reports == 0 ? EXIT_INPUT : EXIT_OK;
}
