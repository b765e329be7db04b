/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - see report.h.  A report is read once; only where a character or an encoding stops the parser
 * it is read again from its start, through the repairing filter. */
#include "daemon/intake/report.h"

#include "daemon/base/executor.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <zlib.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WARNINGS_MAX = 32,
	RATIO_FREE = 16 << 20, /* unpacked before the ratio is looked at: small reports repeat themselves */
	GZIP_WINDOW = 15 + 16, /* zlib's way to ask for gzip */
};

/* ---- bytes: plain, or unpacked on the way ---- */

struct source {
	int fd;
	bool begun, gzip, file_end, member_end;
	z_stream z;
	unsigned char *in; /* gzip only: PARSER_ROOM bytes */
	size_t in_len, in_at;
	uint64_t file_size; /* as it was when reading began; a hint only */
	uint64_t packed, unpacked;
	uint64_t limit;
	unsigned ratio;
};

enum source_state { SOURCE_MORE, SOURCE_END, SOURCE_EARLY, SOURCE_BROKEN, SOURCE_TOO_LARGE, SOURCE_ERROR };

static ssize_t read_fd(int fd, void *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static void source_done(struct source *s)
{
	if (s->gzip)
		inflateEnd(&s->z);
	s->gzip = false;
	free(s->in);
	s->in = NULL;
}

/* How much to ask for.  Small files are many, and a buffer of full size costs more than reading them; one
 * byte more than is left shows that nothing is. */
static size_t source_size(const struct source *s)
{
	enum { LEAST = 1024 };

	if (s->gzip || s->file_size <= s->packed)
		return s->gzip ? PARSER_ROOM : LEAST;
	uint64_t left = s->file_size - s->packed + 1;
	return left < LEAST ? LEAST : left < PARSER_ROOM ? (size_t)left : PARSER_ROOM;
}

/* Reads once, to out; *len is 0 at the end of the file. */
static enum source_state source_get(struct source *s, void *out, size_t size, size_t *len, struct err *err)
{
	ssize_t n = read_fd(s->fd, out, size);

	*len = 0;
	if (n < 0) {
		int code = -errno;
		err_set(err, code, "cannot be read: %s", strerror(-code));
		return SOURCE_ERROR;
	}
	*len = (size_t)n;
	s->packed += (uint64_t)n;
	s->file_end = n == 0;
	return SOURCE_MORE;
}

/* The first bytes, straight into out; where they are those of gzip, they are what is to be unpacked. */
static enum source_state source_begin(struct source *s, unsigned char *out, size_t size, size_t *len,
				      struct err *err)
{
	size_t n;

	s->begun = true;
	/* One read may give one byte; the magic has two. */
	while (*len < 2 && !s->file_end) {
		enum source_state state = source_get(s, out + *len, size - *len, &n, err);
		if (state != SOURCE_MORE)
			return state;
		*len += n;
	}
	if (*len >= 2 && out[0] == 0x1f && out[1] == 0x8b) {
		if (inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
			abort(); /* out of memory */
		s->gzip = true;
		s->in = xrealloc(NULL, PARSER_ROOM, 1);
		s->in_len = *len;
		memcpy(s->in, out, *len);
		*len = 0;
	}
	return SOURCE_MORE;
}

static enum source_state source_unpack(struct source *s, void *out, size_t size, size_t *len, struct err *err)
{
	s->z.next_out = out;
	s->z.avail_out = (uInt)size;
	while (s->z.avail_out > 0) {
		if (s->in_at == s->in_len && !s->file_end) {
			enum source_state state = source_get(s, s->in, PARSER_ROOM, &s->in_len, err);
			s->in_at = 0;
			if (state != SOURCE_MORE)
				return state;
		}
		if (s->in_at == s->in_len) {
			*len = size - s->z.avail_out;
			if (s->member_end)
				return SOURCE_END;
			err_set(err, -EBADMSG, "the gzip data ends early");
			return SOURCE_EARLY;
		}
		if (s->member_end) {
			/* Another member, or padding that some tools leave. */
			if (s->in[s->in_at] != 0x1f) {
				*len = size - s->z.avail_out;
				return SOURCE_END;
			}
			inflateReset(&s->z);
			s->member_end = false;
		}
		s->z.next_in = s->in + s->in_at;
		s->z.avail_in = (uInt)(s->in_len - s->in_at);
		int rc = inflate(&s->z, Z_NO_FLUSH);
		s->in_at = s->in_len - s->z.avail_in;
		if (rc == Z_STREAM_END) {
			s->member_end = true;
		} else if (rc == Z_MEM_ERROR) {
			abort();
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			*len = size - s->z.avail_out;
			err_set(err, -EBADMSG, "the gzip data is damaged: %s",
				s->z.msg != NULL ? s->z.msg : "unknown");
			return SOURCE_BROKEN;
		}
	}
	*len = size;
	return SOURCE_MORE;
}

/* Fills out; SOURCE_MORE with *len > 0, or the end in one of its forms (*len may be > 0 there too). */
static enum source_state source_read(struct source *s, void *out, size_t size, size_t *len, struct err *err)
{
	enum source_state state = SOURCE_MORE;

	*len = 0;
	if (!s->begun)
		state = source_begin(s, out, size, len, err);
	else if (!s->gzip && !s->file_end)
		state = source_get(s, out, size, len, err);
	if (s->gzip)
		state = source_unpack(s, out, size, len, err);
	if (state == SOURCE_ERROR)
		return state;
	s->unpacked += *len;
	if (s->unpacked > s->limit) {
		err_set(err, -EFBIG, "larger than %llu bytes", (unsigned long long)s->limit);
		return SOURCE_TOO_LARGE;
	}
	if (s->gzip && s->unpacked > RATIO_FREE && s->unpacked / s->ratio > s->packed) {
		err_set(err, -EFBIG, "unpacks to more than %u times its size", s->ratio);
		return SOURCE_TOO_LARGE;
	}
	if (state == SOURCE_MORE && *len == 0)
		return SOURCE_END;
	return state;
}

/* ---- one pass ---- */

struct pass {
	const struct parser_options *options;
	const struct parser_events *events;
	void *cookie;
	const char *name;
	struct report_summary *out;
	enum source_state state;
};

static void add_warning(struct report_summary *out, const char *name, unsigned line, unsigned column,
			const char *text, uint64_t count)
{
	char folded[64] = "";

	if (out->warning_count >= WARNINGS_MAX)
		return;
	if (out->warnings == NULL)
		out->warnings = xcalloc(WARNINGS_MAX, sizeof(*out->warnings));
	if (count > 1)
		snprintf(folded, sizeof(folded), " (%llu x)", (unsigned long long)count);
	struct err e = ERR_NONE;
	char line_text[2048];
	err_at(&e, -EBADMSG, name, line, column, "%s%s", text, folded);
	out->warnings[out->warning_count++] = xstrdup(err_string(&e, line_text, sizeof(line_text)));
}

static void add_note(struct report_summary *out, const char *name, const struct parser_warning *w)
{
	const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
	char *before = out->notes;

	out->notes = xasprintf("%s%s%s: %s", before != NULL ? before : "", before != NULL ? "\n" : "", base,
			       w->text);
	free(before);
	if (w->count > 1) {
		before = out->notes;
		out->notes = xasprintf("%s (and %llu more)", before, (unsigned long long)w->count - 1);
		free(before);
	}
}

static void take_stats(struct pass *pass, const struct parser *p)
{
	const struct parser_stats *s = parser_stats(p);
	struct report_summary *out = pass->out;

	out->format = s->format != NULL ? s->format : "unknown";
	out->suites = s->suites;
	out->cases = s->cases;
	out->passed = s->passed;
	out->failed = s->failed;
	out->error = s->error;
	out->skipped = s->skipped;
	out->flaky = s->flaky;
	out->known_failures = s->known_failures;
	out->config_methods = s->config_methods;
	out->config_failed = s->config_failed;
	out->suite_problems = s->suite_problems;
	out->duration_ms = s->duration_ms;
	for (size_t i = 0; parser_warning(p, i) != NULL; i++) {
		const struct parser_warning *w = parser_warning(p, i);
		add_warning(out, pass->name, w->line, w->column, w->text, w->count);
		if (w->failed)
			add_note(out, pass->name, w);
	}
}

static void note_repair(struct pass *pass, const struct parser *p, const struct err *first, bool complete)
{
	const char *encoding;
	uint64_t count = parser_repaired(p, &encoding);
	char text[160];

	if (count > 0) {
		snprintf(text, sizeof(text), "characters that XML does not allow were replaced%s%s",
			 encoding != NULL ? ", read as " : "", encoding != NULL ? encoding : "");
		add_warning(pass->out, pass->name, first->line, first->column, text, count);
	} else if (encoding != NULL) {
		snprintf(text, sizeof(text), "read as %s", encoding);
		add_warning(pass->out, pass->name, first->line, first->column, text, 1);
	} else if (complete) {
		add_warning(pass->out, pass->name, first->line, first->column,
			    "the XML declaration is misplaced or wrong and was ignored", 1);
	}
}

static enum parser_outcome run(struct pass *pass, struct source *s, bool repair, const struct err *first,
			       struct err *err)
{
	struct parser *p = NULL;
	struct err read_err = ERR_NONE;
	enum parser_outcome outcome;
	int64_t most = parser_limits(&pass->options->limits).time_ms, began = clock_thread_ms();

	int rc = parser_new(pass->options, pass->events, pass->cookie, repair, &p, err);
	if (rc < 0)
		return PARSER_STOPPED;
	do {
		size_t len, size = source_size(s);
		void *room = parser_room(p, size);
		pass->state = source_read(s, room, size, &len, &read_err);
		bool final = pass->state != SOURCE_MORE;
		outcome = parser_commit(p, len, final, err);
		if (outcome == PARSER_GOOD && !final && clock_thread_ms() - began > most) {
			err_set(err, -ETIME,
				"reading it takes more than %lld s of processor time (limits.time)",
				(long long)(most / 1000));
			outcome = PARSER_BROKEN;
		}
		executor_beat();
	} while (outcome == PARSER_GOOD && pass->state == SOURCE_MORE);
	pass->out->bytes = s->unpacked;
	if (outcome != PARSER_REPAIR && outcome != PARSER_COMMAS) {
		take_stats(pass, p);
		if (repair && (outcome == PARSER_GOOD || parser_stats(p)->cases > 0))
			note_repair(pass, p, first, outcome == PARSER_GOOD);
	}
	/* Where the bytes themselves ended badly, that is the cause, and the parser only saw the effect. */
	if (pass->state != SOURCE_MORE && pass->state != SOURCE_END &&
	    (outcome == PARSER_GOOD || outcome == PARSER_EARLY || outcome == PARSER_EMPTY)) {
		unsigned line = err->line, column = err->column;
		err_clear(err);
		*err = read_err;
		err_place(err, NULL, line, column);
		outcome = PARSER_EARLY;
	}
	parser_free(p);
	return outcome;
}

/* ---- the verdict ---- */

static enum report_verdict verdict(const struct pass *pass, enum parser_outcome outcome)
{
	switch (outcome) {
	case PARSER_GOOD:
		return REPORT_OK;
	case PARSER_FOREIGN:
		return REPORT_FOREIGN;
	case PARSER_EMPTY:
		return REPORT_EMPTY;
	case PARSER_STOPPED:
		return REPORT_STOPPED;
	case PARSER_REPAIR:
	case PARSER_COMMAS:
	case PARSER_BROKEN:
	case PARSER_EARLY:
		break;
	}
	if (pass->out->cases > 0)
		return REPORT_INCOMPLETE;
	if (pass->state == SOURCE_ERROR || pass->state == SOURCE_TOO_LARGE)
		return REPORT_UNREADABLE;
	return REPORT_MALFORMED;
}

static enum report_verdict unreadable(struct report_summary *out, const char *name, int code, const char *why)
{
	err_at(&out->err, code, name, 0, 0, "%s", why);
	out->verdict = REPORT_UNREADABLE;
	return out->verdict;
}

/* What people hand over instead of a report; NULL where its first bytes tell nothing. */
static const char *what_it_is(int fd)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *name;
	} kinds[] = {
		{ "PK\3\4", 4, "a ZIP archive" },
		{ "PK\5\6", 4, "an empty ZIP archive" },
		{ "\xfd"
		  "7zXZ",
		  5, "an xz file" },
		{ "BZh", 3, "a bzip2 file" },
		{ "\x28\xb5\x2f\xfd", 4, "a zstd file" },
		{ "7z\xbc\xaf", 4, "a 7-Zip archive" },
		{ "%PDF", 4, "a PDF document" },
		{ "\x89PNG", 4, "a picture" },
		{ "{", 1, "JSON" },
		{ "[", 1, "JSON" },
	};
	char head[64];
	ssize_t n = pread(fd, head, sizeof(head), 0);
	size_t at = 0;

	while (n > 0 && at < (size_t)n && strchr(" \t\r\n", head[at]) != NULL && head[at] != '\0')
		at++;
	for (size_t i = 0; n > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((size_t)n - at >= kinds[i].len && memcmp(head + at, kinds[i].bytes, kinds[i].len) == 0)
			return kinds[i].name;
	}
	return NULL;
}

