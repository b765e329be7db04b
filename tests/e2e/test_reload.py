# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: another configuration in a running daemon, or, where it is faulty, the old one."""

import json
import signal
import stat
from pathlib import Path

import pytest

from defects import local, section
from expect import each_case_once
from reports import case, junit, numbered
from resultd import wait_until


@pytest.fixture
def running(resultd, testrail):
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1

    def configure(sinks=None, watch=None, **keys):
        entry = {"name": "inbox", "path": str(resultd.inbox) + "/{job}", "settle": "100ms",
                 "run": {"key": "{job}", "close_after": "1s"}}
        if sinks is None:
            sinks = {"rail": resultd.rail(testrail, linger="100ms")}
        resultd.configure(sinks, watch=[{**entry, **(watch or {})}], **keys)

    def start(**keys):
        configure(**keys)
        daemon = resultd.spawn("run")
        daemon.says("watching")
        return daemon
    start.configure = configure
    return start


def reload(daemon, words="the configuration was read again"):
    before = daemon.err.count(words)
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.err.count(words) > before, what=words)


def test_row_65_a_bad_file_keeps_the_old_configuration(resultd, testrail, running):
    daemon = running()
    good = resultd.config.read_text()
    for text, words in (("watch: [", "resultd.yaml:"), ("nonsense: 1\n", "nonsense"),
                        (good.replace('"inbox"', '"inbox", "pol": 3'), "did you mean"),
                        (good.replace("{job}\"", "{job}/../x\""), "behind a capture"),
                        (good.replace(str(resultd.inbox) + "/{job}", "x/" * 2045 + "{job}"), "path longer than"),
                        (good.replace(str(resultd.state), str(resultd.folder / "other")), "state_dir cannot change")):
        resultd.config.write_text(text)
        reload(daemon, "nothing was changed")
        assert words in daemon.err, daemon.err
    resultd.config.write_text(good)
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    testrail.wait_for("close_run", answered=True)
    each_case_once(testrail, 2)
    assert daemon.terminate().code == 0


def test_row_65_a_sink_removed_with_jobs_pending_keeps_and_shows_them(resultd, testrail, running):
    home = {"type": "local", "dir": str(resultd.folder / "pages")}
    daemon = running(sinks={"rail": resultd.rail(testrail, linger="100ms"), "home": home})
    hang = testrail.fault("add_results_for_cases", before="hang")
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    testrail.wait_for("add_results_for_cases")
    running.configure(sinks={"home": home})
    reload(daemon)
    hang.release()
    rows = resultd("queue", "list", "--all", "--json").lines[0]
    assert {row["sink"] for row in rows} == {"rail", "home"}, "what is owed to a sink that is gone is shown"
    running.configure(sinks={"rail": resultd.rail(testrail, linger="100ms"), "home": home})
    reload(daemon)
    wait_until(lambda: [row for row in resultd("queue", "list", "--all", "--json").lines[0]
                        if row["sink"] == "rail" and row["state"] == "delivered"], timeout=60, what="the delivery")
    each_case_once(testrail, 2)
    assert daemon.terminate().code == 0


def test_a_sink_and_a_watch_are_added(resultd, testrail, running):
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    testrail.wait_for("close_run", answered=True)
    other = resultd.folder / "other"
    other.mkdir()
    resultd.configure({"rail": resultd.rail(testrail, linger="100ms"),
                       "home": {"type": "local", "dir": str(resultd.folder / "pages")}},
                      watch=[{"name": "inbox", "path": str(resultd.inbox) + "/{job}", "settle": "100ms",
                              "run": {"key": "{job}", "close_after": "1s"}},
                             {"name": "other", "path": str(other), "settle": "100ms", "run": {"close_after": "1s"}}])
    reload(daemon)
    (other / "TEST-b.xml").write_text(numbered(2, first=3))
    testrail.wait_for("close_run", count=2, answered=True)
    each_case_once(testrail, 4)
    wait_until(lambda: list((resultd.folder / "pages").glob("*/index.html")), what="a page")
    assert daemon.terminate().code == 0


def test_a_watch_that_is_changed_in_the_middle_of_a_run(resultd, testrail, running):
    daemon = running(watch={"run": {"key": "{job}", "close_after": "1h"}})
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    daemon.says("accepted")
    running.configure(watch={"run": {"key": "{job}", "close_after": "2s"}})
    reload(daemon)
    resultd.drop("nightly/TEST-b.xml", numbered(2, first=3))
    testrail.wait_for("close_run", answered=True)
    assert len(testrail.runs) == 1
    each_case_once(testrail, 4)
    assert daemon.terminate().code == 0


