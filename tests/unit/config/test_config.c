/* SPDX-License-Identifier: Apache-2.0
 *
 * test_config.c - what is taken, what it becomes, and the words for what is not. */
#include "daemon/config/config.h"

#include "tests/unit/config/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SINK        "sinks:\n  one:\n    type: sample\n    must: x\n"
#define WATCH(rest) "watch:\n  - name: n\n    path: /srv\n" rest

static struct config *parsed(const char *text)
{
	struct config *c = NULL;
	struct config_faults faults = { 0 };

	if (config_parse(text, strlen(text), "/etc/r/r.yaml", "/var/state", sample_types, SAMPLE_TYPES, false,
			 &c, &faults) < 0)
		print_error("%u:%u: %s\n", faults.item[0].line, faults.item[0].column, faults.item[0].text);
	assert_int_equal(faults.count, 0);
	config_faults_done(&faults);
	assert_non_null(c);
	return c;
}

/* All faults, as "LINE:COL: text\n" each. */
static void faults_of(const char *text, struct buf *out)
{
	struct config *c = NULL;
	struct config_faults faults = { 0 };
	int rc = config_parse(text, strlen(text), "r.yaml", "/var/state", sample_types, SAMPLE_TYPES, false,
			      &c, &faults);

	assert_int_equal(rc, faults.count > 0 ? -EINVAL : 0);
	assert_true((c == NULL) == (rc < 0));
	for (size_t i = 0; i < faults.count; i++) {
		assert_string_equal(faults.item[i].file, "r.yaml");
		buf_printf(out, "%u:%u: %s\n", faults.item[i].line, faults.item[i].column,
			   faults.item[i].text);
	}
	config_faults_done(&faults);
	config_free(c);
}

static const struct sample_conf *only_sink(const struct config *c)
{
	assert_int_equal(c->sink_count, 1);
	return c->sink[0].conf;
}

/* --- what is taken --- */

static void an_empty_file_has_all_defaults(void **state)
{
	static const char *const text[] = { "",      "# nothing\n",
					    "---\n", "\xef\xbb\xbf",
					    "~\n",   "state_dir:\nsinks:\nwatch: ~\n" };
	(void)state;

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct config *c = parsed(text[i]);
		assert_string_equal(c->state_dir, "/var/state");
		assert_int_equal(c->queue, CONFIG_QUEUE_SQLITE);
		assert_int_equal(c->redact.count, 1);
		assert_int_equal(c->watch_count, 0);
		assert_int_equal(c->limits.report, 2147483648);
		assert_int_equal(c->limits.text, 65536);
		assert_int_equal(c->limits.attribute, 1 << 20);
		assert_int_equal(c->limits.depth, 256);
		assert_int_equal(c->limits.cases, 5000000);
		assert_int_equal(c->keep.runs_ms, 30 * INT64_C(86400000));
		assert_int_equal(c->keep.low_water, 512 << 20);
		assert_int_equal(c->keep.max_size, (int64_t)20 << 30);
		assert_int_equal(c->log.level, 1);
		assert_int_equal(c->log.format, 0);
		assert_int_equal(c->sink_count, 1);
		assert_string_equal(c->sink[0].name, "local");
		assert_string_equal(((struct sample_local *)c->sink[0].conf)->dir, "/var/state/runs");
		config_free(c);
	}
}

static void without_a_file_there_is_the_local_sink(void **state)
{
	struct config_faults faults = { 0 };
	struct config *c = NULL;
	(void)state;

	assert_int_equal(config_load(NULL, "/home/x/state", sample_types, SAMPLE_TYPES, &c, &faults, NULL),
			 0);
	assert_null(c->file);
	assert_string_equal(c->state_dir, "/home/x/state");
	assert_non_null(config_find_sink(c, "local"));
	assert_null(config_find_sink(c, "other"));
	config_free(c);

	/* a program without a local sink has none by default */
	assert_int_equal(config_load(NULL, "/home/x/state", sample_types, 1, &c, &faults, NULL), 0);
	assert_int_equal(c->sink_count, 0);
	config_free(c);
}

static void a_sink_gets_every_default(void **state)
{
	struct config *c = parsed(SINK);
	const struct sample_conf *s = only_sink(c);
	(void)state;

	assert_string_equal(s->must, "x");
	assert_string_equal(s->text, "plain");
	assert_string_equal(s->url, "https://example.org/base");
	assert_null(s->path);
	assert_string_equal(template_text(s->title), "{run.name}");
	assert_true(s->flag);
	assert_int_equal(s->batch, 250);
	assert_int_equal(s->id, 0);
	assert_int_equal(s->wait_ms, 30000);
	assert_int_equal(s->size, 50 << 20);
	assert_int_equal(s->mode, 0755);
	assert_int_equal((int64_t)(s->pace * 60 + 0.5), 10000);
	assert_int_equal(s->word, 1);
	assert_int_equal(s->order.count, 2);
	assert_int_equal(s->order.item[0], 2);
	assert_int_equal(s->order.item[1], 0);
	assert_int_equal(s->tags.count, 2);
	assert_string_equal(s->tags.item[1], "a b");
	assert_int_equal(s->folder.count, 2);
	assert_string_equal(template_text(s->folder.item[1]), "{job}");
	assert_string_equal(config_map_get(&s->fields, "a"), "1");
	assert_null(config_map_get(&s->fields, "b"));
	assert_null(s->key);
	assert_null(s->control.path); /* required only where control is given */
	assert_int_equal(s->control.mode, 0660);
	assert_string_equal(s->nested.name, "{braces}");
	assert_true(s->nested.inner.deep);
	assert_true(s->common.verify);
	assert_false(s->common.plain);
	assert_int_equal(s->common.linger_ms, 30000);
	assert_int_equal(s->common.on_unknown, ON_UNKNOWN_RESEND);
	config_free(c);
}