enum report_verdict report_read(int fd, const char *name, const struct parser_options *options,
				const struct parser_events *events, void *cookie, struct report_summary *out)
{
	struct parser_limits limits = parser_limits(&options->limits);
	struct parser_options learned = *options;
	struct pass pass = {
		.options = &learned, .events = events, .cookie = cookie, .name = name, .out = out
	};
	struct err err = ERR_NONE, first = ERR_NONE;
	struct stat st;

	*out = (struct report_summary){ .format = "unknown" };
	if (fstat(fd, &st) < 0)
		return unreadable(out, name, -errno, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return unreadable(out, name, -EISDIR, "is a directory");
	if (!S_ISREG(st.st_mode))
		return unreadable(out, name, -EINVAL, "is not a regular file");
	const uint64_t size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
	if ((uint64_t)st.st_size > limits.report) {
		err_at(&out->err, -EFBIG, name, 0, 0, "larger than %llu bytes",
		       (unsigned long long)limits.report);
		out->verdict = REPORT_UNREADABLE;
		return out->verdict;
	}

	enum parser_outcome outcome;
	for (bool repair = false;;) {
		struct source s = {
			.fd = fd, .file_size = size, .limit = limits.report, .ratio = limits.gzip_ratio
		};
		outcome = run(&pass, &s, repair, &first, &err);
		source_done(&s);
		if (outcome == PARSER_REPAIR) {
			first = err;
			repair = true;
		} else if (outcome == PARSER_COMMAS) {
			learned.decimal_commas = true;
		} else {
			break;
		}
		err_clear(&err);
		if (events->restart != NULL)
			events->restart(cookie);
		if (lseek(fd, -(off_t)s.packed, SEEK_CUR) < 0)
			return unreadable(out, name, -errno, strerror(errno));
	}
	out->verdict = verdict(&pass, outcome);
	if (out->verdict == REPORT_OK && out->cases == 0)
		add_warning(out, name, 0, 0, "there is no test case in it", 1);
	out->complete = out->verdict == REPORT_OK;
	out->early = outcome == PARSER_EARLY || outcome == PARSER_EMPTY;
	out->err = err;
	const char *kind = out->verdict == REPORT_MALFORMED ? what_it_is(fd) : NULL;
	if (kind != NULL) {
		err_clear(&out->err);
		err_set(&out->err, err.code, "this is %s, not XML", kind);
	}
	if (out->verdict != REPORT_OK)
		err_place(&out->err, name, err.line, err.column);
	return out->verdict;
}

void report_summary_done(struct report_summary *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->warning_count; i++)
		free(s->warnings[i]);
	free(s->warnings);
	free(s->notes);
	s->notes = NULL;
	s->warnings = NULL;
	s->warning_count = 0;
}
