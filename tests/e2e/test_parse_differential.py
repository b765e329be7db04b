# SPDX-License-Identifier: Apache-2.0
"""Reports made at random, counted by `parse` and by a naive reader (xml.etree, a tree in memory): both agree.

RESULTD_SEED repeats a run; RESULTD_ROUNDS makes it longer.  A failure names the seed of its report.
"""

import json
import os
import random
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from resultd import REPOSITORY

ROUNDS = int(os.environ.get("RESULTD_ROUNDS", "300"))
SEED = int(os.environ.get("RESULTD_SEED", "20261121"))

SKIPPED = {"notrun", "disabled", "skipped", "ignored", "suppressed", "inconclusive", "pending", "aborted", "stopped", "canceled", "cancelled"}
RAN = {"run", "completed", "passed"}
FAILED, ERROR = {"failed", "fail", "failure"}, {"error", "errored", "broken"}
TEXTS = ["", " ", "plain", "a <b> & ]] > \"c'", "zwei\nZeilen\t", "é 漢字 \U0001f600", "x" * 3000, "]]>", "[[ATTACHMENT|a.png]]",
         "[C12] name", "&#27; spelled out", "&amp;amp;", "[[", "\u00a0"]
TIMES = [None, None, "0", "0.001", "1.5", "12", "", "1e-3", "3s", "250ms", "x", "-1", "NaN", "1,234.5", "1,234,567", "0,25"]
SECONDS = {"0": 0, "0.001": 0.001, "1.5": 1.5, "12": 12, "1e-3": 0.001, "3s": 3, "250ms": 0.25, "1,234.5": 1234.5,
           "1,234,567": 1234567, "0,25": 0.25}


# ---- writing ----

class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.prefix = self.random.choice(["", "", "", "j:"])

    def pick(self, *choices):
        return self.random.choice(choices)

    def escape(self, text, quote=None):
        out = []
        for c in text:
            if c in "<&" or c == quote or (quote and c in "\n\t"):
                out.append(self.pick(f"&#{ord(c)};", f"&#x{ord(c):x};"))
            elif c == ">" or (ord(c) > 127 and self.random.random() < 0.3):
                out.append(f"&#{ord(c)};")
            else:
                out.append(c)
        return "".join(out)

    def text(self):
        whole = self.random.choice(TEXTS)
        if self.random.random() < 0.4 and "]]>" not in whole:
            cut = self.random.randrange(len(whole) + 1)
            return f"<![CDATA[{whole[:cut]}]]>{self.escape(whole[cut:])}"
        return self.escape(whole)

    def attributes(self, **values):
        items = [(key.rstrip("_"), value) for key, value in values.items() if value is not None]
        self.random.shuffle(items)
        out = ""
        for key, value in items:
            quote = self.pick('"', "'")
            out += f"{self.pick(' ', '  ', chr(10))}{key}={quote}{self.escape(value, quote)}{quote}"
        return out

    def element(self, name, attributes="", inside=""):
        name = self.prefix + name
        if inside == "" and self.random.random() < 0.7:
            return f"<{name}{attributes}/>"
        return f"<{name}{attributes}>{inside}</{name}>"

    def noise(self):
        return self.pick("", "", "", "\n  ", "<!-- <testcase/> -->", "<?pi <testcase/> ?>", "<![CDATA[<testcase/>]]>")

    def problem(self, name):
        inside = self.text()
        if name.startswith(("flaky", "rerun")) and self.random.random() < 0.5:
            inside += self.element("stackTrace", "", self.text()) + self.element("system-out", "", self.text())
        return self.element(name, self.attributes(message=self.pick(None, *TEXTS), type=self.pick(None, "T")), inside)

    def case(self):
        children = []
        for name in ("failure", "error", "skipped", "flakyFailure", "flakyError", "rerunFailure", "rerunError"):
            for _ in range(self.pick(0, 0, 0, 0, 1, 2)):
                children.append(self.problem(name))
        if self.random.random() < 0.3:
            children.append(self.element("system-out", "", self.text()))
        if self.random.random() < 0.2:
            inside = "".join(self.element("property", self.attributes(name=self.pick("k", "test_id"), value=self.text()))
                             for _ in range(3))
            children.append(self.element("properties", "", inside))
        if self.random.random() < 0.1:
            children.append(self.element("unknown", "", self.problem("failure") + self.text()))
        self.random.shuffle(children)
        inside = "".join(self.noise() + child for child in children)
        status = self.pick(*[None] * 6, "run", "passed", "notrun", "DISABLED", "failed", "error", "Skipped", "Canceled", "odd")
        result = self.pick(*[None] * 6, "completed", "skipped", "suppressed")
        return self.element("testcase", self.attributes(
            name=self.pick(None, "a", "DISABLED_x", *TEXTS), classname=self.pick(None, "c.D"), time=self.random.choice(TIMES),
            status=status, result=result), inside)

    def suite(self, depth):
        inside = "".join(self.noise() + (self.suite(depth - 1) if depth > 0 and self.random.random() < 0.3 else self.case())
                         for _ in range(self.random.randrange(6)))
        if self.random.random() < 0.1:
            inside = self.element("wrapper", "", inside)
        return self.element("testsuite", self.attributes(
            name=self.pick(None, *TEXTS), tests=self.pick(None, "3", "x"), timestamp=self.pick(None, "2024-01-02T03:04:05", "odd")),
            inside)

    def document(self):
        root = self.pick("testsuites", "testsuite", "testcase")
        body = {"testsuites": lambda: "".join(self.suite(3) for _ in range(self.random.randrange(5))) + self.case(),
                "testsuite": lambda: None, "testcase": lambda: None}[root]()
        if root == "testsuites":
            text = self.element("testsuites", "", body)
        else:
            text = self.suite(3) if root == "testsuite" else self.case()
        if self.prefix:
            name = text.find(self.prefix) + len(self.prefix)
            end = name + len(text[name:].split("/")[0].split(">")[0].split()[0])
            text = text[:end] + ' xmlns:j="urn:junit"' + text[end:]
        encoding = self.pick("utf-8", "utf-8", "utf-8-sig", "utf-16")
        declaration = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig").upper()}"?>'
        return ((declaration if encoding == "utf-16" else self.pick("", declaration + "\n")) + text).encode(encoding)