static void values_go_where_rows_say(void **state)
{
	struct config *c = parsed(
		"state_dir: state//here/./\nqueue: sqlite\n"
		"limits: {report: 1MiB, depth: 9}\nkeep: {runs: 2d, max_size: 3GiB, low_water: 1GiB}\nlog: "
		"{level: debug, "
		"format: json}\n" SINK
		"    text: \"\"\n    url: HTTPS://h:8443/x/y///\n    path: ../p\n    title: 'a {b|''c''}'\n"
		"    flag: False\n    batch: 500\n    id: 7\n    wait: 1500ms\n    size: 2KiB\n"
		"    mode: 0640\n    pace: 0.5/s\n    word: last\n    order: worst\n    tags: [x]\n"
		"    folder: []\n    fields: {k: v, n: , 'other key': 2}\n    key: {env: HOME}\n"
		"    control: sock\n    nested: {inner: {deep: false}}\n"
		"    tls: {verify: false, ca_file: /a}\n    on_unknown: hold\n    linger: 0\n");
	const struct sample_conf *s = only_sink(c);
	(void)state;

	assert_string_equal(c->state_dir, "/etc/r/state/here");
	assert_int_equal(c->limits.report, 1 << 20);
	assert_int_equal(c->limits.depth, 9);
	assert_int_equal(c->limits.text, 65536);
	assert_int_equal(c->keep.runs_ms, 2 * 86400000);
	assert_int_equal(c->keep.low_water, 1 << 30);
	assert_int_equal(c->keep.max_size, (int64_t)3 << 30);
	assert_int_equal(c->log.level, 0);
	assert_int_equal(c->log.format, 3);
	assert_string_equal(s->text, "");
	assert_string_equal(s->url, "HTTPS://h:8443/x/y");
	assert_string_equal(s->path, "/etc/r/../p");
	assert_string_equal(template_text(s->title), "a {b|'c'}");
	assert_false(s->flag);
	assert_int_equal(s->batch, 500);
	assert_int_equal(s->id, 7);
	assert_int_equal(s->wait_ms, 1500);
	assert_int_equal(s->size, 2048);
	assert_int_equal(s->mode, 0640);
	assert_int_equal((int)(s->pace + 0.5), 30);
	assert_int_equal(s->word, 2);
	assert_int_equal(s->order.count, 1);
	assert_int_equal(s->tags.count, 1);
	assert_int_equal(s->folder.count, 0);
	assert_int_equal(s->fields.count, 2);
	assert_string_equal(config_map_get(&s->fields, "other key"), "2");
	assert_string_equal(s->control.path, "/etc/r/sock");
	assert_int_equal(s->control.mode, 0660);
	assert_false(s->nested.inner.deep);
	assert_string_equal(s->nested.name, "{braces}");
	assert_false(s->common.verify);
	assert_string_equal(s->common.ca_file, "/a");
	assert_int_equal(s->common.on_unknown, ON_UNKNOWN_HOLD);
	assert_int_equal(s->common.linger_ms, 0);
	config_free(c);
}

static void a_watch_is_read_whole(void **state)
{
	struct config *c =
		parsed(SINK "  two: {type: local, dir: /d}\n"
			    "watch:\n"
			    "  - name: nightly\n    path: /srv/ci/{job}/b-{build}/results/\n"
			    "    files: \"**/TEST-*.xml\"\n    exclude: [\"**/tmp/**\", \"old/[!]a]*\"]\n"
			    "    mode: poll\n    poll_interval: 50ms\n    settle: 0\n    existing: ignore\n"
			    "    timezone: +09:00\n"
			    "    run: {key: \"{job}/{build}\", name: \"{job} #{build}\", variant: \"{os}\",\n"
			    "          close_after: 2m, close_on: \"**/DONE\", max_age: 1d, late: append}\n"
			    "    sinks: [two, one]\n"
			    "  - {name: plain, path: /other, timezone: Europe/Berlin}\n");
	const struct config_watch *w = config_find_watch(c, "nightly");
	(void)state;

	assert_string_equal(w->path, "/srv/ci/{job}/b-{build}/results");
	assert_int_equal(w->files.count, 1);
	assert_int_equal(w->exclude.count, 2);
	assert_int_equal(w->mode, WATCH_POLL);
	assert_int_equal(w->poll_interval_ms, 50);
	assert_int_equal(w->settle_ms, 0);
	assert_int_equal(w->existing, EXISTING_IGNORE);
	assert_string_equal(w->timezone, "+09:00");
	assert_string_equal(template_text(w->run.key), "{job}/{build}");
	assert_int_equal(w->run.close_after_ms, 120000);
	assert_string_equal(w->run.close_on, "**/DONE");
	assert_int_equal(w->run.max_age_ms, 86400000);
	assert_int_equal(w->run.late, LATE_APPEND);
	assert_int_equal(w->sinks.count, 2);

	w = config_find_watch(c, "plain");
	assert_int_equal(w->files.count, 2);
	assert_string_equal(w->files.item[0], "**/*.xml");
	assert_string_equal(w->files.item[1], "**/*.xml.gz");
	assert_int_equal(w->exclude.count, 1);
	assert_null(w->run.key);
	assert_null(w->run.close_on);
	assert_int_equal(w->mode, WATCH_AUTO);
	assert_int_equal(w->poll_interval_ms, 30000);
	assert_int_equal(w->settle_ms, 1000);
	assert_int_equal(w->run.close_after_ms, 60000);
	assert_int_equal(w->run.max_age_ms, 6 * 3600000);
	assert_int_equal(w->sinks.count, 0);
	assert_null(config_find_watch(c, "none"));
	config_free(c);
}

