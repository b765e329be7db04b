# SPDX-License-Identifier: Apache-2.0
"""Every convention by which reports carry files, on reports of real producers, to both servers: what arrived at
the result of each test is what the report says of it.

What a report names is read here anew, with no more than an XML reader and the words of each convention; a workspace
that holds those files is built, and the files that arrive are compared test by test.
"""

import base64
import re
import xml.etree.ElementTree as tree
from collections import Counter
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

import pytest

from reports import case, junit, method, suite, testng
from standins.aio_rules import ATTACHABLE

MARK = re.compile(r"\[\[ATTACHMENT\|(.+?)\]\]")
PROPERTY = re.compile(r"attachment[0-9]*$|testrail_attachment")
REAL = {
    "playwright": "launchableinc-cli/tests/data/playwright/report.xml",
    "testrail_attachment": "gurock-trcli/tests_e2e/reports_junit/attachments.xml",
    "conventions": "testmoapp-junitxml/examples/conventions.xml",
    "suites": "jenkinsci-junit-attachments-plugin/workspace2.zip/junit-results.xml",
    "odd-names": "jenkinsci-junit-attachments-plugin/workspace5.zip/junit-results.xml",
    "surefire": "jenkinsci-junit-attachments-plugin/workspace4.zip/TEST-test.foo.bar.DefaultIntegrationTest.xml",
}
DATA_PROVIDER = "jenkinsci-testng-plugin-plugin/src/test/resources/testng-dp-result.xml"
PNG = b"\x89PNG\r\n\x1a\n"


class Named:
    """What one test names: paths, each once, and the contents that stand in the report itself."""

    def __init__(self):
        self.paths, self.contents = [], []

    def add(self, said):
        said = said.strip()
        if said.startswith("data:"):
            head, _, data = said.partition(",")
            self.contents.append(base64.b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data))
        elif "://" not in said and said not in self.paths:
            self.paths.append(said)


def named_by(element):
    """Of a testcase or a suite itself, not of what is inside it."""
    named = Named()
    for one in element.findall("properties/property"):
        if PROPERTY.match(one.get("name", "")):
            named.add(one.get("value") or "".join(one.itertext()))
    for kind in ("system-out", "system-err"):
        for out in element.findall(kind):
            for said in MARK.findall("".join(out.itertext())):
                named.add(said)
    return named


def of_report(root):
    """[(class.name, Named)] of the tests in order, and the Named of each suite."""
    tests = [(f"{one.get('classname') or suite.get('name')}.{one.get('name')}", named_by(one))
             for suite in root.iter("testsuite") for one in suite.findall("testcase")]
    suites = [named_by(suite) for suite in root.iter("testsuite")] + \
        ([named_by(root)] if root.tag == "testsuites" else [])
    return tests, suites


def fill(resultd, paths, folder="reports"):
    """Writes what the report names; content by path, each of its own."""
    written = {}
    for path in paths:
        place = resultd.folder / folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        written[path] = f"content of {PurePosixPath(path)}\n".encode()
        place.write_bytes(written[path])
    return written


class Rail:
    """What arrived at TestRail: contents by result and, apart, of the run."""

    def __init__(self, resultd, server, **evidence):
        self.server = server
        resultd.deliver_to(server, match=["automation"], several="each", create={"cases": True, "sections": True},
                           evidence={"results": "all", **evidence})

    def takes(self, _path):
        return True

    def of_results(self):
        """[(automation id, which result, content)]"""
        cases = self.server.store.cases
        return [(cases[row["case_id"]]["custom_automation_id"], row["result_id"], row["_data"])
                for row in self.server.files()]

    def of_run(self):
        return {row["_data"] for run in self.server.runs for row in self.server.files(run=run)}


class Aio:
    """The same at AIO Tests, which takes only some kinds of files."""

    def __init__(self, resultd, server, **evidence):
        self.server = server
        resultd.deliver_to_aio(server, match=["automation"], several="each", create={"cases": True},
                               evidence={"results": "all", **evidence})

    def takes(self, path):
        ending = PurePosixPath(path).suffix[1:]
        return ending in ATTACHABLE or ending in ("png", "jpg")

    def of_results(self):
        return [(run["_association"]["_case"]["automationKey"], run["ID"], data)
                for run in self.server.runs() for _, _, data in self.server.attached(run)]

    def of_run(self):
        return {data for cycle in self.server.cycles for _, _, data in self.server.attached(cycle)}


@pytest.fixture(params=["testrail", "aio"])
def make_target(request, resultd, make_testrail, make_aio):
    def make(**evidence):
        if request.param == "testrail":
            return Rail(resultd, make_testrail(), **evidence)
        return Aio(resultd, make_aio(), **evidence)
    return make


