# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with reports: rows 25 to 29 of the fault table (34 is in test_poison.py), and what failed
outside of any test."""

import json
import os
import shutil
import subprocess
import time

import pytest

from reports import case, junit, numbered, suite
from resultd import wait_until

MIB = 1 << 20


def summary(binary, path, *options, **keys):
    done = subprocess.run([binary, "parse", "--format", "summary", *options, str(path)], capture_output=True, timeout=600, **keys)
    return done, json.loads(done.stdout)


@pytest.fixture
def watching(resultd, testrail):
    resultd.scale = 1

    def start(**watch):
        resultd.configure(
            {"rail": resultd.rail(testrail, linger="100ms", match=["automation"], create={"cases": True, "sections": True})},
            watch=[{"name": "inbox", "path": str(resultd.inbox) + "/{build}", "files": ["**/*.xml"], "settle": "100ms",
                    "run": {"key": "{build}", "name": "#{build}", "close_after": "1s"}, **watch}])
        return resultd.spawn("run")
    return start


# ---- rows 25 and 26: truncated ----

WHOLE = suite(case("pays", "shop.Cart"), case("ships", "shop.Cart"), case("returns", "shop.Cart"), name="shop.Cart")
CUT = WHOLE[:WHOLE.index("returns") - 12]


def test_row_25_a_report_truncated_for_ever_is_taken_as_incomplete_with_its_line(resultd, testrail):
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    report = resultd.write("cut.xml", CUT.replace("<testcase", "\n<testcase"))
    done = resultd.imports(report, code=5)
    entry = done.receipt["files"][0]
    assert entry["state"] == "accepted" and entry["complete"] is False and entry["cases"] == 2
    assert "cut.xml:" in entry["reason"]
    assert len(testrail.results()) == 2


def test_row_25_the_run_stays_open_for_a_truncated_report(resultd, testrail, watching):
    daemon = watching()
    resultd.drop("17/good.xml", suite(case("a", "shop.Desk"), name="shop.Desk"))
    resultd.drop("17/cut.xml", CUT)
    daemon.says("good.xml")
    testrail.wait_for("add_results_for_cases", timeout=40, answered=True)
    time_out = time.monotonic() + 3                     # three times close_after
    wait_until(lambda: time.monotonic() > time_out, timeout=10)
    assert testrail.calls("close_run") == []
    assert daemon.terminate().code == 0


def test_row_26_a_report_whose_first_case_is_still_being_written_is_waited_for(resultd, testrail, watching):
    """Nothing in it is finished, in one there is no byte yet: that is no fault of anybody, and neither is malformed."""
    daemon = watching()
    resultd.drop("17/good.xml", suite(case("a", "shop.Desk"), name="shop.Desk"))
    first = resultd.drop("17/first.xml", WHOLE[:WHOLE.index("pays")])
    empty = resultd.drop("18/empty.xml", "")
    daemon.says("good.xml")
    time_out = time.monotonic() + 3                     # three times close_after
    wait_until(lambda: time.monotonic() > time_out, timeout=10)
    assert testrail.calls("close_run") == []
    first.write_text(WHOLE)
    empty.write_text(suite(case("z", "shop.Shelf"), name="shop.Shelf"))
    testrail.wait_until(lambda: len(testrail.calls("close_run")) == 2, timeout=60, what="the runs")
    assert len(testrail.results()) == 5 and len(testrail.runs) == 2
    assert "malformed" not in daemon.err and daemon.err.count("accepted ") == 3
    assert daemon.err.count(" ends: ") == 2
    assert daemon.terminate().code == 0


def test_row_26_a_report_truncated_and_completed_later_is_sent_once(resultd, testrail, watching):
    daemon = watching()
    path = resultd.drop("17/slow.xml", CUT)
    wait_until(lambda: daemon.running and path.exists())
    resultd.drop("17/good.xml", suite(case("a", "shop.Desk"), name="shop.Desk"))
    daemon.says("accepted .*good.xml")
    path.write_text(WHOLE)
    testrail.wait_for("close_run", timeout=60, answered=True)
    assert len(testrail.results()) == 4
    assert daemon.err.count("accepted ") == 2
    assert daemon.terminate().code == 0


# ---- row 27: bytes ----

BYTES = {
    "malformed": (b"<testsuite>\n<testcase name='a'/>\n<x></y></testsuite>", 1, "r.xml:3:6: mismatched tag"),
    "malformed at once": (b"<testsuite>\n<x></y>", 0, "r.xml:2:6: mismatched tag"),
    "wrong encoding": ("<?xml version='1.0' encoding='utf-8'?><testcase name='é'/>".encode("latin-1"), 1, "were replaced"),
    "unknown encoding": (b"<?xml version='1.0' encoding='X-NO'?><testcase/>", 0, "X-NO"),
    "NULs": (b"<testsuite><testcase name='a\0b'/>\0\0</testsuite>", 1, "were replaced"),
    "BOM": (b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?><testcase name='a'/>", 1, ""),
    "UTF-16 LE": ("\ufeff<?xml version='1.0' encoding='UTF-16'?><testcase name='a'/>".encode("utf-16-le"), 1, ""),
    "UTF-16 BE": ("\ufeff<?xml version='1.0' encoding='UTF-16'?><testcase name='a'/>".encode("utf-16-be"), 1, ""),
}


@pytest.mark.parametrize("kind", BYTES, ids=lambda kind: f"row 27 {kind}")
def test_row_27_is_parsed_or_malformed_with_its_place(binary, tmp_path, kind):
    data, cases, said = BYTES[kind]
    (tmp_path / "r.xml").write_bytes(data)
    (tmp_path / "s.xml").write_text("<testcase name='next'/>")
    done = subprocess.run([binary, "parse", "--format", "summary", "r.xml", "s.xml"], cwd=tmp_path, capture_output=True,
                          timeout=60)
    bad, good = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert bad["cases"] == cases
    assert said in " ".join(bad["warnings"])
    assert good["cases"] == 1 and good["complete"]


# ---- row 28: declarations ----

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
DECLARATIONS = {
    "billion laughs": f'<!DOCTYPE testsuite [<!ENTITY l0 "ha">{LAUGHS}]><testsuite><testcase name="&l11;"/></testsuite>',
    "quadratic blow-up": f'<!DOCTYPE testsuite [<!ENTITY a "{"a" * 200_000}">]><testsuite><testcase name="{"&a;" * 20_000}"/></testsuite>',
    "external entity": '<!DOCTYPE testsuite [<!ENTITY e SYSTEM "file:///etc/hostname">]><testsuite><testcase name="a">&e;</testcase></testsuite>',
    "parameter entity": '<!DOCTYPE testsuite [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><testsuite/>',
    "external DTD": '<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:9/x.dtd"><testsuite><testcase name="a"/></testsuite>',
}


@pytest.mark.parametrize("kind", DECLARATIONS, ids=lambda kind: f"row 28 {kind}")
def test_row_28_is_refused_and_opens_nothing(binary, tmp_path, kind):
    if shutil.which("strace") is None:
        pytest.fail("strace is not installed")
    (tmp_path / "r.xml").write_text(DECLARATIONS[kind])
    trace = tmp_path / "trace"
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}       # LeakSanitizer cannot work under ptrace
    done, got = summary(binary, "r.xml", cwd=tmp_path)
    if kind == "external DTD":
        assert done.returncode == 0 and got["cases"] == 1               # pointed at, not fetched
    else:
        assert done.returncode == 5 and "DOCTYPE" in " ".join(got["warnings"])
    subprocess.run(["strace", "-f", "-o", trace, "-e", "trace=open,openat,openat2,socket,connect,execve", binary, "parse",
                    "r.xml"], cwd=tmp_path, env=environment, capture_output=True, timeout=120)
    after = trace.read_text().split('"r.xml"', 2)[-1]                   # behind the opening of the report
    assert '"r.xml"' in trace.read_text()
    opened = [line for line in after.splitlines() if "open" in line and '"' in line and "/proc/" not in line]
    assert opened == []
    assert "socket(" not in trace.read_text() and "connect(" not in trace.read_text()


@pytest.mark.parametrize("kind", [kind for kind in DECLARATIONS if kind != "external DTD"], ids=lambda kind: f"row 28 {kind}")
def test_row_28_costs_neither_time_nor_memory(binary, tmp_path, kind):
    """Beside an empty report: less than 50 ms of the processor and 5 MiB more."""
    (tmp_path / "r.xml").write_text(DECLARATIONS[kind])
    (tmp_path / "empty.xml").write_text("<testsuite/>")
    measured = {}
    for name in ("empty.xml", "r.xml"):
        rounds = [costs(binary, tmp_path / name) for _ in range(3)]
        measured[name] = min(cpu for cpu, _ in rounds), min(peak for _, peak in rounds)
    assert measured["r.xml"][0] - measured["empty.xml"][0] < 0.05
    assert measured["r.xml"][1] - measured["empty.xml"][1] < 5 * MIB


# ---- row 29: sizes ----

def costs(binary, path, form="summary"):
    """Processor seconds and peak memory of one reading, measured by a small process so that its size is the child's."""
    script = ("import json, os, resource, subprocess, sys\n"
              "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
              "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
              "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))\n")
    done = subprocess.run(["/usr/bin/python3", "-c", script, str(binary), "parse", "--format", form, str(path)],
                          capture_output=True, timeout=900, check=True)
    return json.loads(done.stdout)