/* --- what is not --- */

struct row {
	const char *text, *faults;
};

static void check_rows(const struct row *row, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf out = BUF_LIMIT(1 << 20);
		buf_puts(&out, "");
		faults_of(row[i].text, &out);
		if (strcmp(out.data, row[i].faults) != 0)
			print_error("row %zu:\n%s\ngives:\n%swanted:\n%s", i, row[i].text, out.data,
				    row[i].faults);
		assert_string_equal(out.data, row[i].faults);
		buf_done(&out);
	}
}

static void faults_have_places_and_hints(void **state)
{
	static const struct row row[] = {
		/* unknown and missing keys */
		{ "state_dri: /x\n", "1:1: unknown key \"state_dri\" (did you mean \"state_dir\"?)\n" },
		{ "sink: {}\n", "1:1: unknown key \"sink\" (did you mean \"sinks\"?)\n" },
		{ WATCH("    pol: 3s\n"), "4:5: unknown key \"pol\" (did you mean \"poll_interval\"?)\n" },
		{ WATCH("    xyz: 3s\n"), "4:5: unknown key \"xyz\"\n" },
		{ WATCH("    evidence: ['/x/*.png']\n"),
		  "4:16: \"evidence\": a pattern is relative to path; it may not begin with /\n" },
		{ WATCH("    roots: [shots]\n"),
		  "4:13: \"roots\": a folder is named by its absolute path\n" },
		{ WATCH("    roots: /a/../b\n"), "4:12: \"roots\": a folder is named without ..\n" },
		{ WATCH("    roots: '/a/{job}'\n"),
		  "4:12: \"roots\": {..} stands for a capture of the watch's path\n" },
		{ WATCH("    roots: '/a/{job'\n"), "4:12: \"roots\": a brace without its partner\n" },
		{ "control: {mode: \"0600\"}\n", "1:10: missing key \"path\"\n" },
		{ "keep: {runs: 1d, run: 2}\n", "1:18: unknown key \"run\" (did you mean \"runs\"?)\n" },
		{ "watch:\n  - name: n\n", "2:5: missing key \"path\"\n" },
		{ "watch:\n  - {}\n", "2:5: missing key \"name\"\n2:5: missing key \"path\"\n" },
		{ "sinks: {a: {type: sample}}\n", "1:12: missing key \"must\"\n" },
		{ "sinks: {a: {must: x}}\n", "1:12: missing key \"type\"\n" },
		{ SINK "    control: {mode: 0600}\n", "5:14: missing key \"path\"\n" },
		{ "log: {level: info}\nlog: {level: debug}\n",
		  "2:1: duplicate key \"log\" (first in line 1)\n" },
		{ SINK "    fields: {a: 1, b: 2, a: 3}\n", "5:26: duplicate key \"a\" (first in line 5)\n" },
		{ "<<: 1\n", "1:1: unknown key \"<<\"\n" },

		/* types */
		{ "state_dir: [a]\n", "1:12: \"state_dir\" wants a text, found a list\n" },
		{ "state_dir: {a: b}\n", "1:12: \"state_dir\" wants a text, found a mapping (a text that "
					 "begins with { needs quotes)\n" },
		{ "limits: 5\n", "1:9: \"limits\" wants a mapping, found \"5\"\n" },
		{ "limits: {depth: many}\n", "1:17: \"depth\" wants a whole number, found \"many\"\n" },
		{ "limits: {depth: \"9\"}\n", "1:17: \"depth\" wants a whole number, found \"9\"\n" },
		{ "limits: {depth: [9]}\n", "1:17: \"depth\" wants a number, found a list\n" },
		{ "limits: {text: [9]}\n", "1:16: \"text\" wants a size such as 50MiB, found a list\n" },
		{ "keep: {runs: {d: 3}}\n",
		  "1:14: \"runs\" wants a duration such as 30s, found a mapping\n" },
		{ "limits: {depth: 7}\n", "1:17: \"depth\" may be from 8 to 10000, found \"7\"\n" },
		{ "limits: {depth: 99999999999999999999}\n",
		  "1:17: \"depth\" may be from 8 to 10000, found \"99999999999999999999\"\n" },
		{ "limits: {text: 1GiB}\n", "1:16: \"text\" may be from 1KiB to 64MiB, found \"1GiB\"\n" },
		{ "limits: {text: 64KB}\n", "1:16: \"text\" wants a size such as 64KiB, 50MiB, 2GiB or a "
					    "number of bytes, found \"64KB\"\n" },
		{ "keep: {runs: 30}\n",
		  "1:14: \"runs\" wants a duration such as 500ms, 30s, 5m, 6h or 30d, found \"30\"\n" },
		{ SINK "    size: 3\n", "5:11: \"size\" may be 1KiB or more, found \"3\"\n" },
		{ SINK "    pace: 180\n",
		  "5:11: \"pace\" wants a rate such as 180/min, 3/s or 10000/h, found \"180\"\n" },
		{ SINK "    pace: 0/s\n", "5:11: \"pace\" wants a rate of at least 1/h, found \"0/s\"\n" },
		{ SINK "    mode: 0999\n", "5:11: \"mode\" wants a mode such as \"0755\", found \"0999\"\n" },
		{ SINK "    mode: 17777\n",
		  "5:11: \"mode\" wants a mode such as \"0755\", found \"17777\"\n" },
		{ SINK "    flag: yes\n", "5:11: \"flag\" wants true or false, found \"yes\"\n" },
		{ SINK "    flag: 'true'\n", "5:11: \"flag\" wants true or false, found \"true\"\n" },
		{ SINK "    word: wurst\n",
		  "5:11: \"word\" wants worst, each or last, found \"wurst\" (did you mean \"worst\"?)\n" },
		{ SINK "    order: [each, each, no]\n", "5:19: \"order\" names each twice\n5:25: \"order\" "
							"wants worst, each or last, found \"no\"\n" },
		{ SINK "    tags: {a: b}\n", "5:11: \"tags\" wants a text or a list of texts, found a "
					     "mapping (a text that begins with { needs quotes)\n" },
		{ SINK "    tags: [a, [b], ~]\n",
		  "5:15: \"tags\" wants a text in each entry, found a list\n"
		  "5:20: \"tags\" wants a text in each entry, found nothing\n" },
		{ SINK "    fields: [a]\n", "5:13: \"fields\" wants a mapping, found a list\n" },
		{ SINK "    fields: {a: [1], '': 2}\n",
		  "5:17: \"fields\" wants a text for each key, found a list\n"
		  "5:22: \"fields\" holds a key without a name\n" },
		{ "queue: postgres\n", "1:8: \"queue\" wants sqlite, found \"postgres\"\n" },
		{ SINK "    path: ~/x\n", "5:11: \"path\": ~ is not expanded; write the whole path\n" },
		{ SINK "    path: $HOME/x\n",
		  "5:11: \"path\": variables are not expanded; write the whole path\n" },
		{ SINK "    path: ''\n", "5:11: \"path\" wants a path, found \"\"\n" },
		{ SINK "    control: ''\n", "5:14: \"path\" wants a path, found \"\"\n" },
		{ "- a\n", "1:1: a mapping of keys to values is wanted\n" },
		{ "watch: {name: x}\n", "1:8: \"watch\" wants a list, found a mapping\n" },
		{ "watch: [x]\n", "1:9: \"watch\" wants a mapping in each entry, found \"x\"\n" },

		/* templates: the exact column where the text stands on one line */
		{ SINK "    title: a {b\n",
		  "5:14: \"title\": a { that is not closed; {{ stands for the brace itself\n" },
		{ SINK "    title: a } b\n",
		  "5:14: \"title\": a } without its {; }} stands for the brace itself\n" },
		{ SINK "    title: \"\\x41 \\\" {ci.jop}\"\n",
		  "5:22: \"title\": unknown variable \"ci.jop\" (did you mean \"ci.job\"?)\n" },
		{ SINK "    title: 'it''s {x|''y}'\n", "5:22: \"title\": a ' that is not closed\n" },
		{ SINK "    title: \"\xc3\xa4\xc3\xb6 {}\"\n",
		  "5:17: \"title\": a variable's name is missing; {{ stands for the brace itself\n" },
		{ SINK "    title: >\n      folded\n      {ci.x}\n",
		  "5:12: \"title\": unknown variable \"ci.x\"\n" },
		{ SINK "    folder: [ok, 'a{b c}']\n",
		  "5:21: \"folder\": \"b c\" is not a variable's name; a fixed text stands in '...'\n" },
		{ SINK "    title: {ci.job}\n", "5:12: \"title\" wants a text, found a mapping (a text that "
						"begins with { needs quotes)\n" },

		/* URLs */
		{ SINK "    url: example.org\n",
		  "5:10: \"url\": a URL begins with https:// (or http:// on this machine)\n" },
		{ SINK "    url: https://u:p@h/\n",
		  "5:10: \"url\": a URL may not hold a user or a password; they have keys of their own\n" },
		{ SINK "    url: http://tracker/\n",
		  "2:3: http:// would send the credentials in the clear; use "
		  "https://, or say tls: {plain: true}\n" },
		{ SINK "    url: http://tracker/\n    tls: {plain: true}\n", "" },
		{ SINK "    proxy: http://proxy:3128\n", "" },

		/* sinks */
		{ "sinks: {a: {type: sampel}}\n",
		  "1:19: \"type\" wants sample or local, found \"sampel\" (did you mean \"sample\"?)\n" },
		{ "sinks: {a: {type: aio}}\n",
		  "1:19: sinks of type \"aio\" are not supported by this version\n" },
		{ "sinks: {a b: {type: local, dir: /d}}\n",
		  "1:9: \"sinks\" wants a name of letters, digits, ., _ and -, at most 64, a letter or digit "
		  "first, "
		  "found \"a b\"\n" },
		{ "sinks: {a: {type: local, dir: /d}, a: {type: local, dir: /e}}\n",
		  "1:36: two sinks are called \"a\"\n" },
		{ "sinks: {}\n", "1:8: \"sinks\" names no sink\n" },
		{ "sinks: []\n", "1:8: \"sinks\" wants a mapping of names to sinks, found a list\n" },
		{ "sinks: {a: 5}\n", "1:12: \"a\" wants a mapping, found something else\n" },
		{ "sinks: {a: {type: sample, must: refuse}}\n", "1:9: refused by check()\n" },
		{ "sinks: {a: {type: sample, must: !x y}}\n", /* and check() is not asked */
		  "1:33: tags (!name) are not supported; a text that begins with ! needs quotes\n" },
		{ "sinks: {a: {type: sample, must: refuse, batch: 0}}\n",
		  "1:48: \"batch\" may be from 1 to 500, found \"0\"\n" },

		/* redact */
		{ "redact: ['a(']\n", "1:10: \"redact\": not a regular expression: Unmatched ( or \\(\n" },
		{ "redact: [ok, 'a{9999}']\n",
		  "1:14: \"redact\": repetition counts {n} are not supported in patterns\n" },
		{ "redact: '(a)\\1'\n",
		  "1:9: \"redact\": back references (\\1) are not supported in patterns\n" },
		{ "redact: 'a(?i)b'\n",
		  "1:9: \"redact\": of the (?...) forms only a leading (?i) is understood\n" },
		{ "redact: ['[+]*a++b']\n", "1:10: \"redact\": one repetition right behind another\n" },
		{ "redact: ['(((((a+)+)+)+)+)+']\n",
		  "1:10: \"redact\": more than 4 groups with a + behind\n" },
		{ "redact: ['(a)+\\)+[)]+x+y?(b*)*']\n", "" },
		{ "redact: ['']\n", "1:10: \"redact\": an empty pattern would match every name\n" },
		{ "redact: [ ]\n", "" },
	};
	(void)state;

	check_rows(row, sizeof(row) / sizeof(row[0]));
}

