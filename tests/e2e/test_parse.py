# SPDX-License-Identifier: Apache-2.0
"""`resultd parse`: its three formats, its inputs, its exit codes, and what it does with hostile reports."""

import gzip
import json
import os
import subprocess
import time

import pytest

GOOD = '<testsuite name="s"><testcase classname="c" name="n" time="0.5"/></testsuite>'


@pytest.fixture
def parse(binary, tmp_path):
    def run(*arguments, stdin=None, environment=None):
        done = subprocess.run([binary, "parse", *map(str, arguments)], input=stdin, capture_output=True, timeout=120,
                              cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TZ": "UTC",
                                                 **(environment or {})})
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        return done
    return run


@pytest.fixture
def report(tmp_path):
    def write(name, data):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path
    return write


# ---- formats ----

def test_jsonl_is_the_default(parse, report):
    path = report("r.xml", GOOD)
    done = parse(path)
    assert done.returncode == 0 and done.err == ""
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"report": str(path), "suite": ["s"], "class": "c", "name": "n", "id": "c.n", "status": "passed",
         "flaky": False, "known_failure": False, "duration_ms": 500}]


def test_summary_is_one_object_a_file(parse, report):
    paths = [report("a.xml", GOOD), report("b.xml", "<testsuites/>")]
    lines = [json.loads(line) for line in parse("--format", "summary", *paths).out.splitlines()]
    assert lines[0] == {"file": str(paths[0]), "format": "junit", "complete": True, "suites": 1, "cases": 1, "passed": 1,
                        "failed": 0, "error": 0, "skipped": 0, "flaky": 0, "duration_ms": 500, "warnings": []}
    assert lines[1]["cases"] == 0 and lines[1]["complete"] is True


def test_summary_keeps_tiny_and_huge_durations(parse, report):
    report("r.xml", '<testsuite><testcase name="a" time="1e-7"/></testsuite>')
    assert json.loads(parse("--format=summary", "r.xml").out)["duration_ms"] == pytest.approx(1e-4, rel=1e-12)
    report("r.xml", '<testsuite><testcase name="a" time="9223372036854775.807"/></testsuite>')
    assert json.loads(parse("--format=summary", "r.xml").out)["duration_ms"] == pytest.approx(9223372036854775807, rel=1e-12)


def test_table_is_aligned_and_ends_in_totals(parse, report):
    report("r.xml", '<testsuite><testcase classname="c" name="first" time="1.5"/><testcase classname="c" name="second">'
           '<failure message="expected 1&#10;more"/></testcase></testsuite>')
    lines = parse("--format", "table", "r.xml", environment={"COLUMNS": "100"}).out.splitlines()
    assert lines[0].split() == ["passed", "1.50", "s", "c.first"]
    assert lines[1].startswith("failed ") and "expected 1" in lines[1] and "more" not in lines[1]
    assert lines[0].index("c.first") == lines[1].index("c.second")
    assert lines[-1] == "2 test cases in 1 report: 1 passed, 1 failed, 0 error, 0 skipped, 1.500 s"
    assert all(len(line) <= 100 for line in lines)


def test_table_lets_no_control_character_through(parse, report):
    report("r.xml", '<testsuite><testcase name="a&#x9b;31m&#x7f;&#10;b&#9;c"/></testsuite>')
    row = parse("--format", "table", "r.xml").stdout.splitlines()[0]
    assert b"\x9b" not in row and b"\xc2\x9b" not in row and b"\x7f" not in row and b"a 31m  b c" in row


# ---- inputs ----

def test_a_directory_is_walked(parse, report):
    report("d/a.xml", GOOD)
    report("d/sub/b.xml.gz", gzip.compress(GOOD.encode()))
    report("d/readme.txt", "no")
    done = parse("--format", "summary", "d")
    assert [json.loads(line)["file"] for line in done.out.splitlines()] == ["d/a.xml", "d/sub/b.xml.gz"]
    assert done.returncode == 0