def repeated(path, head, piece, size, tail):
    with path.open("wb") as out:
        out.write(head)
        block = piece * max(1, MIB // len(piece))
        for _ in range(size // len(block)):
            out.write(block)
        out.write(tail)
    return path


ONE_CASE = (b'<testcase classname="shop.Cart" name="adds an item" time="0.01"><failure message="m" type="T">' + b"at x\n" * 40 +
            b"</failure></testcase>\n")


def huge(binary, tmp_path, small, large):
    peaks = []
    for size in (small, large):
        path = repeated(tmp_path / f"{size}.xml", b"<testsuite>", ONE_CASE, size, b"</testsuite>")
        done, got = summary(binary, path)
        assert done.returncode == 0 and got["complete"] and got["cases"] == got["failed"] > 0
        peaks.append([costs(binary, path, form)[1] for form in ("summary", "jsonl")])
        path.unlink()
    for before, after in zip(*peaks):
        assert after - before < 4 * MIB, peaks


def test_row_29_memory_does_not_know_the_size_of_a_report(binary, tmp_path):
    """From 1 MiB to 64 MiB; RESULTD_HUGE=1 goes on to just below 2 GiB."""
    huge(binary, tmp_path, MIB, (2047 if os.environ.get("RESULTD_HUGE") else 64) * MIB)


def test_row_29_a_report_beyond_the_limit_is_refused_by_name(binary, tmp_path):
    path = tmp_path / "huge.xml"
    with path.open("wb") as out:
        out.write(b"<testsuite>")
        out.truncate((2 << 30) + 1)
    done, got = summary(binary, path)
    assert done.returncode == 5 and "larger than 2147483648 bytes" in " ".join(got["warnings"])


SIZES = {
    "10 MB text": (b"<testsuite><testcase name='a'><failure>" + b"0123456789abcde\n" * 655_360 + b"</failure></testcase></testsuite>",
                   0, 1, "longer than 65536 bytes"),
    "10 MB attribute": (b"<testsuite><testcase name='a'><failure message='" + b"0123456789abcdef" * 655_360 + b"'/></testcase></testsuite>",
                        0, 1, "longer than 65536 bytes"),
    "100 k depth": (b"<testsuite><testcase name='a'/>" + b"<testsuite>" * 100_000, 5, 1, "nested deeper than 4096"),
    "100 k attributes": (b"<testsuite><testcase name='a' " + b" ".join(b"a%d='1'" % i for i in range(100_000)) + b"/></testsuite>",
                         0, 1, "more than 256 attributes"),
    "a tag without end": (b"<testsuite><testcase name='a'/><testcase name='" + b"x" * (40 * MIB), 5, 1, "tag, comment or instruction"),
}


@pytest.mark.parametrize("kind", SIZES, ids=lambda kind: f"row 29 {kind}")
def test_row_29_is_cut_or_refused_by_name(binary, tmp_path, kind):
    data, code, cases, said = SIZES[kind]
    path = tmp_path / "r.xml"
    path.write_bytes(data)
    done = subprocess.run([binary, "parse", str(path)], capture_output=True, timeout=300)
    results = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert done.returncode == code
    assert len(results) == cases
    assert said in done.stderr.decode()


def test_row_29_a_million_cases(binary, tmp_path):
    """RSS stays that of a small report (see tests/bench/run for figures); fewer cases unless RESULTD_HUGE=1."""
    count = 1_000_000 if os.environ.get("RESULTD_HUGE") else 100_000
    path = tmp_path / "r.xml"
    path.write_text(numbered(count))
    done, got = summary(binary, path)
    assert done.returncode == 0 and got["cases"] == got["passed"] == count
    small = tmp_path / "s.xml"
    small.write_text(numbered(1000))
    assert costs(binary, path)[1] - costs(binary, small)[1] < 4 * MIB


# ---- outside of any test ----

DEAD = ('<testsuites><testsuite name="lives_t" tests="1"><testcase name="adds" classname="lives_t"/></testsuite>'
        '<testsuite name="dies_t" tests="0" errors="1"><error message="Dubious, test returned 255"/></testsuite></testsuites>')
SETUP = ('<testng-results><suite name="S"><test name="T"><class name="c"><test-method status="FAIL" name="setUp" is-config="true"/>'
         '<test-method status="SKIP" name="m"/></class></test></suite></testng-results>')


@pytest.mark.parametrize("text, said", [(DEAD, "dies_t: Dubious, test returned 255"), (SETUP, "the configuration method setUp failed")],
                         ids=["suite", "configuration"])
def test_a_failure_outside_of_any_test_makes_the_run_red(resultd, testrail, text, said):
    resultd.deliver_to(testrail, create={"cases": True, "sections": True})
    report = resultd.write("r.xml", text)
    done = resultd.imports(report, "--fail-on", "failed", code=1)
    assert said in done.err
    run, = testrail.runs
    assert said in run["description"]
    assert len(testrail.results()) == 1                 # it is no case


def test_a_failure_outside_of_any_test_is_on_the_page(resultd):
    resultd.configure_text(json.dumps({"state_dir": str(resultd.state),
                                       "sinks": {"home": {"type": "local", "dir": str(resultd.home / "runs")}}}))
    report = resultd.write("r.xml", DEAD)
    resultd.imports(report, code=0)
    page = "".join(path.read_text() for path in (resultd.home / "runs").rglob("*.html") if path.parent.name != "runs")
    assert "Dubious, test returned 255" in page and "failed outside of any test" in page
