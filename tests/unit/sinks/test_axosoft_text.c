/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes two failures the same one: texts with their changing parts, frames, tests, and text for a page. */
#include "sinks/axosoft/axosoft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *normal(const char *text, char *out, size_t size)
{
	struct buf b = BUF_LIMIT(1 << 20);

	axosoft_normalise(&b, text, strlen(text));
	snprintf(out, size, "%.*s", (int)b.len, b.data != NULL ? b.data : "");
	buf_done(&b);
	return out;
}

static struct text text_of(const char *s)
{
	return (struct text){ s, s != NULL ? strlen(s) : 0, s != NULL ? strlen(s) : 0 };
}

struct failing {
	const char *class_name, *name, *type, *message, *detail;
};

static const char *mark(const struct axosoft_conf *c, const struct failing *f, char out[AXOSOFT_FP_SIZE])
{
	struct arena a = ARENA_LIMIT(1 << 20);
	struct result r = {
		.class_name = f->class_name,
		.name = f->name,
		.failure = { .type = f->type, .message = text_of(f->message), .detail = text_of(f->detail) }
	};
	const char *fp = axosoft_fingerprint(c, &r, &a);

	snprintf(out, AXOSOFT_FP_SIZE, "%s", fp != NULL ? fp : "");
	arena_done(&a);
	return out;
}

static void changing_parts_are_one_mark(void **state)
{
	static const struct {
		const char *text, *normal;
	} row[] = {
		{ "gave up after 12 ms", "gave up after # ms" },
		{ "took 1.5s, not 12s", "took #s, not #s" },
		{ "at 2026-11-20T10:00:00.123Z", "at #T#Z" },
		{ "10:00:00 and 9:15", "# and #" },
		{ "0xdeadbeef 0x7fff12 0x", "# # #x" },
		{ "id 8c6d5d70-1111-4222-8333-0123456789ab.", "id #." },
		{ "id abcdefab-cdef-abcd-efab-cdefabcdefab.", "id #." },
		{ "Foo@1a2b3c Bar@deadbeef", "Foo@# Bar@#" },
		{ "dead added face", "dead added face" },
		{ "in /srv/ci/17/src/pay.py line 5", "in pay.py line #" },
		{ "C:\\ci\\42\\Pay.cs:line 3", "Pay.cs:line #" },
		{ "10.0.0.17:8080 refused", "# refused" },
		{ "node-017 node17", "node-# node#" },
		{ "GET http://shop:8080/users/17 failed", "GET http://shop:#/users/# failed" },
		{ "two  \t\n blanks", "two blanks" },
		{ "expected:<3> but was:<14>", "expected:<#> but was:<#>" },
		{ "-1 +2 1e-5", "-# +# #" },
		{ "Stra\xc3\x9f"
		  "e 7",
		  "Stra\xc3\x9f"
		  "e #" },
		{ "", "" },
	};
	char out[256];
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++)
		assert_string_equal(normal(row[i].text, out, sizeof(out)), row[i].normal);
}