def test_a_dash_is_a_report_on_standard_input(parse):
    done = parse("--format", "summary", "-", stdin=GOOD.encode())
    assert done.returncode == 0 and json.loads(done.out)["cases"] == 1
    # A pipe is read twice where the report must be repaired.
    done = parse("-", stdin=b'<testsuite><testcase name="a"/><testcase name="b\x01"/></testsuite>')
    assert [json.loads(line)["name"] for line in done.out.splitlines()] == ["a", "b\ufffd"]


def test_results_before_the_repair_are_shown_once(parse, report):
    many = "".join(f'<testcase name="n{i}"/>' for i in range(20000))
    report("r.xml", f'<testsuite>{many}<testcase name="last&#27;"/></testsuite>')
    names = [json.loads(line)["name"] for line in parse("r.xml").out.splitlines()]
    assert names == [f"n{i}" for i in range(20000)] + ["last\ufffd"]


@pytest.mark.parametrize("form", ["jsonl", "table", "summary"])
def test_a_comma_that_later_durations_explain(parse, report, form):
    path = report("r.xml", '<testsuite name="s"><testcase name="a&#1;" time="1,234"/><testcase name="b" time="0,5"/>'
                           "</testsuite>")
    done = parse("--format", form, path)
    assert {"jsonl": '"duration_ms":1234}', "table": "1.734 s", "summary": '"duration_ms":1734'}[form] in done.out
    assert done.out.count("\n") == {"jsonl": 2, "table": 4, "summary": 1}[form]


def test_gzip_is_known_by_its_content(parse, report):
    report("plain-name.xml", gzip.compress(GOOD.encode()))
    report("packed-name.xml.gz", GOOD)
    two = gzip.compress(GOOD[:30].encode()) + gzip.compress(GOOD[30:].encode()) + b"\0" * 512
    report("members.xml.gz", two)
    for name in ("plain-name.xml", "packed-name.xml.gz", "members.xml.gz"):
        assert json.loads(parse("--format", "summary", name).out)["cases"] == 1, name


@pytest.mark.parametrize("head, what", [(b"PK\x03\x04\x14\0", "a ZIP archive"), (b'\n{"tests": 3}', "JSON"),
                                        (b"BZh91AY", "a bzip2 file"), (b"%PDF-1.4\n", "a PDF document")])
def test_what_is_no_xml_is_called_by_its_name(parse, report, head, what):
    done = parse("--format", "summary", report("r.xml", head + bytes(range(256)) * 3))
    assert done.returncode == 5 and f"this is {what}, not XML" in done.err
    said = json.loads(done.out)
    assert said["complete"] is False and f"this is {what}, not XML" in said["warnings"][0]


def test_gzip_that_ends_early_keeps_what_is_finished(parse, report):
    noise = "".join(f'<testcase name="{os.urandom(8).hex()}"/>' for _ in range(5000))
    report("r.xml.gz", gzip.compress(f"<testsuite>{noise}</testsuite>".encode())[:-2000])
    done = parse("--format", "summary", "r.xml.gz")
    got = json.loads(done.out)
    assert done.returncode == 5 and not got["complete"] and 0 < got["cases"] < 5000
    assert "gzip" in done.err


# ---- many reports ----

def test_many_reports_are_said_in_their_order(parse, report):
    """Large and small ones, good and bad ones, read side by side."""
    wanted = []
    for number in range(300):
        count = 4000 if number % 97 == 3 else number % 5
        cases = "".join(f'<testcase classname="c{number}" name="n{case}" time="soon"/>' for case in range(count))
        report(f"d/{number:03}.xml", f"<testsuite>{cases}" + ("</testsuite>" if number % 7 else "<x></y>"))
        wanted += [f"c{number}.n{case}" for case in range(count)]
    done = parse("d")
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == wanted
    said = [line.split(".xml", 1)[0] for line in done.err.splitlines()]
    assert said == sorted(said) and len(set(said)) > 250
    assert done.returncode == 5
    done = parse("--format", "summary", "d")
    assert [json.loads(line)["file"][-7:] for line in done.out.splitlines()] == [f"{number:03}.xml" for number in range(300)]


# ---- exit codes and errors ----

