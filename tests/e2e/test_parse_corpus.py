# SPDX-License-Identifier: Apache-2.0
"""`parse --format summary` over every report of the corpus, against an independent count.

Where the two differ, tests/unit/parsers/corpus_disagreements.txt says why, and what is asked for instead.
"""

import json
import subprocess

import pytest

from resultd import REPOSITORY

COUNTS = ("suites", "cases", "passed", "failed", "error", "skipped", "flaky")


def disagreements():
    listed = {}
    text = (REPOSITORY / "tests" / "unit" / "parsers" / "corpus_disagreements.txt").read_text()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            path, kind, reason = line.split("\t")
            assert kind in ("read", "refused", "foreign", "verdict"), line
            assert len(reason) > 10, line
            listed[path] = kind
    return listed


@pytest.fixture(scope="module")
def expected(corpus):
    return json.loads((corpus / "expected.json").read_text())


@pytest.fixture(scope="module")
def summaries(binary, corpus, expected):
    found = {}
    paths = sorted(expected)
    for start in range(0, len(paths), 100):
        named = [str(corpus / path) for path in paths[start:start + 100]]
        done = subprocess.run([binary, "parse", "--format", "summary", *named], capture_output=True, timeout=300)
        assert done.returncode in (0, 5), done.stderr.decode()[-2000:]
        for line in done.stdout.decode().splitlines():
            summary = json.loads(line)
            found[summary["file"]] = summary
    return {path: found.get(str(corpus / path)) for path in paths}


def differences(want, got):
    """What `got` says otherwise than the corpus, in words."""
    said = []
    if want["status"] == "ok":
        if not got["complete"]:
            said.append("not complete")
        if got["format"] != want["format"]:
            said.append(f"format {got['format']}")
        said += [f"{key} {got[key]}, not {want.get(key, 0)}" for key in COUNTS if got[key] != want.get(key, 0)]
        # The corpus rounds to a microsecond, and some sums are above 2^53.
        seconds = got["duration_ms"] / 1000
        if seconds != pytest.approx(want["total_time"], rel=1e-9, abs=6e-7):
            said.append(f"{seconds} s, not {want['total_time']}")
    elif want["status"] == "malformed":
        if got["complete"]:
            said.append("read to its end")
        elif want.get("cases_before_break") is not None and got["cases"] != want["cases_before_break"]:
            said.append(f"{got['cases']} cases before the break, not {want['cases_before_break']}")
        elif want.get("line") is not None and f":{want['line']}:{want['column'] + 1}: " not in got["warnings"][-1]:
            said.append(f"not at {want['line']}:{want['column'] + 1}: {got['warnings'][-1]}")
    elif got["complete"] or got["cases"]:
        said.append(f"{want['status']} there")
    return said


def test_every_report_has_a_line(summaries):
    assert [path for path, got in summaries.items() if got is None] == []


def test_outcomes_add_up(summaries):
    for path, got in summaries.items():
        assert got["passed"] + got["failed"] + got["error"] + got["skipped"] == got["cases"], path


def test_counts_agree_or_are_argued(expected, summaries):
    listed = disagreements()
    unexpected = {}
    for path, want in expected.items():
        said = differences(want, summaries[path])
        if said and path not in listed:
            unexpected[path] = said
    assert unexpected == {}


def test_each_argued_file_is_read_as_argued(expected, summaries):
    for path, kind in disagreements().items():
        want, got = expected[path], summaries[path]
        assert differences(want, got), f"{path} agrees: take it off the list"
        if kind == "read":
            assert got["complete"] and got["cases"] >= want["cases_before_break"], path
        elif kind == "refused":
            assert not got["complete"] and "DOCTYPE" in got["warnings"][-1], path
        elif kind == "foreign":
            assert not got["complete"] and got["cases"] == 0 and "not that of a test report" in got["warnings"][-1], path
        else:
            assert got["complete"] and got["cases"] == want["cases"] and got["suites"] == want["suites"], path


def test_what_is_broken_says_where(expected, summaries):
    """FILE:LINE:COL, for everything that is malformed and can have a place."""
    for path, want in expected.items():
        got = summaries[path]
        if want["status"] == "malformed" and not got["complete"] and want.get("line") is not None:
            place = got["warnings"][-1].removeprefix(got["file"] + ":").split(":")
            assert int(place[0]) > 0 and int(place[1]) > 0, got["warnings"]


def test_results_are_as_many_as_counted(binary, corpus, expected, summaries):
    """The other two forms tell of the same cases."""
    paths = [path for path in sorted(expected) if summaries[path]["cases"] and expected[path]["bytes"] < 300_000][::7]
    for path in paths:
        done = subprocess.run([binary, "parse", corpus / path], capture_output=True, timeout=60)
        lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
        got = summaries[path]
        assert len(lines) == got["cases"], path
        for status in ("passed", "failed", "error", "skipped"):
            assert sum(line["status"] == status for line in lines) == got[status], path
        assert sum(line["flaky"] for line in lines) == got["flaky"], path
        table = subprocess.run([binary, "parse", "--format", "table", corpus / path], capture_output=True, timeout=60)
        assert len(table.stdout.decode().splitlines()) == got["cases"] + 2, path
