# SPDX-License-Identifier: Apache-2.0
"""Files that reports name, or that lie beside them: into the state directory before the report is accepted."""

import base64
import gzip
import os
import re
import shutil
import socket
import sqlite3

import pytest

from reports import case, junit, method, suite, testng
from resultd import wait_until

PNG = b"\x89PNG\r\n\x1a\n"


def known(testrail, *names):
    return [testrail.case(name, automation=f"shop.Cart.{name}") for name in names]


def output(*names):
    return "<system-out>" + "".join(f"[[ATTACHMENT|{name}]]\n" for name in names) + "</system-out>"


def properties(**values):
    return "<properties>" + "".join(f'<property name="{key}" value="{value}"/>' for key, value in values.items()) + \
        "</properties>"


def place(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def names(files):
    return sorted(row["name"] for row in files)


def content(files):
    return {row["name"]: row["_data"] for row in files}


def kept(resultd):
    """The files in the state directory, each named by its content."""
    return [path for path in (resultd.state / "evidence").rglob("*") if path.is_file()]


def rows(resultd, sql="SELECT named, state, reason FROM evidence ORDER BY id"):
    db = sqlite3.connect(resultd.state / "queue.db")
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


# ---- what a report names ----

def test_every_way_to_name_a_file_is_understood(resultd, testrail):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    place(resultd.folder / "reports" / "beside.png", PNG + b"1")
    place(resultd.folder / "logs" / "workspace.log", "where the command was called")
    absolute = place(resultd.folder / "reports" / "sub" / "absolute.txt", "abs")
    place(resultd.folder / "reports" / "a b" / "c.txt", "url")
    report = resultd.write("a.xml", junit(case("bad", failure="no", inside=(
        properties(testrail_attachment="logs/workspace.log", testrail_attachment_2=absolute,
                   screenshot=f"file://{resultd.folder}/reports/a%20b/c.txt", video="https://example.com/v.webm")
        .replace("</properties>", '<property name="attachment" value="data:text/csv;name=t.csv;base64,YSxi"/>'
                 '<property name="testrun_evidence"><item name="item.png">'
                 f'{base64.b64encode(PNG + b"2").decode()}</item></property></properties>')
        + output("beside.png", "../reports/./beside.png", "data:image/png;base64,"
                 + base64.b64encode(PNG + b"3").decode())))))
    resultd.imports(report)
    files = testrail.files(bad)
    assert content(files) == {
        "beside.png": PNG + b"1", "beside (2).png": PNG + b"1", "workspace.log": b"where the command was called",
        "absolute.txt": b"abs", "c.txt": b"url", "t.csv": b"a,b", "item.png": PNG + b"2", "attachment.png": PNG + b"3"}
    assert {row["name"]: row["_type"] for row in files}["item.png"] == "image/png"
    assert len(kept(resultd)) == 7              # one content is kept once
    assert b"base64" not in b"".join(path.read_bytes() for path in resultd.state.glob("queue.db*"))


def test_what_a_suite_names_is_the_run_s(resultd, testrail):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    for name in ("suite.log", "video.webm"):
        place(resultd.folder / "reports" / name, name)
    resultd.imports(resultd.write("a.xml", junit(suite(
        '<properties><property name="testrail_attachment" value="suite.log"/>'
        '<property name="attachment" value="none.log"/></properties>',
        case("bad", failure="no"), "<system-out>a [[[ATTACHMENT|video.webm]] [[ATTACH [[x\n</system-out>"))))
    assert testrail.files(bad) == []
    assert content(testrail.files(run=testrail.only_run)) == {"suite.log": b"suite.log", "video.webm": b"video.webm"}


def test_links_in_what_testng_s_reporter_logs_are_files(resultd, testrail):
    bad = testrail.case("bad", automation="shop.CartTest.bad")
    resultd.deliver_to(testrail)
    place(resultd.folder / "reports" / "shots" / "bad.png", PNG)
    text = testng(method("bad", status="FAIL", message="no").replace(
        "</test-method>", "<reporter-output><line><![CDATA[<a href='shots/bad.png'><img SRC=\"shots/bad.png\"/></a>"
        "<a href='#top'>x</a><a href='https://example.com/a.png'>y</a><a href='page.html#x'>z</a><a href='log.txt'>l</a>]]></line>"
        "</reporter-output></test-method>"))
    done = resultd.imports(resultd.write("testng-results.xml", text))
    assert content(testrail.files(bad)) == {"bad.png": PNG}
    assert re.findall(r"(?m)^evidence: (\S+): it was not there", done.err) == ["log.txt"]


def test_files_of_passed_tests_stay_where_they_are_unless_a_sink_wants_them(resultd, testrail, make_resultd):
    good, bad = known(testrail, "good", "bad")
    for one, policy, wanted in ((resultd, "failed", 1), (make_resultd("all"), "all", 2), (make_resultd("no"), "none", 0)):
        one.deliver_to(testrail, evidence={"results": policy})
        place(one.folder / "reports" / "1.txt", "of the good")
        place(one.folder / "reports" / "2.txt", "of the bad")
        one.imports(one.write("a.xml", junit(case("good", inside=output("1.txt")),
                                             case("bad", failure="no", inside=output("2.txt")))))
        assert len(kept(one)) == wanted
    assert names(testrail.files(good)) == ["1.txt"] and names(testrail.files(bad)) == ["2.txt", "2.txt"]


def test_a_wiped_workspace_loses_nothing(resultd, testrail):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    place(resultd.folder / "reports" / "shot.png", PNG)
    done = resultd("import", "--no-wait", "--json",
                   resultd.write("a.xml", junit(case("bad", failure="no", inside=output("shot.png")))))
    assert done.code == 0, done
    shutil.rmtree(resultd.folder / "reports")
    assert testrail.files(bad) == []
    resultd.delivers()
    assert content(testrail.files(bad)) == {"shot.png": PNG}


def test_row_30_nothing_outside_of_the_report_s_folders_is_opened(resultd, testrail, monkeypatch):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    secret = place(resultd.folder / ".." / "secret" / "shadow", "root:secret")
    folder = resultd.folder / "reports"
    place(folder / "fine.txt", "fine")
    (folder / "link.txt").symlink_to(secret)
    (folder / "in").symlink_to(secret.parent, target_is_directory=True)
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "magic").symlink_to("/proc/self/fd/0")
    (folder / "x.png").mkdir()
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as held:
        monkeypatch.chdir(folder)
        held.bind("socket")             # the whole path may be too long for one
    refused = ["link.txt", "in/shadow", "zero", "magic", "x.png", "fifo", "socket", "/etc/passwd", str(secret),
               "../../secret/shadow", "../../../../../../../../../../etc/passwd", "file:///etc/passwd"]
    text = junit(case("bad", failure="no", inside=output(*refused, "fine.txt")),
                 case("bad2", failure="no", inside=output(*refused)))
    done = resultd.imports(resultd.write("a.xml", text), code=4)     # bad2 has no case
    assert content(testrail.files(bad)) == {"fine.txt": b"fine"}
    assert [path.read_bytes() for path in kept(resultd)] == [b"fine"]
    for name in refused:
        assert len(re.findall(rf"(?m)^evidence: {re.escape(name)}: \S", done.err)) == 1, name
    assert {named for named, state, _ in rows(resultd) if state == 3} == set(refused)