# ---- reading, naively ----

def local(element):
    return element.tag.rsplit("}", 1)[-1].split(":")[-1]


def verdict(case):
    children = [local(child) for child in case]
    flaky = any(name.startswith("flaky") for name in children)
    if "error" in children:
        return "error", False
    if "failure" in children:
        return "failed", False
    if "skipped" in children or "ignored" in children:
        return "skipped", False
    if flaky:
        return "passed", True
    words = {case.get("status", "").lower(), case.get("result", "").lower()}
    if words & SKIPPED:
        return "skipped", False
    if words & ERROR:
        return "error", False
    if words & FAILED:
        return "failed", False
    if case.get("name", "").startswith("DISABLED_") and not words & RAN:
        return "skipped", False
    return "passed", False


def count(root):
    found = dict.fromkeys(("suites", "cases", "passed", "failed", "error", "skipped", "flaky"), 0)
    seconds = 0
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if local(element) == "testsuite":
            found["suites"] += 1
        elif local(element) == "testcase":
            status, flaky = verdict(element)
            found["cases"] += 1
            found[status] += 1
            found["flaky"] += flaky
            seconds += SECONDS.get(element.get("time"), 0)
    return found, seconds


# ---- both ----

def test_random_reports_are_counted_alike(binary, tmp_path):
    reports = {}
    for i in range(ROUNDS):
        path = tmp_path / f"{SEED + i}.xml"
        path.write_bytes(Writer(SEED + i).document())
        reports[str(path)] = path
    done = subprocess.run([binary, "parse", "--format", "summary", *reports], capture_output=True, timeout=600)
    summaries = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(summaries) == len(reports)
    for got in summaries:
        want, seconds = count(ElementTree.fromstring(reports[got["file"]].read_bytes()))
        seed = f"RESULTD_SEED={reports[got['file']].stem}"
        assert got["complete"], (seed, got["warnings"])
        assert {key: got[key] for key in want} == want, seed
        assert got["duration_ms"] == pytest.approx(seconds * 1000, rel=1e-9, abs=1e-6), seed


