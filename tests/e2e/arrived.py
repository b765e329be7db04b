#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows case by case what of a run of real reports arrived at TestRail and at AIO Tests: results with their verdicts,
and the files of each.  One run of all of them: files by every convention, reruns, and TestNG's data providers.

    RESULTD_BIN=build/release/daemon/resultd python3 tests/e2e/arrived.py [testrail|aio]

What a report says is read here anew, with no more than an XML reader and the words of each convention; a workspace
that holds its files is built beside it.  A case of which something else arrived is marked, and the command ends
with 1.  RESULTD_CORPUS: the folder of real reports.
"""

import base64
import os
import re
import sys
import tempfile
import xml.etree.ElementTree as tree
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

sys.path.insert(0, str(Path(__file__).parent))

from resultd import REPOSITORY, Resultd, find_binary                 # noqa: E402
from standins.aio import Aio as AioServer                            # noqa: E402
from standins.aio_rules import ATTACHABLE                            # noqa: E402
from standins.testrail import TestRail                               # noqa: E402

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
RERUNS = {
    "flaky": "apache-maven-surefire/surefire-report-parser/src/test/resources/fixture/testsuitexmlparser/"
             "TEST-org.acme.FlakyTest.xml",
    "rerun": "ctrf-io-junit-to-ctrf/reports/test-surefire-retry.xml",
}
DATA_PROVIDER = "jenkinsci-testng-plugin-plugin/src/test/resources/testng-dp-result.xml"
ATTEMPTS = ("flakyFailure", "flakyError", "rerunFailure", "rerunError")


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
    """Of a testcase or a suite itself, and of the attempts in it; not of what else is inside it."""
    named = Named()
    for one in element.findall("properties/property"):
        if PROPERTY.match(one.get("name", "")):
            named.add(one.get("value") or "".join(one.itertext()))
    for owner in [element] + [attempt for attempt in element if attempt.tag in ATTEMPTS]:
        for out in [one for one in owner if one.tag in ("system-out", "system-err")]:
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


def with_rows_logged(root):
    """A data provider whose rows each logged a picture; [(automation id, path)] in their order."""
    logged = []
    for owner in root.iter("class"):
        for one in owner.iter("test-method"):
            path = f"shots/{len(logged)}.png"
            said = tree.SubElement(tree.SubElement(one, "reporter-output"), "line")
            said.text = f"<a href='{path}'>row</a>"
            logged.append((f"{owner.get('name')}.{one.get('name')}", path))
    return logged


# ---- the servers ----

class Rail:
    """What arrived at TestRail: contents by result and, apart, of the run."""
    passed, failed, skipped = "passed", "failed", "retest"

    def __init__(self, resultd, server, **evidence):
        self.server = server
        resultd.deliver_to(server, match=["automation"], several="each", create={"cases": True, "sections": True},
                           evidence={"results": "all", **evidence})

    def takes(self, _path):
        return True

    def results(self):
        """[(automation id, which result, status)]"""
        cases, names = self.server.store.cases, {row["id"]: row["name"] for row in self.server.store.statuses}
        return [(cases[row["_case"]]["custom_automation_id"], row["id"], names[row["status_id"]])
                for row in self.server.results()]

    def of_results(self):
        """[(automation id, which result, content)]"""
        cases = self.server.store.cases
        return [(cases[row["case_id"]]["custom_automation_id"], row["result_id"], row["_data"])
                for row in self.server.files()]

    def of_run(self):
        return {row["_data"] for run in self.server.runs for row in self.server.files(run=run)}


class Aio:
    """The same at AIO Tests, which takes only some kinds of files."""
    passed, failed, skipped = "Passed", "Failed", "Not Run"

    def __init__(self, resultd, server, **evidence):
        self.server = server
        resultd.deliver_to_aio(server, match=["automation"], several="each", create={"cases": True},
                               evidence={"results": "all", **evidence})

    def takes(self, path):
        ending = PurePosixPath(path).suffix[1:]
        return ending in ATTACHABLE or ending in ("png", "jpg")

    def results(self):
        return [(run["_association"]["_case"]["automationKey"], run["ID"], run["testRunStatus"]["name"])
                for run in self.server.runs()]

    def of_results(self):
        return [(run["_association"]["_case"]["automationKey"], run["ID"], data)
                for run in self.server.runs() for _, _, data in self.server.attached(run)]

    def of_run(self):
        return {data for cycle in self.server.cycles for _, _, data in self.server.attached(cycle)}


# ---- a run of all reports ----

class Said:
    """What all reports of the run say: for each case its verdicts (Counter) and its files."""

    def __init__(self, target):
        self.target = target
        self.verdicts, self.files = defaultdict(Counter), defaultdict(Counter)
        self.reports, self.of_run = [], set()

    def _files(self, resultd, folder, name, named):
        written = fill(resultd, named.paths, f"reports/{folder}")
        for path in filter(self.target.takes, named.paths):
            self.files[name][written[path]] += 1
        for data in named.contents:
            self.files[name][data] += 1

    def _verdict(self, failed, skipped):
        return self.target.failed if failed else self.target.skipped if skipped else self.target.passed

    def add_junit(self, resultd, folder, root):
        tests = {}
        for suite in root.iter("testsuite"):
            for one in suite.findall("testcase"):
                name = f"{one.get('classname') or suite.get('name')}.{one.get('name')}"
                # the same test again in the same suite is an attempt, and the last one decides
                tests[id(suite), name] = self._verdict(
                    one.find("failure") is not None or one.find("error") is not None, one.find("skipped") is not None)
        for (_, name), verdict in tests.items():
            self.verdicts[name][verdict] += 1
        of_tests, of_suites = of_report(root)
        for name, named in of_tests:
            self._files(resultd, folder, name, named)
        for named in of_suites:
            written = fill(resultd, named.paths, f"reports/{folder}")
            self.of_run |= {written[path] for path in filter(self.target.takes, named.paths)} | set(named.contents)
        self.reports.append(resultd.write(f"{folder}/report.xml", tree.tostring(root)))

    def add_testng(self, resultd, folder, root):
        rows, logged = {}, with_rows_logged(root)
        methods = [one for owner in root.iter("class") for one in owner.iter("test-method")]
        for one, (name, path) in zip(methods, logged):
            status = one.get("status")
            params = tuple("".join(value.itertext()).strip() for value in one.findall("params/param/value"))
            rows[name, params] = self._verdict(status == "FAIL", status == "SKIP")
            fill(resultd, [path], f"reports/{folder}")
            self.files[name][f"content of {path}\n".encode()] += 1
        for (name, _), verdict in rows.items():
            self.verdicts[name][verdict] += 1
        self.reports.append(resultd.write(f"{folder}/testng-results.xml", tree.tostring(root)))


def read_run(resultd, target, corpus):
    """All reports, written with their files."""
    said = Said(target)
    for folder, path in {**REAL, **RERUNS}.items():
        root = tree.fromstring((corpus / path).read_bytes())
        attempts = [one for one in root.iter() if one.tag in ATTEMPTS]
        for number, attempt in enumerate(attempts):
            # each attempt photographed what it saw
            out = attempt.find("system-out")
            out = out if out is not None else tree.SubElement(attempt, "system-out")
            out.text = f"{out.text or ''}\n[[ATTACHMENT|attempts/{folder}-{number}.png]]\n"
        said.add_junit(resultd, folder, root)
    said.add_testng(resultd, "data-provider", tree.fromstring((corpus / DATA_PROVIDER).read_bytes()))
    return said


def words(counter):
    return ", ".join(f"{count} {word}" if count > 1 else word for word, count in sorted(counter.items())) or "-"


def arrived(resultd, target, corpus):
    """[(case, verdicts, results over there, files named, files over there, files at results of their own, as said)]"""
    said = read_run(resultd, target, corpus)
    done = resultd("import", "--json", "--progress", "never", "--run-key", "all", "--timeout",
                   f"{120 * resultd.scale}s", *said.reports)
    assert done.code in (0, 4), done                 # 4: AIO Tests does not take each kind of file
    results, files, at = defaultdict(Counter), defaultdict(Counter), defaultdict(set)
    for name, _, status in target.results():
        results[name][status] += 1
    for name, result, data in target.of_results():
        files[name][data] += 1
        at[name].add(result)
    rows = [(name, words(said.verdicts[name]), words(results[name]), sum(said.files[name].values()),
             sum(files[name].values()), len(at[name]),
             said.verdicts[name] == results[name] and said.files[name] == files[name])
            for name in sorted(set(said.verdicts) | set(results) | set(files))]
    return rows + [("(the run itself)", "", "", len(said.of_run), len(target.of_run()), 0,
                    said.of_run == target.of_run())]


def show(title, rows):
    print(f"\n{title}\n{'case':<58} {'the reports say':<24} {'arrived':<24} {'files':>5} {'there':>5} {'at':>3}")
    for name, verdicts, results, wanted, there, at, good in rows:
        shown = name if len(name) <= 58 else f"{name[:27]}...{name[-28:]}"
        print(f"{shown:<58} {verdicts:<24} {results:<24} {wanted:>5} {there:>5} {at:>3}{'' if good else '  DIFFERS'}")
    bad = sum(not row[-1] for row in rows)
    print(f"{len(rows) - 1} cases, {sum(row[3] for row in rows)} files named, {sum(row[4] for row in rows)} there; "
          f"{bad} differ (at: of how many results of the case)")
    return bad


def main(args):
    corpus = Path(os.environ.get("RESULTD_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (corpus / "expected.json").exists():
        sys.exit("no corpus of reports (RESULTD_CORPUS)")
    bad = 0
    for word, title, kind in (("testrail", "TestRail", Rail), ("aio", "AIO Tests", Aio)):
        if args and word not in args:
            continue
        server = (TestRail() if kind is Rail else AioServer()).start()
        with tempfile.TemporaryDirectory() as folder:
            resultd = Resultd(find_binary(), Path(folder) / "resultd")
            server.project()
            if kind is Rail:
                server.automation_field()
            bad += show(title, arrived(resultd, kind(resultd, server), corpus))
            resultd.close()
        server.stop()
        bad += len(server.violations)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