@pytest.mark.parametrize("content, code, said", [
    (GOOD, 0, ""),
    ("<testsuites/>", 0, "r.xml: there is no test case in it"),
    ("<testsuite><testcase/>", 5, "r.xml:1:23: no element found"),
    ("<testsuite>\n<a></b>", 5, "r.xml:2:6: mismatched tag"),
    ("", 5, "r.xml: the file is empty"),
    ("<coverage/>", 5, "r.xml:1:1: the root element <coverage>"),
    ('<testsuite><testcase time="soon"/></testsuite>', 0, 'r.xml:1:12: the duration "soon" makes no sense'),
])
def test_exit_codes_and_places(parse, report, content, code, said):
    report("r.xml", content)
    done = parse("r.xml")
    assert done.returncode == code
    assert said in done.err if said else done.err == ""


def test_a_foreign_root_beside_a_report_is_no_fault(parse, report):
    report("d/TEST-a.xml", GOOD)
    report("d/coverage.xml", "<coverage/>")
    assert parse("d").returncode == 0


def test_one_bad_file_stops_no_other(parse, report):
    report("a.xml", "<testsuite><broken")
    report("b.xml", GOOD)
    done = parse("--format", "summary", "a.xml", "gone.xml", "b.xml")
    assert done.returncode == 5
    assert "gone.xml" in done.err
    cases = {json.loads(line)["file"]: json.loads(line)["cases"] for line in done.out.splitlines()}
    assert list(cases.items()) == [("a.xml", 0), ("gone.xml", 0), ("b.xml", 1)]


@pytest.mark.parametrize("arguments", [(), ("--format", "xml", "r.xml"), ("--nonsense", "r.xml"), ("--format",)])
def test_wrong_usage(parse, report, arguments):
    report("r.xml", GOOD)
    assert parse(*arguments).returncode == 2


# ---- hostile ----

def test_secrets_are_not_printed(parse, report):
    report("r.xml", '<testsuite><properties><property name="API_KEY" value="hunter2"/></properties><testcase name="a">'
           '<properties><property name="db.password" value="hunter2"/></properties>'
           '<system-out>[[PROPERTY|token=hunter2]]</system-out></testcase></testsuite>')
    for form in ("jsonl", "table", "summary"):
        done = parse("--format", form, "r.xml")
        assert "hunter2" not in done.out + done.err
    assert json.loads(parse("r.xml").out)["properties"] == [["db.password", "***"], ["token", "***"]]


def test_billion_laughs_is_refused_at_once(parse, report):
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    report("r.xml", f'<!DOCTYPE testsuite [<!ENTITY l0 "ha">{entities}]><testsuite><testcase name="&l11;"/></testsuite>')
    started = time.monotonic()
    done = parse("r.xml")
    assert done.returncode == 5 and "DOCTYPE" in done.err
    assert time.monotonic() - started < 5


def test_a_bomb_is_refused(parse, report):
    report("r.xml.gz", gzip.compress(b"<testsuite><testcase/>" + b" " * (64 << 20) + b"</testsuite>"))
    done = parse("--format", "summary", "r.xml.gz")
    assert done.returncode == 5 and not json.loads(done.out)["complete"]
    assert "unpacks to more than 200 times its size" in done.err


def test_what_is_no_file_does_not_hang(parse, tmp_path):
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "dir.xml").mkdir()
    done = parse("--format", "summary", "pipe.xml")
    assert done.returncode == 5 and "not a regular file" in done.err
    assert parse("dir.xml").returncode == 5


def test_depth_and_width_are_bounded(parse, report):
    report("deep.xml", "<testsuite><testcase/>" + "<x>" * 100000)
    assert "nested deeper than 4096" in parse("deep.xml").err
    wide = " ".join(f'a{i}="{i}"' for i in range(100000))
    report("wide.xml", f"<testsuite><testcase name='n' {wide}/></testsuite>")
    done = parse("wide.xml")
    assert done.returncode == 0 and "more than 256 attributes" in done.err
    assert len(json.loads(done.out)["properties"]) == 255


def test_closed_output_is_no_crash(binary, report):
    path = report("r.xml", "<testsuite>" + "<testcase name='a'/>" * 100000 + "</testsuite>")
    child = subprocess.Popen([binary, "parse", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.read(10)
    child.stdout.close()
    child.stderr.read()
    assert child.wait(60) != 0
