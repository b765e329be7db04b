/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks: what goes in comes out; and what a damaged disk makes of them is noticed, said and passed by. */
#include "tests/unit/queue/fixture.h"

#include "daemon/queue/chunk.h"

#include <sqlite3.h>

static void build(struct chunk_build *b, unsigned count)
{
	struct digest *d = digest_new();

	chunk_build_init(b);
	for (unsigned i = 0; i < count; i++) {
		char name[32], id[1024];
		const char *params[1];
		struct result r;
		(void)snprintf(name, sizeof(name), "t%u", i);
		struct fx_result f = { .class_name = "c",
				       .name = name,
				       .outcome = (enum outcome)(i % 4),
				       .started_ms = NOW + i };
		if (i % 3 == 0) {
			f.refs[0] = "C12";
			f.refs[1] = i % 2 == 0 ? "AT-TC-9" : NULL;
		}
		fx_make(&f, &r, id, params);
		assert_int_equal(chunk_build_add(b, &r, d, NULL), 0);
	}
	digest_free(d);
}

static void an_index_gives_back_what_it_was_given(void **state)
{
	struct buf index = BUF_LIMIT(1 << 20);
	struct digest *d = digest_new();
	struct chunk_build b;
	struct chunk_entry e;

	(void)state;
	build(&b, 10);
	assert_int_equal(chunk_build_index(&b, &index), 0);
	assert_int_equal(chunk_index_count((uint8_t *)index.data, index.len), 10);
	for (unsigned i = 0; i < 10; i++) {
		char name[32], id[32];
		(void)snprintf(name, sizeof(name), "t%u", i);
		(void)snprintf(id, sizeof(id), "c.t%u", i);
		assert_true(chunk_entry_get((uint8_t *)index.data, index.len, i, &e));
		assert_int_equal(e.flags & ENTRY_OUTCOME, i % 4);
		assert_int_equal(e.started_ms, NOW + i);
		assert_int_equal(e.auto_key, match_key(d, id));
		assert_int_equal(e.title_key, match_key(d, name));
		assert_int_equal((e.flags & ENTRY_REFS) != 0, i % 3 == 0);
		if (i % 3 != 0) {
			assert_null(e.refs);
			continue;
		}
		assert_string_equal(e.refs, "C12");
		assert_string_equal(e.refs + 4, i % 2 == 0 ? "AT-TC-9" : "");
	}
	assert_false(chunk_entry_get((uint8_t *)index.data, index.len, 10, &e));
	chunk_build_done(&b);
	buf_done(&index);
	digest_free(d);
}

/* Any bytes may stand there: never a read beyond them (the sanitizer watches), never an endless list. */
static void a_damaged_index_is_never_read_beyond_its_end(void **state)
{
	struct buf index = BUF_LIMIT(1 << 20);
	struct chunk_build b;
	uint32_t random = 1;
	unsigned good = 0;

	(void)state;
	build(&b, 6);
	assert_int_equal(chunk_build_index(&b, &index), 0);
	for (int round = 0; round < 20000; round++) {
		random = random * 1664525u + 1013904223u;
		size_t len = round % 2 == 0 ? index.len : random % (index.len + 1);
		uint8_t *copy = xcalloc(1, len + (len == 0));
		memcpy(copy, index.data, len);
		if (len > 0)
			copy[(random >> 8) % len] = (uint8_t)(random >> 24);
		for (unsigned i = 0; i < 8; i++) {
			struct chunk_entry e;
			if (!chunk_entry_get(copy, len, i, &e))
				continue;
			good++;
			for (const char *r = e.refs; r != NULL && *r != '\0'; r += strlen(r) + 1)
				;
		}
		free(copy);
	}
	assert_true(good > 0);
	chunk_build_done(&b);
	buf_done(&index);
}

static void packed_text_is_checked(void **state)
{
	struct chunk_packer *p = chunk_packer_new();
	struct buf packed = BUF_LIMIT(1 << 20);
	char text[5000], *back = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * 7 % 23);
	assert_int_equal(chunk_pack(p, text, sizeof(text), &packed), 0);
	assert_int_equal(chunk_unpack(p, packed.data, packed.len, sizeof(text), &back), 0);
	assert_memory_equal(back, text, sizeof(text));
	free(back);
	for (size_t i = 0; i < packed.len; i++) {
		packed.data[i] ^= 0x10;
		back = NULL;
		if (chunk_unpack(p, packed.data, packed.len, sizeof(text), &back) == 0) {
			assert_memory_equal(back, text, sizeof(text)); /* a bit that nobody reads */
			free(back);
		}
		packed.data[i] ^= 0x10;
	}
	assert_int_equal(chunk_unpack(p, packed.data, packed.len, sizeof(text) - 1, &back), -EUCLEAN);
	assert_int_equal(chunk_unpack(p, packed.data, packed.len / 2, sizeof(text), &back), -EUCLEAN);
	buf_done(&packed);
	chunk_packer_free(p);
}