@pytest.mark.parametrize("policy, why", [({"max_size": 10}, "max_size"), ({"types": ["png"]}, "types"),
                                         ({"max_files": 1}, "more than 1")])
def test_what_no_sink_takes_is_not_copied_and_said(resultd, testrail, policy, why):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail, evidence=policy)
    place(resultd.folder / "reports" / "a.png", PNG)
    place(resultd.folder / "reports" / "b.log", "longer than ten bytes")
    done = resultd.imports(resultd.write("a.xml", junit(case("bad", failure="no", inside=output("a.png", "b.log")))))
    assert names(testrail.files(bad)) == ["a.png"]
    assert len(kept(resultd)) == 1
    assert re.search(rf"evidence: b.log: .*{why}", done.err), done


# ---- texts that were cut, and the report itself ----

def test_the_whole_of_a_text_that_was_cut_goes_with_the_test(resultd, testrail):
    (bad,) = known(testrail, "bad")
    resultd.deliver_to(testrail)
    lines = "".join(f"line {number} ä\n" for number in range(30000))
    trace = "".join(f"at frame {number}\n" for number in range(8000))
    resultd.imports(resultd.write("a.xml", junit(case("bad", inside=(
        f'<failure message="no"><![CDATA[{trace}]]></failure>'
        f"<system-out>{lines}[[PROPERTY|api_token=hunter2]]\nend\n</system-out><system-err>short</system-err>")))))
    files = content(testrail.files(bad))
    assert set(files) == {"failure.txt", "stdout.txt"}
    assert files["stdout.txt"].decode() == f"{lines}[[PROPERTY|api_token=***]]\nend\n"
    assert files["failure.txt"].decode() == trace
    assert b"hunter2" not in b"".join(path.read_bytes() for path in kept(resultd))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_the_report_itself_goes_without_what_is_hidden(resultd, testrail, packed):
    known(testrail, "good")
    resultd.deliver_to(testrail, evidence={"report": True})
    text = junit(suite('<properties><property name="db.password" value="hunter2"/><property name="os" value="x"/>'
                       "</properties>", case("good", inside="<system-out>[[PROPERTY|api_key=hunter3]]</system-out>")))
    report = resultd.write("a.xml.gz" if packed else "a.xml", gzip.compress(text.encode()) if packed else text)
    resultd.imports(report)
    [file] = testrail.files(run=testrail.only_run)
    assert file["name"] == "a.xml" and file["_type"] == "application/xml"
    assert file["_data"].decode() == text.replace("hunter2", "***").replace("hunter3", "***")