static void watches_are_checked(void **state)
{
#define TWO(a, b) "watch:\n  - {name: a, " a "}\n  - {name: b, " b "}\n"
#define MEETS(there, here)                                                                   \
	"3:5: can match the same files as the watch in line 2 (\"" there "\" there, \"" here \
	"\" here); exclude "                                                                 \
	"them in one of the two\n"
	static const struct row row[] = {
		{ "watch: [{name: 'a b', path: /x}]\n",
		  "1:16: \"name\" wants a name of letters, digits, ., _ and -, at "
		  "most 64, a letter or digit first, found \"a b\"\n" },
		{ WATCH("    sinks: [local, locel, local, [x]]\n"),
		  "4:20: no sink is called \"locel\" (did you mean \"local\"?)\n"
		  "4:27: \"sinks\" names \"local\" twice\n"
		  "4:34: \"sinks\" wants a text in each entry, found a list\n" },
		{ WATCH("    timezone: Mars/Olympus\n"),
		  "4:15: \"timezone\" names a time zone that this machine does not know\n" },
		{ WATCH("    timezone: ../../etc/passwd\n"),
		  "4:15: \"timezone\" wants an IANA name such as "
		  "Europe/Berlin, local, UTC, or an offset such as +09:00\n" },
		{ WATCH("    files: []\n"), "4:12: \"files\" names no pattern: nothing would be watched\n" },
		{ WATCH("    files: [/abs, a/../b, '**.xml', 'a[b', x/, '', 'a//b', ./x]\n"),
		  "4:13: \"files\": a pattern is relative to path; it may not begin with /\n"
		  "4:19: \"files\": a pattern may not hold . or .. as a component\n"
		  "4:27: \"files\": ** stands alone between slashes, as in **/*.xml\n"
		  "4:37: \"files\": a [ that is not closed\n"
		  "4:44: \"files\": a pattern with an empty component (//, or a / at its end)\n"
		  "4:48: \"files\": an empty pattern\n"
		  "4:52: \"files\": a pattern with an empty component (//, or a / at its end)\n"
		  "4:60: \"files\": a pattern may not hold . or .. as a component\n" },
		{ WATCH("    exclude: '**/**/**/**/**/**/**/**/**'\n"),
		  "4:14: \"exclude\": more than 8 ** in one pattern\n" },
		{ WATCH("    run: {close_on: /DONE}\n"),
		  "4:21: \"close_on\": a pattern is relative to path; it may not begin with /\n" },
		{ WATCH("    run: {key: '{run.name}', name: '{prop.x}', variant: ''}\n"),
		  "4:16: \"key\" is needed before run.name is known\n"
		  "4:36: \"name\" is needed before prop.x is known\n"
		  "4:57: \"variant\" may not be an empty text\n" },
		{ "watch: [{name: a, path: '/x/*'}]\n",
		  "1:25: \"path\": *, ?, [ and \\ may not stand in a watch's path; "
		  "{name} matches any one component\n" },
		{ "watch: [{name: a, path: '/x/{a}/{a}'}]\n",
		  "1:25: \"path\": two captures of one name in the path\n" },
		{ "watch: [{name: a, path: '/x/{a}{b}'}]\n",
		  "1:25: \"path\": one component of the path holds one capture\n" },
		{ "watch: [{name: a, path: '/x/{a}/../b'}]\n",
		  "1:25: \"path\": .. may not stand behind a capture in the path\n" },
		{ "watch: [{name: a, path: '/x/../y/{a}/..b/...'}]\n", "" },
		{ "watch: [{name: a, path: '/x/{a'}]\n",
		  "1:25: \"path\": a brace without its partner in the path\n" },
		{ "watch: [{name: a, path: '/x/a}'}]\n",
		  "1:25: \"path\": a brace without its partner in the path\n" },
		{ "watch: [{name: a, path: '/x/{a b}'}]\n",
		  "1:25: \"path\": a capture is {name}: letters, digits, _ and -\n" },
		{ "watch: [{name: a, path: '/x/{}'}]\n",
		  "1:25: \"path\": a capture is {name}: letters, digits, _ and -\n" },

		/* two that can match one file */
		{ TWO("path: /a", "path: /b"), "" },
		{ TWO("path: /a", "path: /a"), MEETS("**/*.xml", "**/*.xml") },
		{ TWO("path: /a", "path: /a/b"), MEETS("**/*.xml", "**/*.xml") },
		{ TWO("path: '/a/{x}'", "path: /a/b"), MEETS("**/*.xml", "**/*.xml") },
		{ TWO("path: '/a/{x}/c'", "path: '/a/b/{y}'"), MEETS("**/*.xml", "**/*.xml") },
		{ TWO("path: '/a/{x}/c'", "path: '/a/b/d'"), "" },
		{ TWO("path: '/a/x-{x}'", "path: '/a/y-{x}'"), "" },
		{ TWO("path: /a, files: 'TEST-*.xml'", "path: /a, files: 'testng-*.xml'"), "" },
		{ TWO("path: /a, files: 'TEST-*.xml'", "path: /a, files: ['x', '*-a*']"),
		  MEETS("TEST-*.xml", "*-a*") },
		{ TWO("path: /a, files: 'u/*.xml'", "path: /a, files: 'v/*.xml'"), "" },
		{ TWO("path: /a, exclude: 'b/**'", "path: /a/b"), "" },
		{ TWO("path: /a, exclude: '**/b/**'", "path: /a/b"), "" },
		{ TWO("path: /a, exclude: 'b/*.xml', files: '**/*.xml'", "path: /a/b, files: '**/*.xml'"),
		  MEETS("**/*.xml", "**/*.xml") },
		{ TWO("path: /a", "path: /a/b/../../c"), "" },
		{ "watch:\n  - {name: a, path: /a}\n  - {name: a, path: /b}\n",
		  "3:5: two watches are called \"a\" (first in line 2)\n" },
	};
	(void)state;

	check_rows(row, sizeof(row) / sizeof(row[0]));
}