def test_what_existed_stays_ignored_and_what_comes_meanwhile_is_taken(resultd, testrail, running):
    resultd.drop("old/TEST-a.xml", numbered(2))
    daemon = running(watch={"existing": "ignore"})
    running.configure(watch={"existing": "ignore", "settle": "150ms"})
    daemon.signal(signal.SIGHUP)
    resultd.drop("new/TEST-b.xml", numbered(2, first=3))
    testrail.wait_for("close_run", answered=True)
    each_case_once(testrail, 2)
    assert len(testrail.runs) == 1
    assert daemon.terminate().code == 0


def test_defects_are_switched_on_for_runs_of_a_watch(resultd, axosoft, running):
    def configure(**keys):
        running.configure(sinks=local(resultd), defects=section(resultd, axosoft, **keys))

    configure(mode="off")
    daemon = resultd.spawn("run")
    daemon.says("watching")
    configure()
    reload(daemon)
    resultd.drop("nightly/TEST-a.xml", junit(case("pays", failure="no answer")))
    wait_until(lambda: axosoft.items, what="a work item")
    assert daemon.terminate().code == 0


def test_the_socket_moves(resultd, testrail, running):
    first, second = resultd.folder / "a.sock", resultd.folder / "b.sock"
    daemon = running(control=str(first))
    running.configure(control=str(second))
    reload(daemon)
    assert second.exists() and not first.exists()
    assert resultd("status").code == 0
    running.configure(control={"path": str(first), "group": "no-such-group"})
    reload(daemon, "no-such-group")
    running.configure(control=str(second))
    assert resultd("status").code == 0, "the old one goes on"
    assert daemon.terminate().code == 0


def test_a_socket_that_cannot_be_made_leaves_the_one_that_is(resultd, testrail, running):
    """Whether it lies in the state directory or elsewhere, those who look there still find it."""
    own, away = resultd.state / "control", resultd.folder / "a.sock"
    daemon = running()
    for keys in ({}, {"control": str(away)}):
        running.configure(**keys)
        reload(daemon)
        before = own.lstat()
        for bad in ({"path": str(resultd.folder / "b.sock"), "group": "no-such-group"},
                    {"path": str(resultd.folder / "nowhere" / "b.sock")}):
            running.configure(control=bad)
            reload(daemon, "no-such-group" if "group" in bad else "cannot make the control socket")
        assert own.lstat().st_ino == before.st_ino
        running.configure()
        assert resultd("status").code == 0, "the old one goes on"
    reload(daemon)
    assert own.is_socket() and not own.is_symlink() and not away.exists()
    assert daemon.terminate().code == 0


def test_the_mode_of_the_socket_changes_where_it_is(resultd, testrail, running):
    path = resultd.folder / "a.sock"
    daemon = running(control={"path": str(path), "mode": "0600"})
    for mode in ("0666", "0600"):
        running.configure(control={"path": str(path), "mode": mode})
        reload(daemon)
        assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
        assert resultd("status").code == 0
    assert daemon.terminate().code == 0
    assert not path.exists()


def descriptors(daemon):
    return len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))


def test_row_65_a_hundred_reloads(resultd, testrail, running):
    daemon = running()
    texts = []
    for settle in ("100ms", "120ms"):
        running.configure(watch={"settle": settle})
        texts.append(resultd.config.read_text())
    reload(daemon)
    before = descriptors(daemon)
    for turn in range(100):
        resultd.config.write_text(texts[turn % 2])
        reload(daemon)
        if turn % 10 == 0:
            resultd.drop(f"job{turn}/TEST-a.xml", numbered(1, first=turn // 10 + 1))
    testrail.wait_for("close_run", count=10, timeout=60, answered=True)
    each_case_once(testrail, 10)
    wait_until(lambda: descriptors(daemon) <= before + 2, what="no descriptor left behind")
    status = resultd.status()
    assert status["reloads"] >= 100 and status["process"] == "run", status
    assert daemon.terminate().code == 0                     # and the leak check of the sanitizer says nothing


def test_json_of_a_running_daemon(resultd, testrail, running):
    daemon = running()
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    testrail.wait_for("close_run", answered=True)
    wait_until(lambda: resultd.status()["deliveries"]["delivered"] == 1, what="the delivery")
    status = resultd.status()
    assert status["intake"]["accepted"] == 1 and status["sinks"][0]["sink"] == "rail"
    assert status["sinks"][0]["requests"] > 0 and status["control"]["clients"] >= 1, json.dumps(status)
    assert "working:   resultd run" in resultd("status").out
    assert daemon.terminate().code == 0
