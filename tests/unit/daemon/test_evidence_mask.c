/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/evidence/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static bool secret(void *cookie, const char *name)
{
	(void)cookie;
	return strstr(name, "password") != NULL || strstr(name, "token") != NULL;
}

static void assert_masked(const char *in, const char *out)
{
	struct buf b = BUF_LIMIT(1 << 20);
	struct err err = ERR_NONE;

	assert_int_equal(evidence_mask_text(in, strlen(in), secret, NULL, &b, &err), 0);
	buf_puts(&b, "");
	assert_string_equal(b.data != NULL ? b.data : "", out);
	buf_done(&b);
}

static void values_of_hidden_names_go(void **state)
{
	static const struct {
		const char *in, *out;
	} row[] = {
		{ "<property name=\"password\" value=\"hunter2\"/>",
		  "<property name=\"password\" value=\"***\"/>" },
		{ "<property value='hunter2' name='db.password' />",
		  "<property value='***' name='db.password' />" },
		{ "<property name=\"pass&#119;ord\" value=\"x\"/>",
		  "<property name=\"pass&#119;ord\" value=\"***\"/>" },
		{ "<property\n name = \"token\"\n value = \"a>b\" >",
		  "<property\n name = \"token\"\n value = \"***\" >***" },
		{ "<property name=\"token\">abc</property><a/>",
		  "<property name=\"token\">***</property><a/>" },
		{ "<property name=\"token\"><![CDATA[a]]b]]></property>x",
		  "<property name=\"token\">***</property>x" },
		{ "<property name=\"token\">a<b>c</b><d/>e</property>x",
		  "<property name=\"token\">***</property>x" },
		{ "<attribute name=\"token\"><![CDATA[a]]></attribute>",
		  "<attribute name=\"token\">***</attribute>" },
		{ "<custom-attribute><name value=\"token\"/><value value=\"x\"/></custom-attribute>"
		  "<custom-attribute><name value=\"b\"/><value value=\"y\"/></custom-attribute>",
		  "<custom-attribute><name value=\"token\"/><value value=\"***\"/></custom-attribute>"
		  "<custom-attribute><name value=\"b\"/><value value=\"y\"/></custom-attribute>" },
		{ "<testcase name=\"n\" password=\"x\" time=\"1\">",
		  "<testcase name=\"n\" password=\"***\" time=\"1\">" },
		{ "<testcase><password>x</password></testcase>",
		  "<testcase><password>***</password></testcase>" },
		{ "<o>a [[PROPERTY|token=abc]] b</o>", "<o>a [[PROPERTY|token=***]] b</o>" },
		{ "<o><![CDATA[[[PROPERTY|token=a]]]]></o>", "<o><![CDATA[[[PROPERTY|token=***]]]]></o>" },
		{ "<o>[[PROPERTY|token]]\nabc\n[[/PROPERTY]] b</o>",
		  "<o>[[PROPERTY|token]]***[[/PROPERTY]] b</o>" },
		{ "<o>[[PROPERTY|token]]abc</o><p>d</p>", "<o>[[PROPERTY|token]]***</o><p>d</p>" },
		{ "<a/><property name=\"token\" value=\"x\"", "<a/>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_masked(row[i].in, row[i].out);
}

static void all_else_is_as_it_was(void **state)
{
	static const char *const row[] = {
		"",
		"plain",
		"<?xml version=\"1.0\"?>\n<!-- <property name=\"token\" value=\"x\"/> --><!DOCTYPE a [<!-- ' "
		"-->]>",
		"<!--- a ---><a/>",
		"<testcase name=\"resets the password\" classname=\"token\"/>",
		"<property name=\"a\" value=\"password\"/>",
		"<system-out><![CDATA[a [[ATTACHMENT|b.png]] [[PROPERTY|x=token]] ]] > ]]]></system-out>",
		"<o>[[PROPERTY|a]]token[[/PROPERTY]][[[PROPERTY|c=d]] [[PROPERTY|token</o>",
		"<a b='>' c=\"'\"/>]]> [",
		"<property name='token' value=''/>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_masked(row[i], row[i]);
}

static void an_encoding_that_hides_names_is_refused(void **state)
{
	struct buf b = BUF_LIMIT(100);
	struct err err = ERR_NONE;

	(void)state;
	assert_int_equal(evidence_mask_text("\xff\xfe<\0", 4, secret, NULL, &b, &err), -EINVAL);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_hidden_names_go),
		cmocka_unit_test(all_else_is_as_it_was),
		cmocka_unit_test(an_encoding_that_hides_names_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