static void what_is_not_yaml_is_said_in_words(void **state)
{
	static const struct row row[] = {
		{ "a: b: c\n",
		  "1:5: mapping values are not allowed in this context; a text that holds a colon and a "
		  "space needs quotes\n" },
		{ "log:\n\tlevel: info\n", "2:1: a tab may not be used for indentation; use spaces\n" },
		{ WATCH("    files: **/*.xml\n"), "4:12: a text that begins with * or & needs quotes\n" },
		{ WATCH("    files: *all\n"),
		  "4:12: aliases (*name) are not supported; a text that begins with * needs quotes\n" },
		{ WATCH("    files: &all [x]\n"),
		  "4:12: anchors (&name) are not supported; a text that begins with & needs quotes\n" },
		{ WATCH("    files: !x [x]\n"),
		  "4:12: tags (!name) are not supported; a text that begins with ! needs quotes\n" },
		{ WATCH("    timezone: @home\n"), "4:15: a text that begins with @ needs quotes\n" },
		{ WATCH("    run:\n      key: {job}/{build}\n"),
		  "5:17: did not find expected key (while parsing a block "
		  "mapping that begins at line 5); a text that begins with { needs quotes\n" },
		{ "{a: 1}: 2\n",
		  "1:1: a key must be plain text; a text that begins with { or [ needs quotes\n" },
		{ "state_dir: \"a\\0b\"\n", "1:12: a text may not hold a NUL character\n" },
		{ "state_dir: \xff\n", "1:12: byte 0xff is not UTF-8; save the file as UTF-8\n" },
		{ "# \xc3\xa4\r\nstate_dir: \x01\r\n",
		  "2:12: a control character (byte 0x01) may not stand here\n" },
		{ "\xff\xfe"
		  "a",
		  "1:1: byte 0xff is not UTF-8; save the file as UTF-8\n" },
		{ "--- {}\n--- {}\n", "2:1: a second document; the configuration is one\n" },
		{ "state_dir: \"open\n",
		  "2:1: found unexpected end of stream (while scanning a quoted scalar that begins "
		  "at line 1)\n" },
		/* one that is refused by itself does not hide the others */
		{ "state_dir: *x\nlog: {level: loud}\nqueue: &y sqlite\nzzz: 1\n",
		  "1:12: aliases (*name) are not supported; a text that begins with * needs quotes\n"
		  "2:14: \"level\" wants debug, info, warning or error, found \"loud\"\n"
		  "3:8: anchors (&name) are not supported; a text that begins with & needs quotes\n"
		  "4:1: unknown key \"zzz\"\n" },
	};
	(void)state;

	check_rows(row, sizeof(row) / sizeof(row[0]));
}

