/* SPDX-License-Identifier: Apache-2.0
 *
 * gen_report.c - a large JUnit report on standard output, the same bytes every time.
 *
 *     gen_report [CASES]          1 000 000 by default, about 150 bytes each
 *     gen_report CASES DIR        a file for each suite, in DIR
 *
 * Suites of 100 cases; one case in 50 fails with a trace, one in 100 is skipped, one in 200 has output. */
#include <stdio.h>
#include <stdlib.h>

static void one_case(FILE *f, long i)
{
	fprintf(f,
		"    <testcase classname=\"com.example.shop.module%ld.CheckoutServiceTest\" "
		"name=\"acceptsOrderNumber%ldWithDiscount\" time=\"%ld.%03ld\"",
		i / 100, i, i % 7 == 0 ? i % 3 : 0, i * 37 % 1000);
	if (i % 50 == 49)
		fprintf(f,
			">\n      <failure type=\"java.lang.AssertionError\" message=\"expected:&lt;%ld&gt; "
			"but "
			"was:&lt;%ld&gt;\"><![CDATA[java.lang.AssertionError: expected:<%ld> but was:<%ld>\n"
			"\tat org.junit.Assert.fail(Assert.java:89)\n"
			"\tat com.example.shop.CheckoutServiceTest.accepts(CheckoutServiceTest.java:%ld)\n"
			"]]></failure>\n    </testcase>\n",
			i, i + 1, i, i + 1, i % 500 + 1);
	else if (i % 100 == 10)
		fprintf(f, ">\n      <skipped message=\"not on this platform\"/>\n    </testcase>\n");
	else if (i % 200 == 20)
		fprintf(f,
			">\n      <system-out>order %ld taken &amp; paid\n[info] done\n</system-out>\n"
			"    </testcase>\n",
			i);
	else
		fprintf(f, "/>\n");
}

int main(int argc, char **argv)
{
	long cases = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	const char *dir = argc > 2 ? argv[2] : NULL;
	FILE *f = stdout;

	if (cases <= 0 || argc > 3) {
		fprintf(stderr, "usage: gen_report [CASES [DIR]]\n");
		return 2;
	}
	if (dir == NULL)
		fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (long i = 0; i < cases; i++) {
		if (i % 100 == 0) {
			long left = cases - i < 100 ? cases - i : 100;
			if (dir != NULL) {
				char path[4096];
				snprintf(path, sizeof(path), "%s/TEST-module%ld.xml", dir, i / 100);
				f = fopen(path, "w");
				if (f == NULL) {
					perror(path);
					return 1;
				}
				fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
			}
			fprintf(f,
				"  <testsuite name=\"com.example.shop.module%ld.CheckoutServiceTest\" "
				"tests=\"%ld\" "
				"timestamp=\"2026-03-01T08:%02ld:%02ld\" hostname=\"agent-7\">\n",
				i / 100, left, i / 100 / 60 % 60, i / 100 % 60);
		}
		one_case(f, i);
		if (i % 100 == 99 || i == cases - 1) {
			fprintf(f, "  </testsuite>\n");
			if (dir != NULL && fclose(f) != 0)
				return 1;
		}
	}
	if (dir != NULL)
		return 0;
	printf("</testsuites>\n");
	return fflush(stdout) != 0 || ferror(stdout);
}