/* What urls ask for is no path of a disk. */
static void different_things_stay_apart(void **state)
{
	static const char *const pair[][2] = {
		{ "GET http://h/users/1 failed", "GET http://h/orders/1 failed" },
		{ "no file /srv/a/one.txt", "no file /srv/a/two.txt" },
		{ "Database gave up", "Network gave up" },
		{ "expected true", "expected false" },
		{ "column \"face\"", "column \"fade\"" },
	};
	char a[256], b[256];
	(void)state;

	for (size_t i = 0; i < COUNT(pair); i++)
		assert_string_not_equal(normal(pair[i][0], a, sizeof(a)), normal(pair[i][1], b, sizeof(b)));
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* As a server farm would say it: another node, time, request and folder each time. */
static void tell(uint64_t *seed, const char *cause, char *message, size_t size, char *detail,
		 size_t detail_size)
{
	unsigned a = (unsigned)next(seed), b = (unsigned)next(seed), c = (unsigned)next(seed);

	snprintf(message, size,
		 "%s gave up after %u ms on node-%u at 2026-%02u-%02uT%02u:%02u:%02u.%03uZ (request "
		 "%08x-%04x-%04x-%04x-%04x%08x, buffer 0x%08x, Conn@%07x, /srv/ci/%u/work_%u/%s.cfg, "
		 "10.%u.%u.%u:%u)",
		 cause, a % 100000, b % 1000, 1 + a % 12, 1 + b % 28, a % 24, b % 60, c % 60, c % 1000, a,
		 b & 0xffff, c & 0xffff, a & 0xffff, b & 0xffff, c, c, (a & 0xfffffff) | 0x1000000, a % 999,
		 b, cause, a % 256, b % 256, c % 256, a % 65536);
	snprintf(detail, detail_size,
		 "%s\n\tat org.junit.Assert.fail(Assert.java:%u)\n\tat com.shop.%s.connect(%s.java:%u)\n"
		 "\tat com.shop.Base.run(Base.java:%u)\n\tat java.base/java.lang.Thread.run(Thread.java:%u)\n"
		 "\tat com.shop.Runner$%u.run(Runner.java:%u)",
		 message, a % 900, cause, cause, b % 900, c % 900, a % 900, a % 9, b % 77);
}

static void a_hundred_variants_of_a_failure_are_one(void **state)
{
	static const char *const causes[] = { "Database", "Network", "Payment", "Cache", "Face" };
	const struct axosoft_conf c = { .by = AXOSOFT_BY_CAUSE };
	char first[COUNT(causes)][AXOSOFT_FP_SIZE];
	(void)state;

	for (uint64_t round = 1; round <= 20; round++) {
		uint64_t seed = round * 7919;
		for (size_t k = 0; k < COUNT(causes); k++) {
			for (int i = 0; i < 100; i++) {
				char message[600], detail[1400], name[32], now[AXOSOFT_FP_SIZE];
				tell(&seed, causes[k], message, sizeof(message), detail, sizeof(detail));
				snprintf(name, sizeof(name), "t%d", i);
				mark(&c, &(struct failing){ "shop.T", name, "E", message, detail },
				     i == 0 && round == 1 ? first[k] : now);
				if (i == 0 && round == 1)
					continue;
				if (strcmp(now, first[k]) != 0)
					fail_msg("seed %llu, variant %d of %s: %s is not %s: %s",
						 (unsigned long long)round, i, causes[k], now, first[k],
						 message);
			}
		}
	}
	for (size_t i = 0; i < COUNT(causes); i++) {
		assert_memory_equal(first[i], "fp-", 3);
		assert_int_equal(strlen(first[i]), 23);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(first[i], first[k]);
	}
}

/* A test's own frame tells it from another one; those of what asserts are the same in all. */
static void frames_of_the_test_count(void **state)
{
#define JUNIT                                                                                              \
	"\tat org.junit.Assert.fail(Assert.java:88)\n\tat org.junit.Assert.failNotEquals(Assert.java:8)\n" \
	"\tat org.junit.Assert.assertEquals(Assert.java:64)\n"
	static const struct {
		const char *a, *b;
		bool same;
	} row[] = {
		{ JUNIT "\tat shop.CartTest.adds(CartTest.java:17)",
		  JUNIT "\tat shop.PayTest.pays(PayTest.java:9)", false },
		{ JUNIT "\tat shop.CartTest.adds(CartTest.java:17)",
		  JUNIT "\tat shop.CartTest.adds(CartTest.java:99)", true },
		{ JUNIT, JUNIT, true },
		{ "  File \"/a/_pytest/x.py\", line 3\n  File \"/w/1/cart.py\", line 5, in add\n",
		  "  File \"/a/_pytest/x.py\", line 9\n  File \"/w/2/cart.py\", line 7, in add\n", true },
		{ "  File \"/w/1/cart.py\", line 5, in add\n", "  File \"/w/1/pay.py\", line 5, in add\n",
		  false },
		{ "    assert 3 == 4\nE   assert 3 == 4\n\ntests/test_cart.py:17: AssertionError",
		  "    assert 3 == 4\nE   assert 3 == 4\n\ntests/test_pay.py:17: AssertionError", false },
		{ "    at add (/w/cart.js:3:5)\n    at run (/w/node_modules/jest/x.js:1:1)",
		  "    at add (/w/cart.js:9:5)\n    at walk (/w/node_modules/mocha/y.js:1:1)", true },
	};
	const struct axosoft_conf c = { .by = AXOSOFT_BY_CAUSE };
	char a[AXOSOFT_FP_SIZE], b[AXOSOFT_FP_SIZE];
	(void)state;

	for (size_t i = 0; i < COUNT(row); i++) {
		mark(&c, &(struct failing){ "c", "n", "E", "expected 3", row[i].a }, a);
		mark(&c, &(struct failing){ "d", "m", "E", "expected 4", row[i].b }, b);
		if ((strcmp(a, b) == 0) != row[i].same)
			fail_msg("row %zu: %s and %s", i, a, b);
	}
}

static void the_test_counts_where_it_is_asked_for_or_all_there_is(void **state)
{
	static const struct failing one = { "shop.Cart", "adds[1]", "E", "no answer", NULL },
				    row = { "shop.Cart", "adds[2]", "E", "no answer", NULL },
				    other = { "shop.Pay", "pays", "E", "no answer", NULL },
				    cause = { "shop.Cart", "adds(x)", "F", "disk full", NULL },
				    bare = { "shop.Cart", "adds", NULL, NULL, NULL },
				    bare2 = { "shop.Pay", "pays", NULL, NULL, NULL };
	static const struct {
		int by;
		const struct failing *a, *b;
		bool same;
	} pair[] = {
		{ AXOSOFT_BY_CAUSE, &one, &other, true },   { AXOSOFT_BY_CAUSE, &one, &cause, false },
		{ AXOSOFT_BY_CAUSE, &bare, &bare2, false }, { AXOSOFT_BY_TEST, &one, &row, true },
		{ AXOSOFT_BY_TEST, &one, &cause, true },    { AXOSOFT_BY_TEST, &one, &other, false },
		{ AXOSOFT_BY_BOTH, &one, &row, true },      { AXOSOFT_BY_BOTH, &one, &cause, false },
		{ AXOSOFT_BY_BOTH, &one, &other, false },
	};
	char a[AXOSOFT_FP_SIZE], b[AXOSOFT_FP_SIZE];
	(void)state;

	for (size_t i = 0; i < COUNT(pair); i++) {
		const struct axosoft_conf c = { .by = pair[i].by };
		mark(&c, pair[i].a, a);
		mark(&c, pair[i].b, b);
		if ((strcmp(a, b) == 0) != pair[i].same)
			fail_msg("row %zu", i);
	}
}

static void what_is_ignored_has_no_mark(void **state)
{
	char first[] = "^Connection refused", second[] = "at com\\.infra\\.";
	char *words[] = { first, second };
	const struct axosoft_conf c = { .by = AXOSOFT_BY_CAUSE, .ignore = { words, 2 } };
	char out[AXOSOFT_FP_SIZE];
	(void)state;

	assert_string_equal(mark(&c, &(struct failing){ "c", "n", "E", "Connection refused", NULL }, out),
			    "");
	assert_string_equal(mark(&c, &(struct failing){ "c", "n", "E", "x", "at com.infra.Pool" }, out), "");
	assert_string_not_equal(
		mark(&c, &(struct failing){ "c", "n", "E", "No Connection refused", NULL }, out), "");
}

/* Any bytes: within bounds (the sanitizers look), never longer than twice the text, and the same each time. */
static void noise_is_survived(void **state)
{
	static const char alphabet[] = "09afx@/\\-.:,# \n\tT\xc3\xff\"";
	(void)state;

	for (uint64_t round = 1; round <= 3000; round++) {
		uint64_t seed = round * 104729;
		struct buf one = BUF_LIMIT(1 << 20), two = BUF_LIMIT(1 << 20);
		char text[64];
		size_t len = next(&seed) % sizeof(text);
		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[next(&seed) % (sizeof(alphabet) - 1)];
		axosoft_normalise(&one, text, len);
		axosoft_normalise(&two, text, len);
		assert_int_equal(one.len, two.len);
		assert_true(one.len <= len);
		if (one.len > 0)
			assert_memory_equal(one.data, two.data, one.len);
		buf_done(&one);
		buf_done(&two);
	}
}

static void marks_of_suites_are_their_own(void **state)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	(void)state;

	assert_string_equal(axosoft_suite_mark("shop.Cart", &a), axosoft_suite_mark("shop.Cart", &a));
	assert_string_not_equal(axosoft_suite_mark("shop.Cart", &a), axosoft_suite_mark("shop.Pay", &a));
	assert_int_equal(strlen(axosoft_suite_mark("", &a)), 23);
	arena_done(&a);
}

static void text_on_a_page_is_escaped(void **state)
{
	static const char text[] = "<b a=\"1\">&\r\nx</b>";
	struct buf b = BUF_LIMIT(1 << 16);
	(void)state;

	axosoft_html(&b, text, strlen(text));
	buf_putc(&b, '\0');
	assert_string_equal(b.data, "&lt;b a=&quot;1&quot;&gt;&amp;<br/>x&lt;/b&gt;");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changing_parts_are_one_mark),
		cmocka_unit_test(different_things_stay_apart),
		cmocka_unit_test(a_hundred_variants_of_a_failure_are_one),
		cmocka_unit_test(frames_of_the_test_count),
		cmocka_unit_test(the_test_counts_where_it_is_asked_for_or_all_there_is),
		cmocka_unit_test(what_is_ignored_has_no_mark),
		cmocka_unit_test(noise_is_survived),
		cmocka_unit_test(marks_of_suites_are_their_own),
		cmocka_unit_test(text_on_a_page_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
