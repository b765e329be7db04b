# SPDX-License-Identifier: Apache-2.0
"""Every convention by which reports carry files, on reports of real producers, to both servers: what arrived at
the result of each test is what the report says of it (arrived.py, which reads the report anew).
"""

import base64
import xml.etree.ElementTree as tree
from collections import Counter

import pytest

from arrived import DATA_PROVIDER, REAL, Aio, Rail, arrived, fill, of_report, show, with_rows_logged
from reports import case, junit, method, suite, testng

PNG = b"\x89PNG\r\n\x1a\n"


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
    logged = with_rows_logged(root)
    written = fill(resultd, [path for _, path in logged])
    rows = Counter((name, written[path]) for name, path in logged)
    assert len(rows) > 3 and len({name for name, _ in rows}) < len(rows)
    done = resultd.imports(resultd.write("testng-results.xml", tree.tostring(root)))
    compare(target, rows, set(), done)
    results = [result for _, result, _ in target.of_results()]
    assert len(set(results)) == len(results) == sum(rows.values())


def test_a_run_of_real_reports_arrives_case_by_case(resultd, make_target, corpus):
    """Files by every convention, reruns and a data provider in one run: verdicts and files of each case."""
    rows = arrived(resultd, make_target(), corpus)
    assert show("arrived", rows) == 0
    by_name = {row[0]: row for row in rows}
    _, verdicts, _, files, _, results, _ = by_name["org.jenkins.TestDataProvider.test"]
    assert verdicts.count("4") == 2 and files == results == 8      # four rows of either verdict, a file at each
    assert by_name["org.acme.FlakyTest.testFlaky"][3] > 1          # each attempt photographed something
    assert len(rows) > 50


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