# ---- room ----

def test_row_12_results_go_on_where_evidence_has_no_room(resultd, testrail):
    """Evidence is refused first: between the mark and a quarter above it results are taken."""
    (bad,) = known(testrail, "bad")
    disk = os.statvfs(resultd.folder)
    resultd.configure({"rail": resultd.rail(testrail)},
                      keep={"low_water": int(disk.f_bavail * disk.f_frsize / 1.12)})
    place(resultd.folder / "reports" / "shot.png", PNG)
    report = resultd.write("a.xml", junit(case("bad", failure="no", inside=output("shot.png"))))
    done = resultd.imports(report)
    assert done.delivery()["posted"] == 1 and testrail.files(bad) == []
    assert re.search(r"evidence: shot.png: .*results go first", done.err), done
    assert kept(resultd) == []
    assert resultd.imports(report).files("duplicate") == ["a.xml"]


# ---- a run that is watched ----

@pytest.fixture
def watching(resultd, testrail):
    resultd.scale = 1

    def configure(sink=None, **keys):
        watch = {"name": "inbox", "path": str(resultd.inbox) + "/{job}/{build}", "files": ["**/*.xml"],
                 "settle": "100ms", "run": {"key": "{job}/{build}", "name": "{job} #{build}",
                                            "close_after": "1500ms"}}
        run = {**watch["run"], **keys.pop("run", {})}
        resultd.configure({"rail": resultd.rail(testrail, linger="100ms", **(sink or {}))},
                          watch=[{**watch, **keys, "run": run}])
        return resultd.spawn("run")
    return configure


def test_a_file_that_comes_later_is_found_while_the_run_is_open(resultd, testrail, watching):
    (bad,) = known(testrail, "bad")
    daemon = watching(run={"close_after": "1h", "close_on": "DONE"})
    resultd.drop("nightly/17/TEST-a.xml", junit(case("bad", failure="no", inside=output("late.png", "never.png"))))
    testrail.wait_for("add_results_for_cases", answered=True)
    place(resultd.inbox / "nightly/17/late.png", PNG)
    wait_until(lambda: names(testrail.files(bad)) == ["late.png"], 40, "the file")
    assert testrail.calls("close_run") == []
    place(resultd.inbox / "nightly/17/DONE", "")
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert len(re.findall(r"never.png: it was not there when the run ended", daemon.err)) == 1
    assert daemon.terminate().code == 0
    assert [(named, state) for named, state, _ in rows(resultd)] == [("late.png", 0), ("never.png", 2)]


