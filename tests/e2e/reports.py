# SPDX-License-Identifier: Apache-2.0
"""Small JUnit and TestNG reports, written as tests need them."""

from xml.sax.saxutils import escape, quoteattr


def _attributes(values):
    return "".join(f" {key}={quoteattr(str(value))}" for key, value in values.items() if value is not None)


def case(name, classname="shop.Cart", time="0.25", failure=None, error=None, skipped=None, refs=(), inside="",
         **attributes):
    """A testcase; failure, error, skipped: its message; refs: case ids given as properties."""
    body = inside
    if refs:
        body += "<properties>" + "".join(f'<property name="test_id" value="{ref}"/>' for ref in refs) + "</properties>"
    # A skip comes first: with a failure behind it, it says that the failure was expected.
    for tag, message in (("skipped", skipped), ("failure", failure), ("error", error)):
        if message is not None:
            body += f'<{tag} type="Assertion" message={quoteattr(message)}>{escape(message)} at line 1</{tag}>'
    given = _attributes({"name": name, "classname": classname, "time": time, **attributes})
    return f"<testcase{given}>{body}</testcase>\n"


def suite(*inside, name="Cart", **attributes):
    return f"<testsuite{_attributes({'name': name, **attributes})}>\n{''.join(inside)}</testsuite>\n"


def junit(*inside):
    """A report of suites; cases that stand alone get one."""
    if inside and all(part.startswith("<testcase") for part in inside):
        inside = [suite(*inside)]
    return '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n' + "".join(inside) + "</testsuites>\n"


def testng(*methods, suite_name="All", test_name="Fast", class_name="shop.CartTest"):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<testng-results>\n'
            f'<suite name="{suite_name}"><test name="{test_name}"><class name="{class_name}">\n'
            + "".join(methods) + "</class></test></suite></testng-results>\n")


def method(name, status="PASS", params=(), duration_ms=12, config=False, message=None):
    body = ""
    if params:
        body = "<params>" + "".join(f'<param index="{index}"><value><![CDATA[{value}]]></value></param>'
                                    for index, value in enumerate(params)) + "</params>"
    if message is not None:
        body += (f'<exception class="AssertionError"><message><![CDATA[{message}]]></message>'
                 "<full-stacktrace><![CDATA[at shop.CartTest]]></full-stacktrace></exception>")
    return (f'<test-method status="{status}" name="{name}" signature="{name}()" duration-ms="{duration_ms}"'
            f' started-at="2026-11-20T10:00:00Z"{" is-config=" + chr(34) + "true" + chr(34) if config else ""}>'
            f"{body}</test-method>\n")


def numbered(count, first=1, **attributes):
    """A report of count passing tests that are named by number: shop.Cart.test_0001..."""
    return junit(*[case(f"test_{number:05d}", **attributes) for number in range(first, first + count)])