def compare(target, wanted, of_run, done):
    """wanted: Counter of (automation id, content); of_run: contents."""
    found = Counter((name, data) for name, _, data in target.of_results())
    difference = sorted(((wanted - found) + (found - wanted)).items(), key=str)
    assert not difference, f"{difference}\n{done.err}"
    assert target.of_run() == of_run, done.err
    assert target.server.violations == []


@pytest.mark.parametrize("report", sorted(REAL))
def test_what_a_real_report_names_arrives_test_by_test(resultd, make_target, corpus, report):
    target = make_target()
    text = (corpus / REAL[report]).read_bytes()
    tests, suites = of_report(tree.fromstring(text))
    paths = {path for _, named in tests for path in named.paths} | {path for one in suites for path in one.paths}
    assert paths, "a report of no files shows nothing"
    written = fill(resultd, paths)
    done = resultd.imports(resultd.write("report.xml", text), code=0 if all(map(target.takes, paths)) else 4)
    wanted = Counter((name, written[path]) for name, named in tests for path in named.paths if target.takes(path))
    wanted.update((name, data) for name, named in tests for data in named.contents)
    compare(target, wanted, {written[path] for one in suites for path in one.paths if target.takes(path)}, done)


def test_data_providers_of_a_real_report_bring_the_file_of_each_row(resultd, make_target, corpus):
    """All rows of the provider belong to one case, which has a result for each: one file at each of them."""
    target = make_target()
    root = tree.fromstring((corpus / DATA_PROVIDER).read_bytes())
    rows = Counter()
    for number, one in enumerate(root.iter("test-method")):
        said = tree.SubElement(tree.SubElement(one, "reporter-output"), "line")
        said.text = f"<a href='shots/{number}.png'>row {number}</a>"
        rows["org.jenkins.TestDataProvider." + one.get("name"), f"content of shots/{number}.png\n".encode()] += 1
    fill(resultd, [f"shots/{number}.png" for number in range(len(rows))])
    assert len(rows) > 3 and len({name for name, _ in rows}) < len(rows)
    done = resultd.imports(resultd.write("testng-results.xml", tree.tostring(root)))
    compare(target, rows, set(), done)
    results = [result for _, result, _ in target.of_results()]
    assert len(set(results)) == len(results) == sum(rows.values())


def rerun(tag, name):
    return f'<{tag} message="no" type="E"><system-out>[[ATTACHMENT|{name}]]\n</system-out></{tag}>'


LONG = "".join(f"line {number} of much output\n" for number in range(4000))
CONVENTIONS = {
    # name: (report, the files that are there, {test: contents}, contents of the run, evidence of the sink)
    "output": (junit(case("t", inside="<system-out>[[ATTACHMENT|a/1.png]]\n</system-out>"
                                      "<system-err>[[ATTACHMENT|2.log]]\n</system-err>")),
               {"a/1.png": b"1", "2.log": b"2"}, {"t": [b"1", b"2"]}, set(), {}),
    "property": (junit(case("t", inside='<properties><property name="testrail_attachment" value="1.png"/>'
                                        '<property name="attachment1">a/2.log</property></properties>')),
                 {"1.png": b"1", "a/2.log": b"2"}, {"t": [b"1", b"2"]}, set(), {}),
    "data": (junit(case("t", inside='<properties><property name="attachment" value="data:image/png;base64,'
                                    + base64.b64encode(PNG).decode() + '"/></properties>')),
             {}, {"t": [PNG]}, set(), {}),
    "reporter": (testng(method("t", status="FAIL", message="no").replace(
        "</test-method>", "<reporter-output><line><![CDATA[<img src='s/1.png'/>]]></line></reporter-output>"
                          "</test-method>"), class_name="shop.Cart"), {"s/1.png": b"1"}, {"t": [b"1"]}, set(), {}),
    "long-stdout": (junit(case("t", failure="no", inside=f"<system-out>{LONG}</system-out>")),
                    {}, {"t": [LONG.encode()]}, set(), {}),
    "suite": (junit(suite('<properties><property name="testrail_attachment" value="all.log"/></properties>',
                          case("t"))), {"all.log": b"all"}, {}, {b"all"}, {}),
    "report": (junit(case("t")), {}, {}, {junit(case("t")).encode()}, {"report": True}),
    "reruns": (junit(case("t", inside=rerun("flakyFailure", "first.png")
                          + "<system-out>[[ATTACHMENT|last.png]]\n</system-out>")),
               {"first.png": b"1", "last.png": b"2"}, {"t": [b"1", b"2"]}, set(), {"results": "failed"}),
}


@pytest.mark.parametrize("convention", sorted(CONVENTIONS))
def test_each_convention_arrives(resultd, make_target, convention):
    report, files, of_tests, of_run, evidence = CONVENTIONS[convention]
    target = make_target(**evidence)
    for path, data in files.items():
        resultd.write(path, data)
    done = resultd.imports(resultd.write("report.xml", report))
    compare(target, Counter((f"shop.Cart.{name}", data) for name, datas in of_tests.items() for data in datas),
            of_run, done)