def test_files_that_patterns_name_go_to_the_test_in_their_name(resultd, testrail, watching):
    good, bad = known(testrail, "good", "bad")
    place(resultd.inbox / "nightly/17/shots/Cart.bad-1.png", PNG + b"1")
    place(resultd.inbox / "nightly/17/shots/bad/trace.txt", "2")
    place(resultd.inbox / "nightly/17/shots/good.png", PNG + b"3")
    place(resultd.inbox / "nightly/17/shots/other.png", PNG + b"4")
    place(resultd.inbox / "nightly/17/shots/.hidden.png", PNG + b"5")
    (resultd.inbox / "nightly/17/shots/bad-link.png").symlink_to("/etc/passwd")
    place(resultd.inbox / "nightly/16/shots/bad.png", PNG + b"6")
    daemon = watching(evidence=["shots/**"])
    resultd.drop("nightly/17/TEST-a.xml", junit(case("good"), case("bad", failure="no")))
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert content(testrail.files(bad)) == {"Cart.bad-1.png": PNG + b"1", "trace.txt": b"2"}
    assert testrail.files(good) == []
    assert names(testrail.files(run=testrail.only_run)) == ["other.png"]
    assert len(kept(resultd)) == 3              # what nobody wants is not copied
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("killed", [False, True], ids=["", "and the daemon died"])
def test_a_workspace_that_is_wiped_in_the_middle_of_a_run_loses_nothing(resultd, testrail, watching, killed):
    bad, later, good = known(testrail, "bad", "later", "good")
    daemon = watching(path=str(resultd.inbox) + "/{job}", evidence=["**/shots/**"],
                      run={"key": "{job}", "name": "{job}", "close_after": "1h", "close_on": "DONE"})
    daemon.says("watching")
    for name in ("bad.png", "later.png", "good.png", "server.log"):
        place(resultd.inbox / "nightly/17/shots" / name, name * 3)
    resultd.drop("nightly/17/TEST-a.xml", junit(case("bad", failure="no")))
    wait_until(lambda: resultd.status()["evidence"]["kept"] == 4, what="all files in the state directory")
    shutil.rmtree(resultd.inbox / "nightly/17")
    testrail.wait_for("add_results_for_cases", answered=True)
    if killed:
        daemon.kill()
        daemon = resultd.spawn("run")
        daemon.says("watching")
    # What is nobody's yet is not the run's before it ends: the tests of the next report may claim it.
    assert testrail.calls("add_attachment_to_run") == []
    resultd.drop("nightly/18/TEST-b.xml", junit(case("later", failure="no"), case("good")))
    daemon.says("accepted .*TEST-b")
    resultd.drop("nightly/DONE", "")
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert content(testrail.files(bad)) == {"bad.png": b"bad.png" * 3}
    assert content(testrail.files(later)) == {"later.png": b"later.png" * 3}
    assert testrail.files(good) == []
    assert content(testrail.files(run=testrail.only_run)) == {"server.log": b"server.log" * 3}
    assert daemon.terminate().code == 0
    assert rows(resultd, "SELECT count(*) FROM evidence WHERE origin = 5") == [(0,)]


def test_a_file_that_grows_while_its_run_goes_on_is_sent_as_it_is_at_the_end(resultd, testrail, watching):
    known(testrail, "bad")
    daemon = watching(evidence=["*.log"], run={"close_after": "1h", "close_on": "DONE"})
    log = place(resultd.inbox / "nightly/17/server.log", "begun")
    resultd.drop("nightly/17/TEST-a.xml", junit(case("bad", failure="no")))
    wait_until(lambda: len(kept(resultd)) == 1, what="the first half")
    log.write_text("begun, and ended")
    resultd.drop("nightly/17/DONE", "")
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert content(testrail.files(run=testrail.only_run)) == {"server.log": b"begun, and ended"}
    assert daemon.terminate().code == 0


def test_jenkins_layout_files_in_a_folder_named_after_the_class(resultd, testrail, watching):
    good, bad, worse = known(testrail, "good", "bad", "worse")
    daemon = watching(evidence=["**/surefire-reports/*.*/**", "**/*-output.txt"])
    reports = resultd.inbox / "nightly/17/target/surefire-reports"
    place(reports / "shop.Cart/screenshot.png", PNG + b"class")
    place(reports / "shop.Cart/worse/trace.txt", "of one test")
    place(reports / "shop.Cart-output.txt", "what the class printed")
    place(reports / "shop.Other/shot.png", PNG + b"no class of ours")
    resultd.drop("nightly/17/target/surefire-reports/TEST-shop.Cart.xml",
                 junit(case("good"), case("bad", failure="no"), case("worse", failure="no")))
    testrail.wait_for("close_run", timeout=40, answered=True)
    # What is the class's goes where people look first: to its first test that went wrong.
    assert content(testrail.files(bad)) == {"screenshot.png": PNG + b"class",
                                            "shop.Cart-output.txt": b"what the class printed"}
    assert content(testrail.files(worse)) == {"trace.txt": b"of one test"}
    assert testrail.files(good) == []
    assert names(testrail.files(run=testrail.only_run)) == ["shot.png"]
    assert daemon.terminate().code == 0