static void a_huge_result_gives_up_its_least_telling_parts(void **state)
{
	enum { ATTEMPTS = 40, TEXT = 300 * 1024 };
	char *text = xcalloc(1, TEXT + 1);
	struct attempt *attempt = xcalloc(ATTEMPTS, sizeof(*attempt));
	struct digest *d = digest_new();
	struct chunk_build b;
	struct err err = ERR_NONE;
	struct result r = { .name = "huge",
			    .id = "huge",
			    .started_ms = TIME_UNKNOWN,
			    .duration_ms = -1,
			    .outcome = OUTCOME_FAILED };

	(void)state;
	memset(text, 'x', TEXT);
	for (int i = 0; i < ATTEMPTS; i++)
		attempt[i] = (struct attempt){ .duration_ms = -1,
					       .started_ms = TIME_UNKNOWN,
					       .outcome = OUTCOME_FAILED,
					       .out = { text, TEXT, TEXT } };
	r.attempts = attempt;
	r.attempt_count = ATTEMPTS;
	r.failure.message = (struct text){ "why", 3, 3 };
	chunk_build_init(&b);
	assert_int_equal(chunk_build_add(&b, &r, d, &err), 0);
	assert_true(b.raw.len < 100000);
	assert_non_null(strstr(b.raw.data, "\"why\""));
	assert_non_null(strstr(b.raw.data, "attempts"));
	chunk_build_reset(&b);
	/* One that is too large even so is refused by name, and the chunk goes on. */
	char *name = xcalloc(1, CHUNK_LINE + 2);
	memset(name, 'n', CHUNK_LINE + 1);
	r.name = name;
	assert_int_equal(chunk_build_add(&b, &r, d, &err), -E2BIG);
	assert_int_equal(b.count, 0);
	r.name = "fine";
	r.attempt_count = 0;
	assert_int_equal(chunk_build_add(&b, &r, d, &err), 0);
	assert_int_equal(b.count, 1);
	chunk_build_done(&b);
	digest_free(d);
	free(name);
	free(attempt);
	free(text);
}

static void names_are_keys(void **state)
{
	struct digest *d = digest_new();

	(void)state;
	assert_int_equal(match_key(d, NULL), 0);
	assert_int_equal(match_key(d, ""), 0);
	assert_int_equal(match_key_in(d, "1", ""), 0);
	assert_true(match_key(d, "a") != match_key(d, "b"));
	assert_true(match_key(d, "a") == match_key(d, "a"));
	assert_true(match_key_in(d, "1", "2a") != match_key_in(d, "12", "a"));
	assert_true(match_key_in(d, "", "a") != match_key(d, "a"));
	digest_free(d);
}

static void sql(const struct fx *f, const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* P7: what a damaged disk takes away is parked or listed, and the rest is sent. */
static void damaged_results_are_parked_and_the_rest_goes_on(void **state)
{
	static const struct fx_result r[] = { { "c", "t1", OUTCOME_PASSED, .suite = { NULL } },
					      { "c", "t2", OUTCOME_PASSED, .suite = { NULL } } };
	static const struct fx_result other[] = { { "c", "t3", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;

	fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, r, 2);
	fx_part(f, &(struct fx_take){ .key = "k", .content = "y" }, other, 1);
	int64_t d = fx_only(f, "rail");
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	fx_close(f);
	sql(f, "UPDATE chunk SET body = zeroblob(length(body)) WHERE id = (SELECT min(id) FROM chunk)");
	fx_open(f);
	struct rows *rows = fx_rows(f, d, ROWS_ALL, 10);
	assert_int_equal(rows->count, 1);
	assert_string_equal(rows->row[0].tests[0].results[0]->name, "t3");
	assert_int_equal(fx_owed(f, d).parked, 2);
	assert_int_equal(f->owed.owed, 1);
	assert_int_equal(fx_post_all(f, d, ROWS_ALL), 1);
	assert_true(fx_parked(f, d) > 0);
	assert_non_null(strstr(f->text[0], "damaged on disk"));
	assert_int_equal(f->fatal.code, 0);
}

static void a_damaged_index_is_listed(void **state)
{
	static const struct fx_result r[] = { { "c", "t1", OUTCOME_PASSED, .suite = { NULL } },
					      { "c", "t2", OUTCOME_PASSED, .suite = { NULL } } };
	struct fx *f = *state;

	int64_t run = fx_part(f, &(struct fx_take){ .key = "k", .content = "x" }, r, 2);
	int64_t d = fx_only(f, "rail");
	fx_close(f);
	sql(f, "UPDATE chunk SET idx = zeroblob(length(idx))");
	fx_open(f);
	assert_int_equal(fx_resolve(f, d, &fx_all), 0);
	assert_int_equal(f->owed.owed, 0);
	assert_int_equal(fx_run(f, run), 0);
	assert_int_equal(f->run.tests, 0);
	assert_int_equal(fx_status(f)->parts_bad, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_gives_back_what_it_was_given),
		cmocka_unit_test(a_damaged_index_is_never_read_beyond_its_end),
		cmocka_unit_test(packed_text_is_checked),
		cmocka_unit_test(a_huge_result_gives_up_its_least_telling_parts),
		cmocka_unit_test(names_are_keys),
		TEST(damaged_results_are_parked_and_the_rest_goes_on),
		TEST(a_damaged_index_is_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