static void all_faults_come_in_the_order_of_the_file(void **state)
{
	static const struct row row[] = {
		{ "sinks:\n"
		  "  rail: {type: sample, must: x, bach: 3, url: ftp://x}\n"
		  "watch:\n"
		  "  - {name: a, path: /a, sinks: [rial]}\n"
		  "log: {level: chatty, format: xml}\n"
		  "statedir: /x\n",
		  "2:33: unknown key \"bach\" (did you mean \"batch\"?)\n"
		  "2:47: \"url\": a URL begins with https:// (or http:// on this machine)\n"
		  "4:33: no sink is called \"rial\" (did you mean \"rail\"?)\n"
		  "5:14: \"level\" wants debug, info, warning or error, found \"chatty\"\n"
		  "5:30: \"format\" wants auto, text, journal or json, found \"xml\"\n"
		  "6:1: unknown key \"statedir\" (did you mean \"state_dir\"?)\n" },
	};
	(void)state;

	check_rows(row, sizeof(row) / sizeof(row[0]));
}

static void a_hundred_faults_are_enough(void **state)
{
	struct buf text = BUF_LIMIT(1 << 20);
	struct config_faults faults = { 0 };
	struct config *c = NULL;
	(void)state;

	/* found in the order watch first, keys later: the first hundred of the file are kept */
	for (unsigned i = 0; i < 150; i++)
		buf_printf(&text, "key%u: x\n", i);
	buf_puts(&text, "log: {level: x}\n");
	assert_int_equal(
		config_parse(text.data, text.len, "f", "/s", sample_types, SAMPLE_TYPES, false, &c, &faults),
		-EINVAL);
	assert_int_equal(faults.count, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(faults.item[i].line, i + 1);
	config_faults_done(&faults);
	buf_done(&text);
}

/* --- bounds --- */

static void hostile_sizes_are_refused(void **state)
{
	static const struct {
		const char *before, *repeat;
		unsigned times;
		const char *after, *fault;
	} row[] = {
		{ "redact: ", "[", 100, "", "nested too deeply" },
		{ "redact: ", "{a: ", 100, "", "nested too deeply" },
		{ "redact: [", "a,", 10001, "]", "more than 10000 entries in one list" },
		{ "", "a: \n", 1001, "", "more than 1000 keys in one mapping" },
		{ "redact: [", "[a,a,a,a,a,a,a,a,a,a,a],", 9999, "]", "more than 100000 values in one file" },
		{ "# ", "0123456789abcdef", 65536, "\n", "the file is larger than 1 MiB" },
		{ "watch: [", "{name: a},", 501, "]", "more than 500 watches" },
		{ "redact: [", "a,", 65, "]", "\"redact\": more than 64 patterns" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct buf text = BUF_LIMIT(4 << 20), out = BUF_LIMIT(1 << 20);
		buf_puts(&text, row[i].before);
		for (unsigned n = 0; n < row[i].times; n++)
			buf_puts(&text, row[i].repeat);
		buf_puts(&text, row[i].after);
		faults_of(text.data, &out);
		assert_non_null(out.data);
		assert_non_null(strstr(out.data, row[i].fault));
		buf_done(&text);
		buf_done(&out);
	}
}

static void many_watches_end_in_bounded_time(void **state)
{
	struct buf text = BUF_LIMIT(1 << 20), out = BUF_LIMIT(1 << 20);
	(void)state;

	buf_puts(&text, "watch:\n");
	for (unsigned i = 0; i < 300; i++) {
		buf_printf(&text, "- {name: w%u, path: /a, files: '", i);
		for (unsigned n = 0; n < 200; n++)
			buf_puts(&text, "*a?b");
		buf_printf(&text, "%u'}\n", i);
	}
	faults_of(text.data, &out);
	assert_non_null(strstr(out.data, "too many patterns to tell which watches can match the same files"));
	buf_done(&text);
	buf_done(&out);
}

/* --- printing --- */

static void print(const struct config *c, struct buf *out)
{
	assert_int_equal(config_print(c, out), 0);
}

static void what_is_printed_reads_the_same(void **state)
{
	static const char *const text[] = {
		"",
		SINK,
		SINK "    text: \"\\x01\\t\\e\\u2028\\U0001f600\\uFFFE'\\\\\\\"#: é\"\n    tags: ['null', "
		     "'true', '1', '~', '- x', '', n]\n"
		     "    fields: {\"a: b\": \"{}\", yes: no}\n    title: '{{}} {a|b|''c''}'\n    key: "
		     "{file: 'a b'}\n"
		     "    folder: ['{x}', '']\n    pace: 0.7/min\n    size: 3000\n    wait: 61s\n    "
		     "control: x\n    id: 3\n",
		SINK
		"    key: a secret\n    order: []\n    tags: []\n    fields: {}\n    pace: 1234567.891/h\n",
		"redact: []\nwatch:\n  - {name: a, path: '/a/{b}', run: {key: '{b}', close_on: x}, sinks: "
		"local}\n"
		"  - {name: b, path: /b, exclude: [], timezone: local}\n",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct buf once = BUF_LIMIT(1 << 20), twice = BUF_LIMIT(1 << 20);
		struct config *a = parsed(text[i]);
		print(a, &once);
		struct config *b = parsed(once.data);
		print(b, &twice);
		assert_string_equal(once.data, twice.data);
		if (i > 0 && i < 4) {
			const struct sample_conf *x = only_sink(a), *y = only_sink(b);
			assert_string_equal(x->text, y->text);
			assert_string_equal(template_text(x->title), template_text(y->title));
			assert_int_equal(x->tags.count, y->tags.count);
			for (size_t j = 0; j < x->tags.count; j++)
				assert_string_equal(x->tags.item[j], y->tags.item[j]);
			assert_int_equal(x->fields.count, y->fields.count);
			for (size_t j = 0; j < x->fields.count; j++)
				assert_string_equal(x->fields.value[j],
						    config_map_get(&y->fields, x->fields.key[j]));
			assert_true(x->pace - y->pace < 1e-9 && y->pace - x->pace < 1e-9);
			assert_int_equal(x->id, y->id);
		}
		config_free(a);
		config_free(b);
		buf_done(&once);
		buf_done(&twice);
	}
}

static void every_default_is_printed(void **state)
{
	static const char *const line[] = {
		"state_dir: /var/state\n",
		"queue: sqlite\n",
		"redact: [\"(?i)(password|secret|token|api_?key)\"]\n",
		"  report: 2GiB\n",
		"  runs: 30d\n",
		"  level: info\n",
		"  - name: \"n\"\n",
		"    poll_interval: 30s\n",
		"      close_after: 1m\n",
		"      key:\n",
		"    type: sample\n",
		"    rate: 180/min\n",
		"      verify: true\n",
		"    title: \"{run.name}\"\n",
		"    mode: \"0755\"\n",
		"    pace: 10000/h\n",
		"    path:\n",
		"    id:\n",
		"    order: [last, worst]\n",
		"    fields:\n      a: \"1\"\n",
	};
	struct buf out = BUF_LIMIT(1 << 20);
	struct config *c = parsed(WATCH("") SINK);
	(void)state;

	print(c, &out);
	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		if (strstr(out.data, line[i]) == NULL)
			print_error("%swithout:\n%s", out.data, line[i]);
		assert_non_null(strstr(out.data, line[i]));
	}
	config_free(c);
	buf_done(&out);
}

/* --- redaction --- */

static void names_are_redacted(void **state)
{
	static const struct {
		const char *redact, *name;
		bool hidden;
	} row[] = {
		{ "", "DB_PASSWORD", true },
		{ "", "apiKey", true },
		{ "", "api_key", true },
		{ "", "MyTokens", true },
		{ "", "user", false },
		{ "", "", false },
		{ "redact: ['^x']\n", "password", false },
		{ "redact: ['^x']\n", "xy", true },
		{ "redact: ['^x']\n", "Xy", false },
		{ "redact: []\n", "password", false },
		{ "redact: ['[{(?]', '\\(\\?']\n", "a{b", true },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct config *c = parsed(row[i].redact);
		assert_int_equal(config_redacted(c, row[i].name), row[i].hidden);
		config_free(c);
	}
	struct config *c = parsed("");
	char *name = malloc(100001);
	memset(name, 'a', 100000);
	name[100000] = '\0';
	assert_true(config_redacted(c, name)); /* too long to be looked through */
	free(name);
	config_free(c);
}

static void values_of_redacted_names_are_not_printed(void **state)
{
	struct buf out = BUF_LIMIT(1 << 20);
	struct config *c = parsed(SINK "    fields: {db_password: hunter2, plain: shown}\n");
	(void)state;

	print(c, &out);
	assert_null(strstr(out.data, "hunter2"));
	assert_non_null(strstr(out.data, "db_password: \"(hidden)\"\n"));
	assert_non_null(strstr(out.data, "plain: shown\n"));
	config_free(c);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_has_all_defaults),
		cmocka_unit_test(without_a_file_there_is_the_local_sink),
		cmocka_unit_test(a_sink_gets_every_default),
		cmocka_unit_test(values_go_where_rows_say),
		cmocka_unit_test(a_watch_is_read_whole),
		cmocka_unit_test(faults_have_places_and_hints),
		cmocka_unit_test(watches_are_checked),
		cmocka_unit_test(what_is_not_yaml_is_said_in_words),
		cmocka_unit_test(all_faults_come_in_the_order_of_the_file),
		cmocka_unit_test(a_hundred_faults_are_enough),
		cmocka_unit_test(hostile_sizes_are_refused),
		cmocka_unit_test(many_watches_end_in_bounded_time),
		cmocka_unit_test(what_is_printed_reads_the_same),
		cmocka_unit_test(every_default_is_printed),
		cmocka_unit_test(names_are_redacted),
		cmocka_unit_test(values_of_redacted_names_are_not_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