def test_what_lay_there_for_one_run_is_not_the_next_one_s(resultd, testrail, watching):
    (bad,) = known(testrail, "bad")
    daemon = watching(path=str(resultd.inbox), evidence=["shots/**"], run={"key": "k", "name": "k"})
    place(resultd.inbox / "shots/bad.png", PNG + b"first")
    resultd.drop("TEST-a.xml", junit(case("bad", failure="no")))
    testrail.wait_for("close_run", timeout=40, answered=True)
    place(resultd.inbox / "shots/bad-2.png", PNG + b"second")
    resultd.drop("TEST-b.xml", junit(case("bad", failure="again")))
    testrail.wait_for("close_run", count=2, timeout=40, answered=True)
    assert [row["_data"] for row in sorted(testrail.files(bad), key=lambda row: row["id"])] == \
        [PNG + b"first", PNG + b"second"]
    assert daemon.terminate().code == 0


def test_roots_may_hold_what_the_path_captured(resultd, testrail, watching):
    (bad,) = known(testrail, "bad")
    place(resultd.folder / "places/nightly/out/shot.png", PNG)
    place(resultd.folder / "places/weekly/out/shot.png", b"of another job")
    daemon = watching(roots=[f"{resultd.folder}/places/{{job}}"])
    resultd.drop("nightly/17/TEST-a.xml", junit(case("bad", failure="no", inside=output(
        "out/shot.png", "../weekly/out/shot.png", f"{resultd.folder}/places/weekly/out/shot.png"))))
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert content(testrail.files(bad)) == {"shot.png": PNG}
    assert daemon.err.count("it lies outside the folders of the report") == 2
    assert daemon.terminate().code == 0


def test_row_30_a_swapped_folder_beneath_a_watch_leads_nowhere(resultd, testrail, watching):
    (bad,) = known(testrail, "bad")
    place(resultd.folder / "elsewhere/shot.png", b"secret")
    folder = resultd.inbox / "nightly/17"
    folder.mkdir(parents=True)
    (folder / "shots").symlink_to(resultd.folder / "elsewhere", target_is_directory=True)
    daemon = watching(evidence=["shots/**"])
    resultd.drop("nightly/17/TEST-a.xml", junit(case("bad", failure="no", inside=output("shots/shot.png"))))
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert testrail.files(bad) == [] and kept(resultd) == []
    assert len(re.findall(r"shots/shot.png: it is, or lies behind, a symbolic link", daemon.err)) == 1
    assert daemon.terminate().code == 0


def test_a_daemon_that_died_looks_for_what_was_awaited(resultd, testrail, watching):
    (bad,) = known(testrail, "bad")
    daemon = watching(run={"close_after": "1h", "close_on": "DONE"})
    resultd.drop("nightly/17/TEST-a.xml", junit(case("bad", failure="no", inside=output("late.png"))))
    daemon.says("accepted .*TEST-a.xml")
    daemon.kill()
    place(resultd.inbox / "nightly/17/late.png", PNG)
    again = resultd.spawn("run")
    again.says("watching 1 directories")
    place(resultd.inbox / "nightly/17/DONE", "")
    testrail.wait_for("close_run", timeout=40, answered=True)
    assert content(testrail.files(bad)) == {"late.png": PNG}
    assert again.terminate().code == 0


# ---- import with a watch's words ----

def test_import_with_a_watch_takes_its_patterns(resultd, testrail):
    (bad,) = known(testrail, "bad")
    resultd.configure({"rail": resultd.rail(testrail)},
                      watch=[{"name": "inbox", "path": str(resultd.inbox) + "/{build}", "evidence": ["shots/*.png"],
                              "run": {"key": "{build}"}}])
    for build in ("1", "2"):
        place(resultd.inbox / build / "shots/bad.png", PNG + build.encode())
        place(resultd.inbox / build / "TEST-a.xml", junit(case("bad", failure=f"in {build}")))
    resultd.imports(resultd.inbox, options=["--watch", "inbox"])
    files = testrail.files(bad)
    assert sorted(row["_data"] for row in files) == [PNG + b"1", PNG + b"2"]
    assert len({row["result_id"] for row in files}) == 2