def test_random_reports_have_the_texts_of_their_elements(binary, tmp_path):
    """Names, classes, outputs and messages, character by character."""
    reports = []
    for i in range(0, ROUNDS, 3):
        path = tmp_path / f"{SEED + i}.xml"
        path.write_bytes(Writer(SEED + i).document())
        reports.append(path)
    done = subprocess.run([binary, "parse", *map(str, reports)], capture_output=True, timeout=600)
    results = {}
    for line in done.stdout.decode().splitlines():
        result = json.loads(line)
        results.setdefault(result["report"], []).append(result)
    for path in reports:
        root = ElementTree.fromstring(path.read_bytes())
        # Cases are given when they close; none of these holds another, so that is their order.
        cases = [element for element in root.iter() if isinstance(element.tag, str) and local(element) == "testcase"]
        got = results.get(str(path), [])
        assert len(got) == len(cases), path.stem
        for case, result in zip(cases, got):
            assert result.get("name", "") == case.get("name", ""), path.stem
            if case.get("classname"):
                assert result["class"] == "c.D", path.stem
            outputs = ["".join(child.itertext()) for child in case if local(child) == "system-out"]
            assert result.get("stdout", "").strip() == "\n".join(outputs).strip(), path.stem
            decides = [child for child in case if local(child) == {"error": "error", "failed": "failure",
                                                                   "skipped": "skipped"}.get(result["status"])]
            if decides and (decides[0].get("message") or "").strip():
                assert result["failure"]["message"].strip() == decides[0].get("message").strip(), path.stem


# ---- real ones ----

FIXTURES = REPOSITORY / "tests" / "fixtures"
JUNIT = {"testsuites", "testsuite", "testcase", "testrun"}


def well_formed(paths):
    """The JUnit reports among them that a naive reader can read; one with declarations of its own is refused by us."""
    found = {}
    for path in paths:
        data = path.read_bytes()
        if b"<!ENTITY" in data or b"<!DOCTYPE" in data or data[:2] == b"\x1f\x8b":
            continue
        try:
            root = ElementTree.fromstring(data)
        except (ElementTree.ParseError, ValueError, LookupError):
            continue
        if local(root) in JUNIT:
            found[str(path)] = root
    return found


def agree(binary, reports):
    """Counts, and character by character what a case is called, what it printed and why it failed."""
    assert reports
    done = subprocess.run([binary, "parse", "--format", "summary", *reports], capture_output=True, timeout=600)
    summaries = {row["file"]: row for row in map(json.loads, done.stdout.decode().splitlines())}
    done = subprocess.run([binary, "parse", *reports], capture_output=True, timeout=600)
    results = {}
    for line in done.stdout.decode().splitlines():
        result = json.loads(line)
        results.setdefault(result["report"], []).append(result)
    differ = {}
    for path, root in reports.items():
        want, _ = count(root)
        got = {key: summaries[path][key] for key in want}
        if got != want or not summaries[path]["complete"]:
            differ[path] = (got, want, summaries[path]["warnings"])
            continue
        cases = [element for element in root.iter() if isinstance(element.tag, str) and local(element) == "testcase"]
        if any(local(inner) == "testcase" for case in cases for inner in case.iter() if inner is not case):
            continue                            # given when they close: another order
        for case, result in zip(cases, results.get(path, [])):
            name = case.get("name", "")
            if not case.get("classname") and not case.get("class") and name.endswith("." + result.get("name", "")):
                name = result["name"]           # split where it is a path: the rest is the class
            words = [("name", result.get("name", ""), name)]
            if not any(word in "".join(case.itertext()) for word in ("[[PROPERTY|", "\x1b")):
                printed = "\n".join("".join(child.itertext()).rstrip() for child in case if local(child) == "system-out")
                words.append(("stdout", "".join(result.get("stdout", "").split()), "".join(printed.split())))
            decides = [child for child in case if local(child) == {"error": "error", "failed": "failure",
                                                                   "skipped": "skipped"}.get(result["status"])]
            if decides:
                words.append(("message", result.get("failure", {}).get("message", "").strip(),
                              (decides[0].get("message") or "").strip()))
            for what, mine, theirs in words:
                # What is longer than a text may be is cut, a name with a hash behind it.
                if mine != theirs and len(theirs.encode()) < 60_000:
                    differ.setdefault(path, []).append((what, mine[:200], theirs[:200]))
    assert differ == {}


def test_fixtures_are_read_as_a_naive_reader_reads_them(binary):
    reports = well_formed(path for path in FIXTURES.glob("*/*.xml") if path.parent.name != "make")
    assert len(reports) >= 25
    agree(binary, reports)


def test_the_corpus_is_read_as_a_naive_reader_reads_it(binary, corpus):
    listed = {line.split("\t")[0] for line in (REPOSITORY / "tests/unit/parsers/corpus_disagreements.txt").read_text().splitlines()}
    reports = well_formed(path for path in corpus.rglob("*.xml") if str(path.relative_to(corpus)) not in listed)
    assert len(reports) >= 400
    agree(binary, reports)
