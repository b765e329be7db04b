# SPDX-License-Identifier: Apache-2.0
"""Reports of real producers (tests/fixtures/make/) are read as a person found right.

Beside each report lies what `parse` said of it when somebody compared it with what the sample really did.
"""

import json
import subprocess

import pytest

from resultd import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures"
REPORTS = sorted(path.relative_to(FIXTURES) for path in FIXTURES.glob("*/*.xml") if path.parent.name != "make")
FOREIGN = {"testng/foreign.xml", "cppunit/foreign.xml"}
EMPTY = {"check/foreign.xml"}           # a root of that name, but a vocabulary of its own


def parse(binary, report, *options):
    return subprocess.run([binary, "parse", *options, str(report)], cwd=FIXTURES, capture_output=True, timeout=60)


def test_there_are_reports_of_many_producers():
    assert len({report.parent for report in REPORTS}) >= 20


@pytest.mark.parametrize("report", REPORTS, ids=str)
def test_a_real_report_is_read_as_somebody_found_right(binary, report):
    wanted = [json.loads(line) for line in (FIXTURES / report.with_suffix(".jsonl")).read_text().splitlines()]
    done = parse(binary, report)
    got = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [case.get("id") for case in got] == [case.get("id") for case in wanted]
    for case, want in zip(got, wanted):
        assert case == want
    assert done.returncode == (5 if str(report) in FOREIGN else 0), done.stderr.decode()
    summary = json.loads(parse(binary, report, "--format", "summary").stdout)
    assert summary["complete"] == (str(report) not in FOREIGN)
    assert (summary["cases"] == 0) == (str(report) in FOREIGN | EMPTY)


def test_nothing_of_the_machine_that_made_them_is_in_them():
    words = {b"/root/", b"/home/", b"/tmp/tmp.", str(REPOSITORY).encode()} - {b"/src"}     # the placeholder
    for report in REPORTS:
        text = (FIXTURES / report).read_bytes()
        for word in words:
            assert word not in text, f"{report}: {word}"