def test_submit_with_a_watch_takes_its_patterns(resultd, testrail, watching):
    (bad,) = known(testrail, "bad")
    daemon = watching(files=["never/*.xml"], evidence=["shots/*.png"])
    daemon.says("watching")
    for build in ("1", "2"):
        place(resultd.inbox / "nightly" / build / "shots/bad.png", PNG + build.encode())
        path = place(resultd.inbox / "nightly" / build / "TEST-a.xml", junit(case("bad", failure=f"in {build}")))
        # Not beneath the watch: nothing there is opened with the daemon's rights.
        place(resultd.folder / "elsewhere" / build / "shots/bad.png", b"elsewhere")
        done = resultd("submit", "--watch", "inbox", "--control", resultd.state / "control", path)
        assert done.code == 0, done
    testrail.wait_for("close_run", count=2, timeout=40, answered=True)
    files = testrail.files(bad)
    assert sorted(row["_data"] for row in files) == [PNG + b"1", PNG + b"2"]
    assert len({row["result_id"] for row in files}) == 2
    other = place(resultd.folder / "elsewhere/1/TEST-b.xml", junit(case("bad", failure="elsewhere")))
    done = resultd("submit", "--watch", "inbox", "--run-key", "k", "--run-name", "k", "--control",
                   resultd.state / "control", other)
    assert done.code == 0, done
    testrail.wait_for("close_run", count=3, timeout=40, answered=True)
    assert len(testrail.files(bad)) == 2
    assert daemon.terminate().code == 0


def test_import_with_a_watch_takes_its_files_and_no_others(resultd, testrail):
    known(testrail, "bad", "good")
    resultd.configure({"rail": resultd.rail(testrail)},
                      watch=[{"name": "inbox", "path": str(resultd.inbox) + "/{build}",
                              "files": ["**/TEST-*.xml", "*.junit"], "exclude": ["**/tmp/**", "old"],
                              "run": {"key": "{build|'none'}"}}])
    text = junit(case("bad", failure="no"))
    for folder in (resultd.inbox / "1", resultd.folder / "backfill"):
        taken = [place(folder / name, text + f"<!--{name}{folder}-->")
                 for name in ("TEST-a.xml", "deep/TEST-b.xml", "c.junit")]
        for name in ("other.xml", "deep/tmp/TEST-d.xml", "old/TEST-e.xml", ".TEST-f.xml", "TEST-g.xml.part"):
            place(folder / name, junit(case("good", failure=name)))
        done = resultd.imports(folder, options=["--json", "--watch", "inbox"])
        assert sorted(row["path"] for row in done.receipt["files"]) == sorted(map(str, taken))
    # What is named is taken, whatever it is called.
    named = resultd.inbox / "1/other.xml"
    done = resultd.imports(named, options=["--json", "--watch", "inbox"])
    assert [(row["path"], row["state"]) for row in done.receipt["files"]] == [(str(named), "accepted")]


# ---- the end ----

def test_files_go_with_the_last_run_that_has_them(resultd, testrail):
    known(testrail, "bad")
    resultd.scale = 3600 * 1000                 # an hour is a millisecond
    resultd.configure({"rail": resultd.rail(testrail)}, keep={"runs": "30d"})
    place(resultd.folder / "reports" / "shot.png", PNG)
    orphan = "ab/ab" + "0" * 62                 # of a capture that a crash ended
    report = resultd.write("a.xml", junit(case("bad", failure="no", inside=output("shot.png"))))
    done = resultd("import", "--json", "--no-wait", report)
    assert done.code == 0 and len(kept(resultd)) == 1, done
    place(resultd.state / "evidence" / orphan, "left over")
    report.unlink()
    resultd.delivers()

    def gone():
        resultd("status")
        done = resultd("deliver", "--timeout", "1s")
        assert done.code == 0, done
        return kept(resultd) == []
    wait_until(gone, what="the files to go")
